/* SPDX-License-Identifier: MIT
 *
 * message_member - single fields of a message from JSON, by name or number, each with an
 * error that names where it stood.
 *
 * Every object is unpacked strictly: a member that nobody reads is a mistake of the writer
 * and is named.
 *
 * Effects: none.
 */
#ifndef MESSAGE_MEMBER_H
#define MESSAGE_MEMBER_H

#include "payload.h"

#include <jansson.h>

struct message_member {
    uint8_t *octets; /* cap octets: everything decoded from hex and base64 lies here */
    size_t used, cap;
    struct err *e;
};

/* Each fails with ERR_INPUT "message.json", the text beginning with where. */
bool message_member_fault(const struct message_member *r, const char *where,
                          const char *what);
/* json_unpack by fmt, nothing left over. Members are taken as objects (o), so that the
 * error of a wrong type can name the member. */
MUST_CHECK bool message_member_fields(const struct message_member *r, json_t *o,
                                      const char *where, const char *fmt, ...);
MUST_CHECK bool message_member_text(const struct message_member *r, const char *where,
                                    const json_t *v, const char **out);
MUST_CHECK bool message_member_bool(const struct message_member *r, const char *where,
                                    const json_t *v, bool *out);
/* Hex of any length, base64: into the octets of r. */
MUST_CHECK bool message_member_hex(struct message_member *r, const char *where,
                                   const json_t *v, struct span *out);
MUST_CHECK bool message_member_base64(struct message_member *r, const char *where,
                                      const json_t *v, struct span *out);
/* Hex of exactly len octets. */
MUST_CHECK bool message_member_fixed(const struct message_member *r, const char *where,
                                     const json_t *v, uint8_t *out, size_t len);
/* A number from 0, or its digits as text. */
MUST_CHECK bool message_member_counter(const struct message_member *r, const char *where,
                                       const json_t *v, uint64_t *out);
MUST_CHECK bool message_member_small(const struct message_member *r, const char *where,
                                     const json_t *v, unsigned max, unsigned *out);
MUST_CHECK bool message_member_role(const struct message_member *r, const char *where,
                                    const json_t *v, unsigned *out);
MUST_CHECK bool message_member_mode(const struct message_member *r, const char *where,
                                    const json_t *v, unsigned *out);
MUST_CHECK bool message_member_status(const struct message_member *r, const char *where,
                                      const json_t *v, unsigned *out);
MUST_CHECK bool message_member_cell(const struct message_member *r, const char *where,
                                    json_t *v, struct payload_cell *out);
/* The number of elements of an array, at most max. */
MUST_CHECK bool message_member_list(const struct message_member *r, const char *where,
                                    json_t *v, size_t max, size_t *n);

#endif
