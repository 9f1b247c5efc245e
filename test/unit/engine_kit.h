/* SPDX-License-Identifier: MIT
 *
 * engine_kit - an engine on a store, and the desk of desk_kit as its signer: one process,
 * no socket.
 */
#ifndef ENGINE_KIT_H
#define ENGINE_KIT_H

#include "audit.h"
#include "audit_check.h"
#include "desk_kit.h"
#include "engine.h"
#include "verify.h"

static struct engine *engine;
static struct order order;
static uint64_t lease_next, lease_last;
static uint32_t rows_per_order = 100;
static bool (*allowed)(void *arg, const struct batch *b, struct err *e);

static void engine_start(void)
{
    struct engine_setup g = {.store = store,
                             .config = &s.config,
                             .trust = &s.trust,
                             .clock = {desk_kit_now, NULL},
                             .roster_dir = kit_dir,
                             .allowed = allowed};

    OK(engine_new(&g, &engine, &e));
    lease_next = 1;
    lease_last = 0;
}

static void engine_kit_begin(void)
{
    desk_kit_begin();
    s.config.counter.block = 256;
    s.config.counter.has_start = true;
    s.config.counter.start = 1000;
    kit_reopen_store();
    engine_start();
    hello();
}

static void engine_kit_end(void)
{
    engine_free(engine);
    desk_kit_end();
}

/* As after a crash of both processes: what is not on disk is gone. */
static void crash(void)
{
    engine_free(engine);
    kit_reopen_store();
    engine_start();
    desk_kit_restart();
    hello();
}

/* Take this roster, put it where the engine looks for it, sign for it.
 * Attempts are plenty. */
static void use_roster(const char *text)
{
    char name[80];
    char hex[HEX_LEN(32)];

    scene_roster(&s, text);
    scene_set(&s, "attempts", json_integer(9));
    scene_sign(&s, 2);
    hex_encode_lower(s.roster.digest.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_write(name, s.roster_text.at, s.roster_text.len);
}

/* A roster of n ESMEs, their statuses by this; NULL: commissioned. */
static void make_roster(uint32_t n, const char *(*status)(uint32_t row))
{
    size_t cap = (size_t)n * 64 + 64;
    char *text = malloc(cap);
    size_t at = (size_t)snprintf(text, cap, "device,type,status\n");

    for (uint32_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, cap - at, "00DB%012X,ESME,%s\n", i,
                               status != NULL ? status(i) : "commissioned");
    use_roster(text);
    free(text);
}

static void keep_decision(void)
{
    struct digest d = authority_digest();
    char *text = json_dumps(s.doc, JSON_INDENT(2));

    OK(store_run(store, &e,
                 "INSERT INTO decision (sha256, id, incident, outcome, state, supersedes,"
                 " key, cms, json, verdict, at_us, actor) VALUES (?1, ?2, 'I-1',"
                 " 'authorise', 'live', '', 'recovery', ?3, ?4, '[]', 0, 'uid 1')",
                 "btbt", span_of(d.b, 32), json_string_value(json_object_get(s.doc, "id")),
                 s.cms, text));
    free(text);
}

/* A batch of the decision as it stands; n_rows and selection as queue_put has them. */
static int64_t put_batch(uint32_t n_rows, struct span selection)
{
    struct batch b = {.n_rows = n_rows, .state = BATCH_QUEUED};

    (void)strcpy(b.incident, "I-1");
    (void)strcpy(b.key, "recovery");
    (void)strcpy(b.asked_by, "uid 1000");
    b.decision = authority_digest();
    b.roster = s.roster.digest;
    b.originator = s.trust.keys[SCENE_RECOVERY].cert.at[0].eui;
    OK(queue_put(store, &b, selection, s.pem, &e));
    return b.id;
}

static int64_t whole_batch(uint32_t n, const char *(*status)(uint32_t row))
{
    make_roster(n, status);
    keep_decision();
    return put_batch(n, span_of(NULL, 0));
}

/* --- turns --- */

static bool picks(void)
{
    bool busy;

    OK(engine_pick(engine, &busy, &e));
    return busy;
}

static void open_on_desk(void)
{
    int fds[PROTO_FDS];
    uint32_t parts;
    size_t n;

    parts = engine_parts(engine, fds, &n);
    for (size_t i = 0; i < n; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        ck_assert_int_ge(fds[i], 0);
    }
    memset(&in, 0, sizeof in);
    in.type = PROTO_OPEN;
    in.u.open.parts = parts;
    ask_with(fds, n);
    ANSWERED(PROTO_OPENED);
    OK(engine_check_mark(engine, reply.u.opened.mark, &e));
}

/* Pick a batch and open it on the desk. */
static void begin(void)
{
    ck_assert(picks());
    open_on_desk();
    lease_next = 1;
    lease_last = 0;
}

static void lend(void)
{
    uint64_t first;
    uint32_t n;

    OK(engine_lease(engine, 1, &first, &n, &e));
    reserve(first, n);
    ANSWERED(PROTO_RESERVED);
    lease_next = first;
    lease_last = first + n - 1;
}

/* The next order, under counters that are lent; false: nothing to hand out. */
static bool plan(void)
{
    uint64_t left;
    bool found;

    if (lease_next > lease_last)
        lend();
    left = lease_last - lease_next + 1;
    OK(engine_order(engine, left < rows_per_order ? (uint32_t)left : rows_per_order,
                    lease_next, &order, &found, &e));
    if (found)
        lease_next += order.sign.n;
    return found;
}

static void sign_order(void)
{
    memset(&in, 0, sizeof in);
    in.u.sign = order.sign;
    ask(PROTO_SIGN);
}

static bool turn(void)
{
    if (!plan())
        return false;
    sign_order();
    ANSWERED(PROTO_SIGNED);
    OK(engine_signed(engine, &order, &reply.u.signed_, &e));
    OK(engine_flush(engine, false, &e));
    return true;
}

static bool finishes(void)
{
    bool done;

    OK(engine_finish(engine, &done, &e));
    return done;
}

static void run_to_the_end(void)
{
    for (unsigned i = 0; i < 10000; i++)
        if (!turn() && finishes())
            return;
    ck_abort_msg("the batch has no end");
}

/* --- looking --- */

static struct batch batch_now(int64_t id)
{
    struct batch b;

    OK(queue_get(store, id, &b, &e));
    return b;
}

/*
 * The ledger holds each row of the batch exactly once, signed by the key of the
 * certificate, or as failed; no counter is there twice; figures and audit chain say the
 * same.
 */
static void all_is_accounted_for(int64_t id, uint32_t n_rows)
{
    EVP_PKEY *key = X509_get_pubkey(s.trust.keys[SCENE_RECOVERY].cert.at[0].x);
    uint8_t *seen = calloc(n_rows, 1);
    uint8_t *used = calloc(1, 100000);
    struct batch b = batch_now(id);
    struct audit_verdict v;
    struct warrant *w;
    struct slice sl;
    uint64_t pos = 0;
    uint64_t rows = 0;
    int64_t next;
    char *text;
    size_t len;
    bool found;
    FILE *f;

    OK(scene_open(&s, SCENE_NOW, &w, &e));
    for (;;) {
        OK(ledger_next(store, id, (uint32_t)pos, &sl, &found, &e));
        if (!found)
            break;
        ck_assert_uint_ge(sl.pos, pos);
        for (uint32_t i = 0; i < sl.n; i++, rows++) {
            struct digest d;

            ck_assert(!seen[sl.rows[i]]++);
            ck_assert(!used[sl.counter + i]++);
            OK(warrant_digest(w, sl.rows[i], sl.counter + i, &d, &e));
            ck_assert(verify_one(key, &d, &sl.sigs[i]));
        }
        pos = (uint64_t)sl.pos + sl.span;
    }
    ck_assert_int_eq(b.signed_, (int64_t)rows);
    ck_assert_int_eq(b.failed, number("SELECT count(*) FROM failed_row"));
    ck_assert_uint_eq(rows + (uint64_t)b.failed, b.n_rows);
    ck_assert_int_eq(b.state, BATCH_DONE);
    OK(audit_lines(store, 1, 100000, &text, &len, &next, &e));
    f = fmemopen(text, len, "r");
    OK(audit_verify(f, &v, &e));
    ck_assert_uint_eq(v.signed_rows, rows);
    (void)fclose(f);
    free(text);
    warrant_free(w);
    free(seen);
    free(used);
    EVP_PKEY_free(key);
}

static int64_t audited(const char *kind)
{
    int64_t n = 0;
    bool found;
    char like[64];

    (void)snprintf(like, sizeof like, "%%\"kind\":\"%s\"%%", kind);
    OK(store_number(store, &n, &found, &e, "SELECT count(*) FROM audit WHERE line LIKE ?1",
                    "t", like));
    return n;
}

#endif
