/* SPDX-License-Identifier: MIT
 *
 * What became of each device: states by name, rows as they were put, and sums.
 */
#include "core_kit.h"
#include "outcome.h"

#define I "I-1"

static struct outcome got;
static int64_t n[OUTCOME_STATES];
static bool found;

static void put(const char *incident, uint32_t row, enum outcome_state state, int64_t batch)
{
    struct outcome o = {.device = *kit_device(row),
                        .type = row % 2 ? DEVICE_GSME : DEVICE_ESME,
                        .state = state,
                        .batch = batch,
                        .counter = 1000 + row,
                        .attempts = 2,
                        .retry = row % 2 != 0,
                        .at_us = 77,
                        .cells = "{\"note\":\"why\"}"};

    OK(outcome_put(store, incident, &o, &e));
}

/* Every state that has a row, row by row. */
static uint32_t one_of_each(void)
{
    uint32_t rows = 0;

    for (unsigned s = OUTCOME_ACCEPTED; s < OUTCOME_STATES; s++)
        put(I, rows++, (enum outcome_state)s, 9);
    return rows;
}

START_TEST(a_state_and_its_name_go_together)
{
    for (unsigned s = 0; s < OUTCOME_STATES; s++) {
        const char *name = outcome_state_name((enum outcome_state)s);
        enum outcome_state back;
        bool has_row = s >= OUTCOME_ACCEPTED;

        ck_assert_int_gt((int)strlen(name), 3);
        for (unsigned other = 0; other < s; other++)
            ck_assert_str_ne(name, outcome_state_name((enum outcome_state)other));
        ck_assert_int_eq(outcome_state_find(name, &back), has_row);
        if (has_row)
            ck_assert_int_eq(back, s);
    }
    ck_assert_str_eq(outcome_state_name(OUTCOME_STATES), "");
    ck_assert(!outcome_state_find("", &got.state));
    ck_assert(!outcome_state_find("SUCCESS", &got.state));
}
END_TEST

/* Databases of before hold these words. */
START_TEST(the_words_on_disk_stay)
{
    static const char *const words[] = {"accepted",    "success", "partly", "failed",
                                        "unreachable", "unknown", "excused"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        OK(store_run(
            store, &e,
            "INSERT INTO outcome (incident, device, type, state, list, batch, counter,"
            " attempts, retry, at_us, held, cells)"
            " VALUES (?1, ?2, 'ESME', ?3, 1, 1, 2, 3, 1, 4, '', '{}')",
            "tbt", I, span_of(kit_device((uint32_t)i)->b, 8), words[i]));
        OK(outcome_get(store, I, kit_device((uint32_t)i), &got, NULL, &found, &e));
        ck_assert(found);
        ck_assert_int_eq(got.state, OUTCOME_ACCEPTED + (int)i);
    }
}
END_TEST

START_TEST(a_row_comes_back_as_it_was_put)
{
    uint32_t rows = one_of_each();

    for (uint32_t row = 0; row < rows; row++) {
        OK(outcome_get(store, I, kit_device(row), &got, NULL, &found, &e));
        ck_assert(found);
        ck_assert(eui64_cmp(&got.device, kit_device(row)) == 0);
        ck_assert_int_eq(got.state, OUTCOME_ACCEPTED + row);
        ck_assert_int_eq(got.type, row % 2 ? DEVICE_GSME : DEVICE_ESME);
        ck_assert_int_eq(got.batch, 9);
        ck_assert_uint_eq(got.counter, 1000 + row);
        ck_assert_int_eq(got.attempts, 2);
        ck_assert_int_eq(got.retry, row % 2 != 0);
        ck_assert_int_eq(got.at_us, 77);
    }
    put(I, 0, OUTCOME_FAILED, 10); /* in place of the one before */
    OK(outcome_get(store, I, kit_device(0), &got, NULL, &found, &e));
    ck_assert(found && got.state == OUTCOME_FAILED && got.batch == 10);
    OK(outcome_get(store, I, kit_device(rows), &got, NULL, &found, &e));
    ck_assert(!found);
    ck_assert(eui64_cmp(&got.device, kit_device(rows)) == 0);
    ck_assert_int_eq(got.batch, 0);
    OK(outcome_get(store, "I-2", kit_device(0), &got, NULL, &found, &e));
    ck_assert(!found);
}
END_TEST

struct walk {
    uint32_t rows[16];
    size_t n, most;
};

static bool step(void *arg, const struct outcome *o)
{
    struct walk *w = arg;

    ck_assert_str_eq(o->cells, "{\"note\":\"why\"}");
    w->rows[w->n++] = get_be32(o->device.b + 4);
    return w->n < w->most;
}

START_TEST(rows_are_walked_in_order)
{
    struct walk w = {.most = 16};

    put(I, 5, OUTCOME_SUCCESS, 1);
    put(I, 1, OUTCOME_FAILED, 1);
    put(I, UINT32_MAX, OUTCOME_EXCUSED, 0);
    put(I, 3, OUTCOME_UNKNOWN, 1);
    put("I-2", 4, OUTCOME_SUCCESS, 1);
    OK(outcome_each(store, I, kit_device(2), &outcome_last, step, &w, &e));
    ck_assert_uint_eq(w.n, 3);
    ck_assert(w.rows[0] == 3 && w.rows[1] == 5 && w.rows[2] == UINT32_MAX);
    w = (struct walk){.most = 16};
    OK(outcome_each(store, I, kit_device(1), kit_device(3), step, &w, &e));
    ck_assert(w.n == 2 && w.rows[0] == 1 && w.rows[1] == 3);
    w = (struct walk){.most = 1};
    OK(outcome_each(store, I, &outcome_first, kit_device(9), step, &w, &e));
    ck_assert(w.n == 1 && w.rows[0] == 1);
}
END_TEST

/* Decision 1 hands back, decision 2 does not; batch 1 and 2 are theirs. */
static void two_batches(void)
{
    static const char *const methods[] = {"handback", "2"};

    for (int64_t i = 1; i <= 2; i++) {
        uint8_t sum[32] = {(uint8_t)i};
        char json[64];

        (void)snprintf(json, sizeof json, "{\"method\":\"%s\"}", methods[i - 1]);
        OK(store_run(store, &e,
                     "INSERT INTO decision (sha256, id, incident, outcome, state,"
                     " supersedes, key, cms, json, verdict, at_us, actor) VALUES (?1, ?2,"
                     " ?3, 'authorise', 'live', '', 'k', x'00', ?2, '[]', 0, 'uid 1')",
                     "btt", span_of(sum, 32), json, I));
        OK(store_run(store, &e,
                     "INSERT INTO batch (id, incident, decision, key, originator, roster,"
                     " certs, rows, signed, failed, state, reason, asked_us, asked_by)"
                     " VALUES (?1, ?2, ?3, 'k', x'00', x'00', x'00', 9, 9, 0, 'done', '',"
                     " 0, 'uid 1')",
                     "itb", i, I, span_of(sum, 32)));
    }
}

START_TEST(devices_are_counted_by_state)
{
    int64_t types[DEVICE_COUNT][OUTCOME_STATES];
    uint32_t rows = one_of_each();
    bool is;

    two_batches();
    put(I, rows, OUTCOME_SUCCESS, 1);
    put(I, rows + 1, OUTCOME_PARTLY, 1);
    put(I, rows + 2, OUTCOME_SUCCESS, 2);
    put("I-2", 0, OUTCOME_SUCCESS, 1);
    OK(outcome_count(store, I, false, n, &e));
    for (unsigned s = 0; s < OUTCOME_STATES; s++)
        ck_assert_int_eq(n[s], s == OUTCOME_SUCCESS    ? 3
                               : s == OUTCOME_PARTLY   ? 2
                               : s >= OUTCOME_ACCEPTED ? 1
                                                       : 0);
    OK(outcome_count(store, I, true, n, &e));
    for (unsigned s = 0; s < OUTCOME_STATES; s++)
        ck_assert_int_eq(n[s], s == OUTCOME_SUCCESS || s == OUTCOME_PARTLY);
    OK(outcome_count_types(store, I, types, &e));
    ck_assert_int_eq(
        types[DEVICE_GSME][OUTCOME_SUCCESS] + types[DEVICE_ESME][OUTCOME_SUCCESS], 3);
    ck_assert_int_eq(types[DEVICE_ESME][OUTCOME_ACCEPTED], 1);
    ck_assert_int_eq(types[DEVICE_GSME][OUTCOME_ACCEPTED], 0);
    OK(outcome_handback(store, 1, &is, &e));
    ck_assert(is);
    OK(outcome_handback(store, 2, &is, &e));
    ck_assert(!is);
    OK(outcome_handback(store, 3, &is, &e));
    ck_assert(!is);
}
END_TEST

#define KIND "incident, batch, type, state, held"

/* Each kind has as many as are there, and no other has any. */
static void totals_are_right(void)
{
    ck_assert_int_eq(number("SELECT count(*) FROM (SELECT " KIND
                            ", count(*) FROM outcome GROUP BY " KIND
                            " EXCEPT SELECT * FROM outcome_total)"),
                     0);
    ck_assert_int_eq(number("SELECT count(*) FROM outcome"),
                     number("SELECT coalesce(sum(n), 0) FROM outcome_total"));
    ck_assert_int_eq(number("SELECT count(*) FROM outcome_total WHERE n < 0"), 0);
}

START_TEST(totals_follow_whatever_happens_to_a_row)
{
    uint32_t rows = one_of_each();

    totals_are_right();
    for (uint32_t i = 0; i < rows; i++)
        put(I, i, OUTCOME_SUCCESS, 9 + i % 2);
    put("I-2", 0, OUTCOME_FAILED, 9);
    totals_are_right();
    put("I-2", 0, OUTCOME_FAILED, 9); /* the same again */
    totals_are_right();
    OK(store_run(store, &e, "UPDATE outcome SET type = 'HCALCS', held = 'another-party'",
                 ""));
    totals_are_right();
    OK(store_run(store, &e, "UPDATE outcome SET incident = 'I-3' WHERE incident = 'I-2'",
                 ""));
    totals_are_right();
    OK(store_run(store, &e, "DELETE FROM outcome WHERE batch = 9", ""));
    totals_are_right();
    OK(store_run(store, &e, "DELETE FROM outcome", ""));
    totals_are_right();
    OK(outcome_count(store, I, false, n, &e));
    for (unsigned s = 0; s < OUTCOME_STATES; s++)
        ck_assert_int_eq(n[s], 0);
}
END_TEST

static bool add_code(void *arg, const char *cell, const char *code, int64_t count)
{
    char *text = arg;

    (void)snprintf(text + strlen(text), 128 - strlen(text), "%s %s %d;", cell, code,
                   (int)count);
    return true;
}

START_TEST(cells_that_failed_are_counted_by_code)
{
    static const struct {
        enum outcome_state state;
        const char *cells;
    } rows[] = {
        {OUTCOME_PARTLY, "{\"a\":{\"status\":0},\"b\":{\"status\":5}}"},
        {OUTCOME_FAILED, "{\"a\":{\"status\":30},\"b\":{\"status\":5}}"},
        {OUTCOME_SUCCESS, "{\"a\":{\"status\":7}}"}, /* an earlier answer */
        {OUTCOME_FAILED, "{\"note\":\"told\"}"},
    };
    char text[128] = "";

    for (uint32_t i = 0; i < 4; i++) {
        struct outcome o = {
            .device = *kit_device(i), .state = rows[i].state, .cells = rows[i].cells};

        OK(outcome_put(store, I, &o, &e));
    }
    OK(outcome_failed_cells(store, I, add_code, text, &e));
    ck_assert_str_eq(text, "a 30 1;b 5 2;");
}
END_TEST

START_TEST(a_state_that_is_none_is_an_error)
{
    static const char *const words[] = {"pending", "sent", "failed-alone", "done", ""};
    int64_t types[DEVICE_COUNT][OUTCOME_STATES];
    struct walk w = {.most = 16};

    (void)one_of_each();
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        OK(store_run(store, &e,
                     "UPDATE outcome SET state = ?1 WHERE device = x'00DB000000000001'",
                     "t", words[i]));
        REFUSED(outcome_get(store, I, kit_device(1), &got, NULL, &found, &e),
                "store.state");
        ck_assert_int_eq(e.code, ERR_STORE);
        REFUSED(outcome_each(store, I, &outcome_first, kit_device(9), step, &w, &e),
                "store.state");
        REFUSED_SAYING(outcome_count(store, I, false, n, &e), "store.state", "1 devices");
        REFUSED(outcome_count_types(store, I, types, &e), "store.state");
    }
    OK(outcome_get(store, I, kit_device(0), &got, NULL, &found,
                   &e)); /* the other rows are what they are */
    OK(store_run(store, &e, "UPDATE outcome SET state = 'success'", ""));
    OK(outcome_count(store, I, false, n, &e));
    OK(store_run(store, &e,
                 "UPDATE outcome SET type = 'TOASTER' WHERE device = x'00DB000000000001'",
                 ""));
    REFUSED_SAYING(outcome_get(store, I, kit_device(1), &got, NULL, &found, &e),
                   "store.state", "TOASTER");
}
END_TEST

KIT_MAIN("outcome", kit_begin_store, kit_end, a_state_and_its_name_go_together,
         the_words_on_disk_stay, a_row_comes_back_as_it_was_put, rows_are_walked_in_order,
         devices_are_counted_by_state, totals_follow_whatever_happens_to_a_row,
         cells_that_failed_are_counted_by_code, a_state_that_is_none_is_an_error)
