/* SPDX-License-Identifier: MIT
 *
 * meter_issue.c - see the header.
 */
#include "meter_issue.h"

#include "meter_util.h"

#include <string.h>

static void put_oid_algorithm(struct out *o, bool odd)
{
    uint8_t oid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, odd ? 0x03 : 0x02};
    size_t seq = out_open(o, 0x30);
    out_tlv(o, 0x06, OCTETS(oid));
    out_close(o, seq);
}

static void put_attribute(struct out *o, uint8_t last, unsigned tag, struct octets value)
{
    uint8_t oid[] = {0x55, 0x04, last};
    size_t set = out_open(o, 0x31), seq = out_open(o, 0x30);
    out_tlv(o, 0x06, OCTETS(oid));
    out_tlv(o, tag, value);
    out_close(o, seq);
    out_close(o, set);
}

void name_write(struct out *o, const char *cn, int role, const uint64_t *eui)
{
    if (cn)
        put_attribute(o, 3, 0x0c, (struct octets){(const uint8_t *)cn, strlen(cn)});
    if (role >= 0) {
        char ou[12];
        (void)snprintf(ou, sizeof ou, "%02X", (unsigned)role);
        put_attribute(o, 11, 0x0c, (struct octets){(const uint8_t *)ou, strlen(ou)});
    }
    if (eui) {
        uint8_t bits[9] = {0};
        octets_put_u64(bits + 1, *eui);
        put_attribute(o, 45, 0x03, OCTETS(bits));
    }
}

void spki_write(struct out *o, struct octets point, bool odd_curve)
{
    static const uint8_t ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const uint8_t k256[] = {0x2b, 0x81, 0x04, 0x00, 0x0a};
    size_t all = out_open(o, 0x30), alg = out_open(o, 0x30);
    out_tlv(o, 0x06, OCTETS(ec));
    out_tlv(o, 0x06, odd_curve ? OCTETS(k256) : OCTETS(p256));
    out_close(o, alg);
    size_t bits = out_open(o, 0x03);
    out_octet(o, 0);
    out_put(o, point.at, point.len);
    out_close(o, bits);
    out_close(o, all);
}

static void put_time(struct out *o, const char *t)
{
    if (strncmp(t, "2050", 4) < 0)
        out_tlv(o, 0x17, (struct octets){(const uint8_t *)t + 2, 13});
    else
        out_tlv(o, 0x18, (struct octets){(const uint8_t *)t, 15});
}

struct extension {
    size_t seq, octs;
};

static struct extension open_extension(struct out *o, struct octets oid, bool critical)
{
    static const uint8_t yes[] = {0x01, 0x01, 0xff};
    struct extension e = {.seq = out_open(o, 0x30)};
    out_tlv(o, 0x06, oid);
    if (critical)
        out_put(o, yes, sizeof yes);
    e.octs = out_open(o, 0x04);
    return e;
}

static void close_extension(struct out *o, struct extension e)
{
    out_close(o, e.octs);
    out_close(o, e.seq);
}

static void put_constraints(struct out *o, const struct issue *i)
{
    static const uint8_t oid[] = {0x55, 0x1d, 0x13}, yes[] = {0xff};
    struct extension e = open_extension(o, OCTETS(oid), true);
    size_t seq = out_open(o, 0x30);
    out_tlv(o, 0x01, OCTETS(yes));
    if (i->path_len >= 0)
        out_int(o, 0x02, i->path_len);
    out_close(o, seq);
    close_extension(o, e);
}

/* RFC 5934: ApexContingencyKey */
static void put_wrapped(struct out *o, const struct issue *i)
{
    static const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x14};
    struct out spki = {0}, wrapped = {0};
    spki_write(&spki, i->contingency, false);
    wrap_seal(i->symmetric, out_octets(&spki), &wrapped);
    struct extension e = open_extension(o, OCTETS(oid), false);
    size_t seq = out_open(o, 0x30), alg = out_open(o, 0x30);
    out_tlv(o, 0x06, wrap_algorithm(i->symmetric.len));
    out_close(o, alg);
    out_tlv(o, 0x04, out_octets(&wrapped));
    out_close(o, seq);
    close_extension(o, e);
    out_free(&spki);
    out_free(&wrapped);
}

static void put_extensions(struct out *o, const struct issue *i)
{
    static const uint8_t usage[] = {0x55, 0x1d, 0x0f}, ski[] = {0x55, 0x1d, 0x0e},
                         policies[] = {0x55, 0x1d, 0x20}, aki[] = {0x55, 0x1d, 0x23},
                         unknown[] = {0x55, 0x1d, 0x7e}, nothing[] = {0x05, 0x00};
    /* 1.2.826.0.1.8641679.1.2.1.4: the policy of published test certificates */
    static const uint8_t policy[] = {0x2a, 0x86, 0x3a, 0x00, 0x01, 0x84, 0x8f,
                                     0xb9, 0x0f, 0x01, 0x02, 0x01, 0x04};
    uint8_t id[KEYID_LEN] = {0};
    if (i->point.len == POINT_LEN)
        key_identifier(i->point.at, id);
    id[7] ^= (uint8_t)(i->odd & ODD_KEY_ID ? 1 : 0);

    size_t wrap = out_open(o, 0xa3), list = out_open(o, 0x30);
    struct extension e = open_extension(o, OCTETS(usage), true);
    out_tlv(o, 0x03, i->usage);
    close_extension(o, e);
    if (i->ca || i->odd & ODD_EXPLICIT_CA)
        put_constraints(o, i);
    e = open_extension(o, OCTETS(ski), false);
    out_tlv(o, 0x04, OCTETS(id));
    close_extension(o, e);
    if (!(i->odd & ODD_NO_POLICY)) {
        e = open_extension(o, OCTETS(policies), true);
        size_t all = out_open(o, 0x30), one = out_open(o, 0x30);
        out_tlv(o, 0x06, OCTETS(policy));
        out_close(o, one);
        out_close(o, all);
        close_extension(o, e);
    }
    if (i->issuer.at && !(i->odd & ODD_NO_AUTHORITY)) {
        e = open_extension(o, OCTETS(aki), false);
        size_t seq = out_open(o, 0x30);
        out_tlv(o, 0x80, i->issuer_id);
        out_close(o, seq);
        close_extension(o, e);
    }
    if (i->odd & ODD_CRITICAL) {
        e = open_extension(o, OCTETS(unknown), true);
        out_put(o, nothing, sizeof nothing);
        close_extension(o, e);
    }
    if (i->symmetric.len)
        put_wrapped(o, i);
    out_close(o, list);
    out_close(o, wrap);
}

void cert_issue(const struct issue *i, EVP_PKEY *issuer_key, struct out *der)
{
    struct out subject = {0}, tbs = {0}, sig = {0};
    uint8_t serial[32], digest[32];
    name_write(&subject, i->cn, i->role, i->has_eui ? &i->eui : NULL);

    /* Serial numbers only need to differ: by key, subject and end of validity. */
    out_put(&sig, i->point.at, i->point.len);
    out_put(&sig, subject.at, subject.len);
    out_put(&sig, i->until, 15);
    sha256(out_octets(&sig), serial);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    out_free(&sig);

    size_t all = out_open(&tbs, 0x30), version = out_open(&tbs, 0xa0);
    out_int(&tbs, 0x02, 2);
    out_close(&tbs, version);
    out_tlv(&tbs, 0x02, (struct octets){serial, 16});
    put_oid_algorithm(&tbs, i->odd & ODD_ALGORITHM);
    out_tlv(&tbs, 0x30, i->issuer.at ? i->issuer : out_octets(&subject));
    size_t dates = out_open(&tbs, 0x30);
    put_time(&tbs, i->from);
    put_time(&tbs, i->until);
    out_close(&tbs, dates);
    out_tlv(&tbs, 0x30, out_octets(&subject));
    spki_write(&tbs, i->point, i->odd & ODD_CURVE);
    put_extensions(&tbs, i);
    out_close(&tbs, all);

    sha256(out_octets(&tbs), digest);
    ecdsa_sign_der(issuer_key, digest, &sig);
    all = out_open(der, 0x30);
    out_put(der, tbs.at, tbs.len);
    put_oid_algorithm(der, i->odd & ODD_ALGORITHM);
    size_t bits = out_open(der, 0x03);
    out_octet(der, 0);
    out_put(der, sig.at, sig.len);
    out_close(der, bits);
    out_close(der, all);
    out_free(&subject);
    out_free(&tbs);
    out_free(&sig);
}
