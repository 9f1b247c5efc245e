/* SPDX-License-Identifier: MIT
 *
 * bench - what the raw measurements share: wall and processor time, and one line of JSON.
 *
 * Both times are taken, because on a machine that others use too, work per second of
 * processor time says more than work per second.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct bench_time {
    double wall, cpu; /* seconds */
};

static inline double bench_clock(clockid_t which)
{
    struct timespec t;

    (void)clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline struct bench_time bench_now(void)
{
    return (struct bench_time){bench_clock(CLOCK_MONOTONIC),
                               bench_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

static inline struct bench_time bench_since(struct bench_time from)
{
    struct bench_time now = bench_now();

    return (struct bench_time){now.wall - from.wall, now.cpu - from.cpu};
}

#endif
