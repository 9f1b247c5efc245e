/* SPDX-License-Identifier: MIT */
#include "bars.h"

#include "account_end.h"
#include "audit.h"
#include "ledger.h"
#include "log.h"
#include "outbox.h"
#include "restored.h"
#include "rules.h"
#include "service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void fatal(struct service *sv, const struct err *e)
{
    log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = e},
              "the service stops: %s", e->text);
    (void)sd_event_exit(sv->loop, 1);
}

/* --- telling --- */

static json_t *finding(const struct err *why, const struct eui64 *originator,
                       uint64_t needed)
{
    const struct rule *rule = rules_find(why->id);
    char hex[HEX_LEN(8)] = "";

    if (originator != NULL)
        hex_encode(originator->b, sizeof originator->b, hex);
    return json_pack("{s:s,s:s*,s:s,s:s,s:o*}", "alarm", why->id, "originator",
                     originator != NULL ? hex : NULL, "reason", why->text, "advice",
                     rule != NULL ? rule->advice : "", "raise_to_at_least",
                     needed > 0 ? json_integer((json_int_t)needed) : NULL);
}

/* Into the audit trail and the queue of notices, in the caller's transaction. */
static bool put_finding(struct service *sv, const struct err *why,
                        const struct eui64 *originator, uint64_t needed, struct err *e)
{
    json_t *what = finding(why, originator, needed);
    struct chain_place at;
    bool ok;

    log_event(LOG_CRIT, MSG_ROLL_BACK, &(struct log_fields){.err = why}, "%s (%s)",
              why->text, why->id);
    ok = audit_put(sv->store, clock_now(&sv->clock), "ROLL_BACK_FOUND", "",
                   AUDIT_ACTOR_SYSTEM, e, "O", what) &&
         audit_last(sv->store, &at, e) &&
         outbox_roll_back(sv->store, &sv->config, (int64_t)at.seq, what,
                          clock_now(&sv->clock), e);
    json_decref(what);
    return ok;
}

static void tell(struct service *sv, const struct err *why, const struct eui64 *originator)
{
    struct err e;

    if (store_begin(sv->store, &e) && put_finding(sv, why, originator, 0, &e) &&
        store_commit(sv->store, &e)) {
        service_notices(sv);
        return;
    }
    store_rollback(sv->store);
    fatal(sv, &e);
}

/* --- the token's mark --- */

static struct bars_mark *mark_of(struct bars *b, const struct eui64 *originator)
{
    for (size_t i = 0; i < b->n; i++)
        if (eui64_cmp(&b->marks[i].originator, originator) == 0)
            return &b->marks[i];
    if (b->n == PLACE_COUNTERS_MAX)
        return NULL;
    b->marks[b->n] = (struct bars_mark){.originator = *originator};
    return &b->marks[b->n++];
}

static bool mark_agrees(struct service *sv, const struct bars_mark *m, struct err *e)
{
    if (m->had > m->token)
        return err_set(e, ERR_DENIED,
                       m->token == 0 ? "ledger.token-fresh" : "ledger.token-behind",
                       "the token has seen counters up to %" PRIu64
                       ", and had seen %" PRIu64 ": it was exchanged for %s",
                       m->token, m->had, m->token == 0 ? "a fresh one" : "an older copy");
    return ledger_agrees(sv->store, &m->originator, m->token, e);
}

void bars_marked(void *arg, const struct eui64 *originator, uint64_t mark, uint64_t had)
{
    struct service *sv = arg;
    struct bars_mark *m = mark_of(&sv->bars, originator);
    struct err why = {0};

    if (m == NULL)
        return;
    m->token = mark;
    m->had = had;
    if (mark_agrees(sv, m, &why)) {
        m->told = (struct err){0};
    } else if (why.code == ERR_STORE) {
        fatal(sv, &why);
    } else {
        bool news = m->told.code == ERR_NONE || strcmp(m->told.id, why.id) != 0;

        m->told = why;
        if (news)
            tell(sv, &why, originator);
    }
}

/* --- second places --- */

/* Whose counters are used here: of configured keys, of the ledger, of the place. */
static bool add_originator(void *arg, const struct eui64 *originator, uint64_t mark)
{
    place_set(arg, originator, mark);
    return true;
}

static bool everybody(struct service *sv, const struct place *p, struct place *all,
                      struct err *e)
{
    *all = (struct place){0};
    for (size_t i = 0; i < sv->config.n_keys; i++)
        if (sv->trust.keys[i].present)
            place_set(all, &sv->trust.keys[i].cert.at[0].eui, 0);
    for (size_t i = 0; i < p->n; i++)
        place_set(all, &p->counters[i].originator, 0);
    return ledger_each_mark(sv->store, add_originator, all, e);
}

/* Anchor and account were written before counters left, so they know the last; of what else
 * there is nobody knows how old it is. */
static uint64_t needed_by(const struct service *sv, const char *where, uint64_t mark,
                          uint64_t up_to)
{
    bool exact = strcmp(where, "anchor") == 0 || strcmp(where, "account") == 0;
    uint64_t most = up_to > mark ? up_to : mark;

    if (exact)
        return up_to > mark ? up_to : mark + 1;
    return most > (uint64_t)INT64_MAX - sv->config.counter.skip
               ? INT64_MAX
               : most + sv->config.counter.skip;
}

static bool put_place(struct service *sv, const struct place *p, const char *where,
                      const char *why, struct err *e)
{
    struct place all;

    if (!everybody(sv, p, &all, e))
        return false;
    for (size_t i = 0; i < all.n; i++) {
        const struct place_counter *c = &all.counters[i];
        struct restored r = {
            .told = p->hash,
            .originator = c->originator,
            .needed = needed_by(sv, where, c->up_to, place_up_to(p, &c->originator)),
            .at_us = clock_now(&sv->clock)};
        struct err found;
        bool news;

        (void)snprintf(r.where, sizeof r.where, "%s", where);
        (void)snprintf(r.reason, sizeof r.reason,
                       strcmp(where, "backup") == 0 ? "this state is a %s: %s"
                                                    : "this state is older than the %s: %s",
                       where, why);
        if (!restored_put(sv->store, &r, &news, e))
            return false;
        (void)err_set(&found, ERR_DENIED, "ledger.restored", "%s", r.reason);
        if (news && !put_finding(sv, &found, &c->originator, r.needed, e))
            return false;
    }
    return true;
}

bool bars_place(struct service *sv, const struct place *p, const char *where, bool *older,
                char why[static PLACE_TEXT], struct err *e)
{
    return place_judge(sv->store, p, older, why, e) &&
           (!*older || put_place(sv, p, where, why, e));
}

bool bars_restored(struct service *sv, const struct place *record, struct err *e)
{
    return put_place(sv, record, "backup",
                     "it was put back, and nobody knows what was used since", e);
}

static bool hold_against(struct service *sv, const struct place *p, const char *where,
                         bool *older, struct err *e)
{
    char why[PLACE_TEXT];

    if (!store_begin(sv->store, e))
        return false;
    if (bars_place(sv, p, where, older, why, e) && store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}

bool bars_account(struct service *sv, struct err *e)
{
    struct place p;
    bool older;

    return !account_end_read(signers_account(pump_signers(sv->pump)), &p) ||
           hold_against(sv, &p, "account", &older, e);
}

/* --- the anchor --- */

static void anchor_trouble(struct service *sv, const struct err *why)
{
    bool news = sv->bars.trouble.code == ERR_NONE;

    sv->bars.trouble = *why;
    if (news)
        tell(sv, why, NULL);
}

#define ANCHOR_WAIT_MS 1000

static void do_job(void *arg)
{
    struct bars_anchor_job *j = arg;

    j->ok = j->writes ? anchor_write(&j->anchor, &j->place, j->now_us, &j->e)
                      : anchor_read(&j->anchor, &j->place, &j->found, &j->e);
}

/* b->job, done aside; its error is *e. */
static bool anchor_ask(struct bars *b, struct err *e)
{
    bool begun, over;

    if (!aside_busy(&b->aside)) {
        if (b->late)
            b->anchor = b->job.anchor; /* what it came to in the end */
        b->late = false;
        b->job = b->next;
        b->job.anchor = b->anchor;
    }
    over = aside_run(&b->aside, do_job, &b->job, ANCHOR_WAIT_MS, &begun);
    if (!over) {
        b->late = b->late || begun;
        return err_set(e, ERR_BUSY, "ledger.anchor", "%s: %s", b->anchor.path,
                       begun || b->late ? "it does not answer: does its share hang?"
                                        : "no thread to ask it with");
    }
    b->anchor = b->job.anchor;
    *e = b->job.e;
    return b->job.ok;
}

static bool begin_anchor(struct service *sv, struct err *e)
{
    int64_t now = clock_now(&sv->clock);

    if (!store_begin(sv->store, e))
        return false;
    if (anchor_begun(sv->store, sv->bars.anchor.path, now, e) &&
        audit_put(sv->store, now, "ANCHOR_BEGUN", "", AUDIT_ACTOR_SYSTEM, e, "{s:s}",
                  "file", sv->bars.anchor.path) &&
        store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}

/* A backup was put back, and the anchor tells how far the record had come. */
static bool tells_how_far(struct service *sv, const struct place *p, struct err *e)
{
    struct place all;

    if (!everybody(sv, p, &all, e) || !store_begin(sv->store, e))
        return false;
    for (size_t i = 0; i < all.n; i++) {
        const struct place_counter *c = &all.counters[i];
        uint64_t up_to = place_up_to(p, &c->originator);

        if (!restored_known(sv->store, &c->originator,
                            needed_by(sv, "anchor", c->up_to, up_to), e)) {
            store_rollback(sv->store);
            return false;
        }
    }
    return store_commit(sv->store, e);
}

/* How far it says that the record had come, against the state. Where it cannot be had that is
 * tried again, before anything is written there. */
static bool first_look(struct service *sv, struct err *e)
{
    struct bars *b = &sv->bars;
    bool before, older;

    if (!anchor_known(sv->store, b->anchor.path, &before, e))
        return false;
    b->next = (struct bars_anchor_job){.writes = false};
    if (!anchor_ask(b, e))
        return false;
    if (!b->job.found && before)
        return err_set(e, ERR_BUSY, "ledger.anchor", "%s is gone", b->anchor.path);
    if (b->job.found && (!hold_against(sv, &b->job.place, "anchor", &older, e) ||
                         !tells_how_far(sv, &b->job.place, e)))
        return false;
    if (!before && !begin_anchor(sv, e))
        return false;
    b->looked = true;
    return true;
}

/* What stands there is the better knowledge while a finding stands. */
static bool write_anchor(struct service *sv, struct err *e)
{
    struct bars *b = &sv->bars;
    struct restored r;
    bool stands;

    if (b->anchor.path == NULL)
        return true;
    if (!b->looked && !first_look(sv, e))
        return false;
    if (!restored_any(sv->store, &r, &stands, e))
        return false;
    if (stands)
        return true;
    b->next = (struct bars_anchor_job){.writes = true, .now_us = clock_now(&sv->clock)};
    if (!place_take(sv->store, &b->next.place, e) || !anchor_ask(b, e))
        return false;
    b->trouble = (struct err){0};
    return true;
}

static void follow(struct service *sv)
{
    struct err e;

    if (write_anchor(sv, &e))
        return;
    if (e.code == ERR_STORE)
        fatal(sv, &e);
    else
        anchor_trouble(sv, &e);
}

bool bars_leased(void *arg, struct err *e)
{
    struct service *sv = arg;
    struct restored r;
    bool stands;

    if (!write_anchor(sv, e)) {
        if (e->code != ERR_STORE)
            anchor_trouble(sv, e);
        return false;
    }
    if (!restored_any(sv->store, &r, &stands, e))
        return false;
    /* an anchor that answers only now may have told it */
    return !stands || err_set(e, ERR_DENIED, "ledger.restored", "%s", r.reason);
}

void bars_sealed(void *arg)
{
    follow(arg);
}

void bars_tick(struct service *sv)
{
    if (sv->bars.trouble.code != ERR_NONE)
        follow(sv);
}

void bars_raised(struct service *sv)
{
    follow(sv);
}

bool bars_start(struct service *sv, struct err *e)
{
    if (sv->config.service.anchor[0] == '\0')
        return true;
    sv->bars.anchor.path = sv->config.service.anchor;
    if (first_look(sv, e)) {
        follow(sv);
        return true;
    }
    if (e->code == ERR_STORE)
        return false;
    anchor_trouble(sv, e);
    return true;
}

/* --- what bars --- */

bool bars_lifted(struct service *sv, const struct eui64 *originator, struct err *e)
{
    struct bars_mark *m = mark_of(&sv->bars, originator);
    struct restored r;
    char hex[HEX_LEN(8)];
    bool found;

    /* nothing is signed while it bars, so what was said then holds still */
    if (m != NULL && m->told.code != ERR_NONE) {
        if (!mark_agrees(sv, m, e))
            return false;
        m->told = (struct err){0};
    }
    /* of whomever: until all are answered the anchor stays as it is */
    if (!restored_any(sv->store, &r, &found, e))
        return false;
    hex_encode(r.originator.b, sizeof r.originator.b, hex);
    if (found)
        return err_set(e, ERR_DENIED, "ledger.restored",
                       "%s; raise the mark of %s to %" PRIu64 " at least", r.reason, hex,
                       r.needed);
    if (sv->bars.trouble.code == ERR_NONE)
        return true;
    *e = sv->bars.trouble;
    return false;
}

static bool add_restored(void *arg, const struct restored *r)
{
    struct err why;

    (void)err_set(&why, ERR_DENIED, "ledger.restored", "%s", r->reason);
    (void)json_array_append_new(arg, finding(&why, &r->originator, r->needed));
    return true;
}

bool bars_alarms(struct service *sv, json_t *list, struct err *e)
{
    for (size_t i = 0; i < sv->bars.n; i++) {
        const struct bars_mark *m = &sv->bars.marks[i];
        struct err why;

        if (m->told.code == ERR_NONE || mark_agrees(sv, m, &why))
            continue;
        if (why.code == ERR_STORE) {
            *e = why;
            return false;
        }
        (void)json_array_append_new(list, finding(&why, &m->originator, 0));
    }
    if (sv->bars.trouble.code != ERR_NONE)
        (void)json_array_append_new(list, finding(&sv->bars.trouble, NULL, 0));
    return restored_each(sv->store, add_restored, list, e);
}
