/* SPDX-License-Identifier: MIT
 *
 * outcome - what became of each device of an incident: one row each, once something is known.
 *
 * States have one enum, one table of names, and one module that writes them into the
 * database and reads them back. What stands there and is no name of a state (a database of
 * a newer program, a damaged one) is an error, never a state that nobody asks for.
 *
 * Source:  GBCS 13.3.4, 13.3.5; SEC Appendix L 4.2.3 (reconciliation, INFERRED).
 * Effects: the store. Calls inside the caller's transaction, or reading.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "gbcs.h"
#include "store.h"

enum outcome_state {
    /* these follow from the ledger, and have no row */
    OUTCOME_PENDING,      /* not signed yet                                        */
    OUTCOME_SENT,         /* signed, and not answered                              */
    OUTCOME_FAILED_ALONE, /* could not be signed: the row failed, its batch did not */
    /* and these have one */
    OUTCOME_ACCEPTED,    /* future-dated, stored by the device, not executed yet   */
    OUTCOME_SUCCESS,     /* every cell replaced                                    */
    OUTCOME_PARTLY,      /* some cells replaced                                    */
    OUTCOME_FAILED,      /* no cell replaced                                       */
    OUTCOME_UNREACHABLE, /* given up for now: an operator said so                  */
    OUTCOME_UNKNOWN,     /* signed, fate unclear: the device has to be asked       */
    OUTCOME_EXCUSED,     /* on the exception list                                  */
    OUTCOME_STATES,
};

struct outcome {
    uint32_t row; /* of the roster */
    enum device_type type;
    enum outcome_state state; /* one that has a row */
    int64_t batch;            /* of the command that the answer is to; 0: none */
    uint64_t counter;         /* likewise */
    int64_t attempts;         /* commands answered */
    bool retry;               /* the same command may succeed later */
    int64_t at_us;
    const char *cells; /* JSON object, borrowed: cell -> what it holds now; or "note" */
};

const char *outcome_state_name(enum outcome_state s);
/* The state of that name, if it is one that has a row. */
MUST_CHECK bool outcome_state_find(const char *name, enum outcome_state *out);

/* Write the device's row, in place of the one before. Errors: ERR_STORE. */
MUST_CHECK bool outcome_put(struct store *s, const char *incident, const struct outcome *o,
                            struct err *e);
/* The device's row; *found false when there is none, then *out is all zero but for the row.
 * cells is not read (NULL). Errors: ERR_STORE, "store.state" for a state that is none. */
MUST_CHECK bool outcome_get(struct store *s, const char *incident, uint32_t row,
                            struct outcome *out, bool *found, struct err *e);
/* The rows from..last that there are, ascending; cells until fn returns. fn false: stop.
 * Errors: as outcome_get. */
MUST_CHECK bool outcome_each(struct store *s, const char *incident, uint32_t from,
                             uint32_t last, bool (*fn)(void *arg, const struct outcome *o),
                             void *arg, struct err *e);

/*
 * How many devices are in each state.
 *   handed_back  only those whose last command was signed under an instruction to hand back
 * Errors: as outcome_get.
 */
MUST_CHECK bool outcome_count(struct store *s, const char *incident, bool handed_back,
                              int64_t n[OUTCOME_STATES], struct err *e);
/* ... of each device type. */
MUST_CHECK bool outcome_count_types(struct store *s, const char *incident,
                                    int64_t n[DEVICE_COUNT][OUTCOME_STATES], struct err *e);
/* Of the devices that did not replace every cell: how many cells of that name answered with
 * that status code (decimal). fn false: stop. */
MUST_CHECK bool outcome_failed_cells(struct store *s, const char *incident,
                                     bool (*fn)(void *arg, const char *cell,
                                                const char *code, int64_t n),
                                     void *arg, struct err *e);
/* Was the batch signed under an instruction to hand back? */
MUST_CHECK bool outcome_handback(struct store *s, int64_t batch, bool *is, struct err *e);

#endif
