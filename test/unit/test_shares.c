/* SPDX-License-Identifier: MIT
 *
 * Shares and the records of ceremonies: what combines, what is refused, and what a record's
 * signature covers.
 */
#include "ceremony_record.h"
#include "core_kit.h"
#include "pki.h"
#include "shares.h"
#include "verify.h"

#include <openssl/ecdsa.h>

#include <fcntl.h>
#include <sys/stat.h>

#define N 5

static struct custody_set set;
static struct share *given;
static uint8_t *secret;
static bool proven[CUSTODY_MEMBERS_MAX];

static void members(const char *last_party)
{
    set = (struct custody_set){.version = 1, .threshold = 3, .n = N};
    shares_new_id(set.id);
    for (size_t i = 0; i < N; i++) {
        struct custody_person *p = &set.members[i].who;

        (void)snprintf(p->person, sizeof p->person, "p%zu", i);
        (void)snprintf(p->name, sizeof p->name, "Holder %zu", i);
        (void)snprintf(p->party, sizeof p->party, "Party %zu", i);
    }
    if (last_party != NULL)
        (void)snprintf(set.members[N - 1].who.party, CONFIG_HOLDER_MAX, "%s", last_party);
}

static void setup(void)
{
    kit_begin();
    shares_heap();
    members(NULL);
    given = shares_new(N);
    secret = shares_secret_new();
    ck_assert(given != NULL && secret != NULL);
    shares_random(secret, SHARES_SECRET);
    OK(shares_split(&set, secret, given, &e));
}

static void teardown(void)
{
    shares_free(given, N);
    shares_secret_free(secret);
    kit_end();
}

/* These of the shares, in that order. */
static bool combine(const char *which, uint8_t out[SHARES_SECRET])
{
    struct share some[N + 1];
    size_t n = strlen(which);

    for (size_t i = 0; i < n; i++)
        some[i] = given[which[i] - '1'];
    return shares_combine(&set, some, n, proven, out, &e);
}

START_TEST(any_three_of_five_give_the_secret)
{
    static const char *const three[] = {"123", "124", "125", "134", "135",  "145",  "234",
                                        "235", "245", "345", "531", "4321", "12345"};
    uint8_t got[SHARES_SECRET];

    for (size_t i = 0; i < sizeof three / sizeof three[0]; i++) {
        memset(got, 0, sizeof got);
        OK(combine(three[i], got));
        ck_assert_mem_eq(got, secret, sizeof got);
        for (size_t k = 0; k < N; k++)
            ck_assert_int_eq(proven[k], strchr(three[i], (char)('1' + k)) != NULL);
    }
}
END_TEST

START_TEST(no_share_is_the_secret_and_two_splits_share_none)
{
    struct share *again = shares_new(N);

    ck_assert_ptr_nonnull(again);
    set.version = 2;
    OK(shares_split(&set, secret, again, &e));
    for (size_t i = 0; i < N; i++) {
        ck_assert_mem_ne(given[i].octets, secret, SHARES_SECRET);
        ck_assert_mem_ne(given[i].octets, again[i].octets, SHARES_SECRET);
    }
    shares_free(again, N);
}
END_TEST

static void few(void)
{
}
static void altered(void)
{
    given[2].octets[31] ^= 1;
}
static void renamed(void)
{
    (void)snprintf(given[2].who.party, CONFIG_HOLDER_MAX, "Elsewhere");
}
static void renumbered(void)
{
    given[2].index = 4;
}
static void beyond(void)
{
    given[2].index = 200;
}
static void other_set(void)
{
    given[2].set[0] = given[2].set[0] == 'a' ? 'b' : 'a';
}
static void other_version(void)
{
    given[2].version = 2;
}
static void other_secret(void)
{
    set.secret.b[0] ^= 1;
}

static const struct {
    const char *which, *rule;
    void (*spoil)(void);
} spoilt[] = {
    {"12", "share.few", few},
    {"", "share.few", few},
    {"112", "share.party", few},
    {"123", "share.commitment", altered},
    {"123", "share.commitment", renamed},
    {"123", "share.commitment", renumbered},
    {"123", "share.commitment", beyond},
    {"123", "share.set", other_set},
    {"123", "share.version", other_version},
    {"123", "share.secret", other_secret},
};

START_TEST(what_is_not_right_gives_nothing)
{
    static const uint8_t none[SHARES_SECRET];
    uint8_t got[SHARES_SECRET] = {0};

    spoilt[_i].spoil();
    ck_assert(!combine(spoilt[_i].which, got));
    ck_assert_msg(strcmp(e.id, spoilt[_i].rule) == 0, "%s: %s", e.id, e.text);
    ck_assert_mem_eq(got, none, sizeof got);
}
END_TEST

START_TEST(quorums_and_parties)
{
    struct share *out = shares_new(N);

    ck_assert_ptr_nonnull(out);
    members("PARTY  0"); /* another spelling */
    ck_assert(!shares_split(&set, secret, out, &e));
    ck_assert_str_eq(e.id, "share.party");
    for (uint32_t m = 0; m <= N + 1; m++) {
        members(NULL);
        set.threshold = m;
        ck_assert_int_eq(shares_split(&set, secret, out, &e), m >= 2 && m <= N);
        ck_assert(m >= 2 && m <= N ? true : strcmp(e.id, "share.quorum") == 0);
    }
    shares_free(out, N);
}
END_TEST

START_TEST(a_share_goes_through_a_file_of_its_holder)
{
    char path[CONFIG_PATH_MAX];
    struct share read;
    struct stat st;

    OK(shares_write(&given[1], kit_path("."), path, &e));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    OK(shares_read(path, &read, &e));
    given[1] = read;
    {
        uint8_t got[SHARES_SECRET];

        OK(combine("123", got));
        ck_assert_mem_eq(got, secret, sizeof got);
    }
    ck_assert(!shares_write(&read, kit_path("."), path, &e)); /* none is written over */
    ck_assert_str_eq(e.id, "token.state");
}
END_TEST

/* --- records --- */

static struct ceremony_record record;

static void sign_record(EVP_PKEY *key)
{
    struct span point = pki_point(key);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t der[VERIFY_DER_MAX];
    size_t len = sizeof der;
    struct digest d;
    const uint8_t *p = der;
    ECDSA_SIG *sig;

    record.is_signed = true;
    memcpy(record.key.b, point.at, sizeof record.key.b);
    ck_assert(ceremony_record_digest(&record, &d));
    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_sign(ctx, der, &len, d.b, sizeof d.b), 1);
    sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), record.sig.b, 32), 32);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), record.sig.b + 32, 32), 32);
    ECDSA_SIG_free(sig);
    EVP_PKEY_CTX_free(ctx);
    free((void *)(uintptr_t)point.at);
}

static void make_record(EVP_PKEY *key)
{
    record = (struct ceremony_record){.what = CEREMONY_BACKUP,
                                      .at_us = INT64_C(1700000000000000),
                                      .label = "t",
                                      .serial = "1",
                                      .n_present = 1,
                                      .has_set = true,
                                      .n_keys = 1,
                                      .keys = {{.name = "recovery", .id = "01"}},
                                      .result = "done"};
    shares_new_id(record.id);
    record.set = set;
    record.present[0] = set.members[0].who;
    record.proven[2] = true;
    if (key != NULL)
        sign_record(key);
}

START_TEST(a_record_comes_back_as_it_was)
{
    EVP_PKEY *key = pki_key_new();
    struct ceremony_record got;
    char *text;

    make_record(key);
    text = ceremony_record_text(&record);
    ck_assert_ptr_nonnull(text);
    OK(ceremony_record_read(span_of(text, strlen(text)), &got, &e));
    ck_assert_str_eq(got.id, record.id);
    ck_assert_int_eq(got.what, CEREMONY_BACKUP);
    ck_assert_int_eq(got.at_us, record.at_us);
    ck_assert_uint_eq(got.set.n, N);
    ck_assert_mem_eq(&got.set.members[4], &set.members[4], sizeof set.members[4]);
    ck_assert(got.proven[2] && !got.proven[0]);
    ck_assert_str_eq(got.present[0].person, "p0");
    for (size_t i = 0; i < N; i++) { /* no share is in it */
        char hex[HEX_LEN(SHARES_SECRET)];

        hex_encode_lower(given[i].octets, SHARES_SECRET, hex);
        ck_assert_ptr_null(strstr(text, hex));
    }
    free(text);
    EVP_PKEY_free(key);
}
END_TEST

/* Each octet of it is under the signature, or the form is not. */
START_TEST(no_octet_of_a_record_can_be_changed)
{
    EVP_PKEY *key = pki_key_new();
    struct ceremony_record got;
    char *text;

    make_record(key);
    text = ceremony_record_text(&record);
    ck_assert_ptr_nonnull(text);
    for (char *p = text; *p != '\0'; p++) {
        char was = *p;

        *p = was == '1' ? '2' : '1';
        if (ceremony_record_read(span_of(text, strlen(text)), &got, &e))
            ck_abort_msg("octet %td, %c", p - text, was);
        *p = was;
    }
    free(text);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_record_that_nobody_signed_is_refused)
{
    struct ceremony_record got;
    char *text;

    make_record(NULL);
    text = ceremony_record_text(&record);
    ck_assert_ptr_nonnull(text);
    ck_assert(!ceremony_record_read(span_of(text, strlen(text)), &got, &e));
    ck_assert_str_eq(e.id, "ceremony.signature");
    free(text);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, any_three_of_five_give_the_secret);
    tcase_add_test(t, no_share_is_the_secret_and_two_splits_share_none);
    tcase_add_loop_test(t, what_is_not_right_gives_nothing, 0,
                        (int)(sizeof spoilt / sizeof spoilt[0]));
    tcase_add_test(t, quorums_and_parties);
    tcase_add_test(t, a_share_goes_through_a_file_of_its_holder);
    tcase_add_test(t, a_record_comes_back_as_it_was);
    tcase_add_test(t, no_octet_of_a_record_can_be_changed);
    tcase_add_test(t, a_record_that_nobody_signed_is_refused);
}

int main(void)
{
    return kit_run("shares", setup, teardown, add);
}
