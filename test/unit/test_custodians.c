/* SPDX-License-Identifier: MIT
 *
 * The register of custodians, as records of ceremonies make it, and when a set is due.
 */
#include "audit.h"
#include "core_kit.h"
#include "custodians.h"

#define DAY INT64_C(86400000000)

static struct ceremony_record r;

/* A record of that set and version among these people ("abc": a of Party a, ...). */
static void about(enum ceremony_what what, char id, uint32_t version, const char *people,
                  int64_t at_us)
{
    r = (struct ceremony_record){.what = what, .at_us = at_us, .has_set = true};
    memset(r.id, id, CUSTODY_ID_LEN);
    memset(r.set.id, '5', CUSTODY_ID_LEN);
    r.key.b[0] = 4;
    r.set.version = version;
    r.set.threshold = 2;
    r.set.n = strlen(people);
    for (size_t i = 0; i < r.set.n; i++) {
        struct custody_person *p = &r.set.members[i].who;

        p->person[0] = p->name[0] = p->party[0] = people[i];
    }
}

static bool take(void)
{
    return custodians_take(store, &r, span_of("{}", 2), "uid 1", r.at_us, &e);
}

/* Who holds a share that counts, "" for nobody; by person. */
static const char *holders(void)
{
    static char who[64];
    struct docket_show_page p = {.limit = DOCKET_SHOW_PAGE};
    json_t *list, *one;
    size_t at;

    who[0] = '\0';
    OK(custodians_show(store, &p, &list, &e));
    json_array_foreach(list, at, one)
    {
        if (json_is_null(json_object_get(one, "ended")))
            (void)strcat(who, json_string_value(json_object_get(one, "person")));
    }
    json_decref(list);
    return who;
}

static struct custodians_due due;

static bool keep(void *arg, const struct custodians_due *d)
{
    (void)arg;
    due = *d;
    return true;
}

static int64_t due_us(unsigned days)
{
    due = (struct custodians_due){0};
    OK(custodians_each(store, days, keep, NULL, &e));
    return due.due_us;
}

START_TEST(a_backup_registers_and_a_rotation_replaces)
{
    about(CEREMONY_BACKUP, '1', 1, "abc", DAY);
    OK(take());
    ck_assert_str_eq(holders(), "abc");
    ck_assert(!take());
    ck_assert_str_eq(e.id, "ceremony.twice");
    about(CEREMONY_ROTATE, '2', 2, "acd", 2 * DAY);
    OK(take());
    ck_assert_str_eq(holders(), "acd");
    about(CEREMONY_ROTATE, '3', 2, "abe", 3 * DAY);
    ck_assert(!take());
    ck_assert_str_eq(e.id, "ceremony.older");
}
END_TEST

START_TEST(a_set_is_due_so_many_days_after_its_last_proof)
{
    about(CEREMONY_BACKUP, '1', 1, "abc", DAY);
    OK(take());
    ck_assert_int_eq(due_us(0), INT64_MAX);
    ck_assert_int_eq(due_us(365), 366 * DAY);
    about(CEREMONY_PROVE, '2', 1, "abc", 100 * DAY);
    OK(take());
    ck_assert_int_eq(due_us(365), 465 * DAY);
    about(CEREMONY_RESTORE, '3', 1, "abc", 50 * DAY); /* handed in late */
    OK(take());
    ck_assert_int_eq(due_us(365), 465 * DAY);
    about(CEREMONY_ROTATE, '4', 2, "abd", 200 * DAY);
    OK(take());
    about(CEREMONY_PROVE, '5', 1, "abc", 300 * DAY); /* shares that no longer count */
    OK(take());
    ck_assert_int_eq(due_us(365), 565 * DAY);
}
END_TEST

START_TEST(who_leaves_makes_it_due_until_the_shares_are_given_out_anew)
{
    about(CEREMONY_BACKUP, '1', 1, "abc", DAY);
    OK(take());
    ck_assert(!custodians_leave(store, "z", "who?", "uid 1", 2 * DAY, &e));
    ck_assert_str_eq(e.id, "ceremony.custodian");
    OK(custodians_leave(store, "b", "retires", "uid 1", 2 * DAY, &e));
    ck_assert(!custodians_leave(store, "b", "again", "uid 1", 3 * DAY, &e));
    ck_assert_int_eq(due_us(0), 2 * DAY);
    ck_assert(!due.rang && strstr(due.why, "b of b has left") != NULL);
    OK(custodians_ring(store, NULL, &due, 2 * DAY, &e));
    ck_assert_int_eq(due_us(0), 2 * DAY);
    ck_assert(due.rang);
    about(CEREMONY_PROVE, '2', 1, "abc", 4 * DAY);
    OK(take());
    ck_assert_int_eq(due_us(0), 2 * DAY); /* a proof gives nobody a share */
    about(CEREMONY_ROTATE, '3', 2, "acd", 5 * DAY);
    OK(take());
    ck_assert_int_eq(due_us(0), INT64_MAX);
    about(CEREMONY_ROTATE, '4', 3, "abc", 6 * DAY); /* b is back */
    OK(take());
    ck_assert_str_eq(holders(), "abc");
    ck_assert_int_eq(due_us(0), INT64_MAX);
}
END_TEST

START_TEST(a_key_is_known_by_its_records)
{
    bool known;

    about(CEREMONY_GENERATE, '1', 1, "", DAY);
    r.has_set = false;
    OK(custodians_known_key(store, &r.key, &known, &e));
    ck_assert(!known);
    OK(take());
    OK(custodians_known_key(store, &r.key, &known, &e));
    ck_assert(known);
    r.key.b[64] = 1;
    OK(custodians_known_key(store, &r.key, &known, &e));
    ck_assert(!known);
}
END_TEST

KIT_MAIN("custodians", kit_begin_store, kit_end, a_backup_registers_and_a_rotation_replaces,
         a_set_is_due_so_many_days_after_its_last_proof,
         who_leaves_makes_it_due_until_the_shares_are_given_out_anew,
         a_key_is_known_by_its_records)
