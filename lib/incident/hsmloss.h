/* SPDX-License-Identifier: MIT
 *
 * hsmloss - what is left to do when a whole HSM and its keys are gone: a table.
 *
 * Loss of use counts as a reason to replace a key as exposure does; but a Recovery key
 * whose backup is whole is rebuilt, not replaced.
 *
 * Source:  GBCS 13.1.2 (loss of use); GBCS 13.3.3 (what each mode may write); the routes
 *          are INFERRED from these.
 * Effects: none.
 */
#ifndef HSMLOSS_H
#define HSMLOSS_H

#include "incident.h"

enum hsmloss {
    HSMLOSS_USER,              /* one user's HSM and its organisation keys */
    HSMLOSS_SRP,               /* a shared provider's HSM: several users */
    HSMLOSS_ACB,               /* the DCC's ACB keys */
    HSMLOSS_RECOVERY_TOKEN,    /* Recovery key HSM; backup and shares are whole */
    HSMLOSS_RECOVERY_KEY,      /* Recovery key, no backup left */
    HSMLOSS_CONTINGENCY_TOKEN, /* contingency material; backup and shares are whole */
    HSMLOSS_CONTINGENCY_KEY,   /* Contingency or Symmetric key, no backup left */
    HSMLOSS_COUNT,
};
#define HSMLOSS_BIT(l) (1u << (unsigned)(l))

enum hsmloss_method_1 { HSMLOSS_M1_NO, HSMLOSS_M1_NO_FOR_ALL, HSMLOSS_M1_NOT_AFFECTED };

struct hsmloss_row {
    uint32_t lost; /* HSMLOSS_BIT: all of these */
    enum hsmloss_method_1 method_1;
    uint32_t routes; /* ROUTE_BIT; 0: see rebuild, remedy */
    bool rebuild;    /* restore the token in a ceremony first */
    bool remedy;     /* false: no message can help; the devices are exchanged */
    uint32_t closes; /* ROUTE_BIT of the routes that this loss takes away */
    const char *sentence;
    const char *source;
    const char *certainty;
};

struct hsmloss_advice {
    bool remedy;     /* false: no remote remedy */
    bool rebuild;    /* a token is to be restored before anything else */
    bool method_1;   /* can it still work for those hit? */
    uint32_t routes; /* ROUTE_BIT of what remains */
    const struct hsmloss_row *rows[HSMLOSS_COUNT + 1];
    size_t n_rows;
};

/* lost: HSMLOSS_BIT set. False when it is empty or has bits that mean nothing. */
MUST_CHECK bool hsmloss_advise(uint32_t lost, struct hsmloss_advice *out);

const char *hsmloss_name(enum hsmloss l); /* "recovery-key" */
MUST_CHECK bool hsmloss_find(const char *name, enum hsmloss *out);
/* The advice as text. */
void hsmloss_print(FILE *to, const struct hsmloss_advice *a);

#endif
