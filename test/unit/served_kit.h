/* SPDX-License-Identifier: MIT
 *
 * served_kit - the real server on a real Unix socket in the test's folder (core_kit), in a
 * thread of the test's process. The caller's uid is an operator, an approver and an auditor
 * only as far as `served_roles` says; 0: a stranger without any role.
 *
 * served_kit_begin() before each test, then what it wants otherwise, then served_start();
 * served_stop() ends the thread. The folder goes with served_kit_end().
 */
#ifndef SERVED_KIT_H
#define SERVED_KIT_H

#include "log.h"
#include "server.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char *served_dir, *served_path; /* the folder; the socket in it */
extern struct server *served;                /* for handlers: they run in its thread */
/* Read by served_start(); 0: what the server takes by default. */
extern unsigned served_roles; /* PEER_OPERATOR */
extern unsigned served_max_clients, served_max_per_uid, served_idle_s;
extern uint64_t served_wait_us;

/* A folder and a name for the socket; limits back to what they are by default. */
void served_kit_begin(void);
void served_kit_end(void);
void served_start(const struct router *router);
void served_stop(void);

#endif
