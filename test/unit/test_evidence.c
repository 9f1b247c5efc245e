/* SPDX-License-Identifier: MIT
 *
 * Trail, account and signed heads held against each other: what engine and desk write fits,
 * and whatever is changed afterwards does not.
 */
#include "audit_head.h"
#include "chain.h"
#include "desk_kit.h"

#define ROWS 600

struct chain { /* lines of one of the files */
    char *at[400];
    size_t n;
};

static struct chain trail, account;
static struct audit_verdict v;
static EVP_PKEY *stranger, *older; /* older: given beside the key of a check */

static void clear(struct chain *c)
{
    while (c->n > 0)
        free(c->at[--c->n]);
}

static void split(struct chain *c, const char *text)
{
    clear(c);
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        ck_assert_uint_lt(c->n, sizeof c->at / sizeof c->at[0]);
        c->at[c->n++] = strndup(text, (size_t)(end - text));
    }
    ck_assert_str_eq(text, "");
}

static void fetch(void)
{
    char *text = NULL;
    size_t len, cap = 0;
    int64_t next;
    FILE *f;

    OK(audit_lines(store, 1, 100000, &text, &len, &next, &e));
    split(&trail, text);
    free(text);
    text = NULL;
    f = fopen(kit_path("account.jsonl"), "re");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_gt(getdelim(&text, &cap, '\0', f), 0);
    (void)fclose(f);
    split(&account, text);
    free(text);
}

static void ask_head(const struct chain_place *last)
{
    memset(&in, 0, sizeof in);
    in.u.head.records = last->seq;
    in.u.head.hash = last->hash;
    ask(PROTO_HEAD);
    ANSWERED(PROTO_HEADED);
}

/* As the service does it; then both files. */
static void seal(void)
{
    struct chain_place last;
    struct audit_head h;

    OK(audit_last(store, &last, &e));
    ask_head(&last);
    h = (struct audit_head){.records = reply.u.headed.records,
                            .hash = reply.u.headed.hash,
                            .service_records = last.seq,
                            .service_hash = last.hash,
                            .key = digest_of(span_of(token->audit.b, 65), span_of("", 0)),
                            .sig = reply.u.headed.sig};
    memcpy(h.chain, reply.u.headed.chain, sizeof h.chain);
    OK(audit_put(store, now, AUDIT_HEAD, "", AUDIT_ACTOR_SYSTEM, &e, "o",
                 audit_head_json(&h)));
    fetch();
}

static void begin(void)
{
    engine_kit_begin();
    stranger = pki_key_new();
    older = NULL;
    (void)whole_batch(ROWS, NULL);
    begin_batch();
    run_to_the_end();
}

static void end(void)
{
    clear(&trail);
    clear(&account);
    EVP_PKEY_free(stranger);
    engine_kit_end();
}

static FILE *file_of(const struct chain *c)
{
    FILE *f = tmpfile();

    ck_assert_ptr_nonnull(f);
    for (size_t i = 0; i < c->n; i++)
        (void)fprintf(f, "%s\n", c->at[i]);
    rewind(f);
    return f;
}

static bool checks_with(EVP_PKEY *key, bool with_account)
{
    EVP_PKEY *const keys[] = {key, older};
    struct audit_check *c;
    struct err ignored;
    FILE *t = file_of(&trail), *a = file_of(&account);
    bool ok;

    OK(audit_check_new(keys, key == NULL ? 0 : 1 + (older != NULL), &c, &e));
    ok = audit_check_trail(c, t, "trail", &e) &&
         (!with_account || audit_check_account(c, a, "account", &e));
    if (!audit_check_end(c, &v, ok ? &e : &ignored))
        ok = false;
    audit_check_free(c);
    (void)fclose(t);
    (void)fclose(a);
    return ok;
}

static bool checks(void)
{
    return checks_with(scene.audit, true);
}

/* --- changing what was written, as somebody would who knows the form --- */

/* Lines from i on get their numbers and hashes anew. */
static void rehash(struct chain *c, size_t i)
{
    struct chain_place place = {0};

    for (size_t k = 0; k < c->n; k++) {
        json_t *j = json_loads(c->at[k], 0, NULL);
        char *text, *line = NULL;
        size_t len;
        FILE *f;

        ck_assert_ptr_nonnull(j);
        if (k < i) {
            const char *hex = json_string_value(json_object_get(j, "hash"));

            ck_assert(hex_decode(hex, 64, place.hash.b, 32));
            json_decref(j);
            continue;
        }
        (void)json_object_del(j, "hash");
        (void)json_object_del(j, "prev");
        (void)json_object_set_new(j, "seq", json_integer((json_int_t)k + 1));
        OK(chain_close(j, &place.hash, &text, &place.hash, &e));
        f = open_memstream(&line, &len);
        ck_assert(chain_print(f, text, &place.hash));
        (void)fclose(f);
        free(text);
        line[len - 1] = '\0';
        free(c->at[k]);
        c->at[k] = line;
    }
}

/* The k-th line of that kind, from 0. */
static size_t line_of(const struct chain *c, const char *kind, unsigned k)
{
    char member[64];

    (void)snprintf(member, sizeof member, "\"kind\":\"%s\"", kind);
    for (size_t i = 0; i < c->n; i++)
        if (strstr(c->at[i], member) != NULL && k-- == 0)
            return i;
    ck_abort_msg("no %s", kind);
}

/* A service that wrote its trail like this all along, and had it sealed. */
static void seal_lie(void)
{
    struct chain_place last = {.seq = trail.n};
    struct chain lie;
    json_t *j;

    rehash(&trail, 0);
    j = json_loads(trail.at[trail.n - 1], 0, NULL);
    ck_assert(
        hex_decode(json_string_value(json_object_get(j, "hash")), 64, last.hash.b, 32));
    json_decref(j);
    ask_head(&last);
    lie = trail;
    trail.n = 0;
    fetch();
    clear(&trail);
    trail = lie;
}

static void cut_out(struct chain *c, size_t i)
{
    free(c->at[i]);
    memmove(&c->at[i], &c->at[i + 1], (c->n - i - 1) * sizeof c->at[0]);
    c->n--;
}

/* The data of line i with another member; hashes stay as they are. */
static void set(struct chain *c, size_t i, const char *member, json_t *value)
{
    json_t *j = json_loads(c->at[i], 0, NULL);

    ck_assert_int_eq(json_object_set_new(json_object_get(j, "data"), member, value), 0);
    free(c->at[i]);
    c->at[i] = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(j);
}

/* --- tests --- */

START_TEST(what_engine_and_desk_wrote_fits)
{
    seal();
    OK(checks());
    ck_assert_uint_eq(v.signed_rows, ROWS);
    ck_assert_uint_eq(v.account_rows, ROWS);
    ck_assert_uint_eq(v.accounts, 1);
    ck_assert_uint_eq(v.not_kept, 0);
    ck_assert_uint_eq(v.heads, 2);
    ck_assert_uint_eq(v.open_records, 1); /* the head's own */
    ck_assert_uint_eq(v.account_open, 0);
    ck_assert_uint_ge(v.reserved, ROWS);
    OK(checks_with(NULL, true));
    OK(checks_with(scene.audit, false));
}
END_TEST

START_TEST(an_order_that_was_never_kept_is_counted)
{
    (void)put_batch(ROWS, (struct span){NULL, 0});
    begin_batch();
    lend();
    ck_assert(plan());
    sign_order();
    ANSWERED(PROTO_SIGNED);
    OK(engine_lost(engine, &order, "as if its answer had not come", &e));
    seal();
    OK(checks());
    ck_assert_uint_eq(v.not_kept, order.sign.n);
    ck_assert_uint_eq(v.account_rows, ROWS + order.sign.n);
}
END_TEST

/* What is in the files is not what was written. */
START_TEST(an_altered_record_is_seen)
{
    for (unsigned i = 0; i < 2; i++) {
        struct chain *c = i == 0 ? &trail : &account;

        seal();
        set(c, line_of(c, i == 0 ? "BATCH_SIGNED" : "SIGNED", 0), "decision",
            json_string("00"));
        REFUSED_SAYING(checks(), "audit.chain", i == 0 ? "trail: line" : "account: line");
    }
}
END_TEST

/* All hashes made anew: signed heads remember. */
START_TEST(a_rehashed_trail_is_seen)
{
    seal();
    set(&trail, line_of(&trail, "COUNTERS_RESERVED", 0), "batch", json_integer(77));
    rehash(&trail, 0);
    REFUSED_SAYING(checks_with(scene.audit, false), "audit.head", "another hash");
    /* without its own heads nothing in it remembers, but the account's do */
    cut_out(&trail, line_of(&trail, AUDIT_HEAD, 0));
    rehash(&trail, 0);
    OK(checks_with(scene.audit, false));
    ck_assert_uint_eq(v.heads, 0);
    REFUSED_SAYING(checks(), "audit.head", "account: line");
}
END_TEST

START_TEST(a_rehashed_account_is_seen)
{
    seal();
    set(&account, line_of(&account, "SIGNED", 0), "key", json_string("another"));
    rehash(&account, 0);
    REFUSED_SAYING(checks(), "audit.head", "account: line");
    cut_out(&account, line_of(&account, AUDIT_HEAD, 0));
    rehash(&account, 0);
    REFUSED_SAYING(checks(), "audit.head", "another hash");
}
END_TEST

START_TEST(a_cut_trail_is_seen)
{
    size_t covered;

    seal();
    covered = trail.n - 1; /* but for the record of the head itself */
    free(trail.at[--trail.n]);
    OK(checks());
    while (trail.n > 1) {
        free(trail.at[--trail.n]);
        ck_assert_msg(!checks(), "%zu of %zu lines pass", trail.n, covered);
        ck_assert_msg(strcmp(e.id, "audit.head") == 0 || strcmp(e.id, "audit.account") == 0,
                      "%s", e.id);
    }
}
END_TEST

START_TEST(a_cut_account_is_seen)
{
    seal();
    free(account.at[--account.n]); /* its own record of the head: the trail has that too */
    REFUSED_SAYING(checks(), "audit.head", "no signed head");
    while (account.n > 0) {
        free(account.at[--account.n]);
        ck_assert_msg(!checks(), "%zu lines pass", account.n);
    }
}
END_TEST

START_TEST(a_cut_account_with_an_older_head_is_seen)
{
    seal();
    (void)put_batch(ROWS, (struct span){NULL, 0});
    begin_batch();
    run_to_the_end();
    seal();
    while (strstr(account.at[account.n - 2], "\"kind\":\"HEAD\"") == NULL)
        free(account.at[--account.n]);
    REFUSED_SAYING(checks(), "audit.head", "it was cut");
}
END_TEST

START_TEST(a_trail_cut_at_its_beginning_is_held_against_no_account)
{
    seal();
    cut_out(&trail, 0);
    OK(checks_with(scene.audit, false));
    ck_assert_uint_eq(v.first_seq, 2);
    REFUSED_SAYING(checks(), "audit.account", "from record 1 on");
}
END_TEST

START_TEST(a_head_by_another_key_is_seen)
{
    size_t at;

    seal();
    REFUSED_SAYING(checks_with(stranger, false), "audit.head",
                   "not signed by the audit key");
    at = line_of(&trail, AUDIT_HEAD, 0);
    set(&trail, at, "service_records", json_integer(0));
    rehash(&trail, 0);
    REFUSED_SAYING(checks_with(scene.audit, false), "audit.head", "not signed by");
    set(&trail, at, "signature", json_string("AAAA"));
    rehash(&trail, 0);
    REFUSED_SAYING(checks_with(scene.audit, false), "audit.head", "it is no head");
}
END_TEST

/* The token was lost; the next one has an audit key of its own. */
START_TEST(heads_of_two_tokens_hold_with_both_keys)
{
    seal();
    token_fake_audit(&fake_token, stranger);
    (void)put_batch(ROWS, (struct span){NULL, 0});
    begin_batch();
    run_to_the_end();
    seal();
    REFUSED_SAYING(checks_with(scene.audit, true), "audit.head", "not signed by");
    REFUSED_SAYING(checks_with(stranger, true), "audit.head", "not signed by");
    older = scene.audit;
    OK(checks_with(stranger, true));
}
END_TEST

/* A service that lied from the beginning: no head helps there, but the signers' word does. */
START_TEST(a_trail_that_tells_otherwise_is_seen)
{
    static const char *const members[] = {"decision", "rows_sha256", "signatures_sha256"};
    char other[65];

    memset(other, 'a', 64);
    other[64] = '\0';
    fetch();
    set(&trail, line_of(&trail, "BATCH_SIGNED", 1), members[_i], json_string(other));
    seal_lie();
    REFUSED_SAYING(checks(), "audit.account", "says otherwise");
}
END_TEST

START_TEST(a_signature_that_the_trail_is_silent_about_is_counted)
{
    fetch();
    cut_out(&trail, line_of(&trail, "BATCH_SIGNED", 1));
    seal_lie();
    OK(checks());
    ck_assert_uint_gt(v.not_kept, 0);
    ck_assert_uint_eq(v.not_kept + v.signed_rows, ROWS);
}
END_TEST

START_TEST(a_signature_under_counters_that_were_never_reserved_is_seen)
{
    fetch();
    for (size_t i = trail.n; i-- > 0;)
        if (strstr(trail.at[i], "COUNTERS_RESERVED") != NULL ||
            strstr(trail.at[i], "BATCH_SIGNED") != NULL)
            cut_out(&trail, i);
    seal_lie();
    REFUSED_SAYING(checks(), "audit.account", "the trail says nothing of them");
}
END_TEST

START_TEST(a_signature_that_no_signer_made_is_seen)
{
    json_t *j;

    fetch();
    j = json_loads(trail.at[line_of(&trail, "BATCH_SIGNED", 1)], 0, NULL);
    free(trail.at[trail.n - 1]);
    trail.at[trail.n - 1] = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(j);
    set(&trail, trail.n - 1, "first_counter", json_integer(900001));
    set(&trail, trail.n - 1, "last_counter", json_integer(900001));
    set(&trail, trail.n - 1, "count", json_integer(1));
    seal_lie();
    REFUSED_SAYING(checks(), "audit.account", "in no account of the signers");
}
END_TEST

START_TEST(an_account_begins_as_one)
{
    seal();
    cut_out(&account, 0);
    REFUSED_SAYING(checks(), "audit.chain", "BEGUN");
}
END_TEST

struct unused {
    uint64_t n;
    unsigned runs;
};

static void count_unused(void *arg, const char *originator, uint64_t first, uint64_t last)
{
    struct unused *u = arg;

    ck_assert_uint_eq(strlen(originator), 16);
    ck_assert_uint_le(first, last);
    u->n += last - first + 1;
    u->runs++;
}

START_TEST(unused_counters_are_those_reserved_and_not_signed)
{
    for (unsigned hole = 0; hole < 2; hole++) {
        struct unused u = {0};
        struct audit_check *c;
        FILE *t;

        fetch();
        if (hole == 1)
            cut_out(&trail, line_of(&trail, "BATCH_SIGNED", 1));
        rehash(&trail, 0);
        t = file_of(&trail);
        OK(audit_check_new(NULL, 0, &c, &e));
        OK(audit_check_trail(c, t, "trail", &e));
        OK(audit_check_end(c, &v, &e));
        audit_check_unused(c, count_unused, &u);
        ck_assert_uint_eq(u.n, v.reserved - v.signed_rows);
        ck_assert_uint_ge(u.n, hole);
        ck_assert_uint_ge(u.runs, hole);
        audit_check_free(c);
        (void)fclose(t);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, what_engine_and_desk_wrote_fits);
    tcase_add_test(t, an_order_that_was_never_kept_is_counted);
    tcase_add_test(t, an_altered_record_is_seen);
    tcase_add_test(t, a_rehashed_trail_is_seen);
    tcase_add_test(t, a_rehashed_account_is_seen);
    tcase_add_test(t, a_cut_trail_is_seen);
    tcase_add_test(t, a_cut_account_is_seen);
    tcase_add_test(t, a_cut_account_with_an_older_head_is_seen);
    tcase_add_test(t, a_trail_cut_at_its_beginning_is_held_against_no_account);
    tcase_add_test(t, a_head_by_another_key_is_seen);
    tcase_add_test(t, heads_of_two_tokens_hold_with_both_keys);
    tcase_add_loop_test(t, a_trail_that_tells_otherwise_is_seen, 0, 3);
    tcase_add_test(t, a_signature_that_the_trail_is_silent_about_is_counted);
    tcase_add_test(t, a_signature_under_counters_that_were_never_reserved_is_seen);
    tcase_add_test(t, a_signature_that_no_signer_made_is_seen);
    tcase_add_test(t, an_account_begins_as_one);
    tcase_add_test(t, unused_counters_are_those_reserved_and_not_signed);
}

int main(void)
{
    return kit_run("evidence", begin, end, add);
}
