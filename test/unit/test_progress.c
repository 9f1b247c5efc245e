/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <check.h>
#include <string.h>

START_TEST(a_line_says_how_far_how_fast_and_how_long)
{
    static const struct {
        int64_t done, total;
        double rate;
        const char *state;
        bool octets;
        int width;
        const char *line;
    } t[] = {
        {0, 10, 0, NULL, false, 40, "work  [....................]   0%  0/10"},
        {5, 10, 2, NULL, false, 60,
         "work  [############............]  50%  5/10  2/s  0:02 left"},
        {10, 10, 2, "done", false, 50, "work  [##################] 100%  10/10  2/s  done"},
        {12, 10, 0, NULL, false, 30, "work  [#########] 100%  12/10"},
        {5, 0, 1, NULL, false, 60, "work  5  1/s"},
        {1536, 1048576, 1024, NULL, true, 70, "1.5 KiB/1.0 MiB  1.0 KiB/s  17:02 left"},
        {1, 1000000, 1, NULL, false, 80, "11d 13 h left"},
        {1, 100000, 10, NULL, false, 80, "2:46:39 left"},
        {5, 10, 2, NULL, false, 12, "work   50%  "},
    };

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        char line[PROGRESS_LINE_MAX];

        progress_line(line, "work", t[i].done, t[i].total, t[i].rate, t[i].state,
                      t[i].octets, t[i].width);
        ck_assert_uint_le(strlen(line), (size_t)t[i].width);
        ck_assert_msg(strstr(line, t[i].line) != NULL, "%zu: \"%s\" not in \"%s\"", i,
                      t[i].line, line);
    }
}
END_TEST

START_TEST(no_width_and_no_text_is_too_much)
{
    char line[PROGRESS_LINE_MAX], what[300];

    memset(what, 'w', sizeof what - 1);
    what[sizeof what - 1] = '\0';
    for (int width = 0; width < 400; width++) {
        progress_line(line, what, INT64_MAX - 1, INT64_MAX, 1e18, what, true, width);
        progress_line(line, what, INT64_MAX - 1, 0, 1e18, what, false, width);
        ck_assert_uint_lt(strlen(line), sizeof line);
    }
}
END_TEST

START_TEST(nothing_is_drawn_where_there_is_no_terminal)
{
    FILE *f = fopen("/dev/null", "we");
    struct progress p;

    progress_start(&p, f, "work", false, false);
    ck_assert(!p.draw);
    progress_show(&p, 1, 2, -1, NULL);
    progress_end(&p);
    (void)fclose(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("progress");
    TCase *t = tcase_create("line");
    SRunner *r;
    int failed;

    tcase_add_test(t, a_line_says_how_far_how_fast_and_how_long);
    tcase_add_test(t, no_width_and_no_text_is_too_much);
    tcase_add_test(t, nothing_is_drawn_where_there_is_no_terminal);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
