/* SPDX-License-Identifier: MIT
 *
 * log - fields first, prose second, to the journal; to stderr where there is none.
 *
 * One event, one id (log_id.h), one text in packaging/smki-recovery.catalog that says what
 * the operator should do. Never a PIN, share, key or payload: ids and digests are enough.
 * The journal is for people, the ledger is the evidence; no code reads it back.
 * When stderr is not the journal (tests, terminals), the line goes there as "<id text>".
 *
 * Effects: the journal or stderr.
 */
#ifndef LOG_H
#define LOG_H

#include "err.h"
#include "log_id.h"
#include "peer.h"

#include <syslog.h>

struct log_fields { /* each may be NULL */
    const char *incident;
    const char *decision;
    const char *batch;
    const char *signer;
    const struct peer *peer;
    const struct err *err;
};

/*
 *   priority  LOG_EMERG .. LOG_INFO; debug lines are dropped
 *   id        MSG_* of log_id.h, or NULL for lines without an entry in the catalogue
 *   f         may be NULL
 */
void log_event(int priority, const char *id, const struct log_fields *f, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));

#endif
