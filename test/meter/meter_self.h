/* SPDX-License-Identifier: MIT
 *
 * meter_self - hold this program against published messages and values.
 *
 * Effects: reads the vector files; standard output.
 */
#ifndef METER_SELF_H
#define METER_SELF_H

/* 0 good, 1 a vector does not come out, 77 no such folder. */
int selfcheck(const char *dir);

#endif
