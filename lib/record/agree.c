/* SPDX-License-Identifier: MIT */
#include "agree.h"

#include "audit.h"
#include "mem.h"
#include "rosters.h"
#include "think.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- parties --- */

static bool said(const struct eui64 *party)
{
    static const struct eui64 nobody;

    return eui64_cmp(party, &nobody) != 0;
}

static bool is(const struct eui64 *party, const char *hex)
{
    char text[HEX_LEN(8)];

    hex_encode(party->b, sizeof party->b, text);
    return strcmp(text, hex) == 0;
}

/* A user's incident may be notified by the user, by its provider or by the registration data
 * provider, and recovery asked for by another of them; the DCC and Ofgem act where there is no
 * user to ask. */
static enum actor who_asks(enum initiator i)
{
    switch (i) {
    case INITIATOR_DCC:
        return ACTOR_DCC;
    case INITIATOR_OFGEM:
        return ACTOR_OFGEM;
    case INITIATOR_SUBSCRIBER:
    case INITIATOR_SRP:
    case INITIATOR_RDP:
    case INITIATOR_COUNT:
        break;
    }
    return ACTOR_SUBSCRIBER;
}

static enum actor who_notified(enum actor a)
{
    return a == ACTOR_SRP || a == ACTOR_RDP ? ACTOR_SUBSCRIBER : a;
}

/* Does it put certificates of the subscriber, or of whoever replaces it, on devices? */
static bool places_the_partys(const struct authority *a)
{
    return a->outcome == AUTHORITY_AUTHORISE &&
           (a->method == METHOD_1 || a->method == METHOD_3 || a->method == METHOD_HANDBACK);
}

static bool replacement_agrees(const struct docket_incident *i, const struct authority *a,
                               struct err *e)
{
    const char *due = i->replacement[0] != '\0' ? i->replacement : i->subscriber;
    char named[HEX_LEN(8)];

    if (due[0] == '\0' || is(&a->replacement_subscriber, due) ||
        (!places_the_partys(a) &&
         eui64_cmp(&a->replacement_subscriber, &a->subscriber) == 0))
        return true;
    hex_encode(a->replacement_subscriber.b, 8, named);
    return err_set(
        e, ERR_DENIED, "decision.replacement-subscriber",
        "%s would take the devices over, but incident %s says %s: another is named "
        "by the PMA, with the appointment",
        named, i->id, due);
}

bool agree_parties(const struct docket_incident *i, const struct authority *a,
                   struct err *e)
{
    char named[HEX_LEN(8)];

    if (said(&a->subscriber) && i->subscriber[0] != '\0' &&
        !is(&a->subscriber, i->subscriber)) {
        hex_encode(a->subscriber.b, 8, named);
        return err_set(e, ERR_DENIED, "decision.subscriber",
                       "the document is about %s, incident %s about %s", named, i->id,
                       i->subscriber);
    }
    if (a->kind == KIND_DECISION && who_asks(a->initiator) != who_notified(i->initiator))
        return err_set(e, ERR_DENIED, "decision.initiator",
                       "the document says that %s asks, incident %s was opened by %s",
                       authority_initiator_name(a->initiator), i->id,
                       incident_actor_name(i->initiator));
    return !said(&a->subscriber) || replacement_agrees(i, a, e);
}

bool agree_compromised(const struct docket_incident *i, const struct authority *a,
                       const struct certs *given, struct err *e)
{
    static const uint32_t organisations =
        ROUTE_BIT(ROUTE_UNDECIDED) | ROUTE_BIT(ROUTE_METHOD_1) | ROUTE_BIT(ROUTE_METHOD_2) |
        ROUTE_BIT(ROUTE_METHOD_3);

    if (i->subscriber[0] == '\0' || (organisations & ROUTE_BIT(i->route)) == 0)
        return true;
    for (size_t k = 0; k < a->n_compromised; k++) {
        const struct cert *c = certs_find(given, &a->compromised[k].sha256);

        if (c != NULL && c->has_eui && !is(&c->eui, i->subscriber))
            return err_set(
                e, ERR_DENIED, "decision.party",
                "the compromised %s certificate is not of %s, whom incident %s is "
                "about",
                gbcs_cell(a->compromised[k].cell)->name, i->subscriber, i->id);
    }
    return true;
}

bool agree_instruction(const struct docket_incident *i, const struct authority *a,
                       struct err *e)
{
    if (a->kind != KIND_INSTRUCTION)
        return true;
    if (a->outcome != AUTHORITY_AUTHORISE)
        return err_set(e, ERR_DENIED, "decision.never-signed",
                       "an instruction to %s orders nothing: the PMA decides",
                       authority_outcome_name(a->outcome));
    if (a->method != METHOD_HANDBACK)
        return err_set(e, ERR_DENIED, "decision.never-signed",
                       "by method %s nothing is signed here: the subscriber sends its own "
                       "commands",
                       authority_method_name(a->method));
    return incident_leads_to(i->route, i->state, EVENT_BEGIN_HANDBACK) ||
           i->state == STATE_HANDBACK ||
           err_set(e, ERR_DENIED, "decision.never-signed",
                   "incident %s is %s on route %s: no hand-back comes after that", i->id,
                   incident_state(i->state)->name, incident_route(i->route)->name);
}

/* --- list and notification --- */

struct walk {
    const struct roster *r;
    uint32_t at; /* the next row of the list */
    uint32_t cells;
    struct agree *out;
};

static void add(struct agree_side *s, const struct eui64 *device)
{
    if (s->n++ == 0)
        s->first = *device;
}

/* Rows of the list before that device, which were not notified. NULL: all that are left.
 * true: the row behind them is of that device. */
static bool list_until(struct walk *w, const struct eui64 *device, struct roster_row *row)
{
    for (; w->at < w->r->n_rows; w->at++) {
        int order;

        roster_get(w->r, w->at, row);
        order = device != NULL ? eui64_cmp(&row->device, device) : -1;
        if (order == 0)
            return true;
        if (order > 0)
            return false;
        add(&w->out->only_listed, &row->device);
    }
    return false;
}

static bool notified_row(void *arg, const struct partyfile_header *h,
                         const struct partyfile_row *notified, struct err *e)
{
    struct walk *w = arg;
    struct roster_row row;
    uint32_t cells;

    (void)h;
    (void)e;
    w->out->notified++;
    if (!list_until(w, &notified->device, &row)) {
        add(&w->out->only_notified, &notified->device);
        return true;
    }
    w->at++;
    cells = row.cells != 0 ? row.cells : w->cells & gbcs_device(row.type)->cells;
    if ((cells & ~notified->cells) != 0)
        add(&w->out->more_cells, &row.device);
    if (cells != 0 && (notified->cells & ~cells) != 0)
        add(&w->out->fewer_cells, &row.device);
    return true;
}

/* Long work (think.h); the question: */
struct reading {
    struct docket_file file;
    struct digest list;
    uint32_t cells;
    char roster_dir[CONFIG_PATH_MAX + 16], files_dir[CONFIG_PATH_MAX + 16];
};

static bool read_both(const struct reading *q, const struct roster *r, struct agree *out,
                      struct err *e)
{
    AUTO(mem) struct partyfile_header *h = calloc(1, sizeof *h);
    struct docket d = {.files_dir = q->files_dir};
    struct walk w = {.r = r, .cells = q->cells, .out = out};
    struct partyfile_reader reader = {.row = notified_row, .arg = &w};
    struct docket_octets o;
    struct roster_row row;
    bool ok;

    if (h == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_file_open(&d, &q->file, &o, e))
        return false;
    ok = partyfile_again(o.text, q->file.id, &reader, h, e);
    docket_file_close(&o);
    if (!ok)
        return false;
    (void)list_until(&w, NULL, &row);
    (void)snprintf(out->file, sizeof out->file, "%s", q->file.id);
    out->filed = true;
    out->organisation = h->kind == PARTYFILE_ORGANISATION_NOTIFICATION;
    out->method = h->method;
    out->listed = r->n_rows;
    return true;
}

static bool work(struct store *s, struct span in, struct span *out, struct err *e)
{
    AUTO(mem) struct reading *q = malloc(sizeof *q);
    struct agree *found = calloc(1, sizeof *found);
    struct roster r = {0};
    bool ok;

    (void)s;
    if (q == NULL || found == NULL) {
        free(found);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    memcpy(q, in.at, sizeof *q);
    ok = rosters_open(q->roster_dir, &q->list, &r, e) && read_both(q, &r, found, e);
    roster_done(&r);
    if (!ok) {
        free(found);
        return false;
    }
    *out = span_of(found, sizeof *found);
    return true;
}

static const struct think_kind comparing = {.name = "a list and what was notified",
                                            .work = work};

bool agree_lists(const struct docket *d, const char *incident, const struct roster *r,
                 uint32_t cells, struct agree *out, struct err *e)
{
    AUTO(mem) struct reading *q = calloc(1, sizeof *q);
    struct span found;

    memset(out, 0, sizeof *out);
    if (q == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_last_file(d->store, incident, false, &q->file, &out->filed, e))
        return false;
    if (!out->filed)
        return true;
    q->list = r->digest;
    q->cells = cells;
    (void)snprintf(q->roster_dir, sizeof q->roster_dir, "%s", d->roster_dir);
    (void)snprintf(q->files_dir, sizeof q->files_dir, "%s", d->files_dir);
    if (!think(&comparing, d->store, span_of(q, sizeof *q), &found, e))
        return false;
    memcpy(out, found.at, sizeof *out);
    free((void *)(uintptr_t)found.at);
    return true;
}

bool agree_latest(const struct docket *d, const char *incident, struct agree *out,
                  struct err *e)
{
    struct roster r = {0};
    struct digest sha256;
    uint32_t rows;
    bool found;
    bool ok;

    memset(out, 0, sizeof *out);
    if (!docket_roster(d->store, incident, &sha256, &rows, &found, e))
        return false;
    if (!found)
        return true;
    ok = rosters_open(d->roster_dir, &sha256, &r, e) &&
         agree_lists(d, incident, &r, 0, out, e);
    roster_done(&r);
    return ok;
}

static bool differs(const struct agree *g)
{
    return g->only_notified.n + g->only_listed.n + g->more_cells.n + g->fewer_cells.n > 0;
}

/* --- the decision --- */

static bool more(const struct agree *g, const struct agree_side *s, const char *rule,
                 const char *what, struct err *e)
{
    char first[HEX_LEN(8)];

    if (s->n == 0)
        return true;
    hex_encode(s->first.b, 8, first);
    return err_set(e, ERR_DENIED, rule,
                   "%u devices %s; the first: %s; notification %s needs an amendment", s->n,
                   what, first, g->file);
}

/* The subscriber chose Method 1 and asked for recovery afterwards: that is its own word. */
static bool asked_since(const struct docket *d, const char *incident, bool *asked,
                        struct err *e)
{
    int64_t n = 0;
    bool found;

    if (!store_number(d->store, &n, &found, e,
                      "SELECT count(*) FROM incident_event WHERE incident = ?1"
                      " AND event = 'ask-suspension'",
                      "t", incident))
        return false;
    *asked = n > 0;
    return true;
}

static bool method_agrees(const struct docket *d, const struct agree *g,
                          const struct authority *a, struct err *e)
{
    static const enum method notified[PARTYFILE_METHOD_COUNT] = {METHOD_COUNT, METHOD_1,
                                                                 METHOD_2, METHOD_3};
    bool asked = false;

    if (a->kind != KIND_DECISION || !g->organisation ||
        g->method == PARTYFILE_METHOD_UNDECIDED || notified[g->method] == a->method)
        return true;
    if (g->method == PARTYFILE_METHOD_1 && !asked_since(d, a->incident, &asked, e))
        return false;
    return asked ||
           err_set(e, ERR_DENIED, "decision.notified-method",
                   "the decision is by method %s, file %s notified %s: that needs an "
                   "amendment",
                   authority_method_name(a->method), g->file,
                   partyfile_method_name(g->method));
}

bool agree_decision(const struct docket *d, const struct agree *g,
                    const struct authority *a, struct err *e)
{
    return !g->filed ||
           (more(g, &g->only_listed, "decision.notified-devices", "were not notified", e) &&
            more(g, &g->more_cells, "decision.notified-cells",
                 "would get cells that were not notified", e) &&
            method_agrees(d, g, a, e));
}

/* --- telling --- */

static json_t *side(const struct agree_side *s)
{
    char first[HEX_LEN(8)] = "";

    if (s->n > 0)
        hex_encode(s->first.b, 8, first);
    return json_pack("{s:I,s:s}", "devices", (json_int_t)s->n, "first", first);
}

json_t *agree_json(const struct agree *g)
{
    if (!g->filed)
        return NULL;
    return json_pack("{s:s,s:s,s:I,s:I,s:o,s:o,s:o,s:o}", "file", g->file, "method",
                     g->organisation ? partyfile_method_name(g->method) : "", "notified",
                     (json_int_t)g->notified, "listed", (json_int_t)g->listed,
                     "only_notified", side(&g->only_notified), "only_listed",
                     side(&g->only_listed), "more_cells", side(&g->more_cells),
                     "fewer_cells", side(&g->fewer_cells));
}

bool agree_keep(const struct docket *d, const char *incident, const char *paper,
                const struct agree *g, const char *who, struct err *e)
{
    AUTO(mem) char *text = NULL;
    json_t *j;
    bool ok;

    if (!differs(g))
        return true;
    j = agree_json(g);
    text = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
    ok = (text != NULL || err_set(e, ERR_STORE, "store.memory", "out of memory")) &&
         store_run(d->store, e,
                   "INSERT INTO difference (incident, paper, figures, at_us)"
                   " VALUES (?1, ?2, ?3, ?4)",
                   "ttti", incident, paper, text, d->now_us) &&
         audit_put(d->store, d->now_us, "PAPERS_DIFFER", incident, who, e, "{s:s,s:O}",
                   "paper", paper, "figures", j);
    json_decref(j);
    return ok;
}
