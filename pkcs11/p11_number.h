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
 * For the same reason a number that is lower than this login has seen it, or than this
 * machine has noted it (number_file.h), is no answer: session.stale. The module does not show
 * what is there (tpm2-pkcs11: nothing that another process did), and a new login has to look.
 * If that sees no more the token is an older copy: it is read as it stands, and nothing is
 * raised that is not above what this machine noted.
 *
 * Where Mark=file says so the file is the number, and nothing is in the token.
 *
 * Limit: the very first number of a name has no old object. Two machines that begin it in
 * the same moment are told apart by the look alone; a ceremony that sets the mark before a
 * second machine comes to the token closes this too.
 *
 * Effects: the token; the file of number_file.h.
 */
#ifndef P11_NUMBER_H
#define P11_NUMBER_H

#include "session.h"

#define P11_NUMBER_WORDS     2
#define P11_NUMBER_VALUE_MAX (P11_NUMBER_WORDS * 8 + 8)

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

/* CKA_VALUE: octets written. And back; false: its check fails, *words is undefined. */
size_t p11_number_value(const struct p11_number *which,
                        const uint64_t words[P11_NUMBER_WORDS],
                        uint8_t out[P11_NUMBER_VALUE_MAX]);
bool p11_number_whole(const struct p11_number *which, const uint8_t *value, size_t len,
                      uint64_t words[P11_NUMBER_WORDS]);

/* Does the token keep data objects at all? Tried where it holds no number yet; true for
 * Mark=file. ERR_TOKEN "token.no-data-objects". */
MUST_CHECK bool p11_number_possible(struct session *s, struct err *e);

/* No object: zeros.
 * Errors: ERR_TOKEN "token.counter-mark-bad" objects, but no whole one;
 *         ERR_BUSY  the same, they change or are not shown: sign in again;
 *         ERR_STORE "token.state"; ERR_BUSY "token.lock-held"; those of p11_error. */
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
