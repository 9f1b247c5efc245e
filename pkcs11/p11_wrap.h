/* SPDX-License-Identifier: MIT
 *
 * p11_wrap - a private key out of a token under a wrapping key, and into another one; and
 * the proof that it is the right one. For ceremonies only.
 *
 * By CKM_AES_KEY_WRAP_PAD, AES key wrap with padding of a PKCS#8 PrivateKeyInfo; where the
 * token does not have it, by CKM_AES_KEY_WRAP_KWP, the name that PKCS#11 v3.0 gives RFC
 * 5649. The wrapping key is a session object made of a secret that the custodians hold.
 *
 * Source:  PKCS#11 v2.40 and v3.0; RFC 5649. Effects: the token.
 */
#ifndef P11_WRAP_H
#define P11_WRAP_H

#include "p11_key.h"

/* AES-256 as a session object; it goes with the session, or by p11_wrap_destroy.
 * Errors here and below: those of p11_error. */
MUST_CHECK bool p11_wrap_kek(struct session *s, const uint8_t secret[32],
                             CK_OBJECT_HANDLE *out, struct err *e);
/* *len in: room. */
MUST_CHECK bool p11_wrap_out(struct session *s, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key,
                             uint8_t *out, size_t *len, struct err *e);
/* Into the token, never to leave it again: the private key and the public one that p11_key
 * looks for. Where one of them cannot be made, neither is there. */
MUST_CHECK bool p11_wrap_in(struct session *s, CK_OBJECT_HANDLE kek, struct span wrapped,
                            const struct p11_id *id, const char *label, enum p11_use use,
                            const struct point *point, CK_OBJECT_HANDLE made[2],
                            struct err *e);
/* Into the session only, extractable: to be wrapped anew, or tried. */
MUST_CHECK bool p11_wrap_try(struct session *s, CK_OBJECT_HANDLE kek, struct span wrapped,
                             enum p11_use use, CK_OBJECT_HANDLE *out, struct err *e);
/* From now on it does not leave the token. */
MUST_CHECK bool p11_wrap_close(struct session *s, CK_OBJECT_HANDLE key, struct err *e);
/* What was made before something else failed, away again as far as it goes. */
void p11_wrap_undo(struct session *s, CK_OBJECT_HANDLE h);
MUST_CHECK bool p11_wrap_destroy(struct session *s, CK_OBJECT_HANDLE h, struct err *e);

/*
 * Is it the private key to that point? It signs a text that no command begins with, or
 * agrees with a key made for this moment. ERR_DENIED "ceremony.proof".
 */
MUST_CHECK bool p11_wrap_prove(struct session *s, CK_OBJECT_HANDLE key, enum p11_use use,
                               const struct point *point, struct err *e);
/* One signature, CKM_ECDSA, on the anchor. */
MUST_CHECK bool p11_wrap_sign(struct session *s, CK_OBJECT_HANDLE key,
                              const struct digest *d, struct sig_p256 *out, struct err *e);

#endif
