/* SPDX-License-Identifier: MIT
 *
 * Incidents and their steps; test_docket_papers.c has rosters, certificates and decisions.
 */
#include "incident_kit.h"

#include <jansson.h>

static json_t *last_data(const char *kind)
{
    char *text;
    size_t len;
    int64_t next;
    json_t *data = NULL;
    char *save = NULL;

    OK(audit_lines(store, 1, 10000, &text, &len, &next, &e));
    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *j = json_loads(line, 0, NULL);

        if (strcmp(json_string_value(json_object_get(j, "kind")), kind) == 0) {
            json_decref(data);
            data = json_incref(json_object_get(j, "data"));
        }
        json_decref(j);
    }
    free(text);
    ck_assert_ptr_nonnull(data);
    return data;
}

START_TEST(an_incident_opens_with_a_notice)
{
    open_incident("", ROUTE_UNDECIDED);
    ck_assert_str_eq(inc.id, "I-2026-0001");
    ck_assert_int_eq(inc.state, STATE_NOTIFIED);
    reload("I-2026-0001");
    ck_assert_str_eq(inc.title, "A key in other hands");
    ck_assert_str_eq(inc.subscriber, "90B3D51F30010000");
    ck_assert_int_eq(inc.route, ROUTE_UNDECIDED);
    ck_assert_int_eq(inc.initiator, ACTOR_DCC);
    ck_assert_int_eq(inc.opened_us, NOW);
    ck_assert_int_eq(inc.closed_us, 0);
    ck_assert_str_eq(inc.parent, "");
    ck_assert_int_eq(number("SELECT count(*) FROM incident_event"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM audit"), 1);
    REFUSED(docket_get(store, "I-9", &inc, &e), "incident.none");
    ck_assert_int_eq(e.code, ERR_MISSING);
}
END_TEST

START_TEST(ids_are_taken_once_and_numbers_given_around_them)
{
    open_incident("I-2026-0002", ROUTE_UNDECIDED);
    REFUSED(opens("I-2026-0002", ROUTE_UNDECIDED, "{\"notice\":\"x\"}"),
            "incident.id-taken");
    open_incident("", ROUTE_UNDECIDED);
    ck_assert_str_eq(inc.id, "I-2026-0003");
    open_incident("", ROUTE_UNDECIDED);
    ck_assert_str_eq(inc.id, "I-2026-0004");
}
END_TEST

START_TEST(nothing_stays_of_an_incident_that_does_not_open)
{
    REFUSED(opens("I-1", ROUTE_UNDECIDED, NULL), "incident.evidence");
    REFUSED(opens("I-1", ROUTE_METHOD_3, "{\"notice\":\"x\"}"), "incident.member");
    docket_incident_done(&inc);
    config.service.exercise = true;
    REFUSED(opens("I-1", ROUTE_UNDECIDED, "{\"notice\":\"x\"}"), "incident.exercise");
    ck_assert_int_eq(number("SELECT count(*) FROM incident"), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM audit"), 0);
}
END_TEST

START_TEST(steps_move_it_and_are_on_record)
{
    json_t *data;

    open_incident("I-1", ROUTE_UNDECIDED);
    docket.now_us += 1000000;
    confirm();
    ck_assert_int_eq(inc.state, STATE_CONFIRMED_SUSPECTED);
    ck_assert_int_eq(inc.since_us, NOW + 1000000);
    reload("I-1");
    ck_assert_int_eq(inc.state, STATE_CONFIRMED_SUSPECTED);
    ck_assert_int_eq(inc.since_us, NOW + 1000000);
    data = last_data("NOTIFIER_CONFIRMED");
    ck_assert_str_eq(json_string_value(json_object_get(data, "from")), "NOTIFIED");
    ck_assert_str_eq(json_string_value(json_object_get(data, "to")), "CONFIRMED_SUSPECTED");
    ck_assert_str_eq(json_string_value(json_object_get(data, "as")), "dcc");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(data, "evidence"),
                                                       "confirmation")),
                     "called back");
    ck_assert(json_is_true(
        json_object_get(json_object_get(data, "declared"), "notifier_authenticated")));
    json_decref(data);
    docket.now_us += 1000000; /* a step that stays does not start the clock anew */
    OK(dcc(EVENT_INFORM_PMA, "{\"pma-notice\":\"mail\"}"));
    ck_assert_int_eq(inc.since_us, NOW + 1000000);
}
END_TEST

START_TEST(a_refused_step_leaves_everything_as_it_was)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    REFUSED(dcc(EVENT_CONFIRM, "{\"confirmation\":\"x\"}"), "incident.notifier");
    REFUSED(steps(EVENT_CONFIRM, ACTOR_PMA, "{\"confirmation\":\"x\"}",
                  "{\"notifier_authenticated\":true}"),
            "incident.actor");
    REFUSED(dcc(EVENT_CLOSE, NULL), "incident.no-transition");
    ck_assert_int_eq(inc.state, STATE_NOTIFIED);
    ck_assert_str_eq(inc.declared, "{}"); /* what was declared with it, too */
    REFUSED(dcc(EVENT_CONFIRM, "{\"confirmation\":\"x\"}"), "incident.notifier");
    ck_assert_int_eq(number("SELECT count(*) FROM incident_event"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM audit"), 1);
}
END_TEST

START_TEST(evidence_is_a_text_or_an_object_and_not_nothing)
{
    static const char *const bad[] = {
        "[]",
        "\"text\"",
        "{\"confirmation\":}",
        "{\"confirmation\":\"\"}",
        "{\"confirmation\":null}",
        "{\"confirmation\":false}",
        "{\"hearsay\":\"x\"}",
        "{\"confirmation\":\"x\",\"confirmation\":\"y\"}",
    };

    open_incident("I-1", ROUTE_UNDECIDED);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        REFUSED(
            steps(EVENT_CONFIRM, ACTOR_DCC, bad[i], "{\"notifier_authenticated\":true}"),
            "incident.evidence");
    OK(steps(EVENT_CONFIRM, ACTOR_DCC,
             "{\"confirmation\":{\"method\":\"call back\",\"person\":\"A\"}}",
             "{\"notifier_authenticated\":true}"));
}
END_TEST

START_TEST(lasting_evidence_lasts_and_other_evidence_does_not)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    confirm();
    REFUSED(dcc(EVENT_RECEIVE_FILE, "{\"confirmation\":\"x\"}"), "incident.evidence");
    OK(steps(EVENT_RECEIVE_FILE, ACTOR_DCC, "{\"notification-file\":\"f.csv\"}",
             "{\"srp_authority\":true}"));
    /* the file is on file, the election comes with the step */
    REFUSED(steps(EVENT_ELECT_METHOD_1, ACTOR_SUBSCRIBER, NULL, NULL), "incident.evidence");
    OK(steps(EVENT_ELECT_METHOD_1, ACTOR_SUBSCRIBER, "{\"election\":\"M1\"}", NULL));
    ck_assert_int_eq(inc.route, ROUTE_METHOD_1);
    OK(dcc(EVENT_PROGRESS, "{\"progress-file\":\"1\"}"));
    REFUSED(dcc(EVENT_PROGRESS, NULL), "incident.evidence"); /* a new one each time */
    reload("I-1");
    ck_assert_int_eq(inc.route, ROUTE_METHOD_1);
    ck_assert_int_eq(inc.state, STATE_M1_IN_PROGRESS);
}
END_TEST

START_TEST(only_what_nobody_can_see_is_declared)
{
    static const char *const bad[] = {
        "{\"decision_live\":true}",
        "{\"pma_informed\":true}",
        "{\"token_key_proved\":true}",
        "{\"nonsense\":true}",
        "{\"srp_authority\":1}",
        "{\"srp_authority\":\"yes\"}",
        "[true]",
        "{\"srp_authority\":true,\"srp_authority\":false}",
    };

    open_incident("I-1", ROUTE_UNDECIDED);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        REFUSED(steps(EVENT_CONFIRM, ACTOR_DCC, "{\"confirmation\":\"x\"}", bad[i]),
                "incident.fact");
    confirm();
    ck_assert(facts().notifier_authenticated);
    OK(steps(EVENT_INFORM_PMA, ACTOR_DCC, "{\"pma-notice\":\"x\"}",
             "{\"srp_authority\":true,\"holder_hostile\":true}"));
    reload("I-1");
    ck_assert(facts().notifier_authenticated && facts().srp_authority);
    ck_assert(facts().holder_hostile);
    OK(steps(EVENT_INFORM_PMA, ACTOR_DCC, "{\"pma-notice\":\"x\"}",
             "{\"holder_hostile\":false}"));
    ck_assert(facts().srp_authority && !facts().holder_hostile); /* taken back */
}
END_TEST

static void more(void *arg, struct incident_facts *f)
{
    *(bool *)arg = f->notifier_authenticated;
    f->notifier_authenticated = true;
}

START_TEST(the_caller_adds_what_only_it_knows)
{
    bool before = true;
    struct docket_step step = {.event = EVENT_CONFIRM,
                               .actor = ACTOR_DCC,
                               .evidence = "{\"confirmation\":\"x\"}",
                               .who = "uid 1",
                               .more = more,
                               .arg = &before};

    open_incident("I-1", ROUTE_UNDECIDED);
    OK(docket_take_step(&docket, &inc, &step, &move, &e));
    ck_assert(!before);
    ck_assert_int_eq(inc.state, STATE_CONFIRMED_SUSPECTED);
}
END_TEST

/* --- names --- */

START_TEST(an_incident_is_mistaken_for_no_other)
{
    static const char *const same[] = {"I-1", "i-1", "l-1", "1-I", "I_1", "I--1"};
    static const char *const none[] = {"I/1", "I 1", "-1", "I-1\xe2\x80\x8b", "\303\216-1"};

    open_incident("I-1", ROUTE_UNDECIDED);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        ck_assert_msg(!opens(same[i], ROUTE_UNDECIDED, "{\"notice\":\"x\"}"), "%s",
                      same[i]);
        ck_assert_str_eq(e.id, "incident.id-taken");
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        ck_assert_msg(!opens(none[i], ROUTE_UNDECIDED, "{\"notice\":\"x\"}"), "%s",
                      none[i]);
        ck_assert_str_eq(e.id, "incident.id");
    }
    OK(opens("I-11", ROUTE_UNDECIDED, "{\"notice\":\"x\"}"));
    OK(opens("i-2026-ooo4", ROUTE_UNDECIDED, "{\"notice\":\"x\"}"));
    OK(opens("", ROUTE_UNDECIDED,
             "{\"notice\":\"x\"}")); /* not number 4, which looks taken */
    ck_assert_str_eq(inc.id, "I-2026-0005");
}
END_TEST

/* --- family --- */

START_TEST(a_shared_event_closes_after_its_children)
{
    open_incident("P", ROUTE_SHARED_EVENT);
    confirm();
    OK(dcc(EVENT_OPEN_CHILDREN, "{\"children\":[\"C\"]}"));
    OK(dcc(EVENT_INFORM_PMA, "{\"pma-notice\":\"x\"}"));
    docket_incident_done(&inc);
    memset(&inc, 0, sizeof inc);
    (void)strcpy(inc.id, "C");
    (void)strcpy(inc.parent, "P");
    inc.initiator = ACTOR_SRP;
    OK(docket_open(&docket, &inc, "{\"notice\":\"x\"}", "uid 1", &e));
    reload("C");
    ck_assert_str_eq(inc.parent, "P");
    ck_assert(facts().has_parent && facts().parent_open);
    reload("P");
    ck_assert_uint_eq(facts().children_open, 1);
    REFUSED(dcc(EVENT_CLOSE, NULL), "incident.children-open");
    set_state("C", "undecided", "CLOSED");
    OK(dcc(EVENT_CLOSE, NULL));
    ck_assert_int_eq(inc.closed_us, NOW);
    reload("P");
    ck_assert_int_eq(inc.closed_us, NOW);
}
END_TEST

START_TEST(a_child_needs_an_open_parent)
{
    open_incident("P", ROUTE_UNDECIDED); /* no shared event */
    for (int i = 0; i < 2; i++) {
        docket_incident_done(&inc);
        memset(&inc, 0, sizeof inc);
        (void)strcpy(inc.id, "C");
        (void)strcpy(inc.parent, i == 0 ? "P" : "nobody");
        inc.initiator = ACTOR_SRP;
        OK(store_begin(store, &e));
        REFUSED(docket_open(&docket, &inc, "{\"notice\":\"x\"}", "uid 1", &e),
                "incident.parent-closed");
        store_rollback(store);
    }
}
END_TEST

START_TEST(doubt_about_the_recovery_key_freezes_every_incident_that_uses_it)
{
    static const char *const states[] = {"KEY_ACTIVE", "EXECUTING", "TOKEN_LOST"};
    char id[16];

    OK(store_begin(store, &e));
    for (int i = 0; i < 90; i++) {
        (void)snprintf(id, sizeof id, "I-%d", i);
        OK(store_run(store, &e,
                     "INSERT INTO incident VALUES (?1, '', ?2, ?3, 'dcc', '', '', NULL, 0,"
                     " 1, 1, NULL, '{}')",
                     "ttt", id, i % 2 ? "method-2" : "method-3", states[i % 3]));
    }
    OK(store_commit(store, &e));
    open_incident("other", ROUTE_UNDECIDED);
    open_incident("R", ROUTE_RECOVERY_KEY);
    reload("I-1");
    ck_assert(!facts().recovery_key_suspect);
    reload("R");
    confirm();
    ck_assert_int_eq(number("SELECT count(*) FROM incident WHERE state = 'HALTED'"), 90);
    ck_assert_int_eq(number("SELECT count(*) FROM incident_event WHERE event = 'freeze'"),
                     90);
    reload("other");
    ck_assert_int_eq(inc.state, STATE_NOTIFIED);
    ck_assert(facts().recovery_key_suspect);
    reload("R");
    ck_assert_int_eq(inc.state, STATE_CONFIRMED_SUSPECTED);
    ck_assert(!facts().recovery_key_suspect); /* that is itself */
}
END_TEST

/* --- withdrawals --- */

static const char withdrawn[] = "{\"withdrawal\":\"the log was misread\"}";
static const char called[] = "{\"confirmation\":\"called back\"}";

static bool confirm_withdrawal(void)
{
    return steps(EVENT_CONFIRM_WITHDRAWAL, ACTOR_DCC, called,
                 "{\"withdrawer_authenticated\":true}");
}

START_TEST(a_withdrawal_that_is_rejected_leaves_the_incident_where_it_stood)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    confirm();
    REFUSED(dcc(EVENT_REJECT_WITHDRAWAL, called),
            "incident.evidence"); /* nobody withdrew */
    OK(dcc(EVENT_WITHDRAW, withdrawn));
    ck_assert(facts().withdrawal_open);
    ck_assert_int_eq(facts().withdrawn_by, ACTOR_DCC);
    OK(dcc(EVENT_REJECT_WITHDRAWAL, called));
    ck_assert_int_eq(inc.state, STATE_CONFIRMED_SUSPECTED);
    ck_assert(!facts().withdrawal_open);
    /* the evidence is on file, and that withdrawal is settled all the same */
    REFUSED(confirm_withdrawal(), "incident.no-withdrawal");
    REFUSED(dcc(EVENT_REJECT_WITHDRAWAL, called), "incident.no-withdrawal");
    OK(dcc(EVENT_RECEIVE_FILE, "{\"notification-file\":\"f\"}"));
    OK(dcc(EVENT_WITHDRAW, withdrawn));
    OK(confirm_withdrawal());
    ck_assert_int_eq(inc.state, STATE_FALSE_ALARM);
}
END_TEST

START_TEST(each_withdrawal_asks_anew_who_brings_it)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    confirm();
    OK(dcc(EVENT_WITHDRAW, withdrawn));
    OK(steps(EVENT_REJECT_WITHDRAWAL, ACTOR_DCC, called,
             "{\"withdrawer_authenticated\":true,\"withdrawal_by_suspect_key\":true}"));
    ck_assert(facts().withdrawer_authenticated && facts().withdrawal_by_suspect_key);
    OK(dcc(EVENT_WITHDRAW, withdrawn));
    ck_assert(!facts().withdrawer_authenticated && !facts().withdrawal_by_suspect_key);
    ck_assert(facts().notifier_authenticated); /* that stays */
    REFUSED(dcc(EVENT_CONFIRM_WITHDRAWAL, called), "incident.withdrawal-person");
}
END_TEST

static void signed_batch(void)
{
    int64_t id;

    OK(store_run(store, &e,
                 "INSERT INTO batch (incident, decision, key, originator, roster, certs,"
                 " rows, signed, failed, state, rule, reason, asked_us, asked_by) VALUES"
                 " ('I-1', x'', 'recovery', x'', x'', x'', 9, 4, 0, 'stopped', '', '', 1,"
                 " '')",
                 ""));
    id = store_last_id(store);
    ck_assert_int_gt(id, 0);
}

static void at_executing(void)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE, "{\"kind\":\"decision\"}");
    set_state("I-1", "method-3", "EXECUTING");
    reload("I-1");
}

START_TEST(who_may_end_a_decision_is_configured)
{
    static const struct {
        const char *who;
        enum actor by;
        enum state to;
    } cases[] = {
        {"pma", ACTOR_SUBSCRIBER, STATE_HALTED},
        {"pma", ACTOR_DCC, STATE_HALTED},
        {"subscriber", ACTOR_SUBSCRIBER, STATE_STOPPED_MIDWAY},
        {"subscriber", ACTOR_DCC, STATE_HALTED},
        {"dcc", ACTOR_SUBSCRIBER, STATE_STOPPED_MIDWAY},
        {"dcc", ACTOR_DCC, STATE_STOPPED_MIDWAY},
    };
    struct docket_decision d;

    ck_assert_str_eq(config.service.end_decision, "pma"); /* unless it is configured */
    at_executing();
    signed_batch();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OK(store_run(store, &e, "UPDATE decision SET state = 'live'", ""));
        set_state("I-1", "method-3", "EXECUTING");
        reload("I-1");
        (void)strcpy(config.service.end_decision, cases[i].who);
        OK(steps(EVENT_WITHDRAW, cases[i].by, withdrawn, NULL));
        OK(confirm_withdrawal());
        ck_assert_msg(inc.state == cases[i].to, "case %zu: %s", i,
                      incident_state(inc.state)->name);
        OK(docket_decision(store, "I-1", "D-1", &d, &e));
        ck_assert_int_eq(d.state,
                         cases[i].to == STATE_HALTED ? DECISION_LIVE : DECISION_VOID);
    }
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%\"kind\":\"DECISION_ABORTED\"%'"),
                     3);
}
END_TEST

START_TEST(what_is_over_is_taken_up_again)
{
    static const char found[] = "{\"new-finding\":\"the key was seen elsewhere\"}";
    bool was;

    open_incident("I-1", ROUTE_UNDECIDED);
    confirm();
    OK(dcc(EVENT_WITHDRAW, withdrawn));
    OK(confirm_withdrawal());
    REFUSED(dcc(EVENT_REOPEN, NULL), "incident.evidence");
    OK(dcc(EVENT_REOPEN, found));
    ck_assert_int_eq(inc.state, STATE_CONFIRMED_SUSPECTED);
    ck_assert_int_eq(inc.route, ROUTE_UNDECIDED);
    REFUSED(confirm_withdrawal(), "incident.no-withdrawal"); /* the old one is no more */
    OK(docket_was(store, "I-1", STATE_FALSE_ALARM, &was, &e));
    ck_assert(was);
    OK(docket_was(store, "I-1", STATE_STOPPED_MIDWAY, &was, &e));
    ck_assert(!was);
    set_state("I-1", "undecided", "CLOSED");
    reload("I-1");
    REFUSED(dcc(EVENT_REOPEN, found), "incident.no-transition");
}
END_TEST

/* --- facts the store shows --- */

static void event(const char *name)
{
    OK(store_run(store, &e,
                 "INSERT INTO incident_event (incident, event, from_state, to_state, at_us,"
                 " actor, evidence) VALUES ('I-1', ?1, 'NONE', 'NONE', 0, '', '{}')",
                 "t", name));
}

START_TEST(history_makes_facts)
{
    struct smi_steps smi;

    open_incident("I-1", ROUTE_UNDECIDED);
    put_roster("I-1", 0, 7);
    ck_assert(!facts().deferral_live && !facts().key_active && !facts().revoked);
    event("defer-revocation");
    ck_assert(facts().deferral_live);
    event("end-deferral");
    ck_assert(!facts().deferral_live);
    event("defer-id-transfer");
    ck_assert(facts().deferral_live);
    event("activate-key");
    ck_assert(facts().key_active);
    event("deactivate-key");
    ck_assert(!facts().key_active);
    event("activate-key");
    event("lose-token");
    ck_assert(!facts().key_active);
    event("refer-to-pma");
    ck_assert(facts().pma_informed);
    event("revoked");
    ck_assert(facts().revoked);
    ck_assert_uint_eq(facts().devices_suspended, 0);
    event("devices-suspended");
    ck_assert_uint_eq(facts().devices_suspended, 7);
    event("reconnected");
    ck_assert_uint_eq(facts().devices_suspended, 0);
    event("devices-suspended"); /* taken up again */
    ck_assert_uint_eq(facts().devices_suspended, 7);
    OK(docket_smi(store, "I-1", &smi, &e));
    ck_assert_int_eq(smi_now(&smi, STATUS_COMMISSIONED, false), STATUS_SUSPENDED);
}
END_TEST

START_TEST(what_is_configured_makes_facts)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    ck_assert_uint_eq(facts().custodians_needed, 0);
    (void)strcpy(config.authorities[0].name, "custodians");
    config.authorities[0].threshold = 3;
    config.n_authorities = 1;
    ck_assert_uint_eq(facts().custodians_needed, 3);
    ck_assert(!facts().replacement_is_solr);
    (void)strcpy(inc.replacement, inc.subscriber);
    ck_assert(!facts().replacement_is_solr);
    (void)strcpy(inc.replacement, "90B3D51F30010001");
    ck_assert(facts().replacement_is_solr);
    ck_assert(!facts().exercise && !facts().decision_exercise);
    config.service.exercise = true;
    ck_assert(facts().decision_exercise);
}
END_TEST

static void outcome(uint32_t row, const char *state, int64_t batch)
{
    OK(store_run(store, &e,
                 "INSERT INTO outcome (incident, device, type, state, list, batch, counter,"
                 " attempts, retry, at_us, held, cells)"
                 " VALUES ('I-1', ?1, 'ESME', ?2, 1, ?3, 1, 1, 0, 1, '', '{}')",
                 "bti", span_of(kit_device(row)->b, 8), state, batch));
}

static int64_t batch(const char *key, const char *state, const char *rule,
                     const char *decision)
{
    struct digest d = digest_of(span_of(decision, strlen(decision)), span_of("I-1", 3));

    OK(store_run(store, &e,
                 "INSERT INTO batch (incident, decision, key, originator, roster, certs,"
                 " rows, signed, failed, state, rule, reason, asked_us, asked_by) VALUES"
                 " ('I-1', ?1, ?2, x'', x'', x'', 1, 0, 0, ?3, ?4, 'in words', 1, '')",
                 "bttt", span_of(d.b, 32), key, state, rule));
    return store_last_id(store);
}

static void called_from(const char *state)
{
    OK(store_run(store, &e,
                 "INSERT INTO incident_event (incident, event, from_state, to_state, at_us,"
                 " actor, evidence) VALUES ('I-1', 'call-custodians', ?1,"
                 " 'CUSTODIANS_CALLED', 1, '', '{}')",
                 "t", state));
    set_state("I-1", "method-3", "CUSTODIANS_CALLED");
    reload("I-1");
}

START_TEST(custodians_called_for_nothing_lead_back)
{
    static const char log[] = "{\"call-log\":\"they were not needed\"}";

    open_incident("I-1", ROUTE_UNDECIDED);
    set_state("I-1", "method-3", "CUSTODIANS_CALLED");
    reload("I-1");
    REFUSED(dcc(EVENT_DISMISS_CUSTODIANS, log),
            "incident.no-transition"); /* never called */
    called_from("AUTHORISED");
    REFUSED(dcc(EVENT_DISMISS_CUSTODIANS, NULL), "incident.evidence");
    OK(dcc(EVENT_DISMISS_CUSTODIANS, log));
    ck_assert_int_eq(inc.state, STATE_AUTHORISED);
    ck_assert_int_eq(inc.route, ROUTE_METHOD_3);
    called_from("AWAITING_RESPONSES"); /* the last call counts */
    OK(dcc(EVENT_DISMISS_CUSTODIANS, log));
    ck_assert_int_eq(inc.state, STATE_AWAITING_RESPONSES);
    reload("I-1");
    ck_assert_int_eq(inc.state, STATE_AWAITING_RESPONSES);
}
END_TEST

START_TEST(figures_make_facts)
{
    int64_t recovery;

    open_incident("I-1", ROUTE_UNDECIDED);
    OK(store_run(store, &e, "UPDATE incident SET route = 'method-2'", ""));
    reload("I-1");
    put_roster("I-1", 0, 10);
    ck_assert_uint_eq(facts().rows_pending, 10);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE, "{\"kind\":\"decision\",\"method\":\"M2\"}");
    decide("D-2", "I-1", AUTHORITY_AUTHORISE,
           "{\"kind\":\"instruction\",\"method\":\"handback\"}");
    recovery = batch("recovery", "done", "", "D-1");
    outcome(0, "success", recovery);
    outcome(1, "partly", recovery);
    outcome(2, "failed", recovery);
    outcome(3, "excused", recovery);
    outcome(4, "unknown", recovery);
    ck_assert_uint_eq(facts().rows_pending, 8);
    ck_assert_uint_eq(facts().rows_done, 2);
    ck_assert_uint_eq(facts().rows_unknown, 1);
    ck_assert_uint_eq(facts().rows_acb, 2);
    OK(store_run(store, &e,
                 "UPDATE outcome SET batch = ?1"
                 " WHERE device = x'00DB000000000000'",
                 "i", batch("acb", "done", "", "D-2")));
    ck_assert_uint_eq(facts().rows_acb, 1); /* handed back */
    /* what is left behind counts where Method 3 goes on, too */
    OK(store_run(store, &e, "UPDATE incident SET route = 'method-3', state = 'RECOVERED'",
                 ""));
    reload("I-1");
    ck_assert_uint_eq(facts().rows_acb, 1);
    OK(store_run(store, &e,
                 "UPDATE outcome SET state = 'failed' WHERE device = x'00DB000000000000'",
                 ""));
    ck_assert_uint_eq(facts().rows_acb, 2); /* the hand-back did not reach it */
    OK(store_run(store, &e, "UPDATE outcome SET state = 'excused'", ""));
    ck_assert_uint_eq(facts().rows_acb, 0);
    decide("D-3", "I-1", AUTHORITY_AUTHORISE, "{\"kind\":\"decision\",\"method\":\"M3\"}");
    OK(store_run(store, &e, "UPDATE outcome SET state = 'success', batch = ?1", "i",
                 batch("recovery", "done", "", "D-3")));
    ck_assert_uint_eq(facts().rows_acb, 0);
}
END_TEST

START_TEST(batches_make_facts)
{
    int64_t id;

    open_incident("I-1", ROUTE_UNDECIDED);
    ck_assert(!facts().batch_running && facts().counter_above_reserved);
    (void)batch("recovery", "done", "", "D-1");
    ck_assert(!facts().batch_running);
    (void)batch("recovery", "held", "token.gone", "D-1");
    ck_assert(facts().batch_running && facts().counter_above_reserved);
    (void)batch("recovery", "held", "ledger.rolled-back", "D-1");
    ck_assert(!facts().counter_above_reserved);
    decide("D-9", "I-1", AUTHORITY_AUTHORISE,
           "{\"kind\":\"decision\",\"mode\":\"anyByContingency\"}");
    id = batch("any name", "queued", "", "D-9");
    ck_assert(!facts().contingency_used);
    OK(store_run(store, &e, "INSERT INTO slice VALUES (?1, 1, 1, 1, x'00', x'00', NULL)",
                 "i", ((id + 1) << 32) - 1));
    ck_assert(facts().contingency_used);
    OK(store_run(store, &e, "UPDATE slice SET id = ?1", "i", (id + 1) << 32));
    ck_assert(!facts().contingency_used); /* of the batch after it */
}
END_TEST

START_TEST(a_deferral_ends_where_it_is_said_to)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    set_state("I-1", "undecided", "SUSPENDED");
    reload("I-1");
    REFUSED(dcc(EVENT_END_DEFERRAL, "{\"deferral-end\":\"x\"}"), "incident.no-deferral");
    event("defer-revocation");
    REFUSED(dcc(EVENT_REVOKED, "{\"revocation\":\"x\"}"), "incident.deferral-live");
    OK(dcc(EVENT_END_DEFERRAL, "{\"deferral-end\":\"x\"}"));
    OK(dcc(EVENT_REVOKED, "{\"revocation\":\"x\"}"));
}
END_TEST

/* --- walking --- */

static bool walk(void *arg, const struct docket_incident *i)
{
    char *all = arg;

    (void)strcat(all, i->id);
    return strcmp(i->id, "stop") != 0;
}

START_TEST(each_goes_in_the_order_of_opening)
{
    char all[64] = "";

    open_incident("b", ROUTE_UNDECIDED);
    open_incident("a", ROUTE_UNDECIDED);
    docket.now_us--; /* a clock that was set back changes no order */
    open_incident("c", ROUTE_UNDECIDED);
    docket.now_us += 9;
    open_incident("stop", ROUTE_UNDECIDED);
    docket.now_us += 9;
    open_incident("z", ROUTE_UNDECIDED);
    OK(docket_each(store, walk, all, &e));
    ck_assert_str_eq(all, "bacstop");
}
END_TEST

START_TEST(an_incident_that_cannot_be_read_hides_no_other)
{
    char all[64] = "";

    open_incident("a", ROUTE_UNDECIDED);
    set_state("a", "sideways", "NOTIFIED");
    REFUSED_SAYING(docket_each(store, walk, all, &e), "store.failed", "incident a");
    ck_assert_int_eq(e.code, ERR_STORE);
    docket_incident_done(&inc);
    REFUSED(docket_get(store, "a", &inc, &e), "store.failed");
}
END_TEST

START_TEST(a_long_title_is_cut_between_letters)
{
    char title[DOCKET_TEXT + 8];

    memset(title, 'x', sizeof title);
    memcpy(title + DOCKET_TEXT - 2, "\xc3\xa4", 3);
    open_incident("I-1", ROUTE_UNDECIDED);
    OK(store_run(store, &e, "UPDATE incident SET title = ?1", "t", title));
    reload("I-1");
    ck_assert_int_eq(inc.title[DOCKET_TEXT - 2], '?');
}
END_TEST

KIT_MAIN("docket", incident_kit_begin, incident_kit_end, an_incident_opens_with_a_notice,
         ids_are_taken_once_and_numbers_given_around_them,
         nothing_stays_of_an_incident_that_does_not_open, steps_move_it_and_are_on_record,
         a_refused_step_leaves_everything_as_it_was,
         evidence_is_a_text_or_an_object_and_not_nothing,
         lasting_evidence_lasts_and_other_evidence_does_not,
         only_what_nobody_can_see_is_declared, the_caller_adds_what_only_it_knows,
         an_incident_is_mistaken_for_no_other, a_shared_event_closes_after_its_children,
         a_child_needs_an_open_parent,
         a_withdrawal_that_is_rejected_leaves_the_incident_where_it_stood,
         each_withdrawal_asks_anew_who_brings_it, who_may_end_a_decision_is_configured,
         what_is_over_is_taken_up_again,
         doubt_about_the_recovery_key_freezes_every_incident_that_uses_it,
         history_makes_facts, what_is_configured_makes_facts,
         custodians_called_for_nothing_lead_back, figures_make_facts, batches_make_facts,
         a_deferral_ends_where_it_is_said_to, each_goes_in_the_order_of_opening,
         an_incident_that_cannot_be_read_hides_no_other,
         a_long_title_is_cut_between_letters)
