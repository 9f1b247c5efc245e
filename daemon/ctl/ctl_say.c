/* SPDX-License-Identifier: MIT
 *
 * What the command says on standard error: lines for people, or with --json one problem+json
 * (RFC 9457) at the end, and nothing where all went well.
 */
#include "ctl.h"

#include "plain.h"
#include "rules.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

volatile sig_atomic_t ctl_stop;

static bool as_json; /* collected, and told by ctl_say_end */
static struct {
    json_t *detail, *next; /* lines */
    const struct rule *rule;
    struct client_answer answer; /* of the service's refusal; its body is not kept */
    json_t *signers;             /* ... but for these */
    char key[80];
} said;

void ctl_say_json(void)
{
    as_json = true;
    said.detail = json_array();
    said.next = json_array();
}

__attribute__((format(printf, 3, 0))) static void line(json_t *list, const char *before,
                                                       const char *fmt, va_list ap)
{
    char text[1024];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    if (as_json)
        (void)json_array_append_new(list, json_string(text));
    else
        (void)fprintf(stderr, "%s%s\n", before, text);
}

void ctl_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    line(said.detail, "smki-recoveryctl: ", fmt, ap);
    va_end(ap);
}

void ctl_next(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    line(said.next, "  next    ", fmt, ap);
    va_end(ap);
}

void ctl_say_key(const char *key)
{
    (void)snprintf(said.key, sizeof said.key, "%s", key);
    if (!as_json)
        (void)fprintf(stderr, "  key     %s\n", key);
}

static void part(const char *what, const char *text)
{
    if (text != NULL && text[0] != '\0')
        (void)fprintf(stderr, "  %-7s %s\n", what, text);
}

/* Who signed what was refused, and what became of it. */
static void say_signers(const json_t *signers)
{
    const json_t *one;
    size_t i;

    json_array_foreach(signers, i, one)
    {
        char text[400];

        (void)snprintf(text, sizeof text, "%s: %s%s%s", ctl_text(one, "holder"),
                       ctl_text(one, "verdict"),
                       ctl_text(one, "reason")[0] != '\0' ? ", " : "",
                       ctl_text(one, "reason"));
        plain_tidy(text);
        part(i == 0 ? "signers" : "", text);
    }
}

/* Kept for the end, and said. */
static void take_signers(const struct client_answer *a)
{
    json_t *j = a->body == NULL ? NULL : json_loadb(a->body, a->len, 0, NULL);

    json_decref(said.signers);
    said.signers = json_incref(json_object_get(j, "signers"));
    json_decref(j);
    if (!as_json)
        say_signers(said.signers);
}

/* "SEC Appendix L 4.2.2.1 (CONFIRMED)": nobody takes a source for more than it is. */
static void part_source(const char *source, const char *certainty)
{
    char text[200];

    (void)snprintf(text, sizeof text, "%s (%s)", source, certainty);
    part("source", certainty[0] != '\0' ? text : source);
}

void ctl_say_rule(const struct rule *rule)
{
    said.rule = rule;
    if (as_json || rule == NULL)
        return;
    part("rule", rule->id);
    part("", rule->sentence);
    part_source(rule->source, rule->certainty);
    part("advice", rule->advice);
}

static int exit_of(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return CTL_OK;
    case ERR_INPUT:
        return CTL_INPUT;
    case ERR_DENIED:
        return CTL_DENIED;
    case ERR_MISSING:
        return CTL_MISSING;
    case ERR_BUSY:
    case ERR_TOKEN:
        return CTL_BUSY;
    case ERR_STORE:
        return CTL_STORE;
    }
    return CTL_STORE;
}

/* Rules of the command itself that do not mean "not reached". */
static bool reached(const char *id)
{
    static const char *const own[] = {"client.cut", "client.answer", "client.file",
                                      "client.dry-run"};

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(id, own[i]) == 0)
            return true;
    return strncmp(id, "client.", 7) != 0;
}

int ctl_failed(const struct client_answer *a, const struct err *e)
{
    char text[sizeof e->text];

    if (ctl_stop != 0) {
        ctl_say("stopped");
        return CTL_SIGNAL + ctl_stop;
    }
    (void)snprintf(text, sizeof text, "%s", e->text);
    plain_tidy(text); /* it may quote what a file holds */
    ctl_say("%s", text);
    if (a->problem.id[0] != '\0') {
        said.answer = *a;
        said.answer.body = NULL;
    }
    if (a->problem.id[0] == '\0') { /* found here, or the service did not say */
        ctl_say_rule(e->id == NULL ? NULL : rules_find(e->id));
    } else if (!as_json) {
        part("rule", a->problem.id);
        part("", a->problem.rule);
        part_source(a->problem.source, a->problem.certainty);
        part("advice", a->problem.advice);
    }
    take_signers(a);
    if (e->id != NULL && a->status == 0 && !reached(e->id))
        return CTL_UNREACHABLE;
    return exit_of(e->code);
}

int ctl_failed_here(const struct err *e)
{
    return ctl_failed(&(struct client_answer){0}, e);
}

/* Lines as one text; NULL where there are none. */
static json_t *joined(const json_t *lines)
{
    char text[4096] = "";
    const json_t *one;
    size_t i;

    json_array_foreach(lines, i, one)
    {
        size_t at = strlen(text);

        (void)snprintf(text + at, sizeof text - at, "%s%s", at > 0 ? "\n" : "",
                       json_string_value(one));
    }
    return text[0] != '\0' ? json_string(text) : NULL;
}

static void member(json_t *j, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        (void)json_object_set_new(j, name, json_string(text));
}

static const char *title_of(int rc)
{
    static const char *const titles[] = {
        [CTL_DENIED] = "not allowed, or not done",
        [CTL_USAGE] = "the command line",
        [CTL_INPUT] = "a file, a name or a value",
        [CTL_MISSING] = "nothing of that name",
        [CTL_BUSY] = "busy",
        [CTL_UNREACHABLE] = "no answer",
        [CTL_STORE] = "disk or memory",
        [CTL_UNFIT] = "answers that do not fit",
        [CTL_ROWS] = "rows that were not signed",
    };

    return rc > 0 && rc <= CTL_ROWS ? titles[rc] : "stopped";
}

void ctl_say_end(int rc)
{
    const struct client_answer *a = &said.answer;
    const struct rule *r = said.rule;
    const char *id = a->problem.id[0] != '\0' ? a->problem.id : r != NULL ? r->id : "";
    char type[120];
    json_t *j;

    if (!as_json)
        return;
    if (rc != CTL_OK && rc != CTL_SIGNAL + SIGPIPE) { /* nobody listens: quiet */
        (void)snprintf(type, sizeof type,
                       id[0] != '\0' ? "urn:smki-recovery:rule:%s" : "about:blank", id);
        j = json_pack("{s:s,s:s,s:o*,s:i}", "schema", CTL_SCHEMA, "type", type, "detail",
                      joined(said.detail), "exit", rc);
        member(j, "title",
               id[0] == '\0'              ? title_of(rc)
               : a->problem.id[0] != '\0' ? a->problem.rule
                                          : r->sentence);
        if (a->status != 0)
            (void)json_object_set_new(j, "status", json_integer((json_int_t)a->status));
        member(j, "code", a->problem.code);
        member(j, "id", id);
        member(j, "source",
               a->problem.id[0] != '\0' ? a->problem.source
               : r != NULL              ? r->source
                                        : "");
        member(j, "certainty",
               a->problem.id[0] != '\0' ? a->problem.certainty
               : r != NULL              ? r->certainty
                                        : "");
        member(j, "advice",
               a->problem.id[0] != '\0' ? a->problem.advice
               : r != NULL              ? r->advice
                                        : "");
        (void)json_object_update_missing_new(
            j, json_pack("{s:o*}", "next", joined(said.next)));
        member(j, "key", said.key);
        if (said.signers != NULL)
            (void)json_object_set(j, "signers", said.signers);
        (void)json_dumpf(j, stderr, JSON_COMPACT);
        (void)fputc('\n', stderr);
        json_decref(j);
    }
    json_decref(said.detail);
    json_decref(said.next);
    json_decref(said.signers);
}
