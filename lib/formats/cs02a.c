/* SPDX-License-Identifier: MIT */
#include "cs02a.h"
#include "asn1.h"
#include "message.h"
#include "payload.h"

#include <openssl/asn1t.h>

#include <assert.h>
#include <string.h>

static bool refuse(struct err *e, const char *reason)
{
    return err_set(e, ERR_INPUT, "command.query", "the query cannot be built: %s", reason);
}

static bool check(uint64_t counter, enum cell auth, const enum role roles[], size_t n,
                  struct err *e)
{
    uint64_t seen = 0;

    if (counter > INT64_MAX)
        return refuse(e, "its counter is above 9223372036854775807");
    if ((unsigned)auth >= CELL_COUNT)
        return refuse(e, "no such authorising cell");
    if (n == 0 || n > CS02A_ROLES_MAX)
        return refuse(e, "it asks for 1 to 16 roles");
    for (size_t i = 0; i < n; i++) {
        unsigned role = (unsigned)roles[i];

        if (role > ROLE_LOAD_CONTROLLER && role != ROLE_OTHER)
            return refuse(e, "it asks for a role that GBCS does not have");
        if ((seen >> role % 64 & 1) != 0)
            return refuse(e, "it asks for a role twice");
        seen |= UINT64_C(1) << role % 64; /* 127 becomes 63 */
    }
    return true;
}

static uint8_t *put(uint8_t *p, const void *octets, size_t n)
{
    memcpy(p, octets, n);
    return p + n;
}

/* Content length and payload; at most 64 octets, so the length is short. */
static bool put_payload(uint8_t **p, enum cell auth, const enum role roles[], size_t n,
                        struct err *e)
{
    union payload b = {.query = {.auth_cell = payload_cell(auth), .n_roles = n}};
    ASN1_VALUE *der = NULL;
    int len;

    for (size_t i = 0; i < n; i++)
        b.query.roles[i] = (unsigned)roles[i];
    if (!payload_write(PAYLOAD_QUERY, &b, &der, e))
        return false;
    len = ASN1_item_i2d(der, NULL, payload_item(PAYLOAD_QUERY));
    assert(len > 0 && len < 0x80);
    *(*p)++ = (uint8_t)len;
    len = ASN1_item_i2d(der, p, payload_item(PAYLOAD_QUERY));
    ASN1_item_free(der, payload_item(PAYLOAD_QUERY));
    return len > 0 || err_set(e, ERR_STORE, "store.memory", "out of memory");
}

static uint16_t code_for(const enum role roles[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (roles[i] == ROLE_LOAD_CONTROLLER)
            return MESSAGE_CS02F;
    return MESSAGE_CS02A;
}

bool cs02a_command(const struct eui64 *originator, const struct eui64 *device,
                   uint64_t counter, enum cell auth, const enum role roles[], size_t n,
                   uint8_t out[CS02A_PRE_COMMAND_MAX], size_t *len, struct err *e)
{
    uint8_t *p = out;

    if (!check(counter, auth, roles, n, e))
        return false;
    p = put(p, "\xDF\x09\x01", 3);
    put_be64(p, counter);
    p += 8;
    *p++ = 8;
    p = put(p, originator->b, sizeof originator->b);
    *p++ = 8;
    p = put(p, device->b, sizeof device->b);
    *p++ = 0; /* no date-time */
    *p++ = 2;
    put_be16(p, code_for(roles, n));
    p += 2;
    if (!put_payload(&p, auth, roles, n, e))
        return false;
    *len = (size_t)(p - out);
    return true;
}
