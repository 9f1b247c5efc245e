/* SPDX-License-Identifier: MIT
 *
 * meter_forge.c - make one CS02b or CS02a command with software keys, for tests.
 *
 * It knows the message format from the same source as the judge and nothing of the program
 * under test. Options say what goes into the message; nothing is checked.
 */
#include "meter_message.h"
#include "meter_pem.h"

#include <getopt.h>
#include <string.h>

enum {
    TARGET,
    FROM,
    MODE,
    COUNTER,
    SIGNER,
    CELL,
    PATH,
    DISAPPLY,
    FLOOR,
    TOPUP,
    OTHER,
    EXECUTE,
    SYMMETRIC,
    AUTHORITY,
    BROKER,
    DEVICE,
    ROLES,
    OUT,
};

static const struct option options[] = {
    {"target", 1, NULL, TARGET},
    {"originator", 1, NULL, FROM},
    {"mode", 1, NULL, MODE},
    {"counter", 1, NULL, COUNTER},
    {"signer", 1, NULL, SIGNER},
    {"cell", 1, NULL, CELL},
    {"path", 1, NULL, PATH},
    {"disapply", 0, NULL, DISAPPLY},
    {"floor", 1, NULL, FLOOR},
    {"topup", 1, NULL, TOPUP},
    {"other", 1, NULL, OTHER},
    {"execute", 1, NULL, EXECUTE},
    {"symmetric", 1, NULL, SYMMETRIC},
    {"authority", 1, NULL, AUTHORITY},
    {"broker", 1, NULL, BROKER},
    {"device", 1, NULL, DEVICE},
    {"roles", 1, NULL, ROLES},
    {"out", 1, NULL, OUT},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "usage: meter-forge --target EUI --originator EUI --counter N --out FILE\n"
    "  CS02b: --mode N [--cell NAME=CERT.pem]... [--path CERT.pem]... [--disapply]\n"
    "         [--floor N] [--topup N] [--other ROLE=FLOOR[:TOPUP]]... [--execute TIME]\n"
    "         [--symmetric HEX] [--authority CELL|none] (default: as the mode asks)\n"
    "  CS02a: --roles 0,1,2 --authority CELL\n"
    "  --signer KEY.pem                      signature\n"
    "  --broker KEY.pem --device POINT_HEX   MAC, from the broker's and the device's "
    "keys\n";

struct forge {
    struct pool pool;
    struct command c;
    struct out ids[REPLACEMENTS_MAX + 1];
    uint8_t symmetric[64], z[32], device[POINT_LEN];
    const char *signer, *broker, *out;
    bool has_device, authority_given;
};

static enum cell cell_arg(const char *text, size_t len)
{
    enum cell c = cell_find(text, len);
    if (c == CELL_NONE)
        die(2, "%s: no such cell", text);
    return c;
}

static void set_authority(struct forge *f, enum cell c)
{
    struct out *id = &f->ids[REPLACEMENTS_MAX];
    id->len = 0;
    cell_identifier(id, c);
    f->c.authority.body = out_octets(id);
    f->c.has_authority = true;
}

static void add_cell(struct forge *f, const char *text)
{
    const char *file = strchr(text, '=');
    if (!file || f->c.n_put == REPLACEMENTS_MAX)
        die(2, "--cell %s: want NAME=FILE", text);
    struct out *id = &f->ids[f->c.n_put];
    cell_identifier(id, cell_arg(text, (size_t)(file - text)));
    struct replacement *r = &f->c.put[f->c.n_put++];
    r->id.body = out_octets(id);
    r->cert = f->pool.at[pool_add_file(&f->pool, file + 1)]->der;
}

static void add_change(struct forge *f, const char *text)
{
    const char *floor = strchr(text, '=');
    int role = floor ? counter_find(text, (size_t)(floor - text)) : -1;
    if (role < 0 || f->c.n_changes == CHANGES_MAX)
        die(2, "--other %s: want ROLE=FLOOR[:TOPUP]", text);
    struct change *ch = &f->c.changes[f->c.n_changes++];
    char *end;
    *ch = (struct change){role, strtoll(floor + 1, &end, 10), -1};
    if (*end == ':')
        ch->topup = strtoll(end + 1, &end, 10);
    if (*end)
        die(2, "--other %s: want ROLE=FLOOR[:TOPUP]", text);
}

static void add_roles(struct forge *f, const char *text)
{
    char *end = NULL;
    f->c.env.code = CODE_CS02A;
    for (const char *p = text;; p = end + 1) {
        if (f->c.n_roles == CHANGES_MAX)
            die(2, "--roles: too many");
        f->c.roles[f->c.n_roles++] = strtoll(p, &end, 10);
        if (end == p || (*end && *end != ','))
            die(2, "--roles %s: want numbers and commas", text);
        if (!*end)
            return;
    }
}

static void set_device(struct forge *f, const char *hex)
{
    uint8_t b[POINT_LEN];
    size_t n = strlen(hex) / 2;
    if (n > sizeof b || !hex_read(hex, strlen(hex), b, n) ||
        !point_expand((struct octets){b, n}, f->device))
        die(2, "--device %s: no P-256 point", hex);
    f->has_device = true;
}

static void read_option(struct forge *f, int o, const char *arg)
{
    struct command *c = &f->c;
    switch (o) {
    case TARGET:
    case FROM:
        if (!hex_u64(arg, o == TARGET ? &c->env.target : &c->env.originator))
            die(2, "%s: want 16 hexadecimal digits", arg);
        break;
    case MODE:
        c->mode = (int64_t)arg_u64("mode", arg, MODES - 1);
        c->env.code = CODE_CS02B + (unsigned)c->mode;
        break;
    case COUNTER:
        c->env.counter = arg_u64("counter", arg, INT64_MAX);
        c->counter = (int64_t)c->env.counter;
        break;
    case SIGNER:
        f->signer = arg;
        break;
    case CELL:
        add_cell(f, arg);
        break;
    case PATH:
        if (c->n_path == PATH_MAX_CERTS)
            die(2, "--path: too many");
        c->path[c->n_path++] = f->pool.at[pool_add_file(&f->pool, arg)]->der;
        break;
    case DISAPPLY:
        c->disapply = true;
        break;
    case FLOOR:
        c->floor = (int64_t)arg_u64("floor", arg, INT64_MAX);
        break;
    case TOPUP:
        c->topup = (int64_t)arg_u64("topup", arg, INT64_MAX);
        break;
    case OTHER:
        add_change(f, arg);
        break;
    case EXECUTE:
        arg_time("execute", arg, c->execute);
        break;
    case SYMMETRIC: {
        size_t n = strlen(arg) / 2;
        if (n > sizeof f->symmetric || !hex_read(arg, strlen(arg), f->symmetric, n))
            die(2, "--symmetric: want hexadecimal");
        c->symmetric_key = (struct octets){f->symmetric, n};
        break;
    }
    case AUTHORITY:
        f->authority_given = true;
        if (strcmp(arg, "none") != 0)
            set_authority(f, cell_arg(arg, strlen(arg)));
        break;
    case BROKER:
        f->broker = arg;
        break;
    case DEVICE:
        set_device(f, arg);
        break;
    case ROLES:
        add_roles(f, arg);
        break;
    case OUT:
        f->out = arg;
        break;
    default:
        die(2, "wrong option; see --help");
    }
}

int main(int argc, char **argv)
{
    struct forge f = {.c = {.floor = -1, .topup = -1}};
    pool_init(&f.pool);
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        (void)fputs(help, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        read_option(&f, o, optarg);
    if (!f.out || !f.c.env.code || !f.broker != !f.has_device)
        die(2, "--out, and --mode or --roles, are needed; --broker goes with --device");
    if (!f.authority_given && f.c.mode != MODE_ACB)
        set_authority(&f, mode_rows[f.c.mode].authority);

    EVP_PKEY *signer = f.signer ? pem_key_read(f.signer) : NULL;
    if (f.broker) {
        EVP_PKEY *broker = pem_key_read(f.broker);
        uint8_t scalar[SCALAR_LEN];
        if (!key_scalar(broker, scalar) || !ecdh(scalar, f.device, f.z))
            die(2, "%s: no key agreement with it", f.broker);
        EVP_PKEY_free(broker);
    }
    struct out message = {0};
    command_build(&f.c, 0, signer, f.broker ? f.z : NULL, &message);
    FILE *out = fopen(f.out, "wbe");
    if (!out || fwrite(message.at, 1, message.len, out) != message.len || fclose(out) != 0)
        die_errno("%s", f.out);

    EVP_PKEY_free(signer);
    out_free(&message);
    for (size_t i = 0; i <= REPLACEMENTS_MAX; i++)
        out_free(&f.ids[i]);
    pool_done(&f.pool);
    return 0;
}
