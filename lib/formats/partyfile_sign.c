/* SPDX-License-Identifier: MIT */
#include "partyfile.h"

/* Before mem.h: cms.h declares PEM_read_bio_CMS only after it. */
#include <openssl/pem.h>

#include "crl.h"
#include "mem.h"
#include "signature.h"

#include <openssl/x509v3.h>

#include <string.h>

/* X509v3_KU_DIGITAL_SIGNATURE says the same; gbcs.h has another of that name. */
#undef KU_DIGITAL_SIGNATURE

static void x509_stack_free(STACK_OF(X509) * certs)
{
    sk_X509_pop_free(certs, X509_free);
}
AUTO_DEFINE(x509_stack, STACK_OF(X509) *, NULL, x509_stack_free)
AUTO_DEFINE(crls, STACK_OF(X509_CRL) *, NULL, crl_free)
AUTO_DEFINE(bio_method, BIO_METHOD *, NULL, BIO_meth_free)

static bool refuse(enum err_code code, const char *name, const char *id, const char *what,
                   struct err *e)
{
    return err_set(e, code, id, "%s: signature: %s", name, what);
}

static CMS_ContentInfo *read_cms(struct span cms)
{
    static const char pem[] = "-----BEGIN";
    AUTO(bio) BIO *in = NULL;
    CMS_ContentInfo *out;

    if (cms.len == 0 || cms.len > PARTYFILE_CMS_MAX)
        return NULL;
    in = BIO_new_mem_buf(cms.at, (int)cms.len);
    if (in == NULL)
        return NULL;
    if (cms.len >= sizeof pem - 1 && memcmp(cms.at, pem, sizeof pem - 1) == 0)
        return PEM_read_bio_CMS(in, NULL, NULL, NULL);
    out = d2i_CMS_bio(in, NULL);
    if (out != NULL && BIO_pending(in) != 0) { /* octets after the document */
        CMS_ContentInfo_free(out);
        return NULL;
    }
    return out;
}

static bool common_name(const X509_NAME *name, char *out, size_t cap)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const ASN1_STRING *value =
        at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));

    /* A second common name would leave open which one is meant. */
    if (value == NULL || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0 ||
        ASN1_STRING_length(value) < 0 || (size_t)ASN1_STRING_length(value) >= cap ||
        memchr(ASN1_STRING_get0_data(value), 0, (size_t)ASN1_STRING_length(value)) != NULL)
        return false;
    memcpy(out, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    out[ASN1_STRING_length(value)] = '\0';
    return true;
}

static bool names(const struct partyfile_certificate list[], size_t n, const char *issuer,
                  const char *serial)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].issuer, issuer) == 0 && strcmp(list[i].serial, serial) == 0)
            return true;
    return false;
}

/* By issuer and serial, and by key: the key is what is compromised. */
static bool compromised(X509 *x, const struct partyfile_header *h,
                        const struct partyfile_trust *t)
{
    char issuer[PARTYFILE_NAME_MAX];
    char serial[PARTYFILE_SERIAL_MAX];
    const ASN1_INTEGER *number = X509_get0_serialNumber(x);
    const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(x);
    struct digest d =
        digest_of(span_of(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key)),
                  (struct span){0});

    for (size_t i = 0; i < t->n_compromised_keys; i++)
        if (digest_equal(&d, &t->compromised_keys[i]))
            return true;
    if (!common_name(X509_get_issuer_name(x), issuer, sizeof issuer) ||
        ASN1_STRING_length(number) < 1 || ASN1_STRING_length(number) > 20)
        return true; /* it cannot be told apart from one that is listed */
    hex_encode(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number), serial);
    return names(h->certificates, h->n_certificates, issuer, serial) ||
           names(t->compromised, t->n_compromised, issuer, serial);
}

static bool chain(X509 *x, STACK_OF(X509) * more, const char *name,
                  const struct partyfile_trust *t, struct err *e)
{
    AUTO(crls) STACK_OF(X509_CRL) *revoked = NULL;
    int fault;

    if (t->crl != NULL && t->crl[0] != '\0' &&
        !crl_read(t->crl, t->store, t->now_us, &revoked, e))
        return err_wrap(e, "%s", name);
    fault = signature_chain(x, more, t->store, revoked, t->now_us);
    if (fault != X509_V_OK)
        return refuse(ERR_DENIED, name, "file.chain", X509_verify_cert_error_string(fault),
                      e);
    if ((X509_get_key_usage(x) & X509v3_KU_DIGITAL_SIGNATURE) == 0)
        return refuse(ERR_DENIED, name, "file.chain", "the certificate is not for signing",
                      e);
    return true;
}

/* The one signer's certificate, owned by the structure; NULL: none, or not in it. */
static X509 *one_signer(CMS_ContentInfo *cms, STACK_OF(X509) * certs)
{
    STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);

    if (infos == NULL || sk_CMS_SignerInfo_num(infos) != 1)
        return NULL;
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (CMS_SignerInfo_cert_cmp(sk_CMS_SignerInfo_value(infos, 0),
                                    sk_X509_value(certs, i)) == 0)
            return sk_X509_value(certs, i);
    return NULL;
}

/* A source of any length:
 * BIO_new_mem_buf ends at 2 GB, a file of 32 million rows does not. */
static int read_span(BIO *b, char *out, size_t cap, size_t *n)
{
    struct span *rest = BIO_get_data(b);

    *n = rest->len < cap ? rest->len : cap;
    memcpy(out, rest->at, *n);
    rest->at += *n;
    rest->len -= *n;
    return *n > 0;
}

static BIO_METHOD *span_method(void)
{
    AUTO(bio_method) BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "span");

    if (m == NULL || BIO_meth_set_read_ex(m, read_span) != 1)
        return NULL;
    return TAKE(m);
}

bool partyfile_verify(struct span text, struct span cms, const char *name,
                      const struct partyfile_header *h, const struct partyfile_trust *t,
                      struct err *e)
{
    AUTO(cms) CMS_ContentInfo *doc = read_cms(cms);
    AUTO(x509_stack) STACK_OF(X509) *certs = NULL;
    AUTO(bio_method) BIO_METHOD *method = NULL;
    AUTO(bio) BIO *content = NULL;
    struct span rest = text;
    char holder[PARTYFILE_NAME_MAX];
    const char *fault;
    X509 *x;

    if (doc == NULL || OBJ_obj2nid(CMS_get0_type(doc)) != NID_pkcs7_signed)
        return refuse(ERR_INPUT, name, "file.cms", err_openssl(), e);
    if (CMS_is_detached(doc) != 1)
        return refuse(ERR_INPUT, name, "file.cms", "it is not detached from its content",
                      e);
    certs = CMS_get1_certs(doc);
    x = certs != NULL ? one_signer(doc, certs) : NULL;
    if (x == NULL)
        return refuse(ERR_INPUT, name, "file.cms",
                      "there must be one signer, with its certificate", e);
    fault = signature_fault(doc, sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(doc), 0), x);
    if (fault != NULL)
        return refuse(ERR_DENIED, name, "file.signature", fault, e);
    method = span_method();
    content = method != NULL ? BIO_new(method) : NULL;
    if (content == NULL)
        return err_set(e, ERR_STORE, "store.failed", "out of memory");
    BIO_set_data(content, &rest);
    BIO_set_init(content, 1);
    if (CMS_verify(doc, NULL, NULL, content, NULL,
                   CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
        return refuse(ERR_DENIED, name, "file.signature", err_openssl(), e);
    if (!chain(x, certs, name, t, e))
        return false;
    if (compromised(x, h, t))
        return refuse(ERR_DENIED, name, "file.compromised-signer",
                      "made with a certificate or key that counts as compromised", e);
    if (!common_name(X509_get_subject_name(x), holder, sizeof holder) ||
        strcmp(holder, h->aro) != 0)
        return err_set(e, ERR_DENIED, "file.signer",
                       "%s: field 'signer' names %s, but the certificate is another's",
                       name, h->aro);
    return true;
}
