/* SPDX-License-Identifier: MIT
 *
 * Orders fit the token: a model of tokens of several speeds, no clock.
 */
#include "core_kit.h"
#include "pace.h"

static struct pace p;

/* One order to a token that takes so long for a signature on each of its sessions, and ends
 * in time as desk.h does. Its answer's rows. */
static uint32_t order_takes(int64_t one_us, int64_t *took_us)
{
    const int64_t limit = PROTO_SIGN_MS * INT64_C(1000);
    int64_t rounds = (p.rows + p.sessions - 1) / p.sessions;
    int64_t in_time = (limit + one_us - 1) / one_us;
    uint32_t done = p.rows;

    if (rounds > in_time) {
        rounds = in_time;
        done = (uint32_t)rounds * p.sessions;
    }
    *took_us = rounds * one_us;
    pace_answered(&p, p.rows, done, *took_us);
    return done;
}

static const struct {
    uint32_t sessions;
    int64_t one_us;
    uint32_t least, most; /* rows of an order, once it has settled */
    bool full;
} tokens[] = {
    {1, 40, 256, 256, true},     /* SoftHSM */
    {1, 50000, 5, 15, false},    /* 0.05 s a signature */
    {1, 500000, 1, 1, false},    /* 0.5 s */
    {1, 5000000, 1, 1, false},   /* 5 s */
    {1, 600000000, 1, 1, false}, /* ten minutes */
    {4, 50000, 20, 60, false},   /* rounds of all sessions */
    {64, 20000, 256, 256, true}, /* a network HSM with many calls under way */
    {64, 600000000, 64, 64, false},
    {48, 100, 240, 240, true}, /* no session idles in the last round */
};

START_TEST(orders_settle_at_what_a_token_does_in_good_time)
{
    int64_t took_us = 0;

    pace_begin(&p, tokens[_i].sessions);
    ck_assert_uint_eq(p.rows, tokens[_i].sessions);
    for (unsigned n = 0; n < 20; n++) {
        ck_assert_uint_ge(order_takes(tokens[_i].one_us, &took_us), 1);
        ck_assert_uint_eq(p.rows % p.sessions, 0);
        /* never more than the limit and one call, on the way too */
        ck_assert_int_lt(took_us, PROTO_SIGN_MS * INT64_C(1000) + tokens[_i].one_us);
    }
    ck_assert_uint_ge(p.rows, tokens[_i].least);
    ck_assert_uint_le(p.rows, tokens[_i].most);
    ck_assert_int_eq(pace_full(&p), tokens[_i].full);
    ck_assert_uint_ge(pace_lend_most(&p), pace_lend_least(&p));
    ck_assert(tokens[_i].full || pace_lend_most(&p) <= 4 * p.rows);
}
END_TEST

START_TEST(a_token_that_becomes_slow_is_given_less_and_gets_more_again)
{
    int64_t took_us;

    pace_begin(&p, 1);
    for (unsigned n = 0; n < 10; n++)
        (void)order_takes(40, &took_us);
    ck_assert(pace_full(&p));
    ck_assert_uint_eq(order_takes(300000, &took_us), 4);
    ck_assert_uint_le(p.rows, 4);
    for (unsigned n = 0; n < 10; n++)
        (void)order_takes(40, &took_us);
    ck_assert(pace_full(&p));
}
END_TEST

/* Each step on the way costs a run of counters, which the token sets aside slowly. */
START_TEST(a_fast_token_has_whole_orders_after_two)
{
    int64_t took_us;

    pace_begin(&p, 1);
    (void)order_takes(40, &took_us);
    (void)order_takes(40, &took_us);
    ck_assert(pace_full(&p));
    pace_begin(&p, 1); /* and one of 0.05 s no more than it does in good time */
    (void)order_takes(50000, &took_us);
    ck_assert_uint_gt(p.rows, 2);
    (void)order_takes(50000, &took_us);
    ck_assert_int_lt(took_us, PROTO_SIGN_MS * INT64_C(500));
}
END_TEST

START_TEST(the_last_rows_of_a_batch_say_nothing_of_the_token)
{
    pace_begin(&p, 1);
    p.rows = 16;
    pace_answered(&p, 3, 3, 100);
    ck_assert_uint_eq(p.rows, 16);
    pace_answered(&p, 16, 0, 100); /* stopped before its first row */
    ck_assert_uint_eq(p.rows, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pace");
    TCase *t = tcase_create("all");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_loop_test(t, orders_settle_at_what_a_token_does_in_good_time, 0,
                        (int)(sizeof tokens / sizeof tokens[0]));
    tcase_add_test(t, a_token_that_becomes_slow_is_given_less_and_gets_more_again);
    tcase_add_test(t, a_fast_token_has_whole_orders_after_two);
    tcase_add_test(t, the_last_rows_of_a_batch_say_nothing_of_the_token);
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
