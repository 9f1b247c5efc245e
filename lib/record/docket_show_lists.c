/* SPDX-License-Identifier: MIT
 *
 * Lists, page by page: those of an incident, and the register of keys.
 */
#include "docket_show_impl.h"

#include "incident.h"
#include "mem.h"
#include "rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- pages --- */

bool docket_show_fits(struct docket_show_page *p, const char *key)
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
    return docket_show_fits(p, text);
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

bool docket_show_known(struct store *s, const char *incident, struct err *e)
{
    struct docket_incident i;

    if (!docket_get(s, incident, &i, e))
        return false;
    docket_incident_done(&i);
    return true;
}

/* --- entries --- */

struct listing { /* a list as it fills */
    struct store *store;
    struct docket_show_page *page;
    json_t *list;
    json_t *(*show)(const struct store_row *row);
    struct err *e;
    bool ok;
};

static json_t *show_event(const struct store_row *row)
{
    json_t *evidence = json_loads(store_text(row, 6), 0, NULL);

    return json_pack(
        "{s:I,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:s,s:o*}", "n", (json_int_t)store_i64(row, 0),
        "event", store_text(row, 1), "from", store_text(row, 2), "to", store_text(row, 3),
        "at", docket_show_time(store_i64(row, 4)), "by", store_text(row, 5), "as",
        store_text(row, 7), "source", store_text(row, 8), "certainty",
        incident_certainty(store_text(row, 1), store_text(row, 8)), "evidence", evidence);
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
        "{s:O*,s:O*,s:O*,s:s,s:s,s:O*,s:O*,s:O*}", "at", json_object_get(line, "at"), "by",
        json_object_get(line, "actor"), "rule", json_object_get(data, "rule"), "source",
        rule != NULL ? rule->source : "", "certainty", rule != NULL ? rule->certainty : "",
        "why", json_object_get(data, "text"), "request", json_object_get(data, "request"),
        "signers", json_object_get(data, "signers"));

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

/* --- the lists of an incident --- */

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
    if (!docket_show_known(s, incident, e))
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

bool docket_show_lists(struct store *s, const char *incident, json_t *story, struct err *e)
{
    json_t *more = json_object();

    for (size_t i = 0; i < N_PARTS; i++) {
        struct docket_show_page p = {.limit = DOCKET_SHOW_PAGE};
        json_t *list;

        if (!part_page(s, incident, &parts[i], &p, &list, e)) {
            json_decref(more);
            return false;
        }
        (void)json_object_set_new(story, parts[i].name, list);
        if (p.next[0] != '\0')
            (void)json_object_set_new(more, parts[i].name, json_string(p.next));
    }
    (void)json_object_set_new(story, "more", more);
    (void)json_object_set_new(story, "roster", json_null());
    return store_each(s, take_latest, story, e,
                      ROSTER
                      " WHERE incident = ?1 AND state = 'filed' ORDER BY version DESC"
                      " LIMIT 1",
                      "t", incident);
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
