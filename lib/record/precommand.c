/* SPDX-License-Identifier: MIT */
#include "precommand.h"

#include "message.h"

#define SIGNATURE_LEN 65 /* 40, r, s */

/* What does not fit is compared all the same: the first octet that differs is told. */
static bool same(struct span got, struct span due, struct err *e)
{
    size_t at = 0;

    while (at < got.len && at < due.len && got.at[at] == due.at[at])
        at++;
    return (at == got.len && at == due.len) ||
           err_set(e, ERR_INPUT, "precommand.differs",
                   "octet %zu of %zu is not what the decision says (there are %zu)", at,
                   due.len, got.len);
}

bool precommand_check(struct warrant *w, const struct roster *roster, struct span octets,
                      uint32_t *row, struct err *e)
{
    static const struct sig_p256 none = {{0}};
    struct eui64 device;
    struct message m;
    struct span due;
    uint64_t counter;
    bool null_signature;
    bool fits;

    if (!message_decode(octets, &m, e))
        return false;
    fits = m.kind == MESSAGE_COMMAND && m.payload_kind == PAYLOAD_UPDATE &&
           (m.form == FORM_BARE || m.form == FORM_NULL);
    null_signature = m.form == FORM_NULL;
    device = m.recipient;
    counter = m.counter;
    message_done(&m);
    if (!fits)
        return err_set(e, ERR_INPUT, "precommand.kind",
                       "it is not an unsigned Update Security Credentials command");
    if (!roster_find(roster, &device, row))
        return err_set(e, ERR_INPUT, "precommand.device",
                       "it is for a device that is not in the roster");
    if (!warrant_command(w, *row, counter, &none, &due, e))
        return false;
    due.len -= SIGNATURE_LEN;
    if (null_signature)
        octets.len--;
    return same(octets, due, e);
}
