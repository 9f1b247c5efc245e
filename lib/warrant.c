/* SPDX-License-Identifier: MIT */
#include "warrant.h"
#include "clock.h"
#include "contingency.h"
#include "mac.h"
#include "mem.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>

#include <string.h>

#define SYMMETRIC_MAX 64
#define TEMPLATES_MAX 32 /* combinations of cells kept ready */

struct placed { /* one replacement */
    enum cell cell;
    const struct cert *cert;   /* in bundle */
    const struct cert *issuer; /* the Issuing OCA that goes along; NULL: none */
};

struct warrant {
    const struct trust *trust;
    const struct roster *roster;
    struct authority authority;
    struct policy_facts facts;
    size_t key;
    struct certs bundle;
    const struct cert *link; /* from the present root to the new one; NULL: none */
    struct placed placed[AUTHORITY_CERTS_MAX];
    size_t n_placed;
    uint32_t cells;                         /* of placed */
    struct key_id old[AUTHORITY_CERTS_MAX]; /* of the compromised certificates */
    size_t n_old;
    uint8_t symmetric_key[SYMMETRIC_MAX];
    size_t symmetric_key_len;
    struct {
        uint32_t cells;
        struct cs02b_template *template;
    } templates[TEMPLATES_MAX];
    size_t n_templates, next_out;
    uint8_t *wrapped; /* a command with its MAC around it */
};

/* --- opening: the authority --- */

static bool open_authority(struct warrant *w, struct span cms, int64_t now_us,
                           struct err *e)
{
    const struct config *c = w->trust->config;
    AUTO(mem) struct authority *draft = malloc(sizeof *draft);
    struct span json;
    bool ok;

    if (draft == NULL)
        return err_set(e, ERR_STORE, "store.memory", "warrant: out of memory");
    /* Who is addressed stands inside; it is believed only after that authority's own
     * anchor and quorum have spoken for the same octets. */
    if (!authority_content(cms, &json, e))
        return false;
    ok = authority_parse(json, draft, e);
    free((void *)(uintptr_t)json.at);
    if (!ok)
        return false;
    for (size_t i = 0; i < c->n_authorities; i++)
        if (strcmp(c->authorities[i].name, draft->by) == 0)
            return authority_open(cms, &c->authorities[i], w->trust->anchors[i], now_us,
                                  &w->authority, e);
    return err_set(e, ERR_DENIED, "decision.addressee",
                   "the document is by \"%s\", whom this machine does not know", draft->by);
}

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
    const struct cert *bad[AUTHORITY_CERTS_MAX];
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
    if (!contingency_unwrap(root, symmetric, &point, e))
        return false;
    if (memcmp(point.b, warrant_key_cert(w)->point.b, sizeof point.b) != 0)
        return err_set(e, ERR_DENIED, "contingency.key",
                       "key \"%s\" is not the contingency key of the present root",
                       w->authority.key);
    return true;
}

static bool take_symmetric_key(struct warrant *w, struct span key, struct err *e)
{
    struct digest d = digest_of(key, span_of(NULL, 0));

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

static bool judge(struct warrant *w, int64_t now_us, struct err *e)
{
    struct verdict v;

    w->facts.signing = true;
    w->facts.attempt = 1;
    policy_judge(&w->facts, now_us, &v);
    if (v.allowed)
        return true;
    return err_set(e, ERR_DENIED, v.failed[0].id, "%s", v.failed[0].why);
}

static bool open_all(struct warrant *w, const struct warrant_parts *p, int64_t now_us,
                     struct err *e)
{
    if (!open_authority(w, p->cms, now_us, e))
        return false;
    if (w->authority.kind == KIND_ACTIVATION || w->authority.outcome != OUTCOME_AUTHORISE)
        return err_set(e, ERR_DENIED, "decision.outcome",
                       "a document of kind %s and outcome %s lets nothing be signed",
                       kind_name(w->authority.kind), outcome_name(w->authority.outcome));
    policy_facts_of(&w->authority, &w->facts);
    if (!warrant_live(w, now_us, e) || !check_roster(w, e))
        return false;
    key_facts(w);
    roster_facts(w);
    return take_symmetric_key(w, p->symmetric_key, e) &&
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

void warrant_facts(const struct warrant *w, struct policy_facts *out)
{
    *out = w->facts;
}

bool warrant_live(const struct warrant *w, int64_t now_us, struct err *e)
{
    char from[CLOCK_TEXT_LEN], to[CLOCK_TEXT_LEN];

    if (now_us >= w->authority.valid_from_us && now_us <= w->authority.valid_to_us)
        return true;
    clock_text(w->authority.valid_from_us, from);
    clock_text(w->authority.valid_to_us, to);
    return err_set(e, ERR_DENIED, "decision.window", "valid from %s to %s", from, to);
}

/* A compromised root takes along what hangs below it, so other old certificates may be
 * there. */
static bool old_named(const struct warrant *w, const struct roster_row *row)
{
    for (size_t i = 0; i < row->n_old; i++) {
        bool named = w->authority.method == METHOD_CONTINGENCY;

        for (size_t k = 0; !named && k < w->n_old; k++)
            named = memcmp(&w->old[k], &row->old[i], sizeof w->old[k]) == 0;
        if (!named)
            return false;
    }
    return true;
}

bool warrant_row(const struct warrant *w, uint32_t i, struct roster_row *row, struct err *e)
{
    uint32_t held;

    if (i >= w->roster->n_rows)
        return err_set(e, ERR_INPUT, "row.none", "there is no row %u", i);
    roster_get(w->roster, i, row);
    held = gbcs_device(row->type)->cells;
    if ((w->authority.device_types & DEVICE_BIT(row->type)) == 0)
        return err_set(e, ERR_DENIED, "row.type", "row %u: the document names no %s", i,
                       gbcs_device(row->type)->name);
    if (row->status != STATUS_COMMISSIONED)
        return err_set(e, ERR_DENIED, "row.status",
                       "row %u: the device was %s before the incident", i,
                       status_name(row->status));
    if (row->cells & ~(w->cells & held))
        return err_set(e, ERR_DENIED, "row.cells",
                       "row %u: a cell that the document or the device does not have", i);
    if (!old_named(w, row))
        return err_set(e, ERR_DENIED, "row.old",
                       "row %u: the device holds a certificate that is not notified as "
                       "compromised",
                       i);
    row->cells = row->cells != 0 ? row->cells : w->cells & held;
    if (row->cells == 0)
        return err_set(e, ERR_DENIED, "row.no-cell", "row %u: a %s holds none of the cells",
                       i, gbcs_device(row->type)->name);
    return true;
}

/* --- building --- */

static void add_path(struct cs02b_recipe *r, const struct cert *c)
{
    for (size_t i = 0; i < r->n_path; i++)
        if (span_equal(r->path[i], c->der))
            return;
    if (r->n_path < CS02B_PATH_MAX)
        r->path[r->n_path++] = c->der;
}

/* GBCS 13.3.3: when one role changes the credentials of others, it sets the counter floors
 * of those; the root sends no commands and has none. */
static void add_floor(struct cs02b_recipe *r, const struct config *c, enum cell cell)
{
    const struct cell_row *row = gbcs_cell(cell);
    struct cs02b_floor *f = NULL;

    if (!c->command.has_other_floor || row->role == ROLE_ROOT ||
        row->role == gbcs_cell(gbcs_mode(r->mode)->auth_cell)->role)
        return;
    for (size_t i = 0; i < r->n_others; i++)
        if (r->others[i].role == row->role)
            f = &r->others[i];
    if (f == NULL) {
        f = &r->others[r->n_others++];
        f->role = row->role;
        f->floor = c->command.other_floor;
    }
    if (row->prepayment) {
        f->has_topup = true;
        f->topup = c->command.other_floor;
    }
}

static void fill_recipe(const struct warrant *w, uint32_t cells, struct cs02b_recipe *r)
{
    const struct config *c = w->trust->config;

    memset(r, 0, sizeof *r);
    r->mode = w->authority.mode;
    r->originator = warrant_key_cert(w)->eui;
    r->has_symmetric_key = w->symmetric_key_len > 0;
    r->symmetric_key = span_of(w->symmetric_key, w->symmetric_key_len);
    r->disapply_time = c->command.disapply_time;
    r->has_floor = c->command.has_floor;
    r->floor = c->command.floor;
    for (unsigned cell = 0; cell < CELL_COUNT; cell++)
        for (size_t i = 0; i < w->n_placed; i++) {
            const struct placed *p = &w->placed[i];

            if (p->cell != (enum cell)cell || (cells & CELL_BIT(cell)) == 0)
                continue;
            r->replacements[r->n_replacements].cell = p->cell;
            r->replacements[r->n_replacements++].der = p->cert->der;
            if (p->issuer != NULL)
                add_path(r, p->issuer);
            if (p->cell == CELL_ROOT && w->link != NULL)
                add_path(r, w->link);
            add_floor(r, c, p->cell);
        }
    /* A root alone needs no path, but the list is never empty in published commands. */
    if (r->n_path == 0)
        add_path(r, &w->trust->issuing.at[0]);
}

static bool template_for(struct warrant *w, uint32_t cells, struct cs02b_template **out,
                         struct err *e)
{
    struct cs02b_recipe recipe;
    size_t at;

    for (size_t i = 0; i < w->n_templates; i++)
        if (w->templates[i].cells == cells) {
            *out = w->templates[i].template;
            return true;
        }
    fill_recipe(w, cells, &recipe);
    if (!cs02b_template_new(&recipe, out, e))
        return false;
    if (w->n_templates < TEMPLATES_MAX) {
        at = w->n_templates++;
    } else {
        at = w->next_out++ % TEMPLATES_MAX;
        cs02b_template_free(w->templates[at].template);
    }
    w->templates[at].cells = cells;
    w->templates[at].template = *out;
    return true;
}

bool warrant_digest(struct warrant *w, uint32_t i, uint64_t counter, struct digest *out,
                    struct err *e)
{
    struct cs02b_template *t;
    struct roster_row row;

    if (counter > INT64_MAX)
        return err_set(e, ERR_INPUT, "row.counter", "counter above 9223372036854775807");
    if (!warrant_row(w, i, &row, e) || !template_for(w, row.cells, &t, e))
        return false;
    *out = cs02b_digest(t, &row.device, counter);
    return true;
}

bool warrant_command(struct warrant *w, uint32_t i, uint64_t counter,
                     const struct sig_p256 *sig, struct span *out, struct err *e)
{
    struct cs02b_template *t;
    struct roster_row row;

    if (counter > INT64_MAX)
        return err_set(e, ERR_INPUT, "row.counter", "counter above 9223372036854775807");
    if (!warrant_row(w, i, &row, e) || !template_for(w, row.cells, &t, e))
        return false;
    *out = cs02b_command(t, &row.device, counter, sig);
    return true;
}

/* A compressed P-256 point of the roster, uncompressed. */
static bool uncompress(const uint8_t in[33], struct point *out)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = group != NULL ? EC_POINT_new(group) : NULL;
    bool ok = p != NULL && EC_POINT_oct2point(group, p, in, 33, NULL) == 1 &&
              EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, out->b,
                                 sizeof out->b, NULL) == sizeof out->b;

    EC_POINT_free(p);
    EC_GROUP_free(group);
    return ok;
}

bool warrant_mac(struct warrant *w, uint32_t i, uint64_t counter,
                 const struct sig_p256 *sig, struct token *t, size_t acb_key,
                 uint8_t mac[12], struct err *e)
{
    AUTO(mac_key) struct mac_key key = {{0}};
    struct roster_row row;
    struct mac_secret z;
    struct point device;
    struct span inner;
    bool ok;

    if (!warrant_command(w, i, counter, sig, &inner, e))
        return false;
    roster_get(w->roster, i, &row);
    if (!row.has_ka || !uncompress(row.ka, &device))
        return err_set(e, ERR_DENIED, "row.no-agreement-key",
                       "row %u: the roster has no key-agreement key of the device", i);
    ok = t->ops->agree(t, acb_key, &device, z.b, e) && mac_key_for(inner, &z, &key, e) &&
         mac_tag(inner, &key, mac, e);
    OPENSSL_cleanse(&z, sizeof z);
    return ok;
}

bool warrant_command_mac(struct warrant *w, uint32_t i, uint64_t counter,
                         const struct sig_p256 *sig, const uint8_t mac[12],
                         struct span *out, struct err *e)
{
    struct span inner;

    if (!warrant_command(w, i, counter, sig, &inner, e))
        return false;
    if (w->wrapped == NULL &&
        (w->wrapped = malloc(mac_command_len(CS02B_COMMAND_MAX))) == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!mac_wrap(inner, mac, w->wrapped, e))
        return false;
    *out = span_of(w->wrapped, mac_command_len(inner.len));
    return true;
}
