/* SPDX-License-Identifier: MIT
 *
 * err - the one error type: who acts next, a stable id, and a sentence.
 *
 * The caller owns a struct err; a failing function fills it and returns false; each level
 * may add context on the way up; only daemon/ and the two programs of pkcs11/ report.
 *
 * Effects: none.
 */
#ifndef ERR_H
#define ERR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* There are few codes, because a code says who acts next, not what broke. */
enum err_code {
    ERR_NONE,
    ERR_INPUT,   /* the sender mends the request                          */
    ERR_DENIED,  /* a rule forbids it; the id names the rule              */
    ERR_MISSING, /* nothing of that name                                  */
    ERR_BUSY,    /* the same call may work later                          */
    ERR_TOKEN,   /* an operator looks at the HSM                          */
    ERR_STORE,   /* stop: nothing may leave (disk, database, out of memory) */
};

struct err {
    enum err_code code;
    const char *id; /* stable, static: "roster.duplicate-device"; a row of rules.c */
    char text[512]; /* a sentence; cut text ends in "..." */
};

/*
 * Fill *e; the value is false, so that an error costs one line:
 *
 *     return err_set(e, ERR_INPUT, "roster.device", "line %u: ...", line);
 *
 *   id  string literal, "area.what"; every id used has a row in rules.c (a test checks)
 *
 * A macro, so that the compiler knows that it is never true.
 */
#define err_set(e, code, id, ...) (err_put(e, code, id, __VA_ARGS__), false)
void err_put(struct err *e, enum err_code code, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Put context in front of the text already in *e ("context: text"); the value is false. */
#define err_wrap(e, ...) (err_push(e, __VA_ARGS__), false)
void err_push(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* OpenSSL's error queue as a sentence, queue emptied; static thread-local buffer. */
const char *err_openssl(void);

/* "input", "denied", ... for JSON and logs. */
const char *err_code_name(enum err_code code);

#endif
