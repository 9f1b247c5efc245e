/* SPDX-License-Identifier: MIT
 *
 * incident_case - facts under which one row of the incident tables goes through; shared by
 * the test that walks the rows and the one that tells stories.
 */
#ifndef INCIDENT_CASE_H
#define INCIDENT_CASE_H

#include "incident.h"

#define NOW_US INT64_C(1800000000000000)

/* A case of a row: one route, one state it leaves. */
struct at {
    const struct transition *row;
    enum route route;
    enum state from;
};

static inline enum route route_after(const struct at *c)
{
    return c->row->takes == ROUTE_SAME ? c->route : c->row->takes;
}

static inline enum state state_after(const struct at *c)
{
    return c->row->to == STATE_SAME ? c->from : c->row->to;
}

/* Facts under which every guard of the case holds. */
static inline struct incident_facts well(const struct at *c)
{
    return (struct incident_facts){
        .route = c->route,
        .state = c->from,
        .initiator =
            (c->row->actors & ACTOR_BIT(ACTOR_OFGEM)) != 0 ? ACTOR_OFGEM : ACTOR_DCC,
        .notifier_authenticated = true,
        .has_parent = true,
        .parent_open = true,
        .srp_authority = true,
        .rows_done = 400,
        .decision_live = true,
        .decision_route = route_after(c),
        .pma_informed = true,
        .deferral_live = (c->row->guards & GUARD_BIT(GUARD_DEFERRAL_LIVE)) != 0,
        .deferral_end_condition = true,
        .deferral_review_us = NOW_US + 1,
        .revoked = true,
        .replacements_ready = true,
        .new_contingency_wrapped = true,
        .custodians_present = 3,
        .custodians_needed = 3,
        .point_of_no_return = true,
        .point_of_no_return_second = true,
        .token_key_proved = true,
        .counter_above_reserved = true,
        .withdrawer_authenticated = true,
        .now_us = NOW_US,
    };
}

static inline bool step(const struct incident_facts *f, const struct transition *t,
                        enum actor actor, uint64_t have, struct incident_move *to,
                        struct err *e)
{
    struct evidence_set set = {have};

    return incident_step(f, t->event, actor, &set, to, e);
}

#endif
