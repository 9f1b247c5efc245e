/* SPDX-License-Identifier: MIT */
#include "p11_wrap.h"

#include "mem.h"
#include "p11_agree.h"
#include "verify.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <string.h>

#define KWP 0x210bUL /* CKM_AES_KEY_WRAP_KWP of PKCS#11 v3.0 */

static const char proof_text[] = "smki-recovery ceremony proof, not a command";

bool p11_wrap_kek(struct session *s, const uint8_t secret[32], CK_OBJECT_HANDLE *out,
                  struct err *e)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    uint8_t copy[32];
    CK_ATTRIBUTE made[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},       {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_WRAP, &yes, sizeof yes},      {CKA_UNWRAP, &yes, sizeof yes},
        {CKA_VALUE, copy, sizeof copy}};
    CK_RV rv;

    memcpy(copy, secret, sizeof copy);
    session_deadline(s);
    rv = s->f->C_CreateObject(s->anchor, made, sizeof made / sizeof made[0], out);
    session_idle();
    OPENSSL_cleanse(copy, sizeof copy);
    return rv == CKR_OK || session_failed(s, "C_CreateObject (wrapping key)", rv, e);
}

static bool other_name(CK_RV rv)
{
    return rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID;
}

bool p11_wrap_out(struct session *s, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key,
                  uint8_t *out, size_t *len, struct err *e)
{
    CK_MECHANISM m = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_ULONG n = *len;
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_WrapKey(s->anchor, &m, kek, key, out, &n);
    if (other_name(rv)) {
        m.mechanism = KWP;
        n = *len;
        rv = s->f->C_WrapKey(s->anchor, &m, kek, key, out, &n);
    }
    session_idle();
    *len = n;
    return rv == CKR_OK || session_failed(s, "C_WrapKey", rv, e);
}

static CK_RV unwrap_as(struct session *s, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE kek,
                       struct span wrapped, CK_ATTRIBUTE *made, CK_ULONG n,
                       CK_OBJECT_HANDLE *out)
{
    CK_MECHANISM m = {mechanism, NULL, 0};
    uint8_t copy[1024];

    if (wrapped.len > sizeof copy)
        return CKR_WRAPPED_KEY_LEN_RANGE;
    memcpy(copy, wrapped.at, wrapped.len);
    return s->f->C_UnwrapKey(s->anchor, &m, kek, copy, wrapped.len, made, n, out);
}

/* The template's last attribute may be one that a module does not know. */
static CK_RV unwrap(struct session *s, CK_OBJECT_HANDLE kek, struct span wrapped,
                    CK_ATTRIBUTE *made, CK_ULONG n, bool last_is_optional,
                    CK_OBJECT_HANDLE *out)
{
    static const CK_MECHANISM_TYPE names[] = {CKM_AES_KEY_WRAP_PAD, KWP};
    CK_RV rv = CKR_MECHANISM_INVALID;

    session_deadline(s);
    for (size_t i = 0; i < 2 && other_name(rv); i++) {
        rv = unwrap_as(s, names[i], kek, wrapped, made, n, out);
        if (last_is_optional && rv != CKR_OK && !other_name(rv) && !p11_code(rv)->session)
            rv = unwrap_as(s, names[i], kek, wrapped, made, n - 1, out);
    }
    session_idle();
    return rv;
}

static bool put_public(struct session *s, struct p11_id *id, char *label, CK_ULONG len,
                       enum p11_use use, const struct point *point, CK_OBJECT_HANDLE *out,
                       struct err *e)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_BBOOL yes = CK_TRUE, signs = use == P11_USE_SIGN;
    uint8_t curve[sizeof p11_p256];
    uint8_t octets[2 + sizeof point->b] = {0x04, sizeof point->b}; /* an OCTET STRING */
    CK_ATTRIBUTE made[] = {{CKA_CLASS, &class, sizeof class},
                           {CKA_KEY_TYPE, &type, sizeof type},
                           {CKA_TOKEN, &yes, sizeof yes},
                           {CKA_VERIFY, &signs, sizeof signs},
                           {CKA_EC_PARAMS, curve, sizeof curve},
                           {CKA_EC_POINT, octets, sizeof octets},
                           {CKA_ID, id->id, id->len},
                           {CKA_LABEL, label, len}};
    CK_RV rv;

    memcpy(curve, p11_p256, sizeof curve);
    memcpy(octets + 2, point->b, sizeof point->b);
    session_deadline(s);
    rv = s->f->C_CreateObject(s->anchor, made, sizeof made / sizeof made[0], out);
    session_idle();
    return rv == CKR_OK || session_failed(s, "C_CreateObject (public key)", rv, e);
}

bool p11_wrap_in(struct session *s, CK_OBJECT_HANDLE kek, struct span wrapped,
                 const struct p11_id *id, const char *label, enum p11_use use,
                 const struct point *point, CK_OBJECT_HANDLE made[2], struct err *e)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_MECHANISM_TYPE only[] = {CKM_ECDSA};
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_BBOOL signs = use == P11_USE_SIGN, derives = use == P11_USE_DERIVE;
    struct p11_id copy = *id;
    char text[CONFIG_NAME_MAX];
    CK_ULONG len = strnlen(label, sizeof text);
    CK_ATTRIBUTE private[] = {{CKA_CLASS, &class, sizeof class},
                              {CKA_KEY_TYPE, &type, sizeof type},
                              {CKA_TOKEN, &yes, sizeof yes},
                              {CKA_PRIVATE, &yes, sizeof yes},
                              {CKA_SENSITIVE, &yes, sizeof yes},
                              {CKA_EXTRACTABLE, &no, sizeof no},
                              {CKA_SIGN, &signs, sizeof signs},
                              {CKA_DERIVE, &derives, sizeof derives},
                              {CKA_ID, copy.id, copy.len},
                              {CKA_LABEL, text, len},
                              {CKA_ALLOWED_MECHANISMS, only, sizeof only}};
    const CK_ULONG all = sizeof private / sizeof private[0];
    CK_RV rv;

    memcpy(text, label, len);
    rv = unwrap(s, kek, wrapped, private, use == P11_USE_SIGN ? all : all - 1,
                use == P11_USE_SIGN, &made[0]);
    if (rv != CKR_OK)
        return session_failed(s, "C_UnwrapKey", rv, e);
    if (put_public(s, &copy, text, len, use, point, &made[1], e))
        return true;
    p11_wrap_undo(s, made[0]);
    return false;
}

bool p11_wrap_try(struct session *s, CK_OBJECT_HANDLE kek, struct span wrapped,
                  enum p11_use use, CK_OBJECT_HANDLE *out, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_BBOOL signs = use == P11_USE_SIGN, derives = use == P11_USE_DERIVE;
    CK_ATTRIBUTE made[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},       {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, &yes, sizeof yes},
        {CKA_SIGN, &signs, sizeof signs},  {CKA_DERIVE, &derives, sizeof derives}};
    CK_RV rv = unwrap(s, kek, wrapped, made, sizeof made / sizeof made[0], false, out);

    return rv == CKR_OK || session_failed(s, "C_UnwrapKey", rv, e);
}

bool p11_wrap_close(struct session *s, CK_OBJECT_HANDLE key, struct err *e)
{
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE closed[] = {{CKA_EXTRACTABLE, &no, sizeof no}};
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_SetAttributeValue(s->anchor, key, closed, 1);
    session_idle();
    return rv == CKR_OK ||
           session_failed(s, "C_SetAttributeValue (CKA_EXTRACTABLE)", rv, e);
}

bool p11_wrap_destroy(struct session *s, CK_OBJECT_HANDLE h, struct err *e)
{
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_DestroyObject(s->anchor, h);
    session_idle();
    return rv == CKR_OK || session_failed(s, "C_DestroyObject", rv, e);
}

void p11_wrap_undo(struct session *s, CK_OBJECT_HANDLE h)
{
    session_deadline(s);
    (void)s->f->C_DestroyObject(s->anchor, h);
    session_idle();
}

/* --- proof --- */

bool p11_wrap_sign(struct session *s, CK_OBJECT_HANDLE key, const struct digest *d,
                   struct sig_p256 *out, struct err *e)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_ULONG len = sizeof out->b;
    struct digest copy = *d;
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_SignInit(s->anchor, &ecdsa, key);
    if (rv == CKR_OK)
        rv = s->f->C_Sign(s->anchor, copy.b, sizeof copy.b, out->b, &len);
    session_idle();
    if (rv != CKR_OK)
        return session_failed(s, "C_Sign", rv, e);
    return len == sizeof out->b ||
           err_set(e, ERR_TOKEN, "token.bug", "a signature of %lu octets", len);
}

static bool proves_by_signing(struct session *s, CK_OBJECT_HANDLE key, EVP_PKEY *public,
                              bool *right, struct err *e)
{
    uint8_t nonce[32];
    struct sig_p256 sig;
    struct digest d;

    if (RAND_bytes(nonce, sizeof nonce) != 1)
        return err_set(e, ERR_STORE, "store.memory", "%s", err_openssl());
    d = digest_of(span_of(proof_text, sizeof proof_text - 1), span_of(nonce, sizeof nonce));
    if (!p11_wrap_sign(s, key, &d, &sig, e))
        return false;
    *right = verify_one(public, &d, &sig);
    return true;
}

AUTO_DEFINE(pkeyctx, EVP_PKEY_CTX *, NULL, EVP_PKEY_CTX_free)

static bool shared_secret(EVP_PKEY *own, EVP_PKEY *peer, uint8_t z[32])
{
    AUTO(pkeyctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    size_t len = 32;

    return ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
           EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, z, &len) == 1 &&
           len == 32;
}

static bool proves_by_agreeing(struct session *s, CK_OBJECT_HANDLE key, EVP_PKEY *public,
                               bool *right, struct err *e)
{
    AUTO(pkey) EVP_PKEY *mine = EVP_EC_gen("P-256");
    uint8_t here[32], there[32];
    struct point point;
    size_t len = 0;
    bool ok;

    if (mine == NULL || !shared_secret(mine, public, here) ||
        EVP_PKEY_get_octet_string_param(mine, "encoded-pub-key", point.b, sizeof point.b,
                                        &len) != 1 ||
        len != sizeof point.b)
        return err_set(e, ERR_STORE, "store.memory", "%s", err_openssl());
    ok = p11_agree(s, key, &point, there, e);
    *right = ok && CRYPTO_memcmp(here, there, sizeof here) == 0;
    OPENSSL_cleanse(here, sizeof here);
    OPENSSL_cleanse(there, sizeof there);
    return ok;
}

bool p11_wrap_prove(struct session *s, CK_OBJECT_HANDLE key, enum p11_use use,
                    const struct point *point, struct err *e)
{
    AUTO(pkey) EVP_PKEY *public = verify_key(point);
    bool right = false;

    if (public == NULL)
        return err_set(e, ERR_DENIED, "ceremony.proof",
                       "the public key is no point of P-256");
    if (!(use == P11_USE_SIGN ? proves_by_signing : proves_by_agreeing)(s, key, public,
                                                                        &right, e))
        return false;
    return right || err_set(e, ERR_DENIED, "ceremony.proof",
                            "what the key makes does not fit its public key");
}
