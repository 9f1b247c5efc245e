/* SPDX-License-Identifier: MIT */
#include "adopt.h"

#include "authority.h"
#include "lists.h"
#include "rosters.h"

#include <stdio.h>
#include <string.h>

/* A list that rows of before stand under. */
struct under {
    char incident[AUTHORITY_ID_MAX];
    struct digest sha256;
    int64_t version;
    bool found;
};

/* What was answered names its batch, and that its list; what was only marked was so by the
 * list on file then. */
#define VERSION_OF                                                                        \
    "(SELECT version FROM roster WHERE roster.incident = o.incident AND CASE"             \
    " WHEN o.batch > 0 THEN sha256 = (SELECT batch.roster FROM batch WHERE id = o.batch)" \
    " ELSE at_us <= o.at_us END ORDER BY version DESC LIMIT 1)"

static bool take_under(void *arg, const struct store_row *row)
{
    struct under *u = arg;
    struct span b = store_blob(row, 1);

    store_copy(row, 0, u->incident, sizeof u->incident);
    if (b.len == sizeof u->sha256.b)
        memcpy(u->sha256.b, b.at, b.len);
    u->version = store_i64(row, 2);
    u->found = true;
    return false;
}

struct moving {
    struct store *store;
    const struct under *u;
    const struct roster *roster;
    int64_t n;
    bool ok;
    struct err *e;
};

static bool move_one(void *arg, const struct store_row *row)
{
    struct moving *m = arg;
    int64_t no = store_i64(row, 0);
    struct roster_row at;

    if (no < 0 || no >= m->roster->n_rows) {
        m->ok = err_set(m->e, ERR_STORE, "store.adopt",
                        "incident %s: an answer stands under row %lld of a list of %u",
                        m->u->incident, (long long)no, m->roster->n_rows);
        return false;
    }
    roster_get(m->roster, (uint32_t)no, &at);
    m->ok = store_run(
        m->store, m->e,
        "INSERT INTO outcome (incident, device, type, state, list, batch, counter, "
        "attempts,"
        " retry, at_us, held, cells) SELECT incident, ?3, type, state, ?4, batch, counter,"
        " attempts, retry, at_us, '', cells FROM outcome_by_row WHERE incident = ?1"
        " AND row = ?2 ON CONFLICT (incident, device) DO UPDATE SET type = excluded.type,"
        " state = excluded.state, list = excluded.list, batch = excluded.batch,"
        " counter = excluded.counter, attempts = excluded.attempts, retry = excluded.retry,"
        " at_us = excluded.at_us, cells = excluded.cells"
        " WHERE excluded.at_us >= outcome.at_us",
        "tibi", m->u->incident, no, eui64_span(&at.device), m->u->version);
    m->n++;
    return m->ok;
}

static bool move_list(struct store *s, const char *dir, const struct under *u, int64_t *n,
                      struct err *e)
{
    struct roster roster;
    struct moving m = {s, u, &roster, 0, true, e};
    struct err why;
    bool ok;

    if (!rosters_open(dir, &u->sha256, &roster, &why))
        return err_set(e, ERR_STORE, "store.adopt",
                       "incident %s: version %lld of its list is needed to read answers of "
                       "an older database: %s",
                       u->incident, (long long)u->version, why.text);
    ok = store_each(s, move_one, &m, e,
                    "SELECT row FROM outcome_by_row AS o WHERE incident = ?1"
                    " AND ?2 = " VERSION_OF " ORDER BY row",
                    "ti", u->incident, u->version) &&
         m.ok;
    roster_done(&roster);
    *n += m.n;
    return ok &&
           store_run(s, e,
                     "UPDATE roster SET named = 1 WHERE incident = ?1 AND version = ?2",
                     "ti", u->incident, u->version) &&
           store_run(s, e,
                     "DELETE FROM outcome_by_row AS o WHERE incident = ?1"
                     " AND ?2 = " VERSION_OF,
                     "ti", u->incident, u->version);
}

struct sizes {
    struct store *store;
    const char *dir;
    bool ok;
    struct err *e;
};

static bool size_one(void *arg, const struct store_row *row)
{
    struct sizes *z = arg;

    z->ok = lists_resize(z->store, z->dir, store_text(row, 0), z->e);
    return z->ok;
}

/* Incidents with more than one version that counts. */
static bool size_again(struct store *s, const char *dir, struct err *e)
{
    struct sizes z = {s, dir, true, e};

    return store_each(s, size_one, &z, e,
                      "SELECT incident FROM roster AS r WHERE named OR version ="
                      " (SELECT max(version) FROM roster WHERE incident = r.incident)"
                      " GROUP BY incident HAVING count(*) > 1",
                      "") &&
           z.ok;
}

static bool none_left(struct store *s, struct err *e)
{
    int64_t left = 0;
    bool found;

    return store_number(s, &left, &found, e, "SELECT count(*) FROM outcome_by_row", "") &&
           (left == 0 || err_set(e, ERR_STORE, "store.adopt",
                                 "%lld answers of an older database stand under no list",
                                 (long long)left));
}

bool adopt_outcomes(struct store *s, const char *dir, int64_t *n, struct err *e)
{
    struct under u;
    int64_t there = 0;
    bool found;

    *n = 0;
    if (!store_number(s, &there, &found, e,
                      "SELECT count(*) FROM sqlite_master WHERE name = 'outcome_by_row'",
                      ""))
        return false;
    if (there == 0)
        return true;
    do {
        u = (struct under){0};
        if (!store_each(s, take_under, &u, e,
                        "SELECT o.incident, roster.sha256, roster.version FROM"
                        " outcome_by_row AS o JOIN roster ON roster.incident = o.incident"
                        " AND roster.version = " VERSION_OF " LIMIT 1",
                        "") ||
            (u.found && !move_list(s, dir, &u, n, e)))
            return false;
    } while (u.found);
    return none_left(s, e) && size_again(s, dir, e) &&
           store_run(s, e, "DROP TABLE outcome_by_row", "");
}
