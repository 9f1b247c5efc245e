/* SPDX-License-Identifier: MIT */
#include "cmsmerge.h"

#include "cmsform.h"
#include "mem.h"
#include "signature.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

/* RFC 5652 5.1, with ANY where octets are only carried:
 *   ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT SignedData }
 *   SignedData ::= SEQUENCE {
 *     version INTEGER, digestAlgorithms SET OF ANY,
 *     encapContentInfo SEQUENCE { eContentType OBJECT IDENTIFIER,
 *                                 eContent [0] EXPLICIT OCTET STRING OPTIONAL },
 *     certificates [0] IMPLICIT SET OF ANY OPTIONAL,
 *     crls [1] IMPLICIT SET OF ANY OPTIONAL, signerInfos SET OF ANY } */
typedef struct {
    ASN1_OBJECT *type;
    ASN1_OCTET_STRING *data;
} CONTENT_DER;
ASN1_SEQUENCE(CONTENT_DER) = {
    ASN1_SIMPLE(CONTENT_DER, type, ASN1_OBJECT),
    ASN1_EXP_OPT(CONTENT_DER, data, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END(CONTENT_DER)

typedef struct {
    ASN1_INTEGER *version;
    STACK_OF(ASN1_TYPE) * digests;
    CONTENT_DER *content;
    STACK_OF(ASN1_TYPE) * certificates;
    STACK_OF(ASN1_TYPE) * crls;
    STACK_OF(ASN1_TYPE) * signers;
} SIGNED_DER;
ASN1_SEQUENCE(SIGNED_DER) = {
    ASN1_SIMPLE(SIGNED_DER, version, ASN1_INTEGER),
    ASN1_SET_OF(SIGNED_DER, digests, ASN1_ANY),
    ASN1_SIMPLE(SIGNED_DER, content, CONTENT_DER),
    ASN1_IMP_SET_OF_OPT(SIGNED_DER, certificates, ASN1_ANY, 0),
    ASN1_IMP_SET_OF_OPT(SIGNED_DER, crls, ASN1_ANY, 1),
    ASN1_SET_OF(SIGNED_DER, signers, ASN1_ANY),
} static_ASN1_SEQUENCE_END(SIGNED_DER)

typedef struct {
    ASN1_OBJECT *type;
    SIGNED_DER *inner;
} MESSAGE_DER;
ASN1_SEQUENCE(MESSAGE_DER) = {
    ASN1_SIMPLE(MESSAGE_DER, type, ASN1_OBJECT),
    ASN1_EXP(MESSAGE_DER, inner, SIGNED_DER, 0),
} static_ASN1_SEQUENCE_END(MESSAGE_DER)

static void message_free(MESSAGE_DER *m)
{
    ASN1_item_free((ASN1_VALUE *)m, ASN1_ITEM_rptr(MESSAGE_DER));
}
AUTO_DEFINE(message, MESSAGE_DER *, NULL, message_free)

static void certificates_free(STACK_OF(X509) * list)
{
    sk_X509_pop_free(list, X509_free);
}
AUTO_DEFINE(certificates, STACK_OF(X509) *, NULL, certificates_free)

/* --- reading and writing --- */

static bool read_message(const struct cmsmerge_part *part, MESSAGE_DER **out, struct err *e)
{
    AUTO(message) MESSAGE_DER *m = NULL;
    AUTO(mem) uint8_t *octets = NULL;
    struct span der;
    const uint8_t *p;

    if (!cmsform_octets(part->cms, &der, e))
        return err_wrap(e, "%s", part->name);
    octets = (uint8_t *)(uintptr_t)der.at;
    p = der.at;
    m = (MESSAGE_DER *)ASN1_item_d2i(NULL, &p, (long)der.len, ASN1_ITEM_rptr(MESSAGE_DER));
    ERR_clear_error();
    if (m == NULL) {
        p = der.at;
        CMS_ContentInfo *other = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
        bool cms = other != NULL;

        CMS_ContentInfo_free(other);
        ERR_clear_error();
        return err_set(e, ERR_INPUT, cms ? "decision.not-signed" : "decision.cms", "%s: %s",
                       part->name,
                       cms ? "the CMS message is not SignedData" : "not a CMS message");
    }
    if (p != der.at + der.len)
        return err_set(e, ERR_INPUT, "decision.trailing",
                       "%s: octets follow the CMS message", part->name);
    if (OBJ_obj2nid(m->type) != NID_pkcs7_signed)
        return err_set(e, ERR_INPUT, "decision.not-signed",
                       "%s: the CMS message is not SignedData", part->name);
    if (OBJ_obj2nid(m->inner->content->type) != NID_pkcs7_data)
        return err_set(e, ERR_INPUT, "decision.cms", "%s: the content type is not data",
                       part->name);
    if (sk_ASN1_TYPE_num(m->inner->signers) <= 0)
        return err_set(e, ERR_INPUT, "decision.no-signers", "%s: nobody has signed",
                       part->name);
    *out = TAKE(m);
    return true;
}

static bool write_message(MESSAGE_DER *m, struct span *out, struct err *e)
{
    uint8_t *der = NULL;
    int len = ASN1_item_i2d((ASN1_VALUE *)m, &der, ASN1_ITEM_rptr(MESSAGE_DER));
    uint8_t *copy = len > 0 ? malloc((size_t)len) : NULL;

    if (copy != NULL)
        memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    if (copy == NULL)
        return err_set(e, ERR_STORE, "store.memory", "merge: %s", err_openssl());
    *out = span_of(copy, (size_t)len);
    return true;
}

/* --- joining --- */

/* What is not there yet, in the octets it has. */
static bool add_all(STACK_OF(ASN1_TYPE) * *to, const STACK_OF(ASN1_TYPE) * from)
{
    for (int i = 0; i < sk_ASN1_TYPE_num(from); i++) {
        ASN1_TYPE *one = sk_ASN1_TYPE_value(from, i), *own = ASN1_TYPE_new();
        bool known = false;

        if (*to == NULL)
            *to = sk_ASN1_TYPE_new_null();
        for (int k = 0; !known && k < sk_ASN1_TYPE_num(*to); k++)
            known = ASN1_TYPE_cmp(sk_ASN1_TYPE_value(*to, k), one) == 0;
        if (known) {
            ASN1_TYPE_free(own);
            continue;
        }
        if (own == NULL || *to == NULL ||
            ASN1_TYPE_set1(own, one->type, one->value.ptr) != 1 ||
            sk_ASN1_TYPE_push(*to, own) <= 0) {
            ASN1_TYPE_free(own);
            return false;
        }
    }
    return true;
}

/* The content of the whole: of the document, else of the first that has it. */
static bool same_content(MESSAGE_DER *all, const ASN1_OCTET_STRING *data, const char *name,
                         struct err *e)
{
    ASN1_OCTET_STRING **to = &all->inner->content->data;

    if (data == NULL)
        return true;
    if (*to == NULL) {
        *to = ASN1_OCTET_STRING_dup(data);
        return *to != NULL || err_set(e, ERR_STORE, "store.memory", "merge: out of memory");
    }
    return ASN1_OCTET_STRING_cmp(*to, data) == 0 ||
           err_set(e, ERR_INPUT, "decision.merge-content",
                   "%s: its document is not the one of those before it, octet for octet",
                   name);
}

static bool take_document(MESSAGE_DER *all, struct span document, struct err *e)
{
    ASN1_OCTET_STRING *data;
    bool ok;

    if (document.at == NULL)
        return true;
    data = ASN1_OCTET_STRING_new();
    ok = (data != NULL &&
          ASN1_OCTET_STRING_set(data, document.at, (int)document.len) == 1) ||
         err_set(e, ERR_STORE, "store.memory", "merge: out of memory");
    ok = ok && same_content(all, data, "the document", e);
    ASN1_OCTET_STRING_free(data);
    return ok;
}

static bool take_part(MESSAGE_DER *all, const MESSAGE_DER *part, const char *name,
                      struct err *e)
{
    SIGNED_DER *to = all->inner;
    const SIGNED_DER *from = part->inner;

    /* the highest: what asked for it in a part is in the whole */
    if (ASN1_INTEGER_get(from->version) > ASN1_INTEGER_get(to->version) &&
        ASN1_INTEGER_set(to->version, ASN1_INTEGER_get(from->version)) != 1)
        return err_set(e, ERR_STORE, "store.memory", "merge: out of memory");
    if (!same_content(all, from->content->data, name, e))
        return false;
    return (add_all(&to->digests, from->digests) &&
            add_all(&to->certificates, from->certificates) &&
            add_all(&to->crls, from->crls)) ||
           err_set(e, ERR_STORE, "store.memory", "merge: out of memory");
}

/* --- one signature --- */

/* DER wants the elements of a SET in the order of their octets (X.690 11.6). */
static bool sorted(const CMS_SignerInfo *si)
{
    AUTO(mem) uint8_t *before = NULL;
    size_t n_before = 0;
    bool ok = true;

    for (int i = 0; ok && i < CMS_signed_get_attr_count(si); i++) {
        uint8_t *der = NULL;
        int len = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(si, i), &der);
        size_t n = len > 0 ? (size_t)len : 0;
        uint8_t *copy = malloc(n + 1);
        int order;

        if (copy != NULL)
            memcpy(copy, der, n);
        OPENSSL_free(der);
        order = copy == NULL || before == NULL
                    ? 0
                    : memcmp(before, copy, n < n_before ? n : n_before);
        ok = order < 0 || (order == 0 && n_before <= n);
        free(before);
        before = copy;
        n_before = n;
    }
    return ok;
}

static bool holder_of(X509 *x, char out[static 64])
{
    int n = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, out, 64);

    if (n <= 0)
        (void)strcpy(out, "somebody without a CN");
    return n > 0;
}

static const char *broken(bool in_order)
{
    return in_order
               ? "the signature is wrong; where the tool wrote its signed attributes in "
                 "another order and they were sorted since (openssl cms -resign does), "
                 "that has broken it: take the file as the tool wrote it"
               : "the signature is wrong: its signed attributes do not stand in DER "
                 "order, and it was made over another order; nothing but signing anew "
                 "with another tool mends that";
}

/* ci holds this one signature and nothing else of them. */
static bool holds(CMS_ContentInfo *ci, struct cmsmerge_signer *s, struct digest *key,
                  struct err *e)
{
    AUTO(certificates) STACK_OF(X509) *certs = CMS_get1_certs(ci);
    CMS_SignerInfo *si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(ci), 0);
    AUTO(bio) BIO *content = NULL;
    const char *fault;
    char sink[4096];
    unsigned len = 0;
    X509 *x = NULL;

    for (int i = 0; x == NULL && i < sk_X509_num(certs); i++)
        if (CMS_SignerInfo_cert_cmp(si, sk_X509_value(certs, i)) == 0)
            x = sk_X509_value(certs, i);
    if (x == NULL)
        return err_set(e, ERR_INPUT, "decision.merge-signature",
                       "%s: it holds no certificate of its signer, nor does another file",
                       s->part);
    (void)holder_of(x, s->holder);
    fault = signature_fault(ci, si, x);
    if (fault != NULL)
        return err_set(e, ERR_INPUT, "decision.merge-signature", "%s: \"%s\": %s", s->part,
                       s->holder, fault);
    s->unsorted = !sorted(si);
    CMS_SignerInfo_set1_signer_cert(si, x);
    if (X509_pubkey_digest(x, EVP_sha256(), key->b, &len) != 1 ||
        CMS_SignerInfo_verify(si) != 1)
        return err_set(e, ERR_INPUT, "decision.merge-signature", "%s: \"%s\": %s", s->part,
                       s->holder, broken(!s->unsorted));
    content = CMS_dataInit(ci, NULL);
    while (content != NULL && BIO_read(content, sink, sizeof sink) > 0)
        continue; /* the digests are taken on the way */
    return (content != NULL && CMS_SignerInfo_verify_content(si, content) == 1) ||
           err_set(e, ERR_INPUT, "decision.merge-content",
                   "%s: \"%s\" has signed another document", s->part, s->holder);
}

/* Try it in a message of its own, around the very octets. */
static bool try_one(MESSAGE_DER *all, ASN1_TYPE *raw, struct cmsmerge_signer *s,
                    struct digest *key, struct err *e)
{
    STACK_OF(ASN1_TYPE) *others = all->inner->signers, *one = sk_ASN1_TYPE_new_null();
    AUTO(cms) CMS_ContentInfo *ci = NULL;
    struct span der = {NULL, 0};
    const uint8_t *p;
    bool ok = one != NULL && sk_ASN1_TYPE_push(one, raw) > 0;

    all->inner->signers = one;
    ok = ok ? write_message(all, &der, e)
            : err_set(e, ERR_STORE, "store.memory", "merge: out of memory");
    all->inner->signers = others;
    sk_ASN1_TYPE_free(one);
    p = der.at;
    ci = ok ? d2i_CMS_ContentInfo(NULL, &p, (long)der.len) : NULL;
    if (ok && ci == NULL)
        ok = err_set(e, ERR_INPUT, "decision.cms", "%s: not a CMS message: %s", s->part,
                     err_openssl());
    ok = ok && holds(ci, s, key, e);
    ERR_clear_error();
    free((void *)(uintptr_t)der.at);
    return ok;
}

static bool take_signers(MESSAGE_DER *all, const MESSAGE_DER *part, const char *name,
                         struct cmsmerge *out, struct digest keys[], struct err *e)
{
    for (int i = 0; i < sk_ASN1_TYPE_num(part->inner->signers); i++) {
        ASN1_TYPE *raw = sk_ASN1_TYPE_value(part->inner->signers, i);
        struct cmsmerge_signer *s = &out->signers[out->n];
        ASN1_TYPE *own;

        if (out->n == CMSMERGE_SIGNERS_MAX)
            return err_set(e, ERR_INPUT, "decision.too-many-signers",
                           "%s: more than %d signatures in all", name,
                           CMSMERGE_SIGNERS_MAX);
        s->part = name;
        if (!try_one(all, raw, s, &keys[out->n], e))
            return false;
        for (size_t k = 0; k < out->n; k++)
            if (digest_equal(&keys[k], &keys[out->n]))
                return err_set(e, ERR_INPUT, "decision.merge-twice",
                               "%s: \"%s\" has signed %s already", name, s->holder,
                               out->signers[k].part);
        own = ASN1_TYPE_new();
        if (own == NULL || ASN1_TYPE_set1(own, raw->type, raw->value.ptr) != 1 ||
            sk_ASN1_TYPE_push(all->inner->signers, own) <= 0) {
            ASN1_TYPE_free(own);
            return err_set(e, ERR_STORE, "store.memory", "merge: out of memory");
        }
        out->n++;
    }
    return true;
}

/* --- the whole --- */

static bool join(MESSAGE_DER *all, MESSAGE_DER *read[], const struct cmsmerge_part parts[],
                 size_t n, struct cmsmerge *out, struct err *e)
{
    struct digest keys[CMSMERGE_SIGNERS_MAX];

    for (size_t i = 0; i < n; i++)
        if (!read_message(&parts[i], &read[i], e) ||
            !take_part(all, read[i], parts[i].name, e))
            return false;
    if (all->inner->content->data == NULL)
        return err_set(e, ERR_INPUT, "decision.detached",
                       "the document is in none of the files");
    for (size_t i = 0; i < n; i++)
        if (!take_signers(all, read[i], parts[i].name, out, keys, e))
            return false;
    return write_message(all, &out->out, e);
}

bool cmsmerge_join(const struct cmsmerge_part parts[], size_t n, struct span document,
                   struct cmsmerge *out, struct err *e)
{
    AUTO(message)
    MESSAGE_DER *all = (MESSAGE_DER *)ASN1_item_new(ASN1_ITEM_rptr(MESSAGE_DER));
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it holds */
    MESSAGE_DER **read = calloc(n, sizeof *read);
    bool ok;

    memset(out, 0, sizeof *out);
    if (all == NULL || read == NULL) {
        free(read);
        return err_set(e, ERR_STORE, "store.memory", "merge: out of memory");
    }
    all->type = OBJ_nid2obj(NID_pkcs7_signed);
    all->inner->content->type = OBJ_nid2obj(NID_pkcs7_data);
    ok = take_document(all, document, e) && join(all, read, parts, n, out, e);
    for (size_t i = 0; i < n; i++)
        message_free(read[i]);
    free(read);
    if (!ok)
        cmsmerge_done(out);
    return ok;
}

void cmsmerge_done(struct cmsmerge *m)
{
    free((void *)(uintptr_t)m->out.at);
    m->out = span_of(NULL, 0);
}
