/* SPDX-License-Identifier: MIT
 *
 * anchor - a file outside the state folder that says how far the record has come (place.h):
 * {"schema": "smki-recovery/anchor/1", "at", "record": {...}}.
 *
 * It lies where a restored disk does not take it back: another disk, a mounted share. It is
 * rewritten before a run of counters is used, so that it never knows less than what was
 * released; whole or not at all, flushed, with its folder. One service writes it: what stands
 * there must be what this process wrote or read last, else another copy of the service runs.
 *
 * Effects: the file and its folder.
 */
#ifndef ANCHOR_H
#define ANCHOR_H

#include "place.h"

struct anchor {
    const char *path; /* borrowed */
    bool there;       /* this process has read or written it */
    struct digest text;
    struct digest tried; /* to be written last; it may be there though that failed */
};

/* *found false: there is no such file. Errors here and below: ERR_BUSY "ledger.anchor". */
MUST_CHECK bool anchor_read(struct anchor *a, struct place *out, bool *found,
                            struct err *e);
/* Was one begun at that path before? Then it is not made anew where it is missing. */
MUST_CHECK bool anchor_known(struct store *s, const char *path, bool *known, struct err *e);
/* Inside the caller's transaction. */
MUST_CHECK bool anchor_begun(struct store *s, const char *path, int64_t now_us,
                             struct err *e);
MUST_CHECK bool anchor_write(struct anchor *a, const struct place *p, int64_t now_us,
                             struct err *e);

#endif
