/* SPDX-License-Identifier: MIT
 *
 * Rosters and decisions of an incident.
 */
#include "deferral.h"
#include "incident_kit.h"
#include "mem.h"
#include "rosters.h"

#define DECISION "{\"kind\":\"decision\"}"

START_TEST(the_latest_roster_counts)
{
    struct digest first;
    struct digest d;
    uint32_t rows;
    bool found;

    OK(docket_roster(store, "I-1", &d, &rows, &found, &e));
    ck_assert(!found);
    open_incident("I-1", ROUTE_UNDECIDED);
    put_roster("I-1", 0, 5);
    OK(docket_roster(store, "I-1", &first, &rows, &found, &e));
    ck_assert(found && rows == 5);
    put_roster("I-1", 0, 6);
    OK(docket_roster(store, "I-1", &d, &rows, &found, &e));
    ck_assert(found && rows == 6);
    ck_assert(!digest_equal(&first, &d));
    ck_assert_int_eq(number("SELECT max(version) FROM roster"), 2);
    ck_assert_int_eq(
        number("SELECT count(*) FROM roster WHERE by_type = '{\"GSME\":3,\"ESME\":3}'"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%ROSTER_RECEIVED%'"),
                     2);
}
END_TEST

/* Devices of incident "new" that stand elsewhere. */
static uint32_t elsewhere(char where[128])
{
    struct digest d;
    struct roster r;
    char hex[HEX_LEN(32)];
    char name[80];
    uint32_t rows;
    uint32_t n;
    bool found;
    FILE *f;

    OK(docket_roster(store, "new", &d, &rows, &found, &e));
    hex_encode_lower(d.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    f = fopen(kit_path(name), "r");
    ck_assert_ptr_nonnull(f);
    OK(roster_open_fd(fileno(f), name, &r, &e));
    (void)fclose(f);
    OK(docket_elsewhere(&docket, "new", &r, &n, where, &e));
    roster_done(&r);
    return n;
}

START_TEST(devices_in_another_open_incident_are_found)
{
    char where[128];

    open_incident("closed", ROUTE_UNDECIDED);
    put_roster("closed", 0, 50);
    set_state("closed", "undecided", "CLOSED");
    open_incident("other", ROUTE_UNDECIDED);
    put_roster("other", 0, 50); /* an earlier list does not count */
    put_roster("other", 15, 10);
    open_incident("new", ROUTE_UNDECIDED);
    put_roster("new", 0, 10);
    ck_assert_uint_eq(elsewhere(where), 0);
    ck_assert_str_eq(where, "");
    ck_assert_uint_eq(facts().devices_elsewhere, 0);
    put_roster("new", 5, 15);
    ck_assert_uint_eq(elsewhere(where), 5);
    ck_assert_str_eq(where, "device 00DB00000000000F is in open incident other");
    ck_assert_uint_eq(facts().devices_elsewhere, 5);
    open_incident("third", ROUTE_UNDECIDED);
    put_roster("third", 5, 2);
    ck_assert_uint_eq(elsewhere(where), 7);
    reload("new");
    confirm();
    OK(steps(EVENT_RECEIVE_FILE, ACTOR_DCC, "{\"notification-file\":\"x\"}", NULL));
    REFUSED(dcc(EVENT_ASK_SUSPENSION, "{\"suspension-request\":\"x\"}"),
            "incident.device-elsewhere");
    set_state("other", "undecided", "CLOSED");
    set_state("third", "undecided", "CLOSED");
    OK(dcc(EVENT_ASK_SUSPENSION, "{\"suspension-request\":\"x\"}"));
}
END_TEST

/* The same devices, with cells of their own. */
static void put_cells(const char *incident, const char *cells)
{
    char list[512];
    char hex[HEX_LEN(32)];
    char name[80];
    struct docket_list l;
    struct roster r;

    (void)snprintf(list, sizeof list,
                   "device,type,status,cells\n00DB000000000001,ESME,commissioned,%s\n"
                   "00DB000000000002,ESME,commissioned,%s\n",
                   cells, cells);
    OK(roster_open(span_of(list, strlen(list)), "r.csv", &r, &e));
    hex_encode_lower(r.digest.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_text(name, list);
    OK(docket_put_roster(&docket, incident, &r, "uid 1000", &l, &e));
    roster_done(&r);
}

START_TEST(users_of_one_shared_event_may_list_a_meter_with_cells_of_their_own)
{
    char where[128];

    open_incident("other", ROUTE_UNDECIDED);
    open_incident("new", ROUTE_UNDECIDED);
    put_cells("other", "supplier-ds+supplier-ka");
    put_cells("new", "network-ds");
    ck_assert_uint_eq(elsewhere(where), 2); /* they have nothing to do with each other */
    OK(store_run(store, &e, "UPDATE incident SET parent = 'P' WHERE id = 'new'", ""));
    ck_assert_uint_eq(elsewhere(where), 2);
    OK(store_run(store, &e, "UPDATE incident SET parent = 'Q' WHERE id = 'other'", ""));
    ck_assert_uint_eq(elsewhere(where), 2); /* of two events */
    OK(store_run(store, &e, "UPDATE incident SET parent = 'P'", ""));
    ck_assert_uint_eq(elsewhere(where), 0);
    put_cells("new", "network-ds+supplier-ka"); /* one cell is in both */
    ck_assert_uint_eq(elsewhere(where), 2);
    put_cells("new", ""); /* any cell */
    ck_assert_uint_eq(elsewhere(where), 2);
    put_cells("new", "network-ds");
    put_cells("other", "");
    ck_assert_uint_eq(elsewhere(where), 2);
}
END_TEST

START_TEST(a_list_that_is_gone_is_an_error)
{
    struct incident_facts f;
    char command[256];

    open_incident("other", ROUTE_UNDECIDED);
    put_roster("other", 0, 5);
    open_incident("I-1", ROUTE_UNDECIDED);
    put_roster("I-1", 5, 5);
    OK(docket_facts(&docket, &inc, true, &f, &e));
    (void)snprintf(command, sizeof command, "rm %s/*.csv", kit_dir);
    ck_assert_int_eq(system(command), 0);
    REFUSED(docket_facts(&docket, &inc, true, &f, &e), "store.failed");
    OK(docket_facts(&docket, &inc, false, &f, &e)); /* without lists */
    ck_assert_uint_eq(f.devices_elsewhere, 0);
}
END_TEST

/* --- devices that were refused --- */

static uint32_t refused_of(const char *incident)
{
    struct digest sha256;
    struct roster r;
    uint32_t rows;
    uint32_t n;
    bool found;

    OK(docket_roster(store, incident, &sha256, &rows, &found, &e));
    OK(rosters_open(docket.roster_dir, &sha256, &r, &e));
    OK(docket_refused(&docket, incident, &r, &n, &e));
    roster_done(&r);
    return n;
}

static void event_of(const char *incident, const char *event)
{
    OK(store_run(store, &e,
                 "INSERT INTO incident_event (incident, event, from_state, to_state, at_us,"
                 " actor, evidence) VALUES (?1, ?2, 'WITH_PMA', 'REFUSED', ?3, '', '{}')",
                 "tti", incident, event, docket.now_us));
}

START_TEST(a_device_that_was_refused_is_known_in_whatever_list_it_comes_back)
{
    config.service.refused_list_d = 28;
    open_incident("old", ROUTE_UNDECIDED);
    put_roster("old", 0, 5); /* an earlier list: nobody refused it */
    put_roster("old", 10, 20);
    open_incident("older", ROUTE_UNDECIDED);
    put_roster("older", 25, 10); /* devices 25 to 29 are in both */
    open_incident("new", ROUTE_UNDECIDED);
    put_roster("new", 0, 40);
    ck_assert_uint_eq(refused_of("new"), 0);
    event_of("old", "refuse");
    ck_assert_uint_eq(refused_of("new"), 20);
    event_of("older", "refuse");
    ck_assert_uint_eq(refused_of("new"), 25); /* each device once */
    docket.now_us++;
    put_roster("old", 50, 5); /* a later one changes nothing */
    ck_assert_uint_eq(refused_of("new"), 25);
    ck_assert_uint_eq(facts().devices_refused, 25);
    put_roster("new", 11, 20); /* one line is another */
    ck_assert_uint_eq(refused_of("new"), 20);
    put_roster("new", 0, 10);
    ck_assert_uint_eq(refused_of("new"), 0);
    put_roster("new", 34, 10);
    ck_assert_uint_eq(refused_of("new"), 1); /* one is enough */
    reload("new");
    confirm();
    REFUSED(dcc(EVENT_RECEIVE_FILE, "{\"notification-file\":\"x\"}"),
            "incident.list-refused");
    ck_assert_ptr_nonnull(strstr(e.text, "(devices: 1)"));
    event_of("older", "authorise-method-3"); /* the PMA went back on it there */
    ck_assert_uint_eq(refused_of("new"), 0);
    put_roster("new", 10, 1);
    ck_assert_uint_eq(refused_of("new"), 1);
    ck_assert_uint_eq(refused_of("old"), 0); /* its own refusal is no other incident's */
    OK(steps(EVENT_RECEIVE_FILE, ACTOR_DCC, "{\"notification-file\":\"x\"}",
             "{\"notified_anew\":true}"));
    docket.now_us += INT64_C(28) * 86400 * 1000000;
    ck_assert_uint_eq(refused_of("new"), 0);
}
END_TEST

/* --- decisions --- */

static struct docket_decision d;

static void state_is(const char *id, enum decision_state state)
{
    OK(docket_decision(store, "I-1", id, &d, &e));
    ck_assert_int_eq(d.state, state);
}

START_TEST(a_decision_is_on_file_once)
{
    struct authority a = {.outcome = AUTHORITY_AUTHORISE};
    struct digest digest;
    bool found;

    REFUSED(docket_decision(store, "I-1", "D-1", &d, &e), "decision.none");
    ck_assert_int_eq(e.code, ERR_MISSING);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE, DECISION);
    OK(docket_decision(store, "I-1", "D-1", &d, &e));
    ck_assert_str_eq(d.outcome, "authorise");
    ck_assert_str_eq(d.key, "recovery");
    ck_assert_int_eq(d.at_us, NOW);
    digest = d.digest;
    OK(docket_decision_by_digest(store, &digest, &d, &found, &e));
    ck_assert(found);
    ck_assert_str_eq(d.id, "D-1");
    digest.b[0] ^= 1;
    OK(docket_decision_by_digest(store, &digest, &d, &found, &e));
    ck_assert(!found);
    (void)strcpy(a.id, "D-1"); /* the same name, other words */
    (void)strcpy(a.incident, "I-1");
    REFUSED(docket_put_decision(&docket, &a, span_of("x", 1), span_of("{}", 2), "[]",
                                "uid 1", &e),
            "decision.again");
    (void)strcpy(a.id, "D-2"); /* the same words, another name */
    digest.b[0] ^= 1;
    a.digest = digest;
    REFUSED(docket_put_decision(&docket, &a, span_of("x", 1), span_of("{}", 2), "[]",
                                "uid 1", &e),
            "decision.again");
    (void)strcpy(a.incident, "I-2");
    a.digest.b[0] ^= 1;
    OK(docket_put_decision(&docket, &a, span_of("x", 1), span_of("{}", 2), "[]", "uid 1",
                           &e));
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%DOCUMENT_ACCEPTED%'"),
                     2);
}
END_TEST

START_TEST(a_later_decision_takes_the_place_of_an_earlier_one)
{
    bool found;

    decide("D-1", "I-1", AUTHORITY_AUTHORISE, DECISION);
    decide("D-9", "I-2", AUTHORITY_AUTHORISE, DECISION); /* another incident's */
    decide("D-0", "I-1", AUTHORITY_REFUSE, DECISION);
    OK(docket_authorised(store, "I-1", &d, &found, &e));
    ck_assert(found);
    ck_assert_str_eq(d.id, "D-1");
    decide("D-2", "I-1", AUTHORITY_AUTHORISE, DECISION);
    OK(docket_decision(store, "I-1", "D-2", &d, &e));
    OK(docket_void_decisions(&docket, "I-1", &d.digest, DECISION_SUPERSEDED, &e));
    state_is("D-1", DECISION_SUPERSEDED);
    state_is("D-2", DECISION_LIVE);
    state_is("D-0", DECISION_LIVE); /* a refusal authorises nothing and stays as it is */
    OK(docket_authorised(store, "I-1", &d, &found, &e));
    ck_assert(found);
    ck_assert_str_eq(d.id, "D-2");
    OK(docket_void_decisions(&docket, "I-1", &(struct digest){{0}}, DECISION_VOID, &e));
    state_is("D-1", DECISION_SUPERSEDED); /* once and for all */
    state_is("D-2", DECISION_VOID);
    OK(docket_authorised(store, "I-1", &d, &found, &e));
    ck_assert(!found);
    OK(docket_authorised(store, "I-2", &d, &found, &e));
    ck_assert(found);
}
END_TEST

START_TEST(an_instruction_is_no_decision_of_the_pma)
{
    bool found;

    decide("N-1", "I-1", AUTHORITY_AUTHORISE, "{\"kind\":\"instruction\"}");
    OK(docket_authorised(store, "I-1", &d, &found, &e));
    ck_assert(!found);
}
END_TEST

START_TEST(a_live_decision_makes_facts)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    (void)strcpy(config.keys[0].name, "acb");
    (void)strcpy(config.keys[1].name, "recovery");
    config.n_keys = 2;
    docket.token_keys = 2;
    ck_assert(!facts().decision_live && !facts().token_key_proved);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE, DECISION);
    ck_assert(facts().decision_live && facts().token_key_proved);
    docket.token_keys = 1; /* another key than the decision names */
    ck_assert(!facts().token_key_proved);
    OK(docket_void_decisions(&docket, "I-1", &(struct digest){{0}}, DECISION_VOID, &e));
    ck_assert(!facts().decision_live);
}
END_TEST

START_TEST(an_activation_authorises_nothing)
{
    struct authority a = {.kind = KIND_ACTIVATION, .outcome = AUTHORITY_AUTHORISE};
    bool found;

    (void)strcpy(a.id, "A-1");
    (void)strcpy(a.incident, "I-1");
    OK(docket_put_decision(&docket, &a, span_of("x", 1), span_of("{}", 2), "[]", "uid 1",
                           &e));
    OK(docket_authorised(store, "I-1", &d, &found, &e));
    ck_assert(!found);
    OK(docket_void_decisions(&docket, "I-1", &(struct digest){{1}}, DECISION_VOID, &e));
    state_is("A-1", DECISION_VOID);
    ck_assert_str_eq(docket_decision_state_name(DECISION_VOID), "void");
    ck_assert_str_eq(docket_decision_state_name((enum decision_state)3), "unknown");
}
END_TEST

START_TEST(a_key_switched_off_leaves_no_activation)
{
    struct authority a = {.kind = KIND_ACTIVATION, .outcome = AUTHORITY_AUTHORISE};

    decide("D-1", "I-1", AUTHORITY_AUTHORISE, "{\"kind\":\"decision\"}");
    (void)strcpy(a.incident, "I-1");
    for (unsigned i = 0; i < 2; i++) {
        a.digest.b[0] = (uint8_t)i;
        (void)snprintf(a.id, sizeof a.id, "A-%u", i);
        OK(docket_put_decision(&docket, &a, span_of("x", 1), span_of("{}", 2), "[]",
                               "uid 1", &e));
    }
    OK(docket_void_activations(&docket, "I-1", "uid 1", &e));
    state_is("A-0", DECISION_VOID);
    state_is("A-1", DECISION_VOID);
    state_is("D-1", DECISION_LIVE);
    ck_assert_int_eq(number("SELECT count(*) FROM audit"
                            " WHERE line LIKE '%\"kind\":\"ACTIVATION_VOIDED\"%'"),
                     2);
}
END_TEST

static struct digest digest_by(const char *id)
{
    return digest_of(span_of(id, strlen(id)), span_of("I-1", 3));
}

START_TEST(only_a_live_decision_that_authorises_lets_sign)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct digest d1 = digest_by("D-1");
    struct digest d2 = digest_by("D-2");
    struct docket_decision last;
    bool found;

    open_incident("I-1", ROUTE_UNDECIDED);
    REFUSED(docket_in_force(store, &d1, a, &e), "decision.none");
    OK(docket_last_decision(store, "I-1", &last, &found, &e));
    ck_assert(!found);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE, DECISION);
    /* it stands, so it is read: what is on file here is no whole document */
    REFUSED(docket_in_force(store, &d1, a, &e), "decision.schema");
    decide("D-2", "I-1", AUTHORITY_REFUSE, DECISION);
    REFUSED(docket_in_force(store, &d2, a, &e), "decision.revoked");
    OK(docket_last_decision(store, "I-1", &last, &found, &e));
    ck_assert(found && digest_equal(&last.digest, &d2));
    OK(docket_void_decisions(&docket, "I-1", &d2, DECISION_VOID, &e));
    REFUSED(docket_in_force(store, &d1, a, &e), "decision.revoked");
}
END_TEST

static bool count_expired(void *arg, const struct docket_window *w)
{
    *(size_t *)arg += strcmp(w->incident, "I-1") == 0 && w->to_us <= NOW;
    return true;
}

static size_t expired(void)
{
    size_t n = 0;

    OK(docket_each_window(store, count_expired, &n, &e));
    return n;
}

START_TEST(a_window_that_is_over_is_found_where_it_matters)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE,
           "{\"kind\":\"decision\",\"valid_to\":\"2026-11-24T13:00:00Z\"}");
    ck_assert_uint_eq(expired(), 0); /* nothing waits for it */
    set_state("I-1", "method-3", "KEY_ACTIVE");
    ck_assert_uint_eq(expired(), 1);
    OK(store_run(store, &e, "UPDATE decision SET json = replace(json, '13:00', '13:01')",
                 ""));
    ck_assert_uint_eq(expired(), 0); /* it is open yet */
}
END_TEST

START_TEST(the_symmetric_key_is_the_one_that_the_decision_names)
{
    struct span key = span_of("0123456789abcdef", 16);
    struct digest sum = digest_of(key, (struct span){NULL, 0});
    struct digest got;
    char json[160];
    char hex[HEX_LEN(32)];

    open_incident("I-1", ROUTE_UNDECIDED);
    REFUSED(docket_put_symmetric(&docket, "I-1", key, "uid 1", &got, &e),
            "contingency.symmetric-key");
    hex_encode(sum.b, 32, hex); /* in capitals is the same digest */
    (void)snprintf(json, sizeof json, "{\"symmetric_key_sha256\":\"%s\"}", hex);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE, json);
    REFUSED(docket_put_symmetric(&docket, "I-1", span_of("another", 7), "uid 1", &got, &e),
            "contingency.symmetric-key");
    ck_assert_int_eq(number("SELECT count(*) FROM symmetric"), 0);
    OK(docket_put_symmetric(&docket, "I-1", key, "uid 1", &got, &e));
    ck_assert(digest_equal(&got, &sum));
    ck_assert_int_eq(number("SELECT count(*) FROM symmetric"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%SYMMETRIC_KEY_RELEASED%' AND line NOT LIKE '%0123456789%'"),
                     1);
}
END_TEST

START_TEST(a_deadline_rings_once_for_each_time_that_a_state_was_entered)
{
    bool rang;

    open_incident("I-1", ROUTE_UNDECIDED);
    OK(docket_rang(store, "I-1", inc.state, inc.since_us, &rang, &e));
    ck_assert(!rang);
    OK(docket_ring(&docket, "I-1", inc.state, inc.since_us, &e));
    OK(docket_rang(store, "I-1", inc.state, inc.since_us, &rang, &e));
    ck_assert(rang);
    OK(docket_rang(store, "I-1", inc.state, inc.since_us + 1, &rang, &e));
    ck_assert(!rang);
    OK(docket_rang(store, "I-1", STATE_CLOSED, inc.since_us, &rang, &e));
    ck_assert(!rang); /* of another state, entered in the same moment */
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%DEADLINE_PASSED%'"),
                     1);
}
END_TEST

static bool take_deferral(void *arg, const struct deferral *one)
{
    struct deferral *last = arg;

    *last = *one; /* its texts are gone once this returns */
    last->outcome = strcmp(one->outcome, "defer-revocation") == 0 ? "revocation" : "other";
    ck_assert_str_eq(one->end_condition, "all are safe");
    ck_assert_str_eq(one->document, "F-2");
    return true;
}

/* The later one of two counts; its review rings once; what is ended is none. */
START_TEST(a_deferral_lives_until_it_is_ended)
{
    struct deferral last = {0};
    struct deferral due = {.incident = "I-1",
                           .document = "F-2",
                           .outcome = "defer-revocation",
                           .end_condition = "all are safe",
                           .review_us = NOW};

    open_incident("I-1", ROUTE_UNDECIDED);
    set_state("I-1", "undecided", "WITH_PMA");
    reload("I-1");
    OK(deferral_each(store, NULL, take_deferral, &last, &e));
    ck_assert_ptr_null(last.outcome);
    decide("F-1", "I-1", AUTHORITY_DEFER_REVOCATION, "{\"end_condition\":\"never\"}");
    decide("F-2", "I-1", AUTHORITY_DEFER_REVOCATION,
           "{\"end_condition\":\"all are safe\",\"review\":\"2026-11-24T13:00:00Z\"}");
    for (unsigned i = 1; i <= 2; i++) {
        char sql[300];

        (void)snprintf(sql, sizeof sql, "{\"decision:defer-revocation\":\"F-%u\"}", i);
        OK(store_run(
            store, &e,
            "INSERT INTO incident_event (incident, event, from_state, to_state,"
            " at_us, actor, evidence) VALUES ('I-1', 'defer-revocation', 'WITH_PMA',"
            " 'WITH_PMA', 5, 'uid 1', ?1)",
            "t", sql));
    }
    OK(deferral_each(store, "I-1", take_deferral, &last, &e));
    ck_assert_str_eq(last.outcome, "revocation");
    ck_assert_int_eq(last.review_us, NOW);
    ck_assert(!last.rang);
    OK(deferral_ring(&docket, &due, &e));
    OK(deferral_each(store, "I-1", take_deferral, &last, &e));
    ck_assert(last.rang);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%deferral-review%all are safe%'"),
                     1);
    ck_assert_int_eq(number("SELECT count(*) FROM notice WHERE kind ="
                            " 'DEFERRAL_REVIEW_DUE'"),
                     4);
    OK(store_run(store, &e,
                 "INSERT INTO incident_event (incident, event, from_state, to_state,"
                 " at_us, actor, evidence) VALUES ('I-1', 'end-deferral', 'WITH_PMA',"
                 " 'WITH_PMA', 6, 'uid 1', '{}')",
                 ""));
    last.outcome = NULL;
    OK(deferral_each(store, "I-1", take_deferral, &last, &e));
    ck_assert_ptr_null(last.outcome);
}
END_TEST

KIT_MAIN("docket_papers", incident_kit_begin, incident_kit_end, the_latest_roster_counts,
         devices_in_another_open_incident_are_found,
         users_of_one_shared_event_may_list_a_meter_with_cells_of_their_own,
         a_device_that_was_refused_is_known_in_whatever_list_it_comes_back,
         a_list_that_is_gone_is_an_error, a_decision_is_on_file_once,
         a_later_decision_takes_the_place_of_an_earlier_one, a_live_decision_makes_facts,
         an_instruction_is_no_decision_of_the_pma, an_activation_authorises_nothing,
         a_key_switched_off_leaves_no_activation,
         only_a_live_decision_that_authorises_lets_sign,
         a_window_that_is_over_is_found_where_it_matters,
         the_symmetric_key_is_the_one_that_the_decision_names,
         a_deadline_rings_once_for_each_time_that_a_state_was_entered,
         a_deferral_lives_until_it_is_ended)
