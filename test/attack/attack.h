/* SPDX-License-Identifier: MIT
 *
 * attack - the table of what a subverted service may try, by kind.
 *
 * Each row bends one thing of the honest way and then goes on to ask for signatures
 * whatever the answer; the first refusal must carry the row's rule ("ends": the signer ends
 * without an answer) and no signature may come of it.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include "stage.h"

struct attack {
    const char *name; /* a word for --only and for TEETH.md */
    const char *what; /* is tried, in a few words */
    const char *rule; /* of the refusal */
    void (*run)(struct stage *s);
};

/* Each ends with a row without name. */
extern const struct attack attack_records[];      /* the record protocol itself */
extern const struct attack attack_orders[];       /* counters, rows, revocation */
extern const struct attack attack_counts[];       /* what is used up */
extern const struct attack attack_people[];       /* who signed a decision */
extern const struct attack attack_hats[];         /* who they are beside that */
extern const struct attack attack_papers[];       /* what a decision says */
extern const struct attack attack_devices[];      /* rosters and their rows */
extern const struct attack attack_certificates[]; /* what would be placed on devices */
extern const struct attack attack_activations[];  /* the custodians' word */
extern const struct attack attack_ended[];        /* papers that have ended */
extern const struct attack attack_evidence[];     /* signatures that nobody accounts for */

#endif
