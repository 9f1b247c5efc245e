/* SPDX-License-Identifier: MIT */
#include "incident.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

/* What the procedure demands, written down apart from the tables. */

#define DEMAND(r, s, v, g)                         \
    {                                              \
        ROUTE_##r, STATE_##s, EVENT_##v, GUARD_##g \
    }
/* clang-format off */
static const struct {
    enum route route;
    enum state state;
    enum event event;
    enum guard guard;
} demands[] = {
    DEMAND(UNDECIDED, NOTIFIED, CONFIRM, NOTIFIER),
    DEMAND(UNDECIDED, NOTIFIED, CONFIRM, THIRD_PARTY),
    DEMAND(UNDECIDED, NONE, NOTIFY, PARENT),
    DEMAND(UNDECIDED, CONFIRMED_SUSPECTED, RECEIVE_FILE, LIST_FRESH),
    DEMAND(UNDECIDED, FILE_RECEIVED, ASK_SUSPENSION, SRP_AUTHORITY),
    DEMAND(UNDECIDED, FILE_RECEIVED, ASK_SUSPENSION, SPEAKS_FOR),
    DEMAND(UNDECIDED, FILE_RECEIVED, ASK_SUSPENSION, DEVICES_FREE),
    DEMAND(METHOD_1, M1_IN_PROGRESS, COMPLETE, ROWS_SETTLED),
    DEMAND(METHOD_1, M1_COMPLETE, CLOSE, ROWS_SETTLED),
    DEMAND(METHOD_1, M1_COMPLETE, CLOSE, REVOKED),
    DEMAND(METHOD_1, M1_COMPLETE, CLOSE, PMA_INFORMED),
    DEMAND(UNDECIDED, WITH_PMA, CONFIRM_WITHDRAWAL, WITHDRAWAL_KEY),
    DEMAND(UNDECIDED, WITH_PMA, CONFIRM_WITHDRAWAL, WITHDRAWAL_PERSON),
    DEMAND(METHOD_1, M1_DECLARED, CONFIRM_WITHDRAWAL, WITHDRAWAL_KEY),
    DEMAND(METHOD_2, EXECUTING, CONFIRM_WITHDRAWAL, WITHDRAWAL_KEY),
    DEMAND(METHOD_3, HALTED, CONFIRM_WITHDRAWAL, WITHDRAWAL_PERSON),
    DEMAND(UNDECIDED, REFUSED, CONFIRM_WITHDRAWAL, WITHDRAWAL_OPEN),
    DEMAND(UNDECIDED, WITH_PMA, REJECT_WITHDRAWAL, WITHDRAWAL_OPEN),
    DEMAND(METHOD_1, M1_IN_PROGRESS, REJECT_WITHDRAWAL, WITHDRAWAL_OPEN),
    DEMAND(METHOD_3, STOPPED_MIDWAY, RECONNECT, DEVICES_CLEAR),
    DEMAND(METHOD_3, STOPPED_MIDWAY, RECONNECT, DEVICES_FREE),
    DEMAND(METHOD_2, STOPPED_MIDWAY, RECONNECT, HANDED_BACK),
    DEMAND(METHOD_3, STOPPED_MIDWAY, CLOSE, DEVICES_CLEAR),
    DEMAND(METHOD_3, STOPPED_MIDWAY, CLOSE, NONE_SUSPENDED),
    DEMAND(METHOD_2, STOPPED_MIDWAY, CLOSE, HANDED_BACK),
    DEMAND(METHOD_3, STOPPED_MIDWAY, AUTHORISE_METHOD_3, SUPERSEDES),
    DEMAND(METHOD_3, REFUSED, RECONNECT, DEVICES_CLEAR),
    DEMAND(METHOD_3, DIRECTED, CLOSE, DEVICES_CLEAR),
    DEMAND(UNDECIDED, FALSE_ALARM, REOPEN, PARENT),
    DEMAND(RECOVERY_KEY, FALSE_ALARM, REOPEN, KEY_OFF),
    DEMAND(UNDECIDED, FALSE_ALARM, RECONNECT, DEVICES_FREE),
    DEMAND(UNDECIDED, REFUSED, RECONNECT, KEY_OFF),
    DEMAND(UNDECIDED, FALSE_ALARM, CLOSE, NONE_SUSPENDED),
    DEMAND(UNDECIDED, REFUSED, CLOSE, NONE_SUSPENDED),
    DEMAND(UNDECIDED, REFUSED, AUTHORISE_METHOD_2, SUPERSEDES),
    DEMAND(UNDECIDED, REFUSED, AUTHORISE_METHOD_3, SUPERSEDES),
    DEMAND(UNDECIDED, WITH_PMA, AUTHORISE_METHOD_2, DECISION),
    DEMAND(UNDECIDED, WITH_PMA, AUTHORISE_METHOD_2, ONLY_REMAINING),
    DEMAND(UNDECIDED, WITH_PMA, AUTHORISE_METHOD_2, EXERCISE_DECISION),
    DEMAND(UNDECIDED, WITH_PMA, AUTHORISE_METHOD_3, DECISION),
    DEMAND(UNDECIDED, WITH_PMA, AUTHORISE_METHOD_3, ONLY_REMAINING),
    DEMAND(UNDECIDED, WITH_PMA, AUTHORISE_METHOD_3, SOLR),
    DEMAND(UNDECIDED, WITH_PMA, AUTHORISE_METHOD_3, KEY_ORIGIN),
    DEMAND(METHOD_3, CUSTODIANS_CALLED, ACTIVATE_KEY, DECISION),
    DEMAND(METHOD_3, CUSTODIANS_CALLED, ACTIVATE_KEY, CUSTODIANS),
    DEMAND(METHOD_3, CUSTODIANS_CALLED, ACTIVATE_KEY, TOKEN_KEY),
    DEMAND(METHOD_3, KEY_ACTIVE, EXECUTE, DECISION),
    DEMAND(METHOD_3, KEY_ACTIVE, EXECUTE, RECOVERY_SOUND),
    DEMAND(METHOD_3, KEY_ACTIVE, EXECUTE, COUNTER),
    DEMAND(METHOD_3, KEY_ACTIVE, EXECUTE, ROWS_KNOWN),
    DEMAND(METHOD_2, TOKEN_LOST, RESTORE_TOKEN, CUSTODIANS),
    DEMAND(METHOD_2, TOKEN_LOST, RESTORE_TOKEN, TOKEN_KEY),
    DEMAND(METHOD_2, TOKEN_LOST, RESTORE_TOKEN, COUNTER),
    DEMAND(METHOD_2, TOKEN_LOST, RESTORE_TOKEN, DECISION),
    DEMAND(METHOD_2, HANDBACK_TOKEN_LOST, RESTORE_TOKEN, TOKEN_KEY),
    DEMAND(METHOD_2, ACB_IN_PLACE, BEGIN_HANDBACK, KEY_OFF),
    DEMAND(METHOD_2, ACB_IN_PLACE, BEGIN_HANDBACK, SOLR),
    DEMAND(METHOD_2, ACB_IN_PLACE, BEGIN_HANDBACK, KEY_ORIGIN),
    DEMAND(METHOD_2, AWAITING_RESPONSES, EXECUTED, ROWS_SETTLED),
    DEMAND(METHOD_2, HALTED, EXECUTED, SOME_DONE),
    DEMAND(METHOD_2, HALTED, REFUSE, HANDED_BACK),
    DEMAND(METHOD_2, HANDBACK, HANDED_BACK, ROWS_SETTLED),
    DEMAND(METHOD_3, RECOVERED, CLOSE, ROWS_SETTLED),
    DEMAND(METHOD_3, RECOVERED, CLOSE, REVOKED),
    DEMAND(METHOD_3, RECOVERED, CLOSE, HANDED_BACK),
    DEMAND(METHOD_3, RECOVERED, CLOSE, KEY_OFF),
    DEMAND(METHOD_3, RECOVERED, CLOSE, BATCH_IDLE),
    DEMAND(METHOD_3, RECOVERED, CLOSE, DEFERRAL_NONE),
    DEMAND(UNDECIDED, SETTING_RECOVERY, RECOVERY_SET, DEFERRAL_NONE),
    DEMAND(UNDECIDED, REVOKING, REVOKED, DEFERRAL_NONE),
    DEMAND(UNDECIDED, WITH_PMA, REVOKED, DEFERRAL_NONE),
    DEMAND(UNDECIDED, SETTING_RECOVERY, SKIP_REVOCATION, DEFERRAL_LIVE),
    DEMAND(UNDECIDED, WITH_PMA, DEFER_REVOCATION, DEFERRAL_BOUNDED),
    DEMAND(UNDECIDED, WITH_PMA, DEFER_REVOCATION, DEFERRAL_RISK),
    DEMAND(UNDECIDED, WITH_PMA, DEFER_ID_TRANSFER, DEFERRAL_BOUNDED),
    DEMAND(CONTINGENCY, WITH_PMA, AUTHORISE_CONTINGENCY, NEW_CONTINGENCY),
    DEMAND(CONTINGENCY, EXECUTING, CONFIRM_WITHDRAWAL, NOT_CONSUMED),
    DEMAND(CONTINGENCY, HALTED, ABORT, NOT_CONSUMED),
    DEMAND(ISSUING_OCA, KEY_ACTIVE, EXECUTE, RECOVERY_SOUND),
    DEMAND(CONTINGENCY_KEY, KEY_ACTIVE, EXECUTE, NEW_CONTINGENCY),
    DEMAND(SHARED_EVENT, CHILDREN_OPEN, CLOSE, CHILDREN_CLOSED),
};
/* clang-format on */

START_TEST(every_demand_of_the_procedure_is_in_the_tables)
{
    const struct transition *t =
        incident_next(demands[_i].route, demands[_i].state, demands[_i].event);

    ck_assert_ptr_nonnull(t);
    ck_assert_msg((t->guards & GUARD_BIT(demands[_i].guard)) != 0,
                  "%s in %s does not ask %s", incident_event(t->event)->name,
                  incident_state(demands[_i].state)->name,
                  incident_guard_rule(demands[_i].guard));
}
END_TEST

START_TEST(what_must_be_possible_is)
{
    static const struct {
        enum route route;
        enum state state;
        enum event event;
        enum actor actor;
        unsigned to; /* STATE_SAME: stays */
    } must[] = {
        {ROUTE_SHARED_EVENT, STATE_CHILDREN_OPEN, EVENT_OPEN_CHILDREN, ACTOR_DCC,
         STATE_SAME},
        {ROUTE_CONTINGENCY, STATE_RECOVERED, EVENT_REVOKED, ACTOR_DCC, STATE_SAME},
        {ROUTE_UNDECIDED, STATE_FILE_RECEIVED, EVENT_REFER_TO_PMA, ACTOR_DCC,
         STATE_WITH_PMA},
        {ROUTE_METHOD_2, STATE_DIRECTED, EVENT_REFER_TO_PMA, ACTOR_DCC, STATE_WITH_PMA},
        {ROUTE_ISSUING_OCA, STATE_REISSUING, EVENT_CALL_CUSTODIANS, ACTOR_DCC,
         STATE_CUSTODIANS_CALLED},
        {ROUTE_METHOD_2, STATE_KEY_ACTIVE, EVENT_DEACTIVATE_KEY, ACTOR_CUSTODIANS,
         STATE_CUSTODIANS_CALLED},
        {ROUTE_METHOD_2, STATE_HALTED, EVENT_DEACTIVATE_KEY, ACTOR_SYSTEM, STATE_SAME},
        {ROUTE_METHOD_2, STATE_HANDBACK, EVENT_EXPIRE, ACTOR_SYSTEM, STATE_ACB_IN_PLACE},
        {ROUTE_RECOVERY_KEY, STATE_WITH_PMA, EVENT_WITHDRAW, ACTOR_DCC, STATE_SAME},
        {ROUTE_METHOD_3, STATE_CUSTODIANS_CALLED, EVENT_DISMISS_CUSTODIANS, ACTOR_DCC,
         STATE_BACK},
        {ROUTE_METHOD_2, STATE_HALTED, EVENT_WITHDRAW, ACTOR_SUBSCRIBER, STATE_SAME},
        {ROUTE_UNDECIDED, STATE_REFUSED, EVENT_WITHDRAW, ACTOR_SUBSCRIBER, STATE_SAME},
        {ROUTE_CONTINGENCY, STATE_REFUSED, EVENT_WITHDRAW, ACTOR_DCC, STATE_SAME},
        {ROUTE_METHOD_3, STATE_HALTED, EVENT_CONFIRM_WITHDRAWAL, ACTOR_DCC, STATE_OVER},
        {ROUTE_METHOD_3, STATE_EXECUTING, EVENT_REJECT_WITHDRAWAL, ACTOR_DCC, STATE_SAME},
        {ROUTE_METHOD_1, STATE_FALSE_ALARM, EVENT_REOPEN, ACTOR_DCC,
         STATE_CONFIRMED_SUSPECTED},
        {ROUTE_SHARED_EVENT, STATE_FALSE_ALARM, EVENT_REOPEN, ACTOR_DCC,
         STATE_CONFIRMED_SUSPECTED},
        {ROUTE_METHOD_3, STATE_STOPPED_MIDWAY, EVENT_REOPEN, ACTOR_DCC, STATE_WITH_PMA},
        {ROUTE_METHOD_2, STATE_STOPPED_MIDWAY, EVENT_AUTHORISE_METHOD_3, ACTOR_PMA,
         STATE_AUTHORISED},
        {ROUTE_METHOD_2, STATE_STOPPED_MIDWAY, EVENT_DEACTIVATE_KEY, ACTOR_DCC, STATE_SAME},
    };

    for (size_t i = 0; i < sizeof must / sizeof must[0]; i++) {
        const struct transition *t =
            incident_next(must[i].route, must[i].state, must[i].event);

        ck_assert_msg(t != NULL, "case %zu has no row", i);
        ck_assert_uint_eq(t->to, must[i].to);
        ck_assert((t->actors & ACTOR_BIT(must[i].actor)) != 0);
    }
}
END_TEST

START_TEST(whatever_takes_the_authority_away_stops_the_signing)
{
    static const enum event stops[] = {EVENT_REFUSE, EVENT_ABORT, EVENT_DIRECT_OTHER,
                                       EVENT_EXPIRE, EVENT_LOSE_TOKEN};
    static const enum state from[] = {STATE_AUTHORISED, STATE_CUSTODIANS_CALLED,
                                      STATE_KEY_ACTIVE, STATE_EXECUTING};

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        for (size_t v = 0; v < sizeof stops / sizeof stops[0]; v++)
            for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
                const struct transition *t =
                    incident_next((enum route)r, from[i], stops[v]);

                if (incident_route((enum route)r)->signing == SIGNING_NOTHING)
                    continue;
                if (stops[v] == EVENT_LOSE_TOKEN && i < 2)
                    continue; /* no token is in use yet */
                ck_assert_msg(t != NULL, "%s does not stop %s",
                              incident_event(stops[v])->name,
                              incident_state(from[i])->name);
                /* where the PMA calls it off, it is over, in one way or another */
                ck_assert_int_eq(t->to, stops[v] == EVENT_LOSE_TOKEN ? STATE_TOKEN_LOST
                                        : stops[v] == EVENT_ABORT    ? STATE_OVER
                                                                     : STATE_HALTED);
                /* and no rule stands in the way of a stop */
                ck_assert_uint_eq(t->guards, 0);
            }
}
END_TEST

START_TEST(a_refusal_says_what_is_missing_or_which_rule_forbids_it)
{
    struct incident_facts f = {.route = ROUTE_UNDECIDED, .state = STATE_FILE_RECEIVED};
    struct evidence_set have = {EVIDENCE_BIT(EVIDENCE_NOTIFICATION_FILE)};
    struct incident_move to;
    struct err e;

    ck_assert(!incident_step(&f, EVENT_ASK_SUSPENSION, ACTOR_SUBSCRIBER, &have, &to, &e));
    ck_assert_str_eq(e.text,
                     "ask-suspension in state FILE_RECEIVED lacks: suspension-request");
    have.have = 0;
    ck_assert(!incident_step(&f, EVENT_ASK_SUSPENSION, ACTOR_SUBSCRIBER, &have, &to, &e));
    ck_assert_str_eq(e.text, "ask-suspension in state FILE_RECEIVED lacks: "
                             "notification-file, suspension-request");
    have.have = UINT64_MAX;
    ck_assert(!incident_step(&f, EVENT_ASK_SUSPENSION, ACTOR_SRP, &have, &to, &e));
    ck_assert_str_eq(e.id, "incident.srp-authority");
    ck_assert_ptr_nonnull(strstr(e.text, "only with that user's authority"));
    /* A provider withdraws its own notice of the shared event in its own name. */
    f = (struct incident_facts){.route = ROUTE_SHARED_EVENT,
                                .state = STATE_CONFIRMED_SUSPECTED};
    ck_assert(incident_step(&f, EVENT_WITHDRAW, ACTOR_SRP, &have, &to, &e));
}
END_TEST

START_TEST(what_a_step_does_to_devices_is_as_the_procedure_says)
{
    static const struct {
        enum route route;
        enum state state;
        enum event event;
        enum effect effect;
    } want[] = {
        {ROUTE_UNDECIDED, STATE_NOTIFIED, EVENT_CONFIRM, EFFECT_NONE},
        {ROUTE_UNDECIDED, STATE_NOTIFIED, EVENT_REJECT, EFFECT_NONE},
        {ROUTE_UNDECIDED, STATE_FILE_RECEIVED, EVENT_ASK_SUSPENSION, EFFECT_SUSPEND},
        {ROUTE_UNDECIDED, STATE_SUSPENDING, EVENT_DEVICES_SUSPENDED, EFFECT_SET_RECOVERY},
        {ROUTE_UNDECIDED, STATE_SETTING_RECOVERY, EVENT_RECOVERY_SET, EFFECT_REVOKE},
        {ROUTE_UNDECIDED, STATE_REFUSED, EVENT_RECONNECT, EFFECT_RECONNECT},
        {ROUTE_METHOD_1, STATE_M1_COMPLETE, EVENT_REVOKED, EFFECT_REVOKE},
        {ROUTE_METHOD_2, STATE_HANDBACK, EVENT_HANDED_BACK, EFFECT_RECOVERED},
        {ROUTE_METHOD_3, STATE_RECOVERED, EVENT_CLOSE, EFFECT_COMMISSIONED},
        {ROUTE_RECOVERY_KEY, STATE_NOTIFIED, EVENT_CONFIRM, EFFECT_FREEZE},
        {ROUTE_RECOVERY_KEY, STATE_FALSE_ALARM, EVENT_REOPEN, EFFECT_FREEZE},
        {ROUTE_METHOD_3, STATE_STOPPED_MIDWAY, EVENT_RECONNECT, EFFECT_RECONNECT},
    };

    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        ck_assert_int_eq(incident_next(want[i].route, want[i].state, want[i].event)->effect,
                         want[i].effect);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("incident_demand");
    TCase *c = tcase_create("demands");
    SRunner *r = srunner_create(s);

    tcase_add_loop_test(c, every_demand_of_the_procedure_is_in_the_tables, 0,
                        sizeof demands / sizeof demands[0]);
    tcase_add_test(c, what_must_be_possible_is);
    tcase_add_test(c, whatever_takes_the_authority_away_stops_the_signing);
    tcase_add_test(c, a_refusal_says_what_is_missing_or_which_rule_forbids_it);
    tcase_add_test(c, what_a_step_does_to_devices_is_as_the_procedure_says);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
