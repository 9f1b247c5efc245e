/* SPDX-License-Identifier: MIT */
#include "contingency.h"
#include "papers_kit.h"

#include <openssl/pem.h>

static void read_certs(X509 *x, struct certs *out)
{
    struct span der = pki_der(x);

    OK(certs_read(der, "it", out, &e));
    free((void *)(uintptr_t)der.at);
}

/* --- chains and bundles --- */

START_TEST(a_chain_runs_through_an_issuing_oca_to_the_root)
{
    struct pki_spec spec = supplier_spec();
    struct pki_pair p = pki_issue(&spec);
    struct pki_pair other_root = issue_ca("ZA", ROLE_ROOT, NULL);
    struct pki_pair other = issue_ca("Z1", ROLE_ISSUING_AUTHORITY, &other_root);
    struct pki_pair forged, named;
    struct certs alias = {0}, list = {0}, others = {0}, roots = {0}, wrong = {0};
    const struct cert *found = NULL;
    struct cert leaf;

    read_certs(scene.issuing.cert, &list);
    read_certs(other.cert, &others);
    read_certs(scene.root.cert, &roots);
    read_certs(other_root.cert, &wrong);
    ck_assert(read_certificate(p.cert, &leaf));
    ck_assert_msg(cert_chain(&leaf, &list, &roots.at[0], SCENE_NOW, &found, &e), "%s",
                  e.text);
    ck_assert_ptr_eq(found, &list.at[0]);
    /* Same names, other keys. */
    ck_assert(!cert_chain(&leaf, &others, &roots.at[0], SCENE_NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.chain");
    ck_assert(!cert_chain(&leaf, &list, &wrong.at[0], SCENE_NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.chain");
    ck_assert(!cert_chain(&leaf, &list, &list.at[0], SCENE_NOW, NULL, &e)); /* no root */
    ck_assert_str_eq(e.id, "cert.chain");
    ck_assert_ptr_nonnull(strstr(e.text, "not a self-signed Root"));
    cert_done(&leaf);
    /* Right key and key identifier, another name. */
    named = pki_issue(&(struct pki_spec){.cn = "Z7",
                                         .role = ROLE_ISSUING_AUTHORITY,
                                         .usage = KU_KEY_CERT_SIGN,
                                         .issuer = &scene.root,
                                         .key = scene.issuing.key,
                                         .not_before = FROM,
                                         .not_after = TO});
    ck_assert(read_certificate(p.cert, &leaf));
    read_certs(named.cert, &alias);
    ck_assert(!cert_issued_by(&leaf, &alias.at[0]));
    ck_assert(!cert_chain(&leaf, &alias, &roots.at[0], SCENE_NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.chain");
    certs_done(&alias);
    pki_pair_done(&named);
    cert_done(&leaf);
    /* Right name and key identifier, signed by somebody else. */
    forged = pki_issue(&spec);
    ck_assert_int_gt(X509_sign(forged.cert, other.key, EVP_sha256()), 0);
    ck_assert(read_certificate(forged.cert, &leaf));
    ck_assert(!cert_chain(&leaf, &list, &roots.at[0], SCENE_NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.chain");
    cert_done(&leaf);
    pki_pair_done(&forged);
    /* Right signature, another authority key identifier. */
    spec.flaw = PKI_WRONG_AKI;
    forged = pki_issue(&spec);
    ck_assert(read_certificate(forged.cert, &leaf));
    ck_assert(!cert_chain(&leaf, &list, &roots.at[0], SCENE_NOW, NULL, &e));
    cert_done(&leaf);
    pki_pair_done(&forged);
    certs_done(&list);
    certs_done(&others);
    certs_done(&roots);
    certs_done(&wrong);
    pki_pair_done(&other);
    pki_pair_done(&other_root);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_chain_is_in_date_at_every_step)
{
    struct pki_spec spec = supplier_spec();
    struct pki_pair p = pki_issue(&spec);
    struct pki_pair stale = pki_issue(&(struct pki_spec){.cn = "Z1",
                                                         .role = ROLE_ISSUING_AUTHORITY,
                                                         .usage = KU_KEY_CERT_SIGN,
                                                         .issuer = &scene.root,
                                                         .key = scene.issuing.key,
                                                         .not_before = FROM,
                                                         .not_after = FROM + 86400});
    struct certs list = {0}, old = {0}, both, roots = {0};
    const struct cert *found;
    struct cert leaf;

    read_certs(scene.issuing.cert, &list);
    read_certs(stale.cert, &old);
    read_certs(scene.root.cert, &roots);
    ck_assert(read_certificate(p.cert, &leaf));
    ck_assert(cert_chain(&leaf, &list, &roots.at[0], (int64_t)FROM * 1000000, NULL, &e));
    ck_assert(cert_chain(&leaf, &list, &roots.at[0], (int64_t)TO * 1000000, NULL, &e));
    ck_assert(
        !cert_chain(&leaf, &list, &roots.at[0], (int64_t)FROM * 1000000 - 1, NULL, &e));
    ck_assert_str_eq(e.id, "cert.expired");
    ck_assert(!cert_chain(&leaf, &list, &roots.at[0], (int64_t)TO * 1000000 + 1, NULL, &e));
    ck_assert_str_eq(e.id, "cert.expired");
    ck_assert(!cert_chain(&leaf, &old, &roots.at[0], SCENE_NOW, NULL, &e));
    ck_assert_str_eq(e.id, "cert.expired");
    /* The same issuer twice, once expired: the live certificate is taken. */
    both.n = 2;
    both.at[0] = old.at[0];
    both.at[1] = list.at[0];
    ck_assert(cert_chain(&leaf, &both, &roots.at[0], SCENE_NOW, &found, &e));
    ck_assert_ptr_eq(found, &both.at[1]);
    cert_done(&leaf);
    certs_done(&list);
    certs_done(&old);
    certs_done(&roots);
    pki_pair_done(&stale);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_bundle_holds_certificates_and_nothing_else)
{
    struct pki_spec spec = supplier_spec();
    struct pki_pair p = pki_issue(&spec);
    struct span pem = pki_pem(p.cert);
    struct span ca = pki_pem(scene.issuing.cert);
    char *text = NULL;
    struct certs c;
    BIO *b = BIO_new(BIO_s_mem());
    char *key;
    long len;

    /* Comments between blocks are fine; twice the same counts once. */
    ck_assert_int_gt(asprintf(&text, "# one\n%s# two\n%s%s", (const char *)pem.at,
                              (const char *)ca.at, (const char *)pem.at),
                     0);
    ck_assert_msg(certs_read(span_of(text, strlen(text)), "b.pem", &c, &e), "%s", e.text);
    ck_assert_uint_eq(c.n, 2);
    ck_assert_ptr_eq(certs_find(&c, &c.at[1].sha256), &c.at[1]);
    ck_assert_ptr_null(certs_find(&c, &c.at[1].key_sha256));
    certs_done(&c);
    free(text);
    {
        size_t most = 1u << 20;
        char *big = malloc(most + 1);

        memset(big, ' ', most + 1);
        ck_assert(!certs_read(span_of(big, most + 1), "b.pem", &c, &e));
        ck_assert_str_eq(e.id, "cert.too-many");
        ck_assert(!certs_read(span_of(big, most), "b.pem", &c, &e));
        ck_assert_str_eq(e.id, "cert.none");
        free(big);
    }
    ck_assert(!certs_read(span_of("nothing", 7), "b.pem", &c, &e));
    ck_assert_str_eq(e.id, "cert.none");
    ck_assert(!certs_read(span_of("", 0), "b.pem", &c, &e));
    ck_assert_str_eq(e.id, "cert.none");
    /* Cut short. */
    ck_assert(!certs_read(span_of(pem.at, pem.len - 40), "b.pem", &c, &e));
    ck_assert_str_eq(e.id, "cert.der");
    /* A private key has no place here. */
    ck_assert_int_eq(PEM_write_bio_PrivateKey(b, p.key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(b, &key);
    ck_assert(!certs_read(span_of(key, (size_t)len), "b.pem", &c, &e));
    ck_assert_str_eq(e.id, "cert.der");
    BIO_free(b);
    free((void *)(uintptr_t)pem.at);
    free((void *)(uintptr_t)ca.at);
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_bundle_has_a_limit)
{
    char *all = NULL;
    size_t all_len = 0;
    FILE *f = open_memstream(&all, &all_len);
    struct certs c;

    for (int i = 0; i <= CERTS_MAX; i++) {
        struct pki_spec spec = supplier_spec();
        struct pki_pair p = pki_issue(&spec);
        struct span pem = pki_pem(p.cert);

        ck_assert_uint_eq(fwrite(pem.at, 1, pem.len, f), pem.len);
        if (i == CERTS_MAX - 1) {
            ck_assert_int_eq(fflush(f), 0);
            ck_assert_msg(certs_read(span_of(all, all_len), "b", &c, &e), "%s", e.text);
            ck_assert_uint_eq(c.n, CERTS_MAX);
            certs_done(&c);
        }
        free((void *)(uintptr_t)pem.at);
        pki_pair_done(&p);
    }
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(!certs_read(span_of(all, all_len), "b", &c, &e));
    ck_assert_str_eq(e.id, "cert.too-many");
    free(all);
}
END_TEST

START_TEST(the_symmetric_key_opens_the_contingency_key)
{
    static const uint8_t kek[32] = {1, 2, 3};
    static const uint8_t other[32] = {1, 2, 4};
    EVP_PKEY *key = pki_key_new();
    struct span want = pki_point(key);
    struct pki_pair bare = issue_ca("ZA", ROLE_ROOT, NULL);
    struct point nothing;
    struct cert plain;

    ck_assert(read_certificate(bare.cert, &plain)); /* carries none */
    ck_assert(!contingency_present(&plain));
    ck_assert(!contingency_unwrap(&plain, span_of(kek, 16), &nothing, &e));
    ck_assert_str_eq(e.id, "contingency.wrapped");
    cert_done(&plain);
    pki_pair_done(&bare);
    for (size_t len = 16; len <= 32; len += 16) {
        struct span wrapped = pki_wrap_contingency(key, span_of(kek, len));
        struct pki_pair p = pki_issue(&(struct pki_spec){.cn = "ZA",
                                                         .role = ROLE_ROOT,
                                                         .usage = KU_KEY_CERT_SIGN,
                                                         .contingency = wrapped});
        struct point point;
        struct cert c;

        ck_assert_msg(read_certificate(p.cert, &c), "%s", e.text);
        ck_assert(contingency_present(&c));
        ck_assert_msg(contingency_unwrap(&c, span_of(kek, len), &point, &e), "%s", e.text);
        ck_assert_mem_eq(point.b, want.at, sizeof point.b);
        ck_assert(!contingency_unwrap(&c, span_of(other, len), &point, &e));
        ck_assert_str_eq(e.id, "contingency.wrapped");
        ck_assert(!contingency_unwrap(&c, span_of(kek, len - 1), &point, &e));
        cert_done(&c);
        pki_pair_done(&p);
        free((void *)(uintptr_t)wrapped.at);
    }
    free((void *)(uintptr_t)want.at);
    EVP_PKEY_free(key);
}
END_TEST

static const struct wrapped_so {
    struct pki_wrap how;
    const char *says; /* NULL: it opens */
} wrapped_so[] = {
    {{.plain = true, .named_plain = true}, NULL},
    {{.plain = true, .named_plain = true, .last = 1}, "stand 5 octets that are not"},
    {{.plain = true, .named_plain = true, .more = 8}, "stand 13 octets that are not"},
    {{.more = 5}, "stand 5 octets that are not the padding of RFC 5649"},
    {{.plain = true},
     "names RFC 5649 for the contingency key, which was wrapped by RFC 3394"},
    {{.named_plain = true},
     "names RFC 3394 for the contingency key, which was wrapped by RFC 5649"},
};

START_TEST(padding_of_the_contingency_key_is_told_apart)
{
    static const uint8_t kek[32] = {1, 2, 3};
    const struct wrapped_so *w = &wrapped_so[_i];
    EVP_PKEY *key = pki_key_new();
    struct span want = pki_point(key);
    struct span wrapped = pki_wrap_contingency_as(key, span_of(kek, 32), &w->how);
    struct pki_pair p = pki_issue(&(struct pki_spec){
        .cn = "ZA", .role = ROLE_ROOT, .usage = KU_KEY_CERT_SIGN, .contingency = wrapped});
    struct point point;
    struct cert c;

    ck_assert_msg(read_certificate(p.cert, &c), "%s", e.text);
    if (w->says == NULL) {
        ck_assert_msg(contingency_unwrap(&c, span_of(kek, 32), &point, &e), "%s", e.text);
        ck_assert_mem_eq(point.b, want.at, sizeof point.b);
    } else {
        ck_assert(!contingency_unwrap(&c, span_of(kek, 32), &point, &e));
        ck_assert_str_eq(e.id, "contingency.wrapped");
        ck_assert_msg(strstr(e.text, w->says) != NULL, "%s", e.text);
    }
    cert_done(&c);
    pki_pair_done(&p);
    free((void *)(uintptr_t)wrapped.at);
    free((void *)(uintptr_t)want.at);
    EVP_PKEY_free(key);
}
END_TEST

/* The certificates inside published commands: three replacements and their issuer. */
START_TEST(published_certificates_are_read)
{
    const char *dir = getenv("SMKI_VECTORS");
    char path[512], *line = NULL;
    size_t cap = 0, found = 0;
    FILE *f;

    if (dir == NULL)
        dir = getenv("SMKI_VECTORS_DEFAULT");
    (void)snprintf(path, sizeof path, "%s/rtds-cs02b-method1.txt", dir != NULL ? dir : ".");
    f = fopen(path, "r");
    if (f == NULL) {
        printf("# no vectors: %s is not there\n", path);
        return;
    }
    while (getline(&line, &cap, f) > 0) {
        static const char start[] = "message = DD";
        uint8_t m[4096];
        size_t len;

        if (strncmp(line, start, sizeof start - 1) != 0)
            continue;
        len = strcspn(line + 10, "\n") / 2;
        ck_assert(len <= sizeof m && hex_decode(line + 10, 2 * len, m, len));
        for (size_t i = 0; i + 4 < len; i++) {
            size_t n = 4 + (size_t)get_be16(m + i + 2);
            struct cert c;

            if (m[i] != 0x30 || m[i + 1] != 0x82 || i + n > len || n < 300 || n > 500)
                continue;
            if (!cert_read(span_of(m + i, n), "published", &c, &e)) {
                ck_assert_str_eq(e.id, "cert.der"); /* some other structure */
                continue;
            }
            found++;
            cert_done(&c);
        }
    }
    free(line);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_uint_eq(found, 7); /* 3 + 1 and 2 + 1 */
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_chain_runs_through_an_issuing_oca_to_the_root);
    tcase_add_test(t, a_chain_is_in_date_at_every_step);
    tcase_add_test(t, a_bundle_holds_certificates_and_nothing_else);
    tcase_add_test(t, a_bundle_has_a_limit);
    tcase_add_test(t, the_symmetric_key_opens_the_contingency_key);
    tcase_add_loop_test(t, padding_of_the_contingency_key_is_told_apart, 0,
                        (int)(sizeof wrapped_so / sizeof wrapped_so[0]));
    tcase_add_test(t, published_certificates_are_read);
}

int main(void)
{
    return kit_run("cert_chain", papers_kit_begin, papers_kit_end, add);
}
