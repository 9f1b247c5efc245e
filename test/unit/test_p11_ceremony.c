/* SPDX-License-Identifier: MIT
 *
 * The custodians' tool as a process: keys made once, marks raised and never lowered,
 * nothing beside a signer.
 */
#include "mem.h"
#include "token_kit.h"

#include <openssl/pem.h>

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define EUI "90B3D51F30010000"

static struct token_kit kit;
static char said[8192]; /* standard output and error of the last run */

static void write_config(void)
{
    const struct config_token *t = &kit.config.tokens[0];
    char text[4096];

    ck_assert_int_lt(
        snprintf(
            text, sizeof text,
            "[Signer]\nStateDirectory=%s\n"
            "[Trust]\nRoot=/none/root.pem\nIssuing=/none/issuing.pem\nCustodians=none\n"
            "[Counter]\nStart=1\n"
            "[Authority \"pma\"]\nAnchor=/none/pma.pem\nThreshold=2\nMembers=3\n"
            "MaxWindowSec=86400\n"
            "[Token "
            "\"main\"]\nModule=%s\nLabel=%s\nSerial=%s\nPinFile=%s\nProbeId=FF01\nAuditId="
            "FF02\n"
            "[Key \"recovery\"]\nToken=main\nId=01\nCertificate=/none/r.pem\n"
            "Authority=pma\n"
            "[Key \"fresh\"]\nToken=main\nId=0B\nCertificate=/none/f.pem\n"
            "Authority=pma\n"
            "[Key \"fresh-ka\"]\nToken=main\nId=0C\nCertificate=/none/k.pem\n"
            "Authority=pma\n",
            kit.config.signer.state_dir, t->module, t->label, t->serial, t->pin_file),
        (int)sizeof text);
    token_kit_write("recovery.conf", text, 0600);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(getenv("SMKI_CEREMONY"));
    token_kit_new(&kit);
    write_config();
}

static void teardown(void)
{
    token_kit_done();
}

struct words {
    const char *argv[12];
};

static int exec_it(struct token_kit *r, void *arg)
{
    struct words *w = arg;
    const char *program = getenv("SMKI_CEREMONY");
    int fd = open(kit_path("said"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    size_t n = 0;

    (void)r;
    if (program == NULL || fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        abort();
    while (w->argv[n] != NULL)
        n++;
    w->argv[n++] = "--config";
    w->argv[n++] = kit_path("recovery.conf");
    (void)execv(program, (char **)(uintptr_t)w->argv);
    abort();
}

/* Runs the tool with these words and the configuration; its exit status. */
static int run(struct words w)
{
    int status = token_kit_child(&kit, exec_it, &w);
    FILE *f = fopen(kit_path("said"), "r");
    size_t n;

    ck_assert_ptr_nonnull(f);
    n = fread(said, 1, sizeof said - 1, f);
    said[n] = '\0';
    (void)fclose(f);
    ck_assert(WIFEXITED(status));
    ck_assert_ptr_null(strstr(said, TOKEN_KIT_PIN));
    return WEXITSTATUS(status);
}
#define RUN(...) run((struct words){{"ceremony", __VA_ARGS__, NULL}})

static int look(struct token_kit *r, void *arg)
{
    static const struct {
        const char *name, *id;
        enum p11_use use;
    } made[] = {{"fresh", "0B", P11_USE_SIGN}, {"fresh-ka", "0C", P11_USE_DERIVE}};
    CK_MECHANISM sha = {CKM_ECDSA_SHA1, NULL, 0}, plain = {CKM_ECDSA, NULL, 0};
    struct p11_key key;
    struct session s;

    (void)arg;
    if (!session_open(&s, &r->config, "main", false, &e))
        return 1;
    for (size_t i = 0; i < 2; i++)
        if (!p11_key_find(&s, made[i].name, made[i].id, made[i].name, made[i].use, &key,
                          &e))
            return 2;
    if (!p11_key_find(&s, "fresh", "0B", NULL, P11_USE_SIGN, &key, &e) ||
        s.f->C_SignInit(s.anchor, &sha, key.token) == CKR_OK ||
        s.f->C_SignInit(s.anchor, &plain, key.token) != CKR_OK)
        return 3;
    session_close(&s);
    return 0;
}

START_TEST(keys_are_made_once_and_as_the_signer_wants_them)
{
    const char *pem = kit_path("fresh.pem");
    EVP_PKEY *key;
    FILE *f;

    ck_assert_msg(RUN("generate", "--key", "fresh", "--out", pem) == 0, "%s", said);
    ck_assert_ptr_nonnull(strstr(said, "BEGIN PUBLIC KEY"));
    ck_assert_msg(RUN("generate", "--key", "fresh-ka") == 0, "%s", said);
    f = fopen(pem, "r");
    ck_assert_ptr_nonnull(f);
    key = PEM_read_PUBKEY(f, NULL, NULL, NULL);
    (void)fclose(f);
    ck_assert_ptr_nonnull(key);
    EVP_PKEY_free(key);
    ck_assert_int_eq(token_kit_child(&kit, look, NULL), 0);
    ck_assert_int_eq(RUN("generate", "--key", "fresh"), 1);
    ck_assert_ptr_nonnull(strstr(said, "token.key-exists"));
    ck_assert_int_eq(RUN("generate", "--probe"), 1);
    /* one of them is there: none is made, and no empty file is left */
    ck_assert_int_eq(RUN("generate", "--all", "--out", kit_path("all.pem")), 1);
    ck_assert_int_ne(access(kit_path("all.pem"), F_OK), 0);
}
END_TEST

START_TEST(an_existing_file_is_not_written_over)
{
    token_kit_write("old.pem", "old", 0600);
    ck_assert_int_eq(RUN("generate", "--key", "fresh", "--out", kit_path("old.pem")),
                     EX_CONFIG);
    ck_assert_int_eq(RUN("generate", "--key", "fresh"), 0); /* it was not made */
}
END_TEST

START_TEST(the_mark_is_shown_and_only_ever_raised)
{
    ck_assert_int_eq(RUN("mark", "--originator", EUI), 0);
    ck_assert_str_eq(said, "mark " EUI " 0\n");
    ck_assert_int_eq(RUN("mark", "--originator", EUI, "--raise-to", "5000"), 0);
    ck_assert_ptr_nonnull(strstr(said, "lost 5000 counters for good, "));
    ck_assert_int_eq(RUN("mark", "--originator", EUI, "--raise-to", "4999"), 1);
    ck_assert_ptr_nonnull(strstr(said, "token.counter-mark"));
    ck_assert_int_eq(RUN("mark", "--originator", EUI, "--raise-to", "4294972297"), 1);
    ck_assert_ptr_nonnull(strstr(said, "4294967297 counters would be lost"));
    ck_assert_int_eq(RUN("mark", "--originator", EUI), 0);
    ck_assert_str_eq(said, "mark " EUI " 5000\n");
    ck_assert_int_eq(RUN("show"), 0);
    ck_assert_ptr_nonnull(strstr(said, "mark " EUI " 5000\n"));
    ck_assert_ptr_nonnull(strstr(said, "key recovery id 01 for signing"));
    ck_assert_ptr_nonnull(strstr(said, "key fresh id 0B NOT USABLE"));
}
END_TEST

START_TEST(beside_a_signer_nothing_is_done)
{
    struct session s;

    ck_assert(session_open(&s, &kit.config, "main", false, &e));
    ck_assert_int_eq(RUN("show"), EX_TEMPFAIL);
    ck_assert_ptr_nonnull(strstr(said, "token.in-use"));
    ck_assert_int_eq(RUN("generate", "--key", "fresh"), EX_TEMPFAIL);
    session_close(&s);
    ck_assert_int_eq(RUN("show"), 0);
}
END_TEST

START_TEST(a_wrong_pin_is_forgiven_by_a_person)
{
    ck_assert_int_eq(RUN("pin-retry"), 0); /* nothing to forgive, nothing else */
    ck_assert_ptr_nonnull(strstr(said, "no bar of a wrong PIN"));
    token_kit_write("pin", "wrong\n", 0600);
    ck_assert_int_eq(RUN("show"), EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(said, "token.pin-wrong"));
    /* the same PIN is there: a try would be lost */
    ck_assert_int_eq(RUN("pin-retry"), EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(said, "still the wrong one"));
    ck_assert_ptr_nonnull(strstr(said, "no bar of a wrong PIN was lifted"));
    token_kit_write("pin", TOKEN_KIT_PIN "\n", 0600);
    /* what the token itself remembers is left, and is said */
    ck_assert_int_eq(RUN("pin-retry"), EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(said, "the bar of a wrong PIN is lifted"));
    ck_assert_ptr_nonnull(strstr(said, "[token.pin-low]"));
    ck_assert_ptr_nonnull(strstr(said, "AllowLowPinCount=yes for one start"));
}
END_TEST

START_TEST(pin_retry_says_all_that_bars_the_login)
{
    struct session s;

    ck_assert_int_eq(chmod(kit_path("pin"), 0644), 0);
    ck_assert_int_eq(RUN("pin-retry"), EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(said, "[token.pin-source]"));
    ck_assert_int_eq(chmod(kit_path("pin"), 0600), 0);
    ck_assert(session_open(&s, &kit.config, "main", true, &e)); /* a ceremony */
    ck_assert_int_eq(RUN("pin-retry"), EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(said, "[token.in-use]"));
    session_close(&s);
    ck_assert(session_open(&s, &kit.config, "main", false, &e)); /* a signer is no bar */
    ck_assert_int_eq(RUN("pin-retry"), 0);
    session_close(&s);
    ck_assert_int_eq(rename(kit_path("tokens"), kit_path("away")), 0);
    ck_assert_int_eq(RUN("pin-retry"), EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(said, "[token."));
    ck_assert_ptr_nonnull(strstr(said, "nobody logs in yet"));
}
END_TEST

static const struct words wrong[] = {
    {{"ceremony", NULL}},
    {{"ceremony", "destroy", NULL}},
    {{"ceremony", "generate", NULL}},
    {{"ceremony", "generate", "--key", "none", NULL}},
    {{"ceremony", "generate", "--all", "--probe", NULL}},
    {{"ceremony", "mark", NULL}},
    {{"ceremony", "mark", "--originator", "90-B3", NULL}},
    {{"ceremony", "mark", "--originator", EUI, "--raise-to", "-1", NULL}},
    {{"ceremony", "mark", "--originator", EUI, "--raise-to", "1x", NULL}},
    {{"ceremony", "show", "--pin", "1234", NULL}},
};

START_TEST(what_it_does_not_understand_it_does_not_do)
{
    ck_assert_int_eq(run(wrong[_i]), EX_USAGE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("p11_ceremony");
    TCase *t = tcase_create("ceremony");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, pin_retry_says_all_that_bars_the_login);
    tcase_add_test(t, keys_are_made_once_and_as_the_signer_wants_them);
    tcase_add_test(t, an_existing_file_is_not_written_over);
    tcase_add_test(t, the_mark_is_shown_and_only_ever_raised);
    tcase_add_test(t, beside_a_signer_nothing_is_done);
    tcase_add_test(t, a_wrong_pin_is_forgiven_by_a_person);
    tcase_add_loop_test(t, what_it_does_not_understand_it_does_not_do, 0,
                        (int)(sizeof wrong / sizeof wrong[0]));
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
