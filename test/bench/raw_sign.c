/* SPDX-License-Identifier: MIT
 *
 * raw_sign - C_SignInit and C_Sign and nothing else, with as many processes and sessions as
 * the service uses, and with the key object that it uses.
 *
 *   raw_sign --config FILE --key NAME [--processes N] [--seconds S] [--libp11]
 *
 * --libp11: what a program would do that is written on libp11 and OpenSSL: EVP_PKEY_sign with
 * the token's key, and EVP_PKEY_verify of each signature; one session a process.
 *
 * Module, login and key are found as the signer finds them. Processes log in one after the
 * other, begin together, and sign for S seconds. Prints one line of JSON: signatures a
 * second of all (wall), per second of processor time (cpu), and what signed.
 */
#include "bench.h"
#include "p11_key.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <libp11.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SESSIONS_MAX  64
#define PROCESSES_MAX 64
#define STRIDE        64 /* signatures between two looks at the clock */

static struct config config;
static const struct config_token *token;
static bool by_libp11;

struct told { /* a process to its parent; shorter than PIPE_BUF */
    bool ok, copied;
    char model[33];
    uint64_t n;
    struct bench_time took;
};

struct thread {
    pthread_t id;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE h;
    CK_OBJECT_HANDLE key;
    double seconds;
    uint64_t n;
    CK_RV rv;
};

static void *sign_on(void *arg)
{
    struct thread *t = arg;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    double until = bench_clock(CLOCK_MONOTONIC) + t->seconds;
    CK_BYTE digest[32] = {1};
    CK_BYTE sig[64];

    do {
        for (int k = 0; k < STRIDE && t->rv == CKR_OK; k++) {
            CK_ULONG len = sizeof sig;

            digest[k % 32]++;
            t->rv = t->f->C_SignInit(t->h, &ecdsa, t->key);
            if (t->rv == CKR_OK)
                t->rv = t->f->C_Sign(t->h, digest, sizeof digest, sig, &len);
            t->n++;
        }
    } while (t->rv == CKR_OK && bench_clock(CLOCK_MONOTONIC) < until);
    return NULL;
}

static bool sign_all(struct session *s, CK_OBJECT_HANDLE key, double seconds,
                     struct told *out)
{
    struct thread threads[SESSIONS_MAX] = {0};
    unsigned n = token->sessions;
    struct bench_time from;
    bool ok = true;

    assert(n > 0); /* the configuration was read */
    for (unsigned i = 0; i < n; i++) {
        threads[i] = (struct thread){.f = s->f, .key = key, .seconds = seconds};
        if (s->f->C_OpenSession(s->slot, CKF_SERIAL_SESSION, NULL, NULL, &threads[i].h) !=
            CKR_OK)
            return false;
    }
    from = bench_now();
    for (unsigned i = 1; i < n; i++)
        if (pthread_create(&threads[i].id, NULL, sign_on, &threads[i]) != 0)
            abort();
    (void)sign_on(&threads[0]);
    for (unsigned i = 1; i < n; i++)
        (void)pthread_join(threads[i].id, NULL);
    out->took = bench_since(from);
    for (unsigned i = 0; i < n; i++) {
        out->n += threads[i].n;
        ok = ok && threads[i].rv == CKR_OK;
    }
    return ok;
}

static PKCS11_KEY *libp11_key(struct session *s, const struct config_key *k)
{
    PKCS11_KEY *keys;
    struct p11_id id;
    unsigned n;
    struct err e;

    if (!p11_id_parse(k->id, k->name, &id, &e) ||
        PKCS11_enumerate_keys(s->token, &keys, &n) != 0)
        return NULL;
    for (unsigned i = 0; i < n; i++)
        if (keys[i].id_len == id.len && memcmp(keys[i].id, id.id, id.len) == 0)
            return &keys[i];
    return NULL;
}

static bool sign_and_verify(struct session *s, const struct config_key *k, double seconds,
                            struct told *out)
{
    PKCS11_KEY *key = libp11_key(s, k);
    EVP_PKEY *private = key == NULL ? NULL : PKCS11_get_private_key(key);
    EVP_PKEY *public = key == NULL ? NULL : PKCS11_get_public_key(key);
    EVP_PKEY_CTX *sign = private == NULL ? NULL : EVP_PKEY_CTX_new(private, NULL);
    EVP_PKEY_CTX *verify = public == NULL ? NULL : EVP_PKEY_CTX_new(public, NULL);
    struct bench_time from = bench_now();
    double until = bench_clock(CLOCK_MONOTONIC) + seconds;
    unsigned char digest[32] = {1}, sig[80];
    bool ok = sign != NULL && verify != NULL && EVP_PKEY_sign_init(sign) == 1 &&
              EVP_PKEY_verify_init(verify) == 1;

    while (ok && bench_clock(CLOCK_MONOTONIC) < until)
        for (int i = 0; ok && i < STRIDE; i++, out->n++) {
            size_t len = sizeof sig;

            digest[i % 32]++;
            ok = EVP_PKEY_sign(sign, sig, &len, digest, sizeof digest) == 1 &&
                 EVP_PKEY_verify(verify, sig, len, digest, sizeof digest) == 1;
        }
    out->took = bench_since(from);
    EVP_PKEY_CTX_free(sign);
    EVP_PKEY_CTX_free(verify);
    EVP_PKEY_free(private);
    EVP_PKEY_free(public);
    return ok;
}

static bool ready(struct session *s, const struct config_key *k, struct p11_key *key,
                  struct told *told, struct err *e)
{
    if (!session_open(s, &config, token->name, false, e) ||
        !p11_key_find(s, k->name, k->id, k->label, P11_USE_SIGN, key, e))
        return false;
    told->copied = token->copy_key && !by_libp11 && p11_key_copy(s, key);
    (void)snprintf(told->model, sizeof told->model, "%s", s->model);
    return true;
}

/* One process: says when it is ready, waits for `go` to close, says how it went. */
static int child(const struct config_key *k, double seconds, int out, int go)
{
    struct session s;
    struct p11_key key;
    struct told told = {0};
    struct err e;
    char nothing;

    told.ok = ready(&s, k, &key, &told, &e);
    if (!told.ok)
        (void)fprintf(stderr, "raw_sign: %s [%s]\n", e.text, e.id);
    if (write(out, &told, sizeof told) != (ssize_t)sizeof told || !told.ok)
        return 1;
    (void)!read(go, &nothing, 1);
    told.ok = by_libp11 ? sign_and_verify(&s, k, seconds, &told)
                        : sign_all(&s, key.in_use, seconds, &told);
    session_close(&s);
    return write(out, &told, sizeof told) == (ssize_t)sizeof told && told.ok ? 0 : 1;
}

static bool hear(int fd, struct told *t)
{
    ssize_t n;

    do
        n = read(fd, t, sizeof *t);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *t && t->ok;
}

static int run(const struct config_key *k, unsigned processes, double seconds)
{
    double wall = 0;
    double cpu = 0;
    struct told t = {0};
    int out[2];
    int go[2];

    if (pipe(out) != 0 || pipe(go) != 0)
        return 1;
    for (unsigned i = 0; i < processes; i++) {
        pid_t pid = fork();

        if (pid < 0)
            return 1;
        if (pid == 0) {
            (void)close(go[1]);
            _exit(child(k, seconds, out[1], go[0]));
        }
        if (!hear(out[0], &t))
            return 1;
    }
    (void)close(go[1]);
    for (unsigned i = 0; i < processes; i++) {
        if (!hear(out[0], &t))
            return 1;
        wall += (double)t.n / t.took.wall;
        cpu += (double)t.n / t.took.cpu / processes;
    }
    while (wait(NULL) > 0)
        ;
    (void)printf("{\"wall\":%.1f,\"cpu\":%.1f,\"processes\":%u,\"sessions\":%u,"
                 "\"module\":\"%s\",\"model\":\"%s\",\"object\":\"%s\"}\n",
                 wall, cpu, processes, token->sessions, token->module, t.model,
                 t.copied ? "session key copy" : "token key");
    return 0;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"processes", required_argument, NULL, 'p'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"libp11", no_argument, NULL, 'l'},
                                            {0}};
    const char *path = NULL, *name = NULL;
    unsigned long processes = 1;
    const struct config_key *key;
    double seconds = 1;
    struct err e;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (c == 'c')
            path = optarg;
        else if (c == 'k')
            name = optarg;
        else if (c == 'p')
            processes = strtoul(optarg, NULL, 10);
        else if (c == 'l')
            by_libp11 = true;
        else if (c == 's')
            seconds = strtod(optarg, NULL);
        else
            return 64;
    if (path == NULL || name == NULL || processes < 1 || processes > PROCESSES_MAX)
        return 64;
    if (!config_load(path, true, &config, &e)) {
        (void)fprintf(stderr, "raw_sign: %s [%s]\n", e.text, e.id);
        return 1;
    }
    key = config_key_find(&config, name);
    token = key == NULL ? NULL : config_token_find(&config, key->token);
    if (token == NULL || token->sessions > SESSIONS_MAX) {
        (void)fprintf(stderr, "raw_sign: no key %s\n", name);
        return 1;
    }
    return run(key, (unsigned)processes, seconds);
}
