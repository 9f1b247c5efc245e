/* SPDX-License-Identifier: MIT
 *
 * report_page - an incident as a page of HTML: what happened, how far it is, who decided, what
 * was signed and refused, and how somebody else checks it. What it says is what the service's
 * JSON says; nothing is worked out here but sums.
 *
 * Effects: the stream that is handed in. A failure to write is found by ferror.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <jansson.h>

#include <stdio.h>

/* all: {"incident","decisions","record","figures"?}, as `incident report --json` prints it. */
void report_page(FILE *f, const json_t *all);

#endif
