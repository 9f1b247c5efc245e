/* SPDX-License-Identifier: MIT */
#include "audit.h"

#include "chain.h"
#include "clock.h"
#include "mem.h"

#include <jansson.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool read_place(void *arg, const struct store_row *row)
{
    struct chain_place *at = arg;
    struct span b = store_blob(row, 1);

    at->seq = (uint64_t)store_i64(row, 0);
    if (b.len == sizeof at->hash.b)
        memcpy(at->hash.b, b.at, b.len);
    return false;
}

bool audit_last(struct store *s, struct chain_place *at, struct err *e)
{
    memset(at, 0, sizeof *at);
    return store_each(s, read_place, at, e,
                      "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", "");
}

bool audit_at(struct store *s, uint64_t seq, struct chain_place *at, struct err *e)
{
    memset(at, 0, sizeof *at);
    return seq > INT64_MAX ||
           store_each(s, read_place, at, e, "SELECT seq, hash FROM audit WHERE seq = ?1",
                      "i", (int64_t)seq);
}

bool audit_put(struct store *s, int64_t now_us, const char *kind, const char *incident,
               const char *actor, struct err *e, const char *fmt, ...)
{
    char at[CLOCK_TEXT_LEN];
    struct chain_place last;
    struct digest hash;
    json_error_t je;
    json_t *data;
    json_t *line;
    va_list ap;
    AUTO(mem) char *text = NULL;

    if (!audit_last(s, &last, e))
        return false;
    clock_text(now_us, at);
    va_start(ap, fmt);
    data = json_vpack_ex(&je, 0, fmt, ap);
    va_end(ap);
    line = json_pack("{s:I,s:s,s:s,s:s,s:s,s:o}", "seq", (json_int_t)last.seq + 1, "at", at,
                     "kind", kind, "incident", incident, "actor", actor, "data", data);
    if (line == NULL)
        return err_set(e, ERR_STORE, "store.memory", "cannot write audit record %s: %s",
                       kind, data == NULL ? je.text : "out of memory");
    return chain_close(line, &last.hash, &text, &hash, e) &&
           store_run(s, e, "INSERT INTO audit (seq, line, hash) VALUES (?1, ?2, ?3)", "itb",
                     (int64_t)last.seq + 1, text, span_of(hash.b, sizeof hash.b));
}

struct lines {
    FILE *f;
    int64_t next;
    bool bad;
};

static bool put_line(void *arg, const struct store_row *row)
{
    struct lines *l = arg;
    const char *line = store_text(row, 1);
    struct span b = store_blob(row, 2);
    struct digest hash;

    l->bad = line[0] == '\0' || b.len != sizeof hash.b;
    if (l->bad)
        return false;
    memcpy(hash.b, b.at, sizeof hash.b);
    l->bad = !chain_print(l->f, line, &hash);
    l->next = store_i64(row, 0) + 1;
    return true;
}

bool audit_lines(struct store *s, int64_t seq, size_t max, char **text, size_t *len,
                 int64_t *next, struct err *e)
{
    struct lines l = {open_memstream(text, len), seq, false};
    bool ok;

    if (l.f == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    ok = store_each(
        s, put_line, &l, e,
        "SELECT seq, line, hash FROM audit WHERE seq >= ?1 ORDER BY seq LIMIT ?2", "ii",
        seq, (int64_t)max);
    if (fclose(l.f) != 0 && ok)
        ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (ok && l.bad)
        ok = err_set(e, ERR_STORE, "store.failed", "audit record %lld is damaged",
                     (long long)l.next);
    if (!ok) {
        free(*text);
        *text = NULL;
    }
    *next = l.next;
    return ok;
}
