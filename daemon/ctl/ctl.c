/* SPDX-License-Identifier: MIT
 *
 * smki-recoveryctl - the operator's command: one table of verbs, one way to call.
 */
#include "ctl.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define OPT_VERB 1000 /* options of a verb: OPT_VERB + place in its table */

enum { OPT_SOCKET = 256, OPT_JSON, OPT_QUIET, OPT_YES, OPT_KEY, OPT_VERSION, OPT_LIST };

static const struct {
    const char *name, *arg;
    int value;
    const char *help;
} globals[] = {
    {"socket", "PATH", OPT_SOCKET, "operator socket (default " CTL_SOCKET ")"},
    {"json", NULL, OPT_JSON, "print what the service answers, as JSON"},
    {"quiet", NULL, OPT_QUIET, "no progress, no remarks"},
    {"yes", NULL, OPT_YES, "answer yes to every question"},
    {"key", "KEY", OPT_KEY, "Idempotency-Key of a changing request (default: random)"},
    {"help", NULL, 'h', "this text, or that of a verb"},
    {"version", NULL, OPT_VERSION, "version"},
    {"list-verbs", NULL, OPT_LIST, NULL}, /* for the completion */
};
#define N_GLOBALS (sizeof globals / sizeof globals[0])

static const struct ctl_verb *const tables[] = {
    ctl_view_verbs,     ctl_incident_verbs, ctl_file_verbs,    ctl_ceremony_verbs,
    ctl_decision_verbs, ctl_batch_verbs,    ctl_offline_verbs, ctl_evidence_verbs,
};
#define N_TABLES (sizeof tables / sizeof tables[0])

static void help_options(const struct ctl_verb *v)
{
    char text[64];

    for (size_t i = 0; i < CTL_OPTIONS_MAX && v->options[i].name != NULL; i++) {
        const struct ctl_option *o = &v->options[i];

        (void)snprintf(text, sizeof text, "--%s%s%s", o->name, o->arg != NULL ? " " : "",
                       o->arg != NULL ? o->arg : "");
        (void)printf("  %-24s %s\n", text, o->help);
    }
}

static void help(void)
{
    char text[80];

    (void)puts("smki-recoveryctl [OPTIONS] VERB ...\n"
               "Operate smki-recoveryd over its socket.\n");
    for (size_t t = 0; t < N_TABLES; t++) {
        for (const struct ctl_verb *v = tables[t]; v->name != NULL; v++) {
            (void)snprintf(text, sizeof text, "%s %s", v->name, v->args);
            (void)printf("  %-38s %s\n", text, v->help);
        }
    }
    (void)puts("\nOptions:");
    for (size_t i = 0; i < N_GLOBALS; i++) {
        if (globals[i].help == NULL)
            continue;
        (void)snprintf(text, sizeof text, "--%s%s%s", globals[i].name,
                       globals[i].arg != NULL ? " " : "",
                       globals[i].arg != NULL ? globals[i].arg : "");
        (void)printf("  %-24s %s\n", text, globals[i].help);
    }
    (void)puts(
        "\nExit: 0 done, 1 a rule forbids it, 2 usage, 3 bad input, 4 no such thing,\n"
        "5 busy or token away, 6 service not reached, 7 store, 8 answers that do not fit,\n"
        "9 rows that were not signed.  Options of a verb: smki-recoveryctl VERB --help");
}

static void help_verb(const struct ctl_verb *v)
{
    (void)printf("smki-recoveryctl %s [OPTIONS] %s\n%s\n", v->name, v->args, v->help);
    if (v->options[0].name != NULL)
        (void)puts("");
    help_options(v);
}

/* One line per verb: words, a tab, its options. */
static void list_verbs(void)
{
    for (size_t t = 0; t < N_TABLES; t++) {
        for (const struct ctl_verb *v = tables[t]; v->name != NULL; v++) {
            (void)printf("%s\t", v->name);
            for (size_t i = 0; i < CTL_OPTIONS_MAX && v->options[i].name != NULL; i++)
                (void)printf("%s--%s", i > 0 ? " " : "", v->options[i].name);
            (void)putchar('\n');
        }
    }
}

/* How many words of argv the verb's name takes; 0: it is another one. */
static int words_of(const struct ctl_verb *v, int argc, char **argv)
{
    const char *space = strchr(v->name, ' ');
    size_t n = space == NULL ? strlen(v->name) : (size_t)(space - v->name);

    if (argc < 1 || strlen(argv[0]) != n || memcmp(argv[0], v->name, n) != 0)
        return 0;
    if (space == NULL)
        return 1;
    return argc >= 2 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

static const struct ctl_verb *find_verb(int argc, char **argv, int *words)
{
    const struct ctl_verb *found = NULL;
    int n;

    *words = 0; /* "devices mark" before "devices" */
    for (size_t t = 0; t < N_TABLES; t++)
        for (const struct ctl_verb *v = tables[t]; v->name != NULL; v++)
            if ((n = words_of(v, argc, argv)) > *words) {
                *words = n;
                found = v;
            }
    return found;
}

/* Global options and, behind a verb, its own. */
static void option_table(const struct ctl_verb *v, struct option *out)
{
    size_t n = 0;

    for (size_t i = 0; i < N_GLOBALS; i++)
        out[n++] = (struct option){globals[i].name,
                                   globals[i].arg != NULL ? required_argument : no_argument,
                                   NULL, globals[i].value};
    for (size_t i = 0; v != NULL && i < CTL_OPTIONS_MAX && v->options[i].name != NULL; i++)
        out[n++] = (struct option){
            v->options[i].name, v->options[i].arg != NULL ? required_argument : no_argument,
            NULL, OPT_VERB + (int)i};
    out[n] = (struct option){NULL, 0, NULL, 0};
}

static bool key_ok(const char *key)
{
    size_t n = strlen(key);

    for (const char *p = key; *p != '\0'; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return false;
    return n >= 1 && n <= 64;
}

/* -1: go on; else exit with that code. */
static int parse(struct ctl *c, const struct ctl_verb *v, int argc, char **argv,
                 struct ctl_args *a)
{
    struct option options[N_GLOBALS + CTL_OPTIONS_MAX + 1];
    int o;

    option_table(v, options);
    optind = 0; /* GNU: start afresh */
    while ((o = getopt_long(argc, argv, v == NULL ? "+hq" : "hq", options, NULL)) != -1) {
        switch (o) {
        case OPT_SOCKET:
            c->socket = optarg;
            break;
        case OPT_JSON:
            c->json = true;
            break;
        case OPT_QUIET:
        case 'q':
            c->quiet = true;
            break;
        case OPT_YES:
            c->yes = true;
            break;
        case OPT_KEY:
            if (!key_ok(optarg)) {
                ctl_say("--key: 1 to 64 printable characters, no space");
                return CTL_USAGE;
            }
            c->key = optarg;
            break;
        case 'h':
            if (v == NULL)
                help();
            else
                help_verb(v);
            return CTL_OK;
        case OPT_VERSION:
            (void)puts("smki-recoveryctl " SMKI_VERSION);
            return CTL_OK;
        case OPT_LIST:
            list_verbs();
            return CTL_OK;
        default:
            if (o < OPT_VERB || a == NULL)
                return CTL_USAGE; /* getopt has said why */
            a->opt[o - OPT_VERB] = optarg != NULL ? optarg : "";
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct ctl c = {.socket = getenv("SMKI_RECOVERY_SOCKET"),
                    .login = getenv("SMKI_RECOVERY_EXERCISE_LOGIN")};
    const struct ctl_verb *v;
    struct ctl_args a = {0};
    int words, rc;

    (void)setlocale(LC_CTYPE, "");
    (void)signal(SIGPIPE, SIG_IGN);
    if (c.socket == NULL)
        c.socket = CTL_SOCKET;
    rc = parse(&c, NULL, argc, argv, NULL);
    if (rc >= 0)
        return rc;
    v = find_verb(argc - optind, argv + optind, &words);
    if (v == NULL) {
        ctl_say(optind < argc ? "there is no such verb; see --help"
                              : "a verb is missing; see --help");
        return CTL_USAGE;
    }
    /* getopt looks at argv[1..]: the verb's last word plays the program's name. */
    argc -= optind + words - 1;
    argv += optind + words - 1;
    rc = parse(&c, v, argc, argv, &a);
    if (rc >= 0)
        return rc;
    a.n = argc - optind;
    a.v = argv + optind;
    if (a.n < v->min || a.n > v->max) {
        ctl_say("usage: smki-recoveryctl %s [OPTIONS] %s", v->name, v->args);
        return CTL_USAGE;
    }
    rc = v->run(&c, &a);
    if (fflush(stdout) != 0 && rc == CTL_OK)
        rc = CTL_STORE;
    return rc;
}
