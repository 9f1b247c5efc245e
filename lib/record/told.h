/* SPDX-License-Identifier: MIT
 *
 * told - which authorities have ended, and which signers have said that they know.
 *
 * What ends an authority puts its digest on this list in the transaction that ends it: a
 * document that is void or superseded, a key switched off, frozen or lost, a window that is
 * over, an incident that is closed. Each signer is told at once, and at each of its starts
 * before its first order, until it has acknowledged: then it has it on disk (revoked.h).
 * Signers are told apart by the id of their list, which all processes of one machine share;
 * a machine with a new list has a new id and is told everything again.
 *
 * A digest leaves the list a day after the window of its document: then a signer refuses it
 * by its own clock, told or not.
 *
 * Source:  SEC L10.9.
 * Effects: the store.
 */
#ifndef TOLD_H
#define TOLD_H

#include "proto.h"
#include "store.h"

enum told_which {
    TOLD_ACTIVATIONS, /* the custodians' word only */
    TOLD_EXPIRED,     /* that, and what authorised until now or earlier */
    TOLD_ALL,         /* all that authorises */
};
/* In the caller's transaction, before they lose their state: the live documents of the
 * incident, `but` one (all zero: none), have ended. */
MUST_CHECK bool told_end(struct store *s, const char *incident, const struct digest *but,
                         enum told_which which, int64_t now_us, struct err *e);

/* The place of the latest on the list; 0: there is none. */
MUST_CHECK bool told_latest(struct store *s, int64_t *place, struct err *e);
/*
 * The next for one signer process, in the order in which they ended.
 *   list   of the signer (READY)
 *   since  told_latest when the process began: what ended later is told to each process,
 *          whatever another of its machine has acknowledged, as it may be signing just now
 *   place  the one it was told last, 0: none; then the one that is due
 */
MUST_CHECK bool told_next(struct store *s, const struct proto_list *list, int64_t since,
                          int64_t now_us, int64_t *place, struct digest *out, bool *found,
                          struct err *e);
/* It has this on disk. */
MUST_CHECK bool told_acknowledged(struct store *s, const struct proto_list *list,
                                  const struct digest *what, int64_t now_us, struct err *e);
/* How many this signer has not acknowledged. */
MUST_CHECK bool told_waiting(struct store *s, const struct proto_list *list, int64_t now_us,
                             int64_t *n, struct err *e);

#endif
