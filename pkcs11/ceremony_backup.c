/* SPDX-License-Identifier: MIT
 *
 * ceremony backup, rotate - a key wrapped under a secret that custodians hold in shares; and
 * the same key under another secret, in shares for others.
 *
 * A key leaves its token once, wrapped: backup closes it (CKA_EXTRACTABLE false) before it is
 * fit for a signer. rotate needs the shares and the old backup, not the key: it is unwrapped
 * into the session, and the new secret is no function of the old one.
 */
#include "ceremony_custody.h"
#include "p11_wrap.h"
#include "shares.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void describe(struct backup *b, const struct config_key *k,
                     const struct p11_key *key)
{
    *b = (struct backup){.agreement = p11_key_use(k->name) == P11_USE_DERIVE,
                         .point = key->point,
                         .set = {.version = 1}};
    (void)snprintf(b->key, sizeof b->key, "%s", k->name);
    (void)snprintf(b->id, sizeof b->id, "%s", k->id);
    (void)snprintf(b->label, sizeof b->label, "%s",
                   k->label[0] != '\0' ? k->label : k->name);
    shares_new_id(b->set.id);
}

/* An error of a key that is closed already says what that means. */
static bool find_open(struct ceremony *c, const struct config_key *k, struct p11_key *out,
                      struct err *e)
{
    return p11_key_find_extractable(&c->session, k->name, k->id, k->label,
                                    p11_key_use(k->name), out, e) ||
           (strcmp(e->id, "token.key-attributes") == 0 &&
            err_wrap(e, "only a key made by generate --extractable, and not backed up yet, "
                        "leaves its token"));
}

/* From now on it is a key like any other. */
static bool close_it(struct ceremony *c, const struct config_key *k,
                     const struct p11_key *key, struct err *e)
{
    struct p11_key as_signers_see_it;

    return (p11_wrap_close(&c->session, key->token, e) &&
            p11_key_find(&c->session, k->name, k->id, k->label, p11_key_use(k->name),
                         &as_signers_see_it, e)) ||
           err_wrap(e,
                    "the backup is made; the key is still open, and nothing signs with it");
}

int ceremony_backup(struct ceremony *c)
{
    const struct config_key *k = ceremony_key(c);
    static struct backup b;
    struct p11_key key;
    struct err e;

    if (k == NULL)
        return EX_USAGE;
    if (c->out == NULL || c->threshold == NULL)
        return ceremony_wrong("backup wants --out FILE, --threshold M and a --custodian "
                              "PERSON=FOLDER for each share");
    if (!ceremony_members(c, &b.set, &e) ||
        !session_open(&c->session, &c->config, k->token, true, &e) ||
        !find_open(c, k, &key, &e) || !ceremony_begin(c, CEREMONY_BACKUP, k->token, &e))
        return ceremony_failed(c, &e);
    describe(&b, k, &key);
    if (!ceremony_members(c, &b.set, &e) ||
        !ceremony_give_out(c, key.token, p11_key_use(k->name), &b, &e))
        return ceremony_failed(c, &e);
    ceremony_did(c, k->name, k->id, &key.point);
    c->record.has_set = true;
    c->record.set = b.set;
    if (!close_it(c, k, &key, &e) ||
        !ceremony_leave(c, &e,
                        "wrapped, opened again and proved, closed; shares given out"))
        return ceremony_failed(c, &e);
    return 0;
}

static bool rotate(struct ceremony *c, struct ceremony_opened *o, struct err *e)
{
    struct custody_set *set = &o->backup.set;
    CK_OBJECT_HANDLE key;

    if (!session_open(&c->session, &c->config, o->key->token, true, e) ||
        !ceremony_begin(c, CEREMONY_ROTATE, o->key->token, e) ||
        !ceremony_try(c, o, &key, e))
        return false;
    ceremony_note_shares(c, o);
    set->version++;
    if (!ceremony_members(c, set, e) || !ceremony_give_out(c, key, o->use, &o->backup, e))
        return false;
    c->record.set = *set;
    ceremony_did(c, o->key->name, o->key->id, &o->backup.point);
    (void)printf("destroy every copy of %s: with it the old shares still open the key\n",
                 c->backup);
    return p11_wrap_destroy(&c->session, key, e) &&
           ceremony_leave(c, e,
                          "version %u of the set is of no use but with the backup of "
                          "its time; its copies are to be destroyed",
                          set->version - 1);
}

int ceremony_rotate(struct ceremony *c)
{
    static struct ceremony_opened o;
    struct err e;
    bool ok;

    if (c->out == NULL)
        return ceremony_wrong("rotate wants --out FILE for the new backup");
    ok = ceremony_open_backup(c, &o, &e) && rotate(c, &o, &e);
    shares_secret_free(o.secret);
    return ok ? 0 : ceremony_failed(c, &e);
}
