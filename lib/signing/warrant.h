/* SPDX-License-Identifier: MIT
 *
 * warrant - what may be signed, and nothing else: an authority, a roster and certificates,
 * checked against each other and against configuration, ready to give the digest of row i.
 *
 * The service and the signer open the same warrant with the same function: the service to
 * refuse early and explain well, the signer because it trusts nobody. Every command of this
 * project is built here, from checked parts and a counter.
 *
 * Source:  SEC L10.9, L10.30; SEC Appendix L 1.2; GBCS 13.3.3.
 * Effects: none. Time is a parameter.
 */
#ifndef WARRANT_H
#define WARRANT_H

#include "authority.h"
#include "policy.h"
#include "roster.h"
#include "token.h"
#include "trust.h"

struct warrant_parts { /* borrowed for the life of the warrant */
    struct span cms;
    struct span
        certs_pem; /* replacement certificates, compromised certificates, extra path */
    const struct roster *roster;
    struct span symmetric_key; /* contingency only; else empty */
    struct span activation;    /* the custodians' document; empty: none */
    bool signing;      /* about to sign: without the activation it needs nothing opens */
    bool unreleased;   /* never with signing: the Symmetric Key is yet to be released, all
                        else is judged */
    struct span draft; /* never with signing: the JSON of a document in place of its CMS, to
                          tell its authors what would become of it */
};

struct warrant; /* opaque */

/*
 * Check everything:
 *   - signatures and quorum, window, exercise flag,
 *   - activation of the key where custodians are configured (activation.h),
 *   - the key and its certificate, method and mode,
 *   - roster: digest and count, device types, statuses, cells,
 *   - each replacement certificate: profile, chain, dates, role, party, key usage, key not
 *     among the compromised.
 *
 * Errors: those of authority_open, cert_read, cert_chain, and ERR_DENIED with a rule id of
 * rules.c ("decision.window", "decision.roster", "device.ppmid", ...).
 */
MUST_CHECK bool warrant_open(const struct trust *t, const struct warrant_parts *p,
                             int64_t now_us, struct warrant **out, struct err *e);
void warrant_free(struct warrant *w);

const struct authority *warrant_authority(const struct warrant *w);
/* The signing key: index into config->keys; its certificate; whose counter is used. */
size_t warrant_key(const struct warrant *w);
const struct cert *warrant_key_cert(const struct warrant *w);
uint32_t warrant_rows(const struct warrant *w);
/* The activation it was opened with; NULL: none was needed. */
const struct digest *warrant_activation(const struct warrant *w);

/* Is it still within its window, and its activation in its own? ERR_DENIED
 * "decision.window", "activation.window". Cheap: called before each row. */
MUST_CHECK bool warrant_live(const struct warrant *w, int64_t now_us, struct err *e);
/* Row i as it will be signed: cells resolved.
 * Errors: ERR_DENIED "row.*" (a bad row fails alone). */
MUST_CHECK bool warrant_row(const struct warrant *w, uint32_t i, struct roster_row *row,
                            struct err *e);
/*
 * The same where commands that the ACB's MAC belongs to get it here (macs): the list must
 * give the device's key-agreement key. Asked before a row is ordered, so that it fails alone.
 * Errors: ERR_DENIED "row.no-agreement-key" beside those of warrant_row.
 */
MUST_CHECK bool warrant_row_to_sign(const struct warrant *w, uint32_t i, bool macs,
                                    struct roster_row *row, struct err *e);
/* What is signed for row i with that counter. */
MUST_CHECK bool warrant_digest(struct warrant *w, uint32_t i, uint64_t counter,
                               struct digest *out, struct err *e);
/* The command of row i, octet for octet; lasts until the next call on this warrant. */
MUST_CHECK bool warrant_command(struct warrant *w, uint32_t i, uint64_t counter,
                                const struct sig_p256 *sig, struct span *out,
                                struct err *e);

/* The ACB's MAC of that command (GBCS 6.2.3, modes 0 to 7): the shared secret comes from
 * the token's key-agreement key and the device's, which the roster gives (column ka).
 *   acb_key  index into config->keys
 *
 * Errors: ERR_DENIED "row.no-agreement-key", those of the token and of mac.h. */
MUST_CHECK bool warrant_mac(struct warrant *w, uint32_t i, uint64_t counter,
                            const struct sig_p256 *sig, struct token *t, size_t acb_key,
                            uint8_t mac[12], struct err *e);
/* The finished command with a MAC made before;
 * lasts until the next call on this warrant. */
MUST_CHECK bool warrant_command_mac(struct warrant *w, uint32_t i, uint64_t counter,
                                    const struct sig_p256 *sig, const uint8_t mac[12],
                                    struct span *out, struct err *e);

#endif
