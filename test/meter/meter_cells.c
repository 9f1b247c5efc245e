/* SPDX-License-Identifier: MIT
 *
 * meter_cells.c - see the header. A change by hand is not judged: whether a command could have
 * done it is for whoever asks. A certificate over an unknown key is made here, in the name of
 * the party and the issuer of the one that it replaces, and signed by its own key: a meter
 * judges certificates when they come, not when they are used.
 */
#include "meter_cells.h"

#include "meter_answer.h"
#include "meter_issue.h"

#include <string.h>

uint32_t cells_certificate(struct pool *p, enum cell c, const char *path)
{
    uint32_t number = pool_add_file(p, path);
    const struct cert *x = p->at[number];
    struct octets want = usage_bits(cell_rows[c].usage);
    if (!x->key)
        die(2, "%s: not a P-256 key", path);
    if (x->usage.len != 2 || !(x->usage.at[1] & want.at[1]))
        die(2, "%s: key usage does not fit cell %s", path, cell_rows[c].name);
    if (c != CELL_ROOT && !x->has_eui)
        die(2, "%s: no unique identifier in the subject", path);
    return number;
}

/* --- telling --- */

static void tell_cell(const char *name, const struct cert *c, const char *comma)
{
    char key[2 * KEYID_LEN + 1], digest[65];
    hex_write(key, c->key_id, KEYID_LEN);
    hex_write(digest, c->digest, sizeof c->digest);
    for (char *p = digest; *p; p++)
        *p |= 0x20; /* as decisions spell it; digits have that bit */
    (void)printf("%s\"%s\":{\"party\":\"%016llX\",\"key\":\"%s\",\"certificate\":\"%s\"}",
                 comma, name, (unsigned long long)c->eui, key, digest);
}

int cells_tell(const char *state)
{
    struct meters m;
    meters_load(&m, state);
    for (size_t i = 0; i < m.n; i++) {
        const struct device *d = &m.at[i];
        const char *comma = "";
        (void)printf(
            "{\"device\":\"%016llX\",\"type\":\"%s\",\"pending\":%s,\"counters\":{",
            (unsigned long long)d->eui, type_rows[d->type].name,
            d->pending ? "true" : "false");
        for (int k = 0; k < COUNTERS; k++)
            (void)printf("%s\"%s\":%lld", k ? "," : "", counter_names[k],
                         (long long)d->counter[k]);
        (void)fputs("},\"cells\":{", stdout);
        for (enum cell c = 0; c < CELLS; c++)
            if (d->cell[c]) {
                tell_cell(cell_rows[c].name, m.pool.at[d->cell[c]], comma);
                comma = ",";
            }
        (void)puts("}}");
    }
    meters_done(&m);
    return 0;
}

/* --- changing --- */

struct changing {
    const struct cells_change *how;
    struct meters meters;
    uint32_t cert[CELLS];
    struct out id[CELLS]; /* TrustAnchorCellIdentifiers */
    FILE *responses;
};

static uint32_t certify_unknown(struct pool *p, enum cell cell, const struct cert *was)
{
    uint8_t point[POINT_LEN];
    struct out der = {0};
    EVP_PKEY *key = key_fresh();
    key_point(key, point);
    struct issue i = {
        .cn = "unknown",
        .role = cell_rows[cell].role,
        .has_eui = was->has_eui,
        .eui = was->eui,
        .issuer = was->issuer,
        .issuer_id = was->aki,
        .from = was->not_before,
        .until = was->not_after,
        .point = OCTETS(point),
        .usage = usage_bits(cell_rows[cell].usage),
        .path_len = -1,
    };
    cert_issue(&i, key, &der);
    uint32_t number = pool_add(p, out_octets(&der));
    EVP_PKEY_free(key);
    out_free(&der);
    return number;
}

/* What the meter would have made of the command that did this. */
static void judged(struct changing *g, const struct device *d, struct judgement *j)
{
    int mode = g->how->mode;
    enum cell by =
        mode == MODE_ACB && d->type != TYPE_CHF ? CELL_ACB_KA : mode_rows[mode].authority;
    if (!d->cell[by])
        die(2, "%016llX: no cell %s, which authorises mode %d", (unsigned long long)d->eui,
            cell_rows[by].name, mode);
    j->role = cell_rows[by].role;
    j->trust = d->cell[by];
    j->cmd.mode = mode;
    j->cmd.counter = d->counter[j->role] + 1;
    j->cmd.floor = j->cmd.topup = -1;
    j->cmd.env.code = CODE_CS02B + (unsigned)mode;
    j->cmd.env.counter = (uint64_t)j->cmd.counter;
    j->cmd.env.originator = g->meters.pool.at[j->trust]->eui;
    j->cmd.env.target = d->eui;
}

static void change_one(struct changing *g, struct device *d)
{
    struct judgement j = {0};
    for (enum cell c = 0; c < CELLS; c++) {
        if (!g->how->cell[c] && !g->how->unknown[c])
            continue;
        if (!d->cell[c])
            die(2, "%016llX: no cell %s", (unsigned long long)d->eui, cell_rows[c].name);
        if (!g->cert[c])
            g->cert[c] = certify_unknown(&g->meters.pool, c, g->meters.pool.at[d->cell[c]]);
        j.cmd.put[j.cmd.n_put].id = (struct identifier){out_octets(&g->id[c]), c};
        j.outcome[j.cmd.n_put++] =
            (struct outcome){STATUS_SUCCESS, "by hand", d->cell[c], g->cert[c]};
    }
    struct out answer = {0};
    struct court court = {.m = &g->meters};
    if (g->how->mode >= 0) {
        judged(g, d, &j);
        answer_response(&court, d, &j, (struct manner){0}, &answer);
        char *hex = must_realloc(NULL, answer.len * 2 + 1);
        hex_write(hex, answer.at, answer.len);
        if (g->responses && fprintf(g->responses, "%s\n", hex) < 0)
            die_errno("%s", g->how->responses);
        free(hex);
    }
    device_settle(d, &j, out_octets(&answer)); /* no answer: no counter was used */
    out_free(&answer);
}

static void prepare(struct changing *g)
{
    const struct cells_change *how = g->how;
    size_t n = 0;
    for (enum cell c = 0; c < CELLS; c++) {
        bool is = how->cell[c] || how->unknown[c];
        n += is;
        if (how->cell[c])
            g->cert[c] = cells_certificate(&g->meters.pool, c, how->cell[c]);
        if (is && how->mode >= 0 && !(mode_rows[how->mode].cells & BIT(c)))
            die(2, "mode %d does not replace %s", how->mode, cell_rows[c].name);
        cell_identifier(&g->id[c], c);
    }
    if (!n)
        die(2, "change: no --cell and no --unknown");
    if (how->responses) {
        g->responses = fopen(how->responses, "wbe");
        if (!g->responses)
            die_errno("%s", how->responses);
    }
}

int cells_change(const struct cells_change *how)
{
    struct changing g = {.how = how};
    meters_load(&g.meters, how->state);
    prepare(&g);
    for (char **at = how->devices; *at; at++) {
        uint64_t eui;
        struct device *d = hex_u64(*at, &eui) ? meters_find(&g.meters, eui) : NULL;
        if (!d)
            die(2, "%s: no meter of %s", *at, how->state);
        change_one(&g, d);
    }
    if (g.responses && fclose(g.responses) != 0)
        die_errno("%s", how->responses);
    meters_save(&g.meters);
    for (enum cell c = 0; c < CELLS; c++)
        out_free(&g.id[c]);
    meters_done(&g.meters);
    return 0;
}
