/* SPDX-License-Identifier: MIT
 *
 * holding - what each device of a list holds, as far as this house knows: where an alarm is
 * over after commands were signed, everybody has to know it of every device.
 *
 * A device holds what its last answer says, if that was to the last command that was signed
 * for it, or if it was asked since (CS02a, CS02f); a command without such an answer leaves it
 * unclear, whatever was known before. So does a cell that it said was replaced before it was
 * asked and did not have them all. Who has excused an unclear device by name has answered
 * for it.
 *
 * Source:  GBCS 13.3.4, 13.3.5; SEC Appendix L 4.2.3 (reconciliation, INFERRED).
 * Effects: reads the store.
 */
#ifndef HOLDING_H
#define HOLDING_H

#include "lists.h"
#include "outcome.h"
#include "sent.h"

enum holding {
    HOLDING_OLD,     /* nothing was signed for it, or it replaced no cell */
    HOLDING_NEW,     /* every cell, by the last command */
    HOLDING_OWN_KEY, /* every cell, by its party's own key: a progress file says so */
    HOLDING_ACB,     /* ACB certificates in the subscriber's cells (Method 2) */
    HOLDING_PARTLY,  /* some cells new, some old */
    HOLDING_UNCLEAR, /* a command was signed, and no answer tells what became of it */
    HOLDING_EXCUSED, /* the same, and excused by name */
    HOLDING_COUNT,
};

const char *holding_name(enum holding h);
/* Were its cells replaced for good? */
bool holding_replaced(enum holding h);

/* What one device holds.
 *   o        what it answered; NULL: nothing is known
 *   sent     the command last signed for it
 *   own_key  a progress file says that its party has replaced it
 *   acb      that command places ACB certificates */
enum holding holding_of(const struct outcome *o, const struct sent_row *sent, bool own_key,
                        bool acb);

/* Devices of any version of the list that counts, ascending, in one walk.
 *   behind  begin behind that device; NULL: with the first
 *   n       at most so many
 * fn false: stop. Errors: ERR_STORE. */
MUST_CHECK bool
holding_each(struct store *s, const char *incident, const struct lists *lists,
             const struct eui64 *behind, uint32_t n,
             bool (*fn)(void *arg, const struct lists_row *row, enum holding h), void *arg,
             struct err *e);
/* How many devices hold what. */
MUST_CHECK bool holding_count(struct store *s, const char *incident,
                              const struct lists *lists, int64_t n[HOLDING_COUNT],
                              struct err *e);
/* The same as a question (think.h), of every version of the list that counts: every device is
 * looked up, and as long as nothing changes the answer is known. What this transaction has changed
 * so far is not seen. */
MUST_CHECK bool holding_think(struct store *s, const char *dir, const char *incident,
                              int64_t n[HOLDING_COUNT], struct err *e);
/* How many devices the progress files of the parties report as done: by their own keys. */
MUST_CHECK bool holding_own_key(struct store *s, const char *incident, int64_t *n,
                                struct err *e);

#endif
