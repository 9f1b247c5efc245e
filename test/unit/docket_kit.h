/* SPDX-License-Identifier: MIT
 *
 * docket_kit - incidents in a store of their own, and steps in one line.
 */
#ifndef DOCKET_KIT_H
#define DOCKET_KIT_H

#include "audit.h"
#include "core_kit.h"
#include "docket.h"

/* Each test uses some of this. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

#define NOW INT64_C(1795525200000000) /* 2026-11-24T13:00:00Z */

static struct config config;
static struct docket docket;
static struct docket_incident inc;
static struct incident_move move;

static void docket_kit_begin(void)
{
    kit_begin_store();
    config_defaults(&config);
    docket = (struct docket){
        .store = store, .config = &config, .roster_dir = kit_dir, .now_us = NOW};
    memset(&inc, 0, sizeof inc);
}

static void docket_kit_end(void)
{
    docket_incident_done(&inc);
    kit_end();
}

/* As a caller has to: all of it or nothing. */
static bool opens(const char *id, enum route route, const char *evidence)
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

static void open_incident(const char *id, enum route route)
{
    OK(opens(id, route, "{\"notice\":\"by telephone\"}"));
}

static bool steps(enum event event, enum actor actor, const char *evidence,
                  const char *declare)
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

static bool dcc(enum event event, const char *evidence)
{
    return steps(event, ACTOR_DCC, evidence, NULL);
}

static void confirm(void)
{
    OK(steps(EVENT_CONFIRM, ACTOR_DCC, "{\"confirmation\":\"called back\"}",
             "{\"notifier_authenticated\":true}"));
}

/* Anything is possible by hand. */
static void set_state(const char *id, const char *route, const char *state)
{
    OK(store_run(store, &e, "UPDATE incident SET route = ?2, state = ?3 WHERE id = ?1",
                 "ttt", id, route, state));
}

static void reload(const char *id)
{
    docket_incident_done(&inc);
    OK(docket_get(store, id, &inc, &e));
}

static struct incident_facts facts(void)
{
    struct incident_facts f;

    OK(docket_facts(&docket, &inc, true, &f, &e));
    return f;
}

/* A roster of n devices from number `first` on, on file for that incident. */
static void put_roster(const char *incident, uint32_t first, uint32_t n)
{
    char text[4096] = "device,type,status\n";
    char hex[HEX_LEN(32)];
    char name[80];
    struct roster r;

    for (uint32_t i = first; i < first + n; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "00DB%012X,%s,commissioned\n", i, i % 2 ? "GSME" : "ESME");
    OK(roster_open(span_of(text, strlen(text)), "r.csv", &r, &e));
    hex_encode_lower(r.digest.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_text(name, text);
    OK(docket_put_roster(&docket, incident, &r, "uid 1000", &e));
    roster_done(&r);
}

/* A decision document as authority_open would give it. */
static void decide(const char *id, const char *incident, enum authority_outcome outcome,
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

#endif
