/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include "held.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_open(const json_t *cell)
{
    const json_t *status = json_object_get(cell, "status");

    return json_is_object(cell) && (status == NULL || json_integer_value(status) != 0 ||
                                    json_object_get(cell, "owed") != NULL);
}

static bool is_replaced(const json_t *cell)
{
    const json_t *status = json_object_get(cell, "status");

    return json_is_integer(status) && json_integer_value(status) == 0;
}

/* --- an answer --- */

static enum outcome_held worse(enum outcome_held a, enum outcome_held b)
{
    return a > b ? a : b;
}

static json_t *cell_json(const struct response_outcome *c, enum outcome_held held)
{
    char old_uid[HEX_LEN(8)];
    char old_key[HEX_LEN(8)];
    char new_uid[HEX_LEN(8)];
    char new_key[HEX_LEN(8)];

    hex_encode(c->old_uid.b, 8, old_uid);
    hex_encode(c->old_key.b, 8, old_key);
    hex_encode(c->new_uid.b, 8, new_uid);
    hex_encode(c->new_key.b, 8, new_key);
    return json_pack("{s:i,s:s,s:s,s:s,s:s,s:s*}", "status", (int)c->status, "old_party",
                     c->has_old ? old_uid : "", "old_key", c->has_old ? old_key : "",
                     "new_party", c->has_new ? new_uid : "", "new_key",
                     c->has_new ? new_key : "", "held",
                     held != OUTCOME_HELD_UNTOLD ? outcome_held_name(held) : NULL);
}

/* Is it a cell, and none of those? */
static bool is_another(const char *name, uint32_t cells)
{
    for (unsigned c = 0; c < CELL_COUNT; c++)
        if (strcmp(gbcs_cell((enum cell)c)->name, name) == 0)
            return (cells & CELL_BIT(c)) == 0;
    return false;
}

/* What earlier commands did to cells that this one does not name stays.
 */
static void keep_earlier(json_t *cells, const char *before, uint32_t named,
                         struct cells_kept *kept)
{
    json_t *was = json_loads(before, 0, NULL);
    const char *name;
    json_t *cell;

    json_object_foreach(was, name, cell)
    {
        if (!json_is_object(cell) || json_object_get(cells, name) != NULL ||
            !is_another(name, named))
            continue;
        (void)json_object_set(cells, name, cell);
        kept->open = kept->open || is_open(cell);
        kept->replaced = kept->replaced || is_replaced(cell);
    }
    json_decref(was);
}

char *cells_answered(const struct sent *t, const struct sent_command *to,
                     const struct roster_row *row, const struct response *resp,
                     const char *before, struct cells_kept *kept, enum outcome_held *held)
{
    json_t *o = json_object();
    char *text;

    *held = OUTCOME_HELD_UNTOLD;
    *kept = (struct cells_kept){false, false};
    for (size_t i = 0; i < resp->n_outcomes; i++) {
        const struct response_outcome *c = &resp->outcomes[i];
        enum outcome_held by = OUTCOME_HELD_UNTOLD;
        char name[32];

        if (c->known) {
            (void)snprintf(name, sizeof name, "%s", gbcs_cell(c->cell)->name);
            if (c->has_old)
                by = held_by(t, to->batch, row, c->cell, &c->old_uid, &c->old_key);
            /* refused, with what an earlier command placed still there */
            if (c->status != 0 && c->has_old && !to->batch->handback &&
                (by == OUTCOME_HELD_REPLACED ||
                 held_is_ours(t, to->batch, c->cell, &c->old_key)))
                kept->replaced = true;
        } else {
            (void)snprintf(name, sizeof name, "unknown-%zu", i);
        }
        *held = worse(*held, by);
        (void)json_object_set_new(o, name, cell_json(c, by));
    }
    if (before != NULL)
        keep_earlier(o, before, to->cells, kept);
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

/* --- a word about them --- */

char *cells_noted(const char *before, const struct cells_told *told, const char *note,
                  const char *who, bool *left)
{
    json_t *o = before != NULL ? json_loads(before, 0, NULL) : NULL;
    const char *name;
    json_t *cell;
    char *text;

    if (o == NULL)
        o = json_object();
    for (unsigned c = 0; told != NULL && c < CELL_COUNT; c++)
        if ((told->cells & CELL_BIT(c)) != 0) {
            char key[HEX_LEN(8)];

            hex_encode(told->key[c].b, 8, key);
            (void)json_object_set_new(o, gbcs_cell((enum cell)c)->name,
                                      json_pack("{s:i,s:s}", "status", 0, "new_key", key));
        }
    *left = false;
    json_object_foreach(o, name, cell)
    {
        *left = *left || is_open(cell);
    }
    text = json_object_set_new(o, "note", json_string(note)) == 0
               ? json_dumps(o, JSON_COMPACT)
               : NULL;
    if (text != NULL && who != NULL) {
        free(text);
        (void)json_object_set_new(o, "by", json_string(who));
        text = json_dumps(o, JSON_COMPACT);
    }
    json_decref(o);
    return text;
}

/* --- a report --- */

static bool placed(const struct sent *t, enum cell cell, struct span key)
{
    for (size_t i = 0; i < t->n; i++)
        if ((t->batches[i].cells & CELL_BIT(cell)) != 0 &&
            span_equal(key, span_of(t->batches[i].placed[cell].b, 8)))
            return true;
    return false;
}

static void report_cell(json_t *o, const struct sent *t, const struct payload_details *role,
                        size_t at)
{
    struct payload_cell id = {.role = role->role,
                              .usage = role->cells[at].usage,
                              .cell_usage = role->cells[at].cell_usage};
    struct span key = role->cells[at].key;
    struct span uid = role->cells[at].uid;
    char party[HEX_LEN(8)];
    char hex[HEX_LEN(8)];
    enum cell cell;
    json_t *is;

    if (!payload_cell_find(&id, &cell) || key.len != 8 || uid.len != 8)
        return;
    is = json_object_get(o, gbcs_cell(cell)->name);
    if (!json_is_object(is))
        return;
    hex_encode(key.at, 8, hex);
    hex_encode(uid.at, 8, party);
    (void)json_object_set_new(is, "new_key", json_string(hex));
    (void)json_object_set_new(is, "new_party", json_string(party));
    if (placed(t, cell, key))
        (void)json_object_set_new(is, "status", json_integer(0));
    else if (json_integer_value(json_object_get(is, "status")) == 0)
        (void)json_object_del(is, "status");
}

char *cells_reported(const struct sent *t, const char *before,
                     const struct payload_report *report)
{
    json_t *o = json_loads(before, 0, NULL);
    char *text;

    for (size_t i = 0; i < report->n_roles; i++)
        for (size_t c = 0; c < report->roles[i].n_cells; c++)
            report_cell(o, t, &report->roles[i], c);
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

/* --- what a further decision asks --- */

uint32_t cells_left(const char *cells, uint32_t want, const struct key_id key[CELL_COUNT])
{
    json_t *o = json_loads(cells, 0, NULL);

    for (unsigned c = 0; c < CELL_COUNT; c++) {
        const json_t *cell = json_object_get(o, gbcs_cell((enum cell)c)->name);
        const char *has = json_string_value(json_object_get(cell, "new_key"));
        char hex[HEX_LEN(8)];

        hex_encode(key[c].b, 8, hex);
        if (has != NULL && strcmp(has, hex) == 0 && !is_open(cell))
            want &= ~CELL_BIT(c);
    }
    json_decref(o);
    return want;
}

char *cells_owed(const char *before, uint32_t cells, const char *decision)
{
    json_t *o = json_loads(before, 0, NULL);
    char *text;

    if (o == NULL)
        o = json_object();
    for (unsigned c = 0; c < CELL_COUNT; c++) {
        const char *name = gbcs_cell((enum cell)c)->name;

        if ((cells & CELL_BIT(c)) == 0)
            continue;
        if (json_object_get(o, name) == NULL)
            (void)json_object_set_new(o, name, json_object());
        (void)json_object_set_new(json_object_get(o, name), "owed", json_string(decision));
    }
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}
