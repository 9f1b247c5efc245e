/* SPDX-License-Identifier: MIT
 *
 * status: what waits for whom, on one screen. Longer texts are folded at the terminal's edge;
 * states that need a person are coloured at a terminal, unless NO_COLOR is set.
 */
#include "ctl.h"

#include "clock.h"
#include "plain.h"

#include <stdlib.h>
#include <string.h>

#define FOLD_PLAIN 100 /* columns where no terminal says */

static int columns(void)
{
    int n = ctl_columns();

    return n >= 40 ? n : FOLD_PLAIN;
}

static bool coloured(void)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return ctl_columns() > 0 && (no == NULL || no[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

/* A text below others, folded between words. */
static void folded(const char *label, const char *text)
{
    char copy[1024];
    int room = columns() - 6;
    char *at = copy;
    bool first = true;

    (void)snprintf(copy, sizeof copy, "%s", text);
    plain_tidy(copy);
    while (*at != '\0') {
        int used = first ? (int)strlen(label) : 0;
        char *cut = at + strlen(at);
        char kept;

        if (cut - at > room - used) {
            cut = at + (room - used);
            while (cut > at && *cut != ' ')
                cut--;
            if (cut == at) /* one long word */
                cut = at + strcspn(at, " ");
        }
        kept = *cut;
        *cut = '\0';
        (void)printf("      %s%s\n", first ? label : "", at);
        first = false;
        at = kept == '\0' ? cut : cut + 1;
    }
}

/* "2 h 5 min", "3 days". */
static void age_text(int64_t us, char out[static 40])
{
    int64_t min = us / 60000000;

    if (min < 1)
        (void)snprintf(out, 40, "less than a minute");
    else if (min < 120)
        (void)snprintf(out, 40, "%lld min", (long long)min);
    else if (min < 2880)
        (void)snprintf(out, 40, "%lld h", (long long)(min / 60));
    else
        (void)snprintf(out, 40, "%lld days", (long long)(min / 1440));
}

static void when(const char *word, const char *member, const json_t *x, int64_t now_us)
{
    int64_t at_us;
    char span[40];

    if (!clock_parse(ctl_text(x, member), &at_us))
        return;
    age_text(at_us > now_us ? at_us - now_us : now_us - at_us, span);
    (void)printf(" %s %s (%s%s)", word, ctl_text(x, member), at_us > now_us ? "in " : "",
                 span);
}

static const char *colour_of(const json_t *x)
{
    const char *state = ctl_text(x, "state");

    if (strcmp(state, "held") == 0 || strcmp(state, "over") == 0 ||
        strcmp(state, "low") == 0 || strcmp(ctl_text(x, "what"), "token") == 0)
        return "\033[31m";
    return strcmp(ctl_text(x, "what"), "incident") != 0 ? "\033[33m" : "";
}

static void print_wait(const json_t *x, int64_t now_us)
{
    const char *colour = coloured() ? colour_of(x) : "";
    const char *next = ctl_text(x, "next");
    char text[512];

    (void)snprintf(text, sizeof text, "%s %s", ctl_text(x, "what"), ctl_text(x, "name"));
    plain_tidy(text);
    (void)printf("  %s: %s%s%s", text, colour, ctl_text(x, "state"),
                 colour[0] != '\0' ? "\033[0m" : "");
    when("since", "since", x, now_us);
    when("until", "until", x, now_us);
    (void)putchar('\n');
    folded("", ctl_text(x, "why"));
    folded("waits for ", ctl_text(x, "who"));
    if (next[0] != '\0') {
        (void)snprintf(text, sizeof text, "%s%s",
                       strncmp(next, "journalctl", 10) == 0 ? "" : "smki-recoveryctl ",
                       next);
        folded("next      ", text);
    }
}

static void print_alarm(const json_t *x)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%s %s%s%s%s%s", ctl_text(x, "incident"),
                   ctl_text(x, "alarm"), ctl_text(x, "reason")[0] != '\0' ? ": " : "",
                   ctl_text(x, "reason"), ctl_text(x, "due")[0] != '\0' ? ", due " : "",
                   ctl_text(x, "due"));
    folded("", text);
}

/* What is overdue, or has no date at all: the rest is what the incidents say. */
static size_t print_alarms(const json_t *list)
{
    const json_t *x;
    size_t i, n = 0;

    json_array_foreach(list, i, x)
    {
        if (json_is_false(json_object_get(x, "overdue")))
            continue;
        if (n++ == 0)
            (void)puts("alarms:");
        print_alarm(x);
    }
    return n;
}

/* Keys of the configuration that an incident ended: somebody has to change it. */
static void print_ended(const json_t *keys)
{
    const json_t *x;
    size_t i, n = 0;
    char text[512];

    json_array_foreach(keys, i, x)
    {
        const json_t *end = json_object_get(x, "ended");

        if (!json_is_object(end))
            continue;
        if (n++ == 0)
            (void)puts("keys that have ended:");
        (void)snprintf(text, sizeof text, "%s %s by %s at %s: %s", ctl_text(x, "key"),
                       ctl_text(end, "what"), ctl_text(end, "incident"),
                       ctl_text(end, "at"), ctl_text(end, "advice"));
        plain_tidy(text);
        (void)printf("  %s\n", text);
    }
}

static void print_head(const json_t *j)
{
    const json_t *disk = json_object_get(j, "disk");
    const json_t *signers = json_object_get(j, "signers");
    const json_t *x;
    size_t i, ready = 0;

    json_array_foreach(signers, i, x) ready += strcmp(ctl_text(x, "state"), "ready") == 0;
    (void)printf("smki-recovery %s: %s%s\n", ctl_text(j, "service"), ctl_text(j, "state"),
                 json_is_true(json_object_get(j, "exercise")) ? ", EXERCISE" : ", LIVE");
    (void)printf(
        "  %zu of %zu signers ready, last probe %s\n", ready, json_array_size(signers),
        ctl_text(j, "last_probe")[0] != '\0' ? ctl_text(j, "last_probe") : "none yet");
    if (json_is_object(disk))
        (void)printf("  %lld of %lld MB of disk free\n",
                     json_integer_value(json_object_get(disk, "free_mb")),
                     json_integer_value(json_object_get(disk, "total_mb")));
}

static void print_screen(const json_t *j)
{
    struct clock clock = clock_system();
    int64_t now_us = clock_now(&clock);
    const json_t *waits = json_object_get(j, "waits");
    long long more = json_integer_value(json_object_get(j, "waits_unlisted"));
    const json_t *x;
    size_t i;

    print_head(j);
    if (json_array_size(waits) == 0)
        (void)puts("nothing waits: no incident is open");
    else
        (void)puts("waits:");
    json_array_foreach(waits, i, x) print_wait(x, now_us);
    if (more > 0)
        (void)printf("  and %lld incidents more: smki-recoveryctl incident list\n", more);
    print_ended(json_object_get(j, "keys"));
    (void)print_alarms(json_object_get(j, "alarms"));
}

int ctl_status(struct ctl *c, const struct ctl_args *a)
{
    json_t *j;
    char *text;
    int rc = ctl_get(c, "/v1/status", &j, &text);

    if (rc != CTL_OK || c->json || a->opt[0] != NULL)
        return rc == CTL_OK ? ctl_show(c, j, text) : rc;
    ctl_page(c);
    print_screen(j);
    json_decref(j);
    free(text);
    return CTL_OK;
}
