/* SPDX-License-Identifier: MIT */
#include "mem.h"
#include "route.h"
#include "rules.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(targets_are_split_strictly)
{
    static const char *const good[] = {"/", "/metrics", "/v1/incidents/I-2026_01.b/roster",
                                       "/v1/a?from=00DB&limit=5"};
    static const char *const bad[] = {
        "",      "*",      "v1",         "//",      "/v1/",       "/v1//a",     "/.",
        "/a/..", "/a/./b", "/a b",       "/%41",    "/a+b",       "/a;b",       "/a?",
        "/a?b",  "/a?b=",  "/a?=c",      "/a?b=c&", "/a?b=%20",   "/a?b=c&b=d", "/a?b=c#d",
        "/a\\b", "/a\x80", "/a?b=c?d=e", "/a&b=c",  "http://x/v1"};
    struct request r;
    struct err e;
    char text[REQUEST_TARGET_MAX + 10];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(request_target(&r, good[i], &e), "%s: %s", good[i], e.text);
    ck_assert_str_eq(r.path, "/v1/a");
    ck_assert_str_eq(request_query(&r, "from"), "00DB");
    ck_assert_str_eq(request_query(&r, "limit"), "5");
    ck_assert_ptr_null(request_query(&r, "li"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!request_target(&r, bad[i], &e), "%s", bad[i]);
        ck_assert_str_eq(e.id, "request.target");
    }
    memset(text, 'a', sizeof text);
    text[0] = '/';
    text[REQUEST_SEGMENT_MAX + 1] = '\0';
    ck_assert(request_target(&r, text, &e));
    text[REQUEST_SEGMENT_MAX + 1] = 'a';
    text[REQUEST_SEGMENT_MAX + 2] = '\0';
    ck_assert(!request_target(&r, text, &e));
    text[REQUEST_SEGMENT_MAX + 2] = 'a';
    text[sizeof text - 1] = '\0';
    ck_assert(!request_target(&r, text, &e));
    ck_assert(!request_target(&r, "/a?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1", &e));
}
END_TEST

START_TEST(numbers_have_a_range_and_no_rest)
{
    struct request r;
    struct err e;
    uint64_t v;

    ck_assert(request_target(&r, "/a?n=17", &e));
    ck_assert(request_number(&r, "n", 0, 100, 5, &v, &e));
    ck_assert_uint_eq(v, 17);
    ck_assert(request_number(&r, "m", 0, 100, 5, &v, &e));
    ck_assert_uint_eq(v, 5);
    ck_assert(!request_number(&r, "n", 18, 100, 5, &v, &e));
    ck_assert_str_eq(e.id, "request.query");
    ck_assert(request_parse_number("18446744073709551615", 0, UINT64_MAX, &v));
    ck_assert(!request_parse_number("18446744073709551616", 0, UINT64_MAX, &v));
    ck_assert(!request_parse_number("", 0, 9, &v));
    ck_assert(!request_parse_number("1a", 0, 9, &v));
    ck_assert(!request_parse_number("-1", 0, 9, &v));
}
END_TEST

struct held {
    char name[6];
    bool flag;
    int64_t n;
    json_t *any;
};

static bool members(const char *text, struct held *h, struct err *e)
{
    static const struct strictjson_member table[] = {
        {"name", MUST, strictjson_text, STRICTJSON_AT(struct held, name), NULL, 0, 0},
        {"flag", MAY, strictjson_flag, STRICTJSON_AT(struct held, flag), NULL, 0, 0},
        {"n", MAY, strictjson_number, STRICTJSON_AT(struct held, n), NULL, INT64_MIN,
         INT64_MAX},
        {"any", MAY, strictjson_any, STRICTJSON_AT(struct held, any), NULL, 0, 0},
        {0},
    };
    json_t *whole;

    *h = (struct held){.n = 7};
    if (!request_json(span_of(text, strlen(text)), table, h, &whole, e))
        return false;
    ck_assert_ptr_eq(h->any, json_object_get(whole, "any"));
    json_decref(whole);
    return true;
}

START_TEST(documents_hold_known_members_of_their_kind)
{
    static const struct {
        const char *text, *id;
    } bad[] = {
        {"", "request.json"},
        {"{", "request.json"},
        {"[]", "request.json"},
        {"\"x\"", "request.json"},
        {"{\"name\":\"a\"}x", "request.json"},
        {"{\"name\":\"a\",\"name\":\"a\"}", "request.json"},
        {"{\"name\":\"\xff\"}", "request.json"},
        {"{\"name\":\"a\\u0000\"}", "request.json"},
        {"{}", "request.member"},
        {"{\"name\":1}", "request.member"},
        {"{\"name\":\"abcdef\"}", "request.member"},
        {"{\"name\":\"a\\n\"}", "request.member"},
        {"{\"name\":\"a\",\"flag\":1}", "request.member"},
        {"{\"name\":\"a\",\"n\":1.0}", "request.member"},
        {"{\"name\":\"a\",\"n\":\"1\"}", "request.member"},
        {"{\"name\":\"a\",\"other\":null}", "request.member"},
    };
    struct held h;
    struct err e;

    ck_assert(members("{\"name\":\"abcde\",\"flag\":true,\"n\":-5,\"any\":[1]}", &h, &e));
    ck_assert_str_eq(h.name, "abcde");
    ck_assert(h.flag && h.n == -5 && h.any != NULL);
    ck_assert(members(" {\"name\":\"\"} \n", &h, &e));
    ck_assert(!h.flag && h.n == 7 && h.any == NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!members(bad[i].text, &h, &e), "%s", bad[i].text);
        ck_assert_str_eq(e.id, bad[i].id);
    }
}
END_TEST

START_TEST(a_problem_says_rule_source_and_advice)
{
    struct reply r = {0};
    struct err e;
    json_t *j;

    (void)err_set(&e, ERR_DENIED, "request.role", "uid 5 may not");
    reply_problem(&r, &e);
    ck_assert_uint_eq(r.status, 403);
    ck_assert_str_eq(r.type, "application/problem+json");
    j = json_loadb(r.body, r.len, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(j, "code")), "denied");
    ck_assert_str_eq(json_string_value(json_object_get(j, "id")), "request.role");
    ck_assert_str_eq(json_string_value(json_object_get(j, "detail")), "uid 5 may not");
    ck_assert_str_eq(json_string_value(json_object_get(j, "title")),
                     rules_find("request.role")->sentence);
    ck_assert_ptr_nonnull(json_object_get(j, "advice"));
    json_decref(j);
    reply_done(&r);
    (void)err_set(&e, ERR_INPUT, "request.target", "\xff\xfe");
    reply_problem(&r, &e);
    j = json_loadb(r.body, r.len, 0, NULL); /* whatever the octets were */
    ck_assert_ptr_nonnull(j);
    json_decref(j);
    reply_done(&r);
}
END_TEST

START_TEST(each_code_has_its_status)
{
    static const struct {
        enum err_code code;
        const char *id;
        unsigned status;
    } t[] = {
        {ERR_INPUT, "roster.device", 400},      {ERR_DENIED, "decision.quorum", 403},
        {ERR_MISSING, "incident.none", 404},    {ERR_BUSY, "x", 503},
        {ERR_TOKEN, "token.probe", 503},        {ERR_STORE, "store.failed", 507},
        {ERR_INPUT, "request.key-reused", 409}, {ERR_INPUT, "request.too-large", 413},
        {ERR_INPUT, "request.type", 415},       {ERR_INPUT, "request.method", 405},
    };
    struct err e;

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        (void)err_set(&e, t[i].code, t[i].id, "x");
        ck_assert_uint_eq(reply_status(&e), t[i].status);
    }
}
END_TEST

/* ---- routes, without HTTP ---- */

static unsigned n_ended, n_aborted, n_refused;

static bool whole(void *arg, const struct request *r, struct span body, struct reply *out,
                  struct err *e)
{
    char *text = NULL;

    (void)arg;
    if (body.len == 3)
        return err_set(e, ERR_BUSY, "request.crowded", "busy");
    if (asprintf(&text, "%s %s %zu", r->n_args > 0 ? r->args[0] : "-",
                 r->n_args > 1 ? r->args[1] : "-", body.len) < 0)
        return false;
    return reply_text(out, 200, "text/plain", text, strlen(text), e);
}

static bool on_write(void *arg, const char *data, size_t len, struct err *e)
{
    (void)arg;
    if (len > 0 && data[0] == '!')
        return err_set(e, ERR_INPUT, "roster.line", "bad");
    return true;
}

static bool on_end(void *arg, struct reply *out, struct err *e)
{
    (void)arg;
    n_ended++;
    return reply_text(out, 202, "text/plain", strdup("ok"), 2, e);
}

static void on_abort(void *arg)
{
    (void)arg;
    n_aborted++;
}

static bool begin(void *arg, const struct request *r, struct sink *out, struct err *e)
{
    (void)arg;
    *out = (struct sink){on_write, on_end, on_abort, NULL, false};
    return strcmp(r->args[0], "no") != 0 ||
           err_set(e, ERR_DENIED, "incident.state", "closed");
}

static void refused(void *arg, const struct request *r, const struct err *e)
{
    (void)arg;
    (void)r;
    (void)e;
    n_refused++;
}

static const struct router_row rows[] = {
    {VERB_GET, "/", PEER_VIEWER, BODY_NONE, whole, NULL, false},
    {VERB_GET, "/v1/i/{id}", PEER_VIEWER, BODY_NONE, whole, NULL, false},
    {VERB_GET, "/v1/i/{id}/d/{d}", PEER_VIEWER, BODY_NONE, whole, NULL, false},
    {VERB_POST, "/v1/i/{id}", PEER_OPERATOR, BODY_JSON, whole, NULL, false},
    {VERB_PUT, "/v1/i/{id}", PEER_OPERATOR | PEER_APPROVER, BODY_STREAM, NULL, begin,
     false},
};
static const struct router router = {rows, sizeof rows / sizeof rows[0], NULL, 2000000,
                                     refused};

/* The status of one exchange with a body of n pieces; *text gets the reply's. */
static unsigned exchange(enum verb v, const char *target, unsigned roles, int64_t length,
                         const char *piece, size_t piece_len, unsigned n, char text[600])
{
    struct exchange *x = calloc(1, sizeof *x);
    struct reply r;
    struct err e;
    unsigned status;

    if (!request_target(&x->request, target, &e))
        route_fail(x, &e);
    x->request.verb = v;
    x->request.length = length;
    x->request.peer.roles = roles;
    (void)route_begin(x, &router);
    for (unsigned i = 0; i < n; i++)
        if (!route_data(x, piece, piece_len)) {
            route_done(x);
            free(x);
            return 0;
        }
    route_end(x, &r);
    (void)snprintf(text, 600, "%.*s", (int)r.len, r.body);
    if (r.status == 405)
        (void)snprintf(text, 600, "%s: %s", r.headers[0].name, r.headers[0].value);
    status = r.status;
    reply_done(&r);
    route_done(x);
    free(x);
    return status;
}

START_TEST(routes_match_by_segments)
{
    char text[600];
    const unsigned all = PEER_VIEWER | PEER_OPERATOR;

    ck_assert_uint_eq(exchange(VERB_GET, "/", all, 0, "", 0, 0, text), 200);
    ck_assert_uint_eq(exchange(VERB_GET, "/v1/i/a", all, 0, "", 0, 0, text), 200);
    ck_assert_str_eq(text, "a - 0");
    ck_assert_uint_eq(exchange(VERB_GET, "/v1/i/a/d/b", all, 0, "", 0, 0, text), 200);
    ck_assert_str_eq(text, "a b 0");
    ck_assert_uint_eq(exchange(VERB_GET, "/v1/i", all, 0, "", 0, 0, text), 404);
    ck_assert_uint_eq(exchange(VERB_GET, "/v1/i/a/d", all, 0, "", 0, 0, text), 404);
    ck_assert_uint_eq(exchange(VERB_GET, "/v1/i/a/d/b/c", all, 0, "", 0, 0, text), 404);
    ck_assert_uint_eq(exchange(VERB_PUT, "/v1/i/a/d/b", all, 0, "", 0, 0, text), 405);
    ck_assert_str_eq(text, "Allow: GET");
    ck_assert_uint_eq(exchange(VERB_OTHER, "/v1/i/a", all, 0, "", 0, 0, text), 405);
    ck_assert_str_eq(text, "Allow: GET, POST, PUT");
}
END_TEST

START_TEST(a_role_is_needed_and_its_lack_is_told)
{
    char text[600];

    ck_assert_uint_eq(exchange(VERB_GET, "/v1/i/a", 0, 0, "", 0, 0, text), 403);
    ck_assert_uint_eq(exchange(VERB_POST, "/v1/i/a", PEER_VIEWER, 0, "", 0, 0, text), 403);
    ck_assert_uint_eq(n_refused, 2);
    ck_assert_uint_eq(exchange(VERB_PUT, "/v1/i/a", PEER_APPROVER, 1, "x", 1, 1, text),
                      202);
    /* an unknown path is no matter of roles */
    ck_assert_uint_eq(exchange(VERB_GET, "/v2", 0, 0, "", 0, 0, text), 404);
    ck_assert_uint_eq(n_refused, 2);
}
END_TEST

START_TEST(bodies_stay_below_their_cap)
{
    static char piece[65536];
    char text[600];
    const unsigned all = PEER_VIEWER | PEER_OPERATOR;

    ck_assert_uint_eq(exchange(VERB_POST, "/v1/i/a", all, -1, piece, 65536, 4, text), 200);
    ck_assert_str_eq(text, "a - 262144");
    ck_assert_uint_eq(exchange(VERB_POST, "/v1/i/a", all, -1, piece, 65536, 5, text), 413);
    ck_assert_uint_eq(exchange(VERB_POST, "/v1/i/a", all, 262145, "", 0, 0, text), 413);
    ck_assert_uint_eq(exchange(VERB_POST, "/v1/i/a", all, -1, piece, 65536, 99, text), 0);
    ck_assert_uint_eq(exchange(VERB_GET, "/v1/i/a", all, 1, "", 0, 0, text), 413);
    ck_assert_uint_eq(exchange(VERB_POST, "/v1/i/a", all, 3, piece, 3, 1, text), 503);
    ck_assert_uint_eq(exchange(VERB_PUT, "/v1/i/a", all, 2000001, "", 0, 0, text), 413);
    ck_assert_uint_eq(exchange(VERB_PUT, "/v1/i/a", all, -1, piece, 65536, 30, text), 202);
    ck_assert_uint_eq(n_ended, 1);
    ck_assert_uint_eq(n_aborted, 0);
    ck_assert_uint_eq(exchange(VERB_PUT, "/v1/i/a", all, -1, piece, 65536, 31, text), 0);
    ck_assert_uint_eq(n_aborted, 1);
    ck_assert_uint_eq(exchange(VERB_PUT, "/v1/i/a", all, -1, "!", 1, 5, text), 400);
    ck_assert_uint_eq(n_aborted, 2);
    ck_assert_uint_eq(exchange(VERB_PUT, "/v1/i/no", all, -1, "x", 1, 5, text), 403);
    ck_assert_uint_eq(n_aborted, 2); /* it was never opened */
    ck_assert_uint_eq(n_ended, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("request");
    TCase *t = tcase_create("plain");
    SRunner *r;
    int failed;

    tcase_add_test(t, targets_are_split_strictly);
    tcase_add_test(t, numbers_have_a_range_and_no_rest);
    tcase_add_test(t, documents_hold_known_members_of_their_kind);
    tcase_add_test(t, a_problem_says_rule_source_and_advice);
    tcase_add_test(t, each_code_has_its_status);
    tcase_add_test(t, routes_match_by_segments);
    tcase_add_test(t, a_role_is_needed_and_its_lack_is_told);
    tcase_add_test(t, bodies_stay_below_their_cap);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
