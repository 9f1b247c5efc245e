/* SPDX-License-Identifier: MIT
 *
 * pump_kit - the service without its front: engine and pump in this process, the signer
 * program beside it, on the token of signer_kit with the shim before it. A Supplier's own
 * instruction (mode 2) lets devices be signed for, so that every command has a signature and
 * the ACB's MAC. Each order is of one row at first, and one session signs.
 *
 * Pauses before a signer is started again are cut short (signers_hasten), as a request does
 * that waits for the token.
 */
#ifndef PUMP_KIT_H
#define PUMP_KIT_H

#include "pump.h"
#include "signer_kit.h"

#define PUMP_KIT_ROWS 4 /* of each batch, none of them in another */

extern struct pump *pump; /* NULL: none runs */

/* Rows for so many batches. */
void pump_kit_begin(uint32_t batches);
void pump_kit_end(void);

/* A service that begins; what files say stays. pump_kit_stop() ends it, and its signer. */
void pump_kit_start(void);
void pump_kit_stop(void);
/* Until the signer is ready, has nothing to answer, and there is no batch. */
void pump_kit_idle(void);
/* Put the next batch; its id. */
int64_t pump_kit_batch(void);
/* Until the batch is done, held or stopped, or signers have ended so often. */
void pump_kit_settle(int64_t id, unsigned ends);
/* A person looks: a batch that is held is queued again; bars and marks that signers have left
 * are lifted. No service runs meanwhile. */
void pump_kit_resume(int64_t id);
void pump_kit_forgive(void);

const struct signer_info *pump_kit_signer(void);
struct batch pump_kit_look(int64_t id);
/* What left for the rows of that batch. */
struct pump_kit_account {
    unsigned rows;  /* signed, once */
    unsigned wrong; /* signature or MAC is not of that row under that counter, a row or a
                       counter stands twice */
};
struct pump_kit_account pump_kit_count(int64_t id);
/* Octets of a file of the folder; 0: not there. */
size_t pump_kit_size(const char *name);

#endif
