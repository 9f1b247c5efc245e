/* SPDX-License-Identifier: MIT
 *
 * name - are two spellings one name? People and organisations, as certificates, documents
 * and configuration write them.
 *
 * Names are prepared before they are compared, as a directory does it: without case, in
 * compatibility form NFKC, blanks of any kind as one, none at the ends, invisible
 * characters left out. Nothing is ever compared as octets, so no second spelling makes a
 * second person.
 * Source:  RFC 4518 section 2; the Unicode tables are libunistring's. Effects: none.
 */
#ifndef NAME_H
#define NAME_H

#include "err.h"

#include <stddef.h>

#define NAME_MAX_OCTETS 256 /* of a prepared name, with its NUL */

/* False: the text is empty once prepared, too long, no UTF-8, or has characters that stand
 * for nothing (unassigned, private, U+FFFD): no name, and it is compared with none. */
MUST_CHECK bool name_prepare(const char *text, char out[static NAME_MAX_OCTETS]);
/* Both are names, and one. */
bool name_same(const char *a, const char *b);

/*
 * Labels: what incidents are called, which people copy, read aloud and tell apart at a
 * glance. A to Z, a to z, digits, '.', '_' and '-', the first a letter or digit; at most
 * NAME_LABEL_MAX - 1 of them.
 */
#define NAME_LABEL_MAX 65
bool name_is_label(const char *text);
/*
 * Do two labels look the same? Case does not count, O reads as 0, I and L as 1, Z as 2, S as
 * 5, G as 6, B as 8, "rn" as m, "vv" as w, and '.', '_' and '-', however many in a row, as one
 * dash. No digit looks like another. What is no label looks like nothing.
 */
bool name_looks_same(const char *a, const char *b);

#endif
