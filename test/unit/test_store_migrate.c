/* SPDX-License-Identifier: MIT
 *
 * Databases of versions before: they open, and what was in them is still there.
 */
#include "core_kit.h"
#include "queue.h"

#include <sqlite3.h>

/* Version 3 as its programs made it. Never changed: it stands for files out in the field. */
static const char *const version_3[] = {
    "CREATE TABLE incident (id TEXT PRIMARY KEY, title TEXT NOT NULL, route TEXT NOT NULL,"
    " state TEXT NOT NULL, initiator TEXT NOT NULL, subscriber TEXT NOT NULL,"
    " replacement TEXT NOT NULL, parent TEXT, exercise INTEGER NOT NULL,"
    " opened_us INTEGER NOT NULL, since_us INTEGER NOT NULL, closed_us INTEGER,"
    " facts TEXT NOT NULL) STRICT;"
    "CREATE TABLE incident_event (n INTEGER PRIMARY KEY, incident TEXT NOT NULL,"
    " event TEXT NOT NULL, from_state TEXT NOT NULL, to_state TEXT NOT NULL,"
    " at_us INTEGER NOT NULL, actor TEXT NOT NULL, evidence TEXT NOT NULL) STRICT;"
    "CREATE INDEX incident_event_by_incident ON incident_event (incident, n);"
    "CREATE TABLE roster (incident TEXT NOT NULL, version INTEGER NOT NULL,"
    " sha256 BLOB NOT NULL, rows INTEGER NOT NULL, by_type TEXT NOT NULL,"
    " at_us INTEGER NOT NULL, PRIMARY KEY (incident, version)) STRICT;"
    "CREATE TABLE bundle (incident TEXT PRIMARY KEY, pem BLOB NOT NULL,"
    " at_us INTEGER NOT NULL) STRICT;"
    "CREATE TABLE decision (sha256 BLOB PRIMARY KEY, id TEXT NOT NULL, incident TEXT NOT "
    "NULL,"
    " outcome TEXT NOT NULL, state TEXT NOT NULL, supersedes TEXT NOT NULL,"
    " key TEXT NOT NULL, cms BLOB NOT NULL, json TEXT NOT NULL, verdict TEXT NOT NULL,"
    " at_us INTEGER NOT NULL, actor TEXT NOT NULL, UNIQUE (incident, id)) STRICT;"
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, incident TEXT NOT NULL,"
    " decision BLOB NOT NULL, key TEXT NOT NULL, originator BLOB NOT NULL,"
    " roster BLOB NOT NULL, certs BLOB NOT NULL, selection BLOB, rows INTEGER NOT NULL,"
    " signed INTEGER NOT NULL, failed INTEGER NOT NULL, state TEXT NOT NULL,"
    " reason TEXT NOT NULL, asked_us INTEGER NOT NULL, started_us INTEGER, ended_us "
    "INTEGER,"
    " asked_by TEXT NOT NULL, confirmed_by TEXT) STRICT;"
    "CREATE TABLE slice (id INTEGER PRIMARY KEY, span INTEGER NOT NULL, n INTEGER NOT NULL,"
    " counter INTEGER NOT NULL, rows BLOB, sigs BLOB NOT NULL, macs BLOB) STRICT;"
    "CREATE TABLE failed_row (id INTEGER PRIMARY KEY, row INTEGER NOT NULL,"
    " rule TEXT NOT NULL, reason TEXT NOT NULL) STRICT;"
    "CREATE TABLE outcome (incident TEXT NOT NULL, row INTEGER NOT NULL,"
    " type TEXT NOT NULL, state TEXT NOT NULL, batch INTEGER NOT NULL, counter INTEGER NOT "
    "NULL,"
    " attempts INTEGER NOT NULL, retry INTEGER NOT NULL, at_us INTEGER NOT NULL,"
    " cells TEXT NOT NULL,"
    " PRIMARY KEY (incident, row)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE aside (n INTEGER PRIMARY KEY, incident TEXT NOT NULL, rule TEXT NOT NULL,"
    " reason TEXT NOT NULL, message BLOB NOT NULL, at_us INTEGER NOT NULL) STRICT;"
    "CREATE TABLE symmetric (incident TEXT PRIMARY KEY, key BLOB NOT NULL,"
    " at_us INTEGER NOT NULL) STRICT;"
    "CREATE TABLE mark (originator BLOB PRIMARY KEY, last INTEGER NOT NULL) STRICT;"
    "CREATE TABLE lease (first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " originator BLOB NOT NULL, batch INTEGER NOT NULL, at_us INTEGER NOT NULL,"
    " PRIMARY KEY (originator, first)) STRICT;"
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY, line TEXT NOT NULL,"
    " hash BLOB NOT NULL) STRICT;"
    "CREATE TABLE request (uid INTEGER NOT NULL, key TEXT NOT NULL, what BLOB NOT NULL,"
    " status INTEGER NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL,"
    " at_us INTEGER NOT NULL, PRIMARY KEY (uid, key)) STRICT;",
    "ALTER TABLE incident_event ADD COLUMN role TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE file (id TEXT PRIMARY KEY, incident TEXT NOT NULL, kind TEXT NOT NULL,"
    " sha256 BLOB NOT NULL, as_at_us INTEGER NOT NULL, totals TEXT NOT NULL,"
    " cms BLOB NOT NULL, at_us INTEGER NOT NULL, actor TEXT NOT NULL) STRICT;"
    "CREATE TABLE file_row (incident TEXT NOT NULL, device BLOB NOT NULL,"
    " state TEXT NOT NULL, code INTEGER NOT NULL, PRIMARY KEY (incident, device))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE notice (n INTEGER PRIMARY KEY, id TEXT NOT NULL,"
    " recipient INTEGER NOT NULL, kind TEXT NOT NULL, incident TEXT NOT NULL,"
    " at_us INTEGER NOT NULL, body TEXT NOT NULL) STRICT;"
    "CREATE TABLE alarm (incident TEXT NOT NULL, since_us INTEGER NOT NULL,"
    " state TEXT NOT NULL, at_us INTEGER NOT NULL,"
    " PRIMARY KEY (incident, since_us, state)) STRICT, WITHOUT ROWID;"
    "ALTER TABLE incident_event ADD COLUMN source TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE refused (incident TEXT NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY (incident, seq)) STRICT, WITHOUT ROWID;"
    "PRAGMA user_version=3;",
};

static void by_hand(sqlite3 *db, const char *sql)
{
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
}

struct old { /* a batch of then, and the rule that its sentence tells now */
    const char *state, *reason, *rule;
};

/* The batches, numbered from 1, in a database of then; opened by the program of now. */
static void make(const struct old *batches, size_t n)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(kit_path("db"), &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof version_3 / sizeof version_3[0]; i++)
        by_hand(db, version_3[i]);
    for (size_t i = 0; i < n; i++) {
        char *sql = sqlite3_mprintf(
            "INSERT INTO batch VALUES (%d, 'I-1', x'00', 'recovery', x'00', x'00', x'00',"
            " NULL, 7, 5, 1, %Q, %Q, 1, 2, NULL, 'uid 1', NULL)",
            (int)i + 1, batches[i].state, batches[i].reason);

        by_hand(db, sql);
        sqlite3_free(sql);
    }
    (void)sqlite3_close(db);
    OK(store_open(kit_path("db"), &store, &e));
}

START_TEST(the_rule_of_a_batch_comes_out_of_its_sentence)
{
    static const struct old old[] = {
        {"held", "token.lost: no signer could reach the token", "token.lost"},
        {"stopped", "signer: decision.window: valid until noon: over", "decision.window"},
        {"held", "ledger.rolled-back: the token has seen more", "ledger.rolled-back"},
        {"paused", "paused by an operator", ""},
        {"stopped", "decision D-2: refuse", ""},
        {"held", "roster: cannot be read", ""},
        {"held", "see batch.state of it: now", ""},
        {"running", "", ""},
    };
    struct batch b;

    make(old, sizeof old / sizeof old[0]);
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        OK(queue_get(store, (int64_t)i + 1, &b, &e));
        ck_assert_str_eq(b.rule, old[i].rule);
        ck_assert_str_eq(b.reason, old[i].reason);
        ck_assert_str_eq(queue_state_name(b.state), old[i].state);
        ck_assert_int_eq(b.signed_, 5);
        ck_assert_str_eq(b.asked_by, "uid 1");
        ck_assert_uint_eq(b.commands.allowed, 0); /* nobody has said */
    }
}
END_TEST

static bool put_id(void *arg, const struct store_row *r)
{
    char *out = arg;

    (void)snprintf(out + strlen(out), 100 - strlen(out), "%s%s", *out != '\0' ? " " : "",
                   store_text(r, 0));
    return true;
}

/* What no signer may ever have heard of: all that stands no more, and what closed incidents
 * left standing. */
START_TEST(what_ended_then_is_told_now)
{
    static const char *const sql[] = {
        "INSERT INTO incident VALUES ('I-1', '', '', 'CLOSED', '', '', '', NULL, 0, 1, 1, "
        "2,"
        " '{}'), ('I-2', '', '', 'EXECUTING', '', '', '', NULL, 0, 1, 1, NULL, '{}')",
        "INSERT INTO decision VALUES"
        " (x'01', 'D-1', 'I-1', 'authorise', 'live', '', '', x'00',"
        "  '{\"valid_to\":\"2026-11-24T13:00:00Z\"}', '[]', 1, ''),"
        " (x'02', 'A-1', 'I-1', 'activation', 'void', '', '', x'00', '{}', '[]', 2, ''),"
        " (x'03', 'D-2', 'I-2', 'authorise', 'superseded', '', '', x'00', '{}', '[]', 3, "
        "''),"
        " (x'04', 'D-3', 'I-2', 'authorise', 'live', '', '', x'00', '{}', '[]', 4, ''),"
        " (x'05', 'D-4', 'I-1', 'refuse', 'live', '', '', x'00', '{}', '[]', 5, '')"};
    char ids[100] = "";
    sqlite3 *db;
    int64_t until = 0;
    bool found;

    ck_assert_int_eq(sqlite3_open(kit_path("db"), &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof version_3 / sizeof version_3[0]; i++)
        by_hand(db, version_3[i]);
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++)
        by_hand(db, sql[i]);
    (void)sqlite3_close(db);
    OK(store_open(kit_path("db"), &store, &e));
    OK(store_each(store, put_id, ids, &e,
                  "SELECT id FROM ended JOIN decision USING (sha256) ORDER BY n", ""));
    ck_assert_str_eq(ids, "D-1 A-1 D-2");
    ids[0] = '\0';
    OK(store_each(store, put_id, ids, &e,
                  "SELECT id FROM decision WHERE state = 'live' ORDER BY id", ""));
    ck_assert_str_eq(ids, "D-3 D-4");
    OK(store_number(store, &until, &found, &e, "SELECT until_us FROM ended WHERE n = 1",
                    ""));
    ck_assert_int_eq(until, INT64_C(1795525200000000));
}
END_TEST

START_TEST(what_was_set_aside_then_is_counted_now)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(kit_path("db"), &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof version_3 / sizeof version_3[0]; i++)
        by_hand(db, version_3[i]);
    by_hand(db, "INSERT INTO aside (incident, rule, reason, message, at_us) VALUES"
                " ('I-1', 'response.hex', '', x'00', 1), ('I-1', 'response.hex', '', x'01',"
                " 2), ('I-2', 'response.kind', '', x'02', 3)");
    (void)sqlite3_close(db);
    OK(store_open(kit_path("db"), &store, &e));
    ck_assert_int_eq(number("SELECT n FROM aside_count WHERE incident = 'I-1'"
                            " AND rule = 'response.hex'"),
                     2);
    ck_assert_int_eq(number("SELECT n FROM aside_count WHERE incident = 'I-2'"
                            " AND rule = 'response.kind'"),
                     1);
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), 3);
}
END_TEST

static bool put_entry(void *arg, const struct store_row *r)
{
    char *out = arg;

    (void)snprintf(out + strlen(out), 400 - strlen(out), "%s %s %s %lld %lld %s\n",
                   store_text(r, 0), store_text(r, 1), store_text(r, 2),
                   (long long)store_i64(r, 3), (long long)store_i64(r, 4),
                   store_text(r, 5));
    return true;
}

/* A story of each kind: recovered, a false alarm, a contingency that was used. */
START_TEST(the_register_of_keys_is_filled_from_what_is_on_file)
{
    static const char *const sql[] = {
        "INSERT INTO incident VALUES ('I-1', '', '', 'CLOSED', '', '', '', NULL, 0, 1, 1, "
        "9,"
        " '{}'), ('I-2', '', '', 'CLOSED', '', '', '', NULL, 0, 1, 1, 9, '{}'),"
        " ('I-3', '', '', 'EXECUTING', '', '', '', NULL, 0, 1, 1, NULL, '{}')",
        "INSERT INTO decision VALUES (x'01', 'D-1', 'I-1', 'authorise', 'void', '', '', "
        "x'00',"
        " '{\"kind\":\"decision\",\"mode\":\"x\",\"compromised\":[{\"cell\":\"root\","
        "\"certificate\":\"AA\",\"key\":\"BB\"},{\"cell\":\"acb-ds\",\"certificate\":"
        "\"ab\"}],"
        "\"replacements\":[{\"cell\":\"root\",\"certificate\":\"cc\"}]}', '[]', 10, ''),"
        " (x'02', 'D-2', 'I-2', 'authorise', 'void', '', '', x'00',"
        " '{\"kind\":\"decision\",\"compromised\":[{\"cell\":\"root\","
        "\"certificate\":\"dd\"}]}', '[]', 20, ''),"
        " (x'03', 'D-3', 'I-3', 'authorise', 'live', '', '', x'00',"
        " '{\"kind\":\"decision\",\"mode\":\"anyByContingency\","
        "\"key_certificate\":\"EE\",\"symmetric_key_sha256\":\"FF\"}', '[]', 30, ''),"
        " (x'04', 'A-1', 'I-3', 'activation', 'live', '', '', x'00', '{}', '[]', 31, '')",
        "INSERT INTO incident_event (incident, event, from_state, to_state, at_us, actor,"
        " evidence) VALUES ('I-1', 'executed', 'AWAITING_RESPONSES', 'RECOVERED', 12, '', "
        "''),"
        " ('I-1', 'revoked', 'RECOVERED', 'RECOVERED', 13, '', ''),"
        " ('I-2', 'abort', 'HALTED', 'FALSE_ALARM', 22, '', ''),"
        " ('I-2', 'close', 'FALSE_ALARM', 'CLOSED', 23, '', '')",
        "INSERT INTO batch VALUES (1, 'I-1', x'01', '', x'00', x'00', x'00', NULL, 1, 1, 0,"
        " 'done', '', 11, 11, 11, '', NULL), (2, 'I-3', x'03', '', x'00', x'00', x'00', "
        "NULL,"
        " 1, 0, 0, 'stopped', '', 31, 31, 31, '', NULL), (3, 'I-3', x'03', '', x'00', "
        "x'00',"
        " x'00', NULL, 1, 1, 0, 'done', '', 32, 32, 32, '', NULL)",
        "INSERT INTO slice VALUES (1 << 32, 1, 1, 1, NULL, x'00', NULL)",
        "INSERT INTO slice VALUES (3 << 32, 1, 1, 2, NULL, x'00', NULL)",
        "INSERT INTO symmetric VALUES ('I-3', x'00', 31)",
        "INSERT INTO bundle VALUES ('I-1', CAST('-----BEGIN x -----BEGIN' AS BLOB), 9)"};
    char ids[400] = "";
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(kit_path("db"), &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof version_3 / sizeof version_3[0]; i++)
        by_hand(db, version_3[i]);
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++)
        by_hand(db, sql[i]);
    (void)sqlite3_close(db);
    OK(store_open(kit_path("db"), &store, &e));
    OK(store_each(store, put_entry, ids, &e,
                  "SELECT incident, what, sha256, at_us, back_us, source FROM key_entry"
                  " ORDER BY incident, at_us, sha256, what DESC",
                  ""));
    ck_assert_str_eq(ids, "I-1 compromised aa 10 0 decision D-1\n"
                          "I-1 compromised ab 10 0 decision D-1\n"
                          "I-1 named cc 10 0 decision D-1\n"
                          "I-1 placed cc 11 0 batch 1\n"
                          "I-1 replaced aa 12 0 event executed\n"
                          "I-1 revoked aa 13 0 event revoked\n"
                          "I-1 revoked ab 13 0 event revoked\n"
                          "I-2 compromised dd 20 22 decision D-2\n"
                          "I-3 released ff 31 0 custodians\n"
                          "I-3 spent ee 32 0 batch 3\n"
                          "I-3 spent ff 32 0 batch 3\n");
    ck_assert_int_eq(number("SELECT count(*) FROM key_entry WHERE key = 'bb'"), 3);
    ck_assert_int_eq(number("SELECT certificates FROM bundle WHERE version = 1"), 2);
}
END_TEST

static const struct old lost = {"held", "token.lost: no signer", "token.lost"};

START_TEST(a_batch_of_then_goes_on)
{
    struct batch b;
    bool found;

    make(&lost, 1);
    OK(queue_state(store, 1, BATCH_QUEUED, "", "", 3, &e));
    OK(queue_due(store, &b, &found, &e));
    ck_assert(found);
    ck_assert_str_eq(b.rule, "");
    OK(queue_state(store, 1, BATCH_STOPPED, "decision.window", "it closed", 4, &e));
    OK(queue_get(store, 1, &b, &e));
    ck_assert_str_eq(b.rule, "decision.window");
}
END_TEST

START_TEST(a_sentence_is_read_for_its_rule_once_and_never_again)
{
    struct batch b;

    make(&lost, 1);
    OK(queue_state(store, 1, BATCH_PAUSED, "", "token.lost: so a person wrote", 3, &e));
    store_close(store);
    store = NULL;
    OK(store_open(kit_path("db"), &store, &e));
    OK(queue_get(store, 1, &b, &e));
    ck_assert_str_eq(b.rule, "");
}
END_TEST

KIT_MAIN("store_migrate", kit_begin, kit_end, the_rule_of_a_batch_comes_out_of_its_sentence,
         what_ended_then_is_told_now, what_was_set_aside_then_is_counted_now,
         the_register_of_keys_is_filled_from_what_is_on_file, a_batch_of_then_goes_on,
         a_sentence_is_read_for_its_rule_once_and_never_again)
