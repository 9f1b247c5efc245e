/* SPDX-License-Identifier: MIT
 *
 * retention - notices that were left lying: KeepNoticesDays=.
 *
 * Notices are for whoever carries them, who takes them out of the outbox. What stays there
 * longer than configured goes, with a record of how many, where no incident that is open
 * speaks of it. Looked for once an hour.
 *
 * Effects: the outbox directory, the store.
 */
#ifndef RETENTION_H
#define RETENTION_H

#include "service.h"

/* Errors: ERR_STORE. */
MUST_CHECK bool retention_notices(struct service *sv, struct err *e);

#endif
