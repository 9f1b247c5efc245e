/* SPDX-License-Identifier: MIT
 *
 * JSON to octets; field by field in the order of message_json.c.
 */
#include "asn1.h"
#include "mac.h"
#include "mem.h"
#include "message_json.h"
#include "message_member.h"
#include "strictjson.h"

#include <string.h>

static inline void json_auto(json_t **p)
{
    json_decref(*p);
}

/* Which element of a list an error is about. */
static bool element(const struct message_member *r, const char *list, size_t i)
{
    return err_wrap(r->e, "%s[%zu]", list, i + 1);
}

static bool take_topups(const struct message_member *r, json_t *v,
                        struct payload_topups *out)
{
    const char *where = "topup_floors";

    if (v == NULL)
        return true;
    out->present = true;
    if (!message_member_list(r, where, v, PAYLOAD_TOPUPS_MAX, &out->n))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        json_t *one = json_array_get(v, i);
        json_t *usage;

        if (json_is_object(one) &&
            (!message_member_fields(r, one, where, "{s:o, s:o}", "usage", &usage, "floor",
                                    &one) ||
             !message_member_small(r, "usage", usage, 255, &out->at[i].usage)))
            return element(r, where, i);
        if (!message_member_counter(r, "floor", one, &out->at[i].floor))
            return element(r, where, i);
    }
    return true;
}

static bool take_floors(const struct message_member *r, const char *where, json_t *v,
                        struct payload_change *out, size_t *n)
{
    if (!message_member_list(r, where, v, PAYLOAD_CHANGES_MAX, n))
        return false;
    for (size_t i = 0; i < *n; i++) {
        json_t *role, *floor, *topups = NULL;

        if (!message_member_fields(r, json_array_get(v, i), "floor", "{s:o, s:o, s?o}",
                                   "role", &role, "floor", &floor, "topup_floors",
                                   &topups) ||
            !message_member_role(r, "role", role, &out[i].role) ||
            !message_member_counter(r, "floor", floor, &out[i].floor) ||
            !take_topups(r, topups, &out[i].topups))
            return element(r, where, i);
    }
    return true;
}

static bool take_certificate(struct message_member *r, json_t *v, struct span *out)
{
    const char *where = "certificate";
    json_t *der, *summary = NULL;

    if (!message_member_fields(r, v, where, "{s:o, s?o}", "der", &der, "summary",
                               &summary) ||
        !message_member_base64(r, where, der, out))
        return false;
    return asn1_is_sequence(*out) || message_member_fault(r, where, "not one SEQUENCE");
}

static bool take_time(const struct message_member *r, const json_t *v, char out[16])
{
    const char *text;

    if (!message_member_text(r, "execution_time", v, &text))
        return false;
    if (!asn1_time_ok(text, strlen(text)))
        return message_member_fault(r, "execution_time", "not YYYYMMDDHHMMSSZ");
    memcpy(out, text, 16);
    return true;
}

static bool take_replacements(struct message_member *r, json_t *list, json_t *path,
                              struct payload_update *out)
{
    if (!message_member_list(r, "replacements", list, PAYLOAD_REPLACEMENTS_MAX,
                             &out->n_replacements) ||
        !message_member_list(r, "path", path, PAYLOAD_PATH_MAX, &out->n_path))
        return false;
    for (size_t i = 0; i < out->n_replacements; i++) {
        json_t *cell, *certificate;

        if (!message_member_fields(r, json_array_get(list, i), "replacement", "{s:o, s:o}",
                                   "cell", &cell, "certificate", &certificate) ||
            !message_member_cell(r, "cell", cell, &out->replacements[i].cell) ||
            !take_certificate(r, certificate, &out->replacements[i].certificate))
            return element(r, "replacements", i);
    }
    for (size_t i = 0; i < out->n_path; i++)
        if (!take_certificate(r, json_array_get(path, i), &out->path[i]))
            return element(r, "path", i);
    return true;
}

static bool take_update(struct message_member *r, json_t *o, const struct message *m,
                        struct payload_update *out)
{
    json_t *key = NULL, *time = NULL, *disapply = NULL;
    json_t *mode, *list, *path;
    json_t *auth = NULL, *counter = NULL, *floor = NULL, *topups = NULL, *others = NULL;

    if (!message_member_fields(
            r, o, "payload", "{s:o, s?o, s?o, s?o, s?o, s?o, s?o, s?o, s:o, s:o, s?o}",
            "mode", &mode, "symmetric_key", &key, "disapply_time_checks", &disapply,
            "authorising_cell", &auth, "counter", &counter, "floor", &floor, "topup_floors",
            &topups, "other_floors", &others, "replacements", &list, "path", &path,
            "execution_time", &time))
        return false;
    out->has_symmetric_key = key != NULL;
    out->has_auth_cell = auth != NULL;
    out->has_floor = floor != NULL;
    out->has_changes = others != NULL;
    out->counter = m->counter; /* unless it says otherwise */
    return message_member_mode(r, "mode", mode, &out->mode) &&
           (disapply == NULL || message_member_bool(r, "disapply_time_checks", disapply,
                                                    &out->disapply_time)) &&
           (key == NULL ||
            message_member_hex(r, "symmetric_key", key, &out->symmetric_key)) &&
           (auth == NULL ||
            message_member_cell(r, "authorising_cell", auth, &out->auth_cell)) &&
           (counter == NULL ||
            message_member_counter(r, "counter", counter, &out->counter)) &&
           (floor == NULL || message_member_counter(r, "floor", floor, &out->floor)) &&
           take_topups(r, topups, &out->topups) &&
           (others == NULL ||
            take_floors(r, "other_floors", others, out->changes, &out->n_changes)) &&
           take_replacements(r, list, path, out) &&
           (time == NULL || take_time(r, time, out->execution_time));
}

static bool take_party(struct message_member *r, const char *where, json_t *v,
                       struct span *uid, struct span *key)
{
    json_t *uid_text, *key_text;

    return message_member_fields(r, v, where, "{s:o, s:o}", "eui64", &uid_text, "key_id",
                                 &key_text) &&
           message_member_hex(r, "eui64", uid_text, uid) &&
           message_member_hex(r, "key_id", key_text, key);
}

static bool take_results(struct message_member *r, json_t *list, struct payload_reply *out)
{
    if (!message_member_list(r, "results", list, PAYLOAD_REPLACEMENTS_MAX, &out->n_results))
        return false;
    for (size_t i = 0; i < out->n_results; i++) {
        struct payload_result *one = &out->results[i];
        json_t *cell, *status, *existing, *replacing;

        if (!message_member_fields(r, json_array_get(list, i), "result",
                                   "{s:o, s:o, s:o, s:o}", "cell", &cell, "status", &status,
                                   "existing", &existing, "replacing", &replacing) ||
            !message_member_cell(r, "cell", cell, &one->cell) ||
            !message_member_status(r, "status", status, &one->status) ||
            !take_party(r, "existing", existing, &one->old_uid, &one->old_key) ||
            !take_party(r, "replacing", replacing, &one->new_uid, &one->new_key))
            return element(r, "results", i);
    }
    return true;
}

static bool take_outcome(struct message_member *r, json_t *o, struct payload_reply *out)
{
    json_t *counter, *mode, *floors, *results;

    out->has_outcome = true;
    return message_member_fields(r, o, "outcome", "{s:o, s:o, s:o, s:o}", "counter",
                                 &counter, "mode", &mode, "floors", &floors, "results",
                                 &results) &&
           message_member_counter(r, "counter", counter, &out->counter) &&
           message_member_mode(r, "mode", mode, &out->mode) &&
           take_floors(r, "floors", floors, out->changes, &out->n_changes) &&
           take_results(r, results, out);
}

static bool take_answer(struct message_member *r, json_t *o, struct payload_reply *out)
{
    json_t *outcome = NULL;

    return message_member_fields(r, o, "payload", "{s?o}", "outcome", &outcome) &&
           (outcome == NULL || take_outcome(r, outcome, out));
}

static bool take_alert(struct message_member *r, json_t *o, struct payload_reply *out)
{
    json_t *code, *time, *outcome;
    const char *text;
    uint8_t octets[4];
    char wide[8];

    if (!message_member_fields(r, o, "payload", "{s:o, s:o, s:o}", "alert_code", &code,
                               "execution_time", &time, "outcome", &outcome))
        return false;
    if (!message_member_text(r, "alert_code", code, &text))
        return false;
    if (strlen(text) == 0 || strlen(text) > sizeof wide)
        return message_member_fault(r, "alert_code", "not 1 to 8 hexadecimal digits");
    memset(wide, '0', sizeof wide);
    memcpy(wide + sizeof wide - strlen(text), text, strlen(text));
    if (!hex_decode(wide, sizeof wide, octets, sizeof octets))
        return message_member_fault(r, "alert_code", "not 1 to 8 hexadecimal digits");
    out->alert_code = get_be32(octets);
    return take_time(r, time, out->execution_time) && take_outcome(r, outcome, out);
}

static bool take_query(struct message_member *r, json_t *o, struct payload_query *out)
{
    json_t *cell, *roles;

    if (!message_member_fields(r, o, "payload", "{s:o, s:o}", "authorising_cell", &cell,
                               "roles", &roles) ||
        !message_member_cell(r, "authorising_cell", cell, &out->auth_cell) ||
        !message_member_list(r, "roles", roles, PAYLOAD_ROLES_MAX, &out->n_roles))
        return false;
    for (size_t i = 0; i < out->n_roles; i++)
        if (!message_member_role(r, "role", json_array_get(roles, i), &out->roles[i]))
            return element(r, "roles", i);
    return true;
}

static bool take_details(struct message_member *r, json_t *o, struct payload_details *out)
{
    json_t *role, *status, *counter = NULL, *cells = NULL;

    if (!message_member_fields(r, o, "role", "{s:o, s:o, s?o, s?o}", "role", &role,
                               "status", &status, "counter", &counter, "cells", &cells) ||
        !message_member_role(r, "role", role, &out->role) ||
        !message_member_status(r, "status", status, &out->status) ||
        (counter != NULL &&
         !message_member_counter(r, "counter", counter, &out->counter)) ||
        (cells != NULL &&
         !message_member_list(r, "cells", cells, PAYLOAD_CELLS_MAX, &out->n_cells)))
        return false;
    out->has_counter = counter != NULL;
    out->has_cells = cells != NULL;
    for (size_t i = 0; i < out->n_cells; i++) {
        json_t *cell, *uid, *key;
        struct payload_cell id;

        if (!message_member_fields(r, json_array_get(cells, i), "cell", "{s:o, s:o, s:o}",
                                   "cell", &cell, "eui64", &uid, "key_id", &key) ||
            !message_member_cell(r, "cell", cell, &id) ||
            !message_member_hex(r, "eui64", uid, &out->cells[i].uid) ||
            !message_member_hex(r, "key_id", key, &out->cells[i].key))
            return element(r, "cells", i);
        if (id.role != out->role)
            return message_member_fault(
                r, "cells", "a cell of another role than the list it stands in");
        out->cells[i].usage = id.usage;
        out->cells[i].cell_usage = id.cell_usage;
    }
    return true;
}

static bool take_report(struct message_member *r, json_t *o, struct payload_report *out)
{
    json_t *roles;

    if (!message_member_fields(r, o, "payload", "{s:o}", "roles", &roles) ||
        !message_member_list(r, "roles", roles, PAYLOAD_ROLES_MAX, &out->n_roles))
        return false;
    for (size_t i = 0; i < out->n_roles; i++)
        if (!take_details(r, json_array_get(roles, i), &out->roles[i]))
            return element(r, "roles", i);
    return true;
}

static bool take_body(struct message_member *r, json_t *o, struct message *m)
{
    switch (m->payload_kind) {
    case PAYLOAD_UPDATE:
        return take_update(r, o, m, &m->body.update);
    case PAYLOAD_ANSWER:
        return take_answer(r, o, &m->body.reply);
    case PAYLOAD_ALERT:
        return take_alert(r, o, &m->body.reply);
    case PAYLOAD_QUERY:
        return take_query(r, o, &m->body.query);
    case PAYLOAD_REPORT:
        return take_report(r, o, &m->body.report);
    case PAYLOAD_RAW:
        break;
    }
    return message_member_fault(r, "payload", "this message code needs payload_hex");
}

static bool take_encoding(struct message_member *r, json_t *o, struct message *m)
{
    json_t *content = NULL, *mac = NULL;
    json_t *raw = NULL;

    if (!message_member_fields(r, o, "encoding", "{s?o, s?o, s?o}", "content_length_octets",
                               &content, "mac_length_octets", &mac, "payload_hex", &raw) ||
        (content != NULL && !message_member_small(r, "content_length_octets", content, 5,
                                                  &m->content_octets)) ||
        (mac != NULL &&
         !message_member_small(r, "mac_length_octets", mac, 5, &m->mac_octets)))
        return false;
    return raw == NULL || message_member_hex(r, "encoding.payload_hex", raw, &m->payload);
}

static bool take_kind(const struct message_member *r, const json_t *kind_value,
                      const json_t *form_value, struct message *m)
{
    const char *kind, *form;

    if (!message_member_text(r, "kind", kind_value, &kind) ||
        !message_member_text(r, "form", form_value, &form))
        return false;
    for (int k = MESSAGE_COMMAND; k <= MESSAGE_ALERT; k++)
        if (strcmp(message_kind_name((enum message_kind)k), kind) == 0)
            m->kind = (enum message_kind)k;
    if (m->kind == 0)
        return message_member_fault(r, "kind", "none of command, response, alert");
    return message_form_find(form, &m->form) ||
           message_member_fault(r, "form",
                                "none of bare, null-signature, signed, mac, signed-mac");
}

static bool has_signature(const struct message *m)
{
    return m->form == FORM_SIGNED || m->form == FORM_SIGNED_MAC;
}

static bool has_mac(const struct message *m)
{
    return m->form == FORM_MAC || m->form == FORM_SIGNED_MAC;
}

/* The whole object. mac_given: it has a MAC of its own. */
static bool take_message(struct message_member *r, json_t *o, struct message *m,
                         bool *mac_given)
{
    json_t *kind, *form, *originator, *recipient, *code;
    json_t *date = NULL, *extra = NULL, *raw = NULL, *sig = NULL, *mac = NULL;
    json_t *counter, *about = NULL, *payload = NULL, *encoding = NULL;
    uint8_t code_octets[2];

    if (!message_member_fields(
            r, o, "message",
            "{s?o, s:o, s:o, s:o, s:o, s:o, s?o, s:o, s?o, s?o, s?o, s?o, s?o, s?o}",
            "about", &about, "kind", &kind, "form", &form, "originator", &originator,
            "recipient", &recipient, "counter", &counter, "date_time", &date,
            "message_code", &code, "other_information", &extra, "payload", &payload,
            "payload_hex", &raw, "signature", &sig, "mac", &mac, "encoding", &encoding) ||
        !take_kind(r, kind, form, m) ||
        !message_member_fixed(r, "originator", originator, m->originator.b,
                              sizeof m->originator.b) ||
        !message_member_fixed(r, "recipient", recipient, m->recipient.b,
                              sizeof m->recipient.b) ||
        !message_member_counter(r, "counter", counter, &m->counter) ||
        !message_member_fixed(r, "message_code", code, code_octets, sizeof code_octets) ||
        (date != NULL &&
         !message_member_fixed(r, "date_time", date, m->date_time, sizeof m->date_time)) ||
        (extra != NULL && !message_member_hex(r, "other_information", extra, &m->extra)))
        return false;
    m->has_date_time = date != NULL;
    m->code = get_be16(code_octets);
    m->payload_kind = message_payload_kind(m->code, m->kind);
    *mac_given = mac != NULL;
    if ((sig != NULL) != has_signature(m))
        return message_member_fault(r, "signature",
                                    "there exactly in the forms signed and signed-mac");
    if (mac != NULL && !has_mac(m))
        return message_member_fault(r, "mac", "there only in the forms mac and signed-mac");
    if ((raw != NULL) != (m->payload_kind == PAYLOAD_RAW) ||
        (raw == NULL) == (payload == NULL))
        return message_member_fault(r, "payload",
                                    m->payload_kind == PAYLOAD_RAW
                                        ? "this message code needs payload_hex"
                                        : "this message code needs payload");
    return (sig == NULL ||
            message_member_fixed(r, "signature", sig, m->sig.b, sizeof m->sig.b)) &&
           (mac == NULL || message_member_fixed(r, "mac", mac, m->mac, sizeof m->mac)) &&
           (encoding == NULL || take_encoding(r, encoding, m)) &&
           (raw != NULL ? message_member_hex(r, "payload_hex", raw, &m->payload)
                        : take_body(r, payload, m));
}

/* The payload as received must say what the readable part says. */
static bool check_raw(const struct message *m, struct err *e)
{
    AUTO(mem) uint8_t *octets = NULL;
    AUTO(mem) uint8_t *readable = NULL;
    AUTO(mem) uint8_t *received = NULL;
    size_t n, n_readable, n_received;
    struct message again;
    bool ok;

    if (m->payload.len == 0 || m->payload_kind == PAYLOAD_RAW)
        return true;
    if (!message_encode(m, &octets, &n, e) ||
        !message_decode(span_of(octets, n), &again, e))
        return false;
    ok = message_payload(m, &readable, &n_readable, e) &&
         message_payload(&again, &received, &n_received, e);
    message_done(&again);
    if (!ok)
        return false;
    return span_equal(span_of(readable, n_readable), span_of(received, n_received)) ||
           err_set(e, ERR_INPUT, "message.raw",
                   "payload and encoding.payload_hex say different things; take encoding "
                   "out to encode the payload anew");
}

static bool put_mac(const struct message *m, struct span mac_key, bool mac_given,
                    uint8_t *octets, size_t len, struct err *e)
{
    size_t inner = 7 + (octets[7] < 0x80 ? 1u : 1u + (octets[7] & 0x7Fu)) + 5;
    struct mac_key key;
    bool ok;

    if (!has_mac(m))
        return true;
    if (mac_key.len == 0)
        return mac_given || err_set(e, ERR_INPUT, "message.mac",
                                    "form %s has a MAC, but neither a MAC nor its key was "
                                    "given",
                                    message_form_name(m->form));
    if (mac_key.len != sizeof key.b)
        return err_set(e, ERR_INPUT, "message.mac", "a MAC key has 16 octets, this has %zu",
                       mac_key.len);
    memcpy(key.b, mac_key.at, sizeof key.b);
    ok = mac_tag(span_of(octets + inner, len - inner - MAC_LEN), &key,
                 octets + len - MAC_LEN, e);
    mac_key_wipe(&key);
    return ok;
}

static bool build(struct message_member *r, json_t *o, struct span mac_key,
                  uint8_t **octets, size_t *len, struct err *e)
{
    AUTO(mem) uint8_t *made = NULL;
    struct message m = {.payload_kind = PAYLOAD_RAW};
    struct message again;
    bool mac_given;
    size_t n;

    if (!take_message(r, o, &m, &mac_given) || !check_raw(&m, e) ||
        !message_encode(&m, &made, &n, e) || !put_mac(&m, mac_key, mac_given, made, n, e))
        return false;
    if (!message_decode(span_of(made, n), &again, e))
        return err_wrap(e, "the message as made");
    message_done(&again);
    *octets = TAKE(made);
    *len = n;
    return true;
}

bool message_from_json(struct span json, struct span mac_key, uint8_t **octets, size_t *len,
                       struct err *e)
{
    AUTO(json) json_t *o = NULL;
    AUTO(mem) uint8_t *arena = NULL;
    struct message_member r = {.cap = json.len, .e = e};
    struct strictjson_at at = {.id = "message.json", .e = e};

    if (json.len == 0 || json.len > MESSAGE_JSON_MAX)
        return err_set(e, ERR_INPUT, "message.json", "JSON of 1 to %u octets, this has %zu",
                       MESSAGE_JSON_MAX, json.len);
    if (!strictjson_load(json, &o, &at))
        return false;
    r.octets = arena = malloc(json.len);
    if (arena == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return build(&r, o, mac_key, octets, len, e);
}
