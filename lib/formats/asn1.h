/* SPDX-License-Identifier: MIT
 *
 * asn1 - the ASN.1 module of CS02a and CS02b as OpenSSL templates, and what fills them.
 *
 * The templates are the only grammar: OpenSSL decodes and encodes by them, and der_walk.h
 * reads the same tables to name the place of a fault. Members carry the names of the
 * specification, because errors print them.
 *
 * Source:  GBCS 13.3.3 (CS02b) and 13.2 (CS02a), reconstructed from public parsers and
 *          verified on published messages; tags are IMPLICIT.
 * Effects: none.
 */
#ifndef ASN1_H
#define ASN1_H

#include "gbcs.h"

#include <openssl/asn1.h>
#include <openssl/asn1t.h>
#include <openssl/safestack.h>

typedef struct cell_der {
    ASN1_INTEGER *trustAnchorCellRemotePartyRole;
    ASN1_BIT_STRING *trustAnchorCellKeyUsage;
    ASN1_INTEGER *trustAnchorCellUsage; /* NULL: management */
} CELL_DER;

typedef struct specialist_der {
    ASN1_INTEGER *seqNumberUsage;
    ASN1_INTEGER *seqNumber;
} SPECIALIST_DER;
DEFINE_STACK_OF(SPECIALIST_DER)

typedef struct change_der {
    ASN1_INTEGER *otherRemotePartyRole;
    ASN1_INTEGER *otherRemotePartyFloorSeqNumber;
    STACK_OF(SPECIALIST_DER) * newRemotePartySpecialistFloorSeqNumber; /* optional */
} CHANGE_DER;
DEFINE_STACK_OF(CHANGE_DER)

typedef struct control_der {
    ASN1_INTEGER *credentialsReplacementMode;
    ASN1_OCTET_STRING *plaintextSymmetricKey;         /* optional */
    ASN1_INTEGER *applyTimeBasedCPVChecks;            /* NULL: apply */
    CELL_DER *authorisingRemotePartyTACellIdentifier; /* optional */
    ASN1_INTEGER *authorisingRemotePartySeqNumber;
    ASN1_INTEGER *newRemotePartyFloorSeqNumber;                        /* optional */
    STACK_OF(SPECIALIST_DER) * newRemotePartySpecialistFloorSeqNumber; /* optional */
    STACK_OF(CHANGE_DER) * otherRemotePartySeqNumberChanges;           /* optional */
} CONTROL_DER;

typedef struct replacement_der {
    ASN1_TYPE *replacementCertificate; /* V_ASN1_SEQUENCE: the received octets */
    CELL_DER *targetTrustAnchorCell;
} REPLACEMENT_DER;
DEFINE_STACK_OF(REPLACEMENT_DER)

typedef struct update_der { /* CS02b command */
    CONTROL_DER *authorisingRemotePartyControl;
    STACK_OF(REPLACEMENT_DER) * replacements;
    STACK_OF(ASN1_TYPE) * certificationPathCertificates;
    ASN1_GENERALIZEDTIME *executionDateTime; /* optional */
} UPDATE_DER;

typedef struct result_der {
    CELL_DER *affectedTrustAnchorCell;
    ASN1_ENUMERATED *statusCode;
    ASN1_OCTET_STRING *existingSubjectUniqueID;
    ASN1_OCTET_STRING *existingSubjectKeyIdentifier;
    ASN1_OCTET_STRING *replacingSubjectUniqueID;
    ASN1_OCTET_STRING *replacingSubjectKeyIdentifier;
} RESULT_DER;
DEFINE_STACK_OF(RESULT_DER)

typedef struct outcome_der {
    ASN1_INTEGER *authorisingRemotePartySeqNumber;
    ASN1_INTEGER *credentialsReplacementMode;
    STACK_OF(CHANGE_DER) * remotePartySeqNumberChanges;
    STACK_OF(RESULT_DER) * replacementOutcomes;
} OUTCOME_DER;

typedef struct answer_der { /* CS02b response */
    ASN1_NULL *commandAccepted;
    OUTCOME_DER *executionOutcome; /* optional: absent when future dated */
} ANSWER_DER;

typedef struct alert_der { /* CS02b alert */
    ASN1_INTEGER *alertCode;
    ASN1_GENERALIZEDTIME *executionDateTime;
    OUTCOME_DER *executionOutcome;
} ALERT_DER;

typedef struct query_der { /* CS02a command */
    CELL_DER *authorisingRemotePartyTACellIdentifier;
    STACK_OF(ASN1_INTEGER) * remotePartyRolesCredentialsRequired;
} QUERY_DER;

typedef struct content_der {
    ASN1_BIT_STRING *trustAnchorCellKeyUsage;
    ASN1_INTEGER *trustAnchorCellUsage; /* NULL: management */
    ASN1_OCTET_STRING *existingSubjectUniqueID;
    ASN1_OCTET_STRING *existingSubjectKeyIdentifier;
} CONTENT_DER;
DEFINE_STACK_OF(CONTENT_DER)

typedef struct details_der {
    ASN1_INTEGER *remotePartyRole;
    ASN1_ENUMERATED *statusCode;
    ASN1_INTEGER *currentSeqNumber;                  /* optional */
    STACK_OF(CONTENT_DER) * trustAnchorCellsDetails; /* optional */
} DETAILS_DER;
DEFINE_STACK_OF(DETAILS_DER)

typedef STACK_OF(DETAILS_DER) REPORT_DER; /* CS02a response */

/* What lists are made of. */
DECLARE_ASN1_ALLOC_FUNCTIONS(SPECIALIST_DER)
DECLARE_ASN1_ALLOC_FUNCTIONS(CHANGE_DER)
DECLARE_ASN1_ALLOC_FUNCTIONS(REPLACEMENT_DER)
DECLARE_ASN1_ALLOC_FUNCTIONS(RESULT_DER)
DECLARE_ASN1_ALLOC_FUNCTIONS(CONTENT_DER)
DECLARE_ASN1_ALLOC_FUNCTIONS(DETAILS_DER)
/* ASN1_item_new, _d2i, _i2d and _free take ASN1_ITEM_rptr of these. */
DECLARE_ASN1_ITEM(UPDATE_DER)
DECLARE_ASN1_ITEM(OUTCOME_DER)
DECLARE_ASN1_ITEM(ANSWER_DER)
DECLARE_ASN1_ITEM(ALERT_DER)
DECLARE_ASN1_ITEM(QUERY_DER)
DECLARE_ASN1_ITEM(REPORT_DER)

/* RFC 5280 KeyUsage as bits; bit 0 (digitalSignature) is the highest of sixteen. */
#define ASN1_KU_DIGITAL_SIGNATURE 0x8000u
#define ASN1_KU_KEY_AGREEMENT     0x0800u
#define ASN1_KU_KEY_CERT_SIGN     0x0400u
unsigned asn1_usage_bits(enum key_usage u);

/*
 * Setters: each makes the object when *p is NULL. False only when memory is out, or, for
 * asn1_put_raw, when the octets are not exactly one SEQUENCE.
 */
MUST_CHECK bool asn1_put_uint(ASN1_INTEGER **p, uint64_t v);
MUST_CHECK bool asn1_put_enum(ASN1_ENUMERATED **p, uint64_t v);
MUST_CHECK bool asn1_put_octets(ASN1_OCTET_STRING **p, struct span s);
MUST_CHECK bool asn1_put_time(ASN1_GENERALIZEDTIME **p, const char *text);
/* Trailing zero bits dropped, as DER wants a named bit list. */
MUST_CHECK bool asn1_put_usage(ASN1_BIT_STRING **p, unsigned bits);
MUST_CHECK bool asn1_put_raw(ASN1_TYPE **p, struct span tlv);
MUST_CHECK bool asn1_put_cell(CELL_DER **p, unsigned role, unsigned usage_bits,
                              unsigned cell_usage);

/* YYYYMMDDHHMMSSZ and a day that exists. */
bool asn1_time_ok(const char *text, size_t len);

#define ASN1_DEPTH 12 /* no grammar of ours is nested as deeply */

/* One tag and length, as they stand. */
struct asn1_tlv {
    const uint8_t *at, *content;
    size_t len; /* of the content */
    int tag;    /* below 31: no field of ours has more */
    int class;  /* V_ASN1_UNIVERSAL ... */
    bool constructed;
    bool long_length; /* BER: the length takes more octets than need be */
};
enum asn1_tlv_fault { ASN1_TLV_OK, ASN1_TLV_INDEFINITE, ASN1_TLV_UNFIT };

/*
 * Read the tag and length that begin at p; the content ends at end or before.
 *
 * Our own reading of X.690 8.1.2 and 8.1.3, because libcrypto's changes: whether it takes
 * an empty value with a length in the long form at the end of its surroundings (30 81 00)
 * depends on its patch level.
 */
enum asn1_tlv_fault asn1_tlv_read(const uint8_t *p, const uint8_t *end,
                                  struct asn1_tlv *out);

/*
 * The same values with every length as short as can be: what libcrypto is given to decode,
 * so that its own opinion of lengths does not matter.
 *
 *   tlvs  values that asn1_tlv_read takes, one after the other, their contents too where
 *         they are constructed; what lies deeper than ASN1_DEPTH stays as it is
 *   to    room for tlvs.len octets, or NULL to count only
 *
 * Octets written, never more than tlvs.len.
 */
size_t asn1_shorten(struct span tlvs, uint8_t *to);

/*
 * The first BOOLEAN in these values that is not TRUE written as FF; NULL: there is none.
 *
 * For certificates: each BOOLEAN of X.509 has DEFAULT FALSE, so that DER leaves FALSE out,
 * and libcrypto gives back whatever octet it read. What lies in an OCTET STRING is not
 * looked at, nor what asn1_tlv_read does not take or lies deeper than ASN1_DEPTH.
 */
const uint8_t *asn1_odd_boolean(struct span tlvs);

/* True when tlv is exactly one universal, definite-length SEQUENCE. */
bool asn1_is_sequence(struct span tlv);

#endif
