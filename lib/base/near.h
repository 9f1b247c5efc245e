/* SPDX-License-Identifier: MIT
 *
 * near - a word that is none of those there are: which one was meant, and which there are.
 *
 * Nearness is the number of letters to put in, leave out, change or swap (optimal string
 * alignment), letters told apart by case for less than by themselves; what is further away
 * than a third of the word is not meant.
 *
 * Effects: none.
 */
#ifndef NEAR_H
#define NEAR_H

#include <stddef.h>

#define NEAR_TEXT 360

/* The nearest of words; NULL: none is near. */
const char *near_word(const char *word, const char *const words[], size_t n);
/* For the end of a sentence: "; did you mean \"confirm\"?", and where there is room "; there
 * are a, b, c". "" where there are none. out is returned. */
const char *near_hint(char out[static NEAR_TEXT], const char *word,
                      const char *const words[], size_t n);

#endif
