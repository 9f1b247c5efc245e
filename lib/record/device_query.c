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
