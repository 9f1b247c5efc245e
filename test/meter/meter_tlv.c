/* SPDX-License-Identifier: MIT
 *
 * meter_tlv.c - see the header. Constructed elements are written forwards and their length
 * is slid in at the end: messages are a few thousand octets, clarity is worth the memmove.
 */
#include "meter_tlv.h"

#include "meter_util.h"

#include <string.h>

enum tlv_fault tlv_next(struct octets *rest, struct tlv *out)
{
    const uint8_t *p = rest->at;
    size_t left = rest->len;

    if (left < 2)
        return TLV_SHORT;
    if ((p[0] & 0x1f) == 0x1f)
        return TLV_TAG; /* long tag numbers occur nowhere in GBCS or SMKI */

    size_t len = p[1], head = 2;
    if (len & 0x80) {
        size_t n = len & 0x7f;
        if (n == 0 || n > 4)
            return TLV_LENGTH;
        if (left < 2 + n)
            return TLV_SHORT;
        len = 0;
        for (size_t i = 0; i < n; i++)
            len = len << 8 | p[2 + i];
        head += n;
        if (p[2] == 0 || len < 0x80)
            return TLV_LENGTH;
    }
    if (len > left - head)
        return TLV_SHORT;

    out->tag = p[0];
    out->raw = (struct octets){p, head + len};
    out->body = (struct octets){p + head, len};
    *rest = (struct octets){p + head + len, left - head - len};
    return TLV_OK;
}

bool tlv_is(struct octets rest, unsigned tag)
{
    return rest.len > 0 && rest.at[0] == tag;
}

enum tlv_fault tlv_take(struct octets *rest, unsigned tag, struct tlv *out)
{
    if (!tlv_is(*rest, tag))
        return TLV_TAG;
    return tlv_next(rest, out);
}

enum tlv_fault tlv_int(struct octets body, int64_t *out)
{
    if (body.len == 0)
        return TLV_LENGTH;
    if (body.len > 1 && ((body.at[0] == 0 && !(body.at[1] & 0x80)) ||
                         (body.at[0] == 0xff && (body.at[1] & 0x80))))
        return TLV_LENGTH;
    if (body.len > 8)
        return TLV_VALUE;
    uint64_t v = body.at[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < body.len; i++)
        v = v << 8 | body.at[i];
    memcpy(out, &v, sizeof v);
    return TLV_OK;
}

bool octets_same(struct octets a, struct octets b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

uint64_t octets_u64(const uint8_t at[8])
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | at[i];
    return v;
}

void octets_put_u64(uint8_t at[8], uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        at[i] = (uint8_t)v;
}

void out_free(struct out *o)
{
    free(o->at);
    *o = (struct out){0};
}

static void out_room(struct out *o, size_t more)
{
    if (o->cap - o->len >= more)
        return;
    o->cap = (o->len + more) * 2;
    o->at = must_realloc(o->at, o->cap);
}

void out_put(struct out *o, const void *at, size_t len)
{
    if (len == 0)
        return;
    out_room(o, len);
    memcpy(o->at + o->len, at, len);
    o->len += len;
}

void out_octet(struct out *o, unsigned v)
{
    uint8_t b = (uint8_t)v;
    out_put(o, &b, 1);
}

static size_t length_form(uint8_t form[3], size_t len, bool loose)
{
    if (len > 0xffff)
        die(2, "an element of %zu octets is beyond this simulator", len);
    if (len > 0xff || loose) {
        form[0] = 0x82;
        form[1] = (uint8_t)(len >> 8);
        form[2] = (uint8_t)len;
        return 3;
    }
    if (len > 0x7f) {
        form[0] = 0x81;
        form[1] = (uint8_t)len;
        return 2;
    }
    form[0] = (uint8_t)len;
    return 1;
}

void out_length(struct out *o, size_t len)
{
    uint8_t form[3];
    size_t n = length_form(form, len, false);
    out_put(o, form, n);
}

size_t out_open(struct out *o, unsigned tag)
{
    out_octet(o, tag);
    return o->len;
}

void out_close(struct out *o, size_t mark)
{
    uint8_t form[3];
    size_t n = length_form(form, o->len - mark, o->loose);
    out_room(o, n);
    memmove(o->at + mark + n, o->at + mark, o->len - mark);
    memcpy(o->at + mark, form, n);
    o->len += n;
}

void out_tlv(struct out *o, unsigned tag, struct octets body)
{
    out_octet(o, tag);
    out_length(o, body.len);
    out_put(o, body.at, body.len);
}

void out_int(struct out *o, unsigned tag, int64_t v)
{
    uint8_t b[8];
    octets_put_u64(b, (uint64_t)v);
    size_t skip = 0;
    while (skip < 7 && ((b[skip] == 0 && !(b[skip + 1] & 0x80)) ||
                        (b[skip] == 0xff && (b[skip + 1] & 0x80))))
        skip++;
    out_tlv(o, tag, (struct octets){b + skip, 8 - skip});
}

struct octets out_octets(const struct out *o)
{
    return (struct octets){o->at, o->len};
}
