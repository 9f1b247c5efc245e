/* SPDX-License-Identifier: MIT
 *
 * What a further decision asks of devices that had done what an earlier one asked.
 */
#include "desk_kit.h"
#include "outcome.h"
#include "owed.h"

#define ROWS 5

static struct authority *first, *second;
static struct certs *certs;
static int64_t batch_id;
static uint32_t n;

static void id_of(X509 *x, char hex[static HEX_LEN(8)])
{
    hex_encode(ASN1_STRING_get0_data(X509_get0_subject_key_id(x)), 8, hex);
}

/* Row i answered: its cells hold these keys now. */
static void holds(uint32_t i, enum outcome_state state, X509 *ds, X509 *ka)
{
    char text[256];
    char ds_key[HEX_LEN(8)];
    char ka_key[HEX_LEN(8)];
    struct outcome o = {.device = *kit_device(i),
                        .state = state,
                        .list = 1,
                        .batch = batch_id,
                        .counter = i + 1,
                        .cells = text};

    id_of(ds, ds_key);
    id_of(ka, ka_key);
    (void)snprintf(text, sizeof text,
                   "{\"supplier-ds\":{\"status\":0,\"new_key\":\"%s\"},"
                   "\"supplier-ka\":{\"status\":0,\"new_key\":\"%s\"}}",
                   ds_key, ka_key);
    OK(outcome_put(store, "I-1", &o, &e));
}

static struct authority *understand(void)
{
    struct authority *a = calloc(1, sizeof *a);
    char *text = json_dumps(scene.doc, 0);

    OK(authority_parse(span_of(text, strlen(text)), a, &e));
    a->digest = authority_digest();
    free(text);
    return a;
}

static void setup(void)
{
    engine_kit_begin();
    batch_id = whole_batch(ROWS, NULL);
    begin_batch();
    run_to_the_end();
    OK(store_run(
        store, &e,
        "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us, named)"
        " VALUES ('I-1', 1, ?1, 5, '{}', 0, 1)",
        "b", span_of(scene.roster.digest.b, 32)));
    first = understand();
    second = understand();
    second->digest.b[0] ^= 1;
    (void)strcpy(second->id, "D-2");
    certs = calloc(1, sizeof *certs);
    OK(certs_read(scene.pem, "certificates", certs, &e));
    for (uint32_t i = 0; i < ROWS; i++)
        holds(i,
              i == 1   ? OUTCOME_FAILED
              : i == 2 ? OUTCOME_EXCUSED
                       : OUTCOME_SUCCESS,
              scene.new_ds.cert, scene.new_ka.cert);
}

static void teardown(void)
{
    certs_done(certs);
    free(certs);
    free(first);
    free(second);
    engine_kit_end();
}

static int64_t done(void)
{
    return number("SELECT count(*) FROM outcome WHERE state = 'success'");
}

START_TEST(what_is_asked_again_is_done_already)
{
    OK(owed_again(store, kit_dir, second, certs, &n, &e));
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(done(), 3);
}
END_TEST

/* The first replacement is another certificate: one that is among those at hand. */
static void asks_for(X509 *x)
{
    struct span der = pki_der(x);

    second->replacements[0].sha256 = digest_of(der, span_of(NULL, 0));
    free((void *)(uintptr_t)der.at);
}

START_TEST(another_certificate_in_the_same_cell_is_not)
{
    asks_for(scene.old_ds.cert);
    OK(owed_again(store, kit_dir, second, certs, &n, &e));
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(done(), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM outcome WHERE state = 'partly' AND retry"
                            " AND cells LIKE '%\"owed\":\"D-2\"%'"),
                     3);
    /* what failed or is excused is as it was */
    ck_assert_int_eq(number("SELECT count(*) FROM outcome WHERE state = 'failed'"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM outcome WHERE state = 'excused'"), 1);
    OK(owed_again(store, kit_dir, second, certs, &n, &e)); /* once */
    ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(a_device_that_holds_it_already_is)
{
    asks_for(scene.old_ds.cert);
    holds(3, OUTCOME_SUCCESS, scene.old_ds.cert, scene.new_ka.cert);
    OK(owed_again(store, kit_dir, second, certs, &n, &e));
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(number("SELECT count(*) FROM outcome WHERE state = 'success'"
                            " AND device = x'00DB000000000003'"),
                     1);
}
END_TEST

START_TEST(an_instruction_to_hand_back_counts_for_itself)
{
    asks_for(scene.old_ds.cert);
    second->method = METHOD_HANDBACK;
    OK(owed_again(store, kit_dir, second, certs, &n, &e));
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(done(), 3);
}
END_TEST

KIT_MAIN("owed", setup, teardown, what_is_asked_again_is_done_already,
         another_certificate_in_the_same_cell_is_not, a_device_that_holds_it_already_is,
         an_instruction_to_hand_back_counts_for_itself)
