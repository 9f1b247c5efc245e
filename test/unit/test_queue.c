/* SPDX-License-Identifier: MIT */
#include "core_kit.h"
#include "queue.h"

static struct batch b, got;

static int64_t put(const char *incident, enum batch_state state)
{
    memset(&b, 0, sizeof b);
    (void)strcpy(b.incident, incident);
    (void)strcpy(b.key, "recovery");
    (void)strcpy(b.asked_by, "uid 1000");
    memset(b.decision.b, 1, 32);
    memset(b.roster.b, 2, 32);
    memset(b.originator.b, 3, 8);
    b.n_rows = 4000000000u;
    b.asked_us = 77;
    b.state = state;
    OK(queue_put(store, &b, span_of(NULL, 0), span_of("pem", 3), &e));
    return b.id;
}

static int64_t due(void)
{
    bool found;

    OK(queue_due(store, &got, &found, &e));
    return found ? got.id : 0;
}

static void to(int64_t id, enum batch_state state)
{
    OK(queue_state(store, id, state, "", "because", 5, &e));
}

START_TEST(a_batch_comes_back_as_it_was_put)
{
    int64_t id = put("I-1", BATCH_WAITING);

    OK(queue_get(store, id, &got, &e));
    ck_assert_mem_eq(&got, &b, sizeof b);
    ck_assert(!got.selected);
    OK(queue_confirm(store, id, "uid 1001", &e));
    OK(queue_get(store, id, &got, &e));
    ck_assert_str_eq(got.confirmed_by, "uid 1001");
    REFUSED(queue_get(store, id + 1, &got, &e), "request.no-batch");
    ck_assert_int_eq(e.code, ERR_MISSING);
}
END_TEST

START_TEST(selection_and_certificates_are_kept)
{
    static const uint8_t rows[8] = {0, 0, 0, 1, 0, 0, 0, 9};
    struct span selection;
    struct span certs;
    int64_t id = put("I-1", BATCH_QUEUED);

    OK(queue_parts(store, id, &selection, &certs, &e));
    ck_assert_ptr_null(selection.at);
    ck_assert(span_equal(certs, span_of("pem", 3)));
    free((void *)(uintptr_t)certs.at);
    b.n_rows = 2;
    OK(queue_put(store, &b, span_of(rows, 8), span_of("pem", 3), &e));
    ck_assert(b.selected);
    OK(queue_get(store, b.id, &got, &e));
    ck_assert(got.selected);
    OK(queue_parts(store, b.id, &selection, &certs, &e));
    ck_assert(span_equal(selection, span_of(rows, 8)));
    free((void *)(uintptr_t)selection.at);
    free((void *)(uintptr_t)certs.at);
}
END_TEST

START_TEST(running_is_due_before_queued_and_the_oldest_first)
{
    int64_t waiting = put("I-1", BATCH_WAITING);
    int64_t second = put("I-1", BATCH_QUEUED);
    int64_t third = put("I-2", BATCH_QUEUED);

    ck_assert_int_eq(due(), second);
    to(third, BATCH_RUNNING);
    ck_assert_int_eq(due(), third);
    to(third, BATCH_HELD);
    ck_assert_int_eq(due(), second);
    to(second, BATCH_PAUSED);
    ck_assert_int_eq(due(), 0);
    to(waiting, BATCH_QUEUED);
    ck_assert_int_eq(due(), waiting);
}
END_TEST

START_TEST(times_of_start_and_end_are_kept)
{
    int64_t id = put("I-1", BATCH_QUEUED);

    OK(queue_state(store, id, BATCH_RUNNING, "", "", 10, &e));
    OK(queue_state(store, id, BATCH_PAUSED, "token.lost", "lunch", 20, &e));
    OK(queue_get(store, id, &got, &e));
    ck_assert_str_eq(got.rule, "token.lost");
    ck_assert_str_eq(got.reason, "lunch");
    OK(queue_state(store, id, BATCH_RUNNING, "", "", 30, &e));
    OK(queue_get(store, id, &got, &e));
    ck_assert_int_eq(got.started_us, 10); /* the first time */
    ck_assert_int_eq(got.ended_us, 0);
    ck_assert_str_eq(got.reason, "");
    OK(queue_state(store, id, BATCH_DONE, "", "all", 40, &e));
    OK(queue_get(store, id, &got, &e));
    ck_assert_int_eq(got.ended_us, 40);
    ck_assert_str_eq(got.reason, "all");
}
END_TEST

START_TEST(what_is_over_stays_over)
{
    static const enum batch_state ends[] = {BATCH_STOPPED, BATCH_DONE};

    for (size_t i = 0; i < 2; i++) {
        int64_t id = put("I-1", BATCH_RUNNING);

        ck_assert(queue_state_final(ends[i]));
        to(id, ends[i]);
        for (int s = 0; s < BATCH_STATES; s++)
            REFUSED(queue_state(store, id, (enum batch_state)s, "", "", 9, &e),
                    "batch.state");
        OK(queue_get(store, id, &got, &e));
        ck_assert_int_eq(got.state, ends[i]);
        ck_assert_int_eq(got.ended_us, 5);
    }
    REFUSED(queue_state(store, 99, BATCH_QUEUED, "", "", 9, &e), "batch.state");
}
END_TEST

START_TEST(progress_adds_up)
{
    int64_t id = put("I-1", BATCH_RUNNING);
    int64_t other = put("I-1", BATCH_QUEUED);

    OK(queue_progress(store, id, 256, 3, &e));
    OK(queue_progress(store, id, 10, 0, &e));
    OK(queue_get(store, id, &got, &e));
    ck_assert_int_eq(got.signed_, 266);
    ck_assert_int_eq(got.failed, 3);
    OK(queue_get(store, other, &got, &e));
    ck_assert_int_eq(got.signed_, 0);
}
END_TEST

static bool count(void *arg, const struct batch *one)
{
    int64_t *sum = arg;

    *sum = *sum * 10 + one->id;
    return one->id != 3;
}

START_TEST(each_goes_through_all_or_those_of_one_incident)
{
    int64_t sum = 0;

    (void)put("I-1", BATCH_DONE);
    (void)put("I-2", BATCH_QUEUED);
    (void)put("I-1", BATCH_QUEUED);
    (void)put("I-1", BATCH_QUEUED);
    OK(queue_each(store, "I-1", count, &sum, &e));
    ck_assert_int_eq(sum, 13); /* stopped at 3 */
    sum = 0;
    OK(queue_each(store, NULL, count, &sum, &e));
    ck_assert_int_eq(sum, 123);
}
END_TEST

START_TEST(open_means_not_over)
{
    bool open;

    for (int s = 0; s < BATCH_STATES; s++) {
        char incident[8];

        (void)snprintf(incident, sizeof incident, "I-%d", s);
        (void)put(incident, (enum batch_state)s);
        OK(queue_open(store, incident, &open, &e));
        ck_assert(open == !queue_state_final((enum batch_state)s));
    }
    OK(queue_open(store, NULL, &open, &e));
    ck_assert(open);
    OK(queue_open(store, "I-99", &open, &e));
    ck_assert(!open);
    ck_assert_str_eq(queue_state_name(BATCH_HELD), "held");
    ck_assert_str_eq(queue_state_name(BATCH_STATES), "unknown");
}
END_TEST

START_TEST(a_state_that_nobody_knows_is_not_worked_on)
{
    int64_t id = put("I-1", BATCH_QUEUED);

    OK(store_run(store, &e, "UPDATE batch SET state = 'sideways'", ""));
    ck_assert_int_eq(due(), 0);
    OK(queue_get(store, id, &got, &e));
    ck_assert_int_eq(got.state, BATCH_HELD);
}
END_TEST

KIT_MAIN("queue", kit_begin_store, kit_end, a_batch_comes_back_as_it_was_put,
         selection_and_certificates_are_kept,
         running_is_due_before_queued_and_the_oldest_first, times_of_start_and_end_are_kept,
         what_is_over_stays_over, progress_adds_up,
         each_goes_through_all_or_those_of_one_incident, open_means_not_over,
         a_state_that_nobody_knows_is_not_worked_on)
