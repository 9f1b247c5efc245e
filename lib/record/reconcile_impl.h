/* SPDX-License-Identifier: MIT
 *
 * What the two sides of reconcile share: answers to commands of ours (reconcile.c), and what
 * devices say of their cells otherwise (reconcile_report.c). Private to reconcile*.c.
 */
#ifndef RECONCILE_IMPL_H
#define RECONCILE_IMPL_H

#include "cells.h"
#include "message.h"
#include "reconcile.h"
#include "response.h"
#include "sent.h"

struct reconcile {
    struct store *store;
    char incident[AUTHORITY_ID_MAX];
    const struct lists *lists;
    struct sent sent;
    struct sent_batch plan; /* what is to be signed, once somebody has asked */
    bool has_plan;
    const struct reconcile_read *at; /* what is taken in now */
    const char *rule;                /* why the last one was set aside */
    enum outcome_held held;          /* what the last answer said of who held its cells */
};

/* Why a message is set aside; rule NULL: it is not. */
struct fault {
    const char *rule, *reason;
};

bool reconcile_is_unclear(enum outcome_state s);
/* Did the device's own key sign these octets? */
bool reconcile_key_signed(const struct roster_row *row, struct span octets,
                          const struct sig_p256 *sig);
/* The same of what is taken in: asked once, where it was asked already. */
bool reconcile_genuine(const struct reconcile *r, const struct roster_row *row,
                       const struct response *resp);
/* The device's row with another state, for a reason that is told in words. */
MUST_CHECK bool reconcile_set_state(struct reconcile *r, struct outcome *o,
                                    const struct lists_row *row, enum outcome_state state,
                                    const struct sent_command *done,
                                    const struct cells_told *told, const char *note,
                                    const char *who, int64_t now_us, struct err *e);
/* What is said of a device that is on the list makes the list count. */
MUST_CHECK bool reconcile_name_list(struct reconcile *r, const struct list *list,
                                    struct err *e);

/* CS02a, CS02f: what a device reports of its cells. *why: set aside, and the reason. Errors:
 * ERR_STORE. */
MUST_CHECK bool reconcile_report(struct reconcile *r, const struct message *m,
                                 int64_t now_us, enum reconcile_verdict *verdict,
                                 struct fault *why, struct err *e);
/* CS02g: a supplier's command for the load controller's cells, not one of ours as a rule. The
 * device's answer can tell that ours was carried out, never that it was not: it names two
 * cells and no others. *why is cleared when it settled something. */
MUST_CHECK bool reconcile_load_answer(struct reconcile *r, const struct response *resp,
                                      int64_t now_us, enum reconcile_verdict *verdict,
                                      struct fault *why, struct err *e);

#endif
