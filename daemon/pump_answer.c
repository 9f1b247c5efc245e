/* SPDX-License-Identifier: MIT */
#include "pump_impl.h"

#include "log.h"
#include "told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pump_hand_empty(struct pump *p, unsigned i)
{
    unsigned strikes = p->hands[i].strikes;

    p->hands[i] = (struct hand){.next = 1, .strikes = strikes};
    pace_begin(&p->hands[i].pace, p->s.token->sessions);
}

void pump_on_ready(void *arg, unsigned i)
{
    struct pump *p = arg;
    struct err e;

    pump_hand_empty(p, i);
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

/* Did it end over what the batch wants of it? One without a rule was told to go. */
static bool over_its_work(const struct hand *h, const struct signer_info *w)
{
    return w->rule[0] != '\0' &&
           (h->n_flight > 0 || h->opening || h->reserving || h->failed);
}

void pump_on_gone(void *arg, unsigned i)
{
    struct pump *p = arg;
    struct hand *h = &p->hands[i];
    const struct signer_info *w = signers_info(p->signers, i);
    struct err e;

    if (h->reserving)
        p->reserving = false;
    if (p->head.worker == i)
        p->head.asked = false;
    if (engine_batch(p->s.engine) != NULL && over_its_work(h, w)) {
        pump_fault(p, w->rule, w->trouble);
        h->strikes++;
    }
    for (size_t k = 0; k < h->n_flight; k++)
        if (h->flight[k].generation == p->generation &&
            !engine_lost(p->s.engine, &h->flight[k].o, w->trouble, &e)) {
            pump_fatal(p, &e);
            return;
        }
    pump_hand_empty(p, i);
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

/* A row was signed: whatever was wrong with this token is over. */
static void got_on(struct pump *p, unsigned i)
{
    signers_worked(p->signers, i);
    p->fault = (struct pump_fault){0};
    p->failing = false;
    for (unsigned k = 0; k < p->n; k++)
        p->hands[k].strikes = 0;
}

/* The order that came back, the first in flight. */
static void take_order(struct hand *h, struct order *o, uint64_t *generation,
                       int64_t *took_us)
{
    int64_t now = pump_monotonic_us();
    int64_t begun =
        h->flight[0].sent_us > h->answered_us ? h->flight[0].sent_us : h->answered_us;

    *o = h->flight[0].o;
    *generation = h->flight[0].generation;
    *took_us = now - begun;
    h->answered_us = now;
    memmove(&h->flight[0], &h->flight[1], (IN_FLIGHT - 1) * sizeof h->flight[0]);
    h->n_flight--;
}

/* The token failed at a row. It goes on with fresh sessions, or ends. */
static void stopped(struct pump *p, unsigned i, const struct proto_signed *got)
{
    const struct proto_fail *f = &got->stop;
    char reason[QUEUE_TEXT];

    (void)snprintf(reason, sizeof reason, "%s: %.180s", f->id, f->text);
    log_event(LOG_WARNING, MSG_TOKEN_TROUBLE, NULL, "signer %u signed %u rows, then: %s", i,
              got->n, reason);
    if (got->n == 0) {
        pump_fault(p, f->id, reason);
        p->failing = true;
    }
    if (f->end == PROTO_GOES_ON)
        return;
    p->hands[i].failed = true;
    signers_kill(p->signers, i, f->id, reason, f->end == PROTO_PERSON);
}

static void on_signed(struct pump *p, unsigned i, const struct proto_signed *got)
{
    struct hand *h = &p->hands[i];
    struct answered *x = malloc(sizeof *x);
    int64_t took_us;
    struct err e = {0};
    bool more;

    if (x == NULL) {
        (void)err_set(&e, ERR_STORE, "store.memory", "out of memory");
        pump_fatal(p, &e);
        return;
    }
    take_order(h, &x->a.o, &x->generation, &took_us);
    if (got->n > 0)
        got_on(p, i);
    if (x->generation != p->generation || engine_batch(p->s.engine) == NULL) {
        free(x); /* of a batch that ended meanwhile: void, its counters are spent */
        if (got->stop.code != ERR_NONE)
            stopped(p, i, got);
        return;
    }
    x->a.got = *got;
    pace_answered(&h->pace, x->a.o.sign.n, got->n, took_us);
    x->slow = !pace_full(&h->pace);
    if (h->n_flight == 0 && got->spent < x->a.o.sign.n)
        h->next = x->a.o.sign.counter + got->spent; /* the rest was used for nothing */
    note_rate(p, got->n);
    more = got->stop.code != ERR_NONE || pump_feed(p, i, &e); /* its next order first */
    pump_verify(p, x);
    if (got->stop.code != ERR_NONE) {
        pump_keep(p, true); /* before it ends over this, perhaps, and the batch with it */
        stopped(p, i, got);
    } else if (!more && engine_batch(p->s.engine) != NULL) {
        pump_trouble(p, &e);
    }
}

/* Say that the answers for these rows never came: they may be signed again (spent.h). */
static void claim(struct pump *p, unsigned i, const struct order *o)
{
    struct proto lost = {.type = PROTO_LOST};

    lost.u.lost.authority = o->sign.authority;
    lost.u.lost.n = o->sign.n;
    memcpy(lost.u.lost.rows, o->sign.rows, sizeof lost.u.lost.rows);
    (void)signers_send(p->signers, i, &lost, CALLS_FEW, NULL, 0);
}

/* The batch cannot go on like this; a person looks, or its authority is void. */
static void end_batch(struct pump *p, const struct proto_fail *f, const char *reason)
{
    /* the counter mark is a matter for a ceremony, a count that is gone, a key that is not
     * as it should be and a clock before the window for a person; all else says that the
     * authority is void */
    bool held = f->code == ERR_TOKEN || strcmp(f->id, "token.counter-mark") == 0 ||
                strncmp(f->id, "signer.counter", 14) == 0 ||
                strncmp(f->id, "ledger.", 7) == 0 ||
                strcmp(f->id, "signer.count-lost") == 0 || engine_too_early(f->id);
    struct err e;

    log_event(LOG_ERR, MSG_BATCH_STOPPED,
              &(struct log_fields){.batch = engine_batch(p->s.engine)->id}, "%s", reason);
    if (f->code == ERR_TOKEN) {
        pump_fault(p, f->id, reason);
        p->failing = true;
    }
    if (!pump_end(p, held ? BATCH_HELD : BATCH_STOPPED, f->id, reason, &e))
        pump_fatal(p, &e);
}

/* Is this process of no more use? One that cannot note what has ended gets no order. */
static bool useless(enum proto_type asked, const struct proto_fail *f)
{
    return f->end != PROTO_GOES_ON || f->code == ERR_STORE || f->code == ERR_BUSY ||
           asked == PROTO_REVOKE || asked == PROTO_HEAD || asked == PROTO_PROBE;
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
    if (useless(asked, f)) {
        h->failed = h->failed || asked == PROTO_OPEN || asked == PROTO_RESERVE ||
                    asked == PROTO_LOST || asked == PROTO_MARK;
        /* pump_on_gone takes back its orders */
        signers_kill(p->signers, i, f->id, reason, f->end == PROTO_PERSON);
        return;
    }
    if (asked == PROTO_SIGN && h->n_flight > 0) {
        struct order o;
        int64_t took_us;

        take_order(h, &o, &generation, &took_us);
        if (generation == p->generation && !engine_lost(p->s.engine, &o, reason, &e)) {
            pump_fatal(p, &e);
            return;
        }
        /* the ledger does not hold them, or they were not in an order: an answer was lost */
        if (generation == p->generation && strcmp(f->id, "signer.attempts") == 0) {
            if (h->n_flight == 0)
                h->next = o.sign.counter; /* rows are counted before counters are */
            claim(p, i, &o);
            return;
        }
    }
    if (asked == PROTO_RESERVE && strcmp(f->id, "ledger.token-behind") == 0)
        pump_mark_ask(p, i); /* for whoever else has to know */
    if (engine_batch(p->s.engine) != NULL && generation == p->generation)
        end_batch(p, f, reason);
}

static void on_opened(struct pump *p, unsigned i, const struct proto_opened *o)
{
    struct hand *h = &p->hands[i];
    uint64_t mark;
    struct err e;

    h->opened = h->asked;
    if (h->asked != p->generation || engine_batch(p->s.engine) == NULL)
        return;
    if (!digest_equal(&o->authority,
                      &warrant_authority(engine_warrant(p->s.engine))->digest)) {
        signers_kill(p->signers, i, "signer.other-authority", "it opened another authority",
                     false);
        return;
    }
    note_count(p, i, &o->count);
    mark = pump_mark_meant(p, &engine_batch(p->s.engine)->originator, o->mark, h->known);
    if (!engine_check_mark(p->s.engine, mark, &e)) {
        log_event(LOG_CRIT, MSG_COUNTER_BEHIND, &(struct log_fields){.err = &e}, "%s",
                  e.text);
        pump_trouble(p, &e);
    }
}

void pump_on_answer(void *arg, unsigned i, const struct proto *asked,
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
    if (asked->type == PROTO_MARK && reply->type == PROTO_FAIL)
        h->marking = false; /* an OPEN will meet the same */
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
        signers_worked(p->signers, i);
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
        signers_kill(p->signers, i, "signer.record", "it answered out of turn", false);
    }
    pump_wake(p);
}
