/* SPDX-License-Identifier: MIT */
#include "reconcile.h"

#include "mem.h"
#include "message.h"
#include "response.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct known_batch {
    int64_t id;
    struct digest decision;
    struct eui64 originator;
    struct span selection; /* owned; at NULL: all rows */
    uint32_t n_rows;
    struct key_id placed[CELL_COUNT]; /* key the decision puts into a cell */
    uint32_t cells;                   /* CELL_BIT of those */
    struct slice slice;               /* the one last looked at */
    bool has_slice;
};

struct reconcile {
    struct store *store;
    char incident[AUTHORITY_ID_MAX];
    const struct roster *roster;
    struct known_batch *batches; /* oldest first */
    size_t n, cap;
};

static const char *const verdict_names[RECONCILE_VERDICTS] = {
    "success", "partly", "failed", "accepted", "resolved", "aside"};

const char *reconcile_verdict_name(enum reconcile_verdict v)
{
    return (unsigned)v < RECONCILE_VERDICTS ? verdict_names[v] : "unknown";
}

/* --- opening --- */

struct want {
    struct reconcile *r;
    bool no_memory;
};

static bool note_batch(void *arg, const struct batch *b)
{
    struct want *w = arg;
    struct reconcile *r = w->r;
    struct known_batch *k;

    if (b->started_us == 0 || !digest_equal(&b->roster, &r->roster->digest))
        return true;
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 8;
        struct known_batch *more = reallocarray(r->batches, cap, sizeof *more);

        w->no_memory = more == NULL;
        if (w->no_memory)
            return false;
        r->batches = more;
        r->cap = cap;
    }
    k = &r->batches[r->n++];
    memset(k, 0, sizeof *k);
    k->id = b->id;
    k->decision = b->decision;
    k->originator = b->originator;
    k->n_rows = b->n_rows;
    return true;
}

static bool take_text(void *arg, const struct store_row *row)
{
    *(char **)arg = strdup(store_text(row, 0));
    return false;
}

/* Which key should sit in which cell afterwards:
 * from the decision and the batch's bundle. */
static bool note_placed(struct reconcile *r, struct known_batch *k, struct err *e)
{
    AUTO(mem) char *json = NULL;
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    struct span pem;
    bool ok;

    if (a == NULL || certs == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!store_each(r->store, take_text, &json, e,
                    "SELECT json FROM decision WHERE sha256 = ?1", "b",
                    span_of(k->decision.b, 32)) ||
        !queue_parts(r->store, k->id, &k->selection, &pem, e))
        return false;
    ok = json != NULL &&
         (k->selection.at == NULL || k->selection.len == (size_t)k->n_rows * 4) &&
         authority_parse(span_of(json, strlen(json)), a, e) && pem.at != NULL &&
         certs_read(pem, "certificates", certs, e);
    free((void *)(uintptr_t)pem.at);
    if (!ok)
        return err_set(e, ERR_STORE, "store.failed",
                       "batch %lld: its decision or selection cannot be read",
                       (long long)k->id);
    for (size_t i = 0; i < a->n_replacements; i++) {
        const struct cert *c = certs_find(certs, &a->replacements[i].sha256);

        if (c == NULL)
            continue;
        k->placed[a->replacements[i].cell] = c->ski;
        k->cells |= CELL_BIT(a->replacements[i].cell);
    }
    certs_done(certs);
    return true;
}

bool reconcile_open(struct store *s, const char *incident, const struct roster *roster,
                    struct reconcile **out, struct err *e)
{
    struct reconcile *r = calloc(1, sizeof *r);
    struct want w = {r, false};
    bool ok;

    if (r == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    r->store = s;
    r->roster = roster;
    (void)snprintf(r->incident, sizeof r->incident, "%s", incident);
    ok = queue_each(s, incident, note_batch, &w, e);
    if (ok && w.no_memory)
        ok = err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (size_t i = 0; ok && i < r->n; i++)
        ok = note_placed(r, &r->batches[i], e);
    if (!ok) {
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
    for (size_t i = 0; i < r->n; i++)
        free((void *)(uintptr_t)r->batches[i].selection.at);
    free(r->batches);
    free(r);
}

/* --- matching --- */

/* Position of a roster row in the batch; false when the batch does not select it. */
static bool position_of(const struct known_batch *k, uint32_t row, uint32_t *pos)
{
    uint32_t lo = 0;
    uint32_t hi = k->n_rows;

    if (k->selection.at == NULL) {
        *pos = row;
        return row < k->n_rows;
    }
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        uint32_t at = get_be32(k->selection.at + 4 * (size_t)mid);

        if (at == row) {
            *pos = mid;
            return true;
        }
        if (at < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static bool in_slice(const struct slice *sl, uint32_t row, uint64_t *counter)
{
    for (uint32_t i = 0; i < sl->n; i++)
        if (sl->rows[i] == row) {
            *counter = sl->counter + i;
            return true;
        }
    return false;
}

static bool signed_in(struct reconcile *r, struct known_batch *k, uint32_t row,
                      uint64_t *counter, bool *found, struct err *e)
{
    uint32_t pos;

    *found = false;
    if (!position_of(k, row, &pos))
        return true;
    if (!(k->has_slice && pos >= k->slice.pos && pos - k->slice.pos < k->slice.span) &&
        !ledger_next(r->store, k->id, pos, &k->slice, &k->has_slice, e))
        return false;
    *found = k->has_slice && in_slice(&k->slice, row, counter);
    return true;
}

bool reconcile_signed(struct reconcile *r, uint32_t row, int64_t *batch, uint64_t *counter,
                      bool *found, struct err *e)
{
    *found = false;
    for (size_t i = r->n; i-- > 0 && !*found;) {
        if (!signed_in(r, &r->batches[i], row, counter, found, e))
            return false;
        if (*found)
            *batch = r->batches[i].id;
    }
    return true;
}

/* --- outcomes --- */

struct before {
    bool found;
    char state[16];
    int64_t batch;
    uint64_t counter;
    int64_t attempts;
};

static bool take_before(void *arg, const struct store_row *row)
{
    struct before *b = arg;

    b->found = true;
    (void)snprintf(b->state, sizeof b->state, "%s", store_text(row, 0));
    b->batch = store_i64(row, 1);
    b->counter = (uint64_t)store_i64(row, 2);
    b->attempts = store_i64(row, 3);
    return false;
}

bool reconcile_aside(struct reconcile *r, struct span text, const char *rule,
                     const char *reason, int64_t now_us, struct err *e)
{
    return store_run(r->store, e,
                     "INSERT INTO aside (incident, rule, reason, message, at_us)"
                     " VALUES (?1, ?2, ?3, ?4, ?5)",
                     "tttbi", r->incident, rule, reason,
                     span_of(text.at != NULL ? text.at : (const uint8_t *)"", text.len),
                     now_us);
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

/* The cells that the batch's command for this device replaces (warrant_row). */
static uint32_t cells_of(const struct known_batch *k, const struct roster_row *row)
{
    uint32_t cells = k->cells & gbcs_device(row->type)->cells;

    return row->cells != 0 ? cells & row->cells : cells;
}

/* A cell is replaced only if the device says so and names the key that was sent; all are
 * only if it says so of each cell that the command had. */
static enum reconcile_verdict judge(const struct known_batch *k,
                                    const struct roster_row *row,
                                    const struct response *resp)
{
    uint32_t want = cells_of(k, row);
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
                  struct roster_row *row, struct known_batch **k, struct fault *why,
                  struct err *e)
{
    if (!roster_find(r->roster, &resp->device, row_no)) {
        *why = (struct fault){"response.unknown-device", "the device is not in the roster"};
        return true;
    }
    roster_get(r->roster, *row_no, row);
    *why = (struct fault){"response.unmatched",
                          "no command of that counter was signed for it"};
    for (size_t i = r->n; i-- > 0;) {
        uint64_t counter;
        bool found;

        if (!signed_in(r, &r->batches[i], *row_no, &counter, &found, e))
            return false;
        if (!found || counter != resp->counter)
            continue;
        /* each organisation counts for itself: another batch may have that counter too */
        if (eui64_cmp(&resp->recipient, &r->batches[i].originator) != 0) {
            *why =
                (struct fault){"response.mismatched", "it is addressed to another party"};
            continue;
        }
        *k = &r->batches[i];
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
static bool is_later(const struct reconcile *r, const struct before *b,
                     const struct known_batch *k, uint64_t counter)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->batches[i].id == b->batch &&
            eui64_cmp(&r->batches[i].originator, &k->originator) == 0)
            return b->counter > counter;
    return b->batch > k->id;
}

static bool is_same(const struct before *b, const struct known_batch *k, uint64_t counter)
{
    return b->batch == k->id && b->counter == counter;
}

static bool keep(struct reconcile *r, const struct known_batch *k, uint32_t row_no,
                 const struct roster_row *row, const struct response *resp,
                 const struct before *b, enum reconcile_verdict v, int64_t now_us,
                 struct err *e)
{
    AUTO(mem) char *cells = cells_json(resp);

    if (cells == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return store_run(
        r->store, e,
        "INSERT INTO outcome (incident, row, type, state, batch, counter, attempts,"
        " at_us, cells, retry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        " ON CONFLICT (incident, row) DO UPDATE SET state = excluded.state,"
        " batch = excluded.batch, counter = excluded.counter,"
        " attempts = excluded.attempts, at_us = excluded.at_us,"
        " cells = excluded.cells, retry = excluded.retry",
        "tittiiiiti", r->incident, (int64_t)row_no, gbcs_device(row->type)->name,
        verdict_names[v], k->id, (int64_t)resp->counter,
        b->found && is_same(b, k, resp->counter) ? b->attempts : b->attempts + 1, now_us,
        cells, (int64_t)worth_retrying(resp));
}

/* --- what a device holds (CS02a) --- */

/* Cells of the roster row that this batch replaces,
 * counted against what the device reports. */
static bool holds_new_keys(const struct known_batch *k, const struct roster_row *row,
                           const struct payload_report *report)
{
    uint32_t want = cells_of(k, row);
    uint32_t seen = 0;

    for (size_t i = 0; i < report->n_roles; i++)
        for (size_t c = 0; c < report->roles[i].n_cells; c++) {
            struct payload_cell id = {.role = report->roles[i].role,
                                      .usage = report->roles[i].cells[c].usage,
                                      .cell_usage = report->roles[i].cells[c].cell_usage};
            enum cell cell;

            if (payload_cell_find(&id, &cell) && (want & CELL_BIT(cell)) &&
                report->roles[i].cells[c].key.len == 8 &&
                memcmp(report->roles[i].cells[c].key.at, k->placed[cell].b, 8) == 0)
                seen |= CELL_BIT(cell);
        }
    return want != 0 && seen == want;
}

static bool set_state(struct reconcile *r, uint32_t row_no, const struct roster_row *row,
                      const char *state, const char *note, int64_t now_us, struct err *e)
{
    AUTO(mem) char *cells = NULL;
    json_t *o = json_pack("{s:s}", "note", note);

    cells = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (cells == NULL)
        return err_set(e, ERR_INPUT, "response.mark", "the reason is not UTF-8");
    return store_run(
        r->store, e,
        "INSERT INTO outcome (incident, row, type, state, batch, counter,"
        " attempts, at_us, cells, retry) VALUES (?1, ?2, ?3, ?4, 0, 0, 0, ?5, ?6, 1)"
        " ON CONFLICT (incident, row) DO UPDATE SET state = excluded.state,"
        " at_us = excluded.at_us, cells = excluded.cells, retry = 1",
        "titt"
        "it",
        r->incident, (int64_t)row_no, gbcs_device(row->type)->name, state, now_us, cells);
}

static bool take_report(struct reconcile *r, const struct message *m, int64_t now_us,
                        enum reconcile_verdict *verdict, struct fault *why, struct err *e)
{
    struct roster_row row;
    uint32_t row_no;
    struct before b = {0};

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
    if (!store_each(
            r->store, take_before, &b, e,
            "SELECT state, batch, counter, attempts FROM outcome WHERE incident = ?1"
            " AND row = ?2",
            "ti", r->incident, (int64_t)row_no))
        return false;
    if (!b.found ||
        (strcmp(b.state, "unknown") != 0 && strcmp(b.state, "unreachable") != 0)) {
        *why = (struct fault){"response.unmatched", "nothing is unclear about this device"};
        return true;
    }
    for (size_t i = r->n; i-- > 0;) {
        uint64_t counter;
        bool found;

        if (!signed_in(r, &r->batches[i], row_no, &counter, &found, e))
            return false;
        if (found && holds_new_keys(&r->batches[i], &row, &m->body.report)) {
            *verdict = RECONCILE_SUCCESS;
            return set_state(r, row_no, &row, "success", "told by CS02a", now_us, e) &&
                   store_run(r->store, e,
                             "UPDATE outcome SET batch = ?3, counter = ?4"
                             " WHERE incident = ?1 AND row = ?2",
                             "tiii", r->incident, (int64_t)row_no, r->batches[i].id,
                             (int64_t)counter);
        }
    }
    *verdict = RECONCILE_RESOLVED;
    return set_state(r, row_no, &row, "unreachable", "CS02a: the new keys are not there",
                     now_us, e);
}

bool reconcile_unclear(struct reconcile *r, uint32_t from, uint32_t *row,
                       struct eui64 *device, uint32_t *cells, bool *found, struct err *e)
{
    struct roster_row at;
    uint64_t counter;
    int64_t n;
    bool has;

    *cells = 0;
    if (!store_number(r->store, &n, found, e,
                      "SELECT row FROM outcome WHERE incident = ?1 AND row >= ?2"
                      " AND state IN ('unknown', 'unreachable') ORDER BY row LIMIT 1",
                      "ti", r->incident, (int64_t)from))
        return false;
    if (!*found)
        return true;
    *row = (uint32_t)n;
    roster_get(r->roster, *row, &at);
    *device = at.device;
    for (size_t i = 0; i < r->n; i++) {
        if (!signed_in(r, &r->batches[i], *row, &counter, &has, e))
            return false;
        *cells |= has ? cells_of(&r->batches[i], &at) : 0;
    }
    return true;
}

bool reconcile_mark(struct reconcile *r, const struct eui64 *device, const char *state,
                    const char *reason, int64_t now_us, struct err *e)
{
    struct roster_row row;
    struct before b = {0};
    uint32_t row_no;

    if (strcmp(state, "unreachable") != 0 && strcmp(state, "unknown") != 0 &&
        strcmp(state, "excused") != 0)
        return err_set(e, ERR_INPUT, "response.mark",
                       "a device is marked unreachable, unknown or excused, not \"%.20s\"",
                       state);
    if (!roster_find(r->roster, device, &row_no))
        return err_set(e, ERR_INPUT, "response.unknown-device",
                       "the device is not in the roster");
    roster_get(r->roster, row_no, &row);
    if (!store_each(
            r->store, take_before, &b, e,
            "SELECT state, batch, counter, attempts FROM outcome WHERE incident = ?1"
            " AND row = ?2",
            "ti", r->incident, (int64_t)row_no))
        return false;
    if (b.found && strcmp(b.state, "success") == 0)
        return err_set(e, ERR_INPUT, "response.mark",
                       "the device has answered with success");
    return set_state(r, row_no, &row, state, reason, now_us, e);
}

bool reconcile_take(struct reconcile *r, struct span message, int64_t now_us,
                    enum reconcile_verdict *verdict, struct err *e)
{
    struct response resp;
    struct message m;
    struct roster_row row;
    struct before b = {0};
    struct fault why = {NULL, NULL};
    struct known_batch *k = NULL;
    struct err bad;
    uint32_t row_no;

    *verdict = RECONCILE_ASIDE;
    if (message_decode(message, &m, &bad)) {
        bool report = m.code == MESSAGE_CS02A && m.kind == MESSAGE_RESPONSE;
        bool ok = !report || take_report(r, &m, now_us, verdict, &why, e);

        message_done(&m);
        if (!ok)
            return false;
        if (report)
            return why.rule == NULL ||
                   reconcile_aside(r, message, why.rule, why.reason, now_us, e);
    }
    if (!response_read(message, &resp, &bad))
        return reconcile_aside(r, message, bad.id, bad.text, now_us, e);
    if (!match(r, &resp, &row_no, &row, &k, &why, e))
        return false;
    if (why.rule == NULL) {
        if (!store_each(
                r->store, take_before, &b, e,
                "SELECT state, batch, counter, attempts FROM outcome WHERE incident = ?1"
                " AND row = ?2",
                "ti", r->incident, (int64_t)row_no))
            return false;
        if (b.found && is_later(r, &b, k, resp.counter))
            why = (struct fault){"response.stale", "a later command was answered already"};
        else if (b.found && is_same(&b, k, resp.counter) &&
                 strcmp(b.state, "accepted") != 0 && strcmp(b.state, "unknown") != 0 &&
                 strcmp(b.state, "unreachable") != 0)
            why = (struct fault){"response.duplicate", "the command was answered already"};
    }
    if (why.rule != NULL)
        return reconcile_aside(r, message, why.rule, why.reason, now_us, e);
    *verdict = judge(k, &row, &resp);
    return keep(r, k, row_no, &row, &resp, &b, *verdict, now_us, e);
}
