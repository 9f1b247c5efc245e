/* SPDX-License-Identifier: MIT
 *
 * What a signer does, and all that it refuses; test_desk_revoked.c has the list of what was
 * revoked.
 */
#include "desk_kit.h"
#include "verify.h"

/* Everything up to counters 1000..1009 for the scene's three rows. */
static void ready_to_sign(void)
{
    hello();
    ANSWERED(PROTO_READY);
    open_warrant();
    ANSWERED(PROTO_OPENED);
    reserve(1000, 10);
    ANSWERED(PROTO_RESERVED);
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

static bool is_zero(const struct sig_p256 *sig)
{
    static const struct sig_p256 zero;

    return memcmp(sig, &zero, sizeof zero) == 0;
}

START_TEST(what_it_signs_verifies_with_the_certificate)
{
    hello();
    ANSWERED(PROTO_READY);
    ck_assert_str_eq(reply.u.ready.what, "fake token, 4 keys");
    ck_assert_uint_eq(reply.u.ready.keys, 7); /* the fourth is on another token */
    ck_assert_uint_eq(reply.u.ready.sessions, 2);
    ck_assert_uint_eq(reply.u.ready.pid, (uint32_t)getpid());
    open_warrant();
    ANSWERED(PROTO_OPENED);
    ck_assert_mem_eq(&reply.u.opened.authority, &(struct digest[]){authority_digest()}, 32);
    ck_assert_uint_eq(reply.u.opened.rows, 3);
    ck_assert_uint_eq(reply.u.opened.key, SCENE_RECOVERY);
    ck_assert_uint_eq(reply.u.opened.mark, 0);
    reserve(1000, 10);
    ANSWERED(PROTO_RESERVED);
    ck_assert_uint_eq(fake_token.marks[0].last, 1009);
    sign(1000, 0, 2);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.counter, 1000);
    ck_assert_uint_eq(reply.u.signed_.n, 2);
    verifies(0, 1000, &reply.u.signed_.sigs[0]);
    verifies(1, 1001, &reply.u.signed_.sigs[1]);
    ck_assert(is_zero(&reply.u.signed_.sigs[2]));
    sign(1005, 2, 1);
    ANSWERED(PROTO_SIGNED);
    verifies(2, 1005, &reply.u.signed_.sigs[0]);
    ck_assert_uint_eq(fake_token.rows, 3);
    ck_assert_uint_eq(fake_token.raises, 1);
    desk_free(desk);
    desk = NULL;
    ck_assert_uint_eq(fake_token.closes, 1);
}
END_TEST

START_TEST(nothing_but_revoke_comes_before_hello)
{
    open_warrant();
    FAILED("signer.order");
    reserve(1000, 10);
    FAILED("signer.order");
    sign(1000, 0, 1);
    FAILED("signer.order");
    ask(PROTO_PROBE);
    FAILED("signer.order");
    ask(PROTO_MARK);
    FAILED("signer.order");
    revoke_it();
    ANSWERED(PROTO_REVOKED);
}
END_TEST

START_TEST(hello_comes_once_and_for_a_token_that_is_there)
{
    memset(&in, 0, sizeof in);
    (void)strcpy(in.u.hello.token, "nowhere");
    ask(PROTO_HELLO);
    FAILED("token.none");
    ck_assert_uint_eq(reply.u.fail.code, ERR_TOKEN);
    open_warrant();
    FAILED("signer.order");
    hello();
    ANSWERED(PROTO_READY);
    hello();
    FAILED("signer.order");
}
END_TEST

START_TEST(without_a_warrant_nothing_is_signed)
{
    hello();
    reserve(1000, 10);
    FAILED("signer.no-warrant");
    sign(1000, 0, 1);
    FAILED("signer.no-warrant");
    open_warrant();
    ANSWERED(PROTO_OPENED);
    scene_set(&scene, "roster.count", json_integer(2)); /* a bad one closes the good one */
    scene_sign(&scene, 2);
    open_warrant();
    FAILED("decision.count");
    sign(1000, 0, 1);
    FAILED("signer.no-warrant");
    ck_assert_uint_eq(fake_token.calls, 0);
}
END_TEST

START_TEST(an_order_for_another_authority_is_refused)
{
    ready_to_sign();
    sign(1000, 0, 1);
    ANSWERED(PROTO_SIGNED);
    in.u.sign.authority.b[31] ^= 1;
    in.u.sign.counter = 1001;
    in.u.sign.rows[0] = 1;
    ask(PROTO_SIGN);
    FAILED("signer.other-authority");
    ck_assert_uint_eq(fake_token.rows, 1);
}
END_TEST

START_TEST(each_counter_is_used_once_and_only_from_the_lease)
{
    scene_set(&scene, "attempts", json_integer(9));
    scene_sign(&scene, 2);
    ready_to_sign();
    sign(999, 0, 1);
    FAILED("signer.counter");
    sign(1008, 0, 3); /* the last of them is beyond */
    FAILED("signer.counter");
    sign(1010, 0, 1);
    FAILED("signer.counter");
    sign(UINT64_MAX, 0, 2);
    FAILED("signer.counter");
    sign(1002, 0, 2);
    ANSWERED(PROTO_SIGNED);
    sign(1002, 0, 1);
    FAILED("signer.counter");
    sign(1003, 0, 1);
    FAILED("signer.counter");
    sign(1001, 0, 1); /* skipped is spent */
    FAILED("signer.counter");
    sign(1004, 0, 1);
    ANSWERED(PROTO_SIGNED);
    open_warrant(); /* what is left of a lease ends with its warrant */
    sign(1005, 0, 1);
    FAILED("signer.counter");
    reserve(1005, 1); /* the token remembers */
    FAILED("token.counter-mark");
    ck_assert_uint_eq(reply.u.fail.code, ERR_DENIED);
    memset(&in, 0, sizeof in);
    in.u.reserve = (struct proto_reserve){.first = 1010, .n = 1, .known = 2000};
    ask(PROTO_RESERVE); /* an older copy of the token knows less than it did */
    FAILED("ledger.token-behind");
    reserve(1010, 1);
    ANSWERED(PROTO_RESERVED);
    sign(1010, 0, 1);
    ANSWERED(PROTO_SIGNED);
    sign(1011, 0, 1);
    FAILED("signer.counter");
}
END_TEST

START_TEST(a_reserved_run_is_in_range)
{
    scene.config.counter.has_start = true;
    scene.config.counter.start = 500;
    hello();
    open_warrant();
    reserve(499, 10);
    FAILED("signer.counter");
    reserve(500, 1000001);
    FAILED("signer.counter");
    reserve(UINT64_MAX, 2);
    FAILED("signer.counter");
    reserve(INT64_MAX, 2);
    FAILED("signer.counter");
    ck_assert_uint_eq(fake_token.raises, 0);
    reserve(500, 1000000);
    ANSWERED(PROTO_RESERVED);
    reserve(INT64_MAX, 1); /* would leave no counter for anybody after it */
    FAILED("signer.counter-leap");
}
END_TEST

START_TEST(a_row_beyond_the_roster_is_refused)
{
    ready_to_sign();
    sign(1000, 3, 1);
    FAILED("signer.row");
    sign(1000, 2, 2);
    FAILED("signer.row");
    sign(1000, 0, 3);
    ANSWERED(PROTO_SIGNED);
}
END_TEST

START_TEST(attempts_are_used_up)
{
    ready_to_sign();
    sign(1000, 0, 3);
    ANSWERED(PROTO_SIGNED);
    sign(1003, 0, 1);
    FAILED("signer.attempts");
    ck_assert_uint_eq(fake_token.rows, 3);
}
END_TEST

START_TEST(what_was_signed_before_a_failure_leaves_with_its_reason)
{
    static struct token_flaky f;

    token = token_flaky_init(&f, token, FLAKY_FAIL_LATE, 1);
    ready_to_sign();
    sign(1000, 0, 2);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.n, 1);
    ck_assert_uint_eq(reply.u.signed_.spent, 2); /* the other may have been signed too */
    ck_assert_uint_eq(reply.u.signed_.count.used, 1);
    ck_assert_uint_eq(reply.u.signed_.stop.code, ERR_TOKEN);
    ck_assert_str_eq(reply.u.signed_.stop.id, "token.sign");
    verifies(0, 1000, &reply.u.signed_.sigs[0]);
    ck_assert(is_zero(&reply.u.signed_.sigs[1]));
    sign(1001, 1, 1); /* its counter is spent, the row is not */
    FAILED("signer.counter");
    sign(1002, 0, 1);
    FAILED("signer.attempts");
    sign(1002, 1, 2);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.stop.code, ERR_NONE);
}
END_TEST

START_TEST(a_bad_row_spoils_its_order_and_spends_its_counters)
{
    scene_roster(&scene, "device,type,status\n"
                         "00DB1234567890A0,ESME,commissioned\n"
                         "00DB1234567890A1,GSME,suspended\n");
    scene_sign(&scene, 2);
    ready_to_sign();
    sign(1000, 0, 2);
    FAILED("row.status");
    ck_assert_uint_eq(fake_token.calls, 0);
    sign(1000, 0, 1);
    FAILED("signer.counter");
    sign(1002, 0, 1);
    ANSWERED(PROTO_SIGNED);
}
END_TEST

/* --- parts --- */

static void open_with(int cms, int roster, int pem)
{
    int fds[3] = {cms, roster, pem};

    memset(&in, 0, sizeof in);
    in.type = PROTO_OPEN;
    in.u.open.parts = PARTS_PLAIN;
    ask_with(fds, 3);
}

START_TEST(parts_are_sealed_memfds)
{
    static const int lacks[] = {0, F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_SEAL};
    size_t before;

    hello();
    before = kit_open_fds();
    for (size_t part = 0; part < 3; part++)
        for (size_t i = 0; i < sizeof lacks / sizeof lacks[0]; i++) {
            int seals = lacks[i] ? SEALS & ~lacks[i] : 0;

            open_with(memfd_of(scene.cms, part == 0 ? seals : SEALS),
                      memfd_of(scene.roster_text, part == 1 ? seals : SEALS),
                      memfd_of(scene.pem, part == 2 ? seals : SEALS));
            FAILED("signer.not-sealed");
        }
    open_with(memfd_of(scene.cms, SEALS), open("/dev/null", O_RDONLY),
              memfd_of(scene.pem, SEALS));
    FAILED("signer.not-sealed");
    open_with(memfd_of(span_of("", 0), SEALS), memfd_of(scene.roster_text, SEALS),
              memfd_of(scene.pem, SEALS));
    FAILED("signer.part-size");
    ck_assert_uint_eq(kit_open_fds(), before);
}
END_TEST

/* Of any length for nothing: to be read it would have to be filled. */
START_TEST(parts_have_no_holes)
{
    int fd = memfd_create("holes", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, scene.roster_text.at, scene.roster_text.len, 0),
                     (ssize_t)scene.roster_text.len);
    ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, SEALS), 0);
    hello();
    open_with(memfd_of(scene.cms, SEALS), fd, memfd_of(scene.pem, SEALS));
    FAILED("signer.part-size");
    ck_assert_ptr_nonnull(strstr(reply.u.fail.text, "holes"));
}
END_TEST

START_TEST(parts_have_a_limit)
{
    size_t max = AUTHORITY_CMS_MAX + 1;
    uint8_t *big = calloc(1, max);

    hello();
    open_with(memfd_of(span_of(big, max), SEALS), memfd_of(scene.roster_text, SEALS),
              memfd_of(scene.pem, SEALS));
    FAILED("signer.part-size");
    open_with(memfd_of(scene.cms, SEALS), memfd_of(scene.roster_text, SEALS),
              memfd_of(span_of(big, max), SEALS));
    FAILED("signer.part-size");
    free(big);
}
END_TEST

START_TEST(descriptors_come_in_the_right_number)
{
    size_t before;
    int fds[4];

    hello();
    before = kit_open_fds();
    for (size_t n = 0; n <= 4; n++)
        for (uint32_t key = 0; key <= 1; key++) {
            for (size_t i = 0; i < n; i++)
                fds[i] = memfd_of(i == 0   ? scene.cms
                                  : i == 1 ? scene.roster_text
                                           : scene.pem,
                                  SEALS);
            memset(&in, 0, sizeof in);
            in.type = PROTO_OPEN;
            in.u.open.parts =
                PARTS_PLAIN | (key ? PROTO_PART_BIT(PROTO_PART_SYMMETRIC_KEY) : 0);
            ask_with(fds, n);
            if (n == 3 + key)
                continue;
            FAILED("signer.record");
        }
    for (enum proto_type t = PROTO_RESERVE; t < PROTO_TYPES; t++) {
        memset(&in, 0, sizeof in);
        in.type = t;
        for (size_t n = 0; n < (t == PROTO_REVOKE ? 2 : 1); n++)
            fds[n] = memfd_of(scene.cms, SEALS);
        ask_with(fds, t == PROTO_REVOKE ? 2 : 1);
        FAILED("signer.record");
    }
    ck_assert_uint_eq(kit_open_fds(), before);
}
END_TEST

START_TEST(a_symmetric_key_has_a_limit)
{
    uint8_t key[65] = {1};
    int fds[4] = {memfd_of(scene.cms, SEALS), memfd_of(scene.roster_text, SEALS),
                  memfd_of(scene.pem, SEALS), memfd_of(span_of(key, sizeof key), SEALS)};

    hello();
    memset(&in, 0, sizeof in);
    in.type = PROTO_OPEN;
    in.u.open.parts = PARTS_PLAIN | PROTO_PART_BIT(PROTO_PART_SYMMETRIC_KEY);
    ask_with(fds, 4);
    FAILED("signer.part-size");
}
END_TEST

START_TEST(documents_are_judged_here_too)
{
    hello();
    now = SCENE_NOW + INT64_C(30) * 86400 * 1000000;
    open_warrant();
    FAILED("decision.window");
    now = SCENE_NOW;
    scene_sign(&scene, 1);
    open_warrant();
    FAILED("decision.quorum");
    scene_sign(&scene, 2);
    open_with(memfd_of(scene.cms, SEALS), memfd_of(span_of("x", 1), SEALS),
              memfd_of(scene.pem, SEALS));
    FAILED("roster.row");
}
END_TEST

/* --- between rows --- */

static unsigned row_no, turn_at;

static void before_row(unsigned n, void (*fn)(void *arg))
{
    row_no = 0;
    turn_at = n;
    fake_token.each_row = fn;
}

/* Each row takes this token longer than an order may take. */
static void crawl(void *arg)
{
    (void)arg;
    steady += (PROTO_SIGN_MS + 1) * INT64_C(1000);
}

START_TEST(an_order_ends_in_time_with_what_is_done)
{
    ready_to_sign();
    fake_token.each_row = crawl;
    for (uint32_t row = 0; row < 3; row++) {
        /* at any speed one row is signed; the counters of the others are as good as new */
        sign(1000 + row, row, 3 - row);
        ANSWERED(PROTO_SIGNED);
        ck_assert_uint_eq(reply.u.signed_.n, 1);
        ck_assert_uint_eq(reply.u.signed_.spent, 1);
        ck_assert_uint_eq(reply.u.signed_.stop.code, ERR_NONE);
        ck_assert_uint_eq(reply.u.signed_.count.used, row + 1);
        verifies(row, 1000 + row, &reply.u.signed_.sigs[0]);
    }
}
END_TEST

static void close_window(void *arg)
{
    (void)arg;
    if (row_no++ == turn_at)
        now = SCENE_NOW + INT64_C(30) * 86400 * 1000000;
}

START_TEST(a_window_that_closes_between_rows_stops_between_rows)
{
    ready_to_sign();
    before_row(2, close_window);
    sign(1000, 0, 3);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.n, 2);
    ck_assert_uint_eq(fake_token.rows, 2);
    verifies(1, 1001, &reply.u.signed_.sigs[1]);
    ck_assert(is_zero(&reply.u.signed_.sigs[2]));
    sign(1003, 2, 1);
    FAILED("decision.window");
    reserve(2000, 1);
    FAILED("decision.window");
    ck_assert_uint_eq(fake_token.raises, 1);
}
END_TEST

static void send_revoke(void *arg)
{
    static struct proto p = {.type = PROTO_REVOKE};

    (void)arg;
    if (row_no++ == turn_at)
        OK(proto_send(stop[1], &p, NULL, 0, &e));
}

START_TEST(a_revoke_that_waits_stops_between_rows)
{
    ready_to_sign();
    before_row(1, send_revoke);
    sign(1000, 0, 3);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.n, 1);
    ck_assert_uint_eq(fake_token.rows, 1);
    ck_assert_int_eq(proto_first(stop[0]),
                     PROTO_FIRST_STOP); /* still there to be answered */
    revoke_it();
    ANSWERED(PROTO_REVOKED);
    sign(1003, 2, 1);
    FAILED("signer.no-warrant");
}
END_TEST

static void hang_up(void *arg)
{
    (void)arg;
    if (row_no++ == turn_at) {
        (void)close(stop[1]);
        stop[1] = -1;
    }
}

START_TEST(a_hang_up_stops_between_rows)
{
    ready_to_sign();
    before_row(0, hang_up);
    sign(1000, 0, 3);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.n, 0);
    ck_assert_uint_eq(fake_token.rows, 0);
}
END_TEST

/* --- the token --- */

START_TEST(what_the_token_lacks_is_not_opened)
{
    static struct token_flaky f;

    token = token_flaky_init(&f, token, FLAKY_NO_KEY, 0);
    hello();
    ANSWERED(PROTO_READY);
    ck_assert_uint_eq(reply.u.ready.keys, 0);
    ck_assert_str_eq(reply.u.ready.unusable[SCENE_RECOVERY].id, "token.key-missing");
    ck_assert_str_eq(reply.u.ready.unusable[SCENE_RECOVERY].text, "it has no key today");
    ck_assert_str_eq(reply.u.ready.unusable[3].id, ""); /* it is on another token */
    open_warrant();
    FAILED("token.key-missing");
    reserve(1000, 1);
    FAILED("signer.no-warrant");
}
END_TEST

START_TEST(a_mark_that_cannot_be_raised_lends_nothing)
{
    static struct token_flaky f;

    token = token_flaky_init(&f, token, FLAKY_NO_MARK, 0);
    hello();
    open_warrant();
    reserve(1000, 10);
    FAILED("token.mark");
    sign(1000, 0, 1);
    FAILED("signer.counter");
}
END_TEST

START_TEST(a_token_that_fails_or_stops_short_says_so)
{
    static struct token_flaky f;

    token = token_flaky_init(&f, token, FLAKY_FAIL, 1);
    ready_to_sign();
    sign(1000, 0, 2);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.n, 0);
    ck_assert_uint_eq(reply.u.signed_.spent, 1);
    ck_assert_str_eq(reply.u.signed_.stop.id, "token.sign");
    f.way = FLAKY_SHORT;
    f.at = 0;
    sign(1001, 0, 3);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.n, 1);
    ck_assert(is_zero(&reply.u.signed_.sigs[1]));
    f.way = FLAKY_FAIL;
    ask(PROTO_PROBE);
    FAILED("token.sign");
}
END_TEST

START_TEST(probe_and_mark_ask_the_token)
{
    hello();
    ask(PROTO_PROBE);
    ANSWERED(PROTO_PROBED);
    ck_assert_uint_eq(fake_token.probes, 1);
    ck_assert_uint_eq(fake_token.rows, 0);
    open_warrant();
    reserve(77, 3);
    memset(&in, 0, sizeof in);
    in.u.mark.originator = scene.trust.keys[SCENE_RECOVERY].cert.at[0].eui;
    ask(PROTO_MARK);
    ANSWERED(PROTO_MARKED);
    ck_assert_uint_eq(reply.u.marked.mark, 79);
    in.u.mark.originator = scene.supplier;
    ask(PROTO_MARK);
    ck_assert_uint_eq(reply.u.marked.mark, 0);
}
END_TEST

START_TEST(answers_and_unknown_records_are_not_taken)
{
    static const enum proto_type others[] = {PROTO_READY,  PROTO_OPENED,  PROTO_RESERVED,
                                             PROTO_SIGNED, PROTO_REVOKED, PROTO_PROBED,
                                             PROTO_MARKED, PROTO_FAIL,    PROTO_TYPES};

    ready_to_sign();
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        memset(&in, 0, sizeof in);
        ask(others[i]);
        FAILED("signer.record");
    }
}
END_TEST

KIT_MAIN("desk", desk_kit_begin, desk_kit_end, what_it_signs_verifies_with_the_certificate,
         nothing_but_revoke_comes_before_hello,
         hello_comes_once_and_for_a_token_that_is_there,
         without_a_warrant_nothing_is_signed, an_order_for_another_authority_is_refused,
         each_counter_is_used_once_and_only_from_the_lease, a_reserved_run_is_in_range,
         a_row_beyond_the_roster_is_refused, attempts_are_used_up,
         what_was_signed_before_a_failure_leaves_with_its_reason,
         an_order_ends_in_time_with_what_is_done,
         a_bad_row_spoils_its_order_and_spends_its_counters, parts_are_sealed_memfds,
         parts_have_no_holes, parts_have_a_limit, descriptors_come_in_the_right_number,
         a_symmetric_key_has_a_limit, documents_are_judged_here_too,
         a_window_that_closes_between_rows_stops_between_rows,
         a_revoke_that_waits_stops_between_rows, a_hang_up_stops_between_rows,
         what_the_token_lacks_is_not_opened, a_mark_that_cannot_be_raised_lends_nothing,
         a_token_that_fails_or_stops_short_says_so, probe_and_mark_ask_the_token,
         answers_and_unknown_records_are_not_taken)
