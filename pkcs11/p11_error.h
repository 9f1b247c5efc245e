/* SPDX-License-Identifier: MIT
 *
 * p11_error - one table of PKCS#11 return codes, three columns: our bug, build anew, stop.
 *
 * Modules report the same lost link by half a dozen codes, so the table says what to do,
 * not what broke. A code that is not in the table, or a vendor's own, is UNKNOWN: build
 * anew once, and stop when that did not help (session.h keeps count on disk).
 *
 * Source:  PKCS#11 v2.40, section 5.1 (return values).
 * Effects: none.
 */
#ifndef P11_ERROR_H
#define P11_ERROR_H

#include "err.h"

#include <p11-kit/pkcs11.h>

/* In the order of how bad: a process keeps the worst that it has seen. */
enum p11_class {
    P11_FINE,
    P11_REBUILD, /* session, handle, login, device or token: a fresh process may help */
    P11_UNKNOWN, /* the same, but once only */
    P11_STOP,    /* PIN, rights, mechanism: only a person can help */
    P11_BUG,     /* this program called wrongly */
};

struct p11_code {
    CK_RV rv;
    const char *name;
    enum p11_class class;
    bool session; /* a fresh session alone may help */
};

/* The row of rv; a row named "unknown code" when there is none. */
const struct p11_code *p11_code(CK_RV rv);

/* "C_Sign: CKR_DEVICE_REMOVED (0x32)" as ERR_TOKEN with the id of the class: "token.lost",
 * "token.unknown-code", "token.refused", "token.bug". Returns false. */
bool p11_error(const char *call, CK_RV rv, struct err *e);

/* The exit status that tells the parent (and systemd) what a class means:
 * 0, EX_TEMPFAIL, EX_CONFIG, EX_SOFTWARE. */
int p11_exit_status(enum p11_class class);

#endif
