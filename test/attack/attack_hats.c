/* SPDX-License-Identifier: MIT
 *
 * Good signatures of people who are nobody here, hide who they are, or wear a second hat in
 * the same matter.
 */
#include "attack.h"

#include <string.h>

#define FROM 1767225600
#define TO   2082758400

/* Signed by the chair and this one, who is freed. */
static void chair_and(struct stage *s, struct pki_pair other)
{
    struct pki_pair two[] = {s->sc.pma[0], other};

    s->signers = two;
    s->n_signers = 2;
    stage_sign(s);
    stage_attempt(s);
    pki_pair_done(&other);
}

static struct pki_pair certified(struct stage *s, const char *holder, const char *seat,
                                 const char *party, EVP_PKEY *key)
{
    return pki_person(holder, seat, party, false, key, &s->sc.pma_anchor, FROM, TO);
}

/* --- who is it? --- */

/* The anchor's CA gives out one certificate too many. */
static void ghost(struct stage *s)
{
    chair_and(s, certified(s, "Member 5", "networks", "Party 5", NULL));
}

static void misnamed(struct stage *s)
{
    chair_and(s, certified(s, "Member 9", "tabasc", "Party 2", s->sc.pma[1].key));
}

/* Somebody of the Subscriber, whose certificate says another organisation. */
static void hidden_party(struct stage *s)
{
    chair_and(s, certified(s, "Member 9", "networks", "Party 9", s->of_supplier));
}

/* ... or one organisation and one more. */
static void two_parties(struct stage *s)
{
    struct pki_pair bent = certified(s, "Member 9", "networks", "Party 9", s->of_supplier);
    X509_NAME *name = X509_get_subject_name(bent.cert);

    if (X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                   (const unsigned char *)"Supplier Ltd", -1, -1, 0) != 1 ||
        X509_set_subject_name(bent.cert, name) != 1 ||
        X509_sign(bent.cert, s->sc.pma_anchor.key, EVP_sha256()) <= 0)
        abort();
    chair_and(s, bent);
}

static void no_people(struct stage *s)
{
    size_t n = s->sc.config.n_people;

    s->sc.config.n_people = 0;
    stage_configure(s);
    stage_attempt(s);
    s->sc.config.n_people = n;
    stage_configure(s);
}

/* The seat stands in the certificate, and not in the configuration. */
static void false_chair(struct stage *s)
{
    struct pki_pair two[] = {certified(s, "Member 2", "chair", "Party 2", s->sc.pma[1].key),
                             s->sc.pma[2]};

    s->signers = two;
    s->n_signers = 2;
    stage_sign(s);
    stage_attempt(s);
    pki_pair_done(&two[0]);
}

/* --- names that are spelt otherwise, or nobody's --- */

static void in_conflict(struct stage *s, const char *holder)
{
    stage_set(s, "conflicts",
              json_pack("[{ss,ss}]", "holder", holder, "reason", "a shareholder"));
    stage_sign(s);
    stage_attempt(s);
}

static void conflict_spelt(struct stage *s)
{
    in_conflict(s, " MEMBER\xc2\xa0 2");
}

static void conflict_nobody(struct stage *s)
{
    in_conflict(s, "Member Two");
}

static void requester_spelt(struct stage *s)
{
    stage_set(s, "requester", json_string("\357\274\255ember 2"));
    stage_sign(s);
    stage_attempt(s);
}

static void requester_nobody(struct stage *s)
{
    stage_set(s, "requester", json_string("Somebody Else"));
    stage_sign(s);
    stage_attempt(s);
}

static void affected_spelt(struct stage *s)
{
    stage_set(s, "affected_organisations", json_pack("[s]", "PARTY  2"));
    stage_sign(s);
    stage_attempt(s);
}

/* --- two hats --- */

static void activated(struct stage *s)
{
    stage_sign_activation(s);
    stage_attempt(s);
}

static void approver_custodian(struct stage *s)
{
    struct pki_pair hat = pki_person("Member 2", "custodian", "Party 2", false,
                                     s->sc.pma[1].key, &s->custodian_anchor, FROM, TO);

    s->keepers[0] = hat;
    activated(s);
    pki_pair_done(&hat);
}

/* By his other key, which root knows as well. */
static void approver_custodian_key(struct stage *s)
{
    struct pki_pair hat = pki_person("Member 1", "custodian", "Party 1", false,
                                     s->second_key, &s->custodian_anchor, FROM, TO);

    s->keepers[0] = hat;
    activated(s);
    pki_pair_done(&hat);
}

static void requester_custodian(struct stage *s)
{
    stage_set(s, "requester", json_string("custodian 1"));
    stage_sign(s);
    activated(s);
}

static void conflict_custodian(struct stage *s)
{
    in_conflict(s, "Custodian 2");
}

const struct attack attack_hats[] = {
    {"ghost", "a member's certificate over a key of nobody", "decision.quorum", ghost},
    {"misnamed", "a member's key under another name", "decision.quorum", misnamed},
    {"hidden-party", "somebody of the Subscriber as of another party", "decision.quorum",
     hidden_party},
    {"two-parties", "the same, of two parties", "decision.quorum", two_parties},
    {"no-people", "a machine that knows no people", "config.people", no_people},
    {"false-chair", "a seat that only the certificate gives", "decision.seats",
     false_chair},
    {"conflict-spelt", "a member in conflict, spelt otherwise", "decision.quorum",
     conflict_spelt},
    {"conflict-nobody", "a conflict of nobody", "decision.unknown-person", conflict_nobody},
    {"requester-spelt", "the requester as a member, spelt otherwise", "decision.quorum",
     requester_spelt},
    {"requester-nobody", "a requester who is nobody", "decision.unknown-person",
     requester_nobody},
    {"affected-spelt", "a member of an affected party, spelt otherwise", "decision.quorum",
     affected_spelt},
    {"hat-approver", "a member switches the key on", "activation.people",
     approver_custodian},
    {"hat-approver-key", "the same by another key of his", "activation.people",
     approver_custodian_key},
    {"hat-requester", "the requester switches the key on", "activation.people",
     requester_custodian},
    {"hat-conflict", "somebody in conflict switches the key on", "activation.people",
     conflict_custodian},
    {0},
};
