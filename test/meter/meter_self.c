/* SPDX-License-Identifier: MIT
 *
 * meter_self.c - see the header. The vector files are text: `name = value` lines in
 * [blocks], and two lists. What a block offers decides what is checked on it.
 */
#include "meter_self.h"

#include "meter_message.h"

#include <string.h>
#include <sys/stat.h>

#define NAMES_MAX 32

struct block {
    const char *file, *title;
    size_t n;
    struct {
        const char *name;
        const char *text;
        uint8_t *own;
        struct octets value; /* .at NULL when it is no hexadecimal */
    } row[NAMES_MAX];
};

struct self {
    struct block block;
    struct pool pool;
    struct out points; /* published public points, 65 octets each */
    size_t used, failed;
};

static void expect(struct self *s, bool ok, const char *what)
{
    s->used++;
    if (ok)
        return;
    s->failed++;
    (void)printf("wrong: %s [%s] %s\n", s->block.file, s->block.title, what);
}

static struct octets get(const struct block *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->row[i].name, name) == 0)
            return b->row[i].value;
    return (struct octets){0};
}

static bool get_text(const struct block *b, const char *name, const char *text)
{
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->row[i].name, name) == 0)
            return strcmp(b->row[i].text, text) == 0;
    return false;
}

static void check_kdf(struct self *s)
{
    struct octets z = get(&s->block, "Z"), info = get(&s->block, "OtherInfo"),
                  want = get(&s->block, "derived_key");
    uint8_t key[16];
    if (z.len != 32 || info.len != 33 || want.len != 16)
        return;
    kdf(z.at, octets_u64(info.at + 7), info.at[16], octets_u64(info.at + 17),
        octets_u64(info.at + 25), key);
    expect(s, octets_same(OCTETS(key), want), "derived key");
}

static void check_agreement(struct self *s)
{
    struct octets z = get(&s->block, "Z"), d = get(&s->block, "acb_ka_private"),
                  q = get(&s->block, "deviceA_ka_public_xy");
    uint8_t point[POINT_LEN] = {4}, got[32];
    if (!d.len)
        d = get(&s->block, "supplierA_ka_private");
    if (z.len != 32 || d.len != SCALAR_LEN || q.len != POINT_LEN - 1)
        return;
    memcpy(point + 1, q.at, q.len);
    expect(s, ecdh(d.at, point, got) && octets_same(OCTETS(got), z), "shared secret");
}

static void check_gmac(struct self *s)
{
    struct octets key = get(&s->block, "key"), iv = get(&s->block, "iv"),
                  aad = get(&s->block, "aad"), tag = get(&s->block, "tag_12");
    uint8_t mac[MAC_LEN];
    /* A device authenticates CS02b and never decrypts it: only the MAC is of use. */
    if (key.len != 16 || iv.len != 12 || get(&s->block, "plaintext").len)
        return;
    gmac(key.at, iv.at, aad, mac);
    expect(s, octets_same(OCTETS(mac), tag), "GMAC");
}

static bool verifies(struct octets point, const struct envelope *e)
{
    uint8_t digest[32];
    EVP_PKEY *key = key_public(point);
    sha256(e->signed_part, digest);
    bool ok = key && ecdsa_verify(key, digest, e->signature.at);
    EVP_PKEY_free(key);
    return ok;
}

static void check_signature(struct self *s, const struct envelope *e)
{
    struct octets point = get(&s->block, "signer_public_point"),
                  xy = get(&s->block, "supplierA_ds_public_xy");
    uint8_t full[POINT_LEN] = {4};
    if (xy.len == POINT_LEN - 1) {
        memcpy(full + 1, xy.at, xy.len);
        point = OCTETS(full);
    }
    if (!e->signature.len)
        return;
    if (point.len) {
        expect(s, verifies(point, e), "signature");
        return;
    }
    /* Where the signer is not named, one of the published keys must be its. */
    bool found = false;
    for (size_t at = 0; at < s->points.len && !found; at += POINT_LEN)
        found = verifies((struct octets){s->points.at + at, POINT_LEN}, e);
    expect(s, found, "signature by one of the published keys");
}

static void check_mac(struct self *s, const struct envelope *e)
{
    struct octets key = get(&s->block, "derived_key");
    uint8_t mac[MAC_LEN];
    if (!key.len)
        key = get(&s->block, "mac_key");
    if (!e->mac_header || key.len != 16)
        return;
    gbcs_mac(key.at, e->originator, e->covered, mac);
    expect(s, octets_same(OCTETS(mac), e->mac), "MAC");
}

static void check_certificates(struct self *s, const struct command *c)
{
    if (c->n_path != 1) {
        expect(s, false, "one path certificate");
        return;
    }
    /* The root is not published: the issuing certificate takes its place. */
    struct path_spec spec = {.root = pool_add(&s->pool, c->path[0])};
    for (size_t i = 0; i < c->n_put; i++) {
        const char *why;
        uint32_t leaf = pool_add(&s->pool, c->put[i].cert);
        int status = cert_judge(&s->pool, leaf, c->put[i].id.cell, &spec, &why);
        expect(s, status == STATUS_SUCCESS, *why ? why : "certificate");
    }
}

static void check_command(struct self *s, const struct envelope *e)
{
    struct command c = {.env = *e};
    enum refusal r = payload_read(&c);
    expect(s, r == ACCEPTED, refusal_name(r));
    if (r != ACCEPTED)
        return;
    expect(s, c.counter == (int64_t)e->counter, "the two counters");
    expect(s, e->code == CODE_CS02B + (unsigned)c.mode, "code and mode");
    check_certificates(s, &c);

    struct out again = {0};
    struct envelope same;
    command_build(&c, 0, NULL, NULL, &again);
    expect(s,
           envelope_read(out_octets(&again), &same) == ACCEPTED &&
               octets_same(same.payload, e->payload) && octets_same(same.header, e->header),
           "the same octets when built again");
    out_free(&again);
}

static void check_message(struct self *s)
{
    struct octets message = get(&s->block, "message"), part;
    struct envelope e;
    if (!message.len)
        return;
    enum refusal r = envelope_read(message, &e);
    expect(s, r == ACCEPTED, refusal_name(r));
    if (r != ACCEPTED)
        return;
    if ((part = get(&s->block, "grouping_header")).len)
        expect(s, octets_same(part, e.header), "grouping header");
    if ((part = get(&s->block, "payload")).len)
        expect(s, octets_same(part, e.payload), "payload");
    if ((part = get(&s->block, "signed_octets")).len)
        expect(s, octets_same(part, e.signed_part), "signed octets");
    check_mac(s, &e);
    check_signature(s, &e);
    if (get_text(&s->block, "cra", "command"))
        check_command(s, &e);
}

static void check_block(struct self *s)
{
    check_kdf(s);
    check_agreement(s);
    check_gmac(s);
    check_message(s);
    for (size_t i = 0; i < s->block.n; i++)
        free(s->block.row[i].own);
    s->block.n = 0;
}

static void add_row(struct self *s, char *name, char *value)
{
    struct block *b = &s->block;
    if (b->n == NAMES_MAX)
        die(2, "%s: block too long", b->file);
    size_t n = strlen(value) / 2;
    uint8_t *at = must_realloc(NULL, n);
    b->row[b->n].name = name;
    b->row[b->n].text = value;
    b->row[b->n].own = at;
    b->row[b->n].value = (struct octets){0};
    if (n && hex_read(value, strlen(value), at, n)) {
        b->row[b->n].value = (struct octets){at, n};
        if (strcmp(name, "signer_public_point") == 0)
            out_put(&s->points, at, n);
    }
    b->n++;
}

/* "POINT ID" */
static void list_key_id(struct self *s, char *line)
{
    uint8_t point[POINT_LEN], want[KEYID_LEN], id[KEYID_LEN];
    if (strlen(line) != 2 * (POINT_LEN + KEYID_LEN) + 1 ||
        !hex_read(line, 2 * POINT_LEN, point, sizeof point) ||
        !hex_read(line + 2 * POINT_LEN + 1, 2 * KEYID_LEN, want, sizeof want)) {
        expect(s, false, "line");
        return;
    }
    key_identifier(point, id);
    expect(s, memcmp(id, want, sizeof id) == 0, "key identifier");
    out_put(&s->points, point, sizeof point);
}

/* "role usage management = HEX : note" */
static void list_identifier(struct self *s, char *value)
{
    uint8_t der[32];
    struct identifier id;
    struct out again = {0};
    size_t n = strcspn(value, " ") / 2;
    bool ok = n > 2 && n <= sizeof der && hex_read(value, 2 * n, der, n) &&
              identifier_read((struct octets){der + 2, n - 2}, &id) == ACCEPTED &&
              id.cell != CELL_NONE;
    if (ok) {
        cell_identifier(&again, id.cell);
        ok = octets_same(out_octets(&again), id.body);
    }
    out_free(&again);
    expect(s, ok, "cell identifier");
}

static void check_file(struct self *s, const char *dir, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        die(2, "out of memory");
    size_t len, before = s->used;
    char *text = (char *)file_read(path, &len), *rest = text;
    s->block = (struct block){.file = name, .title = ""};
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *eq = strchr(line, '=');
        if (*line == '#' || !*line)
            continue;
        if (*line == '[') {
            check_block(s);
            line[strcspn(line, "]")] = '\0';
            s->block.title = line + 1;
        } else if (strcmp(name, "key-identifier.txt") == 0) {
            list_key_id(s, line);
        } else if (eq && strcmp(name, "der-cell-identifiers.txt") == 0) {
            list_identifier(s, eq + 2);
        } else if (eq && eq > line) {
            eq[-1] = '\0';
            add_row(s, line, eq[1] ? eq + 2 : eq + 1);
        }
    }
    check_block(s);
    (void)printf("%-32s %zu checks\n", name, s->used - before);
    free(text);
    free(path);
}

int selfcheck(const char *dir)
{
    static const char *const files[] = {
        /* the two that bring public keys come before those that need them */
        "key-identifier.txt",
        "rtds-other-messages.txt",
        "der-cell-identifiers.txt",
        "gcm.txt",
        "kdf.txt",
        "gbcs-18.4-critical-command.txt",
        "gbcs-18.4-noncritical-command.txt",
        "gbcs-18.4-noncritical-response.txt",
        "rtds-cs02b-method1.txt",
    };
    struct stat st;
    struct self s = {0};
    if (stat(dir, &st) != 0) {
        (void)fprintf(stderr, "smki-meter: %s: no vectors\n", dir);
        return 77;
    }
    pool_init(&s.pool);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_file(&s, dir, files[i]);
    (void)printf("%zu checks on published values, %zu wrong\n", s.used, s.failed);
    pool_done(&s.pool);
    out_free(&s.points);
    return s.failed ? 1 : 0;
}
