/* SPDX-License-Identifier: MIT
 *
 * backup_file - a key of a token, wrapped under a secret that custodians hold in shares.
 *
 * Nothing in it is secret: the wrapped key opens with the shares only, and what a changed
 * file opens to is held against the certificate. It is needed as much as the shares are.
 *
 *   {"schema", "key", "id", "label", "use", "public", "mechanism", "wrapped", "set"}
 *
 *   wrapped  PKCS#8 PrivateKeyInfo of the key, by AES key wrap with padding (RFC 5649)
 *   set      custody.h
 *
 * Effects: files.
 */
#ifndef BACKUP_FILE_H
#define BACKUP_FILE_H

#include "custody.h"

#define BACKUP_WRAPPED_MAX 512

struct backup {
    char key[CONFIG_NAME_MAX]; /* name of the configured key */
    char id[65];               /* CKA_ID, hex */
    char label[CONFIG_NAME_MAX];
    bool agreement; /* else it signs */
    struct point point;
    uint8_t wrapped[BACKUP_WRAPPED_MAX];
    size_t len;
    struct custody_set set;
};

/* A new file. Errors: ERR_STORE "token.state", "store.memory". */
MUST_CHECK bool backup_write(const struct backup *b, const char *path, struct err *e);
/* Errors: ERR_INPUT "ceremony.backup"; custody_check; ERR_STORE "token.state". */
MUST_CHECK bool backup_read(const char *path, struct backup *out, struct err *e);

#endif
