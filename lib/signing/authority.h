/* SPDX-License-Identifier: MIT
 *
 * authority - a decision or instruction: a JSON document in CMS SignedData (RFC 5652), one
 * SignerInfo per approver, each judged on its own.
 *
 * Never CMS_verify(): that is all or nothing. Each SignerInfo gets a verdict (signature
 * over attributes, digest of the content, chain to the anchor, purpose, date); then
 * distinct people and required seats are counted against k of n from configuration (quorum.h). Who signed is the [Person] whose key it is; the certificate's subject (CN,
 * O) must name the same one, and a seat is filled where OU and Seats= both say so.
 *
 * Source:  SEC L10.9 (decision), SEC Section L10 (use of the Recovery Private Key as the
 *          PMA requires); the quorum is UNKNOWN in public text and therefore configuration.
 * Schema:  conf/authority.schema.json, "schema": "smki-recovery/authority/1".
 * Effects: authority_open() reads the file of Crl=. Time is a parameter.
 */
#ifndef AUTHORITY_H
#define AUTHORITY_H

#include "cert.h"
#include "config.h"
#include "cs02b.h"
#include "roster.h"

#include <jansson.h>

#define AUTHORITY_CMS_MAX     (1u << 20)
#define AUTHORITY_TEXT_MAX    (256u << 10)
#define AUTHORITY_ID_MAX      64
#define AUTHORITY_CERTS_MAX   16
#define AUTHORITY_SIGNERS_MAX 32
#define AUTHORITY_REASON_MAX  1024
#define AUTHORITY_PRESENT_MAX 64
#define AUTHORITY_EARLIER_MAX 16

enum authority_kind {
    KIND_DECISION,    /* of the PMA: quorum and seats of its members */
    KIND_INSTRUCTION, /* of an organisation, by its own officers, for its own key */
    KIND_ACTIVATION,  /* of custodians: this decision, this key, now */
    KIND_COUNT,
};

enum authority_outcome {
    AUTHORITY_AUTHORISE,
    AUTHORITY_REFUSE,
    AUTHORITY_ABORT,
    AUTHORITY_DEFER_REVOCATION,
    AUTHORITY_DEFER_ID_TRANSFER,
    AUTHORITY_DIRECT_OTHER,
    AUTHORITY_APPOINT, /* who takes the devices over; nothing is signed under it */
    AUTHORITY_OUTCOME_COUNT,
};

enum method {
    METHOD_1,               /* "M1": the organisation's own key */
    METHOD_2,               /* "M2": Recovery key places ACB certificates */
    METHOD_3,               /* "M3": Recovery key places new Organisation certificates */
    METHOD_CONTINGENCY,     /* "contingency" */
    METHOD_RECOVERY_KEY,    /* "recovery-key": Recovery key replaces its own cell */
    METHOD_HANDBACK,        /* "handback": ACB key gives a cell back after Method 2 */
    METHOD_DCC,             /* "dcc": ACB, TCoS or WAN provider cells by the Recovery key */
    METHOD_ISSUING_OCA,     /* "issuing-oca": all that a compromised Issuing OCA issued */
    METHOD_CONTINGENCY_KEY, /* "contingency-key": a root with a new wrapped key */
    METHOD_COUNT,
};

enum initiator {
    INITIATOR_SUBSCRIBER,
    INITIATOR_SRP,
    INITIATOR_RDP,
    INITIATOR_DCC,
    INITIATOR_OFGEM,
    INITIATOR_COUNT,
};

enum cause {
    CAUSE_EXPOSED,
    CAUSE_SUSPECTED,
    CAUSE_LOSS_OF_USE,
    CAUSE_LOST_CONTROL,
    CAUSE_COUNT,
};

enum key_origin { /* where the key of a replacement was made */
                  ORIGIN_UNSAID,
                  ORIGIN_SEPARATE, /* away from the module that is suspected */
                  ORIGIN_SAME,     /* in it */
};

struct authority_compromised {
    struct digest sha256;     /* of the certificate */
    bool has_key;             /* else from the certificate itself */
    struct digest key_sha256; /* of the 65-octet point */
    enum cell cell;
    unsigned actual; /* certainty: 0 suspected, 1 actual */
    enum cause cause;
    bool has_since;
    int64_t since_us; /* compromised from then on */
};

struct authority_replacement {
    enum cell cell;
    struct digest sha256;
    enum key_origin origin;
};

enum signer_verdict {                  /* what became of one signature, in one word */
                      SIGNER_UNJUDGED, /* the document was refused before anybody was counted */
                      SIGNER_COUNTED,
                      SIGNER_SIGNATURE_BAD, /* no sound signature over this document */
                      SIGNER_UNKNOWN, /* no [Person], or not the one the certificate names */
                      SIGNER_EXPIRED,    /* the certificate, or not valid yet */
                      SIGNER_REVOKED,    /* the certificate */
                      SIGNER_WRONG_ROLE, /* the certificate is not one for this authority */
                      SIGNER_TWICE,      /* the person, or a custodian's organisation */
                      SIGNER_CONCERNED,  /* asked for it, is in conflict or affected */
                      SIGNER_ABSENT,     /* from the meeting that decided */
                      SIGNER_VOTED_AGAINST,
                      SIGNER_VERDICT_COUNT,
};

struct authority_signer {
    const struct config_person *person;   /* whose key it is; NULL: nobody's */
    char holder[CONFIG_HOLDER_MAX];       /* CN */
    char seat[CONFIG_NAME_MAX];           /* OU; "" */
    char organisation[CONFIG_HOLDER_MAX]; /* O; "": the person's own, once known */
    struct digest key_sha256;             /* X509_pubkey_digest: of an EC key, its point */
    int64_t ends_us;                      /* notAfter of the certificate */
    bool counted;
    enum signer_verdict verdict;
    char reason[96]; /* why not counted; "" when counted */
};

struct authority_present { /* at the meeting */
    char holder[CONFIG_HOLDER_MAX];
    bool against; /* how that member voted, where the record says it */
};

struct authority {
    struct digest digest; /* of the content octets: how everything else names it */
    enum authority_kind kind;
    char id[AUTHORITY_ID_MAX];
    char incident[AUTHORITY_ID_MAX];
    char parent_incident[AUTHORITY_ID_MAX];                /* "" */
    char supersedes[AUTHORITY_ID_MAX];                     /* "" */
    char earlier[AUTHORITY_EARLIER_MAX][AUTHORITY_ID_MAX]; /* ended before that one */
    size_t n_earlier;
    char by[CONFIG_NAME_MAX]; /* which [Authority "..."] this is addressed as */
    enum authority_outcome outcome;
    bool exercise;
    char key[CONFIG_NAME_MAX]; /* key name of configuration, "" where outcome needs none */
    struct digest key_certificate; /* SHA-256 of the signing key's certificate */
    enum method method;
    enum mode mode;
    struct eui64 subscriber, replacement_subscriber; /* the second: the first if unsaid */
    char subscriber_name[64];                        /* "": as the O of its people */
    char affected[AUTHORITY_CERTS_MAX][64];          /* further affected organisations */
    size_t n_affected;
    enum initiator initiator;
    char consent[160];     /* the Subscriber's own request, where an SRP speaks for it */
    char notice[160];      /* of the Authority (Ofgem) */
    char appointment[160]; /* of the Supplier of Last Resort */
    struct authority_compromised compromised[AUTHORITY_CERTS_MAX];
    size_t n_compromised;
    struct authority_replacement replacements[AUTHORITY_CERTS_MAX];
    size_t n_replacements;
    uint32_t device_types; /* DEVICE_BIT */
    bool ppmid_only_ok;
    struct digest roster;
    uint32_t roster_count;
    unsigned attempts; /* commands allowed per device, 1.. */
    int64_t valid_from_us, valid_to_us;
    struct digest symmetric_key_sha256; /* contingency only */
    bool has_symmetric_key;
    struct digest decision;            /* KIND_ACTIVATION: what is put into effect */
    char requester[CONFIG_HOLDER_MAX]; /* holder who asked: never counted */
    char conflicts[CONFIG_LIST_MAX][CONFIG_HOLDER_MAX]; /* holders declared in conflict */
    size_t n_conflicts;
    char meeting[160]; /* reference */
    struct authority_present present[AUTHORITY_PRESENT_MAX];
    size_t n_present;
    uint32_t votes_for, votes_against, votes_abstain; /* of that meeting */
    char guidance_version[64];               /* of the SMKI Recovery Key Guidance */
    uint32_t n_shall, n_may;                 /* factors weighed, SEC L10.9 (a) and (b) */
    char end_condition[160];                 /* deferrals */
    int64_t review_us;                       /* deferrals; 0: none */
    char risk_weighed[AUTHORITY_REASON_MAX]; /* deferral while control of the key is lost */
    char direction[AUTHORITY_REASON_MAX];    /* direct-other */
    char reasons[AUTHORITY_REASON_MAX];

    struct authority_signer signers[AUTHORITY_SIGNERS_MAX];
    size_t n_signers, n_counted;
};

/* Read the JSON alone (no signature): drafts, review, fuzzing.
 * Errors: ERR_INPUT "decision.schema" unknown or duplicate members, wrong types, values out
 *         of range; the text names the member. */
MUST_CHECK bool authority_parse(struct span json, struct authority *out, struct err *e);

/*
 * Open a CMS: content parsed, every signer judged, quorum counted.
 *   cms     DER, or PEM ("CMS")
 *   c       whose people count; kept in out->signers[].person. None: ERR_DENIED
 *           "config.people"
 *   who     the configured authority; who->threshold 0 (or 1, where it is no organisation's
 *           and no custodians'): ERR_DENIED "decision.no-quorum-configured"
 *   anchor  its certificates, borrowed; who of them was revoked say the lists of who->crl
 *   out     filled with the signers' verdicts even where the quorum fails, so that they can
 *           be shown
 *
 * Custodians are counted once per organisation, officers and members once per person.
 *
 * Errors:
 *   ERR_INPUT   "decision.too-large", "decision.cms", "decision.trailing",
 *               "decision.not-signed", "decision.detached", "decision.no-signers",
 *               "decision.too-many-signers", "decision.schema"
 *   ERR_DENIED  "decision.addressee", "decision.kind", "decision.members",
 *               "decision.quorum", "decision.absent", "decision.seats", "decision.votes",
 *               "decision.unknown-person",
 *               "decision.crl" and "config.owner": who->crl is set, and cannot be relied on
 */
MUST_CHECK bool authority_open(struct span cms, const struct config *c,
                               const struct config_authority *who, X509_STORE *anchor,
                               int64_t now_us, struct authority *out, struct err *e);
/* The content octets of a CMS without judging anything;
 * caller frees *json.at with free(). */
MUST_CHECK bool authority_content(struct span cms, struct span *json, struct err *e);

/* What became of each signature, for people and programs: a list of {"holder", "seat",
 * "organisation", "key_sha256", "counted", "verdict", "reason"}; the caller's. */
json_t *authority_signers(const struct authority *a);

/* Names as in documents. */
const char *authority_kind_name(enum authority_kind k);
const char *authority_outcome_name(enum authority_outcome o);
const char *authority_method_name(enum method m);
const char *authority_initiator_name(enum initiator i);
const char *authority_cause_name(enum cause c);
const char *authority_verdict_name(enum signer_verdict v);
/* The lists behind them, NULL at the end. */
extern const char *const authority_kind_words[], *const authority_outcome_words[],
                                                     *const authority_method_words[];
extern const char *const authority_initiator_words[], *const authority_cause_words[],
                                                          *const authority_origin_words[];

#endif
