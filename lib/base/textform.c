/* SPDX-License-Identifier: MIT */
#include "textform.h"

#include <string.h>

static bool begins(struct span text, const char *octets, size_t n)
{
    return text.len >= n && memcmp(text.at, octets, n) == 0;
}

const char *textform_odd(struct span text, bool columns, bool lines)
{
    const char *end;
    size_t n;

    if (begins(text, "\xff\xfe", 2) || begins(text, "\xfe\xff", 2) ||
        (text.len >= 2 && (text.at[0] == '\0') != (text.at[1] == '\0')))
        return "is UTF-16: save it as UTF-8, or: iconv -f UTF-16 -t UTF-8";
    if (begins(text, "\xef\xbb\xbf", 3))
        return "begins with a byte order mark: save it as UTF-8 without BOM, or: sed "
               "'1s/^\\xef\\xbb\\xbf//'";
    if (text.len == 0)
        return NULL;
    end = memchr(text.at, '\n', text.len);
    n = end != NULL ? (size_t)(end - (const char *)text.at) : text.len;
    if (columns && memchr(text.at, ',', n) == NULL) {
        if (memchr(text.at, ';', n) != NULL)
            return "has semicolons between its columns: export it with commas";
        if (memchr(text.at, '\t', n) != NULL)
            return "has tabs between its columns: export it with commas";
    }
    if (lines && n > 0 && text.at[n - 1] == '\r')
        return "has lines that end in CR LF: save it with LF, or: tr -d '\\r'";
    return NULL;
}
