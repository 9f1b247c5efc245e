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
#define HANDS         2 /* one takes what is quick, the other what is not */

struct question {
    struct question *next;
    const struct think_kind *kind;
    struct span in;
    uint64_t stamp; /* of the database, when it was asked */
    enum { WAITS, WORKED_ON, ANSWERED } state;
    int64_t since_s; /* when it was answered */
    bool ok;
    struct span out;
    struct err why;
};

struct hand { /* a thread */
    struct beside *beside;
    struct think_port port; /* what its work asks for, in its turn */
    struct store *reader;
    pthread_t thread;
    bool quick;
    bool started;
};

struct beside {
    struct think_port port;
    void (*there)(void *arg, const struct err *broken);
    void *arg;
    struct hand hands[HANDS];
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t due;
    struct question *first; /* in the order they came */
    size_t n;
    bool ending;
    bool broken; /* a reader is; why: */
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

/* --- the list of questions --- */

static bool is_asked(const struct question *q, const struct think_kind *k, struct span in)
{
    return q->kind == k && q->in.len == in.len && memcmp(q->in.at, in.at, in.len) == 0;
}

static struct question **find(struct beside *a, const struct think_kind *k, struct span in)
{
    struct question **at = &a->first;

    while (*at != NULL && !is_asked(*at, k, in))
        at = &(*at)->next;
    return at;
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

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_STORE, "store.memory", "out of memory");
}

/* Nothing, where there is nothing. */
static bool copied(struct span from, struct span *out)
{
    uint8_t *copy = from.at != NULL ? malloc(from.len + 1) : NULL;

    if (copy != NULL)
        memcpy(copy, from.at, from.len);
    *out = span_of(copy, copy != NULL ? from.len : 0);
    return copy != NULL || from.at == NULL;
}

/* Behind all others; NULL: out of memory. */
static struct question *append(struct beside *a, const struct think_kind *k, struct span in)
{
    struct question **last = &a->first;
    struct question *q = calloc(1, sizeof *q);

    if (q == NULL || !copied(in, &q->in)) {
        free(q);
        return NULL;
    }
    q->kind = k;
    while (*last != NULL)
        last = &(*last)->next;
    *last = q;
    a->n++;
    return q;
}

/* --- the threads --- */

static struct question *next_due(const struct hand *h)
{
    for (struct question *q = h->beside->first; q != NULL; q = q->next)
        if (q->state == WAITS && q->kind->quick == h->quick)
            return q;
    return NULL;
}

/* As the database stands now, from the first look to the last. */
static void work_out(struct hand *h, struct question *q)
{
    q->ok = store_look(h->reader, q->stamp, &q->why);
    if (!q->ok)
        return;
    q->ok = q->kind->work(h->reader, q->in, &q->out, &q->why);
    store_rollback(h->reader);
}

/* A question within a question is worked out on the spot, but what is known is known. */
static bool known(struct beside *a, const struct think_kind *k, struct span in,
                  struct span *out)
{
    struct question *q;
    bool found;

    (void)pthread_mutex_lock(&a->mutex);
    q = *find(a, k, in);
    found = q != NULL && q->state == ANSWERED && q->ok && copied(q->out, out);
    (void)pthread_mutex_unlock(&a->mutex);
    return found;
}

static void keep(struct beside *a, const struct think_kind *k, struct span in,
                 struct span out)
{
    struct question *q = NULL;
    struct span copy;

    if (!copied(out, &copy))
        return;
    (void)pthread_mutex_lock(&a->mutex);
    if (*find(a, k, in) == NULL && (a->n < QUESTIONS_MAX || drop_answer(a, false)))
        q = append(a, k, in);
    if (q != NULL) {
        q->ok = true;
        q->out = copy;
        q->state = ANSWERED;
        q->since_s = seconds();
    }
    (void)pthread_mutex_unlock(&a->mutex);
    if (q == NULL)
        free((void *)(uintptr_t)copy.at);
}

static bool on_think(void *arg, const struct think_kind *k, struct store *s, struct span in,
                     struct span *out, struct err *e)
{
    struct hand *h = arg;

    if (!k->once && known(h->beside, k, in, out))
        return true;
    if (!k->work(s, in, out, e))
        return false;
    if (!k->once)
        keep(h->beside, k, in, *out);
    return true;
}

static void *work(void *arg)
{
    struct hand *h = arg;
    struct beside *a = h->beside;
    uint64_t one = 1;

    (void)think_through(&h->port);
    (void)pthread_mutex_lock(&a->mutex);
    while (!a->ending) {
        struct question *q = next_due(h);

        if (q == NULL) {
            (void)pthread_cond_wait(&a->due, &a->mutex);
            continue;
        }
        q->state = WORKED_ON;
        (void)pthread_mutex_unlock(&a->mutex);
        work_out(h, q);
        (void)pthread_mutex_lock(&a->mutex);
        q->state = ANSWERED;
        q->since_s = seconds();
        if (!a->broken && store_failed(h->reader)) {
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

static bool add(struct beside *a, const struct think_kind *k, struct store *s,
                struct span in, struct err *e)
{
    struct question *q;

    if (a->n == QUESTIONS_MAX && !make_room(a))
        return err_set(e, ERR_BUSY, "request.later", "%u questions wait for their answer",
                       QUESTIONS_MAX);
    q = append(a, k, in);
    if (q == NULL)
        return no_memory(e);
    q->stamp = s != NULL ? store_stamp(s) : 0;
    think_count();
    (void)pthread_cond_broadcast(&a->due);
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
    } else if (!copied(q->out, out)) {
        return no_memory(e);
    }
    if (q->kind->once || !ok) {
        unlink_question(a, at);
        let_go(q, false);
    }
    return ok;
}

static bool on_ask(void *arg, const struct think_kind *k, struct store *s, struct span in,
                   struct span *out, struct err *e)
{
    struct beside *a = arg;
    struct question **at;
    bool ok;

    (void)pthread_mutex_lock(&a->mutex);
    at = find(a, k, in);
    if (*at == NULL)
        ok = add(a, k, s, in, e);
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

static bool open_readers(struct beside *a, const char *path, struct err *e)
{
    for (size_t i = 0; i < HANDS; i++)
        if (!store_open_reader(path, &a->hands[i].reader, e))
            return false;
    return true;
}

/* Signals are the loop's. */
static bool start(struct beside *a)
{
    sigset_t all, was;
    bool ok = true;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &was);
    for (size_t i = 0; ok && i < HANDS; i++) {
        struct hand *h = &a->hands[i];

        h->beside = a;
        h->port = (struct think_port){on_think, h};
        h->quick = i > 0;
        ok = h->started = pthread_create(&h->thread, NULL, work, h) == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &was, NULL);
    return ok;
}

bool beside_new(sd_event *loop, const char *path,
                void (*there)(void *arg, const struct err *broken), void *arg,
                struct beside **out, struct err *e)
{
    struct beside *a = calloc(1, sizeof *a);

    if (a == NULL)
        return no_memory(e);
    a->port = (struct think_port){on_ask, a};
    a->there = there;
    a->arg = arg;
    (void)pthread_mutex_init(&a->mutex, NULL);
    (void)pthread_cond_init(&a->due, NULL);
    a->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!open_readers(a, path, e)) {
        beside_free(a);
        return false;
    }
    if (a->woken < 0 || sd_event_add_io(loop, &a->io, a->woken, EPOLLIN, on_woken, a) < 0 ||
        !start(a)) {
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
    (void)pthread_mutex_lock(&a->mutex);
    a->ending = true;
    (void)pthread_cond_broadcast(&a->due);
    (void)pthread_mutex_unlock(&a->mutex);
    for (size_t i = 0; i < HANDS; i++) {
        if (a->hands[i].started)
            (void)pthread_join(a->hands[i].thread, NULL);
        store_close(a->hands[i].reader);
    }
    (void)sd_event_source_disable_unref(a->io);
    while (a->first != NULL) {
        struct question *q = a->first;

        a->first = q->next;
        let_go(q, true);
    }
    (void)pthread_cond_destroy(&a->due);
    (void)pthread_mutex_destroy(&a->mutex);
    fd_auto(&a->woken);
    free(a);
}
