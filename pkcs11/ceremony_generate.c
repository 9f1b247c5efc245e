/* SPDX-License-Identifier: MIT
 *
 * ceremony generate - make the configured keys in the token, give out their public keys.
 */
#include "ceremony.h"
#include "mem.h"
#include "p11_generate.h"
#include "verify.h"

#include <openssl/pem.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool write_pem(FILE *f, const char *name, const char *id, const struct p11_key *k)
{
    AUTO(pkey) EVP_PKEY *key = verify_key(&k->point);

    return key != NULL && fprintf(f, "# %s, id %s\n", name, id) > 0 &&
           PEM_write_PUBKEY(f, key) == 1 && fflush(f) == 0;
}

struct wanted {
    const char *name, *id, *label;
    enum p11_use use;
    bool extractable;
};

static bool make(struct ceremony *c, const struct wanted *w, FILE *out, struct p11_key *key,
                 struct err *e)
{
    const char *left;

    if (!p11_generate(&c->session, w->name, w->id, w->label, w->use, w->extractable, key,
                      &left, e))
        return false;
    ceremony_did(c, w->name, w->id, &key->point);
    if (!write_pem(stdout, w->name, w->id, key) ||
        (out != NULL && (!write_pem(out, w->name, w->id, key) || fsync(fileno(out)) != 0)))
        return err_set(e, ERR_STORE, "token.state",
                       "%s: made, but its public key could not be written: %s", w->name,
                       strerror(errno));
    if (left != NULL)
        (void)fprintf(stderr, "%s: made without %s, which the module refused\n", w->name,
                      left);
    return true;
}

static bool make_configured(struct ceremony *c, const struct config_key *k, FILE *out,
                            struct err *e)
{
    const struct wanted w = {k->name, k->id, k->label, p11_key_use(k->name),
                             c->extractable};
    char path[2 * CONFIG_PATH_MAX];
    struct p11_key key;

    if (!make(c, &w, out, &key, e))
        return false;
    if (c->csr == NULL)
        return true;
    (void)snprintf(path, sizeof path, "%s/%s.csr", c->csr, k->name);
    return ceremony_request(c, k, &key, path, e);
}

static bool wanted_key(const struct ceremony *c, const struct config_key *k,
                       const char *token)
{
    return strcmp(k->token, token) == 0 &&
           (c->all || (c->key != NULL && strcmp(k->name, c->key) == 0));
}

static const char probe_label[] = "smki-recovery probe";
static const char audit_label[] = "smki-recovery audit";

/* All ids and uses are looked up before the first key is made. */
static bool generate_on(struct ceremony *c, const struct config_token *t, FILE *out,
                        struct err *e)
{
    bool probe = c->probe || c->all;
    bool audit = c->audit || c->all;
    const struct wanted of_probe = {"probe key", t->probe_id, probe_label, P11_USE_SIGN,
                                    false};
    const struct wanted of_audit = {"audit key", t->audit_id, audit_label, P11_USE_SIGN,
                                    false};
    struct p11_key key;

    if (!session_open(&c->session, &c->config, t->name, true, e) ||
        (probe && !p11_id_free(&c->session, "probe key", t->probe_id, e)) ||
        (audit && !p11_id_free(&c->session, "audit key", t->audit_id, e)))
        return false;
    for (size_t i = 0; i < c->config.n_keys; i++)
        if (wanted_key(c, &c->config.keys[i], t->name) &&
            (!p11_id_free(&c->session, c->config.keys[i].name, c->config.keys[i].id, e) ||
             !p11_use_possible(&c->session, c->config.keys[i].name,
                               p11_key_use(c->config.keys[i].name), e)))
            return false;
    if (!ceremony_begin(c, CEREMONY_GENERATE, t->name, e) ||
        (probe && !make(c, &of_probe, out, &key, e)) ||
        (audit && !make(c, &of_audit, out, &key, e)))
        return false;
    for (size_t i = 0; i < c->config.n_keys; i++)
        if (wanted_key(c, &c->config.keys[i], t->name) &&
            !make_configured(c, &c->config.keys[i], out, e))
            return false;
    if (!ceremony_leave(c, e, "made in the token%s",
                        c->extractable ? ", extractable until they are backed up" : ""))
        return false;
    session_close(&c->session);
    return true;
}

int ceremony_generate(struct ceremony *c)
{
    const struct config_key *k =
        c->key == NULL ? NULL : config_key_find(&c->config, c->key);
    const char *only = k != NULL ? k->token : c->token;
    FILE *out = NULL;
    struct err e;
    bool ok = true;

    if ((c->key != NULL) + c->probe + c->audit + c->all != 1)
        return ceremony_wrong("generate wants one of --key NAME, --probe, --audit, --all");
    if (c->key != NULL && k == NULL)
        return ceremony_wrong("no such key in the configuration");
    if ((c->probe || c->audit) && (c->extractable || c->csr != NULL))
        return ceremony_wrong("probe and audit keys stay in their token, and nobody "
                              "certifies them: no --extractable, no --csr");
    if ((c->probe || c->audit) && (only = ceremony_token(c, &e)) == NULL)
        return ceremony_failed(c, &e);
    if (only != NULL && config_token_find(&c->config, only) == NULL)
        return ceremony_wrong("no such token in the configuration");
    if (c->out != NULL && (out = fopen(c->out, "wxe")) == NULL) {
        (void)err_set(&e, ERR_INPUT, "token.state", "%s: %s", c->out, strerror(errno));
        return ceremony_failed(c, &e);
    }
    for (size_t i = 0; ok && i < c->config.n_tokens; i++)
        if (only == NULL || strcmp(only, c->config.tokens[i].name) == 0)
            ok = generate_on(c, &c->config.tokens[i], out, &e);
    if (out != NULL && !ok && ftell(out) == 0)
        (void)unlink(c->out); /* nothing was made */
    if (out != NULL && fclose(out) != 0 && ok)
        ok = err_set(&e, ERR_STORE, "token.state", "%s: %s", c->out, strerror(errno));
    return ok ? 0 : ceremony_failed(c, &e);
}
