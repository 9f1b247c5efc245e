/* SPDX-License-Identifier: MIT */
#include "signature.h"

#include "mem.h"

#include <openssl/x509v3.h>

#include <stdbool.h>
#include <string.h>

#define RSA_BITS_MIN 2048

AUTO_DEFINE(storectx, X509_STORE_CTX *, NULL, X509_STORE_CTX_free)

static bool digest_allowed(int nid)
{
    return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static bool key_allowed(EVP_PKEY *key)
{
    char group[32] = "";

    if (key == NULL)
        return false;
    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0);
}

static bool algorithms_allowed(CMS_SignerInfo *si)
{
    X509_ALGOR *digest, *signature;
    const ASN1_OBJECT *oid;
    int hash, md = NID_undef;

    CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, &signature);
    X509_ALGOR_get0(&oid, NULL, NULL, digest);
    hash = OBJ_obj2nid(oid);
    X509_ALGOR_get0(&oid, NULL, NULL, signature);
    if (OBJ_obj2nid(oid) != NID_rsaEncryption &&
        (OBJ_find_sigid_algs(OBJ_obj2nid(oid), &md, NULL) != 1 || md != hash))
        return false;
    return digest_allowed(hash);
}

static bool once(CMS_SignerInfo *si, int nid)
{
    int at = CMS_signed_get_attr_by_NID(si, nid, -1);

    return at >= 0 && CMS_signed_get_attr_by_NID(si, nid, at) < 0 &&
           X509_ATTRIBUTE_count(CMS_signed_get_attr(si, at)) == 1;
}

static bool same_content_type(CMS_ContentInfo *ci, CMS_SignerInfo *si)
{
    const ASN1_OBJECT *said = CMS_signed_get0_data_by_OBJ(
        si, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);

    return said != NULL && OBJ_cmp(said, CMS_get0_eContentType(ci)) == 0;
}

const char *signature_fault(CMS_ContentInfo *ci, CMS_SignerInfo *si, X509 *x)
{
    if (!key_allowed(X509_get0_pubkey(x)))
        return "certificate: key is not ECDSA P-256, P-384 or RSA of 2048 bits";
    if (!algorithms_allowed(si))
        return "algorithm is not SHA-256, SHA-384 or SHA-512";
    if (!once(si, NID_pkcs9_contentType) || !once(si, NID_pkcs9_messageDigest))
        return "signed attributes are missing or doubled";
    if (!same_content_type(ci, si))
        return "signed attribute contentType names another kind of content";
    return NULL;
}

int signature_chain(X509 *x, STACK_OF(X509) * others, X509_STORE *anchors,
                    STACK_OF(X509_CRL) * revoked, int64_t now_us)
{
    AUTO(storectx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    if (ctx == NULL || X509_STORE_CTX_init(ctx, anchors, x, others) != 1 ||
        X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SMIME_SIGN) != 1)
        return X509_V_ERR_OUT_OF_MEM;
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)(now_us / 1000000));
    if (revoked != NULL) {
        X509_STORE_CTX_set0_crls(ctx, revoked);
        if (X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx),
                                        X509_V_FLAG_CRL_CHECK |
                                            X509_V_FLAG_CRL_CHECK_ALL) != 1)
            return X509_V_ERR_OUT_OF_MEM;
    }
    return X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
}
