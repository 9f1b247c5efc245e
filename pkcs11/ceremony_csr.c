/* SPDX-License-Identifier: MIT
 *
 * ceremony csr - a PKCS#10 request for a configured key, signed by that key in the token.
 *
 * The subject is that of the key's certificate, where there is one, or of the options: CN,
 * OU the role as two hexadecimal digits, x500UniqueIdentifier the EUI-64 (cert.h). The
 * extension asked for is the key usage. A key for key agreement makes no signature, so it
 * makes no request: its public key is given out, for whoever certifies it otherwise.
 *
 * Source:  RFC 2986; GBCS 12.3 (the subject).
 */
#include "ceremony.h"
#include "cert.h"
#include "mem.h"
#include "p11_wrap.h"
#include "verify.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

AUTO_DEFINE(x509req, X509_REQ *, NULL, X509_REQ_free)
AUTO_DEFINE(x509name, X509_NAME *, NULL, X509_NAME_free)

static bool failed(struct err *e)
{
    return err_set(e, ERR_STORE, "store.memory", "certificate request: %s", err_openssl());
}

static bool add_text(X509_NAME *n, int nid, const char *text)
{
    return X509_NAME_add_entry_by_NID(n, nid, MBSTRING_UTF8, (const unsigned char *)text,
                                      (int)strlen(text), -1, 0) == 1;
}

static bool subject_of_options(const struct ceremony *c, X509_NAME *n, struct err *e)
{
    struct eui64 eui;
    uint8_t role;

    if (c->eui == NULL || !eui64_parse(c->eui, strlen(c->eui), &eui) || c->role == NULL ||
        !hex_decode(c->role, strlen(c->role), &role, 1))
        return err_set(e, ERR_INPUT, "ceremony.request",
                       "the key has no certificate yet: say whose it is to be by --eui "
                       "EUI64 and --role HEX, and --cn TEXT");
    if (c->cn != NULL && !add_text(n, NID_commonName, c->cn))
        return failed(e);
    /* a BIT STRING of 64 bits: OpenSSL makes it from octets given as such */
    return (add_text(n, NID_organizationalUnitName, c->role) &&
            X509_NAME_add_entry_by_NID(n, NID_x500UniqueIdentifier, V_ASN1_BIT_STRING,
                                       eui.b, sizeof eui.b, -1, 0) == 1) ||
           failed(e);
}

static X509_NAME *subject_of(const struct ceremony *c, const struct config_key *k,
                             struct err *e)
{
    AUTO(x509name) X509_NAME *n = NULL;
    struct certs certs;
    struct err none;

    if (c->eui == NULL && c->role == NULL && c->cn == NULL &&
        certs_read_file(k->certificate, &certs, &none)) {
        n = X509_NAME_dup(X509_get_subject_name(certs.at[0].x));
        certs_done(&certs);
        if (n == NULL)
            (void)failed(e);
        return TAKE(n);
    }
    n = X509_NAME_new();
    if (n == NULL)
        (void)failed(e);
    return n != NULL && subject_of_options(c, n, e) ? TAKE(n) : NULL;
}

static bool add_usage(X509_REQ *r)
{
    X509_EXTENSION *usage =
        X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,digitalSignature");
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    bool ok = usage != NULL && list != NULL && sk_X509_EXTENSION_push(list, usage) > 0 &&
              X509_REQ_add_extensions(r, list) == 1;

    X509_EXTENSION_free(usage);
    sk_X509_EXTENSION_free(list);
    return ok;
}

/* Set the signature that the token made over what i2d_re_X509_REQ_tbs gives. */
static bool sign_request(struct ceremony *c, X509_REQ *r, const struct p11_key *key,
                         EVP_PKEY *public, struct err *e)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();
    ASN1_BIT_STRING *signature = ASN1_BIT_STRING_new();
    uint8_t der[VERIFY_DER_MAX];
    uint8_t *tbs = NULL;
    struct sig_p256 sig;
    struct digest d;
    size_t n = 0;
    int len;
    bool ok = algorithm != NULL && signature != NULL &&
              X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_UNDEF,
                              NULL) == 1 &&
              X509_REQ_set1_signature_algo(r, algorithm) == 1;

    len = ok ? i2d_re_X509_REQ_tbs(r, &tbs) : -1;
    if (len > 0) {
        d = digest_of(span_of(tbs, (size_t)len), span_of(NULL, 0));
        ok = p11_wrap_sign(&c->session, key->token, &d, &sig, e);
        n = ok ? verify_to_der(&sig, der) : 0;
    }
    OPENSSL_free(tbs);
    X509_ALGOR_free(algorithm);
    if (len > 0 && !ok) {
        ASN1_BIT_STRING_free(signature);
        return false;
    }
    if (n == 0 || ASN1_BIT_STRING_set(signature, der, (int)n) != 1) {
        ASN1_BIT_STRING_free(signature);
        return failed(e);
    }
    signature->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07); /* whole octets */
    signature->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    X509_REQ_set0_signature(r, signature);
    return X509_REQ_verify(r, public) == 1 ||
           err_set(e, ERR_DENIED, "ceremony.proof",
                   "the request does not verify under its own key");
}

static bool write_to(const char *path, X509_REQ *r, EVP_PKEY *public, struct err *e)
{
    AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;
    FILE *f;
    bool ok;

    if (bio == NULL || (r != NULL ? PEM_write_bio_X509_REQ(bio, r)
                                  : PEM_write_bio_PUBKEY(bio, public)) != 1)
        return failed(e);
    len = BIO_get_mem_data(bio, &text);
    if (path == NULL)
        return fwrite(text, 1, (size_t)len, stdout) == (size_t)len ||
               err_set(e, ERR_STORE, "token.state", "standard output: %s", strerror(errno));
    f = fopen(path, "wxe");
    ok = f != NULL && fwrite(text, 1, (size_t)len, f) == (size_t)len && fflush(f) == 0 &&
         fsync(fileno(f)) == 0;
    if (f != NULL && fclose(f) != 0)
        ok = false;
    return ok || err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
}

bool ceremony_request(struct ceremony *c, const struct config_key *k,
                      const struct p11_key *key, const char *path, struct err *e)
{
    AUTO(pkey) EVP_PKEY *public = verify_key(&key->point);
    AUTO(x509req) X509_REQ *r = X509_REQ_new();
    AUTO(x509name) X509_NAME *subject = NULL;

    if (public == NULL || r == NULL)
        return failed(e);
    if (p11_key_use(k->name) == P11_USE_DERIVE) {
        (void)fprintf(stderr,
                      "%s is for key agreement: it signs nothing, no request of its own "
                      "either. Here is its public key; ask the Issuing OCA how it takes "
                      "one\n",
                      k->name);
        return write_to(path, NULL, public, e);
    }
    subject = subject_of(c, k, e);
    if (subject == NULL)
        return false;
    if (X509_REQ_set_version(r, 0) != 1 || X509_REQ_set_subject_name(r, subject) != 1 ||
        X509_REQ_set_pubkey(r, public) != 1 || !add_usage(r))
        return failed(e);
    return sign_request(c, r, key, public, e) && write_to(path, r, public, e);
}

int ceremony_csr(struct ceremony *c)
{
    const struct config_key *k = ceremony_key(c);
    struct p11_key key;
    struct err e;

    if (k == NULL)
        return EX_USAGE;
    if (!session_open(&c->session, &c->config, k->token, true, &e) ||
        !ceremony_find(c, k, &key, &e) ||
        !ceremony_begin(c, CEREMONY_REQUEST, k->token, &e) ||
        !ceremony_request(c, k, &key, c->out, &e))
        return ceremony_failed(c, &e);
    ceremony_did(c, k->name, k->id, &key.point);
    return ceremony_leave(c, &e, "a certificate was asked for") ? 0
                                                                : ceremony_failed(c, &e);
}
