/* SPDX-License-Identifier: MIT
 *
 * p11_agree - ECDH with a key of the token: the shared secret of 32 octets.
 *
 * Source:  PKCS#11 v2.40 (CKM_ECDH1_DERIVE, CKD_NULL). Effects: the token.
 */
#ifndef P11_AGREE_H
#define P11_AGREE_H

#include "p11_key.h"

/* z is wiped after a failure; the caller wipes it otherwise. Errors: those of p11_error. */
MUST_CHECK bool p11_agree(struct session *s, CK_OBJECT_HANDLE key, const struct point *peer,
                          uint8_t z[32], struct err *e);

#endif
