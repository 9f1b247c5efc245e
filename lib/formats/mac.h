/* SPDX-License-Identifier: MIT
 *
 * mac - the key a party and a device share for one message, and the MAC made with it.
 *
 * The shared secret Z is an input: it is derived where the key agreement key lives. The
 * derived key is good for one message, since the counter is part of its derivation.
 *
 * Source:  GBCS 4.3.3 (key derivation: SHA-256 of 00000001, Z, OtherInfo);
 *          GBCS 6.2.3 (AES-128-GCM without plaintext, tag of 12 octets, additional data 11
 *          and five zero octets before the grouping header; the single 11 of GBCS 0.8.1 is
 *          obsolete). Verified on the samples of GBCS 18.4 and on RTDS 4.5.0.
 * Effects: none. Keys are wiped by mac_key_wipe, also on scope exit with AUTO(mac_key).
 */
#ifndef MAC_H
#define MAC_H

#include "bytes.h"

#define MAC_LEN        12
#define MAC_OTHER_INFO 33

struct mac_secret { /* Z: x-coordinate of the agreed point */
    uint8_t b[32];
};
struct mac_key {
    uint8_t b[16];
};
void mac_key_wipe(struct mac_key *k);
static inline void mac_key_auto(struct mac_key *k)
{
    mac_key_wipe(k);
}

/* 60857406080300, originator, 09, CRA flag, counter, recipient. */
void mac_other_info(const struct eui64 *originator, uint8_t cra, uint64_t counter,
                    const struct eui64 *recipient, uint8_t out[MAC_OTHER_INFO]);
/* Errors: ERR_STORE "store.memory" OpenSSL cannot (memory). */
MUST_CHECK bool mac_derive(const struct mac_secret *z,
                           const uint8_t other_info[MAC_OTHER_INFO], struct mac_key *out,
                           struct err *e);

/* The key of a message, with originator, flag, counter and recipient from its grouping
 * header. inner: from DF on.
 * Errors: ERR_INPUT "mac.inner" no grouping header. */
MUST_CHECK bool mac_key_for(struct span inner, const struct mac_secret *z,
                            struct mac_key *out, struct err *e);

/*
 * AES-128-GCM with a tag of 12 octets. aad may come in two pieces; plain and cipher have
 * one length (0 for a MAC alone, cipher then NULL).
 *
 * Errors: ERR_STORE "store.memory" OpenSSL cannot (memory).
 */
MUST_CHECK bool mac_gcm(const struct mac_key *k, const uint8_t iv[12], struct span front,
                        struct span aad, struct span plain, uint8_t *cipher,
                        uint8_t tag[MAC_LEN], struct err *e);

/* The MAC of a message.
 *   inner  DF to the end of the signature field (40 and 64 octets, or 00)
 *
 * Errors: as mac_key_for and mac_gcm. */
MUST_CHECK bool mac_tag(struct span inner, const struct mac_key *k, uint8_t tag[MAC_LEN],
                        struct err *e);

/* Octets of a finished message: inner, its MAC header before, its MAC after. */
size_t mac_command_len(size_t inner_len);
/*
 * Wrap a signed or unsigned command into its finished MAC form: MAC header, inner, MAC.
 *   tag  from mac_tag
 *   out  mac_command_len(inner.len) octets; inner may not overlap it
 *
 * Errors: ERR_INPUT "mac.inner" longer than a header can say.
 */
MUST_CHECK bool mac_wrap(struct span inner, const uint8_t tag[MAC_LEN], uint8_t *out,
                         struct err *e);

#endif
