/* SPDX-License-Identifier: MIT
 *
 * smki-recovery-ceremony - what custodians do to a token, with no signer beside it.
 *
 *   generate   make the configured keys in the token, give out their public keys
 *   show       what is in the token: configured keys, other objects, counter marks
 *   mark       read an originator's counter mark, or raise it after a restored database
 *   pin-retry  lift the bar that a wrong PIN has left, after its source was mended
 *
 * The PIN comes from where the signer takes it; there is none on the command line.
 *
 * Exit status as smki-recovery-signer, and
 *   1  refused; nothing is wrong with token or set-up
 */
#include "harden.h"
#include "mem.h"
#include "p11_generate.h"
#include "verify.h"
#include "watermark.h"

#include <openssl/pem.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* As the service's ledger has it (raising.h): more is a slip of the hand. */
#define RAISE_MAX (UINT64_C(1) << 32)

struct wish {
    const char *config, *key, *token, *originator, *raise_to, *out;
    bool probe, audit, all;
};

static struct config config;
static struct session session;

static int failed(const struct err *e)
{
    (void)fprintf(stderr, "smki-recovery-ceremony: %s [%s]\n", e->text, e->id);
    if (session.worst != P11_FINE)
        return p11_exit_status(session.worst);
    if (e->code == ERR_INPUT)
        return EX_CONFIG;
    return e->code == ERR_BUSY || e->code == ERR_STORE ? EX_TEMPFAIL : 1;
}

static int wrong(const char *text)
{
    (void)fprintf(stderr, "smki-recovery-ceremony: %s\n", text);
    return EX_USAGE;
}

/* The token meant by --token, or the only one. */
static const char *token_of(const struct wish *w, struct err *e)
{
    if (w->token != NULL)
        return w->token;
    if (config.n_tokens == 1)
        return config.tokens[0].name;
    (void)err_set(e, ERR_INPUT, "token.unknown",
                  "%zu tokens are configured: say which by --token", config.n_tokens);
    return NULL;
}

/* --- generate --- */

static bool write_pem(FILE *f, const char *name, const char *id, const struct p11_key *k)
{
    AUTO(pkey) EVP_PKEY *key = verify_key(&k->point);

    return key != NULL && fprintf(f, "# %s, id %s\n", name, id) > 0 &&
           PEM_write_PUBKEY(f, key) == 1 && fflush(f) == 0;
}

static bool make(const char *name, const char *id, const char *label, enum p11_use use,
                 FILE *out, struct err *e)
{
    struct p11_key key;
    bool bound;

    if (!p11_generate(&session, name, id, label, use, &key, &bound, e))
        return false;
    if (!write_pem(stdout, name, id, &key) ||
        (out != NULL && (!write_pem(out, name, id, &key) || fsync(fileno(out)) != 0)))
        return err_set(e, ERR_STORE, "token.state",
                       "%s: made, but its public key could not be written: %s", name,
                       strerror(errno));
    if (use == P11_USE_SIGN && !bound)
        (void)fprintf(stderr, "%s: the module does not bind keys to CKM_ECDSA\n", name);
    return true;
}

static bool wanted_key(const struct wish *w, const struct config_key *k, const char *token)
{
    return strcmp(k->token, token) == 0 &&
           (w->all || (w->key != NULL && strcmp(k->name, w->key) == 0));
}

static const char probe_label[] = "smki-recovery probe";
static const char audit_label[] = "smki-recovery audit";

/* All ids are looked up before the first key is made. */
static bool generate_on(const struct wish *w, const struct config_token *t, FILE *out,
                        struct err *e)
{
    bool probe = w->probe || w->all;
    bool audit = w->audit || w->all;

    if (!session_open(&session, &config, t->name, true, e) ||
        (probe && !p11_id_free(&session, "probe key", t->probe_id, e)) ||
        (audit && !p11_id_free(&session, "audit key", t->audit_id, e)))
        return false;
    for (size_t i = 0; i < config.n_keys; i++)
        if (wanted_key(w, &config.keys[i], t->name) &&
            !p11_id_free(&session, config.keys[i].name, config.keys[i].id, e))
            return false;
    if ((probe && !make("probe key", t->probe_id, probe_label, P11_USE_SIGN, out, e)) ||
        (audit && !make("audit key", t->audit_id, audit_label, P11_USE_SIGN, out, e)))
        return false;
    for (size_t i = 0; i < config.n_keys; i++) {
        const struct config_key *k = &config.keys[i];

        if (wanted_key(w, k, t->name) &&
            !make(k->name, k->id, k->label, p11_key_use(k->name), out, e))
            return false;
    }
    session_close(&session);
    return true;
}

static int generate(const struct wish *w)
{
    const struct config_key *k = w->key == NULL ? NULL : config_key_find(&config, w->key);
    const char *only = k != NULL ? k->token : w->token;
    FILE *out = NULL;
    struct err e;
    bool ok = true;

    if ((w->key != NULL) + w->probe + w->audit + w->all != 1)
        return wrong("generate wants one of --key NAME, --probe, --audit, --all");
    if (w->key != NULL && k == NULL)
        return wrong("no such key in the configuration");
    if ((w->probe || w->audit) && (only = token_of(w, &e)) == NULL)
        return failed(&e);
    if (only != NULL && config_token_find(&config, only) == NULL)
        return wrong("no such token in the configuration");
    if (w->out != NULL && (out = fopen(w->out, "wxe")) == NULL) {
        (void)err_set(&e, ERR_INPUT, "token.state", "%s: %s", w->out, strerror(errno));
        return failed(&e);
    }
    for (size_t i = 0; ok && i < config.n_tokens; i++)
        if (only == NULL || strcmp(only, config.tokens[i].name) == 0)
            ok = generate_on(w, &config.tokens[i], out, &e);
    if (out != NULL && !ok && ftell(out) == 0)
        (void)unlink(w->out); /* nothing was made */
    if (out != NULL && fclose(out) != 0 && ok)
        ok = err_set(&e, ERR_STORE, "token.state", "%s: %s", w->out, strerror(errno));
    return ok ? 0 : failed(&e);
}

/* --- show --- */

static void show_hex(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        (void)printf("%02x", at[i]);
}

static void show_configured(const char *token)
{
    for (size_t i = 0; i < config.n_keys; i++) {
        const struct config_key *k = &config.keys[i];
        enum p11_use use = p11_key_use(k->name);
        struct p11_key key;
        struct err e;

        if (strcmp(k->token, token) != 0)
            continue;
        if (p11_key_find(&session, k->name, k->id, k->label, use, &key, &e)) {
            struct digest d = digest_of(span_of(key.point.b, 65), span_of(NULL, 0));

            (void)printf("key %s id %s for %s, public key sha256 ", k->name, k->id,
                         use == P11_USE_SIGN ? "signing" : "agreement");
            show_hex(d.b, sizeof d.b);
            (void)printf("\n");
        } else {
            (void)printf("key %s id %s NOT USABLE: %s [%s]\n", k->name, k->id, e.text,
                         e.id);
        }
    }
}

static bool show_objects(struct err *e)
{
    PKCS11_KEY *keys;
    PKCS11_CERT *certs;
    unsigned n;

    session_deadline(&session);
    if (PKCS11_enumerate_keys(session.token, &keys, &n) != 0)
        return err_set(e, ERR_TOKEN, "token.lost", "listing keys: %s", err_openssl());
    for (unsigned i = 0; i < n; i++) {
        (void)printf("object private key, label \"%s\", id ",
                     keys[i].label != NULL ? keys[i].label : "");
        show_hex(keys[i].id, keys[i].id_len);
        (void)printf("\n");
    }
    if (PKCS11_enumerate_certs(session.token, &certs, &n) != 0)
        return err_set(e, ERR_TOKEN, "token.lost", "listing certificates: %s",
                       err_openssl());
    for (unsigned i = 0; i < n; i++) {
        (void)printf("object certificate, label \"%s\", id ",
                     certs[i].label != NULL ? certs[i].label : "");
        show_hex(certs[i].id, certs[i].id_len);
        (void)printf("\n");
    }
    session_idle();
    return true;
}

/* The originators are in the labels: "originator-counter <EUI-64>". */
static bool show_marks(struct err *e)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE by[] = {{CKA_CLASS, &class, sizeof class}};
    CK_OBJECT_HANDLE at[256];
    CK_ULONG n;

    if (!p11_search(&session, by, 1, at, 256, &n, e))
        return false;
    for (CK_ULONG i = 0; i < n; i++) {
        static const char front[] = "originator-counter ";
        char label[64] = "";
        CK_ULONG len = sizeof label - 1;
        struct eui64 o;
        uint64_t mark;

        if (!p11_read(&session, at[i], CKA_LABEL, label, &len, e))
            return false;
        if (len != sizeof front - 1 + 16 || memcmp(label, front, sizeof front - 1) != 0 ||
            !eui64_parse(label + sizeof front - 1, 16, &o))
            continue;
        if (watermark_get(&session, &o, &mark, e))
            (void)printf("mark %s %llu\n", label + sizeof front - 1,
                         (unsigned long long)mark);
        else
            (void)printf("mark %s NOT USABLE: %s [%s]\n", label + sizeof front - 1, e->text,
                         e->id);
    }
    return true;
}

static int show(const struct wish *w)
{
    struct err e;
    const char *token = token_of(w, &e);

    if (token == NULL || !session_open(&session, &config, token, true, &e))
        return failed(&e);
    (void)printf("token %s label \"%s\" serial %s model \"%s\"\n", token,
                 config_token_find(&config, token)->label,
                 config_token_find(&config, token)->serial, session.model);
    show_configured(token);
    return show_objects(&e) && show_marks(&e) ? 0 : failed(&e);
}

/* --- mark, pin-retry --- */

static int mark(const struct wish *w)
{
    struct err e;
    const char *token = token_of(w, &e);
    struct eui64 o;
    uint64_t now, to = 0;
    char *end = NULL;

    if (w->originator == NULL || !eui64_parse(w->originator, strlen(w->originator), &o))
        return wrong("mark wants --originator EUI, 16 hexadecimal digits");
    if (w->raise_to != NULL) {
        errno = 0;
        to = strtoull(w->raise_to, &end, 10);
        if (errno != 0 || *end != '\0' || w->raise_to[0] < '0' || w->raise_to[0] > '9' ||
            to > INT64_MAX)
            return wrong("--raise-to wants a number below 2^63");
    }
    if (token == NULL || !session_open(&session, &config, token, true, &e) ||
        !watermark_get(&session, &o, &now, &e))
        return failed(&e);
    (void)printf("mark %s %llu\n", w->originator, (unsigned long long)now);
    if (w->raise_to == NULL)
        return 0;
    if (to <= now) {
        (void)err_set(&e, ERR_DENIED, "token.counter-mark",
                      "the mark is %llu; it is only ever raised", (unsigned long long)now);
        return failed(&e);
    }
    if (to - now > RAISE_MAX) {
        (void)err_set(&e, ERR_DENIED, "token.counter-mark",
                      "%llu counters would be lost; at most %llu at a time",
                      (unsigned long long)(to - now), (unsigned long long)RAISE_MAX);
        return failed(&e);
    }
    (void)printf("lost %llu counters for good, %.3g percent of the sequence; left %llu\n",
                 (unsigned long long)(to - now),
                 100.0 * (double)(to - now) / (double)INT64_MAX,
                 (unsigned long long)INT64_MAX - to);
    if (!watermark_raise(&session, &o, now + 1, to, &e))
        return failed(&e);
    (void)printf("mark %s raised to %llu\n", w->originator, (unsigned long long)to);
    return 0;
}

static int pin_retry(const struct wish *w)
{
    struct err e;
    const char *token = token_of(w, &e);

    if (token == NULL || !session_forgive(&config, token, &e))
        return failed(&e);
    (void)printf("the PIN of token %s will be tried again, once\n", token);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const struct wish *w);
} verbs[] = {
    {"generate", generate}, {"show", show}, {"mark", mark}, {"pin-retry", pin_retry}};

static int run(const char *verb, const struct wish *w)
{
    struct err e;

    harden();
    if (!config_load(w->config, true, &config, &e))
        return failed(&e);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verb, verbs[i].name) == 0) {
            int status = verbs[i].run(w);

            session_close(&session);
            return status;
        }
    return wrong("unknown verb; generate, show, mark or pin-retry");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"token", required_argument, NULL, 't'},
                                            {"originator", required_argument, NULL, 'o'},
                                            {"raise-to", required_argument, NULL, 'r'},
                                            {"out", required_argument, NULL, 'f'},
                                            {"probe", no_argument, NULL, 'p'},
                                            {"audit", no_argument, NULL, 'u'},
                                            {"all", no_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    struct wish w = {0};
    int c, status;

    session.use_fd = -1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            w.config = optarg;
            break;
        case 'k':
            w.key = optarg;
            break;
        case 't':
            w.token = optarg;
            break;
        case 'o':
            w.originator = optarg;
            break;
        case 'r':
            w.raise_to = optarg;
            break;
        case 'f':
            w.out = optarg;
            break;
        case 'p':
            w.probe = true;
            break;
        case 'u':
            w.audit = true;
            break;
        case 'a':
            w.all = true;
            break;
        default:
            _exit(EX_USAGE);
        }
    }
    if (argc - optind != 1)
        status = wrong("VERB [--config FILE] ...; verbs: generate show mark pin-retry");
    else
        status = run(argv[optind], &w);
    if (fflush(stdout) != 0 && status == 0)
        status = EX_IOERR;
    _exit(status); /* no exit handlers: modules crash in theirs */
}
