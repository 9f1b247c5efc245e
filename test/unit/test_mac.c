/* SPDX-License-Identifier: MIT
 *
 * mac: lengths of the MAC header, what is covered, what is refused. Known answers are in
 * test_vectors.
 */
#include "mac.h"
#include "mem.h"
#include "message.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

static const struct mac_key key = {{1, 2, 3}};

/* A grouping header with n octets of payload and a null signature. */
static size_t inner_of(uint8_t *out, size_t n)
{
    struct message m = {.kind = MESSAGE_COMMAND,
                        .code = 0x0012,
                        .form = FORM_NULL,
                        .counter = 9,
                        .originator = {{1}},
                        .recipient = {{2}},
                        .payload_kind = PAYLOAD_RAW};
    struct err e = {0};
    uint8_t *payload = calloc(1, n + 1), *octets;
    size_t len;

    m.payload = span_of(payload, n);
    ck_assert(message_encode(&m, &octets, &len, &e));
    memcpy(out, octets, len);
    free(payload);
    free(octets);
    return len;
}

/* Around each step of the header's length:
 * message_decode must agree with what is wrapped. */
START_TEST(mac_header_has_the_shortest_length)
{
    static const size_t sizes[] = {0,   74,  75,  76,  77,  200,  201,
                                   202, 203, 204, 205, 500, 65000};
    static uint8_t inner[70000], out[70000];
    size_t len = inner_of(inner, sizes[_i]);
    size_t all = mac_command_len(len);
    size_t counted = 5 + len + MAC_LEN;
    struct message m;
    struct err e = {0};
    uint8_t tag[MAC_LEN];

    ck_assert(mac_tag(span_of(inner, len), &key, tag, &e));
    ck_assert(mac_wrap(span_of(inner, len), tag, out, &e));
    ck_assert_uint_eq(all, 7 + (counted < 0x80 ? 1u : counted <= 0xFF ? 2u : 3u) + counted);
    ck_assert_msg(message_decode(span_of(out, all), &m, &e), "%s", e.text);
    ck_assert_int_eq(m.form, FORM_MAC);
    ck_assert_uint_eq(m.mac_octets, 0);
    ck_assert_mem_eq(m.mac, tag, sizeof tag);
    message_done(&m);
}
END_TEST

START_TEST(key_depends_on_every_part_of_the_header)
{
    static const size_t parts[] = {2, 3, 10, 12, 19, 21, 28};
    struct mac_secret z = {{7}};
    uint8_t inner[64];
    size_t len = inner_of(inner, 4);
    struct mac_key a, b;
    struct err e = {0};

    ck_assert(mac_key_for(span_of(inner, len), &z, &a, &e));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        inner[parts[i]] ^= 3;
        ck_assert(mac_key_for(span_of(inner, len), &z, &b, &e));
        ck_assert_mem_ne(a.b, b.b, sizeof a.b);
        inner[parts[i]] ^= 3;
    }
    inner[33]++; /* what follows is not part of the derivation, but of the MAC */
    ck_assert(mac_key_for(span_of(inner, len), &z, &b, &e));
    ck_assert_mem_eq(a.b, b.b, sizeof a.b);
    z.b[31] ^= 1;
    ck_assert(mac_key_for(span_of(inner, len), &z, &b, &e));
    ck_assert_mem_ne(a.b, b.b, sizeof a.b);
}
END_TEST

START_TEST(what_is_no_grouping_header_is_refused)
{
    static const size_t spoil[] = {0, 1, 11, 20};
    struct mac_secret z = {{7}};
    uint8_t inner[64], tag[MAC_LEN];
    size_t len = inner_of(inner, 4);
    struct mac_key k;
    struct err e = {0};

    for (size_t i = 0; i < sizeof spoil / sizeof spoil[0]; i++) {
        inner[spoil[i]] ^= 0x40;
        ck_assert(!mac_key_for(span_of(inner, len), &z, &k, &e));
        ck_assert_str_eq(e.id, "mac.inner");
        ck_assert(!mac_tag(span_of(inner, len), &key, tag, &e));
        inner[spoil[i]] ^= 0x40;
    }
    ck_assert(!mac_tag(span_of(inner, 33), &key, tag, &e));
    ck_assert(!mac_tag(span_of(NULL, 0), &key, tag, &e));
}
END_TEST

START_TEST(longer_than_the_header_can_say_is_refused)
{
    static uint8_t inner[70000], out[70100];
    const uint8_t tag[MAC_LEN] = {0};
    struct err e = {0};

    (void)inner_of(inner, 4);
    ck_assert(!mac_wrap(span_of(inner, sizeof inner), tag, out, &e));
    ck_assert_str_eq(e.id, "mac.inner");
}
END_TEST

START_TEST(wiped_key_is_gone)
{
    static const uint8_t zero[16];
    struct mac_key k = key;

    mac_key_wipe(&k);
    ck_assert_mem_eq(k.b, zero, sizeof zero);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mac");
    TCase *c = tcase_create("mac");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_loop_test(c, mac_header_has_the_shortest_length, 0, 13);
    tcase_add_test(c, key_depends_on_every_part_of_the_header);
    tcase_add_test(c, what_is_no_grouping_header_is_refused);
    tcase_add_test(c, longer_than_the_header_can_say_is_refused);
    tcase_add_test(c, wiped_key_is_gone);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
