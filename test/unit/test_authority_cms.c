/* SPDX-License-Identifier: MIT */
#include "papers_kit.h"

#include <openssl/pem.h>

static void release(struct span *p)
{
    free((void *)(uintptr_t)p->at);
    *p = (struct span){0};
}

/* Takes it. */
static void use_cms(CMS_ContentInfo *ci)
{
    uint8_t *der = NULL, *copy;
    int len = i2d_CMS_ContentInfo(ci, &der);

    ck_assert_int_gt(len, 0);
    copy = malloc((size_t)len);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    CMS_ContentInfo_free(ci);
    release(&scene.cms);
    scene.cms = span_of(copy, (size_t)len);
}

/* --- the envelope and the signatures --- */

static CMS_ContentInfo *parsed(void)
{
    const uint8_t *p = scene.cms.at;
    CMS_ContentInfo *ci = d2i_CMS_ContentInfo(NULL, &p, (long)scene.cms.len);

    ck_assert_ptr_nonnull(ci);
    return ci;
}

static void sign_flags(const EVP_MD *md, unsigned flags, bool detached)
{
    char *text = json_dumps(scene.doc, 0);
    BIO *in = BIO_new_mem_buf(text, -1);
    unsigned all = CMS_BINARY | CMS_NOSMIMECAP | (detached ? CMS_DETACHED : 0);
    CMS_ContentInfo *ci = CMS_sign(NULL, NULL, NULL, NULL, all | CMS_PARTIAL);

    ck_assert_ptr_nonnull(ci);
    for (size_t i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(CMS_add1_signer(ci, scene.pma[i].cert, scene.pma[i].key, md,
                                              CMS_PARTIAL | CMS_NOSMIMECAP | flags));
    ck_assert_int_eq(CMS_final(ci, in, NULL, all), 1);
    BIO_free(in);
    free(text);
    use_cms(ci);
}

START_TEST(digests_are_sha2_of_256_bits_and_more)
{
    const EVP_MD *good[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    const EVP_MD *bad[] = {EVP_sha1(), EVP_sha224()};

    for (size_t i = 0; i < 3; i++) {
        sign_flags(good[i], 0, false);
        OK(read_decision());
    }
    for (size_t i = 0; i < 2; i++) {
        sign_flags(bad[i], 0, false);
        REFUSED(read_decision(), "decision.quorum");
        ck_assert_ptr_nonnull(strstr(decision.signers[0].reason, "SHA-256"));
    }
}
END_TEST

START_TEST(signatures_have_signed_attributes)
{
    sign_flags(EVP_sha256(), CMS_NOATTR, false);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_ptr_nonnull(strstr(decision.signers[0].reason, "attributes"));
}
END_TEST

/* Signed as content of another kind, and moved into this one: every digest and signature
 * still holds. */
START_TEST(a_signature_over_another_kind_of_content_does_not_count)
{
    char *text = json_dumps(scene.doc, 0);
    BIO *in = BIO_new_mem_buf(text, -1);
    unsigned flags = CMS_BINARY | CMS_NOSMIMECAP;
    CMS_ContentInfo *ci = CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_PARTIAL);

    ck_assert_ptr_nonnull(ci);
    ck_assert_int_eq(CMS_set1_eContentType(ci, OBJ_nid2obj(NID_id_smime_ct_TSTInfo)), 1);
    for (size_t i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(CMS_add1_signer(ci, scene.pma[i].cert, scene.pma[i].key,
                                              EVP_sha256(), CMS_PARTIAL | flags));
    ck_assert_int_eq(CMS_final(ci, in, NULL, flags), 1);
    ck_assert_int_eq(CMS_set1_eContentType(ci, OBJ_nid2obj(NID_pkcs7_data)), 1);
    BIO_free(in);
    free(text);
    use_cms(ci);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_ptr_nonnull(strstr(decision.signers[0].reason, "contentType"));
}
END_TEST

START_TEST(a_signer_without_certificate_does_not_count)
{
    sign_flags(EVP_sha256(), CMS_NOCERTS, false);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_ptr_nonnull(strstr(decision.signers[0].reason, "no certificate"));
}
END_TEST

START_TEST(a_detached_document_is_refused)
{
    sign_flags(EVP_sha256(), 0, true);
    REFUSED(read_decision(), "decision.detached");
}
END_TEST

START_TEST(every_altered_octet_of_the_document_is_noticed)
{
    static const char word[] = "authorise";
    uint8_t *octets = malloc(scene.cms.len);
    uint8_t *at;
    struct span whole = scene.cms;

    memcpy(octets, whole.at, whole.len);
    at = memmem(octets, whole.len, "D-1", 3);
    ck_assert_ptr_nonnull(at);
    at[2] = '2';
    scene.cms = span_of(octets, whole.len);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 0);
    ck_assert_ptr_nonnull(strstr(decision.signers[0].reason, "another document"));
    ck_assert_ptr_nonnull(memmem(octets, whole.len, word, strlen(word)));
    scene.cms = whole;
    free(octets);
    OK(read_decision());
}
END_TEST

START_TEST(an_altered_signature_does_not_count)
{
    CMS_ContentInfo *ci = parsed();
    STACK_OF(CMS_SignerInfo) *list = CMS_get0_SignerInfos(ci);
    ASN1_OCTET_STRING *sig =
        CMS_SignerInfo_get0_signature(sk_CMS_SignerInfo_value(list, 1));

    sig->data[sig->length - 1] ^= 1;
    use_cms(ci);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 1);
    ck_assert_ptr_nonnull(
        strstr(decision.signers[decision.signers[0].counted ? 1 : 0].reason,
               "signature is wrong"));
}
END_TEST

START_TEST(both_algorithms_of_a_signature_agree)
{
    CMS_ContentInfo *ci = parsed();
    STACK_OF(CMS_SignerInfo) *list = CMS_get0_SignerInfos(ci);
    X509_ALGOR *algorithm;

    CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(list, 0), NULL, NULL, NULL,
                             &algorithm);
    ck_assert_int_eq(
        X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_ecdsa_with_SHA1), V_ASN1_UNDEF, NULL),
        1);
    use_cms(ci);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 1);
    ck_assert_ptr_nonnull(
        strstr(decision.signers[decision.signers[0].counted ? 1 : 0].reason, "algorithm"));
}
END_TEST

START_TEST(a_holder_has_one_name)
{
    struct pki_pair bent = {.cert = X509_dup(scene.pma[1].cert), .key = scene.pma[1].key};
    struct pki_pair pairs[2] = {scene.pma[0], bent};
    X509_NAME *name = X509_NAME_new();

    for (int n = 0; n < 3; n++) {
        if (n > 0)
            ck_assert_int_eq(X509_NAME_add_entry_by_txt(
                                 name, "CN", MBSTRING_UTF8,
                                 (const unsigned char *)(n == 1 ? "Member 2" : "Member 9"),
                                 -1, -1, 0),
                             1);
        ck_assert_int_eq(X509_set_subject_name(bent.cert, name), 1);
        ck_assert_int_gt(X509_sign(bent.cert, scene.pma_anchor.key, EVP_sha256()), 0);
        scene_sign_by(&scene, pairs, 2);
        if (n == 1) {
            OK(read_decision());
        } else {
            REFUSED(read_decision(), "decision.quorum");
            ck_assert_ptr_nonnull(
                strstr(decision.signers[decision.signers[0].counted ? 1 : 0].reason, "CN"));
        }
    }
    X509_NAME_free(name);
    X509_free(bent.cert);
}
END_TEST

START_TEST(nothing_follows_the_message)
{
    uint8_t *octets = malloc(scene.cms.len + 1);
    struct span whole = scene.cms;

    memcpy(octets, whole.at, whole.len);
    octets[whole.len] = 0;
    scene.cms = span_of(octets, whole.len + 1);
    REFUSED(read_decision(), "decision.trailing");
    scene.cms = span_of(octets, whole.len - 1);
    REFUSED(read_decision(), "decision.cms");
    scene.cms = span_of(octets, 0);
    REFUSED(read_decision(), "decision.cms");
    scene.cms = span_of("garbage", 7);
    REFUSED(read_decision(), "decision.cms");
    scene.cms = whole;
    free(octets);
}
END_TEST

START_TEST(nobody_has_signed)
{
    CMS_ContentInfo *ci = parsed();
    CMS_ContentInfo *other = parsed(); /* takes the signers and frees them */
    STACK_OF(CMS_SignerInfo) *list = CMS_get0_SignerInfos(ci);

    while (sk_CMS_SignerInfo_num(list) > 0)
        ck_assert_int_gt(sk_CMS_SignerInfo_push(CMS_get0_SignerInfos(other),
                                                sk_CMS_SignerInfo_pop(list)),
                         0);
    CMS_ContentInfo_free(other);
    use_cms(ci);
    REFUSED(read_decision(), "decision.no-signers");
}
END_TEST

START_TEST(a_signature_may_not_be_one_of_too_many)
{
    struct pki_pair pairs[AUTHORITY_SIGNERS_MAX + 1];

    for (size_t i = 0; i <= AUTHORITY_SIGNERS_MAX; i++)
        pairs[i] = scene.pma[i % SCENE_MEMBERS];
    scene_sign_by(&scene, pairs, AUTHORITY_SIGNERS_MAX + 1);
    REFUSED(read_decision(), "decision.too-many-signers");
    scene_sign_by(&scene, pairs, AUTHORITY_SIGNERS_MAX);
    OK(read_decision());
    ck_assert_uint_eq(decision.n_counted, SCENE_MEMBERS);
}
END_TEST

START_TEST(other_kinds_of_cms_are_refused)
{
    STACK_OF(X509) *to = sk_X509_new_null();
    BIO *in = BIO_new_mem_buf("{}", 2);
    CMS_ContentInfo *ci;

    ck_assert_int_gt(sk_X509_push(to, scene.pma[0].cert), 0);
    ci = CMS_encrypt(to, in, EVP_aes_128_cbc(), CMS_BINARY);
    ck_assert_ptr_nonnull(ci);
    use_cms(ci);
    REFUSED(read_decision(), "decision.not-signed");
    BIO_free(in);
    in = BIO_new_mem_buf("{}", 2);
    ci = CMS_data_create(in, CMS_BINARY);
    ck_assert_ptr_nonnull(ci);
    use_cms(ci);
    REFUSED(read_decision(), "decision.not-signed");
    BIO_free(in);
    sk_X509_free(to);
}
END_TEST

START_TEST(the_content_is_plain_data)
{
    char *text = json_dumps(scene.doc, 0);
    BIO *in = BIO_new_mem_buf(text, -1);
    CMS_ContentInfo *ci = CMS_sign(NULL, NULL, NULL, NULL, CMS_BINARY | CMS_PARTIAL);

    ck_assert_int_eq(CMS_set1_eContentType(ci, OBJ_nid2obj(NID_id_smime_ct_TSTInfo)), 1);
    for (size_t i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(CMS_add1_signer(ci, scene.pma[i].cert, scene.pma[i].key,
                                              EVP_sha256(), CMS_PARTIAL | CMS_NOSMIMECAP));
    ck_assert_int_eq(CMS_final(ci, in, NULL, CMS_BINARY), 1);
    BIO_free(in);
    free(text);
    use_cms(ci);
    REFUSED(read_decision(), "decision.cms");
    ck_assert_ptr_nonnull(strstr(e.text, "content type"));
}
END_TEST

START_TEST(a_size_limit_holds)
{
    uint8_t *big = calloc(1, AUTHORITY_CMS_MAX + 1);
    char *text = malloc(AUTHORITY_TEXT_MAX + 2);
    struct span whole = scene.cms;

    scene.cms = span_of(big, AUTHORITY_CMS_MAX + 1);
    REFUSED(read_decision(), "decision.too-large");
    memset(text, ' ', AUTHORITY_TEXT_MAX + 1);
    scene.cms = pki_cms(span_of(text, AUTHORITY_TEXT_MAX + 1), scene.pma, 1);
    REFUSED(read_decision(), "decision.too-large");
    release(&scene.cms);
    ck_assert(!authority_parse(span_of(text, AUTHORITY_TEXT_MAX + 1), &decision, &e));
    ck_assert_str_eq(e.id, "decision.too-large");
    scene.cms = whole;
    free(big);
    free(text);
}
END_TEST

START_TEST(pem_is_taken_as_well)
{
    BIO *b = BIO_new(BIO_s_mem());
    struct span der = scene.cms, json;
    char *at, *more = NULL;
    long len;

    ck_assert_int_eq(PEM_write_bio(b, "CMS", "", der.at, (long)der.len) > 0, 1);
    len = BIO_get_mem_data(b, &at);
    scene.cms = span_of(at, (size_t)len);
    OK(read_decision());
    ck_assert(authority_content(scene.cms, &json, &e));
    ck_assert_ptr_nonnull(strstr((const char *)json.at, "authorise"));
    release(&json);
    ck_assert_int_gt(asprintf(&more, "%.*s \n", (int)len, at), 0);
    scene.cms = span_of(more, strlen(more));
    OK(read_decision());
    more[strlen(more) - 2] = 'x';
    REFUSED(read_decision(), "decision.trailing");
    free(more);
    /* Headers of encrypted PEM, and another label. */
    ck_assert_int_gt(asprintf(&more, "-----BEGIN CMS-----\nComment: none\n\n%.*s",
                              (int)len - 20, at + 20),
                     0);
    scene.cms = span_of(more, strlen(more));
    REFUSED(read_decision(), "decision.cms");
    free(more);
    ck_assert_int_gt(asprintf(&more, "-----BEGIN PKCS7-----\n%.*s", (int)len - 20, at + 20),
                     0);
    scene.cms = span_of(more, strlen(more));
    REFUSED(read_decision(), "decision.cms");
    free(more);
    scene.cms = der;
    BIO_free(b);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, digests_are_sha2_of_256_bits_and_more);
    tcase_add_test(t, signatures_have_signed_attributes);
    tcase_add_test(t, a_signature_over_another_kind_of_content_does_not_count);
    tcase_add_test(t, a_signer_without_certificate_does_not_count);
    tcase_add_test(t, a_detached_document_is_refused);
    tcase_add_test(t, every_altered_octet_of_the_document_is_noticed);
    tcase_add_test(t, an_altered_signature_does_not_count);
    tcase_add_test(t, both_algorithms_of_a_signature_agree);
    tcase_add_test(t, a_holder_has_one_name);
    tcase_add_test(t, nothing_follows_the_message);
    tcase_add_test(t, nobody_has_signed);
    tcase_add_test(t, a_signature_may_not_be_one_of_too_many);
    tcase_add_test(t, other_kinds_of_cms_are_refused);
    tcase_add_test(t, the_content_is_plain_data);
    tcase_add_test(t, a_size_limit_holds);
    tcase_add_test(t, pem_is_taken_as_well);
}

int main(void)
{
    return kit_run("authority_cms", papers_kit_begin, papers_kit_end, add);
}
