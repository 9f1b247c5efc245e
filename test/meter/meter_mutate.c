/* SPDX-License-Identifier: MIT
 *
 * meter_mutate.c - drive the tables of meter_spoil.h over one good command.
 *
 * What is signed again is signed by the given key, or, without one, by a throw-away key
 * that the meter is made to trust for this run: the checks behind the signature can so be
 * reached for commands whose true key never leaves its token.
 */
#include "meter_mutate.h"

#include "meter_pem.h"
#include "meter_spoil.h"

#include <string.h>

struct bench {
    struct meters m;
    struct court court; /* with the signer to trust in place of the cell's, if any */
    const struct device *d;
    struct octets good;
    struct judgement ok; /* of the good command */
    uint8_t z[32];
    bool has_z;
    size_t target; /* first replacement that is not root; n_put: none */
    EVP_PKEY *signer, *other, *issuer;
    uint8_t other_point[POINT_LEN];
    const struct cert *issuer_cert;
    unsigned lacks; /* needs that this command or call does not meet */
    size_t run, right, controls, controls_right, skipped;
};

static void set_lacks(struct bench *b)
{
    const struct command *c = &b->ok.cmd;
    b->target = 0;
    while (b->target < c->n_put && c->put[b->target].id.cell == CELL_ROOT)
        b->target++;
    bool cell = b->target < c->n_put;
    enum cell which = cell ? c->put[b->target].id.cell : CELL_NONE;
    int role = which == CELL_NONE ? -1 : cell_rows[which].role;

    b->lacks |= c->env.signature.len ? 0 : NEED_SIGNED;
    b->lacks |= c->env.mac_header ? NEED_NO_MAC : NEED_MAC;
    b->lacks |= role < 0 ? NEED_CELL : 0;
    b->lacks |= b->issuer ? 0 : NEED_ISSUER;
    b->lacks |= c->has_authority ? 0 : NEED_NAMED;
    b->lacks |= c->mode == MODE_RECOVERY ? 0 : NEED_MODE_8;
    b->lacks |= c->mode == MODE_CONTINGENCY ? NEED_NOT_9 : NEED_MODE_9;
    b->lacks |= c->mode >= MODE_RECOVERY ? NEED_LIMITED : 0;
    b->lacks |= role == ROLE_SUPPLIER || role == ROLE_NETWORK ? 0 : NEED_STAND_IN;
    b->lacks |= c->n_path ? 0 : NEED_PATH;
}

static void spoil_begin(struct bench *b, struct spoil *s)
{
    const struct command *c = &b->ok.cmd;
    *s = (struct spoil){
        .good = c,
        .c = *c,
        .d = *b->d,
        .target = b->target,
        .header = (size_t)(c->env.covered.at - b->good.at),
        .other = b->other,
        .signer = b->signer,
        .issuer = b->issuer,
    };
    out_put(&s->message, b->good.at, b->good.len);
    if (!b->issuer || b->target == c->n_put || c->put[b->target].id.cell == CELL_NONE)
        return;
    const struct cell_row *row = &cell_rows[c->put[b->target].id.cell];
    s->i = (struct issue){
        .role = row->role,
        .has_eui = true,
        .eui = c->env.originator,
        .issuer = b->issuer_cert->subject,
        .issuer_id = b->issuer_cert->ski,
        .from = "20160101000000Z",
        .until = "20460101000000Z",
        .point = OCTETS(b->other_point),
        .usage = usage_bits(row->usage),
        .path_len = -1,
    };
}

static void spoil_end(struct spoil *s)
{
    out_free(&s->message);
    out_free(&s->id);
    out_free(&s->cert);
}

static void rebuild(struct bench *b, struct spoil *s)
{
    s->message.len = 0;
    command_build(&s->c, s->quirks, s->good->env.signature.len ? s->signer : NULL,
                  b->has_z ? b->z : NULL, &s->message);
}

/* The other cells must fare as they do in the good command. */
static bool others_unmoved(const struct bench *b, const struct judgement *j)
{
    for (size_t i = 0; i < j->cmd.n_put; i++)
        if (i != b->target && j->outcome[i].status != b->ok.outcome[i].status)
            return false;
    return true;
}

static void verdict(struct bench *b, const struct spoil_row *row, const struct spoil *s,
                    const struct court *court)
{
    struct judgement j;
    char want[48], got[48];
    device_judge(court, &s->d, out_octets(&s->message), &j);
    bool cells = row->why == ACCEPTED && row->status >= 0;
    bool ok = j.why == row->why;
    (void)snprintf(want, sizeof want, "%s", refusal_name(row->why));
    (void)snprintf(got, sizeof got, "%s", refusal_name(j.why));
    if (cells && ok && s->target < j.cmd.n_put) {
        int status = j.outcome[s->target].status;
        (void)snprintf(want, sizeof want, "status %d", row->status);
        (void)snprintf(got, sizeof got, "status %d%s%s", status,
                       *j.outcome[s->target].why ? ", " : "", j.outcome[s->target].why);
        ok = status == row->status &&
             strcmp(j.outcome[s->target].why, row->because ? row->because : "") == 0;
        if (!(row->needs & ALL_CELLS) && !others_unmoved(b, &j)) {
            (void)snprintf(got, sizeof got, "another cell moved");
            ok = false;
        }
    }
    if (row->kind[0] == '(') {
        b->controls++;
        b->controls_right += ok;
    } else {
        b->run++;
        b->right += ok;
    }
    (void)printf("%-50s %-26s %-44s %s\n", row->kind, want, got, ok ? "ok" : "NOT OK");
}

static void drive(struct bench *b, const struct spoil_row *rows, size_t n, bool build,
                  bool issue)
{
    /* Octet mutations keep the true signature, so the true key judges them. */
    struct court court = b->court;
    if (!build)
        court.signer = NULL;
    for (size_t k = 0; k < n; k++) {
        if (rows[k].needs & b->lacks) {
            b->skipped++;
            continue;
        }
        struct spoil s;
        spoil_begin(b, &s);
        rows[k].make(&s);
        if (issue && (rows[k].needs & NEED_ISSUER)) {
            s.cert.len = 0;
            cert_issue(&s.i, s.issuer, &s.cert);
            s.c.put[s.target].cert = out_octets(&s.cert);
        }
        if (build)
            rebuild(b, &s);
        verdict(b, &rows[k], &s, &court);
        spoil_end(&s);
    }
}

static void load_keys(struct bench *b, const struct mutate *m)
{
    uint8_t have[POINT_LEN];
    b->other = key_fresh();
    key_point(b->other, b->other_point);
    if (m->issuer) {
        b->issuer = pem_key_read(m->issuer_key);
        b->issuer_cert = b->m.pool.at[pool_add_file(&b->m.pool, m->issuer)];
        key_point(b->issuer, have);
        if (memcmp(have, b->issuer_cert->point, POINT_LEN) != 0)
            die(2, "%s is not the key of %s", m->issuer_key, m->issuer);
    }
    if (!m->signer) {
        b->signer = key_fresh();
        b->court.signer = b->signer;
        return;
    }
    b->signer = pem_key_read(m->signer);
    key_point(b->signer, have);
    /* In mode 9 the key is inside the wrapping: the control row will tell. */
    if (b->ok.cmd.mode != MODE_CONTINGENCY &&
        memcmp(have, b->m.pool.at[b->ok.trust]->point, POINT_LEN) != 0)
        die(2, "%s is not the key that meter %016llX trusts for this command", m->signer,
            (unsigned long long)b->d->eui);
}

static void shared_secret(struct bench *b)
{
    uint8_t scalar[SCALAR_LEN];
    const struct cert *broker = b->m.pool.at[b->d->cell[CELL_ACB_KA]];
    if (!b->ok.cmd.env.mac_header)
        return;
    device_scalar(&b->m, b->d, true, scalar);
    b->has_z = ecdh(scalar, broker->point, b->z);
}

int mutate(const struct mutate *m)
{
    struct bench b = {0};
    size_t len;
    uint8_t *good = file_read(m->file, &len);
    meters_load(&b.m, m->state);
    b.court = (struct court){.m = &b.m, .now = m->now};
    b.good = (struct octets){good, len};

    struct envelope e;
    (void)envelope_read(b.good, &e);
    b.d = meters_find(&b.m, e.target);
    device_judge(&b.court, b.d, b.good, &b.ok);
    if (b.ok.why != ACCEPTED || b.ok.cmd.env.code == CODE_CS02A || b.ok.cmd.execute[0])
        die(2, "%s: not an immediate CS02b command that its meter accepts (%s)", m->file,
            refusal_name(b.ok.why));
    load_keys(&b, m);
    shared_secret(&b);
    set_lacks(&b);

    (void)printf("%-50s %-26s %-44s %s\n", "kind", "expected", "got", "ok");
    drive(&b, spoil_octets, n_spoil_octets, false, false);
    drive(&b, spoil_rebuilt, n_spoil_rebuilt, true, false);
    drive(&b, spoil_certs, n_spoil_certs, true, true);
    (void)printf("%zu controls, %zu accepted as they must be; %zu kinds do not apply to "
                 "this command or call\n",
                 b.controls, b.controls_right, b.skipped);
    (void)printf("%zu mutations, %zu refused for the right reason\n", b.run, b.right);

    bool all = b.right == b.run && b.controls_right == b.controls;
    EVP_PKEY_free(b.signer);
    EVP_PKEY_free(b.other);
    EVP_PKEY_free(b.issuer);
    meters_done(&b.m);
    free(good);
    return all ? 0 : 1;
}
