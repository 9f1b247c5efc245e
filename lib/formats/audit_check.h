/* SPDX-License-Identifier: MIT
 *
 * audit_check - an exported audit chain, checked offline.
 *
 * A record is one line of JSON. Its hash is SHA-256 over the line as it stands without the
 * hash member, and the line carries the hash of the line before; record 1 carries 64 zeros.
 * So a third party checks any record with sed and sha256sum:
 *
 *   sed -n 7p audit.jsonl | sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n' | sha256sum
 *
 * Effects: reads a file. No store, no service.
 */
#ifndef AUDIT_CHECK_H
#define AUDIT_CHECK_H

#include "bytes.h"

#include <stdio.h>

struct audit_verdict {
    uint64_t records;
    uint64_t first_seq;
    char last_hash[65];
    uint64_t signed_rows;    /* sum over BATCH_SIGNED */
    uint64_t counters_twice; /* counters that two records claim */
};
/* Check an exported file offline: chain whole, numbers in a row, no counter twice.
 * Errors: ERR_INPUT "audit.chain" naming the line. */
MUST_CHECK bool audit_verify(FILE *f, struct audit_verdict *v, struct err *e);

#endif
