/* SPDX-License-Identifier: MIT
 *
 * custody - who holds which share of a secret: what ceremonies write of it, and no secret.
 *
 * A set is one secret, split m of n. Each member is a person of the configuration and holds
 * the share whose index is its place, from 1. To each share belongs a commitment, a digest
 * over the share, its salt and all that its file says of it, and one to the secret itself:
 * too few or altered shares combine to octets that look like any others, so it is these
 * that tell. A new version of a set has another secret: shares of two never combine.
 *
 * Source:  SEC Appendix L 3 (key custodians hold shares; employees of SEC Parties). That no
 *          Party holds two of them, and m of at least 2, is this project's choice: public
 *          text has neither number. Effects: none.
 */
#ifndef CUSTODY_H
#define CUSTODY_H

#include "config.h"
#include "strictjson.h"

#define CUSTODY_MEMBERS_MAX 32
#define CUSTODY_ID_LEN      32 /* hexadecimal digits */

struct custody_person {
    char person[CONFIG_NAME_MAX];  /* the section, [Person "ann"] */
    char name[CONFIG_HOLDER_MAX];  /* Name= */
    char party[CONFIG_HOLDER_MAX]; /* Organisation= */
};

struct custody_set {
    char id[CUSTODY_ID_LEN + 1];
    uint32_t version; /* from 1 */
    uint32_t threshold;
    struct digest secret; /* the commitment to it */
    struct custody_member {
        struct custody_person who;
        struct digest commitment;
    } members[CUSTODY_MEMBERS_MAX];
    size_t n;
};

/* 2 <= m <= n, and no Party twice, however it is spelt.
 * Errors: ERR_DENIED "share.quorum", "share.party". */
MUST_CHECK bool custody_check(const struct custody_set *s, struct err *e);
/* The person of that section. ERR_DENIED "ceremony.people". */
MUST_CHECK bool custody_person_of(const struct config *c, const char *section,
                                  struct custody_person *out, struct err *e);

/* NULL: out of memory. */
json_t *custody_person_json(const struct custody_person *p);
json_t *custody_set_json(const struct custody_set *s);
/* For rows of strictjson tables: a struct custody_person, a struct custody_set. */
bool custody_read_person(struct strictjson_at *at, json_t *v,
                         const struct strictjson_member *f, void *base);
bool custody_read_set(struct strictjson_at *at, json_t *v,
                      const struct strictjson_member *f, void *base);
/* An id of CUSTODY_ID_LEN digits, into as much room and a NUL. */
bool custody_read_id(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base);
/* The digest as lower-case text, as an object's value. */
json_t *custody_hex(const void *at, size_t len);

#endif
