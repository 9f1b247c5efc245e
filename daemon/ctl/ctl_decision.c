/* SPDX-License-Identifier: MIT
 *
 * Verbs of decisions: hand in, show, draft one to be signed, read one before signing it.
 */
#include "ctl.h"

#include "authority.h"
#include "cmsmerge.h"
#include "mem.h"
#include "plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* A file that is not there yet: somebody's approval may have that name. */
static int write_new(const char *file, struct span octets)
{
    FILE *f = fopen(file, "wxe");
    int why = f == NULL ? errno : 0;

    if (f != NULL && fwrite(octets.at, 1, octets.len, f) != octets.len)
        why = errno;
    if (f != NULL && fclose(f) != 0 && why == 0)
        why = errno;
    if (why == 0)
        return CTL_OK;
    ctl_say("%s cannot be written: %s", file, strerror(why));
    ctl_next("name a file that is not there yet, in a folder that you may write");
    if (f == NULL)
        return CTL_INPUT;
    (void)unlink(file);
    return CTL_STORE;
}

/* By whose signature from which file; in one order, whatever the files hold. */
static void say_joined(const struct ctl *c, const struct cmsmerge *m, const char *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct cmsmerge_signer *s = &m->signers[i];
        char holder[sizeof s->holder];

        (void)snprintf(holder, sizeof holder, "%s", s->holder);
        plain_tidy(holder);
        if (!c->quiet)
            (void)printf("%-14s %s, from %s\n", i == 0 ? "signers" : "", holder, s->part);
        if (s->unsorted)
            ctl_say("warning: \"%s\" has signed attributes that do not stand in DER order; "
                    "they stay as they are. openssl cms -resign would sort them, and break "
                    "the signature: join further ones by this verb",
                    holder);
    }
    if (!c->quiet)
        ctl_say("decision review --config FILE %s says who counts", out);
}

static int run_merge(struct ctl *c, const struct ctl_args *a)
{
    struct cmsmerge_part parts[CMSMERGE_SIGNERS_MAX];
    char *texts[CMSMERGE_SIGNERS_MAX] = {NULL};
    AUTO(mem) char *document = NULL;
    struct cmsmerge m = {.n = 0};
    size_t len, n = 0;
    struct err e;
    int rc = CTL_OK;

    if (a->opt[0] == NULL) {
        ctl_say("-o FILE is due: where the joined message is to be");
        ctl_next("smki-recoveryctl decision merge --help");
        return CTL_USAGE;
    }
    len = 0;
    if (a->opt[1] != NULL && !ctl_read_file(a->opt[1], AUTHORITY_TEXT_MAX, &document, &len))
        return CTL_INPUT;
    for (int i = 0; rc == CTL_OK && i < a->n; i++) {
        size_t octets;

        if (!ctl_read_file(a->v[i], AUTHORITY_CMS_MAX, &texts[n], &octets))
            rc = CTL_INPUT;
        else
            parts[n] = (struct cmsmerge_part){a->v[i], span_of(texts[n], octets)};
        n += rc == CTL_OK;
    }
    if (rc == CTL_OK && !cmsmerge_join(parts, n, span_of(document, len), &m, &e))
        rc = ctl_failed_here(&e);
    if (rc == CTL_OK)
        rc = write_new(a->opt[0], m.out);
    if (rc == CTL_OK)
        say_joined(c, &m, a->opt[0]);
    cmsmerge_done(&m);
    while (n-- > 0)
        free(texts[n]);
    return rc;
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
    {"decision sheet",
     "INCIDENT DECISION",
     2,
     2,
     "One decision as a paper: options, votes, signers, digest, how to check it",
     ctl_sheet,
     {{"html", NULL, "one page that needs nothing else (else: --json)"},
      {"out", "FILE", "write it here (default: standard output)"}}},
    {"decision draft",
     "INCIDENT",
     1,
     1,
     "A document to complete and to sign",
     ctl_draft,
     {{"by", "NAME", "the [Authority] it is made by (default: as the kind has it)"},
      {"outcome", "WORD", "authorise (default), refuse, defer-revocation, ..."},
      {"hours", "N", "how long it is to stand (default 24)"},
      {"kind", "WORD", "decision (default), instruction or activation"}}},
    {"decision merge",
     "FILE...",
     1,
     CMSMERGE_SIGNERS_MAX,
     "Join approvals that people made apart, each with an own tool",
     run_merge,
     {{"out", "FILE", "the joined message, DER, here; -o FILE too"},
      {"document", "FILE", "what was signed, where no file has it inside"}}},
    {"decision review",
     "FILE",
     1,
     1,
     "Read a decision (JSON or CMS) as the service would, in words",
     ctl_review,
     {{"config", "FILE", "judge the signatures by this configuration's anchors and quorum"},
      {"ask", NULL, "ask the service what would become of it, and what named has ended"},
      {"certificates", "FILE", "PEM: whose certificates it names (--ask: those on file)"}}},
    {0},
};
