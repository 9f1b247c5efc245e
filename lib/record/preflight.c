/* SPDX-License-Identifier: MIT */
#include "preflight.h"

#include "audit.h"
#include "held.h"
#include "mem.h"
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#define NAMED_MAX 20 /* devices that preflight_found names */

static bool eui_of(const struct store_row *row, int column, struct eui64 *out)
{
    struct span b = store_blob(row, column);

    if (b.len != sizeof out->b)
        return false;
    memcpy(out->b, b.at, sizeof out->b);
    return true;
}

/* --- an answer --- */

static uint32_t relevant(const struct sent_batch *plan, const struct roster_row *row)
{
    uint32_t cells = plan->cells & gbcs_device(row->type)->cells;

    if (plan->cells == 0)
        return row->cells;
    return row->cells != 0 ? cells & row->cells : cells;
}

struct holder {
    enum cell cell;
    struct eui64 party;
    struct key_id key;
};

static bool holder_of(const struct payload_details *d, size_t c, struct holder *out)
{
    struct payload_cell id = {
        .role = d->role, .usage = d->cells[c].usage, .cell_usage = d->cells[c].cell_usage};

    if (!payload_cell_find(&id, &out->cell) || d->cells[c].uid.len != sizeof out->party.b ||
        d->cells[c].key.len != sizeof out->key.b)
        return false;
    memcpy(out->party.b, d->cells[c].uid.at, sizeof out->party.b);
    memcpy(out->key.b, d->cells[c].key.at, sizeof out->key.b);
    return true;
}

static json_t *cell_json(const struct holder *h, enum outcome_held held)
{
    char party[HEX_LEN(8)];
    char key[HEX_LEN(8)];

    hex_encode(h->party.b, 8, party);
    hex_encode(h->key.b, 8, key);
    return json_pack("{s:s,s:s,s:s*}", "party", party, "key", key, "held",
                     held != OUTCOME_HELD_UNTOLD ? outcome_held_name(held) : NULL);
}

bool preflight_take(struct sent *t, const char *incident, const struct sent_batch *plan,
                    const struct lists_row *row, const struct payload_report *report,
                    int64_t now_us, enum outcome_held *held, struct err *e)
{
    uint32_t cells = relevant(plan, &row->at);
    json_t *o = json_object();
    AUTO(mem) char *text = NULL;

    *held = OUTCOME_HELD_UNTOLD;
    for (size_t i = 0; i < report->n_roles; i++)
        for (size_t c = 0; c < report->roles[i].n_cells; c++) {
            enum outcome_held by = OUTCOME_HELD_UNTOLD;
            struct holder h;

            if (!holder_of(&report->roles[i], c, &h))
                continue;
            if ((cells & CELL_BIT(h.cell)) != 0)
                by = held_by(t, plan, &row->at, h.cell, &h.party, &h.key);
            if (by > *held)
                *held = by;
            (void)json_object_set_new(o, gbcs_cell(h.cell)->name, cell_json(&h, by));
        }
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return store_run(t->store, e,
                     "INSERT INTO preflight (incident, device, at_us, held, cells)"
                     " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (incident, device) DO UPDATE"
                     " SET at_us = excluded.at_us, held = excluded.held,"
                     " cells = excluded.cells",
                     "tbitt", incident, eui64_span(&row->at.device), now_us,
                     outcome_held_name(*held), text);
}

/* --- once more, when it is known what it is about --- */

#define AT_ONCE 1024 /* devices that are judged between two looks at the table */

struct again {
    struct store *store;
    const struct config *config; /* may be NULL */
    const char *incident;
    struct sent *sent;
    struct sent_batch plan;
    struct untold {
        struct eui64 device;
        json_t *cells; /* owned */
    } at[AT_ONCE];
    size_t n;
    bool no_memory;
    int64_t found[OUTCOME_HELD_COUNT];
};

static bool take_untold(void *arg, const struct store_row *row)
{
    struct again *g = arg;
    struct untold *u = &g->at[g->n];

    if (!eui_of(row, 0, &u->device))
        return true;
    u->cells = json_loads(store_text(row, 1), 0, NULL);
    g->no_memory = u->cells == NULL;
    g->n += u->cells != NULL;
    return !g->no_memory;
}

/* A cell of it as it was kept, with who held it. */
static enum outcome_held judge_cell(const struct again *g, const struct roster_row *row,
                                    enum cell cell, json_t *kept)
{
    const char *party = json_string_value(json_object_get(kept, "party"));
    const char *key = json_string_value(json_object_get(kept, "key"));
    struct holder h = {.cell = cell};
    enum outcome_held held;

    if (party == NULL || key == NULL || !hex_decode(party, strlen(party), h.party.b, 8) ||
        !hex_decode(key, strlen(key), h.key.b, 8))
        return OUTCOME_HELD_UNTOLD;
    held = held_by(g->sent, &g->plan, row, cell, &h.party, &h.key);
    if (held != OUTCOME_HELD_UNTOLD)
        (void)json_object_set_new(kept, "held", json_string(outcome_held_name(held)));
    return held;
}

static bool judge_again(struct again *g, const struct untold *u,
                        const struct roster_row *row, struct err *e)
{
    uint32_t cells = relevant(&g->plan, row);
    enum outcome_held worst = OUTCOME_HELD_UNTOLD;
    AUTO(mem) char *text = NULL;

    for (unsigned c = 0; c < CELL_COUNT; c++) {
        json_t *kept = json_object_get(u->cells, gbcs_cell((enum cell)c)->name);
        enum outcome_held held;

        if ((cells & CELL_BIT(c)) == 0 || kept == NULL)
            continue;
        held = judge_cell(g, row, (enum cell)c, kept);
        if (held > worst)
            worst = held;
    }
    text = json_dumps(u->cells, JSON_COMPACT);
    if (worst == OUTCOME_HELD_UNTOLD)
        return true;
    g->found[worst]++;
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return store_run(g->store, e,
                     "UPDATE preflight SET held = ?3, cells = ?4 WHERE incident = ?1"
                     " AND device = ?2",
                     "tbtt", g->incident, eui64_span(&u->device), outcome_held_name(worst),
                     text);
}

static bool judge_all(struct again *g, const struct lists *lists, struct err *e)
{
    struct eui64 behind = {{0}};
    struct lists_row row;
    bool ok = true;

    do {
        g->n = 0;
        ok = store_each(g->store, take_untold, g, e,
                        "SELECT device, cells FROM preflight WHERE incident = ?1"
                        " AND device > ?2 AND held = '' ORDER BY device LIMIT ?3",
                        "tbi", g->incident, eui64_span(&behind), (int64_t)AT_ONCE);
        for (size_t i = 0; i < g->n; i++) {
            if (ok && lists_find(lists, &g->at[i].device, &row))
                ok = judge_again(g, &g->at[i], &row.at, e);
            json_decref(g->at[i].cells);
        }
        if (g->n > 0)
            behind = g->at[g->n - 1].device;
        if (ok && g->no_memory)
            ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    } while (ok && g->n == AT_ONCE);
    return ok;
}

static bool tell_found(const struct again *g, int64_t now_us, struct err *e)
{
    json_t *held = json_object();
    bool ok;

    for (unsigned h = OUTCOME_HELD_UNTOLD + 1; h < OUTCOME_HELD_COUNT; h++)
        if (g->found[h] > 0)
            (void)json_object_set_new(held, outcome_held_name((enum outcome_held)h),
                                      json_integer((json_int_t)g->found[h]));
    ok = preflight_tell(g->store, g->config, g->incident, held, now_us, e);
    json_decref(held);
    return ok;
}

bool preflight_again(struct store *s, const struct config *c, const char *dir,
                     const char *incident, int64_t now_us, struct err *e)
{
    AUTO(mem) struct again *g = NULL;
    struct sent sent = {0};
    struct lists lists;
    int64_t n = 0;
    bool found;
    bool ok;

    if (!store_number(s, &n, &found, e,
                      "SELECT count(*) FROM preflight WHERE incident = ?1 AND held = ''",
                      "t", incident))
        return false;
    if (n == 0)
        return true;
    g = calloc(1, sizeof *g);
    if (g == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    g->store = s;
    g->config = c;
    g->incident = incident;
    g->sent = &sent;
    ok = lists_open(s, dir, incident, &lists, e) &&
         sent_open(s, incident, &lists, &sent, e) &&
         sent_plan(&sent, incident, &g->plan, e) && judge_all(g, &lists, e);
    sent_close(&sent);
    lists_done(&lists);
    return ok && tell_found(g, now_us, e);
}

/* --- telling --- */

bool preflight_tell(struct store *s, const struct config *c, const char *incident,
                    const json_t *held, int64_t now_us, struct err *e)
{
    static const enum outcome_held alarming[] = {OUTCOME_HELD_OTHER, OUTCOME_HELD_UNKNOWN};
    json_t *found = json_object();
    struct chain_place at;
    bool ok = true;

    for (size_t i = 0; i < sizeof alarming / sizeof alarming[0]; i++) {
        json_t *n = json_object_get(held, outcome_held_name(alarming[i]));

        if (n != NULL)
            (void)json_object_set(found, outcome_held_name(alarming[i]), n);
    }
    if (json_object_size(found) > 0)
        ok = audit_put(s, now_us, "DEVICES_HOLD_OTHERWISE", incident, AUDIT_ACTOR_SYSTEM, e,
                       "O", found) &&
             audit_last(s, &at, e) &&
             outbox_held(s, c, incident, (int64_t)at.seq, found, now_us, e);
    json_decref(found);
    return ok;
}

/* --- looking --- */

static enum outcome_held held_of(const char *name)
{
    unsigned h = OUTCOME_HELD_COUNT - 1;

    while (h > 0 && strcmp(outcome_held_name((enum outcome_held)h), name) != 0)
        h--;
    return (enum outcome_held)h;
}

struct counting {
    int64_t *answered, *n;
};

static bool take_count(void *arg, const struct store_row *row)
{
    struct counting *c = arg;

    *c->answered += store_i64(row, 1);
    c->n[held_of(store_text(row, 0))] += store_i64(row, 1);
    return true;
}

bool preflight_count(struct store *s, const char *incident, int64_t *answered,
                     int64_t n[OUTCOME_HELD_COUNT], struct err *e)
{
    struct counting c = {answered, n};

    *answered = 0;
    memset(n, 0, OUTCOME_HELD_COUNT * sizeof n[0]);
    return store_each(s, take_count, &c, e,
                      "SELECT held, count(*) FROM preflight WHERE incident = ?1"
                      " GROUP BY held",
                      "t", incident);
}

struct walking {
    bool (*fn)(void *arg, const struct eui64 *device, enum outcome_held held, int64_t at_us,
               const char *cells);
    void *arg;
};

static bool take_one(void *arg, const struct store_row *row)
{
    struct walking *w = arg;
    struct eui64 device;

    return !eui_of(row, 0, &device) || w->fn(w->arg, &device, held_of(store_text(row, 1)),
                                             store_i64(row, 2), store_text(row, 3));
}

bool preflight_each(struct store *s, const char *incident, const struct eui64 *from,
                    const struct eui64 *last,
                    bool (*fn)(void *arg, const struct eui64 *device,
                               enum outcome_held held, int64_t at_us, const char *cells),
                    void *arg, struct err *e)
{
    struct walking w = {fn, arg};

    return store_each(s, take_one, &w, e,
                      "SELECT device, held, at_us, cells FROM preflight WHERE incident = ?1"
                      " AND device BETWEEN ?2 AND ?3 ORDER BY device",
                      "tbb", incident, eui64_span(from), eui64_span(last));
}

/* --- before a batch --- */

struct barring {
    const struct roster *r;
    struct span selected;
    uint32_t n;
    struct eui64 first;
};

static int by_row(const void *key, const void *at)
{
    uint32_t row = *(const uint32_t *)key;
    uint32_t other = get_be32(at);

    return row < other ? -1 : row > other;
}

static bool bar_one(void *arg, const struct store_row *row)
{
    struct barring *b = arg;
    struct eui64 device;
    uint32_t at;

    if (!eui_of(row, 0, &device) || !roster_find(b->r, &device, &at) ||
        (b->selected.at != NULL &&
         bsearch(&at, b->selected.at, b->selected.len / 4, 4, by_row) == NULL))
        return true;
    if (b->n++ == 0)
        b->first = device;
    return true;
}

bool preflight_clear(struct store *s, const char *incident, const struct roster *r,
                     struct span selected, struct err *e)
{
    struct barring b = {.r = r, .selected = selected};
    char device[HEX_LEN(8)];

    if (!store_each(s, bar_one, &b, e,
                    "SELECT device FROM preflight WHERE incident = ?1 AND held = ?2"
                    " ORDER BY device",
                    "tt", incident, outcome_held_name(OUTCOME_HELD_OTHER)))
        return false;
    if (b.n == 0)
        return true;
    hex_encode(b.first.b, 8, device);
    return err_set(e, ERR_DENIED, "batch.another-party",
                   "%u devices hold another party's certificates by their own word, the "
                   "first is %s",
                   b.n, device);
}

/* --- what came out --- */

static json_t *entry_of(json_t *list, const char *held)
{
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "held")), held) == 0)
            return one;
    }
    one = json_pack("{s:s,s:I,s:[]}", "held", held, "devices", (json_int_t)0, "first");
    (void)json_array_append_new(list, one);
    return one;
}

static bool take_found(void *arg, const struct store_row *row)
{
    json_t *one = entry_of(arg, store_text(row, 1));
    json_t *first = json_object_get(one, "first");
    struct eui64 device;
    char hex[HEX_LEN(8)];

    (void)json_object_set_new(
        one, "devices",
        json_integer(json_integer_value(json_object_get(one, "devices")) + 1));
    if (json_array_size(first) < NAMED_MAX && eui_of(row, 0, &device)) {
        hex_encode(device.b, 8, hex);
        (void)json_array_append_new(first, json_string(hex));
    }
    return true;
}

bool preflight_found(struct store *s, const char *incident, json_t **out, struct err *e)
{
    *out = json_array();
    /* the words stand here as they stand in the indexes; what a device said last counts */
    if (store_each(s, take_found, *out, e,
                   "SELECT device, held FROM outcome WHERE incident = ?1"
                   " AND held IN ('another-party', 'unknown-key') UNION SELECT p.device,"
                   " p.held FROM preflight AS p WHERE p.incident = ?1 AND p.held IN"
                   " ('another-party', 'unknown-key') AND NOT EXISTS (SELECT 1 FROM outcome"
                   " AS o WHERE o.incident = p.incident AND o.device = p.device"
                   " AND o.held != '') ORDER BY held, device",
                   "t", incident))
        return true;
    json_decref(*out);
    *out = NULL;
    return false;
}
