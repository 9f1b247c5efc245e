/* SPDX-License-Identifier: MIT
 *
 * The token port over a real SoftHSM: binding keys, signing, agreement, loss of the token.
 */
#include "mem.h"
#include "rules.h"
#include "token_fake.h"
#include "token_kit.h"
#include "token_p11.h"
#include "verify.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define ROWS 100

static struct token_kit kit;
static struct token_p11_note note;
static struct token *token;

static void setup(void)
{
    token_kit_new(&kit);
    note = (struct token_p11_note){0};
    token = NULL;
}

static void teardown(void)
{
    if (token != NULL)
        token->ops->close(token);
    token_kit_done();
}

static void open_token(void)
{
    ck_assert_msg(token_p11_open(&note, &kit.config, &kit.trust, "main", &token, &e), "%s",
                  e.text);
}

static void refused(const char *id, enum p11_class worst)
{
    ck_assert(!token_p11_open(&note, &kit.config, &kit.trust, "main", &token, &e));
    ck_assert_str_eq(e.id, id);
    ck_assert_ptr_nonnull(rules_find(e.id));
    ck_assert_int_eq(note.worst, worst);
    ck_assert_ptr_null(strstr(e.text, TOKEN_KIT_PIN));
}

static void key_refused(const char *id)
{
    ck_assert(!token->ops->has_key(token, 0, &e));
    ck_assert_msg(strcmp(e.id, id) == 0, "%s: %s", e.id, e.text);
    ck_assert_ptr_nonnull(rules_find(e.id));
}

static void some_digests(struct digest d[ROWS])
{
    for (uint32_t i = 0; i < ROWS; i++)
        d[i] = digest_of(span_of(&i, sizeof i), span_of(NULL, 0));
}

static void check_signatures(const struct digest d[], const struct sig_p256 s[], size_t n)
{
    AUTO(pkey) EVP_PKEY *key = verify_key(&kit.trust.keys[0].cert.at[0].point);

    ck_assert_ptr_nonnull(key);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(verify_one(key, &d[i], &s[i]), "signature %zu", i);
}

static const struct {
    unsigned sessions;
    bool copy;
} shapes[] = {{1, false}, {1, true}, {2, true}, {8, true}, {8, false}};

START_TEST(signs_rows_that_verify)
{
    struct digest d[ROWS];
    struct sig_p256 s[ROWS];
    struct token_run run;

    kit.config.tokens[0].sessions = shapes[_i].sessions;
    kit.config.tokens[0].copy_key = shapes[_i].copy;
    open_token();
    ck_assert_msg((strstr(token->what, "session key copy") != NULL) == shapes[_i].copy,
                  "%s", token->what);
    ck_assert(token->ops->has_key(token, 0, &e));
    some_digests(d);
    ck_assert_msg(token_sign(token, 0, d, s, ROWS, NULL, NULL, &run, &e), "%s", e.text);
    ck_assert_uint_eq(run.done, ROWS);
    check_signatures(d, s, ROWS);
    ck_assert(token->ops->probe(token, &e));
    ck_assert_int_eq(note.worst, P11_FINE);
}
END_TEST

static bool until(void *arg)
{
    size_t *left = arg;

    return (*left)-- > 0;
}

START_TEST(stops_between_rows_when_told)
{
    struct digest d[ROWS];
    struct sig_p256 s[ROWS];
    struct token_run run;
    size_t left = 17;

    kit.config.tokens[0].sessions = shapes[_i].sessions;
    open_token();
    some_digests(d);
    ck_assert(token_sign(token, 0, d, s, ROWS, until, &left, &run, &e));
    ck_assert_uint_eq(run.done, 17);
    check_signatures(d, s, run.done);
    ck_assert_uint_eq(run.begun, 17);
    left = 0;
    ck_assert(token_sign(token, 0, d, s, ROWS, until, &left, &run, &e));
    ck_assert_uint_eq(run.done, 0);
}
END_TEST

START_TEST(token_is_found_by_label_and_serial_only)
{
    struct config_token *t = &kit.config.tokens[0];

    (void)strcpy(t->serial, "0000000000000000");
    refused("token.not-found", P11_REBUILD);
}
END_TEST

START_TEST(token_is_not_found_by_another_label)
{
    (void)strcpy(kit.config.tokens[0].label, "rehearsa");
    refused("token.not-found", P11_REBUILD);
}
END_TEST

START_TEST(trailing_blanks_do_not_matter)
{
    (void)strcat(kit.config.tokens[0].label, "   ");
    open_token();
}
END_TEST

START_TEST(a_token_that_is_not_configured_is_refused)
{
    ck_assert(!token_p11_open(&note, &kit.config, &kit.trust, "other", &token, &e));
    ck_assert_str_eq(e.id, "token.unknown");
    ck_assert_int_eq(note.worst, P11_STOP);
}
END_TEST

START_TEST(a_missing_key_is_refused)
{
    (void)strcpy(kit.config.keys[0].id, "0A");
    open_token();
    key_refused("token.key-missing");
    ck_assert_int_eq(note.worst, P11_FINE);
}
END_TEST

START_TEST(a_label_that_differs_is_refused)
{
    (void)strcpy(kit.config.keys[0].label, "another");
    open_token();
    key_refused("token.key-missing");
}
END_TEST

START_TEST(a_second_key_of_one_id_is_refused)
{
    (void)token_kit_make_key(
        &kit, &(struct token_kit_key){
                  .id = "01", .label = "twin", .sensitive = true, .sign = true});
    open_token();
    key_refused("token.key-duplicate");
}
END_TEST

static const struct token_kit_key unfit[] = {
    {.id = "10", .label = "readable", .sensitive = false, .sign = true},
    {.id = "10", .label = "loose", .sensitive = true, .extractable = true, .sign = true},
    {.id = "10", .label = "mute", .sensitive = true, .derive = true},
    {.id = "10", .label = "p-384", .sensitive = true, .sign = true, .p384 = true},
};

START_TEST(an_unfit_key_is_refused)
{
    (void)token_kit_make_key(&kit, &unfit[_i]);
    (void)strcpy(kit.config.keys[0].id, "10");
    open_token();
    key_refused("token.key-attributes");
}
END_TEST

START_TEST(a_key_that_is_not_the_certificates_is_refused)
{
    kit.trust.keys[0].cert.at[0].point = kit.trust.keys[1].cert.at[0].point;
    open_token();
    key_refused("token.key-mismatch");
}
END_TEST

/* What signs probes and heads signs no command, under whatever id. */
START_TEST(a_key_of_the_token_s_own_is_no_command_key)
{
    kit.trust.keys[0].cert.at[0].point = _i == 0 ? kit.probe : kit.audit;
    refused("token.key-mismatch", P11_STOP);
}
END_TEST

START_TEST(the_audit_key_signs_what_verifies_with_its_public_part)
{
    struct digest d = digest_of(span_of("head", 4), span_of("", 0));
    AUTO(pkey) EVP_PKEY *key = verify_key(&kit.audit);
    struct sig_p256 sig;

    open_token();
    ck_assert_mem_eq(token->audit.b, kit.audit.b, sizeof kit.audit.b);
    ck_assert_msg(token->ops->seal(token, &d, &sig, &e), "%s", e.text);
    ck_assert(verify_one(key, &d, &sig));
}
END_TEST

START_TEST(without_its_audit_key_a_token_is_not_taken)
{
    (void)strcpy(kit.config.tokens[0].audit_id, "FF03");
    refused("token.key-missing", P11_REBUILD);
    kit.config.tokens[0].audit_id[0] = '\0';
    refused("token.key-missing", P11_REBUILD);
}
END_TEST

START_TEST(a_key_without_its_certificate_is_refused)
{
    kit.trust.keys[0].present = false;
    open_token();
    key_refused("token.key-certificate");
}
END_TEST

START_TEST(a_signing_key_does_not_agree_and_the_reverse)
{
    struct digest d = {{1}};
    struct sig_p256 s;
    uint8_t z[32];
    struct token_run run;

    open_token();
    ck_assert(!token->ops->agree(token, 0, &kit.probe, z, &e));
    ck_assert_str_eq(e.id, "token.key-attributes");
    ck_assert(!token_sign(token, 1, &d, &s, 1, NULL, NULL, &run, &e));
    ck_assert_str_eq(e.id, "token.key-attributes");
}
END_TEST

START_TEST(agreement_gives_what_openssl_gives)
{
    AUTO(pkey) EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    AUTO(pkey) EVP_PKEY *theirs = verify_key(&kit.trust.keys[1].cert.at[0].point);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    struct point public;
    uint8_t z[32], want[32];
    size_t len = 0;

    ck_assert_int_eq(EVP_PKEY_get_octet_string_param(own, "pub", public.b, 65, &len), 1);
    len = sizeof want;
    ck_assert(EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
              EVP_PKEY_derive(ctx, want, &len) == 1);
    EVP_PKEY_CTX_free(ctx);
    open_token();
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(token->ops->agree(token, 1, &public, z, &e), "%s", e.text);
        ck_assert_mem_eq(z, want, sizeof want);
    }
}
END_TEST

START_TEST(agreement_with_a_point_off_the_curve_fails)
{
    struct point bad = kit.probe;
    uint8_t z[32];

    bad.b[64] ^= 1;
    open_token();
    ck_assert(!token->ops->agree(token, 1, &bad, z, &e));
}
END_TEST

START_TEST(without_its_probe_key_a_token_is_not_taken)
{
    (void)strcpy(kit.config.tokens[0].probe_id, "FF03");
    refused("token.key-missing", P11_REBUILD);
}
END_TEST

START_TEST(a_wrong_pin_is_tried_once_and_then_blocked)
{
    token_kit_write("pin", "wrong\n", 0600);
    refused("token.pin-wrong", P11_STOP);
    refused("token.pin-wrong", P11_STOP);
    kit.config.tokens[0].low_pin_ok = true;
    refused("token.pin-wrong", P11_STOP);
    ck_assert_int_eq(p11_exit_status(note.worst), EX_CONFIG);
    token_kit_write("pin", TOKEN_KIT_PIN "\n", 0600);
    kit.config.tokens[0].low_pin_ok = false;
    refused("token.pin-low", P11_STOP); /* SoftHSM tells of it */
    kit.config.tokens[0].low_pin_ok = true;
    open_token();
}
END_TEST

START_TEST(a_lost_token_is_noticed_by_the_probe_and_found_by_a_fresh_process)
{
    struct digest d = {{1}};
    struct sig_p256 s;
    struct token_run run;

    open_token();
    ck_assert_int_eq(rename(kit_path("tokens"), kit_path("away")), 0);
    ck_assert(!token->ops->probe(token, &e));
    ck_assert_str_eq(e.id, "token.lost");
    ck_assert_int_eq(p11_exit_status(note.worst), EX_TEMPFAIL);
    /* after that nothing is signed, session copy or not */
    ck_assert(!token_sign(token, 0, &d, &s, 1, NULL, NULL, &run, &e));
    ck_assert_str_eq(e.id, "token.spent");
    ck_assert_int_eq(rename(kit_path("away"), kit_path("tokens")), 0);
    ck_assert(!token->ops->probe(token, &e)); /* the old process stays out */
    token->ops->close(token);
    token = NULL;
    note.worst = P11_FINE;
    open_token();
}
END_TEST

START_TEST(a_token_directory_that_is_away_is_a_lost_token)
{
    ck_assert_int_eq(rename(kit_path("tokens"), kit_path("away")), 0);
    ck_assert(!token_p11_open(&note, &kit.config, &kit.trust, "main", &token, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "token"));
    ck_assert_int_ne(note.worst, P11_FINE);
}
END_TEST

START_TEST(an_unreadable_configuration_is_named)
{
    (void)setenv("SOFTHSM2_CONF", kit_path("nowhere.conf"), 1);
    refused("token.module", P11_STOP);
    ck_assert_ptr_nonnull(strstr(e.text, "nowhere.conf"));
}
END_TEST

/* Of some modules every list is an instance of its own: there must be one. */
START_TEST(the_module_is_asked_for_its_functions_once)
{
    token_kit_shim(&kit, "C_GetFunctionList:2+=0x5");
    open_token();
}
END_TEST

START_TEST(a_module_is_started_with_its_string)
{
    static const char plan[] = "init_args=configdir='sql:/a b' flags=";
    struct config_token *t = &kit.config.tokens[0];

    token_kit_shim(&kit, plan);
    refused("token.module", P11_STOP);
    ck_assert_ptr_nonnull(strstr(e.text, "set InitArgs="));
    (void)strcpy(t->init_args, "other");
    refused("token.module", P11_STOP);
    ck_assert_ptr_nonnull(strstr(e.text, "InitArgs= may not be"));
    (void)strcpy(t->init_args, strchr(plan, '=') + 1);
    open_token();
}
END_TEST

static int ceremony(struct token_kit *r, void *arg)
{
    struct session s;
    struct err why;

    (void)arg;
    return !session_open(&s, &r->config, "main", true, &why) && why.code == ERR_BUSY &&
                   strcmp(why.id, "token.in-use") == 0
               ? 0
               : 1;
}

static int signer(struct token_kit *r, void *arg)
{
    struct session s;
    struct err why;
    bool ok = session_open(&s, &r->config, "main", false, &why);

    (void)arg;
    session_close(&s);
    return ok ? 0 : 1;
}

START_TEST(a_ceremony_refuses_to_run_beside_a_signer)
{
    open_token();
    ck_assert_int_eq(token_kit_child(&kit, ceremony, NULL), 0);
    ck_assert_int_eq(token_kit_child(&kit, signer, NULL),
                     0); /* a second signer is welcome */
    token->ops->close(token);
    token = NULL;
    ck_assert_int_ne(token_kit_child(&kit, ceremony, NULL), 0);
}
END_TEST

static const struct {
    const char *module;
    int mode; /* of a copy in the test's directory; 0: the path as it is */
} bad_modules[] = {
    {"libsofthsm2.so", 0},
    {"/nowhere/module.so", 0},
    {"/", 0},
    {"copy.so", 0666},
    {"copy.so", 0644} /* plain text, not a module */,
};

START_TEST(a_module_file_that_is_not_ours_is_not_loaded)
{
    struct config_token *t = &kit.config.tokens[0];

    (void)snprintf(t->module, sizeof t->module, "%s", bad_modules[_i].module);
    if (bad_modules[_i].mode != 0) {
        token_kit_write("copy.so", "not a module", bad_modules[_i].mode);
        (void)snprintf(t->module, sizeof t->module, "%s", kit_path("copy.so"));
    }
    refused("token.module", P11_STOP);
}
END_TEST

START_TEST(a_directory_that_others_write_is_no_place_for_a_module)
{
    struct config_token *t = &kit.config.tokens[0];

    ck_assert_int_eq(mkdir(kit_path("open"), 0700), 0);
    ck_assert_int_eq(chmod(kit_path("open"), 0777), 0);
    token_kit_write("open/copy.so", "x", 0644);
    (void)snprintf(t->module, sizeof t->module, "%s", kit_path("open/copy.so"));
    refused("token.module", P11_STOP);
    ck_assert_ptr_nonnull(strstr(e.text, "may write"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("p11_token");
    TCase *t = tcase_create("token");
    SRunner *r = srunner_create(s);
    int n_shapes = (int)(sizeof shapes / sizeof shapes[0]);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, signs_rows_that_verify, 0, n_shapes);
    tcase_add_loop_test(t, stops_between_rows_when_told, 0, n_shapes);
    tcase_add_test(t, token_is_found_by_label_and_serial_only);
    tcase_add_test(t, token_is_not_found_by_another_label);
    tcase_add_test(t, trailing_blanks_do_not_matter);
    tcase_add_test(t, a_token_that_is_not_configured_is_refused);
    tcase_add_test(t, a_missing_key_is_refused);
    tcase_add_test(t, a_label_that_differs_is_refused);
    tcase_add_test(t, a_second_key_of_one_id_is_refused);
    tcase_add_loop_test(t, an_unfit_key_is_refused, 0,
                        (int)(sizeof unfit / sizeof unfit[0]));
    tcase_add_test(t, a_key_that_is_not_the_certificates_is_refused);
    tcase_add_loop_test(t, a_key_of_the_token_s_own_is_no_command_key, 0, 2);
    tcase_add_test(t, the_audit_key_signs_what_verifies_with_its_public_part);
    tcase_add_test(t, without_its_audit_key_a_token_is_not_taken);
    tcase_add_test(t, a_key_without_its_certificate_is_refused);
    tcase_add_test(t, a_signing_key_does_not_agree_and_the_reverse);
    tcase_add_test(t, agreement_gives_what_openssl_gives);
    tcase_add_test(t, agreement_with_a_point_off_the_curve_fails);
    tcase_add_test(t, without_its_probe_key_a_token_is_not_taken);
    tcase_add_test(t, a_wrong_pin_is_tried_once_and_then_blocked);
    tcase_add_test(t, a_lost_token_is_noticed_by_the_probe_and_found_by_a_fresh_process);
    tcase_add_test(t, a_token_directory_that_is_away_is_a_lost_token);
    tcase_add_test(t, an_unreadable_configuration_is_named);
    tcase_add_test(t, the_module_is_asked_for_its_functions_once);
    tcase_add_test(t, a_module_is_started_with_its_string);
    tcase_add_test(t, a_ceremony_refuses_to_run_beside_a_signer);
    tcase_add_loop_test(t, a_module_file_that_is_not_ours_is_not_loaded, 0,
                        (int)(sizeof bad_modules / sizeof bad_modules[0]));
    tcase_add_test(t, a_directory_that_others_write_is_no_place_for_a_module);
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
