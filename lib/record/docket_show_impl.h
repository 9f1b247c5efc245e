/* SPDX-License-Identifier: MIT
 *
 * What an incident as a whole (docket_show.c) and its lists (docket_show_lists.c) share.
 * Private to docket_show*.c.
 */
#ifndef DOCKET_SHOW_IMPL_H
#define DOCKET_SHOW_IMPL_H

#include "docket_show.h"

/* One more entry, known by that name, is there: false, it belongs to the next page. */
MUST_CHECK bool docket_show_fits(struct docket_show_page *p, const char *key);
/* Errors: ERR_MISSING "incident.none". */
MUST_CHECK bool docket_show_known(struct store *s, const char *incident, struct err *e);
/* Into the story: the first page of each list, "more": where those go on that do, and
 * "roster": the version on file. Errors: ERR_STORE. */
MUST_CHECK bool docket_show_lists(struct store *s, const char *incident, json_t *story,
                                  struct err *e);

#endif
