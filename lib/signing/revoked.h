/* SPDX-License-Identifier: MIT
 *
 * revoked - what was revoked: told once, remembered for good, by every signer of a machine.
 *
 * One append-only file: a lower-case hex digest, or "incident/id", in each line. Nothing
 * that was known is forgotten; a list that is gone or damaged is not an empty one.
 *
 * Source:  SEC L10.9.
 * Effects: the file.
 */
#ifndef REVOKED_H
#define REVOKED_H

#include "authority.h"

#include <sys/types.h>

#define REVOKED_MAX  4096
#define REVOKED_LINE (2 * 32 + 1 + AUTHORITY_ID_MAX * 2)

struct revoked {
    const char *path; /* borrowed */
    char (*lines)[REVOKED_LINE];
    size_t n;
    off_t len; /* of the file, when it was last read */
};

/* Read the list, make the file where there is none.
 * Errors here and below: ERR_STORE "signer.revoked-list", "store.memory". */
MUST_CHECK bool revoked_open(const char *path, struct revoked *out, struct err *e);
void revoked_done(struct revoked *r);
bool revoked_has(const struct revoked *r, const char *what);
/* Other signer processes add to the same list: what one was told binds all. */
MUST_CHECK bool revoked_fresh(struct revoked *r, struct err *e);
/* On disk before it is acknowledged. */
MUST_CHECK bool revoked_add(struct revoked *r, const char *what, struct err *e);

#endif
