/* SPDX-License-Identifier: MIT */
#include "pump_impl.h"

#include "log.h"
#include "mem.h"
#include "steps.h"
#include "told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OVERDUE_US 20000000 /* a signer that should have been killed long ago */

int64_t pump_monotonic_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t pump_now_us(void)
{
    struct clock c = clock_system();

    return clock_now(&c);
}

void pump_fatal(struct pump *p, const struct err *e)
{
    log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = e},
              "the service stops: %s", e->text);
    (void)sd_event_exit(p->s.loop, 1);
}

void pump_wake(struct pump *p)
{
    (void)sd_event_source_set_enabled(p->idle, SD_EVENT_ONESHOT);
}

static void batch_over(struct pump *p, int64_t id)
{
    p->generation++;
    p->n_rate = 0;
    for (unsigned i = 0; i < p->n; i++)
        p->hands[i].strikes = 0;
    pump_seal(p);
    if (p->s.ended != NULL)
        p->s.ended(p->s.arg, id);
    pump_wake(p);
}

bool pump_end(struct pump *p, enum batch_state to, const char *rule, const char *reason,
              struct err *e)
{
    int64_t id = engine_batch(p->s.engine)->id;

    pump_keep(p, true);
    if (engine_batch(p->s.engine) == NULL)
        return true; /* an answer has ended it */
    log_event(LOG_WARNING, MSG_BATCH_STOPPED, &(struct log_fields){.batch = id},
              "batch %" PRId64 " is %s: %s", id, queue_state_name(to), reason);
    if (!engine_end(p->s.engine, to, rule, reason, e))
        return false;
    batch_over(p, id);
    return true;
}

/* What the authority does not carry is over, but a ledger that does not fit waits for a
 * person, and so does a clock that stands before the window. */
static bool waits_for_a_person(const struct err *why)
{
    return why->code != ERR_DENIED || strncmp(why->id, "ledger.", 7) == 0 ||
           engine_too_early(why->id);
}

void pump_trouble(struct pump *p, const struct err *why)
{
    char reason[QUEUE_TEXT];
    struct err e;

    if (why->code == ERR_STORE || engine_batch(p->s.engine) == NULL) {
        pump_fatal(p, why);
        return;
    }
    (void)snprintf(reason, sizeof reason, "%s: %.200s", why->id, why->text);
    if (!pump_end(p, waits_for_a_person(why) ? BATCH_HELD : BATCH_STOPPED, why->id, reason,
                  &e))
        pump_fatal(p, &e);
}

void pump_fault(struct pump *p, const char *rule, const char *reason)
{
    if (p->fault.rule[0] != '\0' && p->fault_at == p->generation)
        return;
    p->fault_at = p->generation;
    (void)snprintf(p->fault.rule, sizeof p->fault.rule, "%s", rule);
    (void)snprintf(p->fault.reason, sizeof p->fault.reason, "%s", reason);
}

/* --- towards the signers --- */

static void open_on(struct pump *p, unsigned i)
{
    struct proto open = {.type = PROTO_OPEN};
    int fds[PROTO_FDS];
    size_t n;

    open.u.open.parts = engine_parts(p->s.engine, fds, &n);
    p->hands[i].opening = true;
    p->hands[i].asked = p->generation;
    p->hands[i].known = pump_mark_known(p, &engine_batch(p->s.engine)->originator);
    p->hands[i].next = 1;
    p->hands[i].last = 0;
    (void)signers_send(p->signers, i, &open, CALLS_FEW, fds, n);
}

/* Counters that signers have and did not use yet. */
static uint64_t lent(const struct pump *p)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < p->n; i++)
        if (p->hands[i].asked == p->generation)
            n += p->hands[i].last + 1 - p->hands[i].next;
    return n;
}

/* *found false: the others have counters for all that is left. */
static bool lend(struct pump *p, unsigned i, bool *found, struct err *e)
{
    struct hand *h = &p->hands[i];
    struct engine_share share = {.signers = p->n,
                                 .lent = lent(p),
                                 .least = pace_lend_least(&h->pace),
                                 .most = pace_lend_most(&h->pace)};
    struct proto reserve = {.type = PROTO_RESERVE};

    if (!engine_lease(p->s.engine, &share, &reserve.u.reserve.first, &reserve.u.reserve.n,
                      e))
        return false;
    *found = reserve.u.reserve.n > 0;
    if (!*found)
        return true;
    if (p->s.leased != NULL && !p->s.leased(p->s.arg, e))
        return false;
    p->lent.originator = engine_batch(p->s.engine)->originator;
    p->lent.last = reserve.u.reserve.first + reserve.u.reserve.n - 1;
    reserve.u.reserve.known = pump_mark_known(p, &p->lent.originator);
    p->reserving = h->reserving = true;
    h->next = reserve.u.reserve.first;
    h->last = reserve.u.reserve.first + reserve.u.reserve.n - 1;
    (void)signers_send(p->signers, i, &reserve, CALLS_FEW, NULL, 0);
    return true;
}

static bool order_on(struct pump *p, unsigned i, bool *found, struct err *e)
{
    struct hand *h = &p->hands[i];
    uint64_t left = h->last - h->next + 1;
    struct order *o = &h->flight[h->n_flight].o;
    struct proto sign = {.type = PROTO_SIGN};

    if (!engine_order(p->s.engine, left < h->pace.rows ? (uint32_t)left : h->pace.rows,
                      h->next, o, found, e))
        return false;
    if (!*found)
        return true;
    sign.u.sign = o->sign;
    h->next += o->sign.n;
    h->flight[h->n_flight].sent_us = pump_monotonic_us();
    h->flight[h->n_flight++].generation = p->generation;
    /* the MAC of the last row takes some more */
    (void)signers_send(p->signers, i, &sign, engine_macs(p->s.engine) ? CALLS_FEW : 1, NULL,
                       0);
    return true;
}

bool pump_feed(struct pump *p, unsigned i, struct err *e)
{
    struct hand *h = &p->hands[i];

    if (signers_info(p->signers, i)->state != SIGNER_READY || h->telling || h->marking ||
        h->failed)
        return true;
    if (h->opened != p->generation) {
        /* wait until the answers of the batch before are in: an OPEN closes its warrant */
        if (!h->opening && h->n_flight == 0)
            open_on(p, i);
        return true;
    }
    while (h->n_flight < (pace_full(&h->pace) ? IN_FLIGHT : 1) &&
           verifiers_waiting(p->verifiers) <
               (size_t)VERIFYING * verifiers_threads(p->verifiers) &&
           engine_batch(p->s.engine) != NULL) {
        bool found = true;

        /* orders follow at once: the signer takes up the RESERVE first, and denies them
         * where it fails */
        if (h->next > h->last) {
            if (p->reserving || !engine_has_rows(p->s.engine))
                return true;
            if (!lend(p, i, &found, e))
                return false;
        } else if (!order_on(p, i, &found, e)) {
            return false;
        }
        if (!found || signers_info(p->signers, i)->state != SIGNER_READY)
            return true;
    }
    return true;
}

/* A signer that died comes back; a token that is gone for long is a matter for custodians. */
static int on_lost(sd_event_source *src, uint64_t usec, void *arg)
{
    struct pump *p = arg;
    int64_t id;
    struct err e;

    (void)src;
    (void)usec;
    p->lost = sd_event_source_disable_unref(p->lost);
    if (engine_batch(p->s.engine) == NULL)
        return 0;
    id = engine_batch(p->s.engine)->id;
    log_event(LOG_CRIT, MSG_TOKEN_TROUBLE, NULL,
              "no signer for %u seconds: the token is lost",
              p->s.config->signer.token_lost_s);
    if (!pump_end(p, BATCH_HELD, "token.lost",
                  "token.lost: no signer could reach the token", &e))
        pump_fatal(p, &e);
    else if (p->s.lost != NULL)
        p->s.lost(p->s.arg, id);
    return 0;
}

static bool any_ready(const struct pump *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (signers_info(p->signers, i)->state == SIGNER_READY)
            return true;
    return false;
}

/* Somebody failed again and again, and nobody got on; or only a person can bring signers
 * back. */
static bool hopeless(struct pump *p)
{
    unsigned barred = 0;

    for (unsigned i = 0; i < p->n; i++) {
        const struct signer_info *w = signers_info(p->signers, i);

        if (p->hands[i].strikes >= STRIKES) {
            p->failing = true;
            return true;
        }
        barred += w->state == SIGNER_BARRED;
        if (w->state == SIGNER_BARRED)
            pump_fault(p, w->rule, w->trouble);
    }
    return barred == p->n;
}

/* While a batch is at work: can it get on? */
static void look_for_signers(struct pump *p)
{
    struct err e;

    if (hopeless(p)) {
        if (!pump_end(p, BATCH_HELD, p->fault.rule, p->fault.reason, &e))
            pump_fatal(p, &e);
    } else if (any_ready(p)) {
        p->lost = sd_event_source_disable_unref(p->lost);
    } else if (p->lost == NULL) {
        (void)sd_event_add_time_relative(
            p->s.loop, &p->lost, CLOCK_MONOTONIC,
            (uint64_t)p->s.config->signer.token_lost_s * 1000000, 1000, on_lost, p);
    }
}

static int on_idle(sd_event_source *src, void *arg)
{
    struct pump *p = arg;
    bool had = engine_batch(p->s.engine) != NULL;
    const struct think_port *was = think_through(p->s.think);
    bool ok;
    bool busy;
    bool done;
    struct err e;

    (void)src;
    steps_begin("a batch goes on");
    ok = engine_pick(p->s.engine, &busy, &e);
    (void)think_through(was);
    if (!ok) {
        pump_fatal(p, &e);
        return 0;
    }
    if (busy)
        look_for_signers(p);
    if (engine_batch(p->s.engine) == NULL) {
        p->lost = sd_event_source_disable_unref(p->lost);
        return 0;
    }
    if (!had) {
        p->generation++;
        p->total = engine_batch(p->s.engine)->signed_;
        log_event(LOG_NOTICE, MSG_BATCH_STARTED,
                  &(struct log_fields){.incident = engine_batch(p->s.engine)->incident,
                                       .batch = engine_batch(p->s.engine)->id},
                  "batch %" PRId64 " is being signed", engine_batch(p->s.engine)->id);
    }
    steps_begin("orders for the signers");
    for (unsigned i = 0; i < p->n && engine_batch(p->s.engine) != NULL; i++)
        if (!pump_feed(p, i, &e)) {
            pump_trouble(p, &e);
            return 0;
        }
    if (engine_batch(p->s.engine) != NULL) {
        int64_t id = engine_batch(p->s.engine)->id;

        was = think_through(p->s.think);
        ok = engine_finish(p->s.engine, &done, &e);
        (void)think_through(was);
        if (!ok) {
            pump_fatal(p, &e);
            return 0;
        }
        if (done) {
            log_event(LOG_NOTICE, MSG_BATCH_DONE, &(struct log_fields){.batch = id},
                      "batch %" PRId64 " is done", id);
            batch_over(p, id);
        } else if (engine_batch(p->s.engine) == NULL) {
            log_event(LOG_NOTICE, NULL, &(struct log_fields){.batch = id},
                      "batch %" PRId64 " lets a short one go first", id);
            p->n_rate = 0;
            pump_wake(p);
        }
    }
    return 0;
}

/* --- now and then --- */

static int on_tick(sd_event_source *src, uint64_t usec, void *arg)
{
    struct pump *p = arg;

    if (pump_monotonic_us() >= p->head.due_us)
        pump_seal(p);
    for (unsigned i = 0; i < p->n; i++) {
        struct proto probe = {.type = PROTO_PROBE};
        struct hand *h = &p->hands[i];

        /* idle links are cut silently: sign with the probe key on every session */
        if (signers_info(p->signers, i)->state == SIGNER_READY && h->n_flight == 0 &&
            !h->probing && p->s.token->probe_id[0] != '\0') {
            h->probing = true;
            (void)signers_send(p->signers, i, &probe, p->s.token->sessions, NULL, 0);
        }
        /* a token may be exchanged for an older copy of it under an idle signer too */
        if (signers_info(p->signers, i)->state == SIGNER_READY && h->n_flight == 0)
            pump_mark_ask(p, i);
    }
    (void)sd_event_source_set_time(
        src, usec + (uint64_t)p->s.config->signer.probe_interval_s * 1000000);
    (void)sd_event_source_set_enabled(src, SD_EVENT_ONESHOT);
    return 0;
}

/* --- for the others --- */

bool pump_settle(struct pump *p, struct err *e)
{
    pump_keep(p, true);
    return engine_flush(p->s.engine, true, e);
}

void pump_drop(struct pump *p, int64_t batch)
{
    if (engine_batch(p->s.engine) == NULL || engine_batch(p->s.engine)->id != batch)
        return;
    engine_drop(p->s.engine);
    batch_over(p, batch);
}

struct signers *pump_signers(struct pump *p)
{
    return p->signers;
}

double pump_rate(const struct pump *p)
{
    int64_t span;

    if (p->n_rate < 2)
        return 0;
    span = p->rate[p->n_rate - 1].at_us - p->rate[0].at_us;
    if (pump_monotonic_us() - p->rate[p->n_rate - 1].at_us > 5000000 || span <= 0)
        return 0;
    return (double)(p->rate[p->n_rate - 1].total - p->rate[0].total) * 1e6 / (double)span;
}

bool pump_alive(const struct pump *p)
{
    return signers_overdue_us(p->signers) < OVERDUE_US;
}

const struct pump_fault *pump_faulted(const struct pump *p)
{
    static const struct pump_fault none;

    return p->failing ? &p->fault : &none;
}

int64_t pump_probed_us(const struct pump *p)
{
    return p->probed_us;
}

bool pump_new(const struct pump_setup *s, struct pump **out, struct err *e)
{
    struct signer_hooks hooks = {pump_on_ready, pump_on_answer, pump_on_gone, NULL};
    struct pump *p = calloc(1, sizeof *p);
    uint64_t now;

    if (p == NULL || (p->hands = calloc(s->token->workers, sizeof *p->hands)) == NULL) {
        free(p);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    p->s = *s;
    p->n = s->token->workers;
    for (unsigned i = 0; i < p->n; i++)
        pump_hand_empty(p, i);
    hooks.arg = p;
    p->head.due_us =
        pump_monotonic_us() + (int64_t)s->config->signer.head_interval_s * 1000000;
    if (sd_event_add_defer(s->loop, &p->idle, on_idle, p) < 0 ||
        sd_event_source_set_priority(p->idle, SD_EVENT_PRIORITY_IDLE) < 0 ||
        sd_event_now(s->loop, CLOCK_MONOTONIC, &now) < 0 ||
        sd_event_add_time(s->loop, &p->tick, CLOCK_MONOTONIC,
                          now + (uint64_t)s->config->signer.probe_interval_s * 1000000, 0,
                          on_tick, p) < 0) {
        pump_free(p);
        return err_set(e, ERR_STORE, "store.memory", "cannot set up the event loop");
    }
    if (!pump_keep_new(p, e) || !signers_new(s->loop, s->config, s->config_path, s->token,
                                             &hooks, &p->signers, e)) {
        pump_free(p);
        return false;
    }
    *out = p;
    return true;
}

void pump_free(struct pump *p)
{
    if (p == NULL)
        return;
    signers_free(p->signers);
    pump_keep_free(p);
    (void)sd_event_source_disable_unref(p->idle);
    (void)sd_event_source_disable_unref(p->tick);
    (void)sd_event_source_disable_unref(p->lost);
    free(p->hands);
    free(p);
}
