/* SPDX-License-Identifier: MIT
 *
 * ceremony restore, prove - a key that was backed up, into a fresh token, proved against the
 * certificate that the devices hold; and the same without leaving anything there.
 *
 * A fresh token knows no counter mark, and nothing here can tell which counters are used: a
 * key that signs comes with a mark that is said by --raise-to, or is there already.
 *
 * Source:  SEC L10 (a restored key proves itself before a command is made): the project's
 *          reading; GBCS 4.3.1.5.
 */
#include "ceremony_custody.h"
#include "cert.h"
#include "p11_generate.h"
#include "p11_wrap.h"
#include "shares.h"
#include "watermark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char *token_for(const struct ceremony *c, const struct ceremony_opened *o)
{
    return c->token != NULL ? c->token : o->key->token;
}

/* The certificate that the devices hold is of this key. */
static bool certified(const struct ceremony_opened *o, struct eui64 *originator,
                      struct err *e)
{
    struct certs certs;
    bool same;

    if (!certs_read_file(o->key->certificate, &certs, e))
        return err_wrap(e, "the certificate that the devices hold is needed for the proof");
    same = memcmp(certs.at[0].point.b, o->backup.point.b, sizeof o->backup.point.b) == 0;
    *originator = certs.at[0].eui;
    certs_done(&certs);
    return same || err_set(e, ERR_DENIED, "ceremony.proof",
                           "the key in the backup is not the one that %s certifies",
                           o->key->certificate);
}

/* A key that signs begins above all counters that may have been used. */
static bool marked(struct ceremony *c, const struct ceremony_opened *o,
                   const struct eui64 *originator, struct err *e)
{
    uint64_t now, to;

    if (o->use != P11_USE_SIGN)
        return true;
    if (!watermark_get(&c->session, originator, &now, e))
        return false;
    if (c->raise_to == NULL)
        return now > 0 ||
               err_set(e, ERR_DENIED, "ceremony.mark",
                       "the token has no counter mark for this key's originator, and no "
                       "counter may be used twice: --raise-to N, above all that were");
    return ceremony_number(c->raise_to, 1, INT64_MAX, &to)
               ? ceremony_raise(c, originator, now, to, e)
               : err_set(e, ERR_INPUT, "ceremony.mark", "--raise-to wants a number");
}

static bool put_in(struct ceremony *c, const struct ceremony_opened *o, struct err *e)
{
    const struct config_key *k = o->key;
    CK_OBJECT_HANDLE kek, made[2];
    struct p11_key found;
    struct p11_id id;

    if (!p11_id_parse(k->id, k->name, &id, e) ||
        !p11_wrap_kek(&c->session, o->secret, &kek, e) ||
        !p11_wrap_in(&c->session, kek, span_of(o->backup.wrapped, o->backup.len), &id,
                     k->label[0] != '\0' ? k->label : k->name, o->use, &o->backup.point,
                     made, e))
        return false;
    if (p11_key_find(&c->session, k->name, k->id, k->label, o->use, &found, e) &&
        p11_wrap_prove(&c->session, found.token, o->use, &o->backup.point, e) &&
        p11_wrap_destroy(&c->session, kek, e))
        return true;
    p11_wrap_undo(&c->session, made[0]);
    p11_wrap_undo(&c->session, made[1]);
    return false;
}

static bool restore(struct ceremony *c, const struct ceremony_opened *o, struct err *e)
{
    struct eui64 originator;
    const char *token = token_for(c, o);

    if (!certified(o, &originator, e) ||
        !session_open(&c->session, &c->config, token, true, e) ||
        !ceremony_begin(c, CEREMONY_RESTORE, token, e) ||
        !p11_id_free(&c->session, o->key->name, o->key->id, e) ||
        !marked(c, o, &originator, e) || !put_in(c, o, e))
        return false;
    ceremony_note_shares(c, o);
    ceremony_did(c, o->key->name, o->key->id, &o->backup.point);
    (void)printf("key %s is in the token; what it %s verifies under %s\n", o->key->name,
                 o->use == P11_USE_SIGN ? "signs" : "agrees on", o->key->certificate);
    return ceremony_leave(c, e,
                          "restored, and proved under the certificate that the devices "
                          "hold");
}

int ceremony_restore(struct ceremony *c)
{
    static struct ceremony_opened o;
    struct err e;
    bool ok = ceremony_open_backup(c, &o, &e) && restore(c, &o, &e);

    shares_secret_free(o.secret);
    return ok ? 0 : ceremony_failed(c, &e);
}

static bool prove(struct ceremony *c, const struct ceremony_opened *o, struct err *e)
{
    const char *token = token_for(c, o);
    struct eui64 originator;
    CK_OBJECT_HANDLE key;

    if (!certified(o, &originator, e) ||
        !session_open(&c->session, &c->config, token, true, e) ||
        !ceremony_begin(c, CEREMONY_PROVE, token, e) || !ceremony_try(c, o, &key, e) ||
        !p11_wrap_destroy(&c->session, key, e))
        return false;
    ceremony_note_shares(c, o);
    ceremony_did(c, o->key->name, o->key->id, &o->backup.point);
    (void)printf("these shares open key %s; nothing is left in the token\n", o->key->name);
    return ceremony_leave(c, e,
                          "the shares open the backup, and the key is the one that the "
                          "devices know");
}

int ceremony_prove(struct ceremony *c)
{
    static struct ceremony_opened o;
    struct err e;
    bool ok = ceremony_open_backup(c, &o, &e) && prove(c, &o, &e);

    shares_secret_free(o.secret);
    return ok ? 0 : ceremony_failed(c, &e);
}
