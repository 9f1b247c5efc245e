/* SPDX-License-Identifier: MIT */
#include "authority.h"

#include "clock.h"
#include "crl.h"
#include "mem.h"
#include "name.h"
#include "people.h"
#include "signature.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
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

/* PEM to DER; nothing but white space may stand around the one block. */
static bool from_pem(struct span text, uint8_t **der, size_t *len, struct err *e)
{
    static const char begin[] = "-----BEGIN CMS-----";
    AUTO(bio) BIO *in = BIO_new_mem_buf(text.at, (int)text.len);
    char *label = NULL, *header = NULL;
    long n = 0;
    char rest[64];
    int got;
    bool ok;

    if (in == NULL)
        return err_set(e, ERR_STORE, "store.memory", "decision: out of memory");
    if (text.len < sizeof begin || memcmp(text.at, begin, sizeof begin - 1) != 0 ||
        PEM_read_bio(in, &label, &header, der, &n) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "decision.cms",
                       "neither DER nor PEM of a CMS message");
    }
    ok = strcmp(label, "CMS") == 0 && header[0] == '\0';
    OPENSSL_free(label);
    OPENSSL_free(header);
    *len = (size_t)n;
    if (!ok)
        return err_set(e, ERR_INPUT, "decision.cms", "the PEM block is not a CMS message");
    while ((got = BIO_read(in, rest, (int)sizeof rest - 1)) > 0) {
        rest[got] = '\0';
        if (strspn(rest, " \t\r\n") != (size_t)got)
            return err_set(e, ERR_INPUT, "decision.trailing", "text follows the PEM block");
    }
    return true;
}

/* RFC 5652: one SignedData over id-data, content inside, nothing behind. */
static bool envelope(struct span cms, CMS_ContentInfo **out, struct span *content,
                     struct err *e)
{
    AUTO(cms) CMS_ContentInfo *ci = NULL;
    ASN1_OCTET_STRING **data;
    uint8_t *pem = NULL;
    const uint8_t *p;
    long after;

    if (cms.len > AUTHORITY_CMS_MAX)
        return err_set(e, ERR_INPUT, "decision.too-large", "%zu octets; %u are allowed",
                       cms.len, AUTHORITY_CMS_MAX);
    if (cms.len > 0 && cms.at[0] == '-') {
        struct span der = {0};

        if (!from_pem(cms, &pem, &der.len, e)) {
            OPENSSL_free(pem);
            return false;
        }
        der.at = pem;
        cms = der;
    }
    p = cms.at;
    ci = cms.len > 0 ? d2i_CMS_ContentInfo(NULL, &p, (long)cms.len) : NULL;
    after = ci != NULL ? cms.at + cms.len - p : 0;
    OPENSSL_free(pem);
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

static bool not(struct authority_signer * s, const char *reason)
{
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
        return not(s, "certificate: subject has no one CN that names the holder");
    if (attribute(name, NID_organizationalUnitName, s->seat, sizeof s->seat) ==
        ATTRIBUTE_BAD)
        return not(s, "certificate: subject has an OU that cannot be read whole");
    if (attribute(name, NID_organizationName, s->organisation, sizeof s->organisation) ==
        ATTRIBUTE_BAD)
        return not(s, "certificate: subject has an O that cannot be read whole");
    return true;
}

/* The key says who it is, and the subject must not say otherwise. */
static bool person_found(const struct config *c, struct authority_signer *s)
{
    s->person = people_of_key(c, &s->key_sha256);
    if (s->person == NULL)
        return not(s, "no [Person] has this key");
    if (!people_named(s->person, s->holder))
        return not(s, "certificate: CN is not the Name= of the [Person] with this key");
    if (s->organisation[0] == '\0')
        (void)snprintf(s->organisation, sizeof s->organisation, "%s",
                       s->person->organisation);
    return name_same(s->organisation, s->person->organisation) ||
           not(s, "certificate: O is not the Organisation= of the [Person] with this key");
}

/* By what certificates are judged. */
struct judges {
    const struct config *config;
    X509_STORE *anchor;
    STACK_OF(X509_CRL) * revoked; /* NULL: no Crl= is set */
    int64_t now_us;
};

static bool chain_holds(X509 *x, STACK_OF(X509) * others, const struct judges *j,
                        struct authority_signer *s)
{
    const char *fault = signature_chain_fault(x, others, j->anchor, j->revoked, j->now_us);

    if (fault == NULL)
        return true;
    (void)snprintf(s->reason, sizeof s->reason, "certificate: %s", fault);
    return false;
}

static bool ends(X509 *x, struct authority_signer *s)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
        return not(s, "certificate: its end is unreadable");
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
        return not(s, "the message holds no certificate of this signer");
    if (!subject_read(x, s))
        return false;
    fault = signature_fault(ci, si, x);
    if (fault != NULL)
        return not(s, fault);
    if (X509_pubkey_digest(x, EVP_sha256(), s->key_sha256.b, &len) != 1)
        return not(s, "certificate: key is unreadable");
    CMS_SignerInfo_set1_signer_cert(si, x);
    if (CMS_SignerInfo_verify(si) != 1)
        return not(s, "signature is wrong");
    if (CMS_SignerInfo_verify_content(si, content) != 1)
        return not(s, "signature is over another document");
    return chain_holds(x, certs, j, s) && ends(x, s) && person_found(j->config, s);
}

/* --- the quorum --- */

static bool in_conflict(const struct authority *a, const struct authority_signer *s)
{
    for (size_t i = 0; i < a->n_conflicts; i++)
        if (people_named(s->person, a->conflicts[i]))
            return true;
    return false;
}

static bool of_affected(const struct authority *a, const struct authority_signer *s)
{
    if (name_same(a->subscriber_name, s->organisation))
        return true;
    for (size_t i = 0; i < a->n_affected; i++)
        if (name_same(a->affected[i], s->organisation))
            return true;
    return false;
}

/* Is s one more person behind this document? Looks at the valid signers before it. */
static bool counts(const struct authority *a, const struct config_authority *who,
                   const bool valid[], size_t i, struct authority_signer *s)
{
    for (size_t k = 0; k < i; k++) {
        if (!valid[k])
            continue;
        if (a->signers[k].person == s->person)
            return not(s, "the same person has signed already");
        if (a->kind == KIND_ACTIVATION && a->signers[k].counted &&
            name_same(a->signers[k].organisation, s->organisation))
            return not(s, "another custodian of the same organisation is counted");
    }
    if (who->organisation[0] == '\0' && a->requester[0] != '\0' &&
        people_named(s->person, a->requester))
        return not(s, a->kind == KIND_ACTIVATION ? "is requester and custodian: has asked"
                                                 : "is requester and approver: has asked");
    if (in_conflict(a, s))
        return not(s, "is conflicted and approver: declared a conflict of interest");
    if (a->kind == KIND_DECISION && of_affected(a, s))
        return not(s, "belongs to an affected organisation");
    return true;
}

static size_t people(const struct authority *a, const bool valid[])
{
    size_t n = 0;

    for (size_t i = 0; i < a->n_signers; i++) {
        bool new = valid[i];

        for (size_t k = 0; new &&k < i; k++)
            new = !valid[k] || a->signers[k].person != a->signers[i].person;
        n += new;
    }
    return n;
}

/* Does a counted signer fill the seat? The CA (OU) and root (Seats=) must both say so. */
static bool seated(const struct authority_signer *s, const char *seat)
{
    for (size_t i = 0; s->counted && i < s->person->n_seats; i++)
        if (name_same(seat, s->seat) && name_same(seat, s->person->seats[i]))
            return true;
    return false;
}

/* Who does not count and why, each of them, for the sentence of a refusal; "" when everybody
 * counts. */
static void left_out(const struct authority *a, char *out, size_t cap)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; at < cap && i < a->n_signers; i++)
        if (!a->signers[i].counted)
            at += (size_t)snprintf(out + at, cap - at, "; \"%s\": %s", a->signers[i].holder,
                                   a->signers[i].reason);
}

/* Whoever signs an authorisation signs what the meeting did not vote down. */
static bool voted_for(const struct authority *a, struct err *e)
{
    return a->kind != KIND_DECISION || a->outcome != AUTHORITY_AUTHORISE ||
           a->votes_for > a->votes_against ||
           err_set(
               e, ERR_DENIED, "decision.votes",
               "member meeting: %u voted for and %u against, and the document authorises",
               a->votes_for, a->votes_against);
}

static bool quorum(struct authority *a, const struct config_authority *who,
                   const bool valid[], struct err *e)
{
    char why[420];
    size_t n;

    for (size_t i = 0; i < a->n_signers; i++) {
        struct authority_signer *s = &a->signers[i];

        s->counted = valid[i] && counts(a, who, valid, i, s);
        a->n_counted += s->counted;
    }
    n = people(a, valid);
    if (n > who->members)
        return err_set(e, ERR_DENIED, "decision.members",
                       "%zu people of \"%s\" have signed; it has %u members", n, who->name,
                       who->members);
    if (a->n_counted < who->threshold) {
        left_out(a, why, sizeof why);
        return err_set(e, ERR_DENIED, "decision.quorum",
                       "%zu of %zu signatures count; \"%s\" needs %u%s", a->n_counted,
                       a->n_signers, who->name, who->threshold, why);
    }
    for (size_t k = 0; k < who->n_seats; k++) {
        bool seen = false;

        for (size_t i = 0; i < a->n_signers; i++)
            seen |= seated(&a->signers[i], who->seats[k]);
        if (!seen)
            return err_set(e, ERR_DENIED, "decision.seats",
                           "nobody of the required seat \"%s\" is counted", who->seats[k]);
    }
    return voted_for(a, e);
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
    return addressed(out, who, e) && people_known(c, out, e) && quorum(out, who, valid, e);
}

/* --- how long it lasts --- */

bool authority_ends_early(const struct authority *a, const struct config_authority *who,
                          char why[static AUTHORITY_WARNING_MAX])
{
    const struct authority_signer *first = NULL;
    char at[CLOCK_TEXT_LEN];
    const char *seat = NULL;
    size_t left = 0;

    for (size_t i = 0; i < a->n_signers; i++) {
        const struct authority_signer *s = &a->signers[i];

        if (!s->counted)
            continue;
        if (s->ends_us >= a->valid_to_us)
            left++;
        else if (first == NULL || s->ends_us < first->ends_us)
            first = s;
    }
    if (first == NULL)
        return false;
    for (size_t k = 0; k < who->n_seats; k++) {
        bool kept = false;

        for (size_t i = 0; i < a->n_signers; i++)
            kept |= a->signers[i].ends_us >= a->valid_to_us &&
                    seated(&a->signers[i], who->seats[k]);
        if (!kept)
            seat = who->seats[k];
    }
    clock_text(first->ends_us, at);
    (void)snprintf(why, AUTHORITY_WARNING_MAX,
                   "the certificate of \"%s\" ends %s, inside the window; at its end %zu "
                   "still count and %u are needed%s%s%s",
                   first->holder, at, left, who->threshold,
                   seat != NULL ? "; nobody is left of the required seat \"" : "",
                   seat != NULL ? seat : "", seat != NULL ? "\"" : "");
    return true;
}
