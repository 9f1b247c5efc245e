/* SPDX-License-Identifier: MIT
 *
 * meter_run - the verbs that use meters: run commands, judge commands.
 *
 * Effects: files; standard output.
 */
#ifndef METER_RUN_H
#define METER_RUN_H

#include "meter_check.h"

enum fault { UNREACHABLE, CELL_FAIL, DUPLICATE, LATE, NON_MINIMAL, WRONG_COUNTER, FAULTS };

struct run {
    const char *state, *commands, *responses, *log;
    const char *signer; /* a party's key, when the commands are its questions, unsigned */
    unsigned fault[FAULTS]; /* in hundredths of a percent */
    uint64_t seed;
    char now[TIME_LEN];
    bool json;
};

/* 0, or 3 when a command was refused. */
int run_commands(const struct run *r);
int run_judge(const char *state, const char *now, bool json, char **files);

#endif
