/* SPDX-License-Identifier: MIT
 *
 * outlook - what a document would come to: would the signer sign under it, how many devices of
 * each type would get a command, does it agree with the incident's other papers? Asked when a
 * document is handed in, when its authors review it, and when a batch begins.
 *
 * Effects: reads the store, the list and the notification file of the incident.
 */
#ifndef OUTLOOK_H
#define OUTLOOK_H

#include "agree.h"
#include "forecast.h"
#include "service.h"

struct outlook {
    bool ready; /* an authorisation whose warrant opens: types are filled */
    struct forecast_type types[DEVICE_COUNT];
    struct agree agree; /* its list and the notification in force */
};

struct outlook_ask {                 /* borrowed */
    const struct docket_incident *i; /* as docket_appoint left it */
    const struct authority *a;
    struct span cms;   /* signed, or ... */
    struct span draft; /* ... its JSON, which nobody has signed yet */
};

/*
 * Judge a decision or an instruction by itself and by the incident; agree_decision() judges
 * what comes out of it. *out is filled as far as it came, also where the document is refused.
 *
 * Errors: ERR_DENIED "decision.roster", "decision.certificates", those of warrant_open and
 * agree.h.
 */
MUST_CHECK bool outlook_judge(struct service *sv, const struct outlook_ask *ask,
                              struct outlook *out, struct err *e);
/* Of the rows of a batch under a signed document (queue_put's form; at NULL: all). Where its
 * warrant does not open nothing is foretold: the batch will say why. Errors: ERR_BUSY
 * "request.later" (think.h). */
MUST_CHECK bool outlook_batch(struct service *sv, const struct authority *a,
                              struct span rows, struct outlook *out, struct err *e);

/* {"ESME":{"devices","commands","without":[{"rule","rows","reason"}]}}; NULL: not ready. New
 * reference. */
json_t *outlook_types(const struct outlook *o);

#endif
