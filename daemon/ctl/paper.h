/* SPDX-License-Identifier: MIT
 *
 * paper - pieces that the papers about an incident share: members of the service's JSON as text
 * of a page, votes, factors, signers.
 *
 * Effects: the stream that is handed in. A failure to write is found by ferror.
 */
#ifndef PAPER_H
#define PAPER_H

#include <jansson.h>

#include <stdio.h>

/* A member as text for the page: scalars as they are, lists with commas; "" where there is none. */
struct paper_text {
    char text[256];
};
const char *paper_member(const json_t *o, const char *name, struct paper_text *w);
json_int_t paper_number(const json_t *o, const char *name); /* 0: there is none */
const char *paper_moment(const json_t *o, const char *name, char out[static 24]);

/* One of the few figures that matter most, inside a dl of class "figures". */
void paper_figure(FILE *f, const char *name, json_int_t n);

/* Inside a dl of class "pairs"; nothing where the member is not there. */
void paper_pair(FILE *f, const char *name, const json_t *o, const char *of);
void paper_votes(FILE *f, const json_t *votes);
void paper_factors(FILE *f, const char *title, const json_t *list);

/* Who signed, as a table: name, seat, key, counted or why not. */
void paper_signers(FILE *f, const json_t *signers);

#endif
