/* SPDX-License-Identifier: MIT
 *
 * hats - is whoever asks for it somebody else than those who decided, asked, switched the key
 * on or are in conflict? The service's half of people.h: it knows the logins.
 *
 * Whoever asks for a batch, confirms it or lets it go on operates, and has a login in a
 * [Person] section: of a login that is nobody's nobody can say that it is not an approver's.
 *
 * Source:  SEC L10.9; SEC Appendix L 3. Effects: reads the store.
 */
#ifndef HATS_H
#define HATS_H

#include "service.h"

/* r hands in a document that was opened: he is none of its people, nor of its decision's,
 * and none of those has operated under it. */
MUST_CHECK bool hats_hand_in(struct service *sv, const struct request *r,
                             const struct authority *a, struct err *e);
/* r asks for a batch under that decision, or lets one go on. */
MUST_CHECK bool hats_operate(struct service *sv, const struct request *r,
                             const struct digest *decision, struct err *e);
/* Is that, "uid 1000 ..." as on record, the login of r? However it came to be one: the login
 * uid beside it is told, nobody is told apart by it. */
bool hats_same_login(const char *who, const struct request *r);
/* Whose login that is, by name; nobody's: as it is on record. Valid as long as both. */
const char *hats_name(const struct service *sv, const char *who);
/* Beside each login on record in an answer - "by", "asked_by", "confirmed_by" - its name as
 * "by_name" and so on, wherever in it; nothing beside those that are nobody's. */
void hats_tell(const struct service *sv, json_t *answer);
/* r asks for something that belongs to no decision; somebody else agrees to it. */
MUST_CHECK bool hats_first(struct service *sv, const struct request *r, struct err *e);
MUST_CHECK bool hats_second(struct service *sv, const struct request *r,
                            const char *asked_by, struct err *e);
/* r confirms what somebody else asked for. Errors of all: people_apart, and where the
 * login is nobody's ERR_DENIED "incident.operator". */
MUST_CHECK bool hats_confirm(struct service *sv, const struct request *r,
                             const struct batch *b, struct err *e);

#endif
