/* SPDX-License-Identifier: MIT
 *
 * Two machines at one token: two processes with state folders of their own, so that no lock
 * is between them, reserve counters as fast as they can. No run is ever held by both.
 *
 *   test_p11_machines [TRIES]    of each machine (default 300)
 */
#include "token_kit.h"
#include "watermark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK    64
#define MACHINES 2

static const struct eui64 originator = {{0x90, 0xB3, 0xD5, 0x1F, 0x30, 0x01, 0x00, 0x00}};

struct tally { /* shared */
    unsigned held, refused, ended, twice;
    volatile unsigned begun;
    _Atomic unsigned char owner[]; /* of each run of BLOCK counters: bits of machines */
};

static size_t tries = 300;

/* As a signer does: read the mark, claim the run above it. False: it ended. */
static bool reserve(struct session *s, struct tally *t, unsigned machine)
{
    uint64_t mark;

    if (!watermark_get(s, &originator, &mark, &e)) {
        (void)__sync_fetch_and_add(&t->ended, 1);
        return false; /* the other one was at it: sign in again */
    }
    if (watermark_raise(s, &originator, mark + 1, mark + BLOCK, &e)) {
        t->owner[mark / BLOCK] |= (unsigned char)(1u << machine);
        (void)__sync_fetch_and_add(&t->held, 1);
        return true;
    }
    if (strcmp(e.id, "token.counter-mark") == 0) {
        (void)__sync_fetch_and_add(&t->refused, 1);
        return true;
    }
    (void)__sync_fetch_and_add(&t->ended, 1);
    return s->worst == P11_FINE;
}

/* A login rewrites SoftHSM's token while others read it: tried again until it is whole. */
static bool log_in(struct token_kit *kit, struct session *s)
{
    for (int i = 0; i < 200; i++) {
        if (session_open(s, &kit->config, "main", false, &e))
            return true;
        session_close(s);
        (void)usleep(50000);
    }
    (void)fprintf(stderr, "%s\n", e.text);
    return false;
}

static int machine(struct token_kit *kit, struct tally *t, unsigned no)
{
    struct session s = {.use_fd = -1};
    size_t done = 0;
    bool ok = true;

    (void)snprintf(kit->config.signer.state_dir, sizeof kit->config.signer.state_dir, "%s",
                   kit_path(no == 0 ? "state" : "state-2"));
    while (ok && done < tries) {
        ok = log_in(kit, &s);
        /* the first time both begin together */
        (void)__sync_fetch_and_add(&t->begun, done == 0 ? 1u : 0u);
        while (ok && t->begun < MACHINES)
            (void)usleep(1000);
        while (ok && done < tries && reserve(&s, t, no))
            done++;
        done++;
        session_close(&s);
    }
    return ok ? 0 : 1;
}

static bool both(struct token_kit *kit, struct tally *t)
{
    pid_t pids[MACHINES];
    bool ok = true;

    for (unsigned i = 0; i < MACHINES; i++)
        if ((pids[i] = fork()) == 0)
            _exit(machine(kit, t, i));
    for (unsigned i = 0; i < MACHINES; i++) {
        int status = -1;

        ok = waitpid(pids[i], &status, 0) == pids[i] && status == 0 && ok;
    }
    return ok;
}

int main(int argc, char **argv)
{
    static struct token_kit kit;
    struct session first = {.use_fd = -1};
    struct tally *t;
    size_t size;
    bool ok;

    if (argc > 1)
        tries = strtoul(argv[1], NULL, 10);
    size = sizeof *t + MACHINES * tries + 2;
    t = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tries == 0 || t == MAP_FAILED)
        return 2;
    token_kit_new(&kit);
    if (mkdir(kit_path("state-2"), 0700) != 0)
        return 2;
    /* the first mark is set before a second machine comes to the token (p11_number.h) */
    ok = log_in(&kit, &first) && watermark_raise(&first, &originator, 1, BLOCK, &e);
    session_close(&first);
    ok = ok && both(&kit, t);
    for (size_t i = 0; i < MACHINES * tries + 2; i++)
        t->twice += t->owner[i] == 3;
    (void)printf("1..3\n%sok 1 - both machines came to their end\n"
                 "%sok 2 - runs were reserved\n%sok 3 - no run is held by both\n"
                 "# %zu tries: %u held, %u refused, %u ended otherwise, %u shared\n",
                 ok ? "" : "not ", t->held > 0 ? "" : "not ", t->twice == 0 ? "" : "not ",
                 MACHINES * tries, t->held, t->refused, t->ended, t->twice);
    token_kit_done();
    return ok && t->held > 0 && t->twice == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
