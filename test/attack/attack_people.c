/* SPDX-License-Identifier: MIT
 *
 * Decisions that say the right thing, signed by the wrong people or in the wrong way.
 */
#include "attack.h"

#include "mem.h"

#include <string.h>
#include <time.h>

#define FROM 1767225600
#define TO   2082758400

static struct span encoded(CMS_ContentInfo *cms)
{
    uint8_t *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    uint8_t *copy = len > 0 ? malloc((size_t)len) : NULL;

    if (copy == NULL)
        abort();
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    return span_of(copy, (size_t)len);
}

static CMS_ContentInfo *parsed(struct span der)
{
    const uint8_t *p = der.at;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);

    if (cms == NULL)
        abort();
    return cms;
}

/* Signed by these, and handed in. */
static void by(struct stage *s, const struct pki_pair *signers, size_t n)
{
    s->signers = signers;
    s->n_signers = n;
    stage_sign(s);
    stage_attempt(s);
}

/* Signed by the chair and this one. */
static void chair_and(struct stage *s, struct pki_pair other)
{
    struct pki_pair two[] = {s->sc.pma[0], other};

    by(s, two, 2);
    pki_pair_done(&other);
}

static struct pki_pair member(struct stage *s, const char *holder, const char *party,
                              EVP_PKEY *key, const struct pki_pair *issuer)
{
    return pki_person(holder, "networks", party, false, key,
                      issuer != NULL ? issuer : &s->sc.pma_anchor, FROM, TO);
}

static void nobody(struct stage *s)
{
    CMS_ContentInfo *cms = parsed(s->sc.cms);
    STACK_OF(CMS_SignerInfo) *list = CMS_get0_SignerInfos(cms);
    CMS_SignerInfo *kept[2];

    kept[0] = sk_CMS_SignerInfo_pop(list);
    kept[1] = sk_CMS_SignerInfo_pop(list);
    stage_cms(s, encoded(cms));
    (void)sk_CMS_SignerInfo_push(list, kept[0]);
    (void)sk_CMS_SignerInfo_push(list, kept[1]);
    CMS_ContentInfo_free(cms);
    stage_attempt(s);
}

static void one_short(struct stage *s)
{
    by(s, s->sc.pma, 1);
}

/* The very same SignerInfo twice in the message. */
static void doubled(struct stage *s)
{
    CMS_ContentInfo *cms;
    STACK_OF(CMS_SignerInfo) * list;

    s->n_signers = 1;
    stage_sign(s);
    cms = parsed(s->sc.cms);
    list = CMS_get0_SignerInfos(cms);
    (void)sk_CMS_SignerInfo_push(list, sk_CMS_SignerInfo_value(list, 0));
    stage_cms(s, encoded(cms));
    (void)sk_CMS_SignerInfo_pop(list);
    CMS_ContentInfo_free(cms);
    stage_attempt(s);
}

static void signs_twice(struct stage *s)
{
    struct pki_pair two[] = {s->sc.pma[0], s->sc.pma[0]};

    by(s, two, 2);
}

static void two_names(struct stage *s)
{
    chair_and(s, member(s, "Member 9", "Party 9", s->sc.pma[0].key, NULL));
}

/* The chair's second key, which root knows too. */
static struct pki_pair again(struct stage *s, const char *holder)
{
    return member(s, holder, "Party 1", s->second_key, NULL);
}

static void two_keys(struct stage *s)
{
    chair_and(s, again(s, "Member 1"));
}

static void two_spellings(struct stage *s)
{
    chair_and(s, again(s, "MEMBER\xc2\xa0 1"));
}

static void stranger(struct stage *s)
{
    struct pki_pair ca =
        pki_person("PMA Approver CA", NULL, "Test", true, NULL, NULL, FROM, TO);

    chair_and(s, member(s, "Member 2", "Party 2", s->sc.pma[1].key, &ca));
    pki_pair_done(&ca);
}

static void self_made(struct stage *s)
{
    chair_and(s, pki_person("Member 2", "tabasc", "Party 2", false, s->sc.pma[1].key, NULL,
                            FROM, TO));
}

/* A member's own certificate makes no members. */
static void vouched(struct stage *s)
{
    struct pki_pair three[] = {
        s->sc.pma[0],
        member(s, "Member 2", "Party 2", s->sc.pma[1].key, &s->sc.pma[0]),
        {0}};

    by(s, three, 2);
    pki_pair_done(&three[1]);
}

static void expired(struct stage *s)
{
    chair_and(s, pki_person("Member 2", "tabasc", "Party 2", false, s->sc.pma[1].key,
                            &s->sc.pma_anchor, FROM, FROM + 86400));
}

static void not_yet(struct stage *s)
{
    chair_and(s, pki_person("Member 2", "tabasc", "Party 2", false, s->sc.pma[1].key,
                            &s->sc.pma_anchor, TO - 86400, TO));
}

static void conflict(struct stage *s)
{
    stage_set(s, "conflicts",
              json_pack("[{ss,ss}]", "holder", "Member 2", "reason", "a shareholder"));
    by(s, s->sc.pma, 2);
}

static void requester(struct stage *s)
{
    stage_set(s, "requester", json_string("Member 2"));
    by(s, s->sc.pma, 2);
}

static void subscriber(struct stage *s)
{
    chair_and(s, member(s, "Member 9", "Supplier Ltd", s->of_supplier, NULL));
}

static void affected(struct stage *s)
{
    stage_set(s, "affected_organisations", json_pack("[s]", "Party 2"));
    by(s, s->sc.pma, 2);
}

/* The second who signs was not at the meeting, by the document's own word. */
static void absent(struct stage *s)
{
    json_t *meeting = json_object_get(s->sc.doc, "meeting");

    (void)json_array_remove(json_object_get(meeting, "members"), 1);
    by(s, s->sc.pma, 2);
}

/* ... or was, and voted against. */
static void voted_against(struct stage *s)
{
    json_t *meeting = json_object_get(s->sc.doc, "meeting");
    json_t *second = json_array_get(json_object_get(meeting, "members"), 1);

    (void)json_object_set_new(second, "vote", json_string("against"));
    (void)json_object_set_new(json_object_get(meeting, "votes"), "against",
                              json_integer(1));
    by(s, s->sc.pma, 2);
}

static void no_chair(struct stage *s)
{
    by(s, s->sc.pma + 1, 2);
}

static void too_many_people(struct stage *s)
{
    struct pki_pair six[6];

    memcpy(six, s->sc.pma, sizeof s->sc.pma);
    six[5] = member(s, "Member 6", "Party 6", s->sixth, NULL);
    by(s, six, 6);
    pki_pair_done(&six[5]);
}

static void too_many_signatures(struct stage *s)
{
    struct pki_pair many[33];

    for (size_t i = 0; i < 33; i++)
        many[i] = s->sc.pma[i % SCENE_MEMBERS];
    by(s, many, 33);
}

static void officers(struct stage *s)
{
    by(s, s->sc.org, 2);
}

static void custodians_decide(struct stage *s)
{
    /* not the two who will switch the key on */
    struct pki_pair two[] = {s->custodians[2],
                             pki_person("Custodian 9", "custodian", "Keeper 1", false,
                                        s->colleague, &s->custodian_anchor, FROM, TO)};

    stage_set(s, "by", json_string("custodians"));
    scene_present(&s->sc, "Custodian 3");
    scene_present(&s->sc, "Custodian 9");
    by(s, two, 2);
    pki_pair_done(&two[1]);
}

static void unknown_authority(struct stage *s)
{
    stage_set(s, "by", json_string("board"));
    by(s, s->sc.pma, 2);
}

/* --- the envelope --- */

/* Altered in place: orders name what it says now. */
static void hand_in_altered(struct stage *s)
{
    struct span json;

    if (!authority_content(s->sc.cms, &json, &e))
        abort();
    s->authority = digest_of(json, span_of(NULL, 0));
    free((void *)(uintptr_t)json.at);
    stage_attempt(s);
}

static void octet(struct stage *s)
{
    uint8_t *at = (uint8_t *)(uintptr_t)s->sc.cms.at;
    uint8_t *digit = memmem(at, s->sc.cms.len, "\"attempts\": 1", 13);

    if (digit == NULL)
        abort();
    digit[12] = '2';
    hand_in_altered(s);
}

static void cell_changed(struct stage *s)
{
    uint8_t *at = (uint8_t *)(uintptr_t)s->sc.cms.at;
    uint8_t *cell = memmem(at, s->sc.cms.len, "\"cell\": \"supplier-ka\"", 21);

    if (cell == NULL)
        abort();
    memcpy(cell + 18, "pp", 2);
    hand_in_altered(s);
}

/* The members' certificates are at hand; a second signature is not. */
static void forged(struct stage *s)
{
    CMS_ContentInfo *cms = parsed(s->sc.cms);
    CMS_SignerInfo *si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 1);

    CMS_SignerInfo_get0_signature(si)->data[40] ^= 1;
    stage_cms(s, encoded(cms));
    CMS_ContentInfo_free(cms);
    stage_attempt(s);
}

static void trailing(struct stage *s)
{
    size_t n = s->sc.cms.len;
    uint8_t *more = malloc(n + 2);

    if (more == NULL)
        abort();
    memcpy(more, s->sc.cms.at, n);
    memcpy(more + n, "\5", 2);
    stage_cms(s, span_of(more, n + 2));
    stage_attempt(s);
}

static void bare(struct stage *s)
{
    char *text = stage_text(s);

    stage_cms(s, span_of(text, strlen(text)));
    stage_attempt(s);
}

static void detached(struct stage *s)
{
    CMS_ContentInfo *cms = parsed(s->sc.cms);

    if (CMS_set_detached(cms, 1) != 1)
        abort();
    stage_cms(s, encoded(cms));
    CMS_ContentInfo_free(cms);
    stage_attempt(s);
}

static void digested(struct stage *s)
{
    char *text = stage_text(s);
    BIO *in = BIO_new_mem_buf(text, -1);
    CMS_ContentInfo *cms = CMS_data_create(in, CMS_BINARY);

    stage_cms(s, encoded(cms));
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    free(text);
    stage_attempt(s);
}

static void signed_as(struct stage *s, const EVP_MD *md, unsigned more, int type)
{
    unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    char *text = stage_text(s);
    BIO *in = BIO_new_mem_buf(text, -1);

    if (CMS_set1_eContentType(cms, OBJ_nid2obj(type)) != 1)
        abort();
    for (int i = 0; i < 2; i++)
        if (CMS_add1_signer(cms, s->sc.pma[i].cert, s->sc.pma[i].key, md, flags | more) ==
            NULL)
            abort();
    if (CMS_final(cms, in, NULL, flags) != 1 ||
        CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_data)) != 1)
        abort();
    stage_cms(s, encoded(cms));
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    free(text);
    stage_attempt(s);
}

static void no_attributes(struct stage *s)
{
    signed_as(s, EVP_sha256(), CMS_NOATTR, NID_pkcs7_data);
}

static void sha1(struct stage *s)
{
    signed_as(s, EVP_sha1(), 0, NID_pkcs7_data);
}

/* Two members signed it as something else than data; then it was called data. */
static void content_type(struct stage *s)
{
    signed_as(s, EVP_sha256(), 0, NID_id_smime_ct_TSTInfo);
}

/* Member 2 signed something; the signature is put under something else. */
static void lifted(struct stage *s)
{
    struct span other, mine;
    CMS_ContentInfo *from, *to;
    CMS_SignerInfo *moved;

    other = pki_cms(span_of("{\"minutes\": \"of a meeting\"}", 27), s->sc.pma + 1, 1);
    from = parsed(other);
    s->n_signers = 1;
    stage_sign(s);
    mine = s->sc.cms;
    to = parsed(mine);
    moved = sk_CMS_SignerInfo_pop(CMS_get0_SignerInfos(from));
    (void)sk_CMS_SignerInfo_push(CMS_get0_SignerInfos(to), moved);
    if (CMS_add1_cert(to, s->sc.pma[1].cert) != 1)
        abort();
    stage_cms(s, encoded(to));
    (void)sk_CMS_SignerInfo_push(CMS_get0_SignerInfos(from), moved);
    {
        STACK_OF(CMS_SignerInfo) *list = CMS_get0_SignerInfos(to);

        for (int i = 0; i < sk_CMS_SignerInfo_num(list); i++)
            if (sk_CMS_SignerInfo_value(list, i) == moved)
                (void)sk_CMS_SignerInfo_delete(list, i--);
    }
    CMS_ContentInfo_free(to);
    CMS_ContentInfo_free(from);
    free((void *)(uintptr_t)other.at);
    stage_attempt(s);
}

/* The PMA's Crl=, with one of its members on it; then nobody asks any more. */
static void with_crl(struct stage *s, const struct pki_pair *ca, X509 *revoked, long from_s,
                     long to_s)
{
    int64_t now = (int64_t)time(NULL);
    X509_CRL *crl = pki_crl(ca, &revoked, revoked != NULL, now + from_s, now + to_s);
    char *path = s->sc.config.authorities[0].crl;

    (void)snprintf(path, CONFIG_PATH_MAX, "%s", kit_path("pma.crl"));
    pki_save_crl(path, crl);
    X509_CRL_free(crl);
    stage_configure(s);
    by(s, s->sc.pma, 2);
    path[0] = '\0';
    stage_configure(s);
}

static void revoked(struct stage *s)
{
    with_crl(s, &s->sc.pma_anchor, s->sc.pma[1].cert, -3600, 86400);
}

static void crl_old(struct stage *s)
{
    with_crl(s, &s->sc.pma_anchor, NULL, -86400, -3600);
}

static void crl_other(struct stage *s)
{
    struct pki_pair ca =
        pki_person("PMA Approver CA", NULL, "Test", true, NULL, NULL, FROM, TO);

    with_crl(s, &ca, NULL, -3600, 86400);
    pki_pair_done(&ca);
}

const struct attack attack_people[] = {
    {"nobody", "a decision without signatures", "decision.no-signers", nobody},
    {"one-short", "one signature too few", "decision.quorum", one_short},
    {"doubled", "one member's SignerInfo doubled", "decision.quorum", doubled},
    {"signs-twice", "one member signs twice", "decision.quorum", signs_twice},
    {"two-names", "two names over one key", "decision.quorum", two_names},
    {"two-keys", "one member with two keys", "decision.quorum", two_keys},
    {"two-spellings", "one member, spelt twice", "decision.quorum", two_spellings},
    {"stranger", "a member of another CA of that name", "decision.quorum", stranger},
    {"self-made", "a member by his own certificate", "decision.quorum", self_made},
    {"vouched", "a member certified by a member", "decision.quorum", vouched},
    {"member-expired", "a member whose certificate expired", "decision.quorum", expired},
    {"member-early", "a member whose certificate is to come", "decision.quorum", not_yet},
    {"member-revoked", "a member whose certificate was revoked", "decision.quorum",
     revoked},
    {"crl-old", "behind a CRL that is out of date", "decision.crl", crl_old},
    {"crl-other", "behind a CRL of another CA of that name", "decision.crl", crl_other},
    {"conflict", "a member in conflict", "decision.quorum", conflict},
    {"requester", "the requester as a member", "decision.quorum", requester},
    {"subscriber", "a member of the Subscriber", "decision.quorum", subscriber},
    {"affected", "a member of an affected party", "decision.quorum", affected},
    {"absent", "a member who was not at the meeting", "decision.absent", absent},
    {"voted-against", "a member who voted against", "decision.votes", voted_against},
    {"no-chair", "the required seat missing", "decision.seats", no_chair},
    {"six-of-five", "more people than members", "decision.members", too_many_people},
    {"33-signatures", "more signatures than are read", "decision.too-many-signers",
     too_many_signatures},
    {"officers", "the supplier's officers for the PMA", "decision.quorum", officers},
    {"custodians-decide", "the custodians decide", "key.authority", custodians_decide},
    {"unknown-body", "an authority that is not configured", "decision.addressee",
     unknown_authority},
    {"octet", "one octet altered after signing", "decision.quorum", octet},
    {"cell-changed", "a cell altered after signing", "decision.quorum", cell_changed},
    {"forged", "a member's signature made up", "decision.quorum", forged},
    {"trailing", "octets behind the message", "decision.trailing", trailing},
    {"bare", "the document without a message", "decision.cms", bare},
    {"detached", "signatures without the document", "decision.detached", detached},
    {"not-signed", "a message that is not signed", "decision.not-signed", digested},
    {"no-attributes", "signatures without attributes", "decision.quorum", no_attributes},
    {"sha1", "signatures over SHA-1", "decision.quorum", sha1},
    {"content-type", "signatures over another kind of content", "decision.quorum",
     content_type},
    {"lifted", "a signature from another document", "decision.quorum", lifted},
    {0},
};
