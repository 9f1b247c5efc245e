/* SPDX-License-Identifier: MIT
 *
 * ctl - what the verbs of smki-recoveryctl share.
 *
 * A verb is a row: its words, its options, a function. The function gets parsed options and
 * arguments, makes calls, prints, and returns the exit code. Answers of the service are
 * shown by what is in them: a member that is not there is a column that is not there.
 *
 * Effects: stdout, stderr, the operator socket, files that are named.
 */
#ifndef CTL_H
#define CTL_H

#include "client.h"
#include "rules.h"

#include <jansson.h>

#include <signal.h>
#include <stdio.h>

#define CTL_OPTIONS_MAX 10
#define CTL_NAME_MAX    80
/* Of every JSON object that the command prints and that has no schema of its own. */
#define CTL_SCHEMA "smki-recoveryctl/1"
#define CTL_SOCKET "/run/smki-recovery/operator.sock"

enum ctl_exit { /* part of the interface: scripts look at these */
                CTL_OK = 0,
                CTL_DENIED = 1,  /* a rule forbids it; a batch ended without being done */
                CTL_USAGE = 2,   /* the command line */
                CTL_INPUT = 3,   /* a file, a name or a value is wrong */
                CTL_MISSING = 4, /* nothing of that name */
                CTL_BUSY = 5,    /* busy, or the token is not at hand: try later */
                CTL_UNREACHABLE = 6, /* no answer from the service */
                CTL_STORE = 7,       /* disk, database, memory */
                CTL_UNFIT = 8,       /* taken in, but for answers that do not fit */
                CTL_ROWS = 9,        /* the batch is done, but for rows that failed */
                CTL_SIGNAL =
                    128, /* and the signal's number: 130 Ctrl-C, 141 nobody reads */
};

struct ctl {
    const char *socket;
    const char *login; /* who is played in an exercise, or NULL */
    bool json, quiet, yes;
    bool no_pager;
    bool dry_run;     /* what changes something is judged and not done */
    bool judged;      /* ... and something was */
    const char *key;  /* Idempotency-Key given, or NULL */
    char new_key[33]; /* one made up when it was not */
};

struct ctl_option {
    const char *name;
    const char *arg; /* NULL: a flag */
    const char *help;
};

struct ctl_args {
    int n;
    char **v;
    const char *opt[CTL_OPTIONS_MAX]; /* by place in the verb's table; "" for a flag */
};

struct ctl_verb {
    const char *name; /* "incident open" */
    const char *args; /* "TITLE" */
    int min, max;     /* how many */
    const char *help;
    int (*run)(struct ctl *c, const struct ctl_args *a);
    struct ctl_option options[CTL_OPTIONS_MAX];
};

/* Which devices will get a command, and how a list differs from what was notified: in words,
 * the reasons beside the answer; taken out of it. Nothing where JSON is wanted. */
void ctl_say_forecast(const struct ctl *c, json_t *answer);
void ctl_say_notified(const struct ctl *c, json_t *answer);
/* The tables, each ended by a row without name. */
extern const struct ctl_verb ctl_incident_verbs[];
extern const struct ctl_verb ctl_decision_verbs[];
extern const struct ctl_verb ctl_batch_verbs[];
extern const struct ctl_verb ctl_file_verbs[];
extern const struct ctl_verb ctl_ceremony_verbs[];
extern const struct ctl_verb ctl_view_verbs[];
extern const struct ctl_verb ctl_offline_verbs[];
extern const struct ctl_verb ctl_evidence_verbs[];

/* An example of a verb, without the program's name; "": none. */
const char *ctl_example(const char *verb);

/* For the completion, one a line: "events", "actors", "routes", "facts", "outcomes", "kinds". */
int ctl_words(const char *kind);

/* "label          text", what might hide something shown as such; nothing for "". */
void ctl_line(const char *label, const char *text);
/* A document in words (ctl_paper.c).
 *   a         as authority_parse() has it from the same octets as document
 *   known     certificates whose subjects are shown beside their digests */
struct authority;
struct certs;
void ctl_paper(const struct authority *a, const json_t *document, const struct certs *known,
               int64_t now_us);

/* Verbs with a file of their own. */
/* An incident as a story for somebody who was not there. */
void ctl_story(const json_t *incident);
/* An event in the past tense: "The devices were suspended"; a name that is none as it is. */
const char *ctl_event_words(const char *name);
/* An incident as a paper, HTML or JSON. */
int ctl_report(struct ctl *c, const struct ctl_args *a);
/* One decision as a paper. */
int ctl_sheet(struct ctl *c, const struct ctl_args *a);
int ctl_status(struct ctl *c, const struct ctl_args *a);
int ctl_draft(struct ctl *c, const struct ctl_args *a);
int ctl_review(struct ctl *c, const struct ctl_args *a);
int ctl_export(struct ctl *c, const struct ctl_args *a);
int ctl_queries(struct ctl *c, const struct ctl_args *a);
int ctl_message_decode(struct ctl *c, const struct ctl_args *a);
int ctl_message_encode(struct ctl *c, const struct ctl_args *a);

/* ---- calls ---- */

/* "/v1/batches/{}/pause": each {} takes the next name, which must be of [A-Za-z0-9._-].
 * False: said so on stderr; return CTL_INPUT. */
MUST_CHECK bool ctl_path(char out[static 512], const char *pattern, const char *a,
                         const char *b);
/* GET into a JSON value. CTL_OK: *out is the caller's (json_decref), *text (may be NULL
 * as a parameter) the answer as it came (free). Otherwise said on stderr. */
int ctl_get(struct ctl *c, const char *path, json_t **out, char **text);
/* An incident's story, each of its lists in full. CTL_OK: *out and *text are the caller's. */
int ctl_incident(struct ctl *c, const char *id, json_t **out, char **text);
/* The pages of a list that follow the one at hand: GET path?from=NEXT until there is none,
 * each page's entries under name appended to list. */
int ctl_get_rest(struct ctl *c, const char *path, const char *name, const char *next,
                 json_t *list);
/* POST or PUT of a JSON body (steal, may be NULL), with an Idempotency-Key. */
int ctl_send(struct ctl *c, const char *method, const char *path, json_t *steal,
             json_t **out, char **text);
/* PUT or POST of a file ("-": stdin), streamed, with a progress bar. */
int ctl_upload(struct ctl *c, const char *method, const char *path, const char *type,
               const char *file, json_t **out, char **text);
/* GET to a file ("-" or NULL: stdout); a file appears under its name when it is whole. */
int ctl_download(struct ctl *c, const char *path, const char *file);
/* The same with a POST of a JSON body (steal). */
int ctl_fetch(struct ctl *c, const char *path, json_t *steal, const char *file);

/* The signal that asks for an end, 0: none. What is under way is broken off in order. */
extern volatile sig_atomic_t ctl_stop;

/* ---- saying what went wrong: ctl_say.c ---- */

/* From here on nothing is printed: ctl_say_end() tells all in one problem+json. */
void ctl_say_json(void);
/* ... on standard error, where the exit status is not 0. */
void ctl_say_end(int rc);
/* A rule: its id, sentence, source, advice. NULL: nothing. */
void ctl_say_rule(const struct rule *rule);
/* The Idempotency-Key by which the same may be asked again. */
void ctl_say_key(const char *key);
/* Print "smki-recoveryctl: text", rule, source, advice; the exit code of it.
 *   a  the service's refusal */
int ctl_failed(const struct client_answer *a, const struct err *e);
/* The same for an error that arose here: its rule is looked up. */
int ctl_failed_here(const struct err *e);
/* "smki-recoveryctl: ..." on stderr. */
void ctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "  next    ...": what to do about what was just said. */
void ctl_next(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ask for "yes" at the terminal; --yes answers, and a dry run does. No terminal and no --yes: no. */
bool ctl_sure(const struct ctl *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A file as a whole, at most max octets; "-": stdin. False: said on stderr. */
MUST_CHECK bool ctl_read_file(const char *file, size_t max, char **out, size_t *len);

/* ---- showing ---- */

/* Standard output goes through the pager ($PAGER, else less) from here on, where it is a
 * terminal and --no-pager was not given: before what ends a verb is printed. */
void ctl_page(const struct ctl *c);
/* It has all there is: until the reader leaves. False: nobody was paging. */
bool ctl_page_end(void);
/* Columns of the terminal that standard output is or pages to; 0: there is none. */
int ctl_columns(void);

/* A list by its name ("batches"): rows and columns, as wide as they must be; the last one
 * is cut at the terminal's edge. Nothing in it: "none". */
void ctl_list(const char *name, const json_t *rows);
/* Names and values, below each other; objects indented, lists of objects as tables. */
void ctl_card(const json_t *object);
/* With --json the answer and its schema, else the card. Both taken over. CTL_OK. */
int ctl_show(const struct ctl *c, json_t *steal, char *steal_text);
/* The same after a change; with --quiet nothing. */
int ctl_done(const struct ctl *c, json_t *steal, char *steal_text);
/* An answer that was completed, as text again; the old text is freed. */
int ctl_retell(const json_t *j, char **text);
/* GET, page by page, and show the list of that name; with --json one page as it came, or all
 * of them as one answer. */
int ctl_show_list(struct ctl *c, const char *path, const char *name);
/* A JSON object on a line of standard output, with CTL_SCHEMA where it has no schema. */
void ctl_json(const json_t *object);
/* A scalar as text; control characters become '?'. */
void ctl_scalar(const json_t *v, char out[static 256]);
/* A member as text, "" when it is not there. */
const char *ctl_text(const json_t *o, const char *member);

#endif
