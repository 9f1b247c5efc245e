/* SPDX-License-Identifier: MIT */
#include "incident.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

typedef const char *(*name_of)(unsigned i);

static const char *route_name(unsigned i)
{
    return incident_route((enum route)i)->name;
}

static const char *state_name(unsigned i)
{
    return incident_state((enum state)i)->name;
}

static const char *actor_name(unsigned i)
{
    return incident_actor_name((enum actor)i);
}

static const char *evidence_name(unsigned i)
{
    return incident_evidence_name((enum evidence)i);
}

static const char *guard_name(unsigned i)
{
    return incident_guard_rule((enum guard)i);
}

static void list(FILE *to, uint64_t set, unsigned count, name_of name)
{
    const char *comma = "";

    for (unsigned i = 0; i < count; i++)
        if ((set >> i & 1) != 0) {
            (void)fprintf(to, "%s%s", comma, name(i));
            comma = ", ";
        }
    if (*comma == '\0')
        (void)fputs("-", to);
}

/* The states that a row may lead to, in `to`: how many. An alarm that is over ends in one of
 * three (incident_over), on a route where no key is used in the first. */
static unsigned leads_to(const struct transition *t, enum route route, unsigned to[3])
{
    to[0] = t->to == STATE_OVER ? STATE_FALSE_ALARM : t->to;
    to[1] = STATE_STOPPED_MIDWAY;
    to[2] = STATE_HALTED;
    if (t->to != STATE_OVER || incident_route(route)->signing == SIGNING_NOTHING)
        return 1;
    return (t->from & STATE_BIT(STATE_AUTHORISED)) != 0 ? 3 : 2;
}

/* Which states can be met on that route: a row may be written for several routes at once
 * and name a state that only one of them knows. */
static void reach(bool seen[ROUTE_COUNT][STATE_COUNT])
{
    bool more = true;

    memset(seen, 0, sizeof(bool[ROUTE_COUNT][STATE_COUNT]));
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        seen[r][STATE_NONE] = incident_route((enum route)r)->opens;
    while (more) {
        more = false;
        for (unsigned r = 0; r < ROUTE_COUNT; r++)
            for (unsigned s = 0; s < STATE_COUNT; s++)
                for (unsigned v = 0; seen[r][s] && v < EVENT_COUNT; v++) {
                    const struct transition *t =
                        incident_next((enum route)r, (enum state)s, (enum event)v);
                    unsigned to[3];
                    unsigned r2;

                    if (t == NULL || t->to == STATE_SAME || t->to == STATE_BACK)
                        continue;
                    r2 = t->takes == ROUTE_SAME ? r : t->takes;
                    for (unsigned n = leads_to(t, (enum route)r2, to); n-- > 0;) {
                        more = more || !seen[r2][to[n]];
                        seen[r2][to[n]] = true;
                    }
                }
    }
}

/* Back to each state that custodians are called from. */
static void dot_back(FILE *to, enum route route, bool seen[STATE_COUNT], enum state from,
                     enum event event)
{
    for (unsigned s = 0; s < STATE_COUNT; s++)
        if (seen[s] && incident_next(route, (enum state)s, EVENT_CALL_CUSTODIANS) != NULL)
            (void)fprintf(to, "    %s -> %s [label=\"%s\"];\n", state_name(from),
                          state_name(s), incident_event(event)->name);
}

static void dot_edges(FILE *to, enum route route, enum state from,
                      const struct transition *t)
{
    unsigned state[3];
    unsigned n = leads_to(t, route, state);
    const char *event = incident_event(t->event)->name;

    for (unsigned i = 0; i < n; i++)
        if (t->takes == ROUTE_SAME || t->takes == route)
            (void)fprintf(to, "    %s -> %s [label=\"%s\"];\n", state_name(from),
                          state_name(state[i]), event);
        else
            (void)fprintf(to, "    %s -> \"%s %s\" [label=\"%s\", style=dashed];\n",
                          state_name(from), incident_route(t->takes)->name,
                          state_name(state[i]), event);
}

void incident_dot(FILE *to, enum route route)
{
    bool seen[ROUTE_COUNT][STATE_COUNT];

    reach(seen);
    (void)fprintf(to, "digraph \"%s\" {\n    rankdir=LR;\n    node [shape=box];\n",
                  incident_route(route)->name);
    for (unsigned s = 0; s < STATE_COUNT; s++)
        if (seen[route][s])
            (void)fprintf(to, "    %s%s;\n", state_name(s),
                          incident_may_sign(route, (enum state)s) ? " [style=bold]"
                          : incident_state((enum state)s)->final  ? " [peripheries=2]"
                                                                  : "");
    for (unsigned s = 0; s < STATE_COUNT; s++)
        for (unsigned v = 0; seen[route][s] && v < EVENT_COUNT; v++) {
            const struct transition *t = incident_next(route, (enum state)s, (enum event)v);

            if (t == NULL || t->to == STATE_SAME)
                continue;
            if (t->to == STATE_BACK)
                dot_back(to, route, seen[route], (enum state)s, (enum event)v);
            else
                dot_edges(to, route, (enum state)s, t);
        }
    (void)fputs("}\n", to);
}

static void print_transition(FILE *to, size_t i)
{
    const struct transition *t = &incident_transitions[i];

    (void)fprintf(to, "\n%zu. %s -> %s\n   from:      ", i + 1,
                  incident_event(t->event)->name,
                  t->to == STATE_SAME   ? "(stays)"
                  : t->to == STATE_BACK ? "(back to where the custodians were called)"
                  : t->to == STATE_OVER ? "(FALSE_ALARM; STOPPED_MIDWAY once commands were "
                                          "signed; HALTED where another has to end it)"
                                        : state_name(t->to));
    list(to, t->from, STATE_COUNT, state_name);
    (void)fputs("\n   routes:    ", to);
    list(to, t->routes, ROUTE_COUNT, route_name);
    if (t->takes != ROUTE_SAME)
        (void)fprintf(to, " -> %s", incident_route(t->takes)->name);
    (void)fputs("\n   by:        ", to);
    list(to, t->actors, ACTOR_COUNT, actor_name);
    (void)fputs("\n   evidence:  ", to);
    list(to, t->evidence, EVIDENCE_COUNT, evidence_name);
    (void)fputs("\n   rules:     ", to);
    list(to, t->guards, GUARD_COUNT, guard_name);
    (void)fprintf(to, "\n   devices:   %s\n   audit:     %s",
                  incident_effect_name(t->effect), incident_event(t->event)->audit);
    if (t->also != NULL)
        (void)fprintf(to, ", %s", t->also);
    (void)fprintf(to, "\n   source:    %s (%s)\n", t->source, t->certainty);
}

void incident_table_print(FILE *to)
{
    (void)fputs("Routes\n\n", to);
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        (void)fprintf(to, "  %-16s %s\n", route_name(r),
                      incident_route((enum route)r)->sentence);
    (void)fputs("\nStates\n\n", to);
    for (unsigned s = 0; s < STATE_COUNT; s++) {
        const struct state_row *row = incident_state((enum state)s);

        (void)fprintf(to, "  %-27s %-10s %s\n", row->name,
                      row->alarm == ALARM_NONE ? "" : incident_alarm_name(row->alarm),
                      row->sentence);
    }
    (void)fputs("\nTransitions\n", to);
    for (size_t i = 0; i < incident_n_transitions; i++)
        print_transition(to, i);
}

static json_t *names(uint64_t set, unsigned count, name_of name)
{
    json_t *a = json_array();

    for (unsigned i = 0; a != NULL && i < count; i++)
        if ((set >> i & 1) != 0 && json_array_append_new(a, json_string(name(i))) != 0) {
            json_decref(a);
            return NULL;
        }
    return a;
}

static json_t *transition_json(const struct transition *t)
{
    return json_pack(
        "{s:s, s:o, s:o, s:s?, s:s?, s:o, s:o, s:o, s:s, s:s, s:s?, s:s, s:s}", "event",
        incident_event(t->event)->name, "routes", names(t->routes, ROUTE_COUNT, route_name),
        "from", names(t->from, STATE_COUNT, state_name), "to",
        t->to == STATE_SAME   ? NULL
        : t->to == STATE_BACK ? "(back)"
        : t->to == STATE_OVER ? "(over)"
                              : state_name(t->to),
        "takes", t->takes == ROUTE_SAME ? NULL : route_name(t->takes), "actors",
        names(t->actors, ACTOR_COUNT, actor_name), "evidence",
        names(t->evidence, EVIDENCE_COUNT, evidence_name), "rules",
        names(t->guards, GUARD_COUNT, guard_name), "effect",
        incident_effect_name(t->effect), "audit", incident_event(t->event)->audit, "also",
        t->also, "source", t->source, "certainty", t->certainty);
}

static json_t *state_json(enum state s)
{
    const struct state_row *row = incident_state(s);

    return json_pack("{s:s, s:s, s:s, s:o, s:b}", "name", row->name, "sentence",
                     row->sentence, "alarm", incident_alarm_name(row->alarm), "signs",
                     names(row->signs, ROUTE_COUNT, route_name), "final", row->final);
}

static json_t *route_json(enum route r)
{
    const struct route_row *row = incident_route(r);

    return json_pack("{s:s, s:s, s:b, s:s}", "name", row->name, "sentence", row->sentence,
                     "opens", row->opens, "signs_with",
                     incident_signing_name(row->signing));
}

char *incident_table_json(void)
{
    json_t *routes = json_array();
    json_t *states = json_array();
    json_t *transitions = json_array();
    json_t *all = NULL;
    char *text = NULL;
    bool bad = false;

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        bad = json_array_append_new(routes, route_json((enum route)r)) != 0 || bad;
    for (unsigned s = 0; s < STATE_COUNT; s++)
        bad = json_array_append_new(states, state_json((enum state)s)) != 0 || bad;
    for (size_t i = 0; i < incident_n_transitions; i++)
        bad = json_array_append_new(transitions,
                                    transition_json(&incident_transitions[i])) != 0 ||
              bad;
    all = json_pack("{s:o, s:o, s:o}", "routes", routes, "states", states, "transitions",
                    transitions);
    if (all != NULL && !bad)
        text = json_dumps(all, JSON_INDENT(2));
    json_decref(all);
    return text;
}
