/* SPDX-License-Identifier: MIT */
#include "desk_kit.h"
#include "export.h"

static struct export *x;

static void setup(void)
{
    engine_kit_begin();
    x = NULL;
}

static void teardown(void)
{
    export_close(x);
    engine_kit_end();
}

static bool opens(int64_t id, uint32_t from)
{
    export_close(x);
    x = NULL;
    return export_open(store, &scene.trust, kit_dir, id, from, &x, &e);
}

static bool next(struct export_row *row)
{
    bool found;

    OK(export_next(x, row, &found, &e));
    return found;
}

/* Walk to the end; each command is what warrant_command makes of the ledger's signature. */
static uint32_t walk(uint32_t first_pos)
{
    struct export_row row;
    struct roster_row device;
    struct warrant *w;
    struct slice sl;
    uint32_t n = 0;
    uint64_t last = 0;

    OK(scene_open(&scene, SCENE_NOW, &w, &e));
    while (next(&row)) {
        struct span command;
        bool found;
        uint32_t i = 0;

        ck_assert_uint_ge(row.pos, first_pos);
        ck_assert(n == 0 || row.pos > last);
        last = row.pos;
        roster_get(&scene.roster, row.row, &device);
        ck_assert_mem_eq(&row.device, &device.device, 8);
        OK(ledger_next(store, export_batch(x)->id, row.pos, &sl, &found, &e));
        ck_assert(found);
        while (i < sl.n && sl.rows[i] != row.row)
            i++;
        ck_assert_uint_lt(i, sl.n);
        ck_assert_uint_eq(row.counter, sl.counter + i);
        OK(warrant_command(w, row.row, row.counter, &sl.sigs[i], &command, &e));
        ck_assert(span_equal(command, row.command));
        n++;
    }
    warrant_free(w);
    return n;
}

static const char *some_fail(uint32_t row)
{
    return row == 0 || row == 99 || row % 10 == 3 ? "suspended" : "commissioned";
}

static int64_t signed_batch(uint32_t n, const char *(*status)(uint32_t))
{
    int64_t id = whole_batch(n, status);

    rows_per_order = 17;
    begin_batch();
    run_to_the_end();
    return id;
}

START_TEST(commands_are_those_of_the_warrant)
{
    int64_t id = signed_batch(100, NULL);

    OK(opens(id, 0));
    ck_assert_int_eq(export_batch(x)->id, id);
    ck_assert_uint_eq(walk(0), 100);
    ck_assert_uint_eq(walk(0), 0); /* the end stays the end */
}
END_TEST

START_TEST(export_begins_at_any_position)
{
    int64_t id = signed_batch(100, some_fail);
    uint32_t left;

    for (uint32_t from = 0; from <= 101; from++) {
        struct export_row row;

        left = 0;
        for (uint32_t i = from; i < 100; i++)
            left += strcmp(some_fail(i), "commissioned") == 0;
        OK(opens(id, from));
        if (left > 0 && next(&row)) {
            uint32_t first = from;

            while (strcmp(some_fail(first), "suspended") == 0)
                first++;
            ck_assert_uint_eq(row.pos, first);
            OK(opens(id, from));
        }
        ck_assert_uint_eq(walk(from), left);
    }
    OK(opens(id, UINT32_MAX));
    ck_assert_uint_eq(walk(0), 0);
}
END_TEST

START_TEST(positions_of_a_selection_are_not_rows)
{
    uint8_t rows[4 * 30];
    struct export_row row;
    int64_t id;

    make_roster(100, some_fail);
    keep_decision();
    for (uint32_t i = 0; i < 30; i++)
        put_be32(rows + 4 * i, 3 * i + 2);
    id = put_batch(30, span_of(rows, sizeof rows));
    rows_per_order = 7;
    begin_batch();
    run_to_the_end();
    OK(opens(id, 0));
    ck_assert_uint_eq(walk(0), (uint32_t)batch_now(id).signed_);
    OK(opens(id, 7)); /* row 23 failed */
    ck_assert(next(&row));
    ck_assert_uint_eq(row.pos, 8);
    ck_assert_uint_eq(row.row, 26);
    OK(store_run(store, &e, "UPDATE batch_rows SET list = x'00000000'", ""));
    REFUSED(opens(id, 0), "store.failed");
}
END_TEST

START_TEST(what_is_signed_so_far_can_be_had_and_the_rest_later)
{
    struct export_row row;
    int64_t id = whole_batch(100, NULL);

    REFUSED(opens(id, 0), "export.not-begun");
    ck_assert_int_eq(e.code, ERR_BUSY);
    begin_batch();
    OK(opens(id, 0));
    ck_assert(!next(&row));
    rows_per_order = 10;
    ck_assert(turn());
    ck_assert(!next(&row)); /* signed, not yet on disk */
    OK(engine_flush(engine, true, &e));
    ck_assert_uint_eq(walk(0), 10);
    run_to_the_end();
    ck_assert_uint_eq(walk(10), 90);
    REFUSED(opens(id + 1, 0), "request.no-batch");
}
END_TEST

START_TEST(nothing_is_given_out_beyond_a_row_still_to_do)
{
    int64_t id = whole_batch(100, some_fail);
    struct order lost;

    rows_per_order = 20;
    begin_batch();
    ck_assert(turn());
    ck_assert(plan());
    lost = order;
    ck_assert(turn());
    OK(engine_flush(engine, true, &e));
    OK(opens(id, 0));
    ck_assert_uint_eq(walk(0), 20);
    ck_assert_uint_eq(walk(0), 0);
    OK(opens(id, lost.pos[0] + 1)); /* from within the hole */
    ck_assert_uint_eq(walk(0), 0);
    OK(engine_lost(engine, &lost, "test", &e));
    while (lost.sign.n > 0) { /* it comes again in pieces, between the failed rows */
        ck_assert(turn());
        lost.sign.n -= order.sign.n;
    }
    OK(engine_flush(engine, true, &e));
    OK(opens(id, lost.first_pos));
    ck_assert_uint_eq(walk(lost.first_pos), 40);
    run_to_the_end();
    OK(opens(id, 0));
    ck_assert_uint_eq(walk(0), (uint32_t)batch_now(id).signed_);
}
END_TEST

START_TEST(what_a_stopped_batch_has_signed_is_given_out_whole)
{
    int64_t id = whole_batch(100, NULL);

    rows_per_order = 20;
    begin_batch();
    ck_assert(turn());
    ck_assert(plan()); /* never answered */
    ck_assert(turn());
    OK(engine_end(engine, BATCH_HELD, "token.gone", "token gone", &e));
    OK(opens(id, 0));
    ck_assert_uint_eq(walk(0), 20);
    OK(queue_state(store, id, BATCH_STOPPED, "", "aborted", 1, &e));
    OK(opens(id, 0));
    ck_assert_uint_eq(walk(0), 40);
}
END_TEST

START_TEST(a_window_that_closed_since_does_not_matter)
{
    int64_t id = signed_batch(20, NULL);

    now = SCENE_NOW + INT64_C(30) * 86400 * 1000000;
    OK(opens(id, 0));
    ck_assert_uint_eq(walk(0), 20);
}
END_TEST

START_TEST(without_its_roster_there_is_no_export)
{
    int64_t id = signed_batch(20, NULL);
    char command[256];

    (void)snprintf(command, sizeof command, "rm %s/*.csv", kit_dir);
    ck_assert_int_eq(system(command), 0);
    REFUSED(opens(id, 0), "store.failed");
    export_close(NULL);
}
END_TEST

KIT_MAIN("export", setup, teardown, commands_are_those_of_the_warrant,
         export_begins_at_any_position, positions_of_a_selection_are_not_rows,
         what_is_signed_so_far_can_be_had_and_the_rest_later,
         nothing_is_given_out_beyond_a_row_still_to_do,
         what_a_stopped_batch_has_signed_is_given_out_whole,
         a_window_that_closed_since_does_not_matter, without_its_roster_there_is_no_export)
