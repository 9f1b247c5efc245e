/* SPDX-License-Identifier: MIT
 *
 * Rows and their commands, once a warrant is open.
 */
#include "mac.h"
#include "mem.h"
#include "warrant_impl.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>

#include <stdlib.h>
#include <string.h>

/* A compromised root takes along what hangs below it,
 * so other old certificates may be there. */
static bool old_named(const struct warrant *w, const struct roster_row *row)
{
    for (size_t i = 0; i < row->n_old; i++) {
        bool named = w->authority.method == METHOD_CONTINGENCY;

        for (size_t k = 0; !named && k < w->n_old; k++)
            named = memcmp(&w->old[k], &row->old[i], sizeof w->old[k]) == 0;
        if (!named)
            return false;
    }
    return true;
}

static bool no_agreement_key(uint32_t i, struct err *e)
{
    return err_set(e, ERR_DENIED, "row.no-agreement-key",
                   "row %u: the roster has no key-agreement key of the device", i);
}

bool warrant_row(const struct warrant *w, uint32_t i, struct roster_row *row, struct err *e)
{
    uint32_t held;

    if (i >= w->roster->n_rows)
        return err_set(e, ERR_INPUT, "row.none", "there is no row %u", i);
    roster_get(w->roster, i, row);
    held = gbcs_device(row->type)->cells;
    if ((w->authority.device_types & DEVICE_BIT(row->type)) == 0)
        return err_set(e, ERR_DENIED, "device.not-named",
                       "row %u: the document names no %s", i, gbcs_device(row->type)->name);
    if (row->status != STATUS_COMMISSIONED)
        return err_set(e, ERR_DENIED, "row.status",
                       "row %u: the device was %s before the incident", i,
                       roster_status_name(row->status));
    if (row->cells & ~(w->cells & held))
        return err_set(e, ERR_DENIED, "row.cells",
                       "row %u: a cell that the document or the device does not have", i);
    if (!old_named(w, row))
        return err_set(e, ERR_DENIED, "row.old",
                       "row %u: the device holds a certificate that is not notified as "
                       "compromised",
                       i);
    row->cells = row->cells != 0 ? row->cells : w->cells & held;
    if (row->cells == 0)
        return err_set(e, ERR_DENIED, "row.no-cell", "row %u: a %s holds none of the cells",
                       i, gbcs_device(row->type)->name);
    return true;
}

bool warrant_row_to_sign(const struct warrant *w, uint32_t i, bool macs,
                         struct roster_row *row, struct err *e)
{
    return warrant_row(w, i, row, e) && (!macs || !gbcs_mode(w->authority.mode)->mac ||
                                         row->has_ka || no_agreement_key(i, e));
}

/* --- building --- */

static void add_path(struct cs02b_recipe *r, const struct cert *c)
{
    for (size_t i = 0; i < r->n_path; i++)
        if (span_equal(r->path[i], c->der))
            return;
    if (r->n_path < CS02B_PATH_MAX)
        r->path[r->n_path++] = c->der;
}

/* GBCS 13.3.3: when one role changes the credentials of others, it sets the counter floors
 * of those; the root sends no commands and has none. */
static void add_floor(struct cs02b_recipe *r, const struct config *c, enum cell cell)
{
    const struct cell_row *row = gbcs_cell(cell);
    struct cs02b_floor *f = NULL;

    if (!c->command.has_other_floor || row->role == ROLE_ROOT ||
        row->role == gbcs_cell(gbcs_mode(r->mode)->auth_cell)->role)
        return;
    for (size_t i = 0; i < r->n_others; i++)
        if (r->others[i].role == row->role)
            f = &r->others[i];
    if (f == NULL) {
        f = &r->others[r->n_others++];
        f->role = row->role;
        f->floor = c->command.other_floor;
    }
    if (row->prepayment) {
        f->has_topup = true;
        f->topup = c->command.other_floor;
    }
}

static void fill_recipe(const struct warrant *w, uint32_t cells, struct cs02b_recipe *r)
{
    const struct config *c = w->trust->config;

    memset(r, 0, sizeof *r);
    r->mode = w->authority.mode;
    r->originator = warrant_key_cert(w)->eui;
    r->has_symmetric_key = w->symmetric_key_len > 0;
    r->symmetric_key = span_of(w->symmetric_key, w->symmetric_key_len);
    r->disapply_time = c->command.disapply_time;
    r->has_floor = c->command.has_floor;
    r->floor = c->command.floor;
    for (unsigned cell = 0; cell < CELL_COUNT; cell++)
        for (size_t i = 0; i < w->n_placed; i++) {
            const struct placed *p = &w->placed[i];

            if (p->cell != (enum cell)cell || (cells & CELL_BIT(cell)) == 0)
                continue;
            r->replacements[r->n_replacements].cell = p->cell;
            r->replacements[r->n_replacements++].der = p->cert->der;
            if (p->issuer != NULL)
                add_path(r, p->issuer);
            if (p->cell == CELL_ROOT && w->link != NULL)
                add_path(r, w->link);
            add_floor(r, c, p->cell);
        }
    /* A root alone needs no path, but the list is never empty in published commands. */
    if (r->n_path == 0)
        add_path(r, &w->trust->issuing.at[0]);
}

static bool template_for(struct warrant *w, uint32_t cells, struct cs02b_template **out,
                         struct err *e)
{
    struct cs02b_recipe recipe;
    size_t at;

    if (w->draft)
        return err_set(e, ERR_DENIED, "decision.not-signed",
                       "nobody has signed the document yet");
    for (size_t i = 0; i < w->n_templates; i++)
        if (w->templates[i].cells == cells) {
            *out = w->templates[i].template;
            return true;
        }
    fill_recipe(w, cells, &recipe);
    if (!cs02b_template_new(&recipe, out, e))
        return false;
    if (w->n_templates < TEMPLATES_MAX) {
        at = w->n_templates++;
    } else {
        at = w->next_out++ % TEMPLATES_MAX;
        cs02b_template_free(w->templates[at].template);
    }
    w->templates[at].cells = cells;
    w->templates[at].template = *out;
    return true;
}

bool warrant_digest(struct warrant *w, uint32_t i, uint64_t counter, struct digest *out,
                    struct err *e)
{
    struct cs02b_template *t;
    struct roster_row row;

    if (counter > INT64_MAX)
        return err_set(e, ERR_INPUT, "row.counter", "counter above 9223372036854775807");
    if (!warrant_row(w, i, &row, e) || !template_for(w, row.cells, &t, e))
        return false;
    *out = cs02b_digest(t, &row.device, counter);
    return true;
}

bool warrant_command(struct warrant *w, uint32_t i, uint64_t counter,
                     const struct sig_p256 *sig, struct span *out, struct err *e)
{
    struct cs02b_template *t;
    struct roster_row row;

    if (counter > INT64_MAX)
        return err_set(e, ERR_INPUT, "row.counter", "counter above 9223372036854775807");
    if (!warrant_row(w, i, &row, e) || !template_for(w, row.cells, &t, e))
        return false;
    *out = cs02b_command(t, &row.device, counter, sig);
    return true;
}

/* A compressed P-256 point of the roster, uncompressed. */
static bool uncompress(const uint8_t in[33], struct point *out)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = group != NULL ? EC_POINT_new(group) : NULL;
    bool ok = p != NULL && EC_POINT_oct2point(group, p, in, 33, NULL) == 1 &&
              EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, out->b,
                                 sizeof out->b, NULL) == sizeof out->b;

    EC_POINT_free(p);
    EC_GROUP_free(group);
    return ok;
}

bool warrant_mac(struct warrant *w, uint32_t i, uint64_t counter,
                 const struct sig_p256 *sig, struct token *t, size_t acb_key,
                 uint8_t mac[12], struct err *e)
{
    AUTO(mac_key) struct mac_key key = {{0}};
    struct roster_row row;
    struct mac_secret z;
    struct point device;
    struct span inner;
    bool ok;

    if (!warrant_command(w, i, counter, sig, &inner, e))
        return false;
    roster_get(w->roster, i, &row);
    if (!row.has_ka || !uncompress(row.ka, &device))
        return no_agreement_key(i, e);
    ok = t->ops->agree(t, acb_key, &device, z.b, e) && mac_key_for(inner, &z, &key, e) &&
         mac_tag(inner, &key, mac, e);
    OPENSSL_cleanse(&z, sizeof z);
    return ok;
}

bool warrant_command_mac(struct warrant *w, uint32_t i, uint64_t counter,
                         const struct sig_p256 *sig, const uint8_t mac[12],
                         struct span *out, struct err *e)
{
    struct span inner;

    if (!warrant_command(w, i, counter, sig, &inner, e))
        return false;
    if (w->wrapped == NULL &&
        (w->wrapped = malloc(mac_command_len(CS02B_COMMAND_MAX))) == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!mac_wrap(inner, mac, w->wrapped, e))
        return false;
    *out = span_of(w->wrapped, mac_command_len(inner.len));
    return true;
}
