/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "policy_rules.h"

/* --- the document and its time --- */

static bool exercise(struct look *l)
{
    return l->f->exercise == l->f->service_exercise ||
           policy_no(l, "the document is %s, this service %s",
                     l->f->exercise ? "an exercise" : "live",
                     l->f->service_exercise ? "is set up for exercises" : "is live");
}

static bool incident_same(struct look *l)
{
    return !l->f->other_incident_document ||
           policy_no(l, "the document names another incident");
}

static bool window_length(struct look *l)
{
    int64_t us = l->f->valid_to_us - l->f->valid_from_us;

    return l->f->max_window_s == 0 || us <= l->f->max_window_s * 1000000 ||
           policy_no(l, "the window is %lld s long; %lld s are allowed",
                     (long long)(us / 1000000), (long long)l->f->max_window_s);
}

static bool supersede(struct look *l)
{
    return !l->f->refused_before || l->f->outcome != AUTHORITY_AUTHORISE ||
           l->f->supersedes ||
           policy_no(l, "the last decision was not to recover, and this one "
                        "does not say that it supersedes it");
}

static bool guidance(struct look *l)
{
    return l->f->kind != KIND_DECISION || l->f->factors_shall > 0 ||
           policy_no(l, "no factor that shall be considered is weighed");
}

static bool end_condition(struct look *l)
{
    return l->f->end_condition || policy_no(l, "the deferral has no end condition");
}

static bool review(struct look *l)
{
    return l->f->review || policy_no(l, "the deferral has no review date");
}

static bool hostile(struct look *l)
{
    for (size_t i = 0; i < l->f->n_compromised; i++)
        if (l->f->compromised[i].cause == CAUSE_LOST_CONTROL && !l->f->risk_weighed)
            return policy_no(l, "control of the %s key is lost and the risk is not weighed",
                             gbcs_cell(l->f->compromised[i].cell)->name);
    return true;
}

static bool roster_same(struct look *l)
{
    return l->f->roster_same ||
           policy_no(l, "the roster is not the one the document names");
}

static bool roster_count(struct look *l)
{
    return l->f->roster_rows <= l->f->count ||
           policy_no(l, "%u devices; the document allows %u", l->f->roster_rows,
                     l->f->count);
}

/* --- about to sign --- */

static bool outcome(struct look *l)
{
    return l->f->outcome == AUTHORITY_AUTHORISE ||
           policy_no(l, "the outcome is %s", authority_outcome_name(l->f->outcome));
}

static bool window(struct look *l)
{
    char text[CLOCK_TEXT_LEN];

    if (l->now_us < l->f->valid_from_us) {
        clock_text(l->f->valid_from_us, text);
        return policy_no(l, "valid from %s only", text);
    }
    if (l->now_us > l->f->valid_to_us) {
        clock_text(l->f->valid_to_us, text);
        return policy_no(l, "expired %s", text);
    }
    return true;
}

static bool superseded(struct look *l)
{
    return !l->f->superseded || policy_no(l, "a later decision supersedes this one");
}

static bool incident_state(struct look *l)
{
    static const char *const words[] = {"", "", "was a false alarm",
                                        "was refused by the PMA", "is closed"};

    return l->f->incident <= INCIDENT_OPEN ||
           policy_no(l, "the incident %s", words[l->f->incident]);
}

static bool other_incident(struct look *l)
{
    return !l->f->other_open_incident ||
           policy_no(l, "another open incident holds a device");
}

static bool operator_apart(struct look *l)
{
    if (l->f->operator_is_approver)
        return policy_no(l, "the operator is an approver of this document");
    return !l->f->operator_is_custodian || policy_no(l, "the operator is a key custodian");
}

static bool custodians(struct look *l)
{
    return l->f->custodians_present >= l->f->custodians_needed ||
           policy_no(l, "%u of %u custodians are present", l->f->custodians_present,
                     l->f->custodians_needed);
}

static bool attempts(struct look *l)
{
    return l->f->attempt <= l->f->attempts ||
           policy_no(l, "attempt %u; the document allows %u", l->f->attempt,
                     l->f->attempts);
}

static bool final(struct look *l)
{
    return l->f->final_confirmed != ANSWER_NO ||
           policy_no(l, "the point of no return is not confirmed");
}

const struct policy_rule policy_document_rules[] = {
    {"decision.exercise", ALWAYS, exercise, NULL},
    {"decision.incident", ALWAYS, incident_same, NULL},
    {"decision.outcome", SIGNING, outcome, NULL},
    {"decision.superseded", SIGNING, superseded, NULL},
    {"decision.window", SIGNING, window, NULL},
    {"decision.window-length", ALWAYS, window_length, NULL},
    {"decision.supersedes", ALWAYS, supersede, NULL},
    {"decision.roster", AUTHORISED, roster_same, NULL},
    {"decision.count", AUTHORISED, roster_count, NULL},
    {"decision.attempts", SIGNING, attempts, NULL},
    {"decision.guidance", AUTHORISED, guidance, NULL},
    {"deferral.end", DEFERRAL, end_condition, NULL},
    {"deferral.review", DEFERRAL, review, NULL},
    {"deferral.lost-control", DEFERRAL, hostile, NULL},
    {"incident.state", SIGNING, incident_state, NULL},
    {"incident.device-held", SIGNING, other_incident, NULL},
    {"incident.operator", SIGNING, operator_apart, NULL},
    {"incident.custodians", SIGNING, custodians, NULL},
    {"contingency.final", SIGNING, final, NULL},
    {0},
};
