/* SPDX-License-Identifier: MIT */
#include "forecast.h"

#include <stdio.h>
#include <string.h>

static void leave_out(struct forecast_type *t, const struct err *why)
{
    struct forecast_rule *r = NULL;

    for (size_t i = 0; i < t->n_without && r == NULL; i++)
        if (strcmp(t->without[i].rule, why->id) == 0)
            r = &t->without[i];
    if (r == NULL) {
        if (t->n_without == FORECAST_RULES)
            return;
        r = &t->without[t->n_without++];
        r->rule = why->id;
        (void)snprintf(r->first, sizeof r->first, "%.199s", why->text);
    }
    r->rows++;
}

void forecast_make(const struct warrant *w, struct span rows, bool macs,
                   struct forecast_type out[static DEVICE_COUNT])
{
    uint32_t n = rows.at != NULL ? (uint32_t)(rows.len / 4) : warrant_rows(w);

    memset(out, 0, DEVICE_COUNT * sizeof out[0]);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = rows.at != NULL ? get_be32(rows.at + 4 * (size_t)k) : k;
        struct roster_row row;
        struct err why;
        bool ok = warrant_row_to_sign(w, i, macs, &row, &why);
        struct forecast_type *t = &out[row.type];

        t->devices++;
        if (ok)
            t->commands++;
        else
            leave_out(t, &why);
    }
}
