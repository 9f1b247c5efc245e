/* SPDX-License-Identifier: MIT
 *
 * sound - is the database what its own record says? Asked at the start, after its pages were
 * checked (store_open).
 *
 * The last records of the audit trail follow each other, hash by hash; what they say was
 * signed stands in the ledger, signature for signature, and lies below what was reserved. So
 * a database of which a part was put back, or was changed, is found before it signs.
 *
 * Effects: reads the store.
 */
#ifndef SOUND_H
#define SOUND_H

#include "store.h"

#define SOUND_RECORDS 256 /* that many records back; the whole chain: audit verify */

/* Errors: ERR_DENIED "audit.ledger"; ERR_STORE. */
MUST_CHECK bool sound_check(struct store *s, struct err *e);

#endif
