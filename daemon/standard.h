/* SPDX-License-Identifier: MIT
 *
 * standard - by which standard the module is validated (FIPS 140-3, Common Criteria, ...): what
 * [Token] Standard= states, for status and audit trail. Nobody here checks a certificate. But
 * a token that is known to be a program says so itself by its model, and is said to be none,
 * whatever is stated.
 *
 * Effects: the audit trail, log lines.
 */
#ifndef STANDARD_H
#define STANDARD_H

#include "service.h"

#define STANDARD_TEXT 256

const char *standard_stated(const struct service *sv); /* "": nothing */
/* In words: what is stated, that nothing is, or that the token is software. */
void standard_text(const struct service *sv, char out[static STANDARD_TEXT]);
/* A signer is ready, so the model is known: once in a start a software token is warned of in
 * live use, and goes on record where something else was stated. */
MUST_CHECK bool standard_seen(struct service *sv, struct err *e);

#endif
