/* SPDX-License-Identifier: MIT
 *
 * The table of the operator socket: which request, who may, which handler. API.md says the
 * same for people, openapi.json for programs.
 */
#include "service.h"

#define ANY (PEER_VIEWER | PEER_OPERATOR | PEER_APPROVER | PEER_AUDITOR)
#define OP  PEER_OPERATOR
#define GET(pattern, roles, fn)                              \
    {                                                        \
        VERB_GET, pattern, roles, BODY_NONE, fn, NULL, false \
    }
/* By service_change, or it changes nothing: a dry run of it is rolled back. */
#define POST(pattern, roles, body, fn)                  \
    {                                                   \
        VERB_POST, pattern, roles, body, fn, NULL, true \
    }
#define PUT(pattern, roles, body, fn)                  \
    {                                                  \
        VERB_PUT, pattern, roles, body, fn, NULL, true \
    }
/* What cannot be judged without being done: it asks signers, begins a copy, commits piece by
 * piece, or leaves a file that the next request needs. */
#define POST_DOES(pattern, roles, body, fn)              \
    {                                                    \
        VERB_POST, pattern, roles, body, fn, NULL, false \
    }
#define STREAM(verb, pattern, dry, begin)                \
    {                                                    \
        verb, pattern, OP, BODY_STREAM, NULL, begin, dry \
    }

const struct router_row api_rows[] = {
    GET("/v1/status", ANY, api_status),
    GET("/v1/keys", ANY, api_keys),
    GET("/metrics", ANY, api_metrics),
    GET("/v1/openapi.json", ANY, api_openapi),
    GET("/v1/audit", PEER_AUDITOR, api_audit),
    GET("/v1/audit/account", PEER_AUDITOR, api_account),
    GET("/v1/audit/key", ANY, api_audit_key),
    POST_DOES("/v1/audit/heads", OP | PEER_AUDITOR, BODY_NONE, api_audit_head),
    GET("/v1/audit/record", ANY, api_place),
    POST("/v1/audit/expected", OP, BODY_JSON, api_expected),
    POST_DOES("/v1/backup", OP, BODY_NONE, api_backup_begin),
    GET("/v1/backup", OP, api_backup),
    GET("/v1/backup/archive", OP, api_backup_archive),
    GET("/v1/policy", ANY, api_policy),
    POST("/v1/policy/test", ANY, BODY_JSON, api_policy_test),
    GET("/v1/incidents", ANY, api_incidents),
    POST("/v1/incidents", OP, BODY_JSON, api_incident_open),
    GET("/v1/incidents/{id}", ANY, api_incident_show),
    GET("/v1/incidents/{id}/story/{list}", ANY, api_incident_part),
    POST("/v1/incidents/{id}/events", OP, BODY_JSON, api_incident_event),
    STREAM(VERB_PUT, "/v1/incidents/{id}/roster", true, api_roster_begin),
    GET("/v1/incidents/{id}/roster", ANY, api_roster_get),
    POST("/v1/incidents/{id}/roster/confirm", OP, BODY_JSON, api_roster_confirm),
    PUT("/v1/incidents/{id}/certificates", OP, BODY_SMALL, api_certificates_put),
    GET("/v1/incidents/{id}/certificates", ANY, api_certificates_get),
    PUT("/v1/incidents/{id}/symmetric-key", OP, BODY_SMALL, api_symmetric_put),
    POST("/v1/incidents/{id}/decisions", OP | PEER_APPROVER, BODY_SMALL, api_decision_put),
    GET("/v1/incidents/{id}/decisions/{decision}", ANY, api_decision_get),
    POST("/v1/incidents/{id}/review", OP | PEER_APPROVER, BODY_SMALL, api_review),
    STREAM(VERB_POST, "/v1/incidents/{id}/decisions/{decision}/pre-commands", false,
           api_precommands_begin),
    STREAM(VERB_POST, "/v1/incidents/{id}/responses", false, api_responses_begin),
    POST("/v1/incidents/{id}/marks", OP, BODY_SMALL, api_marks),
    STREAM(VERB_PUT, "/v1/incidents/{id}/files", false, api_file_begin),
    POST("/v1/incidents/{id}/files/{sha256}", OP, BODY_SMALL, api_file_sign),
    POST_DOES("/v1/incidents/{id}/progress", OP, BODY_JSON, api_progress),
    GET("/v1/incidents/{id}/queries", OP, api_queries),
    GET("/v1/incidents/{id}/figures", ANY, api_figures),
    GET("/v1/incidents/{id}/devices", ANY, api_devices),
    GET("/v1/batches", ANY, api_batches),
    POST("/v1/batches", OP, BODY_JSON, api_batch_start),
    GET("/v1/batches/{n}", ANY, api_batch_show),
    POST("/v1/incidents/{id}/waves/stop", OP, BODY_NONE, api_waves_stop),
    POST("/v1/batches/{n}/pause", OP, BODY_NONE, api_batch_pause),
    POST("/v1/batches/{n}/resume", OP, BODY_NONE, api_batch_resume),
    POST("/v1/batches/{n}/confirm", OP, BODY_NONE, api_batch_confirm),
    GET("/v1/batches/{n}/commands", OP | PEER_AUDITOR, api_commands),
    GET("/v1/ceremonies", ANY, api_ceremonies),
    POST("/v1/ceremonies", OP, BODY_SMALL, api_ceremony_add),
    GET("/v1/custodians", ANY, api_custodians),
    POST("/v1/custodians/{person}/leave", OP, BODY_JSON, api_custodian_leave),
    GET("/v1/counters/{eui}/raise", OP, api_counter_raise_show),
    POST("/v1/counters/{eui}/raise", OP, BODY_JSON, api_counter_raise),
    POST("/v1/counters/{eui}/raise/confirm", OP, BODY_JSON, api_counter_confirm),
};
const size_t api_n_rows = sizeof api_rows / sizeof api_rows[0];
