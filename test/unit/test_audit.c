/* SPDX-License-Identifier: MIT */
#include "audit.h"
#include "audit_check.h"
#include "core_kit.h"

#include <jansson.h>

static char *text;
static size_t len;

static void setup(void)
{
    kit_begin_store();
    text = NULL;
}

static void teardown(void)
{
    free(text);
    kit_end();
}

static void signed_by(const char *originator, int64_t first, int count)
{
    OK(audit_put(store, 1000000, "BATCH_SIGNED", "I-1", AUDIT_ACTOR_SYSTEM, &e,
                 "{s:i,s:I,s:I,s:s}", "count", count, "first_counter", (json_int_t)first,
                 "last_counter", (json_int_t)(first + count - 1), "originator",
                 originator));
}

/* Five records, two of them about counters. */
static void make(void)
{
    OK(audit_put(store, 0, "INCIDENT_OPENED", "I-1", "uid 1000 (operator)", &e, "{s:s}",
                 "title", "K\xc3\xa4se \"quoted\"\n"));
    signed_by("90B3D51F30000000", 1, 10);
    OK(audit_put(store, 2000000, "NOTHING", "", AUDIT_ACTOR_SYSTEM, &e, "{}"));
    signed_by("90B3D51F30000000", 11, 5);
    OK(audit_put(store, 2000000, "INCIDENT_CLOSED", "I-1", AUDIT_ACTOR_SYSTEM, &e,
                 "{s:O*,s:s*}", "evidence", NULL, "parent", NULL));
}

static void fetch(int64_t from)
{
    int64_t next;

    free(text);
    OK(audit_lines(store, from, 1000, &text, &len, &next, &e));
}

static bool verify_text(const char *at, size_t n, struct audit_verdict *v)
{
    FILE *f = n > 0 ? fmemopen((void *)(uintptr_t)at, n, "r") : fopen("/dev/null", "r");
    bool ok;

    ck_assert_ptr_nonnull(f);
    ok = kit_trail_verifies(f, v);
    (void)fclose(f);
    return ok;
}

/* Start of line i (from 0) of text. */
static char *line_at(unsigned i)
{
    char *at = text;

    while (i-- > 0)
        at = strchr(at, '\n') + 1;
    return at;
}

START_TEST(a_whole_chain_verifies)
{
    struct audit_verdict v;
    struct chain_place last;

    OK(audit_last(store, &last, &e));
    ck_assert_uint_eq(last.seq, 0);
    make();
    OK(audit_last(store, &last, &e));
    ck_assert_uint_eq(last.seq, 5);
    fetch(1);
    OK(verify_text(text, len, &v));
    ck_assert_uint_eq(v.records, 5);
    ck_assert_uint_eq(v.first_seq, 1);
    ck_assert_uint_eq(v.signed_rows, 15);
    ck_assert_uint_eq(v.counters_twice, 0);
    ck_assert_uint_eq(strlen(v.last_hash), 64);
    ck_assert_ptr_nonnull(strstr(line_at(4), v.last_hash));
}
END_TEST

START_TEST(a_line_can_be_checked_by_hand)
{
    char *line;
    char *hash;
    char hex[HEX_LEN(32)];
    struct digest d;
    json_t *j;

    make();
    fetch(1);
    line = line_at(0);
    ck_assert_ptr_nonnull(strstr(line, "\"prev\":\"000000000000000000000000000000000000000"
                                       "0000000000000000000000000\""));
    ck_assert_ptr_nonnull(strstr(line, "K\\u00E4se"));
    line = line_at(1);
    *strchr(line, '\n') = '\0';
    hash = strstr(line, ",\"hash\":\"");
    d = digest_of(span_of(line, (size_t)(hash - line)), span_of("}", 1));
    hex_encode_lower(d.b, 32, hex);
    ck_assert_int_eq(strncmp(hash + 9, hex, 64), 0);
    j = json_loads(line, 0, NULL);
    ck_assert_ptr_nonnull(j);
    ck_assert_int_eq(json_integer_value(json_object_get(j, "seq")), 2);
    ck_assert_str_eq(json_string_value(json_object_get(j, "kind")), "BATCH_SIGNED");
    ck_assert_str_eq(json_string_value(json_object_get(j, "at")),
                     "1970-01-01T00:00:01.000000Z");
    ck_assert_str_eq(json_string_value(json_object_get(j, "actor")), "system");
    json_decref(j);
}
END_TEST

START_TEST(every_changed_octet_is_seen)
{
    struct audit_verdict v;

    make();
    fetch(1);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];

        text[i] = was == '0' ? '1' : '0';
        REFUSED(verify_text(text, len, &v), "audit.chain");
        text[i] = was;
    }
    OK(verify_text(text, len, &v));
}
END_TEST

START_TEST(a_removed_line_is_seen)
{
    struct audit_verdict v;
    char *cut = malloc(8192);

    make();
    fetch(1);
    for (unsigned i = 0; i < 5; i++) {
        size_t head = (size_t)(line_at(i) - text);
        size_t rest = i < 4 ? len - (size_t)(line_at(i + 1) - text) : 0;

        memcpy(cut, text, head);
        memcpy(cut + head, text + len - rest, rest);
        if (i > 0 && i < 4) {
            REFUSED_SAYING(verify_text(cut, head + rest, &v), "audit.chain", "line");
            continue;
        }
        /* a shorter chain is a chain: what is missing at an end shows in the figures */
        OK(verify_text(cut, head + rest, &v));
        ck_assert_uint_eq(v.records, 4);
        ck_assert_uint_eq(v.first_seq, i == 0 ? 2 : 1);
    }
    free(cut);
}
END_TEST

START_TEST(lines_in_another_order_are_seen)
{
    struct audit_verdict v;
    char *other = malloc(8192);

    make();
    fetch(1);
    for (unsigned i = 0; i < 4; i++) { /* lines i and i+1 change places */
        size_t a = (size_t)(line_at(i) - text);
        size_t b = (size_t)(line_at(i + 1) - text);
        size_t c = i < 3 ? (size_t)(line_at(i + 2) - text) : len;

        memcpy(other, text, len);
        memcpy(other + a, text + b, c - b);
        memcpy(other + a + (c - b), text + a, b - a);
        REFUSED(verify_text(other, len, &v), "audit.chain");
    }
    memcpy(other, text, len); /* the last line once more */
    memcpy(other + len, line_at(4), len - (size_t)(line_at(4) - text));
    REFUSED_SAYING(verify_text(other, 2 * len - (size_t)(line_at(4) - text), &v),
                   "audit.chain", "line 6");
    free(other);
}
END_TEST

/* Someone wrote another record in the place of one, number and hash as they should be. */
START_TEST(a_record_put_in_the_place_of_another_is_seen)
{
    struct audit_verdict v;
    char *first;
    char *forged = malloc(8192);
    size_t head;
    size_t end;

    make();
    fetch(1);
    first = strdup(text);
    OK(store_run(store, &e, "DELETE FROM audit WHERE seq > 2", ""));
    OK(audit_put(store, 0, "SOMETHING_ELSE", "", AUDIT_ACTOR_SYSTEM, &e, "{}"));
    fetch(3);
    head = (size_t)(strstr(first, "{\"seq\":3") - first);
    end = (size_t)(strstr(first, "{\"seq\":4") - first);
    memcpy(forged, first, head);
    memcpy(forged + head, text, len);
    (void)strcpy(forged + head + len, first + end);
    REFUSED_SAYING(verify_text(forged, strlen(forged), &v), "audit.chain",
                   "line 4 (record 4) does not follow");
    free(first);
    free(forged);
}
END_TEST

START_TEST(a_file_cut_within_a_line_is_seen)
{
    struct audit_verdict v;

    make();
    fetch(1);
    for (size_t n = 0; n < len; n++)
        if (n == 0 || text[n - 1] != '\n')
            REFUSED(verify_text(text, n, &v), "audit.chain");
}
END_TEST

START_TEST(a_counter_in_two_records_is_counted)
{
    struct audit_verdict v;

    signed_by("90B3D51F30000000", 1, 100);
    signed_by("90B3D51F30000001", 1, 100); /* another's sequence */
    fetch(1);
    OK(verify_text(text, len, &v));
    ck_assert_uint_eq(v.signed_rows, 200);
    signed_by("90B3D51F30000000", 5, 2); /* within the first */
    fetch(1);
    REFUSED(verify_text(text, len, &v), "audit.counter-twice");
    ck_assert_uint_eq(v.counters_twice, 2);
    signed_by("90B3D51F30000000", 91, 20); /* ten of them within the first */
    fetch(1);
    REFUSED(verify_text(text, len, &v), "audit.counter-twice");
    ck_assert_uint_eq(v.counters_twice, 12);
}
END_TEST

START_TEST(a_record_about_counters_adds_up)
{
    struct audit_verdict v;

    OK(audit_put(store, 0, "BATCH_SIGNED", "I-1", AUDIT_ACTOR_SYSTEM, &e,
                 "{s:i,s:i,s:i,s:s}", "count", 3, "first_counter", 1, "last_counter", 2,
                 "originator", "90B3D51F30000000"));
    fetch(1);
    REFUSED_SAYING(verify_text(text, len, &v), "audit.chain", "line 1");
}
END_TEST

START_TEST(no_record_is_no_chain)
{
    struct audit_verdict v;

    REFUSED(verify_text("", 0, &v), "audit.chain");
    REFUSED(verify_text("{}\n", 3, &v), "audit.chain");
}
END_TEST

START_TEST(lines_come_in_pieces_from_any_number)
{
    int64_t next = 0;
    int64_t from = 1;
    size_t total = 0;

    make();
    do {
        free(text);
        OK(audit_lines(store, from, 2, &text, &len, &next, &e));
        for (size_t i = 0; i < len; i++)
            total += text[i] == '\n';
        if (next == from)
            break;
        ck_assert_int_le(next - from, 2);
        from = next;
    } while (total < 100);
    ck_assert_uint_eq(total, 5);
    ck_assert_int_eq(next, 6);
    fetch(4);
    ck_assert_ptr_nonnull(strstr(text, "\"seq\":4"));
    ck_assert_ptr_null(strstr(text, "\"seq\":3"));
}
END_TEST

START_TEST(a_record_is_gone_with_its_transaction)
{
    struct chain_place last;

    make();
    OK(store_begin(store, &e));
    signed_by("90B3D51F30000000", 100, 1);
    store_rollback(store);
    OK(audit_last(store, &last, &e));
    ck_assert_uint_eq(last.seq, 5);
}
END_TEST

START_TEST(what_cannot_be_written_is_an_error)
{
    struct chain_place last;

    REFUSED(audit_put(store, 0, "X", "", AUDIT_ACTOR_SYSTEM, &e, "{s:s}", "a", "\xff\xfe"),
            "store.memory");
    ck_assert_int_eq(e.code, ERR_STORE);
    OK(audit_last(store, &last, &e));
    ck_assert_uint_eq(last.seq, 0);
}
END_TEST

START_TEST(a_damaged_record_is_not_exported)
{
    int64_t next;

    make();
    OK(store_run(store, &e, "UPDATE audit SET hash = x'00' WHERE seq = 3", ""));
    REFUSED(audit_lines(store, 1, 9, &text, &len, &next, &e), "store.failed");
    ck_assert_ptr_null(text);
}
END_TEST

KIT_MAIN("audit", setup, teardown, a_whole_chain_verifies, a_line_can_be_checked_by_hand,
         every_changed_octet_is_seen, a_removed_line_is_seen,
         lines_in_another_order_are_seen, a_record_put_in_the_place_of_another_is_seen,
         a_file_cut_within_a_line_is_seen, a_counter_in_two_records_is_counted,
         a_record_about_counters_adds_up, no_record_is_no_chain,
         lines_come_in_pieces_from_any_number, a_record_is_gone_with_its_transaction,
         what_cannot_be_written_is_an_error, a_damaged_record_is_not_exported)
