/* SPDX-License-Identifier: MIT
 *
 * meter_issue - issue certificates of the SMKI profile, and ones that break it on purpose.
 *
 * Used by the throw-away PKI of the tests and by the mutations; octet by octet, because
 * OpenSSL would refuse to make some of the certificates a judge must refuse to take.
 *
 * Source:  SMKI certificate profiles (as GBCS section 12); RFC 5280; RFC 5934 3 (wrapped
 *          key).
 * Effects: random numbers when signing.
 */
#ifndef METER_ISSUE_H
#define METER_ISSUE_H

#include "meter_crypto.h"
#include "meter_gbcs.h"

enum oddity {
    ODD_CURVE = 1,    /* says secp256k1 */
    ODD_KEY_ID = 2,   /* subject key identifier of another key */
    ODD_CRITICAL = 4, /* unknown critical extension */
    ODD_NO_POLICY = 8,
    ODD_NO_AUTHORITY = 16,
    ODD_ALGORITHM = 32, /* says SHA-384 */
    ODD_EXPLICIT_CA = 64,
};

struct issue {
    const char *cn; /* NULL: none */
    int role;       /* OU; -1 none */
    bool has_eui;
    uint64_t eui;
    struct octets issuer;     /* name, contents; .at NULL: self-signed */
    struct octets issuer_id;  /* its key identifier */
    const char *from, *until; /* GeneralizedTime text */
    struct octets point;
    struct octets usage; /* BIT STRING contents */
    bool ca;
    int path_len;                         /* -1 none */
    struct octets symmetric, contingency; /* wrap this key's point under that key */
    unsigned odd;
};

void cert_issue(const struct issue *i, EVP_PKEY *issuer_key, struct out *der);
void spki_write(struct out *o, struct octets point, bool odd_curve);
/* Name, contents: CN, OU, unique identifier; one attribute per RDN. */
void name_write(struct out *o, const char *cn, int role, const uint64_t *eui);

#endif
