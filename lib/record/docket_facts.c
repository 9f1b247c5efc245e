/* SPDX-License-Identifier: MIT
 *
 * The facts an incident's guards look at: what the store shows, and what was declared.
 */
#include "docket.h"

#include "holding.h"
#include "near.h"
#include "outcome.h"

#include <jansson.h>

#include <stddef.h>
#include <string.h>

static void apply_declared(const char *json, struct incident_facts *f)
{
    json_t *o = json_loads(json, 0, NULL);

    for (unsigned i = 0; i < INCIDENT_FACTS; i++)
        if (json_is_true(json_object_get(o, incident_fact_name(i))))
            *incident_fact(i, f) = true;
    json_decref(o);
}

static bool no_fact(const char *name, struct err *e)
{
    const char *words[INCIDENT_FACTS];
    char hint[NEAR_TEXT];

    for (unsigned i = 0; i < INCIDENT_FACTS; i++)
        words[i] = incident_fact_name(i);
    return err_set(e, ERR_INPUT, "incident.fact",
                   "\"%.40s\" is no fact that can be declared as true or false%s", name,
                   near_hint(hint, name, words, INCIDENT_FACTS));
}

bool docket_declare(const char *before, const char *now, char **out, struct err *e)
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
        unsigned i = 0;

        while (i < INCIDENT_FACTS && strcmp(incident_fact_name(i), name) != 0)
            i++;
        if (i == INCIDENT_FACTS || !json_is_boolean(v)) {
            ok = no_fact(name, e);
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

static bool take_state(void *arg, const struct store_row *row)
{
    if (!incident_state_find(store_text(row, 0), arg))
        *(enum state *)arg = STATE_NONE;
    return false;
}

static bool facts_of_history(const struct docket *d, const struct docket_incident *i,
                             struct incident_facts *f, struct err *e)
{
    struct store *s = d->store;
    bool suspended;

    if (!last_is(s, HAPPENED("'inform-pma', 'refer-to-pma'"), i->id, &f->pma_informed, e) ||
        !last_is(s, HAPPENED("'revoked'"), i->id, &f->revoked, e) ||
        !last_is(
            s,
            "SELECT event = 'devices-suspended' FROM incident_event WHERE incident = ?1"
            " AND event IN ('devices-suspended', 'reconnected', 'recovered',"
            " 'executed', 'handed-back') ORDER BY n DESC LIMIT 1",
            i->id, &suspended, e) ||
        !last_is(s, "SELECT count(*) FROM batch WHERE incident = ?1 AND signed > 0", i->id,
                 &f->commands_signed, e) ||
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
                 "SELECT count(*) FROM batch JOIN decision ON sha256 = batch.decision"
                 " WHERE batch.incident = ?1"
                 " AND json_extract(json, '$.mode') = 'anyByContingency'"
                 " AND EXISTS (SELECT 1 FROM slice WHERE slice.id >= batch.id << 32"
                 " AND slice.id < batch.id + 1 << 32)",
                 i->id, &f->contingency_used, e))
        return false;
    f->devices_suspended = suspended ? 1 : 0;
    return store_each(s, take_state, &f->called_from, e,
                      "SELECT from_state FROM incident_event WHERE incident = ?1"
                      " AND event = 'call-custodians' ORDER BY n DESC LIMIT 1",
                      "t", i->id);
}

static bool take_actor(void *arg, const struct store_row *row)
{
    if (!incident_actor_find(store_text(row, 0), arg))
        *(enum actor *)arg = ACTOR_COUNT; /* whoever it was may end nothing */
    return false;
}

/* EndDecision=: each of the three may what those before it may. */
static uint32_t may_end(const char *who)
{
    if (strcmp(who, "dcc") == 0)
        return ACTOR_BIT(ACTOR_SUBSCRIBER) | ACTOR_BIT(ACTOR_SRP) | ACTOR_BIT(ACTOR_DCC) |
               ACTOR_BIT(ACTOR_OFGEM);
    if (strcmp(who, "subscriber") == 0)
        return ACTOR_BIT(ACTOR_SUBSCRIBER) | ACTOR_BIT(ACTOR_SRP);
    return 0;
}

static bool facts_of_withdrawal(const struct docket *d, const struct docket_incident *i,
                                struct incident_facts *f, struct err *e)
{
    f->may_end = may_end(d->config->service.end_decision);
    f->withdrawn_by = ACTOR_COUNT;
    return last_is(d->store,
                   "SELECT event = 'withdraw' FROM incident_event WHERE incident = ?1"
                   " AND event IN ('withdraw', 'confirm-withdrawal', 'reject-withdrawal',"
                   " 'reopen') ORDER BY n DESC LIMIT 1",
                   i->id, &f->withdrawal_open, e) &&
           store_each(d->store, take_actor, &f->withdrawn_by, e,
                      "SELECT role FROM incident_event WHERE incident = ?1"
                      " AND event = 'withdraw' ORDER BY n DESC LIMIT 1",
                      "t", i->id);
}

/* The PMA has named whoever the incident says takes the devices over, by a document that names
 * the appointment; what became of the rest of that document does not matter. */
static bool facts_of_appointment(const struct docket *d, const struct docket_incident *i,
                                 struct incident_facts *f, struct err *e)
{
    int64_t n = 0;
    bool found;

    f->replacement_is_solr =
        i->replacement[0] != '\0' && strcmp(i->replacement, i->subscriber) != 0;
    if (!f->replacement_is_solr)
        return true;
    if (!store_number(d->store, &n, &found, e,
                      "SELECT count(*) FROM decision WHERE incident = ?1"
                      " AND json_extract(json, '$.kind') = 'decision'"
                      " AND json_extract(json, '$.appointment') IS NOT NULL"
                      " AND upper(json_extract(json, '$.replacement_subscriber')) = ?2",
                      "tt", i->id, i->replacement))
        return false;
    f->solr_appointed = n > 0;
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
    f->decision_exercise = d->config->service.exercise;
    if (found)
        for (size_t k = 0; k < d->config->n_keys; k++)
            if (strcmp(d->config->keys[k].name, live.key) == 0)
                f->token_key_proved = (d->token_keys >> k & 1) != 0;
    f->token_silent = d->token_silent;
    if (!count(d->store,
               "SELECT count(*) FROM batch WHERE incident = ?1"
               " AND state NOT IN ('stopped', 'done')",
               i->id, &n, e))
        return false;
    f->batch_running = n > 0;
    if (!count(d->store,
               "SELECT count(*) FROM batch WHERE incident = ?1 AND state = 'held'"
               " AND rule = 'ledger.rolled-back'",
               i->id, &n, e))
        return false;
    f->counter_above_reserved = n == 0;
    return true;
}

static bool facts_of_lists(const struct docket *d, const struct docket_incident *i,
                           struct incident_facts *f, struct err *e)
{
    struct digest sha256;
    struct lists lists;
    const struct roster *r;
    char where[128];
    int64_t holds[HOLDING_COUNT] = {0};
    uint32_t rows;
    bool found;
    bool ok;

    if (!docket_roster(d->store, i->id, &sha256, &rows, &found, e))
        return false;
    if (!found)
        return true;
    ok = lists_open(d->store, d->roster_dir, i->id, &lists, e);
    if (ok) {
        r = &lists.at[0].roster;
        ok = docket_elsewhere(d, i->id, r, &f->devices_elsewhere, where, e) &&
             docket_refused(d, i->id, r, &f->devices_refused, e) &&
             docket_file_replaced(d->store, i->id, r, &f->rows_replaced_named, e) &&
             (!f->commands_signed ||
              holding_think(d->store, d->roster_dir, i->id, holds, e));
        f->devices_unclear = (uint32_t)holds[HOLDING_UNCLEAR];
    }
    lists_done(&lists);
    return ok;
}

static uint32_t at_most(int64_t n, uint32_t limit)
{
    return n > limit ? limit : (uint32_t)n;
}

static int64_t replaced(const int64_t n[OUTCOME_STATES])
{
    return n[OUTCOME_SUCCESS] + n[OUTCOME_PARTLY];
}

#define UNDER(method)                                                           \
    "(SELECT batch.id FROM batch JOIN decision ON decision.sha256 ="            \
    " batch.decision WHERE batch.incident = ?1 AND json_extract(decision.json," \
    " '$.method') = " method ")"

/* Where the PMA went on by Method 3, Method 2 may have left devices behind that hold the ACB's
 * certificates: no list of Method 3 has to name them. */
static bool facts_of_method_2(const struct docket *d, const struct docket_incident *i,
                              struct incident_facts *f, struct err *e)
{
    const char *two = authority_method_name(METHOD_2);
    int64_t n = 0;
    bool found;

    if (!store_number(d->store, &n, &found, e, "SELECT count(*) FROM " UNDER("?2"), "tt",
                      i->id, two))
        return false;
    if (n == 0)
        return true;
    if (!store_number(d->store, &n, &found, e,
                      "SELECT sum(n) FROM outcome_total WHERE incident = ?1"
                      " AND ((state IN (?4, ?5) AND batch IN " UNDER(
                          "?2") ")"
                                " OR (state NOT IN (?4, ?6) AND batch IN " UNDER("?3") "))",
                      "tttttt", i->id, two, authority_method_name(METHOD_HANDBACK),
                      outcome_state_name(OUTCOME_SUCCESS),
                      outcome_state_name(OUTCOME_PARTLY),
                      outcome_state_name(OUTCOME_EXCUSED)))
        return false;
    f->rows_acb = (uint32_t)n;
    return true;
}

/* Method 2 answers twice: a device that took the ACB's certificate is not done before it
 * took the subscriber's new one. */
static bool facts_of_handback(const struct docket *d, const struct docket_incident *i,
                              uint32_t rows, const int64_t all[OUTCOME_STATES],
                              struct incident_facts *f, struct err *e)
{
    int64_t back[OUTCOME_STATES]; /* whose last command was to hand back */
    int64_t acb;

    if (i->route == ROUTE_METHOD_3)
        return facts_of_method_2(d, i, f, e);
    if (i->route != ROUTE_METHOD_2)
        return true;
    if (!outcome_count(d->store, i->id, true, back, e))
        return false;
    acb = replaced(all) - replaced(back);
    for (unsigned s = 0; s < OUTCOME_STATES; s++)
        if (s != OUTCOME_SUCCESS && s != OUTCOME_EXCUSED)
            acb += back[s];
    f->rows_acb = (uint32_t)acb;
    if (i->state == STATE_HANDBACK || i->state == STATE_HANDBACK_TOKEN_LOST) {
        f->rows_pending =
            rows - at_most(all[OUTCOME_EXCUSED] + back[OUTCOME_SUCCESS], rows);
        f->rows_done = (uint32_t)replaced(back);
    }
    return true;
}

bool docket_was(struct store *s, const char *incident, enum state state, bool *was,
                struct err *e)
{
    int64_t n = 0;
    bool found;

    if (!store_number(s, &n, &found, e,
                      "SELECT count(*) FROM incident_event WHERE incident = ?1"
                      " AND to_state = ?2",
                      "tt", incident, incident_state(state)->name))
        return false;
    *was = n > 0;
    return true;
}

static bool take_step(void *arg, const struct store_row *row)
{
    enum event event;
    enum state from;
    enum state to;

    /* what this program does not know has done nothing to a status */
    if (incident_event_find(store_text(row, 0), &event) &&
        incident_state_find(store_text(row, 1), &from) &&
        incident_state_find(store_text(row, 2), &to))
        smi_step(arg, event, from, to);
    return true;
}

bool docket_smi(struct store *s, const char *incident, struct smi_steps *out, struct err *e)
{
    *out = smi_begin();
    return store_each(s, take_step, out, e,
                      "SELECT event, from_state, to_state FROM incident_event"
                      " WHERE incident = ?1 ORDER BY n",
                      "t", incident);
}

bool docket_facts(const struct docket *d, const struct docket_incident *i, bool with_lists,
                  struct incident_facts *f, struct err *e)
{
    const struct config_authority *custodians =
        config_authority_find(d->config, "custodians");
    struct digest sha256;
    struct lists_size size;
    uint32_t rows;
    bool found;
    int64_t n[OUTCOME_STATES];

    memset(f, 0, sizeof *f);
    f->route = i->route;
    f->state = i->state;
    f->initiator = i->initiator;
    f->exercise = i->exercise;
    f->now_us = d->now_us;
    f->custodians_needed = custodians != NULL ? custodians->threshold : 0;
    if (!facts_of_appointment(d, i, f, e) || !facts_of_family(d, i, f, e) ||
        !facts_of_history(d, i, f, e) || !facts_of_withdrawal(d, i, f, e) ||
        !facts_of_decisions(d, i, f, e) || (with_lists && !facts_of_lists(d, i, f, e)) ||
        !docket_roster(d->store, i->id, &sha256, &rows, &found, e) ||
        !lists_size(d->store, i->id, &size, e))
        return false;
    rows = size.devices; /* of every version that counts */
    f->devices_suspended = f->devices_suspended ? rows : 0;
    /* what has answered for good, or is excused,
     * is not pending (reconcile keeps the table) */
    if (!outcome_count(d->store, i->id, false, n, e))
        return false;
    f->rows_pending = rows - at_most(n[OUTCOME_SUCCESS] + n[OUTCOME_EXCUSED], rows);
    f->rows_done = (uint32_t)replaced(n);
    f->rows_unknown = (uint32_t)n[OUTCOME_UNKNOWN];
    if (!facts_of_handback(d, i, rows, n, f, e) || !docket_file_facts(d, i, f, e))
        return false;
    apply_declared(i->declared, f);
    return true;
}
