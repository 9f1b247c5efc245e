/* SPDX-License-Identifier: MIT */
#include "sent.h"

#include "cert.h"
#include "docket.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- opening --- */

struct want {
    struct sent *t;
    bool no_memory;
};

static bool note_batch(void *arg, const struct batch *b)
{
    struct want *w = arg;
    struct sent *t = w->t;
    struct sent_batch *k;
    const struct list *list = NULL;

    for (size_t i = 0; i < t->lists->n && list == NULL; i++)
        if (digest_equal(&b->roster, &t->lists->at[i].roster.digest))
            list = &t->lists->at[i];
    if (b->started_us == 0 || list == NULL)
        return true;
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 8;
        struct sent_batch *more = reallocarray(t->batches, cap, sizeof *more);

        w->no_memory = more == NULL;
        if (w->no_memory)
            return false;
        t->batches = more;
        t->cap = cap;
    }
    k = &t->batches[t->n++];
    memset(k, 0, sizeof *k);
    k->id = b->id;
    k->decision = b->decision;
    k->list = list;
    k->originator = b->originator;
    k->n_rows = b->n_rows;
    return true;
}

static bool take_text(void *arg, const struct store_row *row)
{
    *(char **)arg = strdup(store_text(row, 0));
    return false;
}

static void note_keys(struct sent_batch *k, const struct authority *a,
                      const struct certs *certs)
{
    for (size_t i = 0; i < a->n_replacements; i++) {
        const struct cert *c = certs_find(certs, &a->replacements[i].sha256);

        if (c == NULL)
            continue;
        k->placed[a->replacements[i].cell] = c->ski;
        k->cells |= CELL_BIT(a->replacements[i].cell);
    }
    for (size_t i = 0; i < a->n_compromised; i++) {
        const struct cert *c = certs_find(certs, &a->compromised[i].sha256);

        if (c == NULL)
            continue;
        k->old[a->compromised[i].cell] = c->ski;
        k->old_known |= CELL_BIT(a->compromised[i].cell);
    }
    k->subscriber = a->subscriber;
    k->handback = a->method == METHOD_HANDBACK;
    (void)snprintf(k->decision_id, sizeof k->decision_id, "%s", a->id);
}

/* Which key should sit in which cell afterwards:
 * from the decision and the batch's bundle. */
static bool note_placed(struct sent *t, struct sent_batch *k, struct err *e)
{
    AUTO(mem) char *json = NULL;
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    struct span pem;
    bool ok;

    if (a == NULL || certs == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!store_each(t->store, take_text, &json, e,
                    "SELECT json FROM decision WHERE sha256 = ?1", "b",
                    span_of(k->decision.b, 32)) ||
        !queue_parts(t->store, k->id, &k->selection, &pem, e))
        return false;
    ok = json != NULL &&
         (k->selection.at == NULL || k->selection.len == (size_t)k->n_rows * 4) &&
         authority_parse(span_of(json, strlen(json)), a, e) && pem.at != NULL &&
         certs_read(pem, "certificates", certs, e);
    free((void *)(uintptr_t)pem.at);
    if (!ok)
        return err_set(e, ERR_STORE, "store.failed",
                       "batch %lld: its decision or selection cannot be read",
                       (long long)k->id);
    note_keys(k, a, certs);
    certs_done(certs);
    return true;
}

bool sent_open(struct store *s, const char *incident, const struct lists *lists,
               struct sent *out, struct err *e)
{
    struct want w = {out, false};
    bool ok;

    *out = (struct sent){.store = s, .lists = lists};
    ok = queue_each(s, incident, note_batch, &w, e);
    if (ok && w.no_memory)
        ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (size_t i = 0; ok && i < out->n; i++)
        ok = note_placed(out, &out->batches[i], e);
    return ok;
}

bool sent_plan(const struct sent *t, const char *incident, struct sent_batch *out,
               struct err *e)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    struct docket_decision live;
    struct docket_incident i;
    struct span pem;
    bool found;
    bool ok;

    *out = (struct sent_batch){.list = &t->lists->at[0]};
    if (a == NULL || certs == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_get(t->store, incident, &i, e))
        return false;
    if (i.subscriber[0] != '\0' && !eui64_parse(i.subscriber, 16, &out->subscriber))
        out->subscriber = (struct eui64){{0}};
    docket_incident_done(&i);
    if (!docket_authorised(t->store, incident, &live, &found, e))
        return false;
    if (!found)
        return true;
    if (!docket_in_force(t->store, &live.digest, a, e) ||
        !docket_bundle(t->store, incident, &pem, e))
        return false;
    ok = pem.at == NULL || certs_read(pem, "certificates", certs, e);
    free((void *)(uintptr_t)pem.at);
    if (!ok)
        return false;
    out->decision = live.digest;
    note_keys(out, a, certs);
    certs_done(certs);
    return true;
}

void sent_close(struct sent *t)
{
    for (size_t i = 0; i < t->n; i++)
        free((void *)(uintptr_t)t->batches[i].selection.at);
    free(t->batches);
    *t = (struct sent){0};
}

/* --- one row --- */

/* Position of the first row >= row that the batch selects: n_rows when there is none. */
static uint32_t position_from(const struct sent_batch *k, uint32_t row)
{
    uint32_t lo = 0;
    uint32_t hi = k->n_rows;

    if (k->selection.at == NULL)
        return row < hi ? row : hi;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (get_be32(k->selection.at + 4 * (size_t)mid) < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Position of a roster row in the batch; false when the batch does not select it. */
static bool position_of(const struct sent_batch *k, uint32_t row, uint32_t *pos)
{
    *pos = position_from(k, row);
    return *pos < k->n_rows &&
           (k->selection.at == NULL || get_be32(k->selection.at + 4 * (size_t)*pos) == row);
}

static bool in_slice(const struct slice *sl, uint32_t row, uint64_t *counter)
{
    for (uint32_t i = 0; i < sl->n; i++)
        if (sl->rows[i] == row) {
            *counter = sl->counter + i;
            return true;
        }
    return false;
}

static uint32_t cells_of(const struct sent_batch *k, const struct roster_row *row)
{
    uint32_t cells = k->cells & gbcs_device(row->type)->cells;

    return row->cells != 0 ? cells & row->cells : cells;
}

bool sent_in(struct sent *t, struct sent_batch *k, const struct eui64 *device,
             struct sent_command *out, bool *found, struct err *e)
{
    struct roster_row at;
    uint32_t row;
    uint32_t pos;

    *found = false;
    if (!roster_find(&k->list->roster, device, &row) || !position_of(k, row, &pos))
        return true;
    if (!(k->has_slice && pos >= k->slice.pos && pos - k->slice.pos < k->slice.span) &&
        !ledger_next(t->store, k->id, pos, &k->slice, &k->has_slice, e))
        return false;
    *found = k->has_slice && in_slice(&k->slice, row, &out->counter);
    if (*found) {
        roster_get(&k->list->roster, row, &at);
        out->batch = k;
        out->cells = cells_of(k, &at);
    }
    return true;
}

bool sent_any(struct sent *t, const struct eui64 *device, bool *is, struct err *e)
{
    struct sent_command c;

    *is = false;
    for (size_t i = 0; i < t->n && !*is; i++)
        if (!sent_in(t, &t->batches[i], device, &c, is, e))
            return false;
    return true;
}

/* --- a page of rows --- */

struct page {
    struct sent_row *at; /* ascending by device */
    uint32_t n;
    const struct roster *roster; /* of the batch that is looked at */
    bool no_memory;
};

static int by_device(const void *key, const void *at)
{
    return eui64_cmp(key, &((const struct sent_row *)at)->device);
}

static struct sent_row *on_page(const struct page *p, uint32_t row)
{
    struct roster_row at;

    roster_get(p->roster, row, &at);
    return bsearch(&at.device, p->at, p->n, sizeof p->at[0], by_device);
}

static bool say(char **text, const char *instead)
{
    char *copy = strdup(instead);

    if (copy == NULL)
        return false;
    free(*text);
    *text = copy;
    return true;
}

static bool note_failure(void *arg, uint32_t row, const char *rule, const char *reason)
{
    struct page *p = arg;
    struct sent_row *r = on_page(p, row);

    if (r == NULL)
        return true;
    p->no_memory = !say(&r->rule, rule) || !say(&r->reason, reason);
    return !p->no_memory;
}

/* Positions of the batch that the page may be about: from *pos up to *end. */
static void stretch(const struct sent_batch *k, const struct page *p, uint32_t *pos,
                    uint32_t *end)
{
    const struct roster *r = &k->list->roster;
    uint32_t first = roster_seek(r, &p->at[0].device, 0);
    uint32_t last = roster_seek(r, &p->at[p->n - 1].device, first);

    *pos = position_from(k, first);
    *end = last < r->n_rows ? position_from(k, last + 1) : k->n_rows;
}

static bool page_of_batch(struct sent *t, struct sent_batch *k, struct page *p,
                          struct err *e)
{
    uint32_t pos;
    uint32_t end;

    p->roster = &k->list->roster;
    stretch(k, p, &pos, &end);
    if (pos >= end)
        return true;
    if (!ledger_each_failure(t->store, k->id, pos, end - 1, note_failure, p, e))
        return false;
    while (pos < end) {
        if (!ledger_next(t->store, k->id, pos, &k->slice, &k->has_slice, e))
            return false;
        if (!k->has_slice)
            break;
        for (uint32_t i = 0; i < k->slice.n; i++) {
            struct sent_row *r = on_page(p, k->slice.rows[i]);

            if (r != NULL) {
                r->batch = k->id;
                r->counter = k->slice.counter + i;
            }
        }
        pos = k->slice.pos + k->slice.span;
    }
    return true;
}

bool sent_page(struct sent *t, struct sent_row page[], uint32_t n, struct err *e)
{
    struct page p = {.at = page, .n = n};

    for (size_t i = 0; n > 0 && i < t->n; i++) {
        if (!page_of_batch(t, &t->batches[i], &p, e))
            return false;
        if (p.no_memory)
            return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    return true;
}

void sent_row_done(struct sent_row *r)
{
    free(r->rule);
    free(r->reason);
    r->rule = r->reason = NULL;
}
