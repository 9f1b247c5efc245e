/* SPDX-License-Identifier: MIT
 *
 * rosters - the lists of devices on disk, each under the digest of its octets:
 * DIR/<sha256>.csv. Rosters are kept so, and the files of the parties beside them.
 *
 * Invariant: what is opened here is what was taken in. A list was checked when it came and
 *            its name is its content, so one that cannot be read any more, or has another
 *            digest than its name says, was changed since: it is refused, whoever asks.
 * Source:    SEC L10.30(a) (a decision names its list by digest).
 * Effects:   files.
 */
#ifndef ROSTERS_H
#define ROSTERS_H

#include "roster.h"

#include <limits.h>

void rosters_path(const char *dir, const struct digest *name, char out[PATH_MAX]);

/*
 * Open a list that is on file (roster_done).
 *
 * Errors:
 *   ERR_STORE   "store.failed"   it is not there
 *   ERR_DENIED  "roster.digest"  it is not the list of that name
 */
MUST_CHECK bool rosters_open(const char *dir, const struct digest *name, struct roster *out,
                             struct err *e);
/* The same in a sealed memfd of its own, for another process to open;
 * *fd is the caller's. */
MUST_CHECK bool rosters_open_sealed(const char *dir, const struct digest *name, int *fd,
                                    struct roster *out, struct err *e);
/* The octets as they stand, for whoever checks them himself; *fd is the caller's.
 * Errors: ERR_STORE "store.failed". */
MUST_CHECK bool rosters_octets(const char *dir, const struct digest *name, int *fd,
                               struct err *e);

/*
 * Give the file its name: on disk when this returns, before the store speaks of it.
 *   fd, path  the file as it was written, in the same file system
 *   known     out: a list of that name was there already
 * Errors: ERR_STORE "store.upload".
 */
MUST_CHECK bool rosters_keep(int fd, const char *path, const char *dir,
                             const struct digest *name, bool *known, struct err *e);

#endif
