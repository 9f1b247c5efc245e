/* SPDX-License-Identifier: MIT
 *
 * What was handed in and waits for its use: whose it is, how much, what takes it off the
 * list, and what a record of the audit chain keeps.
 */
#include "incident_kit.h"
#include "partyfile.h"
#include "requests.h"
#include "uploads.h"

static struct uploads_sum sum;

static struct digest named(const char *what)
{
    return digest_of(span_of(what, strlen(what)), (struct span){NULL, 0});
}

static void put(const char *what, int64_t uid, int64_t octets, int64_t at_us)
{
    struct uploads_one u = {.kind = UPLOADS_FILE,
                            .sha256 = named(what),
                            .uid = uid,
                            .octets = octets,
                            .at_us = at_us};

    OK(uploads_put(store, &u, &e));
}

static struct uploads_sum sum_of(int64_t uid)
{
    OK(uploads_sum(store, uid, &sum, &e));
    return sum;
}

static bool waits(const char *what)
{
    struct digest d = named(what);
    bool known;

    OK(uploads_known(store, UPLOADS_FILE, &d, &known, &e));
    return known;
}

START_TEST(each_is_counted_for_its_user_and_for_all)
{
    ck_assert_int_eq(sum_of(7).n_all, 0);
    put("a", 7, 100, 1);
    put("b", 7, 20, 2);
    put("c", 8, 3, 3);
    ck_assert_int_eq(sum_of(7).n, 2);
    ck_assert_int_eq(sum.octets, 120);
    ck_assert_int_eq(sum.n_all, 3);
    ck_assert_int_eq(sum.octets_all, 123);
    ck_assert_int_eq(sum_of(9).n, 0);
    ck_assert_int_eq(sum.octets, 0);
    kit_reopen_store();
    ck_assert_int_eq(sum_of(7).octets, 120);
}
END_TEST

static bool first_of(void *arg, const struct uploads_one *u)
{
    *(struct uploads_one *)arg = *u;
    return false;
}

START_TEST(the_same_again_begins_its_time_anew_and_stays_whose_it_was)
{
    struct uploads_one first;
    struct digest b = named("b");

    put("a", 7, 100, 1);
    put("b", 7, 100, 2);
    put("a", 8, 100, 3);
    ck_assert_int_eq(sum_of(7).n, 2);
    ck_assert_int_eq(sum_of(8).n, 0);
    OK(uploads_each(store, first_of, &first, &e));
    ck_assert_int_eq(first.at_us, 2);
    ck_assert(digest_equal(&first.sha256, &b));
}
END_TEST

START_TEST(a_file_that_is_signed_waits_no_more_and_never_again)
{
    struct partyfile_header h = {.kind = PARTYFILE_ORGANISATION_NOTIFICATION};
    struct digest d = named("a");
    bool used;

    open_incident("I-1", ROUTE_UNDECIDED);
    put("a", 7, 100, 1);
    (void)strcpy(h.id, "F-1");
    OK(docket_put_file(&docket, "I-1", &h, &d, span_of("cms", 3), "uid 7", &e));
    ck_assert(!waits("a"));
    OK(uploads_used(store, UPLOADS_FILE, &d, &used, &e));
    ck_assert(used);
    OK(uploads_used(store, UPLOADS_ROSTER, &d, &used, &e));
    ck_assert(!used);
    put("a", 8, 100, 2);
    ck_assert(!waits("a"));
}
END_TEST

START_TEST(a_list_of_an_incident_or_a_batch_is_used)
{
    struct digest d = named("list");
    bool used;

    OK(store_run(store, &e,
                 "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us)"
                 " VALUES ('I-1', 1, ?1, 1, '{}', 1)",
                 "b", span_of(d.b, 32)));
    OK(uploads_used(store, UPLOADS_ROSTER, &d, &used, &e));
    ck_assert(used);
    OK(store_run(store, &e, "DELETE FROM roster", ""));
    OK(uploads_used(store, UPLOADS_ROSTER, &d, &used, &e));
    ck_assert(!used);
    OK(store_run(store, &e,
                 "INSERT INTO batch (incident, decision, key, originator, roster, certs,"
                 " rows, signed, failed, state, reason, asked_us, asked_by)"
                 " VALUES ('I-1', x'', '', x'', ?1, x'', 1, 0, 0, 'done', '', 1, '')",
                 "b", span_of(d.b, 32)));
    OK(uploads_used(store, UPLOADS_ROSTER, &d, &used, &e));
    ck_assert(used);
}
END_TEST

static bool note_named(void *arg, const struct uploads_one *u)
{
    *(bool *)arg = u->named;
    return true;
}

START_TEST(what_a_refusal_names_is_kept_and_counts_for_all_only)
{
    struct digest d = named("a");
    struct err why;
    char hex[HEX_LEN(32)], path[200];
    struct requests_refusal r = {
        .incident = "I-1", .who = "uid 7", .verb = "POST", .path = path, .why = &why};
    bool is = true;

    put("a", 7, 100, 1);
    (void)err_set(&why, ERR_DENIED, "file.chain", "nobody's");
    (void)snprintf(path, sizeof path, "/v1/incidents/I-1/files/%064d", 0);
    OK(requests_refused(store, &r, NOW, &e));
    OK(uploads_each(store, note_named, &is, &e));
    ck_assert(!is);
    OK(uploads_named(store, &d, &is, &e));
    ck_assert(!is);
    hex_encode(d.b, 32, hex); /* capitals: the path as it came */
    (void)snprintf(path, sizeof path, "/v1/incidents/I-1/files/%s", hex);
    OK(requests_refused(store, &r, NOW, &e));
    OK(uploads_each(store, note_named, &is, &e));
    ck_assert(is);
    OK(uploads_named(store, &d, &is, &e));
    ck_assert(is);
    ck_assert_int_eq(sum_of(7).n, 0);
    ck_assert_int_eq(sum.octets, 0);
    ck_assert_int_eq(sum.n_all, 0);
    ck_assert_int_eq(sum.octets_all, 100);
}
END_TEST

KIT_MAIN("uploads", incident_kit_begin, incident_kit_end,
         each_is_counted_for_its_user_and_for_all,
         the_same_again_begins_its_time_anew_and_stays_whose_it_was,
         a_file_that_is_signed_waits_no_more_and_never_again,
         a_list_of_an_incident_or_a_batch_is_used,
         what_a_refusal_names_is_kept_and_counts_for_all_only)
