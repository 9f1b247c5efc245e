/* SPDX-License-Identifier: MIT
 *
 * keys - the register of keys: what ended them, in which incident, and where certificates
 * were placed. It outlives the incidents that fill it.
 *
 *   compromised  a signed notification file, or a decision of the PMA that authorised, says so
 *   revoked      the incident was told that its compromised certificates were revoked: the
 *                certificate has ended, not the key below it
 *   replaced     it was compromised, a decision placed a successor in its cell, and the
 *                incident is recovered
 *   released     a Symmetric Key left its custodians
 *   spent        a contingency key and its Symmetric Key: a command of mode 9 exists
 *   named        a document that is on file may place it
 *   placed       the first command exists that does
 *
 * Entries are only added, each in the transaction of what causes it. That an incident ends as
 * a false alarm, before or after signing, or that the PMA refuses, takes back what it called
 * compromised; the entry stays and says so. What was revoked, replaced or spent was so, whatever
 * came of the incident.
 *
 * A certificate is met again by its digest and, but for a revoked one, by its public key: one
 * issued anew over the same key is no better. A notification file names certificates by issuer
 * and serial number; they are met as soon as the certificate itself is seen (keys_learn).
 * Entries of an exercise and of live incidents do not see each other.
 *
 * Signers are not told: they know authorities that have ended, not keys. The service refuses,
 * at hand-in, when a key is switched on, when a batch begins and before each of its orders.
 *
 * Source:  SEC Appendix L 4.3 and L10.30(e), as far as that what was compromised or spent is
 *          of no use any more; that it is remembered across incidents is this project's choice.
 * Effects: the store. Calls inside the caller's transaction, or reading.
 */
#ifndef KEYS_H
#define KEYS_H

#include "authority.h"
#include "incident.h"
#include "partyfile.h"
#include "queue.h"
#include "store.h"

enum keys_what {
    KEYS_COMPROMISED,
    KEYS_REVOKED,
    KEYS_REPLACED,
    KEYS_RELEASED,
    KEYS_SPENT,
    KEYS_NAMED,
    KEYS_PLACED,
    KEYS_WHATS,
};
const char *keys_what_name(enum keys_what w);

/* --- writing --- */

/* What a notification file calls compromised: of an organisation's, its own certificates. */
MUST_CHECK bool keys_noticed(struct store *s, const char *incident,
                             const struct partyfile_header *h, int64_t now_us,
                             struct err *e);
/* A document that authorises is on file now: what it calls compromised (the PMA's word only),
 * and what it may place. */
MUST_CHECK bool keys_decided(struct store *s, const struct authority *a, int64_t now_us,
                             struct err *e);
/* What a step of the incident does to its entries; most do nothing. */
MUST_CHECK bool keys_stepped(struct store *s, const char *incident, enum event event,
                             enum state from, enum state to, int64_t now_us, struct err *e);
MUST_CHECK bool keys_released(struct store *s, const char *incident,
                              const struct digest *symmetric, int64_t now_us,
                              struct err *e);
/* The first command of a batch exists. by: the certificate of the key that signed it. */
MUST_CHECK bool keys_commanded(struct store *s, const struct batch *b,
                               const struct authority *a, const struct cert *by,
                               int64_t now_us, struct err *e);
/* These certificates are at hand: entries that name them by digest, or by issuer and serial
 * number, get what else is known of them. */
MUST_CHECK bool keys_learn(struct store *s, const struct certs *c, struct err *e);
/* The same with every bundle on file, for entries that came out of an older database. */
MUST_CHECK bool keys_learn_all(struct store *s, struct err *e);

/* --- asking --- */

struct keys_end {
    enum keys_what what;
    char incident[AUTHORITY_ID_MAX];
    int64_t at_us;
};
/* Was this certificate, or its key, replaced, or spent by another incident than this one ("":
 * by any)? *found false: no, it may sign. */
MUST_CHECK bool keys_ended(struct store *s, bool exercise, const char *incident,
                           const struct cert *c, struct keys_end *out, bool *found,
                           struct err *e);
/* The same as a refusal: ERR_DENIED "key.replaced", "contingency.spent". */
MUST_CHECK bool keys_may_sign(struct store *s, bool exercise, const char *incident,
                              const struct cert *c, struct err *e);
/* May this Symmetric Key be named, or released, for the incident? ERR_DENIED
 * "contingency.spent": another incident has spent it, or one that is closed had it released. */
MUST_CHECK bool keys_may_release(struct store *s, const char *incident,
                                 const struct digest *symmetric, struct err *e);
/* May what this document places, which is on file, be placed? ERR_DENIED "replacement.ended". */
MUST_CHECK bool keys_may_place(struct store *s, const struct digest *document,
                               struct err *e);

#endif
