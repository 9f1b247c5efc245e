/* SPDX-License-Identifier: MIT */
#include "report_page.h"

#include "ctl.h"
#include "mem.h"
#include "page.h"
#include "paper.h"
#include "rules.h"

#include <string.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

/* By state, those among them that the supplier has replaced with its own key: its progress files
 * say how many, and not which; where nothing was signed that is said of the rest. To be
 * released. */
static json_t *with_own(const json_t *figures)
{
    json_t *all = json_copy(json_object_get(figures, "by_state"));
    json_int_t own = paper_number(json_object_get(figures, "by_key"), "own");
    json_int_t left = paper_number(figures, "devices");
    const char *state;
    const json_t *n;

    json_object_foreach(all, state, n) left -= json_integer_value(n);
    if (own > left)
        own = left;
    if (own > 0)
        (void)json_object_set_new(all, "own", json_integer(own));
    if (paper_number(figures, "commands_signed") == 0 && left > own)
        (void)json_object_set_new(all, "untouched", json_integer(left - own));
    (void)json_object_set(all, "devices", json_object_get(figures, "devices"));
    return all;
}

static void put_head(FILE *f, const json_t *incident, const json_t *figures)
{
    AUTO(json) json_t *all = with_own(figures);
    json_int_t done = paper_number(all, "success") + paper_number(all, "own") +
                      paper_number(all, "excused");
    char opened[24], closed[24];
    struct paper_text title, about;

    page_put(f, "<p class=\"soft\">Incident report, {}</p>\n<h1>{}</h1>\n<p>",
             ctl_text(incident, "id"), paper_member(incident, "title", &title));
    page_tag(f, strcmp(ctl_text(incident, "state"), "CLOSED") == 0 ? "good" : "now",
             ctl_text(incident, "state"));
    page_put(f, " {} Route {}. Notified by {}", paper_member(incident, "about", &about),
             ctl_text(incident, "route"), ctl_text(incident, "initiator"));
    if (ctl_text(incident, "subscriber")[0] != '\0')
        page_put(f, " about the keys of <span class=\"code\">{}</span>",
                 ctl_text(incident, "subscriber"));
    if (ctl_text(incident, "parent")[0] != '\0')
        page_put(f, "; part of {}", ctl_text(incident, "parent"));
    page_put(f, ".</p>\n<p class=\"soft\">Opened {}",
             paper_moment(incident, "opened", opened));
    if (paper_moment(incident, "closed", closed)[0] != '\0')
        page_put(f, ", closed {}", closed);
    (void)fputs(". All times are UTC.</p>\n<dl class=\"figures\">\n", f);
    paper_figure(f, "Devices on the list", paper_number(incident, "devices"));
    paper_figure(f, "Commands signed", paper_number(incident, "signed"));
    paper_figure(f, "Devices replaced",
                 paper_number(incident, "recovered") + paper_number(all, "own"));
    if (paper_number(figures, "commands_signed") > 0)
        paper_figure(f, "Still open", paper_number(figures, "devices") - done);
    paper_figure(f, "Refused requests",
                 (json_int_t)json_array_size(json_object_get(incident, "refusals")));
    (void)fputs("</dl>\n", f);
}

static void put_counts(FILE *f, const char *title, const json_t *counts)
{
    const char *name;
    const json_t *n;
    char text[32];

    if (json_object_size(counts) == 0)
        return;
    page_put(f, "<dt>{}</dt><dd>", title);
    json_object_foreach((json_t *)(uintptr_t)counts, name, n)
        page_put(f, "{} <b>{}</b>&ensp; ", name, page_number(json_integer_value(n), text));
    (void)fputs("</dd>\n", f);
}

static void put_progress(FILE *f, const json_t *figures)
{
    AUTO(json) json_t *by_state = NULL;
    const json_t *of;
    const char *type;

    if (figures == NULL)
        return;
    by_state = with_own(figures);
    (void)fputs("<section>\n<h2>How far it is</h2>\n", f);
    page_bar(f, "All devices", by_state);
    if (json_object_get(by_state, "own") == NULL &&
        paper_number(figures, "commands_signed") > 0)
        json_object_foreach(json_object_get(figures, "by_type"), type, of)
            page_bar(f, type, of);
    page_bar_key(f, by_state);
    (void)fputs("<dl class=\"pairs\">\n", f);
    put_counts(f, "Replaced by which key", json_object_get(figures, "by_key"));
    put_counts(f, "What the devices hold", json_object_get(figures, "holds"));
    put_counts(f, "SMI status now", json_object_get(figures, "smi_status"));
    put_counts(f, "Answers set aside", json_object_get(figures, "set_aside"));
    (void)fputs("</dl>\n</section>\n", f);
}

static void put_evidence(FILE *f, const json_t *evidence)
{
    const char *name;
    const json_t *v;
    struct paper_text text, last = {""};

    json_object_foreach((json_t *)(uintptr_t)evidence, name, v)
    {
        ctl_scalar(v, text.text);
        /* one text often stands for several kinds of evidence */
        if (text.text[0] != '\0' && strcmp(text.text, last.text) != 0)
            page_put(f, "<span class=\"soft\">{}: {}</span>", name, text.text);
        last = text;
    }
}

/* The day is said where it begins. */
static void put_when(FILE *f, const char *at, char day[static 11])
{
    char time[24];

    (void)page_time(at, time);
    if (strncmp(time, day, 10) != 0)
        (void)snprintf(day, 11, "%.10s", time);
    else
        memmove(time, time + 11, strlen(time + 11) + 1);
    page_put(f, "<time>{}</time>", time);
}

static void put_way(FILE *f, const json_t *incident)
{
    char day[11] = "";
    const json_t *e;
    size_t i;

    (void)fputs("<section>\n<h2>What happened</h2>\n<ol class=\"way\">\n", f);
    json_array_foreach(json_object_get(incident, "events"), i, e)
    {
        bool moved = strcmp(ctl_text(e, "from"), ctl_text(e, "to")) != 0;

        page_put(f, "<li class=\"{}\">", moved ? "turn" : "same");
        put_when(f, ctl_text(e, "at"), day);
        page_put(f, "{}", ctl_event_words(ctl_text(e, "event")));
        if (moved)
            page_put(f, " &rarr; <span class=\"to\">{}</span>", ctl_text(e, "to"));
        put_evidence(f, json_object_get(e, "evidence"));
        page_put(f, "<span class=\"soft\">told by {} ({})", ctl_text(e, "as"),
                 ctl_text(e, "by"));
        if (ctl_text(e, "source")[0] != '\0')
            page_put(f, "; {}", ctl_text(e, "source"));
        if (ctl_text(e, "certainty")[0] != '\0')
            page_put(f, " ({})", ctl_text(e, "certainty"));
        (void)fputs("</span></li>\n", f);
    }
    (void)fputs("</ol>\n</section>\n", f);
}

static void put_decision(FILE *f, const json_t *d)
{
    const json_t *paper = json_object_get(d, "document");
    char from[24], to[24];

    page_put(f, "<section class=\"card\">\n<h3>{}: {}", ctl_text(paper, "id"),
             ctl_text(d, "outcome"));
    if (ctl_text(paper, "method")[0] != '\0')
        page_put(f, " {}", ctl_text(paper, "method"));
    (void)fputs(" ", f);
    page_tag(f, "", ctl_text(d, "state"));
    page_put(f, "</h3>\n<dl class=\"pairs\"><dt>Window</dt><dd>{} to {}</dd>\n",
             paper_moment(paper, "valid_from", from), paper_moment(paper, "valid_to", to));
    paper_pair(f, "Key", paper, "key");
    paper_pair(f, "Devices", json_object_get(paper, "roster"), "count");
    paper_pair(f, "Types", paper, "device_types");
    paper_votes(f, json_object_get(json_object_get(paper, "meeting"), "votes"));
    paper_factors(f, "Shall be weighed",
                  json_object_get(json_object_get(paper, "guidance"), "shall"));
    paper_factors(f, "May be weighed",
                  json_object_get(json_object_get(paper, "guidance"), "may"));
    paper_pair(f, "Reasons", paper, "reasons");
    paper_pair(f, "Risk that stays", paper, "residual_risk");
    paper_pair(f, "Supersedes", paper, "supersedes");
    page_put(f, "<dt>SHA-256</dt><dd class=\"code\">{}</dd></dl>\n", ctl_text(d, "sha256"));
    paper_signers(f, json_object_get(d, "signers"));
    (void)fputs("</section>\n", f);
}

static void put_batches(FILE *f, const json_t *batches)
{
    char rows[32], done[32], failed[32], at[24];
    const json_t *b;
    size_t i;

    if (json_array_size(batches) == 0)
        return;
    (void)fputs(
        "<section>\n<h2>What was signed</h2>\n<table><thead><tr><th scope=\"col\">"
        "Batch</th><th scope=\"col\">Under</th><th scope=\"col\">Key</th>"
        "<th scope=\"col\" class=\"n\">Rows</th><th scope=\"col\" class=\"n\">Signed"
        "</th><th scope=\"col\" class=\"n\">Failed</th><th scope=\"col\">Started"
        "</th><th scope=\"col\">Asked, confirmed by</th><th scope=\"col\">State</th>"
        "</tr></thead><tbody>\n",
        f);
    json_array_foreach(batches, i, b)
    {
        struct paper_text id, why;
        const char *state = ctl_text(b, "state");

        page_put(f,
                 "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td>"
                 "<td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}",
                 paper_member(b, "id", &id), ctl_text(b, "decision"), ctl_text(b, "key"),
                 page_number(paper_number(b, "rows"), rows),
                 page_number(paper_number(b, "signed"), done),
                 page_number(paper_number(b, "failed"), failed),
                 paper_moment(b, "started", at), ctl_text(b, "asked_by"));
        if (ctl_text(b, "confirmed_by")[0] != '\0')
            page_put(f, "<br>{}", ctl_text(b, "confirmed_by"));
        (void)fputs("</td><td>", f);
        page_tag(f, strcmp(state, "done") == 0 ? "good" : "now", state);
        page_put(f, " {}</td></tr>\n", paper_member(b, "reason", &why));
    }
    (void)fputs("</tbody></table>\n</section>\n", f);
}

static void put_children(FILE *f, const json_t *children)
{
    const json_t *one;
    size_t i;

    if (json_array_size(children) == 0)
        return;
    (void)fputs("<section>\n<h2>Its incidents</h2>\n<table><thead><tr><th scope=\"col\">"
                "Incident</th><th scope=\"col\">Route</th><th scope=\"col\">State</th></tr>"
                "</thead><tbody>\n",
                f);
    json_array_foreach(children, i, one)
        page_put(f, "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n", ctl_text(one, "id"),
                 ctl_text(one, "route"), ctl_text(one, "state"));
    (void)fputs("</tbody></table>\n</section>\n", f);
}

/* {rule: [first, last, how often]}, in the order in which they were met. To be released. */
static json_t *by_rule(const json_t *refusals)
{
    json_t *grouped = json_object();
    json_t *one, *met;
    size_t i;

    json_array_foreach(refusals, i, one)
    {
        met = json_object_get(grouped, ctl_text(one, "rule"));
        if (met == NULL) {
            (void)json_object_set_new(grouped, ctl_text(one, "rule"),
                                      json_pack("[O,O,i]", one, one, 1));
            continue;
        }
        (void)json_array_set(met, 1, one);
        (void)json_integer_set(json_array_get(met, 2),
                               json_integer_value(json_array_get(met, 2)) + 1);
    }
    return grouped;
}

static void put_refusal(FILE *f, const char *name, const json_t *met)
{
    const json_t *first = json_array_get(met, 0), *last = json_array_get(met, 1);
    const struct rule *rule = rules_find(name);
    char n[32], from[24], to[24];

    page_put(f, "<tr><td class=\"n\">{}</td><td><span class=\"code\">{}</span><br>{}",
             page_number(json_integer_value(json_array_get(met, 2)), n), name,
             ctl_text(first, "why"));
    page_put(f, "</td><td>{}</td><td>", rule != NULL ? rule->source : "");
    if (rule != NULL)
        page_tag(f, "", rule->certainty);
    page_put(f, "</td><td class=\"t\">{}", paper_moment(first, "at", from));
    if (first != last)
        page_put(f, "<br>{}", paper_moment(last, "at", to));
    (void)fputs("</td></tr>\n", f);
}

static void put_refusals(FILE *f, const json_t *refusals)
{
    AUTO(json) json_t *grouped = by_rule(refusals);
    const char *name;
    const json_t *met;

    (void)fputs("<section>\n<h2>What was refused</h2>\n", f);
    if (json_array_size(refusals) == 0) {
        (void)fputs("<p>Nothing.</p>\n</section>\n", f);
        return;
    }
    (void)fputs(
        "<p>Nothing was changed by any of these. One row for each rule.</p>\n"
        "<table><thead><tr><th scope=\"col\" class=\"n\">Times</th><th scope=\"col\">"
        "Rule, and what was said first</th><th scope=\"col\">Source</th>"
        "<th scope=\"col\">How sure</th><th scope=\"col\">First, last</th></tr>"
        "</thead><tbody>\n",
        f);
    json_object_foreach(grouped, name, met) put_refusal(f, name, met);
    (void)fputs("</tbody></table>\n</section>\n", f);
}

static void put_check(FILE *f, const json_t *record, const char *incident)
{
    const json_t *r = json_object_get(record, "record"), *one;
    char at[24], n[32], up_to[32];
    size_t i;

    page_put(f,
             "<section>\n<h2>Counters and audit trail, and how to check them</h2>\n"
             "<p>As they stood at {}.</p>\n<dl class=\"pairs\">"
             "<dt>Trail</dt><dd class=\"code\">{}</dd>\n"
             "<dt>Records</dt><dd>{}</dd>\n<dt>Hash of the last</dt>"
             "<dd class=\"code\">{}</dd>\n",
             paper_moment(record, "at", at), ctl_text(r, "trail"),
             page_number(paper_number(r, "records"), n), ctl_text(r, "hash"));
    json_array_foreach(json_object_get(r, "counters"), i, one) page_put(
        f,
        "<dt>Originator <span class=\"code\">{}</span></dt><dd>counters up to {} "
        "are used or given up</dd>\n",
        ctl_text(one, "originator"), page_number(paper_number(one, "up_to"), up_to));
    page_put(
        f,
        "</dl>\n<p>Somebody else checks all of this with an export and stock tools. "
        "The record with the number above must have the hash above; the head is signed "
        "by the token's audit key, whose digest the ceremony printed.</p>\n"
        "<pre>smki-recoveryctl audit export --out audit.jsonl\n"
        "smki-recoveryctl audit verify --audit-key ceremony.pem audit.jsonl\n"
        "smki-recoveryctl decision show {} DECISION --cms decision.cms\n"
        "smki-recovery-check-decision decision.cms pma-anchor.pem K N</pre>\n"
        "</section>\n",
        incident);
}

void report_page(FILE *f, const json_t *all)
{
    const json_t *incident = json_object_get(all, "incident"), *one;
    const json_t *figures = json_object_get(all, "figures");
    const json_t *decisions = json_object_get(all, "decisions");
    struct paper_text title;
    size_t i;

    page_open(f, paper_member(incident, "title", &title),
              json_is_true(json_object_get(incident, "exercise")));
    put_head(f, incident, figures);
    put_children(f, json_object_get(incident, "children"));
    put_progress(f, figures);
    put_way(f, incident);
    (void)fputs(
        "<section>\n<h2>What was decided, and by whom</h2>\n<div class=\"cards\">\n", f);
    json_array_foreach(decisions, i, one) put_decision(f, one);
    if (i == 0)
        (void)fputs("<p>Nothing was decided.</p>\n", f);
    (void)fputs("</div>\n</section>\n", f);
    put_batches(f, json_object_get(incident, "batches"));
    put_refusals(f, json_object_get(incident, "refusals"));
    put_check(f, json_object_get(all, "record"), ctl_text(incident, "id"));
    page_close(f);
}
