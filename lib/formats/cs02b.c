/* SPDX-License-Identifier: MIT
 *
 * The octets of a command lie ready for every length of the counter's INTEGER; a row writes
 * device and counter into them. Where the counter stands in the payload is found by
 * encoding twice with counters that differ in every octet, so nothing here knows the
 * nesting.
 */
#include "cs02b.h"
#include "asn1.h"
#include "mem.h"
#include "payload.h"

#include <openssl/crypto.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A counter is at most INT64_MAX: eight octets hold it with its sign bit clear. */
#define FORMS 8

/* Grouping header, offsets of what is written into it (GBCS 7.2.7). */
enum { GH_COUNTER = 3, GH_ORIGINATOR = 12, GH_RECIPIENT = 21, GH_FIXED = 33 };
#define GH_MAX    36
#define SIGNATURE 65 /* 40, r, s */

AUTO_DEFINE(der_octets, uint8_t *, NULL, OPENSSL_free)

struct form {
    uint8_t *octets; /* grouping header, payload, room for the signature */
    size_t len;      /* without the signature */
    size_t counter;  /* where the payload's counter stands */
};

struct cs02b_template {
    struct form forms[FORMS]; /* of 1..8 octets */
};

static bool refuse(struct err *e, const char *reason)
{
    return err_set(e, ERR_INPUT, "command.recipe", "the command cannot be built: %s",
                   reason);
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_STORE, "store.memory", "out of memory: %s", err_openssl());
}

static bool check_counters(const struct cs02b_recipe *r, struct err *e)
{
    uint32_t seen = 0;

    if (r->n_others > CS02B_OTHERS_MAX)
        return refuse(e, "too many floors of other roles");
    if ((r->has_floor && r->floor > INT64_MAX) ||
        (r->has_topup_floor && r->topup_floor > INT64_MAX))
        return refuse(e, "a floor is above 9223372036854775807");
    for (size_t i = 0; i < r->n_others; i++) {
        const struct cs02b_floor *f = &r->others[i];
        unsigned role = (unsigned)f->role;
        uint32_t bit = role <= ROLE_LOAD_CONTROLLER ? 1u << role : 1u << 31;

        if (role > ROLE_LOAD_CONTROLLER && role != ROLE_OTHER)
            return refuse(e, "a floor is for a role that GBCS does not have");
        if ((seen & bit) != 0)
            return refuse(e, "a role has two floors");
        seen |= bit;
        if (f->floor > INT64_MAX || (f->has_topup && f->topup > INT64_MAX))
            return refuse(e, "a floor is above 9223372036854775807");
    }
    return true;
}

static bool check_certificates(const struct cs02b_recipe *r, struct err *e)
{
    const struct mode_row *mode = gbcs_mode(r->mode);
    uint32_t seen = 0;

    if (r->n_replacements == 0)
        return refuse(e, "it replaces nothing");
    if (r->n_replacements > CS02B_REPLACEMENTS_MAX)
        return refuse(e, "too many replacements");
    if (r->n_path == 0 || r->n_path > CS02B_PATH_MAX)
        return refuse(e, "the certification path has 1 to 4 certificates");
    for (size_t i = 0; i < r->n_replacements; i++) {
        enum cell cell = r->replacements[i].cell;

        if ((unsigned)cell >= CELL_COUNT)
            return refuse(e, "a replacement is for a cell that GBCS does not have");
        if ((seen & CELL_BIT(cell)) != 0)
            return refuse(e, "a cell is replaced twice");
        seen |= CELL_BIT(cell);
        if ((mode->cells & CELL_BIT(cell)) == 0)
            return err_set(e, ERR_INPUT, "command.recipe",
                           "the command cannot be built: mode %s may not replace %s",
                           mode->name, gbcs_cell(cell)->name);
        if (!asn1_is_sequence(r->replacements[i].der))
            return refuse(e, "a replacement certificate is not one SEQUENCE");
    }
    for (size_t i = 0; i < r->n_path; i++)
        if (!asn1_is_sequence(r->path[i]))
            return refuse(e, "a path certificate is not one SEQUENCE");
    return true;
}

static bool check(const struct cs02b_recipe *r, struct err *e)
{
    size_t time_len = strnlen(r->execution_time, sizeof r->execution_time);

    if (!gbcs_mode_known((unsigned)r->mode))
        return refuse(e, "no such credentials replacement mode");
    if (r->has_symmetric_key != (r->mode == MODE_ANY_BY_CONTINGENCY))
        return refuse(e, "the symmetric key belongs to anyByContingency and to no other");
    /* Which wrapping GBCS uses is not public; an AES key it is in any case. */
    if (r->has_symmetric_key && r->symmetric_key.len != 16 && r->symmetric_key.len != 24 &&
        r->symmetric_key.len != 32)
        return refuse(e, "a symmetric key has 16, 24 or 32 octets");
    if (r->omit_auth_cell && r->mode != MODE_ACB_BY_ACB)
        return refuse(e,
                      "only accessControlBrokerByACB may leave out the authorising cell");
    if (time_len != 0 && !asn1_time_ok(r->execution_time, time_len))
        return refuse(e, "the execution time is not YYYYMMDDHHMMSSZ");
    return check_counters(r, e) && check_certificates(r, e);
}

/* The recipe as a payload; the counter follows for each layout. */
static void write_body(const struct cs02b_recipe *r, struct payload_update *b)
{
    *b = (struct payload_update){
        .mode = (unsigned)r->mode,
        .has_symmetric_key = r->has_symmetric_key,
        .symmetric_key = r->symmetric_key,
        .disapply_time = r->disapply_time,
        .has_auth_cell = !r->omit_auth_cell,
        .auth_cell = payload_cell(gbcs_mode(r->mode)->auth_cell),
        .has_floor = r->has_floor,
        .floor = r->floor,
        .topups = {.present = r->has_topup_floor, .n = 1, .at[0].floor = r->topup_floor},
        .has_changes = r->n_others > 0,
        .n_changes = r->n_others,
        .n_path = r->n_path,
    };
    for (size_t i = 0; i < r->n_others; i++)
        b->changes[i] = (struct payload_change){
            .role = (unsigned)r->others[i].role,
            .floor = r->others[i].floor,
            .topups = {.present = r->others[i].has_topup,
                       .n = 1,
                       .at[0].floor = r->others[i].topup},
        };
    for (unsigned cell = 0; cell < CELL_COUNT; cell++)
        for (size_t i = 0; i < r->n_replacements; i++)
            if (r->replacements[i].cell == (enum cell)cell) {
                b->replacements[b->n_replacements].certificate = r->replacements[i].der;
                b->replacements[b->n_replacements++].cell = payload_cell((enum cell)cell);
            }
    memcpy(b->path, r->path, r->n_path * sizeof r->path[0]);
    memcpy(b->execution_time, r->execution_time, sizeof b->execution_time);
}

/* A contingency key is secret until its command is sent. */
static void wipe(UPDATE_DER *u)
{
    ASN1_OCTET_STRING *key;

    if (u == NULL)
        return;
    key = u->authorisingRemotePartyControl->plaintextSymmetricKey;
    if (key != NULL)
        OPENSSL_cleanse(key->data, (size_t)key->length);
    ASN1_item_free((ASN1_VALUE *)u, payload_item(PAYLOAD_UPDATE));
}

static int encode(const UPDATE_DER *u, uint8_t **to)
{
    return ASN1_item_i2d((const ASN1_VALUE *)u, to, payload_item(PAYLOAD_UPDATE));
}

/* Lay out header and payload for one length of the counter; the counter's place is where
 * two encodings first differ. */
static bool lay_out(UPDATE_DER *u, const struct eui64 *originator, enum mode mode,
                    size_t counter_len, struct form *f, struct err *e)
{
    ASN1_INTEGER **counter =
        &u->authorisingRemotePartyControl->authorisingRemotePartySeqNumber;
    uint64_t low = UINT64_C(0x1111111111111111) >> (64 - 8 * counter_len);
    uint64_t high = UINT64_C(0x2222222222222222) >> (64 - 8 * counter_len);
    AUTO(der_octets) uint8_t *twin = NULL;
    uint8_t *at;
    int len, twin_len;
    size_t gh = GH_FIXED;

    if (!asn1_put_uint(counter, low) || (len = encode(u, NULL)) <= 0)
        return no_memory(e);
    if ((size_t)len > CS02B_COMMAND_MAX - GH_MAX)
        return refuse(e, "it would be longer than 32768 octets");
    f->octets = calloc(1, GH_MAX + (size_t)len + SIGNATURE);
    if (f->octets == NULL)
        return no_memory(e);

    f->octets[0] = 0xDF;
    f->octets[1] = 0x09;
    f->octets[2] = 0x01;
    f->octets[11] = 8;
    memcpy(f->octets + GH_ORIGINATOR, originator->b, sizeof originator->b);
    f->octets[20] = 8;
    f->octets[30] = 2; /* octet 29 is 00: no date-time */
    put_be16(f->octets + 31, gbcs_mode(mode)->message_code);
    if (len > 0xFF) {
        f->octets[gh++] = 0x82;
        f->octets[gh++] = (uint8_t)(len >> 8);
    } else if (len > 0x7F) {
        f->octets[gh++] = 0x81;
    }
    f->octets[gh++] = (uint8_t)len;

    at = f->octets + gh;
    if (encode(u, &at) != len || !asn1_put_uint(counter, high))
        return no_memory(e);
    twin_len = encode(u, &twin);
    if (twin_len != len)
        return no_memory(e);
    for (f->counter = gh; f->octets[f->counter] == twin[f->counter - gh];)
        f->counter++;
    assert(f->counter + counter_len <= gh + (size_t)len);
    OPENSSL_cleanse(twin, (size_t)len);
    f->len = gh + (size_t)len;
    f->octets[f->len] = 0x40;
    return true;
}

bool cs02b_template_new(const struct cs02b_recipe *r, struct cs02b_template **out,
                        struct err *e)
{
    struct cs02b_template *t;
    ASN1_VALUE *der = NULL;
    union payload b;
    bool ok;

    if (!check(r, e))
        return false;
    t = calloc(1, sizeof *t);
    if (t == NULL)
        return no_memory(e);
    write_body(r, &b.update);
    ok = payload_write(PAYLOAD_UPDATE, &b, &der, e);
    for (size_t i = 0; ok && i < FORMS; i++)
        ok = lay_out((UPDATE_DER *)der, &r->originator, r->mode, i + 1, &t->forms[i], e);
    wipe((UPDATE_DER *)der);
    if (!ok) {
        cs02b_template_free(t);
        return false;
    }
    *out = t;
    return true;
}

void cs02b_template_free(struct cs02b_template *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < FORMS; i++) {
        if (t->forms[i].octets != NULL)
            OPENSSL_cleanse(t->forms[i].octets, t->forms[i].len);
        free(t->forms[i].octets);
    }
    free(t);
}

/* Octets of the shortest two's complement form of a counter. */
static size_t counter_octets(uint64_t counter)
{
    return counter < 0x80 ? 1 : (64 - (size_t)__builtin_clzll(counter)) / 8 + 1;
}

static struct form *fill_in(struct cs02b_template *t, const struct eui64 *device,
                            uint64_t counter)
{
    size_t n = counter_octets(counter);
    uint8_t raw[8];
    struct form *f;

    assert(counter <= INT64_MAX);
    f = &t->forms[n - 1];
    put_be64(raw, counter);
    memcpy(f->octets + GH_COUNTER, raw, sizeof raw);
    memcpy(f->octets + GH_RECIPIENT, device->b, sizeof device->b);
    memcpy(f->octets + f->counter, raw + sizeof raw - n, n);
    return f;
}

struct digest cs02b_digest(struct cs02b_template *t, const struct eui64 *device,
                           uint64_t counter)
{
    struct form *f = fill_in(t, device, counter);

    return digest_of(span_of(f->octets + 1, f->len - 1), span_of(NULL, 0));
}

struct span cs02b_command(struct cs02b_template *t, const struct eui64 *device,
                          uint64_t counter, const struct sig_p256 *sig)
{
    struct form *f = fill_in(t, device, counter);

    memcpy(f->octets + f->len + 1, sig->b, sizeof sig->b);
    return span_of(f->octets, f->len + SIGNATURE);
}
