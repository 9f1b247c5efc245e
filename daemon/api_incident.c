/* SPDX-License-Identifier: MIT
 *
 * Requests about incidents: open, look, tell of an event.
 */
#include "service.h"

#include "audit.h"
#include "log.h"
#include "mem.h"
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- open --- */

static bool eui_or_empty(const char *member, char text[17], struct err *e)
{
    struct eui64 eui;

    if (text[0] == '\0')
        return true;
    if (!eui64_parse(text, strlen(text), &eui))
        return err_set(e, ERR_INPUT, "request.member", "member %s: \"%s\" is no EUI-64",
                       member, text);
    hex_encode(eui.b, 8, text);
    return true;
}

static bool step_open(struct service *sv, const struct request *r, struct span body,
                      struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    struct docket_incident i = {0};
    char route[32] = "undecided";
    char initiator[32] = "";
    char notice[2048] = "";
    char who[32];
    AUTO(mem) char *evidence = NULL;
    json_t *j;
    json_t *ev;
    bool ok;
    const struct member members[] = {
        {"id", MEMBER_TEXT, false, i.id, sizeof i.id, NULL},
        {"title", MEMBER_TEXT, true, i.title, sizeof i.title, NULL},
        {"route", MEMBER_TEXT, false, route, sizeof route, NULL},
        {"initiator", MEMBER_TEXT, true, initiator, sizeof initiator, NULL},
        {"subscriber", MEMBER_TEXT, false, i.subscriber, sizeof i.subscriber, NULL},
        {"replacement_subscriber", MEMBER_TEXT, false, i.replacement, sizeof i.replacement,
         NULL},
        {"parent", MEMBER_TEXT, false, i.parent, sizeof i.parent, NULL},
        {"exercise", MEMBER_BOOL, true, &i.exercise, 0, NULL},
        {"notice", MEMBER_TEXT, true, notice, sizeof notice, NULL},
    };

    if (!request_json(body, &j, e))
        return false;
    ok = request_members(j, members, sizeof members / sizeof members[0], e);
    json_decref(j);
    if (!ok || !eui_or_empty("subscriber", i.subscriber, e) ||
        !eui_or_empty("replacement_subscriber", i.replacement, e))
        return false;
    if (!incident_route_find(route, &i.route))
        return err_set(e, ERR_INPUT, "request.member", "member route: \"%s\" is no route",
                       route);
    if (!incident_actor_find(initiator, &i.initiator))
        return err_set(e, ERR_INPUT, "request.member", "member initiator: \"%s\" is nobody",
                       initiator);
    ev = json_pack("{s:s}", "notice", notice);
    evidence = ev != NULL ? json_dumps(ev, JSON_COMPACT) : NULL;
    json_decref(ev);
    if (evidence == NULL)
        return err_set(e, ERR_INPUT, "request.member", "member notice is not UTF-8");
    service_who(r, who);
    if (!docket_open(&d, &i, evidence, who, e)) {
        docket_incident_done(&i);
        return false;
    }
    log_event(LOG_NOTICE, MSG_INCIDENT_OPENED,
              &(struct log_fields){.incident = i.id, .peer = &r->peer}, "incident %s: %s",
              i.id, i.title);
    reply_header(out, "Location", "/v1/incidents/%s", i.id);
    ok = reply_json(out, 201,
                    json_pack("{s:s,s:s,s:s,s:b}", "id", i.id, "route",
                              incident_route(i.route)->name, "state",
                              incident_state(i.state)->name, "exercise", (int)i.exercise),
                    e);
    docket_incident_done(&i);
    return ok;
}

HANDLER(api_incident_open)
{
    return service_change(arg, r, body, body, step_open, out, e);
}

/* --- look --- */

static json_t *incident_json(const struct docket_incident *i)
{
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:o,s:o,s:o}", "id", i->id, "title",
        i->title, "route", incident_route(i->route)->name, "state",
        incident_state(i->state)->name, "about", incident_state(i->state)->sentence,
        "initiator", incident_actor_name(i->initiator), "subscriber", i->subscriber,
        "replacement_subscriber", i->replacement, "parent", i->parent, "exercise",
        (int)i->exercise, "opened", service_time(i->opened_us), "since",
        service_time(i->since_us), "closed", service_time(i->closed_us));
}

static bool add_incident(void *arg, const struct docket_incident *i)
{
    (void)json_array_append_new(arg, incident_json(i));
    return true;
}

static bool counts(struct service *sv, json_t *j, struct err *e)
{
    const char *id = json_string_value(json_object_get(j, "id"));
    struct digest sha256;
    uint32_t rows = 0;
    int64_t n = 0;
    bool found;

    if (!docket_roster(sv->store, id, &sha256, &rows, &found, e) ||
        !store_number(sv->store, &n, &found, e,
                      "SELECT sum(signed) FROM batch WHERE incident = ?1", "t", id))
        return false;
    (void)json_object_set_new(j, "devices", json_integer(rows));
    (void)json_object_set_new(j, "signed", json_integer(n));
    n = 0;
    if (!store_number(
            sv->store, &n, &found, e,
            "SELECT count(*) FROM outcome WHERE incident = ?1 AND state = 'success'", "t",
            id))
        return false;
    (void)json_object_set_new(j, "recovered", json_integer(n));
    return true;
}

HANDLER(api_incidents)
{
    struct service *sv = arg;
    json_t *list = json_array();
    json_t *one;
    size_t at;

    (void)r;
    (void)body;
    if (!docket_each(sv->store, add_incident, list, e)) {
        json_decref(list);
        return false;
    }
    json_array_foreach(list, at, one) if (!counts(sv, one, e))
    {
        json_decref(list);
        return false;
    }
    return reply_json(out, 200, json_pack("{s:o}", "incidents", list), e);
}

static bool add_event(void *arg, const struct store_row *row)
{
    json_t *evidence = json_loads(store_text(row, 6), 0, NULL);

    (void)json_array_append_new(
        arg,
        json_pack("{s:I,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:o*}", "n",
                  (json_int_t)store_i64(row, 0), "event", store_text(row, 1), "from",
                  store_text(row, 2), "to", store_text(row, 3), "at",
                  service_time(store_i64(row, 4)), "by", store_text(row, 5), "as",
                  store_text(row, 7), "source", store_text(row, 8), "evidence", evidence));
    return true;
}

static bool add_roster(void *arg, const struct store_row *row)
{
    char hex[HEX_LEN(32)] = "";

    if (store_blob(row, 1).len == 32)
        hex_encode_lower(store_blob(row, 1).at, 32, hex);
    (void)json_array_append_new(
        arg, json_pack("{s:I,s:s,s:I,s:o*,s:o}", "version", (json_int_t)store_i64(row, 0),
                       "sha256", hex, "count", (json_int_t)store_i64(row, 2), "by_type",
                       json_loads(store_text(row, 3), 0, NULL), "at",
                       service_time(store_i64(row, 4))));
    return true;
}

/* Who was counted, by name. */
static json_t *holders(const char *verdict)
{
    json_t *signers = json_loads(verdict, 0, NULL);
    json_t *list = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(signers, i, one) if (json_is_true(json_object_get(one, "counted")))(
        void) json_array_append(list, json_object_get(one, "holder"));
    json_decref(signers);
    return list;
}

static bool add_decision(void *arg, const struct store_row *row)
{
    char hex[HEX_LEN(32)] = "";

    if (store_blob(row, 0).len == 32)
        hex_encode_lower(store_blob(row, 0).at, 32, hex);
    (void)json_array_append_new(
        arg,
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:o}", "id", store_text(row, 1),
                  "sha256", hex, "outcome", store_text(row, 2), "state", store_text(row, 3),
                  "supersedes", store_text(row, 4), "at", service_time(store_i64(row, 5)),
                  "by", store_text(row, 6), "method", store_text(row, 7), "reasons",
                  store_text(row, 8), "holders", holders(store_text(row, 9))));
    return true;
}

static bool add_file(void *arg, const struct store_row *row)
{
    char hex[HEX_LEN(32)] = "";

    if (store_blob(row, 2).len == 32)
        hex_encode_lower(store_blob(row, 2).at, 32, hex);
    (void)json_array_append_new(
        arg, json_pack("{s:s,s:s,s:s,s:o*,s:o,s:s}", "file", store_text(row, 0), "kind",
                       store_text(row, 1), "sha256", hex, "totals",
                       strcmp(store_text(row, 1), "progress") == 0
                           ? json_loads(store_text(row, 3), 0, NULL)
                           : NULL,
                       "at", service_time(store_i64(row, 4)), "by", store_text(row, 5)));
    return true;
}

static bool add_batch(void *arg, const struct batch *b)
{
    (void)json_array_append_new(arg, service_batch_json(b, 0));
    return true;
}

static bool add_child(void *arg, const struct store_row *row)
{
    (void)json_array_append_new(arg, json_pack("{s:s,s:s,s:s}", "id", store_text(row, 0),
                                               "route", store_text(row, 1), "state",
                                               store_text(row, 2)));
    return true;
}

/* What was refused, from the audit chain, with the source of the rule. */
static bool add_refusal(void *arg, const struct store_row *row)
{
    json_t *line = json_loads(store_text(row, 0), 0, NULL);
    json_t *data = json_object_get(line, "data");
    const char *id = json_string_value(json_object_get(data, "rule"));
    const struct rule *rule = id != NULL ? rules_find(id) : NULL;

    (void)json_array_append_new(arg, json_pack("{s:O*,s:O*,s:O*,s:s,s:O*,s:O*}", "at",
                                               json_object_get(line, "at"), "by",
                                               json_object_get(line, "actor"), "rule",
                                               json_object_get(data, "rule"), "source",
                                               rule != NULL ? rule->source : "", "why",
                                               json_object_get(data, "text"), "request",
                                               json_object_get(data, "request")));
    json_decref(line);
    return true;
}

/* Each batch names the document that it is signed under. */
static void name_decisions(json_t *batches, const json_t *decisions)
{
    json_t *b, *d;
    size_t i, k;

    json_array_foreach(batches, i, b)
    {
        json_array_foreach(decisions, k, d)
        {
            if (json_equal(json_object_get(b, "decision_sha256"),
                           json_object_get(d, "sha256")))
                (void)json_object_set(b, "decision", json_object_get(d, "id"));
        }
    }
}

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

HANDLER(api_incident_show)
{
    struct service *sv = arg;
    struct docket_incident i;
    const char *id = r->args[0];
    json_t *events = json_array();
    json_t *rosters = json_array();
    json_t *decisions = json_array();
    json_t *batches = json_array();
    json_t *children = json_array();
    json_t *files = json_array();
    json_t *refusals = json_array();
    json_t *j;
    bool ok;

    (void)body;
    ok = docket_get(sv->store, id, &i, e) &&
         store_each(sv->store, add_event, events, e,
                    "SELECT n, event, from_state, to_state, at_us, actor, evidence, role,"
                    " source FROM incident_event WHERE incident = ?1 ORDER BY n",
                    "t", id) &&
         store_each(sv->store, add_roster, rosters, e,
                    "SELECT version, sha256, rows, by_type, at_us FROM roster"
                    " WHERE incident = ?1 ORDER BY version",
                    "t", id) &&
         store_each(
             sv->store, add_decision, decisions, e,
             "SELECT sha256, id, outcome, state, supersedes, at_us, actor,"
             " json_extract(json, '$.method'), json_extract(json, '$.reasons'), verdict"
             " FROM decision WHERE incident = ?1 ORDER BY at_us, rowid",
             "t", id) &&
         store_each(sv->store, add_child, children, e,
                    "SELECT id, route, state FROM incident WHERE parent = ?1 ORDER BY id",
                    "t", id) &&
         store_each(sv->store, add_file, files, e,
                    "SELECT id, kind, sha256, totals, at_us, actor FROM file"
                    " WHERE incident = ?1 ORDER BY rowid",
                    "t", id) &&
         store_each(sv->store, add_refusal, refusals, e,
                    "SELECT line FROM refused JOIN audit USING (seq) WHERE incident = ?1"
                    " ORDER BY seq",
                    "t", id) &&
         queue_each(sv->store, id, add_batch, batches, e);
    if (!ok) {
        json_decref(events);
        json_decref(rosters);
        json_decref(decisions);
        json_decref(batches);
        json_decref(children);
        json_decref(files);
        json_decref(refusals);
        return false;
    }
    name_decisions(batches, decisions);
    j = incident_json(&i);
    (void)json_object_set_new(j, "declared", json_loads(i.declared, 0, NULL));
    (void)json_object_set_new(j, "next", next_events(&i));
    (void)json_object_set_new(
        j, "roster",
        json_array_size(rosters) > 0
            ? json_incref(json_array_get(rosters, json_array_size(rosters) - 1))
            : json_null());
    (void)json_object_set_new(j, "rosters", rosters);
    (void)json_object_set_new(j, "events", events);
    (void)json_object_set_new(j, "decisions", decisions);
    (void)json_object_set_new(j, "batches", batches);
    (void)json_object_set_new(j, "children", children);
    (void)json_object_set_new(j, "files", files);
    (void)json_object_set_new(j, "refusals", refusals);
    docket_incident_done(&i);
    if (!counts(sv, j, e)) {
        json_decref(j);
        return false;
    }
    return reply_json(out, 200, j, e);
}

/* --- events --- */

/* A text stands for every kind of evidence that the step asks for. */
static json_t *spread(const json_t *text, const struct transition *row)
{
    json_t *o = json_object();

    for (size_t k = 0; row != NULL && k < EVIDENCE_COUNT; k++)
        if (row->evidence & EVIDENCE_BIT(k))
            (void)json_object_set_new(o, incident_evidence_name((enum evidence)k),
                                      json_string(json_string_value(text)));
    if (json_object_size(o) == 0)
        (void)json_object_set_new(o, "notice", json_string(json_string_value(text)));
    return o;
}

static bool step_event(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    struct docket_incident i;
    struct incident_move move;
    struct docket_step step = {0};
    char event[40] = "";
    char as[24] = "dcc";
    char who[32];
    AUTO(mem) char *evidence_text = NULL;
    AUTO(mem) char *facts_text = NULL;
    json_t *evidence = NULL;
    json_t *facts = NULL;
    json_t *j;
    bool ok;
    const struct member members[] = {
        {"event", MEMBER_TEXT, true, event, sizeof event, NULL},
        {"as_role", MEMBER_TEXT, false, as, sizeof as, NULL},
        {"evidence", MEMBER_ANY, false, &evidence, 0, NULL},
        {"facts", MEMBER_ANY, false, &facts, 0, NULL},
    };

    if (!request_json(body, &j, e))
        return false;
    ok = request_members(j, members, sizeof members / sizeof members[0], e) &&
         docket_get(sv->store, r->args[0], &i, e);
    if (!ok) {
        json_decref(j);
        return false;
    }
    if (!incident_event_find(event, &step.event))
        ok = err_set(e, ERR_INPUT, "request.member", "member event: \"%s\" is no event",
                     event);
    else if (!incident_actor_find(as, &step.actor))
        ok =
            err_set(e, ERR_INPUT, "request.member", "member as_role: \"%s\" is nobody", as);
    else if (step.actor == ACTOR_PMA || step.actor == ACTOR_CUSTODIANS ||
             step.actor == ACTOR_SYSTEM)
        ok = err_set(
            e, ERR_DENIED, "incident.by-document",
            "the %s speaks by a signed document or by itself, never by an operator's "
            "hand",
            as);
    if (ok && json_is_string(evidence)) {
        evidence = spread(evidence, incident_next(i.route, i.state, step.event));
        evidence_text = json_dumps(evidence, JSON_COMPACT);
        json_decref(evidence);
    } else if (ok && evidence != NULL) {
        evidence_text = json_dumps(evidence, JSON_COMPACT);
    }
    if (ok && facts != NULL)
        facts_text = json_dumps(facts, JSON_COMPACT);
    json_decref(j);
    service_who(r, who);
    step.evidence = evidence_text;
    step.declare = facts_text;
    step.who = who;
    if (ok)
        ok = docket_take_step(&d, &i, &step, &move, e);
    sv->after.end_signers = ok && step.event == EVENT_DEACTIVATE_KEY;
    if (ok)
        log_event(LOG_NOTICE, MSG_INCIDENT_MOVED,
                  &(struct log_fields){.incident = i.id, .peer = &r->peer},
                  "incident %s: %s, now %s", i.id, event, incident_state(i.state)->name);
    if (ok)
        ok = reply_json(out, 200,
                        json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", i.id, "event", event,
                                  "state", incident_state(i.state)->name, "route",
                                  incident_route(i.route)->name, "effect",
                                  incident_effect_name(move.row->effect)),
                        e);
    docket_incident_done(&i);
    return ok;
}

HANDLER(api_incident_event)
{
    return service_change(arg, r, body, body, step_event, out, e);
}
