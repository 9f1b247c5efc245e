/* SPDX-License-Identifier: MIT */
#include "hsmloss.h"

#include <assert.h>
#include <string.h>

#define L(l) HSMLOSS_BIT(HSMLOSS_##l)
#define R(r) ROUTE_BIT(ROUTE_##r)

/* A row speaks when all that it names is lost. What rows take away ("closes") is taken from
 * what the others leave open. */
static const struct hsmloss_row rows[] = {
    {L(USER), HSMLOSS_M1_NO, R(METHOD_2) | R(METHOD_3), false, true, 0,
     "The user cannot sign any more, so Method 1 is out; Method 2 or 3 under a PMA "
     "decision, "
     "cause loss of use.",
     "GBCS 13.1.2", "INFERRED"},
    {L(SRP), HSMLOSS_M1_NO_FOR_ALL, R(METHOD_2) | R(METHOD_3), false, true, 0,
     "None of the provider's users can sign: one shared event, each user's incident on "
     "Method 2 or 3.",
     "GBCS 13.1.2", "INFERRED"},
    {L(ACB), HSMLOSS_M1_NOT_AFFECTED, R(METHOD_3), false, true, 0,
     "The Recovery key replaces the ACB cells of all devices, PPMIDs included; the DCC "
     "opens the incident.",
     "GBCS 13.3.3; SEC Appendix L 1.2", "INFERRED"},
    {L(RECOVERY_TOKEN), HSMLOSS_M1_NOT_AFFECTED, 0, true, true, 0,
     "No compromise: restore the token in a custodian ceremony and prove it by a test "
     "signature against the certificate on the devices; then go on.",
     "project", "INFERRED"},
    {L(CONTINGENCY_TOKEN), HSMLOSS_M1_NOT_AFFECTED, 0, true, true, 0,
     "No compromise: restore the contingency material in a custodian ceremony and prove "
     "it.",
     "project", "INFERRED"},
    {L(RECOVERY_KEY), HSMLOSS_M1_NOT_AFFECTED, R(CONTINGENCY), false, true,
     R(METHOD_2) | R(METHOD_3) | R(RECOVERY_KEY),
     "Only the contingency (mode 9) can write a new recovery cell.", "GBCS 13.3.3",
     "INFERRED"},
    {L(CONTINGENCY_KEY), HSMLOSS_M1_NOT_AFFECTED, R(CONTINGENCY_KEY), false, true,
     R(CONTINGENCY),
     "A new Contingency and Symmetric key and a new root certificate that carries them, "
     "distributed the normal way.",
     "SEC Appendix L, compromise of a Contingency Private or Symmetric Key", "INFERRED"},
    {L(RECOVERY_KEY) | L(CONTINGENCY_KEY), HSMLOSS_M1_NOT_AFFECTED, 0, false, false, 0,
     "There is no remote remedy: no key is left that a device would obey in recovery. The "
     "devices have to be exchanged.",
     "GBCS 13.3.3", "INFERRED"},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };
static_assert(N_ROWS <= HSMLOSS_COUNT + 1, "an advice has room for every row");

static const char *const losses[HSMLOSS_COUNT] = {
    [HSMLOSS_USER] = "user",
    [HSMLOSS_SRP] = "srp",
    [HSMLOSS_ACB] = "acb",
    [HSMLOSS_RECOVERY_TOKEN] = "recovery-token",
    [HSMLOSS_RECOVERY_KEY] = "recovery-key",
    [HSMLOSS_CONTINGENCY_TOKEN] = "contingency-token",
    [HSMLOSS_CONTINGENCY_KEY] = "contingency-key",
};

bool hsmloss_advise(uint32_t lost, struct hsmloss_advice *out)
{
    uint32_t closes = 0;

    if (lost == 0 || (lost & ~(HSMLOSS_BIT(HSMLOSS_COUNT) - 1)) != 0)
        return false;
    *out = (struct hsmloss_advice){.remedy = true, .method_1 = true};
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct hsmloss_row *r = &rows[i];

        if ((lost & r->lost) != r->lost)
            continue;
        out->rows[out->n_rows++] = r;
        out->remedy = out->remedy && r->remedy;
        out->rebuild = out->rebuild || r->rebuild;
        out->method_1 = out->method_1 && r->method_1 == HSMLOSS_M1_NOT_AFFECTED;
        out->routes |= r->routes;
        closes |= r->closes;
    }
    out->routes &= ~closes;
    if (!out->remedy)
        out->routes = 0;
    return true;
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

static const char *method_1_name(enum hsmloss_method_1 m)
{
    static const char *const names[] = {"no", "no, for all", "not affected"};

    return names[m];
}

void hsmloss_print(FILE *to, const struct hsmloss_advice *a)
{
    const char *comma = "";

    for (size_t i = 0; i < a->n_rows; i++)
        (void)fprintf(to, "- %s\n  Method 1: %s. Source: %s (%s).\n", a->rows[i]->sentence,
                      method_1_name(a->rows[i]->method_1), a->rows[i]->source,
                      a->rows[i]->certainty);
    if (!a->remedy) {
        (void)fputs("No remote remedy; device exchange.\n", to);
        return;
    }
    if (a->rebuild)
        (void)fputs("First: restore the token in a ceremony.\n", to);
    (void)fputs("Routes that remain: ", to);
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if ((a->routes & ROUTE_BIT(r)) != 0) {
            (void)fprintf(to, "%s%s", comma, incident_route((enum route)r)->name);
            comma = ", ";
        }
    (void)fputs(*comma == '\0' ? "none is needed\n" : "\n", to);
}
