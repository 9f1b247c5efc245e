/* SPDX-License-Identifier: MIT */
#include "octets_kit.h"

#include "message_json.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

struct span unhex(const char *text)
{
    size_t n = 0;
    char *digits = malloc(strlen(text) + 1);
    uint8_t *out = malloc(strlen(text) / 2 + 1);

    for (; *text != '\0'; text++)
        if (*text != ' ')
            digits[n++] = *text;
    ck_assert_msg(hex_decode(digits, n, out, n / 2), "not hex");
    free(digits);
    return span_of(out, n / 2);
}

void span_free(struct span s)
{
    void *p;

    memcpy(&p, &s.at, sizeof p); /* it came from malloc */
    free(p);
}

void ck_assert_octets(struct span got, struct span want)
{
    char *a = malloc(HEX_LEN(got.len)), *b = malloc(HEX_LEN(want.len));

    hex_encode(got.at, got.len, a);
    hex_encode(want.at, want.len, b);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
}

EVP_PKEY *key_of_point(struct span xy)
{
    uint8_t point[65] = {4};
    OSSL_PARAM params[3];
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    char group[] = "prime256v1";

    memcpy(point + (xy.len == 64), xy.at, xy.len);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point);
    params[2] = OSSL_PARAM_construct_end();
    ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

bool signature_good(EVP_PKEY *key, struct span octets, const struct sig_p256 *sig)
{
    ECDSA_SIG *s = ECDSA_SIG_new();
    unsigned char *der = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int len;
    bool good;

    ECDSA_SIG_set0(s, BN_bin2bn(sig->b, 32, NULL), BN_bin2bn(sig->b + 32, 32, NULL));
    len = i2d_ECDSA_SIG(s, &der);
    ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    good = EVP_DigestVerify(ctx, der, (size_t)len, octets.at, octets.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ECDSA_SIG_free(s);
    return good;
}

void round_trip(struct span octets, struct span mac_key)
{
    struct message m;
    struct err e = {0};
    uint8_t *back;
    size_t len;
    char *json;

    ck_assert_msg(message_decode(octets, &m, &e), "%s", e.text);
    ck_assert_msg(message_encode(&m, &back, &len, &e), "%s", e.text);
    ck_assert_octets(span_of(back, len), octets);
    free(back);
    ck_assert_msg(message_to_json(&m, &json, &e), "%s", e.text);
    message_done(&m);
    ck_assert_msg(message_from_json(span_of(json, strlen(json)), mac_key, &back, &len, &e),
                  "%s\n%s", e.text, json);
    ck_assert_octets(span_of(back, len), octets);
    free(json);
    free(back);
}
