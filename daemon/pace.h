/* SPDX-License-Identifier: MIT
 *
 * pace - how many rows an order to one signer has, and how many counters it is lent, so that
 * both fit a token of any speed.
 *
 * An order begins with a row for each session, grows while answers come well within
 * PROTO_SIGN_MS, and shrinks where they do not. It is whole rounds of the sessions, so that
 * none of them idles. Counters are lent for a few orders, and a second order is under way
 * behind the first only where orders are as large as they get: what a signer that is lost
 * takes with it is as small as its token is slow or new.
 *
 * Effects: none.
 */
#ifndef PACE_H
#define PACE_H

#include "proto.h"

struct pace {
    uint32_t sessions;
    uint32_t rows; /* of the next order: sessions..PROTO_ROWS */
};

/* A signer of so many sessions, 1..64, of which nothing is known. */
void pace_begin(struct pace *p, uint32_t sessions);
/* An order for `asked` rows came back with `done` after so long. */
void pace_answered(struct pace *p, uint32_t asked, uint32_t done, int64_t took_us);
/* Orders do not get larger: two of them may be under way. */
bool pace_full(const struct pace *p);
/* Counters to lend at a time, at most and, where there are rows for them, at least. */
uint32_t pace_lend_most(const struct pace *p);
uint32_t pace_lend_least(const struct pace *p);

#endif
