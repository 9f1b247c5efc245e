/* SPDX-License-Identifier: MIT
 *
 * What takes long is worked out beside the loop: whoever asks gives up, and asks again when the
 * answer is there.
 */
#include "beside.h"
#include "core_kit.h"

#include <pthread.h>
#include <stdatomic.h>

static sd_event *loop;
static struct beside *beside;
static unsigned told; /* that an answer is there */
static atomic_int n_worked, n_unheard;
static pthread_t worker;
static struct span out;

static bool told_broken;

static void on_there(void *arg, const struct err *broken)
{
    (void)arg;
    told++;
    told_broken = broken != NULL;
}

/* How many incidents there are; "bad": an error. */
static bool work(struct store *s, struct span in, struct span *answer, struct err *why)
{
    int64_t *n = calloc(1, sizeof *n);
    bool found;

    worker = pthread_self();
    n_worked++;
    if (n == NULL || strcmp((const char *)in.at, "bad") == 0) {
        free(n);
        return err_set(why, ERR_INPUT, "roster.row", "bad");
    }
    if (!store_number(s, n, &found, why, "SELECT count(*) FROM mark", ""))
        return false;
    *answer = span_of(n, sizeof *n);
    return true;
}

static void unheard(struct span in)
{
    (void)in;
    n_unheard++;
}

static const struct think_kind kept = {.name = "kept", .work = work};
static const struct think_kind once = {
    .name = "once", .work = work, .once = true, .unheard = unheard};
static const struct think_kind writes; /* below */

static bool ask(const struct think_kind *k, const char *in)
{
    const struct think_port *was = think_through(beside_port(beside));
    bool ok;

    free((void *)(uintptr_t)out.at);
    ok = think(k, store, span_of(in, strlen(in) + 1), &out, &e);
    (void)think_through(was);
    return ok;
}

/* The first answer is "later"; the next, once the loop was told, is the answer. */
static bool asked(const struct think_kind *k, const char *in)
{
    unsigned before = told;

    ck_assert(!ask(k, in));
    ck_assert(think_later(&e));
    while (told == before)
        ck_assert_int_ge(sd_event_run(loop, UINT64_MAX), 0);
    return ask(k, in);
}

static int64_t answer(void)
{
    int64_t n;

    ck_assert_uint_eq(out.len, sizeof n);
    memcpy(&n, out.at, sizeof n);
    return n;
}

static void add_mark(const char *originator)
{
    OK(store_begin(store, &e));
    OK(store_run(store, &e, "INSERT INTO mark VALUES (?1, 7)", "b",
                 span_of(originator, strlen(originator))));
}

static void setup(void)
{
    kit_begin_store();
    out = (struct span){NULL, 0};
    told = 0;
    told_broken = false;
    n_worked = n_unheard = 0;
    ck_assert_int_ge(sd_event_new(&loop), 0);
    OK(beside_new(loop, kit_path("db"), on_there, NULL, &beside, &e));
}

static void teardown(void)
{
    beside_free(beside);
    free((void *)(uintptr_t)out.at);
    (void)sd_event_unref(loop);
    kit_end();
}

START_TEST(a_question_is_answered_by_another_thread)
{
    OK(asked(&kept, "a"));
    ck_assert_int_eq(answer(), 0);
    ck_assert(!pthread_equal(worker, pthread_self()));
    free((void *)(uintptr_t)out.at);
    OK(think(&kept, store, span_of("a", 2), &out, &e)); /* without a port: on the spot */
    ck_assert(pthread_equal(worker, pthread_self()));
}
END_TEST

START_TEST(the_same_question_has_its_answer_already)
{
    OK(asked(&kept, "a"));
    OK(ask(&kept, "a"));
    ck_assert_int_eq(n_worked, 1);
    OK(asked(&kept, "b"));
    ck_assert_int_eq(n_worked, 2);
}
END_TEST

START_TEST(an_answer_for_one_is_given_once)
{
    OK(asked(&once, "a"));
    OK(asked(&once, "a"));
    ck_assert_int_eq(n_worked, 2);
    ck_assert_int_eq(n_unheard, 0);
}
END_TEST

START_TEST(an_error_is_an_answer_and_is_not_kept)
{
    REFUSED(asked(&kept, "bad"), "roster.row");
    REFUSED(asked(&kept, "bad"), "roster.row");
    ck_assert_int_eq(n_worked, 2);
}
END_TEST

START_TEST(it_sees_what_is_committed_and_no_more)
{
    add_mark("one");
    OK(asked(&once, "a"));
    ck_assert_int_eq(answer(), 0);
    OK(store_commit(store, &e));
    OK(asked(&once, "a"));
    ck_assert_int_eq(answer(), 1);
    add_mark("two");
    store_rollback(store);
    OK(asked(&once, "a"));
    ck_assert_int_eq(answer(), 1);
}
END_TEST

static bool write_mark(struct store *s, struct span in, struct span *answer_,
                       struct err *why)
{
    (void)in;
    (void)answer_;
    return store_run(s, why, "DELETE FROM mark", "");
}
static const struct think_kind writes = {.name = "writes", .work = write_mark};

START_TEST(it_cannot_change_anything)
{
    REFUSED(asked(&writes, "a"), "store.failed");
    ck_assert(told_broken); /* what fails the thread is told to who stops the service */
    ck_assert(!store_failed(store));
}
END_TEST

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static bool wait_at_gate(struct store *s, struct span in, struct span *answer_,
                         struct err *why)
{
    (void)pthread_mutex_lock(&gate);
    (void)pthread_mutex_unlock(&gate);
    return work(s, in, answer_, why);
}
static const struct think_kind slow = {.name = "slow", .work = wait_at_gate};

static const struct think_kind quick = {.name = "quick", .work = work, .quick = true};

START_TEST(what_is_quick_does_not_wait_for_what_is_not)
{
    (void)pthread_mutex_lock(&gate);
    REFUSED_SAYING(ask(&slow, "a"), "request.later", "slow");
    REFUSED_SAYING(ask(&slow, "b"), "request.later", "slow");
    OK(asked(&quick, "c"));
    REFUSED_SAYING(ask(&slow, "a"), "request.later", "slow");
    (void)pthread_mutex_unlock(&gate);
}
END_TEST

static bool work_within(struct store *s, struct span in, struct span *answer_,
                        struct err *why)
{
    return think(&kept, s, in, answer_, why);
}
static const struct think_kind within = {
    .name = "within", .work = work_within, .once = true};

START_TEST(what_is_asked_within_a_question_is_known_from_then_on)
{
    OK(asked(&within, "a"));
    ck_assert_int_eq(answer(), 0);
    OK(asked(&within, "a"));
    OK(ask(&kept, "a"));
    ck_assert_int_eq(answer(), 0);
    ck_assert_int_eq(n_worked, 1);
    REFUSED(asked(&within, "bad"), "roster.row");
    REFUSED(asked(&within, "bad"), "roster.row");
    ck_assert_int_eq(n_worked, 3);
}
END_TEST

static bool work_stamp(struct store *s, struct span in, struct span *answer_,
                       struct err *why)
{
    int64_t *n = calloc(1, sizeof *n);

    (void)in;
    (void)why;
    ck_assert_ptr_nonnull(n);
    *n = (int64_t)store_stamp(s);
    *answer_ = span_of(n, sizeof *n);
    return true;
}
static const struct think_kind stamp = {.name = "stamp", .work = work_stamp, .once = true};

START_TEST(a_question_knows_the_stamp_of_the_database_it_was_asked_of)
{
    OK(asked(&stamp, "a"));
    ck_assert_int_eq(answer(), (int64_t)store_stamp(store));
    add_mark("one");
    OK(store_commit(store, &e));
    ck_assert_int_ne(answer(), (int64_t)store_stamp(store));
    OK(asked(&stamp, "a"));
    ck_assert_int_eq(answer(), (int64_t)store_stamp(store));
}
END_TEST

START_TEST(so_many_questions_wait_and_answers_make_room)
{
    unsigned before;
    char in[16];

    (void)pthread_mutex_lock(&gate);
    for (int i = 0; i < 256; i++) {
        (void)snprintf(in, sizeof in, "q%d", i);
        REFUSED_SAYING(ask(&slow, in), "request.later", "slow");
    }
    REFUSED_SAYING(ask(&slow, "one more"), "request.later", "256 questions");
    REFUSED_SAYING(ask(&slow, "q7"), "request.later", "slow"); /* it waits already */
    (void)pthread_mutex_unlock(&gate);
    /* it is told of others first */
    while (!ask(&slow, "one more")) {
        ck_assert_msg(think_later(&e), "%s", e.text);
        for (before = told; told == before;)
            ck_assert_int_ge(sd_event_run(loop, UINT64_MAX), 0);
    }
}
END_TEST

START_TEST(a_question_that_nobody_waits_for_any_more_goes_with_its_remains)
{
    unsigned before = told;

    ck_assert(!ask(&once, "a"));
    while (told == before)
        ck_assert_int_ge(sd_event_run(loop, UINT64_MAX), 0);
    beside_free(beside);
    beside = NULL;
    ck_assert_int_eq(n_unheard, 1);
}
END_TEST

KIT_MAIN("beside", setup, teardown, a_question_is_answered_by_another_thread,
         the_same_question_has_its_answer_already, an_answer_for_one_is_given_once,
         an_error_is_an_answer_and_is_not_kept, it_sees_what_is_committed_and_no_more,
         it_cannot_change_anything, what_is_quick_does_not_wait_for_what_is_not,
         what_is_asked_within_a_question_is_known_from_then_on,
         a_question_knows_the_stamp_of_the_database_it_was_asked_of,
         so_many_questions_wait_and_answers_make_room,
         a_question_that_nobody_waits_for_any_more_goes_with_its_remains)
