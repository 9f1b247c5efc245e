/* SPDX-License-Identifier: MIT
 *
 * shares - a secret of 32 octets, split among custodians and put together again.
 *
 * Shamir's scheme over GF(2^8), by libgfshare: m of n shares give the secret, fewer say
 * nothing about it. The library combines whatever it is given, so each share is held against
 * the set's commitments (custody.h) before, and the secret after. A share is a file:
 *
 *   {"schema", "set", "version", "threshold", "of", "index", "person", "name", "party",
 *    "salt", "commitment", "share"}
 *
 *   commitment  SHA-256 of "smki-recovery share", set, version, threshold, of, index, name,
 *               party and salt, each with a line feed behind it, and the 32 octets
 *
 * Secrets lie in the secure heap and are wiped. Effects: random numbers, files.
 */
#ifndef SHARES_H
#define SHARES_H

#include "custody.h"

#define SHARES_SECRET 32

struct share {
    char set[CUSTODY_ID_LEN + 1];
    uint32_t version, threshold, of, index; /* index from 1 */
    struct custody_person who;
    char salt[CUSTODY_ID_LEN + 1];
    struct digest commitment;
    uint8_t octets[SHARES_SECRET];
};

/* The secure heap, large enough for a set: before anything else makes a smaller one. */
void shares_heap(void);
/* Room for n of them, or one secret (n 0), in the secure heap; NULL: none is left. */
struct share *shares_new(size_t n);
uint8_t *shares_secret_new(void);
void shares_free(struct share *s, size_t n);
void shares_secret_free(uint8_t *secret);
/* A new secret or id, by the system's random source; aborts where there is none. */
void shares_random(void *at, size_t len);
void shares_new_id(char out[static CUSTODY_ID_LEN + 1]);

/*
 * Split.
 *   set  in: id, version, threshold, the people of its n members; out: the commitments
 *   out  room for set->n
 *
 * Errors: custody_check; ERR_STORE "store.memory".
 */
MUST_CHECK bool shares_split(struct custody_set *set, const uint8_t secret[SHARES_SECRET],
                             struct share out[], struct err *e);
/*
 * Put n shares together.
 *   set     as the ceremony that made them left it
 *   proven  out, as set->members: whose were shown
 *
 * Errors (ERR_DENIED):
 *   "share.set"         of another set
 *   "share.version"     of another version: what was given out since then counts
 *   "share.party"       two of one Party, or one twice
 *   "share.commitment"  altered, or made by somebody else
 *   "share.few"         less than the threshold
 *   "share.secret"      each is right, and what they give is not
 */
MUST_CHECK bool shares_combine(const struct custody_set *set, const struct share in[],
                               size_t n, bool proven[CUSTODY_MEMBERS_MAX],
                               uint8_t secret[SHARES_SECRET], struct err *e);

/* Into a new file of that folder, mode 0600, on disk before the return; path: out.
 * Errors: ERR_STORE "token.state". */
MUST_CHECK bool shares_write(const struct share *s, const char *folder,
                             char path[static CONFIG_PATH_MAX], struct err *e);
/* "-": standard input. Errors: ERR_INPUT "share.form"; ERR_STORE "token.state". */
MUST_CHECK bool shares_read(const char *path, struct share *out, struct err *e);

#endif
