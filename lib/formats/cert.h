/* SPDX-License-Identifier: MIT
 *
 * cert - an SMKI Organisation or OCA certificate, decoded strictly and held to its profile.
 *
 * The profile (RFC 5759):
 *   key         P-256
 *   signature   ecdsa-with-SHA256
 *   key usage   one bit
 *   key ids     8 octets, by RFC 5280 4.2.1.2 method (2)
 *   subject     OU is the role as two hexadecimal digits, x500UniqueIdentifier the EUI-64
 *
 * Source:  GBCS 12.3-12.4 and SEC Appendix B as far as public text and the published test
 *          certificates show them.
 * Effects: none. Time is a parameter.
 */
#ifndef CERT_H
#define CERT_H

#include "gbcs.h"

#include <openssl/x509.h>

#define CERT_DER_MAX 4096
#define CERTS_MAX    32 /* in one bundle */

struct cert {
    X509 *x;
    struct span der;      /* the received octets, owned */
    struct digest sha256; /* of der: how decisions name a certificate */
    enum role role;
    bool has_eui;
    struct eui64 eui;
    enum key_usage usage; /* OCA certificates: KU_KEY_CERT_SIGN */
    struct key_id ski;
    bool has_aki;
    struct key_id aki;
    struct digest key_sha256; /* of the 65-octet point: same key, same digest */
    struct point point;
    int64_t not_before_us, not_after_us;
    char subject[128]; /* for people */
    char serial[65];   /* hex */
};

/* Decode and hold to the profile. name: what errors call it ("certificate 2 of new.pem").
 * Errors (ERR_INPUT): "cert.der", "cert.profile" (the text says which field). */
MUST_CHECK bool cert_read(struct span der, const char *name, struct cert *out,
                          struct err *e);
void cert_done(struct cert *c);

struct certs {
    struct cert at[CERTS_MAX];
    size_t n;
};
/* All certificates of a PEM text (or one DER).
 * Errors: as cert_read; "cert.too-many", "cert.none". */
MUST_CHECK bool certs_read(struct span pem, const char *name, struct certs *out,
                           struct err *e);
MUST_CHECK bool certs_read_file(const char *path, struct certs *out, struct err *e);
void certs_done(struct certs *c);
const struct cert *certs_find(const struct certs *c, const struct digest *sha256);

/* Subject is issuer, and its own key verifies it. */
bool cert_self_signed(const struct cert *c);
/* Name, key identifier and signature say that issuer made c. Dates are not looked at. */
bool cert_issued_by(const struct cert *c, const struct cert *issuer);

/*
 * Path validation to the SMKI Root: leaf signed by one of the issuing certificates (matched
 * by authority key identifier and name), that one signed by root; all in date at now_us.
 *   issuer  out, may be NULL: the Issuing OCA certificate used
 *
 * Errors (ERR_DENIED): "cert.chain", "cert.expired".
 */
MUST_CHECK bool cert_chain(const struct cert *leaf, const struct certs *issuing,
                           const struct cert *root, int64_t now_us,
                           const struct cert **issuer, struct err *e);

#endif
