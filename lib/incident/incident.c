/* SPDX-License-Identifier: MIT */
#include "incident.h"

#include "near.h"
#include "rules.h"

#include <stddef.h>
#include <string.h>

/* What a guard may look at besides the facts. */
struct ask {
    const struct incident_facts *f;
    enum actor actor;
    enum route route; /* after the step */
};

static bool notifier(const struct ask *q)
{
    return q->f->notifier_authenticated;
}

static bool third_party(const struct ask *q)
{
    return !q->f->notifier_third_party;
}

static bool parent(const struct ask *q)
{
    return !q->f->has_parent || q->f->parent_open;
}

static bool srp_authority(const struct ask *q)
{
    return q->actor != ACTOR_SRP || q->f->route == ROUTE_SHARED_EVENT ||
           q->f->srp_authority;
}

/* The DCC and Ofgem ask on their own only where there is no subscriber to ask. */
static bool speaks_for(const struct ask *q)
{
    if (q->actor == ACTOR_OFGEM)
        return q->f->initiator == ACTOR_OFGEM;
    if (q->actor == ACTOR_DCC)
        return q->f->initiator == ACTOR_OFGEM || q->f->initiator == ACTOR_DCC;
    return true;
}

static bool devices_free(const struct ask *q)
{
    return q->f->devices_elsewhere == 0;
}

static bool list_fresh(const struct ask *q)
{
    return q->f->devices_refused == 0 || q->f->notified_anew;
}

static bool deferral_none(const struct ask *q)
{
    return !q->f->deferral_live;
}

static bool deferral_live(const struct ask *q)
{
    return q->f->deferral_live;
}

static bool deferral_bounded(const struct ask *q)
{
    return q->f->deferral_end_condition && q->f->deferral_review_us > q->f->now_us;
}

static bool deferral_risk(const struct ask *q)
{
    return !q->f->holder_hostile || q->f->hostile_risk_weighed;
}

static bool decision(const struct ask *q)
{
    return q->f->decision_live;
}

static bool supersedes(const struct ask *q)
{
    return !q->f->decision_earlier || q->f->decision_supersedes;
}

static bool only_remaining(const struct ask *q)
{
    return q->f->rows_replaced_named == 0;
}

static bool solr(const struct ask *q)
{
    return !q->f->replacement_is_solr || q->f->solr_appointed;
}

static bool key_origin(const struct ask *q)
{
    return !q->f->replacements_from_suspect_hsm;
}

static bool new_contingency(const struct ask *q)
{
    return q->f->new_contingency_wrapped;
}

static bool exercise_decision(const struct ask *q)
{
    return q->f->decision_exercise == q->f->exercise;
}

/* Fewer than two needed means that nobody has configured the number: default deny. */
static bool custodians(const struct ask *q)
{
    return q->f->custodians_needed >= 2 &&
           q->f->custodians_present >= q->f->custodians_needed;
}

/* The incident about the Recovery key itself is the one that may still use it; the
 * contingency does not use it. */
static bool recovery_sound(const struct ask *q)
{
    return !q->f->recovery_key_suspect || q->route == ROUTE_RECOVERY_KEY ||
           q->route == ROUTE_CONTINGENCY;
}

static bool not_consumed(const struct ask *q)
{
    return !q->f->contingency_used;
}

static bool handed_back(const struct ask *q)
{
    return q->f->rows_acb == 0;
}

static bool token_key(const struct ask *q)
{
    return q->f->token_key_proved;
}

static bool counter(const struct ask *q)
{
    return q->f->counter_above_reserved;
}

static bool rows_known(const struct ask *q)
{
    return q->f->rows_unknown == 0;
}

static bool rows_settled(const struct ask *q)
{
    return q->f->rows_unknown == 0 && q->f->rows_pending == 0;
}

static bool some_done(const struct ask *q)
{
    return q->f->rows_done > 0;
}

static bool batch_idle(const struct ask *q)
{
    return !q->f->batch_running;
}

static bool key_off(const struct ask *q)
{
    return !q->f->key_active;
}

static bool withdrawal_open(const struct ask *q)
{
    return q->f->withdrawal_open;
}

static bool withdrawal_key(const struct ask *q)
{
    return !q->f->withdrawal_by_suspect_key;
}

static bool withdrawal_person(const struct ask *q)
{
    return q->f->withdrawer_authenticated;
}

static bool devices_clear(const struct ask *q)
{
    return q->f->devices_unclear == 0;
}

static bool none_suspended(const struct ask *q)
{
    return q->f->devices_suspended == 0;
}

static bool revoked(const struct ask *q)
{
    return q->f->revoked;
}

static bool pma_informed(const struct ask *q)
{
    return q->f->pma_informed;
}

static bool children_closed(const struct ask *q)
{
    return q->f->children_open == 0;
}

/* The sentence, source and advice of each stand in rules.c. */
static const struct {
    bool (*holds)(const struct ask *q);
    const char *rule;
} guards[GUARD_COUNT] = {
    [GUARD_NOTIFIER] = {notifier, "incident.notifier"},
    [GUARD_THIRD_PARTY] = {third_party, "incident.third-party"},
    [GUARD_PARENT] = {parent, "incident.parent-closed"},
    [GUARD_SRP_AUTHORITY] = {srp_authority, "incident.srp-authority"},
    [GUARD_SPEAKS_FOR] = {speaks_for, "incident.speaks-for"},
    [GUARD_DEVICES_FREE] = {devices_free, "incident.device-elsewhere"},
    [GUARD_LIST_FRESH] = {list_fresh, "incident.list-refused"},
    [GUARD_DEFERRAL_NONE] = {deferral_none, "incident.deferral-live"},
    [GUARD_DEFERRAL_LIVE] = {deferral_live, "incident.no-deferral"},
    [GUARD_DEFERRAL_BOUNDED] = {deferral_bounded, "incident.deferral-unbounded"},
    [GUARD_DEFERRAL_RISK] = {deferral_risk, "incident.deferral-risk"},
    [GUARD_DECISION] = {decision, "incident.decision"},
    [GUARD_SUPERSEDES] = {supersedes, "incident.supersedes"},
    [GUARD_ONLY_REMAINING] = {only_remaining, "incident.already-replaced"},
    [GUARD_SOLR] = {solr, "incident.solr-appointment"},
    [GUARD_KEY_ORIGIN] = {key_origin, "incident.key-origin"},
    [GUARD_NEW_CONTINGENCY] = {new_contingency, "incident.new-contingency"},
    [GUARD_EXERCISE_DECISION] = {exercise_decision, "incident.exercise-decision"},
    [GUARD_CUSTODIANS] = {custodians, "incident.custodians"},
    [GUARD_RECOVERY_SOUND] = {recovery_sound, "incident.recovery-key-suspect"},
    [GUARD_NOT_CONSUMED] = {not_consumed, "incident.contingency-used"},
    [GUARD_HANDED_BACK] = {handed_back, "incident.acb-in-place"},
    [GUARD_TOKEN_KEY] = {token_key, "incident.token-key"},
    [GUARD_COUNTER] = {counter, "incident.counter"},
    [GUARD_ROWS_KNOWN] = {rows_known, "incident.rows-unknown"},
    [GUARD_ROWS_SETTLED] = {rows_settled, "incident.rows-pending"},
    [GUARD_SOME_DONE] = {some_done, "incident.nothing-done"},
    [GUARD_BATCH_IDLE] = {batch_idle, "incident.batch-running"},
    [GUARD_KEY_OFF] = {key_off, "incident.key-active"},
    [GUARD_WITHDRAWAL_OPEN] = {withdrawal_open, "incident.no-withdrawal"},
    [GUARD_WITHDRAWAL_KEY] = {withdrawal_key, "incident.withdrawal-key"},
    [GUARD_WITHDRAWAL_PERSON] = {withdrawal_person, "incident.withdrawal-person"},
    [GUARD_DEVICES_CLEAR] = {devices_clear, "incident.devices-unclear"},
    [GUARD_NONE_SUSPENDED] = {none_suspended, "incident.devices-suspended"},
    [GUARD_REVOKED] = {revoked, "incident.not-revoked"},
    [GUARD_PMA_INFORMED] = {pma_informed, "incident.pma-informed"},
    [GUARD_CHILDREN_CLOSED] = {children_closed, "incident.children-open"},
};

static const char *sentence(const char *rule)
{
    const struct rule *r = rules_find(rule);

    return r != NULL ? r->sentence : "a rule forbids it";
}

const char *incident_certainty(const char *event, const char *source)
{
    for (size_t i = 0; i < incident_n_transitions; i++) {
        const struct transition *t = &incident_transitions[i];

        if (strcmp(incident_event(t->event)->name, event) == 0 &&
            strcmp(t->source, source) == 0)
            return t->certainty;
    }
    return "UNKNOWN";
}

const struct transition *incident_next(enum route route, enum state from, enum event event)
{
    for (size_t i = 0; i < incident_n_transitions; i++) {
        const struct transition *t = &incident_transitions[i];

        if (t->event == event && (t->routes & ROUTE_BIT(route)) != 0 &&
            (t->from & STATE_BIT(from)) != 0)
            return t;
    }
    return NULL;
}

const char *incident_guard_rule(enum guard g)
{
    return guards[g].rule;
}

bool incident_guard_holds(enum guard g, const struct incident_facts *f, enum actor actor,
                          const struct transition *row)
{
    struct ask q = {f, actor, row->takes == ROUTE_SAME ? f->route : row->takes};

    return guards[g].holds(&q);
}

/* "confirmation, pma-notice": what is needed and not there. */
static void missing(uint64_t kinds, char *out, size_t cap)
{
    size_t at = 0;

    out[0] = '\0';
    for (unsigned k = 0; k < EVIDENCE_COUNT; k++)
        if ((kinds & EVIDENCE_BIT(k)) != 0 && at < cap) {
            int n = snprintf(out + at, cap - at, "%s%s", at > 0 ? ", " : "",
                             incident_evidence_name((enum evidence)k));

            at += n > 0 ? (size_t)n : 0;
        }
}

enum state incident_over(const struct incident_facts *f, enum event event)
{
    bool may_end = !f->decision_live || event == EVENT_ABORT ||
                   (f->may_end & ACTOR_BIT(f->withdrawn_by)) != 0;

    if (!may_end || f->contingency_used)
        return STATE_HALTED;
    return f->commands_signed ? STATE_STOPPED_MIDWAY : STATE_FALSE_ALARM;
}

static enum state state_after(const struct incident_facts *f, const struct transition *t)
{
    switch (t->to) {
    case STATE_SAME:
        return f->state;
    case STATE_BACK:
        return f->called_from;
    case STATE_OVER:
        return incident_over(f, t->event);
    default:
        return (enum state)t->to;
    }
}

/* How many devices a guard looks at: the sentence says so. */
static uint32_t devices_of(enum guard g, const struct incident_facts *f)
{
    return g == GUARD_LIST_FRESH      ? f->devices_refused
           : g == GUARD_DEVICES_FREE  ? f->devices_elsewhere
           : g == GUARD_DEVICES_CLEAR ? f->devices_unclear
                                      : 0;
}

static bool refuse(const struct incident_facts *f, enum guard g, const char *what,
                   struct err *e)
{
    const char *where = incident_state(f->state)->name;
    const char *why = sentence(guards[g].rule);
    uint32_t n = devices_of(g, f);

    if (g == GUARD_TOKEN_KEY && f->token_silent)
        return err_set(e, ERR_BUSY, "signer.not-ready", "%s in state %s: %s", what, where,
                       sentence("signer.not-ready"));
    return n > 0 ? err_set(e, ERR_DENIED, guards[g].rule,
                           "%s in state %s: %s (devices: %u)", what, where, why, n)
                 : err_set(e, ERR_DENIED, guards[g].rule, "%s in state %s: %s", what, where,
                           why);
}

static const struct {
    const char *name;
    size_t offset;
} declarable[INCIDENT_FACTS] = {
#define FACT(f)                                \
    {                                          \
#f, offsetof(struct incident_facts, f) \
    }
    FACT(notifier_authenticated),
    FACT(notifier_third_party),
    FACT(srp_authority),
    FACT(notified_anew),
    FACT(holder_hostile),
    FACT(replacements_from_suspect_hsm),
    FACT(new_contingency_wrapped),
    FACT(withdrawal_by_suspect_key),
    FACT(withdrawer_authenticated),
#undef FACT
};

const char *incident_fact_name(unsigned i)
{
    return declarable[i].name;
}

bool *incident_fact(unsigned i, struct incident_facts *f)
{
    return (bool *)(void *)((char *)f + declarable[i].offset);
}

/* The events that do have one there are named. */
static bool no_place(const struct incident_facts *f, const char *what, struct err *e)
{
    const char *words[EVENT_COUNT];
    char hint[NEAR_TEXT];
    size_t n = 0;

    for (unsigned v = 0; v < EVENT_COUNT; v++)
        if (incident_next(f->route, f->state, (enum event)v) != NULL)
            words[n++] = incident_event((enum event)v)->name;
    return err_set(e, ERR_DENIED, "incident.no-transition",
                   "%s has no place in state %s of route %s%s", what,
                   incident_state(f->state)->name, incident_route(f->route)->name,
                   near_hint(hint, "", words, n));
}

static bool not_for(const struct transition *t, const char *what, const char *where,
                    enum actor actor, struct err *e)
{
    const char *words[ACTOR_COUNT];
    char hint[NEAR_TEXT];
    size_t n = 0;

    for (unsigned a = 0; a < ACTOR_COUNT; a++)
        if ((t->actors & ACTOR_BIT(a)) != 0)
            words[n++] = incident_actor_name((enum actor)a);
    return err_set(e, ERR_DENIED, "incident.actor", "%s in state %s is not for %s%s", what,
                   where, incident_actor_name(actor), near_hint(hint, "", words, n));
}

bool incident_step(const struct incident_facts *f, enum event event, enum actor actor,
                   const struct evidence_set *have, struct incident_move *to, struct err *e)
{
    const struct transition *t = incident_next(f->route, f->state, event);
    const char *what = incident_event(event)->name;
    const char *where = incident_state(f->state)->name;

    if (t == NULL || (t->to == STATE_BACK && f->called_from == STATE_NONE))
        return no_place(f, what, e);
    if ((t->actors & ACTOR_BIT(actor)) == 0)
        return not_for(t, what, where, actor, e);
    if ((t->evidence & ~have->have) != 0) {
        char list[128];

        missing(t->evidence & ~have->have, list, sizeof list);
        return err_set(e, ERR_DENIED, "incident.evidence", "%s in state %s lacks: %s", what,
                       where, list);
    }
    for (unsigned g = 0; g < GUARD_COUNT; g++)
        if ((t->guards & GUARD_BIT(g)) != 0 &&
            !incident_guard_holds((enum guard)g, f, actor, t))
            return refuse(f, (enum guard)g, what, e);
    to->route = t->takes == ROUTE_SAME ? f->route : t->takes;
    to->state = state_after(f, t);
    to->row = t;
    return true;
}

bool incident_may_sign(enum route route, enum state state)
{
    return (incident_state(state)->signs & ROUTE_BIT(route)) != 0;
}

enum signing incident_signing(enum route route, enum state state)
{
    if (!incident_may_sign(route, state))
        return SIGNING_NOTHING;
    return state == STATE_HANDBACK ? SIGNING_ACB : incident_route(route)->signing;
}

/* The route that a decision of that method authorises in an incident on that route;
 * ROUTE_COUNT: none (Method 1 and hand-back are never the PMA's to authorise). */
static enum route route_of(enum route route, enum method method)
{
    bool organisation =
        route == ROUTE_UNDECIDED || route == ROUTE_METHOD_2 || route == ROUTE_METHOD_3;

    switch (method) {
    case METHOD_2:
        return organisation ? ROUTE_METHOD_2 : ROUTE_COUNT;
    case METHOD_3:
    case METHOD_DCC:
        return organisation ? ROUTE_METHOD_3 : ROUTE_COUNT;
    case METHOD_CONTINGENCY:
        return route == ROUTE_CONTINGENCY || route == ROUTE_RECOVERY_KEY ? ROUTE_CONTINGENCY
                                                                         : ROUTE_COUNT;
    case METHOD_RECOVERY_KEY:
        return route == ROUTE_RECOVERY_KEY ? ROUTE_RECOVERY_KEY : ROUTE_COUNT;
    case METHOD_ISSUING_OCA:
        return route == ROUTE_ISSUING_OCA ? route : ROUTE_COUNT;
    case METHOD_CONTINGENCY_KEY:
        return route == ROUTE_CONTINGENCY_KEY ? route : ROUTE_COUNT;
    case METHOD_1:
    case METHOD_HANDBACK:
    case METHOD_COUNT:
        break;
    }
    return ROUTE_COUNT;
}

bool incident_event_of(enum route route, enum authority_outcome outcome, enum method method,
                       enum event *out)
{
    static const enum event authorise[ROUTE_COUNT + 1] = {
        [ROUTE_UNDECIDED] = EVENT_COUNT,
        [ROUTE_METHOD_1] = EVENT_COUNT,
        [ROUTE_METHOD_2] = EVENT_AUTHORISE_METHOD_2,
        [ROUTE_METHOD_3] = EVENT_AUTHORISE_METHOD_3,
        [ROUTE_CONTINGENCY] = EVENT_AUTHORISE_CONTINGENCY,
        [ROUTE_RECOVERY_KEY] = EVENT_AUTHORISE_RECOVERY_KEY,
        [ROUTE_ISSUING_OCA] = EVENT_AUTHORISE_ISSUING_OCA,
        [ROUTE_CONTINGENCY_KEY] = EVENT_AUTHORISE_CONTINGENCY_KEY,
        [ROUTE_SHARED_EVENT] = EVENT_COUNT,
        [ROUTE_COUNT] = EVENT_COUNT,
    };
    static const enum event other[AUTHORITY_OUTCOME_COUNT] = {
        [AUTHORITY_AUTHORISE] = EVENT_COUNT,
        [AUTHORITY_REFUSE] = EVENT_REFUSE,
        [AUTHORITY_ABORT] = EVENT_ABORT,
        [AUTHORITY_DEFER_REVOCATION] = EVENT_DEFER_REVOCATION,
        [AUTHORITY_DEFER_ID_TRANSFER] = EVENT_DEFER_ID_TRANSFER,
        [AUTHORITY_DIRECT_OTHER] = EVENT_DIRECT_OTHER,
        [AUTHORITY_APPOINT] = EVENT_APPOINT,
    };
    enum event v = outcome == AUTHORITY_AUTHORISE ? authorise[route_of(route, method)]
                                                  : other[outcome];

    if (v == EVENT_COUNT)
        return false;
    *out = v;
    return true;
}

/* One step further from all places reached; false: there was none. */
static bool spread(uint64_t reached[ROUTE_COUNT])
{
    bool more = false;

    for (size_t i = 0; i < incident_n_transitions; i++) {
        const struct transition *t = &incident_transitions[i];

        for (unsigned r = 0; r < ROUTE_COUNT; r++) {
            unsigned route = t->takes == ROUTE_SAME ? r : (unsigned)t->takes;

            /* who stays or goes back is where somebody has been before */
            if (t->to >= STATE_COUNT || (t->routes & ROUTE_BIT(r)) == 0 ||
                (reached[r] & t->from) == 0 || (reached[route] & STATE_BIT(t->to)) != 0)
                continue;
            reached[route] |= STATE_BIT(t->to);
            more = true;
        }
    }
    return more;
}

bool incident_leads_to(enum route route, enum state state, enum event event)
{
    uint64_t reached[ROUTE_COUNT] = {0};

    reached[route] = STATE_BIT(state);
    while (spread(reached))
        ;
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        for (unsigned s = 0; s < STATE_COUNT; s++)
            if ((reached[r] & STATE_BIT(s)) != 0 &&
                incident_next((enum route)r, (enum state)s, event) != NULL)
                return true;
    return false;
}

int64_t incident_due_us(enum state state, int64_t since_us, const struct config *c)
{
    int64_t wait_s = 0;
    int64_t due_us;

    switch (incident_state(state)->alarm) {
    case ALARM_CONFIRM:
        wait_s = c->service.custodian_alarm_s;
        break;
    case ALARM_NOTIFY_PMA:
        wait_s = c->service.pma_alarm_s;
        break;
    case ALARM_SUSPEND:
        wait_s = c->service.suspend_alarm_s;
        break;
    case ALARM_DECISION:
        wait_s = c->service.decision_alarm_s;
        break;
    case ALARM_CEREMONY:
        wait_s = (int64_t)c->service.reshare_alarm_d * 24 * 3600;
        break;
    case ALARM_NONE:
    case ALARM_COUNT:
        break;
    }
    if (wait_s == 0 || __builtin_add_overflow(since_us, wait_s * 1000000, &due_us))
        return INT64_MAX;
    return due_us;
}
