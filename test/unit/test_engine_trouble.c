/* SPDX-License-Identifier: MIT
 *
 * What stops a batch, and what is never kept.
 */
#include "desk_kit.h"
#include "sound.h"

static struct token_flaky flaky;

static void on_flaky(enum flaky_way way, uint64_t at)
{
    desk_kit_restart();
    token = token_flaky_init(&flaky, &fake_token.base, way, at);
    hello();
}

/* The second answer is spoilt in that way: nothing of it is kept, all of it is to do. */
static void spoilt(enum flaky_way way)
{
    int64_t id = whole_batch(300, NULL);
    struct order bad;

    on_flaky(way, 2);
    begin_batch();
    ck_assert(turn());
    ck_assert(plan());
    bad = order;
    sign_order();
    ANSWERED(PROTO_SIGNED);
    REFUSED(answer_kept(&order, &reply.u.signed_), "token.bad-signature");
    ck_assert_int_eq(e.code, ERR_TOKEN);
    OK(engine_flush(engine, true, &e));
    ck_assert_int_eq(batch_now(id).signed_, 100);
    ck_assert_int_eq(number("SELECT count(*) FROM slice"), 1);
    ck_assert(!finishes());
    ck_assert(plan()); /* the same rows, other counters */
    ck_assert_mem_eq(order.sign.rows, bad.sign.rows, sizeof(uint32_t) * bad.sign.n);
    ck_assert_uint_gt(order.sign.counter, bad.sign.counter);
    OK(engine_lost(engine, &order, "test", &e));
    run_to_the_end();
    all_is_accounted_for(id, 300);
}

START_TEST(of_an_answer_with_a_bad_signature_nothing_is_kept)
{
    spoilt(FLAKY_SPOIL);
}
END_TEST

START_TEST(signatures_in_other_places_are_bad_ones)
{
    spoilt(FLAKY_SWAP);
}
END_TEST

START_TEST(an_answer_to_another_order_is_refused)
{
    (void)whole_batch(300, NULL);
    begin_batch();
    ck_assert(plan());
    sign_order();
    ANSWERED(PROTO_SIGNED);
    reply.u.signed_.counter++;
    REFUSED(answer_kept(&order, &reply.u.signed_), "token.bad-signature");
    ck_assert(plan());
    sign_order();
    ANSWERED(PROTO_SIGNED);
    order.sign.n--; /* more than were asked for */
    REFUSED(answer_kept(&order, &reply.u.signed_), "token.bad-signature");
    OK(engine_flush(engine, true, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM slice"), 0);
}
END_TEST

/* Someone's bookkeeping went wrong: the ledger has the last word. */
START_TEST(a_batch_is_done_only_when_the_ledger_says_so)
{
    int64_t id = whole_batch(100, NULL);

    begin_batch();
    ck_assert(turn());
    OK(engine_flush(engine, true, &e));
    OK(store_run(store, &e, "DELETE FROM slice", ""));
    OK(store_run(store, &e, "UPDATE batch SET signed = 0", ""));
    ck_assert(!finishes());
    ck_assert_int_eq(batch_now(id).state, BATCH_RUNNING);
    run_to_the_end();
    ck_assert_int_eq(number("SELECT count(*) FROM slice"), 1);
}
END_TEST

/* --- the authority --- */

static unsigned asked, refuse_from;

static bool not_for_ever(void *arg, const struct batch *b, struct err *err)
{
    (void)arg;
    (void)b;
    return ++asked < refuse_from ||
           err_set(err, ERR_DENIED, "decision.superseded", "there is a later one");
}

static void with_allowed(unsigned from)
{
    asked = 0;
    refuse_from = from;
    allowed = not_for_ever;
    engine_free(engine);
    engine_start();
}

START_TEST(a_refusal_between_orders_stops_signing)
{
    int64_t id = whole_batch(300, NULL);
    bool found;

    with_allowed(3); /* pick, first order, then no more */
    begin_batch();
    ck_assert(turn());
    REFUSED(engine_order(engine, 10, lease_next, &order, &found, &e),
            "decision.superseded");
    ck_assert(!found);
    OK(engine_end(engine, BATCH_STOPPED, e.id, e.text, &e));
    ck_assert_ptr_null(engine_batch(engine));
    ck_assert_int_eq(batch_now(id).state, BATCH_STOPPED);
    ck_assert_int_eq(batch_now(id).signed_, 100); /* what was verified before is kept */
    ck_assert_str_eq(batch_now(id).reason, "there is a later one");
    ck_assert_int_eq(audited("BATCH_STOPPED"), 1);
    ck_assert(!picks());
}
END_TEST

START_TEST(a_window_that_closes_stops_signing)
{
    bool found;

    (void)whole_batch(300, NULL);
    begin_batch();
    ck_assert(turn());
    now = SCENE_NOW + INT64_C(30) * 86400 * 1000000;
    REFUSED(engine_order(engine, 10, lease_next, &order, &found, &e), "decision.window");
    ck_assert_int_eq(e.code, ERR_DENIED);
}
END_TEST

START_TEST(a_batch_whose_authority_is_gone_is_passed_over)
{
    int64_t late = whole_batch(10, NULL);
    int64_t good;

    now = SCENE_NOW + INT64_C(30) * 86400 * 1000000;
    ck_assert(!picks());
    ck_assert_int_eq(batch_now(late).state, BATCH_STOPPED);
    ck_assert_ptr_nonnull(strstr(batch_now(late).reason, "valid from"));
    ck_assert_int_eq(put_aside.id, late);
    ck_assert_int_eq(put_aside.state, BATCH_STOPPED);
    ck_assert_str_eq(put_aside_why.id, "decision.window");
    ck_assert_int_eq(audited("BATCH_STOPPED"), 1);
    now = SCENE_NOW;
    late = put_batch(10, span_of(NULL, 0));
    good = put_batch(10, span_of(NULL, 0));
    with_allowed(1);
    ck_assert(!picks());
    ck_assert_int_eq(batch_now(late).state, BATCH_STOPPED);
    ck_assert_int_eq(batch_now(good).state, BATCH_STOPPED);
    ck_assert_uint_eq(fake_token.rows, 0);
}
END_TEST

START_TEST(what_the_machine_lacks_is_held_for_a_person)
{
    int64_t id = whole_batch(10, NULL);
    char hex[HEX_LEN(32)];
    char name[80];

    hex_encode_lower(scene.roster.digest.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    (void)unlink(kit_path(name));
    ck_assert(!picks());
    ck_assert_int_eq(batch_now(id).state, BATCH_HELD);
    ck_assert_int_eq(audited("BATCH_HELD"), 1);
    ck_assert_int_eq(put_aside.id, id);
    ck_assert_int_eq(put_aside.state, BATCH_HELD);
    kit_write(name, "device,type,status\n00DB000000000000,ESME,commissioned\n", 54);
    OK(queue_state(store, id, BATCH_QUEUED, "", "", 1, &e));
    ck_assert(!picks()); /* another roster than the decision names */
    ck_assert_int_eq(batch_now(id).state, BATCH_STOPPED);
}
END_TEST

START_TEST(a_damaged_selection_is_held)
{
    static const uint8_t beyond[8] = {0, 0, 0, 1, 0, 0, 0, 10};
    int64_t id;

    make_roster(10, NULL);
    keep_decision();
    id = put_batch(3, span_of(beyond, 8)); /* two rows, three positions */
    ck_assert(!picks());
    ck_assert_int_eq(batch_now(id).state, BATCH_HELD);
    id = put_batch(2, span_of(beyond, 8)); /* row 10 of 10 */
    ck_assert(!picks());
    ck_assert_int_eq(batch_now(id).state, BATCH_HELD);
    OK(store_run(store, &e, "DELETE FROM decision", ""));
    id = put_batch(10, span_of(NULL, 0));
    ck_assert(!picks());
    ck_assert_int_eq(batch_now(id).state, BATCH_HELD);
}
END_TEST

/* --- counters --- */

static void copy_database(const char *from, const char *to)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char command[512];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(command, sizeof command,
                       "rm -f %s/%s%s; [ ! -f %s/%s%s ] || cp "
                       "%s/%s%s %s/%s%s",
                       kit_dir, to, parts[i], kit_dir, from, parts[i], kit_dir, from,
                       parts[i], kit_dir, to, parts[i]);
        ck_assert_int_eq(system(command), 0);
    }
}

START_TEST(a_database_of_yesterday_is_noticed)
{
    uint64_t mark;

    (void)whole_batch(300, NULL);
    store_close(store);
    copy_database("db", "old");
    OK(store_open(kit_path("db"), &store, &e));
    engine_free(engine);
    engine_start();
    begin_batch();
    ck_assert(turn());
    OK(engine_flush(engine, true, &e));
    mark = fake_token.marks[0].last;
    OK(engine_check_mark(engine, mark, &e));
    engine_free(engine);
    store_close(store);
    copy_database("old", "db");
    OK(store_open(kit_path("db"), &store, &e));
    engine_start();
    ck_assert(picks());
    REFUSED(engine_check_mark(engine, mark, &e), "ledger.rolled-back");
    ck_assert_int_eq(e.code, ERR_DENIED);
    /* after a ceremony the ledger knows */
    OK(ledger_raise(store, &scene.trust.keys[SCENE_RECOVERY].cert.at[0].eui, mark, &e));
    OK(engine_check_mark(engine, mark, &e));
    lend();
    ck_assert_uint_gt(lease_next, mark);
}
END_TEST

static const struct engine_share alone = {.signers = 1, .least = 512, .most = UINT32_MAX};

START_TEST(a_person_says_where_the_sequence_begins)
{
    uint64_t first;
    uint32_t n;

    scene.config.counter.has_start = false;
    (void)whole_batch(10, NULL);
    begin_batch();
    REFUSED(engine_lease(engine, &alone, &first, &n, &e), "ledger.no-start");
    OK(ledger_raise(store, &scene.trust.keys[SCENE_RECOVERY].cert.at[0].eui, 50, &e));
    OK(engine_lease(engine, &alone, &first, &n, &e));
    ck_assert_uint_eq(first, 51);
    ck_assert_uint_eq(n, 10); /* no more than there are rows */
}
END_TEST

START_TEST(a_lease_is_on_disk_before_it_is_lent)
{
    uint64_t first;
    uint64_t again;
    uint32_t n;

    (void)whole_batch(10, NULL);
    begin_batch();
    OK(engine_lease(engine, &alone, &first, &n, &e));
    crash();
    ck_assert(picks());
    OK(engine_lease(engine, &alone, &again, &n, &e));
    ck_assert_uint_eq(n, 10);
    ck_assert_uint_eq(again, first + n);
}
END_TEST

/* The ledger holds signatures under counters that this token never heard of. */
START_TEST(a_token_without_its_mark_is_noticed)
{
    uint64_t mark;

    (void)whole_batch(300, NULL);
    begin_batch();
    OK(engine_check_mark(engine, 0, &e)); /* nothing was signed yet */
    lend();
    OK(engine_check_mark(engine, 0, &e)); /* a run set aside is no signature */
    ck_assert(turn());
    OK(engine_flush(engine, true, &e));
    mark = fake_token.marks[0].last;
    OK(engine_check_mark(engine, mark, &e));
    REFUSED(engine_check_mark(engine, 0, &e), "ledger.token-fresh");
    ck_assert_int_eq(e.code, ERR_DENIED);
    REFUSED(engine_check_mark(engine, order.sign.counter + order.sign.n - 2, &e),
            "ledger.token-behind");
    OK(engine_check_mark(engine, order.sign.counter + order.sign.n - 1, &e));
}
END_TEST

START_TEST(what_was_signed_stands_in_the_ledger)
{
    (void)whole_batch(300, NULL);
    begin_batch();
    lend();
    ck_assert(turn());
    OK(engine_flush(engine, true, &e));
    OK(sound_check(store, &e));
    OK(store_run(store, &e, "UPDATE slice SET n = n - 1", ""));
    REFUSED(sound_check(store, &e), "audit.ledger");
    OK(store_run(store, &e, "UPDATE slice SET n = n + 1", ""));
    OK(sound_check(store, &e));
    OK(store_run(store, &e, "UPDATE mark SET last = last - 299", ""));
    REFUSED_SAYING(sound_check(store, &e), "audit.ledger", "set aside");
    OK(store_run(store, &e, "UPDATE mark SET last = last + 299", ""));
    OK(store_run(store, &e, "DELETE FROM slice", ""));
    REFUSED_SAYING(sound_check(store, &e), "audit.ledger", "does not hold");
}
END_TEST

static uint32_t lent_to(unsigned signers, uint64_t lent, uint32_t least, uint32_t most)
{
    uint64_t first;
    uint32_t n;

    OK(engine_lease(
        engine, &(struct engine_share){signers, .lent = lent, .least = least, .most = most},
        &first, &n, &e));
    return n;
}

START_TEST(a_lease_is_a_share_of_the_rows)
{
    (void)whole_batch(4000, NULL);
    begin_batch();
    scene.config.counter.block = 8192;
    ck_assert_uint_eq(lent_to(1, 0, 512, UINT32_MAX), 4000);
    ck_assert_uint_eq(lent_to(3, 0, 512, UINT32_MAX), 1334);
    ck_assert_uint_eq(lent_to(100, 0, 512, UINT32_MAX), 512); /* enough to be busy with */
    ck_assert_uint_eq(lent_to(1, 0, 1, 4), 4);                /* of a token that is slow */
    ck_assert_uint_eq(lent_to(2, 3990, 1, 40),
                      5); /* the others have counters for the rest */
    ck_assert_uint_eq(lent_to(2, 3999, 512, UINT32_MAX), 1);
    ck_assert_uint_eq(lent_to(2, 4000, 512, UINT32_MAX), 0);
    scene.config.counter.block = 256;
    ck_assert_uint_eq(lent_to(1, 0, 512, UINT32_MAX), 256);
}
END_TEST

/* --- leaving --- */

START_TEST(orders_that_are_out_when_a_batch_ends_are_void)
{
    int64_t id = whole_batch(300, NULL);

    begin_batch();
    ck_assert(turn());
    ck_assert(plan());
    OK(engine_end(engine, BATCH_HELD, "token.gone", "signer: token.gone: Jos\xe9", &e));
    ck_assert_int_eq(batch_now(id).state, BATCH_HELD);
    ck_assert_str_eq(batch_now(id).reason, "signer: token.gone: Jos?");
    ck_assert_str_eq(batch_now(id).rule, "token.gone");
    ck_assert_int_eq(batch_now(id).signed_, 100);
    ck_assert_int_eq(audited("ORDERS_VOID"), 1);
    OK(engine_end(engine, BATCH_STOPPED, "", "nothing to end", &e));
    ck_assert_int_eq(batch_now(id).state, BATCH_HELD);
    OK(engine_lost(engine, &order, "late", &e)); /* of no batch any more */
    OK(queue_state(store, id, BATCH_QUEUED, "", "", 1, &e));
    begin_batch();
    run_to_the_end();
    all_is_accounted_for(id, 300);
}
END_TEST

START_TEST(a_batch_put_down_says_nothing)
{
    int64_t id = whole_batch(300, NULL);
    int64_t records;

    begin_batch();
    ck_assert(turn());
    OK(engine_flush(engine, true, &e));
    records = number("SELECT count(*) FROM audit");
    engine_drop(engine);
    ck_assert_ptr_null(engine_batch(engine));
    ck_assert_int_eq(number("SELECT count(*) FROM audit"), records);
    begin_batch();
    run_to_the_end();
    all_is_accounted_for(id, 300);
}
END_TEST

START_TEST(little_is_flushed_late_and_much_at_once)
{
    int64_t id = whole_batch(3000, NULL);

    scene.config.counter.block = 8192;
    begin_batch();
    ck_assert(turn());
    ck_assert_int_eq(batch_now(id).signed_, 0);
    for (int i = 0; i < 7; i++)
        ck_assert(turn());
    ck_assert_int_eq(batch_now(id).signed_, 800); /* eight slices */
    rows_per_order = 256;
    for (int i = 0; i < 4; i++)
        ck_assert(turn());
    ck_assert_int_eq(batch_now(id).signed_, 1824); /* a thousand rows and more */
}
END_TEST

START_TEST(a_store_that_fails_stops_the_engine)
{
    bool busy;

    (void)whole_batch(10, NULL);
    OK(store_run(store, &e, "DROP TABLE slice", ""));
    ck_assert(!engine_pick(engine, &busy, &e));
    ck_assert_int_eq(e.code, ERR_STORE);
    ck_assert(store_failed(store));
}
END_TEST

KIT_MAIN("engine_trouble", engine_kit_begin, engine_kit_end,
         of_an_answer_with_a_bad_signature_nothing_is_kept,
         signatures_in_other_places_are_bad_ones, an_answer_to_another_order_is_refused,
         a_batch_is_done_only_when_the_ledger_says_so,
         a_refusal_between_orders_stops_signing, a_window_that_closes_stops_signing,
         a_batch_whose_authority_is_gone_is_passed_over,
         what_the_machine_lacks_is_held_for_a_person, a_damaged_selection_is_held,
         a_database_of_yesterday_is_noticed, a_token_without_its_mark_is_noticed,
         what_was_signed_stands_in_the_ledger, a_lease_is_a_share_of_the_rows,
         a_person_says_where_the_sequence_begins, a_lease_is_on_disk_before_it_is_lent,
         orders_that_are_out_when_a_batch_ends_are_void, a_batch_put_down_says_nothing,
         little_is_flushed_late_and_much_at_once, a_store_that_fails_stops_the_engine)
