/* SPDX-License-Identifier: MIT
 *
 * stderr_line - one line to stderr from a process that must not wait for whoever reads it.
 *
 * A reader that sleeps lets its pipe fill up, and an ordinary write then stands still for as
 * long as it likes. Here a line that nobody makes room for is dropped and counted; how many
 * were dropped is told in front of the next one that goes through. stderr itself is not made
 * non-blocking: the terminal or the pipe behind it is other programs' too.
 *
 * One thread. Effects: stderr; a descriptor of its own to the same pipe or terminal.
 */
#ifndef STDERR_LINE_H
#define STDERR_LINE_H

#include <stdbool.h>
#include <stdint.h>

#define STDERR_LINE_MAX \
    1000 /* octets; a longer line is cut. With its newline and what is told
                                in front below PIPE_BUF: a pipe takes it whole or not at all */

/* text: without the newline, with "<priority>" in front. False: dropped, and counted. */
bool stderr_line(const char *text);
/* From time to time: tell what was dropped since it was told last, if somebody reads again. */
void stderr_lines_tell(void);
/* Dropped since the start. */
uint64_t stderr_lines_lost(void);

#endif
