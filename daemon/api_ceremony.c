/* SPDX-License-Identifier: MIT
 *
 * Ceremonies and custodians: records come in, the register is shown, somebody leaves; which
 * sets of shares are due is among the alarms.
 */
#include "service.h"

#include "custodians.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- records --- */

/* The token of a signer has signed it: signers open none but those configured. Or one that an
 * earlier record came from: it may be gone since. */
static bool known_token(struct service *sv, const struct ceremony_record *r, struct err *e)
{
    const struct signers *s = pump_signers(sv->pump);
    bool known, spoke = false;

    for (unsigned i = 0; i < signers_count(s); i++) {
        const struct point *audit = &signers_info(s, i)->audit;

        spoke |= audit->b[0] != 0;
        if (memcmp(audit->b, r->key.b, sizeof audit->b) == 0)
            return true;
    }
    if (!custodians_known_key(sv->store, &r->key, &known, e))
        return false;
    if (known)
        return true;
    return spoke
               ? err_set(e, ERR_DENIED, "ceremony.signature",
                         "the record of ceremony %s is signed by a key that is no audit "
                         "key here",
                         r->id)
               : err_set(e, ERR_BUSY, "signer.not-ready",
                         "no signer was ready since the service started: nobody knows the "
                         "audit key");
}

static bool step_add(struct service *sv, const struct request *r, struct span body,
                     struct reply *out, struct err *e)
{
    struct ceremony_record *record = calloc(1, sizeof *record);
    char who[PEER_TEXT];
    bool ok;

    if (record == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    service_who(r, who);
    ok = ceremony_record_read(body, record, e) && known_token(sv, record, e) &&
         custodians_take(sv->store, record, body, who, clock_now(&sv->clock), e) &&
         reply_json(out, 201,
                    json_pack("{s:s,s:s,s:o,s:s,s:s}", "ceremony", record->id, "what",
                              ceremony_record_what(record->what), "at",
                              docket_show_time(record->at_us), "token", record->label,
                              "result", record->result),
                    e);
    free(record);
    return ok;
}

HANDLER(api_ceremony_add)
{
    return service_change(arg, r, body, body, step_add, out, e);
}

HANDLER(api_ceremonies)
{
    struct service *sv = arg;
    struct docket_show_page p;
    json_t *list;

    (void)body;
    return service_page(r, &p, e) && custodians_show_ceremonies(sv->store, &p, &list, e) &&
           service_page_reply(out, "ceremonies", list, &p, e);
}

/* --- custodians --- */

HANDLER(api_custodians)
{
    struct service *sv = arg;
    struct docket_show_page p;
    json_t *list;

    (void)body;
    return service_page(r, &p, e) && custodians_show(sv->store, &p, &list, e) &&
           service_page_reply(out, "custodians", list, &p, e);
}

struct leaving {
    char reason[200];
};

static bool step_leave(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    static const struct strictjson_member members[] = {
        {"reason", MUST, strictjson_text, STRICTJSON_AT(struct leaving, reason), NULL, 1,
         0},
        {0},
    };
    struct leaving asked;
    char who[PEER_TEXT];

    service_who(r, who);
    return request_json(body, members, &asked, NULL, e) &&
           custodians_leave(sv->store, r->args[0], asked.reason, who, clock_now(&sv->clock),
                            e) &&
           reply_json(out, 200,
                      json_pack("{s:s,s:s}", "person", r->args[0], "reason", asked.reason),
                      e);
}

HANDLER(api_custodian_leave)
{
    return service_change(arg, r, body, body, step_leave, out, e);
}

/* --- what is due --- */

struct due_list {
    json_t *list;
    int64_t now_us, *overdue;
};

static bool add_due(void *arg, const struct custodians_due *d)
{
    struct due_list *l = arg;

    if (d->due_us == INT64_MAX)
        return true;
    *l->overdue += l->now_us >= d->due_us;
    return json_array_append_new(
               l->list,
               json_pack("{s:n,s:s,s:s,s:s,s:i,s:s,s:s,s:o,s:b}", "incident", "state", "",
                         "alarm", "ceremony", "set", d->set, "version", (int)d->version,
                         "keys", d->keys, "why", d->why, "due", docket_show_time(d->due_us),
                         "overdue", (int)(l->now_us >= d->due_us))) == 0;
}

bool api_ceremony_alarms(struct service *sv, json_t *list, int64_t *overdue, struct err *e)
{
    struct due_list l = {list, clock_now(&sv->clock), overdue};

    return custodians_each(sv->store, sv->config.service.reshare_alarm_d, add_due, &l, e);
}
