/* SPDX-License-Identifier: MIT */
#include "p11_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct job { /* one run; those begun stand in line */
    CK_OBJECT_HANDLE key;
    const struct digest *d;
    struct sig_p256 *out;
    size_t n;
    bool (*go_on)(void *);
    void *arg;
    size_t next;   /* first row that nobody has taken */
    unsigned open; /* rows taken and not given back */
    bool stop;     /* no more of it is taken */
};

struct worker {
    struct p11_pool *pool;
    CK_SESSION_HANDLE h;
    bool alive;               /* h is open and has never surprised */
    struct {                  /* why not */
        const struct job *of; /* NULL: nothing */
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
    pthread_mutex_t lock;      /* all below */
    pthread_cond_t wake, over; /* there are rows; a run may be over */
    struct job jobs[TOKEN_RUNS];
    size_t first, n_jobs; /* the oldest, and how many from there */
    unsigned busy;        /* threads inside the module */
    bool halted;          /* a session failed: nobody takes a row before it is looked at */
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

static struct job *in_line(struct p11_pool *p, size_t i)
{
    return &p->jobs[(p->first + i) % TOKEN_RUNS];
}

/* All its rows that were taken are back, and no more will be. */
static bool is_over(const struct job *j)
{
    return j->open == 0 && (j->stop || j->next == j->n);
}

/* Locked, as all up to worker_main. The run whose next row is due; NULL: none. */
static struct job *due(struct p11_pool *p)
{
    for (size_t i = 0; i < p->n_jobs && !p->halted; i++) {
        struct job *j = in_line(p, i);

        if (!j->stop && j->next < j->n && j->go_on != NULL && !j->go_on(j->arg))
            j->stop = true;
        if (!j->stop && j->next < j->n)
            return j;
        if (is_over(j)) /* it was stopped just now */
            (void)pthread_cond_signal(&p->over);
    }
    return NULL;
}

static void sign_row(struct worker *w, struct job *j)
{
    struct p11_pool *p = w->pool;
    size_t row = j->next++;
    const char *call;
    CK_RV rv;

    j->open++;
    p->busy++;
    (void)pthread_mutex_unlock(&p->lock);
    rv = sign_one(w, j->key, &j->d[row], &j->out[row], &call);
    (void)pthread_mutex_lock(&p->lock);
    p->busy--;
    j->open--;
    if (rv == CKR_OK)
        return;
    w->bad.of = j;
    w->bad.row = row;
    w->bad.call = call;
    w->bad.rv = rv;
    w->alive = false;
    p->halted = true;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct p11_pool *p = w->pool;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->quit) {
        struct job *j = due(p);

        if (j != NULL) {
            sign_row(w, j);
            if (is_over(j) || (p->halted && p->busy == 0))
                (void)pthread_cond_signal(&p->over);
            continue;
        }
        (void)pthread_cond_wait(&p->wake, &p->lock);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
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

/* Of this run, the failure nearest to the front; NULL: none.
 * *repeat: each of them may be tried again. */
static struct worker *first_bad(struct p11_pool *p, const struct job *j, bool *repeat)
{
    struct worker *first = NULL;

    *repeat = true;
    for (unsigned i = 0; i < p->n; i++) {
        struct worker *w = &p->workers[i];

        if (w->bad.of != j)
            continue;
        *repeat = *repeat && may_repeat(w->bad.rv, w->bad.call);
        if (first == NULL || w->bad.row < first->bad.row)
            first = w;
    }
    return first;
}

/* Only the rows whose session died are tried again; what others signed stays as it is. */
static bool repeat_bad(struct p11_pool *p, const struct job *j, size_t *done, struct err *e)
{
    struct worker *w;
    bool repeat;

    while ((w = first_bad(p, j, &repeat)) != NULL) {
        size_t row = w->bad.row;

        *done = row;
        if (!revive(p, e) || !p11_pool_sign_on(p, 0, j->key, &j->d[row], &j->out[row], e))
            return false;
        w->bad.of = NULL;
    }
    return true;
}

/* Each session that failed may be thrown away, and that be all? */
static bool fresh_may_do(const struct p11_pool *p, const struct job *j)
{
    for (unsigned i = 0; i < p->n; i++) {
        enum p11_class class = p11_code(p->workers[i].bad.rv)->class;

        if (p->workers[i].bad.of == j && class != P11_REBUILD && class != P11_UNKNOWN)
            return false;
    }
    return !p->struck;
}

/* What was not planned for: a fresh session first; a fresh process when not even its first
 * signature is made. */
static bool failed(struct p11_pool *p, const struct job *j, const struct worker *w,
                   size_t done, struct err *e)
{
    if (done > 0)
        p->struck = false;
    if (!fresh_may_do(p, j))
        return session_failed(p->s, w->bad.call, w->bad.rv, e);
    p->struck = true;
    return p11_error(w->bad.call, w->bad.rv, e);
}

/* Nobody is inside the module now. */
static void go_on_again(struct p11_pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->halted = false;
    (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
}

/* Until the run is over, or a session has failed and no thread is inside the module. True: it
 * failed. */
static bool wait_for(struct p11_pool *p, const struct job *j)
{
    bool halted;

    (void)pthread_mutex_lock(&p->lock);
    while (p->halted ? p->busy > 0 : !is_over(j))
        (void)pthread_cond_wait(&p->over, &p->lock);
    halted = p->halted;
    (void)pthread_mutex_unlock(&p->lock);
    return halted;
}

/* The oldest run to its end. Where a failure belongs to one behind it, all rows of this one
 * were taken, and the failure is for that one to meet. */
static bool to_its_end(struct p11_pool *p, struct job *j, struct token_run *made,
                       struct err *e)
{
    bool repeated = false;
    struct worker *w;
    bool repeat;

    while (wait_for(p, j)) {
        w = first_bad(p, j, &repeat);
        made->begun = j->next;
        made->done = w != NULL ? w->bad.row : j->next;
        if (j->go_on != NULL && !j->go_on(j->arg))
            j->stop = true;
        if (w != NULL && (!repeat || repeated || j->stop))
            return failed(p, j, w, made->done, e);
        if (w != NULL && !repeat_bad(p, j, &made->done, e))
            return false;
        repeated = repeated || w != NULL;
        if (is_over(j))
            break;
        if (!revive(p, e)) /* those that failed before it */
            return false;
        go_on_again(p);
    }
    made->begun = made->done = j->next;
    p->struck = p->struck && made->done == 0;
    return true;
}

bool p11_pool_begin(struct p11_pool *p, CK_OBJECT_HANDLE key, const struct digest d[],
                    struct sig_p256 out[], size_t n, bool (*go_on)(void *), void *arg,
                    struct err *e)
{
    assert(p->n_jobs < TOKEN_RUNS);
    if (p->n_jobs == 0 && !revive(p, e))
        return false;
    (void)pthread_mutex_lock(&p->lock);
    p->halted = p->halted && p->n_jobs > 0;
    *in_line(p, p->n_jobs++) =
        (struct job){.key = key, .d = d, .out = out, .n = n, .go_on = go_on, .arg = arg};
    (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
    return true;
}

bool p11_pool_finish(struct p11_pool *p, struct token_run *made, struct err *e)
{
    struct job *j = in_line(p, 0);
    bool ok;

    assert(p->n_jobs > 0);
    ok = to_its_end(p, j, made, e);
    (void)pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < p->n; i++)
        if (p->workers[i].bad.of == j)
            p->workers[i].bad.of = NULL;
    p->first = (p->first + 1) % TOKEN_RUNS;
    p->n_jobs--;
    if (p->busy == 0)
        session_idle();
    (void)pthread_mutex_unlock(&p->lock);
    return ok;
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
    (void)pthread_cond_init(&p->over, NULL);
    for (unsigned i = 0; i < n; i++)
        p->workers[i] = (struct worker){.pool = p, .h = CK_INVALID_HANDLE};
    *out = p;
    if (!revive(p, e))
        return false;
    for (unsigned i = 0; i < n; i++) {
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
    for (unsigned i = 0; i < p->n; i++)
        if (p->workers[i].started)
            (void)pthread_join(p->workers[i].thread, NULL);
    free(p);
}
