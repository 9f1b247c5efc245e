/* SPDX-License-Identifier: MIT */
#include "request.h"

#include "plain.h"
#include "rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const verbs[] = {"GET", "POST", "PUT"};

enum verb request_verb(const char *method)
{
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i], method) == 0)
            return (enum verb)i;
    return VERB_OTHER;
}

const char *request_verb_name(enum verb v)
{
    return v < VERB_OTHER ? verbs[v] : "other";
}

static bool plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

/* Length of the run of plain characters at text. */
static size_t plain_run(const char *text)
{
    size_t n = 0;

    while (plain(text[n]))
        n++;
    return n;
}

static bool bad_target(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "request.target", "%s", what);
}

static bool split_path(struct request *r, const char *path, size_t len, struct err *e)
{
    size_t at = 0;

    if (len == 0 || path[0] != '/')
        return bad_target(e, "the path must begin with '/'");
    while (at < len && len > 1) {
        size_t n = plain_run(path + at + 1);

        if (n == 0 || n > REQUEST_SEGMENT_MAX)
            return bad_target(
                e, "a segment of the path is empty, too long, or has a character "
                   "other than letters, digits, '.', '_' and '-'");
        if (path[at + 1] == '.' && (n == 1 || (n == 2 && path[at + 2] == '.')))
            return bad_target(e, "a segment of the path is \".\" or \"..\"");
        at += 1 + n;
        if (at < len && path[at] != '/')
            return bad_target(e, "the path has a character other than letters, digits, "
                                 "'.', '_', '-' and '/'");
    }
    memcpy(r->path, path, len);
    r->path[len] = '\0';
    return true;
}

static bool split_query(struct request *r, const char *at, struct err *e)
{
    for (;;) {
        size_t n = plain_run(at);
        size_t v;

        if (n == 0 || n >= sizeof r->query[0].name || at[n] != '=')
            return bad_target(e, "the query must read name=value&name=value");
        v = plain_run(at + n + 1);
        if (v == 0 || v >= sizeof r->query[0].value)
            return bad_target(e, "a value of the query is empty, too long, or has a "
                                 "character other than letters, digits, '.', '_', '-'");
        if (r->n_query == REQUEST_QUERY_MAX)
            return bad_target(e, "too many parameters in the query");
        memcpy(r->query[r->n_query].name, at, n);
        r->query[r->n_query].name[n] = '\0';
        if (request_query(r, r->query[r->n_query].name) != NULL)
            return bad_target(e, "the query repeats a parameter");
        memcpy(r->query[r->n_query].value, at + n + 1, v);
        r->query[r->n_query].value[v] = '\0';
        r->n_query++;
        at += n + 1 + v;
        if (*at == '\0')
            return true;
        if (*at++ != '&')
            return bad_target(e, "the query must read name=value&name=value");
    }
}

bool request_target(struct request *r, const char *target, struct err *e)
{
    size_t len = strlen(target);
    const char *q = strchr(target, '?');

    r->path[0] = '\0';
    r->n_query = 0;
    if (len >= REQUEST_TARGET_MAX)
        return bad_target(e, "the target is too long");
    if (!split_path(r, target, q == NULL ? len : (size_t)(q - target), e))
        return false;
    return q == NULL || split_query(r, q + 1, e);
}

const char *request_query(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->n_query; i++)
        if (strcmp(r->query[i].name, name) == 0)
            return r->query[i].value;
    return NULL;
}

bool request_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
            return false;
    if (v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool request_number(const struct request *r, const char *name, uint64_t min, uint64_t max,
                    uint64_t fallback, uint64_t *out, struct err *e)
{
    const char *text = request_query(r, name);

    *out = fallback;
    if (text == NULL || request_parse_number(text, min, max, out))
        return true;
    return err_set(e, ERR_INPUT, "request.query", "%s=%s: not a number from %llu to %llu",
                   name, text, (unsigned long long)min, (unsigned long long)max);
}

bool request_json(struct span body, const struct strictjson_member table[], void *base,
                  json_t **whole, struct err *e)
{
    struct strictjson_at at = {.id = "request.json", .e = e};
    json_t *j;
    bool ok;

    if (!strictjson_load(body, &j, &at))
        return false;
    if (json_is_object(j)) {
        at.id = "request.member";
        ok = strictjson_read(&at, j, table, base);
    } else {
        ok = err_set(e, ERR_INPUT, "request.json", "the body is not a JSON object");
    }
    if (ok && whole != NULL)
        *whole = j;
    else
        json_decref(j);
    return ok;
}

/* ---- replies ---- */

bool reply_text(struct reply *out, unsigned status, const char *type, char *steal,
                size_t len, struct err *e)
{
    if (steal == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    out->status = status;
    out->type = type;
    out->body = steal;
    out->len = len;
    return true;
}

bool reply_json(struct reply *out, unsigned status, json_t *steal, struct err *e)
{
    char *text = steal == NULL ? NULL : json_dumps(steal, JSON_COMPACT);

    json_decref(steal);
    return reply_text(out, status, "application/json", text,
                      text == NULL ? 0 : strlen(text), e);
}

bool reply_stream(struct reply *out, const char *type, struct stream s)
{
    out->status = 200;
    out->type = type;
    out->stream = s;
    return true;
}

static ssize_t fd_read(void *arg, char *buf, size_t max)
{
    return read(*(int *)arg, buf, max);
}

static void fd_close(void *arg)
{
    (void)close(*(int *)arg);
    free(arg);
}

bool reply_fd(struct reply *out, const char *type, int fd, struct err *e)
{
    int *box = malloc(sizeof *box);

    if (box == NULL) {
        (void)close(fd);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    *box = fd;
    return reply_stream(out, type, (struct stream){fd_read, fd_close, box, -1});
}

void reply_header(struct reply *out, const char *name, const char *fmt, ...)
{
    va_list ap;

    if (out->n_headers == REPLY_HEADERS_MAX)
        return;
    out->headers[out->n_headers].name = name;
    va_start(ap, fmt);
    (void)vsnprintf(out->headers[out->n_headers].value, sizeof out->headers[0].value, fmt,
                    ap);
    va_end(ap);
    out->n_headers++;
}

/* Where the status says more than the code does. */
static const struct {
    const char *id;
    unsigned status;
} statuses[] = {
    {"request.path", 404},      {"request.method", 405}, {"request.key-reused", 409},
    {"request.too-large", 413}, {"request.type", 415},   {"request.crowded", 503},
};

unsigned reply_status(const struct err *e)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (e->id != NULL && strcmp(statuses[i].id, e->id) == 0)
            return statuses[i].status;
    switch (e->code) {
    case ERR_NONE:
        return 200;
    case ERR_INPUT:
        return 400;
    case ERR_DENIED:
        return 403;
    case ERR_MISSING:
        return 404;
    case ERR_BUSY:
    case ERR_TOKEN:
        return 503;
    case ERR_STORE:
        return 507;
    }
    return 500;
}

void reply_problem(struct reply *out, const struct err *e)
{
    static const char last[] = "{\"code\":\"store\",\"id\":\"store.memory\","
                               "\"detail\":\"out of memory\"}";
    const struct rule *rule = e->id == NULL ? NULL : rules_find(e->id);
    json_t *j = json_object();
    json_t *text = json_string(e->text);
    struct err ignored;

    if (out->signers != NULL)
        (void)json_object_set(j, "signers", out->signers);
    reply_done(out);
    if (text == NULL) /* an error text quotes what a peer sent: it may not be UTF-8 */
        text = json_string("the text of this error is not UTF-8");
    (void)json_object_set_new(j, "code", json_string(err_code_name(e->code)));
    (void)json_object_set_new(j, "id", json_string(e->id == NULL ? "" : e->id));
    (void)json_object_set_new(j, "detail", text);
    (void)json_object_set_new(j, "status", json_integer(reply_status(e)));
    if (rule != NULL) {
        (void)json_object_set_new(j, "type",
                                  json_sprintf("urn:smki-recovery:rule:%s", rule->id));
        (void)json_object_set_new(j, "title", json_string(rule->sentence));
        (void)json_object_set_new(j, "source", json_string(rule->source));
        (void)json_object_set_new(j, "certainty", json_string(rule->certainty));
        (void)json_object_set_new(j, "advice", json_string(rule->advice));
    }
    if (!reply_json(out, reply_status(e), j, &ignored)) {
        out->status = 507;
        out->body = strdup(last);
        out->len = out->body == NULL ? 0 : sizeof last - 1;
    }
    out->type = "application/problem+json";
    if (out->status == 503)
        reply_header(out, "Retry-After", "5");
}

void reply_done(struct reply *r)
{
    free(r->body);
    json_decref(r->signers);
    if (r->stream.read != NULL && r->stream.close != NULL)
        r->stream.close(r->stream.arg);
    *r = (struct reply){0};
}
