/* SPDX-License-Identifier: MIT
 *
 * trust - whom this machine believes: root and issuing certificates, the certificate of each
 * configured key, the anchor of each authority; all named in root-owned configuration.
 *
 * The service and each signer load their own. Effects: trust_load reads files.
 */
#ifndef TRUST_H
#define TRUST_H

#include "cert.h"
#include "config.h"

/* The anchors of this machine, from root-owned configuration. */
struct trust {
    const struct config *config;
    struct certs root;    /* exactly one */
    struct certs issuing; /* at least one */
    struct {
        struct certs cert; /* exactly one: the key's certificate */
        bool present;
        char missing[160];   /* why not present */
    } keys[CONFIG_KEYS_MAX]; /* as config->keys */
    X509_STORE
    *anchors[CONFIG_AUTHORITIES_MAX]; /* as config->authorities; NULL: unreadable,
                                         then nothing by that authority is valid */
};
/* A missing or bad anchor or key certificate makes its authority or key unusable, not the
 * whole machine: default deny. Missing root or issuing: ERR_INPUT "config.trust". */
MUST_CHECK bool trust_load(const struct config *c, struct trust *out, struct err *e);
void trust_done(struct trust *t);

#endif
