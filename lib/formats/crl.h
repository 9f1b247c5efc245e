/* SPDX-License-Identifier: MIT
 *
 * crl - which certificates of an authority's people were revoked, as the CAs of its anchor say:
 * X.509 CRLs in one file.
 *
 * The file is read whenever somebody's signature is judged, so that a new one counts from the
 * moment it lies there, in the service and in every signer. What cannot be relied on is no
 * empty list: nobody of that authority counts then.
 *
 * Source:  RFC 5280 5, 6.3; that nextUpdate is due (5.1.2.5) and that it binds is the project's.
 * Effects: reads the file. Time is a parameter.
 */
#ifndef CRL_H
#define CRL_H

#include "err.h"

#include <openssl/x509.h>

#include <stdint.h>

#define CRL_FILE_MAX (16u << 20)

/*
 * All lists of a file, PEM (one or more) or DER (one).
 *   path     of a file that only root, or the user who runs this, may write
 *   anchors  each list is signed by one of these certificates; borrowed
 *   now_us   within each list's thisUpdate .. nextUpdate, microseconds since 1970
 *   out      crl_free() is the caller's; NULL after a failure
 *
 * Errors: ERR_DENIED "decision.crl", "config.owner"; ERR_STORE "store.memory".
 */
MUST_CHECK bool crl_read(const char *path, X509_STORE *anchors, int64_t now_us,
                         STACK_OF(X509_CRL) * *out, struct err *e);
void crl_free(STACK_OF(X509_CRL) * list);

#endif
