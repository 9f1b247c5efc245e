/* SPDX-License-Identifier: MIT
 *
 * steps - how long the loop was busy with one thing: nobody is answered meanwhile.
 *
 * A step begins where steps_begin says so, or with the next event of the loop, and ends with
 * the next. One that took longer than STEPS_LONG_US is told to the log, one a second unless
 * it was longer than the one told before, and the longest of all is for `status`.
 *
 * Effects: the loop runs here; the log.
 */
#ifndef STEPS_H
#define STEPS_H

#include <stdint.h>
#include <systemd/sd-event.h>

#define STEPS_LONG_US 20000

/* As sd_event_loop(). */
int steps_run(sd_event *loop);
/* From here on the loop is at that; static text. */
void steps_begin(const char *what);

struct steps_longest {
    const char *what; /* "": none was measured */
    int64_t us;
};
struct steps_longest steps_longest(void);

#endif
