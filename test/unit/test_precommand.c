/* SPDX-License-Identifier: MIT
 *
 * Pre-commands from elsewhere, held against what the signer would sign.
 */
#include "papers_kit.h"

#include "precommand.h"

/* What would be signed for row 1 under counter 7, without 40, r, s. */
static uint8_t octets[4096];
static size_t len;

static void made_elsewhere(void)
{
    static const struct sig_p256 none = {{0}};
    struct span due;

    OK(read_warrant());
    ck_assert_msg(warrant_command(warrant, 1, 7, &none, &due, &e), "%s", e.text);
    ck_assert_uint_gt(due.len, 65);
    len = due.len - 65;
    ck_assert_uint_lt(len, sizeof octets);
    memcpy(octets, due.at, len);
}

static bool check(uint32_t *row)
{
    return precommand_check(warrant, &scene.roster, span_of(octets, len), row, &e);
}

static void differs_with(const char *id)
{
    uint32_t row = 99;

    ck_assert_msg(!check(&row), "taken, where %s was due", id);
    ck_assert_msg(strcmp(e.id, id) == 0, "%s: %s, where %s was due", e.id, e.text, id);
}

START_TEST(the_same_octets_are_the_same)
{
    uint32_t row = 99;

    made_elsewhere();
    ck_assert_msg(check(&row), "%s", e.text);
    ck_assert_uint_eq(row, 1);
}
END_TEST

START_TEST(a_null_signature_may_follow)
{
    uint32_t row = 99;

    made_elsewhere();
    octets[len++] = 0;
    ck_assert_msg(check(&row), "%s", e.text);
    ck_assert_uint_eq(row, 1);
}
END_TEST

START_TEST(another_certificate_is_told_by_its_octet)
{
    made_elsewhere();
    octets[len - 20] ^= 1; /* in the signature of the last certificate */
    differs_with("precommand.differs");
    ck_assert_ptr_nonnull(strstr(e.text, "octet "));
}
END_TEST

START_TEST(a_device_elsewhere_is_not_in_the_roster)
{
    made_elsewhere();
    for (size_t i = 0; i + 8 <= len; i++) /* the recipient stands in the header once */
        if (memcmp(octets + i, "\x00\xDB\x12\x34", 4) == 0) {
            octets[i + 4] ^= 0x55;
            break;
        }
    differs_with("precommand.device");
}
END_TEST

START_TEST(a_signed_command_is_no_pre_command)
{
    static const struct sig_p256 sig = {{1, 2, 3}};
    struct span due;

    OK(read_warrant());
    ck_assert_msg(warrant_command(warrant, 1, 7, &sig, &due, &e), "%s", e.text);
    memcpy(octets, due.at, due.len);
    len = due.len;
    differs_with("precommand.kind");
}
END_TEST

START_TEST(one_cut_short_is_no_message)
{
    made_elsewhere();
    len -= 10;
    differs_with("message.length");
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, the_same_octets_are_the_same);
    tcase_add_test(t, a_null_signature_may_follow);
    tcase_add_test(t, another_certificate_is_told_by_its_octet);
    tcase_add_test(t, a_device_elsewhere_is_not_in_the_roster);
    tcase_add_test(t, a_signed_command_is_no_pre_command);
    tcase_add_test(t, one_cut_short_is_no_message);
}

int main(void)
{
    return kit_run("precommand", papers_kit_begin, papers_kit_end, add);
}
