/* SPDX-License-Identifier: MIT
 *
 * audit - the append-only hash chain: one record per change of state and per signed slice.
 *
 * A record is one line of JSON. Its hash is SHA-256 over the line as it stands without the
 * hash member, and the line carries the hash of the line before, so a third party checks
 * the chain with sed and sha256sum: sed -n 7p audit.jsonl | sed
 * 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n' | sha256sum Record 1 carries 64 zeros as the
 * hash before it. A record is written in the transaction of the change it tells of: neither
 * exists without the other. Effects: the store; audit_verify reads a file.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "store.h"

#include <stdio.h>

#define AUDIT_ACTOR_SYSTEM "system"

/*
 * Append. Inside the caller's transaction.
 *   kind      "BATCH_SIGNED"        incident  "" when none
 *   actor     "uid 1000 (operator)" or AUDIT_ACTOR_SYSTEM
 *   fmt, ...  members of "data" as jansson's json_pack takes them: "{s:s,s:I}"; "{}" for
 * none
 */
MUST_CHECK bool audit_put(struct store *s, int64_t now_us, const char *kind,
                          const char *incident, const char *actor, struct err *e,
                          const char *fmt, ...);
/* Highest record number, 0 when there is none. */
MUST_CHECK bool audit_last(struct store *s, int64_t *seq, struct err *e);
/* Up to max records from number seq on, as lines with '\n', into a malloc'd text. *next:
 * the number to go on with; unchanged seq: no more. */
MUST_CHECK bool audit_lines(struct store *s, int64_t seq, size_t max, char **text,
                            size_t *len, int64_t *next, struct err *e);

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
