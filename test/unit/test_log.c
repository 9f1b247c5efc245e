/* SPDX-License-Identifier: MIT
 *
 * The line on stderr and the entry in the journal, that neither ever waits for a reader, and
 * that the message catalogue has an entry for each id.
 */
#include "log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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
    ID(MSG_ROLL_BACK),
    ID(MSG_KEY_ENDED),
    ID(MSG_SIGNATURE_BAD),
    ID(MSG_COUNTER_BEHIND),
    ID(MSG_STORE_FAILED),
    ID(MSG_ALARM_CONFIRM),
    ID(MSG_ALARM_PMA),
    ID(MSG_ALARM_SUSPEND),
    ID(MSG_ALARM_DECISION),
    ID(MSG_ALARM_CEREMONY),
    ID(MSG_ALARM_DEFERRAL),
    ID(MSG_SOFTWARE_TOKEN),
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

/* Whatever stderr is: until nothing more goes in. How many lines did. Without end where the
 * writer waits for us. */
static unsigned fill(void)
{
    unsigned n = 0;

    while (log_lost() == 0) {
        log_event(n % 2 == 0 ? LOG_EMERG : LOG_INFO, NULL, NULL, "line %u", n);
        n++;
        ck_assert_uint_lt(n, 1000000);
    }
    return n - 1;
}

/* What waits in fd, as a text. */
static char *drain(int fd)
{
    static char text[2 << 20];
    size_t len = 0;
    ssize_t n;

    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while ((n = read(fd, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    ck_assert_int_eq(errno, EAGAIN);
    text[len] = '\0';
    return text;
}

static unsigned lines_of(const char *text)
{
    unsigned n = 0;

    while ((text = strchr(text, '\n')) != NULL) {
        text++;
        n++;
    }
    return n;
}

static int pair[2];

static void stderr_is_a_pipe(void)
{
    ck_assert_int_eq(pipe(pair), 0);
    ck_assert_int_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
    (void)unsetenv("JOURNAL_STREAM");
}

static void stderr_is_a_stream(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
    (void)unsetenv("JOURNAL_STREAM");
}

static void (*const readers[])(void) = {stderr_is_a_pipe, stderr_is_a_stream};

START_TEST(a_reader_that_sleeps_is_not_waited_for_and_hears_later_how_much_it_missed)
{
    unsigned whole;
    char *text;

    readers[_i]();
    whole = fill();
    for (int i = 0; i < 6; i++)
        log_event(LOG_EMERG, MSG_STORE_FAILED, NULL, "nobody hears this");
    ck_assert_uint_eq(log_lost(), 7);
    /* the others who have it open find it as it was */
    ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
    text = drain(pair[0]);
    ck_assert_uint_eq(lines_of(text), whole);
    ck_assert_ptr_null(strstr(text, "nobody hears this"));
    log_event(LOG_NOTICE, NULL, NULL, "awake");
    text = drain(pair[0]);
    ck_assert_uint_eq(lines_of(text), 2);
    ck_assert_int_eq(strncmp(text, "<4>7 lines were lost", 20), 0);
    ck_assert_ptr_nonnull(strstr(text, "\n<5>awake\n"));
    log_event(LOG_NOTICE, NULL, NULL, "once");
    ck_assert_str_eq(drain(pair[0]), "<5>once\n");
}
END_TEST

START_TEST(what_was_missed_is_told_without_another_line)
{
    char *text;

    readers[_i]();
    (void)fill();
    log_catch_up(); /* still asleep */
    (void)drain(pair[0]);
    log_catch_up();
    text = drain(pair[0]);
    ck_assert_int_eq(strncmp(text, "<4>1 lines were lost", 20), 0);
    ck_assert_uint_eq(lines_of(text), 1);
    log_catch_up();
    ck_assert_str_eq(drain(pair[0]), "");
}
END_TEST

START_TEST(the_journal_has_the_fields_and_is_not_waited_for)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/test_log.XXXXXX", stream[64], entry[4096];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct stat st;
    struct err e;
    ssize_t n;

    stderr_is_a_stream();
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/socket", dir);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    log_journal = at.sun_path;
    ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    (void)err_set(&e, ERR_TOKEN, "token.probe", "x");
    log_event(LOG_WARNING, MSG_READY,
              &(struct log_fields){
                  .err = &e, .incident = "I-1", .batch = 3, .signer = &(const unsigned){0}},
              "a\nb=%d", 5);
    n = recv(fd, entry, sizeof entry - 1, 0);
    ck_assert_int_gt(n, 0);
    entry[n] = '\0';
    ck_assert_str_eq(entry, "MESSAGE=a b=5\nPRIORITY=4\nSYSLOG_IDENTIFIER=test_log\n"
                            "MESSAGE_ID=" MSG_READY "\nINCIDENT_ID=I-1\nBATCH_ID=3\n"
                            "SIGNER=0\n"
                            "ERR_CODE=token\nRULE_ID=token.probe\n");
    (void)fill(); /* both: the entries, then the stream */
    ck_assert_ptr_nonnull(strstr(drain(pair[0]), "line "));
    (void)unlink(at.sun_path);
    (void)rmdir(dir);
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
    tcase_add_loop_test(
        t, a_reader_that_sleeps_is_not_waited_for_and_hears_later_how_much_it_missed, 0,
        sizeof readers / sizeof readers[0]);
    tcase_add_loop_test(t, what_was_missed_is_told_without_another_line, 0,
                        sizeof readers / sizeof readers[0]);
    tcase_add_test(t, the_journal_has_the_fields_and_is_not_waited_for);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
