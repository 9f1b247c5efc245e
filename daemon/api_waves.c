/* SPDX-License-Identifier: MIT
 *
 * Batches in waves: what begins when its turn has come, and an operator's stop.
 */
#include "service.h"

#include "audit.h"
#include "beside.h"
#include "log.h"
#include "mem.h"
#include "pump.h"
#include "think.h"
#include "waves.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct turn {
    struct waves w;
    struct batch last;
    enum waves_turn turn;
    struct err why; /* what it waits for */
};

static bool over(struct service *sv, const struct waves *w, const char *to,
                 const char *rule, const char *reason, struct err *e)
{
    log_event(LOG_NOTICE, NULL, &(struct log_fields){.incident = w->incident},
              "the waves of incident %s are %s%s%s", w->incident, to,
              reason[0] != '\0' ? ": " : "", reason);
    return waves_end(sv->store, w, to, rule, reason, AUDIT_ACTOR_SYSTEM,
                     clock_now(&sv->clock), e);
}

/* In a transaction. */
static bool begin(struct service *sv, const struct turn *t, struct err *e)
{
    uint32_t wave = t->w.next;
    struct batch b;

    if (!api_batch_wave(sv, &t->w, &t->last, &wave, &b, e) ||
        !waves_begun(sv->store, &t->w, wave, &b, clock_now(&sv->clock), e))
        return false;
    log_event(LOG_NOTICE, MSG_BATCH_ACCEPTED,
              &(struct log_fields){.incident = t->w.incident, .batch = b.id},
              "batch %" PRId64 " of %u rows is the next wave", b.id, b.n_rows);
    return true;
}

/* What it waits for is on file, for whoever asks. Not that somebody works something out. */
static bool waits(struct service *sv, const struct turn *t, const struct err *why,
                  struct err *e)
{
    return think_later(why) || waves_said(&t->w, why) ||
           waves_say(sv->store, &t->w, why, e);
}

/* Why a wave could not begin: what waits is tried again, nobody left is no trouble, all else
 * is the end of the plan. */
static bool refused(struct service *sv, const struct turn *t, const struct err *why,
                    struct err *e)
{
    bool nobody = strcmp(why->id, "batch.empty") == 0;

    if (why->code == ERR_BUSY || strcmp(why->id, "incident.may-not-sign") == 0)
        return waits(sv, t, why, e);
    if (nobody && t->w.next < t->w.plan.n)
        return waves_skip(sv->store, &t->w, t->w.plan.n - 1, e);
    if (nobody || (t->w.next >= t->w.plan.n && strcmp(why->id, "decision.attempts") == 0))
        return over(sv, &t->w, "done", why->id, why->text, e);
    return over(sv, &t->w, "stopped", why->id, why->text, e);
}

/* One step of its own: a wave, or the end of the plan. */
static bool take(struct service *sv, const struct turn *t, struct err *e)
{
    struct err why;

    if (!store_begin(sv->store, e))
        return false;
    if (t->turn == WAVES_BEGIN) {
        if (begin(sv, t, &why))
            return store_commit(sv->store, e);
        store_rollback(sv->store);
        sv->waves_later = sv->waves_later || think_later(&why);
        if (why.code == ERR_STORE) {
            *e = why;
            return false;
        }
        if (!store_begin(sv->store, e))
            return false;
        if (!refused(sv, t, &why, e))
            return false;
    } else if (t->turn == WAVES_WAIT) {
        if (!waits(sv, t, &t->why, e))
            return false;
    } else if (!(t->turn == WAVES_STOP
                     ? over(sv, &t->w, "stopped", t->last.rule, t->last.reason, e)
                     : over(sv, &t->w, "done", "", "", e))) {
        return false;
    }
    return store_commit_aside(sv->store, e);
}

void api_waves_turn(struct service *sv)
{
    AUTO(mem) struct turn *t = calloc(1, sizeof *t);
    const struct think_port *was;
    bool found = true;
    bool ok = true;
    struct err e;

    if (t == NULL)
        return;
    /* nobody waits for a wave: where answers come in faster than its rows are chosen, it begins
     * once they pause */
    sv->waves_later = false;
    was = think_through(sv->beside != NULL ? beside_port(sv->beside) : NULL);
    while (ok && found) {
        ok = waves_turn(sv->store, t->w.n, clock_now(&sv->clock), &t->w, &t->last, &t->turn,
                        &t->why, &found, &e);
        if (ok && found && (t->turn != WAVES_WAIT || !waves_said(&t->w, &t->why)))
            ok = take(sv, t, &e);
    }
    (void)think_through(was);
    if (!ok) {
        store_rollback(sv->store);
        service_store_trouble(sv, &e);
        return;
    }
    pump_wake(sv->pump);
    service_notices(sv);
}

static bool step_stop(struct service *sv, const struct request *r, struct span body,
                      struct reply *out, struct err *e)
{
    AUTO(mem) struct waves *w = calloc(1, sizeof *w);
    char who[PEER_TEXT];
    json_t *j;

    (void)body;
    service_who(r, who);
    if (w == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!waves_get(sv->store, r->args[0], w, e) ||
        !waves_end(sv->store, w, "stopped", "", "stopped by an operator", who,
                   clock_now(&sv->clock), e) ||
        !waves_json(sv->store, r->args[0], &j, e))
        return false;
    log_event(LOG_NOTICE, NULL,
              &(struct log_fields){.incident = w->incident, .peer = &r->peer},
              "the waves of incident %s are stopped", w->incident);
    return reply_json(out, 200, j, e);
}

HANDLER(api_waves_stop)
{
    return service_change(arg, r, body, body, step_stop, out, e);
}
