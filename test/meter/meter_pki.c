/* SPDX-License-Identifier: MIT
 *
 * meter_pki.c - a throw-away SMKI in a folder, for tests: software keys, real profiles.
 *
 *   root, issuing               the PKI in force; root carries the wrapped contingency key
 *   root2, issuing2             its successor
 *   root-link                   root2's key certified by root
 *   stranger, stranger-issuing  another PKI with other names
 *   old-*, new-*                one certificate per cell by issuing
 *   next-*                      one certificate per cell by issuing2
 *   contingency.key.pem, contingency.hex
 *                               the key, and the AES key that wraps it
 *
 * Each X.pem has its X.key.pem. EUI-64s are 90B3D51F30 + role + 00 + set + 00.
 */
#include "meter_issue.h"
#include "meter_pem.h"
#include "meter_util.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct authority {
    EVP_PKEY *key;
    uint8_t point[POINT_LEN], id[KEYID_LEN];
    struct out name;
};

static const char *dir;
static const char from[] = "20160101000000Z", until[] = "20460101000000Z";

static struct authority authority_make(const char *cn, int role)
{
    struct authority a = {.key = key_fresh()};
    key_point(a.key, a.point);
    key_identifier(a.point, a.id);
    name_write(&a.name, cn, role, NULL);
    return a;
}

static void authority_free(struct authority *a)
{
    EVP_PKEY_free(a->key);
    out_free(&a->name);
}

/* by NULL: self-signed */
static void certify_ca(const char *file, const char *cn, int role, struct authority *a,
                       const struct authority *by, struct octets symmetric,
                       struct octets contingency)
{
    static const uint8_t usage[] = {0x01, 0x06}; /* keyCertSign, cRLSign */
    struct issue i = {
        .cn = cn,
        .role = role,
        .from = from,
        .until = until,
        .point = OCTETS(a->point),
        .usage = OCTETS(usage),
        .ca = true,
        .path_len = role == 7 ? 0 : -1,
        .symmetric = symmetric,
        .contingency = contingency,
    };
    if (by) {
        i.issuer = out_octets(&by->name);
        i.issuer_id = OCTETS(by->id);
    }
    struct out der = {0};
    cert_issue(&i, by ? by->key : a->key, &der);
    pem_cert_write(dir, file, out_octets(&der));
    pem_key_write(dir, file, a->key);
    out_free(&der);
}

static void certify_cells(const char *set, uint64_t n, const struct authority *by)
{
    for (enum cell c = CELL_ROOT + 1; c < CELLS; c++) {
        char file[64];
        uint8_t point[POINT_LEN];
        struct out der = {0};
        EVP_PKEY *key = key_fresh();
        key_point(key, point);
        struct issue i = {
            .role = cell_rows[c].role,
            .has_eui = true,
            .eui = 0x90b3d51f30000000 | (uint64_t)cell_rows[c].role << 16 | n << 8,
            .issuer = out_octets(&by->name),
            .issuer_id = OCTETS(by->id),
            .from = from,
            .until = until,
            .point = OCTETS(point),
            .usage = usage_bits(cell_rows[c].usage),
            .path_len = -1,
        };
        cert_issue(&i, by->key, &der);
        (void)snprintf(file, sizeof file, "%s-%s", set, cell_rows[c].name);
        pem_cert_write(dir, file, out_octets(&der));
        pem_key_write(dir, file, key);
        EVP_PKEY_free(key);
        out_free(&der);
    }
}

static void contingency_make(const char *name, size_t symmetric_len, uint8_t *symmetric,
                             uint8_t point[POINT_LEN])
{
    EVP_PKEY *key = key_fresh();
    uint8_t scalar[SCALAR_LEN];
    char hex[65], path[4096];
    key_point(key, point);
    /* Any 16 or 32 random octets: another key's scalar serves. */
    EVP_PKEY *other = key_fresh();
    if (!key_scalar(other, scalar))
        die(2, "no random key");
    EVP_PKEY_free(other);
    memcpy(symmetric, scalar, symmetric_len);
    hex_write(hex, symmetric, symmetric_len);
    pem_key_write(dir, name, key);
    EVP_PKEY_free(key);
    (void)snprintf(path, sizeof path, "%s/%s.hex", dir, name);
    FILE *f = fopen(path, "wbe");
    if (!f || fprintf(f, "%s\n", hex) < 0 || fclose(f) != 0)
        die_errno("%s", path);
}

int main(int argc, char **argv)
{
    uint8_t key[32], key2[16], point[POINT_LEN], point2[POINT_LEN];
    if (argc != 2)
        die(2, "usage: meter-pki DIR");
    dir = argv[1];
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        die_errno("%s", dir);
    contingency_make("contingency", sizeof key, key, point);
    contingency_make("contingency2", sizeof key2, key2, point2);

    struct octets none = {0};
    struct authority root = authority_make("ZA", 0), issuing = authority_make("Z1", 7);
    struct authority root2 = authority_make("ZB", 0), issuing2 = authority_make("Z2", 7);
    struct authority other = authority_make("ZX", 0), other1 = authority_make("X1", 7);
    certify_ca("root", "ZA", 0, &root, NULL, OCTETS(key), OCTETS(point));
    certify_ca("issuing", "Z1", 7, &issuing, &root, none, none);
    certify_ca("root2", "ZB", 0, &root2, NULL, OCTETS(key2), OCTETS(point2));
    certify_ca("root-link", "ZB", 0, &root2, &root, none, none);
    certify_ca("issuing2", "Z2", 7, &issuing2, &root2, none, none);
    certify_ca("stranger", "ZX", 0, &other, NULL, none, none);
    certify_ca("stranger-issuing", "X1", 7, &other1, &other, none, none);
    certify_cells("old", 0, &issuing);
    certify_cells("new", 1, &issuing);
    certify_cells("next", 2, &issuing2);
    authority_free(&root);
    authority_free(&issuing);
    authority_free(&root2);
    authority_free(&issuing2);
    authority_free(&other);
    authority_free(&other1);
    return 0;
}
