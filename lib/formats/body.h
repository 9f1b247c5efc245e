/* SPDX-License-Identifier: MIT
 *
 * body - the payloads of CS02a and CS02b as plain structs, and both ways between them and
 * the templates of asn1.h.
 *
 * Everything a payload can say has a place here, also what no profile allows (a role
 * without a name, a certificate from a stranger), so that writing what was read gives the
 * DER of what was read.
 *
 * Source:  GBCS 13.3.3, 13.3.4 (CS02b), 13.2 (CS02a). Effects: none. Spans borrow: after
 * body_read from the DER object, else from the caller.
 */
#ifndef BODY_H
#define BODY_H

#include "gbcs.h"

#include <openssl/asn1t.h>

#define BODY_REPLACEMENTS_MAX 32
#define BODY_PATH_MAX         8
#define BODY_CHANGES_MAX      16
#define BODY_TOPUPS_MAX       4
#define BODY_ROLES_MAX        32
#define BODY_CELLS_MAX        8 /* of one role */

enum body_kind {
    BODY_UPDATE, /* CS02b command                     */
    BODY_ANSWER, /* CS02b response                    */
    BODY_ALERT,  /* CS02b alert after future dating   */
    BODY_QUERY,  /* CS02a command                     */
    BODY_REPORT, /* CS02a response                    */
    BODY_RAW,    /* another use case: octets and only */
};

struct body_cell {
    unsigned role;       /* enum role, or a number without a name */
    unsigned usage;      /* KeyUsage, bit 0 highest of sixteen: ASN1_KU_* */
    unsigned cell_usage; /* 0 management, 1 prepayment top-up */
};

struct body_topups { /* SEQUENCE OF SpecialistSeqNumber */
    bool present;    /* it may be there and empty */
    size_t n;
    struct {
        unsigned usage;
        uint64_t floor;
    } at[BODY_TOPUPS_MAX];
};

struct body_change { /* RemotePartySeqNumberChange */
    unsigned role;
    uint64_t floor;
    struct body_topups topups;
};

struct body_update {
    unsigned mode;
    bool has_symmetric_key;
    struct span symmetric_key;
    bool disapply_time;
    bool has_auth_cell;
    struct body_cell auth_cell;
    uint64_t counter;
    bool has_floor;
    uint64_t floor;
    struct body_topups topups;
    bool has_changes; /* they may be there and empty */
    struct body_change changes[BODY_CHANGES_MAX];
    size_t n_changes;
    struct {
        struct span certificate;
        struct body_cell cell;
    } replacements[BODY_REPLACEMENTS_MAX];
    size_t n_replacements;
    struct span path[BODY_PATH_MAX];
    size_t n_path;
    char execution_time[16]; /* "" or YYYYMMDDHHMMSSZ */
};

struct body_result { /* ReplacementOutcome; identifiers have 8 octets as a rule */
    struct body_cell cell;
    unsigned status;
    struct span old_uid, old_key, new_uid, new_key;
};

struct body_reply {          /* answer and alert */
    uint32_t alert_code;     /* alert */
    char execution_time[16]; /* alert */
    bool has_outcome;        /* an answer without is "accepted, future dated" */
    uint64_t counter;        /* of the command */
    unsigned mode;
    struct body_change changes[BODY_CHANGES_MAX];
    size_t n_changes;
    struct body_result results[BODY_REPLACEMENTS_MAX];
    size_t n_results;
};

struct body_query {
    struct body_cell auth_cell;
    unsigned roles[BODY_ROLES_MAX];
    size_t n_roles;
};

struct body_report {
    struct body_details {
        unsigned role;
        unsigned status;
        bool has_counter;
        uint64_t counter;
        bool has_cells;
        struct {
            unsigned usage;
            unsigned cell_usage;
            struct span uid, key;
        } cells[BODY_CELLS_MAX];
        size_t n_cells;
    } roles[BODY_ROLES_MAX];
    size_t n_roles;
};

union body {
    struct body_update update;
    struct body_reply reply;
    struct body_query query;
    struct body_report report;
};

struct body_cell body_cell(enum cell cell);
/* The cell of ours; false when GBCS has none with that identifier. */
MUST_CHECK bool body_cell_find(const struct body_cell *c, enum cell *out);

const ASN1_ITEM *body_item(enum body_kind kind); /* not for BODY_RAW */

/* From a DER object that survey_der() has passed; it must outlive out.
 * Errors: ERR_INPUT "message.too-many" more elements than the struct has room for. */
MUST_CHECK bool body_read(enum body_kind kind, const ASN1_VALUE *der, union body *out,
                          struct err *e);

/* To a new DER object, the caller's (ASN1_item_free with body_item).
 * Errors: ERR_INPUT "message.value" something cannot be encoded; ERR_STORE
 * "message.memory". */
MUST_CHECK bool body_write(enum body_kind kind, const union body *b, ASN1_VALUE **out,
                           struct err *e);

#endif
