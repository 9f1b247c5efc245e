/* SPDX-License-Identifier: MIT
 *
 * Verbs of the incident itself, and the files that belong to it.
 */
#include "ctl.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const open_members[] = {
    "id",     "route",  "initiator", "subscriber", "replacement_subscriber",
    "parent", "notice", "hsm_loss",
};

static int run_open(struct ctl *c, const struct ctl_args *a)
{
    json_t *body = json_object(), *j;
    char *text;
    int rc;

    (void)json_object_set_new(body, "title", json_string(a->v[0]));
    for (size_t i = 0; i < sizeof open_members / sizeof open_members[0]; i++)
        if (a->opt[i] != NULL)
            (void)json_object_set_new(body, open_members[i], json_string(a->opt[i]));
    (void)json_object_set_new(body, "exercise", json_boolean(a->opt[8] != NULL));
    rc = ctl_send(c, "POST", "/v1/incidents", body, &j, &text);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

static int run_list(struct ctl *c, const struct ctl_args *a)
{
    (void)a;
    return ctl_show_list(c, "/v1/incidents", "incidents");
}

/* The lists that do not end with the first page, each in full. */
static int complete(struct ctl *c, const char *incident, json_t *j, char **text)
{
    json_t *more = json_object_get(j, "more");
    char path[512];
    const char *name;
    const json_t *next;

    if (json_object_size(more) == 0)
        return CTL_OK;
    json_object_foreach(more, name, next)
    {
        int rc;

        if (!json_is_string(next) ||
            !ctl_path(path, "/v1/incidents/{}/story/{}", incident, name))
            return CTL_INPUT;
        rc = ctl_get_rest(c, path, name, json_string_value(next), json_object_get(j, name));
        if (rc != CTL_OK)
            return rc;
    }
    (void)json_object_clear(more);
    return ctl_retell(j, text);
}

int ctl_incident(struct ctl *c, const char *id, json_t **out, char **text)
{
    char path[512];
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}", id, NULL))
        return CTL_INPUT;
    rc = ctl_get(c, path, out, text);
    if (rc != CTL_OK)
        return rc;
    rc = complete(c, id, *out, text);
    if (rc != CTL_OK) {
        json_decref(*out);
        free(*text);
    }
    return rc;
}

static int run_show(struct ctl *c, const struct ctl_args *a)
{
    json_t *j;
    char *text;
    int rc = ctl_incident(c, a->v[0], &j, &text);

    if (rc != CTL_OK)
        return rc;
    if (c->json)
        return ctl_show(c, j, text);
    ctl_page(c);
    ctl_story(j);
    json_decref(j);
    free(text);
    return CTL_OK;
}

/* TEXT, or @FILE; what is a JSON object or list goes as such. NULL: said on stderr. */
static json_t *evidence_of(const char *given)
{
    AUTO(mem) char *text = NULL;
    size_t len;
    json_t *j = NULL;

    if (given[0] == '@') {
        if (!ctl_read_file(given + 1, 128u << 10, &text, &len))
            return NULL;
    } else {
        text = strdup(given);
        len = strlen(given);
    }
    if (text != NULL && (text[0] == '{' || text[0] == '[')) {
        json_error_t je;

        j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
        if (j == NULL)
            ctl_say("line %d, column %d: %s", je.line, je.column, je.text);
        return j;
    }
    j = text == NULL ? NULL : json_stringn(text, len);
    if (j == NULL)
        ctl_say("not UTF-8 text");
    return j;
}

/* "name,name=no" -> {"name": true, "name": false}; a JSON object goes as such. */
static json_t *facts_of(const char *given)
{
    AUTO(mem) char *copy = strdup(given);
    json_t *facts = json_object();
    char *rest = NULL;

    if (given[0] == '{' || copy == NULL) {
        json_decref(facts);
        return evidence_of(given);
    }
    for (char *p = strtok_r(copy, ",", &rest); p != NULL; p = strtok_r(NULL, ",", &rest)) {
        char *is = strchr(p, '=');

        if (is != NULL)
            *is++ = '\0';
        if (is != NULL && strcmp(is, "yes") != 0 && strcmp(is, "no") != 0) {
            ctl_say("--facts: %s is yes or no, not \"%s\"", p, is);
            ctl_next("--facts %s, or --facts %s=no", p, p);
            json_decref(facts);
            return NULL;
        }
        (void)json_object_set_new(facts, p, json_boolean(is == NULL || *is == 'y'));
    }
    return facts;
}

static int run_event(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *body, *j;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/events", a->v[0], NULL))
        return CTL_INPUT;
    body = json_pack("{s:s}", "event", a->v[1]);
    if (a->opt[0] != NULL) {
        j = evidence_of(a->opt[0]);
        if (j == NULL) {
            json_decref(body);
            return CTL_INPUT;
        }
        (void)json_object_set_new(body, "evidence", j);
    }
    if (a->opt[1] != NULL)
        (void)json_object_set_new(body, "as_role", json_string(a->opt[1]));
    if (a->opt[2] != NULL) {
        j = facts_of(a->opt[2]);
        if (j == NULL) {
            json_decref(body);
            return CTL_USAGE;
        }
        (void)json_object_set_new(body, "facts", j);
    }
    rc = ctl_send(c, "POST", path, body, &j, &text);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

const struct ctl_verb ctl_incident_verbs[] = {
    {"incident open",
     "TITLE",
     1,
     1,
     "Open an incident on a notice",
     run_open,
     {{"id", "NAME", "its name (default: the service chooses)"},
      {"route", "ROUTE", "see incident states"},
      {"initiator", "WHO", "subscriber, srp, rdp, dcc or ofgem"},
      {"subscriber", "EUI64", "whose certificates are affected"},
      {"replacement", "EUI64", "who takes the devices over, where that is another"},
      {"parent", "NAME", "the shared provider's incident"},
      {"notice", "TEXT", "who said what, and how it was checked"},
      {"hsm-loss", "LOST,...",
       "keys that are lost, as hsm-loss names them: its answer goes on file"},
      {"exercise", NULL, "a rehearsal: exercise decisions and keys only"}}},
    {"incident list", "", 0, 0, "Every incident and its state", run_list, {{0}}},
    {"incident show", "INCIDENT", 1, 1, "One incident with its story", run_show, {{0}}},
    {"incident report",
     "INCIDENT",
     1,
     1,
     "One incident as a paper: progress, decisions, refusals, how to check",
     ctl_report,
     {{"html", NULL, "a page that prints well (--json: everything it is made of)"},
      {"out", "FILE", "write here instead of stdout"}}},
    {"incident event",
     "INCIDENT EVENT",
     2,
     2,
     "Tell of an event; the state follows",
     run_event,
     {{"evidence", "TEXT|@FILE", "what shows it: text, or JSON"},
      {"as", "WHO", "in whose name it is told (default dcc)"},
      {"facts", "NAME[=no],...", "what you answer for, where the service cannot see it"}}},
    {0},
};

/* ---- files ---- */

static int upload(struct ctl *c, const struct ctl_args *a, const char *method,
                  const char *pattern, const char *type)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path, pattern, a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_upload(c, method, path, type, a->v[1], &j, &text);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

static int download(struct ctl *c, const struct ctl_args *a, const char *pattern)
{
    char path[512];

    if (!ctl_path(path, pattern, a->v[0], NULL))
        return CTL_INPUT;
    return ctl_download(c, path, a->opt[0]);
}

static void say_proposed(const struct ctl *c, const char *incident, const json_t *list)
{
    const json_t *d = json_object_get(list, "difference");
    json_int_t version = json_integer_value(json_object_get(list, "version"));

    if (c->json || !json_is_true(json_object_get(list, "proposed")))
        return;
    (void)fprintf(stderr,
                  "Version %lld of the list counts for good: a decision names it. This one "
                  "is proposed as version %lld:\n%lld devices more, %lld fewer, %lld "
                  "changed. Devices that it leaves out go on counting until they are done "
                  "or excused.\nNothing has changed yet. To put it on file: roster confirm "
                  "%s %lld --reason TEXT\n",
                  json_integer_value(json_object_get(d, "version")), version,
                  json_integer_value(json_object_get(d, "added")),
                  json_integer_value(json_object_get(d, "removed")),
                  json_integer_value(json_object_get(d, "changed")), incident, version);
}

static int run_roster_add(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/roster", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_upload(c, "PUT", path, "text/csv", a->v[1], &j, &text);
    if (rc != CTL_OK)
        return rc;
    say_proposed(c, a->v[0], j);
    ctl_say_notified(c, j);
    return ctl_done(c, j, text);
}

static int run_roster_confirm(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    char *end;
    long long version = strtoll(a->v[1], &end, 10);
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/roster/confirm", a->v[0], NULL))
        return CTL_INPUT;
    if (*end != '\0' || a->v[1][0] == '\0' || a->opt[0] == NULL) {
        ctl_say("a version is a number, and --reason TEXT says why");
        ctl_next("smki-recoveryctl incident show %s has the versions", a->v[0]);
        return CTL_USAGE;
    }
    rc = ctl_send(
        c, "POST", path,
        json_pack("{s:I,s:s}", "version", (json_int_t)version, "reason", a->opt[0]), &j,
        &text);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

static int run_roster_get(struct ctl *c, const struct ctl_args *a)
{
    char path[512];

    if (!ctl_path(path, "/v1/incidents/{}/roster", a->v[0], NULL))
        return CTL_INPUT;
    if (a->opt[1] != NULL)
        (void)snprintf(path + strlen(path), sizeof path - strlen(path), "?version=%.20s",
                       a->opt[1]);
    return ctl_download(c, path, a->opt[0]);
}

static int run_certificates_add(struct ctl *c, const struct ctl_args *a)
{
    return upload(c, a, "PUT", "/v1/incidents/{}/certificates", "application/x-pem-file");
}

static int run_certificates_get(struct ctl *c, const struct ctl_args *a)
{
    return download(c, a, "/v1/incidents/{}/certificates");
}

/* How many do not fit, and for each reason what to do about it. False: all fit. */
static bool say_unfit(const struct ctl *c, const json_t *taken)
{
    json_int_t unfit = json_integer_value(json_object_get(taken, "unfit"));
    const char *name;
    json_t *n;

    if (unfit == 0)
        return false;
    ctl_say("%lld of %lld answers do not fit and count for nothing", (long long)unfit,
            (long long)json_integer_value(json_object_get(taken, "lines")));
    if (c->json || c->quiet)
        return true;
    json_object_foreach(json_object_get(taken, "set_aside"), name, n)
    {
        const struct rule *rule = rules_find(name);

        ctl_say("%lld set aside by %s. %s", (long long)json_integer_value(n), name,
                rule != NULL ? rule->advice : "");
    }
    return true;
}

static int run_responses_add(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    bool unfit;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/responses", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_upload(c, "POST", path, "text/plain", a->v[1], &j, &text);
    if (rc != CTL_OK)
        return rc;
    unfit = say_unfit(c, j);
    rc = ctl_done(c, j, text);
    return rc == CTL_OK && unfit ? CTL_UNFIT : rc;
}

/* First the file, then the signature over what was received. */
static int run_file_add(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    char sha256[80];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/files", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_upload(c, "PUT", path, "text/csv", a->v[1], &j, NULL);
    if (rc != CTL_OK)
        return rc;
    (void)snprintf(sha256, sizeof sha256, "%s", ctl_text(j, "sha256"));
    json_decref(j);
    if (!ctl_path(path, "/v1/incidents/{}/files/{}", a->v[0], sha256))
        return CTL_INPUT;
    rc = ctl_upload(c, "POST", path, "application/cms", a->v[2], &j, &text);
    if (rc == CTL_OK)
        ctl_say_notified(c, j);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

static int run_file_progress(struct ctl *c, const struct ctl_args *a)
{
    static const char *const members[] = {"file", "organisation", "role", "officer"};
    char path[512];
    json_t *body;

    if (!ctl_path(path, "/v1/incidents/{}/progress", a->v[0], NULL))
        return CTL_INPUT;
    body = json_object();
    for (size_t i = 0; i < 4; i++) {
        if (a->opt[i] == NULL) {
            ctl_say("--id, --organisation, --role and --officer are needed: the header "
                    "names who will sign");
            json_decref(body);
            return CTL_USAGE;
        }
        (void)json_object_set_new(body, members[i], json_string(a->opt[i]));
    }
    return ctl_fetch(c, path, body, a->opt[4]);
}

/* What it costs, as the service says, in front of whoever is about to say yes, or has said
 * --yes. */
static bool sure_of_cost(struct ctl *c, const json_t *cost)
{
    char from[256], to[256], lost[256], left[256];

    ctl_scalar(json_object_get(cost, "from"), from);
    ctl_scalar(json_object_get(cost, "to"), to);
    ctl_scalar(json_object_get(cost, "lost"), lost);
    ctl_scalar(json_object_get(cost, "left"), left);
    if (ctl_text(cost, "asked_by")[0] != '\0')
        ctl_say("asked for by %s: %s", ctl_text(cost, "asked_by"),
                ctl_text(cost, "ceremony"));
    ctl_say(
        "the mark of %s goes from %s to %s: %s counters are lost for good, %s; %s are left",
        ctl_text(cost, "originator"), from, to, lost, ctl_text(cost, "share"), left);
    return ctl_sure(c, "No counter of %s up to %s will ever be used.",
                    ctl_text(cost, "originator"), to);
}

static int run_counter_raise(struct ctl *c, const struct ctl_args *a)
{
    char path[512], ask[512];
    json_t *j, *cost;
    char *text;
    int rc;

    if (a->opt[0] == NULL) {
        ctl_say("--ceremony TEXT is due: which ceremony decided this");
        ctl_next("smki-recoveryctl counter raise --help");
        return CTL_USAGE;
    }
    if (!ctl_path(path, "/v1/counters/{}/raise", a->v[0], NULL) ||
        !ctl_path(ask, "/v1/counters/{}/raise?to={}", a->v[0], a->v[1]))
        return CTL_INPUT;
    rc = ctl_get(c, ask, &cost, NULL);
    if (rc != CTL_OK)
        return rc;
    if (!sure_of_cost(c, cost)) {
        json_decref(cost);
        return CTL_USAGE;
    }
    j = json_pack("{s:O,s:O,s:s}", "to", json_object_get(cost, "to"), "lost",
                  json_object_get(cost, "lost"), "ceremony", a->opt[0]);
    json_decref(cost);
    rc = ctl_send(c, "POST", path, j, &j, &text);
    if (rc == CTL_OK && !c->quiet && !c->json)
        ctl_say("another operator agrees with: counter confirm %s", a->v[0]);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

static int run_counter_confirm(struct ctl *c, const struct ctl_args *a)
{
    char path[512], confirm[512];
    json_t *j, *cost;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/counters/{}/raise", a->v[0], NULL) ||
        !ctl_path(confirm, "/v1/counters/{}/raise/confirm", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_get(c, path, &cost, NULL);
    if (rc != CTL_OK)
        return rc;
    if (!sure_of_cost(c, cost)) {
        json_decref(cost);
        return CTL_USAGE;
    }
    j = json_pack("{s:O,s:O}", "to", json_object_get(cost, "to"), "lost",
                  json_object_get(cost, "lost"));
    json_decref(cost);
    rc = ctl_send(c, "POST", confirm, j, &j, &text);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

static int run_symmetric(struct ctl *c, const struct ctl_args *a)
{
    return upload(c, a, "PUT", "/v1/incidents/{}/symmetric-key",
                  "application/octet-stream");
}

static int run_devices_mark(struct ctl *c, const struct ctl_args *a)
{
    return upload(c, a, "POST", "/v1/incidents/{}/marks", "text/csv");
}

#define OUT_OPTION                                        \
    {                                                     \
        {                                                 \
            "out", "FILE", "write here instead of stdout" \
        }                                                 \
    }

const struct ctl_verb ctl_file_verbs[] = {
    {"roster add",
     "INCIDENT FILE",
     2,
     2,
     "Hand in the devices, CSV",
     run_roster_add,
     {{0}}},
    {"roster confirm",
     "INCIDENT VERSION",
     2,
     2,
     "Put a proposed correction of the roster on file",
     run_roster_confirm,
     {{"reason", "TEXT", "why the list has to change; it stays on record"}}},
    {"roster get",
     "INCIDENT",
     1,
     1,
     "The roster in its canonical form",
     run_roster_get,
     {{"out", "FILE", "write here instead of stdout"},
      {"number", "N", "that version instead of the one on file"}}},
    {"certificates add",
     "INCIDENT FILE",
     2,
     2,
     "Hand in replacement and compromised certificates, PEM",
     run_certificates_add,
     {{0}}},
    {"certificates get", "INCIDENT", 1, 1, "The certificates, PEM", run_certificates_get,
     OUT_OPTION},
    {"responses add",
     "INCIDENT FILE",
     2,
     2,
     "Hand in what devices answered, one hexadecimal message per line",
     run_responses_add,
     {{0}}},
    {"symmetric-key add",
     "INCIDENT FILE",
     2,
     2,
     "Contingency only: hand in the released Symmetric Key",
     run_symmetric,
     {{0}}},
    {"devices mark",
     "INCIDENT FILE",
     2,
     2,
     "Which devices are unreachable, unknown or excused: lines of device,state,reason",
     run_devices_mark,
     {{0}}},
    {"file add",
     "INCIDENT FILE SIGNATURE",
     3,
     3,
     "Hand in a notification or progress file and the detached signature over it",
     run_file_add,
     {{0}}},
    {"file progress",
     "INCIDENT",
     1,
     1,
     "Write a progress file of this service, to be signed",
     run_file_progress,
     {{"id", "NAME", "the file's id, never used before"},
      {"organisation", "NAME", "whose officer will sign"},
      {"role", "NAME", "the officer's role"},
      {"officer", "NAME", "the common name of the officer's certificate"},
      {"out", "FILE", "write here instead of stdout"}}},
    {"counter raise",
     "EUI64 TO",
     2,
     2,
     "After a restored database: skip counters up to TO",
     run_counter_raise,
     {{"ceremony", "TEXT", "which ceremony decided this (needed)"}}},
    {"counter confirm",
     "EUI64",
     1,
     1,
     "Agree that a counter mark is raised: the second operator",
     run_counter_confirm,
     {{0}}},
    {0},
};
