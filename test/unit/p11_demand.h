/* SPDX-License-Identifier: MIT
 *
 * p11_demand - which calls the signing path makes, and what is to become of signer and batch
 * when one of them returns an error: by the class of the code, and where a code means
 * something else at a call.
 */
#ifndef P11_DEMAND_H
#define P11_DEMAND_H

#include "p11_error.h"

#include <stddef.h>

enum phase {
    AT_START,  /* before the signer is ready */
    AT_WORK,   /* from the first word about a batch on */
    AT_REVIVE, /* while a session that died is replaced */
    AT_END,    /* when the service lets its signer go */
};

/* The call fails once; each time; once, but it was made. */
enum how { ONCE, EVER, LOST, HOWS };

enum reaction {
    PASSED,    /* the code does not matter there */
    ANEW,      /* the session is opened anew */
    RESTARTED, /* another signer is started, and again, with pauses */
    HELD,      /* the batch is held, with the reason */
    BARRED,    /* no other signer is started before a person has acted */
    ALONE,     /* a row fails alone */
    STOPPED,   /* the batch is over */
    REACTIONS,
};

struct place {
    enum phase phase;
    const char *call;
    bool deed; /* the token may have done it though it says otherwise: LOST is tried too */
};

#define PLACES 29
extern const struct place places[PLACES];
extern const char *const phases[];
extern const char letters[]; /* one for each reaction ... */
extern const char *const meanings[REACTIONS];

/* ... and the one that is demanded. */
char demanded(const struct place *p, CK_RV rv, enum how how);
/* Does the code mean something else there than its class says? */
bool has_its_own(const struct place *p, CK_RV rv);
/* Why each code comes to something else there than its class says; "": it does not. */
const char *demand_why(const struct place *p);

#endif
