/* SPDX-License-Identifier: MIT
 *
 * The papers of an incident: rosters, certificates.
 */
#include "audit.h"
#include "docket.h"
#include "mem.h"
#include "rosters.h"
#include "uploads.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct latest {
    struct digest sha256;
    uint32_t rows;
    bool found;
};

static bool take_latest(void *arg, const struct store_row *r)
{
    struct latest *l = arg;
    struct span b = store_blob(r, 0);

    l->found = b.len == sizeof l->sha256.b;
    if (l->found)
        memcpy(l->sha256.b, b.at, b.len);
    l->rows = (uint32_t)store_i64(r, 1);
    return false;
}

bool docket_roster(struct store *s, const char *incident, struct digest *sha256,
                   uint32_t *rows, bool *found, struct err *e)
{
    struct latest l = {0};

    if (!store_each(s, take_latest, &l, e,
                    "SELECT sha256, rows FROM roster WHERE incident = ?1"
                    " ORDER BY version DESC LIMIT 1",
                    "t", incident))
        return false;
    *sha256 = l.sha256;
    *rows = l.rows;
    *found = l.found;
    return true;
}

bool docket_put_roster(const struct docket *d, const char *incident, const struct roster *r,
                       const char *who, struct err *e)
{
    json_t *types = json_object();
    AUTO(mem) char *text = NULL;
    char hex[HEX_LEN(32)];
    int64_t version = 0;
    bool found;

    for (size_t t = 0; t < DEVICE_COUNT; t++)
        if (r->by_type[t] > 0)
            (void)json_object_set_new(types, gbcs_device((enum device_type)t)->name,
                                      json_integer(r->by_type[t]));
    text = json_dumps(types, JSON_COMPACT);
    json_decref(types);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    hex_encode_lower(r->digest.b, 32, hex);
    return store_number(d->store, &version, &found, e,
                        "SELECT max(version) FROM roster WHERE incident = ?1", "t",
                        incident) &&
           store_run(d->store, e,
                     "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     "tibiti", incident, version + 1, span_of(r->digest.b, 32),
                     (int64_t)r->n_rows, text, d->now_us) &&
           uploads_drop(d->store, UPLOADS_ROSTER, &r->digest, e) &&
           audit_put(d->store, d->now_us, "ROSTER_RECEIVED", incident, who, e,
                     "{s:s,s:I,s:I}", "sha256", hex, "count", (long long)r->n_rows,
                     "version", (long long)version + 1);
}

/* --- the same device, or a cell of it, in two incidents --- */

struct other {
    const struct docket *d;
    const char *incident;
    const struct roster *r;
    uint32_t n;
    bool siblings; /* both are of one shared event: the incident that is looked at */
    char *where;
    struct err *e;
    bool ok;
};

/* Two users of one provider may have cells of their own on a meter, where both lists say
 * which; a list that names none may mean any. */
static bool shared(const struct other *o, const struct roster_row *x,
                   const struct roster_row *y)
{
    return o->siblings && x->cells != 0 && y->cells != 0 && (x->cells & y->cells) == 0;
}

/* Both lists ascend: walk them side by side. */
static void intersect(struct other *o, const struct roster *b, const char *name)
{
    struct roster_row x;
    struct roster_row y;
    uint32_t i = 0;
    uint32_t k = 0;

    while (i < o->r->n_rows && k < b->n_rows) {
        int order;

        roster_get(o->r, i, &x);
        roster_get(b, k, &y);
        order = eui64_cmp(&x.device, &y.device);
        if (order == 0) {
            if (!shared(o, &x, &y) && o->n++ == 0) {
                char hex[HEX_LEN(8)];

                hex_encode(x.device.b, 8, hex);
                (void)snprintf(o->where, 128, "device %s is in open incident %.64s", hex,
                               name);
            }
            i++;
            k++;
        } else if (order < 0) {
            i++;
        } else {
            k++;
        }
    }
}

static bool other_roster(void *arg, const struct store_row *row)
{
    struct other *o = arg;
    struct span b = store_blob(row, 1);
    struct digest sha256;
    struct roster r;

    if (b.len != sizeof sha256.b)
        return true;
    memcpy(sha256.b, b.at, b.len);
    o->ok = rosters_open(o->d->roster_dir, &sha256, &r, o->e);
    if (!o->ok)
        return false;
    o->siblings = store_i64(row, 2) != 0;
    intersect(o, &r, store_text(row, 0));
    roster_done(&r);
    return true;
}

bool docket_elsewhere(const struct docket *d, const char *incident, const struct roster *r,
                      uint32_t *n, char where[128], struct err *e)
{
    struct other o = {
        .d = d, .incident = incident, .r = r, .where = where, .e = e, .ok = true};

    where[0] = '\0';
    if (!store_each(d->store, other_roster, &o, e,
                    "SELECT roster.incident, roster.sha256, parent IS NOT NULL AND parent ="
                    " (SELECT parent FROM incident WHERE id = ?1) FROM roster JOIN incident"
                    " ON incident.id = roster.incident WHERE roster.incident != ?1"
                    " AND incident.state != 'CLOSED' AND version = (SELECT max(version)"
                    " FROM roster AS later WHERE later.incident = roster.incident)",
                    "t", incident))
        return false;
    *n = o.n;
    return o.ok;
}

/* --- devices that were refused --- */

struct refusals { /* the lists that were refused, all open */
    const struct docket *d;
    struct roster *lists;
    uint32_t *at; /* of each, the row that comes next */
    size_t n;
    struct err *e;
    bool ok;
};

static bool refused_list(void *arg, const struct store_row *row)
{
    struct refusals *f = arg;
    struct roster *lists = reallocarray(f->lists, f->n + 1, sizeof *lists);
    uint32_t *at;
    struct digest sha256;

    if (lists != NULL)
        f->lists = lists;
    at = lists != NULL ? reallocarray(f->at, f->n + 1, sizeof *at) : NULL;
    if (at == NULL) {
        f->ok = err_set(f->e, ERR_STORE, "store.memory", "out of memory");
        return false;
    }
    f->at = at;
    if (store_blob(row, 0).len != sizeof sha256.b)
        return true;
    memcpy(sha256.b, store_blob(row, 0).at, sizeof sha256.b);
    f->ok = rosters_open(f->d->roster_dir, &sha256, &f->lists[f->n], f->e);
    if (f->ok)
        f->at[f->n++] = 0;
    return f->ok;
}

/* Does one of them name the device? All ascend, and so do the devices asked for. */
static bool names(struct refusals *f, const struct eui64 *device)
{
    bool found = false;

    for (size_t i = 0; i < f->n; i++) {
        struct roster_row row;
        int order = -1;

        for (; f->at[i] < f->lists[i].n_rows; f->at[i]++) {
            roster_get(&f->lists[i], f->at[i], &row);
            order = eui64_cmp(&row.device, device);
            if (order >= 0)
                break;
        }
        found = found || order == 0;
    }
    return found;
}

bool docket_refused(const struct docket *d, const char *incident, const struct roster *r,
                    uint32_t *n, struct err *e)
{
    struct refusals f = {.d = d, .e = e, .ok = true};
    int64_t cool_off_us = (int64_t)d->config->service.refused_list_d * 24 * 3600 * 1000000;
    bool ok;

    *n = 0;
    ok =
        store_each(
            d->store, refused_list, &f, e,
            "SELECT DISTINCT roster.sha256 FROM incident_event AS refusal JOIN roster"
            " ON roster.incident = refusal.incident WHERE refusal.event = 'refuse'"
            " AND refusal.incident != ?1 AND refusal.at_us > ?2"
            " AND version = (SELECT max(version) FROM roster AS then_ WHERE"
            " then_.incident = refusal.incident AND then_.at_us <= refusal.at_us)"
            " AND NOT EXISTS (SELECT 1 FROM incident_event AS later WHERE later.incident ="
            " refusal.incident AND later.n > refusal.n AND later.event GLOB 'authorise-*')",
            "ti", incident, d->now_us - cool_off_us) &&
        f.ok;
    for (uint32_t i = 0; ok && f.n > 0 && i < r->n_rows; i++) {
        struct roster_row row;

        roster_get(r, i, &row);
        *n += names(&f, &row.device);
    }
    while (f.n > 0)
        roster_done(&f.lists[--f.n]);
    free(f.lists);
    free(f.at);
    return ok;
}
