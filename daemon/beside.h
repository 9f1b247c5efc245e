/* SPDX-License-Identifier: MIT
 *
 * beside - works out beside the loop what takes long: one thread, one question at a time, in
 * the order they came.
 *
 * The thread has a connection to the database that can only read. Each question sees the
 * database as it stood when its turn came. The loop is told when an answer is there, and
 * nothing else passes between the two.
 *
 * Limits:  so many questions at a time; an answer that may be kept is for a minute.
 * Effects: a thread; the database (reads), whatever the kinds of questions do (think.h).
 */
#ifndef BESIDE_H
#define BESIDE_H

#include "think.h"

#include <systemd/sd-event.h>

struct beside; /* opaque */

/*
 *   path    the database
 *   there   an answer has come; called on the loop. broken: the database failed the thread, else
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
/* Waits for the question that is being worked out. NULL: nothing. */
void beside_free(struct beside *a);

#endif
