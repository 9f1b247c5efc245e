/* SPDX-License-Identifier: MIT */
#include "docket_show.h"

#include "clock.h"
#include "holding.h"
#include "ledger.h"
#include "mem.h"
#include "preflight.h"
#include "rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- pages --- */

static bool fits(struct docket_show_page *p, const char *key)
{
    if (p->n == p->limit) {
        (void)snprintf(p->next, sizeof p->next, "%s", p->last);
        return false;
    }
    (void)snprintf(p->last, sizeof p->last, "%s", key);
    p->n++;
    return true;
}

bool docket_show_fits_number(struct docket_show_page *p, int64_t key)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, key);
    return fits(p, text);
}

bool docket_show_behind(const struct docket_show_page *p, int64_t *key, struct err *e)
{
    char *end;

    *key = 0;
    if (p->from[0] == '\0')
        return true;
    errno = 0;
    *key = strtoll(p->from, &end, 10);
    return (errno == 0 && *end == '\0' && p->from[0] >= '0' && p->from[0] <= '9') ||
           err_set(e, ERR_INPUT, "request.query",
                   "from=%s: a page says by \"next\" what the one behind it begins with",
                   p->from);
}

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

struct listing { /* a list as it fills */
    struct store *store;
    struct docket_show_page *page;
    json_t *list;
    json_t *(*show)(const struct store_row *row);
    struct err *e;
    bool ok;
};

static bool add_incident(void *arg, const struct docket_incident *i)
{
    struct listing *l = arg;

    if (!fits(l->page, i->id))
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

static bool known(struct store *s, const char *incident, struct err *e)
{
    struct docket_incident i;

    if (!docket_get(s, incident, &i, e))
        return false;
    docket_incident_done(&i);
    return true;
}

bool docket_show_all(struct store *s, struct docket_show_page *p, json_t **out,
                     struct err *e)
{
    struct listing l = {.store = s, .page = p};
    struct err none;
    json_t *one;
    size_t at;
    bool ok = true;

    *out = NULL;
    if (p->from[0] != '\0' && !known(s, p->from, &none))
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

static json_t *show_event(const struct store_row *row)
{
    json_t *evidence = json_loads(store_text(row, 6), 0, NULL);

    return json_pack(
        "{s:I,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:o*}", "n", (json_int_t)store_i64(row, 0),
        "event", store_text(row, 1), "from", store_text(row, 2), "to", store_text(row, 3),
        "at", docket_show_time(store_i64(row, 4)), "by", store_text(row, 5), "as",
        store_text(row, 7), "source", store_text(row, 8), "evidence", evidence);
}

static json_t *show_roster(const struct store_row *row)
{
    char hex[HEX_LEN(32)] = "";

    if (store_blob(row, 1).len == 32)
        hex_encode_lower(store_blob(row, 1).at, 32, hex);
    return json_pack(
        "{s:I,s:s,s:I,s:o*,s:o,s:s,s:b,s:I,s:I,s:I,s:s,s:s}", "version",
        (json_int_t)store_i64(row, 0), "sha256", hex, "count",
        (json_int_t)store_i64(row, 2), "by_type", json_loads(store_text(row, 3), 0, NULL),
        "at", docket_show_time(store_i64(row, 4)), "state", store_text(row, 5), "named",
        (int)store_i64(row, 6), "added", (json_int_t)store_i64(row, 7), "removed",
        (json_int_t)store_i64(row, 8), "changed", (json_int_t)store_i64(row, 9), "reason",
        store_text(row, 10), "by", store_text(row, 11));
}

static json_t *show_bundle(const struct store_row *row)
{
    return json_pack("{s:I,s:I,s:o*,s:o*,s:o,s:s}", "version",
                     (json_int_t)store_i64(row, 0), "certificates",
                     (json_int_t)store_i64(row, 1), "added",
                     json_loads(store_text(row, 2), 0, NULL), "removed",
                     json_loads(store_text(row, 3), 0, NULL), "at",
                     docket_show_time(store_i64(row, 4)), "by", store_text(row, 5));
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

static json_t *show_decision(const struct store_row *row)
{
    char hex[HEX_LEN(32)] = "";

    if (store_blob(row, 1).len == 32)
        hex_encode_lower(store_blob(row, 1).at, 32, hex);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:o}", "id", store_text(row, 2),
                     "sha256", hex, "outcome", store_text(row, 3), "state",
                     store_text(row, 4), "supersedes", store_text(row, 5), "at",
                     docket_show_time(store_i64(row, 6)), "by", store_text(row, 7),
                     "method", store_text(row, 8), "reasons", store_text(row, 9), "holders",
                     holders(store_text(row, 10)));
}

static json_t *show_file(const struct store_row *row)
{
    char hex[HEX_LEN(32)] = "";

    if (store_blob(row, 3).len == 32)
        hex_encode_lower(store_blob(row, 3).at, 32, hex);
    return json_pack("{s:s,s:s,s:s,s:o*,s:o,s:s}", "file", store_text(row, 1), "kind",
                     store_text(row, 2), "sha256", hex, "totals",
                     strcmp(store_text(row, 2), "progress") == 0
                         ? json_loads(store_text(row, 4), 0, NULL)
                         : NULL,
                     "at", docket_show_time(store_i64(row, 5)), "by", store_text(row, 6));
}

/* How a paper differs from the notification that was in force. */
static json_t *show_difference(const struct store_row *row)
{
    return json_pack("{s:s,s:o,s:o*}", "paper", store_text(row, 1), "at",
                     docket_show_time(store_i64(row, 3)), "figures",
                     json_loads(store_text(row, 2), 0, NULL));
}

static json_t *show_child(const struct store_row *row)
{
    return json_pack("{s:s,s:s,s:s}", "id", store_text(row, 1), "route", store_text(row, 2),
                     "state", store_text(row, 3));
}

/* What was refused, from the audit chain, with the source of the rule. */
static json_t *show_refusal(const struct store_row *row)
{
    json_t *line = json_loads(store_text(row, 1), 0, NULL);
    json_t *data = json_object_get(line, "data");
    const char *id = json_string_value(json_object_get(data, "rule"));
    const struct rule *rule = id != NULL ? rules_find(id) : NULL;
    json_t *j = json_pack(
        "{s:O*,s:O*,s:O*,s:s,s:O*,s:O*}", "at", json_object_get(line, "at"), "by",
        json_object_get(line, "actor"), "rule", json_object_get(data, "rule"), "source",
        rule != NULL ? rule->source : "", "why", json_object_get(data, "text"), "request",
        json_object_get(data, "request"));

    json_decref(line);
    return j;
}

static bool take_name(void *arg, const struct store_row *row)
{
    (void)json_object_set_new(arg, "decision", json_string(store_text(row, 0)));
    return false;
}

/* Each batch names the document that it is signed under. */
static bool add_batch(void *arg, const struct batch *b)
{
    struct listing *l = arg;
    json_t *j;

    if (!docket_show_fits_number(l->page, b->id))
        return false;
    j = docket_show_batch(b, 0);
    (void)json_array_append_new(l->list, j);
    l->ok = docket_show_failed(l->store, b, j, l->e) &&
            store_each(l->store, take_name, j, l->e,
                       "SELECT id FROM decision WHERE sha256 = ?1 AND incident = ?2", "bt",
                       span_of(b->decision.b, sizeof b->decision.b), b->incident);
    return l->ok;
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

/* The lists of an incident. A query has what an entry is known by in its first column, takes
 * ?1 the incident and ?2 the entry to begin behind; it is left once a page is full. */
#define ROSTER                                                                    \
    "SELECT version, sha256, rows, by_type, at_us, state, named, added, removed," \
    " changed, reason, actor FROM roster"
static const struct part {
    const char *name;
    json_t *(*show)(const struct store_row *row); /* NULL: batches, which the queue reads */
    const char *sql;
} parts[] = {
    {"batches", NULL, NULL},
    {"rosters", show_roster,
     ROSTER " WHERE incident = ?1 AND version > ?2 ORDER BY version"},
    {"bundles", show_bundle,
     "SELECT version, certificates, added, removed, at_us, actor FROM bundle"
     " WHERE incident = ?1 AND version > ?2 ORDER BY version"},
    {"events", show_event,
     "SELECT n, event, from_state, to_state, at_us, actor, evidence, role, source"
     " FROM incident_event WHERE incident = ?1 AND n > ?2 ORDER BY n"},
    {"decisions", show_decision,
     "SELECT rowid, sha256, id, outcome, state, supersedes, at_us, actor,"
     " json_extract(json, '$.method'), json_extract(json, '$.reasons'), verdict"
     " FROM decision WHERE incident = ?1 AND rowid > ?2 ORDER BY rowid"},
    {"children", show_child,
     "SELECT rowid, id, route, state FROM incident WHERE parent = ?1 AND rowid > ?2"
     " ORDER BY rowid"},
    {"files", show_file,
     "SELECT rowid, id, kind, sha256, totals, at_us, actor FROM file"
     " WHERE incident = ?1 AND rowid > ?2 ORDER BY rowid"},
    {"differences", show_difference,
     "SELECT n, paper, figures, at_us FROM difference WHERE incident = ?1 AND n > ?2"
     " ORDER BY n"},
    {"refusals", show_refusal,
     "SELECT seq, line FROM refused JOIN audit USING (seq) WHERE incident = ?1"
     " AND seq > ?2 ORDER BY seq"},
};
#define N_PARTS (sizeof parts / sizeof parts[0])

static bool add_row(void *arg, const struct store_row *row)
{
    struct listing *l = arg;

    if (!docket_show_fits_number(l->page, store_i64(row, 0)))
        return false;
    (void)json_array_append_new(l->list, l->show(row));
    return true;
}

static bool part_page(struct store *s, const char *incident, const struct part *part,
                      struct docket_show_page *p, json_t **out, struct err *e)
{
    struct listing l = {.store = s,
                        .page = p,
                        .list = json_array(),
                        .show = part->show,
                        .e = e,
                        .ok = true};
    int64_t behind;
    bool ok = docket_show_behind(p, &behind, e) &&
              (part->show == NULL
                   ? queue_each_behind(s, incident, behind, add_batch, &l, e)
                   : store_each(s, add_row, &l, e, part->sql, "ti", incident, behind)) &&
              l.ok;

    if (ok)
        *out = l.list;
    else
        json_decref(l.list);
    return ok;
}

bool docket_show_part(struct store *s, const char *incident, const char *name,
                      struct docket_show_page *p, json_t **out, struct err *e)
{
    *out = NULL;
    if (!known(s, incident, e))
        return false;
    for (size_t i = 0; i < N_PARTS; i++)
        if (strcmp(parts[i].name, name) == 0)
            return part_page(s, incident, &parts[i], p, out, e);
    return err_set(e, ERR_MISSING, "request.path", "an incident has no list \"%s\"", name);
}

static bool take_latest(void *arg, const struct store_row *row)
{
    (void)json_object_set_new(arg, "roster", show_roster(row));
    return false;
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

static bool story(struct store *s, json_t *j, struct err *e)
{
    const char *id = json_string_value(json_object_get(j, "id"));
    json_t *more = json_object();

    for (size_t i = 0; i < N_PARTS; i++) {
        struct docket_show_page p = {.limit = DOCKET_SHOW_PAGE};
        json_t *list;

        if (!part_page(s, id, &parts[i], &p, &list, e)) {
            json_decref(more);
            return false;
        }
        (void)json_object_set_new(j, parts[i].name, list);
        if (p.next[0] != '\0')
            (void)json_object_set_new(more, parts[i].name, json_string(p.next));
    }
    (void)json_object_set_new(j, "more", more);
    (void)json_object_set_new(j, "roster", json_null());
    return counts(s, j, e) && found_otherwise(s, j, e) &&
           store_each(s, take_latest, j, e,
                      ROSTER
                      " WHERE incident = ?1 AND state = 'filed' ORDER BY version DESC"
                      " LIMIT 1",
                      "t", id);
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

/* --- the register of keys --- */

static json_t *show_key(const struct store_row *row)
{
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "n",
                     (json_int_t)store_i64(row, 0), "what", store_text(row, 1), "incident",
                     store_text(row, 2), "cell", store_text(row, 3), "subject",
                     store_text(row, 4), "party", store_text(row, 5), "issuer",
                     store_text(row, 6), "serial", store_text(row, 7), "sha256",
                     store_text(row, 8), "key_sha256", store_text(row, 9), "source",
                     store_text(row, 10), "at", docket_show_time(store_i64(row, 11)),
                     "taken_back", docket_show_time(store_i64(row, 12)));
}

bool docket_show_keys(struct store *s, struct docket_show_page *p, json_t **out,
                      struct err *e)
{
    struct listing l = {
        .store = s, .page = p, .list = json_array(), .show = show_key, .e = e};
    int64_t behind;

    *out = l.list;
    if (docket_show_behind(p, &behind, e) &&
        store_each(s, add_row, &l, e,
                   "SELECT n, what, incident, cell, subject, party, issuer, serial, sha256,"
                   " key, source, at_us, back_us FROM key_entry WHERE n > ?1 ORDER BY n",
                   "i", behind))
        return true;
    json_decref(TAKE(*out));
    return false;
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
