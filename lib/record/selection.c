/* SPDX-License-Identifier: MIT */
#include "selection.h"

#include "docket.h"
#include "ledger.h"
#include "mem.h"
#include "outcome.h"
#include "queue.h"
#include "rosters.h"
#include "think.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct earlier { /* a batch of the incident */
    int64_t id;
    bool same_decision;
    bool handback; /* under an instruction to hand back */
    bool has_signed;
};

struct rows {
    struct store *store;
    const struct authority *a;
    struct roster roster; /* the one that the decision names, where it is looked at */
    uint32_t at;          /* its row that outcomes have come to */
    uint32_t n;
    uint8_t *settled;        /* a bit per row: it needs no command */
    uint8_t *commands;       /* what each has had under the decision; saturating */
    struct earlier *batches; /* ascending */
    size_t n_batches, cap;
    const struct waveplan *plan; /* NULL: whatever wave they belong to */
    uint32_t wave;
    bool all;      /* whatever they answered: all but who is excused by name */
    bool hopeless; /* take in what will be refused again */
    bool no_memory;
};

static void rows_done(struct rows *r)
{
    free(r->settled);
    free(r->commands);
    free(r->batches);
}

/* --- what came before --- */

static bool note_batch(void *arg, const struct batch *b)
{
    struct rows *r = arg;

    if (r->n_batches == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 8;
        struct earlier *more = reallocarray(r->batches, cap, sizeof *more);

        r->no_memory = more == NULL;
        if (r->no_memory)
            return false;
        r->batches = more;
        r->cap = cap;
    }
    r->batches[r->n_batches++] =
        (struct earlier){.id = b->id,
                         .same_decision = digest_equal(&b->decision, &r->a->digest),
                         .has_signed = b->signed_ > 0};
    return true;
}

static bool count_batch(struct rows *r, int64_t batch, struct slice *sl, struct err *e)
{
    uint32_t pos = 0;
    bool found = true;

    while (found) {
        if (!ledger_next(r->store, batch, pos, sl, &found, e))
            return false;
        for (uint32_t k = 0; found && k < sl->n; k++)
            if (sl->rows[k] < r->n && r->commands[sl->rows[k]] < UINT8_MAX)
                r->commands[sl->rows[k]]++;
        pos = sl->pos + sl->span;
    }
    return true;
}

/* The batches of the incident, and the commands that this decision has had for each row. */
static bool look_back(struct rows *r, struct err *e)
{
    AUTO(mem) struct slice *sl = malloc(sizeof *sl);

    r->settled = calloc(r->n / 8 + 1, 1);
    r->commands = calloc((size_t)r->n + 1, 1);
    if (!queue_each(r->store, r->a->incident, note_batch, r, e))
        return false;
    if (r->no_memory || sl == NULL || r->settled == NULL || r->commands == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (size_t i = 0; i < r->n_batches; i++) {
        struct earlier *b = &r->batches[i];

        if (!outcome_handback(r->store, b->id, &b->handback, e) ||
            (b->same_decision && b->has_signed && !count_batch(r, b->id, sl, e)))
            return false;
    }
    return true;
}

/* --- which rows --- */

static int by_id(const void *key, const void *at)
{
    int64_t id = *(const int64_t *)key;
    const struct earlier *b = at;

    return id < b->id ? -1 : id > b->id;
}

/*
 * Devices that refused this decision's command for a reason that it will meet again (the
 * device's status code says so: reconcile) are not asked a second time, unless `hopeless`.
 * In a hand-back only what it handed back is done, not what Method 2 did before.
 */
static bool needs_none(const struct rows *r, const struct outcome *o)
{
    const struct earlier *b =
        r->n_batches == 0
            ? NULL
            : bsearch(&o->batch, r->batches, r->n_batches, sizeof *r->batches, by_id);

    if (r->all)
        return o->state == OUTCOME_EXCUSED;
    switch (o->state) {
    case OUTCOME_EXCUSED:
    case OUTCOME_UNKNOWN:
        return true;
    case OUTCOME_SUCCESS:
        return r->a->method != METHOD_HANDBACK || (b != NULL && b->handback);
    case OUTCOME_FAILED:
    case OUTCOME_PARTLY:
        return !r->hopeless && !o->retry && b != NULL && b->same_decision;
    case OUTCOME_PENDING:
    case OUTCOME_SENT:
    case OUTCOME_FAILED_ALONE:
    case OUTCOME_ACCEPTED:
    case OUTCOME_UNREACHABLE:
    case OUTCOME_STATES:
        break;
    }
    return false;
}

/* Both ascend by device. */
static bool note_outcome(void *arg, const struct outcome *o)
{
    struct rows *r = arg;
    struct roster_row row;

    if (!needs_none(r, o))
        return true;
    r->at = roster_seek(&r->roster, &o->device, r->at);
    if (r->at == r->n)
        return false;
    roster_get(&r->roster, r->at, &row);
    if (eui64_cmp(&row.device, &o->device) == 0)
        r->settled[r->at / 8] |= (uint8_t)(1u << (r->at % 8));
    return true;
}

/* A device gets no more commands than its decision allows: all rows, or nothing. */
static bool all_may(const struct rows *r, struct err *e)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < r->n; i++)
        used += r->commands[i] >= r->a->attempts;
    return used == 0 ||
           err_set(e, ERR_DENIED, "decision.attempts",
                   "%u devices have had the %u commands that decision %s allows each", used,
                   r->a->attempts, r->a->id);
}

static bool in_wave(const struct rows *r, uint32_t i)
{
    struct roster_row row;

    if (r->plan == NULL)
        return true;
    roster_get(&r->roster, i, &row);
    return waveplan_of(r->plan, &row) == r->wave;
}

/* Rows that need a command and may have another one, as a selection. */
static bool select_some(struct rows *r, const char *dir, struct span *rows, uint32_t *n,
                        struct err *e)
{
    uint32_t used = 0;
    uint8_t *list;
    bool ok;

    if (!rosters_open(dir, &r->a->roster, &r->roster, e))
        return false;
    ok = outcome_each(r->store, r->a->incident, &outcome_first, &outcome_last, note_outcome,
                      r, e);
    list = ok ? malloc((size_t)r->n * 4 + 1) : NULL;
    *n = 0;
    for (uint32_t i = 0; list != NULL && i < r->n; i++) {
        if ((r->settled[i / 8] >> (i % 8) & 1) != 0 || !in_wave(r, i))
            continue;
        if (r->commands[i] < r->a->attempts)
            put_be32(list + 4 * (size_t)(*n)++, i);
        else
            used++;
    }
    roster_done(&r->roster);
    if (list == NULL)
        return ok ? err_set(e, ERR_STORE, "store.memory", "out of memory") : false;
    if (*n == r->n) { /* all, and nothing has to be kept to say so */
        free(list);
        return true;
    }
    *rows = span_of(list, (size_t)*n * 4);
    if (*n == 0 && used > 0)
        return err_set(e, ERR_DENIED, "decision.attempts",
                       "the %u devices without success have had the %u commands that "
                       "decision %s allows each",
                       used, r->a->attempts, r->a->id);
    return true;
}

/* All rows as they stand, or a selection where somebody is excused. */
static bool select_all(struct rows *r, const char *dir, struct span *rows, uint32_t *n,
                       struct err *e)
{
    int64_t states[OUTCOME_STATES];

    r->all = true;
    return all_may(r, e) && outcome_count(r->store, r->a->incident, false, states, e) &&
           (states[OUTCOME_EXCUSED] == 0 || select_some(r, dir, rows, n, e));
}

/* How many rows the roster has that the decision names; its count is an upper bound. */
static bool roster_rows(struct store *s, const struct authority *a, uint32_t *n,
                        struct err *e)
{
    int64_t rows = 0;
    bool found;

    if (!store_number(s, &rows, &found, e,
                      "SELECT rows FROM roster WHERE incident = ?1 AND sha256 = ?2", "tb",
                      a->incident, span_of(a->roster.b, 32)))
        return false;
    *n = (uint32_t)rows;
    return found || err_set(e, ERR_DENIED, "decision.roster",
                            "decision %s names a roster that is not on file", a->id);
}

bool selection_rows(struct store *s, const char *dir, const struct authority *a,
                    const char *which, const struct waveplan *plan, uint32_t wave,
                    uint32_t *n, struct span *rows, struct err *e)
{
    struct rows r = {.store = s,
                     .a = a,
                     .plan = plan,
                     .wave = wave,
                     .hopeless = strcmp(which, "unsuccessful") == 0};
    bool ok = roster_rows(s, a, n, e);

    r.n = ok ? *n : 0;
    ok = ok && look_back(&r, e);
    if (ok && (r.hopeless || strcmp(which, "unfinished") == 0))
        ok = select_some(&r, dir, rows, n, e);
    else if (ok && strcmp(which, "all") == 0)
        ok = select_all(&r, dir, rows, n, e);
    else if (ok)
        ok = err_set(e, ERR_INPUT, "request.member",
                     "member rows: all, unfinished or unsuccessful");
    rows_done(&r);
    if (ok && *n == 0)
        ok = err_set(e, ERR_DENIED, "batch.empty", "no row of the roster is unfinished");
    return ok;
}

/* --- as a question --- */

struct question { /* and behind it the folder */
    struct digest decision;
    uint64_t stamp;
    int64_t signed_, failed;
    char which[16];
    uint32_t wave;
    bool planned;
    struct waveplan plan;
};

struct answer { /* and behind it the rows, if not all */
    uint32_t n;
    bool all;
};

static bool work(struct store *s, struct span in, struct span *out, struct err *e)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct question q;
    struct span rows = {NULL, 0};
    struct answer found = {0};
    uint8_t *octets;
    bool ok;

    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memcpy(&q, in.at, sizeof q);
    ok = docket_in_force(s, &q.decision, a, e) &&
         selection_rows(s, (const char *)in.at + sizeof q, a, q.which,
                        q.planned ? &q.plan : NULL, q.wave, &found.n, &rows, e);
    found.all = rows.at == NULL;
    octets = ok ? malloc(sizeof found + rows.len) : NULL;
    if (octets != NULL) {
        memcpy(octets, &found, sizeof found);
        if (!found.all)
            memcpy(octets + sizeof found, rows.at, rows.len);
        *out = span_of(octets, sizeof found + rows.len);
    }
    free((void *)(uintptr_t)rows.at);
    return ok && (octets != NULL || err_set(e, ERR_STORE, "store.memory", "out of memory"));
}

static const struct think_kind selecting = {.name = "the rows of a batch", .work = work};

bool selection_think(struct store *s, const char *dir, const struct authority *a,
                     const char *which, const struct waveplan *plan, uint32_t wave,
                     uint32_t *n, struct span *rows, struct err *e)
{
    uint8_t in[sizeof(struct question) + PATH_MAX];
    size_t len = strlen(dir) + 1;
    struct question q;
    struct answer found;
    struct span out;
    uint8_t *copy;

    *rows = (struct span){NULL, 0};
    assert(len <= PATH_MAX);
    memset(&q, 0, sizeof q); /* octets between members too: it is compared */
    q.decision = a->digest;
    q.stamp = store_stamp(s);
    if (!queue_totals(s, a->incident, &q.signed_, &q.failed, e))
        return false;
    (void)snprintf(q.which, sizeof q.which, "%s", which);
    q.wave = wave;
    q.planned = plan != NULL;
    if (plan != NULL)
        q.plan = *plan;
    memcpy(in, &q, sizeof q);
    memcpy(in + sizeof q, dir, len);
    if (!think(&selecting, s, span_of(in, sizeof q + len), &out, e))
        return false;
    memcpy(&found, out.at, sizeof found);
    *n = found.n;
    copy = found.all ? NULL : malloc(out.len - sizeof found + 1);
    if (copy != NULL) {
        memcpy(copy, out.at + sizeof found, out.len - sizeof found);
        *rows = span_of(copy, out.len - sizeof found);
    }
    free((void *)(uintptr_t)out.at);
    return found.all || copy != NULL ||
           err_set(e, ERR_STORE, "store.memory", "out of memory");
}
