/* SPDX-License-Identifier: MIT
 *
 * meter_chain.c - may this certificate go into that cell? The profile, then the path.
 *
 * badCertificate(5) is said of the certificate itself: malformed, off profile, out of date,
 * or not signed by the issuer it names. noTrustAnchor(10) is said when no issuer it names
 * leads to the root: published messages show that for an issuer that is not in the path.
 * That a fault further up the path is 10 and not 5 is this simulator's choice.
 */
#include "meter_chain.h"

#include "meter_cert.h"

#include <ctype.h>
#include <string.h>

/* Names compare by value: issuers were re-issued with other string types. */
static bool same_name(struct octets a, struct octets b)
{
    while (a.len && b.len) {
        struct tlv sa, sb, pa, pb, oa, ob, va, vb;
        if (tlv_next(&a, &sa) || tlv_next(&b, &sb) || tlv_next(&sa.body, &pa) ||
            tlv_next(&sb.body, &pb) || tlv_next(&pa.body, &oa) || tlv_next(&pb.body, &ob) ||
            tlv_next(&pa.body, &va) || tlv_next(&pb.body, &vb))
            return false;
        if (!octets_same(oa.body, ob.body) || va.body.len != vb.body.len)
            return false;
        for (size_t i = 0; i < va.body.len; i++)
            if (tolower(va.body.at[i]) != tolower(vb.body.at[i]))
                return false;
    }
    return a.len == b.len;
}

static bool in_time(const struct cert *c, const char *now)
{
    return !now || (strcmp(c->not_before, now) <= 0 && strcmp(now, c->not_after) <= 0);
}

static bool signed_by(const struct cert *c, const struct cert *ca)
{
    uint8_t digest[32];
    if (!ca->key)
        return false;
    sha256(c->tbs, digest);
    return ecdsa_verify_der(ca->key, digest, c->signature);
}

static bool names_issuer(const struct cert *c, const struct cert *ca)
{
    if (ca->malformed || !same_name(c->issuer, ca->subject))
        return false;
    struct octets id = ca->ski.len ? ca->ski : OCTETS(ca->key_id);
    return c->aki.len == 0 || octets_same(c->aki, id);
}

static bool may_issue(const struct cert *c, size_t below, const char *now)
{
    return !c->malformed && c->key && c->ca && c->usage.len == 2 && c->usage_critical &&
           (c->usage.at[1] & 0x04) && !c->unknown_critical && in_time(c, now) &&
           (c->path_len < 0 || (size_t)c->path_len >= below);
}

/* Follow c up to the root; `below` CA certificates have been passed on the way. */
static int climb(struct pool *p, const struct cert *c, const struct path_spec *s,
                 size_t below, const char **why)
{
    const struct cert *root = p->at[s->root];
    if (names_issuer(c, root)) {
        if (signed_by(c, root)) {
            *why = "";
            return STATUS_SUCCESS;
        }
        *why = "signature of the certificate";
        return below == 0 ? STATUS_BAD_CERTIFICATE : STATUS_NO_TRUST_ANCHOR;
    }
    int worst = STATUS_NO_TRUST_ANCHOR;
    *why = "no issuer leads to the root";
    if (below >= PATH_MAX_CERTS)
        return worst;
    for (size_t i = 0; i < s->n; i++) {
        const struct cert *ca = p->at[s->path[i]];
        if (ca == c || !names_issuer(c, ca))
            continue;
        if (!may_issue(ca, below, s->now)) {
            *why = "issuer may not issue";
        } else if (!signed_by(c, ca)) {
            *why = "signature of the certificate";
            if (below == 0)
                worst = STATUS_BAD_CERTIFICATE;
        } else {
            int status = climb(p, ca, s, below + 1, why);
            if (status == STATUS_SUCCESS)
                return status;
        }
    }
    return worst;
}

/* SMKI Organisation certificate profile */
static const char *profile(const struct cert *c, enum cell cell)
{
    const struct cell_row *row = &cell_rows[cell];
    if (c->malformed)
        return c->malformed;
    if (!c->key)
        return "public key is not a P-256 point";
    if (!c->usage_critical || !octets_same(c->usage, usage_bits(row->usage)))
        return "key usage is not the cell's";
    if (c->ski_critical || !octets_same(c->ski, OCTETS(c->key_id)))
        return "subject key identifier";
    if (!c->has_policies || !c->policies_critical)
        return "certificate policies";
    if (c->aki.len == 0 || c->aki_critical || !c->aki_plain)
        return "authority key identifier";
    if (c->has_constraints)
        return "basic constraints on an organisation certificate";
    if (c->unknown_critical)
        return "unknown critical extension";
    if (!c->has_eui)
        return "no unique identifier in the subject";
    /* An access control broker may stand in for supplier and network operator. */
    bool stand_in =
        c->role == ROLE_ACB && (row->role == ROLE_SUPPLIER || row->role == ROLE_NETWORK);
    if (c->role != row->role && !stand_in)
        return "role is not the cell's";
    return NULL;
}

static const char *profile_root(const struct cert *c)
{
    if (c->malformed)
        return c->malformed;
    if (!c->key)
        return "public key is not a P-256 point";
    if (!c->usage_critical || c->usage.len != 2 || !(c->usage.at[1] & 0x04))
        return "key usage is not the cell's";
    if (c->has_constraints && !c->ca)
        return "basic constraints deny the root";
    if (c->unknown_critical)
        return "unknown critical extension";
    if (c->role != ROLE_ROOT)
        return "role is not the cell's";
    return NULL;
}

static int judge_leaf(struct pool *p, uint32_t leaf, enum cell cell,
                      const struct path_spec *s, const char **why)
{
    const struct cert *c = p->at[leaf];
    *why = profile(c, cell);
    if (!*why && !in_time(c, s->now))
        *why = "out of date";
    if (*why)
        return STATUS_BAD_CERTIFICATE;
    return climb(p, c, s, 0, why);
}

static bool self_signed(const struct cert *c)
{
    return names_issuer(c, c) && signed_by(c, c);
}

/*
 * Normal: the present root vouches for the new one. Either it issued it, or the command
 * brings a link certificate for the same name and key that leads to the present root.
 */
static int judge_root(struct pool *p, uint32_t fresh, const struct path_spec *s,
                      bool abnormal, const char **why)
{
    const struct cert *c = p->at[fresh];
    *why = profile_root(c);
    if (!*why && !in_time(c, s->now))
        *why = "out of date";
    if (*why)
        return STATUS_BAD_CERTIFICATE;
    if (!self_signed(c))
        return climb(p, c, s, 0, why);
    if (abnormal || fresh == s->root) {
        *why = "";
        return STATUS_SUCCESS;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct cert *link = p->at[s->path[i]];
        if (link == c || link->malformed || !same_name(link->subject, c->subject) ||
            memcmp(link->point, c->point, POINT_LEN) != 0)
            continue;
        if (may_issue(link, 0, s->now) && climb(p, link, s, 1, why) == STATUS_SUCCESS)
            return STATUS_SUCCESS;
    }
    *why = "the present root does not vouch for the new one";
    return STATUS_NO_TRUST_ANCHOR;
}

static struct verdict_slot *find(struct pool *p, const uint8_t key[32])
{
    size_t i = (size_t)octets_u64(key) & (p->cap_verdicts - 1);
    while (p->verdicts[i].why && memcmp(p->verdicts[i].key, key, 32) != 0)
        i = (i + 1) & (p->cap_verdicts - 1);
    return &p->verdicts[i];
}

static struct verdict_slot *remembered(struct pool *p, uint32_t leaf, unsigned kind,
                                       const struct path_spec *s)
{
    if (p->n_verdicts * 2 >= p->cap_verdicts) {
        struct verdict_slot *old = p->verdicts;
        size_t n = p->cap_verdicts;
        p->cap_verdicts = n ? n * 2 : 256;
        p->verdicts = must_zero(p->cap_verdicts, sizeof *p->verdicts);
        for (size_t i = 0; i < n; i++)
            if (old[i].why)
                *find(p, old[i].key) = old[i];
        free(old);
    }
    uint8_t key[32];
    struct out in = {0};
    out_put(&in, &leaf, sizeof leaf);
    out_put(&in, &kind, sizeof kind);
    out_put(&in, &s->root, sizeof s->root);
    out_put(&in, s->now ? s->now : "-", s->now ? 15 : 1);
    for (size_t i = 0; i < s->n; i++)
        out_put(&in, &s->path[i], sizeof s->path[i]);
    sha256(out_octets(&in), key);
    out_free(&in);
    struct verdict_slot *slot = find(p, key);
    memcpy(slot->key, key, sizeof key);
    return slot;
}

int cert_judge(struct pool *p, uint32_t leaf, enum cell cell, const struct path_spec *s,
               const char **why)
{
    struct verdict_slot *v = remembered(p, leaf, (unsigned)cell, s);
    if (!v->why) {
        v->status = judge_leaf(p, leaf, cell, s, &v->why);
        p->n_verdicts++;
    }
    *why = v->why;
    return v->status;
}

int cert_judge_root(struct pool *p, uint32_t fresh, const struct path_spec *s,
                    bool abnormal, const char **why)
{
    struct verdict_slot *v = remembered(p, fresh, abnormal ? 101 : 100, s);
    if (!v->why) {
        v->status = judge_root(p, fresh, s, abnormal, &v->why);
        p->n_verdicts++;
    }
    *why = v->why;
    return v->status;
}
