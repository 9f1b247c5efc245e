/* SPDX-License-Identifier: MIT */
#include "hsmloss.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define L(l) HSMLOSS_BIT(HSMLOSS_##l)
#define R(r) ROUTE_BIT(ROUTE_##r)

#define BY_RECOVERY (R(METHOD_2) | R(METHOD_3) | R(RECOVERY_KEY))

static const struct {
    uint32_t lost;
    uint32_t routes, later;
    enum route opens;
    bool method_1, rebuild, remedy;
    size_t rows;
} cases[] = {
    {L(SUPPLIER), R(METHOD_2) | R(METHOD_3), 0, ROUTE_UNDECIDED, false, false, true, 1},
    {L(NETWORK), R(METHOD_3), 0, ROUTE_UNDECIDED, false, false, true, 2},
    {L(SRP), R(SHARED_EVENT) | R(METHOD_2) | R(METHOD_3), 0, ROUTE_SHARED_EVENT, false,
     false, true, 1},
    {L(ACB), R(METHOD_3), 0, ROUTE_UNDECIDED, false, false, true, 2},
    {L(TCOS), R(METHOD_3), 0, ROUTE_UNDECIDED, false, false, true, 1},
    {L(WAN_PROVIDER), R(METHOD_3), 0, ROUTE_UNDECIDED, false, false, true, 1},
    {L(ISSUING_OCA), R(ISSUING_OCA), 0, ROUTE_ISSUING_OCA, true, false, true, 1},
    {L(ROOT_OCA), R(CONTINGENCY), 0, ROUTE_CONTINGENCY, true, false, true, 1},
    {L(RECOVERY_TOKEN), 0, 0, ROUTE_UNDECIDED, true, true, true, 1},
    {L(RECOVERY_KEY), R(CONTINGENCY), 0, ROUTE_RECOVERY_KEY, true, false, true, 1},
    {L(CONTINGENCY_TOKEN), 0, 0, ROUTE_UNDECIDED, true, true, true, 1},
    {L(CONTINGENCY_KEY), R(CONTINGENCY_KEY), 0, ROUTE_CONTINGENCY_KEY, true, false, true,
     1},
    {L(SYMMETRIC_KEY), R(CONTINGENCY_KEY), 0, ROUTE_CONTINGENCY_KEY, true, false, true, 1},
    {L(HSM), 0, 0, ROUTE_UNDECIDED, true, true, true, 1},
    {L(HSM_KEYS), 0, 0, ROUTE_UNDECIDED, false, false, false, 5},
    {L(RECOVERY_KEY) | L(CONTINGENCY_KEY), 0, 0, ROUTE_UNDECIDED, true, false, false, 3},
    {L(RECOVERY_KEY) | L(SYMMETRIC_KEY), 0, 0, ROUTE_UNDECIDED, true, false, false, 3},
    {L(SUPPLIER) | L(RECOVERY_TOKEN), R(METHOD_2) | R(METHOD_3), 0, ROUTE_UNDECIDED, false,
     true, true, 2},
    {L(SUPPLIER) | L(RECOVERY_KEY), R(CONTINGENCY), R(METHOD_2) | R(METHOD_3),
     ROUTE_RECOVERY_KEY, false, false, true, 2},
    /* without the ACB nobody hands back */
    {L(SUPPLIER) | L(ACB), R(METHOD_3), R(METHOD_2), ROUTE_UNDECIDED, false, false, true,
     3},
    {L(SUPPLIER) | L(RECOVERY_KEY) | L(CONTINGENCY_KEY), 0, 0, ROUTE_UNDECIDED, false,
     false, false, 4},
    {L(RECOVERY_KEY) | L(CONTINGENCY_TOKEN), R(CONTINGENCY), 0, ROUTE_RECOVERY_KEY, true,
     true, true, 2},
    /* a new Issuing OCA needs a root */
    {L(ROOT_OCA) | L(ISSUING_OCA), R(CONTINGENCY), R(ISSUING_OCA), ROUTE_CONTINGENCY, true,
     false, true, 2},
    /* the root cannot come any more; what the Recovery key does goes on */
    {L(ROOT_OCA) | L(CONTINGENCY_KEY) | L(SUPPLIER), R(METHOD_2) | R(METHOD_3), 0,
     ROUTE_UNDECIDED, false, false, false, 4},
    /* what is gone for good is not restored */
    {L(RECOVERY_KEY) | L(RECOVERY_TOKEN), R(CONTINGENCY), 0, ROUTE_RECOVERY_KEY, true,
     false, true, 1},
    {L(HSM) | L(HSM_KEYS), 0, 0, ROUTE_UNDECIDED, false, false, false, 5},
};

START_TEST(every_loss_has_its_advice)
{
    struct hsmloss_advice a;

    ck_assert(hsmloss_advise(cases[_i].lost, &a));
    ck_assert_uint_eq(a.routes, cases[_i].routes);
    ck_assert_uint_eq(a.later, cases[_i].later);
    ck_assert_int_eq(a.opens, cases[_i].opens);
    ck_assert_int_eq(a.method_1, cases[_i].method_1);
    ck_assert_int_eq(a.rebuild, cases[_i].rebuild);
    ck_assert_int_eq(a.remedy, cases[_i].remedy);
    ck_assert_uint_eq(a.n_rows, cases[_i].rows);
    for (size_t i = 0; i < a.n_rows; i++)
        ck_assert_uint_eq(a.rows[i]->lost & a.lost, a.rows[i]->lost);
}
END_TEST

START_TEST(each_single_loss_is_among_the_cases)
{
    bool there = false;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        there = there || cases[i].lost == HSMLOSS_BIT(_i);
    ck_assert_msg(there, "%s", hsmloss_name((enum hsmloss)_i));
}
END_TEST

/* What is printed of a row never promises what the sum takes away. */
static void agrees_with_itself(const struct hsmloss_advice *a)
{
    uint32_t said = 0;

    for (size_t i = 0; i < a->n_rows; i++)
        said |= hsmloss_open(a, a->rows[i]);
    ck_assert_uint_eq(said, a->routes);
    ck_assert_uint_eq(a->routes & a->later, 0);
    ck_assert(a->routes != 0 || a->later == 0);
    ck_assert(a->routes != 0 || a->rebuild || !a->remedy);
    if (a->routes != 0)
        ck_assert(incident_route(a->opens)->opens);
}

START_TEST(every_set_of_losses_is_answered_and_losing_more_never_opens_a_recovery_route)
{
    const uint32_t ways = BY_RECOVERY | R(CONTINGENCY);

    for (uint32_t lost = 1; lost < HSMLOSS_BIT(HSMLOSS_COUNT); lost++) {
        struct hsmloss_advice a, b;
        bool recovery, contingency;

        ck_assert(hsmloss_advise(lost, &a));
        ck_assert_uint_gt(a.n_rows, 0);
        agrees_with_itself(&a);
        recovery = (a.lost & L(RECOVERY_KEY)) != 0;
        contingency = (a.lost & (L(CONTINGENCY_KEY) | L(SYMMETRIC_KEY))) != 0;
        ck_assert_int_eq(a.remedy,
                         !(contingency && (recovery || (a.lost & L(ROOT_OCA)) != 0)));
        if (recovery)
            ck_assert_uint_eq(a.routes & BY_RECOVERY, 0);
        if (contingency)
            ck_assert_uint_eq(a.routes & R(CONTINGENCY), 0);
        if (recovery && contingency)
            ck_assert_uint_eq(a.routes, 0);
        if ((a.lost & L(ACB)) != 0)
            ck_assert_uint_eq(a.routes & R(METHOD_2), 0);
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
    ck_assert(!hsmloss_advise(L(SUPPLIER) | HSMLOSS_BIT(31), &a));
}
END_TEST

/* Every row speaks for some set of two. */
START_TEST(every_row_speaks_plainly_and_says_its_source_and_how_certain_it_is)
{
    const struct hsmloss_row *seen[HSMLOSS_ROWS] = {NULL};
    size_t n = 0;

    for (unsigned i = 0; i < HSMLOSS_COUNT; i++)
        for (unsigned k = 0; k <= i; k++) {
            struct hsmloss_advice a;

            ck_assert(hsmloss_advise(HSMLOSS_BIT(i) | HSMLOSS_BIT(k), &a));
            for (size_t r = 0; r < a.n_rows; r++) {
                size_t at = 0;

                while (at < n && seen[at] != a.rows[r])
                    at++;
                if (at == n)
                    seen[n++] = a.rows[r];
            }
        }
    ck_assert_uint_eq(n, HSMLOSS_ROWS);
    for (size_t r = 0; r < n; r++) {
        ck_assert_uint_gt(strlen(seen[r]->sentence), 20);
        ck_assert_uint_gt(strlen(seen[r]->source), 0);
        ck_assert(strcmp(seen[r]->certainty, "CONFIRMED") == 0 ||
                  strcmp(seen[r]->certainty, "INFERRED") == 0 ||
                  strcmp(seen[r]->certainty, "UNKNOWN") == 0);
        ck_assert(seen[r]->remedy || strstr(seen[r]->sentence, "no remote remedy") != NULL);
        /* what is not known opens nothing */
        ck_assert(strcmp(seen[r]->certainty, "UNKNOWN") != 0 || seen[r]->routes == 0);
    }
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
    char *user = printed(L(SUPPLIER) | L(RECOVERY_TOKEN));
    char *later = printed(L(SUPPLIER) | L(RECOVERY_KEY));
    char *token = printed(L(RECOVERY_TOKEN));

    ck_assert_ptr_nonnull(strstr(none, "No remote remedy; device exchange.\n"));
    ck_assert_ptr_null(strstr(none, "Routes that remain"));
    ck_assert_ptr_null(strstr(none, "Way: contingency"));
    ck_assert_ptr_nonnull(strstr(user, "First: restore the token"));
    ck_assert_ptr_nonnull(strstr(user, "Routes that remain: method-2, method-3\n"));
    ck_assert_ptr_nonnull(strstr(later, "Way: none as things stand."));
    ck_assert_ptr_nonnull(strstr(later,
                                 "Routes that remain: contingency\n"
                                 "After that: method-2, method-3\n"
                                 "An incident about it opens on route recovery-key"));
    ck_assert_ptr_nonnull(strstr(token, "Routes that remain: none is needed\n"));
    free(none);
    free(user);
    free(later);
    free(token);
}
END_TEST

START_TEST(the_answer_as_json_says_the_same)
{
    struct hsmloss_advice a;
    json_t *j;

    ck_assert(hsmloss_advise(L(SUPPLIER) | L(RECOVERY_KEY), &a));
    j = hsmloss_json(&a);
    ck_assert_ptr_nonnull(j);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "says")), a.n_rows);
    ck_assert_str_eq(json_string_value(json_object_get(j, "opens")), "recovery-key");
    ck_assert_uint_eq(json_array_size(json_object_get(j, "later")), 2);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(j, "lost"), 1)),
                     "recovery-key");
    json_decref(j);
}
END_TEST

START_TEST(names_with_commas_are_read)
{
    struct err e;
    uint32_t lost;

    ck_assert(hsmloss_parse("acb,recovery-key,acb", &lost, &e));
    ck_assert_uint_eq(lost, L(ACB) | L(RECOVERY_KEY));
    ck_assert(!hsmloss_parse("acb,", &lost, &e));
    ck_assert(!hsmloss_parse("", &lost, &e));
    ck_assert(!hsmloss_parse("acb,a-name-that-is-longer-than-any-of-the-table-ever-was",
                             &lost, &e));
    ck_assert_str_eq(e.id, "request.member");
}
END_TEST

START_TEST(losses_have_names)
{
    enum hsmloss l;

    for (unsigned i = 0; i < HSMLOSS_COUNT; i++) {
        ck_assert(hsmloss_find(hsmloss_name((enum hsmloss)i), &l));
        ck_assert_uint_eq(l, i);
    }
    ck_assert(!hsmloss_find("user", &l));
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
    tcase_add_loop_test(c, each_single_loss_is_among_the_cases, 0, HSMLOSS_COUNT);
    tcase_add_test(c, every_row_speaks_plainly_and_says_its_source_and_how_certain_it_is);
    tcase_add_test(c, the_plain_answer_is_printed);
    tcase_add_test(c, the_answer_as_json_says_the_same);
    tcase_add_test(c, names_with_commas_are_read);
    tcase_add_test(c, losses_have_names);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
