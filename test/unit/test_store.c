/* SPDX-License-Identifier: MIT */
#include "core_kit.h"
#include "store.h"

#include <sqlite3.h>

#include <sys/stat.h>
#include <sys/wait.h>

/* Any statement, by a second hand, while the store is closed. */
static void by_hand(const char *sql)
{
    sqlite3 *db;

    store_close(store);
    store = NULL;
    ck_assert_int_eq(sqlite3_open(kit_path("db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

#define PUT                                                                               \
    "INSERT INTO aside (incident, rule, reason, message, at_us) VALUES (?1, ?2, ?3, ?4, " \
    "?5)"

static bool put(const char *incident, struct span message, int64_t at_us)
{
    return store_run(store, &e, PUT, "tttbi", incident, "r", "why", message, at_us);
}

struct got {
    size_t n, most;
    char incident[64];
    uint8_t message[16];
    size_t len;
    int64_t at_us;
    bool null;
};

static bool get_row(void *arg, const struct store_row *r)
{
    struct got *g = arg;
    struct span b = store_blob(r, 1);

    (void)snprintf(g->incident, sizeof g->incident, "%s", store_text(r, 0));
    g->len = b.len;
    if (b.len > 0)
        memcpy(g->message, b.at, b.len);
    g->at_us = store_i64(r, 2);
    g->null = store_null(r, 3);
    return ++g->n < g->most;
}

START_TEST(what_was_bound_is_read_back)
{
    static const uint8_t octets[] = {0, 1, 0xff};
    struct got g = {.most = 9};

    OK(put("I-1", span_of(octets, sizeof octets), INT64_MIN));
    ck_assert_int_eq(store_last_id(store), 1);
    ck_assert_int_eq(store_changes(store), 1);
    OK(store_each(store, get_row, &g, &e,
                  "SELECT incident, message, at_us, NULL FROM aside WHERE n = ?1", "i",
                  INT64_C(1)));
    ck_assert_uint_eq(g.n, 1);
    ck_assert_str_eq(g.incident, "I-1");
    ck_assert_uint_eq(g.len, 3);
    ck_assert_mem_eq(g.message, octets, 3);
    ck_assert_int_eq(g.at_us, INT64_MIN);
    ck_assert(g.null);
}
END_TEST

START_TEST(nothing_is_null_and_null_reads_as_nothing)
{
    struct got g = {.most = 9};

    OK(store_each(store, get_row, &g, &e, "SELECT ?1, ?2, ?3, ?1", "tbi", NULL,
                  span_of(NULL, 0), INT64_C(3)));
    ck_assert_str_eq(g.incident, "");
    ck_assert_uint_eq(g.len, 0);
    ck_assert_int_eq(g.at_us, 3);
    ck_assert(g.null);
}
END_TEST

START_TEST(bindings_do_not_outlive_their_call)
{
    int64_t n = 0;
    bool found;
    static const char sql[] = "SELECT ?1";

    OK(store_number(store, &n, &found, &e, sql, "i", INT64_C(5)));
    ck_assert(found && n == 5);
    OK(store_number(store, &n, &found, &e, sql, ""));
    ck_assert(!found);
}
END_TEST

START_TEST(a_callback_may_stop_early_and_the_statement_can_run_again)
{
    static const char sql[] = "SELECT incident, message, at_us, NULL FROM aside ORDER BY n";

    for (int i = 0; i < 3; i++)
        OK(put("I", span_of("", 0), i));
    for (size_t most = 1; most < 4; most++) {
        struct got g = {.most = most};

        OK(store_each(store, get_row, &g, &e, sql, ""));
        ck_assert_uint_eq(g.n, most);
        ck_assert_int_eq(g.at_us, (int64_t)most - 1);
    }
}
END_TEST

static bool copy_row(void *arg, const struct store_row *r)
{
    store_copy(r, 0, arg, 8);
    return false;
}

START_TEST(a_text_that_is_cut_stays_utf8)
{
    char text[8];

    OK(store_each(store, copy_row, text, &e, "SELECT ?1", "t", "sechs\xc3\xa9!"));
    ck_assert_str_eq(text, "sechs\xc3\xa9");
    OK(store_each(store, copy_row, text, &e, "SELECT ?1", "t", "sieben\xc3\xa9"));
    ck_assert_str_eq(text, "sieben?");
    OK(store_each(store, copy_row, text, &e, "SELECT ?1", "t",
                  "a\nb\x80"
                  "c"));
    ck_assert_str_eq(text, "a?b?c");
}
END_TEST

START_TEST(what_is_rolled_back_was_never_there)
{
    OK(store_begin(store, &e));
    ck_assert(store_in_transaction(store));
    OK(put("I-1", span_of("", 0), 1));
    store_rollback(store);
    store_rollback(store); /* harmless */
    ck_assert(!store_in_transaction(store));
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), 0);
    OK(store_begin(store, &e));
    OK(put("I-1", span_of("", 0), 1));
    OK(store_commit(store, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), 1);
    OK(store_begin(store, &e));
    OK(put("I-2", span_of("", 0), 1));
    kit_reopen_store(); /* closed in the middle, as by a crash */
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), 1);
}
END_TEST

START_TEST(a_promise_is_on_disk)
{
    char mode[8];

    OK(store_each(store, copy_row, mode, &e, "PRAGMA journal_mode", ""));
    ck_assert_str_eq(mode, "wal");
    ck_assert_int_eq(number("PRAGMA synchronous"), 2); /* FULL */
    ck_assert_int_eq(number("PRAGMA foreign_keys"), 1);
}
END_TEST

START_TEST(after_a_failure_it_stays_failed)
{
    OK(store_run(store, &e, "INSERT INTO symmetric VALUES ('I', x'00', 1)", ""));
    ck_assert(!store_failed(store));
    REFUSED(store_run(store, &e, "INSERT INTO symmetric VALUES ('I', x'01', 2)", ""),
            "store.failed");
    ck_assert_int_eq(e.code, ERR_STORE);
    ck_assert(store_failed(store));
    ck_assert_int_eq(number("SELECT count(*) FROM symmetric"), 1);
    ck_assert(store_failed(store));
}
END_TEST

START_TEST(types_are_strict)
{
    REFUSED(store_run(store, &e, "INSERT INTO symmetric VALUES ('I', x'00', 'soon')", ""),
            "store.failed");
}
END_TEST

START_TEST(bad_statements_and_nested_transactions_fail)
{
    REFUSED(store_run(store, &e, "SELECT nonsense FROM nowhere", ""), "store.failed");
    kit_reopen_store();
    OK(store_begin(store, &e));
    REFUSED(store_begin(store, &e), "store.failed");
    kit_reopen_store();
    REFUSED(store_commit(store, &e), "store.failed");
}
END_TEST

START_TEST(a_database_of_a_later_version_is_left_alone)
{
    int64_t version = number("PRAGMA user_version");
    char sql[64];

    ck_assert_int_ge(version, 1);
    kit_reopen_store();
    ck_assert_int_eq(number("PRAGMA user_version"), version);
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%d", (int)version + 1);
    by_hand(sql);
    REFUSED(store_open(kit_path("db"), &store, &e), "store.version");
    ck_assert_int_eq(e.code, ERR_STORE);
}
END_TEST

START_TEST(a_migration_is_whole_or_not_at_all)
{
    store_close(store);
    store = NULL;
    kit_end();
    kit_begin();
    by_hand("CREATE TABLE audit (x)"); /* in the way of the first migration */
    REFUSED(store_open(kit_path("db"), &store, &e), "store.failed");
    by_hand("DROP TABLE audit");
    OK(store_open(kit_path("db"), &store, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM audit"), 0);
}
END_TEST

START_TEST(only_a_plain_file_is_opened)
{
    struct store *other = NULL;

    ck_assert_int_eq(symlink(kit_path("db"), kit_path("link")), 0);
    REFUSED(store_open(kit_path("link"), &other, &e), "store.failed");
    REFUSED(store_open(kit_dir, &other, &e), "store.failed");
    REFUSED(store_open(kit_path("none/db"), &other, &e), "store.failed");
    kit_text("text", "this is no database, and long enough to tell");
    REFUSED(store_open(kit_path("text"), &other, &e), "store.damaged");
    ck_assert_ptr_null(other);
    store_close(NULL);
}
END_TEST

/* In a process of its own that knew nothing of ours before: 0 where it was locked out. */
static pid_t stranger(const char *path, int go)
{
    pid_t pid = fork();
    sqlite3 *db;
    char c;

    if (pid != 0)
        return pid;
    if (read(go, &c, 1) != 1 || sqlite3_open(path, &db) != SQLITE_OK)
        _exit(2);
    _exit(sqlite3_exec(db, "SELECT count(*) FROM mark", NULL, NULL, NULL) == SQLITE_BUSY
              ? 0
              : 1);
}

START_TEST(no_other_process_gets_at_it_and_this_one_may_read_beside)
{
    struct store *reader;
    char path[PATH_MAX];
    int64_t n = -1;
    bool found;
    int status;
    int go[2];
    pid_t pid;

    (void)snprintf(path, sizeof path, "%s", kit_path("db"));
    store_close(store);
    ck_assert_int_eq(pipe(go), 0);
    pid = stranger(path, go[0]);
    OK(store_open(path, &store, &e));
    OK(store_open_reader(path, &reader, &e));
    OK(store_number(reader, &n, &found, &e, "SELECT count(*) FROM mark", ""));
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(write(go[1], "", 1), 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    /* a look that lasts holds up neither a commit nor what follows it */
    OK(store_look(reader, store_stamp(store), &e));
    OK(store_number(reader, &n, &found, &e, "SELECT count(*) FROM aside", ""));
    for (int i = 0; i < 3000; i++)
        OK(put("I-1", span_of("x", 1), i));
    OK(store_number(reader, &n, &found, &e, "SELECT count(*) FROM aside", ""));
    ck_assert_int_eq(n, 0);
    store_rollback(reader);
    OK(store_number(reader, &n, &found, &e, "SELECT count(*) FROM aside", ""));
    ck_assert_int_eq(n, 3000);
    store_close(reader);
    (void)close(go[0]);
    (void)close(go[1]);
}
END_TEST

KIT_MAIN("store", kit_begin_store, kit_end, what_was_bound_is_read_back,
         nothing_is_null_and_null_reads_as_nothing, bindings_do_not_outlive_their_call,
         a_callback_may_stop_early_and_the_statement_can_run_again,
         a_text_that_is_cut_stays_utf8, what_is_rolled_back_was_never_there,
         a_promise_is_on_disk, after_a_failure_it_stays_failed, types_are_strict,
         bad_statements_and_nested_transactions_fail,
         a_database_of_a_later_version_is_left_alone, a_migration_is_whole_or_not_at_all,
         only_a_plain_file_is_opened,
         no_other_process_gets_at_it_and_this_one_may_read_beside)
