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

#endif
