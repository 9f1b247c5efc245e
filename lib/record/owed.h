/* SPDX-License-Identifier: MIT
 *
 * owed - devices that were done and are not any more, because a further decision asks more of
 * them: another cell, or another certificate in the same one.
 *
 * Their outcome is "partly" from the batch on that is to command them, and the cell says which
 * decision asks: nothing that a decision asks for is counted as done by what an earlier one
 * did. Instructions to hand back are counted by their own figures and not here.
 *
 * Source:  project.
 * Effects: the store, inside the caller's transaction; reads roster files.
 */
#ifndef OWED_H
#define OWED_H

#include "authority.h"
#include "cert.h"
#include "store.h"

/*
 * Before a batch is made under a decision.
 *   dir    of the rosters
 *   certs  of the incident: those that the decision names are among them
 *   n      out: devices that were done and are not
 * Errors: ERR_STORE; as rosters_open.
 */
MUST_CHECK bool owed_again(struct store *s, const char *dir, const struct authority *a,
                           const struct certs *certs, uint32_t *n, struct err *e);

#endif
