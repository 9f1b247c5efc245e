/* SPDX-License-Identifier: MIT
 *
 * meter_message.c - see the header.
 */
#include "meter_message.h"

#include <string.h>

void header_write(struct out *o, unsigned cra, uint64_t counter, uint64_t from, uint64_t to,
                  struct octets when, unsigned code, size_t payload_len)
{
    uint8_t b[8];
    out_octet(o, 0xdf);
    out_octet(o, 9);
    out_octet(o, cra);
    octets_put_u64(b, counter);
    out_put(o, b, 8);
    out_octet(o, 8);
    octets_put_u64(b, from);
    out_put(o, b, 8);
    out_octet(o, 8);
    octets_put_u64(b, to);
    out_put(o, b, 8);
    out_octet(o, (unsigned)when.len);
    out_put(o, when.at, when.len);
    out_octet(o, 2);
    out_octet(o, code >> 8);
    out_octet(o, code & 0xff);
    out_length(o, payload_len);
}

void message_wrap(struct out *o, struct octets header, struct octets payload, EVP_PKEY *key,
                  const uint8_t *mac_key, uint64_t originator)
{
    static const uint8_t front[7] = {0xdd}, back[5] = {0x11};
    struct out body = {0};
    out_put(&body, header.at, header.len);
    out_put(&body, payload.at, payload.len);
    if (key) {
        uint8_t digest[32], rs[RS_LEN];
        sha256((struct octets){body.at + 1, body.len - 1}, digest);
        ecdsa_sign(key, digest, rs);
        out_octet(&body, RS_LEN);
        out_put(&body, rs, sizeof rs);
    } else {
        out_octet(&body, 0);
    }
    if (mac_key) {
        uint8_t mac[MAC_LEN];
        gbcs_mac(mac_key, originator, out_octets(&body), mac);
        out_put(o, front, sizeof front);
        out_length(o, sizeof back + body.len + MAC_LEN);
        out_put(o, back, sizeof back);
        out_put(&body, mac, sizeof mac);
    }
    out_put(o, body.at, body.len);
    out_free(&body);
}

static void put_specialist(struct out *o, unsigned tag, int64_t topup)
{
    size_t list = out_open(o, tag), one = out_open(o, 0x30);
    out_int(o, 0x02, 0);
    out_int(o, 0x02, topup);
    out_close(o, one);
    out_close(o, list);
}

static void put_counter(struct out *o, int64_t counter, unsigned quirks)
{
    static const uint8_t huge[] = {0x83, 9, 0, 0x80, 0, 0, 0, 0, 0, 0, 0};
    if (quirks & QUIRK_HUGE_COUNTER) {
        out_put(o, huge, sizeof huge);
    } else if (quirks & QUIRK_PADDED_INT) {
        uint8_t b[9] = {0};
        octets_put_u64(b + 1, (uint64_t)counter);
        out_tlv(o, 0x83, OCTETS(b));
    } else {
        out_int(o, 0x83, counter);
    }
}

static void put_control(struct out *o, const struct command *c, unsigned quirks)
{
    size_t all = out_open(o, 0x30);
    out_int(o, 0x02, c->mode);
    if (c->symmetric_key.at)
        out_tlv(o, 0x80, c->symmetric_key);
    if (quirks & QUIRK_APPLY_DEFAULT)
        out_int(o, 0x81, 0);
    else if (quirks & QUIRK_APPLY_BOOLEAN)
        out_int(o, 0x81, -1);
    else if (c->disapply)
        out_int(o, 0x81, 1);
    if (c->has_authority)
        out_tlv(o, 0xa2, c->authority.body);
    put_counter(o, c->counter, quirks);
    if (c->floor != -1)
        out_int(o, 0x84, c->floor);
    if (c->topup != -1)
        put_specialist(o, 0xa5, c->topup);
    if (c->n_changes) {
        size_t list = out_open(o, 0xa6);
        for (size_t i = 0; i < c->n_changes; i++) {
            size_t one = out_open(o, 0x30);
            out_int(o, 0x02, c->changes[i].role);
            out_int(o, 0x02, c->changes[i].floor);
            if (c->changes[i].topup != -1)
                put_specialist(o, 0x30, c->changes[i].topup);
            out_close(o, one);
        }
        out_close(o, list);
    }
    if (quirks & QUIRK_MORE_CONTROL)
        out_int(o, 0x87, 1);
    o->loose = quirks & QUIRK_LONG_LENGTH;
    out_close(o, all);
    o->loose = false;
}

static void put_cs02b(struct out *o, const struct command *c, unsigned quirks)
{
    size_t all = out_open(o, 0x30);
    put_control(o, c, quirks);
    size_t list = out_open(o, 0x30);
    for (size_t i = 0; i < c->n_put; i++) {
        size_t one = out_open(o, 0x30);
        out_put(o, c->put[i].cert.at, c->put[i].cert.len);
        out_tlv(o, 0x30, c->put[i].id.body);
        out_close(o, one);
    }
    out_close(o, list);
    list = out_open(o, 0x30);
    for (size_t i = 0; i < c->n_path; i++)
        out_put(o, c->path[i].at, c->path[i].len);
    for (size_t i = c->n_path; quirks & QUIRK_EXTRA_PATH && c->n_path && i < 4; i++)
        out_put(o, c->path[0].at, c->path[0].len);
    out_close(o, list);
    if (c->execute[0])
        out_tlv(o, 0x18, (struct octets){(const uint8_t *)c->execute, strlen(c->execute)});
    if (quirks & QUIRK_MORE_PAYLOAD)
        out_int(o, 0x02, 1);
    out_close(o, all);
}

static void put_cs02a(struct out *o, const struct command *c)
{
    size_t all = out_open(o, 0x30);
    out_tlv(o, 0x30, c->authority.body);
    size_t list = out_open(o, 0x30);
    for (size_t i = 0; i < c->n_roles; i++)
        out_int(o, 0x02, c->roles[i]);
    out_close(o, list);
    out_close(o, all);
}

void command_build(const struct command *c, unsigned quirks, EVP_PKEY *signer,
                   const uint8_t *z, struct out *message)
{
    struct out payload = {0}, header = {0};
    uint8_t key[16];
    uint64_t counter = quirks & QUIRK_HUGE_COUNTER ? 1ull << 63 : c->env.counter;

    if (c->env.code == CODE_CS02A)
        put_cs02a(&payload, c);
    else
        put_cs02b(&payload, c, quirks);
    header_write(&header, 1, counter, c->env.originator, c->env.target, (struct octets){0},
                 c->env.code, payload.len);
    if (z)
        kdf(z, c->env.originator, 1, counter, c->env.target, key);
    message_wrap(message, out_octets(&header), out_octets(&payload), signer, z ? key : NULL,
                 c->env.originator);
    out_free(&payload);
    out_free(&header);
}
