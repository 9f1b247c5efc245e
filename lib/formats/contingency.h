/* SPDX-License-Identifier: MIT
 *
 * contingency - the contingency public key that a Root OCA certificate carries, wrapped.
 *
 * Source:  RFC 5934 (WrappedApexContingencyKey, 1.3.6.1.5.5.7.1.20). That GBCS uses exactly
 *          this, and wraps a SubjectPublicKeyInfo, is INFERRED from the name of the field;
 *          the wrap algorithm is whatever the certificate names: AES key wrap (RFC 3394) or
 *          with padding (RFC 5649), of 128, 192 or 256 bits. RFC 3394 takes multiples of 8
 *          octets, and a P-256 key has 91: tokens fill it up with zeros in silence. Just
 *          these are taken, and by RFC 3394 only.
 * Effects: none.
 */
#ifndef CONTINGENCY_H
#define CONTINGENCY_H

#include "cert.h"

/* Does root carry a wrapped key? */
bool contingency_present(const struct cert *root);
/* Unwrap it with the Symmetric Key and give the point. ERR_DENIED "contingency.wrapped"; the
 * text tells a wrong key from one wrapped otherwise than the certificate names, and from octets
 * behind the key. */
MUST_CHECK bool contingency_unwrap(const struct cert *root, struct span symmetric_key,
                                   struct point *out, struct err *e);

#endif
