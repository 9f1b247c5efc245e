/* SPDX-License-Identifier: MIT */
#include "sheet_page.h"

#include "ctl.h"
#include "incident.h"
#include "page.h"
#include "paper.h"

#include <string.h>

/* ---- what else was open ---- */

#define PMA_DOCUMENTS                                                                     \
    (EVIDENCE_BIT(EVIDENCE_DECISION_AUTHORISE) | EVIDENCE_BIT(EVIDENCE_DECISION_REFUSE) | \
     EVIDENCE_BIT(EVIDENCE_DECISION_ABORT) |                                              \
     EVIDENCE_BIT(EVIDENCE_DECISION_DEFER_REVOCATION) |                                   \
     EVIDENCE_BIT(EVIDENCE_DECISION_DEFER_ID_TRANSFER) |                                  \
     EVIDENCE_BIT(EVIDENCE_DECISION_DIRECT_OTHER) |                                       \
     EVIDENCE_BIT(EVIDENCE_DECISION_APPOINT))

/* The event that has the document among its evidence. */
static const json_t *event_of(const json_t *incident, const char *id)
{
    const json_t *e, *value;
    const char *kind;
    size_t i;

    json_array_foreach(json_object_get(incident, "events"), i, e)
        json_object_foreach(json_object_get(e, "evidence"), kind,
                            value) if (json_is_string(value) &&
                                       strcmp(json_string_value(value), id) == 0) return e;
    return NULL;
}

static bool listed(const json_t *options, const char *event)
{
    const json_t *one;
    size_t i;

    json_array_foreach(options, i,
                       one) if (strcmp(ctl_text(one, "event"), event) == 0) return true;
    return false;
}

json_t *sheet_options(const json_t *incident, const char *id)
{
    json_t *options = json_array();
    const json_t *met = event_of(incident, id);
    const struct transition *taken = NULL;
    enum state from;
    enum event event;

    if (met == NULL || !incident_state_find(ctl_text(met, "from"), &from) ||
        !incident_event_find(ctl_text(met, "event"), &event))
        return options;
    for (size_t i = 0; i < incident_n_transitions && taken == NULL; i++)
        if (incident_transitions[i].event == event &&
            (incident_transitions[i].from & STATE_BIT(from)) != 0)
            taken = &incident_transitions[i];
    if (taken == NULL || (taken->evidence & PMA_DOCUMENTS) == 0)
        return options;
    for (size_t i = 0; i < incident_n_transitions; i++) {
        const struct transition *t = &incident_transitions[i];
        const char *name = incident_event(t->event)->name;

        if ((t->from & STATE_BIT(from)) != 0 && (t->routes & taken->routes) != 0 &&
            (t->evidence & PMA_DOCUMENTS) != 0 && !listed(options, name))
            (void)json_array_append_new(
                options, json_pack("{s:s,s:s,s:s,s:b}", "event", name, "source", t->source,
                                   "certainty", t->certainty, "taken", t->event == event));
    }
    return options;
}

/* ---- the page ---- */

static void put_head(FILE *f, const json_t *incident, const json_t *d)
{
    const json_t *paper = json_object_get(d, "document"), *one;
    json_int_t counted = 0;
    char at[24];
    size_t i;

    page_put(f, "<p class=\"soft\">Decision sheet, {}</p>\n<h1>{}: {} {}</h1>\n<p>",
             ctl_text(incident, "id"), ctl_text(paper, "id"), ctl_text(d, "outcome"),
             ctl_text(paper, "method"));
    page_tag(f, strcmp(ctl_text(d, "state"), "live") == 0 ? "good" : "now",
             ctl_text(d, "state"));
    page_put(f, " {}; handed in {} UTC.</p>\n<dl class=\"figures\">\n",
             ctl_text(incident, "title"), paper_moment(d, "at", at));
    if (json_object_get(paper, "roster") != NULL)
        paper_figure(f, "Devices named",
                     paper_number(json_object_get(paper, "roster"), "count"));
    if (json_array_size(json_object_get(paper, "replacements")) > 0)
        paper_figure(f, "Cells replaced",
                     (json_int_t)json_array_size(json_object_get(paper, "replacements")));
    json_array_foreach(json_object_get(d, "signers"), i, one) counted +=
        json_is_true(json_object_get(one, "counted"));
    paper_figure(f, "Signatures that count", counted);
    paper_figure(f, "Signatures needed",
                 paper_number(json_object_get(d, "quorum"), "threshold"));
    (void)fputs("</dl>\n", f);
}

static void put_incident(FILE *f, const json_t *incident)
{
    char at[24];

    (void)fputs("<section>\n<h2>The incident</h2>\n<dl class=\"pairs\">\n", f);
    paper_pair(f, "What", incident, "title");
    paper_pair(f, "Notified by", incident, "initiator");
    paper_pair(f, "Whose keys", incident, "subscriber");
    paper_pair(f, "Part of", incident, "parent");
    page_put(f, "<dt>Opened</dt><dd>{} UTC</dd>\n", paper_moment(incident, "opened", at));
    paper_pair(f, "State now", incident, "state");
    (void)fputs("</dl>\n</section>\n", f);
}

static void put_window(FILE *f, const json_t *paper)
{
    char from[24], to[24];

    page_put(f, "<dt>Window</dt><dd>{} to {} UTC</dd>\n",
             paper_moment(paper, "valid_from", from), paper_moment(paper, "valid_to", to));
}

/* One row for each cell: what it holds, what happened to that, what takes its place. */
static void put_cells(FILE *f, const json_t *paper)
{
    const json_t *bad, *fresh;
    size_t i, k;

    if (json_array_size(json_object_get(paper, "compromised")) == 0)
        return;
    (void)fputs(
        "<table><thead><tr><th scope=\"col\">Cell</th><th scope=\"col\">Certificate "
        "that is compromised</th><th scope=\"col\">Cause</th><th scope=\"col\">How "
        "sure</th><th scope=\"col\">What takes its place</th></tr></thead><tbody>\n",
        f);
    json_array_foreach(json_object_get(paper, "compromised"), i, bad)
    {
        page_put(f, "<tr><td class=\"code\">{}</td><td class=\"code\">",
                 ctl_text(bad, "cell"));
        (void)fprintf(f, "%.16s&hellip;</td>", ctl_text(bad, "certificate"));
        page_put(f, "<td>{}</td><td>", ctl_text(bad, "cause"));
        page_tag(f, "", ctl_text(bad, "certainty"));
        (void)fputs("</td><td class=\"code\">", f);
        json_array_foreach(
            json_object_get(paper, "replacements"), k,
            fresh) if (strcmp(ctl_text(fresh, "cell"), ctl_text(bad, "cell")) == 0)(void)
            fprintf(f, "%.16s&hellip;", ctl_text(fresh, "certificate"));
        (void)fputs("</td></tr>\n", f);
    }
    (void)fputs("</tbody></table>\n", f);
}

static void put_decided(FILE *f, const json_t *paper)
{
    (void)fputs("<section>\n<h2>What was decided</h2>\n<dl class=\"pairs\">\n", f);
    paper_pair(f, "Outcome", paper, "outcome");
    paper_pair(f, "Method", paper, "method");
    paper_pair(f, "Mode", paper, "mode");
    paper_pair(f, "By which key", paper, "key");
    paper_pair(f, "Its certificate", paper, "key_certificate");
    paper_pair(f, "Types", paper, "device_types");
    paper_pair(f, "Commands a device", paper, "attempts");
    put_window(f, paper);
    paper_pair(f, "Devices", json_object_get(paper, "roster"), "count");
    paper_pair(f, "Digest of the list", json_object_get(paper, "roster"), "sha256");
    paper_pair(f, "Of the decision", paper, "decision");
    paper_pair(f, "Another course", paper, "direction");
    (void)fputs("</dl>\n", f);
    put_cells(f, paper);
    (void)fputs("</section>\n", f);
}

static void put_options(FILE *f, const json_t *options)
{
    const json_t *one;
    size_t i;

    if (json_array_size(options) == 0)
        return;
    (void)fputs("<section>\n<h2>What could have been decided</h2>\n<table><thead><tr>"
                "<th scope=\"col\">Course</th><th scope=\"col\">Source</th>"
                "<th scope=\"col\">How sure</th><th scope=\"col\">Taken</th></tr></thead>"
                "<tbody>\n",
                f);
    json_array_foreach(options, i, one)
    {
        bool taken = json_is_true(json_object_get(one, "taken"));

        page_put(f, "<tr><td>{}</td><td>{}</td><td>",
                 ctl_event_words(ctl_text(one, "event")), ctl_text(one, "source"));
        page_tag(f, "", ctl_text(one, "certainty"));
        (void)fputs("</td><td>", f);
        if (taken)
            page_tag(f, "good", "this one");
        (void)fputs("</td></tr>\n", f);
    }
    (void)fputs("</tbody></table>\n</section>\n", f);
}

static void put_members(FILE *f, const json_t *meeting)
{
    const json_t *one;
    size_t i;

    if (json_array_size(json_object_get(meeting, "members")) == 0)
        return;
    (void)fputs("<dt>Present</dt><dd>", f);
    json_array_foreach(json_object_get(meeting, "members"), i, one)
    {
        page_put(f, "{}{} ({}", i > 0 ? ", " : "", ctl_text(one, "holder"),
                 ctl_text(one, "seat"));
        if (ctl_text(one, "vote")[0] != '\0')
            page_put(f, ": {}", ctl_text(one, "vote"));
        (void)fputs(")", f);
    }
    (void)fputs("</dd>\n", f);
}

static void put_why(FILE *f, const json_t *paper)
{
    const json_t *meeting = json_object_get(paper, "meeting"), *one;
    size_t i;

    (void)fputs("<section>\n<h2>Why, and by whose votes</h2>\n<dl class=\"pairs\">\n", f);
    paper_votes(f, json_object_get(meeting, "votes"));
    put_members(f, meeting);
    paper_pair(f, "Meeting", meeting, "reference");
    json_array_foreach(json_object_get(paper, "conflicts"), i, one)
        page_put(f, "<dt>Conflict of interest</dt><dd>{}: {}</dd>\n",
                 ctl_text(one, "holder"), ctl_text(one, "reason"));
    paper_factors(f, "Shall be weighed",
                  json_object_get(json_object_get(paper, "guidance"), "shall"));
    paper_factors(f, "May be weighed",
                  json_object_get(json_object_get(paper, "guidance"), "may"));
    paper_pair(f, "Guidance", json_object_get(paper, "guidance"), "version");
    paper_pair(f, "Ceremony", paper, "ceremony");
    paper_pair(f, "Reasons", paper, "reasons");
    paper_pair(f, "Risk that stays", paper, "residual_risk");
    (void)fputs("</dl>\n</section>\n", f);
}

static void put_settings(FILE *f, const json_t *settings)
{
    const json_t *one;
    size_t i;

    json_array_foreach(settings, i, one)
    {
        page_put(f, "<dt>{}</dt><dd>{} ", ctl_text(one, "says"), ctl_text(one, "value"));
        page_tag(f, "", ctl_text(one, "certainty"));
        page_put(f,
                 " <small>{}= of this house: public text has no such number or name</small>"
                 "</dd>\n",
                 ctl_text(one, "key"));
    }
}

static void put_conditions(FILE *f, const json_t *d)
{
    const json_t *paper = json_object_get(d, "document"), *one;
    char review[24];
    size_t i;

    (void)fputs("<section>\n<h2>Under which conditions</h2>\n<dl class=\"pairs\">\n", f);
    json_array_foreach(json_object_get(paper, "conditions"), i, one)
        page_put(f, "<dt>Condition {}</dt><dd>{}</dd>\n",
                 (char[]){(char)('1' + (i < 9 ? i : 8)), '\0'}, json_string_value(one));
    if (i == 0)
        (void)fputs("<dt>Conditions</dt><dd>none are written in it</dd>\n", f);
    paper_pair(f, "The deferral ends when", paper, "end_condition");
    if (ctl_text(paper, "review")[0] != '\0')
        page_put(f, "<dt>It is looked at again</dt><dd>{} UTC</dd>\n",
                 paper_moment(paper, "review", review));
    paper_pair(f, "Risk that was weighed", paper, "risk_weighed");
    paper_pair(f, "Supersedes", paper, "supersedes");
    put_settings(f, json_object_get(d, "settings"));
    (void)fputs("</dl>\n</section>\n", f);
}

static void put_signatures(FILE *f, const json_t *d)
{
    const json_t *quorum = json_object_get(d, "quorum");
    struct paper_text k, n, seats;

    (void)fputs("<section>\n<h2>Who signed it</h2>\n", f);
    if (paper_number(quorum, "threshold") > 0) {
        page_put(f, "<p>{} of {} are needed", paper_member(quorum, "threshold", &k),
                 paper_member(quorum, "members", &n));
        if (paper_member(quorum, "seats", &seats)[0] != '\0')
            page_put(f, ", among them: {}", seats.text);
        (void)fputs(", by this house's configuration. ", f);
        page_tag(f, "", ctl_text(quorum, "certainty"));
        (void)fputs("</p>\n", f);
    }
    paper_signers(f, json_object_get(d, "signers"));
    (void)fputs("</section>\n", f);
}

/* Four groups of four on a line: what two people read to each other. */
static void put_digest(FILE *f, const char *hex)
{
    size_t len = strlen(hex);

    (void)fputs("<section class=\"keep\">\n<h2>Compare by eye</h2>\n<p>SHA-256 of the "
                "document as it was "
                "signed. Two people, two copies, line by line.</p>\n<pre class=\"digest\">",
                f);
    for (size_t i = 0; i + 4 <= len; i += 4)
        (void)fprintf(f, "%.4s%s", hex + i,
                      i + 4 >= len       ? ""
                      : (i / 4) % 4 == 3 ? "\n"
                                         : "  ");
    (void)fputs("</pre>\n</section>\n", f);
}

static void put_check(FILE *f, const json_t *incident, const json_t *d)
{
    const json_t *paper = json_object_get(d, "document");
    const json_t *quorum = json_object_get(d, "quorum");
    struct paper_text k, n;

    page_put(
        f,
        "<section>\n<h2>How to check it</h2>\n<p>With openssl alone, and the anchor of "
        "those who sign ({}), which you have from them and not from this service:</p>\n"
        "<pre>smki-recoveryctl decision show {} {} --cms decision.cms\n"
        "openssl cms -verify -binary -inform DER -in decision.cms -CAfile anchor.pem \\\n"
        "    -no-CApath -no-CAstore -signer signers.pem -out decision.json\n"
        "openssl dgst -sha256 decision.json\n",
        ctl_text(paper, "by"), ctl_text(incident, "id"), ctl_text(paper, "id"));
    if (paper_number(quorum, "threshold") > 0)
        page_put(f, "smki-recovery-check-decision decision.cms anchor.pem {} {}\n",
                 paper_member(quorum, "threshold", &k),
                 paper_member(quorum, "members", &n));
    (void)fputs(
        "</pre>\n<p>The second line checks every signature, the third must print the "
        "digest above; the last one counts people.</p>\n",
        f);
    if (json_object_get(paper, "roster") != NULL)
        page_put(f,
                 "<p>The list of devices is named by its digest: <span class=\"code\">"
                 "smki-recoveryctl roster get {} | openssl dgst -sha256</span></p>\n",
                 ctl_text(incident, "id"));
    (void)fputs("</section>\n", f);
}

void sheet_page(FILE *f, const json_t *sheet)
{
    const json_t *incident = json_object_get(sheet, "incident");
    const json_t *d = json_object_get(sheet, "decision");
    const json_t *paper = json_object_get(d, "document");

    page_open(f, ctl_text(paper, "id"), json_is_true(json_object_get(paper, "exercise")));
    put_head(f, incident, d);
    put_incident(f, incident);
    put_decided(f, paper);
    put_options(f, json_object_get(sheet, "options"));
    put_why(f, paper);
    put_conditions(f, d);
    put_signatures(f, d);
    put_digest(f, ctl_text(d, "sha256"));
    put_check(f, incident, d);
    page_close(f);
}
