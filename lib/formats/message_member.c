/* SPDX-License-Identifier: MIT */
#include "message_member.h"
#include "asn1.h"
#include "message.h"

#include <openssl/evp.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool message_member_fault(const struct message_member *r, const char *where,
                          const char *what)
{
    return err_set(r->e, ERR_INPUT, "message.json", "%s: %s", where, what);
}

bool message_member_fields(const struct message_member *r, json_t *o, const char *where,
                           const char *fmt, ...)
{
    json_error_t je;
    va_list ap;
    int got;

    va_start(ap, fmt);
    got = json_vunpack_ex(o, &je, JSON_STRICT, fmt, ap);
    va_end(ap);
    return got == 0 || message_member_fault(r, where, je.text);
}

bool message_member_text(const struct message_member *r, const char *where, const json_t *v,
                         const char **out)
{
    *out = json_string_value(v);
    return *out != NULL || message_member_fault(r, where, "not text");
}

bool message_member_bool(const struct message_member *r, const char *where, const json_t *v,
                         bool *out)
{
    *out = json_is_true(v);
    return json_is_boolean(v) || message_member_fault(r, where, "neither true nor false");
}

/* Hex of any length. The arena is as long as the text, so it cannot run over. */
bool message_member_hex(struct message_member *r, const char *where, const json_t *v,
                        struct span *out)
{
    uint8_t *at = r->octets + r->used;
    const char *text;
    size_t len;

    if (!message_member_text(r, where, v, &text))
        return false;
    len = strlen(text);
    if (len / 2 > r->cap - r->used || !hex_decode(text, len, at, len / 2))
        return message_member_fault(r, where, "not an even number of hexadecimal digits");
    r->used += len / 2;
    *out = span_of(at, len / 2);
    return true;
}

bool message_member_fixed(const struct message_member *r, const char *where,
                          const json_t *v, uint8_t *out, size_t len)
{
    const char *text;
    char what[64];

    if (!message_member_text(r, where, v, &text))
        return false;
    if (hex_decode(text, strlen(text), out, len))
        return true;
    (void)snprintf(what, sizeof what, "not %zu hexadecimal digits", 2 * len);
    return message_member_fault(r, where, what);
}

bool message_member_base64(struct message_member *r, const char *where, const json_t *v,
                           struct span *out)
{
    uint8_t *at = r->octets + r->used;
    const char *text;
    size_t len;
    int n;

    if (!message_member_text(r, where, v, &text))
        return false;
    len = strlen(text);
    if (len == 0 || len % 4 != 0 || len / 4 * 3 > r->cap - r->used)
        return message_member_fault(r, where, "not base64");
    n = EVP_DecodeBlock(at, (const unsigned char *)text, (int)len);
    if (n < 0 || (size_t)n != len / 4 * 3)
        return message_member_fault(r, where, "not base64");
    if (text[len - 1] == '=')
        n--;
    if (text[len - 2] == '=')
        n--;
    r->used += (size_t)n;
    *out = span_of(at, (size_t)n);
    return true;
}

bool message_member_counter(const struct message_member *r, const char *where,
                            const json_t *v, uint64_t *out)
{
    const char *text = json_string_value(v);
    uint64_t n = 0;

    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        *out = (uint64_t)json_integer_value(v);
        return true;
    }
    if (text == NULL || *text == '\0')
        return message_member_fault(r, where, "not a number from 0");
    for (; *text != '\0'; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(n, UINT64_C(10), &n) ||
            __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
            return message_member_fault(r, where,
                                        "not a number from 0 to 18446744073709551615");
    *out = n;
    return true;
}

bool message_member_small(const struct message_member *r, const char *where,
                          const json_t *v, unsigned max, unsigned *out)
{
    json_int_t n = json_integer_value(v);

    if (!json_is_integer(v) || n < 0 || n > (json_int_t)max)
        return message_member_fault(r, where, "neither a name nor a number of this field");
    *out = (unsigned)n;
    return true;
}

/* Number by name: names(i) for i up to max, NULL or "unknown" where there is none. */
static bool take_named(const struct message_member *r, const char *where, const json_t *v,
                       const char *(*names)(unsigned), unsigned max, unsigned *out)
{
    const char *text = json_string_value(v);

    if (text == NULL)
        return message_member_small(r, where, v, max, out);
    for (unsigned i = 0; i <= max; i++) {
        const char *name = names(i);

        if (name != NULL && strcmp(name, "unknown") != 0 && strcmp(name, text) == 0) {
            *out = i;
            return true;
        }
    }
    return err_set(r->e, ERR_INPUT, "message.json", "%s: no such name: %.64s", where, text);
}

static const char *role_name(unsigned i)
{
    return gbcs_role_name((enum role)i);
}

static const char *mode_name(unsigned i)
{
    return gbcs_mode_known(i) ? gbcs_mode((enum mode)i)->name : NULL;
}

static const char *usage_name(unsigned i)
{
    return gbcs_usage_name((enum key_usage)i);
}

bool message_member_role(const struct message_member *r, const char *where, const json_t *v,
                         unsigned *out)
{
    return take_named(r, where, v, role_name, 255, out);
}

bool message_member_mode(const struct message_member *r, const char *where, const json_t *v,
                         unsigned *out)
{
    return take_named(r, where, v, mode_name, MODE_COUNT - 1, out);
}

bool message_member_status(const struct message_member *r, const char *where,
                           const json_t *v, unsigned *out)
{
    return take_named(r, where, v, message_status_name, 255, out);
}

static bool take_usage(const struct message_member *r, const char *where, const json_t *v,
                       unsigned *out)
{
    unsigned u;

    if (!json_is_string(v))
        return message_member_small(r, where, v, 0xFFFF, out);
    if (!take_named(r, where, v, usage_name, KU_KEY_CERT_SIGN, &u))
        return false;
    *out = asn1_usage_bits((enum key_usage)u);
    return true;
}

bool message_member_cell(const struct message_member *r, const char *where, json_t *v,
                         struct payload_cell *out)
{
    const char *name = json_string_value(v);
    json_t *role = NULL, *usage = NULL, *cell_usage = NULL;
    enum cell cell;

    if (name != NULL) {
        if (!gbcs_cell_find(name, strlen(name), &cell))
            return err_set(r->e, ERR_INPUT, "message.json", "%s: no such cell: %.64s",
                           where, name);
        *out = payload_cell(cell);
        return true;
    }
    return message_member_fields(r, v, where, "{s:o, s:o, s:o}", "role", &role, "usage",
                                 &usage, "cell_usage", &cell_usage) &&
           message_member_role(r, "role", role, &out->role) &&
           take_usage(r, "usage", usage, &out->usage) &&
           message_member_small(r, "cell_usage", cell_usage, 255, &out->cell_usage);
}

/* The elements of an array, at most max. */
bool message_member_list(const struct message_member *r, const char *where, json_t *v,
                         size_t max, size_t *n)
{
    char what[64];

    if (!json_is_array(v))
        return message_member_fault(r, where, "not a list");
    *n = json_array_size(v);
    if (*n <= max)
        return true;
    (void)snprintf(what, sizeof what, "more than %zu elements", max);
    return message_member_fault(r, where, what);
}
