/* SPDX-License-Identifier: MIT
 *
 * Documents that the right people have signed and that do not allow what is asked.
 */
#include "attack.h"

#include <stdio.h>
#include <string.h>

static void handed_in(struct stage *s)
{
    stage_sign(s);
    stage_attempt(s);
}

static void with(struct stage *s, const char *member, json_t *value)
{
    stage_set(s, member, value);
    handed_in(s);
}

static void word(struct stage *s, const char *member, const char *value)
{
    with(s, member, json_string(value));
}

/* --- time and kind --- */

static void expired(struct stage *s)
{
    stage_time(s, "valid_to", -60);
    handed_in(s);
}

static void not_yet(struct stage *s)
{
    stage_time(s, "valid_from", 600);
    handed_in(s);
}

static void too_long(struct stage *s)
{
    stage_time(s, "valid_to", 15 * 86400);
    handed_in(s);
}

static void exercise_live(struct stage *s)
{
    with(s, "exercise", json_true());
}

static void live_exercise(struct stage *s)
{
    s->sc.config.service.exercise = true;
    stage_configure(s);
    handed_in(s);
    s->sc.config.service.exercise = false;
    stage_configure(s);
}

static void refusal(struct stage *s)
{
    word(s, "outcome", "refuse");
}

static void abort_(struct stage *s)
{
    word(s, "outcome", "abort");
}

static void deferral(struct stage *s)
{
    stage_set(s, "end_condition", json_string("transfer done"));
    stage_time(s, "review", 3600);
    word(s, "outcome", "defer-revocation");
}

static void activation(struct stage *s)
{
    s->given[PROTO_PART_AUTHORITY] = s->activation_cms;
    stage_attempt(s);
}

static void pma_activation(struct stage *s)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(s->authority.b, 32, hex);
    stage_set(s, "kind", json_string("activation"));
    stage_set(s, "decision", json_string(hex));
    stage_set(s, "ceremony", json_string("by the PMA"));
    handed_in(s);
}

static void instruction(struct stage *s)
{
    word(s, "kind", "instruction");
}

/* --- key, method, mode --- */

static void other_key(struct stage *s)
{
    stage_set(s, "key_certificate", scene_digest(s->sc.keys[SCENE_SUPPLIER].cert));
    word(s, "key", "supplier");
}

static void unknown_key(struct stage *s)
{
    word(s, "key", "backdoor");
}

static void absent_key(struct stage *s)
{
    stage_set(s, "key_certificate", scene_digest(s->sc.keys[SCENE_CONTINGENCY].cert));
    word(s, "key", "contingency");
}

static void other_certificate(struct stage *s)
{
    with(s, "key_certificate", scene_digest(s->sc.keys[SCENE_ACB].cert));
}

static void other_mode(struct stage *s)
{
    word(s, "mode", "supplierBySupplier");
}

static void mode_nine(struct stage *s)
{
    word(s, "mode", "anyByContingency");
}

static void other_method(struct stage *s)
{
    word(s, "method", "M2");
}

static void dcc_method(struct stage *s)
{
    word(s, "method", "dcc");
}

static void method_one(struct stage *s)
{
    word(s, "method", "M1");
}

static void symmetric_released(struct stage *s)
{
    word(s, "symmetric_key_sha256",
         "be45cb2605bf36bebde684841a28f0fd43c69850a3dce5fedba69928ee3a8991");
}

static void symmetric_given(struct stage *s)
{
    s->given[PROTO_PART_SYMMETRIC_KEY] = span_of(s->sc.symmetric, sizeof s->sc.symmetric);
    stage_attempt(s);
}

/* An organisation's own recovery, which is honest, and then is not. */
static void method_1(struct stage *s, const char *by, const char *key, enum scene_key k)
{
    stage_set(s, "kind", json_string("instruction"));
    stage_set(s, "by", json_string(by));
    stage_set(s, "key", json_string(key));
    stage_set(s, "key_certificate", scene_digest(s->sc.keys[k].cert));
    stage_set(s, "method", json_string("M1"));
    stage_set(s, "mode", json_string("supplierBySupplier"));
}

static void by_officers(struct stage *s, const struct pki_pair *officers)
{
    s->signers = officers;
    s->n_signers = 1;
    handed_in(s);
}

static void officers_recovery(struct stage *s)
{
    method_1(s, "supplier", "recovery", SCENE_RECOVERY);
    by_officers(s, s->sc.org);
}

static void officers_recovery_mode(struct stage *s)
{
    method_1(s, "supplier", "recovery", SCENE_RECOVERY);
    stage_set(s, "method", json_string("M3"));
    stage_set(s, "mode", json_string("anyExceptAbnormalRootByRecovery"));
    by_officers(s, s->sc.org);
}

static void other_officers(struct stage *s)
{
    method_1(s, "acb", "supplier", SCENE_SUPPLIER);
    by_officers(s, s->sc.acb_org);
}

static void officers_other_anchor(struct stage *s)
{
    method_1(s, "supplier", "supplier", SCENE_SUPPLIER);
    by_officers(s, s->sc.acb_org);
}

static void other_subscriber(struct stage *s)
{
    word(s, "subscriber", "90B3D51F30099999");
}

static void solr_unsaid(struct stage *s)
{
    word(s, "replacement_subscriber", "90B3D51F30099999");
}

static void srp_unsaid(struct stage *s)
{
    word(s, "initiator", "srp");
}

static void ofgem_unsaid(struct stage *s)
{
    word(s, "initiator", "ofgem");
}

static void rdp_asks(struct stage *s)
{
    word(s, "initiator", "rdp");
}

static void no_factor(struct stage *s)
{
    stage_set(s, "guidance.shall", json_array());
    handed_in(s);
}

/* --- JSON --- */

static void inserted(struct stage *s, const char *member)
{
    char *text = stage_text(s);
    char *more = NULL;

    if (asprintf(&more, "{%s,%s", member, text + 1) < 0)
        abort();
    free(text);
    stage_sign_text(s, more);
    stage_attempt(s);
}

static void unknown_member(struct stage *s)
{
    inserted(s, "\"also_allow\": \"everything\"");
}

static void duplicate_member(struct stage *s)
{
    inserted(s, "\"attempts\": 100");
}

static void missing_member(struct stage *s)
{
    (void)json_object_del(s->sc.doc, "residual_risk");
    handed_in(s);
}

static void other_schema(struct stage *s)
{
    word(s, "schema", "smki-recovery/authority/2");
}

static void two_documents(struct stage *s)
{
    char *text = stage_text(s);
    char *more = NULL;

    if (asprintf(&more, "%s%s", text, text) < 0)
        abort();
    free(text);
    stage_sign_text(s, more);
    stage_attempt(s);
}

static void number_as_text(struct stage *s)
{
    word(s, "attempts", "100");
}

const struct attack attack_papers[] = {
    {"expired", "a decision that expired", "decision.window", expired},
    {"not-yet", "a decision not yet valid", "decision.early", not_yet},
    {"too-long", "a window longer than configured", "decision.window-length", too_long},
    {"exercise-live", "an exercise decision, a live signer", "decision.exercise",
     exercise_live},
    {"live-exercise", "a live decision, an exercise signer", "decision.exercise",
     live_exercise},
    {"refusal", "a refusal as authority", "decision.outcome", refusal},
    {"abort", "a false alarm as authority", "decision.outcome", abort_},
    {"deferral", "a deferral as authority", "decision.outcome", deferral},
    {"activation-alone", "an activation as authority", "decision.outcome", activation},
    {"pma-activation", "an activation by the PMA as authority", "decision.outcome",
     pma_activation},
    {"pma-instructs", "an instruction by the PMA", "decision.kind", instruction},
    {"other-key", "a PMA decision for a supplier's key", "key.authority", other_key},
    {"unknown-key", "a key that is not configured", "key.unusable", unknown_key},
    {"absent-key", "the contingency key in mode 8", "key.role", absent_key},
    {"other-key-cert", "another certificate of the key", "key.certificate",
     other_certificate},
    {"other-mode", "another mode", "method.mode", other_mode},
    {"mode-nine", "mode 9 without the Symmetric Key", "contingency.symmetric-key",
     mode_nine},
    {"method-2", "Method 2 with Method 3's papers", "replacement.role", other_method},
    {"method-dcc", "the DCC's method for a supplier", "request.initiator", dcc_method},
    {"method-1", "Method 1 by the PMA", "method.decider", method_one},
    {"symmetric-named", "the Symmetric Key named in mode 8", "contingency.symmetric-key",
     symmetric_released},
    {"symmetric-given", "the Symmetric Key given in mode 8", "contingency.symmetric-key",
     symmetric_given},
    {"officers-recovery", "officers order the Recovery key", "key.authority",
     officers_recovery},
    {"officers-mode-8", "officers order mode 8", "method.decider", officers_recovery_mode},
    {"other-officers", "officers of another organisation", "key.authority", other_officers},
    {"officers-forge", "another's officers, in its name", "decision.quorum",
     officers_other_anchor},
    {"other-subscriber", "certificates of no Subscriber named", "compromised.party",
     other_subscriber},
    {"solr", "another party placed without appointment", "request.appointment",
     solr_unsaid},
    {"srp", "an SRP asks without consent", "request.srp-consent", srp_unsaid},
    {"ofgem", "Ofgem asks without notice", "request.notice", ofgem_unsaid},
    {"rdp", "a registration provider asks for it", "request.initiator", rdp_asks},
    {"no-factor", "no factor weighed", "decision.schema", no_factor},
    {"json-unknown", "a member that is unknown", "decision.schema", unknown_member},
    {"json-duplicate", "a member twice", "decision.schema", duplicate_member},
    {"json-missing", "a member missing", "decision.schema", missing_member},
    {"json-schema", "another schema", "decision.schema", other_schema},
    {"json-two", "two documents in one message", "decision.schema", two_documents},
    {"json-type", "a number as text", "decision.schema", number_as_text},
    {0},
};
