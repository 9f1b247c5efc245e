/* SPDX-License-Identifier: MIT
 *
 * Verbs of batches: start, look, watch, pause, resume, confirm; and taking commands and
 * queries out.
 */
#include "ctl.h"

#include "progress.h"
#include "waveplan.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_MS    500
#define WATCH_TRIES 20 /* a service that restarts is waited for this long, in WATCH_MS */

/* The states a batch does not leave by itself (queue.h). */
static bool batch_ended(const char *state)
{
    return strcmp(state, "done") == 0 || strcmp(state, "stopped") == 0 ||
           strcmp(state, "held") == 0;
}

static long long number_of(const json_t *batch, const char *member)
{
    return json_integer_value(json_object_get(batch, member));
}

/* One line per change, for logs and pipes. */
static void print_change(const struct ctl *c, const json_t *b)
{
    if (c->json)
        ctl_json(b);
    else if (!c->quiet)
        (void)printf("%s: %lld of %lld signed, %lld failed%s%s\n", ctl_text(b, "state"),
                     number_of(b, "signed"), number_of(b, "rows"), number_of(b, "failed"),
                     ctl_text(b, "reason")[0] != '\0' ? ": " : "", ctl_text(b, "reason"));
    (void)fflush(stdout);
}

/* Why rows could not be signed: a line for each rule. */
static void say_failed(const json_t *b)
{
    const json_t *list = json_object_get(b, "failed_rows");
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
        ctl_say("%lld rows were not signed by %s; the first: %s", number_of(one, "rows"),
                ctl_text(one, "rule"), ctl_text(one, "reason"));
}

/* A batch that a person has to look at: what to do about it. */
static void say_stuck(const json_t *b)
{
    long long n = number_of(b, "id");

    ctl_say_rule(rules_find(ctl_text(b, "rule")));
    if (strcmp(ctl_text(b, "state"), "held") == 0)
        ctl_next("when that is done: smki-recoveryctl batch resume %lld; why it was held: "
                 "journalctl -u smki-recovery.service",
                 n);
    else
        ctl_next(
            "smki-recoveryctl incident show %s; what is signed stays: smki-recoveryctl "
            "commands export %lld --out DIR",
            ctl_text(b, "incident"), n);
}

/* How it ended, and the exit code of that. */
static int print_end(const struct ctl *c, const json_t *b)
{
    bool done = strcmp(ctl_text(b, "state"), "done") == 0;
    const char *reason = ctl_text(b, "reason");

    if (!c->json && !c->quiet)
        (void)printf("%s: %lld of %lld signed, %lld failed\n", ctl_text(b, "state"),
                     number_of(b, "signed"), number_of(b, "rows"), number_of(b, "failed"));
    say_failed(b);
    if (!done) {
        ctl_say("batch %lld %s%s%s", number_of(b, "id"),
                strcmp(ctl_text(b, "state"), "held") == 0 ? "is held" : "was stopped",
                reason[0] != '\0' ? ": " : "", reason);
        say_stuck(b);
    }
    return !done ? CTL_DENIED : number_of(b, "failed") > 0 ? CTL_ROWS : CTL_OK;
}

static int watch(struct ctl *c, const char *id)
{
    char path[512], last[256] = "", now[256], state[128];
    struct progress bar;
    bool lines;
    int rc, lost = 0;

    if (!ctl_path(path, "/v1/batches/{}", id, NULL))
        return CTL_INPUT;
    progress_start(&bar, stderr, id, false, c->quiet || c->json);
    lines = !bar.draw;
    for (;;) {
        json_t *b;
        char *text;

        rc = ctl_get(c, path, &b, &text);
        if (rc == CTL_UNREACHABLE && last[0] != '\0' && ++lost < WATCH_TRIES) {
            (void)poll(NULL, 0, WATCH_MS);
            continue;
        }
        if (rc != CTL_OK)
            break;
        lost = 0;
        (void)snprintf(now, sizeof now, "%s %lld %lld %s", ctl_text(b, "state"),
                       number_of(b, "signed"), number_of(b, "failed"),
                       ctl_text(b, "reason"));
        (void)snprintf(state, sizeof state, "%s%s%s", ctl_text(b, "state"),
                       ctl_text(b, "reason")[0] != '\0' ? ": " : "", ctl_text(b, "reason"));
        if (lines && strcmp(now, last) != 0 &&
            (c->json || !batch_ended(ctl_text(b, "state"))))
            print_change(c, b);
        memcpy(last, now, sizeof last);
        progress_show(&bar, number_of(b, "signed") + number_of(b, "failed"),
                      number_of(b, "rows"), json_number_value(json_object_get(b, "rate")),
                      state);
        if (batch_ended(ctl_text(b, "state"))) {
            progress_end(&bar);
            rc = print_end(c, b);
            json_decref(b);
            free(text);
            return rc;
        }
        json_decref(b);
        free(text);
        (void)poll(NULL, 0, WATCH_MS);
    }
    progress_end(&bar);
    return rc;
}

/* The number of a batch, as text, whichever kind the answer has. */
static void batch_id(const json_t *batch, char out[static 256])
{
    ctl_scalar(json_object_get(batch, "id"), out);
}

/* A plan from its file, checked here so that line and member are named. */
static int read_plan(const char *file, json_t **plan)
{
    struct err e;
    char *text;
    size_t len;
    bool ok;

    *plan = NULL;
    if (file == NULL)
        return CTL_OK;
    if (!ctl_read_file(file, WAVEPLAN_TEXT, &text, &len))
        return CTL_INPUT;
    ok = waveplan_load(span_of(text, len), plan, &e);
    free(text);
    if (ok)
        return CTL_OK;
    ctl_say("%s: %s", file, e.text);
    ctl_say_rule(rules_find(e.id));
    return CTL_INPUT;
}

static int run_start(struct ctl *c, const struct ctl_args *a)
{
    const char *rows = a->opt[0] != NULL ? a->opt[0] : "all";
    char id[256];
    json_t *plan;
    json_t *j;
    char *text;
    int rc;

    if (strcmp(rows, "all") != 0 && strcmp(rows, "unfinished") != 0 &&
        strcmp(rows, "unsuccessful") != 0) {
        ctl_say("--rows is all, unfinished or unsuccessful, not \"%s\"", rows);
        ctl_next("smki-recoveryctl batch start --help");
        return CTL_USAGE;
    }
    rc = read_plan(a->opt[2], &plan);
    if (rc != CTL_OK)
        return rc;
    if (plan != NULL)
        rows = "unfinished";
    if (!ctl_sure(c,
                  "Sign commands for %s of incident %s under decision %s. Signatures "
                  "cannot be taken back.",
                  strcmp(rows, "all") == 0 ? "every device" : "the devices without success",
                  a->v[0], a->v[1])) {
        json_decref(plan);
        return CTL_USAGE;
    }
    rc = ctl_send(c, "POST", "/v1/batches",
                  json_pack("{s:s,s:s,s:s,s:o*}", "incident", a->v[0], "decision", a->v[1],
                            "rows", rows, "waves", plan),
                  &j, &text);
    if (rc != CTL_OK)
        return rc;
    ctl_say_forecast(c, j);
    batch_id(j, id);
    if (a->opt[1] == NULL || c->dry_run)
        return ctl_done(c, j, text);
    json_decref(j);
    free(text);
    return watch(c, id);
}

static int run_list(struct ctl *c, const struct ctl_args *a)
{
    (void)a;
    return ctl_show_list(c, "/v1/batches", "batches");
}

static int run_show(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/batches/{}", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_get(c, path, &j, &text);
    return rc == CTL_OK ? ctl_show(c, j, text) : rc;
}

static int run_watch(struct ctl *c, const struct ctl_args *a)
{
    return watch(c, a->v[0]);
}

static int change(struct ctl *c, const char *pattern, const char *id)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path, pattern, id, NULL))
        return CTL_INPUT;
    rc = ctl_send(c, "POST", path, NULL, &j, &text);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

static int run_pause(struct ctl *c, const struct ctl_args *a)
{
    return change(c, "/v1/batches/{}/pause", a->v[0]);
}

static int run_resume(struct ctl *c, const struct ctl_args *a)
{
    return change(c, "/v1/batches/{}/resume", a->v[0]);
}

static int run_stop_waves(struct ctl *c, const struct ctl_args *a)
{
    return change(c, "/v1/incidents/{}/waves/stop", a->v[0]);
}

/* The second person sees what is confirmed before saying yes. */
static int run_confirm(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    int rc;

    if (!ctl_path(path, "/v1/batches/{}", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_get(c, path, &j, NULL);
    if (rc != CTL_OK)
        return rc;
    if (!c->json && !c->quiet)
        ctl_card(j);
    (void)fflush(stdout);
    json_decref(j);
    if (!ctl_sure(c, "You are the second person: confirm batch %s?", a->v[0]))
        return CTL_USAGE;
    return change(c, "/v1/batches/{}/confirm", a->v[0]);
}

/* Exit status 1 when one says something else. */
static int run_compare(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    bool same;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/decisions/{}/pre-commands", a->v[0], a->v[1]))
        return CTL_INPUT;
    rc = ctl_upload(c, "POST", path, "text/plain", a->v[2], &j, &text);
    if (rc != CTL_OK)
        return rc;
    same = number_of(j, "different") == 0;
    rc = ctl_show(c, j, text);
    return same ? rc : CTL_DENIED;
}

const struct ctl_verb ctl_batch_verbs[] = {
    {"batch start",
     "INCIDENT DECISION",
     2,
     2,
     "Sign the commands of a decision",
     run_start,
     {{"rows", "WHICH", "all (default), unfinished or unsuccessful"},
      {"watch", NULL, "stay and show how it goes"},
      {"waves", "FILE", "in waves, as that plan says"}}},
    {"batch list", "", 0, 0, "Every batch and how far it is", run_list, {{0}}},
    {"batch show", "BATCH", 1, 1, "One batch", run_show, {{0}}},
    {"batch watch",
     "BATCH",
     1,
     1,
     "Follow a batch until it is done, held or stopped; the exit code says which",
     run_watch,
     {{0}}},
    {"batch pause", "BATCH", 1, 1, "Stop signing for now", run_pause, {{0}}},
    {"batch resume", "BATCH", 1, 1, "Go on", run_resume, {{0}}},
    {"batch stop-waves",
     "INCIDENT",
     1,
     1,
     "No further wave begins; the batch at hand goes on",
     run_stop_waves,
     {{0}}},
    {"batch confirm", "BATCH", 1, 1, "The second person's yes", run_confirm, {{0}}},
    {"pre-commands compare",
     "INCIDENT DECISION FILE",
     3,
     3,
     "Do pre-commands made elsewhere say what would be signed? One in hexadecimal per line",
     run_compare,
     {{0}}},
    {"commands export",
     "BATCH",
     1,
     1,
     "Take the signed commands out",
     ctl_export,
     {{"out", "DIR", "one file <EUI-64>-<counter>.bin each, here"},
      {"tar", "FILE", "one archive; \"-\": stdout"},
      {"from", "POS", "begin with this position of the batch"}}},
    {"queries export",
     "INCIDENT",
     1,
     1,
     "Pre-commands that ask devices what they hold: unclear ones, or all beforehand",
     ctl_queries,
     {{"out", "DIR", "one file <EUI-64>-0.bin each, here"},
      {"tar", "FILE", "one archive; \"-\": stdout"},
      {"originator", "EUI64", "the party that will number, sign and send them"},
      {"cell", "CELL", "its signing cell on the devices (default tcos-ds)"},
      {"before", NULL, "ask devices of the list for which nothing was signed yet"},
      {"every", "N", "with --before: a sample, one device in N"}}},
    {0},
};
