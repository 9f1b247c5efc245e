/* SPDX-License-Identifier: MIT
 *
 * A second place held against the state; what it finds; the anchor file; the database against
 * its own record.
 */
#include "account_end.h"
#include "anchor.h"
#include "audit.h"
#include "core_kit.h"
#include "ledger.h"
#include "restored.h"
#include "sound.h"

#include <fcntl.h>
#include <sys/stat.h>

static const struct eui64 us = {{0x90, 1}}, them = {{0x90, 2}};
static char why[PLACE_TEXT];

static void put_record(const char *kind)
{
    OK(store_begin(store, &e));
    OK(audit_put(store, 1, kind, "", AUDIT_ACTOR_SYSTEM, &e, "{}"));
    OK(store_commit(store, &e));
}

static struct place now(void)
{
    struct place p;

    OK(place_take(store, &p, &e));
    return p;
}

static bool older_than(const struct place *p)
{
    bool older;

    OK(place_judge(store, p, &older, why, &e));
    return older;
}

static void copy_of_now(const char *name)
{
    (void)unlink(kit_path(name));
    OK(store_run(store, &e, "VACUUM INTO ?1", "t", kit_path(name)));
}

static void put_back(const char *name)
{
    store_close(store);
    store = NULL;
    (void)unlink(kit_path("db-wal"));
    ck_assert_int_eq(rename(kit_path(name), kit_path("db")), 0);
    OK(store_open(kit_path("db"), &store, &e));
}

START_TEST(a_state_is_no_older_than_what_it_said_before)
{
    struct place p;

    put_record("A");
    p = now();
    ck_assert(!older_than(&p));
    OK(ledger_raise(store, &us, 7, &e));
    put_record("B");
    ck_assert(!older_than(&p));
    p = now();
    ck_assert_uint_eq(place_up_to(&p, &us), 7);
    ck_assert_uint_eq(place_up_to(&p, &them), 0);
    ck_assert(!older_than(&p));
}
END_TEST

START_TEST(a_copy_put_back_is_older)
{
    struct place p;

    put_record("A");
    OK(ledger_raise(store, &us, 7, &e));
    copy_of_now("copy");
    put_record("B");
    p = now();
    put_back("copy");
    ck_assert(older_than(&p));
    ck_assert_ptr_nonnull(strstr(why, "knows 2 records"));
    put_record("C"); /* it goes on, as many records as before */
    ck_assert(older_than(&p));
    ck_assert_ptr_nonnull(strstr(why, "another record 2"));
    p = now();
    place_set(&p, &us, 8);
    ck_assert(older_than(&p));
    ck_assert_ptr_nonnull(strstr(why, "counters up to 8"));
    p = now();
    p.trail.b[0] ^= 1;
    ck_assert(older_than(&p));
    p = (struct place){0};
    ck_assert(!older_than(&p)); /* it says nothing */
}
END_TEST

START_TEST(a_place_is_read_as_it_was_written)
{
    struct place p, back;
    json_t *j;

    put_record("A");
    OK(ledger_raise(store, &us, 7, &e));
    OK(ledger_raise(store, &them, INT64_MAX, &e));
    p = now();
    j = json_pack("{s:{s:o}}", "body", "record", place_json(&p));
    OK(place_from_json(j, &back, &e));
    ck_assert_mem_eq(&p, &back, sizeof p);
    json_decref(j);
    j = json_pack("{s:I,s:s}", "records", (json_int_t)3, "hash", "00");
    REFUSED(place_from_json(j, &back, &e), "ledger.place");
    json_decref(j);
    j = json_array();
    REFUSED(place_from_json(j, &back, &e), "ledger.place");
    json_decref(j);
}
END_TEST

static bool find(struct restored *r)
{
    bool found;

    OK(restored_stands(store, &us, r, &found, &e));
    return found;
}

START_TEST(a_finding_stands_until_the_mark_is_high_enough)
{
    struct restored r = {.originator = us, .needed = 100, .where = "word", .reason = "r"};
    struct restored back;
    bool news;

    ck_assert(!find(&back));
    OK(restored_put(store, &r, &news, &e));
    ck_assert(news);
    OK(restored_put(store, &r, &news, &e));
    ck_assert(!news);
    r.told.b[0] = 1;
    r.needed = 200;
    OK(restored_put(store, &r, &news, &e));
    ck_assert(find(&back));
    ck_assert_uint_eq(back.needed, 200);
    OK(restored_raised(store, &us, 199, 5, &e));
    kit_reopen_store();
    ck_assert(find(&back));
    OK(restored_raised(store, &them, 200, 5, &e));
    ck_assert(find(&back));
    OK(restored_raised(store, &us, 200, 5, &e));
    ck_assert(!find(&back));
    OK(restored_put(store, &r, &news, &e)); /* it was answered */
    ck_assert(!news && !find(&back));
}
END_TEST

START_TEST(an_anchor_is_one_services)
{
    char path[4096];
    struct anchor a = {.path = path}, b = {.path = path};
    struct place p, back;
    bool found;

    (void)snprintf(path, sizeof path, "%s", kit_path("anchor"));
    put_record("A");
    p = now();
    OK(anchor_read(&a, &back, &found, &e));
    ck_assert(!found);
    OK(anchor_write(&a, &p, 1, &e));
    OK(anchor_write(&a, &p, 2, &e));
    OK(anchor_read(&b, &back, &found, &e));
    ck_assert(found);
    ck_assert_mem_eq(&p, &back, sizeof p);
    OK(anchor_write(&b, &p, 3, &e));
    REFUSED_SAYING(anchor_write(&a, &p, 4, &e), "ledger.anchor", "somebody else");
    ck_assert_int_eq(unlink(path), 0);
    REFUSED_SAYING(anchor_write(&b, &p, 5, &e), "ledger.anchor", "is gone");
    kit_text("anchor", "{");
    REFUSED(anchor_read(&a, &back, &found, &e), "ledger.anchor");
    (void)snprintf(path, sizeof path, "%s", kit_path("none/anchor"));
    a.there = false;
    REFUSED(anchor_write(&a, &p, 6, &e), "ledger.anchor");
}
END_TEST

START_TEST(the_end_of_the_account_tells_counters)
{
    struct place p;
    int fd;

    ck_assert(!account_end_read(-1, &p));
    kit_text("account",
             "{\"kind\":\"BEGUN\",\"data\":{}}\nno JSON\n"
             "{\"kind\":\"SIGNED\",\"data\":{\"originator\":\"9001000000000000\","
             "\"last_counter\":41}}\n"
             "{\"kind\":\"SIGNED\",\"data\":{\"originator\":\"9001000000000000\","
             "\"last_counter\":99}}"); /* no whole line */
    fd = open(kit_path("account"), O_RDONLY | O_CLOEXEC);
    ck_assert(account_end_read(fd, &p));
    ck_assert_uint_eq(place_up_to(&p, &us), 41);
    ck_assert_uint_eq(p.records, 0);
    close(fd);
}
END_TEST

START_TEST(the_end_of_the_trail_hangs_together)
{
    OK(sound_check(store, &e));
    for (int i = 0; i < 300; i++)
        put_record("A");
    OK(sound_check(store, &e));
    OK(store_run(store, &e, "DELETE FROM audit WHERE seq = 290", ""));
    REFUSED_SAYING(sound_check(store, &e), "audit.ledger", "291");
    OK(store_run(store, &e, "DELETE FROM audit WHERE seq > 289", ""));
    OK(sound_check(store, &e));
    OK(store_run(store, &e, "UPDATE audit SET line = replace(line, 'A', 'B')", ""));
    REFUSED_SAYING(sound_check(store, &e), "audit.ledger", "289");
}
END_TEST

START_TEST(a_damaged_page_is_found_when_it_is_opened)
{
    static const char zeros[512];
    int fd;

    for (int i = 0; i < 300; i++)
        put_record("A");
    copy_of_now("copy"); /* every page is there, none in the log */
    store_close(store);
    store = NULL;
    fd = open(kit_path("copy"), O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(pwrite(fd, zeros, sizeof zeros, 4096 * 20), sizeof zeros);
    close(fd);
    REFUSED(store_open(kit_path("copy"), &store, &e), "store.damaged");
    kit_text("copy", "this is no database, and long enough to tell that it is none");
    REFUSED(store_open(kit_path("copy"), &store, &e), "store.damaged");
}
END_TEST

KIT_MAIN("place", kit_begin_store, kit_end, a_state_is_no_older_than_what_it_said_before,
         a_copy_put_back_is_older, a_place_is_read_as_it_was_written,
         a_finding_stands_until_the_mark_is_high_enough, an_anchor_is_one_services,
         the_end_of_the_account_tells_counters, the_end_of_the_trail_hangs_together,
         a_damaged_page_is_found_when_it_is_opened)
