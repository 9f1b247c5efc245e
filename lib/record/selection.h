/* SPDX-License-Identifier: MIT
 *
 * selection - the rows of a roster that a new batch is about.
 *
 * Invariant: under one decision a device gets no more commands than the decision allows
 * ("attempts"), however many batches are asked for.
 *
 * Source:    SEC L10.9; the number is the decision's.
 * Effects: reads the store and a roster file.
 */
#ifndef SELECTION_H
#define SELECTION_H

#include "authority.h"
#include "store.h"
#include "waveplan.h"

/*
 *   dir    of the rosters
 *   which  "all"           but who is excused by name
 *          "unsuccessful"  without success, and with an attempt left
 *          "unfinished"    of those, not the ones whose status code says that the command
 *                          of this decision would fail again
 *   plan   with "unfinished": of those, the ones of wave `wave` alone; NULL: of all waves
 *   n      out: how many rows
 *   rows   out: their numbers, as queue_put() wants them; at NULL: all. Caller frees, also
 *          when it was refused
 *
 * Errors: ERR_DENIED "decision.attempts", "decision.roster", "batch.empty"; ERR_INPUT
 * "request.member"; ERR_STORE.
 */
MUST_CHECK bool selection_rows(struct store *s, const char *dir, const struct authority *a,
                               const char *which, const struct waveplan *plan,
                               uint32_t wave, uint32_t *n, struct span *rows,
                               struct err *e);

/* The same as a question (think.h): for whoever can give up what he is doing. What this
 * transaction has changed so far is not seen. */
MUST_CHECK bool selection_think(struct store *s, const char *dir, const struct authority *a,
                                const char *which, const struct waveplan *plan,
                                uint32_t wave, uint32_t *n, struct span *rows,
                                struct err *e);

#endif
