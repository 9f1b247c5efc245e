/* SPDX-License-Identifier: MIT
 *
 * Requests about incidents: open, look, tell of an event.
 */
#include "hats.h"

#include "audit.h"
#include "holding.h"
#include "hsmloss.h"
#include "log.h"
#include "mem.h"
#include "near.h"

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

/* What opens an incident. */
struct opening {
    struct docket_incident i;
    char route[32];
    char initiator[32];
    char notice[2048];
    char hsm_loss[256]; /* names with commas between them */
};

/* What the table says of that loss goes on file with the notice, as it is said now; an
 * incident whose route nobody names begins where the answer leads. */
static bool loss_of(struct opening *asked, json_t **answer, struct err *e)
{
    struct hsmloss_advice a;
    uint32_t lost;

    *answer = NULL;
    if (asked->hsm_loss[0] == '\0')
        return true;
    if (!hsmloss_parse(asked->hsm_loss, &lost, e))
        return err_wrap(e, "member hsm_loss");
    if (!hsmloss_advise(lost, &a))
        return err_set(e, ERR_INPUT, "request.member", "member hsm_loss names nothing");
    if (asked->route[0] == '\0')
        (void)snprintf(asked->route, sizeof asked->route, "%s",
                       incident_route(a.opens)->name);
    *answer = hsmloss_json(&a);
    return *answer != NULL || err_set(e, ERR_STORE, "store.memory", "out of memory");
}

/* --- words that are none of those there are --- */

static const char *actor_word(unsigned i)
{
    return incident_actor_name((enum actor)i);
}

static const char *route_word(unsigned i)
{
    return incident_route((enum route)i)->name;
}

static const char *event_word(unsigned i)
{
    return incident_event((enum event)i)->name;
}

static bool no_word(const char *member, const char *what, const char *given, unsigned n,
                    const char *(*word)(unsigned i), struct err *e)
{
    const char *words[EVENT_COUNT];
    char hint[NEAR_TEXT];

    _Static_assert(EVENT_COUNT >= (int)ACTOR_COUNT && EVENT_COUNT >= (int)ROUTE_COUNT,
                   "room for each list");
    for (unsigned i = 0; i < n; i++)
        words[i] = word(i);
    return err_set(e, ERR_INPUT, "request.member", "member %s: \"%.60s\" is %s%s", member,
                   given, what, near_hint(hint, given, words, n));
}

static bool step_open(struct service *sv, const struct request *r, struct span body,
                      struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    struct opening asked = {.route = ""};
    struct docket_incident *i = &asked.i;
    char who[PEER_TEXT];
    AUTO(mem) char *evidence = NULL;
    json_t *ev;
    json_t *loss;
    bool ok;
    static const struct strictjson_member members[] = {
        {"id", MAY, strictjson_text, STRICTJSON_AT(struct opening, i.id), NULL, 0, 0},
        {"title", MUST, strictjson_text, STRICTJSON_AT(struct opening, i.title), NULL, 0,
         0},
        {"route", MAY, strictjson_text, STRICTJSON_AT(struct opening, route), NULL, 0, 0},
        {"initiator", MUST, strictjson_text, STRICTJSON_AT(struct opening, initiator), NULL,
         0, 0},
        {"subscriber", MAY, strictjson_text, STRICTJSON_AT(struct opening, i.subscriber),
         NULL, 0, 0},
        {"replacement_subscriber", MAY, strictjson_text,
         STRICTJSON_AT(struct opening, i.replacement), NULL, 0, 0},
        {"parent", MAY, strictjson_name, STRICTJSON_AT(struct opening, i.parent), NULL, 0,
         0},
        {"exercise", MUST, strictjson_flag, STRICTJSON_AT(struct opening, i.exercise), NULL,
         0, 0},
        {"notice", MUST, strictjson_text, STRICTJSON_AT(struct opening, notice), NULL, 0,
         0},
        {"hsm_loss", MAY, strictjson_text, STRICTJSON_AT(struct opening, hsm_loss), NULL, 0,
         0},
        {0},
    };

    if (!request_json(body, members, &asked, NULL, e) ||
        !eui_or_empty("subscriber", i->subscriber, e) ||
        !eui_or_empty("replacement_subscriber", i->replacement, e))
        return false;
    if (!incident_actor_find(asked.initiator, &i->initiator))
        return no_word("initiator", "nobody", asked.initiator, ACTOR_COUNT, actor_word, e);
    if (!loss_of(&asked, &loss, e))
        return false;
    ev = json_pack("{s:s,s:o*}", "notice", asked.notice, "hsm-loss", loss);
    evidence = ev != NULL ? json_dumps(ev, JSON_COMPACT) : NULL;
    json_decref(ev);
    if (evidence == NULL)
        return err_set(e, ERR_INPUT, "request.member", "member notice is not UTF-8");
    if (asked.route[0] == '\0')
        (void)strcpy(asked.route, incident_route(ROUTE_UNDECIDED)->name);
    if (!incident_route_find(asked.route, &i->route))
        return no_word("route", "no route", asked.route, ROUTE_COUNT, route_word, e);
    service_who(r, who);
    if (!docket_open(&d, i, evidence, who, e)) {
        docket_incident_done(i);
        return false;
    }
    log_event(LOG_NOTICE, MSG_INCIDENT_OPENED,
              &(struct log_fields){.incident = i->id, .peer = &r->peer}, "incident %s: %s",
              i->id, i->title);
    reply_header(out, "Location", "/v1/incidents/%s", i->id);
    ok = reply_json(out, 201,
                    json_pack("{s:s,s:s,s:s,s:b}", "id", i->id, "route",
                              incident_route(i->route)->name, "state",
                              incident_state(i->state)->name, "exercise", (int)i->exercise),
                    e);
    docket_incident_done(i);
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
    struct docket_show_page p;
    json_t *list;

    (void)body;
    return service_page(r, &p, e) && docket_show_all(sv->store, &p, &list, e) &&
           service_page_reply(out, "incidents", list, &p, e);
}

/* Where the alarm was over after commands were signed, the story says what devices hold. */
static bool add_holds(struct service *sv, const char *incident, json_t *j, struct err *e)
{
    bool midway;

    return docket_was(sv->store, incident, STATE_STOPPED_MIDWAY, &midway, e) &&
           (!midway || api_holds(sv, incident, j, e));
}

static bool show(struct service *sv, const struct request *r, struct span body,
                 struct reply *out, struct err *e)
{
    json_t *j;

    (void)body;
    if (!docket_show(sv->store, r->args[0], &j, e))
        return false;
    if (!add_holds(sv, r->args[0], j, e)) {
        json_decref(j);
        return false;
    }
    hats_tell(sv, j);
    return reply_json(out, 200, j, e);
}

HANDLER(api_incident_show)
{
    return service_look(arg, r, body, show, out, e);
}

static bool part(struct service *sv, const struct request *r, struct span body,
                 struct reply *out, struct err *e)
{
    struct docket_show_page p;
    json_t *list;

    (void)body;
    if (!service_page(r, &p, e) ||
        !docket_show_part(sv->store, r->args[0], r->args[1], &p, &list, e))
        return false;
    hats_tell(sv, list);
    return service_page_reply(out, r->args[1], list, &p, e);
}

HANDLER(api_incident_part)
{
    return service_glance(arg, r, body, part, out, e);
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

/* What an operator says has happened. */
struct happening {
    char event[40];
    char as[24];
    json_t *evidence;
    json_t *facts;
};

static bool note_halted(void *arg, const struct docket_incident *i)
{
    if (i->state == STATE_HALTED)
        (void)json_array_append_new(arg, json_string(i->id));
    return true;
}

/* Incidents that stand still because the Recovery key is in doubt, or gone: a batch of theirs
 * that is held would wait for a key that nobody switches on again. */
static bool stop_frozen(struct service *sv, const struct docket_step *taken, struct err *e)
{
    json_t *halted = json_array();
    bool ok = docket_each(sv->store, note_halted, halted, e);

    for (size_t n = 0; ok && n < json_array_size(halted); n++)
        ok = service_stop_batches(sv, json_string_value(json_array_get(halted, n)),
                                  "incident.may-not-sign",
                                  "another incident put its key in doubt", taken->who, e);
    json_decref(halted);
    return ok;
}

/* Nothing waits in the queue for an alarm that is over, or for the PMA to say so. */
static bool stop_queue(struct service *sv, const struct docket_incident *i,
                       const struct docket_step *taken, const struct incident_move *move,
                       struct err *e)
{
    if (move->row->effect == EFFECT_FREEZE)
        return stop_frozen(sv, taken, e);
    return taken->event != EVENT_CONFIRM_WITHDRAWAL ||
           service_stop_batches(sv, i->id, "incident.may-not-sign",
                                "the withdrawal was confirmed", taken->who, e);
}

static bool step_event(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    struct docket_incident i;
    struct incident_move move;
    struct docket_step step = {0};
    struct happening asked = {.as = "dcc"};
    const char *event = asked.event;
    const char *as = asked.as;
    char who[PEER_TEXT];
    AUTO(mem) char *evidence_text = NULL;
    AUTO(mem) char *facts_text = NULL;
    json_t *evidence;
    json_t *j;
    bool ok;
    static const struct strictjson_member members[] = {
        {"event", MUST, strictjson_text, STRICTJSON_AT(struct happening, event), NULL, 0,
         0},
        {"as_role", MAY, strictjson_text, STRICTJSON_AT(struct happening, as), NULL, 0, 0},
        {"evidence", MAY, strictjson_any, STRICTJSON_AT(struct happening, evidence), NULL,
         0, 0},
        {"facts", MAY, strictjson_any, STRICTJSON_AT(struct happening, facts), NULL, 0, 0},
        {0},
    };

    if (!request_json(body, members, &asked, &j, e))
        return false;
    evidence = asked.evidence;
    if (!docket_get(sv->store, r->args[0], &i, e)) {
        json_decref(j);
        return false;
    }
    ok = true;
    if (!incident_event_find(event, &step.event))
        ok = no_word("event", "no event", event, EVENT_COUNT, event_word, e);
    else if (!incident_actor_find(as, &step.actor))
        ok = no_word("as_role", "nobody", as, ACTOR_COUNT, actor_word, e);
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
    if (ok && asked.facts != NULL)
        facts_text = json_dumps(asked.facts, JSON_COMPACT);
    json_decref(j);
    service_who(r, who);
    step.evidence = evidence_text;
    step.declare = facts_text;
    step.who = who;
    if (ok)
        ok = docket_take_step(&d, &i, &step, &move, e) &&
             (step.event != EVENT_CONFIRM_AMENDMENT || api_file_amendment(sv, r, &i, e));
    ok = ok && stop_queue(sv, &i, &step, &move, e);
    sv->after.tell_keys = ok && i.state == STATE_RECOVERED;
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
