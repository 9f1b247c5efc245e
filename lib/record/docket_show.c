/* SPDX-License-Identifier: MIT */
#include "docket_show.h"

#include "clock.h"
#include "mem.h"
#include "outcome.h"
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
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
    j = json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:s,s:s,s:o,s:o,s:o,s:s,s:s}",
                  "id", (json_int_t)b->id, "incident", b->incident, "decision_sha256",
                  decision, "key", b->key, "originator", originator, "roster_sha256",
                  roster, "rows", (json_int_t)b->n_rows, "signed", (json_int_t)b->signed_,
                  "failed", (json_int_t)b->failed, "rate", rate, "state",
                  queue_state_name(b->state), "reason", b->reason, "asked",
                  docket_show_time(b->asked_us), "started", docket_show_time(b->started_us),
                  "ended", docket_show_time(b->ended_us), "asked_by", b->asked_by,
                  "confirmed_by", b->confirmed_by);
    docket_show_commands(j, &b->commands);
    return j;
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

static bool add_incident(void *arg, const struct docket_incident *i)
{
    (void)json_array_append_new(arg, incident_json(i));
    return true;
}

/* How far it is. */
static bool counts(struct store *s, json_t *j, struct err *e)
{
    const char *id = json_string_value(json_object_get(j, "id"));
    int64_t states[OUTCOME_STATES];
    struct digest sha256;
    int64_t signed_;
    int64_t failed;
    uint32_t rows = 0;
    bool found;

    if (!docket_roster(s, id, &sha256, &rows, &found, e) ||
        !queue_totals(s, id, &signed_, &failed, e) ||
        !outcome_count(s, id, false, states, e))
        return false;
    (void)json_object_set_new(j, "devices", json_integer(rows));
    (void)json_object_set_new(j, "signed", json_integer(signed_));
    (void)json_object_set_new(j, "recovered", json_integer(states[OUTCOME_SUCCESS]));
    return true;
}

bool docket_show_all(struct store *s, json_t **out, struct err *e)
{
    json_t *list = json_array();
    bool ok = docket_each(s, add_incident, list, e);
    json_t *one;
    size_t at;

    json_array_foreach(list, at, one)
    {
        ok = ok && counts(s, one, e);
    }
    *out = ok ? list : NULL;
    if (!ok)
        json_decref(list);
    return ok;
}

/* --- one, whole --- */

static bool add_event(void *arg, const struct store_row *row)
{
    json_t *evidence = json_loads(store_text(row, 6), 0, NULL);

    (void)json_array_append_new(
        arg,
        json_pack("{s:I,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:o*}", "n",
                  (json_int_t)store_i64(row, 0), "event", store_text(row, 1), "from",
                  store_text(row, 2), "to", store_text(row, 3), "at",
                  docket_show_time(store_i64(row, 4)), "by", store_text(row, 5), "as",
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
                       docket_show_time(store_i64(row, 4))));
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
        arg, json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:o}", "id",
                       store_text(row, 1), "sha256", hex, "outcome", store_text(row, 2),
                       "state", store_text(row, 3), "supersedes", store_text(row, 4), "at",
                       docket_show_time(store_i64(row, 5)), "by", store_text(row, 6),
                       "method", store_text(row, 7), "reasons", store_text(row, 8),
                       "holders", holders(store_text(row, 9))));
    return true;
}

static bool add_file(void *arg, const struct store_row *row)
{
    char hex[HEX_LEN(32)] = "";

    if (store_blob(row, 2).len == 32)
        hex_encode_lower(store_blob(row, 2).at, 32, hex);
    (void)json_array_append_new(arg, json_pack("{s:s,s:s,s:s,s:o*,s:o,s:s}", "file",
                                               store_text(row, 0), "kind",
                                               store_text(row, 1), "sha256", hex, "totals",
                                               strcmp(store_text(row, 1), "progress") == 0
                                                   ? json_loads(store_text(row, 3), 0, NULL)
                                                   : NULL,
                                               "at", docket_show_time(store_i64(row, 4)),
                                               "by", store_text(row, 5)));
    return true;
}

static bool add_batch(void *arg, const struct batch *b)
{
    (void)json_array_append_new(arg, docket_show_batch(b, 0));
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

/* A part of the story: an array under `name`, a row of the query each. */
static bool part(struct store *s, json_t *j, const char *name, store_row_fn add,
                 const char *sql, struct err *e)
{
    json_t *list = json_array();

    (void)json_object_set_new(j, name, list);
    return store_each(s, add, list, e, sql, "t",
                      json_string_value(json_object_get(j, "id")));
}

static bool story(struct store *s, json_t *j, struct err *e)
{
    const char *id = json_string_value(json_object_get(j, "id"));
    json_t *batches = json_array();

    (void)json_object_set_new(j, "batches", batches);
    return part(s, j, "rosters", add_roster,
                "SELECT version, sha256, rows, by_type, at_us FROM roster"
                " WHERE incident = ?1 ORDER BY version",
                e) &&
           part(s, j, "events", add_event,
                "SELECT n, event, from_state, to_state, at_us, actor, evidence, role,"
                " source FROM incident_event WHERE incident = ?1 ORDER BY n",
                e) &&
           part(s, j, "decisions", add_decision,
                "SELECT sha256, id, outcome, state, supersedes, at_us, actor,"
                " json_extract(json, '$.method'), json_extract(json, '$.reasons'), verdict"
                " FROM decision WHERE incident = ?1 ORDER BY at_us, rowid",
                e) &&
           part(s, j, "children", add_child,
                "SELECT id, route, state FROM incident WHERE parent = ?1 ORDER BY id", e) &&
           part(s, j, "files", add_file,
                "SELECT id, kind, sha256, totals, at_us, actor FROM file"
                " WHERE incident = ?1 ORDER BY rowid",
                e) &&
           part(s, j, "refusals", add_refusal,
                "SELECT line FROM refused JOIN audit USING (seq) WHERE incident = ?1"
                " ORDER BY seq",
                e) &&
           queue_each(s, id, add_batch, batches, e) && counts(s, j, e);
}

bool docket_show(struct store *s, const char *incident, json_t **out, struct err *e)
{
    struct docket_incident i;
    const json_t *rosters;
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
    rosters = json_object_get(j, "rosters");
    (void)json_object_set_new(
        j, "roster",
        json_array_size(rosters) > 0
            ? json_incref(json_array_get(rosters, json_array_size(rosters) - 1))
            : json_null());
    name_decisions(json_object_get(j, "batches"), json_object_get(j, "decisions"));
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
