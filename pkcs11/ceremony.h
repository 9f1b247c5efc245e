/* SPDX-License-Identifier: MIT
 *
 * ceremony - what the verbs of smki-recovery-ceremony share: what was asked for, the one
 * session, and how a verb ends.
 *
 * One verb a process, one token a verb. A verb's function returns the exit status; the
 * session is closed by main.
 *
 * Effects: standard output and error; those of session.h.
 */
#ifndef CEREMONY_H
#define CEREMONY_H

#include "session.h"

struct ceremony {
    struct config config;
    struct session session;

    /* options, NULL: not given */
    const char *config_path, *key, *token, *originator, *raise_to, *out;
    bool probe, audit, all, extractable;
};

/* Say it on standard error; the exit status that it means. */
int ceremony_failed(const struct ceremony *c, const struct err *e);
/* The same for a wrong command line: EX_USAGE. */
int ceremony_wrong(const char *text);
/* The token meant by --token, or the only one. ERR_INPUT "token.unknown". */
const char *ceremony_token(const struct ceremony *c, struct err *e);

int ceremony_generate(struct ceremony *c);
int ceremony_show(struct ceremony *c);
int ceremony_mark(struct ceremony *c);
int ceremony_pin_retry(struct ceremony *c);

#endif
