/* SPDX-License-Identifier: MIT
 *
 * bars - why nothing is signed although an authority stands: state, token and a second place
 * do not agree on which counters were used.
 *
 *   state restored      the token's mark is above the ledger's      ledger.rolled-back
 *   token restored      the ledger's signatures are above the mark  ledger.token-behind
 *   token fresh         ... and there is no mark at all             ledger.token-fresh
 *   both restored       anchor, signers' account, or what an operator has at hand (place.h)
 *                       knows more than the state                   ledger.restored
 *   anchor unreadable   nobody would notice                         ledger.anchor
 *
 * Looked for at the start, at each signer's READY, now and then while the service runs, and
 * before counters are set aside. What is found is told at once: in the journal, the audit
 * trail, `status` and a notice to DCC and PMA. It bars the originator's batches (they are
 * held) until the cause is gone: a mark raised by two people (raising.h), the token's mark
 * raised in a ceremony, the anchor back.
 *
 * The anchor lies on another disk, or on a share that may hang: it is read and written aside
 * (aside.h), and one that does not answer within a second is as good as none.
 *
 * Source:  GBCS 4.3.1.5. Effects: the store, the anchor, the journal.
 */
#ifndef BARS_H
#define BARS_H

#include "anchor.h"
#include "aside.h"

#include <jansson.h>

struct service;

struct bars {
    struct bars_mark {
        struct eui64 originator;
        uint64_t token;  /* its mark, as it was said last */
        struct err told; /* what was told of it; ERR_NONE: nothing is wrong */
        uint64_t had;    /* more than token: it had that before */
    } marks[PLACE_COUNTERS_MAX];
    size_t n;
    struct anchor anchor;
    bool looked; /* it was held against the state since the start */
    struct aside aside;
    struct bars_anchor_job {
        struct anchor anchor;
        bool writes; /* else it reads */
        int64_t now_us;
        struct place place;
        bool found, ok;
        struct err e;
    } job, next;        /* under way, or done; to be done */
    bool late;          /* the job was given up, and what became of it is not known yet */
    struct err trouble; /* of the anchor; ERR_NONE: it is there, or none is configured */
};

/* The anchor is held against the state, before anything else. ERR_STORE only. */
MUST_CHECK bool bars_start(struct service *sv, struct err *e);
/* For the pump: pump.h says what each is told. */
void bars_marked(void *arg, const struct eui64 *originator, uint64_t mark, uint64_t had);
MUST_CHECK bool bars_leased(void *arg, struct err *e);
void bars_sealed(void *arg);
/* A signer is ready: its account is held against the state. ERR_STORE only. */
MUST_CHECK bool bars_account(struct service *sv, struct err *e);
/* What an operator has at hand, against the state; inside a transaction.
 *   where  "word"     *older: so it is, and it is found now */
MUST_CHECK bool bars_place(struct service *sv, const struct place *p, const char *where,
                           bool *older, char why[static PLACE_TEXT], struct err *e);
/* The state was put back from a backup with that record: a finding; inside a transaction. */
MUST_CHECK bool bars_restored(struct service *sv, const struct place *record,
                              struct err *e);
/* Now and then: an anchor that could not be had may answer by now. */
void bars_tick(struct service *sv);
/* A mark was raised and is on disk: what does not bar any more is seen by itself, the anchor
 * follows. */
void bars_raised(struct service *sv);
/* ERR_DENIED, one of the rules above: that originator's counters are not to be used. */
MUST_CHECK bool bars_lifted(struct service *sv, const struct eui64 *originator,
                            struct err *e);
/* What bars, as entries of the list of alarms. */
MUST_CHECK bool bars_alarms(struct service *sv, json_t *list, struct err *e);

#endif
