/* SPDX-License-Identifier: MIT
 *
 * pki - throw-away certificates for tests and rehearsals: the SMKI profile (Root OCA,
 * Issuing OCA, Organisation) and plain certificates for approvers, officers, custodians.
 *
 * Never for live use: keys are made in software and lie in files. A test aid: it aborts
 * instead of returning errors.
 *
 * Source:  profile as lib/formats/cert.h.
 * Effects: random numbers; pki_save_* write files.
 */
#ifndef PKI_H
#define PKI_H

#include "gbcs.h"

#include <openssl/cms.h>
#include <openssl/x509.h>

struct pki_pair {
    X509 *cert;
    EVP_PKEY *key; /* NULL where only the public half was given */
};

/* Deliberate departures from the profile, so that each check can be seen to bite. */
enum pki_flaw {
    PKI_SOUND,
    PKI_TWO_USAGES,      /* digitalSignature and keyAgreement */
    PKI_USAGE_PLAIN,     /* keyUsage not critical */
    PKI_NO_USAGE,        /* no keyUsage */
    PKI_LONG_SKI,        /* 20-octet key identifier, method (1) */
    PKI_WRONG_SKI,       /* 8 octets, not of this key */
    PKI_NO_POLICY,       /* no certificatePolicies */
    PKI_POLICY_PLAIN,    /* certificatePolicies not critical */
    PKI_NO_AKI,          /* no authorityKeyIdentifier */
    PKI_WRONG_AKI,       /* another issuer's key identifier */
    PKI_ROLE_LOWER,      /* OU "7f" */
    PKI_NO_ROLE,         /* no OU */
    PKI_SHORT_EUI,       /* seven octets */
    PKI_EUI_OCTETS,      /* unique identifier as OCTET STRING */
    PKI_TWO_EUIS,        /* the attribute twice */
    PKI_LEAF_CA,         /* basicConstraints in a leaf */
    PKI_EXTRA_CRITICAL,  /* an unknown critical extension */
    PKI_EXTRA_ATTRIBUTE, /* O in the subject */
    PKI_SHA384,          /* ecdsa-with-SHA384 */
    PKI_V1,              /* version 1, no extensions */
    PKI_LATE_TIME,       /* GeneralizedTime for a date before 2050 */
    PKI_SKI_CRITICAL,    /* subjectKeyIdentifier critical */
    PKI_AKI_CRITICAL,    /* authorityKeyIdentifier critical */
    PKI_USAGE_TWICE,     /* the keyUsage extension twice */
    PKI_CA_PLAIN,        /* basicConstraints not critical */
    PKI_NO_PATHLEN,      /* an Issuing OCA without pathLen */
    PKI_EMPTY_POLICY,    /* certificatePolicies without a policy */
    PKI_TWO_CNS,         /* CN twice */
    PKI_ONE_RDN,         /* CN and OU in one RDN */
};

struct pki_spec {
    const char *cn;                /* NULL: none */
    int role;                      /* OU; negative: none */
    const struct eui64 *eui;       /* NULL: none */
    enum key_usage usage;          /* KU_KEY_CERT_SIGN: an OCA */
    EVP_PKEY *key;                 /* public half certified; NULL: a new one is made */
    const struct pki_pair *issuer; /* NULL: self-signed */
    int64_t not_before, not_after; /* seconds since 1970; 0: yesterday, in 10 years */
    struct span contingency;       /* DER for WrappedApexContingencyKey; empty: none */
    enum pki_flaw flaw;
};

EVP_PKEY *pki_key_new(void);
struct pki_pair pki_issue(const struct pki_spec *spec);
void pki_pair_done(struct pki_pair *p);
/* A certificate of a person: CN holder, OU seat (NULL: none), O organisation (NULL: none);
 * digitalSignature, or a CA when ca. key NULL: a new one. */
struct pki_pair pki_person(const char *holder, const char *seat, const char *organisation,
                           bool ca, EVP_PKEY *key, const struct pki_pair *issuer,
                           int64_t not_before, int64_t not_after);
/* ApexContingencyKey of pub under a 16- or 32-octet key (RFC 5934,
 * RFC 5649). DER; free(). */
struct span pki_wrap_contingency(EVP_PKEY *pub, struct span symmetric_key);
/* The same otherwise. */
struct pki_wrap {
    bool plain;       /* by RFC 3394, filled up with zeros */
    bool named_plain; /* the algorithm that the document names */
    size_t more;      /* further octets behind it, all zero but the last: */
    uint8_t last;     /* 0: it too; also of the filling where more is 0 */
};
struct span pki_wrap_contingency_as(EVP_PKEY *pub, struct span symmetric_key,
                                    const struct pki_wrap *how);

/* DER, PEM of one; caller frees .at with free(). */
struct span pki_der(X509 *x);
struct span pki_pem(X509 *x);
struct span pki_point(EVP_PKEY *key); /* 65 octets; free() */
/* What Keys= of a [Person] is the SHA-256 of: the octets in the BIT STRING. free() */
struct span pki_key_octets(EVP_PKEY *key);

/* content in CMS SignedData by n signers, as `openssl cms -sign -binary -nodetach` and
 * `-resign` make it. DER; caller frees .at with free(). */
struct span pki_cms(struct span content, const struct pki_pair *signers, size_t n);

/* What ca has revoked: those certificates; thisUpdate from, nextUpdate to (seconds since 1970;
 * 0: none). X509_CRL_free() is the caller's. */
X509_CRL *pki_crl(const struct pki_pair *ca, X509 *const revoked[], size_t n, int64_t from,
                  int64_t to);

void pki_save_cert(const char *path, X509 *x);
void pki_save_crl(const char *path, X509_CRL *crl);
void pki_save_key(const char *path, EVP_PKEY *key);
X509 *pki_load_cert(const char *path);
EVP_PKEY *pki_load_key(const char *path);    /* private */
EVP_PKEY *pki_load_public(const char *path); /* PUBLIC KEY, or the key of a certificate */

#endif
