/* SPDX-License-Identifier: MIT
 *
 * sent - what was signed for which device: the batches of an incident, seen from its devices.
 *
 * The ledger knows slices of a batch and its positions, a position is a row of the version of
 * the list that the batch was made on; answers come from devices. Here is the way from a
 * device to its commands, one at a time or a page at once.
 * What is signed while this is open is seen; batches that begin later are not.
 *
 * Effects: reads the store.
 */
#ifndef SENT_H
#define SENT_H

#include "authority.h"
#include "ledger.h"
#include "lists.h"
#include "queue.h"

struct sent_batch {
    int64_t id;
    struct eui64 originator;
    struct key_id placed[CELL_COUNT]; /* key the decision puts into a cell */
    uint32_t cells;                   /* CELL_BIT of those */
    struct eui64 subscriber;          /* whose cells they are, by the decision */
    struct key_id old[CELL_COUNT];    /* key of the certificate that it calls compromised */
    uint32_t old_known;               /* CELL_BIT of those: it is among the certificates */
    struct digest decision;
    char decision_id[AUTHORITY_ID_MAX];
    bool handback;           /* it is an instruction to hand back */
    const struct list *list; /* the version that it was made on; borrowed */
    /* private */
    struct span selection; /* owned; at NULL: all rows */
    uint32_t n_rows;
    struct slice slice; /* the one last looked at */
    bool has_slice;
};

struct sent {
    struct store *store;
    const struct lists *lists;
    struct sent_batch *batches; /* begun, oldest first */
    size_t n;
    size_t cap; /* private */
};

/* lists: borrowed, the incident's. *out is filled either way (sent_close). Errors: ERR_STORE.
 */
MUST_CHECK bool sent_open(struct store *s, const char *incident, const struct lists *lists,
                          struct sent *out, struct err *e);
void sent_close(struct sent *t);
/*
 * What is going to be signed: the decision in force as a batch would have it, that no command
 * exists of. Where none is in force no cell is to be placed, and *out says whose the incident
 * is about.
 * Errors: ERR_STORE.
 */
MUST_CHECK bool sent_plan(const struct sent *t, const char *incident,
                          struct sent_batch *out, struct err *e);

/* The command that a batch signed for a device. */
struct sent_command {
    const struct sent_batch *batch;
    uint64_t counter;
    uint32_t cells; /* CELL_BIT of those that it replaces (warrant_row) */
};
/* *found false: none. */
MUST_CHECK bool sent_in(struct sent *t, struct sent_batch *b, const struct eui64 *device,
                        struct sent_command *out, bool *found, struct err *e);

/* Is there a command for the device at all? */
MUST_CHECK bool sent_any(struct sent *t, const struct eui64 *device, bool *is,
                         struct err *e);

struct sent_row {
    struct eui64 device; /* in: ascending */
    int64_t batch;       /* of the command last signed; 0: none was */
    uint64_t counter;
    char *rule, *reason; /* why the row failed alone, the last time it did; NULL: never */
};
/* Each device of the page: one walk over what the ledger has of them, however many failed.
 * sent_row_done() each, either way. Errors: ERR_STORE. */
MUST_CHECK bool sent_page(struct sent *t, struct sent_row page[], uint32_t n,
                          struct err *e);
void sent_row_done(struct sent_row *r);

#endif
