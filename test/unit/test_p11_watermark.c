/* SPDX-License-Identifier: MIT
 *
 * The counter's mark in a real token: refusal, damage, death half-way, several processes.
 */
#include "mem.h"
#include "number_file.h"
#include "p11_key.h"
#include "rules.h"
#include "token_kit.h"
#include "watermark.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3
#define RUNS    60 /* per worker */
#define BLOCK   256

static const struct eui64 supplier = {{0x90, 0xB3, 0xD5, 0x1F, 0x30, 0x01, 0x00, 0x00}};
static const struct eui64 other = {{0x90, 0xB3, 0xD5, 0x1F, 0x30, 0x02, 0x00, 0x00}};

static struct token_kit kit;
static struct session s;

static void setup(void)
{
    token_kit_new(&kit);
    s.use_fd = -1;
}

static void teardown(void)
{
    session_close(&s);
    token_kit_done();
}

static void open_it(void)
{
    ck_assert_msg(session_open(&s, &kit.config, "main", false, &e), "%s", e.text);
}

static uint64_t mark_of(const struct eui64 *o)
{
    uint64_t mark = 77;

    ck_assert_msg(watermark_get(&s, o, &mark, &e), "%s", e.text);
    return mark;
}

START_TEST(without_an_object_the_mark_is_zero)
{
    open_it();
    ck_assert_uint_eq(mark_of(&supplier), 0);
}
END_TEST

START_TEST(a_run_at_or_below_the_mark_is_refused)
{
    open_it();
    ck_assert_msg(watermark_raise(&s, &supplier, 1, 256, &e), "%s", e.text);
    ck_assert_uint_eq(mark_of(&supplier), 256);
    ck_assert(!watermark_raise(&s, &supplier, 256, 512, &e));
    ck_assert_str_eq(e.id, "token.counter-mark");
    ck_assert_int_eq(e.code, ERR_DENIED);
    ck_assert_ptr_nonnull(rules_find(e.id));
    ck_assert(!watermark_raise(&s, &supplier, 600, 500, &e));
    ck_assert(!watermark_raise(&s, &supplier, 0, 1000, &e));
    ck_assert_uint_eq(mark_of(&supplier), 256);
    ck_assert(watermark_raise(&s, &supplier, 257, 257, &e));
    ck_assert(watermark_raise(&s, &supplier, 1000, INT64_MAX, &e));
    ck_assert_uint_eq(mark_of(&supplier), INT64_MAX);
    ck_assert_int_eq(s.worst, P11_FINE);
}
END_TEST

START_TEST(each_originator_has_its_own_mark)
{
    open_it();
    ck_assert(watermark_raise(&s, &supplier, 1, 1000, &e));
    ck_assert_uint_eq(mark_of(&other), 0);
    ck_assert(watermark_raise(&s, &other, 1, 5, &e));
    ck_assert_uint_eq(mark_of(&supplier), 1000);
    ck_assert_uint_eq(mark_of(&other), 5);
}
END_TEST

START_TEST(the_mark_outlives_the_process)
{
    open_it();
    ck_assert(watermark_raise(&s, &supplier, 1, 1000, &e));
    session_close(&s);
    open_it();
    ck_assert_uint_eq(mark_of(&supplier), 1000);
}
END_TEST

static CK_RV put_object(const void *at, size_t len)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    char application[] = "smki-recovery", label[] = "originator-counter 90B3D51F30010000";
    uint8_t value[32];
    CK_OBJECT_HANDLE h;
    CK_ATTRIBUTE made[] = {{CKA_CLASS, &class, sizeof class},
                           {CKA_TOKEN, &yes, sizeof yes},
                           {CKA_APPLICATION, application, sizeof application - 1},
                           {CKA_LABEL, label, sizeof label - 1},
                           {CKA_VALUE, value, len}};

    memcpy(value, at, len);
    return s.f->C_CreateObject(s.anchor, made, 5, &h);
}

START_TEST(a_damaged_mark_is_never_read_as_zero)
{
    static const uint8_t bad[16] = {0, 0, 0, 0, 0, 0, 0, 9};

    open_it();
    ck_assert_uint_eq(put_object(bad, _i == 0 ? 16 : 3), CKR_OK);
    ck_assert(!watermark_raise(&s, &supplier, 100, 200, &e));
    ck_assert_str_eq(e.id, "token.counter-mark-bad");
    ck_assert_ptr_nonnull(rules_find(e.id));
}
END_TEST

START_TEST(beside_a_whole_mark_a_torn_one_does_not_count)
{
    static const uint8_t torn[16] = {0, 0, 0, 0, 0, 0, 9, 9};

    open_it();
    ck_assert(watermark_raise(&s, &supplier, 1, 1000, &e));
    ck_assert_uint_eq(put_object(torn, sizeof torn), CKR_OK);
    ck_assert_uint_eq(mark_of(&supplier), 1000);
    ck_assert(watermark_raise(&s, &supplier, 1001, 2000, &e));
    ck_assert_uint_eq(mark_of(&supplier), 2000);
}
END_TEST

static int raise_one(struct token_kit *r, void *arg)
{
    const uint64_t *run = arg;
    struct session mine;
    struct err why;
    bool ok = session_open(&mine, &r->config, "main", false, &why) &&
              watermark_raise(&mine, &supplier, run[0], run[1], &why);

    session_close(&mine);
    return ok ? 0 : 1;
}

START_TEST(another_process_sees_the_change_at_once)
{
    uint64_t run[2] = {1, 0};

    open_it(); /* and stays open all the time */
    ck_assert_uint_eq(mark_of(&supplier), 0);
    for (int i = 0; i < 5; i++) {
        run[1] = run[0] + 99;
        ck_assert_int_eq(token_kit_child(&kit, raise_one, run), 0);
        ck_assert_uint_eq(mark_of(&supplier), run[1]);
        ck_assert(!watermark_raise(&s, &supplier, run[1], run[1] + 10, &e));
        ck_assert(watermark_raise(&s, &supplier, run[1] + 1, run[1] + 10, &e));
        run[0] = run[1] + 11;
    }
}
END_TEST

/* What processes share: who got which block. */
struct tally {
    volatile int owner[WORKERS * RUNS * 4];
    volatile int twice, failed;
};

static int hammer(struct token_kit *r, void *arg)
{
    struct tally *t = arg;
    int got = 0;
    struct session mine;
    struct err why;

    if (!session_open(&mine, &r->config, "main", false, &why)) {
        (void)fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    while (got < RUNS) {
        uint64_t mark, block;

        if (!watermark_get(&mine, &supplier, &mark, &why))
            break;
        block = mark / BLOCK;
        if (block >= sizeof t->owner / sizeof t->owner[0])
            break;
        if (!watermark_raise(&mine, &supplier, mark + 1, mark + BLOCK, &why)) {
            if (strcmp(why.id, "token.counter-mark") == 0)
                continue; /* another was faster: as it should be */
            break;
        }
        if (!__sync_bool_compare_and_swap(&t->owner[block], 0, (int)getpid()))
            (void)__sync_fetch_and_add(&t->twice, 1);
        got++;
    }
    session_close(&mine);
    if (got < RUNS)
        (void)fprintf(stderr, "%s\n", why.text);
    return got == RUNS ? 0 : 1;
}

START_TEST(no_run_is_handed_out_twice_among_processes)
{
    struct tally *t =
        mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[WORKERS];

    ck_assert_ptr_ne(t, MAP_FAILED);
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        ck_assert_int_ge(pids[i], 0);
        if (pids[i] == 0)
            _exit(hammer(&kit, t));
    }
    for (int i = 0; i < WORKERS; i++) {
        int status = -1;

        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_eq(t->twice, 0);
    for (int i = 0; i < WORKERS * RUNS; i++)
        ck_assert_int_ne(t->owner[i], 0);
    open_it();
    ck_assert_uint_eq(mark_of(&supplier), (uint64_t)WORKERS * RUNS * BLOCK);
    (void)munmap(t, sizeof *t);
}
END_TEST

static const struct {
    const char *plan;
    uint64_t mark; /* afterwards */
} deaths[] = {
    {"C_CreateObject:1=kill", 1000},
    {"C_DestroyObject:1=kill", 2000},
};

START_TEST(death_half_way_leaves_a_whole_mark)
{
    uint64_t run[2] = {1001, 2000};
    struct config plain = kit.config;
    int status;

    open_it();
    ck_assert(watermark_raise(&s, &supplier, 1, 1000, &e));
    session_close(&s);
    token_kit_shim(&kit, deaths[_i].plan);
    status = token_kit_child(&kit, raise_one, run);
    ck_assert(WIFSIGNALED(status));
    kit.config = plain;
    open_it();
    ck_assert_uint_eq(mark_of(&supplier), deaths[_i].mark);
    ck_assert(watermark_raise(&s, &supplier, 2001, 3000, &e));
    ck_assert_uint_eq(mark_of(&supplier), 3000);
}
END_TEST

/* --- what this machine knows of it --- */

static void note(const char *label, const struct eui64 *o, uint64_t number)
{
    struct p11_number which = {.name = span_of(o->b, sizeof o->b), .n_words = 1};
    const uint64_t words[P11_NUMBER_WORDS] = {number};

    (void)snprintf(which.label, sizeof which.label, "%s", label);
    ck_assert_msg(number_file_write(&s, &which, words, &e), "%s", e.text);
}

#define SUPPLIER_LABEL "originator-counter 90B3D51F30010000"

START_TEST(a_mark_below_what_was_noted_wants_a_new_login)
{
    uint64_t mark;

    open_it();
    ck_assert(watermark_raise(&s, &supplier, 1, 256, &e));
    note(SUPPLIER_LABEL, &supplier, 900); /* as if another process had raised it */
    ck_assert(!watermark_get(&s, &supplier, &mark, &e) && s.stale);
    ck_assert_str_eq(e.id, "token.counter-mark-bad");
    ck_assert(!watermark_raise(&s, &supplier, 257, 512, &e));
    ck_assert(mark_of(&other) == 0);
}
END_TEST

START_TEST(below_what_was_noted_nothing_is_raised)
{
    kit.config.signer.call_timeout_s = 20;
    ck_assert_msg(session_open(&s, &kit.config, "main", true, &e), "%s", e.text);
    ck_assert(watermark_raise(&s, &supplier, 1, 256, &e));
    note(SUPPLIER_LABEL, &supplier, 900);
    ck_assert_uint_eq(mark_of(&supplier), 256); /* a ceremony sees what there is */
    ck_assert(!watermark_raise(&s, &supplier, 257, 512, &e));
    ck_assert_str_eq(e.id, "token.counter-mark");
    ck_assert_ptr_nonnull(strstr(e.text, "up to 900"));
    ck_assert(watermark_raise(&s, &supplier, 901, 1000, &e));
    ck_assert_uint_eq(mark_of(&supplier), 1000);
}
END_TEST

/* Mark=file: the token holds none of it, processes and damage are as before. */
static int raises_on(struct token_kit *r, void *arg)
{
    struct session mine;
    struct err why;
    bool ok = session_open(&mine, &r->config, "main", false, &why) &&
              watermark_raise(&mine, &supplier, 257, 512, &why);

    (void)arg;
    session_close(&mine);
    return ok ? 0 : 1;
}

START_TEST(a_mark_in_a_file_is_kept_among_processes)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE by[] = {{CKA_CLASS, &class, sizeof class}};
    CK_OBJECT_HANDLE at;
    CK_ULONG n;
    uint64_t mark;
    char path[CONFIG_PATH_MAX + 200];

    (void)strcpy(kit.config.tokens[0].mark, "file");
    open_it();
    ck_assert_uint_eq(mark_of(&supplier), 0);
    ck_assert(watermark_raise(&s, &supplier, 1, 256, &e));
    ck_assert_int_eq(token_kit_child(&kit, raises_on, NULL), 0);
    ck_assert_uint_eq(mark_of(&supplier), 512);
    ck_assert(!watermark_raise(&s, &supplier, 512, 600, &e));
    ck_assert_str_eq(e.id, "token.counter-mark");
    ck_assert(p11_search(&s, by, 1, &at, 1, &n, &e));
    ck_assert_uint_eq(n, 0);
    (void)snprintf(path, sizeof path, "%snumber-%s", s.file_prefix,
                   "originator-counter-90B3D51F30010000");
    ck_assert_int_eq(truncate(path, 10), 0);
    ck_assert(!watermark_get(&s, &supplier, &mark, &e));
    ck_assert_str_eq(e.id, "token.counter-mark-bad");
}
END_TEST

/* --- the lock --- */

static int raises_first(struct token_kit *r, void *arg)
{
    struct session mine;
    struct err why;
    bool ok = session_open(&mine, &r->config, "main", false, &why) &&
              watermark_raise(&mine, &supplier, 1, 256, &why);

    (void)arg;
    session_close(&mine);
    return ok ? 0 : 1;
}

static pid_t waiting_child(int *pipe_out)
{
    int fds[2];
    pid_t pid;

    ck_assert_int_eq(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        (void)close(fds[1]);
        (void)!read(fds[0], &fds[1], 1);
        _exit(0);
    }
    (void)close(fds[0]);
    *pipe_out = fds[1];
    return pid;
}

/* A module that forks in the middle of it. */
START_TEST(a_forked_child_keeps_no_lock)
{
    int go, status;
    pid_t pid;

    open_it();
    {
        AUTO(fd) int lock = session_lock(&s, true, &e);

        ck_assert_int_ge(lock, 0);
        pid = waiting_child(&go);
    }
    ck_assert_int_eq(token_kit_child(&kit, raises_first, NULL), 0);
    session_close(&s); /* nor that of its life */
    ck_assert_msg(session_open(&s, &kit.config, "main", true, &e), "%s", e.text);
    (void)close(go);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
END_TEST

static int waits_in_vain(struct token_kit *r, void *arg)
{
    struct session mine;
    struct err why;
    char who[40];

    (void)snprintf(who, sizeof who, "process %ld (", (long)*(pid_t *)arg);
    r->config.signer.call_timeout_s = 1;
    return !session_open(&mine, &r->config, "main", false, &why) && why.code == ERR_BUSY &&
                   strcmp(why.id, "token.lock-held") == 0 && rules_find(why.id) != NULL &&
                   strstr(why.text, who) != NULL && mine.worst == P11_REBUILD
               ? 0
               : 1;
}

START_TEST(a_lock_that_is_held_is_named_and_not_waited_for_for_ever)
{
    pid_t me = getpid();

    open_it();
    AUTO(fd) int lock = session_lock(&s, true, &e);
    ck_assert_int_ge(lock, 0);
    ck_assert_int_eq(token_kit_child(&kit, waits_in_vain, &me), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("p11_watermark");
    TCase *t = tcase_create("mark");
    SRunner *r = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, without_an_object_the_mark_is_zero);
    tcase_add_test(t, a_run_at_or_below_the_mark_is_refused);
    tcase_add_test(t, each_originator_has_its_own_mark);
    tcase_add_test(t, the_mark_outlives_the_process);
    tcase_add_loop_test(t, a_damaged_mark_is_never_read_as_zero, 0, 2);
    tcase_add_test(t, beside_a_whole_mark_a_torn_one_does_not_count);
    tcase_add_test(t, a_mark_below_what_was_noted_wants_a_new_login);
    tcase_add_test(t, below_what_was_noted_nothing_is_raised);
    tcase_add_test(t, a_mark_in_a_file_is_kept_among_processes);
    tcase_add_test(t, a_forked_child_keeps_no_lock);
    tcase_add_test(t, a_lock_that_is_held_is_named_and_not_waited_for_for_ever);
    tcase_add_test(t, another_process_sees_the_change_at_once);
    tcase_add_test(t, no_run_is_handed_out_twice_among_processes);
    tcase_add_loop_test(t, death_half_way_leaves_a_whole_mark, 0, 2);
    suite_add_tcase(suite, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
