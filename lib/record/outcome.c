/* SPDX-License-Identifier: MIT */
#include "outcome.h"

#include "authority.h"

#include <assert.h>
#include <string.h>

#define FIRST_STORED OUTCOME_ACCEPTED

static const char *const names[OUTCOME_STATES] = {
    [OUTCOME_PENDING] = "pending",
    [OUTCOME_SENT] = "sent",
    [OUTCOME_FAILED_ALONE] = "failed-alone",
    [OUTCOME_ACCEPTED] = "accepted",
    [OUTCOME_SUCCESS] = "success",
    [OUTCOME_PARTLY] = "partly",
    [OUTCOME_FAILED] = "failed",
    [OUTCOME_UNREACHABLE] = "unreachable",
    [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_EXCUSED] = "excused",
};

const char *outcome_state_name(enum outcome_state s)
{
    return (unsigned)s < OUTCOME_STATES ? names[s] : "";
}

bool outcome_state_find(const char *name, enum outcome_state *out)
{
    for (unsigned s = FIRST_STORED; s < OUTCOME_STATES; s++)
        if (strcmp(names[s], name) == 0) {
            *out = (enum outcome_state)s;
            return true;
        }
    return false;
}

static const char *const held_names[OUTCOME_HELD_COUNT] = {
    [OUTCOME_HELD_UNTOLD] = "",
    [OUTCOME_HELD_EXPECTED] = "expected",
    [OUTCOME_HELD_REPLACED] = "already-replaced",
    [OUTCOME_HELD_OTHER] = "another-party",
    [OUTCOME_HELD_UNKNOWN] = "unknown-key",
};

const char *outcome_held_name(enum outcome_held h)
{
    return (unsigned)h < OUTCOME_HELD_COUNT ? held_names[h] : "";
}

const struct eui64 outcome_first = {{0}};
const struct eui64 outcome_last = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

bool outcome_put(struct store *s, const char *incident, const struct outcome *o,
                 struct err *e)
{
    assert(o->state >= FIRST_STORED && o->state < OUTCOME_STATES);
    return store_run(
        s, e,
        "INSERT INTO outcome (incident, device, type, state, list, batch, counter, "
        "attempts,"
        " retry, at_us, held, cells)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        " ON CONFLICT (incident, device) DO UPDATE SET type = excluded.type,"
        " state = excluded.state, list = excluded.list, batch = excluded.batch,"
        " counter = excluded.counter, attempts = excluded.attempts, retry = excluded.retry,"
        " at_us = excluded.at_us, held = excluded.held, cells = excluded.cells",
        "tbttiiiiiitt", incident, eui64_span(&o->device), gbcs_device(o->type)->name,
        names[o->state], o->list, o->batch, (int64_t)o->counter, o->attempts,
        (int64_t)o->retry, o->at_us, outcome_held_name(o->held), o->cells);
}

/* --- reading --- */

struct reading {
    const char *incident;
    bool (*fn)(void *arg, const struct outcome *o);
    void *arg;
    bool ok;
    struct err *e;
};

static bool no_state(struct reading *r, const char *what, const char *text)
{
    r->ok = false;
    return err_set(r->e, ERR_STORE, "store.state",
                   "incident %s: the database holds the %s \"%.32s\" of a device, which "
                   "this program does not know",
                   r->incident, what, text);
}

static bool read_type(struct reading *r, const char *text, enum device_type *out)
{
    return gbcs_device_find(text, strlen(text), out) || no_state(r, "type", text);
}

static bool read_state(struct reading *r, const char *text, enum outcome_state *out)
{
    return outcome_state_find(text, out) || no_state(r, "state", text);
}

static bool read_held(struct reading *r, const char *text, enum outcome_held *out)
{
    for (unsigned h = 0; h < OUTCOME_HELD_COUNT; h++)
        if (strcmp(held_names[h], text) == 0) {
            *out = (enum outcome_held)h;
            return true;
        }
    return no_state(r, "holder", text);
}

#define COLUMNS \
    "device, type, state, batch, counter, attempts, retry, at_us, list, held, cells"

static bool read_row(struct reading *r, const struct store_row *row, struct outcome *o)
{
    struct span device = store_blob(row, 0);

    memset(o, 0, sizeof *o);
    if (device.len != sizeof o->device.b)
        return no_state(r, "name", "");
    memcpy(o->device.b, device.at, sizeof o->device.b);
    o->batch = store_i64(row, 3);
    o->counter = (uint64_t)store_i64(row, 4);
    o->attempts = store_i64(row, 5);
    o->retry = store_i64(row, 6) != 0;
    o->at_us = store_i64(row, 7);
    o->list = store_i64(row, 8);
    return read_type(r, store_text(row, 1), &o->type) &&
           read_state(r, store_text(row, 2), &o->state) &&
           read_held(r, store_text(row, 9), &o->held);
}

struct getting {
    struct reading r;
    struct outcome *out;
    char **cells;
    bool found;
};

static bool take_row(void *arg, const struct store_row *row)
{
    struct getting *g = arg;

    g->found = read_row(&g->r, row, g->out);
    if (!g->found || g->cells == NULL)
        return false;
    *g->cells = strdup(store_text(row, 10));
    return false;
}

bool outcome_get(struct store *s, const char *incident, const struct eui64 *device,
                 struct outcome *out, char **cells, bool *found, struct err *e)
{
    struct getting g = {.r = {.incident = incident, .ok = true, .e = e},
                        .out = out,
                        .cells = cells,
                        .found = false};

    *out = (struct outcome){.device = *device};
    if (cells != NULL)
        *cells = NULL;
    if (!store_each(s, take_row, &g, e,
                    "SELECT " COLUMNS " FROM outcome WHERE incident = ?1 AND device = ?2",
                    "tb", incident, eui64_span(device)))
        return false;
    *found = g.found;
    if (g.found && cells != NULL) {
        out->cells = *cells;
        if (*cells == NULL)
            return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    return g.r.ok;
}

static bool pass_row(void *arg, const struct store_row *row)
{
    struct reading *r = arg;
    struct outcome o;

    if (!read_row(r, row, &o))
        return false;
    o.cells = store_text(row, 10);
    return r->fn(r->arg, &o);
}

bool outcome_each(struct store *s, const char *incident, const struct eui64 *from,
                  const struct eui64 *last, bool (*fn)(void *arg, const struct outcome *o),
                  void *arg, struct err *e)
{
    struct reading r = {incident, fn, arg, true, e};

    return store_each(s, pass_row, &r, e,
                      "SELECT " COLUMNS " FROM outcome WHERE incident = ?1"
                      " AND device BETWEEN ?2 AND ?3 ORDER BY device",
                      "tbb", incident, eui64_span(from), eui64_span(last)) &&
           r.ok;
}

/* --- counting --- */

/* Batches of ?1 under an instruction of method ?2. */
#define BATCHES                                                                     \
    "(SELECT batch.id FROM batch JOIN decision ON decision.sha256 = batch.decision" \
    " WHERE batch.incident = ?1 AND json_extract(decision.json, '$.method') = ?2)"

/* The database keeps totals (store.c), for there may be 32 million rows. The states from ?3 on. */
#define COUNT                                                               \
    "SELECT sum(n), sum(n * (state = ?3)), sum(n * (state = ?4)),"          \
    " sum(n * (state = ?5)), sum(n * (state = ?6)), sum(n * (state = ?7))," \
    " sum(n * (state = ?8)), sum(n * (state = ?9)) FROM outcome_total WHERE incident = ?1"
#define COUNTED 7
_Static_assert(COUNTED == OUTCOME_STATES - FIRST_STORED, "COUNT has a sum for each state");

struct counting {
    int64_t all;
    int64_t *n;
};

static bool take_counts(void *arg, const struct store_row *row)
{
    struct counting *c = arg;

    c->all = store_i64(row, 0);
    for (int i = 0; i < COUNTED; i++)
        c->n[FIRST_STORED + i] = store_i64(row, 1 + i);
    return false;
}

bool outcome_count(struct store *s, const char *incident, bool handed_back,
                   int64_t n[OUTCOME_STATES], struct err *e)
{
    const char *const *name = names + FIRST_STORED;
    struct counting c = {0, n};

    memset(n, 0, OUTCOME_STATES * sizeof n[0]);
    if (!store_each(s, take_counts, &c, e,
                    handed_back ? COUNT " AND batch IN " BATCHES : COUNT, "ttttttttt",
                    incident, authority_method_name(METHOD_HANDBACK), name[0], name[1],
                    name[2], name[3], name[4], name[5], name[6]))
        return false;
    for (unsigned i = FIRST_STORED; i < OUTCOME_STATES; i++)
        c.all -= n[i];
    return c.all == 0 ||
           err_set(e, ERR_STORE, "store.state",
                   "incident %s: %lld devices are in a state that this program does not "
                   "know",
                   incident, (long long)c.all);
}

struct typed {
    struct reading r;
    int64_t (*n)[OUTCOME_STATES];
};

static bool take_typed(void *arg, const struct store_row *row)
{
    struct typed *t = arg;
    enum device_type type;
    enum outcome_state state;

    if (!read_type(&t->r, store_text(row, 0), &type) ||
        !read_state(&t->r, store_text(row, 1), &state))
        return false;
    t->n[type][state] = store_i64(row, 2);
    return true;
}

bool outcome_count_types(struct store *s, const char *incident,
                         int64_t n[DEVICE_COUNT][OUTCOME_STATES], struct err *e)
{
    struct typed t = {.r = {.incident = incident, .ok = true, .e = e}, .n = n};

    memset(n, 0, DEVICE_COUNT * sizeof n[0]);
    return store_each(s, take_typed, &t, e,
                      "SELECT type, state, sum(n) FROM outcome_total WHERE incident = ?1"
                      " GROUP BY type, state",
                      "t", incident) &&
           t.r.ok;
}

struct held {
    struct reading r;
    int64_t *n;
};

static bool take_held(void *arg, const struct store_row *row)
{
    struct held *h = arg;
    enum outcome_held which;

    if (!read_held(&h->r, store_text(row, 0), &which))
        return false;
    h->n[which] = store_i64(row, 1);
    return true;
}

bool outcome_count_held(struct store *s, const char *incident,
                        int64_t n[OUTCOME_HELD_COUNT], struct err *e)
{
    struct held h = {.r = {.incident = incident, .ok = true, .e = e}, .n = n};

    memset(n, 0, OUTCOME_HELD_COUNT * sizeof n[0]);
    return store_each(s, take_held, &h, e,
                      "SELECT held, sum(n) FROM outcome_total WHERE incident = ?1"
                      " GROUP BY held",
                      "t", incident) &&
           h.r.ok;
}

struct cells {
    bool (*fn)(void *arg, const char *cell, const char *code, int64_t n);
    void *arg;
};

static bool take_cell(void *arg, const struct store_row *row)
{
    struct cells *c = arg;

    return c->fn(c->arg, store_text(row, 0), store_text(row, 1), store_i64(row, 2));
}

bool outcome_failed_cells(struct store *s, const char *incident,
                          bool (*fn)(void *arg, const char *cell, const char *code,
                                     int64_t n),
                          void *arg, struct err *e)
{
    struct cells c = {fn, arg};

    return store_each(
        s, take_cell, &c, e,
        "SELECT cell.key, CAST(json_extract(cell.value, '$.status') AS TEXT), count(*)"
        " FROM outcome, json_each(outcome.cells) AS cell"
        " WHERE incident = ?1 AND state IN (?2, ?3)"
        " AND cell.type = 'object' AND json_extract(cell.value, '$.status') > 0"
        " GROUP BY 1, 2",
        "ttt", incident, names[OUTCOME_PARTLY], names[OUTCOME_FAILED]);
}

bool outcome_handback(struct store *s, int64_t batch, bool *is, struct err *e)
{
    int64_t n = 0;
    bool found;

    if (!store_number(s, &n, &found, e,
                      "SELECT json_extract(decision.json, '$.method') = ?2 FROM batch JOIN"
                      " decision ON decision.sha256 = batch.decision WHERE batch.id = ?1",
                      "it", batch, authority_method_name(METHOD_HANDBACK)))
        return false;
    *is = n != 0;
    return true;
}
