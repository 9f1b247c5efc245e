/* SPDX-License-Identifier: MIT
 *
 * Requests about incidents: open, look, tell of an event.
 */
#include "service.h"

#include "audit.h"
#include "log.h"
#include "mem.h"

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

HANDLER(api_incidents)
{
    struct service *sv = arg;
    json_t *list;

    (void)r;
    (void)body;
    return docket_show_all(sv->store, &list, e) &&
           reply_json(out, 200, json_pack("{s:o}", "incidents", list), e);
}

HANDLER(api_incident_show)
{
    struct service *sv = arg;
    json_t *j;

    (void)body;
    return docket_show(sv->store, r->args[0], &j, e) && reply_json(out, 200, j, e);
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
