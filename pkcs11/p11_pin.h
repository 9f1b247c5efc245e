/* SPDX-License-Identifier: MIT
 *
 * p11_pin - the PIN: from a systemd credential or a file into locked memory, and out again.
 *
 * One wrong PIN stops everything: a mark in the signer's state directory blocks the next
 * login until the PIN's source has changed. The mark tells the source by size, time and
 * inode number, never by anything computed from the PIN, and keeps when the PIN was wrong
 * and what was said then: whoever meets the mark later says the same. A credential is copied
 * anew at every service start, so that it always looks changed: a mark made for a credential
 * stays until a person lifts it (smki-recovery-ceremony pin-retry), and then still stands for
 * that very copy, which a service that was not started anew hands to its signers.
 *
 * The mark is four lines: the source, the time (UTC), the words, the copy.
 *
 * Effects: reads the environment variable CREDENTIALS_DIRECTORY and one file; the mark.
 */
#ifndef P11_PIN_H
#define P11_PIN_H

#include "clock.h"
#include "config.h"

#define P11_PIN_MAX 255

struct p11_pin {
    char *at; /* P11_PIN_MAX + 1 octets of the secure heap, no NUL at the end */
    size_t len;
    bool locked; /* the memory is locked against swapping */
    char
        fingerprint[2 * 32 + 1]; /* of the source's size, time and inode; or "credential" */
    char copy[2 * 32 + 1];       /* the same of this very copy of a credential */
};

/*
 * Read the PIN of that token. One newline at its end is cut.
 *
 * Errors:
 *   ERR_TOKEN  "token.pin-source"  none configured, unreadable, or readable by others
 *              "token.pin-form"    empty, too long, or with a NUL
 *   ERR_STORE  "store.memory"
 */
MUST_CHECK bool p11_pin_read(const struct config_token *t, struct p11_pin *out,
                             struct err *e);
void p11_pin_wipe(struct p11_pin *p);

/* ERR_TOKEN "token.pin-wrong", with the words of then, while the mark at path stands for
 * this source; "token.pin-blocked" where a crash cut it and its words are gone; ERR_STORE
 * "token.state" when it cannot be read. A mark of another source is no bar. */
MUST_CHECK bool p11_pin_allowed(const struct p11_pin *p, const char *path, struct err *e);
/* Set the mark, on disk before the return; why: one line. Errors: ERR_STORE "token.state". */
MUST_CHECK bool p11_pin_block(const struct p11_pin *p, const char *path, int64_t now_us,
                              const char *why, struct err *e);
/* Take the mark away (of a credential: from all but the copy that was wrong), of whatever source but this very one, when that is a file: the PIN in
 * it is the wrong one. p NULL: the source cannot be read from here. *lifted: was there a
 * mark? Errors: ERR_TOKEN "token.pin-wrong"; ERR_STORE "token.state". */
MUST_CHECK bool p11_pin_unblock(const struct p11_pin *p, const char *path, bool *lifted,
                                struct err *e);

#endif
