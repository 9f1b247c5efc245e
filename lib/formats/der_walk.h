/* SPDX-License-Identifier: MIT
 *
 * der_walk - walk octets by an OpenSSL template, to name the field and the octet of a
 * fault, which OpenSSL does not, and to note where an encoding is BER but not DER.
 *
 * Devices send lengths longer than need be and spell out defaults; a published meter and
 * the Reference Test Data Set do. So the walk counts such things and lets the caller judge:
 * a command must have none, a response may. It refuses what no template of asn1.h allows:
 * another tag, a number out of its range, a length that runs over, indefinite length.
 *
 * Source:  X.690 8.1.3 and 10, 11; ranges of GBCS 13.3.3.
 * Effects: none.
 */
#ifndef DER_WALK_H
#define DER_WALK_H

#include "bytes.h"

#include <openssl/asn1t.h>

struct der_walk_note {
    size_t n;
    size_t offset; /* of the first */
};

struct der_walk {
    char field[120]; /* "replacements[2].targetTrustAnchorCell"; "" for the whole */
    char fault[80];  /* "is missing" */
    size_t offset;   /* of the fault */
    struct der_walk_note long_lengths;
    struct der_walk_note spelt_defaults;
    struct der_walk_note padded_bits; /* KeyUsage with zero bits at its end */
    struct der_walk_note booleans;    /* certificates with one that is not TRUE as FF */
};

/* der holds exactly one value of the item; offsets count from its first octet, plus base.
 * Field, fault and offset are set when the answer is false. */
MUST_CHECK bool der_walk(struct span der, const ASN1_ITEM *item, size_t base,
                         struct der_walk *out);

#endif
