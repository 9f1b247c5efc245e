/* SPDX-License-Identifier: MIT
 *
 * activation - the Key Custodians' word that one decision's key is in use, and until when.
 *
 * Where [Authority "custodians"] is configured, a decision about a key that is no
 * organisation's own signs nothing by itself: enough custodians, of different Parties, must
 * have signed a document of kind "activation" that names the decision by its digest. The
 * signer asks for it each time it opens a warrant, so neither the service nor those who
 * decide can use the key while the custodians have not switched it on.
 *
 * Source:  SEC Appendix L 3 (Key Custodians activate the Recovery Private Key); their
 *          number is UNKNOWN in public text and therefore configuration.
 * Effects: none. Time is a parameter.
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include "authority.h"

struct trust;

struct activation {
    bool given;
    struct digest digest; /* of the document */
    int64_t valid_from_us, valid_to_us;
    size_t custodians; /* counted */
};

/* Does a decision by that authority need one? needed  out: how many custodians; 0: none. */
bool activation_needed(const struct config *c, const char *by, uint32_t *needed);
/*
 * Errors: those of authority_open, in the custodians' name, and
 *   ERR_DENIED  "activation.missing", "activation.kind", "activation.decision",
 *               "activation.key", "activation.exercise", "activation.window",
 *               "decision.window-length"; of people.h "activation.people"
 */
MUST_CHECK bool activation_open(const struct trust *t, struct span cms,
                                const struct authority *decision, int64_t now_us,
                                struct activation *out, struct err *e);
/* Still in its window? True where none is needed. ERR_DENIED "activation.window". */
MUST_CHECK bool activation_live(const struct activation *a, int64_t now_us, struct err *e);

#endif
