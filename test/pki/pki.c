/* SPDX-License-Identifier: MIT */
#include "pki.h"

#include <openssl/asn1t.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLICY_OID         "1.2.826.0.1.8641679.1.2.1.4" /* of the published test certificates */
#define CONTINGENCY_OID    "1.3.6.1.5.5.7.1.20"          /* id-pe-wrappedApexContinKey */
#define EXTRA_CRITICAL_OID "1.3.6.1.4.1.99999.1"
#define DAY                86400
#define NEED(x)            need((x), #x, __LINE__)

/* RFC 5934:
 *   ApexContingencyKey ::= SEQUENCE {
 *     wrapAlgorithm        AlgorithmIdentifier,
 *     wrappedContinPubKey  OCTET STRING } */
typedef struct {
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *wrapped;
} APEX_DER;
DECLARE_ASN1_FUNCTIONS(APEX_DER)
ASN1_SEQUENCE(APEX_DER) = {
    ASN1_SIMPLE(APEX_DER, algorithm, X509_ALGOR),
    ASN1_SIMPLE(APEX_DER, wrapped, ASN1_OCTET_STRING),
} ASN1_SEQUENCE_END(APEX_DER)
IMPLEMENT_ASN1_FUNCTIONS(APEX_DER)

static void need(bool ok, const char *what, int line)
{
    if (ok)
        return;
    (void)fprintf(stderr, "pki.c:%d: %s failed\n", line, what);
    ERR_print_errors_fp(stderr);
    abort();
}

EVP_PKEY *pki_key_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    NEED(key != NULL);
    return key;
}

struct span pki_key_octets(EVP_PKEY *key)
{
    X509_PUBKEY *pub = NULL;
    const unsigned char *at = NULL;
    uint8_t *copy;
    int len = 0;

    NEED(X509_PUBKEY_set(&pub, key) == 1 &&
         X509_PUBKEY_get0_param(NULL, &at, &len, NULL, pub) == 1 && len > 0);
    copy = malloc((size_t)len);
    NEED(copy != NULL);
    memcpy(copy, at, (size_t)len);
    X509_PUBKEY_free(pub);
    return span_of(copy, (size_t)len);
}

struct span pki_point(EVP_PKEY *key)
{
    size_t len = 0;
    uint8_t *at = malloc(65);

    NEED(at != NULL);
    NEED(EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", at, 65, &len) == 1);
    NEED(len == 65 && at[0] == 4);
    return span_of(at, len);
}

/* RFC 5280 4.2.1.2 method (2), or all 20 octets (method 1). */
static void key_identifier(EVP_PKEY *key, size_t len, uint8_t *out)
{
    uint8_t *bits = NULL;
    int bits_len = i2d_PublicKey(key, &bits);
    uint8_t sha1[20];
    size_t sha1_len = 0;

    NEED(bits_len > 0);
    NEED(EVP_Q_digest(NULL, "SHA1", NULL, bits, (size_t)bits_len, sha1, &sha1_len) == 1);
    OPENSSL_free(bits);
    memcpy(out, sha1 + (20 - len), len);
    if (len == 8)
        out[0] = (uint8_t)(0x40 | (out[0] & 0x0f));
}

static void add_ext(X509 *x, int nid, void *value, bool critical)
{
    NEED(X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_APPEND) == 1);
}

static void add_raw(X509 *x, const char *oid, struct span der, bool critical)
{
    ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *oct = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext;

    NEED(obj != NULL && oct != NULL);
    NEED(ASN1_OCTET_STRING_set(oct, der.at, (int)der.len) == 1);
    ext = X509_EXTENSION_create_by_OBJ(NULL, obj, critical, oct);
    NEED(ext != NULL && X509_add_ext(x, ext, -1) == 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(oct);
    ASN1_OBJECT_free(obj);
}

static void add_usage(X509 *x, unsigned bits, bool critical)
{
    ASN1_BIT_STRING *bs = ASN1_BIT_STRING_new();

    NEED(bs != NULL);
    for (int i = 0; i < 9; i++)
        if (bits & (1u << i))
            NEED(ASN1_BIT_STRING_set_bit(bs, i, 1) == 1);
    add_ext(x, NID_key_usage, bs, critical);
    ASN1_BIT_STRING_free(bs);
}

static void add_ski(X509 *x, EVP_PKEY *key, enum pki_flaw flaw)
{
    uint8_t id[20];
    size_t len = flaw == PKI_LONG_SKI ? 20 : 8;
    ASN1_OCTET_STRING *oct = ASN1_OCTET_STRING_new();

    key_identifier(key, len, id);
    if (flaw == PKI_WRONG_SKI)
        id[7] ^= 1;
    NEED(oct != NULL && ASN1_OCTET_STRING_set(oct, id, (int)len) == 1);
    add_ext(x, NID_subject_key_identifier, oct, flaw == PKI_SKI_CRITICAL);
    ASN1_OCTET_STRING_free(oct);
}

static void add_policy(X509 *x, bool critical, bool empty)
{
    CERTIFICATEPOLICIES *list = sk_POLICYINFO_new_null();
    POLICYINFO *info = POLICYINFO_new();

    NEED(list != NULL && info != NULL);
    ASN1_OBJECT_free(info->policyid);
    info->policyid = OBJ_txt2obj(POLICY_OID, 1);
    NEED(info->policyid != NULL && sk_POLICYINFO_push(list, info) > 0);
    if (empty)
        POLICYINFO_free(sk_POLICYINFO_pop(list));
    add_ext(x, NID_certificate_policies, list, critical);
    sk_POLICYINFO_pop_free(list, POLICYINFO_free);
}

static void add_aki(X509 *x, EVP_PKEY *issuer, enum pki_flaw flaw)
{
    AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
    uint8_t id[8];

    NEED(aki != NULL);
    key_identifier(issuer, 8, id);
    if (flaw == PKI_WRONG_AKI)
        id[7] ^= 1;
    aki->keyid = ASN1_OCTET_STRING_new();
    NEED(aki->keyid != NULL && ASN1_OCTET_STRING_set(aki->keyid, id, 8) == 1);
    add_ext(x, NID_authority_key_identifier, aki, flaw == PKI_AKI_CRITICAL);
    AUTHORITY_KEYID_free(aki);
}

static void add_ca(X509 *x, long pathlen, bool critical)
{
    BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

    NEED(bc != NULL);
    bc->ca = 0xff;
    if (pathlen >= 0) {
        bc->pathlen = ASN1_INTEGER_new();
        NEED(bc->pathlen != NULL && ASN1_INTEGER_set(bc->pathlen, pathlen) == 1);
    }
    add_ext(x, NID_basic_constraints, bc, critical);
    BASIC_CONSTRAINTS_free(bc);
}

/* set: 0 for an RDN of its own, -1 for that of the attribute before. */
static void add_text_to(X509_NAME *name, int nid, const char *text, int set)
{
    NEED(X509_NAME_add_entry_by_NID(name, nid, V_ASN1_UTF8STRING,
                                    (const unsigned char *)text, -1, -1, set) == 1);
}

static void add_text(X509_NAME *name, int nid, const char *text)
{
    add_text_to(name, nid, text, 0);
}

static void add_eui(X509_NAME *name, const struct eui64 *eui, enum pki_flaw flaw)
{
    X509_NAME_ENTRY *entry = X509_NAME_ENTRY_create_by_NID(
        NULL, NID_x500UniqueIdentifier,
        flaw == PKI_EUI_OCTETS ? V_ASN1_PRINTABLESTRING : V_ASN1_BIT_STRING, eui->b,
        flaw == PKI_SHORT_EUI ? 7 : 8);
    ASN1_STRING *value;

    NEED(entry != NULL);
    value = X509_NAME_ENTRY_get_data(entry);
    /* All 64 bits count: without this flag OpenSSL drops trailing zero bits. */
    if (flaw != PKI_EUI_OCTETS)
        value->flags = (value->flags & ~7L) | ASN1_STRING_FLAG_BITS_LEFT;
    NEED(X509_NAME_add_entry(name, entry, -1, 0) == 1);
    if (flaw == PKI_TWO_EUIS)
        NEED(X509_NAME_add_entry(name, entry, -1, 0) == 1);
    X509_NAME_ENTRY_free(entry);
}

static X509_NAME *smki_name(const struct pki_spec *s)
{
    X509_NAME *name = X509_NAME_new();
    char ou[3];

    NEED(name != NULL);
    /* An OCA names itself OU, CN; everyone else CN, OU, unique identifier. */
    if (s->cn != NULL && s->usage != KU_KEY_CERT_SIGN)
        add_text(name, NID_commonName, s->cn);
    if (s->role >= 0 && s->flaw != PKI_NO_ROLE) {
        (void)snprintf(ou, sizeof ou, s->flaw == PKI_ROLE_LOWER ? "%02x" : "%02X",
                       (unsigned)s->role & 0xffu);
        add_text_to(name, NID_organizationalUnitName, ou, s->flaw == PKI_ONE_RDN ? -1 : 0);
    }
    if (s->flaw == PKI_TWO_CNS)
        add_text(name, NID_commonName, s->cn);
    if (s->cn != NULL && s->usage == KU_KEY_CERT_SIGN)
        add_text(name, NID_commonName, s->cn);
    if (s->flaw == PKI_EXTRA_ATTRIBUTE)
        add_text(name, NID_organizationName, "Somebody");
    if (s->eui != NULL)
        add_eui(name, s->eui, s->flaw);
    return name;
}

static void set_times(X509 *x, int64_t from, int64_t to, bool late)
{
    time_t now = time(NULL);
    time_t midnight = now - now % DAY;

    NEED(ASN1_TIME_set(X509_getm_notBefore(x), from ? (time_t)from : midnight - DAY) !=
         NULL);
    NEED(ASN1_TIME_set(X509_getm_notAfter(x),
                       to ? (time_t)to : midnight + 3652 * (time_t)DAY) != NULL);
    if (late)
        NEED(ASN1_GENERALIZEDTIME_set(X509_getm_notAfter(x),
                                      midnight + 3652 * (time_t)DAY) != NULL);
}

/* Version, serial, names, times, key: what every certificate has. */
static X509 *blank(X509_NAME *subject, EVP_PKEY *key, const struct pki_pair *issuer)
{
    X509 *x = X509_new();
    uint8_t serial[16];
    BIGNUM *bn;

    NEED(x != NULL && X509_set_version(x, 2) == 1);
    NEED(RAND_bytes(serial, sizeof serial) == 1);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, 16 octets long */
    bn = BN_bin2bn(serial, sizeof serial, NULL);
    NEED(bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL);
    BN_free(bn);
    NEED(X509_set_subject_name(x, subject) == 1);
    NEED(X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer->cert) : subject) ==
         1);
    NEED(X509_set_pubkey(x, key) == 1);
    return x;
}

static void add_extensions(X509 *x, const struct pki_spec *s, EVP_PKEY *key,
                           EVP_PKEY *issuer)
{
    unsigned bits = s->usage == KU_DIGITAL_SIGNATURE ? 1u << 0
                    : s->usage == KU_KEY_AGREEMENT   ? 1u << 4
                                                     : (1u << 5) | (1u << 6);
    bool ca = s->usage == KU_KEY_CERT_SIGN;

    if (s->flaw == PKI_TWO_USAGES)
        bits = 1u << 0 | 1u << 4;
    if (s->flaw != PKI_NO_USAGE)
        add_usage(x, bits, s->flaw != PKI_USAGE_PLAIN);
    if (s->flaw == PKI_USAGE_TWICE)
        add_usage(x, bits, true);
    if (ca || s->flaw == PKI_LEAF_CA)
        add_ca(x, s->issuer != NULL && s->flaw != PKI_NO_PATHLEN ? 0 : -1,
               s->flaw != PKI_CA_PLAIN);
    if (!ca)
        add_ski(x, key, s->flaw);
    if (s->flaw != PKI_NO_POLICY)
        add_policy(x, s->flaw != PKI_POLICY_PLAIN, s->flaw == PKI_EMPTY_POLICY);
    if (ca)
        add_ski(x, key, s->flaw);
    if (s->issuer != NULL && s->flaw != PKI_NO_AKI)
        add_aki(x, issuer, s->flaw);
    if (s->contingency.len > 0)
        add_raw(x, CONTINGENCY_OID, s->contingency, false);
    if (s->flaw == PKI_EXTRA_CRITICAL)
        add_raw(x, EXTRA_CRITICAL_OID, span_of((const uint8_t *)"\x05\x00", 2), true);
}

struct pki_pair pki_issue(const struct pki_spec *s)
{
    struct pki_pair made = {.key = s->key};
    EVP_PKEY *signer;
    X509_NAME *name = smki_name(s);

    if (made.key == NULL)
        made.key = pki_key_new();
    else
        NEED(EVP_PKEY_up_ref(made.key) == 1);
    signer = s->issuer != NULL ? s->issuer->key : made.key;
    made.cert = blank(name, made.key, s->issuer);
    set_times(made.cert, s->not_before, s->not_after, s->flaw == PKI_LATE_TIME);
    if (s->flaw == PKI_V1)
        NEED(X509_set_version(made.cert, 0) == 1);
    else
        add_extensions(made.cert, s, made.key, signer);
    NEED(X509_sign(made.cert, signer, s->flaw == PKI_SHA384 ? EVP_sha384() : EVP_sha256()) >
         0);
    X509_NAME_free(name);
    return made;
}

void pki_pair_done(struct pki_pair *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
    *p = (struct pki_pair){0};
}

struct pki_pair pki_person(const char *holder, const char *seat, const char *organisation,
                           bool ca, EVP_PKEY *key, const struct pki_pair *issuer,
                           int64_t not_before, int64_t not_after)
{
    struct pki_pair made = {.key = key};
    X509_NAME *name = X509_NAME_new();
    EVP_PKEY *signer;

    if (key == NULL)
        made.key = pki_key_new();
    else
        NEED(EVP_PKEY_up_ref(key) == 1);
    signer = issuer != NULL ? issuer->key : made.key;
    NEED(name != NULL);
    if (organisation != NULL)
        add_text(name, NID_organizationName, organisation);
    if (seat != NULL)
        add_text(name, NID_organizationalUnitName, seat);
    add_text(name, NID_commonName, holder);
    made.cert = blank(name, made.key, issuer);
    set_times(made.cert, not_before, not_after, false);
    if (ca)
        add_ca(made.cert, -1, true);
    add_usage(made.cert, ca ? (1u << 5) | (1u << 6) : 1u, true);
    add_ski(made.cert, made.key, PKI_SOUND);
    add_aki(made.cert, signer, PKI_SOUND);
    /* A P-384 or RSA approver is fine too; SHA-256 suits all. */
    NEED(X509_sign(made.cert, signer, EVP_sha256()) > 0);
    X509_NAME_free(name);
    return made;
}

struct span pki_wrap_contingency(EVP_PKEY *pub, struct span kek)
{
    return pki_wrap_contingency_as(pub, kek, &(struct pki_wrap){0});
}

static const EVP_CIPHER *wrap_cipher(size_t key_len, bool plain)
{
    NEED(key_len == 16 || key_len == 32);
    if (plain)
        return key_len == 32 ? EVP_aes_256_wrap() : EVP_aes_128_wrap();
    return key_len == 32 ? EVP_aes_256_wrap_pad() : EVP_aes_128_wrap_pad();
}

struct span pki_wrap_contingency_as(EVP_PKEY *pub, struct span kek,
                                    const struct pki_wrap *how)
{
    int nid = EVP_CIPHER_get_nid(wrap_cipher(kek.len, how->named_plain));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    APEX_DER *apex = APEX_DER_new();
    uint8_t *spki = NULL, *der = NULL, *copy = NULL;
    uint8_t clear[192] = {0}, wrapped[256];
    int clear_len = i2d_PUBKEY(pub, &spki), len = 0, tail = 0, der_len;

    NEED(clear_len > 0 && clear_len <= 128 && how->more <= 32 && ctx != NULL &&
         apex != NULL);
    memcpy(clear, spki, (size_t)clear_len);
    clear_len = (how->plain ? (clear_len + 7) / 8 * 8 : clear_len) + (int)how->more;
    if (how->last != 0)
        clear[clear_len - 1] = how->last;
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    NEED(EVP_EncryptInit_ex(ctx, wrap_cipher(kek.len, how->plain), NULL, kek.at, NULL) ==
         1);
    NEED(EVP_EncryptUpdate(ctx, wrapped, &len, clear, clear_len) == 1);
    NEED(EVP_EncryptFinal_ex(ctx, wrapped + len, &tail) == 1);
    NEED(X509_ALGOR_set0(apex->algorithm, OBJ_nid2obj(nid), V_ASN1_UNDEF, NULL) == 1);
    NEED(ASN1_OCTET_STRING_set(apex->wrapped, wrapped, len + tail) == 1);
    der_len = i2d_APEX_DER(apex, &der);
    NEED(der_len > 0 && (copy = malloc((size_t)der_len)) != NULL);
    memcpy(copy, der, (size_t)der_len);
    OPENSSL_free(der);
    OPENSSL_free(spki);
    APEX_DER_free(apex);
    EVP_CIPHER_CTX_free(ctx);
    return span_of(copy, (size_t)der_len);
}

static struct span bio_take(BIO *b)
{
    char *at = NULL;
    long len = BIO_get_mem_data(b, &at);
    uint8_t *copy = malloc((size_t)len + 1);

    NEED(len > 0 && copy != NULL);
    memcpy(copy, at, (size_t)len);
    copy[len] = '\0';
    BIO_free(b);
    return span_of(copy, (size_t)len);
}

struct span pki_der(X509 *x)
{
    BIO *b = BIO_new(BIO_s_mem());

    NEED(b != NULL && i2d_X509_bio(b, x) == 1);
    return bio_take(b);
}

struct span pki_pem(X509 *x)
{
    BIO *b = BIO_new(BIO_s_mem());

    NEED(b != NULL && PEM_write_bio_X509(b, x) == 1);
    return bio_take(b);
}

struct span pki_cms(struct span content, const struct pki_pair *signers, size_t n)
{
    unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    BIO *in = BIO_new_mem_buf(content.at, (int)content.len);
    BIO *out = BIO_new(BIO_s_mem());

    NEED(cms != NULL && in != NULL && out != NULL);
    for (size_t i = 0; i < n; i++) {
        NEED(CMS_add1_signer(cms, signers[i].cert, signers[i].key, EVP_sha256(),
                             flags | CMS_NOCERTS) != NULL);
        if (CMS_add1_cert(cms, signers[i].cert) != 1)
            ERR_clear_error(); /* it is there already: one member signs twice */
    }
    NEED(CMS_final(cms, in, NULL, flags) == 1);
    NEED(i2d_CMS_bio(out, cms) == 1);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    return bio_take(out);
}

X509_CRL *pki_crl(const struct pki_pair *ca, X509 *const revoked[], size_t n, int64_t from,
                  int64_t to)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)from);

    NEED(crl != NULL && t != NULL && X509_CRL_set_version(crl, 1) == 1 &&
         X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) == 1 &&
         X509_CRL_set1_lastUpdate(crl, t) == 1);
    for (size_t i = 0; i < n; i++) {
        X509_REVOKED *one = X509_REVOKED_new();

        NEED(one != NULL &&
             X509_REVOKED_set_serialNumber(one, X509_get_serialNumber(revoked[i])) == 1 &&
             X509_REVOKED_set_revocationDate(one, t) == 1 &&
             X509_CRL_add0_revoked(crl, one) == 1);
    }
    NEED(to == 0 ||
         (ASN1_TIME_set(t, (time_t)to) != NULL && X509_CRL_set1_nextUpdate(crl, t) == 1));
    NEED(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
    ASN1_TIME_free(t);
    return crl;
}

static FILE *open_for(const char *path, const char *how, mode_t mode)
{
    int flags = how[0] == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
    int fd = open(path, flags | O_CLOEXEC, mode);
    FILE *f = fd >= 0 ? fdopen(fd, how) : NULL;

    if (f == NULL) {
        perror(path);
        exit(1);
    }
    return f;
}

void pki_save_cert(const char *path, X509 *x)
{
    FILE *f = open_for(path, "w", 0644);

    NEED(PEM_write_X509(f, x) == 1 && fclose(f) == 0);
}

void pki_save_crl(const char *path, X509_CRL *crl)
{
    FILE *f = open_for(path, "w", 0644);

    NEED(PEM_write_X509_CRL(f, crl) == 1 && fclose(f) == 0);
}

void pki_save_key(const char *path, EVP_PKEY *key)
{
    FILE *f = open_for(path, "w", 0600);

    NEED(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
}

X509 *pki_load_cert(const char *path)
{
    FILE *f = open_for(path, "r", 0);
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);

    (void)fclose(f);
    NEED(x != NULL);
    return x;
}

EVP_PKEY *pki_load_key(const char *path)
{
    FILE *f = open_for(path, "r", 0);
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

    (void)fclose(f);
    NEED(key != NULL);
    return key;
}

EVP_PKEY *pki_load_public(const char *path)
{
    FILE *f = open_for(path, "r", 0);
    EVP_PKEY *key = PEM_read_PUBKEY(f, NULL, NULL, NULL);
    X509 *x;

    if (key == NULL) {
        ERR_clear_error();
        rewind(f);
        x = PEM_read_X509(f, NULL, NULL, NULL);
        key = x != NULL ? X509_get_pubkey(x) : NULL;
        X509_free(x);
    }
    (void)fclose(f);
    NEED(key != NULL);
    return key;
}
