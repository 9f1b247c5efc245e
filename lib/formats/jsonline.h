/* SPDX-License-Identifier: MIT
 *
 * jsonline - in which line of a JSON text does a member stand? For whoever has to mend it.
 *
 * Effects: none.
 */
#ifndef JSONLINE_H
#define JSONLINE_H

#include "bytes.h"

/*
 * The line, from 1, in which the value of a path begins; 0: there is no such member, or the text
 * is one line anyway.
 *   text  has been parsed before: it is JSON
 *   path  as strictjson.h tells it: "replacements[1].cell"
 */
unsigned jsonline_of(struct span text, const char *path);

#endif
