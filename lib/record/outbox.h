/* SPDX-License-Identifier: MIT
 *
 * outbox - who is told of which step: notices queued with the step, written after it.
 *
 * A step queues its notices in its own transaction: they exist exactly when the step does.
 * Each says in "record" how far the record had come (place.h): kept elsewhere, it tells when
 * an older copy of the state is put back. Once that is on disk they are written to the outbox directory (notice.h) and leave the
 * queue; what a crash left in the queue is written at start-up.
 *
 * Source:  SEC L10 (a); SEC Appendix L 4.2.1.3 (the PMA is told), 4.2.2.1 (PMA and
 *          subscriber learn of a false alarm or refusal); the rest is INFERRED.
 * Effects: the store; outbox_flush also the outbox directory.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "incident.h"
#include "notice.h"
#include "store.h"

#include <jansson.h>

/* What a notice says of the step. */
struct outbox_step {
    const char *incident, *title, *subscriber; /* subscriber: "" when none */
    enum event event;
    enum route route; /* after the step */
    enum state state;
    bool exercise;
    int64_t n; /* number of the event's row: it makes the notice's id */
    int64_t at_us;
};
/* A word that is no step: devices hold what nobody expected, in the words of outcome.h, to
 * everybody whom an authorisation is told. Inside the caller's transaction.
 *   n     number of the audit record that says so
 *   held  JSON object: how many devices say what */
MUST_CHECK bool outbox_held(struct store *s, const char *incident, int64_t n,
                            const json_t *held, int64_t at_us, struct err *e);
/* State and token, or state and a second place, do not agree: to DCC and PMA. Inside the
 * caller's transaction.
 *   n      number of the audit record that says so
 *   found  JSON object: what, and what to do */
MUST_CHECK bool outbox_roll_back(struct store *s, int64_t n, const json_t *found,
                                 int64_t at_us, struct err *e);
/* A ceremony of a set of shares is due: to the DCC and the PMA. Inside the caller's transaction.
 *   n  number of the audit record that says so */
MUST_CHECK bool outbox_ceremony(struct store *s, int64_t n, const json_t *body,
                                int64_t at_us, struct err *e);
/* Inside the step's transaction. */
MUST_CHECK bool outbox_queue(struct store *s, const struct outbox_step *step,
                             struct err *e);
/*
 * Write what is queued; each that is written leaves the queue in a transaction of its own.
 *
 * Errors: those of notice_put (the notice stays queued), ERR_STORE.
 */
MUST_CHECK bool outbox_flush(struct store *s, const char *dir, struct err *e);

#endif
