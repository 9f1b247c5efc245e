/* SPDX-License-Identifier: MIT
 *
 * place - how far the record had come when somebody wrote it down elsewhere: a second place
 * that a restored copy of the state is held against.
 *
 *   {"trail", "records", "hash", "counters": [{"originator", "up_to"}]}
 *
 * trail is the hash of record 1 and tells one service's trail from another's; records and
 * hash are the last record's; up_to is the highest counter that was set aside. The anchor
 * (anchor.h) is such a place, and so are every notice, record.json in every export, and the
 * manifest of a backup; a signed head has records and hash alone.
 *
 * A state is older than a place that names a record or a counter which it does not know, or
 * another hash for a record that it has: it was restored, or the place is another service's.
 *
 * Source:  GBCS 4.3.1.5 (a counter is never used twice). Effects: reads the store.
 */
#ifndef PLACE_H
#define PLACE_H

#include "bytes.h"
#include "store.h"

#include <jansson.h>

#define PLACE_COUNTERS_MAX 32 /* originators; twelve keys can be configured at a time */
#define PLACE_TEXT         200

struct place {
    struct digest trail; /* zeros: not said */
    uint64_t records;    /* 0: none */
    struct digest hash;
    struct place_counter {
        struct eui64 originator;
        uint64_t up_to;
    } counters[PLACE_COUNTERS_MAX];
    size_t n;
};

/* The store as it stands, or as the open transaction leaves it. */
MUST_CHECK bool place_take(struct store *s, struct place *out, struct err *e);
/* NULL: out of memory. */
json_t *place_json(const struct place *p);
/* {"schema", "at", "record": that object}: what a place says of itself. NULL: out of memory. */
json_t *place_document(const struct place *p, const char *schema, int64_t now_us);
/* That object, or the one under "record" of a larger one (an anchor, a manifest, the body of a
 * notice). Members beside those above do not matter. Errors: ERR_INPUT "ledger.place". */
MUST_CHECK bool place_from_json(const json_t *j, struct place *out, struct err *e);
/* The counter of that originator; 0: not named. */
uint64_t place_up_to(const struct place *p, const struct eui64 *originator);
void place_set(struct place *p, const struct eui64 *originator, uint64_t up_to);

/* Is the store older than the place? why: in what, for people. */
MUST_CHECK bool place_judge(struct store *s, const struct place *p, bool *older,
                            char why[static PLACE_TEXT], struct err *e);

#endif
