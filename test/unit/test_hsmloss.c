/* SPDX-License-Identifier: MIT */
#include "hsmloss.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define L(l) HSMLOSS_BIT(HSMLOSS_##l)
#define R(r) ROUTE_BIT(ROUTE_##r)

static const struct {
    uint32_t lost;
    uint32_t routes;
    bool method_1, rebuild, remedy;
    size_t rows;
} cases[] = {
    {L(USER), R(METHOD_2) | R(METHOD_3), false, false, true, 1},
    {L(SRP), R(METHOD_2) | R(METHOD_3), false, false, true, 1},
    {L(ACB), R(METHOD_3), true, false, true, 1},
    {L(RECOVERY_TOKEN), 0, true, true, true, 1},
    {L(RECOVERY_KEY), R(CONTINGENCY), true, false, true, 1},
    {L(CONTINGENCY_TOKEN), 0, true, true, true, 1},
    {L(CONTINGENCY_KEY), R(CONTINGENCY_KEY), true, false, true, 1},
    {L(RECOVERY_KEY) | L(CONTINGENCY_KEY), 0, true, false, false, 3},
    {L(USER) | L(RECOVERY_TOKEN), R(METHOD_2) | R(METHOD_3), false, true, true, 2},
    {L(USER) | L(RECOVERY_KEY), R(CONTINGENCY), false, false, true, 2},
    {L(USER) | L(ACB), R(METHOD_2) | R(METHOD_3), false, false, true, 2},
    {L(USER) | L(RECOVERY_KEY) | L(CONTINGENCY_KEY), 0, false, false, false, 4},
    {L(RECOVERY_KEY) | L(CONTINGENCY_TOKEN), R(CONTINGENCY), true, true, true, 2},
};

START_TEST(every_loss_has_its_advice)
{
    struct hsmloss_advice a;

    ck_assert(hsmloss_advise(cases[_i].lost, &a));
    ck_assert_uint_eq(a.routes, cases[_i].routes);
    ck_assert_int_eq(a.method_1, cases[_i].method_1);
    ck_assert_int_eq(a.rebuild, cases[_i].rebuild);
    ck_assert_int_eq(a.remedy, cases[_i].remedy);
    ck_assert_uint_eq(a.n_rows, cases[_i].rows);
    for (size_t i = 0; i < a.n_rows; i++)
        ck_assert_uint_eq(a.rows[i]->lost & cases[_i].lost, a.rows[i]->lost);
}
END_TEST

START_TEST(every_set_of_losses_is_answered_and_losing_more_never_opens_a_recovery_route)
{
    const uint32_t ways = R(METHOD_2) | R(METHOD_3) | R(CONTINGENCY) | R(RECOVERY_KEY);

    for (uint32_t lost = 1; lost < HSMLOSS_BIT(HSMLOSS_COUNT); lost++) {
        struct hsmloss_advice a, b;

        ck_assert(hsmloss_advise(lost, &a));
        ck_assert_uint_gt(a.n_rows, 0);
        ck_assert(a.remedy || a.routes == 0);
        ck_assert_int_eq(a.remedy, (lost & (L(RECOVERY_KEY) | L(CONTINGENCY_KEY))) !=
                                       (L(RECOVERY_KEY) | L(CONTINGENCY_KEY)));
        if ((lost & L(RECOVERY_KEY)) != 0)
            ck_assert_uint_eq(a.routes & (R(METHOD_2) | R(METHOD_3) | R(RECOVERY_KEY)), 0);
        if ((lost & L(CONTINGENCY_KEY)) != 0)
            ck_assert_uint_eq(a.routes & R(CONTINGENCY), 0);
        ck_assert(hsmloss_advise(lost | L(RECOVERY_KEY) | L(CONTINGENCY_KEY), &b));
        ck_assert_uint_eq(b.routes & ways, 0);
        ck_assert(!b.method_1 || a.method_1);
    }
}
END_TEST

START_TEST(nothing_lost_or_nonsense_is_not_answered)
{
    struct hsmloss_advice a;

    ck_assert(!hsmloss_advise(0, &a));
    ck_assert(!hsmloss_advise(HSMLOSS_BIT(HSMLOSS_COUNT), &a));
    ck_assert(!hsmloss_advise(L(USER) | HSMLOSS_BIT(31), &a));
}
END_TEST

START_TEST(every_row_speaks_plainly_and_says_its_source)
{
    struct hsmloss_advice all; /* all lost: every row speaks */
    const struct hsmloss_row *r;

    ck_assert(hsmloss_advise(HSMLOSS_BIT(HSMLOSS_COUNT) - 1, &all));
    ck_assert_uint_eq(all.n_rows, HSMLOSS_COUNT + 1);
    r = all.rows[_i];
    ck_assert_uint_gt(strlen(r->sentence), 20);
    ck_assert_uint_gt(strlen(r->source), 0);
    ck_assert_str_eq(r->certainty, "INFERRED");
    ck_assert(r->remedy || strstr(r->sentence, "no remote remedy") != NULL);
}
END_TEST

static char *printed(uint32_t lost)
{
    struct hsmloss_advice a;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    ck_assert(hsmloss_advise(lost, &a));
    ck_assert_ptr_nonnull(to);
    hsmloss_print(to, &a);
    ck_assert_int_eq(fclose(to), 0);
    return text;
}

START_TEST(the_plain_answer_is_printed)
{
    char *none = printed(L(RECOVERY_KEY) | L(CONTINGENCY_KEY));
    char *user = printed(L(USER) | L(RECOVERY_TOKEN));
    char *token = printed(L(RECOVERY_TOKEN));

    ck_assert_ptr_nonnull(strstr(none, "No remote remedy; device exchange.\n"));
    ck_assert_ptr_null(strstr(none, "Routes that remain"));
    ck_assert_ptr_nonnull(strstr(user, "First: restore the token"));
    ck_assert_ptr_nonnull(strstr(user, "Routes that remain: method-2, method-3\n"));
    ck_assert_ptr_nonnull(strstr(token, "Routes that remain: none is needed\n"));
    free(none);
    free(user);
    free(token);
}
END_TEST

START_TEST(losses_have_names)
{
    enum hsmloss l;

    for (unsigned i = 0; i < HSMLOSS_COUNT; i++) {
        ck_assert(hsmloss_find(hsmloss_name((enum hsmloss)i), &l));
        ck_assert_uint_eq(l, i);
    }
    ck_assert(!hsmloss_find("hsm", &l));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hsmloss");
    TCase *c = tcase_create("table");
    SRunner *r = srunner_create(s);

    tcase_add_loop_test(c, every_loss_has_its_advice, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(
        c, every_set_of_losses_is_answered_and_losing_more_never_opens_a_recovery_route);
    tcase_add_test(c, nothing_lost_or_nonsense_is_not_answered);
    tcase_add_loop_test(c, every_row_speaks_plainly_and_says_its_source, 0,
                        HSMLOSS_COUNT + 1);
    tcase_add_test(c, the_plain_answer_is_printed);
    tcase_add_test(c, losses_have_names);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
