/* SPDX-License-Identifier: MIT */
#include "roster.h"

#include "mem.h"
#include "near.h"
#include "textform.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum field {
    F_DEVICE,
    F_TYPE,
    F_STATUS,
    F_CELLS,
    F_OLD,
    F_KA,
    F_DS,
    F_PAYMENT,
    F_REGION,
    F_COUNT
};

static const char *const field_names[F_COUNT] = {
    "device", "type", "status", "cells", "old", "ka", "ds", "payment", "region"};

static const char *const payments[PAYMENT_COUNT] = {"", "prepayment", "credit"};

static const char *const status_names[STATUS_COUNT] = {
    "pending",      "whitelisted",    "installed-not-commissioned",
    "commissioned", "decommissioned", "withdrawn",
    "suspended",    "recovery",       "recovered"};

const char *roster_status_name(enum smi_status s)
{
    return (unsigned)s < STATUS_COUNT ? status_names[s] : "unknown";
}

bool roster_status_find(const char *name, size_t len, enum smi_status *out)
{
    for (size_t i = 0; i < STATUS_COUNT; i++)
        if (strlen(status_names[i]) == len && memcmp(status_names[i], name, len) == 0) {
            *out = (enum smi_status)i;
            return true;
        }
    return false;
}

struct piece {
    const char *at;
    size_t len;
};

/* The part of *rest before the first `mark`, taken off *rest;
 * false when nothing is left. */
static bool take(struct piece *rest, char mark, struct piece *out)
{
    const char *end;

    if (rest->at == NULL)
        return false;
    end = memchr(rest->at, mark, rest->len);
    out->at = rest->at;
    if (end == NULL) {
        out->len = rest->len;
        rest->at = NULL;
        return true;
    }
    out->len = (size_t)(end - rest->at);
    rest->len -= out->len + 1;
    rest->at = end + 1;
    return true;
}

/* Where a text is wrong: for sentences that name file, line and field. */
struct place {
    const char *name;
    uint64_t line;
};

/* A value as a sentence may carry it to a terminal or a log. */
static const char *shown(struct piece value, char out[static 49])
{
    size_t n = value.len > 48 ? 48 : value.len;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)(value.at[i] >= ' ' && value.at[i] <= '~' ? value.at[i] : '?');
    out[n] = '\0';
    return out;
}

static bool wrong(const struct place *at, const char *id, enum field f, struct piece value,
                  const char *why, struct err *e)
{
    char text[49];

    return err_set(e, ERR_INPUT, id, "%s, line %llu, field %s: \"%s\" %s", at->name,
                   (unsigned long long)at->line, field_names[f], shown(value, text), why);
}

/* The same for a value that is none of those words. */
static bool none_of(const struct place *at, const char *id, enum field f,
                    struct piece value, const char *why, const char *const words[],
                    size_t n, struct err *e)
{
    char text[49];
    char hint[NEAR_TEXT];

    (void)near_hint(hint, shown(value, text), words, n);
    return err_set(e, ERR_INPUT, id, "%s, line %llu, field %s: \"%s\" %s%s", at->name,
                   (unsigned long long)at->line, field_names[f], text, why, hint);
}

static bool no_cell(const struct place *at, struct piece one, struct err *e)
{
    const char *words[CELL_COUNT];

    for (unsigned i = 0; i < CELL_COUNT; i++)
        words[i] = gbcs_cell((enum cell)i)->name;
    return none_of(at, "roster.cells", F_CELLS, one, "is no trust anchor cell", words,
                   CELL_COUNT, e);
}

static bool no_type(const struct place *at, struct piece v, struct err *e)
{
    const char *words[DEVICE_COUNT];
    size_t n = 0;

    for (unsigned i = 0; i < DEVICE_COUNT; i++)
        if ((enum device_type)i != DEVICE_TYPE2)
            words[n++] = gbcs_device((enum device_type)i)->name;
    return none_of(at, "roster.type", F_TYPE, v, "is no device type", words, n, e);
}

static bool parse_cells(const struct place *at, struct piece v, struct roster_row *row,
                        struct err *e)
{
    struct piece rest = v;
    struct piece one;

    row->cells = 0;
    if (v.len == 0)
        return true;
    while (take(&rest, '+', &one)) {
        enum cell c;

        if (!gbcs_cell_find(one.at, one.len, &c))
            return no_cell(at, one, e);
        if (row->cells & CELL_BIT(c))
            return wrong(at, "roster.cells", F_CELLS, one, "stands twice", e);
        row->cells |= CELL_BIT(c);
    }
    return true;
}

static bool parse_old(const struct place *at, struct piece v, struct roster_row *row,
                      struct err *e)
{
    struct piece rest = v;
    struct piece one;

    row->n_old = 0;
    if (v.len == 0)
        return true;
    while (take(&rest, '+', &one)) {
        if (row->n_old == ROSTER_OLD_MAX)
            return wrong(at, "roster.old", F_OLD, v, "names too many key identifiers", e);
        if (!hex_decode(one.at, one.len, row->old[row->n_old].b, 8))
            return wrong(at, "roster.old", F_OLD, one,
                         "is no key identifier of 16 hex digits", e);
        row->n_old++;
    }
    return true;
}

static bool parse_point(const struct place *at, enum field f, struct piece v, bool *has,
                        uint8_t point[33], struct err *e)
{
    *has = v.len > 0;
    if (!*has)
        return true;
    if (!hex_decode(v.at, v.len, point, 33) || (point[0] != 2 && point[0] != 3))
        return wrong(at, "roster.key", f, v,
                     "is no compressed P-256 point of 66 hex digits", e);
    return true;
}

static bool parse_payment(const struct place *at, struct piece v, struct roster_row *row,
                          struct err *e)
{
    for (unsigned i = 0; i < PAYMENT_COUNT; i++)
        if (strlen(payments[i]) == v.len && memcmp(payments[i], v.at, v.len) == 0) {
            row->payment = (enum payment)i;
            return true;
        }
    return none_of(at, "roster.payment", F_PAYMENT, v, "is no kind of payment",
                   &payments[1], PAYMENT_COUNT - 1, e);
}

bool roster_region(const char *text, size_t len)
{
    size_t n = 0;

    while (n < len &&
           ((text[n] >= 'A' && text[n] <= 'Z') || (text[n] >= 'a' && text[n] <= 'z') ||
            (text[n] >= '0' && text[n] <= '9') || text[n] == '.' || text[n] == '_' ||
            text[n] == '-'))
        n++;
    return n == len && len > 0 && len < ROSTER_REGION;
}

static bool parse_region(const struct place *at, struct piece v, struct roster_row *row,
                         struct err *e)
{
    if (v.len > 0 && !roster_region(v.at, v.len))
        return wrong(at, "roster.region", F_REGION, v,
                     "is no region: 1 to 23 letters, digits, '.', '_' and '-'", e);
    memcpy(row->region, v.at, v.len);
    return true;
}

static bool parse_field(const struct place *at, enum field f, struct piece v,
                        struct roster_row *row, struct err *e)
{
    switch (f) {
    case F_DEVICE:
        if (!eui64_parse(v.at, v.len, &row->device))
            return wrong(at, "roster.device", f, v, "is no EUI-64 of 16 hex digits", e);
        return true;
    case F_TYPE:
        if (!gbcs_device_find(v.at, v.len, &row->type))
            return no_type(at, v, e);
        if (row->type == DEVICE_TYPE2)
            return wrong(at, "roster.type2", f, v,
                         "is a Type 2 device: it holds no trust anchor cell and is never "
                         "recovered",
                         e);
        return true;
    case F_STATUS:
        if (!roster_status_find(v.at, v.len, &row->status))
            return none_of(at, "roster.status", f, v, "is no SMI status", status_names,
                           STATUS_COUNT, e);
        return true;
    case F_CELLS:
        return parse_cells(at, v, row, e);
    case F_OLD:
        return parse_old(at, v, row, e);
    case F_KA:
        return parse_point(at, f, v, &row->has_ka, row->ka, e);
    case F_DS:
        return parse_point(at, f, v, &row->has_ds, row->ds, e);
    case F_PAYMENT:
        return parse_payment(at, v, row, e);
    case F_REGION:
        return parse_region(at, v, row, e);
    case F_COUNT:
        break;
    }
    return true;
}

static bool parse_header(struct roster *r, struct piece line, const struct place *at,
                         struct err *e)
{
    const char *odd = textform_odd(span_of(line.at, line.len), true, true);
    struct piece rest = line;
    struct piece one;
    unsigned seen = 0;

    if (odd != NULL)
        return err_set(e, ERR_INPUT, "roster.header", "%s %s", at->name, odd);
    r->n_columns = 0;
    while (take(&rest, ',', &one)) {
        char text[49];
        unsigned f = 0;

        while (f < F_COUNT && (strlen(field_names[f]) != one.len ||
                               memcmp(field_names[f], one.at, one.len) != 0))
            f++;
        if (f == F_COUNT || (seen & 1u << f))
            return err_set(e, ERR_INPUT, "roster.header",
                           "%s, line 1: column \"%s\" is %s; columns are device,type,status"
                           "[,cells][,old][,ka][,ds][,payment][,region]",
                           at->name, shown(one, text),
                           f == F_COUNT ? "unknown" : "named twice");
        seen |= 1u << f;
        r->columns[r->n_columns++] = f;
    }
    if ((seen & 7u) != 7u)
        return err_set(e, ERR_INPUT, "roster.header",
                       "%s, line 1: the columns device, type and status are mandatory",
                       at->name);
    return true;
}

static bool parse_row(const struct roster *r, struct piece line, const struct place *at,
                      struct roster_row *row, struct err *e)
{
    struct piece rest = line;
    struct piece one;
    unsigned n = 0;

    memset(row, 0, sizeof *row);
    while (take(&rest, ',', &one)) {
        if (n == r->n_columns)
            return err_set(e, ERR_INPUT, "roster.row",
                           "%s, line %llu: more fields than the %u columns of line 1",
                           at->name, (unsigned long long)at->line, r->n_columns);
        if (!parse_field(at, (enum field)r->columns[n], one, row, e))
            return false;
        n++;
    }
    if (n != r->n_columns)
        return err_set(e, ERR_INPUT, "roster.row",
                       "%s, line %llu: %u fields where line 1 names %u columns", at->name,
                       (unsigned long long)at->line, n, r->n_columns);
    if (row->cells & ~gbcs_device(row->type)->cells) {
        uint32_t bad = row->cells & ~gbcs_device(row->type)->cells;

        return err_set(e, ERR_INPUT, "roster.cell-not-held",
                       "%s, line %llu, field cells: a %s holds no cell %s", at->name,
                       (unsigned long long)at->line, gbcs_device(row->type)->name,
                       gbcs_cell((enum cell)__builtin_ctz(bad))->name);
    }
    return true;
}

/* Next line of text at *pos, without its '\n'. False at the end of the text. */
static bool next_line(struct span text, size_t *pos, struct place *at, struct piece *line,
                      bool *bad_end)
{
    const char *start = (const char *)text.at + *pos;
    const char *end;

    *bad_end = false;
    if (*pos >= text.len)
        return false;
    end = memchr(start, '\n', text.len - *pos);
    at->line++;
    line->at = start;
    if (end == NULL) {
        *bad_end = true;
        line->len = text.len - *pos;
        *pos = text.len;
        return true;
    }
    line->len = (size_t)(end - start);
    *pos += line->len + 1;
    return true;
}

static bool check_line(const struct piece *line, bool bad_end, const struct place *at,
                       struct err *e)
{
    if (line->len > ROSTER_LINE_MAX)
        return err_set(e, ERR_INPUT, "roster.row", "%s, line %llu: longer than %d octets",
                       at->name, (unsigned long long)at->line, ROSTER_LINE_MAX);
    if (bad_end)
        return err_set(e, ERR_INPUT, "roster.row",
                       "%s, line %llu: the last line does not end in a newline (a file cut "
                       "short?)",
                       at->name, (unsigned long long)at->line);
    return true;
}

static bool grow(void **list, size_t *cap, size_t n, size_t size, struct err *e)
{
    void *more;
    size_t want = *cap ? *cap * 2 : 1024;

    if (n < *cap)
        return true;
    more = reallocarray(*list, want, size);
    if (more == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory reading a roster");
    *list = more;
    *cap = want;
    return true;
}

static bool index_rows(struct roster *r, const char *name, struct err *e)
{
    struct place at = {name, 0};
    struct piece line;
    struct roster_row row;
    struct eui64 last = {{0}};
    size_t pos = 0;
    size_t cap = 0;
    bool bad_end;

    if (!next_line(r->text, &pos, &at, &line, &bad_end))
        return err_set(e, ERR_INPUT, "roster.empty", "%s is empty", name);
    if (!check_line(&line, bad_end, &at, e) || !parse_header(r, line, &at, e))
        return false;
    for (;;) {
        size_t start = pos;
        int order;

        if (!next_line(r->text, &pos, &at, &line, &bad_end))
            break;
        if (!check_line(&line, bad_end, &at, e) || !parse_row(r, line, &at, &row, e))
            return false;
        order = r->n_rows == 0 ? 1 : eui64_cmp(&row.device, &last);
        if (order <= 0)
            return err_set(e, ERR_INPUT, order == 0 ? "roster.duplicate" : "roster.order",
                           "%s, line %llu, field device: %016llX %s", name,
                           (unsigned long long)at.line,
                           (unsigned long long)get_be64(row.device.b),
                           order == 0 ? "stands in the line before too"
                                      : "is out of order: rows ascend by device");
        if (r->n_rows == ROSTER_ROWS_MAX)
            return err_set(e, ERR_INPUT, "request.too-large", "%s: more than %u devices",
                           name, ROSTER_ROWS_MAX);
        if (r->n_rows % ROSTER_STRIDE == 0) {
            size_t n = r->n_rows / ROSTER_STRIDE;

            if (!grow((void **)&r->offsets, &cap, n, sizeof *r->offsets, e))
                return false;
            r->offsets[n] = start;
        }
        r->by_type[row.type]++;
        r->by_status[row.status]++;
        r->cells_named |= row.cells;
        last = row.device;
        r->n_rows++;
    }
    if (r->n_rows == 0)
        return err_set(e, ERR_INPUT, "roster.empty", "%s names no device", name);
    return true;
}

bool roster_open(struct span text, const char *name, struct roster *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    out->text = text;
    if (!index_rows(out, name, e)) {
        roster_done(out);
        return false;
    }
    out->digest = digest_of(text, (struct span){NULL, 0});
    return true;
}

bool roster_open_fd(int fd, const char *name, struct roster *out, struct err *e)
{
    struct stat st;
    void *map;

    memset(out, 0, sizeof *out);
    if (fstat(fd, &st) != 0)
        return err_set(e, ERR_STORE, "store.failed", "%s: %s", name, strerror(errno));
    if (st.st_size == 0)
        return err_set(e, ERR_INPUT, "roster.empty", "%s is empty", name);
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return err_set(e, ERR_STORE, "store.failed", "%s: %s", name, strerror(errno));
    if (!roster_open(span_of(map, (size_t)st.st_size), name, out, e)) {
        (void)munmap(map, (size_t)st.st_size);
        return false;
    }
    out->map = map;
    out->map_len = (size_t)st.st_size;
    return true;
}

void roster_done(struct roster *r)
{
    if (r->release != NULL) {
        r->release(r->owner);
        memset(r, 0, sizeof *r);
        return;
    }
    free(r->offsets);
    if (r->map != NULL)
        (void)munmap(r->map, r->map_len);
    memset(r, 0, sizeof *r);
}

void roster_get(const struct roster *r, uint32_t i, struct roster_row *out)
{
    struct place at = {"", 0};
    struct piece line = {NULL, 0};
    struct err e;
    size_t pos;
    bool bad_end;
    bool ok;

    assert(i < r->n_rows);
    pos = r->offsets[i / ROSTER_STRIDE];
    for (uint32_t skip = i % ROSTER_STRIDE; skip > 0; skip--) {
        const void *end = memchr(r->text.at + pos, '\n', r->text.len - pos);

        assert(end != NULL);
        pos = (size_t)((const uint8_t *)end - r->text.at) + 1;
    }
    ok = next_line(r->text, &pos, &at, &line, &bad_end) && parse_row(r, line, &at, out, &e);
    assert(ok);
    if (!ok) /* with assertions off: a row that cannot be read names no cell and no device
              */
        memset(out, 0, sizeof *out);
}

/* The first of rows lo..hi-1 whose device is not below that one; hi where there is none. */
static uint32_t halve(const struct roster *r, const struct eui64 *device, uint32_t lo,
                      uint32_t hi)
{
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        struct roster_row row;

        roster_get(r, mid, &row);
        if (eui64_cmp(&row.device, device) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t roster_seek(const struct roster *r, const struct eui64 *device, uint32_t from)
{
    uint32_t lo = from;
    uint32_t hi = r->n_rows;
    struct roster_row row;

    /* it is near as a rule: look 1, 2, 4 ... rows on before halving what is left */
    for (uint32_t step = 1; from < hi && step < hi - from; step *= 2) {
        roster_get(r, from + step - 1, &row);
        if (eui64_cmp(&row.device, device) >= 0) {
            hi = from + step - 1;
            break;
        }
        lo = from + step;
    }
    return halve(r, device, lo, hi);
}

bool roster_find(const struct roster *r, const struct eui64 *device, uint32_t *i)
{
    struct roster_row row;

    *i = halve(r, device, 0, r->n_rows);
    if (*i == r->n_rows)
        return false;
    roster_get(r, *i, &row);
    return eui64_cmp(&row.device, device) == 0;
}

struct sort_row {
    uint64_t device;
    uint64_t start;
    uint32_t len;
    uint32_t line;
};

static int by_device(const void *a, const void *b)
{
    const struct sort_row *x = a;
    const struct sort_row *y = b;

    return x->device < y->device ? -1 : x->device > y->device;
}

/* The rows of r->text in the order they stand, and the columns into *r. */
static bool collect(struct roster *r, const char *name, struct sort_row **rows,
                    size_t *n_rows, size_t *header_len, struct err *e)
{
    struct span text = r->text;
    struct place at = {name, 0};
    struct piece line;
    struct roster_row row;
    size_t pos = 0;
    size_t cap = 0;
    size_t n = 0;
    bool bad_end;

    if (!next_line(text, &pos, &at, &line, &bad_end))
        return err_set(e, ERR_INPUT, "roster.empty", "%s is empty", name);
    if (!check_line(&line, bad_end, &at, e) || !parse_header(r, line, &at, e))
        return false;
    *header_len = pos;
    for (;;) {
        size_t start = pos;

        if (!next_line(text, &pos, &at, &line, &bad_end))
            break;
        if (!check_line(&line, bad_end, &at, e) || !parse_row(r, line, &at, &row, e))
            return false;
        if (n == ROSTER_ROWS_MAX)
            return err_set(e, ERR_INPUT, "request.too-large", "%s: more than %u devices",
                           name, ROSTER_ROWS_MAX);
        if (!grow((void **)rows, &cap, n, sizeof **rows, e))
            return false;
        (*rows)[n++] = (struct sort_row){get_be64(row.device.b), start,
                                         (uint32_t)(line.len + 1), (uint32_t)at.line};
    }
    *n_rows = n;
    return true;
}

/* One row, its device in upper case. */
static bool write_row(const struct roster *r, const struct sort_row *row, FILE *f)
{
    const uint8_t *line = r->text.at + row->start;
    const uint8_t *at = line;
    uint8_t eui[8];
    char hex[HEX_LEN(8)];

    for (unsigned c = 0; r->columns[c] != F_DEVICE; c++)
        at = (const uint8_t *)memchr(at, ',', row->len) + 1;
    put_be64(eui, row->device);
    hex_encode(eui, sizeof eui, hex);
    return fwrite(line, 1, (size_t)(at - line), f) == (size_t)(at - line) &&
           fwrite(hex, 1, 16, f) == 16 &&
           fwrite(at + 16, 1, row->len - (size_t)(at + 16 - line), f) ==
               row->len - (size_t)(at + 16 - line);
}

bool roster_sort(struct span text, const char *name, int fd, struct err *e)
{
    AUTO(mem) struct sort_row *rows = NULL;
    struct roster r = {.text = text};
    size_t n = 0;
    size_t header_len = 0;
    FILE *f;
    int copy;
    bool ok = true;

    if (!collect(&r, name, &rows, &n, &header_len, e))
        return false;
    if (n == 0)
        return err_set(e, ERR_INPUT, "roster.empty", "%s names no device", name);
    qsort(rows, n, sizeof *rows, by_device);
    for (size_t i = 1; i < n; i++)
        if (rows[i].device == rows[i - 1].device) {
            uint32_t a = rows[i].line;
            uint32_t b = rows[i - 1].line;

            return err_set(e, ERR_INPUT, "roster.duplicate",
                           "%s, line %u, field device: %016llX stands in line %u too", name,
                           a > b ? a : b, (unsigned long long)rows[i].device,
                           a > b ? b : a);
        }
    copy = dup(fd);
    f = copy < 0 ? NULL : fdopen(copy, "w");
    if (f == NULL) {
        if (copy >= 0)
            (void)close(copy);
        return err_set(e, ERR_STORE, "store.failed", "%s: %s", name, strerror(errno));
    }
    ok = fwrite(text.at, 1, header_len, f) == header_len;
    for (size_t i = 0; ok && i < n; i++)
        ok = write_row(&r, &rows[i], f);
    if (fclose(f) != 0 || !ok)
        return err_set(e, ERR_STORE, "store.failed",
                       "%s: cannot write the sorted roster: %s", name, strerror(errno));
    return true;
}
