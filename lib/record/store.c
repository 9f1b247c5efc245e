/* SPDX-License-Identifier: MIT */
#include "store.h"

#include "plain.h"

#include <sqlite3.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE 256

struct store {
    sqlite3 *db;
    bool failed;
    uint64_t stamp;
    struct {
        const char *sql; /* constant text: its address names the statement */
        sqlite3_stmt *stmt;
    } cache[CACHE];
    size_t n_cache;
};

#define ONE_MORE                                                                      \
    "INSERT INTO outcome_total VALUES (new.incident, new.batch, new.type, new.state," \
    " new.held, 1) ON CONFLICT DO UPDATE SET n = n + 1;"
#define ONE_LESS                                                              \
    "UPDATE outcome_total SET n = n - 1 WHERE incident = old.incident AND"    \
    " batch = old.batch AND type = old.type AND state = old.state AND held =" \
    " old.held;"

/*
 * Rows by (batch, position): an integer key in order costs next to nothing, a random one
 * twenty times that. A slice holds up to 256 signatures side by side: 64 octets a device.
 */
static const char *const migrations[] = {
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
    /* in whose name a step was told; files of the parties, notices, alarms */
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
    " PRIMARY KEY (incident, since_us, state)) STRICT, WITHOUT ROWID;",
    /* for the story of an incident: the rule behind a step, what was refused */
    "ALTER TABLE incident_event ADD COLUMN source TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE refused (incident TEXT NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY (incident, seq)) STRICT, WITHOUT ROWID;",
    /* why a batch stands still, by rule: until now the id led the sentence, after "signer: "
     * where a signer said it; what is no id was said by a person or of a decision */
    "ALTER TABLE batch ADD COLUMN rule TEXT NOT NULL DEFAULT '';"
    "UPDATE batch SET rule = CASE WHEN substr(reason, 1, 8) = 'signer: '"
    " THEN substr(reason, 9) ELSE reason END;"
    "UPDATE batch SET rule = substr(rule, 1, instr(rule, ': ') - 1)"
    " WHERE instr(rule, ': ') > 0;"
    "UPDATE batch SET rule = '' WHERE rule GLOB '*[^a-z0-9.-]*'"
    " OR rule NOT GLOB '[a-z]*.[a-z]*';",
    /* what has ended, and which list of signers has it (told.h). A number is never given
     * twice. A closed incident leaves no authority behind. */
    "CREATE TABLE ended (n INTEGER PRIMARY KEY AUTOINCREMENT, sha256 BLOB NOT NULL UNIQUE,"
    " until_us INTEGER NOT NULL) STRICT;"
    "CREATE TABLE told (list BLOB NOT NULL, sha256 BLOB NOT NULL, at_us INTEGER NOT NULL,"
    " PRIMARY KEY (list, sha256)) STRICT, WITHOUT ROWID;"
    "UPDATE decision SET state = 'void' WHERE state = 'live'"
    " AND outcome IN ('authorise', 'activation')"
    " AND incident IN (SELECT id FROM incident WHERE state = 'CLOSED');"
    "INSERT INTO ended (sha256, until_us) SELECT sha256,"
    " coalesce(unixepoch(json_extract(json, '$.valid_to')) * 1000000,"
    " 9223372036854775807) FROM decision WHERE state != 'live'"
    " AND outcome IN ('authorise', 'activation') ORDER BY at_us, sha256;",
    /* what signers had counted under a batch's decision; 0 allowed: nobody has said */
    "ALTER TABLE batch ADD COLUMN commands_used INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE batch ADD COLUMN commands_allowed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE batch ADD COLUMN commands_lost INTEGER NOT NULL DEFAULT 0;"
    /* what was handed in and is not used yet (uploads.h); marks that one person wants to
     * raise and a second has to confirm (raising.h) */
    "CREATE TABLE upload (kind TEXT NOT NULL, sha256 BLOB NOT NULL, uid INTEGER NOT NULL,"
    " octets INTEGER NOT NULL, at_us INTEGER NOT NULL, named INTEGER NOT NULL,"
    " PRIMARY KEY (kind, sha256)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE raising (originator BLOB PRIMARY KEY, last INTEGER NOT NULL,"
    " ceremony TEXT NOT NULL, asked_by TEXT NOT NULL, asked_us INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;",
    /* answers set aside: all are counted, some are kept (reconcile.h); uploads of answers
     * that have no record yet (intake.h) */
    "CREATE TABLE aside_count (incident TEXT NOT NULL, rule TEXT NOT NULL,"
    " n INTEGER NOT NULL, PRIMARY KEY (incident, rule)) STRICT, WITHOUT ROWID;"
    "INSERT INTO aside_count SELECT incident, rule, count(*) FROM aside"
    " GROUP BY incident, rule;"
    "CREATE TABLE intake (id INTEGER PRIMARY KEY, incident TEXT NOT NULL,"
    " actor TEXT NOT NULL, figures TEXT NOT NULL) STRICT;",
    /* certificates in versions (docket_bundles.c) */
    "ALTER TABLE bundle RENAME TO bundle_alone;"
    "CREATE TABLE bundle (incident TEXT NOT NULL, version INTEGER NOT NULL,"
    " pem BLOB NOT NULL, certificates INTEGER NOT NULL, added TEXT NOT NULL,"
    " removed TEXT NOT NULL, actor TEXT NOT NULL, at_us INTEGER NOT NULL,"
    " PRIMARY KEY (incident, version)) STRICT;"
    "INSERT INTO bundle SELECT incident, 1, pem, max(1, (length(CAST(pem AS TEXT))"
    " - length(replace(CAST(pem AS TEXT), '-----BEGIN', ''))) / 10), '[]', '[]', '', at_us"
    " FROM bundle_alone;"
    "DROP TABLE bundle_alone;"
    /* outcomes by device: what stood under the row number of a list is moved once the lists
     * are at hand (adopt.h). Lists have versions that count and corrections (lists.h). */
    "ALTER TABLE outcome RENAME TO outcome_by_row;"
    "CREATE TABLE outcome (incident TEXT NOT NULL, device BLOB NOT NULL,"
    " type TEXT NOT NULL, state TEXT NOT NULL, list INTEGER NOT NULL,"
    " batch INTEGER NOT NULL, counter INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " retry INTEGER NOT NULL, at_us INTEGER NOT NULL, held TEXT NOT NULL,"
    " cells TEXT NOT NULL, PRIMARY KEY (incident, device)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX outcome_by_held ON outcome (incident, held)"
    " WHERE held IN ('another-party', 'unknown-key');"
    /* what devices hold before anything is signed for them (preflight.h) */
    "CREATE TABLE preflight (incident TEXT NOT NULL, device BLOB NOT NULL,"
    " at_us INTEGER NOT NULL, held TEXT NOT NULL, cells TEXT NOT NULL,"
    " PRIMARY KEY (incident, device)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX preflight_by_held ON preflight (incident, held)"
    " WHERE held IN ('another-party', 'unknown-key');"
    /* and to which question each has answered last, by who asked (reconcile.c) */
    "CREATE TABLE reported (incident TEXT NOT NULL, device BLOB NOT NULL,"
    " asker BLOB NOT NULL, counter INTEGER NOT NULL,"
    " PRIMARY KEY (incident, device, asker)) STRICT, WITHOUT ROWID;"
    "ALTER TABLE roster ADD COLUMN state TEXT NOT NULL DEFAULT 'filed';"
    "ALTER TABLE roster ADD COLUMN named INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE roster ADD COLUMN added INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE roster ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE roster ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE roster ADD COLUMN reason TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE roster ADD COLUMN actor TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE roster ADD COLUMN devices INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE roster ADD COLUMN types TEXT NOT NULL DEFAULT '{}';"
    "UPDATE roster SET devices = rows, types = by_type, named ="
    " EXISTS (SELECT 1 FROM batch WHERE batch.incident = roster.incident"
    " AND batch.roster = roster.sha256) OR EXISTS (SELECT 1 FROM decision"
    " WHERE decision.incident = roster.incident AND lower(hex(roster.sha256)) ="
    " lower(coalesce(json_extract(json, '$.roster.sha256'), '')));"
    /* how lists and decisions differ from what was notified (agree.h) */
    "CREATE TABLE difference (n INTEGER PRIMARY KEY, incident TEXT NOT NULL,"
    " paper TEXT NOT NULL, figures TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX difference_by_incident ON difference (incident, n);",
    /* what tells that this state was restored (restored.h); anchors that were begun */
    "CREATE TABLE restored (told BLOB NOT NULL, originator BLOB NOT NULL,"
    " needed INTEGER NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL,"
    " at_us INTEGER NOT NULL, done_us INTEGER NOT NULL, PRIMARY KEY (told, originator))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE anchored (path TEXT PRIMARY KEY, at_us INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    /* ceremonies and the register of custodians (custodians.h) */
    "CREATE TABLE ceremony (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " what TEXT NOT NULL, at_us INTEGER NOT NULL, label TEXT NOT NULL,"
    " serial TEXT NOT NULL, key BLOB NOT NULL, result TEXT NOT NULL, record TEXT NOT NULL,"
    " actor TEXT NOT NULL, taken_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX ceremony_by_key ON ceremony (key);"
    "CREATE TABLE share_set (id TEXT PRIMARY KEY, version INTEGER NOT NULL,"
    " threshold INTEGER NOT NULL, keys TEXT NOT NULL, proven_us INTEGER NOT NULL,"
    " rang_us INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
    "CREATE TABLE custodian (n INTEGER PRIMARY KEY, share_set TEXT NOT NULL,"
    " person TEXT NOT NULL, name TEXT NOT NULL, party TEXT NOT NULL,"
    " version INTEGER NOT NULL, since_us INTEGER NOT NULL, proven_us INTEGER NOT NULL,"
    " left_us INTEGER NOT NULL DEFAULT 0, left_why TEXT NOT NULL DEFAULT '',"
    " ended_us INTEGER NOT NULL DEFAULT 0, UNIQUE (share_set, person)) STRICT;",
    /* the rows of a batch apart from its figures, which change with every order: a row of a
     * table is read and written as a whole */
    "CREATE TABLE batch_rows (batch INTEGER PRIMARY KEY, list BLOB NOT NULL) STRICT;"
    "INSERT INTO batch_rows SELECT id, selection FROM batch WHERE selection IS NOT NULL;"
    "ALTER TABLE batch DROP COLUMN selection;"
    /* how many outcomes there are of each kind: there may be 32 million, and they are asked
     * about with every step */
    "CREATE TABLE outcome_total (incident TEXT NOT NULL, batch INTEGER NOT NULL,"
    " type TEXT NOT NULL, state TEXT NOT NULL, held TEXT NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY (incident, batch, type, state, held)) STRICT, WITHOUT ROWID;"
    "INSERT INTO outcome_total SELECT incident, batch, type, state, held, count(*)"
    " FROM outcome GROUP BY 1, 2, 3, 4, 5;"
    "CREATE TRIGGER outcome_added AFTER INSERT ON outcome BEGIN " ONE_MORE " END;"
    "CREATE TRIGGER outcome_gone AFTER DELETE ON outcome BEGIN " ONE_LESS " END;"
    "CREATE TRIGGER outcome_changed AFTER UPDATE ON outcome WHEN (old.incident, old.batch,"
    " old.type, old.state, old.held) IS NOT (new.incident, new.batch, new.type, new.state,"
    " new.held) BEGIN " ONE_LESS " " ONE_MORE " END;",
    /* batches in waves (waves.h): the plan and how far it is; which batch is which wave, and up
     * to which position its commands have left */
    "CREATE TABLE plan (n INTEGER PRIMARY KEY, incident TEXT NOT NULL,"
    " decision BLOB NOT NULL, plan TEXT NOT NULL, state TEXT NOT NULL,"
    " rule TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',"
    " next INTEGER NOT NULL, asked INTEGER NOT NULL DEFAULT 0,"
    " due_us INTEGER NOT NULL DEFAULT 0, free_us INTEGER NOT NULL DEFAULT 0,"
    " at_us INTEGER NOT NULL, actor TEXT NOT NULL) STRICT;"
    "CREATE INDEX plan_by_incident ON plan (incident);"
    "CREATE TABLE wave (batch INTEGER PRIMARY KEY, plan INTEGER NOT NULL,"
    " name TEXT NOT NULL, released INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX wave_by_plan ON wave (plan);",
};
#define VERSION ((int)(sizeof migrations / sizeof migrations[0]))

/* What else takes a database to that version, where one string would be too long. */
static const struct {
    int version;
    const char *sql;
} further[] = {
    /* the register of keys (keys.h), filled from what older incidents left. SQL reads no
     * certificate: public keys, names and serial numbers come when the service starts
     * (keys_learn_all), from the bundles that are on file still; of one that was handed over
     * and replaced before, the digest alone is left, so that its key under another
     * certificate is not met. Nor does it read notification files: what only they named is
     * not in it. That a batch's first command was signed is put where the batch began. */
    {8,
     "CREATE TABLE key_entry (n INTEGER PRIMARY KEY, incident TEXT NOT NULL,"
     " what TEXT NOT NULL, sha256 TEXT NOT NULL DEFAULT '', key TEXT NOT NULL DEFAULT '',"
     " subject TEXT NOT NULL DEFAULT '', issuer TEXT NOT NULL DEFAULT '',"
     " serial TEXT NOT NULL DEFAULT '', party TEXT NOT NULL DEFAULT '',"
     " cell TEXT NOT NULL DEFAULT '', document TEXT NOT NULL DEFAULT '',"
     " batch INTEGER NOT NULL DEFAULT 0, source TEXT NOT NULL, at_us INTEGER NOT NULL,"
     " back_us INTEGER NOT NULL DEFAULT 0) STRICT;"
     "CREATE INDEX key_entry_by_sha256 ON key_entry (sha256);"
     "CREATE INDEX key_entry_by_key ON key_entry (key);"
     "CREATE INDEX key_entry_by_document ON key_entry (document);"
     "CREATE INDEX key_entry_by_incident ON key_entry (incident);"
     "INSERT INTO key_entry (incident, what, sha256, key, cell, document, source, at_us)"
     " SELECT incident, 'compromised', lower(coalesce(json_extract(value, "
     "'$.certificate'), '')),"
     " lower(coalesce(json_extract(value, '$.key'), '')), coalesce(json_extract(value, "
     "'$.cell'), ''),"
     " lower(hex(sha256)), 'decision ' || d.id, at_us"
     " FROM decision AS d, json_each(d.json, '$.compromised') WHERE outcome = 'authorise'"
     " AND json_extract(d.json, '$.kind') = 'decision' ORDER BY at_us, d.rowid;"
     "INSERT INTO key_entry (incident, what, sha256, cell, document, source, at_us)"
     " SELECT incident, 'named', lower(coalesce(json_extract(value, '$.certificate'), '')),"
     " coalesce(json_extract(value, '$.cell'), ''), lower(hex(sha256)),"
     " coalesce(json_extract(d.json, '$.kind'), '') || ' ' || d.id, at_us"
     " FROM decision AS d, json_each(d.json, '$.replacements') WHERE outcome = 'authorise'"
     " ORDER BY at_us, d.rowid;"
     "UPDATE key_entry SET back_us = coalesce((SELECT max(at_us) FROM incident_event AS v"
     " WHERE v.incident = key_entry.incident AND v.at_us >= key_entry.at_us"
     " AND to_state IN ('FALSE_ALARM', 'REFUSED') AND from_state != to_state), 0)"
     " WHERE what = 'compromised';"
     "INSERT INTO key_entry (incident, what, sha256, key, cell, source, at_us)"
     " SELECT k.incident, 'revoked', sha256, key, cell, 'event revoked', min(v.at_us)"
     " FROM key_entry AS k JOIN incident_event AS v ON v.incident = k.incident"
     " AND v.event = 'revoked' AND v.at_us >= k.at_us WHERE what = 'compromised'"
     " AND (back_us = 0 OR back_us > v.at_us) GROUP BY k.incident, sha256, cell;"
     "INSERT INTO key_entry (incident, what, sha256, key, cell, source, at_us)"
     " SELECT k.incident, 'replaced', sha256, key, cell, 'event ' || v.event, min(v.at_us)"
     " FROM key_entry AS k JOIN incident_event AS v ON v.incident = k.incident"
     " AND v.to_state = 'RECOVERED' AND v.from_state != 'RECOVERED' WHERE"
     " what = 'compromised' AND back_us = 0 AND EXISTS (SELECT 1 FROM key_entry AS new"
     " WHERE new.incident = k.incident AND new.what = 'named' AND new.cell = k.cell)"
     " GROUP BY k.incident, sha256, cell;"},
    {8,
     "CREATE TEMP TABLE first AS SELECT decision, incident, min(id) AS batch,"
     " min(coalesce(started_us, asked_us)) AS at_us FROM batch WHERE EXISTS (SELECT 1"
     " FROM slice WHERE slice.id >= batch.id << 32 AND slice.id < batch.id + 1 << 32)"
     " GROUP BY decision, incident;"
     "INSERT INTO key_entry (incident, what, sha256, cell, document, batch, source, at_us)"
     " SELECT k.incident, 'placed', sha256, cell, document, f.batch, 'batch ' || f.batch,"
     " f.at_us FROM key_entry AS k JOIN first AS f ON lower(hex(f.decision)) = k.document"
     " WHERE what = 'named' ORDER BY f.batch, n;"
     "INSERT INTO key_entry (incident, what, sha256, batch, source, at_us)"
     " SELECT f.incident, 'spent', lower(coalesce(json_extract(json, '$.key_certificate'), "
     "'')), f.batch,"
     " 'batch ' || f.batch, f.at_us FROM first AS f JOIN decision ON sha256 = f.decision"
     " WHERE json_extract(json, '$.mode') = 'anyByContingency';"
     "INSERT INTO key_entry (incident, what, sha256, subject, batch, source, at_us)"
     " SELECT f.incident, 'spent', lower(coalesce(json_extract(json, "
     "'$.symmetric_key_sha256'), '')),"
     " 'Symmetric Key', f.batch, 'batch ' || f.batch, f.at_us FROM first AS f JOIN decision"
     " ON sha256 = f.decision WHERE json_extract(json, '$.mode') = 'anyByContingency';"
     "INSERT INTO key_entry (incident, what, sha256, subject, source, at_us)"
     " SELECT DISTINCT y.incident, 'released',"
     " lower(json_extract(json, '$.symmetric_key_sha256')), 'Symmetric Key', 'custodians',"
     " y.at_us FROM symmetric AS y JOIN decision AS d ON d.incident = y.incident"
     " WHERE json_extract(json, '$.symmetric_key_sha256') IS NOT NULL;"
     "DROP TABLE first;"},
};

static bool failed(struct store *s, const char *doing, struct err *e)
{
    int code = sqlite3_errcode(s->db) & 0xff;

    s->failed = true;
    return err_set(
        e, ERR_STORE,
        code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? "store.damaged" : "store.failed",
        "%s: %s (%d)", doing, sqlite3_errmsg(s->db), sqlite3_extended_errcode(s->db));
}

static bool exec(struct store *s, const char *sql, struct err *e)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(s, "database", e);
    return true;
}

static bool go_further(struct store *s, int version, struct err *e)
{
    for (size_t i = 0; i < sizeof further / sizeof further[0]; i++)
        if (further[i].version == version && !exec(s, further[i].sql, e))
            return false;
    return true;
}

static bool migrate(struct store *s, struct err *e)
{
    int64_t version = 0;
    bool found;
    char pragma[40];

    if (!store_number(s, &version, &found, e, "PRAGMA user_version", ""))
        return false;
    if (version > VERSION)
        return err_set(e, ERR_STORE, "store.version",
                       "the database has version %lld, this program knows %d",
                       (long long)version, VERSION);
    for (; version < VERSION; version++) {
        (void)sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA user_version=%d",
                               (int)version + 1);
        if (!exec(s, "BEGIN IMMEDIATE", e) || !exec(s, migrations[version], e) ||
            !go_further(s, (int)version + 1, e) || !exec(s, pragma, e) ||
            !exec(s, "COMMIT", e))
            return false;
    }
    return true;
}

static bool take_fault(void *arg, const struct store_row *row)
{
    store_copy(row, 0, arg, 160);
    return false;
}

/* Every page, read once. */
static bool check_pages(struct store *s, const char *path, struct err *e)
{
    char fault[160] = "";

    if (!store_each(s, take_fault, fault, e, "PRAGMA quick_check(1)", ""))
        return false;
    if (strcmp(fault, "ok") == 0)
        return true;
    s->failed = true;
    return err_set(e, ERR_STORE, "store.damaged", "%s: %s", path, fault);
}

/* "unix-excl": locked against every other process, as locking_mode=EXCLUSIVE does, but
 * connections of this process share it, and what they share is in memory. */
static bool connect(const char *path, int flags, struct store **out, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);

    if (s == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                        "unix-excl") != SQLITE_OK) {
        (void)failed(s, path, e);
        store_close(s);
        return false;
    }
    (void)sqlite3_busy_timeout(s->db, 5000);
    *out = s;
    return true;
}

bool store_open(const char *path, struct store **out, struct err *e)
{
    struct store *s;

    if (!connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &s, e))
        return false;
    if (!exec(s, "PRAGMA journal_mode=WAL", e) || !exec(s, "PRAGMA synchronous=FULL", e) ||
        !exec(s, "PRAGMA foreign_keys=ON", e) || !exec(s, "PRAGMA trusted_schema=OFF", e) ||
        !check_pages(s, path, e) || !migrate(s, e)) {
        store_close(s);
        return false;
    }
    *out = s;
    return true;
}

bool store_open_reader(const char *path, struct store **out, struct err *e)
{
    struct store *s;

    if (!connect(path, SQLITE_OPEN_READONLY, &s, e))
        return false;
    if (!exec(s, "PRAGMA query_only=ON", e) || !exec(s, "PRAGMA trusted_schema=OFF", e)) {
        store_close(s);
        return false;
    }
    *out = s;
    return true;
}

bool store_look(struct store *s, uint64_t stamp, struct err *e)
{
    s->stamp = stamp;
    return exec(s, "BEGIN", e);
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_cache; i++)
        (void)sqlite3_finalize(s->cache[i].stmt);
    (void)sqlite3_close(s->db);
    free(s);
}

struct store_copy {
    sqlite3 *to;
    sqlite3_backup *under_way;
};

static bool copy_failed(const struct store_copy *c, struct err *e)
{
    return err_set(e, ERR_BUSY, "backup.failed", "the copy of the database: %s",
                   c->to != NULL ? sqlite3_errmsg(c->to) : "out of memory");
}

bool store_copy_begin(struct store *s, const char *path, struct store_copy **out,
                      struct err *e)
{
    struct store_copy *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    /* it is flushed as a whole by whoever asked for it, and thrown away where it fails */
    if (sqlite3_open_v2(path, &c->to,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_NOFOLLOW,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(c->to, "PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF", NULL, NULL,
                     NULL) != SQLITE_OK ||
        (c->under_way = sqlite3_backup_init(c->to, "main", s->db, "main")) == NULL) {
        (void)copy_failed(c, e);
        store_copy_end(c);
        return false;
    }
    *out = c;
    return true;
}

bool store_copy_step(struct store_copy *c, int pages, bool *done, int *percent,
                     struct err *e)
{
    int rc = sqlite3_backup_step(c->under_way, pages);
    int all = sqlite3_backup_pagecount(c->under_way);

    *done = rc == SQLITE_DONE;
    *percent =
        all > 0 ? (int)(100LL * (all - sqlite3_backup_remaining(c->under_way)) / all) : 0;
    return rc == SQLITE_OK || rc == SQLITE_DONE || copy_failed(c, e);
}

void store_copy_end(struct store_copy *c)
{
    if (c == NULL)
        return;
    (void)sqlite3_backup_finish(c->under_way);
    (void)sqlite3_close(c->to);
    free(c);
}

bool store_failed(const struct store *s)
{
    return s->failed;
}

bool store_begin(struct store *s, struct err *e)
{
    return exec(s, "BEGIN IMMEDIATE", e);
}

bool store_commit_aside(struct store *s, struct err *e)
{
    return exec(s, "COMMIT", e);
}

bool store_commit(struct store *s, struct err *e)
{
    if (!store_commit_aside(s, e))
        return false;
    s->stamp++;
    return true;
}

uint64_t store_stamp(const struct store *s)
{
    return s->stamp;
}

void store_rollback(struct store *s)
{
    if (store_in_transaction(s))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

bool store_in_transaction(const struct store *s)
{
    return sqlite3_get_autocommit(s->db) == 0;
}

static sqlite3_stmt *prepared(struct store *s, const char *sql)
{
    sqlite3_stmt *stmt = NULL;

    for (size_t i = 0; i < s->n_cache; i++)
        if (s->cache[i].sql == sql)
            return s->cache[i].stmt;
    assert(s->n_cache < CACHE);
    if (s->n_cache == CACHE || sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                                  &stmt, NULL) != SQLITE_OK)
        return NULL;
    s->cache[s->n_cache].sql = sql;
    s->cache[s->n_cache++].stmt = stmt;
    return stmt;
}

static bool bind(sqlite3_stmt *stmt, const char *types, va_list ap)
{
    int rc = SQLITE_OK;

    for (int i = 1; *types != '\0' && rc == SQLITE_OK; types++, i++) {
        struct span b;

        switch (*types) {
        case 'i':
            rc = sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
            break;
        case 't':
            rc = sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
            break;
        case 'b':
            b = va_arg(ap, struct span);
            rc = b.at == NULL ? sqlite3_bind_null(stmt, i)
                              : sqlite3_bind_blob64(stmt, i, b.at, b.len, SQLITE_STATIC);
            break;
        default:
            assert(0 && "unknown type letter");
            return false;
        }
    }
    return rc == SQLITE_OK;
}

static bool each(struct store *s, store_row_fn fn, void *arg, struct err *e,
                 const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *stmt = prepared(s, sql);
    int rc = SQLITE_ERROR;

    if (stmt == NULL)
        return failed(s, sql, e);
    assert(!sqlite3_stmt_busy(stmt)); /* a callback must not run its own statement again */
    if (bind(stmt, types, ap))
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
            if (fn == NULL || !fn(arg, (const struct store_row *)stmt)) {
                rc = SQLITE_DONE;
                break;
            }
    if (rc != SQLITE_DONE)
        (void)failed(s, "database", e);
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
    return rc == SQLITE_DONE;
}

bool store_run(struct store *s, struct err *e, const char *sql, const char *types, ...)
{
    va_list ap;
    bool ok;

    va_start(ap, types);
    ok = each(s, NULL, NULL, e, sql, types, ap);
    va_end(ap);
    return ok;
}

bool store_each(struct store *s, store_row_fn fn, void *arg, struct err *e, const char *sql,
                const char *types, ...)
{
    va_list ap;
    bool ok;

    va_start(ap, types);
    ok = each(s, fn, arg, e, sql, types, ap);
    va_end(ap);
    return ok;
}

struct one {
    int64_t *out;
    bool found;
};

static bool first_number(void *arg, const struct store_row *row)
{
    struct one *o = arg;

    if (!store_null(row, 0)) {
        *o->out = store_i64(row, 0);
        o->found = true;
    }
    return false;
}

bool store_number(struct store *s, int64_t *out, bool *found, struct err *e,
                  const char *sql, const char *types, ...)
{
    struct one o = {out, false};
    va_list ap;
    bool ok;

    va_start(ap, types);
    ok = each(s, first_number, &o, e, sql, types, ap);
    va_end(ap);
    *found = o.found;
    return ok;
}

int64_t store_last_id(const struct store *s)
{
    return sqlite3_last_insert_rowid(s->db);
}

int64_t store_changes(const struct store *s)
{
    return sqlite3_changes64(s->db);
}

static sqlite3_stmt *stmt_of(const struct store_row *r)
{
    union {
        const struct store_row *row;
        sqlite3_stmt *stmt;
    } u = {r};

    return u.stmt;
}

int64_t store_i64(const struct store_row *r, int column)
{
    return sqlite3_column_int64(stmt_of(r), column);
}

const char *store_text(const struct store_row *r, int column)
{
    const unsigned char *t = sqlite3_column_text(stmt_of(r), column);

    return t ? (const char *)t : "";
}

void store_copy(const struct store_row *r, int column, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s", store_text(r, column));
    plain_tidy(out);
}

struct span store_blob(const struct store_row *r, int column)
{
    const void *at = sqlite3_column_blob(stmt_of(r), column);

    return span_of(at, (size_t)sqlite3_column_bytes(stmt_of(r), column));
}

bool store_take_blob(void *span_out, const struct store_row *row)
{
    struct span *out = span_out;
    struct span b = store_blob(row, 0);
    uint8_t *copy = malloc(b.len ? b.len : 1);

    if (copy != NULL) {
        memcpy(copy, b.at, b.len);
        *out = span_of(copy, b.len);
    }
    return false;
}

bool store_null(const struct store_row *r, int column)
{
    return sqlite3_column_type(stmt_of(r), column) == SQLITE_NULL;
}
