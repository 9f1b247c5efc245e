/* SPDX-License-Identifier: MIT */
#include "gbcs.h"

#include <check.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * TrustAnchorCellIdentifier as published messages carry it, in the order of enum cell. All
 * but accessControlBroker digitalSignature occur in RTDS 4.5.0; that one follows the rule.
 */
static const struct {
    const char *name;
    const char *spelt;
    const char *der;
} cell_vectors[] = {
    {"root", "root keyCertSign management", "300702010003020204"},
    {"recovery-ds", "recovery digitalSignature management", "300702010103020780"},
    {"supplier-ds", "supplier digitalSignature management", "300702010203020780"},
    {"supplier-ka", "supplier keyAgreement management", "300702010203020308"},
    {"supplier-pp", "supplier keyAgreement prepaymentTopUp", "300A02010203020308020101"},
    {"network-ds", "networkOperator digitalSignature management", "300702010303020780"},
    {"network-ka", "networkOperator keyAgreement management", "300702010303020308"},
    {"acb-ds", "accessControlBroker digitalSignature management", "300702010403020780"},
    {"acb-ka", "accessControlBroker keyAgreement management", "300702010403020308"},
    {"tcos-ds", "transitionalCoS digitalSignature management", "300702010503020780"},
    {"wan-ds", "wanProvider digitalSignature management", "300702010603020780"},
    {"load-ds", "loadController digitalSignature management", "300702010803020780"},
    {"load-ka", "loadController keyAgreement management", "300702010803020308"},
};

static const struct {
    const char *name;
    const char *cells;
    const char *certainty;
} devices[] = {
    {"GSME", "root recovery-ds supplier-ds supplier-ka supplier-pp acb-ka tcos-ds",
     "RECALLED"},
    {"ESME",
     "root recovery-ds supplier-ds supplier-ka supplier-pp network-ds network-ka acb-ka "
     "tcos-ds load-ds load-ka",
     "VERIFIED"},
    {"CHF", "root recovery-ds acb-ds acb-ka tcos-ds wan-ds", "UNKNOWN"},
    {"GPF",
     "root recovery-ds supplier-ds supplier-ka supplier-pp network-ds network-ka acb-ka "
     "tcos-ds",
     "RECALLED"},
    {"HCALCS", "root recovery-ds supplier-ds supplier-ka acb-ka tcos-ds", "RECALLED"},
    {"PPMID", "root recovery-ds acb-ds acb-ka", "UNKNOWN"},
    {"TYPE2", "", "CONFIRMED"},
};

#define ALL_CELLS                                                                        \
    "root recovery-ds supplier-ds supplier-ka supplier-pp network-ds network-ka acb-ds " \
    "acb-ka tcos-ds wan-ds load-ds load-ka"
#define LOAD_CELLS "load-ds load-ka"

static const struct {
    const char *name; /* NULL: no mode of that number is known */
    enum role signer;
    const char *auth_cell;
    const char *cells;
    bool mac;
} modes[] = {
    {"rootBySupplier", ROLE_SUPPLIER, "supplier-ds", "root", true},
    {"rootByWanProvider", ROLE_WAN_PROVIDER, "wan-ds", "root", true},
    {"supplierBySupplier", ROLE_SUPPLIER, "supplier-ds",
     "supplier-ds supplier-ka supplier-pp", true},
    {"networkOperatorByNetworkOperator", ROLE_NETWORK_OPERATOR, "network-ds",
     "network-ds network-ka", true},
    {"accessControlBrokerByACB", ROLE_ACB, "acb-ds", "acb-ds acb-ka", true},
    {"wanProviderByWanProvider", ROLE_WAN_PROVIDER, "wan-ds", "wan-ds", true},
    {"transCoSByTransCoS", ROLE_TCOS, "tcos-ds", "tcos-ds", true},
    {"supplierByTransCoS", ROLE_TCOS, "tcos-ds", "supplier-ds supplier-ka supplier-pp",
     true},
    {"anyExceptAbnormalRootByRecovery", ROLE_RECOVERY, "recovery-ds", ALL_CELLS, false},
    {"anyByContingency", ROLE_ROOT, "root", ALL_CELLS, false},
    {NULL, ROLE_ROOT, NULL, NULL, false},
    {"loadControllerBySupplier", ROLE_SUPPLIER, "supplier-ds", LOAD_CELLS, true},
};

/* The names of the cells in a set, in order. */
static const char *spell(uint32_t cells)
{
    static char text[256];
    size_t at = 0;

    text[0] = '\0';
    for (unsigned c = 0; c < 32; c++) {
        if ((cells & CELL_BIT(c)) == 0)
            continue;
        ck_assert_uint_lt(c, CELL_COUNT);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 0 ? " " : "",
                               gbcs_cell((enum cell)c)->name);
        ck_assert_uint_lt(at, sizeof text);
    }
    return text;
}

static bool is_certainty(const char *word)
{
    static const char *const words[] = {"CONFIRMED", "VERIFIED", "INFERRED", "RECALLED",
                                        "UNKNOWN"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* RFC 5280 KeyUsage as a DER BIT STRING, trailing zero bits dropped. */
static const char *usage_der(enum key_usage u)
{
    switch (u) {
    case KU_DIGITAL_SIGNATURE:
        return "03020780";
    case KU_KEY_AGREEMENT:
        return "03020308";
    case KU_KEY_CERT_SIGN:
        return "03020204";
    }
    return "";
}

START_TEST(every_cell_row_agrees_with_the_published_identifier)
{
    const struct cell_row *row = gbcs_cell((enum cell)_i);
    char der[64];
    char spelt[64];

    ck_assert_str_eq(row->name, cell_vectors[_i].name);
    (void)snprintf(spelt, sizeof spelt, "%s %s %s", gbcs_role_name(row->role),
                   gbcs_usage_name(row->usage),
                   row->prepayment ? "prepaymentTopUp" : "management");
    ck_assert_str_eq(spelt, cell_vectors[_i].spelt);
    (void)snprintf(der, sizeof der, "30%s0201%02X%s%s", row->prepayment ? "0A" : "07",
                   (unsigned)row->role, usage_der(row->usage),
                   row->prepayment ? "020101" : "");
    ck_assert_str_eq(der, cell_vectors[_i].der);
}
END_TEST

START_TEST(cells_ascend_by_role_then_usage_then_prepayment)
{
    for (unsigned i = 1; i < CELL_COUNT; i++) {
        const struct cell_row *a = gbcs_cell((enum cell)(i - 1));
        const struct cell_row *b = gbcs_cell((enum cell)i);
        unsigned rank_a = (unsigned)a->role * 8 + (unsigned)a->usage * 2 + a->prepayment;
        unsigned rank_b = (unsigned)b->role * 8 + (unsigned)b->usage * 2 + b->prepayment;

        ck_assert_uint_lt(rank_a, rank_b);
    }
}
END_TEST

START_TEST(every_device_row_is_as_known)
{
    const struct device_row *row = gbcs_device((enum device_type)_i);

    ck_assert_str_eq(row->name, devices[_i].name);
    ck_assert_uint_eq(row->number, (unsigned)_i);
    ck_assert_str_eq(spell(row->cells), devices[_i].cells);
    ck_assert_str_eq(row->certainty, devices[_i].certainty);
    ck_assert(is_certainty(row->certainty));
    ck_assert_str_ne(row->source, "");
}
END_TEST

START_TEST(every_device_with_cells_holds_root_and_recovery)
{
    const uint32_t both = CELL_BIT(CELL_ROOT) | CELL_BIT(CELL_RECOVERY_DS);

    for (unsigned t = 0; t < DEVICE_COUNT; t++) {
        uint32_t cells = gbcs_device((enum device_type)t)->cells;

        ck_assert(cells == 0 || (cells & both) == both);
    }
}
END_TEST

START_TEST(every_mode_row_is_as_known)
{
    const struct mode_row *row;
    uint16_t code = _i == MODE_LOAD_BY_SUPPLIER ? 0x0126 : (uint16_t)(0x0100 + _i);
    bool any = _i == MODE_ANY_BY_RECOVERY || _i == MODE_ANY_BY_CONTINGENCY;
    enum mode by_code = MODE_COUNT;

    ck_assert_int_eq(gbcs_mode_known((unsigned)_i), modes[_i].name != NULL);
    if (modes[_i].name == NULL) {
        ck_assert(!gbcs_mode_of_code(code, &by_code));
        return;
    }
    row = gbcs_mode((enum mode)_i);
    ck_assert_str_eq(row->name, modes[_i].name);
    ck_assert_uint_eq(row->message_code, code);
    ck_assert(gbcs_mode_of_code(code, &by_code));
    ck_assert_int_eq(by_code, _i);
    ck_assert_str_eq(spell(row->open), any ? LOAD_CELLS : "");
    ck_assert_uint_eq(row->signer, modes[_i].signer);
    ck_assert_str_eq(gbcs_cell(row->auth_cell)->name, modes[_i].auth_cell);
    ck_assert_str_eq(spell(row->cells), modes[_i].cells);
    ck_assert_uint_eq(row->mac, modes[_i].mac);
    ck_assert(is_certainty(row->certainty));
    ck_assert_str_ne(row->source, "");
}
END_TEST

START_TEST(the_authorising_cell_belongs_to_the_signer)
{
    const struct mode_row *row;
    const struct cell_row *cell;

    if (modes[_i].name == NULL)
        return;
    row = gbcs_mode((enum mode)_i);
    cell = gbcs_cell(row->auth_cell);
    ck_assert_uint_eq(cell->role, row->signer);
    ck_assert_uint_eq(cell->usage,
                      row->signer == ROLE_ROOT ? KU_KEY_CERT_SIGN : KU_DIGITAL_SIGNATURE);
}
END_TEST

START_TEST(every_name_is_found_whole_only)
{
    enum cell c;
    enum device_type t;
    enum mode m;

    for (unsigned i = 0; i < CELL_COUNT; i++) {
        const char *name = gbcs_cell((enum cell)i)->name;

        ck_assert(gbcs_cell_find(name, strlen(name), &c));
        ck_assert_uint_eq(c, i);
        ck_assert(!gbcs_cell_find(name, strlen(name) - 1, &c));
        ck_assert(!gbcs_cell_find(name, strlen(name) + 1, &c));
    }
    for (unsigned i = 0; i < DEVICE_COUNT; i++) {
        const char *name = gbcs_device((enum device_type)i)->name;

        ck_assert(gbcs_device_find(name, strlen(name), &t));
        ck_assert_uint_eq(t, i);
        ck_assert(!gbcs_device_find(name, strlen(name) - 1, &t));
        ck_assert(!gbcs_device_find(name, strlen(name) + 1, &t));
    }
    for (unsigned i = 0; i < MODE_COUNT; i++) {
        const char *name = modes[i].name;

        if (name == NULL)
            continue;
        ck_assert(gbcs_mode_find(name, strlen(name), &m));
        ck_assert_uint_eq(m, i);
        ck_assert(!gbcs_mode_find(name, strlen(name) - 1, &m));
        ck_assert(!gbcs_mode_find(name, strlen(name) + 1, &m));
    }
}
END_TEST

START_TEST(names_need_no_nul_and_case_counts)
{
    const char line[] = "supplier-ka,IHD,CAD,esme,";
    enum cell c = CELL_COUNT;
    enum device_type t = DEVICE_COUNT;
    enum mode m = MODE_COUNT;

    ck_assert(gbcs_cell_find(line, 11, &c));
    ck_assert_uint_eq(c, CELL_SUPPLIER_KA);
    ck_assert(gbcs_device_find(line + 12, 3, &t));
    ck_assert_uint_eq(t, DEVICE_TYPE2);
    t = DEVICE_COUNT;
    ck_assert(gbcs_device_find(line + 16, 3, &t));
    ck_assert_uint_eq(t, DEVICE_TYPE2);
    t = DEVICE_COUNT;
    ck_assert(!gbcs_device_find(line + 20, 4, &t));
    ck_assert_uint_eq(t, DEVICE_COUNT);
    ck_assert(!gbcs_cell_find("", 0, &c));
    ck_assert(!gbcs_mode_find("", 0, &m));
    ck_assert(!gbcs_mode_find("8", 1, &m));
    ck_assert_uint_eq(m, MODE_COUNT);
}
END_TEST

START_TEST(a_number_without_a_name_is_unknown)
{
    ck_assert_str_eq(gbcs_role_name(ROLE_ISSUING_AUTHORITY), "issuingAuthority");
    ck_assert_str_eq(gbcs_role_name(ROLE_OTHER), "other");
    ck_assert_str_eq(gbcs_role_name((enum role)9), "unknown");
    ck_assert_str_eq(gbcs_role_name((enum role)126), "unknown");
    ck_assert_str_eq(gbcs_usage_name((enum key_usage)3), "unknown");
    ck_assert(!gbcs_mode_known(MODE_COUNT));
    ck_assert(!gbcs_mode_known(UINT32_MAX));
}
END_TEST

START_TEST(a_role_goes_by_the_digits_of_a_certificate)
{
    ck_assert_str_eq(gbcs_role_of_ou("08"), "loadController");
    ck_assert_str_eq(gbcs_role_of_ou("7F"), "other");
    ck_assert_str_eq(gbcs_role_of_ou("09"), "");
    ck_assert_str_eq(gbcs_role_of_ou("8"), "");
    ck_assert_str_eq(gbcs_role_of_ou("0x"), "");
    ck_assert_str_eq(gbcs_role_of_ou(""), "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gbcs");
    TCase *c = tcase_create("tables");
    SRunner *r = srunner_create(s);

    static_assert(sizeof cell_vectors / sizeof cell_vectors[0] == CELL_COUNT, "cells");
    static_assert(sizeof devices / sizeof devices[0] == DEVICE_COUNT, "devices");
    static_assert(sizeof modes / sizeof modes[0] == MODE_COUNT, "modes");
    tcase_add_loop_test(c, every_cell_row_agrees_with_the_published_identifier, 0,
                        CELL_COUNT);
    tcase_add_test(c, cells_ascend_by_role_then_usage_then_prepayment);
    tcase_add_loop_test(c, every_device_row_is_as_known, 0, DEVICE_COUNT);
    tcase_add_test(c, every_device_with_cells_holds_root_and_recovery);
    tcase_add_loop_test(c, every_mode_row_is_as_known, 0, MODE_COUNT);
    tcase_add_loop_test(c, the_authorising_cell_belongs_to_the_signer, 0, MODE_COUNT);
    tcase_add_test(c, every_name_is_found_whole_only);
    tcase_add_test(c, names_need_no_nul_and_case_counts);
    tcase_add_test(c, a_number_without_a_name_is_unknown);
    tcase_add_test(c, a_role_goes_by_the_digits_of_a_certificate);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
