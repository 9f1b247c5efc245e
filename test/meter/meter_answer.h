/* SPDX-License-Identifier: MIT
 *
 * meter_answer - what a device sends back: CS02b responses, the alert of a future-dated
 * command, CS02a responses.
 *
 * Source:  GBCS 7.2, 13.3.5; octets as in the published responses (date-time included).
 * Effects: none.
 */
#ifndef METER_ANSWER_H
#define METER_ANSWER_H

#include "meter_check.h"

struct manner { /* how the device misbehaves; zeroed: it does not */
    bool loose; /* lengths the long way, as published responses and real devices have */
    bool wrong_counter;
};

void answer_response(const struct court *c, const struct device *d,
                     const struct judgement *j, struct manner how, struct out *message);
void answer_alert(const struct court *c, const struct device *d, const struct judgement *j,
                  struct manner how, struct out *message);

#endif
