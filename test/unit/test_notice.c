/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "notice.h"
#include "rules.h"

#include <check.h>
#include <jansson.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char outbox[64];

static void setup(void)
{
    strcpy(outbox, "/tmp/notice.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(outbox));
}

static char *path_of(const char *name)
{
    char *path;

    ck_assert_int_gt(asprintf(&path, "%s/%s", outbox, name), 0);
    return path;
}

static void teardown(void)
{
    DIR *d = opendir(outbox);

    for (const struct dirent *f; d != NULL && (f = readdir(d)) != NULL;)
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0) {
            char *path = path_of(f->d_name);

            (void)remove(path);
            free(path);
        }
    if (d != NULL)
        closedir(d);
    (void)rmdir(outbox);
}

static unsigned files_in_outbox(void)
{
    DIR *d = opendir(outbox);
    unsigned n = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n - 2;
}

static struct notice a_notice(void)
{
    struct notice n = {.id = "7f3a-1",
                       .to = NOTICE_PMA,
                       .kind = "PMA_INFORMED",
                       .incident = "INC-7",
                       .body = "{\"devices\": 400}"};

    ck_assert(clock_parse("2026-11-24T13:00:00.25Z", &n.at_us) ||
              clock_parse("2026-11-24T13:00:00.250000Z", &n.at_us));
    return n;
}

START_TEST(a_notice_is_a_whole_document_under_a_name_that_sorts)
{
    struct notice n = a_notice();
    char name[NOTICE_NAME_MAX];
    struct err e;
    char *path;
    json_t *all;

    ck_assert_msg(notice_put(outbox, &n, name, &e), "%s", e.text);
    ck_assert_str_eq(name, "20261124T130000.250000Z-pma-7f3a-1.json");
    path = path_of(name);
    all = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(all);
    ck_assert_str_eq(json_string_value(json_object_get(all, "schema")),
                     "smki-recovery/notice/1");
    ck_assert_str_eq(json_string_value(json_object_get(all, "to")), "pma");
    ck_assert_str_eq(json_string_value(json_object_get(all, "incident")), "INC-7");
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(all, "body"), "devices")), 400);
    ck_assert_uint_eq(files_in_outbox(), 1);
    json_decref(all);
    free(path);
    /* Without an incident, to anybody, later: another name behind it. */
    for (unsigned to = 0; to < NOTICE_TO_COUNT; to++) {
        char next[NOTICE_NAME_MAX];

        n.to = (enum notice_to)to;
        n.at_us++;
        n.incident = NULL;
        ck_assert(notice_put(outbox, &n, next, &e));
        ck_assert_int_gt(strcmp(next, name), 0);
        strcpy(name, next);
    }
    ck_assert_uint_eq(files_in_outbox(), 1 + NOTICE_TO_COUNT);
}
END_TEST

START_TEST(the_same_notice_again_changes_nothing_and_another_is_refused)
{
    struct notice n = a_notice();
    char name[NOTICE_NAME_MAX];
    struct stat before, after;
    struct err e = {0};
    char *path;

    ck_assert(notice_put(outbox, &n, name, &e));
    path = path_of(name);
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert(notice_put(outbox, &n, name, &e));
    n.body = "{\"devices\": 401}";
    ck_assert(!notice_put(outbox, &n, name, &e));
    ck_assert_str_eq(e.id, "notice.exists");
    ck_assert_int_eq(e.code, ERR_DENIED);
    n.body = "{\"devices\": 4000}"; /* another length */
    ck_assert(!notice_put(outbox, &n, name, &e));
    ck_assert_str_eq(e.id, "notice.exists");
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    ck_assert_int_eq(before.st_size, after.st_size);
    ck_assert_uint_eq(files_in_outbox(), 1);
    free(path);
}
END_TEST

START_TEST(what_a_crash_left_is_cleared_and_links_are_not_followed)
{
    struct notice n = a_notice();
    char name[NOTICE_NAME_MAX];
    struct err e = {0};
    char *part = path_of(".20261124T130000.250000Z-pma-7f3a-1.json.part");
    char *link = path_of("20261124T130000.250000Z-pma-7f3a-2.json");
    int fd = open(part, O_WRONLY | O_CREAT, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "{\"half", 6), 6);
    close(fd);
    ck_assert_msg(notice_put(outbox, &n, name, &e), "%s", e.text);
    ck_assert_uint_eq(files_in_outbox(), 1);
    ck_assert_int_eq(symlink("/nowhere", link), 0);
    n.id = "7f3a-2";
    ck_assert(!notice_put(outbox, &n, name, &e));
    ck_assert_str_eq(e.id, "notice.exists");
    free(link);
    free(part);
}
END_TEST

START_TEST(a_bad_notice_is_refused)
{
    static const struct {
        const char *id, *body;
    } bad[] = {
        {"", "{}"},
        {"../x", "{}"},
        {"a b", "{}"},
        {"0123456789012345678901234567890123456789012345678901234567890123456", "{}"},
        {"x", ""},
        {"x", "[1]"},
        {"x", "{\"a\":1,\"a\":2}"},
        {"x", "{} {}"},
    };
    struct notice n = a_notice();
    char name[NOTICE_NAME_MAX];
    struct err e = {0};

    n.id = bad[_i].id;
    n.body = bad[_i].body;
    ck_assert(!notice_put(outbox, &n, name, &e));
    ck_assert_str_eq(e.id, "notice.content");
    ck_assert_int_eq(e.code, ERR_INPUT);
    ck_assert_ptr_nonnull(rules_find(e.id));
    ck_assert_uint_eq(files_in_outbox(), 0);
}
END_TEST

START_TEST(an_outbox_that_cannot_be_written_stops_the_step)
{
    struct notice n = a_notice();
    char name[NOTICE_NAME_MAX];
    struct err e = {0};
    char *part = path_of(".20261124T130000.250000Z-pma-7f3a-1.json.part");

    ck_assert(!notice_put("/nowhere/outbox", &n, name, &e));
    ck_assert_str_eq(e.id, "notice.write");
    ck_assert_int_eq(e.code, ERR_STORE);
    ck_assert_int_eq(mkdir(part, 0700), 0); /* stands where the temporary file goes */
    ck_assert(!notice_put(outbox, &n, name, &e));
    ck_assert_str_eq(e.id, "notice.write");
    free(part);
}
END_TEST

START_TEST(a_disk_that_fills_leaves_no_half_notice)
{
    struct notice n = a_notice();
    char name[NOTICE_NAME_MAX];
    struct rlimit before, small;
    struct err e = {0};

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 10;
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ck_assert(!notice_put(outbox, &n, name, &e));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_str_eq(e.id, "notice.write");
    ck_assert_int_eq(e.code, ERR_STORE);
    ck_assert_uint_eq(files_in_outbox(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("notice");
    TCase *c = tcase_create("outbox");
    SRunner *r = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_notice_is_a_whole_document_under_a_name_that_sorts);
    tcase_add_test(c, the_same_notice_again_changes_nothing_and_another_is_refused);
    tcase_add_test(c, what_a_crash_left_is_cleared_and_links_are_not_followed);
    tcase_add_loop_test(c, a_bad_notice_is_refused, 0, 8);
    tcase_add_test(c, a_disk_that_fills_leaves_no_half_notice);
    tcase_add_test(c, an_outbox_that_cannot_be_written_stops_the_step);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
