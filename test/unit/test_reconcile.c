/* SPDX-License-Identifier: MIT
 *
 * Answers of devices with keys of their own, made by our encoder and bent before or after
 * they are signed.
 */
#include "desk_kit.h"
#include "device_query.h"
#include "message.h"
#include "preflight.h"
#include "reconcile.h"
#include "sent.h"

#define DEVICES 4 /* the last one has no key in the roster, the third one cell */

static struct reconcile *rec;
static EVP_PKEY *device_keys[DEVICES];
static struct message m;
static uint8_t *octets;
static size_t len;
static struct reconcile_read read_;
static int64_t batch_id;
static struct eui64 originator;
static struct key_id new_ds, new_ka;

static void compressed(EVP_PKEY *key, char out[67])
{
    struct span point = pki_point(key);

    (void)strcpy(out, (point.at[64] & 1) ? "03" : "02");
    hex_encode(point.at + 1, 32, out + 2);
    free((void *)(uintptr_t)point.at);
}

static struct key_id ski_of(X509 *x)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(x);
    struct key_id k;

    ck_assert_int_eq(ASN1_STRING_length(id), 8);
    memcpy(k.b, ASN1_STRING_get0_data(id), 8);
    return k;
}

static void setup(void)
{
    char text[1024] = "device,type,status,cells,ds\n";
    char ds[67];

    engine_kit_begin();
    for (uint32_t i = 0; i < DEVICES; i++) {
        device_keys[i] = pki_key_new();
        compressed(device_keys[i], ds);
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "00DB%012X,ESME,commissioned,%s,%s\n", i,
                       i == 2 ? "supplier-ds" : "", i == DEVICES - 1 ? "" : ds);
    }
    use_roster(text);
    keep_decision();
    batch_id = put_batch(DEVICES, span_of(NULL, 0));
    begin_batch();
    run_to_the_end();
    originator = scene.trust.keys[SCENE_RECOVERY].cert.at[0].eui;
    new_ds = ski_of(scene.new_ds.cert);
    new_ka = ski_of(scene.new_ka.cert);
    octets = NULL;
    OK(reconcile_open(store, "I-1", kit_lists(), &rec, &e));
}

static void teardown(void)
{
    reconcile_close(rec);
    free(octets);
    for (size_t i = 0; i < DEVICES; i++)
        EVP_PKEY_free(device_keys[i]);
    engine_kit_end();
}

static void reopen(void)
{
    reconcile_close(rec);
    rec = NULL;
    OK(reconcile_open(store, "I-1", kit_lists(), &rec, &e));
}

/* --- making answers --- */

static void result(enum cell cell, unsigned status, const struct key_id *key)
{
    static const uint8_t old_key[8] = {9};
    struct payload_result *r = &m.body.reply.results[m.body.reply.n_results++];

    r->cell = payload_cell(cell);
    r->status = status;
    r->old_uid = r->new_uid = span_of(scene.supplier.b, 8);
    r->old_key = span_of(old_key, 8);
    r->new_key = span_of(key->b, 8);
}

/* The command last signed for row i. */
static void signed_for(uint32_t row, int64_t *batch, uint64_t *counter)
{
    struct sent sent;
    struct sent_row at = {.device = *kit_device(row)};

    OK(sent_open(store, "I-1", kit_lists(), &sent, &e));
    OK(sent_page(&sent, &at, 1, &e));
    *batch = at.batch;
    *counter = at.counter;
    sent_row_done(&at);
    sent_close(&sent);
}

/* To the command of row i, under its counter: accepted, and no more yet. */
static void answer_of(uint32_t row)
{
    struct roster_row r;
    uint64_t counter;
    int64_t batch;

    memset(&m, 0, sizeof m);
    signed_for(row, &batch, &counter);
    ck_assert_int_ne(batch, 0);
    roster_get(&scene.roster, row, &r);
    m.kind = MESSAGE_RESPONSE;
    m.form = FORM_SIGNED;
    m.code = 0x0108;
    m.counter = counter;
    m.originator = r.device;
    m.recipient = originator;
    m.payload_kind = PAYLOAD_ANSWER;
}

/* ... executed, with results still to come. */
static void executed(uint32_t row)
{
    answer_of(row);
    m.body.reply.has_outcome = true;
    m.body.reply.counter = m.counter;
    m.body.reply.mode = MODE_ANY_BY_RECOVERY;
}

static void good_answer(uint32_t row)
{
    executed(row);
    result(CELL_SUPPLIER_DS, 0, &new_ds);
    if (row != 2)
        result(CELL_SUPPLIER_KA, 0, &new_ka);
}

static bool yes(void *arg)
{
    (void)arg;
    return true;
}

static void encode(void)
{
    free(octets);
    octets = NULL;
    OK(message_encode(&m, &octets, &len, &e));
}

/* Signed with that key, as the octets stand. */
static void sign_with(EVP_PKEY *key)
{
    struct token_fake t;
    struct token *port = token_fake_init(&t, &key, 1);
    struct message again;
    struct digest d;
    struct token_run run;

    encode();
    OK(message_decode(span_of(octets, len), &again, &e));
    d = digest_of(again.signed_octets, span_of(NULL, 0));
    message_done(&again);
    OK(token_sign(port, 0, &d, &m.sig, 1, yes, NULL, &run, &e));
    encode();
}

static enum reconcile_verdict take(void)
{
    enum reconcile_verdict v;

    reconcile_read(kit_lists(), span_of(octets, len), &read_);
    OK(reconcile_take(rec, &read_, 42, &v, &e));
    reconcile_read_done(&read_);
    return v;
}

static enum reconcile_verdict taken(uint32_t row)
{
    sign_with(device_keys[row]);
    return take();
}

/* --- looking --- */

static bool copy_text(void *arg, const struct store_row *r)
{
    (void)snprintf(arg, 512, "%s", store_text(r, 0));
    return false;
}

static void outcome_is(uint32_t row, const char *state, int64_t attempts)
{
    char text[512] = "none";

    OK(store_each(store, copy_text, text, &e,
                  "SELECT state || ' ' || attempts || ' ' || type FROM outcome"
                  " WHERE incident = 'I-1' AND device = ?1",
                  "b", span_of(kit_device(row)->b, 8)));
    if (state == NULL) {
        ck_assert_str_eq(text, "none");
        return;
    }
    {
        char want[64];

        (void)snprintf(want, sizeof want, "%s %d ESME", state, (int)attempts);
        ck_assert_str_eq(text, want);
    }
}

static void set_aside(const char *rule)
{
    char text[512] = "nothing";

    OK(store_each(store, copy_text, text, &e,
                  "SELECT rule FROM aside WHERE message = ?1 ORDER BY n DESC LIMIT 1", "b",
                  span_of(octets, len)));
    ck_assert_str_eq(text, rule);
}

static void aside(uint32_t key_of, const char *rule)
{
    sign_with(device_keys[key_of]);
    ck_assert_int_eq(take(), RECONCILE_ASIDE);
    set_aside(rule);
}

/* --- outcomes --- */

START_TEST(a_device_that_replaced_every_cell_is_a_success)
{
    char cells[512];

    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    outcome_is(0, "success", 1);
    OK(store_each(store, copy_text, cells, &e, "SELECT cells FROM outcome", ""));
    ck_assert_ptr_nonnull(strstr(cells, "\"supplier-ds\":{\"status\":0"));
    ck_assert_ptr_nonnull(strstr(cells, "\"new_party\":\"90B3D51F30010000\""));
    good_answer(2); /* one cell was asked for, one is enough */
    ck_assert_int_eq(taken(2), RECONCILE_SUCCESS);
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), 0);
}
END_TEST

START_TEST(some_cells_are_partly)
{
    executed(0);
    result(CELL_SUPPLIER_DS, 0, &new_ds);
    result(CELL_SUPPLIER_KA, 5, &new_ka);
    ck_assert_int_eq(taken(0), RECONCILE_PARTLY);
    outcome_is(0, "partly", 1);
    executed(1); /* says nothing of the second cell */
    result(CELL_SUPPLIER_DS, 0, &new_ds);
    ck_assert_int_eq(taken(1), RECONCILE_PARTLY);
}
END_TEST

START_TEST(one_cell_named_twice_is_not_two)
{
    executed(0);
    result(CELL_SUPPLIER_DS, 0, &new_ds);
    result(CELL_SUPPLIER_DS, 0, &new_ds);
    ck_assert_int_eq(taken(0), RECONCILE_PARTLY);
}
END_TEST

START_TEST(another_key_than_the_one_sent_is_no_replacement)
{
    executed(0);
    result(CELL_SUPPLIER_DS, 0, &new_ds);
    result(CELL_SUPPLIER_KA, 0, &new_ds);
    ck_assert_int_eq(taken(0), RECONCILE_PARTLY);
    executed(1);
    result(CELL_ROOT, 0, &new_ds); /* a cell the decision does not have */
    ck_assert_int_eq(taken(1), RECONCILE_FAILED);
}
END_TEST

START_TEST(no_cell_is_a_failure)
{
    executed(0);
    result(CELL_SUPPLIER_DS, 5, &new_ds);
    result(CELL_SUPPLIER_KA, 6, &new_ka);
    ck_assert_int_eq(taken(0), RECONCILE_FAILED);
    outcome_is(0, "failed", 1);
    executed(1);
    ck_assert_int_eq(taken(1), RECONCILE_FAILED);
}
END_TEST

START_TEST(accepted_first_and_executed_later)
{
    answer_of(0);
    ck_assert_int_eq(taken(0), RECONCILE_ACCEPTED);
    outcome_is(0, "accepted", 1);
    ck_assert_int_eq(taken(0), RECONCILE_ACCEPTED); /* said twice: the same */
    good_answer(0);
    m.kind = MESSAGE_ALERT;
    m.code = MESSAGE_CS02B_ALERT;
    m.payload_kind = PAYLOAD_ALERT;
    m.counter = 999999; /* an alert's own */
    m.body.reply.alert_code = 0x8F66;
    memcpy(m.body.reply.execution_time, "20270115090000Z", 16);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    outcome_is(0, "success", 1);
    answer_of(0);
    aside(0, "response.duplicate");
    outcome_is(0, "success", 1);
}
END_TEST

START_TEST(unknown_and_unreachable_are_not_the_last_word)
{
    static const char *const states[] = {"unknown", "unreachable"};

    for (uint32_t i = 0; i < 2; i++) {
        answer_of(i);
        ck_assert_int_eq(taken(i), RECONCILE_ACCEPTED);
        OK(store_run(store, &e, "UPDATE outcome SET state = ?1 WHERE device = ?2", "tb",
                     states[i], span_of(kit_device(i)->b, 8)));
        good_answer(i);
        ck_assert_int_eq(taken(i), RECONCILE_SUCCESS);
    }
}
END_TEST

START_TEST(lengths_longer_than_needed_count)
{
    good_answer(0);
    m.content_octets = 4;
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
}
END_TEST

/* --- what is set aside --- */

START_TEST(a_forged_answer_counts_for_nothing)
{
    good_answer(0);
    aside(1, "response.forged");
    sign_with(device_keys[0]);
    for (size_t i = 0; i < 64; i++) { /* each octet of the signature */
        octets[len - 1 - i] ^= 1;
        ck_assert_int_eq(take(), RECONCILE_ASIDE);
        octets[len - 1 - i] ^= 1;
    }
    outcome_is(0, NULL, 0);
    ck_assert_int_eq(take(), RECONCILE_SUCCESS);
}
END_TEST

START_TEST(no_octet_of_an_answer_can_be_changed)
{
    good_answer(0);
    sign_with(device_keys[0]);
    for (size_t i = 0; i < len - 64; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            octets[i] ^= (uint8_t)(1 << bit);
            ck_assert_int_eq(take(), RECONCILE_ASIDE);
            octets[i] ^= (uint8_t)(1 << bit);
        }
    outcome_is(0, NULL, 0);
}
END_TEST

START_TEST(each_stray_answer_has_its_reason)
{
    good_answer(0);
    m.originator.b[0] ^= 1;
    aside(0, "response.unknown-device");
    good_answer(0);
    m.originator.b[7] ^= 1; /* device 1 did not get that counter */
    aside(1, "response.unmatched");
    good_answer(0);
    m.counter = ++m.body.reply.counter;
    aside(0, "response.unmatched");
    good_answer(0);
    m.recipient.b[7] ^= 1;
    aside(0, "response.mismatched");
    good_answer(DEVICES - 1);
    aside(DEVICES - 1, "response.no-device-key");
    good_answer(0);
    m.body.reply.counter++;
    aside(0, "response.inconsistent");
    good_answer(0);
    m.form = FORM_NULL;
    encode();
    ck_assert_int_eq(take(), RECONCILE_ASIDE);
    set_aside("response.unsigned");
    ck_assert_int_eq(number("SELECT count(*) FROM outcome"), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), 7);
}
END_TEST

START_TEST(what_is_no_answer_is_kept_aside_too)
{
    enum reconcile_verdict v;

    answer_of(0);
    encode();
    len /= 2;
    ck_assert_int_eq(take(), RECONCILE_ASIDE);
    reconcile_read(kit_lists(), span_of(NULL, 0), &read_);
    OK(reconcile_take(rec, &read_, 42, &v, &e));
    reconcile_read_done(&read_);
    ck_assert_int_eq(v, RECONCILE_ASIDE);
    OK(reconcile_aside(rec, span_of("zz", 2), "response.hex", "not hexadecimal", 42, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), 3);
    ck_assert_int_eq(number("SELECT count(*) FROM aside WHERE rule = 'response.hex'"
                            " AND message = x'7a7a' AND at_us = 42"),
                     1);
}
END_TEST

/* The linker puts this one in the way of message_decode. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier): --wrap makes the name */
bool __real_message_decode(struct span from, struct message *to, struct err *why);
/* NOLINTNEXTLINE(bugprone-reserved-identifier): likewise */
bool __wrap_message_decode(struct span from, struct message *to, struct err *why);

static int decoded;

/* NOLINTNEXTLINE(bugprone-reserved-identifier): likewise */
bool __wrap_message_decode(struct span from, struct message *to, struct err *why)
{
    decoded++;
    return __real_message_decode(from, to, why);
}

START_TEST(an_answer_is_decoded_once)
{
    good_answer(0);
    sign_with(device_keys[0]);
    decoded = 0;
    ck_assert_int_eq(take(), RECONCILE_SUCCESS);
    ck_assert_int_eq(decoded, 1);
    ck_assert_int_eq(take(), RECONCILE_ASIDE);
    ck_assert_int_eq(decoded, 2);
    len--; /* junk is, too */
    ck_assert_int_eq(take(), RECONCILE_ASIDE);
    ck_assert_int_eq(decoded, 3);
}
END_TEST

static int64_t asides;

static bool add_asides(void *arg, const char *rule, int64_t n)
{
    if (strcmp(rule, arg) == 0)
        asides += n;
    return true;
}

START_TEST(of_a_flood_some_are_kept_and_all_are_counted)
{
    char junk[] = "response.hex";

    OK(store_begin(store, &e));
    for (int i = 0; i < RECONCILE_KEPT_MAX + 5; i++)
        OK(reconcile_aside(rec, span_of("zz", 2), "response.hex", "junk", 42, &e));
    OK(store_commit(store, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), RECONCILE_KEPT_MAX);
    OK(reconcile_asides(store, "I-1", add_asides, junk, &e));
    ck_assert_int_eq(asides, RECONCILE_KEPT_MAX + 5);
    /* it drowns nothing else, nor another incident's */
    good_answer(0);
    aside(1, "response.forged");
    ck_assert_str_eq(reconcile_rule(rec), "response.forged");
    reconcile_close(rec);
    rec = NULL;
    OK(reconcile_open(store, "I-2", kit_lists(), &rec, &e));
    OK(reconcile_aside(rec, span_of("zz", 2), "response.hex", "junk", 42, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM aside"), RECONCILE_KEPT_MAX + 2);
}
END_TEST

START_TEST(what_was_answered_before_fits)
{
    ck_assert(reconcile_fits("response.duplicate"));
    ck_assert(reconcile_fits("response.stale"));
    ck_assert(!reconcile_fits("response.unmatched"));
    ck_assert(!reconcile_fits("response.unknown-device"));
    ck_assert(!reconcile_fits("message.length"));
}
END_TEST

START_TEST(the_same_answer_twice_counts_once)
{
    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    ck_assert_int_eq(take(), RECONCILE_ASIDE);
    set_aside("response.duplicate");
    executed(0); /* nor a different one to the same command */
    result(CELL_SUPPLIER_DS, 5, &new_ds);
    aside(0, "response.duplicate");
    outcome_is(0, "success", 1);
}
END_TEST

START_TEST(an_answer_to_an_earlier_command_is_stale)
{
    struct message old;

    executed(0);
    result(CELL_SUPPLIER_DS, 5, &new_ds);
    old = m;
    (void)put_batch(DEVICES, span_of(NULL, 0));
    begin_batch();
    run_to_the_end();
    reopen();
    good_answer(0);
    ck_assert_uint_gt(m.counter, old.counter);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    m = old;
    aside(0, "response.stale");
    outcome_is(0, "success", 1);
}
END_TEST

START_TEST(a_second_attempt_is_counted)
{
    executed(0);
    result(CELL_SUPPLIER_DS, 5, &new_ds);
    ck_assert_int_eq(taken(0), RECONCILE_FAILED);
    (void)put_batch(DEVICES, span_of(NULL, 0));
    begin_batch();
    run_to_the_end();
    reopen();
    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    outcome_is(0, "success", 2);
}
END_TEST

/* A batch of another organisation, as in a hand-back, whose counters are its own. */
static void batch_of_another(uint64_t counter)
{
    struct slice sl = {.pos = 0, .span = DEVICES, .n = DEVICES, .counter = counter};

    sl.batch = put_batch(DEVICES, span_of(NULL, 0));
    for (uint32_t i = 0; i < DEVICES; i++)
        sl.rows[i] = i;
    OK(ledger_put(store, &sl, &e));
    originator = scene.trust.keys[SCENE_ACB].cert.at[0].eui;
    OK(store_run(store, &e,
                 "UPDATE batch SET originator = ?1, started_us = 1 WHERE id = ?2", "bi",
                 span_of(originator.b, 8), sl.batch));
    reopen();
}

START_TEST(counters_of_two_organisations_do_not_mix)
{
    struct message first;

    good_answer(0);
    first = m;
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    batch_of_another(5); /* later, though its counter is lower */
    executed(0);
    ck_assert_uint_eq(m.counter, 5);
    result(CELL_SUPPLIER_DS, 5, &new_ds);
    ck_assert_int_eq(taken(0), RECONCILE_FAILED);
    outcome_is(0, "failed", 2);
    m = first;
    aside(0, "response.stale");
}
END_TEST

START_TEST(a_refusal_leaves_what_an_earlier_command_placed)
{
    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    batch_of_another(5);
    executed(0);
    result(CELL_SUPPLIER_DS, 5, &new_ds);
    m.body.reply.results[0].old_key = span_of(new_ds.b, 8); /* it lies there still */
    ck_assert_int_eq(taken(0), RECONCILE_FAILED);           /* of this command */
    outcome_is(0, "partly", 2);
}
END_TEST

START_TEST(one_counter_of_two_organisations_is_told_apart)
{
    struct message first;

    good_answer(0);
    first = m;
    batch_of_another(first.counter);
    m = first;
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    ck_assert_int_eq(number("SELECT batch FROM outcome"), batch_id);
    good_answer(0);
    ck_assert_mem_eq(&m.recipient, &originator, 8);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    outcome_is(0, "success", 2);
}
END_TEST

START_TEST(the_latest_of_many_batches_is_known)
{
    for (int i = 0; i < 300; i++) {
        int64_t id = put_batch(DEVICES, span_of(NULL, 0));

        OK(queue_state(store, id, BATCH_RUNNING, "", "", 1, &e));
        OK(queue_state(store, id, BATCH_STOPPED, "", "", 1, &e));
    }
    batch_of_another(7);
    good_answer(0);
    ck_assert_uint_eq(m.counter, 7);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
}
END_TEST

START_TEST(a_selection_is_matched_by_its_rows)
{
    static const uint8_t rows[8] = {0, 0, 0, 1, 0, 0, 0, 2};
    int64_t id = put_batch(2, span_of(rows, 8));
    uint64_t counter;
    int64_t batch;

    begin_batch();
    run_to_the_end();
    reopen();
    signed_for(1, &batch, &counter);
    ck_assert_int_eq(batch, id);
    signed_for(0, &batch, &counter);
    ck_assert_int_eq(batch, batch_id);
    good_answer(2);
    ck_assert_int_eq(taken(2), RECONCILE_SUCCESS);
    ck_assert_int_eq(number("SELECT batch FROM outcome"), id);
    OK(store_run(store, &e, "UPDATE batch_rows SET list = x'00' WHERE batch = ?1", "i",
                 id));
    reconcile_close(rec);
    rec = NULL;
    REFUSED(reconcile_open(store, "I-1", kit_lists(), &rec, &e), "store.failed");
}
END_TEST

/* --- who held the cells before --- */

static void cells_say(uint32_t row, const char *words)
{
    char text[512] = "";

    OK(store_each(store, copy_text, text, &e, "SELECT cells FROM outcome WHERE device = ?1",
                  "b", span_of(kit_device(row)->b, 8)));
    ck_assert_msg(strstr(text, words) != NULL, "%s", text);
}

static const struct key_id forgotten = {{7, 7, 7}};

/* The answer of row i says that this key of that party lay in both of its cells. */
static void held_before(uint32_t row, const struct eui64 *party, const struct key_id *key)
{
    good_answer(row);
    for (size_t i = 0; i < m.body.reply.n_results; i++) {
        m.body.reply.results[i].old_uid = span_of(party->b, 8);
        m.body.reply.results[i].old_key = span_of(key->b, 8);
    }
}

static void held_is(uint32_t row, enum outcome_held want)
{
    struct outcome o;
    bool found;

    ck_assert_int_eq(reconcile_held(rec), want);
    OK(outcome_get(store, "I-1", kit_device(row), &o, NULL, &found, &e));
    ck_assert(found);
    ck_assert_int_eq(o.held, want);
}

START_TEST(a_devices_word_tells_who_held_its_cells)
{
    static const struct eui64 other = {{0x90, 0xb3, 0xd5, 1}};
    struct key_id old_ds = ski_of(scene.old_ds.cert);
    int64_t n[OUTCOME_HELD_COUNT];

    held_before(0, &other, &forgotten); /* the customer changed supplier */
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    held_is(0, OUTCOME_HELD_OTHER);
    cells_say(0, "\"held\":\"another-party\"");
    held_before(1, &scene.supplier, &forgotten); /* a key that nobody named */
    m.body.reply.results[1].old_key = span_of(new_ka.b, 8);
    ck_assert_int_eq(taken(1), RECONCILE_SUCCESS);
    held_is(1, OUTCOME_HELD_UNKNOWN); /* the worst of its cells */
    cells_say(1, "\"held\":\"unknown-key\"");
    cells_say(1, "\"held\":\"already-replaced\"");
    held_before(2, &scene.supplier, &old_ds);
    ck_assert_int_eq(taken(2), RECONCILE_SUCCESS);
    held_is(2, OUTCOME_HELD_EXPECTED);
    OK(outcome_count_held(store, "I-1", n, &e));
    ck_assert(n[OUTCOME_HELD_OTHER] == 1 && n[OUTCOME_HELD_UNKNOWN] == 1 &&
              n[OUTCOME_HELD_EXPECTED] == 1 && n[OUTCOME_HELD_UNTOLD] == 0);
}
END_TEST

START_TEST(what_an_earlier_command_placed_is_expected)
{
    batch_of_another(7); /* places the same: it lies there already */
    held_before(0, &scene.supplier, &new_ds);
    m.body.reply.results[1].old_key = span_of(new_ka.b, 8);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    held_is(0, OUTCOME_HELD_REPLACED);
}
END_TEST

/* --- asking (CS02a) --- */

static void marked(uint32_t row, const char *state)
{
    struct roster_row r;

    roster_get(&scene.roster, row, &r);
    OK(reconcile_mark(rec, &r.device, state, "the line broke", "uid 1", 42, &e));
}

static uint64_t question; /* of whoever asks */

/* A report of row i: which key is in which of the supplier's cells. */
static void report_of(uint32_t row, const struct key_id *ds, const struct key_id *ka)
{
    struct payload_details *d = &m.body.report.roles[0];

    answer_of(row);
    memset(&m.body, 0, sizeof m.body);
    m.code = MESSAGE_CS02A;
    m.counter = ++question;
    m.payload_kind = PAYLOAD_REPORT;
    m.body.report.n_roles = 1;
    d->role = ROLE_SUPPLIER;
    d->has_cells = true;
    for (const struct key_id *key = ds; key != NULL; key = key == ds ? ka : NULL) {
        d->cells[d->n_cells].usage =
            payload_cell(key == ds ? CELL_SUPPLIER_DS : CELL_SUPPLIER_KA).usage;
        d->cells[d->n_cells].uid = span_of(scene.supplier.b, 8);
        d->cells[d->n_cells++].key = span_of(key->b, 8);
    }
}

START_TEST(what_a_device_holds_settles_what_is_unclear)
{
    static const char *const states[] = {"unknown", "unreachable", "unknown"};
    static const struct key_id old = {{9}};

    for (uint32_t i = 0; i < 3; i++) {
        marked(i, states[i]);
        if (i == 2)
            report_of(i, &new_ds, NULL); /* one cell was asked for, one is enough */
        else
            report_of(i, &new_ds, &new_ka);
        ck_assert_int_eq(taken(i), RECONCILE_SUCCESS);
        outcome_is(i, "success", 0);
        m.counter = ++question;
        aside(i, "response.unmatched"); /* there is nothing to settle any more */
    }
    ck_assert_int_eq(number("SELECT min(batch) FROM outcome"), batch_id);
    OK(store_run(store, &e, "DELETE FROM outcome", ""));
    for (uint32_t i = 0; i < 2; i++) {
        marked(i, states[i]);
        report_of(i, &new_ds, &old); /* one of two is not there */
        ck_assert_int_eq(taken(i), RECONCILE_RESOLVED);
        outcome_is(i, "unreachable", 0);
        report_of(i, &new_ds, NULL);
        ck_assert_int_eq(taken(i), RECONCILE_RESOLVED);
    }
    report_of(0, &new_ds, &new_ka);
    aside(1, "response.forged");
    outcome_is(0, "unreachable", 0);
}
END_TEST

START_TEST(what_it_said_before_gives_way_to_what_it_holds)
{
    static const struct key_id other = {{9}};
    char text[1000] = "";

    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    OK(store_run(store, &e, "UPDATE outcome SET state = 'unknown'", ""));
    report_of(0, &other, &new_ka); /* somebody has placed another key meanwhile */
    ck_assert_int_eq(taken(0), RECONCILE_RESOLVED);
    outcome_is(0, "unreachable", 1);
    OK(store_each(store, copy_text, text, &e,
                  "SELECT coalesce(json_extract(cells, '$.supplier-ds.status'), 'none')"
                  " || ' ' || json_extract(cells, '$.supplier-ds.new_key') || ' '"
                  " || json_extract(cells, '$.supplier-ka.status') FROM outcome",
                  ""));
    ck_assert_str_eq(text, "none 0900000000000000 0");
}
END_TEST

/* --- GBCS 4.x: the load controller's cells --- */

static struct pki_pair load_ds, load_ka;
static struct key_id load_ds_key, load_ka_key;

/* A decision about them, signed for the first two devices. */
static void load_batch(void)
{
    static const uint8_t rows[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    X509 *list[4] = {scene.old_ds.cert, scene.old_ka.cert};
    struct pki_spec spec = {.role = ROLE_LOAD_CONTROLLER,
                            .eui = &scene.supplier,
                            .usage = KU_DIGITAL_SIGNATURE,
                            .issuer = &scene.issuing,
                            .not_before = SCENE_NOW / 1000000 - 3600};

    load_ds = pki_issue(&spec);
    spec.usage = KU_KEY_AGREEMENT;
    load_ka = pki_issue(&spec);
    load_ds_key = ski_of(load_ds.cert);
    load_ka_key = ski_of(load_ka.cert);
    list[2] = load_ds.cert;
    list[3] = load_ka.cert;
    scene.config.command.load_cells = true;
    scene_set(&scene, "id", json_string("D-2"));
    scene_set(&scene, "compromised",
              json_pack("[{ss,so,ss,ss},{ss,so,ss,ss}]", "cell", "load-ds", "certificate",
                        scene_digest(scene.old_ds.cert), "certainty", "actual", "cause",
                        "exposed", "cell", "load-ka", "certificate",
                        scene_digest(scene.old_ka.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(&scene, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "load-ds", "certificate",
                        scene_digest(load_ds.cert), "cell", "load-ka", "certificate",
                        scene_digest(load_ka.cert)));
    scene_bundle(&scene, list, 4);
    scene_sign(&scene, 2);
    keep_decision();
    batch_id = put_batch(2, span_of(rows, sizeof rows));
    begin_batch();
    run_to_the_end();
    reopen();
}

static void load_done(void)
{
    pki_pair_done(&load_ds);
    pki_pair_done(&load_ka);
}

/* What a device answers to a supplier's CS02g, with results still to come. */
static void load_answer(uint32_t row)
{
    executed(row);
    m.code = MESSAGE_CS02G;
    m.recipient = scene.supplier;
    m.counter = m.body.reply.counter = 1000000 + row;
    m.body.reply.mode = MODE_LOAD_BY_SUPPLIER;
}

static void load_result(enum cell cell, const struct key_id *was, const struct key_id *is)
{
    result(cell, 0, is);
    m.body.reply.results[m.body.reply.n_results - 1].old_key = span_of(was->b, 8);
}

static void load_report(uint32_t row, const struct key_id *ds, const struct key_id *ka)
{
    report_of(row, ds, ka);
    m.code = MESSAGE_CS02F;
    m.body.report.roles[0].role = ROLE_LOAD_CONTROLLER;
}

START_TEST(cs02f_settles_what_a_load_controllers_cells_hold)
{
    struct device_query_asker asker = {.party = {{7}}, .cell = CELL_TCOS_DS};
    struct device_query q;
    struct message asked;
    bool found;

    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    load_batch();
    OK(store_run(store, &e, "UPDATE outcome SET state = 'partly'", "")); /* more is asked */
    marked(0, "unknown");
    OK(device_query_next(rec, &asker, NULL, &q, &found, &e));
    ck_assert(found && eui64_cmp(&q.device, kit_device(0)) == 0);
    OK(message_decode(span_of(q.octets, q.len), &asked, &e));
    ck_assert_uint_eq(asked.code, MESSAGE_CS02F);
    ck_assert_uint_eq(asked.body.query.n_roles, 2);
    ck_assert_uint_eq(asked.body.query.roles[0], ROLE_SUPPLIER);
    ck_assert_uint_eq(asked.body.query.roles[1], ROLE_LOAD_CONTROLLER);
    message_done(&asked);
    load_report(0, &load_ds_key, &load_ka_key);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    outcome_is(0, "success", 1);
    cells_say(0, "told by CS02f");
    ck_assert_int_eq(number("SELECT batch FROM outcome WHERE device = x'00DB000000000000'"),
                     batch_id);
    marked(1, "unknown");
    load_report(1, &load_ds_key, NULL);
    ck_assert_int_eq(taken(1), RECONCILE_RESOLVED);
    outcome_is(1, "unreachable", 0);
    cells_say(1, "CS02f: the new keys are not there");
    load_done();
}
END_TEST

START_TEST(an_answer_to_an_earlier_question_is_stale)
{
    static const struct key_id old = {{9}};
    struct message early;

    marked(0, "unknown");
    report_of(0, &old, &forgotten);
    aside(1, "response.forged");
    early = m;
    ck_assert_int_eq(taken(0), RECONCILE_RESOLVED);
    marked(0, "unknown"); /* signed again, say, and not answered */
    aside(0, "response.duplicate");
    outcome_is(0, "unknown", 0);
    report_of(0, &new_ds, &old);
    ck_assert_int_eq(taken(0), RECONCILE_RESOLVED);
    marked(0, "unknown");
    m = early;
    aside(0, "response.stale");
    m.recipient.b[7] ^= 1; /* the counters of another party are its own */
    ck_assert_int_eq(taken(0), RECONCILE_RESOLVED);
}
END_TEST

START_TEST(what_a_device_tells_beforehand_is_kept_whatever_it_was_marked)
{
    static const struct eui64 other = {{1, 2, 3}};
    static const struct key_id theirs = {{9, 9}};

    OK(store_run(store, &e,
                 "INSERT INTO incident (id, title, route, state, initiator, subscriber,"
                 " replacement, exercise, opened_us, since_us, facts) VALUES ('I-1', '',"
                 " 'undecided', 'NONE', 'dcc', '90B3D51F30020001', '', 0, 1, 1, '{}')",
                 ""));
    for (uint32_t i = 0; i < 3; i++) {
        report_of(i, &theirs, &forgotten); /* before it is all set back */
        OK(store_run(store, &e, "UPDATE batch SET started_us = 0",
                     "")); /* none was signed */
        reopen();
        for (size_t c = 0; c < 2; c++)
            m.body.report.roles[0].cells[c].uid = span_of(other.b, 8);
        if (i == 1)
            marked(i, "unreachable");
        if (i == 2)
            marked(i, "unknown");
        OK(store_run(store, &e,
                     "INSERT OR REPLACE INTO roster (incident, version, sha256, rows,"
                     " by_type, at_us) VALUES ('I-1', 1, ?1, 4, '{}', 0)",
                     "b", span_of(scene.roster.digest.b, 32)));
        ck_assert_int_eq(taken(i), RECONCILE_TOLD);
        ck_assert_int_eq(reconcile_held(rec),
                         i == 2 ? OUTCOME_HELD_OTHER : OUTCOME_HELD_UNTOLD);
        ck_assert_int_eq(number("SELECT named FROM roster"), 1);
        OK(store_run(store, &e, "UPDATE batch SET started_us = 1", ""));
    }
    ck_assert_int_eq(number("SELECT count(*) FROM preflight"), 3);
    outcome_is(0, NULL, 0);
    outcome_is(2, "unreachable", 0); /* a command may be signed for it */
    /* of two nobody had said which cells it is about: the decision does */
    ck_assert_int_eq(number("SELECT count(*) FROM preflight WHERE held = 'another-party'"),
                     1);
    OK(store_run(store, &e,
                 "INSERT INTO bundle (incident, version, pem, certificates, added, removed,"
                 " actor, at_us) VALUES ('I-1', 1, ?1, 4, '[]', '[]', '', 0)",
                 "b", scene.pem));
    OK(preflight_again(store, NULL, kit_dir, "I-1", 43, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%DEVICES_HOLD_OTHERWISE%{\"another-party\":2}%'"),
                     1);
    ck_assert_int_eq(number("SELECT count(*) FROM notice WHERE kind ="
                            " 'DEVICES_HOLD_OTHERWISE' AND at_us = 43"),
                     5);
    ck_assert_int_eq(number("SELECT count(*) FROM preflight WHERE held = 'another-party'"
                            " AND cells LIKE '%\"held\":\"another-party\"%'"),
                     3);
}
END_TEST

START_TEST(what_one_command_did_to_its_cells_stays_when_another_does_others)
{
    executed(0);
    result(CELL_SUPPLIER_DS, 5, &new_ds);
    result(CELL_SUPPLIER_KA, 0, &new_ka);
    ck_assert_int_eq(taken(0), RECONCILE_PARTLY);
    good_answer(1);
    ck_assert_int_eq(taken(1), RECONCILE_SUCCESS);
    load_batch();
    for (uint32_t i = 0; i < 2; i++) {
        executed(i);
        result(CELL_LOAD_DS, 0, &load_ds_key);
        result(CELL_LOAD_KA, 0, &load_ka_key);
        ck_assert_int_eq(taken(i), RECONCILE_SUCCESS); /* of this command */
        cells_say(i, "supplier-ds");
        cells_say(i, "load-ka");
    }
    outcome_is(0, "partly", 2); /* one cell of the earlier one is as it was */
    outcome_is(1, "success", 2);
    load_done();
}
END_TEST

static void load_replaced(uint32_t row, unsigned status)
{
    executed(row);
    result(CELL_LOAD_DS, status, &load_ds_key);
    result(CELL_LOAD_KA, status, &load_ka_key);
}

START_TEST(what_another_command_asked_for_and_nobody_answered_is_owed)
{
    load_batch(); /* the answers to the first batch are lost */
    load_replaced(0, 0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS); /* of this command */
    outcome_is(0, "partly", 1);
    cells_say(0, "\"supplier-ka\":{\"owed\":\"");
    marked(0, "unknown");
    load_report(0, &load_ds_key, &load_ka_key); /* of these two, again */
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    outcome_is(0, "partly", 1);
    marked(0, "unknown");
    report_of(0, &new_ds, &new_ka);
    m.body.report.n_roles = 2;
    m.body.report.roles[1] = m.body.report.roles[0];
    m.body.report.roles[1].role = ROLE_LOAD_CONTROLLER;
    m.body.report.roles[1].cells[0].key = span_of(load_ds_key.b, 8);
    m.body.report.roles[1].cells[1].key = span_of(load_ka_key.b, 8);
    m.code = MESSAGE_CS02F;
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    outcome_is(0, "success", 1); /* of all four */
    load_done();
}
END_TEST

START_TEST(what_an_earlier_command_replaced_is_not_nothing)
{
    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    load_batch();
    for (uint32_t i = 0; i < 2; i++) {
        load_replaced(i, 5);
        ck_assert_int_eq(taken(i), RECONCILE_FAILED);
    }
    outcome_is(0, "partly", 2);
    outcome_is(1, "failed", 1);
    load_done();
}
END_TEST

START_TEST(the_keys_of_an_earlier_decision_are_not_those_of_the_last)
{
    struct pki_spec spec = {.role = ROLE_SUPPLIER,
                            .eui = &scene.supplier,
                            .usage = KU_DIGITAL_SIGNATURE,
                            .issuer = &scene.issuing,
                            .not_before = SCENE_NOW / 1000000 - 3600};
    struct pki_pair other = pki_issue(&spec);
    X509 *list[4] = {scene.old_ds.cert, scene.old_ka.cert, other.cert, scene.new_ka.cert};

    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    scene_set(&scene, "id", json_string("D-2"));
    scene_set(&scene, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(other.cert), "cell", "supplier-ka", "certificate",
                        scene_digest(scene.new_ka.cert)));
    scene_bundle(&scene, list, 4);
    scene_sign(&scene, 2);
    keep_decision();
    (void)put_batch(DEVICES, span_of(NULL, 0));
    begin_batch();
    run_to_the_end();
    reopen();
    OK(store_run(store, &e, "UPDATE outcome SET state = 'partly'", "")); /* more is asked */
    marked(0, "unknown"); /* the command was lost */
    report_of(0, &new_ds, &new_ka);
    (void)taken(0);
    outcome_is(0, "partly", 1);
    cells_say(0, "\"owed\":\"D-2\"");
    pki_pair_done(&other);
}
END_TEST

START_TEST(a_word_about_a_device_leaves_its_cells)
{
    executed(0);
    result(CELL_SUPPLIER_DS, 5, &new_ds);
    ck_assert_int_eq(taken(0), RECONCILE_FAILED);
    marked(0, "excused");
    outcome_is(0, "excused", 1);
    cells_say(0, "\"status\":5");
    cells_say(0, "the line broke");
    cells_say(0, "\"by\":\"uid 1\"");
}
END_TEST

START_TEST(a_word_about_a_device_makes_its_list_count)
{
    OK(store_run(store, &e,
                 "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us)"
                 " VALUES ('I-1', 1, ?1, 4, '{}', 0)",
                 "b", span_of(scene.roster.digest.b, 32)));
    ck_assert_int_eq(number("SELECT named FROM roster"), 0);
    marked(0, "unreachable");
    ck_assert_int_eq(number("SELECT named FROM roster"), 1);
}
END_TEST

START_TEST(an_answer_to_cs02g_tells_that_ours_was_carried_out)
{
    static const struct key_id theirs = {{9, 9}};

    for (uint32_t i = 0; i < 2; i++) {
        good_answer(i);
        ck_assert_int_eq(taken(i), RECONCILE_SUCCESS);
    }
    load_batch();
    OK(store_run(store, &e, "UPDATE outcome SET state = 'partly'", "")); /* more is asked */
    marked(0, "unknown");
    load_answer(0); /* there now */
    load_result(CELL_LOAD_DS, &theirs, &load_ds_key);
    load_result(CELL_LOAD_KA, &theirs, &load_ka_key);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    outcome_is(0, "success", 1);
    cells_say(0, "told by CS02g");
    ck_assert_int_eq(number("SELECT batch FROM outcome WHERE device = x'00DB000000000000'"),
                     batch_id);
    aside(0, "response.unmatched"); /* there is nothing to settle any more */
    marked(1, "unreachable");
    load_answer(1); /* there until the supplier's came */
    m.kind = MESSAGE_ALERT;
    m.code = MESSAGE_CS02G_ALERT;
    m.payload_kind = PAYLOAD_ALERT;
    memcpy(m.body.reply.execution_time, "20270115090000Z", 16);
    load_result(CELL_LOAD_DS, &load_ds_key, &theirs);
    load_result(CELL_LOAD_KA, &load_ka_key, &theirs);
    ck_assert_int_eq(taken(1), RECONCILE_SUCCESS);
    outcome_is(1, "success", 1);
    load_done();
}
END_TEST

START_TEST(an_answer_to_cs02g_tells_no_more_than_that)
{
    static const struct key_id theirs = {{9, 9}};

    load_batch();
    load_answer(0); /* nothing is unclear */
    load_result(CELL_LOAD_DS, &theirs, &load_ds_key);
    load_result(CELL_LOAD_KA, &theirs, &load_ka_key);
    aside(0, "response.unmatched");
    marked(0, "unknown");
    aside(1, "response.unmatched"); /* another device signed it */
    load_answer(0);
    load_result(CELL_LOAD_DS, &theirs, &load_ds_key); /* one of two */
    aside(0, "response.unmatched");
    load_result(CELL_LOAD_KA, &load_ds_key, &theirs); /* in the other cell */
    aside(0, "response.unmatched");
    load_answer(0); /* other cells than a load controller's */
    load_result(CELL_SUPPLIER_DS, &theirs, &load_ds_key);
    load_result(CELL_SUPPLIER_KA, &theirs, &load_ka_key);
    aside(0, "response.unmatched");
    load_answer(0); /* a command of another use case is nobody's */
    load_result(CELL_LOAD_DS, &theirs, &load_ds_key);
    load_result(CELL_LOAD_KA, &theirs, &load_ka_key);
    m.code = 0x0102;
    m.body.reply.mode = MODE_SUPPLIER_BY_SUPPLIER;
    aside(0, "response.unmatched");
    outcome_is(0, "unknown", 0);
    load_done();
}
END_TEST

START_TEST(who_is_unclear_is_asked_what_was_to_be_replaced)
{
    struct device_query_asker asker = {.party = {{7}}, .cell = CELL_TCOS_DS};
    struct device_query q;
    struct message asked;
    bool found;

    OK(device_query_next(rec, &asker, NULL, &q, &found, &e));
    ck_assert(!found);
    good_answer(0);
    ck_assert_int_eq(taken(0), RECONCILE_SUCCESS);
    marked(1, "unknown");
    marked(2, "excused");
    marked(3, "unreachable");
    OK(device_query_next(rec, &asker, NULL, &q, &found, &e));
    ck_assert(found && eui64_cmp(&q.device, kit_device(1)) == 0);
    OK(message_decode(span_of(q.octets, q.len), &asked, &e));
    ck_assert(asked.form == FORM_BARE && asked.counter == 0 &&
              asked.payload_kind == PAYLOAD_QUERY);
    ck_assert_mem_eq(&asked.originator, &asker.party, 8);
    ck_assert_mem_eq(&asked.recipient, &q.device, 8);
    ck_assert_uint_eq(asked.body.query.n_roles, 1); /* two cells of one role */
    ck_assert_uint_eq(asked.body.query.roles[0], ROLE_SUPPLIER);
    message_done(&asked);
    OK(device_query_next(rec, &asker, kit_device(1), &q, &found, &e));
    ck_assert(found && eui64_cmp(&q.device, kit_device(3)) == 0);
    OK(device_query_next(rec, &asker, kit_device(3), &q, &found, &e));
    ck_assert(!found);
    /* who has had no command is not asked what became of it */
    OK(store_run(store, &e, "DELETE FROM slice", ""));
    reopen();
    OK(device_query_next(rec, &asker, NULL, &q, &found, &e));
    ck_assert(!found);
}
END_TEST

START_TEST(only_a_party_with_a_signing_cell_asks)
{
    for (unsigned c = 0; c < CELL_COUNT; c++) {
        struct device_query_asker asker = {.cell = (enum cell)c};

        if (c == CELL_SUPPLIER_DS || c == CELL_NETWORK_DS || c == CELL_ACB_DS ||
            c == CELL_TCOS_DS || c == CELL_WAN_DS || c == CELL_LOAD_DS)
            OK(device_query_asker_check(&asker, &e));
        else
            REFUSED(device_query_asker_check(&asker, &e), "command.query");
    }
}
END_TEST

START_TEST(every_verdict_has_a_name)
{
    for (int v = 0; v < RECONCILE_VERDICTS; v++)
        ck_assert_str_ne(reconcile_verdict_name((enum reconcile_verdict)v), "unknown");
    ck_assert_str_eq(reconcile_verdict_name(RECONCILE_VERDICTS), "unknown");
}
END_TEST

KIT_MAIN("reconcile", setup, teardown, a_device_that_replaced_every_cell_is_a_success,
         some_cells_are_partly, one_cell_named_twice_is_not_two,
         another_key_than_the_one_sent_is_no_replacement, no_cell_is_a_failure,
         accepted_first_and_executed_later, unknown_and_unreachable_are_not_the_last_word,
         lengths_longer_than_needed_count, a_forged_answer_counts_for_nothing,
         no_octet_of_an_answer_can_be_changed, each_stray_answer_has_its_reason,
         what_is_no_answer_is_kept_aside_too, an_answer_is_decoded_once,
         of_a_flood_some_are_kept_and_all_are_counted, what_was_answered_before_fits,
         the_same_answer_twice_counts_once, an_answer_to_an_earlier_command_is_stale,
         a_second_attempt_is_counted, counters_of_two_organisations_do_not_mix,
         a_refusal_leaves_what_an_earlier_command_placed,
         one_counter_of_two_organisations_is_told_apart,
         the_latest_of_many_batches_is_known, a_selection_is_matched_by_its_rows,
         a_devices_word_tells_who_held_its_cells,
         what_an_earlier_command_placed_is_expected,
         an_answer_to_an_earlier_question_is_stale,
         what_a_device_tells_beforehand_is_kept_whatever_it_was_marked,
         what_one_command_did_to_its_cells_stays_when_another_does_others,
         a_word_about_a_device_leaves_its_cells, a_word_about_a_device_makes_its_list_count,
         what_another_command_asked_for_and_nobody_answered_is_owed,
         what_an_earlier_command_replaced_is_not_nothing,
         the_keys_of_an_earlier_decision_are_not_those_of_the_last,
         what_a_device_holds_settles_what_is_unclear,
         what_it_said_before_gives_way_to_what_it_holds,
         cs02f_settles_what_a_load_controllers_cells_hold,
         an_answer_to_cs02g_tells_that_ours_was_carried_out,
         an_answer_to_cs02g_tells_no_more_than_that,
         who_is_unclear_is_asked_what_was_to_be_replaced,
         only_a_party_with_a_signing_cell_asks, every_verdict_has_a_name)
