/* SPDX-License-Identifier: MIT
 *
 * An incident told to somebody who was not there: who, what, when, on what evidence, and
 * what came of it.
 */
#include "ctl.h"

#include "incident.h"

#include <stdlib.h>
#include <string.h>

/* One event, in the past tense. */
static const char *const sentences[EVENT_COUNT] = {
    [EVENT_NOTIFY] = "Notice was given",
    [EVENT_CONFIRM] = "The notifier was confirmed",
    [EVENT_REJECT] = "The notifier could not be confirmed; nothing was touched",
    [EVENT_INFORM_PMA] = "The PMA was informed",
    [EVENT_RECEIVE_FILE] = "The notification file came in",
    [EVENT_ELECT_METHOD_1] = "The subscriber chose Method 1, its own key",
    [EVENT_PROGRESS] = "Progress was reported",
    [EVENT_COMPLETE] = "The subscriber reported that all was done",
    [EVENT_ASK_SUSPENSION] = "Suspension and recovery were asked for",
    [EVENT_DEVICES_SUSPENDED] = "The devices were suspended",
    [EVENT_RECOVERY_SET] = "The devices were set to 'recovery'",
    [EVENT_SKIP_REVOCATION] = "Revocation was put off, as deferred by the PMA",
    [EVENT_REVOKED] = "The compromised certificates were revoked",
    [EVENT_REFER_TO_PMA] = "The matter went to the PMA",
    [EVENT_AUTHORISE_METHOD_2] = "The PMA authorised Method 2: ACB certificates first",
    [EVENT_AUTHORISE_METHOD_3] = "The PMA authorised Method 3: new certificates",
    [EVENT_AUTHORISE_CONTINGENCY] = "The PMA authorised the contingency",
    [EVENT_AUTHORISE_RECOVERY_KEY] = "The PMA authorised a new Recovery key",
    [EVENT_AUTHORISE_ISSUING_OCA] = "The PMA authorised a new Issuing OCA",
    [EVENT_AUTHORISE_CONTINGENCY_KEY] = "The PMA authorised new contingency keys",
    [EVENT_REFUSE] = "The PMA did not authorise recovery",
    [EVENT_ABORT] = "The PMA called it off",
    [EVENT_DEFER_REVOCATION] = "The PMA deferred revocation",
    [EVENT_DEFER_ID_TRANSFER] = "The PMA deferred the transfer of identifiers",
    [EVENT_END_DEFERRAL] = "The deferral ended",
    [EVENT_DIRECT_OTHER] = "The PMA directed another course",
    [EVENT_APPOINT] = "The PMA named who takes the devices over",
    [EVENT_AMEND] = "A file came in that amends the notification",
    [EVENT_CONFIRM_AMENDMENT] = "The amendment was confirmed; it counts from here on",
    [EVENT_CALL_CUSTODIANS] = "The Key Custodians were called",
    [EVENT_DISMISS_CUSTODIANS] = "The Key Custodians were sent home",
    [EVENT_ACTIVATE_KEY] = "The custodians switched the key on",
    [EVENT_EXECUTE] = "Signing began",
    [EVENT_DEACTIVATE_KEY] = "The key was switched off",
    [EVENT_EXPIRE] = "The decision's window closed",
    [EVENT_FREEZE] = "Signing was frozen: the Recovery key came into doubt",
    [EVENT_LOSE_TOKEN] = "The HSM was lost",
    [EVENT_RESTORE_TOKEN] = "The HSM was restored and proved itself",
    [EVENT_EXECUTED] = "Every device had answered, or was listed",
    [EVENT_BEGIN_HANDBACK] = "Hand-back to the subscriber began",
    [EVENT_HANDED_BACK] = "Hand-back was complete",
    [EVENT_ESTABLISH_CONTINGENCY] = "New contingency keys were made",
    [EVENT_DISTRIBUTE_ROOT] = "Distribution of the new root began",
    [EVENT_ESTABLISH_OCA] = "A new Issuing OCA was made",
    [EVENT_REISSUE] = "Certificates were being issued anew",
    [EVENT_RECOVERED] = "Recovery was reported complete",
    [EVENT_WITHDRAW] = "The notice was withdrawn",
    [EVENT_CONFIRM_WITHDRAWAL] = "The withdrawal was confirmed",
    [EVENT_REJECT_WITHDRAWAL] = "The withdrawal was not confirmed; the incident goes on",
    [EVENT_REOPEN] = "The incident was taken up again",
    [EVENT_RECONNECT] = "Reconnection began",
    [EVENT_RECONNECTED] = "The devices were connected as before",
    [EVENT_OPEN_CHILDREN] = "Incidents of the users were opened",
    [EVENT_CLOSE] = "The incident was closed",
};

const char *ctl_event_words(const char *name)
{
    enum event v;

    return incident_event_find(name, &v) ? sentences[v] : name;
}

/* "2026-11-24T14:50:01.605097Z" -> "2026-11-24 14:50:01" */
static void put_time(const char *at)
{
    if (strlen(at) >= 19)
        (void)printf("%.10s %.8s", at, at + 11);
    else
        (void)printf("%-19s", "");
}

/* A member that is there, with words before and behind. */
static void say(const json_t *o, const char *before, const char *member, const char *behind)
{
    char text[256];

    ctl_scalar(json_object_get(o, member), text);
    if (text[0] != '\0')
        (void)printf("%s%s%s", before, text, behind);
}

/* Where a row of the tables comes from, and how sure that is. */
static void say_source(const json_t *o)
{
    say(o, " [", "source", "");
    say(o, ", ", "certainty", "");
    (void)fputs("]", stdout);
}

/* What hsm-loss answered when the incident was opened. */
static void put_loss(const json_t *loss)
{
    const json_t *says = json_object_get(loss, "says");
    const json_t *one;
    char text[256];
    size_t i;

    ctl_scalar(json_object_get(loss, "lost"), text);
    (void)printf("\n%23slost: %s", "", text);
    json_array_foreach(says, i, one)(void)
        printf("\n%23s- %s [%s, %s]", "", ctl_text(one, "sentence"),
               ctl_text(one, "source"), ctl_text(one, "certainty"));
    ctl_scalar(json_object_get(loss, "routes"), text);
    (void)printf("\n%23sroutes that remain: %s", "", text[0] != '\0' ? text : "none");
    ctl_scalar(json_object_get(loss, "later"), text);
    if (text[0] != '\0')
        (void)printf("; after that %s", text);
}

static void put_evidence(const json_t *evidence)
{
    const char *last = "";
    const char *name;
    const json_t *v;
    char text[256];

    json_object_foreach((json_t *)(uintptr_t)evidence, name, v)
    {
        if (strcmp(name, "hsm-loss") == 0 && json_is_object(v)) {
            put_loss(v);
            continue;
        }
        ctl_scalar(v, text);
        /* one text often stands for several kinds of evidence */
        if (text[0] != '\0' && strcmp(last, text) != 0)
            (void)printf("\n%23s%s: %s", "", name, text);
        last = json_is_string(v) ? json_string_value(v) : "";
    }
}

static void put_event(const json_t *e)
{
    (void)printf("  ");
    put_time(ctl_text(e, "at"));
    (void)printf("  %s", ctl_event_words(ctl_text(e, "event")));
    if (strcmp(ctl_text(e, "from"), ctl_text(e, "to")) != 0)
        (void)printf(" -> %s", ctl_text(e, "to"));
    say(e, "; told by ", "as", "");
    (void)printf(" (%s)", ctl_text(e, "by"));
    say_source(e);
    put_evidence(json_object_get(e, "evidence"));
    (void)putchar('\n');
}

static void put_decision(const json_t *d)
{
    (void)printf("  %s: %s", ctl_text(d, "id"), ctl_text(d, "outcome"));
    say(d, ", ", "method", "");
    (void)printf(", now %s; ", ctl_text(d, "state"));
    put_time(ctl_text(d, "at"));
    say(d, "\n    signed by ", "holders", "");
    say(d, "\n    because: ", "reasons", "");
    say(d, "\n    it supersedes ", "supersedes", "");
    (void)putchar('\n');
}

static void put_names(const char *before, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        (void)printf("\n    %s", before);
        say(one, "", "subject", "");
        (void)printf(", sha256 %.16s...", ctl_text(one, "sha256"));
    }
}

static void put_bundle(const json_t *b)
{
    say(b, "  version ", "version", "");
    say(b, ": ", "certificates", " certificates; ");
    put_time(ctl_text(b, "at"));
    say(b, " (", "by", ")");
    if (json_integer_value(json_object_get(b, "version")) > 1) {
        put_names("added: ", json_object_get(b, "added"));
        put_names("removed: ", json_object_get(b, "removed"));
    }
    (void)putchar('\n');
}

static void put_batch(const json_t *b)
{
    const json_t *one;
    size_t i;

    say(b, "  batch ", "id", "");
    say(b, " under ", "decision", "");
    say(b, " by key ", "key", "");
    say(b, ": ", "signed", "");
    say(b, " of ", "rows", " signed");
    if (json_integer_value(json_object_get(b, "failed")) > 0)
        say(b, ", ", "failed", " failed");
    if (json_object_get(b, "commands_allowed") != NULL) {
        say(b, "; under the decision ", "commands_used", "");
        say(b, " of ", "commands_allowed", " commands used");
        if (json_integer_value(json_object_get(b, "commands_lost")) > 0)
            say(b, ", ", "commands_lost", " lost");
    }
    (void)printf(", %s", ctl_text(b, "state"));
    say(b, " (", "reason", ")");
    if (ctl_text(b, "started")[0] != '\0') {
        (void)printf("; from ");
        put_time(ctl_text(b, "started"));
    }
    if (ctl_text(b, "ended")[0] != '\0') {
        (void)printf(" to ");
        put_time(ctl_text(b, "ended"));
    }
    (void)printf("; asked by %s", ctl_text(b, "asked_by"));
    say(b, ", confirmed by ", "confirmed_by", "");
    (void)putchar('\n');
    json_array_foreach(json_object_get(b, "failed_rows"), i, one)
    {
        say(one, "    not signed: ", "rows", "");
        say(one, " by ", "rule", "");
        say(one, "; the first: ", "reason", "\n");
    }
}

static void put_file(const json_t *f)
{
    (void)printf("  %s: %s; ", ctl_text(f, "file"), ctl_text(f, "kind"));
    put_time(ctl_text(f, "at"));
    say(f, "\n    ", "totals", "");
    (void)putchar('\n');
}

static void put_side(const json_t *figures, const char *member, const char *what)
{
    const json_t *side = json_object_get(figures, member);

    if (json_integer_value(json_object_get(side, "devices")) == 0)
        return;
    say(side, "\n    ", "devices", what);
    say(side, "; the first: ", "first", "");
}

/* A list or a decision, and what was notified. */
static void put_difference(const json_t *d)
{
    const json_t *figures = json_object_get(d, "figures");

    (void)printf("  ");
    put_time(ctl_text(d, "at"));
    (void)printf("  %s", ctl_text(d, "paper"));
    say(figures, ": ", "listed", " devices");
    say(figures, ", ", "notified", " notified");
    say(figures, " by ", "file", "");
    put_side(figures, "only_notified", " notified and not on the list");
    put_side(figures, "only_listed", " on the list and not notified");
    put_side(figures, "more_cells", " with cells that were not notified");
    put_side(figures, "fewer_cells", " with cells notified that stay as they are");
    (void)putchar('\n');
}

static void put_refusal(const json_t *r)
{
    (void)printf("  ");
    put_time(ctl_text(r, "at"));
    (void)printf("  %s", ctl_text(r, "rule"));
    say_source(r);
    (void)printf(" (%s)\n%23s%s\n", ctl_text(r, "by"), "", ctl_text(r, "why"));
}

static void put_child(const json_t *i)
{
    (void)printf("  %s: %s on route %s\n", ctl_text(i, "id"), ctl_text(i, "state"),
                 ctl_text(i, "route"));
}

static void put_all(const json_t *incident, const char *member, const char *title,
                    void (*put)(const json_t *))
{
    const json_t *list = json_object_get(incident, member);
    json_t *one;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    (void)printf("\n%s\n", title);
    json_array_foreach(list, i, one) put(one);
}

static void put_head(const json_t *incident)
{
    say(incident, "Incident ", "id", "");
    say(incident, ": ", "title", "");
    (void)puts(json_is_true(json_object_get(incident, "exercise")) ? " (exercise)" : "");
    say(incident, "Notified by ", "initiator", "");
    say(incident, " about the keys of ", "subscriber", "");
    say(incident, "; ", "replacement_subscriber", " takes the devices over");
    say(incident, "; part of ", "parent", "");
    (void)printf(".\nRoute %s, state %s: %s\n", ctl_text(incident, "route"),
                 ctl_text(incident, "state"), ctl_text(incident, "about"));
}

/* "100: 97 by own key, 3 by Recovery key" */
static void put_by_key(const json_t *by_key)
{
    static const struct {
        const char *name, *words;
    } keys[] = {{"own", "own key"},
                {"recovery", "Recovery key"},
                {"contingency", "Contingency key"}};
    const char *before = ": ";
    json_int_t all = 0;

    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        all += json_integer_value(json_object_get(by_key, keys[k].name));
    (void)printf("\n  devices replaced: %" JSON_INTEGER_FORMAT, all);
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        json_int_t n = json_integer_value(json_object_get(by_key, keys[k].name));

        if (n == 0)
            continue;
        (void)printf("%s%" JSON_INTEGER_FORMAT " by %s", before, n, keys[k].words);
        before = ", ";
    }
}

static void put_figures(const json_t *incident)
{
    if (json_integer_value(json_object_get(incident, "devices")) == 0)
        return;
    (void)puts("\nFigures");
    say(incident, "  devices on the list: ", "devices", "");
    say(json_object_get(incident, "roster"), " (", "by_type", ")");
    if (json_integer_value(json_object_get(incident, "signed")) == 0) {
        (void)printf("\n  commands signed: none");
    } else {
        say(incident, "\n  commands signed: ", "signed", "");
        say(incident, "\n  devices that answered with every cell replaced: ", "recovered",
            "");
    }
    if (json_object_size(json_object_get(incident, "by_key")) > 0)
        put_by_key(json_object_get(incident, "by_key"));
    say(incident, "\n  what the devices of the list hold: ", "holds", "");
    (void)putchar('\n');
}

static void put_deferral(const json_t *d)
{
    (void)printf("  %s by %s, since ", ctl_text(d, "outcome"), ctl_text(d, "document"));
    put_time(ctl_text(d, "since"));
    (void)printf("; reviewed ");
    put_time(ctl_text(d, "review"));
    (void)printf("%s\n%23sit ends when: %s\n",
                 json_is_true(json_object_get(d, "rang")) ? " (due)" : "", "",
                 ctl_text(d, "end_condition"));
}

/* Batches in waves: how far each is, what leaves when, what comes next. */
static void put_waves(const json_t *waves)
{
    const json_t *plan = json_object_get(waves, "plan");
    const json_t *one;
    size_t i;

    if (waves == NULL)
        return;
    (void)printf("\nWaves\n  %s", ctl_text(waves, "state"));
    say(waves, " (", "reason", ")");
    say(plan, "; at most ", "commands_per_hour", " commands an hour");
    say(waves, "; who is silent was asked again ", "asked", " times");
    say(waves, ", next ", "due", "");
    (void)putchar('\n');
    json_array_foreach(json_object_get(waves, "waves"), i, one)
    {
        say(one, "  ", "wave", "");
        say(one, ": batch ", "batch", "");
        say(one, ", ", "rows", " devices");
        say(one, ", ", "signed", " signed");
        say(one, ", ", "released", " released, ");
        (void)printf("%s\n", ctl_text(one, "state"));
    }
}

static void put_found(const json_t *f)
{
    (void)printf("  %lld devices: %s, by their own word; the first: %s\n",
                 json_integer_value(json_object_get(f, "devices")),
                 strcmp(ctl_text(f, "held"), "unknown-key") == 0
                     ? "a key of that party which nobody named"
                     : "another party's certificates",
                 json_string_value(json_array_get(json_object_get(f, "first"), 0)));
}

void ctl_story(const json_t *incident)
{
    put_head(incident);
    put_all(incident, "events", "What happened", put_event);
    put_all(incident, "decisions", "Documents", put_decision);
    put_all(incident, "bundles", "Certificates", put_bundle);
    put_all(incident, "files", "Files", put_file);
    put_all(incident, "differences", "Papers that differ from what was notified",
            put_difference);
    put_all(incident, "batches", "Signing", put_batch);
    put_waves(json_object_get(incident, "waves"));
    put_all(incident, "deferrals", "Put off by the PMA", put_deferral);
    put_all(incident, "found", "What devices hold otherwise than expected", put_found);
    put_all(incident, "refusals", "Refused, with nothing changed", put_refusal);
    put_all(incident, "children", "Its incidents", put_child);
    put_figures(incident);
    if (json_array_size(json_object_get(incident, "next")) > 0)
        say(incident, "\nWhat may come next: ", "next", "\n");
}
