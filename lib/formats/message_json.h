/* SPDX-License-Identifier: MIT
 *
 * message_json - a GBCS message as JSON a person can read and change, and back to octets.
 *
 * Encoding what was decoded gives the same octets. Where a message takes liberties with
 * DER, "encoding" keeps its payload as received; when somebody has changed the readable
 * part, the two differ, and encoding refuses until "encoding" is taken out.
 *
 * Members, ? for what may be absent:
 *
 *   kind           command, response, alert
 *   form           bare, null-signature, signed, mac, signed-mac
 *   originator, recipient, message_code, signature?, mac?, date_time?, other_information?
 *                  hexadecimal
 *   counter        a number; text of digits above 2^53, which not every reader keeps
 *   payload        by use case, see below
 *   payload_hex    in its place, for other use cases
 *   encoding?      payload_hex?, content_length_octets?, mac_length_octets?
 *   about?         for people; ignored when read, as is the summary of a certificate
 *
 * Cells go by the names of gbcs.h, or as role, usage, cell_usage; roles, modes, statuses
 * and usages by name or number. The payload of a
 *
 *   CS02b command   mode, symmetric_key?, disapply_time_checks?, authorising_cell?,
 *                   counter?, floor?, topup_floors?, other_floors?,
 *                   replacements (cell, certificate), path (certificates), execution_time?
 *   CS02b response  outcome? (counter, mode, floors, results)
 *   CS02b alert     alert_code, execution_time, outcome
 *   CS02a command   authorising_cell, roles
 *   CS02a response  roles (role, status, counter?, cells? (cell, eui64, key_id))
 *
 * with CS02f as CS02a and CS02g as CS02b,
 *
 * and in these a
 *
 *   certificate     der (base64), summary?
 *   floor           role, floor, topup_floors?
 *   result          cell, status, existing (eui64, key_id), replacing (eui64, key_id)
 *
 * Effects: none.
 */
#ifndef MESSAGE_JSON_H
#define MESSAGE_JSON_H

#include "message.h"

#define MESSAGE_JSON_MAX (1u << 20) /* octets of text that are read */

/* m comes from message_decode. *json: text ending in NUL, the caller's (free).
 * Errors: ERR_STORE "store.memory". */
MUST_CHECK bool message_to_json(const struct message *m, char **json, struct err *e);

/*
 * mac_key is empty or has 16 octets: then the MAC is made anew (GBCS 6.2.3).
 * *octets is the caller's (free).
 *
 * Errors (ERR_INPUT):
 *   "message.json"  not JSON, a member missing, unknown or of the wrong type
 *   "message.mac"   a MAC form with neither mac nor key
 *   "message.raw"   encoding and payload differ
 *   "message.*"     as message_decode, for the result is decoded once more
 */
MUST_CHECK bool message_from_json(struct span json, struct span mac_key, uint8_t **octets,
                                  size_t *len, struct err *e);

#endif
