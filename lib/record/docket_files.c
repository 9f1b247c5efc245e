/* SPDX-License-Identifier: MIT
 *
 * The notification and progress files of an incident: what they notified, how far they say
 * that the devices are.
 */
#include "audit.h"
#include "docket.h"
#include "keys.h"
#include "mem.h"
#include "rosters.h"
#include "uploads.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* An amendment becomes a notification when it is confirmed. */
static const char *const kinds[] = {"notification", "progress", "amendment"};
#define AMENDMENT 2

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
                        "tb", incident, eui64_span(device)) &&
           n > 0;
}

bool docket_file_row(struct store *s, const char *incident, const struct partyfile_row *row,
                     struct err *e)
{
    return store_run(s, e,
                     "INSERT INTO file_row (incident, device, state, code)"
                     " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (incident, device) DO UPDATE"
                     " SET state = excluded.state, code = excluded.code",
                     "tbti", incident, eui64_span(&row->device),
                     partyfile_state_name(row->state), (int64_t)row->code);
}

bool docket_put_file(const struct docket *d, const char *incident,
                     const struct partyfile_header *h, const struct digest *sha256,
                     struct span cms, const char *who, struct err *e)
{
    const char *kind =
        kinds[h->amends[0] != '\0' ? AMENDMENT : (unsigned)is_progress(h->kind)];
    json_t *totals = json_object();
    AUTO(mem) char *text = NULL;
    char hex[HEX_LEN(32)];
    bool ok;

    for (unsigned i = 0; i < PARTYFILE_STATE_COUNT; i++)
        (void)json_object_set_new(totals, partyfile_state_name((enum partyfile_state)i),
                                  json_integer(h->total[i]));
    text = json_dumps(totals, JSON_COMPACT);
    hex_encode_lower(sha256->b, 32, hex);
    ok =
        (text != NULL || err_set(e, ERR_STORE, "store.memory", "out of memory")) &&
        store_run(d->store, e,
                  "INSERT INTO file (id, incident, kind, sha256, as_at_us, totals, cms,"
                  " at_us, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                  "tttbitbit", h->id, incident, kind, span_of(sha256->b, 32), h->as_at_us,
                  text, cms, d->now_us, who) &&
        (is_progress(h->kind) || h->amends[0] != '\0' ||
         keys_noticed(d->store, incident, h, d->now_us, e)) &&
        uploads_drop(d->store, UPLOADS_FILE, sha256, e) &&
        audit_put(d->store, d->now_us, "FILE_RECEIVED", incident, who, e,
                  "{s:s,s:s,s:s,s:I,s:s,s:s,s:O,s:s*}", "file", h->id, "kind",
                  partyfile_kind_name(h->kind), "sha256", hex, "rows",
                  (json_int_t)h->n_rows, "organisation", h->organisation, "officer", h->aro,
                  "totals", totals, "amends", h->amends[0] != '\0' ? h->amends : NULL);
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
    store_copy(row, 4, l->out->who, sizeof l->out->who);
    l->out->was.as_at_us = store_i64(row, 2);
    for (unsigned i = 0; i < PARTYFILE_STATE_COUNT; i++)
        l->out->was.total[i] = (uint32_t)json_integer_value(
            json_object_get(totals, partyfile_state_name((enum partyfile_state)i)));
    json_decref(totals);
    return false;
}

static bool last_of(struct store *s, const char *incident, const char *kind,
                    struct docket_file *out, bool *found, struct err *e)
{
    struct last l = {out, false};

    memset(out, 0, sizeof *out);
    if (!store_each(s, take_last, &l, e,
                    "SELECT id, sha256, as_at_us, totals, actor FROM file"
                    " WHERE incident = ?1 AND kind = ?2 ORDER BY rowid DESC LIMIT 1",
                    "tt", incident, kind))
        return false;
    *found = l.found;
    return true;
}

bool docket_last_file(struct store *s, const char *incident, bool progress,
                      struct docket_file *out, bool *found, struct err *e)
{
    return last_of(s, incident, kinds[progress], out, found, e);
}

/* --- its octets --- */

bool docket_file_open(const struct docket *d, const struct docket_file *file,
                      struct docket_octets *out, struct err *e)
{
    char path[PATH_MAX];
    struct digest sum;
    struct stat st;
    void *at = MAP_FAILED;

    *out = (struct docket_octets){{NULL, 0}};
    rosters_path(d->files_dir, &file->sha256, path);
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return err_set(e, ERR_STORE, "store.failed", "file %s: %s: %s", file->id, path,
                       strerror(errno));
    out->text = span_of(at, (size_t)st.st_size);
    sum = digest_of(out->text, (struct span){NULL, 0});
    if (digest_equal(&sum, &file->sha256))
        return true;
    docket_file_close(out);
    return err_set(e, ERR_STORE, "store.failed", "file %s was changed on disk: %s",
                   file->id, path);
}

void docket_file_close(struct docket_octets *o)
{
    if (o->text.at != NULL)
        (void)munmap((void *)(uintptr_t)o->text.at, o->text.len);
    o->text = (struct span){NULL, 0};
}

/* --- amendments --- */

bool docket_amendment(const struct docket *d, const char *incident, struct docket_file *out,
                      struct err *e)
{
    AUTO(mem) struct partyfile_header *h = calloc(1, sizeof *h);
    struct docket_file before;
    struct docket_octets o;
    bool found, notified;
    bool ok;

    if (h == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!last_of(d->store, incident, kinds[AMENDMENT], out, &found, e) ||
        !docket_last_file(d->store, incident, false, &before, &notified, e))
        return false;
    if (!found)
        return err_set(e, ERR_DENIED, "file.amends", "no amendment waits in incident %s",
                       incident);
    if (!docket_file_open(d, out, &o, e))
        return false;
    ok = partyfile_header_read(o.text, out->id, h, e);
    docket_file_close(&o);
    return ok && ((notified && strcmp(h->amends, before.id) == 0) ||
                  err_set(e, ERR_DENIED, "file.amends",
                          "file %s amends %s, which is not the notification in force",
                          out->id, h->amends));
}

struct amending {
    struct store *store;
    const char *incident;
    struct eui64 last;
    bool any;
};

/* Devices between two that stay are notified no more, but for those that something was
 * reported of. */
static bool leave_between(struct amending *a, const struct eui64 *next, struct err *e)
{
    static const uint8_t beyond[9] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return store_run(
        a->store, e,
        "DELETE FROM file_row WHERE incident = ?1 AND device > ?2 AND device < ?3"
        " AND state = ?4",
        "tbbt", a->incident,
        a->any ? span_of(a->last.b, sizeof a->last.b) : span_of(beyond, 0),
        next != NULL ? span_of(next->b, sizeof next->b) : span_of(beyond, sizeof beyond),
        partyfile_state_name(PARTYFILE_PENDING));
}

static bool amend_row(void *arg, const struct partyfile_header *h,
                      const struct partyfile_row *row, struct err *e)
{
    struct amending *a = arg;

    (void)h;
    if (!leave_between(a, &row->device, e) ||
        !store_run(a->store, e,
                   "INSERT INTO file_row (incident, device, state, code)"
                   " VALUES (?1, ?2, ?3, 0) ON CONFLICT (incident, device) DO NOTHING",
                   "tbt", a->incident, eui64_span(&row->device),
                   partyfile_state_name(PARTYFILE_PENDING)))
        return false;
    a->last = row->device;
    a->any = true;
    return true;
}

bool docket_amend(const struct docket *d, const char *incident,
                  const struct docket_file *amendment, struct err *e)
{
    AUTO(mem) struct partyfile_header *h = calloc(1, sizeof *h);
    struct amending a = {.store = d->store, .incident = incident};
    struct partyfile_reader reader = {.row = amend_row, .arg = &a};
    struct docket_octets o;
    bool ok;

    if (h == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_file_open(d, amendment, &o, e))
        return false;
    ok =
        partyfile_again(o.text, amendment->id, &reader, h, e) && leave_between(&a, NULL, e);
    docket_file_close(&o);
    return ok && keys_noticed(d->store, incident, h, d->now_us, e) &&
           store_run(d->store, e, "UPDATE file SET kind = ?2 WHERE id = ?1", "tt",
                     amendment->id, kinds[0]);
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
