/* SPDX-License-Identifier: MIT
 *
 * waves - batches in waves: which one is next, what of it may leave now, and when devices that
 * do not answer are asked again. A plan (waveplan.h) was handed in with the first batch.
 *
 *   running   the newest batch of the plan is being signed or released, or the next is due
 *   done      the last wave is released, and nobody is asked again
 *   stopped   by an operator, or since its authority does not carry a further wave: final
 *
 * Invariant: a wave is an ordinary batch of the plan's decision, made and judged as one that a
 * person asks for; the plan names rows and nothing else. A wave begins once every command of the
 * one before has left the house, so that the order of the plan is the order in which devices
 * get their commands.
 *
 * Pace: commands are counted as they leave (an export), in a bucket that fills with the plan's
 * commands_per_hour up to at_once. All of it is derived from times on disk: a restart gives
 * nothing away and takes nothing. An operator who stops the plan lifts it, on record. What has
 * left once may be fetched again and is not counted.
 *
 * The tail: once the last wave has left, those without success are a further wave every
 * after_hours, `times` times at most, for as long as the decision allows commands to them.
 *
 * Source:  SEC L10.9; INFERRED: the radio network is slower than a token.
 * Effects: the store. Calls inside the caller's transaction, or reading.
 */
#ifndef WAVES_H
#define WAVES_H

#include "authority.h"
#include "queue.h"
#include "store.h"
#include "waveplan.h"

#include <jansson.h>

#define WAVES_REASON 512

struct waves {
    int64_t n; /* its number */
    char incident[AUTHORITY_ID_MAX];
    struct digest decision;
    struct waveplan plan;
    uint32_t next;   /* wave to begin next; plan.n: all have begun */
    uint32_t asked;  /* how often the tail was asked again */
    int64_t due_us;  /* the tail's next turn; 0: not set yet */
    int64_t free_us; /* the bucket: full at_once later */
    /* what its next wave waits for, as last looked at: a rule id or "", and the sentence or "" */
    char rule[QUEUE_RULE], reason[WAVES_REASON];
};

/* Is a plan of this incident running? */
MUST_CHECK bool waves_running(struct store *s, const char *incident, bool *running,
                              struct err *e);
/* A plan, of which the batch b is the first wave, number `wave`.
 * Errors: ERR_INPUT "waves.plan" it is too long; ERR_STORE. */
MUST_CHECK bool waves_put(struct store *s, const json_t *plan, const struct batch *b,
                          uint32_t wave, const char *who, int64_t now_us, struct err *e);
/* A further batch of the plan: wave number `wave`, or (w->plan.n) the tail once more. */
MUST_CHECK bool waves_begun(struct store *s, const struct waves *w, uint32_t wave,
                            const struct batch *b, int64_t now_us, struct err *e);
/* Wave number `wave` has nobody left: the next one is another. */
MUST_CHECK bool waves_skip(struct store *s, const struct waves *w, uint32_t wave,
                           struct err *e);
/* It is over. to: "done" or "stopped". */
MUST_CHECK bool waves_end(struct store *s, const struct waves *w, const char *to,
                          const char *rule, const char *reason, const char *who,
                          int64_t now_us, struct err *e);
/* The running plan of the incident. Errors: ERR_MISSING "waves.none". */
MUST_CHECK bool waves_get(struct store *s, const char *incident, struct waves *out,
                          struct err *e);

enum waves_turn {
    WAVES_WAIT,  /* the newest batch is not over, or the tail's turn has not come: *why */
    WAVES_BEGIN, /* wave w->next, or the tail where that is plan.n */
    WAVES_OVER,  /* nothing is left to begin */
    WAVES_STOP,  /* its newest batch was stopped: *b says by what */
};
/* The first running plan behind number n, and what is to be done about it; *found false: none.
 * The turn of the tail is set down once its time begins to run.
 *   b    the plan's newest batch
 *   why  where it waits: what for; the id is "" where no rule says so */
MUST_CHECK bool waves_turn(struct store *s, int64_t behind, int64_t now_us,
                           struct waves *out, struct batch *b, enum waves_turn *turn,
                           struct err *why, bool *found, struct err *e);
/* Is that what is on file as what the next wave waits for? */
bool waves_said(const struct waves *w, const struct err *why);
/* The next wave waits for that. */
MUST_CHECK bool waves_say(struct store *s, const struct waves *w, const struct err *why,
                          struct err *e);

/* Up to which position commands of the batch may leave now; UINT32_MAX: as they are signed.
 * Errors: ERR_BUSY "waves.pace": none from `from` on may; the sentence says when. */
MUST_CHECK bool waves_may_leave(struct store *s, int64_t batch, uint32_t from,
                                int64_t now_us, uint32_t *until, struct err *e);
/* They left, up to that position (exclusive). Batches of no plan: nothing. */
MUST_CHECK bool waves_left(struct store *s, int64_t batch, uint32_t upto, int64_t now_us,
                           struct err *e);

/* The incident's newest plan; rule and reason: why it ended, or what its next wave waits for
 * while it runs. {"plan","state","rule","reason","next","asked","due","waves":
 * [{"wave","batch","rows","signed","released","state"}]}, those that have begun; NULL: it has
 * none. A new reference. */
MUST_CHECK bool waves_json(struct store *s, const char *incident, json_t **out,
                           struct err *e);

#endif
