/* SPDX-License-Identifier: MIT
 *
 * p11_key - find one key of the token, prove what it is, and read its public point.
 *
 * Searched by class and CKA_ID (and CKA_LABEL where configured), among token objects only;
 * exactly one private and one public key must answer. Not finding a key is a fault: nothing
 * is created and no other key is tried, for a lost token looks like an empty one.
 *
 * Source:  PKCS#11 v2.40; RFC 5480 (the curve and the point).
 * Effects: reads the token.
 */
#ifndef P11_KEY_H
#define P11_KEY_H

#include "session.h"

enum p11_use { P11_USE_SIGN, P11_USE_DERIVE };

struct p11_key {
    CK_OBJECT_HANDLE token;  /* the private key as it lies in the token */
    CK_OBJECT_HANDLE in_use; /* the same, or a session copy of it */
    struct point point;
};

struct p11_id {
    CK_BYTE id[32];
    CK_ULONG len;
};

/* Has the token the mechanism for it? What a key's attributes allow says nothing of that.
 * name is what errors call the key. ERR_TOKEN "token.mechanism"; those of p11_error. */
MUST_CHECK bool p11_use_possible(struct session *s, const char *name, enum p11_use use,
                                 struct err *e);
/* The use that a key name stands for: names ending in "-ka" are for key agreement. */
enum p11_use p11_key_use(const char *name);

/* Hexadecimal Id= or ProbeId=. ERR_TOKEN "token.key-missing" when empty or not hex. */
MUST_CHECK bool p11_id_parse(const char *hex, const char *name, struct p11_id *out,
                             struct err *e);

/*
 * Find and check.
 *   name   what errors call the key
 *   label  NULL or empty: any
 *
 * Errors (ERR_TOKEN):
 *   "token.key-missing", "token.key-duplicate"
 *   "token.key-attributes"  the text says which
 *   "token.mechanism"       the token cannot do what it is for
 */
MUST_CHECK bool p11_key_find(struct session *s, const char *name, const char *id,
                             const char *label, enum p11_use use, struct p11_key *out,
                             struct err *e);
/* The same for a key that was made to be backed up and has not been yet: it must be
 * extractable, and nothing signs with it. */
MUST_CHECK bool p11_key_find_extractable(struct session *s, const char *name,
                                         const char *id, const char *label,
                                         enum p11_use use, struct p11_key *out,
                                         struct err *e);
/* Try a session copy for in_use; leaves the token object where the module refuses. */
bool p11_key_copy(struct session *s, struct p11_key *k);

/* Up to max objects; *n may be max when there are more. Pairs Init with Final always. */
MUST_CHECK bool p11_search(struct session *s, CK_ATTRIBUTE *wanted, CK_ULONG n_wanted,
                           CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *n, struct err *e);
/* One attribute into buf; *len in: room, out: octets, 0 when the object has none. */
MUST_CHECK bool p11_read(struct session *s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE_TYPE type,
                         void *buf, CK_ULONG *len, struct err *e);
/* CKA_EC_POINT, wrapped in an OCTET STRING or bare; false when neither. */
MUST_CHECK bool p11_point(const uint8_t *at, CK_ULONG len, struct point *out);
/* The DER of the named curve, for templates. */
extern const uint8_t p11_p256[10];

#endif
