/* SPDX-License-Identifier: MIT */
#include "cert.h"
#include "asn1.h"
#include "clock.h"
#include "mem.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUNDLE_MAX      (1u << 20)
#define SERIAL_MAX      20                   /* RFC 5280 4.1.2.2 */
#define CONTINGENCY_OID "1.3.6.1.5.5.7.1.20" /* RFC 5934 id-pe-wrappedApexContinKey */

AUTO_DEFINE(policies, CERTIFICATEPOLICIES *, NULL, CERTIFICATEPOLICIES_free)

static bool broken(struct err *e, const char *name, const char *what)
{
    return err_set(e, ERR_INPUT, "cert.profile", "%s: %s", name, what);
}

/* One door: size, d2i, no octets left over, encode again and compare. */
static bool decode(struct span der, const char *name, X509 **out, struct err *e)
{
    const uint8_t *p = der.at;
    const uint8_t *q = der.at;
    AUTO(x509) X509 *x = NULL;
    AUTO(x509) X509 *again = NULL;
    uint8_t *tbs = NULL, *whole = NULL;
    int len;
    bool same;

    if (der.len == 0 || der.len > CERT_DER_MAX)
        return err_set(e, ERR_INPUT, "cert.der", "%s: %zu octets; 1 to %d are allowed",
                       name, der.len, CERT_DER_MAX);
    x = d2i_X509(NULL, &p, (long)der.len);
    again = d2i_X509(NULL, &q, (long)der.len);
    if (x == NULL || again == NULL)
        return err_set(e, ERR_INPUT, "cert.der", "%s: not a certificate: %s", name,
                       err_openssl());
    if (p != der.at + der.len)
        return err_set(e, ERR_INPUT, "cert.der", "%s: %zu octets follow the certificate",
                       name, (size_t)(der.at + der.len - p));
    /* i2d_X509 alone would hand back the received octets: first make it forget them. */
    (void)i2d_re_X509_tbs(again, &tbs);
    len = i2d_X509(again, &whole);
    same = len > 0 && span_equal(der, span_of(whole, (size_t)len)) &&
           asn1_odd_boolean(der) == NULL;
    OPENSSL_free(tbs);
    OPENSSL_free(whole);
    if (!same)
        return err_set(e, ERR_INPUT, "cert.der", "%s: not in the distinguished encoding",
                       name);
    *out = TAKE(x);
    return true;
}

/* RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050, always Z. */
static bool read_time(const ASN1_TIME *t, int64_t *us)
{
    bool utc = t->type == V_ASN1_UTCTIME;
    struct tm tm;

    if (t->length != (utc ? 13 : 15) || t->data[t->length - 1] != 'Z' ||
        ASN1_TIME_to_tm(t, &tm) != 1 || (!utc && tm.tm_year < 150))
        return false;
    *us = (int64_t)timegm(&tm) * 1000000;
    return true;
}

static bool read_basics(struct cert *c, const char *name, struct err *e)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x);
    const ASN1_BIT_STRING *issuer_uid, *subject_uid, *sig;
    const X509_ALGOR *outer;
    const X509_ALGOR *inner = X509_get0_tbs_sigalg(c->x);
    int form;

    if (X509_get_version(c->x) != 2)
        return broken(e, name, "version is not 3");
    if (serial->type == V_ASN1_NEG_INTEGER || serial->length < 1 ||
        serial->length > SERIAL_MAX || (serial->length == 1 && serial->data[0] == 0))
        return broken(e, name, "serial number is not 1 to 20 octets and positive");
    hex_encode(serial->data, (size_t)serial->length, c->serial);
    X509_get0_signature(&sig, &outer, c->x);
    if (X509_get_signature_nid(c->x) != NID_ecdsa_with_SHA256 ||
        X509_ALGOR_cmp(inner, outer) != 0)
        return broken(e, name, "signature algorithm is not ecdsa-with-SHA256");
    X509_ALGOR_get0(NULL, &form, NULL, outer);
    if (form != V_ASN1_UNDEF)
        return broken(e, name, "signature algorithm has parameters");
    X509_get0_uids(c->x, &issuer_uid, &subject_uid);
    if (issuer_uid != NULL || subject_uid != NULL)
        return broken(e, name, "issuerUniqueID or subjectUniqueID is present");
    if (X509_NAME_entry_count(X509_get_issuer_name(c->x)) == 0)
        return broken(e, name, "issuer name is empty");
    if (!read_time(X509_get0_notBefore(c->x), &c->not_before_us))
        return broken(e, name, "notBefore is not a time of RFC 5280");
    if (!read_time(X509_get0_notAfter(c->x), &c->not_after_us))
        return broken(e, name, "notAfter is not a time of RFC 5280");
    if (c->not_after_us <= c->not_before_us)
        return broken(e, name, "notAfter is not later than notBefore");
    return true;
}

static bool read_key(struct cert *c, const char *name, struct err *e)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(c->x);
    EVP_PKEY *key = X509_get0_pubkey(c->x);
    X509_ALGOR *algorithm;
    const ASN1_OBJECT *oid;
    const void *curve;
    int form;

    if (X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(c->x)) !=
        1)
        return broken(e, name, "public key is unreadable");
    X509_ALGOR_get0(&oid, &form, &curve, algorithm);
    if (OBJ_obj2nid(oid) != NID_X9_62_id_ecPublicKey || form != V_ASN1_OBJECT ||
        OBJ_obj2nid(curve) != NID_X9_62_prime256v1)
        return broken(e, name, "public key is not on the named curve P-256");
    if (bits->length != (int)sizeof c->point.b || bits->data[0] != 4)
        return broken(e, name, "public key is not an uncompressed point");
    if (key == NULL) {
        ERR_clear_error();
        return broken(e, name, "public key is not a point of the curve");
    }
    memcpy(c->point.b, bits->data, sizeof c->point.b);
    c->key_sha256 = digest_of(span_of(c->point.b, sizeof c->point.b), span_of(NULL, 0));
    return true;
}

static bool upper_hex(uint8_t d)
{
    return (d >= '0' && d <= '9') || (d >= 'A' && d <= 'F');
}

static bool read_role(const ASN1_STRING *v, enum role *out)
{
    uint8_t number;

    if ((v->type != V_ASN1_UTF8STRING && v->type != V_ASN1_PRINTABLESTRING) ||
        v->length != 2 || !upper_hex(v->data[0]) || !upper_hex(v->data[1]) ||
        !hex_decode((const char *)v->data, 2, &number, 1))
        return false;
    *out = (enum role)number;
    return true;
}

/* RFC 5280 A.1, ub-common-name: characters, whatever they are written with. */
static bool within(const ASN1_STRING *v, size_t characters)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, v);
    size_t n = 0;

    for (int i = 0; i < len; i++)
        n += (utf8[i] & 0xC0) != 0x80; /* those that begin one */
    OPENSSL_free(utf8);
    return len >= 0 && n <= characters;
}

/* The attributes matter, their order does not:
 * public text shows it for test certificates only. */
static bool read_subject(struct cert *c, const char *name, struct err *e)
{
    X509_NAME *subject = X509_get_subject_name(c->x);
    unsigned seen_cn = 0, seen_ou = 0, seen_uid = 0;
    AUTO(bio) BIO *text = BIO_new(BIO_s_mem());
    int n = X509_NAME_entry_count(subject);
    int last_set = -1;

    for (int i = 0; i < n; i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        const ASN1_STRING *v = X509_NAME_ENTRY_get_data(entry);

        if (X509_NAME_ENTRY_set(entry) == last_set)
            return broken(e, name, "subject has two attributes in one RDN");
        last_set = X509_NAME_ENTRY_set(entry);
        switch (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry))) {
        case NID_commonName:
            if (seen_cn++ > 0 || !within(v, 64))
                return broken(e, name,
                              "subject CN is repeated or longer than 64 characters");
            break;
        case NID_organizationalUnitName:
            if (seen_ou++ > 0 || !read_role(v, &c->role))
                return broken(e, name,
                              "subject OU is not one role of two upper-case hex digits");
            break;
        case NID_x500UniqueIdentifier:
            if (seen_uid++ > 0 || v->type != V_ASN1_BIT_STRING ||
                v->length != (int)sizeof c->eui.b || (v->flags & 7) != 0)
                return broken(e, name,
                              "subject x500UniqueIdentifier is not one EUI-64 of 64 bits");
            memcpy(c->eui.b, v->data, sizeof c->eui.b);
            c->has_eui = true;
            break;
        default:
            return broken(e, name,
                          "subject has an attribute that is not CN, OU or "
                          "x500UniqueIdentifier");
        }
    }
    if (seen_ou == 0)
        return broken(e, name, "subject has no OU (role)");
    if (text == NULL || X509_NAME_print_ex(text, subject, 0, XN_FLAG_RFC2253) < 0)
        return err_set(e, ERR_STORE, "store.memory", "%s: out of memory", name);
    (void)BIO_read(text, c->subject, (int)sizeof c->subject - 1);
    return true;
}

/* What the extensions of the profile said. */
struct extensions {
    unsigned usage, ski, policies, aki, basic, contingency; /* how often seen */
    bool cert_sign, ca, path_zero;
};

static bool octets_are(struct span value, const void *want, size_t len)
{
    return span_equal(value, span_of(want, len));
}

static bool read_usage(struct cert *c, struct span v, bool critical, struct extensions *x,
                       const char *name, struct err *e)
{
    if (!critical)
        return broken(e, name, "keyUsage is not critical");
    if (octets_are(v, "\x03\x02\x07\x80", 4))
        c->usage = KU_DIGITAL_SIGNATURE;
    else if (octets_are(v, "\x03\x02\x03\x08", 4))
        c->usage = KU_KEY_AGREEMENT;
    else if (octets_are(v, "\x03\x02\x01\x06", 4) || octets_are(v, "\x03\x02\x02\x04", 4))
        x->cert_sign = true;
    else
        return broken(e, name,
                      "keyUsage is not one of digitalSignature, keyAgreement, keyCertSign");
    if (x->cert_sign)
        c->usage = KU_KEY_CERT_SIGN;
    return true;
}

/* That of an OCA says CA. RFC 5280 4.2.1.9 lets any certificate have an empty one, which
 * says that it is none. */
static bool read_basic(struct span v, bool critical, struct extensions *x, const char *name,
                       struct err *e)
{
    x->path_zero = octets_are(v, "\x30\x06\x01\x01\xff\x02\x01\x00", 8);
    x->ca = x->path_zero || octets_are(v, "\x30\x03\x01\x01\xff", 5);
    return (critical && (x->ca || octets_are(v, "\x30\x00", 2))) ||
           broken(e, name, "basicConstraints is not critical, or neither CA nor empty");
}

static bool read_policies(struct span v, bool critical, const char *name, struct err *e)
{
    const uint8_t *p = v.at;
    AUTO(policies)
    CERTIFICATEPOLICIES *list = d2i_CERTIFICATEPOLICIES(NULL, &p, (long)v.len);
    uint8_t *again = NULL;
    int len = list != NULL ? i2d_CERTIFICATEPOLICIES(list, &again) : -1;
    /* DER and nothing else: what BER libcrypto takes depends on its patch level */
    bool same = len > 0 && span_equal(v, span_of(again, (size_t)len));

    OPENSSL_free(again);
    ERR_clear_error();
    if (!same || sk_POLICYINFO_num(list) < 1)
        return broken(e, name, "certificatePolicies does not hold a policy");
    return critical || broken(e, name, "certificatePolicies is not critical");
}

static bool read_extension(struct cert *c, X509_EXTENSION *ext, struct extensions *x,
                           const char *name, struct err *e)
{
    const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(ext);
    struct span v = span_of(data->data, (size_t)data->length);
    bool critical = X509_EXTENSION_get_critical(ext) != 0;
    ASN1_OBJECT *oid = X509_EXTENSION_get_object(ext);
    char text[80];

    switch (OBJ_obj2nid(oid)) {
    case NID_key_usage:
        x->usage++;
        return read_usage(c, v, critical, x, name, e);
    case NID_subject_key_identifier:
        x->ski++;
        if (critical || v.len != 10 || v.at[0] != 0x04 || v.at[1] != 8)
            return broken(e, name, "subjectKeyIdentifier is critical or not 8 octets");
        memcpy(c->ski.b, v.at + 2, sizeof c->ski.b);
        return true;
    case NID_certificate_policies:
        x->policies++;
        return read_policies(v, critical, name, e);
    case NID_authority_key_identifier:
        x->aki++;
        if (critical || v.len != 12 || memcmp(v.at, "\x30\x0a\x80\x08", 4) != 0)
            return broken(e, name,
                          "authorityKeyIdentifier is critical or not one "
                          "keyIdentifier of 8 octets");
        memcpy(c->aki.b, v.at + 4, sizeof c->aki.b);
        c->has_aki = true;
        return true;
    case NID_basic_constraints:
        x->basic++;
        return read_basic(v, critical, x, name, e);
    default:
        (void)OBJ_obj2txt(text, sizeof text, oid, 1);
        if (strcmp(text, CONTINGENCY_OID) == 0) {
            x->contingency++;
            return true;
        }
        return err_set(e, ERR_INPUT, "cert.profile",
                       "%s: extension %s is not in the profile", name, text);
    }
}

/* RFC 5280 4.2.1.2 method (2). */
static struct key_id identifier_of(const struct point *p)
{
    uint8_t sha1[20] = {0};
    struct key_id id;

    (void)EVP_Q_digest(NULL, "SHA1", NULL, p->b, sizeof p->b, sha1, NULL);
    memcpy(id.b, sha1 + 12, sizeof id.b);
    id.b[0] = (uint8_t)(0x40 | (id.b[0] & 0x0f));
    return id;
}

static bool self_issued(const struct cert *c)
{
    return X509_NAME_cmp(X509_get_subject_name(c->x), X509_get_issuer_name(c->x)) == 0;
}

static bool read_extensions(struct cert *c, const char *name, struct err *e)
{
    struct extensions x = {0};
    struct key_id right = identifier_of(&c->point);
    bool oca = c->role == ROLE_ROOT || c->role == ROLE_ISSUING_AUTHORITY;

    for (int i = 0; i < X509_get_ext_count(c->x); i++)
        if (!read_extension(c, X509_get_ext(c->x, i), &x, name, e))
            return false;
    if (x.usage > 1 || x.ski > 1 || x.policies > 1 || x.aki > 1 || x.basic > 1 ||
        x.contingency > 1)
        return broken(e, name, "an extension is repeated");
    if (x.usage == 0)
        return broken(e, name, "keyUsage is missing");
    if (x.ski == 0)
        return broken(e, name, "subjectKeyIdentifier is missing");
    if (memcmp(right.b, c->ski.b, sizeof right.b) != 0)
        return broken(e, name,
                      "subjectKeyIdentifier is not that of the key (RFC 5280 "
                      "method 2)");
    if (x.policies == 0)
        return broken(e, name, "certificatePolicies is missing");
    if (x.aki == 0 && !(c->role == ROLE_ROOT && self_issued(c)))
        return broken(e, name, "authorityKeyIdentifier is missing");
    if (oca != x.cert_sign || oca != x.ca)
        return broken(
            e, name,
            "keyUsage keyCertSign and basicConstraints CA belong to role 00 and 07, "
            "to all of these and to no other");
    if (c->role == ROLE_ISSUING_AUTHORITY && !x.path_zero)
        return broken(e, name, "basicConstraints of an Issuing OCA has no pathLen 0");
    if (x.contingency > 0 && c->role != ROLE_ROOT)
        return broken(e, name, "WrappedApexContingencyKey outside a Root OCA certificate");
    if (oca == c->has_eui)
        return broken(e, name,
                      oca ? "an OCA certificate has an x500UniqueIdentifier"
                          : "subject has no x500UniqueIdentifier (EUI-64)");
    return true;
}

bool cert_read(struct span der, const char *name, struct cert *out, struct err *e)
{
    struct cert c = {0};
    uint8_t *copy;

    if (!decode(der, name, &c.x, e))
        return false;
    copy = malloc(der.len);
    if (copy == NULL) {
        cert_done(&c);
        return err_set(e, ERR_STORE, "store.memory", "%s: out of memory", name);
    }
    memcpy(copy, der.at, der.len);
    c.der = span_of(copy, der.len);
    c.sha256 = digest_of(c.der, span_of(NULL, 0));
    if (!read_basics(&c, name, e) || !read_key(&c, name, e) || !read_subject(&c, name, e) ||
        !read_extensions(&c, name, e)) {
        cert_done(&c);
        return false;
    }
    *out = c;
    return true;
}

void cert_done(struct cert *c)
{
    X509_free(c->x);
    free((void *)(uintptr_t)c->der.at);
    *c = (struct cert){0};
}

static bool add(struct certs *c, struct span der, const char *name, struct err *e)
{
    char numbered[96];
    struct cert one;

    (void)snprintf(numbered, sizeof numbered, "certificate %zu of %.60s", c->n + 1, name);
    if (!cert_read(der, numbered, &one, e))
        return false;
    if (certs_find(c, &one.sha256) != NULL) { /* once is enough */
        cert_done(&one);
        return true;
    }
    if (c->n == CERTS_MAX) {
        cert_done(&one);
        return err_set(e, ERR_INPUT, "cert.too-many", "%s: more than %d certificates", name,
                       CERTS_MAX);
    }
    c->at[c->n++] = one;
    return true;
}

static bool add_pem(struct certs *c, BIO *in, const char *name, struct err *e)
{
    char *label = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;

    while (PEM_read_bio(in, &label, &header, &data, &len) == 1) {
        bool ok = strcmp(label, "CERTIFICATE") == 0 && header[0] == '\0';

        ok = ok ? add(c, span_of(data, (size_t)len), name, e)
                : err_set(e, ERR_INPUT, "cert.der", "%s: holds a PEM block \"%.40s\"", name,
                          label);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_cleanse(data, (size_t)len); /* it may have been a private key */
        OPENSSL_free(data);
        if (!ok)
            return false;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return err_set(e, ERR_INPUT, "cert.der", "%s: bad PEM: %s", name, err_openssl());
    ERR_clear_error();
    return true;
}

bool certs_read(struct span pem, const char *name, struct certs *out, struct err *e)
{
    AUTO(bio) BIO *in = NULL;
    bool ok;

    out->n = 0;
    if (pem.len > BUNDLE_MAX)
        return err_set(e, ERR_INPUT, "cert.too-many", "%s: more than %u octets", name,
                       BUNDLE_MAX);
    if (pem.len > 0 && pem.at[0] == 0x30) {
        ok = add(out, pem, name, e);
    } else {
        in = BIO_new_mem_buf(pem.len > 0 ? (const void *)pem.at : "", (int)pem.len);
        if (in == NULL)
            return err_set(e, ERR_STORE, "store.memory", "%s: out of memory", name);
        ERR_clear_error();
        ok = add_pem(out, in, name, e);
    }
    if (ok && out->n == 0)
        ok = err_set(e, ERR_INPUT, "cert.none", "%s: holds no certificate", name);
    if (!ok)
        certs_done(out);
    return ok;
}

bool certs_read_file(const char *path, struct certs *out, struct err *e)
{
    AUTO(bio) BIO *in = BIO_new_file(path, "rb");
    AUTO(mem) char *text = NULL;
    size_t got = 0;

    out->n = 0;
    if (in == NULL)
        return err_set(e, ERR_INPUT, "cert.none", "%s: cannot be read: %s", path,
                       err_openssl());
    text = malloc(BUNDLE_MAX + 1);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "%s: out of memory", path);
    /* One octet more than allowed, so that certs_read sees that it is too much. */
    if (BIO_read_ex(in, text, BUNDLE_MAX + 1, &got) != 1)
        ERR_clear_error();
    return certs_read(span_of(text, got), path, out, e);
}

void certs_done(struct certs *c)
{
    for (size_t i = 0; i < c->n; i++)
        cert_done(&c->at[i]);
    c->n = 0;
}

const struct cert *certs_find(const struct certs *c, const struct digest *sha256)
{
    for (size_t i = 0; i < c->n; i++)
        if (digest_equal(&c->at[i].sha256, sha256))
            return &c->at[i];
    return NULL;
}

/* Name (RFC 5280 7.1 rules, so that PrintableString equals UTF8String),
 * key identifier and signature. */
bool cert_issued_by(const struct cert *c, const struct cert *issuer)
{
    bool ok;

    if (X509_NAME_cmp(X509_get_issuer_name(c->x), X509_get_subject_name(issuer->x)) != 0)
        return false;
    if (c->has_aki && memcmp(c->aki.b, issuer->ski.b, sizeof c->aki.b) != 0)
        return false;
    ok = issuer->usage == KU_KEY_CERT_SIGN &&
         X509_verify(c->x, X509_get0_pubkey(issuer->x)) == 1;
    ERR_clear_error();
    return ok;
}

/* ERR_DENIED "cert.expired". */
static bool in_date(const struct cert *c, int64_t now_us, struct err *e)
{
    char from[CLOCK_TEXT_LEN], to[CLOCK_TEXT_LEN];

    if (now_us >= c->not_before_us && now_us <= c->not_after_us)
        return true;
    clock_text(c->not_before_us, from);
    clock_text(c->not_after_us, to);
    return err_set(e, ERR_DENIED, "cert.expired", "%s (serial %s) is valid from %s to %s",
                   c->subject, c->serial, from, to);
}

bool cert_self_signed(const struct cert *c)
{
    return self_issued(c) && cert_issued_by(c, c);
}

bool cert_chain(const struct cert *leaf, const struct certs *issuing,
                const struct cert *root, int64_t now_us, const struct cert **issuer,
                struct err *e)
{
    const struct cert *found = NULL;

    if (root->role != ROLE_ROOT || !cert_self_signed(root))
        return err_set(e, ERR_DENIED, "cert.chain", "%s is not a self-signed Root OCA",
                       root->subject);
    for (size_t i = 0; i < issuing->n; i++) {
        const struct cert *c = &issuing->at[i];

        if (c->role != ROLE_ISSUING_AUTHORITY || !cert_issued_by(leaf, c) ||
            !cert_issued_by(c, root))
            continue;
        found = c;
        if (in_date(c, now_us, e)) /* two certificates of one key: take the live one */
            break;
    }
    if (found == NULL)
        return err_set(e, ERR_DENIED, "cert.chain",
                       "%s (serial %s) does not chain through an Issuing OCA to the Root",
                       leaf->subject, leaf->serial);
    if (!in_date(leaf, now_us, e) || !in_date(found, now_us, e) ||
        !in_date(root, now_us, e))
        return false;
    if (issuer != NULL)
        *issuer = found;
    return true;
}
