/* SPDX-License-Identifier: MIT */
#include "reconcile_impl.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an answer of that verdict makes of its device. */
static enum outcome_state state_of(enum reconcile_verdict v)
{
    return v == RECONCILE_SUCCESS  ? OUTCOME_SUCCESS
           : v == RECONCILE_PARTLY ? OUTCOME_PARTLY
           : v == RECONCILE_FAILED ? OUTCOME_FAILED
                                   : OUTCOME_ACCEPTED;
}

bool reconcile_is_unclear(enum outcome_state s)
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

bool reconcile_key_signed(const struct roster_row *row, struct span octets,
                          const struct sig_p256 *sig)
{
    struct response r = {.signed_octets = octets, .sig = *sig};

    return device_signed(row, &r);
}

bool reconcile_genuine(const struct reconcile *r, const struct roster_row *row,
                       const struct response *resp)
{
    return r->at->heard && memcmp(r->at->ds, row->ds, sizeof r->at->ds) == 0
               ? r->at->genuine
               : device_signed(row, resp);
}

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
        else if (!reconcile_genuine(r, &row->at, resp))
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

/* The device's row with another state, for a reason that is told in words. */
bool reconcile_set_state(struct reconcile *r, struct outcome *o,
                         const struct lists_row *row, enum outcome_state state,
                         const struct sent_command *done, const struct cells_told *told,
                         const char *note, const char *who, int64_t now_us, struct err *e)
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

/* What is said of a device that is on the list makes the list count. */
bool reconcile_name_list(struct reconcile *r, const struct list *list, struct err *e)
{
    return store_run(r->store, e,
                     "UPDATE roster SET named = 1 WHERE incident = ?1 AND version = ?2",
                     "ti", r->incident, list->version);
}

struct unclear {
    const struct eui64 *behind;
    struct eui64 device;
    bool found;
};

static bool find_unclear(void *arg, const struct outcome *o)
{
    struct unclear *u = arg;

    if (!reconcile_is_unclear(o->state) ||
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

    if (!outcome_state_find(state, &to) ||
        (!reconcile_is_unclear(to) && to != OUTCOME_EXCUSED))
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
    return reconcile_name_list(r, row.list, e) &&
           reconcile_set_state(r, &b, &row, to, NULL, NULL, reason, who, now_us, e);
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
               reconcile_load_answer(r, resp, now_us, verdict, why, e);
    if (!outcome_get(r->store, r->incident, &resp->device, &b, &cells, &known, e))
        return false;
    if (known && is_later(r, &b, to.batch, resp->counter))
        *why = (struct fault){"response.stale", "a later command was answered already"};
    else if (known && is_same(&b, to.batch, resp->counter) && b.state != OUTCOME_ACCEPTED &&
             !reconcile_is_unclear(b.state))
        *why = (struct fault){"response.duplicate", "the command was answered already"};
    if (why->rule != NULL)
        return true;
    *verdict = judge(to.batch, to.cells, resp);
    return keep(r, &to, &row, resp, &b, *verdict, now_us, e);
}

void reconcile_read(const struct lists *lists, struct span octets,
                    struct reconcile_read *out)
{
    struct response resp;
    struct lists_row row;
    struct err ignored;

    memset(out, 0, sizeof *out);
    out->octets = octets;
    out->is_message = message_decode(octets, &out->m, &out->bad);
    if (!out->is_message || out->m.payload_kind == PAYLOAD_REPORT ||
        !response_of(&out->m, &resp, &ignored) || !lists_find(lists, &resp.device, &row) ||
        !row.at.has_ds)
        return;
    out->heard = true;
    memcpy(out->ds, row.at.ds, sizeof out->ds);
    out->genuine = device_signed(&row.at, &resp);
}

void reconcile_read_done(struct reconcile_read *x)
{
    if (x->is_message)
        message_done(&x->m);
}

bool reconcile_take(struct reconcile *r, const struct reconcile_read *x, int64_t now_us,
                    enum reconcile_verdict *verdict, struct err *e)
{
    struct fault why = {NULL, NULL};
    struct response resp;
    struct err bad;
    bool ok = true;

    *verdict = RECONCILE_ASIDE;
    r->at = x;
    r->held = OUTCOME_HELD_UNTOLD;
    if (!x->is_message)
        why = (struct fault){x->bad.id, x->bad.text};
    else if (x->m.payload_kind == PAYLOAD_REPORT)
        ok = reconcile_report(r, &x->m, now_us, verdict, &why, e);
    else if (response_of(&x->m, &resp, &bad))
        ok = take_answer(r, &resp, now_us, verdict, &why, e);
    else
        why = (struct fault){bad.id, bad.text};
    return ok && (why.rule == NULL ||
                  reconcile_aside(r, x->octets, why.rule, why.reason, now_us, e));
}
