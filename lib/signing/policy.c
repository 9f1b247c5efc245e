/* SPDX-License-Identifier: MIT */
#include "policy_rules.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool policy_no(struct look *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(l->why, l->cap, fmt, ap);
    va_end(ap);
    return false;
}

uint32_t policy_compromised(const struct policy_facts *f)
{
    uint32_t mask = 0;

    for (size_t i = 0; i < f->n_compromised; i++)
        mask |= CELL_BIT(f->compromised[i].cell);
    return mask;
}

uint32_t policy_replaced(const struct policy_facts *f)
{
    uint32_t mask = 0;

    for (size_t i = 0; i < f->n_replacements; i++)
        mask |= CELL_BIT(f->replacements[i].cell);
    return mask;
}

const char *policy_first_cell(uint32_t mask)
{
    return mask == 0 ? "nothing" : gbcs_cell((enum cell)__builtin_ctz(mask))->name;
}

static const struct policy_rule *const lists[] = {policy_document_rules, policy_route_rules,
                                                  policy_target_rules};

static bool applies(const struct policy_rule *r, const struct policy_facts *f)
{
    switch (r->when) {
    case ALWAYS:
        return true;
    case SIGNING:
        return f->signing;
    case DEFERRAL:
        return f->outcome == AUTHORITY_DEFER_REVOCATION ||
               f->outcome == AUTHORITY_DEFER_ID_TRANSFER;
    case AUTHORISED:
        return f->outcome == AUTHORITY_AUTHORISE;
    case REPLACEMENT:
        return f->outcome == AUTHORITY_AUTHORISE && f->n_replacements > 0;
    }
    return false;
}

static bool holds(const struct policy_rule *r, struct look *l)
{
    if (r->holds != NULL)
        return r->holds(l);
    for (size_t k = 0; k < l->f->n_replacements; k++)
        if (!r->each(l, &l->f->replacements[k]))
            return false;
    return true;
}

void policy_judge(const struct policy_facts *f, int64_t now_us, struct verdict *v)
{
    memset(v, 0, sizeof *v);
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++)
        for (const struct policy_rule *r = lists[k]; r->id != NULL; r++) {
            struct look l = {f, &policy_routes[f->method], now_us, v->failed[v->n].why,
                             sizeof v->failed[0].why};

            if (!applies(r, f) || holds(r, &l))
                continue;
            v->failed[v->n++].id = r->id;
            assert(v->n < POLICY_FAILED_MAX);
        }
    v->allowed = v->n == 0;
}

void policy_facts_of(const struct authority *a, struct policy_facts *f)
{
    memset(f, 0, sizeof *f);
    f->kind = a->kind;
    f->outcome = a->outcome;
    f->method = a->method;
    f->mode = a->mode;
    f->initiator = a->initiator;
    f->exercise = a->exercise;
    f->consent = a->consent[0] != '\0';
    f->notice = a->notice[0] != '\0';
    f->appointment = a->appointment[0] != '\0';
    f->supersedes = a->supersedes[0] != '\0';
    f->end_condition = a->end_condition[0] != '\0';
    f->review = a->review_us != 0;
    f->risk_weighed = a->risk_weighed[0] != '\0';
    f->ppmid_only = a->ppmid_only_ok;
    f->factors_shall = a->n_shall;
    f->device_types = a->device_types;
    f->count = a->roster_count;
    f->attempts = a->attempts;
    f->valid_from_us = a->valid_from_us;
    f->valid_to_us = a->valid_to_us;
    f->subscriber = a->subscriber;
    f->replacement_subscriber = a->replacement_subscriber;
    f->symmetric_key_named = a->has_symmetric_key;
    f->n_compromised = a->n_compromised;
    for (size_t i = 0; i < a->n_compromised; i++)
        f->compromised[i] = (struct policy_compromised){
            .cell = a->compromised[i].cell,
            .cause = a->compromised[i].cause,
            .has_since = a->compromised[i].has_since,
            .since_us = a->compromised[i].since_us,
        };
    f->n_replacements = a->n_replacements;
    for (size_t i = 0; i < a->n_replacements; i++)
        f->replacements[i] = (struct policy_replacement){
            .cell = a->replacements[i].cell,
            .origin = a->replacements[i].origin,
        };
}
