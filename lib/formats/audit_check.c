/* SPDX-License-Identifier: MIT */
#include "audit_check.h"

#include "audit_head.h"
#include "chain.h"
#include "mem.h"
#include "verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ORIGINATOR 16

/* A run of counters, and what was signed under it where that is told. */
struct run {
    char originator[ORIGINATOR + 1];
    uint64_t first, last;
    struct digest decision, rows, signatures;
    uint64_t line;
    bool accounted; /* an account tells of it too */
};

struct runs {
    struct run *at;
    size_t n, cap;
};

struct told_head { /* a head in the trail, to be found in an account */
    struct audit_head head;
    uint64_t line;
};

struct audit_check {
    struct {
        EVP_PKEY *key;
        struct digest hash;
    } keys[AUDIT_CHECK_KEYS];
    size_t n_keys;
    struct chain_place last; /* of the trail */
    struct digest *hashes;   /* of its records, from first_seq on */
    size_t n_hashes, cap_hashes;
    struct runs kept, reserved, made; /* BATCH_SIGNED, COUNTERS_RESERVED, SIGNED */
    struct told_head *heads;
    size_t n_heads, cap_heads;
    uint64_t sealed; /* the last record of the trail that a head names */
    struct audit_verdict v;
};

/* --- runs --- */

/* One more element at the end of an array; NULL: out of memory. */
static void *grow(void *at, size_t n, size_t *cap, size_t size)
{
    void *more;

    if (n < *cap)
        return at;
    more = reallocarray(at, *cap ? 2 * *cap : 256, size);
    if (more != NULL)
        *cap = *cap ? 2 * *cap : 256;
    return more;
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_STORE, "store.memory", "out of memory");
}

static bool add_run(struct runs *r, const struct run *one, struct err *e)
{
    struct run *more = grow(r->at, r->n, &r->cap, sizeof *more);

    if (more == NULL)
        return no_memory(e);
    r->at = more;
    r->at[r->n++] = *one;
    return true;
}

static int by_first(const void *a, const void *b)
{
    const struct run *x = a;
    const struct run *y = b;
    int order = strcmp(x->originator, y->originator);

    if (order != 0)
        return order;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void sort_runs(struct runs *r)
{
    if (r->n > 0)
        qsort(r->at, r->n, sizeof *r->at, by_first);
}

/* Sorted. How many counters stand in two of them? */
static uint64_t overlaps(const struct runs *r)
{
    uint64_t n = 0;
    uint64_t top = 0; /* highest counter of this originator so far */

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

/* Sorted. The last run that begins at or before these counters; NULL: there is none. */
static struct run *run_before(const struct runs *r, const char *originator, uint64_t first)
{
    size_t low = 0, high = r->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(r->at[mid].originator, originator);

        if (order < 0 || (order == 0 && r->at[mid].first <= first))
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 && strcmp(r->at[low - 1].originator, originator) == 0 ? &r->at[low - 1]
                                                                         : NULL;
}

static uint64_t sum_of(const struct runs *r)
{
    uint64_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n += r->at[i].last - r->at[i].first + 1;
    return n;
}

/* --- records --- */

static bool of_another_form(uint64_t no, struct err *e)
{
    return err_set(e, ERR_INPUT, "audit.chain",
                   "line %" PRIu64 ": not a record of this kind", no);
}

/* "" or absent: all zeros, which is nobody's digest. */
static void digest_member(const json_t *data, const char *name, struct digest *out)
{
    const char *hex = json_string_value(json_object_get(data, name));

    if (hex == NULL || !hex_decode(hex, strlen(hex), out->b, sizeof out->b))
        memset(out, 0, sizeof *out);
}

static bool run_from(const json_t *data, uint64_t no, struct run *out, struct err *e)
{
    json_int_t first, last;
    const char *originator;

    memset(out, 0, sizeof *out);
    if (json_unpack((json_t *)(uintptr_t)data, "{s:I,s:I,s:s}", "first_counter", &first,
                    "last_counter", &last, "originator", &originator) != 0 ||
        first < 0 || last < first || strlen(originator) != ORIGINATOR)
        return of_another_form(no, e);
    (void)strcpy(out->originator, originator);
    out->first = (uint64_t)first;
    out->last = (uint64_t)last;
    out->line = no;
    return true;
}

/* What was signed: as many rows as counters. */
static bool signed_from(const json_t *data, uint64_t no, struct run *out, struct err *e)
{
    json_int_t n;

    if (!run_from(data, no, out, e))
        return false;
    if (json_unpack((json_t *)(uintptr_t)data, "{s:I}", "count", &n) != 0 || n < 1 ||
        out->last - out->first != (uint64_t)n - 1)
        return of_another_form(no, e);
    digest_member(data, "decision", &out->decision);
    digest_member(data, "rows_sha256", &out->rows);
    digest_member(data, "signatures_sha256", &out->signatures);
    return true;
}

/* By the key that it names, which is one of those given. */
static bool head_signed(const struct audit_check *c, const struct audit_head *h)
{
    struct digest d = audit_head_digest(h);

    for (size_t i = 0; i < c->n_keys; i++)
        if (digest_equal(&h->key, &c->keys[i].hash))
            return verify_one(c->keys[i].key, &d, &h->sig);
    return c->n_keys == 0;
}

/* A head, signed where keys are known; the trail's side of it fits the trail as far as it was
 * read. */
static bool head_from(struct audit_check *c, const json_t *data, uint64_t no,
                      struct audit_head *h, struct err *e)
{
    if (!audit_head_from_json(data, h, e))
        return err_wrap(e, "line %" PRIu64, no);
    if (!head_signed(c, h))
        return err_set(e, ERR_INPUT, "audit.head",
                       "line %" PRIu64 ": the head is not signed by the audit key", no);
    c->v.heads++;
    if (h->service_records == 0)
        return true;
    if (h->service_records > c->last.seq)
        return err_set(e, ERR_INPUT, "audit.head",
                       "line %" PRIu64 ": when this head was signed the trail had %" PRIu64
                       " records, now it ends with record %" PRIu64 ": it was cut",
                       no, h->service_records, c->last.seq);
    if (h->service_records >= c->v.first_seq &&
        !digest_equal(&c->hashes[h->service_records - c->v.first_seq], &h->service_hash))
        return err_set(e, ERR_INPUT, "audit.head",
                       "line %" PRIu64 ": when this head was signed record %" PRIu64
                       " of the trail had another hash: it, or one before it, was changed",
                       no, h->service_records);
    if (h->service_records > c->sealed)
        c->sealed = h->service_records;
    return true;
}

static bool kind_of(const json_t *record, const char **kind, json_t **data, uint64_t no,
                    struct err *e)
{
    return json_unpack((json_t *)(uintptr_t)record, "{s:s,s:o}", "kind", kind, "data",
                       data) == 0 ||
           of_another_form(no, e);
}

/* Each line of the file, chained; `each` looks at it. */
static bool each_line(struct audit_check *c, FILE *f, struct chain_place *at,
                      bool (*each)(struct audit_check *c, void *arg, const char *kind,
                                   const json_t *data, uint64_t no, struct err *e),
                      void *arg, uint64_t *lines, struct err *e)
{
    AUTO(mem) char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    bool ok = true;

    *lines = 0;
    while (ok && (n = getline(&line, &cap, f)) > 0) {
        const char *kind;
        json_t *record, *data;

        ++*lines;
        if (line[n - 1] != '\n')
            return err_set(e, ERR_INPUT, "audit.chain",
                           "line %" PRIu64 " was cut short: the file is not whole", *lines);
        if (!chain_follows(line, (size_t)n - 1, *lines, at, &record, e))
            return false;
        ok =
            kind_of(record, &kind, &data, *lines, e) && each(c, arg, kind, data, *lines, e);
        json_decref(record);
    }
    if (ok && ferror(f))
        ok = err_set(e, ERR_INPUT, "audit.chain", "it cannot be read");
    if (ok && *lines == 0)
        ok = err_set(e, ERR_INPUT, "audit.chain", "it holds no record");
    return ok;
}

/* --- the trail --- */

static bool keep_hash(struct audit_check *c, struct err *e)
{
    struct digest *more = grow(c->hashes, c->n_hashes, &c->cap_hashes, sizeof *more);

    if (more == NULL)
        return no_memory(e);
    c->hashes = more;
    c->hashes[c->n_hashes++] = c->last.hash;
    return true;
}

static bool keep_head(struct audit_check *c, const json_t *data, uint64_t no, struct err *e)
{
    struct told_head *more = grow(c->heads, c->n_heads, &c->cap_heads, sizeof *more);
    struct audit_head h;

    if (more == NULL)
        return no_memory(e);
    c->heads = more;
    if (!head_from(c, data, no, &h, e))
        return false;
    c->heads[c->n_heads++] = (struct told_head){h, no};
    return true;
}

static bool trail_record(struct audit_check *c, void *arg, const char *kind,
                         const json_t *data, uint64_t no, struct err *e)
{
    struct run run;

    (void)arg;
    if (no == 1)
        c->v.first_seq = c->last.seq;
    if (!keep_hash(c, e))
        return false;
    if (strcmp(kind, "BATCH_SIGNED") == 0)
        return signed_from(data, no, &run, e) && add_run(&c->kept, &run, e);
    if (strcmp(kind, "COUNTERS_RESERVED") == 0)
        return run_from(data, no, &run, e) && add_run(&c->reserved, &run, e);
    return strcmp(kind, AUDIT_HEAD) != 0 || keep_head(c, data, no, e);
}

bool audit_check_trail(struct audit_check *c, FILE *f, const char *name, struct err *e)
{
    bool ok = each_line(c, f, &c->last, trail_record, NULL, &c->v.records, e);

    hex_encode_lower(c->last.hash.b, sizeof c->last.hash.b, c->v.last_hash);
    if (!ok)
        return err_wrap(e, "%s", name);
    sort_runs(&c->kept);
    sort_runs(&c->reserved);
    c->v.signed_rows = sum_of(&c->kept);
    c->v.reserved = sum_of(&c->reserved);
    c->v.counters_twice = overlaps(&c->kept);
    return c->v.counters_twice == 0 ||
           err_set(e, ERR_INPUT, "audit.counter-twice",
                   "%s: %" PRIu64 " counters stand in two records", name,
                   c->v.counters_twice);
}

/* --- an account of signers --- */

struct account {
    struct chain_place at;
    uint8_t id[16];
    uint64_t sealed, rows;
    size_t next; /* head of the trail that may be about the next record */
};

/* The trail's heads about this account, by its records. */
static int by_account(const void *a, const void *b)
{
    const struct audit_head *x = &((const struct told_head *)a)->head;
    const struct audit_head *y = &((const struct told_head *)b)->head;
    int order = memcmp(x->chain, y->chain, sizeof x->chain);

    if (order != 0)
        return order;
    return x->records < y->records ? -1 : x->records > y->records;
}

static bool begin_account(struct audit_check *c, struct account *a, const json_t *data,
                          uint64_t no, struct err *e)
{
    const char *hex = json_string_value(json_object_get(data, "chain"));

    if (no != 1 || a->at.seq != 1 || hex == NULL ||
        !hex_decode(hex, strlen(hex), a->id, sizeof a->id))
        return of_another_form(no, e);
    while (a->next < c->n_heads &&
           memcmp(c->heads[a->next].head.chain, a->id, sizeof a->id) != 0)
        a->next++;
    return true;
}

/* Does the trail tell the same? What it does not tell lies in counters that it reserved. */
static bool hold_against_trail(struct audit_check *c, const struct run *made, uint64_t no,
                               struct err *e)
{
    struct run *kept = run_before(&c->kept, made->originator, made->first);
    const struct run *reserved = run_before(&c->reserved, made->originator, made->first);

    if (kept != NULL && kept->last >= made->first) {
        if (kept->first == made->first && kept->last == made->last &&
            digest_equal(&kept->decision, &made->decision) &&
            digest_equal(&kept->rows, &made->rows) &&
            digest_equal(&kept->signatures, &made->signatures)) {
            kept->accounted = true;
            return true;
        }
        return err_set(e, ERR_INPUT, "audit.account",
                       "line %" PRIu64 ": about counters %" PRIu64 " to %" PRIu64
                       " of %s line %" PRIu64 " of the trail says otherwise",
                       no, made->first, made->last, made->originator, kept->line);
    }
    if (reserved == NULL || reserved->last < made->last)
        return err_set(e, ERR_INPUT, "audit.account",
                       "line %" PRIu64 ": counters %" PRIu64 " to %" PRIu64
                       " of %s were signed, and the trail says nothing of them",
                       no, made->first, made->last, made->originator);
    c->v.not_kept += made->last - made->first + 1;
    return true;
}

/* Heads of the trail that name this record. */
static bool fits_heads(struct audit_check *c, struct account *a, uint64_t no, struct err *e)
{
    for (; a->next < c->n_heads; a->next++) {
        const struct told_head *h = &c->heads[a->next];

        if (memcmp(h->head.chain, a->id, sizeof a->id) != 0 || h->head.records > a->at.seq)
            return true;
        if (!digest_equal(&h->head.hash, &a->at.hash))
            return err_set(e, ERR_INPUT, "audit.head",
                           "line %" PRIu64 ": when the head in line %" PRIu64
                           " of the trail was signed this record had another hash: it, or "
                           "one before it, was changed",
                           no, h->line);
    }
    return true;
}

/* One of its own: of what stands before it. */
static bool own_head(struct audit_check *c, struct account *a, const json_t *data,
                     const struct chain_place *before, uint64_t no, struct err *e)
{
    struct audit_head h;

    if (!head_from(c, data, no, &h, e))
        return false;
    if (memcmp(h.chain, a->id, sizeof a->id) != 0 || h.records != before->seq ||
        !digest_equal(&h.hash, &before->hash))
        return err_set(e, ERR_INPUT, "audit.head",
                       "line %" PRIu64 ": the head is not about the records before it", no);
    a->sealed = a->at.seq;
    return true;
}

struct reading { /* of an account */
    struct account a;
    struct chain_place before;
};

static bool account_record(struct audit_check *c, void *arg, const char *kind,
                           const json_t *data, uint64_t no, struct err *e)
{
    struct reading *r = arg;
    struct chain_place before = r->before;
    struct run made;

    r->before = r->a.at;
    if (no == 1 && strcmp(kind, "BEGUN") != 0)
        return err_set(e, ERR_INPUT, "audit.chain",
                       "line 1: an account begins with a record BEGUN");
    if (strcmp(kind, "BEGUN") == 0 && !begin_account(c, &r->a, data, no, e))
        return false;
    if (!fits_heads(c, &r->a, no, e))
        return false;
    if (strcmp(kind, AUDIT_HEAD) == 0)
        return own_head(c, &r->a, data, &before, no, e);
    if (strcmp(kind, "SIGNED") != 0)
        return true;
    if (!signed_from(data, no, &made, e) || !hold_against_trail(c, &made, no, e))
        return false;
    r->a.rows += made.last - made.first + 1;
    return add_run(&c->made, &made, e);
}

/* Was it cut? */
static bool account_whole(const struct audit_check *c, const struct account *a,
                          struct err *e)
{
    if (a->next < c->n_heads &&
        memcmp(c->heads[a->next].head.chain, a->id, sizeof a->id) == 0)
        return err_set(e, ERR_INPUT, "audit.head",
                       "it ends with record %" PRIu64 "; when the head in line %" PRIu64
                       " of the trail was signed it had %" PRIu64 ": it was cut",
                       a->at.seq, c->heads[a->next].line, c->heads[a->next].head.records);
    return a->rows == 0 || a->sealed > 0 ||
           err_set(e, ERR_INPUT, "audit.head", "it holds no signed head");
}

bool audit_check_account(struct audit_check *c, FILE *f, const char *name, struct err *e)
{
    struct reading r = {0};
    uint64_t lines;

    if (c->v.first_seq != 1)
        return err_set(e, ERR_INPUT, "audit.account",
                       "%s: an account is held against the whole trail, from record 1 on",
                       name);
    if (c->n_heads > 0)
        qsort(c->heads, c->n_heads, sizeof c->heads[0], by_account);
    if (!each_line(c, f, &r.a.at, account_record, &r, &lines, e) ||
        !account_whole(c, &r.a, e))
        return err_wrap(e, "%s", name);
    c->v.accounts++;
    c->v.account_records += lines;
    c->v.account_rows += r.a.rows;
    c->v.account_open += r.a.at.seq - r.a.sealed;
    return true;
}

/* --- the end --- */

static const struct run *untold(const struct audit_check *c)
{
    for (size_t i = 0; i < c->kept.n; i++)
        if (!c->kept.at[i].accounted)
            return &c->kept.at[i];
    return NULL;
}

bool audit_check_end(struct audit_check *c, struct audit_verdict *v, struct err *e)
{
    const struct run *u = c->v.accounts > 0 ? untold(c) : NULL;
    uint64_t twice;

    c->v.open_records = c->last.seq - c->sealed;
    *v = c->v;
    if (u != NULL)
        return err_set(e, ERR_INPUT, "audit.account",
                       "line %" PRIu64 " of the trail: counters %" PRIu64 " to %" PRIu64
                       " of %s are in no account of the signers",
                       u->line, u->first, u->last, u->originator);
    sort_runs(&c->made);
    twice = overlaps(&c->made);
    return twice == 0 ||
           err_set(e, ERR_INPUT, "audit.counter-twice",
                   "%" PRIu64 " counters were signed twice, say the signers", twice);
}

void audit_check_unused(const struct audit_check *c,
                        void (*each)(void *arg, const char *originator, uint64_t first,
                                     uint64_t last),
                        void *arg)
{
    size_t k = 0;

    for (size_t i = 0; i < c->reserved.n; i++) {
        const struct run *r = &c->reserved.at[i];
        uint64_t from = r->first;

        while (k < c->kept.n && (strcmp(c->kept.at[k].originator, r->originator) < 0 ||
                                 (strcmp(c->kept.at[k].originator, r->originator) == 0 &&
                                  c->kept.at[k].last < from)))
            k++;
        for (; k < c->kept.n && strcmp(c->kept.at[k].originator, r->originator) == 0 &&
               c->kept.at[k].first <= r->last;
             k++) {
            if (c->kept.at[k].first > from)
                each(arg, r->originator, from, c->kept.at[k].first - 1);
            from = c->kept.at[k].last + 1;
        }
        if (from <= r->last)
            each(arg, r->originator, from, r->last);
    }
}

static bool add_key(struct audit_check *c, EVP_PKEY *key, struct err *e)
{
    struct point point;
    size_t len = 0;

    if (EVP_PKEY_get_octet_string_param(key, "pub", point.b, sizeof point.b, &len) != 1 ||
        len != sizeof point.b)
        return err_set(e, ERR_INPUT, "verify.key", "an audit key is no P-256 key");
    c->keys[c->n_keys].key = key;
    c->keys[c->n_keys++].hash = digest_of(span_of(point.b, len), span_of(NULL, 0));
    return true;
}

bool audit_check_new(EVP_PKEY *const keys[], size_t n, struct audit_check **out,
                     struct err *e)
{
    struct audit_check *c = calloc(1, sizeof *c);

    if (c == NULL)
        return no_memory(e);
    for (size_t i = 0; i < n && i < AUDIT_CHECK_KEYS; i++)
        if (!add_key(c, keys[i], e)) {
            free(c);
            return false;
        }
    *out = c;
    return true;
}

void audit_check_free(struct audit_check *c)
{
    if (c == NULL)
        return;
    free(c->hashes);
    free(c->heads);
    free(c->kept.at);
    free(c->reserved.at);
    free(c->made.at);
    free(c);
}
