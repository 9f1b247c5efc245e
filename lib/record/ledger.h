/* SPDX-License-Identifier: MIT
 *
 * ledger - what this house has promised and what it has released; rows are only ever added.
 *
 * A slice is up to 256 rows of one batch signed in one order: their counters follow each
 * other, so 64 octets of signature are all a row needs to be rendered again, octet for
 * octet.
 *
 * Invariant: one originator counter, at most one text. A crash may waste counters.
 * Source:    GBCS 4.3.1.5 (counters, one sequence per organisation).
 * Effects:   the store. All calls inside the caller's transaction, or reading.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "proto.h"
#include "store.h"

/* Highest counter ever reserved for originator; 0 and *found false when none was. */
MUST_CHECK bool ledger_mark(struct store *s, const struct eui64 *originator, uint64_t *mark,
                            bool *found, struct err *e);
/* Each originator that counters were reserved for. fn false: stop. */
MUST_CHECK bool ledger_each_mark(struct store *s,
                                 bool (*fn)(void *arg, const struct eui64 *originator,
                                            uint64_t mark),
                                 void *arg, struct err *e);
/*
 * Set aside n counters first..first+n-1 for batch.
 *   start  the first counter ever, where none was reserved yet (configuration)
 *
 * Errors: ERR_DENIED "ledger.counters-used-up".
 */
MUST_CHECK bool ledger_reserve(struct store *s, const struct eui64 *originator,
                               int64_t batch, uint64_t start, uint32_t n, int64_t now_us,
                               uint64_t *first, struct err *e);
/* After a ceremony: nothing up to and including `to` may be used. Never lowers. */
MUST_CHECK bool ledger_raise(struct store *s, const struct eui64 *originator, uint64_t to,
                             struct err *e);

/*
 * Does the token's mark go with the ledger?
 *
 * Errors, all ERR_DENIED: "ledger.rolled-back" the token knows more than we do: an older
 * database was restored; "ledger.token-behind" we have signatures under counters that it does
 * not know: an older copy of the token; "ledger.token-fresh" it knows none at all: a new one.
 */
MUST_CHECK bool ledger_agrees(struct store *s, const struct eui64 *originator,
                              uint64_t token_mark, struct err *e);

struct slice {
    int64_t batch;
    uint32_t pos;  /* first position in the batch */
    uint32_t span; /* positions it covers, failed ones included */
    uint32_t n;    /* signed rows, 1..PROTO_ROWS */
    uint64_t counter;
    uint32_t rows[PROTO_ROWS]; /* roster rows, ascending */
    struct sig_p256 sigs[PROTO_ROWS];
    bool has_macs;
    uint8_t macs[PROTO_ROWS][12];
};

MUST_CHECK bool ledger_put(struct store *s, const struct slice *slice, struct err *e);
/* The slice that covers the lowest position >= pos of the batch;
 * *found false at the end. */
MUST_CHECK bool ledger_next(struct store *s, int64_t batch, uint32_t pos, struct slice *out,
                            bool *found, struct err *e);
/* A row that cannot be signed; pos is its position. */
MUST_CHECK bool ledger_fail(struct store *s, int64_t batch, uint32_t pos, uint32_t row,
                            const char *rule, const char *reason, struct err *e);

/* How many of the positions first..last failed. */
MUST_CHECK bool ledger_failures(struct store *s, int64_t batch, uint32_t first,
                                uint32_t last, uint32_t *n, struct err *e);
/* Of the whole batch: how many failed by each rule, and the sentence of the first. fn false:
 * stop. */
MUST_CHECK bool ledger_failed_rules(struct store *s, int64_t batch,
                                    bool (*fn)(void *arg, const char *rule, int64_t n,
                                               const char *first),
                                    void *arg, struct err *e);
/* Those that did, ascending: the roster row, and why. fn false: stop. */
MUST_CHECK bool ledger_each_failure(struct store *s, int64_t batch, uint32_t first,
                                    uint32_t last,
                                    bool (*fn)(void *arg, uint32_t row, const char *rule,
                                               const char *reason),
                                    void *arg, struct err *e);

struct gap { /* positions first..last that neither a slice nor a failure covers */
    uint32_t first, last;
};
/* What is still to do of a batch of n_rows positions; malloc'd list, ascending. This is all
 * that a restart needs. */
MUST_CHECK bool ledger_gaps(struct store *s, int64_t batch, uint32_t n_rows,
                            struct gap **out, size_t *n, struct err *e);

#endif
