/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <check.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FROM 1767225600 /* 2026-01-01 */
#define TO   2082758400 /* 2036-01-01 */

static struct scene s;
static struct authority a;
static struct err e;

static void setup(void)
{
    scene_make(&s);
}

static void teardown(void)
{
    scene_done(&s);
}

static bool open_by(size_t who)
{
    memset(&e, 0, sizeof e);
    return authority_open(s.cms, &s.config.authorities[who], s.trust.anchors[who],
                          SCENE_NOW, &a, &e);
}

static bool open_it(void)
{
    return open_by(0);
}

static void opens(void)
{
    bool ok = open_it();

    ck_assert_msg(ok, "%s: %s", e.id, e.text);
}

static void refused(const char *id)
{
    ck_assert_msg(!open_it(), "opened, where %s was due", id);
    ck_assert_msg(strcmp(e.id, id) == 0, "%s: %s, where %s was due", e.id, e.text, id);
}

/* SignerInfos are a SET: their order says nothing. The nth of that holder. */
static const struct authority_signer *nth(const char *holder, size_t n)
{
    for (size_t i = 0; i < a.n_signers; i++)
        if (strcmp(a.signers[i].holder, holder) == 0 && n-- == 0)
            return &a.signers[i];
    ck_abort_msg("no such signer: %s", holder);
}

static void not_counted(const char *holder, const char *why)
{
    const struct authority_signer *one = nth(holder, 0);

    ck_assert(!one->counted);
    ck_assert_msg(strstr(one->reason, why) != NULL, "%s: %s", holder, one->reason);
}

static void release(struct span *p)
{
    free((void *)(uintptr_t)p->at);
    *p = (struct span){0};
}

static void use_cms(CMS_ContentInfo *ci)
{
    uint8_t *der = NULL, *copy;
    int len = i2d_CMS_ContentInfo(ci, &der);

    ck_assert_int_gt(len, 0);
    copy = malloc((size_t)len);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    CMS_ContentInfo_free(ci);
    release(&s.cms);
    s.cms = span_of(copy, (size_t)len);
}

static CMS_ContentInfo *parsed(void)
{
    const uint8_t *p = s.cms.at;
    CMS_ContentInfo *ci = d2i_CMS_ContentInfo(NULL, &p, (long)s.cms.len);

    ck_assert_ptr_nonnull(ci);
    return ci;
}

/* --- the quorum --- */

START_TEST(two_of_five_are_enough)
{
    opens();
    ck_assert_uint_eq(a.n_signers, 2);
    ck_assert_uint_eq(a.n_counted, 2);
    ck_assert_str_eq(nth("Member 1", 0)->seat, "chair");
    ck_assert_str_eq(nth("Member 2", 0)->organisation, "Party 2");
    ck_assert_str_eq(nth("Member 2", 0)->reason, "");
    scene_sign(&s, 5);
    opens();
    ck_assert_uint_eq(a.n_counted, 5);
}
END_TEST

START_TEST(one_signer_fewer_is_refused_and_shown)
{
    scene_sign(&s, 1);
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_signers, 1);
    ck_assert(a.signers[0].counted);
    s.config.authorities[0].threshold = 3;
    scene_sign(&s, 2);
    refused("decision.quorum");
    scene_sign(&s, 3);
    opens();
}
END_TEST

START_TEST(a_quorum_must_be_configured)
{
    s.config.authorities[0].threshold = 0;
    refused("decision.no-quorum-configured");
    s.config.authorities[0].threshold = 1; /* one alone decides nothing for the PMA */
    refused("decision.no-quorum-configured");
    s.config.authorities[0].threshold = 2;
    opens();
    ck_assert(!authority_open(s.cms, &s.config.authorities[0], NULL, SCENE_NOW, &a, &e));
    ck_assert_str_eq(e.id, "decision.no-quorum-configured");
}
END_TEST

START_TEST(one_member_signing_twice_counts_once)
{
    struct pki_pair pairs[3] = {s.pma[0], s.pma[0], s.pma[1]};

    scene_sign_by(&s, pairs, 2);
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_counted, 1);
    ck_assert(nth("Member 1", 0)->counted && !nth("Member 1", 1)->counted);
    ck_assert_ptr_nonnull(strstr(nth("Member 1", 1)->reason, "same key"));
    scene_sign_by(&s, pairs, 3);
    opens();
    ck_assert_uint_eq(a.n_counted, 2);
}
END_TEST

START_TEST(two_certificates_over_one_key_count_once)
{
    struct pki_pair again = pki_person("Somebody Else", "networks", "Party 9", false,
                                       s.pma[0].key, &s.pma_anchor, FROM, TO);
    struct pki_pair pairs[2] = {s.pma[0], again};

    scene_sign_by(&s, pairs, 2);
    refused("decision.quorum");
    ck_assert_ptr_nonnull(strstr(
        a.signers[0].counted ? a.signers[1].reason : a.signers[0].reason, "same key"));
    pki_pair_done(&again);
}
END_TEST

START_TEST(two_keys_of_one_holder_count_once)
{
    /* Spelling makes no second person. */
    struct pki_pair again =
        pki_person("MEMBER 1", "networks", "Party 1", false, NULL, &s.pma_anchor, FROM, TO);
    struct pki_pair pairs[2] = {s.pma[0], again};

    scene_sign_by(&s, pairs, 2);
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_counted, 1);
    pki_pair_done(&again);
}
END_TEST

START_TEST(a_stranger_does_not_count)
{
    struct pki_pair ca =
        pki_person("PMA Approver CA", NULL, "Test", true, NULL, NULL, FROM, TO);
    struct pki_pair stranger =
        pki_person("Member 2", "tabasc", "Party 2", false, NULL, &ca, FROM, TO);
    struct pki_pair self =
        pki_person("Member 3", "specialist", "Party 3", false, NULL, NULL, FROM, TO);
    struct pki_pair pairs[3] = {s.pma[0], stranger, self};

    scene_sign_by(&s, pairs, 3);
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_counted, 1);
    for (size_t i = 0; i < 3; i++)
        ck_assert(a.signers[i].counted || strstr(a.signers[i].reason, "certificate:"));
    pairs[2] = s.pma[1]; /* they do no harm beside two members either */
    scene_sign_by(&s, pairs, 3);
    opens();
    pki_pair_done(&ca);
    pki_pair_done(&stranger);
    pki_pair_done(&self);
}
END_TEST

START_TEST(the_requester_does_not_count)
{
    scene_set(&s, "requester", json_string("member 2"));
    scene_sign(&s, 2);
    refused("decision.quorum");
    not_counted("Member 2", "asked");
    scene_sign(&s, 3);
    opens();
}
END_TEST

START_TEST(a_conflict_of_interest_does_not_count)
{
    scene_set(&s, "conflicts",
              json_pack("[{ss,ss}]", "holder", "Member 1", "reason", "employed there"));
    scene_sign(&s, 2);
    refused("decision.quorum");
    not_counted("Member 1", "conflict");
    scene_sign(&s, 3);
    opens();
}
END_TEST

START_TEST(people_of_an_affected_organisation_do_not_count)
{
    scene_set(&s, "subscriber_name", json_string("Party 1"));
    scene_sign(&s, 2);
    refused("decision.quorum");
    not_counted("Member 1", "affected");
    scene_set(&s, "subscriber_name", json_string("Supplier Ltd"));
    scene_set(&s, "affected_organisations", json_pack("[ss]", "Party 9", "party 2"));
    scene_sign(&s, 2);
    refused("decision.quorum");
    not_counted("Member 2", "affected");
    scene_set(&s, "affected_organisations", json_array());
    scene_sign(&s, 2);
    opens();
}
END_TEST

START_TEST(a_required_seat_must_be_counted)
{
    struct config_authority *who = &s.config.authorities[0];
    struct pki_pair pairs[2] = {s.pma[1], s.pma[2]};

    (void)snprintf(who->seats[0], sizeof who->seats[0], "chair");
    who->n_seats = 1;
    opens();
    scene_sign_by(&s, pairs, 2);
    refused("decision.seats");
    /* Present, but in conflict: the seat is not counted. */
    scene_set(&s, "conflicts",
              json_pack("[{ss,ss}]", "holder", "Member 1", "reason", "employed there"));
    scene_sign(&s, 3);
    refused("decision.seats");
}
END_TEST

START_TEST(more_people_than_members_is_an_alarm)
{
    s.config.authorities[0].members = 3;
    scene_sign(&s, 3);
    opens();
    scene_sign(&s, 4);
    refused("decision.members");
}
END_TEST

START_TEST(an_approver_is_in_date_and_for_signing)
{
    struct pki_pair late = pki_person("Member 8", "networks", "Party 8", false, NULL,
                                      &s.pma_anchor, FROM, FROM + 86400);
    struct pki_pair early = pki_person("Member 9", "networks", "Party 9", false, NULL,
                                       &s.pma_anchor, TO - 86400, TO);
    struct pki_pair pairs[3] = {s.pma[0], late, early};

    scene_sign_by(&s, pairs, 3);
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_counted, 1);
    pki_pair_done(&late);
    pki_pair_done(&early);
}
END_TEST

START_TEST(a_ca_key_usage_is_no_approver)
{
    struct pki_pair ca =
        pki_person("Member 8", "networks", "Party 8", true, NULL, &s.pma_anchor, FROM, TO);
    struct pki_pair pairs[2] = {s.pma[0], ca};

    scene_sign_by(&s, pairs, 2); /* keyCertSign alone: not for signing documents */
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_counted, 1);
    pki_pair_done(&ca);
}
END_TEST

START_TEST(weak_keys_do_not_count)
{
    EVP_PKEY *p521 = EVP_EC_gen("P-521"), *p384 = EVP_EC_gen("P-384");
    EVP_PKEY *rsa1024 = EVP_RSA_gen(1024), *rsa2048 = EVP_RSA_gen(2048);
    EVP_PKEY *keys[4] = {p521, rsa1024, p384, rsa2048};

    for (size_t i = 0; i < 4; i++) {
        struct pki_pair p = pki_person("Member 8", "networks", "Party 8", false, keys[i],
                                       &s.pma_anchor, FROM, TO);
        struct pki_pair pairs[2] = {s.pma[0], p};

        scene_sign_by(&s, pairs, 2);
        if (i < 2)
            refused("decision.quorum");
        else
            opens();
        pki_pair_done(&p);
        EVP_PKEY_free(keys[i]);
    }
}
END_TEST

/* --- the envelope and the signatures --- */

static void sign_flags(const EVP_MD *md, unsigned flags, bool detached)
{
    char *text = json_dumps(s.doc, 0);
    BIO *in = BIO_new_mem_buf(text, -1);
    unsigned all = CMS_BINARY | CMS_NOSMIMECAP | (detached ? CMS_DETACHED : 0);
    CMS_ContentInfo *ci = CMS_sign(NULL, NULL, NULL, NULL, all | CMS_PARTIAL);

    ck_assert_ptr_nonnull(ci);
    for (size_t i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(CMS_add1_signer(ci, s.pma[i].cert, s.pma[i].key, md,
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
        opens();
    }
    for (size_t i = 0; i < 2; i++) {
        sign_flags(bad[i], 0, false);
        refused("decision.quorum");
        ck_assert_ptr_nonnull(strstr(a.signers[0].reason, "SHA-256"));
    }
}
END_TEST

START_TEST(signatures_have_signed_attributes)
{
    sign_flags(EVP_sha256(), CMS_NOATTR, false);
    refused("decision.quorum");
    ck_assert_ptr_nonnull(strstr(a.signers[0].reason, "attributes"));
}
END_TEST

START_TEST(a_signer_without_certificate_does_not_count)
{
    sign_flags(EVP_sha256(), CMS_NOCERTS, false);
    refused("decision.quorum");
    ck_assert_ptr_nonnull(strstr(a.signers[0].reason, "no certificate"));
}
END_TEST

START_TEST(a_detached_document_is_refused)
{
    sign_flags(EVP_sha256(), 0, true);
    refused("decision.detached");
}
END_TEST

START_TEST(every_altered_octet_of_the_document_is_noticed)
{
    static const char word[] = "authorise";
    uint8_t *octets = malloc(s.cms.len);
    uint8_t *at;
    struct span whole = s.cms;

    memcpy(octets, whole.at, whole.len);
    at = memmem(octets, whole.len, "D-1", 3);
    ck_assert_ptr_nonnull(at);
    at[2] = '2';
    s.cms = span_of(octets, whole.len);
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_counted, 0);
    ck_assert_ptr_nonnull(strstr(a.signers[0].reason, "another document"));
    ck_assert_ptr_nonnull(memmem(octets, whole.len, word, strlen(word)));
    s.cms = whole;
    free(octets);
    opens();
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
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_counted, 1);
    ck_assert_ptr_nonnull(
        strstr(a.signers[a.signers[0].counted ? 1 : 0].reason, "signature is wrong"));
}
END_TEST

START_TEST(nothing_follows_the_message)
{
    uint8_t *octets = malloc(s.cms.len + 1);
    struct span whole = s.cms;

    memcpy(octets, whole.at, whole.len);
    octets[whole.len] = 0;
    s.cms = span_of(octets, whole.len + 1);
    refused("decision.trailing");
    s.cms = span_of(octets, whole.len - 1);
    refused("decision.cms");
    s.cms = span_of(octets, 0);
    refused("decision.cms");
    s.cms = span_of("garbage", 7);
    refused("decision.cms");
    s.cms = whole;
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
    refused("decision.no-signers");
}
END_TEST

START_TEST(a_signature_may_not_be_one_of_too_many)
{
    struct pki_pair pairs[AUTHORITY_SIGNERS_MAX + 1];

    for (size_t i = 0; i <= AUTHORITY_SIGNERS_MAX; i++)
        pairs[i] = s.pma[i % SCENE_MEMBERS];
    scene_sign_by(&s, pairs, AUTHORITY_SIGNERS_MAX + 1);
    refused("decision.too-many-signers");
    scene_sign_by(&s, pairs, AUTHORITY_SIGNERS_MAX);
    opens();
    ck_assert_uint_eq(a.n_counted, SCENE_MEMBERS);
}
END_TEST

START_TEST(other_kinds_of_cms_are_refused)
{
    STACK_OF(X509) *to = sk_X509_new_null();
    BIO *in = BIO_new_mem_buf("{}", 2);
    CMS_ContentInfo *ci;

    ck_assert_int_gt(sk_X509_push(to, s.pma[0].cert), 0);
    ci = CMS_encrypt(to, in, EVP_aes_128_cbc(), CMS_BINARY);
    ck_assert_ptr_nonnull(ci);
    use_cms(ci);
    refused("decision.not-signed");
    BIO_free(in);
    in = BIO_new_mem_buf("{}", 2);
    ci = CMS_data_create(in, CMS_BINARY);
    ck_assert_ptr_nonnull(ci);
    use_cms(ci);
    refused("decision.not-signed");
    BIO_free(in);
    sk_X509_free(to);
}
END_TEST

START_TEST(a_size_limit_holds)
{
    uint8_t *big = calloc(1, AUTHORITY_CMS_MAX + 1);
    char *text = malloc(AUTHORITY_TEXT_MAX + 2);
    struct span whole = s.cms;

    s.cms = span_of(big, AUTHORITY_CMS_MAX + 1);
    refused("decision.too-large");
    memset(text, ' ', AUTHORITY_TEXT_MAX + 1);
    s.cms = pki_cms(span_of(text, AUTHORITY_TEXT_MAX + 1), s.pma, 1);
    refused("decision.too-large");
    release(&s.cms);
    ck_assert(!authority_parse(span_of(text, AUTHORITY_TEXT_MAX + 1), &a, &e));
    ck_assert_str_eq(e.id, "decision.too-large");
    s.cms = whole;
    free(big);
    free(text);
}
END_TEST

START_TEST(pem_is_taken_as_well)
{
    BIO *b = BIO_new(BIO_s_mem());
    struct span der = s.cms, json;
    char *at, *more = NULL;
    long len;

    ck_assert_int_eq(PEM_write_bio(b, "CMS", "", der.at, (long)der.len) > 0, 1);
    len = BIO_get_mem_data(b, &at);
    s.cms = span_of(at, (size_t)len);
    opens();
    ck_assert(authority_content(s.cms, &json, &e));
    ck_assert_ptr_nonnull(strstr((const char *)json.at, "authorise"));
    release(&json);
    ck_assert_int_gt(asprintf(&more, "%.*s \n", (int)len, at), 0);
    s.cms = span_of(more, strlen(more));
    opens();
    more[strlen(more) - 2] = 'x';
    refused("decision.trailing");
    free(more);
    s.cms = der;
    BIO_free(b);
}
END_TEST

/* --- whom it is by --- */

START_TEST(a_document_is_by_whom_it_is_signed)
{
    scene_set(&s, "by", json_string("somebody"));
    scene_sign(&s, 2);
    refused("decision.addressee");
}
END_TEST

START_TEST(officers_instruct_for_their_organisation)
{
    scene_set(&s, "by", json_string("supplier"));
    scene_set(&s, "kind", json_string("instruction"));
    scene_sign_by(&s, s.org, 1);
    ck_assert_msg(open_by(1), "%s: %s", e.id, e.text);
    ck_assert_uint_eq(a.n_counted, 1);
    /* The requester may be the officer: it is the organisation's own key. */
    scene_set(&s, "requester", json_string("Officer 1"));
    scene_sign_by(&s, s.org, 1);
    ck_assert_msg(open_by(1), "%s: %s", e.id, e.text);
    /* Not by members of the PMA, and not as a decision. */
    scene_sign(&s, 2);
    ck_assert(!open_by(1));
    ck_assert_str_eq(e.id, "decision.quorum");
    scene_set(&s, "kind", json_string("decision"));
    scene_sign_by(&s, s.org, 1);
    ck_assert(!open_by(1));
    ck_assert_str_eq(e.id, "decision.kind");
}
END_TEST

START_TEST(the_pma_gives_no_instruction)
{
    scene_set(&s, "kind", json_string("instruction"));
    scene_sign(&s, 2);
    refused("decision.kind");
}
END_TEST

static void make_activation(void)
{
    json_decref(s.doc);
    s.doc = json_pack(
        "{ss,ss,ss,ss,ss,ss,sb,ss,ss,ss,ss,ss}", "schema", "smki-recovery/authority/1",
        "kind", "activation", "id", "A-1", "incident", "I-1", "by", "pma", "outcome",
        "authorise", "exercise", 0, "key", "recovery", "decision",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "ceremony",
        "C-1", "valid_from", "2026-11-24T12:00:00Z", "valid_to", "2026-11-24T18:00:00Z");
}

START_TEST(custodians_count_once_per_organisation)
{
    struct pki_pair same = pki_person("Custodian 9", "custodian", "Party 1", false, NULL,
                                      &s.pma_anchor, FROM, TO);
    struct pki_pair none =
        pki_person("Custodian 8", "custodian", NULL, false, NULL, &s.pma_anchor, FROM, TO);
    struct pki_pair pairs[3] = {s.pma[0], same, none};

    make_activation();
    scene_sign(&s, 2);
    opens();
    ck_assert_int_eq(a.kind, KIND_ACTIVATION);
    ck_assert_uint_eq(a.decision.b[1], 0x11);
    scene_sign_by(&s, pairs, 3);
    refused("decision.quorum");
    ck_assert_uint_eq(a.n_counted, 1);
    pki_pair_done(&same);
    pki_pair_done(&none);
}
END_TEST

/* --- the schema --- */

static bool parse_doc(void)
{
    char *text = json_dumps(s.doc, 0);
    bool ok;

    memset(&e, 0, sizeof e);
    ok = authority_parse(span_of(text, strlen(text)), &a, &e);
    free(text);
    return ok;
}

START_TEST(a_document_is_read_whole)
{
    ck_assert_msg(parse_doc(), "%s", e.text);
    ck_assert_str_eq(a.id, "D-1");
    ck_assert_str_eq(a.incident, "I-1");
    ck_assert_int_eq(a.outcome, OUTCOME_AUTHORISE);
    ck_assert_int_eq(a.method, METHOD_3);
    ck_assert_int_eq(a.mode, MODE_ANY_BY_RECOVERY);
    ck_assert_uint_eq(a.n_compromised, 2);
    ck_assert_int_eq(a.compromised[1].cell, CELL_SUPPLIER_KA);
    ck_assert_uint_eq(a.compromised[1].actual, 1);
    ck_assert_uint_eq(a.n_replacements, 2);
    ck_assert_uint_eq(a.device_types, DEVICE_BIT(DEVICE_ESME) | DEVICE_BIT(DEVICE_GSME));
    ck_assert_uint_eq(a.roster_count, 3);
    ck_assert_uint_eq(a.attempts, 1);
    ck_assert_uint_eq(a.n_shall, 1);
    ck_assert_uint_eq(a.n_may, 1);
    ck_assert_str_eq(a.guidance_version, "1.0");
    ck_assert_str_eq(a.meeting, "PMA-2026-11");
    ck_assert_mem_eq(&a.subscriber, &s.supplier, 8);
    ck_assert_mem_eq(&a.replacement_subscriber, &s.supplier, 8);
}
END_TEST

START_TEST(no_member_is_unknown_and_none_is_twice)
{
    static const char twice[] = "{\"schema\":\"smki-recovery/authority/1\",\"id\":\"a\","
                                "\"id\":\"b\"}";

    scene_set(&s, "colour", json_string("red"));
    ck_assert(!parse_doc());
    ck_assert_str_eq(e.id, "decision.schema");
    ck_assert_ptr_nonnull(strstr(e.text, "colour"));
    scene_set(&s, "colour", NULL);
    ck_assert(parse_doc());
    scene_set(&s, "roster.colour", json_string("red"));
    ck_assert(!parse_doc());
    ck_assert_ptr_nonnull(strstr(e.text, "roster.colour"));
    ck_assert(!authority_parse(span_of(twice, sizeof twice - 1), &a, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "duplicate"));
}
END_TEST

START_TEST(no_needed_member_is_missing)
{
    static const char *const needed[] = {
        "schema",        "kind",       "id",        "incident",        "by",
        "outcome",       "exercise",   "key",       "key_certificate", "method",
        "mode",          "subscriber", "initiator", "compromised",     "replacements",
        "device_types",  "roster",     "attempts",  "valid_from",      "valid_to",
        "requester",     "conflicts",  "meeting",   "guidance",        "reasons",
        "residual_risk", "conditions"};

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        json_t *kept = json_incref(json_object_get(s.doc, needed[i]));

        scene_set(&s, needed[i], NULL);
        ck_assert_msg(!parse_doc(), "%s can be left out", needed[i]);
        ck_assert_str_eq(e.id, "decision.schema");
        ck_assert_msg(strstr(e.text, needed[i]) != NULL, "%s: %s", needed[i], e.text);
        scene_set(&s, needed[i], kept);
    }
    ck_assert(parse_doc());
}
END_TEST

static const struct {
    const char *path, *value; /* JSON */
} bad_values[] = {
    {"schema", "\"smki-recovery/authority/2\""},
    {"kind", "\"wish\""},
    {"id", "\"\""},
    {"id", "\"a b\""},
    {"id", "\"0123456789012345678901234567890123456789012345678901234567890123\""},
    {"incident", "7"},
    {"by", "\"p/m/a\""},
    {"outcome", "\"authorize\""},
    {"exercise", "\"false\""},
    {"key_certificate", "\"00\""},
    {"method", "\"M9\""},
    {"mode", "8"},
    {"subscriber", "\"90B3D51F3001000G\""},
    {"initiator", "\"creditor\""},
    {"compromised", "[]"},
    {"compromised", "{}"},
    {"replacements", "[]"},
    {"device_types", "[]"},
    {"device_types", "[\"ESME\",\"ESME\"]"},
    {"device_types", "[\"TOASTER\"]"},
    {"roster.count", "0"},
    {"roster.count", "-1"},
    {"roster.count", "1.0"},
    {"roster.count", "100000001"},
    {"roster.sha256", "\"zz\""},
    {"attempts", "0"},
    {"attempts", "101"},
    {"valid_from", "\"2026-11-24 12:00:00\""},
    {"valid_to", "\"2026-11-24T12:00:00Z\""},
    {"valid_to", "\"2026-02-30T12:00:00Z\""},
    {"conflicts", "[{\"holder\":\"Member 1\"}]"},
    {"meeting.votes", "{\"for\":2,\"against\":0}"},
    {"meeting.members", "[]"},
    {"guidance.shall", "[]"},
    {"guidance.shall", "[{\"id\":\"x\",\"value\":\"y\"}]"},
    {"guidance.shall", "[{\"id\":\"x\",\"value\":\"y\",\"weight\":101}]"},
    {"guidance.steps", "[]"},
    {"reasons", "\"\""},
    {"reasons", "\"a\\tb\""},
    {"reasons", "null"},
    {"outcome", "\"direct-other\""},
};

START_TEST(no_value_is_out_of_range)
{
    json_t *value = json_loads(bad_values[_i].value, JSON_DECODE_ANY, NULL);

    ck_assert_ptr_nonnull(value);
    ck_assert(parse_doc());
    scene_set(&s, bad_values[_i].path, value);
    ck_assert_msg(!parse_doc(), "%s may be %s", bad_values[_i].path, bad_values[_i].value);
    ck_assert_str_eq(e.id, "decision.schema");
}
END_TEST

START_TEST(a_cell_is_replaced_by_one_certificate)
{
    json_t *list = json_object_get(s.doc, "replacements");

    ck_assert_int_eq(json_array_append(list, json_array_get(list, 0)), 0);
    ck_assert(!parse_doc());
    ck_assert_ptr_nonnull(strstr(e.text, "replacements[2]"));
}
END_TEST

START_TEST(a_refusal_needs_no_key)
{
    static const char *const spare[] = {"key",          "key_certificate", "method",
                                        "mode",         "replacements",    "roster",
                                        "device_types", "attempts"};

    scene_set(&s, "outcome", json_string("refuse"));
    for (size_t i = 0; i < sizeof spare / sizeof spare[0]; i++)
        scene_set(&s, spare[i], NULL);
    ck_assert_msg(parse_doc(), "%s", e.text);
    scene_sign(&s, 2);
    opens();
    ck_assert_int_eq(a.outcome, OUTCOME_REFUSE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("authority");
    TCase *t = tcase_create("all");
    SRunner *r;
    int bad;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, two_of_five_are_enough);
    tcase_add_test(t, one_signer_fewer_is_refused_and_shown);
    tcase_add_test(t, a_quorum_must_be_configured);
    tcase_add_test(t, one_member_signing_twice_counts_once);
    tcase_add_test(t, two_certificates_over_one_key_count_once);
    tcase_add_test(t, two_keys_of_one_holder_count_once);
    tcase_add_test(t, a_stranger_does_not_count);
    tcase_add_test(t, the_requester_does_not_count);
    tcase_add_test(t, a_conflict_of_interest_does_not_count);
    tcase_add_test(t, people_of_an_affected_organisation_do_not_count);
    tcase_add_test(t, a_required_seat_must_be_counted);
    tcase_add_test(t, more_people_than_members_is_an_alarm);
    tcase_add_test(t, an_approver_is_in_date_and_for_signing);
    tcase_add_test(t, a_ca_key_usage_is_no_approver);
    tcase_add_test(t, weak_keys_do_not_count);
    tcase_add_test(t, digests_are_sha2_of_256_bits_and_more);
    tcase_add_test(t, signatures_have_signed_attributes);
    tcase_add_test(t, a_signer_without_certificate_does_not_count);
    tcase_add_test(t, a_detached_document_is_refused);
    tcase_add_test(t, every_altered_octet_of_the_document_is_noticed);
    tcase_add_test(t, an_altered_signature_does_not_count);
    tcase_add_test(t, nothing_follows_the_message);
    tcase_add_test(t, nobody_has_signed);
    tcase_add_test(t, a_signature_may_not_be_one_of_too_many);
    tcase_add_test(t, other_kinds_of_cms_are_refused);
    tcase_add_test(t, a_size_limit_holds);
    tcase_add_test(t, pem_is_taken_as_well);
    tcase_add_test(t, a_document_is_by_whom_it_is_signed);
    tcase_add_test(t, officers_instruct_for_their_organisation);
    tcase_add_test(t, the_pma_gives_no_instruction);
    tcase_add_test(t, custodians_count_once_per_organisation);
    tcase_add_test(t, a_document_is_read_whole);
    tcase_add_test(t, no_member_is_unknown_and_none_is_twice);
    tcase_add_test(t, no_needed_member_is_missing);
    tcase_add_loop_test(t, no_value_is_out_of_range, 0,
                        (int)(sizeof bad_values / sizeof bad_values[0]));
    tcase_add_test(t, a_cell_is_replaced_by_one_certificate);
    tcase_add_test(t, a_refusal_needs_no_key);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}
