/* SPDX-License-Identifier: MIT
 *
 * aside - what may hang is done by a thread of its own; the loop waits for it so long and no
 * longer.
 *
 * One piece of work at a time: while one hangs the next is not begun. What hangs keeps its
 * thread until the kernel lets go of it; nothing else does.
 *
 * Effects: a thread for each piece of work, with every signal blocked.
 */
#ifndef ASIDE_H
#define ASIDE_H

#include "err.h"

#include <pthread.h>

struct aside {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool begun; /* lock and condition are there */
    bool busy;  /* job belongs to the thread */
    void (*work)(void *job);
    void *job;
};

/* Is a piece of work still under way? Until it is not, its job is not to be touched. */
bool aside_busy(struct aside *a);
/* work(job), for wait_ms at most. False: it goes on, or (*begun false) it was not begun. All
 * zeros is a struct aside at rest. */
MUST_CHECK bool aside_run(struct aside *a, void (*work)(void *job), void *job,
                          unsigned wait_ms, bool *begun);

#endif
