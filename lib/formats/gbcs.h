/* SPDX-License-Identifier: MIT
 *
 * gbcs - the names and numbers of GBCS that every other module speaks: remote party roles,
 * trust anchor cells, device types, credentials replacement modes; all as tables.
 *
 * Source:  GBCS 13.3.3 (modes, roles, cells), GBCS 4.3.2.5 (cells of a device type). Which
 *          cells a device type holds is partly UNKNOWN in public text: gbcs_device() says
 *          for each row how sure it is.
 * Effects: none.
 */
#ifndef GBCS_H
#define GBCS_H

#include "bytes.h"

/* OpenSSL has macros of these names with other values: out of the way, once and for all. */
#include <openssl/x509v3.h>
#undef KU_DIGITAL_SIGNATURE
#undef KU_KEY_AGREEMENT
#undef KU_KEY_CERT_SIGN

enum role {
    ROLE_ROOT = 0,
    ROLE_RECOVERY = 1,
    ROLE_SUPPLIER = 2,
    ROLE_NETWORK_OPERATOR = 3,
    ROLE_ACB = 4,  /* access control broker */
    ROLE_TCOS = 5, /* transitional change of supplier */
    ROLE_WAN_PROVIDER = 6,
    ROLE_ISSUING_AUTHORITY = 7,
    ROLE_LOAD_CONTROLLER = 8, /* GBCS 4.x */
    ROLE_OTHER = 127,
};

enum key_usage { KU_DIGITAL_SIGNATURE, KU_KEY_AGREEMENT, KU_KEY_CERT_SIGN };

/* Ascending role, then signature, agreement, prepayment:
 * the order commands list them in. */
enum cell {
    CELL_ROOT,
    CELL_RECOVERY_DS,
    CELL_SUPPLIER_DS,
    CELL_SUPPLIER_KA,
    CELL_SUPPLIER_PP, /* key agreement, prepayment top-up */
    CELL_NETWORK_DS,
    CELL_NETWORK_KA,
    CELL_ACB_DS,
    CELL_ACB_KA,
    CELL_TCOS_DS,
    CELL_WAN_DS,
    CELL_LOAD_DS, /* load controller: GBCS 4.x, on an ESME */
    CELL_LOAD_KA,
    CELL_COUNT,
};
#define CELL_BIT(c) (1u << (unsigned)(c))

struct cell_row {
    const char *name; /* "supplier-ds": used in every file and document of ours */
    enum role role;
    enum key_usage usage;
    bool prepayment;
};

enum device_type {
    DEVICE_GSME,
    DEVICE_ESME,
    DEVICE_CHF,
    DEVICE_GPF,
    DEVICE_HCALCS,
    DEVICE_PPMID,
    DEVICE_TYPE2, /* IHD, CAD: no keys, no cells, never recovered */
    DEVICE_COUNT,
};
#define DEVICE_BIT(t) (1u << (unsigned)(t))

struct device_row {
    const char *name;   /* "ESME" */
    unsigned number;    /* GBCS DeviceType */
    uint32_t cells;     /* CELL_BIT of each cell it may hold */
    const char *source; /* of the cell list */
    const char *certainty;
};

enum mode {
    MODE_ROOT_BY_SUPPLIER,
    MODE_ROOT_BY_WAN_PROVIDER,
    MODE_SUPPLIER_BY_SUPPLIER,
    MODE_NETWORK_BY_NETWORK,
    MODE_ACB_BY_ACB,
    MODE_WAN_BY_WAN,
    MODE_TCOS_BY_TCOS,
    MODE_SUPPLIER_BY_TCOS,
    MODE_ANY_BY_RECOVERY,
    MODE_ANY_BY_CONTINGENCY,
    MODE_LOAD_BY_SUPPLIER = 11, /* CS02g of GBCS 4.x; what 10 is, is not public */
    MODE_COUNT,
};

struct mode_row {
    const char *name;      /* "anyExceptAbnormalRootByRecovery" */
    uint16_t message_code; /* 0x0100 + mode up to 9 */
    enum role signer;      /* role whose key signs; ROLE_ROOT for the contingency key */
    enum cell auth_cell;   /* authorisingRemotePartyTACellIdentifier */
    uint32_t cells;        /* what it may replace */
    uint32_t open;         /* those of them of which nobody has said so in public */
    bool mac;              /* MAC header and ACB MAC (modes 0 to 7) */
    const char *source;
    const char *certainty;
};

const struct cell_row *gbcs_cell(enum cell c);
const struct device_row *gbcs_device(enum device_type t);
const struct mode_row *gbcs_mode(enum mode m); /* gbcs_mode_known() ones only */
/* Is there a row for that number? Not for 10, nor from MODE_COUNT on. */
bool gbcs_mode_known(unsigned number);
/* The mode whose commands and responses carry that message code. */
MUST_CHECK bool gbcs_mode_of_code(uint16_t code, enum mode *out);

/* Look up by name; text need not end in NUL. False when unknown. IHD and CAD name TYPE2. */
MUST_CHECK bool gbcs_cell_find(const char *name, size_t len, enum cell *out);
MUST_CHECK bool gbcs_device_find(const char *name, size_t len, enum device_type *out);
MUST_CHECK bool gbcs_mode_find(const char *name, size_t len, enum mode *out);
const char *gbcs_role_name(enum role r); /* "supplier"; "unknown" */
/* Of the two hexadecimal digits in a certificate's OU; "" when that is no role of ours. */
const char *gbcs_role_of_ou(const char *ou);
const char *gbcs_usage_name(enum key_usage u); /* "digitalSignature" */

#endif
