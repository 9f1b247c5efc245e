/* SPDX-License-Identifier: MIT
 *
 * desk - where a signer process decides: it takes records, trusts none, and answers.
 *
 * It holds its own anchors and quorum (struct trust), its own clock, its own list of
 * revoked authorities, the counters it was lent, the counts of what was signed under each
 * decision, and a token port. It has no database, no network and hears no client.
 *
 * Invariant: nothing is signed but warrant_digest() of a row of an open warrant, with a
 *            counter inside the reserved run, each counter once (lease.h), each row as often
 *            as the decision says (spent.h), nothing under what was revoked (revoked.h) or
 *            is marked in the token as ended (lease.h). What was signed is in the account
 *            before it leaves (witness.h).
 * Source:    SEC L10.9 (use as the PMA requires), GBCS 4.3.1.5 (counters).
 * Effects:   the token; files in the signers' own folder.
 */
#ifndef DESK_H
#define DESK_H

#include "clock.h"
#include "proto.h"
#include "token.h"
#include "warrant.h"

struct desk; /* opaque */

struct desk_setup {
    const struct config *config; /* borrowed */
    const struct trust *trust;   /* borrowed */
    struct clock clock;
    struct clock steady;   /* never set: how long an order takes */
    const char *state_dir; /* of the signers of this machine: revoked, counts/,
                              account.jsonl */
    int stop_fd;           /* looked at before each row (proto_first); -1: none */
    /* Open the token named in HELLO. Called once. */
    bool (*open_token)(void *arg, const struct config *c, const struct trust *t,
                       const char *token, struct token **out, struct err *e);
    void *arg;
};

/* Errors: ERR_STORE "signer.revoked-list", "signer.count-file", "signer.account" when list,
 * counts or account cannot be read: default deny. */
MUST_CHECK bool desk_new(const struct desk_setup *s, struct desk **out, struct err *e);
/*
 * Take a record; its answer is due then, behind those of the orders before it. An order that
 * may be signed is checked, counted and begun, no more: the next is made ready while the token
 * works. Of all other records the answer is made, and no other is due while they are taken.
 * fds are the desk's to close.
 */
void desk_take(struct desk *d, const struct proto *in, int fds[], size_t n_fds);
/* May an order be taken now, before the answers that are due are given? */
bool desk_room(const struct desk *d);
/* The answer that was due first; waits for the token. FAIL on error. After a failure of the
 * token nothing that was taken ahead is begun. False: none is due. */
bool desk_give(struct desk *d, struct proto *reply);
/* A descriptor to send beside this reply, the caller's to close; -1: none. Beside READY goes
 * the account, to read. */
int desk_beside(const struct desk *d, const struct proto *reply);
/* The answer of refusal. */
void desk_refuse(uint32_t seq, const struct err *why, struct proto *reply);
void desk_free(struct desk *d);

#endif
