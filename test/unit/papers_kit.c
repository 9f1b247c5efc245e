/* SPDX-License-Identifier: MIT */
#include "papers_kit.h"

struct scene scene;
struct authority decision;
struct warrant *warrant;

void papers_kit_begin(void)
{
    kit_begin();
    scene_make(&scene);
    memset(&decision, 0, sizeof decision);
    warrant = NULL;
}

void papers_kit_end(void)
{
    warrant_free(warrant);
    scene_done(&scene);
    kit_end();
}

/* --- reading --- */

bool read_decision(void)
{
    memset(&e, 0, sizeof e);
    return authority_open(scene.cms, &scene.config, &scene.config.authorities[0],
                          scene.trust.anchors[0], SCENE_NOW, &decision, &e);
}

bool read_warrant_at(int64_t now_us)
{
    warrant_free(warrant);
    warrant = NULL;
    memset(&e, 0, sizeof e);
    return scene_open(&scene, now_us, &warrant, &e);
}

bool read_warrant(void)
{
    return read_warrant_at(SCENE_NOW);
}

bool read_certificate(X509 *x, struct cert *out)
{
    struct span der = pki_der(x);
    bool ok = cert_read(der, "it", out, &e);

    free((void *)(uintptr_t)der.at);
    return ok;
}

/* --- making --- */

void signed_by_two(void)
{
    scene_sign(&scene, 2);
}

struct pki_pair issue(enum role role, const struct eui64 *eui, enum key_usage usage,
                      EVP_PKEY *key, int64_t from, int64_t to,
                      const struct pki_pair *issuer)
{
    return pki_issue(&(struct pki_spec){.role = (int)role,
                                        .eui = eui,
                                        .usage = usage,
                                        .key = key,
                                        .issuer = issuer,
                                        .not_before = from,
                                        .not_after = to});
}

struct pki_pair issue_ca(const char *cn, enum role role, const struct pki_pair *issuer)
{
    return pki_issue(&(struct pki_spec){.cn = cn,
                                        .role = (int)role,
                                        .usage = KU_KEY_CERT_SIGN,
                                        .issuer = issuer,
                                        .not_before = FROM,
                                        .not_after = TO});
}

struct pki_spec supplier_spec(void)
{
    return (struct pki_spec){.role = ROLE_SUPPLIER,
                             .eui = &scene.supplier,
                             .usage = KU_DIGITAL_SIGNATURE,
                             .issuer = &scene.issuing,
                             .not_before = FROM,
                             .not_after = TO};
}

/* --- looking --- */

const struct authority_signer *signer_of(const char *holder, size_t n)
{
    for (size_t i = 0; i < decision.n_signers; i++)
        if (strcmp(decision.signers[i].holder, holder) == 0 && n-- == 0)
            return &decision.signers[i];
    ck_abort_msg("no such signer: %s", holder);
}

void decode_row(uint32_t row, uint64_t counter, struct message *m)
{
    static const struct sig_p256 sig = {{1, 2, 3}};
    struct digest d, again;
    struct span command;

    OK(warrant_digest(warrant, row, counter, &d, &e));
    OK(warrant_command(warrant, row, counter, &sig, &command, &e));
    OK(message_decode(command, m, &e));
    again = digest_of(m->signed_octets, span_of(NULL, 0));
    ck_assert(digest_equal(&d, &again));
    ck_assert_mem_eq(m->sig.b, sig.b, sizeof sig.b);
    ck_assert_uint_eq(m->counter, counter);
}

bool same_der(struct span der, X509 *x)
{
    struct span other = pki_der(x);
    bool same = span_equal(der, other);

    free((void *)(uintptr_t)other.at);
    return same;
}
