/* SPDX-License-Identifier: MIT
 *
 * requests - what was asked before: the same request id gives the same answer, and what was
 * refused is on record.
 *
 * An answer is kept in the transaction of the step that gave it: who lost it on the way
 * asks again with the same id and gets it octet for octet, and the step happens once.
 * Effects: the store; calls inside the caller's transaction, or reading.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "store.h"

#include <jansson.h>

#define REQUESTS_MAX    20000
#define REQUESTS_AGE_US (24 * INT64_C(3600000000))

struct requests_answer {
    unsigned status; /* HTTP */
    char type[64];   /* media type; "" where there is no body */
    struct span body;
};

/*
 * The answer given before to this id of that user.
 *   what   digest of the whole request: the same id for another one is refused
 *   out    where *known: its body is malloc'd with one octet to spare, caller frees
 *   known  false: not asked before; *out is untouched
 * Errors: ERR_INPUT "request.key-reused"; ERR_STORE.
 */
MUST_CHECK bool requests_find(struct store *s, int64_t uid, const char *id,
                              const struct digest *what, struct requests_answer *out,
                              bool *known, struct err *e);
/* Keep the answer to an id that is not known yet. Of one user's there are REQUESTS_MAX at most:
 * those of more than a day ago go then. Errors: ERR_BUSY "request.key-quota"
 * where none is that old; ERR_STORE. */
MUST_CHECK bool requests_keep(struct store *s, int64_t uid, const char *id,
                              const struct digest *what,
                              const struct requests_answer *answer, int64_t now_us,
                              struct err *e);

struct requests_refusal {
    const char *incident; /* that it was about; "" */
    const char *who;      /* "uid 1000" */
    const char *verb, *path;
    const struct err *why;
    json_t *signers; /* what became of each signature, borrowed; NULL: it was about none */
};
/* One audit record REFUSED, found again in the story of its incident (docket_show.h). */
MUST_CHECK bool requests_refused(struct store *s, const struct requests_refusal *r,
                                 int64_t now_us, struct err *e);

#endif
