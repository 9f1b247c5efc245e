/* SPDX-License-Identifier: MIT */
#include "audit.h"
#include "core_kit.h"
#include "requests.h"

static struct requests_answer got;
static bool known;

static void setup(void)
{
    kit_begin_store();
    memset(&got, 0, sizeof got);
    known = false;
}

static void teardown(void)
{
    free((void *)(uintptr_t)got.body.at);
    kit_end();
}

static struct digest what(const char *request)
{
    return digest_of(span_of(request, strlen(request)), (struct span){NULL, 0});
}

static bool keep(int64_t uid, const char *id, const char *request, const char *body)
{
    struct requests_answer a = {.status = 201, .type = "application/json"};
    struct digest d = what(request);

    if (body != NULL)
        a.body = span_of(body, strlen(body));
    return requests_keep(store, uid, id, &d, &a, 7, &e);
}

static bool find(int64_t uid, const char *id, const char *request)
{
    struct digest d = what(request);

    free((void *)(uintptr_t)got.body.at);
    memset(&got, 0, sizeof got);
    return requests_find(store, uid, id, &d, &got, &known, &e);
}

START_TEST(an_id_asked_again_gets_its_answer_octet_for_octet)
{
    OK(find(1000, "k", "POST /a"));
    ck_assert(!known && got.body.at == NULL);
    OK(keep(1000, "k", "POST /a", "{\"n\":1}"));
    kit_reopen_store(); /* it outlives the service */
    OK(find(1000, "k", "POST /a"));
    ck_assert(known);
    ck_assert_uint_eq(got.status, 201);
    ck_assert_str_eq(got.type, "application/json");
    ck_assert_uint_eq(got.body.len, 7);
    ck_assert_mem_eq(got.body.at, "{\"n\":1}", 7);
}
END_TEST

START_TEST(an_answer_without_a_body_has_none_again)
{
    OK(keep(1000, "k", "POST /a", NULL));
    OK(find(1000, "k", "POST /a"));
    ck_assert(known && got.body.at != NULL);
    ck_assert_uint_eq(got.body.len, 0);
}
END_TEST

START_TEST(an_id_stands_for_one_request)
{
    OK(keep(1000, "k", "POST /a", "x"));
    REFUSED(find(1000, "k", "POST /b"), "request.key-reused");
    ck_assert(!known && got.body.at == NULL);
    ck_assert_int_eq(e.code, ERR_INPUT);
    REFUSED(keep(1000, "k", "POST /b", "y"), "store.failed"); /* never two answers */
}
END_TEST

START_TEST(ids_of_two_users_are_two_ids)
{
    OK(keep(1000, "k", "POST /a", "of one"));
    OK(find(1001, "k", "POST /b"));
    ck_assert(!known);
    OK(keep(1001, "k", "POST /b", "of two"));
    OK(find(1000, "k", "POST /a"));
    ck_assert_mem_eq(got.body.at, "of one", 6);
}
END_TEST

/* What so many answers would be, without writing each through the door. */
static void fill(int64_t uid, int64_t n, int64_t at_us)
{
    OK(store_run(
        store, &e,
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?2)"
        " INSERT INTO request (uid, key, what, status, type, body, at_us)"
        " SELECT ?1, ?3 || i, x'00', 200, '', x'', ?3 FROM c",
        "iii", uid, n, at_us));
}

START_TEST(answers_of_a_user_are_few)
{
    struct requests_answer a = {.status = 201, .type = "application/json"};
    struct digest d = what("POST /a");
    int64_t now = REQUESTS_AGE_US + 5;

    fill(1000, REQUESTS_MAX - 1, 6);
    OK(requests_keep(store, 1000, "last", &d, &a, now, &e));
    REFUSED(requests_keep(store, 1000, "one-more", &d, &a, now, &e), "request.key-quota");
    ck_assert_int_eq(e.code, ERR_BUSY);
    OK(requests_keep(store, 1001, "of-another", &d, &a, now, &e));
    OK(requests_keep(store, 1000, "a-day-later", &d, &a, now + 1, &e));
    OK(find(1000, "last", "POST /a"));
    ck_assert(known); /* what is younger than a day stays */
}
END_TEST

START_TEST(a_step_undone_leaves_no_answer)
{
    OK(store_begin(store, &e));
    OK(keep(1000, "k", "POST /a", "x"));
    store_rollback(store);
    OK(find(1000, "k", "POST /a"));
    ck_assert(!known);
}
END_TEST

START_TEST(a_refusal_is_on_record_with_its_incident)
{
    struct err why;
    struct requests_refusal r = {.incident = "I-1",
                                 .who = "uid 1000",
                                 .verb = "POST",
                                 .path = "/v1/batches",
                                 .why = &why,
                                 .signers = json_pack("[{s:s}]", "holder", "Ann")};
    char *text;
    size_t len;
    int64_t next, n = 0;
    bool found;

    (void)err_set(&why, ERR_DENIED, "batch.state", "batch 1 is done");
    OK(store_begin(store, &e));
    OK(requests_refused(store, &r, 1795525200000000, &e));
    OK(store_commit(store, &e));
    OK(audit_lines(store, 0, 10, &text, &len, &next, &e));
    ck_assert_ptr_nonnull(strstr(text, "\"REFUSED\""));
    ck_assert_ptr_nonnull(strstr(text, "\"rule\":\"batch.state\""));
    ck_assert_ptr_nonnull(strstr(text, "\"text\":\"batch 1 is done\""));
    ck_assert_ptr_nonnull(strstr(text, "\"request\":\"/v1/batches\""));
    ck_assert_ptr_nonnull(strstr(text, "\"method\":\"POST\""));
    ck_assert_ptr_nonnull(strstr(text, "\"signers\":[{\"holder\":\"Ann\"}]"));
    free(text);
    json_decref(r.signers);
    OK(store_number(store, &n, &found, &e,
                    "SELECT count(*) FROM refused JOIN audit USING (seq)"
                    " WHERE incident = 'I-1'",
                    ""));
    ck_assert_int_eq(n, 1);
}
END_TEST

KIT_MAIN("requests", setup, teardown, an_id_asked_again_gets_its_answer_octet_for_octet,
         an_answer_without_a_body_has_none_again, an_id_stands_for_one_request,
         ids_of_two_users_are_two_ids, answers_of_a_user_are_few,
         a_step_undone_leaves_no_answer, a_refusal_is_on_record_with_its_incident)
