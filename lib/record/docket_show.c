/* SPDX-License-Identifier: MIT */
#include "docket_show_impl.h"

#include "clock.h"
#include "deferral.h"
#include "holding.h"
#include "ledger.h"
#include "preflight.h"
#include "waves.h"

#include <string.h>

json_t *docket_show_time(int64_t us)
{
    char text[CLOCK_TEXT_LEN];

    if (us == 0)
        return json_null();
    clock_text(us, text);
    return json_string(text);
}

void docket_show_commands(json_t *batch, const struct proto_count *c)
{
    if (c->allowed == 0)
        return;
    (void)json_object_set_new(batch, "commands_used", json_integer((json_int_t)c->used));
    (void)json_object_set_new(batch, "commands_allowed",
                              json_integer((json_int_t)c->allowed));
    (void)json_object_set_new(batch, "commands_lost", json_integer((json_int_t)c->lost));
}

json_t *docket_show_batch(const struct batch *b, double rate)
{
    char decision[HEX_LEN(32)];
    char roster[HEX_LEN(32)];
    char originator[HEX_LEN(8)];
    json_t *j;

    hex_encode_lower(b->decision.b, 32, decision);
    hex_encode_lower(b->roster.b, 32, roster);
    hex_encode(b->originator.b, 8, originator);
    j = json_pack(
        "{s:I,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:s,s:s,s:s,s:o,s:o,s:o,s:s,s:s}", "id",
        (json_int_t)b->id, "incident", b->incident, "decision_sha256", decision, "key",
        b->key, "originator", originator, "roster_sha256", roster, "rows",
        (json_int_t)b->n_rows, "signed", (json_int_t)b->signed_, "failed",
        (json_int_t)b->failed, "rate", rate, "state", queue_state_name(b->state), "rule",
        b->rule, "reason", b->reason, "asked", docket_show_time(b->asked_us), "started",
        docket_show_time(b->started_us), "ended", docket_show_time(b->ended_us), "asked_by",
        b->asked_by, "confirmed_by", b->confirmed_by);
    docket_show_commands(j, &b->commands);
    return j;
}

static bool add_rule(void *arg, const char *rule, int64_t n, const char *first)
{
    (void)json_array_append_new(arg, json_pack("{s:s,s:I,s:s}", "rule", rule, "rows",
                                               (json_int_t)n, "reason", first));
    return true;
}

bool docket_show_failed(struct store *s, const struct batch *b, json_t *batch,
                        struct err *e)
{
    json_t *list;

    if (b->failed == 0)
        return true;
    list = json_array();
    if (!ledger_failed_rules(s, b->id, add_rule, list, e)) {
        json_decref(list);
        return false;
    }
    (void)json_object_set_new(batch, "failed_rows", list);
    return true;
}

/* --- the list --- */

static json_t *incident_json(const struct docket_incident *i)
{
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:o,s:o,s:o}", "id", i->id, "title",
        i->title, "route", incident_route(i->route)->name, "state",
        incident_state(i->state)->name, "about", incident_state(i->state)->sentence,
        "initiator", incident_actor_name(i->initiator), "subscriber", i->subscriber,
        "replacement_subscriber", i->replacement, "parent", i->parent, "exercise",
        (int)i->exercise, "opened", docket_show_time(i->opened_us), "since",
        docket_show_time(i->since_us), "closed", docket_show_time(i->closed_us));
}

struct incidents { /* the list as it fills */
    struct docket_show_page *page;
    json_t *list;
};

static bool add_incident(void *arg, const struct docket_incident *i)
{
    struct incidents *l = arg;

    if (!docket_show_fits(l->page, i->id))
        return false;
    (void)json_array_append_new(l->list, incident_json(i));
    return true;
}

struct sum {
    struct store *store;
    struct docket_show_totals *t;
    struct err *e;
    bool ok;
};

static bool add_totals(struct sum *sum, const char *incident)
{
    struct docket_show_totals *t = sum->t;
    int64_t states[OUTCOME_STATES];
    struct lists_size size;
    int64_t signed_;
    int64_t failed;
    int64_t own_key;

    sum->ok = holding_own_key(sum->store, incident, &own_key, sum->e) &&
              lists_size(sum->store, incident, &size, sum->e) &&
              queue_totals(sum->store, incident, &signed_, &failed, sum->e) &&
              outcome_count(sum->store, incident, false, states, sum->e);
    if (!sum->ok)
        return false;
    t->devices += size.devices;
    t->signed_ += signed_;
    t->failed += failed;
    t->own_key += own_key;
    for (unsigned k = 0; k < OUTCOME_STATES; k++)
        t->states[k] += states[k];
    return true;
}

static bool add_child(void *arg, const struct store_row *row)
{
    struct sum *sum = arg;

    sum->t->children++;
    sum->t->children_open += store_i64(row, 1);
    return add_totals(sum, store_text(row, 0));
}

bool docket_show_totals(struct store *s, const char *incident, struct docket_show_totals *t,
                        struct err *e)
{
    struct sum sum = {s, t, e, true};

    memset(t, 0, sizeof *t);
    return add_totals(&sum, incident) &&
           store_each(s, add_child, &sum, e,
                      "SELECT id, state != 'CLOSED' FROM incident WHERE parent = ?1", "t",
                      incident) &&
           sum.ok;
}

json_t *docket_show_by_key(enum route route, int64_t own_key, int64_t replaced)
{
    json_t *o = json_object();

    if (own_key > 0)
        (void)json_object_set_new(o, "own", json_integer((json_int_t)own_key));
    if (replaced > 0)
        (void)json_object_set_new(o,
                                  route == ROUTE_CONTINGENCY ? "contingency" : "recovery",
                                  json_integer((json_int_t)replaced));
    return o;
}

/* How far it is. */
static bool counts(struct store *s, json_t *j, struct err *e)
{
    struct docket_show_totals t;
    enum route route;

    if (!docket_show_totals(s, json_string_value(json_object_get(j, "id")), &t, e))
        return false;
    if (!incident_route_find(json_string_value(json_object_get(j, "route")), &route))
        route = ROUTE_UNDECIDED;
    (void)json_object_set_new(j, "devices", json_integer((json_int_t)t.devices));
    (void)json_object_set_new(j, "signed", json_integer((json_int_t)t.signed_));
    (void)json_object_set_new(j, "recovered",
                              json_integer((json_int_t)t.states[OUTCOME_SUCCESS]));
    (void)json_object_set_new(
        j, "by_key", docket_show_by_key(route, t.own_key, t.states[OUTCOME_SUCCESS]));
    return true;
}

bool docket_show_all(struct store *s, struct docket_show_page *p, json_t **out,
                     struct err *e)
{
    struct incidents l = {.page = p};
    struct err none;
    json_t *one;
    size_t at;
    bool ok = true;

    *out = NULL;
    if (p->from[0] != '\0' && !docket_show_known(s, p->from, &none))
        return err_set(e, ERR_INPUT, "request.query", "from: %s", none.text);
    l.list = json_array();
    ok = docket_each_behind(s, p->from, add_incident, &l, e);
    json_array_foreach(l.list, at, one)
    {
        ok = ok && counts(s, one, e);
    }
    if (ok)
        *out = l.list;
    else
        json_decref(l.list);
    return ok;
}

/* --- one, whole --- */

/* What may happen next, so that a person need not read the tables. */
static json_t *next_events(const struct docket_incident *i)
{
    json_t *list = json_array();

    for (size_t k = 0; k < EVENT_COUNT; k++)
        if (incident_next(i->route, i->state, (enum event)k) != NULL)
            (void)json_array_append_new(list,
                                        json_string(incident_event((enum event)k)->name));
    return list;
}

/* Devices that hold what nobody expected. */
static bool found_otherwise(struct store *s, json_t *j, struct err *e)
{
    json_t *found;

    if (!preflight_found(s, json_string_value(json_object_get(j, "id")), &found, e))
        return false;
    if (json_array_size(found) > 0)
        (void)json_object_set(j, "found", found);
    json_decref(found);
    return true;
}

/* What the PMA put off, until when, and what ends it. */
static bool deferred(struct store *s, json_t *j, struct err *e)
{
    json_t *list;

    if (!deferral_json(s, json_string_value(json_object_get(j, "id")), &list, e))
        return false;
    (void)json_object_set_new(j, "deferrals", list);
    return true;
}

/* The newest plan of batches in waves, where there is one. */
static bool in_waves(struct store *s, json_t *j, struct err *e)
{
    json_t *waves;

    if (!waves_json(s, json_string_value(json_object_get(j, "id")), &waves, e))
        return false;
    if (waves != NULL)
        (void)json_object_set_new(j, "waves", waves);
    return true;
}

static bool story(struct store *s, json_t *j, struct err *e)
{
    return docket_show_lists(s, json_string_value(json_object_get(j, "id")), j, e) &&
           counts(s, j, e) && found_otherwise(s, j, e) && deferred(s, j, e) &&
           in_waves(s, j, e);
}

bool docket_show(struct store *s, const char *incident, json_t **out, struct err *e)
{
    struct docket_incident i;
    json_t *j;

    *out = NULL;
    if (!docket_get(s, incident, &i, e))
        return false;
    j = incident_json(&i);
    (void)json_object_set_new(j, "declared", json_loads(i.declared, 0, NULL));
    (void)json_object_set_new(j, "next", next_events(&i));
    docket_incident_done(&i);
    if (!story(s, j, e)) {
        json_decref(j);
        return false;
    }
    *out = j;
    return true;
}

/* --- one document --- */

static bool take_document(void *arg, const struct store_row *row)
{
    char hex[HEX_LEN(32)] = "";

    if (store_blob(row, 0).len == 32)
        hex_encode_lower(store_blob(row, 0).at, 32, hex);
    *(json_t **)arg = json_pack(
        "{s:s,s:s,s:s,s:o,s:s,s:o*,s:o*}", "sha256", hex, "outcome", store_text(row, 1),
        "state", store_text(row, 2), "at", docket_show_time(store_i64(row, 5)), "by",
        store_text(row, 6), "document", json_loads(store_text(row, 3), 0, NULL), "signers",
        json_loads(store_text(row, 4), 0, NULL));
    return false;
}

bool docket_show_decision(struct store *s, const char *incident, const char *id,
                          json_t **out, struct err *e)
{
    *out = NULL;
    if (!store_each(s, take_document, out, e,
                    "SELECT sha256, outcome, state, json, verdict, at_us, actor"
                    " FROM decision WHERE incident = ?1 AND id = ?2",
                    "tt", incident, id))
        return false;
    return *out != NULL || err_set(e, ERR_MISSING, "decision.none",
                                   "incident %s has no decision %s", incident, id);
}
