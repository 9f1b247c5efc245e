/* SPDX-License-Identifier: MIT */
#include "contingency.h"
#include "mem.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <string.h>

#define CONTINGENCY_OID "1.3.6.1.5.5.7.1.20"
#define WRAPPED_MAX     1024

/* RFC 5934:
 *   ApexContingencyKey ::= SEQUENCE {
 *     wrapAlgorithm        AlgorithmIdentifier,
 *     wrappedContinPubKey  OCTET STRING } */
typedef struct {
    X509_ALGOR *wrapAlgorithm;
    ASN1_OCTET_STRING *wrappedContinPubKey;
} CONTINGENCY_DER;
ASN1_SEQUENCE(CONTINGENCY_DER) = {
    ASN1_SIMPLE(CONTINGENCY_DER, wrapAlgorithm, X509_ALGOR),
    ASN1_SIMPLE(CONTINGENCY_DER, wrappedContinPubKey, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(CONTINGENCY_DER)

static void contingency_free(CONTINGENCY_DER *der)
{
    ASN1_item_free((ASN1_VALUE *)der, ASN1_ITEM_rptr(CONTINGENCY_DER));
}
AUTO_DEFINE(contingency, CONTINGENCY_DER *, NULL, contingency_free)
AUTO_DEFINE(cipherctx, EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_free)

static CONTINGENCY_DER *find(const struct cert *root)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(CONTINGENCY_OID, 1);
    int at = oid != NULL ? X509_get_ext_by_OBJ(root->x, oid, -1) : -1;
    const ASN1_OCTET_STRING *data;
    CONTINGENCY_DER *der;
    uint8_t *again = NULL;
    const uint8_t *p;
    int len;

    ASN1_OBJECT_free(oid);
    if (at < 0)
        return NULL;
    data = X509_EXTENSION_get_data(X509_get_ext(root->x, at));
    p = data->data;
    der = (CONTINGENCY_DER *)ASN1_item_d2i(NULL, &p, data->length,
                                           ASN1_ITEM_rptr(CONTINGENCY_DER));
    len = der != NULL
              ? ASN1_item_i2d((ASN1_VALUE *)der, &again, ASN1_ITEM_rptr(CONTINGENCY_DER))
              : -1;
    ERR_clear_error();
    /* DER and nothing else: what BER libcrypto takes depends on its patch level */
    if (len < 0 || !span_equal(span_of(again, (size_t)len),
                               span_of(data->data, (size_t)data->length))) {
        contingency_free(der);
        der = NULL;
    }
    OPENSSL_free(again);
    return der;
}

bool contingency_present(const struct cert *root)
{
    AUTO(contingency) CONTINGENCY_DER *der = find(root);

    return der != NULL;
}

/* Each length as RFC 3394 has it and as RFC 5649 does. */
struct wrap {
    int plain, padded;
    size_t key_len;
    const EVP_CIPHER *(*as_plain)(void), *(*as_padded)(void);
};

static const struct wrap *wrap_of(int nid)
{
    static const struct wrap known[] = {
        {NID_id_aes128_wrap, NID_id_aes128_wrap_pad, 16, EVP_aes_128_wrap,
         EVP_aes_128_wrap_pad},
        {NID_id_aes192_wrap, NID_id_aes192_wrap_pad, 24, EVP_aes_192_wrap,
         EVP_aes_192_wrap_pad},
        {NID_id_aes256_wrap, NID_id_aes256_wrap_pad, 32, EVP_aes_256_wrap,
         EVP_aes_256_wrap_pad},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].plain == nid || known[i].padded == nid)
            return &known[i];
    return NULL;
}

/* Octets in clear; 0: it does not open that way. */
static size_t unwrap(const EVP_CIPHER *cipher, struct span key,
                     const ASN1_OCTET_STRING *wrapped, uint8_t clear[WRAPPED_MAX + 16])
{
    AUTO(cipherctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    bool ok;

    if (ctx != NULL)
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    ok = ctx != NULL && EVP_DecryptInit_ex(ctx, cipher, NULL, key.at, NULL) == 1 &&
         EVP_DecryptUpdate(ctx, clear, &len, wrapped->data, wrapped->length) == 1 &&
         len > 0;
    ERR_clear_error();
    return ok ? (size_t)len : 0;
}

/* The point of a SubjectPublicKeyInfo on P-256, and how many octets it takes. */
static bool point_of(const uint8_t *spki, size_t len, struct point *out, size_t *used)
{
    const uint8_t *p = spki;
    AUTO(pkey) EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)len);
    char group[32] = "";
    size_t got = 0;

    *used = (size_t)(p - spki);
    return key != NULL && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0 &&
           EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", out->b, sizeof out->b,
                                           &got) == 1 &&
           got == sizeof out->b && out->b[0] == 4;
}

/* Behind a key of that many octets: nothing, or the zeros that fill it up for RFC 3394. */
static bool only_padding(const uint8_t *clear, size_t used, size_t len, bool padded)
{
    size_t fill = padded ? 0 : (8 - used % 8) % 8;

    for (size_t i = used; i < len; i++)
        if (clear[i] != 0)
            return false;
    return len == used || len == used + fill;
}

static bool read_clear(const struct cert *root, const uint8_t *clear, size_t len,
                       bool padded, struct point *out, struct err *e)
{
    size_t used;

    if (!point_of(clear, len, out, &used))
        return err_set(e, ERR_DENIED, "contingency.wrapped",
                       "the Symmetric Key opens the contingency key in %s, and it is no "
                       "public key of P-256",
                       root->subject);
    if (!only_padding(clear, used, len, padded))
        return err_set(e, ERR_DENIED, "contingency.wrapped",
                       "behind the contingency key in %s stand %zu octets that are not the "
                       "padding of %s",
                       root->subject, len - used,
                       padded ? "RFC 5649, which has none in clear"
                              : "RFC 3394: zeros up to a multiple of 8");
    return true;
}

bool contingency_unwrap(const struct cert *root, struct span symmetric_key,
                        struct point *out, struct err *e)
{
    AUTO(contingency) CONTINGENCY_DER *der = find(root);
    uint8_t clear[WRAPPED_MAX + 16];
    const struct wrap *wrap;
    const ASN1_OBJECT *oid;
    bool padded;
    size_t len;

    if (der == NULL || der->wrappedContinPubKey->length > WRAPPED_MAX)
        return err_set(e, ERR_DENIED, "contingency.wrapped",
                       "%s carries no wrapped contingency key", root->subject);
    X509_ALGOR_get0(&oid, NULL, NULL, der->wrapAlgorithm);
    wrap = wrap_of(OBJ_obj2nid(oid));
    if (wrap == NULL || symmetric_key.len != wrap->key_len)
        return err_set(e, ERR_DENIED, "contingency.wrapped",
                       "the wrap algorithm of %s is unknown or the Symmetric Key of %zu "
                       "octets does not fit it",
                       root->subject, symmetric_key.len);
    padded = OBJ_obj2nid(oid) == wrap->padded;
    len = unwrap(padded ? wrap->as_padded() : wrap->as_plain(), symmetric_key,
                 der->wrappedContinPubKey, clear);
    if (len > 0)
        return read_clear(root, clear, len, padded, out, e);
    /* whoever goes by the certificate could not open it either */
    if (unwrap(padded ? wrap->as_plain() : wrap->as_padded(), symmetric_key,
               der->wrappedContinPubKey, clear) > 0)
        return err_set(e, ERR_DENIED, "contingency.wrapped",
                       "%s names %s for the contingency key, which was wrapped by %s",
                       root->subject, padded ? "RFC 5649" : "RFC 3394",
                       padded ? "RFC 3394" : "RFC 5649");
    return err_set(e, ERR_DENIED, "contingency.wrapped",
                   "the Symmetric Key does not open the contingency key in %s",
                   root->subject);
}
