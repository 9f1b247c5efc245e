/* SPDX-License-Identifier: MIT
 *
 * Verbs of decisions: hand in, show, draft one to be signed, read one before signing it.
 */
#include "ctl.h"

#include "authority.h"
#include "clock.h"
#include "mem.h"
#include "plain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Signers as a table of their own, the rest as a card. */
static int show_decision(const struct ctl *c, json_t *steal, char *steal_text, bool quiet)
{
    json_t *signers;

    if (c->json || quiet)
        return ctl_done(c, steal, steal_text);
    signers = json_incref(json_object_get(steal, "signers"));
    (void)json_object_del(steal, "signers");
    (void)ctl_show(c, steal, steal_text);
    if (signers != NULL) {
        (void)puts("signers:");
        ctl_list("signers", signers);
    }
    json_decref(signers);
    return CTL_OK;
}

/* Said beside the answer, also where that is not wanted. */
static void say_warnings(const struct ctl *c, json_t *answer)
{
    const json_t *one;
    size_t i;

    if (c->json)
        return;
    json_array_foreach(json_object_get(answer, "warnings"), i, one)
    {
        AUTO(mem) char *text = strdup(json_string_value(one));

        if (text == NULL)
            continue;
        plain_tidy(text);
        ctl_say("warning: %s", text);
    }
    (void)json_object_del(answer, "warnings");
}

static void say_side(const json_t *notified, const char *member, const char *what)
{
    const json_t *side = json_object_get(notified, member);
    int64_t n = json_integer_value(json_object_get(side, "devices"));

    if (n > 0)
        ctl_say("%lld devices %s; the first: %s", (long long)n, what,
                ctl_text(side, "first"));
}

void ctl_say_notified(const struct ctl *c, json_t *answer)
{
    json_t *notified = json_object_get(answer, "notified");

    if (c->json || notified == NULL)
        return;
    say_side(notified, "only_notified", "are notified and not on the list");
    say_side(notified, "only_listed", "are on the list and not notified");
    say_side(notified, "more_cells", "would get cells that are not notified");
    say_side(notified, "fewer_cells", "would keep cells that are notified");
    (void)json_object_del(answer, "notified");
}

void ctl_say_forecast(const struct ctl *c, json_t *answer)
{
    const char *type;
    const json_t *of;

    if (c->json)
        return;
    json_object_foreach(json_object_get(answer, "forecast"), type, of)
    {
        const json_t *one;
        size_t i;

        if (!c->quiet)
            (void)printf("%s: %lld of %lld devices will get a command\n", type,
                         json_integer_value(json_object_get(of, "commands")),
                         json_integer_value(json_object_get(of, "devices")));
        json_array_foreach(json_object_get(of, "without"), i, one)
            ctl_say("%s: %lld will get none by %s; the first: %s", type,
                    json_integer_value(json_object_get(one, "rows")), ctl_text(one, "rule"),
                    ctl_text(one, "reason"));
    }
    (void)json_object_del(answer, "forecast");
}

static int run_submit(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/decisions", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_upload(c, "POST", path, "application/cms", a->v[1], &j, &text);
    if (rc == CTL_OK) {
        say_warnings(c, j);
        ctl_say_forecast(c, j);
        ctl_say_notified(c, j);
    }
    return rc == CTL_OK ? show_decision(c, j, text, c->quiet) : rc;
}

static int run_show(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path,
                  a->opt[0] != NULL ? "/v1/incidents/{}/decisions/{}?form=cms"
                                    : "/v1/incidents/{}/decisions/{}",
                  a->v[0], a->v[1]))
        return CTL_INPUT;
    if (a->opt[0] != NULL)
        return ctl_download(c, path, a->opt[0]);
    rc = ctl_get(c, path, &j, &text);
    return rc == CTL_OK ? show_decision(c, j, text, false) : rc;
}

/* ---- draft ---- */

static void take(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *v = json_object_get(from, member);

    if (v != NULL && !json_is_null(v) &&
        !(json_is_string(v) && json_string_value(v)[0] == '\0'))
        (void)json_object_set(to, name, v);
}

static void fill_in(json_t *d, const char *name)
{
    if (json_object_get(d, name) == NULL)
        (void)json_object_set_new(d, name, json_null());
}

static void take_window(json_t *d, const char *hours)
{
    char text[CLOCK_TEXT_LEN];
    struct clock clock = clock_system();
    int64_t now = clock_now(&clock) / 1000000 * 1000000;
    int64_t h = hours != NULL ? strtoll(hours, NULL, 10) : 24;

    if (h < 1 || h > 24L * 366)
        h = 24;
    clock_text(now, text);
    (void)json_object_set_new(d, "valid_from", json_string(text));
    clock_text(now + h * 3600 * 1000000, text);
    (void)json_object_set_new(d, "valid_to", json_string(text));
}

/* What has ended before: the rest of the chain whose last the new one may supersede. */
static void take_chain(json_t *d, const json_t *incident)
{
    json_t *list = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(incident, "decisions"), i, one)
    {
        if (strcmp(ctl_text(one, "outcome"), "activation") == 0 ||
            strcmp(ctl_text(one, "state"), "live") == 0)
            continue;
        if (json_array_size(list) == AUTHORITY_EARLIER_MAX)
            (void)json_array_remove(list, 0);
        (void)json_array_append(list, json_object_get(one, "id"));
    }
    if (json_array_size(list) > 0)
        (void)json_object_set(d, "supersedes_earlier", list);
    json_decref(list);
}

/* What the service knows of the incident, in the members of the schema; the rest is null,
 * which the schema refuses everywhere: an unfinished document names what it lacks. */
static int run_draft(struct ctl *c, const struct ctl_args *a)
{
    static const char *const ask[] = {
        "subscriber",   "initiator",       "requester", "compromised",   "conflicts",
        "meeting",      "guidance",        "reasons",   "residual_risk", "conditions",
        "key",          "key_certificate", "method",    "mode",          "replacements",
        "device_types", "attempts",
    };
    const size_t n_ask = sizeof ask / sizeof ask[0] - (a->opt[1] != NULL ? 7 : 0);
    char path[512], id[AUTHORITY_ID_MAX];
    json_t *j, *d;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_get(c, path, &j, NULL);
    if (rc != CTL_OK)
        return rc;
    (void)snprintf(id, sizeof id, "%.40s-%lld", a->v[0], (long long)time(NULL));
    d = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "schema", "smki-recovery/authority/1",
                  "kind", "decision", "id", id, "incident", a->v[0], "by",
                  a->opt[0] != NULL ? a->opt[0] : "pma", "outcome",
                  a->opt[1] != NULL ? a->opt[1] : "authorise");
    (void)json_object_set_new(d, "exercise",
                              json_boolean(json_is_true(json_object_get(j, "exercise"))));
    take(d, "parent_incident", j, "parent");
    take(d, "initiator", j, "initiator");
    take(d, "subscriber", j, "subscriber");
    take(d, "replacement_subscriber", j, "replacement_subscriber");
    take_chain(d, j);
    take_window(d, a->opt[2]);
    if (json_is_object(json_object_get(j, "roster")) && a->opt[1] == NULL) {
        json_t *r = json_object();

        take(r, "sha256", json_object_get(j, "roster"), "sha256");
        take(r, "count", json_object_get(j, "roster"), "count");
        (void)json_object_set_new(d, "roster", r);
    }
    for (size_t i = 0; i < n_ask; i++)
        fill_in(d, ask[i]);
    if (a->opt[1] != NULL && strcmp(a->opt[1], "appoint") == 0) {
        fill_in(d, "replacement_subscriber");
        fill_in(d, "appointment");
    }
    json_decref(j);
    text = json_dumps(d, JSON_INDENT(2));
    json_decref(d);
    if (text == NULL)
        return CTL_STORE;
    (void)printf("%s\n", text);
    free(text);
    if (!c->quiet)
        ctl_say(
            "put values where it says null, then: decision review FILE, and openssl cms "
            "-sign -binary -nodetach");
    return CTL_OK;
}

const struct ctl_verb ctl_decision_verbs[] = {
    {"decision submit",
     "INCIDENT FILE",
     2,
     2,
     "Hand in a signed decision or instruction, CMS (DER or PEM)",
     run_submit,
     {{0}}},
    {"decision show",
     "INCIDENT DECISION",
     2,
     2,
     "One decision and its signers",
     run_show,
     {{"cms", "FILE", "write the CMS itself here"}}},
    {"decision draft",
     "INCIDENT",
     1,
     1,
     "A document to complete and to sign",
     run_draft,
     {{"by", "NAME", "the [Authority] it is made by (default pma)"},
      {"outcome", "WORD", "default authorise"},
      {"hours", "N", "how long it is to stand (default 24)"}}},
    {"decision review",
     "FILE",
     1,
     1,
     "Read a decision (JSON or CMS) as the service would, in words",
     ctl_review,
     {{"config", "FILE", "judge the signatures by this configuration's anchors and quorum"},
      {"ask", NULL, "ask the service what would become of it, and what named has ended"}}},
    {0},
};
