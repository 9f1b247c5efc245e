/* SPDX-License-Identifier: MIT */
#include "route.h"

#include "think.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATERS_MAX 64

/* Does the path fit the pattern? args gets what stood for the {names}. */
static bool path_fits(const char *pattern, const char *path,
                      char args[][REQUEST_SEGMENT_MAX + 1], size_t *n_args)
{
    *n_args = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t n = strcspn(path, "/");

        if (n == 0 || n > REQUEST_SEGMENT_MAX || *n_args == REQUEST_ARGS_MAX)
            return false;
        memcpy(args[*n_args], path, n);
        args[*n_args][n] = '\0';
        ++*n_args;
        path += n;
        pattern += strcspn(pattern, "}");
        pattern += *pattern == '}';
    }
    return *path == '\0';
}

static const struct router_row *find(const struct router *r, struct request *q,
                                     bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < r->n_routes; i++) {
        if (!path_fits(r->routes[i].pattern, q->path, q->args, &q->n_args))
            continue;
        *path_known = true;
        if (r->routes[i].verb == q->verb)
            return &r->routes[i];
    }
    q->n_args = 0;
    return NULL;
}

/* The verbs a path takes ("GET, PUT"). */
static void allow_header(const struct router *r, const char *path, char *out, size_t cap)
{
    char args[REQUEST_ARGS_MAX][REQUEST_SEGMENT_MAX + 1];
    size_t n_args, at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < r->n_routes; i++) {
        int n;

        if (!path_fits(r->routes[i].pattern, path, args, &n_args))
            continue;
        n = snprintf(out + at, cap - at, "%s%s", at > 0 ? ", " : "",
                     request_verb_name(r->routes[i].verb));
        if (n < 0 || (size_t)n >= cap - at)
            return;
        at += (size_t)n;
    }
}

static int64_t body_cap(const struct exchange *x)
{
    switch (x->route->body) {
    case BODY_NONE:
        return 0;
    case BODY_JSON:
        return REQUEST_JSON_MAX;
    case BODY_SMALL:
        return REQUEST_SMALL_MAX;
    case BODY_STREAM:
        return x->router->stream_max;
    }
    return 0;
}

static bool too_large(struct exchange *x)
{
    if (x->route->body == BODY_NONE)
        return err_set(&x->e, ERR_INPUT, "request.too-large", "this request takes no body");
    return err_set(&x->e, ERR_INPUT, "request.too-large",
                   "the body is larger than %lld octets", (long long)body_cap(x));
}

static bool key_printable(const char *key)
{
    for (; *key != '\0'; key++)
        if (*key <= 0x20 || *key >= 0x7f)
            return false;
    return true;
}

static bool check_head(struct exchange *x)
{
    struct request *q = &x->request;
    struct err *e = &x->e;
    char text[PEER_ROLES_TEXT], need[PEER_ROLES_TEXT];
    bool path_known;

    x->route = find(x->router, q, &path_known);
    if (x->route == NULL && !path_known)
        return err_set(e, ERR_MISSING, "request.path", "there is no %s", q->path);
    if (x->route == NULL)
        return err_set(e, ERR_INPUT, "request.method", "%s cannot be asked for that way",
                       q->path);
    if ((q->peer.roles & x->route->roles) == 0) {
        (void)err_set(e, ERR_DENIED, "request.role",
                      "uid %lu has %s; %s %s needs one of: %s", (unsigned long)q->peer.uid,
                      peer_roles_text(q->peer.roles, text), request_verb_name(q->verb),
                      q->path, peer_roles_text(x->route->roles, need));
        if (x->router->refused != NULL)
            x->router->refused(x->router->arg, q, e);
        return false;
    }
    if (!key_printable(q->key))
        return err_set(e, ERR_INPUT, "request.key",
                       "Idempotency-Key must be 1 to %d printable characters, no space",
                       REQUEST_KEY_MAX);
    if (q->dry_run && !x->route->dry)
        return err_set(e, ERR_INPUT, "request.dry-run",
                       "%s %s cannot be judged without being done",
                       request_verb_name(q->verb), q->path);
    if (x->route->body == BODY_JSON && q->length != 0 && q->type[0] != '\0' &&
        strcmp(q->type, "application/json") != 0)
        return err_set(e, ERR_INPUT, "request.type",
                       "the body is said to be %s; it must be application/json", q->type);
    if (q->length > body_cap(x))
        return too_large(x);
    return true;
}

bool route_begin(struct exchange *x, const struct router *r)
{
    x->router = r;
    if (x->failed)
        return false;
    x->failed = !check_head(x);
    x->request.patient = !x->failed && x->route->body != BODY_STREAM;
    x->later = false;
    if (!x->failed && x->route->body == BODY_STREAM &&
        !x->route->begin(r->arg, &x->request, &x->sink, &x->e)) {
        x->sink = (struct sink){0};
        x->later = think_later(&x->e);
        x->failed = !x->later;
    }
    return !x->failed && !x->later;
}

static void drop_sink(struct exchange *x)
{
    if (x->sink.write != NULL && x->sink.abort != NULL)
        x->sink.abort(x->sink.arg);
    x->sink = (struct sink){0};
}

void route_fail(struct exchange *x, const struct err *e)
{
    if (!x->failed)
        x->e = *e;
    x->failed = true;
    drop_sink(x);
}

/* Room grows by doubling up to the cap, so that a small body costs little. */
static bool collect(struct exchange *x, const char *data, size_t len)
{
    size_t room = x->room > 0 ? x->room : 4096;
    char *bigger;

    while (room < x->len + len)
        room *= 2;
    if (room > x->room) {
        bigger = realloc(x->body, room);
        if (bigger == NULL)
            return err_set(&x->e, ERR_STORE, "store.memory", "out of memory");
        x->body = bigger;
        x->room = room;
    }
    memcpy(x->body + x->len, data, len);
    x->len += len;
    return true;
}

bool route_data(struct exchange *x, const char *data, size_t len)
{
    /* How much is let go by after a refusal, so that a client that is still writing hears
     * the answer instead of a broken pipe. */
    int64_t patience = REQUEST_SMALL_MAX;

    assert(x->failed || x->route != NULL); /* route_begin has seen to it */
    x->seen += (int64_t)len;
    if (x->route != NULL && body_cap(x) > patience)
        patience = body_cap(x);
    if (!x->failed && x->seen > body_cap(x)) {
        x->failed = !too_large(x);
        drop_sink(x);
    }
    if (x->failed)
        return x->seen <= patience;
    if (x->route->body == BODY_STREAM)
        x->failed = !x->sink.write(x->sink.arg, data, len, &x->e);
    else
        x->failed = !collect(x, data, len);
    if (x->failed)
        drop_sink(x);
    return true;
}

/* What would have changed something and got no further than the door is on record too; the
 * handlers record what they refuse themselves. */
static void tell_refusal(struct exchange *x)
{
    if (x->failed && x->request.verb != VERB_GET && x->router->refused != NULL &&
        strcmp(x->e.id, "request.role") != 0)
        x->router->refused(x->router->arg, &x->request, &x->e);
}

/* New: it has asked what it did not ask before. */
static void ask_again(struct exchange *x, bool new, struct reply *out)
{
    reply_done(out);
    x->failed = false;
    out->later = true;
    out->sure = think_later(&x->e);
    /* what it wants to know may change faster than it is worked out: then on the spot */
    if (new && ++x->laters == LATERS_MAX)
        x->request.patient = false;
    x->request.waited = x->request.waited || !out->sure;
}

void route_end(struct exchange *x, struct reply *out)
{
    unsigned asked = think_asked();

    *out = (struct reply){0};
    tell_refusal(x);
    if (!x->failed && x->route->body == BODY_STREAM) {
        struct sink s = x->sink;

        x->failed = !s.end(s.arg, out, &x->e);
        if (x->failed && s.again && think_later(&x->e)) {
            ask_again(x, think_asked() != asked, out);
            return;
        }
        x->sink = (struct sink){0};
    } else if (!x->failed) {
        x->failed = !x->route->whole(x->router->arg, &x->request, span_of(x->body, x->len),
                                     out, &x->e);
        if (x->failed &&
            (think_later(&x->e) ||
             (x->request.may_wait && strcmp(x->e.id, "signer.not-ready") == 0))) {
            ask_again(x, think_asked() != asked, out);
            return;
        }
    }
    if (x->failed)
        reply_problem(out, &x->e);
    if (x->request.dry_run && !out->later)
        reply_header(out, "Dry-Run", "yes");
    if (x->failed && out->status == 405) {
        char allow[64];

        allow_header(x->router, x->request.path, allow, sizeof allow);
        reply_header(out, "Allow", "%s", allow);
    }
}

void route_done(struct exchange *x)
{
    drop_sink(x);
    free(x->body);
    *x = (struct exchange){0};
}
