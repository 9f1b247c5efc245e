/* SPDX-License-Identifier: MIT
 *
 * core_kit - what the tests of the core share: an error, a directory of one's own, files in
 * it, and the run of a suite. A test aid: it aborts instead of returning errors.
 */
#ifndef CORE_KIT_H
#define CORE_KIT_H

#include "bytes.h"

#include <check.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each test uses some of this. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

static struct err e;
static char kit_dir[64];

/* It works, or the test says why not. */
#define OK(call) ck_assert_msg((call), "%s: %s", e.id, e.text)
/* It is refused, by that rule. */
#define REFUSED(call, rule)                                                              \
    do {                                                                                 \
        ck_assert_msg(!(call), "done, where %s was due", rule);                          \
        ck_assert_msg(strcmp(e.id, rule) == 0, "%s: %s, where %s was due", e.id, e.text, \
                      rule);                                                             \
    } while (0)
/* ... with these words in the sentence. */
#define REFUSED_SAYING(call, rule, words)                                              \
    do {                                                                               \
        REFUSED(call, rule);                                                           \
        ck_assert_msg(strstr(e.text, words) != NULL, "\"%s\" does not say %s", e.text, \
                      words);                                                          \
    } while (0)

static void kit_begin(void)
{
    (void)strcpy(kit_dir, "/tmp/smki-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(kit_dir));
}

static int kit_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void kit_end(void)
{
    (void)nftw(kit_dir, kit_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Path of a file in the directory; static, four at a time. */
static const char *kit_path(const char *name)
{
    static char paths[4][256];
    static unsigned at;
    char *p = paths[at++ % 4];

    (void)snprintf(p, sizeof paths[0], "%s/%s", kit_dir, name);
    return p;
}

static void kit_write(const char *name, const void *at, size_t len)
{
    FILE *f = fopen(kit_path(name), "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(at, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

static void kit_text(const char *name, const char *text)
{
    kit_write(name, text, strlen(text));
}

static size_t kit_open_fds(void)
{
    size_t n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF;
    return n;
}

static int kit_run(const char *name, const TTest *const tests[], size_t n,
                   void (*setup)(void), void (*teardown)(void))
{
    Suite *suite = suite_create(name);
    TCase *t = tcase_create("all");
    SRunner *r;
    int bad;

    if (setup != NULL)
        tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}

/* setup and teardown around each test; NULL: none. */
#define KIT_MAIN(name, setup, teardown, ...)                                       \
    int main(void)                                                                 \
    {                                                                              \
        const TTest *const list[] = {__VA_ARGS__};                                 \
                                                                                   \
        return kit_run(name, list, sizeof list / sizeof list[0], setup, teardown); \
    }

#endif
