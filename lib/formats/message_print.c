/* SPDX-License-Identifier: MIT
 *
 * The names a message's numbers go by, and the message as a page a person can read.
 */
#include "cert_view.h"
#include "message.h"

#include <string.h>

static const char *const form_names[FORM_COUNT] = {
    [FORM_BARE] = "bare", [FORM_NULL] = "null-signature",   [FORM_SIGNED] = "signed",
    [FORM_MAC] = "mac",   [FORM_SIGNED_MAC] = "signed-mac",
};

/* GBCS 13.3.3 and 13.2; the numbers are those of RFC 5934. */
static const struct {
    unsigned code;
    const char *name;
} statuses[] = {
    {0, "success"},
    {5, "badCertificate"},
    {10, "noTrustAnchor"},
    {17, "insufficientMemory"},
    {25, "trustAnchorNotFound"},
    {30, "resourcesBusy"},
    {127, "other"},
};

static const struct {
    uint16_t first, last;
    const char *name;
} use_cases[] = {
    {MESSAGE_CS02A, MESSAGE_CS02A, "CS02a"},
    {0x000A, 0x000A, "CS02c"},
    {0x000B, 0x000B, "CS02d"},
    {0x000C, 0x000C, "CS02e"},
    {0x0012, 0x0012, "CS06"},
    {0x00CA, 0x00CA, "CS06"},
    {MESSAGE_CS02B_ALERT, MESSAGE_CS02B_ALERT, "CS02b"},
    {MESSAGE_CS02B_FIRST, MESSAGE_CS02B_LAST, "CS02b"},
    {MESSAGE_CS02F, MESSAGE_CS02F, "CS02f"},
    {MESSAGE_CS02G_ALERT, MESSAGE_CS02G, "CS02g"},
};

const char *message_kind_name(enum message_kind k)
{
    switch (k) {
    case MESSAGE_COMMAND:
        return "command";
    case MESSAGE_RESPONSE:
        return "response";
    case MESSAGE_ALERT:
        return "alert";
    }
    return "unknown";
}

const char *message_form_name(enum message_form f)
{
    return (unsigned)f < FORM_COUNT ? form_names[f] : "unknown";
}

bool message_form_find(const char *name, enum message_form *out)
{
    for (unsigned i = 0; i < FORM_COUNT; i++) {
        if (strcmp(form_names[i], name) == 0) {
            *out = (enum message_form)i;
            return true;
        }
    }
    return false;
}

const char *message_use_case(uint16_t code)
{
    for (size_t i = 0; i < sizeof use_cases / sizeof use_cases[0]; i++)
        if (use_cases[i].first <= code && code <= use_cases[i].last)
            return use_cases[i].name;
    return "";
}

const char *message_status_name(unsigned status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].code == status)
            return statuses[i].name;
    return NULL;
}

const char *message_alert_name(uint32_t code)
{
    switch (code) {
    case 0x8F66:
        return "futureDatedActioned";
    case 0x8F67:
        return "futureDatedNotActioned";
    default:
        return "";
    }
}

const char *message_timing(const struct message *m)
{
    switch (m->payload_kind) {
    case PAYLOAD_UPDATE:
        if (m->body.update.execution_time[0] == '\0')
            return "immediate";
        return strcmp(m->body.update.execution_time, MESSAGE_CANCEL_TIME) == 0
                   ? "cancel"
                   : "future-dated";
    case PAYLOAD_ANSWER:
        return m->body.reply.has_outcome ? "executed" : "accepted-future-dated";
    case PAYLOAD_ALERT:
        return "executed-future-dated";
    case PAYLOAD_QUERY:
    case PAYLOAD_REPORT:
    case PAYLOAD_RAW:
        break;
    }
    return "";
}

/* ---- the page ---- */

static void line_hex(FILE *to, const char *label, const void *octets, size_t len)
{
    const uint8_t *p = octets;

    (void)fprintf(to, "%-22s", label);
    for (size_t i = 0; i < len; i++)
        (void)fprintf(to, "%02X", p[i]);
    (void)fputc('\n', to);
}

static void put_cell(FILE *to, const struct payload_cell *c)
{
    enum cell cell;

    if (payload_cell_find(c, &cell))
        (void)fprintf(to, "%s", gbcs_cell(cell)->name);
    else
        (void)fprintf(to, "role %u, key usage %04X, cell usage %u", c->role, c->usage,
                      c->cell_usage);
}

static void line_cell(FILE *to, const char *label, const struct payload_cell *c)
{
    (void)fprintf(to, "%-22s", label);
    put_cell(to, c);
    (void)fputc('\n', to);
}

static void put_role(FILE *to, unsigned role)
{
    const char *name = gbcs_role_name((enum role)role);

    if (strcmp(name, "unknown") == 0)
        (void)fprintf(to, "role %u", role);
    else
        (void)fputs(name, to);
}

static void put_status(FILE *to, unsigned status)
{
    const char *name = message_status_name(status);

    if (name != NULL)
        (void)fprintf(to, "%s (%u)", name, status);
    else
        (void)fprintf(to, "status %u", status);
}

static void put_span(FILE *to, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        (void)fprintf(to, "%02X", s.at[i]);
}

static void put_topups(FILE *to, const struct payload_topups *t)
{
    for (size_t i = 0; i < t->n; i++)
        (void)fprintf(to, ", top-up %llu", (unsigned long long)t->at[i].floor);
}

static void put_certificate(FILE *to, struct span der)
{
    struct cert_view v;
    const char *role;

    if (!cert_view_read(der, &v)) {
        (void)fprintf(to, "    %zu octets, no certificate that can be read\n", der.len);
        return;
    }
    role = gbcs_role_of_ou(v.role);
    (void)fprintf(to, "    EUI-64 %s, role %s%s%s, %s, key %s\n",
                  v.eui[0] != '\0' ? v.eui : "none", v.role[0] != '\0' ? v.role : "none",
                  role[0] != '\0' ? " " : "", role, v.usage, v.key_id);
    (void)fprintf(to, "    issued by %s (key %s), serial %s\n", v.issuer, v.issuer_key_id,
                  v.serial);
    (void)fprintf(to, "    %s to %s, %zu octets\n", v.not_before, v.not_after, der.len);
}

static void put_changes(FILE *to, const struct payload_change *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(to, "%-22s", i == 0 ? "floors" : "");
        put_role(to, c[i].role);
        (void)fprintf(to, " %llu", (unsigned long long)c[i].floor);
        put_topups(to, &c[i].topups);
        (void)fputc('\n', to);
    }
}

static const char *mode_name(unsigned mode)
{
    return gbcs_mode_known(mode) ? gbcs_mode((enum mode)mode)->name : "unknown";
}

static void print_update(FILE *to, const struct payload_update *u)
{
    (void)fprintf(to, "%-22s%u %s\n", "mode", u->mode, mode_name(u->mode));
    if (u->has_symmetric_key)
        (void)fprintf(to, "%-22s%zu octets\n", "symmetric key", u->symmetric_key.len);
    (void)fprintf(to, "%-22s%s\n", "time checks",
                  u->disapply_time ? "disapplied" : "apply");
    if (u->has_auth_cell)
        line_cell(to, "authorising cell", &u->auth_cell);
    if (u->has_floor) {
        (void)fprintf(to, "%-22s%llu", "floor", (unsigned long long)u->floor);
        put_topups(to, &u->topups);
        (void)fputc('\n', to);
    }
    put_changes(to, u->changes, u->n_changes);
    if (u->execution_time[0] != '\0')
        (void)fprintf(to, "%-22s%s\n", "execution time", u->execution_time);
    for (size_t i = 0; i < u->n_replacements; i++) {
        line_cell(to, "replaces", &u->replacements[i].cell);
        put_certificate(to, u->replacements[i].certificate);
    }
    for (size_t i = 0; i < u->n_path; i++) {
        (void)fprintf(to, "path certificate\n");
        put_certificate(to, u->path[i]);
    }
}

static void print_reply(FILE *to, const struct payload_reply *r)
{
    if (!r->has_outcome) {
        (void)fprintf(to, "accepted; to be executed later\n");
        return;
    }
    (void)fprintf(to, "%-22s%llu\n", "command counter", (unsigned long long)r->counter);
    (void)fprintf(to, "%-22s%u %s\n", "mode", r->mode, mode_name(r->mode));
    put_changes(to, r->changes, r->n_changes);
    for (size_t i = 0; i < r->n_results; i++) {
        const struct payload_result *one = &r->results[i];

        line_cell(to, "cell", &one->cell);
        (void)fprintf(to, "    ");
        put_status(to, one->status);
        (void)fprintf(to, "\n    was ");
        put_span(to, one->old_uid);
        (void)fprintf(to, " key ");
        put_span(to, one->old_key);
        (void)fprintf(to, "\n    is  ");
        put_span(to, one->new_uid);
        (void)fprintf(to, " key ");
        put_span(to, one->new_key);
        (void)fputc('\n', to);
    }
}

static void print_report(FILE *to, const struct payload_report *r)
{
    for (size_t i = 0; i < r->n_roles; i++) {
        const struct payload_details *d = &r->roles[i];

        (void)fprintf(to, "%-22s", "role");
        put_role(to, d->role);
        (void)fprintf(to, ", ");
        put_status(to, d->status);
        if (d->has_counter)
            (void)fprintf(to, ", counter %llu", (unsigned long long)d->counter);
        (void)fputc('\n', to);
        for (size_t k = 0; k < d->n_cells; k++) {
            struct payload_cell c = {d->role, d->cells[k].usage, d->cells[k].cell_usage};

            (void)fprintf(to, "    ");
            put_cell(to, &c);
            (void)fprintf(to, ": ");
            put_span(to, d->cells[k].uid);
            (void)fprintf(to, " key ");
            put_span(to, d->cells[k].key);
            (void)fputc('\n', to);
        }
    }
}

static void print_body(FILE *to, const struct message *m)
{
    switch (m->payload_kind) {
    case PAYLOAD_UPDATE:
        print_update(to, &m->body.update);
        break;
    case PAYLOAD_ALERT:
        (void)fprintf(to, "%-22s%04X %s\n", "alert", m->body.reply.alert_code,
                      message_alert_name(m->body.reply.alert_code));
        (void)fprintf(to, "%-22s%s\n", "execution time", m->body.reply.execution_time);
        print_reply(to, &m->body.reply);
        break;
    case PAYLOAD_ANSWER:
        print_reply(to, &m->body.reply);
        break;
    case PAYLOAD_QUERY:
        line_cell(to, "authorising cell", &m->body.query.auth_cell);
        for (size_t i = 0; i < m->body.query.n_roles; i++) {
            (void)fprintf(to, "%-22s", "asks for");
            put_role(to, m->body.query.roles[i]);
            (void)fputc('\n', to);
        }
        break;
    case PAYLOAD_REPORT:
        print_report(to, &m->body.report);
        break;
    case PAYLOAD_RAW:
        line_hex(to, "payload", m->payload.at, m->payload.len);
        break;
    }
}

static void print_note(FILE *to, const char *what, const struct der_walk_note *n)
{
    if (n->n > 0)
        (void)fprintf(to, "%-22s%s: %zu, the first at octet %zu\n", "note", what, n->n,
                      n->offset);
}

void message_print(FILE *to, const struct message *m)
{
    const char *timing = message_timing(m);

    (void)fprintf(to, "%-22s%s %s, code %04X%s%s\n", "message", message_use_case(m->code),
                  message_kind_name(m->kind), m->code, timing[0] != '\0' ? ", " : "",
                  timing);
    line_hex(to, "originator", m->originator.b, sizeof m->originator.b);
    line_hex(to, "recipient", m->recipient.b, sizeof m->recipient.b);
    (void)fprintf(to, "%-22s%llu\n", "counter", (unsigned long long)m->counter);
    if (m->has_date_time)
        line_hex(to, "date and time", m->date_time, sizeof m->date_time);
    if (m->extra.len > 0)
        line_hex(to, "supplementary party", m->extra.at, m->extra.len);
    print_body(to, m);
    (void)fprintf(to, "%-22s%s\n", "form", message_form_name(m->form));
    if (m->form == FORM_SIGNED || m->form == FORM_SIGNED_MAC)
        line_hex(to, "signature", m->sig.b, sizeof m->sig.b);
    if (m->form == FORM_MAC || m->form == FORM_SIGNED_MAC)
        line_hex(to, "MAC", m->mac, sizeof m->mac);
    if (!m->consistent)
        (void)fprintf(to, "%-22s%s\n", "note",
                      "header and payload name different commands");
    print_note(to, "lengths longer than need be", &m->long_lengths);
    print_note(to, "defaults spelled out", &m->spelt_defaults);
    print_note(to, "key usages with zero bits at the end", &m->padded_bits);
}
