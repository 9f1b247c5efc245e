/* SPDX-License-Identifier: MIT */
#include "beside.h"

#include "mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#define QUESTIONS_MAX 256
#define KEPT_S        60

struct question {
    struct question *next;
    const struct think_kind *kind;
    struct span in;
    enum { WAITS, WORKED_ON, ANSWERED } state;
    int64_t since_s; /* when it was answered, or asked for last */
    bool ok;
    struct span out;
    struct err why;
};

struct beside {
    struct think_port port;
    void (*there)(void *arg, const struct err *broken);
    void *arg;
    struct store *reader; /* the thread's */
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t due;
    struct question *first; /* in the order they came */
    size_t n;
    bool ending;
    bool broken; /* the reader is; why: */
    struct err why;
    int woken; /* eventfd, to the loop */
    sd_event_source *io;
};

static int64_t seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* Unheard: nobody fetched the answer, or there is none. */
static void let_go(struct question *q, bool unheard)
{
    if (unheard && q->kind->unheard != NULL)
        q->kind->unheard(q->in);
    free((void *)(uintptr_t)q->in.at);
    free((void *)(uintptr_t)q->out.at);
    free(q);
}

/* --- the thread --- */

static struct question *next_due(struct beside *a)
{
    for (struct question *q = a->first; q != NULL; q = q->next)
        if (q->state == WAITS)
            return q;
    return NULL;
}

/* As the database stands now, from the first look to the last. */
static void work_out(struct beside *a, struct question *q)
{
    q->ok = store_look(a->reader, &q->why);
    if (!q->ok)
        return;
    q->ok = q->kind->work(a->reader, q->in, &q->out, &q->why);
    store_rollback(a->reader);
}

static void *work(void *arg)
{
    struct beside *a = arg;
    uint64_t one = 1;

    (void)pthread_mutex_lock(&a->mutex);
    while (!a->ending) {
        struct question *q = next_due(a);

        if (q == NULL) {
            (void)pthread_cond_wait(&a->due, &a->mutex);
            continue;
        }
        q->state = WORKED_ON;
        (void)pthread_mutex_unlock(&a->mutex);
        work_out(a, q);
        (void)pthread_mutex_lock(&a->mutex);
        q->state = ANSWERED;
        q->since_s = seconds();
        if (!a->broken && store_failed(a->reader)) {
            a->broken = true;
            a->why = q->why;
        }
        (void)write(a->woken, &one, sizeof one);
    }
    (void)pthread_mutex_unlock(&a->mutex);
    return NULL;
}

/* --- the loop --- */

static bool later(const struct think_kind *k, struct err *e)
{
    return err_set(e, ERR_BUSY, "request.later", "being worked out: %s", k->name);
}

static bool is_asked(const struct question *q, const struct think_kind *k, struct span in)
{
    return q->kind == k && q->in.len == in.len && memcmp(q->in.at, in.at, in.len) == 0;
}

static void unlink_question(struct beside *a, struct question **at)
{
    struct question *q = *at;

    *at = q->next;
    a->n--;
}

static bool drop_answer(struct beside *a, bool once)
{
    for (struct question **at = &a->first; *at != NULL; at = &(*at)->next)
        if ((*at)->state == ANSWERED && (*at)->kind->once == once) {
            struct question *q = *at;

            unlink_question(a, at);
            let_go(q, once);
            return true;
        }
    return false;
}

/* An answer that is there makes room for another question: first one that was kept, for
 * somebody may be about to fetch the others. */
static bool make_room(struct beside *a)
{
    return drop_answer(a, false) || drop_answer(a, true);
}

static bool add(struct beside *a, const struct think_kind *k, struct span in, struct err *e)
{
    struct question **last = &a->first;
    struct question *q;
    uint8_t *copy;

    if (a->n == QUESTIONS_MAX && !make_room(a))
        return err_set(e, ERR_BUSY, "request.later", "%u questions wait for their answer",
                       QUESTIONS_MAX);
    q = calloc(1, sizeof *q);
    copy = malloc(in.len + 1);
    if (q == NULL || copy == NULL) {
        free(q);
        free(copy);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    memcpy(copy, in.at, in.len);
    q->kind = k;
    q->in = span_of(copy, in.len);
    while (*last != NULL)
        last = &(*last)->next;
    *last = q;
    a->n++;
    think_count();
    (void)pthread_cond_signal(&a->due);
    return later(k, e);
}

/* The answer, for good where it is given once. */
static bool hear(struct beside *a, struct question **at, struct span *out, struct err *e)
{
    struct question *q = *at;
    bool ok = q->ok;

    if (!ok) {
        *e = q->why;
    } else if (q->kind->once) {
        *out = q->out;
        q->out = (struct span){NULL, 0};
    } else if (q->out.at != NULL) {
        uint8_t *copy = malloc(q->out.len + 1);

        if (copy == NULL)
            return err_set(e, ERR_STORE, "store.memory", "out of memory");
        memcpy(copy, q->out.at, q->out.len);
        *out = span_of(copy, q->out.len);
    }
    if (q->kind->once || !ok) {
        unlink_question(a, at);
        let_go(q, false);
    }
    return ok;
}

static bool on_ask(void *arg, const struct think_kind *k, struct span in, struct span *out,
                   struct err *e)
{
    struct beside *a = arg;
    struct question **at;
    bool ok;

    (void)pthread_mutex_lock(&a->mutex);
    for (at = &a->first; *at != NULL && !is_asked(*at, k, in);)
        at = &(*at)->next;
    if (*at == NULL)
        ok = add(a, k, in, e);
    else if ((*at)->state != ANSWERED)
        ok = later(k, e);
    else
        ok = hear(a, at, out, e);
    (void)pthread_mutex_unlock(&a->mutex);
    return ok;
}

static int on_woken(sd_event_source *src, int fd, uint32_t events, void *arg)
{
    struct beside *a = arg;
    struct err why;
    uint64_t n;
    bool broken;

    (void)src;
    (void)events;
    (void)read(fd, &n, sizeof n);
    (void)pthread_mutex_lock(&a->mutex);
    broken = a->broken;
    why = a->why;
    (void)pthread_mutex_unlock(&a->mutex);
    a->there(a->arg, broken ? &why : NULL);
    return 0;
}

const struct think_port *beside_port(const struct beside *a)
{
    return a != NULL ? &a->port : NULL;
}

void beside_tidy(struct beside *a)
{
    struct question **at = &a->first;

    (void)pthread_mutex_lock(&a->mutex);
    while (*at != NULL) {
        struct question *q = *at;

        if (q->state != ANSWERED || seconds() - q->since_s < KEPT_S) {
            at = &q->next;
            continue;
        }
        unlink_question(a, at);
        let_go(q, q->kind->once);
    }
    (void)pthread_mutex_unlock(&a->mutex);
}

/* Signals are the loop's. */
static bool start(struct beside *a)
{
    sigset_t all, was;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &was);
    rc = pthread_create(&a->thread, NULL, work, a);
    (void)pthread_sigmask(SIG_SETMASK, &was, NULL);
    return rc == 0;
}

bool beside_new(sd_event *loop, const char *path,
                void (*there)(void *arg, const struct err *broken), void *arg,
                struct beside **out, struct err *e)
{
    struct beside *a = calloc(1, sizeof *a);

    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    a->port = (struct think_port){on_ask, a};
    a->there = there;
    a->arg = arg;
    (void)pthread_mutex_init(&a->mutex, NULL);
    (void)pthread_cond_init(&a->due, NULL);
    a->ending = true; /* until there is a thread */
    a->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!store_open_reader(path, &a->reader, e)) {
        beside_free(a);
        return false;
    }
    a->ending = false;
    if (a->woken < 0 || sd_event_add_io(loop, &a->io, a->woken, EPOLLIN, on_woken, a) < 0 ||
        !start(a)) {
        a->ending = true;
        beside_free(a);
        return err_set(e, ERR_STORE, "store.memory", "cannot start a thread");
    }
    *out = a;
    return true;
}

void beside_free(struct beside *a)
{
    if (a == NULL)
        return;
    if (!a->ending) {
        (void)pthread_mutex_lock(&a->mutex);
        a->ending = true;
        (void)pthread_cond_signal(&a->due);
        (void)pthread_mutex_unlock(&a->mutex);
        (void)pthread_join(a->thread, NULL);
    }
    (void)sd_event_source_disable_unref(a->io);
    while (a->first != NULL) {
        struct question *q = a->first;

        a->first = q->next;
        let_go(q, true);
    }
    store_close(a->reader);
    (void)pthread_cond_destroy(&a->due);
    (void)pthread_mutex_destroy(&a->mutex);
    fd_auto(&a->woken);
    free(a);
}
