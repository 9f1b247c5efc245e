/* SPDX-License-Identifier: MIT */
#include "incident_kit.h"
#include "rules.h"

#include <check.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum actor first_actor(const struct transition *t)
{
    return (enum actor)__builtin_ctz(t->actors);
}

static enum state state_after(const struct at *c)
{
    return c->row->to == STATE_SAME   ? c->from
           : c->row->to == STATE_BACK ? STATE_AUTHORISED  /* as the kit has it */
           : c->row->to == STATE_OVER ? STATE_FALSE_ALARM /* likewise: nothing was signed */
                                      : (enum state)c->row->to;
}

/* Make one guard refuse, and no other; false where it cannot bite in that case. */
static bool spoil(enum guard g, const struct at *c, struct incident_facts *f,
                  enum actor *actor)
{
    switch (g) {
    case GUARD_NOTIFIER:
        f->notifier_authenticated = false;
        return true;
    case GUARD_THIRD_PARTY:
        f->notifier_third_party = true;
        return true;
    case GUARD_PARENT:
        f->parent_open = false;
        return true;
    case GUARD_SRP_AUTHORITY:
        f->srp_authority = false;
        *actor = ACTOR_SRP;
        return (c->row->actors & ACTOR_BIT(ACTOR_SRP)) != 0 &&
               c->route != ROUTE_SHARED_EVENT;
    case GUARD_SPEAKS_FOR:
        f->initiator = ACTOR_SUBSCRIBER;
        *actor = ACTOR_DCC;
        return (c->row->actors & ACTOR_BIT(ACTOR_DCC)) != 0;
    case GUARD_DEVICES_FREE:
        f->devices_elsewhere = 1;
        return true;
    case GUARD_LIST_FRESH:
        f->devices_refused = 1;
        return true;
    case GUARD_DEFERRAL_NONE:
        f->deferral_live = true;
        return true;
    case GUARD_DEFERRAL_LIVE:
        f->deferral_live = false;
        return true;
    case GUARD_DEFERRAL_BOUNDED:
        f->deferral_review_us = NOW;
        return true;
    case GUARD_DEFERRAL_RISK:
        f->holder_hostile = true;
        return true;
    case GUARD_DECISION:
        f->decision_live = false;
        return true;
    case GUARD_SUPERSEDES:
        f->decision_earlier = true;
        return true;
    case GUARD_ONLY_REMAINING:
        f->rows_replaced_named = 600;
        return true;
    case GUARD_SOLR:
        f->replacement_is_solr = true;
        return true;
    case GUARD_KEY_ORIGIN:
        f->replacements_from_suspect_hsm = true;
        return true;
    case GUARD_NEW_CONTINGENCY:
        f->new_contingency_wrapped = false;
        return true;
    case GUARD_EXERCISE_DECISION:
        f->exercise = true;
        return true;
    case GUARD_CUSTODIANS:
        f->custodians_present = 2;
        return true;
    case GUARD_RECOVERY_SOUND:
        f->recovery_key_suspect = true;
        return route_after(c) != ROUTE_RECOVERY_KEY && route_after(c) != ROUTE_CONTINGENCY;
    case GUARD_NOT_CONSUMED:
        f->contingency_used = true;
        return true;
    case GUARD_HANDED_BACK:
        f->rows_acb = 1;
        return true;
    case GUARD_TOKEN_KEY:
        f->token_key_proved = false;
        return true;
    case GUARD_COUNTER:
        f->counter_above_reserved = false;
        return true;
    case GUARD_ROWS_KNOWN:
        f->rows_unknown = 1;
        return true;
    case GUARD_ROWS_SETTLED:
        f->rows_pending = 1;
        return true;
    case GUARD_SOME_DONE:
        f->rows_done = 0;
        return true;
    case GUARD_BATCH_IDLE:
        f->batch_running = true;
        return true;
    case GUARD_KEY_OFF:
        f->key_active = true;
        return true;
    case GUARD_WITHDRAWAL_OPEN:
        f->withdrawal_open = false;
        return true;
    case GUARD_WITHDRAWAL_KEY:
        f->withdrawal_by_suspect_key = true;
        return true;
    case GUARD_WITHDRAWAL_PERSON:
        f->withdrawer_authenticated = false;
        return true;
    case GUARD_DEVICES_CLEAR:
        f->devices_unclear = 1;
        return true;
    case GUARD_NONE_SUSPENDED:
        f->devices_suspended = 1;
        return true;
    case GUARD_REVOKED:
        f->revoked = false;
        return true;
    case GUARD_PMA_INFORMED:
        f->pma_informed = false;
        return true;
    case GUARD_CHILDREN_CLOSED:
        f->children_open = 1;
        return true;
    case GUARD_COUNT:
        break;
    }
    return false;
}

static size_t walk(const struct transition *t, struct at out[ROUTE_COUNT * STATE_COUNT])
{
    size_t n = 0;

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        for (unsigned s = 0; s < STATE_COUNT; s++)
            if ((t->routes & ROUTE_BIT(r)) != 0 && (t->from & STATE_BIT(s)) != 0)
                out[n++] = (struct at){t, (enum route)r, (enum state)s};
    return n;
}

static void assert_refused(const struct incident_facts *f, const struct transition *t,
                           enum actor actor, uint64_t have, const char *id)
{
    struct incident_move to = {ROUTE_COUNT, STATE_COUNT, NULL};

    memset(&e, 0, sizeof e);
    ck_assert_msg(!goes(f, t, actor, have, &to, &e), "%s in %s went through: want %s",
                  incident_event(t->event)->name, incident_state(f->state)->name, id);
    ck_assert_str_eq(e.id, id);
    ck_assert_int_eq(e.code, ERR_DENIED);
    ck_assert_ptr_null(to.row);
    ck_assert_ptr_nonnull(rules_find(id));
}

START_TEST(every_row_lets_through_whom_it_names_with_the_evidence_it_asks_for)
{
    const struct transition *t = &incident_transitions[_i];
    struct at cases[ROUTE_COUNT * STATE_COUNT];
    size_t n = walk(t, cases);

    ck_assert_uint_gt(n, 0);
    for (size_t i = 0; i < n; i++) {
        struct incident_facts f = well(&cases[i]);

        ck_assert_ptr_eq(incident_next(cases[i].route, cases[i].from, t->event), t);
        for (unsigned a = 0; a < ACTOR_COUNT; a++) {
            struct incident_move to;

            if ((t->actors & ACTOR_BIT(a)) == 0)
                continue;
            ck_assert_msg(goes(&f, t, (enum actor)a, t->evidence, &to, &e), "%s", e.text);
            ck_assert_int_eq(to.route, route_after(&cases[i]));
            ck_assert_int_eq(to.state, state_after(&cases[i]));
            ck_assert_ptr_eq(to.row, t);
        }
    }
}
END_TEST

START_TEST(every_row_refuses_whom_it_does_not_name_and_each_gap_in_the_evidence)
{
    const struct transition *t = &incident_transitions[_i];
    struct at cases[ROUTE_COUNT * STATE_COUNT];
    size_t n = walk(t, cases);

    for (size_t i = 0; i < n; i++) {
        struct incident_facts f = well(&cases[i]);

        for (unsigned a = 0; a < ACTOR_COUNT; a++)
            if ((t->actors & ACTOR_BIT(a)) == 0)
                assert_refused(&f, t, (enum actor)a, t->evidence, "incident.actor");
        for (unsigned k = 0; k < EVIDENCE_COUNT; k++)
            if ((t->evidence & EVIDENCE_BIT(k)) != 0) {
                struct incident_move to;
                struct evidence_set have = {~EVIDENCE_BIT(k)};

                assert_refused(&f, t, first_actor(t), have.have, "incident.evidence");
                ck_assert(!incident_step(&f, t->event, first_actor(t), &have, &to, &e));
                ck_assert_ptr_nonnull(
                    strstr(e.text, incident_evidence_name((enum evidence)k)));
            }
    }
}
END_TEST

START_TEST(every_guard_of_a_row_refuses_when_only_it_fails)
{
    const struct transition *t = &incident_transitions[_i];
    struct at cases[ROUTE_COUNT * STATE_COUNT];
    size_t n = walk(t, cases);
    uint64_t bitten = 0;

    for (size_t i = 0; i < n; i++)
        for (unsigned g = 0; g < GUARD_COUNT; g++) {
            struct incident_facts f = well(&cases[i]);
            enum actor actor = first_actor(t);

            if ((t->guards & GUARD_BIT(g)) == 0)
                continue;
            if (!spoil((enum guard)g, &cases[i], &f, &actor))
                continue;
            assert_refused(&f, t, actor, t->evidence, incident_guard_rule((enum guard)g));
            bitten |= GUARD_BIT(g);
        }
    ck_assert_msg((t->guards & ~bitten) == 0, "row %d: a guard that can never bite", _i);
}
END_TEST

/* A signer that is coming back is no token with another key: come again. */
START_TEST(silence_of_the_token_is_no_refusal)
{
    const struct transition *t = &incident_transitions[_i];
    struct at cases[ROUTE_COUNT * STATE_COUNT];
    size_t n = (t->guards & GUARD_BIT(GUARD_TOKEN_KEY)) != 0 ? walk(t, cases) : 0;

    for (size_t i = 0; i < n; i++) {
        struct incident_facts f = well(&cases[i]);
        struct incident_move to;

        memset(&e, 0, sizeof e);
        f.token_silent = true; /* this key is proved all the same */
        ck_assert(goes(&f, t, first_actor(t), t->evidence, &to, &e));
        f.token_key_proved = false;
        ck_assert(!goes(&f, t, first_actor(t), t->evidence, &to, &e));
        ck_assert_str_eq(e.id, "signer.not-ready");
        ck_assert_int_eq(e.code, ERR_BUSY);
    }
}
END_TEST

START_TEST(every_guard_stands_in_some_row_and_has_a_rule_of_its_own)
{
    uint64_t used = 0;

    for (size_t i = 0; i < incident_n_transitions; i++)
        used |= incident_transitions[i].guards;
    ck_assert_uint_eq(used, GUARD_BIT(GUARD_COUNT) - 1);
    for (unsigned g = 0; g < GUARD_COUNT; g++) {
        ck_assert_ptr_nonnull(rules_find(incident_guard_rule((enum guard)g)));
        for (unsigned h = 0; h < g; h++)
            ck_assert_str_ne(incident_guard_rule((enum guard)g),
                             incident_guard_rule((enum guard)h));
    }
}
END_TEST

static bool holds(enum guard g, struct incident_facts f, enum actor actor, enum route after)
{
    struct transition row = {.takes = after};

    return incident_guard_holds(g, &f, actor, &row);
}

START_TEST(guards_with_two_sides_know_both)
{
    struct incident_facts f = {0};

    /* Nobody configured the number of custodians: nobody is enough. */
    f.custodians_present = 5;
    ck_assert(!holds(GUARD_CUSTODIANS, f, ACTOR_CUSTODIANS, ROUTE_METHOD_2));
    f.custodians_needed = 1;
    ck_assert(!holds(GUARD_CUSTODIANS, f, ACTOR_CUSTODIANS, ROUTE_METHOD_2));
    f.custodians_needed = 2;
    ck_assert(holds(GUARD_CUSTODIANS, f, ACTOR_CUSTODIANS, ROUTE_METHOD_2));
    /* A deferral needs the condition as well as the date. */
    f.now_us = NOW;
    f.deferral_review_us = NOW + 1;
    ck_assert(!holds(GUARD_DEFERRAL_BOUNDED, f, ACTOR_PMA, ROUTE_SAME));
    f.holder_hostile = f.hostile_risk_weighed = true;
    ck_assert(holds(GUARD_DEFERRAL_RISK, f, ACTOR_PMA, ROUTE_SAME));
    /* What is excused is not pending; a row of unknown fate settles nothing. */
    f.rows_pending = 1;
    ck_assert(!holds(GUARD_ROWS_SETTLED, f, ACTOR_DCC, ROUTE_SAME));
    f.rows_pending = 0;
    ck_assert(holds(GUARD_ROWS_SETTLED, f, ACTOR_DCC, ROUTE_SAME));
    f.rows_unknown = 1;
    ck_assert(!holds(GUARD_ROWS_SETTLED, f, ACTOR_DCC, ROUTE_SAME));
    /* A suspected Recovery key still replaces its own cell. */
    f.recovery_key_suspect = true;
    ck_assert(holds(GUARD_RECOVERY_SOUND, f, ACTOR_DCC, ROUTE_RECOVERY_KEY));
    ck_assert(!holds(GUARD_RECOVERY_SOUND, f, ACTOR_DCC, ROUTE_METHOD_3));
    /* A live decision after an exercise is as wrong as the other way round. */
    f.decision_exercise = true;
    ck_assert(!holds(GUARD_EXERCISE_DECISION, f, ACTOR_PMA, ROUTE_SAME));
    /* A refused list may come back with a new notification; a superseding decision may. */
    f.devices_refused = 3;
    f.notified_anew = true;
    ck_assert(holds(GUARD_LIST_FRESH, f, ACTOR_DCC, ROUTE_SAME));
    f.decision_earlier = f.decision_supersedes = true;
    ck_assert(holds(GUARD_SUPERSEDES, f, ACTOR_PMA, ROUTE_SAME));
    f.replacement_is_solr = f.solr_appointed = true;
    ck_assert(holds(GUARD_SOLR, f, ACTOR_PMA, ROUTE_SAME));
    /* Ofgem speaks where Ofgem notified. */
    f.initiator = ACTOR_SUBSCRIBER;
    ck_assert(!holds(GUARD_SPEAKS_FOR, f, ACTOR_OFGEM, ROUTE_SAME));
    ck_assert(holds(GUARD_SPEAKS_FOR, f, ACTOR_SUBSCRIBER, ROUTE_SAME));
    f.initiator = ACTOR_OFGEM;
    ck_assert(holds(GUARD_SPEAKS_FOR, f, ACTOR_OFGEM, ROUTE_SAME));
    ck_assert(holds(GUARD_SPEAKS_FOR, f, ACTOR_DCC, ROUTE_SAME));
}
END_TEST

START_TEST(no_two_rows_answer_the_same_event)
{
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        for (unsigned s = 0; s < STATE_COUNT; s++)
            for (unsigned v = 0; v < EVENT_COUNT; v++) {
                unsigned n = 0;

                for (size_t i = 0; i < incident_n_transitions; i++)
                    n += incident_transitions[i].event == v &&
                         (incident_transitions[i].routes & ROUTE_BIT(r)) != 0 &&
                         (incident_transitions[i].from & STATE_BIT(s)) != 0;
                ck_assert_msg(n <= 1, "%s %s %s: %u rows",
                              incident_route((enum route)r)->name,
                              incident_state((enum state)s)->name,
                              incident_event((enum event)v)->name, n);
            }
}
END_TEST

START_TEST(every_row_says_where_it_comes_from_and_how_sure_that_is)
{
    const struct transition *t = &incident_transitions[_i];
    static const char *const words[] = {"CONFIRMED", "INFERRED", "UNKNOWN", "choice"};
    bool known = false;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        known = known || strcmp(t->certainty, words[i]) == 0;
    ck_assert(known);
    ck_assert_uint_gt(strlen(t->source), 0);
    ck_assert_uint_ne(t->actors, 0);
    /* Only the PMA decides, and only by a document. */
    ck_assert_int_eq((t->evidence & (EVIDENCE_BIT(EVIDENCE_DECISION_AUTHORISE) |
                                     EVIDENCE_BIT(EVIDENCE_DECISION_REFUSE) |
                                     EVIDENCE_BIT(EVIDENCE_DECISION_ABORT))) != 0,
                     t->event >= EVENT_AUTHORISE_METHOD_2 && t->event <= EVENT_ABORT);
    if (t->event >= EVENT_AUTHORISE_METHOD_2 && t->event <= EVENT_DEFER_ID_TRANSFER)
        ck_assert_uint_eq(t->actors, ACTOR_BIT(ACTOR_PMA));
}
END_TEST

/* ---- the graph ---- */

struct seen {
    bool at[ROUTE_COUNT][STATE_COUNT];
};

/* Where a row may lead, in `to`: how many. An alarm that is over ends in one of three. */
static unsigned leads_to(const struct at *c, enum state to[3])
{
    bool signs = incident_route(route_after(c))->signing != SIGNING_NOTHING;

    to[0] = state_after(c);
    to[1] = STATE_STOPPED_MIDWAY;
    to[2] = STATE_HALTED;
    return c->row->to == STATE_OVER && signs ? 3 : 1;
}

/* All that can be reached from what is marked in *m without passing a state of avoid. */
static void search(struct seen *m, uint64_t avoid)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < incident_n_transitions; i++) {
            struct at cases[ROUTE_COUNT * STATE_COUNT];
            size_t n = walk(&incident_transitions[i], cases);

            for (size_t k = 0; k < n; k++) {
                enum state to[3];
                unsigned ways = leads_to(&cases[k], to);

                for (unsigned w = 0; w < ways; w++) {
                    bool *next = &m->at[route_after(&cases[k])][to[w]];

                    if (!m->at[cases[k].route][cases[k].from] || *next ||
                        (avoid & STATE_BIT(to[w])) != 0)
                        continue;
                    more = *next = true;
                }
            }
        }
    }
}

static struct seen from_the_start(uint64_t avoid)
{
    struct seen m = {0};

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        m.at[r][STATE_NONE] = incident_route((enum route)r)->opens;
    search(&m, avoid);
    return m;
}

static bool anywhere(const struct seen *m, enum state s)
{
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if (m->at[r][s])
            return true;
    return false;
}

START_TEST(every_state_and_every_row_can_be_reached)
{
    struct seen m = from_the_start(0);
    unsigned places = 0;
    unsigned edges = 0;

    for (unsigned s = 0; s < STATE_COUNT; s++)
        ck_assert_msg(anywhere(&m, (enum state)s), "%s is never reached",
                      incident_state((enum state)s)->name);
    for (size_t i = 0; i < incident_n_transitions; i++) {
        const struct transition *t = &incident_transitions[i];
        struct at cases[ROUTE_COUNT * STATE_COUNT];
        size_t n = walk(t, cases);
        uint32_t routes = 0;
        uint64_t from = 0;

        for (size_t k = 0; k < n; k++)
            if (m.at[cases[k].route][cases[k].from]) {
                routes |= ROUTE_BIT(cases[k].route);
                from |= STATE_BIT(cases[k].from);
                edges++;
            }
        ck_assert_msg(routes == t->routes, "row %zu names a route it never serves", i + 1);
        ck_assert_msg(from == t->from, "row %zu names a state it never serves", i + 1);
    }
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        for (unsigned s = 0; s < STATE_COUNT; s++)
            places += m.at[r][s];
    printf("# %zu rows, %d states, %d events, %d guards; %u places, %u edges walked\n",
           incident_n_transitions, STATE_COUNT, EVENT_COUNT, GUARD_COUNT, places, edges);
    (void)fflush(stdout);
}
END_TEST

/* What `status` tells an operator to do can be done there, by whom it says. */
START_TEST(every_state_that_waits_names_who_and_a_command_that_leads_on)
{
    struct seen m = from_the_start(0);

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        for (unsigned s = 0; s < STATE_COUNT; s++) {
            const struct incident_next *n = incident_waits((enum route)r, (enum state)s);
            const char *name = incident_state((enum state)s)->name;
            const struct transition *t;
            enum actor as = ACTOR_DCC;

            if (s == STATE_NONE || s == STATE_CLOSED) {
                ck_assert_msg(n == NULL, "%s waits for nobody", name);
                continue;
            }
            if (!m.at[r][s])
                continue;
            ck_assert_msg(n != NULL, "%s on %s: nobody knows who acts", name,
                          incident_route((enum route)r)->name);
            ck_assert_msg(n->who[0] != '\0' && strstr(n->command, " {}") != NULL, "%s",
                          name);
            ck_assert_int_eq(strncmp(n->command, "incident event", 14) == 0,
                             n->event != EVENT_COUNT);
            if (n->event == EVENT_COUNT)
                continue;
            if (strstr(n->command, "--as subscriber") != NULL)
                as = ACTOR_SUBSCRIBER;
            t = incident_next((enum route)r, (enum state)s, n->event);
            ck_assert_msg(t != NULL && (t->actors & ACTOR_BIT(as)) != 0 &&
                              strstr(n->command, incident_event(n->event)->name) != NULL,
                          "%s on %s: %s", name, incident_route((enum route)r)->name,
                          n->command);
            ck_assert_msg(t->evidence == 0 || strstr(n->command, "--evidence") != NULL,
                          "%s on %s: %s needs evidence", name,
                          incident_route((enum route)r)->name, n->command);
        }
}
END_TEST

START_TEST(every_state_but_closed_has_a_way_to_closed)
{
    struct seen m = from_the_start(0);

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        for (unsigned s = 0; s < STATE_COUNT; s++) {
            struct seen onward = {0};

            if (!m.at[r][s])
                continue;
            onward.at[r][s] = true;
            search(&onward, 0);
            ck_assert_msg(anywhere(&onward, STATE_CLOSED), "no way out of %s on %s",
                          incident_state((enum state)s)->name,
                          incident_route((enum route)r)->name);
            ck_assert_int_eq(incident_state((enum state)s)->final, s == STATE_CLOSED);
        }
    for (unsigned v = 0; v < EVENT_COUNT; v++)
        for (unsigned r = 0; r < ROUTE_COUNT; r++)
            ck_assert_ptr_null(incident_next((enum route)r, STATE_CLOSED, (enum event)v));
}
END_TEST

START_TEST(nothing_is_executed_without_authority_and_custodians)
{
    static const enum state gates[] = {STATE_CONFIRMED_SUSPECTED, STATE_WITH_PMA,
                                       STATE_AUTHORISED, STATE_CUSTODIANS_CALLED,
                                       STATE_KEY_ACTIVE};
    static const enum state dead[] = {STATE_RECONNECTING, STATE_RECONNECTED,
                                      STATE_RECOVERED, STATE_CLOSED,
                                      STATE_REJECTED_UNAUTHENTICATED};
    static const enum state stopped[] = {STATE_HALTED, STATE_REFUSED, STATE_FALSE_ALARM,
                                         STATE_STOPPED_MIDWAY};
    struct seen all = from_the_start(0);

    ck_assert(anywhere(&all, STATE_EXECUTING));
    for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++) {
        struct seen m = from_the_start(STATE_BIT(gates[i]));

        ck_assert_msg(!anywhere(&m, STATE_EXECUTING), "EXECUTING is reached around %s",
                      incident_state(gates[i])->name);
        /* Hand-back has its own instruction; but it follows a decision. */
        ck_assert(i > 2 || !anywhere(&m, STATE_HANDBACK));
    }
    for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++) {
        struct seen m = {0};

        for (unsigned r = 0; r < ROUTE_COUNT; r++)
            m.at[r][dead[i]] = all.at[r][dead[i]];
        search(&m, 0);
        ck_assert_msg(!anywhere(&m, STATE_EXECUTING), "EXECUTING after %s",
                      incident_state(dead[i])->name);
    }
    /* Halted, refused, or over, only a new authority leads back. */
    for (unsigned r = 0; r < ROUTE_COUNT; r++) {
        struct seen m = {0};

        for (size_t i = 0; i < sizeof stopped / sizeof stopped[0]; i++)
            m.at[r][stopped[i]] = all.at[r][stopped[i]];
        search(&m, STATE_BIT(STATE_AUTHORISED));
        ck_assert(!anywhere(&m, STATE_EXECUTING));
    }
}
END_TEST

START_TEST(an_alarm_that_is_over_tells_whether_anything_was_signed)
{
    static const struct {
        bool signed_, live, consumed;
        enum actor by;
        uint32_t may_end;
        enum event event;
        enum state to;
    } cases[] = {
#define MAY(a) ACTOR_BIT(ACTOR_##a)
        {false, false, false, ACTOR_SUBSCRIBER, 0, EVENT_CONFIRM_WITHDRAWAL,
         STATE_FALSE_ALARM},
        {true, false, false, ACTOR_SUBSCRIBER, 0, EVENT_CONFIRM_WITHDRAWAL,
         STATE_STOPPED_MIDWAY},
        /* a decision stands: who may end it? */
        {false, true, false, ACTOR_SUBSCRIBER, 0, EVENT_CONFIRM_WITHDRAWAL, STATE_HALTED},
        {true, true, false, ACTOR_SUBSCRIBER, 0, EVENT_CONFIRM_WITHDRAWAL, STATE_HALTED},
        {true, true, false, ACTOR_DCC, MAY(SUBSCRIBER), EVENT_CONFIRM_WITHDRAWAL,
         STATE_HALTED},
        {true, true, false, ACTOR_SUBSCRIBER, MAY(SUBSCRIBER), EVENT_CONFIRM_WITHDRAWAL,
         STATE_STOPPED_MIDWAY},
        {false, true, false, ACTOR_DCC, MAY(DCC), EVENT_CONFIRM_WITHDRAWAL,
         STATE_FALSE_ALARM},
        /* the PMA always may */
        {false, true, false, ACTOR_COUNT, 0, EVENT_ABORT, STATE_FALSE_ALARM},
        {true, true, false, ACTOR_COUNT, 0, EVENT_ABORT, STATE_STOPPED_MIDWAY},
        /* the Symmetric Key is out: this goes on */
        {true, true, true, ACTOR_DCC, MAY(DCC), EVENT_CONFIRM_WITHDRAWAL, STATE_HALTED},
        {true, true, true, ACTOR_COUNT, 0, EVENT_ABORT, STATE_HALTED},
#undef MAY
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct incident_facts f = {.commands_signed = cases[i].signed_,
                                   .decision_live = cases[i].live,
                                   .contingency_used = cases[i].consumed,
                                   .withdrawn_by = cases[i].by,
                                   .may_end = cases[i].may_end};

        ck_assert_msg(incident_over(&f, cases[i].event) == cases[i].to, "case %zu", i);
    }
}
END_TEST

START_TEST(no_row_calls_what_was_signed_a_false_alarm)
{
    struct seen m = {0};

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        m.at[r][STATE_EXECUTING] =
            incident_route((enum route)r)->signing != SIGNING_NOTHING;
    search(&m, STATE_BIT(STATE_FALSE_ALARM)); /* what is over by its facts is over */
    for (size_t i = 0; i < incident_n_transitions; i++) {
        struct at cases[ROUTE_COUNT * STATE_COUNT];
        size_t n = walk(&incident_transitions[i], cases);

        for (size_t k = 0; k < n && incident_transitions[i].to == STATE_FALSE_ALARM; k++)
            ck_assert_msg(!m.at[cases[k].route][cases[k].from],
                          "row %zu leads from %s to FALSE_ALARM", i + 1,
                          incident_state(cases[k].from)->name);
    }
}
END_TEST

START_TEST(a_key_is_used_in_two_states_and_by_the_routes_that_have_one)
{
    struct seen m = from_the_start(0);

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        for (unsigned s = 0; s < STATE_COUNT; s++) {
            enum signing want = SIGNING_NOTHING;

            if (s == STATE_EXECUTING)
                want = incident_route((enum route)r)->signing;
            if (s == STATE_HANDBACK && r == ROUTE_METHOD_2)
                want = SIGNING_ACB;
            ck_assert_int_eq(incident_signing((enum route)r, (enum state)s), want);
            ck_assert_int_eq(incident_may_sign((enum route)r, (enum state)s),
                             want != SIGNING_NOTHING);
            ck_assert(r != ROUTE_METHOD_1 || want == SIGNING_NOTHING);
            if (want == SIGNING_NOTHING)
                ck_assert(s != STATE_EXECUTING || !m.at[r][s]);
        }
    ck_assert_int_eq(incident_route(ROUTE_CONTINGENCY)->signing, SIGNING_CONTINGENCY);
}
END_TEST

START_TEST(method_1_suspends_nothing_and_signs_nothing)
{
    struct seen m = {0};

    m.at[ROUTE_METHOD_1][STATE_M1_DECLARED] = true;
    /* whatever is taken up again begins without a route */
    search(&m, STATE_BIT(STATE_SUSPENDING) | STATE_BIT(STATE_CONFIRMED_SUSPECTED));
    for (unsigned s = 0; s < STATE_COUNT; s++) {
        ck_assert(!incident_may_sign(ROUTE_METHOD_1, (enum state)s));
        for (unsigned v = 0; m.at[ROUTE_METHOD_1][s] && v < EVENT_COUNT; v++) {
            const struct transition *t =
                incident_next(ROUTE_METHOD_1, (enum state)s, (enum event)v);

            ck_assert(t == NULL || t->effect == EFFECT_NONE || t->effect == EFFECT_REVOKE ||
                      t->to == STATE_SUSPENDING);
        }
    }
    ck_assert(!anywhere(&m, STATE_WITH_PMA));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("incident");
    TCase *rows = tcase_create("rows");
    TCase *graph = tcase_create("graph");
    SRunner *r = srunner_create(s);
    int n = (int)incident_n_transitions;

    tcase_add_loop_test(
        rows, every_row_lets_through_whom_it_names_with_the_evidence_it_asks_for, 0, n);
    tcase_add_loop_test(
        rows, every_row_refuses_whom_it_does_not_name_and_each_gap_in_the_evidence, 0, n);
    tcase_add_loop_test(rows, every_guard_of_a_row_refuses_when_only_it_fails, 0, n);
    tcase_add_loop_test(rows, silence_of_the_token_is_no_refusal, 0, n);
    tcase_add_loop_test(rows, every_row_says_where_it_comes_from_and_how_sure_that_is, 0,
                        n);
    tcase_add_test(rows, every_guard_stands_in_some_row_and_has_a_rule_of_its_own);
    tcase_add_test(rows, guards_with_two_sides_know_both);
    tcase_add_test(rows, no_two_rows_answer_the_same_event);
    tcase_add_test(graph, every_state_and_every_row_can_be_reached);
    tcase_add_test(graph, every_state_that_waits_names_who_and_a_command_that_leads_on);
    tcase_add_test(graph, every_state_but_closed_has_a_way_to_closed);
    tcase_add_test(graph, nothing_is_executed_without_authority_and_custodians);
    tcase_add_test(graph, an_alarm_that_is_over_tells_whether_anything_was_signed);
    tcase_add_test(graph, no_row_calls_what_was_signed_a_false_alarm);
    tcase_add_test(graph, a_key_is_used_in_two_states_and_by_the_routes_that_have_one);
    tcase_add_test(graph, method_1_suspends_nothing_and_signs_nothing);
    suite_add_tcase(s, rows);
    suite_add_tcase(s, graph);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
