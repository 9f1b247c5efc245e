/* SPDX-License-Identifier: MIT
 *
 * tidings - what a notice tells of its incident, so that whoever gets it need not ask: which
 * list, how many devices of which type in which state, what was signed, the cause and how sure
 * it is, the certificates concerned, what is put off until when, and what is due.
 *
 * All of it is read off what is on file when the step is taken, in the step's transaction: at a
 * halt these are the figures of the halt.
 *
 * Source:  SEC L10 (a), SEC Appendix L 4.2.1.3 (that they are told); what a notice says is the
 *          project's choice (UNKNOWN in public text).
 * Effects: reads the store.
 */
#ifndef TIDINGS_H
#define TIDINGS_H

#include "docket.h"

#include <jansson.h>

#define TIDINGS_CERTIFICATES 64 /* as many are named */

struct tidings_ask { /* borrowed */
    const struct docket_incident *incident;
    enum state state; /* it stands there ... */
    int64_t since_us; /* ... since */
    const struct config *config;
};

/*
 * {"list","devices","commands","cause","certificates","deferrals","deadlines"}; a new reference.
 *   list       {"version","sha256","devices","by_type"}; null: none was sent
 *   devices    {"ESME": {"devices", state: count, "unanswered"}}
 *   commands   {"signed","failed"}, and of the newest batch {"id","state","rows","signed",
 *              "failed","rule","reason"} as "batch"
 *   cause      [{"cell","certainty","cause"}] by the last decision that says it
 *   certificates  [{"what","cell","subject","sha256","source"}]: compromised, and to be placed
 *   deferrals  as deferral_json()
 *   deadlines  [{"what","at","document"?}]: of the state, the window of what is in force, a review
 * Errors: ERR_STORE.
 */
MUST_CHECK bool tidings_json(struct store *s, const struct tidings_ask *ask, json_t **out,
                             struct err *e);
/* The same for people: lines of "name: words", to `f`. */
void tidings_print(const json_t *tidings, FILE *f);

#endif
