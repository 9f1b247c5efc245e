/* SPDX-License-Identifier: MIT
 *
 * What devices answered: responses in by stream, figures, the state of each device.
 */
#include "service.h"

#include "audit.h"
#include "log.h"
#include "mem.h"
#include "reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_HEX ((size_t)2 * 65536)
#define PER_COMMIT   1000

/* --- in --- */

struct ingest {
    struct service *sv;
    struct request r;
    struct roster roster;
    struct reconcile *rec;
    char *line;
    uint8_t *octets;
    size_t len;
    uint64_t no;
    uint64_t by_verdict[RECONCILE_VERDICTS];
    uint64_t in_transaction;
};

static void ingest_free(struct ingest *g)
{
    reconcile_close(g->rec);
    roster_done(&g->roster);
    free(g->line);
    free(g->octets);
    free(g);
}

static bool settle(struct ingest *g, struct err *e)
{
    char who[32];

    if (!store_in_transaction(g->sv->store))
        return true;
    service_who(&g->r, who);
    if (audit_put(g->sv->store, clock_now(&g->sv->clock), "RESPONSES_TAKEN", g->r.args[0],
                  who, e, "{s:I,s:I,s:I,s:I,s:I,s:I}", "lines", (json_int_t)g->no,
                  "success", (json_int_t)g->by_verdict[RECONCILE_SUCCESS], "partly",
                  (json_int_t)g->by_verdict[RECONCILE_PARTLY], "failed",
                  (json_int_t)g->by_verdict[RECONCILE_FAILED], "accepted",
                  (json_int_t)g->by_verdict[RECONCILE_ACCEPTED], "aside",
                  (json_int_t)g->by_verdict[RECONCILE_ASIDE]) &&
        store_commit(g->sv->store, e)) {
        g->in_transaction = 0;
        return true;
    }
    store_rollback(g->sv->store);
    return false;
}

static bool take_line(struct ingest *g, struct err *e)
{
    enum reconcile_verdict v = RECONCILE_ASIDE;
    int64_t now = clock_now(&g->sv->clock);
    bool ok;

    while (g->len > 0 && (g->line[g->len - 1] == '\r' || g->line[g->len - 1] == ' '))
        g->len--;
    g->no++;
    if (g->len == 0)
        return true;
    if (!store_in_transaction(g->sv->store) && !store_begin(g->sv->store, e))
        return false;
    if (g->len % 2 != 0 || g->len > LINE_MAX_HEX ||
        !hex_decode(g->line, g->len, g->octets, g->len / 2))
        ok = reconcile_aside(g->rec, span_of(g->line, g->len > 4096 ? 4096 : g->len),
                             "response.hex", "not one hexadecimal message", now, e);
    else
        ok = reconcile_take(g->rec, span_of(g->octets, g->len / 2), now, &v, e);
    g->by_verdict[v]++;
    g->len = 0;
    if (!ok) {
        store_rollback(g->sv->store);
        return false;
    }
    return ++g->in_transaction < PER_COMMIT || settle(g, e);
}

/* Each piece that arrives is settled before the loop goes on: no transaction stays open. */
static bool ingest_write(void *arg, const char *data, size_t len, struct err *e)
{
    struct ingest *g = arg;

    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n') {
            if (!take_line(g, e))
                return false;
        } else if (g->len < LINE_MAX_HEX + 2) {
            g->line[g->len++] = data[i]; /* what is longer is set aside cut */
        }
    }
    return settle(g, e);
}

static bool ingest_end(void *arg, struct reply *out, struct err *e)
{
    struct ingest *g = arg;
    json_t *j;
    bool ok;

    if (g->len > 0 && !take_line(g, e)) {
        ingest_free(g);
        return false;
    }
    ok = settle(g, e);
    if (ok) {
        j = json_pack("{s:I}", "lines", (json_int_t)g->no);
        for (size_t v = 0; v < RECONCILE_VERDICTS; v++)
            (void)json_object_set_new(j, reconcile_verdict_name((enum reconcile_verdict)v),
                                      json_integer((json_int_t)g->by_verdict[v]));
        log_event(LOG_NOTICE, MSG_RESPONSES_READ,
                  &(struct log_fields){.incident = g->r.args[0], .peer = &g->r.peer},
                  "incident %s: %llu answers taken in, %llu set aside", g->r.args[0],
                  (unsigned long long)g->no,
                  (unsigned long long)g->by_verdict[RECONCILE_ASIDE]);
        ok = reply_json(out, 200, j, e);
    }
    ingest_free(g);
    return ok;
}

static void ingest_abort(void *arg)
{
    struct ingest *g = arg;
    struct err e;

    /* what came before the line broke was settled piece by piece; it counts */
    (void)settle(g, &e);
    ingest_free(g);
}

bool api_responses_begin(void *arg, const struct request *r, struct sink *out,
                         struct err *e)
{
    struct service *sv = arg;
    struct docket_incident i;
    struct ingest *g;

    if (!docket_get(sv->store, r->args[0], &i, e))
        return false;
    docket_incident_done(&i);
    g = calloc(1, sizeof *g);
    if (g != NULL) {
        g->line = malloc(LINE_MAX_HEX + 4);
        g->octets = malloc(LINE_MAX_HEX / 2 + 2);
    }
    if (g == NULL || g->line == NULL || g->octets == NULL) {
        if (g != NULL)
            ingest_free(g);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    g->sv = sv;
    g->r = *r;
    if (!service_roster(sv, r->args[0], &g->roster, e) ||
        !reconcile_open(sv->store, r->args[0], &g->roster, &g->rec, e)) {
        ingest_free(g);
        return false;
    }
    *out = (struct sink){ingest_write, ingest_end, ingest_abort, g};
    return true;
}

/* --- marks: one statement of one person, all of it or nothing --- */

static bool mark_line(struct reconcile *rec, char *line, int64_t now, struct err *e)
{
    char *state = strchr(line, ',');
    char *reason = state != NULL ? strchr(state + 1, ',') : NULL;
    struct eui64 device;

    if (reason == NULL || reason[1] == '\0' ||
        !eui64_parse(line, (size_t)(state - line), &device))
        return err_set(e, ERR_INPUT, "response.mark", "not \"device,state,reason\"");
    *state++ = *reason++ = '\0';
    return reconcile_mark(rec, &device, state, reason, now, e);
}

static bool step_marks(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    AUTO(mem) char *text = strndup((const char *)body.at, body.len);
    struct reconcile *rec = NULL;
    struct roster roster;
    int64_t now = clock_now(&sv->clock);
    uint64_t no = 0;
    uint64_t marked = 0;
    char who[32];
    char *rest = text;
    bool ok;

    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!service_roster(sv, r->args[0], &roster, e))
        return false;
    ok = reconcile_open(sv->store, r->args[0], &roster, &rec, e);
    for (char *line; ok && (line = strsep(&rest, "\n")) != NULL;) {
        no++;
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0')
            continue;
        ok = mark_line(rec, line, now, e) ||
             err_wrap(e, "line %llu", (unsigned long long)no);
        marked++;
    }
    reconcile_close(rec);
    roster_done(&roster);
    service_who(r, who);
    return ok &&
           audit_put(sv->store, now, "DEVICES_MARKED", r->args[0], who, e, "{s:I}", "count",
                     (json_int_t)marked) &&
           reply_json(out, 200, json_pack("{s:I}", "marked", (json_int_t)marked), e);
}

HANDLER(api_marks)
{
    return service_change(arg, r, body, body, step_marks, out, e);
}

/* --- figures --- */

struct figures {
    json_t *by_type; /* type -> state -> count */
    json_t *by_state;
    json_t *failed_cells; /* cell -> status code -> count */
    json_t *set_aside;    /* rule -> count */
    int64_t answered;
};

static void figures_done(struct figures *f)
{
    json_decref(f->by_type);
    json_decref(f->by_state);
    json_decref(f->failed_cells);
    json_decref(f->set_aside);
}

static void add(json_t *o, const char *name, int64_t n)
{
    (void)json_object_set_new(
        o, name,
        json_integer(json_integer_value(json_object_get(o, name)) + (json_int_t)n));
}

static bool add_outcome(void *arg, const struct store_row *row)
{
    struct figures *f = arg;
    json_t *type = json_object_get(f->by_type, store_text(row, 0));

    if (type != NULL)
        add(type, store_text(row, 1), store_i64(row, 2));
    add(f->by_state, store_text(row, 1), store_i64(row, 2));
    f->answered += store_i64(row, 2);
    return true;
}

static bool add_cell(void *arg, const struct store_row *row)
{
    struct figures *f = arg;
    json_t *cell = json_object_get(f->failed_cells, store_text(row, 0));

    if (cell == NULL) {
        cell = json_object();
        (void)json_object_set_new(f->failed_cells, store_text(row, 0), cell);
    }
    add(cell, store_text(row, 1), store_i64(row, 2));
    return true;
}

static bool add_aside(void *arg, const struct store_row *row)
{
    (void)json_object_set_new(arg, store_text(row, 0), json_integer(store_i64(row, 1)));
    return true;
}

static bool add_all(struct service *sv, const char *incident, struct figures *f,
                    struct err *e)
{
    return store_each(sv->store, add_outcome, f, e,
                      "SELECT type, state, count(*) FROM outcome WHERE incident = ?1"
                      " GROUP BY type, state",
                      "t", incident) &&
           store_each(
               sv->store, add_cell, f, e,
               "SELECT cell.key, CAST(json_extract(cell.value, '$.status') AS TEXT),"
               " count(*) FROM outcome, json_each(outcome.cells) AS cell"
               " WHERE incident = ?1 AND state IN ('partly', 'failed')"
               " AND cell.type = 'object' AND json_extract(cell.value, '$.status') > 0"
               " GROUP BY 1, 2",
               "t", incident) &&
           store_each(sv->store, add_aside, f->set_aside, e,
                      "SELECT rule, count(*) FROM aside WHERE incident = ?1 GROUP BY rule",
                      "t", incident);
}

HANDLER(api_figures)
{
    struct service *sv = arg;
    struct figures f = {json_object(), json_object(), json_object(), json_object(), 0};
    struct roster roster;
    int64_t signed_rows = 0;
    int64_t failed_rows = 0;
    uint32_t devices;
    bool found;

    (void)body;
    if (!service_roster(sv, r->args[0], &roster, e)) {
        figures_done(&f);
        return false;
    }
    for (size_t t = 0; t < DEVICE_COUNT; t++)
        if (roster.by_type[t] > 0)
            (void)json_object_set_new(
                f.by_type, gbcs_device((enum device_type)t)->name,
                json_pack("{s:I}", "devices", (json_int_t)roster.by_type[t]));
    devices = roster.n_rows;
    roster_done(&roster);
    if (!add_all(sv, r->args[0], &f, e) ||
        !store_number(sv->store, &signed_rows, &found, e,
                      "SELECT sum(signed) FROM batch WHERE incident = ?1", "t",
                      r->args[0]) ||
        !store_number(sv->store, &failed_rows, &found, e,
                      "SELECT sum(failed) FROM batch WHERE incident = ?1", "t",
                      r->args[0])) {
        figures_done(&f);
        return false;
    }
    return reply_json(out, 200,
                      json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "incident",
                                r->args[0], "devices", (json_int_t)devices,
                                "commands_signed", (json_int_t)signed_rows, "rows_failed",
                                (json_int_t)failed_rows, "answered", (json_int_t)f.answered,
                                "unanswered", (json_int_t)devices - (json_int_t)f.answered,
                                "by_state", f.by_state, "by_type", f.by_type,
                                "failed_cells", f.failed_cells, "set_aside", f.set_aside),
                      e);
}

/* --- devices --- */

static bool put_outcome(void *arg, const struct store_row *row)
{
    json_t *o = arg;

    (void)json_object_set_new(o, "state", json_string(store_text(row, 0)));
    (void)json_object_set_new(o, "counter", json_integer(store_i64(row, 1)));
    (void)json_object_set_new(o, "attempts", json_integer(store_i64(row, 2)));
    (void)json_object_set_new(o, "answered", docket_show_time(store_i64(row, 3)));
    (void)json_object_set_new(o, "cells", json_loads(store_text(row, 4), 0, NULL));
    return false;
}

static bool put_failed(void *arg, const struct store_row *row)
{
    json_t *o = arg;

    (void)json_object_set_new(o, "state", json_string("failed-alone"));
    (void)json_object_set_new(o, "rule", json_string(store_text(row, 0)));
    (void)json_object_set_new(o, "reason", json_string(store_text(row, 1)));
    return false;
}

static bool device_json(struct service *sv, struct reconcile *rec, const char *incident,
                        const struct roster *roster, uint32_t i, json_t *list,
                        struct err *e)
{
    struct roster_row row;
    char device[HEX_LEN(8)];
    uint64_t counter = 0;
    int64_t batch = 0;
    bool found;
    json_t *o;

    roster_get(roster, i, &row);
    hex_encode(row.device.b, 8, device);
    if (!reconcile_signed(rec, i, &batch, &counter, &found, e))
        return false;
    o = json_pack("{s:s,s:s,s:s,s:s,s:I}", "device", device, "type",
                  gbcs_device(row.type)->name, "status", roster_status_name(row.status),
                  "state", found ? "sent" : "pending", "counter", (json_int_t)counter);
    (void)json_array_append_new(list, o);
    return store_each(sv->store, put_failed, o, e,
                      "SELECT failed_row.rule, failed_row.reason FROM failed_row JOIN batch"
                      " ON failed_row.id >> 32 = batch.id WHERE batch.incident = ?1"
                      " AND failed_row.row = ?2 ORDER BY failed_row.id DESC LIMIT 1",
                      "ti", incident, (int64_t)i) &&
           store_each(sv->store, put_outcome, o, e,
                      "SELECT state, counter, attempts, at_us, cells FROM outcome"
                      " WHERE incident = ?1 AND row = ?2",
                      "ti", incident, (int64_t)i);
}

HANDLER(api_devices)
{
    struct service *sv = arg;
    const char *from = request_query(r, "from");
    struct reconcile *rec = NULL;
    struct roster roster;
    struct eui64 eui;
    uint64_t limit;
    uint32_t i = 0;
    char next[HEX_LEN(8)] = "";
    json_t *list;
    bool ok;

    (void)body;
    if (!request_number(r, "limit", 1, 10000, 1000, &limit, e) ||
        !service_roster(sv, r->args[0], &roster, e))
        return false;
    if (from != NULL && from[0] != '\0') {
        if (!eui64_parse(from, strlen(from), &eui) || !roster_find(&roster, &eui, &i)) {
            roster_done(&roster);
            return err_set(e, ERR_INPUT, "request.query", "from: %s is not in the roster",
                           from);
        }
        i++;
    }
    list = json_array();
    ok = reconcile_open(sv->store, r->args[0], &roster, &rec, e);
    for (uint64_t n = 0; ok && n < limit && i < roster.n_rows; n++, i++)
        ok = device_json(sv, rec, r->args[0], &roster, i, list, e);
    if (ok && i < roster.n_rows && i > 0) {
        struct roster_row row;

        roster_get(&roster, i - 1, &row);
        hex_encode(row.device.b, 8, next);
    }
    reconcile_close(rec);
    roster_done(&roster);
    if (!ok) {
        json_decref(list);
        return false;
    }
    return reply_json(out, 200, json_pack("{s:o,s:s}", "devices", list, "next", next), e);
}
