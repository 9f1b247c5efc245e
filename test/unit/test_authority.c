/* SPDX-License-Identifier: MIT */
#include "papers_kit.h"

#include "quorum.h"

#include <openssl/pem.h>

#include <sys/stat.h>

static bool read_by(size_t who)
{
    return authority_open(scene.cms, &scene.config, &scene.config.authorities[who],
                          scene.trust.anchors[who], SCENE_NOW, &decision, &e);
}

static void not_counted(const char *holder, const char *why)
{
    const struct authority_signer *one = signer_of(holder, 0);

    ck_assert(!one->counted);
    ck_assert_msg(strstr(one->reason, why) != NULL, "%s: %s", holder, one->reason);
}

/* --- the quorum --- */

START_TEST(two_of_five_are_enough)
{
    OK(read_decision());
    ck_assert_uint_eq(decision.n_signers, 2);
    ck_assert_uint_eq(decision.n_counted, 2);
    ck_assert_str_eq(signer_of("Member 1", 0)->seat, "chair");
    ck_assert_str_eq(signer_of("Member 2", 0)->organisation, "Party 2");
    ck_assert_str_eq(signer_of("Member 2", 0)->reason, "");
    scene_sign(&scene, 5);
    OK(read_decision());
    ck_assert_uint_eq(decision.n_counted, 5);
}
END_TEST

START_TEST(one_signer_fewer_is_refused_and_shown)
{
    scene_sign(&scene, 1);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_signers, 1);
    ck_assert(decision.signers[0].counted);
    scene.config.authorities[0].threshold = 3;
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.quorum");
    scene_sign(&scene, 3);
    OK(read_decision());
}
END_TEST

START_TEST(a_quorum_must_be_configured)
{
    scene.config.authorities[0].threshold = 0;
    REFUSED(read_decision(), "decision.no-quorum-configured");
    scene.config.authorities[0].threshold = 1; /* one alone decides nothing for the PMA */
    REFUSED(read_decision(), "decision.no-quorum-configured");
    scene.config.authorities[0].threshold = 2;
    OK(read_decision());
    ck_assert(!authority_open(scene.cms, &scene.config, &scene.config.authorities[0], NULL,
                              SCENE_NOW, &decision, &e));
    ck_assert_str_eq(e.id, "decision.no-quorum-configured");
}
END_TEST

START_TEST(one_member_signing_twice_counts_once)
{
    struct pki_pair pairs[3] = {scene.pma[0], scene.pma[0], scene.pma[1]};

    scene_sign_by(&scene, pairs, 2);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 1);
    ck_assert(signer_of("Member 1", 0)->counted && !signer_of("Member 1", 1)->counted);
    ck_assert_ptr_nonnull(strstr(signer_of("Member 1", 1)->reason, "same person"));
    scene_sign_by(&scene, pairs, 3);
    OK(read_decision());
    ck_assert_uint_eq(decision.n_counted, 2);
}
END_TEST

START_TEST(two_certificates_over_one_key_count_once)
{
    static const struct {
        const char *holder, *party, *why;
    } rows[] = {{"Somebody Else", "Party 1", "CN"},
                {"Member 1", "Party 9", "Organisation="},
                {"member  1", "PARTY 1", "same person"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pki_pair again = pki_person(rows[i].holder, "networks", rows[i].party, false,
                                           scene.pma[0].key, &scene.pma_anchor, FROM, TO);
        struct pki_pair pairs[2] = {scene.pma[0], again};

        scene_sign_by(&scene, pairs, 2);
        REFUSED(read_decision(), "decision.quorum");
        ck_assert_ptr_nonnull(strstr(
            decision.signers[decision.signers[0].counted ? 1 : 0].reason, rows[i].why));
        ck_assert_ptr_nonnull(strstr(e.text, rows[i].why)); /* and the refusal says so */
        pki_pair_done(&again);
    }
}
END_TEST

START_TEST(two_keys_of_one_holder_count_once)
{
    /* Spelling makes no second person. */
    struct pki_pair again = pki_person("MEMBER 1", "networks", "Party 1", false, NULL,
                                       &scene.pma_anchor, FROM, TO);
    struct pki_pair pairs[2] = {scene.pma[0], again};

    scene_person(&scene, "Member 1", "Party 1", NULL, again.key);
    scene_sign_by(&scene, pairs, 2);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 1);
    pki_pair_done(&again);
}
END_TEST

START_TEST(a_certificate_whose_key_is_nobodys_counts_for_nothing)
{
    struct pki_pair ghost = pki_person("Member 8", "networks", "Party 8", false, NULL,
                                       &scene.pma_anchor, FROM, TO);
    struct pki_pair pairs[3] = {scene.pma[0], ghost, scene.pma[1]};

    scene_sign_by(&scene, pairs, 2);
    REFUSED(read_decision(), "decision.quorum");
    not_counted("Member 8", "no [Person]");
    /* nor is it one of the members that may sign */
    scene.config.authorities[0].members = 2;
    scene_sign_by(&scene, pairs, 3);
    OK(read_decision());
    scene_person(&scene, "Member 8", "Party 8", NULL, ghost.key);
    REFUSED(read_decision(), "decision.members");
    pki_pair_done(&ghost);
}
END_TEST

/* --- who was revoked --- */

#define SCENE_S (SCENE_NOW / 1000000)

static const char *crl_path(void)
{
    return scene.config.authorities[0].crl;
}

/* Crl= of the PMA: by that CA, those of its members, in force from .. to. */
static void crl_by(const struct pki_pair *ca, X509 *const revoked[], size_t n, int64_t from,
                   int64_t to)
{
    X509_CRL *crl = pki_crl(ca, revoked, n, from, to);

    (void)snprintf(scene.config.authorities[0].crl, CONFIG_PATH_MAX, "%s",
                   kit_path("pma.crl"));
    pki_save_crl(crl_path(), crl);
    X509_CRL_free(crl);
}

START_TEST(who_was_revoked_counts_for_nothing)
{
    X509 *const second[] = {scene.pma[1].cert};

    crl_by(&scene.pma_anchor, NULL, 0, SCENE_S - 60, SCENE_S + 60);
    OK(read_decision());
    ck_assert_uint_eq(decision.n_counted, 2);
    crl_by(&scene.pma_anchor, second, 1, SCENE_S - 60, SCENE_S + 60);
    REFUSED_SAYING(read_decision(), "decision.quorum", "revoked");
    not_counted("Member 2", "revoked");
    ck_assert(signer_of("Member 1", 0)->counted);
    scene_sign(&scene, 3); /* two others are left */
    OK(read_decision());
    ck_assert_uint_eq(decision.n_counted, 2);
    scene.config.authorities[0].crl[0] = '\0'; /* nobody is asked */
    OK(read_decision());
    ck_assert_uint_eq(decision.n_counted, 3);
}
END_TEST

START_TEST(a_list_out_of_date_is_no_empty_one)
{
    static const struct {
        int64_t from, to;
        const char *why;
    } rows[] = {{SCENE_S - 60, SCENE_S, "out of date"},
                {SCENE_S - 60, SCENE_S - 1, "out of date"},
                {SCENE_S + 60, SCENE_S + 120, "not in force"},
                {SCENE_S - 60, 0, "no nextUpdate"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        crl_by(&scene.pma_anchor, NULL, 0, rows[i].from, rows[i].to);
        REFUSED_SAYING(read_decision(), "decision.crl", rows[i].why);
        ck_assert_uint_eq(decision.n_counted, 0);
    }
    crl_by(&scene.pma_anchor, NULL, 0, SCENE_S - 60, SCENE_S + 1);
    OK(read_decision());
}
END_TEST

START_TEST(a_list_is_signed_by_the_anchor)
{
    struct pki_pair other =
        pki_person("PMA Approver CA", NULL, "Test", true, NULL, NULL, FROM, TO);

    crl_by(&other, NULL, 0, SCENE_S - 60, SCENE_S + 60); /* of its name, by another key */
    REFUSED_SAYING(read_decision(), "decision.crl", "not signed");
    crl_by(&scene.org_anchor, NULL, 0, SCENE_S - 60, SCENE_S + 60);
    REFUSED_SAYING(read_decision(), "decision.crl", "not signed");
    pki_pair_done(&other);
}
END_TEST

/* Each CA of the anchor has its own: who is under one without a list is under none. */
START_TEST(each_issuer_has_a_list)
{
    struct pki_pair other =
        pki_person("PMA CA 2", NULL, "Test", true, NULL, NULL, FROM, TO);
    struct pki_pair second = pki_person("Member 2", "tabasc", "Party 2", false,
                                        scene.pma[1].key, &other, FROM, TO);
    struct pki_pair pairs[2] = {scene.pma[0], second};
    X509_CRL *crl = pki_crl(&other, NULL, 0, SCENE_S - 60, SCENE_S + 60);
    FILE *f;

    ck_assert_int_eq(X509_STORE_add_cert(scene.trust.anchors[0], other.cert), 1);
    scene_sign_by(&scene, pairs, 2);
    OK(read_decision());
    crl_by(&scene.pma_anchor, NULL, 0, SCENE_S - 60, SCENE_S + 60);
    REFUSED(read_decision(), "decision.quorum");
    not_counted("Member 2", "CRL");
    f = fopen(crl_path(), "a");
    ck_assert(f != NULL && PEM_write_X509_CRL(f, crl) == 1 && fclose(f) == 0);
    OK(read_decision());
    X509_CRL_free(crl);
    pki_pair_done(&second);
    pki_pair_done(&other);
}
END_TEST

START_TEST(a_list_that_cannot_be_read_is_none)
{
    char text[200];
    X509_CRL *crl = pki_crl(&scene.pma_anchor, NULL, 0, SCENE_S - 60, SCENE_S + 60);
    FILE *f;

    crl_by(&scene.pma_anchor, NULL, 0, SCENE_S - 60, SCENE_S + 60);
    OK(read_decision());
    f = fopen(crl_path(), "r+"); /* a second one, cut short */
    ck_assert(f != NULL && fread(text, 1, sizeof text, f) == sizeof text &&
              fseek(f, 0, SEEK_END) == 0 &&
              fwrite(text, 1, sizeof text, f) == sizeof text && fclose(f) == 0);
    REFUSED_SAYING(read_decision(), "decision.crl", "neither PEM nor DER");
    f = fopen(crl_path(), "w"); /* in DER */
    ck_assert(f != NULL && i2d_X509_CRL_fp(f, crl) == 1 && fclose(f) == 0);
    OK(read_decision());
    f = fopen(crl_path(), "a");
    ck_assert(f != NULL && fputc(0, f) == 0 && fclose(f) == 0);
    REFUSED(read_decision(), "decision.crl");
    f = fopen(crl_path(), "w");
    ck_assert(f != NULL && fclose(f) == 0);
    REFUSED(read_decision(), "decision.crl");
    ck_assert_int_eq(unlink(crl_path()), 0);
    REFUSED_SAYING(read_decision(), "decision.crl", "No such file");
    ck_assert_int_eq(mkdir(crl_path(), 0700), 0);
    REFUSED(read_decision(), "decision.crl");
    ck_assert_int_eq(rmdir(crl_path()), 0);
    X509_CRL_free(crl);
}
END_TEST

START_TEST(a_list_that_others_may_write_is_none)
{
    crl_by(&scene.pma_anchor, NULL, 0, SCENE_S - 60, SCENE_S + 60);
    ck_assert_int_eq(chmod(crl_path(), 0664), 0);
    REFUSED_SAYING(read_decision(), "config.owner", "pma.crl");
    ck_assert_int_eq(chmod(crl_path(), 0644), 0);
    OK(read_decision());
}
END_TEST

/* --- who will not count when the window ends --- */

START_TEST(who_ends_inside_the_window_is_told)
{
    const struct config_authority *pma = &scene.config.authorities[0];
    char why[QUORUM_WARNING_MAX] = "untouched";
    struct pki_pair ends, pairs[3];
    int64_t to_s;

    OK(read_decision());
    ck_assert(!quorum_ends_early(&decision, pma, why));
    ck_assert_str_eq(why, "untouched");
    to_s = decision.valid_to_us / 1000000;
    for (int late = 0; late < 2; late++) { /* at the window's very end: it lasts */
        ends = pki_person("Member 2", "tabasc", "Party 2", false, scene.pma[1].key,
                          &scene.pma_anchor, FROM, late ? to_s : to_s - 1);
        pairs[0] = scene.pma[0];
        pairs[1] = ends;
        pairs[2] = scene.pma[2];
        scene_sign_by(&scene, pairs, 2);
        OK(read_decision());
        ck_assert_int_eq(quorum_ends_early(&decision, pma, why), !late);
        pki_pair_done(&ends);
    }
    ck_assert_ptr_nonnull(strstr(why, "\"Member 2\" ends 2026-11-30T11:59:59"));
    ck_assert_ptr_nonnull(strstr(why, "1 still count and 2 are needed"));
    ck_assert_ptr_null(strstr(why, "seat"));
}
END_TEST

START_TEST(a_quorum_that_lasts_is_told_of_too)
{
    struct config_authority *pma = &scene.config.authorities[0];
    char why[QUORUM_WARNING_MAX];
    struct pki_pair ends =
        pki_person("Member 1", "chair", "Party 1", false, scene.pma[0].key,
                   &scene.pma_anchor, FROM, SCENE_NOW / 1000000 + 60);
    struct pki_pair pairs[3] = {ends, scene.pma[1], scene.pma[2]};

    scene_sign_by(&scene, pairs, 3);
    OK(read_decision());
    ck_assert(quorum_ends_early(&decision, pma, why));
    ck_assert_ptr_nonnull(strstr(why, "2 still count and 2 are needed"));
    ck_assert_ptr_null(strstr(why, "seat"));
    (void)strcpy(pma->seats[pma->n_seats++], "chair");
    OK(read_decision());
    ck_assert(quorum_ends_early(&decision, pma, why));
    ck_assert_ptr_nonnull(strstr(why, "seat \"chair\""));
    pki_pair_done(&ends);
}
END_TEST

START_TEST(nobody_is_configured_and_nobody_counts)
{
    scene.config.n_people = 0;
    REFUSED(read_decision(), "config.people");
}
END_TEST

START_TEST(a_stranger_does_not_count)
{
    struct pki_pair ca =
        pki_person("PMA Approver CA", NULL, "Test", true, NULL, NULL, FROM, TO);
    struct pki_pair stranger =
        pki_person("Member 2", "tabasc", "Party 2", false, scene.pma[1].key, &ca, FROM, TO);
    struct pki_pair self = pki_person("Member 3", "specialist", "Party 3", false,
                                      scene.pma[2].key, NULL, FROM, TO);
    struct pki_pair pairs[3] = {scene.pma[0], stranger, self};

    scene_sign_by(&scene, pairs, 3);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 1);
    for (size_t i = 0; i < 3; i++)
        ck_assert(decision.signers[i].counted ||
                  strstr(decision.signers[i].reason, "certificate:"));
    pairs[2] = scene.pma[1]; /* they do no harm beside two members either */
    scene_sign_by(&scene, pairs, 3);
    OK(read_decision());
    pki_pair_done(&ca);
    pki_pair_done(&stranger);
    pki_pair_done(&self);
}
END_TEST

START_TEST(the_requester_does_not_count)
{
    scene_set(&scene, "requester", json_string("member 2"));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.quorum");
    not_counted("Member 2", "asked");
    scene_sign(&scene, 3);
    OK(read_decision());
}
END_TEST

START_TEST(a_conflict_of_interest_does_not_count)
{
    scene_set(&scene, "conflicts",
              json_pack("[{ss,ss}]", "holder", "Member 1", "reason", "employed there"));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.quorum");
    not_counted("Member 1", "conflict");
    scene_sign(&scene, 3);
    OK(read_decision());
}
END_TEST

START_TEST(people_of_an_affected_organisation_do_not_count)
{
    scene_set(&scene, "subscriber_name", json_string("Party 1"));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.quorum");
    not_counted("Member 1", "affected");
    scene_set(&scene, "subscriber_name", json_string("Supplier Ltd"));
    scene_set(&scene, "affected_organisations", json_pack("[ss]", "Party 9", "party 2"));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.quorum");
    not_counted("Member 2", "affected");
    /* however it is spelt */
    scene_set(&scene, "affected_organisations",
              json_pack("[s]", "\xef\xbc\xb0"
                               "arty\xc2\xa0 2 "));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.quorum");
    not_counted("Member 2", "affected");
    scene_set(&scene, "affected_organisations", json_array());
    scene_sign(&scene, 2);
    OK(read_decision());
}
END_TEST

START_TEST(a_required_seat_must_be_counted)
{
    struct config_authority *who = &scene.config.authorities[0];
    struct pki_pair pairs[2] = {scene.pma[1], scene.pma[2]};

    (void)snprintf(who->seats[0], sizeof who->seats[0], "chair");
    who->n_seats = 1;
    OK(read_decision());
    scene_sign_by(&scene, pairs, 2);
    REFUSED(read_decision(), "decision.seats");
    /* The certificate alone seats nobody, and neither does configuration. */
    scene.config.people[0].n_seats = 0;
    scene_sign(&scene, 3);
    REFUSED(read_decision(), "decision.seats");
    scene.config.people[0].n_seats = 1;
    (void)strcpy(scene.config.people[1].seats[0], "chair");
    scene_sign_by(&scene, pairs, 2);
    REFUSED(read_decision(), "decision.seats");
    /* Present, but in conflict: the seat is not counted. */
    scene_set(&scene, "conflicts",
              json_pack("[{ss,ss}]", "holder", "Member 1", "reason", "employed there"));
    scene_sign(&scene, 3);
    REFUSED(read_decision(), "decision.seats");
}
END_TEST

START_TEST(what_the_meeting_voted_down_is_not_authorised_by_signatures)
{
    json_t *votes = json_object_get(json_object_get(scene.doc, "meeting"), "votes");

    (void)json_object_set_new(votes, "for", json_integer(2));
    (void)json_object_set_new(votes, "against", json_integer(3));
    scene_sign(&scene, 3);
    REFUSED_SAYING(read_decision(), "decision.votes", "2 voted for and 3 against");
    (void)json_object_set_new(votes, "against", json_integer(2));
    scene_sign(&scene, 3);
    REFUSED(read_decision(), "decision.votes");
    (void)json_object_set_new(votes, "against", json_integer(1));
    scene_sign(&scene, 3);
    OK(read_decision());
}
END_TEST

/* Changes what the record of the meeting says of one member: a vote, or no such member. */
static void in_meeting(size_t member, const char *vote)
{
    json_t *list = json_object_get(json_object_get(scene.doc, "meeting"), "members");

    if (vote == NULL)
        (void)json_array_remove(list, member);
    else
        (void)json_object_set_new(json_array_get(list, member), "vote", json_string(vote));
}

START_TEST(whoever_was_not_at_the_meeting_does_not_count)
{
    in_meeting(1, NULL);
    scene_sign(&scene, 2);
    REFUSED_SAYING(read_decision(), "decision.absent", "\"Member 2\": is not among");
    ck_assert_int_eq(signer_of("Member 2", 0)->verdict, SIGNER_ABSENT);
    ck_assert_int_eq(signer_of("Member 1", 0)->verdict, SIGNER_COUNTED);
    scene_sign(&scene, 3); /* and does no harm beside two who were */
    OK(read_decision());
    ck_assert_uint_eq(decision.n_counted, 2);
}
END_TEST

START_TEST(whoever_voted_against_an_authorisation_does_not_approve_it)
{
    json_t *votes = json_object_get(json_object_get(scene.doc, "meeting"), "votes");

    in_meeting(0, "for");
    in_meeting(1, "against");
    (void)json_object_set_new(votes, "against", json_integer(1));
    scene_sign(&scene, 2);
    REFUSED_SAYING(read_decision(), "decision.votes", "\"Member 2\": voted against");
    ck_assert_int_eq(signer_of("Member 2", 0)->verdict, SIGNER_VOTED_AGAINST);
    in_meeting(1, "abstain"); /* has let it pass, and signs that it did */
    scene_sign(&scene, 2);
    OK(read_decision());
}
END_TEST

START_TEST(a_record_of_the_meeting_that_contradicts_itself_is_none)
{
    json_t *votes = json_object_get(json_object_get(scene.doc, "meeting"), "votes");

    in_meeting(4, "against"); /* and nobody was */
    scene_sign(&scene, 3);
    REFUSED_SAYING(read_decision(), "decision.votes", "0 against and 1 named as such");
    (void)json_object_set_new(votes, "against", json_integer(1));
    scene_sign(&scene, 3);
    OK(read_decision());
    (void)json_object_set_new(votes, "for", json_integer(5));
    scene_sign(&scene, 3);
    REFUSED_SAYING(read_decision(), "decision.votes", "6 votes and 5 members present");
}
END_TEST

START_TEST(each_signer_who_does_not_count_is_named_with_the_reason)
{
    struct pki_pair pairs[3] = {scene.pma[0], scene.pma[1], scene.pma[2]};

    scene_set(&scene, "conflicts",
              json_pack("[{ss,ss},{ss,ss}]", "holder", "Member 1", "reason",
                        "employed there", "holder", "Member 3", "reason",
                        "employed there"));
    scene_sign_by(&scene, pairs, 3);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_ptr_nonnull(strstr(e.text, "\"Member 1\": is conflicted"));
    ck_assert_ptr_nonnull(strstr(e.text, "\"Member 3\": is conflicted"));
}
END_TEST

START_TEST(more_people_than_members_is_an_alarm)
{
    scene.config.authorities[0].members = 3;
    scene_sign(&scene, 3);
    OK(read_decision());
    scene_sign(&scene, 4);
    REFUSED(read_decision(), "decision.members");
}
END_TEST

START_TEST(an_approver_is_in_date_and_for_signing)
{
    struct pki_pair late =
        pki_person("Member 2", "tabasc", "Party 2", false, scene.pma[1].key,
                   &scene.pma_anchor, FROM, FROM + 86400);
    struct pki_pair early = pki_person("Member 3", "specialist", "Party 3", false,
                                       scene.pma[2].key, &scene.pma_anchor, TO - 86400, TO);
    struct pki_pair pairs[3] = {scene.pma[0], late, early};

    scene_sign_by(&scene, pairs, 3);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 1);
    pki_pair_done(&late);
    pki_pair_done(&early);
}
END_TEST

START_TEST(a_ca_key_usage_is_no_approver)
{
    struct pki_pair ca = pki_person("Member 2", "tabasc", "Party 2", true, scene.pma[1].key,
                                    &scene.pma_anchor, FROM, TO);
    struct pki_pair pairs[2] = {scene.pma[0], ca};

    scene_sign_by(&scene, pairs, 2); /* keyCertSign alone: not for signing documents */
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 1);
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
                                       &scene.pma_anchor, FROM, TO);
        struct pki_pair pairs[2] = {scene.pma[0], p};

        scene_person(&scene, "Member 8", "Party 8", NULL, keys[i]);
        scene_present(&scene, "Member 8");
        scene_sign_by(&scene, pairs, 2);
        if (i < 2)
            REFUSED(read_decision(), "decision.quorum");
        else
            OK(read_decision());
        pki_pair_done(&p);
        EVP_PKEY_free(keys[i]);
    }
}
END_TEST

/* What cannot be read whole might be the name that puts somebody aside. */
START_TEST(a_subject_that_is_not_read_whole_does_not_count)
{
    static const char party[] = /* 64 octets, as many as X.520 lets it have */
        "An organisation whose name is as long as a certificate takes one";
    struct pki_pair bent = {.cert = X509_dup(scene.pma[1].cert), .key = scene.pma[1].key};
    struct pki_pair pairs[2] = {scene.pma[0], bent};

    for (int n = 0; n < 3; n++) {
        X509_NAME *name = X509_NAME_new();
        const char *second[] = {"O", "O", "OU"};

        (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                         (const unsigned char *)"Member 2", -1, -1, 0);
        for (int k = 0; k < (n == 0 ? 1 : 2); k++)
            (void)X509_NAME_add_entry_by_txt(
                name, second[n], MBSTRING_UTF8,
                (const unsigned char *)(n == 0 ? party : "Party 2"), -1, -1, 0);
        ck_assert_int_eq(X509_set_subject_name(bent.cert, name), 1);
        ck_assert_int_gt(X509_sign(bent.cert, scene.pma_anchor.key, EVP_sha256()), 0);
        scene_sign_by(&scene, pairs, 2);
        REFUSED(read_decision(), "decision.quorum");
        not_counted("Member 2", "cannot be read whole");
        X509_NAME_free(name);
    }
    X509_free(bent.cert);
}
END_TEST

START_TEST(requester_and_conflicts_are_people_that_are_known)
{
    scene_set(&scene, "requester", json_string("Somebody Unknown"));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.unknown-person");
    scene_set(&scene, "requester", json_string("REQUESTER  One"));
    scene_set(&scene, "conflicts",
              json_pack("[{ss,ss}]", "holder", "Member Two", "reason", "employed there"));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.unknown-person");
    scene_set(&scene, "conflicts",
              json_pack("[{ss,ss}]", "holder",
                        "member\xc2\xa0"
                        "5",
                        "reason", "employed"));
    scene_sign(&scene, 2);
    OK(read_decision());
}
END_TEST

/* --- whom it is by --- */

START_TEST(a_document_is_by_whom_it_is_signed)
{
    scene_set(&scene, "by", json_string("somebody"));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.addressee");
}
END_TEST

START_TEST(officers_instruct_for_their_organisation)
{
    scene_set(&scene, "by", json_string("supplier"));
    scene_set(&scene, "kind", json_string("instruction"));
    scene_sign_by(&scene, scene.org, 1);
    OK(read_by(1));
    ck_assert_uint_eq(decision.n_counted, 1);
    /* The requester may be the officer: it is the organisation's own key. */
    scene_set(&scene, "requester", json_string("Officer 1"));
    scene_sign_by(&scene, scene.org, 1);
    OK(read_by(1));
    /* Not by members of the PMA, and not as a decision. */
    scene_sign(&scene, 2);
    ck_assert(!read_by(1));
    ck_assert_str_eq(e.id, "decision.quorum");
    scene_set(&scene, "kind", json_string("decision"));
    scene_sign_by(&scene, scene.org, 1);
    ck_assert(!read_by(1));
    ck_assert_str_eq(e.id, "decision.kind");
}
END_TEST

START_TEST(the_pma_gives_no_instruction)
{
    scene_set(&scene, "kind", json_string("instruction"));
    scene_sign(&scene, 2);
    REFUSED(read_decision(), "decision.kind");
}
END_TEST

static void make_activation(void)
{
    json_decref(scene.doc);
    scene.doc = json_pack(
        "{ss,ss,ss,ss,ss,ss,sb,ss,ss,ss,ss,ss}", "schema", "smki-recovery/authority/1",
        "kind", "activation", "id", "A-1", "incident", "I-1", "by", "pma", "outcome",
        "authorise", "exercise", 0, "key", "recovery", "decision",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "ceremony",
        "C-1", "valid_from", "2026-11-24T12:00:00Z", "valid_to", "2026-11-24T18:00:00Z");
}

START_TEST(custodians_count_once_per_organisation)
{
    struct pki_pair same = scene_pma_person(&scene, "Custodian 9", "custodian", "Party 1");
    struct pki_pair none = pki_person("Custodian 8", "custodian", NULL, false, NULL,
                                      &scene.pma_anchor, FROM, TO);
    struct pki_pair pairs[3] = {scene.pma[0], same, none};

    scene_person(&scene, "Custodian 8", "party 1", NULL, none.key);
    make_activation();
    scene_sign(&scene, 2);
    OK(read_decision());
    ck_assert_int_eq(decision.kind, KIND_ACTIVATION);
    ck_assert_uint_eq(decision.decision.b[1], 0x11);
    scene_sign_by(&scene, pairs, 3);
    REFUSED(read_decision(), "decision.quorum");
    ck_assert_uint_eq(decision.n_counted, 1);
    pki_pair_done(&same);
    pki_pair_done(&none);
}
END_TEST

static void add(TCase *t)
{
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
    tcase_add_test(t, what_the_meeting_voted_down_is_not_authorised_by_signatures);
    tcase_add_test(t, each_signer_who_does_not_count_is_named_with_the_reason);
    tcase_add_test(t, more_people_than_members_is_an_alarm);
    tcase_add_test(t, whoever_was_not_at_the_meeting_does_not_count);
    tcase_add_test(t, whoever_voted_against_an_authorisation_does_not_approve_it);
    tcase_add_test(t, a_record_of_the_meeting_that_contradicts_itself_is_none);
    tcase_add_test(t, an_approver_is_in_date_and_for_signing);
    tcase_add_test(t, a_ca_key_usage_is_no_approver);
    tcase_add_test(t, weak_keys_do_not_count);
    tcase_add_test(t, a_document_is_by_whom_it_is_signed);
    tcase_add_test(t, officers_instruct_for_their_organisation);
    tcase_add_test(t, the_pma_gives_no_instruction);
    tcase_add_test(t, custodians_count_once_per_organisation);
    tcase_add_test(t, a_certificate_whose_key_is_nobodys_counts_for_nothing);
    tcase_add_test(t, who_was_revoked_counts_for_nothing);
    tcase_add_test(t, a_list_out_of_date_is_no_empty_one);
    tcase_add_test(t, a_list_is_signed_by_the_anchor);
    tcase_add_test(t, each_issuer_has_a_list);
    tcase_add_test(t, a_list_that_cannot_be_read_is_none);
    tcase_add_test(t, a_list_that_others_may_write_is_none);
    tcase_add_test(t, who_ends_inside_the_window_is_told);
    tcase_add_test(t, a_quorum_that_lasts_is_told_of_too);
    tcase_add_test(t, nobody_is_configured_and_nobody_counts);
    tcase_add_test(t, a_subject_that_is_not_read_whole_does_not_count);
    tcase_add_test(t, requester_and_conflicts_are_people_that_are_known);
}

int main(void)
{
    return kit_run("authority", papers_kit_begin, papers_kit_end, add);
}
