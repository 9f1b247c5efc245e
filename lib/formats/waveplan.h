/* SPDX-License-Identifier: MIT
 *
 * waveplan - in which order the devices of a list get their commands, how fast these leave, and
 * when who does not answer is asked again.
 *
 *   {"schema": "smki-recovery/waves/1",
 *    "waves": [{"name": "prepayment", "payment": "prepayment"},
 *              {"name": "north", "regions": ["north"], "types": ["ESME"]}],
 *    "commands_per_hour": 5000, "at_once": 500,
 *    "again": {"after_hours": 24, "times": 3}}
 *
 * A device belongs to the first wave whose words all fit it; those whom no wave fits are a last
 * one, "rest". So each device of the list is in one wave, whatever the plan says: a plan orders,
 * it leaves nobody out and takes nobody in.
 *
 * Source:  SEC L10.9 (what is weighed is the PMA's); pacing and priority are INFERRED, every
 *          number is the plan's own (UNKNOWN in public text): none has a default but at_once.
 * Effects: none.
 */
#ifndef WAVEPLAN_H
#define WAVEPLAN_H

#include "roster.h"

#include <jansson.h>

#define WAVEPLAN_WAVES   32
#define WAVEPLAN_REGIONS 16
#define WAVEPLAN_NAME    24
#define WAVEPLAN_TEXT    16384 /* octets of the JSON, as it is kept */

struct waveplan_wave {
    char name[WAVEPLAN_NAME];
    uint32_t types;   /* DEVICE_BIT; 0: any */
    uint32_t payment; /* enum payment; PAYMENT_UNSAID: any */
    char regions[WAVEPLAN_REGIONS][ROSTER_REGION];
    uint32_t n_regions; /* 0: any */
};

struct waveplan {
    struct waveplan_wave waves[WAVEPLAN_WAVES + 1]; /* "rest" too */
    uint32_t n;
    uint32_t per_hour;    /* commands; 0: no limit */
    uint32_t at_once;     /* 1..: of them that may leave without a pause */
    uint32_t after_hours; /* of "again" */
    uint32_t times;       /* 0: nobody is asked again */
};

/* Octets between members are zero too: a plan may be compared and copied as octets.
 * Errors (ERR_INPUT): "waves.plan", with the member's path in front ("waves[1].payment: ..."). */
MUST_CHECK bool waveplan_read(const json_t *plan, struct waveplan *out, struct err *e);
/* The same from a file: *plan is the caller's. The sentence names the line too.
 * Errors (ERR_INPUT): "waves.plan". */
MUST_CHECK bool waveplan_load(struct span text, json_t **plan, struct err *e);
/* The wave that the device belongs to, 0..n-1. */
uint32_t waveplan_of(const struct waveplan *p, const struct roster_row *row);

#endif
