/* SPDX-License-Identifier: MIT
 *
 * restored - that this state is older than what it has released, and how far counters have
 * to be raised before anything is signed again.
 *
 * A second place (place.h) that knows more than the store, or a restore from a backup, puts a
 * finding for each originator. It stands, also after a restart, until two people have raised
 * that originator's mark (raising.h) to what is needed at least: over all that may have been
 * used. One finding of one place is put once; what was answered is not asked again.
 *
 * Source:  GBCS 4.3.1.5. Effects: the store; inside the caller's transaction, or reading.
 */
#ifndef RESTORED_H
#define RESTORED_H

#include "place.h"

struct restored {
    struct digest told; /* the place's hash: what tells */
    struct eui64 originator;
    uint64_t needed; /* the mark has to be that at least */
    char where[32];  /* "anchor", "account", "word", "backup" */
    char reason[PLACE_TEXT + 56];
    int64_t at_us;
};

/* *news: that finding is a new one. */
MUST_CHECK bool restored_put(struct store *s, const struct restored *r, bool *news,
                             struct err *e);
/* The finding for that originator that needs most; *found false: none stands. */
MUST_CHECK bool restored_stands(struct store *s, const struct eui64 *originator,
                                struct restored *out, bool *found, struct err *e);
/* The same for any originator. */
MUST_CHECK bool restored_any(struct store *s, struct restored *out, bool *found,
                             struct err *e);
/* Each that stands. fn false: stop. */
MUST_CHECK bool restored_each(struct store *s,
                              bool (*fn)(void *arg, const struct restored *r), void *arg,
                              struct err *e);
/* The mark was raised to that: findings that need no more are answered. */
MUST_CHECK bool restored_raised(struct store *s, const struct eui64 *originator,
                                uint64_t to, int64_t now_us, struct err *e);
/* A place that is always up to date (the anchor) has said how far a backup that was
 * restored has to be raised: so far, and no further. */
MUST_CHECK bool restored_known(struct store *s, const struct eui64 *originator,
                               uint64_t up_to, struct err *e);

#endif
