/* SPDX-License-Identifier: MIT
 *
 * cmsform - a CMS message, however it is written down: DER or BER as it is, PEM under the
 * labels that openssl, NSS and gpgsm write. What else people hand in is named as what it is.
 *
 * Source:  RFC 5652; RFC 7468 9 (label CMS) and 8 (label PKCS7); "SIGNED MESSAGE" is gpgsm's.
 * Effects: none.
 */
#ifndef CMSFORM_H
#define CMSFORM_H

#include "bytes.h"
#include "err.h"

/*
 * The octets of the message; nothing of them is decoded.
 *   out  malloc'd, the caller frees out->at
 *
 * Errors: ERR_INPUT "decision.cms" the text names the form and how to change it,
 * "decision.trailing" something but white space follows the PEM block.
 */
MUST_CHECK bool cmsform_octets(struct span in, struct span *out, struct err *e);

#endif
