/* SPDX-License-Identifier: MIT
 *
 * matter - who wears which hat in the matter of one decision, by the papers and batches that
 * are on file.
 *
 * The papers are judged again, now: a signer whose certificate has ended since counts no
 * more, and the refusal is the one that the signer would give.
 *
 * Source:  SEC L10.9; SEC Appendix L 3 (who decides, activates, operates).
 * Effects: reads the store. Time is a parameter.
 */
#ifndef MATTER_H
#define MATTER_H

#include "people.h"
#include "store.h"
#include "trust.h"

/* Put on the hats that the decision of that digest and its activation, while it
 * stands, give.
 * Errors: those of trust_judge; ERR_MISSING "decision.none"; ERR_STORE. */
MUST_CHECK bool matter_papers(struct store *s, const struct trust *t,
                              const struct digest *decision, int64_t now_us,
                              struct people *m, struct err *e);
/* Everybody who asked for or confirmed a batch under it, as queue.h keeps them. */
MUST_CHECK bool matter_operators(struct store *s, const struct digest *decision,
                                 void (*fn)(void *arg, const char *who), void *arg,
                                 struct err *e);

#endif
