/* SPDX-License-Identifier: MIT */
#include "ceremony_record.h"

#include "clock.h"
#include "mem.h"
#include "verify.h"

#include <stdio.h>
#include <string.h>

static const char *const whats[] = {"generate", "request", "mark",    "backup", "restore",
                                    "rotate",   "prove",   "destroy", "prune",  NULL};

const char *ceremony_record_what(enum ceremony_what w)
{
    return whats[w];
}

/* --- writing --- */

static json_t *keys_json(const struct ceremony_record *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->n_keys; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:o}", "name", r->keys[i].name, "id", r->keys[i].id,
                            "public", custody_hex(r->keys[i].public.b, 32)));
    return list;
}

static json_t *people_json(const struct ceremony_record *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->n_present; i++)
        (void)json_array_append_new(list, custody_person_json(&r->present[i]));
    return list;
}

static json_t *proven_json(const struct ceremony_record *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < CUSTODY_MEMBERS_MAX; i++)
        if (r->proven[i])
            (void)json_array_append_new(list, json_integer((json_int_t)i + 1));
    return list;
}

/* Without its signature. */
static json_t *body_json(const struct ceremony_record *r)
{
    char at[CLOCK_TEXT_LEN];
    json_t *j;

    clock_text(r->at_us, at);
    j = json_pack("{s:s,s:s,s:s,s:s,s:{s:s,s:s,s:s},s:o,s:o,s:o,s:s}", "schema",
                  CEREMONY_RECORD_SCHEMA, "id", r->id, "what", whats[r->what], "at", at,
                  "token", "label", r->label, "serial", r->serial, "model", r->model,
                  "keys", keys_json(r), "present", people_json(r), "proven", proven_json(r),
                  "result", r->result);
    if (j != NULL && r->has_set)
        (void)json_object_set_new(j, "set", custody_set_json(&r->set));
    if (j != NULL && r->is_signed)
        (void)json_object_set_new(j, "key", custody_hex(r->key.b, sizeof r->key.b));
    return j;
}

static bool digest_of_json(const json_t *body, struct digest *out)
{
    AUTO(mem) char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);

    if (text == NULL)
        return false;
    *out = digest_of(span_of(text, strlen(text)), span_of(NULL, 0));
    return true;
}

bool ceremony_record_digest(const struct ceremony_record *r, struct digest *out)
{
    json_t *j = body_json(r);
    bool ok = j != NULL && digest_of_json(j, out);

    json_decref(j);
    return ok;
}

char *ceremony_record_text(const struct ceremony_record *r)
{
    char signature[VERIFY_BASE64_MAX];
    json_t *j = body_json(r);
    char *text = NULL;

    if (j != NULL && r->is_signed && verify_to_base64(&r->sig, signature))
        (void)json_object_set_new(j, "signature", json_string(signature));
    if (j != NULL)
        text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(j);
    return text;
}

/* --- reading --- */

static bool read_key(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    struct ceremony_record *r = base;
    static const struct strictjson_member table[] = {
        {"name", MUST, strictjson_text, STRICTJSON_AT(struct ceremony_record_key, name),
         NULL, 1, 0},
        {"id", MUST, strictjson_name, STRICTJSON_AT(struct ceremony_record_key, id), NULL,
         1, 0},
        {"public", MUST, strictjson_digest,
         STRICTJSON_AT(struct ceremony_record_key, public), NULL, 0, 0},
        {0},
    };

    r->n_keys = i + 1;
    return strictjson_read(at, v, table, &r->keys[i]);
}

static bool read_keys(struct strictjson_at *at, json_t *v,
                      const struct strictjson_member *f, void *base)
{
    (void)f;
    return strictjson_each(at, v, 0, CEREMONY_RECORD_KEYS, read_key, base);
}

static bool read_one_present(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    struct ceremony_record *r = base;
    static const struct strictjson_member whole = {.name = "present"};

    r->n_present = i + 1;
    return custody_read_person(at, v, &whole, &r->present[i]);
}

static bool read_present(struct strictjson_at *at, json_t *v,
                         const struct strictjson_member *f, void *base)
{
    (void)f;
    return strictjson_each(at, v, 0, CUSTODY_MEMBERS_MAX, read_one_present, base);
}

static bool read_one_proven(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    struct ceremony_record *r = base;
    int64_t n = 0;
    static const struct strictjson_member number = {
        .size = sizeof n, .min = 1, .max = CUSTODY_MEMBERS_MAX};

    (void)i;
    if (!strictjson_number(at, v, &number, &n))
        return false;
    r->proven[n - 1] = true;
    return true;
}

static bool read_proven(struct strictjson_at *at, json_t *v,
                        const struct strictjson_member *f, void *base)
{
    (void)f;
    return strictjson_each(at, v, 0, CUSTODY_MEMBERS_MAX, read_one_proven, base);
}

static bool read_token(struct strictjson_at *at, json_t *v,
                       const struct strictjson_member *f, void *base)
{
    static const struct strictjson_member table[] = {
        {"label", MUST, strictjson_text, STRICTJSON_AT(struct ceremony_record, label), NULL,
         0, 0},
        {"serial", MUST, strictjson_text, STRICTJSON_AT(struct ceremony_record, serial),
         NULL, 0, 0},
        {"model", MUST, strictjson_text, STRICTJSON_AT(struct ceremony_record, model), NULL,
         0, 0},
        {0},
    };

    (void)f;
    return strictjson_read(at, v, table, base);
}

static bool read_set(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    ((struct ceremony_record *)base)->has_set = true;
    return custody_read_set(at, v, f, base);
}

static bool read_point(struct strictjson_at *at, json_t *v,
                       const struct strictjson_member *f, void *base)
{
    struct ceremony_record *r = base;
    const char *s = json_string_value(v);

    (void)f;
    return (s != NULL && hex_decode(s, strlen(s), r->key.b, sizeof r->key.b)) ||
           strictjson_fail(at, "not a point of 65 octets in hex");
}

static bool read_signature(struct strictjson_at *at, json_t *v,
                           const struct strictjson_member *f, void *base)
{
    struct ceremony_record *r = base;
    const char *s = json_string_value(v);

    (void)f;
    r->is_signed = true;
    return (s != NULL && verify_from_base64(s, &r->sig)) ||
           strictjson_fail(at, "not a signature: DER in base64");
}

static const char *const schemas[] = {CEREMONY_RECORD_SCHEMA, NULL};
static const struct strictjson_member members[] = {
    {"schema", MUST, strictjson_word, 0, 0, schemas, 0, 0},
    {"id", MUST, custody_read_id, STRICTJSON_AT(struct ceremony_record, id), NULL, 0, 0},
    {"what", MUST, strictjson_word, STRICTJSON_AT(struct ceremony_record, what), whats, 0,
     0},
    {"at", MUST, strictjson_time, STRICTJSON_AT(struct ceremony_record, at_us), NULL, 0, 0},
    {"token", MUST, read_token, 0, 0, NULL, 0, 0},
    {"keys", MUST, read_keys, 0, 0, NULL, 0, 0},
    {"present", MUST, read_present, 0, 0, NULL, 0, 0},
    {"set", MAY, read_set, STRICTJSON_AT(struct ceremony_record, set), NULL, 0, 0},
    {"proven", MUST, read_proven, 0, 0, NULL, 0, 0},
    {"result", MUST, strictjson_text, STRICTJSON_AT(struct ceremony_record, result), NULL,
     0, 0},
    {"key", MAY, read_point, 0, 0, NULL, 0, 0},
    {"signature", MAY, read_signature, 0, 0, NULL, 0, 0},
    {0},
};

/* By the octets that came, as parsed: not by what this program would have written. */
static bool verified(json_t *whole, const struct ceremony_record *r, struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = NULL;
    struct digest d;

    if (!r->is_signed || json_object_get(whole, "key") == NULL)
        return err_set(e, ERR_DENIED, "ceremony.signature",
                       "the record of ceremony %s is not signed", r->id);
    (void)json_object_del(whole, "signature");
    if (!digest_of_json(whole, &d))
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    key = verify_key(&r->key);
    return (key != NULL && verify_one(key, &d, &r->sig)) ||
           err_set(e, ERR_DENIED, "ceremony.signature",
                   "the signature under the record of ceremony %s is wrong", r->id);
}

bool ceremony_record_read(struct span text, struct ceremony_record *out, struct err *e)
{
    struct strictjson_at at = {.id = "ceremony.record", .e = e};
    json_t *whole = NULL;
    bool ok;

    *out = (struct ceremony_record){0};
    if (text.len > CEREMONY_RECORD_MAX)
        return err_set(e, ERR_INPUT, "ceremony.record", "more than %zu octets",
                       CEREMONY_RECORD_MAX);
    if (!strictjson_load(text, &whole, &at))
        return false;
    ok = strictjson_read(&at, whole, members, out) && verified(whole, out, e) &&
         (!out->has_set || custody_check(&out->set, e));
    json_decref(whole);
    return ok;
}
