/* SPDX-License-Identifier: MIT */
#include "pump_impl.h"

#include "log.h"
#include "mem.h"

#include <stdlib.h>

/* Nothing of it is kept; nor is any signer of that token. */
static void distrust(struct pump *p, const struct err *why)
{
    log_event(LOG_CRIT, MSG_SIGNATURE_BAD, &(struct log_fields){.err = why},
              "the token is out of service: %s", why->text);
    for (unsigned k = 0; k < p->n; k++)
        signers_kill(p->signers, k, why->id, why->text, true);
}

static void refused(struct pump *p, const struct err *why)
{
    if (why->code == ERR_TOKEN)
        distrust(p, why);
    pump_trouble(p, why);
}

void pump_verify(struct pump *p, struct answered *x)
{
    struct err e;

    if (engine_expect(p->s.engine, &x->a, &e)) {
        verifiers_give(p->verifiers, engine_key(p->s.engine), &x->a);
        return;
    }
    free(x);
    refused(p, &e);
}

/* What came behind one that is not kept is void, as what comes after the end of a batch is: its
 * counters are spent. */
static void drop_behind(struct pump *p)
{
    struct engine_answer *a;

    while ((a = verifiers_take(p->verifiers, true)) != NULL)
        free(a);
}

static void keep(struct pump *p, const struct answered *x)
{
    struct err e;

    if (x->generation != p->generation || engine_batch(p->s.engine) == NULL)
        return; /* of a batch that ended meanwhile: void, its counters are spent */
    if (!engine_signed(p->s.engine, &x->a, &e)) {
        drop_behind(p);
        refused(p, &e);
    } else if (!engine_flush(p->s.engine, x->slow, &e)) {
        /* what comes slowly is not kept waiting for more */
        pump_fatal(p, &e);
    }
}

void pump_keep(struct pump *p, bool wait)
{
    struct engine_answer *a;

    while ((a = verifiers_take(p->verifiers, wait)) != NULL) {
        keep(p, (struct answered *)a);
        free(a);
    }
}

static int on_verified(sd_event_source *src, int fd, uint32_t revents, void *arg)
{
    struct pump *p = arg;
    uint64_t n;

    (void)src;
    (void)revents;
    (void)!read(fd, &n, sizeof n);
    pump_keep(p, false);
    pump_wake(p);
    return 0;
}

bool pump_keep_new(struct pump *p, struct err *e)
{
    return verifiers_new(&p->verifiers, e) &&
           (sd_event_add_io(p->s.loop, &p->verified, verifiers_fd(p->verifiers), EPOLLIN,
                            on_verified, p) >= 0 ||
            err_set(e, ERR_STORE, "store.memory", "cannot set up the event loop"));
}

void pump_keep_free(struct pump *p)
{
    p->verified = sd_event_source_disable_unref(p->verified);
    verifiers_free(TAKE(p->verifiers));
}
