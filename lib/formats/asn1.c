/* SPDX-License-Identifier: MIT */
#include "asn1.h"

#include <string.h>

/* TrustAnchorCellIdentifier ::= SEQUENCE {
 *   trustAnchorCellRemotePartyRole  RemotePartyRole,
 *   trustAnchorCellKeyUsage         KeyUsage,
 *   trustAnchorCellUsage            CellUsage DEFAULT management } */
ASN1_SEQUENCE(CELL_DER) = {
    ASN1_SIMPLE(CELL_DER, trustAnchorCellRemotePartyRole, ASN1_INTEGER),
    ASN1_SIMPLE(CELL_DER, trustAnchorCellKeyUsage, ASN1_BIT_STRING),
    ASN1_OPT(CELL_DER, trustAnchorCellUsage, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(CELL_DER)

/* SpecialistSeqNumber ::= SEQUENCE {
 *   seqNumberUsage  SeqNumberUsage,
 *   seqNumber       SeqNumber } */
ASN1_SEQUENCE(SPECIALIST_DER) = {
    ASN1_SIMPLE(SPECIALIST_DER, seqNumberUsage, ASN1_INTEGER),
    ASN1_SIMPLE(SPECIALIST_DER, seqNumber, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(SPECIALIST_DER)
IMPLEMENT_ASN1_ALLOC_FUNCTIONS(SPECIALIST_DER)

/* RemotePartySeqNumberChange ::= SEQUENCE {
 *   otherRemotePartyRole                   RemotePartyRole,
 *   otherRemotePartyFloorSeqNumber         SeqNumber,
 *   newRemotePartySpecialistFloorSeqNumber SEQUENCE OF SpecialistSeqNumber OPTIONAL } */
ASN1_SEQUENCE(CHANGE_DER) = {
    ASN1_SIMPLE(CHANGE_DER, otherRemotePartyRole, ASN1_INTEGER),
    ASN1_SIMPLE(CHANGE_DER, otherRemotePartyFloorSeqNumber, ASN1_INTEGER),
    ASN1_SEQUENCE_OF_OPT(CHANGE_DER, newRemotePartySpecialistFloorSeqNumber,
                         SPECIALIST_DER),
} static_ASN1_SEQUENCE_END(CHANGE_DER)
IMPLEMENT_ASN1_ALLOC_FUNCTIONS(CHANGE_DER)

/* AuthorisingRemotePartyControl ::= SEQUENCE {
 *   credentialsReplacementMode                  CredentialsReplacementMode,
 *   plaintextSymmetricKey                  [0] IMPLICIT OCTET STRING OPTIONAL,
 *   applyTimeBasedCPVChecks                [1] IMPLICIT INTEGER DEFAULT apply,
 *   authorisingRemotePartyTACellIdentifier [2] IMPLICIT TrustAnchorCellIdentifier OPTIONAL,
 *   authorisingRemotePartySeqNumber        [3] IMPLICIT SeqNumber,
 *   newRemotePartyFloorSeqNumber           [4] IMPLICIT SeqNumber OPTIONAL,
 *   newRemotePartySpecialistFloorSeqNumber [5] IMPLICIT SEQUENCE OF SpecialistSeqNumber
 *                                              OPTIONAL,
 *   otherRemotePartySeqNumberChanges       [6] IMPLICIT SEQUENCE OF
 *                                              RemotePartySeqNumberChange OPTIONAL } */
ASN1_SEQUENCE(CONTROL_DER) = {
    ASN1_SIMPLE(CONTROL_DER, credentialsReplacementMode, ASN1_INTEGER),
    ASN1_IMP_OPT(CONTROL_DER, plaintextSymmetricKey, ASN1_OCTET_STRING, 0),
    ASN1_IMP_OPT(CONTROL_DER, applyTimeBasedCPVChecks, ASN1_INTEGER, 1),
    ASN1_IMP_OPT(CONTROL_DER, authorisingRemotePartyTACellIdentifier, CELL_DER, 2),
    ASN1_IMP(CONTROL_DER, authorisingRemotePartySeqNumber, ASN1_INTEGER, 3),
    ASN1_IMP_OPT(CONTROL_DER, newRemotePartyFloorSeqNumber, ASN1_INTEGER, 4),
    ASN1_IMP_SEQUENCE_OF_OPT(CONTROL_DER, newRemotePartySpecialistFloorSeqNumber,
                             SPECIALIST_DER, 5),
    ASN1_IMP_SEQUENCE_OF_OPT(CONTROL_DER, otherRemotePartySeqNumberChanges, CHANGE_DER, 6),
} static_ASN1_SEQUENCE_END(CONTROL_DER)

/* TrustAnchorReplacement ::= SEQUENCE {
 *   replacementCertificate  Certificate,
 *   targetTrustAnchorCell   TrustAnchorCellIdentifier } */
ASN1_SEQUENCE(REPLACEMENT_DER) = {
    ASN1_SIMPLE(REPLACEMENT_DER, replacementCertificate, ASN1_ANY),
    ASN1_SIMPLE(REPLACEMENT_DER, targetTrustAnchorCell, CELL_DER),
} static_ASN1_SEQUENCE_END(REPLACEMENT_DER)
IMPLEMENT_ASN1_ALLOC_FUNCTIONS(REPLACEMENT_DER)

/* CommandPayload ::= SEQUENCE {
 *   authorisingRemotePartyControl  AuthorisingRemotePartyControl,
 *   replacements                   SEQUENCE OF TrustAnchorReplacement,
 *   certificationPathCertificates  SEQUENCE OF Certificate,
 *   executionDateTime              GeneralizedTime OPTIONAL } */
ASN1_SEQUENCE(UPDATE_DER) = {
    ASN1_SIMPLE(UPDATE_DER, authorisingRemotePartyControl, CONTROL_DER),
    ASN1_SEQUENCE_OF(UPDATE_DER, replacements, REPLACEMENT_DER),
    ASN1_SEQUENCE_OF(UPDATE_DER, certificationPathCertificates, ASN1_ANY),
    ASN1_OPT(UPDATE_DER, executionDateTime, ASN1_GENERALIZEDTIME),
} ASN1_SEQUENCE_END(UPDATE_DER)

/* ReplacementOutcome ::= SEQUENCE {
 *   affectedTrustAnchorCell        TrustAnchorCellIdentifier,
 *   statusCode                     StatusCode,
 *   existingSubjectUniqueID        OCTET STRING,
 *   existingSubjectKeyIdentifier   OCTET STRING,
 *   replacingSubjectUniqueID       OCTET STRING,
 *   replacingSubjectKeyIdentifier  OCTET STRING } */
ASN1_SEQUENCE(RESULT_DER) = {
    ASN1_SIMPLE(RESULT_DER, affectedTrustAnchorCell, CELL_DER),
    ASN1_SIMPLE(RESULT_DER, statusCode, ASN1_ENUMERATED),
    ASN1_SIMPLE(RESULT_DER, existingSubjectUniqueID, ASN1_OCTET_STRING),
    ASN1_SIMPLE(RESULT_DER, existingSubjectKeyIdentifier, ASN1_OCTET_STRING),
    ASN1_SIMPLE(RESULT_DER, replacingSubjectUniqueID, ASN1_OCTET_STRING),
    ASN1_SIMPLE(RESULT_DER, replacingSubjectKeyIdentifier, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(RESULT_DER)
IMPLEMENT_ASN1_ALLOC_FUNCTIONS(RESULT_DER)

/* ExecutionOutcome ::= SEQUENCE {
 *   authorisingRemotePartySeqNumber  SeqNumber,
 *   credentialsReplacementMode       CredentialsReplacementMode,
 *   remotePartySeqNumberChanges      SEQUENCE OF RemotePartySeqNumberChange,
 *   replacementOutcomes              SEQUENCE OF ReplacementOutcome } */
ASN1_SEQUENCE(OUTCOME_DER) = {
    ASN1_SIMPLE(OUTCOME_DER, authorisingRemotePartySeqNumber, ASN1_INTEGER),
    ASN1_SIMPLE(OUTCOME_DER, credentialsReplacementMode, ASN1_INTEGER),
    ASN1_SEQUENCE_OF(OUTCOME_DER, remotePartySeqNumberChanges, CHANGE_DER),
    ASN1_SEQUENCE_OF(OUTCOME_DER, replacementOutcomes, RESULT_DER),
} ASN1_SEQUENCE_END(OUTCOME_DER)

/* ResponsePayload ::= SEQUENCE {
 *   commandAccepted   NULL,
 *   executionOutcome  ExecutionOutcome OPTIONAL } */
ASN1_SEQUENCE(ANSWER_DER) = {
    ASN1_SIMPLE(ANSWER_DER, commandAccepted, ASN1_NULL),
    ASN1_OPT(ANSWER_DER, executionOutcome, OUTCOME_DER),
} ASN1_SEQUENCE_END(ANSWER_DER)

/* AlertPayload ::= SEQUENCE {
 *   alertCode          INTEGER (0..4294967295),
 *   executionDateTime  GeneralizedTime,
 *   executionOutcome   ExecutionOutcome } */
ASN1_SEQUENCE(ALERT_DER) = {
    ASN1_SIMPLE(ALERT_DER, alertCode, ASN1_INTEGER),
    ASN1_SIMPLE(ALERT_DER, executionDateTime, ASN1_GENERALIZEDTIME),
    ASN1_SIMPLE(ALERT_DER, executionOutcome, OUTCOME_DER),
} ASN1_SEQUENCE_END(ALERT_DER)

/* CS02a CommandPayload ::= SEQUENCE {
 *   authorisingRemotePartyTACellIdentifier  TrustAnchorCellIdentifier,
 *   remotePartyRolesCredentialsRequired     SEQUENCE OF RemotePartyRole } */
ASN1_SEQUENCE(QUERY_DER) = {
    ASN1_SIMPLE(QUERY_DER, authorisingRemotePartyTACellIdentifier, CELL_DER),
    ASN1_SEQUENCE_OF(QUERY_DER, remotePartyRolesCredentialsRequired, ASN1_INTEGER),
} ASN1_SEQUENCE_END(QUERY_DER)

/* TrustAnchorCellContents ::= SEQUENCE {
 *   trustAnchorCellKeyUsage       KeyUsage,
 *   trustAnchorCellUsage          CellUsage DEFAULT management,
 *   existingSubjectUniqueID       OCTET STRING,
 *   existingSubjectKeyIdentifier  OCTET STRING } */
ASN1_SEQUENCE(CONTENT_DER) = {
    ASN1_SIMPLE(CONTENT_DER, trustAnchorCellKeyUsage, ASN1_BIT_STRING),
    ASN1_OPT(CONTENT_DER, trustAnchorCellUsage, ASN1_INTEGER),
    ASN1_SIMPLE(CONTENT_DER, existingSubjectUniqueID, ASN1_OCTET_STRING),
    ASN1_SIMPLE(CONTENT_DER, existingSubjectKeyIdentifier, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(CONTENT_DER)
IMPLEMENT_ASN1_ALLOC_FUNCTIONS(CONTENT_DER)

/* RemotePartyDetails ::= SEQUENCE {
 *   remotePartyRole          RemotePartyRole,
 *   statusCode               StatusCode,
 *   currentSeqNumber         SeqNumber OPTIONAL,
 *   trustAnchorCellsDetails  SEQUENCE OF TrustAnchorCellContents OPTIONAL } */
ASN1_SEQUENCE(DETAILS_DER) = {
    ASN1_SIMPLE(DETAILS_DER, remotePartyRole, ASN1_INTEGER),
    ASN1_SIMPLE(DETAILS_DER, statusCode, ASN1_ENUMERATED),
    ASN1_OPT(DETAILS_DER, currentSeqNumber, ASN1_INTEGER),
    ASN1_SEQUENCE_OF_OPT(DETAILS_DER, trustAnchorCellsDetails, CONTENT_DER),
} static_ASN1_SEQUENCE_END(DETAILS_DER)
IMPLEMENT_ASN1_ALLOC_FUNCTIONS(DETAILS_DER)

/* CS02a ResponsePayload ::= SEQUENCE OF RemotePartyDetails */
/* clang-format off */
ASN1_ITEM_TEMPLATE(REPORT_DER) =
    ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0, remotePartyDetails, DETAILS_DER)
ASN1_ITEM_TEMPLATE_END(REPORT_DER)
    /* clang-format on */

    unsigned asn1_usage_bits(enum key_usage u)
{
    switch (u) {
    case KU_DIGITAL_SIGNATURE:
        return ASN1_KU_DIGITAL_SIGNATURE;
    case KU_KEY_AGREEMENT:
        return ASN1_KU_KEY_AGREEMENT;
    case KU_KEY_CERT_SIGN:
        return ASN1_KU_KEY_CERT_SIGN;
    }
    return 0;
}

bool asn1_put_uint(ASN1_INTEGER **p, uint64_t v)
{
    if (*p == NULL)
        *p = ASN1_INTEGER_new();
    return *p != NULL && ASN1_INTEGER_set_uint64(*p, v) == 1;
}

bool asn1_put_enum(ASN1_ENUMERATED **p, uint64_t v)
{
    if (*p == NULL)
        *p = ASN1_ENUMERATED_new();
    return *p != NULL && v <= INT64_MAX && ASN1_ENUMERATED_set_int64(*p, (int64_t)v) == 1;
}

bool asn1_put_octets(ASN1_OCTET_STRING **p, struct span s)
{
    if (*p == NULL)
        *p = ASN1_OCTET_STRING_new();
    return *p != NULL && s.len <= INT32_MAX &&
           ASN1_STRING_set(*p, s.len > 0 ? (const void *)s.at : "", (int)s.len) == 1;
}

bool asn1_put_time(ASN1_GENERALIZEDTIME **p, const char *text)
{
    if (*p == NULL)
        *p = ASN1_GENERALIZEDTIME_new();
    return *p != NULL && ASN1_STRING_set(*p, text, -1) == 1;
}

bool asn1_put_usage(ASN1_BIT_STRING **p, unsigned bits)
{
    if (*p == NULL)
        *p = ASN1_BIT_STRING_new();
    if (*p == NULL)
        return false;
    for (int i = 0; i < 16; i++)
        if ((bits & (0x8000u >> i)) != 0 && ASN1_BIT_STRING_set_bit(*p, i, 1) != 1)
            return false;
    return true;
}

bool asn1_put_raw(ASN1_TYPE **p, struct span tlv)
{
    ASN1_STRING *s;

    if (!asn1_is_sequence(tlv))
        return false;
    if (*p == NULL)
        *p = ASN1_TYPE_new();
    s = ASN1_STRING_new();
    if (*p == NULL || s == NULL || ASN1_STRING_set(s, tlv.at, (int)tlv.len) != 1) {
        ASN1_STRING_free(s);
        return false;
    }
    ASN1_TYPE_set(*p, V_ASN1_SEQUENCE, s);
    return true;
}

bool asn1_put_cell(CELL_DER **p, unsigned role, unsigned usage_bits, unsigned cell_usage)
{
    if (*p == NULL)
        *p = (CELL_DER *)ASN1_item_new(ASN1_ITEM_rptr(CELL_DER));
    return *p != NULL && asn1_put_uint(&(*p)->trustAnchorCellRemotePartyRole, role) &&
           asn1_put_usage(&(*p)->trustAnchorCellKeyUsage, usage_bits) &&
           (cell_usage == 0 || asn1_put_uint(&(*p)->trustAnchorCellUsage, cell_usage));
}

/* X.690 8.1.3.5: the length in as many octets as the first one says, leading zeros too. */
static bool long_form(const uint8_t **p, const uint8_t *end, struct asn1_tlv *t)
{
    size_t n = *(*p)++ & 0x7f;

    if (n == 0x7f || n > (size_t)(end - *p))
        return false;
    t->long_length = **p == 0;
    for (; n > 0; n--) {
        t->len = t->len << 8 | *(*p)++;
        if (t->len > (size_t)(end - *p)) /* also keeps the next shift in range */
            return false;
    }
    t->long_length |= t->len < 0x80;
    return true;
}

enum asn1_tlv_fault asn1_tlv_read(const uint8_t *p, const uint8_t *end,
                                  struct asn1_tlv *out)
{
    *out = (struct asn1_tlv){.at = p, .content = p};
    if (end - p < 2)
        return ASN1_TLV_UNFIT;
    out->tag = *p & 0x1f;
    out->class = *p & 0xc0;
    out->constructed = (*p & V_ASN1_CONSTRUCTED) != 0;
    p++;
    if (out->tag == 0x1f)
        return ASN1_TLV_UNFIT;
    if (*p == 0x80)
        return ASN1_TLV_INDEFINITE;
    if (*p < 0x80)
        out->len = *p++;
    else if (!long_form(&p, end, out))
        return ASN1_TLV_UNFIT;
    out->content = p;
    return out->len <= (size_t)(end - p) ? ASN1_TLV_OK : ASN1_TLV_UNFIT;
}

/* Octets of a length; written where to is not NULL. */
static size_t put_length(size_t len, uint8_t *to)
{
    size_t n = 0;

    while (len >= 0x80 && n < sizeof len && len >> (8 * n) != 0)
        n++;
    if (to != NULL) {
        *to++ = (uint8_t)(n == 0 ? len : 0x80 | n);
        for (size_t i = n; i > 0; i--)
            *to++ = (uint8_t)(len >> (8 * (i - 1)));
    }
    return 1 + n;
}

static size_t shorten(struct span tlvs, unsigned depth, uint8_t *to)
{
    const uint8_t *p = tlvs.at;
    const uint8_t *end = tlvs.at + tlvs.len;
    struct asn1_tlv t;
    size_t at = 0;

    for (; p < end && asn1_tlv_read(p, end, &t) == ASN1_TLV_OK; p = t.content + t.len) {
        struct span inner = span_of(t.content, t.len);
        bool open = t.constructed && depth < ASN1_DEPTH;
        size_t len = open ? shorten(inner, depth + 1, NULL) : t.len;

        if (to != NULL) {
            uint8_t *here = to + at;

            *here++ = *t.at;
            here += put_length(len, here);
            if (open)
                (void)shorten(inner, depth + 1, here);
            else if (len > 0)
                memcpy(here, t.content, len);
        }
        at += 1 + put_length(len, NULL) + len;
    }
    return at;
}

size_t asn1_shorten(struct span tlvs, uint8_t *to)
{
    return shorten(tlvs, 0, to);
}

static const uint8_t *odd_boolean(struct span tlvs, unsigned depth)
{
    const uint8_t *p = tlvs.at;
    const uint8_t *end = tlvs.at + tlvs.len;
    const uint8_t *odd = NULL;
    struct asn1_tlv t;

    for (; odd == NULL && p < end && asn1_tlv_read(p, end, &t) == ASN1_TLV_OK;
         p = t.content + t.len) {
        if (t.constructed && depth < ASN1_DEPTH)
            odd = odd_boolean(span_of(t.content, t.len), depth + 1);
        else if (t.class == V_ASN1_UNIVERSAL && t.tag == V_ASN1_BOOLEAN &&
                 (t.len != 1 || t.content[0] != 0xFF))
            odd = t.at;
    }
    return odd;
}

const uint8_t *asn1_odd_boolean(struct span tlvs)
{
    return odd_boolean(tlvs, 0);
}

bool asn1_is_sequence(struct span tlv)
{
    struct asn1_tlv t;

    return tlv.len > 0 && tlv.len <= INT32_MAX &&
           asn1_tlv_read(tlv.at, tlv.at + tlv.len, &t) == ASN1_TLV_OK && t.constructed &&
           t.tag == V_ASN1_SEQUENCE && t.class == V_ASN1_UNIVERSAL &&
           (size_t)(t.content - t.at) + t.len == tlv.len;
}

static unsigned number(const char *text, size_t digits)
{
    unsigned v = 0;

    for (size_t i = 0; i < digits; i++)
        v = 10 * v + (unsigned)(text[i] - '0');
    return v;
}

bool asn1_time_ok(const char *text, size_t len)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;
    bool leap;

    if (len != 15 || text[14] != 'Z')
        return false;
    for (size_t i = 0; i < 14; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    year = number(text, 4);
    month = number(text + 4, 2);
    day = number(text + 6, 2);
    leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (leap && month == 2) && number(text + 8, 2) <= 23 &&
           number(text + 10, 2) <= 59 && number(text + 12, 2) <= 59;
}
