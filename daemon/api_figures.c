/* SPDX-License-Identifier: MIT
 *
 * How far an incident is, in figures.
 */
#include "service.h"

#include "docket_show.h"
#include "holding.h"
#include "outcome.h"
#include "preflight.h"
#include "reconcile.h"
#include "waves.h"

/* Names with a count each; what there is none of is not named. */
static void add_states(json_t *o, const int64_t n[OUTCOME_STATES])
{
    for (unsigned s = 0; s < OUTCOME_STATES; s++)
        if (n[s] > 0)
            (void)json_object_set_new(o, outcome_state_name((enum outcome_state)s),
                                      json_integer((json_int_t)n[s]));
}

static bool add_cell(void *arg, const char *name, const char *code, int64_t n)
{
    json_t *cell = json_object_get(arg, name);

    if (cell == NULL) {
        cell = json_object();
        (void)json_object_set_new(arg, name, cell);
    }
    (void)json_object_set_new(cell, code, json_integer((json_int_t)n));
    return true;
}

static bool add_aside(void *arg, const char *rule, int64_t n)
{
    (void)json_object_set_new(arg, rule, json_integer((json_int_t)n));
    return true;
}

/* Every device type of the list, and how its devices stand. */
static json_t *types_json(const struct lists_size *size,
                          int64_t by_type[DEVICE_COUNT][OUTCOME_STATES])
{
    json_t *types = json_object();

    for (unsigned t = 0; t < DEVICE_COUNT; t++) {
        json_t *type;

        if (size->by_type[t] == 0)
            continue;
        type = json_pack("{s:I}", "devices", (json_int_t)size->by_type[t]);
        add_states(type, by_type[t]);
        (void)json_object_set_new(types, gbcs_device((enum device_type)t)->name, type);
    }
    return types;
}

bool api_holds(struct service *sv, const char *incident, json_t *into, struct err *e)
{
    int64_t n[HOLDING_COUNT];
    json_t *holds;

    if (!holding_think(sv->store, sv->roster_dir, incident, n, e))
        return false;
    holds = json_object();
    for (unsigned h = 0; h < HOLDING_COUNT; h++)
        if (n[h] > 0)
            (void)json_object_set_new(holds, holding_name((enum holding)h),
                                      json_integer((json_int_t)n[h]));
    (void)json_object_set_new(into, "holds", holds);
    return true;
}

static json_t *status_json(const int64_t n[STATUS_COUNT])
{
    json_t *o = json_object();

    for (unsigned s = 0; s < STATUS_COUNT; s++)
        if (n[s] > 0)
            (void)json_object_set_new(o, roster_status_name((enum smi_status)s),
                                      json_integer((json_int_t)n[s]));
    return o;
}

/* How many devices are still to be replaced, by whose key how many were, which SMI status they
 * have now; and what they hold, where no batch is on its way. */
static bool standing_json(struct service *sv, const char *incident,
                          const struct lists_size *size, int64_t replaced, json_t *o,
                          struct err *e)
{
    struct docket d = service_docket(sv);
    struct incident_facts f;
    struct smi_steps steps;
    struct docket_incident i;
    int64_t now[STATUS_COUNT];
    int64_t own_key;
    bool open;
    bool ok;

    if (!docket_get(sv->store, incident, &i, e))
        return false;
    ok = docket_facts(&d, &i, false, &f, e);
    docket_incident_done(&i);
    if (!ok || !holding_own_key(sv->store, incident, &own_key, e) ||
        !docket_smi(sv->store, incident, &steps, e) ||
        !queue_open(sv->store, incident, &open, e))
        return false;
    smi_count(&steps, size->by_status, replaced, now);
    (void)json_object_update_new(
        o, json_pack("{s:I,s:o,s:o}", "pending", (json_int_t)f.rows_pending, "by_key",
                     docket_show_by_key(f.route, own_key, replaced), "smi_status",
                     status_json(now)));
    return open || !f.commands_signed || api_holds(sv, incident, o, e);
}

/* Of how many devices it is known who held their cells. */
static json_t *held_json(const int64_t n[OUTCOME_HELD_COUNT])
{
    json_t *o = json_object();

    for (unsigned h = OUTCOME_HELD_UNTOLD + 1; h < OUTCOME_HELD_COUNT; h++)
        if (n[h] > 0)
            (void)json_object_set_new(o, outcome_held_name((enum outcome_held)h),
                                      json_integer((json_int_t)n[h]));
    return o;
}

static bool preflight_json(struct service *sv, const char *incident, json_t *o,
                           struct err *e)
{
    int64_t n[OUTCOME_HELD_COUNT];
    int64_t answered;
    json_t *j;

    if (!preflight_count(sv->store, incident, &answered, n, e))
        return false;
    if (answered == 0)
        return true;
    j = held_json(n);
    (void)json_object_set_new(j, "answered", json_integer((json_int_t)answered));
    (void)json_object_set_new(o, "preflight", j);
    return true;
}

static bool add_waves(struct service *sv, const char *incident, json_t *o, struct err *e)
{
    json_t *waves;

    if (!waves_json(sv->store, incident, &waves, e))
        return false;
    if (waves != NULL)
        (void)json_object_set_new(o, "waves", waves);
    return true;
}

static bool figures_json(struct service *sv, const char *incident,
                         const struct lists_size *size, json_t *o, struct err *e)
{
    int64_t by_type[DEVICE_COUNT][OUTCOME_STATES];
    int64_t all[OUTCOME_STATES] = {0};
    int64_t held[OUTCOME_HELD_COUNT];
    int64_t answered = 0;
    int64_t signed_ = 0;
    int64_t failed = 0;
    json_t *states = json_object();
    json_t *cells = json_object();
    json_t *asides = json_object();

    if (!outcome_count_types(sv->store, incident, by_type, e) ||
        !outcome_count_held(sv->store, incident, held, e) ||
        !outcome_failed_cells(sv->store, incident, add_cell, cells, e) ||
        !reconcile_asides(sv->store, incident, add_aside, asides, e) ||
        !queue_totals(sv->store, incident, &signed_, &failed, e)) {
        json_decref(states);
        json_decref(cells);
        json_decref(asides);
        return false;
    }
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        for (unsigned s = 0; s < OUTCOME_STATES; s++) {
            all[s] += by_type[t][s];
            answered += by_type[t][s];
        }
    add_states(states, all);
    (void)json_object_update_new(
        o, json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o}", "incident", incident,
                     "devices", (json_int_t)size->devices, "commands_signed",
                     (json_int_t)signed_, "rows_failed", (json_int_t)failed, "answered",
                     (json_int_t)answered, "unanswered",
                     (json_int_t)size->devices - (json_int_t)answered, "by_state", states,
                     "by_type", types_json(size, by_type), "failed_cells", cells,
                     "held_before", held_json(held), "set_aside", asides));
    return preflight_json(sv, incident, o, e) && add_waves(sv, incident, o, e) &&
           standing_json(sv, incident, size, all[OUTCOME_SUCCESS], o, e);
}

/* A shared event has no list of its own: its figures are those of its incidents. */
static bool family_figures(const char *incident, const struct docket_show_totals *t,
                           struct reply *out, struct err *e)
{
    json_t *states = json_object();
    int64_t answered = 0;

    for (unsigned s = 0; s < OUTCOME_STATES; s++)
        answered += t->states[s];
    add_states(states, t->states);
    return reply_json(
        out, 200,
        json_pack(
            "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "incident", incident, "children",
            (json_int_t)t->children, "children_open", (json_int_t)t->children_open,
            "devices", (json_int_t)t->devices, "commands_signed", (json_int_t)t->signed_,
            "rows_failed", (json_int_t)t->failed, "answered", (json_int_t)answered,
            "unanswered", (json_int_t)(t->devices - answered), "by_state", states, "by_key",
            docket_show_by_key(ROUTE_SHARED_EVENT, t->own_key, t->states[OUTCOME_SUCCESS])),
        e);
}

static bool figures(struct service *sv, const struct request *r, struct span body,
                    struct reply *out, struct err *e)
{
    struct docket_show_totals t;
    struct docket_incident i;
    struct lists lists;
    struct lists_size size;
    json_t *o;
    bool ok;

    (void)body;
    if (!docket_get(sv->store, r->args[0], &i, e)) /* of none there are no figures */
        return false;
    docket_incident_done(&i);
    if (!docket_show_totals(sv->store, r->args[0], &t, e))
        return false;
    if (t.children > 0)
        return family_figures(r->args[0], &t, out, e);
    o = json_object();
    ok = api_lists_open(sv, r->args[0], &lists, e) && lists_count(&lists, &size, e) &&
         figures_json(sv, r->args[0], &size, o, e);
    lists_done(&lists);
    if (!ok) {
        json_decref(o);
        return false;
    }
    return reply_json(out, 200, o, e);
}

HANDLER(api_figures)
{
    return service_look(arg, r, body, figures, out, e);
}
