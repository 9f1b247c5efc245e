/* SPDX-License-Identifier: MIT
 *
 * fields - strict JSON objects into plain structs, by table.
 *
 * A table names every member an object may have; a member that is not in it, a missing
 * mandatory one, a wrong type, a value out of range: refused, and the text names the path
 * ("replacements[1].cell"). Duplicate members are refused by the parser. Effects: none.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include "bytes.h"

#include <jansson.h>

enum need { MAY, MUST };

struct fields_at { /* where we are and how we fail */
    char path[160];
    const char *id; /* of the error: "decision.schema" */
    struct err *e;
};

struct field {
    const char *name;
    enum need need;
    bool (*read)(struct fields_at *at, json_t *v, const struct field *f, void *base);
    size_t offset, size;      /* where in base; size 0: checked, not kept */
    const char *const *words; /* of field_word, NULL at the end */
    int64_t min, max;         /* of field_number and of a text's or list's length */
};

/* Parse text and read the one object in it. */
MUST_CHECK bool fields_load(struct span text, json_t **out, struct fields_at *at);
/* Every member of v by the table, ended by a row without name. */
MUST_CHECK bool fields_read(struct fields_at *at, json_t *v, const struct field table[],
                            void *base);
/* Fail: "<path>: what". Returns false. */
bool fields_fail(struct fields_at *at, const char *what);
/* Call one() for each element of an array of min..max; path gets "[i]". */
MUST_CHECK bool fields_each(struct fields_at *at, json_t *v, size_t min, size_t max,
                            bool (*one)(struct fields_at *, json_t *, size_t i, void *base),
                            void *base);

/* Readers. Kinds of value and what lands at base + offset. */
bool field_text(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_name(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_flag(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_number(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_digest(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_eui(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_time(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_word(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_cell(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_cells(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_devices(struct fields_at *at, json_t *v, const struct field *f, void *base);
bool field_mode(struct fields_at *at, json_t *v, const struct field *f, void *base);

#endif
