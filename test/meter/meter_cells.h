/* SPDX-License-Identifier: MIT
 *
 * meter_cells - what lies in the cells of the meters, told, and changed by somebody else than
 * the service under test: a change of supplier, a key that was placed with a kept one.
 *
 * Effects: files; standard output.
 */
#ifndef METER_CELLS_H
#define METER_CELLS_H

#include "meter_device.h"

/* A certificate for that cell from a file; ends the program when it cannot lie there. */
uint32_t cells_certificate(struct pool *p, enum cell c, const char *path);

/* One JSON object a line for each meter:
 *   {"device":EUI,"type":NAME,"pending":BOOL,"counters":{ROLE:N},"cells":{NAME:{"party":EUI,
 *    "key":ID,"certificate":SHA-256}}}
 * pending: a command waits for its hour. counters: the highest accepted or told, by role. */
int cells_tell(const char *state);

struct cells_change {
    const char *state, *responses;
    const char *cell[CELLS]; /* files */
    bool unknown[CELLS]; /* or: a key that nobody has seen, in the name of who is there */
    int mode;            /* of the command that does it; -1: it is not said how */
    char **devices;      /* EUI-64s, NULL at the end */
};

/*
 * What those cells of those meters hold is replaced.
 *
 * With a mode it is what an authentic command of that mode does: the counter of its role goes
 * up by one, and what each meter answers is written to `responses`, addressed to the party
 * that the authorising cell named, with who was there before and who is there now.
 */
int cells_change(const struct cells_change *c);

#endif
