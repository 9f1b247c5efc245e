/* SPDX-License-Identifier: MIT
 *
 * backup - a consistent copy of the state while it is used, and the check of one.
 *
 *   DIR/recovery.db     the database, page by page (SQLite's online backup): what is written
 *                       meanwhile is in it
 *   DIR/rosters, files, outbox
 *                       the files beside it, as hard links
 *   DIR/manifest.json   {"schema": "smki-recovery/backup/1", "at", "version", "record",
 *                       "files": [{"name", "size", "sha256"}]}; record: place.h
 *
 * The copy is made in slices, so that others have their turn, and handed out as a tar archive.
 * Not in it: the token, the signers' folder, configuration; smki-recovery-backup(7) says what
 * to keep where. It holds what the state holds, a released Symmetric Key as well: protect it
 * alike.
 *
 * Effects: DIR, which is made anew; the store is read.
 */
#ifndef BACKUP_H
#define BACKUP_H

#include "place.h"

#include <sys/types.h>

struct backup; /* opaque */

/*
 * Begin one of the state in that folder.
 *
 * Errors: ERR_BUSY "backup.failed" the disk.
 */
MUST_CHECK bool backup_begin(struct store *s, const char *state_dir, const char *dir,
                             int64_t now_us, struct backup **out, struct err *e);
/* A slice; *done: it is whole and on disk. Errors: as above; it is over then. */
MUST_CHECK bool backup_step(struct backup *b, bool *done, struct err *e);
/* 0 to 100. */
int backup_percent(const struct backup *b);
/* How far the record is that it holds; once it is done. */
const struct place *backup_place(const struct backup *b);
void backup_free(struct backup *b); /* the folder stays */
/* What is in the folder goes, and the folder. */
MUST_CHECK bool backup_remove(const char *dir, struct err *e);

struct backup_tar; /* an archive of a backup that is done, being read */
MUST_CHECK bool backup_tar_open(const char *dir, struct backup_tar **out, struct err *e);
/* > 0 octets, 0 the end, -1 failure. */
ssize_t backup_tar_read(struct backup_tar *t, char *buf, size_t max);
void backup_tar_free(struct backup_tar *t);

/*
 * Is the folder, an unpacked archive, what its manifest says? Each file is read.
 *
 * Errors: ERR_INPUT "backup.manifest".
 */
MUST_CHECK bool backup_check(const char *dir, struct place *record, struct err *e);
/* Copy its files beside the database into a state folder that has none; the database under the
 * name given. On disk when it returns. Errors: ERR_BUSY "backup.failed". */
MUST_CHECK bool backup_unpack(const char *dir, const char *state_dir, const char *db,
                              struct err *e);

#endif
