/* SPDX-License-Identifier: MIT
 *
 * meter_gbcs - the tables a device is born with: trust anchor cells, which of them its type
 * holds, what each credentials replacement mode asks for, and the words of refusal.
 *
 * Source:  GBCS 13.3.3 and the published reference messages. Which cells a device type
 *          holds is partly unknown in public text; meter_gbcs.c says so row by row.
 * Effects: none.
 */
#ifndef METER_GBCS_H
#define METER_GBCS_H

#include "meter_tlv.h"

enum {
    ROLE_ROOT,
    ROLE_RECOVERY,
    ROLE_SUPPLIER,
    ROLE_NETWORK,
    ROLE_ACB,
    ROLE_TCOS,
    ROLE_WAN,
    ROLE_HELD, /* number of roles a device keeps a counter for */
    COUNTER_TOPUP = ROLE_HELD,
    COUNTERS,
};

enum usage { USE_SIGN, USE_AGREE, USE_CERT };

enum cell {
    CELL_ROOT,
    CELL_RECOVERY_DS,
    CELL_SUPPLIER_DS,
    CELL_SUPPLIER_KA,
    CELL_SUPPLIER_PP,
    CELL_NETWORK_DS,
    CELL_NETWORK_KA,
    CELL_ACB_DS,
    CELL_ACB_KA,
    CELL_TCOS_DS,
    CELL_WAN_DS,
    CELLS,
    CELL_NONE = CELLS, /* an identifier that names no cell of GBCS */
};
#define BIT(n) (1u << (unsigned)(n))

struct cell_row {
    const char *name;
    int role;
    enum usage usage;
    bool topup;
};

struct type_row {
    const char *name;
    unsigned cells; /* BIT of each */
};

enum { TYPE_ESME, TYPE_GSME, TYPE_CHF, TYPE_GPF, TYPE_HCALCS, TYPE_PPMID, TYPES };

enum { MODES = 10, MODE_ACB = 4, MODE_RECOVERY = 8, MODE_CONTINGENCY = 9 };

struct mode_row {
    enum cell authority; /* authorisingRemotePartyTACellIdentifier */
    unsigned cells;      /* what it may replace */
    bool mac;            /* MAC header and MAC of the access control broker */
};

enum { CODE_CS02A = 0x0008, CODE_CS02B = 0x0100, CODE_ALERT = 0x00cb };

/* StatusCode of a replacement; RFC 5934 numbers */
enum {
    STATUS_SUCCESS = 0,
    STATUS_BAD_CERTIFICATE = 5,
    STATUS_NO_TRUST_ANCHOR = 10,
    STATUS_NO_MEMORY = 17,
    STATUS_NOT_FOUND = 25,
    STATUS_BUSY = 30,
    STATUS_OTHER = 127,
};

/* Why a whole command is refused, in the order a device meets the causes. */
enum refusal {
    ACCEPTED,
    NO_SUCH_DEVICE,
    TRUNCATED,
    TRAILING_OCTETS,
    LENGTH_FORM,
    MAC_HEADER,
    GROUPING_HEADER,
    NOT_A_COMMAND,
    OTHER_INFORMATION,
    CONTENT_LENGTH,
    SIGNATURE_FORM,
    NOT_FOR_ME,
    MESSAGE_CODE,
    PAYLOAD_DER,
    PAYLOAD_SHAPE,
    DEFAULT_ENCODED,
    NUMBER_RANGE,
    EXECUTION_TIME,
    NO_REPLACEMENTS,
    DUPLICATE_CELL,
    PATH_CERTIFICATES,
    MODE_MISMATCH,
    SYMMETRIC_KEY,
    AUTHORISING_CELL_MISSING,
    AUTHORISING_CELL,
    AUTHORISING_CELL_NOT_HELD,
    CONTINGENCY_KEY,
    SIGNATURE,
    MAC,
    ORIGINATOR,
    COUNTERS_DIFFER,
    COUNTER_NOT_HIGHER,
    REFUSALS,
};

extern const struct cell_row cell_rows[CELLS];
extern const struct type_row type_rows[TYPES];
extern const struct mode_row mode_rows[MODES];
extern const char *const counter_names[COUNTERS];

const char *refusal_name(enum refusal r);
enum cell cell_find(const char *name, size_t len); /* CELL_NONE */
int type_find(const char *name, size_t len);       /* -1 */
int counter_find(const char *name, size_t len);    /* -1 */
/* The cell with that identifier;
 * keyUsage as its single bit from the left, 0 is the first. */
enum cell cell_of(int64_t role, enum usage usage, bool topup);
/* KeyUsage as DER contents of a BIT STRING, two octets. */
struct octets usage_bits(enum usage u);
bool usage_of(struct octets bits, enum usage *out);
/* TrustAnchorCellIdentifier contents, without tag and length. */
void cell_identifier(struct out *o, enum cell c);
bool type_holds_role(int type, int role);

#endif
