/* SPDX-License-Identifier: MIT
 *
 * outcome - what became of each device of an incident: one row each, once something is known,
 * under the device's own name, so that it holds whatever becomes of the list.
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

/* Who held a cell before the command, or holds it now: the device says so, the list, the
 * decision and what was signed before say who was expected. Of several cells the last of this
 * order counts. */
enum outcome_held {
    OUTCOME_HELD_UNTOLD,   /* the device did not say, or nobody said what is expected */
    OUTCOME_HELD_EXPECTED, /* the old certificate, or one that an earlier command placed */
    OUTCOME_HELD_REPLACED, /* the new one lay there already */
    OUTCOME_HELD_OTHER,    /* another party's: the supplier changed meanwhile */
    OUTCOME_HELD_UNKNOWN, /* a key of that party which nobody named: misuse, until explained */
    OUTCOME_HELD_COUNT,
};

struct outcome {
    struct eui64 device;
    enum device_type type;
    enum outcome_state state; /* one that has a row */
    int64_t list;             /* version of the list that it was commanded or marked by */
    int64_t batch;            /* of the command that the answer is to; 0: none. The batch
                               * knows its decision. */
    uint64_t counter;         /* likewise */
    int64_t attempts;         /* commands answered */
    bool retry;               /* the same command may succeed later */
    int64_t at_us;
    enum outcome_held held; /* who held its cells before, by the device's own word */
    const char *cells; /* JSON object, borrowed: cell -> what it holds now; or "note" */
};

const char *outcome_state_name(enum outcome_state s);
/* The state of that name, if it is one that has a row. */
MUST_CHECK bool outcome_state_find(const char *name, enum outcome_state *out);

/* "expected", "already-replaced", "another-party", "unknown-key"; "" where it is untold. */
const char *outcome_held_name(enum outcome_held h);

/* Write the device's row, in place of the one before. Errors: ERR_STORE. */
MUST_CHECK bool outcome_put(struct store *s, const char *incident, const struct outcome *o,
                            struct err *e);
/*
 * The device's row; *found false when there is none, then *out is all zero but for the device.
 *   cells  out: what out->cells is too, malloc'd; NULL: not wanted, and out->cells is NULL
 * Errors: ERR_STORE, "store.state" for a state that is none.
 */
MUST_CHECK bool outcome_get(struct store *s, const char *incident,
                            const struct eui64 *device, struct outcome *out, char **cells,
                            bool *found, struct err *e);
extern const struct eui64 outcome_first, outcome_last; /* below and above every device */
/* The devices from..last that have a row, ascending; cells until fn returns. fn false: stop.
 * Errors: as outcome_get. */
MUST_CHECK bool outcome_each(struct store *s, const char *incident,
                             const struct eui64 *from, const struct eui64 *last,
                             bool (*fn)(void *arg, const struct outcome *o), void *arg,
                             struct err *e);

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
/* How many devices said so of who held their cells. Errors: as outcome_get. */
MUST_CHECK bool outcome_count_held(struct store *s, const char *incident,
                                   int64_t n[OUTCOME_HELD_COUNT], struct err *e);
/* Was the batch signed under an instruction to hand back? */
MUST_CHECK bool outcome_handback(struct store *s, int64_t batch, bool *is, struct err *e);

#endif
