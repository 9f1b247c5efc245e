/* SPDX-License-Identifier: MIT
 *
 * watermark - the highest originator counter that may have been used, kept in the token.
 *
 * A database can be restored from yesterday's copy; the token is not restored with it. So
 * whoever reserves counters raises the mark first, and a run at or below it is refused.
 * Beside it stands, for each decision, what was drawn under it (lease.h), so that a copy of
 * the signers' files from yesterday is told from the real one. Numbers of p11_number.h:
 *   "originator-counter <EUI-64>"  the mark; the check covers the EUI-64
 *   "decision-count <SHA-256>"     how often the count changed, and the signatures drawn;
 *                                  the check covers the digest. Under the digest of an
 *                                  authority that has ended: LEASE_ENDED
 *
 * Source:  GBCS 4.3.1.5 (a counter is never used twice), SEC L10.9.
 * Effects: the token.
 */
#ifndef WATERMARK_H
#define WATERMARK_H

#include "session.h"

/* No object: 0. Errors here and below: those of p11_number_get. */
MUST_CHECK bool watermark_get(struct session *s, const struct eui64 *originator,
                              uint64_t *mark, struct err *e);
/* Claim first..last: ERR_DENIED "token.counter-mark" when first is not above the mark, or
 * another machine was at it. On return the mark is last, read back from the token. */
MUST_CHECK bool watermark_raise(struct session *s, const struct eui64 *originator,
                                uint64_t first, uint64_t last, struct err *e);

/* token.h, count_get and count_set. */
MUST_CHECK bool watermark_count_get(struct session *s, const struct digest *decision,
                                    uint64_t *step, uint64_t *drawn, struct err *e);
MUST_CHECK bool watermark_count_set(struct session *s, const struct digest *decision,
                                    uint64_t from, uint64_t drawn, struct err *e);

#endif
