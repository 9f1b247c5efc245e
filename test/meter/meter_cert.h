/* SPDX-License-Identifier: MIT
 *
 * meter_cert - certificates as a device sees them: read once, remembered, judged by the
 * SMKI profile, and followed up to the device's root.
 *
 * Verdicts on (certificate, path, root, time rule) are remembered: a recovery sends the
 * same few certificates to every device.
 *
 * Invariant: a certificate is its octets. The pool keeps each distinct one once; numbers
 *            into the pool are what devices hold.
 * Source:    SMKI certificate profiles as in GBCS section 12; RFC 5280 section 6, without
 *            policy mapping: the initial policy set of a device is unknown.
 * Effects:   heap.
 */
#ifndef METER_CERT_H
#define METER_CERT_H

#include "meter_crypto.h"
#include "meter_gbcs.h"
#include "meter_util.h"

#define PATH_MAX_CERTS 3 /* DUIS 5.4 allows at most three */

struct cert {
    struct octets der; /* owned by the pool */
    uint8_t digest[32];
    const char *malformed; /* NULL when the fields below are filled */
    struct octets tbs, issuer, subject, signature;
    char not_before[TIME_LEN], not_after[TIME_LEN];
    uint8_t point[POINT_LEN];
    uint8_t key_id[KEYID_LEN]; /* computed, not read */
    EVP_PKEY *key;             /* NULL: not a P-256 key */
    int role;                  /* OU as hexadecimal; -1 none */
    bool has_eui;
    uint64_t eui; /* 0 when there is none, as root certificates report */
    struct octets usage, ski, aki;
    bool usage_critical, ski_critical, aki_critical, policies_critical;
    bool has_policies, aki_plain, unknown_critical;
    bool has_constraints, ca;
    int64_t path_len;                /* -1 none */
    struct octets wrap_oid, wrapped; /* contingency key */
};

struct pool {
    struct cert **at; /* [0] is NULL: number 0 means none */
    size_t n, cap;
    uint32_t *slots; /* hash table of numbers */
    size_t n_slots;
    struct verdict_slot *verdicts;
    size_t n_verdicts, cap_verdicts;
};

void pool_init(struct pool *p);
void pool_done(struct pool *p);
uint32_t pool_add(struct pool *p, struct octets der);
/* From a file, PEM or DER; ends the program when it is no certificate. */
uint32_t pool_add_file(struct pool *p, const char *path);

struct path_spec {
    uint32_t root; /* the device's */
    uint32_t path[PATH_MAX_CERTS];
    size_t n;
    const char *now; /* NULL: validity dates are not looked at */
};

/* May this certificate go into that cell, below that root? A StatusCode; *why says which
 * rule was broken (a constant text; "" on success). */
int cert_judge(struct pool *p, uint32_t leaf, enum cell cell, const struct path_spec *s,
               const char **why);
/* The same for a root cell: `abnormal` lets a self-signed stranger in (mode 9). */
int cert_judge_root(struct pool *p, uint32_t fresh, const struct path_spec *s,
                    bool abnormal, const char **why);

/* SubjectPublicKeyInfo -> point; false unless P-256, uncompressed. */
bool spki_point(struct octets der, uint8_t point[POINT_LEN]);

#endif
