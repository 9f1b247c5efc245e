/* SPDX-License-Identifier: MIT
 *
 * cs02a - the octets of a Provide Security Credential Details command: which cells of these
 * roles does a device hold, and what is in them. Where the load controller is among the
 * roles the command is that of CS02f, which differs in its message code only.
 *
 * As with cs02b, nothing but device and counter differs within a batch, but the command is
 * so short (98 octets at most) that it is laid out anew each time.
 *
 * Source:  GBCS 13.2 (payload), GBCS 7.2.7 (grouping header), GBCS 13.9 (CS02f, known
 *          from published messages). That CS02a does not tell of a load controller is
 *          INFERRED: no message shows one there.
 * Effects: none.
 */
#ifndef CS02A_H
#define CS02A_H

#include "gbcs.h"

#define CS02A_ROLES_MAX 16
/* Header 34, authorising cell 12, two SEQUENCEs 2 each, roles 3 each. */
#define CS02A_PRE_COMMAND_MAX (34 + 12 + 3 * CS02A_ROLES_MAX + 4)

/*
 * Grouping header and payload.
 *   auth   the cell of the device whose key authorises: {ACB, key agreement} for the MAC
 *          form, a digital signature cell for the signed form
 *   roles  1..CS02A_ROLES_MAX, each once
 *   out    CS02A_PRE_COMMAND_MAX octets; *len of them are used
 *
 * Errors (ERR_INPUT): "command.query" with the reason.
 */
MUST_CHECK bool cs02a_command(const struct eui64 *originator, const struct eui64 *device,
                              uint64_t counter, enum cell auth, const enum role roles[],
                              size_t n, uint8_t out[CS02A_PRE_COMMAND_MAX], size_t *len,
                              struct err *e);

#endif
