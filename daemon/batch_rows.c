/* SPDX-License-Identifier: MIT */
#include "batch_rows.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* The rows of a roster:
 * which have no success yet, and how many commands each has had under the decision. */
struct rows {
    uint8_t *done;     /* a bit per row */
    uint8_t *commands; /* saturating */
    uint32_t n;
};

static bool rows_new(uint32_t n, struct rows *r, struct err *e)
{
    *r = (struct rows){calloc(n / 8 + 1, 1), calloc((size_t)n + 1, 1), n};
    return (r->done != NULL && r->commands != NULL) ||
           err_set(e, ERR_STORE, "store.memory", "out of memory");
}

static void rows_done(struct rows *r)
{
    free(r->done);
    free(r->commands);
}

static bool mark_done(void *arg, const struct store_row *row)
{
    struct rows *r = arg;
    int64_t i = store_i64(row, 0);

    if (i >= 0 && i < r->n)
        r->done[i / 8] |= (uint8_t)(1u << (i % 8));
    return true;
}

struct earlier {
    const struct authority *a;
    int64_t ids[256];
    size_t n;
};

static bool note_earlier(void *arg, const struct batch *b)
{
    struct earlier *x = arg;

    if (b->signed_ > 0 && digest_equal(&b->decision, &x->a->digest) &&
        x->n < sizeof x->ids / sizeof x->ids[0])
        x->ids[x->n++] = b->id;
    return true;
}

/* Count the commands that earlier batches under this decision have signed for each row. */
static bool count_commands(struct service *sv, const struct authority *a, struct rows *r,
                           struct err *e)
{
    AUTO(mem) struct slice *sl = malloc(sizeof *sl);
    struct earlier x = {.a = a};

    if (sl == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!queue_each(sv->store, a->incident, note_earlier, &x, e))
        return false;
    for (size_t i = 0; i < x.n; i++) {
        uint32_t pos = 0;
        bool found = true;

        while (found) {
            if (!ledger_next(sv->store, x.ids[i], pos, sl, &found, e))
                return false;
            for (uint32_t k = 0; found && k < sl->n; k++)
                if (sl->rows[k] < r->n && r->commands[sl->rows[k]] < UINT8_MAX)
                    r->commands[sl->rows[k]]++;
            pos = sl->pos + sl->span;
        }
    }
    return true;
}

/* A device gets no more commands than its decision allows: all rows, or nothing. */
static bool select_all(const struct rows *r, const struct authority *a, struct err *e)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < r->n; i++)
        used += r->commands[i] >= a->attempts;
    return used == 0 ||
           err_set(e, ERR_DENIED, "decision.attempts",
                   "%u devices have had the %u commands that decision %s allows each", used,
                   a->attempts, a->id);
}

/* Devices that refused this decision's command for a reason that it will meet again are
 * not asked a second time, unless `hopeless`; reconcile knows it by the status code. */
static bool mark_hopeless(struct service *sv, const struct rows *r,
                          const struct authority *a, struct err *e)
{
    return store_each(sv->store, mark_done, (void *)(uintptr_t)r, e,
                      "SELECT row FROM outcome WHERE incident = ?1 AND retry = 0"
                      " AND state IN ('failed', 'partly') AND batch IN"
                      " (SELECT id FROM batch WHERE incident = ?1 AND decision = ?2)",
                      "tb", a->incident, span_of(a->digest.b, 32));
}

/* Rows without success that may have another command, as a selection. */
static bool select_unfinished(struct service *sv, const struct rows *r,
                              const struct authority *a, bool hopeless,
                              struct span *selection, uint32_t *n, struct err *e)
{
    uint32_t used = 0;
    uint8_t *list;

    /* in a hand-back only what it handed back is done, not what Method 2 did before */
    if (!store_each(sv->store, mark_done, (void *)(uintptr_t)r, e,
                    "SELECT row FROM outcome WHERE incident = ?1"
                    " AND (state IN ('excused', 'unknown') OR (state = 'success' AND (?2 ="
                    " 0 OR batch IN (SELECT batch.id FROM batch JOIN decision ON"
                    " decision.sha256 = batch.decision WHERE batch.incident = ?1 AND"
                    " json_extract(decision.json, '$.method') = 'handback'))))",
                    "ti", a->incident, (int64_t)(a->method == METHOD_HANDBACK)) ||
        (!hopeless && !mark_hopeless(sv, r, a, e)))
        return false;
    list = malloc((size_t)r->n * 4 + 1);
    if (list == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    *n = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->done[i / 8] >> (i % 8) & 1)
            continue;
        if (r->commands[i] < a->attempts)
            put_be32(list + 4 * (size_t)(*n)++, i);
        else
            used++;
    }
    *selection = span_of(list, (size_t)*n * 4);
    if (*n == 0 && used > 0)
        return err_set(e, ERR_DENIED, "decision.attempts",
                       "the %u devices without success have had the %u commands that "
                       "decision %s allows each",
                       used, a->attempts, a->id);
    return true;
}

/* How many rows the roster has that the decision names; its count is an upper bound. */
static bool roster_rows(struct service *sv, const struct authority *a, uint32_t *n,
                        struct err *e)
{
    int64_t rows = 0;
    bool found;

    if (!store_number(sv->store, &rows, &found, e,
                      "SELECT rows FROM roster WHERE incident = ?1 AND sha256 = ?2", "tb",
                      a->incident, span_of(a->roster.b, 32)))
        return false;
    *n = (uint32_t)rows;
    return found || err_set(e, ERR_DENIED, "decision.roster",
                            "decision %s names a roster that is not on file", a->id);
}

bool batch_rows(struct service *sv, const struct authority *a, const char *which,
                uint32_t *n, struct span *selection, struct err *e)
{
    struct rows r = {0};
    bool hopeless = strcmp(which, "unsuccessful") == 0;
    bool ok =
        roster_rows(sv, a, n, e) && rows_new(*n, &r, e) && count_commands(sv, a, &r, e);

    if (ok && (hopeless || strcmp(which, "unfinished") == 0))
        ok = select_unfinished(sv, &r, a, hopeless, selection, n, e);
    else if (ok && strcmp(which, "all") == 0)
        ok = select_all(&r, a, e);
    else if (ok)
        ok = err_set(e, ERR_INPUT, "request.member",
                     "member rows: all, unfinished or unsuccessful");
    rows_done(&r);
    if (ok && *n == 0)
        ok = err_set(e, ERR_DENIED, "batch.empty", "no row of the roster is unfinished");
    return ok;
}
