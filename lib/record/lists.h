/* SPDX-License-Identifier: MIT
 *
 * lists - the versions of an incident's list of devices, seen as one.
 *
 * A list is a document with versions. Once a decision names one, or somebody has said
 * something of a device on it, it counts for good: a correction is a further version, with a
 * stated difference, proposed by whoever hands it in and confirmed with a reason. What counts
 * is the version on file now and every one before it that was named; a device of any of them
 * is owed an outcome, whether the version on file still has it or not.
 *
 * Where several have the device, the newest of them says what type it has and which keys.
 *
 * Source:  SEC L10.30(a) (a decision names its list). That a device which a correction leaves
 *          out goes on counting until it is done or excused by name is this project's choice.
 * Effects: reads the store and roster files.
 */
#ifndef LISTS_H
#define LISTS_H

#include "roster.h"
#include "store.h"

struct list {
    struct roster roster;
    int64_t version;
};

struct lists {
    struct list *at; /* newest first: the one on file now leads */
    size_t n;        /* 1 or more */
};

/* Open all that count; lists_done either way.
 * Errors: ERR_MISSING "incident.no-roster"; as rosters_open. */
MUST_CHECK bool lists_open(struct store *s, const char *dir, const char *incident,
                           struct lists *out, struct err *e);
/* Their digests, in that order; malloc'd, the caller's. Errors: ERR_MISSING
 * "incident.no-roster". */
MUST_CHECK bool lists_counting(struct store *s, const char *incident, struct digest **out,
                               size_t *n, struct err *e);
/* Open lists that are not said to be of an incident; versions are not known. lists_done either
 * way. Errors: as rosters_open. */
MUST_CHECK bool lists_open_these(const char *dir, const struct digest of[], size_t n,
                                 struct lists *out, struct err *e);
void lists_done(struct lists *l);

struct lists_row {
    const struct list *list; /* the newest that has the device; borrowed */
    uint32_t row;            /* of that one */
    struct roster_row at;
};

MUST_CHECK bool lists_find(const struct lists *l, const struct eui64 *device,
                           struct lists_row *out);

/* Every device of any of them, once each, ascending. */
struct lists_walk {
    const struct lists *lists; /* borrowed */
    struct head {
        uint32_t next; /* row */
        struct roster_row at;
        bool end;
    } * heads; /* one a list; owned */
};

/* behind: begin behind that device; NULL: with the first. lists_walk_done either way.
 * Errors: ERR_STORE "store.memory". */
MUST_CHECK bool lists_walk_begin(const struct lists *l, const struct eui64 *behind,
                                 struct lists_walk *out, struct err *e);
/* false: there is no further one. */
MUST_CHECK bool lists_next(struct lists_walk *w, struct lists_row *out);
void lists_walk_done(struct lists_walk *w);

/* What another version of a list changes. */
struct lists_difference {
    uint32_t added, removed;
    uint32_t changed; /* type, status, cells, old keys or device keys are others */
    bool any;
    struct eui64 first; /* device that differs */
};

void lists_compare(const struct roster *before, const struct roster *after,
                   struct lists_difference *out);

/* How many devices they have together, of each type, and with each status. */
struct lists_size {
    uint32_t devices;
    uint32_t by_type[DEVICE_COUNT];
    uint32_t by_status[STATUS_COUNT];
};
MUST_CHECK bool lists_count(const struct lists *l, struct lists_size *out, struct err *e);
/* Once another version counts: the size is kept with the one on file now, so that figures
 * need not open them. Errors: as lists_open. */
MUST_CHECK bool lists_resize(struct store *s, const char *dir, const char *incident,
                             struct err *e);
/* What was kept, which is not by_status; all zero when no list was sent. Errors: ERR_STORE. */
MUST_CHECK bool lists_size(struct store *s, const char *incident, struct lists_size *out,
                           struct err *e);
/* {"ESME": 3}: types of which there is none are not named. malloc'd; NULL: out of memory. */
char *lists_types(const uint32_t by_type[DEVICE_COUNT]);

#endif
