/* SPDX-License-Identifier: MIT */
#include "aside.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

static void *thread(void *arg)
{
    struct aside *a = arg;

    a->work(a->job);
    (void)pthread_mutex_lock(&a->lock);
    a->busy = false;
    (void)pthread_cond_signal(&a->over);
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

static void begin(struct aside *a)
{
    pthread_condattr_t by;

    if (a->begun)
        return;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_condattr_init(&by);
    (void)pthread_condattr_setclock(&by, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&a->over, &by);
    (void)pthread_condattr_destroy(&by);
    a->begun = true;
}

static bool start(struct aside *a)
{
    sigset_t all, before;
    pthread_t t;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&t, NULL, thread, a);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        (void)pthread_detach(t);
    return rc == 0;
}

bool aside_busy(struct aside *a)
{
    bool busy;

    begin(a);
    (void)pthread_mutex_lock(&a->lock);
    busy = a->busy;
    (void)pthread_mutex_unlock(&a->lock);
    return busy;
}

bool aside_run(struct aside *a, void (*work)(void *job), void *job, unsigned wait_ms,
               bool *begun)
{
    struct timespec until = {0};
    bool over;

    *begun = false;
    if (aside_busy(a))
        return false;
    a->work = work;
    a->job = job;
    a->busy = true;
    *begun = start(a);
    if (!*begun) {
        a->busy = false;
        return false;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_mutex_lock(&a->lock);
    while (a->busy && pthread_cond_timedwait(&a->over, &a->lock, &until) != ETIMEDOUT)
        ;
    over = !a->busy;
    (void)pthread_mutex_unlock(&a->lock);
    return over;
}
