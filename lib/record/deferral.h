/* SPDX-License-Identifier: MIT
 *
 * deferral - a step that the PMA put off: until when it is looked at again, and what ends it.
 *
 * A deferral begins with the step that its decision brought, and lives until the incident's
 * next "end-deferral"; of two of one outcome the later one counts. When its review date has
 * come it rings once, on record and with a notice; it lives on until it is ended.
 *
 * Source:  SEC MP134A, MP185 (that there is an end condition); the review date is INFERRED.
 * Effects: the store. Calls inside the caller's transaction, or reading.
 */
#ifndef DEFERRAL_H
#define DEFERRAL_H

#include "docket.h"

#include <jansson.h>

struct deferral { /* borrowed, while fn runs */
    const char *incident, *document;
    const char *outcome;         /* "defer-revocation" */
    const char *end_condition;   /* "" */
    int64_t since_us, review_us; /* review_us 0: none was named */
    bool rang;                   /* its review was due, and that was told */
};

/* Each that lives, of an incident or (NULL) of all. fn false: stop. */
MUST_CHECK bool deferral_each(struct store *s, const char *incident,
                              bool (*fn)(void *arg, const struct deferral *d), void *arg,
                              struct err *e);
/* [{"outcome","document","since","review","end_condition","rang"}]; a new reference. */
MUST_CHECK bool deferral_json(struct store *s, const char *incident, json_t **out,
                              struct err *e);
/* Its review is due: on record, and told to those it concerns. */
MUST_CHECK bool deferral_ring(const struct docket *d, const struct deferral *what,
                              struct err *e);

#endif
