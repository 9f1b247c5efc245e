/* SPDX-License-Identifier: MIT
 *
 * meter_util - what every program needs and none is about: ending with a message, memory,
 * hexadecimal, whole files, numbers and times from a command line, JSON text.
 *
 * Effects: files, stderr, exit. Errors end the program: it is a test tool, and half an
 *          answer from a judge is worse than none.
 */
#ifndef METER_UTIL_H
#define METER_UTIL_H

#include "meter_tlv.h"

#include <stdio.h>
#include <stdlib.h>

#define TIME_LEN 16 /* "YYYYMMDDHHMMSSZ" and NUL: GeneralizedTime, compares as text */

__attribute__((noreturn, format(printf, 2, 3))) void die(int status, const char *fmt, ...);
/* The same with errno's text after it. */
__attribute__((noreturn, format(printf, 1, 2))) void die_errno(const char *fmt, ...);

void *must_realloc(void *p, size_t len);
void *must_zero(size_t n, size_t size);

/* Hexadecimal of either case; false unless exactly len octets. */
bool hex_read(const char *text, size_t chars, uint8_t *out, size_t len);
bool hex_u64(const char *text, uint64_t *out);            /* exactly 16 digits */
void hex_write(char *out, const uint8_t *at, size_t len); /* upper case, NUL */

/* Whole file, NUL after it (not counted); the caller frees. */
uint8_t *file_read(const char *path, size_t *len);
/* Write beside, fsync, rename, fsync the folder. */
struct file_new {
    FILE *f;
    char path[4096], temp[4096 + 8];
};
void file_begin(struct file_new *n, const char *dir, const char *name);
void file_commit(struct file_new *n);

uint64_t arg_u64(const char *option, const char *text, uint64_t max);
unsigned arg_hundredths(const char *option, const char *text); /* percent -> 0..10000 */
/* "2026-11-24T12:00:00Z" or GeneralizedTime; NULL text is the present. */
void arg_time(const char *option, const char *text, char out[TIME_LEN]);
bool time_wellformed(const char t[15]);

void json_text(FILE *f, const char *text); /* with quotes */

#endif
