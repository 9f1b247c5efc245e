/* SPDX-License-Identifier: MIT
 *
 * rules - every refusal this software can utter: stable id, source, certainty, plain
 * sentence, and what to do next. `smki-recoveryctl policy list` prints this table; a test
 * checks that every id used in the code has a row and every row is used.
 */
#ifndef RULES_H
#define RULES_H

#include <stddef.h>

struct rule {
    const char *id;        /* "roster.duplicate" */
    const char *source;    /* "SEC L10.30(a)", "GBCS 13.3.3", "project" */
    const char *certainty; /* CONFIRMED, VERIFIED, INFERRED, UNKNOWN, "choice" */
    const char *sentence;  /* what must hold */
    const char *advice;    /* what to do next */
};

extern const struct rule rules[];
extern const size_t rules_n;
const struct rule *rules_find(const char *id); /* NULL when there is none */

#endif
