/* SPDX-License-Identifier: MIT
 *
 * What holds for all papers of an incident, and devices that stand in two of them.
 */
#include "audit.h"
#include "docket.h"
#include "mem.h"
#include "rosters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool docket_changeable(struct store *s, const char *incident, struct err *e)
{
    struct docket_incident i;
    bool closed;

    if (!docket_get(s, incident, &i, e))
        return false;
    closed = i.state == STATE_CLOSED;
    docket_incident_done(&i);
    return !closed ||
           err_set(e, ERR_DENIED, "incident.closed",
                   "incident %s is closed: nothing of it changes any more", incident);
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

static void met(struct other *o, const struct roster_row *x, const char *name)
{
    char hex[HEX_LEN(8)];

    if (o->n++ > 0)
        return;
    hex_encode(x->device.b, 8, hex);
    (void)snprintf(o->where, 128, "device %s is in open incident %.64s", hex, name);
}

/* Both ascend: walk them side by side. */
static bool intersect(struct other *o, const struct lists *lists, const char *name)
{
    struct lists_walk w;
    struct lists_row y;
    struct roster_row x;
    uint32_t i = 0;

    if (!lists_walk_begin(lists, NULL, &w, o->e))
        return false;
    while (i < o->r->n_rows && lists_next(&w, &y)) {
        i = roster_seek(o->r, &y.at.device, i);
        if (i == o->r->n_rows)
            break;
        roster_get(o->r, i, &x);
        if (eui64_cmp(&x.device, &y.at.device) == 0 && !shared(o, &x, &y.at))
            met(o, &x, name);
    }
    lists_walk_done(&w);
    return true;
}

static bool other_incident(void *arg, const struct store_row *row)
{
    struct other *o = arg;
    struct lists lists;

    o->siblings = store_i64(row, 1) != 0;
    o->ok = lists_open(o->d->store, o->d->roster_dir, store_text(row, 0), &lists, o->e) &&
            intersect(o, &lists, store_text(row, 0));
    lists_done(&lists);
    return o->ok;
}

bool docket_elsewhere(const struct docket *d, const char *incident, const struct roster *r,
                      uint32_t *n, char where[128], struct err *e)
{
    struct other o = {
        .d = d, .incident = incident, .r = r, .where = where, .e = e, .ok = true};

    where[0] = '\0';
    if (!store_each(d->store, other_incident, &o, e,
                    "SELECT id, parent IS NOT NULL AND parent = (SELECT parent FROM"
                    " incident WHERE id = ?1) FROM incident WHERE id != ?1 AND state !="
                    " 'CLOSED' AND EXISTS (SELECT 1 FROM roster WHERE roster.incident ="
                    " incident.id AND roster.state = 'filed')",
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
            " then_.incident = refusal.incident AND then_.at_us <= refusal.at_us"
            " AND then_.state = 'filed')"
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
