/* SPDX-License-Identifier: MIT
 *
 * meter_source - where commands come from: one file, a folder of *.bin files, or a tar
 * archive (ustar, pax, GNU) of them, from a file or standard input.
 *
 * Effects: reads files; ends the program on an archive that makes no sense.
 */
#ifndef METER_SOURCE_H
#define METER_SOURCE_H

#include "meter_tlv.h"

#define COMMAND_MAX (64u * 1024)

typedef void source_fn(void *arg, const char *name, struct octets message);

/* Calls back for each command, in order of name within a folder, of place in an archive.
 * Returns how many files were passed over because their name does not end in ".bin". */
size_t source_each(const char *path, source_fn *fn, void *arg);

#endif
