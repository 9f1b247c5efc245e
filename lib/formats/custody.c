/* SPDX-License-Identifier: MIT */
#include "custody.h"

#include "name.h"

#include <stdio.h>
#include <string.h>

#define HEX_MAX 80 /* octets: a point is the longest */

bool custody_check(const struct custody_set *s, struct err *e)
{
    if (s->threshold < 2 || s->threshold > s->n || s->n > CUSTODY_MEMBERS_MAX)
        return err_set(
            e, ERR_DENIED, "share.quorum",
            "%u of %zu: at least 2 shares are needed, of at most %d, and no more "
            "than there are",
            s->threshold, s->n, CUSTODY_MEMBERS_MAX);
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < i; k++)
            if (name_same(s->members[i].who.party, s->members[k].who.party))
                return err_set(e, ERR_DENIED, "share.party",
                               "%s and %s are both of %s: one share for a Party",
                               s->members[k].who.name, s->members[i].who.name,
                               s->members[i].who.party);
    return true;
}

bool custody_person_of(const struct config *c, const char *section,
                       struct custody_person *out, struct err *e)
{
    for (size_t i = 0; i < c->n_people; i++) {
        const struct config_person *p = &c->people[i];

        if (strcmp(p->name, section) != 0)
            continue;
        *out = (struct custody_person){0};
        (void)snprintf(out->person, sizeof out->person, "%s", p->name);
        (void)snprintf(out->name, sizeof out->name, "%s", p->holder);
        (void)snprintf(out->party, sizeof out->party, "%s", p->organisation);
        return true;
    }
    return err_set(e, ERR_DENIED, "ceremony.people", "there is no [Person \"%s\"]",
                   section);
}

json_t *custody_hex(const void *at, size_t len)
{
    char hex[HEX_LEN(HEX_MAX)];

    if (len > HEX_MAX)
        return NULL;
    hex_encode_lower(at, len, hex);
    return json_string(hex);
}

json_t *custody_person_json(const struct custody_person *p)
{
    return json_pack("{s:s,s:s,s:s}", "person", p->person, "name", p->name, "party",
                     p->party);
}

json_t *custody_set_json(const struct custody_set *s)
{
    json_t *members = json_array();

    for (size_t i = 0; i < s->n; i++) {
        json_t *m = custody_person_json(&s->members[i].who);

        (void)json_object_set_new(m, "commitment",
                                  custody_hex(s->members[i].commitment.b, 32));
        (void)json_array_append_new(members, m);
    }
    return json_pack("{s:s,s:i,s:i,s:o,s:o}", "id", s->id, "version", (int)s->version,
                     "threshold", (int)s->threshold, "secret",
                     custody_hex(s->secret.b, sizeof s->secret.b), "members", members);
}

/* --- reading --- */

bool custody_read_id(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base)
{
    const char *s = json_string_value(v);
    uint8_t octets[CUSTODY_ID_LEN / 2];

    if (s == NULL || !hex_decode(s, strlen(s), octets, sizeof octets))
        return strictjson_fail(at, "not an id of 32 hex digits");
    hex_encode_lower(octets, sizeof octets, (char *)base + f->offset);
    return true;
}

#define PERSON_ROWS(type, who)                                                      \
    {"person", MUST, strictjson_text, STRICTJSON_AT(type, who.person), NULL, 1, 0}, \
        {"name", MUST, strictjson_text, STRICTJSON_AT(type, who.name), NULL, 1, 0}, \
    {                                                                               \
        "party", MUST, strictjson_text, STRICTJSON_AT(type, who.party), NULL, 1, 0  \
    }

struct alone { /* a person with a name for the member, as a member of a set has it */
    struct custody_person who;
};

bool custody_read_person(struct strictjson_at *at, json_t *v,
                         const struct strictjson_member *f, void *base)
{
    static const struct strictjson_member table[] = {PERSON_ROWS(struct alone, who), {0}};

    return strictjson_read(at, v, table, (char *)base + f->offset);
}

static bool read_member(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    struct custody_set *s = base;
    static const struct strictjson_member table[] = {
        PERSON_ROWS(struct custody_member, who),
        {"commitment", MUST, strictjson_digest,
         STRICTJSON_AT(struct custody_member, commitment), NULL, 0, 0},
        {0},
    };

    s->n = i + 1;
    return strictjson_read(at, v, table, &s->members[i]);
}

static bool read_members(struct strictjson_at *at, json_t *v,
                         const struct strictjson_member *f, void *base)
{
    (void)f;
    return strictjson_each(at, v, 2, CUSTODY_MEMBERS_MAX, read_member, base);
}

bool custody_read_set(struct strictjson_at *at, json_t *v,
                      const struct strictjson_member *f, void *base)
{
    static const struct strictjson_member table[] = {
        {"id", MUST, custody_read_id, STRICTJSON_AT(struct custody_set, id), NULL, 0, 0},
        {"version", MUST, strictjson_number, STRICTJSON_AT(struct custody_set, version),
         NULL, 1, INT32_MAX},
        {"threshold", MUST, strictjson_number, STRICTJSON_AT(struct custody_set, threshold),
         NULL, 2, CUSTODY_MEMBERS_MAX},
        {"secret", MUST, strictjson_digest, STRICTJSON_AT(struct custody_set, secret), NULL,
         0, 0},
        {"members", MUST, read_members, 0, 0, NULL, 0, 0},
        {0},
    };

    return strictjson_read(at, v, table, (char *)base + f->offset);
}
