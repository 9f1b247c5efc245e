/* SPDX-License-Identifier: MIT
 *
 * What SoftHSM never does: tokens that lock, die, hang, lie. The mock module and the shim.
 */
#include "mem.h"
#include "rules.h"
#include "token_fake.h"
#include "token_kit.h"
#include "token_p11.h"
#include "verify.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define ROWS   20
#define SECOND "26" /* a call for the second of two runs, where sessions are few */

static struct token_kit kit;
static struct token_p11_note note;
static struct token *token;

static void done(void)
{
    if (token != NULL)
        token->ops->close(token);
    token_kit_done();
}

static void refused(const char *id, enum p11_class worst)
{
    note.worst = P11_FINE;
    ck_assert(!token_p11_open(&note, &kit.config, &kit.trust, "main", &token, &e));
    ck_assert_msg(strcmp(e.id, id) == 0, "%s: %s", e.id, e.text);
    ck_assert_ptr_nonnull(rules_find(e.id));
    ck_assert_int_eq(note.worst, worst);
    token = NULL;
}

static void opened(void)
{
    ck_assert_msg(token_p11_open(&note, &kit.config, &kit.trust, "main", &token, &e), "%s",
                  e.text);
}

/* --- the mock --- */

static void mock(void)
{
    token_kit_new_mock(&kit);
}

static void plan(const char *text)
{
    char all[512];

    (void)snprintf(all, sizeof all, "state=%s,%s", kit_path("tries"), text);
    (void)setenv("SMKI_P11_MOCK", all, 1);
}

static long tries(void)
{
    struct stat st;

    return stat(kit_path("tries"), &st) == 0 ? (long)st.st_size : 0;
}

START_TEST(mock_opens_signs_and_proves)
{
    plan("slots=3");
    kit.config.tokens[0].sessions = 4;
    opened();
    ck_assert(token->ops->probe(token, &e));
    ck_assert_ptr_nonnull(strstr(token->what, "token key"));
}
END_TEST

START_TEST(a_bare_point_is_understood)
{
    plan("bare=1");
    opened();
}
END_TEST

START_TEST(one_wrong_pin_is_one_try_whatever_the_flags_say)
{
    plan(_i == 0 ? "tries=3" : "tries=3,constant-flags=1");
    token_kit_write("pin", "wrong\n", 0600);
    refused("token.pin-wrong", P11_STOP);
    ck_assert_int_eq(tries(), 1);
    for (int again = 0; again < 5; again++)
        refused("token.pin-wrong", P11_STOP); /* what was said first stays */
    ck_assert_ptr_nonnull(strstr(e.text, "C_Login: CKR_PIN_INCORRECT; tried once"));
    ck_assert_int_eq(tries(), 1);
    token_kit_write("pin", "1234\n", 0600);
    if (_i == 0)
        refused("token.pin-low", P11_STOP);
    ck_assert_int_eq(tries(), 1);
    kit.config.tokens[0].low_pin_ok = true;
    opened();
    ck_assert_int_eq(tries(), 0);
}
END_TEST

START_TEST(the_last_try_is_never_taken)
{
    plan("tries=2");
    kit.config.tokens[0].low_pin_ok = true;
    token_kit_write("tries", "x", 0600);
    refused("token.pin-locked", P11_STOP);
    ck_assert_int_eq(tries(), 1);
}
END_TEST

START_TEST(a_locked_pin_is_left_alone)
{
    plan("tries=2");
    kit.config.tokens[0].low_pin_ok = true;
    token_kit_write("tries", "xx", 0600);
    refused("token.pin-locked", P11_STOP);
    ck_assert_int_eq(tries(), 2);
}
END_TEST

START_TEST(a_low_count_wants_the_operators_word)
{
    plan("tries=5");
    token_kit_write("tries", "x", 0600);
    refused("token.pin-low", P11_STOP);
    ck_assert_int_eq(tries(), 1);
    kit.config.tokens[0].low_pin_ok = true;
    opened();
}
END_TEST

START_TEST(a_pin_longer_than_the_tokens_limit_is_not_sent)
{
    plan("tries=3");
    token_kit_write("pin", "12345678901234567\n", 0600);
    refused("token.pin-form", P11_STOP);
    ck_assert_int_eq(tries(), 0);
}
END_TEST

START_TEST(already_logged_in_counts_as_success)
{
    plan("C_Login:1=0x100");
    /* the mock did not log in, so its keys stay hidden; but the login itself passed */
    refused("token.key-missing", P11_REBUILD);
}
END_TEST

static const struct {
    const char *plan;
    const char *id;
    enum p11_class worst;
} at_start[] = {
    {"no-ecdsa=1", "token.mechanism", P11_STOP},
    {"C_Initialize:1=0x5", "token.module", P11_REBUILD},
    {"C_OpenSession:1=0x32", "token.lost", P11_REBUILD},
    {"C_OpenSession:2=0xb1", "token.lost", P11_REBUILD},
    {"C_Login:1=0x30", "token.lost", P11_REBUILD},
    {"C_Login:1=0xa4", "token.pin-locked", P11_STOP},
    {"C_Login:1=0xa3", "token.refused", P11_STOP},
    {"C_FindObjectsInit:1=0x90", "token.bug", P11_BUG},
    {"C_GetTokenInfo:3=0x5", "token.lost", P11_REBUILD},
    {"C_Sign:1=spoil", "token.probe", P11_STOP},
    {"C_Sign:1=short", "token.lost", P11_REBUILD},
    {"C_Sign:1=0x32", "token.lost", P11_REBUILD},
    {"C_SignInit:1=0x70", "token.refused", P11_STOP},
    {"C_SignInit:1+=0xb3", "token.lost", P11_REBUILD},
};

START_TEST(trouble_at_the_start_has_its_own_end)
{
    plan(at_start[_i].plan);
    refused(at_start[_i].id, at_start[_i].worst);
}
END_TEST

START_TEST(a_head_that_is_signed_wrongly_ends_the_token)
{
    struct digest d = digest_of(span_of("head", 4), span_of("", 0));
    struct sig_p256 sig;

    plan("C_Sign:2=spoil"); /* 1 is the probe */
    opened();
    ck_assert(!token->ops->seal(token, &d, &sig, &e));
    ck_assert_str_eq(e.id, "token.audit-key");
    ck_assert_int_eq(note.worst, P11_STOP);
    ck_assert(!token->ops->probe(token, &e));
}
END_TEST

START_TEST(a_session_that_dies_before_the_signature_is_replaced_once)
{
    plan("C_SignInit:2=0xb3,C_SignInit:4=0xb0");
    opened();
    ck_assert(token->ops->probe(token, &e));
    ck_assert(token->ops->probe(token, &e));
    ck_assert_int_eq(note.worst, P11_FINE);
}
END_TEST

static int try_to_open(struct token_kit *r, void *arg)
{
    struct token_p11_note how = {0};
    struct token *t;
    struct err why;

    (void)arg;
    if (token_p11_open(&how, &r->config, &r->trust, "main", &t, &why)) {
        t->ops->close(t);
        return 0;
    }
    return p11_exit_status(how.worst);
}

static int status_of(void)
{
    return WEXITSTATUS(token_kit_child(&kit, try_to_open, NULL));
}

START_TEST(an_unknown_code_builds_anew_once_and_then_stops)
{
    plan("C_Sign:1=0x80000017");
    ck_assert_int_eq(status_of(), EX_TEMPFAIL);
    ck_assert_int_eq(status_of(), EX_CONFIG);
    /* a good start forgives */
    plan("x=1");
    ck_assert_int_eq(status_of(), 0);
    plan("C_Sign:1=0x80000017");
    ck_assert_int_eq(status_of(), EX_TEMPFAIL);
}
END_TEST

static const char *const hangs[] = {"C_Initialize:1=hang", "C_OpenSession:1=hang",
                                    "C_Login:1=hang",      "C_FindObjectsInit:1=hang",
                                    "C_SignInit:1=hang",   "C_Sign:1=hang"};

START_TEST(a_module_that_hangs_dies_by_the_alarm)
{
    int status;

    plan(hangs[_i]);
    kit.config.signer.call_timeout_s = 1;
    status = token_kit_child(&kit, try_to_open, NULL);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGALRM);
    /* and its locks went with it */
    plan("x=1");
    ck_assert_int_eq(status_of(), 0);
}
END_TEST

/* --- the shim, before a real token --- */

static struct digest digests[ROWS];
static struct sig_p256 sigs[ROWS];

static void shim(const char *text)
{
    token_kit_shim(&kit, text);
    for (uint32_t i = 0; i < ROWS; i++)
        digests[i] = digest_of(span_of(&i, sizeof i), span_of(NULL, 0));
}

static void soft(void)
{
    token_kit_new(&kit);
}

static void check_signatures(size_t n)
{
    AUTO(pkey) EVP_PKEY *key = verify_key(&kit.trust.keys[0].cert.at[0].point);

    for (size_t i = 0; i < n; i++)
        ck_assert(verify_one(key, &digests[i], &sigs[i]));
}

START_TEST(a_failed_signature_is_never_tried_again)
{
    struct token_run n;

    shim(_i == 0 ? "C_Sign:6=0xb3" : "C_Sign:6=0x80000103"); /* 1 is the probe */
    opened();
    ck_assert(!token_sign(token, 0, digests, sigs, ROWS, NULL, NULL, &n, &e));
    ck_assert_uint_eq(n.done, 4);
    ck_assert_uint_eq(n.begun, 5);
    check_signatures(n.done);
    ck_assert_str_eq(e.id, _i == 0 ? "token.lost" : "token.unknown-code");
    /* the session is thrown away, and a fresh one does */
    ck_assert_int_eq(note.worst, P11_FINE);
    ck_assert_msg(token_sign(token, 0, digests, sigs, ROWS, NULL, NULL, &n, &e), "%s",
                  e.text);
    ck_assert_uint_eq(n.done, ROWS);
    check_signatures(ROWS);
}
END_TEST

START_TEST(when_a_fresh_session_fails_too_a_fresh_process_is_wanted)
{
    struct token_run n;

    shim("C_Sign:6+=0x80000103");
    opened();
    ck_assert(!token_sign(token, 0, digests, sigs, ROWS, NULL, NULL, &n, &e));
    ck_assert_uint_eq(n.done, 4);
    ck_assert_int_eq(note.worst, P11_FINE);
    ck_assert(!token_sign(token, 0, digests, sigs, ROWS, NULL, NULL, &n, &e));
    ck_assert_uint_eq(n.done, 0);
    ck_assert_str_eq(e.id, "token.unknown-code");
    ck_assert_int_eq(note.worst, P11_UNKNOWN);
    ck_assert(!token_sign(token, 0, digests, sigs, ROWS, NULL, NULL, &n, &e));
    ck_assert_str_eq(e.id, "token.spent");
    ck_assert_uint_eq(n.begun, 0);
}
END_TEST

START_TEST(a_session_that_dies_in_a_run_does_not_stop_it)
{
    struct token_run n;

    shim("C_SignInit:6=0xb3,C_OpenSession:99=0x5");
    kit.config.tokens[0].sessions = _i == 0 ? 1 : 4;
    opened();
    ck_assert_msg(token_sign(token, 0, digests, sigs, ROWS, NULL, NULL, &n, &e), "%s",
                  e.text);
    ck_assert_uint_eq(n.done, ROWS);
    check_signatures(n.done);
    ck_assert_int_eq(note.worst, P11_FINE);
}
END_TEST

START_TEST(a_removed_device_stops_the_run_at_a_row)
{
    struct token_run n;

    shim("C_SignInit:9+=0x32");
    kit.config.tokens[0].sessions = 4;
    opened();
    ck_assert(!token_sign(token, 0, digests, sigs, ROWS, NULL, NULL, &n, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "CKR_DEVICE_REMOVED"));
    ck_assert_uint_le(n.done, 4);
    check_signatures(n.done);
}
END_TEST

/* --- one run behind another --- */

static struct sig_p256 later[ROWS];

static void begin_both(void)
{
    ck_assert(token->ops->begin(token, 0, digests, sigs, ROWS, NULL, NULL, &e));
    ck_assert(token->ops->begin(token, 0, digests, later, ROWS, NULL, NULL, &e));
}

static void both_are_whole(void)
{
    struct token_run n;

    ck_assert_msg(token->ops->finish(token, &n, &e), "%s", e.text);
    ck_assert_uint_eq(n.done, ROWS);
    check_signatures(ROWS);
    ck_assert_msg(token->ops->finish(token, &n, &e), "%s", e.text);
    ck_assert_uint_eq(n.done, ROWS);
    memcpy(sigs, later, sizeof sigs);
    check_signatures(ROWS);
    ck_assert_int_eq(note.worst, P11_FINE);
}

/* A session dies before a signature: of the first run, of the second, of both. */
static const char *const deaths[] = {"x=1", "C_SignInit:6=0xb3",
                                     "C_SignInit:" SECOND "=0xb3",
                                     "C_SignInit:6=0xb3,C_SignInit:" SECOND "=0xb3"};

START_TEST(a_run_follows_another_whatever_session_dies)
{
    shim(deaths[_i / 3]);
    kit.config.tokens[0].sessions = _i % 3 == 0 ? 1 : _i % 3 == 1 ? 4 : ROWS;
    opened();
    begin_both();
    both_are_whole();
}
END_TEST

START_TEST(a_failure_in_the_second_run_leaves_the_first_whole)
{
    struct token_run n;

    shim("C_Sign:" SECOND "=0x80000103");
    kit.config.tokens[0].sessions = _i == 0 ? 1 : 4;
    opened();
    begin_both();
    ck_assert_msg(token->ops->finish(token, &n, &e), "%s", e.text);
    ck_assert_uint_eq(n.done, ROWS);
    check_signatures(ROWS);
    ck_assert(!token->ops->finish(token, &n, &e));
    ck_assert_str_eq(e.id, "token.unknown-code");
    ck_assert_uint_lt(n.done, ROWS);
    ck_assert_uint_gt(n.begun, n.done);
    memcpy(sigs, later, sizeof sigs);
    check_signatures(n.done);
    ck_assert_int_eq(note.worst, P11_FINE);
    begin_both();
    both_are_whole();
}
END_TEST

START_TEST(after_a_failure_the_second_run_goes_on_with_fresh_sessions)
{
    struct token_run n;

    shim("C_Sign:6=0xb3");
    opened();
    begin_both();
    ck_assert(!token->ops->finish(token, &n, &e));
    ck_assert_uint_eq(n.done, 4);
    ck_assert_msg(token->ops->finish(token, &n, &e), "%s", e.text);
    ck_assert_uint_eq(n.done, ROWS);
    memcpy(sigs, later, sizeof sigs);
    check_signatures(ROWS);
}
END_TEST

START_TEST(a_refused_copy_falls_back_in_silence)
{
    struct token_run n;

    shim("C_CopyObject:1+=0xb8");
    opened();
    ck_assert_ptr_nonnull(strstr(token->what, "token key"));
    ck_assert(token_sign(token, 0, digests, sigs, ROWS, NULL, NULL, &n, &e));
    check_signatures(ROWS);
    ck_assert_int_eq(note.worst, P11_FINE);
}
END_TEST

static int sign_once(struct token_kit *r, void *arg)
{
    struct token_p11_note how = {0};
    struct token *t;
    struct err why;
    struct token_run n;

    (void)arg;
    return token_p11_open(&how, &r->config, &r->trust, "main", &t, &why) &&
                   token_sign(t, 0, digests, sigs, ROWS, NULL, NULL, &n, &why)
               ? 0
               : 1;
}

START_TEST(a_signature_that_hangs_kills_the_process)
{
    int status;

    shim("C_Sign:5=hang");
    kit.config.signer.call_timeout_s = 1;
    kit.config.tokens[0].sessions = _i == 0 ? 1 : 4;
    status = token_kit_child(&kit, sign_once, NULL);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGALRM);
}
END_TEST

START_TEST(opening_probing_and_looking_do_not_use_a_command_key)
{
    const char *file = kit_path("uses");
    struct stat st;
    struct token_run n;

    shim("");
    (void)setenv("P11_SHIM_COUNT_LABEL", "recovery", 1);
    (void)setenv("P11_SHIM_COUNT_FILE", file, 1);
    kit.config.tokens[0].sessions = 4;
    opened();
    ck_assert(token->ops->has_key(token, 0, &e));
    ck_assert(token->ops->probe(token, &e));
    ck_assert_int_ne(stat(file, &st), 0);
    /* the counter does count, session copies too */
    ck_assert(token_sign(token, 0, digests, sigs, 3, NULL, NULL, &n, &e));
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_int_eq(st.st_size, 3);
}
END_TEST

#define LEN(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
    Suite *s = suite_create("p11_fault");
    TCase *m = tcase_create("mock"), *t = tcase_create("shim");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(m, mock, done);
    tcase_add_test(m, mock_opens_signs_and_proves);
    tcase_add_test(m, a_bare_point_is_understood);
    tcase_add_loop_test(m, one_wrong_pin_is_one_try_whatever_the_flags_say, 0, 2);
    tcase_add_test(m, the_last_try_is_never_taken);
    tcase_add_test(m, a_locked_pin_is_left_alone);
    tcase_add_test(m, a_low_count_wants_the_operators_word);
    tcase_add_test(m, a_pin_longer_than_the_tokens_limit_is_not_sent);
    tcase_add_test(m, already_logged_in_counts_as_success);
    tcase_add_test(m, a_head_that_is_signed_wrongly_ends_the_token);
    tcase_add_loop_test(m, trouble_at_the_start_has_its_own_end, 0, LEN(at_start));
    tcase_add_test(m, a_session_that_dies_before_the_signature_is_replaced_once);
    tcase_add_test(m, an_unknown_code_builds_anew_once_and_then_stops);
    tcase_add_loop_test(m, a_module_that_hangs_dies_by_the_alarm, 0, LEN(hangs));
    suite_add_tcase(s, m);
    tcase_add_checked_fixture(t, soft, done);
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, a_failed_signature_is_never_tried_again, 0, 2);
    tcase_add_test(t, when_a_fresh_session_fails_too_a_fresh_process_is_wanted);
    tcase_add_loop_test(t, a_session_that_dies_in_a_run_does_not_stop_it, 0, 2);
    tcase_add_test(t, a_removed_device_stops_the_run_at_a_row);
    tcase_add_loop_test(t, a_run_follows_another_whatever_session_dies, 0, 3 * LEN(deaths));
    tcase_add_loop_test(t, a_failure_in_the_second_run_leaves_the_first_whole, 0, 2);
    tcase_add_test(t, after_a_failure_the_second_run_goes_on_with_fresh_sessions);
    tcase_add_test(t, a_refused_copy_falls_back_in_silence);
    tcase_add_loop_test(t, a_signature_that_hangs_kills_the_process, 0, 2);
    tcase_add_test(t, opening_probing_and_looking_do_not_use_a_command_key);
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
