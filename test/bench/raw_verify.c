/* SPDX-License-Identifier: MIT
 *
 * raw_verify - what one thread does without a token: OpenSSL's EVP_PKEY_sign and
 * EVP_PKEY_verify on ready digests, and this project's verify_batch.
 *
 *   raw_verify [--seconds S] [--batch]
 *
 * Prints one line of JSON: of each of the three, operations a second (wall) and per second
 * of processor time (cpu); --batch: of verify_batch alone. Exit status 1: a signature did not
 * verify, or OpenSSL failed.
 */
#include "bench.h"
#include "mem.h"
#include "verify.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rand.h>

#include <getopt.h>
#include <stdlib.h>

#define READY 4096 /* digests and signatures made in advance */
#define BATCH 256  /* signatures at a time, as the service does it */

AUTO_DEFINE(pkey_ctx, EVP_PKEY_CTX *, NULL, EVP_PKEY_CTX_free)

struct signature {
    uint8_t der[80];
    size_t len;
};

static struct digest digests[READY];
static struct signature ders[READY];
static struct sig_p256 raws[READY];

struct rate {
    double wall, cpu;
};

static bool sign_one(EVP_PKEY_CTX *ctx, size_t i)
{
    ders[i].len = sizeof ders[i].der;
    return EVP_PKEY_sign(ctx, ders[i].der, &ders[i].len, digests[i].b,
                         sizeof digests[i].b) == 1;
}

static bool to_raw(size_t i)
{
    const uint8_t *at = ders[i].der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)ders[i].len);
    bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raws[i].b, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), raws[i].b + 32, 32) == 32;

    ECDSA_SIG_free(sig);
    return ok;
}

static struct rate rate_of(struct bench_time t, uint64_t n)
{
    return (struct rate){(double)n / t.wall, (double)n / t.cpu};
}

static bool measure_sign(EVP_PKEY *key, double seconds, struct rate *out)
{
    AUTO(pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    struct bench_time from;
    uint64_t n = 0;

    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1)
        return false;
    from = bench_now();
    while (n < READY || bench_since(from).wall < seconds)
        for (size_t k = 0; k < BATCH; k++)
            if (!sign_one(ctx, n++ % READY))
                return false;
    *out = rate_of(bench_since(from), n);
    for (size_t i = 0; i < READY; i++)
        if (!to_raw(i))
            return false;
    return true;
}

static bool measure_verify(EVP_PKEY *key, double seconds, struct rate *out)
{
    AUTO(pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    struct bench_time from;
    uint64_t n = 0;

    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1)
        return false;
    from = bench_now();
    do {
        for (size_t k = 0; k < BATCH; k++, n++) {
            size_t i = n % READY;

            if (EVP_PKEY_verify(ctx, ders[i].der, ders[i].len, digests[i].b,
                                sizeof digests[i].b) != 1)
                return false;
        }
    } while (bench_since(from).wall < seconds);
    *out = rate_of(bench_since(from), n);
    return true;
}

static bool measure_batch(EVP_PKEY *key, double seconds, struct rate *out)
{
    struct verifier *v;
    struct bench_time from;
    bool good[BATCH];
    uint64_t n = 0;
    struct err e;
    bool ok = true;

    if (!verify_new(key, &v, &e))
        return false;
    from = bench_now();
    do {
        size_t i = n % READY;

        ok = verify_batch(v, &digests[i], &raws[i], BATCH, good) == BATCH;
        n += BATCH;
    } while (ok && bench_since(from).wall < seconds);
    *out = rate_of(bench_since(from), n);
    verify_free(v);
    return ok;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'}, {"batch", no_argument, NULL, 'b'}, {0}};
    AUTO(pkey) EVP_PKEY *key = EVP_EC_gen("P-256");
    struct rate sign, verify = {0, 0}, batch;
    bool batch_alone = false;
    double seconds = 1;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (c == 's')
            seconds = strtod(optarg, NULL);
        else if (c == 'b')
            batch_alone = true;
        else
            return 64;
    for (size_t i = 0; i < READY; i++)
        if (RAND_bytes(digests[i].b, sizeof digests[i].b) != 1)
            return 1;
    if (key == NULL || !measure_sign(key, batch_alone ? 0 : seconds, &sign) ||
        !(batch_alone || measure_verify(key, seconds, &verify)) ||
        !measure_batch(key, seconds, &batch)) {
        (void)fputs("raw_verify: failed\n", stderr);
        return 1;
    }
    if (batch_alone) {
        (void)printf("{\"verify_batch\":{\"wall\":%.1f,\"cpu\":%.1f},\"batch\":%d}\n",
                     batch.wall, batch.cpu, BATCH);
        return 0;
    }
    (void)printf("{\"evp_sign\":{\"wall\":%.1f,\"cpu\":%.1f},"
                 "\"evp_verify\":{\"wall\":%.1f,\"cpu\":%.1f},"
                 "\"verify_batch\":{\"wall\":%.1f,\"cpu\":%.1f},\"batch\":%d}\n",
                 sign.wall, sign.cpu, verify.wall, verify.cpu, batch.wall, batch.cpu,
                 BATCH);
    return 0;
}
