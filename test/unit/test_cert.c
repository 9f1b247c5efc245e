/* SPDX-License-Identifier: MIT */
#include "cert.h"
#include "contingency.h"
#include "pki.h"

#include <check.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW  1795525200000000 /* 2026-11-24T13:00:00Z */
#define FROM 1767225600       /* 2026-01-01 */
#define TO   2082758400       /* 2036-01-01 */

static struct pki_pair root, issuing;
static const struct eui64 eui = {{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00}};
static struct err e;

static struct pki_spec leaf_spec(void)
{
    return (struct pki_spec){.role = ROLE_SUPPLIER,
                             .eui = &eui,
                             .usage = KU_DIGITAL_SIGNATURE,
                             .issuer = &issuing,
                             .not_before = FROM,
                             .not_after = TO};
}

static struct pki_pair oca(const char *cn, enum role role, const struct pki_pair *issuer)
{
    return pki_issue(&(struct pki_spec){.cn = cn,
                                        .role = (int)role,
                                        .usage = KU_KEY_CERT_SIGN,
                                        .issuer = issuer,
                                        .not_before = FROM,
                                        .not_after = TO});
}

static void setup(void)
{
    root = oca("ZA", ROLE_ROOT, NULL);
    issuing = oca("Z1", ROLE_ISSUING_AUTHORITY, &root);
}

static void teardown(void)
{
    pki_pair_done(&root);
    pki_pair_done(&issuing);
}

static bool read_x509(X509 *x, struct cert *out)
{
    struct span der = pki_der(x);
    bool ok = cert_read(der, "it", out, &e);

    free((void *)(uintptr_t)der.at);
    return ok;
}

static void read_certs(X509 *x, struct certs *out)
{
    struct span der = pki_der(x);

    ck_assert_msg(certs_read(der, "it", out, &e), "%s", e.text);
    free((void *)(uintptr_t)der.at);
}

START_TEST(a_sound_certificate_is_read_whole)
{
    struct pki_spec spec = leaf_spec();
    struct pki_pair p;
    struct cert c;
    struct span point;

    spec.cn = "Supplier Ltd";
    p = pki_issue(&spec);
    ck_assert_msg(read_x509(p.cert, &c), "%s", e.text);
    ck_assert_int_eq(c.role, ROLE_SUPPLIER);
    ck_assert(c.has_eui && eui64_cmp(&c.eui, &eui) == 0);
    ck_assert_int_eq(c.usage, KU_DIGITAL_SIGNATURE);
    ck_assert(c.has_aki);
    ck_assert_uint_eq(c.ski.b[0] >> 4, 4);
    ck_assert_int_eq(c.not_before_us, (int64_t)FROM * 1000000);
    ck_assert_int_eq(c.not_after_us, (int64_t)TO * 1000000);
    ck_assert_uint_eq(strlen(c.serial), 32);
    ck_assert_ptr_nonnull(strstr(c.subject, "Supplier Ltd"));
    point = pki_point(p.key);
    ck_assert_mem_eq(point.at, c.point.b, 65);
    free((void *)(uintptr_t)point.at);
    cert_done(&c);
    pki_pair_done(&p);
}
END_TEST

static const struct {
    enum pki_flaw flaw;
    const char *word; /* the text names the field */
} flaws[] = {
    {PKI_TWO_USAGES, "keyUsage"},
    {PKI_USAGE_PLAIN, "keyUsage is not critical"},
    {PKI_NO_USAGE, "keyUsage is missing"},
    {PKI_USAGE_TWICE, "repeated"},
    {PKI_LONG_SKI, "not 8 octets"},
    {PKI_SKI_CRITICAL, "subjectKeyIdentifier is critical"},
    {PKI_WRONG_SKI, "not that of the key"},
    {PKI_NO_POLICY, "certificatePolicies is missing"},
    {PKI_EMPTY_POLICY, "does not hold a policy"},
    {PKI_POLICY_PLAIN, "certificatePolicies is not critical"},
    {PKI_AKI_CRITICAL, "authorityKeyIdentifier is critical"},
    {PKI_TWO_CNS, "CN is repeated"},
    {PKI_ONE_RDN, "two attributes in one RDN"},
    {PKI_NO_AKI, "authorityKeyIdentifier is missing"},
    {PKI_ROLE_LOWER, "OU"},
    {PKI_NO_ROLE, "OU"},
    {PKI_SHORT_EUI, "x500UniqueIdentifier"},
    {PKI_EUI_OCTETS, "x500UniqueIdentifier"},
    {PKI_TWO_EUIS, "x500UniqueIdentifier"},
    {PKI_LEAF_CA, "basicConstraints"},
    {PKI_EXTRA_CRITICAL, "extension"},
    {PKI_EXTRA_ATTRIBUTE, "attribute"},
    {PKI_SHA384, "ecdsa-with-SHA256"},
    {PKI_V1, "version"},
    {PKI_LATE_TIME, "notAfter"},
};

START_TEST(each_flaw_is_refused_by_name)
{
    struct pki_spec spec = leaf_spec();
    struct pki_pair p;
    struct cert c;

    spec.cn = "Other Ltd";
    spec.role = ROLE_OTHER;
    spec.flaw = flaws[_i].flaw;
    p = pki_issue(&spec);
    ck_assert(!read_x509(p.cert, &c));
    ck_assert_str_eq(e.id, "cert.profile");
    ck_assert_msg(strstr(e.text, flaws[_i].word) != NULL, "%s", e.text);
    pki_pair_done(&p);
    spec.flaw = PKI_SOUND;
    p = pki_issue(&spec);
    ck_assert_msg(read_x509(p.cert, &c), "%s", e.text);
    cert_done(&c);
    pki_pair_done(&p);
}
END_TEST

static EVP_PKEY *key_on(const char *group, bool compressed)
{
    EVP_PKEY *key = EVP_EC_gen(group);

    ck_assert_ptr_nonnull(key);
    if (compressed)
        ck_assert_int_eq(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed"),
                         1);
    return key;
}

START_TEST(another_curve_or_a_compressed_point_is_refused)
{
    struct pki_spec spec = leaf_spec();
    X509 *x;
    struct cert c;
    EVP_PKEY *p384 = key_on("P-384", false);
    EVP_PKEY *small = key_on("P-256", true);
    struct pki_pair p = pki_issue(&spec);

    x = X509_dup(p.cert);
    ck_assert_int_eq(X509_set_pubkey(x, p384), 1);
    ck_assert_int_gt(X509_sign(x, issuing.key, EVP_sha256()), 0);
    ck_assert(!read_x509(x, &c));
    ck_assert_msg(strstr(e.text, "P-256") != NULL, "%s", e.text);
    ck_assert_int_eq(X509_set_pubkey(x, small), 1);
    ck_assert_int_gt(X509_sign(x, issuing.key, EVP_sha256()), 0);
    ck_assert(!read_x509(x, &c));
    ck_assert_msg(strstr(e.text, "uncompressed") != NULL, "%s", e.text);
    X509_free(x);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(small);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_serial_number_is_positive_and_short)
{
    struct pki_spec spec = leaf_spec();
    struct pki_pair p = pki_issue(&spec);
    struct cert c;
    static const char *const bad[] = {"0", "-1",
                                      "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"};

    for (size_t i = 0; i < 3; i++) {
        BIGNUM *bn = NULL;

        ck_assert_int_gt(BN_hex2bn(&bn, bad[i]), 0);
        ck_assert_ptr_nonnull(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(p.cert)));
        ck_assert_int_gt(X509_sign(p.cert, issuing.key, EVP_sha256()), 0);
        ck_assert(!read_x509(p.cert, &c));
        ck_assert_msg(strstr(e.text, "serial") != NULL, "%s", e.text);
        BN_free(bn);
    }
    pki_pair_done(&p);
}
END_TEST

static void not_profile(X509 *x, const char *field)
{
    struct cert c;

    ck_assert_msg(!read_x509(x, &c), "read, where %s is wrong", field);
    ck_assert_str_eq(e.id, "cert.profile");
    ck_assert_msg(strstr(e.text, field) != NULL, "%s, where %s is wrong", e.text, field);
}

START_TEST(issuer_dates_and_algorithms_are_looked_at)
{
    struct pki_spec spec = leaf_spec();
    struct pki_pair p = pki_issue(&spec);
    X509_NAME *none = X509_NAME_new();
    const ASN1_BIT_STRING *sig;
    const X509_ALGOR *outer;
    X509_ALGOR *both[2];

    ck_assert_int_eq(X509_set_issuer_name(p.cert, none), 1);
    ck_assert_int_gt(X509_sign(p.cert, issuing.key, EVP_sha256()), 0);
    not_profile(p.cert, "issuer name");
    X509_NAME_free(none);
    pki_pair_done(&p);
    spec.not_before = TO;
    spec.not_after = TO;
    p = pki_issue(&spec);
    not_profile(p.cert, "notAfter");
    pki_pair_done(&p);
    /* Parameters, where RFC 5758 wants none: NULL in both places. */
    spec = leaf_spec();
    p = pki_issue(&spec);
    X509_get0_signature(&sig, &outer, p.cert);
    both[0] = (X509_ALGOR *)(uintptr_t)outer;
    both[1] = (X509_ALGOR *)(uintptr_t)X509_get0_tbs_sigalg(p.cert);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(
            X509_ALGOR_set0(both[i], OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_NULL, NULL),
            1);
    ck_assert_int_eq(X509_set_version(p.cert, 2), 1);
    {
        uint8_t *tbs = NULL;

        ck_assert_int_gt(i2d_re_X509_tbs(p.cert, &tbs), 0);
        OPENSSL_free(tbs);
    }
    not_profile(p.cert, "parameters");
    pki_pair_done(&p);
}
END_TEST

/* issuerUniqueID has no setter in OpenSSL: put it into the octets. */
START_TEST(unique_identifiers_outside_the_name_are_refused)
{
    static const uint8_t uid[] = {0x81, 0x02, 0x00, 0x41};
    struct pki_spec spec = leaf_spec();
    struct pki_pair p = pki_issue(&spec);
    struct span der = pki_der(p.cert);
    uint8_t *more = malloc(der.len + sizeof uid);
    const uint8_t *ext = NULL;
    struct cert c;
    size_t at;

    for (size_t i = 8; ext == NULL && i < der.len; i++) /* [3], its SEQUENCE, keyUsage */
        if (der.at[i] == 0xa3 && der.at[i + 2] == 0x30 && der.at[i + 4] == 0x30 &&
            memcmp(der.at + i + 6, "\x06\x03\x55\x1d\x0f", 5) == 0)
            ext = der.at + i;
    ck_assert_ptr_nonnull(ext);
    at = (size_t)(ext - der.at);
    memcpy(more, der.at, at);
    memcpy(more + at, uid, sizeof uid);
    memcpy(more + at + sizeof uid, ext, der.len - at);
    put_be16(more + 2, (uint16_t)(get_be16(more + 2) + sizeof uid));
    put_be16(more + 6, (uint16_t)(get_be16(more + 6) + sizeof uid));
    ck_assert(!cert_read(span_of(more, der.len + sizeof uid), "it", &c, &e));
    ck_assert_msg(strstr(e.text, "issuerUniqueID") != NULL, "%s", e.text);
    free(more);
    free((void *)(uintptr_t)der.at);
    pki_pair_done(&p);
}
END_TEST

START_TEST(an_oca_certificate_needs_its_own_profile)
{
    struct pki_pair p;
    struct cert c;

    ck_assert_msg(read_x509(root.cert, &c), "%s", e.text);
    ck_assert(cert_self_signed(&c));
    cert_done(&c);
    ck_assert_msg(read_x509(issuing.cert, &c), "%s", e.text);
    ck_assert(!cert_self_signed(&c));
    ck_assert_int_eq(c.usage, KU_KEY_CERT_SIGN);
    cert_done(&c);
    p = pki_issue(&(struct pki_spec){.cn = "Z1",
                                     .role = ROLE_ISSUING_AUTHORITY,
                                     .usage = KU_KEY_CERT_SIGN,
                                     .issuer = &root,
                                     .flaw = PKI_NO_PATHLEN});
    not_profile(p.cert, "pathLen");
    pki_pair_done(&p);
    p = pki_issue(&(struct pki_spec){.cn = "Z1",
                                     .role = ROLE_ISSUING_AUTHORITY,
                                     .usage = KU_KEY_CERT_SIGN,
                                     .issuer = &root,
                                     .flaw = PKI_CA_PLAIN});
    not_profile(p.cert, "basicConstraints is not critical");
    pki_pair_done(&p);
    p = pki_issue(&(struct pki_spec){.role = ROLE_SUPPLIER,
                                     .eui = &eui,
                                     .usage = KU_DIGITAL_SIGNATURE,
                                     .contingency = span_of("\x05\x00", 2),
                                     .issuer = &issuing});
    not_profile(p.cert, "WrappedApexContingencyKey");
    pki_pair_done(&p);
    /* A supplier that may sign certificates; an Issuing OCA that may not. */
    p = oca("X", ROLE_SUPPLIER, &root);
    not_profile(p.cert, "keyCertSign");
    pki_pair_done(&p);
    p = pki_issue(&(struct pki_spec){
        .role = ROLE_ISSUING_AUTHORITY, .usage = KU_DIGITAL_SIGNATURE, .issuer = &root});
    ck_assert(!read_x509(p.cert, &c));
    pki_pair_done(&p);
    /* No EUI-64 outside OCAs, none in them. */
    p = pki_issue(&(struct pki_spec){
        .role = ROLE_SUPPLIER, .usage = KU_DIGITAL_SIGNATURE, .issuer = &issuing});
    ck_assert(!read_x509(p.cert, &c));
    pki_pair_done(&p);
    p = pki_issue(&(struct pki_spec){.role = ROLE_ISSUING_AUTHORITY,
                                     .eui = &eui,
                                     .usage = KU_KEY_CERT_SIGN,
                                     .issuer = &root});
    ck_assert(!read_x509(p.cert, &c));
    pki_pair_done(&p);
}
END_TEST

static void not_der(struct span octets, const char *why)
{
    struct cert c;

    ck_assert(!cert_read(octets, "it", &c, &e));
    ck_assert_str_eq(e.id, "cert.der");
    ck_assert_msg(strstr(e.text, why) != NULL, "%s, where %s was due", e.text, why);
}

START_TEST(octets_must_be_one_der_certificate)
{
    struct pki_spec spec = leaf_spec();
    struct pki_pair p = pki_issue(&spec);
    struct span der = pki_der(p.cert);
    uint8_t *more = calloc(1, CERT_DER_MAX + 1);
    struct cert c;

    memcpy(more, der.at, der.len);
    not_der(span_of(more, der.len + 1), "1 octets follow");
    not_der(span_of(more, der.len - 1), "not a certificate");
    not_der(span_of(more, 0), "0 octets;");
    not_der(span_of(more, CERT_DER_MAX + 1), "4097 octets;");
    /* BER that OpenSSL takes: the outer length in one octet more than needed. */
    ck_assert(der.at[0] == 0x30 && der.at[1] == 0x82);
    more[1] = 0x83;
    more[2] = 0;
    memcpy(more + 3, der.at + 2, der.len - 2);
    not_der(span_of(more, der.len + 1), "distinguished");
    ck_assert(cert_read(der, "it", &c, &e));
    cert_done(&c);
    free(more);
    free((void *)(uintptr_t)der.at);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_chain_runs_through_an_issuing_oca_to_the_root)
{
    struct pki_spec spec = leaf_spec();
    struct pki_pair p = pki_issue(&spec);
    struct pki_pair other_root = oca("ZA", ROLE_ROOT, NULL);
    struct pki_pair other = oca("Z1", ROLE_ISSUING_AUTHORITY, &other_root);
    struct pki_pair forged;
    struct certs list = {0}, others = {0}, roots = {0}, wrong = {0};
    const struct cert *found = NULL;
    struct cert leaf;

    read_certs(issuing.cert, &list);
    read_certs(other.cert, &others);
    read_certs(root.cert, &roots);
    read_certs(other_root.cert, &wrong);
    ck_assert(read_x509(p.cert, &leaf));
    ck_assert_msg(cert_chain(&leaf, &list, &roots.at[0], NOW, &found, &e), "%s", e.text);
    ck_assert_ptr_eq(found, &list.at[0]);
    /* Same names, other keys. */
    ck_assert(!cert_chain(&leaf, &others, &roots.at[0], NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.chain");
    ck_assert(!cert_chain(&leaf, &list, &wrong.at[0], NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.chain");
    ck_assert(!cert_chain(&leaf, &list, &list.at[0], NOW, NULL, &e)); /* no root */
    ck_assert_str_eq(e.id, "cert.chain");
    cert_done(&leaf);
    /* Right name and key identifier, signed by somebody else. */
    forged = pki_issue(&spec);
    ck_assert_int_gt(X509_sign(forged.cert, other.key, EVP_sha256()), 0);
    ck_assert(read_x509(forged.cert, &leaf));
    ck_assert(!cert_chain(&leaf, &list, &roots.at[0], NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.chain");
    cert_done(&leaf);
    pki_pair_done(&forged);
    /* Right signature, another authority key identifier. */
    spec.flaw = PKI_WRONG_AKI;
    forged = pki_issue(&spec);
    ck_assert(read_x509(forged.cert, &leaf));
    ck_assert(!cert_chain(&leaf, &list, &roots.at[0], NOW, NULL, &e));
    cert_done(&leaf);
    pki_pair_done(&forged);
    certs_done(&list);
    certs_done(&others);
    certs_done(&roots);
    certs_done(&wrong);
    pki_pair_done(&other);
    pki_pair_done(&other_root);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_chain_is_in_date_at_every_step)
{
    struct pki_spec spec = leaf_spec();
    struct pki_pair p = pki_issue(&spec);
    struct pki_pair stale = pki_issue(&(struct pki_spec){.cn = "Z1",
                                                         .role = ROLE_ISSUING_AUTHORITY,
                                                         .usage = KU_KEY_CERT_SIGN,
                                                         .issuer = &root,
                                                         .key = issuing.key,
                                                         .not_before = FROM,
                                                         .not_after = FROM + 86400});
    struct certs list = {0}, old = {0}, both, roots = {0};
    const struct cert *found;
    struct cert leaf;

    read_certs(issuing.cert, &list);
    read_certs(stale.cert, &old);
    read_certs(root.cert, &roots);
    ck_assert(read_x509(p.cert, &leaf));
    ck_assert(cert_chain(&leaf, &list, &roots.at[0], (int64_t)FROM * 1000000, NULL, &e));
    ck_assert(cert_chain(&leaf, &list, &roots.at[0], (int64_t)TO * 1000000, NULL, &e));
    ck_assert(
        !cert_chain(&leaf, &list, &roots.at[0], (int64_t)FROM * 1000000 - 1, NULL, &e));
    ck_assert_str_eq(e.id, "cert.expired");
    ck_assert(!cert_chain(&leaf, &list, &roots.at[0], (int64_t)TO * 1000000 + 1, NULL, &e));
    ck_assert_str_eq(e.id, "cert.expired");
    ck_assert(!cert_chain(&leaf, &old, &roots.at[0], NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.expired");
    /* The same issuer twice, once expired: the live certificate is taken. */
    both.n = 2;
    both.at[0] = old.at[0];
    both.at[1] = list.at[0];
    ck_assert(cert_chain(&leaf, &both, &roots.at[0], NOW, &found, &e));
    ck_assert_ptr_eq(found, &both.at[1]);
    cert_done(&leaf);
    certs_done(&list);
    certs_done(&old);
    certs_done(&roots);
    pki_pair_done(&stale);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_bundle_holds_certificates_and_nothing_else)
{
    struct pki_spec spec = leaf_spec();
    struct pki_pair p = pki_issue(&spec);
    struct span pem = pki_pem(p.cert);
    struct span ca = pki_pem(issuing.cert);
    char *text = NULL;
    struct certs c;
    BIO *b = BIO_new(BIO_s_mem());
    char *key;
    long len;

    /* Comments between blocks are fine; twice the same counts once. */
    ck_assert_int_gt(asprintf(&text, "# one\n%s# two\n%s%s", (const char *)pem.at,
                              (const char *)ca.at, (const char *)pem.at),
                     0);
    ck_assert_msg(certs_read(span_of(text, strlen(text)), "b.pem", &c, &e), "%s", e.text);
    ck_assert_uint_eq(c.n, 2);
    ck_assert_ptr_eq(certs_find(&c, &c.at[1].sha256), &c.at[1]);
    ck_assert_ptr_null(certs_find(&c, &c.at[1].key_sha256));
    certs_done(&c);
    free(text);
    ck_assert(!certs_read(span_of("nothing", 7), "b.pem", &c, &e));
    ck_assert_str_eq(e.id, "cert.none");
    ck_assert(!certs_read(span_of("", 0), "b.pem", &c, &e));
    ck_assert_str_eq(e.id, "cert.none");
    /* Cut short. */
    ck_assert(!certs_read(span_of(pem.at, pem.len - 40), "b.pem", &c, &e));
    ck_assert_str_eq(e.id, "cert.der");
    /* A private key has no place here. */
    ck_assert_int_eq(PEM_write_bio_PrivateKey(b, p.key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(b, &key);
    ck_assert(!certs_read(span_of(key, (size_t)len), "b.pem", &c, &e));
    ck_assert_str_eq(e.id, "cert.der");
    BIO_free(b);
    free((void *)(uintptr_t)pem.at);
    free((void *)(uintptr_t)ca.at);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_bundle_has_a_limit)
{
    char *all = NULL;
    size_t all_len = 0;
    FILE *f = open_memstream(&all, &all_len);
    struct certs c;

    for (int i = 0; i <= CERTS_MAX; i++) {
        struct pki_spec spec = leaf_spec();
        struct pki_pair p = pki_issue(&spec);
        struct span pem = pki_pem(p.cert);

        ck_assert_uint_eq(fwrite(pem.at, 1, pem.len, f), pem.len);
        if (i == CERTS_MAX - 1) {
            ck_assert_int_eq(fflush(f), 0);
            ck_assert_msg(certs_read(span_of(all, all_len), "b", &c, &e), "%s", e.text);
            ck_assert_uint_eq(c.n, CERTS_MAX);
            certs_done(&c);
        }
        free((void *)(uintptr_t)pem.at);
        pki_pair_done(&p);
    }
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(!certs_read(span_of(all, all_len), "b", &c, &e));
    ck_assert_str_eq(e.id, "cert.too-many");
    free(all);
}
END_TEST

START_TEST(the_symmetric_key_opens_the_contingency_key)
{
    static const uint8_t kek[32] = {1, 2, 3};
    static const uint8_t other[32] = {1, 2, 4};
    EVP_PKEY *key = pki_key_new();
    struct span want = pki_point(key);

    for (size_t len = 16; len <= 32; len += 16) {
        struct span wrapped = pki_wrap_contingency(key, span_of(kek, len));
        struct pki_pair p = pki_issue(&(struct pki_spec){.cn = "ZA",
                                                         .role = ROLE_ROOT,
                                                         .usage = KU_KEY_CERT_SIGN,
                                                         .contingency = wrapped});
        struct point point;
        struct cert c;

        ck_assert_msg(read_x509(p.cert, &c), "%s", e.text);
        ck_assert(contingency_present(&c));
        ck_assert_msg(contingency_unwrap(&c, span_of(kek, len), &point, &e), "%s", e.text);
        ck_assert_mem_eq(point.b, want.at, sizeof point.b);
        ck_assert(!contingency_unwrap(&c, span_of(other, len), &point, &e));
        ck_assert_str_eq(e.id, "contingency.wrapped");
        ck_assert(!contingency_unwrap(&c, span_of(kek, len - 1), &point, &e));
        cert_done(&c);
        pki_pair_done(&p);
        free((void *)(uintptr_t)wrapped.at);
    }
    free((void *)(uintptr_t)want.at);
    EVP_PKEY_free(key);
}
END_TEST

/* The certificates inside published commands: three replacements and their issuer. */
START_TEST(published_certificates_are_read)
{
    const char *dir = getenv("SMKI_VECTORS");
    char path[512], *line = NULL;
    size_t cap = 0, found = 0;
    FILE *f;

    if (dir == NULL)
        dir = getenv("SMKI_VECTORS_DEFAULT");
    (void)snprintf(path, sizeof path, "%s/rtds-cs02b-method1.txt", dir != NULL ? dir : ".");
    f = fopen(path, "r");
    if (f == NULL) {
        printf("# no vectors: %s is not there\n", path);
        return;
    }
    while (getline(&line, &cap, f) > 0) {
        static const char start[] = "message = DD";
        uint8_t m[4096];
        size_t len;

        if (strncmp(line, start, sizeof start - 1) != 0)
            continue;
        len = strcspn(line + 10, "\n") / 2;
        ck_assert(len <= sizeof m && hex_decode(line + 10, 2 * len, m, len));
        for (size_t i = 0; i + 4 < len; i++) {
            size_t n = 4 + (size_t)get_be16(m + i + 2);
            struct cert c;

            if (m[i] != 0x30 || m[i + 1] != 0x82 || i + n > len || n < 300 || n > 500)
                continue;
            if (!cert_read(span_of(m + i, n), "published", &c, &e)) {
                ck_assert_str_eq(e.id, "cert.der"); /* some other structure */
                continue;
            }
            found++;
            cert_done(&c);
        }
    }
    free(line);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_uint_eq(found, 7); /* 3 + 1 and 2 + 1 */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cert");
    TCase *t = tcase_create("all");
    SRunner *r;
    int bad;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_sound_certificate_is_read_whole);
    tcase_add_loop_test(t, each_flaw_is_refused_by_name, 0,
                        (int)(sizeof flaws / sizeof flaws[0]));
    tcase_add_test(t, another_curve_or_a_compressed_point_is_refused);
    tcase_add_test(t, a_serial_number_is_positive_and_short);
    tcase_add_test(t, issuer_dates_and_algorithms_are_looked_at);
    tcase_add_test(t, unique_identifiers_outside_the_name_are_refused);
    tcase_add_test(t, an_oca_certificate_needs_its_own_profile);
    tcase_add_test(t, octets_must_be_one_der_certificate);
    tcase_add_test(t, a_chain_runs_through_an_issuing_oca_to_the_root);
    tcase_add_test(t, a_chain_is_in_date_at_every_step);
    tcase_add_test(t, a_bundle_holds_certificates_and_nothing_else);
    tcase_add_test(t, a_bundle_has_a_limit);
    tcase_add_test(t, the_symmetric_key_opens_the_contingency_key);
    tcase_add_test(t, published_certificates_are_read);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}
