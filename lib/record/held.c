/* SPDX-License-Identifier: MIT */
#include "held.h"

#include <string.h>

static bool is_key(const struct key_id *id, const struct key_id *other)
{
    return memcmp(id->b, other->b, sizeof id->b) == 0;
}

bool held_is_ours(const struct sent *t, const struct sent_batch *k, enum cell cell,
                  const struct key_id *key)
{
    for (size_t i = 0; i < t->n; i++)
        if (&t->batches[i] != k && (t->batches[i].cells & CELL_BIT(cell)) != 0 &&
            is_key(&t->batches[i].placed[cell], key))
            return true;
    return false;
}

/* A cell of an organisation, which changes hands with the customer's choice. */
static bool is_organisations(enum cell cell)
{
    enum role role = gbcs_cell(cell)->role;

    return role == ROLE_SUPPLIER || role == ROLE_NETWORK_OPERATOR ||
           role == ROLE_LOAD_CONTROLLER;
}

enum outcome_held held_by(const struct sent *t, const struct sent_batch *k,
                          const struct roster_row *row, enum cell cell,
                          const struct eui64 *party, const struct key_id *key)
{
    static const struct eui64 nobody;
    bool named = (k->old_known & CELL_BIT(cell)) != 0;

    if ((k->cells & CELL_BIT(cell)) != 0 && is_key(&k->placed[cell], key))
        return OUTCOME_HELD_REPLACED;
    if (held_is_ours(t, k, cell, key) || (named && is_key(&k->old[cell], key)))
        return OUTCOME_HELD_EXPECTED;
    for (size_t i = 0; i < row->n_old; i++)
        if (is_key(&row->old[i], key))
            return OUTCOME_HELD_EXPECTED;
    if (is_organisations(cell) && eui64_cmp(&k->subscriber, &nobody) != 0 &&
        eui64_cmp(&k->subscriber, party) != 0)
        return OUTCOME_HELD_OTHER;
    return named || row->n_old > 0 ? OUTCOME_HELD_UNKNOWN : OUTCOME_HELD_UNTOLD;
}
