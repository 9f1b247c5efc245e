/* SPDX-License-Identifier: MIT
 *
 * Answers come back judged, each by its own key, in the order in which they were given.
 */
#include "core_kit.h"
#include "mem.h"
#include "verifiers.h"

#include <openssl/ec.h>
#include <openssl/rand.h>

#include <poll.h>

#define ANSWERS 60
#define ROWS    20

static EVP_PKEY *keys[2];
static struct engine_answer ready[2]; /* under each of them, all good */

static void sign_with(EVP_PKEY *key, const struct digest *d, struct sig_p256 *out)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    uint8_t der[72];
    const uint8_t *at = der;
    size_t len = sizeof der;
    ECDSA_SIG *sig;

    ck_assert_int_eq(EVP_PKEY_sign_init(c), 1);
    ck_assert_int_eq(EVP_PKEY_sign(c, der, &len, d->b, sizeof d->b), 1);
    sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out->b, 32), 32);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out->b + 32, 32), 32);
    ECDSA_SIG_free(sig);
    EVP_PKEY_CTX_free(c);
}

static void begin(void)
{
    for (size_t k = 0; k < 2; k++) {
        keys[k] = EVP_EC_gen("P-256");
        ready[k].got.n = ROWS;
        for (size_t i = 0; i < ROWS; i++) {
            ck_assert_int_eq(RAND_bytes(ready[k].digests[i].b, 32), 1);
            sign_with(keys[k], &ready[k].digests[i], &ready[k].got.sigs[i]);
        }
    }
}

static void end(void)
{
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}

/* Number `no`: n rows, the last of them of another digest where `bad` says so. */
static struct engine_answer *answer(uint32_t no, uint32_t n, bool bad)
{
    struct engine_answer *a = malloc(sizeof *a);

    *a = ready[no % 2];
    a->o.first_pos = no;
    a->got.n = n;
    if (bad)
        a->got.sigs[n - 1].b[40] ^= 1;
    return a;
}

static bool is_bad(uint32_t no)
{
    return no % 7 == 3;
}

static uint32_t length(uint32_t no)
{
    return is_bad(no) ? ROWS : no % (ROWS + 1);
}

static void give(struct verifiers *v, uint32_t no)
{
    verifiers_give(v, keys[no % 2], answer(no, length(no), is_bad(no)));
}

static void judged(struct engine_answer *a, uint32_t no)
{
    ck_assert_ptr_nonnull(a);
    ck_assert_uint_eq(a->o.first_pos, no);
    ck_assert_msg(a->good == !is_bad(no), "answer %u is %s", no, a->good ? "good" : "bad");
    free(a);
}

START_TEST(they_come_back_judged_and_in_order)
{
    struct verifiers *v;

    OK(verifiers_new(&v, &e));
    ck_assert_uint_ge(verifiers_threads(v), 1);
    ck_assert_ptr_null(verifiers_take(v, false));
    ck_assert_ptr_null(verifiers_take(v, true));
    for (uint32_t no = 0; no < ANSWERS; no++)
        give(v, no);
    ck_assert_uint_eq(verifiers_waiting(v), ANSWERS);
    for (uint32_t no = 0; no < ANSWERS; no++)
        judged(verifiers_take(v, true), no);
    ck_assert_uint_eq(verifiers_waiting(v), 0);
    ck_assert_ptr_null(verifiers_take(v, true));
    verifiers_free(v);
}
END_TEST

/* As the loop does it: woken by the descriptor, without waiting. */
START_TEST(the_descriptor_tells_of_each)
{
    struct verifiers *v;
    uint32_t taken = 0;

    OK(verifiers_new(&v, &e));
    for (uint32_t no = 0; no < ANSWERS; no++) {
        give(v, no);
        if (no % 3 == 0)
            judged(verifiers_take(v, true), taken++);
    }
    while (taken < ANSWERS) {
        struct pollfd p = {.fd = verifiers_fd(v), .events = POLLIN};
        struct engine_answer *a;
        uint64_t n;

        ck_assert_int_eq(poll(&p, 1, 60000), 1);
        ck_assert_int_eq(read(p.fd, &n, sizeof n), sizeof n);
        while ((a = verifiers_take(v, false)) != NULL)
            judged(a, taken++);
    }
    verifiers_free(v);
}
END_TEST

START_TEST(what_was_not_taken_ends_with_them)
{
    struct verifiers *v;

    OK(verifiers_new(&v, &e));
    for (uint32_t no = 0; no < ANSWERS; no++)
        give(v, no);
    judged(verifiers_take(v, true), 0);
    verifiers_free(v);
    verifiers_free(NULL);
}
END_TEST

KIT_MAIN("verifiers", begin, end, they_come_back_judged_and_in_order,
         the_descriptor_tells_of_each, what_was_not_taken_ends_with_them)
