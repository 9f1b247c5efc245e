/* SPDX-License-Identifier: MIT
 *
 * The register of keys: what ended them, which incident did, and for whom that counts.
 */
#include "certs_kit.h"
#include "keys.h"
#include "mem.h"

static void end(void)
{
    certs_kit_end();
    incident_kit_end();
}

/* What that incident hands in and decides; is it let stand? false and `e`: refused. */
static bool places(const char *id, const char *incident, const char *bad, const char *new)
{
    struct digest d;

    OK(certs_kit_hand_in(incident, "abcder"));
    d = certs_kit_decide(id, incident, KIND_DECISION, bad, new);
    return keys_may_place(store, &d, &e);
}

static void stepped(const char *incident, enum event event, enum state from, enum state to)
{
    OK(keys_stepped(store, incident, event, from, to, NOW, &e));
}

static int64_t entries(const char *what)
{
    int64_t n = 0;
    bool found;

    OK(store_number(store, &n, &found, &e, "SELECT count(*) FROM key_entry WHERE what = ?1",
                    "t", what));
    return n;
}

static void two_incidents(void)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    open_incident("I-2", ROUTE_UNDECIDED);
}

START_TEST(what_one_incident_calls_compromised_no_other_places)
{
    two_incidents();
    OK(places("D-1", "I-1", "a", "b"));
    REFUSED_SAYING(places("D-2", "I-2", "c", "a"), "replacement.ended",
                   "supplier-ds: compromised in incident I-1 on 2026-11-24T13:00:00");
    OK(places("D-3", "I-2", "c", "d"));
    /* what was placed may be placed again, there and elsewhere: an ACB's certificate is */
    OK(places("D-4", "I-1", "a", "b"));
    OK(places("D-5", "I-2", "c", "b"));
}
END_TEST

START_TEST(another_certificate_over_the_same_key_is_no_better)
{
    two_incidents();
    OK(places("D-1", "I-1", "a", "b"));
    REFUSED_SAYING(places("D-2", "I-2", "c", "r"), "replacement.ended", "incident I-1");
}
END_TEST

START_TEST(an_officer_alone_calls_nothing_compromised)
{
    struct digest d;

    two_incidents();
    OK(certs_kit_hand_in("I-1", "ab"));
    (void)certs_kit_decide("H-1", "I-1", KIND_INSTRUCTION, "a", "b");
    ck_assert_int_eq(entries("compromised"), 0);
    ck_assert_int_eq(entries("named"), 1);
    OK(certs_kit_hand_in("I-2", "ca"));
    d = certs_kit_decide("D-2", "I-2", KIND_DECISION, "c", "a");
    OK(keys_may_place(store, &d, &e));
}
END_TEST

START_TEST(a_decision_that_is_on_file_is_judged_again)
{
    struct digest d;

    two_incidents();
    OK(certs_kit_hand_in("I-2", "cr"));
    d = certs_kit_decide("D-2", "I-2", KIND_DECISION, "c", "r");
    OK(keys_may_place(store, &d, &e));
    OK(places("D-1", "I-1", "a", "b"));
    REFUSED_SAYING(keys_may_place(store, &d, &e), "replacement.ended", "incident I-1");
}
END_TEST

START_TEST(a_false_alarm_and_a_refusal_say_nothing_bad)
{
    two_incidents();
    OK(places("D-1", "I-1", "a", "b"));
    stepped("I-1", EVENT_ABORT, STATE_HALTED, STATE_FALSE_ALARM);
    OK(places("D-2", "I-2", "c", "a"));
    stepped("I-1", EVENT_CLOSE, STATE_FALSE_ALARM, STATE_CLOSED);
    OK(places("D-3", "I-2", "c", "a"));
    ck_assert_int_eq(entries("compromised"), 3); /* they stay, and say so */
    ck_assert_int_eq(number("SELECT count(*) FROM key_entry WHERE back_us = "
                            "1795525200000000"),
                     1);
    OK(places("D-4", "I-1", "d", "e"));
    stepped("I-1", EVENT_REFUSE, STATE_HALTED, STATE_REFUSED);
    OK(places("D-5", "I-2", "c", "d"));
    /* decided after all */
    stepped("I-1", EVENT_AUTHORISE_METHOD_3, STATE_REFUSED, STATE_AUTHORISED);
    OK(places("D-6", "I-2", "c", "d")); /* what was decided then is void */
    OK(places("D-7", "I-1", "d", "e"));
    REFUSED(places("D-8", "I-2", "c", "d"), "replacement.ended");
    /* an alarm that is over says as little, whatever was signed before */
    stepped("I-1", EVENT_ABORT, STATE_EXECUTING, STATE_STOPPED_MIDWAY);
    OK(places("D-9", "I-2", "c", "d"));
}
END_TEST

START_TEST(an_alarm_that_is_over_after_signing_says_nothing_bad_either)
{
    two_incidents();
    OK(places("D-1", "I-1", "a", "b"));
    stepped("I-1", EVENT_CONFIRM_WITHDRAWAL, STATE_EXECUTING, STATE_STOPPED_MIDWAY);
    OK(places("D-2", "I-2", "c", "a"));
    stepped("I-1", EVENT_CLOSE, STATE_STOPPED_MIDWAY, STATE_CLOSED);
    OK(places("D-3", "I-2", "c", "a"));
}
END_TEST

START_TEST(what_is_revoked_has_ended_and_its_key_has_not)
{
    two_incidents();
    OK(places("D-1", "I-1", "a", "b"));
    stepped("I-1", EVENT_REVOKED, STATE_RECOVERED, STATE_RECOVERED);
    stepped("I-1", EVENT_REVOKED, STATE_RECOVERED, STATE_RECOVERED);
    ck_assert_int_eq(entries("revoked"), 1);
    stepped("I-1", EVENT_ABORT, STATE_HALTED, STATE_FALSE_ALARM);
    REFUSED_SAYING(places("D-2", "I-2", "c", "a"), "replacement.ended",
                   "revoked in incident I-1");
    OK(places("D-3", "I-2", "c", "r"));
}
END_TEST

START_TEST(a_replaced_key_signs_no_more)
{
    bool found;
    struct keys_end got;

    two_incidents();
    OK(places("D-1", "I-1", "a", "b"));
    OK(keys_may_sign(store, false, "I-1", certs_kit_one('a'), &e)); /* its own successor */
    stepped("I-1", EVENT_EXECUTED, STATE_AWAITING_RESPONSES, STATE_RECOVERED);
    stepped("I-1", EVENT_REVOKED, STATE_RECOVERED, STATE_RECOVERED);
    ck_assert_int_eq(entries("replaced"), 1);
    REFUSED_SAYING(keys_may_sign(store, false, "I-2", certs_kit_one('a'), &e),
                   "key.replaced", "by incident I-1 on 2026-11-24");
    REFUSED(keys_may_sign(store, false, "I-2", certs_kit_one('r'), &e), "key.replaced");
    OK(keys_may_sign(store, false, "I-2", certs_kit_one('b'), &e));
    OK(keys_ended(store, false, "", certs_kit_one('a'), &got, &found, &e));
    ck_assert(found && got.what == KEYS_REPLACED);
    ck_assert_str_eq(got.incident, "I-1");
    /* compromised, with nothing in its place: that is for other rules */
    OK(keys_may_sign(store, false, "I-2", certs_kit_one('c'), &e));
}
END_TEST

START_TEST(exercise_and_live_do_not_see_each_other)
{
    two_incidents();
    OK(places("D-1", "I-1", "a", "b"));
    stepped("I-1", EVENT_EXECUTED, STATE_AWAITING_RESPONSES, STATE_RECOVERED);
    OK(store_run(store, &e, "UPDATE incident SET exercise = 1 WHERE id = 'I-1'", ""));
    OK(places("D-2", "I-2", "c", "a"));
    OK(keys_may_sign(store, false, "I-2", certs_kit_one('a'), &e));
    REFUSED(keys_may_sign(store, true, "I-1", certs_kit_one('a'), &e), "key.replaced");
}
END_TEST

static const struct digest symmetric = {{7}};

static void command(const char *incident, int64_t batch, const struct digest *document,
                    enum mode mode)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct batch b = {.id = batch};

    (void)snprintf(b.incident, sizeof b.incident, "%s", incident);
    a->digest = *document;
    a->mode = mode;
    a->symmetric_key_sha256 = symmetric;
    OK(keys_commanded(store, &b, a, certs_kit_one('h'), NOW + 60000000, &e));
}

START_TEST(a_contingency_is_spent_by_its_first_command)
{
    struct digest none = {{0}};

    two_incidents();
    command("I-1", 3, &none, MODE_ANY_BY_RECOVERY);
    ck_assert_int_eq(entries("spent"), 0);
    OK(keys_released(store, "I-1", &symmetric, NOW, &e));
    OK(keys_released(store, "I-1", &symmetric, NOW + 1, &e));
    ck_assert_int_eq(entries("released"), 1);
    OK(keys_may_release(store, "I-2", &symmetric, &e));
    command("I-1", 4, &none, MODE_ANY_BY_CONTINGENCY);
    command("I-1", 5, &none, MODE_ANY_BY_CONTINGENCY);
    ck_assert_int_eq(entries("spent"), 2);
    OK(keys_may_sign(store, false, "I-1", certs_kit_one('h'), &e)); /* it goes on */
    OK(keys_may_release(store, "I-1", &symmetric, &e));
    REFUSED_SAYING(keys_may_sign(store, false, "I-2", certs_kit_one('h'), &e),
                   "contingency.spent", "by incident I-1 on 2026-11-24T13:01:00");
    REFUSED_SAYING(keys_may_release(store, "I-2", &symmetric, &e), "contingency.spent",
                   "spent in incident I-1");
}
END_TEST

START_TEST(a_symmetric_key_leaves_its_custodians_once)
{
    two_incidents();
    OK(keys_released(store, "I-1", &symmetric, NOW, &e));
    OK(keys_may_release(store, "I-2", &symmetric, &e)); /* that one may never use it */
    set_state("I-1", "contingency", "CLOSED");
    REFUSED_SAYING(keys_may_release(store, "I-2", &symmetric, &e), "contingency.spent",
                   "released in incident I-1");
    OK(keys_may_release(store, "I-2", &(struct digest){{8}}, &e));
}
END_TEST

START_TEST(where_a_certificate_was_placed_is_known_from_the_first_command)
{
    struct digest d;

    two_incidents();
    OK(certs_kit_hand_in("I-1", "abc"));
    d = certs_kit_decide("D-1", "I-1", KIND_DECISION, "a", "bc");
    ck_assert_int_eq(entries("placed"), 0);
    command("I-1", 3, &d, MODE_ANY_BY_RECOVERY);
    command("I-1", 4, &d, MODE_ANY_BY_RECOVERY);
    ck_assert_int_eq(entries("placed"), 2);
    ck_assert_int_eq(number("SELECT count(*) FROM key_entry WHERE what = 'placed'"
                            " AND batch = 3 AND source = 'batch 3' AND subject != ''"
                            " AND at_us = 1795525260000000"),
                     2);
}
END_TEST

/* A file about the certificate of that letter, by the party with this last octet. */
static void notice(const char *incident, char letter, uint8_t party,
                   enum partyfile_kind kind)
{
    AUTO(mem) struct partyfile_header *h = calloc(1, sizeof *h);
    struct partyfile_certificate *c = &h->certificates[0];

    h->kind = kind;
    h->subscriber = certs_kit_one('a')->eui;
    h->subscriber.b[7] = party;
    (void)strcpy(h->id, "F-1");
    (void)strcpy(c->issuer, "1");
    ck_assert_uint_lt(strlen(certs_kit_one(letter)->serial), sizeof c->serial);
    (void)strcpy(c->serial, certs_kit_one(letter)->serial);
    c->has_subject = c->has_cell = true;
    c->subject = certs_kit_one('a')->eui;
    c->cell = CELL_SUPPLIER_DS;
    h->n_certificates = 1;
    OK(keys_noticed(store, incident, h, NOW, &e));
}

START_TEST(a_notification_file_names_certificates_that_nobody_has_seen_yet)
{
    struct digest d;

    two_incidents();
    notice("I-1", 'a', 1, PARTYFILE_ORGANISATION_NOTIFICATION);
    REFUSED_SAYING(places("D-1", "I-2", "c", "a"), "replacement.ended", "incident I-1");
    REFUSED(places("D-2", "I-2", "c", "r"), "replacement.ended"); /* learnt by now */
    /* and where the certificate is on file before it is named */
    d = certs_kit_decide("D-3", "I-2", KIND_DECISION, "c", "d");
    OK(keys_may_place(store, &d, &e));
    notice("I-1", 'd', 1, PARTYFILE_ORGANISATION_NOTIFICATION);
    REFUSED(keys_may_place(store, &d, &e), "replacement.ended");
    stepped("I-1", EVENT_CONFIRM_WITHDRAWAL, STATE_SUSPENDED, STATE_FALSE_ALARM);
    OK(keys_may_place(store, &d, &e));
    stepped("I-1", EVENT_REFER_TO_PMA, STATE_FALSE_ALARM, STATE_WITH_PMA);
    REFUSED(keys_may_place(store, &d, &e), "replacement.ended");
}
END_TEST

START_TEST(nobody_ends_the_certificate_of_another_party_by_a_file)
{
    two_incidents();
    notice("I-1", 'a', 2, PARTYFILE_ORGANISATION_NOTIFICATION);
    ck_assert_int_eq(entries("compromised"), 0);
    OK(places("D-1", "I-2", "c", "a"));
    /* nor one that the file calls its own */
    notice("I-1", 'e', 1, PARTYFILE_ORGANISATION_NOTIFICATION);
    OK(store_run(store, &e,
                 "UPDATE key_entry SET party = '90B3D51F30020002' WHERE"
                 " what = 'compromised' AND incident = 'I-1'",
                 ""));
    OK(places("D-2", "I-2", "c", "e"));
    notice("I-1", 'b', 2, PARTYFILE_OTHER_NOTIFICATION); /* the DCC may name any */
    REFUSED(places("D-3", "I-2", "c", "b"), "replacement.ended");
}
END_TEST

START_TEST(steps_of_an_incident_are_on_the_register)
{
    two_incidents();
    OK(places("D-1", "I-1", "a", "b"));
    set_state("I-1", "method-3", "RECOVERED");
    reload("I-1");
    OK(dcc(EVENT_REVOKED, "{\"revocation\":\"list 1\"}"));
    ck_assert_int_eq(entries("revoked"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM key_entry WHERE what = 'revoked'"
                            " AND source = 'event revoked' AND subject != ''"),
                     1);
    ck_assert_str_eq(keys_what_name(KEYS_SPENT), "spent");
    ck_assert_str_eq(keys_what_name(KEYS_WHATS), "unknown");
}
END_TEST

START_TEST(what_is_known_by_digest_alone_is_learnt_from_the_bundles)
{
    struct digest d;

    two_incidents();
    (void)certs_kit_decide("D-1", "I-1", KIND_DECISION, "a", "b"); /* no bundle */
    OK(certs_kit_hand_in("I-2", "cr"));
    d = certs_kit_decide("D-2", "I-2", KIND_DECISION, "c", "r");
    OK(keys_may_place(store, &d, &e));
    OK(store_run(store, &e,
                 "INSERT INTO bundle VALUES ('I-1', 1, x'6A', 0, '[]', '[]', '', 1)", ""));
    OK(keys_learn_all(store, &e)); /* what cannot be read teaches nothing */
    OK(keys_may_place(store, &d, &e));
    OK(certs_kit_hand_in("I-2", "cra"));
    REFUSED(keys_may_place(store, &d, &e), "replacement.ended");
    OK(store_run(store, &e, "UPDATE key_entry SET subject = '', key = ''", ""));
    OK(store_run(
        store, &e,
        "UPDATE bundle SET incident = 'I-1', version = version + 9 WHERE incident = 'I-2'",
        ""));
    OK(keys_learn_all(store, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM key_entry WHERE what = 'compromised'"
                            " AND key != '' AND subject != ''"),
                     2);
}
END_TEST

KIT_MAIN("keys", incident_kit_begin, end,
         what_one_incident_calls_compromised_no_other_places,
         another_certificate_over_the_same_key_is_no_better,
         an_officer_alone_calls_nothing_compromised,
         a_decision_that_is_on_file_is_judged_again,
         a_false_alarm_and_a_refusal_say_nothing_bad,
         an_alarm_that_is_over_after_signing_says_nothing_bad_either,
         what_is_revoked_has_ended_and_its_key_has_not, a_replaced_key_signs_no_more,
         exercise_and_live_do_not_see_each_other,
         a_contingency_is_spent_by_its_first_command,
         a_symmetric_key_leaves_its_custodians_once,
         where_a_certificate_was_placed_is_known_from_the_first_command,
         a_notification_file_names_certificates_that_nobody_has_seen_yet,
         nobody_ends_the_certificate_of_another_party_by_a_file,
         steps_of_an_incident_are_on_the_register,
         what_is_known_by_digest_alone_is_learnt_from_the_bundles)
