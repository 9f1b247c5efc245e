/* SPDX-License-Identifier: MIT
 *
 * Certificates that must not reach a device.
 */
#include "attack.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OTHER                                     \
    {                                             \
        {                                         \
            0x90, 0xb3, 0xd5, 0x1f, 0x30, 9, 9, 9 \
        }                                         \
    }

/* Decided for the supplier-ds cell, by the right people. */
static void placed(struct stage *s, const struct pki_spec *spec)
{
    struct pki_pair made = stage_certificate(s, spec);

    stage_replace(s, made.cert, NULL);
    stage_attempt(s);
    pki_pair_done(&made);
}

static void another_party(struct stage *s)
{
    placed(s,
           &(struct pki_spec){.eui = &(struct eui64)OTHER, .usage = KU_DIGITAL_SIGNATURE});
}

static void another_role(struct stage *s)
{
    placed(s, &(struct pki_spec){.role = ROLE_NETWORK_OPERATOR,
                                 .usage = KU_DIGITAL_SIGNATURE});
}

static void wrong_usage(struct stage *s)
{
    placed(s, &(struct pki_spec){.usage = KU_KEY_AGREEMENT});
}

static void expired(struct stage *s)
{
    placed(s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE,
                                 .not_after = time(NULL) - 3600});
}

static void to_come(struct stage *s)
{
    placed(s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE,
                                 .not_before = time(NULL) + 3600});
}

static void compromised_key(struct stage *s)
{
    placed(s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE,
                                 .key = X509_get0_pubkey(s->sc.old_ds.cert)});
}

static void other_compromised_key(struct stage *s)
{
    placed(s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE, .key = s->sc.old_ka.key});
}

static void profile(struct stage *s)
{
    placed(s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE, .flaw = PKI_TWO_USAGES});
}

static void old_again(struct stage *s)
{
    stage_replace(s, s->sc.old_ds.cert, NULL);
    stage_attempt(s);
}

static struct pki_pair other_root(void)
{
    return pki_issue(
        &(struct pki_spec){.cn = "ZA", .role = ROLE_ROOT, .usage = KU_KEY_CERT_SIGN});
}

static void chain(struct stage *s, bool bring_issuer)
{
    struct pki_pair root = other_root();
    struct pki_pair issuing = pki_issue(&(struct pki_spec){.cn = "Z1",
                                                           .role = ROLE_ISSUING_AUTHORITY,
                                                           .usage = KU_KEY_CERT_SIGN,
                                                           .issuer = &root});
    struct pki_pair made = stage_certificate(
        s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE, .issuer = &issuing});

    stage_replace(s, made.cert, bring_issuer ? issuing.cert : NULL);
    stage_attempt(s);
    pki_pair_done(&made);
    pki_pair_done(&issuing);
    pki_pair_done(&root);
}

static void stranger_chain(struct stage *s)
{
    chain(s, false);
}

static void stranger_issuer(struct stage *s)
{
    chain(s, true);
}

static void by_an_organisation(struct stage *s)
{
    struct pki_pair made = stage_certificate(
        s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE, .issuer = &s->sc.new_ds});

    stage_replace(s, made.cert, NULL);
    stage_attempt(s);
    pki_pair_done(&made);
}

/* --- another bundle than the one decided --- */

static void bundle(struct stage *s, X509 *const certs[], size_t n)
{
    scene_bundle(&s->sc, certs, n);
    s->given[PROTO_PART_CERTIFICATES] = s->sc.pem;
    stage_attempt(s);
}

static void swapped(struct stage *s)
{
    struct pki_pair made =
        stage_certificate(s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE});
    X509 *list[] = {s->sc.old_ds.cert, s->sc.old_ka.cert, made.cert, s->sc.new_ka.cert};

    bundle(s, list, 4);
    pki_pair_done(&made);
}

static void one_more(struct stage *s)
{
    struct pki_pair made =
        stage_certificate(s, &(struct pki_spec){.usage = KU_DIGITAL_SIGNATURE});
    X509 *list[] = {s->sc.old_ds.cert, s->sc.old_ka.cert, s->sc.new_ds.cert,
                    s->sc.new_ka.cert, made.cert};

    bundle(s, list, 5);
    pki_pair_done(&made);
}

static void one_fewer(struct stage *s)
{
    X509 *list[] = {s->sc.old_ds.cert, s->sc.old_ka.cert, s->sc.new_ka.cert};

    bundle(s, list, 3);
}

static void compromised_missing(struct stage *s)
{
    X509 *list[] = {s->sc.old_ds.cert, s->sc.new_ds.cert, s->sc.new_ka.cert};

    bundle(s, list, 3);
}

static void octet(struct stage *s)
{
    struct span der = pki_der(s->sc.new_ds.cert);
    uint8_t *at = malloc(der.len);
    const uint8_t *p = at;
    X509 *x;

    if (at == NULL)
        abort();
    memcpy(at, der.at, der.len);
    at[der.len - 1] ^= 1; /* of its signature */
    x = d2i_X509(NULL, &p, (long)der.len);
    if (x == NULL)
        abort();
    stage_replace(s, x, NULL);
    stage_attempt(s);
    X509_free(x);
    free(at);
    free((void *)(uintptr_t)der.at);
}

/* --- what the decision says of them --- */

static json_t *pair(const char *cell, X509 *x)
{
    return json_pack("{ss,so}", "cell", cell, "certificate", scene_digest(x));
}

static void not_compromised(struct stage *s)
{
    struct pki_pair made =
        stage_certificate(s, &(struct pki_spec){.role = ROLE_NETWORK_OPERATOR,
                                                .usage = KU_DIGITAL_SIGNATURE});
    X509 *list[] = {s->sc.old_ds.cert, s->sc.old_ka.cert, s->sc.new_ds.cert,
                    s->sc.new_ka.cert, made.cert};

    stage_set(s, "replacements",
              json_pack("[ooo]", pair("supplier-ds", s->sc.new_ds.cert),
                        pair("supplier-ka", s->sc.new_ka.cert),
                        pair("network-ds", made.cert)));
    scene_bundle(&s->sc, list, 5);
    stage_sign(s);
    stage_attempt(s);
    pki_pair_done(&made);
}

static void cell_twice(struct stage *s)
{
    stage_set(s, "replacements",
              json_pack("[oo]", pair("supplier-ds", s->sc.new_ds.cert),
                        pair("supplier-ds", s->sc.new_ds.cert)));
    stage_sign(s);
    stage_attempt(s);
}

static void cells_exchanged(struct stage *s)
{
    stage_set(s, "replacements",
              json_pack("[oo]", pair("supplier-ds", s->sc.new_ka.cert),
                        pair("supplier-ka", s->sc.new_ds.cert)));
    stage_sign(s);
    stage_attempt(s);
}

static void root_unreached(struct stage *s)
{
    struct pki_pair root = other_root();
    X509 *list[] = {s->sc.old_ds.cert, s->sc.old_ka.cert, s->sc.new_ds.cert,
                    s->sc.new_ka.cert, root.cert};

    stage_set(s, "replacements",
              json_pack("[ooo]", pair("supplier-ds", s->sc.new_ds.cert),
                        pair("supplier-ka", s->sc.new_ka.cert), pair("root", root.cert)));
    scene_bundle(&s->sc, list, 5);
    stage_sign(s);
    stage_attempt(s);
    pki_pair_done(&root);
}

static void older(struct stage *s)
{
    (void)json_object_set_new(json_array_get(json_object_get(s->sc.doc, "compromised"), 0),
                              "since", json_string("2026-06-01T00:00:00Z"));
    stage_sign(s);
    stage_attempt(s);
}

static void same_module(struct stage *s)
{
    (void)json_object_set_new(json_array_get(json_object_get(s->sc.doc, "replacements"), 0),
                              "key_origin", json_string("same"));
    stage_sign(s);
    stage_attempt(s);
}

static void origin_unsaid(struct stage *s)
{
    (void)json_object_set_new(json_array_get(json_object_get(s->sc.doc, "compromised"), 0),
                              "cause", json_string("lost-control"));
    stage_sign(s);
    stage_attempt(s);
}

static void other_key(struct stage *s)
{
    (void)json_object_set_new(json_array_get(json_object_get(s->sc.doc, "compromised"), 0),
                              "key", scene_digest(s->sc.root.cert));
    stage_sign(s);
    stage_attempt(s);
}

const struct attack attack_certificates[] = {
    {"cert-party", "a certificate of another party", "replacement.party", another_party},
    {"cert-role", "a certificate of another role", "replacement.role", another_role},
    {"cert-usage", "a certificate of another usage", "replacement.usage", wrong_usage},
    {"cert-expired", "an expired certificate", "replacement.date", expired},
    {"cert-to-come", "a certificate of tomorrow", "replacement.date", to_come},
    {"cert-key", "a compromised key as replacement", "replacement.key", compromised_key},
    {"cert-key-other", "another cell's compromised key", "replacement.key",
     other_compromised_key},
    {"cert-old", "the compromised certificate itself", "replacement.key", old_again},
    {"cert-profile", "a certificate outside the profile", "cert.profile", profile},
    {"cert-chain", "a chain to a stranger's root", "replacement.chain", stranger_chain},
    {"cert-issuer", "the same, with the stranger's OCA", "replacement.chain",
     stranger_issuer},
    {"cert-by-org", "a certificate by an organisation", "replacement.chain",
     by_an_organisation},
    {"cert-octet", "a certificate with a wrong signature", "replacement.chain", octet},
    {"cert-swapped", "another certificate than decided", "replacement.missing", swapped},
    {"cert-more", "a certificate that is not named", "cert.unnamed", one_more},
    {"cert-fewer", "a certificate missing", "replacement.missing", one_fewer},
    {"cert-old-missing", "a compromised certificate missing", "compromised.missing",
     compromised_missing},
    {"cert-cell", "a cell that is not compromised", "cell.compromised", not_compromised},
    {"cert-cell-twice", "a cell named twice", "decision.schema", cell_twice},
    {"cert-exchanged", "two certificates exchanged", "replacement.usage", cells_exchanged},
    {"cert-root", "a root that devices cannot reach", "cell.compromised", root_unreached},
    {"cert-since", "a certificate older than the compromise", "replacement.since", older},
    {"cert-module", "a key from the suspected module", "replacement.origin", same_module},
    {"cert-origin", "a key of unsaid origin, control lost", "replacement.origin",
     origin_unsaid},
    {"cert-other-key", "a compromised key that is another", "compromised.key", other_key},
    {0},
};
