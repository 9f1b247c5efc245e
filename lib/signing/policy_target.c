/* SPDX-License-Identifier: MIT */
#include "policy_rules.h"

static bool eui_same(const struct eui64 *a, const struct eui64 *b)
{
    return eui64_cmp(a, b) == 0;
}

static const char *cell_name(const struct policy_replacement *r)
{
    return gbcs_cell(r->cell)->name;
}

/* The list says who gets a command; the document's types only say who may. */
static bool has_ppmid(const struct policy_facts *f)
{
    return (f->roster_types & DEVICE_BIT(DEVICE_PPMID)) != 0;
}

/* --- devices and cells --- */

static bool type2(struct look *l)
{
    return ((l->f->device_types | l->f->roster_types) & DEVICE_BIT(DEVICE_TYPE2)) == 0 ||
           policy_no(l, "IHD and CAD are Type 2 devices");
}

static bool ppmid_key(struct look *l)
{
    return !has_ppmid(l->f) || (policy_compromised(l->f) & (ROOT | RECOVERY | ACB)) != 0 ||
           policy_no(l, "a PPMID is on the list for a compromised %s",
                     l->f->n_compromised > 0 ? policy_first_cell(policy_compromised(l->f))
                                             : "nothing");
}

static bool ppmid_initiator(struct look *l)
{
    return !has_ppmid(l->f) || l->f->initiator == INITIATOR_DCC ||
           policy_no(l, "a PPMID is on the list in an event of %s",
                     authority_initiator_name(l->f->initiator));
}

static bool ppmid_wider(struct look *l)
{
    uint32_t both = DEVICE_BIT(DEVICE_ESME) | DEVICE_BIT(DEVICE_GSME);

    return !has_ppmid(l->f) || (l->f->roster_types & both) == both || l->f->ppmid_only ||
           policy_no(
               l, "the list has PPMIDs and no %s",
               gbcs_device((enum device_type)__builtin_ctz(both & ~l->f->roster_types))
                   ->name);
}

static bool ppmid_cell(struct look *l)
{
    uint32_t bad = l->f->ppmid_cells & (SUPPLIER | NETWORK | TCOS);

    return bad == 0 || policy_no(l, "a PPMID would get %s", policy_first_cell(bad));
}

static bool types_named(struct look *l)
{
    uint32_t more = l->f->roster_types & ~l->f->device_types;

    return more == 0 || policy_no(l, "the roster has a %s and the document names none",
                                  gbcs_device((enum device_type)__builtin_ctz(more))->name);
}

static bool status(struct look *l)
{
    return l->f->commissioned ||
           policy_no(l, "no device was commissioned before the incident");
}

static bool any_replacement(struct look *l)
{
    return l->f->n_replacements > 0 || policy_no(l, "nothing is replaced");
}

static bool cell_mode(struct look *l)
{
    uint32_t more = policy_replaced(l->f) & ~gbcs_mode(l->f->mode)->cells;

    return more == 0 || policy_no(l, "mode %s cannot replace %s",
                                  gbcs_mode(l->f->mode)->name, policy_first_cell(more));
}

/* What the text of GBCS 4.x would have to say, and nobody has in public, configuration
 * says. */
static bool cell_open(struct look *l)
{
    uint32_t open = policy_replaced(l->f) & gbcs_mode(l->f->mode)->open;

    return open == 0 || l->f->load_cells ||
           policy_no(l, "whether mode %s may replace %s is not known",
                     gbcs_mode(l->f->mode)->name, policy_first_cell(open));
}

static bool cell_held(struct look *l)
{
    uint32_t held = 0, more;

    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (l->f->device_types & DEVICE_BIT(t))
            held |= gbcs_device((enum device_type)t)->cells;
    more = policy_replaced(l->f) & ~held;
    return more == 0 ||
           policy_no(l, "no device type named holds %s", policy_first_cell(more));
}

/* A compromised root takes every certificate below it along. */
static bool cell_compromised(struct look *l)
{
    uint32_t bad = policy_compromised(l->f);
    uint32_t more;

    if (l->route->beyond)
        bad |= (bad & ROOT) ? EVERY_CELL : ROOT;
    more = policy_replaced(l->f) & ~bad;
    return more == 0 ||
           policy_no(l, "%s would be replaced and is not notified as compromised",
                     policy_first_cell(more));
}

static bool root_wrapped(struct look *l)
{
    for (size_t i = 0; i < l->f->n_replacements; i++)
        if (l->f->replacements[i].cell == CELL_ROOT && !l->f->replacements[i].root_wrapped)
            return policy_no(l, "the new root carries no wrapped contingency key");
    return true;
}

static bool root_normal(struct look *l)
{
    for (size_t i = 0; i < l->f->n_replacements; i++)
        if (l->f->replacements[i].cell == CELL_ROOT &&
            l->f->mode != MODE_ANY_BY_CONTINGENCY && !l->f->replacements[i].root_normal)
            return policy_no(l, "devices cannot reach the new root from their present one");
    return true;
}

/* --- each replacement certificate --- */

/* In a load controller's cells published messages place suppliers' certificates, too. */
static bool r_role(struct look *l, const struct policy_replacement *r)
{
    unsigned want = l->route->party == PARTY_ACB ? (unsigned)ROLE_ACB
                                                 : (unsigned)gbcs_cell(r->cell)->role;

    return r->role == want || (want == ROLE_LOAD_CONTROLLER && r->role == ROLE_SUPPLIER) ||
           policy_no(l, "%s: the certificate has role %02X, not %02X", cell_name(r),
                     r->role, want);
}

static bool r_usage(struct look *l, const struct policy_replacement *r)
{
    return r->usage == gbcs_cell(r->cell)->usage ||
           policy_no(l, "%s: the certificate is for %s", cell_name(r),
                     gbcs_usage_name(r->usage));
}

static bool r_party(struct look *l, const struct policy_replacement *r)
{
    const struct policy_facts *f = l->f;

    switch (l->route->party) {
    case PARTY_SUBSCRIBER:
        return eui_same(&r->party, &f->replacement_subscriber) ||
               policy_no(l, "%s: the certificate is another party's", cell_name(r));
    case PARTY_ACB:
        return !f->has_acb || eui_same(&r->party, &f->acb_party) ||
               policy_no(l, "%s: the certificate is not of the configured ACB",
                         cell_name(r));
    case PARTY_AS_BEFORE:
        for (size_t i = 0; i < f->n_compromised; i++)
            if (f->compromised[i].cell == r->cell && f->compromised[i].has_party &&
                !eui_same(&r->party, &f->compromised[i].party))
                return policy_no(l, "%s: the certificate is another party's", cell_name(r));
    }
    return true;
}

static bool r_key(struct look *l, const struct policy_replacement *r)
{
    return !r->key_compromised ||
           policy_no(l, "%s: the certificate is over a compromised key", cell_name(r));
}

static bool r_date(struct look *l, const struct policy_replacement *r)
{
    return (l->now_us >= r->not_before_us && l->now_us <= r->not_after_us) ||
           policy_no(l, "%s: the certificate is not in date", cell_name(r));
}

static bool r_chain(struct look *l, const struct policy_replacement *r)
{
    return r->chains ||
           policy_no(l, "%s: the certificate does not chain to the Root", cell_name(r));
}

static bool r_since(struct look *l, const struct policy_replacement *r)
{
    for (size_t i = 0; i < l->f->n_compromised; i++)
        if (l->f->compromised[i].cell == r->cell && l->f->compromised[i].has_since &&
            l->route->party != PARTY_ACB &&
            r->not_before_us < l->f->compromised[i].since_us)
            return policy_no(l, "%s: the certificate is older than the compromise",
                             cell_name(r));
    return true;
}

/* Keys made in a module that is lost or shared with the suspect are no better than
 * the old ones. */
static bool r_origin(struct look *l, const struct policy_replacement *r)
{
    bool doubt = l->f->initiator == INITIATOR_SRP;

    if (r->origin == ORIGIN_SAME)
        return policy_no(l, "%s: the key was made in the suspected module", cell_name(r));
    for (size_t i = 0; i < l->f->n_compromised; i++)
        doubt |= l->f->compromised[i].cause == CAUSE_LOSS_OF_USE ||
                 l->f->compromised[i].cause == CAUSE_LOST_CONTROL;
    return l->f->method != METHOD_3 || !doubt || r->origin == ORIGIN_SEPARATE ||
           policy_no(l, "%s: where the key was made is not declared", cell_name(r));
}

const struct policy_rule policy_target_rules[] = {
    {"device.type2", AUTHORISED, type2, NULL},
    {"device.ppmid-key", AUTHORISED, ppmid_key, NULL},
    {"device.ppmid-initiator", AUTHORISED, ppmid_initiator, NULL},
    {"device.ppmid-wider", AUTHORISED, ppmid_wider, NULL},
    {"device.ppmid-cell", AUTHORISED, ppmid_cell, NULL},
    {"device.not-named", AUTHORISED, types_named, NULL},
    {"device.status", AUTHORISED, status, NULL},
    {"replacement.none", AUTHORISED, any_replacement, NULL},
    {"cell.mode", AUTHORISED, cell_mode, NULL},
    {"cell.open", AUTHORISED, cell_open, NULL},
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
    {0},
};
