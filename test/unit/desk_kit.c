/* SPDX-License-Identifier: MIT */
#include "desk_kit.h"

struct token_fake fake_token;
struct token *token;
struct desk *desk;
struct proto in, reply;
int64_t now;
int64_t steady;
int stop[2];
struct engine *engine;
struct order order;
uint64_t lease_next, lease_last;
uint32_t rows_per_order;
bool (*allowed)(void *arg, const struct batch *b, struct err *e);
struct batch put_aside;
struct err put_aside_why;
static uint32_t seq; /* of the record that was asked last */

static int64_t turned_clock(void *arg)
{
    (void)arg;
    return now;
}

static int64_t steady_clock(void *arg)
{
    (void)arg;
    return steady;
}

static bool open_token(void *arg, const struct config *c, const struct trust *t,
                       const char *name, struct token **out, struct err *err)
{
    (void)arg;
    (void)c;
    (void)t;
    if (token == NULL || strcmp(name, "t") != 0)
        return err_set(err, ERR_TOKEN, "token.none", "no token %s", name);
    *out = token;
    return true;
}

bool desk_kit_new(void)
{
    struct desk_setup d = {.config = &scene.config,
                           .trust = &scene.trust,
                           .clock = {turned_clock, NULL},
                           .steady = {steady_clock, NULL},
                           .state_dir = kit_dir,
                           .stop_fd = stop[0],
                           .open_token = open_token};

    return desk_new(&d, &desk, &e);
}

void desk_kit_restart(void)
{
    desk_free(desk);
    desk = NULL;
    OK(desk_kit_new());
}

void desk_kit_begin(void)
{
    EVP_PKEY *keys[SCENE_KEYS];

    papers_kit_begin();
    memset(&in, 0, sizeof in);
    memset(&reply, 0, sizeof reply);
    seq = 0;
    now = SCENE_NOW;
    for (size_t i = 0; i < SCENE_KEYS; i++) {
        keys[i] = scene.keys[i].key;
        (void)strcpy(scene.config.keys[i].token, i == SCENE_ACB ? "other" : "t");
    }
    (void)strcpy(scene.config.tokens[0].name, "t");
    scene.config.tokens[0].sessions = 2;
    scene.config.n_tokens = 1;
    token = token_fake_init(&fake_token, keys, SCENE_KEYS);
    token_fake_audit(&fake_token, scene.audit);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, stop), 0);
    OK(desk_kit_new());
}

void desk_kit_end(void)
{
    desk_free(desk);
    (void)close(stop[0]);
    (void)close(stop[1]);
    papers_kit_end();
}

/* --- asking --- */

int memfd_of(struct span data, int seals)
{
    int fd = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data.at, data.len), (ssize_t)data.len);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

void ask_with(int fds[], size_t n)
{
    in.seq = ++seq;
    desk_take(desk, &in, fds, n);
    ck_assert(desk_give(desk, &reply));
    ck_assert_uint_eq(reply.seq, seq);
}

void ask(enum proto_type type)
{
    in.type = type;
    ask_with(NULL, 0);
}

void hello(void)
{
    memset(&in, 0, sizeof in);
    (void)strcpy(in.u.hello.token, "t");
    ask(PROTO_HELLO);
}

void open_warrant(void)
{
    int fds[3] = {memfd_of(scene.cms, SEALS), memfd_of(scene.roster_text, SEALS),
                  memfd_of(scene.pem, SEALS)};

    memset(&in, 0, sizeof in);
    in.type = PROTO_OPEN;
    in.u.open.parts = PARTS_PLAIN;
    ask_with(fds, 3);
}

void reserve(uint64_t first, uint32_t n)
{
    memset(&in, 0, sizeof in);
    in.u.reserve.first = first;
    in.u.reserve.n = n;
    ask(PROTO_RESERVE);
}

struct digest authority_digest(void)
{
    struct span json;
    struct digest d;

    OK(authority_content(scene.cms, &json, &e));
    d = digest_of(json, span_of(NULL, 0));
    free((void *)(uintptr_t)json.at);
    return d;
}

void sign(uint64_t counter, uint32_t first, uint32_t n)
{
    memset(&in, 0, sizeof in);
    in.u.sign.authority = authority_digest();
    in.u.sign.counter = counter;
    in.u.sign.n = n;
    for (uint32_t i = 0; i < n; i++)
        in.u.sign.rows[i] = first + i;
    ask(PROTO_SIGN);
}

void revoke_it(void)
{
    memset(&in, 0, sizeof in);
    in.u.revoke.authority = authority_digest();
    ask(PROTO_REVOKE);
}

/* --- the engine --- */

static void on_aside(void *arg, const struct batch *b, const struct err *why)
{
    (void)arg;
    put_aside = *b;
    put_aside_why = *why;
}

void engine_start(void)
{
    struct engine_setup g = {.store = store,
                             .config = &scene.config,
                             .trust = &scene.trust,
                             .clock = {turned_clock, NULL},
                             .roster_dir = kit_dir,
                             .allowed = allowed,
                             .aside = on_aside};

    OK(engine_new(&g, &engine, &e));
    lease_next = 1;
    lease_last = 0;
}

void engine_kit_begin(void)
{
    desk_kit_begin();
    memset(&order, 0, sizeof order);
    rows_per_order = 100;
    allowed = NULL;
    put_aside = (struct batch){0};
    scene.config.counter.block = 256;
    scene.config.counter.has_start = true;
    scene.config.counter.start = 1000;
    kit_reopen_store();
    engine_start();
    hello();
}

void engine_kit_end(void)
{
    engine_free(engine);
    desk_kit_end();
}

void crash(void)
{
    engine_free(engine);
    kit_reopen_store();
    engine_start();
    desk_kit_restart();
    hello();
}

void use_roster(const char *text)
{
    char name[80];
    char hex[HEX_LEN(32)];

    scene_roster(&scene, text);
    scene_set(&scene, "attempts", json_integer(9));
    scene_sign(&scene, 2);
    hex_encode_lower(scene.roster.digest.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_write(name, scene.roster_text.at, scene.roster_text.len);
}

const struct lists *kit_lists(void)
{
    static struct list one;
    static const struct lists all = {&one, 1};

    one = (struct list){scene.roster, 1};
    return &all;
}

void make_roster(uint32_t n, const char *(*status)(uint32_t row))
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

void keep_decision(void)
{
    struct digest d = authority_digest();
    char *text = json_dumps(scene.doc, JSON_INDENT(2));

    OK(store_run(store, &e,
                 "INSERT INTO decision (sha256, id, incident, outcome, state, supersedes,"
                 " key, cms, json, verdict, at_us, actor) VALUES (?1, ?2, 'I-1',"
                 " 'authorise', 'live', '', 'recovery', ?3, ?4, '[]', 0, 'uid 1')",
                 "btbt", span_of(d.b, 32),
                 json_string_value(json_object_get(scene.doc, "id")), scene.cms, text));
    free(text);
}

int64_t put_batch(uint32_t n_rows, struct span selection)
{
    struct batch b = {.n_rows = n_rows, .state = BATCH_QUEUED};

    (void)strcpy(b.incident, "I-1");
    (void)strcpy(b.key, "recovery");
    (void)strcpy(b.asked_by, "uid 1000");
    b.decision = authority_digest();
    b.roster = scene.roster.digest;
    b.originator = scene.trust.keys[SCENE_RECOVERY].cert.at[0].eui;
    OK(queue_put(store, &b, selection, scene.pem, &e));
    return b.id;
}

int64_t whole_batch(uint32_t n, const char *(*status)(uint32_t row))
{
    make_roster(n, status);
    keep_decision();
    return put_batch(n, span_of(NULL, 0));
}

/* --- turns --- */

bool picks(void)
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

void begin_batch(void)
{
    ck_assert(picks());
    open_on_desk();
    lease_next = 1;
    lease_last = 0;
}

void lend(void)
{
    const struct engine_share share = {.signers = 1, .least = 512, .most = UINT32_MAX};
    uint64_t first;
    uint32_t n;

    OK(engine_lease(engine, &share, &first, &n, &e));
    if (n == 0)
        return;
    reserve(first, n);
    ANSWERED(PROTO_RESERVED);
    lease_next = first;
    lease_last = first + n - 1;
}

bool plan(void)
{
    uint64_t left;
    bool found;

    if (lease_next > lease_last)
        lend();
    if (lease_next > lease_last)
        return false;
    left = lease_last - lease_next + 1;
    OK(engine_order(engine, left < rows_per_order ? (uint32_t)left : rows_per_order,
                    lease_next, &order, &found, &e));
    if (found)
        lease_next += order.sign.n;
    return found;
}

void sign_order(void)
{
    memset(&in, 0, sizeof in);
    in.u.sign = order.sign;
    ask(PROTO_SIGN);
}

bool answer_kept(const struct order *o, const struct proto_signed *got)
{
    static struct verifier *v;
    static EVP_PKEY *of;
    static struct engine_answer a;

    a.o = *o;
    a.got = *got;
    if (!engine_expect(engine, &a, &e))
        return false;
    if (of != engine_key(engine)) {
        verify_free(v);
        EVP_PKEY_free(of);
        of = engine_key(engine);
        (void)EVP_PKEY_up_ref(of);
        OK(verify_new(of, &v, &e));
    }
    engine_verify(v, &a);
    return engine_signed(engine, &a, &e);
}

bool turn(void)
{
    if (!plan())
        return false;
    sign_order();
    ANSWERED(PROTO_SIGNED);
    lease_next = order.sign.counter + reply.u.signed_.spent;
    OK(answer_kept(&order, &reply.u.signed_));
    OK(engine_flush(engine, false, &e));
    return true;
}

bool finishes(void)
{
    bool done;

    OK(engine_finish(engine, &done, &e));
    return done;
}

void run_to_the_end(void)
{
    for (unsigned i = 0; i < 10000; i++)
        if (!turn() && finishes())
            return;
    ck_abort_msg("the batch has no end");
}

/* --- looking --- */

struct batch batch_now(int64_t id)
{
    struct batch b;

    OK(queue_get(store, id, &b, &e));
    return b;
}

void all_is_accounted_for(int64_t id, uint32_t n_rows)
{
    EVP_PKEY *key = X509_get_pubkey(scene.trust.keys[SCENE_RECOVERY].cert.at[0].x);
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

    OK(scene_open(&scene, SCENE_NOW, &w, &e));
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
    OK(kit_trail_verifies(f, &v));
    ck_assert_uint_eq(v.signed_rows, rows);
    (void)fclose(f);
    free(text);
    warrant_free(w);
    free(seen);
    free(used);
    EVP_PKEY_free(key);
}

int64_t audited(const char *kind)
{
    int64_t n = 0;
    bool found;
    char like[64];

    (void)snprintf(like, sizeof like, "%%\"kind\":\"%s\"%%", kind);
    OK(store_number(store, &n, &found, &e, "SELECT count(*) FROM audit WHERE line LIKE ?1",
                    "t", like));
    return n;
}
