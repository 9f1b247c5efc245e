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

void forecast_make(const struct warrant *w, const struct roster *roster, bool macs,
                   struct forecast_type out[static DEVICE_COUNT])
{
    bool needs_ka = macs && gbcs_mode(warrant_authority(w)->mode)->mac;

    memset(out, 0, DEVICE_COUNT * sizeof out[0]);
    for (uint32_t i = 0; i < roster->n_rows; i++) {
        struct roster_row row;
        struct err why;
        bool ok = warrant_row(w, i, &row, &why);
        struct forecast_type *t = &out[row.type];

        if (ok && needs_ka && !row.has_ka)
            ok = err_set(&why, ERR_DENIED, "row.no-agreement-key",
                         "row %u: the roster has no key-agreement key of the device", i);
        t->devices++;
        if (ok)
            t->commands++;
        else
            leave_out(t, &why);
    }
}
