/* SPDX-License-Identifier: MIT
 *
 * device_query - asking the devices whose fate is unclear what they hold: CS02a
 * pre-commands, for a party that devices answer to.
 *
 * A device that is "unknown" or "unreachable", and for which a command was signed, may have
 * carried it out. Its answer to CS02a says so (reconcile.h); here the question is made. So it
 * is for devices of which somebody wants to know what they hold beforehand (preflight.h).
 *
 * Decided here:
 *   - The question goes out unsigned, as a pre-command. Who may ask holds a signing cell of
 *     the device; the Recovery key could (UNKNOWN whether devices answer it), but it signs
 *     nothing except what a decision names, and no decision names questions.
 *   - The asker is no party of key agreement: the answer would then carry a MAC (VERIFIED)
 *     that only the asker can check, and this service believes nothing but the device's own
 *     signature. The transitional CoS is seen to ask and to get a signed answer (VERIFIED);
 *     other signing cells are INFERRED. A party whose cell is being replaced should not
 *     ask: which of its keys the device trusts is the question.
 *   - The counter is 0. A command's counter belongs to the sequence of the party that signs
 *     it (GBCS 4.3.1.5), and this service keeps the sequences of its own keys only. Whoever
 *     signs puts the next of his own counters in, as his signature covers it; as it goes
 *     out no device would accept it, since counters have to be above the last one.
 *
 * Source:  GBCS 13.2 (CS02a).
 * Effects: reads the store.
 */
#ifndef DEVICE_QUERY_H
#define DEVICE_QUERY_H

#include "cs02a.h"
#include "reconcile.h"
#include "sent.h"

struct device_query_asker {
    struct eui64 party;
    enum cell cell; /* a signing cell of the devices asked, not the Recovery key's */
};

struct device_query {
    struct eui64 device;
    uint8_t octets[CS02A_PRE_COMMAND_MAX];
    size_t len;
};

/* Errors: ERR_INPUT "command.query". */
MUST_CHECK bool device_query_asker_check(const struct device_query_asker *a, struct err *e);

/* The next device behind that one (NULL: the first), ascending; *found false at the end.
 *   r  open on the incident */
MUST_CHECK bool device_query_next(struct reconcile *r, const struct device_query_asker *a,
                                  const struct eui64 *behind, struct device_query *out,
                                  bool *found, struct err *e);

/*
 * The same before anything was signed for it, of every device of the list on file: what is
 * asked for are the cells of the decision in force, or those that the list names, or every
 * role that the device type has cells of, but a load controller, which meters from before
 * GBCS 4 do not know.
 *   lists  of the incident
 *   step   every how many-th device is asked: 1 is all, 100 a sample of one in a hundred
 */
struct device_query_before {
    struct lists_walk walk; /* private */
    struct sent sent;       /* private */
    struct sent_batch plan; /* private */
    uint32_t step, at;
};
MUST_CHECK bool device_query_before_open(struct store *s, const char *incident,
                                         const struct lists *lists, uint32_t step,
                                         struct device_query_before *out, struct err *e);
void device_query_before_close(struct device_query_before *b);
MUST_CHECK bool device_query_before_next(struct device_query_before *b,
                                         const struct device_query_asker *a,
                                         struct device_query *out, bool *found,
                                         struct err *e);

#endif
