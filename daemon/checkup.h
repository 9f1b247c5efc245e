/* SPDX-License-Identifier: MIT
 *
 * checkup - what a configuration says that cannot work, found before a quorum and custodians
 * have come for nothing: smki-recoveryd --check.
 *
 * config_load has refused what is no configuration; trust_load what cannot be believed. Here is
 * what both take and what fails later: nobody who may operate, fewer people than a threshold,
 * a seat nobody fills, an anchor that is no CA, a certificate that has ended, names that the
 * system does not know. With the token at hand it is asked too, by a signer of its own.
 *
 * Effects: files, the user database; checkup_token starts a signer process, which logs in once.
 */
#ifndef CHECKUP_H
#define CHECKUP_H

#include "peer.h"
#include "trust.h"

#include <stdio.h>

/* Each finding is a line on `to`: where, what, what to do. How many there are. */
unsigned checkup_config(const struct config *c, const struct trust *t, int64_t now_us,
                        FILE *to);
/* The same of the token: is it there, does the PIN open it, does it hold each key of the
 * certificates?
 *   config_path  as the signer is given it; NULL: the three roots */
unsigned checkup_token(const struct config *c, const char *config_path, FILE *to);

/* The token that this configuration signs with. One service signs with one token, whose
 * counter mark bounds every run of counters: keys on another token belong to a service of
 * their own. ERR_INPUT "config.token". */
MUST_CHECK bool checkup_signing_token(const struct config *c,
                                      const struct config_token **out, struct err *e);

#endif
