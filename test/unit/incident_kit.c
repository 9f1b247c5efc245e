/* SPDX-License-Identifier: MIT */
#include "incident_kit.h"

struct config config;
struct docket docket;
struct docket_incident inc;
struct incident_move move;

/* --- a row of the tables --- */

enum route route_after(const struct at *c)
{
    return c->row->takes == ROUTE_SAME ? c->route : c->row->takes;
}

struct incident_facts well(const struct at *c)
{
    return (struct incident_facts){
        .route = c->route,
        .state = c->from,
        .initiator =
            (c->row->actors & ACTOR_BIT(ACTOR_OFGEM)) != 0 ? ACTOR_OFGEM : ACTOR_DCC,
        .notifier_authenticated = true,
        .has_parent = true,
        .parent_open = true,
        .srp_authority = true,
        .rows_done = 400,
        .decision_live = true,
        .pma_informed = true,
        .deferral_live = (c->row->guards & GUARD_BIT(GUARD_DEFERRAL_LIVE)) != 0,
        .deferral_end_condition = true,
        .deferral_review_us = NOW + 1,
        .revoked = true,
        .new_contingency_wrapped = true,
        .custodians_present = 3,
        .custodians_needed = 3,
        .called_from = STATE_AUTHORISED,
        .token_key_proved = true,
        .counter_above_reserved = true,
        .withdrawal_open = true,
        .may_end = UINT32_MAX,
        .withdrawer_authenticated = true,
        .now_us = NOW,
    };
}

bool goes(const struct incident_facts *f, const struct transition *t, enum actor actor,
          uint64_t have, struct incident_move *to, struct err *err)
{
    struct evidence_set set = {have};

    return incident_step(f, t->event, actor, &set, to, err);
}

/* --- an incident in a store --- */

void incident_kit_begin(void)
{
    kit_begin_store();
    config_defaults(&config);
    docket = (struct docket){
        .store = store, .config = &config, .roster_dir = kit_dir, .now_us = NOW};
    memset(&inc, 0, sizeof inc);
    memset(&move, 0, sizeof move);
}

void incident_kit_end(void)
{
    docket_incident_done(&inc);
    kit_end();
}

bool opens(const char *id, enum route route, const char *evidence)
{
    bool ok;

    docket_incident_done(&inc);
    memset(&inc, 0, sizeof inc);
    (void)snprintf(inc.id, sizeof inc.id, "%s", id);
    (void)strcpy(inc.title, "A key in other hands");
    (void)strcpy(inc.subscriber, "90B3D51F30010000");
    inc.route = route;
    inc.initiator = ACTOR_DCC;
    OK(store_begin(store, &e));
    ok = docket_open(&docket, &inc, evidence, "uid 1000", &e);
    if (!ok) {
        store_rollback(store);
        return false;
    }
    OK(store_commit(store, &e));
    return true;
}

void open_incident(const char *id, enum route route)
{
    OK(opens(id, route, "{\"notice\":\"by telephone\"}"));
}

bool steps(enum event event, enum actor actor, const char *evidence, const char *declare)
{
    struct docket_step step = {.event = event,
                               .actor = actor,
                               .evidence = evidence,
                               .declare = declare,
                               .who = "uid 1000"};
    bool ok;

    OK(store_begin(store, &e));
    ok = docket_take_step(&docket, &inc, &step, &move, &e);
    if (!ok) {
        store_rollback(store);
        return false;
    }
    OK(store_commit(store, &e));
    return true;
}

bool dcc(enum event event, const char *evidence)
{
    return steps(event, ACTOR_DCC, evidence, NULL);
}

void confirm(void)
{
    OK(steps(EVENT_CONFIRM, ACTOR_DCC, "{\"confirmation\":\"called back\"}",
             "{\"notifier_authenticated\":true}"));
}

void set_state(const char *id, const char *route, const char *state)
{
    OK(store_run(store, &e, "UPDATE incident SET route = ?2, state = ?3 WHERE id = ?1",
                 "ttt", id, route, state));
}

void reload(const char *id)
{
    docket_incident_done(&inc);
    OK(docket_get(store, id, &inc, &e));
}

struct incident_facts facts(void)
{
    struct incident_facts f;

    OK(docket_facts(&docket, &inc, true, &f, &e));
    return f;
}

void put_roster(const char *incident, uint32_t first, uint32_t n)
{
    char text[4096] = "device,type,status\n";
    char hex[HEX_LEN(32)];
    char name[80];
    struct docket_list l;
    struct roster r;

    for (uint32_t i = first; i < first + n; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "00DB%012X,%s,commissioned\n", i, i % 2 ? "GSME" : "ESME");
    OK(roster_open(span_of(text, strlen(text)), "r.csv", &r, &e));
    hex_encode_lower(r.digest.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_text(name, text);
    OK(docket_put_roster(&docket, incident, &r, "uid 1000", &l, &e));
    roster_done(&r);
}

void decide(const char *id, const char *incident, enum authority_outcome outcome,
            const char *json)
{
    struct authority a = {.outcome = outcome};

    (void)snprintf(a.id, sizeof a.id, "%s", id);
    (void)snprintf(a.incident, sizeof a.incident, "%s", incident);
    (void)strcpy(a.key, "recovery");
    a.digest = digest_of(span_of(id, strlen(id)), span_of(incident, strlen(incident)));
    OK(docket_put_decision(&docket, &a, span_of("cms", 3), span_of(json, strlen(json)),
                           "[{\"holder\":\"M1\"}]", "uid 1000", &e));
}
