/* SPDX-License-Identifier: MIT */
#include "pump_impl.h"

#include "audit.h"
#include "audit_head.h"
#include "log.h"

#include <inttypes.h>
#include <string.h>

static int64_t head_interval_us(const struct pump *p)
{
    return (int64_t)p->s.config->signer.head_interval_s * 1000000;
}

void pump_seal(struct pump *p)
{
    struct proto head = {.type = PROTO_HEAD};
    struct chain_place at;
    struct err e;

    if (p->head.asked)
        return;
    if (!audit_last(p->s.store, &at, &e)) {
        pump_fatal(p, &e);
        return;
    }
    if (at.seq == p->head.grown)
        return; /* nothing has happened since the last */
    head.u.head.records = at.seq;
    head.u.head.hash = at.hash;
    for (unsigned i = 0; i < p->n && !p->head.asked; i++)
        if (signers_info(p->signers, i)->state == SIGNER_READY &&
            signers_send(p->signers, i, &head, CALLS_FEW, NULL, 0)) {
            p->head.asked = true;
            p->head.worker = i;
            p->head.at = at;
            p->head.due_us = pump_monotonic_us() + head_interval_us(p);
        }
}

static bool put_head(struct pump *p, const struct audit_head *h, struct chain_place *last,
                     struct err *e)
{
    if (!store_begin(p->s.store, e))
        return false;
    if (audit_put(p->s.store, pump_now_us(), AUDIT_HEAD, "", AUDIT_ACTOR_SYSTEM, e, "o",
                  audit_head_json(h)) &&
        audit_last(p->s.store, last, e) && store_commit_aside(p->s.store, e))
        return true;
    store_rollback(p->s.store);
    return false;
}

void pump_headed(struct pump *p, unsigned i, const struct proto_headed *got)
{
    const struct point *audit = &signers_info(p->signers, i)->audit;
    struct audit_head h = {
        .records = got->records,
        .hash = got->hash,
        .service_records = p->head.at.seq,
        .service_hash = p->head.at.hash,
        .key = digest_of(span_of(audit->b, sizeof audit->b), span_of(NULL, 0)),
        .sig = got->sig};
    struct chain_place last;
    char hex[HEX_LEN(32)];
    struct err e;

    p->head.asked = false;
    memcpy(h.chain, got->chain, sizeof h.chain);
    if (!put_head(p, &h, &last, &e)) {
        pump_fatal(p, &e);
        return;
    }
    p->head.covers = h.service_records;
    p->head.grown = last.seq;
    hex_encode_lower(last.hash.b, sizeof last.hash.b, hex);
    /* somewhere else, so that trail and account together cannot be cut unseen */
    log_event(LOG_INFO, MSG_HEAD, NULL,
              "audit trail sealed: record %" PRIu64 " has hash %s", last.seq, hex);
    if (p->s.sealed != NULL)
        p->s.sealed(p->s.arg);
}

uint64_t pump_sealed(const struct pump *p)
{
    return p->head.covers;
}
