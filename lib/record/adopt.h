/* SPDX-License-Identifier: MIT
 *
 * adopt - outcomes of a database of before, which stood under the row number of a list, are
 * put under their devices. The lists are needed for it, so it is done when the service has
 * them at hand and not with the migration itself.
 *
 * Where two rows were about one device, the later word counts.
 *
 * Source:  project.
 * Effects: the store, inside the caller's transaction; reads roster files.
 */
#ifndef ADOPT_H
#define ADOPT_H

#include "store.h"

#include <stdint.h>

/*
 * At the start; nothing is done where nothing is left.
 *   n  out: outcomes that were moved
 * Errors: ERR_STORE "store.adopt": a list that they stand under is not on disk, or is
 * shorter than they say.
 */
MUST_CHECK bool adopt_outcomes(struct store *s, const char *dir, int64_t *n, struct err *e);

#endif
