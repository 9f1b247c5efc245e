/* SPDX-License-Identifier: MIT */
#include "papers_kit.h"

/* --- the schema --- */

static bool parse_doc(void)
{
    char *text = json_dumps(scene.doc, 0);
    bool ok;

    memset(&e, 0, sizeof e);
    ok = authority_parse(span_of(text, strlen(text)), &decision, &e);
    free(text);
    return ok;
}

START_TEST(a_document_is_read_whole)
{
    ck_assert_msg(parse_doc(), "%s", e.text);
    ck_assert_str_eq(decision.id, "D-1");
    ck_assert_str_eq(decision.incident, "I-1");
    ck_assert_int_eq(decision.outcome, AUTHORITY_AUTHORISE);
    ck_assert_int_eq(decision.method, METHOD_3);
    ck_assert_int_eq(decision.mode, MODE_ANY_BY_RECOVERY);
    ck_assert_uint_eq(decision.n_compromised, 2);
    ck_assert_int_eq(decision.compromised[1].cell, CELL_SUPPLIER_KA);
    ck_assert_uint_eq(decision.compromised[1].actual, 1);
    ck_assert_uint_eq(decision.n_replacements, 2);
    ck_assert_uint_eq(decision.device_types,
                      DEVICE_BIT(DEVICE_ESME) | DEVICE_BIT(DEVICE_GSME));
    ck_assert_uint_eq(decision.roster_count, 3);
    ck_assert_uint_eq(decision.attempts, 1);
    ck_assert_uint_eq(decision.n_shall, 1);
    ck_assert_uint_eq(decision.n_may, 1);
    ck_assert_str_eq(decision.guidance_version, "1.0");
    ck_assert_str_eq(decision.meeting, "PMA-2026-11");
    ck_assert_mem_eq(&decision.subscriber, &scene.supplier, 8);
    ck_assert_mem_eq(&decision.replacement_subscriber, &scene.supplier, 8);
}
END_TEST

START_TEST(no_member_is_unknown_and_none_is_twice)
{
    static const char twice[] = "{\"schema\":\"smki-recovery/authority/1\",\"id\":\"a\","
                                "\"id\":\"b\"}";

    scene_set(&scene, "colour", json_string("red"));
    ck_assert(!parse_doc());
    ck_assert_str_eq(e.id, "decision.schema");
    ck_assert_ptr_nonnull(strstr(e.text, "colour"));
    scene_set(&scene, "colour", NULL);
    ck_assert(parse_doc());
    scene_set(&scene, "roster.colour", json_string("red"));
    ck_assert(!parse_doc());
    ck_assert_ptr_nonnull(strstr(e.text, "roster.colour"));
    ck_assert(!authority_parse(span_of(twice, sizeof twice - 1), &decision, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "duplicate"));
}
END_TEST

START_TEST(no_needed_member_is_missing)
{
    static const char *const needed[] = {
        "schema",        "kind",       "id",        "incident",        "by",
        "outcome",       "exercise",   "key",       "key_certificate", "method",
        "mode",          "subscriber", "initiator", "compromised",     "replacements",
        "device_types",  "roster",     "attempts",  "valid_from",      "valid_to",
        "requester",     "conflicts",  "meeting",   "guidance",        "reasons",
        "residual_risk", "conditions"};

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        json_t *kept = json_incref(json_object_get(scene.doc, needed[i]));

        scene_set(&scene, needed[i], NULL);
        ck_assert_msg(!parse_doc(), "%s can be left out", needed[i]);
        ck_assert_str_eq(e.id, "decision.schema");
        ck_assert_msg(strstr(e.text, needed[i]) != NULL, "%s: %s", needed[i], e.text);
        scene_set(&scene, needed[i], kept);
    }
    ck_assert(parse_doc());
}
END_TEST

static const struct {
    const char *path, *value; /* JSON */
} bad_values[] = {
    {"schema", "\"smki-recovery/authority/2\""},
    {"kind", "\"wish\""},
    {"id", "\"\""},
    {"id", "\"a b\""},
    {"id", "\"0123456789012345678901234567890123456789012345678901234567890123\""},
    {"incident", "7"},
    {"by", "\"p/m/a\""},
    {"outcome", "\"authorize\""},
    {"exercise", "\"false\""},
    {"key_certificate", "\"00\""},
    {"method", "\"M9\""},
    {"mode", "8"},
    {"subscriber", "\"90B3D51F3001000G\""},
    {"supersedes_earlier", "\"D-0\""},
    {"supersedes_earlier", "[\"a b\"]"},
    {"supersedes_earlier", "[7]"},
    {"initiator", "\"creditor\""},
    {"compromised", "[]"},
    {"compromised", "{}"},
    {"replacements", "[]"},
    {"device_types", "[]"},
    {"device_types", "[\"ESME\",\"ESME\"]"},
    {"device_types", "[\"TOASTER\"]"},
    {"roster.count", "0"},
    {"roster.count", "-1"},
    {"roster.count", "1.0"},
    {"roster.count", "100000001"},
    {"roster.sha256", "\"zz\""},
    {"attempts", "0"},
    {"attempts", "101"},
    {"valid_from", "\"2026-11-24 12:00:00\""},
    {"valid_to", "\"2026-11-24T12:00:00Z\""},
    {"valid_to", "\"2026-02-30T12:00:00Z\""},
    {"conflicts", "[{\"holder\":\"Member 1\"}]"},
    {"meeting.votes", "{\"for\":2,\"against\":0}"},
    {"meeting.members", "[]"},
    {"guidance.shall", "[]"},
    {"guidance.shall", "[{\"id\":\"x\",\"value\":\"y\"}]"},
    {"guidance.shall", "[{\"id\":\"x\",\"value\":\"y\",\"weight\":101}]"},
    {"guidance.steps", "[]"},
    {"reasons", "\"\""},
    {"reasons", "\"a\\tb\""},
    {"reasons", "null"},
    {"outcome", "\"direct-other\""},
};

START_TEST(no_value_is_out_of_range)
{
    json_t *value = json_loads(bad_values[_i].value, JSON_DECODE_ANY, NULL);

    ck_assert_ptr_nonnull(value);
    ck_assert(parse_doc());
    scene_set(&scene, bad_values[_i].path, value);
    ck_assert_msg(!parse_doc(), "%s may be %s", bad_values[_i].path, bad_values[_i].value);
    ck_assert_str_eq(e.id, "decision.schema");
}
END_TEST

START_TEST(a_cell_is_replaced_by_one_certificate)
{
    json_t *list = json_object_get(scene.doc, "replacements");

    ck_assert_int_eq(json_array_append(list, json_array_get(list, 0)), 0);
    ck_assert(!parse_doc());
    ck_assert_ptr_nonnull(strstr(e.text, "replacements[2]"));
}
END_TEST

START_TEST(a_refusal_needs_no_key)
{
    static const char *const spare[] = {"key",          "key_certificate", "method",
                                        "mode",         "replacements",    "roster",
                                        "device_types", "attempts"};

    scene_set(&scene, "outcome", json_string("refuse"));
    for (size_t i = 0; i < sizeof spare / sizeof spare[0]; i++)
        scene_set(&scene, spare[i], NULL);
    ck_assert_msg(parse_doc(), "%s", e.text);
    scene_sign(&scene, 2);
    OK(read_decision());
    ck_assert_int_eq(decision.outcome, AUTHORITY_REFUSE);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_document_is_read_whole);
    tcase_add_test(t, no_member_is_unknown_and_none_is_twice);
    tcase_add_test(t, no_needed_member_is_missing);
    tcase_add_loop_test(t, no_value_is_out_of_range, 0,
                        (int)(sizeof bad_values / sizeof bad_values[0]));
    tcase_add_test(t, a_cell_is_replaced_by_one_certificate);
    tcase_add_test(t, a_refusal_needs_no_key);
}

int main(void)
{
    return kit_run("authority_schema", papers_kit_begin, papers_kit_end, add);
}
