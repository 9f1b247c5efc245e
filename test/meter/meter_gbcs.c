/* SPDX-License-Identifier: MIT
 *
 * meter_gbcs.c - the tables. Where public text is silent the row says "chosen": the
 * simulator has to hold something, and a reader must be able to see what is knowledge and
 * what is not.
 */
#include "meter_gbcs.h"

#include <string.h>

const struct cell_row cell_rows[CELLS] = {
    [CELL_ROOT] = {"root", ROLE_ROOT, USE_CERT, false},
    [CELL_RECOVERY_DS] = {"recovery-ds", ROLE_RECOVERY, USE_SIGN, false},
    [CELL_SUPPLIER_DS] = {"supplier-ds", ROLE_SUPPLIER, USE_SIGN, false},
    [CELL_SUPPLIER_KA] = {"supplier-ka", ROLE_SUPPLIER, USE_AGREE, false},
    [CELL_SUPPLIER_PP] = {"supplier-pp", ROLE_SUPPLIER, USE_AGREE, true},
    [CELL_NETWORK_DS] = {"network-ds", ROLE_NETWORK, USE_SIGN, false},
    [CELL_NETWORK_KA] = {"network-ka", ROLE_NETWORK, USE_AGREE, false},
    [CELL_ACB_DS] = {"acb-ds", ROLE_ACB, USE_SIGN, false},
    [CELL_ACB_KA] = {"acb-ka", ROLE_ACB, USE_AGREE, false},
    [CELL_TCOS_DS] = {"tcos-ds", ROLE_TCOS, USE_SIGN, false},
    [CELL_WAN_DS] = {"wan-ds", ROLE_WAN, USE_SIGN, false},
};

#define COMMON   (BIT(CELL_ROOT) | BIT(CELL_RECOVERY_DS) | BIT(CELL_ACB_KA))
#define SUPPLIER (BIT(CELL_SUPPLIER_DS) | BIT(CELL_SUPPLIER_KA) | BIT(CELL_SUPPLIER_PP))
#define NETWORK  (BIT(CELL_NETWORK_DS) | BIT(CELL_NETWORK_KA))

const struct type_row type_rows[TYPES] = {
    /* all nine seen in published messages */
    [TYPE_ESME] = {"ESME", COMMON | SUPPLIER | NETWORK | BIT(CELL_TCOS_DS)},
    /* published: no network operator cells; the rest by recollection */
    [TYPE_GSME] = {"GSME", COMMON | SUPPLIER | BIT(CELL_TCOS_DS)},
    /* published: broker and WAN provider cells; tcos-ds chosen */
    [TYPE_CHF] = {"CHF", COMMON | BIT(CELL_ACB_DS) | BIT(CELL_WAN_DS) | BIT(CELL_TCOS_DS)},
    /* published: supplier and network operator cells; the rest inferred */
    [TYPE_GPF] = {"GPF", COMMON | SUPPLIER | NETWORK | BIT(CELL_TCOS_DS)},
    /* by recollection */
    [TYPE_HCALCS] = {"HCALCS", COMMON | BIT(CELL_SUPPLIER_DS) | BIT(CELL_SUPPLIER_KA) |
                                   BIT(CELL_TCOS_DS)},
    /* unknown in public text: chosen */
    [TYPE_PPMID] = {"PPMID", COMMON | BIT(CELL_ACB_DS)},
};

/* Modes 0, 1: from their names only. 2 to 7: published messages. 8: published for every
 * cell but root, root as a normal replacement by its name. 9: published responses. In mode
 * 4 the authority is named by a communications hub's command only (GBCS 13.3.3). */
const struct mode_row mode_rows[MODES] = {
    {CELL_SUPPLIER_DS, BIT(CELL_ROOT), true},
    {CELL_WAN_DS, BIT(CELL_ROOT), true},
    {CELL_SUPPLIER_DS, SUPPLIER, true},
    {CELL_NETWORK_DS, NETWORK, true},
    {CELL_ACB_DS, BIT(CELL_ACB_DS) | BIT(CELL_ACB_KA), true},
    {CELL_WAN_DS, BIT(CELL_WAN_DS), true},
    {CELL_TCOS_DS, BIT(CELL_TCOS_DS), true},
    {CELL_TCOS_DS, SUPPLIER, true},
    {CELL_RECOVERY_DS, BIT(CELLS) - 1, false},
    {CELL_ROOT, BIT(CELLS) - 1, false},
};

const char *const counter_names[COUNTERS] = {
    "root", "recovery", "supplier", "network", "acb", "tcos", "wan", "topup",
};

const char *refusal_name(enum refusal r)
{
    static const char *const names[REFUSALS] = {
        [ACCEPTED] = "accepted",
        [NO_SUCH_DEVICE] = "no-such-device",
        [TRUNCATED] = "truncated",
        [TRAILING_OCTETS] = "trailing-octets",
        [LENGTH_FORM] = "length-form",
        [MAC_HEADER] = "mac-header",
        [GROUPING_HEADER] = "grouping-header",
        [NOT_A_COMMAND] = "not-a-command",
        [OTHER_INFORMATION] = "other-information",
        [CONTENT_LENGTH] = "content-length",
        [SIGNATURE_FORM] = "signature-form",
        [NOT_FOR_ME] = "not-for-me",
        [MESSAGE_CODE] = "message-code",
        [PAYLOAD_DER] = "payload-der",
        [PAYLOAD_SHAPE] = "payload-shape",
        [DEFAULT_ENCODED] = "default-encoded",
        [NUMBER_RANGE] = "number-range",
        [EXECUTION_TIME] = "execution-time",
        [NO_REPLACEMENTS] = "no-replacements",
        [DUPLICATE_CELL] = "duplicate-cell",
        [PATH_CERTIFICATES] = "path-certificates",
        [MODE_MISMATCH] = "mode-mismatch",
        [SYMMETRIC_KEY] = "symmetric-key",
        [AUTHORISING_CELL_MISSING] = "authorising-cell-missing",
        [AUTHORISING_CELL] = "authorising-cell",
        [AUTHORISING_CELL_NOT_HELD] = "authorising-cell-not-held",
        [CONTINGENCY_KEY] = "contingency-key",
        [SIGNATURE] = "signature",
        [MAC] = "mac",
        [ORIGINATOR] = "originator",
        [COUNTERS_DIFFER] = "counters-differ",
        [COUNTER_NOT_HIGHER] = "counter-not-higher",
    };
    return r < REFUSALS ? names[r] : "unknown";
}

static bool same(const char *row, const char *name, size_t len)
{
    return strlen(row) == len && memcmp(row, name, len) == 0;
}

enum cell cell_find(const char *name, size_t len)
{
    enum cell c = 0;
    while (c < CELLS && !same(cell_rows[c].name, name, len))
        c++;
    return c;
}

int type_find(const char *name, size_t len)
{
    for (int t = 0; t < TYPES; t++)
        if (same(type_rows[t].name, name, len))
            return t;
    return -1;
}

int counter_find(const char *name, size_t len)
{
    for (int k = 0; k < COUNTERS; k++)
        if (same(counter_names[k], name, len))
            return k;
    return -1;
}

enum cell cell_of(int64_t role, enum usage usage, bool topup)
{
    enum cell c = 0;
    while (c < CELLS && !(cell_rows[c].role == role && cell_rows[c].usage == usage &&
                          cell_rows[c].topup == topup))
        c++;
    return c;
}

struct octets usage_bits(enum usage u)
{
    static const uint8_t bits[][2] = {{0x07, 0x80}, {0x03, 0x08}, {0x02, 0x04}};
    return OCTETS(bits[u]);
}

bool usage_of(struct octets bits, enum usage *out)
{
    for (enum usage u = USE_SIGN; u <= USE_CERT; u++)
        if (octets_same(bits, usage_bits(u))) {
            *out = u;
            return true;
        }
    return false;
}

void cell_identifier(struct out *o, enum cell c)
{
    out_int(o, 0x02, cell_rows[c].role);
    out_tlv(o, 0x03, usage_bits(cell_rows[c].usage));
    if (cell_rows[c].topup)
        out_int(o, 0x02, 1);
}

bool type_holds_role(int type, int role)
{
    for (enum cell c = 0; c < CELLS; c++)
        if ((type_rows[type].cells & BIT(c)) && cell_rows[c].role == role)
            return true;
    return false;
}
