/* SPDX-License-Identifier: MIT
 *
 * The token's half of --check: one signer is started as the service would, and has to say
 * that it is ready with every key, or why not.
 */
#include "checkup.h"

#include "rules.h"
#include "signers.h"

#include <signal.h>

struct asked {
    sd_event *loop;
    struct signers *signers;
};

static void on_ready(void *arg, unsigned worker)
{
    struct asked *a = arg;

    (void)worker;
    (void)sd_event_exit(a->loop, 0);
}

/* One that is started again has said why: that is the answer. */
static void on_gone(void *arg, unsigned worker)
{
    on_ready(arg, worker);
}

static void on_answer(void *arg, unsigned worker, const struct proto *asked_type,
                      const struct proto *reply)
{
    (void)arg;
    (void)worker;
    (void)asked_type;
    (void)reply;
}

static unsigned tell(const struct config *c, const struct signer_info *s, FILE *to)
{
    const struct rule *rule = rules_find(s->rule);
    unsigned n = 0;

    if (s->state != SIGNER_READY) {
        (void)fprintf(to, "the token: %s (%s): %s\n", s->trouble, s->rule,
                      rule != NULL ? rule->advice : "");
        return 1;
    }
    for (size_t i = 0; i < c->n_keys; i++)
        if ((s->keys >> i & 1) == 0) {
            n++;
            (void)fprintf(to,
                          "[Key \"%s\"] Id=%s: the token holds no private key of this id "
                          "that belongs to Certificate=%s\n",
                          c->keys[i].name, c->keys[i].id, c->keys[i].certificate);
        }
    return n;
}

unsigned checkup_token(const struct config *c, const char *config_path, FILE *to)
{
    struct asked a = {0};
    const struct signer_hooks hooks = {
        .ready = on_ready, .answer = on_answer, .gone = on_gone, .arg = &a};
    const struct config_token *token;
    struct config_token one;
    sigset_t set;
    unsigned n = 1;
    struct err e;

    if (!checkup_signing_token(c, &token, &e)) {
        (void)fprintf(to, "the token: %s\n", e.text);
        return 1;
    }
    one = *token;
    one.workers = 1;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    if (sd_event_default(&a.loop) < 0 ||
        !signers_new(a.loop, c, config_path, &one, &hooks, &a.signers, &e)) {
        (void)fprintf(to, "the token: no signer can be started\n");
    } else {
        (void)sd_event_loop(a.loop);
        n = tell(c, signers_info(a.signers, 0), to);
    }
    signers_free(a.signers);
    (void)sd_event_unref(a.loop);
    return n;
}
