/* SPDX-License-Identifier: MIT
 *
 * cells - what is known of each cell of a device, as its outcome keeps it:
 *
 *   {"supplier-ds": {"status":0, "old_party":..., "old_key":..., "new_party":..., "new_key":...,
 *                    "held":"expected", "owed":"D-2"}, "note":"...", "by":"uid 1000"}
 *
 * A cell has what the device last said of it; "held" is who held it before, where that is
 * known (held.h), "owed" the decision that asks more of it than was done. "note" and "by" are
 * a word of a person about the device. What one command says of its cells leaves those of
 * another as they are. A cell is open where its status is not 0, or it has
 * none (it held what was placed there, and does not any more), or something is owed.
 *
 * Texts are malloc'd; NULL: out of memory, or what was said is not UTF-8.
 * Effects: none.
 */
#ifndef CELLS_H
#define CELLS_H

#include "outcome.h"
#include "response.h"
#include "sent.h"

/* Of cells that are kept: one is open, one was replaced. */
struct cells_kept {
    bool open, replaced;
};
/*
 * An answer to a command.
 *   row     the device
 *   before  what is kept so far, of which cells that the command does not name stay; NULL:
 *           nothing is
 *   kept    out: of those that stay
 *   held    out: the worst of the cells that the answer names
 */
char *cells_answered(const struct sent *t, const struct sent_command *to,
                     const struct roster_row *row, const struct response *resp,
                     const char *before, struct cells_kept *kept, enum outcome_held *held);
/*
 * A word about the device.
 *   before  what is kept so far; NULL: nothing
 *   told    NULL, or which keys the device shows to lie in which cells
 *   who     says so; NULL: the device itself
 *   left    out: a cell is open all the same
 */
struct cells_told {
    uint32_t cells; /* CELL_BIT of those */
    struct key_id key[CELL_COUNT];
};
char *cells_noted(const char *before, const struct cells_told *told, const char *note,
                  const char *who, bool *left);
/* A report (CS02a) of a device says of the cells in `before` what lies there now: what a command
 * of ours placed, status 0; another key than it was, no status. */
char *cells_reported(const struct sent *t, const char *before,
                     const struct payload_report *report);
/* Of the cells `want` those that do not hold key[] by the device's word. */
uint32_t cells_left(const char *cells, uint32_t want, const struct key_id key[CELL_COUNT]);
/* Those cells are asked for by a decision. */
char *cells_owed(const char *before, uint32_t cells, const char *decision);

#endif
