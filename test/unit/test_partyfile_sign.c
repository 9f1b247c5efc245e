/* SPDX-License-Identifier: MIT */
#include "partyfile.h"

/* Before mem.h: cms.h declares PEM_write_bio_CMS only after it. */
#include <openssl/pem.h>

#include "mem.h"
#include "pki.h"
#include "rules.h"

#include <openssl/cms.h>
#include <openssl/x509v3.h>

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_US INT64_C(1800000000000000)

static const char text[] = "format,smki-recovery/file/1\n"
                           "kind,organisation-notification\n"
                           "file,N-1\n"
                           "incident,INC-7\n"
                           "subscriber,90B3D51F30000001\n"
                           "certificate,Issuing,0102,90B3D51F30000001,supplier-ds\n"
                           "certainty,actual\n"
                           "found,2026-11-24T09:00:00Z\n"
                           "method,undecided\n"
                           "suspend,yes\n"
                           "anticipated,ESME,1\n"
                           "signer,Supplier A,supplier,A.Officer\n"
                           "\n"
                           "device,type,cells,old,new\n"
                           "00DB1234567890A0,ESME,supplier-ds,0102,\n";

struct person {
    EVP_PKEY *key;
    X509 *cert;
};

static X509 *certify(EVP_PKEY *key, const char *cn, long serial, const struct person *by,
                     const char *usage)
{
    X509 *x = X509_new();
    X509_EXTENSION *ext;
    X509_NAME *name = X509_NAME_new();
    char *copy = strdup(cn);

    ck_assert_int_eq(X509_set_version(x, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    /* "": no common name at all; "x/y": two of them */
    for (char *rest = copy, *one; (one = strsep(&rest, "/")) != NULL;)
        X509_NAME_add_entry_by_txt(name, *one != '\0' ? "CN" : "O", MBSTRING_ASC,
                                   (const unsigned char *)(*one != '\0' ? one : "none"), -1,
                                   -1, 0);
    free(copy);
    X509_set_subject_name(x, name);
    X509_set_issuer_name(x, by != NULL ? X509_get_subject_name(by->cert) : name);
    ASN1_TIME_set(X509_getm_notBefore(x), NOW_US / 1000000 - 3600);
    ASN1_TIME_set(X509_getm_notAfter(x), NOW_US / 1000000 + 3600);
    X509_set_pubkey(x, key);
    ext = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    if (by == NULL) {
        ext = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(x, ext, -1);
        X509_EXTENSION_free(ext);
    }
    X509_NAME_free(name);
    ck_assert_int_gt(X509_sign(x, by != NULL ? by->key : key, EVP_sha256()), 0);
    return x;
}

static struct person person(const char *cn, long serial, const struct person *by,
                            const char *usage)
{
    struct person p = {.key = EVP_EC_gen("P-256")};

    ck_assert_ptr_nonnull(p.key);
    p.cert = certify(p.key, cn, serial, by, usage);
    return p;
}

/* Certified for something else than messages. */
static struct person client(const char *cn, long serial, const struct person *by)
{
    struct person p = person(cn, serial, by, "digitalSignature");
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "clientAuth");

    ck_assert_int_eq(X509_add_ext(p.cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
    ck_assert_int_gt(X509_sign(p.cert, by->key, EVP_sha256()), 0);
    return p;
}

static struct person issuing, officer;
static X509_STORE *store;

static void person_done(struct person *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
}

static void setup(void)
{
    issuing = person("Issuing", 1, NULL, "keyCertSign");
    officer = person("A.Officer", 0x77, &issuing, "digitalSignature");
    store = X509_STORE_new();
    ck_assert_int_eq(X509_STORE_add_cert(store, issuing.cert), 1);
}

static void teardown(void)
{
    X509_STORE_free(store);
    person_done(&officer);
    person_done(&issuing);
}

static struct span whole(CMS_ContentInfo *cms, bool pem)
{
    BIO *out = BIO_new(BIO_s_mem());
    uint8_t *copy;
    char *at;
    size_t len;

    ck_assert_int_eq(pem ? PEM_write_bio_CMS(out, cms) : i2d_CMS_bio(out, cms), 1);
    len = (size_t)BIO_get_mem_data(out, &at);
    copy = malloc(len);
    memcpy(copy, at, len);
    CMS_ContentInfo_free(cms);
    BIO_free(out);
    return span_of(copy, len);
}

/* The officer's, of another form. */
static struct span sign_as(const EVP_MD *md, unsigned flags, int signed_type)
{
    unsigned all = CMS_BINARY | CMS_DETACHED;
    BIO *in = BIO_new_mem_buf(text, -1);
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, all | CMS_PARTIAL);

    ck_assert_ptr_nonnull(cms);
    ck_assert_int_eq(CMS_set1_eContentType(cms, OBJ_nid2obj(signed_type)), 1);
    ck_assert_ptr_nonnull(
        CMS_add1_signer(cms, officer.cert, officer.key, md, CMS_PARTIAL | flags));
    ck_assert_int_eq(CMS_final(cms, in, NULL, all), 1);
    ck_assert_int_eq(CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_data)), 1);
    BIO_free(in);
    return whole(cms, false);
}

/* The signature as DER or PEM; caller frees at. */
static struct span sign(const char *what, const struct person *p, unsigned flags, bool pem,
                        const struct person *second)
{
    BIO *in = BIO_new_mem_buf(what, -1);
    CMS_ContentInfo *cms = CMS_sign(p->cert, p->key, NULL, in,
                                    flags | CMS_BINARY | (second ? CMS_PARTIAL : 0u));

    ck_assert_ptr_nonnull(cms);
    if (second != NULL) {
        ck_assert_ptr_nonnull(CMS_add1_signer(cms, second->cert, second->key, NULL, 0));
        ck_assert_int_eq(CMS_final(cms, in, NULL, flags | CMS_BINARY), 1);
    }
    BIO_free(in);
    return whole(cms, pem);
}

static void drop(struct span s)
{
    free((void *)(uintptr_t)s.at);
}

static bool count_row(void *arg, const struct partyfile_header *h,
                      const struct partyfile_row *r, struct err *e)
{
    (void)h;
    (void)r;
    (void)e;
    (*(unsigned *)arg)++;
    return true;
}

static bool accept(const char *what, struct span cms, const struct partyfile_trust *t,
                   unsigned *rows, struct err *e)
{
    struct partyfile_reader r = {.row = count_row, .arg = rows};
    struct partyfile_header h;

    *rows = 0;
    return partyfile_accept(span_of(what, strlen(what)), cms, "in.csv", &r, t, &h, e);
}

static void refused(const char *what, struct span cms, const struct partyfile_trust *t,
                    const char *id)
{
    struct err e = {0};
    unsigned rows;

    ck_assert_msg(!accept(what, cms, t, &rows, &e), "accepted: want %s", id);
    ck_assert_msg(strcmp(e.id, id) == 0, "%s, want %s: %s", e.id, id, e.text);
    ck_assert_ptr_nonnull(rules_find(id));
    ck_assert_uint_eq(rows, 0); /* nothing is handed out before the signature is judged */
    drop(cms);
}

START_TEST(a_good_signature_in_der_or_pem_is_accepted)
{
    struct partyfile_trust t = {.store = store, .now_us = NOW_US};
    struct span cms = sign(text, &officer, CMS_DETACHED, _i == 1, NULL);
    struct err e;
    unsigned rows;

    ck_assert_msg(accept(text, cms, &t, &rows, &e), "%s", e.text);
    ck_assert_uint_eq(rows, 1);
    drop(cms);
}
END_TEST

START_TEST(a_signature_of_a_wrong_form_is_refused)
{
    struct partyfile_trust t = {.store = store, .now_us = NOW_US};
    struct person b = person("B.Officer", 0x78, &issuing, "digitalSignature");
    struct span good = sign(text, &officer, CMS_DETACHED, false, NULL);
    uint8_t *longer = malloc(good.len + 1);

    memcpy(longer, good.at, good.len);
    longer[good.len] = 0;
    refused(text, span_of(longer, good.len + 1), &t, "file.cms");
    drop(good);
    refused(text, span_of(NULL, 0), &t, "file.cms");
    refused(text, span_of(strdup("no CMS"), 6), &t, "file.cms");
    refused(text, sign(text, &officer, 0, false, NULL), &t, "file.cms");
    refused(text, sign(text, &officer, CMS_DETACHED, false, &b), &t, "file.cms");
    refused(text, sign(text, &officer, CMS_DETACHED | CMS_NOCERTS, false, NULL), &t,
            "file.cms");
    person_done(&b);
}
END_TEST

START_TEST(one_other_octet_is_another_file)
{
    struct partyfile_trust t = {.store = store, .now_us = NOW_US};
    char *other = strdup(text);

    *strstr(other, "90A0,ESME") = '8';
    refused(other, sign(text, &officer, CMS_DETACHED, false, NULL), &t, "file.signature");
    free(other);
}
END_TEST

START_TEST(a_signature_is_judged_as_one_of_an_approval_is)
{
    struct partyfile_trust t = {.store = store, .now_us = NOW_US};
    struct span good = sign_as(EVP_sha384(), 0, NID_pkcs7_data);
    struct err e;
    unsigned rows;

    ck_assert_msg(accept(text, good, &t, &rows, &e), "%s", e.text);
    drop(good);
    refused(text, sign_as(EVP_sha1(), 0, NID_pkcs7_data), &t, "file.signature");
    refused(text, sign_as(EVP_sha256(), CMS_NOATTR, NID_pkcs7_data), &t, "file.signature");
    refused(text, sign_as(EVP_sha256(), 0, NID_id_smime_ct_TSTInfo), &t, "file.signature");
}
END_TEST

START_TEST(a_certificate_must_lead_to_an_anchor_and_be_for_signing_now)
{
    struct partyfile_trust t = {.store = store, .now_us = NOW_US};
    struct person self = person("A.Officer", 0x79, NULL, "digitalSignature,keyCertSign");
    struct person agree = person("A.Officer", 0x80, &issuing, "keyAgreement");
    struct person login = client("A.Officer", 0x81, &issuing);

    refused(text, sign(text, &self, CMS_DETACHED, false, NULL), &t, "file.chain");
    t.now_us = NOW_US + INT64_C(7200) * 1000000;
    refused(text, sign(text, &officer, CMS_DETACHED, false, NULL), &t, "file.chain");
    t.now_us = NOW_US - INT64_C(7200) * 1000000;
    refused(text, sign(text, &officer, CMS_DETACHED, false, NULL), &t, "file.chain");
    t.now_us = NOW_US;
    refused(text, sign(text, &agree, CMS_DETACHED, false, NULL), &t, "file.chain");
    refused(text, sign(text, &login, CMS_DETACHED, false, NULL), &t, "file.chain");
    person_done(&self);
    person_done(&agree);
    person_done(&login);
}
END_TEST

START_TEST(the_officer_named_is_the_officer_who_signed)
{
    struct partyfile_trust t = {.store = store, .now_us = NOW_US};
    struct person b = person("B.Officer", 0x78, &issuing, "digitalSignature");
    struct person nobody = person("", 0x79, &issuing, "digitalSignature");
    struct person both = person("A.Officer/B.Officer", 0x7a, &issuing, "digitalSignature");

    refused(text, sign(text, &b, CMS_DETACHED, false, NULL), &t, "file.signer");
    refused(text, sign(text, &nobody, CMS_DETACHED, false, NULL), &t, "file.signer");
    refused(text, sign(text, &both, CMS_DETACHED, false, NULL), &t, "file.signer");
    person_done(&both);
    person_done(&nobody);
    person_done(&b);
}
END_TEST

START_TEST(an_issuer_without_a_name_cannot_be_told_from_one_that_is_listed)
{
    struct partyfile_trust t = {.store = store, .now_us = NOW_US};
    struct person nameless = person("", 2, NULL, "keyCertSign");
    struct person a = person("A.Officer", 0x78, &nameless, "digitalSignature");

    ck_assert_int_eq(X509_STORE_add_cert(store, nameless.cert), 1);
    refused(text, sign(text, &a, CMS_DETACHED, false, NULL), &t, "file.compromised-signer");
    person_done(&a);
    person_done(&nameless);
}
END_TEST

START_TEST(a_compromised_certificate_or_key_vouches_for_nothing)
{
    struct partyfile_certificate before = {.issuer = "Issuing", .serial = "77"};
    struct partyfile_trust t = {.store = store, .now_us = NOW_US};
    struct person listed = person("A.Officer", 0x0102, &issuing, "digitalSignature");
    /* The officer's key under another certificate is the same key. */
    struct person twin = {
        officer.key, certify(officer.key, "A.Officer", 0x90, &issuing, "digitalSignature")};
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(officer.cert);
    struct digest key =
        digest_of(span_of(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits)),
                  (struct span){0});

    refused(text, sign(text, &listed, CMS_DETACHED, false, NULL), &t,
            "file.compromised-signer");
    t.compromised = &before;
    t.n_compromised = 1;
    refused(text, sign(text, &officer, CMS_DETACHED, false, NULL), &t,
            "file.compromised-signer");
    t.n_compromised = 0;
    t.compromised_keys = &key;
    t.n_compromised_keys = 1;
    refused(text, sign(text, &twin, CMS_DETACHED, false, NULL), &t,
            "file.compromised-signer");
    person_done(&listed);
    X509_free(twin.cert);
}
END_TEST

/* As of an approval: whoever is on the list signs nothing, and without a list nobody does. */
START_TEST(whose_certificate_was_revoked_signs_nothing)
{
    struct person ca = person("Issuing", 1, NULL, "keyCertSign, cRLSign");
    struct person p = person("A.Officer", 0x77, &ca, "digitalSignature");
    char path[] = "/tmp/partyfile_crl_XXXXXX";
    X509_STORE *anchors = X509_STORE_new();
    struct partyfile_trust t = {.store = anchors, .now_us = NOW_US, .crl = path};
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(X509_STORE_add_cert(anchors, ca.cert), 1);
    for (int revoked = 0; revoked < 2; revoked++) {
        struct span cms = sign(text, &p, CMS_DETACHED, false, NULL);
        X509_CRL *crl =
            pki_crl(&(struct pki_pair){ca.cert, ca.key}, &p.cert, (size_t)revoked,
                    NOW_US / 1000000 - 60, NOW_US / 1000000 + 60);
        struct err e = {0};
        unsigned rows;

        pki_save_crl(path, crl);
        X509_CRL_free(crl);
        if (revoked) {
            refused(text, cms, &t, "file.chain");
            continue;
        }
        ck_assert_msg(accept(text, cms, &t, &rows, &e), "%s", e.text);
        drop(cms);
    }
    ck_assert_int_eq(unlink(path), 0);
    refused(text, sign(text, &p, CMS_DETACHED, false, NULL), &t, "decision.crl");
    X509_STORE_free(anchors);
    person_done(&p);
    person_done(&ca);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("partyfile_sign");
    TCase *c = tcase_create("signature");
    SRunner *r = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, a_good_signature_in_der_or_pem_is_accepted, 0, 2);
    tcase_add_test(c, a_signature_of_a_wrong_form_is_refused);
    tcase_add_test(c, one_other_octet_is_another_file);
    tcase_add_test(c, a_signature_is_judged_as_one_of_an_approval_is);
    tcase_add_test(c, a_certificate_must_lead_to_an_anchor_and_be_for_signing_now);
    tcase_add_test(c, the_officer_named_is_the_officer_who_signed);
    tcase_add_test(c, an_issuer_without_a_name_cannot_be_told_from_one_that_is_listed);
    tcase_add_test(c, a_compromised_certificate_or_key_vouches_for_nothing);
    tcase_add_test(c, whose_certificate_was_revoked_signs_nothing);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
