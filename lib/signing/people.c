/* SPDX-License-Identifier: MIT */
#include "people.h"

#include "name.h"

#include <string.h>
#include <strings.h>

#define BIT(hat) (1u << (hat))

const char *people_hat(enum hat hat)
{
    static const char *const words[HAT_COUNT] = {
        [HAT_APPROVER] = "approver",   [HAT_CUSTODIAN] = "custodian",
        [HAT_REQUESTER] = "requester", [HAT_CONFLICTED] = "conflicted",
        [HAT_OPERATOR] = "operator",   [HAT_SECOND_OPERATOR] = "second operator",
    };

    return words[hat];
}

const struct config_person *people_of_key(const struct config *c, const struct digest *key)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(key->b, sizeof key->b, hex);
    for (size_t i = 0; i < c->n_people; i++)
        for (size_t k = 0; k < c->people[i].n_keys; k++)
            if (strcasecmp(c->people[i].keys[k], hex) == 0)
                return &c->people[i];
    return NULL;
}

bool people_named(const struct config_person *p, const char *holder)
{
    return name_same(p->holder, holder);
}

static bool known(const struct config *c, const char *what, const char *holder,
                  struct err *e)
{
    for (size_t i = 0; i < c->n_people; i++)
        if (people_named(&c->people[i], holder))
            return true;
    return err_set(e, ERR_DENIED, "decision.unknown-person",
                   "member %s: no [Person] is named \"%s\"", what, holder);
}

bool people_known(const struct config *c, const struct authority *a, struct err *e)
{
    if (a->requester[0] != '\0' && !known(c, "requester", a->requester, e))
        return false;
    for (size_t i = 0; i < a->n_conflicts; i++)
        if (!known(c, "conflicts", a->conflicts[i], e))
            return false;
    return true;
}

void people_wear(struct people *m, const struct config_person *who, enum hat hat)
{
    m->hats[who - m->config->people] |= (unsigned char)BIT(hat);
}

static void wear_by_name(struct people *m, const char *holder, enum hat hat)
{
    for (size_t i = 0; holder[0] != '\0' && i < m->config->n_people; i++)
        if (people_named(&m->config->people[i], holder))
            people_wear(m, &m->config->people[i], hat);
}

void people_of_document(struct people *m, const struct authority *a)
{
    for (size_t i = 0; i < a->n_signers; i++)
        if (a->signers[i].counted)
            people_wear(m, a->signers[i].person,
                        a->kind == KIND_ACTIVATION ? HAT_CUSTODIAN : HAT_APPROVER);
    if (a->kind != KIND_INSTRUCTION)
        wear_by_name(m, a->requester, HAT_REQUESTER);
    for (size_t i = 0; i < a->n_conflicts; i++)
        wear_by_name(m, a->conflicts[i], HAT_CONFLICTED);
}

static bool two_hats(const struct config_person *who, unsigned hats, struct err *e)
{
    unsigned first = (unsigned)__builtin_ctz(hats);
    unsigned other = (unsigned)__builtin_ctz(hats & (hats - 1));
    unsigned operators = BIT(HAT_OPERATOR) | BIT(HAT_SECOND_OPERATOR);
    const char *one = people_hat((enum hat)first), *two = people_hat((enum hat)other);

    if (first == HAT_OPERATOR)
        return err_set(e, ERR_DENIED, "batch.second-person",
                       "\"%s\" is %s and %s in one matter", who->holder, one, two);
    if ((hats & operators) != 0) {
        two = people_hat((hats & BIT(HAT_OPERATOR)) != 0 ? HAT_OPERATOR
                                                         : HAT_SECOND_OPERATOR);
        return err_set(e, ERR_DENIED, "incident.operator",
                       "\"%s\" is %s and %s in one matter", who->holder, one, two);
    }
    return err_set(e, ERR_DENIED, "activation.people", "\"%s\" is %s and %s in one matter",
                   who->holder, one, two);
}

bool people_apart(const struct people *m, struct err *e)
{
    const unsigned aside = BIT(HAT_REQUESTER) | BIT(HAT_CONFLICTED);

    for (size_t i = 0; i < m->config->n_people; i++) {
        unsigned hats = m->hats[i];

        if ((hats & (hats - 1)) != 0 && hats != aside)
            return two_hats(&m->config->people[i], hats, e);
    }
    return true;
}
