/* SPDX-License-Identifier: MIT */
#include "token_kit.h"

#include "p11_generate.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SO_PIN "security-officer"

static const char *const softhsm_at[] = {
    "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so"};

void token_kit_write(const char *name, const char *text, int mode)
{
    kit_text(name, text);
    if (chmod(kit_path(name), (mode_t)mode) != 0)
        kit_broken(name);
}

int token_kit_child(struct token_kit *kit, int (*fn)(struct token_kit *kit, void *arg),
                    void *arg)
{
    int status = -1;
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void)signal(SIGALRM, SIG_DFL); /* check has a handler of its own */
        _exit(fn(kit, arg));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        kit_broken("fork");
    return status;
}

/* Answers of children come through a file. */
static void answer(const void *at, size_t len)
{
    kit_write("answer", at, len);
}

static void ask(struct token_kit *kit, int (*fn)(struct token_kit *, void *), void *arg,
                void *out, size_t len)
{
    FILE *f;

    if (token_kit_child(kit, fn, arg) != 0)
        kit_broken("a child of the set-up failed");
    f = fopen(kit_path("answer"), "r");
    if (f == NULL || fread(out, 1, len, f) != len)
        kit_broken("answer");
    (void)fclose(f);
}

/* --- token --- */

static int init_token(struct token_kit *kit, void *arg)
{
    void *module = dlopen(kit->config.tokens[0].module, RTLD_NOW);
    void *symbol = module == NULL ? NULL : dlsym(module, "C_GetFunctionList");
    CK_RV (*list)(CK_FUNCTION_LIST_PTR_PTR);
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    CK_SESSION_HANDLE h;
    CK_TOKEN_INFO info;
    unsigned char label[32];

    (void)arg;
    if (symbol == NULL)
        return 1;
    memcpy(&list, &symbol, sizeof list);
    memset(label, ' ', sizeof label);
    memcpy(label, kit->config.tokens[0].label, strlen(kit->config.tokens[0].label));
    if (list(&f) != CKR_OK || f->C_Initialize(NULL) != CKR_OK ||
        f->C_GetSlotList(CK_FALSE, slots, &n) != CKR_OK || n != 1 ||
        f->C_InitToken(slots[0], (CK_UTF8CHAR_PTR)(uintptr_t)SO_PIN, strlen(SO_PIN),
                       label) != CKR_OK)
        return 2;
    n = 8;
    if (f->C_Finalize(NULL) != CKR_OK || f->C_Initialize(NULL) != CKR_OK ||
        f->C_GetSlotList(CK_FALSE, slots, &n) != CKR_OK)
        return 3;
    for (CK_ULONG i = 0; i < n; i++) {
        if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK)
            return 4;
        if (!(info.flags & CKF_TOKEN_INITIALIZED))
            continue;
        if (f->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                             &h) != CKR_OK ||
            f->C_Login(h, CKU_SO, (CK_UTF8CHAR_PTR)(uintptr_t)SO_PIN, strlen(SO_PIN)) !=
                CKR_OK ||
            f->C_InitPIN(h, (CK_UTF8CHAR_PTR)(uintptr_t)TOKEN_KIT_PIN,
                         strlen(TOKEN_KIT_PIN)) != CKR_OK ||
            f->C_Finalize(NULL) != CKR_OK)
            return 5;
        answer(info.serialNumber, sizeof info.serialNumber);
        return 0;
    }
    return 6;
}

static void base(struct token_kit *kit)
{
    struct config_token *t = &kit->config.tokens[0];

    memset(kit, 0, sizeof *kit);
    kit_begin();
    if (mkdir(kit_path("tokens"), 0700) != 0 || mkdir(kit_path("state"), 0700) != 0)
        kit_broken("tokens, state");
    token_kit_write("pin", TOKEN_KIT_PIN "\n", 0600);
    config_defaults(&kit->config);
    kit->config.signer.call_timeout_s = 20;
    (void)snprintf(kit->config.signer.state_dir, CONFIG_PATH_MAX, "%s", kit_path("state"));
    kit->config.n_tokens = 1;
    (void)strcpy(t->name, "main");
    (void)snprintf(t->pin_file, sizeof t->pin_file, "%s", kit_path("pin"));
    (void)strcpy(t->probe_id, "FF01");
    (void)strcpy(t->audit_id, "FF02");
    t->workers = t->sessions = 1;
    t->copy_key = true;
    (void)strcpy(t->mark, "token");
    kit->config.n_keys = 2;
    for (size_t i = 0; i < 2; i++) {
        struct config_key *k = &kit->config.keys[i];

        (void)strcpy(k->name, i == 0 ? "recovery" : "acb-ka");
        (void)strcpy(k->token, "main");
        (void)strcpy(k->id, i == 0 ? "01" : "02");
        (void)snprintf(k->certificate, sizeof k->certificate, "%.40s.pem", k->name);
        kit->trust.keys[i].present = true;
        kit->trust.keys[i].cert.n = 1;
        kit->trust.keys[i].cert.at[0].usage =
            i == 0 ? KU_DIGITAL_SIGNATURE : KU_KEY_AGREEMENT;
    }
}

void token_kit_new_mock(struct token_kit *kit)
{
    const char *path = getenv("P11_MOCK");
    struct config_token *t;

    base(kit);
    t = &kit->config.tokens[0];
    if (path == NULL)
        kit_broken("P11_MOCK does not name the mock module");
    (void)snprintf(t->module, sizeof t->module, "%s", path);
    (void)strcpy(t->label, "mock");
    (void)strcpy(t->serial, "0001");
    (void)strcpy(t->mark, "file"); /* it keeps no data objects */
    token_kit_write("pin", "1234\n", 0600);
    kit->config.n_keys = 0;
}

void token_kit_new(struct token_kit *kit)
{
    struct config_token *t;
    char text[400];

    base(kit);
    t = &kit->config.tokens[0];
    for (size_t i = 0; i < sizeof softhsm_at / sizeof softhsm_at[0]; i++)
        if (t->module[0] == '\0' && access(softhsm_at[i], R_OK) == 0)
            (void)strcpy(t->module, softhsm_at[i]);
    (void)snprintf(text, sizeof text,
                   "directories.tokendir = %s\nobjectstore.backend = file\n"
                   "log.level = ERROR\nlibrary.reset_on_fork = true\n",
                   kit_path("tokens"));
    token_kit_write("softhsm2.conf", text, 0600);
    (void)setenv("SOFTHSM2_CONF", kit_path("softhsm2.conf"), 1);
    (void)strcpy(t->label, "rehearsal");
    ask(kit, init_token, NULL, t->serial, 16);
    for (size_t n = 16; n > 0 && t->serial[n - 1] == ' '; n--)
        t->serial[n - 1] = '\0';
    kit->trust.keys[0].cert.at[0].point = token_kit_make_key(
        kit, &(struct token_kit_key){
                 .id = "01", .label = "recovery", .sensitive = true, .sign = true});
    kit->trust.keys[1].cert.at[0].point = token_kit_make_key(
        kit, &(struct token_kit_key){
                 .id = "02", .label = "acb-ka", .sensitive = true, .derive = true});
    kit->probe = token_kit_make_key(
        kit, &(struct token_kit_key){
                 .id = "FF01", .label = "probe", .sensitive = true, .sign = true});
    kit->audit = token_kit_make_key(
        kit, &(struct token_kit_key){
                 .id = "FF02", .label = "audit", .sensitive = true, .sign = true});
}

void token_kit_done(void)
{
    kit_end();
}

/* --- keys --- */

static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};

static int make_key(struct token_kit *kit, void *arg)
{
    const struct token_kit_key *k = arg;
    CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_BBOOL yes = CK_TRUE, sensitive = k->sensitive, extractable = k->extractable,
             sign = k->sign, derive = k->derive;
    uint8_t curve[16], point[128];
    CK_ULONG curve_len = k->p384 ? sizeof p384 : sizeof p11_p256, len = sizeof point;
    char label[40];
    struct session s;
    struct p11_id id;
    struct point out = {{0}};
    CK_OBJECT_HANDLE public, private;

    memcpy(curve, k->p384 ? p384 : p11_p256, curve_len);
    (void)snprintf(label, sizeof label, "%s", k->label);
    if (!session_open(&s, &kit->config, "main", true, &e) ||
        !p11_id_parse(k->id, k->label, &id, &e)) {
        (void)fprintf(stderr, "kit: %s\n", e.text);
        return 1;
    }
    CK_ATTRIBUTE pub[] = {{CKA_TOKEN, &yes, sizeof yes},
                          {CKA_EC_PARAMS, curve, curve_len},
                          {CKA_ID, id.id, id.len},
                          {CKA_LABEL, label, strlen(label)}};
    CK_ATTRIBUTE prv[] = {{CKA_TOKEN, &yes, sizeof yes},
                          {CKA_PRIVATE, &yes, sizeof yes},
                          {CKA_SENSITIVE, &sensitive, sizeof sensitive},
                          {CKA_EXTRACTABLE, &extractable, sizeof extractable},
                          {CKA_SIGN, &sign, sizeof sign},
                          {CKA_DERIVE, &derive, sizeof derive},
                          {CKA_ID, id.id, id.len},
                          {CKA_LABEL, label, strlen(label)}};
    if (s.f->C_GenerateKeyPair(s.anchor, &ec, pub, 4, prv, 8, &public, &private) !=
            CKR_OK ||
        !p11_read(&s, public, CKA_EC_POINT, point, &len, &e))
        return 2;
    if (!k->p384 && !p11_point(point, len, &out))
        return 3;
    session_close(&s);
    answer(out.b, sizeof out.b);
    return 0;
}

struct point token_kit_make_key(struct token_kit *kit, const struct token_kit_key *k)
{
    struct token_kit_key copy = *k;
    struct point out;

    ask(kit, make_key, &copy, out.b, sizeof out.b);
    return out;
}

void token_kit_shim(struct token_kit *kit, const char *plan)
{
    struct config_token *t = &kit->config.tokens[0];
    const char *path = getenv("P11_SHIM");

    if (path == NULL)
        kit_broken("P11_SHIM does not name the shim module");
    (void)setenv("P11_SHIM_MODULE", t->module, 1);
    (void)setenv("P11_SHIM_PLAN", plan, 1);
    (void)snprintf(t->module, sizeof t->module, "%s", path);
}
