/* SPDX-License-Identifier: MIT */
#include "authority.h"

#include "cmsform.h"
#include "crl.h"
#include "mem.h"
#include "name.h"
#include "people.h"
#include "quorum.h"
#include "signature.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

static void certificates_free(STACK_OF(X509) * list)
{
    sk_X509_pop_free(list, X509_free);
}
AUTO_DEFINE(certificates, STACK_OF(X509) *, NULL, certificates_free)
AUTO_DEFINE(crls, STACK_OF(X509_CRL) *, NULL, crl_free)

/* --- the envelope --- */

/* RFC 5652: one SignedData over id-data, content inside, nothing behind. */
static bool envelope(struct span cms, CMS_ContentInfo **out, struct span *content,
                     struct err *e)
{
    AUTO(cms) CMS_ContentInfo *ci = NULL;
    ASN1_OCTET_STRING **data;
    AUTO(mem) uint8_t *octets = NULL;
    struct span der;
    const uint8_t *p;
    long after;

    if (cms.len > AUTHORITY_CMS_MAX)
        return err_set(e, ERR_INPUT, "decision.too-large", "%zu octets; %u are allowed",
                       cms.len, AUTHORITY_CMS_MAX);
    if (!cmsform_octets(cms, &der, e))
        return false;
    octets = (uint8_t *)(uintptr_t)der.at;
    p = der.at;
    ci = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
    after = ci != NULL ? der.at + der.len - p : 0;
    if (ci == NULL)
        return err_set(e, ERR_INPUT, "decision.cms", "not a CMS message: %s",
                       err_openssl());
    if (after != 0)
        return err_set(e, ERR_INPUT, "decision.trailing",
                       "%ld octets follow the CMS message", after);
    if (OBJ_obj2nid(CMS_get0_type(ci)) != NID_pkcs7_signed)
        return err_set(e, ERR_INPUT, "decision.not-signed",
                       "the CMS message is not SignedData");
    data = CMS_get0_content(ci);
    if (data == NULL || *data == NULL)
        return err_set(e, ERR_INPUT, "decision.detached",
                       "the document is not inside its CMS message");
    if (OBJ_obj2nid(CMS_get0_eContentType(ci)) != NID_pkcs7_data)
        return err_set(e, ERR_INPUT, "decision.cms", "the content type is not data");
    *content = span_of((*data)->data, (size_t)(*data)->length);
    if (content->len > AUTHORITY_TEXT_MAX)
        return err_set(e, ERR_INPUT, "decision.too-large",
                       "document of %zu octets; %u are allowed", content->len,
                       AUTHORITY_TEXT_MAX);
    *out = TAKE(ci);
    return true;
}

bool authority_content(struct span cms, struct span *json, struct err *e)
{
    AUTO(cms) CMS_ContentInfo *ci = NULL;
    struct span content;
    uint8_t *copy;

    if (!envelope(cms, &ci, &content, e))
        return false;
    copy = malloc(content.len + 1);
    if (copy == NULL)
        return err_set(e, ERR_STORE, "store.memory", "decision: out of memory");
    memcpy(copy, content.at, content.len);
    copy[content.len] = '\0';
    *json = span_of(copy, content.len);
    return true;
}

/* --- one signer --- */

static bool not(struct authority_signer * s, enum signer_verdict verdict,
                const char *reason)
{
    s->verdict = verdict;
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
    return false;
}

/* Three answers about an attribute of a subject. */
enum attribute { ATTRIBUTE_READ, ATTRIBUTE_NONE, ATTRIBUTE_BAD };

/* The one attribute of that kind, as printable UTF-8 that fits. What cannot be read whole is
 * bad, not empty: it may be the name that puts somebody aside. */
static enum attribute attribute(X509_NAME *name, int nid, char *out, size_t cap)
{
    int i = X509_NAME_get_index_by_NID(name, nid, -1);
    uint8_t *utf8 = NULL;
    int len;
    bool ok;

    out[0] = '\0';
    if (i < 0)
        return ATTRIBUTE_NONE;
    if (X509_NAME_get_index_by_NID(name, nid, i) >= 0)
        return ATTRIBUTE_BAD;
    len =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    ok = len > 0 && (size_t)len < cap;
    for (int k = 0; ok && k < len; k++)
        ok = utf8[k] >= 0x20 && utf8[k] != 0x7f;
    if (ok) {
        memcpy(out, utf8, (size_t)len);
        out[len] = '\0';
        ok = name_same(out, out);
    }
    OPENSSL_free(utf8);
    return ok ? ATTRIBUTE_READ : ATTRIBUTE_BAD;
}

static bool subject_read(X509 *x, struct authority_signer *s)
{
    X509_NAME *name = X509_get_subject_name(x);

    if (attribute(name, NID_commonName, s->holder, sizeof s->holder) != ATTRIBUTE_READ)
        return not(s, SIGNER_UNKNOWN,
                   "certificate: subject has no one CN that names the holder");
    if (attribute(name, NID_organizationalUnitName, s->seat, sizeof s->seat) ==
        ATTRIBUTE_BAD)
        return not(s, SIGNER_UNKNOWN,
                   "certificate: subject has an OU that cannot be read whole");
    if (attribute(name, NID_organizationName, s->organisation, sizeof s->organisation) ==
        ATTRIBUTE_BAD)
        return not(s, SIGNER_UNKNOWN,
                   "certificate: subject has an O that cannot be read whole");
    return true;
}

/* The key says who it is, and the subject must not say otherwise. */
static bool person_found(const struct config *c, struct authority_signer *s)
{
    s->person = people_of_key(c, &s->key_sha256);
    if (s->person == NULL)
        return not(s, SIGNER_UNKNOWN, "no [Person] has this key");
    if (!people_named(s->person, s->holder))
        return not(s, SIGNER_UNKNOWN,
                   "certificate: CN is not the Name= of the [Person] with this key");
    if (s->organisation[0] == '\0')
        (void)snprintf(s->organisation, sizeof s->organisation, "%s",
                       s->person->organisation);
    return name_same(s->organisation, s->person->organisation) ||
           not(s, SIGNER_UNKNOWN,
               "certificate: O is not the Organisation= of the [Person] with this key");
}

/* By what certificates are judged. */
struct judges {
    const struct config *config;
    X509_STORE *anchor;
    STACK_OF(X509_CRL) * revoked; /* NULL: no Crl= is set */
    int64_t now_us;
};

/* What a fault of the chain says of the signer. */
static enum signer_verdict verdict_of(int fault)
{
    switch (fault) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return SIGNER_EXPIRED;
    case X509_V_ERR_CERT_REVOKED:
        return SIGNER_REVOKED;
    default: /* of another CA, or not for signing */
        return SIGNER_WRONG_ROLE;
    }
}

static bool chain_holds(X509 *x, STACK_OF(X509) * others, const struct judges *j,
                        struct authority_signer *s)
{
    int fault = signature_chain(x, others, j->anchor, j->revoked, j->now_us);

    if (fault == X509_V_OK)
        return true;
    s->verdict = verdict_of(fault);
    (void)snprintf(s->reason, sizeof s->reason, "certificate: %s",
                   X509_verify_cert_error_string(fault));
    return false;
}

static bool ends(X509 *x, struct authority_signer *s)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
        return not(s, SIGNER_EXPIRED, "certificate: its end is unreadable");
    s->ends_us = (int64_t)timegm(&tm) * 1000000;
    return true;
}

/* Is it a sound signature over this content by someone the anchor vouches for? */
static bool signer_valid(CMS_ContentInfo *ci, CMS_SignerInfo *si, STACK_OF(X509) * certs,
                         BIO *content, const struct judges *j, struct authority_signer *s)
{
    const char *fault;
    X509 *x = NULL;
    unsigned len = 0;

    for (int i = 0; x == NULL && i < sk_X509_num(certs); i++)
        if (CMS_SignerInfo_cert_cmp(si, sk_X509_value(certs, i)) == 0)
            x = sk_X509_value(certs, i);
    if (x == NULL)
        return not(s, SIGNER_UNKNOWN, "the message holds no certificate of this signer");
    if (!subject_read(x, s))
        return false;
    fault = signature_fault(ci, si, x);
    if (fault != NULL)
        return not(s, SIGNER_SIGNATURE_BAD, fault);
    if (X509_pubkey_digest(x, EVP_sha256(), s->key_sha256.b, &len) != 1)
        return not(s, SIGNER_UNKNOWN, "certificate: key is unreadable");
    CMS_SignerInfo_set1_signer_cert(si, x);
    if (CMS_SignerInfo_verify(si) != 1)
        return not(s, SIGNER_SIGNATURE_BAD, "signature is wrong");
    if (CMS_SignerInfo_verify_content(si, content) != 1)
        return not(s, SIGNER_SIGNATURE_BAD, "signature is over another document");
    return chain_holds(x, certs, j, s) && ends(x, s) && person_found(j->config, s);
}

/* --- the whole --- */

static bool judge_signers(CMS_ContentInfo *ci, const struct judges *j, struct authority *a,
                          bool valid[], struct err *e)
{
    STACK_OF(CMS_SignerInfo) *list = CMS_get0_SignerInfos(ci);
    AUTO(certificates) STACK_OF(X509) *certs = CMS_get1_certs(ci);
    int n = sk_CMS_SignerInfo_num(list);
    AUTO(bio) BIO *content = NULL;
    char sink[4096];

    if (n <= 0)
        return err_set(e, ERR_INPUT, "decision.no-signers", "nobody has signed");
    if (n > AUTHORITY_SIGNERS_MAX)
        return err_set(e, ERR_INPUT, "decision.too-many-signers",
                       "%d signatures; %d are allowed", n, AUTHORITY_SIGNERS_MAX);
    content = CMS_dataInit(ci, NULL);
    if (content == NULL)
        return err_set(e, ERR_INPUT, "decision.cms", "its digests are unknown: %s",
                       err_openssl());
    while (BIO_read(content, sink, sizeof sink) > 0)
        continue; /* the digests are taken on the way */
    a->n_signers = (size_t)n;
    for (size_t i = 0; i < a->n_signers; i++) {
        CMS_SignerInfo *si = sk_CMS_SignerInfo_value(list, (int)i);

        valid[i] = signer_valid(ci, si, certs, content, j, &a->signers[i]);
        ERR_clear_error();
    }
    return true;
}

static bool addressed(const struct authority *a, const struct config_authority *who,
                      struct err *e)
{
    if (strcmp(a->by, who->name) != 0)
        return err_set(e, ERR_DENIED, "decision.addressee",
                       "the document is by \"%s\", not by \"%s\"", a->by, who->name);
    if ((a->kind == KIND_INSTRUCTION) != (who->organisation[0] != '\0'))
        return err_set(e, ERR_DENIED, "decision.kind",
                       "\"%s\" is %s and cannot give a document of kind %s", who->name,
                       who->organisation[0] != '\0' ? "an organisation" : "no organisation",
                       authority_kind_name(a->kind));
    return true;
}

bool authority_open(struct span cms, const struct config *c,
                    const struct config_authority *who, X509_STORE *anchor, int64_t now_us,
                    struct authority *out, struct err *e)
{
    AUTO(cms) CMS_ContentInfo *ci = NULL;
    AUTO(crls) STACK_OF(X509_CRL) *revoked = NULL;
    bool valid[AUTHORITY_SIGNERS_MAX] = {false};
    unsigned least = who->organisation[0] != '\0' ? 1 : 2;
    struct span content;

    memset(out, 0, sizeof *out);
    if (who->threshold < least || anchor == NULL)
        return err_set(e, ERR_DENIED, "decision.no-quorum-configured",
                       "authority \"%s\" has no %s; nothing by it is valid", who->name,
                       anchor == NULL ? "readable anchor" : "threshold of at least two");
    if (c->n_people == 0)
        return err_set(e, ERR_DENIED, "config.people",
                       "no [Person] is configured here; nobody counts");
    if (!envelope(cms, &ci, &content, e) || !authority_parse(content, out, e))
        return false;
    if (who->crl[0] != '\0' && !crl_read(who->crl, anchor, now_us, &revoked, e))
        return err_wrap(e, "[Authority \"%s\"]: Crl", who->name);
    if (!judge_signers(ci, &(struct judges){c, anchor, revoked, now_us}, out, valid, e))
        return false;
    return addressed(out, who, e) && people_known(c, out, e) &&
           quorum_count(out, who, valid, e);
}
