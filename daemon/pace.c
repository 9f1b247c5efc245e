/* SPDX-License-Identifier: MIT */
#include "pace.h"

#define LIMIT_US  (PROTO_SIGN_MS * INT64_C(1000)) /* the signer begins no row later */
#define QUICK_US  (LIMIT_US / 4)
#define SLOW_US   (LIMIT_US * 3 / 4)
#define TARGET_US (LIMIT_US / 2)
#define ORDERS    4  /* of counters, lent at a time */
#define GROWTH    16 /* times as many rows, at most */

static uint32_t most(const struct pace *p)
{
    return PROTO_ROWS - PROTO_ROWS % p->sessions;
}

static uint32_t whole_rounds(const struct pace *p, int64_t rows)
{
    if (rows < p->sessions)
        return p->sessions;
    return rows > most(p) ? most(p) : (uint32_t)rows / p->sessions * p->sessions;
}

void pace_begin(struct pace *p, uint32_t sessions)
{
    *p = (struct pace){sessions, sessions};
}

void pace_answered(struct pace *p, uint32_t asked, uint32_t done, int64_t took_us)
{
    uint32_t fits;

    if (done >= asked && took_us < QUICK_US) {
        int64_t times = TARGET_US / (took_us + 1);

        if (asked >= p->rows)
            p->rows = whole_rounds(p, p->rows * (times > GROWTH ? GROWTH : times));
        return;
    }
    if (done >= asked && took_us <= SLOW_US)
        return;
    fits = whole_rounds(p, done < asked ? done : asked * TARGET_US / took_us);
    if (fits < p->rows)
        p->rows = fits;
}

bool pace_full(const struct pace *p)
{
    return p->rows == most(p);
}

uint32_t pace_lend_most(const struct pace *p)
{
    return pace_full(p) ? UINT32_MAX : ORDERS * p->rows;
}

uint32_t pace_lend_least(const struct pace *p)
{
    return pace_full(p) ? 2 * p->rows : p->rows;
}
