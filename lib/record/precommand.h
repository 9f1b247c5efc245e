/* SPDX-License-Identifier: MIT
 *
 * precommand - does a pre-command that came from elsewhere say, octet for octet, what the
 * signer here would sign for that device under that decision?
 *
 * A deployment without the ACB's key gets its MACs from the DCC, which makes pre-commands
 * of its own. They are taken in to be compared and for nothing else: the signer signs what
 * it has built from checked parts, under counters reserved here, and is never handed
 * octets. So the counter is taken from the pre-command; all else has to come out of the
 * decision, the roster and the certificates.
 *
 * Source:  GBCS 13.3.3; DUIS pre-commands are grouping header and payload, with or without
 *          the null signature 00 (VERIFIED on RTDS).
 * Effects: none.
 */
#ifndef PRECOMMAND_H
#define PRECOMMAND_H

#include "warrant.h"

/*
 *   w, roster  opened on each other
 *   row        out: of the roster; only when true is returned
 *
 * Errors (ERR_INPUT): those of message_decode and of warrant_row, and
 *   "precommand.kind"     not an unsigned CS02b command
 *   "precommand.device"   not of the roster
 *   "precommand.differs"  with the octet
 */
MUST_CHECK bool precommand_check(struct warrant *w, const struct roster *roster,
                                 struct span octets, uint32_t *row, struct err *e);

#endif
