/* SPDX-License-Identifier: MIT
 *
 * verify - check many ECDSA P-256 signatures by one known key, each with its own verdict.
 *
 * Same answers as EVP_PKEY_verify, about three times as fast:
 *   - fixed-base tables for the one key,
 *   - one modular inversion for all s of a batch,
 *   - one field inversion for all results.
 * No probability is involved. EVP_PKEY_verify decides on every refusal and looks at a
 * sample of what was accepted; where the interface is gone it does all the work.
 *
 * Effects: none. One verifier, one thread.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include "bytes.h"

#include <openssl/evp.h>

struct verifier; /* opaque; holds the tables of one public key */

#define VERIFY_BATCH_MAX 1024

/* key: borrowed, an EC P-256 public key. Building the table takes about 25 ms.
 * Errors: ERR_INPUT "verify.key" not P-256; ERR_STORE "store.memory". */
MUST_CHECK bool verify_new(EVP_PKEY *key, struct verifier **out, struct err *e);
void verify_free(struct verifier *v);

/*
 * Judge n signatures (n <= VERIFY_BATCH_MAX; more is our own mistake: assert).
 *   digests, sigs  n each
 *   good           out: n verdicts
 *
 * Returns how many are good. Never fails: a signature that cannot be judged is not good.
 */
size_t verify_batch(struct verifier *v, const struct digest digests[],
                    const struct sig_p256 sigs[], size_t n, bool good[]);

/* One signature by the library's own EVP_PKEY_verify. */
bool verify_one(EVP_PKEY *key, const struct digest *d, const struct sig_p256 *s);

/* The point as a public key; NULL when it is not on the curve. The caller frees. */
EVP_PKEY *verify_key(const struct point *p);

#define VERIFY_DER_MAX (2 + 2 * (2 + 33))
/* The signature as ECDSA-Sig-Value (RFC 3279 2.2.3); octets written, 0: out of memory. */
size_t verify_to_der(const struct sig_p256 *s, uint8_t der[VERIFY_DER_MAX]);
#define VERIFY_BASE64_MAX ((VERIFY_DER_MAX + 2) / 3 * 4 + 1)
/* The DER as base64, as JSON has it; false: out of memory. */
MUST_CHECK bool verify_to_base64(const struct sig_p256 *s, char out[VERIFY_BASE64_MAX]);
/* The other way: whole lines of four only; false: not one signature, or r or s longer than 32
 * octets. */
MUST_CHECK bool verify_from_base64(const char *text, struct sig_p256 *out);

#endif
