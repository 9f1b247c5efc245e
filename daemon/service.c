/* SPDX-License-Identifier: MIT */
#include "service.h"

#include "audit.h"
#include "log.h"
#include "mem.h"
#include "outbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void service_who(const struct request *r, char out[32])
{
    (void)snprintf(out, 32, "uid %u", (unsigned)r->peer.uid);
}

struct docket service_docket(struct service *sv)
{
    struct docket d = {.store = sv->store,
                       .config = &sv->config,
                       .roster_dir = sv->roster_dir,
                       .now_us = clock_now(&sv->clock)};
    struct signers *s = sv->pump != NULL ? pump_signers(sv->pump) : NULL;

    for (unsigned i = 0; s != NULL && i < signers_count(s); i++)
        if (signers_info(s, i)->state == SIGNER_READY)
            d.token_keys |= signers_info(s, i)->keys;
    d.token_silent = s != NULL && !signers_settled(s) && !signers_spoke(s);
    return d;
}

void service_signer_ready(void *arg)
{
    struct service *sv = arg;

    if (sv->server != NULL)
        server_ask_again(sv->server);
}

/*
 * The step asked for a key that no signer has proved: is that the token's last word? A
 * signer that is coming back gets the time that the server gives; one that sits out a pause
 * after a failure is started now, for what it said then may be mended.
 */
static bool wait_for_signer(struct service *sv, const struct request *r, struct err *e)
{
    struct signers *s = pump_signers(sv->pump);

    if (!r->may_wait || signers_settled(s) ||
        (strcmp(e->id, "signer.not-ready") != 0 &&
         strcmp(e->id, incident_guard_rule(GUARD_TOKEN_KEY)) != 0))
        return false;
    if (!r->waited) {
        log_event(LOG_INFO, NULL, &(struct log_fields){.peer = &r->peer},
                  "%s waits for a signer", r->path);
        signers_hasten(s);
    }
    (void)err_set(e, ERR_BUSY, "signer.not-ready", "%s waits for a signer", r->path);
    return true;
}

/* EXECUTING uses the Recovery or Contingency key, HANDBACK the ACB's,
 * and none the other's. */
static bool right_key(const struct service *sv, const struct docket_incident *i,
                      const struct batch *b)
{
    enum signing signing = incident_signing(i->route, i->state);

    for (size_t k = 0; k < sv->config.n_keys; k++)
        if (strcmp(sv->config.keys[k].name, b->key) == 0 && sv->trust.keys[k].present)
            return signing == SIGNING_ACB ? sv->trust.keys[k].cert.at[0].role == ROLE_ACB
                                          : sv->trust.keys[k].cert.at[0].role != ROLE_ACB;
    return false;
}

bool service_allowed(void *arg, const struct batch *b, struct err *e)
{
    struct service *sv = arg;
    struct docket_incident i;
    struct docket_decision d;
    bool found;
    bool ok;

    if (!docket_get(sv->store, b->incident, &i, e))
        return false;
    ok = incident_may_sign(i.route, i.state);
    if (!ok)
        (void)err_set(e, ERR_DENIED, "incident.may-not-sign",
                      "incident %s is %s on route %s: nothing is signed there", i.id,
                      incident_state(i.state)->name, incident_route(i.route)->name);
    if (ok && !right_key(sv, &i, b))
        ok = err_set(e, ERR_DENIED, "incident.may-not-sign",
                     "incident %s is %s: that is no state for key %s", i.id,
                     incident_state(i.state)->name, b->key);
    docket_incident_done(&i);
    if (!ok || !docket_decision_by_digest(sv->store, &b->decision, &d, &found, e))
        return false;
    if (!found || d.state != DECISION_LIVE)
        return err_set(e, ERR_DENIED, "decision.revoked",
                       "decision %s of incident %s is %s", found ? d.id : "?", b->incident,
                       found ? docket_decision_state_name(d.state) : "not on file");
    return true;
}

/* The service's own step, in a transaction of its own; no place for it: nothing happens. */
static bool own_step(struct service *sv, const char *incident, enum event event,
                     struct err *e)
{
    struct docket d = service_docket(sv);
    struct docket_step step = {
        .event = event, .actor = ACTOR_SYSTEM, .who = AUDIT_ACTOR_SYSTEM};
    struct docket_incident i;
    struct incident_move move;
    bool ok = true;

    if (!docket_get(sv->store, incident, &i, e))
        return false;
    if (incident_next(i.route, i.state, event) != NULL) {
        ok = store_begin(sv->store, e);
        if (ok &&
            (!docket_take_step(&d, &i, &step, &move, e) || !store_commit(sv->store, e))) {
            store_rollback(sv->store);
            ok = e->code != ERR_STORE; /* a guard said no: the state stands */
        }
    }
    docket_incident_done(&i);
    return ok;
}

static void store_trouble(struct service *sv, const struct err *e)
{
    log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = e},
              "the service stops: %s", e->text);
    (void)sd_event_exit(sv->loop, 1);
}

/* A batch left the engine: does the incident move with it? */
void service_batch_ended(void *arg, int64_t batch)
{
    struct service *sv = arg;
    struct batch b;
    struct err e;
    bool ok = queue_get(sv->store, batch, &b, &e);

    if (ok && b.state == BATCH_HELD && strcmp(b.rule, "token.lost") == 0)
        ok = own_step(sv, b.incident, EVENT_LOSE_TOKEN, &e);
    else if (ok && b.state == BATCH_STOPPED && strcmp(b.rule, "decision.window") == 0)
        ok = own_step(sv, b.incident, EVENT_EXPIRE, &e);
    if (!ok)
        store_trouble(sv, &e);
}

static bool take_digest(void *arg, const struct store_row *row)
{
    struct span b = store_blob(row, 0);

    if (b.len == 32)
        memcpy(*(struct digest **)arg, b.at, 32);
    *(struct digest **)arg = NULL; /* found */
    return false;
}

bool service_revoked(void *arg, size_t n, struct digest *out)
{
    struct service *sv = arg;
    struct err e;

    if (!store_each(sv->store, take_digest, &out, &e,
                    "SELECT sha256 FROM decision JOIN incident"
                    " ON incident.id = decision.incident WHERE decision.state != 'live'"
                    " AND incident.state != 'CLOSED'"
                    " AND outcome IN ('authorise', 'activation')"
                    " ORDER BY at_us, sha256 LIMIT 1 OFFSET ?1",
                    "i", (int64_t)n))
        store_trouble(sv, &e);
    return out == NULL;
}

struct expired {
    struct service *sv;
    char ids[64][AUTHORITY_ID_MAX];
    size_t n;
};

static bool note_expired(void *arg, const struct store_row *row)
{
    struct expired *x = arg;
    int64_t to;

    if (clock_parse(store_text(row, 1), &to) && clock_now(&x->sv->clock) >= to && x->n < 64)
        (void)snprintf(x->ids[x->n++], sizeof x->ids[0], "%s", store_text(row, 0));
    return true;
}

void service_notices(struct service *sv)
{
    struct err e;

    if (outbox_flush(sv->store, sv->outbox_dir, &e))
        return;
    if (store_failed(sv->store))
        store_trouble(sv, &e);
    else
        log_event(LOG_ERR, NULL, &(struct log_fields){.err = &e},
                  "notices wait in the queue: %s", e.text);
}

void service_tick(struct service *sv)
{
    AUTO(mem) struct expired *x = calloc(1, sizeof *x);
    struct err e;

    if (x == NULL)
        return;
    x->sv = sv;
    service_notices(sv);
    if (!service_refusals(sv, false, &e) || !service_deadlines(sv, &e)) {
        store_trouble(sv, &e);
        return;
    }
    if (!store_each(
            sv->store, note_expired, x, &e,
            "SELECT incident.id, json_extract(decision.json, '$.valid_to')"
            " FROM incident JOIN decision ON decision.incident = incident.id"
            " WHERE incident.state IN ('AUTHORISED', 'CUSTODIANS_CALLED', 'KEY_ACTIVE',"
            " 'EXECUTING', 'TOKEN_LOST') AND decision.state = 'live'"
            " AND decision.outcome = 'authorise'"
            " AND json_extract(decision.json, '$.kind') = 'decision'",
            "")) {
        store_trouble(sv, &e);
        return;
    }
    for (size_t i = 0; i < x->n; i++) {
        bool open = false;

        /* a batch under it stops by itself, before its next row */
        if (!queue_open(sv->store, x->ids[i], &open, &e) ||
            (!open && !own_step(sv, x->ids[i], EVENT_EXPIRE, &e))) {
            store_trouble(sv, &e);
            return;
        }
    }
}

void service_refused(void *arg, const struct request *r, const struct err *why)
{
    struct service *sv = arg;
    const char *incident = sv->about;
    int64_t seq;
    char who[32];
    struct err e;

    if (!refusals_admit(&sv->refusals, r->peer.uid, r->peer.roles != 0, why->id,
                        clock_now(&sv->clock))) {
        sv->about[0] = '\0';
        return; /* one of too many: it goes into the sum of this minute */
    }
    if (strncmp(r->path, "/v1/incidents/", 14) == 0 && r->n_args > 0)
        incident = r->args[0];
    /* reading what one may not read changes nothing, but who tried is worth a record */
    service_who(r, who);
    if (!store_begin(sv->store, &e) ||
        !audit_put(sv->store, clock_now(&sv->clock), "REFUSED", incident, who, &e,
                   "{s:s,s:s,s:s,s:s}", "rule", why->id, "text", why->text, "request",
                   r->path, "method", request_verb_name(r->verb)) ||
        !audit_last(sv->store, &seq, &e) ||
        !store_run(sv->store, &e, "INSERT INTO refused (incident, seq) VALUES (?1, ?2)",
                   "ti", incident, seq) ||
        !store_commit(sv->store, &e)) {
        store_rollback(sv->store);
        log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = &e},
                  "the service stops: %s", e.text);
        (void)sd_event_exit(sv->loop, 1);
    }
    sv->about[0] = '\0';
}

static bool put_sum(struct service *sv, const struct refusals_sum *sum, struct err *e)
{
    char who[32] = "others";
    json_t *rules = json_object();

    if (sum->uid != REFUSALS_OTHERS)
        (void)snprintf(who, sizeof who, "uid %u", (unsigned)sum->uid);
    for (size_t i = 0; i < sum->n_rules; i++)
        (void)json_object_set_new(rules, sum->rules[i].rule,
                                  json_integer((json_int_t)sum->rules[i].n));
    if (!store_begin(sv->store, e)) {
        json_decref(rules);
        return false;
    }
    if (audit_put(sv->store, clock_now(&sv->clock), "REFUSED_MORE", "", who, e,
                  "{s:I,s:o,s:o}", "count", (json_int_t)sum->summed, "rules", rules,
                  "since", service_time(sum->since_us)) &&
        store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}

bool service_refusals(struct service *sv, bool everything, struct err *e)
{
    struct refusals_sum sum;

    while (refusals_take(&sv->refusals, clock_now(&sv->clock), everything, &sum))
        if (!put_sum(sv, &sum, e))
            return false;
    return true;
}

/* --- one changing request --- */

struct stored {
    struct reply *out;
    const struct digest *what;
    bool found, same, no_memory;
};

static bool take_stored(void *arg, const struct store_row *row)
{
    struct stored *s = arg;
    struct span what = store_blob(row, 0);
    struct span body = store_blob(row, 3);

    s->found = true;
    s->same = what.len == 32 && memcmp(what.at, s->what->b, 32) == 0;
    if (!s->same)
        return false;
    s->out->status = (unsigned)store_i64(row, 1);
    s->out->type = strcmp(store_text(row, 2), "application/json") == 0 ? "application/json"
                                                                       : "text/plain";
    s->out->body = malloc(body.len + 1);
    s->no_memory = s->out->body == NULL;
    if (!s->no_memory) {
        if (body.len > 0)
            memcpy(s->out->body, body.at, body.len);
        s->out->len = body.len;
    }
    return false;
}

static bool answer_known(struct service *sv, const struct request *r,
                         const struct digest *what, struct reply *out, bool *known,
                         struct err *e)
{
    struct stored s = {.out = out, .what = what};

    *known = false;
    if (r->key[0] == '\0')
        return true;
    if (!store_each(
            sv->store, take_stored, &s, e,
            "SELECT what, status, type, body FROM request WHERE uid = ?1 AND key = ?2",
            "it", (int64_t)r->peer.uid, r->key))
        return false;
    if (s.no_memory)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (s.found && !s.same)
        return err_set(e, ERR_INPUT, "request.key-reused",
                       "Idempotency-Key %s was used for another request", r->key);
    *known = s.found;
    return true;
}

static bool keep_answer(struct service *sv, const struct request *r,
                        const struct digest *what, const struct reply *out, struct err *e)
{
    if (r->key[0] == '\0')
        return true;
    return store_run(sv->store, e,
                     "INSERT INTO request (uid, key, what, status, type, body, at_us)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     "itbitbi", (int64_t)r->peer.uid, r->key, span_of(what->b, 32),
                     (int64_t)out->status, out->type != NULL ? out->type : "",
                     span_of(out->body != NULL ? out->body : "", out->len),
                     clock_now(&sv->clock));
}

static void do_after(struct service *sv)
{
    for (size_t i = 0; i < sv->after.n_revoked; i++)
        pump_revoke(sv->pump, &sv->after.revoked[i]);
    if (sv->after.drop_batch != 0)
        pump_drop(sv->pump, sv->after.drop_batch);
    if (sv->after.end_signers)
        for (unsigned i = 0; i < signers_count(pump_signers(sv->pump)); i++)
            signers_kill(pump_signers(sv->pump), i, "the key was switched off", false);
    pump_wake(sv->pump);
    service_notices(sv);
}

bool service_change(struct service *sv, const struct request *r, struct span body,
                    struct span what, service_step step, struct reply *out, struct err *e)
{
    char front[REQUEST_TARGET_MAX + 16];
    struct digest sum;
    bool known;

    (void)snprintf(front, sizeof front, "%s %s\n", request_verb_name(r->verb), r->path);
    sum = digest_of(span_of(front, strlen(front)), what);
    if (!answer_known(sv, r, &sum, out, &known, e)) {
        if (!store_failed(sv->store))
            service_refused(sv, r, e);
        return false;
    }
    if (known)
        return true;
    memset(&sv->after, 0, sizeof sv->after);
    sv->about[0] = '\0';
    /* what is verified goes to disk under the authority it was signed by,
     * before that changes */
    if (!pump_settle(sv->pump, e) || !store_begin(sv->store, e))
        return false;
    if (step(sv, r, body, out, e) && keep_answer(sv, r, &sum, out, e) &&
        store_commit(sv->store, e)) {
        sv->about[0] = '\0';
        do_after(sv);
        return true;
    }
    store_rollback(sv->store);
    if (e->code == ERR_STORE && store_failed(sv->store)) {
        log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = e},
                  "the service stops: %s", e->text);
        (void)sd_event_exit(sv->loop, 1);
    } else if (!wait_for_signer(sv, r, e)) {
        service_refused(sv, r, e);
    }
    return false;
}

/* --- JSON of things --- */

json_t *service_time(int64_t us)
{
    char text[CLOCK_TEXT_LEN];

    if (us == 0)
        return json_null();
    clock_text(us, text);
    return json_string(text);
}

json_t *service_batch_json(const struct batch *b, double rate)
{
    char decision[HEX_LEN(32)];
    char roster[HEX_LEN(32)];
    char originator[HEX_LEN(8)];

    hex_encode_lower(b->decision.b, 32, decision);
    hex_encode_lower(b->roster.b, 32, roster);
    hex_encode(b->originator.b, 8, originator);
    return json_pack(
        "{s:I,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:s,s:s,s:o,s:o,s:o,s:s,s:s}", "id",
        (json_int_t)b->id, "incident", b->incident, "decision_sha256", decision, "key",
        b->key, "originator", originator, "roster_sha256", roster, "rows",
        (json_int_t)b->n_rows, "signed", (json_int_t)b->signed_, "failed",
        (json_int_t)b->failed, "rate", rate, "state", queue_state_name(b->state), "reason",
        b->reason, "asked", service_time(b->asked_us), "started",
        service_time(b->started_us), "ended", service_time(b->ended_us), "asked_by",
        b->asked_by, "confirmed_by", b->confirmed_by);
}
