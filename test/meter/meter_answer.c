/* SPDX-License-Identifier: MIT
 *
 * meter_answer.c - see the header.
 */
#include "meter_answer.h"

#include "meter_message.h"

/* The date-time of every published CS02b response: 1 January 2015, hour unspecified. */
static const uint8_t date_time[12] = {0x07, 0xdf, 0x01, 0x01, 0xff, 0x00,
                                      0x00, 0x00, 0x00, 0x80, 0x00, 0xff};

static void put_seq_change(struct out *o, const struct change *c)
{
    size_t seq = out_open(o, 0x30);
    out_int(o, 0x02, c->role);
    out_int(o, 0x02, c->floor);
    if (c->topup >= 0) {
        size_t list = out_open(o, 0x30), one = out_open(o, 0x30);
        out_int(o, 0x02, 0);
        out_int(o, 0x02, c->topup);
        out_close(o, one);
        out_close(o, list);
    }
    out_close(o, seq);
}

/* subject unique identifier and key identifier of what is in the cell; zeros for nothing */
static void put_ids(struct out *o, const struct cert *c)
{
    uint8_t id[8] = {0};
    static const uint8_t none[8];
    if (c)
        octets_put_u64(id, c->eui);
    out_tlv(o, 0x04, OCTETS(id));
    out_tlv(o, 0x04, c ? OCTETS(c->key_id) : OCTETS(none));
}

/* Real devices spell the length of the outer sequences the long way,
 * not of the small ones. */
static void close_outer(struct out *o, size_t mark, bool loose)
{
    o->loose = loose;
    out_close(o, mark);
    o->loose = false;
}

static void put_outcome(struct out *o, const struct court *c, const struct device *d,
                        const struct judgement *j, int64_t counter, bool loose)
{
    struct change changes[CHANGES_MAX + 1];
    size_t n = device_changes(d, j, changes);

    size_t outcome = out_open(o, 0x30);
    out_int(o, 0x02, counter);
    out_int(o, 0x02, j->cmd.mode);
    size_t list = out_open(o, 0x30);
    for (size_t i = 0; i < n; i++)
        put_seq_change(o, &changes[i]);
    out_close(o, list);
    list = out_open(o, 0x30);
    for (size_t i = 0; i < j->cmd.n_put; i++) {
        const struct outcome *r = &j->outcome[i];
        size_t one = out_open(o, 0x30);
        out_tlv(o, 0x30, j->cmd.put[i].id.body);
        out_int(o, 0x0a, r->status);
        put_ids(o, c->m->pool.at[r->before]);
        put_ids(o, c->m->pool.at[r->after]);
        out_close(o, one);
    }
    close_outer(o, list, loose);
    close_outer(o, outcome, loose);
}

static void put_cells(struct out *o, const struct court *c, const struct device *d,
                      int role)
{
    for (enum cell cell = 0; cell < CELLS; cell++) {
        if (cell_rows[cell].role != role || !d->cell[cell])
            continue;
        size_t one = out_open(o, 0x30);
        out_tlv(o, 0x03, usage_bits(cell_rows[cell].usage));
        if (cell_rows[cell].topup)
            out_int(o, 0x02, 1);
        put_ids(o, c->m->pool.at[d->cell[cell]]);
        out_close(o, one);
    }
}

/* CS02a: SEQUENCE OF RemotePartyDetails. The root signs nothing a counter could protect, so
 * its row has none: this simulator's choice. */
static void put_details(struct out *o, const struct court *c, const struct device *d,
                        const struct judgement *j, bool loose)
{
    size_t all = out_open(o, 0x30);
    for (size_t i = 0; i < j->cmd.n_roles; i++) {
        int64_t role = j->cmd.roles[i];
        bool held = role < ROLE_HELD && type_holds_role(d->type, (int)role);
        size_t one = out_open(o, 0x30);
        out_int(o, 0x02, role);
        out_int(o, 0x0a, held ? STATUS_SUCCESS : STATUS_NOT_FOUND);
        if (held) {
            if (role != ROLE_ROOT)
                out_int(o, 0x02, d->counter[role]);
            size_t cells = out_open(o, 0x30);
            put_cells(o, c, d, (int)role);
            out_close(o, cells);
        }
        out_close(o, one);
    }
    close_outer(o, all, loose);
}

static void send_signed(const struct court *c, const struct device *d, unsigned cra,
                        uint64_t counter, uint64_t to, struct octets when, unsigned code,
                        const struct out *payload, struct out *message)
{
    uint8_t scalar[SCALAR_LEN];
    struct out header = {0};
    device_scalar(c->m, d, false, scalar);
    EVP_PKEY *key = key_private(scalar, NULL);
    header_write(&header, cra, counter, d->eui, to, when, code, payload->len);
    message_wrap(message, out_octets(&header), out_octets(payload), key, NULL, 0);
    EVP_PKEY_free(key);
    out_free(&header);
}

static void send_macced(const struct court *c, const struct device *d, uint64_t counter,
                        uint64_t to, uint32_t party, const struct out *payload,
                        struct out *message)
{
    uint8_t scalar[SCALAR_LEN], z[32], key[16];
    struct out header = {0};
    device_scalar(c->m, d, true, scalar);
    if (!ecdh(scalar, c->m->pool.at[party]->point, z))
        die(2, "no key agreement with a certificate this meter holds");
    kdf(z, d->eui, 2, counter, to, key);
    header_write(&header, 2, counter, d->eui, to, (struct octets){0}, CODE_CS02A,
                 payload->len);
    message_wrap(message, out_octets(&header), out_octets(payload), NULL, key, d->eui);
    out_free(&header);
}

void answer_response(const struct court *c, const struct device *d,
                     const struct judgement *j, struct manner how, struct out *message)
{
    const struct envelope *e = &j->cmd.env;
    uint64_t counter = e->counter + (how.wrong_counter ? 1 : 0);
    struct out payload = {0};

    if (e->code == CODE_CS02A) {
        put_details(&payload, c, d, j, how.loose);
        if (e->mac_header)
            send_macced(c, d, counter, e->originator, j->trust, &payload, message);
        else
            send_signed(c, d, 2, counter, e->originator, (struct octets){0}, e->code,
                        &payload, message);
    } else {
        size_t all = out_open(&payload, 0x30);
        static const uint8_t null[2] = {0x05, 0x00};
        out_put(&payload, null, sizeof null);
        if (!j->later)
            put_outcome(&payload, c, d, j, (int64_t)counter, how.loose);
        close_outer(&payload, all, how.loose);
        send_signed(c, d, 2, counter, e->originator, OCTETS(date_time), e->code, &payload,
                    message);
    }
    out_free(&payload);
}

void answer_alert(const struct court *c, const struct device *d, const struct judgement *j,
                  struct manner how, struct out *message)
{
    struct out payload = {0};
    size_t all = out_open(&payload, 0x30);
    out_int(&payload, 0x02, j->failed ? 0x8f67 : 0x8f66);
    out_tlv(&payload, 0x18, (struct octets){(const uint8_t *)j->cmd.execute, TIME_LEN - 1});
    put_outcome(&payload, c, d, j, j->cmd.counter + (how.wrong_counter ? 1 : 0), how.loose);
    close_outer(&payload, all, how.loose);
    send_signed(c, d, 3, d->alerts, j->cmd.env.originator, (struct octets){0}, CODE_ALERT,
                &payload, message);
    out_free(&payload);
}
