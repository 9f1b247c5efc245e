/* SPDX-License-Identifier: MIT */
#include "proto.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD 12

static const uint8_t magic[4] = {'S', 'M', 'R', '2'};

static const size_t body_sizes[PROTO_TYPES] = {
    [PROTO_HELLO] = PROTO_NAME,
    [PROTO_READY] = 128 + 4 + 4 + 4 + 16 + 65 + PROTO_KEYS * (64 + 160),
    [PROTO_OPEN] = 4,
    [PROTO_OPENED] = 32 + 4 + 4 + 8 + 24,
    [PROTO_RESERVE] = 8 + 4 + 8,
    [PROTO_RESERVED] = 0,
    [PROTO_SIGN] = 32 + 8 + 4 + 4 * PROTO_ROWS,
    [PROTO_SIGNED] = 8 + 4 + 4 + 4 + (64 + 12) * PROTO_ROWS + 24 + PROTO_FAIL_SIZE,
    [PROTO_REVOKE] = 32,
    [PROTO_REVOKED] = 0,
    [PROTO_PROBE] = 0,
    [PROTO_PROBED] = 0,
    [PROTO_MARK] = 8,
    [PROTO_MARKED] = 8,
    [PROTO_FAIL] = PROTO_FAIL_SIZE,
    [PROTO_LOST] = 32 + 4 + 4 * PROTO_ROWS,
    [PROTO_GRANTED] = 4 + 24,
    [PROTO_HEAD] = 8 + 32,
    [PROTO_HEADED] = 16 + 8 + 32 + 64,
};

size_t proto_size(uint16_t type)
{
    if (type < PROTO_HELLO || type >= PROTO_TYPES)
        return 0;
    return HEAD + body_sizes[type];
}

/* One cursor for both directions, so that a field is named once:
 * `put` writes, else reads. */
struct cursor {
    uint8_t *at;
    bool put;
    bool bad;
};

static void f32(struct cursor *c, uint32_t *v)
{
    if (c->put)
        put_be32(c->at, *v);
    else
        *v = get_be32(c->at);
    c->at += 4;
}

static void f64(struct cursor *c, uint64_t *v)
{
    if (c->put)
        put_be64(c->at, *v);
    else
        *v = get_be64(c->at);
    c->at += 8;
}

static void raw(struct cursor *c, void *v, size_t len)
{
    if (c->put)
        memcpy(c->at, v, len);
    else
        memcpy(v, c->at, len);
    c->at += len;
}

/* Text: ends in NUL, and only NUL after that. */
static void text(struct cursor *c, char *v, size_t cap)
{
    if (c->put) {
        size_t n = strnlen(v, cap - 1);

        memset(c->at, 0, cap);
        memcpy(c->at, v, n);
    } else {
        size_t n;

        memcpy(v, c->at, cap);
        n = strnlen(v, cap);
        if (n == cap)
            c->bad = true;
        for (size_t i = n; i < cap; i++)
            if (v[i] != 0)
                c->bad = true;
        v[cap - 1] = '\0';
    }
    c->at += cap;
}

static void rows_and(struct cursor *c, uint32_t *n, uint32_t *rows)
{
    f32(c, n);
    if (*n < 1 || *n > PROTO_ROWS)
        c->bad = true;
    for (size_t i = 0; i < PROTO_ROWS; i++)
        f32(c, &rows[i]);
    for (size_t i = 1; !c->bad && i < *n; i++)
        if (rows[i] <= rows[i - 1])
            c->bad = true;
}

static void count(struct cursor *c, struct proto_count *v)
{
    f64(c, &v->used);
    f64(c, &v->allowed);
    f64(c, &v->lost);
}

/* Nothing failed: nothing is said. */
static void fail(struct cursor *c, bool may_be_none, struct proto_fail *v)
{
    f32(c, &v->code);
    f32(c, &v->end);
    text(c, v->id, sizeof v->id);
    text(c, v->text, sizeof v->text);
    if (v->code > ERR_STORE || v->end >= PROTO_END_N ||
        (v->code == ERR_NONE && (!may_be_none || v->end != PROTO_GOES_ON ||
                                 v->id[0] != '\0' || v->text[0] != '\0')))
        c->bad = true;
}

static void body(struct cursor *c, struct proto *p)
{
    switch (p->type) {
    case PROTO_HELLO:
        text(c, p->u.hello.token, sizeof p->u.hello.token);
        break;
    case PROTO_READY:
        text(c, p->u.ready.what, sizeof p->u.ready.what);
        f32(c, &p->u.ready.keys);
        f32(c, &p->u.ready.sessions);
        f32(c, &p->u.ready.pid);
        raw(c, p->u.ready.list.id, sizeof p->u.ready.list.id);
        raw(c, p->u.ready.audit.b, sizeof p->u.ready.audit.b);
        for (size_t i = 0; i < PROTO_KEYS; i++) {
            struct proto_unusable *u = &p->u.ready.unusable[i];

            text(c, u->id, sizeof u->id);
            text(c, u->text, sizeof u->text);
            if ((p->u.ready.keys >> i & 1) != 0 && u->id[0] != '\0')
                c->bad = true;
        }
        break;
    case PROTO_OPEN:
        f32(c, &p->u.open.parts);
        if ((p->u.open.parts & PROTO_PARTS_ALWAYS) != PROTO_PARTS_ALWAYS ||
            p->u.open.parts >= PROTO_PART_BIT(PROTO_PARTS))
            c->bad = true;
        break;
    case PROTO_OPENED:
        raw(c, p->u.opened.authority.b, 32);
        f32(c, &p->u.opened.rows);
        f32(c, &p->u.opened.key);
        f64(c, &p->u.opened.mark);
        count(c, &p->u.opened.count);
        break;
    case PROTO_RESERVE:
        f64(c, &p->u.reserve.first);
        f32(c, &p->u.reserve.n);
        f64(c, &p->u.reserve.known);
        if (p->u.reserve.n == 0)
            c->bad = true;
        break;
    case PROTO_SIGN:
        raw(c, p->u.sign.authority.b, 32);
        f64(c, &p->u.sign.counter);
        rows_and(c, &p->u.sign.n, p->u.sign.rows);
        break;
    case PROTO_SIGNED:
        f64(c, &p->u.signed_.counter);
        f32(c, &p->u.signed_.n);
        f32(c, &p->u.signed_.spent);
        f32(c, &p->u.signed_.maced);
        if (p->u.signed_.n > p->u.signed_.spent || p->u.signed_.spent > PROTO_ROWS ||
            p->u.signed_.maced > 1)
            c->bad = true;
        raw(c, p->u.signed_.sigs, sizeof p->u.signed_.sigs);
        raw(c, p->u.signed_.macs, sizeof p->u.signed_.macs);
        count(c, &p->u.signed_.count);
        fail(c, true, &p->u.signed_.stop);
        break;
    case PROTO_REVOKE:
        raw(c, p->u.revoke.authority.b, 32);
        break;
    case PROTO_MARK:
        raw(c, p->u.mark.originator.b, 8);
        break;
    case PROTO_MARKED:
        f64(c, &p->u.marked.mark);
        break;
    case PROTO_FAIL:
        fail(c, false, &p->u.fail);
        break;
    case PROTO_LOST:
        raw(c, p->u.lost.authority.b, 32);
        rows_and(c, &p->u.lost.n, p->u.lost.rows);
        break;
    case PROTO_GRANTED:
        f32(c, &p->u.granted.n);
        if (p->u.granted.n > PROTO_ROWS)
            c->bad = true;
        count(c, &p->u.granted.count);
        break;
    case PROTO_HEAD:
        f64(c, &p->u.head.records);
        raw(c, p->u.head.hash.b, 32);
        if (p->u.head.records > INT64_MAX)
            c->bad = true;
        break;
    case PROTO_HEADED:
        raw(c, p->u.headed.chain, sizeof p->u.headed.chain);
        f64(c, &p->u.headed.records);
        raw(c, p->u.headed.hash.b, 32);
        raw(c, p->u.headed.sig.b, 64);
        if (p->u.headed.records < 1 || p->u.headed.records > INT64_MAX)
            c->bad = true;
        break;
    case PROTO_RESERVED:
    case PROTO_REVOKED:
    case PROTO_PROBE:
    case PROTO_PROBED:
    case PROTO_TYPES:
        break;
    }
}

_Static_assert(sizeof(struct sig_p256) == 64, "signatures lie side by side");

size_t proto_encode(const struct proto *p, uint8_t *buf)
{
    size_t size = proto_size((uint16_t)p->type);
    struct cursor c = {buf + HEAD, true, false};
    struct proto copy = *p; /* the cursor takes a writable field for both directions */

    assert(size > 0);
    memcpy(buf, magic, 4);
    put_be16(buf + 4, (uint16_t)p->type);
    put_be16(buf + 6, 0);
    put_be32(buf + 8, p->seq);
    body(&c, &copy);
    assert(!c.bad && c.at == buf + size);
    return size;
}

bool proto_decode(struct span octets, struct proto *out, struct err *e)
{
    uint8_t buf[PROTO_SIZE_MAX];
    struct cursor c = {buf + HEAD, false, false};
    uint16_t type;

    memset(out, 0, sizeof *out);
    if (octets.len < HEAD || octets.len > sizeof buf || memcmp(octets.at, magic, 4) != 0)
        return err_set(e, ERR_INPUT, "signer.record", "not a record: %zu octets",
                       octets.len);
    type = get_be16(octets.at + 4);
    if (get_be16(octets.at + 6) != 0 || proto_size(type) == 0)
        return err_set(e, ERR_INPUT, "signer.record", "unknown record type %u", type);
    if (proto_size(type) != octets.len)
        return err_set(e, ERR_INPUT, "signer.record",
                       "record type %u has %zu octets, must have %zu", type, octets.len,
                       proto_size(type));
    memcpy(buf, octets.at, octets.len);
    out->type = (enum proto_type)type;
    out->seq = get_be32(octets.at + 8);
    body(&c, out);
    if (c.bad)
        return err_set(e, ERR_INPUT, "signer.record",
                       "record type %u has a field out of range", type);
    return true;
}

bool proto_send(int fd, const struct proto *p, const int fds[], size_t n_fds, struct err *e)
{
    uint8_t buf[PROTO_SIZE_MAX];
    union {
        char b[CMSG_SPACE(sizeof(int) * PROTO_FDS)];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {buf, proto_encode(p, buf)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    assert(n_fds <= PROTO_FDS);
    if (n_fds > 0) {
        struct cmsghdr *c;

        m.msg_control = control.b;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    do
        n = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 || (size_t)n != iov.iov_len)
        return err_set(e, ERR_BUSY, "signer.socket", "cannot send a record: %s",
                       n < 0 ? strerror(errno) : "cut short");
    return true;
}

static void take_fds(struct msghdr *m, int fds[static PROTO_FDS], size_t *n_fds, bool *many)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        size_t n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int one;

            memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
            if (*n_fds < PROTO_FDS) {
                fds[(*n_fds)++] = one;
            } else {
                (void)close(one);
                *many = true;
            }
        }
    }
}

static void close_fds(int fds[], size_t *n_fds)
{
    while (*n_fds > 0)
        (void)close(fds[--*n_fds]);
}

bool proto_recv(int fd, struct proto *out, int fds[static PROTO_FDS], size_t *n_fds,
                bool *gone, struct err *e)
{
    uint8_t buf[PROTO_SIZE_MAX + 1];
    union {
        char b[CMSG_SPACE(sizeof(int) * PROTO_FDS * 2)];
        struct cmsghdr align;
    } control;
    struct iovec iov = {buf, sizeof buf};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.b,
                       .msg_controllen = sizeof control.b};
    bool many = false, reset = false;
    ssize_t n;

    *n_fds = 0;
    *gone = false;
    /* a peer that ends with records of ours unread resets the socket, and the kernel says so
     * once before it hands out what the peer had said last */
    do
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
    if (n < 0 && errno != ECONNRESET)
        return err_set(e, ERR_BUSY, "signer.socket", "cannot receive: %s", strerror(errno));
    if (n >= 0)
        take_fds(&m, fds, n_fds, &many); /* an empty record may bring some too */
    if (n <= 0) {
        close_fds(fds, n_fds);
        *gone = true;
        return err_set(e, ERR_BUSY, "signer.socket", "the other side closed");
    }
    if (!many && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        proto_decode(span_of(buf, (size_t)n), out, e))
        return true;
    if (many || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        (void)err_set(e, ERR_INPUT, "signer.record", "record or descriptors too many");
    /* so that the answer of refusal can carry the number of what was refused */
    memset(out, 0, sizeof *out);
    out->seq = n >= HEAD ? get_be32(buf + 8) : 0;
    close_fds(fds, n_fds);
    return false;
}

enum proto_first proto_first(int fd)
{
    uint8_t head[HEAD];
    ssize_t n = recv(fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? PROTO_FIRST_NONE : PROTO_FIRST_STOP;
    if (n == 0 || (n == HEAD && get_be16(head + 4) == PROTO_REVOKE))
        return PROTO_FIRST_STOP;
    return n == HEAD && get_be16(head + 4) == PROTO_SIGN ? PROTO_FIRST_SIGN
                                                         : PROTO_FIRST_OTHER;
}
