/* SPDX-License-Identifier: MIT */
#include "partyfile_parse.h"

#include <assert.h>
#include <string.h>

#define ALL           (NOTIFICATIONS | PROGRESSES)
#define ORGANISATIONS (KIND(ORGANISATION_NOTIFICATION) | KIND(ORGANISATION_PROGRESS))

static const char *const kinds[] = {"organisation-notification", "organisation-progress",
                                    "other-notification", "other-progress"};
static const char *const states[] = {"pending", "sent",        "success",
                                     "failed",  "unreachable", "excluded"};
static const char *const by_keys[] = {"own", "recovery", "contingency"};
static const char *const methods[] = {"undecided", "1", "2", "3"};
static_assert(sizeof kinds / sizeof kinds[0] == PARTYFILE_KIND_COUNT, "kinds");
static_assert(sizeof states / sizeof states[0] == PARTYFILE_STATE_COUNT, "states");
static_assert(sizeof by_keys / sizeof by_keys[0] == PARTYFILE_KEY_COUNT, "keys");
static_assert(sizeof methods / sizeof methods[0] == PARTYFILE_METHOD_COUNT, "methods");
static const char *const keys[] = {"root",        "recovery",  "issuing-oca",
                                   "contingency", "symmetric", "other"};

typedef bool (*read_field)(const struct span v[], struct partyfile_header *h);

static bool read_format(const struct span v[], struct partyfile_header *h)
{
    (void)h;
    return partyfile_parse_is(v[0], PARTYFILE_FORMAT);
}

static bool read_kind(const struct span v[], struct partyfile_header *h)
{
    unsigned k;

    if (!partyfile_parse_find(v[0], kinds, COUNT(kinds), &k))
        return false;
    h->kind = (enum partyfile_kind)k;
    return true;
}

static bool read_file(const struct span v[], struct partyfile_header *h)
{
    return partyfile_parse_id(v[0], h->id);
}

static bool read_incident(const struct span v[], struct partyfile_header *h)
{
    return partyfile_parse_id(v[0], h->incident);
}

static bool read_amends(const struct span v[], struct partyfile_header *h)
{
    return partyfile_parse_id(v[0], h->amends);
}

static bool read_subscriber(const struct span v[], struct partyfile_header *h)
{
    h->has_subscriber = eui64_parse((const char *)v[0].at, v[0].len, &h->subscriber);
    return h->has_subscriber;
}

static bool read_srp(const struct span v[], struct partyfile_header *h)
{
    return partyfile_parse_text(v[0], h->srp, sizeof h->srp);
}

static bool read_key(const struct span v[], struct partyfile_header *h)
{
    unsigned k;

    return partyfile_parse_find(v[0], keys, COUNT(keys), &k) &&
           partyfile_parse_text(v[0], h->key, sizeof h->key);
}

static bool read_certificate(const struct span v[], struct partyfile_header *h)
{
    struct partyfile_certificate c = {0};

    if (h->n_certificates == PARTYFILE_CERTS_MAX ||
        !partyfile_parse_text(v[0], c.issuer, sizeof c.issuer) ||
        !partyfile_parse_serial(v[1], c.serial))
        return false;
    if (!partyfile_parse_is(v[2], "-")) {
        c.has_subject = true;
        if (!eui64_parse((const char *)v[2].at, v[2].len, &c.subject))
            return false;
    }
    if (!partyfile_parse_is(v[3], "-")) {
        c.has_cell = true;
        if (!gbcs_cell_find((const char *)v[3].at, v[3].len, &c.cell))
            return false;
    }
    for (size_t i = 0; i < h->n_certificates; i++)
        if (strcmp(h->certificates[i].serial, c.serial) == 0 &&
            strcmp(h->certificates[i].issuer, c.issuer) == 0)
            return false;
    h->certificates[h->n_certificates++] = c;
    return true;
}

static bool read_certainty(const struct span v[], struct partyfile_header *h)
{
    h->actual = partyfile_parse_is(v[0], "actual");
    return h->actual || partyfile_parse_is(v[0], "suspected");
}

static bool read_found(const struct span v[], struct partyfile_header *h)
{
    return partyfile_parse_time(v[0], &h->found_us);
}

static bool read_suspected_from(const struct span v[], struct partyfile_header *h)
{
    h->has_suspected_from = partyfile_parse_time(v[0], &h->suspected_from_us);
    return h->has_suspected_from;
}

static bool read_method(const struct span v[], struct partyfile_header *h)
{
    unsigned m;

    if (!partyfile_parse_find(v[0], methods, COUNT(methods), &m))
        return false;
    h->method = (enum partyfile_method)m;
    return true;
}

static bool read_suspend(const struct span v[], struct partyfile_header *h)
{
    h->suspend = partyfile_parse_is(v[0], "yes");
    return h->suspend || partyfile_parse_is(v[0], "no");
}

static bool read_anticipated(const struct span v[], struct partyfile_header *h)
{
    enum device_type type;
    uint32_t n;

    if (!gbcs_device_find((const char *)v[0].at, v[0].len, &type) || type == DEVICE_TYPE2 ||
        !partyfile_parse_number(v[1], PARTYFILE_ROWS_MAX, &n) || n == 0 ||
        h->anticipated[type] != 0)
        return false;
    h->anticipated[type] = n;
    return true;
}

static bool read_as_at(const struct span v[], struct partyfile_header *h)
{
    return partyfile_parse_time(v[0], &h->as_at_us);
}

static bool read_total(const struct span v[], struct partyfile_header *h)
{
    enum partyfile_state s;
    uint32_t n;

    if (!partyfile_state_find((const char *)v[0].at, v[0].len, &s) ||
        !partyfile_parse_number(v[1], PARTYFILE_ROWS_MAX, &n) || n == 0 || h->total[s] != 0)
        return false;
    h->total[s] = n;
    return true;
}

static bool read_percent(const struct span v[], struct partyfile_header *h)
{
    uint32_t n;

    if (!partyfile_parse_number(v[0], 100, &n))
        return false;
    h->percent = n;
    return true;
}

static bool read_by_key(const struct span v[], struct partyfile_header *h)
{
    unsigned k;
    uint32_t n;

    if (!partyfile_parse_find(v[0], by_keys, COUNT(by_keys), &k) ||
        !partyfile_parse_number(v[1], PARTYFILE_ROWS_MAX, &n) || n == 0 ||
        h->by_key[k] != 0)
        return false;
    h->by_key[k] = n;
    return true;
}

static bool read_signer(const struct span v[], struct partyfile_header *h)
{
    return partyfile_parse_text(v[0], h->organisation, sizeof h->organisation) &&
           partyfile_parse_text(v[1], h->role, sizeof h->role) &&
           partyfile_parse_text(v[2], h->aro, sizeof h->aro);
}

/* In the order in which they are written; the first two stand first, the rest anywhere. */
static const struct header_field {
    const char *name;
    size_t values;
    unsigned kinds;     /* where it may stand */
    unsigned mandatory; /* where it must */
    bool repeats;
    read_field read;
} fields[] = {
    {"format", 1, ALL, ALL, false, read_format},
    {"kind", 1, ALL, ALL, false, read_kind},
    {"file", 1, ALL, ALL, false, read_file},
    {"incident", 1, ALL, ALL, false, read_incident},
    {"amends", 1, NOTIFICATIONS, 0, false, read_amends},
    {"subscriber", 1, ALL, ORGANISATIONS, false, read_subscriber},
    {"srp", 1, ORGANISATIONS, 0, false, read_srp},
    {"key", 1, KIND(OTHER_NOTIFICATION), KIND(OTHER_NOTIFICATION), false, read_key},
    {"certificate", 4, NOTIFICATIONS, KIND(ORGANISATION_NOTIFICATION), true,
     read_certificate},
    {"certainty", 1, NOTIFICATIONS, NOTIFICATIONS, false, read_certainty},
    {"found", 1, NOTIFICATIONS, NOTIFICATIONS, false, read_found},
    {"suspected-from", 1, NOTIFICATIONS, 0, false, read_suspected_from},
    {"method", 1, KIND(ORGANISATION_NOTIFICATION), KIND(ORGANISATION_NOTIFICATION), false,
     read_method},
    {"suspend", 1, KIND(ORGANISATION_NOTIFICATION), KIND(ORGANISATION_NOTIFICATION), false,
     read_suspend},
    {"anticipated", 2, ALL, ALL, true, read_anticipated},
    {"as-at", 1, PROGRESSES, PROGRESSES, false, read_as_at},
    {"total", 2, PROGRESSES, PROGRESSES, true, read_total},
    {"percent", 1, PROGRESSES, PROGRESSES, false, read_percent},
    {"by-key", 2, PROGRESSES, 0, true, read_by_key},
    {"signer", 3, ALL, ALL, false, read_signer},
};

static bool refuse_field(const struct parse *p, const char *field, const char *why,
                         struct err *e)
{
    return err_set(e, ERR_INPUT, "file.header", "%s: line %u: field '%s' %s", p->name,
                   p->line, field, why);
}

static bool take_field(struct parse *p, uint32_t *seen, struct partyfile_header *h,
                       struct err *e)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        const struct header_field *f = &fields[i];

        if (!partyfile_parse_is(p->value[0], f->name))
            continue;
        if (p->line <= 2 && i != p->line - 1)
            return err_set(e, ERR_INPUT, "file.format",
                           "%s: line %u: field '%s' where '%s' is due", p->name, p->line,
                           f->name, fields[p->line - 1].name);
        if ((*seen & 1u << i) != 0 && !f->repeats)
            return refuse_field(p, f->name, "stands twice", e);
        if (p->line > 2 && (f->kinds & 1u << h->kind) == 0)
            return refuse_field(p, f->name, "has no place in a file of this kind", e);
        if (p->n != f->values + 1)
            return refuse_field(p, f->name, "has the wrong number of values", e);
        if (!f->read(p->value + 1, h))
            return p->line == 1 ? err_set(e, ERR_INPUT, "file.format",
                                          "%s: line 1: field 'format': this service reads "
                                          "%s only",
                                          p->name, PARTYFILE_FORMAT)
                                : refuse_field(p, f->name, "has a wrong value", e);
        *seen |= 1u << i;
        return true;
    }
    return err_set(e, ERR_INPUT, "file.header", "%s: line %u: unknown field '%.*s'",
                   p->name, p->line, (int)(p->value[0].len > 40 ? 40 : p->value[0].len),
                   (const char *)p->value[0].at);
}

bool partyfile_parse_header(struct parse *p, struct partyfile_header *h, struct err *e)
{
    uint32_t seen = 0;
    struct span line;

    static_assert(COUNT(fields) < 32, "seen");
    for (;;) {
        if (!partyfile_parse_line(p, &line, e))
            return false;
        if (line.len == 0)
            break;
        if (!partyfile_parse_split(p, line, e) || !take_field(p, &seen, h, e))
            return false;
    }
    if (p->line < 3)
        return partyfile_parse_bad(p, "file.format",
                                   "fields 'format' and 'kind' come first", e);
    for (size_t i = 0; i < COUNT(fields); i++)
        if ((fields[i].mandatory & 1u << h->kind) != 0 && (seen & 1u << i) == 0)
            return refuse_field(p, fields[i].name, "is missing", e);
    if (h->has_suspected_from && h->suspected_from_us > h->found_us)
        return refuse_field(p, "suspected-from", "is later than 'found'", e);
    for (size_t i = 0; i < h->n_certificates; i++)
        if (h->kind == PARTYFILE_ORGANISATION_NOTIFICATION &&
            !(h->certificates[i].has_cell && h->certificates[i].has_subject))
            return refuse_field(p, "certificate", "needs subject and cell", e);
    return true;
}

const char *partyfile_kind_name(enum partyfile_kind k)
{
    return kinds[k];
}

const char *partyfile_state_name(enum partyfile_state s)
{
    return states[s];
}

const char *partyfile_key_name(enum partyfile_key k)
{
    return by_keys[k];
}

const char *partyfile_method_name(enum partyfile_method m)
{
    return methods[m];
}

bool partyfile_state_find(const char *name, size_t len, enum partyfile_state *out)
{
    unsigned s;

    if (!partyfile_parse_find(span_of(name, len), states, COUNT(states), &s))
        return false;
    *out = (enum partyfile_state)s;
    return true;
}
