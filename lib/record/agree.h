/* SPDX-License-Identifier: MIT
 *
 * agree - do the papers of an incident speak of the same thing? A document of the PMA or of an
 * organisation is held against the incident it is handed in for; its list against the
 * notification file that is in force.
 *
 * The notification in force is the first signed notification file, or the last confirmed
 * amendment: a further signed notification file whose header names the one before (field
 * `amends`), which counts from the step confirm-amendment on (conf/files.md). Where the
 * notification came on paper there is no file, and nothing to hold against it.
 *
 * Source:  SEC L10.9, L10.30; SEC Appendix L 4.2.1; SEC MP134A and MP185 (who takes devices
 *          over). That they must agree is INFERRED.
 * Effects: reads the store and the notification file. Both lists ascend and are walked side by
 *          side: memory does not grow with them.
 */
#ifndef AGREE_H
#define AGREE_H

#include "cert.h"
#include "docket.h"

#include <jansson.h>

/*
 * Is this document about the incident's subscriber, whoever takes the devices over, and who
 * asked? *i as docket_appoint left it: the PMA's own document names the replacement
 * subscriber, every other one has to say the same.
 *
 * Errors: ERR_DENIED "decision.subscriber", "decision.initiator",
 *         "decision.replacement-subscriber".
 */
MUST_CHECK bool agree_parties(const struct docket_incident *i, const struct authority *a,
                              struct err *e);
/* In an incident about an organisation's key: are the compromised certificates its own, as far
 * as they are among those given? Errors: ERR_DENIED "decision.party". */
MUST_CHECK bool agree_compromised(const struct docket_incident *i,
                                  const struct authority *a, const struct certs *given,
                                  struct err *e);
/* Can anything be signed under this instruction, now or later? Errors: ERR_DENIED
 * "decision.never-signed". */
MUST_CHECK bool agree_instruction(const struct docket_incident *i,
                                  const struct authority *a, struct err *e);

struct agree_side { /* how many devices, and the first of them */
    uint32_t n;
    struct eui64 first;
};

struct agree {  /* a list held against the notification in force */
    bool filed; /* there is one; else the rest is zero */
    char file[PARTYFILE_ID_MAX];
    bool organisation; /* its method is said */
    enum partyfile_method method;
    uint32_t notified, listed;
    struct agree_side only_notified, only_listed;
    struct agree_side more_cells,
        fewer_cells; /* of those on both: cells not notified; notified
                                                  and not to be replaced */
};

/*
 * Walk the list beside the notification.
 *   cells  those of a device whose row names none, as far as it holds them; 0: not known
 *
 * Errors: ERR_STORE.
 */
MUST_CHECK bool agree_lists(const struct docket *d, const char *incident,
                            const struct roster *r, uint32_t cells, struct agree *out,
                            struct err *e);
/* The same for the list that the incident has now, if it has one. */
MUST_CHECK bool agree_latest(const struct docket *d, const char *incident,
                             struct agree *out, struct err *e);
/*
 * More devices, other cells or another method than notified are not decided without an
 * amendment. A decision about fewer devices is no difference, nor is a notified Method 1 after
 * the subscriber asked for recovery.
 *
 * Errors: ERR_DENIED "decision.notified-devices", "decision.notified-cells",
 *         "decision.notified-method".
 */
MUST_CHECK bool agree_decision(const struct docket *d, const struct agree *g,
                               const struct authority *a, struct err *e);

/* {"file","notified","listed","only_notified":{"devices","first"},...}; NULL without a file.
 * New reference. */
json_t *agree_json(const struct agree *g);
/* For the story: how this paper ("roster 2", "decision D-1") differs. Nothing where it does
 * not. */
MUST_CHECK bool agree_keep(const struct docket *d, const char *incident, const char *paper,
                           const struct agree *g, const char *who, struct err *e);

#endif
