/* SPDX-License-Identifier: MIT
 *
 * page - a page of HTML that needs nothing else: text with its marks escaped, tables, bars.
 * How it looks is packaging/page.css, built into the program; the workshop's papers have the
 * same one.
 *
 * Effects: the stream that is handed in. A failure to write is found by ferror.
 */
#ifndef PAGE_H
#define PAGE_H

#include <jansson.h>

#include <stdbool.h>
#include <stdio.h>

extern const char page_css[];

/* The pattern as it stands, each {} of it the next text with its marks escaped (NULL: ""). */
#define page_put(f, pattern, ...) \
    page_put_all(f, pattern, (const char *const[]){__VA_ARGS__, NULL})
void page_put_all(FILE *f, const char *pattern, const char *const *texts);

/* From <!DOCTYPE to <main>; and to the end. An exercise says so in its first line. */
void page_open(FILE *f, const char *title, bool exercise);
void page_close(FILE *f);

/* "1,234,567" */
const char *page_number(json_int_t n, char out[static 32]);
/* "2026-11-24 14:50:01" of "2026-11-24T14:50:01.605097Z"; "" of anything shorter */
const char *page_time(const char *at, char out[static 24]);

/* A word in a frame; class "good", "warn", "bad", "now" or "". */
void page_tag(FILE *f, const char *class, const char *word);

/* Devices by state, {"devices": 20, "success": 12, "own": 4, "sent": 3}: a bar as long as all of them, with how
 * many are replaced of how many behind it; and what its colours say, for the states that are
 * in the object. States that the page does not know are drawn as "unknown". */
void page_bar(FILE *f, const char *name, const json_t *by_state);
void page_bar_key(FILE *f, const json_t *by_state);

#endif
