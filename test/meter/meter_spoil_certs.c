/* SPDX-License-Identifier: MIT
 *
 * meter_spoil_certs.c - authentic commands that bring a bad certificate: the command is
 * obeyed, the one cell is not replaced, and its status says why.
 */
#include "meter_spoil.h"

#include <string.h>

#define PUT(s) (&(s)->c.put[(s)->target])

static void good(struct spoil *s)
{
    (void)s;
}

static void stand_in(struct spoil *s)
{
    s->i.role = ROLE_ACB;
}

/* The same certificate, one octet of it changed; from_end counts from the last octet. */
static void alter(struct spoil *s, struct octets *cert, size_t offset, uint8_t x)
{
    out_put(&s->cert, cert->at, cert->len);
    s->cert.at[offset] ^= x;
    *cert = out_octets(&s->cert);
}

static void cert_signature_bit(struct spoil *s)
{
    alter(s, &PUT(s)->cert, PUT(s)->cert.len - 1, 1);
}

/* The tag of the first element inside: the outer length still fits the command. */
static void cert_malformed(struct spoil *s)
{
    alter(s, &PUT(s)->cert, 4, 0x01);
}

static void path_missing(struct spoil *s)
{
    s->c.n_path = 0;
}

static void path_altered(struct spoil *s)
{
    alter(s, &s->c.path[0], s->c.path[0].len - 1, 1);
    s->c.n_path = 1;
}

static void put_identifier(struct spoil *s, enum cell c)
{
    cell_identifier(&s->id, c);
    PUT(s)->id.body = out_octets(&s->id);
}

static void cell_not_held(struct spoil *s)
{
    /* Every device type lacks one of the two. */
    put_identifier(s, s->d.cell[CELL_WAN_DS] ? CELL_NETWORK_DS : CELL_WAN_DS);
}

static void cell_unheard_of(struct spoil *s)
{
    out_int(&s->id, 0x02, 127);
    out_tlv(&s->id, 0x03, usage_bits(USE_SIGN));
    PUT(s)->id.body = out_octets(&s->id);
}

static void cell_not_allowed(struct spoil *s)
{
    put_identifier(s, CELL_RECOVERY_DS);
}

static void other_usage(struct spoil *s)
{
    enum usage u = cell_rows[s->good->put[s->target].id.cell].usage;
    s->i.usage = usage_bits(u == USE_SIGN ? USE_AGREE : USE_SIGN);
}

static void both_usages(struct spoil *s)
{
    static const uint8_t bits[] = {0x03, 0x88};
    s->i.usage = OCTETS(bits);
}

static void other_role(struct spoil *s)
{
    s->i.role = 127;
}

static void no_role(struct spoil *s)
{
    s->i.role = -1;
}

static void no_eui(struct spoil *s)
{
    s->i.has_eui = false;
}

static void expired(struct spoil *s)
{
    s->i.from = "20100101000000Z";
    s->i.until = "20110101000000Z";
    s->c.disapply = false;
}

static void expired_disapplied(struct spoil *s)
{
    expired(s);
    s->c.disapply = true;
}

static void not_yet(struct spoil *s)
{
    s->i.from = "20980101000000Z";
    s->i.until = "20990101000000Z";
    s->c.disapply = false;
}

static void stranger_same_name(struct spoil *s)
{
    s->issuer = s->other;
}

static void stranger(struct spoil *s)
{
    struct out name = {0};
    name_write(&name, "Q9", 7, NULL);
    memcpy(s->room, name.at, name.len);
    s->i.issuer = (struct octets){s->room, name.len};
    s->issuer = s->other;
    out_free(&name);
}

static void self_signed(struct spoil *s)
{
    s->i.issuer = (struct octets){0};
    s->issuer = s->other;
}

static void other_issuer_key(struct spoil *s)
{
    memcpy(s->room, s->i.issuer_id.at, KEYID_LEN);
    s->room[0] ^= 1;
    s->i.issuer_id = (struct octets){s->room, KEYID_LEN};
}

static void other_curve(struct spoil *s)
{
    s->i.odd = ODD_CURVE;
}

static void off_curve(struct spoil *s)
{
    memcpy(s->room, s->i.point.at, POINT_LEN);
    s->room[POINT_LEN - 1] ^= 1;
    s->i.point = (struct octets){s->room, POINT_LEN};
}

static void compressed(struct spoil *s)
{
    memcpy(s->room, s->i.point.at, 33);
    s->room[0] = (uint8_t)(2 | (s->i.point.at[POINT_LEN - 1] & 1));
    s->i.point = (struct octets){s->room, 33};
}

static void key_id(struct spoil *s)
{
    s->i.odd = ODD_KEY_ID;
}

static void no_policy(struct spoil *s)
{
    s->i.odd = ODD_NO_POLICY;
}

static void no_authority_id(struct spoil *s)
{
    s->i.odd = ODD_NO_AUTHORITY;
}

static void unknown_critical(struct spoil *s)
{
    s->i.odd = ODD_CRITICAL;
}

static void constraints(struct spoil *s)
{
    s->i.odd = ODD_EXPLICIT_CA;
}

static void algorithm(struct spoil *s)
{
    s->i.odd = ODD_ALGORITHM;
}

/* A root of nobody's, for the root cell, and nothing else in the command */
static void foreign_root(struct spoil *s)
{
    s->c.put[0] = *PUT(s);
    s->c.n_put = 1;
    s->target = 0;
    self_signed(s);
    s->i.role = ROLE_ROOT;
    s->i.has_eui = false;
    s->i.usage = usage_bits(USE_CERT);
    s->i.ca = true;
    put_identifier(s, CELL_ROOT);
}

#define CERT (NEED_CELL | NEED_ISSUER)

const struct spoil_row spoil_certs[] = {
    {"(control) newly issued certificate", good, ACCEPTED, 0, CERT, NULL},
    {"(control) broker's certificate stands in", stand_in, ACCEPTED, 0,
     CERT | NEED_STAND_IN, NULL},
    {"(control) expired, time checks disapplied", expired_disapplied, ACCEPTED, 0,
     CERT | ALL_CELLS, NULL},
    {"certificate altered, signed again", cert_signature_bit, ACCEPTED, 5, NEED_CELL,
     "signature of the certificate"},
    {"certificate malformed", cert_malformed, ACCEPTED, 5, NEED_CELL, "certificate DER"},
    {"path certificate missing", path_missing, ACCEPTED, 10,
     NEED_CELL | NEED_PATH | ALL_CELLS, "no issuer leads to the root"},
    {"path certificate altered", path_altered, ACCEPTED, 10,
     NEED_CELL | NEED_PATH | ALL_CELLS, "signature of the certificate"},
    {"cell not held", cell_not_held, ACCEPTED, 127, NEED_CELL, "cell not held"},
    {"cell of no role known", cell_unheard_of, ACCEPTED, 127, NEED_CELL, "no such cell"},
    {"cell not allowed in this mode", cell_not_allowed, ACCEPTED, 127,
     NEED_CELL | NEED_LIMITED, "cell not allowed in this mode"},
    {"key usage of another cell", other_usage, ACCEPTED, 5, CERT,
     "key usage is not the cell's"},
    {"two key usages", both_usages, ACCEPTED, 5, CERT, "key usage is not the cell's"},
    {"certificate of another role", other_role, ACCEPTED, 5, CERT,
     "role is not the cell's"},
    {"certificate without a role", no_role, ACCEPTED, 5, CERT, "role is not the cell's"},
    {"certificate without EUI-64", no_eui, ACCEPTED, 5, CERT,
     "no unique identifier in the subject"},
    {"certificate expired", expired, ACCEPTED, 5, CERT | ALL_CELLS, "out of date"},
    {"certificate not yet valid", not_yet, ACCEPTED, 5, CERT | ALL_CELLS, "out of date"},
    {"signed by a stranger in the issuer's name", stranger_same_name, ACCEPTED, 5, CERT,
     "signature of the certificate"},
    {"issued by a stranger", stranger, ACCEPTED, 10, CERT, "no issuer leads to the root"},
    {"self-signed", self_signed, ACCEPTED, 5, CERT, "authority key identifier"},
    {"issued by another key of the issuer", other_issuer_key, ACCEPTED, 10, CERT,
     "no issuer leads to the root"},
    {"curve not P-256", other_curve, ACCEPTED, 5, CERT, "public key is not a P-256 point"},
    {"point not on the curve", off_curve, ACCEPTED, 5, CERT,
     "public key is not a P-256 point"},
    {"point compressed", compressed, ACCEPTED, 5, CERT, "public key is not a P-256 point"},
    {"subject key identifier wrong", key_id, ACCEPTED, 5, CERT, "subject key identifier"},
    {"no certificate policies", no_policy, ACCEPTED, 5, CERT, "certificate policies"},
    {"no authority key identifier", no_authority_id, ACCEPTED, 5, CERT,
     "authority key identifier"},
    {"unknown critical extension", unknown_critical, ACCEPTED, 5, CERT,
     "unknown critical extension"},
    {"CA certificate in an organisation's cell", constraints, ACCEPTED, 5, CERT,
     "basic constraints on an organisation certificate"},
    {"signature algorithm not SHA-256", algorithm, ACCEPTED, 5, CERT,
     "signature algorithm"},
    {"foreign root by recovery", foreign_root, ACCEPTED, 10, CERT | NEED_MODE_8 | ALL_CELLS,
     "the present root does not vouch for the new one"},
    {"(control) foreign root by contingency", foreign_root, ACCEPTED, 0,
     CERT | NEED_MODE_9 | ALL_CELLS, NULL},
};
const size_t n_spoil_certs = sizeof spoil_certs / sizeof *spoil_certs;
