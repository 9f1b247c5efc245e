/* SPDX-License-Identifier: MIT
 *
 * cert_view - what a certificate says at a glance, for people: no judgement, no profile.
 *
 * A message may carry any certificate, also one that cert.h refuses; what can be read of
 * it is shown, the rest is left empty.
 *
 * Effects: none.
 */
#ifndef CERT_VIEW_H
#define CERT_VIEW_H

#include "bytes.h"

struct cert_view {
    char eui[17];    /* x500UniqueIdentifier of the subject, hex; "" when there is none */
    char role[17];   /* OU of the subject as it stands: "02" */
    char name[65];   /* CN of the subject */
    char issuer[65]; /* CN of the issuer */
    char usage[64];  /* "digitalSignature", several with a blank between */
    char key_id[41]; /* subject key identifier, hex */
    char issuer_key_id[41];
    char serial[65];     /* hex */
    char not_before[24]; /* "2016-01-01T00:00:00Z" */
    char not_after[24];
};

/* False when der is no X.509 certificate at all; then everything is empty. */
bool cert_view_read(struct span der, struct cert_view *out);

#endif
