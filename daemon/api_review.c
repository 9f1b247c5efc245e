/* SPDX-License-Identifier: MIT
 *
 * A document on its way: what would become of it, before anybody signs it or hands it in.
 * Nothing changes, and nobody's signature is looked at.
 */
#include "outlook.h"

#include "mem.h"

#include <stdlib.h>

static bool review(struct service *sv, const struct request *r, struct span body,
                   struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) struct outlook *o = calloc(1, sizeof *o);
    struct docket_incident i;
    struct err why;
    char hex[HEX_LEN(32)];
    bool ok;

    if (a == NULL || o == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!authority_parse(body, a, e) || !docket_get(sv->store, r->args[0], &i, e))
        return false;
    (void)docket_names(&i, a);
    ok = strcmp(a->incident, i.id) == 0 ||
         err_set(&why, ERR_DENIED, "decision.other-incident",
                 "member incident: the document is for %s", a->incident);
    ok =
        ok &&
        outlook_judge(sv, &(struct outlook_ask){.i = &i, .a = a, .draft = body}, o, &why) &&
        agree_decision(&d, &o->agree, a, &why);
    docket_incident_done(&i);
    if (!ok && why.code == ERR_STORE) {
        *e = why;
        return false;
    }
    hex_encode_lower(a->digest.b, 32, hex);
    return reply_json(
        out, 200,
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:s,s:s,s:o*,s:o*}", "id", a->id, "incident",
                  a->incident, "kind", authority_kind_name(a->kind), "outcome",
                  authority_outcome_name(a->outcome), "sha256", hex, "allowed", (int)ok,
                  "rule", ok ? "" : why.id, "reason", ok ? "" : why.text, "forecast",
                  outlook_types(o), "notified", agree_json(&o->agree)),
        e);
}

HANDLER(api_review)
{
    return service_look(arg, r, body, review, out, e);
}
