/* SPDX-License-Identifier: MIT
 *
 * p11_pool - sessions and the threads that sign on them.
 *
 * One session, one thread, one operation. Signing is the only thing that ever runs in
 * parallel; opening, finding and probing happen while no thread is inside the module. Rows
 * are handed out in order, so that what is signed is whole from the front, and those of the
 * next run follow at once: no session waits for the slowest of a run. The digest has a type:
 * no other length can be asked for.
 *
 * Source:  PKCS#11 v2.40.
 * Effects: threads, the module.
 */
#ifndef P11_POOL_H
#define P11_POOL_H

#include "session.h"
#include "token.h"

#define P11_SESSIONS_MAX 64 /* config refuses more */

struct p11_pool; /* opaque */

/* n sessions, n threads. *out is the caller's even after a failure.
 * Errors: ERR_STORE "store.memory"; those of p11_error. */
MUST_CHECK bool p11_pool_new(struct session *s, unsigned n, struct p11_pool **out,
                             struct err *e);
/* Joins the threads; the sessions close with the anchor. */
void p11_pool_free(struct p11_pool *p);

/*
 * As token_ops.begin and finish. go_on is called from any of the threads, one at a time. A
 * session that died before a signature could have been made is replaced, and its row tried
 * once more. After any other code that was not planned for the run ends with that error, and
 * the next one goes on with fresh sessions; when that fails too, at its first row, and for
 * codes that say "stop", session_failed is told: only a fresh process may help.
 */
MUST_CHECK bool p11_pool_begin(struct p11_pool *p, CK_OBJECT_HANDLE key,
                               const struct digest d[], struct sig_p256 out[], size_t n,
                               bool (*go_on)(void *), void *arg, struct err *e);
MUST_CHECK bool p11_pool_finish(struct p11_pool *p, struct token_run *made, struct err *e);
/* One signature on session i of 0..n-1, from the calling thread; no run is under way. */
MUST_CHECK bool p11_pool_sign_on(struct p11_pool *p, unsigned i, CK_OBJECT_HANDLE key,
                                 const struct digest *d, struct sig_p256 *out,
                                 struct err *e);

#endif
