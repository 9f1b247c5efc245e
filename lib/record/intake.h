/* SPDX-License-Identifier: MIT
 *
 * intake - one upload of answers: each line judged, what became of them counted, and one
 * record of it all in the audit chain.
 *
 * An upload comes in pieces, and each piece is a transaction of its own, so that the service
 * goes on between them. The record is written once, by the last of them; until then the
 * figures lie in a row of their own, written with every piece. Where a crash came between,
 * the next start makes the record out of that row: what counts is on record, always.
 *
 * Source:  SEC Appendix L 4.2.3 (reconciliation, INFERRED).
 * Effects: the store, inside the caller's transaction.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "config.h"
#include "reconcile.h"

#include <jansson.h>

/* Hexadecimal digits of the longest message. A longer line is no message, however long. */
#define INTAKE_LINE_MAX ((size_t)2 * 65536)

struct intake; /* opaque */

/*
 * Begin; writes nothing yet.
 *   c      borrowed, for notices (outbox.h); may be NULL
 *   lists  borrowed, the incident's
 *   actor   who hands it in, as the audit chain says it; copied
 * Errors: ERR_STORE.
 */
MUST_CHECK bool intake_open(struct store *s, const struct config *c, const char *incident,
                            const struct lists *lists, const char *actor,
                            struct intake **out, struct err *e);
/* Who does the same for many: fn(x, k) for each k below n, perhaps in several threads, and goes
 * on when all is done. To ask the devices' keys is the dearest thing about answers. */
typedef void (*intake_each)(void *arg, size_t n, void (*fn)(void *x, size_t k), void *x);
/* Take the whole lines of a text in; *used is how many octets they are. What follows the
 * last newline is left. Errors: ERR_STORE. */
MUST_CHECK bool intake_text(struct intake *i, const char *text, size_t len, int64_t now_us,
                            intake_each each, void *arg, size_t *used, struct err *e);
/* Take one line in, without its newline. An empty one counts as a line and no more.
 * Errors: ERR_STORE. */
MUST_CHECK bool intake_line(struct intake *i, const char *line, size_t len, int64_t now_us,
                            struct err *e);
/* Before a commit that is not the last: the figures so far. Errors: ERR_STORE. */
MUST_CHECK bool intake_note(struct intake *i, struct err *e);
/* Before the last commit: the record RESPONSES_TAKEN. An upload of which nothing came and
 * that broke off leaves none.
 *   whole  it came to its end
 * Errors: ERR_STORE. */
MUST_CHECK bool intake_end(struct intake *i, bool whole, int64_t now_us, struct err *e);
void intake_close(struct intake *i);

/* {"lines", one member for each verdict, "unfit": how many do not fit (reconcile.h),
 * "set_aside": {rule: how many}, "held_before": {who held the cells, by its name in
 * outcome.h: devices}}; borrowed. */
json_t *intake_figures(struct intake *i);

/* At the start of the service: records for uploads that a crash has cut off. */
MUST_CHECK bool intake_left(struct store *s, const struct config *c, int64_t now_us,
                            struct err *e);

#endif
