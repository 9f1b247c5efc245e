/* SPDX-License-Identifier: MIT */
#include "outlook.h"

#include "mem.h"
#include "rosters.h"
#include "think.h"

#include <stdlib.h>
#include <string.h>

json_t *outlook_types(const struct outlook *o)
{
    json_t *all;

    if (!o->ready)
        return NULL;
    all = json_object();
    for (unsigned t = 0; t < DEVICE_COUNT; t++) {
        const struct forecast_type *f = &o->types[t];
        json_t *without = json_array();

        for (size_t i = 0; i < f->n_without; i++)
            (void)json_array_append_new(without, json_pack("{s:s,s:I,s:s}", "rule",
                                                           f->without[i].rule, "rows",
                                                           (json_int_t)f->without[i].rows,
                                                           "reason", f->without[i].first));
        if (f->devices > 0)
            (void)json_object_set_new(
                all, gbcs_device((enum device_type)t)->name,
                json_pack("{s:I,s:I,s:O}", "devices", (json_int_t)f->devices, "commands",
                          (json_int_t)f->commands, "without", without));
        json_decref(without);
    }
    return all;
}

/* --- the forecast: row by row, beside the loop --- */

struct question { /* and behind it the octets of each */
    struct service *looks;
    struct digest roster;
    size_t cms, draft, pem, rows; /* how many */
    bool all;                     /* rows, where rows is 0 */
};

static struct span next(struct span *rest, size_t len)
{
    struct span out = span_of(len > 0 ? rest->at : NULL, len);

    rest->at += len;
    rest->len -= len;
    return out;
}

/* out: struct forecast_type, one for each device type */
static bool work(struct store *s, struct span in, struct span *out, struct err *e)
{
    struct question q;
    struct warrant_parts parts = {.unreleased = true};
    struct forecast_type *types = calloc(DEVICE_COUNT, sizeof *types);
    struct roster roster = {0};
    struct warrant *w = NULL;
    struct span rest, rows;
    size_t acb;
    bool ok;

    (void)s;
    if (types == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memcpy(&q, in.at, sizeof q);
    rest = span_of(in.at + sizeof q, in.len - sizeof q);
    parts.cms = next(&rest, q.cms);
    parts.draft = next(&rest, q.draft);
    parts.certs_pem = next(&rest, q.pem);
    parts.roster = &roster;
    rows = next(&rest, q.rows);
    if (rows.at == NULL && !q.all)
        rows = span_of("", 0);
    ok = rosters_open(q.looks->roster_dir, &q.roster, &roster, e) &&
         warrant_open(&q.looks->trust, &parts, clock_now(&q.looks->clock), &w, e);
    if (ok)
        forecast_make(w, rows, trust_acb_key(&q.looks->trust, &acb), types);
    warrant_free(w);
    roster_done(&roster);
    if (!ok) {
        free(types);
        return false;
    }
    *out = span_of(types, DEVICE_COUNT * sizeof *types);
    return true;
}

static const struct think_kind foretelling = {.name = "what a document would come to",
                                              .work = work};

static void put(uint8_t **at, struct span s)
{
    if (s.len > 0)
        memcpy(*at, s.at, s.len);
    *at += s.len;
}

static bool foretell(struct service *sv, const struct warrant_parts *parts,
                     struct span rows, struct outlook *out, struct err *e)
{
    size_t len = sizeof(struct question) + parts->cms.len + parts->draft.len +
                 parts->certs_pem.len + rows.len;
    AUTO(mem) uint8_t *in = calloc(1, len);
    struct question q;
    uint8_t *at = in;
    struct span types;

    if (in == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memset(&q, 0, sizeof q); /* octets between members too: it is compared */
    q.looks = sv->looks != NULL ? sv->looks : sv;
    q.roster = parts->roster->digest;
    q.cms = parts->cms.len;
    q.draft = parts->draft.len;
    q.pem = parts->certs_pem.len;
    q.rows = rows.len;
    q.all = rows.at == NULL;
    put(&at, span_of(&q, sizeof q));
    put(&at, parts->cms);
    put(&at, parts->draft);
    put(&at, parts->certs_pem);
    put(&at, rows);
    if (!think(&foretelling, sv->store, span_of(in, len), &types, e))
        return false;
    memcpy(out->types, types.at, sizeof out->types);
    free((void *)(uintptr_t)types.at);
    return true;
}

/* The whole check that the signer will make, made early to explain well. */
static bool open_warrant(struct service *sv, const struct outlook_ask *ask,
                         const struct roster *roster, struct span pem, struct span rows,
                         struct outlook *out, struct err *e)
{
    /* the Symmetric Key is released after the decision, not for it: that it is the one
     * named and opens the present root is seen when the batch begins */
    struct warrant_parts parts = {.cms = ask->cms,
                                  .draft = ask->draft,
                                  .certs_pem = pem,
                                  .roster = roster,
                                  .unreleased = true};
    struct warrant *w = NULL;

    out->ready = warrant_open(&sv->trust, &parts, clock_now(&sv->clock), &w, e) &&
                 foretell(sv, &parts, rows, out, e);
    warrant_free(w);
    return out->ready;
}

static uint32_t replaced(const struct authority *a)
{
    uint32_t cells = 0;

    for (size_t i = 0; i < a->n_replacements; i++)
        cells |= CELL_BIT(a->replacements[i].cell);
    return cells;
}

static bool judge_order(struct service *sv, const struct outlook_ask *ask,
                        struct outlook *out, struct err *e)
{
    const struct authority *a = ask->a;
    struct docket d = service_docket(sv);
    struct roster roster = {0};
    struct digest sha256;
    struct span pem;
    uint32_t rows;
    bool found;
    bool ok;

    if (!docket_roster(sv->store, a->incident, &sha256, &rows, &found, e))
        return false;
    if (!found || !digest_equal(&sha256, &a->roster))
        return err_set(e, ERR_DENIED, "decision.roster",
                       "member roster: the decision names another roster than the one of "
                       "incident %s",
                       a->incident);
    if (!docket_bundle_for(sv->store, a, &pem, e))
        return false;
    ok = (pem.at != NULL || err_set(e, ERR_DENIED, "decision.certificates",
                                    "incident %s has no certificates yet", a->incident)) &&
         rosters_open(sv->roster_dir, &sha256, &roster, e) &&
         open_warrant(sv, ask, &roster, pem, (struct span){NULL, 0}, out, e) &&
         agree_lists(&d, a->incident, &roster, replaced(a), &out->agree, e);
    roster_done(&roster);
    free((void *)(uintptr_t)pem.at);
    return ok;
}

static bool judge_parties(struct service *sv, const struct outlook_ask *ask, struct err *e)
{
    AUTO(mem) struct certs *given = calloc(1, sizeof *given);
    struct span pem;
    bool ok;

    if (given == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_bundle(sv->store, ask->i->id, &pem, e))
        return false;
    ok = (pem.at == NULL || certs_read(pem, "certificates on file", given, e)) &&
         agree_parties(ask->i, ask->a, e) && agree_compromised(ask->i, ask->a, given, e) &&
         agree_instruction(ask->i, ask->a, e);
    certs_done(given);
    free((void *)(uintptr_t)pem.at);
    return ok;
}

bool outlook_judge(struct service *sv, const struct outlook_ask *ask, struct outlook *out,
                   struct err *e)
{
    memset(out, 0, sizeof *out);
    return (ask->a->kind == KIND_ACTIVATION || ask->a->outcome != AUTHORITY_AUTHORISE ||
            judge_order(sv, ask, out, e)) &&
           judge_parties(sv, ask, e);
}

bool outlook_batch(struct service *sv, const struct authority *a, struct span rows,
                   struct outlook *out, struct err *e)
{
    struct outlook_ask ask = {.a = a};
    struct span cms = {NULL, 0};
    struct span pem = {NULL, 0};
    struct roster roster = {0};
    struct err why = {0};

    memset(out, 0, sizeof *out);
    if (docket_cms(sv->store, &a->digest, &cms, &why) && cms.at != NULL &&
        docket_bundle_for(sv->store, a, &pem, &why) && pem.at != NULL &&
        rosters_open(sv->roster_dir, &a->roster, &roster, &why)) {
        ask.cms = cms;
        (void)open_warrant(sv, &ask, &roster, pem, rows, out, &why);
    }
    roster_done(&roster);
    free((void *)(uintptr_t)cms.at);
    free((void *)(uintptr_t)pem.at);
    if (!think_later(&why))
        return true;
    *e = why;
    return false;
}
