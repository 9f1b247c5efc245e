/* SPDX-License-Identifier: MIT
 *
 * chain - lines of JSON, each with the hash of the line before.
 *
 * A record is one object in one line. Its hash is SHA-256 over the line as it stands without
 * the hash member, and the line carries the hash of the line before; record 1 carries 64
 * zeros. So a third party checks any record with sed and sha256sum:
 *
 *   sed -n 7p audit.jsonl | sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n' | sha256sum
 *
 * The service's audit trail and the signers' own account (witness.h) have this form.
 *
 * Effects: none.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include "bytes.h"

#include <jansson.h>

#include <stdio.h>

struct
    chain_place { /* a record's number, from 1, and its hash; number 0: before the first */
    uint64_t seq;
    struct digest hash;
};

/*
 * Close a record: "prev" behind its members, then its text, and its hash.
 *   record  taken over; NULL is out of memory
 *   text    out: malloc'd, without the hash member
 * Errors: ERR_STORE "store.memory".
 */
MUST_CHECK bool chain_close(json_t *record, const struct digest *prev, char **text,
                            struct digest *hash, struct err *e);
/* What chain_close made, as a line with its hash and '\n'. False: it cannot be written. */
MUST_CHECK bool chain_print(FILE *f, const char *text, const struct digest *hash);

/*
 * Is this the record that follows `at`? Then `at` is its place.
 *   line, n  without the '\n'
 *   no       number of the line, for errors; line 1 may be any record, for an export may
 *            begin anywhere
 *   record   out: the caller's, json_decref
 * Errors: ERR_INPUT "audit.chain" naming the line.
 */
MUST_CHECK bool chain_follows(const char *line, size_t n, uint64_t no,
                              struct chain_place *at, json_t **record, struct err *e);

#endif
