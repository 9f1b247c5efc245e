/* SPDX-License-Identifier: MIT */
#include "reconcile.h"

#include "mem.h"
#include "outcome.h"
#include "response.h"
#include "sent.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reconcile {
    struct store *store;
    char incident[AUTHORITY_ID_MAX];
    const struct roster *roster;
    struct sent sent;
    const char *rule; /* why the last one was set aside */
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
    case RECONCILE_ASIDE:
        return "aside";
    case RECONCILE_VERDICTS:
        break;
    }
    return "unknown";
}

bool reconcile_open(struct store *s, const char *incident, const struct roster *roster,
                    struct reconcile **out, struct err *e)
{
    struct reconcile *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    r->store = s;
    r->roster = roster;
    (void)snprintf(r->incident, sizeof r->incident, "%s", incident);
    if (!sent_open(s, incident, roster, &r->sent, e)) {
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

static char *cells_json(const struct response *resp)
{
    json_t *o = json_object();
    char *text;

    for (size_t i = 0; i < resp->n_outcomes; i++) {
        const struct response_outcome *c = &resp->outcomes[i];
        char old_uid[HEX_LEN(8)];
        char old_key[HEX_LEN(8)];
        char new_uid[HEX_LEN(8)];
        char new_key[HEX_LEN(8)];
        char name[32];

        if (c->known)
            (void)snprintf(name, sizeof name, "%s", gbcs_cell(c->cell)->name);
        else
            (void)snprintf(name, sizeof name, "unknown-%zu", i);
        hex_encode(c->old_uid.b, 8, old_uid);
        hex_encode(c->old_key.b, 8, old_key);
        hex_encode(c->new_uid.b, 8, new_uid);
        hex_encode(c->new_key.b, 8, new_key);
        (void)json_object_set_new(
            o, name,
            json_pack("{s:i,s:s,s:s,s:s,s:s}", "status", (int)c->status, "old_party",
                      c->has_old ? old_uid : "", "old_key", c->has_old ? old_key : "",
                      "new_party", c->has_new ? new_uid : "", "new_key",
                      c->has_new ? new_key : ""));
    }
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

/* A cell is replaced only if the device says so and names the key that was sent; all are
 * only if it says so of each cell that the command had. */
static enum reconcile_verdict
judge(const struct sent_batch *k, const struct roster_row *row, const struct response *resp)
{
    uint32_t want = sent_cells(k, row);
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

/* Which batch, or why it is set aside. */
static bool match(struct reconcile *r, const struct response *resp, uint32_t *row_no,
                  struct roster_row *row, struct sent_batch **k, struct fault *why,
                  struct err *e)
{
    if (!roster_find(r->roster, &resp->device, row_no)) {
        *why = (struct fault){"response.unknown-device", "the device is not in the roster"};
        return true;
    }
    roster_get(r->roster, *row_no, row);
    *why = (struct fault){"response.unmatched",
                          "no command of that counter was signed for it"};
    for (size_t i = r->sent.n; i-- > 0;) {
        uint64_t counter;
        bool found;

        if (!sent_in(&r->sent, &r->sent.batches[i], *row_no, &counter, &found, e))
            return false;
        if (!found || counter != resp->counter)
            continue;
        /* each organisation counts for itself: another batch may have that counter too */
        if (eui64_cmp(&resp->recipient, &r->sent.batches[i].originator) != 0) {
            *why =
                (struct fault){"response.mismatched", "it is addressed to another party"};
            continue;
        }
        *k = &r->sent.batches[i];
        *why = (struct fault){NULL, NULL};
        if (!row->has_ds)
            *why = (struct fault){"response.no-device-key",
                                  "the roster has no signing key of the device"};
        else if (!device_signed(row, resp))
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

static bool keep(struct reconcile *r, const struct sent_batch *k,
                 const struct roster_row *row, const struct response *resp,
                 const struct outcome *before, enum outcome_state state, int64_t now_us,
                 struct err *e)
{
    AUTO(mem) char *cells = cells_json(resp);
    struct outcome now = {.row = before->row,
                          .type = row->type,
                          .state = state,
                          .batch = k->id,
                          .counter = resp->counter,
                          .attempts = before->attempts,
                          .retry = worth_retrying(resp),
                          .at_us = now_us,
                          .cells = cells};

    if (cells == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!is_same(before, k, resp->counter))
        now.attempts++;
    return outcome_put(r->store, r->incident, &now, e);
}

/* --- what a device holds (CS02a, CS02f, CS02g) --- */

static bool is_placed(const struct sent_batch *k, enum cell cell, struct span key)
{
    return span_equal(key, span_of(k->placed[cell].b, sizeof k->placed[cell].b));
}

/* Cells of the roster row in which, by the device's report, a key of this batch lies. */
static uint32_t held_cells(const struct sent_batch *k, const struct roster_row *row,
                           const struct payload_report *report)
{
    uint32_t want = sent_cells(k, row);
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
static bool held_new_keys(const struct sent_batch *k, const struct roster_row *row,
                          const struct response *resp)
{
    uint32_t want = sent_cells(k, row);
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
static bool set_state(struct reconcile *r, struct outcome *o, const struct roster_row *row,
                      enum outcome_state state, const char *note, int64_t now_us,
                      struct err *e)
{
    AUTO(mem) char *cells = NULL;
    json_t *j = json_pack("{s:s}", "note", note);

    cells = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    if (cells == NULL)
        return err_set(e, ERR_INPUT, "response.mark", "the reason is not UTF-8");
    o->type = row->type;
    o->state = state;
    o->retry = true;
    o->at_us = now_us;
    o->cells = cells;
    return outcome_put(r->store, r->incident, o, e);
}

/* Does what a device holds, or what it answered to somebody else, show that a command of ours
 * was carried out? The last such goes into *b; so does the last of all where the report shows
 * that none of its keys is there, for then its fate is known. One of report and answer is
 * NULL. */
static bool carried_out(struct reconcile *r, uint32_t row_no, const struct roster_row *row,
                        const struct payload_report *report, const struct response *answer,
                        struct outcome *b, bool *done, struct err *e)
{
    bool last = true;

    *done = false;
    for (size_t i = r->sent.n; i-- > 0 && !*done;) {
        struct sent_batch *k = &r->sent.batches[i];
        uint32_t held = report != NULL ? held_cells(k, row, report) : 0;
        uint64_t counter;
        bool found;

        if (!sent_in(&r->sent, k, row_no, &counter, &found, e))
            return false;
        if (!found)
            continue;
        *done = report != NULL ? held != 0 && held == sent_cells(k, row)
                               : held_new_keys(k, row, answer);
        if (*done || (last && report != NULL && held == 0)) {
            b->batch = k->id;
            b->counter = counter;
        }
        last = false;
    }
    return true;
}

static bool take_report(struct reconcile *r, const struct message *m, int64_t now_us,
                        enum reconcile_verdict *verdict, struct fault *why, struct err *e)
{
    bool load = m->code == MESSAGE_CS02F;
    struct roster_row row;
    uint32_t row_no;
    struct outcome b;
    bool known, done;

    if (!roster_find(r->roster, &m->originator, &row_no)) {
        *why = (struct fault){"response.unknown-device", "the device is not in the roster"};
        return true;
    }
    roster_get(r->roster, row_no, &row);
    if (m->form != FORM_SIGNED || !row.has_ds ||
        !key_signed(&row, m->signed_octets, &m->sig)) {
        *why = (struct fault){"response.forged", "the device's key did not sign it"};
        return true;
    }
    if (!outcome_get(r->store, r->incident, row_no, &b, &known, e))
        return false;
    if (!known || !is_unclear(b.state)) {
        *why = (struct fault){"response.unmatched", "nothing is unclear about this device"};
        return true;
    }
    if (!carried_out(r, row_no, &row, &m->body.report, NULL, &b, &done, e))
        return false;
    *verdict = done ? RECONCILE_SUCCESS : RECONCILE_RESOLVED;
    if (done)
        return set_state(r, &b, &row, OUTCOME_SUCCESS,
                         load ? "told by CS02f" : "told by CS02a", now_us, e);
    return set_state(r, &b, &row, OUTCOME_UNREACHABLE,
                     load ? "CS02f: the new keys are not there"
                          : "CS02a: the new keys are not there",
                     now_us, e);
}

/* CS02g: a supplier's command for the load controller's cells, not one of ours as a rule.
 * The device's answer can tell that ours was carried out, never that it was not: it names
 * two cells and no others. *why is cleared when it settled something. */
static bool take_load_answer(struct reconcile *r, const struct response *resp,
                             int64_t now_us, enum reconcile_verdict *verdict,
                             struct fault *why, struct err *e)
{
    struct roster_row row;
    uint32_t row_no;
    struct outcome b;
    bool known, done;

    if (!roster_find(r->roster, &resp->device, &row_no))
        return true;
    roster_get(r->roster, row_no, &row);
    if (!row.has_ds || !device_signed(&row, resp))
        return true;
    if (!outcome_get(r->store, r->incident, row_no, &b, &known, e))
        return false;
    if (!known || !is_unclear(b.state))
        return true;
    if (!carried_out(r, row_no, &row, NULL, resp, &b, &done, e))
        return false;
    if (!done)
        return true;
    *verdict = RECONCILE_SUCCESS;
    *why = (struct fault){NULL, NULL};
    return set_state(r, &b, &row, OUTCOME_SUCCESS, "told by CS02g", now_us, e);
}

static bool find_unclear(void *arg, const struct outcome *o)
{
    struct outcome *out = arg;

    if (!is_unclear(o->state))
        return true;
    *out = *o;
    return false;
}

bool reconcile_unclear(struct reconcile *r, uint32_t from, uint32_t *row,
                       struct eui64 *device, uint32_t *cells, bool *found, struct err *e)
{
    struct roster_row at;
    uint64_t counter;
    struct outcome o = {.state = OUTCOME_STATES};
    bool has;

    *cells = 0;
    if (!outcome_each(r->store, r->incident, from, UINT32_MAX, find_unclear, &o, e))
        return false;
    *found = o.state != OUTCOME_STATES;
    if (!*found)
        return true;
    *row = o.row;
    roster_get(r->roster, *row, &at);
    *device = at.device;
    for (size_t i = 0; i < r->sent.n; i++) {
        if (!sent_in(&r->sent, &r->sent.batches[i], *row, &counter, &has, e))
            return false;
        *cells |= has ? sent_cells(&r->sent.batches[i], &at) : 0;
    }
    return true;
}

bool reconcile_mark(struct reconcile *r, const struct eui64 *device, const char *state,
                    const char *reason, int64_t now_us, struct err *e)
{
    enum outcome_state to;
    struct roster_row row;
    struct outcome b;
    bool known;
    uint32_t row_no;

    if (!outcome_state_find(state, &to) || (!is_unclear(to) && to != OUTCOME_EXCUSED))
        return err_set(
            e, ERR_INPUT, "response.mark", "a device is marked %s, %s or %s, not \"%.20s\"",
            outcome_state_name(OUTCOME_UNREACHABLE), outcome_state_name(OUTCOME_UNKNOWN),
            outcome_state_name(OUTCOME_EXCUSED), state);
    if (!roster_find(r->roster, device, &row_no))
        return err_set(e, ERR_INPUT, "response.unknown-device",
                       "the device is not in the roster");
    roster_get(r->roster, row_no, &row);
    if (!outcome_get(r->store, r->incident, row_no, &b, &known, e))
        return false;
    if (known && b.state == OUTCOME_SUCCESS)
        return err_set(e, ERR_INPUT, "response.mark",
                       "the device has answered with success");
    return set_state(r, &b, &row, to, reason, now_us, e);
}

/* An answer to CS02b: its verdict, or why it is set aside. */
static bool take_answer(struct reconcile *r, const struct response *resp, int64_t now_us,
                        enum reconcile_verdict *verdict, struct fault *why, struct err *e)
{
    struct roster_row row;
    struct outcome b;
    bool known;
    struct sent_batch *k = NULL;
    uint32_t row_no;

    if (!match(r, resp, &row_no, &row, &k, why, e))
        return false;
    if (why->rule != NULL || k == NULL)
        return resp->mode != MODE_LOAD_BY_SUPPLIER ||
               take_load_answer(r, resp, now_us, verdict, why, e);
    if (!outcome_get(r->store, r->incident, row_no, &b, &known, e))
        return false;
    if (known && is_later(r, &b, k, resp->counter))
        *why = (struct fault){"response.stale", "a later command was answered already"};
    else if (known && is_same(&b, k, resp->counter) && b.state != OUTCOME_ACCEPTED &&
             !is_unclear(b.state))
        *why = (struct fault){"response.duplicate", "the command was answered already"};
    if (why->rule != NULL)
        return true;
    *verdict = judge(k, &row, resp);
    return keep(r, k, &row, resp, &b, state_of(*verdict), now_us, e);
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
