/* SPDX-License-Identifier: MIT
 *
 * quorum - how many people stand behind a document whose signatures were judged: one each,
 * nobody with a part in the matter, of a decision nobody but who was at the meeting and did
 * not vote against it; enough of them, of the required seats.
 *
 * Source:  SEC L10.9; k of n and seats are UNKNOWN in public text and therefore
 *          configuration; that the document's own record of the meeting binds is the
 *          project's choice.
 * Effects: none.
 */
#ifndef QUORUM_H
#define QUORUM_H

#include "authority.h"

/*
 * Count the signers.
 *   a      as parsed, with its signers; each valid one that is left out gets verdict and
 *          reason, the others are counted, also where the quorum fails
 *   valid  as a->signers: a sound signature of a [Person] whom the authority's CA vouches for
 *
 * Errors: ERR_DENIED "decision.members", "decision.quorum", "decision.absent" and
 * "decision.votes" (where the meeting alone makes the difference), "decision.seats".
 */
MUST_CHECK bool quorum_count(struct authority *a, const struct config_authority *who,
                             const bool valid[], struct err *e);
/*
 * Will somebody who is counted be so no more before the window ends, because the certificate
 * does? What is opened after that is judged without that person. No refusal: people are told.
 *   a     as authority_open() left it
 *   why   out: whose ends first, and what is left of the quorum then; untouched for false
 */
#define QUORUM_WARNING_MAX 320
bool quorum_ends_early(const struct authority *a, const struct config_authority *who,
                       char why[static QUORUM_WARNING_MAX]);

#endif
