/* SPDX-License-Identifier: MIT
 *
 * strictjson - strict JSON objects into plain structs, by table.
 *
 * A table names every member an object may have; a member that is not in it, a missing
 * mandatory one, a wrong type, a value out of range: refused, and the text names the path
 * ("replacements[1].cell"). Duplicate members are refused by the parser.
 *
 * Whatever comes from outside as JSON is read by such a table: authority documents, facts
 * of a trial, bodies of requests. Messages alone have a reader of their own
 * (message_member.h): their values are told by name or by number, and octets of any length
 * go into one arena; both parse by strictjson_load.
 *
 * Effects: none.
 */
#ifndef STRICTJSON_H
#define STRICTJSON_H

#include "bytes.h"

#include <jansson.h>

enum need { MAY, MUST };

struct strictjson_at { /* where we are and how we fail */
    char path[160];
    const char *id; /* of the error: "decision.schema" */
    struct err *e;
};

struct strictjson_member {
    const char *name;
    enum need need;
    bool (*read)(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                 void *base);
    size_t offset, size;      /* where in base; size 0: checked, not kept */
    const char *const *words; /* of strictjson_word, NULL at the end */
    int64_t min, max;         /* of strictjson_number and of a text's or list's length */
};

/* Where a member of a struct stands, for a row of a table. */
/* NOLINTNEXTLINE(bugprone-sizeof-expression): some members are pointers, and meant as such */
#define STRICTJSON_AT(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)

/* Parse the one value that text is; *out is the caller's (json_decref). */
MUST_CHECK bool strictjson_load(struct span text, json_t **out, struct strictjson_at *at);
/* Every member of v by the table, ended by a row without name. */
MUST_CHECK bool strictjson_read(struct strictjson_at *at, json_t *v,
                                const struct strictjson_member table[], void *base);
/* Fail: "<path>: what". Returns false. */
bool strictjson_fail(struct strictjson_at *at, const char *what);
/* Call one() for each element of an array of min..max; path gets "[i]". */
MUST_CHECK bool strictjson_each(struct strictjson_at *at, json_t *v, size_t min, size_t max,
                                bool (*one)(struct strictjson_at *, json_t *, size_t i,
                                            void *base),
                                void *base);

/* Readers. Kinds of value and what lands at base + offset. */
bool strictjson_text(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base);
bool strictjson_name(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base);
bool strictjson_flag(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base);
bool strictjson_number(struct strictjson_at *at, json_t *v,
                       const struct strictjson_member *f, void *base);
/* As it stands: a json_t * borrowed from the whole, for members whose kind is free. */
bool strictjson_any(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base);
bool strictjson_digest(struct strictjson_at *at, json_t *v,
                       const struct strictjson_member *f, void *base);
bool strictjson_eui(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base);
bool strictjson_time(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base);
bool strictjson_word(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base);
bool strictjson_cell(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base);
bool strictjson_cells(struct strictjson_at *at, json_t *v,
                      const struct strictjson_member *f, void *base);
bool strictjson_devices(struct strictjson_at *at, json_t *v,
                        const struct strictjson_member *f, void *base);
bool strictjson_mode(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                     void *base);

#endif
