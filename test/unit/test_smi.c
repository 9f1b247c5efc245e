/* SPDX-License-Identifier: MIT
 *
 * The SMI status of a device, by state of its incident and by what the device holds: every state
 * that the tables reach, every holding, with and without suspension.
 */
#include "core_kit.h"
#include "holding.h"
#include "smi.h"

#define BIT(s) (1u << STATUS_##s)

/* Which status devices may have in each state that were commissioned before: `all` of them, and
 * `done` of those that were replaced. How often a state is met with each is up to the routes:
 * some suspend, some do not. */
static const struct expected {
    unsigned all, done;
} expected[STATE_COUNT] = {
#define UNTOUCHED                            \
    {                                        \
        BIT(COMMISSIONED), BIT(COMMISSIONED) \
    }
#define CUT_OFF                                                              \
    {                                                                        \
        BIT(COMMISSIONED) | BIT(RECOVERY), BIT(COMMISSIONED) | BIT(RECOVERY) \
    }
#define ANY                                                    \
    {                                                          \
        BIT(COMMISSIONED) | BIT(SUSPENDED) | BIT(RECOVERY),    \
            BIT(COMMISSIONED) | BIT(SUSPENDED) | BIT(RECOVERY) \
    }
    [STATE_NONE] = UNTOUCHED,
    [STATE_NOTIFIED] = UNTOUCHED,
    [STATE_CONFIRMED_SUSPECTED] = UNTOUCHED,
    [STATE_REJECTED_UNAUTHENTICATED] = UNTOUCHED,
    [STATE_FILE_RECEIVED] = UNTOUCHED,
    [STATE_M1_DECLARED] = UNTOUCHED,
    [STATE_M1_IN_PROGRESS] = UNTOUCHED,
    [STATE_M1_COMPLETE] = UNTOUCHED,
    [STATE_SUSPENDING] = UNTOUCHED,
    [STATE_SETTING_RECOVERY] = {BIT(SUSPENDED), BIT(SUSPENDED)},
    [STATE_REVOKING] = {BIT(RECOVERY), BIT(RECOVERY)},
    [STATE_SUSPENDED] = {BIT(RECOVERY), BIT(RECOVERY)},
    [STATE_WITH_PMA] = CUT_OFF,
    [STATE_DIRECTED] = CUT_OFF,
    [STATE_AUTHORISED] = CUT_OFF,
    [STATE_CUSTODIANS_CALLED] = CUT_OFF,
    [STATE_KEY_ACTIVE] = CUT_OFF,
    [STATE_EXECUTING] = CUT_OFF,
    [STATE_HALTED] = CUT_OFF,
    [STATE_TOKEN_LOST] = CUT_OFF,
    [STATE_AWAITING_RESPONSES] = CUT_OFF,
    [STATE_ACB_IN_PLACE] = CUT_OFF,
    [STATE_HANDBACK] = CUT_OFF,
    [STATE_HANDBACK_TOKEN_LOST] = CUT_OFF,
    [STATE_CONTINGENCY_CONSUMED] = UNTOUCHED,
    [STATE_NEW_CONTINGENCY_ESTABLISHED] = UNTOUCHED,
    [STATE_DISTRIBUTING_ROOT] = UNTOUCHED,
    [STATE_NEW_OCA_ESTABLISHED] = UNTOUCHED,
    [STATE_REISSUING] = UNTOUCHED,
    [STATE_RECOVERED] = {BIT(COMMISSIONED) | BIT(RECOVERY), BIT(RECOVERED)},
    [STATE_FALSE_ALARM] = ANY,
    [STATE_STOPPED_MIDWAY] = CUT_OFF,
    [STATE_REFUSED] = CUT_OFF,
    [STATE_RECONNECTING] = ANY,
    [STATE_RECONNECTED] = UNTOUCHED,
    [STATE_CHILDREN_OPEN] = UNTOUCHED,
    /* who was not replaced, and is excused, stays cut off */
    [STATE_CLOSED] = {BIT(COMMISSIONED) | BIT(RECOVERY), BIT(COMMISSIONED)},
};

/* Every place, with every history of steps that the tables lead to: a status fits 4 bits. */
static bool seen[ROUTE_COUNT][STATE_COUNT][16][16];

static bool mark(enum route r, enum state s, const struct smi_steps *steps)
{
    bool *at = &seen[r][s][steps->all][steps->done];

    if (*at)
        return false;
    return *at = true;
}

/* The states that the row may lead to; where it is over by facts, all of them. */
static unsigned leads_to(const struct transition *t, enum state from, enum state to[3])
{
    to[0] = t->to == STATE_SAME || t->to == STATE_BACK ? from
            : t->to == STATE_OVER                      ? STATE_FALSE_ALARM
                                                       : (enum state)t->to;
    to[1] = STATE_STOPPED_MIDWAY;
    to[2] = STATE_HALTED;
    return t->to == STATE_OVER ? 3 : 1;
}

/* One row from one place. An incident that was taken up again begins with what it was: see
 * below. */
static bool go(enum route r, enum state s, struct smi_steps at, enum event v)
{
    const struct transition *t = incident_next(r, s, v);
    bool more = false;
    enum state to[3];

    if (t == NULL || v == EVENT_REOPEN ||
        ((t->guards & GUARD_BIT(GUARD_NONE_SUSPENDED)) != 0 && v == EVENT_CLOSE &&
         at.all != STATUS_COUNT))
        return false;
    for (unsigned n = leads_to(t, s, to); n-- > 0;) {
        enum route after = t->takes == ROUTE_SAME ? r : t->takes;
        struct smi_steps steps = at;

        if (n > 0 && incident_route(after)->signing == SIGNING_NOTHING)
            continue;
        smi_step(&steps, v, s, to[n]);
        more = mark(after, to[n], &steps) || more;
    }
    return more;
}

static void walk(void)
{
    bool more = true;
    struct smi_steps begin = smi_begin();

    memset(seen, 0, sizeof seen);
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if (incident_route((enum route)r)->opens)
            (void)mark((enum route)r, STATE_NONE, &begin);
    while (more) {
        more = false;
        for (unsigned r = 0; r < ROUTE_COUNT; r++)
            for (unsigned s = 0; s < STATE_COUNT; s++)
                for (unsigned k = 0; k < 256; k++)
                    for (unsigned v = 0; seen[r][s][k / 16][k % 16] && v < EVENT_COUNT; v++)
                        more = go((enum route)r, (enum state)s,
                                  (struct smi_steps){(enum smi_status)(k / 16),
                                                     (enum smi_status)(k % 16)},
                                  (enum event)v) ||
                               more;
    }
}

START_TEST(in_every_state_a_device_has_the_status_of_what_it_holds)
{
    ck_assert_uint_lt(STATUS_COUNT, 16);
    walk();
    for (unsigned s = 0; s < STATE_COUNT; s++)
        for (unsigned h = 0; h < HOLDING_COUNT; h++) {
            bool replaced = holding_replaced((enum holding)h);
            unsigned met = 0;

            for (unsigned k = 0; k < ROUTE_COUNT * 256; k++) {
                struct smi_steps steps = {(enum smi_status)(k / 16 % 16),
                                          (enum smi_status)(k % 16)};

                if (!seen[k / 256][s][steps.all][steps.done])
                    continue;
                met |= 1u << smi_now(&steps, STATUS_COMMISSIONED, replaced);
                for (unsigned b = 0; b < STATUS_COUNT; b++)
                    if (b != STATUS_COMMISSIONED)
                        ck_assert_uint_eq(smi_now(&steps, (enum smi_status)b, replaced), b);
            }
            ck_assert_msg(met == (replaced ? expected[s].done : expected[s].all),
                          "%s, %s: %x", incident_state((enum state)s)->name,
                          holding_name((enum holding)h), met);
        }
}
END_TEST

/* The tables say of a step what it does to devices: the status has to agree. */
START_TEST(a_status_follows_the_effects_of_the_tables)
{
    for (size_t i = 0; i < incident_n_transitions; i++) {
        const struct transition *t = &incident_transitions[i];

        for (unsigned s = 0; s < STATE_COUNT; s++) {
            struct smi_steps steps = {STATUS_RECOVERY, STATUS_COUNT};
            enum smi_status now;

            if ((t->from & STATE_BIT(s)) == 0 || t->to >= STATE_COUNT)
                continue;
            smi_step(&steps, t->event, (enum state)s, (enum state)t->to);
            now = smi_now(&steps, STATUS_COMMISSIONED, true);
            if (t->effect == EFFECT_RECOVERED)
                ck_assert_int_eq(now, STATUS_RECOVERED);
            else if (t->effect == EFFECT_COMMISSIONED || t->event == EVENT_RECONNECTED)
                ck_assert_int_eq(now, STATUS_COMMISSIONED);
            else if (t->event == EVENT_DEVICES_SUSPENDED)
                ck_assert_int_eq(now, STATUS_SUSPENDED);
            else
                ck_assert_int_eq(now, STATUS_RECOVERY);
        }
    }
}
END_TEST

START_TEST(what_is_taken_up_again_begins_with_the_status_it_had)
{
    struct smi_steps steps = smi_begin();

    smi_step(&steps, EVENT_DEVICES_SUSPENDED, STATE_SUSPENDING, STATE_SETTING_RECOVERY);
    smi_step(&steps, EVENT_CONFIRM_WITHDRAWAL, STATE_SETTING_RECOVERY, STATE_FALSE_ALARM);
    smi_step(&steps, EVENT_REOPEN, STATE_FALSE_ALARM, STATE_CONFIRMED_SUSPECTED);
    ck_assert_int_eq(smi_now(&steps, STATUS_COMMISSIONED, false), STATUS_SUSPENDED);
    smi_step(&steps, EVENT_RECONNECTED, STATE_RECONNECTING, STATE_RECONNECTED);
    ck_assert_int_eq(smi_now(&steps, STATUS_COMMISSIONED, false), STATUS_COMMISSIONED);
}
END_TEST

START_TEST(a_list_is_counted_without_looking_at_its_rows)
{
    uint32_t before[STATUS_COUNT] = {
        [STATUS_PENDING] = 2, [STATUS_COMMISSIONED] = 10, [STATUS_SUSPENDED] = 1};
    struct smi_steps steps = {STATUS_RECOVERY, STATUS_RECOVERED};
    int64_t now[STATUS_COUNT];

    smi_count(&steps, before, 7, now);
    ck_assert_int_eq(now[STATUS_PENDING], 2);
    ck_assert_int_eq(now[STATUS_COMMISSIONED], 0);
    ck_assert_int_eq(now[STATUS_SUSPENDED], 1);
    ck_assert_int_eq(now[STATUS_RECOVERY], 3);
    ck_assert_int_eq(now[STATUS_RECOVERED], 7);
    steps = smi_begin();
    smi_count(&steps, before, 11, now); /* some are not on this list any more */
    ck_assert_int_eq(now[STATUS_COMMISSIONED], 10);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("smi");
    TCase *c = tcase_create("smi");
    SRunner *r = srunner_create(s);

    tcase_add_test(c, in_every_state_a_device_has_the_status_of_what_it_holds);
    tcase_add_test(c, a_status_follows_the_effects_of_the_tables);
    tcase_add_test(c, what_is_taken_up_again_begins_with_the_status_it_had);
    tcase_add_test(c, a_list_is_counted_without_looking_at_its_rows);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
