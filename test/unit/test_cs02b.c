/* SPDX-License-Identifier: MIT
 *
 * cs02b: what a template accepts, and that rows differ where they must and nowhere else.
 * Whole published commands are rebuilt in test_vectors.
 */
#include "cs02b.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct eui64 originator = {{0x90, 0xB3, 0xD5, 0x1F, 0x30, 0, 0, 1}};
static const struct eui64 device = {{0, 0xDB, 0x12, 0x34, 0x56, 0x78, 0x90, 0xA0}};
/* Any SEQUENCE stands for a certificate here: the encoder copies it. */
static const uint8_t small_cert[] = {0x30, 0x03, 0x02, 0x01, 0x05};
static uint8_t long_cert[430];

static struct cs02b_recipe recovery(void)
{
    struct cs02b_recipe r = {.mode = MODE_ANY_BY_RECOVERY, .originator = originator};

    r.replacements[0].cell = CELL_SUPPLIER_DS;
    r.replacements[0].der = span_of(small_cert, sizeof small_cert);
    r.n_replacements = 1;
    r.path[0] = span_of(small_cert, sizeof small_cert);
    r.n_path = 1;
    return r;
}

static struct cs02b_template *make(const struct cs02b_recipe *r)
{
    struct cs02b_template *t = NULL;
    struct err e = {0};

    ck_assert_msg(cs02b_template_new(r, &t, &e), "%s", e.text);
    return t;
}

/* Grouping header and payload: a command without 40 and the signature behind them. */
static struct span pre_command(struct cs02b_template *t, const struct eui64 *to,
                               uint64_t counter)
{
    static const struct sig_p256 none;
    struct span s = cs02b_command(t, to, counter, &none);

    return span_of(s.at, s.len - 1 - sizeof none.b);
}

static void same(struct span got, const char *hex)
{
    char *text = malloc(HEX_LEN(got.len));

    hex_encode(got.at, got.len, text);
    ck_assert_str_eq(text, hex);
    free(text);
}

START_TEST(small_command_has_exactly_these_octets)
{
    struct cs02b_recipe r = recovery();
    struct cs02b_template *t = make(&r);

    /* Written out by hand from GBCS 7.2.7 and 13.3.3. */
    same(pre_command(t, &device, 1000), "DF0901"
                                        "00000000000003E8"
                                        "08"
                                        "90B3D51F30000001"
                                        "08"
                                        "00DB1234567890A0"
                                        "00"
                                        "02"
                                        "0108"
                                        "2D"
                                        "302B"
                                        "3010"
                                        "020108"
                                        "A207"
                                        "020101"
                                        "03020780"
                                        "830203E8"
                                        "3010"
                                        "300E"
                                        "3003020105"
                                        "3007"
                                        "020102"
                                        "03020780"
                                        "3005"
                                        "3003020105");
    cs02b_template_free(t);
}
END_TEST

START_TEST(every_option_has_exactly_these_octets)
{
    struct cs02b_recipe r = recovery();
    const uint8_t key[16] = {1, 2, 3};
    struct cs02b_template *t;

    r.mode = MODE_ANY_BY_CONTINGENCY;
    r.has_symmetric_key = true;
    r.symmetric_key = span_of(key, sizeof key);
    r.disapply_time = true;
    r.has_floor = true;
    r.has_topup_floor = true;
    r.topup_floor = 128;
    r.others[0] = (struct cs02b_floor){ROLE_SUPPLIER, 5, true, 6};
    r.others[1] = (struct cs02b_floor){ROLE_ACB, 7, false, 0};
    r.n_others = 2;
    r.replacements[1] = r.replacements[0];
    r.replacements[1].cell = CELL_ROOT; /* comes first in the octets */
    r.replacements[0].cell = CELL_SUPPLIER_PP;
    r.n_replacements = 2;
    memcpy(r.execution_time, "99991231235959Z", 16);
    t = make(&r);
    same(pre_command(t, &device, 255), "DF0901"
                                       "00000000000000FF"
                                       "08"
                                       "90B3D51F30000001"
                                       "08"
                                       "00DB1234567890A0"
                                       "00"
                                       "02"
                                       "0109"
                                       "8191"
                                       "30818E"
                                       "304F"
                                       "020109"
                                       "8010"
                                       "01020300000000000000000000000000"
                                       "810101"
                                       "A207"
                                       "020100"
                                       "03020204"
                                       "830200FF"
                                       "840100"
                                       "A509"
                                       "3007"
                                       "020100"
                                       "02020080"
                                       "A61A"
                                       "3010"
                                       "020102"
                                       "020105"
                                       "3008"
                                       "3006"
                                       "020100"
                                       "020106"
                                       "3006"
                                       "020104"
                                       "020107"
                                       "3023"
                                       "300E"
                                       "3003020105"
                                       "3007"
                                       "020100"
                                       "03020204"
                                       "3011"
                                       "3003020105"
                                       "300A"
                                       "020102"
                                       "03020308"
                                       "020101"
                                       "3005"
                                       "3003020105"
                                       "180F"
                                       "39393939313233313233353935395A");
    cs02b_template_free(t);
}
END_TEST

static const uint64_t counters[] = {
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0x7FFFFF,
    0x800000,
    0x7FFFFFFF,
    0x80000000,
    0x7FFFFFFFFF,
    0x8000000000,
    0x7FFFFFFFFFFF,
    0x800000000000,
    0x7FFFFFFFFFFFFF,
    0x80000000000000,
    INT64_MAX,
};

START_TEST(counter_is_minimal_in_the_payload_and_eight_octets_in_the_header)
{
    struct cs02b_recipe r = recovery();
    struct cs02b_template *t = make(&r);
    uint64_t counter = counters[_i];
    struct span s = pre_command(t, &device, counter);
    const uint8_t *p = s.at + 34 + 2 + 2 + 3 + 9;
    uint64_t back = 0;

    ck_assert_uint_eq(get_be64(s.at + 3), counter);
    ck_assert_uint_eq(s.at[33], s.len - 34);
    ck_assert_uint_eq(p[0], 0x83);
    for (size_t i = 0; i < p[1]; i++)
        back = back << 8 | p[2 + i];
    ck_assert_uint_eq(back, counter);
    ck_assert(p[2] < 0x80);
    ck_assert(p[1] == 1 || p[2] != 0 || p[3] >= 0x80);
    cs02b_template_free(t);
}
END_TEST

START_TEST(digest_and_command_follow_from_the_pre_command)
{
    struct cs02b_recipe r = recovery();
    struct cs02b_template *t = make(&r);
    struct digest d = cs02b_digest(t, &device, 70000);
    struct span pre = pre_command(t, &device, 70000);
    struct digest want = digest_of(span_of(pre.at + 1, pre.len - 1), span_of(NULL, 0));
    struct sig_p256 sig;
    struct span all;

    memset(sig.b, 0xA5, sizeof sig.b);
    all = cs02b_command(t, &device, 70000, &sig);
    ck_assert(digest_equal(&d, &want));
    ck_assert_uint_eq(all.len, pre.len + 65);
    ck_assert_mem_eq(all.at, pre.at, pre.len);
    ck_assert_uint_eq(all.at[pre.len], 0x40);
    ck_assert_mem_eq(all.at + pre.len + 1, sig.b, 64);
    cs02b_template_free(t);
}
END_TEST

START_TEST(a_later_row_leaves_no_trace_in_the_next)
{
    struct cs02b_recipe r = recovery();
    struct cs02b_template *t = make(&r);
    struct cs02b_template *fresh = make(&r);
    struct eui64 other = {{9, 9, 9, 9, 9, 9, 9, 9}};
    struct span a, b;

    (void)cs02b_digest(t, &other, 0x7777);
    (void)cs02b_digest(t, &other, INT64_MAX);
    a = pre_command(t, &device, 0x1234);
    b = pre_command(fresh, &device, 0x1234);
    ck_assert(span_equal(a, b));
    cs02b_template_free(t);
    cs02b_template_free(fresh);
}
END_TEST

START_TEST(content_length_takes_one_two_or_three_octets)
{
    static const struct {
        size_t cert, header;
    } cases[] = {{5, 34}, {120, 35}, {400, 36}};
    struct cs02b_recipe r = recovery();
    struct cs02b_template *t;
    struct span s;

    memset(long_cert, 0, sizeof long_cert);
    long_cert[0] = 0x30;
    if (cases[_i].cert > 0x82) {
        long_cert[1] = 0x82;
        put_be16(long_cert + 2, (uint16_t)(cases[_i].cert - 4));
    } else {
        long_cert[1] = (uint8_t)(cases[_i].cert - 2);
    }
    r.replacements[0].der = span_of(long_cert, cases[_i].cert);
    t = make(&r);
    s = pre_command(t, &device, 1);
    ck_assert_uint_eq(s.at[cases[_i].header], 0x30);
    ck_assert_uint_eq(s.at[cases[_i].header - 1], (s.len - cases[_i].header) & 0xFF);
    cs02b_template_free(t);
}
END_TEST

static void no_key(struct cs02b_recipe *r)
{
    r->mode = MODE_ANY_BY_CONTINGENCY;
}
static void key_in_recovery(struct cs02b_recipe *r)
{
    r->has_symmetric_key = true;
    r->symmetric_key = span_of(long_cert, 16);
}
static void odd_key(struct cs02b_recipe *r)
{
    r->mode = MODE_ANY_BY_CONTINGENCY;
    r->has_symmetric_key = true;
    r->symmetric_key = span_of(long_cert, 15);
}
static void nothing(struct cs02b_recipe *r)
{
    r->n_replacements = 0;
}
static void too_much(struct cs02b_recipe *r)
{
    r->n_replacements = CS02B_REPLACEMENTS_MAX + 1;
}
static void twice(struct cs02b_recipe *r)
{
    r->replacements[1] = r->replacements[0];
    r->n_replacements = 2;
}
static void no_path(struct cs02b_recipe *r)
{
    r->n_path = 0;
}
static void long_path(struct cs02b_recipe *r)
{
    r->n_path = CS02B_PATH_MAX + 1;
}
static void wrong_cell(struct cs02b_recipe *r)
{
    r->mode = MODE_TCOS_BY_TCOS;
}
static void no_cell(struct cs02b_recipe *r)
{
    r->replacements[0].cell = CELL_COUNT;
}
static void not_a_sequence(struct cs02b_recipe *r)
{
    r->replacements[0].der = span_of(small_cert + 2, 3);
}
static void rest_after_certificate(struct cs02b_recipe *r)
{
    static const uint8_t two[] = {0x30, 0x00, 0x00};

    r->path[0] = span_of(two, sizeof two);
}
static void empty_certificate(struct cs02b_recipe *r)
{
    r->path[0] = span_of(NULL, 0);
}
static void omitted_cell(struct cs02b_recipe *r)
{
    r->omit_auth_cell = true;
}
static void no_mode(struct cs02b_recipe *r)
{
    r->mode = MODE_COUNT;
}
static void mode_10(struct cs02b_recipe *r)
{
    r->mode = (enum mode)10;
}
static void bad_time(struct cs02b_recipe *r)
{
    memcpy(r->execution_time, "20260230000000Z", 16);
}
static void endless_time(struct cs02b_recipe *r)
{
    memset(r->execution_time, '1', sizeof r->execution_time);
}
static void high_floor(struct cs02b_recipe *r)
{
    r->has_floor = true;
    r->floor = (uint64_t)INT64_MAX + 1;
}
static void high_topup(struct cs02b_recipe *r)
{
    r->has_topup_floor = true;
    r->topup_floor = UINT64_MAX;
}
static void high_other(struct cs02b_recipe *r)
{
    r->others[0].floor = UINT64_MAX;
    r->n_others = 1;
}
static void role_twice(struct cs02b_recipe *r)
{
    r->others[0].role = r->others[1].role = ROLE_ACB;
    r->n_others = 2;
}
static void load_controller_twice(struct cs02b_recipe *r)
{
    r->others[0].role = r->others[1].role = ROLE_LOAD_CONTROLLER;
    r->n_others = 2;
}
static void no_role(struct cs02b_recipe *r)
{
    r->others[0].role = (enum role)99;
    r->n_others = 1;
}
static void many_others(struct cs02b_recipe *r)
{
    r->n_others = CS02B_OTHERS_MAX + 1;
}
static void too_long(struct cs02b_recipe *r)
{
    static uint8_t huge[40000] = {0x30, 0x82, 0x9C, 0x3C};

    r->path[0] = span_of(huge, sizeof huge);
}

static void (*const spoilers[])(struct cs02b_recipe *) = {
    no_key,
    key_in_recovery,
    odd_key,
    nothing,
    too_much,
    twice,
    no_path,
    long_path,
    wrong_cell,
    no_cell,
    not_a_sequence,
    rest_after_certificate,
    empty_certificate,
    omitted_cell,
    no_mode,
    mode_10,
    bad_time,
    endless_time,
    high_floor,
    high_topup,
    high_other,
    role_twice,
    load_controller_twice,
    no_role,
    many_others,
    too_long,
};

START_TEST(spoilt_recipe_is_refused)
{
    struct cs02b_recipe r = recovery();
    struct cs02b_template *t = NULL;
    struct err e = {0};

    spoilers[_i](&r);
    ck_assert(!cs02b_template_new(&r, &t, &e));
    ck_assert_ptr_null(t);
    ck_assert_int_eq(e.code, ERR_INPUT);
    ck_assert_str_eq(e.id, "command.recipe");
}
END_TEST

START_TEST(cells_of_every_mode_and_no_others_are_accepted)
{
    enum mode mode = (enum mode)(_i / CELL_COUNT);
    enum cell cell = (enum cell)(_i % CELL_COUNT);
    struct cs02b_recipe r = recovery();
    struct cs02b_template *t = NULL;
    struct err e = {0};
    bool ok;

    if (!gbcs_mode_known((unsigned)mode))
        return;
    r.mode = mode;
    r.has_symmetric_key = mode == MODE_ANY_BY_CONTINGENCY;
    r.symmetric_key = span_of(long_cert, 32);
    r.replacements[0].cell = cell;
    ok = cs02b_template_new(&r, &t, &e);
    ck_assert_int_eq(ok, (gbcs_mode(mode)->cells & CELL_BIT(cell)) != 0);
    if (ok)
        ck_assert_uint_eq(get_be16(pre_command(t, &device, 1).at + 31),
                          mode == MODE_LOAD_BY_SUPPLIER ? 0x0126 : 0x0100 + (unsigned)mode);
    cs02b_template_free(t);
}
END_TEST

/* Prints what a row costs; asserts only that nothing is absurd. */
START_TEST(row_of_1500_octets_is_cheap)
{
    struct cs02b_recipe r = recovery();
    struct cs02b_template *t;
    struct timespec a, b;
    enum { ROWS = 20000 };
    double us;

    memset(long_cert, 0, sizeof long_cert);
    long_cert[0] = 0x30;
    long_cert[1] = 0x82;
    put_be16(long_cert + 2, sizeof long_cert - 4);
    r.replacements[1].cell = CELL_SUPPLIER_KA;
    r.replacements[0].der = r.replacements[1].der = r.path[0] =
        span_of(long_cert, sizeof long_cert);
    r.n_replacements = 2;
    t = make(&r);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uint64_t i = 0; i < ROWS; i++)
        (void)cs02b_digest(t, &device, 1705416979790u + i);
    clock_gettime(CLOCK_MONOTONIC, &b);
    us = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e3 /
         ROWS;
    printf("# cs02b_digest: %.2f us a row, %zu octets\n", us,
           pre_command(t, &device, 1705416979790u).len);
    ck_assert(us < 1000);
    cs02b_template_free(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cs02b");
    TCase *c = tcase_create("cs02b");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(c, small_command_has_exactly_these_octets);
    tcase_add_test(c, every_option_has_exactly_these_octets);
    tcase_add_loop_test(c, counter_is_minimal_in_the_payload_and_eight_octets_in_the_header,
                        0, sizeof counters / sizeof counters[0]);
    tcase_add_test(c, digest_and_command_follow_from_the_pre_command);
    tcase_add_test(c, a_later_row_leaves_no_trace_in_the_next);
    tcase_add_loop_test(c, content_length_takes_one_two_or_three_octets, 0, 3);
    tcase_add_loop_test(c, spoilt_recipe_is_refused, 0,
                        sizeof spoilers / sizeof spoilers[0]);
    tcase_add_loop_test(c, cells_of_every_mode_and_no_others_are_accepted, 0,
                        MODE_COUNT * CELL_COUNT);
    tcase_add_test(c, row_of_1500_octets_is_cheap);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
