/* SPDX-License-Identifier: MIT
 *
 * meter_mutate - spoil a good command in every way that matters and see each one refused,
 * and refused for the right reason: a judge that says no to everything proves nothing.
 *
 * Effects: standard output; the state folder is only read.
 */
#ifndef METER_MUTATE_H
#define METER_MUTATE_H

#include "meter_util.h"

struct mutate {
    const char *state, *file, *signer, *issuer, *issuer_key;
    char now[TIME_LEN];
};

/* 0, or 1 when a mutation was not refused for the right reason. */
int mutate(const struct mutate *m);

#endif
