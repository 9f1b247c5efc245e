/* SPDX-License-Identifier: MIT
 *
 * raising - a counter mark that two people raise: what it costs, and who has asked.
 *
 * After a database was restored the ledger does not know which counters were used; the mark
 * is raised over all that may have been. Every counter left out that way is gone for good,
 * on every device: so it is bounded, both people name what it costs as it was shown to them,
 * and what was asked for and not confirmed in time is asked for again. One request at a time
 * for an originator; a new one takes the place of the old.
 *
 * Decided here: at most 2^32 counters at a time, a hundred recoveries of every meter in the
 * country; the ledger's sequence has 2^63 - 1.
 * Source:  GBCS 4.3.1.5 (one sequence per organisation). Effects: the store.
 */
#ifndef RAISING_H
#define RAISING_H

#include "bytes.h"
#include "store.h"

#define RAISING_MAX  (UINT64_C(1) << 32)
#define RAISING_TEXT 256

struct raising_cost {
    uint64_t
        from; /* the highest counter that was set aside; before the first one: Start= - 1 */
    uint64_t to;    /* what it is to be */
    uint64_t lost;  /* counters that nobody will ever use */
    uint64_t left;  /* counters above */
    double percent; /* of the whole sequence, lost */
};

struct raising {
    uint64_t to;
    char ceremony[RAISING_TEXT], asked_by[RAISING_TEXT];
    int64_t asked_us;
};

/*
 * What it costs to raise the mark to that counter now.
 *   start  the first counter ever, 0: not configured
 *
 * Errors: ERR_DENIED "ledger.raise" no higher than the mark, "ledger.raise-distance".
 */
MUST_CHECK bool raising_cost(struct store *s, const struct eui64 *originator,
                             uint64_t start, uint64_t to, struct raising_cost *out,
                             struct err *e);
/* Somebody was shown that many lost counters: is it what it costs? ERR_DENIED
 * "ledger.raise-cost". */
MUST_CHECK bool raising_agreed(const struct raising_cost *c, uint64_t lost, struct err *e);
MUST_CHECK bool raising_ask(struct store *s, const struct eui64 *originator,
                            const struct raising *r, struct err *e);
/* What waits for a second person since after_us or later; to 0: nothing does. */
MUST_CHECK bool raising_waits(struct store *s, const struct eui64 *originator,
                              int64_t after_us, struct raising *out, struct err *e);
/* The second person agrees: the mark is raised, nothing waits. */
MUST_CHECK bool raising_do(struct store *s, const struct eui64 *originator, uint64_t to,
                           struct err *e);

#endif
