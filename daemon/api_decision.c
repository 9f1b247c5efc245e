/* SPDX-License-Identifier: MIT
 *
 * Decisions, instructions and custodian activations: judged on arrival, kept, put into
 * effect.
 */
#include "hats.h"
#include "outlook.h"

#include "audit.h"
#include "contingency.h"
#include "keys.h"
#include "log.h"
#include "mem.h"
#include "outbox.h"
#include "preflight.h"
#include "quorum.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct paper {
    struct authority a;
    struct span json; /* owned */
    struct docket_decision earlier;
    bool has_earlier;
    struct outlook outlook;
    bool wrapped; /* its new root carries a new wrapped contingency key */
};

/* What is no reason to refuse, and people should know before they rely on it. */
static json_t *warnings_json(const struct service *sv, const struct authority *a)
{
    const struct config_authority *who = config_authority_find(&sv->config, a->by);
    json_t *list = json_array();
    char text[QUORUM_WARNING_MAX];

    if (who != NULL && quorum_ends_early(a, who, text))
        (void)json_array_append_new(list, json_string(text));
    return list;
}

static bool wraps_anew(struct service *sv, const struct authority *a)
{
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    const struct cert *root = NULL;
    struct span pem;
    struct err ignored;
    bool wraps;

    if (certs == NULL || !docket_bundle(sv->store, a->incident, &pem, &ignored) ||
        pem.at == NULL)
        return false;
    if (certs_read(pem, "certificates", certs, &ignored))
        for (size_t i = 0; i < a->n_replacements; i++)
            if (a->replacements[i].cell == CELL_ROOT)
                root = certs_find(certs, &a->replacements[i].sha256);
    wraps = root != NULL && contingency_present(root);
    certs_done(certs);
    free((void *)(uintptr_t)pem.at);
    return wraps;
}

static bool in_window(const struct authority *a, int64_t now_us, struct err *e)
{
    if (now_us >= a->valid_from_us && now_us < a->valid_to_us)
        return true;
    return err_set(e, ERR_DENIED, "decision.window", "the document's window is %s",
                   now_us < a->valid_from_us ? "not yet open" : "closed");
}

static void decision_facts(void *arg, struct incident_facts *f)
{
    const struct paper *p = arg;
    const struct authority *a = &p->a;

    f->decision_live = true;
    f->decision_exercise = a->exercise;
    f->decision_earlier = p->has_earlier;
    f->decision_supersedes = p->has_earlier && strcmp(a->supersedes, p->earlier.id) == 0;
    f->new_contingency_wrapped = f->new_contingency_wrapped || p->wrapped;
    f->solr_appointed =
        f->solr_appointed || (a->kind == KIND_DECISION && a->appointment[0] != '\0');
    f->deferral_end_condition = a->end_condition[0] != '\0';
    f->deferral_review_us = a->review_us;
    f->hostile_risk_weighed = a->risk_weighed[0] != '\0';
    for (size_t i = 0; i < a->n_compromised; i++)
        f->holder_hostile =
            f->holder_hostile || a->compromised[i].cause == CAUSE_LOST_CONTROL;
    for (size_t i = 0; i < a->n_replacements; i++)
        f->replacements_from_suspect_hsm =
            f->replacements_from_suspect_hsm || a->replacements[i].origin == ORIGIN_SAME;
}

/* One person, or one Party,
 * with two shares shows as a signer that was not counted for it. */
static void activation_facts(void *arg, struct incident_facts *f)
{
    const struct authority *a = &((const struct paper *)arg)->a;

    f->custodians_present = (unsigned)a->n_counted;
    /* the root that was placed carried the new key wrapped, or its decision was refused */
    f->new_contingency_wrapped =
        f->new_contingency_wrapped || f->state == STATE_CONTINGENCY_CONSUMED;
}

static bool put_out_of_force(struct service *sv, const struct docket *d,
                             const struct paper *p, const char *who, struct err *e)
{
    const struct authority *a = &p->a;
    char why[QUEUE_TEXT];

    (void)snprintf(why, sizeof why, "decision %s: %s", a->id,
                   authority_outcome_name(a->outcome));
    return service_stop_batches(sv, a->incident, "decision.revoked", why, who, e) &&
           docket_void_decisions(
               d, a->incident, &a->digest,
               a->outcome == AUTHORITY_AUTHORISE ? DECISION_SUPERSEDED : DECISION_VOID, e);
}

/* A PMA decision moves the incident. */
static bool apply_decision(struct service *sv, struct docket *d, struct docket_incident *i,
                           struct paper *p, const char *who, struct err *e)
{
    static const enum evidence evidence[AUTHORITY_OUTCOME_COUNT] = {
        [AUTHORITY_AUTHORISE] = EVIDENCE_DECISION_AUTHORISE,
        [AUTHORITY_REFUSE] = EVIDENCE_DECISION_REFUSE,
        [AUTHORITY_ABORT] = EVIDENCE_DECISION_ABORT,
        [AUTHORITY_DEFER_REVOCATION] = EVIDENCE_DECISION_DEFER_REVOCATION,
        [AUTHORITY_DEFER_ID_TRANSFER] = EVIDENCE_DECISION_DEFER_ID_TRANSFER,
        [AUTHORITY_DIRECT_OTHER] = EVIDENCE_DECISION_DIRECT_OTHER,
        [AUTHORITY_APPOINT] = EVIDENCE_DECISION_APPOINT,
    };
    struct docket_step step = {
        .actor = ACTOR_PMA, .who = who, .more = decision_facts, .arg = p};
    struct incident_move move;
    char text[256];
    bool beside = p->a.outcome == AUTHORITY_DEFER_REVOCATION ||
                  p->a.outcome == AUTHORITY_DEFER_ID_TRANSFER ||
                  p->a.outcome == AUTHORITY_APPOINT; /* what stands goes on standing */

    if (!incident_event_of(i->route, p->a.outcome, p->a.method, &step.event))
        return err_set(e, ERR_DENIED, "incident.no-transition",
                       "an incident on route %s takes no decision to %s by method %s",
                       incident_route(i->route)->name, authority_outcome_name(p->a.outcome),
                       authority_method_name(p->a.method));
    (void)snprintf(text, sizeof text, "{\"%s\":\"%s\"}",
                   incident_evidence_name(evidence[p->a.outcome]), p->a.id);
    step.evidence = text;
    return (beside || put_out_of_force(sv, d, p, who, e)) &&
           docket_take_step(d, i, &step, &move, e);
}

/* What the custodians' word means where the incident stands: a token is back, new
 * contingency keys are made, or the key is switched on. */
static enum event ceremony_event(const struct docket_incident *i)
{
    if (i->state == STATE_TOKEN_LOST)
        return EVENT_RESTORE_TOKEN;
    if (i->state == STATE_CONTINGENCY_CONSUMED || i->route == ROUTE_CONTINGENCY_KEY)
        return EVENT_ESTABLISH_CONTINGENCY;
    return EVENT_ACTIVATE_KEY;
}

/* Custodians put the live decision's key into use. */
static bool apply_activation(struct service *sv, struct docket *d,
                             struct docket_incident *i, struct paper *p, const char *who,
                             struct err *e)
{
    struct docket_step step = {
        .event = EVENT_ACTIVATE_KEY, .actor = ACTOR_CUSTODIANS, .who = who, .arg = p};
    struct docket_decision live;
    struct incident_move move;
    char text[256];
    bool found;

    if (!docket_authorised(d->store, i->id, &live, &found, e))
        return false;
    if (!found || !digest_equal(&live.digest, &p->a.decision))
        return err_set(e, ERR_DENIED, "decision.other-decision",
                       "member decision: the activation is not for the decision in force");
    step.event = ceremony_event(i);
    if (strcmp(live.key, p->a.key) != 0)
        return err_set(e, ERR_DENIED, "decision.key",
                       "member key: decision %s uses key %s, the activation names %s",
                       live.id, live.key, p->a.key);
    if (!service_key_sound(sv, i->id, live.key, e))
        return false;
    /* the ceremony that brings a token back is proved by the signers: the key they found is
     * the one of the certificate (fact token_key_proved) */
    if (step.event == EVENT_RESTORE_TOKEN)
        (void)snprintf(
            text, sizeof text,
            "{\"ceremony\":\"%s\",\"token-proof\":\"signed by the probe key, key equals "
            "its certificate\"}",
            p->a.id);
    else if (step.event == EVENT_ESTABLISH_CONTINGENCY)
        (void)snprintf(text, sizeof text, "{\"ceremony\":\"%s\"}", p->a.id);
    else
        (void)snprintf(text, sizeof text, "{\"custodian-activation\":\"%s\"}", p->a.id);
    step.evidence = text;
    step.more = activation_facts;
    return docket_take_step(d, i, &step, &move, e);
}

/* What would sign has not ended in an earlier incident. */
static bool sound(struct service *sv, const struct authority *a, struct err *e)
{
    return service_key_sound(sv, a->incident, a->key, e) &&
           (!a->has_symmetric_key ||
            keys_may_release(sv->store, a->incident, &a->symmetric_key_sha256, e));
}

/* It is on file, in the notices too, and what it would place has not ended in any incident. */
static bool keep(struct service *sv, const struct docket *d,
                 const struct docket_incident *i, const struct paper *p, struct span cms,
                 const char *verdict, const char *who, struct err *e)
{
    char paper[AUTHORITY_ID_MAX + 16];

    (void)snprintf(paper, sizeof paper, "decision %s", p->a.id);
    return docket_put_decision(d, &p->a, cms, p->json, verdict, who, e) &&
           service_learn_keys(sv, e) && keys_may_place(sv->store, &p->a.digest, e) &&
           preflight_again(sv->store, &sv->config, sv->roster_dir, p->a.incident, d->now_us,
                           e) &&
           agree_keep(d, p->a.incident, paper, &p->outlook.agree, who, e) &&
           (p->a.kind != KIND_DECISION || outbox_with_document(d, i, e));
}

static bool step_decision(struct service *sv, const struct request *r, struct span cms,
                          struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    AUTO(mem) struct paper *p = calloc(1, sizeof *p);
    AUTO(mem) char *verdict = NULL;
    struct docket_incident i;
    json_t *signers;
    char hex[HEX_LEN(32)];
    char who[PEER_TEXT];
    bool ok;

    if (p == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    service_who(r, who);
    if (!docket_get(sv->store, r->args[0], &i, e))
        return false;
    ok = trust_judge(&sv->trust, cms, i.id, d.now_us, &p->a, &p->json, e) &&
         in_window(&p->a, d.now_us, e) &&
         (p->a.kind == KIND_ACTIVATION || hats_hand_in(sv, r, &p->a, e));
    if (ok && p->a.exercise != sv->config.service.exercise)
        ok = err_set(e, ERR_DENIED, "decision.exercise",
                     "member exercise: this service is %s, the document is %s",
                     sv->config.service.exercise ? "an exercise" : "live",
                     p->a.exercise ? "for an exercise" : "live");
    if (ok && p->a.kind != KIND_ACTIVATION && p->a.outcome == AUTHORITY_AUTHORISE)
        ok = sound(sv, &p->a, e);
    ok = ok && docket_appoint(&d, &i, &p->a, who, e) &&
         outlook_judge(sv, &(struct outlook_ask){.i = &i, .a = &p->a, .cms = cms},
                       &p->outlook, e);
    if (ok)
        p->wrapped = wraps_anew(sv, &p->a);
    signers = authority_signers(&p->a);
    verdict = json_dumps(signers, JSON_COMPACT);
    ok = ok && docket_last_decision(sv->store, i.id, &p->earlier, &p->has_earlier, e);
    /* its effect first: what is void must be void before the new document stands */
    if (ok && p->a.kind == KIND_DECISION)
        ok = apply_decision(sv, &d, &i, p, who, e);
    else if (ok && p->a.kind == KIND_ACTIVATION)
        ok = apply_activation(sv, &d, &i, p, who, e) && hats_hand_in(sv, r, &p->a, e);
    ok = ok && agree_decision(&d, &p->outlook.agree, &p->a, e) &&
         keep(sv, &d, &i, p, cms, verdict != NULL ? verdict : "[]", who, e);
    if (ok) {
        hex_encode_lower(p->a.digest.b, 32, hex);
        log_event(
            LOG_NOTICE, MSG_DECISION_ACCEPTED,
            &(struct log_fields){.incident = i.id, .decision = p->a.id, .peer = &r->peer},
            "incident %s: %s %s (%s) stands", i.id, authority_kind_name(p->a.kind), p->a.id,
            authority_outcome_name(p->a.outcome));
        reply_header(out, "Location", "/v1/incidents/%.40s/decisions/%.60s", i.id, p->a.id);
        ok = reply_json(
            out, 201,
            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:O,s:o,s:o*,s:o*}", "id", p->a.id,
                      "incident", i.id, "kind", authority_kind_name(p->a.kind), "outcome",
                      authority_outcome_name(p->a.outcome), "sha256", hex, "state",
                      incident_state(i.state)->name, "route", incident_route(i.route)->name,
                      "counted", (json_int_t)p->a.n_counted, "signers", signers, "warnings",
                      warnings_json(sv, &p->a), "forecast", outlook_types(&p->outlook),
                      "notified", agree_json(&p->outlook.agree)),
            e);
    } else if (!think_later(e)) {
        log_event(LOG_WARNING, MSG_DECISION_REFUSED,
                  &(struct log_fields){.incident = i.id, .peer = &r->peer, .err = e},
                  "incident %s: document refused: %s", i.id, e->text);
    }
    if (!ok && p->a.n_signers > 0)
        out->signers = json_incref(signers);
    json_decref(signers);
    free((void *)(uintptr_t)p->json.at);
    docket_incident_done(&i);
    return ok;
}

/* --- the Symmetric Key --- */

/* Released by its custodians when the decision stands and the key is active, from custody
 * of its own. */
static bool step_symmetric(struct service *sv, const struct request *r, struct span key,
                           struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    struct digest sum;
    char hex[HEX_LEN(32)];
    struct docket_incident i;
    char who[PEER_TEXT];
    bool ok;

    if (!docket_get(sv->store, r->args[0], &i, e))
        return false;
    ok = i.route == ROUTE_CONTINGENCY &&
         (i.state == STATE_KEY_ACTIVE || i.state == STATE_EXECUTING);
    docket_incident_done(&i);
    if (!ok)
        return err_set(e, ERR_DENIED, "contingency.release",
                       "the Symmetric Key is taken in only for a contingency whose key is "
                       "active");
    service_who(r, who);
    if (!docket_put_symmetric(&d, r->args[0], key, who, &sum, e))
        return false;
    hex_encode_lower(sum.b, 32, hex);
    return reply_json(out, 200, json_pack("{s:s}", "sha256", hex), e);
}

HANDLER(api_symmetric_put)
{
    return service_change(arg, r, body, body, step_symmetric, out, e);
}

HANDLER(api_decision_put)
{
    return service_change(arg, r, body, body, step_decision, out, e);
}

/* A setting that bears on a decision, with how sure its number or name is; "says" in words. */
static void tell_setting(json_t *list, const char *key, const char *says, const char *value)
{
    struct config_setting s = {0};

    for (size_t i = 0; config_setting(i, &s); i++)
        if (strcmp(s.key, key) == 0)
            break;
    (void)json_array_append_new(list,
                                json_pack("{s:s,s:s,s:s,s:s}", "key", key, "says", says,
                                          "value", value, "certainty", s.certainty));
}

/* What this house's configuration has to say about a document: how many signatures, who may end
 * it, how long a refusal lasts. Public text has none of it. */
static void tell_house(const struct service *sv, json_t *decision)
{
    const json_t *paper = json_object_get(decision, "document");
    const char *by = json_string_value(json_object_get(paper, "by"));
    const char *outcome = json_string_value(json_object_get(paper, "outcome"));
    const struct config_authority *a =
        by != NULL ? config_authority_find(&sv->config, by) : NULL;
    json_t *settings = json_array(), *seats = json_array();
    char days[32];

    for (size_t i = 0; a != NULL && i < a->n_seats; i++)
        (void)json_array_append_new(seats, json_string(a->seats[i]));
    if (a != NULL)
        (void)json_object_set_new(
            decision, "quorum",
            json_pack("{s:I,s:I,s:O,s:s}", "threshold", (json_int_t)a->threshold, "members",
                      (json_int_t)a->members, "seats", seats, "certainty", "UNKNOWN"));
    json_decref(seats);
    tell_setting(settings, "EndDecision", "Who may end it before it is carried out",
                 sv->config.service.end_decision);
    (void)snprintf(days, sizeof days, "%u days", sv->config.service.refused_list_d);
    if (outcome != NULL && strcmp(outcome, "refuse") == 0)
        tell_setting(settings, "RefusedListDays",
                     "Its devices are not taken in another incident for", days);
    (void)json_object_set_new(decision, "settings", settings);
}

HANDLER(api_decision_get)
{
    struct service *sv = arg;
    const char *form = request_query(r, "form");
    struct docket_decision d;
    struct span cms;
    json_t *j;

    (void)body;
    if (form == NULL || strcmp(form, "cms") != 0) {
        if (!docket_show_decision(sv->store, r->args[0], r->args[1], &j, e))
            return false;
        tell_house(sv, j);
        hats_tell(sv, j);
        return reply_json(out, 200, j, e);
    }
    return docket_decision(sv->store, r->args[0], r->args[1], &d, e) &&
           docket_cms(sv->store, &d.digest, &cms, e) &&
           reply_text(out, 200, "application/cms", (char *)(uintptr_t)cms.at, cms.len, e);
}
