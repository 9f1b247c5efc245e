/* SPDX-License-Identifier: MIT */
#include "p11_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct job {
    CK_OBJECT_HANDLE key;
    const struct digest *d;
    struct sig_p256 *out;
    size_t n;
    bool (*go_on)(void *);
    void *arg;
    size_t next; /* first row that nobody has taken */
    bool stop;
};

struct worker {
    struct p11_pool *pool;
    CK_SESSION_HANDLE h;
    bool alive; /* h is open and has never surprised */
    struct {    /* why not */
        bool is;
        size_t row;
        const char *call;
        CK_RV rv;
    } bad;
    pthread_t thread;
    bool started;
};

struct p11_pool {
    struct session *s;
    unsigned n;
    pthread_mutex_t lock; /* all below but the workers' handles */
    pthread_cond_t wake, idle;
    struct job *job;
    unsigned long round; /* counts jobs, so that a worker takes part in each once */
    unsigned busy;
    bool quit;
    bool struck; /* the last run failed at its first row */
    struct worker workers[];
};

/* The only place that signs. Exactly 32 octets in, 64 out, the size is never asked for. */
static CK_RV sign_one(struct worker *w, CK_OBJECT_HANDLE key, const struct digest *d,
                      struct sig_p256 *out, const char **call)
{
    CK_FUNCTION_LIST *f = w->pool->s->f;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    struct digest in = *d;
    CK_ULONG len = sizeof out->b;
    CK_RV rv;

    session_deadline(w->pool->s);
    *call = "C_SignInit";
    rv = f->C_SignInit(w->h, &ecdsa, key);
    if (rv != CKR_OK)
        return rv;
    *call = "C_Sign";
    rv = f->C_Sign(w->h, in.b, sizeof in.b, out->b, &len);
    if (rv == CKR_OK && len != sizeof out->b) {
        *call = "C_Sign gave a signature of the wrong length";
        rv = CKR_GENERAL_ERROR;
    }
    return rv;
}

static bool take_row(struct p11_pool *p, struct job *j, size_t *row)
{
    bool got;

    (void)pthread_mutex_lock(&p->lock);
    if (!j->stop && j->next < j->n && j->go_on != NULL && !j->go_on(j->arg))
        j->stop = true;
    got = !j->stop && j->next < j->n;
    if (got)
        *row = j->next++;
    (void)pthread_mutex_unlock(&p->lock);
    return got;
}

static void work(struct worker *w, struct job *j)
{
    size_t row;

    while (w->alive && take_row(w->pool, j, &row)) {
        CK_RV rv = sign_one(w, j->key, &j->d[row], &j->out[row], &w->bad.call);

        if (rv == CKR_OK)
            continue;
        w->bad.is = true;
        w->bad.row = row;
        w->bad.rv = rv;
        w->alive = false;
        (void)pthread_mutex_lock(&w->pool->lock);
        j->stop = true;
        (void)pthread_mutex_unlock(&w->pool->lock);
    }
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct p11_pool *p = w->pool;
    unsigned long seen = 0;

    (void)pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->quit && p->round == seen)
            (void)pthread_cond_wait(&p->wake, &p->lock);
        if (p->quit)
            break;
        seen = p->round;
        (void)pthread_mutex_unlock(&p->lock);
        work(w, p->job);
        (void)pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            (void)pthread_cond_signal(&p->idle);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void run(struct p11_pool *p, struct job *j)
{
    (void)pthread_mutex_lock(&p->lock);
    p->job = j;
    p->busy = p->n - 1;
    p->round++;
    (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
    work(&p->workers[0], j);
    (void)pthread_mutex_lock(&p->lock);
    while (p->busy > 0)
        (void)pthread_cond_wait(&p->idle, &p->lock);
    p->job = NULL;
    (void)pthread_mutex_unlock(&p->lock);
    session_idle();
}

/* While no thread is inside the module. */
static bool revive(struct p11_pool *p, struct err *e)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct worker *w = &p->workers[i];
        CK_RV rv;

        if (w->alive)
            continue;
        session_deadline(p->s);
        if (w->h != CK_INVALID_HANDLE)
            (void)p->s->f->C_CloseSession(w->h);
        w->h = CK_INVALID_HANDLE;
        rv = p->s->f->C_OpenSession(p->s->slot, CKF_SERIAL_SESSION, NULL, NULL, &w->h);
        session_idle();
        if (rv != CKR_OK)
            return session_failed(p->s, "C_OpenSession", rv, e);
        w->alive = true;
    }
    return true;
}

/* The session died, and before a signature could have been made. */
static bool may_repeat(CK_RV rv, const char *call)
{
    return p11_code(rv)->session && strcmp(call, "C_SignInit") == 0;
}

/* The failure nearest to the front; NULL: none.
 * *repeat: each of them may be tried again. */
static struct worker *first_bad(struct p11_pool *p, bool *repeat)
{
    struct worker *first = NULL;

    *repeat = true;
    for (unsigned i = 0; i < p->n; i++) {
        struct worker *w = &p->workers[i];

        if (!w->bad.is)
            continue;
        *repeat = *repeat && may_repeat(w->bad.rv, w->bad.call);
        if (first == NULL || w->bad.row < first->bad.row)
            first = w;
    }
    return first;
}

/* Only the rows whose session died are tried again; what others signed stays as it is. */
static bool repeat_bad(struct p11_pool *p, struct job *j, size_t *done, struct err *e)
{
    struct worker *w;
    bool repeat;

    while ((w = first_bad(p, &repeat)) != NULL) {
        size_t row = w->bad.row;

        *done = row;
        if (!revive(p, e) || !p11_pool_sign_on(p, 0, j->key, &j->d[row], &j->out[row], e))
            return false;
        w->bad.is = false;
    }
    j->stop = false;
    return true;
}

/* Each session that failed may be thrown away, and that be all? */
static bool fresh_may_do(const struct p11_pool *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        enum p11_class class = p11_code(p->workers[i].bad.rv)->class;

        if (p->workers[i].bad.is && class != P11_REBUILD && class != P11_UNKNOWN)
            return false;
    }
    return !p->struck;
}

/* What was not planned for: a fresh session first; a fresh process when not even its first
 * signature is made. */
static bool failed(struct p11_pool *p, const struct worker *w, size_t done, struct err *e)
{
    if (done > 0)
        p->struck = false;
    if (!fresh_may_do(p))
        return session_failed(p->s, w->bad.call, w->bad.rv, e);
    p->struck = true;
    return p11_error(w->bad.call, w->bad.rv, e);
}

bool p11_pool_sign(struct p11_pool *p, CK_OBJECT_HANDLE key, const struct digest d[],
                   struct sig_p256 out[], size_t n, bool (*go_on)(void *), void *arg,
                   struct token_run *made, struct err *e)
{
    struct job j = {.key = key, .d = d, .out = out, .n = n, .go_on = go_on, .arg = arg};
    struct worker *w;
    bool repeat;

    *made = (struct token_run){0, 0};
    for (unsigned i = 0; i < p->n; i++)
        p->workers[i].bad.is = false;
    if (!revive(p, e))
        return false;
    run(p, &j);
    w = first_bad(p, &repeat);
    if (w != NULL && repeat && (go_on == NULL || go_on(arg))) {
        made->begun = j.next;
        if (!repeat_bad(p, &j, &made->done, e))
            return false;
        run(p, &j);
        w = first_bad(p, &repeat);
    }
    made->begun = j.next;
    made->done = w != NULL ? w->bad.row : j.next;
    if (w != NULL)
        return failed(p, w, made->done, e);
    p->struck = p->struck && made->done == 0;
    return true;
}

bool p11_pool_sign_on(struct p11_pool *p, unsigned i, CK_OBJECT_HANDLE key,
                      const struct digest *d, struct sig_p256 *out, struct err *e)
{
    const char *call;
    CK_RV rv = CKR_OK;

    assert(i < p->n);
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!revive(p, e))
            return false;
        rv = sign_one(&p->workers[i], key, d, out, &call);
        session_idle();
        if (rv == CKR_OK)
            return true;
        p->workers[i].alive = false;
        if (!may_repeat(rv, call))
            break;
    }
    return session_failed(p->s, call, rv, e);
}

bool p11_pool_new(struct session *s, unsigned n, struct p11_pool **out, struct err *e)
{
    struct p11_pool *p;

    assert(n >= 1 && n <= P11_SESSIONS_MAX);
    p = calloc(1, sizeof *p + n * sizeof p->workers[0]);
    if (p == NULL)
        return err_set(e, ERR_STORE, "store.memory", "no memory for %u sessions", n);
    p->s = s;
    p->n = n;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->wake, NULL);
    (void)pthread_cond_init(&p->idle, NULL);
    for (unsigned i = 0; i < n; i++)
        p->workers[i] = (struct worker){.pool = p, .h = CK_INVALID_HANDLE};
    *out = p;
    if (!revive(p, e))
        return false;
    for (unsigned i = 1; i < n; i++) {
        struct worker *w = &p->workers[i];

        w->started = pthread_create(&w->thread, NULL, worker_main, w) == 0;
        if (!w->started)
            return err_set(e, ERR_STORE, "store.memory", "no thread for session %u", i);
    }
    return true;
}

void p11_pool_free(struct p11_pool *p)
{
    if (p == NULL)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->quit = true;
    (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
    for (unsigned i = 1; i < p->n; i++)
        if (p->workers[i].started)
            (void)pthread_join(p->workers[i].thread, NULL);
    free(p);
}
