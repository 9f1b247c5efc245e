/* SPDX-License-Identifier: MIT */
#include "policy_rules.h"

#include <assert.h>

const struct route policy_routes[] = {
    [METHOD_1] = {KIND_BIT(KIND_INSTRUCTION), ANYONE,
                  MODE_BIT(MODE_SUPPLIER_BY_SUPPLIER) | MODE_BIT(MODE_NETWORK_BY_NETWORK) |
                      MODE_BIT(MODE_ACB_BY_ACB) | MODE_BIT(MODE_WAN_BY_WAN) |
                      MODE_BIT(MODE_TCOS_BY_TCOS),
                  SUPPLIER | NETWORK | ACB | TCOS | WAN,
                  SUPPLIER | NETWORK | ACB | TCOS | WAN, false, PARTY_SUBSCRIBER},
    [METHOD_2] = {KIND_BIT(KIND_DECISION), USERS, MODE_BIT(MODE_ANY_BY_RECOVERY),
                  SUPPLIER | NETWORK, SUPPLIER | NETWORK, false, PARTY_ACB},
    [METHOD_3] = {KIND_BIT(KIND_DECISION), USERS, MODE_BIT(MODE_ANY_BY_RECOVERY),
                  SUPPLIER | NETWORK | LOAD, SUPPLIER | NETWORK | LOAD, false,
                  PARTY_SUBSCRIBER},
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
static_assert(sizeof policy_routes / sizeof policy_routes[0] == METHOD_COUNT,
              "a row for each method");

static bool eui_same(const struct eui64 *a, const struct eui64 *b)
{
    return eui64_cmp(a, b) == 0;
}

/* --- who asks, who decides --- */

static bool decider(struct look *l)
{
    return (l->route->kinds & KIND_BIT(l->f->kind)) != 0 ||
           policy_no(l, "method %s is not ordered by a document of kind %s",
                     authority_method_name(l->f->method), authority_kind_name(l->f->kind));
}

static bool initiator(struct look *l)
{
    return (l->route->initiators & INITIATOR_BIT(l->f->initiator)) != 0 ||
           policy_no(l, "%s may not ask for method %s",
                     authority_initiator_name(l->f->initiator),
                     authority_method_name(l->f->method));
}

static bool srp_consent(struct look *l)
{
    return l->f->initiator != INITIATOR_SRP || l->f->consent ||
           policy_no(l, "the Shared Resource Provider names no request of the Subscriber");
}

static bool ofgem_notice(struct look *l)
{
    return l->f->initiator != INITIATOR_OFGEM || l->f->notice ||
           policy_no(l, "no notice of the Authority is named");
}

static bool appointment(struct look *l)
{
    return eui_same(&l->f->subscriber, &l->f->replacement_subscriber) ||
           l->f->appointment ||
           policy_no(
               l, "certificates of another party are placed and no appointment is named");
}

static bool any_compromised(struct look *l)
{
    return l->f->n_compromised > 0 || policy_no(l, "no compromised certificate is named");
}

static bool compromised_route(struct look *l)
{
    uint32_t cells = policy_compromised(l->f);

    if (cells & ~l->route->may)
        return policy_no(l, "method %s is no answer to a compromised %s",
                         authority_method_name(l->f->method),
                         policy_first_cell(cells & ~l->route->may));
    return (cells & l->route->must) != 0 ||
           policy_no(l, "method %s answers a compromised %s",
                     authority_method_name(l->f->method),
                     policy_first_cell(l->route->must));
}

static bool compromised_party(struct look *l)
{
    for (size_t i = 0; i < l->f->n_compromised; i++) {
        const struct policy_compromised *c = &l->f->compromised[i];

        if (l->route->party != PARTY_AS_BEFORE && c->has_party &&
            !eui_same(&c->party, &l->f->subscriber))
            return policy_no(l, "the compromised %s certificate is not the Subscriber's",
                             gbcs_cell(c->cell)->name);
    }
    return true;
}

/* --- the key and the mode --- */

static bool mode_route(struct look *l)
{
    return (l->route->modes & MODE_BIT(l->f->mode)) != 0 ||
           policy_no(l, "method %s does not use mode %s",
                     authority_method_name(l->f->method), gbcs_mode(l->f->mode)->name);
}

static bool mode_acb(struct look *l)
{
    return l->f->mode != MODE_ACB_BY_ACB || l->f->device_types == DEVICE_BIT(DEVICE_CHF) ||
           policy_no(l, "a command of mode %s is signed for a CHF only",
                     gbcs_mode(l->f->mode)->name);
}

static bool key_known(struct look *l)
{
    return l->f->key_known || policy_no(l, "the key named is not usable on this machine");
}

static bool key_certificate(struct look *l)
{
    return l->f->key_certificate_same ||
           policy_no(l, "the document names another certificate of the key");
}

static bool key_authority(struct look *l)
{
    return l->f->key_authority_same ||
           policy_no(l, "another authority decides about the key");
}

static bool key_organisation(struct look *l)
{
    return !l->f->by_organisation ||
           eui_same(&l->f->authority_organisation, &l->f->key_party) ||
           policy_no(l, "the officers are not those of the key's organisation");
}

static bool key_pma(struct look *l)
{
    bool pma_only = l->f->mode == MODE_ANY_BY_RECOVERY ||
                    l->f->mode == MODE_ANY_BY_CONTINGENCY ||
                    l->f->key_role == ROLE_RECOVERY;

    return !pma_only || (l->f->kind == KIND_DECISION && !l->f->by_organisation) ||
           policy_no(l, "the Recovery or Contingency key would be used without the PMA");
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
        return policy_no(l, "the key's certificate is not for digitalSignature");
    return l->f->key_role == want ||
           policy_no(l, "the key's certificate has role %02X; mode %s needs %02X here",
                     l->f->key_role, gbcs_mode(l->f->mode)->name, want);
}

/* A key in doubt signs only its own replacement. */
static bool key_doubt(struct look *l)
{
    return !l->f->key_compromised || l->f->method == METHOD_1 ||
           l->f->method == METHOD_RECOVERY_KEY ||
           policy_no(l, "the signing key is among the compromised ones");
}

static bool symmetric_key(struct look *l)
{
    if (l->f->mode != MODE_ANY_BY_CONTINGENCY)
        return !l->f->symmetric_key_named ||
               policy_no(l, "the Symmetric Key is released by mode 9 only");
    if (!l->f->symmetric_key_named)
        return policy_no(l, "the document does not release the Symmetric Key");
    return l->f->symmetric_key_same ||
           policy_no(l, "the Symmetric Key given is not the one named");
}

static bool new_root(struct look *l)
{
    return l->f->mode != MODE_ANY_BY_CONTINGENCY || (policy_replaced(l->f) & ROOT) != 0 ||
           policy_no(l, "the Symmetric Key would be spent and no new root placed");
}

const struct policy_rule policy_route_rules[] = {
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
    {0},
};
