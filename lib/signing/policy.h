/* SPDX-License-Identifier: MIT
 *
 * policy - may this be signed? A pure function of facts and time over a table of rules.
 *
 * The facts are flat: warrant_open fills them from checked documents, the service adds what
 * only it knows (the incident's state, who operates), and `smki-recoveryctl policy test`
 * reads them from a JSON file. What a caller cannot know it leaves unsaid; an unsaid fact
 * never allows more than the documents do. Source, certainty and sentence of each rule
 * stand in rules.c.
 *
 * Source:  SEC L10.9, L10.30; SEC Appendix L 1.2 and 4; GBCS 13.3.3.
 * Effects: none.
 */
#ifndef POLICY_H
#define POLICY_H

#include "authority.h"

#define POLICY_FAILED_MAX 64

enum policy_incident { /* what the caller knows of the incident */
                       INCIDENT_UNSAID,
                       INCIDENT_OPEN,
                       INCIDENT_ABORTED, /* false alarm, withdrawn */
                       INCIDENT_REFUSED,
                       INCIDENT_CLOSED,
};

enum answer { ANSWER_UNSAID, ANSWER_YES, ANSWER_NO };

struct policy_compromised {
    enum cell cell;
    enum cause cause;
    bool has_party;
    struct eui64 party; /* EUI-64 of the certificate */
    bool has_since;
    int64_t since_us;
};

struct policy_replacement {
    enum cell cell;
    unsigned role; /* of the certificate, as its OU says */
    enum key_usage usage;
    struct eui64 party;
    int64_t not_before_us, not_after_us;
    bool chains;          /* to the Root, through an Issuing OCA in date */
    bool key_compromised; /* its public key is among the compromised ones */
    bool root_normal;     /* a root that devices can reach from their present one */
    bool root_wrapped;    /* a root with a wrapped contingency key */
    enum key_origin origin;
};

struct policy_facts {
    /* the document */
    enum authority_kind kind;
    enum authority_outcome outcome;
    enum method method;
    enum mode mode;
    enum initiator initiator;
    bool exercise;
    bool consent, notice, appointment; /* references to them are there */
    bool supersedes;
    bool end_condition, review, risk_weighed;
    bool ppmid_only;
    uint32_t factors_shall;
    uint32_t device_types;
    uint32_t count, attempts;
    int64_t valid_from_us, valid_to_us;
    struct eui64 subscriber, replacement_subscriber;
    struct policy_compromised compromised[AUTHORITY_CERTS_MAX];
    size_t n_compromised;
    struct policy_replacement replacements[AUTHORITY_CERTS_MAX];
    size_t n_replacements;
    bool symmetric_key_named, symmetric_key_same;
    /* this machine */
    bool service_exercise;
    int64_t max_window_s; /* 0: none configured */
    bool load_cells;      /* modes 8 and 9 may replace the load controller's */
    bool key_known, key_certificate_same, key_authority_same, key_compromised;
    unsigned key_role;
    enum key_usage key_usage;
    struct eui64 key_party;
    bool by_organisation; /* the authority is an organisation's: */
    struct eui64 authority_organisation;
    bool has_acb;
    struct eui64 acb_party; /* of the configured ACB key */
    /* the roster */
    bool roster_same;
    uint32_t roster_rows, roster_types, ppmid_cells;
    bool commissioned; /* some device was, before the incident */
    /* what only the service knows */
    bool signing;                 /* about to sign, not only taking the document in */
    bool other_incident_document; /* the document names another incident */
    enum policy_incident incident;
    bool superseded;
    bool refused_before;      /* the incident's last decision was a refusal or an abort */
    bool other_open_incident; /* a device is held by one that may not share it */
    bool operator_is_approver, operator_is_custodian;
    uint32_t custodians_needed, custodians_present;
    uint32_t attempt;            /* which one this would be for a device, 1.. */
    enum answer final_confirmed; /* contingency: the point of no return */
};

struct verdict {
    bool allowed;
    size_t n; /* rules failed, in the order of the table */
    struct {
        const char *id; /* of rules.c */
        char why[160];
    } failed[POLICY_FAILED_MAX];
};

/* Every rule that applies is looked at; failed[0] is the reason to give. */
void policy_judge(const struct policy_facts *f, int64_t now_us, struct verdict *v);
/* Facts of a document alone; the rest stays zero, which allows nothing. */
void policy_facts_of(const struct authority *a, struct policy_facts *f);
/* Strict; absent members are false, zero, unsaid. ERR_INPUT "policy.facts". now_us gets the
 * member "now" when there is one. */
MUST_CHECK bool policy_facts_from_json(struct span text, struct policy_facts *f,
                                       int64_t *now_us, struct err *e);

#endif
