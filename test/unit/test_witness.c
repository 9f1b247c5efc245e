/* SPDX-License-Identifier: MIT
 *
 * The signers' account, as the desk keeps it.
 */
#include "chain.h"
#include "desk_kit.h"
#include "witness.h"

#include <sys/stat.h>

static char *text; /* the account, as last read */
static size_t len;

static const char *account(void)
{
    return kit_path("account.jsonl");
}

static void fetch(void)
{
    FILE *f = fopen(account(), "re");
    size_t cap = 0;
    ssize_t n;

    ck_assert_ptr_nonnull(f);
    free(text);
    text = NULL;
    n = getdelim(&text, &cap, '\0', f);
    (void)fclose(f);
    ck_assert_int_gt(n, 0);
    len = (size_t)n;
}

static unsigned records(const char *kind)
{
    char member[64];
    unsigned n = 0;

    fetch();
    (void)snprintf(member, sizeof member, "\"kind\":\"%s\"", kind);
    for (const char *at = text; (at = strstr(at, member)) != NULL; at++)
        n++;
    return n;
}

/* Its last record; json_decref. */
static json_t *last_record(void)
{
    struct chain_place place = {0};
    json_t *j = NULL;
    char *line, *end;
    uint64_t no = 0;

    fetch();
    for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_decref(j);
        OK(chain_follows(line, (size_t)(end - line), ++no, &place, &j, &e));
    }
    ck_assert_uint_eq(strlen(line), 0);
    return j;
}

static const char *member(const json_t *record, const char *name)
{
    return json_string_value(json_object_get(json_object_get(record, "data"), name));
}

static void put(const char *octets, size_t n)
{
    FILE *f = fopen(account(), "we");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(octets, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static void head(uint64_t at)
{
    memset(&in, 0, sizeof in);
    in.u.head.records = at;
    memset(in.u.head.hash.b, at > 0 ? 0x5A : 0, 32);
    ask(PROTO_HEAD);
}

static void begin(void)
{
    desk_kit_begin();
    text = NULL;
    hello();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    reserve(1000, 10);
    ANSWERED(PROTO_RESERVED);
}

static void end(void)
{
    free(text);
    desk_kit_end();
}

START_TEST(what_is_signed_is_in_the_account)
{
    struct digest d;
    char hex[HEX_LEN(32)];
    json_t *j;

    ck_assert_uint_eq(records("BEGUN"), 1);
    ck_assert_uint_eq(records("SIGNED"), 0);
    sign(1000, 1, 2);
    ANSWERED(PROTO_SIGNED);
    j = last_record();
    ck_assert_str_eq(json_string_value(json_object_get(j, "kind")), "SIGNED");
    d = authority_digest();
    hex_encode_lower(d.b, 32, hex);
    ck_assert_str_eq(member(j, "decision"), hex);
    d = digest_of(span_of("\0\0\0\1\0\0\0\2", 8), span_of("", 0));
    hex_encode_lower(d.b, 32, hex);
    ck_assert_str_eq(member(j, "rows_sha256"), hex);
    d = digest_of(span_of(reply.u.signed_.sigs, 128), span_of("", 0));
    hex_encode_lower(d.b, 32, hex);
    ck_assert_str_eq(member(j, "signatures_sha256"), hex);
    ck_assert_str_eq(member(j, "key"), scene.config.keys[SCENE_RECOVERY].name);
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(j, "data"), "first_counter")),
        1000);
    json_decref(j);
}
END_TEST

START_TEST(what_was_not_signed_is_not)
{
    sign(5000, 0, 1); /* not of the run */
    FAILED("signer.counter");
    ck_assert_uint_eq(records("SIGNED"), 0);
}
END_TEST

START_TEST(it_goes_on_after_a_restart_and_with_a_second_signer)
{
    struct witness other;
    struct audit_head h = {0};

    sign(1000, 0, 1);
    ANSWERED(PROTO_SIGNED);
    desk_kit_restart();
    hello();
    open_warrant();
    reserve(2000, 10);
    sign(2000, 1, 1);
    ANSWERED(PROTO_SIGNED);
    OK(witness_open(account(), kit_path("counts"), now, &other, &e));
    OK(witness_head(&other, token, now, &h, &e));
    sign(2001, 2, 1); /* the desk finds that another has written */
    ANSWERED(PROTO_SIGNED);
    OK(witness_head(&other, token, now, &h, &e));
    witness_done(&other);
    json_decref(last_record());
    ck_assert_uint_eq(records("SIGNED"), 3);
    ck_assert_uint_eq(records("BEGUN"), 1);
}
END_TEST

START_TEST(an_account_that_is_taken_away_stops_all)
{
    uint64_t rows = fake_token.rows;

    sign(1000, 0, 1);
    ANSWERED(PROTO_SIGNED);
    ck_assert_int_eq(rename(account(), kit_path("away")), 0);
    sign(1001, 1, 1);
    FAILED("signer.account");
    ck_assert_uint_eq(reply.u.fail.code, ERR_STORE);
    ck_assert_uint_eq(fake_token.rows, rows + 1);
    desk_free(desk);
    desk = NULL;
    REFUSED_SAYING(desk_kit_new(), "signer.account", "gone");
    ck_assert_int_eq(rename(kit_path("away"), account()), 0);
    OK(desk_kit_new());
}
END_TEST

START_TEST(another_file_in_its_place_is_seen)
{
    sign(1000, 0, 1);
    ANSWERED(PROTO_SIGNED);
    fetch();
    ck_assert_int_eq(unlink(account()), 0);
    put(text, len); /* the same octets: a copy, put back */
    sign(1001, 1, 1);
    FAILED("signer.account");
}
END_TEST

/* Gone after it was looked at, before its line is written. */
static void take_away(void *arg)
{
    (void)arg;
    (void)rename(account(), kit_path("away"));
}

START_TEST(what_is_not_set_down_does_not_leave)
{
    fake_token.each_row = take_away;
    sign(1000, 0, 1);
    fake_token.each_row = NULL;
    FAILED("signer.account");
    ck_assert_uint_eq(fake_token.rows, 1);
    ck_assert_int_eq(rename(kit_path("away"), account()), 0);
    ck_assert_uint_eq(records("SIGNED"), 0);
}
END_TEST

START_TEST(an_account_that_is_cut_stops_all)
{
    sign(1000, 0, 1);
    ANSWERED(PROTO_SIGNED);
    fetch();
    ck_assert_int_eq(truncate(account(), (off_t)(strchr(text, '\n') + 1 - text)), 0);
    sign(1001, 1, 1);
    FAILED("signer.account");
    ck_assert_uint_eq(fake_token.rows, 1);
}
END_TEST

START_TEST(what_a_crash_left_of_a_line_is_cut_off)
{
    size_t whole;

    sign(1000, 0, 1);
    ANSWERED(PROTO_SIGNED);
    desk_kit_restart(); /* with a head at its end */
    fetch();
    whole = len;
    for (size_t more = 1; more < 100; more += 49) {
        FILE *f = fopen(account(), "ae");

        (void)fprintf(f, "%.*s", (int)more, text);
        (void)fclose(f);
        desk_kit_restart();
        fetch();
        ck_assert_uint_eq(len, whole);
    }
    hello();
    open_warrant();
    reserve(2000, 10);
    sign(2000, 1, 1);
    ANSWERED(PROTO_SIGNED);
    json_decref(last_record());
}
END_TEST

START_TEST(a_damaged_account_is_refused)
{
    sign(1000, 0, 1);
    ANSWERED(PROTO_SIGNED);
    desk_free(desk);
    desk = NULL;
    fetch();
    for (size_t i = 0; i < 3; i++) {
        /* the first line, the last one, nothing at all */
        size_t at = i == 0 ? 12 : len - 20;

        text[at] ^= 1;
        put(text, i < 2 ? len : 0);
        text[at] ^= 1;
        REFUSED(desk_kit_new(), "signer.account");
    }
    put(text, len);
    OK(desk_kit_new());
}
END_TEST

START_TEST(a_head_is_signed_by_the_audit_key)
{
    struct audit_head h;
    struct digest d;
    json_t *j;

    sign(1000, 0, 1);
    head(7);
    ANSWERED(PROTO_HEADED);
    j = last_record();
    ck_assert_str_eq(json_string_value(json_object_get(j, "kind")), AUDIT_HEAD);
    OK(audit_head_from_json(json_object_get(j, "data"), &h, &e));
    ck_assert_uint_eq(h.records + 1,
                      (uint64_t)json_integer_value(json_object_get(j, "seq")));
    ck_assert_uint_eq(h.service_records, 7);
    ck_assert_uint_eq(h.service_hash.b[31], 0x5A);
    d = audit_head_digest(&h);
    ck_assert(verify_one(scene.audit, &d, &h.sig));
    ck_assert_mem_eq(&h.sig, &reply.u.headed.sig, sizeof h.sig);
    ck_assert_mem_eq(&h.hash, &reply.u.headed.hash, sizeof h.hash);
    ck_assert_mem_eq(h.chain, reply.u.headed.chain, sizeof h.chain);
    ck_assert_uint_eq(h.records, reply.u.headed.records);
    json_decref(j);
}
END_TEST

/* A service that never asks for one gets one all the same. */
START_TEST(a_head_is_signed_when_a_decision_is_put_down)
{
    open_warrant();
    ck_assert_uint_eq(records(AUDIT_HEAD), 0); /* nothing was signed */
    reserve(2000, 10);
    sign(2000, 0, 1);
    open_warrant();
    ck_assert_uint_eq(records(AUDIT_HEAD), 1);
    reserve(3000, 10);
    sign(3000, 1, 1);
    head(0);
    open_warrant(); /* it was asked for */
    ck_assert_uint_eq(records(AUDIT_HEAD), 2);
    reserve(4000, 10);
    sign(4000, 2, 1);
    desk_kit_restart();
    ck_assert_uint_eq(records(AUDIT_HEAD), 3);
}
END_TEST

START_TEST(a_token_that_signs_no_head_is_told)
{
    fake_token.audit = NULL;
    head(1);
    FAILED("token.audit-key");
    ck_assert_uint_eq(records(AUDIT_HEAD), 0);
}
END_TEST

START_TEST(beside_READY_comes_a_reader)
{
    char octet;
    int fd;

    desk_kit_restart();
    hello();
    ANSWERED(PROTO_READY);
    ck_assert_mem_eq(&reply.u.ready.audit, &token->audit, sizeof token->audit);
    fd = desk_beside(desk, &reply);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(read(fd, &octet, 1), 1);
    ck_assert_int_eq(octet, '{');
    ck_assert_int_eq(write(fd, &octet, 1), -1);
    (void)close(fd);
    head(0);
    ck_assert_int_eq(desk_beside(desk, &reply), -1);
}
END_TEST

KIT_MAIN("witness", begin, end, what_is_signed_is_in_the_account,
         what_was_not_signed_is_not, it_goes_on_after_a_restart_and_with_a_second_signer,
         an_account_that_is_taken_away_stops_all, what_is_not_set_down_does_not_leave,
         an_account_that_is_cut_stops_all, another_file_in_its_place_is_seen,
         what_a_crash_left_of_a_line_is_cut_off, a_damaged_account_is_refused,
         a_head_is_signed_by_the_audit_key, a_head_is_signed_when_a_decision_is_put_down,
         a_token_that_signs_no_head_is_told, beside_READY_comes_a_reader)
