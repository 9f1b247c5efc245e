/* SPDX-License-Identifier: MIT
 *
 * token_fake  - a token in memory: signs with software keys, keeps marks, and counts.
 * token_flaky - wraps any token; its run n fails, stalls, stops short or is spoilt.
 *
 * Both live in the caller's memory: close() ends nothing. One thread.
 */
#ifndef TOKEN_FAKE_H
#define TOKEN_FAKE_H

#include "config.h"
#include "token.h"

#include <openssl/evp.h>

#define TOKEN_FAKE_MARKS 32

/* Begin and finish, where nothing else is under way. */
MUST_CHECK bool token_sign(struct token *t, size_t key, const struct digest d[],
                           struct sig_p256 out[], size_t n, bool (*go_on)(void *),
                           void *arg, struct token_run *run, struct err *e);

struct token_fake_run { /* signed when it is finished */
    size_t key, n;
    const struct digest *d;
    struct sig_p256 *out;
    bool (*go_on)(void *);
    void *arg;
};

struct token_fake {
    struct token base;
    struct token_fake_run runs[TOKEN_RUNS];
    size_t n_runs;
    EVP_PKEY *keys[CONFIG_KEYS_MAX]; /* borrowed; NULL: not there */
    struct {
        struct eui64 originator;
        uint64_t last;
    } marks[TOKEN_FAKE_MARKS];
    size_t n_marks;
    struct {
        struct digest decision;
        uint64_t step, drawn;
    } counts[TOKEN_FAKE_MARKS];
    size_t n_counts;
    EVP_PKEY *audit; /* borrowed; NULL: seal fails */
    uint64_t rows, calls, raises, steps, probes, seals, closes; /* what it did */
    /* Before each row, ahead of the caller's own question; may be NULL. */
    void (*each_row)(void *arg);
    void *arg;
};

/* Fill *t; keys stay the caller's. */
struct token *token_fake_init(struct token_fake *t, EVP_PKEY *const keys[], size_t n);

/* Give it an audit key; it stays the caller's. */
void token_fake_audit(struct token_fake *t, EVP_PKEY *key);

enum flaky_way {
    FLAKY_SOUND,
    FLAKY_FAIL,      /* ERR_TOKEN at the first row */
    FLAKY_FAIL_LATE, /* ERR_TOKEN after half of the rows; the others may be signed */
    FLAKY_STALL,     /* stall() is called first */
    FLAKY_SHORT,     /* half of the rows */
    FLAKY_SPOIL,     /* one bit of the last signature */
    FLAKY_SWAP,      /* first and last signature change places */
    FLAKY_NO_KEY,    /* has_key fails */
    FLAKY_NO_MARK,   /* mark_raise fails */
    FLAKY_NO_COUNT,  /* count_set fails */
    FLAKY_NO_SEAL,   /* seal fails */
};

struct token_flaky {
    struct token base;
    struct token *inner;
    enum flaky_way way;
    uint64_t at; /* the run it happens to, from 1; 0: each */
    uint64_t calls;
    struct {
        struct sig_p256 *out;
        size_t n;
    } runs[TOKEN_RUNS];
    size_t n_runs;
    void (*stall)(void *arg);
    void *arg;
};

struct token *token_flaky_init(struct token_flaky *t, struct token *inner,
                               enum flaky_way way, uint64_t at);

#endif
