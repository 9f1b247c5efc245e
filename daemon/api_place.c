/* SPDX-License-Identifier: MIT
 *
 * What an operator has at hand - an anchor, a notice, the manifest of a backup, a head out of
 * the journal - held against the state. Where the state is older that stands from now on
 * (restored.h). And what goes out for that: how far the record had come, in every export.
 */
#include "service.h"

#include "audit.h"
#include "ledger.h"
#include "mem.h"
#include "raising.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

static json_t *place_now(struct service *sv, struct err *e)
{
    struct place p;
    json_t *j;

    if (!place_take(sv->store, &p, e))
        return NULL;
    j = place_document(&p, "smki-recovery/record/1", clock_now(&sv->clock));
    if (j == NULL)
        (void)err_set(e, ERR_STORE, "store.memory", "out of memory");
    return j;
}

HANDLER(api_place)
{
    json_t *j = place_now(arg, e);

    (void)r;
    (void)body;
    return j != NULL && reply_json(out, 200, j, e);
}

bool api_place_file(struct service *sv, struct service_place *p, struct tar_file *out,
                    bool *found, struct err *e)
{
    *found = true;
    AUTO(json) json_t *j = place_now(sv, e);
    p->text = j != NULL ? json_dumps(j, JSON_INDENT(2)) : NULL;
    if (p->text == NULL)
        return j == NULL ? false : err_set(e, ERR_STORE, "store.memory", "out of memory");
    (void)snprintf(out->name, sizeof out->name, "record.json");
    out->data = span_of(p->text, strlen(p->text));
    out->mtime_s = clock_now(&sv->clock) / 1000000;
    return true;
}

/* A word that no raising could ever answer would bar the service for good. */
static bool within_reach(struct service *sv, const struct place *p, struct err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        uint64_t most = RAISING_MAX - sv->config.counter.skip;
        uint64_t mark;
        bool found;

        if (!ledger_mark(sv->store, &p->counters[i].originator, &mark, &found, e))
            return false;
        if (p->counters[i].up_to > mark && p->counters[i].up_to - mark > most)
            return err_set(e, ERR_DENIED, "ledger.raise-distance",
                           "it names counter %" PRIu64 ", which is too far above %" PRIu64,
                           p->counters[i].up_to, mark);
    }
    return true;
}

static bool step_expect(struct service *sv, const struct request *r, struct span body,
                        struct reply *out, struct err *e)
{
    AUTO(json)
    json_t *j = json_loadb((const char *)body.at, body.len, JSON_REJECT_DUPLICATES, NULL);
    char why[PLACE_TEXT] = "";
    char who[PEER_TEXT];
    struct place p;
    bool older;

    if (j == NULL)
        return err_set(e, ERR_INPUT, "ledger.place", "it is no JSON");
    service_who(r, who);
    if (!place_from_json(j, &p, e) || !within_reach(sv, &p, e) ||
        !bars_place(sv, &p, "word", &older, why, e) ||
        !audit_put(sv->store, clock_now(&sv->clock), "STATE_EXPECTED", "", who, e,
                   "{s:o,s:b}", "record", place_json(&p), "older", (int)older))
        return false;
    return reply_json(out, 200, json_pack("{s:b,s:s}", "older", (int)older, "reason", why),
                      e);
}

HANDLER(api_expected)
{
    return service_change(arg, r, body, body, step_expect, out, e);
}
