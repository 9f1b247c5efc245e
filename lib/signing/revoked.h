/* SPDX-License-Identifier: MIT
 *
 * revoked - what was revoked: told once, remembered by every signer of a machine until no
 * window can be open any more.
 *
 * One file: a lower-case hex digest in each line, of a document, or of the name of one that
 * was superseded and of whose it is; a blank; and until when the line stays, in seconds since 1970. Lines are added under a lock; a signer that begins
 * leaves out those whose time is over, a day after the window of their decision, or
 * REVOKED_STAYS_DAYS after they came where the window is not known. (A line without a time
 * stays.) Nothing that a process knows is forgotten by it; a list that is gone or damaged is
 * not an empty one. Each list has an id of its own, in a line "list ID": whoever tells signers
 * what has ended keeps by it who has heard; a list that was begun anew has heard nothing, and
 * says so by another id. Adding ends at REVOKED_MAX lines; reading never does, so that nobody is
 * locked out by a long list.
 *
 * Source:  SEC L10.9.
 * Effects: the file.
 */
#ifndef REVOKED_H
#define REVOKED_H

#include "authority.h"
#include "proto.h"

#include <sys/types.h>

#define REVOKED_MAX        (1u << 20)
#define REVOKED_STAYS_DAYS 400
#define REVOKED_WHAT       (2 * 32 + 1)

struct revoked {
    const char *path;     /* borrowed */
    struct digest *known; /* of what is revoked; a table with holes, 0: none */
    size_t n, cap;
    dev_t dev; /* the file that was read last, and how far */
    ino_t ino;
    off_t len;
    struct proto_list id;
    bool has_id;
};

/* Read the list, leave out what is over. There is none: it is made, unless `begun` is there,
 * which signers make after it. Errors here and below: ERR_STORE "signer.revoked-list",
 * "store.memory". */
MUST_CHECK bool revoked_open(const char *path, const char *begun, int64_t now_us,
                             struct revoked *out, struct err *e);
void revoked_done(struct revoked *r);
bool revoked_has(const struct revoked *r, const char *what);
/* Other signer processes add to the same list: what one was told binds all. */
MUST_CHECK bool revoked_fresh(struct revoked *r, struct err *e);
/* On disk before it is acknowledged.
 *   what       without a blank
 *   window_us  the end of its decision's window; 0: not known */
MUST_CHECK bool revoked_add(struct revoked *r, const char *what, int64_t window_us,
                            int64_t now_us, struct err *e);

#endif
