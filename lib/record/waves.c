/* SPDX-License-Identifier: MIT */
#include "waves.h"

#include "audit.h"
#include "clock.h"
#include "docket_show.h"
#include "mem.h"
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_US INT64_C(3600000000)

static const char no_rule[] = ""; /* what no rule makes wait */

/* --- reading --- */

struct reading {
    struct waves *out;
    bool found, spoilt;
};

static bool read_plan(void *arg, const struct store_row *row)
{
    struct reading *r = arg;
    struct waves *w = r->out;
    json_t *plan = json_loads(store_text(row, 3), 0, NULL);
    struct span decision = store_blob(row, 2);
    struct err why;

    memset(w, 0, sizeof *w);
    w->n = store_i64(row, 0);
    store_copy(row, 1, w->incident, sizeof w->incident);
    if (decision.len == sizeof w->decision.b)
        memcpy(w->decision.b, decision.at, decision.len);
    r->spoilt = plan == NULL || !waveplan_read(plan, &w->plan, &why);
    json_decref(plan);
    w->next = (uint32_t)store_i64(row, 4);
    w->asked = (uint32_t)store_i64(row, 5);
    w->due_us = store_i64(row, 6);
    w->free_us = store_i64(row, 7);
    store_copy(row, 8, w->rule, sizeof w->rule);
    store_copy(row, 9, w->reason, sizeof w->reason);
    r->found = true;
    return false;
}

#define PLAN                                                                         \
    "SELECT n, incident, decision, plan, next, asked, due_us, free_us, rule, reason" \
    " FROM plan"

static bool sound(const struct reading *r, struct err *e)
{
    return !r->spoilt || err_set(e, ERR_STORE, "store.failed", "plan %lld is damaged",
                                 (long long)r->out->n);
}

bool waves_running(struct store *s, const char *incident, bool *running, struct err *e)
{
    int64_t n = 0;
    bool found;

    if (!store_number(s, &n, &found, e,
                      "SELECT count(*) FROM plan WHERE incident = ?1"
                      " AND state = 'running'",
                      "t", incident))
        return false;
    *running = n > 0;
    return true;
}

bool waves_get(struct store *s, const char *incident, struct waves *out, struct err *e)
{
    struct reading r = {.out = out};

    return store_each(s, read_plan, &r, e,
                      PLAN " WHERE incident = ?1 AND state = 'running'", "t", incident) &&
           sound(&r, e) &&
           (r.found || err_set(e, ERR_MISSING, "waves.none",
                               "incident %s has no waves that are running", incident));
}

/* --- writing --- */

static const char *name_of(const struct waveplan *p, uint32_t wave, uint32_t asked,
                           char out[static 40])
{
    if (wave < p->n)
        (void)snprintf(out, 40, "%s", p->waves[wave].name);
    else
        (void)snprintf(out, 40, "again %u", asked);
    return out;
}

static bool put_wave(struct store *s, int64_t plan, const char *name, const struct batch *b,
                     const char *who, int64_t now_us, struct err *e)
{
    return store_run(s, e, "INSERT INTO wave (batch, plan, name) VALUES (?1, ?2, ?3)",
                     "iit", b->id, plan, name) &&
           audit_put(s, now_us, "WAVE_BEGUN", b->incident, who, e, "{s:I,s:s,s:I,s:I}",
                     "plan", (json_int_t)plan, "wave", name, "batch", (json_int_t)b->id,
                     "rows", (json_int_t)b->n_rows);
}

bool waves_put(struct store *s, const json_t *plan, const struct batch *b, uint32_t wave,
               const char *who, int64_t now_us, struct err *e)
{
    AUTO(mem) char *text = json_dumps(plan, JSON_COMPACT);
    struct waveplan p;
    char name[40];
    int64_t n;

    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (strlen(text) > WAVEPLAN_TEXT)
        return err_set(e, ERR_INPUT, "waves.plan", "a plan of more than %d octets",
                       WAVEPLAN_TEXT);
    if (!waveplan_read(plan, &p, e) ||
        !store_run(s, e,
                   "INSERT INTO plan (incident, decision, plan, state, next, at_us, actor)"
                   " VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6)",
                   "tbtiit", b->incident, span_of(b->decision.b, sizeof b->decision.b),
                   text, (int64_t)wave + 1, now_us, who))
        return false;
    n = store_last_id(s);
    return audit_put(s, now_us, "WAVES_PLANNED", b->incident, who, e, "{s:I,s:O}", "plan",
                     (json_int_t)n, "waves", plan) &&
           put_wave(s, n, name_of(&p, wave, 0, name), b, who, now_us, e);
}

bool waves_begun(struct store *s, const struct waves *w, uint32_t wave,
                 const struct batch *b, int64_t now_us, struct err *e)
{
    bool tail = wave >= w->plan.n;
    char name[40];

    return store_run(s, e,
                     "UPDATE plan SET next = ?2, asked = ?3, due_us = 0, rule = '',"
                     " reason = '' WHERE n = ?1",
                     "iii", w->n, (int64_t)(tail ? w->plan.n : wave + 1),
                     (int64_t)w->asked + tail) &&
           put_wave(s, w->n, name_of(&w->plan, wave, w->asked + 1, name), b,
                    AUDIT_ACTOR_SYSTEM, now_us, e);
}

bool waves_skip(struct store *s, const struct waves *w, uint32_t wave, struct err *e)
{
    return store_run(s, e, "UPDATE plan SET next = ?2 WHERE n = ?1", "ii", w->n,
                     (int64_t)wave + 1);
}

bool waves_end(struct store *s, const struct waves *w, const char *to, const char *rule,
               const char *reason, const char *who, int64_t now_us, struct err *e)
{
    return store_run(s, e,
                     "UPDATE plan SET state = ?2, rule = ?3, reason = ?4 WHERE n = ?1",
                     "ittt", w->n, to, rule, reason) &&
           audit_put(s, now_us, "WAVES_ENDED", w->incident, who, e, "{s:I,s:s,s:s,s:s}",
                     "plan", (json_int_t)w->n, "state", to, "rule", rule, "reason", reason);
}

bool waves_said(const struct waves *w, const struct err *why)
{
    return strcmp(w->rule, why->id) == 0 && strcmp(w->reason, why->text) == 0;
}

bool waves_say(struct store *s, const struct waves *w, const struct err *why, struct err *e)
{
    return store_run(s, e, "UPDATE plan SET rule = ?2, reason = ?3 WHERE n = ?1", "itt",
                     w->n, why->id, why->text);
}

/* --- whose turn is it? --- */

/* The plan's newest batch, and up to where its commands have left. */
static bool newest(struct store *s, const struct waves *w, struct batch *b,
                   int64_t *released, struct err *e)
{
    int64_t id = 0;
    bool found;

    return store_number(s, &id, &found, e, "SELECT max(batch) FROM wave WHERE plan = ?1",
                        "i", w->n) &&
           store_number(s, released, &found, e,
                        "SELECT released FROM wave WHERE batch = ?1", "i", id) &&
           queue_get(s, id, b, e);
}

/* The last wave is released: its time begins to run now, or has come, or nobody is left. */
static bool tail_turn(struct store *s, struct waves *w, int64_t now_us,
                      enum waves_turn *turn, struct err *why, struct err *e)
{
    char at[CLOCK_TEXT_LEN];

    if (w->asked >= w->plan.times) {
        *turn = WAVES_OVER;
        return true;
    }
    if (w->due_us == 0) {
        w->due_us = now_us + (int64_t)w->plan.after_hours * HOUR_US;
        if (!store_run(s, e, "UPDATE plan SET due_us = ?2 WHERE n = ?1", "ii", w->n,
                       w->due_us))
            return false;
    }
    *turn = now_us >= w->due_us ? WAVES_BEGIN : WAVES_WAIT;
    clock_text(w->due_us, at);
    err_put(why, ERR_BUSY, no_rule, "who is silent is asked again at %s", at);
    return true;
}

/* Its newest batch is at work, or stands; or commands of it have not left yet. */
static void waits_for(struct store *s, const struct batch *b, int64_t released,
                      int64_t now_us, struct err *why)
{
    const struct rule *rule =
        rules_find(b->rule); /* an id outlives the batch it is about */
    uint32_t until;

    if (b->state != BATCH_DONE)
        err_put(why, ERR_BUSY, rule != NULL ? rule->id : no_rule, "batch %lld is %s",
                (long long)b->id, queue_state_name(b->state));
    else if (waves_may_leave(s, b->id, (uint32_t)released, now_us, &until, why))
        err_put(why, ERR_BUSY, no_rule, "commands of batch %lld are not exported yet",
                (long long)b->id);
}

bool waves_turn(struct store *s, int64_t behind, int64_t now_us, struct waves *out,
                struct batch *b, enum waves_turn *turn, struct err *why, bool *found,
                struct err *e)
{
    struct reading r = {.out = out};
    int64_t released = 0;

    *turn = WAVES_WAIT;
    if (!store_each(s, read_plan, &r, e,
                    PLAN " WHERE state = 'running' AND n > ?1 ORDER BY n LIMIT 1", "i",
                    behind) ||
        !sound(&r, e))
        return false;
    *found = r.found;
    if (!r.found)
        return true;
    if (!newest(s, out, b, &released, e))
        return false;
    if (b->state == BATCH_STOPPED)
        *turn = WAVES_STOP;
    else if (b->state == BATCH_DONE && released >= (int64_t)b->n_rows) {
        if (out->next >= out->plan.n)
            return tail_turn(s, out, now_us, turn, why, e);
        *turn = WAVES_BEGIN;
    } else {
        waits_for(s, b, released, now_us, why);
    }
    return true;
}

/* --- what may leave --- */

struct bucket {
    int64_t plan, released;
    int64_t from_us; /* it was empty then */
    int64_t each_us; /* one command's time; 0: no limit */
};

struct asking {
    struct waves w;
    int64_t released;
    bool found, spoilt;
};

static bool read_wave(void *arg, const struct store_row *row)
{
    struct asking *a = arg;
    struct reading r = {.out = &a->w};

    (void)read_plan(&r, row);
    a->released = store_i64(row, 10);
    a->found = true;
    a->spoilt = r.spoilt;
    return false;
}

/* The bucket of that batch; plan 0: it is no wave. */
static bool bucket_of(struct store *s, int64_t batch, int64_t now_us, struct bucket *out,
                      struct err *e)
{
    AUTO(mem) struct asking *a = calloc(1, sizeof *a);
    int64_t full_us;

    memset(out, 0, sizeof *out);
    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!store_each(
            s, read_wave, a, e,
            "SELECT n, incident, decision, plan.plan, next, asked, due_us, free_us,"
            " plan.rule, plan.reason, released FROM wave JOIN plan ON plan.n = wave.plan"
            " WHERE wave.batch = ?1 AND plan.state = 'running'",
            "i", batch))
        return false;
    if (a->spoilt) /* nobody knows its pace: nothing leaves */
        return err_set(e, ERR_STORE, "store.failed", "plan %lld is damaged",
                       (long long)a->w.n);
    if (!a->found)
        return true; /* no wave, or its plan is over: nobody is paced any more */
    out->plan = a->w.n;
    out->released = a->released;
    if (a->w.plan.per_hour == 0)
        return true;
    out->each_us = HOUR_US / a->w.plan.per_hour > 0 ? HOUR_US / a->w.plan.per_hour : 1;
    full_us = now_us - (int64_t)a->w.plan.at_once * out->each_us;
    out->from_us = a->w.free_us > full_us ? a->w.free_us : full_us;
    return true;
}

bool waves_may_leave(struct store *s, int64_t batch, uint32_t from, int64_t now_us,
                     uint32_t *until, struct err *e)
{
    struct bucket b;
    char at[CLOCK_TEXT_LEN];
    int64_t most;

    *until = UINT32_MAX;
    if (!bucket_of(s, batch, now_us, &b, e))
        return false;
    if (b.each_us == 0)
        return true;
    most = b.released + (now_us > b.from_us ? (now_us - b.from_us) / b.each_us : 0);
    if (most < (int64_t)UINT32_MAX)
        *until = (uint32_t)most;
    if (from < *until)
        return true;
    clock_text(b.from_us + ((int64_t)from - b.released + 1) * b.each_us, at);
    return err_set(e, ERR_BUSY, "waves.pace",
                   "commands of batch %lld from position %u on may leave from %s on",
                   (long long)batch, from, at);
}

bool waves_left(struct store *s, int64_t batch, uint32_t upto, int64_t now_us,
                struct err *e)
{
    struct bucket b;

    if (!bucket_of(s, batch, now_us, &b, e))
        return false;
    if (b.plan == 0 || (int64_t)upto <= b.released)
        return true;
    return store_run(s, e, "UPDATE wave SET released = ?2 WHERE batch = ?1", "ii", batch,
                     (int64_t)upto) &&
           store_run(s, e, "UPDATE plan SET free_us = ?2 WHERE n = ?1", "ii", b.plan,
                     b.from_us + ((int64_t)upto - b.released) * b.each_us);
}

/* --- shown --- */

static bool show_plan(void *arg, const struct store_row *row)
{
    *(json_t **)arg = json_pack(
        "{s:I,s:o,s:s,s:s,s:s,s:I,s:I,s:o,s:o,s:s}", "n", (json_int_t)store_i64(row, 0),
        "plan", json_loads(store_text(row, 1), 0, NULL), "state", store_text(row, 2),
        "rule", store_text(row, 3), "reason", store_text(row, 4), "next",
        (json_int_t)store_i64(row, 5), "asked", (json_int_t)store_i64(row, 6), "due",
        docket_show_time(store_i64(row, 7)), "at", docket_show_time(store_i64(row, 8)),
        "by", store_text(row, 9));
    return false;
}

static bool show_wave(void *arg, const struct store_row *row)
{
    return json_array_append_new(arg, json_pack("{s:s,s:I,s:I,s:I,s:I,s:s}", "wave",
                                                store_text(row, 0), "batch",
                                                (json_int_t)store_i64(row, 1), "rows",
                                                (json_int_t)store_i64(row, 2), "signed",
                                                (json_int_t)store_i64(row, 3), "released",
                                                (json_int_t)store_i64(row, 4), "state",
                                                store_text(row, 5))) == 0;
}

bool waves_json(struct store *s, const char *incident, json_t **out, struct err *e)
{
    json_t *list;

    *out = NULL;
    if (!store_each(s, show_plan, out, e,
                    "SELECT n, plan, state, rule, reason, next, asked, due_us, at_us, actor"
                    " FROM plan WHERE incident = ?1 ORDER BY n DESC LIMIT 1",
                    "t", incident))
        return false;
    if (*out == NULL)
        return true;
    list = json_array();
    (void)json_object_set_new(*out, "waves", list);
    if (store_each(s, show_wave, list, e,
                   "SELECT name, batch, rows, signed, min(released, rows), state FROM wave"
                   " JOIN batch ON batch.id = wave.batch WHERE plan = ?1 ORDER BY batch",
                   "i", json_integer_value(json_object_get(*out, "n"))))
        return true;
    json_decref(*out);
    *out = NULL;
    return false;
}
