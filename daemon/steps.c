/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include "log.h"

#include <time.h>

static const char other[] = "an event of the loop";

static struct { /* of the one loop */
    const char *what;
    int64_t since_us, cpu_us, told_us;
    int64_t told; /* how long the one was that was told last */
    struct steps_longest longest;
} now = {.what = other, .longest = {.what = ""}};

static int64_t microseconds(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void begin(const char *what, int64_t at_us)
{
    now.what = what;
    now.since_us = at_us;
    now.cpu_us = microseconds(CLOCK_THREAD_CPUTIME_ID);
}

static void end(int64_t at_us)
{
    int64_t us = now.since_us > 0 ? at_us - now.since_us : 0; /* none was begun before */
    int64_t cpu_us;

    if (us > now.longest.us)
        now.longest = (struct steps_longest){now.what, us};
    if (us < STEPS_LONG_US || (at_us - now.told_us < 1000000 && us <= now.told))
        return;
    now.told_us = at_us;
    now.told = us;
    cpu_us = microseconds(CLOCK_THREAD_CPUTIME_ID) - now.cpu_us;
    log_event(LOG_INFO, NULL, NULL,
              "nobody was answered for %lld ms, %lld of them at work: %s",
              (long long)us / 1000, (long long)cpu_us / 1000, now.what);
}

void steps_begin(const char *what)
{
    int64_t at_us = microseconds(CLOCK_MONOTONIC);

    end(at_us);
    begin(what, at_us);
}

int steps_run(sd_event *loop)
{
    int rc = 0;

    while (rc >= 0 && sd_event_get_state(loop) != SD_EVENT_FINISHED) {
        rc = sd_event_prepare(loop);
        if (rc == 0)
            rc = sd_event_wait(loop, UINT64_MAX);
        if (rc <= 0)
            continue;
        begin(other, microseconds(CLOCK_MONOTONIC));
        rc = sd_event_dispatch(loop);
        end(microseconds(CLOCK_MONOTONIC));
    }
    if (rc < 0)
        return rc;
    return sd_event_get_exit_code(loop, &rc) < 0 ? 0 : rc;
}

struct steps_longest steps_longest(void)
{
    return now.longest;
}
