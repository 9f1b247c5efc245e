/* SPDX-License-Identifier: MIT
 *
 * listening - the socket on which the service listens: systemd's, or its own.
 *
 * Effects: a socket file; answers to those who wait.
 */
#ifndef LISTENING_H
#define LISTENING_H

#include "err.h"

/*
 * The listening socket: the one systemd handed over (LISTEN_FDS; with several, the one
 * named "operator"), else path is bound, mode 0660. A socket file on which nobody listens
 * is replaced; one that is listened on, or any other file, is an error.
 *
 * Errors: ERR_INPUT "request.socket".
 */
MUST_CHECK bool listening_socket(const char *path, int *fd, struct err *e);

/* The service cannot start, and starting it again would not help: whoever waits at the socket that
 * systemd handed over is told so (503 "request.not-started") and gone. Otherwise systemd would
 * start it for them again and again. Nothing where no socket was handed over. */
void listening_refuse(const struct err *why);

#endif
