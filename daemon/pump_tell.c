/* SPDX-License-Identifier: MIT */
#include "pump_impl.h"

#include "docket.h"
#include "mem.h"
#include "memfd.h"
#include "told.h"

#include <stdlib.h>

/* Something is to be said, or was: on disk here or nowhere. */
static bool told(struct pump *p, bool ok, const struct err *e)
{
    if (!ok)
        pump_fatal(p, e);
    return ok;
}

/* With the document where it is on file: its signer marks it in the token. */
static bool send_end(struct pump *p, unsigned i, const struct digest *what, struct err *e)
{
    struct proto revoke = {.type = PROTO_REVOKE};
    struct span cms;
    bool ok;

    if (!docket_cms(p->s.store, what, &cms, e))
        return false;
    AUTO(fd) int fd = -1;
    ok = cms.at == NULL || memfd_of_span("authority", cms, &fd, e);
    free((void *)(uintptr_t)cms.at);
    revoke.u.revoke.authority = *what;
    if (ok)
        (void)signers_send(p->signers, i, &revoke, CALLS_FEW, &fd, fd >= 0);
    return ok;
}

void pump_tell_one(struct pump *p, unsigned i)
{
    struct hand *h = &p->hands[i];
    bool found;
    struct err e;

    if (h->telling ||
        !told(p,
              told_next(p->s.store, &signers_info(p->signers, i)->list, h->since,
                        pump_now_us(), &h->told, &h->tells, &found, &e),
              &e))
        return;
    if (found) {
        h->telling = true;
        (void)told(p, send_end(p, i, &h->tells, &e), &e);
    } else if (signers_info(p->signers, i)->state == SIGNER_LEAVING) {
        signers_kill(p->signers, i, "", "the key was switched off", false);
    }
}

void pump_revoked(struct pump *p, unsigned i)
{
    struct hand *h = &p->hands[i];
    struct err e;

    h->telling = false;
    if (told(p,
             told_acknowledged(p->s.store, &signers_info(p->signers, i)->list, &h->tells,
                               pump_now_us(), &e),
             &e))
        pump_tell_one(p, i);
}

void pump_tell(struct pump *p, bool and_end)
{
    for (unsigned i = 0; i < p->n; i++) {
        enum signer_state state = signers_info(p->signers, i)->state;

        if (state != SIGNER_READY && state != SIGNER_LEAVING)
            continue;
        if (and_end)
            signers_leave(p->signers, i);
        pump_tell_one(p, i);
    }
}
