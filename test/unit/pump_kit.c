/* SPDX-License-Identifier: MIT */
#include "pump_kit.h"

#include "mac.h"
#include "mem.h"
#include "verify.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#define PATIENCE_S 300 /* a busy machine is no fault */

/* The device's key pair is (1, G): what is agreed on is the ACB's own point. */
#define DEVICE_KA "036B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"

struct pump *pump;
static struct engine *engine;
static sd_event *loop;
static struct trust trust;
static struct digest paper;
static struct point acb;
static uint8_t *used; /* counters, in all batches */
static uint32_t next_row, n_rows;
static char conf[256];

#define COUNTERS_MAX 2000000u

size_t pump_kit_size(const char *name)
{
    struct stat st;

    return stat(kit_path(name), &st) == 0 ? (size_t)st.st_size : 0;
}

/* --- papers --- */

static void key(enum scene_key which, const char *id, const char *label, enum role role,
                enum key_usage usage, const struct eui64 *eui)
{
    struct point point = token_kit_make_key(
        &kit, &(struct token_kit_key){.id = id,
                                      .label = label,
                                      .sensitive = true,
                                      .sign = usage == KU_DIGITAL_SIGNATURE,
                                      .derive = usage == KU_KEY_AGREEMENT});

    signer_kit_certify(which, role, eui, usage, &point);
    if (usage == KU_KEY_AGREEMENT)
        acb = point;
}

static void roster(void)
{
    size_t cap = (size_t)n_rows * 128 + 64;
    char *text = malloc(cap);
    char name[HEX_LEN(32) + 4], hex[HEX_LEN(32)];
    size_t at;

    ck_assert_ptr_nonnull(text);
    at = (size_t)snprintf(text, cap, "device,type,status,ka\n");
    for (uint32_t i = 0; i < n_rows; i++)
        at += (size_t)snprintf(text + at, cap - at, "00DB%012X,ESME,commissioned,%s\n", i,
                               DEVICE_KA);
    scene_roster(&scene, text);
    free(text);
    hex_encode_lower(scene.roster.digest.b, 32, hex);
    (void)snprintf(name, sizeof name, "%s.csv", hex);
    kit_write(name, scene.roster_text.at, scene.roster_text.len);
}

static void instruction(void)
{
    struct span json;
    char *text;

    scene_set(&scene, "kind", json_string("instruction"));
    scene_set(&scene, "by", json_string("supplier"));
    scene_set(&scene, "key", json_string("supplier"));
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[SCENE_SUPPLIER].cert));
    scene_set(&scene, "method", json_string("M1"));
    scene_set(&scene, "mode", json_string("supplierBySupplier"));
    scene_set(&scene, "attempts", json_integer(9));
    signer_kit_now();
    scene_sign_by(&scene, scene.org, 1);
    OK(authority_content(scene.cms, &json, &e));
    paper = digest_of(json, span_of(NULL, 0));
    text = json_dumps(scene.doc, JSON_INDENT(2));
    OK(store_run(store, &e,
                 "INSERT INTO decision (sha256, id, incident, outcome, state, supersedes,"
                 " key, cms, json, verdict, at_us, actor) VALUES (?1, 'D-1', 'I-1',"
                 " 'authorise', 'live', '', 'supplier', ?2, ?3, '[]', 0, 'uid 1')",
                 "bbt", span_of(paper.b, 32), scene.cms, text));
    free(text);
    free((void *)(uintptr_t)json.at);
}

static void quiet(void)
{
    int fd = open(kit_path("stderr"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || close(fd) != 0)
        kit_broken("stderr");
}

void pump_kit_begin(uint32_t batches)
{
    const struct eui64 broker = {{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0, 2, 0}};
    const char *program = getenv("SMKI_SIGNER");
    struct config *c = &scene.config;
    sigset_t children;

    if (program == NULL)
        kit_broken("SMKI_SIGNER does not name the signer");
    signer_kit_begin();
    quiet();
    kit_reopen_store();
    next_row = 0;
    n_rows = batches * PUMP_KIT_ROWS;
    used = calloc(1, COUNTERS_MAX);
    ck_assert_ptr_nonnull(used);
    key(SCENE_SUPPLIER, "03", "supplier", ROLE_SUPPLIER, KU_DIGITAL_SIGNATURE,
        &scene.supplier);
    key(SCENE_ACB, "04", "acb", ROLE_ACB, KU_KEY_AGREEMENT, &broker);
    roster();
    instruction();
    token_kit_shim(&kit, "");
    (void)setenv("P11_SHIM_PLAN_FILE", kit_path("plan"), 1);
    (void)setenv("P11_SHIM_LOGIN_FILE", kit_path("logins"), 1);
    (void)setenv("P11_SHIM_SESSION_FILE", kit_path("sessions"), 1);
    /* what nothing here waits for */
    kit.config.signer.probe_interval_s = 86400;
    kit.config.signer.head_interval_s = 86400;
    kit.config.signer.token_lost_s = 86400;
    kit.config.signer.call_timeout_s = 60;
    (void)snprintf(c->service.signer_program, sizeof c->service.signer_program, "%s",
                   program);
    c->counter.block = 256;
    signer_kit_config();
    (void)snprintf(conf, sizeof conf, "%s", kit_path("recovery.conf"));
    OK(trust_load(c, &trust, &e));
    (void)sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &children, NULL), 0);
    ck_assert_int_ge(sd_event_new(&loop), 0);
}

void pump_kit_end(void)
{
    pump_kit_stop();
    (void)sd_event_unref(loop);
    trust_done(&trust);
    free(used);
    signer_kit_end();
}

/* --- the service --- */

void pump_kit_start(void)
{
    struct engine_setup g = {.store = store,
                             .config = &scene.config,
                             .trust = &trust,
                             .clock = clock_system(),
                             .roster_dir = kit_dir};
    struct pump_setup p = {.loop = loop,
                           .config = &scene.config,
                           .config_path = conf,
                           .token = &scene.config.tokens[0],
                           .store = store,
                           .trust = &trust};

    OK(engine_new(&g, &engine, &e));
    p.engine = engine;
    OK(pump_new(&p, &pump, &e));
}

void pump_kit_stop(void)
{
    if (pump == NULL)
        return;
    pump_free(pump);
    pump = NULL;
    engine_free(engine);
}

const struct signer_info *pump_kit_signer(void)
{
    return signers_info(pump_signers(pump), 0);
}

struct batch pump_kit_look(int64_t id)
{
    struct batch b;

    OK(queue_get(store, id, &b, &e));
    return b;
}

static bool goes_on(int64_t id)
{
    enum batch_state s = pump_kit_look(id).state;

    return s == BATCH_QUEUED || s == BATCH_RUNNING;
}

static void turn(time_t until)
{
    const struct signer_info *w = pump_kit_signer();

    if (w->state == SIGNER_DOWN)
        signers_hasten(pump_signers(pump));
    ck_assert_int_ge(sd_event_run(loop, 100000), 0);
    ck_assert_msg(time(NULL) < until, "no end: signer in state %d, %s", (int)w->state,
                  w->trouble);
}

void pump_kit_idle(void)
{
    time_t until = time(NULL) + PATIENCE_S;

    while (pump_kit_signer()->state != SIGNER_READY || pump_kit_signer()->waiting > 0 ||
           engine_batch(engine) != NULL)
        turn(until);
}

int64_t pump_kit_batch(void)
{
    struct batch b = {.n_rows = PUMP_KIT_ROWS, .state = BATCH_QUEUED};
    uint8_t rows[PUMP_KIT_ROWS * 4];

    ck_assert_uint_le(next_row + PUMP_KIT_ROWS, n_rows);
    for (uint32_t i = 0; i < PUMP_KIT_ROWS; i++)
        put_be32(rows + 4 * (size_t)i, next_row++);
    (void)strcpy(b.incident, "I-1");
    (void)strcpy(b.key, "supplier");
    (void)strcpy(b.asked_by, "uid 1000");
    b.decision = paper;
    b.roster = scene.roster.digest;
    b.originator = trust.keys[SCENE_SUPPLIER].cert.at[0].eui;
    OK(queue_put(store, &b, span_of(rows, sizeof rows), scene.pem, &e));
    if (pump != NULL)
        pump_wake(pump);
    return b.id;
}

void pump_kit_settle(int64_t id, unsigned ends)
{
    const struct signer_info *w = pump_kit_signer();
    time_t until = time(NULL) + PATIENCE_S;
    unsigned before = w->restarts;

    while (goes_on(id) && (w->state != SIGNER_DOWN || w->restarts - before < ends))
        turn(until);
}

static void forget(const char *suffix)
{
    char name[80];

    (void)snprintf(name, sizeof name, "state/token-%s.%s", kit.config.tokens[0].serial,
                   suffix);
    (void)unlink(kit_path(name));
}

void pump_kit_forgive(void)
{
    forget("rebuilt");
    forget("wrong-pin");
}

void pump_kit_resume(int64_t id)
{
    if (pump_kit_look(id).state == BATCH_HELD)
        OK(queue_state(store, id, BATCH_QUEUED, "", "", 0, &e));
}

/* --- what left --- */

static bool mac_fits(struct warrant *w, const struct slice *sl, uint32_t i)
{
    AUTO(mac_key) struct mac_key k = {{0}};
    struct mac_secret z;
    uint8_t tag[MAC_LEN];
    struct span inner;

    memcpy(z.b, acb.b + 1, sizeof z.b);
    return sl->has_macs &&
           warrant_command(w, sl->rows[i], sl->counter + i, &sl->sigs[i], &inner, &e) &&
           mac_key_for(inner, &z, &k, &e) && mac_tag(inner, &k, tag, &e) &&
           memcmp(tag, sl->macs[i], sizeof tag) == 0;
}

struct pump_kit_account pump_kit_count(int64_t id)
{
    struct warrant_parts parts = {
        .cms = scene.cms, .certs_pem = scene.pem, .roster = &scene.roster};
    AUTO(pkey) EVP_PKEY *key_of = verify_key(&trust.keys[SCENE_SUPPLIER].cert.at[0].point);
    uint32_t last = n_rows; /* rows of a batch ascend */
    struct pump_kit_account a = {0};
    struct warrant *w;
    struct slice sl;
    uint32_t pos = 0;
    bool found;

    OK(warrant_open(&trust, &parts, (int64_t)time(NULL) * 1000000, &w, &e));
    for (;; pos = sl.pos + sl.span) {
        OK(ledger_next(store, id, pos, &sl, &found, &e));
        if (!found)
            break;
        for (uint32_t i = 0; i < sl.n; i++) {
            struct digest d;
            bool again = sl.counter + i >= COUNTERS_MAX || used[sl.counter + i]++ ||
                         (last != n_rows && sl.rows[i] <= last);

            last = sl.rows[i];
            if (!again && warrant_digest(w, sl.rows[i], sl.counter + i, &d, &e) &&
                verify_one(key_of, &d, &sl.sigs[i]) && mac_fits(w, &sl, i))
                a.rows++;
            else
                a.wrong++;
        }
    }
    warrant_free(w);
    return a;
}
