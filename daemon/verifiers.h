/* SPDX-License-Identifier: MIT
 *
 * verifiers - threads that verify what signers have signed, beside the loop.
 *
 * A whole answer goes in, and comes back with its verdict, in the order in which they were
 * given. Threads see the answer and the key, nothing else; all state is the loop's. To verify
 * is the dearest thing that the service does: one thread of it would bound every token.
 *
 * Effects: threads, an event descriptor. All functions are for one thread, the loop's.
 */
#ifndef VERIFIERS_H
#define VERIFIERS_H

#include "engine.h"

struct verifiers; /* opaque */

/* As many threads as there are processors to run on.
 * Errors: ERR_STORE "store.memory". */
MUST_CHECK bool verifiers_new(struct verifiers **out, struct err *e);
/* Readable when an answer may be ready: read it empty (an eventfd), then take. */
int verifiers_fd(const struct verifiers *v);
/* a: taken over, as engine_expect has left it; key: that of its batch, borrowed. Never fails:
 * where there is no memory, the process ends. */
void verifiers_give(struct verifiers *v, EVP_PKEY *key, struct engine_answer *a);
/* The oldest that was given, the caller's, to free; NULL: there is none, or it is not judged
 * yet. wait: until it is. */
struct engine_answer *verifiers_take(struct verifiers *v, bool wait);
/* How many were given and not taken. */
size_t verifiers_waiting(const struct verifiers *v);
unsigned verifiers_threads(const struct verifiers *v);
void verifiers_free(struct verifiers *v);

#endif
