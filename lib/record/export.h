/* SPDX-License-Identifier: MIT
 *
 * export - the finished commands of a batch, rendered from the ledger as they stream out.
 *
 * Reads only what is on disk: the slice's signature, the roster, the certificates and the
 * authority as they stood when the batch began. Can begin at any position.
 *
 * Effects: reads the store and the roster file.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include "ledger.h"
#include "queue.h"
#include "warrant.h"

struct export; /* opaque */

struct export_row {
    struct eui64 device;
    uint64_t counter;
    uint32_t pos; /* resume at pos + 1 */
    uint32_t row;
    struct span command; /* until the next call */
};

/* Errors: those of warrant_open; ERR_MISSING "request.no-batch"; ERR_BUSY
 *         "export.not-begun". */
MUST_CHECK bool export_open(struct store *s, const struct trust *t, const char *roster_dir,
                            int64_t batch, uint32_t from, struct export **out,
                            struct err *e);
/* The next signed row; *found false at the end of what is signed so far, without a hole: as
 * long as the batch is not over, what was signed beyond a row still to do waits for it. */
MUST_CHECK bool export_next(struct export *x, struct export_row *out, bool *found,
                            struct err *e);
/* No position from `until` on leaves: found false there. */
void export_until(struct export *x, uint32_t until);
const struct batch *export_batch(const struct export *x);
void export_close(struct export *x);

#endif
