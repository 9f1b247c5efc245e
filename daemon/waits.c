/* SPDX-License-Identifier: MIT */
#include "waits.h"

#include "deferral.h"
#include "hats.h"
#include "raising.h"
#include "rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define TEXT 400

struct waits {
    struct service *sv;
    json_t *list;
    int64_t now_us;
    int64_t n, more;
    bool failed; /* *e says why */
    struct err *e;
};

struct entry {
    const char *what, *name, *state, *who, *why;
    int64_t since_us, until_us; /* 0: it has none */
    const char *next;
};

static void add(const struct waits *w, const struct entry *x)
{
    (void)json_array_append_new(
        w->list,
        json_pack("{s:s,s:s,s:s,s:o,s:o,s:s,s:s,s:s}", "what", x->what, "name", x->name,
                  "state", x->state, "since", docket_show_time(x->since_us), "until",
                  docket_show_time(x->until_us), "who", x->who, "why", x->why, "next",
                  x->next != NULL ? x->next : ""));
}

static bool fail(struct waits *w)
{
    w->failed = true;
    return false;
}

static const char *advice_of(const char *rule)
{
    const struct rule *r = rules_find(rule);

    return r != NULL ? r->advice : "";
}

/* --- incidents --- */

struct open_batch {
    int64_t id;
    enum batch_state state;
};

static bool note_open(void *arg, const struct batch *b)
{
    struct open_batch *o = arg;

    if (!queue_state_final(b->state))
        *o = (struct open_batch){b->id, b->state};
    return true;
}

/* "incident event {} close", with the incident's name. */
static void fill(char out[static TEXT], const char *command, const char *id)
{
    const char *gap = strstr(command, "{}");

    (void)snprintf(out, TEXT, "%.*s%s%s",
                   gap != NULL ? (int)(gap - command) : (int)strlen(command), command,
                   gap != NULL ? id : "", gap != NULL ? gap + 2 : "");
}

/* What has to be on file before the PMA can decide about it. */
static bool missing(struct waits *w, const struct docket_incident *i, const char **command)
{
    struct span pem = {0};
    struct digest sha256;
    uint32_t rows;
    bool found = true;

    *command = NULL;
    if (i->route == ROUTE_SHARED_EVENT ||
        (i->state != STATE_CONFIRMED_SUSPECTED && i->state != STATE_FILE_RECEIVED &&
         i->state != STATE_SUSPENDED && i->state != STATE_WITH_PMA))
        return true;
    if (!docket_roster(w->sv->store, i->id, &sha256, &rows, &found, w->e))
        return false;
    if (!found)
        *command = "roster add {} FILE";
    else if (!docket_bundle(w->sv->store, i->id, &pem, w->e))
        return false;
    else if (pem.at == NULL)
        *command = "certificates add {} FILE";
    free((void *)(uintptr_t)pem.at);
    return true;
}

static bool add_incident(void *arg, const struct docket_incident *i)
{
    struct waits *w = arg;
    const struct incident_next *n = incident_waits(i->route, i->state);
    struct open_batch open = {0};
    struct docket_decision d;
    const char *command;
    char next[TEXT];
    char who[64];
    bool decided = false;

    if (n == NULL)
        return true;
    if (w->n == DOCKET_SHOW_PAGE) {
        w->more++;
        return true;
    }
    w->n++;
    if (!missing(w, i, &command) ||
        !queue_each(w->sv->store, i->id, note_open, &open, w->e) ||
        !docket_authorised(w->sv->store, i->id, &d, &decided, w->e))
        return fail(w);
    (void)snprintf(who, sizeof who, "%s", command != NULL ? "an operator" : n->who);
    fill(next, command != NULL ? command : n->command, i->id);
    if (open.id > 0 && (i->state == STATE_KEY_ACTIVE || i->state == STATE_ACB_IN_PLACE ||
                        incident_may_sign(i->route, i->state))) {
        (void)snprintf(who, sizeof who, "batch %" PRId64, open.id);
        next[0] = '\0'; /* the batch's own entry says */
    } else if (i->state == STATE_KEY_ACTIVE && decided) {
        (void)snprintf(next, sizeof next, "batch start %s %s", i->id, d.id);
    }
    add(w, &(struct entry){.what = "incident",
                           .name = i->id,
                           .state = incident_state(i->state)->name,
                           .since_us = i->since_us,
                           .who = who,
                           .why = incident_state(i->state)->sentence,
                           .next = next});
    return true;
}

/* --- batches --- */

/* Was it stopped although its decision stands, with its incident open and nothing after it? Then
 * nobody else's entry speaks of it. */
static bool stopped_alone(struct waits *w, const struct batch *b, bool *alone)
{
    struct docket_incident i;
    struct docket_decision d;
    int64_t last;
    bool found;

    *alone = false;
    if (b->state != BATCH_STOPPED || b->rule[0] == '\0')
        return true;
    if (!docket_decision_by_digest(w->sv->store, &b->decision, &d, &found, w->e) ||
        !queue_last(w->sv->store, b->incident, &last, w->e) ||
        !docket_get(w->sv->store, b->incident, &i, w->e))
        return false;
    *alone = found && d.state == DECISION_LIVE && last == b->id &&
             incident_waits(i.route, i.state) != NULL;
    docket_incident_done(&i);
    return true;
}

static bool add_batch(void *arg, const struct batch *b)
{
    struct waits *w = arg;
    char name[40];
    char why[TEXT];
    char who[160];
    char next[120];
    struct entry x = {.what = "batch",
                      .name = name,
                      .state = queue_state_name(b->state),
                      .since_us = b->started_us != 0 ? b->started_us : b->asked_us,
                      .who = who,
                      .why = why,
                      .next = next};
    bool alone;

    if (!stopped_alone(w, b, &alone))
        return fail(w);
    if (queue_state_final(b->state) && !alone)
        return true;
    (void)snprintf(name, sizeof name, "%" PRId64, b->id);
    (void)snprintf(why, sizeof why, "%" PRId64 " of %u signed", b->signed_, b->n_rows);
    (void)snprintf(who, sizeof who, "the signers");
    (void)snprintf(next, sizeof next, "batch watch %" PRId64, b->id);
    if (b->state == BATCH_WAITING) {
        x.until_us = b->asked_us + (int64_t)service_confirm_s(w->sv) * 1000000;
        (void)snprintf(who, sizeof who, "an operator other than %s",
                       hats_name(w->sv, b->asked_by));
        (void)snprintf(next, sizeof next, "batch confirm %" PRId64, b->id);
        if (x.until_us <= w->now_us) {
            (void)snprintf(why, sizeof why, "not confirmed in time");
            (void)snprintf(who, sizeof who, "an operator");
            (void)snprintf(next, sizeof next, "batch start %s DECISION", b->incident);
        }
    } else if (b->state == BATCH_HELD || b->state == BATCH_PAUSED || alone) {
        const char *advice = b->rule[0] != '\0' ? advice_of(b->rule) : "";

        (void)snprintf(who, sizeof who, "an operator");
        (void)snprintf(why, sizeof why, "%s%s%s", b->reason,
                       b->reason[0] != '\0' && advice[0] != '\0' ? ": " : "", advice);
        if (alone) /* it stays so: what is left is another one's */
            (void)snprintf(next, sizeof next, "batch start %s DECISION", b->incident);
        else
            (void)snprintf(next, sizeof next, "batch resume %" PRId64, b->id);
    }
    add(w, &x);
    return true;
}

/* --- counter marks --- */

static bool add_raising(void *arg, const struct eui64 *originator, uint64_t mark)
{
    struct waits *w = arg;
    int64_t span_us = (int64_t)service_confirm_s(w->sv) * 1000000;
    struct raising r;
    char hex[HEX_LEN(8)];
    char who[160];
    char next[80];

    (void)mark;
    if (!raising_waits(w->sv->store, originator, w->now_us - span_us, &r, w->e))
        return fail(w);
    if (r.to == 0)
        return true;
    hex_encode(originator->b, 8, hex);
    (void)snprintf(who, sizeof who, "an operator other than %s",
                   hats_name(w->sv, r.asked_by));
    (void)snprintf(next, sizeof next, "counter confirm %s", hex);
    add(w, &(struct entry){.what = "counter",
                           .name = hex,
                           .state = "waiting",
                           .since_us = r.asked_us,
                           .until_us = r.asked_us + span_us,
                           .who = who,
                           .why = r.ceremony,
                           .next = next});
    return true;
}

/* --- what ends --- */

static bool add_window(void *arg, const struct docket_window *d)
{
    struct waits *w = arg;
    char why[TEXT];
    char next[TEXT];

    if (d->to_us - w->now_us > (int64_t)WAITS_WINDOW_S * 1000000)
        return true;
    (void)snprintf(why, sizeof why,
                   "decision %s of %s ends: nothing is signed under it any more",
                   d->decision, d->incident);
    (void)snprintf(next, sizeof next, "decision draft %s", d->incident);
    add(w, &(struct entry){.what = "window",
                           .name = d->decision,
                           .state = d->to_us > w->now_us ? "open" : "over",
                           .until_us = d->to_us,
                           .who = "the PMA",
                           .why = why,
                           .next = next});
    return true;
}

static bool add_deferral(void *arg, const struct deferral *d)
{
    struct waits *w = arg;
    char why[TEXT];
    char next[TEXT];

    if (d->review_us == 0 || d->review_us - w->now_us > (int64_t)WAITS_WINDOW_S * 1000000)
        return true;
    (void)snprintf(why, sizeof why, "%s of %s is reviewed; it ends when: %s", d->outcome,
                   d->incident, d->end_condition);
    (void)snprintf(next, sizeof next, "incident event %s end-deferral --evidence TEXT",
                   d->incident);
    add(w, &(struct entry){.what = "deferral",
                           .name = d->document,
                           .state = d->review_us > w->now_us ? "live" : "due",
                           .since_us = d->since_us,
                           .until_us = d->review_us,
                           .who = "the PMA",
                           .why = why,
                           .next = next});
    return true;
}

static void add_certificate(const struct waits *w, const char *name, const struct cert *c)
{
    if (c->not_after_us - w->now_us > (int64_t)WAITS_CERTIFICATE_D * 86400 * 1000000)
        return;
    add(w, &(struct entry){.what = "certificate",
                           .name = name,
                           .state = c->not_after_us > w->now_us ? "ends" : "over",
                           .until_us = c->not_after_us,
                           .who = "whoever keeps the configuration",
                           .why = c->subject,
                           .next = ""});
}

static void add_certificates(const struct waits *w)
{
    const struct trust *t = &w->sv->trust;

    for (size_t i = 0; i < t->root.n; i++)
        add_certificate(w, "root", &t->root.at[i]);
    for (size_t i = 0; i < t->issuing.n; i++)
        add_certificate(w, "issuing", &t->issuing.at[i]);
    for (size_t i = 0; i < w->sv->config.n_keys; i++)
        if (t->keys[i].present)
            add_certificate(w, w->sv->config.keys[i].name, &t->keys[i].cert.at[0]);
}

/* --- the machine --- */

struct disk {
    int64_t free_mb, total_mb;
    bool low;
};

static bool disk_of(const struct service *sv, struct disk *d)
{
    struct statvfs v;

    if (statvfs(sv->config.service.state_dir, &v) != 0)
        return false;
    /* what a user who is not root may have */
    d->free_mb = (int64_t)((double)v.f_bavail * (double)v.f_frsize / 1e6);
    d->total_mb = (int64_t)((double)v.f_blocks * (double)v.f_frsize / 1e6);
    d->low = d->free_mb < (int64_t)sv->config.service.disk_alarm_mb;
    return true;
}

json_t *waits_disk(const struct service *sv)
{
    struct disk d;

    return disk_of(sv, &d)
               ? json_pack("{s:I,s:I,s:b}", "free_mb", (json_int_t)d.free_mb, "total_mb",
                           (json_int_t)d.total_mb, "low", (int)d.low)
               : json_null();
}

static void add_disk(const struct waits *w)
{
    struct disk d;
    char why[TEXT];

    if (!disk_of(w->sv, &d) || !d.low)
        return;
    (void)snprintf(why, sizeof why,
                   "%" PRId64
                   " MB are left of DiskAlarmMB=%u: make room, or a larger disk; "
                   "a full one stops the service",
                   d.free_mb, w->sv->config.service.disk_alarm_mb);
    add(w, &(struct entry){.what = "disk",
                           .name = w->sv->config.service.state_dir,
                           .state = "low",
                           .who = "an administrator",
                           .why = why,
                           .next = ""});
}

static void add_token(const struct waits *w, const char *state)
{
    const struct signers *s = pump_signers(w->sv->pump);
    const struct signer_info *found = NULL;
    char why[TEXT] = "no signer has come up yet";

    if (strcmp(state, "ready") == 0 || strcmp(state, "counters barred") == 0)
        return; /* of the second an alarm says what bars */
    for (unsigned i = 0; i < signers_count(s); i++)
        if (signers_info(s, i)->trouble[0] != '\0' &&
            (found == NULL || signers_info(s, i)->state == SIGNER_BARRED))
            found = signers_info(s, i);
    if (found != NULL)
        (void)snprintf(why, sizeof why, "%s%s%s", found->trouble,
                       found->rule[0] != '\0' ? ": " : "", advice_of(found->rule));
    else if (pump_faulted(w->sv->pump)->rule[0] != '\0')
        (void)snprintf(why, sizeof why, "%s (%s): %s", pump_faulted(w->sv->pump)->reason,
                       pump_faulted(w->sv->pump)->rule,
                       advice_of(pump_faulted(w->sv->pump)->rule));
    add(w, &(struct entry){.what = "token",
                           .name = w->sv->config.tokens[0].name,
                           .state = state,
                           .who = "whoever looks after the token",
                           .why = why,
                           .next = w->sv->config.service.signer_socket[0] != '\0'
                                       ? "journalctl -u 'smki-recovery-signer@*' -n 50"
                                       : "journalctl -u smki-recovery.service -n 50"});
}

bool waits_list(struct service *sv, const char *token, json_t **out, int64_t *more,
                struct err *e)
{
    struct waits w = {
        .sv = sv, .list = json_array(), .now_us = clock_now(&sv->clock), .e = e};

    if (docket_each(sv->store, add_incident, &w, e) && !w.failed &&
        queue_each(sv->store, NULL, add_batch, &w, e) &&
        ledger_each_mark(sv->store, add_raising, &w, e) && !w.failed &&
        docket_each_window(sv->store, add_window, &w, e) &&
        deferral_each(sv->store, NULL, add_deferral, &w, e)) {
        add_certificates(&w);
        add_disk(&w);
        add_token(&w, token);
        *out = w.list;
        *more = w.more;
        return true;
    }
    json_decref(w.list);
    return false;
}
