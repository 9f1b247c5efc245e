/* SPDX-License-Identifier: MIT
 *
 * witness - the signers' own account of what they signed: one chain for all signers of a
 * machine, in a file of their own, that the service cannot write.
 *
 * Before a signature leaves, its record is in the file and on disk. Lines are those of
 * chain.h:
 *
 *   BEGUN   chain: the account's id, chosen at random
 *   SIGNED  decision, key, originator, first_counter, last_counter, count; rows_sha256 over
 *           the row numbers, 4 octets each, big-endian; signatures_sha256 over r || s of each
 *   HEAD    audit_head.h
 *
 * Heads are signed when the service asks, which names its own trail with it, and without
 * being asked when a decision is put down under which something was signed. An account that
 * is gone where signers have signed is not an empty one: nothing is signed then. What stands
 * behind the last whole line is of a crash, its signatures never left, and it is cut off.
 *
 * Effects: the file; the token's audit key.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include "audit_head.h"
#include "chain.h"
#include "token.h"

#include <sys/types.h>

struct witness {
    const char *path; /* borrowed */
    int fd;           /* -1: not open */
    uint8_t id[16];
    struct chain_place last;
    off_t len;
    uint64_t unsealed; /* records of this process since it last signed a head */
};

struct witness_signed {
    const struct digest *decision;
    const char *key; /* its name in the configuration */
    const struct eui64 *originator;
    uint64_t counter; /* of rows[0]; rows[i] has counter + i */
    uint32_t n;       /* at least 1 */
    const uint32_t *rows;
    const struct sig_p256 *sigs;
};

/* As rows_sha256 says it. */
struct digest witness_rows(const uint32_t rows[], uint32_t n);

/* Nothing open. */
void witness_none(struct witness *w);
/* Open the account. There is none: it is begun, unless `begun` is there, which signers make
 * after it. Errors here and below: ERR_STORE "signer.account", "store.memory". */
MUST_CHECK bool witness_open(const char *path, const char *begun, int64_t now_us,
                             struct witness *w, struct err *e);
void witness_done(struct witness *w);

/* Is it there and as this process left it, or longer? Asked before anything is signed. */
MUST_CHECK bool witness_ready(struct witness *w, struct err *e);
/* On disk when it returns. */
MUST_CHECK bool witness_signed(struct witness *w, const struct witness_signed *s,
                               int64_t now_us, struct err *e);
/*
 * Sign a head, and set it down.
 *   h  in: service_records and service_hash, 0 and zeros for none; out: all
 * Errors: also the token's.
 */
MUST_CHECK bool witness_head(struct witness *w, struct token *t, int64_t now_us,
                             struct audit_head *h, struct err *e);
/* A descriptor to read the account by, the caller's; -1: there is none. */
int witness_reader(const struct witness *w);

#endif
