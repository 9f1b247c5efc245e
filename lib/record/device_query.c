/* SPDX-License-Identifier: MIT */
#include "device_query.h"

bool device_query_asker_check(const struct device_query_asker *a, struct err *e)
{
    const struct cell_row *cell =
        (unsigned)a->cell < CELL_COUNT ? gbcs_cell(a->cell) : NULL;

    return (cell != NULL && cell->usage == KU_DIGITAL_SIGNATURE &&
            cell->role != ROLE_RECOVERY) ||
           err_set(e, ERR_INPUT, "command.query",
                   "the query cannot be built: %s is no signing cell of a party that asks",
                   cell != NULL ? cell->name : "that");
}

/* The roles whose cells the commands signed for the device replace. */
static size_t roles_of(uint32_t cells, enum role roles[CELL_COUNT])
{
    size_t n = 0;

    for (unsigned c = 0; c < CELL_COUNT; c++) {
        enum role role = gbcs_cell((enum cell)c)->role;

        /* cells stand in the order of their roles */
        if ((cells & CELL_BIT(c)) != 0 && (n == 0 || roles[n - 1] != role))
            roles[n++] = role;
    }
    return n;
}

bool device_query_next(struct reconcile *r, const struct device_query_asker *a,
                       const struct eui64 *behind, struct device_query *out, bool *found,
                       struct err *e)
{
    enum role roles[CELL_COUNT];
    struct eui64 at;
    uint32_t cells = 0;

    do {
        if (!reconcile_unclear(r, behind, &out->device, &cells, found, e))
            return false;
        at = out->device;
        behind = &at;
    } while (*found && cells == 0); /* nothing was signed for it: there is nothing to ask */
    return !*found || cs02a_command(&a->party, &out->device, 0, a->cell, roles,
                                    roles_of(cells, roles), out->octets, &out->len, e);
}

/* --- before anything is signed --- */

bool device_query_before_open(struct store *s, const char *incident,
                              const struct lists *lists, uint32_t step,
                              struct device_query_before *out, struct err *e)
{
    *out = (struct device_query_before){.step = step};
    return sent_open(s, incident, lists, &out->sent, e) &&
           sent_plan(&out->sent, incident, &out->plan, e) &&
           lists_walk_begin(lists, NULL, &out->walk, e);
}

void device_query_before_close(struct device_query_before *b)
{
    lists_walk_done(&b->walk);
    sent_close(&b->sent);
}

#define LOAD (CELL_BIT(CELL_LOAD_DS) | CELL_BIT(CELL_LOAD_KA))

static uint32_t cells_asked(const struct device_query_before *b,
                            const struct roster_row *row)
{
    uint32_t held = gbcs_device(row->type)->cells;
    uint32_t cells = b->plan.cells != 0 ? b->plan.cells : row->cells;

    if ((cells & held) != 0)
        return cells & held;
    /* a meter from before GBCS 4 does not know the question that names a load controller */
    return (held & ~LOAD) != 0 ? held & ~LOAD : held;
}

bool device_query_before_next(struct device_query_before *b,
                              const struct device_query_asker *a, struct device_query *out,
                              bool *found, struct err *e)
{
    enum role roles[CELL_COUNT];
    struct lists_row row;
    size_t n;

    for (;;) {
        bool is;

        *found = lists_next(&b->walk, &row);
        if (!*found)
            return true;
        if (row.list != &b->walk.lists->at[0] || b->at++ % b->step != 0)
            continue; /* not on file any more, or not of the sample */
        if (!sent_any(&b->sent, &row.at.device, &is, e))
            return false;
        if (!is)
            break;
    }
    out->device = row.at.device;
    n = roles_of(cells_asked(b, &row.at), roles);
    return cs02a_command(&a->party, &out->device, 0, a->cell, roles, n, out->octets,
                         &out->len, e);
}
