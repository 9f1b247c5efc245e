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

static const EVP_CIPHER *cipher_of(int nid, size_t *key_len)
{
    static const struct {
        int nid;
        size_t key_len;
        const EVP_CIPHER *(*cipher)(void);
    } known[] = {
        {NID_id_aes128_wrap, 16, EVP_aes_128_wrap},
        {NID_id_aes192_wrap, 24, EVP_aes_192_wrap},
        {NID_id_aes256_wrap, 32, EVP_aes_256_wrap},
        {NID_id_aes128_wrap_pad, 16, EVP_aes_128_wrap_pad},
        {NID_id_aes192_wrap_pad, 24, EVP_aes_192_wrap_pad},
        {NID_id_aes256_wrap_pad, 32, EVP_aes_256_wrap_pad},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].nid == nid) {
            *key_len = known[i].key_len;
            return known[i].cipher();
        }
    return NULL;
}

/* The point of a SubjectPublicKeyInfo on P-256. */
static bool point_of(const uint8_t *spki, size_t len, struct point *out)
{
    const uint8_t *p = spki;
    AUTO(pkey) EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)len);
    char group[32] = "";
    size_t got = 0;

    return key != NULL && p == spki + len &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0 &&
           EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", out->b, sizeof out->b,
                                           &got) == 1 &&
           got == sizeof out->b && out->b[0] == 4;
}

bool contingency_unwrap(const struct cert *root, struct span symmetric_key,
                        struct point *out, struct err *e)
{
    AUTO(contingency) CONTINGENCY_DER *der = find(root);
    AUTO(cipherctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t clear[WRAPPED_MAX + 16];
    const EVP_CIPHER *cipher;
    const ASN1_OBJECT *oid;
    size_t key_len = 0;
    int len = 0;
    bool ok;

    if (der == NULL || der->wrappedContinPubKey->length > WRAPPED_MAX)
        return err_set(e, ERR_DENIED, "contingency.wrapped",
                       "%s carries no wrapped contingency key", root->subject);
    X509_ALGOR_get0(&oid, NULL, NULL, der->wrapAlgorithm);
    cipher = cipher_of(OBJ_obj2nid(oid), &key_len);
    if (cipher == NULL || symmetric_key.len != key_len)
        return err_set(e, ERR_DENIED, "contingency.wrapped",
                       "the wrap algorithm of %s is unknown or the Symmetric Key of %zu "
                       "octets does not fit it",
                       root->subject, symmetric_key.len);
    if (ctx != NULL)
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    ok = ctx != NULL &&
         EVP_DecryptInit_ex(ctx, cipher, NULL, symmetric_key.at, NULL) == 1 &&
         EVP_DecryptUpdate(ctx, clear, &len, der->wrappedContinPubKey->data,
                           der->wrappedContinPubKey->length) == 1 &&
         len > 0 && point_of(clear, (size_t)len, out);
    ERR_clear_error();
    if (!ok)
        return err_set(e, ERR_DENIED, "contingency.wrapped",
                       "the Symmetric Key does not open the contingency key in %s",
                       root->subject);
    return true;
}
