/* SPDX-License-Identifier: MIT
 *
 * session - one module, one token, one login, for the life of one process.
 *
 * libp11 starts the module and finds the token (by label and serial, never by slot number).
 * The login is made on the same function list (module_load.h), on an anchor session that stays
 * open: PKCS11_login keeps a copy of the PIN in ordinary memory and folds return codes, and
 * both are forbidden here. There is one login in a process, so an object handle cannot
 * outlive the login that it belongs to; building anew means a new process.
 *
 * Files in the state directory, named by the token's serial:
 *   token-S.use        locked shared by signers for life, exclusive by a ceremony
 *   token-S.number-*   see number_file.h
 *   token-S.lock       locked exclusive around load and login, and around a counter's mark:
 *                      modules with a file store rewrite their files at login, not
 *                      atomically
 *   token-S.wrong-pin  see p11_pin.h
 *   token-S.rebuilt    a code that nobody knows was met once; the next one stops
 *
 * Every call into the module runs under alarm(): a module that hangs kills this process.
 *
 * Source:  PKCS#11 v2.40.
 * Effects: the module, the files above, SIGALRM.
 */
#ifndef SESSION_H
#define SESSION_H

#include "module_load.h"

#define P11_LABEL_MAX 96 /* of an object that a number is kept in */

struct session {
    CK_FUNCTION_LIST *f; /* NULL: not open */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE anchor; /* logged in; finding and reading happen here */
    bool has_anchor;
    bool writable; /* the anchor may write */
    unsigned call_timeout_s;
    enum p11_class worst; /* of all that happened, also when opening failed */
    char model[33];
    bool pin_memory_locked;

    struct module module;
    PKCS11_SLOT *slots;
    unsigned n_slots;
    PKCS11_TOKEN *token; /* inside slots */
    int use_fd;
    bool exclusive; /* a ceremony */
    bool in_file;   /* Mark=file: numbers are kept in files, not in the token */
    bool stale;     /* this login is not shown what another process did: start anew */
    char file_prefix[CONFIG_PATH_MAX + 48]; /* of number_file.h */
    char lock_path[CONFIG_PATH_MAX + 48];
    char wrong_pin_path[CONFIG_PATH_MAX + 48];
    char rebuilt_path[CONFIG_PATH_MAX + 48];
    bool was_rebuilt;
    struct session_seen { /* see p11_number.h; the last touched first */
        char label[P11_LABEL_MAX];
        uint64_t number;
    } seen[16], anew_for; /* ... was noted, and not seen: stale, or made anew */
};

/*
 * Load, find, log in.
 *   exclusive  a ceremony: refuses to run beside a signer, and the reverse
 * s->worst tells what to do; session_close is due in any case.
 *
 * Errors: those of p11_error, and
 *   ERR_TOKEN  "token.unknown"  no such [Token]
 *              "token.module"   file not there, not ours, cannot be loaded
 *              "token.not-found", "token.mechanism", "token.pin-*"
 *   ERR_BUSY   "token.in-use", "token.lock-held": the text names the process that has it
 *   ERR_STORE  "token.state"
 */
MUST_CHECK bool session_open(struct session *s, const struct config *c, const char *token,
                             bool exclusive, struct err *e);
/* Close all sessions, finalise. The module stays mapped. */
void session_close(struct session *s);

/*
 * Lift the bar that a wrong PIN has left, where it may be (p11_pin_unblock), and tell
 * whatever else would bar the next login, one error after the other: the PIN's source, a
 * ceremony at the token, a token that is not there, its own flags. Nothing is logged in to,
 * no try is spent. A PIN that comes as a credential is looked at only where it is at hand.
 *
 *   lifted  out: was there a bar, and is it gone?
 *   n       out: how many were told
 * Errors: "token.unknown"; ERR_STORE "token.state".
 */
MUST_CHECK bool session_forgive(const struct config *c, const char *token,
                                void (*tell)(void *arg, const struct err *why), void *arg,
                                bool *lifted, unsigned *n, struct err *e);

/* Like p11_error, and the worst is kept. Returns false. */
bool session_failed(struct session *s, const char *call, CK_RV rv, struct err *e);
/* A real signature has succeeded: forget an earlier rebuild. */
void session_proven(struct session *s);

/* Take the token's lock across processes; wait for one holder no longer than CallTimeoutSec=.
 * Not twice at a time in one process. Let go with close.
 * -1: ERR_STORE "token.state", ERR_BUSY "token.lock-held". */
MUST_CHECK int session_lock(struct session *s, bool exclusive, struct err *e);

/* Arm and disarm the deadline of a call: CallTimeoutSec, and up to a second more. */
void session_deadline(const struct session *s);
void session_idle(void);

#endif
