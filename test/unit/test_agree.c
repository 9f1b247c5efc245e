/* SPDX-License-Identifier: MIT
 *
 * Documents, lists and notifications of an incident, held against each other.
 */
#include "agree.h"

#include "incident_kit.h"

#define A     "90B3D51F30010000"
#define B     "90B3D51F30020000"
#define FIRST "\"replacement_subscriber\":\"" B "\",\"appointment\":\"direction 7\""

static struct authority a;
static struct agree g;

static void begin(void)
{
    incident_kit_begin();
    docket.files_dir = kit_dir;
    open_incident("I-1", ROUTE_UNDECIDED);
    memset(&a, 0, sizeof a);
    (void)strcpy(a.incident, "I-1");
    (void)strcpy(a.id, "D-1");
    a.initiator = INITIATOR_DCC;
    a.method = METHOD_3;
    OK(eui64_parse(A, 16, &a.subscriber));
    a.replacement_subscriber = a.subscriber;
}

static void about(struct eui64 *who, const char *eui)
{
    ck_assert(eui64_parse(eui, 16, who));
}

/* --- parties --- */

START_TEST(a_document_is_about_the_subscriber_of_its_incident)
{
    static const enum authority_kind kinds[] = {KIND_DECISION, KIND_INSTRUCTION,
                                                KIND_ACTIVATION};

    OK(agree_parties(&inc, &a, &e));
    about(&a.subscriber, B);
    a.replacement_subscriber = a.subscriber;
    for (size_t k = 0; k < 3; k++)
        for (unsigned o = 0; o < AUTHORITY_OUTCOME_COUNT; o++) {
            a.kind = kinds[k];
            a.outcome = (enum authority_outcome)o;
            REFUSED(agree_parties(&inc, &a, &e), "decision.subscriber");
        }
    inc.subscriber[0] = '\0'; /* nobody is named: nothing to hold it against */
    OK(agree_parties(&inc, &a, &e));
}
END_TEST

START_TEST(a_document_that_names_nobody_agrees)
{
    memset(&a.subscriber, 0, sizeof a.subscriber);
    a.replacement_subscriber = a.subscriber;
    a.kind = KIND_ACTIVATION;
    OK(agree_parties(&inc, &a, &e));
}
END_TEST

START_TEST(who_asks_is_a_user_the_dcc_or_ofgem_as_the_incident_says)
{
    static const struct {
        enum actor notified;
        enum initiator asks;
        bool agree;
    } cases[] = {
        {ACTOR_SUBSCRIBER, INITIATOR_SUBSCRIBER, true},
        {ACTOR_SRP, INITIATOR_SUBSCRIBER, true},
        {ACTOR_RDP, INITIATOR_SUBSCRIBER, true},
        {ACTOR_SUBSCRIBER, INITIATOR_SRP, true},
        {ACTOR_OFGEM, INITIATOR_OFGEM, true},
        {ACTOR_DCC, INITIATOR_DCC, true},
        {ACTOR_SUBSCRIBER, INITIATOR_DCC, false},
        {ACTOR_SUBSCRIBER, INITIATOR_OFGEM, false},
        {ACTOR_DCC, INITIATOR_SUBSCRIBER, false},
        {ACTOR_DCC, INITIATOR_OFGEM, false},
        {ACTOR_OFGEM, INITIATOR_DCC, false},
        {ACTOR_OFGEM, INITIATOR_RDP, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        inc.initiator = cases[i].notified;
        a.initiator = cases[i].asks;
        if (cases[i].agree)
            OK(agree_parties(&inc, &a, &e));
        else
            REFUSED(agree_parties(&inc, &a, &e), "decision.initiator");
    }
    a.kind = KIND_INSTRUCTION; /* which has no such member */
    OK(agree_parties(&inc, &a, &e));
}
END_TEST

START_TEST(only_the_pma_names_who_takes_the_devices_over)
{
    a.kind = KIND_INSTRUCTION;
    a.method = METHOD_HANDBACK;
    OK(agree_parties(&inc, &a, &e));
    about(&a.replacement_subscriber, B);
    (void)strcpy(a.appointment, "direction 7");
    ck_assert(!docket_names(&inc, &a));
    REFUSED(agree_parties(&inc, &a, &e), "decision.replacement-subscriber");
    a.kind = KIND_DECISION;
    a.outcome = AUTHORITY_APPOINT;
    a.appointment[0] = '\0';
    ck_assert(!docket_names(&inc, &a));
    REFUSED(agree_parties(&inc, &a, &e), "decision.replacement-subscriber");
    (void)strcpy(a.appointment, "direction 7");
    OK(docket_appoint(&docket, &inc, &a, "uid 1000", &e));
    ck_assert_str_eq(inc.replacement, B);
    OK(agree_parties(&inc, &a, &e));
    reload("I-1");
    ck_assert_str_eq(inc.replacement, B);
}
END_TEST

START_TEST(after_that_nothing_goes_to_anybody_else)
{
    (void)strcpy(inc.replacement, B);
    REFUSED(agree_parties(&inc, &a, &e), "decision.replacement-subscriber");
    a.method = METHOD_2; /* places the ACB's */
    OK(agree_parties(&inc, &a, &e));
    a.method = METHOD_3;
    a.outcome = AUTHORITY_REFUSE;
    OK(agree_parties(&inc, &a, &e));
    a.kind = KIND_INSTRUCTION;
    a.outcome = AUTHORITY_AUTHORISE;
    a.method = METHOD_HANDBACK;
    REFUSED(agree_parties(&inc, &a, &e), "decision.replacement-subscriber");
    about(&a.replacement_subscriber, B);
    OK(agree_parties(&inc, &a, &e));
}
END_TEST

START_TEST(an_appointment_counts_once_the_pma_has_made_it_for_that_party)
{
    struct incident_facts f;

    OK(store_run(store, &e, "UPDATE incident SET replacement = ?1", "t", B));
    reload("I-1");
    f = facts();
    ck_assert(f.replacement_is_solr);
    ck_assert(!f.solr_appointed);
    decide("D-1", "I-1", AUTHORITY_AUTHORISE, "{\"kind\":\"instruction\"," FIRST "}");
    decide("D-2", "I-1", AUTHORITY_APPOINT,
           "{\"kind\":\"decision\",\"replacement_subscriber\":\"" A
           "\",\"appointment\":\"x\"}");
    decide("D-3", "I-1", AUTHORITY_REFUSE,
           "{\"kind\":\"decision\",\"replacement_subscriber\":\"" B "\"}");
    ck_assert(!facts().solr_appointed);
    decide("D-4", "I-1", AUTHORITY_APPOINT, "{\"kind\":\"decision\"," FIRST "}");
    ck_assert(facts().solr_appointed);
    REFUSED(steps(EVENT_CONFIRM, ACTOR_DCC, NULL, "{\"solr_appointed\":true}"),
            "incident.fact");
}
END_TEST

/* --- instructions --- */

START_TEST(an_instruction_is_taken_where_something_may_be_signed_under_it)
{
    static const struct {
        enum route route;
        enum state state;
        bool ever;
    } cases[] = {
        {ROUTE_UNDECIDED, STATE_NOTIFIED, true},
        {ROUTE_METHOD_2, STATE_EXECUTING, true},
        {ROUTE_METHOD_2, STATE_ACB_IN_PLACE, true},
        {ROUTE_METHOD_2, STATE_HANDBACK, true},
        {ROUTE_METHOD_2, STATE_RECOVERED, false},
        {ROUTE_METHOD_3, STATE_RECOVERED, false},
        {ROUTE_UNDECIDED, STATE_CLOSED, false},
        {ROUTE_CONTINGENCY, STATE_WITH_PMA, false},
        {ROUTE_ISSUING_OCA, STATE_WITH_PMA, false},
        {ROUTE_SHARED_EVENT, STATE_CHILDREN_OPEN, false},
    };

    a.kind = KIND_INSTRUCTION;
    a.method = METHOD_HANDBACK;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        inc.route = cases[i].route;
        inc.state = cases[i].state;
        if (cases[i].ever)
            OK(agree_instruction(&inc, &a, &e));
        else
            REFUSED_SAYING(agree_instruction(&inc, &a, &e), "decision.never-signed",
                           "no hand-back comes after that");
    }
    inc.route = ROUTE_METHOD_2;
    inc.state = STATE_ACB_IN_PLACE;
    a.method = METHOD_1;
    REFUSED_SAYING(agree_instruction(&inc, &a, &e), "decision.never-signed",
                   "the subscriber sends its own commands");
    a.method = METHOD_HANDBACK;
    a.outcome = AUTHORITY_REFUSE;
    REFUSED_SAYING(agree_instruction(&inc, &a, &e), "decision.never-signed",
                   "the PMA decides");
    a.kind = KIND_DECISION;
    OK(agree_instruction(&inc, &a, &e));
}
END_TEST

/* --- list and notification --- */

static struct digest kept(const char *text)
{
    struct digest d = digest_of(span_of(text, strlen(text)), (struct span){NULL, 0});
    char name[80];
    char hex[HEX_LEN(32)];

    hex_encode_lower(d.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_text(name, text);
    return d;
}

/* A notification on file, as it comes in: rows "DEVICE,TYPE,CELLS" by their last digits. */
static struct digest notified(const char *id, const char *amends, const char *method,
                              const char *rows)
{
    struct partyfile_header h = {0};
    char text[2048];
    uint32_t esme = 0;
    struct digest d;

    for (const char *p = rows; (p = strstr(p, "ESME")) != NULL; p++)
        esme++;
    (void)snprintf(text, sizeof text,
                   "format,smki-recovery/file/1\nkind,organisation-notification\nfile,%s\n"
                   "incident,I-1\n%s%s%ssubscriber," A "\n"
                   "certificate,Z1,01A2," A ",supplier-ds\n"
                   "certificate,Z1,01A3," A ",supplier-ka\n"
                   "certainty,actual\nfound,2026-11-24T09:00:00.000000Z\nmethod,%s\n"
                   "suspend,no\nanticipated,ESME,%u\nsigner,A,aro,A.Officer\n\n"
                   "device,type,cells,old,new\n%s",
                   id, amends[0] != '\0' ? "amends," : "", amends,
                   amends[0] != '\0' ? "\n" : "", method, esme, rows);
    d = kept(text);
    OK(partyfile_header_read(span_of(text, strlen(text)), id, &h, &e));
    OK(docket_put_file(&docket, "I-1", &h, &d, span_of("cms", 3), "uid 7", &e));
    return d;
}

static void held(const char *rows, uint32_t cells)
{
    char text[1024];
    struct roster r;

    (void)snprintf(text, sizeof text, "device,type,status,cells\n%s", rows);
    OK(roster_open(span_of(text, strlen(text)), "list", &r, &e));
    (void)kept(text);
    OK(agree_lists(&docket, "I-1", &r, cells, &g, &e));
    roster_done(&r);
}

static void is(const struct agree_side *s, uint32_t n, uint8_t first)
{
    ck_assert_uint_eq(s->n, n);
    if (n > 0)
        ck_assert_uint_eq(s->first.b[7], first);
}

#define DS_KA (CELL_BIT(CELL_SUPPLIER_DS) | CELL_BIT(CELL_SUPPLIER_KA))
#define N(d)  "00DB0000000000" d ",ESME,supplier-ds+supplier-ka,01A2,\n"
#define L(d)  "00DB0000000000" d ",ESME,commissioned,\n"

START_TEST(the_lists_are_walked_side_by_side)
{
    held(L("01"), DS_KA);
    ck_assert(!g.filed);
    ck_assert_ptr_null(agree_json(&g));
    (void)notified("N-1", "", "3", N("02") N("03") N("05") N("06"));
    held(L("01") L("03") L("04") L("06") L("07") L("08"), DS_KA);
    ck_assert(g.filed && g.organisation);
    ck_assert_str_eq(g.file, "N-1");
    ck_assert_uint_eq(g.notified, 4);
    ck_assert_uint_eq(g.listed, 6);
    is(&g.only_notified, 2, 2);
    is(&g.only_listed, 4, 1);
    is(&g.more_cells, 0, 0);
    is(&g.fewer_cells, 0, 0);
}
END_TEST

START_TEST(cells_are_those_of_the_row_or_of_the_decision)
{
    (void)notified("N-1", "", "3", N("02") N("03") N("05"));
    held("00DB000000000002,ESME,commissioned,supplier-ds\n"
         "00DB000000000003,ESME,commissioned,supplier-ds+supplier-pp\n" L("05"),
         DS_KA | CELL_BIT(CELL_NETWORK_DS));
    is(&g.more_cells, 2, 3);
    is(&g.fewer_cells, 2, 2);
    held(L("02"), 0); /* nothing is decided, and the list says nothing */
    is(&g.more_cells, 0, 0);
    is(&g.fewer_cells, 0, 0);
}
END_TEST

START_TEST(more_than_notified_is_not_decided)
{
    (void)notified("N-1", "", "3", N("02") N("03"));
    held(L("02"), DS_KA); /* fewer is no difference */
    OK(agree_decision(&docket, &g, &a, &e));
    held(L("01") L("02") L("09"), DS_KA);
    REFUSED_SAYING(agree_decision(&docket, &g, &a, &e), "decision.notified-devices",
                   "2 devices were not notified; the first: 00DB000000000001");
    held(L("02") L("03"), DS_KA | CELL_BIT(CELL_SUPPLIER_PP));
    REFUSED_SAYING(agree_decision(&docket, &g, &a, &e), "decision.notified-cells",
                   "2 devices would get cells");
    held(L("02") L("03"), DS_KA);
    a.method = METHOD_2;
    REFUSED(agree_decision(&docket, &g, &a, &e), "decision.notified-method");
    a.kind = KIND_INSTRUCTION; /* hand-back is no method that is notified */
    a.method = METHOD_HANDBACK;
    OK(agree_decision(&docket, &g, &a, &e));
}
END_TEST

START_TEST(method_1_gives_way_when_the_subscriber_asks_for_recovery)
{
    (void)notified("N-1", "", "1", N("02"));
    held(L("02"), DS_KA);
    REFUSED(agree_decision(&docket, &g, &a, &e), "decision.notified-method");
    OK(store_run(store, &e,
                 "INSERT INTO incident_event (incident, event, from_state, to_state, at_us,"
                 " actor, evidence) VALUES ('I-1', 'ask-suspension', '', '', 1, 'x', '{}')",
                 ""));
    OK(agree_decision(&docket, &g, &a, &e));
    (void)notified("N-2", "", "undecided", N("02"));
    held(L("02"), DS_KA);
    a.method = METHOD_2;
    OK(agree_decision(&docket, &g, &a, &e));
}
END_TEST

START_TEST(a_file_that_was_changed_on_disk_is_not_believed)
{
    struct digest d = notified("N-1", "", "3", N("02"));
    char name[80];
    char hex[HEX_LEN(32)];
    static const char list[] = "device,type,status\n00DB000000000001,ESME,commissioned\n";
    struct roster r;

    hex_encode_lower(d.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_text(name, "format,smki-recovery/file/1\n");
    OK(roster_open(span_of(list, strlen(list)), "list", &r, &e));
    (void)kept(list);
    REFUSED_SAYING(agree_lists(&docket, "I-1", &r, 0, &g, &e), "store.failed",
                   "was changed on disk");
    roster_done(&r);
}
END_TEST

START_TEST(what_differs_is_kept_and_what_agrees_is_not)
{
    (void)notified("N-1", "", "3", N("02"));
    held(L("02"), DS_KA);
    OK(agree_keep(&docket, "I-1", "roster 1", &g, "uid 1000", &e));
    ck_assert_int_eq(number("SELECT count(*) FROM difference"), 0);
    held(L("02") L("03"), DS_KA);
    OK(agree_keep(&docket, "I-1", "roster 2", &g, "uid 1000", &e));
    ck_assert_int_eq(
        number("SELECT json_extract(figures, '$.only_listed.devices') FROM difference"
               " WHERE paper = 'roster 2'"),
        1);
}
END_TEST

/* --- amendments --- */

static void row_says(const char *device, const char *state)
{
    struct partyfile_row row = {0};

    ck_assert(eui64_parse(device, 16, &row.device));
    ck_assert(partyfile_state_find(state, strlen(state), &row.state));
    OK(docket_file_row(store, "I-1", &row, &e));
}

START_TEST(an_amendment_counts_from_its_confirmation_on)
{
    struct docket_file file;

    REFUSED(docket_amendment(&docket, "I-1", &file, &e), "file.amends");
    (void)notified("N-1", "", "3", N("02") N("03") N("05"));
    row_says("00DB000000000001", "pending");
    row_says("00DB000000000002", "success");
    row_says("00DB000000000003", "pending");
    row_says("00DB000000000004", "success"); /* it is left out, and was reported */
    row_says("00DB000000000009", "pending");
    (void)notified("N-2", "N-1", "2", N("02") N("03") N("07"));
    held(L("02") L("07"), DS_KA);
    ck_assert_str_eq(g.file, "N-1");
    is(&g.only_listed, 1, 7);
    OK(docket_amendment(&docket, "I-1", &file, &e));
    ck_assert_str_eq(file.id, "N-2");
    ck_assert_str_eq(file.who, "uid 7");
    OK(docket_amend(&docket, "I-1", &file, &e));
    held(L("02") L("07"), DS_KA);
    ck_assert_str_eq(g.file, "N-2");
    ck_assert_int_eq(g.method, PARTYFILE_METHOD_2);
    is(&g.only_listed, 0, 0);
    ck_assert_int_eq(number("SELECT count(*) FROM file_row WHERE state = 'success'"), 2);
    ck_assert_int_eq(number("SELECT count(*) FROM file_row WHERE state = 'pending'"
                            " AND device IN (x'00DB000000000003', x'00DB000000000007')"),
                     2);
    ck_assert_int_eq(number("SELECT count(*) FROM file_row"), 4);
    REFUSED(docket_amendment(&docket, "I-1", &file, &e), "file.amends");
}
END_TEST

START_TEST(an_amendment_of_what_is_not_in_force_any_more_does_not_count)
{
    struct docket_file file;

    (void)notified("N-1", "", "3", N("02"));
    (void)notified("N-2", "N-1", "2", N("02"));
    (void)notified("N-3", "N-1", "3", N("02") N("03"));
    OK(docket_amendment(&docket, "I-1", &file, &e));
    ck_assert_str_eq(file.id, "N-3"); /* the later one */
    OK(docket_amend(&docket, "I-1", &file, &e));
    REFUSED_SAYING(docket_amendment(&docket, "I-1", &file, &e), "file.amends",
                   "N-2 amends N-1");
}
END_TEST

KIT_MAIN("agree", begin, incident_kit_end,
         a_document_is_about_the_subscriber_of_its_incident,
         a_document_that_names_nobody_agrees,
         who_asks_is_a_user_the_dcc_or_ofgem_as_the_incident_says,
         only_the_pma_names_who_takes_the_devices_over,
         after_that_nothing_goes_to_anybody_else,
         an_appointment_counts_once_the_pma_has_made_it_for_that_party,
         an_instruction_is_taken_where_something_may_be_signed_under_it,
         the_lists_are_walked_side_by_side, cells_are_those_of_the_row_or_of_the_decision,
         more_than_notified_is_not_decided,
         method_1_gives_way_when_the_subscriber_asks_for_recovery,
         a_file_that_was_changed_on_disk_is_not_believed,
         what_differs_is_kept_and_what_agrees_is_not,
         an_amendment_counts_from_its_confirmation_on,
         an_amendment_of_what_is_not_in_force_any_more_does_not_count)
