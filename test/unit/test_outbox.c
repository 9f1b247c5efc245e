/* SPDX-License-Identifier: MIT */
#include "core_kit.h"
#include "outbox.h"

#include <jansson.h>

#include <dirent.h>
#include <sys/stat.h>

static struct config config;

static void of(struct docket_incident i, enum event event, int64_t n)
{
    struct docket d = {
        .store = store, .config = &config, .now_us = INT64_C(1795611600000000)};
    struct outbox_step step = {.incident = &i,
                               .event = event,
                               .state = STATE_WITH_PMA,
                               .since_us = d.now_us,
                               .n = n};

    OK(outbox_queue(&d, &step, &e));
}

static struct docket_incident matter(void)
{
    return (struct docket_incident){.id = "I-2026-0001",
                                    .title = "keys exposed",
                                    .subscriber = "90B3D51F30020001",
                                    .initiator = ACTOR_SUBSCRIBER,
                                    .route = ROUTE_METHOD_3,
                                    .exercise = true};
}

static void put(enum event event, int64_t n)
{
    of(matter(), event, n);
}

/* What the notice to that recipient says: the whole body; the caller's. */
static json_t *body_to(enum notice_to to)
{
    struct span text = {NULL, 0};
    json_t *body;

    OK(store_each(store, store_take_blob, &text, &e,
                  "SELECT CAST(body AS BLOB) FROM notice WHERE recipient = ?1"
                  " ORDER BY n DESC LIMIT 1",
                  "i", (int64_t)to));
    if (text.at == NULL)
        return NULL;
    body = json_loadb((const char *)text.at, text.len, 0, NULL);
    free((void *)(uintptr_t)text.at);
    return body;
}

static void says(const json_t *body, const char *words)
{
    const char *text = json_string_value(json_object_get(body, "text"));

    ck_assert_ptr_nonnull(text);
    ck_assert_msg(strstr(text, words) != NULL, "\"%s\" does not say %s", text, words);
}

static int64_t queued(void)
{
    int64_t n = 0;
    bool found;

    OK(store_number(store, &n, &found, &e, "SELECT count(*) FROM notice", ""));
    return n;
}

/* Files in the outbox; one whose name starts with a dot is half a notice. */
static unsigned files(const char *part)
{
    DIR *d = opendir(kit_path("outbox"));
    const struct dirent *one;
    unsigned n = 0;

    ck_assert_ptr_nonnull(d);
    while ((one = readdir(d)) != NULL)
        n += one->d_name[0] != '.' && strstr(one->d_name, part) != NULL;
    (void)closedir(d);
    return n;
}

START_TEST(a_step_tells_those_it_concerns)
{
    ck_assert_int_eq(mkdir(kit_path("outbox"), 0700), 0);
    put(EVENT_CLOSE, 7);
    ck_assert_int_eq(queued(), 4);
    ck_assert_uint_eq(files(""), 0);
    OK(outbox_flush(store, kit_path("outbox"), &e));
    ck_assert_int_eq(queued(), 0);
    ck_assert_uint_eq(files(""), 4);
    ck_assert_uint_eq(files("-pma-e7.json"), 1);
    ck_assert_uint_eq(files("-subscriber-e7.json"), 1);
}
END_TEST

START_TEST(a_step_that_concerns_nobody_outside_tells_nobody)
{
    put(EVENT_DEVICES_SUSPENDED, 9);
    put(EVENT_EXECUTE, 10);
    ck_assert_int_eq(queued(), 0);
}
END_TEST

START_TEST(a_notice_that_cannot_be_written_stays_queued)
{
    put(EVENT_REFER_TO_PMA, 3);
    REFUSED(outbox_flush(store, kit_path("outbox"), &e), "notice.write");
    ck_assert_int_eq(queued(), 1);
    ck_assert_int_eq(mkdir(kit_path("outbox"), 0700), 0);
    OK(outbox_flush(store, kit_path("outbox"), &e));
    ck_assert_int_eq(queued(), 0);
    ck_assert_uint_eq(files("-pma-e3.json"), 1);
}
END_TEST

/* Written, but the crash came before it left the queue: it is there once all the same. */
START_TEST(a_notice_is_not_written_twice)
{
    ck_assert_int_eq(mkdir(kit_path("outbox"), 0700), 0);
    put(EVENT_REFER_TO_PMA, 3);
    OK(outbox_flush(store, kit_path("outbox"), &e));
    put(EVENT_REFER_TO_PMA, 3);
    OK(outbox_flush(store, kit_path("outbox"), &e));
    ck_assert_uint_eq(files(""), 1);
}
END_TEST

START_TEST(a_step_that_is_rolled_back_tells_nobody)
{
    OK(store_begin(store, &e));
    put(EVENT_CLOSE, 7);
    store_rollback(store);
    ck_assert_int_eq(queued(), 0);
}
END_TEST

/* A provider, Ofgem and a supplier of last resort hear of what they have a part in. */
START_TEST(a_role_is_told_where_the_incident_has_one)
{
    struct docket_incident i = matter();

    of(i, EVENT_AUTHORISE_METHOD_3, 1);
    ck_assert_ptr_null(body_to(NOTICE_SRP));
    ck_assert_ptr_null(body_to(NOTICE_OFGEM));
    ck_assert_ptr_null(body_to(NOTICE_SOLR));
    i.initiator = ACTOR_OFGEM;
    strcpy(i.replacement, "90B3D51F30020002");
    of(i, EVENT_AUTHORISE_METHOD_3, 2);
    json_decref(body_to(NOTICE_OFGEM));
    ck_assert_int_eq(number("SELECT count(*) FROM notice WHERE id = 'e2'"), 6);
    OK(store_run(store, &e,
                 "INSERT INTO incident VALUES ('I-P', 't', 'shared-event', 's', 'srp', '',"
                 " '', '', 0, 1, 1, 0, '{}')",
                 ""));
    strcpy(i.parent, "I-P");
    of(i, EVENT_AUTHORISE_METHOD_3, 3);
    ck_assert_int_eq(number("SELECT count(*) FROM notice WHERE id = 'e3'"), 7);
    of(i, EVENT_CALL_CUSTODIANS, 4);
    ck_assert_int_eq(number("SELECT recipient FROM notice WHERE id = 'e4'"),
                     NOTICE_CUSTODIANS);
}
END_TEST

START_TEST(a_notice_says_which_rule_has_it_sent)
{
    json_t *body;

    put(EVENT_REFER_TO_PMA, 3);
    body = body_to(NOTICE_PMA);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(body, "because"), "certainty")),
        "CONFIRMED");
    says(body, "Told because of: SEC Appendix L 4.2.1.3 (CONFIRMED)\n");
    says(body, "EXERCISE\nIncident: I-2026-0001\n");
    json_decref(body);
}
END_TEST

/* Names and addresses; events beyond the table; nobody is taken out of it. */
START_TEST(configuration_names_recipients_and_tells_them_more)
{
    static const char text[] = "[Recipient \"ssc\"]\nName=Security Sub-Committee\n"
                               "Address=mailto:ssc@example.org\nEvents=notify confirm\n"
                               "[Recipient \"pma\"]\nName=PMA\nEvents=all\n";
    static struct config c;
    json_t *body;

    config_defaults(&c);
    OK(config_parse(span_of(text, sizeof text - 1), "recovery.conf", &c, &e));
    OK(outbox_check(&c, &e));
    config = c;
    put(EVENT_NOTIFY, 1);
    body = body_to(NOTICE_SSC);
    says(body, "To: Security Sub-Committee\nAddress: mailto:ssc@example.org\n");
    says(body, "Told because of: configuration: Events= (choice)\n");
    json_decref(body);
    put(EVENT_REFER_TO_PMA, 2);
    ck_assert_int_eq(number("SELECT count(*) FROM notice WHERE id = 'e2'"), 1);
    put(EVENT_DEVICES_SUSPENDED, 3); /* all */
    ck_assert_int_eq(number("SELECT recipient FROM notice WHERE id = 'e3'"), NOTICE_PMA);
    config_defaults(&config);
}
END_TEST

START_TEST(a_recipient_that_is_none_is_refused)
{
    static const struct {
        const char *text, *words;
    } cases[] = {{"[Recipient \"scc\"]\nName=x\n", "There are dcc, pma, parties"},
                 {"[Recipient \"ssc\"]\nEvents=confirmed\n", "\"confirmed\" is no event"}};
    static struct config c;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        config_defaults(&c);
        OK(config_parse(span_of(cases[i].text, strlen(cases[i].text)), "recovery.conf", &c,
                        &e));
        REFUSED_SAYING(outbox_check(&c, &e), "config.recipient", cases[i].words);
    }
}
END_TEST

/* What stands on file about the incident, as JSON and in words. */
START_TEST(a_notice_carries_what_it_is_about)
{
    static const char decision[] =
        "{\"kind\":\"decision\",\"outcome\":\"authorise\",\"valid_to\":"
        "\"2026-12-24T12:00:00Z\",\"compromised\":[{\"cell\":\"supplier-ds\","
        "\"certainty\":\"actual\",\"cause\":\"exposed\"}]}";
    json_t *body;
    json_t *facts;
    json_int_t devices = 0, success = 0, unanswered = 0;
    const char *due = "";

    config_defaults(&config);
    config.service.decision_alarm_s = 3600;
    OK(store_run(store, &e,
                 "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us,"
                 " devices, types) VALUES ('I-2026-0001', 1, zeroblob(32), 3,"
                 " '{\"ESME\":3}', 1, 3, '{\"ESME\":3}')",
                 ""));
    OK(store_run(store, &e,
                 "INSERT INTO outcome VALUES ('I-2026-0001', x'00DB000000000001', 'ESME',"
                 " 'success', 1, 1, 7, 1, 0, 1, '', '{}')",
                 ""));
    OK(store_run(store, &e,
                 "INSERT INTO decision VALUES (zeroblob(32), 'D-1', 'I-2026-0001',"
                 " 'authorise', 'live', '', 'recovery', x'', ?1, '[]', 1, 'uid 1')",
                 "t", decision));
    OK(store_run(store, &e,
                 "INSERT INTO key_entry (incident, what, cell, subject, source, at_us)"
                 " VALUES ('I-2026-0001', 'compromised', 'supplier-ds', 'CN=old',"
                 " 'decision D-1', 1)",
                 ""));
    OK(store_run(store, &e,
                 "INSERT INTO batch (incident, decision, key, originator, roster, certs,"
                 " rows, signed, failed, state, reason, asked_us, asked_by) VALUES"
                 " ('I-2026-0001', zeroblob(32), 'recovery', x'', x'', x'', 3, 2, 0,"
                 " 'stopped', 'the window closed', 1, 'uid 1')",
                 ""));
    put(EVENT_EXPIRE, 5);
    body = body_to(NOTICE_PMA);
    facts = json_object_get(body, "facts");
    ck_assert_int_eq(json_unpack(facts, "{s:{s:{s:I,s:I,s:I}},s:[{s:s}]}", "devices",
                                 "ESME", "devices", &devices, "success", &success,
                                 "unanswered", &unanswered, "deadlines", "at", &due),
                     0);
    ck_assert_int_eq(devices, 3);
    ck_assert_int_eq(success, 1);
    ck_assert_int_eq(unanswered, 2);
    ck_assert_str_eq(due, "2026-11-25T14:00:00.000000Z");
    says(body, "List: version 1, 3 devices, SHA-256 00000000");
    says(body, "  ESME: 3 devices, 1 success, 2 unanswered\n");
    says(body, "Commands: 2 signed, 0 failed\n"
               "  batch 1: 2 of 3 signed, stopped (the window closed)\n");
    says(body, "Cause:\n  supplier-ds: exposed, actual\n");
    says(body, "Certificate compromised: supplier-ds, CN=old (decision D-1)\n");
    says(body, "Due 2026-12-24T12:00:00Z: window of D-1\n");
    json_decref(body);
}
END_TEST

KIT_MAIN("outbox", kit_begin_store, kit_end, a_step_tells_those_it_concerns,
         a_step_that_concerns_nobody_outside_tells_nobody,
         a_notice_that_cannot_be_written_stays_queued, a_notice_is_not_written_twice,
         a_step_that_is_rolled_back_tells_nobody, a_role_is_told_where_the_incident_has_one,
         a_notice_says_which_rule_has_it_sent,
         configuration_names_recipients_and_tells_them_more,
         a_recipient_that_is_none_is_refused, a_notice_carries_what_it_is_about)
