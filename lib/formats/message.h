/* SPDX-License-Identifier: MIT
 *
 * message - any GBCS message of general-signing form: taken apart into a plain struct and
 * put together again octet for octet.
 *
 * The payload of CS02a and CS02b is decoded (payload.h), and that of CS02f and CS02g of GBCS
 * 4.x, which is the same; that of other use cases is kept as octets. Their commands are
 * held to DER: encoding what was read must give what was received. Responses and alerts are read as they come; what they take liberties
 * with is noted, and payload always points at the received octets, so that a signature is
 * checked over what was signed.
 *
 * Source:  GBCS 7.2.7 (grouping header), 6.2.3 (signature and MAC), 13.2, 13.3; layouts
 *          verified on the DCC Reference Test Data Set 4.5.0.
 * Effects: none.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "der_walk.h"
#include "payload.h"

#include <stdio.h>

#define MESSAGE_MAX 65536 /* octets; the longest published command has 3986 */

enum message_kind { /* the CRA flag */
                    MESSAGE_COMMAND = 1,
                    MESSAGE_RESPONSE = 2,
                    MESSAGE_ALERT = 3,
};

/* What stands around grouping header (GH) and payload (P). */
enum message_form {
    FORM_BARE,       /* GH P: a pre-command                                */
    FORM_NULL,       /* GH P 00: a pre-command with null signature         */
    FORM_SIGNED,     /* GH P 40 sig: modes 8 and 9, responses, alerts      */
    FORM_MAC,        /* MAC header GH P 00 mac                             */
    FORM_SIGNED_MAC, /* MAC header GH P 40 sig mac                         */
    FORM_COUNT,
};

/* The code of messages a table of ours knows. */
#define MESSAGE_CS02A       0x0008
#define MESSAGE_CS02B_FIRST 0x0100
#define MESSAGE_CS02B_LAST  0x0109
#define MESSAGE_CS02B_ALERT 0x00CB
/* GBCS 4.x. 0125, CS02g by the load controller itself, is kept as octets: its mode number is
 * not public. */
#define MESSAGE_CS02F       0x011B
#define MESSAGE_CS02G       0x0126
#define MESSAGE_CS02G_ALERT 0x0124

/* executionDateTime by which an earlier future-dated command is cancelled. */
#define MESSAGE_CANCEL_TIME "99991231235959Z"

struct message {
    enum message_kind kind;
    enum message_form form;
    uint64_t counter; /* of the header */
    struct eui64 originator, recipient;
    bool has_date_time;
    uint8_t date_time[12]; /* COSEM */
    uint16_t code;
    struct span extra; /* other information after the code: 0, 8, 16, 24 or more octets */

    /* Length octets when more than needed, else 0: of the payload, of the MAC header. */
    unsigned content_octets, mac_octets;

    enum payload_kind payload_kind;
    union payload body;        /* unless PAYLOAD_RAW */
    struct span payload;       /* as received; empty when the struct was filled by hand */
    struct span signed_octets; /* 09 to the end of the payload; after message_decode */
    struct sig_p256 sig;       /* FORM_SIGNED, FORM_SIGNED_MAC */
    uint8_t mac[12];           /* FORM_MAC, FORM_SIGNED_MAC */

    /* Findings of message_decode. */
    bool consistent; /* header and payload name the same counter and mode */
    struct der_walk_note long_lengths, spelt_defaults, padded_bits, booleans;

    void *keep; /* owns what body's spans point to */
};

/*
 * Take apart. octets are borrowed: payload, extra and signed_octets point into them.
 *
 * Errors (ERR_INPUT), each with octet and field:
 *   "message.length"      nothing, too much, or cut off
 *   "message.header"      grouping or MAC header
 *   "message.other-info"  a CS02a or CS02b command with a supplementary party
 *   "message.envelope"    what follows the payload, or a MAC where the mode has none
 *   "message.payload"     not the grammar
 *   "message.not-der"     a command that is BER but not DER
 *   "message.too-many"    more elements than the struct has room for
 *   "message.counter"     a command whose two counters differ
 *   "message.mode"        a command whose code and mode differ
 */
MUST_CHECK bool message_decode(struct span octets, struct message *out, struct err *e);
void message_done(struct message *m);

/* Put together: the payload as received when there is one, else the body's DER.
 * *out is the caller's (free).
 * Errors: ERR_INPUT "message.value"; ERR_STORE. */
MUST_CHECK bool message_encode(const struct message *m, uint8_t **out, size_t *len,
                               struct err *e);
/* The body's DER alone, the caller's (free). Not for PAYLOAD_RAW. */
MUST_CHECK bool message_payload(const struct message *m, uint8_t **out, size_t *len,
                                struct err *e);

/* What a code and a flag carry; PAYLOAD_RAW when it is none of ours. */
enum payload_kind message_payload_kind(uint16_t code, enum message_kind kind);

const char *message_kind_name(enum message_kind k); /* "command" */
const char *message_form_name(enum message_form f); /* "signed-mac" */
MUST_CHECK bool message_form_find(const char *name, enum message_form *out);
const char *message_use_case(uint16_t code);      /* "CS02b"; "" */
const char *message_status_name(unsigned status); /* "badCertificate"; NULL */
const char *message_alert_name(uint32_t code);    /* "futureDatedActioned"; "" */
/* "immediate", "future-dated", "cancel", "accepted-future-dated", "executed"; "" for
 * use cases without. */
const char *message_timing(const struct message *m);

/* For people. */
void message_print(FILE *to, const struct message *m);

#endif
