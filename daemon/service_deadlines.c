/* SPDX-License-Identifier: MIT
 *
 * Deadlines: an incident that stands still too long rings once, in the journal and on
 * record. Once for each time it entered the state: the row that says so survives a restart.
 */
#include "service.h"

#include "custodians.h"
#include "deferral.h"
#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATE_MAX 64 /* at a time; more wait for the next tick */

struct late {
    struct service *sv;
    int64_t now_us;
    struct {
        char id[AUTHORITY_ID_MAX];
        enum state state;
        int64_t since_us;
    } at[LATE_MAX];
    size_t n;
};

static bool note_late(void *arg, const struct docket_incident *i)
{
    struct late *l = arg;
    struct err ignored;
    bool rang = true; /* what cannot be looked up does not ring; the store has failed */

    if (l->now_us >= incident_due_us(i->state, i->since_us, &l->sv->config) &&
        docket_rang(l->sv->store, i->id, i->state, i->since_us, &rang, &ignored) && !rang) {
        (void)snprintf(l->at[l->n].id, sizeof l->at[0].id, "%s", i->id);
        l->at[l->n].state = i->state;
        l->at[l->n++].since_us = i->since_us;
    }
    return l->n < LATE_MAX;
}

static const char *message_of(enum alarm a)
{
    static const char *const ids[ALARM_COUNT] = {
        [ALARM_CONFIRM] = MSG_ALARM_CONFIRM,   [ALARM_NOTIFY_PMA] = MSG_ALARM_PMA,
        [ALARM_SUSPEND] = MSG_ALARM_SUSPEND,   [ALARM_DECISION] = MSG_ALARM_DECISION,
        [ALARM_CEREMONY] = MSG_ALARM_CEREMONY,
    };

    return ids[a];
}

static bool ring(struct late *l, size_t k, struct err *e)
{
    const struct state_row *state = incident_state(l->at[k].state);
    struct docket d = service_docket(l->sv);
    struct store *s = l->sv->store;

    d.now_us = l->now_us;
    if (!store_begin(s, e))
        return false;
    if (!docket_ring(&d, l->at[k].id, l->at[k].state, l->at[k].since_us, e) ||
        !store_commit(s, e)) {
        store_rollback(s);
        return false;
    }
    log_event(LOG_WARNING, message_of(state->alarm),
              &(struct log_fields){.incident = l->at[k].id},
              "incident %s stands in %s beyond its deadline: %s", l->at[k].id, state->name,
              state->sentence);
    return true;
}

/* --- sets of shares --- */

struct ringing {
    int64_t now_us;
    struct custodians_due due;
    bool found;
};

static bool note_due(void *arg, const struct custodians_due *d)
{
    struct ringing *r = arg;

    r->found = !d->rang && d->due_us <= r->now_us;
    if (r->found)
        r->due = *d;
    return !r->found;
}

static bool ring_ceremony(struct service *sv, const struct ringing *r, struct err *e)
{
    if (!store_begin(sv->store, e))
        return false;
    if (custodians_ring(sv->store, &sv->config, &r->due, r->now_us, e) &&
        store_commit(sv->store, e)) {
        log_event(LOG_WARNING, MSG_ALARM_CEREMONY, NULL,
                  "a ceremony is due for the shares of %s, set %s version %u: %s",
                  r->due.keys, r->due.set, r->due.version, r->due.why);
        return true;
    }
    store_rollback(sv->store);
    return false;
}

static bool ceremonies(struct service *sv, struct err *e)
{
    struct ringing r = {.now_us = clock_now(&sv->clock)};

    do {
        r.found = false;
        if (!custodians_each(sv->store, sv->config.service.reshare_alarm_d, note_due, &r,
                             e) ||
            (r.found && !ring_ceremony(sv, &r, e)))
            return false;
    } while (r.found);
    return true;
}

/* --- deferrals --- */

struct reviews {
    int64_t now_us;
    struct review {
        char incident[AUTHORITY_ID_MAX], document[AUTHORITY_ID_MAX], outcome[24];
        char end_condition[sizeof((struct authority *)0)->end_condition];
        int64_t review_us;
    } at[LATE_MAX];
    size_t n;
};

static bool note_review(void *arg, const struct deferral *d)
{
    struct reviews *r = arg;
    struct review *at = &r->at[r->n];

    if (d->rang || d->review_us == 0 || d->review_us > r->now_us)
        return true;
    (void)snprintf(at->incident, sizeof at->incident, "%s", d->incident);
    (void)snprintf(at->document, sizeof at->document, "%s", d->document);
    (void)snprintf(at->outcome, sizeof at->outcome, "%s", d->outcome);
    (void)snprintf(at->end_condition, sizeof at->end_condition, "%s", d->end_condition);
    at->review_us = d->review_us;
    return ++r->n < LATE_MAX;
}

static bool ring_review(struct service *sv, const struct review *r, struct err *e)
{
    struct docket d = service_docket(sv);
    struct deferral what = {.incident = r->incident,
                            .document = r->document,
                            .outcome = r->outcome,
                            .end_condition = r->end_condition,
                            .review_us = r->review_us};

    if (!store_begin(sv->store, e))
        return false;
    if (!deferral_ring(&d, &what, e) || !store_commit(sv->store, e)) {
        store_rollback(sv->store);
        return false;
    }
    log_event(LOG_WARNING, MSG_ALARM_DEFERRAL,
              &(struct log_fields){.incident = r->incident},
              "the review of %s by %s is due; it ends when: %s", r->outcome, r->document,
              r->end_condition);
    return true;
}

static bool reviews(struct service *sv, struct err *e)
{
    AUTO(mem) struct reviews *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    r->now_us = clock_now(&sv->clock);
    if (!deferral_each(sv->store, NULL, note_review, r, e))
        return false;
    for (size_t i = 0; i < r->n; i++)
        if (!ring_review(sv, &r->at[i], e))
            return false;
    if (r->n > 0)
        service_notices(sv);
    return true;
}

bool service_deadlines(struct service *sv, struct err *e)
{
    AUTO(mem) struct late *l = calloc(1, sizeof *l);

    if (l == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    l->sv = sv;
    l->now_us = clock_now(&sv->clock);
    if (!docket_each(sv->store, note_late, l, e))
        return false;
    for (size_t k = 0; k < l->n; k++)
        if (!ring(l, k, e))
            return false;
    return reviews(sv, e) && ceremonies(sv, e);
}
