/* SPDX-License-Identifier: MIT
 *
 * The real server on a real Unix socket in a directory of its own; the client is a bare
 * socket, so that what goes over it is exactly what the test says.
 */
#include "listening.h"
#include "mem.h"
#include "served_kit.h"
#include "think.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#define BIG (64LL << 20)

static atomic_int n_refused, n_at_door, n_aborted, n_closed, n_asked;
static bool signer_ready; /* of the server's thread */
static atomic_llong n_sunk;

/* ---- handlers ---- */

static bool get_name(void *arg, const struct request *r, struct span body,
                     struct reply *out, struct err *e)
{
    (void)arg;
    (void)body;
    return reply_json(out, 200,
                      json_pack("{s:s,s:i}", "name", r->n_args > 0 ? r->args[0] : "", "uid",
                                (int)r->peer.uid),
                      e);
}

static bool post_name(void *arg, const struct request *r, struct span body,
                      struct reply *out, struct err *e)
{
    static const struct strictjson_member members[] = {
        {"name", MUST, strictjson_text, 0, 16, NULL, 0, 0}, {0}};
    char name[16];

    (void)arg;
    if (!request_json(body, members, name, NULL, e))
        return false;
    reply_header(out, "Location", "/v1/names/%s", name);
    return reply_json(out, 201, json_pack("{s:s,s:s}", "name", name, "key", r->key), e);
}

static bool put_pem(void *arg, const struct request *r, struct span body, struct reply *out,
                    struct err *e)
{
    (void)arg;
    (void)r;
    return reply_json(out, 200, json_pack("{s:i}", "len", (int)body.len), e);
}

static bool sink_write(void *arg, const char *data, size_t len, struct err *e)
{
    (void)arg;
    if (memchr(data, '!', len) != NULL)
        return err_set(e, ERR_INPUT, "roster.line", "a line is bad");
    n_sunk += (long long)len;
    return true;
}

static bool sink_end(void *arg, struct reply *out, struct err *e)
{
    free(arg);
    return reply_json(out, 200, json_pack("{s:I}", "len", (json_int_t)n_sunk), e);
}

static void sink_abort(void *arg)
{
    free(arg);
    n_aborted++;
}

static bool put_file(void *arg, const struct request *r, struct sink *out, struct err *e)
{
    (void)arg;
    if (strcmp(r->args[0], "closed") == 0)
        return err_set(e, ERR_DENIED, "incident.state", "the incident is closed");
    *out = (struct sink){sink_write, sink_end, sink_abort, malloc(1), false};
    return true;
}

struct zeros {
    long long left;
    bool fails;
};

static ssize_t zeros_read(void *arg, char *buf, size_t max)
{
    struct zeros *z = arg;
    size_t n = z->left < (long long)max ? (size_t)z->left : max;

    if (n == 0 && z->fails)
        return -1;
    memset(buf, 'z', n);
    z->left -= (long long)n;
    return (ssize_t)n;
}

static void zeros_close(void *arg)
{
    free(arg);
    n_closed++;
}

static bool get_big(void *arg, const struct request *r, struct span body, struct reply *out,
                    struct err *e)
{
    struct zeros *z = malloc(sizeof *z);
    uint64_t n;

    (void)arg;
    (void)body;
    if (!request_number(r, "n", 0, INT64_MAX, (uint64_t)BIG, &n, e)) {
        free(z);
        return false;
    }
    *z = (struct zeros){(long long)n, request_query(r, "fails") != NULL};
    return reply_stream(out, "application/octet-stream",
                        (struct stream){zeros_read, zeros_close, z, -1});
}

/* Cannot answer before somebody says "ready". */
static bool put_wait(void *arg, const struct request *r, struct span body,
                     struct reply *out, struct err *e)
{
    (void)arg;
    n_asked++;
    if (!signer_ready)
        return err_set(e, ERR_BUSY, "signer.not-ready", "not yet");
    return reply_json(
        out, 200, json_pack("{s:b,s:i}", "waited", (int)r->waited, "len", (int)body.len),
        e);
}

static bool get_ready(void *arg, const struct request *r, struct span body,
                      struct reply *out, struct err *e)
{
    (void)arg;
    (void)r;
    (void)body;
    signer_ready = true;
    server_ask_again(served);
    return reply_json(out, 200, json_object(), e);
}

/* What takes long is being worked out until somebody says "ready"; the body has come by then. */
static bool later_end(void *arg, struct reply *out, struct err *e)
{
    n_asked++;
    if (!signer_ready)
        return err_set(e, ERR_BUSY, "request.later", "not yet");
    return sink_end(arg, out, e);
}

static bool put_later(void *arg, const struct request *r, struct sink *out, struct err *e)
{
    (void)arg;
    (void)r;
    (void)e;
    *out = (struct sink){sink_write, later_end, sink_abort, malloc(1), true};
    return true;
}

/* Its sink cannot be opened before that. */
static bool put_unopened(void *arg, const struct request *r, struct sink *out,
                         struct err *e)
{
    n_asked++;
    return signer_ready ? put_later(arg, r, out, e)
                        : err_set(e, ERR_BUSY, "request.later", "not yet");
}

static bool get_later(void *arg, const struct request *r, struct span body,
                      struct reply *out, struct err *e)
{
    (void)arg;
    (void)body;
    n_asked++;
    if (!signer_ready)
        return err_set(e, ERR_BUSY, "request.later", "not yet");
    return reply_json(out, 200, json_pack("{s:b}", "patient", (int)r->patient), e);
}

/* What it wants to know is another thing each time. */
static bool get_restless(void *arg, const struct request *r, struct span body,
                         struct reply *out, struct err *e)
{
    (void)arg;
    (void)body;
    n_asked++;
    think_count();
    if (r->patient)
        return err_set(e, ERR_BUSY, "request.later", "not yet");
    return reply_json(out, 200, json_object(), e);
}

static void refused(void *arg, const struct request *r, const struct err *e)
{
    (void)arg;
    (void)r;
    n_refused += strcmp(e->id, "request.role") == 0;
    n_at_door += strcmp(e->id, "request.role") != 0;
}

static const struct router_row routes[] = {
    {VERB_GET, "/v1/names/{name}", PEER_VIEWER, BODY_NONE, get_name, NULL, false},
    {VERB_POST, "/v1/names", PEER_OPERATOR, BODY_JSON, post_name, NULL, false},
    {VERB_PUT, "/v1/names/{name}/pem", PEER_OPERATOR, BODY_SMALL, put_pem, NULL, false},
    {VERB_PUT, "/v1/names/{name}/file", PEER_OPERATOR, BODY_STREAM, NULL, put_file, false},
    {VERB_GET, "/v1/big", PEER_VIEWER, BODY_NONE, get_big, NULL, false},
    {VERB_PUT, "/v1/wait", PEER_OPERATOR, BODY_SMALL, put_wait, NULL, false},
    {VERB_PUT, "/v1/later", PEER_OPERATOR, BODY_STREAM, NULL, put_later, false},
    {VERB_PUT, "/v1/unopened", PEER_OPERATOR, BODY_STREAM, NULL, put_unopened, false},
    {VERB_GET, "/v1/later", PEER_VIEWER, BODY_NONE, get_later, NULL, false},
    {VERB_GET, "/v1/restless", PEER_VIEWER, BODY_NONE, get_restless, NULL, false},
    {VERB_GET, "/v1/ready", PEER_VIEWER, BODY_NONE, get_ready, NULL, false},
    {VERB_GET, "/v1/audit", PEER_AUDITOR, BODY_NONE, get_name, NULL, false},
};
static const struct router router = {routes, sizeof routes / sizeof routes[0], NULL,
                                     2 * BIG, refused};

/* ---- a bare client ---- */

static int dial(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(sa.sun_path, served_path);
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0, "connect: %s",
                  strerror(errno));
    return fd;
}

static void say(int fd, const char *text)
{
    size_t len = strlen(text);

    ck_assert_int_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Read until the far end closes; what fits is kept. Length in all. */
static long long hear(int fd, char *buf, size_t cap)
{
    static char rest[65536];
    long long total = 0;
    ssize_t n;

    for (;;) {
        bool room = total < (long long)cap - 1;

        n = room ? recv(fd, buf + total, cap - 1 - (size_t)total, 0)
                 : recv(fd, rest, sizeof rest, 0);
        if (n <= 0)
            break;
        total += n;
    }
    buf[total < (long long)cap - 1 ? (size_t)total : cap - 1] = '\0';
    (void)close(fd);
    return total;
}

static int status_of(const char *answer)
{
    int status = 0;

    (void)sscanf(answer, "HTTP/1.1 %d", &status);
    return status;
}

/* One request on a connection of its own. */
static int ask(const char *text, char *answer, size_t cap)
{
    int fd = dial();

    say(fd, text);
    (void)hear(fd, answer, cap);
    return status_of(answer);
}

#define HEAD(line, more) line " HTTP/1.1\r\nHost: s\r\nConnection: close\r\n" more "\r\n"

/* ---- cases ---- */

START_TEST(each_bad_request_has_its_status)
{
    static const struct {
        int status;
        const char *id, *text;
    } t[] = {
        {200, "\"name\":\"a\"", HEAD("GET /v1/names/a", "")},
        {404, "request.path", HEAD("GET /v1/nothing", "")},
        {400, "request.target", HEAD("GET /v1/names/a/", "")},
        {405, "Allow: GET", HEAD("DELETE /v1/names/a", "")},
        {405, "request.method", HEAD("PUT /v1/names/a", "")},
        {403, "request.role", HEAD("GET /v1/audit", "")},
        {400, "request.target", HEAD("GET /v1/names/%61", "")},
        {400, "request.target", HEAD("GET /v1//names", "")},
        {400, "request.target", HEAD("GET /v1/names/..", "")},
        {400, "request.target", HEAD("GET /v1/names/a?x", "")},
        {400, "request.target", HEAD("GET /v1/names/a?x=1&x=2", "")},
        {400, "request.target", HEAD("GET v1", "")},
        {400, "request.query", HEAD("GET /v1/big?n=-1", "")},
        {400, "", "GET /v1/names/a HTTP/1.1\r\nConnection: close\r\n\r\n"},
        {400, "request.head", HEAD("GET /v1/names/a", "Host: t\r\n")},
        {400, "request.head",
         HEAD("POST /v1/names", "Content-Length: 2\r\nContent-Length: 2\r\n") "{}"},
        {400, "request.head",
         HEAD("POST /v1/names",
              "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n"},
        {400, "request.head",
         HEAD("POST /v1/names", "Content-Length: 2\r\nIdempotency-Key: a\r\n"
                                "Idempotency-Key: a\r\n") "{}"},
        {400, "request.key",
         HEAD("POST /v1/names", "Content-Length: 2\r\nIdempotency-Key: a b\r\n") "{}"},
        {400, "request.head",
         HEAD("POST /v1/names",
              "Content-Length: 2\r\n"
              "Idempotency-Key: 01234567890123456789012345678901234567890123456789"
              "012345678901234\r\n") "{}"},
        {415, "request.type",
         HEAD("POST /v1/names", "Content-Type: text/plain\r\nContent-Length: 2\r\n") "{}"},
        {413, "request.too-large", HEAD("GET /v1/names/a", "Content-Length: 1\r\n") "x"},
        {413, "request.too-large", HEAD("POST /v1/names", "Content-Length: 9999999\r\n")},
        {413, "request.too-large",
         HEAD("PUT /v1/names/a/file", "Content-Length: 99999999999\r\n")},
        {400, "request.member", HEAD("POST /v1/names", "Content-Length: 2\r\n") "{}"},
        {400, "request.json",
         HEAD("POST /v1/names",
              "Content-Length: 23\r\n") "{\"name\":\"a\",\"name\":\"b\"}"},
        {400, "request.json",
         HEAD("POST /v1/names", "Content-Length: 14\r\n") "{\"name\":\"a\"} x"},
        {400, "request.json", HEAD("POST /v1/names", "Content-Length: 2\r\n") "[]"},
        {201, "Location: /v1/names/a",
         HEAD("POST /v1/names",
              "Content-Length: 12\r\nIdempotency-Key: k1\r\n") "{\"name\":\"a\"}"},
        {201, "\"key\":\"k1\"",
         HEAD("POST /v1/names", "Content-Type: application/json; charset=utf-8\r\n"
                                "Content-Length: 12\r\nIdempotency-Key: "
                                "k1\r\n") "{\"name\":\"a\"}"},
        {403, "incident.state",
         HEAD("PUT /v1/names/closed/file", "Content-Length: 3\r\n") "abc"},
        {403, "incident.state",
         HEAD("PUT /v1/names/closed/file",
              "Expect: 100-continue\r\nContent-Length: 3000\r\n")},
        {200, "\"len\":3", HEAD("PUT /v1/names/a/pem", "Content-Length: 3\r\n") "abc"},
        {200, "\"len\":5",
         HEAD("PUT /v1/names/a/file",
              "Transfer-Encoding: chunked\r\n") "5\r\nabcde\r\n0\r\n\r\n"},
        {400, "roster.line",
         HEAD("PUT /v1/names/a/file",
              "Transfer-Encoding: chunked\r\n") "5\r\nab!de\r\n3\r\nxyz\r\n0\r\n\r\n"},
    };
    char answer[4096];

    served_start(&router);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        int status = ask(t[i].text, answer, sizeof answer);

        ck_assert_msg(status == t[i].status && strstr(answer, t[i].id) != NULL,
                      "case %zu wants %d %s:\n%s\n--\n%s", i, t[i].status, t[i].id,
                      t[i].text, answer);
    }
    ck_assert_int_eq(n_refused, 1);
    ck_assert_int_eq(n_at_door, 13); /* all but GET, and what a handler itself refused */
    ck_assert_int_eq(n_aborted, 1);
    served_stop();
}
END_TEST

START_TEST(a_head_that_is_too_big_gets_431)
{
    char answer[4096], *text = malloc(200000);
    int fd;

    served_start(&router);
    fd = dial();
    strcpy(text, "GET /v1/names/a HTTP/1.1\r\nHost: s\r\nX: ");
    memset(text + strlen(text), 'x', 120000);
    text[120000] = '\0';
    (void)send(fd, text, 120000, MSG_NOSIGNAL);
    (void)hear(fd, answer, sizeof answer);
    ck_assert_int_eq(status_of(answer), 431);
    free(text);
    served_stop();
}
END_TEST

START_TEST(several_requests_share_a_connection)
{
    char answer[4096];
    int fd;

    served_start(&router);
    fd = dial();
    say(fd, "GET /v1/names/one HTTP/1.1\r\nHost: s\r\n\r\n"
            "POST /v1/names HTTP/1.1\r\nHost: s\r\nContent-Length: 2\r\n\r\n{}"
            "GET /v1/nothing HTTP/1.1\r\nHost: s\r\n\r\n" HEAD("GET /v1/names/two", ""));
    (void)hear(fd, answer, sizeof answer);
    ck_assert_ptr_nonnull(strstr(answer, "\"one\""));
    ck_assert_ptr_nonnull(strstr(answer, "request.member"));
    ck_assert_ptr_nonnull(strstr(answer, "request.path"));
    ck_assert_ptr_nonnull(strstr(answer, "\"two\""));
    served_stop();
}
END_TEST

START_TEST(another_user_gets_what_the_roles_give)
{
    int status;
    pid_t pid;

    if (geteuid() != 0)
        return;
    served_start(&router);
    ck_assert_int_eq(chmod(served_path, 0666), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char answer[4096];

        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(9);
        _exit(ask(HEAD("GET /v1/names/a", ""), answer, sizeof answer) == 403 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(n_refused, 1);
    served_stop();
}
END_TEST

static long rss_peak_kib(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

START_TEST(big_bodies_in_and_out_leave_memory_flat)
{
    static char block[65536];
    char answer[4096];
    long before;
    int fd;

    served_start(&router);
    ck_assert_int_eq(ask(HEAD("GET /v1/names/a", ""), answer, sizeof answer), 200);
    before = rss_peak_kib();
    fd = dial();
    say(fd, HEAD("PUT /v1/names/a/file", "Content-Length: 67108864\r\n"));
    memset(block, 'y', sizeof block);
    for (long long i = 0; i < BIG / (long long)sizeof block; i++)
        ck_assert_int_eq(send(fd, block, sizeof block, MSG_NOSIGNAL), sizeof block);
    (void)hear(fd, answer, sizeof answer);
    ck_assert_ptr_nonnull(strstr(answer, "\"len\":67108864"));

    fd = dial();
    say(fd, HEAD("GET /v1/big", ""));
    ck_assert_int_gt(hear(fd, answer, sizeof answer), BIG);
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_int_eq(n_closed, 1);
#ifndef __SANITIZE_ADDRESS__
    ck_assert_int_lt(rss_peak_kib() - before, 4096);
#else
    (void)before;
#endif
    served_stop();
}
END_TEST

START_TEST(a_stream_that_fails_is_cut_short_visibly)
{
    char answer[4096];

    served_start(&router);
    ck_assert_int_eq(ask(HEAD("GET /v1/big?n=10&fails=1", ""), answer, sizeof answer), 200);
    ck_assert_ptr_null(strstr(answer, "\r\n0\r\n")); /* no last chunk: not whole */
    ck_assert_int_eq(n_closed, 1);
    served_stop();
}
END_TEST

static void wait_for(atomic_int *what, int value)
{
    for (int i = 0; i < 6000 && *what != value; i++)
        (void)poll(NULL, 0, 10);
    ck_assert_int_eq(*what, value);
}

START_TEST(a_client_that_goes_away_aborts_its_sink_and_stream)
{
    int fd;

    served_start(&router);
    fd = dial();
    say(fd, HEAD("PUT /v1/names/a/file", "Content-Length: 100\r\n") "half");
    for (int i = 0; i < 6000 && n_sunk == 0; i++)
        (void)poll(NULL, 0, 10);
    (void)close(fd);
    wait_for(&n_aborted, 1);
    fd = dial();
    say(fd, HEAD("GET /v1/big", ""));
    ck_assert_int_eq(recv(fd, (char[1]){0}, 1, 0), 1);
    (void)close(fd);
    wait_for(&n_closed, 1);
    served_stop();
}
END_TEST

START_TEST(a_silent_client_is_cut_after_the_idle_time)
{
    char answer[64];
    struct timespec a, b;
    int fd, half;

    served_idle_s = 1;
    served_start(&router);
    (void)clock_gettime(CLOCK_MONOTONIC, &a);
    fd = dial();
    half = dial();
    say(half, HEAD("PUT /v1/names/a/file", "Content-Length: 100\r\n") "half");
    ck_assert_int_eq(hear(fd, answer, sizeof answer), 0);
    (void)hear(half, answer, sizeof answer);
    (void)clock_gettime(CLOCK_MONOTONIC, &b);
    ck_assert_int_lt(b.tv_sec - a.tv_sec, 50); /* 60 is what it would be by default */
    ck_assert_int_eq(n_aborted, 1);
    served_stop();
}
END_TEST

START_TEST(a_client_that_trickles_is_cut_too)
{
    struct timespec pause = {0, 100000000};
    char answer[64];
    int head, body;
    bool head_cut = false, body_cut = false;

    served_idle_s = 1;
    served_start(&router);
    head = dial();
    body = dial();
    say(body, HEAD("PUT /v1/names/a/file", "Content-Length: 1000000\r\n"));
    for (int i = 0; i < 600 && !(head_cut && body_cut); i++) {
        head_cut = head_cut || send(head, "G", 1, MSG_NOSIGNAL) < 0;
        body_cut = body_cut || send(body, "x", 1, MSG_NOSIGNAL) < 0;
        (void)nanosleep(&pause, NULL);
    }
    ck_assert(head_cut);
    ck_assert(body_cut);
    (void)hear(head, answer, sizeof answer);
    (void)hear(body, answer, sizeof answer);
    wait_for(&n_aborted, 1);
    served_stop();
}
END_TEST

START_TEST(a_stranger_is_shown_the_door_before_a_word_is_read)
{
    char answer[4096];
    int before = n_refused;
    int fd;

    served_roles = 0;
    served_start(&router);
    fd = dial();
    (void)hear(fd, answer, sizeof answer); /* says nothing, and is answered */
    ck_assert_int_eq(status_of(answer), 403);
    ck_assert_ptr_nonnull(strstr(answer, "request.role"));
    ck_assert_int_eq(n_refused, before + 1);
    served_stop();
}
END_TEST

START_TEST(clients_over_the_limit_are_told_so)
{
    char answer[4096];
    int fd[3];

    served_max_per_uid = 3;
    served_start(&router);
    for (int i = 0; i < 3; i++) {
        fd[i] = dial();
        say(fd[i], "GET /v1/names/a HTTP/1.1\r\nHost: s\r\n\r\n");
        ck_assert_int_eq(recv(fd[i], (char[1]){0}, 1, 0), 1); /* it is being served */
    }
    {
        int over = dial();

        (void)hear(over, answer, sizeof answer);
        ck_assert_int_eq(status_of(answer), 503);
        ck_assert_ptr_nonnull(strstr(answer, "request.crowded"));
    }
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
    for (int i = 0; i < 6000; i++) { /* the places are given back */
        if (ask(HEAD("GET /v1/names/a", ""), answer, sizeof answer) == 200)
            break;
        (void)poll(NULL, 0, 10);
    }
    ck_assert_int_eq(status_of(answer), 200);
    served_stop();
}
END_TEST

/* What the service logs goes here; how often it says that it is full. */
static char said[65536];
static int said_fd;
static void hear_log(void)
{
    said_fd = memfd_create("log", 0);
    ck_assert_int_ge(said_fd, 0);
    ck_assert_int_eq(dup2(said_fd, STDERR_FILENO), STDERR_FILENO);
    (void)unsetenv("JOURNAL_STREAM");
}
static int times_full(void)
{
    ssize_t n = pread(said_fd, said, sizeof said - 1, 0);
    int times = 0;

    said[n > 0 ? n : 0] = '\0';
    for (const char *p = said; (p = strstr(p, "turned away or kept")) != NULL; p++)
        times++;
    return times;
}

static void wait_for_full(void)
{
    for (int i = 0; i < 6000 && times_full() == 0; i++)
        (void)poll(NULL, 0, 10);
    ck_assert_int_eq(times_full(), 1);
}

static void descriptors(rlim_t n)
{
    struct rlimit l;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_cur = n;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
}

/* The next that would be given out: so many are in use. */
static rlim_t next_descriptor(void)
{
    int fd = dup(STDERR_FILENO);

    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    return (rlim_t)fd;
}

START_TEST(the_last_descriptors_are_for_the_service_itself)
{
    char answer[4096];
    int fd[1];

    hear_log();
    served_start(&router);
    fd[0] = dial();
    say(fd[0], "GET /v1/names/a HTTP/1.1\r\nHost: s\r\n\r\n");
    ck_assert_int_eq(recv(fd[0], (char[1]){0}, 1, 0), 1);
    descriptors(next_descriptor() + 30);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(ask(HEAD("GET /v1/names/a", ""), answer, sizeof answer), 503);
        ck_assert_ptr_nonnull(strstr(answer, "LimitNOFILE="));
    }
    say(fd[0], "GET /v1/names/two HTTP/1.1\r\nHost: s\r\n\r\n");
    ck_assert_int_eq(recv(fd[0], (char[1]){0}, 1, 0), 1); /* goes on */
    ck_assert_int_eq(times_full(), 1);
    descriptors(next_descriptor() + 200);
    ck_assert_int_eq(ask(HEAD("GET /v1/names/a", ""), answer, sizeof answer), 200);
    (void)close(fd[0]);
    served_stop();
}
END_TEST

static atomic_int n_accepts;
int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
    n_accepts++;
    return __real_accept4(fd, sa, len, flags);
}

static int64_t seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

START_TEST(without_a_descriptor_the_door_is_shut_and_nothing_spins)
{
    char answer[4096];
    int64_t since;
    int inside, outside, tried;
    rlim_t most;

    if (RUNNING_ON_VALGRIND) /* counts descriptors itself: takes a connection, then closes it */
        return;
    hear_log();
    served_start(&router);
    inside = dial();
    say(inside, "GET /v1/names/a HTTP/1.1\r\nHost: s\r\n\r\n");
    ck_assert_int_eq(recv(inside, (char[1]){0}, 1, 0), 1);
    outside = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    most = next_descriptor();
    descriptors(most); /* none is left */
    {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};

        strcpy(sa.sun_path, served_path);
        ck_assert_int_eq(connect(outside, (struct sockaddr *)&sa, sizeof sa), 0);
    }
    say(outside, HEAD("GET /v1/names/late", ""));
    wait_for_full();
    /* Whoever is inside is served, and the door is tried again once a second, not with every
     * turn of the loop. */
    since = seconds();
    tried = n_accepts;
    for (int i = 0; i < 300; i++) {
        say(inside, "GET /v1/names/two HTTP/1.1\r\nHost: s\r\n\r\n");
        ck_assert_int_gt(recv(inside, answer, sizeof answer, 0), 0);
    }
    ck_assert_int_le(n_accepts - tried, seconds() - since + 2);
    ck_assert_int_eq(times_full(), 1);
    descriptors(most + 200);
    (void)hear(outside, answer, sizeof answer); /* its turn comes */
    ck_assert_int_eq(status_of(answer), 200);
    (void)close(inside);
    served_stop();
}
END_TEST

#define WAIT                                                                              \
    HEAD("PUT /v1/wait", "Content-Type: application/x-pem-file\r\nContent-Length: 4\r\n") \
    "body"

START_TEST(a_request_is_held_until_it_can_be_answered)
{
    char answer[4096];
    int fd[3];

    served_wait_us = 600000000; /* never by time */
    served_start(&router);
    for (int i = 0; i < 3; i++) {
        fd[i] = dial();
        say(fd[i], WAIT);
    }
    wait_for(&n_asked, 3);
    /* the loop goes on for others */
    ck_assert_int_eq(ask(HEAD("GET /v1/names/a", ""), answer, sizeof answer), 200);
    ck_assert_int_eq(n_asked, 3);
    ck_assert_int_eq(ask(HEAD("GET /v1/ready", ""), answer, sizeof answer), 200);
    for (int i = 0; i < 3; i++) {
        (void)hear(fd[i], answer, sizeof answer);
        ck_assert_int_eq(status_of(answer), 200);
        ck_assert_ptr_nonnull(strstr(answer, "{\"waited\":true,\"len\":4}"));
    }
    ck_assert_int_eq(n_asked, 6);
    served_stop();
}
END_TEST

START_TEST(a_request_held_too_long_is_told_to_come_again)
{
    char answer[4096];

    served_wait_us = 20000;
    served_start(&router);
    ck_assert_int_eq(ask(WAIT, answer, sizeof answer), 503);
    ck_assert_ptr_nonnull(strstr(answer, "\"id\":\"signer.not-ready\""));
    ck_assert_ptr_nonnull(strstr(answer, "Retry-After: 5"));
    ck_assert_int_eq(n_asked, 2); /* at once, and for the last time */
    served_stop();
}
END_TEST

#define LATER                                                                \
    HEAD("PUT /v1/later", "Content-Type: text/csv\r\nContent-Length: 4\r\n") \
    "body"

START_TEST(what_is_being_worked_out_is_waited_for_however_long_it_takes)
{
    char answer[4096];
    int put, get;

    served_wait_us = 1; /* no patience for anything else */
    served_start(&router);
    put = dial();
    say(put, LATER);
    get = dial();
    say(get, HEAD("GET /v1/later", ""));
    wait_for(&n_asked, 2);
    /* the patience of another, who is asked twice, is over */
    ck_assert_int_eq(ask(WAIT, answer, sizeof answer), 503);
    ck_assert_int_eq(n_asked, 6);
    ck_assert_int_eq(n_aborted, 0);
    ck_assert_int_eq(ask(HEAD("GET /v1/ready", ""), answer, sizeof answer), 200);
    (void)hear(put, answer, sizeof answer);
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "{\"len\":4}"));
    (void)hear(get, answer, sizeof answer);
    ck_assert_ptr_nonnull(strstr(answer, "{\"patient\":true}"));
    ck_assert_int_eq(n_asked, 8);
    served_stop();
}
END_TEST

START_TEST(a_body_waits_until_there_is_a_place_for_it)
{
    static char body[60001];
    char answer[4096];
    int some, much, none;

    memset(body, 'x', sizeof body - 1);
    served_start(&router);
    some = dial();
    say(some, HEAD("PUT /v1/unopened", "Content-Type: text/csv\r\nContent-Length: 4\r\n"));
    much = dial();
    say(much,
        HEAD("PUT /v1/unopened", "Content-Type: text/csv\r\nContent-Length: 60000\r\n"));
    say(much, body);
    none = dial();
    say(none, HEAD("PUT /v1/unopened", "Content-Type: text/csv\r\nContent-Length: 0\r\n"));
    wait_for(&n_asked, 3);
    ck_assert_int_eq(ask(HEAD("GET /v1/ready", ""), answer, sizeof answer), 200);
    (void)hear(much, answer, sizeof answer);
    ck_assert_ptr_nonnull(strstr(answer, "{\"len\":60000}")); /* of all so far */
    (void)hear(none, answer, sizeof answer);
    ck_assert_int_eq(status_of(answer), 200);
    say(some, "body");
    (void)hear(some, answer, sizeof answer);
    ck_assert_ptr_nonnull(strstr(answer, "{\"len\":60004}"));
    ck_assert_int_eq(n_aborted, 0);
    served_stop();
}
END_TEST

START_TEST(what_asks_for_something_else_each_time_is_done_on_the_spot_at_last)
{
    char answer[4096];
    int restless;

    served_start(&router);
    restless = dial();
    say(restless, HEAD("GET /v1/restless", ""));
    wait_for(&n_asked, 1);
    for (int i = 0; i < 64; i++) {
        ck_assert_int_eq(ask(HEAD("GET /v1/ready", ""), answer, sizeof answer), 200);
        wait_for(&n_asked, i + 2);
    }
    (void)hear(restless, answer, sizeof answer);
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_int_eq(n_asked, 65);
    served_stop();
}
END_TEST

START_TEST(the_server_stops_with_a_body_that_is_being_worked_on)
{
    served_start(&router);
    say(dial(), LATER);
    wait_for(&n_asked, 1);
    served_stop();
    ck_assert_int_eq(n_aborted, 1);
}
END_TEST

START_TEST(the_server_stops_with_a_request_held)
{
    char answer[4096];
    int fd;

    served_wait_us = 600000000;
    served_start(&router);
    fd = dial();
    say(fd, WAIT);
    wait_for(&n_asked, 1);
    served_stop();
    ck_assert_int_eq(hear(fd, answer, sizeof answer), 0);
    ck_assert_int_eq(n_asked, 1);
}
END_TEST

START_TEST(a_refused_upload_that_never_ends_is_cut)
{
    static char block[65536];
    char chunk[16];
    int fd, i;

    served_start(&router);
    fd = dial();
    say(fd, HEAD("PUT /v1/nothing", "Transfer-Encoding: chunked\r\n"));
    (void)snprintf(chunk, sizeof chunk, "%zx\r\n", sizeof block);
    for (i = 0; i < 1000; i++)
        if (send(fd, chunk, strlen(chunk), MSG_NOSIGNAL) < 0 ||
            send(fd, block, sizeof block, MSG_NOSIGNAL) < 0 ||
            send(fd, "\r\n", 2, MSG_NOSIGNAL) < 0)
            break;
    ck_assert_int_lt(i, 100);
    (void)close(fd);
    served_stop();
}
END_TEST

START_TEST(a_stale_socket_is_replaced_and_nothing_else_is)
{
    struct stat st;
    struct err e;
    int fd, other;

    ck_assert(listening_socket(served_path, &fd, &e));
    ck_assert_int_eq(stat(served_path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0660);
    ck_assert(!listening_socket(served_path, &other, &e)); /* somebody listens */
    ck_assert_str_eq(e.id, "request.socket");
    (void)close(fd);
    ck_assert(listening_socket(served_path, &fd, &e)); /* nobody does */
    (void)close(fd);
    (void)unlink(served_path);
    fd = creat(served_path, 0600);
    (void)close(fd);
    ck_assert(!listening_socket(served_path, &fd, &e)); /* a file */
    (void)unlink(served_path);
    ck_assert(!listening_socket("relative", &fd, &e));
}
END_TEST

START_TEST(the_socket_of_systemd_is_taken)
{
    struct err e;
    char pid[16];
    int fd, got;

    ck_assert(listening_socket(served_path, &fd, &e));
    ck_assert_int_eq(dup2(fd, 3), 3);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void)setenv("LISTEN_PID", pid, 1);
    (void)setenv("LISTEN_FDS", "1", 1);
    (void)setenv("LISTEN_FDNAMES", "operator", 1);
    ck_assert(listening_socket("/nowhere/else", &got, &e));
    ck_assert_int_eq(got, 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("server");
    TCase *t = tcase_create("socket");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, served_kit_begin, served_kit_end);
    tcase_add_test(t, each_bad_request_has_its_status);
    tcase_add_test(t, a_head_that_is_too_big_gets_431);
    tcase_add_test(t, several_requests_share_a_connection);
    tcase_add_test(t, another_user_gets_what_the_roles_give);
    tcase_add_test(t, big_bodies_in_and_out_leave_memory_flat);
    tcase_add_test(t, a_stream_that_fails_is_cut_short_visibly);
    tcase_add_test(t, a_client_that_goes_away_aborts_its_sink_and_stream);
    tcase_add_test(t, a_silent_client_is_cut_after_the_idle_time);
    tcase_add_test(t, a_client_that_trickles_is_cut_too);
    tcase_add_test(t, a_stranger_is_shown_the_door_before_a_word_is_read);
    tcase_add_test(t, clients_over_the_limit_are_told_so);
    tcase_add_test(t, the_last_descriptors_are_for_the_service_itself);
    tcase_add_test(t, without_a_descriptor_the_door_is_shut_and_nothing_spins);
    tcase_add_test(t, a_request_is_held_until_it_can_be_answered);
    tcase_add_test(t, a_request_held_too_long_is_told_to_come_again);
    tcase_add_test(t, what_is_being_worked_out_is_waited_for_however_long_it_takes);
    tcase_add_test(t, a_body_waits_until_there_is_a_place_for_it);
    tcase_add_test(t, what_asks_for_something_else_each_time_is_done_on_the_spot_at_last);
    tcase_add_test(t, the_server_stops_with_a_body_that_is_being_worked_on);
    tcase_add_test(t, the_server_stops_with_a_request_held);
    tcase_add_test(t, a_refused_upload_that_never_ends_is_cut);
    tcase_add_test(t, a_stale_socket_is_replaced_and_nothing_else_is);
    tcase_add_test(t, the_socket_of_systemd_is_taken);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
