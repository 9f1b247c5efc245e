/* SPDX-License-Identifier: MIT */
#include "backup_file.h"

#include "ceremony_file.h"
#include "mem.h"

#include <string.h>

#define SCHEMA   "smki-recovery/backup/1"
#define FILE_MAX ((size_t)64 * 1024)

static const char *const uses[] = {"signing", "agreement", NULL};
static const char *const mechanisms[] = {"AES-256 key wrap with padding, RFC 5649", NULL};

bool backup_write(const struct backup *b, const char *path, struct err *e)
{
    AUTO(mem) char *text = NULL;
    char wrapped[HEX_LEN(BACKUP_WRAPPED_MAX)];
    json_t *j;

    hex_encode_lower(b->wrapped, b->len, wrapped);
    j = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:o}", "schema", SCHEMA, "key", b->key,
                  "id", b->id, "label", b->label, "use", uses[b->agreement], "public",
                  custody_hex(b->point.b, sizeof b->point.b), "mechanism", mechanisms[0],
                  "wrapped", wrapped, "set", custody_set_json(&b->set));
    if (j != NULL)
        text = json_dumps(j, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(j);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return ceremony_file_write(path, 0600, text, e);
}

static bool read_use(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    unsigned use = 0;
    const struct strictjson_member word = {.words = uses, .size = sizeof use};

    (void)f;
    if (!strictjson_word(at, v, &word, &use))
        return false;
    ((struct backup *)base)->agreement = use == 1;
    return true;
}

static bool read_point(struct strictjson_at *at, json_t *v,
                       const struct strictjson_member *f, void *base)
{
    const char *s = json_string_value(v);
    struct backup *b = base;

    (void)f;
    return (s != NULL && hex_decode(s, strlen(s), b->point.b, sizeof b->point.b)) ||
           strictjson_fail(at, "not a point of 65 octets in hex");
}

static bool read_wrapped(struct strictjson_at *at, json_t *v,
                         const struct strictjson_member *f, void *base)
{
    const char *s = json_string_value(v);
    struct backup *b = base;

    (void)f;
    b->len = s == NULL ? 0 : strlen(s) / 2;
    return (b->len > 0 && b->len <= sizeof b->wrapped &&
            hex_decode(s, strlen(s), b->wrapped, b->len)) ||
           strictjson_fail(at, "not a wrapped key in hex");
}

bool backup_read(const char *path, struct backup *out, struct err *e)
{
    static const char *const schemas[] = {SCHEMA, NULL};
    static const struct strictjson_member members[] = {
        {"schema", MUST, strictjson_word, 0, 0, schemas, 0, 0},
        {"key", MUST, strictjson_text, STRICTJSON_AT(struct backup, key), NULL, 1, 0},
        {"id", MUST, strictjson_name, STRICTJSON_AT(struct backup, id), NULL, 1, 0},
        {"label", MUST, strictjson_text, STRICTJSON_AT(struct backup, label), NULL, 0, 0},
        {"use", MUST, read_use, 0, 0, NULL, 0, 0},
        {"public", MUST, read_point, 0, 0, NULL, 0, 0},
        {"mechanism", MUST, strictjson_word, 0, 0, mechanisms, 0, 0},
        {"wrapped", MUST, read_wrapped, 0, 0, NULL, 0, 0},
        {"set", MUST, custody_read_set, STRICTJSON_AT(struct backup, set), NULL, 0, 0},
        {0},
    };

    *out = (struct backup){0};
    return ceremony_file_read(path, FILE_MAX, "ceremony.backup", members, out, e) &&
           (custody_check(&out->set, e) || err_wrap(e, "%s", path));
}
