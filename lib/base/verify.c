/* SPDX-License-Identifier: MIT */
#include "verify.h"
#include "mem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/opensslv.h>
#include <openssl/param_build.h>

#include <assert.h>
#include <string.h>

/* The table of a generator of one's own is deprecated in OpenSSL 3 and may go with 4. */
#if OPENSSL_VERSION_MAJOR < 4 && !defined(OPENSSL_NO_DEPRECATED_3_0)
#define HAVE_TABLES 1
#else
#define HAVE_TABLES 0
#endif

/* One accepted signature in so many is looked at by EVP_PKEY_verify as well. */
#define SAMPLE 64

AUTO_DEFINE(ecdsa_sig, ECDSA_SIG *, NULL, ECDSA_SIG_free)
AUTO_DEFINE(pkey_ctx, EVP_PKEY_CTX *, NULL, EVP_PKEY_CTX_free)

struct tables;

struct verifier {
    EVP_PKEY *key;
    struct tables *tables; /* NULL: EVP_PKEY_verify does all the work */
    uint64_t accepted;     /* by the tables, ever */
};

#if HAVE_TABLES

/* Signatures that share the two inversions. Beyond this they cost nothing worth saving. */
#define CHUNK 256

struct tables {
    EC_GROUP *by_g; /* P-256 */
    EC_GROUP *by_q; /* P-256 with the public key for its generator, and that one's table */
    const BIGNUM *order;
    BN_CTX *ctx;
    BN_MONT_CTX *mont; /* modulo order */
    /* Room to work in, allocated once. */
    BIGNUM *product;
    BIGNUM *inverse;
    BIGNUM *scalar;
    BIGNUM *x;
    BIGNUM *z;
    EC_POINT *u1g;
    EC_POINT *u2q;
    size_t at[CHUNK]; /* whose the values below are: those out of range are left out */
    BIGNUM *e[CHUNK];
    BIGNUM *r[CHUNK];
    BIGNUM *s[CHUNK];      /* in Montgomery form */
    BIGNUM *before[CHUNK]; /* product of all s before this one, in Montgomery form */
    EC_POINT *sum[CHUNK];
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void tables_free(struct tables *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < CHUNK; i++) {
        BN_free(t->e[i]);
        BN_free(t->r[i]);
        BN_free(t->s[i]);
        BN_free(t->before[i]);
        EC_POINT_free(t->sum[i]);
    }
    EC_POINT_free(t->u1g);
    EC_POINT_free(t->u2q);
    BN_free(t->product);
    BN_free(t->inverse);
    BN_free(t->scalar);
    BN_free(t->x);
    BN_free(t->z);
    BN_MONT_CTX_free(t->mont);
    BN_CTX_free(t->ctx);
    EC_GROUP_free(t->by_q);
    EC_GROUP_free(t->by_g);
    free(t);
}
AUTO_DEFINE(tables, struct tables *, NULL, tables_free)

static bool room_new(struct tables *t)
{
    BIGNUM **const singles[] = {&t->product, &t->inverse, &t->scalar, &t->x, &t->z};

    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++)
        if ((*singles[i] = BN_new()) == NULL)
            return false;
    for (size_t i = 0; i < CHUNK; i++) {
        t->e[i] = BN_new();
        t->r[i] = BN_new();
        t->s[i] = BN_new();
        t->before[i] = BN_new();
        t->sum[i] = EC_POINT_new(t->by_g);
        if (t->e[i] == NULL || t->r[i] == NULL || t->s[i] == NULL || t->before[i] == NULL ||
            t->sum[i] == NULL)
            return false;
    }
    t->u1g = EC_POINT_new(t->by_g);
    t->u2q = EC_POINT_new(t->by_q);
    return t->u1g != NULL && t->u2q != NULL;
}

static struct tables *tables_new(struct span point)
{
    AUTO(tables) struct tables *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->by_g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    t->by_q = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    t->ctx = BN_CTX_new();
    t->mont = BN_MONT_CTX_new();
    if (t->by_g == NULL || t->by_q == NULL || t->ctx == NULL || t->mont == NULL)
        return NULL;
    t->order = EC_GROUP_get0_order(t->by_g);
    if (!room_new(t) || BN_MONT_CTX_set(t->mont, t->order, t->ctx) != 1 ||
        EC_POINT_oct2point(t->by_q, t->u2q, point.at, point.len, t->ctx) != 1 ||
        EC_GROUP_set_generator(t->by_q, t->u2q, t->order, BN_value_one()) != 1)
        return NULL;
    /* Where G has its table built in, the first of these does nothing. */
    if (EC_GROUP_precompute_mult(t->by_g, t->ctx) != 1 ||
        EC_GROUP_precompute_mult(t->by_q, t->ctx) != 1)
        return NULL;
    return TAKE(t);
}

static bool in_range(const struct tables *t, const BIGNUM *a)
{
    return !BN_is_zero(a) && BN_ucmp(a, t->order) < 0;
}

static bool times(struct tables *t, BIGNUM *out, const BIGNUM *a, const BIGNUM *b)
{
    return BN_mod_mul_montgomery(out, a, b, t->mont, t->ctx) == 1;
}

/* Read those in range and multiply up their s. Returns how many; 0 on failure, too. */
static size_t gather(struct tables *t, const struct digest d[], const struct sig_p256 sig[],
                     size_t n)
{
    size_t m = 0;

    if (BN_to_montgomery(t->product, BN_value_one(), t->mont, t->ctx) != 1)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (BN_bin2bn(d[i].b, 32, t->e[m]) == NULL ||
            BN_bin2bn(sig[i].b, 32, t->r[m]) == NULL ||
            BN_bin2bn(sig[i].b + 32, 32, t->s[m]) == NULL)
            return 0;
        if (!in_range(t, t->r[m]) || !in_range(t, t->s[m]))
            continue;
        /* Twice the order is above 2^256, so that once is enough. */
        if (BN_ucmp(t->e[m], t->order) >= 0 && BN_usub(t->e[m], t->e[m], t->order) != 1)
            return 0;
        if (BN_to_montgomery(t->s[m], t->s[m], t->mont, t->ctx) != 1 ||
            BN_copy(t->before[m], t->product) == NULL ||
            !times(t, t->product, t->product, t->s[m]))
            return 0;
        t->at[m++] = i;
    }
    return m;
}

/* sum = (e/s)*G + (r/s)*Q for each, from the last to the first, then all made affine. */
static bool multiply(struct tables *t, size_t m)
{
    if (BN_from_montgomery(t->inverse, t->product, t->mont, t->ctx) != 1 ||
        BN_mod_inverse(t->inverse, t->inverse, t->order, t->ctx) == NULL ||
        BN_to_montgomery(t->inverse, t->inverse, t->mont, t->ctx) != 1)
        return false;
    for (size_t i = m; i-- > 0;) {
        /* 1/s in Montgomery form times a plain number is a plain number. */
        if (!times(t, t->before[i], t->before[i], t->inverse) ||
            !times(t, t->inverse, t->inverse, t->s[i]) ||
            !times(t, t->scalar, t->before[i], t->e[i]) ||
            EC_POINT_mul(t->by_g, t->u1g, t->scalar, NULL, NULL, t->ctx) != 1 ||
            !times(t, t->scalar, t->before[i], t->r[i]) ||
            EC_POINT_mul(t->by_q, t->u2q, t->scalar, NULL, NULL, t->ctx) != 1 ||
            EC_POINT_add(t->by_g, t->sum[i], t->u1g, t->u2q, t->ctx) != 1)
            return false;
    }
    return EC_POINTs_make_affine(t->by_g, m, t->sum, t->ctx) == 1;
}

/* Is x of that affine point, modulo the order, r? Infinity, which has z = 0, is none. */
static bool agrees(struct tables *t, size_t i)
{
    /* Not the affine getter: that one inverts z again, even when it is 1. */
    if (EC_POINT_get_Jprojective_coordinates_GFp(t->by_g, t->sum[i], t->x, NULL, t->z,
                                                 t->ctx) != 1)
        return false;
    if (BN_ucmp(t->x, t->order) >= 0 && BN_usub(t->x, t->x, t->order) != 1)
        return false;
    return BN_is_one(t->z) && BN_ucmp(t->x, t->r[i]) == 0;
}

/* Set to true those of good[] that are good. A failure on the way is a refusal. */
static void judge(struct tables *t, const struct digest d[], const struct sig_p256 sig[],
                  size_t n, bool good[])
{
    size_t m = gather(t, d, sig, n);

    if (m == 0 || !multiply(t, m))
        return;
    for (size_t i = 0; i < m; i++)
        good[t->at[i]] = agrees(t, i);
}

#pragma GCC diagnostic pop

#endif

MUST_CHECK static bool tables_init(struct verifier *v, struct span point, struct err *e)
{
#if HAVE_TABLES
    v->tables = tables_new(point);
    if (v->tables == NULL)
        return err_set(e, ERR_STORE, "store.memory", "the tables of a public key: %s",
                       err_openssl());
#else
    (void)v;
    (void)point;
    (void)e;
#endif
    return true;
}

static void tables_done(struct verifier *v)
{
#if HAVE_TABLES
    tables_free(TAKE(v->tables));
#else
    (void)v;
#endif
}

/* What the tables say; where they say nothing, not good. */
static void ask_tables(struct verifier *v, const struct digest d[],
                       const struct sig_p256 sig[], size_t n, bool good[])
{
    for (size_t i = 0; i < n; i++)
        good[i] = false;
#if HAVE_TABLES
    for (size_t i = 0; v->tables != NULL && i < n; i += CHUNK)
        judge(v->tables, d + i, sig + i, n - i < CHUNK ? n - i : CHUNK, good + i);
#else
    (void)v;
    (void)d;
    (void)sig;
#endif
}

bool verify_new(EVP_PKEY *key, struct verifier **out, struct err *e)
{
    char curve[64];
    uint8_t point[sizeof(struct point)];
    size_t len = 0;
    struct verifier *v;

    /* One octet is the point at infinity: not a key. */
    if (!EVP_PKEY_is_a(key, "EC") ||
        EVP_PKEY_get_group_name(key, curve, sizeof curve, &len) != 1 ||
        strcmp(curve, SN_X9_62_prime256v1) != 0 ||
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                        &len) != 1 ||
        len == 1) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "verify.key", "the key is not a P-256 public key");
    }
    v = calloc(1, sizeof *v);
    if (v == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!tables_init(v, span_of(point, len), e)) {
        verify_free(v);
        return false;
    }
    (void)EVP_PKEY_up_ref(key);
    v->key = key;
    *out = v;
    return true;
}

void verify_free(struct verifier *v)
{
    if (v == NULL)
        return;
    tables_done(v);
    EVP_PKEY_free(v->key);
    free(v);
}

/* EVP_PKEY_verify decides on refusals.
 * False: it caught the tables in a wrong acceptance. */
static bool second_opinion(struct verifier *v, const struct digest d[],
                           const struct sig_p256 sig[], size_t n, bool good[])
{
    for (size_t i = 0; i < n; i++) {
        if (!good[i])
            good[i] = verify_one(v->key, &d[i], &sig[i]);
        else if (++v->accepted % SAMPLE == 0 && !verify_one(v->key, &d[i], &sig[i]))
            return false;
    }
    return true;
}

size_t verify_batch(struct verifier *v, const struct digest digests[],
                    const struct sig_p256 sigs[], size_t n, bool good[])
{
    size_t n_good = 0;

    assert(n <= VERIFY_BATCH_MAX);
    ERR_set_mark();
    ask_tables(v, digests, sigs, n, good);
    ERR_pop_to_mark();
    if (!second_opinion(v, digests, sigs, n, good)) {
        /* Nothing they said of this batch counts, and they are not asked again. */
        tables_done(v);
        for (size_t i = 0; i < n; i++)
            good[i] = verify_one(v->key, &digests[i], &sigs[i]);
    }
    for (size_t i = 0; i < n; i++)
        n_good += good[i];
    return n_good;
}

static ECDSA_SIG *parse(const struct sig_p256 *s)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r_part = BN_bin2bn(s->b, 32, NULL);
    BIGNUM *s_part = BN_bin2bn(s->b + 32, 32, NULL);

    if (sig != NULL && ECDSA_SIG_set0(sig, r_part, s_part) == 1)
        return sig;
    BN_free(r_part);
    BN_free(s_part);
    ECDSA_SIG_free(sig);
    return NULL;
}

EVP_PKEY *verify_key(const struct point *p)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (bld != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, p->b, sizeof p->b) &&
        (params = OSSL_PARAM_BLD_to_param(bld)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

size_t verify_to_der(const struct sig_p256 *s, uint8_t der[VERIFY_DER_MAX])
{
    AUTO(ecdsa_sig) ECDSA_SIG *sig = parse(s);
    uint8_t *end = der;
    int len = sig != NULL ? i2d_ECDSA_SIG(sig, &end) : 0;

    return len > 0 ? (size_t)len : 0;
}

static bool from_der(struct span der, struct sig_p256 *out)
{
    const uint8_t *at = der.at;
    bool ok;

    ERR_set_mark();
    AUTO(ecdsa_sig) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    ok = sig != NULL && at == der.at + der.len &&
         BN_bn2binpad(ECDSA_SIG_get0_r(sig), out->b, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), out->b + 32, 32) == 32;
    ERR_pop_to_mark();
    return ok;
}

bool verify_one(EVP_PKEY *key, const struct digest *d, const struct sig_p256 *s)
{
    uint8_t der[VERIFY_DER_MAX];
    size_t len = verify_to_der(s, der);
    bool good = false;

    ERR_set_mark();
    AUTO(pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

    if (len > 0 && ctx != NULL && EVP_PKEY_verify_init(ctx) == 1)
        good = EVP_PKEY_verify(ctx, der, len, d->b, sizeof d->b) == 1;
    ERR_pop_to_mark();
    return good;
}

bool verify_to_base64(const struct sig_p256 *s, char out[VERIFY_BASE64_MAX])
{
    uint8_t der[VERIFY_DER_MAX];
    size_t n = verify_to_der(s, der);

    if (n > 0)
        (void)EVP_EncodeBlock((unsigned char *)out, der, (int)n);
    return n > 0;
}

bool verify_from_base64(const char *text, struct sig_p256 *out)
{
    uint8_t der[(VERIFY_DER_MAX + 2) / 3 * 3 + 3];
    char again[VERIFY_BASE64_MAX];
    size_t n = strlen(text);
    size_t fill = 0;
    int got;

    while (fill < 2 && fill < n && text[n - 1 - fill] == '=')
        fill++;
    if (n == 0 || n % 4 != 0 || n / 4 * 3 > sizeof der)
        return false;
    got = EVP_DecodeBlock(der, (const unsigned char *)text, (int)n);
    /* one text for a signature: the last digit has bits to spare */
    return got > (int)fill && from_der(span_of(der, (size_t)got - fill), out) &&
           verify_to_base64(out, again) && strcmp(again, text) == 0;
}
