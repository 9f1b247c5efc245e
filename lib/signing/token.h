/* SPDX-License-Identifier: MIT
 *
 * token - the port: what the desk needs from whatever holds the keys.
 *
 * pkcs11/ fills it with a real module; test/fake fills it with keys in memory and with one
 * that fails, stalls or spoils call n. Key numbers are indexes into config->keys.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "bytes.h"

struct token;

#define TOKEN_RUNS 2 /* under way at a time: one that is signed, one ready behind it */

struct token_run {
    size_t
        done; /* rows from the front that are signed; signatures beyond are not to be used */
    size_t begun; /* rows from the front that calls were made for; none beyond */
};

struct token_ops {
    /*
     * Begin to sign n digests with one key, behind the runs that are under way; while one is,
     * nothing but these two is called. go_on is asked before each row (from the calling
     * thread or from session threads, one at a time) and false stops the run between rows.
     * d, out and arg stay the caller's and in place until it is finished.
     *
     * Errors: ERR_TOKEN "token.*": it was not begun.
     */
    bool (*begin)(struct token *t, size_t key, const struct digest d[],
                  struct sig_p256 out[], size_t n, bool (*go_on)(void *), void *arg,
                  struct err *e);
    /* Wait for the end of the run that was begun first, and forget it.
     * Errors: ERR_TOKEN "token.*"; *run is valid then too. */
    bool (*finish)(struct token *t, struct token_run *run, struct err *e);
    /* A real signature by the probe key on every session, verified. Never a command key. */
    bool (*probe)(struct token *t, struct err *e);
    /* Is the key there: exactly one match, same public key as its certificate, right
     * attributes? ERR_TOKEN "token.key-*". */
    bool (*has_key)(struct token *t, size_t key, struct err *e);
    /*
     * The originator counter's high-water mark, a data object in the token, one per EUI-64:
     * everything up to and including it may have been used; no object: mark 0. Raise it
     * from `from` (what the caller read) to `to`, under this token's own lock, durably,
     * read back.
     */
    bool (*mark_get)(struct token *t, const struct eui64 *originator, uint64_t *mark,
                     struct err *e);
    bool (*mark_raise)(struct token *t, const struct eui64 *originator, uint64_t first,
                       uint64_t last, struct err *e); /* ERR_DENIED "token.counter-mark"
                                                         when first <= mark */
    /*
     * What signers of all machines have drawn under a decision, a data object in the token,
     * one per decision: how often it changed (step, 0: never) and how many signatures may
     * have been made. count_set makes step `from` into from + 1, durably, read back; another
     * machine that does the same at the same time is told apart, and one of them refused.
     * ERR_DENIED "signer.count-lost" when the token is not at `from`.
     */
    bool (*count_get)(struct token *t, const struct digest *decision, uint64_t *step,
                      uint64_t *drawn, struct err *e);
    bool (*count_set)(struct token *t, const struct digest *decision, uint64_t from,
                      uint64_t drawn, struct err *e);
    /* ECDH x-coordinate with a key-agreement key (CKM_ECDH1_DERIVE), for the ACB MAC.
     * Secrets: the caller wipes z. NULL: this token does not do it. */
    bool (*agree)(struct token *t, size_t key, const struct point *peer, uint8_t z[32],
                  struct err *e);
    /* Sign with the audit key, which signs nothing but heads (audit_head.h); verified.
     * Errors: ERR_TOKEN "token.*". */
    bool (*seal)(struct token *t, const struct digest *d, struct sig_p256 *out,
                 struct err *e);
    /* Close every session and the module. */
    void (*close)(struct token *t);
};

struct token {
    const struct token_ops *ops;
    char what[128];     /* "SoftHSM v2, token recovery, serial ..., 2 sessions, session key
                       copy" */
    struct point audit; /* public part of the audit key */
};

#endif
