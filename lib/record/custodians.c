/* SPDX-License-Identifier: MIT */
#include "custodians.h"

#include "audit.h"
#include "mem.h"
#include "outbox.h"

#include <stdio.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

bool custodians_known_key(struct store *s, const struct point *key, bool *known,
                          struct err *e)
{
    int64_t n = 0;

    return store_number(s, &n, known, e, "SELECT n FROM ceremony WHERE key = ?1 LIMIT 1",
                        "b", span_of(key->b, sizeof key->b));
}

/* --- a record --- */

static bool put_ceremony(struct store *s, const struct ceremony_record *r, struct span text,
                         const char *actor, int64_t now_us, struct err *e)
{
    AUTO(mem) char *copy = span_text(text);
    int64_t n = 0;
    bool found;

    if (copy == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!store_number(s, &n, &found, e, "SELECT n FROM ceremony WHERE id = ?1", "t", r->id))
        return false;
    if (found)
        return err_set(e, ERR_DENIED, "ceremony.twice",
                       "the record of ceremony %s is on file: number %lld", r->id,
                       (long long)n);
    return store_run(s, e,
                     "INSERT INTO ceremony (id, what, at_us, label, serial, key, result,"
                     " record, actor, taken_us)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                     "ttittbttti", r->id, ceremony_record_what(r->what), r->at_us, r->label,
                     r->serial, span_of(r->key.b, sizeof r->key.b), r->result, copy, actor,
                     now_us);
}

static bool audited(struct store *s, struct span text, const char *actor, int64_t now_us,
                    struct err *e)
{
    json_t *whole = json_loadb((const char *)text.at, text.len, 0, NULL);

    return whole != NULL
               ? audit_put(s, now_us, "CEREMONY", "", actor, e, "{s:o}", "record", whole)
               : err_set(e, ERR_STORE, "store.memory", "out of memory");
}

static void names_of(const struct ceremony_record *r, char out[static 256])
{
    out[0] = '\0';
    for (size_t i = 0; i < r->n_keys; i++) {
        size_t at = strlen(out);

        (void)snprintf(out + at, 256 - at, "%s%s", at > 0 ? " " : "", r->keys[i].name);
    }
}

/* A version of a set that is given out with this record: its members hold shares, and those
 * of the version before do no more. */
static bool give_out(struct store *s, const struct ceremony_record *r, struct err *e)
{
    const struct custody_set *set = &r->set;
    char keys[256];

    names_of(r, keys);
    if (!store_run(s, e,
                   "INSERT INTO share_set (id, version, threshold, keys, proven_us)"
                   " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET"
                   " version = ?2, threshold = ?3, keys = ?4, proven_us = ?5",
                   "tiiti", set->id, (int64_t)set->version, (int64_t)set->threshold, keys,
                   r->at_us))
        return false;
    for (size_t i = 0; i < set->n; i++)
        if (!store_run(s, e,
                       "INSERT INTO custodian (share_set, person, name, party, version,"
                       " since_us, proven_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"
                       " ON CONFLICT (share_set, person) DO UPDATE SET name = ?3,"
                       " party = ?4, version = ?5, proven_us = ?6, left_us = 0,"
                       " left_why = '',"
                       " since_us = CASE WHEN ended_us = 0 AND left_us = 0 THEN since_us"
                       " ELSE ?6 END, ended_us = 0",
                       "ttttii", set->id, set->members[i].who.person,
                       set->members[i].who.name, set->members[i].who.party,
                       (int64_t)set->version, r->at_us))
            return false;
    return store_run(s, e,
                     "UPDATE custodian SET ended_us = ?3 WHERE share_set = ?1"
                     " AND version < ?2 AND ended_us = 0",
                     "tii", set->id, (int64_t)set->version, r->at_us);
}

/* Shares of the version that counts were shown. */
static bool proved(struct store *s, const struct ceremony_record *r, struct err *e)
{
    const struct custody_set *set = &r->set;

    for (size_t i = 0; i < set->n; i++)
        if (r->proven[i] &&
            !store_run(s, e,
                       "UPDATE custodian SET proven_us = max(proven_us, ?3)"
                       " WHERE share_set = ?1 AND person = ?2",
                       "tti", set->id, set->members[i].who.person, r->at_us))
            return false;
    return store_run(s, e,
                     "UPDATE share_set SET proven_us = max(proven_us, ?2) WHERE id = ?1",
                     "ti", set->id, r->at_us);
}

static bool register_set(struct store *s, const struct ceremony_record *r, struct err *e)
{
    bool gives = r->what == CEREMONY_BACKUP || r->what == CEREMONY_ROTATE;
    int64_t version = 0;
    bool found;

    if (!store_number(s, &version, &found, e, "SELECT version FROM share_set WHERE id = ?1",
                      "t", r->set.id))
        return false;
    if (found && gives && (int64_t)r->set.version <= version)
        return err_set(e, ERR_DENIED, "ceremony.older",
                       "version %lld of set %s is on file; the record is about version %u",
                       (long long)version, r->set.id, r->set.version);
    if (!found || gives)
        return give_out(s, r, e);
    /* an old version that still opens says nothing of the shares that count */
    return (int64_t)r->set.version < version || proved(s, r, e);
}

bool custodians_take(struct store *s, const struct ceremony_record *r, struct span text,
                     const char *actor, int64_t now_us, struct err *e)
{
    return put_ceremony(s, r, text, actor, now_us, e) &&
           (!r->has_set || register_set(s, r, e)) && audited(s, text, actor, now_us, e);
}

bool custodians_leave(struct store *s, const char *person, const char *reason,
                      const char *actor, int64_t now_us, struct err *e)
{
    if (!store_run(s, e,
                   "UPDATE custodian SET left_us = ?2, left_why = ?3 WHERE person = ?1"
                   " AND ended_us = 0 AND left_us = 0",
                   "tit", person, now_us, reason))
        return false;
    if (store_changes(s) == 0)
        return err_set(e, ERR_MISSING, "ceremony.custodian",
                       "%s holds no share that counts, or has left already", person);
    return audit_put(s, now_us, "CUSTODIAN_LEFT", "", actor, e, "{s:s,s:s}", "person",
                     person, "reason", reason);
}

/* --- what is due --- */

struct each {
    unsigned days;
    bool (*fn)(void *arg, const struct custodians_due *d);
    void *arg;
};

static bool one_set(void *arg, const struct store_row *row)
{
    struct each *e = arg;
    struct custodians_due d = {.version = (uint32_t)store_i64(row, 2), .due_us = INT64_MAX};
    int64_t proven_us = store_i64(row, 3);

    store_copy(row, 0, d.set, sizeof d.set);
    store_copy(row, 1, d.keys, sizeof d.keys);
    if (!store_null(row, 5)) {
        d.due_us = store_i64(row, 5);
        (void)snprintf(d.why, sizeof d.why, "%s of %s has left", store_text(row, 6),
                       store_text(row, 7));
    } else if (e->days > 0) {
        d.due_us = proven_us + e->days * DAY_US;
        (void)snprintf(d.why, sizeof d.why, "%u days since its shares were proven",
                       e->days);
    }
    d.rang = store_i64(row, 4) == d.due_us;
    return e->fn(e->arg, &d);
}

bool custodians_each(struct store *s, unsigned days,
                     bool (*fn)(void *arg, const struct custodians_due *d), void *arg,
                     struct err *e)
{
    struct each each = {days, fn, arg};

    /* with min() the other columns are those of the row that has it */
    return store_each(s, one_set, &each, e,
                      "SELECT x.id, x.keys, x.version, x.proven_us, x.rang_us,"
                      " min(c.left_us), c.name, c.party FROM share_set AS x"
                      " LEFT JOIN custodian AS c ON c.share_set = x.id AND c.ended_us = 0"
                      " AND c.left_us > 0 GROUP BY x.id ORDER BY x.id",
                      "");
}

bool custodians_ring(struct store *s, const struct config *c,
                     const struct custodians_due *d, int64_t now_us, struct err *e)
{
    struct chain_place at;
    json_t *body;
    bool ok;

    if (!store_run(s, e, "UPDATE share_set SET rang_us = ?2 WHERE id = ?1", "ti", d->set,
                   d->due_us) ||
        !audit_put(s, now_us, "CEREMONY_DUE", "", AUDIT_ACTOR_SYSTEM, e,
                   "{s:s,s:i,s:s,s:s}", "set", d->set, "version", (int)d->version, "keys",
                   d->keys, "why", d->why) ||
        !audit_last(s, &at, e))
        return false;
    body = json_pack("{s:s,s:i,s:s,s:s}", "set", d->set, "version", (int)d->version, "keys",
                     d->keys, "why", d->why);
    ok = outbox_ceremony(s, c, (int64_t)at.seq, body, now_us, e);
    json_decref(body);
    return ok;
}

/* --- pages --- */

struct listing {
    struct docket_show_page *page;
    json_t *list;
    json_t *(*show)(const struct store_row *row);
};

static bool add_row(void *arg, const struct store_row *row)
{
    struct listing *l = arg;

    return docket_show_fits_number(l->page, store_i64(row, 0)) &&
           json_array_append_new(l->list, l->show(row)) == 0;
}

static json_t *show_ceremony(const struct store_row *row)
{
    json_t *record = json_loads(store_text(row, 7), 0, NULL);
    json_t *j = json_pack(
        "{s:I,s:s,s:s,s:o,s:s,s:s,s:s,s:s,s:o}", "n", (json_int_t)store_i64(row, 0),
        "ceremony", store_text(row, 1), "what", store_text(row, 2), "at",
        docket_show_time(store_i64(row, 3)), "token", store_text(row, 4), "serial",
        store_text(row, 5), "result", store_text(row, 6), "taken_by", store_text(row, 8),
        "taken", docket_show_time(store_i64(row, 9)));

    (void)json_object_set_new(j, "record", record != NULL ? record : json_null());
    return j;
}

static json_t *show_custodian(const struct store_row *row)
{
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:I,s:s,s:o,s:o,s:o,s:s,s:o}", "n",
                     (json_int_t)store_i64(row, 0), "person", store_text(row, 1), "name",
                     store_text(row, 2), "party", store_text(row, 3), "set",
                     store_text(row, 4), "version", (json_int_t)store_i64(row, 5), "keys",
                     store_text(row, 6), "since", docket_show_time(store_i64(row, 7)),
                     "proven", docket_show_time(store_i64(row, 8)), "left",
                     docket_show_time(store_i64(row, 9)), "reason", store_text(row, 10),
                     "ended", docket_show_time(store_i64(row, 11)));
}

static bool page(struct store *s, struct docket_show_page *p, const char *sql,
                 json_t *(*show)(const struct store_row *row), json_t **out, struct err *e)
{
    struct listing l = {p, json_array(), show};
    int64_t behind;

    *out = l.list;
    if (docket_show_behind(p, &behind, e) &&
        store_each(s, add_row, &l, e, sql, "i", behind))
        return true;
    json_decref(TAKE(*out));
    return false;
}

bool custodians_show_ceremonies(struct store *s, struct docket_show_page *p, json_t **out,
                                struct err *e)
{
    return page(s, p,
                "SELECT n, id, what, at_us, label, serial, result, record, actor, taken_us"
                " FROM ceremony WHERE n > ?1 ORDER BY n",
                show_ceremony, out, e);
}

bool custodians_show(struct store *s, struct docket_show_page *p, json_t **out,
                     struct err *e)
{
    return page(s, p,
                "SELECT c.n, c.person, c.name, c.party, c.share_set, c.version, x.keys,"
                " c.since_us, c.proven_us, c.left_us, c.left_why, c.ended_us"
                " FROM custodian AS c JOIN share_set AS x ON x.id = c.share_set"
                " WHERE c.n > ?1 ORDER BY c.n",
                show_custodian, out, e);
}
