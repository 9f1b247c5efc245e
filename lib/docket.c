/* SPDX-License-Identifier: MIT */
#include "docket.h"

#include "audit.h"
#include "mem.h"
#include "outbox.h"

#include <jansson.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS                                                                       \
    "id, title, route, state, initiator, subscriber, replacement, parent, exercise, " \
    "opened_us,"                                                                      \
    " since_us, closed_us, facts"

static void copy(char *out, size_t cap, const char *text)
{
    (void)snprintf(out, cap, "%s", text);
}

void docket_incident_done(struct docket_incident *i)
{
    free(i->declared);
    i->declared = NULL;
}

static bool read_incident(const struct store_row *r, struct docket_incident *i)
{
    memset(i, 0, sizeof *i);
    copy(i->id, sizeof i->id, row_text(r, 0));
    copy(i->title, sizeof i->title, row_text(r, 1));
    copy(i->subscriber, sizeof i->subscriber, row_text(r, 5));
    copy(i->replacement, sizeof i->replacement, row_text(r, 6));
    copy(i->parent, sizeof i->parent, row_text(r, 7));
    i->exercise = row_i64(r, 8) != 0;
    i->opened_us = row_i64(r, 9);
    i->since_us = row_i64(r, 10);
    i->closed_us = row_i64(r, 11);
    i->declared = strdup(row_text(r, 12));
    return i->declared != NULL && incident_route_find(row_text(r, 2), &i->route) &&
           incident_state_find(row_text(r, 3), &i->state) &&
           incident_actor_find(row_text(r, 4), &i->initiator);
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
};

static bool walk_one(void *arg, const struct store_row *r)
{
    struct walk *w = arg;
    struct docket_incident i;
    bool go_on = read_incident(r, &i) && w->fn(w->arg, &i);

    docket_incident_done(&i);
    return go_on;
}

bool docket_each(struct store *s, bool (*fn)(void *arg, const struct docket_incident *i),
                 void *arg, struct err *e)
{
    struct walk w = {fn, arg};

    return store_each(s, walk_one, &w, e,
                      "SELECT " COLUMNS " FROM incident ORDER BY opened_us, id", "");
}

/* --- evidence and declared facts --- */

/* On file once, on file for later steps too; all other evidence is for the step it comes
 * with. */
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

    if (evidence_of(row_text(r, 0), &have, &ignored))
        *(uint64_t *)arg |= have & LASTING;
    return true;
}

/* Facts nobody can see in the store: someone answers for them. */
static const struct {
    const char *name;
    size_t offset;
} declarable[] = {
#define FACT(f)                                \
    {                                          \
#f, offsetof(struct incident_facts, f) \
    }
    FACT(notifier_authenticated),
    FACT(notifier_third_party),
    FACT(srp_authority),
    FACT(exceptions_listed),
    FACT(notified_anew),
    FACT(holder_hostile),
    FACT(solr_appointed),
    FACT(replacements_from_suspect_hsm),
    FACT(new_contingency_wrapped),
    FACT(withdrawal_by_suspect_key),
    FACT(withdrawer_authenticated),
#undef FACT
};

static void apply_declared(const char *json, struct incident_facts *f)
{
    json_t *o = json_loads(json, 0, NULL);

    for (size_t i = 0; i < sizeof declarable / sizeof declarable[0]; i++)
        if (json_is_true(json_object_get(o, declarable[i].name)))
            *(bool *)(void *)((char *)f + declarable[i].offset) = true;
    json_decref(o);
}

/* Merge what is declared now into what was; a malloc'd JSON text. */
static bool declare(const char *before, const char *now, char **out, struct err *e)
{
    json_t *all = json_loads(before, 0, NULL);
    json_t *more = json_loads(now != NULL ? now : "{}", JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *v;
    bool ok = json_is_object(all) && json_is_object(more);

    if (!ok)
        (void)err_set(e, ERR_INPUT, "incident.fact", "facts are a JSON object");
    json_object_foreach(more, name, v)
    {
        size_t i = 0;

        while (i < sizeof declarable / sizeof declarable[0] &&
               strcmp(declarable[i].name, name) != 0)
            i++;
        if (i == sizeof declarable / sizeof declarable[0] || !json_is_boolean(v)) {
            ok =
                err_set(e, ERR_INPUT, "incident.fact",
                        "\"%.40s\" is no fact that can be declared as true or false", name);
            break;
        }
        (void)json_object_set(all, name, v);
    }
    *out = ok ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(all);
    json_decref(more);
    if (ok && *out == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return ok;
}

/* --- facts --- */

static bool count(struct store *s, const char *sql, const char *incident, int64_t *n,
                  struct err *e)
{
    bool found;

    *n = 0;
    return store_number(s, n, &found, e, sql, "t", incident);
}

#define HAPPENED(events) \
    "SELECT count(*) FROM incident_event WHERE incident = ?1 AND event IN (" events ")"

static bool last_is(struct store *s, const char *sql, const char *incident, bool *is,
                    struct err *e)
{
    int64_t n;

    if (!count(s, sql, incident, &n, e))
        return false;
    *is = n > 0;
    return true;
}

static bool facts_of_family(const struct docket *d, const struct docket_incident *i,
                            struct incident_facts *f, struct err *e)
{
    int64_t n;

    f->has_parent = i->parent[0] != '\0';
    if (f->has_parent) {
        if (!count(d->store,
                   "SELECT count(*) FROM incident WHERE id = ?1 AND state != 'CLOSED'"
                   " AND route = 'shared-event'",
                   i->parent, &n, e))
            return false;
        f->parent_open = n > 0;
    }
    if (!count(d->store,
               "SELECT count(*) FROM incident WHERE parent = ?1 AND state != 'CLOSED'",
               i->id, &n, e))
        return false;
    f->children_open = (unsigned)n;
    if (!count(d->store,
               "SELECT count(*) FROM incident WHERE route = 'recovery-key'"
               " AND state NOT IN ('NOTIFIED', 'REJECTED_UNAUTHENTICATED', 'FALSE_ALARM',"
               " 'CLOSED') AND id != ?1",
               i->id, &n, e))
        return false;
    f->recovery_key_suspect = n > 0;
    return true;
}

static bool facts_of_history(const struct docket *d, const struct docket_incident *i,
                             struct incident_facts *f, struct err *e)
{
    struct store *s = d->store;
    bool suspended;
    bool reconnected;

    if (!last_is(s, HAPPENED("'inform-pma', 'refer-to-pma'"), i->id, &f->pma_informed, e) ||
        !last_is(s, HAPPENED("'revoked'"), i->id, &f->revoked, e) ||
        !last_is(s, HAPPENED("'devices-suspended'"), i->id, &suspended, e) ||
        !last_is(s, HAPPENED("'reconnected', 'recovered', 'executed', 'handed-back'"),
                 i->id, &reconnected, e) ||
        !last_is(s,
                 "SELECT event IN ('activate-key') FROM incident_event WHERE incident = ?1"
                 " AND event IN ('activate-key', 'deactivate-key', 'lose-token')"
                 " ORDER BY n DESC LIMIT 1",
                 i->id, &f->key_active, e) ||
        !last_is(
            s,
            "SELECT event IN ('defer-revocation', 'defer-id-transfer') FROM incident_event"
            " WHERE incident = ?1 AND event IN ('defer-revocation', 'defer-id-transfer',"
            " 'end-deferral') ORDER BY n DESC LIMIT 1",
            i->id, &f->deferral_live, e) ||
        !last_is(s,
                 "SELECT count(*) FROM slice JOIN batch ON slice.id >> 32 = batch.id"
                 " WHERE batch.incident = ?1 AND batch.key = 'contingency'",
                 i->id, &f->contingency_used, e))
        return false;
    f->devices_suspended = suspended && !reconnected ? 1 : 0;
    return true;
}

static bool facts_of_decisions(const struct docket *d, const struct docket_incident *i,
                               struct incident_facts *f, struct err *e)
{
    struct docket_decision live;
    bool found;
    int64_t n;

    if (!docket_authorised(d->store, i->id, &live, &found, e))
        return false;
    f->decision_live = found;
    f->decision_route = i->route;
    f->decision_exercise = f->key_exercise = d->config->service.exercise;
    if (found)
        for (size_t k = 0; k < d->config->n_keys; k++)
            if (strcmp(d->config->keys[k].name, live.key) == 0)
                f->token_key_proved = (d->token_keys >> k & 1) != 0;
    if (!count(d->store,
               "SELECT count(*) FROM batch WHERE incident = ?1"
               " AND state NOT IN ('stopped', 'done')",
               i->id, &n, e))
        return false;
    f->batch_running = n > 0;
    if (!count(d->store,
               "SELECT count(*) FROM batch WHERE incident = ?1 AND state = 'held'"
               " AND reason LIKE 'ledger.rolled-back%'",
               i->id, &n, e))
        return false;
    f->counter_above_reserved = n == 0;
    return true;
}

static bool facts_of_lists(const struct docket *d, const struct docket_incident *i,
                           struct incident_facts *f, struct err *e)
{
    struct digest sha256;
    struct roster r;
    char hex[HEX_LEN(32)];
    char path[PATH_MAX];
    char where[128];
    uint32_t rows;
    bool found;
    bool ok;

    if (!docket_roster(d->store, i->id, &sha256, &rows, &found, e))
        return false;
    if (!found)
        return true;
    hex_encode_lower(sha256.b, 32, hex);
    (void)snprintf(path, sizeof path, "%s/%s.csv", d->roster_dir, hex);
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !roster_open_fd(fd, path, &r, e))
        return err_set(e, ERR_STORE, "store.failed", "roster %s cannot be read", path);
    ok = docket_elsewhere(d, i->id, &r, &f->devices_elsewhere, where, e) &&
         docket_file_replaced(d->store, i->id, &r, &f->rows_replaced_named, e);
    roster_done(&r);
    return ok;
}

/* Batches under an instruction to hand back. */
#define HANDBACK_BATCHES                                                            \
    "(SELECT batch.id FROM batch JOIN decision ON decision.sha256 = batch.decision" \
    " WHERE batch.incident = ?1 AND json_extract(decision.json, '$.method') = 'handback')"

/* Method 2 answers twice: a device that took the ACB's certificate is not done before it
 * took the subscriber's new one. */
static bool facts_of_handback(const struct docket *d, const struct docket_incident *i,
                              uint32_t rows, struct incident_facts *f, struct err *e)
{
    int64_t settled, done, acb;

    if (i->route != ROUTE_METHOD_2)
        return true;
    if (!count(d->store,
               "SELECT count(*) FROM outcome WHERE incident = ?1 AND (state = 'excused' OR"
               " (state = 'success' AND batch IN " HANDBACK_BATCHES "))",
               i->id, &settled, e) ||
        !count(d->store,
               "SELECT count(*) FROM outcome WHERE incident = ?1"
               " AND state IN ('success', 'partly') AND batch IN " HANDBACK_BATCHES,
               i->id, &done, e) ||
        !count(d->store,
               "SELECT count(*) FROM outcome WHERE incident = ?1"
               " AND (CASE WHEN batch IN " HANDBACK_BATCHES
               " THEN state NOT IN ('success', 'excused')"
               " ELSE state IN ('success', 'partly') END)",
               i->id, &acb, e))
        return false;
    f->rows_acb = (uint32_t)acb;
    if (i->state == STATE_HANDBACK || i->state == STATE_HANDBACK_TOKEN_LOST) {
        f->rows_pending = settled > rows ? 0 : rows - (uint32_t)settled;
        f->rows_done = (uint32_t)done;
    }
    return true;
}

bool docket_facts(const struct docket *d, const struct docket_incident *i, bool with_lists,
                  struct incident_facts *f, struct err *e)
{
    const struct config_authority *custodians =
        config_authority_find(d->config, "custodians");
    struct digest sha256;
    uint32_t rows;
    bool found;
    int64_t n;

    memset(f, 0, sizeof *f);
    f->route = i->route;
    f->state = i->state;
    f->initiator = i->initiator;
    f->exercise = i->exercise;
    f->now_us = d->now_us;
    f->custodians_needed = custodians != NULL ? custodians->threshold : 0;
    f->replacement_is_solr =
        i->replacement[0] != '\0' && strcmp(i->replacement, i->subscriber) != 0;
    if (!facts_of_family(d, i, f, e) || !facts_of_history(d, i, f, e) ||
        !facts_of_decisions(d, i, f, e) || (with_lists && !facts_of_lists(d, i, f, e)) ||
        !docket_roster(d->store, i->id, &sha256, &rows, &found, e))
        return false;
    f->devices_suspended = f->devices_suspended ? rows : 0;
    f->rows_pending = rows;
    /* what has answered for good, or is excused, is not pending (reconcile keeps the table)
     */
    if (!count(d->store,
               "SELECT count(*) FROM outcome WHERE incident = ?1 AND state IN"
               " ('success', 'excused')",
               i->id, &n, e))
        return false;
    f->rows_pending -= n > rows ? rows : (uint32_t)n;
    if (!count(d->store,
               "SELECT count(*) FROM outcome WHERE incident = ?1 AND state IN"
               " ('success', 'partly')",
               i->id, &n, e))
        return false;
    f->rows_done = (uint32_t)n;
    if (!count(d->store,
               "SELECT count(*) FROM outcome WHERE incident = ?1 AND state = 'unknown'",
               i->id, &n, e))
        return false;
    f->rows_unknown = (uint32_t)n;
    if (!facts_of_handback(d, i, rows, f, e) || !docket_file_facts(d, i, f, e) ||
        (found && !docket_list_refused(d, i->id, &sha256, &f->list_refused_before, e)))
        return false;
    apply_declared(i->declared, f);
    return true;
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
        " actor, evidence, role) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        "ttttittt", i->id, v->name, incident_state(from)->name, incident_state(to)->name,
        d->now_us, step->who, step->evidence != NULL ? step->evidence : "{}",
        incident_actor_name(step->actor));
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
    ok = ok && outbox_queue(d->store,
                            &(struct outbox_step){.incident = i->id,
                                                  .title = i->title,
                                                  .subscriber = i->subscriber,
                                                  .event = step->event,
                                                  .route = i->route,
                                                  .state = to,
                                                  .exercise = i->exercise,
                                                  .n = n,
                                                  .at_us = d->now_us},
                            e);
    json_decref(evidence);
    json_decref(facts);
    return ok;
}

#define FROZEN_MAX 64

struct frozen {
    char ids[FROZEN_MAX][AUTHORITY_ID_MAX];
    size_t n;
    const char *but;
};

static bool note_frozen(void *arg, const struct docket_incident *i)
{
    struct frozen *z = arg;

    if (z->n < FROZEN_MAX && strcmp(i->id, z->but) != 0 &&
        incident_next(i->route, i->state, EVENT_FREEZE) != NULL)
        (void)snprintf(z->ids[z->n++], sizeof z->ids[0], "%s", i->id);
    return true;
}

static bool freeze_noted(const struct docket *d, const struct frozen *z, const char *who,
                         struct err *e)
{
    bool ok = true;

    for (size_t k = 0; ok && k < z->n; k++) {
        struct docket_step step = {
            .event = EVENT_FREEZE, .actor = ACTOR_SYSTEM, .who = who};
        struct docket_incident other;
        struct incident_move move;

        ok = docket_get(d->store, z->ids[k], &other, e) &&
             docket_take_step(d, &other, &step, &move, e);
        docket_incident_done(&other);
    }
    return ok;
}

/* The Recovery key is in doubt: every incident that uses it stops, in this same step. */
static bool freeze_others(const struct docket *d, const struct docket_incident *i,
                          const char *who, struct err *e)
{
    AUTO(mem) struct frozen *z = calloc(1, sizeof *z);
    bool ok = true;

    if (z == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    z->but = i->id;
    do { /* one frozen has no further place for the event: this ends */
        z->n = 0;
        ok = docket_each(d->store, note_frozen, z, e) && freeze_noted(d, z, who, e);
    } while (ok && z->n == FROZEN_MAX);
    return ok;
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
    bool lists = row != NULL && (row->guards & GUARD_BIT(GUARD_DEVICES_FREE)) != 0;

    if (!evidence_of(step->evidence, &have.have, e) ||
        !declare(i->declared, step->declare, &declared, e) ||
        !store_each(d->store, lasting, &have.have, e,
                    "SELECT evidence FROM incident_event WHERE incident = ?1", "t",
                    i->id) ||
        !docket_last_file(d->store, i->id, false, &file, &filed, e))
        return false;
    if (filed)
        have.have |= EVIDENCE_BIT(EVIDENCE_NOTIFICATION_FILE);
    free(i->declared);
    i->declared = TAKE(declared);
    if (!docket_facts(d, i, lists, &f, e))
        return false;
    /* this very step switches it off: the caller ends the signers that hold it */
    if (step->event == EVENT_DEACTIVATE_KEY)
        f.key_active = false;
    /* this very step says that none is left suspended, on the evidence it needs */
    if (step->event == EVENT_RECONNECTED)
        f.devices_suspended = 0;
    if (step->more != NULL)
        step->more(step->arg, &f);
    if (!incident_step(&f, step->event, step->actor, &have, move, e))
        return false;
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
           (move->row->effect != EFFECT_FREEZE || freeze_others(d, i, step->who, e));
}

static bool new_id(const struct docket *d, char *out, size_t cap, struct err *e)
{
    time_t sec = (time_t)(d->now_us / 1000000);
    struct tm tm;
    int64_t n = 0;
    bool found;

    if (!store_number(d->store, &n, &found, e, "SELECT count(*) FROM incident", ""))
        return false;
    (void)gmtime_r(&sec, &tm);
    for (int64_t taken = 1;
         taken > 0;) { /* a name of that form may have been given by hand */
        (void)snprintf(out, cap, "I-%04d-%04lld", (tm.tm_year + 1900) % 10000,
                       (long long)++n);
        if (!store_number(d->store, &taken, &found, e,
                          "SELECT count(*) FROM incident WHERE id = ?1", "t", out))
            return false;
    }
    return true;
}

bool docket_open(const struct docket *d, struct docket_incident *i,
                 const char *evidence_json, const char *who, struct err *e)
{
    struct docket_step step = {.event = EVENT_NOTIFY,
                               .actor = i->initiator,
                               .evidence = evidence_json,
                               .who = who};
    struct incident_move move;
    int64_t n;

    if (i->id[0] == '\0' && !new_id(d, i->id, sizeof i->id, e))
        return false;
    if (!count(d->store, "SELECT count(*) FROM incident WHERE id = ?1", i->id, &n, e))
        return false;
    if (n > 0)
        return err_set(e, ERR_INPUT, "incident.id-taken", "incident %s is on file already",
                       i->id);
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
