/* SPDX-License-Identifier: MIT
 *
 * statefile - what the files of the signers' own folder have in common: several signer
 * processes hold one in turn, and a name that points elsewhere is noticed.
 *
 * Effects: a lock (flock(2)); a flush of a folder.
 */
#ifndef STATEFILE_H
#define STATEFILE_H

#include "bytes.h"

enum statefile_held {
    STATEFILE_HELD,
    STATEFILE_MOVED,  /* not held: the path is another file's by now, or nobody's */
    STATEFILE_FAILED, /* not held; errno says why */
};

/* Wait for the file and hold it against other processes. */
enum statefile_held statefile_hold(int fd, const char *path);
void statefile_let_go(int fd);
/* A file made or renamed just now is there after a power cut only once its folder says so.
 * path: of the file. False: errno. */
MUST_CHECK bool statefile_sync_folder(const char *path);

#endif
