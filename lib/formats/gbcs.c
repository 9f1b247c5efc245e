/* SPDX-License-Identifier: MIT
 *
 * A row's certainty is that of its weakest claim: one cell that nobody has seen on a device
 * makes the whole row UNKNOWN, however well the other cells are attested. The words:
 *   CONFIRMED  a public source says so
 *   VERIFIED   confirmed, and recomputed from published messages
 *   INFERRED   follows from confirmed facts; no source says it in words
 *   RECALLED   background knowledge without a text at hand
 *   UNKNOWN    nothing found
 * RTDS is the DCC Reference Test Data Set, 4.5.0; GBCS 0.8.1 is the public issue of
 * 28 November 2014. Of GBCS 4.x, which brought the load controller, messages of RTDS are
 * public and its text is not.
 */
#include "gbcs.h"

#include <assert.h>
#include <string.h>

static const struct cell_row cell_rows[] = {
    [CELL_ROOT] = {"root", ROLE_ROOT, KU_KEY_CERT_SIGN, false},
    [CELL_RECOVERY_DS] = {"recovery-ds", ROLE_RECOVERY, KU_DIGITAL_SIGNATURE, false},
    [CELL_SUPPLIER_DS] = {"supplier-ds", ROLE_SUPPLIER, KU_DIGITAL_SIGNATURE, false},
    [CELL_SUPPLIER_KA] = {"supplier-ka", ROLE_SUPPLIER, KU_KEY_AGREEMENT, false},
    [CELL_SUPPLIER_PP] = {"supplier-pp", ROLE_SUPPLIER, KU_KEY_AGREEMENT, true},
    [CELL_NETWORK_DS] = {"network-ds", ROLE_NETWORK_OPERATOR, KU_DIGITAL_SIGNATURE, false},
    [CELL_NETWORK_KA] = {"network-ka", ROLE_NETWORK_OPERATOR, KU_KEY_AGREEMENT, false},
    [CELL_ACB_DS] = {"acb-ds", ROLE_ACB, KU_DIGITAL_SIGNATURE, false},
    [CELL_ACB_KA] = {"acb-ka", ROLE_ACB, KU_KEY_AGREEMENT, false},
    [CELL_TCOS_DS] = {"tcos-ds", ROLE_TCOS, KU_DIGITAL_SIGNATURE, false},
    [CELL_WAN_DS] = {"wan-ds", ROLE_WAN_PROVIDER, KU_DIGITAL_SIGNATURE, false},
    [CELL_LOAD_DS] = {"load-ds", ROLE_LOAD_CONTROLLER, KU_DIGITAL_SIGNATURE, false},
    [CELL_LOAD_KA] = {"load-ka", ROLE_LOAD_CONTROLLER, KU_KEY_AGREEMENT, false},
};
static_assert(sizeof cell_rows / sizeof cell_rows[0] == CELL_COUNT, "a row for each cell");

enum {
    ROOT = CELL_BIT(CELL_ROOT),
    RECOVERY = CELL_BIT(CELL_RECOVERY_DS),
    SUPPLIER_DS_KA = CELL_BIT(CELL_SUPPLIER_DS) | CELL_BIT(CELL_SUPPLIER_KA),
    SUPPLIER = SUPPLIER_DS_KA | CELL_BIT(CELL_SUPPLIER_PP),
    NETWORK = CELL_BIT(CELL_NETWORK_DS) | CELL_BIT(CELL_NETWORK_KA),
    ACB_KA = CELL_BIT(CELL_ACB_KA),
    ACB = CELL_BIT(CELL_ACB_DS) | ACB_KA,
    TCOS = CELL_BIT(CELL_TCOS_DS),
    WAN = CELL_BIT(CELL_WAN_DS),
    LOAD = CELL_BIT(CELL_LOAD_DS) | CELL_BIT(CELL_LOAD_KA),
    EVERY_CELL = CELL_BIT(CELL_COUNT) - 1,
};

/* GBCS 4.3.2.5. The numbers are DeviceType of GBCS 0.8.1, page 195. */
static const struct device_row device_rows[] = {
    [DEVICE_GSME] =
        {
            .name = "GSME",
            .number = 0,
            .cells = ROOT | RECOVERY | SUPPLIER | ACB_KA | TCOS,
            .source =
                "RTDS: acb-ka seen, network operator answered trustAnchorNotFound (25); "
                "recovery, supplier and tcos cells not seen",
            .certainty = "RECALLED",
        },
    [DEVICE_ESME] =
        {
            .name = "ESME",
            .number = 1,
            .cells = ROOT | RECOVERY | SUPPLIER | NETWORK | ACB_KA | TCOS | LOAD,
            .source = "RTDS: nine cells in one mode 9 response, the two of the load "
                      "controller in responses of CS02f and CS02g; wan provider answered "
                      "trustAnchorNotFound (25)",
            .certainty = "VERIFIED",
        },
    [DEVICE_CHF] =
        {
            .name = "CHF",
            .number = 2,
            .cells = ROOT | RECOVERY | ACB | TCOS | WAN,
            .source = "RTDS: acb-ds, acb-ka and wan-ds seen; root follows; recovery-ds not "
                      "seen; tcos-ds open",
            .certainty = "UNKNOWN",
        },
    [DEVICE_GPF] =
        {
            .name = "GPF",
            .number = 3,
            .cells = ROOT | RECOVERY | SUPPLIER | NETWORK | ACB_KA | TCOS,
            .source =
                "RTDS: supplier and network operator cells seen in a handover; root and "
                "acb-ka follow; recovery-ds and tcos-ds not seen",
            .certainty = "RECALLED",
        },
    [DEVICE_HCALCS] =
        {
            .name = "HCALCS",
            .number = 4,
            .cells = ROOT | RECOVERY | SUPPLIER_DS_KA | ACB_KA | TCOS,
            .source = "no message seen; root and acb-ka follow; the others not seen",
            .certainty = "RECALLED",
        },
    [DEVICE_PPMID] =
        {
            .name = "PPMID",
            .number = 5,
            .cells = ROOT | RECOVERY | ACB,
            .source =
                "GBCS 4.3.2.5 not public; holds trust anchor cells, which ones is open",
            .certainty = "UNKNOWN",
        },
    [DEVICE_TYPE2] =
        {
            .name = "TYPE2",
            .number = 6,
            .cells = 0,
            .source = "summary of GBCS 4.4: Type 2 devices hold no keys and no cells",
            .certainty = "CONFIRMED",
        },
};
static_assert(sizeof device_rows / sizeof device_rows[0] == DEVICE_COUNT,
              "a row for each device type");

/*
 * GBCS 13.3.3, and page 163 of GBCS 0.8.1 for which modes carry a MAC. Modes 8 and 9 carry
 * none, so that recovery needs no key of a device and none of the ACB.
 */
static const struct mode_row mode_rows[] = {
    [MODE_ROOT_BY_SUPPLIER] =
        {
            .name = "rootBySupplier",
            .message_code = 0x0100,
            .signer = ROLE_SUPPLIER,
            .auth_cell = CELL_SUPPLIER_DS,
            .cells = ROOT,
            .mac = true,
            .source =
                "from the name of the mode; whether GBCS 4.x still permits it is open",
            .certainty = "UNKNOWN",
        },
    [MODE_ROOT_BY_WAN_PROVIDER] =
        {
            .name = "rootByWanProvider",
            .message_code = 0x0101,
            .signer = ROLE_WAN_PROVIDER,
            .auth_cell = CELL_WAN_DS,
            .cells = ROOT,
            .mac = true,
            .source =
                "from the name of the mode; whether GBCS 4.x still permits it is open",
            .certainty = "UNKNOWN",
        },
    [MODE_SUPPLIER_BY_SUPPLIER] =
        {
            .name = "supplierBySupplier",
            .message_code = 0x0102,
            .signer = ROLE_SUPPLIER,
            .auth_cell = CELL_SUPPLIER_DS,
            .cells = SUPPLIER,
            .mac = true,
            .source = "RTDS: all three cells",
            .certainty = "VERIFIED",
        },
    [MODE_NETWORK_BY_NETWORK] =
        {
            .name = "networkOperatorByNetworkOperator",
            .message_code = 0x0103,
            .signer = ROLE_NETWORK_OPERATOR,
            .auth_cell = CELL_NETWORK_DS,
            .cells = NETWORK,
            .mac = true,
            .source = "RTDS: both cells",
            .certainty = "VERIFIED",
        },
    [MODE_ACB_BY_ACB] =
        {
            .name = "accessControlBrokerByACB",
            .message_code = 0x0104,
            .signer = ROLE_ACB,
            /* Of a CHF. Elsewhere the identifier is left out and there is no signature. */
            .auth_cell = CELL_ACB_DS,
            .cells = ACB,
            .mac = true,
            .source = "RTDS: acb-ka; acb-ds, on a CHF, follows from DUIS 5.4",
            .certainty = "INFERRED",
        },
    [MODE_WAN_BY_WAN] =
        {
            .name = "wanProviderByWanProvider",
            .message_code = 0x0105,
            .signer = ROLE_WAN_PROVIDER,
            .auth_cell = CELL_WAN_DS,
            .cells = WAN,
            .mac = true,
            .source = "RTDS",
            .certainty = "VERIFIED",
        },
    [MODE_TCOS_BY_TCOS] =
        {
            .name = "transCoSByTransCoS",
            .message_code = 0x0106,
            .signer = ROLE_TCOS,
            .auth_cell = CELL_TCOS_DS,
            .cells = TCOS,
            .mac = true,
            .source = "RTDS",
            .certainty = "VERIFIED",
        },
    [MODE_SUPPLIER_BY_TCOS] =
        {
            .name = "supplierByTransCoS",
            .message_code = 0x0107,
            .signer = ROLE_TCOS,
            .auth_cell = CELL_TCOS_DS,
            .cells = SUPPLIER,
            .mac = true,
            .source = "RTDS",
            .certainty = "VERIFIED",
        },
    [MODE_ANY_BY_RECOVERY] =
        {
            .name = "anyExceptAbnormalRootByRecovery",
            .message_code = 0x0108,
            .signer = ROLE_RECOVERY,
            .auth_cell = CELL_RECOVERY_DS,
            /* The root only by one that the device can validate from its present root. */
            .cells = EVERY_CELL,
            .open = LOAD,
            .mac = false,
            .source =
                "RTDS: eight cells, its own among them; the rule for the root from the "
                "name of the mode; nothing on the load controller's cells",
            .certainty = "INFERRED",
        },
    [MODE_ANY_BY_CONTINGENCY] =
        {
            .name = "anyByContingency",
            .message_code = 0x0109,
            .signer = ROLE_ROOT,
            .auth_cell = CELL_ROOT,
            .cells = EVERY_CELL,
            .open = LOAD,
            .mac = false,
            .source = "RTDS: root and eight cells in responses; no command seen, the "
                      "authorising cell follows from them; nothing on the load "
                      "controller's cells",
            .certainty = "INFERRED",
        },
    [MODE_LOAD_BY_SUPPLIER] =
        {
            .name = "loadControllerBySupplier",
            .message_code = 0x0126,
            .signer = ROLE_SUPPLIER,
            .auth_cell = CELL_SUPPLIER_DS,
            .cells = LOAD,
            .mac = true,
            .source = "RTDS: both cells; the name from MMC 5.4",
            .certainty = "VERIFIED",
        },
};
static_assert(sizeof mode_rows / sizeof mode_rows[0] == MODE_COUNT, "a row for each mode");

const struct cell_row *gbcs_cell(enum cell c)
{
    assert((unsigned)c < CELL_COUNT);
    return &cell_rows[c];
}

const struct device_row *gbcs_device(enum device_type t)
{
    assert((unsigned)t < DEVICE_COUNT);
    return &device_rows[t];
}

const struct mode_row *gbcs_mode(enum mode m)
{
    assert(gbcs_mode_known(m));
    return &mode_rows[m];
}

bool gbcs_mode_known(unsigned number)
{
    return number < MODE_COUNT && mode_rows[number].name != NULL;
}

bool gbcs_mode_of_code(uint16_t code, enum mode *out)
{
    for (unsigned i = 0; i < MODE_COUNT; i++) {
        if (gbcs_mode_known(i) && mode_rows[i].message_code == code) {
            *out = (enum mode)i;
            return true;
        }
    }
    return false;
}

static bool is_name(const char *name, const char *text, size_t len)
{
    return strlen(name) == len && memcmp(name, text, len) == 0;
}

bool gbcs_cell_find(const char *name, size_t len, enum cell *out)
{
    for (unsigned i = 0; i < CELL_COUNT; i++) {
        if (is_name(cell_rows[i].name, name, len)) {
            *out = (enum cell)i;
            return true;
        }
    }
    return false;
}

bool gbcs_device_find(const char *name, size_t len, enum device_type *out)
{
    if (is_name("IHD", name, len) || is_name("CAD", name, len)) {
        *out = DEVICE_TYPE2;
        return true;
    }
    for (unsigned i = 0; i < DEVICE_COUNT; i++) {
        if (is_name(device_rows[i].name, name, len)) {
            *out = (enum device_type)i;
            return true;
        }
    }
    return false;
}

bool gbcs_mode_find(const char *name, size_t len, enum mode *out)
{
    for (unsigned i = 0; i < MODE_COUNT; i++) {
        if (gbcs_mode_known(i) && is_name(mode_rows[i].name, name, len)) {
            *out = (enum mode)i;
            return true;
        }
    }
    return false;
}

const char *gbcs_role_name(enum role r)
{
    switch (r) {
    case ROLE_ROOT:
        return "root";
    case ROLE_RECOVERY:
        return "recovery";
    case ROLE_SUPPLIER:
        return "supplier";
    case ROLE_NETWORK_OPERATOR:
        return "networkOperator";
    case ROLE_ACB:
        return "accessControlBroker";
    case ROLE_TCOS:
        return "transitionalCoS";
    case ROLE_WAN_PROVIDER:
        return "wanProvider";
    case ROLE_ISSUING_AUTHORITY:
        return "issuingAuthority";
    case ROLE_LOAD_CONTROLLER:
        return "loadController";
    case ROLE_OTHER:
        return "other";
    }
    return "unknown";
}

const char *gbcs_role_of_ou(const char *ou)
{
    const char *name;
    uint8_t number;

    if (!hex_decode(ou, strlen(ou), &number, 1))
        return "";
    name = gbcs_role_name((enum role)number);
    return strcmp(name, "unknown") != 0 ? name : "";
}

const char *gbcs_usage_name(enum key_usage u)
{
    switch (u) {
    case KU_DIGITAL_SIGNATURE:
        return "digitalSignature";
    case KU_KEY_AGREEMENT:
        return "keyAgreement";
    case KU_KEY_CERT_SIGN:
        return "keyCertSign";
    }
    return "unknown";
}
