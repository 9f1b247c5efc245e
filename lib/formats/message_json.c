/* SPDX-License-Identifier: MIT
 *
 * Octets to JSON. The way back is message_from_json.c; both go field by field in the same
 * order.
 */
#include "message_json.h"
#include "asn1.h"
#include "cert_view.h"
#include "mem.h"

#include <jansson.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <string.h>

#define EXACT_MAX (UINT64_C(1) << 53) /* what a reader with doubles keeps */

/* jansson reports lack of memory by NULL and -1; one flag collects it. */
struct maker {
    bool failed;
};

static void put(struct maker *k, json_t *o, const char *name, json_t *v)
{
    if (json_object_set_new(o, name, v) != 0)
        k->failed = true;
}

static void push(struct maker *k, json_t *a, json_t *v)
{
    if (json_array_append_new(a, v) != 0)
        k->failed = true;
}

static json_t *hex(struct span s)
{
    AUTO(mem) char *text = malloc(HEX_LEN(s.len));

    if (text == NULL)
        return NULL;
    hex_encode(s.at, s.len, text);
    return json_string(text);
}

static json_t *base64(struct span s)
{
    AUTO(mem) char *text = malloc(4 * (s.len / 3 + 1) + 1);

    if (text == NULL)
        return NULL;
    EVP_EncodeBlock((unsigned char *)text, s.at, (int)s.len);
    return json_string(text);
}

static json_t *counter(uint64_t v)
{
    char text[24];

    if (v <= EXACT_MAX)
        return json_integer((json_int_t)v);
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return json_string(text);
}

static json_t *role(unsigned v)
{
    const char *name = gbcs_role_name((enum role)v);

    return strcmp(name, "unknown") != 0 ? json_string(name) : json_integer(v);
}

static json_t *mode(unsigned v)
{
    return gbcs_mode_known(v) ? json_string(gbcs_mode((enum mode)v)->name)
                              : json_integer(v);
}

static json_t *status(unsigned v)
{
    const char *name = message_status_name(v);

    return name != NULL ? json_string(name) : json_integer(v);
}

static json_t *usage(unsigned bits)
{
    for (unsigned u = KU_DIGITAL_SIGNATURE; u <= KU_KEY_CERT_SIGN; u++)
        if (asn1_usage_bits((enum key_usage)u) == bits)
            return json_string(gbcs_usage_name((enum key_usage)u));
    return json_integer(bits);
}

static json_t *cell(struct maker *k, const struct payload_cell *c)
{
    enum cell known;
    json_t *o;

    if (payload_cell_find(c, &known))
        return json_string(gbcs_cell(known)->name);
    o = json_object();
    put(k, o, "role", role(c->role));
    put(k, o, "usage", usage(c->usage));
    put(k, o, "cell_usage", json_integer(c->cell_usage));
    return o;
}

static json_t *topups(struct maker *k, const struct payload_topups *t)
{
    json_t *a = json_array();

    for (size_t i = 0; i < t->n; i++) {
        json_t *o;

        if (t->at[i].usage == 0) {
            push(k, a, counter(t->at[i].floor));
            continue;
        }
        o = json_object();
        put(k, o, "usage", json_integer(t->at[i].usage));
        put(k, o, "floor", counter(t->at[i].floor));
        push(k, a, o);
    }
    return a;
}

static json_t *floors(struct maker *k, const struct payload_change *c, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();

        put(k, o, "role", role(c[i].role));
        put(k, o, "floor", counter(c[i].floor));
        if (c[i].topups.present)
            put(k, o, "topup_floors", topups(k, &c[i].topups));
        push(k, a, o);
    }
    return a;
}

static void put_text(struct maker *k, json_t *o, const char *name, const char *text)
{
    if (text[0] != '\0')
        put(k, o, name, json_string(text));
}

static json_t *certificate(struct maker *k, struct span der)
{
    json_t *o = json_object();
    struct cert_view v;

    put(k, o, "der", base64(der));
    if (cert_view_read(der, &v)) {
        json_t *s = json_object();

        put_text(k, s, "eui64", v.eui);
        put_text(k, s, "role", v.role);
        put_text(k, s, "role_name", gbcs_role_of_ou(v.role));
        put_text(k, s, "name", v.name);
        put_text(k, s, "key_usage", v.usage);
        put_text(k, s, "key_id", v.key_id);
        put_text(k, s, "issuer", v.issuer);
        put_text(k, s, "issuer_key_id", v.issuer_key_id);
        put_text(k, s, "serial", v.serial);
        put_text(k, s, "not_before", v.not_before);
        put_text(k, s, "not_after", v.not_after);
        put(k, o, "summary", s);
    }
    return o;
}

static json_t *update(struct maker *k, const struct payload_update *u)
{
    json_t *o = json_object();
    json_t *a;

    put(k, o, "mode", mode(u->mode));
    if (u->has_symmetric_key)
        put(k, o, "symmetric_key", hex(u->symmetric_key));
    if (u->disapply_time)
        put(k, o, "disapply_time_checks", json_true());
    if (u->has_auth_cell)
        put(k, o, "authorising_cell", cell(k, &u->auth_cell));
    put(k, o, "counter", counter(u->counter));
    if (u->has_floor)
        put(k, o, "floor", counter(u->floor));
    if (u->topups.present)
        put(k, o, "topup_floors", topups(k, &u->topups));
    if (u->has_changes)
        put(k, o, "other_floors", floors(k, u->changes, u->n_changes));
    put(k, o, "replacements", a = json_array());
    for (size_t i = 0; i < u->n_replacements; i++) {
        json_t *r = json_object();

        put(k, r, "cell", cell(k, &u->replacements[i].cell));
        put(k, r, "certificate", certificate(k, u->replacements[i].certificate));
        push(k, a, r);
    }
    put(k, o, "path", a = json_array());
    for (size_t i = 0; i < u->n_path; i++)
        push(k, a, certificate(k, u->path[i]));
    put_text(k, o, "execution_time", u->execution_time);
    return o;
}

static json_t *party(struct maker *k, struct span uid, struct span key)
{
    json_t *o = json_object();

    put(k, o, "eui64", hex(uid));
    put(k, o, "key_id", hex(key));
    return o;
}

static json_t *reply(struct maker *k, const struct payload_reply *r, bool alert)
{
    json_t *o = json_object();
    json_t *out, *a;
    char code[12];

    if (alert) {
        (void)snprintf(code, sizeof code, "%04X", r->alert_code);
        put(k, o, "alert_code", json_string(code));
        put(k, o, "execution_time", json_string(r->execution_time));
    }
    if (!r->has_outcome)
        return o;
    put(k, o, "outcome", out = json_object());
    put(k, out, "counter", counter(r->counter));
    put(k, out, "mode", mode(r->mode));
    put(k, out, "floors", floors(k, r->changes, r->n_changes));
    put(k, out, "results", a = json_array());
    for (size_t i = 0; i < r->n_results; i++) {
        const struct payload_result *from = &r->results[i];
        json_t *one = json_object();

        put(k, one, "cell", cell(k, &from->cell));
        put(k, one, "status", status(from->status));
        put(k, one, "existing", party(k, from->old_uid, from->old_key));
        put(k, one, "replacing", party(k, from->new_uid, from->new_key));
        push(k, a, one);
    }
    return o;
}

static json_t *query(struct maker *k, const struct payload_query *q)
{
    json_t *o = json_object();
    json_t *a;

    put(k, o, "authorising_cell", cell(k, &q->auth_cell));
    put(k, o, "roles", a = json_array());
    for (size_t i = 0; i < q->n_roles; i++)
        push(k, a, role(q->roles[i]));
    return o;
}

static json_t *report(struct maker *k, const struct payload_report *r)
{
    json_t *o = json_object();
    json_t *roles, *cells;

    put(k, o, "roles", roles = json_array());
    for (size_t i = 0; i < r->n_roles; i++) {
        const struct payload_details *d = &r->roles[i];
        json_t *one = json_object();

        put(k, one, "role", role(d->role));
        put(k, one, "status", status(d->status));
        if (d->has_counter)
            put(k, one, "counter", counter(d->counter));
        cells = d->has_cells ? json_array() : NULL;
        if (d->has_cells)
            put(k, one, "cells", cells);
        for (size_t c = 0; c < d->n_cells; c++) {
            struct payload_cell id = {d->role, d->cells[c].usage, d->cells[c].cell_usage};
            json_t *p = json_object();

            put(k, p, "cell", cell(k, &id));
            put(k, p, "eui64", hex(d->cells[c].uid));
            put(k, p, "key_id", hex(d->cells[c].key));
            push(k, cells, p);
        }
        push(k, roles, one);
    }
    return o;
}

static json_t *payload(struct maker *k, const struct message *m)
{
    switch (m->payload_kind) {
    case PAYLOAD_UPDATE:
        return update(k, &m->body.update);
    case PAYLOAD_ANSWER:
    case PAYLOAD_ALERT:
        return reply(k, &m->body.reply, m->payload_kind == PAYLOAD_ALERT);
    case PAYLOAD_QUERY:
        return query(k, &m->body.query);
    case PAYLOAD_REPORT:
        return report(k, &m->body.report);
    case PAYLOAD_RAW:
        break;
    }
    return hex(m->payload);
}

static void put_note(struct maker *k, json_t *a, const char *what,
                     const struct der_walk_note *n)
{
    char text[120];

    if (n->n == 0)
        return;
    (void)snprintf(text, sizeof text, "%s: %zu, the first at octet %zu", what, n->n,
                   n->offset);
    push(k, a, json_string(text));
}

static json_t *about(struct maker *k, const struct message *m)
{
    json_t *o = json_object();
    json_t *notes = json_array();

    put_text(k, o, "use_case", message_use_case(m->code));
    put_text(k, o, "timing", message_timing(m));
    if (m->payload_kind == PAYLOAD_ALERT)
        put_text(k, o, "alert", message_alert_name(m->body.reply.alert_code));
    put(k, o, "consistent", json_boolean(m->consistent));
    put_note(k, notes, "lengths longer than need be", &m->long_lengths);
    put_note(k, notes, "defaults spelled out", &m->spelt_defaults);
    put_note(k, notes, "key usages with zero bits at the end", &m->padded_bits);
    put(k, o, "notes", notes);
    return o;
}

/* What the readable part does not say. */
static json_t *encoding(struct maker *k, const struct message *m, struct span der)
{
    json_t *o = json_object();

    if (m->content_octets > 0)
        put(k, o, "content_length_octets", json_integer(m->content_octets));
    if (m->mac_octets > 0)
        put(k, o, "mac_length_octets", json_integer(m->mac_octets));
    if (m->payload_kind != PAYLOAD_RAW && !span_equal(der, m->payload))
        put(k, o, "payload_hex", hex(m->payload));
    return o;
}

static json_t *whole(struct maker *k, const struct message *m, struct span der)
{
    json_t *o = json_object();
    json_t *enc;
    char code[8];

    (void)snprintf(code, sizeof code, "%04X", m->code);
    put(k, o, "about", about(k, m));
    put(k, o, "kind", json_string(message_kind_name(m->kind)));
    put(k, o, "form", json_string(message_form_name(m->form)));
    put(k, o, "originator", hex(span_of(m->originator.b, sizeof m->originator.b)));
    put(k, o, "recipient", hex(span_of(m->recipient.b, sizeof m->recipient.b)));
    put(k, o, "counter", counter(m->counter));
    if (m->has_date_time)
        put(k, o, "date_time", hex(span_of(m->date_time, sizeof m->date_time)));
    put(k, o, "message_code", json_string(code));
    if (m->extra.len > 0)
        put(k, o, "other_information", hex(m->extra));
    put(k, o, m->payload_kind == PAYLOAD_RAW ? "payload_hex" : "payload", payload(k, m));
    if (m->form == FORM_SIGNED || m->form == FORM_SIGNED_MAC)
        put(k, o, "signature", hex(span_of(m->sig.b, sizeof m->sig.b)));
    if (m->form == FORM_MAC || m->form == FORM_SIGNED_MAC)
        put(k, o, "mac", hex(span_of(m->mac, sizeof m->mac)));
    enc = encoding(k, m, der);
    if (json_object_size(enc) > 0)
        put(k, o, "encoding", enc);
    else
        json_decref(enc);
    return o;
}

bool message_to_json(const struct message *m, char **json, struct err *e)
{
    AUTO(mem) uint8_t *der = NULL;
    struct maker k = {0};
    size_t len = 0;
    json_t *o;

    if (m->payload_kind != PAYLOAD_RAW && !message_payload(m, &der, &len, e))
        return false;
    o = whole(&k, m, span_of(der, len));
    *json = k.failed ? NULL : json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    return *json != NULL || err_set(e, ERR_STORE, "store.memory", "out of memory");
}
