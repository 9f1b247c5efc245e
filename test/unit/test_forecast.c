/* SPDX-License-Identifier: MIT
 *
 * What a batch will come to, said before it begins.
 */
#include "forecast.h"
#include "papers_kit.h"

static struct forecast_type types[DEVICE_COUNT];

static void foretold(const char *list, bool macs)
{
    scene_roster(&scene, list);
    signed_by_two();
    OK(read_warrant());
    forecast_make(warrant, (struct span){NULL, 0}, macs, types);
}

static void is(enum device_type t, uint32_t devices, uint32_t commands)
{
    ck_assert_uint_eq(types[t].devices, devices);
    ck_assert_uint_eq(types[t].commands, commands);
}

static void without(enum device_type t, size_t at, const char *rule, uint32_t rows,
                    const char *first)
{
    ck_assert_uint_gt(types[t].n_without, at);
    ck_assert_str_eq(types[t].without[at].rule, rule);
    ck_assert_uint_eq(types[t].without[at].rows, rows);
    ck_assert_str_eq(types[t].without[at].first, first);
}

START_TEST(each_type_has_its_commands_and_its_reasons)
{
    foretold("device,type,status,old\n"
             "00DB000000000001,ESME,commissioned,\n"
             "00DB000000000002,ESME,suspended,\n"
             "00DB000000000003,ESME,commissioned,\n"
             "00DB000000000004,ESME,decommissioned,\n"
             "00DB000000000005,ESME,commissioned,FFFFFFFFFFFFFFFF\n",
             false);
    is(DEVICE_ESME, 5, 2);
    ck_assert_uint_eq(types[DEVICE_ESME].n_without, 2);
    without(DEVICE_ESME, 0, "row.status", 2,
            "row 1: the device was suspended before the incident");
    without(DEVICE_ESME, 1, "row.old", 1,
            "row 4: the device holds a certificate that is not notified as compromised");
    is(DEVICE_PPMID, 0, 0);
}
END_TEST

START_TEST(what_is_foretold_is_what_is_signed)
{
    uint32_t commands = 0;
    uint32_t devices = 0;
    uint32_t rows_that_go = 0;

    foretold("device,type,status\n"
             "00DB000000000001,ESME,commissioned\n"
             "00DB000000000002,ESME,suspended\n",
             false);
    for (unsigned t = 0; t < DEVICE_COUNT; t++) {
        commands += types[t].commands;
        devices += types[t].devices;
    }
    ck_assert_uint_eq(devices, warrant_rows(warrant));
    for (uint32_t i = 0; i < warrant_rows(warrant); i++) {
        struct digest d;

        rows_that_go += warrant_digest(warrant, i, 7, &d, &e) ? 1 : 0;
    }
    ck_assert_uint_eq(commands, rows_that_go);
}
END_TEST

START_TEST(a_batch_of_some_rows_is_foretold_by_itself)
{
    static const uint8_t rows[] = {0, 0, 0, 1, 0, 0, 0, 3};

    scene_roster(&scene, "device,type,status\n"
                         "00DB000000000001,ESME,commissioned\n"
                         "00DB000000000002,ESME,suspended\n"
                         "00DB000000000003,ESME,commissioned\n"
                         "00DB000000000004,GSME,commissioned\n");
    signed_by_two();
    OK(read_warrant());
    forecast_make(warrant, span_of(rows, sizeof rows), false, types);
    is(DEVICE_ESME, 1, 0);
    is(DEVICE_GSME, 1, 1);
}
END_TEST

/* Mode 2 carries the ACB's MAC. */
START_TEST(a_row_without_agreement_key_fails_alone_where_macs_are_made)
{
    struct roster_row row;

    scene_set(&scene, "kind", json_string("instruction"));
    scene_set(&scene, "by", json_string("supplier"));
    scene_set(&scene, "key", json_string("supplier"));
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[SCENE_SUPPLIER].cert));
    scene_set(&scene, "method", json_string("M1"));
    scene_set(&scene, "mode", json_string("supplierBySupplier"));
    scene_roster(&scene,
                 "device,type,status,ka\n"
                 "00DB000000000001,ESME,commissioned,\n"
                 "00DB000000000002,ESME,commissioned,"
                 "036B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
                 "\n");
    scene_sign_by(&scene, scene.org, 1);
    OK(read_warrant());
    forecast_make(warrant, (struct span){NULL, 0}, true, types);
    is(DEVICE_ESME, 2, 1);
    without(DEVICE_ESME, 0, "row.no-agreement-key", 1,
            "row 0: the roster has no key-agreement key of the device");
    REFUSED(warrant_row_to_sign(warrant, 0, true, &row, &e), "row.no-agreement-key");
    OK(warrant_row_to_sign(warrant, 1, true, &row, &e));
    OK(warrant_row_to_sign(warrant, 0, false, &row, &e)); /* somebody else makes them */
}
END_TEST

KIT_MAIN("forecast", papers_kit_begin, papers_kit_end,
         each_type_has_its_commands_and_its_reasons, what_is_foretold_is_what_is_signed,
         a_batch_of_some_rows_is_foretold_by_itself,
         a_row_without_agreement_key_fails_alone_where_macs_are_made)
