/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "head.h"
#include "log.h"
#include "mem.h"
#include "steps.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HEADER_MEMORY (64u << 10) /* per connection: head, and one piece of a body */
#define STREAM_BLOCK  (64u << 10)
#define WAIT_US       5000000   /* some HSMs take a second or two to log in */
#define EARLY_ANSWER  (1 << 20) /* a longer body is not read after a refusal */
#define LEAVING_MAX   16        /* connections turned away whose end is still open */
#define PACE          1024      /* octets a second that a body or an answer has to make */
#define KEPT_FREE     32        /* descriptors for what the service itself opens */
#define SAID_AGAIN_US 60000000  /* that connections wait or are turned away */

struct client { /* one connection */
    struct client *next;
    struct server *server;
    struct peer peer;
    int fd;            /* the library's */
    uint64_t since_us; /* connected, last answered, or this request's head was read */
    uint64_t moved;    /* octets of the body or of the answer since then */
};

struct job { /* one request on it */
    struct exchange x;
    bool begun;
    struct job *next_held;
    struct MHD_Connection *held; /* suspended, in server.held; else NULL */
    uint64_t patience_us; /* monotonic: when it is asked for the last time; 0: unset */
};

struct outgoing { /* a streamed answer */
    struct stream stream;
    struct client *client; /* the library frees an answer before its connection */
};

struct server {
    struct server_options o;
    struct MHD_Daemon *http;
    sd_event *loop;
    sd_event_source *accepting, *io, *timer, *pace, *patience, *again;
    struct client *clients;
    struct job *held;
    unsigned n_clients;
    /* Turned away a moment ago: closed a second later, or when another needs the place, so
     * that who is still writing hears the answer instead of a broken pipe. */
    struct {
        int fd;
        uint64_t since_us;
    } leaving[LEAVING_MAX];
    size_t n_leaving;
    bool resting;     /* connections wait at the door: nothing can be accepted */
    unsigned n_away;  /* turned away since it was said last */
    uint64_t said_us; /* when that was; 0: never */
    uint64_t serial;  /* requests so far */
};

static void run(struct server *s);

/* ---- one request ---- */

static struct client *client_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return i == NULL ? NULL : i->socket_context;
}

/* The raw target, before the library takes it apart: the request begins here. */
static void *on_target(void *arg, const char *target, struct MHD_Connection *c)
{
    struct job *job = calloc(1, sizeof *job);
    struct err e;

    (void)arg;
    (void)c;
    if (job != NULL && !request_target(&job->x.request, target, &e))
        route_fail(&job->x, &e);
    return job;
}

static ssize_t stream_out(void *arg, uint64_t pos, char *buf, size_t max)
{
    struct outgoing *o = arg;
    ssize_t n;

    steps_begin("a streamed answer");
    n = o->stream.read(o->stream.arg, buf, max);

    (void)pos;
    if (n > 0) {
        o->client->moved += (uint64_t)n;
        return n;
    }
    return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void stream_free(void *arg)
{
    struct outgoing *o = arg;

    if (o->stream.close != NULL)
        o->stream.close(o->stream.arg);
    free(o);
}

static struct MHD_Response *make_response(struct reply *r, struct client *client)
{
    struct MHD_Response *m;
    struct outgoing *o;

    if (r->stream.read == NULL) {
        m = MHD_create_response_from_buffer(r->len, r->body, MHD_RESPMEM_MUST_FREE);
        if (m != NULL)
            r->body = NULL;
        return m;
    }
    o = malloc(sizeof *o);
    if (o == NULL)
        return NULL;
    *o = (struct outgoing){r->stream, client};
    m = MHD_create_response_from_callback(r->stream.size >= 0 ? (uint64_t)r->stream.size
                                                              : MHD_SIZE_UNKNOWN,
                                          STREAM_BLOCK, stream_out, o, stream_free);
    if (m == NULL)
        free(o);
    else
        r->stream = (struct stream){0};
    return m;
}

static uint64_t now_us(const struct server *s)
{
    uint64_t now = 0;

    (void)sd_event_now(s->loop, CLOCK_MONOTONIC, &now);
    return now;
}

/* Aside with it: the library leaves the connection alone until it is resumed. */
static enum MHD_Result hold(struct server *s, struct MHD_Connection *c, struct job *job,
                            bool sure)
{
    uint64_t first = UINT64_MAX;

    if (job->patience_us == 0 && !sure)
        job->patience_us = now_us(s) + s->o.wait_us;
    job->held = c;
    job->next_held = s->held;
    s->held = job;
    for (const struct job *k = job; k != NULL; k = k->next_held)
        if (k->patience_us > 0 && k->patience_us < first)
            first = k->patience_us;
    if (first < UINT64_MAX) {
        (void)sd_event_source_set_time(s->patience, first);
        (void)sd_event_source_set_enabled(s->patience, SD_EVENT_ONESHOT);
    }
    MHD_suspend_connection(c);
    return MHD_YES;
}

void server_ask_again(struct server *s)
{
    (void)sd_event_source_set_enabled(s->again, SD_EVENT_ONESHOT);
}

static int on_patience(sd_event_source *src, uint64_t usec, void *arg)
{
    struct server *s = arg;

    (void)src;
    for (struct job *job = s->held; job != NULL; job = job->next_held)
        if (job->patience_us > 0)
            job->x.request.may_wait = job->patience_us > usec;
    server_ask_again(s);
    return 0;
}

static enum MHD_Result answer(struct MHD_Connection *c, struct client *client,
                              struct job *job)
{
    struct reply r;
    struct MHD_Response *m;
    enum MHD_Result rc = MHD_NO;

    steps_begin(job->x.route != NULL ? job->x.route->pattern : "a refusal");
    route_end(&job->x, &r);
    steps_begin("an answer on its way");
    if (r.later)
        return hold(client->server, c, job, r.sure);
    client->since_us = now_us(client->server);
    client->moved = r.len;
    m = make_response(&r, client);
    if (m != NULL) {
        if (r.type != NULL)
            (void)MHD_add_response_header(m, "Content-Type", r.type);
        (void)MHD_add_response_header(m, "Cache-Control", "no-store");
        for (size_t i = 0; i < r.n_headers; i++)
            (void)MHD_add_response_header(m, r.headers[i].name, r.headers[i].value);
        log_event(LOG_DEBUG, NULL, &(struct log_fields){.peer = &job->x.request.peer},
                  "%s %s: %u", request_verb_name(job->x.request.verb), job->x.request.path,
                  r.status);
        rc = MHD_queue_response(c, r.status, m);
        MHD_destroy_response(m);
    }
    reply_done(&r);
    return rc;
}

/* A refusal before the body. It is given at once where the client waits for a word or the
 * body is long; else the body is read first, which keeps the connection usable. */
static bool at_once(struct MHD_Connection *c, const struct request *r)
{
    return r->length > EARLY_ANSWER ||
           (r->length != 0 && MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Expect"));
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version,
                                  const char *upload, size_t *upload_len, void **state)
{
    struct server *s = arg;
    struct job *job = *state;
    struct client *client = client_of(c);
    bool first = job != NULL && !job->begun;

    (void)url;
    if (job == NULL || client == NULL)
        return MHD_NO;
    if (first) {
        struct err e;

        job->begun = true;
        client->since_us = now_us(s);
        client->moved = 0;
        job->x.request.verb = request_verb(method);
        job->x.request.peer = client->peer;
        job->x.request.may_wait = true;
        job->x.request.serial = ++s->serial;
        if (!head_read(c, version, &job->x.request, &e) ||
            (job->x.request.login[0] != '\0' &&
             !peer_plays(&job->x.request.peer, s->o.roles, job->x.request.login, &e)))
            route_fail(&job->x, &e);
    }
    if (first || job->x.later) {
        bool open;

        steps_begin("the head of a request");
        open = route_begin(&job->x, s->o.router);
        if (job->x.later) /* what has come of the body stays with the library */
            return hold(s, c, job, true);
        if (*upload_len == 0) /* the library calls again, with the body or its end */
            return !open && at_once(c, &job->x.request) ? answer(c, client, job) : MHD_YES;
    }
    if (*upload_len > 0) {
        size_t n = *upload_len;

        client->moved += n;
        *upload_len = 0;
        steps_begin("a streamed request");
        return route_data(&job->x, upload, n) ? MHD_YES : MHD_NO;
    }
    return answer(c, client, job);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct job *job = *state;
    struct client *client = client_of(c);

    (void)arg;
    (void)why;
    if (job != NULL)
        route_done(&job->x);
    free(job);
    *state = NULL;
    if (client != NULL) { /* for the next head on this connection */
        client->since_us = now_us(client->server);
        client->moved = 0;
    }
}

/* ---- connections ---- */

static void look_later(struct server *s)
{
    (void)sd_event_source_set_time(s->pace, now_us(s) + 1000000);
    (void)sd_event_source_set_enabled(s->pace, SD_EVENT_ONESHOT);
}

static void drop_oldest(struct server *s)
{
    (void)close(s->leaving[0].fd);
    memmove(&s->leaving[0], &s->leaving[1], --s->n_leaving * sizeof s->leaving[0]);
}

/* The library's timeout starts anew with every octet. Here whoever sends a head, sends a
 * body or takes an answer has the idle time and a second more for each PACE octets: a
 * connection that trickles ends too. */
static int on_pace(sd_event_source *src, uint64_t usec, void *arg)
{
    struct server *s = arg;

    (void)src;
    for (struct client *c = s->clients; c != NULL; c = c->next)
        if (usec > c->since_us &&
            usec - c->since_us > (s->o.idle_s + c->moved / PACE) * UINT64_C(1000000))
            (void)shutdown(c->fd, SHUT_RDWR); /* the library sees the end and lets go */
    while (s->n_leaving > 0 && usec > s->leaving[0].since_us + 1000000)
        drop_oldest(s);
    if (s->resting) { /* if it is no better, they wait for another second */
        s->resting = false;
        (void)sd_event_source_set_enabled(s->accepting, SD_EVENT_ON);
    }
    if (s->n_clients > 0 || s->n_leaving > 0)
        look_later(s);
    run(s);
    return 0;
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct server *s = arg;
    const union MHD_ConnectionInfo *i;
    struct client *client = *context;
    struct err e;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        client = calloc(1, sizeof *client);
        if (client == NULL || i == NULL ||
            !peer_of(i->connect_fd, s->o.roles, &client->peer, &e)) {
            free(client); /* without a client every request on it is cut */
            return;
        }
        client->server = s;
        client->fd = i->connect_fd;
        client->since_us = now_us(s);
        client->next = s->clients;
        s->clients = client;
        s->n_clients++;
        *context = client;
        if (s->n_clients == 1)
            look_later(s);
        return;
    }
    if (client == NULL)
        return;
    for (struct client **p = &s->clients; *p != NULL; p = &(*p)->next)
        if (*p == client) {
            *p = client->next;
            break;
        }
    s->n_clients--;
    free(client);
    *context = NULL;
}

static unsigned clients_of_uid(const struct server *s, uid_t uid)
{
    unsigned n = 0;

    for (const struct client *c = s->clients; c != NULL; c = c->next)
        n += c->peer.uid == uid;
    return n;
}

/* A word, and good-bye. Nothing was read, so nothing can be lost. fd is taken over. */
static void turn_away(struct server *s, int fd, const struct err *e)
{
    struct reply r = {0};
    char head[200];
    int n;

    reply_problem(&r, e);
    n = snprintf(head, sizeof head,
                 "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n"
                 "Content-Length: %zu\r\n%sConnection: close\r\n\r\n",
                 r.status, e->code == ERR_BUSY ? "Service Unavailable" : "Forbidden",
                 r.type, r.len, e->code == ERR_BUSY ? "Retry-After: 5\r\n" : "");
    if (n > 0 && (size_t)n < sizeof head &&
        send(fd, head, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n && r.len > 0)
        (void)send(fd, r.body, r.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    reply_done(&r);
    (void)shutdown(fd, SHUT_WR);
    if (s->n_leaving == LEAVING_MAX)
        drop_oldest(s);
    s->leaving[s->n_leaving].fd = fd;
    s->leaving[s->n_leaving++].since_us = now_us(s);
    if (s->n_leaving == 1)
        look_later(s);
}

/* However many come, a line a minute says so. */
static void say_full(struct server *s, const struct peer *peer, const struct err *e)
{
    uint64_t now = now_us(s);

    s->n_away++;
    if (s->said_us != 0 && now - s->said_us < SAID_AGAIN_US)
        return;
    log_event(LOG_WARNING, MSG_CLIENTS_FULL, &(struct log_fields){.peer = peer, .err = e},
              "connections turned away or kept waiting: %u, the last of uid %ld: %s",
              s->n_away, peer != NULL ? (long)peer->uid : -1L, e->text);
    s->said_us = now;
    s->n_away = 0;
}

/* The lowest free descriptor is fd: so many are in use. Each connection may open a file
 * besides, and what the service opens for itself must not fail for their sake. */
static bool few_left(const struct server *s, int fd)
{
    struct rlimit most;

    return getrlimit(RLIMIT_NOFILE, &most) == 0 &&
           (rlim_t)fd + s->n_clients + KEPT_FREE >= most.rlim_cur;
}

/* At the door, before an octet is read: who has no role, and who comes too often. False: fd
 * is taken care of. */
static bool welcome(struct server *s, int fd, const struct peer *peer)
{
    struct request nothing_read = {.verb = VERB_OTHER, .peer = *peer};
    struct err e;

    if (peer->roles == 0) {
        (void)err_set(&e, ERR_DENIED, "request.role", "uid %lu has no role",
                      (unsigned long)peer->uid);
        if (s->o.router->refused != NULL)
            s->o.router->refused(s->o.router->arg, &nothing_read, &e);
        turn_away(s, fd, &e);
        return false;
    }
    if (s->n_clients >= s->o.max_clients ||
        clients_of_uid(s, peer->uid) >= s->o.max_clients_per_uid)
        (void)err_set(&e, ERR_BUSY, "request.crowded", "too many connections");
    else if (few_left(s, fd))
        (void)err_set(&e, ERR_BUSY, "request.crowded",
                      "too few descriptors are left: raise LimitNOFILE= of the service");
    else
        return true;
    say_full(s, peer, &e);
    turn_away(s, fd, &e);
    return false;
}

/* ---- the loop ---- */

/* Let the library work, then ask when it wants to be called next. */
static void run(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;
    uint64_t now;

    (void)MHD_run(s->http);
    if (MHD_get_timeout(s->http, &ms) != MHD_YES) {
        (void)sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_now(s->loop, CLOCK_MONOTONIC, &now);
    (void)sd_event_source_set_time(s->timer, now + (uint64_t)ms * 1000);
    (void)sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *src, int fd, uint32_t events, void *arg)
{
    (void)src;
    (void)fd;
    (void)events;
    run(arg);
    return 0;
}

static void resume_all(struct server *s)
{
    while (s->held != NULL) {
        struct job *job = s->held;

        s->held = job->next_held;
        MHD_resume_connection(TAKE(job->held));
    }
}

/* From the loop and never from inside the library, where a resumed connection may wait for
 * the next run that nobody asks for. */
static int on_again(sd_event_source *src, void *arg)
{
    (void)src;
    resume_all(arg);
    run(arg);
    return 0;
}

static int on_timer(sd_event_source *src, uint64_t usec, void *arg)
{
    (void)src;
    (void)usec;
    run(arg);
    return 0;
}

/* Nothing can be accepted, yet whoever waits at the door makes the loop turn: so the door is
 * shut for a second. Those inside are served on. */
static void rest(struct server *s, int error)
{
    struct err e;

    (void)err_set(&e, ERR_BUSY, "request.crowded", "accept: %s%s", strerror(error),
                  error == EMFILE ? ": raise LimitNOFILE= of the service" : "");
    say_full(s, NULL, &e);
    s->resting = true;
    (void)sd_event_source_set_enabled(s->accepting, SD_EVENT_OFF);
    look_later(s);
}

static int on_accept(sd_event_source *src, int listen_fd, uint32_t events, void *arg)
{
    struct server *s = arg;
    AUTO(fd) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct peer peer;
    struct err e;

    (void)src;
    (void)events;
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            rest(s, errno);
        return 0;
    }
    if (!peer_of(fd, s->o.roles, &peer, &e))
        return 0;
    if (!welcome(s, fd, &peer)) {
        fd = -1;
        return 0;
    }
    /* The library closes the socket, on failure too. */
    (void)MHD_add_connection(s->http, fd, (const struct sockaddr *)&sa, sizeof sa);
    fd = -1;
    run(s);
    return 0;
}

static void on_library_log(void *arg, const char *fmt, va_list ap)
{
    char text[256];

    (void)arg;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)vsnprintf(text, sizeof text, fmt, ap);
#pragma GCC diagnostic pop
    log_event(LOG_DEBUG, NULL, NULL, "http: %s", text);
}

/* Targets are refused when they hold a percent sign: nothing to unescape. */
static size_t keep_escaped(void *arg, struct MHD_Connection *c, char *text)
{
    (void)arg;
    (void)c;
    return strlen(text);
}

static bool start_library(struct server *s)
{
    s->http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG |
            MHD_ALLOW_SUSPEND_RESUME,
        0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT, s->o.max_clients + 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, s->o.idle_s, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
    return s->http != NULL;
}

bool server_open(sd_event *loop, const struct server_options *o, struct server **out,
                 struct err *e)
{
    struct server *s = calloc(1, sizeof *s);
    const union MHD_DaemonInfo *info;

    if (s == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    s->o = *o;
    s->o.listen_fd = -1;
    if (s->o.max_clients == 0)
        s->o.max_clients = 128;
    if (s->o.max_clients_per_uid == 0)
        s->o.max_clients_per_uid = 32;
    if (s->o.idle_s == 0)
        s->o.idle_s = 60;
    if (s->o.wait_us == 0)
        s->o.wait_us = WAIT_US;
    s->loop = sd_event_ref(loop);
    if (!start_library(s) ||
        (info = MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_EPOLL_FD)) == NULL ||
        sd_event_add_io(loop, &s->io, info->epoll_fd, EPOLLIN, on_io, s) < 0 ||
        sd_event_add_time(loop, &s->timer, CLOCK_MONOTONIC, 0, 1, on_timer, s) < 0 ||
        sd_event_add_time(loop, &s->pace, CLOCK_MONOTONIC, UINT64_MAX, 0, on_pace, s) < 0 ||
        sd_event_add_time(loop, &s->patience, CLOCK_MONOTONIC, 0, 1, on_patience, s) < 0 ||
        sd_event_source_set_enabled(s->patience, SD_EVENT_OFF) < 0 ||
        sd_event_add_defer(loop, &s->again, on_again, s) < 0 ||
        sd_event_source_set_enabled(s->again, SD_EVENT_OFF) < 0 ||
        sd_event_add_io(loop, &s->accepting, o->listen_fd, EPOLLIN, on_accept, s) < 0) {
        server_close(s);
        return err_set(e, ERR_STORE, "request.socket", "the HTTP library does not start");
    }
    s->o.listen_fd = o->listen_fd;
    *out = s;
    return true;
}

void server_close(struct server *s)
{
    if (s == NULL)
        return;
    s->accepting = sd_event_source_disable_unref(s->accepting);
    s->io = sd_event_source_disable_unref(s->io);
    s->timer = sd_event_source_disable_unref(s->timer);
    s->pace = sd_event_source_disable_unref(s->pace);
    s->patience = sd_event_source_disable_unref(s->patience);
    s->again = sd_event_source_disable_unref(s->again);
    resume_all(s); /* the library does not stop with any aside */
    if (s->http != NULL)
        MHD_stop_daemon(s->http);
    while (s->n_leaving > 0)
        drop_oldest(s);
    if (s->o.listen_fd >= 0)
        (void)close(s->o.listen_fd);
    sd_event_unref(s->loop);
    free(s);
}
