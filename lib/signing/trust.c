/* SPDX-License-Identifier: MIT */
#include "trust.h"

#include "mem.h"
#include "owner.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool load_anchor(const char *path, X509_STORE **out)
{
    AUTO(bio) BIO *in = BIO_new_file(path, "rb");
    X509_STORE *store = X509_STORE_new();
    size_t n = 0;
    X509 *x;

    while (in != NULL && store != NULL &&
           (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        n += X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
    }
    ERR_clear_error();
    if (n == 0) {
        X509_STORE_free(store);
        return false;
    }
    *out = store;
    return true;
}

static bool load_key(const char *path, struct certs *out, char *missing, size_t cap)
{
    struct err e;

    if (path[0] == '\0') {
        (void)snprintf(missing, cap, "no Certificate= is configured");
        return false;
    }
    if (!certs_read_file(path, out, &e)) {
        (void)snprintf(missing, cap, "%.*s", (int)cap - 1, e.text);
        return false;
    }
    if (out->n == 1 && out->at[0].has_eui)
        return true;
    (void)snprintf(missing, cap, "%s", "Certificate= is not one certificate of one party");
    certs_done(out);
    return false;
}

/* Whoever can change one of them says what is believed here, as with the configuration. */
static bool files_sound(const struct config *c, struct err *e)
{
    if (!owner_of_path(c->trust.root, e) || !owner_of_path(c->trust.issuing, e))
        return false;
    for (size_t i = 0; i < c->n_keys; i++)
        if (!owner_of_path(c->keys[i].certificate, e))
            return false;
    for (size_t i = 0; i < c->n_authorities; i++)
        if (!owner_of_path(c->authorities[i].anchor, e) ||
            !owner_of_path(c->authorities[i].crl, e))
            return false;
    return true;
}

bool trust_load(const struct config *c, struct trust *out, struct err *e)
{
    struct err why;

    memset(out, 0, sizeof *out);
    out->config = c;
    if (!files_sound(c, e))
        return false;
    if (!certs_read_file(c->trust.root, &out->root, &why) ||
        !certs_read_file(c->trust.issuing, &out->issuing, &why)) {
        trust_done(out);
        return err_set(e, ERR_INPUT, "config.trust", "%s", why.text);
    }
    if (out->root.n != 1 || !cert_self_signed(&out->root.at[0]) ||
        out->root.at[0].role != ROLE_ROOT) {
        trust_done(out);
        return err_set(e, ERR_INPUT, "config.trust",
                       "%s: not one self-signed Root OCA certificate", c->trust.root);
    }
    for (size_t i = 0; i < out->issuing.n; i++)
        if (out->issuing.at[i].role != ROLE_ISSUING_AUTHORITY) {
            trust_done(out);
            return err_set(e, ERR_INPUT, "config.trust",
                           "%s: certificate %zu is not of an Issuing OCA", c->trust.issuing,
                           i + 1);
        }
    for (size_t i = 0; i < c->n_keys; i++)
        out->keys[i].present = load_key(c->keys[i].certificate, &out->keys[i].cert,
                                        out->keys[i].missing, sizeof out->keys[i].missing);
    for (size_t i = 0; i < c->n_authorities; i++)
        if (!load_anchor(c->authorities[i].anchor, &out->anchors[i]))
            out->anchors[i] = NULL;
    return true;
}

void trust_done(struct trust *t)
{
    certs_done(&t->root);
    certs_done(&t->issuing);
    for (size_t i = 0; i < CONFIG_KEYS_MAX; i++)
        certs_done(&t->keys[i].cert);
    for (size_t i = 0; i < CONFIG_AUTHORITIES_MAX; i++) {
        X509_STORE_free(t->anchors[i]);
        t->anchors[i] = NULL;
    }
}

/* Who is addressed stands inside; it is believed only after that authority's own anchor and
 * quorum have spoken for the same octets. */
static bool judge(const struct trust *t, struct span cms, struct span json,
                  const char *incident, int64_t now_us, struct authority *out,
                  struct err *e)
{
    const struct config_authority *who;

    if (!authority_parse(json, out, e))
        return false;
    if (incident != NULL && strcmp(out->incident, incident) != 0)
        return err_set(e, ERR_DENIED, "decision.other-incident",
                       "member incident: the document is for incident %s, not %s",
                       out->incident, incident);
    who = config_authority_find(t->config, out->by);
    if (who == NULL)
        return err_set(e, ERR_DENIED, "decision.addressee",
                       "member by: no [Authority \"%s\"] is configured here", out->by);
    return authority_open(cms, t->config, who, t->anchors[who - t->config->authorities],
                          now_us, out, e);
}

bool trust_judge(const struct trust *t, struct span cms, const char *incident,
                 int64_t now_us, struct authority *out, struct span *json, struct err *e)
{
    struct span text = {NULL, 0};
    bool ok =
        authority_content(cms, &text, e) && judge(t, cms, text, incident, now_us, out, e);

    if (json != NULL)
        *json = text;
    else
        free((void *)(uintptr_t)text.at);
    return ok;
}

bool trust_acb_key(const struct trust *t, size_t *key)
{
    for (size_t i = 0; i < t->config->n_keys; i++) {
        const struct cert *c = &t->keys[i].cert.at[0];

        if (t->keys[i].present && c->role == ROLE_ACB && c->usage == KU_KEY_AGREEMENT) {
            *key = i;
            return true;
        }
    }
    return false;
}
