/* SPDX-License-Identifier: MIT
 *
 * meter_crypto - the cryptography of a device: P-256 signatures as r||s, key agreement, the
 * GBCS key derivation and MAC, key identifiers, and unwrapping of the contingency key.
 *
 * Source:  GBCS 4.3.3, 6.2.3, 7.2.5, 7.2.7; RFC 5280 4.2.1.2 method (2); RFC 5649.
 * Effects: none but OpenSSL's random numbers when signing.
 */
#ifndef METER_CRYPTO_H
#define METER_CRYPTO_H

#include "meter_tlv.h"

#include <openssl/evp.h>

enum { POINT_LEN = 65, SCALAR_LEN = 32, RS_LEN = 64, MAC_LEN = 12, KEYID_LEN = 8 };

void sha256(struct octets in, uint8_t out[32]);

/* Public key from 04||x||y; NULL when the point is not on the curve. */
EVP_PKEY *key_public(struct octets point);
/* Key pair from its scalar; the point as well when `point` is not NULL. */
EVP_PKEY *key_private(const uint8_t scalar[SCALAR_LEN], uint8_t point[POINT_LEN]);
EVP_PKEY *key_fresh(void);
void key_point(EVP_PKEY *key, uint8_t point[POINT_LEN]);
bool key_scalar(EVP_PKEY *key, uint8_t scalar[SCALAR_LEN]);
/* scalar x generator, compressed or not (33 or 65 octets) */
void scalar_point(const uint8_t scalar[SCALAR_LEN], bool compress, uint8_t *out);
/* Any spelling of a point -> 65 octets. */
bool point_expand(struct octets in, uint8_t point[POINT_LEN]);
/* A deterministic private key: the simulator's devices are made of a seed. */
void scalar_derive(uint64_t seed, uint64_t eui, const char *purpose,
                   uint8_t scalar[SCALAR_LEN]);

bool ecdsa_verify(EVP_PKEY *key, const uint8_t digest[32], const uint8_t rs[RS_LEN]);
bool ecdsa_verify_der(EVP_PKEY *key, const uint8_t digest[32], struct octets sig);
void ecdsa_sign(EVP_PKEY *key, const uint8_t digest[32], uint8_t rs[RS_LEN]);
void ecdsa_sign_der(EVP_PKEY *key, const uint8_t digest[32], struct out *sig);
/* r and s must be in 1..n-1: out-of-range values may be asked for by the mutations. */
void group_order(uint8_t n[SCALAR_LEN]);

bool ecdh(const uint8_t scalar[SCALAR_LEN], const uint8_t point[POINT_LEN], uint8_t z[32]);
void kdf(const uint8_t z[32], uint64_t originator, unsigned cra, uint64_t counter,
         uint64_t recipient, uint8_t key[16]);
/* aad is everything after the MAC header, from DF to the end of the signature field; the
 * six octets 11 00 00 00 00 00 are put in front here (RTDS 4.5.0; one in 2014's text). */
void gbcs_mac(const uint8_t key[16], uint64_t originator, struct octets covered,
              uint8_t mac[MAC_LEN]);
void gmac(const uint8_t key[16], const uint8_t iv[12], struct octets aad,
          uint8_t mac[MAC_LEN]);

void key_identifier(const uint8_t point[POINT_LEN], uint8_t id[KEYID_LEN]);

/* AES key wrap with padding; algorithm is the OID's contents. False when the key length
 * does not fit the algorithm or the integrity check fails. */
bool wrap_open(struct octets algorithm, struct octets key, struct octets wrapped,
               struct out *plain);
void wrap_seal(struct octets key, struct octets plain, struct out *wrapped);
struct octets wrap_algorithm(size_t key_len); /* OID contents */

#endif
