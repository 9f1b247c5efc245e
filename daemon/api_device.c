/* SPDX-License-Identifier: MIT
 *
 * What devices answered: responses in by stream, what people say of devices, the state of each.
 */
#include "service.h"

#include "abreast.h"
#include "audit.h"
#include "beside.h"
#include "holding.h"
#include "intake.h"
#include "log.h"
#include "mem.h"
#include "outcome.h"
#include "preflight.h"
#include "sent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE ((size_t)32 << 10) /* octets taken in at a time: a hundred answers or so */
#define ROOM  ((size_t)1 << 20)  /* of a line that is longer, too */

/* --- in --- */

struct ingest {
    struct service *sv;
    struct request r;
    struct lists lists;
    struct intake *in;
    char *text; /* ROOM octets; what is not taken in yet */
    size_t len;
};

static void ingest_free(struct ingest *g)
{
    intake_close(g->in);
    lists_done(&g->lists);
    free(g->text);
    free(g);
}

enum piece { PIECE_FIRST, PIECE_LAST, PIECE_CUT };

/* One transaction, so that none stays open while the loop goes on. */
static bool settle(struct ingest *g, enum piece which, struct err *e)
{
    int64_t now = clock_now(&g->sv->clock);
    size_t used = 0;
    bool ok;

    if (!store_begin(g->sv->store, e))
        return false;
    ok = intake_text(g->in, g->text, g->len, now, abreast_each, g->sv->abreast, &used, e);
    if (ok && which == PIECE_LAST && used < g->len)
        ok = intake_line(g->in, g->text + used, g->len - used, now, e);
    if (ok)
        ok = which == PIECE_FIRST ? intake_note(g->in, e)
                                  : intake_end(g->in, which == PIECE_LAST, now, e);
    if (!ok || !store_commit(g->sv->store, e)) {
        store_rollback(g->sv->store);
        return false;
    }
    g->len -= used;
    memmove(g->text, g->text + used, g->len);
    if (which != PIECE_FIRST)
        service_notices(g->sv); /* of what devices hold otherwise than expected */
    return true;
}

static bool ingest_write(void *arg, const char *data, size_t len, struct err *e)
{
    struct ingest *g = arg;

    while (len > 0) {
        size_t n = len < ROOM - g->len ? len : ROOM - g->len;

        if (n > PIECE)
            n = PIECE;
        memcpy(g->text + g->len, data, n);
        g->len += n;
        data += n;
        len -= n;
        if (g->len < PIECE || (g->len < ROOM && memchr(g->text, '\n', g->len) == NULL))
            continue;
        if (!settle(g, PIECE_FIRST, e))
            return false;
        if (g->len > INTAKE_LINE_MAX + 1)
            g->len = INTAKE_LINE_MAX + 1; /* no message: its end does not matter */
    }
    return true;
}

static json_int_t held(const struct ingest *g, enum outcome_held h)
{
    return json_integer_value(json_object_get(
        json_object_get(intake_figures(g->in), "held_before"), outcome_held_name(h)));
}

static void warn_found(const struct ingest *g)
{
    json_int_t other = held(g, OUTCOME_HELD_OTHER);
    json_int_t unknown = held(g, OUTCOME_HELD_UNKNOWN);

    if (other + unknown > 0)
        log_event(LOG_WARNING, MSG_FOUND,
                  &(struct log_fields){.incident = g->r.args[0], .peer = &g->r.peer},
                  "incident %s: by their own word %lld devices hold another party's "
                  "certificates, %lld a key that nobody named",
                  g->r.args[0], other, unknown);
}

static bool ingest_end(void *arg, struct reply *out, struct err *e)
{
    struct ingest *g = arg;
    bool ok = settle(g, PIECE_LAST, e);

    if (ok) {
        json_t *figures = intake_figures(g->in);

        log_event(LOG_NOTICE, MSG_RESPONSES_READ,
                  &(struct log_fields){.incident = g->r.args[0], .peer = &g->r.peer},
                  "incident %s: %lld answers taken in, %lld set aside, %lld do not fit",
                  g->r.args[0], json_integer_value(json_object_get(figures, "lines")),
                  json_integer_value(json_object_get(figures, "aside")),
                  json_integer_value(json_object_get(figures, "unfit")));
        warn_found(g);
        ok = reply_json(out, 200, json_incref(figures), e);
    }
    ingest_free(g);
    return ok;
}

static void ingest_abort(void *arg)
{
    struct ingest *g = arg;
    struct err e;

    /* the whole lines that came before the line broke count */
    (void)settle(g, PIECE_CUT, &e);
    ingest_free(g);
}

bool api_responses_begin(void *arg, const struct request *r, struct sink *out,
                         struct err *e)
{
    struct service *sv = arg;
    struct ingest *g;
    const struct think_port *was;
    char who[PEER_TEXT];
    bool ok;

    if (!docket_changeable(sv->store, r->args[0], e))
        return false;
    g = calloc(1, sizeof *g);
    if (g != NULL)
        g->text = malloc(ROOM);
    if (g == NULL || g->text == NULL) {
        free(g);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    g->sv = sv;
    g->r = *r;
    service_who(r, who);
    was = think_through(beside_port(sv->beside));
    ok = api_lists_open(sv, r->args[0], &g->lists, e);
    (void)think_through(was);
    if (!ok ||
        !intake_open(sv->store, &sv->config, r->args[0], &g->lists, who, &g->in, e)) {
        ingest_free(g);
        return false;
    }
    *out = (struct sink){ingest_write, ingest_end, ingest_abort, g, false};
    return true;
}

/* --- marks: one statement of one person, all of it or nothing --- */

static bool mark_line(struct reconcile *rec, char *line, const char *who, int64_t now,
                      struct err *e)
{
    char *state = strchr(line, ',');
    char *reason = state != NULL ? strchr(state + 1, ',') : NULL;
    struct eui64 device;

    if (reason == NULL || reason[1] == '\0' ||
        !eui64_parse(line, (size_t)(state - line), &device))
        return err_set(e, ERR_INPUT, "response.mark", "not \"device,state,reason\"");
    *state++ = *reason++ = '\0';
    return reconcile_mark(rec, &device, state, reason, who, now, e);
}

static bool step_marks(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    AUTO(mem) char *text = span_text(body);
    struct reconcile *rec = NULL;
    struct lists lists;
    int64_t now = clock_now(&sv->clock);
    uint64_t no = 0;
    uint64_t marked = 0;
    char who[PEER_TEXT];
    char *rest = text;
    bool ok;

    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    service_who(r, who);
    if (!docket_changeable(sv->store, r->args[0], e))
        return false;
    ok = api_lists_open(sv, r->args[0], &lists, e) &&
         reconcile_open(sv->store, r->args[0], &lists, &rec, e);
    for (char *line; ok && (line = strsep(&rest, "\n")) != NULL;) {
        no++;
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0')
            continue;
        ok = mark_line(rec, line, who, now, e) ||
             err_wrap(e, "line %llu", (unsigned long long)no);
        marked++;
    }
    reconcile_close(rec);
    lists_done(&lists);
    return ok &&
           audit_put(sv->store, now, "DEVICES_MARKED", r->args[0], who, e, "{s:I}", "count",
                     (json_int_t)marked) &&
           reply_json(out, 200, json_pack("{s:I}", "marked", (json_int_t)marked), e);
}

HANDLER(api_marks)
{
    return service_change(arg, r, body, body, step_marks, out, e);
}

/* --- devices --- */

struct page {
    struct sent_row *rows; /* its devices, ascending */
    uint32_t n;
    uint32_t at; /* of the rows, that outcomes have come to */
    struct sent sent;
    json_t *list; /* one object for each */
};

/* Which decision and which version of the list a command was made under. */
static void put_batch(json_t *o, const struct sent *t, int64_t batch)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->batches[i].id == batch) {
            char decision[HEX_LEN(32)];

            hex_encode_lower(t->batches[i].decision.b, 32, decision);
            (void)json_object_set_new(o, "batch", json_integer(batch));
            (void)json_object_set_new(o, "decision_sha256", json_string(decision));
            (void)json_object_set_new(o, "list", json_integer(t->batches[i].list->version));
        }
}

static void put_sent(json_t *o, const struct sent *t, const struct sent_row *at)
{
    enum outcome_state state = at->rule != NULL ? OUTCOME_FAILED_ALONE
                               : at->batch != 0 ? OUTCOME_SENT
                                                : OUTCOME_PENDING;

    (void)json_object_set_new(o, "state", json_string(outcome_state_name(state)));
    (void)json_object_set_new(o, "counter", json_integer((json_int_t)at->counter));
    put_batch(o, t, at->batch);
    if (at->rule != NULL) {
        (void)json_object_set_new(o, "rule", json_string(at->rule));
        (void)json_object_set_new(o, "reason", json_string(at->reason));
    }
}

/* What a device answered goes before what was sent to it. */
static bool put_outcome(void *arg, const struct outcome *at)
{
    struct page *p = arg;
    json_t *o;

    while (p->at < p->n && eui64_cmp(&p->rows[p->at].device, &at->device) < 0)
        p->at++;
    if (p->at == p->n || eui64_cmp(&p->rows[p->at].device, &at->device) != 0)
        return true;
    o = json_array_get(p->list, p->at);
    (void)json_object_set_new(o, "state", json_string(outcome_state_name(at->state)));
    (void)json_object_set_new(o, "counter", json_integer((json_int_t)at->counter));
    (void)json_object_set_new(o, "attempts", json_integer(at->attempts));
    (void)json_object_set_new(o, "answered", docket_show_time(at->at_us));
    put_batch(o, &p->sent, at->batch);
    if (at->batch == 0)
        (void)json_object_set_new(o, "list", json_integer(at->list));
    if (at->held != OUTCOME_HELD_UNTOLD)
        (void)json_object_set_new(o, "held_before",
                                  json_string(outcome_held_name(at->held)));
    (void)json_object_set_new(o, "cells", json_loads(at->cells, 0, NULL));
    return true;
}

struct standing { /* a page, as what devices hold is told */
    const struct smi_steps *steps;
    json_t *list;
    size_t at; /* of the list */
};

static bool put_standing(void *arg, const struct lists_row *row, enum holding h)
{
    struct standing *s = arg;
    json_t *o = json_array_get(s->list, s->at++);

    (void)json_object_set_new(o, "holds", json_string(holding_name(h)));
    (void)json_object_set_new(o, "smi_status",
                              json_string(roster_status_name(
                                  smi_now(s->steps, row->at.status, holding_replaced(h)))));
    return true;
}

/* What each device of the page holds, and its SMI status now. */
static bool page_standing(struct service *sv, const char *incident,
                          const struct lists *lists, const struct eui64 *behind,
                          struct page *p, struct err *e)
{
    struct smi_steps steps;
    struct standing s = {&steps, p->list, 0};

    return docket_smi(sv->store, incident, &steps, e) &&
           holding_each(sv->store, incident, lists, behind, p->n, put_standing, &s, e);
}

/* What it said it holds before anything was signed for it. */
static bool put_preflight(void *arg, const struct eui64 *device, enum outcome_held held,
                          int64_t at_us, const char *cells)
{
    struct page *p = arg;
    json_t *before;

    while (p->at < p->n && eui64_cmp(&p->rows[p->at].device, device) < 0)
        p->at++;
    if (p->at == p->n || eui64_cmp(&p->rows[p->at].device, device) != 0)
        return true;
    before = json_pack("{s:o,s:o*}", "at", docket_show_time(at_us), "cells",
                       json_loads(cells, 0, NULL));
    if (held != OUTCOME_HELD_UNTOLD)
        (void)json_object_set_new(before, "held", json_string(outcome_held_name(held)));
    (void)json_object_set_new(json_array_get(p->list, p->at), "preflight", before);
    return true;
}

static bool page_preflight(struct service *sv, const char *incident, struct page *p,
                           struct err *e)
{
    p->at = 0;
    return p->n == 0 || preflight_each(sv->store, incident, &p->rows[0].device,
                                       &p->rows[p->n - 1].device, put_preflight, p, e);
}

/* The devices behind that one, of every version of the list that counts.
 *   more  out: there are further ones */
static bool page_devices(const struct lists *lists, const struct eui64 *behind,
                         uint32_t limit, struct page *p, bool *more, struct err *e)
{
    struct lists_walk w;
    struct lists_row row;

    if (!lists_walk_begin(lists, behind, &w, e))
        return false;
    *more = false;
    while (lists_next(&w, &row)) {
        char device[HEX_LEN(8)];

        *more = p->n == limit;
        if (*more)
            break;
        p->rows[p->n++].device = row.at.device;
        hex_encode(row.at.device.b, 8, device);
        (void)json_array_append_new(p->list,
                                    json_pack("{s:s,s:s,s:s,s:I,s:b}", "device", device,
                                              "type", gbcs_device(row.at.type)->name,
                                              "status", roster_status_name(row.at.status),
                                              "list", (json_int_t)row.list->version,
                                              "on_file", (int)(row.list == &lists->at[0])));
    }
    lists_walk_done(&w);
    return true;
}

/* Lists, ledger and outcomes of the page, each walked once side by side. */
static bool page_json(struct service *sv, const char *incident, const struct lists *lists,
                      const struct eui64 *behind, uint32_t limit, struct page *p,
                      bool *more, struct err *e)
{
    bool ok;

    ok = page_devices(lists, behind, limit, p, more, e) &&
         sent_open(sv->store, incident, lists, &p->sent, e) &&
         sent_page(&p->sent, p->rows, p->n, e);
    for (uint32_t i = 0; ok && i < p->n; i++)
        put_sent(json_array_get(p->list, i), &p->sent, &p->rows[i]);
    ok = ok && (p->n == 0 || outcome_each(sv->store, incident, &p->rows[0].device,
                                          &p->rows[p->n - 1].device, put_outcome, p, e));
    for (uint32_t i = 0; i < p->n; i++)
        sent_row_done(&p->rows[i]);
    sent_close(&p->sent);
    return ok;
}

/* The device named in ?from=, which the page begins behind. */
static bool page_behind(const struct request *r, const struct lists *lists,
                        struct eui64 *behind, bool *first, struct err *e)
{
    const char *from = request_query(r, "from");
    struct lists_row row;

    *first = from == NULL || from[0] == '\0';
    if (*first ||
        (eui64_parse(from, strlen(from), behind) && lists_find(lists, behind, &row)))
        return true;
    return err_set(e, ERR_INPUT, "request.query", "from: %s is not in the roster", from);
}

static bool devices(struct service *sv, const struct request *r, struct span body,
                    struct reply *out, struct err *e)
{
    struct page p = {0};
    struct eui64 behind;
    struct lists lists;
    uint64_t limit;
    char next[HEX_LEN(8)] = "";
    bool more = false;
    bool first;
    bool ok;

    (void)body;
    if (!request_number(r, "limit", 1, 10000, 1000, &limit, e))
        return false;
    p.rows = calloc(limit, sizeof *p.rows);
    p.list = json_array();
    ok = p.rows != NULL || err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!ok || !api_lists_open(sv, r->args[0], &lists, e)) {
        free(p.rows);
        json_decref(p.list);
        return false;
    }
    ok = page_behind(r, &lists, &behind, &first, e) &&
         page_json(sv, r->args[0], &lists, first ? NULL : &behind, (uint32_t)limit, &p,
                   &more, e) &&
         page_standing(sv, r->args[0], &lists, first ? NULL : &behind, &p, e) &&
         page_preflight(sv, r->args[0], &p, e);
    lists_done(&lists);
    if (ok && more)
        hex_encode(p.rows[p.n - 1].device.b, 8, next);
    free(p.rows);
    if (!ok) {
        json_decref(p.list);
        return false;
    }
    return reply_json(out, 200, json_pack("{s:o,s:s}", "devices", p.list, "next", next), e);
}

HANDLER(api_devices)
{
    return service_glance(arg, r, body, devices, out, e);
}
