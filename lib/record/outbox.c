/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include "mem.h"
#include "place.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO(x)     (1u << NOTICE_##x)
#define EVERYBODY (TO(PMA) | TO(PARTIES) | TO(RDP) | TO(SUBSCRIBER))

static const uint32_t recipients[EVENT_COUNT] = {
    [EVENT_NOTIFY] = TO(DCC),
    [EVENT_CONFIRM] = TO(PARTIES) | TO(RDP) | TO(SUBSCRIBER),
    [EVENT_REJECT] = TO(DCC),
    [EVENT_INFORM_PMA] = TO(PMA),
    [EVENT_REFER_TO_PMA] = TO(PMA),
    [EVENT_ELECT_METHOD_1] = TO(PMA),
    [EVENT_AUTHORISE_METHOD_2] = EVERYBODY,
    [EVENT_AUTHORISE_METHOD_3] = EVERYBODY,
    [EVENT_AUTHORISE_CONTINGENCY] = EVERYBODY,
    [EVENT_AUTHORISE_RECOVERY_KEY] = EVERYBODY,
    [EVENT_AUTHORISE_ISSUING_OCA] = EVERYBODY,
    [EVENT_AUTHORISE_CONTINGENCY_KEY] = EVERYBODY,
    [EVENT_REFUSE] = EVERYBODY,
    [EVENT_ABORT] = EVERYBODY,
    [EVENT_DEFER_REVOCATION] = TO(PARTIES) | TO(SUBSCRIBER),
    [EVENT_DEFER_ID_TRANSFER] = TO(PARTIES) | TO(SUBSCRIBER),
    [EVENT_END_DEFERRAL] = TO(PMA) | TO(PARTIES) | TO(SUBSCRIBER),
    [EVENT_DIRECT_OTHER] = EVERYBODY,
    [EVENT_APPOINT] = EVERYBODY,
    [EVENT_CONFIRM_AMENDMENT] = TO(PMA) | TO(SUBSCRIBER),
    [EVENT_EXPIRE] = TO(PMA),
    [EVENT_FREEZE] = TO(PMA) | TO(SUBSCRIBER),
    [EVENT_LOSE_TOKEN] = TO(PMA),
    [EVENT_EXECUTED] = TO(PMA) | TO(SUBSCRIBER),
    [EVENT_HANDED_BACK] = TO(PMA) | TO(SUBSCRIBER),
    [EVENT_RECOVERED] = TO(PMA) | TO(SUBSCRIBER),
    [EVENT_CONFIRM_WITHDRAWAL] = TO(PMA) | TO(RDP) | TO(SUBSCRIBER),
    [EVENT_REJECT_WITHDRAWAL] = TO(PMA) | TO(SUBSCRIBER),
    [EVENT_REOPEN] = EVERYBODY,
    [EVENT_RECONNECTED] = TO(SUBSCRIBER),
    [EVENT_CLOSE] = EVERYBODY,
};

static bool queue_one(struct store *s, const char *id, enum notice_to to, const char *kind,
                      const char *incident, int64_t at_us, const char *body, struct err *e)
{
    return store_run(s, e,
                     "INSERT INTO notice (id, recipient, kind, incident, at_us, body)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     "tittit", id, (int64_t)to, kind, incident, at_us, body);
}

/* One to each. body: taken over; "record" is added. */
static bool queue_all(struct store *s, const struct notice *n, uint32_t to, json_t *body,
                      struct err *e)
{
    AUTO(mem) char *text = NULL;
    struct place place;

    if (!place_take(s, &place, e)) {
        json_decref(body);
        return false;
    }
    if (body != NULL && json_object_set_new(body, "record", place_json(&place)) == 0)
        text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(body);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (unsigned i = 0; i < NOTICE_TO_COUNT; i++)
        if ((to & 1u << i) != 0 && !queue_one(s, n->id, (enum notice_to)i, n->kind,
                                              n->incident, n->at_us, text, e))
            return false;
    return true;
}

/* What no step of an incident says: its id is a letter and a number of the caller's. */
static bool queue_news(struct store *s, char letter, int64_t n, const char *kind,
                       const char *incident, uint32_t to, const json_t *body, int64_t at_us,
                       struct err *e)
{
    char id[NOTICE_ID_MAX];
    struct notice notice = {.id = id, .kind = kind, .incident = incident, .at_us = at_us};

    (void)snprintf(id, sizeof id, "%c%lld", letter, (long long)n);
    return queue_all(s, &notice, to, json_deep_copy(body), e);
}

bool outbox_held(struct store *s, const char *incident, int64_t n, const json_t *held,
                 int64_t at_us, struct err *e)
{
    return queue_news(s, 'h', n, "DEVICES_HOLD_OTHERWISE", incident, EVERYBODY | TO(DCC),
                      held, at_us, e);
}

bool outbox_roll_back(struct store *s, int64_t n, const json_t *found, int64_t at_us,
                      struct err *e)
{
    return queue_news(s, 'r', n, "ROLL_BACK_FOUND", "", TO(DCC) | TO(PMA), found, at_us, e);
}

bool outbox_ceremony(struct store *s, int64_t n, const json_t *body, int64_t at_us,
                     struct err *e)
{
    return queue_news(s, 'c', n, "CEREMONY_DUE", "", TO(DCC) | TO(PMA), body, at_us, e);
}

bool outbox_queue(struct store *s, const struct outbox_step *step, struct err *e)
{
    char id[NOTICE_ID_MAX];
    uint32_t to = recipients[step->event];
    struct notice notice = {.id = id,
                            .kind = incident_event(step->event)->audit,
                            .incident = step->incident,
                            .at_us = step->at_us};

    if (to == 0)
        return true;
    (void)snprintf(id, sizeof id, "e%lld", (long long)step->n);
    return queue_all(
        s, &notice, to,
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "event",
                  incident_event(step->event)->name, "title", step->title, "subscriber",
                  step->subscriber, "route", incident_route(step->route)->name, "state",
                  incident_state(step->state)->name, "about",
                  incident_state(step->state)->sentence, "exercise", (int)step->exercise),
        e);
}

/* One row of the queue, copied: its statement is done before the file is written. */
struct queued {
    int64_t n;
    char *id, *kind, *incident, *body;
    struct notice notice;
};

static bool take_queued(void *arg, const struct store_row *row)
{
    struct queued *q = arg;

    q->n = store_i64(row, 0);
    q->id = strdup(store_text(row, 1));
    q->kind = strdup(store_text(row, 3));
    q->incident = strdup(store_text(row, 4));
    q->body = strdup(store_text(row, 6));
    q->notice =
        (struct notice){.id = q->id,
                        .to = (enum notice_to)store_i64(row, 2),
                        .kind = q->kind,
                        .incident = store_text(row, 4)[0] != '\0' ? q->incident : NULL,
                        .at_us = store_i64(row, 5),
                        .body = q->body};
    return false;
}

static bool put_queued(struct store *s, const char *dir, const struct queued *q,
                       struct err *e)
{
    char name[NOTICE_NAME_MAX];

    if (q->id == NULL || q->kind == NULL || q->incident == NULL || q->body == NULL ||
        (unsigned)q->notice.to >= NOTICE_TO_COUNT)
        return err_set(e, ERR_STORE, "store.memory", "a queued notice cannot be read");
    return notice_put(dir, &q->notice, name, e) &&
           store_run(s, e, "DELETE FROM notice WHERE n = ?1", "i", q->n);
}

bool outbox_flush(struct store *s, const char *dir, struct err *e)
{
    for (;;) {
        struct queued q = {0};
        bool ok;

        if (!store_each(s, take_queued, &q, e,
                        "SELECT n, id, recipient, kind, incident, at_us, body FROM notice"
                        " ORDER BY n LIMIT 1",
                        ""))
            return false;
        if (q.n == 0)
            return true;
        ok = put_queued(s, dir, &q, e);
        free(q.id);
        free(q.kind);
        free(q.incident);
        free(q.body);
        if (!ok)
            return false;
    }
}
