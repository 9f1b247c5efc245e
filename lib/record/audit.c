/* SPDX-License-Identifier: MIT */
#include "audit.h"

#include "clock.h"
#include "mem.h"

#include <jansson.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct tail {
    int64_t seq;
    struct digest hash;
};

static bool read_tail(void *arg, const struct store_row *row)
{
    struct tail *t = arg;
    struct span b = store_blob(row, 1);

    t->seq = store_i64(row, 0);
    if (b.len == sizeof t->hash.b)
        memcpy(t->hash.b, b.at, b.len);
    return false;
}

static bool tail_of(struct store *s, struct tail *t, struct err *e)
{
    memset(t, 0, sizeof *t);
    return store_each(s, read_tail, t, e,
                      "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", "");
}

bool audit_last(struct store *s, int64_t *seq, struct err *e)
{
    struct tail t;

    if (!tail_of(s, &t, e))
        return false;
    *seq = t.seq;
    return true;
}

bool audit_put(struct store *s, int64_t now_us, const char *kind, const char *incident,
               const char *actor, struct err *e, const char *fmt, ...)
{
    char at[CLOCK_TEXT_LEN];
    char prev[HEX_LEN(32)];
    struct digest hash;
    struct tail t;
    json_error_t je;
    json_t *data;
    json_t *line;
    va_list ap;
    AUTO(mem) char *text = NULL;

    if (!tail_of(s, &t, e))
        return false;
    clock_text(now_us, at);
    hex_encode_lower(t.hash.b, sizeof t.hash.b, prev);
    va_start(ap, fmt);
    data = json_vpack_ex(&je, 0, fmt, ap);
    va_end(ap);
    line = json_pack("{s:I,s:s,s:s,s:s,s:s,s:o,s:s}", "seq", (json_int_t)t.seq + 1, "at",
                     at, "kind", kind, "incident", incident, "actor", actor, "data", data,
                     "prev", prev);
    if (line != NULL)
        text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(line);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "cannot write audit record %s: %s",
                       kind, data == NULL ? je.text : "out of memory");
    hash = digest_of(span_of(text, strlen(text)), (struct span){NULL, 0});
    return store_run(s, e, "INSERT INTO audit (seq, line, hash) VALUES (?1, ?2, ?3)", "itb",
                     t.seq + 1, text, span_of(hash.b, sizeof hash.b));
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
    struct span hash = store_blob(row, 2);
    size_t n = strlen(line);
    char hex[HEX_LEN(32)];

    l->bad = n == 0 || hash.len != sizeof(struct digest);
    if (l->bad)
        return false;
    hex_encode_lower(hash.at, hash.len, hex);
    /* the line without its last '}', then the hash member, then '}' */
    (void)fprintf(l->f, "%.*s,\"hash\":\"%s\"}\n", (int)(n - 1), line, hex);
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
