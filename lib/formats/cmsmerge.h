/* SPDX-License-Identifier: MIT
 *
 * cmsmerge - approvals that people made apart, each with an own tool, become one message.
 *
 * Nothing that was signed is encoded anew: each SignerInfo is copied octet for octet, as are
 * certificates, lists and algorithms; only the SETs around them are written again, in DER.
 * Attributes that a tool signed in another order than DER's stay in that order, which a
 * program that decodes and encodes the message (openssl cms -resign) would not leave to
 * them. Each signature is tried before it is taken: one that does not hold as it stands, or
 * could not count for another reason (signature.h), is refused with that reason.
 *
 * Source:  RFC 5652 5.1, 5.4.
 * Effects: none.
 */
#ifndef CMSMERGE_H
#define CMSMERGE_H

#include "bytes.h"
#include "err.h"

#define CMSMERGE_SIGNERS_MAX 32

struct cmsmerge_part {
    const char *name; /* for the text of a refusal */
    struct span cms;  /* as somebody wrote it: cmsform.h */
};

struct cmsmerge_signer {
    const char *part; /* whose file */
    char holder[64];  /* CN of the certificate */
    bool unsorted;    /* its signed attributes do not stand in DER order */
};

struct cmsmerge {
    struct span out; /* DER, content inside; freed by cmsmerge_done */
    struct cmsmerge_signer signers[CMSMERGE_SIGNERS_MAX];
    size_t n;
};

/*
 * Join them.
 *   parts     with the content inside or without it
 *   document  the content where no part has it; else it must be the same; NULL, 0: unsaid
 *
 * Errors:
 *   ERR_INPUT  "decision.cms", "decision.trailing", "decision.not-signed",
 *              "decision.detached" nobody has the content, "decision.no-signers",
 *              "decision.too-many-signers";
 *              "decision.merge-content" not over the very same octets,
 *              "decision.merge-twice" one key has signed twice,
 *              "decision.merge-signature" a signature that does not hold or cannot count
 */
MUST_CHECK bool cmsmerge_join(const struct cmsmerge_part parts[], size_t n,
                              struct span document, struct cmsmerge *out, struct err *e);
void cmsmerge_done(struct cmsmerge *m);

#endif
