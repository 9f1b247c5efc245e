/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t system_now(void *arg)
{
    struct timespec t;

    (void)arg;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct clock clock_system(void)
{
    return (struct clock){system_now, NULL};
}

static int64_t steady_now(void *arg)
{
    struct timespec t;

    (void)arg;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct clock clock_steady(void)
{
    return (struct clock){steady_now, NULL};
}

void clock_text(int64_t us, char out[static CLOCK_TEXT_LEN])
{
    time_t sec = (time_t)(us / 1000000);
    int64_t rest = us % 1000000;
    struct tm tm;
    char day[24];

    if (rest < 0) {
        rest += 1000000;
        sec--;
    }
    if (gmtime_r(&sec, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099) {
        (void)snprintf(out, CLOCK_TEXT_LEN, "out-of-range");
        return;
    }
    (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out, CLOCK_TEXT_LEN, "%.19s.%06uZ", day, (unsigned)rest % 1000000u);
}

static bool number(const char *at, size_t len, int lo, int hi, int *out)
{
    int v = 0;

    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        v = v * 10 + (at[i] - '0');
    }
    *out = v;
    return v >= lo && v <= hi;
}

static bool compose(struct tm *tm, int64_t rest, int64_t *us)
{
    struct tm back;
    time_t sec = timegm(tm);

    /* timegm repairs 31 February; a date that was repaired was no date */
    if (gmtime_r(&sec, &back) == NULL || back.tm_mday != tm->tm_mday ||
        back.tm_mon != tm->tm_mon)
        return false;
    *us = (int64_t)sec * 1000000 + rest;
    return true;
}

bool clock_parse(const char *text, int64_t *us)
{
    struct tm tm = {0};
    size_t len = strlen(text);
    int64_t rest = 0;

    if (len < 20 || len > 27 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':' || text[len - 1] != 'Z')
        return false;
    if (!number(text, 4, 1970, 9999, &tm.tm_year) ||
        !number(text + 5, 2, 1, 12, &tm.tm_mon) ||
        !number(text + 8, 2, 1, 31, &tm.tm_mday) ||
        !number(text + 11, 2, 0, 23, &tm.tm_hour) ||
        !number(text + 14, 2, 0, 59, &tm.tm_min) ||
        !number(text + 17, 2, 0, 59, &tm.tm_sec))
        return false;
    if (len > 20) {
        int64_t scale = 100000;

        if (text[19] != '.' || len == 21)
            return false;
        for (const char *p = text + 20; p < text + len - 1; p++, scale /= 10) {
            if (*p < '0' || *p > '9')
                return false;
            rest += (*p - '0') * scale;
        }
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return compose(&tm, rest, us);
}
