/* SPDX-License-Identifier: MIT
 *
 * custodians - the ceremonies on file, and the register of custodians that they make.
 *
 * A record (ceremony_record.h) is taken in once, in the order of the ceremonies of its set.
 * From it the register learns who holds a share of which version of a set, since when, and
 * when the shares were last proven. Nobody else writes it, but for one thing: that a
 * custodian leaves is known long before the ceremony that gives the share to another.
 *
 * A set is due for a ceremony when somebody who holds a share of its newest version has
 * left, or CeremonyAlarmDays= after its shares were last proven.
 *
 * Source:  SEC Appendix L 3 (appointment of key custodians, and their ceasing to be one); a
 *          ceremony about once a year, as DCC's public notes have it; the interval is
 *          configuration. Effects: the store. Calls inside the caller's transaction, or
 *          reading.
 */
#ifndef CUSTODIANS_H
#define CUSTODIANS_H

#include "ceremony_record.h"
#include "docket_show.h"
#include "store.h"

/* Has a record that was taken in been signed by that key? */
MUST_CHECK bool custodians_known_key(struct store *s, const struct point *key, bool *known,
                                     struct err *e);
/*
 * Take a record in; who signed it has been judged. The whole of it stands in the audit trail.
 *   text  as it was handed in
 *
 * Errors: ERR_DENIED "ceremony.twice", "ceremony.older".
 */
MUST_CHECK bool custodians_take(struct store *s, const struct ceremony_record *r,
                                struct span text, const char *actor, int64_t now_us,
                                struct err *e);
/* A custodian leaves. ERR_MISSING "ceremony.custodian": holds no share that counts. */
MUST_CHECK bool custodians_leave(struct store *s, const char *person, const char *reason,
                                 const char *actor, int64_t now_us, struct err *e);

struct custodians_due {
    char set[CUSTODY_ID_LEN + 1];
    char keys[256]; /* whose backup it is about */
    char why[256];
    uint32_t version;
    int64_t due_us; /* INT64_MAX: never */
    bool rang;
};
/* Each set, and when a ceremony of it is due. days: CeremonyAlarmDays=, 0: none. fn may not
 * write; false ends it early. */
MUST_CHECK bool custodians_each(struct store *s, unsigned days,
                                bool (*fn)(void *arg, const struct custodians_due *d),
                                void *arg, struct err *e);
/* It rings, once for each time that it falls due: on record, and notices are queued. */
MUST_CHECK bool custodians_ring(struct store *s, const struct config *c,
                                const struct custodians_due *d, int64_t now_us,
                                struct err *e);

/* Pages: the ceremonies, the custodians. */
MUST_CHECK bool custodians_show_ceremonies(struct store *s, struct docket_show_page *p,
                                           json_t **out, struct err *e);
MUST_CHECK bool custodians_show(struct store *s, struct docket_show_page *p, json_t **out,
                                struct err *e);

#endif
