/* SPDX-License-Identifier: MIT
 *
 * meter_pem.c - see the header.
 */
#include "meter_pem.h"

#include "meter_util.h"

#include <openssl/pem.h>

EVP_PKEY *pem_key_read(const char *path)
{
    FILE *f = fopen(path, "rbe");
    if (!f)
        die_errno("%s", path);
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    (void)fclose(f);
    if (!key)
        die(2, "%s: no private key in PEM", path);
    return key;
}

static FILE *create(const char *dir, const char *name, const char *suffix)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix);
    if (n < 0 || (size_t)n >= sizeof path)
        die(2, "%s: path too long", dir);
    FILE *f = fopen(path, "wbe");
    if (!f)
        die_errno("%s", path);
    return f;
}

void pem_key_write(const char *dir, const char *name, EVP_PKEY *key)
{
    FILE *f = create(dir, name, ".key.pem");
    if (PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(f) != 0)
        die(2, "%s/%s.key.pem: cannot write", dir, name);
}

void pem_cert_write(const char *dir, const char *name, struct octets der)
{
    FILE *f = create(dir, name, ".pem");
    if (PEM_write(f, "CERTIFICATE", "", der.at, (long)der.len) <= 0 || fclose(f) != 0)
        die(2, "%s/%s.pem: cannot write", dir, name);
}
