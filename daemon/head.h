/* SPDX-License-Identifier: MIT
 *
 * head - the head of an HTTP request, read so that no two parsers can differ about it.
 *
 * The library is lax about heads that can be read in two ways; the service is not. Refused
 * with 400 before any handler:
 *   - no Host or two,
 *   - two Content-Lengths, or Content-Length together with Transfer-Encoding,
 *   - a repeated Idempotency-Key, Content-Type, Exercise-Login or Dry-Run,
 *   - a value of one of these that cannot be.
 *
 * Effects: none.
 */
#ifndef HEAD_H
#define HEAD_H

#include "request.h"

#include <microhttpd.h>

/*
 * The headers of c into r: length (0: no body, -1: chunked), type (lower case, no parameters), key, login,
 * dry_run.
 *
 * Errors: ERR_INPUT "request.head".
 */
MUST_CHECK bool head_read(struct MHD_Connection *c, const char *version, struct request *r,
                          struct err *e);

#endif
