/* SPDX-License-Identifier: MIT
 *
 * bytes - borrowed views, fixed-size octet types, hexadecimal, big-endian helpers.
 *
 * Fixed sizes have a type: they copy by '=', and a digest cannot be passed where a
 * signature is due.
 *
 * Effects: none.
 */
#ifndef BYTES_H
#define BYTES_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *at;
    size_t len;
};
struct eui64 {
    uint8_t b[8];
};
struct key_id { /* RFC 5280 4.2.1.2 method (2): 0100 and 60 bits of SHA-1 */
    uint8_t b[8];
};
struct digest { /* SHA-256 */
    uint8_t b[32];
};
struct sig_p256 { /* r || s, big-endian, left-padded */
    uint8_t b[64];
};
struct point { /* P-256 point, uncompressed: 04 X Y */
    uint8_t b[65];
};

#define HEX_LEN(n) (2 * (n) + 1)

/* out gets 2*len digits, upper case (GBCS habit), and a NUL. */
void hex_encode(const uint8_t *in, size_t len, char *out);
/* Lower case: digests, as sha256sum prints them. */
void hex_encode_lower(const uint8_t *in, size_t len, char *out);
/* Exactly 2*len digits of either case at text (text_len == 2*len); false otherwise. */
MUST_CHECK bool hex_decode(const char *text, size_t text_len, uint8_t *out, size_t len);

/* 16 hex digits, nothing else (no dashes): false otherwise. */
MUST_CHECK bool eui64_parse(const char *text, size_t len, struct eui64 *out);
int eui64_cmp(const struct eui64 *a, const struct eui64 *b);

/* SHA-256 of one or two spans in a row (second may be empty).
 * Aborts if OpenSSL has no SHA-256. */
struct digest digest_of(struct span a, struct span b);
bool digest_equal(const struct digest *a, const struct digest *b);

static inline struct span span_of(const void *at, size_t len)
{
    return (struct span){at, len};
}
/* Its octets, as the database has them; borrowed. */
static inline struct span eui64_span(const struct eui64 *e)
{
    return span_of(e->b, sizeof e->b);
}
bool span_equal(struct span a, struct span b);
/* A copy with a NUL behind it, also of an empty span; free(). NULL: out of memory. */
char *span_text(struct span s);

static inline void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, (uint16_t)(v >> 16));
    put_be16(p + 2, (uint16_t)v);
}
static inline void put_be64(uint8_t *p, uint64_t v)
{
    put_be32(p, (uint32_t)(v >> 32));
    put_be32(p + 4, (uint32_t)v);
}
static inline uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}
static inline uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}
static inline uint64_t get_be64(const uint8_t *p)
{
    return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

#endif
