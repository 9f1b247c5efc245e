/* SPDX-License-Identifier: MIT
 *
 * module_file - may this file be loaded into the process that holds the PIN?
 *
 * Effects: looks at files, reads SoftHSM's configuration for a hint.
 */
#ifndef MODULE_FILE_H
#define MODULE_FILE_H

#include "config.h"

/*
 * path must be absolute; the file it leads to and that file's directory must belong to root
 * or to the caller, and nobody else may write them.
 *   real  out: CONFIG_PATH_MAX, the file without links: what to load
 *
 * Errors: ERR_TOKEN "token.module".
 */
MUST_CHECK bool module_file_check(const char *path, char *real, struct err *e);

/* Why a SoftHSM may refuse to start: its configuration or token directory cannot be read by
 * this user. Writes a sentence into hint, or nothing. */
void module_file_hint(const char *path, char *hint, size_t cap);

#endif
