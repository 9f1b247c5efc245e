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

#include <stdio.h>
#include <string.h>

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

/* --- a chain: the second superseded the first, the third supersedes the second --- */

struct chain {
    char *text[3];
};

/* Well signed, each by itself; the first are the papers at hand. */
static struct chain chained(struct stage *s)
{
    struct chain c = {{stage_text(s)}};
    char id[64];

    (void)snprintf(id, sizeof id, "%s",
                   json_string_value(json_object_get(s->sc.doc, "id")));
    for (int i = 1; i < 3; i++) {
        stage_set(s, "supersedes", json_string(id));
        (void)strcat(id, i == 1 ? "-2" : "x");
        stage_set(s, "id", json_string(id));
        c.text[i] = stage_text(s);
    }
    return c;
}

/* The papers of one of the three, handed to whoever hears. */
static void hand_in(struct stage *s, struct chain *c, int which)
{
    stage_sign_text(s, c->text[which]);
    c->text[which] = NULL;
}

static void chain_done(struct stage *s, struct chain *c)
{
    for (int i = 0; i < 3; i++)
        free(c->text[i]);
    stage_machine(s, "state");
}

static void newcomer(struct stage *s, const char *folder, unsigned peer)
{
    stage_machine(s, folder);
    stage_start(s, peer);
    if (!stage_hello(s))
        abort();
}

/* All three at once: the second opens nothing any more, and still says what it ended. */
static void chain_whole(struct stage *s)
{
    struct chain c = chained(s);

    newcomer(s, "state-chain", 0);
    hand_in(s, &c, 2);
    if (!stage_open(s))
        abort();
    hand_in(s, &c, 1);
    (void)stage_open(s);
    hand_in(s, &c, 0);
    stage_go_on(s);
    chain_done(s, &c);
}

/* A machine that saw the second, and another that is handed the first. */
static void chain_machine(struct stage *s)
{
    struct chain c = chained(s);

    newcomer(s, "state-chain", 0);
    hand_in(s, &c, 1);
    if (!stage_open(s))
        abort();
    newcomer(s, "state-chain-new", 1);
    hand_in(s, &c, 0);
    stage_go_on(s);
    chain_done(s, &c);
}

/* It was told that the second has ended, with its paper. */
static void chain_told(struct stage *s)
{
    struct chain c = chained(s);

    newcomer(s, "state-chain", 0);
    hand_in(s, &c, 1);
    if (!stage_end(s, s->sc.cms))
        abort();
    hand_in(s, &c, 0);
    stage_go_on(s);
    chain_done(s, &c);
}

/* It was handed the third alone, which names the whole chain. */
static void chain_named(struct stage *s)
{
    struct chain c = chained(s);

    json_t *first = json_loads(c.text[0], 0, NULL);

    stage_set(s, "supersedes_earlier", json_pack("[O]", json_object_get(first, "id")));
    json_decref(first);
    newcomer(s, "state-chain", 0);
    stage_sign(s);
    if (!stage_open(s))
        abort();
    hand_in(s, &c, 0);
    stage_go_on(s);
    chain_done(s, &c);
}

/* A refusal opens nothing; that it was the last word counts. */
static void chain_refusal(struct stage *s)
{
    struct chain c = chained(s);
    json_t *refusal = json_loads(c.text[1], 0, NULL);

    (void)json_object_set_new(refusal, "outcome", json_string("refuse"));
    free(c.text[1]);
    c.text[1] = json_dumps(refusal, JSON_INDENT(2));
    json_decref(refusal);
    newcomer(s, "state-chain", 0);
    hand_in(s, &c, 1);
    (void)stage_open(s);
    s->rule[0] = '\0'; /* it is what follows that is tried */
    hand_in(s, &c, 0);
    stage_go_on(s);
    chain_done(s, &c);
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
    {"chain-whole", "the first of a chain, after all of it", "decision.revoked",
     chain_whole},
    {"chain-machine", "the same, another machine saw the second", "decision.revoked",
     chain_machine},
    {"chain-told", "the same, told that the second ended", "decision.revoked", chain_told},
    {"chain-named", "the same, only the last was seen", "decision.revoked", chain_named},
    {"chain-refusal", "what a refusal superseded", "decision.revoked", chain_refusal},
    {0},
};
