/* SPDX-License-Identifier: MIT
 *
 * audit - the append-only hash chain: one record per change of state and per signed slice.
 *
 * A record is written in the transaction of the change it tells of: neither exists without
 * the other. The form of a record: chain.h; how to check
 * a chain: audit_check.h.
 *
 * Effects: the store.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "chain.h"
#include "store.h"

#define AUDIT_ACTOR_SYSTEM "system"

/*
 * Append. Inside the caller's transaction.
 *   kind      "BATCH_SIGNED"        incident  "" when none
 *   actor     "uid 1000 login 1000" or AUDIT_ACTOR_SYSTEM
 *   fmt, ...  members of "data" as jansson's json_pack takes them: "{s:s,s:I}"; "{}": none
 */
MUST_CHECK bool audit_put(struct store *s, int64_t now_us, const char *kind,
                          const char *incident, const char *actor, struct err *e,
                          const char *fmt, ...);
/* The last record; number 0 when there is none. */
MUST_CHECK bool audit_last(struct store *s, struct chain_place *at, struct err *e);
/* Record number seq; number 0 when there is none. */
MUST_CHECK bool audit_at(struct store *s, uint64_t seq, struct chain_place *at,
                         struct err *e);
/* Up to max records from number seq on, as lines with '\n', into a malloc'd text. *next:
 * the number to go on with; unchanged seq: no more. */
MUST_CHECK bool audit_lines(struct store *s, int64_t seq, size_t max, char **text,
                            size_t *len, int64_t *next, struct err *e);

#endif
