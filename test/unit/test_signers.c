/* SPDX-License-Identifier: MIT
 *
 * Signer processes as the service keeps them: the real program, on the token of pump_kit.
 */
#include "pump_kit.h"
#include "signers.h"

#include <sys/wait.h>

static sd_event *loop;
static struct signers *signers;
static unsigned failures, ends;

static void on_ready(void *arg, unsigned worker)
{
    (void)arg;
    (void)worker;
}

static void on_answer(void *arg, unsigned worker, const struct proto *asked,
                      const struct proto *answer)
{
    (void)arg;
    (void)worker;
    (void)asked;
    failures += answer->type == PROTO_FAIL;
}

static void on_gone(void *arg, unsigned worker)
{
    (void)arg;
    (void)worker;
    ends++;
}

static const struct signer_hooks hooks = {
    .ready = on_ready, .answer = on_answer, .gone = on_gone};

static const struct signer_info *signer(void)
{
    return signers_info(signers, 0);
}

static void setup(void)
{
    pump_kit_begin(1);
    failures = ends = 0;
    ck_assert_int_ge(sd_event_new(&loop), 0);
    OK(signers_new(loop, &scene.config, kit_path("recovery.conf"), &scene.config.tokens[0],
                   &hooks, &signers, &e));
    while (signer()->state != SIGNER_READY)
        ck_assert_int_ge(sd_event_run(loop, 100000), 0);
}

static void teardown(void)
{
    signers_free(signers);
    (void)sd_event_unref(loop);
    pump_kit_end();
}

static bool ask(void)
{
    struct proto mark = {.type = PROTO_MARK};

    mark.u.mark.originator = scene.supplier;
    return signers_send(signers, 0, &mark, 4, NULL, 0);
}

/* Asked again in the moment in which it is gone and nobody has heard it yet. */
START_TEST(who_has_left_is_heard_before_it_is_missed)
{
    siginfo_t how = {0};

    kit_text("plan", "C_FindObjectsInit 0xa4 once\n"); /* the PIN is locked */
    ck_assert(ask());
    ck_assert_int_eq(waitid(P_PID, (id_t)signer()->pid, &how, WEXITED | WNOWAIT), 0);
    (void)ask();
    while (ends == 0)
        ck_assert_int_ge(sd_event_run(loop, 100000), 0);
    ck_assert_int_eq(signer()->state, SIGNER_BARRED);
    ck_assert_uint_eq(failures, 1);
    ck_assert_uint_eq(ends, 1);
}
END_TEST

KIT_MAIN("signers", setup, teardown, who_has_left_is_heard_before_it_is_missed)
