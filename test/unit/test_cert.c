/* SPDX-License-Identifier: MIT */
#include "papers_kit.h"

/* --- the profile --- */

START_TEST(a_sound_certificate_is_read_whole)
{
    struct pki_spec spec = supplier_spec();
    struct pki_pair p;
    struct cert c;
    struct span point;

    spec.cn = "Supplier Ltd";
    p = pki_issue(&spec);
    ck_assert_msg(read_certificate(p.cert, &c), "%s", e.text);
    ck_assert_int_eq(c.role, ROLE_SUPPLIER);
    ck_assert(c.has_eui && eui64_cmp(&c.eui, &scene.supplier) == 0);
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
    struct pki_spec spec = supplier_spec();
    struct pki_pair p;
    struct cert c;

    spec.cn = "Other Ltd";
    spec.role = ROLE_OTHER;
    spec.flaw = flaws[_i].flaw;
    p = pki_issue(&spec);
    ck_assert(!read_certificate(p.cert, &c));
    ck_assert_str_eq(e.id, "cert.profile");
    ck_assert_msg(strstr(e.text, flaws[_i].word) != NULL, "%s", e.text);
    pki_pair_done(&p);
    spec.flaw = PKI_SOUND;
    p = pki_issue(&spec);
    ck_assert_msg(read_certificate(p.cert, &c), "%s", e.text);
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
    struct pki_spec spec = supplier_spec();
    X509 *x;
    struct cert c;
    EVP_PKEY *p384 = key_on("P-384", false);
    EVP_PKEY *small = key_on("P-256", true);
    struct pki_pair p = pki_issue(&spec);

    x = X509_dup(p.cert);
    ck_assert_int_eq(X509_set_pubkey(x, p384), 1);
    ck_assert_int_gt(X509_sign(x, scene.issuing.key, EVP_sha256()), 0);
    ck_assert(!read_certificate(x, &c));
    ck_assert_msg(strstr(e.text, "P-256") != NULL, "%s", e.text);
    ck_assert_int_eq(X509_set_pubkey(x, small), 1);
    ck_assert_int_gt(X509_sign(x, scene.issuing.key, EVP_sha256()), 0);
    ck_assert(!read_certificate(x, &c));
    ck_assert_msg(strstr(e.text, "uncompressed") != NULL, "%s", e.text);
    X509_free(x);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(small);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_serial_number_is_positive_and_short)
{
    struct pki_spec spec = supplier_spec();
    struct pki_pair p = pki_issue(&spec);
    struct cert c;
    static const char *const bad[] = {"0", "-1",
                                      "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"};

    for (size_t i = 0; i < 3; i++) {
        BIGNUM *bn = NULL;

        ck_assert_int_gt(BN_hex2bn(&bn, bad[i]), 0);
        ck_assert_ptr_nonnull(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(p.cert)));
        ck_assert_int_gt(X509_sign(p.cert, scene.issuing.key, EVP_sha256()), 0);
        ck_assert(!read_certificate(p.cert, &c));
        ck_assert_msg(strstr(e.text, "serial") != NULL, "%s", e.text);
        BN_free(bn);
    }
    pki_pair_done(&p);
}
END_TEST

static void not_profile(X509 *x, const char *field)
{
    struct cert c;

    ck_assert_msg(!read_certificate(x, &c), "read, where %s is wrong", field);
    ck_assert_str_eq(e.id, "cert.profile");
    ck_assert_msg(strstr(e.text, field) != NULL, "%s, where %s is wrong", e.text, field);
}

START_TEST(issuer_dates_and_algorithms_are_looked_at)
{
    struct pki_spec spec = supplier_spec();
    struct pki_pair p = pki_issue(&spec);
    X509_NAME *none = X509_NAME_new();
    const ASN1_BIT_STRING *sig;
    const X509_ALGOR *outer;
    X509_ALGOR *both[2];

    ck_assert_int_eq(X509_set_issuer_name(p.cert, none), 1);
    ck_assert_int_gt(X509_sign(p.cert, scene.issuing.key, EVP_sha256()), 0);
    not_profile(p.cert, "issuer name");
    X509_NAME_free(none);
    pki_pair_done(&p);
    spec.not_before = TO;
    spec.not_after = TO;
    p = pki_issue(&spec);
    not_profile(p.cert, "notAfter");
    pki_pair_done(&p);
    /* Parameters, where RFC 5758 wants none: NULL in both places. */
    spec = supplier_spec();
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
    struct pki_spec spec = supplier_spec();
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

    ck_assert_msg(read_certificate(scene.root.cert, &c), "%s", e.text);
    ck_assert(cert_self_signed(&c));
    cert_done(&c);
    ck_assert_msg(read_certificate(scene.issuing.cert, &c), "%s", e.text);
    ck_assert(!cert_self_signed(&c));
    ck_assert_int_eq(c.usage, KU_KEY_CERT_SIGN);
    cert_done(&c);
    p = pki_issue(&(struct pki_spec){.cn = "Z1",
                                     .role = ROLE_ISSUING_AUTHORITY,
                                     .usage = KU_KEY_CERT_SIGN,
                                     .issuer = &scene.root,
                                     .flaw = PKI_NO_PATHLEN});
    not_profile(p.cert, "pathLen");
    pki_pair_done(&p);
    p = pki_issue(&(struct pki_spec){.cn = "Z1",
                                     .role = ROLE_ISSUING_AUTHORITY,
                                     .usage = KU_KEY_CERT_SIGN,
                                     .issuer = &scene.root,
                                     .flaw = PKI_CA_PLAIN});
    not_profile(p.cert, "basicConstraints is not critical");
    pki_pair_done(&p);
    p = pki_issue(&(struct pki_spec){.role = ROLE_SUPPLIER,
                                     .eui = &scene.supplier,
                                     .usage = KU_DIGITAL_SIGNATURE,
                                     .contingency = span_of("\x05\x00", 2),
                                     .issuer = &scene.issuing});
    not_profile(p.cert, "WrappedApexContingencyKey");
    pki_pair_done(&p);
    /* A supplier that may sign certificates; an Issuing OCA that may not. */
    p = issue_ca("X", ROLE_SUPPLIER, &scene.root);
    not_profile(p.cert, "keyCertSign");
    pki_pair_done(&p);
    p = pki_issue(&(struct pki_spec){.role = ROLE_ISSUING_AUTHORITY,
                                     .usage = KU_DIGITAL_SIGNATURE,
                                     .issuer = &scene.root});
    ck_assert(!read_certificate(p.cert, &c));
    pki_pair_done(&p);
    /* No EUI-64 outside OCAs, none in them. */
    p = pki_issue(&(struct pki_spec){
        .role = ROLE_SUPPLIER, .usage = KU_DIGITAL_SIGNATURE, .issuer = &scene.issuing});
    ck_assert(!read_certificate(p.cert, &c));
    pki_pair_done(&p);
    p = pki_issue(&(struct pki_spec){.role = ROLE_ISSUING_AUTHORITY,
                                     .eui = &scene.supplier,
                                     .usage = KU_KEY_CERT_SIGN,
                                     .issuer = &scene.root});
    ck_assert(!read_certificate(p.cert, &c));
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
    struct pki_spec spec = supplier_spec();
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

/* --- what DER and the profile leave open --- */

static void resigned(struct pki_pair *p)
{
    ck_assert_int_gt(X509_sign(p->cert, scene.issuing.key, EVP_sha256()), 0);
}

static void basic(struct pki_pair *p, const char *octets, int len, int critical)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext;

    ck_assert_int_eq(ASN1_OCTET_STRING_set(value, (const uint8_t *)octets, len), 1);
    ext = X509_EXTENSION_create_by_NID(NULL, NID_basic_constraints, critical, value);
    ck_assert_int_eq(X509_add_ext(p->cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    resigned(p);
}

START_TEST(empty_basic_constraints_say_that_it_is_no_ca)
{
    static const struct {
        const char *octets;
        int len, critical;
    } bad[] = {
        {"\x30\x00", 2, 0},             /* not critical */
        {"\x30\x03\x01\x01\x00", 5, 1}, /* FALSE, its default, written out */
        {"\x30\x03\x01\x01\x01", 5, 1}, /* TRUE, but not as DER has it */
        {"\x30\x03\x01\x01\xff", 5, 1}, /* a CA */
        {"\x30\x00\x00", 3, 1},
    };
    struct pki_spec spec = supplier_spec();
    struct pki_pair p = pki_issue(&spec);
    struct cert c;

    basic(&p, "\x30\x00", 2, 1);
    ck_assert_msg(read_certificate(p.cert, &c), "%s", e.text);
    cert_done(&c);
    basic(&p, "\x30\x00", 2, 1);
    not_profile(p.cert, "repeated");
    pki_pair_done(&p);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        p = pki_issue(&spec);
        basic(&p, bad[i].octets, bad[i].len, bad[i].critical);
        not_profile(p.cert, "basicConstraints");
        pki_pair_done(&p);
    }
}
END_TEST

/* The octet of the first BOOLEAN behind an OBJECT IDENTIFIER: critical of keyUsage. */
static uint8_t *critical_of_usage(uint8_t *der, size_t len)
{
    for (size_t i = 0; i + 8 <= len; i++)
        if (memcmp(der + i, "\x06\x03\x55\x1d\x0f\x01\x01\xff", 8) == 0)
            return der + i + 7;
    ck_abort_msg("no critical keyUsage");
    return NULL;
}

START_TEST(a_boolean_is_true_as_ff_or_not_there)
{
    struct pki_spec spec = supplier_spec();
    struct pki_pair p = pki_issue(&spec);
    struct span der = pki_der(p.cert);
    uint8_t *copy = malloc(der.len);
    struct cert c;

    memcpy(copy, der.at, der.len);
    for (unsigned v = 0; v < 0xFF; v++) { /* 0: FALSE written out */
        *critical_of_usage((uint8_t *)(uintptr_t)der.at, der.len) = 0xFF;
        memcpy(copy, der.at, der.len);
        *critical_of_usage(copy, der.len) = (uint8_t)v;
        not_der(span_of(copy, der.len), "distinguished");
    }
    ck_assert(cert_read(der, "it", &c, &e));
    cert_done(&c);
    free(copy);
    free((void *)(uintptr_t)der.at);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_name_is_counted_in_characters)
{
    static const struct {
        const char *character;
        size_t n;
        bool ok;
    } names[] = {
        {"x", 64, true},         {"x", 65, false},
        {"\xc3\xa9", 64, true},                                  /* two octets each */
        {"\xc3\xa9", 65, false}, {"\xf0\x9f\x94\x91", 64, true}, /* four */
    };
    char cn[64 * 4 + 8];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct pki_spec spec = supplier_spec();
        struct pki_pair p = pki_issue(&spec);
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(p.cert));
        struct cert c;

        cn[0] = '\0';
        for (size_t k = 0; k < names[i].n; k++)
            (void)strcat(cn, names[i].character);
        ck_assert_int_eq(X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
                                                    (const uint8_t *)cn, -1, 0, 0),
                         1);
        ck_assert_int_eq(X509_set_subject_name(p.cert, name), 1);
        resigned(&p);
        if (names[i].ok) {
            ck_assert_msg(read_certificate(p.cert, &c), "%zu: %s", i, e.text);
            cert_done(&c);
        } else {
            not_profile(p.cert, "longer than 64 characters");
        }
        X509_NAME_free(name);
        pki_pair_done(&p);
    }
}
END_TEST

START_TEST(a_load_controllers_certificate_names_its_role)
{
    struct pki_pair p = issue(ROLE_LOAD_CONTROLLER, &scene.supplier, KU_KEY_AGREEMENT, NULL,
                              FROM, TO, &scene.issuing);
    struct cert c;

    ck_assert_msg(read_certificate(p.cert, &c), "%s", e.text);
    ck_assert_str_eq(gbcs_role_name(c.role), "loadController");
    cert_done(&c);
    pki_pair_done(&p);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_sound_certificate_is_read_whole);
    tcase_add_loop_test(t, each_flaw_is_refused_by_name, 0,
                        (int)(sizeof flaws / sizeof flaws[0]));
    tcase_add_test(t, another_curve_or_a_compressed_point_is_refused);
    tcase_add_test(t, a_serial_number_is_positive_and_short);
    tcase_add_test(t, issuer_dates_and_algorithms_are_looked_at);
    tcase_add_test(t, unique_identifiers_outside_the_name_are_refused);
    tcase_add_test(t, an_oca_certificate_needs_its_own_profile);
    tcase_add_test(t, octets_must_be_one_der_certificate);
    tcase_add_test(t, empty_basic_constraints_say_that_it_is_no_ca);
    tcase_add_test(t, a_boolean_is_true_as_ff_or_not_there);
    tcase_add_test(t, a_name_is_counted_in_characters);
    tcase_add_test(t, a_load_controllers_certificate_names_its_role);
}

int main(void)
{
    return kit_run("cert", papers_kit_begin, papers_kit_end, add);
}
