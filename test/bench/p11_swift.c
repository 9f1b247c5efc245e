/* SPDX-License-Identifier: MIT
 *
 * p11_swift - a token that is not the limit, or is it by its distance alone: a module in front of
 * a real one that answers C_Sign of one key itself, from nonces worked out beforehand.
 *
 * Environment:
 *   P11_SWIFT_MODULE  the real module, absolute; it holds the same key
 *   P11_SWIFT_KEY     that key, a PEM file
 *   P11_SWIFT_LABEL   its CKA_LABEL
 *   P11_SWIFT_US      microseconds each C_Sign waits, as for a network; default 0
 *
 * Signatures verify, but nonces are used again and again, which tells the key to anybody who
 * sees two of them. For measuring alone, with a key that is thrown away.
 */
#include <dlfcn.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NONCES   256
#define SESSIONS 1024 /* handles are numbered one after the other */
#define SIZE     32   /* octets of a number, and of a digest */

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST mine;
static BIGNUM *order, *d;
static struct nonce {
    BIGNUM *inverse, *rd; /* 1/k, and r times the key */
    unsigned char r[SIZE];
} nonces[NONCES];
static bool ours[SESSIONS]; /* what C_SignInit began there */

static bool nonce_make(const EC_GROUP *group, struct nonce *n, BN_CTX *ctx)
{
    EC_POINT *point = EC_POINT_new(group);
    BIGNUM *k = BN_new(), *r = BN_new();
    bool ok;

    n->inverse = BN_new();
    n->rd = BN_new();
    ok = point != NULL && k != NULL && r != NULL && n->inverse != NULL && n->rd != NULL &&
         BN_priv_rand_range(k, order) == 1 &&
         EC_POINT_mul(group, point, k, NULL, NULL, ctx) == 1 &&
         EC_POINT_get_affine_coordinates(group, point, r, NULL, ctx) == 1 &&
         BN_nnmod(r, r, order, ctx) == 1 && BN_bn2binpad(r, n->r, SIZE) == SIZE &&
         BN_mod_inverse(n->inverse, k, order, ctx) != NULL &&
         BN_mod_mul(n->rd, r, d, order, ctx) == 1;
    EC_POINT_free(point);
    BN_clear_free(k);
    BN_free(r);
    return ok;
}

static bool key_load(const char *path)
{
    FILE *f = path == NULL ? NULL : fopen(path, "re");
    EVP_PKEY *key = f == NULL ? NULL : PEM_read_PrivateKey(f, NULL, NULL, NULL);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BN_CTX *ctx = BN_CTX_new();
    bool ok = group != NULL && ctx != NULL && key != NULL &&
              EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
              (order = BN_dup(EC_GROUP_get0_order(group))) != NULL;

    for (size_t i = 0; ok && i < NONCES; i++)
        ok = nonce_make(group, &nonces[i], ctx);
    if (f != NULL)
        (void)fclose(f);
    EVP_PKEY_free(key);
    EC_GROUP_free(group);
    BN_CTX_free(ctx);
    return ok;
}

static void wait_as_for_a_network(void)
{
    const char *text = getenv("P11_SWIFT_US");
    long us = text == NULL ? 0 : strtol(text, NULL, 10);

    if (us > 0)
        (void)nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* s = (e + r d) / k */
static bool sign(const unsigned char *digest, unsigned char *sig)
{
    static _Thread_local BN_CTX *ctx;
    static _Thread_local BIGNUM *e, *s;
    static _Thread_local size_t at;
    const struct nonce *n = &nonces[at++ % NONCES];

    if (ctx == NULL) {
        ctx = BN_CTX_new();
        e = BN_new();
        s = BN_new();
    }
    memcpy(sig, n->r, SIZE);
    return ctx != NULL && e != NULL && s != NULL && BN_bin2bn(digest, SIZE, e) != NULL &&
           BN_mod_add(e, e, n->rd, order, ctx) == 1 &&
           BN_mod_mul(s, e, n->inverse, order, ctx) == 1 &&
           BN_bn2binpad(s, sig + SIZE, SIZE) == SIZE;
}

static bool is_the_key(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
    static _Thread_local CK_OBJECT_HANDLE known; /* asked once in each thread */
    const char *label = getenv("P11_SWIFT_LABEL");
    char text[128];
    CK_ATTRIBUTE a = {CKA_LABEL, text, sizeof text};

    if (key == known)
        return true;
    if (label == NULL || real->C_GetAttributeValue(h, key, &a, 1) != CKR_OK ||
        a.ulValueLen != strlen(label) || memcmp(text, label, a.ulValueLen) != 0)
        return false;
    known = key;
    return true;
}

static CK_RV swift_sign_init(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key)
{
    ours[h % SESSIONS] = m != NULL && m->mechanism == CKM_ECDSA && is_the_key(h, key);
    return ours[h % SESSIONS] ? CKR_OK : real->C_SignInit(h, m, key);
}

static CK_RV swift_sign(CK_SESSION_HANDLE h, CK_BYTE_PTR data, CK_ULONG len,
                        CK_BYTE_PTR sig, CK_ULONG_PTR sig_len)
{
    if (!ours[h % SESSIONS])
        return real->C_Sign(h, data, len, sig, sig_len);
    if (len != SIZE || *sig_len < 2 * SIZE || !sign(data, sig))
        return CKR_FUNCTION_FAILED;
    *sig_len = 2 * SIZE;
    wait_as_for_a_network();
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
    CK_RV (*list)(CK_FUNCTION_LIST_PTR_PTR);
    const char *path = getenv("P11_SWIFT_MODULE");
    void *module, *symbol;

    if (real == NULL) {
        module = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        symbol = module == NULL ? NULL : dlsym(module, "C_GetFunctionList");
        if (symbol == NULL || !key_load(getenv("P11_SWIFT_KEY")))
            return CKR_GENERAL_ERROR;
        memcpy(&list, &symbol, sizeof list);
        if (list(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        mine = *real;
        mine.C_SignInit = swift_sign_init;
        mine.C_Sign = swift_sign;
    }
    *out = &mine;
    return CKR_OK;
}
