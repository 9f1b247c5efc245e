/* SPDX-License-Identifier: MIT
 *
 * meter_spoil_octets.c - damage on the way: octets of a finished message change.
 */
#include "meter_spoil.h"

#include <string.h>

/* places in the grouping header, from its DF on */
enum {
    AT_CRA = 2,
    AT_EUI_LEN = 20,
    AT_TARGET = 28,
    AT_DATE = 29,
    AT_OTHER = 30,
    AT_CODE = 31,
    AT_LENGTH = 33,
};

static uint8_t *at(struct spoil *s, size_t offset)
{
    return s->message.at + s->header + offset;
}

/* The MAC header's length, after octets were put in or taken out. */
static void refit(struct spoil *s)
{
    if (s->header) {
        size_t len = s->message.len - 10;
        s->message.at[8] = (uint8_t)(len >> 8);
        s->message.at[9] = (uint8_t)len;
    }
}

static void insert(struct spoil *s, size_t where, const void *octets, size_t n)
{
    struct out o = {0};
    out_put(&o, s->message.at, where);
    out_put(&o, octets, n);
    out_put(&o, s->message.at + where, s->message.len - where);
    out_free(&s->message);
    s->message = o;
    refit(s);
}

static size_t end(const struct spoil *s) /* of the signature field */
{
    return s->message.len - s->good->env.mac.len;
}

static void nothing_at_all(struct spoil *s)
{
    s->message.len = 0;
}

static void cut_one(struct spoil *s)
{
    s->message.len--;
}

static void cut_half(struct spoil *s)
{
    s->message.len /= 2;
}

static void cut_in_header(struct spoil *s)
{
    s->message.len = s->header + 20;
}

static void one_more(struct spoil *s)
{
    out_octet(&s->message, 0);
}

static void first_octet(struct spoil *s)
{
    *at(s, 0) = 0xde;
}

static void cra_response(struct spoil *s)
{
    *at(s, AT_CRA) = 2;
}

static void cra_alert(struct spoil *s)
{
    *at(s, AT_CRA) = 3;
}

static void cra_unknown(struct spoil *s)
{
    *at(s, AT_CRA) = 4;
}

static void title_length(struct spoil *s)
{
    *at(s, AT_EUI_LEN) = 7;
}

static void other_device(struct spoil *s)
{
    *at(s, AT_TARGET) ^= 1;
}

static void dated(struct spoil *s)
{
    static const uint8_t date[12] = {0x07, 0xdf, 1, 1, 0xff, 0, 0, 0, 0, 0x80, 0, 0xff};
    *at(s, AT_DATE) = sizeof date;
    insert(s, s->header + AT_OTHER, date, sizeof date);
}

static void other_info(struct spoil *s)
{
    *at(s, AT_OTHER) = 3;
}

static void unknown_code(struct spoil *s)
{
    *at(s, AT_CODE) = 0x0f;
}

/* Off by one or two: whichever does not happen to hit an octet that could be the length of
 * the signature field. */
static void content_length(struct spoil *s)
{
    static const int by[] = {-1, -2, 1, 2};
    uint8_t *p = at(s, AT_LENGTH);
    size_t len = (size_t)p[1] << 8 | p[2];
    for (size_t i = 0; i < 4; i++) {
        size_t wrong = len + (size_t)by[i];
        uint8_t seen = p[3 + wrong];
        if (seen == 0 || seen == RS_LEN)
            continue;
        p[1] = (uint8_t)(wrong >> 8);
        p[2] = (uint8_t)wrong;
        return;
    }
}

static void long_length(struct spoil *s)
{
    static const uint8_t zero[1];
    *at(s, AT_LENGTH) = 0x83;
    insert(s, s->header + AT_LENGTH + 1, zero, 1);
}

static void certificate_bit(struct spoil *s)
{
    struct octets cert = s->good->put[0].cert;
    size_t offset = (size_t)(cert.at + cert.len - 1 - s->good->env.covered.at);
    *at(s, offset) ^= 1;
}

static void counter_bit(struct spoil *s)
{
    *at(s, 10) ^= 1;
}

static void signature_bit(struct spoil *s)
{
    s->message.at[end(s) - 1] ^= 1;
}

static void r_zero(struct spoil *s)
{
    memset(s->message.at + end(s) - RS_LEN, 0, SCALAR_LEN);
}

static void s_zero(struct spoil *s)
{
    memset(s->message.at + end(s) - SCALAR_LEN, 0, SCALAR_LEN);
}

static void s_order(struct spoil *s)
{
    group_order(s->message.at + end(s) - SCALAR_LEN);
}

static void r_order(struct spoil *s)
{
    group_order(s->message.at + end(s) - RS_LEN);
}

static void halves_swapped(struct spoil *s)
{
    uint8_t r[SCALAR_LEN], *sig = s->message.at + end(s) - RS_LEN;
    memcpy(r, sig, sizeof r);
    memmove(sig, sig + SCALAR_LEN, SCALAR_LEN);
    memcpy(sig + SCALAR_LEN, r, sizeof r);
}

static void unsigned_form(struct spoil *s)
{
    size_t where = end(s) - RS_LEN;
    s->message.at[where - 1] = 0;
    memmove(s->message.at + where, s->message.at + end(s), s->good->env.mac.len);
    s->message.len -= RS_LEN;
    refit(s);
}

static void mac_bit(struct spoil *s)
{
    s->message.at[s->message.len - 1] ^= 1;
}

static void mac_stripped(struct spoil *s)
{
    s->message.len -= MAC_LEN;
    memmove(s->message.at, s->message.at + s->header, s->message.len - s->header);
    s->message.len -= s->header;
}

static void mac_security(struct spoil *s)
{
    s->message.at[10] = 0x31;
}

static void mac_key_info(struct spoil *s)
{
    s->message.at[6] = 1;
}

static void mac_added(struct spoil *s)
{
    static const uint8_t front[7] = {0xdd}, back[5] = {0x11}, mac[MAC_LEN];
    struct out o = {0};
    out_put(&o, front, sizeof front);
    out_length(&o, sizeof back + s->message.len + sizeof mac);
    out_put(&o, back, sizeof back);
    out_put(&o, s->message.at, s->message.len);
    out_put(&o, mac, sizeof mac);
    out_free(&s->message);
    s->message = o;
}

const struct spoil_row spoil_octets[] = {
    {"no octet at all", nothing_at_all, TRUNCATED, 0, 0, NULL},
    {"last octet missing", cut_one, TRUNCATED, 0, 0, NULL},
    {"second half missing", cut_half, TRUNCATED, 0, 0, NULL},
    {"cut inside the header", cut_in_header, TRUNCATED, 0, 0, NULL},
    {"trailing octet", one_more, TRAILING_OCTETS, 0, 0, NULL},
    {"DF altered", first_octet, GROUPING_HEADER, 0, 0, NULL},
    {"CRA 02", cra_response, NOT_A_COMMAND, 0, 0, NULL},
    {"CRA 03", cra_alert, NOT_A_COMMAND, 0, 0, NULL},
    {"CRA 04", cra_unknown, GROUPING_HEADER, 0, 0, NULL},
    {"system title length", title_length, GROUPING_HEADER, 0, 0, NULL},
    {"date-time in a command", dated, GROUPING_HEADER, 0, 0, NULL},
    {"wrong target", other_device, NOT_FOR_ME, 0, 0, NULL},
    {"other-information length", other_info, OTHER_INFORMATION, 0, 0, NULL},
    {"unknown message code", unknown_code, MESSAGE_CODE, 0, 0, NULL},
    {"content length off", content_length, CONTENT_LENGTH, 0, 0, NULL},
    {"content length in long form", long_length, LENGTH_FORM, 0, 0, NULL},
    {"certificate altered, not signed again", certificate_bit, SIGNATURE, 0, NEED_SIGNED,
     NULL},
    {"counter altered, not signed again", counter_bit, SIGNATURE, 0, NEED_SIGNED, NULL},
    {"signature bit flipped", signature_bit, SIGNATURE, 0, NEED_SIGNED, NULL},
    {"r = 0", r_zero, SIGNATURE, 0, NEED_SIGNED, NULL},
    {"s = 0", s_zero, SIGNATURE, 0, NEED_SIGNED, NULL},
    {"r = n", r_order, SIGNATURE, 0, NEED_SIGNED, NULL},
    {"s = n", s_order, SIGNATURE, 0, NEED_SIGNED, NULL},
    {"r and s swapped", halves_swapped, SIGNATURE, 0, NEED_SIGNED, NULL},
    {"signature taken away", unsigned_form, SIGNATURE_FORM, 0, NEED_SIGNED, NULL},
    {"MAC bit flipped", mac_bit, MAC, 0, NEED_MAC, NULL},
    {"MAC and its header taken away", mac_stripped, MAC_HEADER, 0, NEED_MAC, NULL},
    {"security control altered", mac_security, MAC_HEADER, 0, NEED_MAC, NULL},
    {"key information in the MAC header", mac_key_info, MAC_HEADER, 0, NEED_MAC, NULL},
    {"MAC and header added", mac_added, MAC_HEADER, 0, NEED_NO_MAC, NULL},
};
const size_t n_spoil_octets = sizeof spoil_octets / sizeof *spoil_octets;
