/* SPDX-License-Identifier: MIT
 *
 * docket_show - the story of an incident as JSON: what a person is shown of all that is on
 * file about it.
 *
 * Events with their evidence and the rule behind each, device lists, decisions with who was
 * counted for them, batches, files of the parties, children, what was refused and why, and
 * how many devices are done. Shapes: daemon/API.md. JSON values are new references of the
 * caller's. Effects: reads the store.
 */
#ifndef DOCKET_SHOW_H
#define DOCKET_SHOW_H

#include "docket.h"
#include "queue.h"

#include <jansson.h>

/* RFC 3339, or null for 0. */
json_t *docket_show_time(int64_t us);
/* rate: signatures per second now; 0 where it is not being signed. */
json_t *docket_show_batch(const struct batch *b, double rate);
/* What signers have counted, into that JSON; nothing where nobody has said. */
void docket_show_commands(json_t *batch, const struct proto_count *c);

/* Every incident in short, oldest first: a JSON array. */
MUST_CHECK bool docket_show_all(struct store *s, json_t **out, struct err *e);
/* One incident, whole. ERR_MISSING "incident.none". */
MUST_CHECK bool docket_show(struct store *s, const char *incident, json_t **out,
                            struct err *e);
/* One document of it with the verdict on each of its signers. ERR_MISSING "decision.none".
 */
MUST_CHECK bool docket_show_decision(struct store *s, const char *incident, const char *id,
                                     json_t **out, struct err *e);

#endif
