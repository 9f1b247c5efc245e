/* SPDX-License-Identifier: MIT */
#include "service.h"

#include "audit.h"
#include "beside.h"
#include "keys.h"
#include "log.h"
#include "mem.h"
#include "outbox.h"
#include "requests.h"
#include "retention.h"
#include "rosters.h"
#include "standard.h"
#include "upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void service_who(const struct request *r, char out[static PEER_TEXT])
{
    peer_text(&r->peer, out);
}

bool service_page(const struct request *r, struct docket_show_page *out, struct err *e)
{
    const char *from = request_query(r, "from");
    uint64_t limit;

    *out = (struct docket_show_page){0};
    if (!request_number(r, "limit", 1, DOCKET_SHOW_PAGE_MAX, DOCKET_SHOW_PAGE, &limit, e))
        return false;
    out->limit = (uint32_t)limit;
    if (from != NULL && strlen(from) >= sizeof out->from)
        return err_set(e, ERR_INPUT, "request.query", "from: %.20s... is too long", from);
    (void)snprintf(out->from, sizeof out->from, "%s", from != NULL ? from : "");
    return true;
}

bool service_page_reply(struct reply *out, const char *name, json_t *steal,
                        const struct docket_show_page *p, struct err *e)
{
    return reply_json(out, 200, json_pack("{s:o,s:s}", name, steal, "next", p->next), e);
}

unsigned service_confirm_s(const struct service *sv)
{
    return sv->config.service.two_person_s > 0 ? sv->config.service.two_person_s : 600;
}

struct docket service_docket(struct service *sv)
{
    struct docket d = {.store = sv->store,
                       .config = &sv->config,
                       .roster_dir = sv->roster_dir,
                       .files_dir = sv->files_dir,
                       .now_us = clock_now(&sv->clock)};
    struct signers *s = sv->pump != NULL ? pump_signers(sv->pump) : NULL;

    for (unsigned i = 0; s != NULL && i < signers_count(s); i++)
        if (signers_info(s, i)->state == SIGNER_READY)
            d.token_keys |= signers_info(s, i)->keys;
    d.token_silent = s != NULL && !signers_settled(s) && !signers_spoke(s);
    return d;
}

void service_store_trouble(struct service *sv, const struct err *e)
{
    log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = e},
              "the service stops: %s", e->text);
    (void)sd_event_exit(sv->loop, 1);
}

void service_signer_ready(void *arg)
{
    struct service *sv = arg;
    struct err e;

    if (!bars_account(sv, &e) || !standard_seen(sv, &e)) {
        service_store_trouble(sv, &e);
        return;
    }
    service_notices(sv);
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

bool service_key_sound(struct service *sv, const char *incident, const char *key,
                       struct err *e)
{
    for (size_t k = 0; k < sv->config.n_keys; k++)
        if (strcmp(sv->config.keys[k].name, key) == 0 && sv->trust.keys[k].present)
            return keys_may_sign(sv->store, sv->config.service.exercise, incident,
                                 &sv->trust.keys[k].cert.at[0], e);
    return true; /* that it is not usable is said by its own rule */
}

bool service_learn_keys(struct service *sv, struct err *e)
{
    if (!keys_learn(sv->store, &sv->trust.root, e) ||
        !keys_learn(sv->store, &sv->trust.issuing, e))
        return false;
    for (size_t k = 0; k < sv->config.n_keys; k++)
        if (sv->trust.keys[k].present && !keys_learn(sv->store, &sv->trust.keys[k].cert, e))
            return false;
    return true;
}

bool service_tell_keys(struct service *sv, struct err *e)
{
    struct keys_end end;
    char at[CLOCK_TEXT_LEN];
    bool found;

    for (size_t k = 0; k < sv->config.n_keys; k++) {
        if (!sv->trust.keys[k].present)
            continue;
        if (!keys_ended(sv->store, sv->config.service.exercise, "",
                        &sv->trust.keys[k].cert.at[0], &end, &found, e))
            return false;
        if (!found)
            continue;
        clock_text(end.at_us, at);
        log_event(LOG_WARNING, MSG_KEY_ENDED,
                  &(struct log_fields){.incident = end.incident},
                  "key %s was %s by incident %s on %s: the configuration has to follow",
                  sv->config.keys[k].name, keys_what_name(end.what), end.incident, at);
    }
    return true;
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
    return service_key_sound(sv, b->incident, b->key, e) &&
           keys_may_place(sv->store, &b->decision, e);
}

bool service_may_sign(void *arg, const struct batch *b, struct err *e)
{
    return service_allowed(arg, b, e) && bars_lifted(arg, &b->originator, e);
}

static bool stop_one(void *arg, const struct batch *b)
{
    int64_t *ids = arg;

    if (!queue_state_final(b->state) && ids[0] < 63)
        ids[++ids[0]] = b->id;
    return true;
}

bool service_stop_batches(struct service *sv, const char *incident, const char *rule,
                          const char *why, const char *who, struct err *e)
{
    int64_t ids[64] = {0};
    int64_t now = clock_now(&sv->clock);

    if (!queue_each(sv->store, incident, stop_one, ids, e))
        return false;
    for (int64_t i = 1; i <= ids[0]; i++) {
        if (!queue_state(sv->store, ids[i], BATCH_STOPPED, rule, why, now, e) ||
            !audit_put(sv->store, now, "BATCH_STOPPED", incident, who, e, "{s:I,s:s}",
                       "batch", (json_int_t)ids[i], "reason", why))
            return false;
        if (engine_batch(sv->engine) != NULL && engine_batch(sv->engine)->id == ids[i])
            sv->after.drop_batch = ids[i];
    }
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
        } else if (ok && sv->pump != NULL) {
            pump_tell(sv->pump, false);
        }
    }
    docket_incident_done(&i);
    return ok;
}

void service_token_lost(void *arg, int64_t batch)
{
    struct service *sv = arg;
    struct batch b;
    struct err e;

    if (!queue_get(sv->store, batch, &b, &e) ||
        !own_step(sv, b.incident, EVENT_LOSE_TOKEN, &e))
        service_store_trouble(sv, &e);
}

/* A batch left the engine: does the incident move with it? */
void service_batch_ended(void *arg, int64_t batch)
{
    struct service *sv = arg;
    struct batch b;
    struct err e;
    bool ok = queue_get(sv->store, batch, &b, &e);

    if (ok && b.state == BATCH_STOPPED && strcmp(b.rule, "decision.window") == 0)
        ok = own_step(sv, b.incident, EVENT_EXPIRE, &e);
    if (!ok)
        service_store_trouble(sv, &e);
}

void service_batch_aside(void *arg, const struct batch *b, const struct err *why)
{
    (void)arg;
    log_event(LOG_WARNING, MSG_BATCH_STOPPED,
              &(struct log_fields){.incident = b->incident, .batch = b->id, .err = why},
              "batch %" PRId64 " is %s before its first row: %s", b->id,
              queue_state_name(b->state), why->text);
}

struct expired {
    int64_t now_us;
    char ids[64][AUTHORITY_ID_MAX];
    size_t n;
};

static bool note_expired(void *arg, const struct docket_window *w)
{
    struct expired *x = arg;

    if (w->to_us <= x->now_us)
        (void)snprintf(x->ids[x->n++], sizeof x->ids[0], "%s", w->incident);
    return x->n < 64;
}

void service_notices(struct service *sv)
{
    struct err e;

    if (outbox_flush(sv->store, sv->outbox_dir, &e))
        return;
    if (store_failed(sv->store))
        service_store_trouble(sv, &e);
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
    service_notices(sv);
    bars_tick(sv);
    rosters_tidy();
    if (sv->beside != NULL)
        beside_tidy(sv->beside);
    if (!service_refusals(sv, false, &e) || !service_deadlines(sv, &e) ||
        !upload_expire(sv, &e) || !retention_notices(sv, &e)) {
        service_store_trouble(sv, &e);
        return;
    }
    x->now_us = clock_now(&sv->clock);
    if (!docket_each_window(sv->store, note_expired, x, &e)) {
        service_store_trouble(sv, &e);
        return;
    }
    for (size_t i = 0; i < x->n; i++) {
        bool open = false;

        /* a batch under it stops by itself, before its next row */
        if (!queue_open(sv->store, x->ids[i], &open, &e) ||
            (!open && !own_step(sv, x->ids[i], EVENT_EXPIRE, &e))) {
            service_store_trouble(sv, &e);
            return;
        }
    }
    api_waves_turn(sv);
}

static void put_refusal(struct service *sv, const struct request *r, const struct err *why,
                        json_t *signers)
{
    const char *incident = sv->about;
    char who[PEER_TEXT];
    struct err e;

    if (r->dry_run && strcmp(why->id, "request.role") != 0) {
        log_event(LOG_INFO, NULL, &(struct log_fields){.peer = &r->peer, .err = why},
                  "dry run: %s %s would be refused: %s", request_verb_name(r->verb),
                  r->path, why->text);
        sv->about[0] = '\0';
        return;
    }
    if (!refusals_admit(&sv->refusals, r->peer.uid, r->peer.roles != 0, why->id,
                        clock_now(&sv->clock))) {
        sv->about[0] = '\0';
        return; /* one of too many: it goes into the sum of this minute */
    }
    if (strcmp(why->id, "request.role") == 0)
        log_event(LOG_NOTICE, MSG_ROLE_REFUSED,
                  &(struct log_fields){.peer = &r->peer, .err = why}, "%s", why->text);
    if (strncmp(r->path, "/v1/incidents/", 14) == 0 && r->n_args > 0)
        incident = r->args[0];
    /* reading what one may not read changes nothing, but who tried is worth a record */
    service_who(r, who);
    if (!store_begin(sv->store, &e) ||
        !requests_refused(sv->store,
                          &(struct requests_refusal){.incident = incident,
                                                     .who = who,
                                                     .verb = request_verb_name(r->verb),
                                                     .path = r->path,
                                                     .why = why,
                                                     .signers = signers},
                          clock_now(&sv->clock), &e) ||
        !store_commit_aside(sv->store, &e)) {
        store_rollback(sv->store);
        log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = &e},
                  "the service stops: %s", e.text);
        (void)sd_event_exit(sv->loop, 1);
    }
    sv->about[0] = '\0';
}

void service_refused(void *arg, const struct request *r, const struct err *why)
{
    put_refusal(arg, r, why, NULL);
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
                  "since", docket_show_time(sum->since_us)) &&
        store_commit_aside(sv->store, e))
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

static bool answer_known(struct service *sv, const struct request *r,
                         const struct digest *what, struct reply *out, bool *known,
                         struct err *e)
{
    struct requests_answer a;

    *known = false;
    if (r->key[0] == '\0' || r->dry_run)
        return true;
    if (!requests_find(sv->store, r->peer.uid, r->key, what, &a, known, e))
        return false;
    if (*known) {
        out->status = a.status;
        out->type =
            strcmp(a.type, "application/json") == 0 ? "application/json" : "text/plain";
        out->body = (char *)(uintptr_t)a.body.at;
        out->len = a.body.len;
    }
    return true;
}

static bool keep_answer(struct service *sv, const struct request *r,
                        const struct digest *what, const struct reply *out, struct err *e)
{
    struct requests_answer a = {.status = out->status,
                                .body = span_of(out->body, out->len)};

    if (r->key[0] == '\0')
        return true;
    (void)snprintf(a.type, sizeof a.type, "%s", out->type != NULL ? out->type : "");
    return requests_keep(sv->store, r->peer.uid, r->key, what, &a, clock_now(&sv->clock),
                         e);
}

static void do_after(struct service *sv)
{
    struct err e;

    if (sv->after.tell_keys && !service_tell_keys(sv, &e))
        service_store_trouble(sv, &e);
    if (sv->after.raised)
        bars_raised(sv);
    pump_tell(sv->pump, sv->after.end_signers);
    if (sv->after.drop_batch != 0)
        pump_drop(sv->pump, sv->after.drop_batch);
    pump_wake(sv->pump);
    service_notices(sv);
}

/* What the answer would be, and that nothing was done. */
static bool dry_answer(struct service *sv, const struct request *r, struct reply *out,
                       struct err *e)
{
    json_t *j = json_loadb(out->body, out->len, 0, NULL);

    log_event(LOG_INFO, NULL, &(struct log_fields){.peer = &r->peer},
              "dry run: %s %s would be done", request_verb_name(r->verb), r->path);
    memset(&sv->after, 0, sizeof sv->after);
    (void)json_object_set_new(j, "dry_run", json_true());
    reply_done(out);
    return reply_json(out, 200, j, e);
}

/* What it has to know and nobody has worked out yet is waited for, where it can be given up. */
static bool take_step(struct service *sv, const struct request *r, struct span body,
                      service_step step, struct reply *out, struct err *e)
{
    const struct think_port *was =
        think_through(r->patient ? beside_port(sv->beside) : NULL);
    bool ok = step(sv, r, body, out, e);

    (void)think_through(was);
    return ok;
}

bool service_change(struct service *sv, const struct request *r, struct span body,
                    struct span what, service_step step, struct reply *out, struct err *e)
{
    char front[REQUEST_TARGET_MAX + 16];
    struct digest sum;
    bool known, ok;

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
    log_hold(r->dry_run); /* what a step says has happened has not */
    ok = take_step(sv, r, body, step, out, e);
    log_hold(false);
    if (ok && r->dry_run) {
        store_rollback(sv->store);
        sv->about[0] = '\0';
        return dry_answer(sv, r, out, e);
    }
    if (ok && keep_answer(sv, r, &sum, out, e) && store_commit(sv->store, e)) {
        sv->about[0] = '\0';
        do_after(sv);
        return true;
    }
    store_rollback(sv->store);
    if (e->code == ERR_STORE && store_failed(sv->store)) {
        service_store_trouble(sv, e);
    } else if (!think_later(e) && !wait_for_signer(sv, r, e)) {
        put_refusal(sv, r, e, out->signers);
    }
    sv->about[0] = '\0'; /* also where it will be asked again */
    return false;
}
