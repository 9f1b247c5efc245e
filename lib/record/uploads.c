/* SPDX-License-Identifier: MIT */
#include "uploads.h"

#include <string.h>

static const char *const kinds[] = {"file", "roster"};

const char *uploads_kind_name(enum uploads_kind k)
{
    return kinds[k];
}

static struct span digest_span(const struct digest *d)
{
    return span_of(d->b, sizeof d->b);
}

static bool any(struct store *s, bool *out, struct err *e, const char *sql,
                const struct digest *sha256)
{
    int64_t ignored = 0;

    return store_number(s, &ignored, out, e, sql, "b", digest_span(sha256));
}

bool uploads_used(struct store *s, enum uploads_kind kind, const struct digest *sha256,
                  bool *used, struct err *e)
{
    if (kind == UPLOADS_FILE)
        return any(s, used, e, "SELECT 1 FROM file WHERE sha256 = ?1 LIMIT 1", sha256);
    return any(s, used, e,
               "SELECT 1 FROM roster WHERE sha256 = ?1 UNION ALL"
               " SELECT 1 FROM batch WHERE roster = ?1 LIMIT 1",
               sha256);
}

bool uploads_put(struct store *s, const struct uploads_one *u, struct err *e)
{
    bool used;

    if (!uploads_used(s, u->kind, &u->sha256, &used, e))
        return false;
    return used || store_run(s, e,
                             "INSERT INTO upload (kind, sha256, uid, octets, at_us, named)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (kind, sha256)"
                             " DO UPDATE SET at_us = excluded.at_us",
                             "tbiiii", kinds[u->kind], digest_span(&u->sha256), u->uid,
                             u->octets, u->at_us, (int64_t)u->named);
}

bool uploads_drop(struct store *s, enum uploads_kind kind, const struct digest *sha256,
                  struct err *e)
{
    return store_run(s, e, "DELETE FROM upload WHERE kind = ?1 AND sha256 = ?2", "tb",
                     kinds[kind], digest_span(sha256));
}

bool uploads_known(struct store *s, enum uploads_kind kind, const struct digest *sha256,
                   bool *known, struct err *e)
{
    int64_t ignored = 0;

    return store_number(s, &ignored, known, e,
                        "SELECT 1 FROM upload WHERE kind = ?1 AND sha256 = ?2", "tb",
                        kinds[kind], digest_span(sha256));
}

bool uploads_name(struct store *s, const char *text, struct err *e)
{
    return store_run(s, e,
                     "UPDATE upload SET named = 1 WHERE named = 0"
                     " AND instr(lower(?1), lower(hex(sha256))) > 0",
                     "t", text);
}

bool uploads_named(struct store *s, const struct digest *sha256, bool *named, struct err *e)
{
    return any(s, named, e,
               "SELECT 1 FROM audit WHERE instr(lower(line), lower(hex(?1))) > 0 LIMIT 1",
               sha256);
}

static bool take_sum(void *arg, const struct store_row *r)
{
    struct uploads_sum *sum = arg;

    *sum = (struct uploads_sum){store_i64(r, 0), store_i64(r, 1), store_i64(r, 2),
                                store_i64(r, 3)};
    return false;
}

bool uploads_sum(struct store *s, int64_t uid, struct uploads_sum *out, struct err *e)
{
    *out = (struct uploads_sum){0};
    return store_each(s, take_sum, out, e,
                      "SELECT count(*) FILTER (WHERE uid = ?1 AND named = 0),"
                      " sum(octets) FILTER (WHERE uid = ?1 AND named = 0),"
                      " count(*) FILTER (WHERE named = 0), sum(octets) FROM upload",
                      "i", uid);
}

struct walk {
    bool (*fn)(void *arg, const struct uploads_one *u);
    void *arg;
};

static bool walk_one(void *arg, const struct store_row *r)
{
    const struct walk *w = arg;
    struct uploads_one u = {.kind = strcmp(store_text(r, 0), kinds[UPLOADS_FILE]) == 0
                                        ? UPLOADS_FILE
                                        : UPLOADS_ROSTER,
                            .uid = store_i64(r, 2),
                            .octets = store_i64(r, 3),
                            .at_us = store_i64(r, 4),
                            .named = store_i64(r, 5) != 0};

    if (store_blob(r, 1).len == sizeof u.sha256.b)
        memcpy(u.sha256.b, store_blob(r, 1).at, sizeof u.sha256.b);
    return w->fn(w->arg, &u);
}

bool uploads_each(struct store *s, bool (*fn)(void *arg, const struct uploads_one *u),
                  void *arg, struct err *e)
{
    struct walk w = {fn, arg};

    return store_each(s, walk_one, &w, e,
                      "SELECT kind, sha256, uid, octets, at_us, named FROM upload"
                      " ORDER BY at_us, sha256",
                      "");
}
