/* SPDX-License-Identifier: MIT */
#include "strictjson.h"
#include "clock.h"
#include "gbcs.h"
#include "plain.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

bool strictjson_fail(struct strictjson_at *at, const char *what)
{
    return err_set(at->e, ERR_INPUT, at->id, "%s: %s", at->path[0] ? at->path : "document",
                   what);
}

/* Lengthen the path; returns the length to cut it back to. */
static size_t enter(struct strictjson_at *at, const char *name)
{
    size_t len = strlen(at->path);

    (void)snprintf(at->path + len, sizeof at->path - len, "%s%.60s", len > 0 ? "." : "",
                   name);
    return len;
}

bool strictjson_load(struct span text, json_t **out, struct strictjson_at *at)
{
    json_error_t why;

    *out = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &why);
    if (*out == NULL)
        return err_set(at->e, ERR_INPUT, at->id, "line %d, column %d: %s", why.line,
                       why.column, why.text);
    return true;
}

static const struct strictjson_member *find(const struct strictjson_member table[],
                                            const char *name)
{
    for (; table->name != NULL; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

bool strictjson_read(struct strictjson_at *at, json_t *v,
                     const struct strictjson_member table[], void *base)
{
    const char *name;
    json_t *member;

    if (!json_is_object(v))
        return strictjson_fail(at, "not an object");
    json_object_foreach(v, name, member)
    {
        const struct strictjson_member *f = find(table, name);
        size_t cut = enter(at, name);

        if (f == NULL)
            return strictjson_fail(at, "unknown member");
        if (!f->read(at, member, f, base))
            return false;
        at->path[cut] = '\0';
    }
    for (; table->name != NULL; table++)
        if (table->need == MUST && json_object_get(v, table->name) == NULL) {
            (void)enter(at, table->name);
            return strictjson_fail(at, "missing");
        }
    return true;
}

bool strictjson_each(struct strictjson_at *at, json_t *v, size_t min, size_t max,
                     bool (*one)(struct strictjson_at *, json_t *, size_t, void *),
                     void *base)
{
    size_t cut = strlen(at->path);
    char what[80];

    if (!json_is_array(v) || json_array_size(v) < min || json_array_size(v) > max) {
        (void)snprintf(what, sizeof what, "not a list of %zu to %zu", min, max);
        return strictjson_fail(at, what);
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        (void)snprintf(at->path + cut, sizeof at->path - cut, "[%zu]", i);
        if (!one(at, json_array_get(v, i), i, base))
            return false;
    }
    at->path[cut] = '\0';
    return true;
}

static void *place(void *base, const struct strictjson_member *f, size_t want)
{
    (void)want; /* only asserted */
    assert(f->size == 0 || f->size == want);
    return f->size == 0 ? NULL : (char *)base + f->offset;
}

static void put(void *base, const struct strictjson_member *f, const void *value,
                size_t len)
{
    void *to = place(base, f, len);

    if (to != NULL)
        memcpy(to, value, len);
}

/* Plain text of min..max octets: people read it before they sign. */
static bool text_of(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    const char **out)
{
    size_t cap = f->max > 0 ? (size_t)f->max : f->size - 1;
    const char *s = json_string_value(v);
    char what[80];

    if (s == NULL)
        return strictjson_fail(at, "not a text");
    if (strlen(s) < (size_t)f->min || strlen(s) > cap) {
        (void)snprintf(what, sizeof what, "not a text of %lld to %zu octets",
                       (long long)f->min, cap);
        return strictjson_fail(at, what);
    }
    if (!plain_text(s))
        return strictjson_fail(at, "holds a control character or one that hides others");
    *out = s;
    return true;
}

bool strictjson_text(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    const char *s = NULL;

    if (!text_of(at, v, f, &s))
        return false;
    if (f->size > 0)
        (void)snprintf((char *)base + f->offset, f->size, "%s", s);
    return true;
}

bool strictjson_name(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";
    const char *s = json_string_value(v);

    if (s == NULL || s[0] == '\0' || s[strspn(s, allowed)] != '\0')
        return strictjson_fail(at, "not a name of letters, digits, '.', '_', '-'");
    return strictjson_text(at, v, f, base);
}

bool strictjson_flag(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    bool value = json_is_true(v);

    if (!json_is_boolean(v))
        return strictjson_fail(at, "not true or false");
    put(base, f, &value, sizeof value);
    return true;
}

bool strictjson_number(struct strictjson_at *at, json_t *v,
                       const struct strictjson_member *f, void *base)
{
    json_int_t value = json_integer_value(v);
    uint32_t small = (uint32_t)value;
    char what[80];

    if (!json_is_integer(v) || value < f->min || value > f->max) {
        (void)snprintf(what, sizeof what, "not a whole number of %lld to %lld",
                       (long long)f->min, (long long)f->max);
        return strictjson_fail(at, what);
    }
    if (f->size == sizeof(int64_t))
        put(base, f, &value, sizeof value);
    else
        put(base, f, &small, sizeof small);
    return true;
}

bool strictjson_any(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base)
{
    (void)at;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointer, as meant */
    put(base, f, &v, sizeof v);
    return true;
}

bool strictjson_digest(struct strictjson_at *at, json_t *v,
                       const struct strictjson_member *f, void *base)
{
    const char *s = json_string_value(v);
    struct digest d;

    if (s == NULL || !hex_decode(s, strlen(s), d.b, sizeof d.b))
        return strictjson_fail(at, "not a SHA-256 of 64 hex digits");
    put(base, f, &d, sizeof d);
    return true;
}

bool strictjson_eui(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base)
{
    const char *s = json_string_value(v);
    struct eui64 eui;

    if (s == NULL || !eui64_parse(s, strlen(s), &eui))
        return strictjson_fail(at, "not an EUI-64 of 16 hex digits");
    put(base, f, &eui, sizeof eui);
    return true;
}

bool strictjson_time(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    const char *s = json_string_value(v);
    int64_t us;

    if (s == NULL || !clock_parse(s, &us))
        return strictjson_fail(at, "not a time YYYY-MM-DDTHH:MM:SSZ");
    put(base, f, &us, sizeof us);
    return true;
}

bool strictjson_word(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    const char *s = json_string_value(v);
    char what[200] = "not one of";
    size_t len = strlen(what);

    for (unsigned i = 0; f->words[i] != NULL; i++) {
        if (s != NULL && strcmp(s, f->words[i]) == 0) {
            put(base, f, &i, sizeof i);
            return true;
        }
        len += (size_t)snprintf(what + len, sizeof what - len, " %s", f->words[i]);
        len = len < sizeof what ? len : sizeof what - 1;
    }
    return strictjson_fail(at, what);
}

bool strictjson_cell(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    const char *s = json_string_value(v);
    enum cell cell;

    if (s == NULL || !gbcs_cell_find(s, strlen(s), &cell))
        return strictjson_fail(at, "not a trust anchor cell");
    put(base, f, &cell, sizeof cell);
    return true;
}

static bool cell_bit(struct strictjson_at *at, json_t *v, size_t i, void *mask)
{
    const struct strictjson_member f = {.size = sizeof(enum cell)};
    enum cell cell = CELL_ROOT;

    (void)i;
    if (!strictjson_cell(at, v, &f, &cell))
        return false;
    if (*(uint32_t *)mask & CELL_BIT(cell))
        return strictjson_fail(at, "named twice");
    *(uint32_t *)mask |= CELL_BIT(cell);
    return true;
}

bool strictjson_cells(struct strictjson_at *at, json_t *v,
                      const struct strictjson_member *f, void *base)
{
    uint32_t mask = 0;

    if (!strictjson_each(at, v, (size_t)f->min, CELL_COUNT, cell_bit, &mask))
        return false;
    put(base, f, &mask, sizeof mask);
    return true;
}

static bool device_bit(struct strictjson_at *at, json_t *v, size_t i, void *mask)
{
    const char *s = json_string_value(v);
    enum device_type type;

    (void)i;
    if (s == NULL || !gbcs_device_find(s, strlen(s), &type))
        return strictjson_fail(at, "not a device type");
    if (*(uint32_t *)mask & DEVICE_BIT(type))
        return strictjson_fail(at, "named twice");
    *(uint32_t *)mask |= DEVICE_BIT(type);
    return true;
}

bool strictjson_devices(struct strictjson_at *at, json_t *v,
                        const struct strictjson_member *f, void *base)
{
    uint32_t mask = 0;

    if (!strictjson_each(at, v, (size_t)f->min, DEVICE_COUNT + 2, device_bit, &mask))
        return false;
    put(base, f, &mask, sizeof mask);
    return true;
}

bool strictjson_mode(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    const char *s = json_string_value(v);
    enum mode mode;

    if (s == NULL || !gbcs_mode_find(s, strlen(s), &mode))
        return strictjson_fail(at, "not a credentialsReplacementMode of GBCS");
    put(base, f, &mode, sizeof mode);
    return true;
}
