/* SPDX-License-Identifier: MIT */
#include "partyfile.h"

#include "partyfile_parse.h"

#include <string.h>

static const char notification_columns[] = "device,type,cells,old,new";
static const char progress_columns[] = "device,type,cells,old,new,state,code";

static bool progress(const struct partyfile_header *h)
{
    return (PROGRESSES & 1u << h->kind) != 0;
}

static const char *columns(const struct partyfile_header *h)
{
    return progress(h) ? progress_columns : notification_columns;
}

/* Cells of the certificates listed; 0: none has a cell, so any will do. */
static uint32_t listed_cells(const struct partyfile_header *h)
{
    uint32_t cells = 0;

    for (size_t i = 0; i < h->n_certificates; i++)
        if (h->certificates[i].has_cell)
            cells |= CELL_BIT(h->certificates[i].cell);
    return cells;
}

static bool listed_serial(const struct partyfile_header *h, const char *serial)
{
    for (size_t i = 0; i < h->n_certificates; i++)
        if (strcmp(h->certificates[i].serial, serial) == 0)
            return true;
    return h->n_certificates == 0;
}

static bool read_cells(struct span s, const struct partyfile_header *h,
                       struct partyfile_row *row)
{
    uint32_t allowed = gbcs_device(row->type)->cells;

    if (listed_cells(h) != 0)
        allowed &= listed_cells(h);
    while (s.len > 0) {
        const uint8_t *plus = memchr(s.at, '+', s.len);
        size_t len = plus != NULL ? (size_t)(plus - s.at) : s.len;
        enum cell cell;

        if (!gbcs_cell_find((const char *)s.at, len, &cell) ||
            (allowed & CELL_BIT(cell)) == 0 || (row->cells & CELL_BIT(cell)) != 0)
            return false;
        row->cells |= CELL_BIT(cell);
        if (plus == NULL)
            return true;
        s.at += len + 1;
        s.len -= len + 1;
    }
    return false;
}

static bool read_state(const struct span v[], struct partyfile_row *row)
{
    uint32_t code = 0;

    if (!partyfile_state_find((const char *)v[0].at, v[0].len, &row->state))
        return false;
    if (row->state == PARTYFILE_FAILED
            ? !partyfile_parse_number(v[1], 127, &code) || code == 0
            : v[1].len != 0)
        return false;
    row->code = code;
    return row->state != PARTYFILE_SUCCESS || row->replacement[0] != '\0';
}

static bool read_row(const struct parse *p, const struct partyfile_header *h,
                     struct partyfile_row *row, struct err *e)
{
    const struct span *v = p->value;

    *row = (struct partyfile_row){.line = p->line};
    if (p->n != (progress(h) ? 7u : 5u))
        return partyfile_parse_bad(p, "file.row", "the row has the wrong number of columns",
                                   e);
    if (!eui64_parse((const char *)v[0].at, v[0].len, &row->device))
        return partyfile_parse_bad(p, "file.device",
                                   "field 'device' is no EUI-64 of 16 digits", e);
    if (!gbcs_device_find((const char *)v[1].at, v[1].len, &row->type) ||
        row->type == DEVICE_TYPE2)
        return partyfile_parse_bad(p, "file.type",
                                   "field 'type' names no device that can be recovered", e);
    if (!read_cells(v[2], h, row))
        return partyfile_parse_bad(
            p, "file.cells",
            "field 'cells' names none, one twice, one that the device does not hold, "
            "or one that no listed certificate sits in",
            e);
    if (!partyfile_parse_serial(v[3], row->old) || !listed_serial(h, row->old))
        return partyfile_parse_bad(p, "file.certificate",
                                   "field 'old' is no certificate that is listed", e);
    if (v[4].len > 0 && (!partyfile_parse_serial(v[4], row->replacement) ||
                         strcmp(row->replacement, row->old) == 0))
        return partyfile_parse_bad(p, "file.certificate",
                                   "field 'new' is no other certificate", e);
    if (progress(h) && !read_state(v + 5, row))
        return partyfile_parse_bad(
            p, "file.state",
            "field 'state' is unknown, or does not go with 'code' or 'new'", e);
    return true;
}

struct counts {
    uint32_t by_type[DEVICE_COUNT];
    uint32_t by_state[PARTYFILE_STATE_COUNT];
    uint32_t rows;
};

/* Who says by whose key says it of every row with success; what its party's own key replaced
 * before has no row. */
static bool check_keys(const struct parse *p, const struct partyfile_header *h,
                       struct err *e)
{
    uint64_t here =
        (uint64_t)h->by_key[PARTYFILE_KEY_RECOVERY] + h->by_key[PARTYFILE_KEY_CONTINGENCY];

    if (here == h->total[PARTYFILE_SUCCESS] ||
        (here == 0 && h->by_key[PARTYFILE_KEY_OWN] == 0))
        return true;
    return err_set(e, ERR_INPUT, "file.count",
                   "%s: field 'by-key': %llu announced, %u of the list are done", p->name,
                   (unsigned long long)here, h->total[PARTYFILE_SUCCESS]);
}

static bool check_counts(const struct parse *p, const struct partyfile_header *h,
                         const struct counts *n, struct err *e)
{
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (n->by_type[t] != h->anticipated[t])
            return err_set(e, ERR_INPUT, "file.count",
                           "%s: field 'anticipated': %s: %u announced, %u in the list",
                           p->name, gbcs_device((enum device_type)t)->name,
                           h->anticipated[t], n->by_type[t]);
    if (!progress(h))
        return true;
    for (unsigned s = 0; s < PARTYFILE_STATE_COUNT; s++)
        if (n->by_state[s] != h->total[s])
            return err_set(e, ERR_INPUT, "file.count",
                           "%s: field 'total': %s: %u announced, %u in the list", p->name,
                           partyfile_state_name((enum partyfile_state)s), h->total[s],
                           n->by_state[s]);
    if (h->percent != (uint64_t)n->by_state[PARTYFILE_SUCCESS] * 100 / n->rows)
        return err_set(e, ERR_INPUT, "file.count",
                       "%s: field 'percent': %u announced, %u of %u are done", p->name,
                       h->percent, n->by_state[PARTYFILE_SUCCESS], n->rows);
    return check_keys(p, h, e);
}

static bool forward(const struct parse *p, const struct partyfile_header *h,
                    const struct partyfile_previous *was, struct err *e)
{
    if (was == NULL || !progress(h))
        return true;
    if (h->as_at_us <= was->as_at_us)
        return err_set(e, ERR_DENIED, "file.backwards",
                       "%s: field 'as-at': not later than that of the file before",
                       p->name);
    if (h->total[PARTYFILE_SUCCESS] < was->total[PARTYFILE_SUCCESS])
        return err_set(e, ERR_DENIED, "file.backwards",
                       "%s: field 'total': success: %u, after %u in the file before",
                       p->name, h->total[PARTYFILE_SUCCESS], was->total[PARTYFILE_SUCCESS]);
    if (h->total[PARTYFILE_PENDING] > was->total[PARTYFILE_PENDING])
        return err_set(e, ERR_DENIED, "file.backwards",
                       "%s: field 'total': pending: %u, after %u in the file before",
                       p->name, h->total[PARTYFILE_PENDING], was->total[PARTYFILE_PENDING]);
    return true;
}

/* What can be said before any row is handed out. */
static bool judge_header(const struct parse *p, const struct partyfile_reader *r,
                         const struct partyfile_header *h, struct err *e)
{
    if (r->incident != NULL && strcmp(r->incident, h->incident) != 0)
        return err_set(e, ERR_DENIED, "file.incident",
                       "%s: field 'incident': %s, but it was handed in for %s", p->name,
                       h->incident, r->incident);
    if (r->seen != NULL && r->seen(r->arg, h->id))
        return err_set(e, ERR_DENIED, "file.replayed",
                       "%s: field 'file': %s has been received before", p->name, h->id);
    return forward(p, h, r->previous, e);
}

static bool read_rows(struct parse *p, const struct partyfile_reader *r,
                      struct partyfile_header *h, struct err *e)
{
    struct counts n = {0};
    struct partyfile_row row;
    struct eui64 last = {0};
    struct span line;

    if (!partyfile_parse_line(p, &line, e))
        return false;
    if (!partyfile_parse_is(line, columns(h)))
        return err_set(e, ERR_INPUT, "file.row", "%s: line %u: the columns are '%s'",
                       p->name, p->line, columns(h));
    while (p->rest.len > 0) {
        if (!partyfile_parse_line(p, &line, e) || !partyfile_parse_split(p, line, e) ||
            !read_row(p, h, &row, e))
            return false;
        if (n.rows == PARTYFILE_ROWS_MAX)
            return partyfile_parse_bad(p, "request.too-large", "too many rows", e);
        if (n.rows > 0 && eui64_cmp(&last, &row.device) >= 0)
            return partyfile_parse_bad(
                p, "file.order",
                "field 'device' stands twice, or rows are not in ascending order", e);
        if (progress(h) && r->notified != NULL && !r->notified(r->arg, &row.device))
            return err_set(e, ERR_DENIED, "file.not-notified",
                           "%s: line %u: field 'device' is not in the notified set",
                           p->name, p->line);
        if (r->row != NULL && !r->row(r->arg, h, &row, e))
            return err_wrap(e, "%s: line %u", p->name, p->line);
        last = row.device;
        n.rows++;
        n.by_type[row.type]++;
        n.by_state[row.state]++;
    }
    if (n.rows == 0)
        return partyfile_parse_bad(p, "file.count", "the list is empty", e);
    h->n_rows = n.rows;
    return check_counts(p, h, &n, e);
}

bool partyfile_header_read(struct span text, const char *name, struct partyfile_header *out,
                           struct err *e)
{
    struct parse p = {.name = name, .rest = text};
    struct partyfile_header h = {0};

    if (!partyfile_parse_header(&p, &h, e))
        return false;
    *out = h;
    return true;
}

bool partyfile_again(struct span text, const char *name, const struct partyfile_reader *r,
                     struct partyfile_header *out, struct err *e)
{
    struct parse p = {.name = name, .rest = text};
    struct partyfile_header h = {0};

    if (!partyfile_parse_header(&p, &h, e) || !read_rows(&p, r, &h, e))
        return false;
    *out = h;
    return true;
}

bool partyfile_accept(struct span text, struct span cms, const char *name,
                      const struct partyfile_reader *r, const struct partyfile_trust *t,
                      struct partyfile_header *out, struct err *e)
{
    struct parse p = {.name = name, .rest = text};
    struct partyfile_header h = {0};

    if (!partyfile_parse_header(&p, &h, e) ||
        !partyfile_verify(text, cms, name, &h, t, e) || !judge_header(&p, r, &h, e) ||
        !read_rows(&p, r, &h, e))
        return false;
    *out = h;
    return true;
}
