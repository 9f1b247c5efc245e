/* SPDX-License-Identifier: MIT
 *
 * certs_kit - certificates by letters, for tests of what is on file about them: 'a' is always
 * the same one, and 'b' has another key.
 *
 * The variables are the kit's, made when first asked for and freed by certs_kit_end().
 */
#ifndef CERTS_KIT_H
#define CERTS_KIT_H

#include "incident_kit.h"
#include "pki.h"

/* Of letters: 'a' to 'h' are a supplier's, below the Issuing OCA '1'; 'r' is over the key of
 * 'a'; 's' is below the Issuing OCA '2'. */
const struct cert *certs_kit_one(char letter);
/* All of these, as PEM; free() its octets. */
struct span certs_kit_pem(const char *letters);
void certs_kit_end(void);

/* They are handed in for that incident, as a caller has to. false and `e`: refused. */
bool certs_kit_hand_in(const char *incident, const char *letters);
/* A document that authorises, on file: it calls `bad` compromised and places `new`, all in the
 * cell supplier-ds. Returns its digest. */
struct digest certs_kit_decide(const char *id, const char *incident,
                               enum authority_kind kind, const char *bad, const char *new);

#endif
