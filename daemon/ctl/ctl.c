/* SPDX-License-Identifier: MIT
 *
 * smki-recoveryctl - the operator's command: one table of verbs, one way to call.
 */
#include "ctl.h"

#include "near.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define OPT_VERB 1000 /* options of a verb: OPT_VERB + place in its table */

enum {
    OPT_SOCKET = 256,
    OPT_JSON,
    OPT_QUIET,
    OPT_YES,
    OPT_NO_PAGER,
    OPT_DRY_RUN,
    OPT_KEY,
    OPT_VERSION,
    OPT_LIST,
    OPT_WORDS
};

static const struct {
    const char *name, *arg;
    int value;
    const char *help;
} globals[] = {
    {"socket", "PATH", OPT_SOCKET, "operator socket (default " CTL_SOCKET ")"},
    {"json", NULL, OPT_JSON, "print what the service answers, as JSON"},
    {"quiet", NULL, OPT_QUIET, "no progress, no remarks"},
    {"yes", NULL, OPT_YES, "answer yes to every question"},
    {"no-pager", NULL, OPT_NO_PAGER, "print at a terminal what is long, and page nothing"},
    {"dry-run", NULL, OPT_DRY_RUN, "judge what would change something, and change nothing"},
    {"key", "KEY", OPT_KEY, "Idempotency-Key of a changing request (default: random)"},
    {"help", NULL, 'h', "this text, or that of a verb"},
    {"version", NULL, OPT_VERSION, "version"},
    {"list-verbs", NULL, OPT_LIST, NULL}, /* for the completion */
    {"list-words", "KIND", OPT_WORDS, NULL},
};
#define N_GLOBALS (sizeof globals / sizeof globals[0])

static const struct ctl_verb *const tables[] = {
    ctl_view_verbs,     ctl_incident_verbs, ctl_file_verbs,    ctl_ceremony_verbs,
    ctl_decision_verbs, ctl_batch_verbs,    ctl_offline_verbs, ctl_evidence_verbs,
};
#define N_TABLES  (sizeof tables / sizeof tables[0])
#define VERBS_MAX 96

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

static void help(const struct ctl *c)
{
    char text[80];

    ctl_page(c);
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
        "9 rows that were not signed, 128 and more: a signal.\n"
        "Options of a verb: smki-recoveryctl help VERB");
}

static void help_verb(const struct ctl_verb *v)
{
    (void)printf("smki-recoveryctl %s [OPTIONS] %s\n%s\n", v->name, v->args, v->help);
    if (v->options[0].name != NULL)
        (void)puts("");
    help_options(v);
    (void)printf("\nExample:\n  smki-recoveryctl %s\n", ctl_example(v->name));
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

/* No verb of that name: the nearest, and those that begin with the same word. */
static int no_verb(int argc, char **argv)
{
    const char *words[VERBS_MAX];
    char given[2 * CTL_NAME_MAX + 2];
    char hint[NEAR_TEXT];
    size_t n = 0, all = 0, first;

    if (argc == 0) {
        ctl_say("a verb is missing");
        ctl_next("smki-recoveryctl help lists them; smki-recoveryctl status says what "
                 "waits for whom");
        return CTL_USAGE;
    }
    first = strlen(argv[0]);
    for (size_t t = 0; t < N_TABLES; t++)
        for (const struct ctl_verb *v = tables[t]; v->name != NULL; v++) {
            if (all < VERBS_MAX)
                words[all++] = v->name;
            n += strncmp(v->name, argv[0], first) == 0 && v->name[first] == ' ';
        }
    if (n > 0 && argc == 1) {
        ctl_say("\"%s\" needs a second word:", argv[0]);
        for (size_t i = 0; i < all; i++)
            if (strncmp(words[i], argv[0], first) == 0 && words[i][first] == ' ')
                ctl_next("smki-recoveryctl %s", words[i]);
        ctl_next("smki-recoveryctl help says what each does");
        return CTL_USAGE;
    }
    (void)snprintf(given, sizeof given, "%.*s%s%.*s", CTL_NAME_MAX, argv[0],
                   argc > 1 ? " " : "", CTL_NAME_MAX, argc > 1 ? argv[1] : "");
    for (size_t i = 0; i < all && n > 0;) /* the first word is one: of its verbs alone */
        if (strncmp(words[i], argv[0], first) == 0 && words[i][first] == ' ')
            i++;
        else
            words[i] = words[--all];
    (void)near_hint(hint, given, words, n > 0 || near_word(given, words, all) ? all : 0);
    if (n == 0 && near_word(given, words, all) != NULL)
        ctl_say("there is no verb \"%s\"; did you mean \"%s\"?", given,
                near_word(given, words, all));
    else
        ctl_say("there is no verb \"%s\"%s", given, n > 0 ? hint : "");
    ctl_next("smki-recoveryctl help lists every verb");
    return CTL_USAGE;
}

/* An option that the verb has not: the nearest of those it has. */
static int no_option(const struct ctl_verb *v, const char *given)
{
    const char *words[N_GLOBALS + CTL_OPTIONS_MAX];
    char hint[NEAR_TEXT];
    char name[CTL_NAME_MAX + 1];
    size_t n = 0;

    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    for (size_t i = 0; v != NULL && i < CTL_OPTIONS_MAX && v->options[i].name != NULL; i++)
        words[n++] = v->options[i].name;
    for (size_t i = 0; i < N_GLOBALS; i++)
        if (globals[i].help != NULL)
            words[n++] = globals[i].name;
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], name) == 0) {
            ctl_say("--%s needs a value behind it, or takes none", name);
            goto next;
        }
    ctl_say("there is no option --%s%s", name, near_hint(hint, name, words, n));
next:
    ctl_next("smki-recoveryctl %s%s--help", v != NULL ? v->name : "", v != NULL ? " " : "");
    return CTL_USAGE;
}

/* Its --out, as getopt numbers it; '?': it has none. */
static int out_option(const struct ctl_verb *v)
{
    for (size_t i = 0; i < CTL_OPTIONS_MAX && v->options[i].name != NULL; i++)
        if (strcmp(v->options[i].name, "out") == 0)
            return OPT_VERB + (int)i;
    return '?';
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
    opterr = 0;
    optind = 0; /* GNU: start afresh */
    while ((o = getopt_long(argc, argv, v == NULL ? "+hq" : "hqo:", options, NULL)) != -1) {
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
        case OPT_NO_PAGER:
            c->no_pager = true;
            break;
        case OPT_DRY_RUN:
            c->dry_run = true;
            break;
        case OPT_KEY:
            if (!key_ok(optarg)) {
                ctl_say("--key: 1 to 64 printable characters, no space");
                ctl_next("--key is the Idempotency-Key; without one a random one is used");
                return CTL_USAGE;
            }
            c->key = optarg;
            break;
        case 'h':
            if (v == NULL)
                help(c);
            else
                help_verb(v);
            return CTL_OK;
        case OPT_VERSION:
            (void)puts("smki-recoveryctl " SMKI_VERSION);
            return CTL_OK;
        case OPT_LIST:
            list_verbs();
            return CTL_OK;
        case OPT_WORDS:
            return ctl_words(optarg);
        case 'o': /* where the result goes, where a verb has that */
            o = out_option(v);
            if (o < OPT_VERB || a == NULL)
                return no_option(v, "--out");
            a->opt[o - OPT_VERB] = optarg;
            break;
        default:
            if (o < OPT_VERB || a == NULL)
                return no_option(v, argv[optind - 1]);
            a->opt[o - OPT_VERB] = optarg != NULL ? optarg : "";
        }
    }
    return -1;
}

/* What was to be printed is out, or the exit status says that it is not. Where the reader wants no
 * more (head) it is what it would be by the signal; a pager that was left early is none. */
static int ended(int rc)
{
    int why = 0;
    bool paged;

    if (fflush(stdout) != 0)
        why = errno;
    else if (ferror(stdout) != 0)
        why = EIO;
    paged = ctl_page_end();
    if (ctl_stop != 0)
        rc = CTL_SIGNAL + ctl_stop;
    else if (why == EPIPE && !paged)
        rc = CTL_SIGNAL + SIGPIPE;
    if (why != 0 && why != EPIPE && rc == CTL_OK) {
        ctl_say("standard output cannot be written: %s", strerror(why));
        ctl_next("make room, or name another file; what was asked for is done");
        rc = CTL_STORE;
    }
    ctl_say_end(rc);
    return rc;
}

static void on_stop(int signal)
{
    ctl_stop = signal;
}

/* Ctrl-C and its like end what is under way in order; a second one at once. */
static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaction(signals[i], &stop, NULL);
}

/* --json counts for errors of the command line too, wherever it stands. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static int run(struct ctl *c, int argc, char **argv)
{
    const struct ctl_verb *v;
    struct ctl_args a = {0};
    int words, rc;

    rc = parse(c, NULL, argc, argv, NULL);
    if (rc >= 0)
        return rc;
    if (optind < argc && strcmp(argv[optind], "help") == 0) {
        argc--; /* "help batch start" is "batch start --help" */
        memmove(&argv[optind], &argv[optind + 1], (size_t)(argc - optind) * sizeof *argv);
        if (argc == optind) {
            help(c);
            return CTL_OK;
        }
        v = find_verb(argc - optind, argv + optind, &words);
        if (v == NULL)
            return no_verb(argc - optind, argv + optind);
        help_verb(v);
        return CTL_OK;
    }
    v = find_verb(argc - optind, argv + optind, &words);
    if (v == NULL)
        return no_verb(argc - optind, argv + optind);
    /* getopt looks at argv[1..]: the verb's last word plays the program's name. */
    argc -= optind + words - 1;
    argv += optind + words - 1;
    rc = parse(c, v, argc, argv, &a);
    if (rc >= 0)
        return rc;
    a.n = argc - optind;
    a.v = argv + optind;
    if (a.n < v->min || a.n > v->max) {
        ctl_say("%s takes %s%s%s, and %d %s given", v->name, v->args[0] != '\0' ? "" : "no",
                v->args[0] != '\0' ? v->args : " argument",
                v->args[0] != '\0' && v->min == 0 ? " or none" : "", a.n,
                a.n == 1 ? "was" : "were");
        ctl_next("smki-recoveryctl %s --help", v->name);
        return CTL_USAGE;
    }
    rc = v->run(c, &a);
    if (rc == CTL_OK && c->dry_run && !c->quiet)
        ctl_say(c->judged ? "a dry run: the service would do it, and has changed nothing"
                          : "%s changes nothing at the service, with --dry-run or without",
                v->name);
    return rc;
}

int main(int argc, char **argv)
{
    struct ctl c = {.socket = getenv("SMKI_RECOVERY_SOCKET"),
                    .login = getenv("SMKI_RECOVERY_EXERCISE_LOGIN")};

    (void)setlocale(LC_CTYPE, "");
    catch_signals();
    if (c.socket == NULL)
        c.socket = CTL_SOCKET;
    if (wants_json(argc, argv))
        ctl_say_json();
    return ended(run(&c, argc, argv));
}
