/* SPDX-License-Identifier: MIT
 *
 * Verbs that only look: status, figures, devices, metrics, the audit chain.
 */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int run_keys(struct ctl *c, const struct ctl_args *a)
{
    (void)a;
    return ctl_show_list(c, "/v1/keys", "keys");
}

static int run_figures(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/figures", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_get(c, path, &j, &text);
    return rc == CTL_OK ? ctl_show(c, j, text) : rc;
}

/* Pages follow each other by the name of the last device; without --all one page. */
static int run_devices(struct ctl *c, const struct ctl_args *a)
{
    const char *limit = a->opt[1] != NULL ? a->opt[1] : "1000";
    char path[512], from[24] = "";
    size_t n;
    int rc;

    if (a->opt[0] != NULL)
        (void)snprintf(from, sizeof from, "%s", a->opt[0]);
    do {
        char pattern[128];
        json_t *j, *rows;
        char *text;

        (void)snprintf(pattern, sizeof pattern, "/v1/incidents/{}/devices?limit={}%s%s",
                       from[0] != '\0' ? "&from=" : "", from);
        if (!ctl_path(path, pattern, a->v[0], limit))
            return CTL_INPUT;
        rc = ctl_get(c, path, &j, &text);
        if (rc != CTL_OK)
            return rc;
        rows = json_object_get(j, "devices");
        n = json_array_size(rows);
        if (c->json)
            ctl_json(j);
        else
            ctl_list("devices", rows);
        (void)snprintf(from, sizeof from, "%s", ctl_text(j, "next"));
        json_decref(j);
        free(text);
    } while (a->opt[2] != NULL && n > 0 && from[0] != '\0');
    if (from[0] != '\0' && !c->json && !c->quiet && a->opt[2] == NULL)
        ctl_say("more: --from %s, or --all", from);
    return CTL_OK;
}

static int run_metrics(struct ctl *c, const struct ctl_args *a)
{
    (void)a;
    return ctl_download(c, "/metrics", NULL);
}

static int run_audit_export(struct ctl *c, const struct ctl_args *a)
{
    char path[512];

    if (!ctl_path(path, "/v1/audit?from={}", a->opt[0] != NULL ? a->opt[0] : "1", NULL))
        return CTL_INPUT;
    return ctl_download(c, path, a->opt[1]);
}

/* What tells how far the record had come: a file, or the figures of a head. */
static json_t *expected(const struct ctl_args *a)
{
    char *text;
    size_t len;
    json_t *j = NULL;

    if (a->n == 0 && a->opt[0] != NULL && a->opt[1] != NULL)
        return json_pack("{s:I,s:s}", "records", (json_int_t)strtoll(a->opt[0], NULL, 10),
                         "hash", a->opt[1]);
    if (a->n == 0 || a->opt[0] != NULL || a->opt[1] != NULL) {
        ctl_say("what to expect is due: a file, or --records N and --hash HASH");
        ctl_next("smki-recoveryctl audit expect --help");
        return NULL;
    }
    if (!ctl_read_file(a->v[0], 262144, &text, &len))
        return NULL;
    j = json_loadb(text, len, 0, NULL);
    free(text);
    if (j == NULL) {
        ctl_say("%s is no JSON", a->v[0]);
        ctl_next("name an anchor, a notice, a manifest or a head as this service wrote it");
    }
    return j;
}

static int run_audit_expect(struct ctl *c, const struct ctl_args *a)
{
    json_t *j = expected(a);
    bool older;
    char *text;
    int rc;

    if (j == NULL)
        return CTL_INPUT;
    rc = ctl_send(c, "POST", "/v1/audit/expected", j, &j, &text);
    if (rc != CTL_OK)
        return rc;
    older = json_is_true(json_object_get(j, "older"));
    if (older && !c->json)
        ctl_say("this state is older: %s. Nothing is signed until the counters are raised; "
                "see status and counter raise",
                ctl_text(j, "reason"));
    rc = ctl_done(c, j, text);
    return rc == CTL_OK && older ? CTL_DENIED : rc;
}

static int run_backup(struct ctl *c, const struct ctl_args *a)
{
    const char *state = "copying";
    json_t *j;
    int rc;

    if (a->opt[0] == NULL) {
        ctl_say("--out FILE is due: where the archive is to be");
        ctl_next("smki-recoveryctl backup --out FILE");
        return CTL_USAGE;
    }
    rc = ctl_send(c, "POST", "/v1/backup", NULL, &j, NULL);
    while (rc == CTL_OK && strcmp(state, "copying") == 0) {
        json_decref(j);
        (void)nanosleep(&(struct timespec){0, 100000000}, NULL);
        rc = ctl_get(c, "/v1/backup", &j, NULL);
        if (rc == CTL_OK)
            state = ctl_text(j, "state");
    }
    if (rc != CTL_OK)
        return rc;
    if (strcmp(state, "ready") != 0) {
        ctl_say("no backup was made: %s", ctl_text(j, "reason"));
        rc = CTL_STORE;
    }
    if (rc == CTL_OK && !c->quiet && !c->json)
        ctl_say("it holds the audit trail up to record %lld",
                (long long)json_integer_value(
                    json_object_get(json_object_get(j, "record"), "records")));
    json_decref(j);
    return rc == CTL_OK ? ctl_download(c, "/v1/backup/archive", a->opt[0]) : rc;
}

const struct ctl_verb ctl_view_verbs[] = {
    {"status",
     "",
     0,
     0,
     "What waits for whom, on one screen",
     ctl_status,
     {{"all", NULL, "all that the service says: signers, keys, counters, alarms"}}},
    {"keys list",
     "",
     0,
     0,
     "Keys that incidents ended, and where certificates were placed",
     run_keys,
     {{0}}},
    {"figures",
     "INCIDENT",
     1,
     1,
     "Progress of the devices, by state and type",
     run_figures,
     {{0}}},
    {"devices",
     "INCIDENT",
     1,
     1,
     "State of each device",
     run_devices,
     {{"from", "EUI64", "begin behind this device"},
      {"limit", "N", "devices per page (default 1000)"},
      {"all", NULL, "every page"}}},
    {"audit export",
     "",
     0,
     0,
     "The audit chain, one record per line",
     run_audit_export,
     {{"from", "SEQ", "begin with this record (default 1)"},
      {"out", "FILE", "write here instead of stdout"}}},
    {"audit expect",
     "[FILE]",
     0,
     1,
     "Is this state older than an anchor, a notice, a manifest, or a head?",
     run_audit_expect,
     {{"records", "N", "of a head, as the journal has it"},
      {"hash", "HASH", "of that record"}}},
    {"backup",
     "",
     0,
     0,
     "A consistent copy of the state, while the service works",
     run_backup,
     {{"out", "FILE", "the archive, tar (needed)"}}},
    {"metrics", "", 0, 0, "Prometheus text", run_metrics, {{0}}},
    {0},
};
