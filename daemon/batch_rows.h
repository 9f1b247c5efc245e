/* SPDX-License-Identifier: MIT
 *
 * batch_rows - the rows of a roster that a new batch is about.
 *
 * Invariant: under one decision a device gets no more commands than the decision allows
 *            ("attempts"), however many batches are asked for.
 * Source:    SEC L10.9; the number is the decision's.
 * Effects:   reads the store.
 */
#ifndef BATCH_ROWS_H
#define BATCH_ROWS_H

#include "service.h"

#include "authority.h"

/*
 *   which      "all"
 *              "unsuccessful": without success and with an attempt left
 *              "unfinished": of those, not the ones whose status code says that the command
 *              of this decision would fail again
 *   n          out: how many rows
 *   selection  out: their numbers, as queue_put() wants them; at NULL: all. Caller frees
 *
 * Errors: ERR_DENIED "decision.attempts", "decision.roster", "batch.empty"; ERR_INPUT
 * "request.member"; ERR_STORE.
 */
MUST_CHECK bool batch_rows(struct service *sv, const struct authority *a, const char *which,
                           uint32_t *n, struct span *selection, struct err *e);

#endif
