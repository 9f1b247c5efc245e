/* SPDX-License-Identifier: MIT
 *
 * meter_message - put messages together: headers, signature, MAC, and whole commands.
 *
 * Commands are made here only to test the judge; nothing of it is taken from the program
 * under test. A command can be asked for with quirks that no honest sender has.
 *
 * Source:  GBCS 7.2, 13.3.3.
 * Effects: random numbers when signing.
 */
#ifndef METER_MESSAGE_H
#define METER_MESSAGE_H

#include "meter_command.h"

/* Grouping header in front of the payload. */
void header_write(struct out *o, unsigned cra, uint64_t counter, uint64_t from, uint64_t to,
                  struct octets date_time, unsigned code, size_t payload_len);
/* The whole of a signed or MACed message around header and payload.
 * mac_key NULL: no MAC header; key NULL: no signature. */
void message_wrap(struct out *o, struct octets header, struct octets payload, EVP_PKEY *key,
                  const uint8_t *mac_key, uint64_t originator);

enum quirk {
    QUIRK_LONG_LENGTH = 1,   /* 82 00 xx where less would do */
    QUIRK_PADDED_INT = 2,    /* 00 in front of the counter */
    QUIRK_APPLY_DEFAULT = 4, /* 81 01 00 */
    QUIRK_APPLY_BOOLEAN = 8, /* 81 01 FF */
    QUIRK_HUGE_COUNTER = 16, /* 2^63 in header and payload */
    QUIRK_MORE_CONTROL = 32, /* an unknown element in the control */
    QUIRK_MORE_PAYLOAD = 64, /* an unknown element after the last */
    QUIRK_EXTRA_PATH = 128,  /* four path certificates */
};

/*
 * A command from its parts.
 *
 *   c       env.originator, env.target, env.counter, env.code and all payload fields
 *   signer  NULL: no signature
 *   z       shared secret of broker and device; NULL: no MAC
 */
void command_build(const struct command *c, unsigned quirks, EVP_PKEY *signer,
                   const uint8_t *z, struct out *message);

#endif
