/* SPDX-License-Identifier: MIT */
#include "hsmloss.h"

#include "near.h"

#include <assert.h>
#include <string.h>

#define L(l)        HSMLOSS_BIT(HSMLOSS_##l)
#define R(r)        ROUTE_BIT(ROUTE_##r)
#define BY_RECOVERY (R(METHOD_2) | R(METHOD_3) | R(RECOVERY_KEY))
#define BY_ROOT     (R(ISSUING_OCA) | R(CONTINGENCY_KEY))

/* What rows take away ("closes") is taken from what the others leave open. */
static const struct hsmloss_row rows[] = {
    {L(SUPPLIER), HSMLOSS_M1_NO, R(METHOD_2) | R(METHOD_3), false, true, 0,
     "The supplier cannot sign any more, so its key cannot replace itself. Loss of use is "
     "a "
     "reason to have it replaced, under a PMA decision.",
     "GBCS 13.1.2", "CONFIRMED"},
    {L(NETWORK), HSMLOSS_M1_NO, R(METHOD_3), false, true, 0,
     "The network operator cannot sign any more, so its key cannot replace itself: it is "
     "replaced under a PMA decision.",
     "GBCS 13.1.2; SEC Appendix L 1.2", "INFERRED"},
    {L(NETWORK), HSMLOSS_M1_NO, 0, false, true, 0,
     "Whether the ACB's certificates may stand in a network operator's cell meanwhile "
     "(Method 2) is not known: ask the PMA before planning on it.",
     "SEC Appendix L 1.2", "UNKNOWN"},
    {L(SRP), HSMLOSS_M1_NO_FOR_ALL, R(SHARED_EVENT) | R(METHOD_2) | R(METHOD_3), false,
     true, 0,
     "None of the provider's users can sign: one shared event, and in it an incident of "
     "its "
     "own for each user. New keys must not come from the same HSM.",
     "GBCS 13.1.2; SEC Appendix L 2", "INFERRED"},
    {L(ACB), HSMLOSS_M1_NO, R(METHOD_3), false, true, R(METHOD_1) | R(METHOD_2),
     "The ACB's cells of all devices, PPMIDs included, get new certificates; the DCC opens "
     "the incident.",
     "GBCS 13.3.3; SEC Appendix L 1.2", "CONFIRMED"},
    {L(ACB), HSMLOSS_M1_NO_FOR_ALL, 0, false, true, 0,
     "Until a device holds them, no command with the ACB's MAC reaches it: nobody's Method "
     "1 "
     "and no hand-back.",
     "GBCS 6.2.3", "CONFIRMED"},
    {L(TCOS), HSMLOSS_M1_NO, R(METHOD_3), false, true, 0,
     "The transitional CoS cell of the meters gets a new certificate; until then no meter "
     "changes its supplier by it.",
     "GBCS 13.3.3; SEC Appendix L 1.2", "INFERRED"},
    {L(WAN_PROVIDER), HSMLOSS_M1_NO, R(METHOD_3), false, true, 0,
     "The WAN provider's cell of the communications hubs gets a new certificate.",
     "GBCS 13.3.3; SEC Appendix L 1.2", "INFERRED"},
    {L(ISSUING_OCA), HSMLOSS_M1_NOT_AFFECTED, R(ISSUING_OCA), false, true, 0,
     "A new Issuing OCA under the present root, and all Organisation Certificates anew. "
     "What "
     "devices hold stays valid meanwhile; a key that is lost meanwhile has no successor "
     "before there is an Issuing OCA again.",
     "SEC Appendix L, compromise of the Issuing OCA Private Key; SEC L10 (c)", "INFERRED"},
    {L(ROOT_OCA), HSMLOSS_M1_NOT_AFFECTED, R(CONTINGENCY), false, true, BY_ROOT,
     "A new root can only come by the Contingency and the Symmetric Key (mode 9), and has "
     "to "
     "carry new ones. Only it can certify a new Issuing OCA.",
     "SEC L10.30(e); GBCS 13.3.3", "CONFIRMED"},
    {L(RECOVERY_TOKEN), HSMLOSS_M1_NOT_AFFECTED, 0, true, true, 0,
     "No compromise: restore the token in a custodian ceremony and prove it by a test "
     "signature against the certificate on the devices; then go on.",
     "project", "INFERRED"},
    {L(RECOVERY_KEY), HSMLOSS_M1_NOT_AFFECTED, R(CONTINGENCY), false, true, BY_RECOVERY,
     "Only the contingency (mode 9) can write a new recovery cell; what needs the Recovery "
     "key waits until the devices hold it.",
     "GBCS 13.3.3", "INFERRED"},
    {L(CONTINGENCY_TOKEN), HSMLOSS_M1_NOT_AFFECTED, 0, true, true, 0,
     "No compromise: restore the contingency material in a custodian ceremony and prove "
     "it.",
     "project", "INFERRED"},
    {L(CONTINGENCY_KEY), HSMLOSS_M1_NOT_AFFECTED, R(CONTINGENCY_KEY), false, true,
     R(CONTINGENCY),
     "A new Contingency and Symmetric Key and a new root certificate that carries them, "
     "distributed the normal way.",
     "SEC Appendix L, compromise of a Contingency Private or Symmetric Key", "INFERRED"},
    {L(SYMMETRIC_KEY), HSMLOSS_M1_NOT_AFFECTED, R(CONTINGENCY_KEY), false, true,
     R(CONTINGENCY),
     "Without the Symmetric Key the Contingency key opens nothing: a new one, and a new "
     "root "
     "certificate that carries what it wraps.",
     "SEC Appendix L, compromise of a Contingency Private or Symmetric Key", "CONFIRMED"},
    {L(HSM), HSMLOSS_M1_NOT_AFFECTED, 0, true, true, 0,
     "No compromise: restore each key of the HSM into a fresh token in a custodian "
     "ceremony, "
     "each proved against its certificate, and leave counters out as the ceremony says.",
     "project", "INFERRED"},
    {L(RECOVERY_KEY) | L(CONTINGENCY_KEY), HSMLOSS_M1_NOT_AFFECTED, 0, false, false,
     ~R(METHOD_1),
     "There is no remote remedy: no key is left that a device would obey in recovery. The "
     "devices have to be exchanged.",
     "GBCS 13.3.3", "INFERRED"},
    {L(RECOVERY_KEY) | L(SYMMETRIC_KEY), HSMLOSS_M1_NOT_AFFECTED, 0, false, false,
     ~R(METHOD_1),
     "There is no remote remedy: a command of the contingency carries the Symmetric Key, "
     "and "
     "no other key may write a recovery cell. The devices have to be exchanged.",
     "GBCS 13.3.3", "INFERRED"},
    {L(ROOT_OCA) | L(CONTINGENCY_KEY), HSMLOSS_M1_NOT_AFFECTED, 0, false, false,
     R(CONTINGENCY) | BY_ROOT,
     "For the root there is no remote remedy: only the contingency may place one that its "
     "predecessor has not certified. Devices work on with what they hold, and have to be "
     "exchanged before it expires.",
     "GBCS 13.3.3", "INFERRED"},
    {L(ROOT_OCA) | L(SYMMETRIC_KEY), HSMLOSS_M1_NOT_AFFECTED, 0, false, false,
     R(CONTINGENCY) | BY_ROOT,
     "For the root there is no remote remedy: a command of the contingency carries the "
     "Symmetric Key. Devices work on with what they hold, and have to be exchanged before "
     "it expires.",
     "GBCS 13.3.3", "INFERRED"},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };
static_assert(N_ROWS == HSMLOSS_ROWS, "an advice has room for every row");

static const char *const losses[HSMLOSS_COUNT] = {
    [HSMLOSS_SUPPLIER] = "supplier",
    [HSMLOSS_NETWORK] = "network",
    [HSMLOSS_SRP] = "srp",
    [HSMLOSS_ACB] = "acb",
    [HSMLOSS_TCOS] = "tcos",
    [HSMLOSS_WAN_PROVIDER] = "wan-provider",
    [HSMLOSS_ISSUING_OCA] = "issuing-oca",
    [HSMLOSS_ROOT_OCA] = "root-oca",
    [HSMLOSS_RECOVERY_TOKEN] = "recovery-token",
    [HSMLOSS_RECOVERY_KEY] = "recovery-key",
    [HSMLOSS_CONTINGENCY_TOKEN] = "contingency-token",
    [HSMLOSS_CONTINGENCY_KEY] = "contingency-key",
    [HSMLOSS_SYMMETRIC_KEY] = "symmetric-key",
    [HSMLOSS_HSM] = "hsm",
    [HSMLOSS_HSM_KEYS] = "hsm-keys",
};

/* A token whose key is gone for good is not restored. */
static uint32_t settled(uint32_t lost)
{
    if ((lost & L(HSM_KEYS)) != 0)
        lost = (lost & ~L(HSM_KEYS)) | L(RECOVERY_KEY) | L(CONTINGENCY_KEY) | L(ACB);
    if ((lost & L(RECOVERY_KEY)) != 0)
        lost &= ~L(RECOVERY_TOKEN);
    if ((lost & (L(CONTINGENCY_KEY))) != 0)
        lost &= ~L(CONTINGENCY_TOKEN);
    if ((lost & L(RECOVERY_KEY)) != 0 && (lost & L(CONTINGENCY_KEY)) != 0)
        lost &= ~L(HSM);
    return lost;
}

/* The most fundamental first: what others wait for. An incident about the Recovery key stops
 * whatever uses it, and may be authorised to go by the contingency. */
static enum route first_of(uint32_t lost, uint32_t routes)
{
    static const enum route order[] = {ROUTE_CONTINGENCY, ROUTE_CONTINGENCY_KEY,
                                       ROUTE_RECOVERY_KEY, ROUTE_ISSUING_OCA,
                                       ROUTE_SHARED_EVENT};

    if ((lost & L(RECOVERY_KEY)) != 0 && (routes & R(CONTINGENCY)) != 0)
        return ROUTE_RECOVERY_KEY;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if ((routes & ROUTE_BIT(order[i])) != 0)
            return order[i];
    return ROUTE_UNDECIDED;
}

bool hsmloss_advise(uint32_t lost, struct hsmloss_advice *out)
{
    uint32_t ways = 0;
    uint32_t closed = 0;
    uint32_t gone = 0; /* for good */

    if (lost == 0 || (lost & ~(HSMLOSS_BIT(HSMLOSS_COUNT) - 1)) != 0)
        return false;
    *out = (struct hsmloss_advice){.lost = settled(lost), .remedy = true, .method_1 = true};
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct hsmloss_row *r = &rows[i];

        if ((out->lost & r->lost) != r->lost)
            continue;
        out->rows[out->n_rows++] = r;
        out->remedy = out->remedy && r->remedy;
        out->rebuild = out->rebuild || r->rebuild;
        out->method_1 = out->method_1 && r->method_1 == HSMLOSS_M1_NOT_AFFECTED;
        ways |= r->routes;
        closed |= r->closes;
        if (!r->remedy)
            gone |= r->closes;
    }
    out->routes = ways & ~closed;
    out->later = out->routes == 0 ? 0 : ways & closed & ~gone;
    out->opens = first_of(out->lost, out->routes);
    return true;
}

uint32_t hsmloss_open(const struct hsmloss_advice *a, const struct hsmloss_row *r)
{
    return r->routes & a->routes;
}

const char *hsmloss_name(enum hsmloss l)
{
    return losses[l];
}

bool hsmloss_find(const char *name, enum hsmloss *out)
{
    for (unsigned i = 0; i < HSMLOSS_COUNT; i++)
        if (strcmp(losses[i], name) == 0) {
            *out = (enum hsmloss)i;
            return true;
        }
    return false;
}

bool hsmloss_parse(const char *names, uint32_t *lost, struct err *e)
{
    *lost = 0;
    for (const char *p = names; p != NULL;) {
        size_t len = strcspn(p, ",");
        char name[32] = "";
        char hint[NEAR_TEXT];
        enum hsmloss l;

        if (len < sizeof name)
            memcpy(name, p, len);
        if (!hsmloss_find(name, &l))
            return err_set(
                e, ERR_INPUT, "request.member", "\"%.*s\" is no key that can be lost%s",
                len < 40 ? (int)len : 40, p, near_hint(hint, name, losses, HSMLOSS_COUNT));
        *lost |= HSMLOSS_BIT(l);
        p = p[len] == ',' ? p + len + 1 : NULL;
    }
    return true;
}

static const char *method_1_name(enum hsmloss_method_1 m)
{
    static const char *const names[] = {"no", "no, for all", "not affected"};

    return names[m];
}

static void put_routes(FILE *to, uint32_t routes)
{
    const char *comma = "";

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if ((routes & ROUTE_BIT(r)) != 0) {
            (void)fprintf(to, "%s%s", comma, incident_route((enum route)r)->name);
            comma = ", ";
        }
}

void hsmloss_print(FILE *to, const struct hsmloss_advice *a)
{
    for (size_t i = 0; i < a->n_rows; i++) {
        const struct hsmloss_row *r = a->rows[i];

        (void)fprintf(to, "- %s\n  Own key: %s. ", r->sentence, method_1_name(r->method_1));
        if (r->routes != 0) {
            (void)fputs("Way: ", to);
            put_routes(to, hsmloss_open(a, r));
            (void)fputs(hsmloss_open(a, r) != 0 ? ". " : "none as things stand. ", to);
        }
        (void)fprintf(to, "Source: %s (%s).\n", r->source, r->certainty);
    }
    if (!a->remedy && a->routes == 0) {
        (void)fputs("No remote remedy; device exchange.\n", to);
        return;
    }
    if (a->rebuild)
        (void)fputs("First: restore the token in a ceremony.\n", to);
    (void)fputs("Routes that remain: ", to);
    put_routes(to, a->routes);
    (void)fputs(a->routes == 0 ? "none is needed\n" : "\n", to);
    if (a->later != 0) {
        (void)fputs("After that: ", to);
        put_routes(to, a->later);
        (void)fputc('\n', to);
    }
    if (a->routes != 0)
        (void)fprintf(to,
                      "An incident about it opens on route %s; --hsm-loss takes this "
                      "answer into it.\n",
                      incident_route(a->opens)->name);
}

static json_t *route_names(uint32_t routes)
{
    json_t *list = json_array();

    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if ((routes & ROUTE_BIT(r)) != 0)
            (void)json_array_append_new(list,
                                        json_string(incident_route((enum route)r)->name));
    return list;
}

json_t *hsmloss_json(const struct hsmloss_advice *a)
{
    json_t *lost = json_array();
    json_t *says = json_array();

    for (unsigned l = 0; l < HSMLOSS_COUNT; l++)
        if ((a->lost & HSMLOSS_BIT(l)) != 0)
            (void)json_array_append_new(lost, json_string(losses[l]));
    for (size_t i = 0; i < a->n_rows; i++)
        (void)json_array_append_new(
            says, json_pack("{s:s,s:s,s:o,s:s,s:s}", "sentence", a->rows[i]->sentence,
                            "method_1", method_1_name(a->rows[i]->method_1), "routes",
                            route_names(hsmloss_open(a, a->rows[i])), "source",
                            a->rows[i]->source, "certainty", a->rows[i]->certainty));
    return json_pack("{s:o,s:b,s:b,s:b,s:o,s:o,s:s,s:o}", "lost", lost, "remedy",
                     (int)a->remedy, "rebuild", (int)a->rebuild, "method_1",
                     (int)a->method_1, "routes", route_names(a->routes), "later",
                     route_names(a->later), "opens", incident_route(a->opens)->name, "says",
                     says);
}
