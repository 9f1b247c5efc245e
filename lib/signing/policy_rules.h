/* SPDX-License-Identifier: MIT
 *
 * policy_rules - private to policy*.c: how one rule looks at the facts, and the three lists
 * of rules that policy_judge walks in order.
 */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "policy.h"

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
    LOAD = CELL_BIT(CELL_LOAD_DS) | CELL_BIT(CELL_LOAD_KA),
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
 * SEC Appendix L 1.2, one row per route:
 *   - which kind of document orders it, and who may ask,
 *   - the modes it may use,
 *   - which compromised keys it answers (all of them in `may`, at least one in `must`),
 *   - whether it may touch more than the compromised cells,
 *   - whose certificates it places.
 */
struct route {
    unsigned kinds, initiators, modes;
    uint32_t may, must;
    bool beyond; /* cells whose own key is not compromised, too */
    enum new_party party;
};

extern const struct route policy_routes[METHOD_COUNT];

struct look { /* one rule looking at the facts */
    const struct policy_facts *f;
    const struct route *route;
    int64_t now_us;
    char *why;
    size_t cap;
};

/* Say why not, and return false. */
bool policy_no(struct look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint32_t policy_compromised(const struct policy_facts *f); /* cells */
uint32_t policy_replaced(const struct policy_facts *f);    /* cells */
const char *policy_first_cell(uint32_t mask);              /* name of the lowest */

enum when {
    ALWAYS,
    SIGNING,     /* about to sign */
    DEFERRAL,    /* the outcome defers something */
    AUTHORISED,  /* the outcome lets something be signed */
    REPLACEMENT, /* so, and once for each replacement */
};

struct policy_rule {
    const char *id;
    enum when when;
    bool (*holds)(struct look *);
    bool (*each)(struct look *, const struct policy_replacement *); /* REPLACEMENT */
};

/* Each ends with a row without id; the order is the order in which reasons are given. */
extern const struct policy_rule policy_document_rules[]; /* the document and the moment */
extern const struct policy_rule policy_route_rules[];  /* who asks, who decides, the key */
extern const struct policy_rule policy_target_rules[]; /* devices, cells, certificates */

#endif
