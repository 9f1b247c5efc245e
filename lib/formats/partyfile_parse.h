/* SPDX-License-Identifier: MIT
 *
 * partyfile_parse - lines, values and the header block of a notification or progress file;
 * the inner side of partyfile.h.
 *
 * Effects: none.
 */
#ifndef PARTYFILE_PARSE_H
#define PARTYFILE_PARSE_H

#include "partyfile.h"

#define PARSE_VALUES_MAX 7
#define KIND(k)          (1u << (unsigned)(PARTYFILE_##k))
#define NOTIFICATIONS    (KIND(ORGANISATION_NOTIFICATION) | KIND(OTHER_NOTIFICATION))
#define PROGRESSES       (KIND(ORGANISATION_PROGRESS) | KIND(OTHER_PROGRESS))
#define COUNT(a)         (sizeof(a) / sizeof(a)[0])

/* Where the reader stands. */
struct parse {
    const char *name;
    struct span rest;
    uint32_t line;
    struct span value[PARSE_VALUES_MAX]; /* of the line just taken */
    size_t n;
};

/* ERR_INPUT with file and line in front; false. */
bool partyfile_parse_bad(const struct parse *p, const char *id, const char *what,
                         struct err *e);
bool partyfile_parse_is(struct span s, const char *text);
/* The next line, without its end. */
MUST_CHECK bool partyfile_parse_line(struct parse *p, struct span *line, struct err *e);
/* Into p->value, at the commas. */
MUST_CHECK bool partyfile_parse_split(struct parse *p, struct span line, struct err *e);
/* Which name of list. */
MUST_CHECK bool partyfile_parse_find(struct span s, const char *const *list, size_t n,
                                     unsigned *out);
MUST_CHECK bool partyfile_parse_number(struct span s, uint32_t max, uint32_t *out);
MUST_CHECK bool partyfile_parse_text(struct span s, char *out, size_t cap);
/* A name of files and incidents. */
MUST_CHECK bool partyfile_parse_id(struct span s, char *out);
MUST_CHECK bool partyfile_parse_time(struct span s, int64_t *out);
/* One certificate, one spelling. */
MUST_CHECK bool partyfile_parse_serial(struct span s, char *out);

/* Up to and with the empty line. */
MUST_CHECK bool partyfile_parse_header(struct parse *p, struct partyfile_header *h,
                                       struct err *e);

#endif
