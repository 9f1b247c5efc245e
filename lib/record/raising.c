/* SPDX-License-Identifier: MIT */
#include "raising.h"

#include "ledger.h"

#include <inttypes.h>

bool raising_cost(struct store *s, const struct eui64 *originator, uint64_t start,
                  uint64_t to, struct raising_cost *out, struct err *e)
{
    uint64_t mark;
    bool found;

    if (!ledger_mark(s, originator, &mark, &found, e))
        return false;
    if (!found && start > 0)
        mark = start - 1;
    if (to <= mark || to > INT64_MAX)
        return err_set(e, ERR_DENIED, "ledger.raise",
                       "counters are reserved up to %" PRIu64
                       ": a mark is only ever raised, to 2^63 - 1 at most",
                       mark);
    if (to - mark > RAISING_MAX)
        return err_set(e, ERR_DENIED, "ledger.raise-distance",
                       "%" PRIu64 " counters would be lost; at most %" PRIu64 " at a time",
                       to - mark, RAISING_MAX);
    *out = (struct raising_cost){
        .from = mark, .to = to, .lost = to - mark, .left = (uint64_t)INT64_MAX - to};
    out->percent = 100.0 * (double)out->lost / (double)INT64_MAX;
    return true;
}

bool raising_agreed(const struct raising_cost *c, uint64_t lost, struct err *e)
{
    return lost == c->lost || err_set(e, ERR_DENIED, "ledger.raise-cost",
                                      "from %" PRIu64 " to %" PRIu64 " it costs %" PRIu64
                                      " counters now, not %" PRIu64,
                                      c->from, c->to, c->lost, lost);
}

bool raising_ask(struct store *s, const struct eui64 *originator, const struct raising *r,
                 struct err *e)
{
    return store_run(s, e,
                     "INSERT OR REPLACE INTO raising (originator, last, ceremony, asked_by,"
                     " asked_us) VALUES (?1, ?2, ?3, ?4, ?5)",
                     "bitti", eui64_span(originator), (int64_t)r->to, r->ceremony,
                     r->asked_by, r->asked_us);
}

static bool take(void *arg, const struct store_row *row)
{
    struct raising *r = arg;

    r->to = (uint64_t)store_i64(row, 0);
    store_copy(row, 1, r->ceremony, sizeof r->ceremony);
    store_copy(row, 2, r->asked_by, sizeof r->asked_by);
    r->asked_us = store_i64(row, 3);
    return false;
}

bool raising_waits(struct store *s, const struct eui64 *originator, int64_t after_us,
                   struct raising *out, struct err *e)
{
    *out = (struct raising){0};
    return store_each(s, take, out, e,
                      "SELECT last, ceremony, asked_by, asked_us FROM raising"
                      " WHERE originator = ?1 AND asked_us >= ?2",
                      "bi", eui64_span(originator), after_us);
}

bool raising_do(struct store *s, const struct eui64 *originator, uint64_t to, struct err *e)
{
    return ledger_raise(s, originator, to, e) &&
           store_run(s, e, "DELETE FROM raising WHERE originator = ?1", "b",
                     eui64_span(originator));
}
