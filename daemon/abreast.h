/* SPDX-License-Identifier: MIT
 *
 * abreast - the same thing done for many at once, by as many threads as there are processors,
 * the caller's among them, who goes on when all is done.
 *
 * Effects: threads, that live until abreast_free. One caller at a time.
 */
#ifndef ABREAST_H
#define ABREAST_H

#include "err.h"

#include <stddef.h>

struct abreast; /* opaque */

/* Errors: ERR_STORE "store.memory". */
MUST_CHECK bool abreast_new(struct abreast **out, struct err *e);
/* fn(x, i) for each i below n, in any order and in several threads; returns after the last.
 * a: a struct abreast, as intake_each wants it; NULL: one after the other. */
void abreast_each(void *a, size_t n, void (*fn)(void *x, size_t i), void *x);
void abreast_free(struct abreast *a);

#endif
