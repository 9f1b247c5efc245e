/* SPDX-License-Identifier: MIT
 *
 * cs02b - the octets of an Update Security Credentials command, for one device type and one
 * set of replacements, with only device and counter left open.
 *
 * A batch differs from row to row in three things:
 *   - the recipient,
 *   - the counter, twice: 8 raw octets in the grouping header, a minimal INTEGER in the
 *     payload,
 *   - the signature.
 * So the payload is encoded by OpenSSL's ASN.1 templates once per length of the counter's
 * INTEGER, and a row costs two copies and no allocation.
 *
 * Source:  GBCS 13.3.3 (payload), GBCS 7.2.7 (grouping header), GBCS 6.2.3 (signature and
 *          MAC).
 * Effects: none. A template may be used by one thread at a time.
 */
#ifndef CS02B_H
#define CS02B_H

#include "gbcs.h"

#define CS02B_REPLACEMENTS_MAX 16
#define CS02B_PATH_MAX         4
#define CS02B_OTHERS_MAX       8
#define CS02B_COMMAND_MAX      32768

struct cs02b_floor {
    enum role role;
    uint64_t floor; /* 0..INT64_MAX */
    bool has_topup;
    uint64_t topup; /* SpecialistSeqNumber, prepaymentTopUp */
};

/* Everything the command says but who gets it and with which counter. Spans are borrowed
 * until cs02b_template_new returns. */
struct cs02b_recipe {
    enum mode mode;
    struct eui64 originator;
    bool has_symmetric_key; /* exactly in mode 9 */
    struct span symmetric_key;
    bool disapply_time;
    bool omit_auth_cell; /* mode 4 to a device that is no Communications Hub */
    bool has_floor;
    uint64_t floor; /* newRemotePartyFloorSeqNumber */
    bool has_topup_floor;
    uint64_t topup_floor;
    struct cs02b_floor
        others[CS02B_OTHERS_MAX]; /* otherRemotePartySeqNumberChanges, in order */
    size_t n_others;
    struct {
        enum cell cell;
        struct span der;
    } replacements[CS02B_REPLACEMENTS_MAX]; /* written in ascending cell order */
    size_t n_replacements;
    struct span path[CS02B_PATH_MAX]; /* certificationPathCertificates */
    size_t n_path;
    char execution_time[16]; /* "" or YYYYMMDDHHMMSSZ */
};

struct cs02b_template; /* opaque */

/* Errors (ERR_INPUT): "command.recipe" with the reason. */
MUST_CHECK bool cs02b_template_new(const struct cs02b_recipe *r,
                                   struct cs02b_template **out, struct err *e);
void cs02b_template_free(struct cs02b_template *t);

/* SHA-256 over the pre-command (grouping header and payload) without its first octet DF
 * (GBCS 6.2.3). counter <= INT64_MAX (assert). */
struct digest cs02b_digest(struct cs02b_template *t, const struct eui64 *device,
                           uint64_t counter);
/* The finished command without MAC: pre-command, 40, signature (modes 8 and 9; signed part
 * of the others), at most CS02B_COMMAND_MAX octets. They belong to the template and last
 * until its next call. */
struct span cs02b_command(struct cs02b_template *t, const struct eui64 *device,
                          uint64_t counter, const struct sig_p256 *sig);

#endif
