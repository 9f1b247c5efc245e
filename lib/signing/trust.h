/* SPDX-License-Identifier: MIT
 *
 * trust - whom this machine believes: root and issuing certificates, the certificate of each
 * configured key, the anchor of each authority; all named in root-owned configuration.
 *
 * The service and each signer load their own. Effects: trust_load reads files.
 */
#ifndef TRUST_H
#define TRUST_H

#include "authority.h"

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
 * whole machine: default deny. Missing root or issuing: ERR_INPUT "config.trust". One of
 * them, or its folder, that others may write: ERR_DENIED "config.owner". */
MUST_CHECK bool trust_load(const struct config *c, struct trust *out, struct err *e);
void trust_done(struct trust *t);

/*
 * Open, parse and judge a document by the anchor and quorum of whoever it says it is by:
 * the one way in for decisions and instructions, in the service and in the signer.
 *   incident  it has to be about, said before anyone is counted; NULL: any
 *   out       as authority_open() leaves it
 *   json      its text, malloc'd, caller frees it, also after a failure (at NULL: it came
 *             to none); NULL: not wanted
 * Errors: those of authority_open; ERR_DENIED "decision.addressee" (nobody configured),
 * "decision.other-incident", "decision.no-quorum-configured" (also: anchor unreadable).
 */
MUST_CHECK bool trust_judge(const struct trust *t, struct span cms, const char *incident,
                            int64_t now_us, struct authority *out, struct span *json,
                            struct err *e);

/* The key-agreement key of the ACB on this machine, by its place in config->keys; false:
 * commands go out without MAC and whoever holds that key adds it. */
bool trust_acb_key(const struct trust *t, size_t *key);

#endif
