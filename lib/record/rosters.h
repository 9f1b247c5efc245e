/* SPDX-License-Identifier: MIT
 *
 * rosters - the lists of devices on disk, each under the digest of its octets:
 * DIR/<sha256>.csv. Rosters are kept so, and the files of the parties beside them.
 *
 * Invariant: what is opened here is what was taken in. A list was checked when it came and
 *            its name is its content, so one that cannot be read any more, or has another
 *            digest than its name says, was changed since: it is refused, whoever asks.
 *
 * To check a list is long work: it is read into a sealed memfd, hashed, parsed and indexed. So
 * it is done once (think.h: beside the loop, where there is a thread for it), and whoever opens
 * the list after that shares the memfd and the index, signers too. One that nobody uses is let go
 * after a while. That the file is still the one that was read is looked at each time.
 *
 * Source:    SEC L10.30(a) (a decision names its list by digest).
 * Effects:   files, memory; may be called from any thread.
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
 *   ERR_BUSY    "request.later"  see think.h
 */
MUST_CHECK bool rosters_open(const char *dir, const struct digest *name, struct roster *out,
                             struct err *e);
/* The same with its sealed memfd, for another process to open; *fd is the caller's. */
MUST_CHECK bool rosters_open_sealed(const char *dir, const struct digest *name, int *fd,
                                    struct roster *out, struct err *e);
/* Open a list that has no name yet; once it has, rosters_keep says so.
 * Errors: those of roster_open; ERR_STORE "store.failed". */
MUST_CHECK bool rosters_open_new(const char *path, struct roster *out, struct err *e);
/* The octets as they stand, for whoever checks them himself; *fd is the caller's.
 * Errors: ERR_STORE "store.failed". */
MUST_CHECK bool rosters_octets(const char *dir, const struct digest *name, int *fd,
                               struct err *e);

/* Lists that nobody has had open since it was called so many times (ROSTERS_TURNS) are let go. */
#define ROSTERS_TURNS 4
void rosters_tidy(void);
/* How many lists were read and checked since the process began. */
uint64_t rosters_read(void);

/*
 * Give the file its name: on disk when this returns, before the store speaks of it.
 *   fd, path  the file as it was written, in the same file system
 *   known     out: a list of that name was there already
 * Errors: ERR_STORE "store.upload".
 */
MUST_CHECK bool rosters_keep(int fd, const char *path, const char *dir,
                             const struct digest *name, bool *known, struct err *e);

#endif
