/* SPDX-License-Identifier: MIT
 *
 * What was signed for which device: a page of rows says what each row says alone.
 */
#include "desk_kit.h"
#include "sent.h"

#define ROWS 700 /* slices of 256 */

static struct sent sent;
static struct sent_row page[ROWS];
static uint32_t n_page;

static void page_done(void)
{
    for (uint32_t i = 0; i < n_page; i++)
        sent_row_done(&page[i]);
    n_page = 0;
}

static void setup(void)
{
    engine_kit_begin();
    memset(&sent, 0, sizeof sent);
}

static void teardown(void)
{
    page_done();
    sent_close(&sent);
    engine_kit_end();
}

static const char *every_third_is_gone(uint32_t row)
{
    return row % 3 == 0 ? "decommissioned" : "commissioned";
}

/* The whole roster signed, but for every third row. */
static int64_t first_batch(void)
{
    int64_t id = whole_batch(ROWS, every_third_is_gone);

    begin_batch();
    run_to_the_end();
    return id;
}

/* Rows 4, 5 and 6 once more; 6 fails again. */
static int64_t second_batch(void)
{
    static const uint8_t rows[12] = {0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6};
    int64_t id = put_batch(3, span_of(rows, 12));

    begin_batch();
    run_to_the_end();
    return id;
}

static void reopen(void)
{
    sent_close(&sent);
    OK(sent_open(store, "I-1", kit_lists(), &sent, &e));
}

static void look_at(uint32_t first, uint32_t n)
{
    page_done();
    memset(page, 0, sizeof page);
    for (uint32_t i = 0; i < n; i++)
        page[i].device = *kit_device(first + i);
    OK(sent_page(&sent, page, n, &e));
    n_page = n;
}

/* The page says of each row what asking for the row alone says. */
static void agrees_row_by_row(uint32_t first)
{
    for (uint32_t i = 0; i < n_page; i++) {
        uint64_t counter = 0;
        int64_t batch = 0;

        for (size_t b = 0; b < sent.n; b++) {
            struct sent_command c;
            bool found;

            OK(sent_in(&sent, &sent.batches[b], kit_device(first + i), &c, &found, &e));
            if (found) {
                counter = c.counter;
                batch = sent.batches[b].id;
            }
        }
        ck_assert_int_eq(page[i].batch, batch);
        ck_assert_uint_eq(page[i].counter, counter);
    }
}

START_TEST(a_page_says_what_each_row_says)
{
    int64_t first = first_batch();
    int64_t second = second_batch();
    static const struct {
        uint32_t first, n;
    } cases[] = {{0, ROWS}, {0, 1}, {ROWS - 1, 1}, {250, 20}, {4, 3}, {7, 100}, {5, 0}};

    reopen();
    ck_assert_uint_eq(sent.n, 2);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        look_at(cases[k].first, cases[k].n);
        agrees_row_by_row(cases[k].first);
        for (uint32_t i = 0; i < n_page; i++) {
            uint32_t row = cases[k].first + i;

            ck_assert_int_eq(page[i].rule != NULL, row % 3 == 0);
            if (row % 3 == 0) {
                ck_assert_str_eq(page[i].rule, "row.status");
                ck_assert_ptr_nonnull(page[i].reason);
            }
            ck_assert_int_eq(page[i].batch, row % 3 == 0           ? 0
                                            : row == 4 || row == 5 ? second
                                                                   : first);
        }
    }
}
END_TEST

START_TEST(a_page_goes_on_behind_what_was_not_signed)
{
    int64_t id = first_batch();

    OK(store_run(store, &e, "DELETE FROM slice WHERE id = (?1 << 32) + 1", "i", id));
    reopen();
    look_at(0, ROWS);
    agrees_row_by_row(0);
    OK(store_run(store, &e, "DELETE FROM slice", ""));
    reopen();
    look_at(0, ROWS);
    for (uint32_t i = 0; i < ROWS; i++)
        ck_assert(page[i].batch == 0 && (page[i].rule != NULL) == (i % 3 == 0));
}
END_TEST

KIT_MAIN("sent", setup, teardown, a_page_says_what_each_row_says,
         a_page_goes_on_behind_what_was_not_signed)
