/* SPDX-License-Identifier: MIT
 *
 * unjson - single fields of a message from JSON, by name or number, each with an error that
 * names where it stood.
 *
 * Every object is unpacked strictly: a member that nobody reads is a mistake of the writer
 * and is named. Effects: none.
 */
#ifndef UNJSON_H
#define UNJSON_H

#include "body.h"

#include <jansson.h>

struct unjson {
    uint8_t *octets; /* cap octets: everything decoded from hex and base64 lies here */
    size_t used, cap;
    struct err *e;
};

/* Each fails with ERR_INPUT "message.json", the text beginning with where. */
bool unjson_fault(const struct unjson *r, const char *where, const char *what);
/* json_unpack by fmt, nothing left over. Members are taken as objects (o), so that the
 * error of a wrong type can name the member. */
MUST_CHECK bool unjson_fields(const struct unjson *r, json_t *o, const char *where,
                              const char *fmt, ...);
MUST_CHECK bool unjson_text(const struct unjson *r, const char *where, const json_t *v,
                            const char **out);
MUST_CHECK bool unjson_bool(const struct unjson *r, const char *where, const json_t *v,
                            bool *out);
/* Hex of any length, base64: into the octets of r. */
MUST_CHECK bool unjson_hex(struct unjson *r, const char *where, const json_t *v,
                           struct span *out);
MUST_CHECK bool unjson_base64(struct unjson *r, const char *where, const json_t *v,
                              struct span *out);
/* Hex of exactly len octets. */
MUST_CHECK bool unjson_fixed(const struct unjson *r, const char *where, const json_t *v,
                             uint8_t *out, size_t len);
/* A number from 0, or its digits as text. */
MUST_CHECK bool unjson_counter(const struct unjson *r, const char *where, const json_t *v,
                               uint64_t *out);
MUST_CHECK bool unjson_small(const struct unjson *r, const char *where, const json_t *v,
                             unsigned max, unsigned *out);
MUST_CHECK bool unjson_role(const struct unjson *r, const char *where, const json_t *v,
                            unsigned *out);
MUST_CHECK bool unjson_mode(const struct unjson *r, const char *where, const json_t *v,
                            unsigned *out);
MUST_CHECK bool unjson_status(const struct unjson *r, const char *where, const json_t *v,
                              unsigned *out);
MUST_CHECK bool unjson_cell(const struct unjson *r, const char *where, json_t *v,
                            struct body_cell *out);
/* The number of elements of an array, at most max. */
MUST_CHECK bool unjson_list(const struct unjson *r, const char *where, json_t *v,
                            size_t max, size_t *n);

#endif
