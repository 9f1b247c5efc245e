/* SPDX-License-Identifier: MIT */
#include "samples.h"
#include "asn1.h"
#include "mem.h"
#include "message.h"

#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

static const struct eui64 party = {{0x70, 0xB3, 0xD5, 0x12, 0x30, 0, 0, 7}};
static const struct eui64 device = {{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77}};
static const uint8_t date_time[12] = {0x07, 0xEA, 1, 2, 0xFF, 0, 0, 0, 0, 0x80, 0, 0xFF};
static const uint8_t id_a[8] = {0x70, 0xB3, 0xD5, 0x12, 0x30, 0, 0, 1};
static const uint8_t id_b[8] = {0x4A, 0xBC, 1, 2, 3, 4, 5, 6};
static const uint8_t zeros[8];
static const uint8_t key16[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

static struct sample *list;
static size_t n_list;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void entry(X509_NAME *n, int nid, int type, const void *at, int len)
{
    must(X509_NAME_add_entry_by_NID(n, nid, type, at, len, -1, 0) == 1);
}

static void extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(ext != NULL && X509_add_ext(x, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

struct span samples_certificate(void)
{
    static uint8_t der[1024];
    static size_t len;
    AUTO(x509) X509 *x = NULL;
    AUTO(pkey) EVP_PKEY *key = NULL;
    uint8_t *at = der;
    int n;

    if (len > 0)
        return span_of(der, len);
    x = X509_new();
    key = EVP_EC_gen("P-256");
    must(x != NULL && key != NULL);
    must(X509_set_version(x, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 0x123456789ABC);
    X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, NULL);
    X509_time_adj_ex(X509_getm_notAfter(x), 3650, 0, NULL);
    entry(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8, "SAMPLE", -1);
    entry(X509_get_subject_name(x), NID_organizationalUnitName, MBSTRING_UTF8, "02", -1);
    entry(X509_get_subject_name(x), NID_x500UniqueIdentifier, V_ASN1_BIT_STRING, id_a, 8);
    must(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1);
    must(X509_set_pubkey(x, key) == 1);
    extension(x, NID_key_usage, "critical,digitalSignature");
    extension(x, NID_subject_key_identifier, "hash");
    extension(x, NID_authority_key_identifier, "keyid");
    must(X509_sign(x, key, EVP_sha256()) > 0);
    n = i2d_X509(x, NULL);
    must(n > 0 && (size_t)n <= sizeof der && i2d_X509(x, &at) == n);
    len = (size_t)n;
    return span_of(der, len);
}

static struct message header(enum message_kind kind, uint16_t code, enum message_form form)
{
    struct message m = {.kind = kind, .code = code, .form = form, .counter = 1705416979790};

    m.originator = kind == MESSAGE_COMMAND ? party : device;
    m.recipient = kind == MESSAGE_COMMAND ? device : party;
    m.has_date_time = kind == MESSAGE_RESPONSE && code != MESSAGE_CS02A;
    memcpy(m.date_time, date_time, sizeof date_time);
    m.payload_kind = message_payload_kind(code, kind);
    memset(m.sig.b, 0x5A, sizeof m.sig.b);
    memset(m.mac, 0xA5, sizeof m.mac);
    return m;
}

static struct sample *add(const char *name, const struct message *m)
{
    struct sample *s = &list[n_list++];
    struct err e;

    must(n_list <= SAMPLES_MAX);
    *s = (struct sample){.name = name};
    s->sort = m->kind == MESSAGE_COMMAND ? SAMPLE_COMMAND : SAMPLE_RESPONSE;
    must(message_encode(m, &s->octets, &s->len, &e));
    return s;
}

/* ---- CS02b commands ---- */

static struct message update(enum mode mode, enum message_form form)
{
    struct message m = header(MESSAGE_COMMAND, gbcs_mode(mode)->message_code, form);
    struct payload_update *u = &m.body.update;

    u->mode = (unsigned)mode;
    u->counter = m.counter;
    u->has_auth_cell = true;
    u->auth_cell = payload_cell(gbcs_mode(mode)->auth_cell);
    u->has_floor = true;
    for (unsigned c = 0; c < CELL_COUNT; c++) {
        if ((gbcs_mode(mode)->cells & CELL_BIT(c)) == 0)
            continue;
        u->replacements[u->n_replacements].cell = payload_cell((enum cell)c);
        u->replacements[u->n_replacements++].certificate = samples_certificate();
    }
    u->path[0] = samples_certificate();
    u->n_path = 1;
    return m;
}

static void commands_by_mode(void)
{
    static const char *const names[] = {"update-0", "update-1", "update-2", "update-3",
                                        "update-4", "update-5", "update-6", "update-7"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct message m = update((enum mode)i, FORM_SIGNED_MAC);

        m.body.update.has_floor = i != MODE_TCOS_BY_TCOS;
        add(names[i], &m);
    }
}

static void command_recovery(void)
{
    struct message m = update(MODE_ANY_BY_RECOVERY, FORM_SIGNED);
    struct payload_update *u = &m.body.update;
    static const unsigned roles[] = {ROLE_SUPPLIER, ROLE_NETWORK_OPERATOR, ROLE_ACB, 9};

    u->disapply_time = true;
    u->has_changes = true;
    for (size_t i = 0; i < 4; i++)
        u->changes[i].role = roles[i];
    u->n_changes = 4;
    u->changes[0].topups.present = true;
    u->changes[0].topups.n = 1;
    add("update-8", &m);
    m.form = FORM_BARE;
    add("update-8-bare", &m);
    m.form = FORM_NULL;
    add("update-8-null", &m);
}

static void command_contingency(void)
{
    struct message m = update(MODE_ANY_BY_CONTINGENCY, FORM_SIGNED);
    struct payload_update *u = &m.body.update;

    u->has_symmetric_key = true;
    u->symmetric_key = span_of(key16, sizeof key16);
    u->topups.present = true;
    u->topups.n = 2;
    u->topups.at[1].usage = 3;
    u->topups.at[1].floor = INT64_MAX;
    add("update-9", &m);
}

/* GBCS 4.x: a supplier replaces what the load controller has on an ESME. */
static void command_load_controller(void)
{
    struct message m = update(MODE_LOAD_BY_SUPPLIER, FORM_SIGNED_MAC);
    struct payload_update *u = &m.body.update;

    u->has_floor = false;
    u->has_changes = true;
    u->changes[0].role = ROLE_LOAD_CONTROLLER;
    u->n_changes = 1;
    add("update-11", &m);
}

static void commands_odd(void)
{
    static const uint8_t stranger[] = {0x30, 0x06, 0x02, 0x01, 0x80, 0x04, 0x01, 0x00};
    struct message m = update(MODE_ACB_BY_ACB, FORM_MAC);

    m.body.update.has_auth_cell = false;
    m.body.update.has_floor = false;
    add("update-4-unsigned", &m);
    m.form = FORM_NULL;
    add("update-4-null", &m);

    m = update(MODE_SUPPLIER_BY_SUPPLIER, FORM_SIGNED);
    memcpy(m.body.update.execution_time, "20300115090000Z", 16);
    add("update-2-future", &m);
    memcpy(m.body.update.execution_time, MESSAGE_CANCEL_TIME, 16);
    add("update-2-cancel", &m);

    m = update(MODE_SUPPLIER_BY_TCOS, FORM_SIGNED);
    m.counter = m.body.update.counter = 0; /* and everything small or empty */
    m.body.update.replacements[0].certificate = span_of(stranger, sizeof stranger);
    m.body.update.replacements[0].cell = (struct payload_cell){255, 0x8400, 7};
    m.body.update.n_replacements = 1;
    m.body.update.has_changes = true;
    m.body.update.topups.present = true;
    m.body.update.n_path = 0;
    add("update-7-stranger", &m);
    m.body.update.n_replacements = 0;
    add("update-7-empty", &m);
}

/* ---- CS02b responses and alerts ---- */

static void put_outcome(struct payload_reply *r, enum mode mode, uint64_t counter)
{
    r->has_outcome = true;
    r->counter = counter;
    r->mode = (unsigned)mode;
    for (unsigned c = 0; c < CELL_COUNT; c++) {
        struct payload_result *one;

        if ((gbcs_mode(mode)->cells & CELL_BIT(c)) == 0)
            continue;
        one = &r->results[r->n_results++];
        one->cell = payload_cell((enum cell)c);
        one->status = r->n_results == 2 ? 10 : 0;
        one->old_uid = one->new_uid = span_of(c == CELL_ROOT ? zeros : id_a, 8);
        one->old_key = one->new_key = span_of(id_b, 8);
    }
}

/* Every constructed length as 82 xx xx, as the Reference Test Data Set writes some. */
static size_t loosen(struct span in, uint8_t *out)
{
    const unsigned char *p = in.at, *end = in.at + in.len;
    uint8_t *at = out;

    while (p < end) {
        const unsigned char *start = p;
        long len;
        int tag, class, flags;
        size_t n;

        flags = ASN1_get_object(&p, &len, &tag, &class, (long)(end - p));
        must((flags & 0x81) == 0);
        if ((flags & V_ASN1_CONSTRUCTED) != 0) {
            *at = *start;
            n = loosen(span_of(p, (size_t)len), at + 4);
            at[1] = 0x82;
            put_be16(at + 2, (uint16_t)n);
            at += 4 + n;
        } else {
            n = (size_t)(p - start) + (size_t)len;
            memcpy(at, start, n);
            at += n;
        }
        p += len;
    }
    return (size_t)(at - out);
}

static void add_loose(const char *name, const struct message *m)
{
    struct message loose = *m;
    AUTO(mem) uint8_t *der = NULL;
    AUTO(mem) uint8_t *wide = NULL;
    size_t len;
    struct err e;

    must(message_payload(m, &der, &len, &e));
    wide = malloc(4 * len);
    must(wide != NULL);
    loose.payload = span_of(wide, loosen(span_of(der, len), wide));
    add(name, &loose)->lenient = true;
}

static void responses(void)
{
    static const char *const names[] = {"answer-2", "answer-3", "answer-4", "answer-5",
                                        "answer-6", "answer-7", "answer-8", "answer-9"};
    struct message m;

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum mode mode = (enum mode)(MODE_SUPPLIER_BY_SUPPLIER + i);

        m = header(MESSAGE_RESPONSE, gbcs_mode(mode)->message_code, FORM_SIGNED);
        put_outcome(&m.body.reply, mode, m.counter);
        if (mode != MODE_TCOS_BY_TCOS) {
            m.body.reply.n_changes = 1;
            m.body.reply.changes[0].role = (unsigned)gbcs_mode(mode)->signer;
        }
        add(names[i], &m);
    }
    add_loose("answer-9-loose", &m);
    m.content_octets = 5;
    add_loose("answer-9-looser", &m);
    m.content_octets = 0;
    m.body.reply.counter++;
    add("answer-9-inconsistent", &m);

    m = header(MESSAGE_RESPONSE, MESSAGE_CS02G, FORM_SIGNED);
    put_outcome(&m.body.reply, MODE_LOAD_BY_SUPPLIER, m.counter);
    add("answer-11", &m);
    m.body.reply.mode = 10;
    add("answer-10-inconsistent", &m);

    m = header(MESSAGE_RESPONSE, 0x0108, FORM_SIGNED);
    add("answer-8-accepted", &m);
    m.extra = span_of(id_a, sizeof id_a);
    add("answer-8-extra", &m);
}

/* A meter spells the default cell usage 02 01 00 and pads the key usage. */
static void response_spelt(void)
{
    static const uint8_t payload[] = {
        0x30, 0x3E, 0x05, 0x00, 0x30, 0x3A, 0x02, 0x01, 0x05, 0x02, 0x01, 0x08, 0x30,
        0x00, 0x30, 0x30, 0x30, 0x2E, 0x30, 0x0A, 0x02, 0x01, 0x02, 0x03, 0x02, 0x00,
        0x80, 0x02, 0x01, 0x00, 0x0A, 0x01, 0x00, 0x04, 0x08, 1,    2,    3,    4,
        5,    6,    7,    8,    0x04, 0x02, 1,    2,    0x04, 0x08, 1,    2,    3,
        4,    5,    6,    7,    8,    0x04, 0x05, 1,    2,    3,    4,    5};
    struct message m = header(MESSAGE_RESPONSE, 0x0108, FORM_SIGNED);

    m.counter = 5;
    m.payload = span_of(payload, sizeof payload);
    add("answer-8-spelt", &m)->lenient = true;
}

static void alerts(void)
{
    struct message m = header(MESSAGE_ALERT, MESSAGE_CS02B_ALERT, FORM_SIGNED);

    put_outcome(&m.body.reply, MODE_ANY_BY_RECOVERY, 77);
    m.body.reply.alert_code = 0x8F67;
    memcpy(m.body.reply.execution_time, "20300115090000Z", 16);
    add("alert-8F67", &m);
    add_loose("alert-8F67-loose", &m);
    m.body.reply.alert_code = 0x8F66;
    m.body.reply.results[1].status = 0;
    add("alert-8F66", &m);
    m.code = MESSAGE_CS02G_ALERT;
    add("alert-8F66-inconsistent", &m);
    m.body.reply.mode = MODE_LOAD_BY_SUPPLIER;
    add("alert-11", &m);
}

/* ---- CS02a and others ---- */

static void queries(void)
{
    struct message m = header(MESSAGE_COMMAND, MESSAGE_CS02A, FORM_MAC);
    struct payload_report *r;

    m.body.query.auth_cell = payload_cell(CELL_ACB_KA);
    for (unsigned i = 0; i <= ROLE_WAN_PROVIDER; i++)
        m.body.query.roles[m.body.query.n_roles++] = i;
    add("query-mac", &m);
    m.form = FORM_SIGNED;
    m.body.query.auth_cell = payload_cell(CELL_TCOS_DS);
    add("query-signed", &m);

    m = header(MESSAGE_RESPONSE, MESSAGE_CS02A, FORM_MAC);
    r = &m.body.report;
    r->roles[0].role = ROLE_SUPPLIER;
    r->roles[0].has_counter = true;
    r->roles[0].counter = UINT64_C(1) << 60;
    r->roles[0].has_cells = true;
    r->roles[0].n_cells = 3;
    for (unsigned i = 0; i < 3; i++) {
        r->roles[0].cells[i].usage =
            i == 0 ? ASN1_KU_DIGITAL_SIGNATURE : ASN1_KU_KEY_AGREEMENT;
        r->roles[0].cells[i].cell_usage = i == 2;
        r->roles[0].cells[i].uid = span_of(id_a, 8);
        r->roles[0].cells[i].key = span_of(id_b, 8);
    }
    r->roles[1].role = ROLE_NETWORK_OPERATOR;
    r->roles[1].status = 25;
    r->n_roles = 2;
    add("report-mac", &m);
    m.mac_octets = 3;
    add_loose("report-mac-loose", &m);
    m.mac_octets = 0;
    m.form = FORM_SIGNED;
    add("report-signed", &m);
    r->n_roles = 0;
    add("report-empty", &m);

    m = header(MESSAGE_COMMAND, MESSAGE_CS02F, FORM_SIGNED);
    m.body.query.auth_cell = payload_cell(CELL_TCOS_DS);
    m.body.query.roles[0] = ROLE_LOAD_CONTROLLER;
    m.body.query.n_roles = 1;
    add("query-load", &m);
    m = header(MESSAGE_RESPONSE, MESSAGE_CS02F, FORM_MAC);
    m.body.report.roles[0].role = ROLE_LOAD_CONTROLLER;
    m.body.report.roles[0].status = 127; /* what a device says that serves none */
    m.body.report.n_roles = 1;
    add("report-load", &m);
}

static void others(void)
{
    struct message m = header(MESSAGE_COMMAND, 0x0012, FORM_SIGNED_MAC);

    m.payload = span_of(key16, sizeof key16);
    add("other-command", &m);
    m.extra = span_of(id_a, sizeof id_a);
    m.form = FORM_SIGNED;
    add("other-command-extra", &m);
    m = header(MESSAGE_COMMAND, 0x0125, FORM_SIGNED_MAC); /* its mode is not known */
    m.payload = span_of(key16, sizeof key16);
    add("other-command-0125", &m);
    m = header(MESSAGE_ALERT, 0x1000, FORM_NULL);
    add("other-alert-empty", &m);
}

size_t samples_make(struct sample out[SAMPLES_MAX])
{
    list = out;
    n_list = 0;
    commands_by_mode();
    command_recovery();
    command_contingency();
    command_load_controller();
    commands_odd();
    responses();
    response_spelt();
    alerts();
    queries();
    others();
    return n_list;
}

void samples_free(struct sample s[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(s[i].octets);
}
