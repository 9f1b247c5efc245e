/* SPDX-License-Identifier: MIT */
#include "sound.h"

#include "audit.h"
#include "ledger.h"
#include "mem.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

struct record { /* one of the trail, copied: its statement is done before others run */
    int64_t seq;
    char *line;
    struct digest hash;
};

struct records {
    struct record at[SOUND_RECORDS];
    size_t n;
};

static bool take_record(void *arg, const struct store_row *row)
{
    struct records *all = arg;
    struct record *r = &all->at[all->n++];

    r->seq = store_i64(row, 0);
    r->line = strdup(store_text(row, 1));
    if (store_blob(row, 2).len == sizeof r->hash.b)
        memcpy(r->hash.b, store_blob(row, 2).at, sizeof r->hash.b);
    return all->n < SOUND_RECORDS;
}

static bool wrong(const struct record *r, const char *what, struct err *e)
{
    return err_set(e, ERR_DENIED, "audit.ledger", "audit record %lld %s", (long long)r->seq,
                   what);
}

struct sigs {
    struct digest sha256;
    int64_t n;
    bool found;
};

static bool take_sigs(void *arg, const struct store_row *row)
{
    struct sigs *s = arg;

    s->n = store_i64(row, 0);
    s->sha256 = digest_of(store_blob(row, 1), span_of(NULL, 0));
    s->found = true;
    return false;
}

/* What it says was signed, against the ledger. */
static bool signed_so(struct store *s, const struct record *r, const json_t *data,
                      struct err *e)
{
    json_t *j = (json_t *)(uintptr_t)data;
    json_int_t batch, count, first, last;
    const char *originator, *sha256;
    struct sigs sigs = {0};
    char hex[HEX_LEN(32)];
    struct eui64 eui;
    uint64_t mark;
    bool found;

    if (json_unpack(j, "{s:I,s:I,s:I,s:I,s:s,s:s}", "batch", &batch, "count", &count,
                    "first_counter", &first, "last_counter", &last, "originator",
                    &originator, "signatures_sha256", &sha256) != 0 ||
        !eui64_parse(originator, strlen(originator), &eui))
        return true; /* an older program wrote less */
    if (!store_each(s, take_sigs, &sigs, e,
                    "SELECT n, sigs FROM slice WHERE id BETWEEN ?1 << 32 AND"
                    " (?1 << 32) + 4294967295 AND counter = ?2",
                    "ii", (int64_t)batch, (int64_t)first) ||
        !ledger_mark(s, &eui, &mark, &found, e))
        return false;
    hex_encode_lower(sigs.sha256.b, 32, hex);
    if (!sigs.found || sigs.n != count || strcmp(hex, sha256) != 0)
        return wrong(r, "tells of signatures that the ledger does not hold", e);
    return (found && mark <= INT64_MAX && (uint64_t)last <= mark) ||
           wrong(r, "tells of counters above those that are set aside", e);
}

static bool follows(struct store *s, const struct record *r, const struct record *before,
                    struct err *e)
{
    struct digest hash = digest_of(span_of(r->line, strlen(r->line)), span_of(NULL, 0));
    AUTO(json) json_t *j = json_loads(r->line, 0, NULL);
    const char *prev = json_string_value(json_object_get(j, "prev"));
    const char *kind = json_string_value(json_object_get(j, "kind"));
    char hex[HEX_LEN(32)];

    if (!digest_equal(&hash, &r->hash) || prev == NULL || kind == NULL)
        return wrong(r, "has not the hash that stands beside it", e);
    if (before != NULL) {
        hex_encode_lower(before->hash.b, 32, hex);
        if (before->seq + 1 != r->seq || strcmp(hex, prev) != 0)
            return wrong(r, "does not follow the one before", e);
    }
    return strcmp(kind, "BATCH_SIGNED") != 0 ||
           signed_so(s, r, json_object_get(j, "data"), e);
}

bool sound_check(struct store *s, struct err *e)
{
    AUTO(mem) struct records *all = calloc(1, sizeof *all);
    bool ok = all != NULL || err_set(e, ERR_STORE, "store.memory", "out of memory");

    ok = ok &&
         store_each(s, take_record, all, e,
                    "SELECT seq, line, hash FROM audit ORDER BY seq DESC LIMIT 256", "");
    for (size_t i = 0; ok && i < all->n; i++) {
        ok = all->at[i].line != NULL ||
             err_set(e, ERR_STORE, "store.memory", "out of memory");
        ok = ok && follows(s, &all->at[i], i + 1 < all->n ? &all->at[i + 1] : NULL, e);
    }
    for (size_t i = 0; all != NULL && i < all->n; i++)
        free(all->at[i].line);
    return ok;
}
