/* SPDX-License-Identifier: MIT
 *
 * message decode and encode: GBCS messages for people, offline.
 *
 * A file is taken as hexadecimal when it holds nothing but hexadecimal digits and white
 * space, as base64 (what DUIS responses carry) when it holds nothing but that and white
 * space, else as the octets themselves. No message is two of these: the first octet is DD
 * or DF, which no text begins with, and in base64 that is a letter behind F.
 */
#include "ctl.h"

#include "mem.h"
#include "message_json.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Without the white space; the caller's. NULL: out of memory. */
static char *dense(const char *text, size_t len, size_t *n)
{
    char *out = malloc(len + 1);

    *n = 0;
    for (size_t i = 0; out != NULL && i < len; i++)
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0')
            out[(*n)++] = text[i];
    return out;
}

/* Turn base64 text into octets in place; false: it is not base64. */
static bool unbase64(char *text, size_t *len)
{
    size_t n, padding;
    AUTO(mem) char *digits = dense(text, *len, &n);
    AUTO(mem) uint8_t *octets = malloc(n / 4 * 3 + 1);

    if (digits == NULL || octets == NULL || n == 0 || n % 4 != 0)
        return false;
    padding = digits[n - 1] != '=' ? 0 : digits[n - 2] != '=' ? 1 : 2;
    if (memchr(digits, '=', n - padding) != NULL ||
        EVP_DecodeBlock(octets, (const unsigned char *)digits, (int)n) != (int)(n / 4 * 3))
        return false;
    *len = n / 4 * 3 - padding;
    memcpy(text, octets, *len);
    return true;
}

/* Turn hexadecimal text into octets in place; false: it is not hexadecimal. */
static bool unhex(char *text, size_t *len)
{
    size_t n;
    AUTO(mem) char *digits = dense(text, *len, &n);

    if (digits == NULL)
        return false;
    if (n == 0 || n % 2 != 0 || !hex_decode(digits, n, (uint8_t *)digits, n / 2))
        return false;
    memcpy(text, digits, n / 2);
    *len = n / 2;
    return true;
}

int ctl_message_decode(struct ctl *c, const struct ctl_args *a)
{
    AUTO(mem) char *text = NULL;
    AUTO(mem) char *json = NULL;
    struct message m;
    struct err e;
    size_t len;
    int rc = CTL_OK;

    if (!ctl_read_file(a->v[0], (size_t)3 * MESSAGE_MAX, &text, &len))
        return CTL_INPUT;
    if (!unhex(text, &len))
        (void)unbase64(text, &len);
    if (!message_decode(span_of(text, len), &m, &e))
        return ctl_failed_here(&e);
    if (!c->json)
        message_print(stdout, &m);
    else if (message_to_json(&m, &json, &e))
        (void)printf("%s\n", json);
    else
        rc = ctl_failed_here(&e);
    message_done(&m);
    return rc;
}

static int write_octets(const char *file, const uint8_t *octets, size_t len)
{
    FILE *f = fopen(file, "we");
    bool ok = f != NULL && fwrite(octets, 1, len, f) == len;

    if (f != NULL && fclose(f) != 0)
        ok = false;
    if (!ok)
        ctl_say("%s: %s", file, strerror(errno));
    return ok ? CTL_OK : CTL_STORE;
}

int ctl_message_encode(struct ctl *c, const struct ctl_args *a)
{
    AUTO(mem) char *text = NULL;
    AUTO(mem) char *key = NULL;
    AUTO(mem) uint8_t *octets = NULL;
    AUTO(mem) char *hex = NULL;
    size_t len, key_len = 0, n;
    struct err e;
    bool ok;

    (void)c;
    if (!ctl_read_file(a->v[0], MESSAGE_JSON_MAX, &text, &len))
        return CTL_INPUT;
    if (a->opt[1] != NULL) {
        if (!ctl_read_file(a->opt[1], 64, &key, &key_len))
            return CTL_INPUT;
        if (!unhex(key, &key_len) || key_len != 16) {
            ctl_say("%s: not 16 octets in hexadecimal", a->opt[1]);
            OPENSSL_cleanse(key, key_len);
            return CTL_INPUT;
        }
    }
    ok = message_from_json(span_of(text, len), span_of(key, key_len), &octets, &n, &e);
    if (key != NULL)
        OPENSSL_cleanse(key, key_len);
    if (!ok)
        return ctl_failed_here(&e);
    if (a->opt[0] != NULL)
        return write_octets(a->opt[0], octets, n);
    if (a->opt[2] == NULL) {
        if (fwrite(octets, 1, n, stdout) == n && fflush(stdout) == 0)
            return CTL_OK;
        ctl_say("standard output: %s", strerror(errno));
        return CTL_STORE;
    }
    hex = malloc(HEX_LEN(n));
    if (hex == NULL)
        return CTL_STORE;
    hex_encode(octets, n, hex);
    (void)puts(hex);
    return CTL_OK;
}
