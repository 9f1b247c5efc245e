/* SPDX-License-Identifier: MIT
 *
 * Batches: ask for one, confirm it, watch, pause, resume.
 */
#include "hats.h"
#include "outlook.h"

#include "audit.h"
#include "keys.h"
#include "log.h"
#include "mem.h"
#include "owed.h"
#include "preflight.h"
#include "rosters.h"
#include "selection.h"
#include "waves.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

bool api_batch_number(const struct request *r, int64_t *id, struct err *e)
{
    uint64_t n;

    if (!request_parse_number(r->args[0], 1, INT32_MAX, &n))
        return err_set(e, ERR_INPUT, "request.target", "\"%s\" is no batch number",
                       r->args[0]);
    *id = (int64_t)n;
    return true;
}

/* --- ask --- */

/* A contingency has a point of no return:
 * never one person alone, whatever is configured. */
static bool needs_second(const struct service *sv, const char *key)
{
    for (size_t i = 0; i < sv->config.n_keys; i++)
        if (strcmp(sv->config.keys[i].name, key) == 0 && sv->trust.keys[i].present &&
            sv->trust.keys[i].cert.at[0].role == ROLE_OTHER)
            return true;
    return sv->config.service.two_person_s > 0;
}

/* The warrant opened when the document came in: replacements exist and were checked. In a
 * contingency two operators stand behind the batch: see needs_second. */
static void ready_facts(void *arg, struct incident_facts *f)
{
    const struct authority *a = arg;

    /* the one open batch is the one that this step begins: see queue_open */
    f->batch_running = false;
    f->new_contingency_wrapped = true; /* the decision was refused without */
    for (size_t i = 0; i < a->n_replacements; i++)
        f->replacements_from_suspect_hsm =
            f->replacements_from_suspect_hsm || a->replacements[i].origin == ORIGIN_SAME;
}

/* Is signing next, or going on? */
static bool may_execute(const struct docket_incident *i, struct err *e)
{
    if (i->state == STATE_KEY_ACTIVE || i->state == STATE_ACB_IN_PLACE ||
        incident_may_sign(i->route, i->state))
        return true;
    return err_set(e, ERR_DENIED, "incident.may-not-sign",
                   "incident %s is %s on route %s: nothing is signed there", i->id,
                   incident_state(i->state)->name, incident_route(i->route)->name);
}

/* Neither what signs nor what is placed has ended in any incident, the Symmetric Key in no
 * other. */
static bool sound(struct service *sv, const struct authority *a, struct err *e)
{
    return service_key_sound(sv, a->incident, a->key, e) &&
           (!a->has_symmetric_key ||
            keys_may_release(sv->store, a->incident, &a->symmetric_key_sha256, e)) &&
           keys_may_place(sv->store, &a->digest, e);
}

/* EXECUTE, when this is the first batch; a later one of the same state needs no event. */
static bool execute(struct docket *d, struct docket_incident *i, const struct batch *b,
                    struct authority *a, const char *who, struct err *e)
{
    struct docket_step step = {
        .actor = ACTOR_DCC, .who = who, .more = ready_facts, .arg = a};
    struct incident_move move;
    char manifest[240];
    char hex[HEX_LEN(32)];

    hex_encode_lower(b->roster.b, 32, hex);
    /* who takes the devices over may have been named since the document came in */
    if (!agree_parties(i, a, e))
        return false;
    if ((a->method == METHOD_HANDBACK) !=
        (i->state == STATE_ACB_IN_PLACE || i->state == STATE_HANDBACK))
        return err_set(e, ERR_DENIED, "incident.may-not-sign",
                       "incident %s is %s: nothing is signed there by method %s", i->id,
                       incident_state(i->state)->name, authority_method_name(a->method));
    if (i->state == STATE_KEY_ACTIVE)
        step.event = EVENT_EXECUTE;
    else if (i->state == STATE_ACB_IN_PLACE)
        step.event = EVENT_BEGIN_HANDBACK;
    else if (incident_may_sign(i->route, i->state))
        return true;
    else
        return err_set(e, ERR_DENIED, "incident.may-not-sign",
                       "incident %s is %s on route %s: nothing is signed there", i->id,
                       incident_state(i->state)->name, incident_route(i->route)->name);
    (void)snprintf(
        manifest, sizeof manifest,
        "{\"batch-manifest\":\"batch %" PRId64 ", roster %s\"%s}", b->id, hex,
        step.event == EVENT_BEGIN_HANDBACK ? ",\"instruction\":\"on file\""
        : a->mode == MODE_ANY_BY_CONTINGENCY
            ? ",\"point-of-no-return\":\"asked for and confirmed by two operators\""
            : "");
    step.evidence = manifest;
    return docket_take_step(d, i, &step, &move, e);
}

/* Who asked and was not confirmed in time has to ask again: that batch is over. */
struct waiting {
    int64_t before_us;
    int64_t id;
};

static bool find_waiting(void *arg, const struct batch *b)
{
    struct waiting *w = arg;

    if (b->state == BATCH_WAITING && b->asked_us < w->before_us)
        w->id = b->id;
    return w->id == 0;
}

static bool end_unconfirmed(struct service *sv, const struct docket *d,
                            const char *incident, const char *who, struct err *e)
{
    struct waiting w = {.before_us = d->now_us - (int64_t)service_confirm_s(sv) * 1000000};

    return queue_each(sv->store, incident, find_waiting, &w, e) &&
           (w.id == 0 ||
            (queue_state(sv->store, w.id, BATCH_STOPPED, "batch.confirm-time",
                         "not confirmed in time", d->now_us, e) &&
             audit_put(sv->store, d->now_us, "BATCH_STOPPED", incident, who, e, "{s:I,s:s}",
                       "batch", (json_int_t)w.id, "reason", "not confirmed in time")));
}

/* Devices that were done, of which this decision asks more, are to do again. */
static bool ask_again(struct service *sv, const struct authority *a, struct span pem,
                      uint32_t *n, struct err *e)
{
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    bool ok;

    if (certs == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!certs_read(pem, "certificates", certs, e))
        return false;
    ok = owed_again(sv->store, sv->roster_dir, a, certs, n, e);
    certs_done(certs);
    if (ok && *n > 0)
        log_event(LOG_NOTICE, NULL, &(struct log_fields){.incident = a->incident},
                  "incident %s: decision %s asks more of %u devices that were done",
                  a->incident, a->id, *n);
    return ok;
}

/* No row's device has changed supplier meanwhile, as far as it was asked. */
static bool nobody_elses(struct service *sv, const struct authority *a,
                         struct span selection, struct err *e)
{
    struct roster roster;
    bool ok;

    if (!preflight_again(sv->store, &sv->config, sv->roster_dir, a->incident,
                         clock_now(&sv->clock), e) ||
        !rosters_open(sv->roster_dir, &a->roster, &roster, e))
        return false;
    ok = preflight_clear(sv->store, a->incident, &roster, selection, e);
    roster_done(&roster);
    return ok;
}

/* Which rows a new batch is to have. */
struct ask {
    const char *rows;            /* as selection_rows() */
    const struct waveplan *plan; /* NULL: it is no wave */
    uint32_t wave;               /* out: waves that nobody is left of are passed over */
};

static bool choose(struct service *sv, const struct authority *a, bool asked_again,
                   struct ask *ask, uint32_t *n, struct span *rows, struct err *e)
{
    /* what was just asked again nobody beside the loop can see yet */
    bool ok = (asked_again ? selection_rows : selection_think)(
        sv->store, sv->roster_dir, a, ask->rows, ask->plan, ask->wave, n, rows, e);

    while (!ok && ask->plan != NULL && strcmp(e->id, "batch.empty") == 0 &&
           ask->wave + 1 < ask->plan->n) {
        free((void *)(uintptr_t)rows->at);
        *rows = (struct span){NULL, 0};
        ok = (asked_again ? selection_rows : selection_think)(
            sv->store, sv->roster_dir, a, ask->rows, ask->plan, ++ask->wave, n, rows, e);
    }
    return ok;
}

static bool make_batch(struct service *sv, struct docket *d, struct docket_incident *i,
                       const struct authority *a, struct ask *ask, const char *who,
                       struct batch *b, struct outlook *outlook, struct err *e)
{
    struct span selection = {NULL, 0};
    struct span certs;
    uint32_t again;
    bool ok;

    for (size_t k = 0; k < sv->config.n_keys; k++)
        if (strcmp(sv->config.keys[k].name, a->key) == 0 && sv->trust.keys[k].present)
            b->originator = sv->trust.keys[k].cert.at[0].eui;
    (void)snprintf(b->incident, sizeof b->incident, "%s", i->id);
    (void)snprintf(b->key, sizeof b->key, "%s", a->key);
    (void)snprintf(b->asked_by, sizeof b->asked_by, "%s", who);
    b->decision = a->digest;
    b->roster = a->roster;
    b->asked_us = d->now_us;
    if (b->state != BATCH_QUEUED)
        b->state = needs_second(sv, b->key) ? BATCH_WAITING : BATCH_QUEUED;
    if (!docket_bundle_for(sv->store, a, &certs, e))
        return false;
    if (certs.at == NULL)
        return err_set(e, ERR_MISSING, "incident.no-certificates",
                       "incident %s has no certificates", i->id);
    ok = ask_again(sv, a, certs, &again, e) &&
         choose(sv, a, again > 0, ask, &b->n_rows, &selection, e);
    ok = ok && nobody_elses(sv, a, selection, e) &&
         outlook_batch(sv, a, selection, outlook, e) &&
         queue_put(sv->store, b, selection, certs, e);
    free((void *)(uintptr_t)selection.at);
    free((void *)(uintptr_t)certs.at);
    return ok;
}

/* What starts a batch. */
struct start {
    char incident[AUTHORITY_ID_MAX];
    char decision[AUTHORITY_ID_MAX];
    char rows[16];
    json_t *waves;
};

/* A wave of that plan begins: like any batch, and in the name of who asked for the first. */
bool api_batch_wave(struct service *sv, const struct waves *w, const struct batch *last,
                    uint32_t *wave, struct batch *b, struct err *e)
{
    struct docket d = service_docket(sv);
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) struct outlook *outlook = calloc(1, sizeof *outlook);
    struct ask ask = {
        .rows = "unfinished", .plan = *wave < w->plan.n ? &w->plan : NULL, .wave = *wave};
    struct docket_incident i;
    bool open;
    bool ok;

    if (a == NULL || outlook == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_in_force(sv->store, &w->decision, a, e) ||
        !docket_get(sv->store, w->incident, &i, e))
        return false;
    memset(b, 0, sizeof *b);
    b->state = BATCH_QUEUED; /* two people stand behind the plan where two have to */
    ok = may_execute(&i, e) && sound(sv, a, e) &&
         queue_open(sv->store, w->incident, &open, e);
    if (ok && open)
        ok = err_set(e, ERR_BUSY, "batch.one-at-a-time",
                     "incident %s has a batch that has not ended", w->incident);
    ok = ok && make_batch(sv, &d, &i, a, &ask, last->asked_by, b, outlook, e) &&
         queue_confirm(sv->store, b->id, last->confirmed_by, e) &&
         audit_put(sv->store, d.now_us, "BATCH_ASKED", w->incident, AUDIT_ACTOR_SYSTEM, e,
                   "{s:I,s:s,s:s,s:s,s:I}", "batch", (json_int_t)b->id, "decision", a->id,
                   "key", b->key, "rows", ask.rows, "count", (json_int_t)b->n_rows) &&
         execute(&d, &i, b, a, AUDIT_ACTOR_SYSTEM, e);
    *wave = ask.wave;
    docket_incident_done(&i);
    return ok;
}

/* The plan that comes with a batch, where one does: it may be followed. */
static bool plan_of(struct service *sv, const struct start *asked, struct waveplan *plan,
                    struct ask *ask, struct err *e)
{
    bool running;

    if (asked->waves == NULL)
        return true;
    if (!waveplan_read(asked->waves, plan, e) ||
        !waves_running(sv->store, asked->incident, &running, e))
        return false;
    ask->plan = plan;
    ask->rows = "unfinished";
    return !running || err_set(e, ERR_BUSY, "waves.one-at-a-time",
                               "incident %s has waves that are running", asked->incident);
}

static bool step_start(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) struct outlook *outlook = calloc(1, sizeof *outlook);
    json_t *answer;
    struct docket_incident i;
    struct docket_decision under;
    struct batch b = {0};
    struct start asked = {.rows = "all"};
    AUTO(mem) struct waveplan *plan = calloc(1, sizeof *plan);
    AUTO(json) json_t *whole = NULL;
    struct ask ask = {0};
    const char *incident = asked.incident;
    const char *decision = asked.decision;
    char who[PEER_TEXT];
    bool open;
    bool ok;
    static const struct strictjson_member members[] = {
        {"incident", MUST, strictjson_text, STRICTJSON_AT(struct start, incident), NULL, 0,
         0},
        {"decision", MUST, strictjson_text, STRICTJSON_AT(struct start, decision), NULL, 0,
         0},
        {"rows", MAY, strictjson_text, STRICTJSON_AT(struct start, rows), NULL, 0, 0},
        {"waves", MAY, strictjson_any, STRICTJSON_AT(struct start, waves), NULL, 0, 0},
        {0},
    };

    if (a == NULL || outlook == NULL || plan == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    ok = request_json(body, members, &asked, &whole, e);
    ask.rows = asked.rows;
    service_who(r, who);
    (void)snprintf(sv->about, sizeof sv->about, "%s", incident);
    if (!ok || !docket_decision(sv->store, incident, decision, &under, e) ||
        !docket_in_force(sv->store, &under.digest, a, e) ||
        !docket_get(sv->store, incident, &i, e))
        return false;
    ok = may_execute(&i, e) && sound(sv, a, e) && hats_operate(sv, r, &a->digest, e) &&
         end_unconfirmed(sv, &d, incident, who, e) && plan_of(sv, &asked, plan, &ask, e) &&
         queue_open(sv->store, incident, &open, e);
    if (ok && open)
        ok = err_set(e, ERR_BUSY, "batch.one-at-a-time",
                     "incident %s has a batch that has not ended", incident);
    ok = ok && make_batch(sv, &d, &i, a, &ask, who, &b, outlook, e) &&
         audit_put(sv->store, d.now_us, "BATCH_ASKED", incident, who, e,
                   "{s:I,s:s,s:s,s:s,s:I}", "batch", (json_int_t)b.id, "decision", decision,
                   "key", b.key, "rows", ask.rows, "count", (json_int_t)b.n_rows) &&
         (ask.plan == NULL ||
          waves_put(sv->store, asked.waves, &b, ask.wave, who, d.now_us, e));
    if (ok && b.state == BATCH_QUEUED)
        ok = execute(&d, &i, &b, a, who, e);
    if (ok) {
        log_event(
            LOG_NOTICE, MSG_BATCH_ACCEPTED,
            &(struct log_fields){.incident = incident, .batch = b.id, .peer = &r->peer},
            "batch %" PRId64 " of %u rows is %s", b.id, b.n_rows,
            queue_state_name(b.state));
        reply_header(out, "Location", "/v1/batches/%" PRId64, b.id);
        answer = docket_show_batch(&b, 0);
        (void)json_object_update_new(
            answer, json_pack("{s:o*}", "forecast", outlook_types(outlook)));
        ok = reply_json(out, 202, answer, e);
    }
    docket_incident_done(&i);
    return ok;
}

HANDLER(api_batch_start)
{
    return service_change(arg, r, body, body, step_start, out, e);
}

/* --- confirm, pause, resume --- */

static bool named_batch(struct service *sv, const struct request *r, int64_t *id,
                        struct batch *b, struct err *e)
{
    if (!api_batch_number(r, id, e) || !queue_get(sv->store, *id, b, e))
        return false;
    (void)snprintf(sv->about, sizeof sv->about, "%.63s", b->incident);
    return true;
}

static bool step_confirm(struct service *sv, const struct request *r, struct span body,
                         struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct docket_incident i;
    struct batch b;
    char who[PEER_TEXT];
    int64_t id;
    bool ok;

    (void)body;
    service_who(r, who);
    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!named_batch(sv, r, &id, &b, e))
        return false;
    if (b.state != BATCH_WAITING)
        return err_set(e, ERR_DENIED, "batch.state", "batch %" PRId64 " is %s, not waiting",
                       id, queue_state_name(b.state));
    if (hats_same_login(b.asked_by, r))
        return err_set(e, ERR_DENIED, "batch.second-person",
                       "%s asked for batch %" PRId64 "; another operator has to confirm it",
                       who, id);
    if (d.now_us - b.asked_us > (int64_t)service_confirm_s(sv) * 1000000)
        return err_set(e, ERR_DENIED, "batch.confirm-time",
                       "batch %" PRId64
                       " was asked for more than %u seconds ago: ask again",
                       id, service_confirm_s(sv));
    if (!hats_confirm(sv, r, &b, e) || !docket_get(sv->store, b.incident, &i, e))
        return false;
    ok = queue_confirm(sv->store, id, who, e) &&
         queue_state(sv->store, id, BATCH_QUEUED, "", "", d.now_us, e) &&
         audit_put(sv->store, d.now_us, "BATCH_CONFIRMED", b.incident, who, e, "{s:I,s:s}",
                   "batch", (json_int_t)id, "asked_by", b.asked_by) &&
         docket_in_force(sv->store, &b.decision, a, e) && sound(sv, a, e) &&
         execute(&d, &i, &b, a, who, e) && queue_get(sv->store, id, &b, e);
    docket_incident_done(&i);
    if (!ok)
        return false;
    log_event(LOG_NOTICE, MSG_BATCH_CONFIRMED,
              &(struct log_fields){.incident = b.incident, .batch = id, .peer = &r->peer},
              "batch %" PRId64 " is confirmed", id);
    return reply_json(out, 200, docket_show_batch(&b, 0), e);
}

HANDLER(api_batch_confirm)
{
    return service_change(arg, r, body, body, step_confirm, out, e);
}

static bool step_pause(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    struct batch b;
    char who[PEER_TEXT];
    int64_t id;

    (void)body;
    service_who(r, who);
    if (!named_batch(sv, r, &id, &b, e))
        return false;
    if (queue_state_final(b.state) || b.state == BATCH_PAUSED)
        return err_set(e, ERR_DENIED, "batch.state", "batch %" PRId64 " is %s", id,
                       queue_state_name(b.state));
    if (!queue_state(sv->store, id, BATCH_PAUSED, "", "paused by an operator",
                     clock_now(&sv->clock), e) ||
        !audit_put(sv->store, clock_now(&sv->clock), "BATCH_PAUSED", b.incident, who, e,
                   "{s:I}", "batch", (json_int_t)id) ||
        !queue_get(sv->store, id, &b, e))
        return false;
    sv->after.drop_batch = id;
    log_event(LOG_NOTICE, MSG_BATCH_PAUSED,
              &(struct log_fields){.incident = b.incident, .batch = id, .peer = &r->peer},
              "batch %" PRId64 " is paused", id);
    return reply_json(out, 200, docket_show_batch(&b, 0), e);
}

HANDLER(api_batch_pause)
{
    return service_change(arg, r, body, body, step_pause, out, e);
}

static bool step_resume(struct service *sv, const struct request *r, struct span body,
                        struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct docket_incident i;
    struct batch b;
    char who[PEER_TEXT];
    int64_t id;
    bool ok;

    (void)body;
    service_who(r, who);
    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!named_batch(sv, r, &id, &b, e))
        return false;
    if (b.state != BATCH_PAUSED && b.state != BATCH_HELD)
        return err_set(e, ERR_DENIED, "batch.state", "batch %" PRId64 " is %s", id,
                       queue_state_name(b.state));
    /* one that never was confirmed goes back to waiting for it */
    if (!hats_operate(sv, r, &b.decision, e) ||
        !queue_state(sv->store, id,
                     needs_second(sv, b.key) && b.confirmed_by[0] == '\0' ? BATCH_WAITING
                                                                          : BATCH_QUEUED,
                     "", "", clock_now(&sv->clock), e) ||
        !audit_put(sv->store, clock_now(&sv->clock), "BATCH_RESUMED", b.incident, who, e,
                   "{s:I}", "batch", (json_int_t)id) ||
        !queue_get(sv->store, id, &b, e))
        return false;
    if (b.state == BATCH_QUEUED) {
        /* after a lost token was restored, execution begins anew */
        if (!docket_in_force(sv->store, &b.decision, a, e) ||
            !docket_get(sv->store, b.incident, &i, e))
            return false;
        ok = execute(&d, &i, &b, a, who, e) && service_allowed(sv, &b, e);
        docket_incident_done(&i);
        if (!ok)
            return false;
    }
    log_event(LOG_NOTICE, MSG_BATCH_RESUMED,
              &(struct log_fields){.incident = b.incident, .batch = id, .peer = &r->peer},
              "batch %" PRId64 " goes on", id);
    return reply_json(out, 200, docket_show_batch(&b, 0), e);
}

HANDLER(api_batch_resume)
{
    return service_change(arg, r, body, body, step_resume, out, e);
}

/* --- look --- */

static double rate_of(const struct service *sv, const struct batch *b)
{
    const struct batch *now = engine_batch(sv->engine);

    return now != NULL && now->id == b->id ? pump_rate(sv->pump) : 0;
}

HANDLER(api_batch_show)
{
    struct service *sv = arg;
    struct batch b;
    int64_t id;
    json_t *j;

    (void)body;
    if (!api_batch_number(r, &id, e) || !queue_get(sv->store, id, &b, e))
        return false;
    j = docket_show_batch(&b, rate_of(sv, &b));
    if (!docket_show_failed(sv->store, &b, j, e)) {
        json_decref(j);
        return false;
    }
    hats_tell(sv, j);
    return reply_json(out, 200, j, e);
}

struct listing {
    struct service *sv;
    struct docket_show_page page;
    json_t *list;
};

static bool add_batch(void *arg, const struct batch *b)
{
    struct listing *l = arg;

    if (!docket_show_fits_number(&l->page, b->id))
        return false;
    (void)json_array_append_new(l->list, docket_show_batch(b, rate_of(l->sv, b)));
    return true;
}

HANDLER(api_batches)
{
    struct listing l = {.sv = arg};
    int64_t behind;

    (void)body;
    if (!service_page(r, &l.page, e) || !docket_show_behind(&l.page, &behind, e))
        return false;
    l.list = json_array();
    if (!queue_each_behind(l.sv->store, NULL, behind, add_batch, &l, e)) {
        json_decref(l.list);
        return false;
    }
    hats_tell(l.sv, l.list);
    return service_page_reply(out, "batches", l.list, &l.page, e);
}
