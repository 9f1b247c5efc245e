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
