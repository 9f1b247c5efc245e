/* SPDX-License-Identifier: MIT
 *
 * p11_pin - the PIN: from a systemd credential or a file into locked memory, and out again.
 *
 * One wrong PIN stops everything: a mark in the signer's state directory blocks the next
 * login until the PIN's source has changed. The mark tells the source by size, time and
 * inode number, never by anything computed from the PIN. A credential is copied anew at
 * every service start, so that it always looks changed: a mark made for a credential stays
 * until a person lifts it (smki-recovery-ceremony pin-retry).
 *
 * Effects: reads the environment variable CREDENTIALS_DIRECTORY and one file; the mark.
 */
#ifndef P11_PIN_H
#define P11_PIN_H

#include "config.h"

#define P11_PIN_MAX 255

struct p11_pin {
    char *at; /* P11_PIN_MAX + 1 octets of the secure heap, no NUL at the end */
    size_t len;
    bool locked;                  /* the memory is locked against swapping */
    char fingerprint[2 * 32 + 1]; /* of the source's size, time and inode */
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

/* ERR_TOKEN "token.pin-blocked" while the mark at path stands for this source;
 * ERR_STORE "token.state" when it cannot be read. A mark of another source is no bar. */
MUST_CHECK bool p11_pin_allowed(const struct p11_pin *p, const char *path, struct err *e);
/* Set the mark, on disk before the return. Errors: ERR_STORE "token.state". */
MUST_CHECK bool p11_pin_block(const struct p11_pin *p, const char *path, struct err *e);

#endif
