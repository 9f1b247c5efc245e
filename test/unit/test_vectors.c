/* SPDX-License-Identifier: MIT
 *
 * Known answers: every value of the published vectors, each with its origin in the README
 * beside them. Each value read is marked; a value that no test has read is a failure, so
 * that a vector added later cannot lie unused.
 */
#include "asn1.h"
#include "cs02b.h"
#include "mac.h"
#include "octets_kit.h"
#include "response.h"

#include <openssl/sha.h>
#include <stdio.h>

#define VALUES_MAX 400

/* The directory's files as name = value, by file and section. */
static struct value {
    const char *file;
    char *section, *name, *text;
    bool used;
} values[VALUES_MAX];
static size_t n_values;

static const char *const files[] = {
    "der-cell-identifiers.txt",
    "gbcs-18.4-critical-command.txt",
    "gbcs-18.4-noncritical-command.txt",
    "gbcs-18.4-noncritical-response.txt",
    "gcm.txt",
    "kdf.txt",
    "key-identifier.txt",
    "rtds-cs02b-method1.txt",
    "rtds-other-messages.txt",
};

static void add(const char *file, const char *section, const char *name, const char *text)
{
    struct value *v;

    if (n_values == VALUES_MAX)
        abort(); /* make room for new vectors */
    v = &values[n_values++];
    v->file = file;
    v->section = strdup(section);
    v->name = strdup(name);
    v->text = strdup(text);
}

static bool load_file(const char *dir, const char *file)
{
    AUTO(mem) char *path = NULL;
    AUTO(mem) char *line = NULL;
    char section[128] = "";
    size_t cap = 0;
    FILE *f;

    if (asprintf(&path, "%s/%s", dir, file) < 0 || (f = fopen(path, "r")) == NULL)
        return false;
    while (getline(&line, &cap, f) > 0) {
        char *eq = strstr(line, " =");
        char *text;

        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (line[0] == '[') {
            (void)snprintf(section, sizeof section, "%.*s", (int)strcspn(line + 1, "]"),
                           line + 1);
            continue;
        }
        text = eq != NULL ? eq + 2 : strchr(line, ' '); /* key-identifier: two columns */
        if (text == NULL)
            continue;
        *(eq != NULL ? eq : text) = '\0';
        if (eq == NULL)
            text++;
        text += strspn(text, " ");
        if (strcmp(line, "source") != 0)
            add(file, section, line, text);
    }
    (void)fclose(f);
    return true;
}

static const char *text_of(const char *file, const char *section, const char *name)
{
    for (size_t i = 0; i < n_values; i++)
        if (strcmp(values[i].file, file) == 0 && strcmp(values[i].section, section) == 0 &&
            strcmp(values[i].name, name) == 0) {
            values[i].used = true;
            return values[i].text;
        }
    return NULL;
}

static struct span hex_of(const char *file, const char *section, const char *name)
{
    const char *text = text_of(file, section, name);

    ck_assert_msg(text != NULL, "%s [%s] has no %s", file, section, name);
    return unhex(text);
}

/* Compare with the named value. */
static void same(const char *file, const char *section, const char *name, struct span got)
{
    struct span want = hex_of(file, section, name);

    ck_assert_octets(got, want);
    span_free(want);
}

static void expect_eui(const char *file, const char *section, const char *name,
                       const struct eui64 *got)
{
    same(file, section, name, span_of(got->b, sizeof got->b));
}

/* x-coordinate of private times public. */
static struct mac_secret agree(struct span private, struct span public)
{
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = EC_POINT_new(g);
    BIGNUM *d = BN_bin2bn(private.at, (int)private.len, NULL);
    BIGNUM *x = BN_new();
    uint8_t point[65] = {4};
    struct mac_secret z;

    memcpy(point + 1, public.at, 64);
    ck_assert_int_eq(EC_POINT_oct2point(g, p, point, sizeof point, NULL), 1);
    ck_assert_int_eq(EC_POINT_mul(g, p, NULL, p, d, NULL), 1);
    ck_assert_int_eq(EC_POINT_get_affine_coordinates(g, p, x, NULL, NULL), 1);
    ck_assert_int_eq(BN_bn2binpad(x, z.b, sizeof z.b), sizeof z.b);
    BN_free(x);
    BN_free(d);
    EC_POINT_free(p);
    EC_GROUP_free(g);
    return z;
}

/* Parts of a message that every block names alike. */
struct parts {
    struct message m;
    struct span octets;
    struct span inner; /* DF to the end of the signature field */
    size_t mac_header;
};

static void take_apart(const char *file, const char *section, struct parts *p)
{
    struct err e = {0};
    bool mac;

    p->octets = hex_of(file, section, "message");
    ck_assert_msg(message_decode(p->octets, &p->m, &e), "%s", e.text);
    mac = p->octets.at[0] == 0xDD;
    p->mac_header = (size_t)(p->m.signed_octets.at - p->octets.at) - 1;
    p->inner = span_of(p->octets.at + p->mac_header,
                       p->octets.len - p->mac_header - (mac ? MAC_LEN : 0));
    if (text_of(file, section, "mac_header") != NULL)
        same(file, section, "mac_header", span_of(p->octets.at, p->mac_header));
    if (text_of(file, section, "grouping_header") != NULL)
        same(file, section, "grouping_header",
             span_of(p->inner.at, (size_t)(p->m.payload.at - p->inner.at)));
    if (text_of(file, section, "payload") != NULL)
        same(file, section, "payload", p->m.payload);
    if (text_of(file, section, "signature_length_octet") != NULL)
        same(file, section, "signature_length_octet",
             span_of(p->m.payload.at + p->m.payload.len, 1));
    if (text_of(file, section, "signature_r_s") != NULL)
        same(file, section, "signature_r_s", span_of(p->m.sig.b, 64));
}

static void put_away(struct parts *p)
{
    message_done(&p->m);
    span_free(p->octets);
}

/* Z to key, additional data, tag, wrapped message. */
static void check_mac(const char *file, const char *section, struct parts *p)
{
    struct span z = hex_of(file, section, "Z");
    struct mac_secret secret;
    struct mac_key key;
    struct err e = {0};
    uint8_t other_info[MAC_OTHER_INFO], tag[MAC_LEN];
    uint8_t iv[12] = {0};
    uint8_t *aad = calloc(1, 6 + p->inner.len);
    uint8_t *whole = malloc(mac_command_len(p->inner.len));

    memcpy(secret.b, z.at, sizeof secret.b);
    mac_other_info(&p->m.originator, (uint8_t)p->m.kind, p->m.counter, &p->m.recipient,
                   other_info);
    same(file, section, "OtherInfo", span_of(other_info, sizeof other_info));
    ck_assert_msg(mac_key_for(p->inner, &secret, &key, &e), "%s", e.text);
    same(file, section, "derived_key", span_of(key.b, sizeof key.b));
    memcpy(iv, p->m.originator.b, sizeof p->m.originator.b);
    same(file, section, "IV", span_of(iv, sizeof iv));
    aad[0] = 0x11;
    memcpy(aad + 6, p->inner.at, p->inner.len);
    same(file, section, "AAD", span_of(aad, 6 + p->inner.len));
    ck_assert(mac_tag(p->inner, &key, tag, &e));
    same(file, section, "MAC_12", span_of(tag, sizeof tag));
    if (text_of(file, section, "full_tag_16") != NULL) {
        struct span full = hex_of(file, section, "full_tag_16");

        ck_assert_uint_eq(full.len, 16);
        ck_assert_octets(span_of(full.at, MAC_LEN), span_of(tag, MAC_LEN));
        span_free(full);
    }
    ck_assert(mac_wrap(p->inner, tag, whole, &e));
    ck_assert_octets(span_of(whole, mac_command_len(p->inner.len)), p->octets);
    round_trip(p->octets, span_of(key.b, sizeof key.b));

    for (size_t i = 0; i < p->inner.len; i++) { /* no octet is outside the MAC */
        uint8_t other[MAC_LEN];

        aad[6 + i] ^= 1;
        if (mac_tag(span_of(aad + 6, p->inner.len), &key, other, &e))
            ck_assert_mem_ne(other, tag, sizeof tag);
        aad[6 + i] ^= 1;
    }
    free(whole);
    free(aad);
    span_free(z);
}

/* The signature holds, and holds no more when any octet of what it covers changes. */
static void check_signature(EVP_PKEY *key, const struct message *m)
{
    struct span s = m->signed_octets;
    uint8_t *copy = malloc(s.len);

    ck_assert(signature_good(key, s, &m->sig));
    memcpy(copy, s.at, s.len);
    for (size_t i = 0; i < s.len; i += 1 + s.len / 40) {
        copy[i] ^= 0x10;
        ck_assert(!signature_good(key, span_of(copy, s.len), &m->sig));
        copy[i] ^= 0x10;
    }
    free(copy);
}

START_TEST(critical_command_of_section_18_4)
{
    const char *f = "gbcs-18.4-critical-command.txt";
    struct span private = hex_of(f, "", "supplierA_ds_private");
    struct span public = hex_of(f, "", "supplierA_ds_public_xy");
    struct span acb = hex_of(f, "", "acb_ka_private");
    struct span device = hex_of(f, "", "deviceA_ka_public_xy");
    struct span device_ds = hex_of(f, "", "deviceA_ds_public_xy");
    EVP_PKEY *signer = key_of_point(public), *other = key_of_point(device_ds);
    struct mac_secret z = agree(acb, device);
    struct parts p;
    struct digest d;
    uint8_t counter[8];
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *q = EC_POINT_new(g);
    BIGNUM *k = BN_bin2bn(private.at, 32, NULL);
    uint8_t point[65];

    take_apart(f, "", &p);
    expect_eui(f, "", "originator_eui64", &p.m.originator);
    expect_eui(f, "", "recipient_eui64", &p.m.recipient);
    put_be64(counter, p.m.counter);
    same(f, "", "originator_counter", span_of(counter, sizeof counter));
    same(f, "", "signed_octets", p.m.signed_octets);
    d = digest_of(p.m.signed_octets, span_of(NULL, 0));
    same(f, "", "sha256_of_signed_octets", span_of(d.b, sizeof d.b));
    same(f, "", "Z", span_of(z.b, sizeof z.b));
    ck_assert_int_eq(EC_POINT_mul(g, q, k, NULL, NULL, NULL), 1);
    ck_assert_uint_eq(
        EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL),
        sizeof point);
    ck_assert_octets(span_of(point + 1, 64), public);
    check_signature(signer, &p.m);
    ck_assert(!signature_good(other, p.m.signed_octets, &p.m.sig));
    check_mac(f, "", &p);
    put_away(&p);
    BN_free(k);
    EC_POINT_free(q);
    EC_GROUP_free(g);
    EVP_PKEY_free(signer);
    EVP_PKEY_free(other);
    span_free(private);
    span_free(public);
    span_free(acb);
    span_free(device);
    span_free(device_ds);
}
END_TEST

START_TEST(non_critical_messages_of_section_18_4)
{
    static const struct {
        const char *file, *private;
    } cases[] = {
        {"gbcs-18.4-noncritical-command.txt", "acb_ka_private"},
        {"gbcs-18.4-noncritical-response.txt", "supplierA_ka_private"},
    };
    struct span private = hex_of(cases[_i].file, "", cases[_i].private);
    struct span device = hex_of(cases[_i].file, "", "deviceA_ka_public_xy");
    struct mac_secret z = agree(private, device);
    struct parts p;

    take_apart(cases[_i].file, "", &p);
    ck_assert_int_eq(p.m.form, FORM_MAC);
    same(cases[_i].file, "", "Z", span_of(z.b, sizeof z.b));
    check_mac(cases[_i].file, "", &p);
    put_away(&p);
    span_free(private);
    span_free(device);
}
END_TEST

START_TEST(key_derivation)
{
    static const char *const sections[] = {
        "command: ACB key agreement key x device",
        "response: known remote party x device",
        "alert: known remote party x device",
    };
    const char *f = "kdf.txt", *s = sections[_i];
    struct span z = hex_of(f, s, "Z"), cra = hex_of(f, s, "cra_flag");
    struct span originator = hex_of(f, s, "originator"),
                recipient = hex_of(f, s, "recipient");
    struct span counter = hex_of(f, s, "originator_counter");
    struct span party = hex_of(f, s, "ka_public_remote_party");
    struct span device = hex_of(f, s, "ka_public_device");
    uint8_t other_info[MAC_OTHER_INFO];
    struct eui64 from, to;
    struct mac_secret secret;
    struct mac_key key;
    struct err e = {0};

    EVP_PKEY_free(key_of_point(party)); /* no private key is published: on the curve */
    EVP_PKEY_free(key_of_point(device));
    memcpy(secret.b, z.at, sizeof secret.b);
    memcpy(from.b, originator.at, sizeof from.b);
    memcpy(to.b, recipient.at, sizeof to.b);
    mac_other_info(&from, cra.at[0], get_be64(counter.at), &to, other_info);
    same(f, s, "OtherInfo", span_of(other_info, sizeof other_info));
    ck_assert(mac_derive(&secret, other_info, &key, &e));
    same(f, s, "derived_key", span_of(key.b, sizeof key.b));
    other_info[_i] ^= 1;
    ck_assert(mac_derive(&secret, other_info, &key, &e));
    ck_assert(!span_equal(span_of(key.b, sizeof key.b), z));
    span_free(z);
    span_free(cra);
    span_free(originator);
    span_free(recipient);
    span_free(counter);
    span_free(party);
    span_free(device);
}
END_TEST

START_TEST(gcm_with_a_tag_of_twelve_octets)
{
    static const char *const sections[] = {
        "aad only (GMAC)",
        "aad and plaintext",
        "NIST GCM example with 12-octet tag",
    };
    const char *f = "gcm.txt", *s = sections[_i];
    struct span key = hex_of(f, s, "key"), iv = hex_of(f, s, "iv");
    struct span aad = hex_of(f, s, "aad"), plain = hex_of(f, s, "plaintext");
    uint8_t cipher[128], tag[MAC_LEN];
    struct mac_key k;
    struct err e = {0};

    memcpy(k.b, key.at, sizeof k.b);
    ck_assert(mac_gcm(&k, iv.at, span_of(aad.at, 3), span_of(aad.at + 3, aad.len - 3),
                      plain, cipher, tag, &e));
    same(f, s, "ciphertext", span_of(cipher, plain.len));
    same(f, s, "tag_12", span_of(tag, sizeof tag));
    span_free(key);
    span_free(iv);
    span_free(aad);
    span_free(plain);
}
END_TEST

START_TEST(messages_of_other_use_cases)
{
    static const char *const sections[] = {
        "CS06_11.3_IMMEDIATE_SUCCESS_COMMAND",
        "CS06_11.3_IMMEDIATE_SUCCESS_RESPONSE",
        "CS06_11.3_FUTURE_DATED_SUCCESS_COMMAND",
        "CS06_11.3_FUTURE_DATED_SUCCESS_RESPONSE",
        "CS06_11.3_8F66_FUTURE_DATED_SUCCESS_ALERT",
        "CS02c_6.17_SUCCESS_COMMAND",
    };
    const char *f = "rtds-other-messages.txt", *s = sections[_i];
    struct span point = hex_of(f, s, "signer_public_point");
    EVP_PKEY *signer = key_of_point(point);
    struct parts p;

    take_apart(f, s, &p);
    ck_assert_int_eq(p.m.payload_kind, PAYLOAD_RAW);
    check_signature(signer, &p.m);
    if (text_of(f, s, "Z") != NULL)
        check_mac(f, s, &p);
    else
        round_trip(p.octets, span_of(NULL, 0));
    put_away(&p);
    EVP_PKEY_free(signer);
    span_free(point);
}
END_TEST

START_TEST(key_identifiers_by_method_2)
{
    size_t n = 0;

    for (size_t i = 0; i < n_values; i++) {
        struct span point, id;
        uint8_t sha[SHA_DIGEST_LENGTH];

        if (strcmp(values[i].file, "key-identifier.txt") != 0)
            continue;
        values[i].used = true;
        point = unhex(values[i].name);
        id = unhex(values[i].text);
        EVP_PKEY_free(key_of_point(point));
        ck_assert_int_eq(EVP_Digest(point.at, point.len, sha, NULL, EVP_sha1(), NULL), 1);
        sha[12] = (uint8_t)(0x40 | (sha[12] & 0x0F));
        ck_assert_octets(span_of(sha + 12, 8), id);
        span_free(point);
        span_free(id);
        n++;
    }
    ck_assert_uint_ge(n, 16);
}
END_TEST

START_TEST(every_cell_identifier)
{
    /* The file is older than the load controller, whose two cells test_gbcs knows. */
    for (unsigned c = 0; c < CELL_LOAD_DS; c++) {
        const struct cell_row *row = gbcs_cell((enum cell)c);
        struct payload_cell b = payload_cell((enum cell)c);
        AUTO(mem) char *name = NULL;
        const char *text;
        char hex[64];
        struct span want;
        union payload query = {.query = {.auth_cell = b, .n_roles = 1}};
        ASN1_VALUE *der = NULL;
        unsigned char *out = NULL;
        struct err e;
        int len;

        ck_assert(asprintf(&name, "%s %s %s", gbcs_role_name(row->role),
                           gbcs_usage_name(row->usage),
                           row->prepayment ? "prepaymentTopUp" : "management") > 0);
        text = text_of("der-cell-identifiers.txt", "", name);
        ck_assert_msg(text != NULL, "no vector for %s", name);
        (void)snprintf(hex, sizeof hex, "%.*s", (int)strcspn(text, " "), text);
        want = unhex(hex);
        /* It is what a query begins with, behind tag and length. */
        ck_assert(payload_write(PAYLOAD_QUERY, &query, &der, &e));
        len = ASN1_item_i2d(der, &out, payload_item(PAYLOAD_QUERY));
        ck_assert_int_gt(len, 2 + (int)want.len);
        ck_assert_octets(span_of(out + 2, want.len), want);
        OPENSSL_free(out);
        ASN1_item_free(der, payload_item(PAYLOAD_QUERY));
        span_free(want);
    }
}
END_TEST

/* ---- CS02b, modes 2 and 3 ---- */

static void check_header(const char *s, const struct message *m)
{
    const char *f = "rtds-cs02b-method1.txt";
    uint8_t code[2];

    ck_assert_str_eq(text_of(f, s, "cra"), message_kind_name(m->kind));
    put_be16(code, m->code);
    same(f, s, "message_code", span_of(code, sizeof code));
    expect_eui(f, s, "originator", &m->originator);
    expect_eui(f, s, "recipient", &m->recipient);
    ck_assert_uint_eq(m->counter, strtoull(text_of(f, s, "gh_counter"), NULL, 10));
}

/* The key among the published ones that made a signature. */
static bool signed_by_a_published_key(const struct message *m)
{
    bool found = false;

    for (size_t i = 0; i < n_values && !found; i++) {
        struct span point;
        EVP_PKEY *key;

        if (strcmp(values[i].file, "key-identifier.txt") == 0)
            point = unhex(values[i].name);
        else if (strcmp(values[i].name, "signer_public_point") == 0)
            point = unhex(values[i].text);
        else
            continue;
        key = key_of_point(point);
        found = signature_good(key, m->signed_octets, &m->sig);
        if (found)
            check_signature(key, m);
        EVP_PKEY_free(key);
        span_free(point);
    }
    return found;
}

static struct cs02b_recipe recipe_of(const struct message *m)
{
    const struct payload_update *u = &m->body.update;
    struct cs02b_recipe r = {
        .mode = (enum mode)u->mode,
        .originator = m->originator,
        .disapply_time = u->disapply_time,
        .omit_auth_cell = !u->has_auth_cell,
        .has_floor = u->has_floor,
        .floor = u->floor,
        .has_topup_floor = u->topups.present,
        .topup_floor = u->topups.at[0].floor,
        .n_others = u->n_changes,
        .n_replacements = u->n_replacements,
        .n_path = u->n_path,
    };

    for (size_t i = 0; i < u->n_changes; i++)
        r.others[i] = (struct cs02b_floor){
            (enum role)u->changes[i].role, u->changes[i].floor,
            u->changes[i].topups.present, u->changes[i].topups.at[0].floor};
    for (size_t i = 0; i < u->n_replacements; i++) {
        size_t to = u->n_replacements - 1 - i; /* the order is the encoder's business */

        ck_assert(payload_cell_find(&u->replacements[i].cell, &r.replacements[to].cell));
        r.replacements[to].der = u->replacements[i].certificate;
    }
    memcpy(r.path, u->path, sizeof u->path[0] * u->n_path);
    memcpy(r.execution_time, u->execution_time, sizeof r.execution_time);
    return r;
}

START_TEST(update_command_is_rebuilt_from_its_values)
{
    static const char *const sections[] = {
        "cs02bsupplierbysupplier_6.15.1_immediate_success_command",
        "cs02bnobyno_6.15.1_success_command",
    };
    const char *f = "rtds-cs02b-method1.txt", *s = sections[_i];
    struct span key_octets = hex_of(f, s, "mac_key");
    struct cs02b_template *t = NULL;
    struct cs02b_recipe r;
    struct mac_key key;
    struct err e = {0};
    struct parts p;
    struct digest d, want;
    uint8_t *whole, tag[MAC_LEN];
    struct span inner;

    take_apart(f, s, &p);
    check_header(s, &p.m);
    ck_assert_int_eq(p.m.form, FORM_SIGNED_MAC);
    ck_assert_int_eq(p.m.payload_kind, PAYLOAD_UPDATE);
    ck_assert(p.m.consistent);
    ck_assert(signed_by_a_published_key(&p.m));
    memcpy(key.b, key_octets.at, sizeof key.b);

    r = recipe_of(&p.m);
    ck_assert_msg(cs02b_template_new(&r, &t, &e), "%s", e.text);
    d = cs02b_digest(t, &p.m.recipient, p.m.counter);
    want = digest_of(p.m.signed_octets, span_of(NULL, 0));
    ck_assert(digest_equal(&d, &want));
    inner = cs02b_command(t, &p.m.recipient, p.m.counter, &p.m.sig);
    whole = malloc(mac_command_len(inner.len));
    ck_assert(mac_tag(inner, &key, tag, &e));
    ck_assert(mac_wrap(inner, tag, whole, &e));
    ck_assert_octets(span_of(whole, mac_command_len(inner.len)), p.octets);
    free(whole);
    cs02b_template_free(t);

    round_trip(p.octets, span_of(NULL, 0));
    round_trip(p.octets, key_octets);
    put_away(&p);
    span_free(key_octets);
}
END_TEST

START_TEST(update_response_is_read)
{
    static const struct {
        const char *section;
        size_t n;
        enum cell cells[3];
    } cases[] = {
        {"cs02bsupplierbysupplier_6.15.1_immediate_success_response",
         3,
         {CELL_SUPPLIER_DS, CELL_SUPPLIER_KA, CELL_SUPPLIER_PP}},
        {"cs02bnobyno_6.15.1_success_response", 2, {CELL_NETWORK_DS, CELL_NETWORK_KA, 0}},
    };
    const char *s = cases[_i].section;
    struct response r;
    struct err e = {0};
    struct parts p;
    uint32_t seen = 0;

    take_apart("rtds-cs02b-method1.txt", s, &p);
    check_header(s, &p.m);
    ck_assert_str_eq(text_of("rtds-cs02b-method1.txt", s, "mac_key"), "-");
    ck_assert(signed_by_a_published_key(&p.m));
    round_trip(p.octets, span_of(NULL, 0));
    ck_assert_msg(response_read(p.octets, &r, &e), "%s", e.text);
    ck_assert_int_eq(r.kind, RESPONSE_EXECUTED);
    ck_assert_uint_eq(r.n_outcomes, cases[_i].n);
    for (size_t i = 0; i < r.n_outcomes; i++) {
        ck_assert(r.outcomes[i].known && r.outcomes[i].has_old && r.outcomes[i].has_new);
        ck_assert_uint_eq(r.outcomes[i].status, 0);
        seen |= CELL_BIT(r.outcomes[i].cell);
    }
    for (size_t i = 0; i < cases[_i].n; i++)
        ck_assert_uint_ne(seen & CELL_BIT(cases[_i].cells[i]), 0);
    ck_assert(r.lenient);
    put_away(&p);
}
END_TEST

/* Whatever is still accepted after one octet changed must come out as it went in. */
START_TEST(changed_octet_is_refused_or_kept)
{
    size_t refused = 0, kept = 0;

    for (size_t i = 0; i < n_values; i++) {
        struct span s;
        uint8_t *copy;

        if (strcmp(values[i].name, "message") != 0)
            continue;
        s = unhex(values[i].text);
        ck_assert_uint_gt(s.len, 0);
        copy = malloc(s.len);
        memcpy(copy, s.at, s.len);
        for (size_t k = 0; k < s.len; k++) {
            struct message m;
            struct err e = {0};

            copy[k] = (uint8_t)(copy[k] + 1 + k % 255);
            if (message_decode(span_of(copy, s.len), &m, &e)) {
                message_done(&m);
                if (k % 7 == 0 || s.len < 400)
                    round_trip(span_of(copy, s.len), span_of(NULL, 0));
                kept++;
            } else {
                ck_assert_int_eq(e.code, ERR_INPUT);
                ck_assert_int_eq(strncmp(e.id, "message.", 8), 0);
                refused++;
            }
            copy[k] = s.at[k];
        }
        free(copy);
        span_free(s);
    }
    ck_assert_uint_gt(kept, 1000);
    ck_assert_uint_gt(refused, 500);
}
END_TEST

static Suite *vectors_suite(void)
{
    Suite *s = suite_create("vectors");
    TCase *c = tcase_create("vectors");

    tcase_set_timeout(c, 300);
    tcase_add_test(c, critical_command_of_section_18_4);
    tcase_add_loop_test(c, non_critical_messages_of_section_18_4, 0, 2);
    tcase_add_loop_test(c, key_derivation, 0, 3);
    tcase_add_loop_test(c, gcm_with_a_tag_of_twelve_octets, 0, 3);
    tcase_add_loop_test(c, messages_of_other_use_cases, 0, 6);
    tcase_add_test(c, key_identifiers_by_method_2);
    tcase_add_test(c, every_cell_identifier);
    tcase_add_loop_test(c, update_command_is_rebuilt_from_its_values, 0, 2);
    tcase_add_loop_test(c, update_response_is_read, 0, 2);
    tcase_add_test(c, changed_octet_is_refused_or_kept);
    suite_add_tcase(s, c);
    return s;
}

static size_t count_used(void)
{
    size_t used = 0;

    for (size_t i = 0; i < n_values; i++) {
        if (values[i].used)
            used++;
        else
            printf("# not used: %s [%s] %.40s\n", values[i].file, values[i].section,
                   values[i].name);
        free(values[i].section);
        free(values[i].name);
        free(values[i].text);
    }
    return used;
}

int main(void)
{
    const char *dir = getenv("SMKI_VECTORS");
    const char *otherwise = getenv("SMKI_VECTORS_DEFAULT"); /* from meson */
    SRunner *r;
    size_t used;
    int failed;

    if (dir == NULL)
        dir = otherwise != NULL ? otherwise : "../shared/domain/vectors";
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!load_file(dir, files[i])) {
            printf("1..0 # SKIP no vectors: %s is not there; set SMKI_VECTORS\n", files[i]);
            return EXIT_SUCCESS;
        }
    }
    r = srunner_create(vectors_suite());
    srunner_set_fork_status(r, CK_NOFORK); /* the marks are kept in this process */
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    used = count_used();
    printf("# vectors: %zu used\n", used);
    if (used < n_values)
        printf("# %zu values were not used\n", n_values - used);
    return failed == 0 && used == n_values ? EXIT_SUCCESS : EXIT_FAILURE;
}
