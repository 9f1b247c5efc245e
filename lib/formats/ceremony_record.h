/* SPDX-License-Identifier: MIT
 *
 * ceremony_record - what one ceremony did, signed by the audit key of its token.
 *
 * A JSON object. Signed (ECDSA P-256, SHA-256) is the object without its "signature",
 * members sorted, no blanks: what `jq -jcS 'del(.signature)'` prints. "key" is the public
 * point of the audit key. A token that has no audit key yet leaves both out: such a record
 * proves nothing and no service takes it.
 *
 *   jq -jcS 'del(.signature)' R >text && jq -r .signature R | base64 -d >sig &&
 *   openssl dgst -sha256 -verify audit-key.pem -signature sig text
 *
 * No command and no head begins with '{', and the audit key signs no commands.
 * Effects: none.
 */
#ifndef CEREMONY_RECORD_H
#define CEREMONY_RECORD_H

#include "custody.h"

#define CEREMONY_RECORD_MAX    ((size_t)64 * 1024) /* octets of one */
#define CEREMONY_RECORD_SCHEMA "smki-recovery/ceremony/1"
#define CEREMONY_RECORD_KEYS   (CONFIG_KEYS_MAX + 2) /* probe and audit key, too */

enum ceremony_what {
    CEREMONY_GENERATE,
    CEREMONY_REQUEST,
    CEREMONY_MARK,
    CEREMONY_BACKUP,
    CEREMONY_RESTORE,
    CEREMONY_ROTATE,
    CEREMONY_PROVE,
    CEREMONY_DESTROY,
    CEREMONY_PRUNE,
    CEREMONY_WHATS,
};
const char *ceremony_record_what(enum ceremony_what w);

struct ceremony_record {
    char id[CUSTODY_ID_LEN + 1];
    enum ceremony_what what;
    int64_t at_us;
    char label[33], serial[17], model[33]; /* of the token */
    struct ceremony_record_key {
        char name[CONFIG_NAME_MAX];
        char id[65];          /* CKA_ID, hex */
        struct digest public; /* SHA-256 of the point, 65 octets */
    } keys[CEREMONY_RECORD_KEYS];
    size_t n_keys;
    struct custody_person present[CUSTODY_MEMBERS_MAX];
    size_t n_present;
    bool has_set;
    struct custody_set set;           /* as it is after the ceremony */
    bool proven[CUSTODY_MEMBERS_MAX]; /* whose shares were shown, of the set as it was */
    char result[512];                 /* a sentence */
    bool is_signed;
    struct point key;
    struct sig_p256 sig;
};

/* What is signed. False: out of memory. */
MUST_CHECK bool ceremony_record_digest(const struct ceremony_record *r, struct digest *out);
/* The document, a line; malloc'd. NULL: out of memory. */
char *ceremony_record_text(const struct ceremony_record *r);
/*
 * Read one; the signature is verified by the key that stands in it: whose that is, is for
 * the caller to judge.
 *
 * Errors: ERR_INPUT "ceremony.record" not of this form;
 *         ERR_DENIED "ceremony.signature" there is none, or it is wrong;
 *         of the set "share.quorum", "share.party".
 */
MUST_CHECK bool ceremony_record_read(struct span text, struct ceremony_record *out,
                                     struct err *e);

#endif
