/* SPDX-License-Identifier: MIT
 *
 * ceremony_custody - what backup, restore, rotate and prove have in common: the shares of
 * those who came, the shares for those who get one, and the wrapping key between them.
 *
 * Effects: the token, files.
 */
#ifndef CEREMONY_CUSTODY_H
#define CEREMONY_CUSTODY_H

#include "backup_file.h"
#include "ceremony.h"

/* --backup and --share, opened: the key's configuration, the secret (shares_secret_free), and
 * in c->record whose shares were shown. Nobody has to be asked twice: before the login. */
struct ceremony_opened {
    struct backup backup;
    const struct config_key *key;
    enum p11_use use;
    uint8_t *secret;
    bool proven[CUSTODY_MEMBERS_MAX];
};
MUST_CHECK bool ceremony_open_backup(struct ceremony *c, struct ceremony_opened *out,
                                     struct err *e);
/* Those who came with a share, into the record that was begun. */
void ceremony_note_shares(struct ceremony *c, const struct ceremony_opened *o);

/* The people and folders of --custodian into the set, --threshold where it is given.
 * Errors: ERR_INPUT "ceremony.people" not PERSON=FOLDER; custody_person_of, custody_check. */
MUST_CHECK bool ceremony_members(const struct ceremony *c, struct custody_set *set,
                                 struct err *e);
/*
 * A new secret: key wrapped under it, tried, written to --out, and its shares given out. What
 * was written is taken away again where it fails on the way.
 *   key   extractable
 *   b     in: all but wrapped, len and the set's commitments; out: these
 */
MUST_CHECK bool ceremony_give_out(struct ceremony *c, CK_OBJECT_HANDLE key,
                                  enum p11_use use, struct backup *b, struct err *e);
/* Into the session, proved against the backup's point, kept there: for prove and rotate. */
MUST_CHECK bool ceremony_try(struct ceremony *c, const struct ceremony_opened *o,
                             CK_OBJECT_HANDLE *key, struct err *e);

#endif
