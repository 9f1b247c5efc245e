/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scene s;
static struct warrant *w;
static struct err e;

static void setup(void)
{
    scene_make(&s);
    w = NULL;
}

static void teardown(void)
{
    warrant_free(w);
    scene_done(&s);
}

START_TEST(a_sound_decision_opens_a_warrant)
{
    bool ok = scene_open(&s, SCENE_NOW, &w, &e);

    ck_assert_msg(ok, "%s: %s", e.id, e.text);
    ck_assert_uint_eq(warrant_rows(w), 3);
    ck_assert_uint_eq(warrant_key(w), SCENE_RECOVERY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("warrant");
    TCase *t = tcase_create("all");
    SRunner *r;
    int bad;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_sound_decision_opens_a_warrant);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}
