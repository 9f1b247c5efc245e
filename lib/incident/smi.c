/* SPDX-License-Identifier: MIT */
#include "smi.h"

#include <string.h>

#define AS_BEFORE STATUS_COUNT
#define AS_IT_IS  (STATUS_COUNT + 1)

/* What a step says of all devices, and of those that were replaced. */
static const struct effect_row {
    enum event event;
    unsigned from, to; /* enum state; STATE_COUNT: any */
    unsigned all, done;
} rows[] = {
    {EVENT_DEVICES_SUSPENDED, STATE_COUNT, STATE_COUNT, STATUS_SUSPENDED, AS_IT_IS},
    {EVENT_RECOVERY_SET, STATE_COUNT, STATE_COUNT, STATUS_RECOVERY, AS_IT_IS},
    /* its evidence is the same: every device has the status */
    {EVENT_SKIP_REVOCATION, STATE_COUNT, STATE_COUNT, STATUS_RECOVERY, AS_IT_IS},
    {EVENT_EXECUTED, STATE_COUNT, STATE_RECOVERED, AS_IT_IS, STATUS_RECOVERED},
    {EVENT_HANDED_BACK, STATE_COUNT, STATE_RECOVERED, AS_IT_IS, STATUS_RECOVERED},
    {EVENT_RECOVERED, STATE_COUNT, STATE_RECOVERED, AS_IT_IS, STATUS_RECOVERED},
    {EVENT_CLOSE, STATE_RECOVERED, STATE_CLOSED, AS_IT_IS, STATUS_COMMISSIONED},
    {EVENT_RECONNECTED, STATE_COUNT, STATE_COUNT, AS_BEFORE, AS_BEFORE},
};

struct smi_steps smi_begin(void)
{
    return (struct smi_steps){AS_BEFORE, AS_BEFORE};
}

void smi_step(struct smi_steps *s, enum event event, enum state from, enum state to)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct effect_row *r = &rows[i];

        if (r->event != event || (r->from != STATE_COUNT && r->from != from) ||
            (r->to != STATE_COUNT && r->to != to))
            continue;
        if (r->all != AS_IT_IS)
            s->all = (enum smi_status)r->all;
        if (r->done != AS_IT_IS)
            s->done = (enum smi_status)r->done;
    }
}

enum smi_status smi_now(const struct smi_steps *s, enum smi_status before, bool replaced)
{
    if (before != STATUS_COMMISSIONED)
        return before;
    if (replaced && s->done != AS_BEFORE)
        return s->done;
    return s->all != AS_BEFORE ? s->all : before;
}

void smi_count(const struct smi_steps *s, const uint32_t before[STATUS_COUNT],
               int64_t replaced, int64_t now[STATUS_COUNT])
{
    memset(now, 0, STATUS_COUNT * sizeof now[0]);
    for (unsigned b = 0; b < STATUS_COUNT; b++) {
        /* only commissioned devices get a command */
        int64_t with = b != STATUS_COMMISSIONED        ? 0
                       : replaced < (int64_t)before[b] ? replaced
                                                       : (int64_t)before[b];

        now[smi_now(s, (enum smi_status)b, true)] += with;
        now[smi_now(s, (enum smi_status)b, false)] += before[b] - with;
    }
}
