/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <string.h>

/* One row per stable id, grouped by area; inside a group in the order of the code that uses
 * it. */
const struct rule rules[] = {
    /* config */

    /* roster */

    /* cert */

    /* decision: the authority document and its quorum */

    /* device, cell, row: who and what may be touched */

    /* command, message: GBCS octets */
    {"command.recipe", "GBCS 13.3.3", "INFERRED",
     "An Update Security Credentials command has one mode, the cells that mode may "
     "replace, "
     "each once, and a certification path.",
     "Correct what the text names in the request; no command was built."},
    {"command.memory", "project", "choice", "Building a command needs memory.",
     "Look at the memory of the machine and at the limits of the service."},

    /* response: what devices answered */

    /* signer: the record protocol and the signer's own walls */

    /* token: the HSM */

    /* request: the operator socket */

    /* incident: the life of an incident */

    /* store, ledger, audit */
    {"store.failed", "project", "choice", "What was promised is on disk before it is said.",
     "Look at the disk and the journal; the service has stopped so that nothing leaves."},
};
const size_t n_rules = sizeof rules / sizeof rules[0];

const struct rule *rule_find(const char *id)
{
    for (size_t i = 0; i < n_rules; i++)
        if (strcmp(rules[i].id, id) == 0)
            return &rules[i];
    return NULL;
}
