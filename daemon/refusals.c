/* SPDX-License-Identifier: MIT */
#include "refusals.h"

#include <stdio.h>
#include <string.h>

static bool is_over(const struct refusals_sum *s, int64_t now_us)
{
    /* a clock that was set back ends the minute too */
    return now_us < s->since_us || now_us - s->since_us >= REFUSALS_MINUTE_US;
}

static struct refusals_sum *find(struct refusals *r, uid_t uid)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->at[i].uid == uid)
            return &r->at[i];
    return NULL;
}

/* A place for a uid that has none; the one of all others once the table is full. */
static struct refusals_sum *place(struct refusals *r, uid_t uid, int64_t now_us)
{
    struct refusals_sum *s = find(r, uid);

    for (size_t i = 0; s == NULL && i < r->n; i++)
        if (r->at[i].summed == 0 && is_over(&r->at[i], now_us))
            r->at[i--] = r->at[--r->n]; /* said nothing for a minute */
    if (s == NULL && r->n >= REFUSALS_UIDS_MAX) {
        uid = REFUSALS_OTHERS;
        s = find(r, uid);
    }
    if (s == NULL) {
        s = &r->at[r->n++];
        *s = (struct refusals_sum){.uid = uid, .since_us = now_us};
    }
    if (s->summed == 0 && is_over(s, now_us))
        *s = (struct refusals_sum){.uid = uid, .since_us = now_us};
    return s;
}

static void count(struct refusals_sum *s, const char *rule)
{
    size_t i = 0;

    s->summed++;
    while (i < s->n_rules && strcmp(s->rules[i].rule, rule) != 0)
        i++;
    if (i == REFUSALS_RULES_MAX)
        i--; /* the last place is that of all others */
    if (i == s->n_rules)
        (void)snprintf(s->rules[s->n_rules++].rule, REFUSALS_RULE_LEN, "%s",
                       i == REFUSALS_RULES_MAX - 1 ? REFUSALS_OTHER_RULES : rule);
    s->rules[i].n++;
}

bool refusals_admit(struct refusals *r, uid_t uid, bool has_role, const char *rule,
                    int64_t now_us)
{
    struct refusals_sum *s = place(r, uid, now_us);
    unsigned room =
        has_role && s->uid != REFUSALS_OTHERS ? REFUSALS_WITH_ROLE : REFUSALS_WITHOUT;

    if (s->written < room) {
        s->written++;
        return true;
    }
    count(s, rule);
    return false;
}

bool refusals_take(struct refusals *r, int64_t now_us, bool everything,
                   struct refusals_sum *out)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!everything && !is_over(&r->at[i], now_us))
            continue;
        *out = r->at[i];
        r->at[i--] = r->at[--r->n];
        if (out->summed > 0)
            return true;
    }
    return false;
}
