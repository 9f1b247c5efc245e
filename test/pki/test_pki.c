/* SPDX-License-Identifier: MIT
 *
 * smki-test-pki - a throw-away PKI in one directory, for tests and rehearsals.
 */
#include "clock.h"
#include "pki.h"

#include <openssl/err.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char usage_text[] =
    "usage: smki-test-pki init   --dir D\n"
    "       smki-test-pki root   --dir D [--out F.pem --key K.key] [--contingency-pub "
    "P.pem\n"
    "                            --symmetric-key HEX]\n"
    "       smki-test-pki issuer --dir D --issuer NAME [--cn CN]\n"
    "       smki-test-pki issue  --dir D --out F.pem --role HH --eui HEX --usage ds|ka\n"
    "                            (--pubkey PUB.pem | --key OUT.key) [--cn NAME]\n"
    "                            [--issuer NAME] [--not-before T --not-after T]\n"
    "       smki-test-pki crl    --dir D --anchor NAME --out F.pem [--revoke CERT.pem]...\n"
    "                            [--not-before T --not-after T]\n"
    "       smki-test-pki sign   --dir D --in FILE --out F.cms NAME[:plain|:sha1]...\n"
    "       smki-test-pki person --dir D --anchor NAME --out F.pem --key K.key --cn "
    "HOLDER\n"
    "                            [--seat SEAT] [--organisation O] [--reuse]\n"
    "                            [--not-before T --not-after T]\n"
    "\n"
    "init writes root, issuing (Root OCA, Issuing OCA), pma-anchor and pma-1..5, "
    "org-anchor\n"
    "and org-1..2, custodian-anchor and custodian-1..3, each .pem and .key.\n"
    "root writes root.pem again with the key in root.key, or a new root with --out; "
    "issuer\n"
    "makes a further Issuing OCA NAME.pem; sign makes one CMS by all, which openssl(1) "
    "cannot\n"
    "where one signs plainly (no signed attributes) or over SHA-1; --reuse keeps the key "
    "already in K.key.\n"
    "Times are RFC 3339 in UTC. Everything here is for tests: no live use.\n";

struct options {
    const char *dir, *out, *key, *pubkey, *role, *eui, *usage, *cn, *issuer, *anchor;
    const char *seat, *organisation, *not_before, *not_after, *contingency, *symmetric;
    const char *in, *revoke[8];
    char **names; /* NULL at the end */
    size_t n_revoke;
    bool reuse;
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "smki-test-pki: %s\n%s", what, usage_text);
    exit(2);
}

static const char *want(const char *value, const char *what)
{
    if (value == NULL)
        fail(what);
    return value;
}

/* Path dir/name.suffix, in one of four static buffers. */
static const char *path_in(const struct options *o, const char *name, const char *suffix)
{
    static char text[4][512];
    static unsigned turn;
    char *p = text[turn++ % 4];

    if (snprintf(p, sizeof text[0], "%s/%s.%s", o->dir, name, suffix) >=
        (int)sizeof text[0])
        fail("path too long");
    return p;
}

static int64_t seconds(const char *text)
{
    int64_t us = 0;

    if (text != NULL && !clock_parse(text, &us))
        fail("not a time: YYYY-MM-DDTHH:MM:SSZ");
    return us / 1000000;
}

static void save(const struct options *o, const char *name, const struct pki_pair *p)
{
    pki_save_cert(path_in(o, name, "pem"), p->cert);
    pki_save_key(path_in(o, name, "key"), p->key);
}

static struct pki_pair load(const struct options *o, const char *name)
{
    return (struct pki_pair){.cert = pki_load_cert(path_in(o, name, "pem")),
                             .key = pki_load_key(path_in(o, name, "key"))};
}

struct person {
    const char *file, *holder, *seat, *organisation;
};

static void make_people(const struct options *o, const char *anchor, const char *cn,
                        const struct person *list, size_t n)
{
    struct pki_pair ca = pki_person(cn, NULL, "Rehearsal", true, NULL, NULL, 0, 0);

    save(o, anchor, &ca);
    for (size_t i = 0; i < n; i++) {
        struct pki_pair p = pki_person(list[i].holder, list[i].seat, list[i].organisation,
                                       false, NULL, &ca, 0, 0);

        save(o, list[i].file, &p);
        pki_pair_done(&p);
    }
    pki_pair_done(&ca);
}

static void init(const struct options *o)
{
    static const struct person members[] = {
        {"pma-1", "Member One", "chair", "Independent"},
        {"pma-2", "Member Two", "tabasc", "Architecture Board"},
        {"pma-3", "Member Three", "specialist", "Specialists Ltd"},
        {"pma-4", "Member Four", "large-supplier", "Large Supplier plc"},
        {"pma-5", "Member Five", "networks", "Networks plc"},
    };
    static const struct person officers[] = {
        {"org-1", "Officer One", "officer", "Supplier Ltd"},
        {"org-2", "Officer Two", "officer", "Supplier Ltd"},
    };
    static const struct person custodians[] = {
        {"custodian-1", "Custodian One", "custodian", "Large Supplier plc"},
        {"custodian-2", "Custodian Two", "custodian", "Networks plc"},
        {"custodian-3", "Custodian Three", "custodian", "Small Supplier Ltd"},
    };
    struct pki_pair root, issuing;

    (void)mkdir(o->dir, 0700);
    root = pki_issue(
        &(struct pki_spec){.cn = "ZA", .role = ROLE_ROOT, .usage = KU_KEY_CERT_SIGN});
    issuing = pki_issue(&(struct pki_spec){.cn = "Z1",
                                           .role = ROLE_ISSUING_AUTHORITY,
                                           .usage = KU_KEY_CERT_SIGN,
                                           .issuer = &root});
    save(o, "root", &root);
    save(o, "issuing", &issuing);
    make_people(o, "pma-anchor", "PMA Approver CA", members, 5);
    make_people(o, "org-anchor", "Supplier Officer CA", officers, 2);
    make_people(o, "custodian-anchor", "Custodian CA", custodians, 3);
    pki_pair_done(&root);
    pki_pair_done(&issuing);
}

static void root_again(const struct options *o)
{
    struct pki_spec spec = {.cn = "ZA", .role = ROLE_ROOT, .usage = KU_KEY_CERT_SIGN};
    struct pki_pair made;
    uint8_t kek[32];
    size_t kek_len = o->symmetric != NULL ? strlen(o->symmetric) / 2 : 0;

    if ((o->out != NULL) != (o->key != NULL))
        fail("root: --out and --key go together");
    if ((o->contingency != NULL) != (o->symmetric != NULL))
        fail("root: --contingency-pub and --symmetric-key go together");
    if (o->contingency != NULL) {
        EVP_PKEY *pub = pki_load_public(o->contingency);

        if ((kek_len != 16 && kek_len != 32) ||
            !hex_decode(o->symmetric, strlen(o->symmetric), kek, kek_len))
            fail("root: --symmetric-key is 32 or 64 hex digits");
        spec.contingency = pki_wrap_contingency(pub, span_of(kek, kek_len));
        EVP_PKEY_free(pub);
    }
    if (o->out == NULL)
        spec.key = pki_load_key(path_in(o, "root", "key"));
    made = pki_issue(&spec);
    pki_save_cert(o->out != NULL ? o->out : path_in(o, "root", "pem"), made.cert);
    if (o->key != NULL)
        pki_save_key(o->key, made.key);
    EVP_PKEY_free(spec.key);
    free((void *)(uintptr_t)spec.contingency.at);
    pki_pair_done(&made);
}

static void issuer(const struct options *o)
{
    const char *name = want(o->issuer, "issuer: --issuer NAME");
    struct pki_pair root = load(o, "root");
    struct pki_pair made = pki_issue(&(struct pki_spec){.cn = o->cn != NULL ? o->cn : "Z2",
                                                        .role = ROLE_ISSUING_AUTHORITY,
                                                        .usage = KU_KEY_CERT_SIGN,
                                                        .issuer = &root});

    save(o, name, &made);
    pki_pair_done(&made);
    pki_pair_done(&root);
}

static void issue(const struct options *o)
{
    const char *out = want(o->out, "issue: --out F.pem");
    const char *usage = want(o->usage, "issue: --usage ds|ka");
    const char *role = want(o->role, "issue: --role HH");
    const char *eui_text = want(o->eui, "issue: --eui HEX");
    struct pki_pair ca = load(o, o->issuer != NULL ? o->issuer : "issuing");
    struct pki_spec spec = {.cn = o->cn, .issuer = &ca};
    struct pki_pair made;
    struct eui64 eui;
    uint8_t number;

    if ((o->pubkey == NULL) == (o->key == NULL))
        fail("issue: one of --pubkey and --key");
    if (!hex_decode(role, strlen(role), &number, 1))
        fail("issue: --role is two hex digits");
    if (!eui64_parse(eui_text, strlen(eui_text), &eui))
        fail("issue: --eui is 16 hex digits");
    if (strcmp(usage, "ds") != 0 && strcmp(usage, "ka") != 0)
        fail("issue: --usage ds|ka");
    spec.role = number;
    spec.eui = &eui;
    spec.usage = usage[0] == 'd' ? KU_DIGITAL_SIGNATURE : KU_KEY_AGREEMENT;
    spec.not_before = seconds(o->not_before);
    spec.not_after = seconds(o->not_after);
    if (o->pubkey != NULL)
        spec.key = pki_load_public(o->pubkey);
    made = pki_issue(&spec);
    pki_save_cert(out, made.cert);
    if (o->key != NULL)
        pki_save_key(o->key, made.key);
    EVP_PKEY_free(spec.key);
    pki_pair_done(&made);
    pki_pair_done(&ca);
}

static void person(const struct options *o)
{
    const char *out = want(o->out, "person: --out F.pem");
    const char *key_path = want(o->key, "person: --key K.key");
    struct pki_pair ca = load(o, want(o->anchor, "person: --anchor NAME"));
    EVP_PKEY *key = o->reuse ? pki_load_key(key_path) : NULL;
    struct pki_pair made =
        pki_person(want(o->cn, "person: --cn HOLDER"), o->seat, o->organisation, false, key,
                   &ca, seconds(o->not_before), seconds(o->not_after));

    pki_save_cert(out, made.cert);
    pki_save_key(key_path, made.key);
    EVP_PKEY_free(key);
    pki_pair_done(&made);
    pki_pair_done(&ca);
}

static void sign(const struct options *o)
{
    const unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    BIO *in = BIO_new_file(want(o->in, "sign: --in FILE"), "rb");
    BIO *out = BIO_new_file(want(o->out, "sign: --out F.cms"), "wb");
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);

    if (in == NULL || out == NULL || cms == NULL)
        fail("sign: no such file");
    for (char **name = o->names; *name != NULL; name++) {
        char *how = strchr(*name, ':');
        struct pki_pair p;

        if (how != NULL)
            *how++ = '\0';
        p = load(o, *name);
        if (CMS_add1_signer(
                cms, p.cert, p.key,
                how != NULL && strcmp(how, "sha1") == 0 ? EVP_sha1() : EVP_sha256(),
                flags | CMS_NOCERTS |
                    (how != NULL && strcmp(how, "plain") == 0 ? CMS_NOATTR : 0)) == NULL)
            fail("sign: cannot");
        if (CMS_add1_cert(cms, p.cert) != 1)
            ERR_clear_error(); /* it is there already: one signs twice */
        pki_pair_done(&p);
    }
    if (CMS_final(cms, in, NULL, flags) != 1 || i2d_CMS_bio(out, cms) != 1)
        fail("sign: cannot");
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    BIO_free(out);
}

/* In force since yesterday, for a month, unless it is said otherwise. */
static void crl(const struct options *o)
{
    const char *out = want(o->out, "crl: --out F.pem");
    struct pki_pair ca = load(o, want(o->anchor, "crl: --anchor NAME"));
    int64_t now = (int64_t)time(NULL);
    X509 *revoked[8];
    X509_CRL *made;

    for (size_t i = 0; i < o->n_revoke; i++)
        revoked[i] = pki_load_cert(o->revoke[i]);
    made = pki_crl(&ca, revoked, o->n_revoke,
                   o->not_before != NULL ? seconds(o->not_before) : now - 86400,
                   o->not_after != NULL ? seconds(o->not_after) : now + 30 * 86400);
    pki_save_crl(out, made);
    X509_CRL_free(made);
    for (size_t i = 0; i < o->n_revoke; i++)
        X509_free(revoked[i]);
    pki_pair_done(&ca);
}

static const struct option option_list[] = {
    {"dir", required_argument, NULL, 'd'},
    {"out", required_argument, NULL, 'o'},
    {"key", required_argument, NULL, 'k'},
    {"pubkey", required_argument, NULL, 'p'},
    {"role", required_argument, NULL, 'r'},
    {"eui", required_argument, NULL, 'e'},
    {"usage", required_argument, NULL, 'u'},
    {"cn", required_argument, NULL, 'c'},
    {"issuer", required_argument, NULL, 'i'},
    {"anchor", required_argument, NULL, 'a'},
    {"seat", required_argument, NULL, 's'},
    {"organisation", required_argument, NULL, 'O'},
    {"not-before", required_argument, NULL, 'b'},
    {"not-after", required_argument, NULL, 'n'},
    {"contingency-pub", required_argument, NULL, 'C'},
    {"symmetric-key", required_argument, NULL, 'S'},
    {"in", required_argument, NULL, 'I'},
    {"revoke", required_argument, NULL, 'x'},
    {"reuse", no_argument, NULL, 'R'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char **option_slot(struct options *o, int c)
{
    switch (c) {
    case 'd':
        return &o->dir;
    case 'I':
        return &o->in;
    case 'o':
        return &o->out;
    case 'k':
        return &o->key;
    case 'p':
        return &o->pubkey;
    case 'r':
        return &o->role;
    case 'e':
        return &o->eui;
    case 'u':
        return &o->usage;
    case 'c':
        return &o->cn;
    case 'i':
        return &o->issuer;
    case 'a':
        return &o->anchor;
    case 's':
        return &o->seat;
    case 'O':
        return &o->organisation;
    case 'b':
        return &o->not_before;
    case 'n':
        return &o->not_after;
    case 'C':
        return &o->contingency;
    case 'S':
        return &o->symmetric;
    default:
        return NULL;
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *verb;
        void (*run)(const struct options *);
    } verbs[] = {{"init", init},   {"root", root_again}, {"issuer", issuer},
                 {"issue", issue}, {"person", person},   {"sign", sign},
                 {"crl", crl}};
    struct options o = {0};
    int c;

    while ((c = getopt_long(argc, argv, "", option_list, NULL)) != -1) {
        const char **slot = option_slot(&o, c);

        if (c == 'h')
            return fputs(usage_text, stdout) < 0;
        if (c == 'R')
            o.reuse = true;
        else if (c == 'x' && o.n_revoke < sizeof o.revoke / sizeof o.revoke[0])
            o.revoke[o.n_revoke++] = optarg;
        else if (slot != NULL)
            *slot = optarg;
        else
            fail("unknown option");
    }
    if (optind >= argc || (optind + 1 != argc && strcmp(argv[optind], "sign") != 0))
        fail("one verb");
    o.names = argv + optind + 1;
    (void)want(o.dir, "--dir D");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[optind], verbs[i].verb) == 0) {
            verbs[i].run(&o);
            return 0;
        }
    fail("unknown verb");
}
