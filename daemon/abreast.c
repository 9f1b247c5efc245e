/* SPDX-License-Identifier: MIT */
#include "abreast.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#define THREADS_MAX 64

struct abreast {
    pthread_mutex_t lock; /* all below */
    pthread_cond_t wake, done;
    void (*fn)(void *x, size_t i);
    void *x;
    size_t next, n; /* who is next, and how many there are */
    size_t open;    /* begun or not, but not done */
    bool quit;
    unsigned n_threads;
    pthread_t threads[THREADS_MAX];
};

/* Locked. Takes part until nobody is left to begin. */
static void take_part(struct abreast *a)
{
    while (a->next < a->n) {
        size_t i = a->next++;

        (void)pthread_mutex_unlock(&a->lock);
        a->fn(a->x, i);
        (void)pthread_mutex_lock(&a->lock);
        if (--a->open == 0)
            (void)pthread_cond_signal(&a->done);
    }
}

static void *thread_main(void *arg)
{
    struct abreast *a = arg;

    (void)pthread_mutex_lock(&a->lock);
    while (!a->quit) {
        take_part(a);
        if (!a->quit)
            (void)pthread_cond_wait(&a->wake, &a->lock);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Beside the caller's own. Signals are the loop's: it reads them from a descriptor. */
static bool start(struct abreast *a, unsigned n)
{
    sigset_t all, before;
    bool ok = true;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ok && a->n_threads < n) {
        ok = pthread_create(&a->threads[a->n_threads], NULL, thread_main, a) == 0;
        a->n_threads += ok;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

static unsigned others(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return n > THREADS_MAX ? THREADS_MAX - 1 : (unsigned)n - 1;
}

bool abreast_new(struct abreast **out, struct err *e)
{
    struct abreast *a = calloc(1, sizeof *a);

    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->wake, NULL);
    (void)pthread_cond_init(&a->done, NULL);
    if (!start(a, others())) {
        abreast_free(a);
        return err_set(e, ERR_STORE, "store.memory", "no threads to work with");
    }
    *out = a;
    return true;
}

void abreast_each(void *with, size_t n, void (*fn)(void *x, size_t i), void *x)
{
    struct abreast *a = with;

    if (a == NULL) {
        for (size_t i = 0; i < n; i++)
            fn(x, i);
        return;
    }
    (void)pthread_mutex_lock(&a->lock);
    a->fn = fn;
    a->x = x;
    a->next = 0;
    a->n = a->open = n;
    (void)pthread_cond_broadcast(&a->wake);
    take_part(a);
    while (a->open > 0)
        (void)pthread_cond_wait(&a->done, &a->lock);
    (void)pthread_mutex_unlock(&a->lock);
}

void abreast_free(struct abreast *a)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->quit = true;
    (void)pthread_cond_broadcast(&a->wake);
    (void)pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->n_threads; i++)
        (void)pthread_join(a->threads[i], NULL);
    free(a);
}
