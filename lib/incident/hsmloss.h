/* SPDX-License-Identifier: MIT
 *
 * hsmloss - what is left to do when keys, or a whole HSM, are gone: a table.
 *
 * Loss of use counts as a reason to replace a key as exposure does; but a key whose backup
 * is whole is restored, not replaced. A row speaks when all that it names is lost, and says
 * what that means; which routes are then open is computed from all rows that speak, so that
 * no sentence promises what another loss takes away.
 *
 * Source:  GBCS 13.1.2 (loss of use); GBCS 6.2.3 (whose MAC); GBCS 13.3.3 (what each mode
 *          may write); SEC L10.30. Each row says its own and how certain it is.
 * Effects: none.
 */
#ifndef HSMLOSS_H
#define HSMLOSS_H

#include "incident.h"

#include <jansson.h>

enum hsmloss {
    HSMLOSS_SUPPLIER,          /* one supplier's keys: signing, agreement, top-up */
    HSMLOSS_NETWORK,           /* one network operator's */
    HSMLOSS_SRP,               /* a shared provider's HSM: several users' keys */
    HSMLOSS_ACB,               /* the DCC's roles: Access Control Broker, ... */
    HSMLOSS_TCOS,              /* ... Transitional Change of Supplier, ... */
    HSMLOSS_WAN_PROVIDER,      /* ... WAN provider */
    HSMLOSS_ISSUING_OCA,       /* Issuing OCA key, no backup left */
    HSMLOSS_ROOT_OCA,          /* Root OCA key, no backup left */
    HSMLOSS_RECOVERY_TOKEN,    /* the Recovery key's HSM; backup and shares are whole */
    HSMLOSS_RECOVERY_KEY,      /* Recovery key, no backup left */
    HSMLOSS_CONTINGENCY_TOKEN, /* contingency material; backup and shares are whole */
    HSMLOSS_CONTINGENCY_KEY,   /* Contingency key, no backup left */
    HSMLOSS_SYMMETRIC_KEY,     /* Symmetric Key, no share set left that gives it back */
    HSMLOSS_HSM,               /* the whole HSM of the service; backups are whole */
    HSMLOSS_HSM_KEYS,          /* and with it every key: Recovery, Contingency, ACB */
    HSMLOSS_COUNT,
};
#define HSMLOSS_BIT(l) (1u << (unsigned)(l))

/* Can whoever lost the key replace it with that key itself? */
enum hsmloss_method_1 { HSMLOSS_M1_NO, HSMLOSS_M1_NO_FOR_ALL, HSMLOSS_M1_NOT_AFFECTED };

struct hsmloss_row {
    uint32_t lost; /* HSMLOSS_BIT: all of these */
    enum hsmloss_method_1 method_1;
    uint32_t routes; /* ROUTE_BIT that lead out of this loss; 0: see rebuild, remedy */
    bool rebuild;    /* restore the token in a ceremony first */
    bool remedy;     /* false: no message can help; the devices are exchanged */
    uint32_t closes; /* ROUTE_BIT of the routes that this loss takes away */
    const char *sentence;
    const char *source;
    const char *certainty; /* CONFIRMED, INFERRED or UNKNOWN */
};

#define HSMLOSS_ROWS 20

struct hsmloss_advice {
    uint32_t lost;    /* with what it implies, without what it contradicts */
    bool remedy;      /* false: no remote remedy for part of it or for all */
    bool rebuild;     /* a token is to be restored before anything else */
    bool method_1;    /* can it still work for those hit? */
    uint32_t routes;  /* ROUTE_BIT of what is open now */
    uint32_t later;   /* ... of what opens again when these are through */
    enum route opens; /* on which an incident about this begins */
    const struct hsmloss_row *rows[HSMLOSS_ROWS];
    size_t n_rows;
};

/*
 * lost: HSMLOSS_BIT set. "hsm-keys" stands for all keys of the service; where a key is lost
 * for good, its token is not to be restored.
 * False when it is empty or has bits that mean nothing.
 */
MUST_CHECK bool hsmloss_advise(uint32_t lost, struct hsmloss_advice *out);
/* Of one row among them: ROUTE_BIT that are open now. */
uint32_t hsmloss_open(const struct hsmloss_advice *a, const struct hsmloss_row *r);

const char *hsmloss_name(enum hsmloss l); /* "recovery-key" */
MUST_CHECK bool hsmloss_find(const char *name, enum hsmloss *out);
/* Names separated by commas -> HSMLOSS_BITs. Errors: ERR_INPUT "request.member". */
MUST_CHECK bool hsmloss_parse(const char *names, uint32_t *lost, struct err *e);
/* The advice as text; as JSON, the caller's, NULL: out of memory. */
void hsmloss_print(FILE *to, const struct hsmloss_advice *a);
json_t *hsmloss_json(const struct hsmloss_advice *a);

#endif
