/* SPDX-License-Identifier: MIT
 *
 * p11_plan - which call of which function shall go wrong, as a text.
 *
 *   C_Sign:3=0x32     the third C_Sign of this process returns 0x32
 *   C_Sign:3+=0x32    the third and all later ones
 *   C_Sign:3*=0x32    every third one
 *   C_Sign:5=hang     never returns
 *   C_Sign:7=kill     the process dies by SIGKILL
 *   C_Sign:2=spoil    the signature has one wrong bit; a C_DestroyObject destroys nothing
 *   C_Sign:2=short    the signature is one octet short
 *
 * Parts are separated by commas; other parts (key=value) are for the fake's own use.
 */
#ifndef P11_PLAN_H
#define P11_PLAN_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stddef.h>

enum p11_plan {
    PLAN_NONE,
    PLAN_SPOIL,
    PLAN_SHORT,
    PLAN_LOST /* the call is made, and its answer is *rv */
};

/* Count this call; hang and kill happen here. *rv: what to return, or CKR_OK to go on. */
enum p11_plan p11_plan(const char *plan, const char *function, CK_RV *rv);
/*
 * The same from a file that may come and go while processes run, of one line:
 *   C_Sign 0x32 once    the next C_Sign of any process returns 0x32, and the file is gone
 *   C_Sign 0x32 ever    each of them while the file is there, which grows by one octet
 *   C_Sign 0x32 lost    once, and the call is made: only its answer is lost
 * NULL, or no file: nothing.
 */
enum p11_plan p11_plan_file(const char *path, const char *function, CK_RV *rv);
/* The value of "key=" in the plan; false: not there. */
bool p11_plan_value(const char *plan, const char *key, char *out, size_t cap);

#endif
