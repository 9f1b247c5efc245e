/* SPDX-License-Identifier: MIT
 *
 * Verbs that need no service: the tables this software judges by.
 */
#include "ctl.h"

#include "clock.h"
#include "config.h"
#include "hsmloss.h"
#include "incident.h"
#include "mem.h"
#include "near.h"
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *rule_json(const struct rule *r)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", r->id, "sentence", r->sentence,
                     "source", r->source, "certainty", r->certainty, "advice", r->advice);
}

static int run_policy_list(struct ctl *c, const struct ctl_args *a)
{
    json_t *all = json_array();
    const char *area = a->n > 0 ? a->v[0] : "";

    for (size_t i = 0; i < rules_n; i++)
        if (strncmp(rules[i].id, area, strlen(area)) == 0)
            (void)json_array_append_new(all, rule_json(&rules[i]));
    if (c->json) {
        json_t *j = json_pack("{s:O}", "rules", all);

        ctl_json(j);
        json_decref(j);
    } else {
        ctl_page(c);
        ctl_list("rules", all);
    }
    json_decref(all);
    return CTL_OK;
}

/* What can be configured: whether a number has a source, or is the house's choice. */
static int run_policy_settings(struct ctl *c, const struct ctl_args *a)
{
    json_t *all = json_array(), *j;
    struct config_setting s;

    (void)a;
    for (size_t i = 0; config_setting(i, &s); i++)
        (void)json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s}", "section",
                                                   s.section, "key", s.key, "default",
                                                   s.value, "certainty", s.certainty));
    j = json_pack("{s:o}", "settings", all);
    if (c->json) {
        ctl_json(j);
    } else {
        ctl_page(c);
        ctl_list("settings", all);
    }
    json_decref(j);
    return CTL_OK;
}

static const char *rule_hint(const char *id, char out[static NEAR_TEXT])
{
    const char **words = calloc(rules_n, sizeof *words);
    const char *meant;

    out[0] = '\0';
    if (words == NULL)
        return out;
    for (size_t i = 0; i < rules_n; i++)
        words[i] = rules[i].id;
    meant = near_word(id, words, rules_n);
    if (meant != NULL)
        (void)snprintf(out, NEAR_TEXT, "; did you mean \"%s\"?", meant);
    free(words);
    return out;
}

static int run_policy_explain(struct ctl *c, const struct ctl_args *a)
{
    const struct rule *r = rules_find(a->v[0]);
    char hint[NEAR_TEXT];
    json_t *j;

    if (r == NULL) {
        ctl_say("there is no rule \"%s\"%s", a->v[0], rule_hint(a->v[0], hint));
        ctl_next("smki-recoveryctl policy list has them all");
        return CTL_MISSING;
    }
    j = rule_json(r);
    return ctl_show(c, j, json_dumps(j, JSON_COMPACT));
}

static int run_policy_test(struct ctl *c, const struct ctl_args *a)
{
    AUTO(mem) char *text = NULL;
    struct clock clock = clock_system();
    int64_t now_us = clock_now(&clock);
    static struct policy_facts facts;
    struct verdict v;
    struct err e;
    json_t *j, *failed;
    size_t len;
    int rc;

    if (!ctl_read_file(a->v[0], 256u << 10, &text, &len))
        return CTL_INPUT;
    if (!policy_facts_from_json(span_of(text, len), &facts, &now_us, &e))
        return ctl_failed_here(&e);
    policy_judge(&facts, now_us, &v);
    failed = json_array();
    for (size_t i = 0; i < v.n; i++) {
        const struct rule *r = rules_find(v.failed[i].id);

        (void)json_array_append_new(
            failed, json_pack("{s:s,s:s,s:s*}", "rule", v.failed[i].id, "why",
                              v.failed[i].why, "source", r != NULL ? r->source : NULL));
    }
    j = json_pack("{s:b,s:o}", "allowed", (int)v.allowed, "refused_by", failed);
    rc = v.allowed ? CTL_OK : CTL_DENIED;
    (void)ctl_show(c, j, json_dumps(j, JSON_COMPACT));
    return rc;
}

static int run_states(struct ctl *c, const struct ctl_args *a)
{
    enum route route;
    json_t *j;
    char *text;

    if (a->opt[0] != NULL) {
        if (!incident_route_find(a->opt[0], &route)) {
            const char *words[ROUTE_COUNT];
            char hint[NEAR_TEXT];

            for (unsigned i = 0; i < ROUTE_COUNT; i++)
                words[i] = incident_route((enum route)i)->name;
            ctl_say("there is no route \"%s\"%s", a->opt[0],
                    near_hint(hint, a->opt[0], words, ROUTE_COUNT));
            ctl_next("smki-recoveryctl incident states has all routes");
            return CTL_MISSING;
        }
        incident_dot(stdout, route);
        return CTL_OK;
    }
    if (!c->json) {
        ctl_page(c);
        incident_table_print(stdout);
        return CTL_OK;
    }
    text = incident_table_json();
    j = text == NULL ? NULL : json_loads(text, 0, NULL);
    free(text);
    if (j == NULL)
        return CTL_STORE;
    ctl_json(j);
    json_decref(j);
    return CTL_OK;
}

/* What is lost -> what is left. Exit 1: nothing is, for a part of it or for all. */
static int run_hsm_loss(struct ctl *c, const struct ctl_args *a)
{
    struct hsmloss_advice advice;
    uint32_t lost = 0;
    json_t *j;

    for (int i = 0; i < a->n; i++) {
        enum hsmloss l;

        if (!hsmloss_find(a->v[i], &l)) {
            const char *words[HSMLOSS_COUNT];
            char hint[NEAR_TEXT];

            for (unsigned k = 0; k < HSMLOSS_COUNT; k++)
                words[k] = hsmloss_name((enum hsmloss)k);
            ctl_say("\"%s\" is no key that can be lost%s", a->v[i],
                    near_hint(hint, a->v[i], words, HSMLOSS_COUNT));
            ctl_next("smki-recoveryctl hsm-loss --help");
            return CTL_INPUT;
        }
        lost |= HSMLOSS_BIT(l);
    }
    if (!hsmloss_advise(lost, &advice))
        return CTL_INPUT;
    if (!c->json) {
        hsmloss_print(stdout, &advice);
        return advice.remedy ? CTL_OK : CTL_DENIED;
    }
    j = hsmloss_json(&advice);
    ctl_json(j);
    json_decref(j);
    return advice.remedy ? CTL_OK : CTL_DENIED;
}

static const char *event_word(unsigned i)
{
    return incident_event((enum event)i)->name;
}

static const char *actor_word(unsigned i)
{
    return incident_actor_name((enum actor)i);
}

static const char *route_word(unsigned i)
{
    return incident_route((enum route)i)->name;
}

static const char *outcome_word(unsigned i)
{
    return authority_outcome_name((enum authority_outcome)i);
}

static const char *kind_word(unsigned i)
{
    return authority_kind_name((enum authority_kind)i);
}

int ctl_words(const char *kind)
{
    static const struct {
        const char *kind;
        const char *(*word)(unsigned i);
        unsigned n;
    } lists[] = {
        {"events", event_word, EVENT_COUNT},
        {"actors", actor_word, ACTOR_COUNT},
        {"routes", route_word, ROUTE_COUNT},
        {"outcomes", outcome_word, AUTHORITY_OUTCOME_COUNT},
        {"kinds", kind_word, KIND_COUNT},
        {"facts", incident_fact_name, INCIDENT_FACTS},
    };

    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++)
        for (unsigned i = 0; strcmp(lists[k].kind, kind) == 0 && i < lists[k].n; i++)
            (void)puts(lists[k].word(i));
    return CTL_OK;
}

const struct ctl_verb ctl_offline_verbs[] = {
    {"hsm-loss",
     "LOST...",
     1,
     HSMLOSS_COUNT,
     "Which keys are lost -> what remains; exit 1: nothing does",
     run_hsm_loss,
     {{0}}},
    {"incident states",
     "",
     0,
     0,
     "The life of an incident: states, events, what they need",
     run_states,
     {{"dot", "ROUTE", "one route as a graph for dot(1)"}}},
    {"policy list",
     "[AREA]",
     0,
     1,
     "Every rule this software can refuse by",
     run_policy_list,
     {{0}}},
    {"policy settings",
     "",
     0,
     0,
     "Every setting: its default, and whether that has a source",
     run_policy_settings,
     {{0}}},
    {"policy explain",
     "RULE",
     1,
     1,
     "One rule: source, certainty, what to do",
     run_policy_explain,
     {{0}}},
    {"policy test",
     "FILE",
     1,
     1,
     "Would the rules allow this? Facts as JSON; exit 1: no",
     run_policy_test,
     {{0}}},
    {"message decode",
     "FILE",
     1,
     1,
     "A GBCS message in words (or --json)",
     ctl_message_decode,
     {{0}}},
    {"message encode",
     "FILE",
     1,
     1,
     "JSON back to the octets of the message",
     ctl_message_encode,
     {{"out", "FILE", "write here instead of stdout"},
      {"mac-key", "FILE", "16 octets in hexadecimal: make the MAC anew"},
      {"hex", NULL, "hexadecimal text on stdout instead of the octets"}}},
    {0},
};
