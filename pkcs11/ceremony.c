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
#include "harden.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static struct ceremony ceremony;

static const struct {
    const char *name, *value; /* value: what help calls it; NULL: a switch */
    const char *help;
    size_t at; /* in struct ceremony: const char *, or bool for a switch */
} options[] = {
#define OPTION(name, value, member, help)                    \
    {                                                        \
        name, value, help, offsetof(struct ceremony, member) \
    }
    OPTION("config", "FILE", config_path, "the configuration, recovery.conf(5)"),
    OPTION("token", "NAME", token, "which [Token], where there are several"),
    OPTION("key", "NAME", key, "which [Key]"),
    OPTION("probe", NULL, probe, "the key that signs nothing but probes"),
    OPTION("audit", NULL, audit, "the key that signs nothing but evidence"),
    OPTION("all", NULL, all, "both of them and every configured key"),
    OPTION("extractable", NULL, extractable,
           "to be backed up, once; until then it signs nothing"),
    OPTION("out", "FILE", out, "write it there, too; a new file"),
    OPTION("originator", "EUI64", originator, "16 hexadecimal digits"),
    OPTION("raise-to", "N", raise_to, "the new mark; never lower"),
#undef OPTION
};
#define N_OPTIONS (sizeof options / sizeof options[0])

static const struct {
    const char *name;
    int (*run)(struct ceremony *c);
    const char *takes; /* names of options, blanks around each; config and token always */
    const char *help;
} verbs[] = {
    {"generate", ceremony_generate, " key probe audit all extractable out ",
     "make configured keys in the token, give out their public keys"},
    {"show", ceremony_show, " ", "what is in the token: keys, other objects, marks"},
    {"mark", ceremony_mark, " originator raise-to ",
     "read an originator's counter mark, or raise it"},
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
    if (!config_load(ceremony.config_path, true, &ceremony.config, &e))
        return ceremony_failed(&ceremony, &e);
    status = verbs[verb].run(&ceremony);
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
    char *at = (char *)&ceremony + options[option].at;

    if (options[option].value == NULL)
        *(bool *)(void *)at = true;
    else
        *(const char **)(void *)at = optarg;
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
