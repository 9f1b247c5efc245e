/* SPDX-License-Identifier: MIT
 *
 * uploads - files that were handed in and that nothing uses yet: whose each is, how large it
 * is, since when it waits.
 *
 * A party's file waits for its signature; a device list is used by the request that brings
 * it, and waits only where a crash came between. What is used is no upload any more: it
 * belongs to the incident for good. What a record of the audit chain names, a refused
 * signature say, keeps its octets too.
 *
 * An upload goes after KeepUploadsDays= (recovery.conf(5)). Decided here: a uid may have 16 that wait, all together 64;
 * how many octets is the caller's to say.
 * Effects: the store. The files are the caller's.
 */
#ifndef UPLOADS_H
#define UPLOADS_H

#include "bytes.h"
#include "store.h"

#define UPLOADS_PER_UID 16
#define UPLOADS_IN_ALL  64
#define UPLOADS_NOBODY  (-1) /* the uid of what a crash or an older program has left */

enum uploads_kind {
    UPLOADS_FILE,   /* of a party */
    UPLOADS_ROSTER, /* devices */
};

struct uploads_one {
    enum uploads_kind kind;
    struct digest sha256;
    int64_t uid, octets, at_us;
    bool named; /* a record of the audit chain speaks of it */
};

struct uploads_sum {
    int64_t n, octets;  /* of that uid, those aside that a record names */
    int64_t n_all;      /* of everybody, those aside that a record names */
    int64_t octets_all; /* of everybody, with them */
};

/* Does an incident or a batch use it? */
MUST_CHECK bool uploads_used(struct store *s, enum uploads_kind kind,
                             const struct digest *sha256, bool *used, struct err *e);
/* It waits from now on; what waits already begins its time anew and stays whose it is. One
 * that is used does not wait. */
MUST_CHECK bool uploads_put(struct store *s, const struct uploads_one *u, struct err *e);
/* It is used, or gone: it waits no more. */
MUST_CHECK bool uploads_drop(struct store *s, enum uploads_kind kind,
                             const struct digest *sha256, struct err *e);
MUST_CHECK bool uploads_known(struct store *s, enum uploads_kind kind,
                              const struct digest *sha256, bool *known, struct err *e);
/* A record that is written in this transaction holds this text: uploads whose digest stands
 * in it are named. */
MUST_CHECK bool uploads_name(struct store *s, const char *text, struct err *e);
/* Does any record name it? Reads the whole chain: for the rare case. */
MUST_CHECK bool uploads_named(struct store *s, const struct digest *sha256, bool *named,
                              struct err *e);
MUST_CHECK bool uploads_sum(struct store *s, int64_t uid, struct uploads_sum *out,
                            struct err *e);
/* Each that waits, oldest first. fn false: stop. */
MUST_CHECK bool uploads_each(struct store *s,
                             bool (*fn)(void *arg, const struct uploads_one *u), void *arg,
                             struct err *e);
const char *uploads_kind_name(enum uploads_kind k);

#endif
