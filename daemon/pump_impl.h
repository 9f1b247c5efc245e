/* SPDX-License-Identifier: MIT
 *
 * pump_impl - what the pump's files share; private to them.
 *
 *   pump         keeps signers busy: opens, lends, orders
 *   pump_answer  takes what comes back: signatures, failures, the end of a signer
 *   pump_keep    has signatures verified beside the loop, and keeps the good ones
 *   pump_tell    tells them what has ended, before anything else
 *   pump_head    lets them sign heads of the audit trail
 *   pump_mark    asks them how far the token has counted, before any order
 */
#ifndef PUMP_IMPL_H
#define PUMP_IMPL_H

#include "pump.h"

#include "chain.h"
#include "pace.h"
#include "place.h"
#include "verifiers.h"

/* Orders a worker has at a time: one being signed, one ready behind it, one on its way. */
#define IN_FLIGHT 3
#define VERIFYING 4 /* answers a verifier; where there are more, no order is given */
#define STRIKES   3 /* a batch is held when a worker failed so often and nobody got on */

/* Calls into the token that an answer waits for, at most, where one is not enough: each may
 * take CallTimeoutSec=. */
#define CALLS_FEW 4

struct hand {        /* one worker, as the pump sees it */
    uint64_t opened; /* generation of the batch it has open; 0: none */
    uint64_t asked;  /* generation it was asked to open */
    uint64_t known;  /* the token's mark, as it was known then */
    bool opening, reserving;
    uint64_t next, last; /* counters lent and not used; next > last: none */
    struct {
        uint64_t generation;
        int64_t sent_us;
        struct order o;
    } flight[IN_FLIGHT]; /* in the order they were sent */
    size_t n_flight;
    int64_t answered_us; /* when the last came back: the next was begun then */
    struct pace pace;
    bool probing;
    bool failed;      /* it has said that it cannot do what the batch wants of it */
    unsigned strikes; /* ended over the batch at work, since anybody signed a row */
    /* what has ended (told.h): a REVOKE is out, none follows before it is answered */
    bool telling;
    struct digest tells;
    int64_t told, since; /* places on the list */
    /* the token's marks: a MARK is out, none of the orders goes before all are answered */
    bool marking;
    size_t mark;    /* which is asked */
    uint64_t floor; /* what it had when it was asked */
};

struct pump_mark {
    struct eui64 originator;
    uint64_t most; /* the highest that the token has said or granted; 0: nothing yet */
};

struct pump {
    struct pump_setup s;
    struct signers *signers;
    struct verifiers *verifiers;
    sd_event_source *verified;
    struct hand *hands;
    unsigned n;
    uint64_t generation; /* of the batch in the engine; changes with every pick */
    bool reserving;      /* one RESERVE at a time: the token's mark only rises */
    struct {
        struct eui64 originator;
        uint64_t last;
    } lent; /* by that RESERVE */
    struct pump_mark marks[PLACE_COUNTERS_MAX];
    size_t n_marks;
    struct pump_fault fault; /* the first reason, of a failure or of a signer's end */
    uint64_t fault_at;       /* the generation it is of */
    bool failing;            /* an order could not be done by a signer that was there */
    sd_event_source *idle, *tick;
    struct {
        bool asked;
        unsigned worker;       /* who was asked */
        struct chain_place at; /* of the trail: what it was asked to sign */
        uint64_t covers;       /* records of the trail, by the last head */
        uint64_t grown;        /* the trail's records with that head's own */
        int64_t due_us;        /* monotonic: when the next is */
    } head;
    int64_t probed_us;
    sd_event_source *lost; /* armed while a batch waits with no signer at all */
    struct {
        int64_t at_us;
        int64_t total;
    } rate[8];
    size_t n_rate;
    int64_t total;
};

/* An answer beside the loop, and what was known when it came. */
struct answered {
    struct engine_answer a; /* the first: verifiers give it back */
    uint64_t generation;
    bool slow; /* from a token that is not kept waiting for more */
};

/* Something is wrong since a row was signed last: the first reason is the true one. */
void pump_fault(struct pump *p, const char *rule, const char *reason);
/* An engine call failed: what becomes of the batch, or of the service? */
void pump_trouble(struct pump *p, const struct err *why);
/* The batch leaves the engine. */
MUST_CHECK bool pump_end(struct pump *p, enum batch_state to, const char *rule,
                         const char *reason, struct err *e);
/* Give a worker what it lacks: the documents, counters, orders. Errors are the batch's. */
MUST_CHECK bool pump_feed(struct pump *p, unsigned i, struct err *e);
/* Nothing in hand, nothing known. */
void pump_hand_empty(struct pump *p, unsigned i);
void pump_on_ready(void *arg, unsigned i);
void pump_on_gone(void *arg, unsigned i);
void pump_on_answer(void *arg, unsigned i, const struct proto *asked,
                    const struct proto *reply);

MUST_CHECK bool pump_keep_new(struct pump *p, struct err *e);
void pump_keep_free(struct pump *p);
/* x: taken over, of the batch at work. Not to its order: the token is out of service. */
void pump_verify(struct pump *p, struct answered *x);
/* Keep what is verified by now; wait: all that has come. One bad signature, and the token is
 * out of service and the batch held. */
void pump_keep(struct pump *p, bool wait);

int64_t pump_now_us(void);
/* A promise that cannot be kept on disk: stop loudly, nothing may leave. */
void pump_fatal(struct pump *p, const struct err *e);

/* Tell a worker the next that has ended, one at a time: what ended while no signer was there,
 * or while this service was down, is told like this too. One that is leaving and knows all
 * is ended. */
void pump_tell_one(struct pump *p, unsigned i);
/* It has acknowledged what it was told last. */
void pump_revoked(struct pump *p, unsigned i);
/* A signer has said `mark`, asked when `known` was known: is it lower than it was? Then it stands.
 * Else others may have been granted more since it looked: what is known now. */
uint64_t pump_mark_meant(struct pump *p, const struct eui64 *originator, uint64_t mark,
                         uint64_t known);
/* Ask a signer for the token's mark of each originator, one after the other. */
void pump_mark_ask(struct pump *p, unsigned i);
void pump_marked(struct pump *p, unsigned i, uint64_t mark);
/* What the token has to know at least. */
uint64_t pump_mark_known(struct pump *p, const struct eui64 *originator);
/* What was lent is granted. */
void pump_mark_raised(struct pump *p);
/* The head that was asked for. */
void pump_headed(struct pump *p, unsigned i, const struct proto_headed *got);

#endif
