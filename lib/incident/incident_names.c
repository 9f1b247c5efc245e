/* SPDX-License-Identifier: MIT */
#include "incident.h"

#include <string.h>

#define SIGNING_ROUTES                                              \
    (ROUTE_BIT(ROUTE_METHOD_2) | ROUTE_BIT(ROUTE_METHOD_3) |        \
     ROUTE_BIT(ROUTE_CONTINGENCY) | ROUTE_BIT(ROUTE_RECOVERY_KEY) | \
     ROUTE_BIT(ROUTE_ISSUING_OCA) | ROUTE_BIT(ROUTE_CONTINGENCY_KEY))

static const struct state_row states[STATE_COUNT] = {
    [STATE_NONE] = {"NONE", "Nothing has been notified.", ALARM_NONE, 0, false},
    [STATE_NOTIFIED] = {"NOTIFIED", "Someone says that a key is compromised.",
                        ALARM_CONFIRM, 0, false},
    [STATE_CONFIRMED_SUSPECTED] = {"CONFIRMED_SUSPECTED",
                                   "The notifier is authenticated; the compromise is taken "
                                   "as suspected.",
                                   ALARM_NOTIFY_PMA, 0, false},
    [STATE_REJECTED_UNAUTHENTICATED] =
        {"REJECTED_UNAUTHENTICATED",
         "The notifier could not be authenticated; no device "
         "was touched.",
         ALARM_NONE, 0, false},
    [STATE_FILE_RECEIVED] = {"FILE_RECEIVED",
                             "The notification file with certificates and devices is here.",
                             ALARM_NONE, 0, false},
    [STATE_M1_DECLARED] = {"M1_DECLARED",
                           "The subscriber will replace its certificates with its own key.",
                           ALARM_NONE, 0, false},
    [STATE_M1_IN_PROGRESS] = {"M1_IN_PROGRESS",
                              "The subscriber replaces and reports by progress files.",
                              ALARM_NONE, 0, false},
    [STATE_M1_COMPLETE] = {"M1_COMPLETE",
                           "All devices are done or listed; the old certificate goes.",
                           ALARM_NONE, 0, false},
    [STATE_SUSPENDING] = {"SUSPENDING", "Step 1 of 3: the devices are being suspended.",
                          ALARM_SUSPEND, 0, false},
    [STATE_SETTING_RECOVERY] = {"SETTING_RECOVERY",
                                "Step 2 of 3: the devices are being set to 'recovery'.",
                                ALARM_SUSPEND, 0, false},
    [STATE_REVOKING] = {"REVOKING",
                        "Step 3 of 3: the affected certificates are being revoked.",
                        ALARM_SUSPEND, 0, false},
    [STATE_SUSPENDED] = {"SUSPENDED", "The devices are cut off; the PMA is to be told.",
                         ALARM_NOTIFY_PMA, 0, false},
    [STATE_WITH_PMA] = {"WITH_PMA", "The PMA considers.", ALARM_DECISION, 0, false},
    [STATE_DIRECTED] = {"DIRECTED",
                        "The PMA directed another course; it is followed outside this "
                        "service.",
                        ALARM_NONE, 0, false},
    [STATE_AUTHORISED] = {"AUTHORISED", "The PMA has authorised.", ALARM_CEREMONY, 0,
                          false},
    [STATE_CUSTODIANS_CALLED] = {"CUSTODIANS_CALLED",
                                 "The Key Custodians are on their way.", ALARM_CEREMONY, 0,
                                 false},
    [STATE_KEY_ACTIVE] = {"KEY_ACTIVE", "The custodians have switched the key on.",
                          ALARM_NONE, 0, false},
    [STATE_EXECUTING] = {"EXECUTING", "Commands are being signed.", ALARM_NONE,
                         SIGNING_ROUTES, false},
    [STATE_HALTED] = {"HALTED", "Signing is stopped; the PMA decides again.",
                      ALARM_DECISION, 0, false},
    [STATE_TOKEN_LOST] = {"TOKEN_LOST", "The HSM is gone; rows in flight are unknown.",
                          ALARM_CEREMONY, 0, false},
    [STATE_AWAITING_RESPONSES] = {"AWAITING_RESPONSES",
                                  "The key is off; the devices' answers come in.",
                                  ALARM_NONE, 0, false},
    [STATE_ACB_IN_PLACE] = {"ACB_IN_PLACE",
                            "The devices hold ACB certificates in the subscriber's cells.",
                            ALARM_NONE, 0, false},
    [STATE_HANDBACK] = {"HANDBACK", "The ACB key places the subscriber's new certificates.",
                        ALARM_NONE, ROUTE_BIT(ROUTE_METHOD_2), false},
    [STATE_HANDBACK_TOKEN_LOST] = {"HANDBACK_TOKEN_LOST",
                                   "The HSM of the ACB key is gone during hand-back.",
                                   ALARM_CEREMONY, 0, false},
    [STATE_CONTINGENCY_CONSUMED] = {"CONTINGENCY_CONSUMED",
                                    "The contingency key pair is spent.", ALARM_CEREMONY, 0,
                                    false},
    [STATE_NEW_CONTINGENCY_ESTABLISHED] = {"NEW_CONTINGENCY_ESTABLISHED",
                                           "A new contingency key pair is in custody.",
                                           ALARM_NONE, 0, false},
    [STATE_DISTRIBUTING_ROOT] = {"DISTRIBUTING_ROOT",
                                 "The new root certificate goes out the normal way.",
                                 ALARM_NONE, 0, false},
    [STATE_NEW_OCA_ESTABLISHED] = {"NEW_OCA_ESTABLISHED", "A new Issuing OCA exists.",
                                   ALARM_NONE, 0, false},
    [STATE_REISSUING] = {"REISSUING",
                         "Organisation certificates are re-issued, paced by the DCC.",
                         ALARM_NONE, 0, false},
    [STATE_RECOVERED] = {"RECOVERED", "All devices are recovered or listed as exceptions.",
                         ALARM_NONE, 0, false},
    [STATE_FALSE_ALARM] = {"FALSE_ALARM", "There was no compromise; no command was signed.",
                           ALARM_NONE, 0, false},
    [STATE_STOPPED_MIDWAY] =
        {"STOPPED_MIDWAY",
         "The alarm is over, but commands were signed: some devices hold the new "
         "certificates, some the old; what is unclear is to be settled.",
         ALARM_DECISION, 0, false},
    [STATE_REFUSED] = {"REFUSED", "The PMA has refused.", ALARM_NONE, 0, false},
    [STATE_RECONNECTING] = {"RECONNECTING",
                            "The devices go back to their status before the incident.",
                            ALARM_SUSPEND, 0, false},
    [STATE_RECONNECTED] = {"RECONNECTED", "The devices are connected again.", ALARM_NONE, 0,
                           false},
    [STATE_CHILDREN_OPEN] = {"CHILDREN_OPEN", "The incidents of the users are open.",
                             ALARM_NOTIFY_PMA, 0, false},
    [STATE_CLOSED] = {"CLOSED", "The incident is over.", ALARM_NONE, 0, true},
};

static const struct event_row events[EVENT_COUNT] = {
    [EVENT_NOTIFY] = {"notify", "INCIDENT_OPENED"},
    [EVENT_CONFIRM] = {"confirm", "NOTIFIER_CONFIRMED"},
    [EVENT_REJECT] = {"reject", "NOTIFIER_REJECTED"},
    [EVENT_INFORM_PMA] = {"inform-pma", "PMA_INFORMED"},
    [EVENT_RECEIVE_FILE] = {"receive-file", "NOTIFICATION_FILE_RECEIVED"},
    [EVENT_ELECT_METHOD_1] = {"elect-method-1", "METHOD1_DECLARED"},
    [EVENT_PROGRESS] = {"progress", "PROGRESS"},
    [EVENT_COMPLETE] = {"complete", "METHOD1_COMPLETE"},
    [EVENT_ASK_SUSPENSION] = {"ask-suspension", "SUSPENSION_REQUESTED"},
    [EVENT_DEVICES_SUSPENDED] = {"devices-suspended", "DEVICES_SUSPENDED"},
    [EVENT_RECOVERY_SET] = {"recovery-set", "RECOVERY_STATUS_SET"},
    [EVENT_SKIP_REVOCATION] = {"skip-revocation", "REVOCATION_DEFERRED"},
    [EVENT_REVOKED] = {"revoked", "OLD_CERT_REVOKED"},
    [EVENT_REFER_TO_PMA] = {"refer-to-pma", "PMA_INFORMED"},
    [EVENT_AUTHORISE_METHOD_2] = {"authorise-method-2", "PMA_DECISION"},
    [EVENT_AUTHORISE_METHOD_3] = {"authorise-method-3", "PMA_DECISION"},
    [EVENT_AUTHORISE_CONTINGENCY] = {"authorise-contingency", "PMA_DECISION"},
    [EVENT_AUTHORISE_RECOVERY_KEY] = {"authorise-recovery-key", "PMA_DECISION"},
    [EVENT_AUTHORISE_ISSUING_OCA] = {"authorise-issuing-oca", "PMA_DECISION"},
    [EVENT_AUTHORISE_CONTINGENCY_KEY] = {"authorise-contingency-key", "PMA_DECISION"},
    [EVENT_REFUSE] = {"refuse", "PMA_DECISION"},
    [EVENT_ABORT] = {"abort", "DECISION_ABORTED"},
    [EVENT_DEFER_REVOCATION] = {"defer-revocation", "DEFERRAL_STARTED"},
    [EVENT_DEFER_ID_TRANSFER] = {"defer-id-transfer", "DEFERRAL_STARTED"},
    [EVENT_END_DEFERRAL] = {"end-deferral", "DEFERRAL_ENDED"},
    [EVENT_DIRECT_OTHER] = {"direct-other", "PMA_DIRECTION"},
    [EVENT_APPOINT] = {"appoint", "PMA_APPOINTMENT"},
    [EVENT_AMEND] = {"amend", "AMENDMENT_RECEIVED"},
    [EVENT_CONFIRM_AMENDMENT] = {"confirm-amendment", "AMENDMENT_CONFIRMED"},
    [EVENT_CALL_CUSTODIANS] = {"call-custodians", "CUSTODIANS_CALLED"},
    [EVENT_DISMISS_CUSTODIANS] = {"dismiss-custodians", "CUSTODIANS_DISMISSED"},
    [EVENT_ACTIVATE_KEY] = {"activate-key", "KEY_ACTIVATED"},
    [EVENT_EXECUTE] = {"execute", "EXECUTION_STARTED"},
    [EVENT_DEACTIVATE_KEY] = {"deactivate-key", "KEY_DEACTIVATED"},
    [EVENT_EXPIRE] = {"expire", "AUTHORITY_EXPIRED"},
    [EVENT_FREEZE] = {"freeze", "RECOVERY_KEY_FROZEN"},
    [EVENT_LOSE_TOKEN] = {"lose-token", "TOKEN_LOST"},
    [EVENT_RESTORE_TOKEN] = {"restore-token", "TOKEN_RESTORED"},
    [EVENT_EXECUTED] = {"executed", "EXECUTION_COMPLETE"},
    [EVENT_BEGIN_HANDBACK] = {"begin-handback", "HANDBACK_STARTED"},
    [EVENT_HANDED_BACK] = {"handed-back", "HANDED_BACK"},
    [EVENT_ESTABLISH_CONTINGENCY] = {"establish-contingency",
                                     "NEW_CONTINGENCY_ESTABLISHED"},
    [EVENT_DISTRIBUTE_ROOT] = {"distribute-root", "ROOT_DISTRIBUTION_STARTED"},
    [EVENT_ESTABLISH_OCA] = {"establish-oca", "NEW_OCA_ESTABLISHED"},
    [EVENT_REISSUE] = {"reissue", "REISSUE_STARTED"},
    [EVENT_RECOVERED] = {"recovered", "RECOVERED"},
    [EVENT_WITHDRAW] = {"withdraw", "WITHDRAWAL_RECEIVED"},
    [EVENT_CONFIRM_WITHDRAWAL] = {"confirm-withdrawal", "WITHDRAWAL_CONFIRMED"},
    [EVENT_REJECT_WITHDRAWAL] = {"reject-withdrawal", "WITHDRAWAL_REJECTED"},
    [EVENT_REOPEN] = {"reopen", "INCIDENT_REOPENED"},
    [EVENT_RECONNECT] = {"reconnect", "RECONNECT"},
    [EVENT_RECONNECTED] = {"reconnected", "RECONNECTED"},
    [EVENT_OPEN_CHILDREN] = {"open-children", "CHILDREN_OPENED"},
    [EVENT_CLOSE] = {"close", "CLOSED"},
};

static const struct route_row routes[ROUTE_COUNT] = {
    [ROUTE_UNDECIDED] = {"undecided", "An organisation's key; the route is still open.",
                         true, SIGNING_NOTHING},
    [ROUTE_METHOD_1] = {"method-1", "The subscriber replaces with its own key.", false,
                        SIGNING_NOTHING},
    [ROUTE_METHOD_2] = {"method-2",
                        "The Recovery key places ACB certificates; hand-back follows.",
                        false, SIGNING_RECOVERY},
    [ROUTE_METHOD_3] = {"method-3",
                        "The Recovery key places new Organisation certificates.", false,
                        SIGNING_RECOVERY},
    [ROUTE_CONTINGENCY] = {"contingency",
                           "The Contingency and Symmetric keys replace the root.", true,
                           SIGNING_CONTINGENCY},
    [ROUTE_RECOVERY_KEY] = {"recovery-key", "The Recovery key itself is compromised.", true,
                            SIGNING_RECOVERY},
    [ROUTE_ISSUING_OCA] = {"issuing-oca", "The Issuing OCA key is compromised.", true,
                           SIGNING_RECOVERY},
    [ROUTE_CONTINGENCY_KEY] = {"contingency-key",
                               "The Contingency or the Symmetric key is compromised.", true,
                               SIGNING_RECOVERY},
    [ROUTE_SHARED_EVENT] = {"shared-event",
                            "A shared provider's event: parent of its users' incidents.",
                            true, SIGNING_NOTHING},
};

static const char *const actors[ACTOR_COUNT] = {
    [ACTOR_SUBSCRIBER] = "subscriber",
    [ACTOR_SRP] = "srp",
    [ACTOR_RDP] = "rdp",
    [ACTOR_DCC] = "dcc",
    [ACTOR_PMA] = "pma",
    [ACTOR_CUSTODIANS] = "custodians",
    [ACTOR_DEVICES] = "devices",
    [ACTOR_OFGEM] = "ofgem",
    [ACTOR_SYSTEM] = "system",
};

static const char *const evidence[EVIDENCE_COUNT] = {
    [EVIDENCE_NOTICE] = "notice",
    [EVIDENCE_CONFIRMATION] = "confirmation",
    [EVIDENCE_NOTIFICATION_FILE] = "notification-file",
    [EVIDENCE_ELECTION] = "election",
    [EVIDENCE_SUSPENSION_REQUEST] = "suspension-request",
    [EVIDENCE_DEVICES_DONE] = "devices-done",
    [EVIDENCE_REVOCATION] = "revocation",
    [EVIDENCE_PMA_NOTICE] = "pma-notice",
    [EVIDENCE_DECISION_AUTHORISE] = "decision:authorise",
    [EVIDENCE_DECISION_REFUSE] = "decision:refuse",
    [EVIDENCE_DECISION_ABORT] = "decision:abort",
    [EVIDENCE_DECISION_DEFER_REVOCATION] = "decision:defer-revocation",
    [EVIDENCE_DECISION_DEFER_ID_TRANSFER] = "decision:defer-id-transfer",
    [EVIDENCE_DECISION_DIRECT_OTHER] = "decision:direct-other",
    [EVIDENCE_DECISION_APPOINT] = "decision:appoint",
    [EVIDENCE_DEFERRAL_END] = "deferral-end",
    [EVIDENCE_CALL_LOG] = "call-log",
    [EVIDENCE_CUSTODIAN_ACTIVATION] = "custodian-activation",
    [EVIDENCE_BATCH_MANIFEST] = "batch-manifest",
    [EVIDENCE_POINT_OF_NO_RETURN] = "point-of-no-return",
    [EVIDENCE_KEY_DEACTIVATION] = "key-deactivation",
    [EVIDENCE_TOKEN_PROOF] = "token-proof",
    [EVIDENCE_RESPONSES_COMPLETE] = "responses-complete",
    [EVIDENCE_INSTRUCTION] = "instruction",
    [EVIDENCE_CEREMONY] = "ceremony",
    [EVIDENCE_PROGRESS_FILE] = "progress-file",
    [EVIDENCE_WITHDRAWAL] = "withdrawal",
    [EVIDENCE_RESIDUAL_RISK] = "residual-risk",
    [EVIDENCE_RECONNECTION_ROUTE] = "reconnection-route",
    [EVIDENCE_CHILDREN] = "children",
    [EVIDENCE_NEW_FINDING] = "new-finding",
    [EVIDENCE_HSM_LOSS] = "hsm-loss",
    [EVIDENCE_NEW_CERTIFICATES] = "new-certificates",
};

static const char *const effects[EFFECT_COUNT] = {
    [EFFECT_NONE] = "none",           [EFFECT_FREEZE] = "freeze",
    [EFFECT_SUSPEND] = "suspend",     [EFFECT_SET_RECOVERY] = "set-recovery",
    [EFFECT_REVOKE] = "revoke",       [EFFECT_RECONNECT] = "reconnect",
    [EFFECT_RECOVERED] = "recovered", [EFFECT_COMMISSIONED] = "commissioned",
};

static const char *const alarms[ALARM_COUNT] = {
    [ALARM_NONE] = "none",
    [ALARM_CONFIRM] = "confirm",
    [ALARM_NOTIFY_PMA] = "notify-pma",
    [ALARM_SUSPEND] = "suspend",
    [ALARM_DECISION] = "decision",
    [ALARM_CEREMONY] = "ceremony",
};

static const char *const signings[SIGNING_COUNT] = {
    [SIGNING_NOTHING] = "nothing",
    [SIGNING_RECOVERY] = "recovery",
    [SIGNING_CONTINGENCY] = "contingency",
    [SIGNING_ACB] = "acb",
};

const struct state_row *incident_state(enum state s)
{
    return &states[s];
}

const struct event_row *incident_event(enum event v)
{
    return &events[v];
}

const struct route_row *incident_route(enum route r)
{
    return &routes[r];
}

const char *incident_actor_name(enum actor a)
{
    return actors[a];
}

const char *incident_evidence_name(enum evidence k)
{
    return evidence[k];
}

const char *incident_effect_name(enum effect x)
{
    return effects[x];
}

const char *incident_alarm_name(enum alarm a)
{
    return alarms[a];
}

const char *incident_signing_name(enum signing s)
{
    return signings[s];
}

/* The five look-ups differ in where the name stands and in what they give. */
#define FIND(noun, type, count, name_at)                          \
    bool incident_##noun##_find(const char *name, enum type *out) \
    {                                                             \
        for (unsigned i = 0; i < (count); i++)                    \
            if (strcmp(name_at, name) == 0) {                     \
                *out = (enum type)i;                              \
                return true;                                      \
            }                                                     \
        return false;                                             \
    }
FIND(route, route, ROUTE_COUNT, routes[i].name)
FIND(state, state, STATE_COUNT, states[i].name)
FIND(event, event, EVENT_COUNT, events[i].name)
FIND(actor, actor, ACTOR_COUNT, actors[i])
FIND(evidence, evidence, EVIDENCE_COUNT, evidence[i])
