/* SPDX-License-Identifier: MIT
 *
 * ceremony_file - files that ceremonies leave: new, flushed, read strictly, wiped behind.
 *
 * Effects: files.
 */
#ifndef CEREMONY_FILE_H
#define CEREMONY_FILE_H

#include "strictjson.h"

#include <sys/types.h>

/* The parser's memory is wiped when it is given back: shares pass through it. Once, before
 * anything else is parsed. */
void ceremony_file_wipe(void);
/* A new file with that text and a line feed, in one piece, on disk before the return.
 * Errors: ERR_STORE "token.state", also where there is one of that name. */
MUST_CHECK bool ceremony_file_write(const char *path, mode_t mode, const char *text,
                                    struct err *e);
/* An object of at most max octets by that table; "-": standard input. id: of what is wrong
 * in it (ERR_INPUT). ERR_STORE "token.state": it cannot be read. */
MUST_CHECK bool ceremony_file_read(const char *path, size_t max, const char *id,
                                   const struct strictjson_member table[], void *base,
                                   struct err *e);

#endif
