/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include "audit.h"
#include "keys.h"
#include "mem.h"
#include "memfd.h"
#include "plain.h"
#include "rosters.h"
#include "think.h"
#include "witness.h"

#include <openssl/crypto.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGED_MAX  8    /* slices in one transaction: 2048 rows at most */
#define STAGED_ROWS 1024 /* flushed when so many rows wait */
#define FAILED_MAX  1024

struct failed_row {
    uint32_t pos, row;
    char rule[48];
    char reason[160];
};

struct engine {
    struct engine_setup s;
    bool active;
    struct batch b;
    struct warrant *w;
    EVP_PKEY *key; /* of the certificate that signatures verify with */
    struct roster roster;
    int fds[PROTO_PARTS];                                     /* -1: no such part */
    struct span cms, certs, activation, symmetric, selection; /* owned */
    uint32_t *picked; /* the selection, decoded; NULL: all rows */
    bool macs;        /* commands get the ACB's MAC here, where they carry one */
    struct gap *gaps; /* still to hand out, a stack: last one first out */
    size_t n_gaps, cap_gaps;
    size_t out; /* orders handed out and not back */
    uint64_t
        looked;  /* stamp of the database when it was looked for a batch that goes first */
    bool yields; /* there is one: no further order is handed out */
    struct slice staged[STAGED_MAX];
    size_t n_staged;
    uint32_t staged_rows;
    struct failed_row failed[FAILED_MAX];
    size_t n_failed;
    bool commanded;           /* the register of keys knows that there is a command */
    struct proto_count count; /* allowed 0: no signer has said */
};

bool engine_new(const struct engine_setup *s, struct engine **out, struct err *e)
{
    struct engine *g = calloc(1, sizeof *g);

    if (g == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    g->s = *s;
    for (size_t i = 0; i < PROTO_PARTS; i++)
        g->fds[i] = -1;
    *out = g;
    return true;
}

static void put_down(struct engine *g)
{
    warrant_free(TAKE(g->w));
    EVP_PKEY_free(TAKE(g->key));
    roster_done(&g->roster);
    for (size_t i = 0; i < PROTO_PARTS; i++)
        fd_auto(&g->fds[i]);
    free((void *)(uintptr_t)g->cms.at);
    free((void *)(uintptr_t)g->certs.at);
    free((void *)(uintptr_t)g->selection.at);
    free((void *)(uintptr_t)g->activation.at);
    OPENSSL_clear_free((void *)(uintptr_t)g->symmetric.at, g->symmetric.len);
    g->cms = g->certs = g->activation = g->selection = (struct span){NULL, 0};
    g->symmetric = (struct span){NULL, 0};
    free(TAKE(g->picked));
    free(TAKE(g->gaps));
    g->n_gaps = g->cap_gaps = 0;
    g->n_staged = g->n_failed = 0;
    g->staged_rows = 0;
    g->out = 0;
    g->looked = 0;
    g->yields = false;
    g->commanded = false;
    g->count = (struct proto_count){0};
    g->active = false;
}

void engine_free(struct engine *g)
{
    if (g == NULL)
        return;
    put_down(g);
    free(g);
}

const struct batch *engine_batch(const struct engine *g)
{
    return g->active ? &g->b : NULL;
}

const struct warrant *engine_warrant(const struct engine *g)
{
    return g->w;
}

bool engine_macs(const struct engine *g)
{
    return g->macs && gbcs_mode(warrant_authority(g->w)->mode)->mac;
}

uint32_t engine_parts(const struct engine *g, int fds[PROTO_FDS], size_t *n)
{
    uint32_t parts = 0;

    *n = 0;
    for (size_t i = 0; i < PROTO_PARTS; i++)
        if (g->fds[i] >= 0) {
            fds[(*n)++] = g->fds[i];
            parts |= PROTO_PART_BIT(i);
        }
    return parts;
}

void engine_count(struct engine *g, const struct proto_count *c)
{
    if (!g->active)
        return;
    if (c->used > g->count.used)
        g->count.used = c->used;
    if (c->lost > g->count.lost)
        g->count.lost = c->lost;
    g->count.allowed = c->allowed;
}

const struct proto_count *engine_counted(const struct engine *g)
{
    return g->active && g->count.allowed > 0 ? &g->count : NULL;
}

static int64_t now_us(const struct engine *g)
{
    return clock_now(&g->s.clock);
}

/* --- opening a batch --- */

static bool load_selection(struct engine *g, struct err *e)
{
    uint32_t n = g->b.n_rows;

    if (g->selection.at == NULL)
        return true;
    if (g->selection.len != (size_t)n * 4)
        return err_set(e, ERR_STORE, "store.failed", "batch %lld: its selection is damaged",
                       (long long)g->b.id);
    g->picked = malloc((size_t)n * sizeof *g->picked + 1);
    if (g->picked == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (uint32_t i = 0; i < n; i++)
        g->picked[i] = get_be32(g->selection.at + 4 * (size_t)i);
    return true;
}

/* The whole ledger of a batch is walked for it, which is long work (think.h). What it holds
 * changes with these figures and not without. */
struct question {
    int64_t batch, signed_, failed;
    uint32_t n_rows;
};

static bool find_gaps(struct store *s, struct span in, struct span *out, struct err *e)
{
    struct gap *gaps;
    struct question q;
    size_t n;

    memcpy(&q, in.at, sizeof q);
    if (!ledger_gaps(s, q.batch, q.n_rows, &gaps, &n, e))
        return false;
    *out = span_of(gaps, n * sizeof *gaps);
    return true;
}

static const struct think_kind gaps_of = {.name = "what is still to be signed",
                                          .work = find_gaps};

/* What the ledger does not hold is to do. Gaps come ascending and are handed out from the
 * front, so turn the list into a stack. */
static bool load_gaps(struct engine *g, struct err *e)
{
    struct question q;
    struct span out;

    free(TAKE(g->gaps));
    g->n_gaps = g->cap_gaps = 0;
    memset(&q, 0, sizeof q); /* octets between members too: it is compared */
    q.batch = g->b.id;
    q.signed_ = g->b.signed_;
    q.failed = g->b.failed;
    q.n_rows = g->b.n_rows;
    if (!think(&gaps_of, g->s.store, span_of(&q, sizeof q), &out, e))
        return false;
    g->gaps = (struct gap *)(uintptr_t)out.at;
    g->n_gaps = out.len / sizeof *g->gaps;
    g->cap_gaps = g->n_gaps;
    for (size_t i = 0; i < g->n_gaps / 2; i++) {
        struct gap t = g->gaps[i];

        g->gaps[i] = g->gaps[g->n_gaps - 1 - i];
        g->gaps[g->n_gaps - 1 - i] = t;
    }
    return true;
}

/* The custodians' word for this decision, while it stands; there may be none. */
static bool load_activation(struct engine *g, struct err *e)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(g->b.decision.b, 32, hex);
    return store_each(g->s.store, store_take_blob, &g->activation, e,
                      "SELECT cms FROM decision WHERE incident = ?1 AND state = 'live'"
                      " AND outcome = 'activation'"
                      " AND lower(json_extract(json, '$.decision')) = ?2"
                      " ORDER BY at_us DESC, rowid DESC LIMIT 1",
                      "tt", g->b.incident, hex) &&
           (g->activation.at == NULL || memfd_of_span("smki-activation", g->activation,
                                                      &g->fds[PROTO_PART_ACTIVATION], e));
}

static bool take_secret(void *arg, const struct store_row *row)
{
    struct span *out = arg;
    struct span b = store_blob(row, 0);
    uint8_t *copy = b.len > 0 ? OPENSSL_memdup(b.at, b.len) : NULL;

    if (copy != NULL)
        *out = span_of(copy, b.len);
    return false;
}

/* The Symmetric Key, once it was released for a contingency; there may be none. */
static bool load_symmetric(struct engine *g, struct err *e)
{
    return store_each(g->s.store, take_secret, &g->symmetric, e,
                      "SELECT key FROM symmetric WHERE incident = ?1", "t",
                      g->b.incident) &&
           (g->symmetric.at == NULL || memfd_of_span("smki-symmetric-key", g->symmetric,
                                                     &g->fds[PROTO_PART_SYMMETRIC_KEY], e));
}

static bool open_parts(struct engine *g, struct err *e)
{
    if (!queue_parts(g->s.store, g->b.id, &g->selection, &g->certs, e) ||
        !store_each(g->s.store, store_take_blob, &g->cms, e,
                    "SELECT cms FROM decision WHERE sha256 = ?1", "b",
                    span_of(g->b.decision.b, 32)))
        return false;
    if (g->cms.at == NULL || g->certs.at == NULL)
        return err_set(e, ERR_STORE, "store.failed", "batch %lld: its decision is missing",
                       (long long)g->b.id);
    return memfd_of_span("smki-authority", g->cms, &g->fds[PROTO_PART_AUTHORITY], e) &&
           rosters_open_sealed(g->s.roster_dir, &g->b.roster, &g->fds[PROTO_PART_ROSTER],
                               &g->roster, e) &&
           memfd_of_span("smki-certificates", g->certs, &g->fds[PROTO_PART_CERTIFICATES],
                         e) &&
           load_gaps(g, e) && /* what may have to be waited for is asked for first */
           load_activation(g, e) && load_symmetric(g, e) && load_selection(g, e);
}

static bool open_batch(struct engine *g, struct err *e)
{
    struct warrant_parts p = {.signing = true};
    size_t acb;

    if (!open_parts(g, e))
        return false;
    g->macs = trust_acb_key(g->s.trust, &acb);
    p.cms = g->cms;
    p.certs_pem = g->certs;
    p.roster = &g->roster;
    p.activation = g->activation;
    p.symmetric_key = g->symmetric;
    if (!warrant_open(g->s.trust, &p, now_us(g), &g->w, e))
        return false;
    if (g->s.allowed != NULL && !g->s.allowed(g->s.arg, &g->b, e))
        return false;
    if (g->picked != NULL && g->b.n_rows > 0 &&
        g->picked[g->b.n_rows - 1] >= g->roster.n_rows)
        return err_set(e, ERR_STORE, "store.failed", "batch %lld: its selection is damaged",
                       (long long)g->b.id);
    g->key = X509_get_pubkey(warrant_key_cert(g->w)->x);
    if (g->key == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return true;
}

/* For the story: `status` forgets it with the batch. */
static bool put_count(struct engine *g, struct err *e)
{
    const struct proto_count *c = engine_counted(g);

    return c == NULL || queue_counted(g->s.store, g->b.id, c, e);
}

static bool leave(struct engine *g, enum batch_state to, const char *rule,
                  const char *reason, struct err *e)
{
    static const char *const kinds[BATCH_STATES] = {
        [BATCH_WAITING] = "BATCH_ASKED",   [BATCH_QUEUED] = "BATCH_QUEUED",
        [BATCH_RUNNING] = "BATCH_STARTED", [BATCH_PAUSED] = "BATCH_PAUSED",
        [BATCH_HELD] = "BATCH_HELD",       [BATCH_STOPPED] = "BATCH_STOPPED",
        [BATCH_DONE] = "BATCH_DONE"};
    char text[sizeof e->text];
    const struct proto_count *c = engine_counted(g);

    (void)snprintf(text, sizeof text, "%s", reason);
    plain_tidy(text); /* it may have been cut within a letter on its way here */
    if (!queue_state(g->s.store, g->b.id, to, rule, text, now_us(g), e) || !put_count(g, e))
        return false;
    if (c == NULL)
        return audit_put(g->s.store, now_us(g), kinds[to], g->b.incident,
                         AUDIT_ACTOR_SYSTEM, e, "{s:I,s:s,s:s}", "batch",
                         (long long)g->b.id, "rule", rule, "reason", text);
    return audit_put(g->s.store, now_us(g), kinds[to], g->b.incident, AUDIT_ACTOR_SYSTEM, e,
                     "{s:I,s:s,s:s,s:I,s:I,s:I}", "batch", (long long)g->b.id, "rule", rule,
                     "reason", text, "commands_used", (long long)c->used,
                     "commands_allowed", (long long)c->allowed, "commands_lost",
                     (long long)c->lost);
}

static bool in_transaction(struct engine *g, bool ok, struct err *e)
{
    if (ok && store_commit(g->s.store, e))
        return true;
    store_rollback(g->s.store);
    return false;
}

static bool progress(struct engine *g, bool ok, struct err *e)
{
    if (ok && store_commit_aside(g->s.store, e))
        return true;
    store_rollback(g->s.store);
    return false;
}

bool engine_too_early(const char *rule)
{
    return strcmp(rule, "decision.early") == 0 || strcmp(rule, "activation.early") == 0;
}

/* What the authority does not carry is over; what the machine lacks waits for a person, and
 * so do counters that may have been used. */
static bool leave_unopened(struct engine *g, const struct err *why, struct err *e)
{
    bool counters = strncmp(why->id, "ledger.", 7) == 0;
    bool over = (why->code == ERR_DENIED || why->code == ERR_INPUT) && !counters &&
                !engine_too_early(why->id);
    char reason[QUEUE_TEXT];

    (void)snprintf(reason, sizeof reason, "%s%s%.200s", counters ? why->id : "",
                   counters ? ": " : "", why->text);
    g->b.state = over ? BATCH_STOPPED : BATCH_HELD;
    return leave(g, g->b.state, why->id, reason, e);
}

/* Is there another that goes first? What a batch itself changes is no reason to look again. */
static bool look_around(struct engine *g, struct err *e)
{
    struct batch first;
    bool found;

    if (g->b.n_rows <= QUEUE_SHORT || g->looked == store_stamp(g->s.store))
        return true;
    if (!queue_due(g->s.store, &first, &found, e))
        return false;
    g->looked = store_stamp(g->s.store);
    g->yields = found && first.id != g->b.id;
    return true;
}

bool engine_pick(struct engine *g, bool *busy, struct err *e)
{
    if (g->active && !look_around(g, e))
        return false;
    while (!g->active) {
        struct err why = {0};
        struct batch left;
        bool found;
        bool ok;

        if (!queue_due(g->s.store, &g->b, &found, e))
            return false;
        if (!found) {
            *busy = false;
            return true;
        }
        g->active = true;
        if (open_batch(g, &why)) {
            if (g->b.state == BATCH_RUNNING)
                break;
            ok = store_begin(g->s.store, e) && leave(g, BATCH_RUNNING, "", "", e);
            if (!in_transaction(g, ok, e)) {
                put_down(g);
                return false;
            }
            g->b.state = BATCH_RUNNING;
            if (g->b.started_us == 0)
                g->b.started_us = now_us(g);
            break;
        }
        if (think_later(&why)) { /* its list is being opened */
            put_down(g);
            *busy = false;
            return true;
        }
        if (store_failed(g->s.store)) {
            *e = why;
            put_down(g);
            return false;
        }
        ok = store_begin(g->s.store, e) && leave_unopened(g, &why, e);
        left = g->b;
        put_down(g);
        if (!in_transaction(g, ok, e))
            return false;
        if (g->s.aside != NULL)
            g->s.aside(g->s.arg, &left, &why);
    }
    *busy = true;
    return true;
}

/* --- counters --- */

bool engine_check_mark(struct engine *g, uint64_t token_mark, struct err *e)
{
    return ledger_agrees(g->s.store, &warrant_key_cert(g->w)->eui, token_mark, e);
}

/* Positions that are in nobody's order. */
static uint64_t to_hand_out(const struct engine *g)
{
    uint64_t n = 0;

    for (size_t i = 0; i < g->n_gaps; i++)
        n += (uint64_t)g->gaps[i].last - g->gaps[i].first + 1;
    return n;
}

bool engine_has_rows(const struct engine *g)
{
    return g->n_gaps > 0 && !g->yields;
}

/* What is reserved and not used is lost for good: none for rows that somebody has counters
 * for. */
static uint32_t block_for(const struct engine *g, const struct engine_share *s)
{
    uint64_t rows = to_hand_out(g);
    uint64_t open = rows > s->lent ? rows - s->lent : 0;
    uint64_t share = (open + s->signers - 1) / s->signers;

    if (share < s->least)
        share = open < s->least ? open : s->least;
    if (share > s->most)
        share = s->most;
    return share > g->s.config->counter.block ? g->s.config->counter.block
                                              : (uint32_t)share;
}

bool engine_lease(struct engine *g, const struct engine_share *s, uint64_t *first,
                  uint32_t *n, struct err *e)
{
    const struct config *c = g->s.config;
    const struct eui64 *originator = &warrant_key_cert(g->w)->eui;
    char hex[HEX_LEN(8)];
    bool ok;

    assert(g->active);
    /* never set and never used:
     * a person must say where the sequence begins (GBCS 4.3.1.5) */
    if (!c->counter.has_start) {
        uint64_t mark;
        bool found;

        if (!ledger_mark(g->s.store, originator, &mark, &found, e))
            return false;
        if (!found)
            return err_set(e, ERR_DENIED, "ledger.no-start",
                           "[Counter] Start= is not set and no counter was ever used");
    }
    *n = block_for(g, s);
    if (*n == 0)
        return true;
    if (!store_begin(g->s.store, e))
        return false;
    hex_encode(originator->b, sizeof originator->b, hex);
    ok = ledger_reserve(g->s.store, originator, g->b.id,
                        c->counter.has_start ? c->counter.start : 0, *n, now_us(g), first,
                        e) &&
         audit_put(g->s.store, now_us(g), "COUNTERS_RESERVED", g->b.incident,
                   AUDIT_ACTOR_SYSTEM, e, "{s:I,s:s,s:I,s:I}", "batch", (long long)g->b.id,
                   "originator", hex, "first_counter", (long long)*first, "last_counter",
                   (long long)(*first + *n - 1));
    return progress(g, ok, e);
}

/* --- orders --- */

static bool give_back(struct engine *g, uint32_t first, uint32_t last, struct err *e)
{
    if (g->n_gaps == g->cap_gaps) {
        size_t cap = g->cap_gaps ? 2 * g->cap_gaps : 64;
        struct gap *more = reallocarray(g->gaps, cap, sizeof *more);

        if (more == NULL)
            return err_set(e, ERR_STORE, "store.memory", "out of memory");
        g->gaps = more;
        g->cap_gaps = cap;
    }
    g->gaps[g->n_gaps++] = (struct gap){first, last};
    return true;
}

/* The rows of o from number `from` on;
 * positions between them failed alone and stay set down. */
static bool give_back_rows(struct engine *g, const struct order *o, uint32_t from,
                           struct err *e)
{
    for (uint32_t i = o->sign.n; i > from;) {
        uint32_t last = o->pos[--i];
        uint32_t first = last;

        while (i > from && o->pos[i - 1] == first - 1)
            first = o->pos[--i];
        if (!give_back(g, first, last, e))
            return false;
    }
    return true;
}

static uint32_t row_at(const struct engine *g, uint32_t pos)
{
    return g->picked != NULL ? g->picked[pos] : pos;
}

static void note_failed(struct engine *g, uint32_t pos, uint32_t row, const struct err *why)
{
    struct failed_row *f = &g->failed[g->n_failed++];

    f->pos = pos;
    f->row = row;
    (void)snprintf(f->rule, sizeof f->rule, "%s", why->id);
    (void)snprintf(f->reason, sizeof f->reason, "%.159s", why->text);
    plain_tidy(f->reason);
}

bool engine_order(struct engine *g, uint32_t most, uint64_t counter, struct order *out,
                  bool *found, struct err *e)
{
    assert(g->active && most >= 1 && most <= PROTO_ROWS);
    *found = false;
    if (!warrant_live(g->w, now_us(g), e) ||
        (g->s.allowed != NULL && !g->s.allowed(g->s.arg, &g->b, e)))
        return false;
    out->sign.authority = warrant_authority(g->w)->digest;
    out->sign.counter = counter;
    while (engine_has_rows(g) && !*found) {
        struct gap *gap = &g->gaps[g->n_gaps - 1];
        uint32_t pos = gap->first;
        uint32_t n = 0;

        out->first_pos = pos;
        for (; n < most && pos <= gap->last; pos++) {
            struct roster_row row;
            struct err why;

            if (g->n_failed == FAILED_MAX && !engine_flush(g, true, e))
                return false;
            if (!warrant_row_to_sign(g->w, row_at(g, pos), g->macs, &row, &why)) {
                note_failed(g, pos, row_at(g, pos), &why);
                continue;
            }
            out->sign.rows[n] = row_at(g, pos);
            out->pos[n++] = pos;
        }
        out->span = pos - out->first_pos;
        out->sign.n = n;
        if (pos > gap->last)
            g->n_gaps--;
        else
            gap->first = pos;
        *found = n > 0;
    }
    if (*found)
        g->out++;
    return true;
}

/* Rows from number `from` on: signed perhaps, released never. The ledger does not hold them,
 * and their counters are spent. */
static bool put_lost(struct engine *g, const struct order *o, uint32_t from,
                     const char *why, struct err *e)
{
    char text[sizeof e->text];
    bool ok;

    (void)snprintf(text, sizeof text, "%s", why);
    plain_tidy(text);
    if (!store_begin(g->s.store, e))
        return false;
    ok = audit_put(g->s.store, now_us(g), "ORDER_LOST", g->b.incident, AUDIT_ACTOR_SYSTEM,
                   e, "{s:I,s:i,s:I,s:s}", "batch", (long long)g->b.id, "count",
                   (int)(o->sign.n - from), "first_counter_spent",
                   (long long)(o->sign.counter + from), "reason", text);
    return progress(g, ok, e);
}

bool engine_lost(struct engine *g, const struct order *o, const char *why, struct err *e)
{
    if (!g->active)
        return true;
    assert(g->out > 0);
    g->out--;
    return give_back_rows(g, o, 0, e) && put_lost(g, o, 0, why, e);
}

/* Not one of its signatures is kept, and all of the order is to do again. */
static bool refuse(struct engine *g, const struct order *o)
{
    struct err ignored;

    g->out--;
    (void)give_back_rows(g, o, 0, &ignored);
    return false;
}

EVP_PKEY *engine_key(const struct engine *g)
{
    return g->key;
}

bool engine_expect(struct engine *g, struct engine_answer *a, struct err *e)
{
    const struct proto_sign *asked = &a->o.sign;

    assert(g->active && g->out > 0);
    a->good = false;
    if (a->got.spent > asked->n || a->got.counter != asked->counter) {
        (void)err_set(e, ERR_TOKEN, "token.bad-signature",
                      "the signer answered an order that was not given");
        return refuse(g, &a->o);
    }
    for (uint32_t i = 0; i < a->got.n; i++)
        if (!warrant_digest(g->w, asked->rows[i], asked->counter + i, &a->digests[i], e))
            return refuse(g, &a->o);
    return true;
}

void engine_verify(struct verifier *v, struct engine_answer *a)
{
    bool good[PROTO_ROWS];

    a->good = verify_batch(v, a->digests, a->got.sigs, a->got.n, good) == a->got.n;
}

bool engine_signed(struct engine *g, const struct engine_answer *a, struct err *e)
{
    const struct order *o = &a->o;
    const struct proto_signed *got = &a->got;
    struct slice *sl;

    assert(g->active && g->out > 0 && g->n_staged < STAGED_MAX);
    if (!a->good) {
        (void)err_set(e, ERR_TOKEN, "token.bad-signature",
                      "a signature does not verify with the certificate of key %s",
                      g->b.key);
        return refuse(g, o);
    }
    g->out--;
    if (!give_back_rows(g, o, got->n, e) ||
        (got->stop.code != ERR_NONE && !put_lost(g, o, got->n, got->stop.text, e)))
        return false;
    if (got->n == 0)
        return true;
    sl = &g->staged[g->n_staged++];
    sl->batch = g->b.id;
    sl->pos = o->first_pos;
    sl->span = got->n < o->sign.n ? o->pos[got->n - 1] + 1 - o->first_pos : o->span;
    sl->n = got->n;
    sl->counter = got->counter;
    sl->has_macs = got->maced == 1;
    memcpy(sl->macs, got->macs, got->n * sizeof sl->macs[0]);
    memcpy(sl->rows, o->sign.rows, got->n * sizeof sl->rows[0]);
    memcpy(sl->sigs, got->sigs, got->n * sizeof sl->sigs[0]);
    g->staged_rows += got->n;
    return true;
}

static bool put_slice(struct engine *g, const struct slice *sl, struct err *e)
{
    struct digest d =
        digest_of(span_of(sl->sigs, sl->n * sizeof sl->sigs[0]), (struct span){NULL, 0});
    char sigs[HEX_LEN(32)];
    char rows[HEX_LEN(32)];
    char decision[HEX_LEN(32)];
    char originator[HEX_LEN(8)];

    hex_encode_lower(d.b, 32, sigs);
    d = witness_rows(sl->rows, sl->n);
    hex_encode_lower(d.b, 32, rows);
    hex_encode_lower(g->b.decision.b, 32, decision);
    hex_encode(warrant_key_cert(g->w)->eui.b, 8, originator);
    return ledger_put(g->s.store, sl, e) &&
           audit_put(g->s.store, now_us(g), "BATCH_SIGNED", g->b.incident,
                     AUDIT_ACTOR_SYSTEM, e, "{s:I,s:I,s:i,s:I,s:I,s:s,s:s,s:s,s:s,s:s}",
                     "batch", (long long)sl->batch, "first_row", (long long)sl->rows[0],
                     "count", (int)sl->n, "first_counter", (long long)sl->counter,
                     "last_counter", (long long)(sl->counter + sl->n - 1), "originator",
                     originator, "key", g->b.key, "decision", decision, "rows_sha256", rows,
                     "signatures_sha256", sigs);
}

static bool put_all(struct engine *g, struct err *e)
{
    if (g->n_staged > 0 && !g->commanded &&
        !keys_commanded(g->s.store, &g->b, warrant_authority(g->w), warrant_key_cert(g->w),
                        now_us(g), e))
        return false;
    for (size_t i = 0; i < g->n_staged; i++)
        if (!put_slice(g, &g->staged[i], e))
            return false;
    for (size_t i = 0; i < g->n_failed; i++) {
        const struct failed_row *f = &g->failed[i];

        if (!ledger_fail(g->s.store, g->b.id, f->pos, f->row, f->rule, f->reason, e))
            return false;
    }
    if (g->n_failed > 0 &&
        !audit_put(g->s.store, now_us(g), "ROWS_FAILED", g->b.incident, AUDIT_ACTOR_SYSTEM,
                   e, "{s:I,s:I,s:s,s:s}", "batch", (long long)g->b.id, "count",
                   (long long)g->n_failed, "rule", g->failed[0].rule, "first_reason",
                   g->failed[0].reason))
        return false;
    return queue_progress(g->s.store, g->b.id, g->staged_rows, (int64_t)g->n_failed, e) &&
           put_count(g, e);
}

bool engine_flush(struct engine *g, bool now_, struct err *e)
{
    if (g->n_staged == 0 && g->n_failed == 0)
        return true;
    if (!now_ && g->staged_rows < STAGED_ROWS && g->n_staged < STAGED_MAX &&
        g->n_failed < FAILED_MAX)
        return true;
    if (!store_begin(g->s.store, e) || !progress(g, put_all(g, e), e))
        return false;
    g->commanded = g->commanded || g->n_staged > 0;
    g->b.signed_ += g->staged_rows;
    g->b.failed += (int64_t)g->n_failed;
    g->n_staged = g->n_failed = 0;
    g->staged_rows = 0;
    return true;
}

bool engine_finish(struct engine *g, bool *done, struct err *e)
{
    bool ok;

    *done = false;
    if (!g->active || g->out > 0)
        return true;
    if (g->yields && g->n_gaps > 0) { /* it stays as it is, and its turn comes again */
        if (!engine_flush(g, true, e))
            return false;
        put_down(g);
        return true;
    }
    if (g->n_gaps > 0)
        return true;
    /* the ledger has the last word, not the stack */
    if (!engine_flush(g, true, e))
        return false;
    if (!load_gaps(g, e))
        return think_later(e);
    if (g->n_gaps > 0)
        return true;
    if (!store_begin(g->s.store, e))
        return false;
    ok = leave(g, BATCH_DONE, "", "", e);
    if (!in_transaction(g, ok, e))
        return false;
    put_down(g);
    *done = true;
    return true;
}

bool engine_end(struct engine *g, enum batch_state to, const char *rule, const char *reason,
                struct err *e)
{
    bool ok;

    if (!g->active)
        return true;
    if (!engine_flush(g, true, e) || !store_begin(g->s.store, e))
        return false;
    ok = leave(g, to, rule, reason, e) &&
         (g->out == 0 ||
          audit_put(g->s.store, now_us(g), "ORDERS_VOID", g->b.incident, AUDIT_ACTOR_SYSTEM,
                    e, "{s:I,s:i}", "batch", (long long)g->b.id, "orders", (int)g->out));
    if (!in_transaction(g, ok, e))
        return false;
    put_down(g);
    return true;
}

void engine_drop(struct engine *g)
{
    put_down(g);
}
