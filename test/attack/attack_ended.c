/* SPDX-License-Identifier: MIT
 *
 * Papers that were good once, after what they authorise has ended. An honest service told
 * one signer, as record/told.h has it: a close ends decision and activation; a key that is
 * switched off, frozen with its incident or lost with its token ends the activation; a window
 * ends both. Then the service is subverted and hands the old papers to
 *   - that signer's next process,
 *   - a signer of another machine, which was told when it began,
 *   - a signer of a machine made anew, which nobody told: only the token knows.
 * By the signer's own clock every window is still open.
 */
#include "attack.h"

struct ending {
    bool decision;
    bool used; /* a row was signed before */
};

static const struct ending closed = {true, true};
static const struct ending closed_unused = {true, false};
static const struct ending frozen = {false, true};
static const struct ending expired = {true, false};
static const struct ending lost = {false, false};

/* As the service does it: the custodians' word first. */
static void tell(struct stage *s, const struct ending *what)
{
    if (!stage_end(s, s->activation_cms) || (what->decision && !stage_end(s, s->sc.cms)))
        abort();
}

/* Told to the first signer, and on disk there. */
static void end(struct stage *s, const struct ending *what)
{
    stage_start(s, 0);
    if (!stage_hello(s))
        abort();
    if (what->used) {
        if (!stage_open(s) || !stage_reserve(s, s->first, 60))
            abort();
        s->rows[0] = 1;
        s->n_rows = 1;
        if (!stage_order(s, s->first))
            abort();
        s->rows[0] = 0;
        stage_honest(s);
        s->first += 60;
    }
    tell(s, what);
    stage_stop(s, 0);
}

static void next_process(struct stage *s, const struct ending *what)
{
    end(s, what);
    stage_attempt(s);
}

static void told_machine(struct stage *s, const struct ending *what)
{
    end(s, what);
    stage_machine(s, "state-told");
    stage_start(s, 1);
    if (!stage_hello(s))
        abort();
    tell(s, what);
    stage_go_on(s);
    stage_machine(s, "state");
}

static void untold_machine(struct stage *s, const struct ending *what)
{
    end(s, what);
    stage_machine(s, "state-untold");
    stage_start(s, 1);
    (void)stage_hello(s);
    stage_go_on(s);
    stage_machine(s, "state");
}

/* It had the papers open, and a run, when another machine was told. */
static void open_untold_machine(struct stage *s, const struct ending *what)
{
    stage_machine(s, "state-open");
    stage_start(s, 1);
    if (!stage_hello(s) || !stage_open(s))
        abort();
    stage_machine(s, "state");
    end(s, what);
    s->now = 1;
    (void)stage_reserve(s, s->first, 60);
    (void)stage_order(s, s->first);
}

#define WAY(name, way, what)          \
    static void name(struct stage *s) \
    {                                 \
        way(s, &(what));              \
    }
WAY(closed_next, next_process, closed)
WAY(closed_told, told_machine, closed)
WAY(closed_untold, untold_machine, closed)
WAY(unused_untold, untold_machine, closed_unused)
WAY(closed_open, open_untold_machine, closed_unused)
WAY(frozen_next, next_process, frozen)
WAY(frozen_told, told_machine, frozen)
WAY(frozen_untold, untold_machine, frozen)
WAY(frozen_open, open_untold_machine, lost)
WAY(expired_next, next_process, expired)
WAY(expired_told, told_machine, expired)
WAY(expired_untold, untold_machine, expired)
WAY(lost_next, next_process, lost)
WAY(lost_told, told_machine, lost)
WAY(lost_untold, untold_machine, lost)

const struct attack attack_ended[] = {
    {"closed-next", "closed, the next process", "decision.revoked", closed_next},
    {"closed-told", "closed, another machine that was told", "decision.revoked",
     closed_told},
    {"closed-untold", "closed, a machine that nobody told", "decision.revoked",
     closed_untold},
    {"unused-untold", "closed and never used, the same", "decision.revoked", unused_untold},
    {"closed-open", "closed, open on a machine nobody told", "decision.revoked",
     closed_open},
    {"frozen-next", "frozen, the next process", "activation.revoked", frozen_next},
    {"frozen-told", "frozen, another machine that was told", "activation.revoked",
     frozen_told},
    {"frozen-untold", "frozen, a machine that nobody told", "activation.revoked",
     frozen_untold},
    {"frozen-open", "frozen, open on a machine nobody told", "activation.revoked",
     frozen_open},
    {"expired-next", "expired, the next process", "decision.revoked", expired_next},
    {"expired-told", "expired, another machine that was told", "decision.revoked",
     expired_told},
    {"expired-untold", "expired, a machine that nobody told", "decision.revoked",
     expired_untold},
    {"lost-next", "token lost and found, the next process", "activation.revoked",
     lost_next},
    {"lost-told", "the same, another machine that was told", "activation.revoked",
     lost_told},
    {"lost-untold", "the same, a machine that nobody told", "activation.revoked",
     lost_untold},
    {0},
};
