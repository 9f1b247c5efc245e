/* SPDX-License-Identifier: MIT */
#include "policy.h"
#include "clock.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KIND_BIT(k)      (1u << (k))
#define MODE_BIT(m)      (1u << (m))
#define INITIATOR_BIT(i) (1u << (i))

enum {
    ROOT = CELL_BIT(CELL_ROOT),
    RECOVERY = CELL_BIT(CELL_RECOVERY_DS),
    SUPPLIER = CELL_BIT(CELL_SUPPLIER_DS) | CELL_BIT(CELL_SUPPLIER_KA) |
               CELL_BIT(CELL_SUPPLIER_PP),
    NETWORK = CELL_BIT(CELL_NETWORK_DS) | CELL_BIT(CELL_NETWORK_KA),
    ACB = CELL_BIT(CELL_ACB_DS) | CELL_BIT(CELL_ACB_KA),
    TCOS = CELL_BIT(CELL_TCOS_DS),
    WAN = CELL_BIT(CELL_WAN_DS),
    EVERY_CELL = CELL_BIT(CELL_COUNT) - 1,
    USERS = INITIATOR_BIT(INITIATOR_SUBSCRIBER) | INITIATOR_BIT(INITIATOR_SRP) |
            INITIATOR_BIT(INITIATOR_OFGEM),
    DCC = INITIATOR_BIT(INITIATOR_DCC),
    ANYONE = USERS | DCC | INITIATOR_BIT(INITIATOR_RDP),
};

/* Whose certificates a route puts on devices. */
enum new_party {
    PARTY_SUBSCRIBER, /* the Subscriber's, or the replacement Subscriber's */
    PARTY_ACB,        /* the Access Control Broker's, in cells of others */
    PARTY_AS_BEFORE,  /* of the party whose certificate was there */
};

/*
 * SEC Appendix L 1.2, one row per route: which kind of document orders it, who may ask, the
 * modes it may use, which compromised keys it answers (all of them in `may`, at least one
 * in `must`), whether it may touch more than the compromised cells, and whose certificates
 * it places.
 */
struct route {
    unsigned kinds, initiators, modes;
    uint32_t may, must;
    bool beyond; /* cells whose own key is not compromised, too */
    enum new_party party;
};

static const struct route routes[] = {
    [METHOD_1] = {KIND_BIT(KIND_INSTRUCTION), ANYONE,
                  MODE_BIT(MODE_SUPPLIER_BY_SUPPLIER) | MODE_BIT(MODE_NETWORK_BY_NETWORK) |
                      MODE_BIT(MODE_ACB_BY_ACB) | MODE_BIT(MODE_WAN_BY_WAN) |
                      MODE_BIT(MODE_TCOS_BY_TCOS),
                  SUPPLIER | NETWORK | ACB | TCOS | WAN,
                  SUPPLIER | NETWORK | ACB | TCOS | WAN, false, PARTY_SUBSCRIBER},
    [METHOD_2] = {KIND_BIT(KIND_DECISION), USERS, MODE_BIT(MODE_ANY_BY_RECOVERY),
                  SUPPLIER | NETWORK, SUPPLIER | NETWORK, false, PARTY_ACB},
    [METHOD_3] = {KIND_BIT(KIND_DECISION), USERS, MODE_BIT(MODE_ANY_BY_RECOVERY),
                  SUPPLIER | NETWORK, SUPPLIER | NETWORK, false, PARTY_SUBSCRIBER},
    [METHOD_CONTINGENCY] = {KIND_BIT(KIND_DECISION), DCC, MODE_BIT(MODE_ANY_BY_CONTINGENCY),
                            EVERY_CELL, ROOT | RECOVERY, true, PARTY_AS_BEFORE},
    [METHOD_RECOVERY_KEY] = {KIND_BIT(KIND_DECISION), DCC, MODE_BIT(MODE_ANY_BY_RECOVERY),
                             RECOVERY, RECOVERY, false, PARTY_AS_BEFORE},
    [METHOD_HANDBACK] = {KIND_BIT(KIND_INSTRUCTION), ANYONE,
                         MODE_BIT(MODE_SUPPLIER_BY_SUPPLIER) |
                             MODE_BIT(MODE_NETWORK_BY_NETWORK),
                         SUPPLIER | NETWORK, SUPPLIER | NETWORK, false, PARTY_SUBSCRIBER},
    [METHOD_DCC] = {KIND_BIT(KIND_DECISION), DCC, MODE_BIT(MODE_ANY_BY_RECOVERY),
                    ACB | TCOS | WAN, ACB | TCOS | WAN, false, PARTY_AS_BEFORE},
    [METHOD_ISSUING_OCA] = {KIND_BIT(KIND_DECISION), DCC, MODE_BIT(MODE_ANY_BY_RECOVERY),
                            EVERY_CELL & ~ROOT, EVERY_CELL & ~ROOT, false, PARTY_AS_BEFORE},
    [METHOD_CONTINGENCY_KEY] = {KIND_BIT(KIND_DECISION), DCC,
                                MODE_BIT(MODE_ANY_BY_RECOVERY), ROOT, ROOT, false,
                                PARTY_AS_BEFORE},
};
static_assert(sizeof routes / sizeof routes[0] == METHOD_COUNT, "a row for each method");

struct look { /* one rule looking at the facts */
    const struct policy_facts *f;
    const struct route *route;
    int64_t now_us;
    char *why;
    size_t cap;
};

static bool no(struct look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool no(struct look *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(l->why, l->cap, fmt, ap);
    va_end(ap);
    return false;
}

static uint32_t compromised_cells(const struct policy_facts *f)
{
    uint32_t mask = 0;

    for (size_t i = 0; i < f->n_compromised; i++)
        mask |= CELL_BIT(f->compromised[i].cell);
    return mask;
}

static uint32_t replaced_cells(const struct policy_facts *f)
{
    uint32_t mask = 0;

    for (size_t i = 0; i < f->n_replacements; i++)
        mask |= CELL_BIT(f->replacements[i].cell);
    return mask;
}

/* The name of the lowest cell in mask. */
static const char *first_cell(uint32_t mask)
{
    return gbcs_cell((enum cell)__builtin_ctz(mask))->name;
}

static bool eui_same(const struct eui64 *a, const struct eui64 *b)
{
    return eui64_cmp(a, b) == 0;
}

static const char *cell_name(const struct policy_replacement *r)
{
    return gbcs_cell(r->cell)->name;
}

static bool has_ppmid(const struct policy_facts *f)
{
    return ((f->device_types | f->roster_types) & DEVICE_BIT(DEVICE_PPMID)) != 0;
}

/* --- the document and its time --- */

static bool exercise(struct look *l)
{
    return l->f->exercise == l->f->service_exercise ||
           no(l, "the document is %s, this service %s",
              l->f->exercise ? "an exercise" : "live",
              l->f->service_exercise ? "is set up for exercises" : "is live");
}

static bool incident_same(struct look *l)
{
    return !l->f->other_incident_document || no(l, "the document names another incident");
}

static bool window_length(struct look *l)
{
    int64_t us = l->f->valid_to_us - l->f->valid_from_us;

    return l->f->max_window_s == 0 || us <= l->f->max_window_s * 1000000 ||
           no(l, "the window is %lld s long; %lld s are allowed", (long long)(us / 1000000),
              (long long)l->f->max_window_s);
}

static bool supersede(struct look *l)
{
    return !l->f->refused_before || l->f->outcome != OUTCOME_AUTHORISE ||
           l->f->supersedes ||
           no(l, "the last decision was not to recover, and this one "
                 "does not say that it supersedes it");
}

static bool guidance(struct look *l)
{
    return l->f->factors_shall > 0 ||
           no(l, "no factor that shall be considered is weighed");
}

static bool end_condition(struct look *l)
{
    return l->f->end_condition || no(l, "the deferral has no end condition");
}

static bool review(struct look *l)
{
    return l->f->review || no(l, "the deferral has no review date");
}

static bool hostile(struct look *l)
{
    for (size_t i = 0; i < l->f->n_compromised; i++)
        if (l->f->compromised[i].cause == CAUSE_LOST_CONTROL && !l->f->risk_weighed)
            return no(l, "control of the %s key is lost and the risk is not weighed",
                      gbcs_cell(l->f->compromised[i].cell)->name);
    return true;
}

/* --- about to sign --- */

static bool outcome(struct look *l)
{
    return l->f->outcome == OUTCOME_AUTHORISE ||
           no(l, "the outcome is %s", outcome_name(l->f->outcome));
}

static bool window(struct look *l)
{
    char text[CLOCK_TEXT_LEN];

    if (l->now_us < l->f->valid_from_us) {
        clock_text(l->f->valid_from_us, text);
        return no(l, "valid from %s only", text);
    }
    if (l->now_us > l->f->valid_to_us) {
        clock_text(l->f->valid_to_us, text);
        return no(l, "expired %s", text);
    }
    return true;
}

static bool superseded(struct look *l)
{
    return !l->f->superseded || no(l, "a later decision supersedes this one");
}

static bool incident_state(struct look *l)
{
    static const char *const words[] = {"", "", "was a false alarm",
                                        "was refused by the PMA", "is closed"};

    return l->f->incident <= INCIDENT_OPEN ||
           no(l, "the incident %s", words[l->f->incident]);
}

static bool other_incident(struct look *l)
{
    return !l->f->other_open_incident || no(l, "another open incident holds a device");
}

static bool operator_apart(struct look *l)
{
    if (l->f->operator_is_approver)
        return no(l, "the operator is an approver of this document");
    return !l->f->operator_is_custodian || no(l, "the operator is a key custodian");
}

static bool custodians(struct look *l)
{
    return l->f->custodians_present >= l->f->custodians_needed ||
           no(l, "%u of %u custodians are present", l->f->custodians_present,
              l->f->custodians_needed);
}

static bool attempts(struct look *l)
{
    return l->f->attempt <= l->f->attempts ||
           no(l, "attempt %u; the document allows %u", l->f->attempt, l->f->attempts);
}

static bool final(struct look *l)
{
    return l->f->final_confirmed != ANSWER_NO ||
           no(l, "the point of no return is not confirmed");
}

/* --- who asks, who decides --- */

static bool decider(struct look *l)
{
    return (l->route->kinds & KIND_BIT(l->f->kind)) != 0 ||
           no(l, "method %s is not ordered by a document of kind %s",
              method_name(l->f->method), kind_name(l->f->kind));
}

static bool initiator(struct look *l)
{
    return (l->route->initiators & INITIATOR_BIT(l->f->initiator)) != 0 ||
           no(l, "%s may not ask for method %s", initiator_name(l->f->initiator),
              method_name(l->f->method));
}

static bool srp_consent(struct look *l)
{
    return l->f->initiator != INITIATOR_SRP || l->f->consent ||
           no(l, "the Shared Resource Provider names no request of the Subscriber");
}

static bool ofgem_notice(struct look *l)
{
    return l->f->initiator != INITIATOR_OFGEM || l->f->notice ||
           no(l, "no notice of the Authority is named");
}

static bool appointment(struct look *l)
{
    return eui_same(&l->f->subscriber, &l->f->replacement_subscriber) ||
           l->f->appointment ||
           no(l, "certificates of another party are placed and no appointment is named");
}

static bool any_compromised(struct look *l)
{
    return l->f->n_compromised > 0 || no(l, "no compromised certificate is named");
}

static bool compromised_route(struct look *l)
{
    uint32_t cells = compromised_cells(l->f);

    if (cells & ~l->route->may)
        return no(l, "method %s is no answer to a compromised %s",
                  method_name(l->f->method), first_cell(cells & ~l->route->may));
    return (cells & l->route->must) != 0 ||
           no(l, "method %s answers a compromised %s", method_name(l->f->method),
              first_cell(l->route->must));
}

static bool compromised_party(struct look *l)
{
    for (size_t i = 0; i < l->f->n_compromised; i++) {
        const struct policy_compromised *c = &l->f->compromised[i];

        if (l->route->party != PARTY_AS_BEFORE && c->has_party &&
            !eui_same(&c->party, &l->f->subscriber))
            return no(l, "the compromised %s certificate is not the Subscriber's",
                      gbcs_cell(c->cell)->name);
    }
    return true;
}

/* --- the key and the mode --- */

static bool mode_route(struct look *l)
{
    return (l->route->modes & MODE_BIT(l->f->mode)) != 0 ||
           no(l, "method %s does not use mode %s", method_name(l->f->method),
              gbcs_mode(l->f->mode)->name);
}

static bool mode_acb(struct look *l)
{
    return l->f->mode != MODE_ACB_BY_ACB || l->f->device_types == DEVICE_BIT(DEVICE_CHF) ||
           no(l, "a command of mode %s is signed for a CHF only",
              gbcs_mode(l->f->mode)->name);
}

static bool key_known(struct look *l)
{
    return l->f->key_known || no(l, "the key named is not usable on this machine");
}

static bool key_certificate(struct look *l)
{
    return l->f->key_certificate_same ||
           no(l, "the document names another certificate of the key");
}

static bool key_authority(struct look *l)
{
    return l->f->key_authority_same || no(l, "another authority decides about the key");
}

static bool key_organisation(struct look *l)
{
    return !l->f->by_organisation ||
           eui_same(&l->f->authority_organisation, &l->f->key_party) ||
           no(l, "the officers are not those of the key's organisation");
}

static bool key_pma(struct look *l)
{
    bool pma_only = l->f->mode == MODE_ANY_BY_RECOVERY ||
                    l->f->mode == MODE_ANY_BY_CONTINGENCY ||
                    l->f->key_role == ROLE_RECOVERY;

    return !pma_only || (l->f->kind == KIND_DECISION && !l->f->by_organisation) ||
           no(l, "the Recovery or Contingency key would be used without the PMA");
}

/* The contingency key has no role of its own: its certificate says "other". */
static bool key_role(struct look *l)
{
    unsigned want = (unsigned)gbcs_mode(l->f->mode)->signer;

    if (l->f->mode == MODE_ANY_BY_CONTINGENCY)
        want = ROLE_OTHER;
    else if (l->f->method == METHOD_HANDBACK)
        want = ROLE_ACB;
    if (l->f->key_usage != KU_DIGITAL_SIGNATURE)
        return no(l, "the key's certificate is not for digitalSignature");
    return l->f->key_role == want ||
           no(l, "the key's certificate has role %02X; mode %s needs %02X here",
              l->f->key_role, gbcs_mode(l->f->mode)->name, want);
}

/* A key in doubt signs only its own replacement. */
static bool key_doubt(struct look *l)
{
    return !l->f->key_compromised || l->f->method == METHOD_1 ||
           l->f->method == METHOD_RECOVERY_KEY ||
           no(l, "the signing key is among the compromised ones");
}

static bool symmetric_key(struct look *l)
{
    if (l->f->mode != MODE_ANY_BY_CONTINGENCY)
        return !l->f->symmetric_key_named ||
               no(l, "the Symmetric Key is released by mode 9 only");
    if (!l->f->symmetric_key_named)
        return no(l, "the document does not release the Symmetric Key");
    return l->f->symmetric_key_same ||
           no(l, "the Symmetric Key given is not the one named");
}

static bool new_root(struct look *l)
{
    return l->f->mode != MODE_ANY_BY_CONTINGENCY || (replaced_cells(l->f) & ROOT) != 0 ||
           no(l, "the Symmetric Key would be spent and no new root placed");
}

static bool root_wrapped(struct look *l)
{
    for (size_t i = 0; i < l->f->n_replacements; i++)
        if (l->f->replacements[i].cell == CELL_ROOT && !l->f->replacements[i].root_wrapped)
            return no(l, "the new root carries no wrapped contingency key");
    return true;
}

static bool root_normal(struct look *l)
{
    for (size_t i = 0; i < l->f->n_replacements; i++)
        if (l->f->replacements[i].cell == CELL_ROOT &&
            l->f->mode != MODE_ANY_BY_CONTINGENCY && !l->f->replacements[i].root_normal)
            return no(l, "devices cannot reach the new root from their present one");
    return true;
}

/* --- devices and cells --- */

static bool type2(struct look *l)
{
    return ((l->f->device_types | l->f->roster_types) & DEVICE_BIT(DEVICE_TYPE2)) == 0 ||
           no(l, "IHD and CAD are Type 2 devices");
}

static bool ppmid_key(struct look *l)
{
    return !has_ppmid(l->f) || (compromised_cells(l->f) & (ROOT | RECOVERY | ACB)) != 0 ||
           no(l, "a PPMID is named for a compromised %s",
              l->f->n_compromised > 0 ? first_cell(compromised_cells(l->f)) : "nothing");
}

static bool ppmid_initiator(struct look *l)
{
    return !has_ppmid(l->f) || l->f->initiator == INITIATOR_DCC ||
           no(l, "a PPMID is named in an event of %s", initiator_name(l->f->initiator));
}

static bool ppmid_wider(struct look *l)
{
    uint32_t both = DEVICE_BIT(DEVICE_ESME) | DEVICE_BIT(DEVICE_GSME);

    return !has_ppmid(l->f) || (l->f->device_types & both) == both || l->f->ppmid_only ||
           no(l, "a PPMID is named without ESME and GSME");
}

static bool ppmid_cell(struct look *l)
{
    uint32_t bad = l->f->ppmid_cells & (SUPPLIER | NETWORK | TCOS);

    return bad == 0 || no(l, "a PPMID would get %s", first_cell(bad));
}

static bool types_named(struct look *l)
{
    uint32_t more = l->f->roster_types & ~l->f->device_types;

    return more == 0 || no(l, "the roster has a %s and the document names none",
                           gbcs_device((enum device_type)__builtin_ctz(more))->name);
}

static bool status(struct look *l)
{
    return l->f->commissioned || no(l, "no device was commissioned before the incident");
}

static bool roster_same(struct look *l)
{
    return l->f->roster_same || no(l, "the roster is not the one the document names");
}

static bool roster_count(struct look *l)
{
    return l->f->roster_rows <= l->f->count ||
           no(l, "%u devices; the document allows %u", l->f->roster_rows, l->f->count);
}

static bool any_replacement(struct look *l)
{
    return l->f->n_replacements > 0 || no(l, "nothing is replaced");
}

static bool cell_mode(struct look *l)
{
    uint32_t more = replaced_cells(l->f) & ~gbcs_mode(l->f->mode)->cells;

    return more == 0 || no(l, "mode %s cannot replace %s", gbcs_mode(l->f->mode)->name,
                           first_cell(more));
}

static bool cell_held(struct look *l)
{
    uint32_t held = 0, more;

    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (l->f->device_types & DEVICE_BIT(t))
            held |= gbcs_device((enum device_type)t)->cells;
    more = replaced_cells(l->f) & ~held;
    return more == 0 || no(l, "no device type named holds %s", first_cell(more));
}

/* A compromised root takes every certificate below it along. */
static bool cell_compromised(struct look *l)
{
    uint32_t bad = compromised_cells(l->f);
    uint32_t more;

    if (l->route->beyond)
        bad |= (bad & ROOT) ? EVERY_CELL : ROOT;
    more = replaced_cells(l->f) & ~bad;
    return more == 0 || no(l, "%s would be replaced and is not notified as compromised",
                           first_cell(more));
}

/* --- each replacement certificate --- */

static bool r_role(struct look *l, const struct policy_replacement *r)
{
    unsigned want = l->route->party == PARTY_ACB ? (unsigned)ROLE_ACB
                                                 : (unsigned)gbcs_cell(r->cell)->role;

    return r->role == want || no(l, "%s: the certificate has role %02X, not %02X",
                                 cell_name(r), r->role, want);
}

static bool r_usage(struct look *l, const struct policy_replacement *r)
{
    return r->usage == gbcs_cell(r->cell)->usage ||
           no(l, "%s: the certificate is for %s", cell_name(r), gbcs_usage_name(r->usage));
}

static bool r_party(struct look *l, const struct policy_replacement *r)
{
    const struct policy_facts *f = l->f;

    switch (l->route->party) {
    case PARTY_SUBSCRIBER:
        return eui_same(&r->party, &f->replacement_subscriber) ||
               no(l, "%s: the certificate is another party's", cell_name(r));
    case PARTY_ACB:
        return !f->has_acb || eui_same(&r->party, &f->acb_party) ||
               no(l, "%s: the certificate is not of the configured ACB", cell_name(r));
    case PARTY_AS_BEFORE:
        for (size_t i = 0; i < f->n_compromised; i++)
            if (f->compromised[i].cell == r->cell && f->compromised[i].has_party &&
                !eui_same(&r->party, &f->compromised[i].party))
                return no(l, "%s: the certificate is another party's", cell_name(r));
    }
    return true;
}

static bool r_key(struct look *l, const struct policy_replacement *r)
{
    return !r->key_compromised ||
           no(l, "%s: the certificate is over a compromised key", cell_name(r));
}

static bool r_date(struct look *l, const struct policy_replacement *r)
{
    return (l->now_us >= r->not_before_us && l->now_us <= r->not_after_us) ||
           no(l, "%s: the certificate is not in date", cell_name(r));
}

static bool r_chain(struct look *l, const struct policy_replacement *r)
{
    return r->chains ||
           no(l, "%s: the certificate does not chain to the Root", cell_name(r));
}

static bool r_since(struct look *l, const struct policy_replacement *r)
{
    for (size_t i = 0; i < l->f->n_compromised; i++)
        if (l->f->compromised[i].cell == r->cell && l->f->compromised[i].has_since &&
            l->route->party != PARTY_ACB &&
            r->not_before_us < l->f->compromised[i].since_us)
            return no(l, "%s: the certificate is older than the compromise", cell_name(r));
    return true;
}

/* Keys made in a module that is lost or shared with the suspect are no better than the old
 * ones. */
static bool r_origin(struct look *l, const struct policy_replacement *r)
{
    bool doubt = l->f->initiator == INITIATOR_SRP;

    if (r->origin == ORIGIN_SAME)
        return no(l, "%s: the key was made in the suspected module", cell_name(r));
    for (size_t i = 0; i < l->f->n_compromised; i++)
        doubt |= l->f->compromised[i].cause == CAUSE_LOSS_OF_USE ||
                 l->f->compromised[i].cause == CAUSE_LOST_CONTROL;
    return l->f->method != METHOD_3 || !doubt || r->origin == ORIGIN_SEPARATE ||
           no(l, "%s: where the key was made is not declared", cell_name(r));
}

enum when {
    ALWAYS,
    SIGNING,     /* about to sign */
    DEFERRAL,    /* the outcome defers something */
    AUTHORISED,  /* the outcome lets something be signed */
    REPLACEMENT, /* so, and once for each replacement */
};

/* The order is the order in which reasons are given. */
static const struct {
    const char *id;
    enum when when;
    bool (*holds)(struct look *);
    bool (*each)(struct look *, const struct policy_replacement *);
} table[] = {
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
    {"method.decider", AUTHORISED, decider, NULL},
    {"request.initiator", AUTHORISED, initiator, NULL},
    {"request.srp-consent", AUTHORISED, srp_consent, NULL},
    {"request.notice", AUTHORISED, ofgem_notice, NULL},
    {"request.appointment", AUTHORISED, appointment, NULL},
    {"compromised.none", AUTHORISED, any_compromised, NULL},
    {"compromised.method", AUTHORISED, compromised_route, NULL},
    {"compromised.party", AUTHORISED, compromised_party, NULL},
    {"method.mode", AUTHORISED, mode_route, NULL},
    {"method.acb-unsigned", AUTHORISED, mode_acb, NULL},
    {"key.unusable", AUTHORISED, key_known, NULL},
    {"key.certificate", AUTHORISED, key_certificate, NULL},
    {"key.authority", AUTHORISED, key_authority, NULL},
    {"key.organisation", AUTHORISED, key_organisation, NULL},
    {"key.pma", AUTHORISED, key_pma, NULL},
    {"key.role", AUTHORISED, key_role, NULL},
    {"key.compromised", AUTHORISED, key_doubt, NULL},
    {"contingency.symmetric-key", AUTHORISED, symmetric_key, NULL},
    {"contingency.new-root", AUTHORISED, new_root, NULL},
    {"contingency.final", SIGNING, final, NULL},
    {"device.type2", AUTHORISED, type2, NULL},
    {"device.ppmid-key", AUTHORISED, ppmid_key, NULL},
    {"device.ppmid-initiator", AUTHORISED, ppmid_initiator, NULL},
    {"device.ppmid-wider", AUTHORISED, ppmid_wider, NULL},
    {"device.ppmid-cell", AUTHORISED, ppmid_cell, NULL},
    {"device.not-named", AUTHORISED, types_named, NULL},
    {"device.status", AUTHORISED, status, NULL},
    {"replacement.none", AUTHORISED, any_replacement, NULL},
    {"cell.mode", AUTHORISED, cell_mode, NULL},
    {"cell.not-held", AUTHORISED, cell_held, NULL},
    {"cell.compromised", AUTHORISED, cell_compromised, NULL},
    {"replacement.root-wrapped", AUTHORISED, root_wrapped, NULL},
    {"replacement.root-normal", AUTHORISED, root_normal, NULL},
    {"replacement.role", REPLACEMENT, NULL, r_role},
    {"replacement.usage", REPLACEMENT, NULL, r_usage},
    {"replacement.party", REPLACEMENT, NULL, r_party},
    {"replacement.key", REPLACEMENT, NULL, r_key},
    {"replacement.date", REPLACEMENT, NULL, r_date},
    {"replacement.chain", REPLACEMENT, NULL, r_chain},
    {"replacement.since", REPLACEMENT, NULL, r_since},
    {"replacement.origin", REPLACEMENT, NULL, r_origin},
};
const size_t n_policy_rules = sizeof table / sizeof table[0];
static_assert(sizeof table / sizeof table[0] <= POLICY_FAILED_MAX, "a verdict holds all");

const char *policy_rule_id(size_t i)
{
    return table[i].id;
}

bool policy_rule_applies(size_t i, const struct policy_facts *f)
{
    switch (table[i].when) {
    case ALWAYS:
        return true;
    case SIGNING:
        return f->signing;
    case DEFERRAL:
        return f->outcome == OUTCOME_DEFER_REVOCATION ||
               f->outcome == OUTCOME_DEFER_ID_TRANSFER;
    case AUTHORISED:
        return f->outcome == OUTCOME_AUTHORISE;
    case REPLACEMENT:
        return f->outcome == OUTCOME_AUTHORISE && f->n_replacements > 0;
    }
    return false;
}

static bool holds(size_t i, struct look *l)
{
    if (table[i].holds != NULL)
        return table[i].holds(l);
    for (size_t k = 0; k < l->f->n_replacements; k++)
        if (!table[i].each(l, &l->f->replacements[k]))
            return false;
    return true;
}

void policy_judge(const struct policy_facts *f, int64_t now_us, struct verdict *v)
{
    memset(v, 0, sizeof *v);
    for (size_t i = 0; i < n_policy_rules; i++) {
        struct look l = {f, &routes[f->method], now_us, v->failed[v->n].why,
                         sizeof v->failed[0].why};

        if (policy_rule_applies(i, f) && !holds(i, &l))
            v->failed[v->n++].id = table[i].id;
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
