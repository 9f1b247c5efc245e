/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[BATCH_STATES] = {
    "waiting", "queued", "running", "paused", "held", "stopped", "done"};

const char *queue_state_name(enum batch_state s)
{
    return (unsigned)s < BATCH_STATES ? state_names[s] : "unknown";
}

bool queue_state_final(enum batch_state s)
{
    return s == BATCH_STOPPED || s == BATCH_DONE;
}

#define COLUMNS                                                                        \
    "id, incident, decision, key, originator, roster, EXISTS (SELECT 1 FROM"           \
    " batch_rows WHERE batch = batch.id), rows, signed,"                               \
    " failed, state, reason, asked_us, started_us, ended_us, asked_by, confirmed_by, " \
    "rule,"                                                                            \
    " commands_used, commands_allowed, commands_lost"

static void read_batch(const struct store_row *r, struct batch *b)
{
    memset(b, 0, sizeof *b);
    b->id = store_i64(r, 0);
    store_copy(r, 1, b->incident, sizeof b->incident);
    if (store_blob(r, 2).len == 32)
        memcpy(b->decision.b, store_blob(r, 2).at, 32);
    store_copy(r, 3, b->key, sizeof b->key);
    if (store_blob(r, 4).len == 8)
        memcpy(b->originator.b, store_blob(r, 4).at, 8);
    if (store_blob(r, 5).len == 32)
        memcpy(b->roster.b, store_blob(r, 5).at, 32);
    b->selected = store_i64(r, 6) != 0;
    b->n_rows = (uint32_t)store_i64(r, 7);
    b->signed_ = store_i64(r, 8);
    b->failed = store_i64(r, 9);
    b->state = BATCH_HELD; /* a state that nobody knows is not worked on */
    for (size_t i = 0; i < BATCH_STATES; i++)
        if (strcmp(store_text(r, 10), state_names[i]) == 0)
            b->state = (enum batch_state)i;
    store_copy(r, 11, b->reason, sizeof b->reason);
    b->asked_us = store_i64(r, 12);
    b->started_us = store_i64(r, 13);
    b->ended_us = store_i64(r, 14);
    store_copy(r, 15, b->asked_by, sizeof b->asked_by);
    store_copy(r, 16, b->confirmed_by, sizeof b->confirmed_by);
    store_copy(r, 17, b->rule, sizeof b->rule);
    b->commands = (struct proto_count){.used = (uint64_t)store_i64(r, 18),
                                       .allowed = (uint64_t)store_i64(r, 19),
                                       .lost = (uint64_t)store_i64(r, 20)};
}

bool queue_put(struct store *s, struct batch *b, struct span selection, struct span certs,
               struct err *e)
{
    if (!store_run(s, e,
                   "INSERT INTO batch (incident, decision, key, originator, roster, certs,"
                   " rows, signed, failed, state, reason, asked_us, asked_by)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9, ?10, ?11)",
                   "tbtbbbittit", b->incident, span_of(b->decision.b, 32), b->key,
                   span_of(b->originator.b, 8), span_of(b->roster.b, 32), certs,
                   (int64_t)b->n_rows, queue_state_name(b->state), b->reason, b->asked_us,
                   b->asked_by))
        return false;
    b->id = store_last_id(s);
    b->selected = selection.at != NULL;
    return !b->selected || store_run(s, e, "INSERT INTO batch_rows VALUES (?1, ?2)", "ib",
                                     b->id, selection);
}

struct one {
    struct batch *out;
    bool found;
};

static bool take_one(void *arg, const struct store_row *r)
{
    struct one *o = arg;

    read_batch(r, o->out);
    o->found = true;
    return false;
}

bool queue_get(struct store *s, int64_t id, struct batch *out, struct err *e)
{
    struct one o = {out, false};

    if (!store_each(s, take_one, &o, e, "SELECT " COLUMNS " FROM batch WHERE id = ?1", "i",
                    id))
        return false;
    if (!o.found)
        return err_set(e, ERR_MISSING, "request.no-batch", "there is no batch %lld",
                       (long long)id);
    return true;
}

bool queue_due(struct store *s, struct batch *out, bool *found, struct err *e)
{
    struct one o = {out, false};

    if (!store_each(s, take_one, &o, e,
                    "SELECT " COLUMNS " FROM batch WHERE state IN ('running', 'queued')"
                    " ORDER BY rows > ?1, state = 'queued', id LIMIT 1",
                    "i", (int64_t)QUEUE_SHORT))
        return false;
    *found = o.found;
    return true;
}

bool queue_state(struct store *s, int64_t id, enum batch_state to, const char *rule,
                 const char *reason, int64_t now_us, struct err *e)
{
    if (!store_run(
            s, e,
            "UPDATE batch SET state = ?2, rule = ?5, reason = ?3,"
            " started_us = CASE WHEN ?2 = 'running' THEN coalesce(started_us, ?4)"
            " ELSE started_us END,"
            " ended_us = CASE WHEN ?2 IN ('stopped', 'done') THEN ?4 END WHERE id = ?1"
            " AND state NOT IN ('stopped', 'done')",
            "ittit", id, queue_state_name(to), reason, now_us, rule))
        return false;
    if (store_changes(s) == 0)
        return err_set(e, ERR_DENIED, "batch.state", "batch %lld is over, or there is none",
                       (long long)id);
    return true;
}

bool queue_confirm(struct store *s, int64_t id, const char *by, struct err *e)
{
    return store_run(s, e, "UPDATE batch SET confirmed_by = ?2 WHERE id = ?1", "it", id,
                     by);
}

struct totals {
    int64_t *signed_, *failed;
};

static bool take_totals(void *arg, const struct store_row *r)
{
    struct totals *t = arg;

    *t->signed_ = store_i64(r, 0);
    *t->failed = store_i64(r, 1);
    return false;
}

bool queue_totals(struct store *s, const char *incident, int64_t *signed_, int64_t *failed,
                  struct err *e)
{
    struct totals t = {signed_, failed};

    return store_each(s, take_totals, &t, e,
                      "SELECT sum(signed), sum(failed) FROM batch WHERE incident = ?1", "t",
                      incident);
}

bool queue_progress(struct store *s, int64_t id, int64_t more_signed, int64_t more_failed,
                    struct err *e)
{
    return store_run(
        s, e, "UPDATE batch SET signed = signed + ?2, failed = failed + ?3 WHERE id = ?1",
        "iii", id, more_signed, more_failed);
}

bool queue_counted(struct store *s, int64_t id, const struct proto_count *c, struct err *e)
{
    return store_run(s, e,
                     "UPDATE batch SET commands_used = ?2, commands_allowed = ?3,"
                     " commands_lost = ?4 WHERE id = ?1",
                     "iiii", id, (int64_t)c->used, (int64_t)c->allowed, (int64_t)c->lost);
}

struct parts {
    struct span *selection, *certs;
    bool no_memory;
};

static bool keep(struct span from, struct span *to)
{
    uint8_t *p;

    *to = (struct span){NULL, 0};
    if (from.at == NULL)
        return true;
    p = malloc(from.len ? from.len : 1);
    if (p == NULL)
        return false;
    memcpy(p, from.at, from.len);
    *to = span_of(p, from.len);
    return true;
}

static void drop(struct span *s)
{
    free((void *)(uintptr_t)s->at);
    *s = (struct span){NULL, 0};
}

static bool take_parts(void *arg, const struct store_row *r)
{
    struct parts *p = arg;

    p->no_memory =
        !keep(store_blob(r, 0), p->selection) || !keep(store_blob(r, 1), p->certs);
    return false;
}

bool queue_parts(struct store *s, int64_t id, struct span *selection, struct span *certs,
                 struct err *e)
{
    struct parts p = {selection, certs, false};
    bool ok;

    *selection = *certs = (struct span){NULL, 0};
    ok = store_each(s, take_parts, &p, e,
                    "SELECT list, certs FROM batch LEFT JOIN batch_rows ON batch = id"
                    " WHERE id = ?1",
                    "i", id);
    if (ok && p.no_memory)
        ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!ok) {
        drop(selection);
        drop(certs);
    }
    return ok;
}

struct walk {
    bool (*fn)(void *arg, const struct batch *b);
    void *arg;
};

static bool walk_one(void *arg, const struct store_row *r)
{
    struct walk *w = arg;
    struct batch b;

    read_batch(r, &b);
    return w->fn(w->arg, &b);
}

bool queue_each_behind(struct store *s, const char *incident, int64_t id,
                       bool (*fn)(void *arg, const struct batch *b), void *arg,
                       struct err *e)
{
    struct walk w = {fn, arg};

    return store_each(s, walk_one, &w, e,
                      "SELECT " COLUMNS " FROM batch WHERE id > ?2"
                      " AND (?1 IS NULL OR incident = ?1) ORDER BY id",
                      "ti", incident, id);
}

bool queue_each(struct store *s, const char *incident,
                bool (*fn)(void *arg, const struct batch *b), void *arg, struct err *e)
{
    return queue_each_behind(s, incident, 0, fn, arg, e);
}

bool queue_last(struct store *s, const char *incident, int64_t *id, struct err *e)
{
    bool found;

    *id = 0;
    return store_number(s, id, &found, e, "SELECT max(id) FROM batch WHERE incident = ?1",
                        "t", incident);
}

bool queue_open(struct store *s, const char *incident, bool *open, struct err *e)
{
    int64_t n = 0;
    bool found;

    if (!store_number(s, &n, &found, e,
                      "SELECT count(*) FROM batch WHERE state NOT IN ('stopped', 'done')"
                      " AND (?1 IS NULL OR incident = ?1)",
                      "t", incident))
        return false;
    *open = n > 0;
    return true;
}

bool queue_signed(struct store *s, int64_t *n, struct err *e)
{
    bool found;

    *n = 0;
    return store_number(s, n, &found, e, "SELECT sum(signed) FROM batch", "");
}

static bool note_count(void *arg, const struct store_row *r)
{
    int64_t *n = arg;

    for (size_t i = 0; i < BATCH_STATES; i++)
        if (strcmp(store_text(r, 0), state_names[i]) == 0)
            n[i] = store_i64(r, 1);
    return true;
}

bool queue_count(struct store *s, int64_t n[BATCH_STATES], struct err *e)
{
    memset(n, 0, BATCH_STATES * sizeof n[0]);
    return store_each(s, note_count, n, e,
                      "SELECT state, count(*) FROM batch GROUP BY state", "");
}
