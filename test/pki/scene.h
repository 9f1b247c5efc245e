/* SPDX-License-Identifier: MIT
 *
 * scene - a whole recovery in memory: PKI, configuration, anchors, roster, certificates and
 * a decision that may be bent before it is signed. For unit tests, benches and fuzz seeds.
 *
 * The scene is Method 3: a Supplier's two signing cells on ESME and GSME, decided by two of
 * five PMA members at SCENE_NOW. A test aid: it aborts instead of returning errors.
 */
#ifndef SCENE_H
#define SCENE_H

#include "pki.h"
#include "warrant.h"

#include <jansson.h>

#define SCENE_NOW     1795525200000000 /* 2026-11-24T13:00:00Z, microseconds */
#define SCENE_MEMBERS 5

enum scene_key { SCENE_RECOVERY, SCENE_CONTINGENCY, SCENE_SUPPLIER, SCENE_ACB, SCENE_KEYS };

struct scene {
    struct config config;
    struct trust trust;
    struct pki_pair root, issuing;
    struct pki_pair pma_anchor, pma[SCENE_MEMBERS];
    struct pki_pair org_anchor, org[2];
    struct pki_pair acb_anchor, acb_org[2]; /* officers of the ACB's organisation */
    struct pki_pair keys[SCENE_KEYS];       /* as config.keys */
    EVP_PKEY *audit;                        /* the token's audit key */
    struct eui64 supplier;
    struct pki_pair old_ds, old_ka; /* the Supplier's compromised certificates */
    struct pki_pair new_ds, new_ka;
    struct span roster_text;
    struct roster roster;
    uint8_t symmetric[16];
    json_t *doc; /* the decision; change it, then scene_sign */
    struct span pem;
    struct span cms;
};

void scene_make(struct scene *s);
void scene_done(struct scene *s);
/* Take another roster text (copied) and let the decision name it. */
void scene_roster(struct scene *s, const char *text);
/* The bundle: PEM of these certificates. */
void scene_bundle(struct scene *s, X509 *const certs[], size_t n);
/* Sign doc as it stands by PMA members 0..n-1, or by these pairs. */
void scene_sign(struct scene *s, size_t n);
void scene_sign_by(struct scene *s, const struct pki_pair *signers, size_t n);
/* Members of the document by JSON pointer-like path: "roster.count". Steals value. */
void scene_set(struct scene *s, const char *path, json_t *value);
/* That key, too, is this person's: one [Person] for a name in an organisation. seat NULL:
 * none; key NULL: a person who only has a name. */
void scene_person(struct scene *s, const char *holder, const char *organisation,
                  const char *seat, EVP_PKEY *key);
/* Was at the meeting too, by the document. */
void scene_present(struct scene *s, const char *holder);
/* A further person of the PMA's, with a certificate by its anchor. */
struct pki_pair scene_pma_person(struct scene *s, const char *holder, const char *seat,
                                 const char *organisation);
json_t *scene_digest(X509 *x); /* SHA-256 of a certificate as a JSON text */
bool scene_open(struct scene *s, int64_t now_us, struct warrant **w, struct err *e);

#endif
