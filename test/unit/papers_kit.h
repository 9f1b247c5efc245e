/* SPDX-License-Identifier: MIT
 *
 * papers_kit - the papers of a recovery, made for the test: a scene (certificates, anchors,
 * people, roster, decision), which a test bends and signs anew, and what comes of reading it.
 *
 * What is below is the kit's: papers_kit_begin() makes it, papers_kit_end() frees it. A
 * folder (core_kit) comes with it.
 */
#ifndef PAPERS_KIT_H
#define PAPERS_KIT_H

#include "core_kit.h"
#include "message.h"
#include "scene.h"

#define FROM 1767225600 /* 2026-01-01: everything in the scene is valid from here ... */
#define TO   2082758400 /* 2036-01-01: ... to here */

extern struct scene scene;
extern struct authority decision; /* as the last read_decision() left it */
extern struct warrant *warrant;   /* as the last read_warrant() left it; NULL: refused */

void papers_kit_begin(void);
void papers_kit_end(void);

/* --- reading: false and `e`, or true --- */

/* scene.cms as a decision of the scene's first authority, at SCENE_NOW. */
bool read_decision(void);
/* All of the scene, as the signer reads it, at SCENE_NOW or then. */
bool read_warrant(void);
bool read_warrant_at(int64_t now_us);
/* One certificate; cert_done() is the caller's. */
bool read_certificate(X509 *x, struct cert *out);

/* --- making --- */

/* scene.doc, as it stands, by two members: the quorum. */
void signed_by_two(void);
/* A certificate of an organisation; key NULL: a new one. pki_pair_done() is the caller's. */
struct pki_pair issue(enum role role, const struct eui64 *eui, enum key_usage usage,
                      EVP_PKEY *key, int64_t from, int64_t to,
                      const struct pki_pair *issuer);
/* A certificate of an issuing authority, FROM to TO; issuer NULL: a root. The same. */
struct pki_pair issue_ca(const char *cn, enum role role, const struct pki_pair *issuer);
/* What pki_issue() makes a Supplier's sound certificate of; to be bent. */
struct pki_spec supplier_spec(void);

/* --- looking --- */

/* SignerInfos are a SET: their order says nothing. The nth of that holder in `decision`. */
const struct authority_signer *signer_of(const char *holder, size_t n);
/* The command of a row of `warrant` under that counter, read back; its digest and signature
 * are checked on the way. message_done() is the caller's. */
void decode_row(uint32_t row, uint64_t counter, struct message *m);
bool same_der(struct span der, X509 *x);

#endif
