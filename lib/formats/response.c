/* SPDX-License-Identifier: MIT */
#include "response.h"

#include "verify.h"

#include <string.h>

static bool identifiers(struct span uid, struct span key, struct eui64 *uid_out,
                        struct key_id *key_out)
{
    if (uid.len != sizeof uid_out->b || key.len != sizeof key_out->b)
        return false;
    memcpy(uid_out->b, uid.at, uid.len);
    memcpy(key_out->b, key.at, key.len);
    return true;
}

static void copy_outcomes(const struct payload_reply *r, struct response *out)
{
    for (size_t i = 0; i < r->n_results; i++) {
        const struct payload_result *from = &r->results[i];
        struct response_outcome *o = &out->outcomes[i];

        o->known = payload_cell_find(&from->cell, &o->cell);
        o->identifier = from->cell;
        o->status = from->status;
        o->has_old = identifiers(from->old_uid, from->old_key, &o->old_uid, &o->old_key);
        o->has_new = identifiers(from->new_uid, from->new_key, &o->new_uid, &o->new_key);
    }
    out->n_outcomes = r->n_results;
}

bool response_of(const struct message *m, struct response *out, struct err *e)
{
    const struct payload_reply *r = &m->body.reply;
    bool alert = m->payload_kind == PAYLOAD_ALERT;

    memset(out, 0, sizeof *out);
    if (m->payload_kind != PAYLOAD_ANSWER && !alert)
        return err_set(e, ERR_INPUT, "response.kind",
                       "a %s with code %04X is no response or alert of CS02b or CS02g",
                       message_kind_name(m->kind), m->code);
    if (m->form != FORM_SIGNED)
        return err_set(e, ERR_INPUT, "response.unsigned",
                       "a response of form %s; it must be signed",
                       message_form_name(m->form));
    if (!m->consistent)
        return err_set(e, ERR_INPUT, "response.inconsistent",
                       "the header is about counter %llu and code %04X, the payload about "
                       "counter %llu and mode %u",
                       (unsigned long long)m->counter, m->code,
                       (unsigned long long)r->counter, r->mode);
    out->kind = alert            ? RESPONSE_ALERT
                : r->has_outcome ? RESPONSE_EXECUTED
                                 : RESPONSE_ACCEPTED;
    out->device = m->originator;
    out->recipient = m->recipient;
    out->device_counter = m->counter;
    out->counter = r->has_outcome ? r->counter : m->counter;
    if (!gbcs_mode_of_code(m->code, &out->mode)) /* an alert's code says no mode */
        out->mode = (enum mode)r->mode;
    out->alert_code = r->alert_code;
    memcpy(out->execution_time, r->execution_time, sizeof out->execution_time);
    copy_outcomes(r, out);
    out->signed_octets = m->signed_octets;
    out->sig = m->sig;
    out->lenient = m->content_octets > 0 || m->long_lengths.n > 0 ||
                   m->spelt_defaults.n > 0 || m->padded_bits.n > 0;
    return true;
}

bool response_read(struct span octets, struct response *out, struct err *e)
{
    struct message m;
    bool ok;

    if (!message_decode(octets, &m, e))
        return false;
    ok = response_of(&m, out, e);
    message_done(&m);
    return ok;
}

bool response_verify(const struct response *r, EVP_PKEY *device_key)
{
    struct digest d = digest_of(r->signed_octets, span_of(NULL, 0));

    return verify_one(device_key, &d, &r->sig);
}
