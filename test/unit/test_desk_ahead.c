/* SPDX-License-Identifier: MIT
 *
 * An order that is taken while another is signed: what holds for both, and what becomes of it
 * when the one before ends early.
 */
#include "desk_kit.h"
#include "verify.h"

static struct proto first, second;
static unsigned row_no;

/* Counters 1000..1009 and three signatures, for rows 0..2. */
static void begin(void)
{
    desk_kit_begin();
    row_no = 0;
}

static void ready_to_sign(void)
{
    hello();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    reserve(1000, 10);
    ANSWERED(PROTO_RESERVED);
}

static void take(uint64_t counter, uint32_t row, uint32_t n)
{
    memset(&in, 0, sizeof in);
    in.type = PROTO_SIGN;
    in.seq = (uint32_t)counter;
    in.u.sign.authority = authority_digest();
    in.u.sign.counter = counter;
    in.u.sign.n = n;
    for (uint32_t i = 0; i < n; i++)
        in.u.sign.rows[i] = row + i;
    desk_take(desk, &in, NULL, 0);
}

static void give_both(void)
{
    ck_assert(desk_give(desk, &first));
    ck_assert(desk_give(desk, &second));
    ck_assert(!desk_give(desk, &reply));
}

static void verifies(uint32_t row, uint64_t counter, const struct sig_p256 *sig)
{
    EVP_PKEY *key = X509_get_pubkey(scene.trust.keys[SCENE_RECOVERY].cert.at[0].x);
    struct warrant *w;
    struct digest d;

    OK(scene_open(&scene, SCENE_NOW, &w, &e));
    OK(warrant_digest(w, row, counter, &d, &e));
    ck_assert(verify_one(key, &d, sig));
    warrant_free(w);
    EVP_PKEY_free(key);
}

/* Is that counter free? The row has a command left. */
static bool may_use(uint64_t counter, uint32_t row)
{
    sign(counter, row, 1);
    if (reply.type == PROTO_SIGNED)
        return true;
    FAILED("signer.counter");
    return false;
}

START_TEST(two_orders_are_answered_in_the_order_in_which_they_were_taken)
{
    ready_to_sign();
    ck_assert(desk_room(desk));
    take(1000, 0, 2);
    ck_assert(desk_room(desk));
    take(1002, 2, 1);
    ck_assert(!desk_room(desk));
    ck_assert_uint_eq(fake_token.rows, 0); /* counted and begun, no more */
    give_both();
    ck_assert_uint_eq(first.seq, 1000);
    ck_assert_int_eq(first.type, PROTO_SIGNED);
    ck_assert_uint_eq(first.u.signed_.n, 2);
    verifies(1, 1001, &first.u.signed_.sigs[1]);
    ck_assert_uint_eq(second.seq, 1002);
    ck_assert_int_eq(second.type, PROTO_SIGNED);
    ck_assert_uint_eq(second.u.signed_.n, 1);
    verifies(2, 1002, &second.u.signed_.sigs[0]);
    ck_assert_uint_eq(second.u.signed_.count.used, 3);
    ck_assert(desk_room(desk));
}
END_TEST

START_TEST(a_refusal_waits_for_the_answer_before_it)
{
    ready_to_sign();
    take(1000, 0, 2);
    take(1001, 2, 1); /* a counter that the first has */
    give_both();
    ck_assert_uint_eq(first.u.signed_.n, 2);
    ck_assert_uint_eq(second.seq, 1001);
    ck_assert_int_eq(second.type, PROTO_FAIL);
    ck_assert_str_eq(second.u.fail.id, "signer.counter");
    ck_assert_uint_eq(fake_token.rows, 2);
}
END_TEST

/* Each row takes this token longer than an order may take. */
static void crawl(void *arg)
{
    (void)arg;
    steady += (PROTO_SIGN_MS + 1) * INT64_C(1000);
}

static void slowly(uint32_t in_first)
{
    ready_to_sign();
    take(1000, 0, in_first);
    take(1000 + in_first, in_first, 3 - in_first);
    fake_token.each_row = crawl;
    give_both();
    fake_token.each_row = NULL;
    ck_assert_uint_eq(first.u.signed_.n, 1);
    ck_assert_uint_eq(second.u.signed_.n, 1); /* its time begins with its first row */
}

START_TEST(counters_behind_an_order_that_ended_early_are_left_out)
{
    slowly(2);
    ck_assert_uint_eq(first.u.signed_.spent, 1);
    ck_assert(!may_use(1001, 1));
    ck_assert(may_use(1003, 1));
}
END_TEST

START_TEST(those_of_the_last_are_free)
{
    slowly(1);
    ck_assert_uint_eq(second.u.signed_.spent, 1);
    ck_assert(may_use(1002, 2));
}
END_TEST

static void send_revoke(void *arg)
{
    static struct proto p = {.type = PROTO_REVOKE};

    (void)arg;
    if (row_no++ == 1)
        OK(proto_send(stop[1], &p, NULL, 0, &e));
}

START_TEST(a_revoke_stops_both)
{
    ready_to_sign();
    take(1000, 0, 2);
    take(1002, 2, 1);
    fake_token.each_row = send_revoke;
    give_both();
    ck_assert_uint_eq(first.u.signed_.n, 1);
    ck_assert_int_eq(second.type, PROTO_SIGNED);
    ck_assert_uint_eq(second.u.signed_.n, 0);
    ck_assert_uint_eq(second.u.signed_.stop.code, ERR_NONE);
    ck_assert_uint_eq(second.u.signed_.count.used, 1);
}
END_TEST

/* The next order stands before the revoke: once it is taken nothing hides the revoke. */
static void send_sign_then_revoke(void *arg)
{
    static struct proto p;
    struct proto got;
    int fds[PROTO_FDS];
    size_t n;
    bool gone;

    (void)arg;
    if (row_no == 0) {
        p = (struct proto){.type = PROTO_SIGN, .u.sign.n = 1};
        OK(proto_send(stop[1], &p, NULL, 0, &e));
        p.type = PROTO_REVOKE;
        OK(proto_send(stop[1], &p, NULL, 0, &e));
    }
    if (row_no++ == 1) {
        OK(proto_recv(stop[0], &got, fds, &n, &gone, &e));
        take(1002, 2, 1);
    }
}

START_TEST(what_hid_a_revoke_is_taken)
{
    ready_to_sign();
    take(1000, 0, 2);
    fake_token.each_row = send_sign_then_revoke;
    give_both();
    ck_assert_uint_eq(first.u.signed_.n, 1);
    ck_assert_int_eq(second.type, PROTO_SIGNED);
    ck_assert_uint_eq(second.u.signed_.n, 0);
}
END_TEST

START_TEST(after_a_failure_nothing_that_was_ahead_is_begun)
{
    static struct token_flaky f;

    token = token_flaky_init(&f, token, FLAKY_FAIL, 1);
    ready_to_sign();
    take(1000, 0, 2);
    take(1002, 2, 1);
    give_both();
    ck_assert_str_eq(first.u.signed_.stop.id, "token.sign");
    ck_assert_uint_eq(first.u.signed_.n, 0);
    ck_assert_int_eq(second.type, PROTO_SIGNED);
    ck_assert_uint_eq(second.u.signed_.n, 0);
    ck_assert_uint_eq(second.u.signed_.spent, 0);
    ck_assert_uint_eq(second.u.signed_.stop.code, ERR_NONE);
    ck_assert_uint_eq(second.u.signed_.count.used, 0);
    ck_assert_uint_eq(fake_token.rows, 0);
    ck_assert(may_use(1002, 2));
}
END_TEST

START_TEST(what_was_ahead_when_the_signer_ends_is_counted_back)
{
    ready_to_sign();
    take(1000, 0, 2);
    take(1002, 2, 1);
    desk_kit_restart();
    hello();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    ck_assert_uint_eq(reply.u.opened.count.used, 0);
    ck_assert_uint_eq(fake_token.rows, 0);
}
END_TEST

KIT_MAIN("desk_ahead", begin, desk_kit_end,
         two_orders_are_answered_in_the_order_in_which_they_were_taken,
         a_refusal_waits_for_the_answer_before_it,
         counters_behind_an_order_that_ended_early_are_left_out, those_of_the_last_are_free,
         a_revoke_stops_both, what_hid_a_revoke_is_taken,
         after_a_failure_nothing_that_was_ahead_is_begun,
         what_was_ahead_when_the_signer_ends_is_counted_back)
