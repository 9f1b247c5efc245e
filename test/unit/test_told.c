/* SPDX-License-Identifier: MIT
 *
 * What ends an authority is on the list when its step is, and each signer hears it once.
 */
#include "incident_kit.h"
#include "told.h"

#define DAY_US INT64_C(86400000000)

static const struct proto_list mine = {{1}}, other = {{2}};

static const char *const window = "{\"kind\":\"decision\","
                                  "\"valid_to\":\"2026-11-25T13:00:00Z\"}";

static struct digest digest_by(const char *id, const char *incident)
{
    return digest_of(span_of(id, strlen(id)), span_of(incident, strlen(incident)));
}

static void activate(const char *id, const char *incident)
{
    struct authority a = {.kind = KIND_ACTIVATION, .outcome = AUTHORITY_AUTHORISE};

    (void)snprintf(a.id, sizeof a.id, "%s", id);
    (void)snprintf(a.incident, sizeof a.incident, "%s", incident);
    a.digest = digest_by(id, incident);
    OK(docket_put_decision(&docket, &a, span_of("x", 1), span_of(window, strlen(window)),
                           "[]", "uid 1", &e));
}

/* An incident at work: decision D-1, activation A-1. */
static void at_work(const char *id, const char *route, const char *state)
{
    open_incident(id, ROUTE_UNDECIDED);
    decide("D-1", id, AUTHORITY_AUTHORISE, window);
    activate("A-1", id);
    set_state(id, route, state);
    reload(id);
}

static int64_t waiting(const struct proto_list *list)
{
    int64_t n;

    OK(told_waiting(store, list, docket.now_us, &n, &e));
    return n;
}

static bool has_ended(const char *id, const char *incident)
{
    struct digest what = digest_by(id, incident);
    struct digest got;
    int64_t place = 0;
    bool found = true;

    while (found) {
        OK(told_next(store, &other, 0, docket.now_us, &place, &got, &found, &e));
        if (found && digest_equal(&got, &what))
            return true;
    }
    return false;
}

START_TEST(a_key_switched_off_ends_its_activation_and_the_close_the_rest)
{
    struct docket_decision d;

    at_work("I-2", "method-3", "KEY_ACTIVE");
    at_work("I-1", "method-3", "KEY_ACTIVE");
    ck_assert_int_eq(waiting(&mine), 0);
    OK(dcc(EVENT_DEACTIVATE_KEY, "{\"key-deactivation\":\"done\"}"));
    ck_assert(has_ended("A-1", "I-1"));
    ck_assert(!has_ended("D-1", "I-1"));
    set_state("I-1", "method-3", "FALSE_ALARM"); /* no signer was there meanwhile */
    reload("I-1");
    OK(dcc(EVENT_CLOSE, NULL));
    ck_assert(has_ended("A-1", "I-1") && has_ended("D-1", "I-1"));
    ck_assert_int_eq(waiting(&mine), 2); /* and nothing of the other incident */
    OK(docket_decision(store, "I-1", "D-1", &d, &e));
    ck_assert_int_eq(d.state, DECISION_VOID);
}
END_TEST

START_TEST(a_step_that_is_refused_ends_nothing)
{
    at_work("I-1", "method-3", "KEY_ACTIVE");
    ck_assert(!dcc(EVENT_DEACTIVATE_KEY, NULL)); /* without its evidence */
    ck_assert_int_eq(waiting(&mine), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM ended"), 0);
}
END_TEST

START_TEST(a_lost_token_ends_the_activation)
{
    at_work("I-1", "method-3", "EXECUTING");
    OK(dcc(EVENT_LOSE_TOKEN, NULL));
    ck_assert(has_ended("A-1", "I-1"));
    ck_assert(!has_ended("D-1", "I-1")); /* it stands: custodians may bring a token back */
}
END_TEST

START_TEST(a_window_that_is_over_ends_what_had_it)
{
    at_work("I-1", "method-3", "EXECUTING");
    decide("D-2", "I-1", AUTHORITY_AUTHORISE, "{\"valid_to\":\"2026-12-25T13:00:00Z\"}");
    docket.now_us = NOW + DAY_US;
    OK(steps(EVENT_EXPIRE, ACTOR_SYSTEM, NULL, NULL));
    ck_assert(has_ended("A-1", "I-1"));
    ck_assert(has_ended("D-1", "I-1"));
    ck_assert(!has_ended("D-2", "I-1")); /* its own is open */
}
END_TEST

START_TEST(a_suspect_recovery_key_ends_the_activations_of_all_others)
{
    char id[8];

    for (int i = 1; i <= 12; i++) { /* as many as there are */
        (void)snprintf(id, sizeof id, "I-%d", i);
        at_work(id, "method-3", "KEY_ACTIVE");
    }
    open_incident("I-20", ROUTE_RECOVERY_KEY);
    confirm();
    ck_assert_int_eq(waiting(&mine), 12);
    ck_assert(has_ended("A-1", "I-1"));
    ck_assert(has_ended("A-1", "I-12"));
    reload("I-12");
    ck_assert_int_eq(inc.state, STATE_HALTED);
}
END_TEST

START_TEST(what_is_superseded_or_void_has_ended_and_what_takes_its_place_has_not)
{
    struct digest d2 = digest_by("D-2", "I-1");

    at_work("I-1", "method-3", "AUTHORISED");
    decide("D-0", "I-1", AUTHORITY_REFUSE, window); /* authorises nothing */
    decide("D-2", "I-1", AUTHORITY_AUTHORISE, window);
    OK(docket_void_decisions(&docket, "I-1", &d2, DECISION_SUPERSEDED, &e));
    ck_assert(has_ended("D-1", "I-1") && has_ended("A-1", "I-1"));
    ck_assert(!has_ended("D-2", "I-1") && !has_ended("D-0", "I-1"));
    ck_assert_int_eq(waiting(&mine), 2);
}
END_TEST

START_TEST(each_signer_is_told_until_it_says_so)
{
    struct digest got, again;
    int64_t place = 0, since, start = 0;
    bool found;

    at_work("I-1", "method-3", "KEY_ACTIVE");
    OK(docket_void_decisions(&docket, "I-1", &(struct digest){{0}}, DECISION_VOID, &e));
    OK(told_latest(store, &since, &e));
    OK(told_next(store, &mine, since, NOW, &place, &got, &found, &e));
    ck_assert(found);
    /* it ended before it had this on disk: at its next start it is told again */
    OK(told_next(store, &mine, since, NOW, &start, &again, &found, &e));
    ck_assert(found && digest_equal(&got, &again) && start == place);
    OK(told_acknowledged(store, &mine, &got, NOW, &e));
    OK(told_acknowledged(store, &mine, &got, NOW, &e)); /* said twice, kept once */
    ck_assert_int_eq(waiting(&mine), 1);
    ck_assert_int_eq(waiting(&other), 2);
    OK(told_next(store, &mine, since, NOW, &place, &got, &found, &e));
    ck_assert(found && !digest_equal(&got, &again));
    OK(told_acknowledged(store, &mine, &got, NOW, &e));
    OK(told_next(store, &mine, since, NOW, &place, &got, &found, &e));
    ck_assert(!found);
    place = 0;
    OK(told_next(store, &mine, since, NOW, &place, &got, &found, &e));
    ck_assert(!found);
    ck_assert_int_eq(waiting(&mine), 0);
}
END_TEST

/* Two processes of one machine have one list, and each may be signing just now. */
START_TEST(what_ends_while_it_runs_is_told_to_each_process)
{
    struct digest got;
    int64_t since, first = 0, second = 0;
    bool found;

    OK(told_latest(store, &since, &e));
    ck_assert_int_eq(since, 0);
    at_work("I-1", "method-3", "KEY_ACTIVE");
    OK(docket_void_activations(&docket, "I-1", "uid 1", &e));
    OK(told_next(store, &mine, since, NOW, &first, &got, &found, &e));
    ck_assert(found);
    OK(told_acknowledged(store, &mine, &got, NOW, &e));
    OK(told_next(store, &mine, since, NOW, &second, &got, &found, &e));
    ck_assert(found);
    OK(told_next(store, &mine, since, NOW, &second, &got, &found, &e));
    ck_assert(!found);
}
END_TEST

START_TEST(a_day_after_its_window_nobody_has_to_hear_it)
{
    struct digest got = digest_by("A-1", "I-1");

    at_work("I-1", "method-3", "KEY_ACTIVE");
    OK(docket_void_activations(&docket, "I-1", "uid 1", &e));
    OK(told_acknowledged(store, &other, &got, NOW, &e));
    docket.now_us = NOW + 2 * DAY_US;
    ck_assert_int_eq(waiting(&mine), 1);
    docket.now_us++;
    ck_assert_int_eq(waiting(&mine), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM ended"), 1);
    /* its place is not given to another, which a running signer would not hear of */
    open_incident("I-2", ROUTE_UNDECIDED);
    decide("D-3", "I-2", AUTHORITY_AUTHORISE, "{\"valid_to\":\"2026-12-25T13:00:00Z\"}");
    OK(docket_void_decisions(&docket, "I-2", &(struct digest){{0}}, DECISION_VOID, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM ended"), 1);
    ck_assert_int_eq(number("SELECT max(n) FROM ended"), 2);
    ck_assert_int_eq(number("SELECT count(*) FROM told"), 0);
}
END_TEST

KIT_MAIN("told", incident_kit_begin, incident_kit_end,
         a_key_switched_off_ends_its_activation_and_the_close_the_rest,
         a_step_that_is_refused_ends_nothing, a_lost_token_ends_the_activation,
         a_window_that_is_over_ends_what_had_it,
         a_suspect_recovery_key_ends_the_activations_of_all_others,
         what_is_superseded_or_void_has_ended_and_what_takes_its_place_has_not,
         each_signer_is_told_until_it_says_so,
         what_ends_while_it_runs_is_told_to_each_process,
         a_day_after_its_window_nobody_has_to_hear_it)
