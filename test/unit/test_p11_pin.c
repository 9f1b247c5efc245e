/* SPDX-License-Identifier: MIT */
#include "p11_pin.h"
#include "rules.h"
#include "token_kit.h"

#include <openssl/crypto.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHEN      INT64_C(1790000000123456)
#define WHEN_TEXT "2026-09-21T14:13:20.123456Z"

static struct token_kit kit;
static struct config_token *token;

static void setup(void)
{
    (void)setenv("P11_MOCK", "/not-loaded", 0);
    token_kit_new_mock(&kit);
    token = &kit.config.tokens[0];
}

static void teardown(void)
{
    token_kit_done();
}

static void put(const void *at, size_t len)
{
    FILE *f = fopen(kit_path("pin"), "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(at, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

static const struct {
    const char *text;
    size_t len;
    const char *pin; /* NULL: refused */
} forms[] = {
    {"1234", 4, "1234"},       {"1234\n", 5, "1234"}, {"12 34\n\n", 7, "12 34\n"},
    {"1234\r\n", 6, "1234\r"}, {"", 0, NULL},         {"\n", 1, NULL},
    {"12\0", 3, NULL},         {"1\0002\n", 4, NULL},
};

START_TEST(one_newline_is_cut_and_nothing_else)
{
    struct p11_pin pin;

    memset(&e, 0, sizeof e);
    put(forms[_i].text, forms[_i].len);
    if (forms[_i].pin == NULL) {
        ck_assert(!p11_pin_read(token, &pin, &e));
        ck_assert_str_eq(e.id, "token.pin-form");
        ck_assert_ptr_null(pin.at);
        return;
    }
    ck_assert_msg(p11_pin_read(token, &pin, &e), "%s", e.text);
    ck_assert_uint_eq(pin.len, strlen(forms[_i].pin));
    ck_assert_mem_eq(pin.at, forms[_i].pin, pin.len);
    ck_assert(CRYPTO_secure_allocated(pin.at));
    p11_pin_wipe(&pin);
    ck_assert_ptr_null(pin.at);
}
END_TEST

START_TEST(a_pin_has_a_longest_length)
{
    char text[P11_PIN_MAX + 2];
    struct p11_pin pin;

    memset(text, '7', sizeof text);
    text[P11_PIN_MAX] = '\n';
    put(text, P11_PIN_MAX + 1);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert_uint_eq(pin.len, P11_PIN_MAX);
    p11_pin_wipe(&pin);
    text[P11_PIN_MAX] = '7';
    put(text, P11_PIN_MAX + 1);
    ck_assert(!p11_pin_read(token, &pin, &e));
    ck_assert_str_eq(e.id, "token.pin-form");
    ck_assert_ptr_null(strstr(e.text, "777"));
}
END_TEST

START_TEST(a_file_open_to_others_is_refused)
{
    struct p11_pin pin;

    ck_assert_int_eq(chmod(kit_path("pin"), 0644), 0);
    ck_assert(!p11_pin_read(token, &pin, &e));
    ck_assert_str_eq(e.id, "token.pin-source");
    ck_assert_ptr_nonnull(strstr(e.text, "chmod 600"));
}
END_TEST

START_TEST(a_missing_source_is_refused)
{
    struct p11_pin pin;

    ck_assert_int_eq(unlink(kit_path("pin")), 0);
    ck_assert(!p11_pin_read(token, &pin, &e));
    ck_assert_str_eq(e.id, "token.pin-source");
    token->pin_file[0] = '\0';
    ck_assert(!p11_pin_read(token, &pin, &e));
    ck_assert_str_eq(e.id, "token.pin-source");
}
END_TEST

START_TEST(a_credential_comes_from_the_directory_of_credentials)
{
    struct p11_pin pin;

    (void)strcpy(token->pin_credential, "pin");
    token->pin_file[0] = '\0';
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    ck_assert(!p11_pin_read(token, &pin, &e));
    ck_assert_str_eq(e.id, "token.pin-source");
    (void)setenv("CREDENTIALS_DIRECTORY", kit_dir, 1);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert_mem_eq(pin.at, "1234", 4);
    p11_pin_wipe(&pin);
    (void)strcpy(token->pin_credential, "state/../pin");
    ck_assert(!p11_pin_read(token, &pin, &e));
}
END_TEST

START_TEST(a_block_stands_until_the_source_changes)
{
    const char *mark = kit_path("mark");
    struct p11_pin pin;

    memset(&e, 0, sizeof e);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert(p11_pin_allowed(&pin, mark, &e));
    ck_assert(p11_pin_block(&pin, mark, WHEN, "C_Login: CKR_PIN_INCORRECT", &e));
    ck_assert(!p11_pin_allowed(&pin, mark, &e));
    ck_assert_str_eq(e.id, "token.pin-wrong");
    ck_assert_ptr_nonnull(strstr(e.text, WHEN_TEXT ": C_Login: CKR_PIN_INCORRECT ("));
    p11_pin_wipe(&pin);
    put("12345\n", 6);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert(p11_pin_allowed(&pin, mark, &e));
    p11_pin_wipe(&pin);
}
END_TEST

START_TEST(a_credentials_block_stands_until_a_person_lifts_it)
{
    const char *mark = kit_path("mark");
    struct p11_pin pin;

    memset(&e, 0, sizeof e);
    (void)strcpy(token->pin_credential, "pin");
    (void)setenv("CREDENTIALS_DIRECTORY", kit_dir, 1);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert(p11_pin_block(&pin, mark, WHEN, "C_Login: CKR_PIN_INCORRECT", &e));
    p11_pin_wipe(&pin);
    put("12345\n", 6); /* every service start copies it anew */
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert(!p11_pin_allowed(&pin, mark, &e));
    p11_pin_wipe(&pin);
}
END_TEST

/* A service that runs on hands its signers the copy that was wrong. */
START_TEST(lifted_it_still_stands_for_the_copy_that_was_wrong)
{
    const char *mark = kit_path("mark");
    struct p11_pin pin, fresh;
    bool lifted;

    memset(&e, 0, sizeof e);
    (void)strcpy(token->pin_credential, "pin");
    (void)setenv("CREDENTIALS_DIRECTORY", kit_dir, 1);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert(p11_pin_block(&pin, mark, WHEN, "C_Login: CKR_PIN_INCORRECT", &e));
    for (int again = 0; again < 2; again++) {
        ck_assert(p11_pin_unblock(NULL, mark, &lifted, &e));
        ck_assert_int_eq(lifted, again == 0);
        ck_assert(!p11_pin_allowed(&pin, mark, &e));
        ck_assert_str_eq(e.id, "token.pin-wrong");
        ck_assert_ptr_nonnull(strstr(e.text, WHEN_TEXT ": C_Login: CKR_PIN_INCORRECT ("));
    }
    put("12345\n", 6);
    ck_assert(p11_pin_read(token, &fresh, &e));
    ck_assert(p11_pin_allowed(&fresh, mark, &e));
    p11_pin_wipe(&pin);
    p11_pin_wipe(&fresh);
}
END_TEST

START_TEST(a_torn_block_stands_for_any_source)
{
    struct p11_pin pin;
    bool lifted;

    token_kit_write("mark", "", 0600);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert(!p11_pin_allowed(&pin, kit_path("mark"), &e));
    ck_assert_str_eq(e.id, "token.pin-blocked");
    ck_assert_ptr_nonnull(rules_find(e.id));
    ck_assert(p11_pin_unblock(&pin, kit_path("mark"), &lifted, &e));
    ck_assert(lifted);
    ck_assert(p11_pin_allowed(&pin, kit_path("mark"), &e));
    p11_pin_wipe(&pin);
}
END_TEST

START_TEST(the_bar_of_a_file_that_is_as_it_was_is_not_lifted)
{
    const char *mark = kit_path("mark");
    struct p11_pin pin;
    bool lifted = true;

    memset(&e, 0, sizeof e);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert(p11_pin_unblock(&pin, mark, &lifted, &e)); /* none stands */
    ck_assert(!lifted);
    ck_assert(p11_pin_block(&pin, mark, WHEN, "C_Login: CKR_PIN_INCORRECT", &e));
    ck_assert(!p11_pin_unblock(&pin, mark, &lifted, &e));
    ck_assert(!lifted);
    ck_assert_str_eq(e.id, "token.pin-wrong");
    ck_assert_ptr_nonnull(strstr(e.text, WHEN_TEXT));
    ck_assert(!p11_pin_allowed(&pin, mark, &e));
    p11_pin_wipe(&pin);
    put("12345\n", 6);
    ck_assert(p11_pin_read(token, &pin, &e));
    ck_assert(p11_pin_unblock(&pin, mark, &lifted, &e));
    ck_assert(lifted);
    p11_pin_wipe(&pin);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("p11_pin");
    TCase *t = tcase_create("pin");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, one_newline_is_cut_and_nothing_else, 0,
                        (int)(sizeof forms / sizeof forms[0]));
    tcase_add_test(t, a_pin_has_a_longest_length);
    tcase_add_test(t, a_file_open_to_others_is_refused);
    tcase_add_test(t, a_missing_source_is_refused);
    tcase_add_test(t, a_credential_comes_from_the_directory_of_credentials);
    tcase_add_test(t, a_block_stands_until_the_source_changes);
    tcase_add_test(t, a_credentials_block_stands_until_a_person_lifts_it);
    tcase_add_test(t, lifted_it_still_stands_for_the_copy_that_was_wrong);
    tcase_add_test(t, a_torn_block_stands_for_any_source);
    tcase_add_test(t, the_bar_of_a_file_that_is_as_it_was_is_not_lifted);
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
