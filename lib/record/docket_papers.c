/* SPDX-License-Identifier: MIT
 *
 * What holds for all papers of an incident, and devices that stand in two of them.
 */
#include "audit.h"
#include "docket.h"
#include "mem.h"
#include "rosters.h"
#include "think.h"

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

/*
 * Both lists are walked side by side, which is long work (think.h): a question is a struct
 * walk, the digests of the others' lists, and the folder.
 */
struct walk {
    struct digest list; /* the one that is looked at */
    bool siblings;      /* both incidents are of one shared event */
    uint32_t n;         /* lists of the other incident: a device of any of them counts */
};

struct met { /* the answer */
    uint32_t n;
    struct eui64 first;
};

/* Two users of one provider may have cells of their own on a meter, where both lists say
 * which; a list that names none may mean any. */
static bool shared(bool siblings, const struct roster_row *x, const struct roster_row *y)
{
    return siblings && x->cells != 0 && y->cells != 0 && (x->cells & y->cells) == 0;
}

static bool intersect(const struct roster *r, const struct lists *lists, bool siblings,
                      struct met *out, struct err *e)
{
    struct lists_walk w;
    struct lists_row y;
    struct roster_row x;
    uint32_t i = 0;

    if (!lists_walk_begin(lists, NULL, &w, e))
        return false;
    while (i < r->n_rows && lists_next(&w, &y)) {
        i = roster_seek(r, &y.at.device, i);
        if (i == r->n_rows)
            break;
        roster_get(r, i, &x);
        if (eui64_cmp(&x.device, &y.at.device) != 0 || shared(siblings, &x, &y.at))
            continue;
        if (out->n++ == 0)
            out->first = x.device;
    }
    lists_walk_done(&w);
    return true;
}

static bool walk(struct store *s, struct span in, struct span *out, struct err *e)
{
    const struct digest *others;
    struct walk q;
    struct roster r = {0};
    struct lists lists = {0};
    struct met *met = calloc(1, sizeof *met);
    const char *dir;
    bool ok;

    (void)s;
    if (met == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memcpy(&q, in.at, sizeof q);
    others = (const struct digest *)(const void *)(in.at + sizeof q);
    dir = (const char *)(others + q.n);
    ok = rosters_open(dir, &q.list, &r, e) &&
         lists_open_these(dir, others, q.n, &lists, e) &&
         intersect(&r, &lists, q.siblings, met, e);
    lists_done(&lists);
    roster_done(&r);
    if (!ok) {
        free(met);
        return false;
    }
    *out = span_of(met, sizeof *met);
    return true;
}

static const struct think_kind walking = {.name = "devices that two lists have",
                                          .work = walk};

/* How many devices the list has in common with others. */
static bool common(const struct docket *d, const struct roster *r, bool siblings,
                   const struct digest others[], size_t n, struct met *out, struct err *e)
{
    size_t dir = strlen(d->roster_dir) + 1;
    size_t len = sizeof(struct walk) + n * sizeof others[0] + dir;
    AUTO(mem) uint8_t *in = malloc(len);
    struct walk q;
    struct span met;

    if (in == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memset(&q, 0, sizeof q); /* octets between members too: it is compared */
    q.list = r->digest;
    q.siblings = siblings;
    q.n = (uint32_t)n;
    memcpy(in, &q, sizeof q);
    memcpy(in + sizeof q, others, n * sizeof others[0]);
    memcpy(in + sizeof q + n * sizeof others[0], d->roster_dir, dir);
    if (!think(&walking, d->store, span_of(in, len), &met, e))
        return false;
    memcpy(out, met.at, sizeof *out);
    free((void *)(uintptr_t)met.at);
    return true;
}

struct other {
    const struct docket *d;
    const struct roster *r;
    uint32_t n;
    char *where;
    struct err *e;
    bool ok;
};

static bool other_incident(void *arg, const struct store_row *row)
{
    struct other *o = arg;
    AUTO(mem) struct digest *theirs = NULL;
    const char *name = store_text(row, 0);
    struct met met = {0};
    char hex[HEX_LEN(8)];
    size_t n;

    o->ok = lists_counting(o->d->store, name, &theirs, &n, o->e) &&
            common(o->d, o->r, store_i64(row, 1) != 0, theirs, n, &met, o->e);
    if (!o->ok)
        return false;
    if (met.n > 0 && o->n == 0) {
        hex_encode(met.first.b, 8, hex);
        (void)snprintf(o->where, 128, "device %s is in open incident %.64s", hex, name);
    }
    o->n += met.n;
    return true;
}

bool docket_elsewhere(const struct docket *d, const char *incident, const struct roster *r,
                      uint32_t *n, char where[128], struct err *e)
{
    struct other o = {.d = d, .r = r, .where = where, .e = e, .ok = true};

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

struct refusals { /* the lists that were refused */
    struct digest *at;
    size_t n;
    bool no_memory;
};

static bool refused_list(void *arg, const struct store_row *row)
{
    struct refusals *f = arg;
    struct span b = store_blob(row, 0);
    struct digest *more = reallocarray(f->at, f->n + 1, sizeof *more);

    f->no_memory = more == NULL;
    if (more == NULL)
        return false;
    f->at = more;
    if (b.len == sizeof f->at[0].b)
        memcpy(f->at[f->n++].b, b.at, b.len);
    return true;
}

bool docket_refused(const struct docket *d, const char *incident, const struct roster *r,
                    uint32_t *n, struct err *e)
{
    struct refusals f = {0};
    struct met met = {0};
    int64_t cool_off_us = (int64_t)d->config->service.refused_list_d * 24 * 3600 * 1000000;
    bool ok;

    *n = 0;
    ok = store_each(
        d->store, refused_list, &f, e,
        "SELECT DISTINCT roster.sha256 FROM incident_event AS refusal JOIN roster"
        " ON roster.incident = refusal.incident WHERE refusal.event = 'refuse'"
        " AND refusal.incident != ?1 AND refusal.at_us > ?2"
        " AND version = (SELECT max(version) FROM roster AS then_ WHERE"
        " then_.incident = refusal.incident AND then_.at_us <= refusal.at_us"
        " AND then_.state = 'filed')"
        " AND NOT EXISTS (SELECT 1 FROM incident_event AS later WHERE later.incident ="
        " refusal.incident AND later.n > refusal.n AND later.event GLOB 'authorise-*')",
        "ti", incident, d->now_us - cool_off_us);
    if (ok && f.no_memory)
        ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    ok = ok && (f.n == 0 || common(d, r, false, f.at, f.n, &met, e));
    *n = met.n;
    free(f.at);
    return ok;
}
