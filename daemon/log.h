/* SPDX-License-Identifier: MIT
 *
 * log - fields first, prose second, to the journal; to stderr where there is none.
 *
 * One event, one id (log_id.h), one text in packaging/smki-recovery.catalog that says what
 * the operator should do. Never a PIN, share, key or payload: ids and digests are enough.
 * The journal is for people, the ledger is the evidence; no code reads it back.
 * When stderr is not the journal (tests, terminals), the line goes there as
 * "<priority>text".
 *
 * Nothing here ever waits: a line that nobody takes, because the journal or the reader of
 * the pipe sleeps, is dropped and counted, whatever its priority. The count is told when
 * somebody reads again.
 *
 * Source:  systemd.io, "Native Journal Protocol".
 * Effects: the journal or stderr.
 */
#ifndef LOG_H
#define LOG_H

#include "err.h"
#include "log_id.h"
#include "peer.h"

#include <stdint.h>
#include <syslog.h>

struct log_fields { /* each may be NULL */
    const char *incident;
    const char *decision;
    int64_t batch;          /* 0: none */
    const unsigned *signer; /* its number */
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

/* While on, nothing is written: what a step of a dry run says has happened has not. */
void log_hold(bool on);

/* Once in a while: say how many lines were lost, where somebody reads again. */
void log_catch_up(void);
uint64_t log_lost(void); /* since the start */

extern const char *log_journal; /* the journal's socket; a test has one of its own */

#endif
