/* SPDX-License-Identifier: MIT
 *
 * smki-recovery-ceremony - what custodians do to a token, with no signer beside it.
 *
 * Two tables: the options, and the verbs with the options that each takes. The PIN comes
 * from where the signer takes it; there is none on the command line.
 *
 * Exit status as smki-recovery-signer, and
 *   1  refused; nothing is wrong with token or set-up
 */
#include "ceremony.h"
#include "ceremony_file.h"
#include "harden.h"
#include "shares.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static struct ceremony ceremony;

static const struct {
    const char *name, *value; /* value: what help calls it; NULL: a switch */
    const char *help;
    size_t at; /* in struct ceremony: const char *, bool of a switch, or a ceremony_list */
    bool many;
} options[] = {
#define OPTION(name, value, member, help)                           \
    {                                                               \
        name, value, help, offsetof(struct ceremony, member), false \
    }
#define LIST(name, value, member, help)                            \
    {                                                              \
        name, value, help, offsetof(struct ceremony, member), true \
    }
    OPTION("config", "FILE", config_path, "the configuration, recovery.conf(5)"),
    OPTION("token", "NAME", token, "which [Token], where there are several"),
    OPTION("records", "FOLDER", records, "where the record goes, else StateDirectory="),
    LIST("present", "PERSON", present, "a [Person] who is there; may be given again"),
    OPTION("key", "NAME", key, "which [Key]"),
    OPTION("probe", NULL, probe, "the key that signs nothing but probes"),
    OPTION("audit", NULL, audit, "the key that signs nothing but evidence"),
    OPTION("all", NULL, all, "both of them and every configured key"),
    OPTION("extractable", NULL, extractable,
           "to be backed up, once; until then it signs nothing"),
    OPTION("csr", "FOLDER", csr, "certificate requests, NAME.csr each, go there"),
    OPTION("out", "FILE", out, "write it there; a new file"),
    OPTION("cn", "TEXT", cn, "common name of the request"),
    OPTION("role", "HEX", role, "remote party role of the request, two digits"),
    OPTION("eui", "EUI64", eui, "EUI-64 of the request"),
    OPTION("originator", "EUI64", originator, "16 hexadecimal digits"),
    OPTION("raise-to", "N", raise_to, "the new mark; never lower"),
    OPTION("backup", "FILE", backup, "the wrapped key, as an earlier ceremony left it"),
    LIST("share", "FILE", shares, "a custodian's share, - for standard input; again"),
    LIST("custodian", "PERSON=FOLDER", custodians,
         "a [Person] who gets a share, and where; again"),
    OPTION("threshold", "M", threshold, "how many shares are needed, 2 or more"),
    OPTION("public", "SHA256", public, "digest of the public key, as show prints it"),
    LIST("decision", "FILE", decisions, "a decision that is over, CMS; again"),
#undef OPTION
#undef LIST
};
#define N_OPTIONS (sizeof options / sizeof options[0])

static const struct {
    const char *name;
    int (*run)(struct ceremony *c);
    const char *takes; /* names of options, blanks around each; config and token always */
    const char *help;
} verbs[] = {
    {"generate", ceremony_generate,
     " key probe audit all extractable csr out cn role eui present records ",
     "make configured keys in the token, give out their public keys"},
    {"csr", ceremony_csr, " key out cn role eui present records ",
     "a certificate request, signed by its own key"},
    {"show", ceremony_show, " ", "what is in the token: keys, other objects, marks"},
    {"mark", ceremony_mark, " originator raise-to present records ",
     "read an originator's counter mark, or raise it"},
    {"backup", ceremony_backup, " key out threshold custodian present records ",
     "wrap an extractable key, close it, split the secret among custodians"},
    {"restore", ceremony_restore, " backup share raise-to present records ",
     "put a key that was backed up into a token, and prove it"},
    {"prove", ceremony_prove, " backup share present records ",
     "would a restore succeed? nothing is left in the token"},
    {"rotate", ceremony_rotate, " backup share out threshold custodian present records ",
     "a new secret and new shares for a backup; the old ones open nothing new"},
    {"destroy", ceremony_destroy, " key public present records ",
     "destroy a key, and look that it is gone"},
    {"prune", ceremony_prune, " decision present records ",
     "take away the counts of decisions whose window is over"},
    {"pin-retry", ceremony_pin_retry, " ",
     "lift the bar that a wrong PIN has left, after its source was mended"},
};
#define N_VERBS (sizeof verbs / sizeof verbs[0])

int ceremony_failed(const struct ceremony *c, const struct err *e)
{
    (void)fprintf(stderr, "smki-recovery-ceremony: %s [%s]\n", e->text, e->id);
    if (c->session.worst != P11_FINE)
        return p11_exit_status(c->session.worst);
    if (e->code == ERR_INPUT)
        return EX_CONFIG;
    return e->code == ERR_BUSY || e->code == ERR_STORE ? EX_TEMPFAIL : 1;
}

int ceremony_wrong(const char *text)
{
    (void)fprintf(stderr, "smki-recovery-ceremony: %s\n", text);
    return EX_USAGE;
}

const char *ceremony_token(const struct ceremony *c, struct err *e)
{
    if (c->token != NULL)
        return c->token;
    if (c->config.n_tokens == 1)
        return c->config.tokens[0].name;
    (void)err_set(e, ERR_INPUT, "token.unknown",
                  "%zu tokens are configured: say which by --token", c->config.n_tokens);
    return NULL;
}

const struct config_key *ceremony_key(const struct ceremony *c)
{
    const struct config_key *k =
        c->key == NULL ? NULL : config_key_find(&c->config, c->key);

    if (k == NULL)
        (void)ceremony_wrong("--key NAME: a [Key] of the configuration");
    return k;
}

bool ceremony_find(struct ceremony *c, const struct config_key *k, struct p11_key *out,
                   struct err *e)
{
    enum p11_use use = p11_key_use(k->name);
    struct err ignored;

    return p11_key_find(&c->session, k->name, k->id, k->label, use, out, e) ||
           (strcmp(e->id, "token.key-attributes") == 0 &&
            p11_key_find_extractable(&c->session, k->name, k->id, k->label, use, out,
                                     &ignored));
}

bool ceremony_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out >= min &&
           *out <= max;
}

static bool takes(const char *list, const char *option)
{
    size_t len = strlen(option);

    if (strcmp(option, "config") == 0 || strcmp(option, "token") == 0)
        return true;
    for (const char *p = list; (p = strstr(p, option)) != NULL; p += len)
        if (p[-1] == ' ' && p[len] == ' ')
            return true;
    return false;
}

static void help_on(size_t verb)
{
    (void)printf("%s: %s\n", verbs[verb].name, verbs[verb].help);
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (takes(verbs[verb].takes, options[i].name))
            (void)printf("  --%s%s%s  %s\n", options[i].name,
                         options[i].value != NULL ? " " : "",
                         options[i].value != NULL ? options[i].value : "", options[i].help);
}

/* All verbs, or the one and its options. */
static int help(const char *verb)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (verb != NULL && strcmp(verb, verbs[i].name) == 0) {
            help_on(i);
            return 0;
        }
    (void)printf("smki-recovery-ceremony VERB --config FILE ...\n");
    for (size_t i = 0; i < N_VERBS; i++)
        (void)printf("  %-10s  %s\n", verbs[i].name, verbs[i].help);
    (void)printf("smki-recovery-ceremony VERB --help tells a verb's options; "
                 "smki-recovery-ceremony(8) all of it.\n");
    return 0;
}

/* given: a bit for each option */
static int run(size_t verb, unsigned long given)
{
    struct err e;
    int status;

    for (size_t i = 0; i < N_OPTIONS; i++)
        if ((given >> i & 1) != 0 && !takes(verbs[verb].takes, options[i].name)) {
            (void)fprintf(stderr,
                          "smki-recovery-ceremony: %s takes no --%s; see %s --help\n",
                          verbs[verb].name, options[i].name, verbs[verb].name);
            return EX_USAGE;
        }
    harden();
    shares_heap();
    ceremony_file_wipe();
    if (!config_load(ceremony.config_path, true, &ceremony.config, &e))
        return ceremony_failed(&ceremony, &e);
    status = verbs[verb].run(&ceremony);
    /* what was done before it failed is on record, too */
    if (status != 0 && ceremony.record_path[0] != '\0' && ceremony.record.n_keys > 0 &&
        !ceremony_leave(&ceremony, &e, "broken off; what is listed was done"))
        (void)ceremony_failed(&ceremony, &e);
    session_close(&ceremony.session);
    return status;
}

static int run_named(const char *name, unsigned long given)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(name, verbs[i].name) == 0)
            return run(i, given);
    return ceremony_wrong("unknown verb; smki-recovery-ceremony --help tells them");
}

static void take(size_t option)
{
    void *at = (char *)&ceremony + options[option].at;
    struct ceremony_list *list = at;

    if (options[option].value == NULL)
        *(bool *)at = true;
    else if (!options[option].many)
        *(const char **)at = optarg;
    else if (list->n < CEREMONY_LIST_MAX)
        list->at[list->n++] = optarg;
    else
        _exit(ceremony_wrong("an option is given too often"));
}

int main(int argc, char **argv)
{
    struct option known[N_OPTIONS + 2] = {{0}};
    bool wants_help = false;
    unsigned long given = 0;
    int c, status;

    for (size_t i = 0; i < N_OPTIONS; i++)
        known[i] =
            (struct option){options[i].name, options[i].value != NULL, NULL, (int)i + 256};
    known[N_OPTIONS] = (struct option){"help", no_argument, NULL, 'h'};
    ceremony.session.use_fd = -1;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (c == '?')
            _exit(EX_USAGE);
        if (c == 'h') {
            wants_help = true;
            continue;
        }
        take((size_t)c - 256);
        given |= 1ul << (c - 256);
    }
    if (wants_help)
        status = help(argv[optind]);
    else if (argc - optind != 1)
        status = ceremony_wrong("VERB --config FILE ...; see --help");
    else
        status = run_named(argv[optind], given);
    if (fflush(stdout) != 0 && status == 0)
        status = EX_IOERR;
    _exit(status); /* no exit handlers: modules crash in theirs */
}
