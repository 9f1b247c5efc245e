/* SPDX-License-Identifier: MIT
 *
 * forecast - before anything is signed: how many devices of each type get a command under a
 * warrant, and why the others get none. Asked of the same functions that the signer asks row
 * by row, so that what is foretold is what will be.
 *
 * Source:  SEC L10.30(a); SEC Appendix L 1.2 (PPMID).
 * Effects: none.
 */
#ifndef FORECAST_H
#define FORECAST_H

#include "warrant.h"

#define FORECAST_RULES 8 /* of one type; there are fewer that a row can fail by */

struct forecast_type {
    uint32_t devices, commands;
    struct forecast_rule {
        const char *rule; /* static */
        uint32_t rows;
        char first[200]; /* the sentence of the first of them */
    } without[FORECAST_RULES];
    size_t n_without;
};

/*
 * Look at every row of a batch.
 *   rows  which of the warrant's roster, each there, as queue_put() has them; at NULL: all
 *   macs  commands that the ACB's MAC belongs to get it here: the device's key-agreement key
 *         is needed
 */
void forecast_make(const struct warrant *w, struct span rows, bool macs,
                   struct forecast_type out[static DEVICE_COUNT]);

#endif
