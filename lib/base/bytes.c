/* SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "mem.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

static void encode(const uint8_t *in, size_t len, char *out, const char *digits)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * len] = '\0';
}

void hex_encode(const uint8_t *in, size_t len, char *out)
{
    encode(in, len, out, "0123456789ABCDEF");
}

void hex_encode_lower(const uint8_t *in, size_t len, char *out)
{
    encode(in, len, out, "0123456789abcdef");
}

/* The value of each hexadecimal digit plus one. A roster is mostly hexadecimal text. */
static const uint8_t digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12,
    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};

bool hex_decode(const char *text, size_t text_len, uint8_t *out, size_t len)
{
    if (text_len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned hi = digits[(uint8_t)text[2 * i]];
        unsigned lo = digits[(uint8_t)text[2 * i + 1]];

        if (hi == 0 || lo == 0)
            return false;
        out[i] = (uint8_t)((hi - 1) << 4 | (lo - 1));
    }
    return true;
}

bool eui64_parse(const char *text, size_t len, struct eui64 *out)
{
    return hex_decode(text, len, out->b, sizeof out->b);
}

int eui64_cmp(const struct eui64 *a, const struct eui64 *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

struct digest digest_of(struct span a, struct span b)
{
    /* One-shot low-level calls:
     * the EVP fetch costs more than the hash of a short message. */
    SHA256_CTX ctx;
    struct digest d;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    if (SHA256_Init(&ctx) != 1 || SHA256_Update(&ctx, a.at, a.len) != 1 ||
        (b.len > 0 && SHA256_Update(&ctx, b.at, b.len) != 1) ||
        SHA256_Final(d.b, &ctx) != 1)
        abort();
#pragma GCC diagnostic pop
    return d;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

char *span_text(struct span s)
{
    char *copy = malloc(s.len + 1);

    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return copy;
}
