/* SPDX-License-Identifier: MIT
 *
 * A counter mark that two people raise: what it costs, how far, and for how long the first
 * one's word stands.
 */
#include "core_kit.h"
#include "ledger.h"
#include "raising.h"

static const struct eui64 us = {{1}}, them = {{2}};
static struct raising_cost cost;
static struct raising w;

static void ask(const struct eui64 *originator, uint64_t to, int64_t at_us)
{
    struct raising r = {.to = to, .asked_us = at_us};

    (void)strcpy(r.ceremony, "the audit trail of the token");
    (void)strcpy(r.asked_by, "uid 7 login 7");
    OK(raising_ask(store, originator, &r, &e));
}

static uint64_t waits(const struct eui64 *originator, int64_t after_us)
{
    OK(raising_waits(store, originator, after_us, &w, &e));
    return w.to;
}

START_TEST(it_costs_every_counter_that_is_left_out)
{
    OK(raising_cost(store, &us, 1000, 1999, &cost, &e)); /* none was used yet */
    ck_assert_uint_eq(cost.from, 999);
    ck_assert_uint_eq(cost.lost, 1000);
    OK(ledger_raise(store, &us, 5000, &e));
    OK(raising_cost(store, &us, 1000, 5001, &cost, &e));
    ck_assert_uint_eq(cost.from, 5000);
    ck_assert_uint_eq(cost.to, 5001);
    ck_assert_uint_eq(cost.lost, 1);
    ck_assert_uint_eq(cost.left, (uint64_t)INT64_MAX - 5001);
    OK(raising_cost(store, &us, 1000, 5000 + RAISING_MAX, &cost, &e));
    ck_assert_uint_eq(cost.lost, RAISING_MAX);
    ck_assert(cost.percent > 4.65e-8 && cost.percent < 4.66e-8);
    OK(raising_agreed(&cost, RAISING_MAX, &e));
    REFUSED(raising_agreed(&cost, RAISING_MAX - 1, &e), "ledger.raise-cost");
    REFUSED(raising_agreed(&cost, 0, &e), "ledger.raise-cost");
}
END_TEST

START_TEST(it_is_raised_and_not_far)
{
    OK(ledger_raise(store, &us, 5000, &e));
    REFUSED(raising_cost(store, &us, 0, 5000, &cost, &e), "ledger.raise");
    REFUSED(raising_cost(store, &us, 0, 0, &cost, &e), "ledger.raise");
    REFUSED_SAYING(raising_cost(store, &us, 0, 5001 + RAISING_MAX, &cost, &e),
                   "ledger.raise-distance", "4294967297");
    REFUSED(raising_cost(store, &us, 0, INT64_MAX, &cost, &e), "ledger.raise-distance");
    OK(ledger_raise(store, &us, INT64_MAX - 1, &e));
    OK(raising_cost(store, &us, 0, INT64_MAX, &cost, &e));
    ck_assert_uint_eq(cost.left, 0);
    REFUSED(raising_cost(store, &us, 0, (uint64_t)INT64_MAX + 1, &cost, &e),
            "ledger.raise");
}
END_TEST

START_TEST(the_first_word_stands_for_a_while_and_for_one_originator)
{
    ck_assert_uint_eq(waits(&us, 0), 0);
    ask(&us, 100, 10);
    kit_reopen_store();
    ck_assert_uint_eq(waits(&us, 10), 100);
    ck_assert_str_eq(w.ceremony, "the audit trail of the token");
    ck_assert_str_eq(w.asked_by, "uid 7 login 7");
    ck_assert_int_eq(w.asked_us, 10);
    ck_assert_uint_eq(waits(&us, 11), 0);
    ck_assert_uint_eq(waits(&them, 0), 0);
    ask(&us, 200, 20); /* in the place of the other */
    ck_assert_uint_eq(waits(&us, 0), 200);
}
END_TEST

START_TEST(it_is_raised_once)
{
    uint64_t mark;
    bool found;

    ask(&us, 100, 10);
    ask(&them, 300, 10);
    OK(raising_do(store, &us, 100, &e));
    ck_assert_uint_eq(waits(&us, 0), 0);
    ck_assert_uint_eq(waits(&them, 0), 300);
    OK(ledger_mark(store, &us, &mark, &found, &e));
    ck_assert_uint_eq(mark, 100);
    OK(ledger_mark(store, &them, &mark, &found, &e));
    ck_assert(!found);
}
END_TEST

KIT_MAIN("raising", kit_begin_store, kit_end, it_costs_every_counter_that_is_left_out,
         it_is_raised_and_not_far, the_first_word_stands_for_a_while_and_for_one_originator,
         it_is_raised_once)
