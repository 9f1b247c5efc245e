/* SPDX-License-Identifier: MIT
 *
 * EVP_PKEY_verify is asked about every refusal, so that a table that refuses too much shows
 * in nothing but time. To see what the tables alone say, a test swaps the key under a
 * living verifier: its tables then speak for the old key and EVP_PKEY_verify for the new
 * one.
 */
#include "mem.h"
#include "verify.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

#include <check.h>

#include <stdlib.h>
#include <string.h>

/* As in verify.c. */
#if OPENSSL_VERSION_MAJOR < 4 && !defined(OPENSSL_NO_DEPRECATED_3_0)
#define HAVE_TABLES 1
#else
#define HAVE_TABLES 0
#endif

#define MAX    VERIFY_BATCH_MAX
#define SAMPLE 64 /* as in verify.c: the 64th accepted signature is checked */

static EC_GROUP *group;
static const BIGNUM *order;
static BN_CTX *ctx;
static BN_CTX *pool; /* every number of a test; all go at its end */
static EVP_PKEY *key;
static EVP_PKEY *stranger;
static struct digest digests[MAX];
static struct sig_p256 sigs[MAX];
static bool good[MAX];

/* ---- numbers ---- */

static BIGNUM *number(unsigned long n)
{
    BIGNUM *a = BN_CTX_get(pool);

    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(BN_set_word(a, n), 1);
    return a;
}

static BIGNUM *copy_of(const BIGNUM *b)
{
    BIGNUM *a = number(0);

    ck_assert_ptr_nonnull(BN_copy(a, b));
    return a;
}

static BIGNUM *number_from(const uint8_t octets[32])
{
    BIGNUM *a = number(0);

    ck_assert_ptr_nonnull(BN_bin2bn(octets, 32, a));
    return a;
}

static BIGNUM *any_scalar(void)
{
    BIGNUM *a = number(0);

    do
        ck_assert_int_eq(BN_rand_range(a, order), 1);
    while (BN_is_zero(a) || BN_is_one(a));
    return a;
}

static BIGNUM *mul(const BIGNUM *a, const BIGNUM *b)
{
    BIGNUM *c = number(0);

    ck_assert_int_eq(BN_mod_mul(c, a, b, order, ctx), 1);
    return c;
}

static BIGNUM *over(const BIGNUM *a, const BIGNUM *b)
{
    BIGNUM *inverse = number(0);

    ck_assert_ptr_nonnull(BN_mod_inverse(inverse, b, order, ctx));
    return mul(a, inverse);
}

static BIGNUM *plus(const BIGNUM *a, const BIGNUM *b)
{
    BIGNUM *c = number(0);

    ck_assert_int_eq(BN_mod_add(c, a, b, order, ctx), 1);
    return c;
}

static BIGNUM *minus(const BIGNUM *a, const BIGNUM *b)
{
    BIGNUM *c = number(0);

    ck_assert_int_eq(BN_mod_sub(c, a, b, order, ctx), 1);
    return c;
}

static void put(const BIGNUM *a, uint8_t out[32])
{
    ck_assert_int_eq(BN_bn2binpad(a, out, 32), 32);
}

static struct digest digest_from(const BIGNUM *e)
{
    struct digest d;

    put(e, d.b);
    return d;
}

static struct sig_p256 sig_from(const BIGNUM *r, const BIGNUM *s)
{
    struct sig_p256 sig;

    put(r, sig.b);
    put(s, sig.b + 32);
    return sig;
}

/* order + n, or with n < 0 order - |n|. */
static BIGNUM *near_order(int n)
{
    BIGNUM *a = copy_of(order);

    ck_assert_int_eq(n < 0 ? BN_sub_word(a, (BN_ULONG)-n) : BN_add_word(a, (BN_ULONG)n), 1);
    return a;
}

/* a + order, not reduced; a must be small. */
static BIGNUM *twin_of(const BIGNUM *a)
{
    BIGNUM *b = number(0);

    ck_assert_int_eq(BN_add(b, a, order), 1);
    ck_assert_int_le(BN_num_bits(b), 256);
    return b;
}

/* x of k*G modulo the order. */
static BIGNUM *r_of(const BIGNUM *k)
{
    EC_POINT *p = EC_POINT_new(group);
    BIGNUM *x = number(0);

    ck_assert_int_eq(EC_POINT_mul(group, p, k, NULL, NULL, ctx), 1);
    ck_assert_int_eq(EC_POINT_get_affine_coordinates(group, p, x, NULL, ctx), 1);
    ck_assert_int_eq(BN_nnmod(x, x, order, ctx), 1);
    EC_POINT_free(p);
    return x;
}

/* ---- keys ---- */

/* A key of that point; into *into when there is one, whose old key goes. */
static EVP_PKEY *key_of_point(const EC_POINT *p, point_conversion_form_t form,
                              EVP_PKEY *into)
{
    uint8_t octets[65];
    size_t len = EC_POINT_point2oct(group, p, form, octets, sizeof octets, ctx);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params;

    ck_assert_int_eq(
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0), 1);
    ck_assert_int_eq(
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, octets, len), 1);
    params = OSSL_PARAM_BLD_to_param(b);
    ck_assert_int_eq(EVP_PKEY_fromdata_init(c), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(c, &into, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(c);
    return into;
}

static EVP_PKEY *key_of_scalar(const BIGNUM *d)
{
    EC_POINT *p = EC_POINT_new(group);
    EVP_PKEY *k;

    ck_assert_int_eq(EC_POINT_mul(group, p, d, NULL, NULL, ctx), 1);
    k = key_of_point(p, POINT_CONVERSION_UNCOMPRESSED, NULL);
    EC_POINT_free(p);
    return k;
}

/* Put a key that signed nothing under whoever holds k. */
static void swap_key(EVP_PKEY *k)
{
    BIGNUM *d = any_scalar();
    EC_POINT *p = EC_POINT_new(group);

    ck_assert_int_eq(EC_POINT_mul(group, p, d, NULL, NULL, ctx), 1);
    ck_assert_ptr_eq(key_of_point(p, POINT_CONVERSION_UNCOMPRESSED, k), k);
    EC_POINT_free(p);
}

static struct verifier *verifier_of(EVP_PKEY *k)
{
    struct verifier *v = NULL;
    struct err e;

    ck_assert_msg(verify_new(k, &v, &e), "verify_new failed");
    return v;
}

/* ---- signatures ---- */

static struct sig_p256 sign(EVP_PKEY *k, const struct digest *d)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
    uint8_t der[72];
    const uint8_t *at = der;
    size_t len = sizeof der;
    ECDSA_SIG *sig;
    struct sig_p256 out;

    ck_assert_int_eq(EVP_PKEY_sign_init(c), 1);
    ck_assert_int_eq(EVP_PKEY_sign(c, der, &len, d->b, sizeof d->b), 1);
    sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    ck_assert_ptr_nonnull(sig);
    out = sig_from(ECDSA_SIG_get0_r(sig), ECDSA_SIG_get0_s(sig));
    ECDSA_SIG_free(sig);
    EVP_PKEY_CTX_free(c);
    return out;
}

static void sign_all(void)
{
    ck_assert_int_eq(RAND_bytes(digests[0].b, (int)sizeof digests), 1);
    for (size_t i = 0; i < MAX; i++)
        sigs[i] = sign(key, &digests[i]);
}

/* EVP_PKEY_verify, with a DER encoding made here and not by verify.c. */
static bool reference(EVP_PKEY *k, const struct digest *d, const struct sig_p256 *s)
{
    uint8_t der[72] = {0x30};
    size_t len = 2;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
    int rc;

    for (const uint8_t *part = s->b; part < s->b + 64; part += 32) {
        size_t skip = 0;
        size_t pad;

        while (skip < 31 && part[skip] == 0)
            skip++;
        pad = part[skip] >> 7;
        der[len++] = 2;
        der[len++] = (uint8_t)(32 - skip + pad);
        if (pad == 1)
            der[len++] = 0;
        memcpy(der + len, part + skip, 32 - skip);
        len += 32 - skip;
    }
    der[1] = (uint8_t)(len - 2);
    ck_assert_int_eq(EVP_PKEY_verify_init(c), 1);
    rc = EVP_PKEY_verify(c, der, len, d->b, sizeof d->b);
    EVP_PKEY_CTX_free(c);
    ERR_clear_error();
    return rc == 1;
}

/* The batch agrees with EVP_PKEY_verify item by item, and counts right;
 * how many are good. */
static size_t check_batch(struct verifier *v, size_t n)
{
    size_t expected = 0;

    /* Verdicts left over from before must not show through. */
    for (size_t i = 0; i < MAX; i++)
        good[i] = i % 2 == 0;
    size_t n_good = verify_batch(v, digests, sigs, n, good);

    for (size_t i = 0; i < n; i++) {
        bool want = reference(key, &digests[i], &sigs[i]);

        ck_assert_msg(good[i] == want, "item %zu of %zu: %d, EVP_PKEY_verify says %d", i, n,
                      good[i], want);
        expected += want;
    }
    for (size_t i = n; i < MAX; i++)
        ck_assert_msg(good[i] == (i % 2 == 0), "item %zu beyond %zu was written", i, n);
    ck_assert_uint_eq(n_good, expected);
    return n_good;
}

static void setup(void)
{
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    ck_assert_ptr_nonnull(group);
    order = EC_GROUP_get0_order(group);
    ctx = BN_CTX_new();
    pool = BN_CTX_new();
    BN_CTX_start(pool);
    key = EVP_EC_gen("P-256");
    stranger = EVP_EC_gen("P-256");
    ck_assert(ctx != NULL && key != NULL && stranger != NULL);
}

static void teardown(void)
{
    EVP_PKEY_free(stranger);
    EVP_PKEY_free(key);
    BN_CTX_end(pool);
    BN_CTX_free(pool);
    BN_CTX_free(ctx);
    EC_GROUP_free(group);
}

/* ---- spoiling ---- */

static unsigned any(unsigned below)
{
    static uint32_t state = 2463534242;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

static void flip(uint8_t *octets, unsigned len)
{
    octets[any(len)] ^= (uint8_t)(1 << any(8));
}

/* 0, 1, n-1, n, n+1, 2^256-1 */
#define N_EXTREMES 6
static void put_extreme(unsigned which, uint8_t out[32])
{
    BIGNUM *a = which < 2 ? number(which) : near_order((int)which - 3);

    if (which == N_EXTREMES - 1)
        memset(out, 0xFF, 32);
    else
        put(a, out);
}

#define N_SPOILS (10 + 3 * N_EXTREMES)
static void spoil(unsigned how, size_t i)
{
    size_t next = (i + 1) % MAX;
    struct sig_p256 old = sigs[i];
    BIGNUM *s;

    switch (how) {
    case 0:
        flip(digests[i].b, 32);
        return;
    case 1:
        flip(sigs[i].b, 32);
        return;
    case 2:
        flip(sigs[i].b + 32, 32);
        return;
    case 3: /* neighbours swapped */
        sigs[i] = sigs[next];
        sigs[next] = old;
        return;
    case 4: /* another key's signature */
        sigs[i] = sign(stranger, &digests[i]);
        return;
    case 5: /* halves swapped */
        memcpy(sigs[i].b, old.b + 32, 32);
        memcpy(sigs[i].b + 32, old.b, 32);
        return;
    case 6: /* -s: as good as s in ECDSA */
        s = number_from(old.b + 32);
        ck_assert(BN_is_zero(s) || BN_ucmp(s, order) >= 0 || BN_sub(s, order, s) == 1);
        put(s, sigs[i].b + 32);
        return;
    case 7: /* r from one, s from another */
        memcpy(sigs[i].b, sigs[next].b, 32);
        return;
    case 8: /* noise */
        ck_assert_int_eq(RAND_bytes(sigs[i].b, 64), 1);
        return;
    case 9: /* another's digest */
        digests[i] = digests[next];
        return;
    default:
        how -= 10;
        if (how < N_EXTREMES)
            put_extreme(how, sigs[i].b);
        else if (how < 2 * N_EXTREMES)
            put_extreme(how - N_EXTREMES, sigs[i].b + 32);
        else
            put_extreme(how - 2 * N_EXTREMES, digests[i].b);
    }
}

/* ---- tests ---- */

START_TEST(thousands_of_spoiled_inputs_are_judged_as_evp_judges_them)
{
    struct verifier *v = verifier_of(key);

    for (unsigned round = 0; round < 4; round++) {
        size_t n_good;

        sign_all();
        /* From one in a hundred to nearly all. */
        for (size_t i = 0; i < MAX; i++)
            if (any(100) < 1 + round * 30)
                spoil(any(N_SPOILS), i);
        n_good = check_batch(v, MAX);
        ck_assert_uint_gt(n_good, 0);
        ck_assert_uint_lt(n_good, MAX);
    }
    verify_free(v);
}
END_TEST

START_TEST(each_way_of_spoiling_is_judged_as_evp_judges_it)
{
    struct verifier *v = verifier_of(key);

    sign_all();
    for (size_t i = 0; i < MAX - 1; i += 2)
        spoil((unsigned)(i / 2) % N_SPOILS, i);
    (void)check_batch(v, MAX);
    for (size_t i = 0; i < MAX - 1; i += 2) {
        unsigned how = (unsigned)(i / 2) % N_SPOILS;

        /* Only -s is no spoiling at all. */
        ck_assert_msg(good[i] == (how == 6), "spoil %u, item %zu", how, i);
    }
    verify_free(v);
}
END_TEST

START_TEST(every_batch_size_works)
{
    static const size_t sizes[] = {0,   1,   2,   3,   63,  64,   65,
                                   255, 256, 257, 511, 513, 1023, MAX};
    struct verifier *v = verifier_of(key);

    sign_all();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        ck_assert_uint_eq(check_batch(v, sizes[i]), sizes[i]);
    /* One bad one, first, last, and on either side of where the inside may be cut. */
    for (size_t i = 1; sizes[i] < 300; i++) {
        const size_t bad[] = {0, sizes[i] / 2, sizes[i] - 1};

        for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
            struct sig_p256 old = sigs[bad[j]];

            flip(sigs[bad[j]].b, 64);
            ck_assert_uint_eq(check_batch(v, sizes[i]), sizes[i] - 1);
            ck_assert(!good[bad[j]]);
            sigs[bad[j]] = old;
        }
    }
    verify_free(v);
}
END_TEST

START_TEST(a_batch_without_one_good_signature_has_none)
{
    struct verifier *v = verifier_of(key);

    sign_all();
    for (size_t i = 0; i < MAX; i++)
        spoil((unsigned)i % 3, i);
    ck_assert_uint_eq(check_batch(v, MAX), 0);
    /* Nothing at all in range. */
    for (size_t i = 0; i < MAX; i++)
        put_extreme(i % 2 == 0 ? 0 : 3, sigs[i].b + 32 * (i / 2 % 2));
    ck_assert_uint_eq(check_batch(v, MAX), 0);
    memset(sigs, 0, sizeof sigs);
    ck_assert_uint_eq(check_batch(v, MAX), 0);
    memset(sigs, 0xFF, sizeof sigs);
    ck_assert_uint_eq(check_batch(v, MAX), 0);
    /* And the verifier still knows a good one. */
    sigs[1] = sign(key, &digests[1]);
    ck_assert_uint_eq(check_batch(v, 2), 1);
    verify_free(v);
}
END_TEST

START_TEST(every_extreme_of_r_and_s_together_is_refused)
{
    struct verifier *v = verifier_of(key);
    size_t n = 0;

    for (unsigned r = 0; r < N_EXTREMES; r++) {
        for (unsigned s = 0; s < N_EXTREMES; s++) {
            for (unsigned e = 0; e < N_EXTREMES; e++) {
                put_extreme(e, digests[n].b);
                put_extreme(r, sigs[n].b);
                put_extreme(s, sigs[n].b + 32);
                n++;
            }
        }
    }
    ck_assert_uint_eq(check_batch(v, n), 0);
    verify_free(v);
}
END_TEST

/* s = (e + r d) / k: a signature by the key d. */
static struct sig_p256 sign_by_hand(const BIGNUM *d, const BIGNUM *k, const BIGNUM *e)
{
    BIGNUM *r = r_of(k);

    return sig_from(r, over(plus(e, mul(r, d)), k));
}

/* The same verdict by EVP_PKEY_verify, by the batch, and by the tables alone. Takes k. */
static void check_item(EVP_PKEY *k, const struct digest *d, const struct sig_p256 *s,
                       bool want)
{
    struct verifier *v = verifier_of(k);
    bool verdict = !want;

    ck_assert(reference(k, d, s) == want);
    ck_assert(verify_one(k, d, s) == want);
    ck_assert_uint_eq(verify_batch(v, d, s, 1, &verdict), want);
    ck_assert(verdict == want);
#if HAVE_TABLES
    swap_key(k);
    ck_assert(!reference(k, d, s));
    (void)verify_batch(v, d, s, 1, &verdict);
    ck_assert_msg(verdict == want, "the tables alone say %d", verdict);
#endif
    verify_free(v);
    EVP_PKEY_free(k);
}

static void check_good(EVP_PKEY *k, const struct digest *d, const struct sig_p256 *s)
{
    check_item(k, d, s, true);
}

static void check_bad(EVP_PKEY *k, const struct digest *d, const struct sig_p256 *s)
{
    check_item(k, d, s, false);
}

START_TEST(a_digest_of_the_order_or_more_counts_modulo_the_order)
{
    /* 0, n-1, n, n+1 and 2^256-1, and a signature over what each comes to. */
    static const unsigned which[] = {0, 2, 3, 4, 5};
    BIGNUM *d = any_scalar();

    for (size_t i = 0; i < sizeof which / sizeof which[0]; i++) {
        BIGNUM *k = any_scalar();
        BIGNUM *e;
        struct digest digest;
        struct sig_p256 sig;

        put_extreme(which[i], digest.b);
        e = number_from(digest.b);
        sig = sign_by_hand(d, k, e);
        check_good(key_of_scalar(d), &digest, &sig);
        digest.b[31] ^= 1;
        check_bad(key_of_scalar(d), &digest, &sig);
    }
}
END_TEST

START_TEST(the_point_at_infinity_is_refused)
{
    /* e = -r d, so that (e/s) G + (r/s) Q is nothing, whatever s is. */
    for (int i = 0; i < 3; i++) {
        BIGNUM *d = any_scalar();
        BIGNUM *r = i == 0 ? number(1) : any_scalar();
        BIGNUM *s = any_scalar();
        BIGNUM *e = minus(number(0), mul(r, d));
        struct digest digest = digest_from(e);
        struct sig_p256 sig = sig_from(r, s);

        check_bad(key_of_scalar(d), &digest, &sig);
    }
}
END_TEST

START_TEST(a_point_at_infinity_does_not_spoil_its_neighbours)
{
    BIGNUM *d = any_scalar();
    struct verifier *v;

    EVP_PKEY_free(key);
    key = key_of_scalar(d);
    v = verifier_of(key);
    for (size_t i = 0; i < 16; i++) {
        BIGNUM *k = any_scalar();
        BIGNUM *e = any_scalar();

        digests[i] = digest_from(e);
        sigs[i] = sign_by_hand(d, k, e);
        if (i % 5 == 0) {
            BIGNUM *rd = mul(number_from(sigs[i].b), d);

            digests[i] = digest_from(minus(number(0), rd));
        }
    }
    ck_assert_uint_eq(check_batch(v, 16), 12);
    verify_free(v);
}
END_TEST

START_TEST(two_equal_summands_are_doubled)
{
    /* e = r d makes both summands equal; s = 2 e / k makes the signature good. */
    BIGNUM *d = any_scalar();
    BIGNUM *k = any_scalar();
    BIGNUM *r = r_of(k);
    BIGNUM *e = mul(r, d);
    BIGNUM *s = over(plus(e, e), k);
    struct digest digest = digest_from(e);
    struct sig_p256 sig = sig_from(r, s);

    check_good(key_of_scalar(d), &digest, &sig);
}
END_TEST

START_TEST(multipliers_of_one_and_minus_one_work)
{
    BIGNUM *zero = number(0);
    BIGNUM *one = number(1);

    for (int i = 0; i < 4; i++) {
        BIGNUM *d = any_scalar();
        BIGNUM *k = any_scalar();
        BIGNUM *r = r_of(k);
        BIGNUM *rd = mul(r, d);
        BIGNUM *s;
        BIGNUM *e;

        if (i < 2) { /* r/s = 1 or -1: s = r or -r, e = s k - r d */
            s = i == 0 ? r : minus(zero, r);
            e = minus(mul(s, k), rd);
        } else { /* e/s = 1 or -1: s = r d / (k -+ 1), e = s or -s */
            s = over(rd, i == 2 ? minus(k, one) : plus(k, one));
            e = i == 2 ? s : minus(zero, s);
        }
        struct digest digest = digest_from(e);
        struct sig_p256 sig = sig_from(r, s);

        check_good(key_of_scalar(d), &digest, &sig);
    }
}
END_TEST

START_TEST(small_and_great_private_keys_work)
{
    /* Q = G, 2G, -G, -2G: the second table is the first, or a mirror of it. */
    for (int i = 0; i < 4; i++) {
        BIGNUM *d = i < 2 ? number((unsigned long)i + 1) : near_order(1 - i);
        BIGNUM *k = any_scalar();
        BIGNUM *e = any_scalar();
        struct digest digest = digest_from(e);
        struct sig_p256 sig = sign_by_hand(d, k, e);

        check_good(key_of_scalar(d), &digest, &sig);
        flip(sig.b, 64);
        check_bad(key_of_scalar(d), &digest, &sig);
    }
}
END_TEST

/*
 * The key by which (r, s) is good for e, given the point with x = x_from or the next x
 * above that has one: Q = (s R - e G) / r. No one knows its private half. *r out: x mod
 * order.
 */
static EVP_PKEY *forge(const BIGNUM *x_from, const BIGNUM *s, const BIGNUM *e, BIGNUM *r)
{
    EC_POINT *p = EC_POINT_new(group);
    BIGNUM *x = copy_of(x_from);
    EVP_PKEY *k;

    ERR_set_mark();
    while (EC_POINT_set_compressed_coordinates(group, p, x, 0, ctx) != 1)
        ck_assert_int_eq(BN_add_word(x, 1), 1);
    ERR_pop_to_mark();
    ck_assert_int_eq(BN_nnmod(r, x, order, ctx), 1);
    ck_assert_int_eq(
        EC_POINT_mul(group, p, over(minus(number(0), e), r), p, over(s, r), ctx), 1);
    k = key_of_point(p, POINT_CONVERSION_UNCOMPRESSED, NULL);
    EC_POINT_free(p);
    return k;
}

START_TEST(an_x_above_the_order_counts_modulo_the_order)
{
    BIGNUM *x = near_order(1);
    BIGNUM *s = any_scalar();
    BIGNUM *e = any_scalar();
    BIGNUM *r = number(0);
    EVP_PKEY *k = forge(x, s, e, r);
    struct digest digest = digest_from(e);
    struct sig_p256 sig = sig_from(r, s);

    ck_assert_int_lt(BN_num_bits(r), 16);
    check_good(k, &digest, &sig);
}
END_TEST

START_TEST(r_off_by_one_bit_is_refused)
{
    /* Q = (s R - e G) / r for an r that is x of R but for one bit. */
    static const int bits[] = {0, 63, 64, 127, 128, 191, 192, 254};

    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        EC_POINT *p = EC_POINT_new(group);
        BIGNUM *k = any_scalar();
        BIGNUM *r = r_of(k);
        BIGNUM *s = any_scalar();
        BIGNUM *e = any_scalar();
        struct digest digest = digest_from(e);
        struct sig_p256 sig;

        ck_assert_int_eq(BN_is_bit_set(r, bits[i]) ? BN_clear_bit(r, bits[i])
                                                   : BN_set_bit(r, bits[i]),
                         1);
        sig = sig_from(r, s);
        ck_assert_int_eq(
            EC_POINT_mul(group, p, over(minus(mul(s, k), e), r), NULL, NULL, ctx), 1);
        check_bad(key_of_point(p, POINT_CONVERSION_UNCOMPRESSED, NULL), &digest, &sig);
        EC_POINT_free(p);
    }
}
END_TEST

START_TEST(r_plus_the_order_is_refused)
{
    /* As x, r + n is still below p:
     * the first r is a small x, the second comes from r + n. */
    for (int i = 0; i < 2; i++) {
        BIGNUM *x = i == 0 ? number(5) : near_order(1);
        BIGNUM *s = any_scalar();
        BIGNUM *e = any_scalar();
        BIGNUM *r = number(0);
        EVP_PKEY *k = forge(x, s, e, r);
        struct digest digest = digest_from(e);
        struct sig_p256 sig = sig_from(r, s);

        check_good(k, &digest, &sig);
        sig = sig_from(twin_of(r), s);
        check_bad(forge(x, s, e, r), &digest, &sig);
    }
}
END_TEST

START_TEST(s_plus_the_order_is_refused)
{
    /* A small s by choice of e = s k - r d; modulo the order s + n would be as good. */
    BIGNUM *d = any_scalar();
    BIGNUM *k = any_scalar();
    BIGNUM *r = r_of(k);
    BIGNUM *s = number(7);
    BIGNUM *e = minus(mul(s, k), mul(r, d));
    struct digest digest = digest_from(e);
    struct sig_p256 sig = sig_from(r, s);

    check_good(key_of_scalar(d), &digest, &sig);
    sig = sig_from(r, twin_of(s));
    check_bad(key_of_scalar(d), &digest, &sig);
}
END_TEST

START_TEST(the_tables_alone_accept_what_is_good_and_nothing_else)
{
#if HAVE_TABLES
    /* Those that spoil their own item only, and truly; r or s out of range among them. */
    static const unsigned ways[] = {0, 1, 2, 5, 7, 8, 10, 13, 16, 19, 21};
    struct verifier *v = verifier_of(key);

    sign_all();
    /* Fewer good ones than bring the first sample;
     * one of them at 256, where work is cut. */
    for (size_t i = 0; i < MAX; i++)
        if (i % 17 != 1)
            spoil(ways[i % (sizeof ways / sizeof ways[0])], i);
    swap_key(key);
    ck_assert_uint_eq(verify_batch(v, digests, sigs, MAX, good), (MAX + 15) / 17);
    for (size_t i = 0; i < MAX; i++)
        ck_assert_msg(good[i] == (i % 17 == 1), "item %zu: %d", i, good[i]);
    ck_assert_int_lt((MAX + 15) / 17, SAMPLE);
    verify_free(v);
#endif
}
END_TEST

START_TEST(tables_caught_in_a_lie_are_not_asked_again)
{
#if HAVE_TABLES
    struct verifier *v = verifier_of(key);

    sign_all();
    /* From here on EVP_PKEY_verify would refuse all of these. */
    swap_key(key);
    ck_assert_uint_eq(verify_batch(v, digests, sigs, 40, good), 40);
    /* The 64th is looked at: with it falls all that this batch took on trust. */
    ck_assert_uint_eq(verify_batch(v, digests, sigs, SAMPLE - 40, good), 0);
    for (size_t i = 0; i < SAMPLE - 40; i++)
        ck_assert(!good[i]);
    ck_assert_uint_eq(verify_batch(v, digests, sigs, 1, good), 0);
    ck_assert_uint_eq(check_batch(v, MAX), 0);
    verify_free(v);
#endif
}
END_TEST

START_TEST(evp_has_the_last_word_on_a_refusal)
{
    /* The tables know nothing of the new key, and refuse. */
    struct verifier *v = verifier_of(key);
    BIGNUM *d = any_scalar();
    EC_POINT *p = EC_POINT_new(group);

    for (size_t i = 0; i < 300; i++) {
        BIGNUM *e = any_scalar();

        digests[i] = digest_from(e);
        sigs[i] = sign_by_hand(d, any_scalar(), e);
    }
    ck_assert_int_eq(EC_POINT_mul(group, p, d, NULL, NULL, ctx), 1);
    ck_assert_ptr_eq(key_of_point(p, POINT_CONVERSION_UNCOMPRESSED, key), key);
    ck_assert_uint_eq(check_batch(v, 300), 300);
    EC_POINT_free(p);
    verify_free(v);
}
END_TEST

START_TEST(the_verifier_outlives_the_callers_hold_on_the_key)
{
    struct verifier *v = verifier_of(key);

    sign_all();
    EVP_PKEY_free(key);
    key = NULL;
    ck_assert_uint_eq(verify_batch(v, digests, sigs, MAX, good), MAX);
    verify_free(v);
}
END_TEST

START_TEST(verify_one_agrees_with_evp)
{
    sign_all();
    for (size_t i = 0; i < MAX; i++)
        if (i % 2 == 0)
            spoil((unsigned)(i / 2) % N_SPOILS, i);
    for (size_t i = 0; i < MAX; i++)
        ck_assert(verify_one(key, &digests[i], &sigs[i]) ==
                  reference(key, &digests[i], &sigs[i]));
}
END_TEST

START_TEST(leading_zeros_of_r_and_s_are_kept)
{
    /* The DER form drops them; one signature in 128 has one. */
    size_t found = 0;

    sign_all();
    struct verifier *v = verifier_of(key);

    for (size_t i = 0; i < MAX; i++) {
        if (sigs[i].b[0] != 0 && sigs[i].b[32] != 0)
            continue;
        ck_assert(verify_one(key, &digests[i], &sigs[i]));
        digests[found] = digests[i];
        sigs[found++] = sigs[i];
    }
    ck_assert_uint_eq(check_batch(v, found), found);
    verify_free(v);
}
END_TEST

START_TEST(openssl_errors_of_others_are_left_alone)
{
    struct verifier *v = verifier_of(key);

    sign_all();
    for (size_t i = 0; i < 32; i++)
        spoil((unsigned)i % N_SPOILS, i);
    (void)verify_batch(v, digests, sigs, 64, good);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    ERR_raise(ERR_LIB_USER, 99);
    (void)verify_batch(v, digests, sigs, 64, good);
    ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), 99);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    verify_free(v);
}
END_TEST

START_TEST(only_p256_keys_are_taken)
{
    EVP_PKEY *const wrong[] = {EVP_EC_gen("P-384"), EVP_EC_gen("secp256k1"),
                               EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                               EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct verifier *v = NULL;
        struct err e = {.code = ERR_NONE};

        ck_assert_ptr_nonnull(wrong[i]);
        ck_assert(!verify_new(wrong[i], &v, &e));
        ck_assert_int_eq(e.code, ERR_INPUT);
        ck_assert_str_eq(e.id, "verify.key");
        ck_assert_ptr_null(v);
        ck_assert_uint_eq(ERR_peek_error(), 0);
        EVP_PKEY_free(wrong[i]);
    }
    verify_free(NULL);
}
END_TEST

START_TEST(a_key_in_compressed_form_is_taken)
{
    BIGNUM *d = any_scalar();
    BIGNUM *k = any_scalar();
    BIGNUM *e = any_scalar();
    EC_POINT *p = EC_POINT_new(group);
    struct digest digest = digest_from(e);
    struct sig_p256 sig = sign_by_hand(d, k, e);

    ck_assert_int_eq(EC_POINT_mul(group, p, d, NULL, NULL, ctx), 1);
    check_good(key_of_point(p, POINT_CONVERSION_COMPRESSED, NULL), &digest, &sig);
    EC_POINT_free(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("verify");
    TCase *c = tcase_create("verify");
    SRunner *r = srunner_create(s);

    tcase_set_timeout(c, 300);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, thousands_of_spoiled_inputs_are_judged_as_evp_judges_them);
    tcase_add_test(c, each_way_of_spoiling_is_judged_as_evp_judges_it);
    tcase_add_test(c, every_batch_size_works);
    tcase_add_test(c, a_batch_without_one_good_signature_has_none);
    tcase_add_test(c, every_extreme_of_r_and_s_together_is_refused);
    tcase_add_test(c, a_digest_of_the_order_or_more_counts_modulo_the_order);
    tcase_add_test(c, the_point_at_infinity_is_refused);
    tcase_add_test(c, a_point_at_infinity_does_not_spoil_its_neighbours);
    tcase_add_test(c, two_equal_summands_are_doubled);
    tcase_add_test(c, multipliers_of_one_and_minus_one_work);
    tcase_add_test(c, small_and_great_private_keys_work);
    tcase_add_test(c, an_x_above_the_order_counts_modulo_the_order);
    tcase_add_test(c, r_off_by_one_bit_is_refused);
    tcase_add_test(c, r_plus_the_order_is_refused);
    tcase_add_test(c, s_plus_the_order_is_refused);
    tcase_add_test(c, the_tables_alone_accept_what_is_good_and_nothing_else);
    tcase_add_test(c, tables_caught_in_a_lie_are_not_asked_again);
    tcase_add_test(c, evp_has_the_last_word_on_a_refusal);
    tcase_add_test(c, the_verifier_outlives_the_callers_hold_on_the_key);
    tcase_add_test(c, verify_one_agrees_with_evp);
    tcase_add_test(c, leading_zeros_of_r_and_s_are_kept);
    tcase_add_test(c, openssl_errors_of_others_are_left_alone);
    tcase_add_test(c, only_p256_keys_are_taken);
    tcase_add_test(c, a_key_in_compressed_form_is_taken);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
