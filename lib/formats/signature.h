/* SPDX-License-Identifier: MIT
 *
 * signature - does a signature in a CMS message count, whoever made it? Approvals and party
 * files are asked the same.
 *
 * Decided here:
 *   - keys: ECDSA P-256 or P-384, RSA of 2048 bits or more;
 *   - digests: SHA-256, SHA-384, SHA-512, the same in the signature algorithm;
 *   - signed attributes: contentType and messageDigest, each once with one value, and the
 *     contentType is the one of the content: else a signature could be moved here from
 *     another kind of message (RFC 5652 5.3, 11.1);
 *   - the certificate is for signing messages: digitalSignature or nonRepudiation, and
 *     emailProtection where it has an extended key usage at all (RFC 5280 4.2.1.12).
 *
 * Source:  RFC 5652, RFC 5280; the choice of algorithms is the project's.
 * Effects: none.
 */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include <openssl/cms.h>

#include <stdint.h>

/*
 * What is wrong with signer si of ci, whose certificate is x; NULL: nothing. The signature
 * itself is not verified here: CMS_verify and its parts do that well.
 *   returned  a constant text
 */
const char *signature_fault(CMS_ContentInfo *ci, CMS_SignerInfo *si, X509 *x);
/*
 * What is wrong with the certificate x, at now_us (microseconds since 1970), by the anchors
 * and these other certificates.
 *   revoked   lists of crl_read(): each certificate up to the anchor needs the one of its
 *             issuer, and is not on it; NULL: nobody asks
 *   returned  X509_V_OK: nothing; else the X509_V_ERR_ of openssl/x509_vfy.h, which has a text
 */
int signature_chain(X509 *x, STACK_OF(X509) * others, X509_STORE *anchors,
                    STACK_OF(X509_CRL) * revoked, int64_t now_us);

#endif
