/* SPDX-License-Identifier: MIT */
#include "pump_impl.h"

#include "log.h"
#include "mem.h"
#include "told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    pump_seal(p);
    if (p->s.ended != NULL)
        p->s.ended(p->s.arg, id);
    pump_wake(p);
}

static bool end_now(struct pump *p, enum batch_state to, const char *rule,
                    const char *reason, struct err *e)
{
    int64_t id = engine_batch(p->s.engine)->id;

    log_event(LOG_WARNING, MSG_BATCH_STOPPED, NULL, "batch %" PRId64 " is %s: %s", id,
              queue_state_name(to), reason);
    if (!engine_end(p->s.engine, to, rule, reason, e))
        return false;
    batch_over(p, id);
    return true;
}

/* An engine call failed: what becomes of the batch, or of the service? */
static void engine_trouble(struct pump *p, const struct err *why)
{
    char reason[QUEUE_TEXT];
    struct err e;

    if (why->code == ERR_STORE || engine_batch(p->s.engine) == NULL) {
        pump_fatal(p, why);
        return;
    }
    (void)snprintf(reason, sizeof reason, "%s: %.200s", why->id, why->text);
    if (!end_now(p,
                 why->code == ERR_DENIED && strncmp(why->id, "ledger.", 7) != 0
                     ? BATCH_STOPPED
                     : BATCH_HELD,
                 why->id, reason, &e))
        pump_fatal(p, &e);
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
    p->hands[i].next = 1;
    p->hands[i].last = 0;
    (void)signers_send(p->signers, i, &open, fds, n);
}

static bool lend(struct pump *p, unsigned i, struct err *e)
{
    struct proto reserve = {.type = PROTO_RESERVE};

    if (!engine_lease(p->s.engine, p->n, &reserve.u.reserve.first, &reserve.u.reserve.n,
                      e) ||
        (p->s.leased != NULL && !p->s.leased(p->s.arg, e)))
        return false;
    p->lent.originator = engine_batch(p->s.engine)->originator;
    p->lent.last = reserve.u.reserve.first + reserve.u.reserve.n - 1;
    reserve.u.reserve.known = pump_mark_known(p, &p->lent.originator);
    p->reserving = p->hands[i].reserving = true;
    p->hands[i].next = reserve.u.reserve.first;
    p->hands[i].last = reserve.u.reserve.first + reserve.u.reserve.n - 1;
    (void)signers_send(p->signers, i, &reserve, NULL, 0);
    return true;
}

static bool order_on(struct pump *p, unsigned i, bool *found, struct err *e)
{
    struct hand *h = &p->hands[i];
    uint64_t left = h->last - h->next + 1;
    struct order *o = &h->flight[h->n_flight].o;
    struct proto sign = {.type = PROTO_SIGN};

    if (!engine_order(p->s.engine, left < PROTO_ROWS ? (uint32_t)left : PROTO_ROWS, h->next,
                      o, found, e))
        return false;
    if (!*found)
        return true;
    sign.u.sign = o->sign;
    h->next += o->sign.n;
    h->flight[h->n_flight++].generation = p->generation;
    (void)signers_send(p->signers, i, &sign, NULL, 0);
    return true;
}

static bool busy_hand(struct pump *p, unsigned i, struct err *e)
{
    struct hand *h = &p->hands[i];

    if (signers_info(p->signers, i)->state != SIGNER_READY || h->telling || h->marking)
        return true;
    if (h->opened != p->generation) {
        /* wait until the answers of the batch before are in: an OPEN closes its warrant */
        if (!h->opening && h->n_flight == 0)
            open_on(p, i);
        return true;
    }
    while (h->n_flight < IN_FLIGHT && engine_batch(p->s.engine) != NULL) {
        bool found = true;

        /* orders follow at once: the signer takes up the RESERVE first, and denies them
         * where it fails */
        if (h->next > h->last) {
            if (p->reserving || !engine_has_rows(p->s.engine))
                return true;
            if (!lend(p, i, e))
                return false;
        } else if (!order_on(p, i, &found, e)) {
            return false;
        }
        if (!found || signers_info(p->signers, i)->state != SIGNER_READY)
            return true;
    }
    return true;
}

static int on_idle(sd_event_source *src, void *arg)
{
    struct pump *p = arg;
    bool had = engine_batch(p->s.engine) != NULL;
    bool busy;
    bool done;
    struct err e;

    (void)src;
    if (!engine_pick(p->s.engine, &busy, &e)) {
        pump_fatal(p, &e);
        return 0;
    }
    if (!busy)
        return 0;
    if (!had) {
        p->generation++;
        p->total = engine_batch(p->s.engine)->signed_;
        log_event(LOG_NOTICE, MSG_BATCH_STARTED, NULL, "batch %" PRId64 " is being signed",
                  engine_batch(p->s.engine)->id);
    }
    for (unsigned i = 0; i < p->n && engine_batch(p->s.engine) != NULL; i++)
        if (!busy_hand(p, i, &e)) {
            engine_trouble(p, &e);
            return 0;
        }
    if (engine_batch(p->s.engine) != NULL) {
        int64_t id = engine_batch(p->s.engine)->id;

        if (!engine_finish(p->s.engine, &done, &e)) {
            pump_fatal(p, &e);
            return 0;
        }
        if (done) {
            log_event(LOG_NOTICE, MSG_BATCH_DONE, NULL, "batch %" PRId64 " is done", id);
            batch_over(p, id);
        }
    }
    return 0;
}

/* --- from the signers --- */

static void on_ready(void *arg, unsigned i)
{
    struct pump *p = arg;
    struct err e;

    memset(&p->hands[i], 0, sizeof p->hands[i]);
    p->hands[i].next = 1;
    if (!told_latest(p->s.store, &p->hands[i].since, &e)) {
        pump_fatal(p, &e);
        return;
    }
    pump_tell_one(p, i);
    pump_mark_ask(p, i);
    pump_wake(p);
    if (p->s.ready != NULL)
        p->s.ready(p->s.arg);
}

static void on_gone(void *arg, unsigned i, const char *why)
{
    struct pump *p = arg;
    struct hand *h = &p->hands[i];
    struct err e;

    if (h->reserving)
        p->reserving = false;
    if (p->head.worker == i)
        p->head.asked = false;
    for (size_t k = 0; k < h->n_flight; k++)
        if (h->flight[k].generation == p->generation &&
            !engine_lost(p->s.engine, &h->flight[k].o, why, &e)) {
            pump_fatal(p, &e);
            return;
        }
    memset(h, 0, sizeof *h);
    h->next = 1;
    pump_wake(p);
}

/* What the signers have counted under the decision at work. */
static void note_count(struct pump *p, unsigned i, const struct proto_count *c)
{
    if (p->hands[i].opened == p->generation)
        engine_count(p->s.engine, c);
}

static void note_rate(struct pump *p, uint32_t n)
{
    int64_t now = pump_monotonic_us();

    p->total += n;
    if (p->n_rate > 0 && now - p->rate[p->n_rate - 1].at_us < 500000)
        return;
    if (p->n_rate == sizeof p->rate / sizeof p->rate[0]) {
        memmove(&p->rate[0], &p->rate[1], sizeof p->rate - sizeof p->rate[0]);
        p->n_rate--;
    }
    p->rate[p->n_rate].at_us = now;
    p->rate[p->n_rate++].total = p->total;
}

static void on_signed(struct pump *p, unsigned i, const struct proto_signed *got)
{
    struct hand *h = &p->hands[i];
    struct order o = h->flight[0].o;
    uint64_t generation = h->flight[0].generation;
    struct err e;
    struct err void_;
    bool more;

    memmove(&h->flight[0], &h->flight[1], (IN_FLIGHT - 1) * sizeof h->flight[0]);
    h->n_flight--;
    if (generation != p->generation || engine_batch(p->s.engine) == NULL)
        return; /* of a batch that ended meanwhile: void, its counters are spent */
    note_rate(p, got->n);
    /* its next order first: to verify this one takes as long as to sign a good part of it */
    more = busy_hand(p, i, &void_);
    if (!engine_signed(p->s.engine, &o, got, &e)) {
        if (e.code == ERR_TOKEN) {
            log_event(LOG_CRIT, MSG_SIGNATURE_BAD, &(struct log_fields){.err = &e},
                      "the token is out of service: %s", e.text);
            for (unsigned k = 0; k < p->n; k++)
                signers_kill(p->signers, k, e.text, true);
        }
        engine_trouble(p, &e);
        return;
    }
    if (!engine_flush(p->s.engine, false, &e))
        pump_fatal(p, &e);
    else if (!more)
        engine_trouble(p, &void_);
}

/* Say that the answers for these rows never came: they may be signed again (spent.h). */
static void claim(struct pump *p, unsigned i, const struct order *o)
{
    struct proto lost = {.type = PROTO_LOST};

    lost.u.lost.authority = o->sign.authority;
    lost.u.lost.n = o->sign.n;
    memcpy(lost.u.lost.rows, o->sign.rows, sizeof lost.u.lost.rows);
    (void)signers_send(p->signers, i, &lost, NULL, 0);
}

/* A refusal by the signer: of the warrant, of the counters, of the order. */
static void on_fail(struct pump *p, unsigned i, enum proto_type asked,
                    const struct proto_fail *f)
{
    struct hand *h = &p->hands[i];
    uint64_t generation = asked == PROTO_OPEN                      ? h->asked
                          : asked == PROTO_SIGN && h->n_flight > 0 ? h->flight[0].generation
                                                                   : h->opened;
    char reason[QUEUE_TEXT];
    struct err e;

    (void)snprintf(reason, sizeof reason, "signer: %s: %.180s", f->id, f->text);
    /* one that cannot note what has ended gets no order */
    if (f->code == ERR_TOKEN || f->code == ERR_STORE || f->code == ERR_BUSY ||
        asked == PROTO_REVOKE || asked == PROTO_HEAD) {
        signers_kill(p->signers, i, reason, false); /* on_gone takes back its orders */
        return;
    }
    if (asked == PROTO_SIGN && h->n_flight > 0) {
        struct order o = h->flight[0].o;

        memmove(&h->flight[0], &h->flight[1], (IN_FLIGHT - 1) * sizeof h->flight[0]);
        h->n_flight--;
        if (generation == p->generation && !engine_lost(p->s.engine, &o, reason, &e)) {
            pump_fatal(p, &e);
            return;
        }
        /* the ledger does not hold them, or they were not in an order: an answer was lost */
        if (generation == p->generation && strcmp(f->id, "signer.attempts") == 0) {
            claim(p, i, &o);
            return;
        }
    }
    if (asked == PROTO_RESERVE && strcmp(f->id, "ledger.token-behind") == 0)
        pump_mark_ask(p, i); /* for whoever else has to know */
    if (engine_batch(p->s.engine) == NULL || generation != p->generation)
        return;
    log_event(LOG_ERR, MSG_BATCH_STOPPED, NULL, "%s", reason);
    /* the counter mark is a matter for a ceremony, a count that is gone for a person;
     * all else says that the authority is void */
    if (!end_now(p,
                 strcmp(f->id, "token.counter-mark") == 0 ||
                         strncmp(f->id, "signer.counter", 14) == 0 ||
                         strncmp(f->id, "ledger.", 7) == 0 ||
                         strcmp(f->id, "signer.count-lost") == 0
                     ? BATCH_HELD
                     : BATCH_STOPPED,
                 f->id, reason, &e))
        pump_fatal(p, &e);
}

static void on_opened(struct pump *p, unsigned i, const struct proto_opened *o)
{
    struct hand *h = &p->hands[i];
    struct err e;

    h->opened = h->asked;
    if (h->asked != p->generation || engine_batch(p->s.engine) == NULL)
        return;
    if (!digest_equal(&o->authority,
                      &warrant_authority(engine_warrant(p->s.engine))->digest)) {
        signers_kill(p->signers, i, "it opened another authority", false);
        return;
    }
    note_count(p, i, &o->count);
    if (!engine_check_mark(p->s.engine, o->mark, &e)) {
        log_event(LOG_CRIT, MSG_COUNTER_BEHIND, &(struct log_fields){.err = &e}, "%s",
                  e.text);
        engine_trouble(p, &e);
    }
}

static void on_answer(void *arg, unsigned i, const struct proto *asked,
                      const struct proto *reply)
{
    struct pump *p = arg;
    struct hand *h = &p->hands[i];

    if (asked->type == PROTO_OPEN)
        h->opening = false;
    if (asked->type == PROTO_RESERVE)
        p->reserving = h->reserving = false;
    if (asked->type == PROTO_PROBE)
        h->probing = false;
    if (reply->type == PROTO_FAIL) {
        on_fail(p, i, asked->type, &reply->u.fail);
    } else if (reply->type == PROTO_OPENED && asked->type == PROTO_OPEN) {
        on_opened(p, i, &reply->u.opened);
    } else if (reply->type == PROTO_SIGNED && asked->type == PROTO_SIGN &&
               h->n_flight > 0) {
        note_count(p, i, &reply->u.signed_.count);
        on_signed(p, i, &reply->u.signed_);
    } else if (reply->type == PROTO_PROBED) {
        p->probed_us = pump_now_us();
    } else if (reply->type == PROTO_GRANTED && asked->type == PROTO_LOST) {
        note_count(p, i, &reply->u.granted.count);
    } else if (reply->type == PROTO_REVOKED && asked->type == PROTO_REVOKE) {
        pump_revoked(p, i);
    } else if (reply->type == PROTO_HEADED && asked->type == PROTO_HEAD) {
        pump_headed(p, i, &reply->u.headed);
    } else if (reply->type == PROTO_MARKED && asked->type == PROTO_MARK && h->marking) {
        pump_marked(p, i, reply->u.marked.mark);
    } else if (reply->type == PROTO_RESERVED && asked->type == PROTO_RESERVE) {
        pump_mark_raised(p);
    } else {
        signers_kill(p->signers, i, "it answered out of turn", false);
    }
    pump_wake(p);
}

/* --- now and then --- */

/* A signer that died comes back;
 * a token that is gone for long is a matter for custodians. */
static void look_for_token(struct pump *p)
{
    bool ready = false;
    struct err e;

    for (unsigned i = 0; i < p->n; i++)
        ready = ready || signers_info(p->signers, i)->state == SIGNER_READY;
    if (ready || engine_batch(p->s.engine) == NULL) {
        p->alone_us = 0;
        return;
    }
    if (p->alone_us == 0)
        p->alone_us = pump_monotonic_us();
    if (pump_monotonic_us() - p->alone_us <
        (int64_t)p->s.config->signer.token_lost_s * 1000000)
        return;
    p->alone_us = 0;
    log_event(LOG_CRIT, MSG_TOKEN_TROUBLE, NULL,
              "no signer for %u seconds: the token is lost",
              p->s.config->signer.token_lost_s);
    if (!end_now(p, BATCH_HELD, "token.lost", "token.lost: no signer could reach the token",
                 &e))
        pump_fatal(p, &e);
}

static int on_tick(sd_event_source *src, uint64_t usec, void *arg)
{
    struct pump *p = arg;

    look_for_token(p);
    if (pump_monotonic_us() >= p->head.due_us)
        pump_seal(p);
    for (unsigned i = 0; i < p->n; i++) {
        struct proto probe = {.type = PROTO_PROBE};
        struct hand *h = &p->hands[i];

        /* idle links are cut silently: sign with the probe key on every session */
        if (signers_info(p->signers, i)->state == SIGNER_READY && h->n_flight == 0 &&
            !h->probing && p->s.token->probe_id[0] != '\0') {
            h->probing = true;
            (void)signers_send(p->signers, i, &probe, NULL, 0);
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
    return signers_stalled_us(p->signers) <
           (int64_t)p->s.config->signer.call_timeout_s * 6 * 1000000;
}

int64_t pump_probed_us(const struct pump *p)
{
    return p->probed_us;
}

bool pump_new(const struct pump_setup *s, struct pump **out, struct err *e)
{
    struct signer_hooks hooks = {on_ready, on_answer, on_gone, NULL};
    struct pump *p = calloc(1, sizeof *p);
    uint64_t now;

    if (p == NULL || (p->hands = calloc(s->token->workers, sizeof *p->hands)) == NULL) {
        free(p);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    p->s = *s;
    p->n = s->token->workers;
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
    if (!signers_new(s->loop, s->config, s->config_path, s->token, &hooks, &p->signers,
                     e)) {
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
    (void)sd_event_source_disable_unref(p->idle);
    (void)sd_event_source_disable_unref(p->tick);
    free(p->hands);
    free(p);
}
