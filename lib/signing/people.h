/* SPDX-License-Identifier: MIT
 *
 * people - who is who, and who wears which hat in one matter: approver, custodian,
 * requester, conflicted, operator, second operator. One person wears one.
 *
 * A matter is a decision, its activation and the batches under it. A person is a [Person]
 * section of root's configuration; certificates, logins and the names in documents only
 * point at one. Service and signer judge with the same function by what each can see: the
 * signer sees keys and names and no logins, the service sees all of them.
 * Source:  SEC L10.9; SEC Appendix L 3 (who decides, activates, operates).
 * Effects: none.
 */
#ifndef PEOPLE_H
#define PEOPLE_H

#include "authority.h"

enum hat {
    HAT_APPROVER,   /* counted in the decision or instruction */
    HAT_CUSTODIAN,  /* counted in the activation */
    HAT_REQUESTER,  /* named as such: asked for the decision */
    HAT_CONFLICTED, /* named as such: a conflict of interest */
    HAT_OPERATOR,   /* asks for a batch, or hands a document in */
    HAT_SECOND_OPERATOR,
    HAT_COUNT,
};

struct people { /* begin with zero; borrows the configuration */
    const struct config *config;
    unsigned char hats[CONFIG_PEOPLE_MAX]; /* as config->people: 1 << enum hat, or-ed */
};

/* Whose key or login is it? NULL: nobody's. */
const struct config_person *people_of_key(const struct config *c, const struct digest *key);
/* Is it the name of this person? Names are compared as name.h says. */
bool people_named(const struct config_person *p, const char *holder);

/* Requester and conflicts of a document name people of the configuration. A name that
 * nobody bears would put nobody aside. ERR_DENIED "decision.unknown-person". */
MUST_CHECK bool people_known(const struct config *c, const struct authority *a,
                             struct err *e);
/* Put the hats on that a document gives: those counted, the requester, the conflicted. Of
 * several people of one name each. The requester of an instruction may be its officer. */
void people_of_document(struct people *m, const struct authority *a);
void people_wear(struct people *m, const struct config_person *who, enum hat hat);
/* Does everybody wear one? Conflicted requesters may: neither counts. Errors: ERR_DENIED
 * "batch.second-person" both operators, "incident.operator" one of them and anything else,
 * "activation.people" the rest. The text names person and hats. */
MUST_CHECK bool people_apart(const struct people *m, struct err *e);
const char *people_hat(enum hat hat);

#endif
