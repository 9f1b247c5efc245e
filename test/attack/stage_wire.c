/* SPDX-License-Identifier: MIT
 *
 * The signer as a process, and the service's end of its socket.
 */
#include "mem.h"
#include "stage.h"
#include "verify.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>

#define PATIENCE_S 20
#define RUN        50 /* counters reserved by an attempt */

__attribute__((noreturn)) static void broken(const char *what, const struct stage *s)
{
    (void)fprintf(stderr, "stage: %s; %s: %s\n", what, s->rule,
                  s->out.type == PROTO_FAIL ? s->out.u.fail.text : "");
    abort();
}

/* --- the process --- */

static void run_signer(int sock)
{
    const char *program = getenv("SMKI_SIGNER");
    const char *conf = kit_path("recovery.conf");
    int log = open(kit_path("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

    if (program == NULL || log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 ||
        (sock == 3 ? fcntl(3, F_SETFD, 0) != 0 : dup2(sock, 3) != 3))
        _exit(126);
    (void)execl(program, program, "--config", conf, "--fd", "3", (char *)NULL);
    _exit(127);
}

void stage_start(struct stage *s, unsigned peer)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct peer *p = &s->peers[peer];
    int pair[2];

    s->now = peer;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
        setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        broken("socket", s);
    (void)fflush(NULL);
    p->pid = fork();
    if (p->pid < 0)
        broken("fork", s);
    if (p->pid == 0)
        run_signer(pair[1]);
    (void)close(pair[1]);
    p->sock = pair[0];
}

void stage_stop(struct stage *s, unsigned peer)
{
    struct peer *p = &s->peers[peer];
    int status = 0;

    if (p->sock >= 0)
        (void)close(p->sock);
    p->sock = -1;
    if (p->pid > 0 && waitpid(p->pid, &status, 0) != p->pid)
        broken("waitpid", s);
    /* to refuse is one thing, to fall over another; sanitizers end with 1 */
    if (p->pid > 0 &&
        (!WIFEXITED(status) ||
         (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != EX_SOFTWARE &&
          WEXITSTATUS(status) != EX_TEMPFAIL && WEXITSTATUS(status) != EX_CONFIG)))
        s->crashed = true;
    p->pid = 0;
}

int stage_sealed(struct span part, bool seal)
{
    int fd = memfd_create("part", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    if (fd < 0 || write(fd, part.at, part.len) != (ssize_t)part.len ||
        (seal && fcntl(fd, F_ADD_SEALS,
                       F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0))
        abort();
    return fd;
}

/* --- records --- */

static void remember(struct stage *s, const char *rule)
{
    if (s->rule[0] == '\0')
        (void)snprintf(s->rule, sizeof s->rule, "%s", rule);
}

static bool answered(struct stage *s)
{
    int *sock = &s->peers[s->now].sock;
    int fds[PROTO_FDS];
    size_t n = 0;
    bool gone;

    memset(&s->out, 0, sizeof s->out);
    if (*sock < 0) {
        remember(s, "ends");
        return false;
    }
    if (!proto_recv(*sock, &s->out, fds, &n, &gone, &e)) {
        remember(s, gone ? "ends" : "silence");
        (void)close(*sock);
        *sock = -1;
        return false;
    }
    if (s->out.type == PROTO_SIGNED)
        s->came += s->out.u.signed_.n;
    if (s->out.type != PROTO_FAIL)
        return true;
    remember(s, s->out.u.fail.id);
    return false;
}

bool stage_ask(struct stage *s, enum proto_type type, const int fds[], size_t n)
{

    s->in.type = type;
    s->in.seq = ++s->seq;
    if (s->peers[s->now].sock >= 0)
        (void)!proto_send(s->peers[s->now].sock, &s->in, fds, n, &e);
    return answered(s);
}

bool stage_raw(struct stage *s, const void *octets, size_t len)
{
    if (s->peers[s->now].sock >= 0)
        (void)send(s->peers[s->now].sock, octets, len, MSG_NOSIGNAL);
    return answered(s);
}

bool stage_hello(struct stage *s)
{
    memset(&s->in, 0, sizeof s->in);
    (void)strcpy(s->in.u.hello.token, "main");
    return stage_ask(s, PROTO_HELLO, NULL, 0);
}

bool stage_open(struct stage *s)
{
    for (size_t i = 0; i < s->n_fds; i++)
        (void)close(s->fds[i]);
    s->n_fds = 0;
    memset(&s->in, 0, sizeof s->in);
    for (size_t i = 0; i < PROTO_PARTS; i++)
        if (s->given[i].len > 0) {
            s->fds[s->n_fds++] =
                stage_sealed(s->given[i], (s->unsealed & PROTO_PART_BIT(i)) == 0);
            s->in.u.open.parts |= PROTO_PART_BIT(i);
        }
    return stage_ask(s, PROTO_OPEN, s->fds, s->n_fds);
}

bool stage_reserve(struct stage *s, uint64_t first, uint32_t n)
{
    memset(&s->in, 0, sizeof s->in);
    s->in.u.reserve.first = first;
    s->in.u.reserve.n = n;
    return stage_ask(s, PROTO_RESERVE, NULL, 0);
}

static void fill_order(struct stage *s, uint64_t counter)
{
    memset(&s->in, 0, sizeof s->in);
    s->in.u.sign.authority = s->authority;
    s->in.u.sign.counter = counter;
    s->in.u.sign.n = s->n_rows;
    for (uint32_t i = 0; i < s->n_rows; i++)
        s->in.u.sign.rows[i] = s->rows[i];
}

bool stage_order(struct stage *s, uint64_t counter)
{
    fill_order(s, counter);
    return stage_ask(s, PROTO_SIGN, NULL, 0);
}

size_t stage_encode_order(struct stage *s, uint64_t counter, uint8_t *out)
{
    fill_order(s, counter);
    s->in.type = PROTO_SIGN;
    s->in.seq = ++s->seq;
    return proto_encode(&s->in, out);
}

bool stage_revoke(struct stage *s, const struct digest *what)
{
    memset(&s->in, 0, sizeof s->in);
    s->in.u.revoke.authority = *what;
    return stage_ask(s, PROTO_REVOKE, NULL, 0);
}

bool stage_end(struct stage *s, struct span cms)
{
    int fd = stage_sealed(cms, true);
    struct span text;
    bool ok;

    if (!authority_content(cms, &text, &e))
        broken("no document", s);
    memset(&s->in, 0, sizeof s->in);
    s->in.u.revoke.authority = digest_of(text, span_of(NULL, 0));
    free((void *)(uintptr_t)text.at);
    ok = stage_ask(s, PROTO_REVOKE, &fd, 1);
    (void)close(fd);
    return ok;
}

/* --- whole ways --- */

void stage_ready(struct stage *s)
{
    stage_start(s, s->now);
    if (!stage_hello(s) || !stage_open(s) || !stage_reserve(s, s->first, RUN))
        broken("the honest way is barred", s);
}

void stage_ready_until_closed(struct stage *s, void (*close_in)(struct stage *s, long in_s))
{
    const struct timespec tick = {.tv_nsec = 100000000};
    time_t end = 0;
    bool ok = false;

    for (long in_s = 2; !ok && in_s < 100; in_s *= 2) {
        stage_stop(s, s->now);
        s->rule[0] = '\0';
        end = time(NULL) + in_s;
        close_in(s, in_s);
        stage_start(s, s->now);
        ok = stage_hello(s) && stage_open(s);
        s->first += RUN;
        ok = ok && stage_reserve(s, s->first, RUN);
    }
    if (!ok)
        broken("the honest way is barred", s);
    while (time(NULL) <= end)
        (void)nanosleep(&tick, NULL);
}

void stage_honest(struct stage *s)
{
    s->honest = s->came;
}

void stage_go_on(struct stage *s)
{
    (void)stage_open(s);
    (void)stage_reserve(s, s->first, RUN);
    (void)stage_order(s, s->first);
}

void stage_attempt(struct stage *s)
{
    stage_start(s, s->now);
    (void)stage_hello(s);
    stage_go_on(s);
}

size_t stage_signatures(const struct stage *s)
{
    struct stat st;
    size_t used = stat(kit_path("uses"), &st) == 0 ? (size_t)st.st_size : 0;

    used -= s->uses;
    if (used < s->came)
        used = s->came;
    return used - s->honest;
}

bool stage_verify(struct stage *s)
{
    struct warrant_parts parts = {.cms = s->sc.cms,
                                  .certs_pem = s->sc.pem,
                                  .roster = &s->sc.roster,
                                  .activation = s->activation_cms,
                                  .signing = true};
    const struct proto_signed *got = &s->out.u.signed_;
    static struct trust trust;
    AUTO(pkey) EVP_PKEY *key = NULL;
    struct warrant *w = NULL;
    bool ok;

    if (s->out.type != PROTO_SIGNED || !trust_load(&s->sc.config, &trust, &e))
        return false;
    ok = warrant_open(&trust, &parts, (int64_t)time(NULL) * 1000000, &w, &e);
    key = ok ? X509_get_pubkey(warrant_key_cert(w)->x) : NULL;
    for (uint32_t i = 0; ok && i < got->n; i++) {
        struct digest d;

        ok = warrant_digest(w, s->rows[i], got->counter + i, &d, &e) &&
             verify_one(key, &d, &got->sigs[i]);
    }
    warrant_free(w);
    trust_done(&trust);
    return ok;
}
