/* SPDX-License-Identifier: MIT
 *
 * warrant_impl - private to warrant*.c: what an open warrant holds.
 */
#ifndef WARRANT_IMPL_H
#define WARRANT_IMPL_H

#include "activation.h"
#include "warrant.h"

#define SYMMETRIC_MAX 64
#define TEMPLATES_MAX 32 /* combinations of cells kept ready */

struct placed { /* one replacement */
    enum cell cell;
    const struct cert *cert;   /* in bundle */
    const struct cert *issuer; /* the Issuing OCA that goes along; NULL: none */
};

struct warrant {
    const struct trust *trust;
    const struct roster *roster;
    struct authority authority;
    struct policy_facts facts;
    struct activation activation;
    bool draft; /* nobody has signed the document: nothing is signed under it */
    size_t key;
    struct certs bundle;
    const struct cert *link; /* from the present root to the new one; NULL: none */
    struct placed placed[AUTHORITY_CERTS_MAX];
    size_t n_placed;
    uint32_t cells;                         /* of placed */
    struct key_id old[AUTHORITY_CERTS_MAX]; /* of the compromised certificates */
    size_t n_old;
    uint8_t symmetric_key[SYMMETRIC_MAX];
    size_t symmetric_key_len;
    struct {
        uint32_t cells;
        struct cs02b_template *template;
    } templates[TEMPLATES_MAX];
    size_t n_templates, next_out;
    uint8_t *wrapped; /* a command with its MAC around it */
};

#endif
