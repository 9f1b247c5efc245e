/* SPDX-License-Identifier: MIT
 *
 * token_p11 - the filling of token.h by a PKCS#11 module.
 *
 * Keys are found once per login and never looked for again; a failed look is not kept. The
 * probe key always signs as the token object, never as a session copy: a copy would go on
 * signing after the token is gone. After a code that wants a fresh process nothing is
 * signed any more, and the note tells main how to end.
 *
 * Source:  PKCS#11 v2.40.
 * Effects: those of session.h, p11_pool.h, watermark.h.
 */
#ifndef TOKEN_P11_H
#define TOKEN_P11_H

#include "p11_error.h"
#include "token.h"
#include "trust.h"

/* How it stands; the caller's, outlives the token, also filled when opening failed. */
struct token_p11_note {
    enum p11_class worst;
    bool pin_memory_unlocked; /* the PIN lay in memory that could be swapped */
};

/*
 * Has the shape of desk_setup.open_token; note is a struct token_p11_note. Opens, logs in
 * and proves the probe key on every session.
 *
 * Errors: those of session_open; "token.key-*" of the probe key; "token.probe".
 */
MUST_CHECK bool token_p11_open(void *note, const struct config *c, const struct trust *t,
                               const char *token, struct token **out, struct err *e);

#endif
