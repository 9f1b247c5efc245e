/* SPDX-License-Identifier: MIT
 *
 * incident_kit - an incident two ways: as a row of the incident tables with facts under which
 * it goes through, and in a store of its own with steps in one line.
 *
 * The variables are the kit's: incident_kit_begin() makes them, incident_kit_end() frees
 * them; the rows need neither.
 */
#ifndef INCIDENT_KIT_H
#define INCIDENT_KIT_H

#include "audit.h"
#include "core_kit.h"
#include "docket.h"

#define NOW INT64_C(1795525200000000) /* 2026-11-24T13:00:00Z */

/* --- a row of the tables --- */

/* A case of a row: one route, one state it leaves. */
struct at {
    const struct transition *row;
    enum route route;
    enum state from;
};

enum route route_after(const struct at *c);
/* Facts, at NOW, under which every guard of the case holds. */
struct incident_facts well(const struct at *c);
/* incident_step() by that row; `have`: bits of the evidence. */
bool goes(const struct incident_facts *f, const struct transition *t, enum actor actor,
          uint64_t have, struct incident_move *to, struct err *err);

/* --- an incident in a store --- */

extern struct config config;
extern struct docket docket;       /* of `config`, at NOW */
extern struct docket_incident inc; /* the incident at hand */
extern struct incident_move move;  /* the last step */

void incident_kit_begin(void);
void incident_kit_end(void);

/* Open an incident, DCC telling of it, as a caller has to: all of it or nothing. It is `inc`
 * then. false and `e`: refused. */
bool opens(const char *id, enum route route, const char *evidence);
void open_incident(const char *id, enum route route);
/* A step of `inc`, in the same way. */
bool steps(enum event event, enum actor actor, const char *evidence, const char *declare);
bool dcc(enum event event, const char *evidence);
void confirm(void);
/* Anything is possible by hand. */
void set_state(const char *id, const char *route, const char *state);
/* That incident is `inc`, as the store has it. */
void reload(const char *id);
/* Of `inc`. */
struct incident_facts facts(void);
/* A roster of n devices from number `first` on, on file for that incident. */
void put_roster(const char *incident, uint32_t first, uint32_t n);
/* A decision document as authority_open would give it. */
void decide(const char *id, const char *incident, enum authority_outcome outcome,
            const char *json);

#endif
