/* SPDX-License-Identifier: MIT
 *
 * watermark - the highest originator counter that may have been used, kept in the token.
 *
 * A database can be restored from yesterday's copy; the token is not restored with it. So
 * whoever reserves counters raises the mark first, and a run at or below it is refused.
 *
 * One private data object per EUI-64:
 *   CKA_APPLICATION  "smki-recovery"
 *   CKA_LABEL        "originator-counter <EUI-64>"
 *   CKA_VALUE        16 octets: the mark, and 8 octets of SHA-256 over mark and EUI-64 as a
 *                    check
 * It is never overwritten: the new object is made, read back, and then the old ones are
 * destroyed, so that a crash at any moment leaves a whole one; the highest whole one
 * counts. Works across processes, under the token's lock.
 *
 * Source:  GBCS 4.3.1.5 (a counter is never used twice).
 * Effects: the token.
 */
#ifndef WATERMARK_H
#define WATERMARK_H

#include "session.h"

/* No object: 0.
 * Errors: those of p11_error; ERR_TOKEN "token.counter-mark-bad" objects, but no whole one;
 *         ERR_STORE "token.state". */
MUST_CHECK bool watermark_get(struct session *s, const struct eui64 *originator,
                              uint64_t *mark, struct err *e);
/* Claim first..last: ERR_DENIED "token.counter-mark" when first is not above the mark. On
 * return the mark is last, read back from the token. */
MUST_CHECK bool watermark_raise(struct session *s, const struct eui64 *originator,
                                uint64_t first, uint64_t last, struct err *e);

#endif
