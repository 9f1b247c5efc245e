/* SPDX-License-Identifier: MIT */
#include "audit_check.h"

#include "mem.h"

#include <jansson.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HASH_TAIL (sizeof ",\"hash\":\"\"}" - 1 + 64)

struct run {
    uint64_t first, last;
    char originator[17];
};

struct runs {
    struct run *at;
    size_t n, cap;
};

static int by_first(const void *a, const void *b)
{
    const struct run *x = a;
    const struct run *y = b;
    int order = strcmp(x->originator, y->originator);

    if (order != 0)
        return order;
    return x->first < y->first ? -1 : x->first > y->first;
}

static uint64_t overlaps(struct runs *r)
{
    uint64_t n = 0;
    uint64_t top = 0; /* highest counter of this originator so far */

    if (r->n > 0)
        qsort(r->at, r->n, sizeof *r->at, by_first);
    for (size_t i = 0; i < r->n; i++) {
        const struct run *x = &r->at[i];
        bool same = i > 0 && strcmp(x->originator, r->at[i - 1].originator) == 0;

        if (same && x->first <= top)
            n += (x->last < top ? x->last : top) - x->first + 1;
        if (!same || x->last > top)
            top = x->last;
    }
    return n;
}

static bool note_run(struct runs *r, const json_t *line, struct audit_verdict *v)
{
    json_int_t n;
    json_int_t first;
    json_int_t last;
    const char *originator;
    const char *kind;
    json_t *data;

    if (json_unpack((json_t *)(uintptr_t)line, "{s:s,s:o}", "kind", &kind, "data", &data) !=
        0)
        return false;
    if (strcmp(kind, "BATCH_SIGNED") != 0)
        return true;
    if (json_unpack(data, "{s:I,s:I,s:I,s:s}", "count", &n, "first_counter", &first,
                    "last_counter", &last, "originator", &originator) != 0 ||
        n < 1 || first < 0 || last < first || last - first != n - 1 ||
        strlen(originator) != 16)
        return false;
    v->signed_rows += (uint64_t)n;
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 256;
        struct run *more = reallocarray(r->at, cap, sizeof *more);

        if (more == NULL)
            return false;
        r->at = more;
        r->cap = cap;
    }
    r->at[r->n].first = (uint64_t)first;
    r->at[r->n].last = (uint64_t)last;
    (void)strcpy(r->at[r->n++].originator, originator);
    return true;
}

static bool chain_line(char *line, size_t n, uint64_t no, struct audit_verdict *v,
                       struct runs *runs, struct err *e)
{
    struct digest hash;
    char hex[HEX_LEN(32)];
    const char *given;
    const char *prev;
    json_int_t seq;
    json_t *j;
    bool ok;

    if (n < HASH_TAIL + 2 || memcmp(line + n - HASH_TAIL, ",\"hash\":\"", 9) != 0)
        return err_set(e, ERR_INPUT, "audit.chain",
                       "line %" PRIu64 " does not end in a hash", no);
    given = line + n - HASH_TAIL + 9;
    hash = digest_of(span_of(line, n - HASH_TAIL), span_of("}", 1));
    hex_encode_lower(hash.b, sizeof hash.b, hex);
    if (memcmp(hex, given, 64) != 0)
        return err_set(e, ERR_INPUT, "audit.chain",
                       "line %" PRIu64 ": its hash is not that of its text", no);
    j = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    if (j == NULL || json_unpack(j, "{s:I,s:s}", "seq", &seq, "prev", &prev) != 0) {
        json_decref(j);
        return err_set(e, ERR_INPUT, "audit.chain", "line %" PRIu64 " is no record", no);
    }
    if (no == 1)
        v->first_seq = (uint64_t)seq;
    ok = seq >= 1 && (uint64_t)seq == v->first_seq + no - 1 &&
         (no == 1 ? seq > 1 || strspn(prev, "0") == 64 : strcmp(prev, v->last_hash) == 0);
    if (!ok)
        (void)err_set(e, ERR_INPUT, "audit.chain",
                      "line %" PRIu64 " (record %lld) does not follow the line before it",
                      no, (long long)seq);
    else if (!note_run(runs, j, v))
        ok = err_set(e, ERR_INPUT, "audit.chain",
                     "line %" PRIu64 ": not a record of this kind", no);
    json_decref(j);
    (void)memcpy(v->last_hash, hex, sizeof v->last_hash);
    return ok;
}

bool audit_verify(FILE *f, struct audit_verdict *v, struct err *e)
{
    struct runs runs = {0};
    AUTO(mem) char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    bool ok = true;

    memset(v, 0, sizeof *v);
    while (ok && (n = getline(&line, &cap, f)) > 0) {
        v->records++;
        if (line[n - 1] != '\n')
            ok = err_set(e, ERR_INPUT, "audit.chain",
                         "line %" PRIu64 " was cut short: the file is not whole",
                         v->records);
        else
            ok = chain_line(line, (size_t)n - 1, v->records, v, &runs, e);
    }
    if (ok && ferror(f))
        ok = err_set(e, ERR_INPUT, "audit.chain", "the file cannot be read");
    if (ok && v->records == 0)
        ok = err_set(e, ERR_INPUT, "audit.chain", "the file holds no record");
    if (ok)
        v->counters_twice = overlaps(&runs);
    free(runs.at);
    if (ok && v->counters_twice > 0)
        return err_set(e, ERR_INPUT, "audit.counter-twice",
                       "%" PRIu64 " counters stand in two records", v->counters_twice);
    return ok;
}
