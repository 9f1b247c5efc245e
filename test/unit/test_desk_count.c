/* SPDX-License-Identifier: MIT
 *
 * How often a row is signed: counted for the decision, across OPEN, processes, signers and
 * copies of files, and what is granted for answers that were lost.
 */
#include "desk_kit.h"
#include "spent.h"

#include <sys/stat.h>

static uint64_t next;

static void opened(void)
{
    open_warrant();
    ANSWERED(PROTO_OPENED);
}

static void run_of(uint32_t n)
{
    next += 100;
    reserve(next, n);
    ANSWERED(PROTO_RESERVED);
}

static void begin(void)
{
    desk_kit_begin();
    next = 1000;
    hello();
    opened();
    run_of(10);
}

static void restart(void)
{
    desk_kit_restart();
    hello();
}

static void lost(uint32_t first, uint32_t n)
{
    memset(&in, 0, sizeof in);
    in.u.lost.authority = authority_digest();
    in.u.lost.n = n;
    for (uint32_t i = 0; i < n; i++)
        in.u.lost.rows[i] = first + i;
    ask(PROTO_LOST);
}

/* Where the decision is counted. */
static const char *count_path(void)
{
    static char path[256];
    struct digest d = authority_digest();
    char hex[HEX_LEN(32)];

    hex_encode_lower(d.b, 32, hex);
    (void)snprintf(path, sizeof path, "%s/counts/%s", kit_dir, hex);
    return path;
}

/* As cp does it: the octets, in the file that is there or in a new one. */
static void copy(const char *from, const char *to)
{
    static char octets[1 << 16];
    FILE *f = fopen(from, "r");
    size_t n;

    ck_assert_ptr_nonnull(f);
    n = fread(octets, 1, sizeof octets, f);
    (void)fclose(f);
    f = fopen(to, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(octets, 1, n, f), n);
    (void)fclose(f);
}

/* --- what is counted --- */

START_TEST(a_row_is_counted_across_open)
{
    sign(next, 0, 2);
    ANSWERED(PROTO_SIGNED);
    for (int i = 0; i < 3; i++) {
        opened();
        ck_assert_uint_eq(reply.u.opened.count.used, 2);
        ck_assert_uint_eq(reply.u.opened.count.allowed, 3);
        run_of(10);
        sign(next, 1, 2);
        FAILED("signer.attempts");
    }
    sign(next, 2, 1); /* none of the three was counted with it */
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.count.used, 3);
    ck_assert_uint_eq(fake_token.rows, 3);
}
END_TEST

START_TEST(a_row_is_counted_across_processes)
{
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    restart();
    opened();
    ck_assert_uint_eq(reply.u.opened.count.used, 3);
    run_of(10);
    sign(next, 1, 1);
    FAILED("signer.attempts");
    ck_assert_uint_eq(fake_token.rows, 3);
}
END_TEST

/* Both have it open, and runs of their own. */
START_TEST(a_row_is_counted_by_all_signers)
{
    struct desk *first = desk;

    OK(desk_kit_new());
    hello();
    opened();
    run_of(10);
    sign(next, 0, 1);
    ANSWERED(PROTO_SIGNED);
    desk_free(desk);
    desk = first;
    sign(1100, 0, 1);
    FAILED("signer.attempts");
    sign(1100, 1, 1);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.count.used, 2);
}
END_TEST

START_TEST(a_decision_allows_its_attempts_and_no_more)
{
    scene_set(&scene, "attempts", json_integer(3));
    scene_sign(&scene, 2);
    for (int i = 0; i < 3; i++) {
        opened();
        run_of(3);
        sign(next, 0, 3);
        ANSWERED(PROTO_SIGNED);
    }
    opened();
    ck_assert_uint_eq(reply.u.opened.count.used, 9);
    ck_assert_uint_eq(reply.u.opened.count.allowed, 9);
    run_of(3);
    sign(next, 0, 1);
    FAILED("signer.attempts");
}
END_TEST

static void stop_at_once(void *arg)
{
    (void)arg;
    now = SCENE_NOW + INT64_C(30) * 86400 * 1000000;
}

START_TEST(what_was_not_signed_is_counted_back)
{
    fake_token.each_row = stop_at_once;
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    ck_assert_uint_eq(reply.u.signed_.n, 0);
    ck_assert_uint_eq(reply.u.signed_.count.used, 0);
    fake_token.each_row = NULL;
    now = SCENE_NOW;
    sign(next + 3, 0, 3);
    ANSWERED(PROTO_SIGNED);
}
END_TEST

START_TEST(the_count_is_on_disk_before_the_signature)
{
    struct spent_sums before;
    struct digest d = authority_digest();
    struct spent_paper p = {&d, 3, 1, 0};
    struct spent *file;

    desk_free(desk);
    desk = NULL;
    OK(spent_open(kit_path("counts"), &p, true, &file, &e));
    before = *spent_sums(file);
    OK(spent_take(file, (const uint32_t[]){1}, 1, &e));
    spent_close(file); /* and here the process dies */
    OK(desk_kit_new());
    hello();
    opened();
    ck_assert_uint_eq(reply.u.opened.count.used, before.made + 1);
    run_of(3);
    sign(next, 1, 1);
    FAILED("signer.attempts");
}
END_TEST

/* --- files and the token --- */

/* The copy was made with a run reserved and nothing signed: the last moment before. */
START_TEST(a_count_put_back_is_refused_by_the_next_process)
{
    const char *path = count_path();

    copy(path, kit_path("kept"));
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    run_of(1);
    desk_kit_restart();
    copy(kit_path("kept"), path);
    hello();
    open_warrant();
    FAILED("signer.count-lost");
    ck_assert_uint_eq(reply.u.fail.code, ERR_DENIED);
}
END_TEST

/* No run after it: the end of the one it was made in is told from its beginning too. */
START_TEST(a_count_from_within_a_run_is_refused)
{
    const char *path = count_path();

    copy(path, kit_path("kept"));
    sign(next, 0, 2);
    ANSWERED(PROTO_SIGNED);
    desk_kit_restart();
    copy(kit_path("kept"), path);
    hello();
    open_warrant();
    FAILED("signer.count-lost");
    ck_assert_uint_eq(fake_token.rows, 2);
}
END_TEST

START_TEST(a_count_put_back_is_refused_by_the_same_process)
{
    const char *path = count_path();

    copy(path, kit_path("kept"));
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    run_of(1);
    copy(kit_path("kept"), path);
    reserve(next + 100, 1);
    FAILED("signer.count-lost");
}
END_TEST

START_TEST(a_count_that_is_gone_is_refused)
{
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    (void)unlink(count_path());
    open_warrant();
    FAILED("signer.count-lost");
    restart();
    open_warrant();
    FAILED("signer.count-lost");
}
END_TEST

START_TEST(a_count_that_is_taken_away_is_missed_at_once)
{
    (void)rename(count_path(), kit_path("away"));
    sign(next, 0, 1);
    FAILED("signer.count-lost");
    reserve(next + 100, 1);
    FAILED("signer.count-lost");
    copy(kit_path("away"), count_path()); /* another file in its place */
    sign(next, 0, 1);
    FAILED("signer.count-lost");
    ck_assert_uint_eq(fake_token.rows, 0);
}
END_TEST

START_TEST(a_damaged_count_is_refused)
{
    static const long places[] = {0, 5, 8, 47, 63, 95};
    const char *path = count_path();

    desk_kit_restart();
    hello();
    copy(path, kit_path("kept"));
    for (size_t i = 0; i <= sizeof places / sizeof places[0]; i++) {
        FILE *f = fopen(path, "r+");

        ck_assert_ptr_nonnull(f);
        if (i < sizeof places / sizeof places[0]) {
            int was;

            (void)fseek(f, places[i], SEEK_SET);
            was = fgetc(f);
            (void)fseek(f, places[i], SEEK_SET);
            (void)fputc(was ^ 0x55, f);
        } else {
            ck_assert_int_eq(ftruncate(fileno(f), 4096 + 5), 0);
        }
        (void)fclose(f);
        open_warrant();
        FAILED("signer.count-lost");
        copy(kit_path("kept"), path);
    }
    opened(); /* without damage it is the right one */
}
END_TEST

/* Another machine has a folder of its own, and the same token. */
START_TEST(another_folder_does_not_begin_at_zero)
{
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    desk_free(desk);
    ck_assert_int_eq(rename(kit_path("counts"), kit_path("elsewhere")), 0);
    ck_assert_int_eq(rename(kit_path("revoked"), kit_path("elsewhere/r")), 0);
    OK(desk_kit_new());
    hello();
    open_warrant();
    FAILED("signer.count-lost");
}
END_TEST

START_TEST(a_token_put_back_is_refused)
{
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    fake_token.n_counts = 0;
    memset(fake_token.counts, 0, sizeof fake_token.counts);
    open_warrant();
    FAILED("signer.count-lost");
}
END_TEST

static void count_file(struct spent **file)
{
    struct digest d = authority_digest();
    struct spent_paper p = {&d, 3, 1, 0};

    OK(spent_open(kit_path("counts"), &p, true, file, &e));
    OK(spent_lock(*file, &e));
}

/* Death between the two: the step is found done where the token has it, else undone. */
static void settled(uint64_t in_token)
{
    uint64_t step = fake_token.counts[0].step;
    struct spent *file;

    count_file(&file);
    OK(spent_in_step(file, step, &e));
    OK(spent_step_begins(file, &e));
    spent_close(file);
    fake_token.counts[0].step += in_token;
    opened();
    run_of(3);
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    /* but only one step, and only one that was under way */
    fake_token.counts[0].step++;
    open_warrant();
    FAILED("signer.count-lost");
}

START_TEST(a_step_that_the_token_took_is_settled)
{
    settled(1);
}
END_TEST

START_TEST(a_step_that_the_token_did_not_take_is_settled)
{
    settled(0);
}
END_TEST

START_TEST(a_count_that_the_token_does_not_take_lends_nothing)
{
    static struct token_flaky f;

    desk_free(desk);
    token = token_flaky_init(&f, token, FLAKY_NO_COUNT, 0);
    OK(desk_kit_new());
    hello();
    opened();
    reserve(2000, 10);
    FAILED("token.mark");
    sign(2000, 0, 1);
    FAILED("signer.counter");
    f.way = FLAKY_SOUND;
    next = 2000; /* the mark was raised; those counters are lost */
    opened();
    run_of(10);
}
END_TEST

/* --- drawn in the token --- */

START_TEST(the_token_counts_what_was_signed_when_all_goes_well)
{
    ck_assert_uint_eq(fake_token.counts[0].drawn, 3); /* ten counters, three rows */
    run_of(2);
    ck_assert_uint_eq(fake_token.counts[0].drawn, 2);
    sign(next, 0, 1);
    ANSWERED(PROTO_SIGNED);
    opened();
    ck_assert_uint_eq(fake_token.counts[0].drawn, 1);
    run_of(10);
    ck_assert_uint_eq(fake_token.counts[0].drawn, 4);
    restart();
    ck_assert_uint_eq(fake_token.counts[0].drawn, 1);
}
END_TEST

/* Signers that die with a run give nothing back; it ends where rows and budget end. */
START_TEST(what_was_drawn_has_a_ceiling)
{
    unsigned runs = 0;

    do {
        ck_assert_uint_lt(++runs, 10);
        fake_token.counts[0].step++; /* as killed: what it says at the end is lost */
        desk_free(desk);
        fake_token.counts[0].step--;
        OK(desk_kit_new());
        hello();
        opened();
        next += 100;
        reserve(next, 10);
    } while (reply.type == PROTO_RESERVED);
    FAILED("signer.spent");
    ck_assert_uint_eq(runs, 1 + SPENT_LOST_ROW);
    ck_assert_uint_eq(fake_token.counts[0].drawn, 3 * (1 + SPENT_LOST_ROW));
}
END_TEST

START_TEST(a_run_signs_no_more_than_was_drawn_with_it)
{
    scene_set(&scene, "attempts", json_integer(9));
    scene_sign(&scene, 2);
    opened();
    run_of(10);
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    sign(next + 3, 0, 1);
    FAILED("signer.counter");
    opened();
    ck_assert_uint_eq(reply.u.opened.count.used, 3); /* the last one was not counted */
}
END_TEST

/* --- what was lost --- */

START_TEST(a_lost_row_is_granted_again_a_few_times)
{
    sign(next, 0, 3);
    ANSWERED(PROTO_SIGNED);
    for (unsigned i = 0; i < SPENT_LOST_ROW; i++) {
        opened();
        run_of(10);
        sign(next, 1, 1);
        FAILED("signer.attempts");
        lost(1, 1);
        ANSWERED(PROTO_GRANTED);
        ck_assert_uint_eq(reply.u.granted.n, 1);
        ck_assert_uint_eq(reply.u.granted.count.lost, i + 1);
        lost(1, 1); /* said twice it is still one */
        ANSWERED(PROTO_GRANTED);
        ck_assert_uint_eq(reply.u.granted.n, 0);
        sign(next, 1, 1);
        ANSWERED(PROTO_SIGNED);
        sign(next + 1, 1, 1);
        FAILED("signer.attempts");
        sign(next + 1, 0, 1); /* nothing was granted for this one */
        FAILED("signer.attempts");
    }
    lost(1, 1);
    FAILED("signer.lost-budget");
    lost(0, 3); /* one of them: then none */
    FAILED("signer.lost-budget");
    opened();
    ck_assert_uint_eq(reply.u.opened.count.lost, SPENT_LOST_ROW);
    ck_assert_uint_eq(fake_token.rows, 3 + SPENT_LOST_ROW);
    restart();
    opened();
    lost(1, 1);
    FAILED("signer.lost-budget");
}
END_TEST

START_TEST(only_rows_of_the_open_decision_are_lost)
{
    lost(2, 2);
    FAILED("signer.row");
    in.u.lost.authority.b[0] ^= 1;
    ask(PROTO_LOST);
    FAILED("signer.other-authority");
    revoke_it();
    lost(0, 1);
    FAILED("signer.no-warrant");
}
END_TEST

START_TEST(all_lost_rows_together_have_a_budget)
{
    static uint32_t rows[256];
    struct digest d = {{7}};
    struct spent_paper p = {&d, SPENT_LOST_ALL + 512, 1, SCENE_NOW};
    struct spent *file;
    uint32_t granted;

    OK(spent_open(kit_path("counts"), &p, false, &file, &e));
    for (uint32_t at = 0; at < SPENT_LOST_ALL + 256; at += 256) {
        for (uint32_t i = 0; i < 256; i++)
            rows[i] = at + i;
        OK(spent_take(file, rows, 256, &e));
        if (at == SPENT_LOST_ALL)
            break;
        OK(spent_claim(file, rows, 256, &granted, &e));
        ck_assert_uint_eq(granted, 256);
    }
    ck_assert_uint_eq(spent_sums(file)->lost, SPENT_LOST_ALL);
    REFUSED(spent_claim(file, rows, 1, &granted, &e), "signer.lost-budget");
    spent_close(file);
}
END_TEST

/* --- files that nobody needs any more --- */

START_TEST(a_count_goes_some_time_after_its_window)
{
    const int64_t day = INT64_C(86400) * 1000000;

    now = SCENE_NOW + 5 * day + (SPENT_KEEP_DAYS - 1) * day;
    desk_kit_restart();
    ck_assert_int_eq(access(count_path(), F_OK), 0);
    now = SCENE_NOW + 7 * day + (SPENT_KEEP_DAYS + 1) * day;
    desk_kit_restart();
    ck_assert_int_ne(access(count_path(), F_OK), 0);
}
END_TEST

START_TEST(a_folder_that_cannot_be_used_is_no_desk)
{
    desk_free(desk);
    desk = NULL;
    ck_assert_int_eq(rename(kit_path("counts"), kit_path("away")), 0);
    kit_text("counts", "no folder");
    REFUSED(desk_kit_new(), "signer.count-file");
    ck_assert_int_eq(e.code, ERR_STORE);
}
END_TEST

KIT_MAIN("desk_count", begin, desk_kit_end, a_row_is_counted_across_open,
         a_row_is_counted_across_processes, a_row_is_counted_by_all_signers,
         a_decision_allows_its_attempts_and_no_more, what_was_not_signed_is_counted_back,
         the_count_is_on_disk_before_the_signature,
         a_count_put_back_is_refused_by_the_next_process,
         a_count_from_within_a_run_is_refused,
         a_count_put_back_is_refused_by_the_same_process, a_count_that_is_gone_is_refused,
         a_count_that_is_taken_away_is_missed_at_once, a_damaged_count_is_refused,
         another_folder_does_not_begin_at_zero, a_token_put_back_is_refused,
         a_step_that_the_token_took_is_settled,
         a_step_that_the_token_did_not_take_is_settled,
         a_count_that_the_token_does_not_take_lends_nothing,
         the_token_counts_what_was_signed_when_all_goes_well, what_was_drawn_has_a_ceiling,
         a_run_signs_no_more_than_was_drawn_with_it,
         a_lost_row_is_granted_again_a_few_times, only_rows_of_the_open_decision_are_lost,
         all_lost_rows_together_have_a_budget, a_count_goes_some_time_after_its_window,
         a_folder_that_cannot_be_used_is_no_desk)
