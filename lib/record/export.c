/* SPDX-License-Identifier: MIT */
#include "export.h"

#include "mem.h"
#include "rosters.h"

#include <stdlib.h>

struct export
{
    struct store *store;
    struct batch b;
    struct span cms, certs, symmetric, selection; /* owned */
    struct roster roster;
    struct warrant *w;
    struct slice slice;
    uint32_t at;   /* next row of slice */
    uint32_t next; /* position after it */
    uint32_t from, until;
};

static bool open_all(struct export *x, const struct trust *t, const char *roster_dir,
                     struct err *e)
{
    struct warrant_parts p = {0};

    if (x->b.started_us == 0)
        return err_set(e, ERR_BUSY, "export.not-begun",
                       "batch %lld is %s: nothing is signed yet", (long long)x->b.id,
                       queue_state_name(x->b.state));
    if (!queue_parts(x->store, x->b.id, &x->selection, &x->certs, e) ||
        !store_each(x->store, store_take_blob, &x->cms, e,
                    "SELECT cms FROM decision WHERE sha256 = ?1", "b",
                    span_of(x->b.decision.b, 32)) ||
        !store_each(x->store, store_take_blob, &x->symmetric, e,
                    "SELECT key FROM symmetric WHERE incident = ?1", "t", x->b.incident) ||
        !rosters_open(roster_dir, &x->b.roster, &x->roster, e))
        return false;
    if (x->selection.at != NULL && x->selection.len != (size_t)x->b.n_rows * 4)
        return err_set(e, ERR_STORE, "store.failed", "batch %lld: its selection is damaged",
                       (long long)x->b.id);
    p.cms = x->cms;
    p.certs_pem = x->certs;
    p.roster = &x->roster;
    p.symmetric_key = x->symmetric;
    /* as it stood when signing began: the window may have closed since */
    return warrant_open(t, &p, x->b.started_us, &x->w, e);
}

bool export_open(struct store *s, const struct trust *t, const char *roster_dir,
                 int64_t batch, uint32_t from, struct export **out, struct err *e)
{
    struct export *x = calloc(1, sizeof *x);

    if (x == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    x->store = s;
    x->next = x->from = from;
    x->until = UINT32_MAX;
    if (!queue_get(s, batch, &x->b, e) || !open_all(x, t, roster_dir, e)) {
        export_close(x);
        return false;
    }
    *out = x;
    return true;
}

/* Position of row i of the slice: rows ascend, and so do positions;
 * failed ones lie between. */
static uint32_t position(const struct export *x, uint32_t i)
{
    if (x->selection.at == NULL)
        return x->slice.rows[i];
    for (uint32_t pos = x->slice.pos; pos < x->slice.pos + x->slice.span; pos++)
        if (get_be32(x->selection.at + 4 * (size_t)pos) == x->slice.rows[i])
            return pos;
    return x->slice.pos;
}

/*
 * Orders come back out of turn, and lost ones are done again later. While the batch is not
 * over, nothing is given out beyond a position that is still to do: whoever resumes behind
 * the last position received misses nothing.
 */
static bool hole_before(struct export *x, bool *hole, struct err *e)
{
    uint32_t failed;
    struct batch b;

    *hole = false;
    if (x->slice.pos <= x->next)
        return true;
    if (!queue_get(x->store, x->b.id, &b, e) ||
        !ledger_failures(x->store, b.id, x->next, x->slice.pos - 1, &failed, e))
        return false;
    *hole = !queue_state_final(b.state) && failed < x->slice.pos - x->next;
    return true;
}

bool export_next(struct export *x, struct export_row *out, bool *found, struct err *e)
{
    for (;;) {
        struct roster_row row;
        bool hole = false;

        if (x->at >= x->slice.n) {
            if (!ledger_next(x->store, x->b.id, x->next, &x->slice, found, e))
                return false;
            if (*found && !hole_before(x, &hole, e))
                return false;
            if (!*found || hole) {
                x->slice.n = x->at = 0; /* to be asked for again */
                *found = false;
                return true;
            }
            x->at = 0;
            x->next = x->slice.pos + x->slice.span;
        }
        out->row = x->slice.rows[x->at];
        out->pos = position(x, x->at);
        out->counter = x->slice.counter + x->at;
        if (out->pos < x->from) {
            x->at++;
            continue;
        }
        if (out->pos >= x->until) {
            *found = false;
            return true;
        }
        if (x->slice.has_macs
                ? !warrant_command_mac(x->w, out->row, out->counter, &x->slice.sigs[x->at],
                                       x->slice.macs[x->at], &out->command, e)
                : !warrant_command(x->w, out->row, out->counter, &x->slice.sigs[x->at],
                                   &out->command, e))
            return false;
        roster_get(&x->roster, out->row, &row); /* the warrant has seen that there is one */
        out->device = row.device;
        x->at++;
        *found = true;
        return true;
    }
}

void export_until(struct export *x, uint32_t until)
{
    x->until = until;
}

const struct batch *export_batch(const struct export *x)
{
    return &x->b;
}

void export_close(struct export *x)
{
    if (x == NULL)
        return;
    warrant_free(x->w);
    roster_done(&x->roster);
    free((void *)(uintptr_t)x->cms.at);
    free((void *)(uintptr_t)x->certs.at);
    free((void *)(uintptr_t)x->selection.at);
    free((void *)(uintptr_t)x->symmetric.at);
    free(x);
}
