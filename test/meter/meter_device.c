/* SPDX-License-Identifier: MIT
 *
 * meter_device.c - see the header. The format is text: a test that fails is read by a
 * person.
 */
#include "meter_device.h"

#include <errno.h>
#include <string.h>

#define MAGIC "smki-meters 1"

struct reader {
    const char *path;
    char *next; /* rest of the file */
    unsigned line;
};

static char *read_line(struct reader *r)
{
    if (!*r->next)
        return NULL;
    char *line = r->next, *end = strchr(line, '\n');
    r->line++;
    if (!end)
        die(2, "%s:%u: line does not end: cut off?", r->path, r->line);
    *end = '\0';
    r->next = end + 1;
    return line;
}

__attribute__((noreturn)) static void damaged(const struct reader *r, const char *what)
{
    die(2, "%s:%u: %s", r->path, r->line, what);
}

static char *word(const struct reader *r, char **rest)
{
    char *w = strsep(rest, " ");
    if (!w || !*w)
        damaged(r, "a field is missing");
    return w;
}

static uint64_t number(const struct reader *r, char **text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(*text, &end, 10);
    if (errno || end == *text || v > max)
        damaged(r, "bad number");
    *text = *end == ',' ? end + 1 : end;
    return v;
}

/* ALERTS CELLS COUNTERS PENDING */
static void device_read(const struct reader *r, struct meters *m, char *rest,
                        struct device *d)
{
    char *w = word(r, &rest);
    d->alerts = number(r, &w, INT64_MAX);
    w = word(r, &rest);
    for (int c = 0; c < CELLS; c++)
        d->cell[c] = (uint32_t)number(r, &w, m->n_saved_certs);
    w = word(r, &rest);
    for (int k = 0; k < COUNTERS; k++)
        d->counter[k] = (int64_t)number(r, &w, INT64_MAX);
    w = word(r, &rest);
    if (strcmp(w, "-") != 0) {
        d->pending = strdup(w);
        if (!d->pending)
            die(2, "out of memory");
    }
    if (rest)
        damaged(r, "more than a meter's fields");
}

static int read_type(const struct reader *r, const char *w)
{
    int type = type_find(w, strlen(w));
    if (type < 0)
        damaged(r, "unknown device type");
    return type;
}

static char *state_path(const char *dir, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        die(2, "out of memory");
    return path;
}

static void load_certs(struct meters *m)
{
    char *path = state_path(m->dir, "meters.certs");
    size_t len;
    uint8_t *text = file_read(path, &len);
    struct reader r = {path, (char *)text, 0};
    for (char *line; (line = read_line(&r));) {
        size_t n = strlen(line) / 2;
        uint8_t *der = must_realloc(NULL, n);
        if (!hex_read(line, strlen(line), der, n) ||
            pool_add(&m->pool, (struct octets){der, n}) != r.line)
            damaged(&r, "not a new certificate in hexadecimal");
        free(der);
    }
    m->n_saved_certs = m->pool.n - 1;
    free(text);
    free(path);
}

void meters_load(struct meters *m, const char *dir)
{
    *m = (struct meters){.dir = dir};
    pool_init(&m->pool);
    load_certs(m);

    char *path = state_path(dir, "meters.state");
    size_t len, cap = 0;
    uint8_t *text = file_read(path, &len);
    struct reader r = {path, (char *)text, 0};
    char *line = read_line(&r);
    if (!line || strcmp(line, MAGIC) != 0)
        die(2, "%s:1: not a state of this program", path);
    while ((line = read_line(&r))) {
        char *rest = line, *w = word(&r, &rest);
        if (strcmp(w, "seed") == 0) {
            w = word(&r, &rest);
            m->seed = number(&r, &w, UINT64_MAX);
        } else if (strcmp(w, "default") == 0) {
            int type = read_type(&r, word(&r, &rest));
            m->defaults[type].type = type;
            device_read(&r, m, rest, &m->defaults[type]);
        } else {
            if (m->n == cap) {
                cap = cap ? cap * 2 : 1024;
                m->at = must_realloc(m->at, cap * sizeof *m->at);
            }
            uint64_t eui;
            if (!hex_u64(w, &eui) || (m->n && m->at[m->n - 1].eui >= eui))
                damaged(&r, "want an EUI-64 above the one before");
            int type = read_type(&r, word(&r, &rest));
            struct device *d = &m->at[m->n++];
            *d = m->defaults[type];
            d->eui = eui;
            if (rest)
                device_read(&r, m, rest, d);
        }
    }
    free(text);
    free(path);
}

/* Certificates get their line numbers in the order in which meters are found
 * to hold them. */
static void save_certs(struct meters *m, uint32_t *line_of)
{
    uint32_t next = 0;
    struct file_new f;
    file_begin(&f, m->dir, "meters.certs");
    uint32_t *order = must_zero(m->pool.n, sizeof *order);
    for (uint32_t i = 1; i <= m->n_saved_certs; i++) {
        line_of[i] = i;
        order[next++] = i;
    }
    for (size_t i = 0; i < m->n + TYPES; i++) {
        const struct device *d = i < m->n ? &m->at[i] : &m->defaults[i - m->n];
        for (int c = 0; c < CELLS; c++)
            if (d->cell[c] && !line_of[d->cell[c]]) {
                order[next++] = d->cell[c];
                line_of[d->cell[c]] = next;
            }
    }
    for (uint32_t i = 0; i < next; i++) {
        struct octets der = m->pool.at[order[i]]->der;
        char *hex = must_realloc(NULL, der.len * 2 + 1);
        hex_write(hex, der.at, der.len);
        (void)fprintf(f.f, "%s\n", hex);
        free(hex);
    }
    free(order);
    file_commit(&f);
}

static void device_write(FILE *f, const struct device *d, const uint32_t *line_of)
{
    (void)fprintf(f, " %llu ", (unsigned long long)d->alerts);
    for (int c = 0; c < CELLS; c++)
        (void)fprintf(f, "%s%u", c ? "," : "", line_of[d->cell[c]]);
    (void)fputc(' ', f);
    for (int k = 0; k < COUNTERS; k++)
        (void)fprintf(f, "%s%lld", k ? "," : "", (long long)d->counter[k]);
    (void)fprintf(f, " %s\n", d->pending ? d->pending : "-");
}

static bool like_default(const struct device *d, const struct device *def)
{
    return d->alerts == def->alerts && !d->pending &&
           memcmp(d->cell, def->cell, sizeof d->cell) == 0 &&
           memcmp(d->counter, def->counter, sizeof d->counter) == 0;
}

void meters_save(struct meters *m)
{
    uint32_t *line_of = must_zero(m->pool.n, sizeof *line_of);
    save_certs(m, line_of);

    struct file_new f;
    file_begin(&f, m->dir, "meters.state");
    (void)fprintf(f.f, MAGIC "\nseed %llu\n", (unsigned long long)m->seed);
    for (int t = 0; t < TYPES; t++) {
        (void)fprintf(f.f, "default %s", type_rows[t].name);
        device_write(f.f, &m->defaults[t], line_of);
    }
    for (size_t i = 0; i < m->n; i++) {
        const struct device *d = &m->at[i];
        (void)fprintf(f.f, "%016llX %s", (unsigned long long)d->eui,
                      type_rows[d->type].name);
        if (like_default(d, &m->defaults[d->type]))
            (void)fputc('\n', f.f);
        else
            device_write(f.f, d, line_of);
    }
    file_commit(&f);
    free(line_of);
}

void meters_done(struct meters *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->at[i].pending);
    free(m->at);
    pool_done(&m->pool);
}

struct device *meters_find(struct meters *m, uint64_t eui)
{
    size_t lo = 0, hi = m->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->at[mid].eui < eui)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->n && m->at[lo].eui == eui ? &m->at[lo] : NULL;
}

void device_scalar(const struct meters *m, const struct device *d, bool agree,
                   uint8_t scalar[SCALAR_LEN])
{
    scalar_derive(m->seed, d->eui, agree ? "agree" : "sign", scalar);
}
