/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include "clock.h"
#include "mem.h"
#include "near.h"
#include "place.h"
#include "tidings.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

#define TO(x) (1u << NOTICE_##x)
/* Whom a decision about recovery concerns. */
#define EVERYBODY (TO(PMA) | TO(PARTIES) | TO(RDP) | TO(SUBSCRIBER))
/* Those of whom an incident may have none: see concerned(). */
#define SOME  (TO(SRP) | TO(OFGEM) | TO(SOLR))
#define OWNER (TO(SUBSCRIBER) | TO(SRP))

/* The first row of an event that names a recipient is why that one is told. */
static const struct row {
    enum event event;
    uint32_t to;
    const char *source, *certainty;
} rows[] = {
    {EVENT_NOTIFY, TO(DCC), "SEC L10 (a)", "CONFIRMED"},
    {EVENT_CONFIRM, TO(PARTIES) | TO(RDP), "SEC L10 (a)", "CONFIRMED"},
    {EVENT_CONFIRM, OWNER | TO(OFGEM), "project: who gave the notice hears of it",
     "INFERRED"},
    {EVENT_REJECT, TO(DCC), "SEC L10 (a)", "INFERRED"},
    {EVENT_INFORM_PMA, TO(PMA), "SEC L10 (a)", "CONFIRMED"},
    {EVENT_REFER_TO_PMA, TO(PMA), "SEC Appendix L 4.2.1.3", "CONFIRMED"},
    {EVENT_ELECT_METHOD_1, TO(PMA), "SEC Appendix L 4.1", "INFERRED"},
    {EVENT_AUTHORISE_METHOD_2, EVERYBODY | SOME, "SEC Appendix L 4.2.2.2", "INFERRED"},
    {EVENT_AUTHORISE_METHOD_3, EVERYBODY | SOME, "SEC Appendix L 4.2.2.2", "INFERRED"},
    {EVENT_AUTHORISE_CONTINGENCY, EVERYBODY, "SEC L10 (a), (b)", "INFERRED"},
    {EVENT_AUTHORISE_RECOVERY_KEY, EVERYBODY, "SEC L10 (a), (b)", "INFERRED"},
    {EVENT_AUTHORISE_ISSUING_OCA, EVERYBODY, "SEC L10 (a), (b)", "INFERRED"},
    {EVENT_AUTHORISE_CONTINGENCY_KEY, EVERYBODY, "SEC L10 (a), (b)", "INFERRED"},
    {EVENT_REFUSE, TO(PMA) | TO(SUBSCRIBER), "SEC Appendix L 4.2.2.1", "CONFIRMED"},
    {EVENT_REFUSE, EVERYBODY | SOME, "SEC L10 (a)", "INFERRED"},
    {EVENT_ABORT, TO(PMA) | TO(SUBSCRIBER), "SEC Appendix L 4.2.2.1", "CONFIRMED"},
    {EVENT_ABORT, EVERYBODY | SOME, "SEC L10 (a)", "INFERRED"},
    {EVENT_DEFER_REVOCATION, TO(PARTIES) | OWNER | TO(OFGEM) | TO(SOLR), "SEC MP134A",
     "INFERRED"},
    {EVENT_DEFER_ID_TRANSFER, TO(SOLR), "SEC MP185", "CONFIRMED"},
    {EVENT_DEFER_ID_TRANSFER, TO(PARTIES) | OWNER | TO(OFGEM), "SEC MP185", "INFERRED"},
    {EVENT_END_DEFERRAL, TO(PMA) | TO(SOLR), "SEC MP185", "CONFIRMED"},
    {EVENT_END_DEFERRAL, TO(PARTIES) | OWNER | TO(OFGEM), "SEC MP134A, MP185", "INFERRED"},
    {EVENT_DIRECT_OTHER, EVERYBODY | SOME, "SEC L10 (a)", "INFERRED"},
    {EVENT_APPOINT, EVERYBODY | SOME, "SEC MP185", "INFERRED"},
    {EVENT_CONFIRM_AMENDMENT, TO(PMA) | OWNER,
     "project: what was notified changes by a file that says so", "choice"},
    {EVENT_CALL_CUSTODIANS, TO(CUSTODIANS), "SEC Appendix L 3", "INFERRED"},
    {EVENT_DISMISS_CUSTODIANS, TO(CUSTODIANS), "SEC Appendix L 3", "INFERRED"},
    {EVENT_EXPIRE, TO(PMA), "project: nothing is signed without a window", "choice"},
    {EVENT_FREEZE, TO(PMA) | OWNER,
     "SEC Appendix L, compromise of the Recovery Private Key", "INFERRED"},
    {EVENT_LOSE_TOKEN, TO(PMA) | TO(CUSTODIANS),
     "project: custodians have to restore it, under a decision that stands", "INFERRED"},
    {EVENT_EXECUTED, TO(PMA) | OWNER | TO(SOLR), "SEC Appendix L 4.2.3.2", "INFERRED"},
    {EVENT_HANDED_BACK, TO(PMA) | OWNER | TO(SOLR), "SEC Appendix L 4.2.3.2", "INFERRED"},
    {EVENT_RECOVERED, TO(PMA) | OWNER | TO(SOLR), "SEC Appendix L 4.2.3.2", "INFERRED"},
    {EVENT_CONFIRM_WITHDRAWAL, TO(PMA) | TO(SUBSCRIBER), "SEC Appendix L 4.2.2.1",
     "CONFIRMED"},
    {EVENT_CONFIRM_WITHDRAWAL, TO(RDP) | TO(SRP), "SEC L10 (a)", "INFERRED"},
    {EVENT_REJECT_WITHDRAWAL, TO(PMA) | OWNER, "SEC Appendix L 4.2.2.1", "INFERRED"},
    {EVENT_REOPEN, EVERYBODY | SOME, "SEC L10 (a)", "INFERRED"},
    {EVENT_RECONNECTED, OWNER, "SEC Appendix L 4.2.2.1", "INFERRED"},
    {EVENT_CLOSE, EVERYBODY | SOME, "SEC L10 (a)", "INFERRED"},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static const struct row *row_of(enum event event, enum notice_to to)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].event == event && (rows[i].to & 1u << to) != 0)
            return &rows[i];
    return NULL;
}

/* --- configuration --- */

static bool wants(const struct config_recipient *r, const char *event)
{
    for (size_t i = 0; i < r->n_events; i++)
        if (strcmp(r->events[i], event) == 0 || strcmp(r->events[i], "all") == 0)
            return true;
    return false;
}

static bool check_one(const struct config_recipient *r, struct err *e)
{
    char hint[NEAR_TEXT];
    enum event event;
    unsigned to = 0;

    while (to < NOTICE_TO_COUNT && strcmp(notice_recipients[to], r->name) != 0)
        to++;
    if (to == NOTICE_TO_COUNT)
        return err_set(e, ERR_INPUT, "config.recipient", "[Recipient \"%s\"]: nobody%s",
                       r->name,
                       near_hint(hint, r->name, notice_recipients, NOTICE_TO_COUNT));
    for (size_t i = 0; i < r->n_events; i++)
        if (strcmp(r->events[i], "all") != 0 && !incident_event_find(r->events[i], &event))
            return err_set(e, ERR_INPUT, "config.recipient",
                           "[Recipient \"%s\"]: Events=: \"%s\" is no event", r->name,
                           r->events[i]);
    return true;
}

bool outbox_check(const struct config *c, struct err *e)
{
    for (size_t i = 0; i < c->n_recipients; i++)
        if (!check_one(&c->recipients[i], e))
            return false;
    return true;
}

/* --- one notice --- */

struct news { /* what all recipients are told */
    struct store *store;
    const struct config *config; /* may be NULL */
    const char *id, *kind;
    const char *incident; /* "" */
    int64_t at_us;
    const json_t *body;
    const char *source, *certainty; /* of news: why they are told */
};

static bool queue_one(const struct news *n, enum notice_to to, const char *body,
                      struct err *e)
{
    return store_run(n->store, e,
                     "INSERT INTO notice (id, recipient, kind, incident, at_us, body)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     "tittit", n->id, (int64_t)to, n->kind, n->incident, n->at_us, body);
}

static const char *word(const json_t *o, const char *member)
{
    const char *text = json_string_value(json_object_get(o, member));

    return text != NULL ? text : "";
}

/* "name: words", where there are any. */
static void line(FILE *f, const char *name, const char *words)
{
    if (words[0] != '\0')
        (void)fprintf(f, "%s: %s\n", name, words);
}

/* The whole of it for people. malloc'd; NULL: out of memory. */
static char *letter(const struct news *n, const json_t *body)
{
    const json_t *because = json_object_get(body, "because");
    const json_t *facts = json_object_get(body, "facts");
    char at[CLOCK_TEXT_LEN];
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    const char *name;
    const json_t *v;

    if (f == NULL)
        return NULL;
    clock_text(n->at_us, at);
    line(f, "To", word(json_object_get(body, "recipient"), "name"));
    line(f, "Address", word(json_object_get(body, "recipient"), "address"));
    if (json_is_true(json_object_get(body, "exercise")))
        (void)fputs("EXERCISE\n", f);
    line(f, "Incident", n->incident);
    (void)fprintf(f, "What: %s\nAt: %s\n", n->kind, at);
    json_object_foreach((json_t *)(uintptr_t)n->body, name, v)
    {
        if (json_is_string(v))
            line(f, name, json_string_value(v));
        else if (json_is_integer(v))
            (void)fprintf(f, "%s: %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(v));
    }
    if (facts != NULL)
        tidings_print(facts, f);
    if (because != NULL)
        (void)fprintf(f, "Told because of: %s (%s)\n", word(because, "source"),
                      word(because, "certainty"));
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* The recipient's section; NULL: there is none. */
static const struct config_recipient *section(const struct config *c, enum notice_to to)
{
    for (size_t i = 0; c != NULL && i < c->n_recipients; i++)
        if (strcmp(c->recipients[i].name, notice_recipients[to]) == 0)
            return &c->recipients[i];
    return NULL;
}

/* One recipient's own: who that is, and why he is told. row NULL: by configuration. */
static bool tell(const struct news *n, enum notice_to to, const char *source,
                 const char *certainty, const json_t *shared, struct err *e)
{
    const struct config_recipient *r = section(n->config, to);
    json_t *body = json_copy((json_t *)(uintptr_t)shared);
    AUTO(mem) char *words = NULL;
    AUTO(mem) char *text = NULL;
    bool ok;

    if (r != NULL && (r->holder[0] != '\0' || r->address[0] != '\0'))
        (void)json_object_set_new(
            body, "recipient",
            json_pack("{s:s,s:s}", "name", r->holder, "address", r->address));
    (void)json_object_set_new(
        body, "because", json_pack("{s:s,s:s}", "source", source, "certainty", certainty));
    words = letter(n, body);
    ok = words != NULL && json_object_set_new(body, "text", json_string(words)) == 0;
    text = ok ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(body);
    return text != NULL ? queue_one(n, to, text, e)
                        : err_set(e, ERR_STORE, "store.memory", "out of memory");
}

/* What all of them get: the body, how far the record has come, the facts. */
static bool shared_body(const struct news *n, const struct tidings_ask *ask, json_t **out,
                        struct err *e)
{
    struct place place;
    json_t *facts = NULL;

    if (!place_take(n->store, &place, e) ||
        (ask != NULL && !tidings_json(n->store, ask, &facts, e)))
        return false;
    *out = json_copy((json_t *)(uintptr_t)n->body);
    if (facts != NULL)
        (void)json_object_set_new(*out, "facts", facts);
    (void)json_object_set_new(*out, "record", place_json(&place));
    return true;
}

/* --- words that are no step --- */

static bool queue_news(struct news *n, char letter_, int64_t number, uint32_t to,
                       const struct tidings_ask *ask, struct err *e)
{
    char id[NOTICE_ID_MAX];
    json_t *shared;
    bool ok = true;

    (void)snprintf(id, sizeof id, "%c%lld", letter_, (long long)number);
    n->id = id;
    if (!shared_body(n, ask, &shared, e))
        return false;
    for (unsigned i = 0; ok && i < NOTICE_TO_COUNT; i++)
        ok = (to & 1u << i) == 0 ||
             tell(n, (enum notice_to)i, n->source, n->certainty, shared, e);
    json_decref(shared);
    return ok;
}

static uint32_t concerned(const struct docket_incident *i, bool provider)
{
    uint32_t none = 0;

    if (!provider)
        none |= TO(SRP);
    if (i->initiator != ACTOR_OFGEM)
        none |= TO(OFGEM);
    if (i->replacement[0] == '\0' || strcmp(i->replacement, i->subscriber) == 0)
        none |= TO(SOLR);
    return ~none;
}

/* Has it a shared provider: one that gave the notice, here or of the shared event? */
static bool has_provider(struct store *s, const struct docket_incident *i, bool *has,
                         struct err *e)
{
    int64_t n = 0;
    bool found;

    *has = i->initiator == ACTOR_SRP || i->route == ROUTE_SHARED_EVENT;
    if (*has || i->parent[0] == '\0')
        return true;
    if (!store_number(s, &n, &found, e,
                      "SELECT route = 'shared-event' OR initiator = 'srp' FROM incident"
                      " WHERE id = ?1",
                      "t", i->parent))
        return false;
    *has = n != 0;
    return true;
}

bool outbox_held(struct store *s, const struct config *c, const char *incident, int64_t n,
                 const json_t *held, int64_t at_us, struct err *e)
{
    struct news news = {.store = s,
                        .config = c,
                        .kind = "DEVICES_HOLD_OTHERWISE",
                        .incident = incident,
                        .at_us = at_us,
                        .body = held,
                        .source = "project: what was expected of devices is not so",
                        .certainty = "choice"};
    struct docket_incident i;
    struct tidings_ask ask = {&i, STATE_NONE, 0, c};
    bool ok;

    if (c == NULL)
        return queue_news(&news, 'h', n, EVERYBODY | TO(DCC), NULL, e);
    if (!docket_get(s, incident, &i, e))
        return false;
    ask.state = i.state;
    ask.since_us = i.since_us;
    ok = queue_news(&news, 'h', n, EVERYBODY | TO(DCC), &ask, e);
    docket_incident_done(&i);
    return ok;
}

bool outbox_roll_back(struct store *s, const struct config *c, int64_t n,
                      const json_t *found, int64_t at_us, struct err *e)
{
    struct news news = {.store = s,
                        .config = c,
                        .kind = "ROLL_BACK_FOUND",
                        .incident = "",
                        .at_us = at_us,
                        .body = found,
                        .source = "project: no counter is used twice",
                        .certainty = "choice"};

    return queue_news(&news, 'r', n, TO(DCC) | TO(PMA), NULL, e);
}

bool outbox_ceremony(struct store *s, const struct config *c, int64_t n, const json_t *body,
                     int64_t at_us, struct err *e)
{
    struct news news = {.store = s,
                        .config = c,
                        .kind = "CEREMONY_DUE",
                        .incident = "",
                        .at_us = at_us,
                        .body = body,
                        .source = "SEC Appendix L 3",
                        .certainty = "INFERRED"};

    return queue_news(&news, 'c', n, TO(DCC) | TO(PMA) | TO(CUSTODIANS), NULL, e);
}

bool outbox_review(const struct docket *d, const struct docket_incident *i, int64_t n,
                   const json_t *body, struct err *e)
{
    struct news news = {.store = d->store,
                        .config = d->config,
                        .kind = "DEFERRAL_REVIEW_DUE",
                        .incident = i->id,
                        .at_us = d->now_us,
                        .body = body,
                        .source = "SEC MP134A, MP185",
                        .certainty = "INFERRED"};
    struct tidings_ask ask = {i, i->state, i->since_us, d->config};
    uint32_t to = TO(DCC) | TO(PMA) | TO(PARTIES) | TO(SUBSCRIBER) | SOME;
    bool provider;

    return has_provider(d->store, i, &provider, e) &&
           queue_news(&news, 'd', n, to & concerned(i, provider), &ask, e);
}

/* --- steps --- */

/* Everybody whom the table or the configuration has told of this event. */
static bool tell_all(const struct news *n, const struct outbox_step *step, uint32_t who,
                     const json_t *shared, struct err *e)
{
    const char *event = incident_event(step->event)->name;

    for (unsigned k = 0; k < NOTICE_TO_COUNT; k++) {
        enum notice_to to = (enum notice_to)k;
        const struct row *row = (who & 1u << k) != 0 ? row_of(step->event, to) : NULL;
        const struct config_recipient *r = section(n->config, to);

        if (row != NULL ? !tell(n, to, row->source, row->certainty, shared, e)
                        : r != NULL && wants(r, event) &&
                              !tell(n, to, "configuration: Events=", "choice", shared, e))
            return false;
    }
    return true;
}

/* Is anybody? It is looked up before anything is read for them. */
static bool anybody(const struct config *c, enum event event)
{
    for (unsigned k = 0; k < NOTICE_TO_COUNT; k++) {
        const struct config_recipient *r = section(c, (enum notice_to)k);

        if (row_of(event, (enum notice_to)k) != NULL ||
            (r != NULL && wants(r, incident_event(event)->name)))
            return true;
    }
    return false;
}

bool outbox_queue(const struct docket *d, const struct outbox_step *step, struct err *e)
{
    const struct docket_incident *i = step->incident;
    struct tidings_ask ask = {i, step->state, step->since_us, d->config};
    char id[NOTICE_ID_MAX];
    struct news n = {.store = d->store,
                     .config = d->config,
                     .id = id,
                     .kind = incident_event(step->event)->audit,
                     .incident = i->id,
                     .at_us = d->now_us};
    AUTO(json) json_t *body = NULL;
    AUTO(json) json_t *shared = NULL;
    bool provider;

    if (!anybody(d->config, step->event))
        return true;
    (void)snprintf(id, sizeof id, "e%lld", (long long)step->n);
    n.body = body = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "event", incident_event(step->event)->name,
        "title", i->title, "subscriber", i->subscriber, "replacement_subscriber",
        i->replacement, "route", incident_route(i->route)->name, "state",
        incident_state(step->state)->name, "about", incident_state(step->state)->sentence,
        "exercise", (int)i->exercise);
    return has_provider(d->store, i, &provider, e) && shared_body(&n, &ask, &shared, e) &&
           tell_all(&n, step, concerned(i, provider), shared, e);
}

static bool take_step(void *arg, const struct store_row *row)
{
    struct outbox_step *step = arg;

    step->n = store_i64(row, 0);
    if (!incident_event_find(store_text(row, 1), &step->event))
        step->event = EVENT_COUNT;
    return false;
}

bool outbox_with_document(const struct docket *d, const struct docket_incident *i,
                          struct err *e)
{
    struct outbox_step step = {
        .incident = i, .event = EVENT_COUNT, .state = i->state, .since_us = i->since_us};

    return store_each(d->store, take_step, &step, e,
                      "SELECT n, event FROM incident_event WHERE incident = ?1"
                      " ORDER BY n DESC LIMIT 1",
                      "t", i->id) &&
           store_run(d->store, e, "DELETE FROM notice WHERE id = 'e' || ?1", "i", step.n) &&
           (step.event == EVENT_COUNT || outbox_queue(d, &step, e));
}

/* One row of the queue, copied: its statement is done before the file is written. */
struct queued {
    int64_t n;
    char *id, *kind, *incident, *body;
    struct notice notice;
};

static bool take_queued(void *arg, const struct store_row *row)
{
    struct queued *q = arg;

    q->n = store_i64(row, 0);
    q->id = strdup(store_text(row, 1));
    q->kind = strdup(store_text(row, 3));
    q->incident = strdup(store_text(row, 4));
    q->body = strdup(store_text(row, 6));
    q->notice =
        (struct notice){.id = q->id,
                        .to = (enum notice_to)store_i64(row, 2),
                        .kind = q->kind,
                        .incident = store_text(row, 4)[0] != '\0' ? q->incident : NULL,
                        .at_us = store_i64(row, 5),
                        .body = q->body};
    return false;
}

static bool put_queued(struct store *s, const char *dir, const struct queued *q,
                       struct err *e)
{
    char name[NOTICE_NAME_MAX];

    if (q->id == NULL || q->kind == NULL || q->incident == NULL || q->body == NULL ||
        (unsigned)q->notice.to >= NOTICE_TO_COUNT)
        return err_set(e, ERR_STORE, "store.memory", "a queued notice cannot be read");
    return notice_put(dir, &q->notice, name, e) &&
           store_run(s, e, "DELETE FROM notice WHERE n = ?1", "i", q->n);
}

bool outbox_flush(struct store *s, const char *dir, struct err *e)
{
    for (;;) {
        struct queued q = {0};
        bool ok;

        if (!store_each(s, take_queued, &q, e,
                        "SELECT n, id, recipient, kind, incident, at_us, body FROM notice"
                        " ORDER BY n LIMIT 1",
                        ""))
            return false;
        if (q.n == 0)
            return true;
        ok = put_queued(s, dir, &q, e);
        free(q.id);
        free(q.kind);
        free(q.incident);
        free(q.body);
        if (!ok)
            return false;
    }
}
