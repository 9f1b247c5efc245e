/* SPDX-License-Identifier: MIT
 *
 * account_end - what the end of the signers' own account (witness.h) says of the service's
 * record: the last head names the service's trail, SIGNED the counters that were used.
 *
 * Only the last quarter of a megabyte is read: heads are signed every few minutes, and
 * whenever a batch ends. What cannot be read there tells nothing.
 *
 * Effects: reads the file.
 */
#ifndef ACCOUNT_END_H
#define ACCOUNT_END_H

#include "place.h"

/* False: it says nothing; fd -1: there is no account. */
bool account_end_read(int fd, struct place *out);

#endif
