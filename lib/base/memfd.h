/* SPDX-License-Identifier: MIT
 *
 * memfd - a document in memory that nobody can change any more: sealed, close-on-exec,
 * ready to be handed to another process.
 *
 * Effects: memory; memfd_of_file reads a file.
 */
#ifndef MEMFD_H
#define MEMFD_H

#include "bytes.h"

/* *out is the caller's. Errors: ERR_STORE "store.memory"; "store.failed" the file. */
MUST_CHECK bool memfd_of_span(const char *name, struct span data, int *out, struct err *e);
MUST_CHECK bool memfd_of_file(const char *name, const char *path, int *out, struct err *e);

#endif
