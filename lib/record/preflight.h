/* SPDX-License-Identifier: MIT
 *
 * preflight - what devices hold before anything is signed for them: a step of its own, for a
 * whole list or a sample of it.
 *
 * Questions (CS02a) go out as in device_query.h, to devices for which no command was signed;
 * their answers come in with all others (reconcile.h) and are kept here. Each relevant cell
 * is held against what is expected (held.h): relevant are the cells of the decision in force,
 * or else those that the list names for the device.
 *
 * A device of which another party holds a cell has changed supplier: to place the new
 * certificates of the one before there would take it from the one of now. No batch begins
 * while such a device stands among its rows; it is excused by name, or the list corrected.
 *
 * Source:  GBCS 13.2 (CS02a); that one asks beforehand is this project's choice.
 * Effects: the store, inside the caller's transaction, or reading.
 */
#ifndef PREFLIGHT_H
#define PREFLIGHT_H

#include "lists.h"
#include "outcome.h"
#include "payload.h"
#include "sent.h"

#include <jansson.h>

/*
 * What a device reports, where no command was signed for it.
 *   plan    what is to be signed, sent_plan()
 *   report  its answer, which it signed
 *   held    out: the worst of its relevant cells
 * Errors: ERR_STORE.
 */
MUST_CHECK bool preflight_take(struct sent *t, const char *incident,
                               const struct sent_batch *plan, const struct lists_row *row,
                               const struct payload_report *report, int64_t now_us,
                               enum outcome_held *held, struct err *e);

/*
 * What was told before anybody said which cells it is about, held against the decision that
 * is in force now. What was judged before stays.
 *   c    as preflight_tell()
 *   dir  of the rosters
 * Errors: ERR_STORE; as rosters_open.
 */
MUST_CHECK bool preflight_again(struct store *s, const struct config *c, const char *dir,
                                const char *incident, int64_t now_us, struct err *e);
/* Devices were found to hold another party's certificates, or keys that nobody named: a record,
 * and a notice to everybody concerned; nothing where none were.
 *   c     for names and addresses (outbox.h); may be NULL
 *   held  how many said what, by the names of outcome.h */
MUST_CHECK bool preflight_tell(struct store *s, const struct config *c,
                               const char *incident, const json_t *held, int64_t now_us,
                               struct err *e);

/* How many devices answered, and how many said what of who holds their cells. */
MUST_CHECK bool preflight_count(struct store *s, const char *incident, int64_t *answered,
                                int64_t n[OUTCOME_HELD_COUNT], struct err *e);
/* The devices from..last that answered, ascending; cells until fn returns. fn false: stop. */
MUST_CHECK bool preflight_each(struct store *s, const char *incident,
                               const struct eui64 *from, const struct eui64 *last,
                               bool (*fn)(void *arg, const struct eui64 *device,
                                          enum outcome_held held, int64_t at_us,
                                          const char *cells),
                               void *arg, struct err *e);
/*
 * Is a row about to be signed whose device is another party's?
 *   r         the list of the batch
 *   selected  its rows, as queue_put() wants them; at NULL: all
 * Errors: ERR_DENIED "batch.another-party".
 */
MUST_CHECK bool preflight_clear(struct store *s, const char *incident,
                                const struct roster *r, struct span selected,
                                struct err *e);

/* Devices whose cells are another party's, or hold a key that nobody named, by their own word
 * before or after: [{"held":"unknown-key","devices":3,"first":[...]}], at most 20 named each.
 * A new reference; empty: there are none. Errors: ERR_STORE. */
MUST_CHECK bool preflight_found(struct store *s, const char *incident, json_t **out,
                                struct err *e);

#endif
