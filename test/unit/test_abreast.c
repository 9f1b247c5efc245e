/* SPDX-License-Identifier: MIT
 *
 * The same thing done for many at once.
 */
#include "abreast.h"
#include "core_kit.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MANY 500

static atomic_uint done[MANY];

static void note(void *x, size_t i)
{
    ck_assert_ptr_eq(x, done);
    atomic_fetch_add(&done[i], 1);
}

static void each_is_done(unsigned times)
{
    for (size_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(atomic_load(&done[i]), times);
}

START_TEST(each_is_done_once_and_before_it_returns)
{
    struct abreast *a;

    OK(abreast_new(&a, &e));
    for (unsigned times = 1; times <= 200; times++) {
        abreast_each(a, MANY, note, done);
        each_is_done(times);
    }
    abreast_each(a, 0, note, done);
    each_is_done(200);
    abreast_free(a);
    abreast_free(NULL);
}
END_TEST

START_TEST(with_nobody_it_is_done_all_the_same)
{
    abreast_each(NULL, MANY, note, done);
    each_is_done(1);
}
END_TEST

static pthread_barrier_t both;

static void meet(void *x, size_t i)
{
    (void)x;
    (void)i;
    (void)pthread_barrier_wait(&both);
}

/* Each waits for the other: one after the other they would wait for ever. */
START_TEST(two_are_under_way_at_once)
{
    cpu_set_t set;
    struct abreast *a;

    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2)
        return;
    ck_assert_int_eq(pthread_barrier_init(&both, NULL, 2), 0);
    OK(abreast_new(&a, &e));
    abreast_each(a, 2, meet, NULL);
    abreast_free(a);
}
END_TEST

static void begin(void)
{
    for (size_t i = 0; i < MANY; i++)
        atomic_store(&done[i], 0);
}

static void end(void)
{
}

KIT_MAIN("abreast", begin, end, each_is_done_once_and_before_it_returns,
         with_nobody_it_is_done_all_the_same, two_are_under_way_at_once)
