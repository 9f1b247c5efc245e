/* SPDX-License-Identifier: MIT
 *
 * The counter mark after a database was restored: one operator asks for it to be raised,
 * another one agrees, and both name what it costs as the service has shown it to them.
 */
#include "hats.h"
#include "service.h"

#include "audit.h"
#include "ledger.h"
#include "log.h"
#include "raising.h"
#include "restored.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* An originator whose counters are used here: of a configured key, or with a mark. */
static bool named_originator(struct service *sv, const struct request *r,
                             struct eui64 *originator, struct err *e)
{
    uint64_t mark;
    bool known;

    if (!eui64_parse(r->args[0], strlen(r->args[0]), originator))
        return err_set(e, ERR_INPUT, "request.target", "\"%s\" is no EUI-64", r->args[0]);
    if (!ledger_mark(sv->store, originator, &mark, &known, e))
        return false;
    for (size_t i = 0; i < sv->config.n_keys && !known; i++)
        known = sv->trust.keys[i].present &&
                eui64_cmp(&sv->trust.keys[i].cert.at[0].eui, originator) == 0;
    return known || err_set(e, ERR_INPUT, "request.target",
                            "%s is the originator of no key here", r->args[0]);
}

static bool cost_of(struct service *sv, const struct eui64 *originator, uint64_t to,
                    struct raising_cost *out, struct err *e)
{
    const struct config *c = &sv->config;

    return raising_cost(sv->store, originator, c->counter.has_start ? c->counter.start : 0,
                        to, out, e);
}

static bool waiting_for(struct service *sv, const struct eui64 *originator,
                        struct raising *out, struct err *e)
{
    int64_t within_us = (int64_t)service_confirm_s(sv) * 1000000;

    return raising_waits(sv->store, originator, clock_now(&sv->clock) - within_us, out, e);
}

static json_t *cost_json(const char *eui, const struct raising_cost *c)
{
    char share[40];

    (void)snprintf(share, sizeof share, "%.3g percent of the sequence", c->percent);
    return json_pack("{s:s,s:I,s:I,s:I,s:s,s:I}", "originator", eui, "from",
                     (json_int_t)c->from, "to", (json_int_t)c->to, "lost",
                     (json_int_t)c->lost, "share", share, "left", (json_int_t)c->left);
}

static void put_asked(json_t *j, const struct raising *w)
{
    (void)json_object_update_new(j, json_pack("{s:s,s:s,s:o}", "ceremony", w->ceremony,
                                              "asked_by", w->asked_by, "asked",
                                              docket_show_time(w->asked_us)));
}

HANDLER(api_counter_raise_show)
{
    struct service *sv = arg;
    struct eui64 originator;
    struct raising_cost cost;
    struct raising w;
    char hex[HEX_LEN(8)];
    uint64_t to;
    json_t *j;

    (void)body;
    if (!named_originator(sv, r, &originator, e) ||
        !request_number(r, "to", 1, INT64_MAX, 0, &to, e) ||
        !waiting_for(sv, &originator, &w, e))
        return false;
    if (to == 0 && w.to == 0)
        return err_set(e, ERR_MISSING, "ledger.raise-waits",
                       "nobody has asked for the mark of %s to be raised", r->args[0]);
    if (!cost_of(sv, &originator, to != 0 ? to : w.to, &cost, e))
        return false;
    hex_encode(originator.b, sizeof originator.b, hex);
    j = cost_json(hex, &cost);
    if (to == 0)
        put_asked(j, &w);
    hats_tell(sv, j);
    return reply_json(out, 200, j, e);
}

/* After a restore the mark is raised over all that may have been used. */
static bool far_enough(struct service *sv, const struct eui64 *originator, uint64_t to,
                       struct err *e)
{
    struct restored r;
    bool found;

    return restored_stands(sv->store, originator, &r, &found, e) &&
           (!found || to >= r.needed ||
            err_set(e, ERR_DENIED, "ledger.raise-short",
                    "%" PRIu64 " is not enough: %s; the mark is raised to %" PRIu64
                    " at least",
                    to, r.reason, r.needed));
}

/* --- the first operator --- */

struct wanted {
    int64_t to, lost;
    char ceremony[RAISING_TEXT];
};

static bool step_raise(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    struct eui64 originator;
    struct wanted asked;
    struct raising_cost cost;
    struct raising w = {.asked_us = clock_now(&sv->clock)};
    char who[PEER_TEXT];
    char hex[HEX_LEN(8)];
    json_t *j;
    static const struct strictjson_member members[] = {
        {"to", MUST, strictjson_number, STRICTJSON_AT(struct wanted, to), NULL, 1,
         INT64_MAX},
        {"lost", MUST, strictjson_number, STRICTJSON_AT(struct wanted, lost), NULL, 1,
         INT64_MAX},
        {"ceremony", MUST, strictjson_text, STRICTJSON_AT(struct wanted, ceremony), NULL, 0,
         0},
        {0},
    };

    if (!named_originator(sv, r, &originator, e) ||
        !request_json(body, members, &asked, NULL, e) ||
        !cost_of(sv, &originator, (uint64_t)asked.to, &cost, e) ||
        !far_enough(sv, &originator, cost.to, e) ||
        !raising_agreed(&cost, (uint64_t)asked.lost, e) || !hats_first(sv, r, e))
        return false;
    service_who(r, who);
    hex_encode(originator.b, sizeof originator.b, hex);
    w.to = cost.to;
    (void)snprintf(w.ceremony, sizeof w.ceremony, "%s", asked.ceremony);
    (void)snprintf(w.asked_by, sizeof w.asked_by, "%s", who);
    if (!raising_ask(sv->store, &originator, &w, e) ||
        !audit_put(sv->store, w.asked_us, "COUNTER_RAISE_ASKED", "", who, e,
                   "{s:s,s:I,s:I,s:I,s:s}", "originator", hex, "from",
                   (json_int_t)cost.from, "to", (json_int_t)cost.to, "lost",
                   (json_int_t)cost.lost, "ceremony", w.ceremony))
        return false;
    j = cost_json(hex, &cost);
    put_asked(j, &w);
    return reply_json(out, 202, j, e);
}

HANDLER(api_counter_raise)
{
    return service_change(arg, r, body, body, step_raise, out, e);
}

/* --- the second one --- */

static bool step_confirm(struct service *sv, const struct request *r, struct span body,
                         struct reply *out, struct err *e)
{
    struct eui64 originator;
    struct wanted agreed;
    struct raising_cost cost;
    struct raising w;
    char who[PEER_TEXT];
    char hex[HEX_LEN(8)];
    static const struct strictjson_member members[] = {
        {"to", MUST, strictjson_number, STRICTJSON_AT(struct wanted, to), NULL, 1,
         INT64_MAX},
        {"lost", MUST, strictjson_number, STRICTJSON_AT(struct wanted, lost), NULL, 1,
         INT64_MAX},
        {0},
    };

    if (!named_originator(sv, r, &originator, e) ||
        !request_json(body, members, &agreed, NULL, e) ||
        !waiting_for(sv, &originator, &w, e))
        return false;
    if (w.to == 0 || w.to != (uint64_t)agreed.to)
        return err_set(e, ERR_DENIED, "ledger.raise-waits",
                       "nobody has asked within %u seconds for the mark of %s to be raised "
                       "to %" PRId64,
                       service_confirm_s(sv), r->args[0], agreed.to);
    if (!cost_of(sv, &originator, w.to, &cost, e) ||
        !far_enough(sv, &originator, w.to, e) ||
        !raising_agreed(&cost, (uint64_t)agreed.lost, e) ||
        !hats_second(sv, r, w.asked_by, e))
        return false;
    service_who(r, who);
    hex_encode(originator.b, sizeof originator.b, hex);
    if (!raising_do(sv->store, &originator, w.to, e) ||
        !restored_raised(sv->store, &originator, w.to, clock_now(&sv->clock), e) ||
        !audit_put(sv->store, clock_now(&sv->clock), "COUNTER_RAISED", "", who, e,
                   "{s:s,s:I,s:I,s:I,s:s,s:s}", "originator", hex, "from",
                   (json_int_t)cost.from, "to", (json_int_t)cost.to, "lost",
                   (json_int_t)cost.lost, "ceremony", w.ceremony, "asked_by", w.asked_by))
        return false;
    sv->after.raised = true;
    log_event(LOG_WARNING, NULL, &(struct log_fields){.peer = &r->peer},
              "the counter mark of %s is raised from %" PRIu64 " to %" PRIu64, hex,
              cost.from, cost.to);
    return reply_json(out, 200, cost_json(hex, &cost), e);
}

HANDLER(api_counter_confirm)
{
    return service_change(arg, r, body, body, step_confirm, out, e);
}
