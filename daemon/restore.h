/* SPDX-License-Identifier: MIT
 *
 * restore - a backup becomes the state of a service that has none.
 *
 * The folder is an unpacked archive. What its manifest says is checked, file by file; the
 * database, before it gets its name, is marked as restored: the service that starts on it signs
 * nothing until two operators have raised the counters over all that may have been used since
 * the backup was made (bars.h) - as far as the anchor tells, or by SkipAhead=.
 *
 * Effects: the state folder.
 */
#ifndef RESTORE_H
#define RESTORE_H

#include "service.h"

/*
 * sv: configuration, trust, clock, and the folders; the state folder's lock is held.
 *
 * Errors: ERR_DENIED "backup.in-the-way" there is a state; ERR_INPUT "backup.manifest"; what a
 * database says that is opened.
 */
MUST_CHECK bool restore(struct service *sv, const char *dir, struct err *e);

#endif
