/* SPDX-License-Identifier: MIT */
#include "near.h"
#include "textform.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"incident open", "incident event", "incident show",
                                    "status",        "batch start",    "batch watch",
                                    "audit verify",  "keys list"};
#define N (sizeof words / sizeof words[0])

START_TEST(a_slip_of_the_fingers_is_understood)
{
    static const char *const cases[][2] = {
        {"stauts", "status"},
        {"statu", "status"},
        {"STATUS", "status"},
        {"incident opne", "incident open"},
        {"incidnet show", "incident show"},
        {"batch strat", "batch start"},
        {"audit-verify", "audit verify"},
        {"key list", "keys list"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_str_eq(near_word(cases[i][0], words, N), cases[i][1]);
}
END_TEST

START_TEST(what_is_another_word_is_not_taken_for_one)
{
    static const char *const none[] = {
        "",      "x",          "confirm",
        "start", "frobnicate", "a-word-that-is-longer-than-any-of-those-that-there-are"};

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        ck_assert_ptr_null(near_word(none[i], words, N));
    ck_assert_ptr_null(near_word("status", words, 0));
}
END_TEST

START_TEST(a_hint_says_what_was_meant_and_what_there_is)
{
    char out[NEAR_TEXT];
    const char *many[200];

    ck_assert_str_eq(near_hint(out, "stauts", words + 3, 2),
                     "; did you mean \"status\"? There are status, batch start");
    ck_assert_str_eq(near_hint(out, "x", words + 3, 2), "; there are status, batch start");
    ck_assert_str_eq(near_hint(out, "x", words, 0), "");
    for (size_t i = 0; i < 200; i++)
        many[i] = "a-word-of-some-length";
    (void)near_hint(out, "x", many, 200);
    ck_assert_uint_lt(strlen(out), NEAR_TEXT);
    ck_assert_str_eq(out + strlen(out) - 5, ", ...");
}
END_TEST

#define ODD(text, columns, lines) \
    textform_odd(span_of(text, sizeof text - 1), columns, lines)

START_TEST(a_file_of_another_program_is_named_as_what_it_is)
{
    ck_assert_ptr_nonnull(strstr(ODD("\xff\xfe"
                                     "d\0e\0",
                                     true, true),
                                 "UTF-16"));
    ck_assert_ptr_nonnull(strstr(ODD("\xfe\xff\0d\0e", true, true), "UTF-16"));
    ck_assert_ptr_nonnull(strstr(ODD("d\0e\0v\0", true, true), "UTF-16"));
    ck_assert_ptr_nonnull(strstr(ODD("\xef\xbb\xbf"
                                     "device,type\n",
                                     true, true),
                                 "byte order"));
    ck_assert_ptr_nonnull(strstr(ODD("device;type\n1;2\n", true, true), "semicolons"));
    ck_assert_ptr_nonnull(strstr(ODD("device\ttype\n", true, true), "tabs"));
    ck_assert_ptr_nonnull(strstr(ODD("device,type\r\n", true, true), "CR LF"));
    ck_assert_ptr_null(ODD("device,type\r\n", true, false));
    ck_assert_ptr_null(ODD("a;b\n", false, true));
    ck_assert_ptr_null(ODD("device,type,a;b\n1,2,3\n", true, true));
    ck_assert_ptr_null(ODD("", true, true));
    ck_assert_ptr_null(ODD("\n", true, true));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("near");
    TCase *t = tcase_create("near");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, a_slip_of_the_fingers_is_understood);
    tcase_add_test(t, what_is_another_word_is_not_taken_for_one);
    tcase_add_test(t, a_hint_says_what_was_meant_and_what_there_is);
    tcase_add_test(t, a_file_of_another_program_is_named_as_what_it_is);
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
