/* SPDX-License-Identifier: MIT
 *
 * The list of an incident as a document with versions: which count, how they differ, what is
 * owed to devices that a correction leaves out.
 */
#include "incident_kit.h"
#include "lists.h"
#include "outcome.h"

static struct docket_list l;

/* Lines of a list behind its header; it is on disk as an upload leaves it. */
static void list_of(const char *lines, struct roster *r, char *text, size_t cap)
{
    char hex[HEX_LEN(32)];
    char name[80];

    (void)snprintf(text, cap, "device,type,status,cells\n%s", lines);
    OK(roster_open(span_of(text, strlen(text)), "r.csv", r, &e));
    hex_encode_lower(r->digest.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_text(name, text);
}

static bool puts_list(const char *lines)
{
    char text[2048];
    struct roster r;
    bool ok;

    list_of(lines, &r, text, sizeof text);
    OK(store_begin(store, &e));
    ok = docket_put_roster(&docket, "I-1", &r, "uid 1000", &l, &e);
    if (ok)
        OK(store_commit(store, &e));
    else
        store_rollback(store);
    roster_done(&r);
    return ok;
}

static bool confirms(int64_t version)
{
    return docket_confirm_roster(&docket, "I-1", version, "two were left out", "uid 1001",
                                 &l, &e);
}

#define A "00DB000000000001,ESME,commissioned,\n"
#define B "00DB000000000002,GSME,commissioned,\n"
#define C "00DB000000000003,ESME,commissioned,\n"
#define D "00DB000000000004,ESME,commissioned,\n"
/* B with another status, C with other cells */
#define B2 "00DB000000000002,GSME,suspended,\n"
#define C2 "00DB000000000003,ESME,commissioned,supplier-ds\n"

static void named(void)
{
    OK(store_run(store, &e,
                 "UPDATE roster SET named = 1 WHERE version = (SELECT max(version) FROM"
                 " roster WHERE state = 'filed')",
                 ""));
}

static void setup(void)
{
    incident_kit_begin();
    open_incident("I-1", ROUTE_UNDECIDED);
}

/* How many devices the incident answers for, and the digest of the list on file. */
static uint32_t on_file(struct digest *d)
{
    struct lists_size size;
    uint32_t rows;
    bool found;

    OK(docket_roster(store, "I-1", d, &rows, &found, &e));
    ck_assert(found);
    OK(lists_size(store, "I-1", &size, &e));
    return size.devices;
}

START_TEST(a_list_that_nobody_named_is_replaced)
{
    struct digest first;
    struct digest second;

    OK(puts_list(A B));
    ck_assert(l.version == 1 && !l.proposed && l.corrects == 0 && !l.difference.any);
    ck_assert_uint_eq(on_file(&first), 2);
    OK(puts_list(A C));
    ck_assert(l.version == 2 && !l.proposed && l.corrects == 1);
    ck_assert(l.difference.added == 1 && l.difference.removed == 1);
    ck_assert_uint_eq(on_file(&second), 2); /* the first one does not count */
    ck_assert(!digest_equal(&first, &second));
    OK(puts_list(A C));
    ck_assert(l.same && l.version == 2);
    ck_assert_int_eq(number("SELECT count(*) FROM roster"), 2);
}
END_TEST

START_TEST(a_list_that_was_named_is_corrected)
{
    struct digest first;
    struct digest d;

    OK(puts_list(A B C));
    named();
    (void)on_file(&first);
    OK(puts_list(A B2 D));
    ck_assert(l.proposed && l.version == 2 && l.corrects == 1);
    ck_assert_uint_eq(l.difference.added, 1);
    ck_assert_uint_eq(l.difference.removed, 1);
    ck_assert_uint_eq(l.difference.changed, 1);
    ck_assert(eui64_cmp(&l.difference.first, kit_device(2)) == 0);
    ck_assert_uint_eq(on_file(&d), 3);
    ck_assert(digest_equal(&first, &d)); /* nothing has changed yet */
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%ROSTER_PROPOSED%\"added\":1%'"),
                     1);
    OK(puts_list(A B D)); /* thought better of */
    ck_assert_int_eq(l.version, 3);
    REFUSED(confirms(2), "roster.proposal");
    REFUSED(confirms(1), "roster.proposal");
    REFUSED(confirms(9), "roster.proposal");
    OK(confirms(3));
    ck_assert(l.difference.added == 1 && l.difference.removed == 1 &&
              l.difference.changed == 0);
    ck_assert_uint_eq(on_file(&d), 4); /* C is owed an outcome all the same */
    ck_assert(!digest_equal(&first, &d));
    ck_assert_uint_eq(facts().rows_pending, 4);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%ROSTER_CORRECTED%' AND line LIKE '%two were left out%'"),
                     1);
    REFUSED(confirms(3), "roster.proposal");
}
END_TEST

START_TEST(what_comes_after_a_correction_is_one_too)
{
    struct digest d;

    OK(puts_list(A B));
    named();
    OK(puts_list(A B C));
    OK(confirms(2));
    OK(puts_list(A)); /* that nobody has named the second yet does not open the first */
    ck_assert(l.proposed && l.version == 3 && l.corrects == 2);
    ck_assert_uint_eq(on_file(&d), 3);
    OK(puts_list(A B)); /* as it was */
    OK(confirms(4));
    OK(puts_list(A));
    ck_assert(l.proposed && l.version == 5 && l.difference.removed == 1);
    ck_assert_uint_eq(on_file(&d), 2);
}
END_TEST

START_TEST(who_has_answered_is_of_the_type_that_the_newest_list_says)
{
    int64_t n[DEVICE_COUNT][OUTCOME_STATES];
    struct outcome o = {.type = DEVICE_GSME, .state = OUTCOME_SUCCESS, .cells = "{}"};
    struct lists_size size;

    OK(puts_list(A B C));
    named();
    o.device = *kit_device(2);
    OK(outcome_put(store, "I-1", &o, &e));
    o.device = *kit_device(3);
    o.type = DEVICE_ESME;
    OK(outcome_put(store, "I-1", &o, &e));
    OK(puts_list(A "00DB000000000002,ESME,commissioned,\n" C));
    OK(confirms(2));
    OK(lists_size(store, "I-1", &size, &e));
    OK(outcome_count_types(store, "I-1", n, &e));
    ck_assert_uint_eq(size.by_type[DEVICE_ESME], 3);
    ck_assert_int_eq(n[DEVICE_ESME][OUTCOME_SUCCESS], 2);
    ck_assert_int_eq(n[DEVICE_GSME][OUTCOME_SUCCESS], 0);
}
END_TEST

START_TEST(the_list_on_file_takes_a_proposal_back)
{
    OK(puts_list(A B));
    named();
    OK(puts_list(A));
    ck_assert(l.proposed && l.version == 2);
    OK(puts_list(A B));
    ck_assert(l.same && l.version == 1);
    REFUSED(confirms(2), "roster.proposal");
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%ROSTER_TAKEN_BACK%'"),
                     1);
    OK(puts_list(A B)); /* there is nothing more to take back */
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%ROSTER_TAKEN_BACK%'"),
                     1);
}
END_TEST

START_TEST(nothing_of_a_closed_incident_changes)
{
    OK(puts_list(A));
    named();
    OK(puts_list(A B));
    set_state("I-1", "undecided", "CLOSED");
    REFUSED(puts_list(A C), "incident.closed");
    REFUSED(puts_list(A), "incident.closed"); /* not even by the same list */
    REFUSED(confirms(2), "incident.closed");
    ck_assert_int_eq(number("SELECT count(*) FROM roster WHERE state = 'filed'"), 1);
}
END_TEST

/* Version 1 names A B C, version 3 names B2 D; both count, version 2 does not. */
static void two_that_count(struct lists *lists)
{
    OK(puts_list(A B C));
    named();
    OK(puts_list(A));
    OK(puts_list(B2 D));
    OK(confirms(3));
    OK(lists_open(store, kit_dir, "I-1", lists, &e));
    ck_assert_uint_eq(lists->n, 2);
    ck_assert(lists->at[0].version == 3 && lists->at[1].version == 1);
}

START_TEST(the_versions_that_count_are_walked_as_one)
{
    static const struct {
        uint32_t device;
        int64_t version;
    } want[] = {{1, 1}, {2, 3}, {3, 1}, {4, 3}};
    struct lists lists;
    struct lists_size size;
    struct lists_row row;

    two_that_count(&lists);
    for (uint32_t behind = 0; behind <= 4; behind++) {
        struct lists_walk w;

        OK(lists_walk_begin(&lists, behind > 0 ? kit_device(behind) : NULL, &w, &e));
        for (uint32_t i = behind; i < 4; i++) {
            ck_assert(lists_next(&w, &row));
            ck_assert(eui64_cmp(&row.at.device, kit_device(want[i].device)) == 0);
            ck_assert_int_eq(row.list->version, want[i].version);
        }
        ck_assert(!lists_next(&w, &row));
        lists_walk_done(&w);
    }
    ck_assert(lists_find(&lists, kit_device(2), &row));
    ck_assert_int_eq(row.at.status, STATUS_SUSPENDED); /* the newest word */
    ck_assert(lists_find(&lists, kit_device(3), &row));
    ck_assert_int_eq(row.list->version, 1);
    ck_assert(!lists_find(&lists, kit_device(5), &row));
    OK(lists_count(&lists, &size, &e));
    ck_assert_uint_eq(size.devices, 4);
    ck_assert(size.by_type[DEVICE_ESME] == 3 && size.by_type[DEVICE_GSME] == 1);
    lists_done(&lists);
    OK(lists_size(store, "I-1", &size, &e));
    ck_assert_uint_eq(size.devices, 4);
    ck_assert(size.by_type[DEVICE_ESME] == 3 && size.by_type[DEVICE_GSME] == 1);
    REFUSED(lists_open(store, kit_dir, "I-2", &lists, &e), "incident.no-roster");
    lists_done(&lists);
}
END_TEST

START_TEST(a_device_that_was_left_out_stands_elsewhere_too)
{
    char where[128];
    char text[256];
    struct lists lists;
    struct roster r;
    uint32_t n;

    two_that_count(&lists);
    lists_done(&lists);
    list_of(C, &r, text, sizeof text);
    OK(docket_elsewhere(&docket, "I-2", &r, &n, where, &e));
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(where, "device 00DB000000000003 is in open incident I-1");
    roster_done(&r);
}
END_TEST

START_TEST(lists_are_compared_device_by_device)
{
    static const struct {
        const char *before, *after;
        uint32_t added, removed, changed;
        uint32_t first; /* device that differs */
    } cases[] = {
        {A B C, A B C, 0, 0, 0, 0}, {A B C, A B, 0, 1, 0, 3},     {A, A B C D, 3, 0, 0, 2},
        {A B, C D, 2, 2, 0, 1},     {A B C, A B2 C2, 0, 0, 2, 2}, {B, A B2, 1, 0, 1, 1},
        {A B C D, D, 0, 3, 0, 1},   {B2 C D, A B C2, 1, 1, 2, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char before[512];
        char after[512];
        struct lists_difference d;
        struct roster b;
        struct roster a;

        list_of(cases[i].before, &b, before, sizeof before);
        list_of(cases[i].after, &a, after, sizeof after);
        lists_compare(&b, &a, &d);
        ck_assert_uint_eq(d.added, cases[i].added);
        ck_assert_uint_eq(d.removed, cases[i].removed);
        ck_assert_uint_eq(d.changed, cases[i].changed);
        ck_assert_int_eq(d.any, cases[i].first != 0);
        if (d.any)
            ck_assert(eui64_cmp(&d.first, kit_device(cases[i].first)) == 0);
        roster_done(&b);
        roster_done(&a);
    }
}
END_TEST

START_TEST(a_decision_makes_its_list_count)
{
    struct authority a = {.outcome = AUTHORITY_AUTHORISE, .id = "D-1", .incident = "I-1"};
    static const char json[] = "{\"kind\":\"decision\"}";

    OK(puts_list(A B));
    OK(puts_list(A C));
    (void)on_file(&a.roster);
    OK(docket_put_decision(&docket, &a, span_of("cms", 3), span_of(json, strlen(json)),
                           "[]", "uid 1000", &e));
    ck_assert_int_eq(number("SELECT sum(named) FROM roster"), 1);
    ck_assert_int_eq(number("SELECT version FROM roster WHERE named"), 2);
    OK(puts_list(A B));
    ck_assert(l.proposed);
}
END_TEST

KIT_MAIN("lists", setup, incident_kit_end, a_list_that_nobody_named_is_replaced,
         a_list_that_was_named_is_corrected, the_list_on_file_takes_a_proposal_back,
         what_comes_after_a_correction_is_one_too,
         who_has_answered_is_of_the_type_that_the_newest_list_says,
         nothing_of_a_closed_incident_changes, the_versions_that_count_are_walked_as_one,
         a_device_that_was_left_out_stands_elsewhere_too,
         lists_are_compared_device_by_device, a_decision_makes_its_list_count)
