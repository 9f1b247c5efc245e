/* SPDX-License-Identifier: MIT
 *
 * desk_kit - a desk on a fake token, for the papers of papers_kit, and an engine on a store
 * that hands it its work: one process, no socket, a clock to turn.
 *
 * What is below is the kit's: a ..._begin() makes it, its ..._end() frees it, and a test may
 * change what it says between. A step that a test takes for granted fails the test.
 */
#ifndef DESK_KIT_H
#define DESK_KIT_H

#include "audit.h"
#include "audit_check.h"
#include "desk.h"
#include "engine.h"
#include "lists.h"
#include "papers_kit.h"
#include "token_fake.h"
#include "verify.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
/* Without custodians configured, and without a Symmetric Key. */
#define PARTS_PLAIN                                                             \
    (PROTO_PART_BIT(PROTO_PART_AUTHORITY) | PROTO_PART_BIT(PROTO_PART_ROSTER) | \
     PROTO_PART_BIT(PROTO_PART_CERTIFICATES))

/* --- the desk --- */

extern struct token_fake fake_token;
extern struct token *token; /* what HELLO opens; NULL: it fails */
extern struct desk *desk;
extern struct proto in, reply; /* what was asked last, what came back */
extern int64_t now;            /* the clock of desk and engine */
extern int64_t steady;         /* by which the desk measures an order */
extern int stop[2];            /* the desk looks at [0] */

void desk_kit_begin(void);
void desk_kit_end(void);
/* A new desk with the state of the folder; false and `e` where it refuses to begin. */
bool desk_kit_new(void);
/* As when the signer's process ends and another begins. */
void desk_kit_restart(void);

/* A sealed file as OPEN hands it in; the desk closes it. */
int memfd_of(struct span data, int seals);
/* Ask with `in` as it stands. */
void ask_with(int fds[], size_t n);
void ask(enum proto_type type);
void hello(void);
/* OPEN with the scene's papers. */
void open_warrant(void);
void reserve(uint64_t first, uint32_t n);
/* Of the scene's decision, as orders name it. */
struct digest authority_digest(void);
/* Rows first..first+n-1 under counters from `counter`. */
void sign(uint64_t counter, uint32_t first, uint32_t n);
void revoke_it(void);

#define ANSWERED(kind)                                                                   \
    ck_assert_msg(reply.type == (kind), "%d where %d was due: %s: %s", reply.type, kind, \
                  reply.type == PROTO_FAIL ? reply.u.fail.id : "",                       \
                  reply.type == PROTO_FAIL ? reply.u.fail.text : "")
#define FAILED(rule)                                                                      \
    do {                                                                                  \
        ck_assert_msg(reply.type == PROTO_FAIL, "%d where %s was due", reply.type, rule); \
        ck_assert_msg(strcmp(reply.u.fail.id, rule) == 0, "%s: %s, not %s",               \
                      reply.u.fail.id, reply.u.fail.text, rule);                          \
    } while (0)

/* --- the engine, with that desk as its signer --- */

extern struct engine *engine;
extern struct order order;              /* the last that plan() made */
extern uint64_t lease_next, lease_last; /* counters that are lent */
extern uint32_t rows_per_order;         /* at most */
extern bool (*allowed)(void *arg, const struct batch *b, struct err *e); /* NULL: all */
extern struct batch put_aside; /* the last batch that was not begun; id 0: none */
extern struct err put_aside_why;

/* These stand in place of desk_kit_begin() and desk_kit_end(). */
void engine_kit_begin(void);
void engine_kit_end(void);
/* A new engine on the store; the old one is the caller's to free. */
void engine_start(void);
/* As after a crash of both processes: what is not on disk is gone. */
void crash(void);

/* Take this roster, put it where the engine looks for it, sign for it. Attempts are
 * plenty. */
void use_roster(const char *text);
/* The scene's roster as the only version of the incident's list. */
const struct lists *kit_lists(void);
/* A roster of n ESMEs, their statuses by this; NULL: commissioned. */
void make_roster(uint32_t n, const char *(*status)(uint32_t row));
/* The scene's decision, set down in the store. */
void keep_decision(void);
/* A batch of the decision as it stands; n_rows and selection as queue_put has them. Its
 * id. */
int64_t put_batch(uint32_t n_rows, struct span selection);
/* All three; its id. */
int64_t whole_batch(uint32_t n, const char *(*status)(uint32_t row));

bool picks(void);
/* Pick a batch and open it on the desk. */
void begin_batch(void);
/* Counters for the rows that nobody has; none where there are none. */
void lend(void);
/* The next order, under counters that are lent; false: nothing to hand out. */
bool plan(void);
void sign_order(void);
/* plan(), sign_order(), and keep the answer. */
bool turn(void);
/* What was signed for that order, verified and kept; false: refused, e says why. */
bool answer_kept(const struct order *o, const struct proto_signed *got);
bool finishes(void);
void run_to_the_end(void);

struct batch batch_now(int64_t id);
/*
 * The ledger holds each row of the batch exactly once, signed by the key of the
 * certificate, or as failed; no counter is there twice; figures and audit chain say the
 * same.
 */
void all_is_accounted_for(int64_t id, uint32_t n_rows);
/* How many records of that kind the audit trail has. */
int64_t audited(const char *kind);

#endif
