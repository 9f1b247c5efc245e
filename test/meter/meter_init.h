/* SPDX-License-Identifier: MIT
 *
 * meter_init - make simulated meters and the roster a head end would have of them.
 *
 * Effects: files in the state folder.
 */
#ifndef METER_INIT_H
#define METER_INIT_H

#include "meter_device.h"

struct init {
    const char *state;
    uint64_t n, first, seed;
    unsigned mix[TYPES]; /* shares; all zero: ESME and GSME alike */
    const char *cell[CELLS];
    int64_t counter[COUNTERS];
    bool keys; /* public keys into the roster */
};

int init_meters(const struct init *i);

#endif
