/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Slices and failures of a batch lie side by side under one integer key, in order. */
static int64_t key_of(int64_t batch, uint32_t pos)
{
    return batch * ((int64_t)1 << 32) + pos;
}

bool ledger_mark(struct store *s, const struct eui64 *originator, uint64_t *mark,
                 bool *found, struct err *e)
{
    int64_t last = 0;

    if (!store_number(s, &last, found, e, "SELECT last FROM mark WHERE originator = ?1",
                      "b", eui64_span(originator)))
        return false;
    *mark = (uint64_t)last;
    return true;
}

struct marks {
    bool (*fn)(void *arg, const struct eui64 *originator, uint64_t mark);
    void *arg;
};

static bool take_mark(void *arg, const struct store_row *r)
{
    const struct marks *m = arg;
    struct eui64 originator = {{0}};

    if (store_blob(r, 0).len == sizeof originator.b)
        memcpy(originator.b, store_blob(r, 0).at, sizeof originator.b);
    return m->fn(m->arg, &originator, (uint64_t)store_i64(r, 1));
}

bool ledger_each_mark(struct store *s,
                      bool (*fn)(void *arg, const struct eui64 *originator, uint64_t mark),
                      void *arg, struct err *e)
{
    struct marks m = {fn, arg};

    return store_each(s, take_mark, &m, e, "SELECT originator, last FROM mark", "");
}

static bool set_mark(struct store *s, const struct eui64 *originator, uint64_t last,
                     struct err *e)
{
    return store_run(
        s, e,
        "INSERT INTO mark (originator, last) VALUES (?1, ?2)"
        " ON CONFLICT (originator) DO UPDATE SET last = max(last, excluded.last)",
        "bi", eui64_span(originator), (int64_t)last);
}

bool ledger_reserve(struct store *s, const struct eui64 *originator, int64_t batch,
                    uint64_t start, uint32_t n, int64_t now_us, uint64_t *first,
                    struct err *e)
{
    uint64_t mark;
    uint64_t from;
    bool found;

    assert(n > 0);
    if (!ledger_mark(s, originator, &mark, &found, e))
        return false;
    from = found && mark + 1 > start ? mark + 1 : start;
    if (from > (uint64_t)INT64_MAX - n)
        return err_set(e, ERR_DENIED, "ledger.counters-used-up",
                       "no run of %u counters is left above %llu", n,
                       (unsigned long long)mark);
    if (!set_mark(s, originator, from + n - 1, e) ||
        !store_run(s, e,
                   "INSERT INTO lease (first, last, originator, batch, at_us)"
                   " VALUES (?1, ?2, ?3, ?4, ?5)",
                   "iibii", (int64_t)from, (int64_t)(from + n - 1), eui64_span(originator),
                   batch, now_us))
        return false;
    *first = from;
    return true;
}

bool ledger_raise(struct store *s, const struct eui64 *originator, uint64_t to,
                  struct err *e)
{
    if (to > INT64_MAX)
        return err_set(e, ERR_INPUT, "ledger.counters-used-up", "%llu is no counter",
                       (unsigned long long)to);
    return set_mark(s, originator, to, e);
}

/* Is there a signature under a counter above that? Looks only at batches that counters above it
 * were set aside for, which is none as a rule. */
static bool used_above(struct store *s, const struct eui64 *originator, uint64_t counter,
                       bool *used, struct err *e)
{
    int64_t ignored = 0;

    return store_number(s, &ignored, used, e,
                        "SELECT 1 FROM lease WHERE originator = ?1 AND last > ?2"
                        " AND EXISTS (SELECT 1 FROM slice WHERE slice.id BETWEEN"
                        " lease.batch << 32 AND (lease.batch << 32) + 4294967295"
                        " AND slice.counter + slice.n - 1 > ?2) LIMIT 1",
                        "bi", eui64_span(originator), (int64_t)counter);
}

bool ledger_agrees(struct store *s, const struct eui64 *originator, uint64_t token_mark,
                   struct err *e)
{
    uint64_t mark;
    bool found;

    if (!ledger_mark(s, originator, &mark, &found, e))
        return false;
    if (token_mark > mark)
        return err_set(
            e, ERR_DENIED, "ledger.rolled-back",
            "the token has seen counters up to %llu, the ledger only up to %llu: an "
            "older database was restored, or another service uses this token",
            (unsigned long long)token_mark, (unsigned long long)mark);
    if (!used_above(s, originator, token_mark, &found, e))
        return false;
    if (found && token_mark == 0)
        return err_set(e, ERR_DENIED, "ledger.token-fresh",
                       "the token has no counter mark, the ledger holds signatures under "
                       "counters up to %llu at most: this is a fresh token",
                       (unsigned long long)mark);
    return !found ||
           err_set(e, ERR_DENIED, "ledger.token-behind",
                   "the token has seen counters up to %llu, the ledger holds signatures "
                   "under higher ones, up to %llu at most: this is another token, or an "
                   "older copy of it",
                   (unsigned long long)token_mark, (unsigned long long)mark);
}

static bool in_a_row(const struct slice *sl)
{
    return sl->rows[sl->n - 1] - sl->rows[0] == sl->n - 1;
}

bool ledger_put(struct store *s, const struct slice *sl, struct err *e)
{
    uint8_t rows[4 * (PROTO_ROWS + 1)];
    struct span rows_span = {NULL, 0};

    assert(sl->n >= 1 && sl->n <= PROTO_ROWS && sl->span >= sl->n);
    /* rows in a row need only the first */
    put_be32(rows, sl->rows[0]);
    rows_span = span_of(rows, 4);
    if (!in_a_row(sl)) {
        for (size_t i = 0; i < sl->n; i++)
            put_be32(rows + 4 * i, sl->rows[i]);
        rows_span.len = 4 * (size_t)sl->n;
    }
    return store_run(s, e,
                     "INSERT INTO slice (id, span, n, counter, rows, sigs, macs)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     "iiiibbb", key_of(sl->batch, sl->pos), (int64_t)sl->span,
                     (int64_t)sl->n, (int64_t)sl->counter, rows_span,
                     span_of(sl->sigs, sl->n * sizeof sl->sigs[0]),
                     sl->has_macs ? span_of(sl->macs, sl->n * sizeof sl->macs[0])
                                  : (struct span){NULL, 0});
}

struct found_slice {
    struct slice *out;
    bool found;
    bool bad;
};

static bool read_slice(void *arg, const struct store_row *row)
{
    struct found_slice *f = arg;
    struct slice *sl = f->out;
    struct span rows = store_blob(row, 4);
    struct span sigs = store_blob(row, 5);
    struct span macs = store_blob(row, 6);
    int64_t n = store_i64(row, 2);

    sl->pos = (uint32_t)(store_i64(row, 0) & 0xFFFFFFFF);
    sl->span = (uint32_t)store_i64(row, 1);
    sl->counter = (uint64_t)store_i64(row, 3);
    f->bad = n < 1 || n > PROTO_ROWS || sigs.len != (size_t)n * sizeof sl->sigs[0] ||
             rows.len < 4 || (rows.len != 4 && rows.len != 4 * (size_t)n);
    if (f->bad)
        return false;
    sl->n = (uint32_t)n;
    for (uint32_t i = 0; i < sl->n; i++)
        sl->rows[i] =
            rows.len == 4 ? get_be32(rows.at) + i : get_be32(rows.at + (size_t)4 * i);
    memcpy(sl->sigs, sigs.at, sigs.len);
    sl->has_macs = macs.len == (size_t)n * sizeof sl->macs[0];
    if (sl->has_macs)
        memcpy(sl->macs, macs.at, macs.len);
    f->found = true;
    return false;
}

bool ledger_next(struct store *s, int64_t batch, uint32_t pos, struct slice *out,
                 bool *found, struct err *e)
{
    struct found_slice f = {out, false, false};

    out->batch = batch;
    /* the slice that begins at or before pos may still cover it */
    if (!store_each(s, read_slice, &f, e,
                    "SELECT id, span, n, counter, rows, sigs, macs FROM slice"
                    " WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
                    "ii", key_of(batch, 0), key_of(batch, pos)))
        return false;
    if (f.found && pos >= (uint64_t)out->pos + out->span)
        f.found = false;
    if (!f.found && !f.bad &&
        !store_each(s, read_slice, &f, e,
                    "SELECT id, span, n, counter, rows, sigs, macs FROM slice"
                    " WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT 1",
                    "ii", key_of(batch, pos), key_of(batch, UINT32_MAX)))
        return false;
    if (f.bad)
        return err_set(e, ERR_STORE, "store.failed", "batch %lld: a slice has a wrong form",
                       (long long)batch);
    *found = f.found;
    return true;
}

bool ledger_fail(struct store *s, int64_t batch, uint32_t pos, uint32_t row,
                 const char *rule, const char *reason, struct err *e)
{
    return store_run(
        s, e, "INSERT INTO failed_row (id, row, rule, reason) VALUES (?1, ?2, ?3, ?4)",
        "iitt", key_of(batch, pos), (int64_t)row, rule, reason);
}

bool ledger_failures(struct store *s, int64_t batch, uint32_t first, uint32_t last,
                     uint32_t *n, struct err *e)
{
    int64_t found_n = 0;
    bool found;

    if (!store_number(s, &found_n, &found, e,
                      "SELECT count(*) FROM failed_row WHERE id BETWEEN ?1 AND ?2", "ii",
                      key_of(batch, first), key_of(batch, last)))
        return false;
    *n = (uint32_t)found_n;
    return true;
}

struct failures {
    bool (*fn)(void *arg, uint32_t row, const char *rule, const char *reason);
    void *arg;
};

static bool take_failure(void *arg, const struct store_row *row)
{
    struct failures *f = arg;

    return f->fn(f->arg, (uint32_t)store_i64(row, 0), store_text(row, 1),
                 store_text(row, 2));
}

bool ledger_each_failure(struct store *s, int64_t batch, uint32_t first, uint32_t last,
                         bool (*fn)(void *arg, uint32_t row, const char *rule,
                                    const char *reason),
                         void *arg, struct err *e)
{
    struct failures f = {fn, arg};

    return store_each(s, take_failure, &f, e,
                      "SELECT row, rule, reason FROM failed_row WHERE id BETWEEN ?1 AND ?2"
                      " ORDER BY id",
                      "ii", key_of(batch, first), key_of(batch, last));
}

struct failed_rules {
    bool (*fn)(void *arg, const char *rule, int64_t n, const char *first);
    void *arg;
};

static bool take_rule(void *arg, const struct store_row *row)
{
    struct failed_rules *f = arg;

    return f->fn(f->arg, store_text(row, 0), store_i64(row, 1), store_text(row, 2));
}

bool ledger_failed_rules(struct store *s, int64_t batch,
                         bool (*fn)(void *arg, const char *rule, int64_t n,
                                    const char *first),
                         void *arg, struct err *e)
{
    struct failed_rules f = {fn, arg};

    /* a bare column beside min() is of the row that has it */
    return store_each(s, take_rule, &f, e,
                      "SELECT rule, count(*), reason, min(id) FROM failed_row"
                      " WHERE id BETWEEN ?1 AND ?2 GROUP BY rule ORDER BY rule",
                      "ii", key_of(batch, 0), key_of(batch, UINT32_MAX));
}

struct gaps {
    struct gap *at;
    size_t n, cap;
    uint64_t next; /* first position not yet accounted for */
    bool no_memory;
};

static void gap_until(struct gaps *g, uint64_t end)
{
    if (g->next >= end)
        return;
    if (g->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 64;
        struct gap *more = reallocarray(g->at, cap, sizeof *more);

        if (more == NULL) {
            g->no_memory = true;
            return;
        }
        g->at = more;
        g->cap = cap;
    }
    g->at[g->n++] = (struct gap){(uint32_t)g->next, (uint32_t)(end - 1)};
}

static bool account(void *arg, const struct store_row *row)
{
    struct gaps *g = arg;
    uint64_t pos = (uint64_t)store_i64(row, 0) & 0xFFFFFFFF;
    uint64_t end = pos + (uint64_t)store_i64(row, 1);

    gap_until(g, pos);
    if (end > g->next)
        g->next = end;
    return !g->no_memory;
}

bool ledger_gaps(struct store *s, int64_t batch, uint32_t n_rows, struct gap **out,
                 size_t *n, struct err *e)
{
    struct gaps g = {0};
    bool ok =
        store_each(s, account, &g, e,
                   "SELECT id, span FROM (SELECT id, span FROM slice"
                   " WHERE id BETWEEN ?1 AND ?2 UNION ALL SELECT id, 1 FROM failed_row"
                   " WHERE id BETWEEN ?1 AND ?2) ORDER BY id, span",
                   "ii", key_of(batch, 0), key_of(batch, UINT32_MAX));

    gap_until(&g, n_rows);
    if (ok && g.no_memory)
        ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!ok) {
        free(g.at);
        return false;
    }
    *out = g.at;
    *n = g.n;
    return true;
}
