/* SPDX-License-Identifier: MIT
 *
 * Signatures that would be in no account: the signers' file taken away, cut, put back or begun
 * anew, and heads asked for where commands are meant.
 */
#include "attack.h"
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *account(void)
{
    return kit_path("state/account.jsonl");
}

/* Row 1, by right; then rows 0 and 2 are asked for. */
static void signed_once(struct stage *s)
{
    stage_ready(s);
    s->rows[0] = 1;
    s->n_rows = 1;
    if (!stage_order(s, s->first))
        abort();
    stage_honest(s);
    s->first += 10;
    s->rows[0] = 0;
}

static void copy(const char *from, const char *to)
{
    static char octets[1 << 16];
    FILE *f = fopen(from, "re"), *g;
    size_t n;

    if (f == NULL)
        abort();
    n = fread(octets, 1, sizeof octets, f);
    (void)fclose(f);
    g = fopen(to, "we");
    if (g == NULL || fwrite(octets, 1, n, g) != n || fclose(g) != 0)
        abort();
}

static void remove_it(void)
{
    if (unlink(account()) != 0)
        abort();
}

static void cut_it(void)
{
    if (truncate(account(), 0) != 0)
        abort();
}

static void put_it_back(void)
{
    remove_it();
    copy(kit_path("kept"), account());
}

static void spoil_it(void)
{
    FILE *f = fopen(account(), "r+e");

    if (f == NULL || fseek(f, -30, SEEK_END) != 0 || fwrite("????", 1, 4, f) != 4 ||
        fclose(f) != 0)
        abort();
}

/* Under a signer at work; the next attack finds the account as it was. */
static void at_work(struct stage *s, void (*bend)(void))
{
    signed_once(s);
    copy(account(), kit_path("kept"));
    bend();
    (void)stage_order(s, s->first);
    stage_stop(s, 0);
    copy(kit_path("kept"), account());
}

/* Before the next signer begins. */
static void between(struct stage *s, void (*bend)(void))
{
    signed_once(s);
    stage_stop(s, 0);
    copy(account(), kit_path("kept"));
    bend();
    stage_start(s, 0);
    (void)stage_hello(s);
    s->first += 60;
    stage_go_on(s);
    stage_stop(s, 0);
    copy(kit_path("kept"), account());
}

static void taken_away(struct stage *s)
{
    at_work(s, remove_it);
}

static void cut(struct stage *s)
{
    at_work(s, cut_it);
}

static void put_back(struct stage *s)
{
    at_work(s, put_it_back);
}

static void begun_anew(struct stage *s)
{
    between(s, remove_it);
}

static void damaged(struct stage *s)
{
    between(s, spoil_it);
}

static bool ask_head(struct stage *s, const struct digest *d)
{
    memset(&s->in, 0, sizeof s->in);
    s->in.u.head.records = 1;
    s->in.u.head.hash = *d;
    return stage_ask(s, PROTO_HEAD, NULL, 0);
}

static void head_first(struct stage *s)
{
    struct digest d = {{0}};

    stage_start(s, 0);
    (void)ask_head(s, &d);
    (void)stage_hello(s);
}

/* Where the digest of a command is due in no record: in the hash of a head. The signature is no
 * command's; then the order that names the head's own text as its authority. */
static void head_for_command(struct stage *s)
{
    struct digest d;

    stage_ready(s);
    d = s->authority;
    if (!ask_head(s, &d) ||
        verify_one(s->sc.keys[SCENE_RECOVERY].key, &d, &s->out.u.headed.sig))
        s->came += 1;
    s->authority = s->out.u.headed.hash;
    (void)stage_order(s, s->first);
}

const struct attack attack_evidence[] = {
    {"account-away", "the signers' account is taken away", "signer.account", taken_away},
    {"account-cut", "the account is cut while it is in use", "signer.account", cut},
    {"account-back", "a copy of the account is put back", "signer.account", put_back},
    {"account-anew", "the account is to begin anew", "signer.account", begun_anew},
    {"account-damaged", "the account's last line is spoilt", "signer.account", damaged},
    {"head-first", "a head before HELLO", "signer.order", head_first},
    {"head-command", "a head where a command is meant", "signer.other-authority",
     head_for_command},
    {0},
};
