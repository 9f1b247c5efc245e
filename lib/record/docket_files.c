/* SPDX-License-Identifier: MIT
 *
 * The notification and progress files of an incident: what they notified, how far they say
 * that the devices are.
 */
#include "audit.h"
#include "docket.h"
#include "keys.h"
#include "mem.h"
#include "uploads.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"notification", "progress"};

static bool is_progress(enum partyfile_kind k)
{
    return k == PARTYFILE_ORGANISATION_PROGRESS || k == PARTYFILE_OTHER_PROGRESS;
}

bool docket_file_seen(struct store *s, const char *id)
{
    struct err ignored;
    int64_t n = 0;
    bool found;

    /* what cannot be looked up counts as seen: nothing is accepted twice */
    return !store_number(s, &n, &found, &ignored, "SELECT count(*) FROM file WHERE id = ?1",
                         "t", id) ||
           n > 0;
}

bool docket_file_notified(struct store *s, const char *incident, const struct eui64 *device)
{
    struct err ignored;
    int64_t n = 0;
    bool found;

    return store_number(s, &n, &found, &ignored,
                        "SELECT count(*) FROM file_row WHERE incident = ?1 AND device = ?2",
                        "tb", incident, span_of(device->b, sizeof device->b)) &&
           n > 0;
}

bool docket_file_row(struct store *s, const char *incident, const struct partyfile_row *row,
                     struct err *e)
{
    return store_run(s, e,
                     "INSERT INTO file_row (incident, device, state, code)"
                     " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (incident, device) DO UPDATE"
                     " SET state = excluded.state, code = excluded.code",
                     "tbti", incident, span_of(row->device.b, sizeof row->device.b),
                     partyfile_state_name(row->state), (int64_t)row->code);
}

bool docket_put_file(const struct docket *d, const char *incident,
                     const struct partyfile_header *h, const struct digest *sha256,
                     struct span cms, const char *who, struct err *e)
{
    const char *kind = kinds[is_progress(h->kind)];
    json_t *totals = json_object();
    AUTO(mem) char *text = NULL;
    char hex[HEX_LEN(32)];
    bool ok;

    for (unsigned i = 0; i < PARTYFILE_STATE_COUNT; i++)
        (void)json_object_set_new(totals, partyfile_state_name((enum partyfile_state)i),
                                  json_integer(h->total[i]));
    text = json_dumps(totals, JSON_COMPACT);
    hex_encode_lower(sha256->b, 32, hex);
    ok = (text != NULL || err_set(e, ERR_STORE, "store.memory", "out of memory")) &&
         store_run(d->store, e,
                   "INSERT INTO file (id, incident, kind, sha256, as_at_us, totals, cms,"
                   " at_us, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                   "tttbitbit", h->id, incident, kind, span_of(sha256->b, 32), h->as_at_us,
                   text, cms, d->now_us, who) &&
         (is_progress(h->kind) || keys_noticed(d->store, incident, h, d->now_us, e)) &&
         uploads_drop(d->store, UPLOADS_FILE, sha256, e) &&
         audit_put(d->store, d->now_us, "FILE_RECEIVED", incident, who, e,
                   "{s:s,s:s,s:s,s:I,s:s,s:s,s:O}", "file", h->id, "kind",
                   partyfile_kind_name(h->kind), "sha256", hex, "rows",
                   (json_int_t)h->n_rows, "organisation", h->organisation, "officer",
                   h->aro, "totals", totals);
    json_decref(totals);
    return ok;
}

struct last {
    struct docket_file *out;
    bool found;
};

static bool take_last(void *arg, const struct store_row *row)
{
    struct last *l = arg;
    struct span sha256 = store_blob(row, 1);
    json_t *totals = json_loads(store_text(row, 3), 0, NULL);

    l->found = sha256.len == 32;
    if (l->found)
        memcpy(l->out->sha256.b, sha256.at, 32);
    (void)snprintf(l->out->id, sizeof l->out->id, "%s", store_text(row, 0));
    l->out->was.as_at_us = store_i64(row, 2);
    for (unsigned i = 0; i < PARTYFILE_STATE_COUNT; i++)
        l->out->was.total[i] = (uint32_t)json_integer_value(
            json_object_get(totals, partyfile_state_name((enum partyfile_state)i)));
    json_decref(totals);
    return false;
}

bool docket_last_file(struct store *s, const char *incident, bool progress,
                      struct docket_file *out, bool *found, struct err *e)
{
    struct last l = {out, false};

    memset(out, 0, sizeof *out);
    if (!store_each(s, take_last, &l, e,
                    "SELECT id, sha256, as_at_us, totals FROM file WHERE incident = ?1"
                    " AND kind = ?2 ORDER BY rowid DESC LIMIT 1",
                    "tt", incident, kinds[progress]))
        return false;
    *found = l.found;
    return true;
}

/* --- what a file of our own reports on --- */

struct reported {
    struct authority *out;
    bool found, ok;
    struct err *e;
};

static bool take_reported(void *arg, const struct store_row *row)
{
    struct reported *r = arg;
    const char *json = store_text(row, 0);

    r->found = true;
    r->ok = authority_parse(span_of(json, strlen(json)), r->out, r->e);
    return false;
}

bool docket_file_decision(struct store *s, const char *incident, struct authority *out,
                          bool *found, struct err *e)
{
    struct reported r = {out, false, true, e};

    if (!store_each(s, take_reported, &r, e,
                    "SELECT json FROM decision WHERE incident = ?1 AND outcome = ?2"
                    " ORDER BY at_us DESC, rowid DESC LIMIT 1",
                    "tt", incident, authority_outcome_name(AUTHORITY_AUTHORISE)))
        return false;
    *found = r.found;
    return r.ok;
}

/* --- facts --- */

bool docket_file_facts(const struct docket *d, const struct docket_incident *i,
                       struct incident_facts *f, struct err *e)
{
    bool by_file = i->route == ROUTE_METHOD_1 || i->route == ROUTE_ISSUING_OCA ||
                   i->route == ROUTE_CONTINGENCY_KEY;
    int64_t all = 0;
    int64_t open = 0;
    bool found;

    if (!by_file)
        return true;
    if (!store_number(d->store, &all, &found, e,
                      "SELECT count(*) FROM file_row WHERE incident = ?1", "t", i->id) ||
        !store_number(d->store, &open, &found, e,
                      "SELECT count(*) FROM file_row WHERE incident = ?1"
                      " AND state NOT IN (?2, ?3)",
                      "ttt", i->id, partyfile_state_name(PARTYFILE_SUCCESS),
                      partyfile_state_name(PARTYFILE_EXCLUDED)))
        return false;
    if (all > 0) { /* who reports by files is counted by files */
        f->rows_pending = (uint32_t)open;
        f->rows_done = (uint32_t)(all - open);
    }
    return true;
}

struct named {
    const struct roster *r;
    uint32_t n;
};

static bool count_named(void *arg, const struct store_row *row)
{
    struct named *c = arg;
    struct span b = store_blob(row, 0);
    struct eui64 device;
    uint32_t at;

    if (b.len == sizeof device.b) {
        memcpy(device.b, b.at, sizeof device.b);
        c->n += roster_find(c->r, &device, &at);
    }
    return true;
}

bool docket_file_replaced(struct store *s, const char *incident, const struct roster *r,
                          uint32_t *n, struct err *e)
{
    struct named c = {r, 0};

    if (!store_each(s, count_named, &c, e,
                    "SELECT device FROM file_row WHERE incident = ?1 AND state = ?2", "tt",
                    incident, partyfile_state_name(PARTYFILE_SUCCESS)))
        return false;
    *n = c.n;
    return true;
}
