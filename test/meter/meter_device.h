/* SPDX-License-Identifier: MIT
 *
 * meter_device - the simulated meters of one state folder: what each holds, and how that is
 * kept on disk.
 *
 *   meters.certs  one certificate a line, hexadecimal; line n is number n. Only ever
 *                 appended to, so an old meters.state stays true beside a newer
 *                 meters.certs.
 *   meters.state  seed, one `default` line per device type, then one line per meter:
 *                 "EUI TYPE" while it equals its type's default, else also its own alert
 *                 counter, cells, role counters and a pending command.
 *
 * Invariant: meters ascend by EUI-64. meters.state is replaced whole, by rename, last.
 * Effects:   files; ends the program on a damaged state, naming file and line.
 */
#ifndef METER_DEVICE_H
#define METER_DEVICE_H

#include "meter_cert.h"

struct device {
    uint64_t eui;
    uint64_t alerts;           /* own originator counter: the last one used */
    int64_t counter[COUNTERS]; /* highest accepted, or floor, per role */
    uint32_t cell[CELLS];      /* numbers into the pool; 0 not held */
    int type;
    char *pending; /* future-dated command in hexadecimal, or NULL */
};

struct meters {
    const char *dir;
    struct pool pool;
    size_t n_saved_certs; /* pool numbers 1..n stand in meters.certs */
    uint64_t seed;
    struct device defaults[TYPES];
    struct device *at;
    size_t n;
};

void meters_load(struct meters *m, const char *dir);
void meters_save(struct meters *m);
void meters_done(struct meters *m);
struct device *meters_find(struct meters *m, uint64_t eui); /* NULL */

void device_scalar(const struct meters *m, const struct device *d, bool agree,
                   uint8_t scalar[SCALAR_LEN]);

#endif
