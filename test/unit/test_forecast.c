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
    forecast_make(warrant, &scene.roster, macs, types);
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

KIT_MAIN("forecast", papers_kit_begin, papers_kit_end,
         each_type_has_its_commands_and_its_reasons, what_is_foretold_is_what_is_signed)
