/* SPDX-License-Identifier: MIT
 *
 * audit_check - what was exported as evidence, checked offline.
 *
 * The service's trail says what was done, the signers' accounts say what they signed, and
 * heads signed in the token (audit_head.h) tie both: a record that was changed, a file that
 * was cut and a file whose hashes were made anew do not fit a head; a signature that one side
 * tells of and the other does not is found by holding one against the other.
 *
 *   audit_check_new -> audit_check_trail, once -> audit_check_account, for each -> _end
 *
 * The form of the lines: chain.h. Records that are read here, others are only chained:
 *   trail    BATCH_SIGNED  originator, first_counter, last_counter, count, and decision,
 *                          rows_sha256, signatures_sha256
 *            COUNTERS_RESERVED  originator, first_counter, last_counter
 *            HEAD
 *   account  BEGUN   chain
 *            SIGNED  as BATCH_SIGNED
 *            HEAD
 *
 * Effects: reads files. No store, no service. Memory: some 200 octets a slice.
 */
#ifndef AUDIT_CHECK_H
#define AUDIT_CHECK_H

#include "bytes.h"

#include <openssl/evp.h>

#include <stdio.h>

struct audit_check; /* opaque */

struct audit_verdict {
    uint64_t records;
    uint64_t first_seq;
    char last_hash[65];
    uint64_t signed_rows;    /* sum over BATCH_SIGNED */
    uint64_t counters_twice; /* counters that two records claim */
    uint64_t reserved;       /* counters, by COUNTERS_RESERVED */
    uint64_t heads;          /* in all files */
    uint64_t open_records;   /* of the trail, behind the last that a head names */
    uint64_t accounts;
    uint64_t account_records;
    uint64_t account_rows; /* sum over SIGNED */
    uint64_t account_open; /* records behind the last head of their account */
    uint64_t not_kept;     /* commands that signers made and the service never kept */
};

#define AUDIT_CHECK_KEYS 16

/* keys: borrowed, the audit keys, one for each token that there has been, at most
 * AUDIT_CHECK_KEYS; none: signatures of heads are not judged. */
MUST_CHECK bool audit_check_new(EVP_PKEY *const keys[], size_t n, struct audit_check **out,
                                struct err *e);
void audit_check_free(struct audit_check *c);
/*
 * The service's trail: chain whole, numbers in a row, no counter twice, heads that fit.
 * Errors here and below: ERR_INPUT naming name and line: "audit.chain", "audit.head";
 * "audit.counter-twice".
 */
MUST_CHECK bool audit_check_trail(struct audit_check *c, FILE *f, const char *name,
                                  struct err *e);
/* An account of signers. "audit.account": the two do not tell the same. */
MUST_CHECK bool audit_check_account(struct audit_check *c, FILE *f, const char *name,
                                    struct err *e);
/* Once all are read: where there is an account, all that was signed is in one. */
MUST_CHECK bool audit_check_end(struct audit_check *c, struct audit_verdict *v,
                                struct err *e);

/* Counters that were reserved and never used, in runs, ascending for each originator. After
 * audit_check_end. */
void audit_check_unused(const struct audit_check *c,
                        void (*each)(void *arg, const char *originator, uint64_t first,
                                     uint64_t last),
                        void *arg);

#endif
