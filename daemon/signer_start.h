/* SPDX-License-Identifier: MIT
 *
 * signer_start - one signer process, and the socket to it: a child of ours, or, with
 * SignerSocket=, a unit of its own user that systemd starts for the connection.
 *
 * Effects: a process, a socket.
 */
#ifndef SIGNER_START_H
#define SIGNER_START_H

#include "config.h"

/* *fd is the caller's; *child: its process, 0 when it is no child. config_path NULL: the usual
 * places. Errors: ERR_BUSY "signer.socket"; ERR_INPUT "config.service". */
MUST_CHECK bool signer_start(const struct config *c, const char *config_path, int *fd,
                             int *child, struct err *e);

#endif
