/* SPDX-License-Identifier: MIT
 *
 * signers - the signer processes of one token: start, feed, time out, kill, start again.
 *
 * Only processes and records: what the records mean is pump's business. Workers start one
 * after the other (a login rewrites SoftHSM's token file); each says READY or why not. One
 * that does not answer in time is killed, one that dies is started again after a pause; the
 * pause grows until a worker has proved of use: READY is no proof. One that says that a
 * person has to act first (exit 78, or PROTO_PERSON in an answer: configuration, PIN, rights)
 * is not started again, whoever ends it. A worker is a child process, or, with SignerSocket=,
 * a connection to a unit of its own user.
 *
 * Effects: processes, sockets, timers of the event loop.
 */
#ifndef SIGNERS_H
#define SIGNERS_H

#include "config.h"
#include "proto.h"

#include <systemd/sd-event.h>

struct signers; /* opaque */

enum signer_state {
    SIGNER_DOWN,     /* waits for its turn or its pause */
    SIGNER_STARTING, /* HELLO is out */
    SIGNER_READY,
    SIGNER_LEAVING, /* told what has ended, then killed; its keys count no more */
    SIGNER_BARRED,  /* needs a person: wrong PIN, bad configuration, distrusted */
};

struct signer_info { /* for status */
    enum signer_state state;
    int pid;
    char what[128];
    char rule[64];     /* of trouble; "": it was told to go */
    char trouble[320]; /* last reason it went down; "" when all is well */
    int64_t again_us;  /* monotonic: when it is started again; 0: it sits out no pause */
    bool spoke; /* asked since it was last ready or hastened, it said why it cannot serve */
    uint32_t keys;
    struct proto_unusable unusable[PROTO_KEYS]; /* beside keys: why not */
    struct proto_list list;                     /* of what was revoked, the signer's own */
    struct point audit; /* public part of the token's audit key; zeros: never ready */
    unsigned restarts;
    size_t waiting; /* requests not answered yet */
};

struct signer_hooks {
    void (*ready)(void *arg, unsigned worker);
    /* The answer to a request sent by signers_send; FAIL is an answer too. */
    void (*answer)(void *arg, unsigned worker, const struct proto *asked_type,
                   const struct proto *reply);
    /* Gone, says its info; every unanswered request is forgotten. One that was never READY
     * too. */
    void (*gone)(void *arg, unsigned worker);
    void *arg;
};

MUST_CHECK bool signers_new(sd_event *loop, const struct config *c, const char *config_path,
                            const struct config_token *token,
                            const struct signer_hooks *hooks, struct signers **out,
                            struct err *e);
unsigned signers_count(const struct signers *s);
const struct signer_info *signers_info(const struct signers *s, unsigned worker);
/* Send; fds are borrowed. False when the worker is neither ready nor leaving (or just went
 * down). One that has left already and was not heard to its end yet takes what is sent with it.
 * Only type and body of *p are used.
 *   calls  into the token that the answer waits for, at most: each may take CallTimeoutSec=;
 *          a worker that takes longer is killed */
bool signers_send(struct signers *s, unsigned worker, struct proto *p, unsigned calls,
                  const int fds[], size_t n_fds);
/* It has done what it is for: the next pause is a short one again. */
void signers_worked(struct signers *s, unsigned worker);
/* A ready worker is to end, once it was told something. */
void signers_leave(struct signers *s, unsigned worker);
/* End one worker; barred: it is not started again. */
void signers_kill(struct signers *s, unsigned worker, const char *rule, const char *why,
                  bool barred);
/* Nothing is being signed: whoever has set more runs of counters aside than RenewAfter= ends
 * and begins anew, one at a time. Modules keep memory of token objects that were destroyed. */
void signers_renew(struct signers *s);
/* The signers' own account (witness.h), to read with pread; borrowed. -1: none was ever
 * ready. */
int signers_account(const struct signers *s);
/*
 * Whether the token holds a key is known while one signer is ready (its keys tell), and
 * when every signer waits for a person. Between these a signer is coming back: silence is
 * no answer.
 */
bool signers_settled(const struct signers *s);
/* Has a signer that cannot serve said so, since it was last asked? */
bool signers_spoke(const struct signers *s);
/* Ask the token now: signers that sit out a pause are started, what they said before is
 * forgotten. Nothing when settled. */
void signers_hasten(struct signers *s);
/* How long ago the slowest answer should have been here, microseconds; 0: none is late. */
int64_t signers_overdue_us(const struct signers *s);
/* End all workers and wait for children. */
void signers_free(struct signers *s);

#endif
