/* SPDX-License-Identifier: MIT */
#include "refusals.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 (INT64_C(1700000000) * 1000000)

static unsigned admitted(struct refusals *r, uid_t uid, bool role, unsigned n, int64_t at)
{
    unsigned yes = 0;

    for (unsigned i = 0; i < n; i++)
        yes += refusals_admit(r, uid, role, "request.role", at);
    return yes;
}

START_TEST(a_uid_has_so_many_records_a_minute_and_the_rest_is_one_sum)
{
    struct refusals r = {0};
    struct refusals_sum s;

    ck_assert_uint_eq(admitted(&r, 7, false, 300000, T0), REFUSALS_WITHOUT);
    ck_assert_uint_eq(admitted(&r, 8, true, 1000, T0), REFUSALS_WITH_ROLE);
    ck_assert(!refusals_take(&r, T0 + REFUSALS_MINUTE_US - 1, false, &s));
    ck_assert(refusals_take(&r, T0 + REFUSALS_MINUTE_US, false, &s));
    ck_assert_uint_eq(s.uid, 7);
    ck_assert_uint_eq(s.summed, 300000 - REFUSALS_WITHOUT);
    ck_assert_uint_eq(s.n_rules, 1);
    ck_assert_str_eq(s.rules[0].rule, "request.role");
    ck_assert_uint_eq(s.rules[0].n, s.summed);
    ck_assert(refusals_take(&r, T0 + REFUSALS_MINUTE_US, false, &s));
    ck_assert_uint_eq(s.summed, 1000 - REFUSALS_WITH_ROLE);
    ck_assert(!refusals_take(&r, T0 + REFUSALS_MINUTE_US, false, &s));
    /* a new minute, new records */
    ck_assert_uint_eq(admitted(&r, 7, false, 3, T0 + REFUSALS_MINUTE_US), 3);
}
END_TEST

START_TEST(a_quiet_minute_leaves_no_sum)
{
    struct refusals r = {0};
    struct refusals_sum s;

    ck_assert_uint_eq(admitted(&r, 7, true, 5, T0), 5);
    ck_assert(!refusals_take(&r, T0 + REFUSALS_MINUTE_US, false, &s));
    ck_assert_uint_eq(r.n, 0);
    /* what was not taken in time is not lost either: it joins the next sum */
    ck_assert_uint_eq(admitted(&r, 7, false, 100, T0), REFUSALS_WITHOUT);
    ck_assert_uint_eq(admitted(&r, 7, false, 1, T0 + 2 * REFUSALS_MINUTE_US), 0);
    ck_assert(refusals_take(&r, T0, true, &s));
    ck_assert_uint_eq(s.summed, 101 - REFUSALS_WITHOUT);
}
END_TEST

START_TEST(more_uids_and_rules_than_places_share_one)
{
    struct refusals r = {0};
    struct refusals_sum s;
    uint64_t sum = 0, by_rule = 0;
    char rule[16];
    unsigned yes = 0;

    for (uid_t uid = 1000; uid < 3000; uid++)
        yes += admitted(&r, uid, true, 1, T0);
    ck_assert_uint_le(r.n, REFUSALS_UIDS_MAX + 1);
    ck_assert_uint_eq(yes, REFUSALS_UIDS_MAX + REFUSALS_WITHOUT);
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(rule, sizeof rule, "rule.r%u", i);
        ck_assert(!refusals_admit(&r, 2999, true, rule, T0));
    }
    while (refusals_take(&r, T0, true, &s)) {
        sum += s.summed;
        ck_assert_uint_le(s.n_rules, REFUSALS_RULES_MAX);
        for (size_t i = 0; i < s.n_rules; i++)
            by_rule += s.rules[i].n;
    }
    ck_assert_uint_eq(sum, 2000 - REFUSALS_UIDS_MAX - REFUSALS_WITHOUT + 40);
    ck_assert_uint_eq(by_rule, sum);
}
END_TEST

START_TEST(a_clock_set_back_ends_the_minute)
{
    struct refusals r = {0};

    ck_assert_uint_eq(admitted(&r, 7, true, 10, T0), 10);
    ck_assert_uint_eq(admitted(&r, 7, true, 1000, T0 - 1), REFUSALS_WITH_ROLE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("refusals");
    TCase *t = tcase_create("sums");
    SRunner *sr;
    int failed;

    tcase_add_test(t, a_uid_has_so_many_records_a_minute_and_the_rest_is_one_sum);
    tcase_add_test(t, a_quiet_minute_leaves_no_sum);
    tcase_add_test(t, more_uids_and_rules_than_places_share_one);
    tcase_add_test(t, a_clock_set_back_ends_the_minute);
    suite_add_tcase(s, t);
    sr = srunner_create(s);
    srunner_set_tap(sr, "-");
    srunner_run_all(sr, CK_SILENT);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed > 0;
}
