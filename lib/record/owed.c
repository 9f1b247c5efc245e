/* SPDX-License-Identifier: MIT */
#include "owed.h"

#include "cells.h"
#include "mem.h"
#include "rosters.h"
#include "sent.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 1024 /* devices that are written between two looks at the table */

/* What the decision asks for. */
struct asked {
    struct store *store;
    const struct authority *a;
    uint32_t cells;
    struct key_id key[CELL_COUNT];
    const struct roster *roster;
    uint32_t at; /* its row that outcomes have come to */
    struct found {
        struct eui64 device;
        uint32_t cells; /* that are not done */
    } found[AT_ONCE];
    size_t n;
    struct eui64 last; /* device looked at */
    bool more;
};

static void ask(struct asked *q, const struct certs *certs)
{
    for (size_t i = 0; i < q->a->n_replacements; i++) {
        enum cell cell = q->a->replacements[i].cell;
        const struct cert *c = certs_find(certs, &q->a->replacements[i].sha256);

        if (c == NULL)
            continue;
        q->cells |= CELL_BIT(cell);
        q->key[cell] = c->ski;
    }
}

/* Did every batch so far place what is asked for, in all of its cells? */
static bool all_cover(const struct asked *q, const struct sent *sent)
{
    for (size_t i = 0; i < sent->n; i++) {
        const struct sent_batch *k = &sent->batches[i];

        if ((q->cells & ~k->cells) != 0)
            return false;
        for (unsigned c = 0; c < CELL_COUNT; c++)
            if ((q->cells & CELL_BIT(c)) != 0 &&
                memcmp(k->placed[c].b, q->key[c].b, sizeof q->key[c].b) != 0)
                return false;
    }
    return true;
}

static uint32_t wanted(const struct asked *q, const struct roster_row *row)
{
    uint32_t want = q->cells & gbcs_device(row->type)->cells;

    return row->cells != 0 ? want & row->cells : want;
}

static bool look(void *arg, const struct outcome *o)
{
    struct asked *q = arg;
    struct roster_row row;
    uint32_t left;

    q->last = o->device;
    q->more = q->n == AT_ONCE;
    if (q->more)
        return false;
    if (o->state != OUTCOME_SUCCESS)
        return true;
    q->at = roster_seek(q->roster, &o->device, q->at);
    if (q->at == q->roster->n_rows)
        return false;
    roster_get(q->roster, q->at, &row);
    if (eui64_cmp(&row.device, &o->device) != 0)
        return true;
    left = cells_left(o->cells, wanted(q, &row), q->key);
    if (left != 0)
        q->found[q->n++] = (struct found){o->device, left};
    return true;
}

static bool write_one(const struct asked *q, const struct found *f, struct err *e)
{
    AUTO(mem) char *before = NULL;
    AUTO(mem) char *text = NULL;
    struct outcome o;
    bool known;

    if (!outcome_get(q->store, q->a->incident, &f->device, &o, &before, &known, e))
        return false;
    text = cells_owed(before != NULL ? before : "{}", f->cells, q->a->id);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    o.state = OUTCOME_PARTLY;
    o.retry = true;
    o.cells = text;
    return outcome_put(q->store, q->a->incident, &o, e);
}

static bool write_all(struct asked *q, uint32_t *n, struct err *e)
{
    struct eui64 from = outcome_first;

    do {
        q->n = 0;
        q->more = false;
        if (!outcome_each(q->store, q->a->incident, &from, &outcome_last, look, q, e))
            return false;
        for (size_t i = 0; i < q->n; i++)
            if (!write_one(q, &q->found[i], e))
                return false;
        *n += (uint32_t)q->n;
        from = q->last;
    } while (q->more);
    return true;
}

bool owed_again(struct store *s, const char *dir, const struct authority *a,
                const struct certs *certs, uint32_t *n, struct err *e)
{
    AUTO(mem) struct asked *q = calloc(1, sizeof *q);
    struct lists lists;
    struct sent sent = {0};
    struct roster roster;
    bool covered = true;
    bool ok;

    *n = 0;
    if (q == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (a->method == METHOD_HANDBACK)
        return true;
    q->store = s;
    q->a = a;
    ask(q, certs);
    ok = lists_open(s, dir, a->incident, &lists, e) &&
         sent_open(s, a->incident, &lists, &sent, e);
    if (ok)
        covered = all_cover(q, &sent);
    sent_close(&sent);
    lists_done(&lists);
    if (!ok || covered)
        return ok;
    if (!rosters_open(dir, &a->roster, &roster, e))
        return false;
    q->roster = &roster;
    ok = write_all(q, n, e);
    roster_done(&roster);
    return ok;
}
