/* SPDX-License-Identifier: MIT
 *
 * meter_command - take a message apart: envelope, then payload, both in strict form.
 *
 * Everything points into the caller's octets and lives as long as they do.
 *
 * Source:  GBCS 7.2 (headers), 13.3.3 (CS02b), 13.3.2 (CS02a).
 * Effects: none.
 */
#ifndef METER_COMMAND_H
#define METER_COMMAND_H

#include "meter_cert.h"

#define REPLACEMENTS_MAX 32
#define CHANGES_MAX      32

struct envelope {
    bool mac_header;
    struct octets covered; /* DF to the end of the signature field */
    struct octets header;  /* grouping header, DF included */
    struct octets payload;
    struct octets signed_part; /* header without DF, and payload */
    struct octets signature;   /* 64 octets or none */
    struct octets mac;         /* 12 octets or none */
    unsigned cra, code;
    uint64_t counter, originator, target;
    struct octets date_time; /* none or 12 octets */
};

struct identifier {
    struct octets body; /* as received, to be echoed */
    enum cell cell;     /* CELL_NONE: no cell of GBCS */
};

struct change {
    int64_t role, floor, topup; /* topup -1: not given */
};

struct replacement {
    struct octets cert;
    struct identifier id;
};

struct command {
    struct envelope env;
    /* CS02b */
    int64_t mode;
    struct octets symmetric_key; /* .at NULL: absent */
    bool disapply;
    bool has_authority;
    struct identifier authority;
    int64_t counter, floor, topup; /* floors -1: not given */
    struct change changes[CHANGES_MAX];
    size_t n_changes;
    struct replacement put[REPLACEMENTS_MAX];
    size_t n_put;
    struct octets path[PATH_MAX_CERTS];
    size_t n_path;
    char execute[TIME_LEN]; /* "": at once */
    /* CS02a */
    int64_t roles[CHANGES_MAX];
    size_t n_roles;
};

#define EXECUTE_NEVER "99991231235959Z" /* takes back what was to be executed later */

enum refusal envelope_read(struct octets message, struct envelope *out);
/* Payload of CS02b or CS02a by out->env.code. */
enum refusal payload_read(struct command *out);
enum refusal cs02b_read(struct octets payload, struct command *out);
enum refusal cs02a_read(struct octets payload, struct command *out);
enum refusal identifier_read(struct octets body, struct identifier *out);

#endif
