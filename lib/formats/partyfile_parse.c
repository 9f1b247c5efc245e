/* SPDX-License-Identifier: MIT */
#include "partyfile_parse.h"

#include "clock.h"

#include <string.h>

bool partyfile_parse_bad(const struct parse *p, const char *id, const char *what,
                         struct err *e)
{
    return err_set(e, ERR_INPUT, id, "%s: line %u: %s", p->name, p->line, what);
}

bool partyfile_parse_is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* Take the next line, without its end. */
bool partyfile_parse_line(struct parse *p, struct span *line, struct err *e)
{
    const uint8_t *end = p->rest.len > 0 ? memchr(p->rest.at, '\n', p->rest.len) : NULL;

    p->line++;
    if (end == NULL)
        return partyfile_parse_bad(p, "file.row", "the file ends in the middle of a line",
                                   e);
    *line = span_of(p->rest.at, (size_t)(end - p->rest.at));
    if (line->len > PARTYFILE_LINE_MAX)
        return partyfile_parse_bad(p, "file.row", "the line is too long", e);
    for (size_t i = 0; i < line->len; i++)
        if (line->at[i] < 0x20 || line->at[i] > 0x7e)
            return partyfile_parse_bad(p, "file.row", "only printable ASCII is allowed", e);
    p->rest.at += line->len + 1;
    p->rest.len -= line->len + 1;
    return true;
}

bool partyfile_parse_split(struct parse *p, struct span line, struct err *e)
{
    p->n = 0;
    for (;;) {
        const uint8_t *comma = line.len > 0 ? memchr(line.at, ',', line.len) : NULL;

        if (p->n == PARSE_VALUES_MAX)
            return partyfile_parse_bad(p, "file.row", "too many values", e);
        p->value[p->n++] = span_of(line.at, comma ? (size_t)(comma - line.at) : line.len);
        if (comma == NULL)
            return true;
        line.len -= (size_t)(comma - line.at) + 1;
        line.at = comma + 1;
    }
}

bool partyfile_parse_find(struct span s, const char *const *list, size_t n, unsigned *out)
{
    for (size_t i = 0; i < n; i++)
        if (partyfile_parse_is(s, list[i])) {
            *out = (unsigned)i;
            return true;
        }
    return false;
}

bool partyfile_parse_number(struct span s, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;

    if (s.len == 0 || s.len > 9 || (s.len > 1 && s.at[0] == '0'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(s.at[i] - '0');
    }
    if (v > max)
        return false;
    *out = (uint32_t)v;
    return true;
}

bool partyfile_parse_text(struct span s, char *out, size_t cap)
{
    if (s.len == 0 || s.len >= cap)
        return false;
    memcpy(out, s.at, s.len);
    out[s.len] = '\0';
    return true;
}

/* Names of files and incidents: they become names elsewhere, so nothing but these. */
bool partyfile_parse_id(struct span s, char *out)
{
    for (size_t i = 0; i < s.len; i++)
        if (memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-",
                   s.at[i], 65) == NULL)
            return false;
    return partyfile_parse_text(s, out, PARTYFILE_ID_MAX);
}

bool partyfile_parse_time(struct span s, int64_t *out)
{
    char text[CLOCK_TEXT_LEN];

    return partyfile_parse_text(s, text, sizeof text) && clock_parse(text, out);
}

/* Whole octets, upper case, no octet of zeros in front: one certificate, one spelling. */
bool partyfile_parse_serial(struct span s, char *out)
{
    if (s.len % 2 != 0 || (s.len > 2 && s.at[0] == '0' && s.at[1] == '0'))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (memchr("0123456789ABCDEF", s.at[i], 16) == NULL)
            return false;
    return partyfile_parse_text(s, out, PARTYFILE_SERIAL_MAX);
}
