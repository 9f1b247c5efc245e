/* SPDX-License-Identifier: MIT
 *
 * A good decision, and a key that the custodians have not switched on for it.
 */
#include "attack.h"

#include <string.h>
#include <time.h>

#define FROM 1767225600
#define TO   2082758400

static void handed_in(struct stage *s)
{
    stage_sign_activation(s);
    stage_attempt(s);
}

static void with(struct stage *s, const char *member, json_t *value)
{
    (void)json_object_set_new(s->activation, member, value);
    handed_in(s);
}

static void at(struct stage *s, const char *member, time_t when)
{
    char text[32];
    struct tm tm;

    (void)gmtime_r(&when, &tm);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    (void)json_object_set_new(s->activation, member, json_string(text));
}

static void none(struct stage *s)
{
    s->given[PROTO_PART_ACTIVATION] = (struct span){0};
    stage_attempt(s);
}

static void other_decision(struct stage *s)
{
    with(s, "decision",
         json_string("be45cb2605bf36bebde684841a28f0fd43c69850a3dce5fedba69928ee3a8991"));
}

static void other_incident(struct stage *s)
{
    with(s, "incident", json_string("I-2"));
}

static void other_key(struct stage *s)
{
    with(s, "key", json_string("supplier"));
}

static void exercise(struct stage *s)
{
    with(s, "exercise", json_true());
}

static void one(struct stage *s)
{
    s->n_keepers = 1;
    handed_in(s);
}

static void one_twice(struct stage *s)
{
    s->keepers[1] = s->keepers[0];
    handed_in(s);
}

static void one_party(struct stage *s)
{
    struct pki_pair colleague = pki_person("Custodian 9", "custodian", "Keeper 1", false,
                                           s->colleague, &s->custodian_anchor, FROM, TO);

    s->keepers[1] = colleague;
    handed_in(s);
    pki_pair_done(&colleague);
}

static void no_party(struct stage *s)
{
    struct pki_pair somebody = pki_person("Custodian 9", "custodian", NULL, false,
                                          s->colleague, &s->custodian_anchor, FROM, TO);

    s->keepers[1] = somebody;
    handed_in(s);
    pki_pair_done(&somebody);
}

static void by_the_pma(struct stage *s)
{
    s->keepers[0] = s->sc.pma[2]; /* none of those who decided */
    s->keepers[1] = s->sc.pma[3];
    handed_in(s);
}

static void named_pma(struct stage *s)
{
    s->keepers[0] = s->sc.pma[2];
    s->keepers[1] = s->sc.pma[3];
    with(s, "by", json_string("pma"));
}

static void decision_again(struct stage *s)
{
    s->given[PROTO_PART_ACTIVATION] = s->given[PROTO_PART_AUTHORITY];
    stage_attempt(s);
}

static void refusing(struct stage *s)
{
    with(s, "outcome", json_string("refuse"));
}

/* The custodians sign a decision of their own instead. */
static void decision_by_custodians(struct stage *s)
{
    struct digest d = s->authority;
    char hex[HEX_LEN(32)];

    hex_encode_lower(d.b, 32, hex);
    json_decref(s->activation);
    scene_present(&s->sc, "Custodian 1"); /* the decision itself is signed already */
    scene_present(&s->sc, "Custodian 2");
    s->activation = json_deep_copy(s->sc.doc);
    (void)json_object_set_new(s->activation, "by", json_string("custodians"));
    with(s, "decision", json_string(hex));
}

static void expired(struct stage *s)
{
    at(s, "valid_to", time(NULL) - 60);
    handed_in(s);
}

static void not_yet(struct stage *s)
{
    at(s, "valid_from", time(NULL) + 600);
    handed_in(s);
}

static void too_long(struct stage *s)
{
    at(s, "valid_to", time(NULL) + 3 * 86400);
    handed_in(s);
}

static void close_in(struct stage *s, long in_s)
{
    at(s, "valid_to", time(NULL) + in_s);
    stage_sign_activation(s);
}

static void closes(struct stage *s)
{
    stage_ready_until_closed(s, close_in);
    (void)stage_order(s, s->first);
}

static void altered(struct stage *s)
{
    uint8_t *cms = (uint8_t *)(uintptr_t)s->activation_cms.at;
    uint8_t *year = memmem(cms, s->activation_cms.len, "two of three", 12);

    if (year == NULL)
        abort();
    memcpy(year, "all", 3);
    stage_attempt(s);
}

static void revoked(struct stage *s)
{
    char *text = json_dumps(s->activation, JSON_INDENT(2));
    struct digest d = digest_of(span_of(text, strlen(text)), span_of(NULL, 0));

    free(text);
    stage_ready(s);
    (void)stage_revoke(s, &d);
    s->first += 60;
    stage_go_on(s);
}

static void revoked_elsewhere(struct stage *s)
{
    char *text = json_dumps(s->activation, JSON_INDENT(2));
    struct digest d = digest_of(span_of(text, strlen(text)), span_of(NULL, 0));

    free(text);
    stage_ready(s);
    stage_start(s, 1);
    (void)stage_revoke(s, &d);
    s->now = 0;
    (void)stage_order(s, s->first);
}

const struct attack attack_activations[] = {
    {"no-activation", "a decision without activation", "activation.missing", none},
    {"act-decision", "the activation of another decision", "activation.decision",
     other_decision},
    {"act-incident", "the activation of another incident", "activation.decision",
     other_incident},
    {"act-key", "the activation of another key", "activation.key", other_key},
    {"act-exercise", "an exercise activation, a live decision", "activation.exercise",
     exercise},
    {"act-one", "an activation by one custodian", "decision.quorum", one},
    {"act-twice", "one custodian twice", "decision.quorum", one_twice},
    {"act-party", "two custodians of one organisation", "decision.quorum", one_party},
    {"act-no-party", "the same, and one certificate does not say so", "decision.quorum",
     no_party},
    {"act-pma", "the PMA's members as custodians", "decision.quorum", by_the_pma},
    {"act-by-pma", "an activation by the PMA", "decision.addressee", named_pma},
    {"act-same", "the decision as its own activation", "decision.addressee",
     decision_again},
    {"act-refuse", "an activation that refuses", "activation.kind", refusing},
    {"act-kind", "a decision by the custodians", "activation.kind", decision_by_custodians},
    {"act-expired", "an activation that expired", "activation.window", expired},
    {"act-not-yet", "an activation not yet valid", "activation.early", not_yet},
    {"act-too-long", "an activation longer than configured", "decision.window-length",
     too_long},
    {"act-closes", "SIGN when the activation has ended", "activation.window", closes},
    {"act-altered", "an activation altered after signing", "decision.quorum", altered},
    {"act-revoked", "a revoked activation", "activation.revoked", revoked},
    {"act-revoked-other", "revoked through another signer", "activation.revoked",
     revoked_elsewhere},
    {0},
};
