/* SPDX-License-Identifier: MIT
 *
 * plain - text that people read before they sign or act: what stands there is what is shown.
 *
 * Not plain are octets that are no UTF-8, control characters (C0, DEL and C1: a terminal
 * obeys them), and the characters that turn the direction of what follows or hide in it, so
 * that a line reads otherwise than it is stored:
 *
 *   U+061C, U+200B..U+200F   Arabic letter mark, zero-width and direction marks
 *   U+2028..U+202E           line and paragraph separators, embeddings and overrides
 *   U+2060..U+206F           word joiner, isolates and other format characters
 *   U+FEFF                   byte order mark
 *
 * Source:  Unicode 15, UAX 9 (explicit directional formatting); RFC 3629.
 * Effects: none.
 */
#ifndef PLAIN_H
#define PLAIN_H

#include <stdbool.h>

/* Nothing but plain text. */
bool plain_text(const char *text);
/* Each octet that is not part of plain text becomes '?', in place. */
void plain_tidy(char *text);

#endif
