/* SPDX-License-Identifier: MIT
 *
 * notice - the outbox: one file per notice to someone outside, for whoever carries them.
 *
 * A notice is a small JSON document
 *
 *   {"schema", "id", "to", "kind", "incident", "at", "body"}
 *
 * whose name sorts by time: 20261124T130000.000000Z-pma-<id>.json. It is written whole
 * under a name that starts with a dot, flushed, given its name without replacing any other,
 * and the directory flushed: a reader sees a whole notice or none. Sending is outside this
 * service.
 *
 * Source:  SEC L10 (a) (who is to be told); the form is the project's choice.
 * Effects: the outbox directory.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include "err.h"

#include <stdint.h>

#define NOTICE_ID_MAX   65
#define NOTICE_BODY_MAX (1u << 20)
#define NOTICE_NAME_MAX 112

enum notice_to {
    NOTICE_DCC,
    NOTICE_PMA,
    NOTICE_PARTIES,
    NOTICE_RDP,
    NOTICE_SUBSCRIBER,
    NOTICE_SRP, /* shared resource provider */
    NOTICE_OFGEM,
    NOTICE_SOLR, /* who takes the devices over */
    NOTICE_SSC,  /* Security Sub-Committee */
    NOTICE_CUSTODIANS,
    NOTICE_TO_COUNT, /* a queued notice keeps the number: further ones stand at the end */
};

struct notice {
    const char *id; /* 1 to 64 of A-Z a-z 0-9 . _ -; unique in the outbox */
    enum notice_to to;
    const char *kind;     /* audit kind: "PMA_INFORMED" */
    const char *incident; /* or NULL */
    int64_t at_us;
    const char *body; /* a JSON object as text */
};

/* Names as in files and configuration, NOTICE_TO_COUNT of them. */
extern const char *const notice_recipients[];

/*
 * Put n into the outbox.
 *   dir   the outbox, existing
 *   name  out: the file's name in dir
 *
 * The same notice a second time is success and changes nothing (a step that is taken again
 * after a crash puts its notice again).
 *
 * Errors:
 *   ERR_INPUT   "notice.content"  id, body
 *   ERR_DENIED  "notice.exists"   that name holds another notice
 *   ERR_STORE   "notice.write"
 */
MUST_CHECK bool notice_put(const char *dir, const struct notice *n,
                           char name[static NOTICE_NAME_MAX], struct err *e);

#endif
