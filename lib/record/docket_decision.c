/* SPDX-License-Identifier: MIT
 *
 * The documents of an incident: decisions, instructions, activations, and the key that one
 * of them releases.
 */
#include "audit.h"
#include "clock.h"
#include "docket.h"
#include "keys.h"
#include "mem.h"
#include "told.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool docket_last_decision(struct store *s, const char *incident,
                          struct docket_decision *out, bool *found, struct err *e)
{
    struct get g = {out, false};

    if (!store_each(s, take_decision, &g, e,
                    DECISION " WHERE incident = ?1 AND state = 'live' AND outcome IN"
                             " ('authorise', 'refuse', 'abort', 'direct-other')"
                             " ORDER BY at_us DESC, rowid DESC LIMIT 1",
                    "t", incident))
        return false;
    *found = g.found;
    return true;
}

bool docket_cms(struct store *s, const struct digest *digest, struct span *cms,
                struct err *e)
{
    *cms = (struct span){NULL, 0};
    return store_each(s, store_take_blob, cms, e,
                      "SELECT cms FROM decision WHERE sha256 = ?1", "b",
                      span_of(digest->b, 32));
}

bool docket_in_force(struct store *s, const struct digest *digest, struct authority *out,
                     struct err *e)
{
    struct docket_decision d;
    struct span json = {NULL, 0};
    bool found;
    bool ok;

    if (!docket_decision_by_digest(s, digest, &d, &found, e))
        return false;
    if (!found)
        return err_set(e, ERR_MISSING, "decision.none",
                       "the batch's decision is not on file");
    if (d.state != DECISION_LIVE ||
        strcmp(d.outcome, authority_outcome_name(AUTHORITY_AUTHORISE)) != 0)
        return err_set(e, ERR_DENIED, "decision.revoked",
                       "decision %s is %s with outcome %s: nothing is signed under it",
                       d.id, docket_decision_state_name(d.state), d.outcome);
    if (!store_each(s, store_take_blob, &json, e,
                    "SELECT json FROM decision WHERE sha256 = ?1", "b",
                    span_of(digest->b, 32)))
        return false;
    ok = json.at != NULL ? authority_parse(json, out, e)
                         : err_set(e, ERR_STORE, "store.memory", "out of memory");
    free((void *)(uintptr_t)json.at);
    return ok;
}

/* What the document names is on the register, with what the bundle tells of it. */
static bool on_register(const struct docket *d, const struct authority *a, struct err *e)
{
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    struct span pem;
    struct err ignored;
    bool ok;

    if (a->kind == KIND_ACTIVATION || a->outcome != AUTHORITY_AUTHORISE)
        return true;
    if (certs == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!keys_decided(d->store, a, d->now_us, e) ||
        !docket_bundle(d->store, a->incident, &pem, e))
        return false;
    ok = pem.at == NULL || !certs_read(pem, "certificates", certs, &ignored) ||
         keys_learn(d->store, certs, e);
    certs_done(certs);
    free((void *)(uintptr_t)pem.at);
    return ok;
}

bool docket_put_decision(const struct docket *d, const struct authority *a, struct span cms,
                         struct span json, const char *verdict_json, const char *who,
                         struct err *e)
{
    AUTO(mem) char *text = span_text(json);
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
                   a->supersedes, "signers", verdict) &&
         store_run(d->store, e, /* the list that it names counts for good */
                   "UPDATE roster SET named = 1 WHERE incident = ?1 AND sha256 = ?2"
                   " AND state = 'filed'",
                   "tb", a->incident, span_of(a->roster.b, 32)) &&
         on_register(d, a, e);
    json_decref(verdict);
    return ok;
}

bool docket_names(struct docket_incident *i, const struct authority *a)
{
    if (a->kind != KIND_DECISION || a->appointment[0] == '\0' ||
        (a->outcome != AUTHORITY_APPOINT &&
         eui64_cmp(&a->subscriber, &a->replacement_subscriber) == 0))
        return false;
    hex_encode(a->replacement_subscriber.b, sizeof a->replacement_subscriber.b,
               i->replacement);
    return true;
}

bool docket_appoint(const struct docket *d, struct docket_incident *i,
                    const struct authority *a, const char *who, struct err *e)
{
    char before[sizeof i->replacement];

    memcpy(before, i->replacement, sizeof before);
    return !docket_names(i, a) ||
           (store_run(d->store, e, "UPDATE incident SET replacement = ?2 WHERE id = ?1",
                      "tt", i->id, i->replacement) &&
            audit_put(d->store, d->now_us, "REPLACEMENT_APPOINTED", i->id, who, e,
                      "{s:s,s:s,s:s,s:s}", "replacement", i->replacement, "before", before,
                      "document", a->id, "appointment", a->appointment));
}

bool docket_void_decisions(const struct docket *d, const char *incident,
                           const struct digest *but, enum decision_state to, struct err *e)
{
    return told_end(d->store, incident, but, TOLD_ALL, d->now_us, e) &&
           store_run(d->store, e,
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

    if (!told_end(d->store, incident, &(struct digest){{0}}, TOLD_ACTIVATIONS, d->now_us,
                  e))
        return false;
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

struct windows {
    bool (*fn)(void *arg, const struct docket_window *w);
    void *arg;
};

static bool walk_window(void *arg, const struct store_row *r)
{
    const struct windows *all = arg;
    struct docket_window w = {.incident = store_text(r, 0), .decision = store_text(r, 1)};

    return !clock_parse(store_text(r, 2), &w.to_us) || all->fn(all->arg, &w);
}

bool docket_each_window(struct store *s,
                        bool (*fn)(void *arg, const struct docket_window *w), void *arg,
                        struct err *e)
{
    struct windows w = {fn, arg};

    return store_each(
        s, walk_window, &w, e,
        "SELECT incident.id, decision.id, json_extract(decision.json, '$.valid_to')"
        " FROM incident JOIN decision ON decision.incident = incident.id"
        " WHERE incident.state IN ('AUTHORISED', 'CUSTODIANS_CALLED', 'KEY_ACTIVE',"
        " 'EXECUTING', 'TOKEN_LOST') AND decision.state = 'live'"
        " AND decision.outcome = 'authorise'"
        " AND json_extract(decision.json, '$.kind') = 'decision'",
        "");
}

bool docket_put_symmetric(const struct docket *d, const char *incident, struct span key,
                          const char *who, struct digest *sha256, struct err *e)
{
    char hex[HEX_LEN(32)];
    int64_t n = 0;
    bool found;

    *sha256 = digest_of(key, (struct span){NULL, 0});
    hex_encode_lower(sha256->b, 32, hex);
    if (!store_number(d->store, &n, &found, e,
                      "SELECT count(*) FROM decision WHERE incident = ?1 AND state = 'live'"
                      " AND lower(json_extract(json, '$.symmetric_key_sha256')) = ?2",
                      "tt", incident, hex))
        return false;
    if (n == 0)
        return err_set(e, ERR_DENIED, "contingency.symmetric-key",
                       "the decision in force names another Symmetric Key");
    return keys_may_release(d->store, incident, sha256, e) &&
           keys_released(d->store, incident, sha256, d->now_us, e) &&
           store_run(d->store, e,
                     "INSERT INTO symmetric (incident, key, at_us) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (incident) DO UPDATE SET key = excluded.key",
                     "tbi", incident, key, d->now_us) &&
           audit_put(d->store, d->now_us, "SYMMETRIC_KEY_RELEASED", incident, who, e,
                     "{s:s}", "sha256", hex);
}
