/* SPDX-License-Identifier: MIT
 *
 * Outcomes of an older database, which stood under the row number of a list, are found under
 * their devices. A database that an older program made: test/integration/older.sh.
 */
#include "adopt.h"
#include "incident_kit.h"
#include "outcome.h"

#include <unistd.h>

static int64_t n;

static void old_row(const char *incident, int64_t row, const char *state, int64_t batch,
                    int64_t at_us)
{
    OK(store_run(store, &e,
                 "INSERT INTO outcome_by_row (incident, row, type, state, batch, counter,"
                 " attempts, retry, at_us, cells) VALUES (?1, ?2, 'ESME', ?3, ?4, 7, 1, 0,"
                 " ?5, '{\"note\":\"x\"}')",
                 "titii", incident, row, state, batch, at_us));
}

/* A batch of before on that version of the list. */
static void old_batch(int64_t id, int64_t version)
{
    OK(store_run(
        store, &e,
        "INSERT INTO batch (id, incident, decision, key, originator, roster, certs,"
        " rows, signed, failed, state, reason, asked_us, asked_by)"
        " SELECT ?1, 'I-1', x'00', 'recovery', x'00', sha256, x'00', 1, 1, 0,"
        " 'done', '', 1, 'uid 1' FROM roster WHERE incident = 'I-1'"
        " AND version = ?2",
        "ii", id, version));
}

/* Lists of I-1: devices 0 to 4 at NOW - 100, devices 2 to 6 at NOW - 50. */
static void setup(void)
{
    incident_kit_begin();
    open_incident("I-1", ROUTE_UNDECIDED);
    put_roster("I-1", 0, 5);
    put_roster("I-1", 2, 5);
    OK(store_run(store, &e, "UPDATE roster SET at_us = ?1 + version * 50", "i", NOW - 150));
    OK(store_run(store, &e, "UPDATE roster SET named = version = 1", ""));
    old_batch(11, 1);
    old_batch(12, 2);
}

static void is(uint32_t device, enum outcome_state state, int64_t list)
{
    struct outcome o;
    bool found;

    OK(outcome_get(store, "I-1", kit_device(device), &o, NULL, &found, &e));
    ck_assert_msg(found, "device %u", device);
    ck_assert_int_eq(o.state, state);
    ck_assert_int_eq(o.list, list);
    ck_assert_int_eq(o.held, OUTCOME_HELD_UNTOLD);
}

START_TEST(answers_are_put_under_their_devices)
{
    old_row("I-1", 0, "success", 11, 10);          /* device 0 */
    old_row("I-1", 1, "failed", 12, 20);           /* row 1 of the second list: device 3 */
    old_row("I-1", 4, "excused", 0, NOW - 80);     /* marked by the first list: device 4 */
    old_row("I-1", 3, "unreachable", 0, NOW - 20); /* and by the second: device 5 */
    OK(adopt_outcomes(store, kit_dir, &n, &e));
    ck_assert_int_eq(n, 4);
    is(0, OUTCOME_SUCCESS, 1);
    is(3, OUTCOME_FAILED, 2);
    is(4, OUTCOME_EXCUSED, 1);
    is(5, OUTCOME_UNREACHABLE, 2);
    ck_assert_int_eq(number("SELECT count(*) FROM outcome"), 4);
    /* both lists are spoken of, so both count: devices 0 to 6 */
    ck_assert_int_eq(number("SELECT devices FROM roster WHERE version = 2"), 7);
    ck_assert_int_eq(number("SELECT min(named) FROM roster"), 1);
    ck_assert_uint_eq(facts().rows_pending, 5);
    OK(adopt_outcomes(store, kit_dir, &n, &e)); /* and that was that */
    ck_assert_int_eq(n, 0);
}
END_TEST

START_TEST(of_two_words_about_a_device_the_later_counts)
{
    old_row("I-1", 3, "failed", 11, 30);  /* device 3 */
    old_row("I-1", 1, "success", 12, 20); /* device 3 too */
    old_row("I-1", 2, "failed", 11, 30);  /* device 2, and so are these two in turn */
    old_row("I-1", 0, "success", 12, 40);
    OK(adopt_outcomes(store, kit_dir, &n, &e));
    ck_assert_int_eq(n, 4);
    is(3, OUTCOME_FAILED, 1);
    is(2, OUTCOME_SUCCESS, 2);
}
END_TEST

START_TEST(a_list_that_is_gone_stops_it)
{
    char path[300];

    old_row("I-1", 0, "success", 11, 10);
    OK(store_begin(store, &e));
    (void)snprintf(path, sizeof path, "rm -f %s/*.csv", kit_dir);
    ck_assert_int_eq(system(path), 0);
    REFUSED_SAYING(adopt_outcomes(store, kit_dir, &n, &e), "store.adopt",
                   "version 1 of its list");
    store_rollback(store);
    ck_assert_int_eq(number("SELECT count(*) FROM outcome_by_row"), 1);
}
END_TEST

START_TEST(an_answer_beyond_its_list_stops_it)
{
    old_row("I-1", 5, "success", 11, 10);
    REFUSED_SAYING(adopt_outcomes(store, kit_dir, &n, &e), "store.adopt",
                   "row 5 of a list of 5");
    OK(store_run(store, &e, "DELETE FROM outcome_by_row", ""));
    old_row("I-9", 0, "success", 11, 10);
    REFUSED_SAYING(adopt_outcomes(store, kit_dir, &n, &e), "store.adopt", "1 answers");
}
END_TEST

KIT_MAIN("adopt", setup, incident_kit_end, answers_are_put_under_their_devices,
         of_two_words_about_a_device_the_later_counts, a_list_that_is_gone_stops_it,
         an_answer_beyond_its_list_stops_it)
