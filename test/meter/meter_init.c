/* SPDX-License-Identifier: MIT
 *
 * meter_init.c - see the header.
 */
#include "meter_init.h"

#include "meter_cells.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Devices take turns by their type's share: 2 to 1 gives A A B A A B. */
static int type_at(const struct init *in, uint64_t i)
{
    uint64_t total = 0;
    for (int t = 0; t < TYPES; t++)
        total += in->mix[t];
    uint64_t k = i % total;
    int t = 0;
    while (k >= in->mix[t])
        k -= in->mix[t++];
    return t;
}

static void fill_cells(const struct init *in, struct meters *m)
{
    uint32_t cert[CELLS] = {0};
    for (enum cell c = 0; c < CELLS; c++)
        if (in->cell[c])
            cert[c] = cells_certificate(&m->pool, c, in->cell[c]);
    for (int t = 0; t < TYPES; t++) {
        struct device *d = &m->defaults[t];
        d->type = t;
        memcpy(d->counter, in->counter, sizeof d->counter);
        if (!in->mix[t])
            continue;
        for (enum cell c = 0; c < CELLS; c++) {
            if (!(type_rows[t].cells & BIT(c)))
                continue;
            if (!cert[c])
                die(2, "a device of type %s holds cell %s: give --cell %s=FILE",
                    type_rows[t].name, cell_rows[c].name, cell_rows[c].name);
            d->cell[c] = cert[c];
        }
    }
}

static void roster_key(FILE *f, const struct meters *m, const struct device *d, bool agree)
{
    uint8_t scalar[SCALAR_LEN], point[33];
    char hex[67];
    device_scalar(m, d, agree, scalar);
    scalar_point(scalar, true, point);
    hex_write(hex, point, sizeof point);
    (void)fprintf(f, ",%s", hex);
}

int init_meters(const struct init *given)
{
    struct init in = *given;
    unsigned total = 0;
    for (int t = 0; t < TYPES; t++)
        total += in.mix[t];
    if (!total)
        in.mix[TYPE_ESME] = in.mix[TYPE_GSME] = 1;
    if (in.first > UINT64_MAX - in.n)
        die(2, "--first %016llX: not enough identifiers above it",
            (unsigned long long)in.first);
    if (mkdir(in.state, 0777) != 0 && errno != EEXIST)
        die_errno("%s", in.state);

    struct meters m = {.dir = in.state, .seed = in.seed, .n = in.n};
    pool_init(&m.pool);
    fill_cells(&in, &m);
    m.at = must_zero(m.n, sizeof *m.at);

    struct file_new roster;
    file_begin(&roster, in.state, "roster.csv");
    (void)fprintf(roster.f, "device,type,status%s\n", in.keys ? ",ka,ds" : "");
    for (size_t i = 0; i < m.n; i++) {
        struct device *d = &m.at[i];
        *d = m.defaults[type_at(&in, i)];
        d->eui = in.first + i;
        (void)fprintf(roster.f, "%016llX,%s,commissioned", (unsigned long long)d->eui,
                      type_rows[d->type].name);
        if (in.keys) {
            roster_key(roster.f, &m, d, true);
            roster_key(roster.f, &m, d, false);
        }
        (void)fputc('\n', roster.f);
    }
    meters_save(&m);
    file_commit(&roster);
    meters_done(&m);
    return 0;
}
