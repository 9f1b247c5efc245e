/* SPDX-License-Identifier: MIT */
#include "core_kit.h"
#include "proto.h"

#include <fcntl.h>
#include <sys/socket.h>

static uint8_t buf[PROTO_SIZE_MAX + 1];
static struct proto p, back;
static int pair[2];

static void setup(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    memset(&p, 0, sizeof p);
}

static void teardown(void)
{
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void octets(void *at, size_t len, uint8_t seed)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)at)[i] = (uint8_t)(seed + 7 * i);
}

static void fill_rows(uint32_t *n, uint32_t *rows)
{
    *n = PROTO_ROWS;
    for (uint32_t i = 0; i < PROTO_ROWS; i++)
        rows[i] = 1000000 + 3 * i;
}

/* A record of that type with every field in use. */
static void make(enum proto_type type)
{
    memset(&p, 0, sizeof p);
    p.type = type;
    p.seq = 0xDEADBEEF;
    switch (type) {
    case PROTO_HELLO:
        memset(p.u.hello.token, 'x', PROTO_NAME - 1);
        break;
    case PROTO_READY:
        memset(p.u.ready.what, 'y', sizeof p.u.ready.what - 1);
        p.u.ready.keys = 0x80000001;
        p.u.ready.sessions = 64;
        p.u.ready.pid = 4711;
        memset(p.u.ready.list.id, 0xA5, sizeof p.u.ready.list.id);
        octets(p.u.ready.audit.b, sizeof p.u.ready.audit.b, 12);
        memset(p.u.ready.unusable[11].id, 'r', sizeof p.u.ready.unusable[11].id - 1);
        memset(p.u.ready.unusable[11].text, 'w', sizeof p.u.ready.unusable[11].text - 1);
        break;
    case PROTO_OPEN:
        p.u.open.parts = PROTO_PARTS_ALWAYS | PROTO_PART_BIT(PROTO_PART_SYMMETRIC_KEY);
        break;
    case PROTO_OPENED:
        octets(&p.u.opened.authority, 32, 1);
        p.u.opened.rows = UINT32_MAX;
        p.u.opened.key = 3;
        p.u.opened.mark = UINT64_MAX;
        p.u.opened.count = (struct proto_count){1, UINT64_MAX, 3};
        break;
    case PROTO_RESERVE:
        p.u.reserve.first = INT64_MAX;
        p.u.reserve.n = 1;
        break;
    case PROTO_SIGN:
        octets(&p.u.sign.authority, 32, 2);
        p.u.sign.counter = UINT64_MAX - 1;
        fill_rows(&p.u.sign.n, p.u.sign.rows);
        break;
    case PROTO_SIGNED:
        p.u.signed_.counter = 5;
        p.u.signed_.n = PROTO_ROWS - 1;
        p.u.signed_.spent = PROTO_ROWS;
        p.u.signed_.maced = 1;
        octets(p.u.signed_.sigs, sizeof p.u.signed_.sigs, 3);
        octets(p.u.signed_.macs, sizeof p.u.signed_.macs, 7);
        p.u.signed_.count = (struct proto_count){UINT64_MAX, 2, 1};
        p.u.signed_.stop.code = ERR_TOKEN;
        p.u.signed_.stop.end = PROTO_ENDS;
        memset(p.u.signed_.stop.id, 'j', sizeof p.u.signed_.stop.id - 1);
        memset(p.u.signed_.stop.text, 'u', sizeof p.u.signed_.stop.text - 1);
        break;
    case PROTO_LOST:
        octets(&p.u.lost.authority, 32, 6);
        fill_rows(&p.u.lost.n, p.u.lost.rows);
        break;
    case PROTO_GRANTED:
        p.u.granted.n = PROTO_ROWS;
        p.u.granted.count = (struct proto_count){4, 5, UINT64_MAX};
        break;
    case PROTO_REVOKE:
        octets(&p.u.revoke.authority, 32, 4);
        break;
    case PROTO_MARK:
        octets(&p.u.mark.originator, 8, 5);
        break;
    case PROTO_MARKED:
        p.u.marked.mark = UINT64_MAX;
        break;
    case PROTO_HEAD:
        p.u.head.records = INT64_MAX;
        octets(&p.u.head.hash, 32, 8);
        break;
    case PROTO_HEADED:
        octets(p.u.headed.chain, sizeof p.u.headed.chain, 9);
        p.u.headed.records = 1;
        octets(&p.u.headed.hash, 32, 10);
        octets(&p.u.headed.sig, 64, 11);
        break;
    case PROTO_FAIL:
        p.u.fail.code = ERR_STORE;
        p.u.fail.end = PROTO_PERSON;
        memset(p.u.fail.id, 'i', sizeof p.u.fail.id - 1);
        memset(p.u.fail.text, 't', sizeof p.u.fail.text - 1);
        break;
    case PROTO_RESERVED:
    case PROTO_REVOKED:
    case PROTO_PROBE:
    case PROTO_PROBED:
    case PROTO_TYPES:
        break;
    }
}

START_TEST(every_type_comes_back_as_it_went)
{
    make((enum proto_type)_i);
    memset(buf, 0xA5, sizeof buf);
    ck_assert_uint_eq(proto_encode(&p, buf), proto_size((uint16_t)_i));
    OK(proto_decode(span_of(buf, proto_size((uint16_t)_i)), &back, &e));
    ck_assert_mem_eq(&back, &p, sizeof p);
}
END_TEST

START_TEST(every_other_size_is_refused)
{
    size_t size = proto_size((uint16_t)_i);

    make((enum proto_type)_i);
    memset(buf, 0, sizeof buf);
    (void)proto_encode(&p, buf);
    REFUSED(proto_decode(span_of(buf, size + 1), &back, &e), "signer.record");
    REFUSED(proto_decode(span_of(buf, size - 1), &back, &e), "signer.record");
    REFUSED(proto_decode(span_of(buf, 0), &back, &e), "signer.record");
}
END_TEST

START_TEST(the_head_is_held_to_its_form)
{
    static const struct {
        size_t at;
        uint8_t value;
    } faults[] = {{0, 'T'}, {3, '1'}, {4, 1}, {5, 0}, {5, PROTO_TYPES}, {6, 1}, {7, 1}};

    ck_assert_uint_eq(proto_size(0), 0);
    ck_assert_uint_eq(proto_size(PROTO_TYPES), 0);
    ck_assert_uint_eq(proto_size(0xFFFF), 0);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        make(PROTO_PROBE);
        (void)proto_encode(&p, buf);
        buf[faults[i].at] = faults[i].value;
        REFUSED(proto_decode(span_of(buf, 12), &back, &e), "signer.record");
    }
}
END_TEST

/* Encode a sound record, put v at an offset of its body, and expect a refusal. */
static void bad32(enum proto_type type, size_t at, uint32_t v)
{
    make(type);
    (void)proto_encode(&p, buf);
    put_be32(buf + 12 + at, v);
    REFUSED_SAYING(proto_decode(span_of(buf, proto_size((uint16_t)type)), &back, &e),
                   "signer.record", "out of range");
}

START_TEST(fields_out_of_range_are_refused)
{
    bad32(PROTO_READY, 128, 1u << 11); /* usable, and a reason why not */
    bad32(PROTO_OPEN, 0, 2);
    bad32(PROTO_RESERVE, 8, 0);
    bad32(PROTO_SIGN, 40, 0);
    bad32(PROTO_SIGN, 40, PROTO_ROWS + 1);
    bad32(PROTO_SIGNED, 8, PROTO_ROWS + 1);
    bad32(PROTO_SIGNED, 12, PROTO_ROWS + 1);
    bad32(PROTO_SIGNED, 12, PROTO_ROWS - 2); /* fewer counters than signatures */
    bad32(PROTO_SIGNED, 16, 2);
    bad32(PROTO_SIGNED, PROTO_SIZE_MAX - 12 - PROTO_FAIL_SIZE, ERR_NONE); /* and a reason */
    bad32(PROTO_SIGNED, PROTO_SIZE_MAX - 12 - PROTO_FAIL_SIZE, ERR_STORE + 1);
    bad32(PROTO_SIGNED, PROTO_SIZE_MAX - 12 - PROTO_FAIL_SIZE + 4, PROTO_END_N);
    bad32(PROTO_LOST, 32, 0);
    bad32(PROTO_LOST, 32, PROTO_ROWS + 1);
    bad32(PROTO_LOST, 36 + 4 * 255, 0);
    bad32(PROTO_GRANTED, 0, PROTO_ROWS + 1);
    bad32(PROTO_HEAD, 0, 0x80000000);
    bad32(PROTO_HEADED, 16, 0x80000000);
    bad32(PROTO_FAIL, 0, ERR_NONE);
    bad32(PROTO_FAIL, 0, ERR_STORE + 1);
    bad32(PROTO_FAIL, 4, PROTO_END_N);
}
END_TEST

START_TEST(rows_ascend)
{
    bad32(PROTO_SIGN, 44 + 4 * 7, 1000000 + 3 * 6); /* as the one before */
    bad32(PROTO_SIGN, 44 + 4 * 255, 0);             /* the last */
    make(PROTO_SIGN); /* what stands behind the n rows does not count */
    p.u.sign.n = 2;
    p.u.sign.rows[2] = 0;
    (void)proto_encode(&p, buf);
    OK(proto_decode(span_of(buf, proto_size(PROTO_SIGN)), &back, &e));
}
END_TEST

START_TEST(texts_end_and_nothing_hides_behind_the_end)
{
    make(PROTO_HELLO);
    (void)proto_encode(&p, buf);
    buf[12 + PROTO_NAME - 1] = 'x';
    REFUSED(proto_decode(span_of(buf, proto_size(PROTO_HELLO)), &back, &e),
            "signer.record");
    make(PROTO_HELLO);
    (void)strcpy(p.u.hello.token, "short");
    memset(p.u.hello.token + 6, 'x', 3); /* encoding does not let it out */
    (void)proto_encode(&p, buf);
    OK(proto_decode(span_of(buf, proto_size(PROTO_HELLO)), &back, &e));
    ck_assert_uint_eq((unsigned char)back.u.hello.token[6], 0);
    buf[12 + 6] = 'x';
    REFUSED(proto_decode(span_of(buf, proto_size(PROTO_HELLO)), &back, &e),
            "signer.record");
}
END_TEST

/* --- the socket --- */

START_TEST(a_record_travels_with_its_descriptors)
{
    int fds[PROTO_FDS];
    int got[PROTO_FDS];
    size_t n;
    bool gone;
    size_t before;

    for (size_t i = 0; i < PROTO_FDS; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    before = kit_open_fds();
    for (size_t k = 0; k <= PROTO_FDS; k++) {
        make(PROTO_OPEN);
        OK(proto_send(pair[0], &p, fds, k, &e));
        OK(proto_recv(pair[1], &back, got, &n, &gone, &e));
        ck_assert(!gone);
        ck_assert_uint_eq(n, k);
        ck_assert_mem_eq(&back, &p, sizeof p);
        for (size_t i = 0; i < n; i++) {
            ck_assert(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
            (void)close(got[i]);
        }
    }
    ck_assert_uint_eq(kit_open_fds(), before);
}
END_TEST

/* A message with n descriptors that proto_send would not send. */
static void raw_send(const void *at, size_t len, size_t n)
{
    union {
        char b[CMSG_SPACE(sizeof(int) * 64)];
        struct cmsghdr align;
    } control;
    struct iovec iov = {(void *)(uintptr_t)at, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    memset(&control, 0, sizeof control);
    if (n > 0) {
        struct cmsghdr *c;

        m.msg_control = control.b;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n);
        for (size_t i = 0; i < n; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){2}, sizeof(int));
    }
    ck_assert_int_eq(sendmsg(pair[0], &m, 0), (ssize_t)len);
}

static void refused_without_leak(const void *at, size_t len, size_t n_fds, bool hung_up)
{
    size_t before = kit_open_fds();
    int got[PROTO_FDS];
    size_t n = 9;
    bool gone;

    raw_send(at, len, n_fds);
    REFUSED(proto_recv(pair[1], &back, got, &n, &gone, &e),
            hung_up ? "signer.socket" : "signer.record");
    ck_assert(gone == hung_up);
    ck_assert_uint_eq(n, 0);
    ck_assert_uint_eq(kit_open_fds(), before);
}

START_TEST(too_many_descriptors_are_closed)
{
    make(PROTO_OPEN);
    (void)proto_encode(&p, buf);
    for (size_t n = PROTO_FDS + 1; n < 40; n++)
        refused_without_leak(buf, proto_size(PROTO_OPEN), n, false);
    ck_assert_uint_eq(back.seq, 0xDEADBEEF);
}
END_TEST

START_TEST(descriptors_of_a_bad_record_are_closed)
{
    make(PROTO_OPEN);
    (void)proto_encode(&p, buf);
    refused_without_leak(buf, proto_size(PROTO_OPEN) - 1, 4, false);
    ck_assert_uint_eq(back.seq, 0xDEADBEEF);
    refused_without_leak("x", 1, 2, false);
    ck_assert_uint_eq(back.seq, 0);
    refused_without_leak(buf, sizeof buf, 1, false);
    refused_without_leak("", 0, 3, true);
}
END_TEST

START_TEST(a_hang_up_is_told_apart)
{
    int got[PROTO_FDS];
    size_t n;
    bool gone;

    ck_assert_int_eq(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    REFUSED(proto_recv(pair[1], &back, got, &n, &gone, &e), "signer.socket");
    ck_assert(!gone);
    (void)close(pair[0]);
    pair[0] = -1;
    REFUSED(proto_recv(pair[1], &back, got, &n, &gone, &e), "signer.socket");
    ck_assert(gone);
    make(PROTO_PROBE);
    REFUSED(proto_send(pair[1], &p, NULL, 0, &e), "signer.socket");
    ck_assert_int_eq(e.code, ERR_BUSY);
}
END_TEST

START_TEST(the_last_word_is_heard_of_a_peer_that_leaves_records_unread)
{
    struct proto ask = {.type = PROTO_PROBE, .seq = 3};
    struct proto word = {.type = PROTO_FAIL, .seq = 3};
    int got[PROTO_FDS];
    size_t n;
    bool gone;

    OK(proto_send(pair[0], &ask, NULL, 0, &e)); /* which is never read */
    word.u.fail.code = ERR_TOKEN;
    (void)strcpy(word.u.fail.id, "token.probe");
    OK(proto_send(pair[1], &word, NULL, 0, &e));
    ck_assert_int_eq(close(pair[1]), 0);
    OK(proto_recv(pair[0], &back, got, &n, &gone, &e));
    ck_assert_str_eq(back.u.fail.id, "token.probe");
    REFUSED(proto_recv(pair[0], &back, got, &n, &gone, &e), "signer.socket");
    ck_assert(gone);
    pair[1] = -1;
}
END_TEST

START_TEST(only_a_revoke_or_a_hang_up_stops)
{
    int got[PROTO_FDS];
    size_t n;
    bool gone;

    ck_assert_int_ne(proto_first(pair[1]), PROTO_FIRST_STOP);
    make(PROTO_PROBE);
    OK(proto_send(pair[0], &p, NULL, 0, &e));
    ck_assert_int_ne(proto_first(pair[1]), PROTO_FIRST_STOP);
    make(PROTO_REVOKE);
    OK(proto_send(pair[0], &p, NULL, 0, &e));
    ck_assert_int_ne(proto_first(pair[1]), PROTO_FIRST_STOP); /* not first in line */
    ck_assert_int_eq(proto_first(pair[1]), PROTO_FIRST_OTHER);
    OK(proto_recv(pair[1], &back, got, &n, &gone, &e));
    ck_assert_int_eq(proto_first(pair[1]), PROTO_FIRST_STOP);
    ck_assert_int_eq(proto_first(pair[1]), PROTO_FIRST_STOP); /* looking does not take it */
    OK(proto_recv(pair[1], &back, got, &n, &gone, &e));
    ck_assert_int_eq(back.type, PROTO_REVOKE);
    ck_assert_int_ne(proto_first(pair[1]), PROTO_FIRST_STOP);
    ck_assert_int_eq(proto_first(pair[1]), PROTO_FIRST_NONE);
    make(PROTO_SIGN);
    OK(proto_send(pair[0], &p, NULL, 0, &e));
    ck_assert_int_eq(proto_first(pair[1]), PROTO_FIRST_SIGN);
    OK(proto_recv(pair[1], &back, got, &n, &gone, &e));
    (void)close(pair[0]);
    pair[0] = -1;
    ck_assert_int_eq(proto_first(pair[1]), PROTO_FIRST_STOP);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, every_type_comes_back_as_it_went, PROTO_HELLO, PROTO_TYPES);
    tcase_add_loop_test(t, every_other_size_is_refused, PROTO_HELLO, PROTO_TYPES);
    tcase_add_test(t, the_head_is_held_to_its_form);
    tcase_add_test(t, fields_out_of_range_are_refused);
    tcase_add_test(t, rows_ascend);
    tcase_add_test(t, texts_end_and_nothing_hides_behind_the_end);
    tcase_add_test(t, a_record_travels_with_its_descriptors);
    tcase_add_test(t, too_many_descriptors_are_closed);
    tcase_add_test(t, descriptors_of_a_bad_record_are_closed);
    tcase_add_test(t, a_hang_up_is_told_apart);
    tcase_add_test(t, the_last_word_is_heard_of_a_peer_that_leaves_records_unread);
    tcase_add_test(t, only_a_revoke_or_a_hang_up_stops);
}

int main(void)
{
    return kit_run("proto", setup, teardown, add);
}
