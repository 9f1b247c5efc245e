/* SPDX-License-Identifier: MIT */
#include "name.h"

#include "mem.h"

#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

enum sort { KEPT, BLANK, LEFT_OUT, PROHIBITED };

/* RFC 4518 2.2 (map) and 2.4 (prohibit), by the properties that its lists come from. */
static enum sort sort_of(ucs4_t c)
{
    if ((c >= 0x09 && c <= 0x0d) || c == 0x85 ||
        uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Z))
        return BLANK;
    if (c == 0xfffd ||
        uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Cs))
        return PROHIBITED;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf) ||
        uc_is_property(c, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT))
        return LEFT_OUT;
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cn) ? PROHIBITED : KEPT;
}

/* Blanks become one, those at the ends none. False: prohibited, or no room. */
static bool squeeze(const uint8_t *s, size_t n, char *out, size_t cap)
{
    size_t at = 0;
    bool blank = false;

    while (n > 0) {
        ucs4_t c;
        int len = u8_mbtoucr(&c, s, n);
        enum sort sort = len > 0 ? sort_of(c) : PROHIBITED;

        if (sort == PROHIBITED)
            return false;
        if (sort == BLANK)
            blank = at > 0;
        if (sort == KEPT) {
            if (at + (size_t)len + 2 > cap)
                return false;
            if (blank)
                out[at++] = ' ';
            blank = false;
            memcpy(out + at, s, (size_t)len);
            at += (size_t)len;
        }
        s += len;
        n -= (size_t)len;
    }
    out[at] = '\0';
    return at > 0;
}

bool name_prepare(const char *text, char out[static NAME_MAX_OCTETS])
{
    char plain[NAME_MAX_OCTETS];
    AUTO(mem) uint8_t *folded = NULL;
    size_t n;

    /* what is left out goes first: it would keep an accent from its letter */
    if (!squeeze((const uint8_t *)text, strlen(text), plain, sizeof plain))
        return false;
    folded =
        u8_casefold((const uint8_t *)plain, strlen(plain), NULL, UNINORM_NFKC, NULL, &n);
    /* again: the compatibility form of some characters has blanks of its own */
    return folded != NULL && squeeze(folded, n, out, NAME_MAX_OCTETS);
}

bool name_same(const char *a, const char *b)
{
    char one[NAME_MAX_OCTETS], other[NAME_MAX_OCTETS];

    return name_prepare(a, one) && name_prepare(b, other) && strcmp(one, other) == 0;
}

/* --- labels --- */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool name_is_label(const char *text)
{
    size_t n = strspn(text, LETTERS "._-");

    return n > 0 && n < NAME_LABEL_MAX && text[n] == '\0' && strchr("._-", text[0]) == NULL;
}

/* One letter as it looks. */
static char look_of(char c)
{
    static const char from[] = "OILZSGB._", to[] = "0112568--";
    const char *at;

    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    at = strchr(from, c);
    if (at != NULL)
        c = to[at - from];
    return c;
}

static void look(const char *label, char out[static NAME_LABEL_MAX])
{
    size_t n = 0;

    for (; *label != '\0'; label++) {
        char c = look_of(*label);
        char before = '\0';

        if (n > 0)
            before = out[n - 1];
        if (c == '-' && before == '-')
            continue;
        if (c == 'N' && before == 'R')
            out[n - 1] = 'M';
        else if (c == 'V' && before == 'V')
            out[n - 1] = 'W';
        else
            out[n++] = c;
    }
    out[n] = '\0';
}

bool name_looks_same(const char *a, const char *b)
{
    char as[NAME_LABEL_MAX], bs[NAME_LABEL_MAX];

    if (!name_is_label(a) || !name_is_label(b))
        return false;
    look(a, as);
    look(b, bs);
    return strcmp(as, bs) == 0;
}
