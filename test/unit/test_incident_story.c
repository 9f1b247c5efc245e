/* SPDX-License-Identifier: MIT */
#include "incident_kit.h"

#include <check.h>
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- stories ---- */

struct chapter {
    enum event event;
    enum actor actor;
    enum state state;
};

static bool pma_only; /* nobody else ends a decision */

static void tell(enum route route, const struct chapter *c, size_t n, enum route ends_on)
{
    enum state state = STATE_NONE;
    bool signed_ = false;

    for (size_t i = 0; i < n; i++) {
        const struct transition *t = incident_next(route, state, c[i].event);
        struct incident_move to;

        ck_assert_msg(t != NULL, "chapter %zu: %s has no place in %s", i,
                      incident_event(c[i].event)->name, incident_state(state)->name);
        struct at at = {t, route, state};
        struct incident_facts f = well(&at);

        signed_ = signed_ || state == STATE_EXECUTING;
        f.commands_signed = signed_;
        f.may_end = pma_only ? 0 : f.may_end;
        ck_assert_msg(goes(&f, t, c[i].actor, t->evidence, &to, &e), "%s", e.text);
        ck_assert_str_eq(incident_state(to.state)->name, incident_state(c[i].state)->name);
        route = to.route;
        state = to.state;
    }
    ck_assert_int_eq(route, ends_on);
}
#define TELL(route, ends_on, ...)                                             \
    do {                                                                      \
        static const struct chapter chapters[] = {__VA_ARGS__};               \
        tell(route, chapters, sizeof chapters / sizeof chapters[0], ends_on); \
    } while (0)
#define FRONT                                                     \
    {EVENT_NOTIFY, ACTOR_SUBSCRIBER, STATE_NOTIFIED},             \
        {EVENT_CONFIRM, ACTOR_DCC, STATE_CONFIRMED_SUSPECTED},    \
    {                                                             \
        EVENT_RECEIVE_FILE, ACTOR_SUBSCRIBER, STATE_FILE_RECEIVED \
    }
#define SUSPENSION                                                       \
    {EVENT_ASK_SUSPENSION, ACTOR_SUBSCRIBER, STATE_SUSPENDING},          \
        {EVENT_DEVICES_SUSPENDED, ACTOR_SYSTEM, STATE_SETTING_RECOVERY}, \
        {EVENT_RECOVERY_SET, ACTOR_SYSTEM, STATE_REVOKING},              \
        {EVENT_REVOKED, ACTOR_DCC, STATE_SUSPENDED},                     \
    {                                                                    \
        EVENT_REFER_TO_PMA, ACTOR_DCC, STATE_WITH_PMA                    \
    }
#define CEREMONY                                                  \
    {EVENT_CALL_CUSTODIANS, ACTOR_DCC, STATE_CUSTODIANS_CALLED},  \
        {EVENT_ACTIVATE_KEY, ACTOR_CUSTODIANS, STATE_KEY_ACTIVE}, \
    {                                                             \
        EVENT_EXECUTE, ACTOR_DCC, STATE_EXECUTING                 \
    }
#define RECONNECTION                                          \
    {EVENT_RECONNECT, ACTOR_DCC, STATE_RECONNECTING},         \
        {EVENT_RECONNECTED, ACTOR_SYSTEM, STATE_RECONNECTED}, \
    {                                                         \
        EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED                  \
    }

START_TEST(a_subscriber_recovers_by_its_own_key)
{
    TELL(ROUTE_UNDECIDED, ROUTE_METHOD_1, FRONT,
         {EVENT_INFORM_PMA, ACTOR_DCC, STATE_FILE_RECEIVED},
         {EVENT_ELECT_METHOD_1, ACTOR_SUBSCRIBER, STATE_M1_DECLARED},
         {EVENT_PROGRESS, ACTOR_SUBSCRIBER, STATE_M1_IN_PROGRESS},
         {EVENT_PROGRESS, ACTOR_SUBSCRIBER, STATE_M1_IN_PROGRESS},
         {EVENT_COMPLETE, ACTOR_SUBSCRIBER, STATE_M1_COMPLETE},
         {EVENT_REVOKED, ACTOR_DCC, STATE_M1_COMPLETE},
         {EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED});
}
END_TEST

START_TEST(a_compromise_turns_out_to_be_a_false_alarm)
{
    TELL(ROUTE_UNDECIDED, ROUTE_UNDECIDED, FRONT, SUSPENSION,
         {EVENT_WITHDRAW, ACTOR_SUBSCRIBER, STATE_WITH_PMA},
         {EVENT_CONFIRM_WITHDRAWAL, ACTOR_DCC, STATE_FALSE_ALARM}, RECONNECTION);
    /* A late authority finds no place. */
    ck_assert_ptr_null(
        incident_next(ROUTE_UNDECIDED, STATE_FALSE_ALARM, EVENT_AUTHORISE_METHOD_2));
    ck_assert_str_eq(
        incident_next(ROUTE_UNDECIDED, STATE_WITH_PMA, EVENT_CONFIRM_WITHDRAWAL)->also,
        "DECISION_ABORTED");
}
END_TEST

START_TEST(a_false_alarm_is_taken_up_again)
{
    TELL(ROUTE_UNDECIDED, ROUTE_UNDECIDED, FRONT, SUSPENSION,
         {EVENT_WITHDRAW, ACTOR_SUBSCRIBER, STATE_WITH_PMA},
         {EVENT_REJECT_WITHDRAWAL, ACTOR_DCC, STATE_WITH_PMA},
         {EVENT_WITHDRAW, ACTOR_SUBSCRIBER, STATE_WITH_PMA},
         {EVENT_CONFIRM_WITHDRAWAL, ACTOR_DCC, STATE_FALSE_ALARM},
         {EVENT_REOPEN, ACTOR_DCC, STATE_CONFIRMED_SUSPECTED},
         {EVENT_RECEIVE_FILE, ACTOR_SUBSCRIBER, STATE_FILE_RECEIVED},
         {EVENT_REFER_TO_PMA, ACTOR_DCC, STATE_WITH_PMA},
         {EVENT_REFUSE, ACTOR_PMA, STATE_REFUSED},
         {EVENT_WITHDRAW, ACTOR_SUBSCRIBER, STATE_REFUSED},
         {EVENT_CONFIRM_WITHDRAWAL, ACTOR_DCC, STATE_FALSE_ALARM}, RECONNECTION);
}
END_TEST

START_TEST(an_alarm_that_is_over_after_signing_is_settled_device_by_device)
{
    TELL(ROUTE_UNDECIDED, ROUTE_METHOD_3, FRONT, SUSPENSION,
         {EVENT_AUTHORISE_METHOD_3, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_ABORT, ACTOR_PMA, STATE_STOPPED_MIDWAY},
         {EVENT_DEACTIVATE_KEY, ACTOR_CUSTODIANS, STATE_STOPPED_MIDWAY}, RECONNECTION);
    pma_only = true;
    TELL(ROUTE_UNDECIDED, ROUTE_METHOD_3, FRONT, SUSPENSION,
         {EVENT_AUTHORISE_METHOD_3, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_WITHDRAW, ACTOR_SUBSCRIBER, STATE_EXECUTING},
         {EVENT_CONFIRM_WITHDRAWAL, ACTOR_DCC, STATE_HALTED},
         {EVENT_ABORT, ACTOR_PMA, STATE_STOPPED_MIDWAY},
         {EVENT_AUTHORISE_METHOD_3, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_DEACTIVATE_KEY, ACTOR_SYSTEM, STATE_AWAITING_RESPONSES},
         {EVENT_ABORT, ACTOR_PMA, STATE_STOPPED_MIDWAY},
         {EVENT_REOPEN, ACTOR_DCC, STATE_WITH_PMA},
         {EVENT_ABORT, ACTOR_PMA, STATE_STOPPED_MIDWAY},
         {EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED});
}
END_TEST

START_TEST(the_pma_refuses_and_devices_are_reconnected)
{
    TELL(ROUTE_UNDECIDED, ROUTE_UNDECIDED, FRONT, SUSPENSION,
         {EVENT_REFUSE, ACTOR_PMA, STATE_REFUSED}, RECONNECTION);
}
END_TEST

START_TEST(the_pma_authorises_either_method)
{
    TELL(ROUTE_UNDECIDED, ROUTE_METHOD_2, FRONT, SUSPENSION,
         {EVENT_AUTHORISE_METHOD_2, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_DEACTIVATE_KEY, ACTOR_SYSTEM, STATE_AWAITING_RESPONSES},
         {EVENT_EXECUTED, ACTOR_DEVICES, STATE_ACB_IN_PLACE},
         {EVENT_BEGIN_HANDBACK, ACTOR_DCC, STATE_HANDBACK},
         {EVENT_HANDED_BACK, ACTOR_DEVICES, STATE_RECOVERED},
         {EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED});
    TELL(ROUTE_UNDECIDED, ROUTE_METHOD_3, FRONT, SUSPENSION,
         {EVENT_AUTHORISE_METHOD_3, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_DEACTIVATE_KEY, ACTOR_SYSTEM, STATE_AWAITING_RESPONSES},
         {EVENT_EXECUTED, ACTOR_DEVICES, STATE_RECOVERED},
         {EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED});
}
END_TEST

START_TEST(a_shared_provider_and_a_child_whose_method_1_stalls)
{
    TELL(ROUTE_SHARED_EVENT, ROUTE_SHARED_EVENT, {EVENT_NOTIFY, ACTOR_SRP, STATE_NOTIFIED},
         {EVENT_CONFIRM, ACTOR_DCC, STATE_CONFIRMED_SUSPECTED},
         {EVENT_OPEN_CHILDREN, ACTOR_DCC, STATE_CHILDREN_OPEN},
         {EVENT_INFORM_PMA, ACTOR_DCC, STATE_CHILDREN_OPEN},
         {EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED});
    TELL(ROUTE_UNDECIDED, ROUTE_METHOD_3, FRONT,
         {EVENT_ELECT_METHOD_1, ACTOR_SRP, STATE_M1_DECLARED},
         {EVENT_PROGRESS, ACTOR_SUBSCRIBER, STATE_M1_IN_PROGRESS}, SUSPENSION,
         {EVENT_AUTHORISE_METHOD_3, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY);
}
END_TEST

START_TEST(a_supplier_exits_and_revocation_is_deferred)
{
    TELL(ROUTE_UNDECIDED, ROUTE_METHOD_2, {EVENT_NOTIFY, ACTOR_OFGEM, STATE_NOTIFIED},
         {EVENT_CONFIRM, ACTOR_DCC, STATE_CONFIRMED_SUSPECTED},
         {EVENT_RECEIVE_FILE, ACTOR_DCC, STATE_FILE_RECEIVED},
         {EVENT_DEFER_REVOCATION, ACTOR_PMA, STATE_FILE_RECEIVED},
         {EVENT_ASK_SUSPENSION, ACTOR_DCC, STATE_SUSPENDING},
         {EVENT_DEVICES_SUSPENDED, ACTOR_SYSTEM, STATE_SETTING_RECOVERY},
         {EVENT_SKIP_REVOCATION, ACTOR_SYSTEM, STATE_SUSPENDED},
         {EVENT_REFER_TO_PMA, ACTOR_DCC, STATE_WITH_PMA},
         {EVENT_DEFER_ID_TRANSFER, ACTOR_PMA, STATE_WITH_PMA},
         {EVENT_AUTHORISE_METHOD_2, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_END_DEFERRAL, ACTOR_DCC, STATE_EXECUTING},
         {EVENT_REVOKED, ACTOR_DCC, STATE_EXECUTING});
}
END_TEST

START_TEST(keys_of_the_dcc_have_routes_of_their_own)
{
#define OWN_FRONT                                              \
    {EVENT_NOTIFY, ACTOR_DCC, STATE_NOTIFIED},                 \
        {EVENT_CONFIRM, ACTOR_DCC, STATE_CONFIRMED_SUSPECTED}, \
        {EVENT_REFER_TO_PMA, ACTOR_DCC, STATE_WITH_PMA}
    /* The Recovery key is lost as well: only the contingency is left. */
    TELL(ROUTE_RECOVERY_KEY, ROUTE_CONTINGENCY, OWN_FRONT,
         {EVENT_AUTHORISE_CONTINGENCY, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_DEACTIVATE_KEY, ACTOR_DCC, STATE_AWAITING_RESPONSES},
         {EVENT_EXECUTED, ACTOR_DEVICES, STATE_CONTINGENCY_CONSUMED},
         {EVENT_ESTABLISH_CONTINGENCY, ACTOR_CUSTODIANS, STATE_NEW_CONTINGENCY_ESTABLISHED},
         {EVENT_RECOVERED, ACTOR_DCC, STATE_RECOVERED},
         {EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED});
    TELL(ROUTE_ISSUING_OCA, ROUTE_ISSUING_OCA, OWN_FRONT,
         {EVENT_AUTHORISE_ISSUING_OCA, ACTOR_PMA, STATE_AUTHORISED},
         {EVENT_ESTABLISH_OCA, ACTOR_DCC, STATE_NEW_OCA_ESTABLISHED},
         {EVENT_REISSUE, ACTOR_DCC, STATE_REISSUING},
         {EVENT_PROGRESS, ACTOR_DCC, STATE_REISSUING},
         {EVENT_RECOVERED, ACTOR_DCC, STATE_RECOVERED},
         {EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED});
    /* The rest of the devices by the Recovery key, on a decision that names them. */
    TELL(ROUTE_ISSUING_OCA, ROUTE_ISSUING_OCA, OWN_FRONT,
         {EVENT_AUTHORISE_ISSUING_OCA, ACTOR_PMA, STATE_AUTHORISED},
         {EVENT_ESTABLISH_OCA, ACTOR_DCC, STATE_NEW_OCA_ESTABLISHED},
         {EVENT_REISSUE, ACTOR_DCC, STATE_REISSUING},
         {EVENT_AUTHORISE_ISSUING_OCA, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_FREEZE, ACTOR_SYSTEM, STATE_HALTED},
         {EVENT_EXECUTED, ACTOR_DCC, STATE_RECOVERED});
    TELL(ROUTE_CONTINGENCY_KEY, ROUTE_CONTINGENCY_KEY, OWN_FRONT,
         {EVENT_AUTHORISE_CONTINGENCY_KEY, ACTOR_PMA, STATE_AUTHORISED},
         {EVENT_CALL_CUSTODIANS, ACTOR_DCC, STATE_CUSTODIANS_CALLED},
         {EVENT_ESTABLISH_CONTINGENCY, ACTOR_CUSTODIANS, STATE_NEW_CONTINGENCY_ESTABLISHED},
         CEREMONY);
    TELL(ROUTE_CONTINGENCY_KEY, ROUTE_CONTINGENCY_KEY, OWN_FRONT,
         {EVENT_AUTHORISE_CONTINGENCY_KEY, ACTOR_PMA, STATE_AUTHORISED},
         {EVENT_CALL_CUSTODIANS, ACTOR_DCC, STATE_CUSTODIANS_CALLED},
         {EVENT_ESTABLISH_CONTINGENCY, ACTOR_CUSTODIANS, STATE_NEW_CONTINGENCY_ESTABLISHED},
         {EVENT_DISTRIBUTE_ROOT, ACTOR_DCC, STATE_DISTRIBUTING_ROOT},
         {EVENT_RECOVERED, ACTOR_DCC, STATE_RECOVERED},
         {EVENT_CLOSE, ACTOR_DCC, STATE_CLOSED});
    ck_assert_int_eq(
        incident_next(ROUTE_RECOVERY_KEY, STATE_NOTIFIED, EVENT_CONFIRM)->effect,
        EFFECT_FREEZE);
}
END_TEST

START_TEST(a_lost_token_and_a_late_withdrawal_stop_the_execution)
{
    pma_only = true;
    TELL(ROUTE_UNDECIDED, ROUTE_METHOD_2, FRONT, SUSPENSION,
         {EVENT_AUTHORISE_METHOD_2, ACTOR_PMA, STATE_AUTHORISED}, CEREMONY,
         {EVENT_LOSE_TOKEN, ACTOR_SYSTEM, STATE_TOKEN_LOST},
         {EVENT_RESTORE_TOKEN, ACTOR_CUSTODIANS, STATE_CUSTODIANS_CALLED},
         {EVENT_ACTIVATE_KEY, ACTOR_CUSTODIANS, STATE_KEY_ACTIVE},
         {EVENT_EXECUTE, ACTOR_DCC, STATE_EXECUTING},
         {EVENT_WITHDRAW, ACTOR_SUBSCRIBER, STATE_EXECUTING},
         {EVENT_CONFIRM_WITHDRAWAL, ACTOR_DCC, STATE_HALTED},
         {EVENT_EXECUTED, ACTOR_DCC, STATE_ACB_IN_PLACE},
         {EVENT_BEGIN_HANDBACK, ACTOR_DCC, STATE_HANDBACK},
         {EVENT_LOSE_TOKEN, ACTOR_SYSTEM, STATE_HANDBACK_TOKEN_LOST},
         {EVENT_RESTORE_TOKEN, ACTOR_DCC, STATE_ACB_IN_PLACE});
}
END_TEST

/* ---- decisions, alarms, names, pictures ---- */

START_TEST(a_decision_brings_the_event_of_its_outcome_and_method)
{
    static const struct {
        enum route route;
        enum method method;
        enum event event; /* EVENT_COUNT: none */
    } cases[] = {
        {ROUTE_UNDECIDED, METHOD_1, EVENT_COUNT},
        {ROUTE_UNDECIDED, METHOD_2, EVENT_AUTHORISE_METHOD_2},
        {ROUTE_UNDECIDED, METHOD_3, EVENT_AUTHORISE_METHOD_3},
        {ROUTE_METHOD_3, METHOD_2, EVENT_AUTHORISE_METHOD_2},
        {ROUTE_UNDECIDED, METHOD_DCC, EVENT_AUTHORISE_METHOD_3},
        {ROUTE_UNDECIDED, METHOD_HANDBACK, EVENT_COUNT},
        {ROUTE_UNDECIDED, METHOD_CONTINGENCY, EVENT_COUNT},
        {ROUTE_UNDECIDED, METHOD_RECOVERY_KEY, EVENT_COUNT},
        {ROUTE_METHOD_1, METHOD_2, EVENT_COUNT},
        {ROUTE_METHOD_1, METHOD_3, EVENT_COUNT},
        {ROUTE_SHARED_EVENT, METHOD_DCC, EVENT_COUNT},
        {ROUTE_CONTINGENCY, METHOD_CONTINGENCY, EVENT_AUTHORISE_CONTINGENCY},
        {ROUTE_CONTINGENCY, METHOD_3, EVENT_COUNT},
        {ROUTE_RECOVERY_KEY, METHOD_CONTINGENCY, EVENT_AUTHORISE_CONTINGENCY},
        {ROUTE_RECOVERY_KEY, METHOD_RECOVERY_KEY, EVENT_AUTHORISE_RECOVERY_KEY},
        {ROUTE_ISSUING_OCA, METHOD_ISSUING_OCA, EVENT_AUTHORISE_ISSUING_OCA},
        {ROUTE_ISSUING_OCA, METHOD_DCC, EVENT_COUNT},
        {ROUTE_UNDECIDED, METHOD_ISSUING_OCA, EVENT_COUNT},
        {ROUTE_ISSUING_OCA, METHOD_3, EVENT_COUNT},
        {ROUTE_CONTINGENCY_KEY, METHOD_CONTINGENCY_KEY, EVENT_AUTHORISE_CONTINGENCY_KEY},
        {ROUTE_RECOVERY_KEY, METHOD_CONTINGENCY_KEY, EVENT_COUNT},
    };
    enum event v = EVENT_COUNT;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool found;

        v = EVENT_COUNT;
        found = incident_event_of(cases[i].route, AUTHORITY_AUTHORISE, cases[i].method, &v);
        ck_assert_msg(v == cases[i].event, "case %zu", i);
        ck_assert_int_eq(found, cases[i].event != EVENT_COUNT);
        if (found) /* and it has a row there or in WITH_PMA that takes that route */
            ck_assert_ptr_nonnull(incident_next(cases[i].route, STATE_WITH_PMA, v));
    }
    ck_assert(incident_event_of(ROUTE_UNDECIDED, AUTHORITY_REFUSE, METHOD_1, &v));
    ck_assert_int_eq(v, EVENT_REFUSE);
    ck_assert(incident_event_of(ROUTE_METHOD_2, AUTHORITY_ABORT, METHOD_1, &v));
    ck_assert_int_eq(v, EVENT_ABORT);
    ck_assert(incident_event_of(ROUTE_METHOD_2, AUTHORITY_DEFER_REVOCATION, METHOD_1, &v));
    ck_assert_int_eq(v, EVENT_DEFER_REVOCATION);
    ck_assert(incident_event_of(ROUTE_METHOD_2, AUTHORITY_DEFER_ID_TRANSFER, METHOD_1, &v));
    ck_assert_int_eq(v, EVENT_DEFER_ID_TRANSFER);
    ck_assert(incident_event_of(ROUTE_METHOD_2, AUTHORITY_DIRECT_OTHER, METHOD_1, &v));
    ck_assert_int_eq(v, EVENT_DIRECT_OTHER);
}
END_TEST

START_TEST(alarms_ring_after_the_configured_time_or_never)
{
    struct config c = {0};

    for (unsigned s = 0; s < STATE_COUNT; s++)
        ck_assert_int_eq(incident_due_us((enum state)s, NOW, &c), INT64_MAX);
    c.service.custodian_alarm_s = 1;
    c.service.pma_alarm_s = 2;
    c.service.suspend_alarm_s = 3;
    c.service.decision_alarm_s = 4;
    c.service.reshare_alarm_d = 5;
    ck_assert_int_eq(incident_due_us(STATE_NOTIFIED, NOW, &c), NOW + 1000000);
    ck_assert_int_eq(incident_due_us(STATE_SUSPENDED, NOW, &c), NOW + 2000000);
    ck_assert_int_eq(incident_due_us(STATE_REVOKING, NOW, &c), NOW + 3000000);
    ck_assert_int_eq(incident_due_us(STATE_WITH_PMA, NOW, &c), NOW + 4000000);
    ck_assert_int_eq(incident_due_us(STATE_CUSTODIANS_CALLED, NOW, &c),
                     NOW + INT64_C(5) * 86400 * 1000000);
    ck_assert_int_eq(incident_due_us(STATE_CLOSED, NOW, &c), INT64_MAX);
    ck_assert_int_eq(incident_due_us(STATE_WITH_PMA, INT64_MAX - 5, &c), INT64_MAX);
}
END_TEST

#define NAMES_AGREE(noun, type, count, name)            \
    for (unsigned i = 0; i < (count); i++) {            \
        enum type back;                                 \
                                                        \
        ck_assert(incident_##noun##_find(name, &back)); \
        ck_assert_uint_eq(back, i);                     \
    }

START_TEST(names_and_numbers_agree)
{
    enum state none;

    NAMES_AGREE(route, route, ROUTE_COUNT, incident_route((enum route)i)->name)
    NAMES_AGREE(state, state, STATE_COUNT, incident_state((enum state)i)->name)
    NAMES_AGREE(event, event, EVENT_COUNT, incident_event((enum event)i)->name)
    NAMES_AGREE(actor, actor, ACTOR_COUNT, incident_actor_name((enum actor)i))
    NAMES_AGREE(evidence, evidence, EVIDENCE_COUNT,
                incident_evidence_name((enum evidence)i))
    for (unsigned i = 0; i < EFFECT_COUNT; i++)
        ck_assert_ptr_nonnull(incident_effect_name((enum effect)i));
    for (unsigned i = 0; i < ALARM_COUNT; i++)
        ck_assert_ptr_nonnull(incident_alarm_name((enum alarm)i));
    for (unsigned i = 0; i < EVENT_COUNT; i++)
        ck_assert_ptr_nonnull(incident_event((enum event)i)->audit);
    ck_assert(!incident_state_find("closed", &none));
    ck_assert(!incident_state_find("", &none));
}
END_TEST

START_TEST(an_event_out_of_place_is_refused_by_name)
{
    struct incident_facts f = {.route = ROUTE_UNDECIDED, .state = STATE_CLOSED};
    struct evidence_set all = {UINT64_MAX};
    struct incident_move to;

    ck_assert(!incident_step(&f, EVENT_EXECUTE, ACTOR_DCC, &all, &to, &e));
    ck_assert_str_eq(e.id, "incident.no-transition");
    ck_assert_str_eq(e.text, "execute has no place in state CLOSED of route undecided");
}
END_TEST

static char *printed(void (*f)(FILE *to, enum route r), enum route r)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(to);
    f(to, r);
    ck_assert_int_eq(fclose(to), 0);
    return text;
}

static void table(FILE *to, enum route r)
{
    (void)r;
    incident_table_print(to);
}

START_TEST(the_tables_print_themselves)
{
    char *text = printed(table, ROUTE_COUNT);
    char *dot = printed(incident_dot, ROUTE_METHOD_2);
    char *shared = printed(incident_dot, ROUTE_SHARED_EVENT);
    char *json = incident_table_json();
    json_t *all = json_loads(json, JSON_REJECT_DUPLICATES, NULL);

    for (unsigned s = 0; s < STATE_COUNT; s++)
        ck_assert_ptr_nonnull(strstr(text, incident_state((enum state)s)->name));
    for (unsigned g = 0; g < GUARD_COUNT; g++)
        ck_assert_ptr_nonnull(strstr(text, incident_guard_rule((enum guard)g)));
    ck_assert_ptr_nonnull(strstr(dot, "KEY_ACTIVE -> EXECUTING [label=\"execute\"]"));
    ck_assert_ptr_null(strstr(dot, "M1_DECLARED"));
    ck_assert_ptr_nonnull(strstr(shared, "CHILDREN_OPEN -> CLOSED"));
    ck_assert_ptr_null(strstr(shared, "WITH_PMA"));
    ck_assert_ptr_nonnull(all);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "transitions")),
                      incident_n_transitions);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "states")), STATE_COUNT);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "routes")), ROUTE_COUNT);
    json_decref(all);
    free(json);
    free(shared);
    free(dot);
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("incident_story");
    TCase *c = tcase_create("stories");
    SRunner *r = srunner_create(s);

    tcase_add_test(c, a_subscriber_recovers_by_its_own_key);
    tcase_add_test(c, a_compromise_turns_out_to_be_a_false_alarm);
    tcase_add_test(c, a_false_alarm_is_taken_up_again);
    tcase_add_test(c, an_alarm_that_is_over_after_signing_is_settled_device_by_device);
    tcase_add_test(c, the_pma_refuses_and_devices_are_reconnected);
    tcase_add_test(c, the_pma_authorises_either_method);
    tcase_add_test(c, a_shared_provider_and_a_child_whose_method_1_stalls);
    tcase_add_test(c, a_supplier_exits_and_revocation_is_deferred);
    tcase_add_test(c, keys_of_the_dcc_have_routes_of_their_own);
    tcase_add_test(c, a_lost_token_and_a_late_withdrawal_stop_the_execution);
    tcase_add_test(c, a_decision_brings_the_event_of_its_outcome_and_method);
    tcase_add_test(c, alarms_ring_after_the_configured_time_or_never);
    tcase_add_test(c, names_and_numbers_agree);
    tcase_add_test(c, an_event_out_of_place_is_refused_by_name);
    tcase_add_test(c, the_tables_print_themselves);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
