/* SPDX-License-Identifier: MIT */
#include "lists.h"

#include "mem.h"
#include "rosters.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

/* --- opening --- */

struct counting {
    struct counted {
        int64_t version;
        struct digest sha256;
    } * at;
    size_t n;
    bool no_memory;
};

static bool count_one(void *arg, const struct store_row *row)
{
    struct counting *c = arg;
    struct counted *more = reallocarray(c->at, c->n + 1, sizeof *more);
    struct span b = store_blob(row, 1);

    c->no_memory = more == NULL;
    if (more == NULL)
        return false;
    c->at = more;
    c->at[c->n] = (struct counted){.version = store_i64(row, 0)};
    if (b.len == sizeof c->at[0].sha256.b)
        memcpy(c->at[c->n].sha256.b, b.at, b.len);
    c->n++;
    return true;
}

static bool open_one(struct lists *l, const char *dir, int64_t version,
                     const struct digest *sha256, struct err *e)
{
    struct list *more = reallocarray(l->at, l->n + 1, sizeof *more);

    if (more == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    l->at = more;
    l->at[l->n] = (struct list){.version = version};
    if (!rosters_open(dir, sha256, &l->at[l->n].roster, e))
        return false;
    l->n++;
    return true;
}

/* The same octets may be on file twice: a correction that was taken back. */
#define COUNTING                                                                      \
    "SELECT max(version), sha256 FROM roster WHERE incident = ?1 AND state = 'filed'" \
    " AND (named OR version = (SELECT max(version) FROM roster WHERE incident = ?1"   \
    " AND state = 'filed')) GROUP BY sha256 ORDER BY 1 DESC"

/* at: the caller's */
static bool counting(struct store *s, const char *incident, struct counting *c,
                     struct err *e)
{
    *c = (struct counting){0};
    if (!store_each(s, count_one, c, e, COUNTING, "t", incident))
        return false;
    if (c->no_memory)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return c->n > 0 || err_set(e, ERR_MISSING, "incident.no-roster",
                               "incident %s has no roster", incident);
}

bool lists_open(struct store *s, const char *dir, const char *incident, struct lists *out,
                struct err *e)
{
    struct counting c;
    bool ok;

    *out = (struct lists){NULL, 0};
    ok = counting(s, incident, &c, e);
    for (size_t i = 0; ok && i < c.n; i++)
        ok = open_one(out, dir, c.at[i].version, &c.at[i].sha256, e);
    free(c.at);
    return ok;
}

bool lists_counting(struct store *s, const char *incident, struct digest **out, size_t *n,
                    struct err *e)
{
    struct counting c;
    bool ok = counting(s, incident, &c, e);

    *n = c.n;
    *out = ok ? calloc(c.n, sizeof **out) : NULL;
    for (size_t i = 0; ok && *out != NULL && i < c.n; i++)
        (*out)[i] = c.at[i].sha256;
    free(c.at);
    if (ok && *out == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return ok;
}

bool lists_open_these(const char *dir, const struct digest of[], size_t n,
                      struct lists *out, struct err *e)
{
    *out = (struct lists){NULL, 0};
    for (size_t i = 0; i < n; i++)
        if (!open_one(out, dir, 0, &of[i], e))
            return false;
    return true;
}

void lists_done(struct lists *l)
{
    for (size_t i = 0; i < l->n; i++)
        roster_done(&l->at[i].roster);
    free(l->at);
    *l = (struct lists){NULL, 0};
}

bool lists_find(const struct lists *l, const struct eui64 *device, struct lists_row *out)
{
    for (size_t i = 0; i < l->n; i++)
        if (roster_find(&l->at[i].roster, device, &out->row)) {
            out->list = &l->at[i];
            roster_get(&out->list->roster, out->row, &out->at);
            return true;
        }
    return false;
}

/* --- walking --- */

static void load(const struct roster *r, struct head *h)
{
    h->end = h->next >= r->n_rows;
    if (!h->end)
        roster_get(r, h->next, &h->at);
}

bool lists_walk_begin(const struct lists *l, const struct eui64 *behind,
                      struct lists_walk *out, struct err *e)
{
    *out = (struct lists_walk){l, calloc(l->n, sizeof *out->heads)};
    if (out->heads == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (size_t i = 0; i < l->n; i++) {
        const struct roster *r = &l->at[i].roster;
        struct head *h = &out->heads[i];

        h->next = behind != NULL ? roster_seek(r, behind, 0) : 0;
        load(r, h);
        if (behind != NULL && !h->end && eui64_cmp(&h->at.device, behind) == 0) {
            h->next++;
            load(r, h);
        }
    }
    return true;
}

bool lists_next(struct lists_walk *w, struct lists_row *out)
{
    const struct lists *l = w->lists;
    size_t least = l->n;

    for (size_t i = 0; i < l->n; i++)
        if (!w->heads[i].end &&
            (least == l->n ||
             eui64_cmp(&w->heads[i].at.device, &w->heads[least].at.device) < 0))
            least = i;
    if (least == l->n)
        return false;
    *out = (struct lists_row){&l->at[least], w->heads[least].next, w->heads[least].at};
    for (size_t i = least; i < l->n; i++) {
        struct head *h = &w->heads[i];

        if (h->end || eui64_cmp(&h->at.device, &out->at.device) != 0)
            continue;
        h->next++;
        load(&l->at[i].roster, h);
    }
    return true;
}

void lists_walk_done(struct lists_walk *w)
{
    free(w->heads);
    *w = (struct lists_walk){NULL, NULL};
}

/* --- comparing and counting --- */

static bool same_row(const struct roster_row *x, const struct roster_row *y)
{
    if (x->type != y->type || x->status != y->status || x->cells != y->cells ||
        x->n_old != y->n_old || x->has_ka != y->has_ka || x->has_ds != y->has_ds ||
        x->payment != y->payment || strcmp(x->region, y->region) != 0)
        return false;
    return memcmp(x->old, y->old, x->n_old * sizeof x->old[0]) == 0 &&
           (!x->has_ka || memcmp(x->ka, y->ka, sizeof x->ka) == 0) &&
           (!x->has_ds || memcmp(x->ds, y->ds, sizeof x->ds) == 0);
}

static void differs(struct lists_difference *d, uint32_t *n, const struct roster_row *row)
{
    if (!d->any)
        d->first = row->device;
    d->any = true;
    ++*n;
}

void lists_compare(const struct roster *before, const struct roster *after,
                   struct lists_difference *out)
{
    struct head b = {0};
    struct head a = {0};

    memset(out, 0, sizeof *out);
    load(before, &b);
    load(after, &a);
    while (!b.end || !a.end) {
        int order = b.end ? 1 : a.end ? -1 : eui64_cmp(&b.at.device, &a.at.device);

        if (order < 0)
            differs(out, &out->removed, &b.at);
        else if (order > 0)
            differs(out, &out->added, &a.at);
        else if (!same_row(&b.at, &a.at))
            differs(out, &out->changed, &a.at);
        if (order <= 0) {
            b.next++;
            load(before, &b);
        }
        if (order >= 0) {
            a.next++;
            load(after, &a);
        }
    }
}

bool lists_count(const struct lists *l, struct lists_size *out, struct err *e)
{
    struct lists_walk w;
    struct lists_row row;

    memset(out, 0, sizeof *out);
    if (l->n == 1) {
        out->devices = l->at[0].roster.n_rows;
        memcpy(out->by_type, l->at[0].roster.by_type, sizeof out->by_type);
        memcpy(out->by_status, l->at[0].roster.by_status, sizeof out->by_status);
        return true;
    }
    if (!lists_walk_begin(l, NULL, &w, e))
        return false;
    while (lists_next(&w, &row)) {
        out->devices++;
        out->by_type[row.at.type]++;
        out->by_status[row.at.status]++;
    }
    lists_walk_done(&w);
    return true;
}

/* --- what is kept of it --- */

char *lists_types(const uint32_t by_type[DEVICE_COUNT])
{
    json_t *types = json_object();
    char *text;

    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (by_type[t] > 0)
            (void)json_object_set_new(types, gbcs_device((enum device_type)t)->name,
                                      json_integer(by_type[t]));
    text = json_dumps(types, JSON_COMPACT);
    json_decref(types);
    return text;
}

bool lists_resize(struct store *s, const char *dir, const char *incident, struct err *e)
{
    AUTO(mem) char *types = NULL;
    struct lists_size size;
    struct lists l;
    int64_t version = 0;
    bool ok = lists_open(s, dir, incident, &l, e) && lists_count(&l, &size, e);

    if (ok)
        version = l.at[0].version;
    lists_done(&l);
    if (!ok)
        return false;
    types = lists_types(size.by_type);
    if (types == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return store_run(s, e,
                     "UPDATE roster SET devices = ?3, types = ?4 WHERE incident = ?1"
                     " AND version = ?2",
                     "tiit", incident, version, (int64_t)size.devices, types);
}

static bool take_size(void *arg, const struct store_row *r)
{
    struct lists_size *out = arg;
    json_t *types = json_loads(store_text(r, 1), 0, NULL);

    out->devices = (uint32_t)store_i64(r, 0);
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        out->by_type[t] = (uint32_t)json_integer_value(
            json_object_get(types, gbcs_device((enum device_type)t)->name));
    json_decref(types);
    return false;
}

bool lists_size(struct store *s, const char *incident, struct lists_size *out,
                struct err *e)
{
    memset(out, 0, sizeof *out);
    return store_each(s, take_size, out, e,
                      "SELECT devices, types FROM roster WHERE incident = ?1"
                      " AND state = 'filed' ORDER BY version DESC LIMIT 1",
                      "t", incident);
}
