/* SPDX-License-Identifier: MIT
 *
 * textform - what a text file is where it is not what was asked for: saved by a program that
 * means something else by "text".
 *
 * Effects: none.
 */
#ifndef TEXTFORM_H
#define TEXTFORM_H

#include "bytes.h"

/*
 * For the end of a sentence that names the file: "is UTF-16 ...: save it as UTF-8". NULL: there is
 * nothing odd about it.
 *   text     the beginning of the file, its first line at least
 *   columns  fields are separated by commas: tabs and semicolons are named too
 *   lines    each line ends in LF alone: CR LF is named too
 */
const char *textform_odd(struct span text, bool columns, bool lines);

#endif
