/* SPDX-License-Identifier: MIT
 *
 * The papers of an incident: rosters, certificates, decisions.
 */
#include "audit.h"
#include "docket.h"
#include "mem.h"
#include "rosters.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct latest {
    struct digest sha256;
    uint32_t rows;
    bool found;
};

static bool take_latest(void *arg, const struct store_row *r)
{
    struct latest *l = arg;
    struct span b = store_blob(r, 0);

    l->found = b.len == sizeof l->sha256.b;
    if (l->found)
        memcpy(l->sha256.b, b.at, b.len);
    l->rows = (uint32_t)store_i64(r, 1);
    return false;
}

bool docket_roster(struct store *s, const char *incident, struct digest *sha256,
                   uint32_t *rows, bool *found, struct err *e)
{
    struct latest l = {0};

    if (!store_each(s, take_latest, &l, e,
                    "SELECT sha256, rows FROM roster WHERE incident = ?1"
                    " ORDER BY version DESC LIMIT 1",
                    "t", incident))
        return false;
    *sha256 = l.sha256;
    *rows = l.rows;
    *found = l.found;
    return true;
}

bool docket_put_roster(const struct docket *d, const char *incident, const struct roster *r,
                       const char *who, struct err *e)
{
    json_t *types = json_object();
    AUTO(mem) char *text = NULL;
    char hex[HEX_LEN(32)];
    int64_t version = 0;
    bool found;

    for (size_t t = 0; t < DEVICE_COUNT; t++)
        if (r->by_type[t] > 0)
            (void)json_object_set_new(types, gbcs_device((enum device_type)t)->name,
                                      json_integer(r->by_type[t]));
    text = json_dumps(types, JSON_COMPACT);
    json_decref(types);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    hex_encode_lower(r->digest.b, 32, hex);
    return store_number(d->store, &version, &found, e,
                        "SELECT max(version) FROM roster WHERE incident = ?1", "t",
                        incident) &&
           store_run(d->store, e,
                     "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     "tibiti", incident, version + 1, span_of(r->digest.b, 32),
                     (int64_t)r->n_rows, text, d->now_us) &&
           audit_put(d->store, d->now_us, "ROSTER_RECEIVED", incident, who, e,
                     "{s:s,s:I,s:I}", "sha256", hex, "count", (long long)r->n_rows,
                     "version", (long long)version + 1);
}

static bool take_blob(void *arg, const struct store_row *r)
{
    struct span *out = arg;
    struct span b = store_blob(r, 0);
    uint8_t *p = malloc(b.len ? b.len : 1);

    if (p != NULL) {
        if (b.len > 0)
            memcpy(p, b.at, b.len);
        *out = span_of(p, b.len);
    }
    return false;
}

bool docket_bundle(struct store *s, const char *incident, struct span *pem, struct err *e)
{
    *pem = (struct span){NULL, 0};
    return store_each(s, take_blob, pem, e, "SELECT pem FROM bundle WHERE incident = ?1",
                      "t", incident);
}

bool docket_put_bundle(const struct docket *d, const char *incident, struct span pem,
                       const char *who, struct err *e)
{
    struct digest sum = digest_of(pem, (struct span){NULL, 0});
    char hex[HEX_LEN(32)];

    hex_encode_lower(sum.b, 32, hex);
    return store_run(d->store, e,
                     "INSERT INTO bundle (incident, pem, at_us) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (incident) DO UPDATE SET pem = excluded.pem,"
                     " at_us = excluded.at_us",
                     "tbi", incident, pem, d->now_us) &&
           audit_put(d->store, d->now_us, "CERTIFICATES_RECEIVED", incident, who, e,
                     "{s:s,s:I}", "sha256", hex, "octets", (long long)pem.len);
}

/* --- the same device in two incidents --- */

struct other {
    const struct docket *d;
    const char *incident;
    const struct roster *r;
    uint32_t n;
    char *where;
    struct err *e;
    bool ok;
};

/* Both lists ascend: walk them side by side. */
static void intersect(struct other *o, const struct roster *b, const char *name)
{
    struct roster_row x;
    struct roster_row y;
    uint32_t i = 0;
    uint32_t k = 0;

    while (i < o->r->n_rows && k < b->n_rows) {
        int order;

        roster_get(o->r, i, &x);
        roster_get(b, k, &y);
        order = eui64_cmp(&x.device, &y.device);
        if (order == 0) {
            if (o->n++ == 0) {
                char hex[HEX_LEN(8)];

                hex_encode(x.device.b, 8, hex);
                (void)snprintf(o->where, 128, "device %s is in open incident %.64s", hex,
                               name);
            }
            i++;
            k++;
        } else if (order < 0) {
            i++;
        } else {
            k++;
        }
    }
}

static bool other_roster(void *arg, const struct store_row *row)
{
    struct other *o = arg;
    struct span b = store_blob(row, 1);
    struct digest sha256;
    struct roster r;

    if (b.len != sizeof sha256.b)
        return true;
    memcpy(sha256.b, b.at, b.len);
    o->ok = rosters_open(o->d->roster_dir, &sha256, &r, o->e);
    if (!o->ok)
        return false;
    intersect(o, &r, store_text(row, 0));
    roster_done(&r);
    return true;
}

bool docket_elsewhere(const struct docket *d, const char *incident, const struct roster *r,
                      uint32_t *n, char where[128], struct err *e)
{
    struct other o = {d, incident, r, 0, where, e, true};

    where[0] = '\0';
    if (!store_each(d->store, other_roster, &o, e,
                    "SELECT roster.incident, roster.sha256 FROM roster JOIN incident"
                    " ON incident.id = roster.incident WHERE roster.incident != ?1"
                    " AND incident.state != 'CLOSED' AND version = (SELECT max(version)"
                    " FROM roster AS later WHERE later.incident = roster.incident)",
                    "t", incident))
        return false;
    *n = o.n;
    return o.ok;
}

/* --- decisions --- */

static const char *const states[] = {"live", "superseded", "void"};

const char *docket_decision_state_name(enum decision_state s)
{
    return (unsigned)s < 3 ? states[s] : "unknown";
}

struct get {
    struct docket_decision *out;
    bool found;
};

static bool take_decision(void *arg, const struct store_row *r)
{
    struct get *g = arg;
    struct docket_decision *o = g->out;

    memset(o, 0, sizeof *o);
    if (store_blob(r, 0).len == 32)
        memcpy(o->digest.b, store_blob(r, 0).at, 32);
    (void)snprintf(o->id, sizeof o->id, "%s", store_text(r, 1));
    (void)snprintf(o->incident, sizeof o->incident, "%s", store_text(r, 2));
    (void)snprintf(o->outcome, sizeof o->outcome, "%s", store_text(r, 3));
    (void)snprintf(o->key, sizeof o->key, "%s", store_text(r, 4));
    o->state = strcmp(store_text(r, 5), "live") == 0         ? DECISION_LIVE
               : strcmp(store_text(r, 5), "superseded") == 0 ? DECISION_SUPERSEDED
                                                             : DECISION_VOID;
    o->at_us = store_i64(r, 6);
    g->found = true;
    return false;
}

#define DECISION "SELECT sha256, id, incident, outcome, key, state, at_us FROM decision"

bool docket_decision(struct store *s, const char *incident, const char *id,
                     struct docket_decision *out, struct err *e)
{
    struct get g = {out, false};

    if (!store_each(s, take_decision, &g, e, DECISION " WHERE incident = ?1 AND id = ?2",
                    "tt", incident, id))
        return false;
    if (!g.found)
        return err_set(e, ERR_MISSING, "decision.none", "incident %s has no decision %s",
                       incident, id);
    return true;
}

bool docket_decision_by_digest(struct store *s, const struct digest *digest,
                               struct docket_decision *out, bool *found, struct err *e)
{
    struct get g = {out, false};

    if (!store_each(s, take_decision, &g, e, DECISION " WHERE sha256 = ?1", "b",
                    span_of(digest->b, 32)))
        return false;
    *found = g.found;
    return true;
}

bool docket_authorised(struct store *s, const char *incident, struct docket_decision *out,
                       bool *found, struct err *e)
{
    struct get g = {out, false};

    if (!store_each(s, take_decision, &g, e,
                    DECISION
                    " WHERE incident = ?1 AND state = 'live' AND outcome = 'authorise'"
                    " AND json_extract(json, '$.kind') = 'decision'"
                    " ORDER BY at_us DESC LIMIT 1",
                    "t", incident))
        return false;
    *found = g.found;
    return true;
}

bool docket_put_decision(const struct docket *d, const struct authority *a, struct span cms,
                         struct span json, const char *verdict_json, const char *who,
                         struct err *e)
{
    AUTO(mem) char *text = strndup((const char *)json.at, json.len);
    struct digest seen;
    json_t *verdict;
    char hex[HEX_LEN(32)];
    int64_t n = 0;
    bool found;
    bool ok;

    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!store_number(d->store, &n, &found, e,
                      "SELECT count(*) FROM decision WHERE (incident = ?1 AND id = ?2)"
                      " OR sha256 = ?3",
                      "ttb", a->incident, a->id, span_of(a->digest.b, 32)))
        return false;
    seen = a->digest;
    hex_encode_lower(seen.b, 32, hex);
    if (n > 0)
        return err_set(
            e, ERR_DENIED, "decision.again",
            "decision %s of incident %s is on file; a changed decision is a new one "
            "that supersedes it",
            a->id, a->incident);
    verdict = json_loads(verdict_json, 0, NULL);
    ok = store_run(
             d->store, e,
             "INSERT INTO decision (sha256, id, incident, outcome, state, supersedes, key,"
             " cms, json, verdict, at_us, actor)"
             " VALUES (?1, ?2, ?3, ?4, 'live', ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
             "bttttt"
             "bttit",
             span_of(a->digest.b, 32), a->id, a->incident,
             a->kind == KIND_ACTIVATION ? "activation" : authority_outcome_name(a->outcome),
             a->supersedes, a->key, cms, text, verdict_json, d->now_us, who) &&
         audit_put(d->store, d->now_us, "DOCUMENT_ACCEPTED", a->incident, who, e,
                   "{s:s,s:s,s:s,s:s,s:s,s:O*}", "id", a->id, "kind",
                   authority_kind_name(a->kind), "outcome",
                   authority_outcome_name(a->outcome), "sha256", hex, "supersedes",
                   a->supersedes, "signers", verdict);
    json_decref(verdict);
    return ok;
}

bool docket_void_decisions(struct store *s, const char *incident, const struct digest *but,
                           enum decision_state to, struct err *e)
{
    return store_run(s, e,
                     "UPDATE decision SET state = ?3 WHERE incident = ?1 AND sha256 != ?2"
                     " AND state = 'live' AND outcome IN ('authorise', 'activation')",
                     "tbt", incident, span_of(but->b, 32), docket_decision_state_name(to));
}

bool docket_void_activations(const struct docket *d, const char *incident, const char *who,
                             struct err *e)
{
    struct docket_decision a;
    struct get g = {&a, true};
    char hex[HEX_LEN(32)];

    while (g.found) {
        g.found = false;
        if (!store_each(d->store, take_decision, &g, e,
                        DECISION " WHERE incident = ?1 AND state = 'live'"
                                 " AND outcome = 'activation' LIMIT 1",
                        "t", incident))
            return false;
        if (!g.found)
            break;
        hex_encode_lower(a.digest.b, 32, hex);
        if (!store_run(d->store, e, "UPDATE decision SET state = 'void' WHERE sha256 = ?1",
                       "b", span_of(a.digest.b, 32)) ||
            !audit_put(d->store, d->now_us, "ACTIVATION_VOIDED", incident, who, e,
                       "{s:s,s:s}", "id", a.id, "sha256", hex))
            return false;
    }
    return true;
}
