/* SPDX-License-Identifier: MIT
 *
 * pump - keeps signers busy with the engine's orders, as an idle event of the loop, so that
 * `status` and `pause` are answered between any two orders.
 *
 * Per worker: open the batch's documents, lend it counters, keep some orders in flight. What
 * comes back is verified beside the loop (verifiers.h) and goes to the engine. A failure of
 * the store ends the service: pump_fatal.
 */
#ifndef PUMP_H
#define PUMP_H

#include "engine.h"
#include "signers.h"
#include "think.h"

struct pump; /* opaque */

struct pump_setup { /* borrowed */
    sd_event *loop;
    const struct config *config;
    const char *config_path;
    const struct config_token *token;
    struct engine *engine;
    struct store *store; /* what has ended, and who knows; the audit trail */
    /* A batch left the engine (done, stopped, held): the incident may want to know. */
    void (*ended)(void *arg, int64_t batch);
    /* ... and that one because no signer could reach the token for TokenLostSec. */
    void (*lost)(void *arg, int64_t batch);
    /* A signer is ready: who waits for the token's word may ask. May be NULL. */
    void (*ready)(void *arg);
    const struct trust *trust; /* whose counters these are */
    /* The token's counter mark, asked for before any order and again now and then; had: what
     * it was, where it has become less since. May be NULL. */
    void (*marked)(void *arg, const struct eui64 *originator, uint64_t mark, uint64_t had);
    /* Counters were set aside, and none of them is used yet: what is to be known elsewhere
     * before. False: they will not be used, the batch is held. May be NULL. */
    bool (*leased)(void *arg, struct err *e);
    /* Who opens lists beside the loop; NULL: nobody. pump_wake when one is open. */
    const struct think_port *think;
    /* A signed head is in the trail. May be NULL. */
    void (*sealed)(void *arg);
    void *arg;
};

MUST_CHECK bool pump_new(const struct pump_setup *s, struct pump **out, struct err *e);
/* Something may be due: a batch was queued, resumed. */
void pump_wake(struct pump *p);
/* Verify all that has come and bring it onto disk (what is under way at a signer is not waited
 * for): before a request changes what may be signed. */
MUST_CHECK bool pump_settle(struct pump *p, struct err *e);
/* The batch's new state is committed: put it down here too; orders in flight are void. */
void pump_drop(struct pump *p, int64_t batch);
/* Something may have ended, and is committed: tell every signer now. No order goes to one
 * that has not acknowledged all. and_end: then it ends, and a new process takes its place. */
void pump_tell(struct pump *p, bool and_end);
/* Let a signer sign a head of the audit trail as it stands, if none is under way; it goes into
 * the trail when it comes. */
void pump_seal(struct pump *p);
/* Records of the trail that the last head covers, as far as this process has seen; 0: none. */
uint64_t pump_sealed(const struct pump *p);
struct signers *pump_signers(struct pump *p);
/* Signatures per second over the last few seconds; 0 when idle. */
double pump_rate(const struct pump *p);
struct pump_fault { /* why signers cannot sign what a batch wants */
    char rule[64];  /* "": they can, as far as is known */
    char reason[320];
};
/* The first reason since a row was signed last; it stands until one is. */
const struct pump_fault *pump_faulted(const struct pump *p);
/* Is the whole pump alive: nothing waits beyond patience (for the watchdog)? */
bool pump_alive(const struct pump *p);
/* When the last probe-key signature was verified, wall clock; 0: never. */
int64_t pump_probed_us(const struct pump *p);
/* The clock that pauses and times of the pump are by. */
int64_t pump_monotonic_us(void);
void pump_free(struct pump *p);

#endif
