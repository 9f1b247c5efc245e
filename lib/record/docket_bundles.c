/* SPDX-License-Identifier: MIT
 *
 * The certificates of an incident, in versions: what was handed in stays, and a bundle with
 * other certificates is a further version that says what it adds and removes.
 */
#include "audit.h"
#include "docket.h"
#include "keys.h"
#include "mem.h"

#include <openssl/pem.h>

#include <stdlib.h>
#include <string.h>

/* --- the latest --- */

bool docket_bundle_version(struct store *s, const char *incident, int64_t version,
                           struct span *pem, struct err *e)
{
    *pem = (struct span){NULL, 0};
    return store_each(s, store_take_blob, pem, e,
                      "SELECT pem FROM bundle WHERE incident = ?1 AND version = ?2", "ti",
                      incident, version);
}

bool docket_bundle(struct store *s, const char *incident, struct span *pem, struct err *e)
{
    *pem = (struct span){NULL, 0};
    return store_each(s, store_take_blob, pem, e,
                      "SELECT pem FROM bundle WHERE incident = ?1 ORDER BY version DESC"
                      " LIMIT 1",
                      "t", incident);
}

/* It, read; none: no certificates. certs_done() is the caller's, also after a failure. */
static bool latest(struct store *s, const char *incident, struct certs *out, struct err *e)
{
    struct span pem;
    bool ok;

    if (!docket_bundle(s, incident, &pem, e))
        return false;
    ok = pem.at == NULL || certs_read(pem, "certificates on file", out, e);
    free((void *)(uintptr_t)pem.at);
    return ok;
}

/* --- a further version --- */

/* Those of one that the other has not: [{"sha256","subject"}]. */
static json_t *without(const struct certs *of, const struct certs *other)
{
    json_t *list = json_array();

    for (size_t i = 0; i < of->n; i++) {
        char hex[HEX_LEN(32)];

        if (certs_find(other, &of->at[i].sha256) != NULL)
            continue;
        hex_encode_lower(of->at[i].sha256.b, 32, hex);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s}", "sha256", hex, "subject", of->at[i].subject));
    }
    return list;
}

static bool take_id(void *arg, const struct store_row *row)
{
    store_copy(row, 0, arg, AUTHORITY_ID_MAX);
    return false;
}

/* Where the ACB's certificates are in place, only a hand-back can still be signed. */
#define SIGNABLE                                                         \
    "state = 'live' AND outcome = 'authorise' AND ((SELECT i.state FROM" \
    " incident AS i WHERE i.id = decision.incident) NOT IN"              \
    " ('ACB_IN_PLACE', 'HANDBACK', 'HANDBACK_TOKEN_LOST')"               \
    " OR json_extract(decision.json, '$.method') = 'handback')"
#define NAMES(list)                                                \
    "EXISTS (SELECT 1 FROM json_each(decision.json, '$." list "')" \
    " WHERE lower(json_extract(value, '$.certificate')) = ?2)"

/* What a document in force names stays, or nothing could be signed under it any more. */
static bool may_go(struct store *s, const char *incident, const json_t *removed,
                   struct err *e)
{
    const json_t *one;
    size_t i;

    json_array_foreach(removed, i, one)
    {
        const char *sha256 = json_string_value(json_object_get(one, "sha256"));
        char id[AUTHORITY_ID_MAX] = "";

        if (!store_each(s, take_id, id, e,
                        "SELECT id FROM decision WHERE incident = ?1 AND " SIGNABLE
                        " AND (" NAMES("replacements") " OR " NAMES("compromised") ")",
                        "tt", incident, sha256))
            return false;
        if (id[0] != '\0')
            return err_set(
                e, ERR_DENIED, "incident.certificate-named",
                "%s names the certificate %.16s... of %.100s, which is not among "
                "these",
                id, sha256, json_string_value(json_object_get(one, "subject")));
    }
    return true;
}

static bool insert(const struct docket *d, const char *incident, int64_t version,
                   struct span pem, size_t n, const json_t *added, const json_t *removed,
                   const char *who, struct err *e)
{
    struct digest sum = digest_of(pem, (struct span){NULL, 0});
    AUTO(mem) char *plus = json_dumps(added, JSON_COMPACT);
    AUTO(mem) char *minus = json_dumps(removed, JSON_COMPACT);
    char hex[HEX_LEN(32)];

    if (plus == NULL || minus == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    hex_encode_lower(sum.b, 32, hex);
    return store_run(d->store, e,
                     "INSERT INTO bundle (incident, version, pem, certificates, added,"
                     " removed, actor, at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                     "tibittti", incident, version, pem, (int64_t)n, plus, minus, who,
                     d->now_us) &&
           audit_put(d->store, d->now_us, "CERTIFICATES_RECEIVED", incident, who, e,
                     "{s:s,s:I,s:I,s:O,s:O}", "sha256", hex, "octets", (long long)pem.len,
                     "version", (long long)version, "added", added, "removed", removed);
}

struct stored {
    int64_t version;
    json_t *added, *removed; /* owned */
};

static bool take_stored(void *arg, const struct store_row *row)
{
    struct stored *v = arg;

    v->version = store_i64(row, 0);
    v->added = json_loads(store_text(row, 1), 0, NULL);
    v->removed = json_loads(store_text(row, 2), 0, NULL);
    return false;
}

static json_t *answer(int64_t version, json_t *added, json_t *removed)
{
    return json_pack("{s:I,s:o,s:o}", "version", (json_int_t)version, "added",
                     added != NULL ? added : json_array(), "removed",
                     removed != NULL ? removed : json_array());
}

bool docket_put_bundle(const struct docket *d, const struct docket_incident *i,
                       struct span pem, const struct certs *given, const char *who,
                       json_t **out, struct err *e)
{
    AUTO(mem) struct certs *now = calloc(1, sizeof *now);
    struct stored v = {0};
    json_t *added;
    json_t *removed;
    bool ok;

    if (now == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_changeable(d->store, i->id, e) ||
        !store_each(d->store, take_stored, &v, e,
                    "SELECT version, added, removed FROM bundle WHERE incident = ?1"
                    " ORDER BY version DESC LIMIT 1",
                    "t", i->id) ||
        !latest(d->store, i->id, now, e)) {
        json_decref(v.added);
        json_decref(v.removed);
        certs_done(now);
        return false;
    }
    added = without(given, now);
    removed = without(now, given);
    certs_done(now);
    if (v.version > 0 && json_array_size(added) == 0 && json_array_size(removed) == 0) {
        json_decref(added);
        json_decref(removed);
        *out = answer(v.version, v.added, v.removed); /* as it was answered then */
        return true;
    }
    json_decref(v.added);
    json_decref(v.removed);
    ok = may_go(d->store, i->id, removed, e) &&
         insert(d, i->id, v.version + 1, pem, given->n, added, removed, who, e) &&
         keys_learn(d->store, given, e);
    *out = answer(v.version + 1, added, removed);
    if (!ok) {
        json_decref(*out);
        *out = NULL;
    }
    return ok;
}

/* --- what one document needs --- */

struct sorted { /* of each certificate: ... */
    const struct certs *certs;
    bool mine[CERTS_MAX]; /* this document names it */
    bool out[CERTS_MAX];  /* others do, or need it, and this one does not */
};

static bool named_by(const struct authority *a, const struct digest *sha256)
{
    for (size_t i = 0; i < a->n_compromised; i++)
        if (digest_equal(&a->compromised[i].sha256, sha256))
            return true;
    for (size_t i = 0; i < a->n_replacements; i++)
        if (digest_equal(&a->replacements[i].sha256, sha256))
            return true;
    return false;
}

static bool named_by_others(struct store *s, const struct authority *a,
                            const struct digest *sha256, bool *named, struct err *e)
{
    char hex[HEX_LEN(32)];
    int64_t n = 0;
    bool found;

    hex_encode_lower(sha256->b, 32, hex);
    if (!store_number(s, &n, &found, e,
                      "SELECT count(*) FROM decision WHERE incident = ?1 AND sha256 != ?3"
                      " AND outcome = 'authorise' AND (" NAMES("replacements") " OR " NAMES(
                          "compromised") ")",
                      "ttb", a->incident, hex, span_of(a->digest.b, 32)))
        return false;
    *named = n > 0;
    return true;
}

/* An authority's certificate is there for those below it; a link between roots, for the root
 * with its key. */
static bool serves(const struct cert *c, const struct cert *leaf)
{
    if (c->role == ROLE_ROOT)
        return leaf->role == ROLE_ROOT && digest_equal(&c->key_sha256, &leaf->key_sha256);
    return c->role == ROLE_ISSUING_AUTHORITY && cert_issued_by(leaf, c);
}

/* What serves only those that go out goes with them. */
static void sort_authorities(struct sorted *o)
{
    const struct certs *certs = o->certs;

    for (size_t i = 0; i < certs->n; i++) {
        bool here = o->mine[i];
        bool there = false;

        for (size_t k = 0; k < certs->n; k++) {
            if (k == i || !(o->mine[k] || o->out[k]) ||
                !serves(&certs->at[i], &certs->at[k]))
                continue;
            here |= o->mine[k];
            there |= o->out[k];
        }
        o->out[i] = o->out[i] || (there && !here);
    }
}

static bool write_rest(const struct sorted *o, struct span *pem, struct err *e)
{
    AUTO(bio) BIO *to = BIO_new(BIO_s_mem());
    bool ok = to != NULL;
    char *at = NULL;
    char *copy;
    long len;

    for (size_t i = 0; ok && i < o->certs->n; i++)
        ok = o->out[i] || PEM_write_bio_X509(to, o->certs->at[i].x) == 1;
    len = ok ? BIO_get_mem_data(to, &at) : 0;
    copy = ok ? malloc((size_t)len + 1) : NULL;
    if (copy == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (len > 0)
        memcpy(copy, at, (size_t)len);
    free((void *)(uintptr_t)pem->at);
    *pem = span_of(copy, (size_t)len);
    return true;
}

bool docket_bundle_for(struct store *s, const struct authority *a, struct span *pem,
                       struct err *e)
{
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    struct sorted o = {.certs = certs};
    bool some = false;
    bool ok;

    if (certs == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_bundle(s, a->incident, pem, e))
        return false;
    if (pem->at == NULL)
        return true;
    ok = certs_read(*pem, "certificates on file", certs, e);
    for (size_t i = 0; ok && i < certs->n; i++) {
        o.mine[i] = named_by(a, &certs->at[i].sha256);
        ok = o.mine[i] || named_by_others(s, a, &certs->at[i].sha256, &o.out[i], e);
        some |= o.out[i];
    }
    if (ok && some) {
        sort_authorities(&o);
        ok = write_rest(&o, pem, e);
    }
    certs_done(certs);
    if (!ok) {
        free((void *)(uintptr_t)pem->at);
        *pem = (struct span){NULL, 0};
    }
    return ok;
}
