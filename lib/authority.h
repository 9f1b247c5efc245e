/* SPDX-License-Identifier: MIT
 *
 * authority - a decision or instruction: a JSON document in CMS SignedData (RFC 5652), one
 * SignerInfo per approver, each judged on its own.
 *
 * Never CMS_verify(): that is all or nothing. Each SignerInfo gets a verdict (signature
 * over attributes, digest of the content, chain to the anchor, purpose, date); then
 * distinct public keys, distinct holders and required seats are counted against k of n from
 * configuration. Holder and seat come from the approver's certificate: CN and OU of its
 * subject. Source:  SEC L10.9 (decision), SEC Section L10 (use of the Recovery Private Key
 * as the PMA requires), quorum UNKNOWN in public text and therefore configuration. Schema:
 * conf/authority.schema.json, "schema": "smki-recovery/authority/1". Effects: none. Time is
 * a parameter.
 */
#ifndef AUTHORITY_H
#define AUTHORITY_H

#include "cert.h"
#include "config.h"
#include "cs02b.h"

#define AUTHORITY_CMS_MAX     (1u << 20)
#define AUTHORITY_TEXT_MAX    (256u << 10)
#define AUTHORITY_ID_MAX      64
#define AUTHORITY_CERTS_MAX   16
#define AUTHORITY_SIGNERS_MAX 32

enum outcome {
    OUTCOME_AUTHORISE,
    OUTCOME_REFUSE,
    OUTCOME_ABORT,
    OUTCOME_DEFER_REVOCATION,
    OUTCOME_DEFER_ID_TRANSFER,
    OUTCOME_DIRECT_OTHER,
    OUTCOME_COUNT,
};

enum method {
    METHOD_1,            /* "M1": the organisation's own key */
    METHOD_2,            /* "M2": Recovery key places ACB certificates */
    METHOD_3,            /* "M3": Recovery key places new Organisation certificates */
    METHOD_CONTINGENCY,  /* "contingency" */
    METHOD_RECOVERY_KEY, /* "recovery-key": Recovery key replaces its own cell */
    METHOD_HANDBACK,     /* "handback": ACB key gives a cell back after Method 2 */
    METHOD_DCC, /* "dcc": ACB, TCoS, WAN provider or root cells by the Recovery key */
    METHOD_COUNT,
};

struct authority_compromised {
    struct digest sha256; /* of the certificate */
    struct digest key_sha256;
    enum cell cell;
    char certainty[12]; /* "actual" or "suspected" */
    char cause[20];     /* "exposed" "suspected" "loss-of-use" "lost-control" */
};

struct authority_signer {
    char holder[CONFIG_NAME_MAX];       /* CN */
    char seat[CONFIG_NAME_MAX];         /* OU */
    char organisation[CONFIG_NAME_MAX]; /* O */
    struct digest key_sha256;
    bool counted;
    char reason[96]; /* why not counted; "" when counted */
};

struct authority {
    struct digest digest; /* of the content octets: how everything else names it */
    char id[AUTHORITY_ID_MAX];
    char incident[AUTHORITY_ID_MAX];
    char supersedes[AUTHORITY_ID_MAX]; /* "" */
    char by[CONFIG_NAME_MAX];          /* which [Authority "..."] this is addressed as */
    enum outcome outcome;
    bool exercise;
    char key[CONFIG_NAME_MAX]; /* key name of configuration, "" where outcome needs none */
    struct digest key_certificate; /* SHA-256 of the signing key's certificate */
    enum method method;
    enum mode mode;
    struct eui64 subscriber, replacement_subscriber;
    char initiator[16]; /* subscriber srp rdp dcc ofgem */
    struct authority_compromised compromised[AUTHORITY_CERTS_MAX];
    size_t n_compromised;
    struct {
        enum cell cell;
        struct digest sha256;
    } replacements[AUTHORITY_CERTS_MAX];
    size_t n_replacements;
    uint32_t device_types; /* DEVICE_BIT */
    bool ppmid_only_ok;
    struct digest roster;
    uint32_t roster_count;
    unsigned attempts; /* commands allowed per device, 1.. */
    int64_t valid_from_us, valid_to_us;
    struct digest symmetric_key_sha256; /* contingency only */
    bool has_symmetric_key;
    char requester[CONFIG_NAME_MAX];                  /* holder who asked: never counted */
    char conflicts[CONFIG_LIST_MAX][CONFIG_NAME_MAX]; /* holders declared in conflict */
    size_t n_conflicts;
    char end_condition[160]; /* deferrals */
    int64_t review_us;       /* deferrals */
    char reasons[512];

    struct authority_signer signers[AUTHORITY_SIGNERS_MAX];
    size_t n_signers, n_counted;
};

/* Read the JSON alone (no signature): drafts, review, fuzzing. Unknown or duplicate
 * members, wrong types, values out of range: ERR_INPUT "decision.schema", the text names
 * the member. */
MUST_CHECK bool authority_parse(struct span json, struct authority *out, struct err *e);

/*
 * Open a CMS: content parsed, every signer judged, quorum counted.
 *   who    the configured authority; who->threshold 0: ERR_DENIED
 * "decision.no-quorum-configured" anchor its certificates, borrowed Errors: ERR_INPUT
 * "decision.cms", "decision.schema"; ERR_DENIED "decision.quorum", "decision.seats",
 * "decision.addressee". *out is filled with signers' verdicts even where the quorum fails,
 * so that they can be shown.
 */
MUST_CHECK bool authority_open(struct span cms, const struct config_authority *who,
                               X509_STORE *anchor, int64_t now_us, struct authority *out,
                               struct err *e);
/* The content octets of a CMS without judging anything; caller frees *json.at with free().
 */
MUST_CHECK bool authority_content(struct span cms, struct span *json, struct err *e);

const char *outcome_name(enum outcome o);
const char *method_name(enum method m);

#endif
