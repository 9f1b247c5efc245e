/* SPDX-License-Identifier: MIT
 *
 * A document in words, for whoever is about to sign it: all that stands in it, who was at the
 * meeting and how they voted, what was weighed, whose certificates they are, and what it does
 * not cover.
 */
#include "ctl.h"

#include "authority.h"
#include "clock.h"
#include "mem.h"
#include "plain.h"

#include <stdlib.h>
#include <string.h>

void ctl_line(const char *label, const char *text)
{
    AUTO(mem) char *shown = strdup(text);

    if (text[0] == '\0' || shown == NULL)
        return;
    plain_tidy(shown);
    (void)printf("%-14s %s\n", label, shown);
}

static void line_digest(const char *label, const struct digest *d)
{
    char hex[HEX_LEN(sizeof d->b)];

    hex_encode_lower(d->b, sizeof d->b, hex);
    ctl_line(label, hex);
}

static void line_time(const char *label, int64_t us)
{
    char text[CLOCK_TEXT_LEN];

    clock_text(us, text);
    ctl_line(label, text);
}

static void line_eui(const char *label, const struct eui64 *id)
{
    char hex[HEX_LEN(sizeof id->b)];

    hex_encode(id->b, sizeof id->b, hex);
    ctl_line(label, hex);
}

/* Below a digest: whose certificate it is. */
static void line_subject(const struct certs *known, const struct digest *sha256)
{
    const struct cert *c = certs_find(known, sha256);
    char text[400], serial[80];

    if (c == NULL)
        return;
    (void)snprintf(serial, sizeof serial, "%.70s", c->serial);
    (void)snprintf(text, sizeof text, "  of %.250s, serial %s", c->subject, serial);
    ctl_line("", text);
}

static void print_orders(const struct authority *a, const struct certs *known)
{
    char text[512], hex[HEX_LEN(32)];
    size_t at = 0;

    ctl_line("key", a->key);
    line_digest("  certificate", &a->key_certificate);
    line_subject(known, &a->key_certificate);
    (void)snprintf(text, sizeof text, "%s, credentials replacement mode %s",
                   authority_method_name(a->method), gbcs_mode(a->mode)->name);
    ctl_line("method", text);
    text[0] = '\0';
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if ((a->device_types & DEVICE_BIT(t)) != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 0 ? ", " : "",
                                   gbcs_device((enum device_type)t)->name);
    if (a->ppmid_only_ok)
        (void)snprintf(text + at, sizeof text - at, " (PPMID alone is allowed)");
    ctl_line("device types", text);
    (void)snprintf(text, sizeof text, "%u devices, at most %u %s each", a->roster_count,
                   a->attempts, a->attempts == 1 ? "command" : "commands");
    ctl_line("roster", text);
    line_digest("  sha256", &a->roster);
    for (size_t i = 0; i < a->n_compromised; i++) {
        hex_encode_lower(a->compromised[i].sha256.b, 32, hex);
        (void)snprintf(text, sizeof text, "%s %s, %s, certificate %s",
                       gbcs_cell(a->compromised[i].cell)->name,
                       a->compromised[i].actual != 0 ? "compromised" : "suspected",
                       authority_cause_name(a->compromised[i].cause), hex);
        ctl_line(i == 0 ? "compromised" : "", text);
        line_subject(known, &a->compromised[i].sha256);
    }
    for (size_t i = 0; i < a->n_replacements; i++) {
        hex_encode_lower(a->replacements[i].sha256.b, 32, hex);
        (void)snprintf(text, sizeof text, "%s by certificate %s",
                       gbcs_cell(a->replacements[i].cell)->name, hex);
        ctl_line(i == 0 ? "replaces" : "", text);
        line_subject(known, &a->replacements[i].sha256);
    }
    if (a->has_symmetric_key)
        line_digest("symmetric key", &a->symmetric_key_sha256);
}

/* ---- what only people read ---- */

static const json_t *in(const json_t *o, const char *member)
{
    return json_object_get(o, member);
}

static void print_texts(const char *label, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) ctl_line(i == 0 ? label : "", json_string_value(one));
}

static void print_meeting(const json_t *meeting)
{
    const json_t *votes = in(meeting, "votes"), *one;
    char text[400];
    size_t i;

    if (meeting == NULL)
        return;
    ctl_line("meeting", ctl_text(meeting, "reference"));
    ctl_line("  held", ctl_text(meeting, "held"));
    ctl_line("  quorum", ctl_text(meeting, "quorum"));
    (void)snprintf(text, sizeof text, "%lld for, %lld against, %lld abstained",
                   json_integer_value(in(votes, "for")),
                   json_integer_value(in(votes, "against")),
                   json_integer_value(in(votes, "abstain")));
    ctl_line("  votes", text);
    json_array_foreach(in(meeting, "members"), i, one)
    {
        const char *vote = ctl_text(one, "vote");

        (void)snprintf(text, sizeof text, "%s (%s)%s%s%s", ctl_text(one, "holder"),
                       ctl_text(one, "seat"),
                       json_is_true(in(one, "alternate")) ? ", as alternate" : "",
                       vote[0] != '\0' ? ", voted: " : "", vote);
        ctl_line(i == 0 ? "  present" : "", text);
    }
}

static void print_factors(const char *label, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        char text[1400];
        const char *note = ctl_text(one, "note");

        (void)snprintf(text, sizeof text, "%s, weight %lld: %s%s%s", ctl_text(one, "id"),
                       json_integer_value(in(one, "weight")), ctl_text(one, "value"),
                       note[0] != '\0' ? "; " : "", note);
        ctl_line(i == 0 ? label : "", text);
    }
}

static void print_why(const struct authority *a, const json_t *document)
{
    const json_t *guidance = in(document, "guidance"), *one;
    char text[600];
    size_t i;

    ctl_line("requester", a->requester);
    json_array_foreach(in(document, "conflicts"), i, one)
    {
        (void)snprintf(text, sizeof text, "%s: %s", ctl_text(one, "holder"),
                       ctl_text(one, "reason"));
        ctl_line(i == 0 ? "conflicts" : "", text);
    }
    print_meeting(in(document, "meeting"));
    ctl_line("guidance", a->guidance_version);
    print_factors("  shall", in(guidance, "shall"));
    print_factors("  may", in(guidance, "may"));
    ctl_line("  weighting", ctl_text(guidance, "weighting"));
    print_texts("  steps", in(guidance, "steps"));
    ctl_line("until", a->end_condition);
    if (a->review_us != 0)
        line_time("review", a->review_us);
    ctl_line("risk weighed", a->risk_weighed);
    ctl_line("direction", a->direction);
    ctl_line("reasons", a->reasons);
    ctl_line("residual risk", ctl_text(document, "residual_risk"));
    print_texts("conditions", in(document, "conditions"));
}

/* ---- what it does not cover ---- */

/* Of the devices that it names, the cells that stay as they are; and the types it leaves out. */
static void print_left_out(const struct authority *a)
{
    char cells[400] = "cells that stay as they are:", types[400] = "device types:";
    size_t c = strlen(cells), t = strlen(types), none_c = c, none_t = t;
    uint32_t have = 0, placed = 0;

    for (size_t i = 0; i < a->n_replacements; i++)
        placed |= CELL_BIT(a->replacements[i].cell);
    for (unsigned i = 0; i < DEVICE_COUNT; i++) {
        if ((a->device_types & DEVICE_BIT(i)) != 0)
            have |= gbcs_device((enum device_type)i)->cells;
        else
            t += (size_t)snprintf(types + t, sizeof types - t, " %s",
                                  gbcs_device((enum device_type)i)->name);
    }
    for (unsigned i = 0; i < CELL_COUNT; i++)
        if ((have & ~placed & CELL_BIT(i)) != 0)
            c += (size_t)snprintf(cells + c, sizeof cells - c, " %s",
                                  gbcs_cell((enum cell)i)->name);
    if (t > none_t)
        ctl_line("", types);
    if (c > none_c)
        ctl_line("", cells);
    ctl_line("",
             "any device that is not on this list, any command before or after the window, "
             "or by another key");
}

static void print_not_covered(const struct authority *a)
{
    if (a->kind == KIND_ACTIVATION) {
        ctl_line("not covered",
                 "what is signed: the decision says it, and this without that "
                 "decision lets nothing be signed");
    } else if (a->outcome != AUTHORITY_AUTHORISE) {
        ctl_line("not covered", "commands: nothing may be signed under it");
    } else {
        ctl_line("not covered", "what is not named above:");
        print_left_out(a);
    }
    ctl_line("", "what devices answer, and what other incidents have ended since it was "
                 "written: --ask asks the service");
}

void ctl_paper(const struct authority *a, const json_t *document, const struct certs *known,
               int64_t now_us)
{
    static const struct eui64 nobody;
    char text[200];
    const char *standing = now_us < a->valid_from_us  ? ", not yet in its window"
                           : now_us >= a->valid_to_us ? ", ITS WINDOW HAS PASSED"
                                                      : ", in its window now";

    (void)snprintf(text, sizeof text, "%s %s: %s%s", authority_kind_name(a->kind), a->id,
                   authority_outcome_name(a->outcome), standing);
    ctl_line("document", text);
    ctl_line("for",
             a->exercise ? "AN EXERCISE: no live key, no live device" : "live devices");
    line_digest("digest", &a->digest);
    ctl_line("incident", a->incident);
    ctl_line("  parent", a->parent_incident);
    ctl_line("supersedes", a->supersedes);
    for (size_t i = 0; i < a->n_earlier; i++)
        ctl_line(i == 0 ? "  and before" : "", a->earlier[i]);
    ctl_line("by", a->by);
    line_time("from", a->valid_from_us);
    line_time("to", a->valid_to_us);
    if (eui64_cmp(&a->subscriber, &nobody) != 0) {
        line_eui("subscriber", &a->subscriber);
        if (eui64_cmp(&a->subscriber, &a->replacement_subscriber) != 0)
            line_eui("  taken over by", &a->replacement_subscriber);
    }
    ctl_line("  named", a->subscriber_name);
    if (a->kind != KIND_ACTIVATION && a->outcome == AUTHORITY_AUTHORISE)
        print_orders(a, known);
    if (a->kind == KIND_ACTIVATION) {
        ctl_line("key", a->key);
        line_digest("puts in force", &a->decision);
    }
    print_why(a, document);
    print_not_covered(a);
}
