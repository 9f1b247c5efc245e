/* SPDX-License-Identifier: MIT
 *
 * harden - what a process does before it touches a PIN.
 *
 * Effects: this process, for good.
 */
#ifndef HARDEN_H
#define HARDEN_H

/*
 * No core dump, no ptrace by equals, no signal from a broken pipe (a module that talks to a
 * server would kill us with it), and SIGALRM at its default: it is how a module that hangs
 * dies, so it must be neither ignored nor blocked.
 * None of it can fail with these arguments; where it does all the same, the process ends.
 */
void harden(void);

#endif
