/* SPDX-License-Identifier: MIT
 *
 * The list of an incident, version by version.
 */
#include "audit.h"
#include "docket.h"
#include "mem.h"
#include "outcome.h"
#include "rosters.h"
#include "think.h"
#include "uploads.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct version {
    int64_t number;
    struct digest sha256;
    uint32_t rows;
    bool found;
};

static bool take_version(void *arg, const struct store_row *r)
{
    struct version *v = arg;
    struct span b = store_blob(r, 1);

    v->found = b.len == sizeof v->sha256.b;
    if (v->found)
        memcpy(v->sha256.b, b.at, b.len);
    v->number = store_i64(r, 0);
    v->rows = (uint32_t)store_i64(r, 2);
    return false;
}

static bool on_file(struct store *s, const char *incident, struct version *v, struct err *e)
{
    *v = (struct version){0};
    return store_each(s, take_version, v, e,
                      "SELECT version, sha256, rows FROM roster WHERE incident = ?1"
                      " AND state = 'filed' ORDER BY version DESC LIMIT 1",
                      "t", incident);
}

bool docket_roster(struct store *s, const char *incident, struct digest *sha256,
                   uint32_t *rows, bool *found, struct err *e)
{
    struct version v;

    if (!on_file(s, incident, &v, e))
        return false;
    *sha256 = v.sha256;
    *rows = v.rows;
    *found = v.found;
    return true;
}

bool docket_list_version(struct store *s, const char *incident, int64_t version,
                         struct digest *sha256, bool *found, struct err *e)
{
    struct version v = {0};

    if (!store_each(s, take_version, &v, e,
                    "SELECT version, sha256, rows FROM roster WHERE incident = ?1"
                    " AND version = ?2",
                    "ti", incident, version))
        return false;
    *sha256 = v.sha256;
    *found = v.found;
    return true;
}

/* --- a further version --- */

/* in: two digests, then the folder. out: a struct lists_difference. */
static bool compare(struct store *s, struct span in, struct span *out, struct err *e)
{
    const char *dir = (const char *)in.at + 2 * sizeof(struct digest);
    struct lists_difference *found = malloc(sizeof *found);
    struct digest of[2];
    struct roster was = {0};
    struct roster is = {0};
    bool ok;

    (void)s;
    if (found == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memcpy(of, in.at, sizeof of);
    ok = rosters_open(dir, &of[0], &was, e) && rosters_open(dir, &of[1], &is, e);
    if (ok)
        lists_compare(&was, &is, found);
    roster_done(&was);
    roster_done(&is);
    if (!ok) {
        free(found);
        return false;
    }
    *out = span_of(found, sizeof *found);
    return true;
}

static const struct think_kind comparing = {.name = "how a list differs", .work = compare};

static bool difference(const struct docket *d, const struct version *before,
                       const struct roster *r, struct docket_list *out, struct err *e)
{
    uint8_t in[2 * sizeof(struct digest) + PATH_MAX];
    size_t dir = strlen(d->roster_dir) + 1;
    struct span found;

    if (!before->found)
        return true;
    out->corrects = before->number;
    assert(dir <= PATH_MAX);
    memcpy(in, before->sha256.b, sizeof before->sha256);
    memcpy(in + sizeof(struct digest), r->digest.b, sizeof r->digest);
    memcpy(in + 2 * sizeof(struct digest), d->roster_dir, dir);
    if (!think(&comparing, d->store, span_of(in, 2 * sizeof(struct digest) + dir), &found,
               e))
        return false;
    memcpy(&out->difference, found.at, sizeof out->difference);
    free((void *)(uintptr_t)found.at);
    return true;
}

static bool audit_list(const struct docket *d, const char *kind, const char *incident,
                       const char *who, const struct digest *sha256, uint32_t rows,
                       const struct docket_list *l, const char *reason, struct err *e)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(sha256->b, 32, hex);
    return audit_put(d->store, d->now_us, kind, incident, who, e,
                     "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:s*}", "sha256", hex, "count",
                     (json_int_t)rows, "version", (json_int_t)l->version, "corrects",
                     (json_int_t)l->corrects, "added", (json_int_t)l->difference.added,
                     "removed", (json_int_t)l->difference.removed, "changed",
                     (json_int_t)l->difference.changed, "reason", reason);
}

static bool add_version(const struct docket *d, const char *incident,
                        const struct roster *r, const char *who, struct docket_list *l,
                        struct err *e)
{
    AUTO(mem) char *types = lists_types(r->by_type);
    bool found;

    if (types == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return store_number(d->store, &l->version, &found, e,
                        "SELECT coalesce(max(version), 0) + 1 FROM roster"
                        " WHERE incident = ?1",
                        "t", incident) &&
           store_run(d->store, e,
                     "UPDATE roster SET state = 'dropped' WHERE incident = ?1"
                     " AND state = 'proposed'",
                     "t", incident) &&
           store_run(d->store, e,
                     "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us,"
                     " state, added, removed, changed, actor)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                     "tibititiiit", incident, l->version, span_of(r->digest.b, 32),
                     (int64_t)r->n_rows, types, d->now_us,
                     l->proposed ? "proposed" : "filed", (int64_t)l->difference.added,
                     (int64_t)l->difference.removed, (int64_t)l->difference.changed, who);
}

/* Does a version count for good? */
static bool is_named(struct store *s, const char *incident, bool *named, struct err *e)
{
    int64_t n = 0;
    bool found;

    if (!store_number(s, &n, &found, e,
                      "SELECT count(*) FROM roster WHERE incident = ?1 AND named", "t",
                      incident))
        return false;
    *named = n > 0;
    return true;
}

/* Who hands in the list that is on file does not want the correction. */
static bool take_back(const struct docket *d, const char *incident, const char *who,
                      struct err *e)
{
    int64_t version = 0;
    bool found;

    if (!store_number(d->store, &version, &found, e,
                      "SELECT max(version) FROM roster WHERE incident = ?1"
                      " AND state = 'proposed'",
                      "t", incident))
        return false;
    return !found || (store_run(d->store, e,
                                "UPDATE roster SET state = 'dropped' WHERE incident = ?1"
                                " AND state = 'proposed'",
                                "t", incident) &&
                      audit_put(d->store, d->now_us, "ROSTER_TAKEN_BACK", incident, who, e,
                                "{s:I}", "version", (json_int_t)version));
}

bool docket_put_roster(const struct docket *d, const char *incident, const struct roster *r,
                       const char *who, struct docket_list *out, struct err *e)
{
    struct version before;

    *out = (struct docket_list){0};
    if (!docket_changeable(d->store, incident, e) ||
        !on_file(d->store, incident, &before, e))
        return false;
    out->same = before.found && digest_equal(&before.sha256, &r->digest);
    if (out->same) {
        out->version = before.number;
        return take_back(d, incident, who, e);
    }
    return is_named(d->store, incident, &out->proposed, e) &&
           difference(d, &before, r, out, e) && add_version(d, incident, r, who, out, e) &&
           uploads_drop(d->store, UPLOADS_ROSTER, &r->digest, e) &&
           (out->proposed || lists_resize(d->store, d->roster_dir, incident, e)) &&
           audit_list(d, out->proposed ? "ROSTER_PROPOSED" : "ROSTER_RECEIVED", incident,
                      who, &r->digest, r->n_rows, out, NULL, e);
}

static bool proposal(struct store *s, const char *incident, int64_t version,
                     struct version *v, struct err *e)
{
    *v = (struct version){0};
    return store_each(s, take_version, v, e,
                      "SELECT version, sha256, rows FROM roster WHERE incident = ?1"
                      " AND version = ?2 AND state = 'proposed'",
                      "ti", incident, version) &&
           (v->found || err_set(e, ERR_DENIED, "roster.proposal",
                                "version %lld of the list of incident %s is not proposed",
                                (long long)version, incident));
}

bool docket_proposed(struct store *s, const char *incident, int64_t version,
                     struct digest *sha256, struct err *e)
{
    struct version v;

    if (!proposal(s, incident, version, &v, e))
        return false;
    *sha256 = v.sha256;
    return true;
}

/* --- devices that are of another type than it was said --- */

struct retyping {
    const struct roster *roster;
    uint32_t at;             /* its row that outcomes have come to */
    struct roster_row *rows; /* owned; those whose type is another one */
    size_t n, cap;
    bool no_memory;
};

/* Both ascend by device. */
static bool note_type(void *arg, const struct outcome *o)
{
    struct retyping *t = arg;
    struct roster_row row;

    t->at = roster_seek(t->roster, &o->device, t->at);
    if (t->at == t->roster->n_rows)
        return false;
    roster_get(t->roster, t->at, &row);
    if (eui64_cmp(&row.device, &o->device) != 0 || row.type == o->type)
        return true;
    if (t->n == t->cap) {
        size_t cap = t->cap > 0 ? 2 * t->cap : 64;
        struct roster_row *more = reallocarray(t->rows, cap, sizeof *more);

        t->no_memory = more == NULL;
        if (t->no_memory)
            return false;
        t->rows = more;
        t->cap = cap;
    }
    t->rows[t->n++] = row;
    return true;
}

/* The newest list says what type a device has, of those that have answered too: or figures
 * by type have devices of one that the lists have not. */
static bool retype(struct store *s, const char *incident, const struct roster *r,
                   struct err *e)
{
    struct retyping t = {.roster = r};
    bool ok = outcome_each(s, incident, &outcome_first, &outcome_last, note_type, &t, e);

    if (ok && t.no_memory)
        ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (size_t i = 0; ok && i < t.n; i++)
        ok = store_run(
            s, e, "UPDATE outcome SET type = ?3 WHERE incident = ?1 AND device = ?2", "tbt",
            incident, span_of(t.rows[i].device.b, 8), gbcs_device(t.rows[i].type)->name);
    free(t.rows);
    return ok;
}

bool docket_confirm_roster(const struct docket *d, const char *incident, int64_t version,
                           const char *reason, const char *who, struct docket_list *out,
                           struct err *e)
{
    struct version before;
    struct version v;
    struct roster r;
    bool ok;

    *out = (struct docket_list){.version = version};
    if (!docket_changeable(d->store, incident, e) ||
        !on_file(d->store, incident, &before, e) ||
        !proposal(d->store, incident, version, &v, e) ||
        !rosters_open(d->roster_dir, &v.sha256, &r, e))
        return false;
    ok = difference(d, &before, &r, out, e) && retype(d->store, incident, &r, e);
    roster_done(&r);
    return ok &&
           store_run(d->store, e,
                     "UPDATE roster SET state = 'filed', reason = ?3, actor = ?4"
                     " WHERE incident = ?1 AND version = ?2",
                     "titt", incident, version, reason, who) &&
           lists_resize(d->store, d->roster_dir, incident, e) &&
           audit_list(d, "ROSTER_CORRECTED", incident, who, &v.sha256, v.rows, out, reason,
                      e);
}
