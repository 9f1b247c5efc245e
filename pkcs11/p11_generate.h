/* SPDX-License-Identifier: MIT
 *
 * p11_generate - make a key pair in the token, for ceremonies only.
 *
 * P-256, born in the token, sensitive, good for one use and bound to CKM_ECDSA, both
 * where the module takes it. Never extractable, unless asked for: then it can be wrapped once, by
 * the ceremony that backs it up and closes it, and signs nothing before that. Never beside a signer (session_open exclusive).
 *
 * Source:  PKCS#11 v2.40; SEC Appendix L (keys live in hardware).
 * Effects: the token.
 */
#ifndef P11_GENERATE_H
#define P11_GENERATE_H

#include "p11_key.h"

/*
 * Make the pair and find it again as the signer will.
 *   left   out: what the module refused in the template, so that the key is without it;
 *          NULL: nothing
 *
 * Errors (ERR_TOKEN): those of p11_key_find, and
 *   "token.key-exists"  private or public key of that id is there already
 */
MUST_CHECK bool p11_generate(struct session *s, const char *name, const char *id,
                             const char *label, enum p11_use use, bool extractable,
                             struct p11_key *out, const char **left, struct err *e);
/* Is there any key of that id? ERR_TOKEN "token.key-exists". */
MUST_CHECK bool p11_id_free(struct session *s, const char *name, const char *id,
                            struct err *e);

#endif
