/* SPDX-License-Identifier: MIT
 *
 * What a device holds, by what was signed for it last and what it answered.
 */
#include "desk_kit.h"
#include "holding.h"

#define ROWS 300 /* slices of 256 */

/* --- one device: every outcome, to the last command and to another one --- */

START_TEST(every_outcome_says_what_is_held)
{
    static const struct {
        enum outcome_state state;
        enum holding last, earlier; /* the answer is to the last command, or not */
    } cases[] = {
        {OUTCOME_ACCEPTED, HOLDING_UNCLEAR, HOLDING_UNCLEAR},
        {OUTCOME_SUCCESS, HOLDING_NEW, HOLDING_UNCLEAR},
        {OUTCOME_PARTLY, HOLDING_PARTLY, HOLDING_UNCLEAR},
        {OUTCOME_FAILED, HOLDING_OLD, HOLDING_UNCLEAR},
        {OUTCOME_UNREACHABLE, HOLDING_OLD, HOLDING_UNCLEAR},
        {OUTCOME_UNKNOWN, HOLDING_UNCLEAR, HOLDING_UNCLEAR},
        {OUTCOME_EXCUSED, HOLDING_EXCUSED, HOLDING_EXCUSED},
    };
    struct sent_row sent = {.batch = 2, .counter = 20};
    struct sent_row none = {0};

    ck_assert_int_eq(sizeof cases / sizeof cases[0], OUTCOME_STATES - OUTCOME_ACCEPTED);
    ck_assert_int_eq(holding_of(NULL, &none, false, false), HOLDING_OLD);
    ck_assert_int_eq(holding_of(NULL, &none, true, false), HOLDING_OWN_KEY);
    ck_assert_int_eq(holding_of(NULL, &sent, false, false), HOLDING_UNCLEAR);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o = {.state = cases[i].state, .batch = 2, .counter = 20};
        bool new = cases[i].last == HOLDING_NEW;

        ck_assert_int_eq(holding_of(&o, &sent, false, false), cases[i].last);
        ck_assert_int_eq(holding_of(&o, &sent, false, true),
                         new ? HOLDING_ACB : cases[i].last);
        o.counter = 19;
        ck_assert_int_eq(holding_of(&o, &sent, false, false), cases[i].earlier);
        o = (struct outcome){.state = cases[i].state, .batch = 1, .counter = 20};
        ck_assert_int_eq(holding_of(&o, &sent, false, false), cases[i].earlier);
        /* somebody said so of a device that no command was signed for */
        ck_assert_int_eq(holding_of(&o, &none, false, false), HOLDING_OLD);
    }
    for (unsigned h = 0; h < HOLDING_COUNT; h++)
        ck_assert_int_eq(holding_replaced((enum holding)h),
                         h == HOLDING_NEW || h == HOLDING_OWN_KEY);
}
END_TEST

/* --- a list --- */

static const char *every_third_is_gone(uint32_t row)
{
    return row % 3 == 0 ? "decommissioned" : "commissioned";
}

static void answered(uint32_t row, enum outcome_state state, bool last)
{
    struct sent sent;
    struct sent_row at = {.device = *kit_device(row)};
    struct outcome o = {
        .device = *kit_device(row), .type = DEVICE_ESME, .state = state, .cells = "{}"};

    OK(sent_open(store, "I-1", kit_lists(), &sent, &e));
    OK(sent_page(&sent, &at, 1, &e));
    o.batch = at.batch;
    o.counter = at.counter - !last;
    sent_row_done(&at);
    sent_close(&sent);
    OK(outcome_put(store, "I-1", &o, &e));
}

static void said(uint32_t row, const char *cells)
{
    OK(store_run(store, &e,
                 "UPDATE outcome SET cells = ?2 WHERE incident = 'I-1' AND device = ?1",
                 "bt", span_of(kit_device(row)->b, 8), cells));
}

static void own_key(uint32_t row, const char *state)
{
    struct roster_row at;

    roster_get(&scene.roster, row, &at);
    OK(store_run(store, &e,
                 "INSERT INTO file_row (incident, device, state, code) VALUES ('I-1', ?1,"
                 " ?2, 0)",
                 "bt", span_of(at.device.b, 8), state));
}

START_TEST(a_list_is_counted_by_what_its_devices_hold)
{
    int64_t n[HOLDING_COUNT];
    int64_t own;

    (void)whole_batch(ROWS, every_third_is_gone);
    OK(holding_count(store, "I-1", kit_lists(), n, &e));
    ck_assert_int_eq(n[HOLDING_OLD], ROWS);
    begin_batch();
    run_to_the_end();
    OK(holding_count(store, "I-1", kit_lists(), n, &e));
    ck_assert_int_eq(n[HOLDING_OLD], ROWS / 3);
    ck_assert_int_eq(n[HOLDING_UNCLEAR], ROWS - ROWS / 3);
    answered(1, OUTCOME_SUCCESS, true);
    answered(2, OUTCOME_SUCCESS, false);
    answered(4, OUTCOME_PARTLY, true);
    answered(298, OUTCOME_FAILED, true);
    answered(299, OUTCOME_EXCUSED, false);
    own_key(0, "success");
    own_key(297, "success");
    own_key(3, "failed");
    OK(holding_count(store, "I-1", kit_lists(), n, &e));
    ck_assert_int_eq(n[HOLDING_NEW], 1);
    ck_assert_int_eq(n[HOLDING_OWN_KEY], 2);
    ck_assert_int_eq(n[HOLDING_PARTLY], 1);
    ck_assert_int_eq(n[HOLDING_EXCUSED], 1);
    ck_assert_int_eq(n[HOLDING_ACB], 0);
    ck_assert_int_eq(n[HOLDING_OLD], ROWS / 3 - 2 + 1);
    ck_assert_int_eq(n[HOLDING_UNCLEAR], ROWS - ROWS / 3 - 4);
    OK(holding_own_key(store, "I-1", &own, &e));
    ck_assert_int_eq(own, 2);
    /* asked, and not all of the new ones are there: old, unless one was said to be replaced */
    answered(5, OUTCOME_UNREACHABLE, true);
    answered(7, OUTCOME_UNREACHABLE, true);
    said(5, "{\"supplier-ds\":{\"status\":17},\"note\":\"CS02a\"}");
    said(7, "{\"supplier-ds\":{\"status\":17},\"supplier-ka\":{\"status\":0},\"note\":"
            "\"CS02a\"}");
    OK(holding_count(store, "I-1", kit_lists(), n, &e));
    ck_assert_int_eq(n[HOLDING_OLD], ROWS / 3 - 2 + 2);
    ck_assert_int_eq(n[HOLDING_UNCLEAR], ROWS - ROWS / 3 - 5);
}
END_TEST

static bool three(void *arg, const struct lists_row *at, enum holding h)
{
    uint32_t *next = arg;
    uint32_t row = at->row;

    ck_assert_uint_eq(row, *next);
    ck_assert_int_eq(h, row % 3 == 0 ? HOLDING_OLD : HOLDING_UNCLEAR);
    return ++*next < 258;
}

START_TEST(rows_come_in_order_until_it_is_enough)
{
    uint32_t next = 255;

    (void)whole_batch(ROWS, every_third_is_gone);
    begin_batch();
    run_to_the_end();
    OK(holding_each(store, "I-1", kit_lists(), kit_device(254), UINT32_MAX, three, &next,
                    &e));
    ck_assert_uint_eq(next, 258);
}
END_TEST

KIT_MAIN("holding", engine_kit_begin, engine_kit_end, every_outcome_says_what_is_held,
         a_list_is_counted_by_what_its_devices_hold, rows_come_in_order_until_it_is_enough)
