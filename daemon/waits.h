/* SPDX-License-Identifier: MIT
 *
 * waits - what waits for whom: the list that `status` shows on one screen.
 *
 *   incident     each that is open: what leads on, and who acts
 *   batch        each that has not ended: held, paused, waiting for a second person, at work
 *   counter      a mark that a second person has to agree to
 *   window       of a decision that ends within WAITS_WINDOW_S
 *   deferral     whose review has come, or comes within WAITS_WINDOW_S
 *   certificate  of a configured key, or of the root and its issuers, that ends within
 *                WAITS_CERTIFICATE_D
 *   disk         fewer megabytes left than DiskAlarmMB=
 *   token        no signer can sign; or fewer than are configured
 *
 * Decided here: both spans, which are long enough for somebody to act in. Effects: reads the
 * store, asks the file system.
 */
#ifndef WAITS_H
#define WAITS_H

#include "service.h"

#define WAITS_WINDOW_S      (4 * 3600)
#define WAITS_CERTIFICATE_D 60

/*
 * *out: a new list of {"what","name","state","since","until","who","why","next"}; at most
 * DOCKET_SHOW_PAGE incidents, *more counts the rest. `next` is a command, "" where none helps.
 *   token  the overall state of the signers, as `status` says it
 *
 * Errors: ERR_STORE.
 */
MUST_CHECK bool waits_list(struct service *sv, const char *token, json_t **out,
                           int64_t *more, struct err *e);
/* {"free_mb","total_mb","low"} of the state directory; null where it cannot be told. */
json_t *waits_disk(const struct service *sv);

#endif
