/* SPDX-License-Identifier: MIT */
#include "ceremony_custody.h"

#include "p11_wrap.h"
#include "shares.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool read_shares(struct ceremony *c, struct ceremony_opened *o, struct err *e)
{
    struct share *s = shares_new(c->shares.n);
    bool ok = s != NULL && (o->secret = shares_secret_new()) != NULL;

    if (!ok)
        (void)err_set(e, ERR_STORE, "store.memory", "no secure memory");
    for (size_t i = 0; ok && i < c->shares.n; i++)
        ok = shares_read(c->shares.at[i], &s[i], e);
    ok = ok && shares_combine(&o->backup.set, s, c->shares.n, o->proven, o->secret, e);
    shares_free(s, c->shares.n);
    return ok;
}

bool ceremony_open_backup(struct ceremony *c, struct ceremony_opened *out, struct err *e)
{
    *out = (struct ceremony_opened){0};
    if (c->backup == NULL)
        return err_set(e, ERR_INPUT, "ceremony.backup",
                       "--backup FILE is missing: what an earlier ceremony wrote");
    if (!backup_read(c->backup, &out->backup, e))
        return false;
    out->key = config_key_find(&c->config, out->backup.key);
    if (out->key == NULL)
        return err_set(e, ERR_INPUT, "ceremony.backup", "%s: there is no [Key \"%s\"]",
                       c->backup, out->backup.key);
    out->use = p11_key_use(out->key->name);
    if ((out->use == P11_USE_DERIVE) != out->backup.agreement)
        return err_set(e, ERR_INPUT, "ceremony.backup", "%s: %s has another use there",
                       c->backup, out->key->name);
    return read_shares(c, out, e);
}

void ceremony_note_shares(struct ceremony *c, const struct ceremony_opened *o)
{
    c->record.has_set = true;
    c->record.set = o->backup.set;
    memcpy(c->record.proven, o->proven, sizeof c->record.proven);
    for (size_t i = 0; i < o->backup.set.n; i++)
        if (o->proven[i])
            ceremony_was_present(c, &o->backup.set.members[i].who);
}

/* --- giving out --- */

static bool one_member(const struct ceremony *c, const char *text,
                       struct custody_person *out, struct err *e)
{
    char section[CONFIG_NAME_MAX];
    const char *is = strchr(text, '=');
    size_t len = is == NULL ? 0 : (size_t)(is - text);

    if (len == 0 || len >= sizeof section || is[1] == '\0')
        return err_set(e, ERR_INPUT, "ceremony.people",
                       "--custodian %s: want PERSON=FOLDER, a [Person] and where the share "
                       "goes",
                       text);
    memcpy(section, text, len);
    section[len] = '\0';
    return custody_person_of(&c->config, section, out, e);
}

bool ceremony_members(const struct ceremony *c, struct custody_set *set, struct err *e)
{
    uint64_t m = set->threshold;

    if (c->threshold != NULL && !ceremony_number(c->threshold, 0, UINT32_MAX, &m))
        return err_set(e, ERR_INPUT, "ceremony.people", "--threshold %s: want a number",
                       c->threshold);
    set->threshold = (uint32_t)m;
    set->n = c->custodians.n;
    for (size_t i = 0; i < set->n; i++)
        if (!one_member(c, c->custodians.at[i], &set->members[i].who, e))
            return false;
    return custody_check(set, e);
}

static bool write_shares(const struct ceremony *c, const struct share *s, size_t n,
                         char paths[][CONFIG_PATH_MAX], struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!shares_write(&s[i], strchr(c->custodians.at[i], '=') + 1, paths[i], e)) {
            while (i > 0)
                (void)unlink(paths[--i]);
            return false;
        }
    return true;
}

/* The backup first: shares of a backup that is not there would be of no use. */
static bool write_out(const struct ceremony *c, const struct backup *b,
                      const struct share *s, struct err *e)
{
    static char paths[CUSTODY_MEMBERS_MAX][CONFIG_PATH_MAX];

    if (!backup_write(b, c->out, e))
        return false;
    if (!write_shares(c, s, b->set.n, paths, e)) {
        (void)unlink(c->out);
        return false;
    }
    (void)printf("backup %s, set %s version %u, %u of %zu\n", c->out, b->set.id,
                 b->set.version, b->set.threshold, b->set.n);
    for (size_t i = 0; i < b->set.n; i++)
        (void)printf("share %zu for %s (%s): %s\n", i + 1, b->set.members[i].who.name,
                     b->set.members[i].who.party, paths[i]);
    return true;
}

/* Wrapped, and opened again: a backup that does not open is none. */
static bool wrap(struct ceremony *c, CK_OBJECT_HANDLE key, enum p11_use use,
                 const uint8_t *secret, struct backup *b, struct err *e)
{
    CK_OBJECT_HANDLE kek, again;

    b->len = sizeof b->wrapped;
    return p11_wrap_kek(&c->session, secret, &kek, e) &&
           p11_wrap_out(&c->session, kek, key, b->wrapped, &b->len, e) &&
           p11_wrap_try(&c->session, kek, span_of(b->wrapped, b->len), use, &again, e) &&
           p11_wrap_prove(&c->session, again, use, &b->point, e) &&
           p11_wrap_destroy(&c->session, again, e) && p11_wrap_destroy(&c->session, kek, e);
}

bool ceremony_give_out(struct ceremony *c, CK_OBJECT_HANDLE key, enum p11_use use,
                       struct backup *b, struct err *e)
{
    uint8_t *secret = shares_secret_new();
    struct share *s = shares_new(b->set.n);
    bool ok = secret != NULL && s != NULL;

    if (ok)
        shares_random(secret, SHARES_SECRET);
    else
        (void)err_set(e, ERR_STORE, "store.memory", "no secure memory");
    ok = ok && shares_split(&b->set, secret, s, e) && wrap(c, key, use, secret, b, e) &&
         write_out(c, b, s, e);
    shares_secret_free(secret);
    shares_free(s, b->set.n);
    return ok;
}

bool ceremony_try(struct ceremony *c, const struct ceremony_opened *o,
                  CK_OBJECT_HANDLE *key, struct err *e)
{
    CK_OBJECT_HANDLE kek;

    return p11_wrap_kek(&c->session, o->secret, &kek, e) &&
           p11_wrap_try(&c->session, kek, span_of(o->backup.wrapped, o->backup.len), o->use,
                        key, e) &&
           p11_wrap_destroy(&c->session, kek, e) &&
           p11_wrap_prove(&c->session, *key, o->use, &o->backup.point, e);
}
