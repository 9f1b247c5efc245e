/* SPDX-License-Identifier: MIT */
#include "core_kit.h"
#include "outbox.h"

#include <dirent.h>
#include <sys/stat.h>

static void put(enum event event, int64_t n)
{
    struct outbox_step step = {.incident = "I-2026-0001",
                               .title = "keys exposed",
                               .subscriber = "90B3D51F30020001",
                               .event = event,
                               .route = ROUTE_METHOD_3,
                               .state = STATE_CLOSED,
                               .exercise = true,
                               .n = n,
                               .at_us = INT64_C(1795611600000000)};

    OK(outbox_queue(store, &step, &e));
}

static int64_t queued(void)
{
    int64_t n = 0;
    bool found;

    OK(store_number(store, &n, &found, &e, "SELECT count(*) FROM notice", ""));
    return n;
}

/* Files in the outbox; one whose name starts with a dot is half a notice. */
static unsigned files(const char *part)
{
    DIR *d = opendir(kit_path("outbox"));
    const struct dirent *one;
    unsigned n = 0;

    ck_assert_ptr_nonnull(d);
    while ((one = readdir(d)) != NULL)
        n += one->d_name[0] != '.' && strstr(one->d_name, part) != NULL;
    (void)closedir(d);
    return n;
}

START_TEST(a_step_tells_those_it_concerns)
{
    ck_assert_int_eq(mkdir(kit_path("outbox"), 0700), 0);
    put(EVENT_CLOSE, 7);
    ck_assert_int_eq(queued(), 4);
    ck_assert_uint_eq(files(""), 0);
    OK(outbox_flush(store, kit_path("outbox"), &e));
    ck_assert_int_eq(queued(), 0);
    ck_assert_uint_eq(files(""), 4);
    ck_assert_uint_eq(files("-pma-e7.json"), 1);
    ck_assert_uint_eq(files("-subscriber-e7.json"), 1);
}
END_TEST

START_TEST(a_step_that_concerns_nobody_outside_tells_nobody)
{
    put(EVENT_CALL_CUSTODIANS, 8);
    put(EVENT_DEVICES_SUSPENDED, 9);
    put(EVENT_EXECUTE, 10);
    ck_assert_int_eq(queued(), 0);
}
END_TEST

START_TEST(a_notice_that_cannot_be_written_stays_queued)
{
    put(EVENT_REFER_TO_PMA, 3);
    REFUSED(outbox_flush(store, kit_path("outbox"), &e), "notice.write");
    ck_assert_int_eq(queued(), 1);
    ck_assert_int_eq(mkdir(kit_path("outbox"), 0700), 0);
    OK(outbox_flush(store, kit_path("outbox"), &e));
    ck_assert_int_eq(queued(), 0);
    ck_assert_uint_eq(files("-pma-e3.json"), 1);
}
END_TEST

/* Written, but the crash came before it left the queue: it is there once all the same. */
START_TEST(a_notice_is_not_written_twice)
{
    ck_assert_int_eq(mkdir(kit_path("outbox"), 0700), 0);
    put(EVENT_REFER_TO_PMA, 3);
    OK(outbox_flush(store, kit_path("outbox"), &e));
    put(EVENT_REFER_TO_PMA, 3);
    OK(outbox_flush(store, kit_path("outbox"), &e));
    ck_assert_uint_eq(files(""), 1);
}
END_TEST

START_TEST(a_step_that_is_rolled_back_tells_nobody)
{
    OK(store_begin(store, &e));
    put(EVENT_CLOSE, 7);
    store_rollback(store);
    ck_assert_int_eq(queued(), 0);
}
END_TEST

KIT_MAIN("outbox", kit_begin_store, kit_end, a_step_tells_those_it_concerns,
         a_step_that_concerns_nobody_outside_tells_nobody,
         a_notice_that_cannot_be_written_stays_queued, a_notice_is_not_written_twice,
         a_step_that_is_rolled_back_tells_nobody)
