/* SPDX-License-Identifier: MIT
 *
 * meter_crypto.c - see the header. Only OpenSSL's arithmetic is trusted; what is signed,
 * derived and authenticated is put together here.
 */
#include "meter_crypto.h"

#include "meter_util.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <string.h>

static void need(bool ok, const char *what)
{
    if (!ok) {
        ERR_print_errors_fp(stderr);
        die(2, "libcrypto: %s failed", what);
    }
}

void sha256(struct octets in, uint8_t out[32])
{
    (void)SHA256(in.at, in.len, out);
}

static const EC_GROUP *group(void)
{
    static EC_GROUP *g;
    if (!g)
        g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    need(g != NULL, "P-256");
    return g;
}

static EVP_PKEY *key_from(const uint8_t *scalar, const uint8_t *point)
{
    EVP_PKEY *key = NULL;
    BIGNUM *d = scalar ? BN_bin2bn(scalar, SCALAR_LEN, NULL) : NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    need(b && ctx, "key parameters");
    need(OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ==
             1,
         "group name");
    need(OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_LEN) ==
             1,
         "public key");
    if (d)
        need(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1, "private key");
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    need(params != NULL && EVP_PKEY_fromdata_init(ctx) == 1, "fromdata");
    if (EVP_PKEY_fromdata(ctx, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) !=
        1)
        key = NULL;
    ERR_clear_error();
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(d);
    return key;
}

EVP_PKEY *key_public(struct octets point)
{
    uint8_t full[POINT_LEN];
    if (point.len != POINT_LEN || point.at[0] != 4 || !point_expand(point, full))
        return NULL;
    return key_from(NULL, full);
}

EVP_PKEY *key_private(const uint8_t scalar[SCALAR_LEN], uint8_t point[POINT_LEN])
{
    uint8_t q[POINT_LEN];
    scalar_point(scalar, false, q);
    if (point)
        memcpy(point, q, sizeof q);
    EVP_PKEY *key = key_from(scalar, q);
    need(key != NULL, "private key");
    return key;
}

EVP_PKEY *key_fresh(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    need(key != NULL, "key generation");
    return key;
}

void key_point(EVP_PKEY *key, uint8_t point[POINT_LEN])
{
    uint8_t any[POINT_LEN];
    size_t len = 0;
    need(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, any, sizeof any,
                                         &len) == 1 &&
             point_expand((struct octets){any, len}, point),
         "public point (P-256 wanted)");
}

bool key_scalar(EVP_PKEY *key, uint8_t scalar[SCALAR_LEN])
{
    BIGNUM *d = NULL;
    bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
              BN_bn2binpad(d, scalar, SCALAR_LEN) == SCALAR_LEN;
    BN_clear_free(d);
    return ok;
}

void scalar_point(const uint8_t scalar[SCALAR_LEN], bool compress, uint8_t *out)
{
    BIGNUM *d = BN_bin2bn(scalar, SCALAR_LEN, NULL);
    EC_POINT *q = EC_POINT_new(group());
    size_t want = compress ? 33 : POINT_LEN;
    need(d && q && EC_POINT_mul(group(), q, d, NULL, NULL, NULL) == 1, "point");
    need(EC_POINT_point2oct(group(), q,
                            compress ? POINT_CONVERSION_COMPRESSED
                                     : POINT_CONVERSION_UNCOMPRESSED,
                            out, want, NULL) == want,
         "point");
    EC_POINT_free(q);
    BN_clear_free(d);
}

bool point_expand(struct octets in, uint8_t point[POINT_LEN])
{
    EC_POINT *q = EC_POINT_new(group());
    need(q != NULL, "point");
    bool ok = in.len > 1 && EC_POINT_oct2point(group(), q, in.at, in.len, NULL) == 1 &&
              EC_POINT_point2oct(group(), q, POINT_CONVERSION_UNCOMPRESSED, point,
                                 POINT_LEN, NULL) == POINT_LEN;
    EC_POINT_free(q);
    ERR_clear_error();
    return ok;
}

void scalar_derive(uint64_t seed, uint64_t eui, const char *purpose,
                   uint8_t scalar[SCALAR_LEN])
{
    uint8_t in[32] = {0};
    octets_put_u64(in, seed);
    octets_put_u64(in + 8, eui);
    (void)snprintf((char *)in + 16, 16, "%s", purpose);
    sha256(OCTETS(in), scalar);
    /* Below n and above 0 by construction: n begins with FFFFFFFF00000000. */
    scalar[0] &= 0x7f;
    scalar[31] |= 1;
}

static bool verify(EVP_PKEY *key, const uint8_t digest[32], const uint8_t *der, size_t len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    need(ctx && EVP_PKEY_verify_init(ctx) == 1, "verify");
    bool ok = EVP_PKEY_verify(ctx, der, len, digest, 32) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

bool ecdsa_verify(EVP_PKEY *key, const uint8_t digest[32], const uint8_t rs[RS_LEN])
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(rs, 32, NULL), *s = BN_bin2bn(rs + 32, 32, NULL);
    need(sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1, "signature");
    uint8_t *der = NULL;
    int len = i2d_ECDSA_SIG(sig, &der);
    ECDSA_SIG_free(sig);
    need(len > 0, "signature");
    bool ok = verify(key, digest, der, (size_t)len);
    OPENSSL_free(der);
    return ok;
}

bool ecdsa_verify_der(EVP_PKEY *key, const uint8_t digest[32], struct octets sig)
{
    return verify(key, digest, sig.at, sig.len);
}

void ecdsa_sign_der(EVP_PKEY *key, const uint8_t digest[32], struct out *sig)
{
    uint8_t der[80];
    size_t len = sizeof der;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    need(ctx && EVP_PKEY_sign_init(ctx) == 1 &&
             EVP_PKEY_sign(ctx, der, &len, digest, 32) == 1,
         "sign");
    EVP_PKEY_CTX_free(ctx);
    out_put(sig, der, len);
}

void ecdsa_sign(EVP_PKEY *key, const uint8_t digest[32], uint8_t rs[RS_LEN])
{
    struct out der = {0};
    ecdsa_sign_der(key, digest, &der);
    const uint8_t *p = der.at;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der.len);
    need(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, 32) == 32 &&
             BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + 32, 32) == 32,
         "signature");
    ECDSA_SIG_free(sig);
    out_free(&der);
}

void group_order(uint8_t n[SCALAR_LEN])
{
    need(BN_bn2binpad(EC_GROUP_get0_order(group()), n, SCALAR_LEN) == SCALAR_LEN, "order");
}

bool ecdh(const uint8_t scalar[SCALAR_LEN], const uint8_t point[POINT_LEN], uint8_t z[32])
{
    uint8_t out[POINT_LEN];
    BIGNUM *d = BN_bin2bn(scalar, SCALAR_LEN, NULL);
    EC_POINT *q = EC_POINT_new(group());
    need(d && q, "agreement");
    bool ok = EC_POINT_oct2point(group(), q, point, POINT_LEN, NULL) == 1 &&
              EC_POINT_mul(group(), q, NULL, q, d, NULL) == 1 &&
              EC_POINT_point2oct(group(), q, POINT_CONVERSION_UNCOMPRESSED, out, sizeof out,
                                 NULL) == sizeof out;
    if (ok)
        memcpy(z, out + 1, 32);
    EC_POINT_free(q);
    BN_clear_free(d);
    ERR_clear_error();
    return ok;
}

void kdf(const uint8_t z[32], uint64_t originator, unsigned cra, uint64_t counter,
         uint64_t recipient, uint8_t key[16])
{
    static const uint8_t algorithm[] = {0x60, 0x85, 0x74, 0x06, 0x08, 0x03, 0x00};
    uint8_t in[4 + 32 + 33] = {0, 0, 0, 1}, full[32];
    uint8_t *info = in + 36;

    memcpy(in + 4, z, 32);
    memcpy(info, algorithm, sizeof algorithm);
    octets_put_u64(info + 7, originator);
    info[15] = 9; /* the transaction-id with its length */
    info[16] = (uint8_t)cra;
    octets_put_u64(info + 17, counter);
    octets_put_u64(info + 25, recipient);
    sha256(OCTETS(in), full);
    memcpy(key, full, 16);
}

void gmac(const uint8_t key[16], const uint8_t iv[12], struct octets aad,
          uint8_t mac[MAC_LEN])
{
    int n;
    uint8_t none[16];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    need(ctx && aad.len <= INT32_MAX &&
             EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv) == 1 &&
             EVP_EncryptUpdate(ctx, NULL, &n, aad.at, (int)aad.len) == 1 &&
             EVP_EncryptFinal_ex(ctx, none, &n) == 1 &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MAC_LEN, mac) == 1,
         "GMAC");
    EVP_CIPHER_CTX_free(ctx);
}

void gbcs_mac(const uint8_t key[16], uint64_t originator, struct octets covered,
              uint8_t mac[MAC_LEN])
{
    static const uint8_t front[6] = {0x11};
    uint8_t iv[12] = {0};
    struct out aad = {0};
    octets_put_u64(iv, originator);
    out_put(&aad, front, sizeof front);
    out_put(&aad, covered.at, covered.len);
    gmac(key, iv, out_octets(&aad), mac);
    out_free(&aad);
}

void key_identifier(const uint8_t point[POINT_LEN], uint8_t id[KEYID_LEN])
{
    uint8_t full[20];
    (void)SHA1(point, POINT_LEN, full);
    memcpy(id, full + 12, KEYID_LEN);
    id[0] = (uint8_t)(0x40 | (id[0] & 0x0f));
}

/* 2.16.840.1.101.3.4.1.{8, 28, 48}: id-aes{128, 192, 256}-wrap-pad */
struct octets wrap_algorithm(size_t key_len)
{
    static const uint8_t oids[3][9] = {
        {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x08},
        {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x1c},
        {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x30},
    };
    switch (key_len) {
    case 16:
        return OCTETS(oids[0]);
    case 24:
        return OCTETS(oids[1]);
    case 32:
        return OCTETS(oids[2]);
    default:
        return (struct octets){0};
    }
}

static bool wrap_run(struct octets key, struct octets in, struct out *result, int seal)
{
    const EVP_CIPHER *cipher = key.len == 16   ? EVP_aes_128_wrap_pad()
                               : key.len == 24 ? EVP_aes_192_wrap_pad()
                                               : EVP_aes_256_wrap_pad();
    uint8_t buf[1024];
    int n = 0, last = 0;
    if (in.len > sizeof buf - 32)
        return false;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    need(ctx != NULL, "cipher");
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    bool ok = EVP_CipherInit_ex(ctx, cipher, NULL, key.at, NULL, seal) == 1 &&
              EVP_CipherUpdate(ctx, buf, &n, in.at, (int)in.len) == 1 &&
              EVP_CipherFinal_ex(ctx, buf + n, &last) == 1;
    if (ok)
        out_put(result, buf, (size_t)n + (size_t)last);
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

bool wrap_open(struct octets algorithm, struct octets key, struct octets wrapped,
               struct out *plain)
{
    struct octets want = wrap_algorithm(key.len);
    return want.len > 0 && octets_same(want, algorithm) && wrap_run(key, wrapped, plain, 0);
}

void wrap_seal(struct octets key, struct octets plain, struct out *wrapped)
{
    need(wrap_run(key, plain, wrapped, 1), "key wrap");
}
