/* SPDX-License-Identifier: MIT
 *
 * What the operator socket does with a request behind the HTTP library: target, route,
 * role, key, caps, JSON. The input reads
 *
 *   METHOD target\n
 *   key\n
 *   content type\n
 *   role mask, declared length\n
 *   body
 *
 * The body arrives in pieces whose size follows from its first octet.
 */
#include "route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_open; /* sinks begun and neither ended nor aborted */

static bool whole(void *arg, const struct request *r, struct span body, struct reply *out,
                  struct err *e)
{
    struct opening {
        char title[40];
        bool exercise;
        int64_t n;
        json_t *any;
    } asked = {0};
    static const struct strictjson_member members[] = {
        {"title", MUST, strictjson_text, STRICTJSON_AT(struct opening, title), NULL, 0, 0},
        {"exercise", MAY, strictjson_flag, STRICTJSON_AT(struct opening, exercise), NULL, 0,
         0},
        {"n", MAY, strictjson_number, STRICTJSON_AT(struct opening, n), NULL, INT64_MIN,
         INT64_MAX},
        {"any", MAY, strictjson_any, STRICTJSON_AT(struct opening, any), NULL, 0, 0},
        {0},
    };
    uint64_t limit;
    json_t *j;

    (void)arg;
    if (!request_number(r, "limit", 1, 1000, 10, &limit, e))
        return false;
    if (limit < 1 || limit > 1000)
        abort();
    if (body.len == 0)
        return reply_json(out, 200, json_pack("{s:s}", "path", r->path), e);
    if (!request_json(body, members, &asked, &j, e))
        return false;
    if (strlen(asked.title) >= sizeof asked.title ||
        (asked.any != NULL) != (json_object_get(j, "any") != NULL))
        abort();
    json_decref(j);
    reply_header(out, "Location", "/v1/incidents/%s", asked.title);
    return reply_json(out, 201, json_pack("{s:s}", "title", asked.title), e);
}

static bool small(void *arg, const struct request *r, struct span body, struct reply *out,
                  struct err *e)
{
    (void)arg;
    (void)r;
    if (body.len > REQUEST_SMALL_MAX)
        abort();
    return reply_json(out, 200, json_pack("{s:I}", "len", (json_int_t)body.len), e);
}

static bool sink_write(void *arg, const char *data, size_t len, struct err *e)
{
    (void)arg;
    return memchr(data, '!', len) == NULL || err_set(e, ERR_INPUT, "roster.line", "bad");
}

static bool sink_end(void *arg, struct reply *out, struct err *e)
{
    n_open--;
    return arg != NULL || reply_json(out, 200, json_object(), e);
}

static void sink_abort(void *arg)
{
    (void)arg;
    n_open--;
}

static bool begin(void *arg, const struct request *r, struct sink *out, struct err *e)
{
    (void)arg;
    if (r->args[0][0] == 'x')
        return err_set(e, ERR_DENIED, "incident.state", "closed");
    *out = (struct sink){sink_write, sink_end, sink_abort, NULL, false};
    n_open++;
    return true;
}

static const struct router_row rows[] = {
    {VERB_GET, "/v1/status", PEER_VIEWER, BODY_NONE, whole, NULL, false},
    {VERB_GET, "/v1/incidents", PEER_VIEWER, BODY_NONE, whole, NULL, false},
    {VERB_POST, "/v1/incidents", PEER_OPERATOR, BODY_JSON, whole, NULL, false},
    {VERB_GET, "/v1/incidents/{id}", PEER_VIEWER, BODY_NONE, whole, NULL, false},
    {VERB_PUT, "/v1/incidents/{id}/certificates", PEER_OPERATOR, BODY_SMALL, small, NULL,
     false},
    {VERB_PUT, "/v1/incidents/{id}/roster", PEER_OPERATOR, BODY_STREAM, NULL, begin, false},
    {VERB_GET, "/v1/incidents/{id}/decisions/{decision}", PEER_VIEWER, BODY_NONE, whole,
     NULL, false},
    {VERB_GET, "/v1/audit", PEER_AUDITOR, BODY_NONE, whole, NULL, false},
};
static const struct router router = {rows, sizeof rows / sizeof rows[0], NULL, 4096, NULL};

/* The next line without its end, cut to cap - 1; the rest is left in *at, *left. */
static void line(const uint8_t **at, size_t *left, char *out, size_t cap)
{
    const uint8_t *nl = memchr(*at, '\n', *left);
    size_t n = nl == NULL ? *left : (size_t)(nl - *at);

    (void)snprintf(out, cap, "%.*s", (int)(n < cap ? n : cap - 1), (const char *)*at);
    n += nl != NULL;
    *at += n;
    *left -= n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exchange x = {0};
    struct reply r;
    struct err e;
    char first[700], numbers[64], *target;
    size_t piece;
    long long length = 0;

    if (size == 0)
        return 0;
    line(&data, &size, first, sizeof first);
    line(&data, &size, x.request.key, sizeof x.request.key);
    line(&data, &size, x.request.type, sizeof x.request.type);
    line(&data, &size, numbers, sizeof numbers);
    (void)sscanf(numbers, "%u %lld", &x.request.peer.roles, &length);
    x.request.length = length < -1 ? -1 : length;
    target = strchr(first, ' ');
    if (target != NULL)
        *target++ = '\0';
    x.request.verb = request_verb(first);
    if (!request_target(&x.request, target != NULL ? target : "", &e))
        route_fail(&x, &e);
    (void)route_begin(&x, &router);
    piece = size > 0 ? (size_t)data[0] + 1 : 1;
    while (size > 0) {
        size_t n = size < piece ? size : piece;

        if (!route_data(&x, (const char *)data, n))
            break;
        data += n;
        size -= n;
    }
    if (size == 0) {
        route_end(&x, &r);
        if (r.status < 200 || r.status > 599 || r.body == NULL || strlen(r.body) != r.len)
            abort();
        reply_done(&r);
    }
    route_done(&x);
    if (n_open != 0)
        abort();
    return 0;
}
