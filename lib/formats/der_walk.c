/* SPDX-License-Identifier: MIT */
#include "der_walk.h"
#include "asn1.h"

#include <stdio.h>
#include <string.h>

/* What a field may hold, where a template does not say. DEFAULT 0 for those marked. */
static const struct limit {
    const char *field;
    uint64_t max;
    bool has_default;
} limits[] = {
    {"alertCode", UINT32_MAX, false},
    {"applyTimeBasedCPVChecks", 1, true},
    {"credentialsReplacementMode", MODE_COUNT - 1, false},
    {"otherRemotePartyRole", 255, false},
    {"remotePartyRole", 255, false},
    {"remotePartyRolesCredentialsRequired", 255, false},
    {"seqNumberUsage", 255, false},
    {"statusCode", 255, false},
    {"trustAnchorCellRemotePartyRole", 255, false},
    {"trustAnchorCellUsage", 255, true},
};
static const struct limit any_counter = {"", INT64_MAX, false};

#define OCTETS_MAX 64 /* of an OCTET STRING: identifiers have 8, keys at most 32 */

struct walk {
    const uint8_t *start;
    size_t base;
    struct {
        const char *name;
        size_t index; /* of an element, from 1; 0 for none */
    } path[ASN1_DEPTH];
    size_t depth;
    struct der_walk *out;
};

static size_t where(const struct walk *w, const uint8_t *p)
{
    return w->base + (size_t)(p - w->start);
}

static bool fault(struct walk *w, const uint8_t *p, const char *what)
{
    char *text = w->out->field;
    size_t left = sizeof w->out->field;

    text[0] = '\0';
    for (size_t i = 0; i < w->depth; i++) {
        int n = w->path[i].index > 0
                    ? snprintf(text, left, "%s%s[%zu]", i > 0 ? "." : "", w->path[i].name,
                               w->path[i].index)
                    : snprintf(text, left, "%s%s", i > 0 ? "." : "", w->path[i].name);

        if (n < 0 || (size_t)n >= left)
            break; /* cut: the innermost names are lost, the offset is not */
        text += n;
        left -= (size_t)n;
    }
    (void)snprintf(w->out->fault, sizeof w->out->fault, "%s", what);
    w->out->offset = where(w, p);
    return false;
}

static void note(const struct walk *w, struct der_walk_note *n, const uint8_t *p)
{
    if (n->n++ == 0)
        n->offset = where(w, p);
}

static bool read_tlv(struct walk *w, const uint8_t *p, const uint8_t *end,
                     struct asn1_tlv *t)
{
    switch (asn1_tlv_read(p, end, t)) {
    case ASN1_TLV_OK:
        return true;
    case ASN1_TLV_INDEFINITE:
        return fault(w, p, "has an indefinite length");
    case ASN1_TLV_UNFIT:
        break;
    }
    return fault(w, p, "has no tag and length that fit");
}

static void note_length(const struct walk *w, const struct asn1_tlv *t)
{
    if (t->long_length)
        note(w, &w->out->long_lengths, t->at);
}

static const struct limit *limit_of(const char *field)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (strcmp(limits[i].field, field) == 0)
            return &limits[i];
    return &any_counter;
}

static bool check_number(struct walk *w, const struct asn1_tlv *t)
{
    const struct limit *l = limit_of(w->path[w->depth - 1].name);
    uint64_t v = 0;

    if (t->len == 0)
        return fault(w, t->at, "is a number without octets");
    if (t->len > 1 && t->content[0] == 0 && t->content[1] < 0x80)
        return fault(w, t->at, "is a number with a needless octet");
    if (t->content[0] >= 0x80)
        return fault(w, t->at, "is negative");
    if (t->len > 8)
        return fault(w, t->at, "is too large");
    for (size_t i = 0; i < t->len; i++)
        v = v << 8 | t->content[i];
    if (v > l->max)
        return fault(w, t->at, "is too large");
    if (v == 0 && l->has_default)
        note(w, &w->out->spelt_defaults, t->at);
    return true;
}

static bool check_bits(struct walk *w, const struct asn1_tlv *t)
{
    unsigned unused;
    uint8_t last;

    if (t->len < 1 || t->len > 3 || t->content[0] > 7 ||
        (t->len == 1 && t->content[0] != 0))
        return fault(w, t->at, "is no key usage");
    if (t->len == 1)
        return true;
    unused = t->content[0];
    last = t->content[t->len - 1];
    if ((last & ((1u << unused) - 1)) != 0)
        return fault(w, t->at, "sets bits that it says are unused");
    if ((last & (1u << unused)) == 0)
        note(w, &w->out->padded_bits, t->at);
    return true;
}

static bool check_certificate(struct walk *w, const struct asn1_tlv *t)
{
    const uint8_t *odd;

    if (!t->constructed)
        return fault(w, t->at, "is no certificate");
    odd = asn1_odd_boolean(span_of(t->content, t->len));
    if (odd != NULL)
        note(w, &w->out->booleans, odd);
    return true;
}

static bool check_primitive(struct walk *w, long type, const struct asn1_tlv *t)
{
    if (type == V_ASN1_ANY) /* a certificate, kept as it is */
        return check_certificate(w, t);
    if (t->constructed)
        return fault(w, t->at, "is constructed");
    switch (type) {
    case V_ASN1_INTEGER:
    case V_ASN1_ENUMERATED:
        return check_number(w, t);
    case V_ASN1_BIT_STRING:
        return check_bits(w, t);
    case V_ASN1_NULL:
        return t->len == 0 || fault(w, t->at, "is a NULL with octets");
    case V_ASN1_OCTET_STRING:
        return t->len <= OCTETS_MAX || fault(w, t->at, "is too long");
    case V_ASN1_GENERALIZEDTIME:
        return asn1_time_ok((const char *)t->content, t->len) ||
               fault(w, t->at, "is not YYYYMMDDHHMMSSZ");
    default:
        return fault(w, t->at, "has a type nobody expected");
    }
}

static bool walk_field(struct walk *w, const ASN1_TEMPLATE *tt, const uint8_t **p,
                       const uint8_t *end);

static bool walk_value(struct walk *w, const ASN1_ITEM *item, const struct asn1_tlv *t)
{
    const uint8_t *p = t->content;
    const uint8_t *end = t->content + t->len;

    if (item->itype != ASN1_ITYPE_SEQUENCE)
        return check_primitive(w, item->utype, t);
    if (!t->constructed)
        return fault(w, t->at, "is not constructed");
    for (long i = 0; i < item->tcount; i++)
        if (!walk_field(w, &item->templates[i], &p, end))
            return false;
    return p == end || fault(w, p, "has an element that does not belong there");
}

/* The universal tag of an item's value. A certificate is a SEQUENCE. */
static int tag_of(const ASN1_ITEM *item)
{
    if (item->itype == ASN1_ITYPE_SEQUENCE || item->utype == V_ASN1_ANY)
        return V_ASN1_SEQUENCE;
    return (int)item->utype;
}

static bool is(const struct asn1_tlv *t, int tag, int class)
{
    return t->tag == tag && t->class == class;
}

static bool walk_list(struct walk *w, const ASN1_ITEM *item, const struct asn1_tlv *list)
{
    const uint8_t *p = list->content;
    const uint8_t *end = list->content + list->len;
    size_t *index = &w->path[w->depth - 1].index;
    struct asn1_tlv t;

    if (!list->constructed)
        return fault(w, list->at, "is not constructed");
    while (p < end) {
        ++*index;
        if (!read_tlv(w, p, end, &t))
            return false;
        if (!is(&t, tag_of(item), V_ASN1_UNIVERSAL))
            return fault(w, p, "has another tag than it should");
        note_length(w, &t);
        if (!walk_value(w, item, &t))
            return false;
        p = t.content + t.len;
    }
    return true;
}

static bool walk_field(struct walk *w, const ASN1_TEMPLATE *tt, const uint8_t **p,
                       const uint8_t *end)
{
    const ASN1_ITEM *item = ASN1_ITEM_ptr(tt->item);
    bool optional = (tt->flags & ASN1_TFLG_OPTIONAL) != 0;
    bool list = (tt->flags & ASN1_TFLG_SK_MASK) != 0;
    bool tagged = (tt->flags & ASN1_TFLG_TAG_MASK) != 0;
    struct asn1_tlv t;
    bool ok;

    if (w->depth == ASN1_DEPTH)
        return fault(w, *p, "is nested too deeply");
    w->path[w->depth].name = tt->field_name;
    w->path[w->depth].index = 0;
    w->depth++;
    if (*p == end) {
        ok = optional || fault(w, *p, "is missing");
    } else if (!read_tlv(w, *p, end, &t)) {
        ok = false;
    } else if (tagged ? !is(&t, (int)tt->tag, V_ASN1_CONTEXT_SPECIFIC)
                      : !is(&t, list ? V_ASN1_SEQUENCE : tag_of(item), V_ASN1_UNIVERSAL)) {
        ok = optional || fault(w, *p, "is missing, or has another tag than it should");
    } else {
        note_length(w, &t);
        *p = t.content + t.len;
        ok = list ? walk_list(w, item, &t) : walk_value(w, item, &t);
    }
    w->depth--;
    return ok;
}

bool der_walk(struct span der, const ASN1_ITEM *item, size_t base, struct der_walk *out)
{
    struct walk w = {.start = der.at, .base = base, .out = out};
    const uint8_t *p = der.at;
    const uint8_t *end = der.at + der.len;
    struct asn1_tlv t;

    *out = (struct der_walk){.offset = base};
    if (der.len == 0 || der.len > INT32_MAX)
        return fault(&w, p, "is empty");
    if (item->itype == ASN1_ITYPE_PRIMITIVE && item->templates != NULL) {
        if (!walk_field(&w, item->templates, &p, end))
            return false;
    } else {
        if (!read_tlv(&w, p, end, &t))
            return false;
        if (!is(&t, tag_of(item), V_ASN1_UNIVERSAL))
            return fault(&w, p, "has another tag than it should");
        note_length(&w, &t);
        if (!walk_value(&w, item, &t))
            return false;
        p = t.content + t.len;
    }
    return p == end || fault(&w, p, "goes on after its end");
}
