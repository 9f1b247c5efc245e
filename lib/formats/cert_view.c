/* SPDX-License-Identifier: MIT */
#include "cert_view.h"
#include "mem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Copy what is printable; nothing from a certificate reaches a terminal unseen. */
static void text(const unsigned char *from, int len, char *out, size_t cap)
{
    size_t n = 0;

    for (int i = 0; i < len && n + 1 < cap; i++)
        out[n++] = (char)(from[i] >= 0x20 && from[i] < 0x7F ? from[i] : '?');
    out[n] = '\0';
}

static void hex(const ASN1_STRING *s, char *out, size_t cap)
{
    int len = s != NULL ? ASN1_STRING_length(s) : 0;

    if (len > 0 && HEX_LEN((size_t)len) <= cap)
        hex_encode(ASN1_STRING_get0_data(s), (size_t)len, out);
}

static const ASN1_STRING *attribute(const X509_NAME *name, int nid)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);

    return at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
}

static void name_part(const X509_NAME *name, int nid, char *out, size_t cap)
{
    const ASN1_STRING *s = attribute(name, nid);

    if (s != NULL)
        text(ASN1_STRING_get0_data(s), ASN1_STRING_length(s), out, cap);
}

static void usage(const X509 *x, char *out, size_t cap)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {
        {KU_DIGITAL_SIGNATURE, "digitalSignature"},
        {KU_KEY_AGREEMENT, "keyAgreement"},
        {KU_KEY_CERT_SIGN, "keyCertSign"},
        {KU_CRL_SIGN, "cRLSign"},
    };
    ASN1_BIT_STRING *bits = X509_get_ext_d2i(x, NID_key_usage, NULL, NULL);
    const unsigned char *b = bits != NULL ? ASN1_STRING_get0_data(bits) : NULL;
    uint32_t have = bits != NULL && ASN1_STRING_length(bits) > 0 ? b[0] : 0;
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((have & names[i].bit) == 0)
            continue;
        at +=
            (size_t)snprintf(out + at, cap - at, "%s%s", at > 0 ? " " : "", names[i].name);
    }
    ASN1_BIT_STRING_free(bits);
}

static void when(const ASN1_TIME *t, char *out, size_t cap)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1 || strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        out[0] = '\0';
}

bool cert_view_read(struct span der, struct cert_view *out)
{
    const unsigned char *p = der.at;
    AUTO(x509) X509 *x = NULL;
    ASN1_OCTET_STRING *ski;
    AUTHORITY_KEYID *aki;

    memset(out, 0, sizeof *out);
    if (der.len == 0 || der.len > INT32_MAX)
        return false;
    x = d2i_X509(NULL, &p, (long)der.len);
    if (x == NULL || p != der.at + der.len) {
        ERR_clear_error();
        return false;
    }
    hex(attribute(X509_get_subject_name(x), NID_x500UniqueIdentifier), out->eui,
        sizeof out->eui);
    name_part(X509_get_subject_name(x), NID_organizationalUnitName, out->role,
              sizeof out->role);
    name_part(X509_get_subject_name(x), NID_commonName, out->name, sizeof out->name);
    name_part(X509_get_issuer_name(x), NID_commonName, out->issuer, sizeof out->issuer);
    usage(x, out->usage, sizeof out->usage);
    ski = X509_get_ext_d2i(x, NID_subject_key_identifier, NULL, NULL);
    hex(ski, out->key_id, sizeof out->key_id);
    ASN1_OCTET_STRING_free(ski);
    aki = X509_get_ext_d2i(x, NID_authority_key_identifier, NULL, NULL);
    hex(aki != NULL ? aki->keyid : NULL, out->issuer_key_id, sizeof out->issuer_key_id);
    AUTHORITY_KEYID_free(aki);
    hex(X509_get0_serialNumber(x), out->serial, sizeof out->serial);
    when(X509_get0_notBefore(x), out->not_before, sizeof out->not_before);
    when(X509_get0_notAfter(x), out->not_after, sizeof out->not_after);
    ERR_clear_error();
    return true;
}
