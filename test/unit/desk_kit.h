/* SPDX-License-Identifier: MIT
 *
 * desk_kit - a desk on a fake token, with the scene's documents and a clock to turn.
 */
#ifndef DESK_KIT_H
#define DESK_KIT_H

#include "core_kit.h"
#include "desk.h"
#include "scene.h"
#include "token_fake.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

static struct scene s;
static struct token_fake fake_token;
static struct token *token; /* what HELLO opens; NULL: it fails */
static struct desk *desk;
static struct proto in, reply;
static int64_t now = SCENE_NOW;
static int stop[2]; /* the desk looks at [0] */

/* Each test uses some of this. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int64_t desk_kit_now(void *arg)
{
    (void)arg;
    return now;
}

static bool desk_kit_token(void *arg, const struct config *c, const struct trust *t,
                           const char *name, struct token **out, struct err *err)
{
    (void)arg;
    (void)c;
    (void)t;
    if (token == NULL || strcmp(name, "t") != 0)
        return err_set(err, ERR_TOKEN, "token.none", "no token %s", name);
    *out = token;
    return true;
}

static bool desk_kit_new(void)
{
    struct desk_setup d = {.config = &s.config,
                           .trust = &s.trust,
                           .clock = {desk_kit_now, NULL},
                           .state_dir = kit_dir,
                           .stop_fd = stop[0],
                           .open_token = desk_kit_token};

    return desk_new(&d, &desk, &e);
}

/* Without custodians configured, and without a Symmetric Key. */
#define PARTS_PLAIN                                                             \
    (PROTO_PART_BIT(PROTO_PART_AUTHORITY) | PROTO_PART_BIT(PROTO_PART_ROSTER) | \
     PROTO_PART_BIT(PROTO_PART_CERTIFICATES))

static void desk_kit_restart(void)
{
    desk_free(desk);
    desk = NULL;
    OK(desk_kit_new());
}

static void desk_kit_begin(void)
{
    EVP_PKEY *keys[SCENE_KEYS];

    kit_begin();
    scene_make(&s);
    for (size_t i = 0; i < SCENE_KEYS; i++) {
        keys[i] = s.keys[i].key;
        (void)strcpy(s.config.keys[i].token, i == SCENE_ACB ? "other" : "t");
    }
    (void)strcpy(s.config.tokens[0].name, "t");
    s.config.tokens[0].sessions = 2;
    s.config.n_tokens = 1;
    token = token_fake_init(&fake_token, keys, SCENE_KEYS);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, stop), 0);
    OK(desk_kit_new());
}

static void desk_kit_end(void)
{
    desk_free(desk);
    (void)close(stop[0]);
    (void)close(stop[1]);
    scene_done(&s);
    kit_end();
}

/* --- asking --- */

static int memfd_of(struct span data, int seals)
{
    int fd = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data.at, data.len), (ssize_t)data.len);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void ask_with(int fds[], size_t n)
{
    static uint32_t seq;

    in.seq = ++seq;
    desk_handle(desk, &in, fds, n, &reply);
    ck_assert_uint_eq(reply.seq, seq);
}

static void ask(enum proto_type type)
{
    in.type = type;
    ask_with(NULL, 0);
}

static void hello(void)
{
    memset(&in, 0, sizeof in);
    (void)strcpy(in.u.hello.token, "t");
    ask(PROTO_HELLO);
}

static void open_warrant(void)
{
    int fds[3] = {memfd_of(s.cms, SEALS), memfd_of(s.roster_text, SEALS),
                  memfd_of(s.pem, SEALS)};

    memset(&in, 0, sizeof in);
    in.type = PROTO_OPEN;
    in.u.open.parts = PARTS_PLAIN;
    ask_with(fds, 3);
}

static void reserve(uint64_t first, uint32_t n)
{
    memset(&in, 0, sizeof in);
    in.u.reserve.first = first;
    in.u.reserve.n = n;
    ask(PROTO_RESERVE);
}

static struct digest authority_digest(void)
{
    struct span json;
    struct digest d;

    OK(authority_content(s.cms, &json, &e));
    d = digest_of(json, span_of(NULL, 0));
    free((void *)(uintptr_t)json.at);
    return d;
}

/* Rows first..first+n-1 under counters from `counter`. */
static void sign(uint64_t counter, uint32_t first, uint32_t n)
{
    memset(&in, 0, sizeof in);
    in.u.sign.authority = authority_digest();
    in.u.sign.counter = counter;
    in.u.sign.n = n;
    for (uint32_t i = 0; i < n; i++)
        in.u.sign.rows[i] = first + i;
    ask(PROTO_SIGN);
}

static void revoke_it(void)
{
    memset(&in, 0, sizeof in);
    in.u.revoke.authority = authority_digest();
    ask(PROTO_REVOKE);
}

#define ANSWERED(kind)                                                                   \
    ck_assert_msg(reply.type == (kind), "%d where %d was due: %s: %s", reply.type, kind, \
                  reply.type == PROTO_FAIL ? reply.u.fail.id : "",                       \
                  reply.type == PROTO_FAIL ? reply.u.fail.text : "")
#define FAILED(rule)                                                                      \
    do {                                                                                  \
        ck_assert_msg(reply.type == PROTO_FAIL, "%d where %s was due", reply.type, rule); \
        ck_assert_msg(strcmp(reply.u.fail.id, rule) == 0, "%s: %s, not %s",               \
                      reply.u.fail.id, reply.u.fail.text, rule);                          \
    } while (0)

#endif
