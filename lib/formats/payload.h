/* SPDX-License-Identifier: MIT
 *
 * payload - the payloads of CS02a and CS02b as plain structs, and both ways between them
 * and the templates of asn1.h. CS02f has those of CS02a, CS02g those of CS02b.
 *
 * Everything a payload can say has a place here, also what no profile allows (a role
 * without a name, a certificate from a stranger), so that writing what was read gives the
 * DER of what was read.
 *
 * Source:  GBCS 13.3.3, 13.3.4 (CS02b), 13.2 (CS02a).
 * Effects: none. Spans borrow: after payload_read from the DER object, else from the
 *          caller.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "gbcs.h"

#include <openssl/asn1t.h>

#define PAYLOAD_REPLACEMENTS_MAX 32
#define PAYLOAD_PATH_MAX         8
#define PAYLOAD_CHANGES_MAX      16
#define PAYLOAD_TOPUPS_MAX       4
#define PAYLOAD_ROLES_MAX        32
#define PAYLOAD_CELLS_MAX        8 /* of one role */

enum payload_kind {
    PAYLOAD_UPDATE, /* CS02b command                     */
    PAYLOAD_ANSWER, /* CS02b response                    */
    PAYLOAD_ALERT,  /* CS02b alert after future dating   */
    PAYLOAD_QUERY,  /* CS02a command                     */
    PAYLOAD_REPORT, /* CS02a response                    */
    PAYLOAD_RAW,    /* another use case: octets and only */
};

struct payload_cell {
    unsigned role;       /* enum role, or a number without a name */
    unsigned usage;      /* KeyUsage, bit 0 highest of sixteen: ASN1_KU_* */
    unsigned cell_usage; /* 0 management, 1 prepayment top-up */
};

struct payload_topups { /* SEQUENCE OF SpecialistSeqNumber */
    bool present;       /* it may be there and empty */
    size_t n;
    struct {
        unsigned usage;
        uint64_t floor;
    } at[PAYLOAD_TOPUPS_MAX];
};

struct payload_change { /* RemotePartySeqNumberChange */
    unsigned role;
    uint64_t floor;
    struct payload_topups topups;
};

struct payload_update {
    unsigned mode;
    bool has_symmetric_key;
    struct span symmetric_key;
    bool disapply_time;
    bool has_auth_cell;
    struct payload_cell auth_cell;
    uint64_t counter;
    bool has_floor;
    uint64_t floor;
    struct payload_topups topups;
    bool has_changes; /* they may be there and empty */
    struct payload_change changes[PAYLOAD_CHANGES_MAX];
    size_t n_changes;
    struct {
        struct span certificate;
        struct payload_cell cell;
    } replacements[PAYLOAD_REPLACEMENTS_MAX];
    size_t n_replacements;
    struct span path[PAYLOAD_PATH_MAX];
    size_t n_path;
    char execution_time[16]; /* "" or YYYYMMDDHHMMSSZ */
};

struct payload_result { /* ReplacementOutcome; identifiers have 8 octets as a rule */
    struct payload_cell cell;
    unsigned status;
    struct span old_uid, old_key, new_uid, new_key;
};

struct payload_reply {       /* answer and alert */
    uint32_t alert_code;     /* alert */
    char execution_time[16]; /* alert */
    bool has_outcome;        /* an answer without is "accepted, future dated" */
    uint64_t counter;        /* of the command */
    unsigned mode;
    struct payload_change changes[PAYLOAD_CHANGES_MAX];
    size_t n_changes;
    struct payload_result results[PAYLOAD_REPLACEMENTS_MAX];
    size_t n_results;
};

struct payload_query {
    struct payload_cell auth_cell;
    unsigned roles[PAYLOAD_ROLES_MAX];
    size_t n_roles;
};

struct payload_report {
    struct payload_details {
        unsigned role;
        unsigned status;
        bool has_counter;
        uint64_t counter;
        bool has_cells;
        struct {
            unsigned usage;
            unsigned cell_usage;
            struct span uid, key;
        } cells[PAYLOAD_CELLS_MAX];
        size_t n_cells;
    } roles[PAYLOAD_ROLES_MAX];
    size_t n_roles;
};

union payload {
    struct payload_update update;
    struct payload_reply reply;
    struct payload_query query;
    struct payload_report report;
};

struct payload_cell payload_cell(enum cell cell);
/* The cell of ours; false when GBCS has none with that identifier. */
MUST_CHECK bool payload_cell_find(const struct payload_cell *c, enum cell *out);

const ASN1_ITEM *payload_item(enum payload_kind kind); /* not for PAYLOAD_RAW */

/* From a DER object that der_walk() has passed; it must outlive out.
 * Errors: ERR_INPUT "message.too-many" more elements than the struct has room for. */
MUST_CHECK bool payload_read(enum payload_kind kind, const ASN1_VALUE *der,
                             union payload *out, struct err *e);

/* To a new DER object, the caller's (ASN1_item_free with payload_item).
 * Errors: ERR_INPUT "message.value" something cannot be encoded;
 *         ERR_STORE "store.memory". */
MUST_CHECK bool payload_write(enum payload_kind kind, const union payload *b,
                              ASN1_VALUE **out, struct err *e);

#endif
