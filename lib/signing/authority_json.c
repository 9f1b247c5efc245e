/* SPDX-License-Identifier: MIT
 *
 * The document inside the CMS: one table per object, then what must be there together.
 * conf/authority.schema.json says the same for other programs.
 */
#include "authority.h"
#include "jsonline.h"
#include "strictjson.h"

#include <stdio.h>
#include <string.h>

const char *const authority_kind_words[] = {"decision", "instruction", "activation", NULL};
const char *const authority_outcome_words[] = {
    "authorise",         "refuse",       "abort",   "defer-revocation",
    "defer-id-transfer", "direct-other", "appoint", NULL};
const char *const authority_method_words[] = {
    "M1",       "M2",  "M3",          "contingency",     "recovery-key",
    "handback", "dcc", "issuing-oca", "contingency-key", NULL};
const char *const authority_initiator_words[] = {"subscriber", "srp",   "rdp",
                                                 "dcc",        "ofgem", NULL};
const char *const authority_cause_words[] = {"exposed", "suspected", "loss-of-use",
                                             "lost-control", NULL};
const char *const authority_origin_words[] = {"unsaid", "separate", "same", NULL};
static const char *const certainty_words[] = {"suspected", "actual", NULL};
static const char *const vote_words[] = {"for", "against", "abstain", NULL};
static const char *const schema_words[] = {"smki-recovery/authority/1", NULL};

const char *authority_kind_name(enum authority_kind k)
{
    return k < KIND_COUNT ? authority_kind_words[k] : "unknown";
}

const char *authority_outcome_name(enum authority_outcome o)
{
    return o < AUTHORITY_OUTCOME_COUNT ? authority_outcome_words[o] : "unknown";
}

const char *authority_method_name(enum method m)
{
    return m < METHOD_COUNT ? authority_method_words[m] : "unknown";
}

const char *authority_initiator_name(enum initiator i)
{
    return i < INITIATOR_COUNT ? authority_initiator_words[i] : "unknown";
}

const char *authority_cause_name(enum cause c)
{
    return c < CAUSE_COUNT ? authority_cause_words[c] : "unknown";
}

const char *authority_verdict_name(enum signer_verdict v)
{
    static const char *const words[SIGNER_VERDICT_COUNT] = {
        "unjudged",   "counted", "signature-bad", "unknown", "expired",      "revoked",
        "wrong-role", "twice",   "concerned",     "absent",  "voted-against"};

    return v < SIGNER_VERDICT_COUNT ? words[v] : "unknown";
}

#define DOC(member) STRICTJSON_AT(struct authority, member)
#define NOT_KEPT    0, 0
#define TEXT(limit) NULL, 1, limit

static bool factor(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    static const struct strictjson_member table[] = {
        {"id", MUST, strictjson_name, NOT_KEPT, TEXT(63)},
        {"value", MUST, strictjson_text, NOT_KEPT, TEXT(1000)},
        {"weight", MUST, strictjson_number, NOT_KEPT, NULL, 0, 100},
        {"note", MAY, strictjson_text, NOT_KEPT, NULL, 0, 1000},
        {0},
    };

    (void)i;
    ++*(uint32_t *)base;
    return strictjson_read(at, v, table, NULL);
}

static bool factors(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, factor,
                           (char *)base + f->offset);
}

static bool a_text(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    const struct strictjson_member f = {.min = 1, .max = 1000};

    (void)i;
    return strictjson_text(at, v, &f, base);
}

static bool texts(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                  void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, a_text, base);
}

/* SEC L10.9: (a) factors that shall, (b) that may be considered, (c) weighting among them,
 * (d) criteria, approach or steps. */
static bool guidance(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    static const struct strictjson_member table[] = {
        {"version", MUST, strictjson_text, DOC(guidance_version), NULL, 1, 0},
        {"shall", MUST, factors, DOC(n_shall), NULL, 1, 100},
        {"may", MUST, factors, DOC(n_may), NULL, 0, 100},
        {"weighting", MUST, strictjson_text, NOT_KEPT, TEXT(1000)},
        {"steps", MUST, texts, NOT_KEPT, NULL, 1, 100},
        {0},
    };

    (void)f;
    return strictjson_read(at, v, table, base);
}

static bool present(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    struct authority *a = base;
    const char *vote;
    static const struct strictjson_member table[] = {
        {"holder", MUST, strictjson_text, STRICTJSON_AT(struct authority_present, holder),
         NULL, 1, 0},
        {"seat", MUST, strictjson_text, NOT_KEPT, TEXT(CONFIG_NAME_MAX - 1)},
        {"alternate", MUST, strictjson_flag, NOT_KEPT, NULL, 0, 0},
        {"vote", MAY, strictjson_word, NOT_KEPT, vote_words, 0, 0},
        {0},
    };

    if (!strictjson_read(at, v, table, &a->present[i]))
        return false;
    vote = json_string_value(json_object_get(v, "vote"));
    a->present[i].against = vote != NULL && strcmp(vote, "against") == 0;
    a->n_present = i + 1;
    return true;
}

static bool members(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, present, base);
}

static bool votes(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                  void *base)
{
    static const struct strictjson_member table[] = {
        {"for", MUST, strictjson_number, DOC(votes_for), NULL, 0, 1000},
        {"against", MUST, strictjson_number, DOC(votes_against), NULL, 0, 1000},
        {"abstain", MUST, strictjson_number, DOC(votes_abstain), NULL, 0, 1000},
        {0},
    };

    (void)f;
    return strictjson_read(at, v, table, base);
}

static bool meeting(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base)
{
    static const struct strictjson_member table[] = {
        {"reference", MUST, strictjson_text, DOC(meeting), NULL, 1, 0},
        {"held", MAY, strictjson_time, NOT_KEPT, NULL, 0, 0},
        {"members", MUST, members, NOT_KEPT, NULL, 1, AUTHORITY_PRESENT_MAX},
        {"quorum", MUST, strictjson_text, NOT_KEPT, TEXT(400)},
        {"votes", MUST, votes, NOT_KEPT, NULL, 0, 0},
        {0},
    };

    (void)f;
    return strictjson_read(at, v, table, base);
}

static bool conflict(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    static const struct strictjson_member table[] = {
        {"holder", MUST, strictjson_text, 0, CONFIG_HOLDER_MAX, NULL, 1, 0},
        {"reason", MUST, strictjson_text, NOT_KEPT, TEXT(400)},
        {0},
    };
    struct authority *a = base;

    a->n_conflicts = i + 1;
    return strictjson_read(at, v, table, a->conflicts[i]);
}

static bool conflicts(struct strictjson_at *at, json_t *v,
                      const struct strictjson_member *f, void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, conflict, base);
}

static bool organisation(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    const struct strictjson_member f = {
        .size = sizeof(((struct authority *)NULL)->affected[0]), .min = 1};
    struct authority *a = base;

    a->n_affected = i + 1;
    return strictjson_text(at, v, &f, a->affected[i]);
}

static bool affected(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, organisation, base);
}

static bool earlier_one(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    const struct strictjson_member f = {
        .size = sizeof(((struct authority *)NULL)->earlier[0]), .min = 1};
    struct authority *a = base;

    a->n_earlier = i + 1;
    return strictjson_name(at, v, &f, a->earlier[i]);
}

static bool earlier(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, earlier_one, base);
}

#define COMP(member) STRICTJSON_AT(struct authority_compromised, member)

static bool bad_key(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    static const struct strictjson_member table[] = {
        {"cell", MUST, strictjson_cell, COMP(cell), NULL, 0, 0},
        {"certificate", MUST, strictjson_digest, COMP(sha256), NULL, 0, 0},
        {"key", MAY, strictjson_digest, COMP(key_sha256), NULL, 0, 0},
        {"issuer", MAY, strictjson_text, NOT_KEPT, TEXT(200)},
        {"serial", MAY, strictjson_text, NOT_KEPT, TEXT(64)},
        {"certainty", MUST, strictjson_word, COMP(actual), certainty_words, 0, 0},
        {"cause", MUST, strictjson_word, COMP(cause), authority_cause_words, 0, 0},
        {"since", MAY, strictjson_time, COMP(since_us), NULL, 0, 0},
        {0},
    };
    struct authority *a = base;
    struct authority_compromised *c = &a->compromised[i];

    a->n_compromised = i + 1;
    if (!strictjson_read(at, v, table, c))
        return false;
    c->has_key = json_object_get(v, "key") != NULL;
    c->has_since = json_object_get(v, "since") != NULL;
    return true;
}

static bool compromised(struct strictjson_at *at, json_t *v,
                        const struct strictjson_member *f, void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, bad_key, base);
}

#define REPL(member) STRICTJSON_AT(struct authority_replacement, member)

static bool new_key(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    static const struct strictjson_member table[] = {
        {"cell", MUST, strictjson_cell, REPL(cell), NULL, 0, 0},
        {"certificate", MUST, strictjson_digest, REPL(sha256), NULL, 0, 0},
        {"key_origin", MAY, strictjson_word, REPL(origin), authority_origin_words, 0, 0},
        {0},
    };
    struct authority *a = base;

    a->n_replacements = i + 1;
    if (!strictjson_read(at, v, table, &a->replacements[i]))
        return false;
    for (size_t k = 0; k < i; k++)
        if (a->replacements[k].cell == a->replacements[i].cell)
            return strictjson_fail(at, "cell named twice");
    return true;
}

static bool replacements(struct strictjson_at *at, json_t *v,
                         const struct strictjson_member *f, void *base)
{
    return strictjson_each(at, v, (size_t)f->min, (size_t)f->max, new_key, base);
}

static bool roster(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                   void *base)
{
    static const struct strictjson_member table[] = {
        {"sha256", MUST, strictjson_digest, DOC(roster), NULL, 0, 0},
        {"count", MUST, strictjson_number, DOC(roster_count), NULL, 1, ROSTER_ROWS_MAX},
        {0},
    };

    (void)f;
    return strictjson_read(at, v, table, base);
}

static const struct strictjson_member document[] = {
    {"schema", MUST, strictjson_word, NOT_KEPT, schema_words, 0, 0},
    {"kind", MUST, strictjson_word, DOC(kind), authority_kind_words, 0, 0},
    {"id", MUST, strictjson_name, DOC(id), NULL, 1, 0},
    {"supersedes", MAY, strictjson_name, DOC(supersedes), NULL, 1, 0},
    {"supersedes_earlier", MAY, earlier, NOT_KEPT, NULL, 0, AUTHORITY_EARLIER_MAX},
    {"incident", MUST, strictjson_name, DOC(incident), NULL, 1, 0},
    {"parent_incident", MAY, strictjson_name, DOC(parent_incident), NULL, 1, 0},
    {"by", MUST, strictjson_name, DOC(by), NULL, 1, 0},
    {"outcome", MUST, strictjson_word, DOC(outcome), authority_outcome_words, 0, 0},
    {"exercise", MUST, strictjson_flag, DOC(exercise), NULL, 0, 0},
    {"key", MAY, strictjson_name, DOC(key), NULL, 1, 0},
    {"key_certificate", MAY, strictjson_digest, DOC(key_certificate), NULL, 0, 0},
    {"method", MAY, strictjson_word, DOC(method), authority_method_words, 0, 0},
    {"mode", MAY, strictjson_mode, DOC(mode), NULL, 0, 0},
    {"subscriber", MAY, strictjson_eui, DOC(subscriber), NULL, 0, 0},
    {"subscriber_name", MAY, strictjson_text, DOC(subscriber_name), NULL, 1, 0},
    {"replacement_subscriber", MAY, strictjson_eui, DOC(replacement_subscriber), NULL, 0,
     0},
    {"affected_organisations", MAY, affected, NOT_KEPT, NULL, 0, AUTHORITY_CERTS_MAX},
    {"initiator", MAY, strictjson_word, DOC(initiator), authority_initiator_words, 0, 0},
    {"consent", MAY, strictjson_text, DOC(consent), NULL, 1, 0},
    {"notice", MAY, strictjson_text, DOC(notice), NULL, 1, 0},
    {"appointment", MAY, strictjson_text, DOC(appointment), NULL, 1, 0},
    {"compromised", MAY, compromised, NOT_KEPT, NULL, 1, AUTHORITY_CERTS_MAX},
    {"replacements", MAY, replacements, NOT_KEPT, NULL, 1, AUTHORITY_CERTS_MAX},
    {"device_types", MAY, strictjson_devices, DOC(device_types), NULL, 1, 0},
    {"ppmid_only", MAY, strictjson_flag, DOC(ppmid_only_ok), NULL, 0, 0},
    {"roster", MAY, roster, NOT_KEPT, NULL, 0, 0},
    {"attempts", MAY, strictjson_number, DOC(attempts), NULL, 1, 100},
    {"valid_from", MUST, strictjson_time, DOC(valid_from_us), NULL, 0, 0},
    {"valid_to", MUST, strictjson_time, DOC(valid_to_us), NULL, 0, 0},
    {"symmetric_key_sha256", MAY, strictjson_digest, DOC(symmetric_key_sha256), NULL, 0, 0},
    {"decision", MAY, strictjson_digest, DOC(decision), NULL, 0, 0},
    {"ceremony", MAY, strictjson_text, NOT_KEPT, TEXT(160)},
    {"requester", MAY, strictjson_text, DOC(requester), NULL, 1, 0},
    {"conflicts", MAY, conflicts, NOT_KEPT, NULL, 0, CONFIG_LIST_MAX},
    {"meeting", MAY, meeting, NOT_KEPT, NULL, 0, 0},
    {"guidance", MAY, guidance, NOT_KEPT, NULL, 0, 0},
    {"end_condition", MAY, strictjson_text, DOC(end_condition), NULL, 1, 0},
    {"review", MAY, strictjson_time, DOC(review_us), NULL, 0, 0},
    {"risk_weighed", MAY, strictjson_text, DOC(risk_weighed), NULL, 1, 0},
    {"direction", MAY, strictjson_text, DOC(direction), NULL, 1, 0},
    {"reasons", MAY, strictjson_text, DOC(reasons), NULL, 1, 0},
    {"residual_risk", MAY, strictjson_text, NOT_KEPT, TEXT(AUTHORITY_REASON_MAX)},
    {"conditions", MAY, texts, NOT_KEPT, NULL, 0, 100},
    {0},
};

/* Members that a kind or an outcome cannot do without. */
static const char *const decision_needs[] = {
    "subscriber", "initiator", "requester",     "compromised", "conflicts", "meeting",
    "guidance",   "reasons",   "residual_risk", "conditions",  NULL};
static const char *const instruction_needs[] = {"subscriber", "requester", "reasons", NULL};
static const char *const activation_needs[] = {"key", "decision", "ceremony", NULL};
static const char *const authorise_needs[] = {
    "key",          "key_certificate", "method", "mode",     "compromised",
    "replacements", "device_types",    "roster", "attempts", NULL};
static const char *const direct_needs[] = {"direction", NULL};
static const char *const appoint_needs[] = {"replacement_subscriber", "appointment", NULL};

static bool all_there(struct strictjson_at *at, json_t *v, const char *const needs[],
                      const char *why)
{
    char what[80];

    for (; *needs != NULL; needs++)
        if (json_object_get(v, *needs) == NULL) {
            (void)snprintf(at->path, sizeof at->path, "%s", *needs);
            (void)snprintf(what, sizeof what, "missing (%s needs it)", why);
            return strictjson_fail(at, what);
        }
    return true;
}

static bool whole(struct strictjson_at *at, json_t *v, struct authority *out)
{
    static const char *const *const by_kind[] = {decision_needs, instruction_needs,
                                                 activation_needs};

    if (!strictjson_read(at, v, document, out))
        return false;
    out->has_symmetric_key = json_object_get(v, "symmetric_key_sha256") != NULL;
    if (json_object_get(v, "replacement_subscriber") == NULL)
        out->replacement_subscriber = out->subscriber;
    if (!all_there(at, v, by_kind[out->kind], authority_kind_name(out->kind)))
        return false;
    if (out->kind != KIND_ACTIVATION && out->outcome == AUTHORITY_AUTHORISE &&
        !all_there(at, v, authorise_needs, "authorise"))
        return false;
    if (out->outcome == AUTHORITY_DIRECT_OTHER &&
        !all_there(at, v, direct_needs, "direct-other"))
        return false;
    if (out->outcome == AUTHORITY_APPOINT && !all_there(at, v, appoint_needs, "appoint"))
        return false;
    if (out->valid_to_us <= out->valid_from_us) {
        (void)snprintf(at->path, sizeof at->path, "valid_to");
        return strictjson_fail(at, "not later than valid_from");
    }
    return true;
}

bool authority_parse(struct span text, struct authority *out, struct err *e)
{
    struct strictjson_at at = {.id = "decision.schema", .e = e};
    json_t *json;
    unsigned line;
    bool ok;

    memset(out, 0, sizeof *out);
    if (text.len > AUTHORITY_TEXT_MAX)
        return err_set(e, ERR_INPUT, "decision.too-large",
                       "document of %zu octets; %u are allowed", text.len,
                       AUTHORITY_TEXT_MAX);
    out->digest = digest_of(text, span_of(NULL, 0));
    if (!strictjson_load(text, &json, &at))
        return false;
    ok = whole(&at, json, out);
    json_decref(json);
    line = ok ? 0 : jsonline_of(text, at.path);
    return line > 0 ? err_wrap(e, "line %u", line) : ok;
}

json_t *authority_signers(const struct authority *a)
{
    json_t *list = json_array();

    for (size_t i = 0; i < a->n_signers; i++) {
        const struct authority_signer *s = &a->signers[i];
        char key[HEX_LEN(32)];

        hex_encode_lower(s->key_sha256.b, 32, key);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:s}", "holder", s->holder, "seat",
                            s->seat, "organisation", s->organisation, "key_sha256", key,
                            "counted", (int)s->counted, "verdict",
                            authority_verdict_name(s->verdict), "reason", s->reason));
    }
    return list;
}
