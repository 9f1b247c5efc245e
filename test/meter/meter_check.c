/* SPDX-License-Identifier: MIT
 *
 * meter_check.c - see the header. Choices where public text is silent:
 *
 *  - a counter must be strictly greater than the one held for the authorising role;
 *  - floors are set as told even when a replacement failed, for roles the device holds;
 *  - a replaced root takes effect first, wherever it stands in the list: the other
 *    certificates of the same command are then judged by the new root;
 *  - a cell the device does not hold, or the mode may not touch, is other(127);
 *  - a device keeps one future-dated command: a newer one takes its place, and one dated to
 *    the end of time takes it away, whoever sent it;
 *  - mode 9 does not look at the originator: what identifier it carries is unknown.
 */
#include "meter_check.h"

#include <string.h>

static bool mac_good(const struct court *court, const struct device *d, uint32_t party,
                     const struct envelope *e)
{
    uint8_t scalar[SCALAR_LEN], z[32], key[16], mac[MAC_LEN];
    const struct cert *ka = court->m->pool.at[party];
    if (!ka || !ka->key)
        return false;
    device_scalar(court->m, d, true, scalar);
    if (!ecdh(scalar, ka->point, z))
        return false;
    kdf(z, e->originator, e->cra, e->counter, e->target, key);
    gbcs_mac(key, e->originator, e->covered, mac);
    return octets_same(OCTETS(mac), e->mac);
}

static bool signature_good(EVP_PKEY *key, const struct envelope *e)
{
    uint8_t digest[32];
    if (!key || e->signature.len != RS_LEN)
        return false;
    sha256(e->signed_part, digest);
    return ecdsa_verify(key, digest, e->signature.at);
}

/* The contingency public key,
 * out of the present root with the key that the command reveals */
static EVP_PKEY *contingency_key(const struct court *court, const struct device *d,
                                 struct octets symmetric)
{
    const struct cert *root = court->m->pool.at[d->cell[CELL_ROOT]];
    struct out spki = {0};
    uint8_t point[POINT_LEN];
    EVP_PKEY *key = NULL;
    if (root->wrapped.len && wrap_open(root->wrap_oid, symmetric, root->wrapped, &spki) &&
        spki_point(out_octets(&spki), point))
        key = key_public(OCTETS(point));
    out_free(&spki);
    return key;
}

static enum refusal check_counter(const struct device *d, struct judgement *j)
{
    if (j->cmd.env.counter > INT64_MAX)
        return NUMBER_RANGE;
    int64_t counter = (int64_t)j->cmd.env.counter;
    if (j->cmd.env.code != CODE_CS02A && j->cmd.counter != counter)
        return COUNTERS_DIFFER;
    return counter > d->counter[j->role] ? ACCEPTED : COUNTER_NOT_HIGHER;
}

static enum refusal check_originator(const struct court *court, const struct judgement *j)
{
    const struct cert *c = court->m->pool.at[j->trust];
    return c->has_eui && c->eui == j->cmd.env.originator ? ACCEPTED : ORIGINATOR;
}

/* CS02a: a party with a signing cell signs; one with only an agreement cell sends a MAC. */
static enum refusal check_cs02a(const struct court *court, const struct device *d,
                                struct judgement *j)
{
    const struct envelope *e = &j->cmd.env;
    enum cell cell = j->cmd.authority.cell;
    if (cell == CELL_NONE || cell_rows[cell].usage == USE_CERT || cell_rows[cell].topup)
        return AUTHORISING_CELL;
    if (!d->cell[cell])
        return AUTHORISING_CELL_NOT_HELD;
    bool mac = cell_rows[cell].usage == USE_AGREE;
    if (e->mac_header != mac)
        return MAC_HEADER;
    if ((e->signature.len == 0) != mac)
        return SIGNATURE_FORM;
    j->role = cell_rows[cell].role;
    j->trust = d->cell[cell];
    EVP_PKEY *key = court->signer ? court->signer : court->m->pool.at[j->trust]->key;
    if (mac ? !mac_good(court, d, j->trust, e) : !signature_good(key, e))
        return mac ? MAC : SIGNATURE;
    enum refusal r = check_originator(court, j);
    return r == ACCEPTED ? check_counter(d, j) : r;
}

/* Which cell authorises; mode 4 names it on a communications hub only. */
static enum refusal check_authority(const struct device *d, struct judgement *j)
{
    const struct command *c = &j->cmd;
    bool silent = c->mode == MODE_ACB && d->type != TYPE_CHF;
    enum cell want = silent ? CELL_ACB_KA : mode_rows[c->mode].authority;

    if (!silent && !c->has_authority)
        return AUTHORISING_CELL_MISSING;
    if (silent ? c->has_authority : c->authority.cell != want)
        return AUTHORISING_CELL;
    if (!d->cell[want])
        return AUTHORISING_CELL_NOT_HELD;
    if (c->env.mac_header != mode_rows[c->mode].mac)
        return MAC_HEADER;
    if ((c->env.signature.len == 0) != silent)
        return SIGNATURE_FORM;
    j->role = cell_rows[want].role;
    j->trust = d->cell[want];
    return ACCEPTED;
}

static enum refusal check_cs02b(const struct court *court, const struct device *d,
                                struct judgement *j)
{
    const struct command *c = &j->cmd;
    enum refusal r;

    if (c->env.code != CODE_CS02B + (unsigned)c->mode)
        return MODE_MISMATCH;
    if ((c->symmetric_key.at != NULL) != (c->mode == MODE_CONTINGENCY))
        return SYMMETRIC_KEY;
    if ((r = check_authority(d, j)) != ACCEPTED)
        return r;

    if (c->mode == MODE_CONTINGENCY) {
        EVP_PKEY *key = contingency_key(court, d, c->symmetric_key);
        if (!key)
            return CONTINGENCY_KEY;
        bool good = signature_good(court->signer ? court->signer : key, &c->env);
        EVP_PKEY_free(key);
        if (!good)
            return SIGNATURE;
        return check_counter(d, j);
    }
    EVP_PKEY *key = court->signer ? court->signer : court->m->pool.at[j->trust]->key;
    if (c->env.signature.len && !signature_good(key, &c->env))
        return SIGNATURE;
    if (mode_rows[c->mode].mac && !mac_good(court, d, d->cell[CELL_ACB_KA], &c->env))
        return MAC;
    if ((r = check_originator(court, j)) != ACCEPTED)
        return r;
    return check_counter(d, j);
}

void device_judge(const struct court *court, const struct device *d, struct octets message,
                  struct judgement *j)
{
    *j = (struct judgement){0};
    struct envelope *e = &j->cmd.env;
    j->why = envelope_read(message, e);
    if (j->why != ACCEPTED)
        return;
    if (e->cra != 1)
        j->why = NOT_A_COMMAND;
    else if (e->date_time.len)
        j->why = GROUPING_HEADER;
    else if (!d)
        j->why = NO_SUCH_DEVICE;
    else if (e->target != d->eui)
        j->why = NOT_FOR_ME;
    if (j->why != ACCEPTED || (j->why = payload_read(&j->cmd)) != ACCEPTED)
        return;
    j->why = e->code == CODE_CS02A ? check_cs02a(court, d, j) : check_cs02b(court, d, j);
    if (j->why != ACCEPTED || e->code == CODE_CS02A)
        return;
    j->cancel = strcmp(j->cmd.execute, EXECUTE_NEVER) == 0;
    j->later = j->cmd.execute[0] && strcmp(j->cmd.execute, court->now) > 0;
    if (!j->later)
        device_judge_cells(court, d, j);
}

static void judge_cell(const struct court *court, const struct device *d,
                       struct judgement *j, size_t i, const struct path_spec *s)
{
    struct outcome *o = &j->outcome[i];
    enum cell cell = j->cmd.put[i].id.cell;
    struct pool *pool = &court->m->pool;

    *o = (struct outcome){.status = STATUS_OTHER};
    if (cell == CELL_NONE) {
        o->why = "no such cell";
        return;
    }
    o->before = o->after = d->cell[cell];
    if (!d->cell[cell]) {
        o->why = "cell not held";
        return;
    }
    if (!(mode_rows[j->cmd.mode].cells & BIT(cell))) {
        o->why = "cell not allowed in this mode";
        return;
    }
    uint32_t fresh = pool_add(pool, j->cmd.put[i].cert);
    bool abnormal = j->cmd.mode == MODE_CONTINGENCY;
    o->status = cell == CELL_ROOT ? cert_judge_root(pool, fresh, s, abnormal, &o->why)
                                  : cert_judge(pool, fresh, cell, s, &o->why);
    if (o->status == STATUS_SUCCESS)
        o->after = fresh;
}

void device_judge_cells(const struct court *court, const struct device *d,
                        struct judgement *j)
{
    struct path_spec s = {
        .root = d->cell[CELL_ROOT],
        .n = j->cmd.n_path,
        .now = j->cmd.disapply ? NULL : court->now,
    };
    for (size_t i = 0; i < s.n; i++)
        s.path[i] = pool_add(&court->m->pool, j->cmd.path[i]);

    for (int rest = 0; rest < 2; rest++)
        for (size_t i = 0; i < j->cmd.n_put; i++) {
            bool root = j->cmd.put[i].id.cell == CELL_ROOT;
            if (root == (rest == 1))
                continue;
            judge_cell(court, d, j, i, &s);
            if (root)
                s.root = j->outcome[i].after ? j->outcome[i].after : s.root;
        }
    j->failed = 0;
    for (size_t i = 0; i < j->cmd.n_put; i++)
        j->failed += j->outcome[i].status != STATUS_SUCCESS;
}

size_t device_changes(const struct device *d, const struct judgement *j,
                      struct change out[CHANGES_MAX + 1])
{
    size_t n = 0;
    if (j->cmd.floor >= 0 || j->cmd.topup >= 0)
        out[n++] = (struct change){
            j->role, j->cmd.floor >= 0 ? j->cmd.floor : d->counter[j->role], j->cmd.topup};
    for (size_t i = 0; i < j->cmd.n_changes; i++)
        if (j->cmd.changes[i].role < ROLE_HELD &&
            type_holds_role(d->type, (int)j->cmd.changes[i].role))
            out[n++] = j->cmd.changes[i];
    return n;
}

static void execute(struct device *d, const struct judgement *j)
{
    struct change changes[CHANGES_MAX + 1];
    size_t n = device_changes(d, j, changes);
    for (size_t i = 0; i < j->cmd.n_put; i++)
        if (j->outcome[i].after && j->cmd.put[i].id.cell != CELL_NONE)
            d->cell[j->cmd.put[i].id.cell] = j->outcome[i].after;
    for (size_t i = 0; i < n; i++) {
        d->counter[changes[i].role] = changes[i].floor;
        if (changes[i].topup >= 0)
            d->counter[COUNTER_TOPUP] = changes[i].topup;
    }
}

void device_settle(struct device *d, const struct judgement *j, struct octets message)
{
    /* A pending command is settled with no message: its counter was used when it came. */
    if (message.at)
        d->counter[j->role] = (int64_t)j->cmd.env.counter;
    if (j->cmd.env.code == CODE_CS02A)
        return;
    if (j->cancel) {
        free(d->pending);
        d->pending = NULL;
    } else if (j->later) {
        free(d->pending);
        d->pending = must_realloc(NULL, message.len * 2 + 1);
        hex_write(d->pending, message.at, message.len);
    } else {
        execute(d, j);
    }
}
