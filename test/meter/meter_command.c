/* SPDX-License-Identifier: MIT
 *
 * meter_command.c - see the header.
 */
#include "meter_command.h"

#include <string.h>

/* A/XDR length in its shortest form */
static enum refusal length_read(struct octets *rest, size_t *len)
{
    if (rest->len == 0)
        return TRUNCATED;
    size_t n = rest->at[0], used = 1;
    if (n & 0x80) {
        size_t k = n & 0x7f;
        if (k < 1 || k > 2)
            return LENGTH_FORM;
        if (rest->len < 1 + k)
            return TRUNCATED;
        n = k == 1 ? rest->at[1] : (size_t)rest->at[1] << 8 | rest->at[2];
        used += k;
        if (n < (k == 1 ? 0x80u : 0x100u))
            return LENGTH_FORM;
    }
    *len = n;
    rest->at += used;
    rest->len -= used;
    return ACCEPTED;
}

static enum refusal mac_header_read(struct octets *rest, struct envelope *e)
{
    static const uint8_t front[7] = {0xdd}, back[5] = {0x11};
    size_t len;

    if (rest->len < sizeof front)
        return TRUNCATED;
    if (memcmp(rest->at, front, sizeof front) != 0)
        return MAC_HEADER;
    rest->at += sizeof front;
    rest->len -= sizeof front;
    enum refusal r = length_read(rest, &len);
    if (r != ACCEPTED)
        return r;
    if (len != rest->len)
        return len > rest->len ? TRUNCATED : TRAILING_OCTETS;
    if (len < sizeof back + MAC_LEN || memcmp(rest->at, back, sizeof back) != 0)
        return MAC_HEADER;
    e->mac_header = true;
    e->mac = (struct octets){rest->at + len - MAC_LEN, MAC_LEN};
    *rest = (struct octets){rest->at + sizeof back, len - sizeof back - MAC_LEN};
    return ACCEPTED;
}

enum refusal envelope_read(struct octets message, struct envelope *e)
{
    struct octets rest = message;
    enum refusal r;

    *e = (struct envelope){0};
    if (rest.len == 0)
        return TRUNCATED;
    if (rest.at[0] == 0xdd && (r = mac_header_read(&rest, e)) != ACCEPTED)
        return r;
    e->covered = rest;

    /* DF 09 cra counter(8) 08 eui(8) 08 eui(8) date-time ... */
    if (rest.len < 30)
        return rest.len && rest.at[0] != 0xdf ? GROUPING_HEADER : TRUNCATED;
    const uint8_t *p = rest.at;
    if (p[0] != 0xdf || p[1] != 9 || p[11] != 8 || p[20] != 8)
        return GROUPING_HEADER;
    e->cra = p[2];
    e->counter = octets_u64(p + 3);
    e->originator = octets_u64(p + 12);
    e->target = octets_u64(p + 21);
    if (e->cra < 1 || e->cra > 3)
        return GROUPING_HEADER;
    size_t at = 29, dt = p[at++];
    if (dt != 0 && dt != 12)
        return GROUPING_HEADER;
    if (rest.len < at + dt + 3)
        return TRUNCATED;
    e->date_time = (struct octets){p + at, dt};
    at += dt;
    if (p[at] != 2)
        return OTHER_INFORMATION;
    e->code = (unsigned)p[at + 1] << 8 | p[at + 2];
    at += 3;

    size_t len;
    rest.at += at;
    rest.len -= at;
    if ((r = length_read(&rest, &len)) != ACCEPTED)
        return r;
    e->header = (struct octets){p, (size_t)(rest.at - p)};
    if (len > rest.len)
        return TRUNCATED;
    e->payload = (struct octets){rest.at, len};
    e->signed_part = (struct octets){p + 1, e->header.len - 1 + len};
    rest.at += len;
    rest.len -= len;

    /* The content length decides where the signature field begins: were it wrong, the
     * field's own length octet would not stand there. */
    if (rest.len == 0)
        return TRUNCATED;
    size_t sig = rest.at[0];
    if (sig != 0 && sig != RS_LEN)
        return CONTENT_LENGTH;
    if (rest.len < 1 + sig)
        return TRUNCATED;
    if (rest.len > 1 + sig)
        return TRAILING_OCTETS;
    e->signature = (struct octets){rest.at + 1, sig};
    return ACCEPTED;
}

static enum refusal of(enum tlv_fault f)
{
    switch (f) {
    case TLV_OK:
        return ACCEPTED;
    case TLV_TAG:
        return PAYLOAD_SHAPE;
    case TLV_VALUE:
        return NUMBER_RANGE;
    case TLV_SHORT:
    case TLV_LENGTH:
    default:
        return PAYLOAD_DER;
    }
}

#define TRY(call)                   \
    do {                            \
        enum refusal try_ = (call); \
        if (try_ != ACCEPTED)       \
            return try_;            \
    } while (0)

static enum refusal take(struct octets *rest, unsigned tag, struct tlv *t)
{
    return of(tlv_take(rest, tag, t));
}

static enum refusal take_int(struct octets *rest, unsigned tag, int64_t *v)
{
    struct tlv t;
    TRY(take(rest, tag, &t));
    return of(tlv_int(t.body, v));
}

/* SeqNumber ::= INTEGER (0..9223372036854775807) */
static enum refusal take_seq(struct octets *rest, unsigned tag, int64_t *v)
{
    TRY(take_int(rest, tag, v));
    return *v < 0 ? NUMBER_RANGE : ACCEPTED;
}

static enum refusal all_read(struct octets rest)
{
    return rest.len ? PAYLOAD_SHAPE : ACCEPTED;
}

enum refusal identifier_read(struct octets body, struct identifier *out)
{
    int64_t role, use = 0;
    struct tlv bits;
    enum usage usage;

    out->body = body;
    out->cell = CELL_NONE;
    TRY(take_int(&body, 0x02, &role));
    if (role < 0 || role > 127)
        return NUMBER_RANGE;
    TRY(take(&body, 0x03, &bits));
    if (bits.body.len < 2 || bits.body.len > 3 || bits.body.at[0] > 7)
        return PAYLOAD_DER;
    uint8_t last = bits.body.at[bits.body.len - 1];
    /* DER: named bits end with a one, the unused ones are counted and zero */
    if (!(last & (1u << bits.body.at[0])) || (last & ((1u << bits.body.at[0]) - 1)))
        return PAYLOAD_DER;
    if (body.len) {
        TRY(take_int(&body, 0x02, &use));
        if (use == 0)
            return DEFAULT_ENCODED;
        if (use != 1)
            return NUMBER_RANGE;
    }
    TRY(all_read(body));
    if (usage_of(bits.body, &usage))
        out->cell = cell_of(role, usage, use == 1);
    return ACCEPTED;
}

/* SEQUENCE OF SpecialistSeqNumber: one usage exists, so one entry at most */
static enum refusal specialist_read(struct octets body, int64_t *topup)
{
    while (body.len) {
        struct tlv seq;
        int64_t use;
        TRY(take(&body, 0x30, &seq));
        TRY(take_int(&seq.body, 0x02, &use));
        if (use != 0)
            return NUMBER_RANGE;
        TRY(take_seq(&seq.body, 0x02, topup));
        TRY(all_read(seq.body));
    }
    return ACCEPTED;
}

static enum refusal changes_read(struct octets body, struct command *c)
{
    while (body.len) {
        struct tlv seq, special;
        if (c->n_changes == CHANGES_MAX)
            return PAYLOAD_SHAPE;
        struct change *ch = &c->changes[c->n_changes++];
        ch->topup = -1;
        TRY(take(&body, 0x30, &seq));
        TRY(take_int(&seq.body, 0x02, &ch->role));
        if (ch->role < 0 || ch->role > 127)
            return NUMBER_RANGE;
        TRY(take_seq(&seq.body, 0x02, &ch->floor));
        if (seq.body.len) {
            TRY(take(&seq.body, 0x30, &special));
            TRY(specialist_read(special.body, &ch->topup));
        }
        TRY(all_read(seq.body));
    }
    return ACCEPTED;
}

static enum refusal control_read(struct octets body, struct command *c)
{
    struct tlv t;

    c->floor = c->topup = -1;
    TRY(take_int(&body, 0x02, &c->mode));
    if (c->mode < 0 || c->mode >= MODES)
        return NUMBER_RANGE;
    if (tlv_is(body, 0x80)) {
        TRY(take(&body, 0x80, &t));
        c->symmetric_key = t.body;
    }
    if (tlv_is(body, 0x81)) {
        int64_t v;
        TRY(take_int(&body, 0x81, &v));
        if (v == 0)
            return DEFAULT_ENCODED;
        if (v != 1)
            return NUMBER_RANGE;
        c->disapply = true;
    }
    if (tlv_is(body, 0xa2)) {
        TRY(take(&body, 0xa2, &t));
        TRY(identifier_read(t.body, &c->authority));
        c->has_authority = true;
    }
    TRY(take_seq(&body, 0x83, &c->counter));
    if (tlv_is(body, 0x84))
        TRY(take_seq(&body, 0x84, &c->floor));
    if (tlv_is(body, 0xa5)) {
        TRY(take(&body, 0xa5, &t));
        TRY(specialist_read(t.body, &c->topup));
    }
    if (tlv_is(body, 0xa6)) {
        TRY(take(&body, 0xa6, &t));
        TRY(changes_read(t.body, c));
    }
    return all_read(body);
}

static enum refusal replacements_read(struct octets body, struct command *c)
{
    unsigned seen = 0;
    while (body.len) {
        struct tlv seq, cert, id;
        if (c->n_put == REPLACEMENTS_MAX)
            return PAYLOAD_SHAPE;
        struct replacement *r = &c->put[c->n_put++];
        TRY(take(&body, 0x30, &seq));
        /* What is inside the certificate is judged for its cell alone, later. */
        TRY(take(&seq.body, 0x30, &cert));
        TRY(take(&seq.body, 0x30, &id));
        TRY(all_read(seq.body));
        r->cert = cert.raw;
        TRY(identifier_read(id.body, &r->id));
        if (r->id.cell != CELL_NONE && (seen & BIT(r->id.cell)))
            return DUPLICATE_CELL;
        seen |= BIT(r->id.cell);
    }
    return ACCEPTED;
}

enum refusal cs02b_read(struct octets payload, struct command *c)
{
    struct tlv all, t;
    TRY(take(&payload, 0x30, &all));
    TRY(all_read(payload));
    struct octets body = all.body;

    TRY(take(&body, 0x30, &t));
    TRY(control_read(t.body, c));
    TRY(take(&body, 0x30, &t));
    TRY(replacements_read(t.body, c));
    TRY(take(&body, 0x30, &t));
    while (t.body.len) {
        struct tlv cert;
        if (c->n_path == PATH_MAX_CERTS)
            return PATH_CERTIFICATES;
        TRY(take(&t.body, 0x30, &cert));
        c->path[c->n_path++] = cert.raw;
    }
    if (body.len) {
        TRY(take(&body, 0x18, &t));
        if (t.body.len != 15 || !time_wellformed((const char *)t.body.at))
            return EXECUTION_TIME;
        memcpy(c->execute, t.body.at, 15);
    }
    TRY(all_read(body));
    /* Taking back a future-dated command replaces nothing, so it may bring nothing. */
    if (c->n_put == 0 && strcmp(c->execute, EXECUTE_NEVER) != 0)
        return NO_REPLACEMENTS;
    return ACCEPTED;
}

enum refusal cs02a_read(struct octets payload, struct command *c)
{
    struct tlv all, id, roles;
    TRY(take(&payload, 0x30, &all));
    TRY(all_read(payload));
    TRY(take(&all.body, 0x30, &id));
    TRY(identifier_read(id.body, &c->authority));
    c->has_authority = true;
    TRY(take(&all.body, 0x30, &roles));
    TRY(all_read(all.body));
    while (roles.body.len) {
        int64_t *role = &c->roles[c->n_roles];
        if (c->n_roles == CHANGES_MAX)
            return PAYLOAD_SHAPE;
        TRY(take_int(&roles.body, 0x02, role));
        if (*role < 0 || *role > 127)
            return NUMBER_RANGE;
        c->n_roles++;
    }
    return ACCEPTED;
}

enum refusal payload_read(struct command *c)
{
    if (c->env.code == CODE_CS02A)
        return cs02a_read(c->env.payload, c);
    if (c->env.code >= CODE_CS02B && c->env.code < CODE_CS02B + MODES)
        return cs02b_read(c->env.payload, c);
    return MESSAGE_CODE;
}
