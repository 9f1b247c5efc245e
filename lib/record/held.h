/* SPDX-License-Identifier: MIT
 *
 * held - who held a cell before a command of ours, or who holds it now: what the device says,
 * against what is expected.
 *
 * Expected is what the list names for the device, what the decision calls compromised, and
 * what an earlier command of the incident placed. All else is another party's, where the cell
 * is an organisation's and the party is not the subscriber (the customer changed supplier);
 * or the subscriber's own, by a key that nobody named: a certificate that was forgotten, or
 * one that somebody placed by the compromised key. Which of the two a person finds out.
 *
 * Nobody says which of several certificates a party had in a cell. So a key of its own is
 * called unknown only where the list or the decision names one for that cell.
 *
 * Source:  GBCS 13.3.4, 13.3.5 (the answer names party and key before); the classes are this
 *          project's choice.
 * Effects: none.
 */
#ifndef HELD_H
#define HELD_H

#include "outcome.h"
#include "sent.h"

/*
 *   t      of the incident
 *   k      the batch whose command it is about
 *   row    the device
 *   party  that held the cell, and its key
 */
enum outcome_held held_by(const struct sent *t, const struct sent_batch *k,
                          const struct roster_row *row, enum cell cell,
                          const struct eui64 *party, const struct key_id *key);

/* Did a command of this incident place that key there before this batch did? */
bool held_is_ours(const struct sent *t, const struct sent_batch *k, enum cell cell,
                  const struct key_id *key);

#endif
