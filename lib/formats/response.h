/* SPDX-License-Identifier: MIT
 *
 * response - what a device answered to an Update Security Credentials command, ready to be
 * matched with the row that asked: device, the command's counter, and one outcome per cell.
 *
 * Read leniently, as message.h says; nothing is believed before response_verify.
 *
 * Source:  GBCS 13.3.4, 13.3.5, 16.2 (alerts 8F66 and 8F67).
 * Effects: none.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include "message.h"

#include <openssl/evp.h>

enum response_kind {
    RESPONSE_ACCEPTED, /* future dated: stored, not yet executed */
    RESPONSE_EXECUTED, /* immediate: with outcomes               */
    RESPONSE_ALERT,    /* future dated: executed now             */
};

struct response_outcome {
    bool known; /* cell is one of ours */
    enum cell cell;
    struct payload_cell identifier; /* as received */
    unsigned status;                /* 0 is success */
    /* has_*: the identifiers have the 8 octets they should have, both. */
    bool has_old, has_new;
    struct eui64 old_uid, new_uid;
    struct key_id old_key, new_key;
};

struct response {
    enum response_kind kind;
    struct eui64 device;     /* originator */
    struct eui64 recipient;  /* who authorised the command */
    uint64_t counter;        /* of the command; an alert's from its payload */
    uint64_t device_counter; /* an alert's own; else as counter */
    enum mode mode;
    uint32_t alert_code;     /* RESPONSE_ALERT */
    char execution_time[16]; /* RESPONSE_ALERT */
    struct response_outcome outcomes[PAYLOAD_REPLACEMENTS_MAX];
    size_t n_outcomes;
    struct span signed_octets; /* borrowed from what was read */
    struct sig_p256 sig;
    bool lenient; /* it was BER but not DER */
};

/*
 * Read one response or alert; octets are borrowed.
 *
 * Errors (ERR_INPUT):
 *   "message.*"              as message_decode
 *   "response.kind"          a message of another kind or use case
 *   "response.unsigned"      no signature
 *   "response.inconsistent"  header and payload name different commands
 */
MUST_CHECK bool response_read(struct span octets, struct response *out, struct err *e);
/* The same of a message that was taken apart already; *out borrows its octets and nothing
 * else of it. Errors: those of "response.*". */
MUST_CHECK bool response_of(const struct message *m, struct response *out, struct err *e);

/* True when the device's key signed it. */
bool response_verify(const struct response *r, EVP_PKEY *device_key);

#endif
