/* SPDX-License-Identifier: MIT
 *
 * engine - the spine of signing: which batch, which rows next, under which counters, and
 * what becomes of the signatures. Read it first.
 *
 *   queue_due -> engine_pick      its authority, roster, certificates make a warrant
 *             -> engine_lease     counters reserved and flushed            (reserve, flush)
 *             -> engine_order     next rows, judged again                  -> signer (sign)
 *             -> engine_expect    what each signature is to be of
 *             -> engine_verify    each of them verified, beside the loop   (verify)
 *             -> engine_signed    kept, where all of them are good
 *             -> engine_flush     slices, failures, audit: one transaction (flush)
 *   export reads only the ledger                                           (release)
 *
 * A restart is engine_pick: what the ledger does not hold is still to do. Rows whose order
 * was lost with a signer are done again under new counters; nothing of the lost order was
 * released.
 *
 * Effects: the store, memfds, the roster file. One thread; asks no socket and starts no
 *          process.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "clock.h"
#include "ledger.h"
#include "queue.h"
#include "verify.h"
#include "warrant.h"

struct engine; /* opaque */

struct engine_setup { /* borrowed */
    struct store *store;
    const struct config *config;
    const struct trust *trust;
    struct clock clock;
    const char *roster_dir; /* <sha256>.csv each */
    /* Still allowed? Asked before each order: the incident's state, the decision not
     * superseded. May be NULL. */
    bool (*allowed)(void *arg, const struct batch *b, struct err *e);
    /* A batch was not begun: it is held or stopped, as b says, and that is on disk. May be NULL. */
    void (*aside)(void *arg, const struct batch *b, const struct err *why);
    void *arg;
};

MUST_CHECK bool engine_new(const struct engine_setup *s, struct engine **out,
                           struct err *e);
void engine_free(struct engine *g);

/*
 * Take the most urgent batch, if none is being worked on. *busy: there is one now. Where a short
 * one is due (queue_due), a long one that is being worked on hands out no more orders.
 * A batch whose authority does not stand any more is stopped (audit record), one that cannot be
 * begun is held; it is passed over, and `aside` is told. Where its list is being opened beside
 * the loop (think.h) there is none yet: ask again.
 *
 * Errors: ERR_STORE only.
 */
MUST_CHECK bool engine_pick(struct engine *g, bool *busy, struct err *e);
/* The batch being worked on; NULL when none. */
const struct batch *engine_batch(const struct engine *g);
const struct warrant *engine_warrant(const struct engine *g);
/* Is that rule of a clock that stands before a window? Nothing ends by it. */
bool engine_too_early(const char *rule);
/* Does each of its commands get the ACB's MAC from the token? */
bool engine_macs(const struct engine *g);
/* Sealed memfds for PROTO_OPEN and how many; returns its `parts`. Kept by the engine. */
uint32_t engine_parts(const struct engine *g, int fds[PROTO_FDS], size_t *n);

/* Compare the token's mark with ours. Errors: those of ledger_agrees. Hold the batch. */
MUST_CHECK bool engine_check_mark(struct engine *g, uint64_t token_mark, struct err *e);
/* Are there rows that nobody has an order for? Then a signer needs counters. */
bool engine_has_rows(const struct engine *g);
struct engine_share { /* of counters, for one signer */
    unsigned signers;
    uint64_t lent;        /* to all of them, and not used yet */
    uint32_t least, most; /* at a time; least only where there are rows for them */
};
/* Reserve a block of counters for a fair share of the rows that nobody has an order or
 * counters for; on disk when this returns. *n 0: there are no such rows. */
MUST_CHECK bool engine_lease(struct engine *g, const struct engine_share *s,
                             uint64_t *first, uint32_t *n, struct err *e);

/* What the signers say was used under the decision: for status, and for the record that the
 * batch leaves. It only grows: of two signers the one heard last may have counted first. */
void engine_count(struct engine *g, const struct proto_count *c);
/* NULL: no batch, or no signer has said. */
const struct proto_count *engine_counted(const struct engine *g);

/* The rows of one order and where they belong. */
struct order {
    struct proto_sign sign;
    uint32_t pos[PROTO_ROWS]; /* position of each row in the batch */
    uint32_t first_pos, span; /* positions first_pos..first_pos+span-1 are covered */
};
/*
 * Plan the next order of at most `most` rows; *found false: nothing left to hand out now.
 * Rows that fail alone are set down on the way.
 *
 * Errors: ERR_DENIED the authority is gone: engine_end().
 */
MUST_CHECK bool engine_order(struct engine *g, uint32_t most, uint64_t counter,
                             struct order *out, bool *found, struct err *e);
/* A signer's answer on its way into the ledger. */
struct engine_answer {
    struct order o;
    struct proto_signed got;           /* maybe fewer than asked */
    struct digest digests[PROTO_ROWS]; /* of the commands, by engine_expect */
    bool good;                         /* by engine_verify alone */
};
/* An answer has come: what is each of its signatures to be of? o and got are filled in.
 * Errors: those of engine_signed; the order is over then, all of it is to do again. */
MUST_CHECK bool engine_expect(struct engine *g, struct engine_answer *a, struct err *e);
/* The key that signs the batch, borrowed. */
EVP_PKEY *engine_key(const struct engine *g);
/* Are all its signatures of what was expected, by that key? In any thread: touches nothing
 * but its arguments. */
void engine_verify(struct verifier *v, struct engine_answer *a);
/* Keep what is good; rows that are not signed are to do again, and where the token failed,
 * that is on record.
 * Errors: ERR_TOKEN "token.bad-signature": nothing of it is kept; take the token out of
 *         service. */
MUST_CHECK bool engine_signed(struct engine *g, const struct engine_answer *a,
                              struct err *e);
/* The signer that had o is gone: its rows are to do again, its counters are spent. */
MUST_CHECK bool engine_lost(struct engine *g, const struct order *o, const char *why,
                            struct err *e);
/* Bring what was verified onto disk, if there is enough of it or `now_` says so. */
MUST_CHECK bool engine_flush(struct engine *g, bool now_, struct err *e);
/* Every row accounted for? Then the batch is done. *done tells; where the ledger is looked
 * through beside the loop (think.h) it is not known yet: ask again. A long one that lets a
 * short one go first is put down once no order is out: it goes on when its turn comes. */
MUST_CHECK bool engine_finish(struct engine *g, bool *done, struct err *e);
/* Leave the batch in another state (paused, held, stopped), flushed;
 * orders still out are void. rule and reason as in queue_state(). */
MUST_CHECK bool engine_end(struct engine *g, enum batch_state to, const char *rule,
                           const char *reason, struct err *e);
/* Put the batch down without a word:
 * the caller has written its new state (engine_flush first). */
void engine_drop(struct engine *g);

#endif
