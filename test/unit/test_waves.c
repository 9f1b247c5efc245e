/* SPDX-License-Identifier: MIT
 *
 * Plans of waves, and what they let begin and leave when.
 */
#include "core_kit.h"
#include "waves.h"

#define NOW  INT64_C(1795525200000000)
#define HOUR INT64_C(3600000000)

static struct waveplan plan;

static bool reads(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);
    bool ok = waveplan_read(j, &plan, &e);

    json_decref(j);
    return ok;
}

#define PLAN(more) "{\"schema\":\"smki-recovery/waves/1\",\"waves\":[" more "}"
#define PAYING     "{\"name\":\"first\",\"payment\":\"prepayment\"}"

START_TEST(a_device_is_in_the_first_wave_that_fits_and_in_no_other)
{
    struct roster_row row = {.type = DEVICE_ESME, .payment = PAYMENT_PREPAYMENT};

    OK(reads(
        PLAN(PAYING ",{\"name\":\"n\",\"regions\":[\"north\"],\"types\":[\"GSME\"]}]")));
    ck_assert_uint_eq(plan.n, 3);
    ck_assert_str_eq(plan.waves[2].name, "rest");
    ck_assert_uint_eq(waveplan_of(&plan, &row), 0);
    row.payment = PAYMENT_UNSAID;
    ck_assert_uint_eq(waveplan_of(&plan, &row), 2);
    strcpy(row.region, "north");
    ck_assert_uint_eq(waveplan_of(&plan, &row), 2); /* not of that type */
    row.type = DEVICE_GSME;
    ck_assert_uint_eq(waveplan_of(&plan, &row), 1);
    OK(reads(PLAN("{\"name\":\"all\"}]")));
    ck_assert_uint_eq(plan.n, 1); /* nobody is left for a rest */
}
END_TEST

START_TEST(a_plan_with_a_mistake_is_refused_by_its_member)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {PLAN("]"), "waves: not a list of 1 to 32"},
        {PLAN(PAYING "," PAYING "]"), "waves[1]: a name that another wave has"},
        {PLAN("{\"name\":\"rest\"}]"), "waves[0]: \"rest\" is"},
        {PLAN("{\"name\":\"a\",\"payment\":\"cash\"}]"), "waves[0].payment: not one of"},
        {PLAN("{\"name\":\"a\",\"regions\":[\"no rth\"]}]"), "waves[0].regions[0]: not a"},
        {PLAN("{\"name\":\"a\",\"types\":[\"IHX\"]}]"), "waves[0].types[0]"},
        {PLAN(PAYING "],\"commands_per_hour\":0"), "commands_per_hour: not a whole"},
        {PLAN(PAYING "],\"at_once\":5"), "at_once: it says nothing without"},
        {PLAN(PAYING "],\"again\":{\"times\":1}"), "after_hours"},
        {PLAN(PAYING "],\"hurry\":true"), "hurry"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        REFUSED_SAYING(reads(cases[i].text), "waves.plan", cases[i].words);
}
END_TEST

START_TEST(a_file_is_refused_by_its_line_too)
{
    static const char text[] = "{\"schema\": \"smki-recovery/waves/1\",\n \"waves\": [\n"
                               "  {\"name\": \"a\",\n   \"payment\": \"cash\"}]}";
    json_t *j;

    REFUSED_SAYING(waveplan_load(span_of(text, sizeof text - 1), &j, &e), "waves.plan",
                   "line 4: waves[0].payment");
    ck_assert_ptr_null(j);
}
END_TEST

/* A batch of n rows, in that state. */
static struct batch batch(uint32_t rows, enum batch_state state)
{
    struct batch b = {.incident = "I-1", .n_rows = rows, .state = BATCH_QUEUED};

    OK(queue_put(store, &b, (struct span){NULL, 0}, span_of("", 0), &e));
    OK(queue_state(store, b.id, state, "decision.window", "it closed", NOW, &e));
    OK(queue_get(store, b.id, &b, &e));
    return b;
}

static struct batch planned(const char *text, uint32_t rows)
{
    struct batch b = batch(rows, BATCH_DONE);
    json_t *j = json_loads(text, 0, NULL);

    OK(waves_put(store, j, &b, 0, "uid 1", NOW, &e));
    json_decref(j);
    return b;
}

static struct err why;

static enum waves_turn turn(int64_t now_us, struct waves *w)
{
    enum waves_turn t = WAVES_WAIT;
    struct batch last;
    bool found;

    OK(waves_turn(store, 0, now_us, w, &last, &t, &why, &found, &e));
    ck_assert(found);
    return t;
}

START_TEST(a_wave_begins_once_the_one_before_has_left)
{
    static struct waves w;
    struct batch b = planned(PLAN(PAYING "]"), 5);
    struct batch next;

    ck_assert_int_eq(turn(NOW, &w), WAVES_WAIT);
    ck_assert_str_eq(why.text, "commands of batch 1 are not exported yet");
    OK(waves_left(store, b.id, 4, NOW, &e));
    ck_assert_int_eq(turn(NOW, &w), WAVES_WAIT);
    kit_reopen_store();
    OK(waves_left(store, b.id, 5, NOW, &e));
    ck_assert_int_eq(turn(NOW, &w), WAVES_BEGIN);
    ck_assert_uint_eq(w.next, 1);
    next = batch(3, BATCH_PAUSED);
    OK(waves_begun(store, &w, 1, &next, NOW, &e));
    ck_assert_int_eq(turn(NOW, &w), WAVES_WAIT);
    ck_assert_str_eq(why.id, "decision.window");
    ck_assert_str_eq(why.text, "batch 2 is paused");
    OK(queue_state(store, next.id, BATCH_STOPPED, "decision.revoked", "refused", NOW, &e));
    ck_assert_int_eq(turn(NOW, &w), WAVES_STOP);
    OK(waves_end(store, &w, "stopped", "decision.revoked", "refused", "system", NOW, &e));
    REFUSED(waves_get(store, "I-1", &w, &e), "waves.none");
}
END_TEST

START_TEST(what_a_wave_waits_for_is_on_file_until_it_begins)
{
    static struct waves w;
    struct batch b = planned(PLAN(PAYING "],\"commands_per_hour\":60,\"at_once\":4"), 5);

    OK(waves_left(store, b.id, 4, NOW, &e));
    ck_assert_int_eq(turn(NOW, &w), WAVES_WAIT);
    ck_assert_str_eq(why.id, "waves.pace");
    ck_assert_ptr_nonnull(strstr(why.text, "may leave from 2026-11-24T13:01:00"));
    ck_assert(!waves_said(&w, &why));
    OK(waves_say(store, &w, &why, &e));
    kit_reopen_store();
    (void)turn(NOW, &w);
    ck_assert(waves_said(&w, &why));
    b = batch(2, BATCH_DONE);
    OK(waves_begun(store, &w, 1, &b, NOW, &e));
    OK(waves_get(store, "I-1", &w, &e));
    ck_assert_str_eq(w.rule, "");
    ck_assert_str_eq(w.reason, "");
}
END_TEST

START_TEST(who_is_silent_is_asked_again_after_a_while_and_so_often)
{
    static struct waves w;
    struct batch b =
        planned(PLAN("{\"name\":\"all\"}],\"again\":{\"after_hours\":24,\"times\":1}"), 5);

    OK(waves_left(store, b.id, 5, NOW, &e));
    ck_assert_int_eq(turn(NOW, &w), WAVES_WAIT); /* its time begins to run */
    ck_assert_str_eq(why.text,
                     "who is silent is asked again at 2026-11-25T13:00:00.000000Z");
    kit_reopen_store();
    ck_assert_int_eq(turn(NOW + 24 * HOUR - 1, &w), WAVES_WAIT);
    ck_assert_int_eq(turn(NOW + 24 * HOUR, &w), WAVES_BEGIN);
    ck_assert_uint_eq(w.next, w.plan.n);
    b = batch(2, BATCH_DONE);
    OK(waves_begun(store, &w, w.next, &b, NOW + 24 * HOUR, &e));
    ck_assert_int_eq(
        number("SELECT count(*) FROM wave WHERE name = 'again 1' AND batch = 2"), 1);
    OK(waves_left(store, b.id, 2, NOW + 24 * HOUR, &e));
    ck_assert_int_eq(turn(NOW + 100 * HOUR, &w), WAVES_OVER);
}
END_TEST

START_TEST(commands_leave_no_faster_than_the_plan_says)
{
    struct batch b =
        planned(PLAN("{\"name\":\"all\"}],\"commands_per_hour\":60,\"at_once\":10"), 1000);
    uint32_t until;

    OK(waves_may_leave(store, b.id, 0, NOW, &until, &e));
    ck_assert_uint_eq(until, 10);
    OK(waves_left(store, b.id, 10, NOW, &e));
    REFUSED_SAYING(waves_may_leave(store, b.id, 10, NOW, &until, &e), "waves.pace",
                   "2026-11-24T13:01:00");
    kit_reopen_store(); /* a start gives nothing away */
    REFUSED(waves_may_leave(store, b.id, 10, NOW + HOUR / 60 - 1, &until, &e),
            "waves.pace");
    OK(waves_may_leave(store, b.id, 0, NOW, &until, &e)); /* what has left may be fetched */
    ck_assert_uint_eq(until, 10);
    OK(waves_may_leave(store, b.id, 10, NOW + 3 * HOUR / 60, &until, &e));
    ck_assert_uint_eq(until, 13);
    OK(waves_left(store, b.id, 5, NOW + 3 * HOUR / 60,
                  &e)); /* fetched again: not counted */
    OK(waves_may_leave(store, b.id, 10, NOW + 5 * HOUR, &until, &e));
    ck_assert_uint_eq(until, 20); /* it never holds more than at_once */
    OK(waves_may_leave(store, 77, 0, NOW, &until, &e)); /* no wave */
    ck_assert_uint_eq(until, UINT32_MAX);
}
END_TEST

KIT_MAIN("waves", kit_begin_store, kit_end,
         a_device_is_in_the_first_wave_that_fits_and_in_no_other,
         a_plan_with_a_mistake_is_refused_by_its_member, a_file_is_refused_by_its_line_too,
         a_wave_begins_once_the_one_before_has_left,
         what_a_wave_waits_for_is_on_file_until_it_begins,
         who_is_silent_is_asked_again_after_a_while_and_so_often,
         commands_leave_no_faster_than_the_plan_says)
