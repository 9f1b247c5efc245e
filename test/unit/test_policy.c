/* SPDX-License-Identifier: MIT
 *
 * Walks policy_cases.json: a base, what is changed in it, and the exact set of rules that
 * must then fail. Every rule of the table needs an allowing and a refusing case.
 */
#include "clock.h"
#include "policy_rules.h"
#include "rules.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 128

static json_t *root, *bases, *cases;
static int64_t now_us;
static struct {
    bool allowed, refused;
} covered[RULES_MAX];
static const struct policy_rule *rows[RULES_MAX];
static size_t n_rows;

static size_t index_of(const char *id)
{
    for (size_t i = 0; i < n_rows; i++)
        if (strcmp(rows[i]->id, id) == 0)
            return i;
    ck_abort_msg("no rule %s in the table", id);
}

static void list_rules(void)
{
    static const struct policy_rule *const lists[] = {
        policy_document_rules, policy_route_rules, policy_target_rules};

    n_rows = 0;
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++)
        for (const struct policy_rule *r = lists[k]; r->id != NULL; r++) {
            ck_assert_uint_lt(n_rows, RULES_MAX);
            rows[n_rows++] = r;
        }
}

/* An allowing case shows nothing where the rule does not look at it at all. */
static bool is_asked(const struct policy_rule *r, const struct policy_facts *f)
{
    bool authorised = f->outcome == AUTHORITY_AUTHORISE;

    return r->when == ALWAYS || (r->when == SIGNING && f->signing) ||
           (r->when == DEFERRAL && (f->outcome == AUTHORITY_DEFER_REVOCATION ||
                                    f->outcome == AUTHORITY_DEFER_ID_TRANSFER)) ||
           (r->when == AUTHORISED && authorised) ||
           (r->when == REPLACEMENT && authorised && f->n_replacements > 0);
}

static void load(void)
{
    json_error_t why;

    list_rules();
    root = json_load_file(POLICY_CASES, JSON_REJECT_DUPLICATES, &why);
    ck_assert_msg(root != NULL, "%s:%d: %s", POLICY_CASES, why.line, why.text);
    bases = json_object_get(root, "bases");
    cases = json_object_get(root, "cases");
    ck_assert(clock_parse(json_string_value(json_object_get(root, "now")), &now_us));
}

static void unload(void)
{
    json_decref(root);
}

static void facts_of(size_t i, const json_t *c, struct policy_facts *f)
{
    const char *base = json_string_value(json_object_get(c, "base"));
    json_t *merged = json_deep_copy(json_object_get(bases, base));
    json_t *with = json_object_get(c, "with");
    int64_t now = now_us;
    struct err e;
    char *text;
    bool ok;

    ck_assert_msg(merged != NULL, "case %zu: no base", i);
    ck_assert(with == NULL || json_object_update(merged, with) == 0);
    text = json_dumps(merged, 0);
    ok = policy_facts_from_json(span_of(text, strlen(text)), f, &now, &e);
    ck_assert_msg(ok, "case %zu: %s", i, e.text);
    free(text);
    json_decref(merged);
}

static bool expected(const json_t *c, const char *id)
{
    const json_t *also = json_object_get(c, "also");

    if (strcmp(json_string_value(json_object_get(c, "rule")), id) == 0)
        return true;
    for (size_t i = 0; i < json_array_size(also); i++)
        if (strcmp(json_string_value(json_array_get(also, i)), id) == 0)
            return true;
    return false;
}

static void judge(size_t i, const json_t *c)
{
    const char *rule = json_string_value(json_object_get(c, "rule"));
    bool allow = json_is_true(json_object_get(c, "allow"));
    size_t row = index_of(rule);
    struct policy_facts f;
    struct verdict v;

    facts_of(i, c, &f);
    policy_judge(&f, now_us, &v);
    ck_assert_msg(is_asked(rows[row], &f), "case %zu (%s): does not apply", i, rule);
    ck_assert_msg(v.allowed == (v.n == 0), "case %zu: verdict at odds with itself", i);
    for (size_t k = 0; k < v.n; k++) {
        ck_assert_msg(!allow && expected(c, v.failed[k].id), "case %zu (%s): %s: %s", i,
                      rule, v.failed[k].id, v.failed[k].why);
        ck_assert_msg(v.failed[k].why[0] != '\0', "case %zu: no reason", i);
    }
    ck_assert_msg(v.n == (allow ? 0 : 1 + json_array_size(json_object_get(c, "also"))),
                  "case %zu (%s): %zu rules failed", i, rule, v.n);
    if (allow)
        covered[row].allowed = true;
    else
        covered[row].refused = true;
}

START_TEST(every_case_fails_exactly_the_rules_it_names)
{
    load();
    ck_assert_uint_gt(json_array_size(cases), 0);
    for (size_t i = 0; i < json_array_size(cases); i++)
        judge(i, json_array_get(cases, i));
    unload();
}
END_TEST

START_TEST(every_rule_has_an_allowing_and_a_refusing_case)
{
    size_t full = 0;

    load();
    for (size_t i = 0; i < json_array_size(cases); i++)
        judge(i, json_array_get(cases, i));
    for (size_t i = 0; i < n_rows; i++) {
        full += covered[i].allowed && covered[i].refused;
        if (!covered[i].allowed || !covered[i].refused)
            printf("# %s: %s case is missing\n", rows[i]->id,
                   covered[i].allowed ? "a refusing" : "an allowing");
    }
    printf("# rules covered: %zu of %zu (%.0f %%)\n", full, n_rows,
           100.0 * (double)full / (double)n_rows);
    ck_assert_uint_eq(full, n_rows);
    unload();
}
END_TEST

START_TEST(every_rule_has_a_source_and_a_sentence)
{
    list_rules();
    for (size_t i = 0; i < n_rows; i++) {
        const struct rule *r = rules_find(rows[i]->id);

        ck_assert_msg(r != NULL, "%s has no row in rules.c", rows[i]->id);
        ck_assert(r->source[0] != '\0' && r->sentence[0] != '\0' && r->advice[0] != '\0');
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(rows[k]->id, rows[i]->id);
    }
}
END_TEST

START_TEST(no_facts_allow_nothing)
{
    struct policy_facts f;
    struct verdict v;

    memset(&f, 0, sizeof f);
    policy_judge(&f, 0, &v);
    ck_assert(!v.allowed);
    f.signing = true;
    policy_judge(&f, 0, &v);
    ck_assert(!v.allowed);
}
END_TEST

static const char *const bad_facts[] = {
    "",
    "[]",
    "{\"methods\":\"M3\"}",
    "{\"method\":\"M4\"}",
    "{\"mode\":\"anyByAnybody\"}",
    "{\"exercise\":1}",
    "{\"count\":-1}",
    "{\"count\":1.5}",
    "{\"count\":1,\"count\":1}",
    "{\"subscriber\":\"90B3D51F3001000\"}",
    "{\"device_types\":[\"ESME\",\"ESME\"]}",
    "{\"device_types\":[]}trailing",
    "{\"ppmid_cells\":[\"root\",\"root\"]}",
    "{\"replacements\":[{\"cell\":\"supplier-xx\"}]}",
    "{\"replacements\":[{\"role\":2}]}",
    "{\"replacements\":[{\"cell\":\"root\",\"role\":256}]}",
    "{\"compromised\":[{\"cell\":\"root\",\"colour\":\"red\"}]}",
    "{\"valid_from\":\"yesterday\"}",
};

START_TEST(facts_are_read_strictly)
{
    struct policy_facts f;
    int64_t now = 0;
    struct err e = {0};

    ck_assert(!policy_facts_from_json(span_of(bad_facts[_i], strlen(bad_facts[_i])), &f,
                                      &now, &e));
    ck_assert_str_eq(e.id, "policy.facts");
    ck_assert_int_eq(e.code, ERR_INPUT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *t = tcase_create("all");
    SRunner *r;
    int bad;

    tcase_set_timeout(t, 300);
    tcase_add_test(t, every_case_fails_exactly_the_rules_it_names);
    tcase_add_test(t, every_rule_has_an_allowing_and_a_refusing_case);
    tcase_add_test(t, every_rule_has_a_source_and_a_sentence);
    tcase_add_test(t, no_facts_allow_nothing);
    tcase_add_loop_test(t, facts_are_read_strictly, 0,
                        (int)(sizeof bad_facts / sizeof bad_facts[0]));
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}
