/* SPDX-License-Identifier: MIT
 *
 * What a signer says of the token's mark, held against what is known: it may have looked
 * before another was granted more.
 */
#include "core_kit.h"
#include "pump_impl.h"

static const struct eui64 originator = {{0x90, 0xB3, 0xD5, 0x1F, 0x30, 0x01, 0x00, 0x01}};
static struct pump p;

static uint64_t meant(uint64_t mark, uint64_t known)
{
    return pump_mark_meant(&p, &originator, mark, known);
}

static void granted(uint64_t last) /* another signer has set counters aside */
{
    p.lent.originator = originator;
    p.lent.last = last;
    pump_mark_raised(&p);
}

START_TEST(who_looked_before_another_was_granted_more_says_what_is_known_now)
{
    p = (struct pump){0};
    ck_assert_uint_eq(meant(0, 0), 0);
    granted(1003);
    ck_assert_uint_eq(meant(0, 0), 1003);
    ck_assert_uint_eq(pump_mark_known(&p, &originator), 1003);
    granted(1010);
    ck_assert_uint_eq(meant(1003, 1003), 1010);
}
END_TEST

START_TEST(a_token_that_knows_less_than_when_it_was_asked_is_taken_at_its_word)
{
    p = (struct pump){0};
    granted(1003);
    ck_assert_uint_eq(meant(0, 1003), 0);
    ck_assert_uint_eq(meant(1002, 1003), 1002);
    ck_assert_uint_eq(pump_mark_known(&p, &originator), 1003);
}
END_TEST

START_TEST(a_token_that_knows_more_is_believed)
{
    p = (struct pump){0};
    granted(1003);
    ck_assert_uint_eq(meant(2000, 1003), 2000);
    ck_assert_uint_eq(pump_mark_known(&p, &originator), 2000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pump_mark");
    TCase *t = tcase_create("all");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, who_looked_before_another_was_granted_more_says_what_is_known_now);
    tcase_add_test(t, a_token_that_knows_less_than_when_it_was_asked_is_taken_at_its_word);
    tcase_add_test(t, a_token_that_knows_more_is_believed);
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
