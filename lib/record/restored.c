/* SPDX-License-Identifier: MIT */
#include "restored.h"

#include <string.h>

bool restored_put(struct store *s, const struct restored *r, bool *news, struct err *e)
{
    if (!store_run(
            s, e,
            "INSERT OR IGNORE INTO restored (told, originator, needed, place, reason,"
            " at_us, done_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
            "bbitti", span_of(r->told.b, 32), eui64_span(&r->originator),
            (int64_t)r->needed, r->where, r->reason, r->at_us))
        return false;
    *news = store_changes(s) > 0;
    return true;
}

struct walk {
    bool (*fn)(void *arg, const struct restored *r);
    void *arg;
};

static bool take(void *arg, const struct store_row *row)
{
    const struct walk *w = arg;
    struct restored r = {.needed = (uint64_t)store_i64(row, 2), .at_us = store_i64(row, 5)};

    if (store_blob(row, 0).len == sizeof r.told.b)
        memcpy(r.told.b, store_blob(row, 0).at, sizeof r.told.b);
    if (store_blob(row, 1).len == sizeof r.originator.b)
        memcpy(r.originator.b, store_blob(row, 1).at, sizeof r.originator.b);
    store_copy(row, 3, r.where, sizeof r.where);
    store_copy(row, 4, r.reason, sizeof r.reason);
    return w->fn(w->arg, &r);
}

struct most {
    struct restored *out;
    bool *found;
};

static bool first(void *arg, const struct restored *r)
{
    const struct most *m = arg;

    *m->out = *r;
    *m->found = true;
    return false;
}

bool restored_stands(struct store *s, const struct eui64 *originator, struct restored *out,
                     bool *found, struct err *e)
{
    struct most m = {out, found};
    struct walk w = {first, &m};

    *found = false;
    return store_each(s, take, &w, e,
                      "SELECT told, originator, needed, place, reason, at_us FROM restored"
                      " WHERE done_us = 0 AND originator = ?1 ORDER BY needed DESC LIMIT 1",
                      "b", eui64_span(originator));
}

bool restored_any(struct store *s, struct restored *out, bool *found, struct err *e)
{
    struct most m = {out, found};

    *found = false;
    return restored_each(s, first, &m, e);
}

bool restored_each(struct store *s, bool (*fn)(void *arg, const struct restored *r),
                   void *arg, struct err *e)
{
    struct walk w = {fn, arg};

    return store_each(s, take, &w, e,
                      "SELECT told, originator, needed, place, reason, at_us FROM restored"
                      " WHERE done_us = 0 ORDER BY originator, needed DESC",
                      "");
}

bool restored_raised(struct store *s, const struct eui64 *originator, uint64_t to,
                     int64_t now_us, struct err *e)
{
    return store_run(
        s, e,
        "UPDATE restored SET done_us = ?3 WHERE originator = ?1 AND done_us = 0"
        " AND needed <= ?2",
        "bii", eui64_span(originator), (int64_t)to, now_us);
}

bool restored_known(struct store *s, const struct eui64 *originator, uint64_t up_to,
                    struct err *e)
{
    return store_run(s, e,
                     "UPDATE restored SET needed = ?2 WHERE originator = ?1 AND done_us = 0"
                     " AND place = 'backup'",
                     "bi", eui64_span(originator), (int64_t)up_to);
}
