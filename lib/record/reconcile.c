/* SPDX-License-Identifier: MIT */
#include "reconcile.h"

#include "cells.h"
#include "mem.h"
#include "preflight.h"
#include "response.h"
#include "sent.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reconcile {
    struct store *store;
    char incident[AUTHORITY_ID_MAX];
    const struct lists *lists;
    struct sent sent;
    struct sent_batch plan; /* what is to be signed, once somebody has asked */
    bool has_plan;
    const char *rule;       /* why the last one was set aside */
    enum outcome_held held; /* what the last answer said of who held its cells */
};

/* What an answer of that verdict makes of its device. */
static enum outcome_state state_of(enum reconcile_verdict v)
{
    return v == RECONCILE_SUCCESS  ? OUTCOME_SUCCESS
           : v == RECONCILE_PARTLY ? OUTCOME_PARTLY
           : v == RECONCILE_FAILED ? OUTCOME_FAILED
                                   : OUTCOME_ACCEPTED;
}

static bool is_unclear(enum outcome_state s)
{
    return s == OUTCOME_UNKNOWN || s == OUTCOME_UNREACHABLE;
}

const char *reconcile_verdict_name(enum reconcile_verdict v)
{
    switch (v) {
    case RECONCILE_SUCCESS:
    case RECONCILE_PARTLY:
    case RECONCILE_FAILED:
    case RECONCILE_ACCEPTED:
        return outcome_state_name(state_of(v));
    case RECONCILE_RESOLVED:
        return "resolved";
    case RECONCILE_TOLD:
        return "told";
    case RECONCILE_ASIDE:
        return "aside";
    case RECONCILE_VERDICTS:
        break;
    }
    return "unknown";
}

bool reconcile_open(struct store *s, const char *incident, const struct lists *lists,
                    struct reconcile **out, struct err *e)
{
    struct reconcile *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    r->store = s;
    r->lists = lists;
    (void)snprintf(r->incident, sizeof r->incident, "%s", incident);
    if (!sent_open(s, incident, lists, &r->sent, e)) {
        reconcile_close(r);
        return false;
    }
    *out = r;
    return true;
}

void reconcile_close(struct reconcile *r)
{
    if (r == NULL)
        return;
    sent_close(&r->sent);
    free(r);
}

/* --- outcomes --- */

bool reconcile_aside(struct reconcile *r, struct span text, const char *rule,
                     const char *reason, int64_t now_us, struct err *e)
{
    r->rule = rule;
    return store_run(r->store, e,
                     "INSERT INTO aside_count (incident, rule, n) VALUES (?1, ?2, 1)"
                     " ON CONFLICT (incident, rule) DO UPDATE SET n = n + 1",
                     "tt", r->incident, rule) &&
           store_run(r->store, e,
                     "INSERT INTO aside (incident, rule, reason, message, at_us)"
                     " SELECT ?1, ?2, ?3, ?4, ?5 FROM aside_count"
                     " WHERE incident = ?1 AND rule = ?2 AND n <= ?6",
                     "tttbii", r->incident, rule, reason,
                     span_of(text.at != NULL ? text.at : (const uint8_t *)"", text.len),
                     now_us, (int64_t)RECONCILE_KEPT_MAX);
}

enum outcome_held reconcile_held(const struct reconcile *r)
{
    return r->held;
}

const char *reconcile_rule(const struct reconcile *r)
{
    return r->rule;
}

/* It answers a command of ours, whose answer is on record already. */
bool reconcile_fits(const char *rule)
{
    return strcmp(rule, "response.duplicate") == 0 || strcmp(rule, "response.stale") == 0;
}

struct asides {
    bool (*fn)(void *arg, const char *rule, int64_t n);
    void *arg;
};

static bool take_aside(void *arg, const struct store_row *row)
{
    struct asides *a = arg;

    return a->fn(a->arg, store_text(row, 0), store_i64(row, 1));
}

bool reconcile_asides(struct store *s, const char *incident,
                      bool (*fn)(void *arg, const char *rule, int64_t n), void *arg,
                      struct err *e)
{
    struct asides a = {fn, arg};

    return store_each(s, take_aside, &a, e,
                      "SELECT rule, n FROM aside_count WHERE incident = ?1 ORDER BY rule",
                      "t", incident);
}

/* A cell is replaced only if the device says so and names the key that was sent; all are
 * only if it says so of each cell that the command had. */
static enum reconcile_verdict judge(const struct sent_batch *k, uint32_t want,
                                    const struct response *resp)
{
    uint32_t replaced = 0;
    bool all = true;

    if (resp->kind == RESPONSE_ACCEPTED)
        return RECONCILE_ACCEPTED;
    for (size_t i = 0; i < resp->n_outcomes; i++) {
        const struct response_outcome *c = &resp->outcomes[i];

        if (c->status == 0 && c->known && (k->cells & CELL_BIT(c->cell)) && c->has_new &&
            memcmp(c->new_key.b, k->placed[c->cell].b, sizeof c->new_key.b) == 0)
            replaced |= CELL_BIT(c->cell);
        else
            all = false;
    }
    if (replaced == 0)
        return RECONCILE_FAILED;
    return all && (want & ~replaced) == 0 ? RECONCILE_SUCCESS : RECONCILE_PARTLY;
}

/* GBCS 13.3.3 StatusCode, meaning by name only (INFERRED):
 * what may go better another time. */
static bool worth_retrying(const struct response *resp)
{
    for (size_t i = 0; i < resp->n_outcomes; i++)
        switch (resp->outcomes[i].status) {
        case 0:   /* success */
        case 17:  /* insufficientMemory */
        case 30:  /* resourcesBusy */
        case 127: /* other */
            break;
        default: /* badCertificate 5, noTrustAnchor 10, trustAnchorNotFound 25, unheard of
                  */
            return false;
        }
    return true;
}

static bool device_signed(const struct roster_row *row, const struct response *resp)
{
    AUTO(pkey) EVP_PKEY *key = EVP_PKEY_new();
    EC_KEY *ec;
    const uint8_t *at = row->ds;
    bool ok;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    ok = key != NULL && ec != NULL && o2i_ECPublicKey(&ec, &at, 33) != NULL &&
         EVP_PKEY_set1_EC_KEY(key, ec) == 1;
    EC_KEY_free(ec);
#pragma GCC diagnostic pop
    return ok && response_verify(resp, key);
}

static bool key_signed(const struct roster_row *row, struct span octets,
                       const struct sig_p256 *sig)
{
    struct response r = {.signed_octets = octets, .sig = *sig};

    return device_signed(row, &r);
}

struct fault {
    const char *rule, *reason;
};

/* Which command, or why the answer is set aside. */
static bool match(struct reconcile *r, const struct response *resp, struct lists_row *row,
                  struct sent_command *to, struct fault *why, struct err *e)
{
    if (!lists_find(r->lists, &resp->device, row)) {
        *why = (struct fault){"response.unknown-device", "the device is not in the roster"};
        return true;
    }
    *why = (struct fault){"response.unmatched",
                          "no command of that counter was signed for it"};
    for (size_t i = r->sent.n; i-- > 0;) {
        struct sent_batch *k = &r->sent.batches[i];
        struct sent_command c;
        bool found;

        if (!sent_in(&r->sent, k, &resp->device, &c, &found, e))
            return false;
        if (!found || c.counter != resp->counter)
            continue;
        /* each organisation counts for itself: another batch may have that counter too */
        if (eui64_cmp(&resp->recipient, &k->originator) != 0) {
            *why =
                (struct fault){"response.mismatched", "it is addressed to another party"};
            continue;
        }
        *to = c;
        *why = (struct fault){NULL, NULL};
        if (!row->at.has_ds)
            *why = (struct fault){"response.no-device-key",
                                  "the roster has no signing key of the device"};
        else if (!device_signed(&row->at, resp))
            *why = (struct fault){"response.forged", "the device's key did not sign it"};
        return true;
    }
    return true;
}

/* Is what is on record about a later command than this one? Counters of one organisation
 * say so; between organisations (hand-back by the ACB) batches do. */
static bool is_later(const struct reconcile *r, const struct outcome *b,
                     const struct sent_batch *k, uint64_t counter)
{
    for (size_t i = 0; i < r->sent.n; i++)
        if (r->sent.batches[i].id == b->batch &&
            eui64_cmp(&r->sent.batches[i].originator, &k->originator) == 0)
            return b->counter > counter;
    return b->batch > k->id;
}

static bool is_same(const struct outcome *b, const struct sent_batch *k, uint64_t counter)
{
    return b->batch == k->id && b->counter == counter;
}

static bool is_like(const struct sent_batch *k, const struct sent_batch *other)
{
    return k->list == other->list && digest_equal(&k->decision, &other->decision);
}

static bool all_like(const struct reconcile *r, const struct sent_batch *k)
{
    for (size_t i = 0; i < r->sent.n; i++)
        if (!is_like(&r->sent.batches[i], k))
            return false;
    return true;
}

static bool owe(char **cells, uint32_t owed, const struct sent_batch *to, struct err *e)
{
    char *more = cells_owed(*cells, owed, to->decision_id);

    if (more == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    free(*cells);
    *cells = more;
    return true;
}

/*
 * A device is done only when it has said of every cell that a command of ours named for it
 * that the key of the last such lies there: what its word about one command does not tell of
 * another is owed. A hand-back that was not carried out leaves what was before it.
 *   done   the command that it has carried out
 *   cells  in and out: what is kept of the device; owned
 *   left   out: true where something is owed
 */
static bool all_commanded(struct reconcile *r, const struct eui64 *device,
                          const struct sent_command *done, char **cells, bool *left,
                          struct err *e)
{
    uint32_t seen = 0;

    if (all_like(r, done->batch))
        return true;
    for (size_t i = r->sent.n; i-- > 0;) {
        struct sent_batch *k = &r->sent.batches[i];
        struct sent_command c;
        uint32_t owed = 0;
        bool found;

        if (!sent_in(&r->sent, k, device, &c, &found, e))
            return false;
        if (!found)
            continue;
        if (!is_like(k, done->batch))
            owed = cells_left(*cells, c.cells & ~seen, k->placed);
        seen |= k->handback ? c.cells & ~owed : c.cells;
        if (owed == 0 || k->handback)
            continue;
        if (!owe(cells, owed, k, e))
            return false;
        *left = true;
    }
    return true;
}

static bool keep(struct reconcile *r, const struct sent_command *to,
                 const struct lists_row *row, const struct response *resp,
                 const struct outcome *before, enum reconcile_verdict verdict,
                 int64_t now_us, struct err *e)
{
    const struct sent_batch *k = to->batch;
    struct cells_kept kept;
    AUTO(mem)
    char *cells =
        cells_answered(&r->sent, to, &row->at, resp, before->cells, &kept, &r->held);
    struct outcome now = {.device = row->at.device,
                          .type = row->at.type,
                          .state = state_of(verdict),
                          .list = k->list->version,
                          .batch = k->id,
                          .counter = resp->counter,
                          .attempts = before->attempts,
                          .retry = worth_retrying(resp),
                          .at_us = now_us,
                          .held = r->held};

    if (cells == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (now.state == OUTCOME_SUCCESS &&
        !all_commanded(r, &row->at.device, to, &cells, &kept.open, e))
        return false;
    if ((now.state == OUTCOME_SUCCESS && kept.open) ||
        (now.state == OUTCOME_FAILED && kept.replaced))
        now.state = OUTCOME_PARTLY;
    now.cells = cells;
    /* that it lay there already is told by the second command; what lay there before that,
     * by the first one */
    if (now.held <= OUTCOME_HELD_REPLACED && before->held > now.held)
        now.held = before->held;
    if (!is_same(before, k, resp->counter))
        now.attempts++;
    return outcome_put(r->store, r->incident, &now, e);
}

/* --- what a device holds (CS02a, CS02f, CS02g) --- */

static bool is_placed(const struct sent_batch *k, enum cell cell, struct span key)
{
    return span_equal(key, span_of(k->placed[cell].b, sizeof k->placed[cell].b));
}

/* Cells of the command in which, by the device's report, a key of its batch lies. */
static uint32_t held_cells(const struct sent_batch *k, uint32_t want,
                           const struct payload_report *report)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < report->n_roles; i++)
        for (size_t c = 0; c < report->roles[i].n_cells; c++) {
            struct payload_cell id = {.role = report->roles[i].role,
                                      .usage = report->roles[i].cells[c].usage,
                                      .cell_usage = report->roles[i].cells[c].cell_usage};
            enum cell cell;

            if (payload_cell_find(&id, &cell) && (want & CELL_BIT(cell)) &&
                is_placed(k, cell, report->roles[i].cells[c].key))
                seen |= CELL_BIT(cell);
        }
    return seen;
}

/* Every cell of it, told by the answer to somebody else's command: what lay in each cell before and
 * what lies there now. That a key of ours lay there says as well that the batch's command
 * was carried out. */
static bool held_new_keys(const struct sent_batch *k, uint32_t want,
                          const struct response *resp)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < resp->n_outcomes; i++) {
        const struct response_outcome *o = &resp->outcomes[i];

        if (o->known && (want & CELL_BIT(o->cell)) &&
            ((o->has_old && is_placed(k, o->cell, span_of(o->old_key.b, 8))) ||
             (o->has_new && is_placed(k, o->cell, span_of(o->new_key.b, 8)))))
            seen |= CELL_BIT(o->cell);
    }
    return want != 0 && seen == want;
}

/* The device's row with another state, for a reason that is told in words. */
static bool set_state(struct reconcile *r, struct outcome *o, const struct lists_row *row,
                      enum outcome_state state, const struct sent_command *done,
                      const struct cells_told *told, const char *note, const char *who,
                      int64_t now_us, struct err *e)
{
    bool left;
    AUTO(mem) char *cells = cells_noted(o->cells, told, note, who, &left);

    if (cells == NULL)
        return err_set(e, ERR_INPUT, "response.mark", "the reason is not UTF-8");
    if (done != NULL && !all_commanded(r, &row->at.device, done, &cells, &left, e))
        return false;
    o->device = row->at.device;
    o->type = row->at.type;
    if (done != NULL) {
        o->list = done->batch->list->version;
        o->batch = done->batch->id;
        o->counter = done->counter;
    } else if (o->batch == 0) {
        o->list = row->list->version;
    }
    o->state = state == OUTCOME_SUCCESS && left ? OUTCOME_PARTLY : state;
    o->retry = true;
    o->at_us = now_us;
    o->cells = cells;
    return outcome_put(r->store, r->incident, o, e);
}

/* Does what a device holds, or what it answered to somebody else, show that a command of ours
 * was carried out? The last such, or done->batch is NULL. One of report and answer is NULL.
 *   nothing  out: the last of all, where the report shows that none of its keys is there: its
 *            fate is known too; else its batch is NULL */
static bool carried_out(struct reconcile *r, const struct eui64 *device,
                        const struct payload_report *report, const struct response *answer,
                        struct sent_command *done, struct sent_command *nothing,
                        struct err *e)
{
    bool last = true;

    done->batch = nothing->batch = NULL;
    for (size_t i = r->sent.n; i-- > 0 && done->batch == NULL;) {
        struct sent_batch *k = &r->sent.batches[i];
        struct sent_command c;
        uint32_t held;
        bool found;

        if (!sent_in(&r->sent, k, device, &c, &found, e))
            return false;
        if (!found)
            continue;
        held = report != NULL ? held_cells(k, c.cells, report) : 0;
        if (report != NULL ? held != 0 && held == c.cells
                           : held_new_keys(k, c.cells, answer))
            *done = c;
        else if (last && report != NULL && held == 0)
            *nothing = c;
        last = false;
    }
    return true;
}

/* Which keys lie in the cells that our commands named: those of the one that was carried
 * out, unless the device answers to a later one, of somebody else; and by its report, those
 * of others. */
static bool told_by(struct reconcile *r, const struct eui64 *device,
                    const struct sent_command *done, const struct payload_report *report,
                    const struct response *answer, struct cells_told *out, struct err *e)
{
    out->cells = done->cells;
    memcpy(out->key, done->batch->placed, sizeof out->key);
    for (size_t i = 0; answer != NULL && i < answer->n_outcomes; i++) {
        const struct response_outcome *o = &answer->outcomes[i];

        if (o->known && o->has_new)
            out->key[o->cell] = o->new_key;
    }
    for (size_t i = r->sent.n; report != NULL && i-- > 0;) {
        struct sent_batch *k = &r->sent.batches[i];
        struct sent_command c;
        uint32_t held;
        bool found;

        if (!sent_in(&r->sent, k, device, &c, &found, e))
            return false;
        held = found ? held_cells(k, c.cells & ~out->cells, report) : 0;
        out->cells |= held;
        for (unsigned cell = 0; cell < CELL_COUNT; cell++)
            if ((held & CELL_BIT(cell)) != 0)
                out->key[cell] = k->placed[cell];
    }
    return true;
}

/* What is said of a device that is on the list makes the list count. */
static bool name_list(struct reconcile *r, const struct list *list, struct err *e)
{
    return store_run(r->store, e,
                     "UPDATE roster SET named = 1 WHERE incident = ?1 AND version = ?2",
                     "ti", r->incident, list->version);
}

/* A party's counters ascend, and a device answers to no lower one (GBCS 4.3.1.5). So what it
 * answered to an earlier question is not what it holds now, however late it is handed in. */
static bool is_newest(struct reconcile *r, const struct message *m, struct fault *why,
                      struct err *e)
{
    int64_t last = 0;
    bool found;

    if (!store_number(r->store, &last, &found, e,
                      "SELECT counter FROM reported WHERE incident = ?1 AND device = ?2"
                      " AND asker = ?3",
                      "tbb", r->incident, span_of(m->originator.b, 8),
                      span_of(m->recipient.b, 8)))
        return false;
    if (found && m->counter == (uint64_t)last)
        *why = (struct fault){"response.duplicate", "the question was answered already"};
    else if (found && m->counter < (uint64_t)last)
        *why = (struct fault){"response.stale", "a later question was answered already"};
    return true;
}

static bool note_newest(struct reconcile *r, const struct message *m, struct err *e)
{
    return store_run(r->store, e,
                     "INSERT INTO reported (incident, device, asker, counter)"
                     " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (incident, device, asker)"
                     " DO UPDATE SET counter = excluded.counter",
                     "tbbi", r->incident, span_of(m->originator.b, 8),
                     span_of(m->recipient.b, 8), (int64_t)m->counter);
}

static bool was_commanded(struct reconcile *r, const struct eui64 *device, bool *was,
                          struct err *e)
{
    struct sent_command c;

    *was = false;
    for (size_t i = 0; i < r->sent.n && !*was; i++)
        if (!sent_in(&r->sent, &r->sent.batches[i], device, &c, was, e))
            return false;
    return true;
}

/* A device says what it holds before a command was signed for it. If somebody could not reach
 * it, it has answered now. */
static bool tell(struct reconcile *r, const struct message *m, const struct lists_row *row,
                 struct outcome *b, int64_t now_us, enum reconcile_verdict *verdict,
                 struct err *e)
{
    if (!r->has_plan && !sent_plan(&r->sent, r->incident, &r->plan, e))
        return false;
    r->has_plan = true;
    *verdict = RECONCILE_TOLD;
    return preflight_take(&r->sent, r->incident, &r->plan, row, &m->body.report, now_us,
                          &r->held, e) &&
           name_list(r, row->list, e) &&
           (!is_unclear(b->state) ||
            set_state(r, b, row, OUTCOME_UNREACHABLE, NULL, NULL,
                      "told what it holds, before a command was signed", NULL, now_us, e));
}

/* What a device holds of which something was unclear. */
static bool settle(struct reconcile *r, const struct message *m,
                   const struct lists_row *row, struct outcome *b, int64_t now_us,
                   enum reconcile_verdict *verdict, struct err *e)
{
    bool load = m->code == MESSAGE_CS02F;
    struct sent_command nothing;
    struct sent_command done;
    struct cells_told told;
    AUTO(mem) char *now = NULL;

    if (!carried_out(r, &m->originator, &m->body.report, NULL, &done, &nothing, e))
        return false;
    if (b->cells != NULL) {
        now = cells_reported(&r->sent, b->cells, &m->body.report);
        b->cells = now;
    }
    if (done.batch != NULL) {
        *verdict = RECONCILE_SUCCESS;
        return told_by(r, &m->originator, &done, &m->body.report, NULL, &told, e) &&
               set_state(r, b, row, OUTCOME_SUCCESS, &done, &told,
                         load ? "told by CS02f" : "told by CS02a", NULL, now_us, e);
    }
    *verdict = RECONCILE_RESOLVED;
    if (nothing.batch != NULL) {
        b->list = nothing.batch->list->version;
        b->batch = nothing.batch->id;
        b->counter = nothing.counter;
    }
    return set_state(r, b, row, OUTCOME_UNREACHABLE, NULL, NULL,
                     load ? "CS02f: the new keys are not there"
                          : "CS02a: the new keys are not there",
                     NULL, now_us, e);
}

static bool take_report(struct reconcile *r, const struct message *m, int64_t now_us,
                        enum reconcile_verdict *verdict, struct fault *why, struct err *e)
{
    AUTO(mem) char *cells = NULL;
    struct lists_row row;
    struct outcome b;
    bool commanded;
    bool known;

    if (!lists_find(r->lists, &m->originator, &row)) {
        *why = (struct fault){"response.unknown-device", "the device is not in the roster"};
        return true;
    }
    if (m->form != FORM_SIGNED || !row.at.has_ds ||
        !key_signed(&row.at, m->signed_octets, &m->sig)) {
        *why = (struct fault){"response.forged", "the device's key did not sign it"};
        return true;
    }
    if (!is_newest(r, m, why, e))
        return false;
    if (why->rule != NULL)
        return true;
    if (!outcome_get(r->store, r->incident, &m->originator, &b, &cells, &known, e) ||
        !was_commanded(r, &m->originator, &commanded, e))
        return false;
    if (commanded && !is_unclear(b.state)) {
        *why = (struct fault){"response.unmatched", "nothing is unclear about this device"};
        return true;
    }
    return note_newest(r, m, e) && (commanded ? settle(r, m, &row, &b, now_us, verdict, e)
                                              : tell(r, m, &row, &b, now_us, verdict, e));
}

/* CS02g: a supplier's command for the load controller's cells, not one of ours as a rule.
 * The device's answer can tell that ours was carried out, never that it was not: it names
 * two cells and no others. *why is cleared when it settled something. */
static bool take_load_answer(struct reconcile *r, const struct response *resp,
                             int64_t now_us, enum reconcile_verdict *verdict,
                             struct fault *why, struct err *e)
{
    AUTO(mem) char *cells = NULL;
    struct cells_told told;
    struct sent_command done;
    struct sent_command nothing;
    struct lists_row row;
    struct outcome b;
    bool known;

    if (!lists_find(r->lists, &resp->device, &row) || !row.at.has_ds ||
        !device_signed(&row.at, resp))
        return true;
    if (!outcome_get(r->store, r->incident, &resp->device, &b, &cells, &known, e))
        return false;
    if (!known || !is_unclear(b.state))
        return true;
    if (!carried_out(r, &resp->device, NULL, resp, &done, &nothing, e))
        return false;
    if (done.batch == NULL)
        return true;
    *verdict = RECONCILE_SUCCESS;
    *why = (struct fault){NULL, NULL};
    return told_by(r, &resp->device, &done, NULL, resp, &told, e) &&
           set_state(r, &b, &row, OUTCOME_SUCCESS, &done, &told, "told by CS02g", NULL,
                     now_us, e);
}

struct unclear {
    const struct eui64 *behind;
    struct eui64 device;
    bool found;
};

static bool find_unclear(void *arg, const struct outcome *o)
{
    struct unclear *u = arg;

    if (!is_unclear(o->state) ||
        (u->behind != NULL && eui64_cmp(&o->device, u->behind) == 0))
        return true;
    u->device = o->device;
    u->found = true;
    return false;
}

bool reconcile_unclear(struct reconcile *r, const struct eui64 *behind,
                       struct eui64 *device, uint32_t *cells, bool *found, struct err *e)
{
    struct unclear u = {.behind = behind};
    struct sent_command c;
    bool has;

    *cells = 0;
    if (!outcome_each(r->store, r->incident, behind != NULL ? behind : &outcome_first,
                      &outcome_last, find_unclear, &u, e))
        return false;
    *found = u.found;
    *device = u.device;
    for (size_t i = 0; u.found && i < r->sent.n; i++) {
        if (!sent_in(&r->sent, &r->sent.batches[i], device, &c, &has, e))
            return false;
        *cells |= has ? c.cells : 0;
    }
    return true;
}

bool reconcile_mark(struct reconcile *r, const struct eui64 *device, const char *state,
                    const char *reason, const char *who, int64_t now_us, struct err *e)
{
    AUTO(mem) char *cells = NULL;
    enum outcome_state to;
    struct lists_row row;
    struct outcome b;
    bool known;

    if (!outcome_state_find(state, &to) || (!is_unclear(to) && to != OUTCOME_EXCUSED))
        return err_set(
            e, ERR_INPUT, "response.mark", "a device is marked %s, %s or %s, not \"%.20s\"",
            outcome_state_name(OUTCOME_UNREACHABLE), outcome_state_name(OUTCOME_UNKNOWN),
            outcome_state_name(OUTCOME_EXCUSED), state);
    if (!lists_find(r->lists, device, &row))
        return err_set(e, ERR_INPUT, "response.unknown-device",
                       "the device is not in the roster");
    if (!outcome_get(r->store, r->incident, device, &b, &cells, &known, e))
        return false;
    if (known && b.state == OUTCOME_SUCCESS)
        return err_set(e, ERR_INPUT, "response.mark",
                       "the device has answered with success");
    return name_list(r, row.list, e) &&
           set_state(r, &b, &row, to, NULL, NULL, reason, who, now_us, e);
}

/* An answer to CS02b: its verdict, or why it is set aside. */
static bool take_answer(struct reconcile *r, const struct response *resp, int64_t now_us,
                        enum reconcile_verdict *verdict, struct fault *why, struct err *e)
{
    AUTO(mem) char *cells = NULL;
    struct lists_row row;
    struct outcome b;
    bool known;
    struct sent_command to = {0};

    if (!match(r, resp, &row, &to, why, e))
        return false;
    if (why->rule != NULL || to.batch == NULL)
        return resp->mode != MODE_LOAD_BY_SUPPLIER ||
               take_load_answer(r, resp, now_us, verdict, why, e);
    if (!outcome_get(r->store, r->incident, &resp->device, &b, &cells, &known, e))
        return false;
    if (known && is_later(r, &b, to.batch, resp->counter))
        *why = (struct fault){"response.stale", "a later command was answered already"};
    else if (known && is_same(&b, to.batch, resp->counter) && b.state != OUTCOME_ACCEPTED &&
             !is_unclear(b.state))
        *why = (struct fault){"response.duplicate", "the command was answered already"};
    if (why->rule != NULL)
        return true;
    *verdict = judge(to.batch, to.cells, resp);
    return keep(r, &to, &row, resp, &b, *verdict, now_us, e);
}

bool reconcile_take(struct reconcile *r, struct span message, int64_t now_us,
                    enum reconcile_verdict *verdict, struct err *e)
{
    struct fault why = {NULL, NULL};
    struct response resp;
    struct message m;
    struct err bad;
    bool ok;

    *verdict = RECONCILE_ASIDE;
    r->held = OUTCOME_HELD_UNTOLD;
    if (!message_decode(message, &m, &bad))
        return reconcile_aside(r, message, bad.id, bad.text, now_us, e);
    if (m.payload_kind == PAYLOAD_REPORT) {
        ok = take_report(r, &m, now_us, verdict, &why, e);
    } else if (response_of(&m, &resp, &bad)) {
        ok = take_answer(r, &resp, now_us, verdict, &why, e);
    } else {
        why = (struct fault){bad.id, bad.text};
        ok = true;
    }
    message_done(&m);
    if (ok && why.rule != NULL)
        ok = reconcile_aside(r, message, why.rule, why.reason, now_us, e);
    return ok;
}
