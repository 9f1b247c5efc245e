/* SPDX-License-Identifier: MIT
 *
 * lease - what one signer may sign next under one decision: a run of counters, each used
 * once, and a number of signatures drawn for it in the token.
 *
 * The token counts, for each decision, the signatures that signers of all machines have
 * drawn; a signer draws with each run that it reserves and gives back what it did not sign
 * when the run ends. So the token's number is what was signed, and what signers were about
 * to sign when they died. It stays below spent_ceiling, whatever becomes of files. Each
 * change is a step of spent.h, so that a count from before it fits no more.
 *
 * An authority that has ended is marked in the token too, in the same place: everything that
 * could ever be drawn under it is drawn (LEASE_ENDED). So a signer that was never told, with
 * a folder that remembers nothing, on another machine, finds it there.
 *
 * Source:  GBCS 4.3.1.5 (counters), SEC L10.9.
 * Effects: the token, the file of spent.h.
 */
#ifndef LEASE_H
#define LEASE_H

#include "spent.h"
#include "token.h"

#define LEASE_ENDED UINT64_MAX /* drawn, in the token: a decision or activation is over */

struct lease {
    struct token *token; /* borrowed */
    struct digest decision;
    struct spent *spent; /* NULL: not open */
    uint32_t rows;
    uint64_t next, last; /* what is left of the reserved run; next > last: nothing */
    uint64_t left;       /* signatures drawn and not made */
};

/* Nothing open. */
void lease_none(struct lease *l);
/* Find what was signed under this decision. Errors: those of spent_open and the token;
 * "signer.count-lost" when the two do not agree. */
MUST_CHECK bool lease_open(struct lease *l, struct token *token, const char *dir,
                           const struct spent_paper *p, struct err *e);
/* Give back what was drawn and not signed, where the token still answers; close. */
void lease_close(struct lease *l);

/* Reserve counters first..last in the token, in place of the run before, and draw one
 * signature for each, at most one for each row. ERR_DENIED "token.counter-mark";
 * "signer.spent" when all that a decision can come to is drawn; "signer.count-lost". */
MUST_CHECK bool lease_reserve(struct lease *l, const struct eui64 *originator,
                              uint64_t first, uint64_t last, struct err *e);
/* Take counters first..first+n-1 out of the run and count the rows. ERR_DENIED
 * "signer.counter", "signer.attempts". */
MUST_CHECK bool lease_spend(struct lease *l, uint64_t first, const uint32_t rows[],
                            uint32_t n, struct err *e);
/* Of those: rows from `done` on were not signed, or their signatures do not leave; counters
 * from first + used on were used for nothing, and are back in the run, unless some behind them
 * were taken meanwhile. */
MUST_CHECK bool lease_unsigned(struct lease *l, uint64_t first, const uint32_t rows[],
                               uint32_t n, uint32_t done, uint32_t used, struct err *e);

/* Mark in the token that this decision or activation has ended, for ever; marked already is
 * no error. Errors: the token's; ERR_DENIED "signer.count-lost": others change it without a
 * pause. */
MUST_CHECK bool lease_end(struct token *token, const struct digest *document,
                          struct err *e);
MUST_CHECK bool lease_has_ended(struct token *token, const struct digest *document,
                                bool *ended, struct err *e);

#endif
