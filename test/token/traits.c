/* SPDX-License-Identifier: MIT
 *
 * traits - what a module and its token can do, asked without any of our programs.
 *
 *   traits MODULE INIT-ARGS LABEL PIN-FILE
 *
 * One line KEY=VALUE each: serial, ecdsa, ecdh, data, bound, oneuse, sessions, sees,
 * raw (signatures a second, one process, one session, P-256 token key). INIT-ARGS may be
 * empty. Makes objects in the token and takes them away again.
 *
 * `sees` asks two processes: does one that has searched before find what the other makes
 * afterwards (without a new C_Initialize)?
 */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 1.0

static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE h;
static CK_SLOT_ID slot;
static CK_TOKEN_INFO info;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static char label[] = "traits";
static CK_BYTE id[] = {0xfe, 0xed};
static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

#define A(type, v)             \
    {                          \
        type, (v), sizeof *(v) \
    }

static void must(const char *call, CK_RV rv)
{
    if (rv == CKR_OK)
        return;
    (void)fprintf(stderr, "traits: %s: 0x%lx\n", call, rv);
    exit(1);
}

static void load(const char *module)
{
    void *at = dlopen(module, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    void *symbol = at == NULL ? NULL : dlsym(at, "C_GetFunctionList");
    CK_RV (*list)(CK_FUNCTION_LIST_PTR_PTR);

    if (symbol == NULL) {
        (void)fprintf(stderr, "traits: %s\n", dlerror());
        exit(1);
    }
    memcpy(&list, &symbol, sizeof list);
    must("C_GetFunctionList", list(&f));
}

static void log_in(char *init, const char *wanted, const char *pin_file)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK,
                                 .pReserved = *init != '\0' ? init : NULL};
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16;
    char pin[64] = "";
    FILE *from = fopen(pin_file, "re");
    bool found = false;

    if (from == NULL || fgets(pin, sizeof pin, from) == NULL)
        exit(1);
    (void)fclose(from);
    pin[strcspn(pin, "\n")] = '\0';
    must("C_Initialize", f->C_Initialize(&args));
    must("C_GetSlotList", f->C_GetSlotList(CK_TRUE, slots, &n));
    for (CK_ULONG i = 0; i < n && !found; i++) {
        CK_ULONG len = strlen(wanted);

        if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK)
            continue;
        slot = slots[i];
        found = (info.flags & CKF_TOKEN_INITIALIZED) &&
                memcmp(info.label, wanted, len) == 0 &&
                (len == sizeof info.label || info.label[len] == ' ');
    }
    must("token", found ? CKR_OK : CKR_TOKEN_NOT_PRESENT);
    must("C_OpenSession",
         f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h));
    must("C_Login", f->C_Login(h, CKU_USER, (CK_UTF8CHAR_PTR)pin, strlen(pin)));
}

static void say(const char *key, CK_RV rv)
{
    if (rv == CKR_OK)
        (void)printf("%s=yes\n", key);
    else
        (void)printf("%s=no (0x%lx)\n", key, rv);
}

static CK_RV has(CK_MECHANISM_TYPE type, CK_FLAGS flag)
{
    CK_MECHANISM_INFO m;
    CK_RV rv = f->C_GetMechanismInfo(slot, type, &m);

    return rv != CKR_OK ? rv : (m.flags & flag) != 0 ? CKR_OK : CKR_MECHANISM_INVALID;
}

/* --- keys --- */

enum extra { PLAIN, BOUND, ONE_USE }; /* what the template has beside the necessary */

static CK_RV make(enum extra extra, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM_TYPE only[] = {CKM_ECDSA};
    CK_ATTRIBUTE pub[] = {A(CKA_TOKEN, &yes),
                          A(CKA_VERIFY, &yes),
                          A(CKA_EC_PARAMS, &p256),
                          A(CKA_ID, &id),
                          {CKA_LABEL, label, sizeof label - 1}};
    CK_ATTRIBUTE prv[9] = {A(CKA_TOKEN, &yes),
                           A(CKA_PRIVATE, &yes),
                           A(CKA_SENSITIVE, &yes),
                           A(CKA_EXTRACTABLE, &no),
                           A(CKA_SIGN, &yes),
                           A(CKA_ID, &id),
                           {CKA_LABEL, label, sizeof label - 1}};
    CK_ULONG n = 7;

    if (extra == BOUND)
        prv[n++] = (CK_ATTRIBUTE)A(CKA_ALLOWED_MECHANISMS, &only);
    if (extra == ONE_USE)
        prv[n++] = (CK_ATTRIBUTE)A(CKA_DERIVE, &no);
    return f->C_GenerateKeyPair(h, &ec, pub, 5, prv, n, public, private);
}

static void keys(void)
{
    CK_OBJECT_HANDLE public, private;
    const struct {
        const char *key;
        enum extra extra;
    } tried[] = {{"bound", BOUND}, {"oneuse", ONE_USE}};

    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
        CK_RV rv = make(tried[i].extra, &public, &private);

        say(tried[i].key, rv);
        if (rv != CKR_OK)
            continue;
        must("C_DestroyObject", f->C_DestroyObject(h, private));
        must("C_DestroyObject", f->C_DestroyObject(h, public));
    }
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void rate(void)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE public, private;
    CK_BYTE digest[32] = {1}, sig[64];
    double from, until;
    unsigned n = 0;

    must("C_GenerateKeyPair", make(PLAIN, &public, &private));
    from = now();
    until = from + SECONDS;
    do {
        CK_ULONG len = sizeof sig;

        digest[n++ % 32]++;
        must("C_SignInit", f->C_SignInit(h, &ecdsa, private));
        must("C_Sign", f->C_Sign(h, digest, sizeof digest, sig, &len));
    } while (now() < until);
    (void)printf("raw=%.0f\n", n / (now() - from));
    must("C_DestroyObject", f->C_DestroyObject(h, private));
    must("C_DestroyObject", f->C_DestroyObject(h, public));
}

/* --- data objects --- */

static CK_OBJECT_CLASS data = CKO_DATA;

static CK_RV put(CK_OBJECT_HANDLE *out)
{
    CK_ATTRIBUTE a[] = {A(CKA_CLASS, &data),
                        A(CKA_TOKEN, &yes),
                        A(CKA_PRIVATE, &yes),
                        {CKA_APPLICATION, label, sizeof label - 1},
                        {CKA_LABEL, label, sizeof label - 1},
                        {CKA_VALUE, label, sizeof label - 1}};

    return f->C_CreateObject(h, a, sizeof a / sizeof a[0], out);
}

static bool there(CK_OBJECT_HANDLE *out)
{
    CK_ATTRIBUTE a[] = {A(CKA_CLASS, &data), {CKA_LABEL, label, sizeof label - 1}};
    CK_ULONG n = 0;

    must("C_FindObjectsInit", f->C_FindObjectsInit(h, a, 2));
    must("C_FindObjects", f->C_FindObjects(h, out, 1, &n));
    must("C_FindObjectsFinal", f->C_FindObjectsFinal(h));
    return n > 0;
}

/* The other process logs in and searches, says so, waits, searches again. */
static int other(char **argv, int out, int in)
{
    CK_OBJECT_HANDLE o;
    char go = 0;

    load(argv[1]);
    log_in(argv[2], argv[3], argv[4]);
    if (there(&o) || write(out, "r", 1) != 1 || read(in, &go, 1) != 1)
        return 2;
    go = there(&o) ? 'y' : 'n';
    return write(out, &go, 1) == 1 ? 0 : 2;
}

static void sees(int out, int in)
{
    CK_OBJECT_HANDLE o;
    char seen = 0;
    CK_RV rv = put(&o);

    say("data", rv);
    if (rv != CKR_OK || write(out, "g", 1) != 1 || read(in, &seen, 1) != 1)
        seen = 0;
    (void)printf("sees=%s\n", seen == 'y' ? "yes" : seen == 'n' ? "no" : "-");
    if (rv == CKR_OK)
        must("C_DestroyObject", f->C_DestroyObject(h, o));
}

int main(int argc, char **argv)
{
    int there_fd[2], back[2];
    char ready = 0;
    pid_t pid;

    if (argc != 5 || pipe(there_fd) != 0 || pipe(back) != 0)
        return 64;
    pid = fork(); /* before the module is loaded */
    if (pid == 0) {
        (void)close(there_fd[1]);
        _exit(other(argv, back[1], there_fd[0]));
    }
    (void)close(back[1]);
    if (read(back[0], &ready, 1) != 1)
        return 1;
    load(argv[1]);
    log_in(argv[2], argv[3], argv[4]);
    (void)printf("serial=%.16s\n", (const char *)info.serialNumber);
    say("ecdsa", has(CKM_ECDSA, CKF_SIGN));
    say("ecdh", has(CKM_ECDH1_DERIVE, CKF_DERIVE));
    if (info.ulMaxSessionCount == CK_UNAVAILABLE_INFORMATION)
        (void)printf("sessions=unknown\n");
    else if (info.ulMaxSessionCount == CK_EFFECTIVELY_INFINITE)
        (void)printf("sessions=no limit\n");
    else
        (void)printf("sessions=%lu\n", info.ulMaxSessionCount);
    sees(there_fd[1], back[0]);
    keys();
    rate();
    (void)close(there_fd[1]);
    (void)waitpid(pid, NULL, 0);
    if (fflush(stdout) != 0)
        return 1;
    (void)f->C_Finalize(NULL);
    _exit(0); /* no exit handlers: modules crash in theirs */
}
