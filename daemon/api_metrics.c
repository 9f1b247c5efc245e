/* SPDX-License-Identifier: MIT
 *
 * Figures for whoever watches, in Prometheus' text form (version 0.0.4). Names and labels are an
 * interface: packaging/watching has rules and a dashboard over them.
 */
#include "service.h"

#include "audit.h"
#include "ledger.h"
#include "log.h"
#include "outcome.h"
#include "queue.h"
#include "rosters.h"
#include "steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

static void family(FILE *f, const char *name, const char *type, const char *help)
{
    (void)fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put(FILE *f, const char *name, const char *type, const char *help, double v)
{
    family(f, name, type, help);
    (void)fprintf(f, "%s %.17g\n", name, v);
}

/* One of a family; what would end a label's value is written as the text form wants it. */
static void put_of(FILE *f, const char *name, const char *label, const char *value,
                   double v)
{
    (void)fprintf(f, "%s{%s=\"", name, label);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            (void)fputc('\\', f);
        (void)fputc(*value == '\n' ? ' ' : *value, f);
    }
    (void)fprintf(f, "\"} %.17g\n", v);
}

/* --- incidents, batches, devices --- */

struct incidents {
    struct service *sv;
    int64_t n[STATE_COUNT];
    int64_t devices[OUTCOME_STATES];
    struct err e;
    bool ok;
};

static bool add_incident(void *arg, const struct docket_incident *i)
{
    struct incidents *x = arg;
    int64_t n[OUTCOME_STATES];

    x->n[i->state]++;
    if (i->state == STATE_CLOSED)
        return true;
    x->ok = outcome_count(x->sv->store, i->id, false, n, &x->e);
    for (unsigned s = 0; x->ok && s < OUTCOME_STATES; s++)
        x->devices[s] += n[s];
    return x->ok;
}

static bool put_incidents(struct service *sv, FILE *f, struct err *e)
{
    static const char devices[] = "smki_recovery_devices";
    struct incidents x = {.sv = sv, .ok = true};

    if (!docket_each(sv->store, add_incident, &x, e))
        return false;
    if (!x.ok) {
        *e = x.e;
        return false;
    }
    family(f, "smki_recovery_incidents", "gauge", "Incidents by state.");
    for (unsigned s = 0; s < STATE_COUNT; s++)
        put_of(f, "smki_recovery_incidents", "state", incident_state((enum state)s)->name,
               (double)x.n[s]);
    family(f, devices, "gauge",
           "Devices of open incidents by what they answered or was said of them.");
    for (unsigned s = OUTCOME_ACCEPTED; s < OUTCOME_STATES; s++)
        put_of(f, devices, "state", outcome_state_name((enum outcome_state)s),
               (double)x.devices[s]);
    return true;
}

static bool put_batches(struct service *sv, FILE *f, struct err *e)
{
    int64_t n[BATCH_STATES];

    if (!queue_count(sv->store, n, e))
        return false;
    family(f, "smki_recovery_batches", "gauge", "Batches by state.");
    for (unsigned s = 0; s < BATCH_STATES; s++)
        put_of(f, "smki_recovery_batches", "state", queue_state_name((enum batch_state)s),
               (double)n[s]);
    return true;
}

/* --- what ends, and what is used up --- */

static bool put_window(void *arg, const struct docket_window *w)
{
    put_of(arg, "smki_recovery_window_end_timestamp_seconds", "incident", w->incident,
           (double)w->to_us / 1e6);
    return true;
}

static void put_certificates(const struct service *sv, FILE *f)
{
    static const char name[] = "smki_recovery_certificate_end_timestamp_seconds";
    const struct trust *t = &sv->trust;
    char which[CONFIG_NAME_MAX + 16];

    family(f, name, "gauge", "When a certificate of the configuration ends.");
    for (size_t i = 0; i < t->root.n; i++)
        put_of(f, name, "certificate", "root", (double)t->root.at[i].not_after_us / 1e6);
    for (size_t i = 0; i < t->issuing.n; i++) {
        (void)snprintf(which, sizeof which, "issuing %zu", i + 1);
        put_of(f, name, "certificate", which, (double)t->issuing.at[i].not_after_us / 1e6);
    }
    for (size_t i = 0; i < sv->config.n_keys; i++) {
        if (!t->keys[i].present)
            continue;
        (void)snprintf(which, sizeof which, "key %s", sv->config.keys[i].name);
        put_of(f, name, "certificate", which,
               (double)t->keys[i].cert.at[0].not_after_us / 1e6);
    }
}

static bool put_mark(void *arg, const struct eui64 *originator, uint64_t mark)
{
    char hex[HEX_LEN(8)];

    hex_encode(originator->b, 8, hex);
    put_of(arg, "smki_recovery_originator_mark", "originator", hex, (double)mark);
    return true;
}

static bool put_ends(struct service *sv, FILE *f, struct err *e)
{
    struct statvfs disk;

    family(f, "smki_recovery_window_end_timestamp_seconds", "gauge",
           "When the decision ends that an incident waits or works under.");
    if (!docket_each_window(sv->store, put_window, f, e))
        return false;
    put_certificates(sv, f);
    family(f, "smki_recovery_originator_mark", "gauge",
           "The counter mark: the highest counter that was set aside, by originator.");
    if (!ledger_each_mark(sv->store, put_mark, f, e))
        return false;
    if (statvfs(sv->config.service.state_dir, &disk) == 0) { /* else it is not told */
        put(f, "smki_recovery_disk_free_bytes", "gauge",
            "Room for the service on the disk of its state.",
            (double)disk.f_bavail * (double)disk.f_frsize);
        put(f, "smki_recovery_disk_size_bytes", "gauge", "Size of that disk.",
            (double)disk.f_blocks * (double)disk.f_frsize);
    }
    return true;
}

/* --- alarms --- */

/* Those that have rung, by name: a deadline that is still to come is none. */
static bool put_alarms(struct service *sv, FILE *f, struct err *e)
{
    json_t *list = json_array();
    json_t *by_name = json_object();
    int64_t open = 0;
    int64_t overdue = 0;
    const char *name;
    size_t at;
    json_t *one;
    bool ok = api_alarms(sv, list, &open, &overdue, e);

    json_array_foreach(list, at, one)
    {
        const json_t *due = json_object_get(one, "overdue");

        name = json_string_value(json_object_get(one, "alarm"));
        if (name != NULL && !json_is_false(due))
            (void)json_object_set_new(
                by_name, name,
                json_integer(json_integer_value(json_object_get(by_name, name)) + 1));
    }
    put(f, "smki_recovery_incidents_open", "gauge", "Incidents not closed.", (double)open);
    put(f, "smki_recovery_alarms_overdue", "gauge", "Deadlines that have passed.",
        (double)overdue);
    family(f, "smki_recovery_alarms", "gauge", "Alarms by name, as status tells them.");
    json_object_foreach(by_name, name, one)
        put_of(f, "smki_recovery_alarms", "alarm", name, (double)json_integer_value(one));
    json_decref(by_name);
    json_decref(list);
    return ok;
}

/* --- signers, audit trail --- */

static bool put_work(struct service *sv, FILE *f, struct err *e)
{
    const struct signers *s = pump_signers(sv->pump);
    int64_t signed_rows = 0;
    struct chain_place audit;
    unsigned ready = 0;
    unsigned restarts = 0;

    if (!audit_last(sv->store, &audit, e) || !queue_signed(sv->store, &signed_rows, e))
        return false;
    for (unsigned i = 0; i < signers_count(s); i++) {
        ready += signers_info(s, i)->state == SIGNER_READY;
        restarts += signers_info(s, i)->restarts;
    }
    put(f, "smki_recovery_exercise", "gauge", "1: only exercises are signed here.",
        (double)sv->config.service.exercise);
    put(f, "smki_recovery_commands_signed_total", "counter", "Commands signed and kept.",
        (double)signed_rows);
    put(f, "smki_recovery_commands_per_second", "gauge",
        "Signing rate of the last seconds.", pump_rate(sv->pump));
    put(f, "smki_recovery_signers", "gauge", "Signer processes configured.",
        (double)signers_count(s));
    put(f, "smki_recovery_signers_ready", "gauge", "Signer processes that can sign.",
        (double)ready);
    put(f, "smki_recovery_signer_restarts_total", "counter", "Signer processes lost.",
        (double)restarts);
    put(f, "smki_recovery_audit_records_total", "counter", "Records of the audit chain.",
        (double)audit.seq);
    put(f, "smki_recovery_log_lines_lost_total", "counter",
        "Lines that nobody read in time.", (double)log_lost());
    put(f, "smki_recovery_lists_read_total", "counter",
        "Lists of devices that were read and checked.", (double)rosters_read());
    put(f, "smki_recovery_longest_step_seconds", "gauge",
        "The longest time that the service was busy with one thing.",
        (double)steps_longest().us / 1e6);
    put(f, "smki_recovery_last_probe_timestamp_seconds", "gauge",
        "When the probe key last signed and was verified; 0: not yet.",
        (double)pump_probed_us(sv->pump) / 1e6);
    return true;
}

HANDLER(api_metrics)
{
    struct service *sv = arg;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    bool ok;

    (void)r;
    (void)body;
    if (f == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    ok = put_work(sv, f, e) && put_incidents(sv, f, e) && put_batches(sv, f, e) &&
         put_alarms(sv, f, e) && put_ends(sv, f, e);
    if (fclose(f) != 0)
        ok = ok && err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!ok) {
        free(text);
        return false;
    }
    return reply_text(out, 200, "text/plain; version=0.0.4", text, len, e);
}
