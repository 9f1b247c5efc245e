/* SPDX-License-Identifier: MIT
 *
 * sent - what was signed for which device: the batches of an incident, seen from the roster.
 *
 * The ledger knows slices of a batch and its positions; answers come from devices. Here is
 * the way from a roster row to its commands, one row at a time or a page of rows at once.
 * What is signed while this is open is seen; batches that begin later are not.
 *
 * Effects: reads the store.
 */
#ifndef SENT_H
#define SENT_H

#include "authority.h"
#include "ledger.h"
#include "queue.h"
#include "roster.h"

struct sent_batch {
    int64_t id;
    struct eui64 originator;
    struct key_id placed[CELL_COUNT]; /* key the decision puts into a cell */
    uint32_t cells;                   /* CELL_BIT of those */
    /* private */
    struct digest decision;
    struct span selection; /* owned; at NULL: all rows */
    uint32_t n_rows;
    struct slice slice; /* the one last looked at */
    bool has_slice;
};

struct sent {
    struct store *store;
    const struct roster *roster;
    struct sent_batch *batches; /* on this roster and begun, oldest first */
    size_t n;
    size_t cap; /* private */
};

/* roster: borrowed, the incident's. *out is filled either way (sent_close). Errors: ERR_STORE.
 */
MUST_CHECK bool sent_open(struct store *s, const char *incident,
                          const struct roster *roster, struct sent *out, struct err *e);
void sent_close(struct sent *t);

/* The counter of the command that this batch signed for the row; *found false: none. */
MUST_CHECK bool sent_in(struct sent *t, struct sent_batch *b, uint32_t row,
                        uint64_t *counter, bool *found, struct err *e);
/* The cells that the batch's command for this device replaces (warrant_row). */
uint32_t sent_cells(const struct sent_batch *b, const struct roster_row *row);

struct sent_row {
    int64_t batch; /* of the command last signed; 0: none was */
    uint64_t counter;
    char *rule, *reason; /* why the row failed alone, the last time it did; NULL: never */
};
/* Rows first..first+n-1 of the roster: one walk over what the ledger has of them, however
 * many failed. sent_row_done() each, either way. Errors: ERR_STORE. */
MUST_CHECK bool sent_page(struct sent *t, uint32_t first, uint32_t n, struct sent_row out[],
                          struct err *e);
void sent_row_done(struct sent_row *r);

#endif
