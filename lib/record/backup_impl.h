/* SPDX-License-Identifier: MIT
 *
 * backup_impl - what the files of backup share; private to them.
 *
 *   backup       makes the copy
 *   backup_tar   hands it out
 *   backup_check reads it again
 */
#ifndef BACKUP_IMPL_H
#define BACKUP_IMPL_H

#include "backup.h"

#include <jansson.h>

#include <limits.h>

#define BACKUP_MANIFEST "manifest.json"
#define BACKUP_DB       "recovery.db"

/* The folders beside the database. */
extern const char *const backup_rooms[3];

bool backup_failed(const char *path, struct err *e); /* by errno; false */
/* Digest and size of a file. False: errno. */
MUST_CHECK bool backup_digest(const char *path, struct digest *out, int64_t *size);
/* DIR/manifest.json; NULL: errno or no JSON, e says. */
json_t *backup_manifest(const char *dir, struct err *e);
/* Is that a name of a file in a backup: recovery.db, or one of a room? */
bool backup_name(const char *name);

#endif
