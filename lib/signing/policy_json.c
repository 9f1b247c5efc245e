/* SPDX-License-Identifier: MIT
 *
 * Facts from a JSON file: one table per object, the words those of authority documents.
 */
#include "policy.h"
#include "strictjson.h"

#include <stdio.h>
#include <string.h>

static const char *const usage_words[] = {"digitalSignature", "keyAgreement", "keyCertSign",
                                          NULL};
static const char *const incident_words[] = {"unsaid",  "open",   "aborted",
                                             "refused", "closed", NULL};
static const char *const answer_words[] = {"unsaid", "yes", "no", NULL};

struct trial {
    struct policy_facts f;
    int64_t now_us;
};

#define FACT(member) STRICTJSON_AT(struct trial, f.member)
#define FLAG(member)                                            \
    {                                                           \
#member, MAY, strictjson_flag, FACT(member), NULL, 0, 0 \
    }
#define NUMBER(member, most)                                         \
    {                                                                \
#member, MAY, strictjson_number, FACT(member), NULL, 0, most \
    }
#define WORD(member, list)                                      \
    {                                                           \
#member, MAY, strictjson_word, FACT(member), list, 0, 0 \
    }
#define EUI(member)                                            \
    {                                                          \
#member, MAY, strictjson_eui, FACT(member), NULL, 0, 0 \
    }

#define COMP(member) STRICTJSON_AT(struct policy_compromised, member)

static bool bad_key(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    static const struct strictjson_member table[] = {
        {"cell", MUST, strictjson_cell, COMP(cell), NULL, 0, 0},
        {"cause", MAY, strictjson_word, COMP(cause), authority_cause_words, 0, 0},
        {"party", MAY, strictjson_eui, COMP(party), NULL, 0, 0},
        {"since", MAY, strictjson_time, COMP(since_us), NULL, 0, 0},
        {0},
    };
    struct trial *t = base;
    struct policy_compromised *c = &t->f.compromised[i];

    t->f.n_compromised = i + 1;
    c->has_party = json_object_get(v, "party") != NULL;
    c->has_since = json_object_get(v, "since") != NULL;
    return strictjson_read(at, v, table, c);
}

static bool compromised(struct strictjson_at *at, json_t *v,
                        const struct strictjson_member *f, void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, bad_key, base);
}

#define REPL(member) STRICTJSON_AT(struct policy_replacement, member)

static bool new_key(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    static const struct strictjson_member table[] = {
        {"cell", MUST, strictjson_cell, REPL(cell), NULL, 0, 0},
        {"role", MAY, strictjson_number, REPL(role), NULL, 0, 255},
        {"usage", MAY, strictjson_word, REPL(usage), usage_words, 0, 0},
        {"party", MAY, strictjson_eui, REPL(party), NULL, 0, 0},
        {"not_before", MAY, strictjson_time, REPL(not_before_us), NULL, 0, 0},
        {"not_after", MAY, strictjson_time, REPL(not_after_us), NULL, 0, 0},
        {"chains", MAY, strictjson_flag, REPL(chains), NULL, 0, 0},
        {"key_compromised", MAY, strictjson_flag, REPL(key_compromised), NULL, 0, 0},
        {"root_normal", MAY, strictjson_flag, REPL(root_normal), NULL, 0, 0},
        {"root_wrapped", MAY, strictjson_flag, REPL(root_wrapped), NULL, 0, 0},
        {"key_origin", MAY, strictjson_word, REPL(origin), authority_origin_words, 0, 0},
        {0},
    };
    struct trial *t = base;

    t->f.n_replacements = i + 1;
    return strictjson_read(at, v, table, &t->f.replacements[i]);
}

static bool replacements(struct strictjson_at *at, json_t *v,
                         const struct strictjson_member *f, void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, new_key, base);
}

static const struct strictjson_member facts[] = {
    {"now", MAY, strictjson_time, STRICTJSON_AT(struct trial, now_us), NULL, 0, 0},
    WORD(kind, authority_kind_words),
    WORD(outcome, authority_outcome_words),
    WORD(method, authority_method_words),
    {"mode", MAY, strictjson_mode, FACT(mode), NULL, 0, 0},
    WORD(initiator, authority_initiator_words),
    FLAG(exercise),
    FLAG(consent),
    FLAG(notice),
    FLAG(appointment),
    FLAG(supersedes),
    FLAG(end_condition),
    FLAG(review),
    FLAG(risk_weighed),
    FLAG(ppmid_only),
    NUMBER(factors_shall, 100),
    {"device_types", MAY, strictjson_devices, FACT(device_types), NULL, 0, 0},
    NUMBER(count, ROSTER_ROWS_MAX),
    NUMBER(attempts, 100),
    {"valid_from", MAY, strictjson_time, FACT(valid_from_us), NULL, 0, 0},
    {"valid_to", MAY, strictjson_time, FACT(valid_to_us), NULL, 0, 0},
    EUI(subscriber),
    EUI(replacement_subscriber),
    {"compromised", MAY, compromised, 0, 0, NULL, 0, AUTHORITY_CERTS_MAX},
    {"replacements", MAY, replacements, 0, 0, NULL, 0, AUTHORITY_CERTS_MAX},
    FLAG(symmetric_key_named),
    FLAG(symmetric_key_same),
    FLAG(service_exercise),
    NUMBER(max_window_s, 1000000000),
    FLAG(load_cells),
    FLAG(key_known),
    FLAG(key_certificate_same),
    FLAG(key_authority_same),
    FLAG(key_compromised),
    NUMBER(key_role, 255),
    WORD(key_usage, usage_words),
    EUI(key_party),
    FLAG(by_organisation),
    EUI(authority_organisation),
    FLAG(has_acb),
    EUI(acb_party),
    FLAG(roster_same),
    NUMBER(roster_rows, ROSTER_ROWS_MAX),
    {"roster_types", MAY, strictjson_devices, FACT(roster_types), NULL, 0, 0},
    {"ppmid_cells", MAY, strictjson_cells, FACT(ppmid_cells), NULL, 0, 0},
    FLAG(commissioned),
    FLAG(signing),
    FLAG(other_incident_document),
    WORD(incident, incident_words),
    FLAG(superseded),
    FLAG(refused_before),
    FLAG(other_open_incident),
    FLAG(operator_is_approver),
    FLAG(operator_is_custodian),
    NUMBER(custodians_needed, 100),
    NUMBER(custodians_present, 100),
    NUMBER(attempt, 100),
    WORD(final_confirmed, answer_words),
    {0},
};

bool policy_facts_from_json(struct span text, struct policy_facts *f, int64_t *now_us,
                            struct err *e)
{
    struct strictjson_at at = {.id = "policy.facts", .e = e};
    struct trial t = {.now_us = *now_us};
    json_t *json;
    bool ok;

    if (text.len > AUTHORITY_TEXT_MAX)
        return err_set(e, ERR_INPUT, "policy.facts", "%zu octets; %u are allowed", text.len,
                       AUTHORITY_TEXT_MAX);
    if (!strictjson_load(text, &json, &at))
        return false;
    ok = strictjson_read(&at, json, facts, &t);
    if (ok && json_object_get(json, "replacement_subscriber") == NULL)
        t.f.replacement_subscriber = t.f.subscriber;
    json_decref(json);
    if (!ok)
        return false;
    *f = t.f;
    *now_us = t.now_us;
    return true;
}
