/* SPDX-License-Identifier: MIT */
#include "verifiers.h"

#include "mem.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>

#define THREADS_MAX 64

struct job {
    struct engine_answer *a;
    EVP_PKEY *key;
    bool judged;
    struct job *next;
};

struct verifiers {
    pthread_mutex_t lock; /* all below but what a thread is at work on */
    pthread_cond_t given, judged;
    struct job *first, *last; /* not taken yet, in the order they were given */
    struct job *open;         /* the first of them that no thread has begun */
    size_t waiting;           /* the loop's own */
    bool quit;
    int fd;
    unsigned n; /* threads that run */
    pthread_t threads[];
};

/* The tables of a key are made by the first answer under it: the loop does not wait for it. */
static void judge(struct job *j, struct verifier **v, EVP_PKEY **of)
{
    struct err e;

    if (*of != j->key) {
        verify_free(TAKE(*v));
        EVP_PKEY_free(TAKE(*of));
        if (!verify_new(j->key, v, &e))
            abort(); /* as digest_of: no memory */
        (void)EVP_PKEY_up_ref(j->key);
        *of = j->key;
    }
    engine_verify(*v, j->a);
}

static void *thread_main(void *arg)
{
    const uint64_t one = 1;
    struct verifiers *p = arg;
    struct verifier *v = NULL;
    EVP_PKEY *of = NULL;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->quit) {
        struct job *j = p->open;

        if (j == NULL) {
            (void)pthread_cond_wait(&p->given, &p->lock);
            continue;
        }
        p->open = j->next;
        (void)pthread_mutex_unlock(&p->lock);
        judge(j, &v, &of);
        (void)pthread_mutex_lock(&p->lock);
        j->judged = true;
        (void)pthread_cond_signal(&p->judged);
        (void)!write(p->fd, &one, sizeof one);
    }
    (void)pthread_mutex_unlock(&p->lock);
    verify_free(v);
    EVP_PKEY_free(of);
    return NULL;
}

/* Signals are the loop's: it reads them from a descriptor. */
static bool start(struct verifiers *v, unsigned n)
{
    sigset_t all, before;
    bool ok = true;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ok && v->n < n) {
        ok = pthread_create(&v->threads[v->n], NULL, thread_main, v) == 0;
        v->n += ok;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

static unsigned processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

bool verifiers_new(struct verifiers **out, struct err *e)
{
    unsigned n = processors();
    struct verifiers *v = calloc(1, sizeof *v + n * sizeof v->threads[0]);

    if (v == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    (void)pthread_mutex_init(&v->lock, NULL);
    (void)pthread_cond_init(&v->given, NULL);
    (void)pthread_cond_init(&v->judged, NULL);
    v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (v->fd < 0 || !start(v, n)) {
        verifiers_free(v);
        return err_set(e, ERR_STORE, "store.memory", "no threads to verify with");
    }
    *out = v;
    return true;
}

int verifiers_fd(const struct verifiers *v)
{
    return v->fd;
}

void verifiers_give(struct verifiers *v, EVP_PKEY *key, struct engine_answer *a)
{
    struct job *j = calloc(1, sizeof *j);

    if (j == NULL)
        abort();
    (void)EVP_PKEY_up_ref(key);
    j->a = a;
    j->key = key;
    (void)pthread_mutex_lock(&v->lock);
    if (v->first == NULL)
        v->first = j;
    else
        v->last->next = j;
    v->last = j;
    if (v->open == NULL)
        v->open = j;
    (void)pthread_cond_signal(&v->given);
    (void)pthread_mutex_unlock(&v->lock);
    v->waiting++;
}

struct engine_answer *verifiers_take(struct verifiers *v, bool wait)
{
    struct engine_answer *a;
    struct job *j;

    (void)pthread_mutex_lock(&v->lock);
    while (wait && v->first != NULL && !v->first->judged)
        (void)pthread_cond_wait(&v->judged, &v->lock);
    j = v->first != NULL && v->first->judged ? v->first : NULL;
    if (j != NULL)
        v->first = j->next;
    (void)pthread_mutex_unlock(&v->lock);
    if (j == NULL)
        return NULL;
    v->waiting--;
    a = j->a;
    EVP_PKEY_free(j->key);
    free(j);
    return a;
}

size_t verifiers_waiting(const struct verifiers *v)
{
    return v->waiting;
}

unsigned verifiers_threads(const struct verifiers *v)
{
    return v->n;
}

void verifiers_free(struct verifiers *v)
{
    if (v == NULL)
        return;
    (void)pthread_mutex_lock(&v->lock);
    v->quit = true;
    (void)pthread_cond_broadcast(&v->given);
    (void)pthread_mutex_unlock(&v->lock);
    for (unsigned i = 0; i < v->n; i++)
        (void)pthread_join(v->threads[i], NULL);
    while (v->first != NULL) {
        struct job *j = v->first;

        v->first = j->next;
        EVP_PKEY_free(j->key);
        free(j->a);
        free(j);
    }
    (void)pthread_cond_destroy(&v->judged);
    (void)pthread_cond_destroy(&v->given);
    (void)pthread_mutex_destroy(&v->lock);
    fd_auto(&v->fd);
    free(v);
}
