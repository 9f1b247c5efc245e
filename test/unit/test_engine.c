/* SPDX-License-Identifier: MIT
 *
 * The way of a batch; test_engine_trouble.c has what stops it.
 */
#include "desk_kit.h"

START_TEST(a_whole_batch_is_signed)
{
    int64_t id = whole_batch(600, NULL);

    begin_batch();
    ck_assert_int_eq(engine_batch(engine)->id, id);
    ck_assert_int_eq(engine_batch(engine)->state, BATCH_RUNNING);
    ck_assert_int_eq(batch_now(id).state, BATCH_RUNNING);
    ck_assert_int_eq(engine_batch(engine)->started_us, batch_now(id).started_us);
    run_to_the_end();
    ck_assert_ptr_null(engine_batch(engine));
    all_is_accounted_for(id, 600);
    ck_assert_uint_eq(fake_token.rows, 600);
    ck_assert_int_eq(audited("BATCH_STARTED"), 1);
    ck_assert_int_eq(audited("BATCH_DONE"), 1);
    ck_assert_int_eq(number("SELECT min(counter) FROM slice"), 1000);
    ck_assert(!picks());
}
END_TEST

/* It stays with the batch when the batch is put down, and when it is done. */
START_TEST(what_signers_counted_stays_with_the_batch)
{
    int64_t id = whole_batch(600, NULL);

    begin_batch();
    ck_assert_uint_eq(batch_now(id).commands.allowed, 0);
    engine_count(engine, &(struct proto_count){.used = 7, .allowed = 600, .lost = 2});
    OK(engine_end(engine, BATCH_PAUSED, "", "for now", &e));
    ck_assert_uint_eq(batch_now(id).commands.used, 7);
    ck_assert_uint_eq(batch_now(id).commands.allowed, 600);
    ck_assert_uint_eq(batch_now(id).commands.lost, 2);
    OK(queue_state(store, id, BATCH_QUEUED, "", "", SCENE_NOW, &e));
    begin_batch(); /* no signer has said anything yet: what was said before stands */
    ck_assert_uint_eq(batch_now(id).commands.used, 7);
    engine_count(engine, &(struct proto_count){.used = 600, .allowed = 600, .lost = 2});
    /* another signer's word, said before that one and heard behind it */
    engine_count(engine, &(struct proto_count){.used = 300, .allowed = 600, .lost = 1});
    run_to_the_end();
    ck_assert_int_eq(batch_now(id).state, BATCH_DONE);
    ck_assert_uint_eq(batch_now(id).commands.used, 600);
    ck_assert_uint_eq(batch_now(id).commands.lost, 2);
}
END_TEST

START_TEST(a_batch_of_one_row_is_signed)
{
    int64_t id = whole_batch(1, NULL);

    begin_batch();
    run_to_the_end();
    all_is_accounted_for(id, 1);
}
END_TEST

START_TEST(orders_have_at_most_the_rows_asked_for)
{
    bool found;

    (void)whole_batch(PROTO_ROWS + 1, NULL);
    begin_batch();
    OK(engine_order(engine, 1, 5, &order, &found, &e));
    ck_assert(found && order.sign.n == 1 && order.sign.rows[0] == 0);
    OK(engine_order(engine, PROTO_ROWS, 6, &order, &found, &e));
    ck_assert(found && order.sign.n == PROTO_ROWS && order.sign.rows[0] == 1);
    ck_assert_uint_eq(order.sign.counter, 6);
    ck_assert_mem_eq(&order.sign.authority, &(struct digest[]){authority_digest()}, 32);
    OK(engine_order(engine, 1, 300, &order, &found, &e));
    ck_assert(!found);
    ck_assert(!finishes()); /* two orders are out */
}
END_TEST

START_TEST(partial_answers_leave_the_rest_to_do)
{
    static struct token_flaky f;
    int64_t id = whole_batch(300, NULL);

    desk_kit_restart();
    token = token_flaky_init(&f, &fake_token.base, FLAKY_SHORT, 0);
    hello();
    rows_per_order = 7;
    begin_batch();
    for (int i = 0; i < 60; i++)
        ck_assert(turn());
    f.way = FLAKY_SOUND;
    run_to_the_end();
    all_is_accounted_for(id, 300);
    ck_assert_uint_eq(fake_token.rows, 300);
}
END_TEST

START_TEST(an_answer_with_nothing_in_it_leaves_all_to_do)
{
    struct proto_signed none = {0};
    int64_t id = whole_batch(10, NULL);
    struct order first;

    begin_batch();
    ck_assert(plan());
    first = order;
    none.counter = order.sign.counter;
    OK(answer_kept(&order, &none));
    ck_assert(!finishes());
    ck_assert(plan());
    ck_assert_uint_eq(order.sign.n, 10);
    ck_assert_mem_eq(order.sign.rows, first.sign.rows, sizeof(uint32_t) * 10);
    ck_assert_uint_gt(order.sign.counter, first.sign.counter + 9);
    OK(engine_lost(engine, &order, "test", &e));
    run_to_the_end();
    all_is_accounted_for(id, 10);
}
END_TEST

START_TEST(lost_orders_come_again_under_new_counters)
{
    int64_t id = whole_batch(300, NULL);
    uint64_t highest = 0;
    struct order lost[2];

    rows_per_order = 50;
    begin_batch();
    ck_assert(turn());
    ck_assert(plan());
    lost[0] = order;
    ck_assert(plan());
    lost[1] = order;
    sign_order(); /* signed, but the answer gets lost */
    ANSWERED(PROTO_SIGNED);
    highest = order.sign.counter + order.sign.n - 1;
    OK(engine_lost(engine, &lost[0], "signer died", &e));
    OK(engine_lost(engine, &lost[1], "signer died, Jos\xe9", &e));
    ck_assert_int_eq(audited("ORDER_LOST"), 2);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert(plan());
        ck_assert_uint_gt(order.sign.counter, highest);
        sign_order();
        ANSWERED(PROTO_SIGNED);
        OK(answer_kept(&order, &reply.u.signed_));
    }
    run_to_the_end();
    all_is_accounted_for(id, 300);
}
END_TEST

START_TEST(answers_out_of_turn_are_kept_where_they_belong)
{
    int64_t id = whole_batch(300, NULL);
    struct order o[3];
    struct proto_signed got[3];

    begin_batch();
    for (int i = 0; i < 2; i++) {
        ck_assert(plan());
        o[i] = order;
        sign_order();
        ANSWERED(PROTO_SIGNED);
        got[i] = reply.u.signed_;
    }
    OK(answer_kept(&o[1], &got[1]));
    OK(engine_flush(engine, true, &e));
    OK(answer_kept(&o[0], &got[0]));
    run_to_the_end();
    all_is_accounted_for(id, 300);
}
END_TEST

/* Crash after k orders, with or without what was staged brought to disk;
 * then to the end. */
static void restart_after(unsigned k, bool flushed)
{
    int64_t id = whole_batch(400, NULL);
    uint64_t before;
    int64_t kept;

    rows_per_order = 40;
    begin_batch();
    for (unsigned i = 0; i < k; i++)
        ck_assert(turn());
    if (flushed)
        OK(engine_flush(engine, true, &e));
    before = fake_token.rows;
    kept = batch_now(id).signed_;
    ck_assert(!flushed || (uint64_t)kept == before);
    crash();
    ck_assert_int_eq(batch_now(id).signed_, kept);
    begin_batch();
    ck_assert_int_eq(batch_now(id).state, BATCH_RUNNING);
    run_to_the_end();
    all_is_accounted_for(id, 400);
    ck_assert_int_eq(audited("BATCH_STARTED"), 1);
    ck_assert_uint_eq(fake_token.rows, 400 + before - (uint64_t)kept);
}

START_TEST(a_restart_at_any_slice_goes_on)
{
    restart_after((unsigned)_i, true);
}
END_TEST

START_TEST(a_restart_without_a_flush_loses_only_time)
{
    restart_after((unsigned)_i, false);
}
END_TEST

/* --- rows that fail alone --- */

static const char *some_fail(uint32_t row)
{
    return row == 0 || row == 399 || row % 10 == 3 || (row >= 100 && row < 250)
               ? "suspended"
               : "commissioned";
}

static uint32_t failing(uint32_t n)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += strcmp(some_fail(i), "suspended") == 0;
    return sum;
}

START_TEST(failed_rows_are_set_down_once_and_counted_once)
{
    int64_t id = whole_batch(400, some_fail);

    rows_per_order = 17;
    begin_batch();
    run_to_the_end();
    all_is_accounted_for(id, 400);
    ck_assert_int_eq(batch_now(id).failed, failing(400));
    ck_assert_int_eq(number("SELECT count(*) FROM failed_row WHERE rule = 'row.status'"),
                     failing(400));
    ck_assert_int_eq(number("SELECT count(*) FROM failed_row WHERE row != id & 4294967295"),
                     0);
}
END_TEST

START_TEST(failed_rows_survive_lost_orders_short_answers_and_restarts)
{
    static struct token_flaky f;
    int64_t id = whole_batch(400, some_fail);

    rows_per_order = 17;
    begin_batch();
    for (unsigned i = 0; i < 6; i++) {
        ck_assert(turn());
        ck_assert(plan());
        OK(engine_lost(engine, &order, "test", &e));
        if (i % 2 == 0)
            OK(engine_flush(engine, true, &e));
        token = token_flaky_init(&f, &fake_token.base, FLAKY_SHORT, 0);
        crash();
        begin_batch();
        ck_assert(turn());
    }
    f.way = FLAKY_SOUND;
    run_to_the_end();
    all_is_accounted_for(id, 400);
    ck_assert_int_eq(batch_now(id).failed, failing(400));
}
END_TEST

static const char *one_good(uint32_t row)
{
    return row == 2500 ? "commissioned" : "suspended";
}

START_TEST(more_failures_than_fit_into_one_transaction_are_kept)
{
    int64_t id = whole_batch(2600, one_good);

    begin_batch();
    run_to_the_end();
    all_is_accounted_for(id, 2600);
    ck_assert_int_eq(batch_now(id).failed, 2599);
}
END_TEST

/* --- selections --- */

START_TEST(a_selection_signs_only_its_rows)
{
    uint8_t rows[4 * 100];
    struct slice sl;
    uint32_t pos = 0;
    bool found;
    int64_t id;

    make_roster(400, some_fail);
    keep_decision();
    for (uint32_t i = 0; i < 100; i++)
        put_be32(rows + 4 * i, 4 * i + 1);
    id = put_batch(100, span_of(rows, sizeof rows));
    rows_per_order = 9;
    begin_batch();
    ck_assert(turn());
    OK(engine_flush(engine, true, &e));
    crash();
    begin_batch();
    run_to_the_end();
    all_is_accounted_for(id, 400);
    for (;;) {
        OK(ledger_next(store, id, pos, &sl, &found, &e));
        if (!found)
            break;
        for (uint32_t i = 0; i < sl.n; i++)
            ck_assert_uint_eq(sl.rows[i] % 4, 1);
        pos = sl.pos + sl.span;
    }
}
END_TEST

START_TEST(a_batch_that_ran_comes_before_one_that_waits)
{
    int64_t first = whole_batch(10, NULL);
    int64_t second = put_batch(10, span_of(NULL, 0));

    OK(queue_state(store, second, BATCH_RUNNING, "", "", 1, &e));
    begin_batch();
    ck_assert_int_eq(engine_batch(engine)->id, second);
    run_to_the_end();
    begin_batch();
    ck_assert_int_eq(engine_batch(engine)->id, first);
    run_to_the_end();
    ck_assert_int_eq(number("SELECT count(DISTINCT counter) FROM slice"), 2);
    ck_assert_int_eq(batch_now(first).state, BATCH_DONE);
}
END_TEST

/* Neither an order nor a counter is lost by it. */
START_TEST(a_short_batch_goes_before_a_long_one)
{
    static const uint8_t rows[8] = {0, 0, 0, 1, 0, 0, 0, 9};
    int64_t first = whole_batch(QUEUE_SHORT + 1, NULL);
    int64_t second;

    begin_batch();
    ck_assert(turn());
    ck_assert(plan());
    OK(store_begin(store, &e));
    second = put_batch(2, span_of(rows, sizeof rows));
    OK(store_commit(store, &e));
    ck_assert(picks());
    ck_assert(!engine_has_rows(engine));
    ck_assert(!finishes()); /* an order is out */
    ck_assert_int_eq(engine_batch(engine)->id, first);
    sign_order();
    ck_assert(answer_kept(&order, &reply.u.signed_));
    ck_assert(!finishes());
    ck_assert_ptr_null(engine_batch(engine));
    ck_assert_int_eq(batch_now(first).state, BATCH_RUNNING);
    ck_assert_int_eq(audited("ORDER_LOST") + audited("ORDERS_VOID"), 0);
    begin_batch();
    ck_assert_int_eq(engine_batch(engine)->id, second);
    run_to_the_end();
    ck_assert_int_eq(batch_now(second).state, BATCH_DONE);
    begin_batch();
    ck_assert_int_eq(engine_batch(engine)->id, first);
    run_to_the_end();
    ck_assert_int_eq(batch_now(first).signed_, QUEUE_SHORT + 1);
    ck_assert_int_eq(number("SELECT sum(n) FROM slice"), QUEUE_SHORT + 3);
    ck_assert_int_eq(audited("BATCH_STARTED"), 2);
    ck_assert(!picks());
}
END_TEST

START_TEST(a_batch_that_is_not_short_waits_its_turn)
{
    int64_t first = whole_batch(QUEUE_SHORT + 1, NULL);
    int64_t second;

    begin_batch();
    OK(store_begin(store, &e));
    second = put_batch(QUEUE_SHORT + 1, span_of(NULL, 0));
    OK(store_commit(store, &e));
    ck_assert(picks());
    ck_assert(engine_has_rows(engine));
    run_to_the_end();
    ck_assert_int_eq(batch_now(first).state, BATCH_DONE);
    begin_batch();
    ck_assert_int_eq(engine_batch(engine)->id, second);
}
END_TEST

START_TEST(parts_for_the_signer_cannot_be_changed)
{
    int fds[PROTO_FDS];
    size_t n;

    (void)whole_batch(10, NULL);
    begin_batch();
    (void)engine_parts(engine, fds, &n);
    ck_assert_uint_ge(n, 3);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(fcntl(fds[i], F_GET_SEALS) & SEALS, SEALS);
        ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
        ck_assert_int_lt(write(fds[i], "x", 1), 0);
    }
    run_to_the_end();
    ck_assert_uint_eq(engine_parts(engine, fds, &n), 0);
    ck_assert_uint_eq(n, 0);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_whole_batch_is_signed);
    tcase_add_test(t, what_signers_counted_stays_with_the_batch);
    tcase_add_test(t, a_batch_of_one_row_is_signed);
    tcase_add_test(t, orders_have_at_most_the_rows_asked_for);
    tcase_add_test(t, partial_answers_leave_the_rest_to_do);
    tcase_add_test(t, an_answer_with_nothing_in_it_leaves_all_to_do);
    tcase_add_test(t, lost_orders_come_again_under_new_counters);
    tcase_add_test(t, answers_out_of_turn_are_kept_where_they_belong);
    tcase_add_loop_test(t, a_restart_at_any_slice_goes_on, 0, 11);
    tcase_add_loop_test(t, a_restart_without_a_flush_loses_only_time, 0, 11);
    tcase_add_test(t, failed_rows_are_set_down_once_and_counted_once);
    tcase_add_test(t, failed_rows_survive_lost_orders_short_answers_and_restarts);
    tcase_add_test(t, more_failures_than_fit_into_one_transaction_are_kept);
    tcase_add_test(t, a_selection_signs_only_its_rows);
    tcase_add_test(t, a_batch_that_ran_comes_before_one_that_waits);
    tcase_add_test(t, a_short_batch_goes_before_a_long_one);
    tcase_add_test(t, a_batch_that_is_not_short_waits_its_turn);
    tcase_add_test(t, parts_for_the_signer_cannot_be_changed);
}

int main(void)
{
    return kit_run("engine", engine_kit_begin, engine_kit_end, add);
}
