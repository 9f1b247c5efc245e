/* SPDX-License-Identifier: MIT
 *
 * spent - how often each row was signed under a decision: counted for the decision, by all
 * signers of a machine, for as long as the decision can be used.
 *
 * One file for each decision, named by its digest, in a folder of the signers' own. A row
 * has two octets: commands signed, and commands granted again because their answer was
 * lost. A row is counted on disk before it is signed, under a lock; a new OPEN, a restart
 * and a second signer go on from there. A row may be signed as often as the decision
 * allows; beyond that only after it was claimed as lost, at most SPENT_LOST_ROW times, and
 * all rows together at most SPENT_LOST_ALL times: enough for some crashes of service and
 * signers with the rows they have under way, and no more than that.
 *
 * The file is bound to the token. Each change of what signers have drawn under the decision
 * is a step: the file says that a step is under way, the token counts one more (token.h,
 * count_set), the file says that it is done. A file that is not at the token's step is an
 * older copy, or belongs to another machine, and a file that is gone is missing: neither is
 * taken for zero. In 4096 octets of head stand step, sums and the end of the window, with a
 * check; then the rows. Memory does not grow with them.
 *
 * Invariant: a signature that left a signer was counted on disk before.
 * Source:    SEC L10.9 (use as the PMA requires).
 * Effects:   the files.
 */
#ifndef SPENT_H
#define SPENT_H

#include "bytes.h"

#define SPENT_LOST_ROW  3
#define SPENT_LOST_ALL  65536u
#define SPENT_KEEP_DAYS 30 /* a file is kept so long after the window of its decision */

struct spent; /* opaque: one decision */

struct spent_paper { /* the decision that is counted */
    const struct digest *decision;
    uint32_t rows;
    unsigned attempts; /* commands for each row, 1..100 */
    int64_t valid_to_us;
};

struct spent_sums {
    uint64_t step; /* as in the token */
    uint64_t made; /* signatures counted */
    uint64_t lost; /* of them granted again */
};

/* Make the folder where there is none, and remove what SPENT_KEEP_DAYS have passed for.
 * Errors here and below: ERR_STORE "signer.count-file" cannot be read or written. */
MUST_CHECK bool spent_folder(const char *dir, int64_t now_us, struct err *e);

/* The end of a decision's window, where it was opened here; else 0. */
int64_t spent_window(const char *dir, const struct digest *decision);

/*
 * Open the file of a decision, or make it where the decision was never used.
 *   dir    kept
 *   known  the token has counted for this decision: then the file must be there
 * Errors: ERR_DENIED "signer.count-lost": gone, damaged, of other rows.
 */
MUST_CHECK bool spent_open(const char *dir, const struct spent_paper *p, bool known,
                           struct spent **out, struct err *e);
void spent_close(struct spent *s);

/* Hold the file against other signers, and read its head. Errors: "signer.count-lost" when
 * it is not the file of its name any more. */
MUST_CHECK bool spent_lock(struct spent *s, struct err *e);
void spent_unlock(struct spent *s);

/* These three while it is held. Is the file at the token's step? ERR_DENIED
 * "signer.count-lost". A step that was under way when a signer died is settled. */
MUST_CHECK bool spent_in_step(struct spent *s, uint64_t token_step, struct err *e);
MUST_CHECK bool spent_step_begins(struct spent *s, struct err *e);
MUST_CHECK bool spent_step_done(struct spent *s, struct err *e);

/* Count one command for each of n rows, on disk when it returns, or none of them. Rows
 * ascend. ERR_DENIED "signer.attempts" when one has no command left. */
MUST_CHECK bool spent_take(struct spent *s, const uint32_t rows[], size_t n, struct err *e);
/* The signatures of these rows were not made, or do not leave: count them back. */
MUST_CHECK bool spent_give_back(struct spent *s, const uint32_t rows[], size_t n,
                                struct err *e);
/* The answers for these rows never came, says the service: each that has no command left
 * gets one more. *granted: how many. ERR_DENIED "signer.lost-budget"; then none has. */
MUST_CHECK bool spent_claim(struct spent *s, const uint32_t rows[], size_t n,
                            uint32_t *granted, struct err *e);

/* As of the last time that it was held. */
const struct spent_sums *spent_sums(const struct spent *s);
/* What the decision allows for all rows, without what was lost. */
uint64_t spent_allowed(const struct spent *s);
/* Beyond this no signer of any machine goes, whatever became of files: for count_set. */
uint64_t spent_ceiling(const struct spent *s);

#endif
