/* SPDX-License-Identifier: MIT
 *
 * clock - time as a parameter. lib/ never reads a clock: it is handed one.
 *
 * Wall time is int64_t microseconds since 1970 UTC, named *_us.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT_LEN 28 /* "2026-11-24T13:00:00.000000Z" and NUL */

struct clock {
    int64_t (*now_us)(void *arg);
    void *arg;
};

static inline int64_t clock_now(const struct clock *c)
{
    return c->now_us(c->arg);
}
/* The system's clock; for main functions and tests. */
struct clock clock_system(void);
/* Never set, from some beginning, in steps of a few milliseconds: for how long something
 * takes. */
struct clock clock_steady(void);

/* RFC 3339 in UTC with microseconds. */
void clock_text(int64_t us, char out[static CLOCK_TEXT_LEN]);
/* "YYYY-MM-DDTHH:MM:SS[.ffffff]Z" only, all in range; false otherwise. */
MUST_CHECK bool clock_parse(const char *text, int64_t *us);

#endif
