/* SPDX-License-Identifier: MIT
 *
 * owner - a file that decides what is believed can be changed by root, or by the user who
 * runs this, and by nobody else.
 *
 * Source:  project (rule "config.owner").
 * Effects: none; reads what the file system says.
 */
#ifndef OWNER_H
#define OWNER_H

#include "err.h"

/*
 * An open file: its owner and mode. path is for the text.
 * Errors: ERR_DENIED "config.owner".
 */
MUST_CHECK bool owner_of_open(int fd, const char *path, struct err *e);
/*
 * A file by its path, links followed, and the folder it lies in: whoever may write there puts
 * another file in its place. In a folder with the sticky bit only its owner can.
 * A file that is not there is sound: whoever reads it will say so.
 * Errors: ERR_DENIED "config.owner".
 */
MUST_CHECK bool owner_of_path(const char *path, struct err *e);

#endif
