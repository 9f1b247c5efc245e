/* SPDX-License-Identifier: MIT
 *
 * ceremony show - what is in the token: configured keys, other objects, counter marks.
 */
#include "ceremony.h"
#include "p11_key.h"
#include "p11_number.h"
#include "watermark.h"

#include <stdio.h>
#include <string.h>

static void show_hex(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        (void)printf("%02x", at[i]);
}

static void show_configured(struct ceremony *c, const char *token)
{
    for (size_t i = 0; i < c->config.n_keys; i++) {
        const struct config_key *k = &c->config.keys[i];
        enum p11_use use = p11_key_use(k->name);
        struct p11_key key;
        struct err e;

        if (strcmp(k->token, token) != 0)
            continue;
        if (p11_key_find(&c->session, k->name, k->id, k->label, use, &key, &e)) {
            struct digest d = digest_of(span_of(key.point.b, 65), span_of(NULL, 0));

            (void)printf("key %s id %s for %s, public key sha256 ", k->name, k->id,
                         use == P11_USE_SIGN ? "signing" : "agreement");
            show_hex(d.b, sizeof d.b);
            (void)printf("\n");
        } else {
            (void)printf("key %s id %s NOT USABLE: %s [%s]\n", k->name, k->id, e.text,
                         e.id);
        }
    }
}

static void show_place(struct ceremony *c)
{
    struct err e;

    if (c->session.in_file)
        (void)printf(
            "marks in files of this machine (Mark=file): a copy put back rolls them "
            "back, and the token does not tell\n");
    else if (p11_number_possible(&c->session, &e))
        (void)printf("marks in the token\n");
    else
        (void)printf("marks NOT POSSIBLE: %s [%s]\n", e.text, e.id);
}

static bool show_objects(struct ceremony *c, struct err *e)
{
    PKCS11_KEY *keys;
    PKCS11_CERT *certs;
    unsigned n;

    session_deadline(&c->session);
    if (PKCS11_enumerate_keys(c->session.token, &keys, &n) != 0)
        return err_set(e, ERR_TOKEN, "token.lost", "listing keys: %s", err_openssl());
    for (unsigned i = 0; i < n; i++) {
        (void)printf("object private key, label \"%s\", id ",
                     keys[i].label != NULL ? keys[i].label : "");
        show_hex(keys[i].id, keys[i].id_len);
        (void)printf("\n");
    }
    if (PKCS11_enumerate_certs(c->session.token, &certs, &n) != 0)
        return err_set(e, ERR_TOKEN, "token.lost", "listing certificates: %s",
                       err_openssl());
    for (unsigned i = 0; i < n; i++) {
        (void)printf("object certificate, label \"%s\", id ",
                     certs[i].label != NULL ? certs[i].label : "");
        show_hex(certs[i].id, certs[i].id_len);
        (void)printf("\n");
    }
    session_idle();
    return true;
}

/* The originators are in the labels: "originator-counter <EUI-64>". */
static bool show_marks(struct ceremony *c, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE by[] = {{CKA_CLASS, &class, sizeof class}};
    CK_OBJECT_HANDLE at[256];
    CK_ULONG n;

    if (!p11_search(&c->session, by, 1, at, 256, &n, e))
        return false;
    for (CK_ULONG i = 0; i < n; i++) {
        static const char front[] = "originator-counter ";
        char label[64] = "";
        CK_ULONG len = sizeof label - 1;
        struct eui64 o;
        uint64_t mark;

        if (!p11_read(&c->session, at[i], CKA_LABEL, label, &len, e))
            return false;
        if (len != sizeof front - 1 + 16 || memcmp(label, front, sizeof front - 1) != 0 ||
            !eui64_parse(label + sizeof front - 1, 16, &o))
            continue;
        if (watermark_get(&c->session, &o, &mark, e))
            (void)printf("mark %s %llu\n", label + sizeof front - 1,
                         (unsigned long long)mark);
        else
            (void)printf("mark %s NOT USABLE: %s [%s]\n", label + sizeof front - 1, e->text,
                         e->id);
    }
    return true;
}

int ceremony_show(struct ceremony *c)
{
    struct err e;
    const char *token = ceremony_token(c, &e);

    if (token == NULL || !session_open(&c->session, &c->config, token, true, &e))
        return ceremony_failed(c, &e);
    (void)printf("token %s label \"%s\" serial %s model \"%s\"\n", token,
                 config_token_find(&c->config, token)->label,
                 config_token_find(&c->config, token)->serial, c->session.model);
    show_configured(c, token);
    show_place(c);
    return show_objects(c, &e) && show_marks(c, &e) ? 0 : ceremony_failed(c, &e);
}
