/* SPDX-License-Identifier: MIT */
#include "message.h"
#include "asn1.h"
#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define GH_MIN 34 /* a grouping header with short content length */

AUTO_DEFINE(der_octets, uint8_t *, NULL, OPENSSL_free)

static const struct row {
    uint16_t first, last;
    enum message_kind kind;
    enum payload_kind body;
} rows[] = {
    {MESSAGE_CS02B_FIRST, MESSAGE_CS02B_LAST, MESSAGE_COMMAND, PAYLOAD_UPDATE},
    {MESSAGE_CS02B_FIRST, MESSAGE_CS02B_LAST, MESSAGE_RESPONSE, PAYLOAD_ANSWER},
    {MESSAGE_CS02B_ALERT, MESSAGE_CS02B_ALERT, MESSAGE_ALERT, PAYLOAD_ALERT},
    {MESSAGE_CS02A, MESSAGE_CS02A, MESSAGE_COMMAND, PAYLOAD_QUERY},
    {MESSAGE_CS02A, MESSAGE_CS02A, MESSAGE_RESPONSE, PAYLOAD_REPORT},
    {MESSAGE_CS02F, MESSAGE_CS02F, MESSAGE_COMMAND, PAYLOAD_QUERY},
    {MESSAGE_CS02F, MESSAGE_CS02F, MESSAGE_RESPONSE, PAYLOAD_REPORT},
    {MESSAGE_CS02G, MESSAGE_CS02G, MESSAGE_COMMAND, PAYLOAD_UPDATE},
    {MESSAGE_CS02G, MESSAGE_CS02G, MESSAGE_RESPONSE, PAYLOAD_ANSWER},
    {MESSAGE_CS02G_ALERT, MESSAGE_CS02G_ALERT, MESSAGE_ALERT, PAYLOAD_ALERT},
};

enum payload_kind message_payload_kind(uint16_t code, enum message_kind kind)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == kind && rows[i].first <= code && code <= rows[i].last)
            return rows[i].body;
    return PAYLOAD_RAW;
}

/* ---- decode ---- */

struct cursor {
    const uint8_t *start, *at, *end;
    struct err *e;
};

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

static bool fault(const struct cursor *c, const uint8_t *at, const char *id,
                  const char *field, const char *what)
{
    return err_set(c->e, ERR_INPUT, id, "octet %zu, %s: %s", (size_t)(at - c->start), field,
                   what);
}

static bool take(struct cursor *c, void *out, size_t n, const char *field)
{
    if (left(c) < n)
        return fault(c, c->at, "message.length", field, "the message ends here");
    if (out != NULL)
        memcpy(out, c->at, n);
    c->at += n;
    return true;
}

/* Octets that have one value only. */
static bool want(struct cursor *c, const char *octets, size_t n, const char *field)
{
    for (size_t i = 0; i < n; i++) {
        if (left(c) == 0)
            return fault(c, c->at, "message.length", field, "the message ends here");
        if (*c->at != (uint8_t)octets[i])
            return err_set(c->e, ERR_INPUT, "message.header",
                           "octet %zu, %s: %02X where %02X belongs",
                           (size_t)(c->at - c->start), field, *c->at, (uint8_t)octets[i]);
        c->at++;
    }
    return true;
}

static size_t length_octets(size_t len)
{
    return len < 0x80 ? 1 : len <= 0xFF ? 2 : len <= 0xFFFF ? 3 : 4;
}

/* *wide gets the number of length octets when it is more than needed, else 0. */
static bool take_length(struct cursor *c, size_t *len, unsigned *wide, const char *field)
{
    const uint8_t *at = c->at;
    uint8_t first = 0;
    size_t n;

    if (!take(c, &first, 1, field))
        return false;
    *len = first;
    n = 0;
    if (first >= 0x80) {
        n = first & 0x7Fu;
        if (n < 1 || n > 4)
            return fault(c, at, "message.header", field, "no length of one to five octets");
        if (left(c) < n)
            return fault(c, at, "message.length", field, "the message ends here");
        *len = 0;
        for (size_t i = 0; i < n; i++)
            *len = *len << 8 | *c->at++;
    }
    *wide = 1 + n > length_octets(*len) ? (unsigned)(1 + n) : 0;
    return true;
}

static bool decode_mac_header(struct cursor *c, struct message *m)
{
    const uint8_t *at;
    size_t len;

    if (!want(c, "\xDD\0\0\0\0\0\0", 7, "MAC header"))
        return false;
    at = c->at;
    if (!take_length(c, &len, &m->mac_octets, "MAC header length"))
        return false;
    if (len != left(c))
        return err_set(c->e, ERR_INPUT, "message.length",
                       "octet %zu, MAC header length: says %zu, but %zu octets follow",
                       (size_t)(at - c->start), len, left(c));
    return want(c, "\x11\0\0\0\0", 5, "security header");
}

static bool decode_other_info(struct cursor *c, struct message *m)
{
    const uint8_t *at = c->at;
    uint8_t code[2];
    uint8_t len = 0;

    if (!take(c, &len, 1, "other-information length"))
        return false;
    if (len < 2 || len >= 0x80)
        return fault(c, at, "message.header", "other-information length",
                     "a message code takes two octets");
    if (!take(c, code, 2, "message code"))
        return false;
    m->code = get_be16(code);
    m->payload_kind = message_payload_kind(m->code, m->kind);
    m->extra = span_of(c->at, (size_t)len - 2);
    if (len > 2 && m->kind == MESSAGE_COMMAND && m->payload_kind != PAYLOAD_RAW)
        return err_set(c->e, ERR_INPUT, "message.other-info",
                       "octet %zu, other-information length: %u, but a command of %s has "
                       "no supplementary party (2)",
                       (size_t)(at - c->start), len, message_use_case(m->code));
    return take(c, NULL, m->extra.len, "supplementary remote party");
}

static bool decode_grouping_header(struct cursor *c, struct message *m, size_t *len)
{
    uint8_t kind = 0, counter[8];
    const uint8_t *at;

    if (!want(c, "\xDF", 1, "grouping header") ||
        !want(c, "\x09", 1, "transaction-id length"))
        return false;
    at = c->at;
    if (!take(c, &kind, 1, "CRA flag"))
        return false;
    if (kind < MESSAGE_COMMAND || kind > MESSAGE_ALERT)
        return fault(c, at, "message.header", "CRA flag", "neither 01, 02 nor 03");
    m->kind = (enum message_kind)kind;
    if (!take(c, counter, sizeof counter, "originator counter") ||
        !want(c, "\x08", 1, "originator length") ||
        !take(c, m->originator.b, sizeof m->originator.b, "originator") ||
        !want(c, "\x08", 1, "recipient length") ||
        !take(c, m->recipient.b, sizeof m->recipient.b, "recipient"))
        return false;
    m->counter = get_be64(counter);
    m->has_date_time = left(c) > 0 && *c->at != 0;
    if (m->has_date_time ? !want(c, "\x0C", 1, "date-time length") ||
                               !take(c, m->date_time, sizeof m->date_time, "date-time")
                         : !want(c, "\0", 1, "date-time length"))
        return false;
    if (!decode_other_info(c, m))
        return false;
    at = c->at;
    if (!take_length(c, len, &m->content_octets, "content length"))
        return false;
    return *len <= left(c) ||
           err_set(c->e, ERR_INPUT, "message.length",
                   "octet %zu, content length: says %zu, but %zu octets follow",
                   (size_t)(at - c->start), *len, left(c));
}

static bool decode_rest(struct cursor *c, struct message *m, bool mac)
{
    const uint8_t *at = c->at;
    uint8_t len = 0;

    if (left(c) == 0 && !mac) {
        m->form = FORM_BARE;
        return true;
    }
    if (!take(c, &len, 1, "signature length"))
        return false;
    if (len == 0x40) {
        m->form = mac ? FORM_SIGNED_MAC : FORM_SIGNED;
        if (!take(c, m->sig.b, sizeof m->sig.b, "signature"))
            return false;
    } else if (len == 0) {
        m->form = mac ? FORM_MAC : FORM_NULL;
    } else {
        return fault(c, at, "message.envelope", "signature length", "neither 40 nor 00");
    }
    if (mac && !take(c, m->mac, sizeof m->mac, "MAC"))
        return false;
    return left(c) == 0 ||
           fault(c, c->at, "message.envelope", "end", "octets follow the message");
}

/* libcrypto decodes what it is given in the shortest lengths: see asn1_tlv_read. */
static bool decode_payload(const struct cursor *c, struct message *m, const ASN1_ITEM *item)
{
    struct span der = m->payload;
    AUTO(mem) uint8_t *copy = NULL;
    const uint8_t *p;

    if (m->long_lengths.n > 0) {
        copy = malloc(der.len);
        if (copy == NULL)
            return err_set(c->e, ERR_STORE, "store.memory", "out of memory");
        der = span_of(copy, asn1_shorten(der, copy));
    }
    p = der.at;
    m->keep = ASN1_item_d2i(NULL, &p, (long)der.len, item);
    return (m->keep != NULL && p == der.at + der.len) ||
           err_set(c->e, ERR_INPUT, "message.payload", "octet %zu, payload: %s",
                   (size_t)(m->payload.at - c->start), err_openssl());
}

static bool decode_body(const struct cursor *c, struct message *m)
{
    const ASN1_ITEM *item = payload_item(m->payload_kind);
    struct der_walk s;

    if (!der_walk(m->payload, item, (size_t)(m->payload.at - c->start), &s))
        return err_set(c->e, ERR_INPUT, "message.payload", "octet %zu, %s %s", s.offset,
                       s.field[0] != '\0' ? s.field : "payload", s.fault);
    m->long_lengths = s.long_lengths;
    m->spelt_defaults = s.spelt_defaults;
    m->padded_bits = s.padded_bits;
    m->booleans = s.booleans;
    return decode_payload(c, m, item) &&
           payload_read(m->payload_kind, m->keep, &m->body, c->e);
}

static bool is_der(const struct cursor *c, const struct message *m)
{
    AUTO(der_octets) uint8_t *der = NULL;
    int len;
    size_t at = 0;

    if (m->content_octets != 0 || m->mac_octets != 0)
        return err_set(
            c->e, ERR_INPUT, "message.not-der", "octet %zu, %s: longer than need be",
            m->mac_octets != 0 ? (size_t)7
                               : (size_t)(m->payload.at - c->start) - m->content_octets,
            m->mac_octets != 0 ? "MAC header length" : "content length");
    if (m->long_lengths.n > 0)
        return err_set(c->e, ERR_INPUT, "message.not-der",
                       "octet %zu, payload: a length longer than need be",
                       m->long_lengths.offset);
    if (m->spelt_defaults.n > 0)
        return err_set(c->e, ERR_INPUT, "message.not-der",
                       "octet %zu, payload: a default value spelled out",
                       m->spelt_defaults.offset);
    if (m->padded_bits.n > 0)
        return err_set(c->e, ERR_INPUT, "message.not-der",
                       "octet %zu, payload: a key usage with zero bits at its end",
                       m->padded_bits.offset);
    if (m->booleans.n > 0)
        return err_set(c->e, ERR_INPUT, "message.not-der",
                       "octet %zu, payload: a boolean in a certificate that is not TRUE as "
                       "FF",
                       m->booleans.offset);
    len = ASN1_item_i2d(m->keep, &der, payload_item(m->payload_kind));
    if (len < 0)
        return err_set(c->e, ERR_STORE, "store.memory", "out of memory: %s", err_openssl());
    while (at < (size_t)len && at < m->payload.len && der[at] == m->payload.at[at])
        at++;
    return (at == (size_t)len && at == m->payload.len) ||
           err_set(c->e, ERR_INPUT, "message.not-der",
                   "octet %zu, payload: encoded again it differs from here on",
                   (size_t)(m->payload.at - c->start) + at);
}

/* The mode of a command or response is the one of its message code. */
static bool has_code_of(const struct message *m, unsigned mode)
{
    enum mode of_code;

    return gbcs_mode_of_code(m->code, &of_code) && mode == (unsigned)of_code;
}

/* An alert's header has the device's own counter, and one code for many modes. */
static bool alert_has_mode(const struct message *m, unsigned mode)
{
    return gbcs_mode_known(mode) &&
           (mode == MODE_LOAD_BY_SUPPLIER) == (m->code == MESSAGE_CS02G_ALERT);
}

/* Code, mode, counters and envelope against each other: GBCS 13.3.3. */
static bool check_update(const struct cursor *c, const struct message *m)
{
    const struct payload_update *u = &m->body.update;
    bool mac = m->form == FORM_MAC || m->form == FORM_SIGNED_MAC;
    size_t payload = (size_t)(m->payload.at - c->start);

    if (!has_code_of(m, u->mode))
        return err_set(c->e, ERR_INPUT, "message.mode",
                       "octet %zu, credentialsReplacementMode: mode %u under message code "
                       "%04X",
                       payload, u->mode, m->code);
    if (u->counter != m->counter)
        return err_set(c->e, ERR_INPUT, "message.counter",
                       "octet %zu, authorisingRemotePartySeqNumber: %llu, but the grouping "
                       "header says %llu",
                       payload, (unsigned long long)u->counter,
                       (unsigned long long)m->counter);
    if (mac && !gbcs_mode((enum mode)u->mode)->mac)
        return err_set(c->e, ERR_INPUT, "message.envelope",
                       "octet 0, MAC header: a command of mode %s has none",
                       gbcs_mode((enum mode)u->mode)->name);
    if (m->form == FORM_MAC && u->mode != MODE_ACB_BY_ACB)
        return err_set(c->e, ERR_INPUT, "message.envelope",
                       "octet %zu, signature length: a command of mode %s is signed",
                       payload + m->payload.len, gbcs_mode((enum mode)u->mode)->name);
    return true;
}

static bool check_whole(const struct cursor *c, struct message *m)
{
    const struct payload_reply *r = &m->body.reply;

    m->consistent = true;
    switch (m->payload_kind) {
    case PAYLOAD_UPDATE:
        return is_der(c, m) && check_update(c, m);
    case PAYLOAD_QUERY:
        return is_der(c, m);
    case PAYLOAD_ANSWER:
        m->consistent =
            !r->has_outcome || (r->counter == m->counter && has_code_of(m, r->mode));
        return true;
    case PAYLOAD_ALERT:
        m->consistent = alert_has_mode(m, r->mode);
        return true;
    case PAYLOAD_REPORT:
    case PAYLOAD_RAW:
        return true;
    }
    return true;
}

static bool decode(struct cursor *c, struct message *m)
{
    bool mac = *c->at == 0xDD;
    const uint8_t *header;
    size_t len;

    if (mac && !decode_mac_header(c, m))
        return false;
    header = c->at;
    if (!decode_grouping_header(c, m, &len))
        return false;
    m->payload = span_of(c->at, len);
    m->signed_octets = span_of(header + 1, (size_t)(c->at + len - header) - 1);
    c->at += len;
    return decode_rest(c, m, mac) &&
           (m->payload_kind == PAYLOAD_RAW || decode_body(c, m)) && check_whole(c, m);
}

bool message_decode(struct span octets, struct message *out, struct err *e)
{
    struct cursor c = {.start = octets.at, .at = octets.at, .e = e};

    memset(out, 0, sizeof *out);
    out->payload_kind = PAYLOAD_RAW;
    if (octets.len == 0 || octets.len > MESSAGE_MAX)
        return err_set(e, ERR_INPUT, "message.length",
                       "a message has 1 to %d octets, this has %zu", MESSAGE_MAX,
                       octets.len);
    c.end = octets.at + octets.len;
    if (decode(&c, out))
        return true;
    message_done(out);
    return false;
}

void message_done(struct message *m)
{
    if (m->keep != NULL)
        ASN1_item_free(m->keep, payload_item(m->payload_kind));
    memset(m, 0, sizeof *m);
    m->payload_kind = PAYLOAD_RAW;
}

/* ---- encode ---- */

bool message_payload(const struct message *m, uint8_t **out, size_t *len, struct err *e)
{
    AUTO(der_octets) uint8_t *der = NULL;
    ASN1_VALUE *value = NULL;
    int n;

    if (!payload_write(m->payload_kind, &m->body, &value, e))
        return false;
    n = ASN1_item_i2d(value, &der, payload_item(m->payload_kind));
    ASN1_item_free(value, payload_item(m->payload_kind));
    *out = n > 0 ? malloc((size_t)n) : NULL;
    if (*out == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory: %s", err_openssl());
    memcpy(*out, der, (size_t)n);
    *len = (size_t)n;
    return true;
}

static uint8_t *put(uint8_t *p, const void *octets, size_t n)
{
    if (n > 0)
        memcpy(p, octets, n);
    return p + n;
}

static uint8_t *put_length(uint8_t *p, size_t len, unsigned wide)
{
    size_t n = wide > 0 ? wide : length_octets(len);

    if (n > 1)
        *p++ = (uint8_t)(0x80 + n - 1);
    for (size_t i = n > 1 ? n - 1 : 1; i-- > 0;)
        *p++ = (uint8_t)(len >> 8 * i);
    return p;
}

static uint8_t *put_inner(uint8_t *p, const struct message *m, struct span payload)
{
    uint8_t counter[8], code[2];

    put_be64(counter, m->counter);
    put_be16(code, m->code);
    *p++ = 0xDF;
    *p++ = 0x09;
    *p++ = (uint8_t)m->kind;
    p = put(p, counter, sizeof counter);
    *p++ = 8;
    p = put(p, m->originator.b, sizeof m->originator.b);
    *p++ = 8;
    p = put(p, m->recipient.b, sizeof m->recipient.b);
    *p++ = m->has_date_time ? 12 : 0;
    p = put(p, m->date_time, m->has_date_time ? sizeof m->date_time : 0);
    *p++ = (uint8_t)(2 + m->extra.len);
    p = put(p, code, sizeof code);
    p = put(p, m->extra.at, m->extra.len);
    p = put_length(p, payload.len, m->content_octets);
    p = put(p, payload.at, payload.len);
    switch (m->form) {
    case FORM_SIGNED:
    case FORM_SIGNED_MAC:
        *p++ = 0x40;
        return put(p, m->sig.b, sizeof m->sig.b);
    case FORM_NULL:
    case FORM_MAC:
        *p++ = 0;
        return p;
    case FORM_BARE:
    case FORM_COUNT:
        break;
    }
    return p;
}

bool message_encode(const struct message *m, uint8_t **out, size_t *len, struct err *e)
{
    AUTO(mem) uint8_t *der = NULL;
    AUTO(mem) uint8_t *inner = NULL;
    struct span payload = m->payload;
    bool mac = m->form == FORM_MAC || m->form == FORM_SIGNED_MAC;
    size_t n;
    uint8_t *p;

    if (payload.len == 0 && m->payload_kind != PAYLOAD_RAW) {
        if (!message_payload(m, &der, &n, e))
            return false;
        payload = span_of(der, n);
    }
    if (m->extra.len > 0x7D || payload.len > MESSAGE_MAX ||
        (m->content_octets > 0 && m->content_octets < length_octets(payload.len)) ||
        m->content_octets > 5 || m->mac_octets > 5)
        return err_set(e, ERR_INPUT, "message.value",
                       "the message holds something that cannot be encoded: a length");
    inner = malloc(GH_MIN + 16 + m->extra.len + payload.len + 65);
    if (inner == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    n = (size_t)(put_inner(inner, m, payload) - inner);
    if (!mac) {
        *out = TAKE(inner);
        *len = n;
        return true;
    }
    if (m->mac_octets > 0 && m->mac_octets < length_octets(5 + n + sizeof m->mac))
        return err_set(e, ERR_INPUT, "message.value",
                       "the message holds something that cannot be encoded: a length");
    *out = p = malloc(7 + 5 + 5 + n + sizeof m->mac);
    if (p == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    p = put(p, "\xDD\0\0\0\0\0\0", 7);
    p = put_length(p, 5 + n + sizeof m->mac, m->mac_octets);
    p = put(p, "\x11\0\0\0\0", 5);
    p = put(p, inner, n);
    p = put(p, m->mac, sizeof m->mac);
    *len = (size_t)(p - *out);
    return true;
}
