/* SPDX-License-Identifier: MIT */
#include "core_kit.h"
#include "ledger.h"

static const struct eui64 us = {{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0, 0, 0}};
static const struct eui64 them = {{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0, 0, 1}};
static struct slice sl, back;
static struct gap *gaps;
static size_t n_gaps;

static void setup(void)
{
    kit_begin_store();
    gaps = NULL;
}

static void teardown(void)
{
    free(gaps);
    kit_end();
}

static uint64_t take(const struct eui64 *who, uint64_t start, uint32_t n)
{
    uint64_t first = 0;

    OK(ledger_reserve(store, who, 1, start, n, 0, &first, &e));
    return first;
}

/* A slice of n rows, rows first, first+step, ...; positions pos..pos+span-1. */
static void put(int64_t batch, uint32_t pos, uint32_t span, uint32_t n, uint32_t first,
                uint32_t step)
{
    memset(&sl, 0, sizeof sl);
    sl.batch = batch;
    sl.pos = pos;
    sl.span = span;
    sl.n = n;
    sl.counter = 1000 + pos;
    for (uint32_t i = 0; i < n; i++) {
        sl.rows[i] = first + step * i;
        memset(sl.sigs[i].b, (int)(pos + i), 64);
    }
    OK(ledger_put(store, &sl, &e));
}

static void find_gaps(int64_t batch, uint32_t n_rows)
{
    free(gaps);
    OK(ledger_gaps(store, batch, n_rows, &gaps, &n_gaps, &e));
}

static void is_gap(size_t i, uint32_t first, uint32_t last)
{
    ck_assert_uint_lt(i, n_gaps);
    ck_assert_uint_eq(gaps[i].first, first);
    ck_assert_uint_eq(gaps[i].last, last);
}

/* --- counters --- */

START_TEST(reserve_never_gives_a_counter_twice)
{
    uint64_t next = 5;
    uint64_t mark;
    bool found;

    OK(ledger_mark(store, &us, &mark, &found, &e));
    ck_assert(!found);
    for (uint32_t n = 1; n < 300; n += 7) {
        ck_assert_uint_eq(take(&us, 5, n), next);
        next += n;
        if (n % 3 == 0) { /* as after a restart */
            kit_reopen_store();
        }
    }
    OK(ledger_mark(store, &us, &mark, &found, &e));
    ck_assert(found);
    ck_assert_uint_eq(mark, next - 1);
    ck_assert_uint_eq(take(&them, 5, 1), 5); /* a sequence for each organisation */
}
END_TEST

START_TEST(a_rolled_back_reservation_was_never_handed_out)
{
    uint64_t first;

    OK(store_begin(store, &e));
    OK(ledger_reserve(store, &us, 1, 1, 100, 0, &first, &e));
    store_rollback(store);
    ck_assert_uint_eq(take(&us, 1, 1), first);
}
END_TEST

START_TEST(the_start_only_raises)
{
    ck_assert_uint_eq(take(&us, 100, 10), 100);
    ck_assert_uint_eq(take(&us, 1, 10), 110);
    ck_assert_uint_eq(take(&us, 500, 10), 500);
    ck_assert_uint_eq(take(&us, 0, 10), 510);
}
END_TEST

START_TEST(a_raise_never_lowers)
{
    uint64_t mark;
    bool found;

    OK(ledger_raise(store, &us, 1000, &e));
    ck_assert_uint_eq(take(&us, 1, 10), 1001);
    OK(ledger_raise(store, &us, 5, &e));
    OK(ledger_mark(store, &us, &mark, &found, &e));
    ck_assert_uint_eq(mark, 1010);
    OK(ledger_raise(store, &us, 1011, &e));
    ck_assert_uint_eq(take(&us, 1, 1), 1012);
    REFUSED(ledger_raise(store, &us, (uint64_t)INT64_MAX + 1, &e),
            "ledger.counters-used-up");
}
END_TEST

START_TEST(counters_are_used_up_one_day)
{
    uint64_t first = 7;

    OK(ledger_raise(store, &us, INT64_MAX - 100, &e));
    REFUSED(ledger_reserve(store, &us, 1, 1, 100, 0, &first, &e),
            "ledger.counters-used-up");
    ck_assert_int_eq(e.code, ERR_DENIED);
    ck_assert_uint_eq(first, 7);
    ck_assert_uint_eq(take(&us, 1, 99), INT64_MAX - 99);
    OK(ledger_raise(store, &us, INT64_MAX, &e));
    REFUSED(ledger_reserve(store, &us, 1, 1, 1, 0, &first, &e), "ledger.counters-used-up");
    REFUSED(ledger_reserve(store, &them, 1, UINT64_MAX, 1, 0, &first, &e),
            "ledger.counters-used-up");
}
END_TEST

/* --- slices --- */

static void comes_back(int64_t batch, uint32_t pos)
{
    bool found;

    memset(&back, 0xA5, sizeof back);
    OK(ledger_next(store, batch, pos, &back, &found, &e));
    ck_assert(found);
    ck_assert_int_eq(back.batch, sl.batch);
    ck_assert_uint_eq(back.pos, sl.pos);
    ck_assert_uint_eq(back.span, sl.span);
    ck_assert_uint_eq(back.n, sl.n);
    ck_assert_uint_eq(back.counter, sl.counter);
    ck_assert_mem_eq(back.rows, sl.rows, sl.n * sizeof sl.rows[0]);
    ck_assert_mem_eq(back.sigs, sl.sigs, sl.n * sizeof sl.sigs[0]);
}

START_TEST(a_slice_comes_back_as_it_was_put)
{
    put(1, 0, 1, 1, 7, 1);
    comes_back(1, 0);
    put(2, 5, PROTO_ROWS, PROTO_ROWS, 100, 1); /* rows in a row */
    comes_back(2, 5);
    comes_back(2, 5 + PROTO_ROWS - 1);
    comes_back(2, 0);                            /* the next one from there */
    put(3, 0, PROTO_ROWS + 9, PROTO_ROWS, 3, 5); /* with holes */
    comes_back(3, 0);
    ck_assert(!back.has_macs);
    memset(sl.macs, 0x5A, sizeof sl.macs);
    sl.has_macs = true;
    sl.batch = 4;
    OK(ledger_put(store, &sl, &e));
    comes_back(4, 0);
    ck_assert(back.has_macs);
    ck_assert_mem_eq(back.macs, sl.macs, sizeof sl.macs);
}
END_TEST

START_TEST(next_walks_slices_and_stays_in_its_batch)
{
    bool found;
    uint32_t pos = 0;

    put(1, 900, 1, 1, 0, 1);
    put(2, 20, 10, 10, 20, 1);
    put(2, 0, 10, 10, 0, 1);
    put(3, 0, 1, 1, 0, 1);
    OK(ledger_next(store, 2, pos, &back, &found, &e));
    ck_assert(found && back.pos == 0);
    OK(ledger_next(store, 2, 10, &back, &found, &e));
    ck_assert(found && back.pos == 20);
    OK(ledger_next(store, 2, 29, &back, &found, &e));
    ck_assert(found && back.pos == 20);
    OK(ledger_next(store, 2, 30, &back, &found, &e));
    ck_assert(!found);
    OK(ledger_next(store, 9, 0, &back, &found, &e));
    ck_assert(!found);
}
END_TEST

START_TEST(a_position_is_signed_once)
{
    put(1, 0, 10, 10, 0, 1);
    REFUSED(ledger_put(store, &sl, &e), "store.failed");
    ck_assert(store_failed(store));
}
END_TEST

START_TEST(a_damaged_slice_is_no_slice)
{
    static const char *const damage[] = {"UPDATE slice SET n = 0",
                                         "UPDATE slice SET n = 257",
                                         "UPDATE slice SET n = 9",
                                         "UPDATE slice SET rows = x'000000'",
                                         "UPDATE slice SET rows = x'0000000000000001'",
                                         "UPDATE slice SET sigs = x''"};
    bool found;

    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        put(1, 0, 10, 10, 0, 1);
        OK(store_run(store, &e, damage[i], ""));
        REFUSED(ledger_next(store, 1, 0, &back, &found, &e), "store.failed");
        OK(store_run(store, &e, "DELETE FROM slice", ""));
    }
}
END_TEST

/* --- gaps --- */

START_TEST(a_new_batch_is_one_gap)
{
    find_gaps(1, 1);
    ck_assert_uint_eq(n_gaps, 1);
    is_gap(0, 0, 0);
    find_gaps(1, UINT32_MAX);
    ck_assert_uint_eq(n_gaps, 1);
    is_gap(0, 0, UINT32_MAX - 1);
}
END_TEST

START_TEST(gaps_are_what_neither_slice_nor_failure_covers)
{
    put(1, 10, 10, 10, 10, 1);
    put(1, 30, 5, 3, 30, 2); /* two failed within it */
    OK(ledger_fail(store, 1, 31, 31, "row.status", "why", &e));
    OK(ledger_fail(store, 1, 33, 33, "row.status", "why", &e));
    OK(ledger_fail(store, 1, 50, 50, "row.status", "why", &e));
    OK(ledger_fail(store, 1, 99, 99, "row.status", "why", &e));
    put(2, 0, 10, 10, 0, 1); /* another batch */
    OK(ledger_fail(store, 2, 25, 25, "row.status", "why", &e));
    find_gaps(1, 100);
    ck_assert_uint_eq(n_gaps, 4);
    is_gap(0, 0, 9);
    is_gap(1, 20, 29);
    is_gap(2, 35, 49);
    is_gap(3, 51, 98);
    put(1, 0, 10, 10, 0, 1);
    put(1, 20, 10, 10, 20, 1);
    put(1, 35, 15, 15, 35, 1);
    put(1, 51, 48, 48, 51, 1);
    find_gaps(1, 100);
    ck_assert_uint_eq(n_gaps, 0);
}
END_TEST

START_TEST(many_gaps_are_all_found)
{
    OK(store_begin(store, &e));
    for (uint32_t i = 0; i < 1000; i++)
        put(1, 2 * i, 1, 1, 2 * i, 1);
    OK(store_commit(store, &e));
    find_gaps(1, 2000);
    ck_assert_uint_eq(n_gaps, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        is_gap(i, 2 * i + 1, 2 * i + 1);
}
END_TEST

static bool tell(void *arg, const char *rule, int64_t n, const char *first)
{
    char *out = arg;

    (void)snprintf(out + strlen(out), 200 - strlen(out), "%s %d %s\n", rule, (int)n, first);
    return true;
}

START_TEST(failed_rows_are_summed_by_rule)
{
    char out[200] = "";

    OK(ledger_failed_rules(store, 1, tell, out, &e));
    ck_assert_str_eq(out, "");
    OK(ledger_fail(store, 1, 9, 9, "row.status", "second", &e));
    OK(ledger_fail(store, 1, 5, 5, "row.status", "first", &e));
    OK(ledger_fail(store, 1, UINT32_MAX, 7, "row.cells", "last", &e));
    OK(ledger_fail(store, 2, 0, 0, "row.old", "of another batch", &e));
    OK(ledger_failed_rules(store, 1, tell, out, &e));
    ck_assert_str_eq(out, "row.cells 1 last\nrow.status 2 first\n");
}
END_TEST

START_TEST(a_row_fails_once)
{
    OK(ledger_fail(store, 1, 5, 5, "row.status", "why", &e));
    REFUSED(ledger_fail(store, 1, 5, 5, "row.status", "why", &e), "store.failed");
}
END_TEST

START_TEST(positions_reach_to_the_last_of_32_bits)
{
    bool found;

    put(1, UINT32_MAX - 9, 10, 10, 0, 1); /* ends at UINT32_MAX */
    comes_back(1, 0);
    comes_back(1, UINT32_MAX - 9);
    comes_back(1, UINT32_MAX);
    put(2, 0, 1, 1, 0, 1);
    OK(ledger_next(store, 1, UINT32_MAX, &back, &found, &e));
    ck_assert(found && back.batch == 1);
    find_gaps(1, UINT32_MAX);
    ck_assert_uint_eq(n_gaps, 1);
    is_gap(0, 0, UINT32_MAX - 10);
    find_gaps(2, UINT32_MAX);
    is_gap(0, 1, UINT32_MAX - 1);
}
END_TEST

KIT_MAIN("ledger", setup, teardown, reserve_never_gives_a_counter_twice,
         a_rolled_back_reservation_was_never_handed_out, the_start_only_raises,
         a_raise_never_lowers, counters_are_used_up_one_day,
         a_slice_comes_back_as_it_was_put, next_walks_slices_and_stays_in_its_batch,
         a_position_is_signed_once, a_damaged_slice_is_no_slice, a_new_batch_is_one_gap,
         gaps_are_what_neither_slice_nor_failure_covers, many_gaps_are_all_found,
         failed_rows_are_summed_by_rule, a_row_fails_once,
         positions_reach_to_the_last_of_32_bits)
