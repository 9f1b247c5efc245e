/* SPDX-License-Identifier: MIT */
#include "client.h"

#include "rules.h"

#include <curl/curl.h>
#include <jansson.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPECT_FROM  65536 /* from this size on, ask before sending */
#define SILENCE_SEC  600L  /* a service that moves nothing for so long is stuck */
#define UPLOAD_BLOCK 262144L

struct transfer {
    const struct client_call *call;
    struct client_answer *answer;
    CURL *curl;
    size_t body_at;
    int64_t sent;
    struct err *e;
    bool own_error; /* e is filled: by receive, by reading the file, by a cap */
};

static bool is_upload(const struct client_call *c)
{
    return c->fd >= 0 || c->body.len > 0 || strcmp(c->method, "GET") != 0;
}

static bool stopped(const struct client_call *c)
{
    return c->stop != NULL && *c->stop != 0;
}

static int on_moment(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return stopped(((const struct transfer *)arg)->call);
}

static size_t on_send(char *to, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    const struct client_call *c = t->call;
    ssize_t got;

    n *= size;
    if (c->fd < 0) {
        got = (ssize_t)(c->body.len - t->body_at < n ? c->body.len - t->body_at : n);
        if (got > 0)
            memcpy(to, c->body.at + t->body_at, (size_t)got);
        t->body_at += (size_t)got;
    } else {
        do
            got = stopped(c) ? 0 : read(c->fd, to, n);
        while (got < 0 && errno == EINTR);
        if (stopped(c))
            return CURL_READFUNC_ABORT;
        if (got < 0) {
            t->own_error = !err_set(t->e, ERR_INPUT, "client.file", "reading the file: %s",
                                    strerror(errno));
            return CURL_READFUNC_ABORT;
        }
    }
    t->sent += got;
    if (c->sent != NULL)
        c->sent(c->sent_arg, t->sent);
    return (size_t)got;
}

/* Octets that a body of so many has: it grows by doubling, not with every piece. */
static size_t room_for(size_t len)
{
    size_t room = 65536;

    while (room <= len)
        room *= 2;
    return room;
}

static size_t keep(struct transfer *t, const char *data, size_t n)
{
    struct client_answer *a = t->answer;
    char *bigger;

    if (a->len + n > CLIENT_ANSWER_MAX) {
        t->own_error = !err_set(t->e, ERR_INPUT, "client.answer", "the answer is too long");
        return 0;
    }
    bigger = a->body;
    if (bigger == NULL || room_for(a->len + n) > room_for(a->len))
        bigger = realloc(a->body, room_for(a->len + n));
    if (bigger == NULL) {
        t->own_error = !err_set(t->e, ERR_STORE, "store.memory", "out of memory");
        return 0;
    }
    a->body = bigger;
    memcpy(a->body + a->len, data, n);
    a->len += n;
    a->body[a->len] = '\0';
    return n;
}

static size_t on_receive(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    long status = 0;

    n *= size;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return n;
    if (status < 300 && t->call->receive != NULL) {
        t->own_error = !t->call->receive(t->call->arg, data, n, t->e);
        return t->own_error ? 0 : n;
    }
    return keep(t, data, n);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct client_answer *a = arg;
    static const char name[] = "location: ", dry[] = "dry-run: yes";

    n *= size;
    if (n >= sizeof dry - 1 && strncasecmp(line, dry, sizeof dry - 1) == 0)
        a->dry_run = true;
    if (n > sizeof name && strncasecmp(line, name, sizeof name - 1) == 0) {
        size_t len = n - (sizeof name - 1);

        while (len > 0 && (unsigned char)line[sizeof name - 2 + len] <= ' ')
            len--;
        (void)snprintf(a->location, sizeof a->location, "%.*s", (int)len,
                       line + sizeof name - 1);
    }
    return n;
}

static void copy_member(const json_t *j, const char *name, char *to, size_t cap)
{
    const char *v = json_string_value(json_object_get(j, name));

    (void)snprintf(to, cap, "%s", v != NULL ? v : "");
}

static enum err_code code_of(const char *name, unsigned status)
{
    static const enum err_code codes[] = {ERR_INPUT, ERR_DENIED, ERR_MISSING,
                                          ERR_BUSY,  ERR_TOKEN,  ERR_STORE};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(err_code_name(codes[i]), name) == 0)
            return codes[i];
    if (status == 403)
        return ERR_DENIED;
    if (status == 404)
        return ERR_MISSING;
    return status >= 500 ? ERR_BUSY : ERR_INPUT;
}

/* The service refused: its problem becomes the error. */
static bool refused(struct client_answer *a, struct err *e)
{
    json_t *j = a->body == NULL ? NULL : json_loadb(a->body, a->len, 0, NULL);
    const char *text = json_string_value(json_object_get(j, "detail"));
    const struct rule *rule;

    copy_member(j, "code", a->problem.code, sizeof a->problem.code);
    copy_member(j, "id", a->problem.id, sizeof a->problem.id);
    copy_member(j, "title", a->problem.rule, sizeof a->problem.rule);
    copy_member(j, "source", a->problem.source, sizeof a->problem.source);
    copy_member(j, "certainty", a->problem.certainty, sizeof a->problem.certainty);
    copy_member(j, "advice", a->problem.advice, sizeof a->problem.advice);
    rule = rules_find(a->problem.id);
    (void)err_set(e, code_of(a->problem.code, a->status),
                  rule != NULL ? rule->id : "client.refused", "%s",
                  text != NULL ? text : "the service refused and did not say why");
    if (text == NULL)
        (void)err_wrap(e, "status %u", a->status);
    json_decref(j);
    return false;
}

static struct curl_slist *headers_of(const struct client_call *c)
{
    struct curl_slist *h = NULL;
    char line[200];
    int64_t size = c->fd >= 0 ? c->fd_size : (int64_t)c->body.len;

    h = curl_slist_append(h, "Accept:");
    if (c->key != NULL) {
        (void)snprintf(line, sizeof line, "Idempotency-Key: %s", c->key);
        h = curl_slist_append(h, line);
    }
    if (c->login != NULL) {
        (void)snprintf(line, sizeof line, "Exercise-Login: %s", c->login);
        h = curl_slist_append(h, line);
    }
    if (c->dry_run)
        h = curl_slist_append(h, "Dry-Run: yes");
    if (c->type != NULL) {
        (void)snprintf(line, sizeof line, "Content-Type: %s", c->type);
        h = curl_slist_append(h, line);
    }
    /* A refusal known from the head should come before the body is sent. */
    return curl_slist_append(h, size < 0 || size > EXPECT_FROM ? "Expect: 100-continue"
                                                               : "Expect:");
}

static bool set_up(CURL *curl, const struct client_call *c, struct transfer *t,
                   struct curl_slist *headers)
{
    char url[600];
    CURLcode rc = CURLE_OK;

    if (snprintf(url, sizeof url, "http://smki-recovery%s", c->path) >= (int)sizeof url)
        return false;
    rc |= curl_easy_setopt(curl, CURLOPT_URL, url);
    rc |= curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    rc |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    rc |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 5L);
    rc |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    rc |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SILENCE_SEC);
    rc |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "smki-recoveryctl");
    rc |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    rc |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_receive);
    rc |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    rc |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    rc |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, t->answer);
    rc |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_moment);
    rc |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    rc |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    rc |= curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 262144L);
    if (is_upload(c)) {
        rc |= curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        rc |= curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BLOCK);
        rc |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
        rc |= curl_easy_setopt(curl, CURLOPT_READDATA, t);
        rc |=
            curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                             (curl_off_t)(c->fd >= 0 ? c->fd_size : (int64_t)c->body.len));
    }
    rc |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, c->method);
    return rc == CURLE_OK;
}

/* Why there is no answer: asked of the socket itself, for what is to be done differs. */
static bool not_reached(const char *path, CURLcode rc, struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd, why = 0;

    if (strlen(path) >= sizeof a.sun_path)
        return err_set(e, ERR_INPUT, "client.socket-name",
                       "%.40s... has %zu octets; the path of a socket has at most %zu",
                       path, strlen(path), sizeof a.sun_path - 1);
    (void)strcpy(a.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) != 0)
        why = errno;
    if (fd >= 0)
        (void)close(fd);
    switch (why) {
    case ENOENT:
    case ENOTDIR:
        return err_set(e, ERR_BUSY, "client.no-socket",
                       "cannot reach the service: there is no socket %s", path);
    case EACCES:
    case EPERM:
        return err_set(e, ERR_DENIED, "client.not-permitted",
                       "cannot reach the service: you may not use its socket %s", path);
    case ECONNREFUSED:
        return err_set(e, ERR_BUSY, "client.down",
                       "cannot reach the service: nobody listens at %s", path);
    case EAGAIN:
        return err_set(e, ERR_BUSY, "client.crowded",
                       "cannot reach the service: too many wait at %s", path);
    default:
        return err_set(e, ERR_BUSY, "client.connect",
                       "no answer from the service at %s: %s", path,
                       why != 0 ? strerror(why) : curl_easy_strerror(rc));
    }
}

bool client_call(const struct client_call *c, struct client_answer *out, struct err *e)
{
    struct transfer t = {.call = c, .answer = out, .e = e};
    struct curl_slist *headers = headers_of(c);
    CURLcode rc = CURLE_FAILED_INIT;
    long status = 0;
    bool ready;

    *out = (struct client_answer){0};
    t.curl = curl_easy_init();
    ready = t.curl != NULL && headers != NULL && set_up(t.curl, c, &t, headers);
    if (ready) {
        rc = curl_easy_perform(t.curl);
        (void)curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_easy_cleanup(t.curl);
    curl_slist_free_all(headers);
    if (!ready)
        return err_set(e, ERR_STORE, "store.memory", "the call cannot be prepared");
    out->status = status >= 200 ? (unsigned)status : 0;
    if (t.own_error)
        return false;
    if (out->status == 0)
        return not_reached(c->socket, rc, e);
    if (out->status >= 300) /* the word of the service counts, however the call ended */
        return refused(out, e);
    if (rc != CURLE_OK)
        return err_set(e, ERR_BUSY, "client.cut", "the answer broke off: %s",
                       curl_easy_strerror(rc));
    if (c->dry_run && !out->dry_run)
        return err_set(e, ERR_INPUT, "client.dry-run",
                       "the service did what was asked for: it knows no dry run");
    return true;
}

void client_answer_done(struct client_answer *a)
{
    free(a->body);
    *a = (struct client_answer){0};
}
