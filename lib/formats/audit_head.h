/* SPDX-License-Identifier: MIT
 *
 * audit_head - a signed head: how far the signers' account and the service's trail had come
 * when a signer put the token's audit key under both.
 *
 * What is signed (ECDSA P-256, SHA-256) is this text, each line ended:
 *
 *   smki-recovery head
 *   <id of the signers' account, 32 hexadecimal digits>
 *   <its records>
 *   <hash of the last of them>
 *   <records of the service's trail; 0: none was named>
 *   <hash of the last of them; 64 zeros>
 *
 * No command begins like this, and the audit key is none of the keys that sign commands. In
 * the "data" of a record of kind HEAD, in both chains, stand the same and "key" (SHA-256 of
 * the public point, 65 octets) and "signature" (DER, base64).
 *
 * Effects: none.
 */
#ifndef AUDIT_HEAD_H
#define AUDIT_HEAD_H

#include "bytes.h"

#include <jansson.h>

#define AUDIT_HEAD "HEAD" /* the kind of such a record */

struct audit_head {
    uint8_t chain[16];
    uint64_t records;
    struct digest hash;
    uint64_t service_records;
    struct digest service_hash;
    struct digest key;
    struct sig_p256 sig;
};

/* What is signed. */
struct digest audit_head_digest(const struct audit_head *h);
/* As "data" of a record; NULL: out of memory. */
json_t *audit_head_json(const struct audit_head *h);
/* Errors: ERR_INPUT "audit.head": not of this form. */
MUST_CHECK bool audit_head_from_json(const json_t *data, struct audit_head *out,
                                     struct err *e);

#endif
