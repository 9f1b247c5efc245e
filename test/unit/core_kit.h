/* SPDX-License-Identifier: MIT
 *
 * core_kit - what every test may want: an error, a folder of its own, files and a store
 * in it, and the run of a suite.
 *
 * The folder is the test's from kit_begin() to kit_end(), which removes it and all that is in
 * it. A test aid: it aborts instead of returning errors.
 */
#ifndef CORE_KIT_H
#define CORE_KIT_H

#include "audit_check.h"
#include "bytes.h"
#include "store.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the step at hand says: steps of the kits fill it, so do the tests; the macros below
 * read it. */
extern struct err e;
extern const char *const kit_dir; /* its folder */
extern struct store *store;       /* in the folder; NULL: none */

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

/* A new folder, under $TMPDIR or /tmp, and no error. */
void kit_begin(void);
void kit_end(void);
/* The same with a store in it; kit_end() closes what is open. */
void kit_begin_store(void);
/* As a process does that starts anew: the store is closed and opened. */
void kit_reopen_store(void);
/* What a SELECT of one number says; -1: no row, or NULL. */
int64_t number(const char *sql);
/* An exported audit trail alone, without a key; *v is filled as far as it went. */
bool kit_trail_verifies(FILE *f, struct audit_verdict *v);
/* The name of device number `no` in the rosters of the kits, 00DB and twelve digits; static,
 * four in turn. */
const struct eui64 *kit_device(uint32_t no);
/* Path of a file in the folder; static, four in turn. */
const char *kit_path(const char *name);
void kit_write(const char *name, const void *at, size_t len);
void kit_text(const char *name, const char *text);
/* Descriptors of this process that are open. */
size_t kit_open_fds(void);
/* The test cannot go on, and it is not the fault of what it tests. */
__attribute__((noreturn)) void kit_broken(const char *what);

/* Run the tests that add() adds, each between setup and teardown; NULL: none. What main
 * returns. */
int kit_run(const char *name, void (*setup)(void), void (*teardown)(void),
            void (*add)(TCase *t));
/* The main of a test file that has no loops: all its tests by name. */
#define KIT_MAIN(name, setup, teardown, ...)                      \
    static void kit_add(TCase *t)                                 \
    {                                                             \
        const TTest *const list[] = {__VA_ARGS__};                \
                                                                  \
        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) \
            tcase_add_test(t, list[i]);                           \
    }                                                             \
    int main(void)                                                \
    {                                                             \
        return kit_run(name, setup, teardown, kit_add);           \
    }

#endif
