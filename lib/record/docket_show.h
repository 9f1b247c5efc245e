/* SPDX-License-Identifier: MIT
 *
 * docket_show - the story of an incident as JSON: what a person is shown of all that is on
 * file about it.
 *
 * Events with their evidence and the rule behind each, device lists, decisions with who was
 * counted for them, batches, files of the parties, children, what was refused and why, and
 * how many devices are done. Shapes: daemon/API.md. JSON values are new references of the
 * caller's.
 *
 * Every list that can grow comes in pages, and in one way: a page says what the next one is
 * to begin behind. The story of an incident has the first page of each of its lists and names
 * those that go on.
 *
 * Decided here: 100 entries a page where nobody says how many, 1000 at most.
 * Effects: reads the store.
 */
#ifndef DOCKET_SHOW_H
#define DOCKET_SHOW_H

#include "docket.h"
#include "outcome.h"
#include "queue.h"

#include <jansson.h>

/* RFC 3339, or null for 0. */
json_t *docket_show_time(int64_t us);
/* rate: signatures per second now; 0 where it is not being signed. */
json_t *docket_show_batch(const struct batch *b, double rate);
/* What signers have counted, into that JSON; nothing where nobody has said. */
void docket_show_commands(json_t *batch, const struct proto_count *c);

/* Why rows of it could not be signed, into that JSON: "failed_rows", a list of rule, rows and
 * the first one's reason; nothing where none failed. Errors: ERR_STORE. */
MUST_CHECK bool docket_show_failed(struct store *s, const struct batch *b, json_t *batch,
                                   struct err *e);

#define DOCKET_SHOW_PAGE     100
#define DOCKET_SHOW_PAGE_MAX 1000

struct docket_show_page {
    char from
        [AUTHORITY_ID_MAX]; /* begin behind this entry: what `next` was; "": the first */
    uint32_t limit;         /* entries, 1..DOCKET_SHOW_PAGE_MAX */
    uint32_t n;             /* out: entries that are in it */
    char last[AUTHORITY_ID_MAX]; /* out: of those, the last */
    char next
        [AUTHORITY_ID_MAX]; /* out: what the next page begins behind; "": it is the end */
};
/* One more entry, known by that number, is there: false, it belongs to the next page. */
MUST_CHECK bool docket_show_fits_number(struct docket_show_page *p, int64_t key);
/* `from` where entries are known by numbers. ERR_INPUT "request.query". */
MUST_CHECK bool docket_show_behind(const struct docket_show_page *p, int64_t *key,
                                   struct err *e);

/* An incident with all its children: how many these are, devices of the latest lists, rows
 * that were signed and that failed, devices by what became of them. A device that two of them
 * list stands for two. Errors: ERR_STORE, as outcome_count. */
struct docket_show_totals {
    int64_t children, children_open;
    int64_t devices, signed_, failed;
    int64_t
        own_key; /* devices that progress files report as replaced by their party's key */
    int64_t states[OUTCOME_STATES];
};
MUST_CHECK bool docket_show_totals(struct store *s, const char *incident,
                                   struct docket_show_totals *t, struct err *e);

/* By whose key devices were replaced: {"own":97,"recovery":3}. "own": the subscriber's, as its
 * progress files report; "recovery" or "contingency", by the route: those that answered so.
 * What there is none of is not named. */
json_t *docket_show_by_key(enum route route, int64_t own_key, int64_t replaced);

/* A page of the incidents in short, oldest first: a JSON array. ERR_INPUT "request.query":
 * there is no incident `from`. */
MUST_CHECK bool docket_show_all(struct store *s, struct docket_show_page *p, json_t **out,
                                struct err *e);
/* One incident with the first page of each list; "more": where those go on that do.
 * ERR_MISSING "incident.none". */
MUST_CHECK bool docket_show(struct store *s, const char *incident, json_t **out,
                            struct err *e);
/* A page of one of its lists, by the list's name in the story: a JSON array. ERR_MISSING
 * "incident.none", "request.path": no such list. */
MUST_CHECK bool docket_show_part(struct store *s, const char *incident, const char *name,
                                 struct docket_show_page *p, json_t **out, struct err *e);
/* A page of the register of keys (keys.h), oldest first: a JSON array. */
MUST_CHECK bool docket_show_keys(struct store *s, struct docket_show_page *p, json_t **out,
                                 struct err *e);
/* One document of it with the verdict on each of its signers. ERR_MISSING "decision.none".
 */
MUST_CHECK bool docket_show_decision(struct store *s, const char *incident, const char *id,
                                     json_t **out, struct err *e);

#endif
