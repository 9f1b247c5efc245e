/* SPDX-License-Identifier: MIT
 *
 * meter_cert.c - reading certificates, field by field, with the meter's own DER reader, and
 * the pool that keeps them. Judging is in meter_chain.c.
 */
#include "meter_cert.h"

#include "meter_chain.h"

#include <openssl/pem.h>
#include <string.h>

static const uint8_t oid_ecdsa_sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t oid_ec_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
static const uint8_t oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t oid_ou[] = {0x55, 0x04, 0x0b};
static const uint8_t oid_unique[] = {0x55, 0x04, 0x2d};
static const uint8_t oid_wrapped[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x14};

static bool take(struct octets *rest, unsigned tag, struct tlv *out)
{
    return tlv_take(rest, tag, out) == TLV_OK;
}

/* AlgorithmIdentifier with exactly that OID and no parameters */
static bool is_ecdsa_sha256(struct octets body)
{
    struct tlv oid;
    return take(&body, 0x06, &oid) && octets_same(oid.body, OCTETS(oid_ecdsa_sha256)) &&
           body.len == 0;
}

bool spki_point(struct octets der, uint8_t point[POINT_LEN])
{
    struct tlv spki, alg, oid, curve, bits;
    if (!take(&der, 0x30, &spki) || der.len || !take(&spki.body, 0x30, &alg) ||
        !take(&spki.body, 0x03, &bits) || spki.body.len)
        return false;
    if (!take(&alg.body, 0x06, &oid) || !take(&alg.body, 0x06, &curve) || alg.body.len)
        return false;
    if (!octets_same(oid.body, OCTETS(oid_ec_key)) ||
        !octets_same(curve.body, OCTETS(oid_p256)))
        return false;
    if (bits.body.len != 1 + POINT_LEN || bits.body.at[0] != 0 || bits.body.at[1] != 4)
        return false;
    return point_expand((struct octets){bits.body.at + 1, POINT_LEN}, point);
}

static bool read_time(struct octets *rest, char out[TIME_LEN])
{
    struct tlv t;
    if (tlv_next(rest, &t) != TLV_OK)
        return false;
    if (t.tag == 0x17 && t.body.len == 13)
        (void)snprintf(out, TIME_LEN, "%s%.13s", t.body.at[0] < '5' ? "20" : "19",
                       (const char *)t.body.at);
    else if (t.tag == 0x18 && t.body.len == 15)
        (void)snprintf(out, TIME_LEN, "%.15s", (const char *)t.body.at);
    else
        return false;
    return strlen(out) == 15 && time_wellformed(out);
}

static int hex_upper(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Subject: OU is the role as two upper-case hexadecimal digits, the EUI-64 an
 * x500UniqueIdentifier BIT STRING. */
static bool read_subject(struct octets name, struct cert *c)
{
    while (name.len) {
        struct tlv set, pair, oid, value;
        if (!take(&name, 0x31, &set) || !take(&set.body, 0x30, &pair) ||
            !take(&pair.body, 0x06, &oid) || tlv_next(&pair.body, &value) != TLV_OK ||
            pair.body.len)
            return false;
        if (octets_same(oid.body, OCTETS(oid_ou))) {
            if (value.body.len != 2 || hex_upper(value.body.at[0]) < 0 ||
                hex_upper(value.body.at[1]) < 0)
                continue; /* an OU, but not a role: the profile will miss it */
            c->role = hex_upper(value.body.at[0]) * 16 + hex_upper(value.body.at[1]);
        } else if (octets_same(oid.body, OCTETS(oid_unique))) {
            if (value.tag != 0x03 || value.body.len != 9 || value.body.at[0] != 0)
                return false;
            c->has_eui = true;
            c->eui = octets_u64(value.body.at + 1);
        }
    }
    return true;
}

static bool read_constraints(struct octets v, struct cert *c)
{
    struct tlv seq, flag, len;
    if (!take(&v, 0x30, &seq) || v.len)
        return false;
    c->has_constraints = true;
    if (tlv_is(seq.body, 0x01)) {
        if (!take(&seq.body, 0x01, &flag) || flag.body.len != 1 || flag.body.at[0] != 0xff)
            return false;
        c->ca = true;
    }
    if (tlv_is(seq.body, 0x02) &&
        (!take(&seq.body, 0x02, &len) || tlv_int(len.body, &c->path_len) != TLV_OK))
        return false;
    return seq.body.len == 0;
}

static bool read_wrapped(struct octets v, struct cert *c)
{
    struct tlv seq, alg, oid, octs;
    if (!take(&v, 0x30, &seq) || v.len || !take(&seq.body, 0x30, &alg) ||
        !take(&alg.body, 0x06, &oid) || !take(&seq.body, 0x04, &octs) || seq.body.len)
        return false;
    c->wrap_oid = oid.body;
    c->wrapped = octs.body;
    return true;
}

static bool read_extension(struct octets ext, struct cert *c)
{
    struct tlv oid, flag, octs, inner;
    bool critical = false;
    if (!take(&ext, 0x06, &oid))
        return false;
    if (tlv_is(ext, 0x01)) {
        if (!take(&ext, 0x01, &flag) || flag.body.len != 1 || flag.body.at[0] != 0xff)
            return false;
        critical = true;
    }
    if (!take(&ext, 0x04, &octs) || ext.len)
        return false;

    struct octets v = octs.body;
    if (octets_same(oid.body, OCTETS(oid_wrapped)))
        return read_wrapped(v, c);
    unsigned which = oid.body.len == 3 && oid.body.at[0] == 0x55 && oid.body.at[1] == 0x1d
                         ? oid.body.at[2]
                         : 0;
    switch (which) {
    case 15:
        c->usage_critical = critical;
        if (!take(&v, 0x03, &inner) || v.len)
            return false;
        c->usage = inner.body;
        return true;
    case 14:
        c->ski_critical = critical;
        if (!take(&v, 0x04, &inner) || v.len)
            return false;
        c->ski = inner.body;
        return true;
    case 32:
        c->policies_critical = critical;
        if (!take(&v, 0x30, &inner) || v.len)
            return false;
        c->has_policies = inner.body.len > 0;
        return true;
    case 35:
        c->aki_critical = critical;
        if (!take(&v, 0x30, &inner) || v.len)
            return false;
        struct tlv id;
        if (!take(&inner.body, 0x80, &id))
            return false;
        c->aki = id.body;
        c->aki_plain = inner.body.len == 0;
        return true;
    case 19:
        return read_constraints(v, c);
    default:
        c->unknown_critical |= critical;
        return true;
    }
}

/* NULL, or what is malformed */
static const char *read_cert(struct cert *c)
{
    struct octets rest = c->der;
    struct tlv all, tbs, version, serial, alg, issuer, dates, subject, spki, wrap, list,
        sig;
    int64_t number;

    if (!take(&rest, 0x30, &all) || rest.len)
        return "certificate DER";
    struct octets body = all.body;
    if (!take(&body, 0x30, &tbs) || !take(&body, 0x30, &alg) || !take(&body, 0x03, &sig) ||
        body.len)
        return "certificate DER";
    if (!is_ecdsa_sha256(alg.body))
        return "signature algorithm";
    if (sig.body.len < 9 || sig.body.at[0] != 0)
        return "signature value";
    c->tbs = tbs.raw;
    c->signature = (struct octets){sig.body.at + 1, sig.body.len - 1};

    body = tbs.body;
    if (!take(&body, 0xa0, &wrap) || !take(&wrap.body, 0x02, &version) ||
        tlv_int(version.body, &number) != TLV_OK || number != 2)
        return "version";
    if (!take(&body, 0x02, &serial) || serial.body.len == 0 || serial.body.len > 20 ||
        (serial.body.at[0] & 0x80) ||
        (serial.body.len > 1 && serial.body.at[0] == 0 && !(serial.body.at[1] & 0x80)))
        return "serial number";
    if (!take(&body, 0x30, &alg) || !is_ecdsa_sha256(alg.body))
        return "signature algorithm";
    if (!take(&body, 0x30, &issuer) || !take(&body, 0x30, &dates) ||
        !read_time(&dates.body, c->not_before) || !read_time(&dates.body, c->not_after) ||
        dates.body.len)
        return "validity";
    if (!take(&body, 0x30, &subject) || !read_subject(subject.body, c))
        return "subject";
    c->issuer = issuer.body;
    c->subject = subject.body;
    if (!take(&body, 0x30, &spki))
        return "public key";
    if (spki_point(spki.raw, c->point)) {
        c->key = key_public(OCTETS(c->point));
        key_identifier(c->point, c->key_id);
    }
    if (!take(&body, 0xa3, &wrap) || !take(&wrap.body, 0x30, &list) || wrap.body.len ||
        body.len)
        return "extensions";
    while (list.body.len) {
        struct tlv ext;
        if (!take(&list.body, 0x30, &ext) || !read_extension(ext.body, c))
            return "extension";
    }
    return NULL;
}

void pool_init(struct pool *p)
{
    *p = (struct pool){.n = 1, .cap = 64, .n_slots = 256};
    p->at = must_zero(p->cap, sizeof *p->at);
    p->slots = must_zero(p->n_slots, sizeof *p->slots);
}

void pool_done(struct pool *p)
{
    for (size_t i = 1; i < p->n; i++) {
        EVP_PKEY_free(p->at[i]->key);
        free(p->at[i]);
    }
    free(p->at);
    free(p->slots);
    free(p->verdicts);
    *p = (struct pool){0};
}

static uint32_t *pool_slot(struct pool *p, const uint8_t digest[32])
{
    size_t i = (size_t)octets_u64(digest) & (p->n_slots - 1);
    while (p->slots[i] && memcmp(p->at[p->slots[i]]->digest, digest, 32) != 0)
        i = (i + 1) & (p->n_slots - 1);
    return &p->slots[i];
}

uint32_t pool_add(struct pool *p, struct octets der)
{
    uint8_t digest[32];
    sha256(der, digest);
    uint32_t *slot = pool_slot(p, digest);
    if (*slot)
        return *slot;

    if (p->n == UINT32_MAX)
        die(2, "too many certificates");
    if (p->n == p->cap) {
        p->cap *= 2;
        p->at = must_realloc(p->at, p->cap * sizeof(*p->at));
    }
    struct cert *c = must_zero(1, sizeof *c + der.len);
    uint8_t *copy = (uint8_t *)(c + 1);
    memcpy(copy, der.at, der.len);
    memcpy(c->digest, digest, sizeof digest);
    c->der = (struct octets){copy, der.len};
    c->role = -1;
    c->path_len = -1;
    c->malformed = read_cert(c);
    uint32_t number = (uint32_t)p->n;
    p->at[p->n++] = c;
    *slot = number;

    if (p->n * 2 > p->n_slots) {
        free(p->slots);
        p->n_slots *= 2;
        p->slots = must_zero(p->n_slots, sizeof *p->slots);
        for (size_t i = 1; i < p->n; i++)
            *pool_slot(p, p->at[i]->digest) = (uint32_t)i;
    }
    return number;
}

uint32_t pool_add_file(struct pool *p, const char *path)
{
    size_t len;
    uint8_t *text = file_read(path, &len);
    uint32_t number;
    if (len && text[0] == 0x30) {
        number = pool_add(p, (struct octets){text, len});
    } else {
        BIO *bio = BIO_new_mem_buf(text, len > INT32_MAX ? 0 : (int)len);
        char *name = NULL, *header = NULL;
        unsigned char *data = NULL;
        long n = 0;
        if (!bio || PEM_read_bio(bio, &name, &header, &data, &n) != 1 ||
            strcmp(name, "CERTIFICATE") != 0)
            die(2, "%s: no certificate, neither PEM nor DER", path);
        number = pool_add(p, (struct octets){data, (size_t)n});
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
        BIO_free(bio);
    }
    free(text);
    if (p->at[number]->malformed)
        die(2, "%s: malformed certificate: %s", path, p->at[number]->malformed);
    return number;
}
