/* SPDX-License-Identifier: MIT
 *
 * Honest papers, used up: the same row asked for again after everything that may begin
 * anew, with files that were put back, and by two machines at one token.
 */
#include "attack.h"
#include "spent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void one_row(struct stage *s, uint32_t row)
{
    s->rows[0] = row;
    s->n_rows = 1;
}

/* Row 1, by right. */
static void used(struct stage *s)
{
    stage_ready(s);
    one_row(s, 1);
    (void)stage_order(s, s->first);
    stage_honest(s);
    s->first += 60;
}

static void again(struct stage *s, unsigned peer)
{
    stage_start(s, peer);
    (void)stage_hello(s);
    stage_go_on(s);
}

/* --- replay --- */

static void kill_signer(struct stage *s)
{
    if (kill(s->peers[0].pid, SIGKILL) != 0 || waitpid(s->peers[0].pid, NULL, 0) < 0)
        abort();
    s->peers[0].pid = 0;
    stage_stop(s, 0);
}

static void reopened(struct stage *s)
{
    used(s);
    for (int i = 0; i < 4; i++, s->first += 60)
        stage_go_on(s);
}

static void restarted(struct stage *s)
{
    used(s);
    stage_stop(s, 0);
    again(s, 0);
}

static void killed(struct stage *s)
{
    used(s);
    kill_signer(s);
    again(s, 0);
}

static void other_signer(struct stage *s)
{
    used(s);
    again(s, 1);
}

/* Both had it open before the row was signed. */
static void other_open(struct stage *s)
{
    stage_ready(s);
    stage_start(s, 1);
    (void)stage_hello(s);
    (void)stage_open(s);
    (void)stage_reserve(s, s->first + 60, 10);
    one_row(s, 1);
    (void)stage_order(s, s->first + 60);
    stage_honest(s);
    s->now = 0;
    (void)stage_order(s, s->first);
}

/* In one order with rows that are not used up. */
static void among_others(struct stage *s)
{
    used(s);
    stage_stop(s, 0);
    s->n_rows = STAGE_ROWS;
    for (uint32_t i = 0; i < STAGE_ROWS; i++)
        s->rows[i] = i;
    again(s, 0);
}

/* --- answers said to be lost --- */

static bool lost(struct stage *s)
{
    memset(&s->in, 0, sizeof s->in);
    s->in.u.lost.authority = s->authority;
    s->in.u.lost.n = s->n_rows;
    memcpy(s->in.u.lost.rows, s->rows, sizeof s->rows);
    return stage_ask(s, PROTO_LOST, NULL, 0);
}

/* The budget is the service's to use up; behind it there is nothing. */
static void lost_for_ever(struct stage *s)
{
    used(s);
    for (unsigned i = 0; i < SPENT_LOST_ROW; i++, s->first += 60) {
        (void)stage_open(s);
        (void)stage_reserve(s, s->first, 50);
        (void)lost(s);
        (void)stage_order(s, s->first);
    }
    stage_honest(s);
    for (unsigned i = 0; i < 3; i++, s->first += 60) {
        (void)lost(s);
        stage_go_on(s);
    }
    stage_stop(s, 0);
    stage_start(s, 0);
    (void)stage_hello(s);
    (void)stage_open(s);
    (void)lost(s);
    stage_go_on(s);
}

static void lost_another(struct stage *s)
{
    used(s);
    one_row(s, 2);
    (void)stage_reserve(s, s->first, 10);
    (void)lost(s); /* it has its command: nothing is granted */
    (void)stage_order(s, s->first);
    stage_honest(s);
    one_row(s, 1); /* and nothing for this one */
    (void)stage_order(s, s->first + 1);
    one_row(s, 2);
    (void)stage_order(s, s->first + 1);
}

static void lost_unopened(struct stage *s)
{
    used(s);
    s->authority.b[0] ^= 1;
    (void)lost(s);
    s->authority.b[0] ^= 1;
    (void)stage_reserve(s, s->first, 10);
    (void)stage_order(s, s->first);
}

/* --- files --- */

static void count_name(const struct stage *s, char *out, size_t cap)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(s->authority.b, 32, hex);
    (void)snprintf(out, cap, "state/counts/%s", hex);
}

static void copy(const char *from, const char *to)
{
    static char octets[1 << 16];
    char path[300];
    size_t n;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s", kit_path(from));
    f = fopen(path, "r");
    n = f != NULL ? fread(octets, 1, sizeof octets, f) : 0;
    if (f == NULL || fclose(f) != 0)
        abort();
    (void)snprintf(path, sizeof path, "%s", kit_path(to));
    f = fopen(path, "w");
    if (f == NULL || fwrite(octets, 1, n, f) != n || fclose(f) != 0)
        abort();
}

/* A copy with a run reserved and nothing signed, put back when the signer has ended. */
static void put_back(struct stage *s)
{
    char name[128];

    count_name(s, name, sizeof name);
    stage_ready(s);
    copy(name, "kept");
    one_row(s, 1);
    (void)stage_order(s, s->first);
    stage_honest(s);
    stage_stop(s, 0);
    copy("kept", name);
    s->first += 60;
    again(s, 0);
}

/* The same, while another signer has gone on from it. */
static void put_back_under(struct stage *s)
{
    char name[128];

    count_name(s, name, sizeof name);
    stage_ready(s);
    copy(name, "kept");
    one_row(s, 1);
    (void)stage_order(s, s->first);
    (void)stage_reserve(s, s->first + 60, 10);
    stage_honest(s);
    copy("kept", name);
    s->first += 120;
    again(s, 1);
    s->now = 0;
    s->first += 60;
    stage_go_on(s);
}

static void gone(struct stage *s)
{
    char name[128];

    used(s);
    stage_stop(s, 0);
    count_name(s, name, sizeof name);
    if (unlink(kit_path(name)) != 0)
        abort();
    again(s, 0);
}

static void gone_under(struct stage *s)
{
    char name[128];

    stage_ready(s);
    one_row(s, 1);
    (void)stage_order(s, s->first);
    stage_honest(s);
    count_name(s, name, sizeof name);
    if (unlink(kit_path(name)) != 0)
        abort();
    (void)stage_reserve(s, s->first + 60, 10);
    (void)stage_order(s, s->first + 60);
    s->first += 120;
    stage_go_on(s);
}

static void zeroed(struct stage *s)
{
    char name[128];
    FILE *f;

    used(s);
    stage_stop(s, 0);
    count_name(s, name, sizeof name);
    f = fopen(kit_path(name), "r+"); /* the rows, but not the head */
    if (f == NULL || fseek(f, 56, SEEK_SET) != 0)
        abort();
    for (int i = 0; i < 16; i++)
        (void)fputc(0, f);
    if (fseek(f, 4096, SEEK_SET) != 0)
        abort();
    for (int i = 0; i < 2 * STAGE_ROWS; i++)
        (void)fputc(0, f);
    if (fclose(f) != 0)
        abort();
    again(s, 0);
}

/* Whoever kills signers in the middle of a run, and puts the count of its beginning back,
 * is not told from a crash: but the token counts what was drawn, and that has an end. */
static void killed_and_put_back(struct stage *s)
{
    char name[128];
    bool ok = true;

    count_name(s, name, sizeof name);
    for (unsigned i = 0; ok && i < 4 + 2 * SPENT_LOST_ROW; i++, s->first += 60) {
        stage_start(s, 0);
        ok = stage_hello(s) && stage_open(s) && stage_reserve(s, s->first, 50);
        copy(name, "kept");
        (void)stage_order(s, s->first);
        kill_signer(s);
        copy("kept", name);
    }
    s->honest = STAGE_ROWS * (1 + SPENT_LOST_ROW); /* so much is said to be possible */
}

/* --- another machine: a folder of its own, the same token --- */

static void other_folder(struct stage *s)
{
    used(s);
    stage_machine(s, "state-2");
    again(s, 1);
    stage_machine(s, "state");
}

/* Both begin with the decision when nothing was signed. */
static void both_folders(struct stage *s)
{
    stage_ready(s);
    stage_machine(s, "state-2");
    stage_start(s, 1);
    (void)stage_hello(s);
    s->now = 0;
    one_row(s, 1);
    (void)stage_order(s, s->first);
    stage_honest(s);
    s->now = 1;
    s->first += 60;
    stage_go_on(s);
    stage_machine(s, "state");
}

static void empty_folder(struct stage *s)
{
    used(s);
    stage_stop(s, 0);
    stage_machine(s, "state-3"); /* the machine was made anew */
    again(s, 0);
    stage_machine(s, "state");
}

/* --- the list of what was revoked --- */

static void list_gone(struct stage *s)
{
    stage_ready(s);
    (void)stage_revoke(s, &s->authority);
    stage_stop(s, 0);
    if (unlink(kit_path("state/revoked")) != 0)
        abort();
    s->first += 60;
    stage_attempt(s);
}

static void list_put_back(struct stage *s)
{
    stage_ready(s);
    (void)rename(kit_path("state/revoked"), kit_path("revoked-kept"));
    (void)stage_revoke(s, &s->authority); /* cannot be written */
    (void)stage_order(s, s->first);
    stage_stop(s, 0);
    s->first += 60;
    stage_attempt(s);
}

const struct attack attack_counts[] = {
    {"again-open", "a row again after OPEN anew", "signer.attempts", reopened},
    {"again-restart", "a row again after a restart", "signer.attempts", restarted},
    {"again-killed", "a row again after the signer was killed", "signer.attempts", killed},
    {"again-signer", "a row again at another signer", "signer.attempts", other_signer},
    {"again-two", "a row again, both had it open", "signer.attempts", other_open},
    {"again-among", "a row again among others, restarted", "signer.attempts", among_others},
    {"lost-for-ever", "answers said to be lost again and again", "signer.lost-budget",
     lost_for_ever},
    {"lost-another", "a loss claimed for another row", "signer.attempts", lost_another},
    {"lost-unopened", "a loss claimed for another authority", "signer.other-authority",
     lost_unopened},
    {"count-put-back", "the count of before, put back", "signer.count-lost", put_back},
    {"count-under", "the same under a running signer", "signer.count-lost", put_back_under},
    {"count-killed", "the same with signers killed in a run", "signer.spent",
     killed_and_put_back},
    {"count-gone", "the count is gone", "signer.count-lost", gone},
    {"count-gone-under", "the same under a running signer", "signer.count-lost",
     gone_under},
    {"count-zeroed", "the count is written over", "signer.count-lost", zeroed},
    {"count-folder", "a row again on another machine", "signer.count-lost", other_folder},
    {"count-folders", "two machines under one decision", "signer.count-lost", both_folders},
    {"count-empty", "a row again on a machine made anew", "signer.count-lost",
     empty_folder},
    {"list-gone", "a list of revoked things that is gone", "signer.revoked-list",
     list_gone},
    {"list-away", "REVOKE when the list is away", "signer.revoked-list", list_put_back},
    {0},
};
