/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "contingency.h"
#include "mem.h"
#include "warrant_impl.h"

#include <openssl/crypto.h>

#include <string.h>

/* --- opening: the roster --- */

/* Before anything else of the roster is looked at. */
static bool check_roster(const struct warrant *w, struct err *e)
{
    char want[HEX_LEN(32)], got[HEX_LEN(32)];

    hex_encode_lower(w->authority.roster.b, 32, want);
    hex_encode_lower(w->roster->digest.b, 32, got);
    if (!digest_equal(&w->authority.roster, &w->roster->digest))
        return err_set(e, ERR_DENIED, "decision.roster",
                       "the document names roster %.16s..., not %.16s...", want, got);
    if (w->roster->n_rows > w->authority.roster_count)
        return err_set(e, ERR_DENIED, "decision.count",
                       "the roster has %u devices; the document allows %u",
                       w->roster->n_rows, w->authority.roster_count);
    return true;
}

/* --- opening: the certificates --- */

/* By digest: in the bundle, or what the machine itself holds. */
static const struct cert *find_cert(const struct warrant *w, const struct digest *sha256)
{
    const struct trust *t = w->trust;
    const struct cert *c = certs_find(&w->bundle, sha256);

    if (c == NULL)
        c = certs_find(&t->root, sha256);
    if (c == NULL)
        c = certs_find(&t->issuing, sha256);
    for (size_t i = 0; c == NULL && i < t->config->n_keys; i++)
        if (t->keys[i].present)
            c = certs_find(&t->keys[i].cert, sha256);
    return c;
}

static bool missing(const char *id, enum cell cell, const struct digest *d, struct err *e)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(d->b, 32, hex);
    return err_set(e, ERR_DENIED, id, "the %s certificate %s is not among those given",
                   gbcs_cell(cell)->name, hex);
}

static bool find_compromised(struct warrant *w, const struct cert *bad[], struct err *e)
{
    const struct authority *a = &w->authority;

    for (size_t i = 0; i < a->n_compromised; i++) {
        const struct authority_compromised *c = &a->compromised[i];

        bad[i] = find_cert(w, &c->sha256);
        if (bad[i] == NULL)
            return missing("compromised.missing", c->cell, &c->sha256, e);
        if (c->has_key && !digest_equal(&c->key_sha256, &bad[i]->key_sha256))
            return err_set(e, ERR_DENIED, "compromised.key",
                           "the compromised %s certificate is over another key than said",
                           gbcs_cell(c->cell)->name);
        w->facts.compromised[i].has_party = bad[i]->has_eui;
        w->facts.compromised[i].party = bad[i]->eui;
        w->old[w->n_old++] = bad[i]->ski;
    }
    return true;
}

static bool find_replacements(struct warrant *w, struct err *e)
{
    const struct authority *a = &w->authority;

    for (size_t i = 0; i < a->n_replacements; i++) {
        struct placed *p = &w->placed[w->n_placed++];

        p->cell = a->replacements[i].cell;
        p->cert = certs_find(&w->bundle, &a->replacements[i].sha256);
        if (p->cert == NULL)
            return missing("replacement.missing", p->cell, &a->replacements[i].sha256, e);
        w->cells |= CELL_BIT(p->cell);
    }
    return true;
}

static const struct cert *new_root_of(const struct warrant *w)
{
    for (size_t i = 0; i < w->n_placed; i++)
        if (w->placed[i].cell == CELL_ROOT && w->placed[i].cert->role == ROLE_ROOT)
            return w->placed[i].cert;
    return NULL;
}

/* A new root is normal when it has the present root's key, or a certificate by the present
 * root says so (RFC 4210 4.4 calls it a link). */
static bool root_normal(struct warrant *w, const struct cert *new)
{
    const struct cert *root = &w->trust->root.at[0];

    if (digest_equal(&new->key_sha256, &root->key_sha256))
        return true;
    for (size_t i = 0; i < w->bundle.n; i++) {
        const struct cert *c = &w->bundle.at[i];

        if (c->role == ROLE_ROOT && !cert_self_signed(c) && cert_issued_by(c, root) &&
            digest_equal(&c->key_sha256, &new->key_sha256) &&
            X509_NAME_cmp(X509_get_subject_name(c->x), X509_get_subject_name(new->x)) == 0)
            w->link = c;
    }
    return w->link != NULL;
}

/* Does cert chain to a root that devices will hold? issuer: the Issuing OCA on the way. */
static bool chains(const struct warrant *w, const struct certs *issuing,
                   const struct cert *cert, int64_t now_us, const struct cert **issuer)
{
    const struct cert *new = new_root_of(w);
    bool present_sound = true;
    struct err why;

    for (size_t i = 0; i < w->authority.n_compromised; i++)
        present_sound &= w->authority.compromised[i].cell != CELL_ROOT ||
                         w->authority.method == METHOD_CONTINGENCY_KEY;
    if (present_sound &&
        cert_chain(cert, issuing, &w->trust->root.at[0], now_us, issuer, &why))
        return true;
    return new != NULL &&cert_chain(cert, issuing, new, now_us, issuer, &why);
}

static void judge_replacements(struct warrant *w, const struct cert *const bad[],
                               const struct certs *issuing, int64_t now_us)
{
    for (size_t i = 0; i < w->n_placed; i++) {
        struct policy_replacement *f = &w->facts.replacements[i];
        struct placed *p = &w->placed[i];
        const struct cert *c = p->cert;

        f->role = (unsigned)c->role;
        f->usage = c->usage;
        f->party = c->eui;
        f->not_before_us = c->not_before_us;
        f->not_after_us = c->not_after_us;
        if (p->cell == CELL_ROOT) {
            f->chains = cert_self_signed(c);
            f->root_normal = root_normal(w, c);
            f->root_wrapped = contingency_present(c);
        } else {
            f->chains = chains(w, issuing, c, now_us, &p->issuer);
        }
        for (size_t k = 0; k < w->authority.n_compromised; k++)
            f->key_compromised |= digest_equal(&bad[k]->key_sha256, &c->key_sha256);
    }
}

/* Default deny: what is neither named nor needed has no business here. */
static bool all_named(const struct warrant *w, struct err *e)
{
    for (size_t i = 0; i < w->bundle.n; i++) {
        const struct cert *c = &w->bundle.at[i];
        bool named = c == w->link;

        for (size_t k = 0; k < w->authority.n_compromised; k++)
            named |= digest_equal(&w->authority.compromised[k].sha256, &c->sha256);
        for (size_t k = 0; k < w->n_placed; k++)
            named |= w->placed[k].cert == c ||
                     (w->placed[k].issuer != NULL &&
                      digest_equal(&w->placed[k].issuer->sha256, &c->sha256));
        if (!named)
            return err_set(e, ERR_DENIED, "cert.unnamed",
                           "%s (serial %s) is given and the document does not name it",
                           c->subject, c->serial);
    }
    return true;
}

static bool open_certificates(struct warrant *w, struct span pem, int64_t now_us,
                              struct err *e)
{
    const struct cert *bad[AUTHORITY_CERTS_MAX] = {NULL};
    struct certs issuing; /* borrowed copies: the machine's, then the bundle's */

    if (!certs_read(pem, "certificates", &w->bundle, e) || !find_compromised(w, bad, e) ||
        !find_replacements(w, e))
        return false;
    issuing = w->trust->issuing;
    for (size_t i = 0; i < w->bundle.n && issuing.n < CERTS_MAX; i++)
        if (w->bundle.at[i].role == ROLE_ISSUING_AUTHORITY)
            issuing.at[issuing.n++] = w->bundle.at[i];
    judge_replacements(w, bad, &issuing, now_us);
    /* The copies end with this function: point at the originals. */
    for (size_t i = 0; i < w->n_placed; i++)
        if (w->placed[i].issuer != NULL)
            w->placed[i].issuer = find_cert(w, &w->placed[i].issuer->sha256);
    for (size_t i = 0; i < w->authority.n_compromised; i++)
        if (w->facts.key_known &&
            digest_equal(&bad[i]->key_sha256, &warrant_key_cert(w)->key_sha256))
            w->facts.key_compromised = true;
    return true;
}

/* --- opening: key, machine, roster --- */

static void key_facts(struct warrant *w)
{
    const struct config *c = w->trust->config;
    const struct config_authority *who = config_authority_find(c, w->authority.by);
    const struct config_key *key = config_key_find(c, w->authority.key);
    struct policy_facts *f = &w->facts;

    f->service_exercise = c->service.exercise;
    f->max_window_s = who->max_window_s;
    f->load_cells = c->command.load_cells;
    f->by_organisation = who->organisation[0] != '\0';
    if (f->by_organisation && !eui64_parse(who->organisation, strlen(who->organisation),
                                           &f->authority_organisation))
        f->authority_organisation = (struct eui64){{0}};
    for (size_t i = 0; i < c->n_keys; i++)
        if (w->trust->keys[i].present && w->trust->keys[i].cert.at[0].role == ROLE_ACB) {
            f->has_acb = true;
            f->acb_party = w->trust->keys[i].cert.at[0].eui;
        }
    if (key == NULL)
        return;
    w->key = (size_t)(key - c->keys);
    f->key_authority_same = strcmp(key->authority, w->authority.by) == 0;
    f->key_known = w->trust->keys[w->key].present;
    if (!f->key_known)
        return;
    f->key_certificate_same =
        digest_equal(&warrant_key_cert(w)->sha256, &w->authority.key_certificate);
    f->key_role = (unsigned)warrant_key_cert(w)->role;
    f->key_usage = warrant_key_cert(w)->usage;
    f->key_party = warrant_key_cert(w)->eui;
}

static void roster_facts(struct warrant *w)
{
    w->facts.roster_same = true; /* check_roster */
    w->facts.roster_rows = w->roster->n_rows;
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (w->roster->by_type[t] > 0)
            w->facts.roster_types |= DEVICE_BIT(t);
    w->facts.commissioned = w->roster->by_status[STATUS_COMMISSIONED] > 0;
}

/* What a PPMID of the list would get; known once the replacements are. */
static void ppmid_facts(struct warrant *w)
{
    if (w->roster->by_type[DEVICE_PPMID] > 0)
        w->facts.ppmid_cells = w->cells & gbcs_device(DEVICE_PPMID)->cells;
}

/* A document that nobody has signed yet is judged like any other, but for who signed. */
static bool read_document(struct warrant *w, const struct warrant_parts *p, int64_t now_us,
                          struct err *e)
{
    if (p->draft.len == 0 || p->signing)
        return trust_judge(w->trust, p->cms, NULL, now_us, &w->authority, NULL, e);
    w->draft = true;
    if (!authority_parse(p->draft, &w->authority, e))
        return false;
    return config_authority_find(w->trust->config, w->authority.by) != NULL ||
           err_set(e, ERR_DENIED, "decision.addressee",
                   "member by: no authority \"%s\" is configured", w->authority.by);
}

/* The key's certificate must stand in the Organisation tree; the contingency key's public
 * half must be the one wrapped in the present root. */
static bool check_key(struct warrant *w, int64_t now_us, struct err *e)
{
    const struct cert *root = &w->trust->root.at[0];
    struct span symmetric = span_of(w->symmetric_key, w->symmetric_key_len);
    struct point point;

    if (w->authority.mode != MODE_ANY_BY_CONTINGENCY) {
        if (!cert_chain(warrant_key_cert(w), &w->trust->issuing, root, now_us, NULL, e))
            return err_wrap(e, "key \"%s\"", w->authority.key);
        return true;
    }
    if (symmetric.len == 0) /* not released yet: nothing to open the root with */
        return true;
    if (!contingency_unwrap(root, symmetric, &point, e))
        return false;
    if (memcmp(point.b, warrant_key_cert(w)->point.b, sizeof point.b) != 0)
        return err_set(e, ERR_DENIED, "contingency.key",
                       "key \"%s\" is not the contingency key of the present root",
                       w->authority.key);
    return true;
}

static bool take_symmetric_key(struct warrant *w, const struct warrant_parts *p,
                               struct err *e)
{
    struct span key = p->symmetric_key;
    struct digest d = digest_of(key, span_of(NULL, 0));

    if (p->unreleased && !p->signing && key.len == 0 &&
        w->authority.mode == MODE_ANY_BY_CONTINGENCY) {
        w->facts.symmetric_key_same = w->authority.has_symmetric_key;
        return true;
    }
    if (key.len > sizeof w->symmetric_key ||
        (key.len > 0) != (w->authority.mode == MODE_ANY_BY_CONTINGENCY))
        return err_set(e, ERR_DENIED, "contingency.symmetric-key",
                       "the Symmetric Key belongs to mode 9 and to no other");
    if (key.len > 0)
        memcpy(w->symmetric_key, key.at, key.len);
    w->symmetric_key_len = key.len;
    w->facts.symmetric_key_same = w->authority.has_symmetric_key && key.len > 0 &&
                                  digest_equal(&d, &w->authority.symmetric_key_sha256);
    return true;
}

/* Custodians must have switched the key on for this very decision. */
static bool check_activation(struct warrant *w, const struct warrant_parts *p,
                             int64_t now_us, struct err *e)
{
    if (!p->signing ||
        !activation_needed(w->trust->config, w->authority.by, &w->facts.custodians_needed))
        return true;
    if (!activation_open(w->trust, p->activation, &w->authority, now_us, &w->activation, e))
        return false;
    w->facts.custodians_present = (uint32_t)w->activation.custodians;
    return true;
}

static bool judge(struct warrant *w, int64_t now_us, struct err *e)
{
    struct verdict v;

    w->facts.signing = true;
    w->facts.attempt = 1;
    ppmid_facts(w);
    policy_judge(&w->facts, now_us, &v);
    if (v.allowed)
        return true;
    return err_set(e, ERR_DENIED, v.failed[0].id, "%s", v.failed[0].why);
}

static bool open_all(struct warrant *w, const struct warrant_parts *p, int64_t now_us,
                     struct err *e)
{
    if (!read_document(w, p, now_us, e))
        return false;
    if (w->authority.kind == KIND_ACTIVATION || w->authority.outcome != AUTHORITY_AUTHORISE)
        return err_set(e, ERR_DENIED, "decision.outcome",
                       "a document of kind %s and outcome %s lets nothing be signed",
                       authority_kind_name(w->authority.kind),
                       authority_outcome_name(w->authority.outcome));
    policy_facts_of(&w->authority, &w->facts);
    if (!warrant_live(w, now_us, e) || !check_roster(w, e))
        return false;
    key_facts(w);
    roster_facts(w);
    return check_activation(w, p, now_us, e) && take_symmetric_key(w, p, e) &&
           open_certificates(w, p->certs_pem, now_us, e) && judge(w, now_us, e) &&
           all_named(w, e) && check_key(w, now_us, e);
}

bool warrant_open(const struct trust *t, const struct warrant_parts *p, int64_t now_us,
                  struct warrant **out, struct err *e)
{
    struct warrant *w = calloc(1, sizeof *w);

    if (w == NULL)
        return err_set(e, ERR_STORE, "store.memory", "warrant: out of memory");
    w->trust = t;
    w->roster = p->roster;
    if (!open_all(w, p, now_us, e)) {
        warrant_free(w);
        return false;
    }
    *out = w;
    return true;
}

void warrant_free(struct warrant *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->n_templates; i++)
        cs02b_template_free(w->templates[i].template);
    certs_done(&w->bundle);
    free(w->wrapped);
    OPENSSL_cleanse(w->symmetric_key, sizeof w->symmetric_key);
    free(w);
}

/* --- asking --- */

const struct authority *warrant_authority(const struct warrant *w)
{
    return &w->authority;
}

size_t warrant_key(const struct warrant *w)
{
    return w->key;
}

const struct cert *warrant_key_cert(const struct warrant *w)
{
    return &w->trust->keys[w->key].cert.at[0];
}

uint32_t warrant_rows(const struct warrant *w)
{
    return w->roster->n_rows;
}

const struct digest *warrant_activation(const struct warrant *w)
{
    return w->activation.given ? &w->activation.digest : NULL;
}

bool warrant_live(const struct warrant *w, int64_t now_us, struct err *e)
{
    char from[CLOCK_TEXT_LEN], to[CLOCK_TEXT_LEN];

    if (now_us >= w->authority.valid_from_us && now_us <= w->authority.valid_to_us)
        return activation_live(&w->activation, now_us, e);
    clock_text(w->authority.valid_from_us, from);
    clock_text(w->authority.valid_to_us, to);
    return err_set(e, ERR_DENIED,
                   now_us < w->authority.valid_from_us ? "decision.early"
                                                       : "decision.window",
                   "valid from %s to %s", from, to);
}
