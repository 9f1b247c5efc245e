/* SPDX-License-Identifier: MIT
 *
 * queue - the batches: what was asked for, how far it is, why it stands still.
 *
 *   waiting   asked for; a second operator has to confirm it
 *   queued    due
 *   running   being signed (after a restart: goes on)
 *   paused    an operator stopped it for now
 *   held      something is wrong (token lost, counter mark, bad signature); a person looks
 *   stopped   its authority is gone (refused, aborted, superseded, expired): final
 *   done      every row is signed or failed alone: final
 *
 * Effects: the store. Calls inside the caller's transaction, or reading.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include "proto.h"
#include "store.h"

#define QUEUE_TEXT 256
#define QUEUE_RULE 64

enum batch_state {
    BATCH_WAITING,
    BATCH_QUEUED,
    BATCH_RUNNING,
    BATCH_PAUSED,
    BATCH_HELD,
    BATCH_STOPPED,
    BATCH_DONE,
    BATCH_STATES,
};

struct batch {
    int64_t id;
    char incident[65];
    struct digest decision; /* of the document */
    char key[41];
    struct eui64 originator;
    struct digest roster;
    uint32_t n_rows; /* positions: the whole roster, or the selection */
    bool selected;   /* positions index a selection of roster rows */
    int64_t signed_, failed;
    enum batch_state state;
    char rule[QUEUE_RULE]; /* why it stands so, for programs: a rule id (rules.c), or "" */
    char reason[QUEUE_TEXT]; /* the same for people; nothing is decided by it */
    int64_t asked_us, started_us, ended_us; /* 0: not yet */
    char asked_by[QUEUE_TEXT], confirmed_by[QUEUE_TEXT];
    /* what signers last counted for the whole decision, not for this batch alone: commands
     * signed, all that may be, answers lost; allowed 0: nobody has said */
    struct proto_count commands;
};

/* selection: ascending roster rows, big-endian 32 bit each; at NULL: all rows. certs: the
 * PEM bundle as it stands now, kept with the batch. Fills b->id. */
MUST_CHECK bool queue_put(struct store *s, struct batch *b, struct span selection,
                          struct span certs, struct err *e);
/* ERR_MISSING "request.no-batch". */
MUST_CHECK bool queue_get(struct store *s, int64_t id, struct batch *out, struct err *e);
/* The one to work on: a short one first, running before queued, oldest first. So what is urgent
 * and small, a hundred meters of a hospital, need not wait for hours behind millions. */
#define QUEUE_SHORT 1000 /* rows, at most */
MUST_CHECK bool queue_due(struct store *s, struct batch *out, bool *found, struct err *e);
/* rule: the id of what brought it there, "" where no rule did; reason: the sentence.
 * ERR_DENIED "batch.state": it is stopped or done, and stays so. */
MUST_CHECK bool queue_state(struct store *s, int64_t id, enum batch_state to,
                            const char *rule, const char *reason, int64_t now_us,
                            struct err *e);
MUST_CHECK bool queue_confirm(struct store *s, int64_t id, const char *by, struct err *e);
MUST_CHECK bool queue_progress(struct store *s, int64_t id, int64_t more_signed,
                               int64_t more_failed, struct err *e);
MUST_CHECK bool queue_counted(struct store *s, int64_t id, const struct proto_count *c,
                              struct err *e);
/* Rows signed and rows failed in all batches of the incident. */
MUST_CHECK bool queue_totals(struct store *s, const char *incident, int64_t *signed_,
                             int64_t *failed, struct err *e);
/* The stored selection and certificates; malloc'd, caller frees.
 * selection->at NULL: none. Refused: both are empty and nothing is to be freed. */
MUST_CHECK bool queue_parts(struct store *s, int64_t id, struct span *selection,
                            struct span *certs, struct err *e);
/* Every batch (of an incident, where it is not NULL), oldest first; behind that number. fn
 * false: stop. */
MUST_CHECK bool queue_each_behind(struct store *s, const char *incident, int64_t id,
                                  bool (*fn)(void *arg, const struct batch *b), void *arg,
                                  struct err *e);
MUST_CHECK bool queue_each(struct store *s, const char *incident,
                           bool (*fn)(void *arg, const struct batch *b), void *arg,
                           struct err *e);
/* The number of the incident's newest batch; 0: it has none. */
MUST_CHECK bool queue_last(struct store *s, const char *incident, int64_t *id,
                           struct err *e);
/* Is a batch of this incident (NULL: any) waiting, queued, running, paused or held? */
MUST_CHECK bool queue_open(struct store *s, const char *incident, bool *open,
                           struct err *e);

/* Rows signed, of all batches. */
MUST_CHECK bool queue_signed(struct store *s, int64_t *n, struct err *e);
/* How many batches stand in each state. */
MUST_CHECK bool queue_count(struct store *s, int64_t n[BATCH_STATES], struct err *e);

const char *queue_state_name(enum batch_state s);
bool queue_state_final(enum batch_state s);

#endif
