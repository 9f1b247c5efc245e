/* SPDX-License-Identifier: MIT
 *
 * meter_main.c - smki-meter: simulated meters that judge CS02b commands as devices would.
 *
 * The program shares no line with the code it judges. It is told nothing but commands and
 * certificates, and answers with what a device would send. Verbs are rows of a table.
 *
 * Exit status:
 *   0   good
 *   1   a mutation or self-check did not come out as it must
 *   2   wrong use, unreadable files
 *   3   at least one command was refused
 *   77  self-check without its vectors
 */
#include "meter_cells.h"
#include "meter_init.h"
#include "meter_mutate.h"
#include "meter_run.h"
#include "meter_self.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct verb {
    const char *name, *help;
    int (*go)(int argc, char **argv);
};

/* NAME=REST; the name's length in *len, REST is returned */
static const char *split(const char *option, const char *text, char sep, size_t *len)
{
    const char *p = strchr(text, sep);
    if (!p || p == text || !p[1])
        die(2, "--%s %s: want NAME%cVALUE", option, text, sep);
    *len = (size_t)(p - text);
    return p + 1;
}

static void want(const char *option, const char *value)
{
    if (!value)
        die(2, "--%s is missing; see --help", option);
}

static void read_mix(struct init *in, const char *text)
{
    char *copy = strdup(text), *rest = copy;
    if (!copy)
        die(2, "out of memory");
    for (char *part; (part = strsep(&rest, ","));) {
        size_t len;
        const char *share = split("mix", part, ':', &len);
        int t = type_find(part, len);
        if (t < 0)
            die(2, "--mix %s: no such device type", part);
        in->mix[t] = (unsigned)arg_u64("mix", share, 1000000);
    }
    free(copy);
}

static enum cell cell_named(const char *option, const char *text, size_t len)
{
    enum cell c = cell_find(text, len);
    if (c == CELL_NONE)
        die(2, "--%s %s: no such cell", option, text);
    return c;
}

static int verb_init(int argc, char **argv)
{
    enum { STATE, DEVICES, MIX, FIRST, SEED, CELL, COUNTER, KEYS };
    static const struct option options[] = {
        {"state", 1, NULL, STATE}, {"devices", 1, NULL, DEVICES}, {"mix", 1, NULL, MIX},
        {"first", 1, NULL, FIRST}, {"seed", 1, NULL, SEED},       {"cell", 1, NULL, CELL},
        {"keys", 0, NULL, KEYS},   {"counter", 1, NULL, COUNTER}, {NULL, 0, NULL, 0},
    };
    struct init in = {.first = 0x00db123400000000, .seed = 1};
    bool devices = false;
    size_t len;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (o) {
        case STATE:
            in.state = optarg;
            break;
        case DEVICES:
            in.n = arg_u64("devices", optarg, 10000000);
            devices = true;
            break;
        case MIX:
            read_mix(&in, optarg);
            break;
        case FIRST:
            if (!hex_u64(optarg, &in.first))
                die(2, "--first %s: want 16 hexadecimal digits", optarg);
            break;
        case SEED:
            in.seed = arg_u64("seed", optarg, UINT64_MAX);
            break;
        case CELL: {
            const char *file = split("cell", optarg, '=', &len);
            in.cell[cell_named("cell", optarg, len)] = file;
            break;
        }
        case COUNTER: {
            const char *v = split("counter", optarg, '=', &len);
            int k = counter_find(optarg, len);
            if (k < 0)
                die(2, "--counter %s: no such role", optarg);
            in.counter[k] = (int64_t)arg_u64("counter", v, INT64_MAX);
            break;
        }
        case KEYS:
            in.keys = true;
            break;
        default:
            return 2;
        }
    want("state", in.state);
    if (!devices)
        want("devices", NULL);
    return init_meters(&in);
}

static int verb_run(int argc, char **argv)
{
    /* FAULTS first: the option's number is the fault's */
    enum { STATE = FAULTS, COMMANDS, RESPONSES, LOG, SIGNER, SEED, NOW, JSON };
    static const struct option options[] = {
        {"unreachable", 1, NULL, UNREACHABLE},
        {"cell-fail", 1, NULL, CELL_FAIL},
        {"duplicate", 1, NULL, DUPLICATE},
        {"late", 1, NULL, LATE},
        {"non-minimal", 1, NULL, NON_MINIMAL},
        {"wrong-counter", 1, NULL, WRONG_COUNTER},
        {"state", 1, NULL, STATE},
        {"commands", 1, NULL, COMMANDS},
        {"responses", 1, NULL, RESPONSES},
        {"log", 1, NULL, LOG},
        {"signer", 1, NULL, SIGNER},
        {"seed", 1, NULL, SEED},
        {"now", 1, NULL, NOW},
        {"json", 0, NULL, JSON},
        {NULL, 0, NULL, 0},
    };
    struct run r = {.seed = 1};
    const char *now = NULL;
    int which = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, &which)) != -1;)
        switch (o) {
        case STATE:
            r.state = optarg;
            break;
        case COMMANDS:
            r.commands = optarg;
            break;
        case RESPONSES:
            r.responses = optarg;
            break;
        case LOG:
            r.log = optarg;
            break;
        case SIGNER:
            r.signer = optarg;
            break;
        case SEED:
            r.seed = arg_u64("seed", optarg, UINT64_MAX);
            break;
        case NOW:
            now = optarg;
            break;
        case JSON:
            r.json = true;
            break;
        default:
            if (o < 0 || o >= FAULTS)
                return 2;
            r.fault[o] = arg_hundredths(options[which].name, optarg);
        }
    arg_time("now", now, r.now);
    want("state", r.state);
    want("responses", r.responses);
    want("log", r.log);
    return run_commands(&r);
}

static int verb_judge(int argc, char **argv)
{
    enum { STATE, NOW, JSON };
    static const struct option options[] = {
        {"state", 1, NULL, STATE},
        {"now", 1, NULL, NOW},
        {"json", 0, NULL, JSON},
        {NULL, 0, NULL, 0},
    };
    const char *state = NULL, *now = NULL;
    char at[TIME_LEN];
    bool json = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (o) {
        case STATE:
            state = optarg;
            break;
        case NOW:
            now = optarg;
            break;
        case JSON:
            json = true;
            break;
        default:
            return 2;
        }
    arg_time("now", now, at);
    want("state", state);
    if (optind == argc)
        die(2, "judge: no command file");
    return run_judge(state, at, json, argv + optind);
}

static int verb_cells(int argc, char **argv)
{
    static const struct option options[] = {{"state", 1, NULL, 0}, {NULL, 0, NULL, 0}};
    const char *state = NULL;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1; state = optarg)
        if (o != 0)
            return 2;
    want("state", state);
    return cells_tell(state);
}

static int verb_change(int argc, char **argv)
{
    enum { STATE, CELL, UNKNOWN, MODE, RESPONSES };
    static const struct option options[] = {
        {"state", 1, NULL, STATE},         {"cell", 1, NULL, CELL},
        {"unknown", 1, NULL, UNKNOWN},     {"mode", 1, NULL, MODE},
        {"responses", 1, NULL, RESPONSES}, {NULL, 0, NULL, 0},
    };
    struct cells_change c = {.mode = -1};
    size_t len;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (o) {
        case STATE:
            c.state = optarg;
            break;
        case CELL: {
            const char *file = split("cell", optarg, '=', &len);
            c.cell[cell_named("cell", optarg, len)] = file;
            break;
        }
        case UNKNOWN:
            c.unknown[cell_named("unknown", optarg, strlen(optarg))] = true;
            break;
        case MODE: /* 8 and 9 are commands of the service under test */
            c.mode = (int)arg_u64("mode", optarg, MODE_RECOVERY - 1);
            break;
        case RESPONSES:
            c.responses = optarg;
            break;
        default:
            return 2;
        }
    want("state", c.state);
    if (c.responses && c.mode < 0)
        want("mode", NULL);
    if (optind == argc)
        die(2, "change: no device");
    c.devices = argv + optind;
    return cells_change(&c);
}

static int verb_mutate(int argc, char **argv)
{
    enum { STATE, NOW, SIGNER, ISSUER, ISSUER_KEY };
    static const struct option options[] = {
        {"state", 1, NULL, STATE},           {"now", 1, NULL, NOW},
        {"signer", 1, NULL, SIGNER},         {"issuer", 1, NULL, ISSUER},
        {"issuer-key", 1, NULL, ISSUER_KEY}, {NULL, 0, NULL, 0},
    };
    struct mutate m = {0};
    const char *now = NULL;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (o) {
        case STATE:
            m.state = optarg;
            break;
        case NOW:
            now = optarg;
            break;
        case SIGNER:
            m.signer = optarg;
            break;
        case ISSUER:
            m.issuer = optarg;
            break;
        case ISSUER_KEY:
            m.issuer_key = optarg;
            break;
        default:
            return 2;
        }
    arg_time("now", now, m.now);
    want("state", m.state);
    if (argc - optind != 1)
        die(2, "mutate: want one command file");
    if (!m.issuer != !m.issuer_key)
        die(2, "--issuer and --issuer-key go together");
    m.file = argv[optind];
    return mutate(&m);
}

static int verb_selfcheck(int argc, char **argv)
{
    static const struct option options[] = {{"vectors", 1, NULL, 0}, {NULL, 0, NULL, 0}};
    const char *dir = NULL;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1; dir = optarg)
        if (o != 0)
            return 2;
    if (!dir)
        dir = getenv("SMKI_VECTORS");
    if (!dir)
        dir = getenv("SMKI_VECTORS_DEFAULT"); /* from meson */
    want("vectors", dir);
    return selfcheck(dir);
}

static const struct verb verbs[] = {
    {"init",
     "make simulated meters\n"
     "    --state DIR --devices N   where, how many\n"
     "    --cell NAME=FILE          certificate for a cell of every meter that holds it\n"
     "    --mix ESME:1,GSME:1       device types and their shares (this is the default)\n"
     "    --first EUI64             lowest identifier (00DB123400000000)\n"
     "    --seed N                  the meters' keys follow from it (1)\n"
     "    --counter ROLE=N          counter held for a role (0)\n"
     "    --keys                    public keys into DIR/roster.csv",
     verb_init},
    {"run",
     "give commands to the meters\n"
     "    --state DIR --commands PATH   folder of *.bin, tar archive, or - for a tar on\n"
     "                                  standard input; without it only time passes\n"
     "    --responses FILE              answers, one hexadecimal message a line\n"
     "    --log FILE                    what became of each, one JSON object a line\n"
     "    --signer KEY.pem              the commands are questions (CS02a) without "
     "counter\n"
     "                                  and signature: put in with that party's key\n"
     "    --unreachable P --cell-fail P --duplicate P --late P --non-minimal P\n"
     "    --wrong-counter P             share of meters that do so, in percent\n"
     "    --seed N                      which meters those are (1)\n"
     "    --now TIME                    2026-11-24T12:00:00Z; default: the clock\n"
     "    --json                        summary as JSON",
     verb_run},
    {"cells",
     "tell what each meter holds, one JSON object a line\n"
     "    --state DIR",
     verb_cells},
    {"change",
     "somebody else replaces what cells of some meters hold\n"
     "    --state DIR EUI64...\n"
     "    --cell NAME=FILE          by that certificate\n"
     "    --unknown NAME            by a key that nobody has seen, in the same party's "
     "name\n"
     "    --mode 0..7               by a command of that mode: it uses up a counter\n"
     "    --responses FILE          and this is what the meters answer to its sender",
     verb_change},
    {"judge",
     "say what would become of commands, change nothing\n"
     "    --state DIR [--now TIME] [--json] FILE...",
     verb_judge},
    {"mutate",
     "spoil a good command in many ways; each must be refused for the right reason\n"
     "    --state DIR [--now TIME] FILE\n"
     "    --signer KEY.pem          signs what is changed; default: a throw-away key that\n"
     "                              this meter is made to trust for the occasion\n"
     "    --issuer CERT.pem --issuer-key KEY.pem   to issue odd certificates",
     verb_mutate},
    {"selfcheck",
     "compare this program with published messages\n"
     "    --vectors DIR   default: $SMKI_VECTORS",
     verb_selfcheck},
};

static void usage(FILE *f)
{
    (void)fputs("usage: smki-meter VERB [OPTION...]\n\n", f);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        (void)fprintf(f, "  %-9s %s\n", verbs[i].name, verbs[i].help);
    (void)fputs("\ncells: root recovery-ds supplier-ds supplier-ka supplier-pp network-ds\n"
                "       network-ka acb-ds acb-ka tcos-ds wan-ds\n"
                "roles: root recovery supplier network acb tcos wan topup\n"
                "exit:  0 good, 1 a check failed, 2 wrong use, 3 a command was refused,\n"
                "       77 no vectors to check against\n",
                f);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(argv[1], verbs[i].name) != 0)
            continue;
        for (int k = 2; k < argc; k++)
            if (strcmp(argv[k], "--help") == 0) {
                (void)printf("smki-meter %s: %s\n", verbs[i].name, verbs[i].help);
                return 0;
            }
        int status = verbs[i].go(argc - 1, argv + 1);
        if (fflush(stdout) != 0)
            die_errno("standard output");
        return status;
    }
    die(2, "%s: no such verb; see --help", argv[1]);
}
