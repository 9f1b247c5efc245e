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
 * machine at the same token has a lock of its own. So whoever finds more than its own new
 * object, or another as high, takes its own away again and has raised nothing. A module
 * that keeps what it has seen may hide the other's object (SoftHSM: a change of its own
 * counts as if it had read everything), so that look alone decides nothing: raised is it by
 * whoever destroys the highest old object, for that can be done but once.
 *
 * For the same reason a number that is lower than this login has seen it is no answer: the
 * module does not show what is there, and a new login has to look.
 *
 * Limit: the very first number of a name has no old object. Two machines that begin it in
 * the same moment are told apart by the look alone; a ceremony that sets the mark before a
 * second machine comes to the token closes this too.
 *
 * Effects: the token.
 */
#ifndef P11_NUMBER_H
#define P11_NUMBER_H

#include "session.h"

#define P11_NUMBER_WORDS 2

struct p11_number {
    char label[P11_LABEL_MAX];
    struct span name; /* what the check covers beside the numbers; borrowed */
    size_t n_words;   /* 1 or P11_NUMBER_WORDS; the first is the one that rises */
};

enum p11_raised {
    P11_RAISED,
    P11_NOT_ABOVE, /* the number there is no lower than `least`; nothing was written */
    P11_RACED,     /* another machine raised it at the same time; undone */
    P11_RAISE_FAILED,
};

/* No object: zeros.
 * Errors: ERR_TOKEN "token.counter-mark-bad" objects, but no whole one;
 *         ERR_BUSY  the same, they change or are not shown: sign in again;
 *         ERR_STORE "token.state"; those of p11_error. */
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
