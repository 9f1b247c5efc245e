/* SPDX-License-Identifier: MIT */
#include "tidings.h"

#include "deferral.h"
#include "docket_show.h"

#include <string.h>

/* --- which devices, and how they stand --- */

static bool list_of(struct store *s, const char *incident, const struct lists_size *size,
                    json_t *o, struct err *e)
{
    struct digest sha256;
    char hex[HEX_LEN(32)];
    json_t *types = json_object();
    uint32_t rows;
    int64_t version = 0;
    bool found;

    if (!docket_roster(s, incident, &sha256, &rows, &found, e) ||
        (found && !store_number(s, &version, &found, e,
                                "SELECT max(version) FROM roster WHERE incident = ?1"
                                " AND state = 'filed'",
                                "t", incident))) {
        json_decref(types);
        return false;
    }
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (size->by_type[t] > 0)
            (void)json_object_set_new(types, gbcs_device((enum device_type)t)->name,
                                      json_integer(size->by_type[t]));
    hex_encode_lower(sha256.b, 32, hex);
    (void)json_object_set_new(
        o, "list",
        found ? json_pack("{s:I,s:s,s:I,s:O}", "version", (json_int_t)version, "sha256",
                          hex, "devices", (json_int_t)size->devices, "by_type", types)
              : json_null());
    json_decref(types);
    return true;
}

static json_t *type_json(uint32_t devices, const int64_t states[OUTCOME_STATES])
{
    json_t *o = json_pack("{s:I}", "devices", (json_int_t)devices);
    int64_t unanswered = devices;

    for (unsigned k = 0; k < OUTCOME_STATES; k++) {
        if (states[k] > 0)
            (void)json_object_set_new(o, outcome_state_name((enum outcome_state)k),
                                      json_integer((json_int_t)states[k]));
        unanswered -= states[k];
    }
    if (unanswered > 0)
        (void)json_object_set_new(o, "unanswered", json_integer((json_int_t)unanswered));
    return o;
}

static bool devices_of(struct store *s, const char *incident, json_t *o, struct err *e)
{
    int64_t by_type[DEVICE_COUNT][OUTCOME_STATES];
    struct lists_size size;
    json_t *types;

    if (!lists_size(s, incident, &size, e) || !list_of(s, incident, &size, o, e) ||
        !outcome_count_types(s, incident, by_type, e))
        return false;
    types = json_object();
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (size.by_type[t] > 0)
            (void)json_object_set_new(types, gbcs_device((enum device_type)t)->name,
                                      type_json(size.by_type[t], by_type[t]));
    (void)json_object_set_new(o, "devices", types);
    return true;
}

static bool commands_of(struct store *s, const char *incident, json_t *o, struct err *e)
{
    int64_t signed_ = 0;
    int64_t failed = 0;
    int64_t last;
    struct batch b;
    json_t *commands;

    if (!queue_totals(s, incident, &signed_, &failed, e) ||
        !queue_last(s, incident, &last, e) || (last != 0 && !queue_get(s, last, &b, e)))
        return false;
    commands =
        json_pack("{s:I,s:I}", "signed", (json_int_t)signed_, "failed", (json_int_t)failed);
    if (last != 0)
        (void)json_object_set_new(
            commands, "batch",
            json_pack("{s:I,s:s,s:I,s:I,s:I,s:s,s:s}", "id", (json_int_t)b.id, "state",
                      queue_state_name(b.state), "rows", (json_int_t)b.n_rows, "signed",
                      (json_int_t)b.signed_, "failed", (json_int_t)b.failed, "rule", b.rule,
                      "reason", b.reason));
    (void)json_object_set_new(o, "commands", commands);
    return true;
}

/* --- what it is about --- */

static bool add_cause(void *arg, const struct store_row *row)
{
    return json_array_append_new(arg, json_pack("{s:s,s:s,s:s}", "cell", store_text(row, 0),
                                                "certainty", store_text(row, 1), "cause",
                                                store_text(row, 2))) == 0;
}

static bool add_certificate(void *arg, const struct store_row *row)
{
    return json_array_append_new(
               arg,
               json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "what", store_text(row, 0),
                         "cell", store_text(row, 1), "subject", store_text(row, 2),
                         "issuer", store_text(row, 3), "serial", store_text(row, 4),
                         "sha256", store_text(row, 5), "source", store_text(row, 6))) == 0;
}

static bool matter_of(struct store *s, const char *incident, json_t *o, struct err *e)
{
    json_t *cause = json_array();
    json_t *certificates = json_array();

    (void)json_object_set_new(o, "cause", cause);
    (void)json_object_set_new(o, "certificates", certificates);
    return store_each(s, add_cause, cause, e,
                      "SELECT json_extract(value, '$.cell'),"
                      " json_extract(value, '$.certainty'), json_extract(value, '$.cause')"
                      " FROM decision AS d, json_each(d.json, '$.compromised')"
                      " WHERE d.rowid = (SELECT max(rowid) FROM decision"
                      " WHERE incident = ?1 AND json_extract(json, '$.kind') = 'decision'"
                      " AND json_array_length(json, '$.compromised') > 0)",
                      "t", incident) &&
           store_each(s, add_certificate, certificates, e,
                      "SELECT what, cell, subject, issuer, serial, sha256, source"
                      " FROM key_entry WHERE incident = ?1"
                      " AND what IN ('compromised', 'named') AND back_us = 0"
                      " ORDER BY n LIMIT ?2",
                      "ti", incident, (int64_t)TIDINGS_CERTIFICATES);
}

/* --- what is due --- */

static void add_deadline(json_t *list, const char *what, int64_t at_us,
                         const char *document)
{
    (void)json_array_append_new(list,
                                json_pack("{s:s,s:o,s:s*}", "what", what, "at",
                                          docket_show_time(at_us), "document", document));
}

static bool add_window(void *arg, const struct store_row *row)
{
    return json_array_append_new(arg, json_pack("{s:s,s:s,s:s}", "what", "window", "at",
                                                store_text(row, 1), "document",
                                                store_text(row, 0))) == 0;
}

static bool add_review(void *arg, const struct deferral *d)
{
    if (d->review_us != 0)
        add_deadline(arg, "deferral-review", d->review_us, d->document);
    return true;
}

static bool due_of(struct store *s, const struct tidings_ask *ask, json_t *o, struct err *e)
{
    const char *incident = ask->incident->id;
    int64_t due_us = incident_due_us(ask->state, ask->since_us, ask->config);
    enum alarm alarm = incident_state(ask->state)->alarm;
    json_t *deadlines = json_array();
    json_t *deferrals;

    (void)json_object_set_new(o, "deadlines", deadlines);
    if (due_us != INT64_MAX)
        add_deadline(deadlines, incident_alarm_name(alarm), due_us, NULL);
    if (!store_each(s, add_window, deadlines, e,
                    "SELECT id, json_extract(json, '$.valid_to') FROM decision"
                    " WHERE incident = ?1 AND state = 'live' AND outcome = 'authorise'",
                    "t", incident) ||
        !deferral_each(s, incident, add_review, deadlines, e) ||
        !deferral_json(s, incident, &deferrals, e))
        return false;
    (void)json_object_set_new(o, "deferrals", deferrals);
    return true;
}

bool tidings_json(struct store *s, const struct tidings_ask *ask, json_t **out,
                  struct err *e)
{
    const char *incident = ask->incident->id;
    json_t *o = json_object();

    *out = NULL;
    if (!devices_of(s, incident, o, e) || !commands_of(s, incident, o, e) ||
        !matter_of(s, incident, o, e) || !due_of(s, ask, o, e)) {
        json_decref(o);
        return false;
    }
    *out = o;
    return true;
}

/* --- for people --- */

static const char *text_of(const json_t *o, const char *member)
{
    const char *text = json_string_value(json_object_get(o, member));

    return text != NULL ? text : "";
}

static long long number_of(const json_t *o, const char *member)
{
    return (long long)json_integer_value(json_object_get(o, member));
}

/* "ESME: 10 devices, 7 success, 3 unanswered" */
static void print_devices(const json_t *types, FILE *f)
{
    const char *type;
    const char *state;
    json_t *one;
    const json_t *n;

    json_object_foreach((json_t *)(uintptr_t)types, type, one)
    {
        (void)fprintf(f, "  %s: %lld devices", type, number_of(one, "devices"));
        json_object_foreach(one, state, n) if (strcmp(state, "devices") != 0)(void)
            fprintf(f, ", %lld %s", (long long)json_integer_value(n), state);
        (void)fputc('\n', f);
    }
}

static void print_commands(const json_t *commands, FILE *f)
{
    const json_t *batch = json_object_get(commands, "batch");

    (void)fprintf(f, "Commands: %lld signed, %lld failed\n", number_of(commands, "signed"),
                  number_of(commands, "failed"));
    if (batch == NULL)
        return;
    (void)fprintf(f, "  batch %lld: %lld of %lld signed, %s", number_of(batch, "id"),
                  number_of(batch, "signed"), number_of(batch, "rows"),
                  text_of(batch, "state"));
    if (text_of(batch, "reason")[0] != '\0')
        (void)fprintf(f, " (%s)", text_of(batch, "reason"));
    (void)fputc('\n', f);
}

static void print_matter(const json_t *t, FILE *f)
{
    const json_t *one;
    size_t k;

    (void)fprintf(f, "Cause:%s\n",
                  json_array_size(json_object_get(t, "cause")) == 0
                      ? " no document says it yet"
                      : "");
    json_array_foreach(json_object_get(t, "cause"), k, one)(void)
        fprintf(f, "  %s: %s, %s\n", text_of(one, "cell"), text_of(one, "cause"),
                text_of(one, "certainty"));
    json_array_foreach(json_object_get(t, "certificates"), k, one)
    {
        (void)fprintf(f, "Certificate %s: %s", text_of(one, "what"), text_of(one, "cell"));
        if (text_of(one, "subject")[0] != '\0')
            (void)fprintf(f, ", %s", text_of(one, "subject"));
        if (text_of(one, "serial")[0] != '\0')
            (void)fprintf(f, ", serial %s", text_of(one, "serial"));
        if (text_of(one, "sha256")[0] != '\0')
            (void)fprintf(f, ", SHA-256 %s", text_of(one, "sha256"));
        (void)fprintf(f, " (%s)\n", text_of(one, "source"));
    }
}

static void print_due(const json_t *t, FILE *f)
{
    const json_t *one;
    size_t k;

    json_array_foreach(json_object_get(t, "deferrals"), k, one)(void) fprintf(
        f, "Put off: %s by %s, reviewed %s, until: %s\n", text_of(one, "outcome"),
        text_of(one, "document"), text_of(one, "review"), text_of(one, "end_condition"));
    json_array_foreach(json_object_get(t, "deadlines"), k, one)
    {
        (void)fprintf(f, "Due %s: %s", text_of(one, "at"), text_of(one, "what"));
        if (text_of(one, "document")[0] != '\0')
            (void)fprintf(f, " of %s", text_of(one, "document"));
        (void)fputc('\n', f);
    }
}

void tidings_print(const json_t *t, FILE *f)
{
    const json_t *list = json_object_get(t, "list");

    if (json_is_object(list))
        (void)fprintf(f, "List: version %lld, %lld devices, SHA-256 %s\n",
                      number_of(list, "version"), number_of(list, "devices"),
                      text_of(list, "sha256"));
    else
        (void)fputs("List: none was sent\n", f);
    print_devices(json_object_get(t, "devices"), f);
    print_commands(json_object_get(t, "commands"), f);
    print_matter(t, f);
    print_due(t, f);
}
