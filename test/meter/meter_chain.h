/* SPDX-License-Identifier: MIT
 *
 * meter_chain - what the pool remembers of a judgement; private to meter_cert and
 * meter_chain.
 */
#ifndef METER_CHAIN_H
#define METER_CHAIN_H

#include <stdint.h>

struct verdict_slot {
    uint8_t key[32]; /* digest of certificate, cell, root, path and time rule */
    const char *why; /* NULL: slot empty */
    int status;
};

#endif
