/* SPDX-License-Identifier: MIT
 *
 * sheet_page - one decision as a paper of its own: what was decided and what else could have been,
 * about which devices and cells, by whose votes and signatures, under which conditions; its
 * digest in groups for the eye, and how somebody else checks it with openssl.
 *
 * Effects: the stream that is handed in. A failure to write is found by ferror.
 */
#ifndef SHEET_PAGE_H
#define SHEET_PAGE_H

#include <jansson.h>

#include <stdio.h>

/* What else was open when a document was handed in: [{"event","source","certainty","taken"}], those
 * that a document of the same authority leads to from the state in which it found the incident.
 * Empty: the document moved nothing. To be released. */
json_t *sheet_options(const json_t *incident, const char *id);

/* sheet: {"incident","decision","options"}, as `decision sheet --json` prints it. */
void sheet_page(FILE *f, const json_t *sheet);

#endif
