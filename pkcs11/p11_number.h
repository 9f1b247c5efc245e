/* SPDX-License-Identifier: MIT
 *
 * p11_number - a number that only rises, kept in the token under a label.
 *
 * One private data object:
 *   CKA_APPLICATION  "smki-recovery"
 *   CKA_LABEL        which
 *   CKA_VALUE        the number and perhaps a second one beside it, 8 octets each, then 8
 *                    octets of SHA-256 over them and a name as a check
 * It is never overwritten: a new object is made, looked for, and
 * only then are the old ones destroyed, so that a crash at any moment leaves a whole one;
 * the highest whole one counts. Processes of one machine take the token's lock; another
 * machine at the same token has a lock of its own, so whoever finds more than its own new
 * object, or another as high, takes its own away again and has raised nothing.
 *
 * Effects: the token.
 */
#ifndef P11_NUMBER_H
#define P11_NUMBER_H

#include "session.h"

#define P11_NUMBER_WORDS 2

struct p11_number {
    char label[96];
    struct span name; /* what the check covers beside the numbers; borrowed */
    size_t n_words;   /* 1 or P11_NUMBER_WORDS; the first is the one that rises */
};

enum p11_raised {
    P11_RAISED,
    P11_NOT_ABOVE, /* the number there is no lower than `least`; nothing was written */
    P11_RACED,     /* another machine raised it at the same time; undone */
    P11_RAISE_FAILED,
};

/* No object: zeros. Errors (ERR_TOKEN): "token.counter-mark-bad" objects, but no whole one;
 * those of p11_error; ERR_STORE "token.state". */
MUST_CHECK bool p11_number_get(struct session *s, const struct p11_number *which,
                               uint64_t now[P11_NUMBER_WORDS], struct err *e);
/*
 * Raise it to `to`, where it is below `least`.
 *   least  1..to[0]
 *   now    out, for P11_NOT_ABOVE: what is there
 * *e is filled for P11_RAISE_FAILED.
 */
MUST_CHECK enum p11_raised p11_number_raise(struct session *s,
                                            const struct p11_number *which, uint64_t least,
                                            const uint64_t to[P11_NUMBER_WORDS],
                                            uint64_t now[P11_NUMBER_WORDS], struct err *e);

#endif
