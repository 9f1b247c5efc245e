/* SPDX-License-Identifier: MIT */
#include "deferral.h"

#include "audit.h"
#include "clock.h"
#include "docket_show.h"
#include "outbox.h"

#include <stdio.h>

#define RANG "deferral-review" /* in the table of alarms, where states stand */

struct each {
    bool (*fn)(void *arg, const struct deferral *d);
    void *arg;
};

static int64_t time_of(const char *text)
{
    int64_t us = 0;

    return clock_parse(text, &us) ? us : 0;
}

static bool one(void *arg, const struct store_row *row)
{
    const struct each *each = arg;
    struct deferral d = {.incident = store_text(row, 0),
                         .document = store_text(row, 1),
                         .outcome = store_text(row, 2),
                         .end_condition = store_text(row, 3),
                         .review_us = time_of(store_text(row, 4)),
                         .since_us = store_i64(row, 5)};

    d.rang = d.review_us != 0 && store_i64(row, 6) == d.review_us;
    return each->fn(each->arg, &d);
}

bool deferral_each(struct store *s, const char *incident,
                   bool (*fn)(void *arg, const struct deferral *d), void *arg,
                   struct err *e)
{
    struct each each = {fn, arg};

    /* with max() the other columns are those of the row that has it */
    return store_each(
        s, one, &each, e,
        "SELECT v.incident, d.id, v.event,"
        " coalesce(json_extract(d.json, '$.end_condition'), ''),"
        " coalesce(json_extract(d.json, '$.review'), ''), v.at_us,"
        " coalesce((SELECT max(since_us) FROM alarm WHERE alarm.incident = v.incident"
        " AND alarm.state = '" RANG "'), 0), max(v.n)"
        " FROM incident_event AS v JOIN incident AS i ON i.id = v.incident"
        " JOIN decision AS d ON d.incident = v.incident"
        " AND d.id = json_extract(v.evidence, '$.\"decision:' || v.event || '\"')"
        " WHERE v.event IN ('defer-revocation', 'defer-id-transfer')"
        " AND i.state != 'CLOSED' AND (?1 IS NULL OR v.incident = ?1)"
        " AND v.n > coalesce((SELECT max(n) FROM incident_event AS o"
        " WHERE o.incident = v.incident AND o.event = 'end-deferral'), 0)"
        " GROUP BY v.incident, v.event ORDER BY v.incident, v.event",
        "t", incident);
}

static bool add(void *arg, const struct deferral *d)
{
    return json_array_append_new(arg,
                                 json_pack("{s:s,s:s,s:o,s:o,s:s,s:b}", "outcome",
                                           d->outcome, "document", d->document, "since",
                                           docket_show_time(d->since_us), "review",
                                           docket_show_time(d->review_us), "end_condition",
                                           d->end_condition, "rang", (int)d->rang)) == 0;
}

bool deferral_json(struct store *s, const char *incident, json_t **out, struct err *e)
{
    json_t *list = json_array();
    bool ok = deferral_each(s, incident, add, list, e);

    *out = ok ? list : NULL;
    if (!ok)
        json_decref(list);
    return ok;
}

bool deferral_ring(const struct docket *d, const struct deferral *what, struct err *e)
{
    struct docket_incident i;
    struct chain_place at;
    json_t *body = json_pack("{s:s,s:s,s:o,s:s}", "outcome", what->outcome, "document",
                             what->document, "review", docket_show_time(what->review_us),
                             "end_condition", what->end_condition);
    bool ok =
        store_run(d->store, e,
                  "INSERT OR IGNORE INTO alarm (incident, since_us, state, at_us)"
                  " VALUES (?1, ?2, '" RANG "', ?3)",
                  "tii", what->incident, what->review_us, d->now_us) &&
        audit_put(d->store, d->now_us, "DEADLINE_PASSED", what->incident,
                  AUDIT_ACTOR_SYSTEM, e, "{s:s,s:O}", "alarm", RANG, "deferral", body) &&
        audit_last(d->store, &at, e) && docket_get(d->store, what->incident, &i, e);

    if (ok) {
        ok = outbox_review(d, &i, (int64_t)at.seq, body, e);
        docket_incident_done(&i);
    }
    json_decref(body);
    return ok;
}
