/* SPDX-License-Identifier: MIT
 *
 * What only looks: status, the rules.
 */
#include "service.h"

#include "audit.h"
#include "keys.h"
#include "log.h"
#include "mem.h"
#include "openapi.h"
#include "policy.h"
#include "preflight.h"
#include "rules.h"
#include "standard.h"
#include "steps.h"
#include "told.h"
#include "waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that is down: it was asked and could not reach its token, it waits out a pause, or its
 * turn. */
static const char *signer_state_name(const struct signer_info *w)
{
    static const char *const names[] = {"starting", "starting", "ready", "leaving",
                                        "barred"};

    if (w->state == SIGNER_DOWN && w->spoke)
        return "absent";
    return w->state == SIGNER_DOWN && w->again_us > 0 ? "coming back" : names[w->state];
}

/* What somebody can do about it; null: no rule says. */
static json_t *advice_json(const char *rule)
{
    const struct rule *r = rules_find(rule);

    return r != NULL ? json_string(r->advice) : json_null();
}

/* When it is started again; null: it sits out no pause. */
static json_t *again_json(const struct service *sv, const struct signer_info *w)
{
    return w->again_us > 0
               ? docket_show_time(clock_now(&sv->clock) + w->again_us - pump_monotonic_us())
               : json_null();
}

/* How many endings this signer has not acknowledged; null: it was never there to say whose
 * list it has. */
static bool untold(struct service *sv, const struct signer_info *w, json_t **out,
                   struct err *e)
{
    static const struct proto_list none;
    int64_t n = 0;

    if (memcmp(w->list.id, none.id, sizeof none.id) == 0) {
        *out = json_null();
        return true;
    }
    if (!told_waiting(sv->store, &w->list, clock_now(&sv->clock), &n, e))
        return false;
    *out = json_integer((json_int_t)n);
    return true;
}

static bool signers_json(struct service *sv, json_t **out, struct err *e)
{
    struct signers *s = pump_signers(sv->pump);
    json_t *list = *out = json_array();

    for (unsigned i = 0; i < signers_count(s); i++) {
        const struct signer_info *w = signers_info(s, i);
        json_t *waits;

        if (!untold(sv, w, &waits, e))
            return false;
        (void)json_array_append_new(
            list, json_pack("{s:i,s:s,s:s,s:s,s:s,s:o,s:o,s:i,s:i,s:i,s:o}", "signer",
                            (int)i, "state", signer_state_name(w), "what", w->what, "rule",
                            w->rule, "trouble", w->trouble, "advice", advice_json(w->rule),
                            "again", again_json(sv, w), "restarts", (int)w->restarts, "pid",
                            w->pid < 0 ? -w->pid : w->pid, "waiting", (int)w->waiting,
                            "untold", waits));
    }
    return true;
}

/* Why a configured key signs no more, and what to do; null: it may sign. */
static bool ended_json(struct service *sv, size_t key, json_t **out, struct err *e)
{
    struct keys_end end;
    bool found = false;

    if (sv->trust.keys[key].present &&
        !keys_ended(sv->store, sv->config.service.exercise, "",
                    &sv->trust.keys[key].cert.at[0], &end, &found, e))
        return false;
    *out = found ? json_pack("{s:s,s:s,s:o,s:s}", "what", keys_what_name(end.what),
                             "incident", end.incident, "at", docket_show_time(end.at_us),
                             "advice", "the configuration has to follow")
                 : json_null();
    return true;
}

/* What a signer that is ready says of a key that does nothing; NULL: nobody does. */
static const struct proto_unusable *unusable_key(struct service *sv, size_t key)
{
    struct signers *s = pump_signers(sv->pump);

    for (unsigned i = 0; i < signers_count(s); i++) {
        const struct signer_info *w = signers_info(s, i);

        if (w->state == SIGNER_READY && w->unusable[key].id[0] != '\0')
            return &w->unusable[key];
    }
    return NULL;
}

static bool keys_json(struct service *sv, json_t **out, struct err *e)
{
    struct docket d = service_docket(sv);
    json_t *list = *out = json_array();

    for (size_t i = 0; i < sv->config.n_keys; i++) {
        const struct config_key *k = &sv->config.keys[i];
        bool proven = (d.token_keys >> i & 1) != 0;
        const struct proto_unusable *why = proven ? NULL : unusable_key(sv, i);
        const char *role = "";
        char hex[HEX_LEN(32)] = "";
        json_t *ended;

        if (!ended_json(sv, i, &ended, e))
            return false;
        if (sv->trust.keys[i].present) {
            role = gbcs_role_name(sv->trust.keys[i].cert.at[0].role);
            hex_encode_lower(sv->trust.keys[i].cert.at[0].sha256.b, 32, hex);
        }
        (void)json_array_append_new(
            list,
            json_pack("{s:s,s:s,s:b,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:o}", "key", k->name,
                      "token", k->token, "usable",
                      (int)(proven && sv->trust.keys[i].present), "certificate",
                      sv->trust.keys[i].present ? sv->trust.keys[i].cert.at[0].subject
                                                : sv->trust.keys[i].missing,
                      "certificate_sha256", hex, "role", role, "authority", k->authority,
                      "ended", ended, "rule", why != NULL ? why->id : "", "trouble",
                      why != NULL ? why->text : "", "advice",
                      advice_json(why != NULL ? why->id : "")));
    }
    return true;
}

HANDLER(api_keys)
{
    struct service *sv = arg;
    struct docket_show_page p;
    json_t *list;

    (void)body;
    return service_page(r, &p, e) && docket_show_keys(sv->store, &p, &list, e) &&
           service_page_reply(out, "keys", list, &p, e);
}

static bool add_mark(void *arg, const struct eui64 *originator, uint64_t mark)
{
    char hex[HEX_LEN(8)];

    hex_encode(originator->b, 8, hex);
    (void)json_array_append_new(
        arg, json_pack("{s:s,s:I}", "originator", hex, "reserved_up_to", (json_int_t)mark));
    return true;
}

struct alarms {
    struct service *sv;
    json_t *list;
    int64_t now_us;
    int64_t open, overdue, unlisted;
    bool barred; /* somebody's counters are not to be used (bars.h) */
    bool failed;
    struct err e;
};

/* Devices that hold what nobody expected: until the incident is closed. */
static bool add_found(struct alarms *a, const struct docket_incident *i)
{
    json_t *found;
    json_t *one;
    size_t at;

    if (!preflight_found(a->sv->store, i->id, &found, &a->e)) {
        a->failed = true;
        return false;
    }
    json_array_foreach(found, at, one)
    {
        if (json_array_size(a->list) < DOCKET_SHOW_PAGE)
            (void)json_array_append_new(
                a->list, json_pack("{s:s,s:s,s:O,s:O}", "incident", i->id, "state",
                                   incident_state(i->state)->name, "alarm",
                                   json_object_get(one, "held"), "devices",
                                   json_object_get(one, "devices")));
        else
            a->unlisted++;
    }
    json_decref(found);
    return true;
}

static bool add_alarm(void *arg, const struct docket_incident *i)
{
    struct alarms *a = arg;
    int64_t due = incident_due_us(i->state, i->since_us, &a->sv->config);

    if (i->state == STATE_CLOSED)
        return true;
    a->open++;
    if (!add_found(a, i))
        return false;
    if (due == INT64_MAX)
        return true;
    a->overdue += a->now_us >= due;
    if (json_array_size(a->list) == DOCKET_SHOW_PAGE) {
        a->unlisted++; /* `incident list` has them */
        return true;
    }
    (void)json_array_append_new(
        a->list, json_pack("{s:s,s:s,s:s,s:o,s:b}", "incident", i->id, "state",
                           incident_state(i->state)->name, "alarm",
                           incident_alarm_name(incident_state(i->state)->alarm), "due",
                           docket_show_time(due), "overdue", (int)(a->now_us >= due)));
    return true;
}

static bool alarms_of(struct alarms *a, struct err *e)
{
    if (!bars_alarms(a->sv, a->list, e))
        return false;
    a->barred = json_array_size(a->list) > 0;
    a->overdue += (int64_t)json_array_size(a->list);
    if (!docket_each(a->sv->store, add_alarm, a, e))
        return false;
    if (a->failed)
        *e = a->e;
    return !a->failed && api_ceremony_alarms(a->sv, a->list, &a->overdue, e);
}

bool api_alarms(struct service *sv, json_t *list, int64_t *open, int64_t *overdue,
                struct err *e)
{
    struct alarms a = {.sv = sv, .list = list, .now_us = clock_now(&sv->clock)};
    bool ok = alarms_of(&a, e);

    *open = a.open;
    *overdue = a.overdue;
    return ok;
}

/* The batch at work, and what signers have counted under its decision. */
static json_t *batch_json(const struct service *sv)
{
    const struct batch *b = engine_batch(sv->engine);
    const struct proto_count *c = engine_counted(sv->engine);
    json_t *j = b != NULL ? docket_show_batch(b, pump_rate(sv->pump)) : json_null();

    if (c != NULL)
        docket_show_commands(j, c);
    return j;
}

static const char *overall(const struct service *sv, bool counters_barred)
{
    const struct signers *s = pump_signers(sv->pump);
    unsigned ready = 0;
    unsigned barred = 0;
    unsigned pausing = 0;

    for (unsigned i = 0; i < signers_count(s); i++) {
        ready += signers_info(s, i)->state == SIGNER_READY;
        barred += signers_info(s, i)->state == SIGNER_BARRED;
        pausing += signers_info(s, i)->again_us > 0;
    }
    if (barred > 0)
        return "token needs a person";
    if (ready == 0 && signers_spoke(s))
        return "token absent";
    if (ready == 0)
        return pausing > 0 ? "signers coming back" : "signers starting";
    if (pump_faulted(sv->pump)->rule[0] != '\0')
        return "orders fail";
    if (counters_barred)
        return "counters barred";
    return ready < signers_count(s) ? "degraded" : "ready";
}

/* Why orders fail, while they do: the first reason. */
static json_t *fault_json(const struct service *sv)
{
    const struct pump_fault *f = pump_faulted(sv->pump);

    return f->rule[0] != '\0' ? json_pack("{s:s,s:s,s:o}", "rule", f->rule, "reason",
                                          f->reason, "advice", advice_json(f->rule))
                              : json_null();
}

/* What kept the loop busy for the longest time, since the start. */
static json_t *longest_step(void)
{
    struct steps_longest l = steps_longest();

    return json_pack("{s:s,s:I}", "what", l.what, "us", (json_int_t)l.us);
}

HANDLER(api_status)
{
    struct service *sv = arg;
    struct alarms a = {.sv = sv, .list = json_array(), .now_us = clock_now(&sv->clock)};
    json_t *marks = json_array();
    json_t *signers = NULL;
    json_t *keys = NULL;
    json_t *waits = NULL;
    int64_t more = 0;
    char standard[STANDARD_TEXT];
    struct chain_place audit;
    json_t *j;

    (void)r;
    (void)body;
    if (!alarms_of(&a, e) || !audit_last(sv->store, &audit, e) ||
        !ledger_each_mark(sv->store, add_mark, marks, e) ||
        !signers_json(sv, &signers, e) || !keys_json(sv, &keys, e) ||
        !waits_list(sv, overall(sv, a.barred), &waits, &more, e)) {
        json_decref(keys);
        json_decref(a.list);
        json_decref(marks);
        json_decref(signers);
        return false;
    }
    standard_text(sv, standard);
    j = json_pack(
        "{s:s,s:s,s:o,s:o,s:I,s:o,s:b,s:o,s:I,s:o,s:o,s:o,s:o,s:I,s:o,s:I,s:o,s:I,s:s,s:o}",
        "service", SMKI_VERSION, "state", overall(sv, a.barred), "fault", fault_json(sv),
        "waits", waits, "waits_unlisted", (json_int_t)more, "disk", waits_disk(sv),
        "exercise", (int)sv->config.service.exercise, "started",
        docket_show_time(sv->started_us), "open_incidents", (json_int_t)a.open, "signers",
        signers, "keys", keys, "counters", marks, "alarms", a.list, "alarms_unlisted",
        (json_int_t)a.unlisted, "batch", batch_json(sv), "audit_records",
        (json_int_t)audit.seq, "last_probe", docket_show_time(pump_probed_us(sv->pump)),
        "log_lines_lost", (json_int_t)log_lost(), "standard", standard, "longest_step",
        longest_step());
    return reply_json(out, 200, j, e);
}

/* --- rules --- */

HANDLER(api_policy)
{
    json_t *list = json_array();

    (void)arg;
    (void)r;
    (void)body;
    for (size_t i = 0; i < rules_n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", rules[i].id, "source",
                            rules[i].source, "certainty", rules[i].certainty, "sentence",
                            rules[i].sentence, "advice", rules[i].advice));
    return reply_json(out, 200, json_pack("{s:o}", "rules", list), e);
}

HANDLER(api_policy_test)
{
    struct service *sv = arg;
    AUTO(mem) struct policy_facts *f = calloc(1, sizeof *f);
    AUTO(mem) struct verdict *v = calloc(1, sizeof *v);
    int64_t now = clock_now(&sv->clock);
    json_t *failed = json_array();

    (void)r;
    if (f == NULL || v == NULL) {
        json_decref(failed);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    if (!policy_facts_from_json(body, f, &now, e)) {
        json_decref(failed);
        return false;
    }
    policy_judge(f, now, v);
    for (size_t i = 0; i < v->n; i++) {
        const struct rule *rule = rules_find(v->failed[i].id);

        (void)json_array_append_new(
            failed, json_pack("{s:s,s:s,s:s*,s:s*,s:s*}", "rule", v->failed[i].id, "why",
                              v->failed[i].why, "source", rule ? rule->source : NULL,
                              "certainty", rule ? rule->certainty : NULL, "sentence",
                              rule ? rule->sentence : NULL));
    }
    return reply_json(
        out, 200, json_pack("{s:b,s:o}", "allowed", (int)v->allowed, "refused_by", failed),
        e);
}

HANDLER(api_openapi)
{
    (void)arg;
    (void)r;
    (void)body;
    return reply_text(out, 200, "application/json", strdup(openapi_json),
                      strlen(openapi_json), e);
}
