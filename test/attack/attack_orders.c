/* SPDX-License-Identifier: MIT
 *
 * Honest papers; counters, rows, repetition and revocation are not.
 */
#include "attack.h"

#include <stdio.h>
#include <string.h>

#define MANY 4096 /* lines of the revoked list: what once was its end */

/* --- rows --- */

static void one_row(struct stage *s, uint32_t row)
{
    s->rows[0] = row;
    s->n_rows = 1;
}

static void beyond(struct stage *s)
{
    stage_ready(s);
    s->rows[STAGE_ROWS] = STAGE_ROWS;
    s->n_rows = STAGE_ROWS + 1;
    (void)stage_order(s, s->first);
    one_row(s, STAGE_ROWS);
    (void)stage_order(s, s->first);
}

static void far_beyond(struct stage *s)
{
    stage_ready(s);
    one_row(s, 0xFFFFFFFFu);
    (void)stage_order(s, s->first);
}

static void again(struct stage *s)
{
    stage_ready(s);
    one_row(s, 1);
    (void)stage_order(s, s->first);
    stage_honest(s);
    for (uint32_t i = 1; i < 10; i++)
        (void)stage_order(s, s->first + i);
}

static void again_among_others(struct stage *s)
{
    stage_ready(s);
    one_row(s, 1);
    (void)stage_order(s, s->first);
    stage_honest(s);
    s->n_rows = STAGE_ROWS;
    for (uint32_t i = 0; i < STAGE_ROWS; i++)
        s->rows[i] = i;
    (void)stage_order(s, s->first + 1);
}

/* --- the authority named in an order --- */

static void other_authority(struct stage *s)
{
    stage_ready(s);
    s->authority.b[31] ^= 1;
    (void)stage_order(s, s->first);
}

static void digest_of_own(struct stage *s)
{
    stage_ready(s);
    memset(&s->authority, 0xA5, sizeof s->authority);
    (void)stage_order(s, s->first);
}

/* --- counters --- */

static void counter_twice(struct stage *s)
{
    stage_ready(s);
    one_row(s, 0);
    (void)stage_order(s, s->first);
    stage_honest(s);
    one_row(s, 1);
    (void)stage_order(s, s->first);
}

static void counter_overlaps(struct stage *s)
{
    stage_ready(s);
    one_row(s, 0);
    (void)stage_order(s, s->first + 2);
    stage_honest(s);
    s->rows[0] = 1;
    s->rows[1] = 2;
    s->n_rows = 2;
    (void)stage_order(s, s->first + 1);
}

static void counter_unreserved(struct stage *s)
{
    stage_ready(s);
    (void)stage_order(s, s->first + 90);
}

static void counter_across_end(struct stage *s)
{
    stage_ready(s);
    (void)stage_order(s, s->first + 49); /* the last of the run and two behind it */
}

static void no_run(struct stage *s)
{
    stage_start(s, 0);
    (void)stage_hello(s);
    (void)stage_open(s);
    (void)stage_order(s, s->first);
}

static void below_mark(struct stage *s)
{
    stage_ready(s);
    (void)stage_reserve(s, s->first, 10);
    (void)stage_reserve(s, s->first - 90, 10);
    (void)stage_order(s, s->first - 90);
}

static void replay_after_restart(struct stage *s)
{
    stage_ready(s);
    one_row(s, 0);
    (void)stage_order(s, s->first);
    stage_honest(s);
    stage_stop(s, 0);
    stage_start(s, 0);
    (void)stage_hello(s);
    one_row(s, 1);
    stage_go_on(s); /* the same run, the same counter */
}

static void two_processes(struct stage *s)
{
    stage_ready(s);
    stage_start(s, 1);
    (void)stage_hello(s);
    (void)stage_open(s);
    (void)stage_reserve(s, s->first + 10, 10); /* lent to the first */
    (void)stage_order(s, s->first + 10);
}

static void run_of_another_warrant(struct stage *s)
{
    stage_ready(s);
    (void)stage_open(s);
    (void)stage_order(s, s->first);
}

static void run(struct stage *s, uint64_t first, uint32_t n)
{
    stage_start(s, 0);
    (void)stage_hello(s);
    (void)stage_open(s);
    (void)stage_reserve(s, first, n);
    one_row(s, 0);
    (void)stage_order(s, first);
    (void)stage_order(s, first + n - 1);
}

static void above_int64(struct stage *s)
{
    run(s, (uint64_t)INT64_MAX + 1, 10);
}

static void across_int64(struct stage *s)
{
    run(s, (uint64_t)INT64_MAX - 2, 10);
}

static void wraps(struct stage *s)
{
    run(s, UINT64_MAX - 2, 10);
}

static void all_at_once(struct stage *s)
{
    run(s, s->first, UINT32_MAX);
}

static void far_ahead(struct stage *s)
{
    run(s, (uint64_t)INT64_MAX - 100, 10);
}

static void zero(struct stage *s)
{
    run(s, 0, 10);
}

/* --- what was revoked or superseded --- */

static void revoked(struct stage *s)
{
    stage_ready(s);
    (void)stage_revoke(s, &s->authority);
    (void)stage_order(s, s->first);
}

static void revoked_opened(struct stage *s)
{
    stage_ready(s);
    (void)stage_revoke(s, &s->authority);
    s->first += 60;
    stage_go_on(s);
}

static void revoked_restarted(struct stage *s)
{
    stage_ready(s);
    (void)stage_revoke(s, &s->authority);
    stage_stop(s, 0);
    s->first += 60;
    stage_attempt(s);
}

static void revoked_elsewhere(struct stage *s)
{
    stage_ready(s);
    stage_start(s, 1);
    (void)stage_revoke(s, &s->authority);
    s->now = 0;
    (void)stage_order(s, s->first);
}

static void revoked_run_elsewhere(struct stage *s)
{
    stage_ready(s);
    stage_start(s, 1);
    (void)stage_revoke(s, &s->authority);
    s->now = 0;
    (void)stage_reserve(s, s->first + 60, 10);
    (void)stage_order(s, s->first + 60);
}

struct papers { /* handed in before, and to be handed in again */
    char *text;
    struct digest authority;
};

static struct papers keep(struct stage *s)
{
    return (struct papers){stage_text(s), s->authority};
}

/* A second decision that supersedes the first; both well signed. */
static struct papers superseding(struct stage *s)
{
    struct papers old = keep(s);
    const char *id = json_string_value(json_object_get(s->sc.doc, "id"));
    char text[64];

    (void)snprintf(text, sizeof text, "%s-later", id);
    stage_set(s, "supersedes", json_string(id));
    stage_set(s, "id", json_string(text));
    stage_sign(s);
    return old;
}

static void superseded(struct stage *s)
{
    struct papers old = superseding(s);

    stage_ready(s);
    stage_sign_text(s, old.text);
    s->first += 60;
    stage_go_on(s);
}

static void superseded_restarted(struct stage *s)
{
    struct papers old = superseding(s);

    stage_ready(s);
    stage_stop(s, 0);
    stage_sign_text(s, old.text);
    s->first += 60;
    stage_attempt(s);
}

static void superseded_elsewhere(struct stage *s)
{
    struct papers old;

    stage_ready(s); /* the old one, in a first process */
    old = superseding(s);
    stage_start(s, 1);
    (void)stage_hello(s);
    (void)stage_open(s);
    s->now = 0;
    s->authority = old.authority;
    free(old.text);
    (void)stage_order(s, s->first);
}

static void flood(struct stage *s)
{
    FILE *f;
    struct digest d;
    char hex[HEX_LEN(32)];
    struct digest authority = s->authority;

    /* most of the flood, as an earlier process would have left it */
    stage_start(s, 0);
    (void)stage_revoke(s, &authority);
    f = fopen(kit_path("state/revoked"), "a");
    if (f == NULL)
        abort();
    for (uint32_t i = 1; i < MANY - 20; i++) {
        d = digest_of(span_of(&i, sizeof i), span_of(NULL, 0));
        hex_encode_lower(d.b, 32, hex);
        (void)fprintf(f, "%s\n", hex);
    }
    (void)fclose(f);
    for (uint32_t i = MANY; i < MANY + 40; i++) {
        d = digest_of(span_of(&i, sizeof i), span_of(NULL, 0));
        (void)stage_revoke(s, &d);
    }
    (void)stage_hello(s);
    stage_go_on(s);
    stage_stop(s, 0);
    stage_attempt(s);
}

/* --- time passes --- */

static void close_in(struct stage *s, long in_s)
{
    stage_time(s, "valid_to", in_s);
    stage_sign(s);
}

static void closes(struct stage *s)
{
    stage_ready_until_closed(s, close_in);
    (void)stage_order(s, s->first);
    (void)stage_reserve(s, s->first + 60, 10);
    (void)stage_order(s, s->first + 60);
}

const struct attack attack_orders[] = {
    {"row-beyond", "an unknown device: the row behind the last", "signer.row", beyond},
    {"row-far", "row 4294967295", "signer.row", far_beyond},
    {"attempts", "one row again and again", "signer.attempts", again},
    {"attempts-among", "a row again among others", "signer.attempts", again_among_others},
    {"other-authority", "SIGN with another authority's digest", "signer.other-authority",
     other_authority},
    {"own-digest", "SIGN with a digest made up", "signer.other-authority", digest_of_own},
    {"counter-twice", "a counter for two devices", "signer.counter", counter_twice},
    {"counter-overlap", "a run over a spent counter", "signer.counter", counter_overlaps},
    {"counter-unlent", "a counter that was not reserved", "signer.counter",
     counter_unreserved},
    {"counter-end", "counters across the end of the run", "signer.counter",
     counter_across_end},
    {"no-run", "SIGN without RESERVE", "signer.counter", no_run},
    {"below-mark", "a run below the token's mark", "token.counter-mark", below_mark},
    {"replay-restart", "a spent counter after a restart", "token.counter-mark",
     replay_after_restart},
    {"two-processes", "overlapping runs in two signers", "token.counter-mark",
     two_processes},
    {"run-reopened", "a run of the warrant before", "signer.counter",
     run_of_another_warrant},
    {"above-int64", "counters above INT64_MAX", "signer.counter", above_int64},
    {"across-int64", "a run across INT64_MAX", "signer.counter", across_int64},
    {"counter-wraps", "a run that wraps around", "signer.counter", wraps},
    {"run-huge", "a run of 4294967295 counters", "signer.counter", all_at_once},
    {"far-ahead", "a run that uses the sequence up", "signer.counter-leap", far_ahead},
    {"counter-zero", "a run from 0, below Start=", "signer.counter", zero},
    {"revoked", "SIGN after REVOKE", "signer.no-warrant", revoked},
    {"revoked-open", "a revoked decision opened again", "decision.revoked", revoked_opened},
    {"revoked-restart", "a revoked decision after a restart", "decision.revoked",
     revoked_restarted},
    {"revoked-other", "revoked through another signer", "decision.revoked",
     revoked_elsewhere},
    {"revoked-run", "RESERVE after that", "decision.revoked", revoked_run_elsewhere},
    {"superseded", "a superseded decision replayed", "decision.revoked", superseded},
    {"superseded-restart", "the same after a restart", "decision.revoked",
     superseded_restarted},
    {"superseded-other", "superseded through another signer", "decision.revoked",
     superseded_elsewhere},
    {"revoke-flood", "a flood of REVOKE over a revoked decision", "decision.revoked",
     flood},
    {"window-closes", "SIGN when the window has closed", "decision.window", closes},
    {0},
};
