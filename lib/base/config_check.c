/* SPDX-License-Identifier: MIT
 *
 * What must hold across the sections of a configuration.
 */
#include "config.h"

#include "name.h"

#include <string.h>
#include <strings.h>

const char config_custodians[] = "custodians";
const char config_mark_file[] = "file";

static bool same_id(const char *a, const char *b)
{
    /* a CKA_ID is a number of octets: 0F and 0f are one, 0F and 000F are two */
    return a[0] != '\0' && strcasecmp(a, b) == 0;
}

static bool check_token(const struct config_token *t, struct err *e)
{
    if (t->module[0] == '\0' || t->label[0] == '\0' || t->serial[0] == '\0')
        return err_set(
            e, ERR_INPUT, "config.token",
            "[Token \"%s\"]: Module=, Label= and Serial= are mandatory (a token is "
            "found by label and serial, never by slot number)",
            t->name);
    if ((t->pin_credential[0] == '\0') == (t->pin_file[0] == '\0'))
        return err_set(e, ERR_INPUT, "config.token",
                       "[Token \"%s\"]: exactly one of PinCredential= and PinFile= is due",
                       t->name);
    if (strcmp(t->mark, "token") != 0 && strcmp(t->mark, config_mark_file) != 0)
        return err_set(e, ERR_INPUT, "config.token",
                       "[Token \"%s\"]: Mark= is token or file, not \"%s\"", t->name,
                       t->mark);
    if (same_id(t->audit_id, t->probe_id))
        return err_set(e, ERR_INPUT, "config.token",
                       "[Token \"%s\"]: AuditId=%s is the probe key", t->name, t->audit_id);
    return true;
}

static bool check_key(const struct config *c, const struct config_key *k, struct err *e)
{
    const struct config_token *t = config_token_find(c, k->token);

    if (k->id[0] == '\0' || k->certificate[0] == '\0')
        return err_set(e, ERR_INPUT, "config.key",
                       "[Key \"%s\"]: Id= and Certificate= are mandatory", k->name);
    if (t == NULL)
        return err_set(e, ERR_INPUT, "config.key", "[Key \"%s\"]: no [Token \"%s\"]",
                       k->name, k->token);
    /* a probe signs octets that nobody decided about, and so does a head */
    if (same_id(t->probe_id, k->id))
        return err_set(e, ERR_INPUT, "config.token",
                       "[Token \"%s\"]: ProbeId=%s is the key of [Key \"%s\"]", t->name,
                       t->probe_id, k->name);
    if (same_id(t->audit_id, k->id))
        return err_set(e, ERR_INPUT, "config.token",
                       "[Token \"%s\"]: AuditId=%s is the key of [Key \"%s\"]", t->name,
                       t->audit_id, k->name);
    if (k->authority[0] != '\0' && config_authority_find(c, k->authority) == NULL)
        return err_set(e, ERR_INPUT, "config.key", "[Key \"%s\"]: no [Authority \"%s\"]",
                       k->name, k->authority);
    return true;
}

static bool check_authority(const struct config_authority *a, struct err *e)
{
    if (a->threshold > 0 && a->members < a->threshold)
        return err_set(e, ERR_INPUT, "config.authority",
                       "[Authority \"%s\"]: Members= must be at least Threshold=", a->name);
    if (a->threshold == 1 && a->organisation[0] == '\0')
        return err_set(e, ERR_INPUT, "config.authority",
                       "[Authority \"%s\"]: Threshold= of at least 2 is due", a->name);
    if (a->organisation[0] != '\0' && strlen(a->organisation) != 16)
        return err_set(e, ERR_INPUT, "config.authority",
                       "[Authority \"%s\"]: Organisation= is an EUI-64", a->name);
    return true;
}

/* A section that was lost must not read as a decision to do without. */
static bool check_custodians(const struct config *c, struct err *e)
{
    bool there = config_authority_find(c, config_custodians) != NULL;
    bool none = strcmp(c->trust.custodians, "none") == 0;
    bool decides = false;

    for (size_t i = 0; i < c->n_authorities; i++)
        decides |= c->authorities[i].organisation[0] == '\0';
    if (!none && c->trust.custodians[0] != '\0')
        return err_set(e, ERR_INPUT, "config.authority",
                       "[Trust]: Custodians= is none or not set, not \"%s\"",
                       c->trust.custodians);
    if (there && none)
        return err_set(e, ERR_INPUT, "config.authority",
                       "[Trust]: Custodians=none, and there is an [Authority \"%s\"]",
                       config_custodians);
    if (!there && !none && decides)
        return err_set(e, ERR_INPUT, "config.authority",
                       "no [Authority \"%s\"]; where that is meant, [Trust] says "
                       "Custodians=none",
                       config_custodians);
    return true;
}

/* --- people --- */

static bool same_user(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Does one of mine stand among theirs (or, where they are mine, further on)? */
static const char *shared(const char *mine, size_t n_mine, const char *theirs,
                          size_t n_theirs, size_t size, bool same_list,
                          bool (*same)(const char *a, const char *b))
{
    for (size_t i = 0; i < n_mine; i++)
        for (size_t k = same_list ? i + 1 : 0; k < n_theirs; k++)
            if (same(mine + i * size, theirs + k * size))
                return mine + i * size;
    return NULL;
}

static bool check_person(const struct config_person *p, struct err *e)
{
    char prepared[NAME_MAX_OCTETS];

    if (!name_prepare(p->holder, prepared) || !name_prepare(p->organisation, prepared))
        return err_set(e, ERR_INPUT, "config.people",
                       "[Person \"%s\"]: Name= and Organisation= are mandatory, and names "
                       "in UTF-8",
                       p->name);
    for (size_t i = 0; i < p->n_keys; i++)
        if (strlen(p->keys[i]) != 64 || strspn(p->keys[i], "0123456789abcdefABCDEF") != 64)
            return err_set(e, ERR_INPUT, "config.people",
                           "[Person \"%s\"]: Keys= are SHA-256 of public keys, 64 hex "
                           "digits, not \"%s\"",
                           p->name, p->keys[i]);
    return true;
}

/* One key or login is one person's; so is one name in one organisation. */
static bool apart(const struct config_person *a, const struct config_person *b,
                  struct err *e)
{
    bool self = a == b;
    const char *key = shared(a->keys[0], a->n_keys, b->keys[0], b->n_keys,
                             sizeof a->keys[0], self, same_id);
    const char *user = shared(a->users[0], a->n_users, b->users[0], b->n_users,
                              sizeof a->users[0], self, same_user);

    if (key != NULL)
        return err_set(e, ERR_INPUT, "config.people",
                       "[Person \"%s\"] and [Person \"%s\"]: key %.16s... is named twice",
                       a->name, b->name, key);
    if (user != NULL)
        return err_set(e, ERR_INPUT, "config.people",
                       "[Person \"%s\"] and [Person \"%s\"]: login %s is named twice",
                       a->name, b->name, user);
    if (!self && name_same(a->holder, b->holder) &&
        name_same(a->organisation, b->organisation))
        return err_set(e, ERR_INPUT, "config.people",
                       "[Person \"%s\"] and [Person \"%s\"] are both \"%s\" of \"%s\"",
                       a->name, b->name, b->holder, b->organisation);
    return true;
}

static bool check_people(const struct config *c, struct err *e)
{
    for (size_t i = 0; i < c->n_people; i++) {
        if (!check_person(&c->people[i], e))
            return false;
        for (size_t k = 0; k <= i; k++)
            if (!apart(&c->people[k], &c->people[i], e))
                return false;
    }
    return true;
}

static bool check_role(const struct config_role *r, struct err *e)
{
    static const char *const names[] = {"viewer", "operator", "approver", "auditor"};

    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        if (strcmp(r->name, names[k]) == 0)
            return true;
    return err_set(e, ERR_INPUT, "config.role",
                   "[Role \"%s\"]: roles are viewer, operator, approver, auditor", r->name);
}

static bool check_end_decision(const char *who, struct err *e)
{
    return strcmp(who, "pma") == 0 || strcmp(who, "subscriber") == 0 ||
           strcmp(who, "dcc") == 0 ||
           err_set(e, ERR_INPUT, "config.service",
                   "[Service]: EndDecision= is pma, subscriber or dcc, not \"%s\"", who);
}

bool config_check(const struct config *c, struct err *e)
{
    if (c->service.signer_program[0] != '\0' && c->service.signer_socket[0] != '\0')
        return err_set(e, ERR_INPUT, "config.service",
                       "[Service]: SignerProgram= and SignerSocket= exclude each other");
    if (c->service.exercise_logins && !c->service.exercise)
        return err_set(e, ERR_INPUT, "config.service",
                       "[Service]: ExerciseLogins=yes needs Exercise=yes");
    if (!check_end_decision(c->service.end_decision, e))
        return false;
    if (c->trust.root[0] == '\0' || c->trust.issuing[0] == '\0')
        return err_set(e, ERR_INPUT, "config.trust",
                       "[Trust]: Root= and Issuing= are mandatory");
    for (size_t i = 0; i < c->n_tokens; i++)
        if (!check_token(&c->tokens[i], e))
            return false;
    for (size_t i = 0; i < c->n_keys; i++)
        if (!check_key(c, &c->keys[i], e))
            return false;
    for (size_t i = 0; i < c->n_authorities; i++)
        if (!check_authority(&c->authorities[i], e))
            return false;
    for (size_t i = 0; i < c->n_roles; i++)
        if (!check_role(&c->roles[i], e))
            return false;
    return check_custodians(c, e) && check_people(c, e);
}
