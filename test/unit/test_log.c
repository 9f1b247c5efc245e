/* SPDX-License-Identifier: MIT
 *
 * The line on stderr, and that the message catalogue has an entry for each id.
 */
#include "log.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID(name)    \
    {               \
#name, name \
    }
static const struct {
    const char *name, *id;
} ids[] = {
    ID(MSG_READY),
    ID(MSG_STOPPING),
    ID(MSG_ROLE_REFUSED),
    ID(MSG_ROLE_UNKNOWN_NAME),
    ID(MSG_CLIENTS_FULL),
    ID(MSG_INCIDENT_OPENED),
    ID(MSG_INCIDENT_MOVED),
    ID(MSG_ROSTER_STORED),
    ID(MSG_CERTIFICATES_STORED),
    ID(MSG_DECISION_ACCEPTED),
    ID(MSG_DECISION_REFUSED),
    ID(MSG_BATCH_ACCEPTED),
    ID(MSG_BATCH_CONFIRMED),
    ID(MSG_BATCH_STARTED),
    ID(MSG_BATCH_PAUSED),
    ID(MSG_BATCH_RESUMED),
    ID(MSG_BATCH_STOPPED),
    ID(MSG_BATCH_DONE),
    ID(MSG_COMMANDS_EXPORTED),
    ID(MSG_RESPONSES_READ),
    ID(MSG_FOUND),
    ID(MSG_SIGNER_READY),
    ID(MSG_SIGNER_LOST),
    ID(MSG_SIGNER_HUNG),
    ID(MSG_TOKEN_TROUBLE),
    ID(MSG_HEAD),
    ID(MSG_KEY_ENDED),
    ID(MSG_SIGNATURE_BAD),
    ID(MSG_COUNTER_BEHIND),
    ID(MSG_STORE_FAILED),
    ID(MSG_ALARM_CONFIRM),
    ID(MSG_ALARM_PMA),
    ID(MSG_ALARM_SUSPEND),
    ID(MSG_ALARM_DECISION),
    ID(MSG_ALARM_CEREMONY),
    ID(MSG_CONFIG_BAD),
};
#define N_IDS (sizeof ids / sizeof ids[0])

static char catalogue[65536];

static void load(void)
{
    FILE *f = fopen(CATALOG, "re");

    ck_assert_ptr_nonnull(f);
    catalogue[fread(catalogue, 1, sizeof catalogue - 1, f)] = '\0';
    (void)fclose(f);
}

START_TEST(each_id_has_one_entry_with_advice)
{
    size_t entries = 0;

    load();
    for (size_t i = 0; i < N_IDS; i++) {
        char head[40];
        const char *at;
        const char *next;

        (void)snprintf(head, sizeof head, "-- %s\n", ids[i].id);
        at = strstr(catalogue, head);
        ck_assert_msg(at != NULL, "%s has no entry", ids[i].name);
        next = strstr(at + 3, "\n-- ");
        ck_assert_msg(strncmp(at + strlen(head), "Subject: ", 9) == 0, "%s", ids[i].name);
        ck_assert_msg((next != NULL ? (size_t)(next - at) : strlen(at)) > 120,
                      "%s says too little", ids[i].name);
    }
    for (const char *p = catalogue; (p = strstr(p, "\n-- ")) != NULL; p++)
        entries++;
    ck_assert_uint_eq(entries, N_IDS);
}
END_TEST

START_TEST(ids_are_all_different)
{
    for (size_t i = 0; i < N_IDS; i++) {
        ck_assert_uint_eq(strlen(ids[i].id), 32);
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(ids[i].id, ids[k].id);
    }
}
END_TEST

START_TEST(a_line_on_stderr_is_one_line_without_codes)
{
    char name[] = "/tmp/test_log.XXXXXX", text[2000];
    int fd = mkstemp(name);
    struct err e;
    ssize_t n;

    (void)unsetenv("JOURNAL_STREAM");
    (void)err_set(&e, ERR_TOKEN, "token.probe", "x");
    ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    log_event(LOG_WARNING, MSG_READY, &(struct log_fields){.err = &e}, "a\nb\033[31m%d", 5);
    log_event(LOG_DEBUG, NULL, NULL, "not shown");
    log_event(LOG_INFO, NULL, NULL, "shown");
    n = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    ck_assert_str_eq(text, "<4>a b [31m5 -- token.probe\n<6>shown\n");
    (void)close(fd);
    (void)unlink(name);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("lines");
    SRunner *r;
    int failed;

    tcase_add_test(t, each_id_has_one_entry_with_advice);
    tcase_add_test(t, ids_are_all_different);
    tcase_add_test(t, a_line_on_stderr_is_one_line_without_codes);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
