/* SPDX-License-Identifier: MIT */
#include "page.h"

#include "mem.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

START_TEST(a_text_is_text_whatever_it_holds)
{
    AUTO(mem) char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(f);
    page_put(f, "<b>{}</b>{}", "<i>&\"'\x01\xc3\xa9", NULL);
    page_put(f, "{{}", "x");
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_str_eq(text, "<b>&lt;i&gt;&amp;&quot;&#39;?\xc3\xa9</b>{x");
}
END_TEST

START_TEST(numbers_are_in_threes)
{
    static const struct {
        json_int_t n;
        const char *text;
    } t[] = {{0, "0"},          {999, "999"},  {1000, "1,000"}, {1234567, "1,234,567"},
             {-1000, "-1,000"}, {-100, "-100"}};
    char out[32];

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        ck_assert_str_eq(page_number(t[i].n, out), t[i].text);
}
END_TEST

START_TEST(a_time_loses_its_fraction_and_a_stump_is_none)
{
    char out[24];

    ck_assert_str_eq(page_time("2026-11-24T14:50:01.605097Z", out), "2026-11-24 14:50:01");
    ck_assert_str_eq(page_time("2026-11-24", out), "");
}
END_TEST

/* Of twenty: twelve replaced, four by the supplier, one in a state of tomorrow, three silent. */
START_TEST(a_bar_has_every_device)
{
    AUTO(json)
    json_t *by_state = json_pack("{s:i,s:i,s:i,s:i}", "devices", 20, "success", 12, "own",
                                 4, "dreaming", 1);
    AUTO(mem) char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(f);
    page_bar(f, "E&S", by_state);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_ptr_nonnull(strstr(text, "data-full=\"20\""));
    ck_assert_ptr_nonnull(
        strstr(text, "aria-label=\"E&amp;S, 12 replaced, 4 replaced by the supplier&#39;s "
                     "own key, 3 no answer yet, 1 unknown\""));
    ck_assert_ptr_nonnull(strstr(text, "class=\"c-good\" x=\"0.00\" width=\"600.00\""));
    ck_assert_ptr_nonnull(strstr(text, "class=\"c-own\" x=\"600.00\" width=\"200.00\""));
    ck_assert_ptr_nonnull(strstr(text, "class=\"c-away\" x=\"950.00\" width=\"50.00\""));
    ck_assert_ptr_nonnull(strstr(text, ">16 of 20<"));
}
END_TEST

START_TEST(a_bar_of_nothing_is_empty)
{
    AUTO(mem) char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(f);
    page_bar(f, "none", NULL);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_ptr_null(strstr(text, "<rect"));
    ck_assert_ptr_nonnull(strstr(text, ">0 of 0<"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("page");
    TCase *t = tcase_create("page");
    SRunner *r;
    int failed;

    tcase_add_test(t, a_text_is_text_whatever_it_holds);
    tcase_add_test(t, numbers_are_in_threes);
    tcase_add_test(t, a_time_loses_its_fraction_and_a_stump_is_none);
    tcase_add_test(t, a_bar_has_every_device);
    tcase_add_test(t, a_bar_of_nothing_is_empty);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
