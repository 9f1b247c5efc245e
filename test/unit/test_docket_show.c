/* SPDX-License-Identifier: MIT */
#include "docket_show.h"
#include "incident_kit.h"
#include "ledger.h"
#include "requests.h"

static json_t *story;

static void begin(void)
{
    incident_kit_begin();
    story = NULL;
}

static void end(void)
{
    json_decref(story);
    incident_kit_end();
}

static void show(const char *id)
{
    json_decref(story);
    story = NULL;
    OK(docket_show(store, id, &story, &e));
}

/* The k-th of a list of the story; and a text in it. */
static const json_t *nth(const char *list, size_t k)
{
    return json_array_get(json_object_get(story, list), k);
}

static const char *text(const json_t *of, const char *name)
{
    const char *t = json_string_value(json_object_get(of, name));

    return t != NULL ? t : "(none)";
}

static size_t many(const char *list)
{
    const json_t *a = json_object_get(story, list);

    ck_assert(json_is_array(a));
    return json_array_size(a);
}

static int64_t number_in(const json_t *of, const char *name)
{
    return json_integer_value(json_object_get(of, name));
}

START_TEST(an_incident_that_just_began_is_told_whole)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    show("I-1");
    ck_assert_str_eq(text(story, "id"), "I-1");
    ck_assert_str_eq(text(story, "title"), "A key in other hands");
    ck_assert_str_eq(text(story, "state"), incident_state(inc.state)->name);
    ck_assert_str_eq(text(story, "about"), incident_state(inc.state)->sentence);
    ck_assert_str_eq(text(story, "opened"), "2026-11-24T13:00:00.000000Z");
    ck_assert(json_is_null(json_object_get(story, "closed")));
    ck_assert(json_is_null(json_object_get(story, "roster")));
    ck_assert_uint_eq(many("events"), 1);
    ck_assert_str_eq(text(nth("events", 0), "event"), "notify");
    ck_assert_str_eq(text(json_object_get(nth("events", 0), "evidence"), "notice"),
                     "by telephone");
    ck_assert_uint_gt(many("next"), 0);
    ck_assert_uint_eq(many("rosters") + many("decisions") + many("batches") +
                          many("children") + many("files") + many("refusals"),
                      0);
    ck_assert_int_eq(number_in(story, "devices"), 0);
    json_decref(story);
    REFUSED(docket_show(store, "I-9", &story, &e), "incident.none");
}
END_TEST

START_TEST(events_come_in_order_with_the_rule_behind_each)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    confirm();
    show("I-1");
    ck_assert_uint_eq(many("events"), 2);
    ck_assert_str_eq(text(nth("events", 1), "event"), "confirm");
    ck_assert_str_eq(text(nth("events", 1), "from"), text(nth("events", 0), "to"));
    ck_assert_str_eq(text(nth("events", 1), "source"), move.row->source);
    ck_assert_str_eq(text(nth("events", 1), "by"), "uid 1000");
    ck_assert(json_is_true(
        json_object_get(json_object_get(story, "declared"), "notifier_authenticated")));
}
END_TEST

START_TEST(the_last_roster_is_the_one_in_use)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    put_roster("I-1", 0, 3);
    put_roster("I-1", 0, 5);
    show("I-1");
    ck_assert_uint_eq(many("rosters"), 2);
    ck_assert_int_eq(number_in(json_object_get(story, "roster"), "version"), 2);
    ck_assert_int_eq(number_in(story, "devices"), 5);
}
END_TEST

static int64_t put_batch(const char *incident, const char *decision)
{
    struct batch b = {.n_rows = 5, .state = BATCH_QUEUED, .asked_us = NOW};

    (void)strcpy(b.incident, incident);
    (void)strcpy(b.key, "recovery");
    (void)strcpy(b.asked_by, "uid 1000");
    b.decision =
        digest_of(span_of(decision, strlen(decision)), span_of(incident, strlen(incident)));
    OK(queue_put(store, &b, (struct span){NULL, 0}, span_of("pem", 3), &e));
    return b.id;
}

START_TEST(a_batch_names_its_decision_and_a_decision_who_was_counted)
{
    struct authority a = {.outcome = AUTHORITY_AUTHORISE, .id = "D-1", .incident = "I-1"};
    static const char json[] =
        "{\"kind\":\"decision\",\"method\":\"M3\",\"reasons\":\"so\"}";
    int64_t second;
    const json_t *failed;

    open_incident("I-1", ROUTE_UNDECIDED);
    open_incident("I-2", ROUTE_UNDECIDED);
    a.digest = digest_of(span_of("D-1", 3), span_of("I-1", 3));
    OK(docket_put_decision(&docket, &a, span_of("cms", 3), span_of(json, strlen(json)),
                           "[{\"holder\":\"M1\",\"counted\":true},"
                           "{\"holder\":\"M2\",\"counted\":false}]",
                           "uid 1000", &e));
    (void)put_batch("I-1", "D-1");
    second = put_batch("I-1", "D-0");
    OK(queue_progress(store, second, 4, 1, &e));
    OK(ledger_fail(store, second, 2, 2, "row.status", "row 2: it was suspended", &e));
    OK(queue_counted(store, second,
                     &(struct proto_count){.used = 4, .allowed = 10, .lost = 3}, &e));
    (void)put_batch("I-2", "D-1");
    show("I-1");
    ck_assert_ptr_null(json_object_get(nth("batches", 0), "commands_used"));
    ck_assert_int_eq(number_in(nth("batches", 1), "commands_used"), 4);
    ck_assert_int_eq(number_in(nth("batches", 1), "commands_allowed"), 10);
    ck_assert_int_eq(number_in(nth("batches", 1), "commands_lost"), 3);
    ck_assert_ptr_null(json_object_get(nth("batches", 0), "failed_rows"));
    failed = json_array_get(json_object_get(nth("batches", 1), "failed_rows"), 0);
    ck_assert_str_eq(text(failed, "rule"), "row.status");
    ck_assert_int_eq(number_in(failed, "rows"), 1);
    ck_assert_str_eq(text(failed, "reason"), "row 2: it was suspended");
    ck_assert_uint_eq(many("batches"), 2);
    ck_assert_str_eq(text(nth("batches", 0), "decision"), "D-1");
    ck_assert_str_eq(text(nth("batches", 1), "decision"), "(none)");
    ck_assert_int_eq(number_in(story, "signed"), 4);
    ck_assert_uint_eq(many("decisions"), 1);
    ck_assert_str_eq(text(nth("decisions", 0), "method"), "M3");
    ck_assert_str_eq(text(nth("decisions", 0), "reasons"), "so");
    ck_assert_uint_eq(json_array_size(json_object_get(nth("decisions", 0), "holders")), 1);
    ck_assert_str_eq(json_string_value(json_array_get(
                         json_object_get(nth("decisions", 0), "holders"), 0)),
                     "M1");
}
END_TEST

START_TEST(children_and_successes_are_counted)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    open_incident("I-2", ROUTE_UNDECIDED);
    OK(store_run(store, &e, "UPDATE incident SET parent = 'I-1' WHERE id = 'I-2'", ""));
    for (uint32_t row = 0; row < 3; row++)
        OK(store_run(store, &e,
                     "INSERT INTO outcome (incident, device, type, state, list, batch,"
                     " counter, attempts, retry, at_us, held, cells)"
                     " VALUES ('I-1', ?1, 'ESME', ?2, 1, 1, 1, 1, 0, 1, '', '{}')",
                     "bt", span_of(kit_device(row)->b, 8),
                     row == 0 ? "failed" : "success"));
    show("I-1");
    ck_assert_uint_eq(many("children"), 1);
    ck_assert_str_eq(text(nth("children", 0), "id"), "I-2");
    ck_assert_int_eq(number_in(story, "recovered"), 2);
    ck_assert_int_eq(number_in(json_object_get(story, "by_key"), "recovery"), 2);
    ck_assert_ptr_null(json_object_get(json_object_get(story, "by_key"), "own"));
    for (int64_t n = 1; n < 4; n++) /* what the party's own key did, by its files */
        OK(store_run(store, &e,
                     "INSERT INTO file_row (incident, device, state, code) VALUES ('I-1',"
                     " ?1, ?2, 0)",
                     "bt", span_of(&n, 8), n == 1 ? "failed" : "success"));
    show("I-1");
    ck_assert_int_eq(number_in(json_object_get(story, "by_key"), "own"), 2);
    ck_assert_int_eq(number_in(json_object_get(story, "by_key"), "recovery"), 2);
    set_state("I-1", "contingency", "EXECUTING");
    show("I-1");
    ck_assert_int_eq(number_in(json_object_get(story, "by_key"), "contingency"), 2);
    show("I-2");
    ck_assert_int_eq(number_in(story, "recovered"), 0);
}
END_TEST

START_TEST(a_parent_has_the_totals_of_its_children)
{
    struct docket_show_totals t;

    open_incident("P", ROUTE_SHARED_EVENT);
    for (int64_t i = 1; i < 4; i++) {
        char id[8];

        (void)snprintf(id, sizeof id, "I-%d", (int)i);
        open_incident(id, ROUTE_UNDECIDED);
        put_roster(id, (uint32_t)(100 * i), 50);
        put_roster(id, (uint32_t)(100 * i), (uint32_t)(10 * i)); /* the latest counts */
        OK(store_run(store, &e,
                     "INSERT INTO outcome (incident, device, type, state, list, batch,"
                     " counter, attempts, retry, at_us, held, cells)"
                     " VALUES (?1, x'00DB000000000000', 'ESME', ?2, 1, 1, 1, 1, 0, 1, '',"
                     " '{}')",
                     "tt", id, i == 1 ? "failed" : "success"));
    }
    OK(store_run(store, &e, "UPDATE incident SET parent = 'P' WHERE id IN ('I-1', 'I-2')",
                 ""));
    set_state("I-2", "undecided", "CLOSED");
    OK(docket_show_totals(store, "P", &t, &e));
    ck_assert_int_eq(t.children, 2);
    ck_assert_int_eq(t.children_open, 1);
    ck_assert_int_eq(t.devices, 30);
    ck_assert_int_eq(t.states[OUTCOME_SUCCESS], 1);
    ck_assert_int_eq(t.states[OUTCOME_FAILED], 1);
    show("P");
    ck_assert_int_eq(number_in(story, "devices"), 30);
    ck_assert_int_eq(number_in(story, "recovered"), 1);
    show("I-3");
    ck_assert_int_eq(number_in(story, "devices"), 30);
    OK(docket_show_totals(store, "I-3", &t, &e));
    ck_assert_int_eq(t.children, 0);
}
END_TEST

START_TEST(what_was_refused_is_told_with_its_source)
{
    struct err why;
    struct requests_refusal r = {.incident = "I-1",
                                 .who = "uid 7",
                                 .verb = "POST",
                                 .path = "/v1/batches",
                                 .why = &why};

    open_incident("I-1", ROUTE_UNDECIDED);
    (void)err_set(&why, ERR_DENIED, "decision.window", "it is over");
    OK(requests_refused(store, &r, NOW, &e));
    r.incident = "I-2";
    OK(requests_refused(store, &r, NOW, &e));
    show("I-1");
    ck_assert_uint_eq(many("refusals"), 1);
    ck_assert_str_eq(text(nth("refusals", 0), "rule"), "decision.window");
    ck_assert_str_eq(text(nth("refusals", 0), "source"), "SEC L10.9");
    ck_assert_str_eq(text(nth("refusals", 0), "why"), "it is over");
    ck_assert_str_eq(text(nth("refusals", 0), "by"), "uid 7");
    ck_assert_str_eq(text(nth("refusals", 0), "request"), "/v1/batches");
}
END_TEST

START_TEST(the_list_has_every_incident_with_its_figures)
{
    struct docket_show_page page = {.limit = 2};

    open_incident("I-2", ROUTE_UNDECIDED);
    docket.now_us++;
    open_incident("I-1", ROUTE_UNDECIDED);
    put_roster("I-1", 0, 4);
    OK(docket_show_all(store, &page, &story, &e));
    ck_assert_str_eq(page.next, "");
    ck_assert_uint_eq(json_array_size(story), 2);
    ck_assert_str_eq(text(json_array_get(story, 0), "id"), "I-2"); /* the oldest first */
    ck_assert_int_eq(number_in(json_array_get(story, 1), "devices"), 4);
    ck_assert_int_eq(number_in(json_array_get(story, 0), "devices"), 0);
}
END_TEST

/* Walk a list in pages of that size: how often was each of the entries 1..n there? */
static void walk(const char *name, const char *member, uint32_t limit, size_t n)
{
    struct docket_show_page page = {.limit = limit};
    size_t seen = 0;
    json_t *list, *one;
    size_t i;

    for (;;) {
        OK(name == NULL ? docket_show_all(store, &page, &list, &e)
                        : docket_show_part(store, "I-1", name, &page, &list, &e));
        ck_assert_uint_eq(json_array_size(list), page.n);
        ck_assert_uint_le(page.n, limit);
        json_array_foreach(list, i, one)
        {
            char want[40];

            seen++;
            (void)snprintf(want, sizeof want, "%s%zu", name == NULL ? "I-" : "why ", seen);
            ck_assert_str_eq(text(one, member), want);
        }
        json_decref(list);
        if (page.next[0] == '\0')
            break;
        ck_assert_uint_eq(page.n, limit);
        (void)strcpy(page.from, page.next);
        page.next[0] = '\0';
        page.n = 0;
    }
    ck_assert_uint_eq(seen, n);
}

START_TEST(lists_come_in_pages_that_neither_miss_nor_repeat)
{
    static const uint32_t limits[] = {1, 2, 3, 6, 7, 100};
    struct docket_show_page page = {.from = "I-9", .limit = 1};
    struct err why;
    struct requests_refusal r = {
        .incident = "I-1", .who = "uid 7", .verb = "POST", .path = "/v1/x", .why = &why};
    char id[8];

    for (int i = 1; i <= 6; i++) {
        (void)snprintf(id, sizeof id, "I-%d", i);
        open_incident(id, ROUTE_UNDECIDED);
        (void)err_set(&why, ERR_DENIED, "decision.window", "why %d", i);
        OK(requests_refused(store, &r, NOW, &e));
    }
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
        walk(NULL, "id", limits[k], 6);
        walk("refusals", "why", limits[k], 6);
    }
    REFUSED(docket_show_all(store, &page, &story, &e), "request.query");
    REFUSED(docket_show_part(store, "I-1", "refusals", &page, &story, &e), "request.query");
    page.from[0] = '\0';
    REFUSED(docket_show_part(store, "I-1", "secrets", &page, &story, &e), "request.path");
    REFUSED(docket_show_part(store, "I-9", "refusals", &page, &story, &e), "incident.none");
}
END_TEST

START_TEST(a_story_has_the_first_page_of_each_list_and_says_what_goes_on)
{
    struct docket_show_page page = {.limit = 1};
    json_t *list;

    open_incident("I-1", ROUTE_UNDECIDED);
    put_roster("I-1", 0, 3);
    for (int i = 0; i < DOCKET_SHOW_PAGE; i++)
        (void)put_batch("I-1", "D-1");
    show("I-1");
    ck_assert_uint_eq(many("batches"), DOCKET_SHOW_PAGE);
    ck_assert_uint_eq(json_object_size(json_object_get(story, "more")), 0);
    (void)put_batch("I-1", "D-1");
    for (uint32_t i = 0; i < DOCKET_SHOW_PAGE; i++)
        put_roster("I-1", i, 4);
    show("I-1");
    ck_assert_uint_eq(many("batches"), DOCKET_SHOW_PAGE);
    ck_assert_uint_eq(many("rosters"), DOCKET_SHOW_PAGE);
    ck_assert_uint_eq(json_object_size(json_object_get(story, "more")), 2);
    ck_assert_int_eq(number_in(json_object_get(story, "roster"), "version"),
                     DOCKET_SHOW_PAGE + 1); /* the latest, which is on no page here */
    (void)strcpy(page.from, text(json_object_get(story, "more"), "batches"));
    OK(docket_show_part(store, "I-1", "batches", &page, &list, &e));
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_int_eq(number_in(json_array_get(list, 0), "id"), DOCKET_SHOW_PAGE + 1);
    ck_assert_str_eq(page.next, "");
    json_decref(list);
}
END_TEST

START_TEST(a_document_is_shown_with_its_signers)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE, "{\"kind\":\"decision\"}");
    OK(docket_show_decision(store, "I-1", "D-1", &story, &e));
    ck_assert_str_eq(text(story, "outcome"), "authorise");
    ck_assert_str_eq(text(story, "state"), "live");
    ck_assert_str_eq(text(story, "at"), "2026-11-24T13:00:00.000000Z");
    ck_assert_str_eq(text(json_object_get(story, "document"), "kind"), "decision");
    ck_assert_str_eq(text(json_array_get(json_object_get(story, "signers"), 0), "holder"),
                     "M1");
    json_decref(story);
    REFUSED(docket_show_decision(store, "I-2", "D-1", &story, &e), "decision.none");
    ck_assert_ptr_null(story);
}
END_TEST

KIT_MAIN("docket_show", begin, end, an_incident_that_just_began_is_told_whole,
         events_come_in_order_with_the_rule_behind_each, the_last_roster_is_the_one_in_use,
         a_batch_names_its_decision_and_a_decision_who_was_counted,
         children_and_successes_are_counted, a_parent_has_the_totals_of_its_children,
         what_was_refused_is_told_with_its_source,
         the_list_has_every_incident_with_its_figures,
         lists_come_in_pages_that_neither_miss_nor_repeat,
         a_story_has_the_first_page_of_each_list_and_says_what_goes_on,
         a_document_is_shown_with_its_signers)
