/* SPDX-License-Identifier: MIT
 *
 * smi - the SMI status that a device has now, where an incident has changed it.
 *
 * No device has a row for it: it follows from the status before the incident, which the list
 * keeps, from the steps that the incident took for all devices alike, and from whether this
 * one was replaced. A status counts from the step that says it is set, not from the one that
 * begins to set it. A device that was not commissioned before the incident is no Relevant
 * Device: nothing is done to it, and it keeps its status.
 *
 * Source:  SEC Appendix L 4.2.1 (suspended, recovery), 4.2.2.1 (back to the status before),
 *          4.2.3.2 (recovered, commissioned); SEC L10.30(a) (Relevant Device). That one that
 *          was not replaced stays in 'recovery' after the others are commissioned is
 *          INFERRED: nothing brings it back.
 * Effects: none.
 */
#ifndef SMI_H
#define SMI_H

#include "incident.h"
#include "roster.h"

/* What the steps so far made of the devices. */
struct smi_steps {
    enum smi_status all;  /* of every Relevant Device; STATUS_COUNT: as before */
    enum smi_status done; /* of those that were replaced; STATUS_COUNT: as all others */
};

/* Before the first step. */
struct smi_steps smi_begin(void);
/* One more step, in their order. */
void smi_step(struct smi_steps *s, enum event event, enum state from, enum state to);
enum smi_status smi_now(const struct smi_steps *s, enum smi_status before, bool replaced);
/* How many devices have each status now.
 *   before    of a list: how many had which (struct roster)
 *   replaced  of it: how many devices were replaced */
void smi_count(const struct smi_steps *s, const uint32_t before[STATUS_COUNT],
               int64_t replaced, int64_t now[STATUS_COUNT]);

#endif
