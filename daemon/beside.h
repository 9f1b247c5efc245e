/* SPDX-License-Identifier: MIT
 *
 * beside - works out beside the loop what takes long: two threads, a question at a time each, in
 * the order they came: one takes what is quick, so that this never waits for what takes minutes,
 * the other what is not.
 *
 * Each has a connection to the database that can only read. Each question sees the database as
 * it stood when its turn came. The loop is told when an answer is there, and nothing else passes
 * between them. What is asked while a question is worked out is worked out on the spot, or known.
 *
 * Limits:  so many questions at a time; an answer that may be kept is for a minute.
 * Effects: threads; the database (reads), whatever the kinds of questions do (think.h).
 */
#ifndef BESIDE_H
#define BESIDE_H

#include "think.h"

#include <systemd/sd-event.h>

struct beside; /* opaque */

/*
 *   path    the database
 *   there   an answer has come; called on the loop. broken: the database failed a thread, else
 *           NULL
 *
 * Errors: ERR_STORE "store.memory", "store.failed".
 */
MUST_CHECK bool beside_new(sd_event *loop, const char *path,
                           void (*there)(void *arg, const struct err *broken), void *arg,
                           struct beside **out, struct err *e);
/* For think_through() while something is done on the loop that can be given up. */
const struct think_port *beside_port(const struct beside *a);
/* Lets go of answers that are old. Now and then. */
void beside_tidy(struct beside *a);
/* Waits for the questions that are being worked out. NULL: nothing. */
void beside_free(struct beside *a);

#endif
