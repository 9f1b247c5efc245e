/* SPDX-License-Identifier: MIT
 *
 * harden - what a process does before it touches a PIN.
 *
 * Effects: this process, for good.
 */
#ifndef HARDEN_H
#define HARDEN_H

#include "err.h"

/*
 * No core dump, no ptrace by equals, no signal from a broken pipe (a module that talks to a
 * server would kill us with it), and SIGALRM at its default: it is how a module that hangs
 * dies, so it must be neither ignored nor blocked.
 *
 * Errors: ERR_STORE "signer.harden".
 */
MUST_CHECK bool harden(struct err *e);

#endif
