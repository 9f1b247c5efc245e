/* SPDX-License-Identifier: MIT */
#include "p11_error.h"
#include "rules.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct {
    CK_RV rv;
    enum p11_class class;
    bool session;
    const char *id;
} cases[] = {
    {CKR_ARGUMENTS_BAD, P11_BUG, false, "token.bug"},
    {CKR_OPERATION_ACTIVE, P11_BUG, false, "token.bug"},
    {CKR_BUFFER_TOO_SMALL, P11_BUG, false, "token.bug"},
    {CKR_CRYPTOKI_ALREADY_INITIALIZED, P11_BUG, false, "token.bug"},
    {CKR_SESSION_HANDLE_INVALID, P11_REBUILD, true, "token.lost"},
    {CKR_SESSION_CLOSED, P11_REBUILD, true, "token.lost"},
    {CKR_OBJECT_HANDLE_INVALID, P11_REBUILD, false, "token.lost"},
    {CKR_USER_NOT_LOGGED_IN, P11_REBUILD, false, "token.lost"},
    {CKR_DEVICE_ERROR, P11_REBUILD, false, "token.lost"},
    {CKR_DEVICE_REMOVED, P11_REBUILD, false, "token.lost"},
    {CKR_GENERAL_ERROR, P11_REBUILD, false, "token.lost"},
    {CKR_PIN_INCORRECT, P11_STOP, false, "token.refused"},
    {CKR_PIN_LOCKED, P11_STOP, false, "token.refused"},
    {CKR_MECHANISM_INVALID, P11_STOP, false, "token.refused"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, P11_STOP, false, "token.refused"},
    {0x777, P11_UNKNOWN, false, "token.unknown-code"},
    {CKR_VENDOR_DEFINED | 0x17, P11_UNKNOWN, false, "token.unknown-code"},
};

START_TEST(each_code_has_its_column)
{
    struct err e;

    ck_assert_int_eq(p11_code(cases[_i].rv)->class, cases[_i].class);
    ck_assert_int_eq(p11_code(cases[_i].rv)->session, cases[_i].session);
    ck_assert(!p11_error("C_Sign", cases[_i].rv, &e));
    ck_assert_str_eq(e.id, cases[_i].id);
    ck_assert_ptr_nonnull(rules_find(e.id));
    ck_assert_ptr_nonnull(strstr(e.text, "C_Sign: "));
}
END_TEST

START_TEST(the_text_names_call_code_and_number)
{
    struct err e;

    ck_assert(!p11_error("C_Sign", CKR_DEVICE_REMOVED, &e));
    ck_assert_str_eq(e.text, "C_Sign: CKR_DEVICE_REMOVED (0x32)");
    ck_assert(!p11_error("C_Sign", 0x80000017, &e));
    ck_assert_str_eq(e.text, "C_Sign: unknown code 0x80000017");
}
END_TEST

START_TEST(exit_statuses_tell_what_may_help)
{
    ck_assert_int_eq(p11_exit_status(P11_FINE), 0);
    ck_assert_int_eq(p11_exit_status(P11_REBUILD), EX_TEMPFAIL);
    ck_assert_int_eq(p11_exit_status(P11_UNKNOWN), EX_TEMPFAIL);
    ck_assert_int_eq(p11_exit_status(P11_STOP), EX_CONFIG);
    ck_assert_int_eq(p11_exit_status(P11_BUG), EX_SOFTWARE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("p11_error");
    TCase *t = tcase_create("codes");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_loop_test(t, each_code_has_its_column, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(t, the_text_names_call_code_and_number);
    tcase_add_test(t, exit_statuses_tell_what_may_help);
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
