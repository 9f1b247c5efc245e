/* SPDX-License-Identifier: MIT
 *
 * octets_kit - octets as texts and back, and what may be asked of a message that is octets:
 * P-256 keys from points, ECDSA, round trips. It keeps nothing.
 */
#ifndef OCTETS_KIT_H
#define OCTETS_KIT_H

#include "mem.h"
#include "message.h"

#include <check.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

/* Octets of a hex text; blanks allowed. The caller's: span_free(). */
struct span unhex(const char *text);
void span_free(struct span s);
/* The same octets; if not, both are shown in hex. */
void ck_assert_octets(struct span got, struct span want);

/* A public key from 64 octets X, Y or 65 with 04; also checks that it is on the curve.
 * EVP_PKEY_free() is the caller's. */
EVP_PKEY *key_of_point(struct span xy);
bool signature_good(EVP_PKEY *key, struct span octets, const struct sig_p256 *sig);

/* Decode, encode, and by way of JSON: the same octets each time. */
void round_trip(struct span octets, struct span mac_key);

#endif
