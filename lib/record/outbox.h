/* SPDX-License-Identifier: MIT
 *
 * outbox - who is told of which step: notices queued with the step, written after it.
 *
 * A step queues its notices in its own transaction: they exist exactly when the step does.
 * Each says in "record" how far the record had come (place.h): kept elsewhere, it tells when
 * an older copy of the state is put back. Once that is on disk they are written to the outbox
 * directory (notice.h) and leave the queue; what a crash left in the queue is written at
 * start-up.
 *
 * A notice has what it is about as JSON ("facts", tidings.h) and all of it once more as "text"
 * for people; "because" says which rule has this recipient told, and how certain that is.
 *
 * Who is told: a table from events to roles. The shared provider, Ofgem and the supplier of last
 * resort are told where the incident has one: where it gave the notice, or takes the devices
 * over. [Recipient "..."] sections give a role its name and address, and Events= further
 * events that it is told; they take nobody out of the table.
 *
 * Source:  SEC L10 (a); SEC Appendix L 4.2.1.3 (the PMA is told), 4.2.2.1 (PMA and
 *          subscriber learn of a false alarm or refusal); each row of the table says its own.
 *          Whether the DCC tells SSC and Ofgem of an incident is UNKNOWN: configuration.
 * Effects: the store; outbox_flush also the outbox directory.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "docket.h"
#include "notice.h"

#include <jansson.h>

/* The step that is told. */
struct outbox_step {                        /* borrowed */
    const struct docket_incident *incident; /* its route as after the step */
    enum event event;
    enum state state; /* after the step */
    int64_t since_us; /* in it since then */
    int64_t n;        /* number of the event's row: it makes the notice's id */
};

/* Are [Recipient "..."] sections about somebody who is told, and their Events= events?
 * Errors: ERR_INPUT "config.recipient". */
MUST_CHECK bool outbox_check(const struct config *c, struct err *e);

/* Words that are no step, inside the caller's transaction.
 *   n  number of the audit record that says so
 *   c  NULL: names, addresses and facts are left out */

/* Devices hold what nobody expected, in the words of outcome.h: to everybody whom an
 * authorisation is told.
 *   held  JSON object: how many devices say what */
MUST_CHECK bool outbox_held(struct store *s, const struct config *c, const char *incident,
                            int64_t n, const json_t *held, int64_t at_us, struct err *e);
/* State and token, or state and a second place, do not agree: to DCC and PMA.
 *   found  JSON object: what, and what to do */
MUST_CHECK bool outbox_roll_back(struct store *s, const struct config *c, int64_t n,
                                 const json_t *found, int64_t at_us, struct err *e);
/* A ceremony of a set of shares is due: to the DCC, the PMA and the custodians. */
MUST_CHECK bool outbox_ceremony(struct store *s, const struct config *c, int64_t n,
                                const json_t *body, int64_t at_us, struct err *e);
/* The review of a deferral is due: to the PMA, who set it, and to those who were told of it.
 *   body  JSON object: outcome, document, review, end_condition */
MUST_CHECK bool outbox_review(const struct docket *d, const struct docket_incident *i,
                              int64_t n, const json_t *body, struct err *e);
/* Inside the step's transaction. */
MUST_CHECK bool outbox_queue(const struct docket *d, const struct outbox_step *step,
                             struct err *e);
/* The document that brought the incident's last step is on file now, in the same transaction:
 * what is queued of that step is told with it. */
MUST_CHECK bool outbox_with_document(const struct docket *d,
                                     const struct docket_incident *i, struct err *e);
/*
 * Write what is queued; each that is written leaves the queue in a transaction of its own.
 *
 * Errors: those of notice_put (the notice stays queued), ERR_STORE.
 */
MUST_CHECK bool outbox_flush(struct store *s, const char *dir, struct err *e);

#endif
