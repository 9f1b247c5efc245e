/* SPDX-License-Identifier: MIT
 *
 * The record of a ceremony: who was there, what was done, signed by the token's audit key.
 */
#include "ceremony.h"
#include "ceremony_file.h"
#include "clock.h"
#include "mem.h"
#include "p11_wrap.h"
#include "shares.h"
#include "verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *folder_of(const struct ceremony *c)
{
    return c->records != NULL ? c->records : c->config.signer.state_dir;
}

/* ceremony-20261124T130000.000000Z-backup-1f0c22aa.json: sorted by time, never twice. */
static void name_it(struct ceremony *c)
{
    char at[CLOCK_TEXT_LEN];
    char *to = at;

    clock_text(c->record.at_us, at);
    for (const char *p = at; *p != '\0'; p++)
        if (*p != '-' && *p != ':')
            *to++ = *p;
    *to = '\0';
    (void)snprintf(c->record_path, sizeof c->record_path, "%s/ceremony-%s-%s-%.8s.json",
                   folder_of(c), at, ceremony_record_what(c->record.what), c->record.id);
}

void ceremony_was_present(struct ceremony *c, const struct custody_person *who)
{
    struct ceremony_record *r = &c->record;

    for (size_t i = 0; i < r->n_present; i++)
        if (strcmp(r->present[i].person, who->person) == 0)
            return;
    if (r->n_present < CUSTODY_MEMBERS_MAX)
        r->present[r->n_present++] = *who;
}

bool ceremony_begin(struct ceremony *c, enum ceremony_what what, const char *token,
                    struct err *e)
{
    const struct config_token *t = config_token_find(&c->config, token);
    const struct clock clock = clock_system();
    struct ceremony_record *r = &c->record;

    *r = (struct ceremony_record){.what = what, .at_us = clock_now(&clock)};
    shares_new_id(r->id);
    (void)snprintf(r->label, sizeof r->label, "%s", t->label);
    (void)snprintf(r->serial, sizeof r->serial, "%s", t->serial);
    (void)snprintf(r->model, sizeof r->model, "%s", c->session.model);
    for (size_t i = 0; i < c->present.n; i++) {
        struct custody_person who;

        if (!custody_person_of(&c->config, c->present.at[i], &who, e))
            return false;
        ceremony_was_present(c, &who);
    }
    if (access(folder_of(c), W_OK | X_OK) != 0)
        return err_set(e, ERR_STORE, "token.state", "%s, for the record: %s", folder_of(c),
                       strerror(errno));
    name_it(c);
    return true;
}

void ceremony_did(struct ceremony *c, const char *name, const char *id,
                  const struct point *public)
{
    struct ceremony_record_key *k = &c->record.keys[c->record.n_keys];

    if (c->record.n_keys == CEREMONY_RECORD_KEYS)
        return;
    c->record.n_keys++;
    (void)snprintf(k->name, sizeof k->name, "%s", name);
    (void)snprintf(k->id, sizeof k->id, "%s", id);
    k->public = digest_of(span_of(public->b, sizeof public->b), span_of(NULL, 0));
}

/* By the audit key; where there is none, not at all. */
static bool sign_it(struct ceremony *c, struct err *e)
{
    const struct config_token *t = NULL;
    struct ceremony_record *r = &c->record;
    struct p11_key audit;
    struct digest d;

    for (size_t i = 0; i < c->config.n_tokens; i++)
        if (strcmp(c->config.tokens[i].serial, r->serial) == 0 &&
            strcmp(c->config.tokens[i].label, r->label) == 0)
            t = &c->config.tokens[i];
    if (t == NULL || !p11_key_find(&c->session, "audit key", t->audit_id, NULL,
                                   P11_USE_SIGN, &audit, e)) {
        (void)fprintf(stderr,
                      "smki-recovery-ceremony: the record is not signed: %s; no service "
                      "takes it\n",
                      t == NULL ? "no such token" : e->text);
        return true;
    }
    r->is_signed = true;
    r->key = audit.point;
    if (!ceremony_record_digest(r, &d))
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    AUTO(pkey) EVP_PKEY *key = verify_key(&r->key);
    if (!p11_wrap_sign(&c->session, audit.token, &d, &r->sig, e))
        return false;
    return (key != NULL && verify_one(key, &d, &r->sig)) ||
           err_set(e, ERR_TOKEN, "token.audit-key", "the audit key's signature is wrong");
}

bool ceremony_leave(struct ceremony *c, struct err *e, const char *fmt, ...)
{
    AUTO(mem) char *text = NULL;
    char path[sizeof c->record_path];
    va_list ap;

    memcpy(path, c->record_path, sizeof path);
    c->record_path[0] = '\0'; /* one only, whatever comes of it */
    va_start(ap, fmt);
    (void)vsnprintf(c->record.result, sizeof c->record.result, fmt, ap);
    va_end(ap);
    if (!sign_it(c, e))
        return err_wrap(e, "done, but its record could not be signed");
    text = ceremony_record_text(&c->record);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!ceremony_file_write(path, 0644, text, e))
        return err_wrap(e, "done, but its record could not be written");
    (void)printf("record %s\n", path);
    return true;
}
