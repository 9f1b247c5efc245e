/* SPDX-License-Identifier: MIT */
#include "docket.h"

#include "audit.h"
#include "keys.h"
#include "mem.h"
#include "name.h"
#include "outbox.h"
#include "told.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS                                                                       \
    "id, title, route, state, initiator, subscriber, replacement, parent, exercise, " \
    "opened_us,"                                                                      \
    " since_us, closed_us, facts"

void docket_incident_done(struct docket_incident *i)
{
    free(i->declared);
    i->declared = NULL;
}

static bool read_incident(const struct store_row *r, struct docket_incident *i)
{
    memset(i, 0, sizeof *i);
    store_copy(r, 0, i->id, sizeof i->id);
    store_copy(r, 1, i->title, sizeof i->title);
    store_copy(r, 5, i->subscriber, sizeof i->subscriber);
    store_copy(r, 6, i->replacement, sizeof i->replacement);
    store_copy(r, 7, i->parent, sizeof i->parent);
    i->exercise = store_i64(r, 8) != 0;
    i->opened_us = store_i64(r, 9);
    i->since_us = store_i64(r, 10);
    i->closed_us = store_i64(r, 11);
    i->declared = strdup(store_text(r, 12));
    return i->declared != NULL && incident_route_find(store_text(r, 2), &i->route) &&
           incident_state_find(store_text(r, 3), &i->state) &&
           incident_actor_find(store_text(r, 4), &i->initiator);
}

struct get {
    struct docket_incident *out;
    bool found, ok;
};

static bool take_one(void *arg, const struct store_row *r)
{
    struct get *g = arg;

    g->found = true;
    g->ok = read_incident(r, g->out);
    return false;
}

bool docket_get(struct store *s, const char *id, struct docket_incident *out, struct err *e)
{
    struct get g = {out, false, false};

    if (!store_each(s, take_one, &g, e, "SELECT " COLUMNS " FROM incident WHERE id = ?1",
                    "t", id))
        return false;
    if (!g.found)
        return err_set(e, ERR_MISSING, "incident.none", "there is no incident %s", id);
    if (!g.ok) {
        docket_incident_done(out);
        return err_set(e, ERR_STORE, "store.failed", "incident %s cannot be read", id);
    }
    return true;
}

struct walk {
    bool (*fn)(void *arg, const struct docket_incident *i);
    void *arg;
    char bad[AUTHORITY_ID_MAX]; /* an incident that cannot be read */
};

static bool walk_one(void *arg, const struct store_row *r)
{
    struct walk *w = arg;
    struct docket_incident i;
    bool go_on = read_incident(r, &i);

    if (!go_on)
        (void)snprintf(w->bad, sizeof w->bad, "%s", i.id);
    else
        go_on = w->fn(w->arg, &i);
    docket_incident_done(&i);
    return go_on;
}

bool docket_each_behind(struct store *s, const char *id,
                        bool (*fn)(void *arg, const struct docket_incident *i), void *arg,
                        struct err *e)
{
    struct walk w = {fn, arg, ""};

    if (!store_each(s, walk_one, &w, e,
                    "SELECT " COLUMNS " FROM incident WHERE rowid >"
                    " coalesce((SELECT rowid FROM incident WHERE id = ?1), 0)"
                    " ORDER BY rowid",
                    "t", id))
        return false;
    if (w.bad[0] != '\0')
        return err_set(e, ERR_STORE, "store.failed", "incident %s cannot be read", w.bad);
    return true;
}

bool docket_each(struct store *s, bool (*fn)(void *arg, const struct docket_incident *i),
                 void *arg, struct err *e)
{
    return docket_each_behind(s, "", fn, arg, e);
}

/* --- evidence and declared facts --- */

/* On file once, on file for later steps too;
 * all other evidence is for the step it comes with. */
#define LASTING                                                                 \
    (EVIDENCE_BIT(EVIDENCE_NOTICE) | EVIDENCE_BIT(EVIDENCE_NOTIFICATION_FILE) | \
     EVIDENCE_BIT(EVIDENCE_WITHDRAWAL) | EVIDENCE_BIT(EVIDENCE_RESIDUAL_RISK) | \
     EVIDENCE_BIT(EVIDENCE_ELECTION))

static bool evidence_of(const char *json, uint64_t *have, struct err *e)
{
    json_t *o = json_loads(json != NULL ? json : "{}", JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *v;
    bool ok = json_is_object(o);

    if (!ok)
        (void)err_set(e, ERR_INPUT, "incident.evidence", "evidence is a JSON object");
    json_object_foreach(o, name, v)
    {
        enum evidence k;

        if (!incident_evidence_find(name, &k)) {
            ok = err_set(e, ERR_INPUT, "incident.evidence",
                         "\"%.40s\" is no kind of evidence", name);
            break;
        }
        if (json_is_null(v) || json_is_false(v) ||
            (json_is_string(v) && json_string_length(v) == 0)) {
            ok = err_set(e, ERR_INPUT, "incident.evidence", "evidence \"%s\" is empty",
                         name);
            break;
        }
        *have |= EVIDENCE_BIT(k);
    }
    json_decref(o);
    return ok;
}

static bool lasting(void *arg, const struct store_row *r)
{
    struct err ignored;
    uint64_t have = 0;

    if (evidence_of(store_text(r, 0), &have, &ignored))
        *(uint64_t *)arg |= have & LASTING;
    return true;
}

struct looking {
    const char *id;
    char same[AUTHORITY_ID_MAX]; /* "": none */
};

static bool look_at(void *arg, const struct store_row *row)
{
    struct looking *l = arg;

    if (strcmp(store_text(row, 0), l->id) == 0 ||
        name_looks_same(store_text(row, 0), l->id))
        store_copy(row, 0, l->same, sizeof l->same);
    return l->same[0] == '\0';
}

/* Is there an incident whose name might be mistaken for this one? */
static bool id_taken(struct store *s, struct looking *l, struct err *e)
{
    l->same[0] = '\0';
    return store_each(s, look_at, l, e, "SELECT id FROM incident", "");
}

/* --- alarms --- */

bool docket_rang(struct store *s, const char *incident, enum state state, int64_t since_us,
                 bool *rang, struct err *e)
{
    int64_t n = 0;
    bool found;

    if (!store_number(s, &n, &found, e,
                      "SELECT count(*) FROM alarm WHERE incident = ?1 AND since_us = ?2"
                      " AND state = ?3",
                      "tit", incident, since_us, incident_state(state)->name))
        return false;
    *rang = n > 0;
    return true;
}

bool docket_ring(const struct docket *d, const char *incident, enum state state,
                 int64_t since_us, struct err *e)
{
    const struct state_row *row = incident_state(state);

    return store_run(d->store, e,
                     "INSERT INTO alarm (incident, since_us, state, at_us)"
                     " VALUES (?1, ?2, ?3, ?4)",
                     "titi", incident, since_us, row->name, d->now_us) &&
           audit_put(d->store, d->now_us, "DEADLINE_PASSED", incident, AUDIT_ACTOR_SYSTEM,
                     e, "{s:s,s:s}", "alarm", incident_alarm_name(row->alarm), "state",
                     row->name);
}

/* --- steps --- */

static bool keep_event(const struct docket *d, const struct docket_incident *i,
                       const struct docket_step *step, enum state from, enum state to,
                       const struct transition *row, struct err *e)
{
    const struct event_row *v = incident_event(step->event);
    json_t *evidence = json_loads(step->evidence != NULL ? step->evidence : "{}", 0, NULL);
    json_t *facts = json_loads(step->declare != NULL ? step->declare : "{}", 0, NULL);
    int64_t n;
    bool ok;

    ok = store_run(
        d->store, e,
        "INSERT INTO incident_event (incident, event, from_state, to_state, at_us,"
        " actor, evidence, role, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        "ttttitttt", i->id, v->name, incident_state(from)->name, incident_state(to)->name,
        d->now_us, step->who, step->evidence != NULL ? step->evidence : "{}",
        incident_actor_name(step->actor), row->source);
    n = store_last_id(d->store);
    ok =
        ok &&
        audit_put(d->store, d->now_us, v->audit, i->id, step->who, e,
                  "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:O*,s:O*,s:s*}", "event", v->name, "from",
                  incident_state(from)->name, "to", incident_state(to)->name, "as",
                  incident_actor_name(step->actor), "route", incident_route(i->route)->name,
                  "effect", incident_effect_name(row->effect), "source", row->source,
                  "evidence", evidence, "declared", facts, "parent",
                  i->parent[0] != '\0' ? i->parent : NULL) &&
        (row->also == NULL || audit_put(d->store, d->now_us, row->also, i->id, step->who, e,
                                        "{s:s}", "event", v->name));
    ok = ok && outbox_queue(
                   d,
                   &(struct outbox_step){.incident = i,
                                         .event = step->event,
                                         .state = to,
                                         .since_us = from == to ? i->since_us : d->now_us,
                                         .n = n},
                   e);
    json_decref(evidence);
    json_decref(facts);
    return ok;
}

struct frozen {
    char (*ids)[AUTHORITY_ID_MAX];
    size_t n, cap;
    const char *but;
    bool no_memory;
};

static bool note_frozen(void *arg, const struct docket_incident *i)
{
    struct frozen *z = arg;

    if (strcmp(i->id, z->but) == 0 ||
        incident_next(i->route, i->state, EVENT_FREEZE) == NULL)
        return true;
    if (z->n == z->cap) {
        size_t cap = z->cap ? 2 * z->cap : 16;
        char(*more)[AUTHORITY_ID_MAX] = reallocarray(z->ids, cap, sizeof *more);

        z->no_memory = more == NULL;
        if (z->no_memory)
            return false;
        z->ids = more;
        z->cap = cap;
    }
    (void)snprintf(z->ids[z->n++], sizeof z->ids[0], "%s", i->id);
    return true;
}

/* The Recovery key is in doubt: every incident that uses it stops, in this same step. */
static bool freeze_others(const struct docket *d, const struct docket_incident *i,
                          const char *who, struct err *e)
{
    struct frozen z = {.but = i->id};
    bool ok = docket_each(d->store, note_frozen, &z, e);

    if (ok && z.no_memory)
        ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (size_t k = 0; ok && k < z.n; k++) {
        struct docket_step step = {
            .event = EVENT_FREEZE, .actor = ACTOR_SYSTEM, .who = who};
        struct docket_incident other = {0};
        struct incident_move move;

        ok = docket_get(d->store, z.ids[k], &other, e) &&
             docket_take_step(d, &other, &step, &move, e);
        docket_incident_done(&other);
    }
    free(z.ids);
    return ok;
}

/* What ends the use of a key ends the custodians' word for it:
 * to switch it on again they sign anew. */
static bool ends_activation(enum event event)
{
    return event == EVENT_DEACTIVATE_KEY || event == EVENT_LOSE_TOKEN ||
           event == EVENT_FREEZE || event == EVENT_EXPIRE;
}

/* The alarm is over: a decision to recover that stood until now ends with it, on record. */
static bool end_decision(const struct docket *d, const struct docket_incident *i,
                         const struct docket_step *step, struct err *e)
{
    static const struct digest none;
    struct docket_decision live;
    bool found;

    if (!docket_authorised(d->store, i->id, &live, &found, e) ||
        !docket_void_activations(d, i->id, step->who, e) ||
        !docket_void_decisions(d, i->id, &none, DECISION_VOID, e))
        return false;
    return !found || audit_put(d->store, d->now_us, "DECISION_ABORTED", i->id, step->who, e,
                               "{s:s,s:s}", "event", incident_event(step->event)->name,
                               "decision", live.id);
}

/* What this step ends, in the step's own transaction. */
static bool end_papers(const struct docket *d, const struct docket_incident *i,
                       const struct docket_step *step, struct err *e)
{
    static const struct digest none;

    if (i->state == STATE_CLOSED)
        return docket_void_activations(d, i->id, step->who, e) &&
               docket_void_decisions(d, i->id, &none, DECISION_VOID, e);
    if (i->state == STATE_FALSE_ALARM || i->state == STATE_STOPPED_MIDWAY)
        return end_decision(d, i, step, e);
    /* the decision whose window is over stays on file for the next one to supersede */
    if (step->event == EVENT_EXPIRE &&
        !told_end(d->store, i->id, &none, TOLD_EXPIRED, d->now_us, e))
        return false;
    return !ends_activation(step->event) || docket_void_activations(d, i->id, step->who, e);
}

static void swap(char **a, char **b)
{
    char *t = *a;

    *a = *b;
    *b = t;
}

/* Guards that look at each device of the list. */
#define OF_LISTS                                                   \
    (GUARD_BIT(GUARD_DEVICES_FREE) | GUARD_BIT(GUARD_LIST_FRESH) | \
     GUARD_BIT(GUARD_DEVICES_CLEAR))

/* Who brings a withdrawal, and how, is asked of each one anew. */
static bool declare(const struct docket_incident *i, const struct docket_step *step,
                    char **out, struct err *e)
{
    AUTO(mem) char *before = NULL;
    bool anew = step->event == EVENT_WITHDRAW;

    return docket_declare(i->declared,
                          anew ? "{\"withdrawer_authenticated\":false,"
                                 "\"withdrawal_by_suspect_key\":false}"
                               : NULL,
                          &before, e) &&
           docket_declare(before, step->declare, out, e);
}

bool docket_take_step(const struct docket *d, struct docket_incident *i,
                      const struct docket_step *step, struct incident_move *move,
                      struct err *e)
{
    const struct transition *row = incident_next(i->route, i->state, step->event);
    struct evidence_set have = {0};
    struct docket_file file;
    bool filed;
    struct incident_facts f;
    AUTO(mem) char *declared = NULL;
    enum state from = i->state;
    bool lists = row != NULL && (row->guards & OF_LISTS) != 0;

    if (!evidence_of(step->evidence, &have.have, e) || !declare(i, step, &declared, e) ||
        !store_each(d->store, lasting, &have.have, e,
                    "SELECT evidence FROM incident_event WHERE incident = ?1", "t",
                    i->id) ||
        !docket_last_file(d->store, i->id, false, &file, &filed, e))
        return false;
    if (filed)
        have.have |= EVIDENCE_BIT(EVIDENCE_NOTIFICATION_FILE);
    swap(&i->declared, &declared);
    if (!docket_facts(d, i, lists, &f, e)) {
        swap(&i->declared, &declared);
        return false;
    }
    /* this very step switches it off: the caller ends the signers that hold it */
    if (step->event == EVENT_DEACTIVATE_KEY)
        f.key_active = false;
    /* this very step says that none is left suspended, on the evidence it needs */
    if (step->event == EVENT_RECONNECTED)
        f.devices_suspended = 0;
    if (step->more != NULL)
        step->more(step->arg, &f);
    if (!incident_step(&f, step->event, step->actor, &have, move, e)) {
        swap(&i->declared, &declared); /* a step refused declares nothing */
        return false;
    }
    i->route = move->route;
    if (i->state != move->state)
        i->since_us = d->now_us;
    i->state = move->state;
    i->closed_us = move->state == STATE_CLOSED ? d->now_us : 0;
    return store_run(d->store, e,
                     "UPDATE incident SET route = ?2, state = ?3, since_us = ?4,"
                     " closed_us = CASE WHEN ?5 = 0 THEN NULL ELSE ?5 END, facts = ?6"
                     " WHERE id = ?1",
                     "tttiit", i->id, incident_route(i->route)->name,
                     incident_state(i->state)->name, i->since_us, i->closed_us,
                     i->declared) &&
           keep_event(d, i, step, from, i->state, move->row, e) &&
           keys_stepped(d->store, i->id, step->event, from, i->state, d->now_us, e) &&
           end_papers(d, i, step, e) &&
           (move->row->effect != EFFECT_FREEZE || freeze_others(d, i, step->who, e));
}

/* The first number of the year, from the count of incidents on,
 * that nobody took by hand. */
static bool new_id(const struct docket *d, char *out, size_t cap, struct err *e)
{
    time_t sec = (time_t)(d->now_us / 1000000);
    struct tm tm;
    int64_t n = 0;
    struct looking l = {.id = out};
    bool found;

    if (!store_number(d->store, &n, &found, e, "SELECT count(*) FROM incident", ""))
        return false;
    (void)gmtime_r(&sec, &tm);
    do {
        (void)snprintf(out, cap, "I-%04d-%04lld", (tm.tm_year + 1900) % 10000,
                       (long long)++n);
        if (!id_taken(d->store, &l, e))
            return false;
    } while (l.same[0] != '\0');
    return true;
}

/* Nobody mistakes one incident for another: its name is made of letters that everybody can
 * read and write, and looks like no name that is on file. */
static bool own_name(struct store *s, const char *id, struct err *e)
{
    struct looking l = {.id = id};

    if (!name_is_label(id))
        return err_set(e, ERR_INPUT, "incident.id", "\"%s\" is no name of an incident", id);
    if (!id_taken(s, &l, e))
        return false;
    if (strcmp(l.same, id) == 0)
        return err_set(e, ERR_INPUT, "incident.id-taken", "incident %s is on file already",
                       id);
    return l.same[0] == '\0' ||
           err_set(e, ERR_INPUT, "incident.id-taken",
                   "%s looks like incident %s, which is on file", id, l.same);
}

bool docket_open(const struct docket *d, struct docket_incident *i,
                 const char *evidence_json, const char *who, struct err *e)
{
    struct docket_step step = {.event = EVENT_NOTIFY,
                               .actor = i->initiator,
                               .evidence = evidence_json,
                               .who = who};
    struct incident_move move;

    if (i->id[0] == '\0' && !new_id(d, i->id, sizeof i->id, e))
        return false;
    if (!own_name(d->store, i->id, e))
        return false;
    if (!incident_route(i->route)->opens)
        return err_set(
            e, ERR_INPUT, "incident.member",
            "member route: no incident opens on route %s; it is taken by election or "
            "decision",
            incident_route(i->route)->name);
    if (i->exercise != d->config->service.exercise)
        return err_set(e, ERR_DENIED, "incident.exercise",
                       "this service is %s; the incident is %s",
                       d->config->service.exercise ? "an exercise" : "live",
                       i->exercise ? "an exercise" : "live");
    i->state = STATE_NONE;
    i->opened_us = i->since_us = d->now_us;
    i->declared = strdup("{}");
    if (i->declared == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return store_run(d->store, e,
                     "INSERT INTO incident (id, title, route, state, initiator, subscriber,"
                     " replacement, parent, exercise, opened_us, since_us, facts)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, '{}')",
                     "ttttttttii", i->id, i->title, incident_route(i->route)->name,
                     incident_state(STATE_NONE)->name, incident_actor_name(i->initiator),
                     i->subscriber, i->replacement, i->parent[0] != '\0' ? i->parent : NULL,
                     (int64_t)i->exercise, d->now_us) &&
           docket_take_step(d, i, &step, &move, e);
}
