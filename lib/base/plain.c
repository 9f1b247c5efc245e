/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include <stddef.h>
#include <stdint.h>

/* The code point of the UTF-8 sequence at p and its octets; 0 octets: it is none. */
static size_t decode(const unsigned char *p, uint32_t *out)
{
    static const unsigned char lead[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    uint32_t c = p[0] & lead[n];

    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    /* longer than needed, a surrogate, or beyond the last */
    if (c < least[n] || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
        return 0;
    *out = c;
    return n;
}

static bool misleads(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C ||
           (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

static size_t plain(const char *text)
{
    uint32_t c = 0;
    size_t n = decode((const unsigned char *)text, &c);

    return n > 0 && misleads(c) ? 0 : n;
}

bool plain_text(const char *text)
{
    size_t n = 1;

    while (*text != '\0' && n > 0) {
        n = plain(text);
        text += n;
    }
    return n > 0;
}

void plain_tidy(char *text)
{
    while (*text != '\0') {
        size_t n = plain(text);

        if (n == 0)
            *text = '?';
        text += n > 0 ? n : 1;
    }
}
