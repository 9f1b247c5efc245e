/* SPDX-License-Identifier: MIT
 *
 * progress - how far a long piece of work has come, for a person at a terminal.
 *
 * At a terminal one line is drawn again and again, at most ten times a second; elsewhere
 * nothing is drawn until progress_end says the result. Rates are averages since the start.
 *
 * Effects: writes to the stream it is given; reads the monotonic clock.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PROGRESS_LINE_MAX 256

struct progress {
    FILE *out;
    const char *what; /* borrowed: "roster", "commands" */
    bool draw;        /* a terminal, and not quiet */
    bool octets;      /* show octets (KiB, MiB), else plain counts */
    int64_t start_ns, last_ns;
    int64_t first; /* how much was done when we began to look */
    bool begun;
};

/* The line itself, without drawing: pure, so it is tested.
 *   total  0: unknown, no bar
 *   rate   per second, 0: unknown
 *   state  may be NULL
 *   width  columns of the terminal */
void progress_line(char out[static PROGRESS_LINE_MAX], const char *what, int64_t done,
                   int64_t total, double rate, const char *state, bool octets, int width);

void progress_start(struct progress *p, FILE *out, const char *what, bool octets,
                    bool quiet);
/* rate < 0: work it out */
void progress_show(struct progress *p, int64_t done, int64_t total, double rate,
                   const char *state);
/* Erase the line, so that what is printed next stands alone. */
void progress_end(struct progress *p);

/* Columns of the terminal at f, or 100 when it is none. */
int progress_width(FILE *f);

#endif
